"""Work screen: the session on the screen, its prompt and panels. The only listener of the engine."""

from __future__ import annotations

import os
import sys
from abc import abstractmethod
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar, Final

from textual import on, work
from textual.app import ComposeResult
from textual.binding import ActiveBinding, Binding, BindingType
from textual.events import Key, Paste, ScreenResume
from textual.screen import Screen
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import TextArea

from handinger_tui.core.commands import SIGNS, CommandLine, Empty, Prompt, classify
from handinger_tui.core.errors import AttachmentProblem, HandingerError
from handinger_tui.core.evidence.citations import Mention
from handinger_tui.core.evidence.sources_and_files import Source
from handinger_tui.core.formatting import plural
from handinger_tui.core.prompts.drafts import Draft
from handinger_tui.core.record import dataclass
from handinger_tui.core.safety.cleaning import clean_line
from handinger_tui.core.turns.session import Session
from handinger_tui.core.turns.turn import Turn, TurnStatus
from handinger_tui.ui.commands import COMMANDS, Context, beginning, command_named, refusal
from handinger_tui.ui.commands.files import show_data
from handinger_tui.ui.commands.sources import copy_sources, export_sources
from handinger_tui.ui.keys import Where, bindings, for_footer
from handinger_tui.ui.panels.messages import (
    CopyFile,
    CopyLink,
    OpenFile,
    OpenLink,
    PreviewFile,
    SaveFiles,
    SaveInto,
)
from handinger_tui.ui.panels.sources.panel import CopyFootnotes, ExportSources, ShowMention
from handinger_tui.ui.ports import AppOptions, Connection, Opening
from handinger_tui.ui.startup.gc_tuning import tidy
from handinger_tui.ui.terminal.clipped_compositor import ClippedCompositor
from handinger_tui.ui.transcript.transcript import Transcript
from handinger_tui.ui.widgets.chips import Chips
from handinger_tui.ui.widgets.containers import BareContainer, Columns
from handinger_tui.ui.widgets.footer import FooterLine
from handinger_tui.ui.widgets.header import HeaderLine
from handinger_tui.ui.widgets.pane import SessionPane
from handinger_tui.ui.widgets.prompt import PromptBox
from handinger_tui.ui.widgets.queue_strip import QueueStrip
from handinger_tui.ui.widgets.sidebar import Sidebar, panel_keys
from handinger_tui.ui.work.command_host import CommandHost
from handinger_tui.ui.work.composer import Composer, SendFlow, Submission, Written, not_sent
from handinger_tui.ui.work.file_actions import FileActions
from handinger_tui.ui.work.limit_watcher import LOOKS_PER_S, LimitWatcher, Reloads
from handinger_tui.ui.work.opening import Begun, FinishedTurns, begin, drafts, look_back, told
from handinger_tui.ui.work.paint_scheduler import AFTER_PAINT_S, DeferredPanels, IdleWork, ThrottledTimer
from handinger_tui.ui.work.queue_editor import QueueEditor
from handinger_tui.ui.work.session_controller import FRESH_DRAFT, Outgoing, SessionController

WIDE: Final = 100
"""From this many columns on the panels stand beside the transcript."""


class NotYet(HandingerError):
    """The connection is not there yet."""


class Footing(BareContainer, Screen[None]):
    """Header, session, panels, footer, before any key does anything."""

    AUTO_FOCUS = "#prompt"

    def __init__(self, launch: AppOptions, now_ms: Callable[[], int]) -> None:
        super().__init__()
        self._compositor = ClippedCompositor()
        self.HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (WIDE, "-wide")]
        self.launch = launch
        self.commands = COMMANDS
        self.desk: SessionController | None = None
        self.pane = pane = SessionPane(beginning, launch.disk, local=launch.local, id="pane")
        self.drafting = Composer(launch.disk, pane.prompt, pane.chips, self.do, self.draft_changed)
        self.queue_editor = QueueEditor(self.drafting)
        self.stage = CommandHost(self, now_ms)
        self.filing = FileActions(self)
        self.side = Sidebar(id="side")
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
        yield FooterLine()

    @property
    def prompt(self) -> PromptBox:
        """The box that is typed into."""
        return self.pane.prompt

    @property
    def transcript(self) -> Transcript:
        """The session as text."""
        return self.pane.transcript

    @property
    def at_work(self) -> SessionController:
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


LEAVE_WITHIN_MS: Final = 2000
SENDING: Final = ("send", "queue")
"""What keys of the prompt do that must be seen first."""
_BROWSING: Final = ("transcript", "copy_current", "mention", "source", "data")
"""Actions of single letters."""


