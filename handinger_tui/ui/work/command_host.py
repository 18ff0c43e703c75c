"""What commands may do to the work screen."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from textual.command import CommandPalette
from textual.notifications import SeverityLevel
from textual.screen import Screen

from handinger_tui.core.formatting import plural
from handinger_tui.core.safety.cleaning import Verdict, clean_line, judge_link
from handinger_tui.core.turns.turn import FilePart
from handinger_tui.ui.panels.sources.panel import SourcesPanel
from handinger_tui.ui.terminal.diff_app import DiffApp
from handinger_tui.ui.themes import THEMES, by_name

if TYPE_CHECKING:
    from handinger_tui.ui.work.screen import Footing


class TerminalActions:
    """The part of the stage that paints."""

    def __init__(self, screen: Footing, now_ms: Callable[[], int]) -> None:
        self._screen = screen
        self.now_ms = now_ms

    def redraw(self) -> None:
        """Something else wrote on the terminal."""
        app = self._screen.app
        if isinstance(app, DiffApp):
            app.redraw()

    def repair_answer(self) -> None:
        """Write the transcript whole: what else wrote on the terminal meanwhile is gone from it.

        It also stands there in one piece for whatever follows the terminal's bytes, as recorders do.
        """
        app = self._screen.app
        if isinstance(app, DiffApp):
            app.repair(self._screen.transcript)

    def use_theme(self, name: str) -> str | None:
        """One of ours by name, or the other one."""
        app = self._screen.app
        other = next(theme.name for theme in THEMES if theme.dark is not app.current_theme.dark)
        wanted = by_name(name) if name else other
        if wanted is not None:
            app.theme = wanted
        return wanted


Answer = TypeVar("Answer")
LINK_NEEDS_A_LOOK = "This link may not lead where it seems to"


class CommandHost(TerminalActions):
    """Implements `commands.command.Stage` on the one work screen."""

    def __init__(self, screen: Footing, now_ms: Callable[[], int]) -> None:
        super().__init__(screen, now_ms)
        self.drafting = screen.drafting
        self._editing = False

    # -- words and dialogs -----------------------------------------------------------------
    def say(self, text: str, severity: SeverityLevel = "information") -> None:
        """One passing line; never markup."""
        self._screen.notify(clean_line(text, 400), severity=severity, markup=False)

    async def ask(self, screen: Screen[Answer]) -> Answer | None:
        """Show a dialog and wait for its answer."""
        return await self._screen.app.push_screen_wait(screen)

    def show_help(self) -> None:
        """Keys and commands."""
        from handinger_tui.ui.dialogs.help import HelpScreen  # noqa: PLC0415 - once it is asked for

        self._screen.app.push_screen(HelpScreen(self._screen.commands, self._screen.launch.keys))

    def show_palette(self) -> None:
        """Every command, to search."""
        self._screen.app.push_screen(CommandPalette())

    # -- the session -----------------------------------------------------------------------
    async def switch(self, opening: Callable[[], Awaitable[str]], doing: str = "") -> str:
        """Show the session whose id `opening` returns; "" when another one was asked for meanwhile."""
        return await self._screen.switch(opening, doing)

    async def leave(self) -> None:
        """Keep the draft, read what today took, then leave."""
        from handinger_tui.ui.work.farewell import read_day  # noqa: PLC0415 - at the very end

        await self._screen.keep_draft()
        if self._screen.desk is not None:
            await read_day(self._screen.desk)
        self._screen.app.exit()

    # -- the prompt ------------------------------------------------------------------------
    def put(self, text: str) -> None:
        """Replace the text, keeping the old one in the history."""
        prompt = self._screen.prompt
        if prompt.text != text:
            prompt.remember(prompt.text)
        prompt.put(text)
        prompt.focus()

    def typed(self) -> str:
        """The text of the prompt."""
        return self._screen.prompt.text

    def past(self) -> list[str]:
        """The messages sent before."""
        return list(self._screen.prompt.past)

    def refresh(self) -> None:
        """Paint the session again."""
        self._screen.panels_changed()

    def refresh_budget(self) -> None:
        """Show the budget of the desk."""
        self._screen.refresh_budget()

    async def edit(self, text: str) -> str | None:
        """Hand the terminal to $VISUAL or $EDITOR; turns go on meanwhile.

        Raises:
            EditorProblem: the text is unchanged.
        """
        from handinger_tui.ui.work.external_editor import edit  # noqa: PLC0415 - few use an editor

        app = self._screen.app
        if self._editing or not isinstance(app, DiffApp):
            return None
        self._editing = True
        try:
            return await edit(app, text)
        finally:
            self._editing = False

    # -- what is seen ------------------------------------------------------------------------
    def copy(self, text: str, what: str) -> None:
        """To the clipboard, by the terminal (OSC 52)."""
        self._screen.app.copy_to_clipboard(text)
        self.say(f"Copied {what} ({len(text):,} characters) through the terminal.")

    def show_panel(self, name: str) -> None:
        """Bring a panel into sight and into focus."""
        self._screen.show_panel(name)

    def toggle_panels(self) -> None:
        """Show or hide the panels."""
        self._screen.toggle_panels()

    def widen_panels(self, by: int) -> None:
        """More cells for the panels, or fewer."""
        self._screen.side.widen(by)

    def toggle_details(self) -> None:
        """Fold or unfold."""
        self._screen.transcript.toggle_details()

    def find(self, text: str) -> None:
        """Find, and let n and N go on from there."""
        found = self._screen.transcript.find(text)
        if found:
            self._screen.browse(self._screen.transcript)
        self.say(f"Found {plural(found, 'time')}. n and N go on." if found else "Not found in this session.")

    def sources(self) -> SourcesPanel:
        """The panel of sources, up to date though it may be out of sight."""
        panel = self._screen.side.sources
        panel.show(self._screen.at_work.session)
        return panel

    # -- the outside -------------------------------------------------------------------------
    async def save(self, parts: Sequence[FilePart]) -> None:
        """Download files, one after the other."""
        await self._screen.filing.save(parts)

    def preview(self, part: FilePart) -> None:
        """Show a file inside the program."""
        self._screen.filing.preview(part)

    async def open(self, url: str, shown: str | None = None) -> None:
        """Judge a link from outside, then open it, ask, or refuse."""
        link = judge_link(url, shown)
        if link.verdict is Verdict.REFUSE:
            self.say(f"Not opened: {link.reason}.", "warning")
            return
        if link.verdict is Verdict.ASK:
            from handinger_tui.ui.dialogs.confirm import Confirm  # noqa: PLC0415 - once there is a question

            host = f"It leads to the host {link.host}.\n" if link.host else ""
            body = f"{host}Reason to look: {link.reason}.\n\n{clean_line(link.url, len(link.url) + 1)}"
            if not await self.ask(Confirm(LINK_NEEDS_A_LOOK, body, yes="Open it", no="Leave it")):
                return
        if not await self._screen.connection.open_link(link.url):
            self.copy(link.url, "the link, since there is no browser here")
