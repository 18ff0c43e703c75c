"""The operations on the work screen that slash commands use."""

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
    from handinger_tui.ui.work.screen import BaseWorkScreen


class TerminalActions:
    """Operations on the whole terminal: repaint and theme."""

    def __init__(self, screen: BaseWorkScreen, now_ms: Callable[[], int]) -> None:
        self._screen = screen
        self.now_ms = now_ms

    def redraw(self) -> None:
        """Repaint the whole screen, after something else wrote to the terminal."""
        app = self._screen.app
        if isinstance(app, DiffApp):
            app.redraw()

    def repair_answer(self) -> None:
        """Repaint all of the transcript, over anything that another program wrote to the terminal.

        A recorder of the terminal's bytes then also gets the answer in one piece.
        """
        app = self._screen.app
        if isinstance(app, DiffApp):
            app.repair(self._screen.transcript)

    def use_theme(self, name: str) -> str | None:
        """Switch to a theme by name, "" for the other one; returns its full name, None if unknown."""
        app = self._screen.app
        other = next(theme.name for theme in THEMES if theme.dark is not app.current_theme.dark)
        full_name = by_name(name) if name else other
        if full_name is not None:
            app.theme = full_name
        return full_name


Answer = TypeVar("Answer")
SUSPICIOUS_LINK = "This link may not lead where it seems to"


class CommandHost(TerminalActions):
    """Implements `commands.command.Stage` on the work screen."""

    def __init__(self, screen: BaseWorkScreen, now_ms: Callable[[], int]) -> None:
        super().__init__(screen, now_ms)
        self.composer = screen.composer
        self._is_editing = False

    # -- messages and dialogs -----------------------------------------------------------------
    def say(self, text: str, severity: SeverityLevel = "information") -> None:
        """Show a notification. The text is never parsed as markup."""
        self._screen.notify(clean_line(text, 400), severity=severity, markup=False)

    async def ask(self, screen: Screen[Answer]) -> Answer | None:
        """Show a dialog and wait for its answer."""
        return await self._screen.app.push_screen_wait(screen)

    def show_help(self) -> None:
        """Show the help screen."""
        from handinger_tui.ui.dialogs.help import HelpScreen  # noqa: PLC0415 - once it is asked for

        self._screen.app.push_screen(HelpScreen(self._screen.commands, self._screen.options.keys))

    def show_palette(self) -> None:
        """Open the command palette."""
        self._screen.app.push_screen(CommandPalette())

    # -- the session -----------------------------------------------------------------------
    async def switch(self, opening: Callable[[], Awaitable[str]], doing: str = "") -> str:
        """Show the session whose id `opening` returns.

        Returns that id, "" when a later call superseded this one.
        """
        return await self._screen.switch(opening, doing)

    async def leave(self) -> None:
        """Save the draft, read the total of the day, then end the app."""
        from handinger_tui.ui.work.farewell import read_day  # noqa: PLC0415 - at the very end

        await self._screen.save_draft()
        if self._screen.desk is not None:
            await read_day(self._screen.desk)
        self._screen.app.exit()

    # -- the prompt ------------------------------------------------------------------------
    def put(self, text: str) -> None:
        """Replace the text of the prompt; the old text goes to the prompt history."""
        prompt = self._screen.prompt
        if prompt.text != text:
            prompt.remember(prompt.text)
        prompt.put(text)
        prompt.focus()

    def typed(self) -> str:
        """The text of the prompt."""
        return self._screen.prompt.text

    def past(self) -> list[str]:
        """The prompt history, oldest first."""
        return list(self._screen.prompt.past)

    def refresh(self) -> None:
        """Repaint the session."""
        self._screen.panels_changed()

    def refresh_budget(self) -> None:
        """Show the budget of the next turns."""
        self._screen.refresh_budget()

    async def edit(self, text: str) -> str | None:
        """Edit `text` in $VISUAL or $EDITOR, which gets the terminal. Turns continue while it runs.

        None: an editor is open already, or this app cannot lend the terminal.

        Raises:
            EditorProblem: the editor failed; the text is unchanged.
        """
        from handinger_tui.ui.work.external_editor import edit  # noqa: PLC0415 - few use an editor

        app = self._screen.app
        if self._is_editing or not isinstance(app, DiffApp):
            return None
        self._is_editing = True
        try:
            return await edit(app, text)
        finally:
            self._is_editing = False

    # -- the view ----------------------------------------------------------------------------
    def copy(self, text: str, what: str) -> None:
        """Copy `text` to the clipboard through the terminal (OSC 52).

        `what` describes it in the notification.
        """
        self._screen.app.copy_to_clipboard(text)
        self.say(f"Copied {what} ({len(text):,} characters) through the terminal.")

    def show_panel(self, name: str) -> None:
        """Show a panel and focus it."""
        self._screen.show_panel(name)

    def toggle_panels(self) -> None:
        """Show or hide the panels."""
        self._screen.toggle_panels()

    def widen_panels(self, by: int) -> None:
        """Widen the panels by `by` cells; a negative number narrows them."""
        self._screen.side.widen(by)

    def toggle_details(self) -> None:
        """Fold or unfold thoughts and tool calls."""
        self._screen.transcript.toggle_details()

    def find(self, text: str) -> None:
        """Find text in the transcript and browse it, where n and N go to other matches."""
        count = self._screen.transcript.find(text)
        if count:
            self._screen.browse(self._screen.transcript)
        self.say(f"Found {plural(count, 'time')}. n and N go on." if count else "Not found in this session.")

    def sources(self) -> SourcesPanel:
        """The sources panel, updated even if it is hidden."""
        panel = self._screen.side.sources
        panel.show(self._screen.at_work.session)
        return panel

    # -- files and links ---------------------------------------------------------------------
    async def save(self, parts: Sequence[FilePart]) -> None:
        """Download files one after the other."""
        await self._screen.file_actions.save(parts)

    def preview(self, part: FilePart) -> None:
        """Preview a file in the program."""
        self._screen.file_actions.preview(part)

    async def open(self, url: str, shown: str | None = None) -> None:
        """Judge an untrusted link, then open it, ask first, or refuse."""
        link = judge_link(url, shown)
        if link.verdict is Verdict.REFUSE:
            self.say(f"Not opened: {link.reason}.", "warning")
            return
        if link.verdict is Verdict.ASK:
            from handinger_tui.ui.dialogs.confirm import Confirm  # noqa: PLC0415 - once there is a question

            host = f"It leads to the host {link.host}.\n" if link.host else ""
            body = f"{host}Reason to look: {link.reason}.\n\n{clean_line(link.url, len(link.url) + 1)}"
            if not await self.ask(Confirm(SUSPICIOUS_LINK, body, yes="Open it", no="Leave it")):
                return
        if not await self._screen.connection.open_link(link.url):
            self.copy(link.url, "the link, since there is no browser here")