class Frontage(Footing, inherit_bindings=False):
    """The key table's actions. Textual's own keys are not among them: its Tab would move the focus."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(Where.ANYWHERE, Where.TRANSCRIPT),
        *panel_keys(),
        Binding("super+c", "screen.copy_text", "Copy", show=False, id="work.copy_text", tooltip="Copy"),
    ]

    def __init__(self, launch: AppOptions, now_ms: Callable[[], int]) -> None:
        super().__init__(launch, now_ms)
        self._pressed_ms: int | None = None
        self._keys_for: tuple[object, ...] = ()
        self._shown = False

    @property
    def active_bindings(self) -> dict[str, ActiveBinding]:
        """For the footer: what matters now comes first, and nothing is cut in the middle."""
        return for_footer(super().active_bindings, self.size.width, self.app.get_key_display)

    def on_screen_resume(self, event: ScreenResume) -> None:
        """The first time everything was styled a moment ago, as it was mounted: once is enough."""
        event.refresh_styles, self._shown = self._shown, True

    def on_resize(self) -> None:
        """The footer is laid out for the width."""
        self.refresh_bindings()

    # -- who is typed to ---------------------------------------------------------------------------
    def leads_to_prompt(self, event: Key | Paste) -> bool:
        """Before a key or a paste goes anywhere: what is none of the keys shown is for the prompt.

        True: coming back to the prompt is all that it does, since nobody saw what Enter would send.
        """
        if self.focused is self.prompt:
            return False
        if isinstance(event, Paste):
            self.set_focus(self.prompt)
            return False
        if self._listed(event.key) is not None:
            return False
        self.set_focus(self.prompt)
        return self._listed(event.key) in SENDING

    def _listed(self, key: str) -> str | None:
        """The action of a key that works now, given what has the focus."""
        active = self.active_bindings.get(key)
        return active.binding.action if active is not None and active.enabled else None

    # -- keys ----------------------------------------------------------------------------------
    @property
    def something_open(self) -> bool:
        """Esc has something to close."""
        return self._nearest() is not None

    def _nearest(self) -> Callable[[], None] | None:
        """What closes the nearest thing that is open."""
        prompt, view = self.prompt, self.transcript
        if self.selections:
            return self.clear_selection
        if not prompt.selection.is_empty:
            return lambda: prompt.move_cursor(prompt.cursor_location)
        if prompt.offering:
            return self.pane.close_one
        if view.finding:
            return self._end_finding
        if self.side.has_class("-over"):
            return self._close_panels
        if self.browsed is None and self.queue_editor.edit is not None:
            return self._cancel_edit
        if self.browsed is not None or view.highlighted_mention is not None:
            return self._end_browsing
        return self.pane.close_one if self.pane.open else None

    def _cancel_edit(self) -> None:
        self.queue_editor.cancel()
        self.panels_changed()

    def _end_finding(self) -> None:
        self.transcript.find_clear()
        if self.browsed is self.transcript:
            self.set_focus(self.prompt)

    def _close_panels(self) -> None:
        self.side.remove_class("-over")
        self.set_focus(self.prompt)

    def _end_browsing(self) -> None:
        self.transcript.clear_highlight()
        self.set_focus(self.prompt)

    @property
    def watching(self) -> bool:
        """A turn is being sent or watched: a queue that waits is not."""
        return self.desk is not None and self.desk.running

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys that work only now and then are shown only then."""
        if action == "suspend":
            return sys.platform != "win32"
        if action in _BROWSING:
            return self.browsed is self.transcript
        if action == "command" and parameters == ("detach",):
            return self.watching and not self.something_open
        return True

    def renew_keys(self) -> None:
        """Show other keys in the footer, if others work now."""
        box = self.prompt
        keys = (self.watching, self.something_open, self.browsed, box.busy, box.offering, not box.text)
        if keys != self._keys_for:
            self._keys_for = keys
            self.refresh_bindings()

    def action_back(self) -> None:
        """Close the nearest thing; from an empty prompt, where nothing is open, browse the answers."""
        if (close := self._nearest()) is not None:
            close()
        elif not self.prompt.text:
            self._browse_soon(self._browse_if_empty)
        self.renew_keys()

    def action_browse(self) -> None:
        """Read the answers with single keys, whatever is being written."""
        self._browse_soon(self._browse)

    def _browse_soon(self, browse: Callable[[], None]) -> None:
        """Behind all that was typed in the same burst: nobody types commands into a mode he has not seen."""
        self.app.call_later(self.prompt.call_later, browse)

    def _browse_if_empty(self) -> None:
        if not self.prompt.text:
            self._browse()

    def _browse(self) -> None:
        if self.transcript.display:
            self.browse(self.transcript)
            self.renew_keys()

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
        selected = self.prompt.selected_text or self.get_selected_text()
        now = self.now_ms()
        if selected:
            self.stage.copy(selected, "the selection")
            self.clear_selection()
            self.prompt.move_cursor(self.prompt.cursor_location)
        elif self.queue_editor.edit is not None:
            self._cancel_edit()
        elif self.prompt.text:
            self.prompt.remember(self.prompt.text)
            self.prompt.put("")
            self.stage.say("Cleared. ↑ brings it back.")
        elif self.drafting.chosen:
            self.drafting.clear_files()
            self.stage.say("All attachments removed.")
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

    def action_chips(self) -> None:
        """To what goes along."""
        if self.pane.chips.display:
            self.browse(self.pane.chips)
        else:
            self.stage.say("No attachments yet. Type @ to add a file, or /file PATH.")

    def action_suspend(self) -> None:
        """Back to the shell. Without one that minds its jobs nobody could continue us."""
        if not self.app.is_headless and os.getpgrp() != os.getsid(0):
            self.app.action_suspend_process()
        else:
            self.stage.say("There is no shell here to go back to.")

    def action_copy_current(self) -> None:
        """What the cursor stands on, else the newest answer."""
        text = self.transcript.copy_current()
        if text:
            self.stage.copy(text, "this part" if self.transcript.copyable_at_cursor() else "the last answer")

    def action_data(self) -> None:
        """The data that the cursor stands on, else the newest."""
        self.do(show_data(self.at_work, self.stage, self.transcript.part_at_cursor))

    def action_panel(self, name: str) -> None:
        """The key of one panel."""
        self.show_panel(name)


