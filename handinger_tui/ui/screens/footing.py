"""Footing: what the work screen stands on: its widgets, its desk, and what panels and transcript ask for."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

from textual import on, work
from textual.app import ComposeResult
from textual.screen import Screen
from textual.widget import Widget

from handinger_tui.core.errors import HandingerError
from handinger_tui.ui.commands import COMMANDS, Context, beginning, command_named, refusal
from handinger_tui.ui.launch import Connection, Launch
from handinger_tui.ui.panels.messages import (
    CopyFile,
    CopyLink,
    OpenFile,
    OpenLink,
    PreviewFile,
    SaveFiles,
    SaveInto,
)
from handinger_tui.ui.screens.desk import Desk
from handinger_tui.ui.screens.drafting import Drafting
from handinger_tui.ui.screens.filing import Filing
from handinger_tui.ui.screens.queue_editor import QueueEditor
from handinger_tui.ui.screens.stage import WorkStage
from handinger_tui.ui.terminal.near import NearCompositor
from handinger_tui.ui.transcript.view import Transcript
from handinger_tui.ui.widgets.chips import Chips
from handinger_tui.ui.widgets.ground import Columns, Ground
from handinger_tui.ui.widgets.header import HeaderLine
from handinger_tui.ui.widgets.keyline import KeyLine
from handinger_tui.ui.widgets.pane import SessionPane
from handinger_tui.ui.widgets.prompt import PromptBox
from handinger_tui.ui.widgets.queue_strip import QueueStrip
from handinger_tui.ui.widgets.side import Side

WIDE: Final = 100
"""From this many columns on the panels stand beside the transcript."""


class NotYet(HandingerError):
    """The connection is not there yet."""


class Footing(Ground, Screen[None]):
    """Header, session, panels, footer, before any key does anything."""

    AUTO_FOCUS = "#prompt"

    def __init__(self, launch: Launch, now_ms: Callable[[], int]) -> None:
        super().__init__()
        self._compositor = NearCompositor()
        self.HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (WIDE, "-wide")]
        self.launch = launch
        self.commands = COMMANDS
        self.desk: Desk | None = None
        self.pane = pane = SessionPane(beginning, launch.disk, local=launch.local, id="pane")
        self.drafting = Drafting(launch.disk, pane.prompt, pane.chips, self.do, self.draft_changed)
        self.queue_editor = QueueEditor(self.drafting)
        self.stage = WorkStage(self, now_ms)
        self.filing = Filing(self)
        self.side = Side(id="side")
        self.side.share(pane.money)
        self.now_ms = now_ms
        self.header = HeaderLine(local=launch.local, id="header")
        self.browsed: Widget | None = None
        """Single keys are for it: a key or a command asked for that, and the screen says so."""

    def compose(self) -> ComposeResult:
        """The layout of product.md, section 4."""
        wide = self.app.size.width >= WIDE
        # Known only with the first resize to Textual, which then styles every widget once more: 13 ms.
        self.update_classes({"-wide": wide, "-narrow": not wide}, update=False)
        yield self.header
        with Columns(id="body"):
            yield self.pane
            yield self.side
        yield KeyLine()

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

    # -- the focus -------------------------------------------------------------------------------
    def browse(self, widget: Widget) -> None:
        """Single keys are for `widget`, until something else gets the focus."""
        self.browsed = widget
        self.set_focus(widget)

    def set_focus(
        self, widget: Widget | None, scroll_visible: bool = True, from_app_focus: bool = False
    ) -> None:
        """The prompt has the focus, or what is browsed: no click, Tab or closing moves it elsewhere."""
        if widget is None and not self.app.app_focus:
            # The terminal itself lost it, and will give it back.
            super().set_focus(None, scroll_visible, from_app_focus)
            return
        if widget is None or widget is not self.browsed:
            widget = self.prompt
            self.browsed = None
        super().set_focus(widget, scroll_visible, from_app_focus)
        self.pane.browse(_name_of(self.browsed))

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
        # Behind the keys that wait in the queue of the box: an Enter before this one counts before it.
        self.prompt.call_later(self._command, name, rest)

    def _command(self, name: str, rest: str) -> None:
        self.do(self.run_command(name, rest))

    async def run_command(self, name: str, rest: str) -> None:
        """Run a command by its very name, or refuse it with a suggestion."""
        command = command_named(name)
        if command is None:
            self.stage.say(refusal(name), "warning")
        else:
            await command.run(Context(lambda: self.at_work, self.stage, rest))

    # -- panels --------------------------------------------------------------------------------
    def show_panel(self, name: str) -> None:
        """Bring a panel into sight and into focus."""
        self.side.set_class(self.has_class("-narrow"), "-over")
        self.side.remove_class("-away")
        self.panels_changed()
        self.browse(self.side.panels[name])

    def toggle_panels(self) -> None:
        """Beside on wide terminals, above on narrow ones."""
        self.side.toggle_class("-over" if self.has_class("-narrow") else "-away")
        self.panels_changed()

    # -- for the screen with an engine -------------------------------------------------------------
    @abstractmethod
    def panels_changed(self) -> None:
        """Panels came into sight or went: what they show may be old."""

    @abstractmethod
    async def switch(self, opening: Callable[[], Awaitable[str]], doing: str = "") -> str:
        """Show the session whose id `opening` returns; "" when another one was asked for meanwhile."""

    @abstractmethod
    async def keep_draft(self) -> None:
        """What is typed goes to disk."""

    @abstractmethod
    def draft_changed(self) -> None:
        """Other files go along with the next message."""

    @abstractmethod
    def refresh_budget(self) -> None:
        """The budget has changed."""

    # -- wishes of panels, transcript and chips ------------------------------------------------------
    @on(Chips.Removed)
    def _chip_removed(self, event: Chips.Removed) -> None:
        self.drafting.remove(event.chip)

    @on(Chips.Emptied)
    def _chips_emptied(self) -> None:
        self.prompt.focus()

    @on(Chips.Unfolded)
    def _chip_unfolded(self, event: Chips.Unfolded) -> None:
        self.drafting.unfold(event.chip)

    @on(Transcript.LinkClicked)
    def _link(self, event: Transcript.LinkClicked) -> None:
        if not self.filing.leads_to(event.href):
            self.do(self.stage.open(event.href, event.shown))

    @on(OpenLink)
    def _open(self, event: OpenLink) -> None:
        self.do(self.stage.open(event.url, event.shown))

    @on(CopyLink)
    def _copy(self, event: CopyLink) -> None:
        self.stage.copy(event.url, "the link")

    @on(SaveFiles)
    @on(SaveInto)
    def _save(self, event: SaveFiles | SaveInto) -> None:
        if isinstance(event, SaveInto):
            self.do(self.filing.save_into(event.part))
        else:
            self.do(self.filing.save(event.parts))

    @on(PreviewFile)
    def _preview(self, event: PreviewFile) -> None:
        self.filing.preview(event.part)

    @on(OpenFile)
    def _open_file(self, event: OpenFile) -> None:
        self.do(self.filing.open(event.part))

    @on(CopyFile)
    def _copy_file(self, event: CopyFile) -> None:
        self.filing.copy(event.part)


def _name_of(browsed: Widget | None) -> str:
    """What is browsed, in a word; "" for nothing."""
    if browsed is None:
        return ""
    if isinstance(browsed, Chips):
        return "attachments"
    if isinstance(browsed, QueueStrip):
        return "the queue"
    return str(browsed.border_title or "the answers")
