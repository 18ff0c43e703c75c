"""Front: what the work screen looks like and what its keys do, before any engine is there."""

from __future__ import annotations

import sys
from abc import abstractmethod
from collections.abc import Callable, Coroutine
from typing import Any, ClassVar, Final

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.screen import Screen
from textual.widgets import Footer

from handinger_tui.core.errors import HandingerError
from handinger_tui.ui.commands import COMMANDS, Context, beginning, command_named, refusal
from handinger_tui.ui.keys import Where, bindings
from handinger_tui.ui.launch import Connection, Launch
from handinger_tui.ui.panels.messages import CopyLink, OpenLink, SaveFile
from handinger_tui.ui.screens.desk import Desk
from handinger_tui.ui.screens.stage import WorkStage
from handinger_tui.ui.transcript.view import Transcript
from handinger_tui.ui.widgets.header import HeaderLine
from handinger_tui.ui.widgets.pane import SessionPane
from handinger_tui.ui.widgets.prompt import PromptBox
from handinger_tui.ui.widgets.side import Side, panel_keys

LEAVE_WITHIN_MS: Final = 2000
WIDE: Final = 100
"""From this many columns on the panels stand beside the transcript."""


class NotYet(HandingerError):
    """The connection is not there yet."""


class Frontage(Screen[None]):
    """Header, session, panels, footer; the key table's actions."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Where.ANYWHERE, Where.TRANSCRIPT), *panel_keys()]
    AUTO_FOCUS = "#prompt"

    def __init__(self, launch: Launch, now_ms: Callable[[], int]) -> None:
        super().__init__()
        self.HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (WIDE, "-wide")]
        self.launch = launch
        self.commands = COMMANDS
        self.desk: Desk | None = None
        self.stage = WorkStage(self, now_ms)
        self.pane = SessionPane(beginning, local=launch.local, id="pane")
        self.side = Side(id="side")
        self.now_ms = now_ms
        self.header = HeaderLine(local=launch.local, id="header")
        self._pressed_ms: int | None = None

    def compose(self) -> ComposeResult:
        """The layout of product.md, section 4."""
        yield self.header
        with Horizontal(id="body"):
            yield self.pane
            yield self.side
        yield Footer(show_command_palette=False)

    @property
    def prompt(self) -> PromptBox:
        """The box that is typed into."""
        return self.pane.prompt

    @property
    def transcript(self) -> Transcript:
        """The session as text."""
        return self.pane.transcript

    @property
    def at_work(self) -> Desk:
        """The desk.

        Raises:
            NotYet: still connecting.
        """
        if self.desk is None:
            raise NotYet("Still connecting.", "Your text stays here.")
        return self.desk

    @property
    def connection(self) -> Connection:
        """What the program is connected to."""
        return self.at_work.connection

    # -- doing -------------------------------------------------------------------------------
    @work(group="do")
    async def do(self, deed: Coroutine[Any, Any, None]) -> None:
        """The one place where the screen catches: whatever goes wrong is said."""
        try:
            await deed
        except HandingerError as problem:
            self.stage.say(f"{problem.summary} {problem.hint}", "error")

    def action_command(self, name: str, rest: str = "") -> None:
        """Run a command of the table, as if it had been typed."""
        self.do(self.run_command(name, rest))

    async def run_command(self, name: str, rest: str) -> None:
        """Run a command by its very name, or refuse it with a suggestion."""
        command = command_named(name)
        if command is None:
            self.stage.say(refusal(name), "warning")
        else:
            await command.run(Context(lambda: self.at_work, self.stage, rest))

    # -- keys ----------------------------------------------------------------------------------
    @property
    def something_open(self) -> bool:
        """Esc has something to close."""
        return self.pane.open or self.side.has_class("-over")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys that work only now and then are shown only then."""
        if action == "suspend":
            return sys.platform != "win32"
        if action == "command" and parameters == ("detach",):
            return self.desk is not None and self.desk.session.busy and not self.something_open
        return True

    def action_back(self) -> None:
        """Close the topmost thing, else go back to the prompt."""
        if self.side.has_class("-over"):
            self.side.remove_class("-over")
        elif self.pane.open:
            self.pane.close_one()
        self.prompt.focus()

    def action_scroll(self, where: str) -> None:
        """Scroll the transcript, wherever the focus is."""
        view = self.transcript
        steps: dict[str, Callable[[], None]] = {
            "page_up": lambda: view.scroll_page_up(animate=False),
            "page_down": lambda: view.scroll_page_down(animate=False),
            "home": lambda: view.scroll_home(animate=False),
            "end": view.follow,
        }
        steps[where]()

    def action_transcript(self, deed: str) -> None:
        """Move its cursor, or from match to match."""
        view = self.transcript
        deeds: dict[str, Callable[[], None]] = {
            "cursor_next": view.cursor_next,
            "cursor_previous": view.cursor_previous,
            "find_next": view.find_next,
            "find_previous": view.find_previous,
        }
        deeds[deed]()

    def action_clear(self) -> None:
        """Copy a selection; else clear the prompt, keeping its text in the history; else leave."""
        # Behind the letters that still wait in the queue of the box.
        self.prompt.call_later(self._clear)

    def _clear(self) -> None:
        selected = self.get_selected_text()
        now = self.now_ms()
        if selected:
            self.stage.copy(selected, "the selection")
            self.clear_selection()
        elif self.prompt.text:
            self.prompt.remember(self.prompt.text)
            self.prompt.put("")
            self.stage.say("Cleared. ↑ brings it back.")
        elif self._pressed_ms is not None and now - self._pressed_ms <= LEAVE_WITHIN_MS:
            self.do(self.stage.leave())
        else:
            self._pressed_ms = now
            self.stage.say("Press ^C again to leave.")

    def action_leave_if_empty(self) -> None:
        """Leave from an empty prompt; else delete the sign to the right, as shells do."""
        self.prompt.call_later(self._leave_if_empty)

    def _leave_if_empty(self) -> None:
        if self.prompt.text:
            self.prompt.action_delete_right()
        else:
            self.do(self.stage.leave())

    def action_suspend(self) -> None:
        """Back to the shell."""
        self.app.action_suspend_process()

    def action_copy_current(self) -> None:
        """What the cursor stands on, else the newest answer."""
        text = self.transcript.copy_current()
        if text:
            self.stage.copy(text, "this part" if self.transcript.copyable_at_cursor() else "the last answer")

    # -- panels ----------------------------------------------------------------------------------
    def toggle_panels(self) -> None:
        """Beside on wide terminals, above on narrow ones."""
        self.side.toggle_class("-over" if self.has_class("-narrow") else "-away")
        self.panels_changed()

    def show_panel(self, name: str) -> None:
        """Bring a panel into sight and into focus."""
        self.side.set_class(self.has_class("-narrow"), "-over")
        self.side.remove_class("-away")
        self.panels_changed()
        self.side.panels[name].focus()

    def action_panel(self, name: str) -> None:
        """The key of one panel."""
        self.show_panel(name)

    # -- for the screen with an engine -------------------------------------------------------------
    @abstractmethod
    def panels_changed(self) -> None:
        """Panels came into sight or went: what they show may be old."""

    @abstractmethod
    async def arrive(self, waiting: list[str]) -> None:
        """Show the session the desk stands on; `waiting`: prompts that were never sent."""

    @abstractmethod
    async def keep_draft(self) -> None:
        """What is typed goes to disk."""

    @abstractmethod
    def refresh_budget(self) -> None:
        """The budget has changed."""

    # -- wishes of panels and transcript -----------------------------------------------------------
    @on(Transcript.LinkClicked)
    def _link(self, event: Transcript.LinkClicked) -> None:
        self.do(self.stage.open(event.href, event.shown))

    @on(OpenLink)
    def _open(self, event: OpenLink) -> None:
        self.do(self.stage.open(event.url, event.shown))

    @on(CopyLink)
    def _copy(self, event: CopyLink) -> None:
        self.stage.copy(event.url, "the link")

    @on(SaveFile)
    def _save(self, event: SaveFile) -> None:
        self.do(self.stage.save(event.part))