Named = tuple[Mention, int, int]
"""A mention, the number of its source, and which of the source's mentions it is."""


class Citing(Frontage):
    """From the panel to the transcript and back. What is copied or saved goes the way of the command."""

    # -- wishes of the panel -------------------------------------------------------------------
    @on(ShowMention)
    def _mention(self, event: ShowMention) -> None:
        if not event.places:
            title = clean_line(event.source.part.title or event.source.host, 60)
            self.stage.say(f"No answer names source {event.source.number}, {title}.")
        else:
            self._point(event.source, event.places[event.at])

    @on(CopyFootnotes)
    def _footnotes(self, event: CopyFootnotes) -> None:
        copy_sources(self.stage, self.at_work.session, event.sources)

    @on(ExportSources)
    def _export(self, event: ExportSources) -> None:
        self.do(export_sources(self.stage, self.at_work, event.sources))

    def _point(self, source: Source, mention: Mention) -> None:
        if not self.transcript.point(mention, source.key if source.part.url else ""):
            self.stage.say("That place is not on the screen.", "warning")

    # -- keys of the transcript ----------------------------------------------------------------
    def action_mention(self, by: int) -> None:
        """To the next place that names a source, or the one before; at first to one at the cursor."""
        named = self._named()
        at = self._next(named, by)
        if at is None:
            self.stage.say("No answer names a source." if not named else "No further place names a source.")
            return
        mention, number, _ = named[at]
        self._point(self._source(number), mention)

    def _source(self, number: int) -> Source:
        return next(one for one in self.side.sources.sources if one.number == number)

    def action_source(self) -> None:
        """To the source that the marked place names; without one, the first that is named at the cursor."""
        named = self._named()
        here, spoken = self.transcript.highlighted_mention, self.transcript.part_at_cursor
        found = _first(named, here)
        found = _first_in(named, spoken) if found is None else found
        if found is None:
            self.stage.say("No source is named here. m goes to the next place that names one.")
            return
        mention, number, at = named[found]
        self.show_panel("sources")
        self.side.sources.go_to(number, at)
        self._point(self._source(number), mention)

    def _named(self) -> list[Named]:
        """All mentions in the order of the transcript."""
        session, panel = self.at_work.session, self.stage.sources()
        turns = {turn.turn_id: at for at, turn in enumerate(session.turns)}
        named = [
            (mention, number, at)
            for number, places in panel.mentions.items()
            for at, mention in enumerate(places)
            if mention.turn_id in turns
        ]
        named.sort(key=lambda one: (turns[one[0].turn_id], one[0].position, one[0].start, one[1]))
        return named

    def _next(self, named: list[Named], by: int) -> int | None:
        """The position in `named` to go to; None where there is none."""
        here, spoken = self.transcript.highlighted_mention, self.transcript.part_at_cursor
        at = _first(named, here)
        if at is not None:
            at += by
            # Two sources that one place names are one place.
            while 0 <= at < len(named) and named[at][0] == here:
                at += by
        elif spoken is not None:
            at = next(
                (at for at, one in enumerate(named) if (one[0].turn_id, one[0].position) == spoken), None
            )
        else:
            at = len(named) - 1 if by < 0 else 0
        return at if at is not None and 0 <= at < len(named) else None


def _first(named: list[Named], mention: Mention | None) -> int | None:
    return next((at for at, one in enumerate(named) if one[0] == mention), None)


def _first_in(named: list[Named], part: tuple[str, int] | None) -> int | None:
    """The first one in a part of a turn."""
    return next((at for at, one in enumerate(named) if (one[0].turn_id, one[0].position) == part), None)


@dataclass(frozen=True, slots=True)
class Target:
    """Where a message goes and what stood on the screen, fixed when Enter is pressed."""

    session_id: str
    draft_name: str
    budget: str
    written: Written
    replaces: str | None = None
    """The queued turn that the prompt holds for editing."""


class Submitting(Citing):
    """Prompt, command or nothing: each goes its way."""

    def __init__(self, launch: AppOptions, now_ms: Callable[[], int]) -> None:
        super().__init__(launch, now_ms)
        self.returns = FinishedTurns()
        self.arrived_at = ""
        """The session on the screen; "" before there is one."""
        self.sender = SendFlow(self.pane, self.stage, self.drafting, lambda: self.arrived_at)
        self.prompt.target = self._target
        self._early = ""
        self._resuming: set[str] = set()
        """Sessions whose held queue somebody asked to go on."""
        self._signs: set[str] = set()
        """Those that were said to be meant as text."""
        self._asked_sign = False

    @property
    def arrived(self) -> bool:
        """A session is on the screen."""
        return bool(self.arrived_at)

    def _target(self) -> Target | None:
        desk, editor = self.desk, self.queue_editor
        if desk is None or not self.arrived:
            return None
        session_id, budget = self.arrived_at, desk.budget
        if editor.edit is not None:
            budget = editor.edit.turn.order.budget or budget
        name = desk.draft_name(session_id)
        return Target(session_id, name, budget, self.drafting.written(), editor.turn_id)

    @on(PromptBox.Submitted)
    def _submitted(self, event: PromptBox.Submitted) -> None:
        target = event.target
        if not isinstance(target, Target):
            self._submit_unconnected(event.text)
        elif target.written.drops:
            # Enter right behind files that were dropped: they are attached.
            self.do(self._submit_landed(target))
        else:
            self._submit(target)

    async def _submit_landed(self, target: Target) -> None:
        self._submit(replace(target, written=await self.drafting.landed(target.written)))

    def _submit(self, target: Target) -> None:
        """What stood on the screen at Enter, as prompt, command or nothing."""
        written = target.written
        if written.text.strip():
            beyond = self.sender.beyond(target.session_id, written)
            if beyond is None:
                return
            written = beyond
        match classify(written.text):
            case Empty():
                self._nothing_typed(target)
            case CommandLine(name, rest):
                if target.session_id != self.arrived_at:
                    # It was meant for what is no longer on the screen.
                    return
                if command_named(name) is not None:
                    self.drafting.clear_sent(written, ())
                self.do(self.run_command(name, rest))
            case Prompt(text, sign):
                target = replace(target, written=written)
                if not sign or sign in self._signs:
                    self._send(target, text)
                else:
                    self.do(self._send_if_meant(target, text, sign))

    async def _send_if_meant(self, target: Target, text: str, sign: str) -> None:
        if await self._meant_as_text(sign):
            self._send(target, text)

    def _send(self, target: Target, text: str) -> None:
        if target.replaces is None and self._must_wait(target.session_id):
            return
        submission = Submission(
            target.session_id, target.draft_name, target.budget, text, target.written, target.replaces
        )
        self.sender.accept(submission)
        self.do(self._send_accepted(submission))

    async def _send_accepted(self, submission: Submission) -> None:
        if await self.sender.send(self.at_work, submission) and submission.replaces is not None:
            self.queue_editor.stored(submission.replaces)

    def _must_wait(self, session_id: str) -> bool:
        """Whether the service asked for a pause; then that is shown."""
        wait = self.pane.card.waiting_s(self.now_ms()) if session_id == self.arrived_at else 0
        if wait:
            self.stage.say(f"The service asks to wait {wait} s more. Your text stays here.", "warning")
        return wait > 0

    def _submit_unconnected(self, typed: str) -> None:
        match classify(typed):
            case Empty():
                return
            case CommandLine(name, rest):
                if command_named(name) is not None:
                    self.prompt.clear_sent(typed)
                self.do(self.run_command(name, rest))
            case Prompt():
                self._early = typed
                self.stage.say("Still connecting; it is sent as soon as the service is there.")

    @on(TextArea.SelectionChanged, "#prompt")
    def _moved(self) -> None:
        self.drafting.typed()

    @on(PromptBox.Dropped)
    def _dropped(self, event: PromptBox.Dropped) -> None:
        self.drafting.dropped(event.paths, event.text)

    # -- Enter on an empty prompt --------------------------------------------------------
    def _nothing_typed(self, target: Target) -> None:
        """Go on with what waits or runs: in this session, else in another one."""
        session_id = target.session_id
        if target.written.files:
            self.stage.say("Add a message to go with the attachment.", "warning")
        elif target.replaces is not None:
            self.queue_editor.cancel()
        elif self.at_work.hold_of(session_id) is not None:
            # Enter pressed twice goes on once.
            if session_id not in self._resuming and not self._must_wait(session_id):
                self._resuming.add(session_id)
                self.do(self._resume(session_id))
        else:
            self.do(self._watch(session_id))

    async def _resume(self, session_id: str) -> None:
        """Go on with a held queue; a limit in the way is asked for until the person leaves it."""
        desk = self.at_work
        try:
            while (hold := desk.hold_of(session_id)) is not None:
                if hold.gauge is not None:
                    from handinger_tui.ui.dialogs.limits import raise_limit  # noqa: PLC0415 - few are reached

                    if not await raise_limit(desk, self.stage, session_id, hold.gauge, sending=False):
                        return
                still = await desk.engine.resume(session_id)
                if still is not None and still.gauge is None:
                    self.stage.say(f"Still held. {still.detail}".strip(), "warning")
                if still is None or still.gauge is None:
                    return
        finally:
            self._resuming.discard(session_id)

    async def _watch(self, session_id: str) -> None:
        desk = self.at_work
        if await desk.watch_unwatched(session_id) or desk.engine.running(session_id) or not desk.going:
            return
        going = desk.going[0].session_id
        if await self.switch(partial(desk.open, going)):
            await desk.watch_unwatched(going)

    async def _meant_as_text(self, sign: str) -> bool:
        """Asked for each sign until the answer is yes."""
        if self._asked_sign:
            # Enter was pressed twice.
            return False
        from handinger_tui.ui.dialogs.confirm import Confirm  # noqa: PLC0415 - once there is a question

        body = f"{SIGNS[sign]} Sent to the worker as a message, it costs what a message costs."
        title = f"Send a message that begins with “{sign}”?"
        self._asked_sign = True
        try:
            meant = await self.stage.ask(Confirm(title, body, yes="Send it", no="Do not send"))
        finally:
            self._asked_sign = False
        if meant:
            self._signs.add(sign)
        return bool(meant)

    async def send_early(self, desk: SessionController) -> None:
        """Enter was pressed before we were connected: send now, but only where nothing else was opened."""
        typed, self._early = self._early, ""
        if not typed or not self.prompt.text.startswith(typed):
            return
        if desk.session.turns and self.launch.opening is Opening.LAST_OR_FRESH:
            # Nobody named this session: what costs money goes there only after it was seen.
            self.stage.say("This is your last session. Enter sends your message here, ^N starts anew.")
            return
        target = self._target()
        if target is not None:
            self._submit(replace(target, written=replace(target.written, text=typed)))

    async def send_first(self, desk: SessionController, session_id: str) -> None:
        """What was given along with the command. A draft from before, and its files, do not go with it."""
        prompt, paths, budget = self.launch.prompt, self.launch.attachments, desk.budget
        try:
            if prompt:
                message = await self.drafting.message_with(prompt, paths)
                await desk.send(Outgoing(session_id, budget, message.text, message.files))
                self.prompt.remember(prompt)
            else:
                await self.drafting.add(paths)
        except HandingerError as problem:
            await self.keep_first(prompt or self.prompt.text)
            if not isinstance(problem, AttachmentProblem):
                raise
            self.pane.trouble(not_sent(problem))

    async def keep_first(self, prompt: str) -> None:
        """What was to be sent stays, in the prompt and on chips."""
        self.prompt.put(prompt)
        with suppress(HandingerError):
            await self.drafting.add(self.launch.attachments)

    # -- the queue -------------------------------------------------------------------------
    @on(PromptBox.QueueEntered)
    def _enter_queue(self) -> None:
        if self.pane.queue.queue:
            self.pane.queue.mark_newest()
            self.browse(self.pane.queue)

    @on(QueueStrip.Clicked)
    def _click_queue(self) -> None:
        self.browse(self.pane.queue)

    @on(QueueStrip.Left)
    def _leave_queue(self, event: QueueStrip.Left) -> None:
        self.prompt.focus()
        if event.typed:
            self.prompt.insert(event.typed)

    @on(QueueStrip.Edited)
    def _edit_queued(self, event: QueueStrip.Edited) -> None:
        self.queue_editor.begin(event.turn)
        self.prompt.focus()
        self.panels_changed()

    @on(QueueStrip.Dropped)
    def _drop_queued(self, event: QueueStrip.Dropped) -> None:
        self.do(self._withdraw(self.arrived_at, event.turn))

    async def _withdraw(self, session_id: str, turn: Turn) -> None:
        await self.at_work.engine.withdraw(session_id, turn.turn_id)
        if self.queue_editor.turn_id == turn.turn_id:
            self.queue_editor.cancel()
        self.drafting.remember(Written(turn.order.prompt, turn.order.attachments))
        self.stage.say("Withdrawn. ↑ brings the text back.")

    @on(QueueStrip.Moved)
    def _move_queued(self, event: QueueStrip.Moved) -> None:
        self.do(self.at_work.engine.move_queued(self.arrived_at, event.turn.turn_id, event.to))


PAINTS_PER_S: Final = 10
"""Each takes 6 ms: at this pace following an answer costs a third more than only reading it. What ends, be it
a text or a turn, does not wait for it."""
BEATS_PER_S: Final = 4
STUCK: Final = frozenset({"limit", "unreadable"})
"""Holds that stand in the header in place of the worker's status."""
DRAFT_PAUSE_S: Final = 0.5
"""Typing pauses this long before the draft goes to disk."""


class WorkScreen(Submitting):
    """The front, with the engine behind it: listens, marks itself dirty, paints ten times a second."""

    def __init__(self, launch: AppOptions, now_ms: Callable[[], int]) -> None:
        super().__init__(launch, now_ms)
        self._dirty = False
        self._going = _going(None)
        self.beside = DeferredPanels(self, self.side.show, self._repaint)
        self.rest: IdleWork | None = None
        self._tick: ThrottledTimer | None = None
        self._beat: ThrottledTimer | None = None
        self._typing: Timer | None = None
        self._unsubscribe: Callable[[], None] | None = None
        self._till: LimitWatcher | None = None
        self._before = ""
        self._switches = 0
        """Sessions asked for so far: the last one wins."""

    def typed_before(self, text: str) -> None:
        """Text that was typed before there was a prompt to type it into."""
        self._before = text

    def on_mount(self) -> None:
        """All timers sleep until something changes."""
        self.rest = IdleWork(self, lambda: self.transcript.prepare() or tidy())
        self.transcript.moved = self.rest.start
        self._tick = ThrottledTimer(self, PAINTS_PER_S, self._paint_if_dirty)
        self._beat = ThrottledTimer(self, BEATS_PER_S, self._move_clock)
        self.pane.budget(self.launch.budget)
        if self._before:
            self.prompt.put(self._before)

    def on_unmount(self) -> None:
        """The engine settles on without a screen."""
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None

    @property
    def at_rest(self) -> bool:
        """Nothing waits to be painted."""
        return not self._dirty and not self.beside.waiting

    @property
    def asleep(self) -> bool:
        """No timer that paints runs."""
        return not any(pulse is not None and pulse.running for pulse in (self._tick, self._beat))

    # -- beginning -----------------------------------------------------------------------
    async def connected(self, connection: Connection) -> None:
        """Everything is there: open what was asked for, and send what was given along."""
        self.desk = SessionController(connection, self.launch.budget)
        self._till = LimitWatcher(self.desk, self.stage, self.pane)
        self._unsubscribe = connection.engine.subscribe(self._changed)
        self.header.account(connection.badge)
        self.pane.account(connection.badge)
        for warning in connection.warnings:
            self.stage.say(warning, "warning")
        self.do(self._begin())

    async def _begin(self) -> None:
        desk, launch = self.at_work, self.launch
        begun = Begun(desk.session_id)
        try:
            recovered = await desk.recover()
            begun = await begin(desk, launch)
            self._say_left_open(desk, recovered, begun.session_id)
            await self._arrive_first(desk, begun)
            # After what was asked for stands: finding those of 2,000 turns takes 0.1 s.
            self.prompt.remember(*await desk.shelf.prompts(), older=True)
            if begun.problem is not None:
                raise begun.problem
        except HandingerError:
            # What was to be sent was meant for the session that did not open.
            await self.keep_first(launch.prompt or self.prompt.text)
            if not self.arrived:
                await self._arrive_first(desk, begun)
            raise
        if begun.notice:
            self.stage.say(begun.notice, "warning")
        if launch.opening is Opening.WORKER:
            await desk.watch_unwatched(begun.session_id)
        await self.send_first(desk, begun.session_id)
        await self.send_early(desk)
        if begun.pick:
            self.action_command("sessions")
        self.do(self._look_back(desk))

    def _say_left_open(self, desk: SessionController, recovered: list[str], shown: str) -> None:
        """What a program before this one left: messages that may have left, and such that surely did not."""
        checking = sum(desk.engine.running(session_id) for session_id in recovered)
        if checking:
            were = "was" if checking == 1 else "were"
            self.stage.say(f"{plural(checking, 'message')} {were} interrupted last time; checking…")
        for session_id in recovered:
            queued = len(desk.queue_of(session_id))
            # That of the session on the screen stands above its prompt.
            if queued and session_id != shown:
                were = "was" if queued == 1 else "were"
                messages = f"{plural(queued, 'message')} to “{desk.title(session_id)}”"
                self.stage.say(f"{messages} {were} not sent last time: ^S opens it.")

    async def _arrive_first(self, desk: SessionController, begun: Begun) -> None:
        self._show_session(begun.session_id, await desk.kept_draft(begun.session_id))

    async def _look_back(self, desk: SessionController) -> None:
        """After everything else: what was left going is looked at once, and told."""
        found = await look_back(desk)
        for line in told(found, desk.session_id, self.now_ms()):
            self.stage.say(line)
        self._repaint()
        for screen in self.app.screen_stack:
            if isinstance(screen, Reloads):
                screen.reload()

    async def switch(self, opening: Callable[[], Awaitable[str]], doing: str = "") -> str:
        """Show the session whose id `opening` returns, with its draft; "" when another was asked for.

        Until then everything goes on with the session on the screen. It changes in one step.

        Raises:
            HandingerError: it cannot be opened.
        """
        desk = self.at_work
        self._switches += 1
        number = self._switches
        self.pane.opening(doing)
        try:
            kept = await self._keep_draft_behind(desk)
            session_id = await opening()
            draft = await desk.kept_draft(session_id)
        except HandingerError:
            if number == self._switches:
                raise
            return ""
        finally:
            if number == self._switches:
                self.pane.opening("")
        if number != self._switches:
            return ""
        if session_id != self.arrived_at:
            self._leave_session(desk, kept)
        self._show_session(session_id, draft)
        return session_id

    async def _keep_draft_behind(self, desk: SessionController) -> Draft:
        """What is typed goes to disk, for when one comes back to this session; returns it."""
        session_id, draft = self.arrived_at, self.queue_editor.draft()
        name = desk.draft_name(session_id) if session_id else FRESH_DRAFT
        if session_id and name == FRESH_DRAFT and self.sender.sending(session_id):
            # Its first message is on its way: the text is no draft of the next fresh session.
            await desk.keep_draft(session_id, draft)
            await desk.keep_draft(FRESH_DRAFT, Draft())
        elif session_id:
            await desk.keep_draft(name, draft)
        return draft

    def _leave_session(self, desk: SessionController, kept: Draft) -> None:
        """Keep what was typed after the draft went to disk."""
        if not self.arrived_at:
            return
        self.queue_editor.cancel()
        written = self.drafting.written()
        if written.draft != kept:
            sending = self.sender.sending(self.arrived_at)
            name = self.arrived_at if sending else desk.draft_name(self.arrived_at)
            self.do(self._keep_written(desk, name, written))

    async def _keep_written(self, desk: SessionController, name: str, written: Written) -> None:
        try:
            await desk.keep_draft(name, written.draft)
        except HandingerError:
            # It is on the screen no more: the history of the prompt is the last place for it.
            self.drafting.remember(written)
            raise

    def _show_session(self, session_id: str, draft: Draft) -> None:
        """Bring a session to the screen, with the text that was being typed in it: one step."""
        desk = self.at_work
        other = self.arrived_at != session_id
        first, self.arrived_at = not self.arrived_at, session_id
        waiting = desk.show(session_id)
        # Somebody may have typed while we were connecting: that stays.
        if other and not (first and (self.prompt.text or self.drafting.chosen)):
            self.drafting.restore(draft)
        self.pane.trouble(None)
        self.drafting.give_back(waiting)
        self.returns.ended(desk.session)
        if desk.session.turns:
            self.do(desk.shelf.mark_read(session_id))
        self._repaint()
        # What is stored is shown at once; whether all of it is in the record of charges can wait for that.
        if self._tick is not None:
            self._tick.at_once()
        if (till := self._till) is not None:
            self.set_timer(AFTER_PAINT_S, lambda: self.do(till.count()))
            if first:
                # Another program may spend, or raise a limit. A look that finds nothing new paints nothing.
                self.set_interval(
                    1 / LOOKS_PER_S, lambda: till.looking or self.do(till.look(self.app.screen_stack))
                )
        if not first:
            # The first time somebody may already be elsewhere: in a panel, on the chips.
            self.prompt.focus()

    async def keep_draft(self) -> None:
        """What is typed goes to disk."""
        if self.desk is not None and self.arrived:
            await self.desk.keep_draft(self.desk.draft_name(self.arrived_at), self.queue_editor.draft())

    def refresh_budget(self) -> None:
        """Show the budget of the desk, and soon what it usually takes."""
        self.pane.budget(self.at_work.budget)
        self._repaint()

    def panels_changed(self) -> None:
        """What the panels show may be old."""
        self._repaint()

    # -- listening and painting ----------------------------------------------------------
    def _changed(self, session_id: str) -> None:
        """The engine has news. Nothing is computed here."""
        desk = self.at_work
        if session_id == desk.session_id:
            self._repaint()
            was, self._going = self._going, _going(_newest_begun(desk.session))
            if self._tick is not None and any(
                before and not now for before, now in zip(was, self._going, strict=True)
            ):
                # Nobody waits for the next tick to see the last words.
                self._tick.at_once()
        elif session_id not in desk.looking:
            self._elsewhere(desk, desk.engine.session(session_id))

    def _elsewhere(self, desk: SessionController, session: Session) -> None:
        """A session out of sight has news: that it ended is said, and kept as unread."""
        self.returns.met(session)
        if desk.engine.running(session.session_id):
            return
        if any(turn.status is not TurnStatus.RUNNING for turn in self.returns.ended(session)):
            self.stage.say(f"“{clean_line(session.title, 60)}” has ended: ^S opens it.")
            self.do(desk.shelf.mark_unread(session.session_id))

    def _repaint(self) -> None:
        self._dirty = True
        if self._tick is not None:
            self._tick.start()

    def _paint_if_dirty(self) -> None:
        if self._tick is None or self.desk is None:
            return
        if not self._dirty:
            self._tick.stop()
            return
        self._dirty = False
        self._paint(self.desk)
        self._paint_money(self.desk)

    def _paint(self, desk: SessionController) -> None:
        session, now = desk.session, self.now_ms()
        self._take_home(desk, self.returns.ended(session))
        gauges = desk.engine.gauges(desk.session_id)
        queue, hold, running = desk.queued, desk.hold, desk.running
        if not self.sender.sending(session.session_id):
            left = self.queue_editor.follow({turn.turn_id for turn in queue})
            if left:
                self.stage.say(left, "warning")
        # A worker that was left, or a turn that failed, says more than that messages wait.
        stuck = hold is not None and hold.reason in STUCK and not running
        self.header.limits(gauges, held=stuck)
        self.header.show(session, now)
        self.pane.running, self.pane.queued, self.pane.hold = running, queue, hold
        self.pane.editing, self.pane.gauges = self.queue_editor.turn_id, gauges
        self.pane.elsewhere = next((clean_line(other.title, 40) for other in desk.going), None)
        self.pane.show(session, now, money=not self.side.display)
        self.beside.show(session)
        self._keep_time()
        self.renew_keys()
        if self.rest is not None:
            self.rest.streaming = running
            self.rest.start()

    def _paint_money(self, desk: SessionController) -> None:
        if self._till is None or not self.arrived:
            return
        gauges = desk.engine.gauges(desk.session_id)
        self.side.gauges(gauges)
        self._till.warn(gauges)
        if self._till.chip_is_old:
            self.do(self._till.refresh_chip())

    def _take_home(self, desk: SessionController, ended: list[Turn]) -> None:
        """Turns have ended before the person's eyes: texts that did not arrive come back."""
        if ended:
            self.drafting.give_back(drafts(ended))
            self.stage.repair_answer()
            self.do(desk.shelf.mark_read(desk.session_id))

    def _keep_time(self) -> None:
        """The clock runs only while something counts."""
        waiting = self.pane.card.waiting_s(self.now_ms()) > 0
        if self._beat is not None and (waiting or self.watching):
            self._beat.start()
        elif self._beat is not None:
            self._beat.stop()

    def _move_clock(self) -> None:
        """Header, figures that our clock counts, and countdown; the transcript is not touched."""
        now = self.now_ms()
        self.header.beat(now)
        self.side.tick(now)
        self.pane.advise(now)
        self._keep_time()

    @on(TextArea.Changed, "#prompt")
    def _typed(self) -> None:
        self.drafting.typed()
        self.draft_changed()

    def draft_changed(self) -> None:
        """Every change starts the pause anew; after it the draft goes to disk."""
        if self._typing is not None:
            self._typing.stop()
        self._typing = self.set_timer(DRAFT_PAUSE_S, lambda: self.do(self.keep_draft()))
        # A letter changes nothing of the session: looking at 2,000 turns for it would double what it costs.
        self.renew_keys()


def _newest_begun(session: Session) -> Turn | None:
    return next((turn for turn in reversed(session.turns) if turn.status is not TurnStatus.QUEUED), None)


def _going(turn: Turn | None) -> tuple[bool, bool]:
    """Whether it runs, and whether text of it is under way."""
    return (False, False) if turn is None else (turn.live, bool(turn.open_text))
