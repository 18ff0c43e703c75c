"""Work screen: the open session, its prompt and its panels. The only subscriber to the engine's changes."""

from __future__ import annotations

import os
import sys
from abc import abstractmethod
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar, Final

from textual import on, work
from textual.app import ComposeResult
from textual.binding import ActiveBinding, BindingType
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
from handinger_tui.core.safety.cleaning import clean_line
from handinger_tui.core.turns.session import Session
from handinger_tui.core.turns.turn import Turn, TurnStatus
from handinger_tui.ui.commands import (
    COMMANDS,
    Context,
    command_named,
    commands_with_prefix,
    unknown_command_text,
)
from handinger_tui.ui.commands.files import show_data
from handinger_tui.ui.commands.sources import copy_sources, export_sources
from handinger_tui.ui.keys import Where, bindings, for_footer
from handinger_tui.ui.panels.messages import (
    CopyFile,
    CopyFootnotes,
    CopyLink,
    ExportSources,
    OpenFile,
    OpenLink,
    PreviewFile,
    SaveFiles,
    SaveInto,
    ShowMention,
)
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
from handinger_tui.ui.widgets.sidebar import Sidebar
from handinger_tui.ui.work.command_host import CommandHost
from handinger_tui.ui.work.composer import Composer, PromptSnapshot, SendFlow, Submission, not_sent
from handinger_tui.ui.work.file_actions import FileActions
from handinger_tui.ui.work.limit_watcher import CHECKS_PER_S, LimitWatcher, Reloads
from handinger_tui.ui.work.opening import (
    FinishedTurns,
    InitialSession,
    check_running_sessions,
    drafts,
    format_check,
    open_initial_session,
)
from handinger_tui.ui.work.paint_scheduler import AFTER_PAINT_S, DeferredPanels, IdleWork, ThrottledTimer
from handinger_tui.ui.work.queue_editor import QueueEditor
from handinger_tui.ui.work.session_controller import FRESH_DRAFT, Outgoing, SessionController

WIDE: Final = 100
"""Terminal width in columns from which the panels stand beside the transcript instead of over it."""


class StillConnecting(HandingerError):
    """An action needs the connection while the app is still connecting."""


class BaseWorkScreen(BareContainer, Screen[None]):
    """Layout, focus and messages of the work screen: header, session pane, panels, footer. Binds no keys."""

    AUTO_FOCUS = "#prompt"

    def __init__(self, options: AppOptions, now_ms: Callable[[], int]) -> None:
        super().__init__()
        self._compositor = ClippedCompositor()
        self.HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (WIDE, "-wide")]
        self.options = options
        self.commands = COMMANDS
        self.desk: SessionController | None = None
        self.pane = pane = SessionPane(commands_with_prefix, options.disk, local=options.local, id="pane")
        self.composer = Composer(options.disk, pane.prompt, pane.chips, self.do, self.draft_changed)
        self.queue_editor = QueueEditor(self.composer)
        self.stage = CommandHost(self, now_ms)
        self.file_actions = FileActions(self)
        self.side = Sidebar(id="side")
        self.side.share(pane.money)
        self.now_ms = now_ms
        self.header = HeaderLine(local=options.local, id="header")
        self.browsed: Widget | None = None
        """The widget that receives single-letter keys, None while the prompt does.

        Only a key or a command sets it.
        """

    def compose(self) -> ComposeResult:
        """Lay out the header, the session pane beside the panels, and the footer."""
        wide = self.app.size.width >= WIDE
        # Textual sets these classes at the first resize, and then styles every widget again: 13 ms.
        self.update_classes({"-wide": wide, "-narrow": not wide}, update=False)
        yield self.header
        with Columns(id="body"):
            yield self.pane
            yield self.side
        yield FooterLine()

    @property
    def prompt(self) -> PromptBox:
        """The text box that the person types into."""
        return self.pane.prompt

    @property
    def transcript(self) -> Transcript:
        """The view that shows the session as text."""
        return self.pane.transcript

    @property
    def at_work(self) -> SessionController:
        """The session controller.

        Raises:
            StillConnecting: the app is still connecting.
        """
        if self.desk is None:
            raise StillConnecting("Still connecting.", "Your text stays here.")
        return self.desk

    @property
    def connection(self) -> Connection:
        """The connection of the app.

        Raises:
            StillConnecting: the app is still connecting.
        """
        return self.at_work.connection

    # -- the focus -------------------------------------------------------------------------------
    def browse(self, widget: Widget) -> None:
        """Focus `widget` and give it the single-letter keys until something else gets the focus."""
        self.browsed = widget
        self.set_focus(widget)

    def set_focus(
        self, widget: Widget | None, scroll_visible: bool = True, from_app_focus: bool = False
    ) -> None:
        """Focus the browsed widget, else the prompt: a click, Tab or a closing widget moves it nowhere."""
        if widget is None and not self.app.app_focus:
            # The terminal window itself lost the focus and restores it later.
            super().set_focus(None, scroll_visible, from_app_focus)
            return
        if widget is None or widget is not self.browsed:
            widget = self.prompt
            self.browsed = None
        super().set_focus(widget, scroll_visible, from_app_focus)
        self.pane.browse(_name_of(self.browsed))

    # -- doing -------------------------------------------------------------------------------
    @work(group="do")
    async def do(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Await a coroutine and show its error. The only place where the screen catches `HandingerError`."""
        try:
            await coroutine
        except HandingerError as problem:
            self.stage.say(f"{problem.summary} {problem.hint}", "error")

    def action_command(self, name: str, rest: str = "") -> None:
        """Run a slash command as if it had been typed."""
        # Queued behind the keys that the prompt has not processed yet: an earlier Enter takes effect first.
        self.prompt.call_later(self._start_command, name, rest)

    def _start_command(self, name: str, rest: str) -> None:
        self.do(self.run_command(name, rest))

    async def run_command(self, name: str, rest: str) -> None:
        """Run a command by its exact name or alias; an unknown name shows a suggestion."""
        command = command_named(name)
        if command is None:
            self.stage.say(unknown_command_text(name), "warning")
        else:
            await command.run(Context(lambda: self.at_work, self.stage, rest))

    # -- panels --------------------------------------------------------------------------------
    def show_panel(self, name: str) -> None:
        """Show a panel and focus it."""
        self.side.set_class(self.has_class("-narrow"), "-over")
        self.side.remove_class("-away")
        self.panels_changed()
        self.browse(self.side.panels[name])

    def toggle_panels(self) -> None:
        """Show or hide the panels: beside the transcript on a wide terminal, over it on a narrow one."""
        self.side.toggle_class("-over" if self.has_class("-narrow") else "-away")
        self.panels_changed()

    # -- implemented by WorkScreen, which has the engine ---------------------------------------------
    @abstractmethod
    def panels_changed(self) -> None:
        """Repaint: panels were shown or hidden, so their contents may be stale."""

    @abstractmethod
    async def switch(self, opening: Callable[[], Awaitable[str]], doing: str = "") -> str:
        """Show the session whose id `opening` returns.

        Returns that id, "" when a later call superseded this one.
        """

    @abstractmethod
    async def save_draft(self) -> None:
        """Save the draft in the prompt to disk."""

    @abstractmethod
    def draft_changed(self) -> None:
        """Save the draft soon: its text or its attachments changed."""

    @abstractmethod
    def refresh_budget(self) -> None:
        """Show the budget after it changed."""

    # -- messages of panels, transcript and chips ------------------------------------------------------
    @on(Chips.Removed)
    def _remove_chip(self, event: Chips.Removed) -> None:
        self.composer.remove(event.chip)

    @on(Chips.Emptied)
    def _leave_empty_chips(self) -> None:
        self.prompt.focus()

    @on(Chips.Unfolded)
    def _unfold_chip(self, event: Chips.Unfolded) -> None:
        self.composer.unfold(event.chip)

    @on(Transcript.LinkClicked)
    def _follow_link(self, event: Transcript.LinkClicked) -> None:
        if not self.file_actions.preview_link(event.href):
            self.do(self.stage.open(event.href, event.shown))

    @on(OpenLink)
    def _open_link(self, event: OpenLink) -> None:
        self.do(self.stage.open(event.url, event.shown))

    @on(CopyLink)
    def _copy_link(self, event: CopyLink) -> None:
        self.stage.copy(event.url, "the link")

    @on(SaveFiles)
    @on(SaveInto)
    def _save_files(self, event: SaveFiles | SaveInto) -> None:
        if isinstance(event, SaveInto):
            self.do(self.file_actions.save_into(event.part))
        else:
            self.do(self.file_actions.save(event.parts))

    @on(PreviewFile)
    def _preview_file(self, event: PreviewFile) -> None:
        self.file_actions.preview(event.part)

    @on(OpenFile)
    def _open_file(self, event: OpenFile) -> None:
        self.do(self.file_actions.open(event.part))

    @on(CopyFile)
    def _copy_file(self, event: CopyFile) -> None:
        self.file_actions.copy(event.part)


def _name_of(browsed: Widget | None) -> str:
    """The name of the browsed widget as the pane shows it; "" for None."""
    if browsed is None:
        return ""
    if isinstance(browsed, Chips):
        return "attachments"
    if isinstance(browsed, QueueStrip):
        return "the queue"
    return str(browsed.border_title or "the answers")


LEAVE_WITHIN_MS: Final = 2000
"""A second Ctrl+C within this time leaves the program."""
SENDING: Final = ("send", "queue")
"""Prompt actions that send text: they must not run before the person has seen the prompt focused."""
_BROWSING: Final = ("transcript", "copy_current", "mention", "source", "data")
"""Actions bound to single letters; they work only while the transcript is browsed."""


class NavigationScreen(BaseWorkScreen, inherit_bindings=False):
    """Implements the actions of the key table.

    Textual's own bindings are left out: its Tab would move the focus.
    """

    BINDINGS: ClassVar[list[BindingType]] = bindings(Where.ANYWHERE, Where.TRANSCRIPT)

    def __init__(self, options: AppOptions, now_ms: Callable[[], int]) -> None:
        super().__init__(options, now_ms)
        self._ctrl_c_ms: int | None = None
        self._keys_for: tuple[object, ...] = ()
        self._was_styled = False

    @property
    def active_bindings(self) -> dict[str, ActiveBinding]:
        """The active bindings in footer order; those that do not fit are hidden instead of cut."""
        return for_footer(super().active_bindings, self.size.width, self.app.get_key_display)

    def on_screen_resume(self, event: ScreenResume) -> None:
        """Skip Textual's restyling at the first resume: mounting has just styled every widget."""
        event.refresh_styles, self._was_styled = self._was_styled, True

    def on_resize(self) -> None:
        """Rebuild the footer, which depends on the width."""
        self.refresh_bindings()

    # -- routing of keys to the prompt ---------------------------------------------------------------
    def leads_to_prompt(self, event: Key | Paste) -> bool:
        """Focus the prompt before an event is dispatched: for a paste, or a key without an active binding.

        True: the event does nothing else and is dropped. That holds for keys that would send, because the
        person has not seen yet what Enter would send.
        """
        if self.focused is self.prompt:
            return False
        if isinstance(event, Paste):
            self.set_focus(self.prompt)
            return False
        if self._active_action(event.key) is not None:
            return False
        self.set_focus(self.prompt)
        return self._active_action(event.key) in SENDING

    def _active_action(self, key: str) -> str | None:
        """The enabled action of a key for the present focus, None when there is none."""
        active = self.active_bindings.get(key)
        return active.binding.action if active is not None and active.enabled else None

    # -- keys ----------------------------------------------------------------------------------
    @property
    def something_open(self) -> bool:
        """Whether Esc has something to close."""
        return self._find_closer() is not None

    def _find_closer(self) -> Callable[[], None] | None:
        """The function that closes the topmost open thing, None when nothing is open."""
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
        """Whether a turn of the open session is being sent or watched. A waiting queue does not count."""
        return self.desk is not None and self.desk.running

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Whether an action works now; the footer shows only those."""
        if action == "suspend":
            return sys.platform != "win32"
        if action in _BROWSING:
            return self.browsed is self.transcript
        if action == "command" and parameters == ("detach",):
            return self.watching and not self.something_open
        return True

    def renew_keys(self) -> None:
        """Rebuild the footer if the set of working keys changed."""
        box = self.prompt
        keys = (self.watching, self.something_open, self.browsed, box.busy, box.offering, not box.text)
        if keys != self._keys_for:
            self._keys_for = keys
            self.refresh_bindings()

    def action_back(self) -> None:
        """Close the topmost open thing; with nothing open and an empty prompt, browse the answers."""
        if (close := self._find_closer()) is not None:
            close()
        elif not self.prompt.text:
            self._browse_soon(self._browse_if_empty)
        self.renew_keys()

    def action_browse(self) -> None:
        """Browse the answers with single-letter keys, whether or not the prompt is empty."""
        self._browse_soon(self._browse_transcript)

    def _browse_soon(self, browse: Callable[[], None]) -> None:
        """Call `browse` after the keys of the same burst, which were not meant for a mode not yet visible."""
        self.app.call_later(self.prompt.call_later, browse)

    def _browse_if_empty(self) -> None:
        if not self.prompt.text:
            self._browse_transcript()

    def _browse_transcript(self) -> None:
        if self.transcript.display:
            self.browse(self.transcript)
            self.renew_keys()

    def action_scroll(self, where: str) -> None:
        """Scroll the transcript, regardless of the focus."""
        view = self.transcript
        steps: dict[str, Callable[[], None]] = {
            "page_up": lambda: view.scroll_page_up(animate=False),
            "page_down": lambda: view.scroll_page_down(animate=False),
            "home": lambda: view.scroll_home(animate=False),
            "end": view.follow,
        }
        steps[where]()

    def action_transcript(self, command: str) -> None:
        """Move the cursor of the transcript, or go from match to match."""
        view = self.transcript
        commands: dict[str, Callable[[], None]] = {
            "cursor_next": view.cursor_next,
            "cursor_previous": view.cursor_previous,
            "find_next": view.find_next,
            "find_previous": view.find_previous,
        }
        commands[command]()

    def action_clear(self) -> None:
        """Copy the selection, else cancel an edit, clear the prompt or the attachments.

        With nothing to clear, the second press within `LEAVE_WITHIN_MS` leaves.
        """
        # Queued behind the letters that the prompt has not processed yet.
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
        elif self.composer.chosen:
            self.composer.clear_files()
            self.stage.say("All attachments removed.")
        elif self._ctrl_c_ms is not None and now - self._ctrl_c_ms <= LEAVE_WITHIN_MS:
            self.do(self.stage.leave())
        else:
            self._ctrl_c_ms = now
            self.stage.say("Press ^C again to leave.")

    def action_leave_if_empty(self) -> None:
        """Leave from an empty prompt; else delete the character to the right, as shells do."""
        self.prompt.call_later(self._leave_if_empty)

    def _leave_if_empty(self) -> None:
        if self.prompt.text:
            self.prompt.action_delete_right()
        else:
            self.do(self.stage.leave())

    def action_chips(self) -> None:
        """Focus the attachments."""
        if self.pane.chips.display:
            self.browse(self.pane.chips)
        else:
            self.stage.say("No attachments yet. Type @ to add a file, or /file PATH.")

    def action_suspend(self) -> None:
        """Suspend to the shell.

        Refused without a shell with job control, because nothing could resume the program.
        """
        if not self.app.is_headless and os.getpgrp() != os.getsid(0):
            self.app.action_suspend_process()
        else:
            self.stage.say("There is no shell here to go back to.")

    def action_copy_current(self) -> None:
        """Copy the part at the cursor, else the newest answer."""
        text = self.transcript.copy_current()
        if text:
            self.stage.copy(text, "this part" if self.transcript.copyable_at_cursor() else "the last answer")

    def action_data(self) -> None:
        """Show the data at the cursor, else the newest."""
        self.do(show_data(self.at_work, self.stage, self.transcript.part_at_cursor))

    def action_panel(self, name: str) -> None:
        """Show a panel by its name."""
        self.show_panel(name)


NumberedMention = tuple[Mention, int, int]
"""A mention, the number of its source, and its index among the mentions of that source."""


class CitationScreen(NavigationScreen):
    """Navigates between sources in the panel and their mentions in the transcript.

    Copying and exporting sources use the same functions as the slash command.
    """

    # -- messages of the panel -----------------------------------------------------------------
    @on(ShowMention)
    def _show_mention(self, event: ShowMention) -> None:
        if not event.places:
            title = clean_line(event.source.part.title or event.source.host, 60)
            self.stage.say(f"No answer names source {event.source.number}, {title}.")
        else:
            self._point(event.source, event.places[event.at])

    @on(CopyFootnotes)
    def _copy_footnotes(self, event: CopyFootnotes) -> None:
        copy_sources(self.stage, self.at_work.session, event.sources)

    @on(ExportSources)
    def _export_sources(self, event: ExportSources) -> None:
        self.do(export_sources(self.stage, self.at_work, event.sources))

    def _point(self, source: Source, mention: Mention) -> None:
        if not self.transcript.point(mention, source.key if source.part.url else ""):
            self.stage.say("That place is not on the screen.", "warning")

    # -- keys of the transcript ----------------------------------------------------------------
    def action_mention(self, by: int) -> None:
        """Go `by` mentions on from the highlighted one; without a highlight, to one at the cursor."""
        mentions = self._list_mentions()
        index = self._next_index(mentions, by)
        if index is None:
            self.stage.say(
                "No answer names a source." if not mentions else "No further place names a source."
            )
            return
        mention, number, _ = mentions[index]
        self._point(self._source(number), mention)

    def _source(self, number: int) -> Source:
        return next(source for source in self.side.sources.sources if source.number == number)

    def action_source(self) -> None:
        """Show the source of the highlighted mention; without one, the first one mentioned at the cursor."""
        mentions = self._list_mentions()
        highlighted, part = self.transcript.highlighted_mention, self.transcript.part_at_cursor
        index = _index_of(mentions, highlighted)
        index = _index_in_part(mentions, part) if index is None else index
        if index is None:
            self.stage.say("No source is named here. m goes to the next place that names one.")
            return
        mention, number, at = mentions[index]
        self.show_panel("sources")
        self.side.sources.go_to(number, at)
        self._point(self._source(number), mention)

    def _list_mentions(self) -> list[NumberedMention]:
        """All mentions of sources in the order of the transcript."""
        session, panel = self.at_work.session, self.stage.sources()
        turns = {turn.turn_id: at for at, turn in enumerate(session.turns)}
        mentions = [
            (mention, number, at)
            for number, places in panel.mentions.items()
            for at, mention in enumerate(places)
            if mention.turn_id in turns
        ]
        mentions.sort(key=lambda item: (turns[item[0].turn_id], item[0].position, item[0].start, item[1]))
        return mentions

    def _next_index(self, mentions: list[NumberedMention], by: int) -> int | None:
        """The index in `mentions` to go to; None when there is no further mention."""
        highlighted, part = self.transcript.highlighted_mention, self.transcript.part_at_cursor
        index = _index_of(mentions, highlighted)
        if index is not None:
            index += by
            # A place that mentions two sources is listed twice and counts as one stop.
            while 0 <= index < len(mentions) and mentions[index][0] == highlighted:
                index += by
        elif part is not None:
            index = _index_in_part(mentions, part)
        else:
            index = len(mentions) - 1 if by < 0 else 0
        return index if index is not None and 0 <= index < len(mentions) else None


def _index_of(mentions: list[NumberedMention], mention: Mention | None) -> int | None:
    return next((index for index, item in enumerate(mentions) if item[0] == mention), None)


def _index_in_part(mentions: list[NumberedMention], part: tuple[str, int] | None) -> int | None:
    """The index of the first mention in a part, given as turn id and position in the turn."""
    places = [(mention.turn_id, mention.position) for mention, _, _ in mentions]
    return next((index for index, place in enumerate(places) if place == part), None)


@dataclass(frozen=True, slots=True)
class Target:
    """The state of the screen when Enter was pressed: the session a message goes to, and its contents."""

    session_id: str
    draft_name: str
    budget: str
    snapshot: PromptSnapshot
    replaces: str | None = None
    """The queued turn that the prompt holds for editing."""


class SubmissionScreen(CitationScreen):
    """Handles Enter: the text of the prompt is a message, a command or empty.

    Also handles the queue strip.
    """

    def __init__(self, options: AppOptions, now_ms: Callable[[], int]) -> None:
        super().__init__(options, now_ms)
        self.finished_turns = FinishedTurns()
        self.shown_session_id = ""
        """The id of the session on the screen; "" before the first one is shown."""
        self.sender = SendFlow(self.pane, self.stage, self.composer, lambda: self.shown_session_id)
        self.prompt.target = self._target
        self._early_submission = ""
        self._resuming: set[str] = set()
        """Sessions whose held queue is being resumed."""
        self._confirmed_signs: set[str] = set()
        """Leading signs that the person confirmed as the start of a message; they are not asked again."""
        self._is_asking_sign = False

    @property
    def has_session(self) -> bool:
        """Whether a session is on the screen."""
        return bool(self.shown_session_id)

    def _target(self) -> Target | None:
        desk, editor = self.desk, self.queue_editor
        if desk is None or not self.has_session:
            return None
        session_id, budget = self.shown_session_id, desk.budget
        if editor.edit is not None:
            budget = editor.edit.turn.order.budget or budget
        name = desk.draft_name(session_id)
        return Target(session_id, name, budget, self.composer.snapshot(), editor.turn_id)

    @on(PromptBox.Submitted)
    def _handle_submit(self, event: PromptBox.Submitted) -> None:
        target = event.target
        if not isinstance(target, Target):
            self._submit_unconnected(event.text)
        elif target.snapshot.drops:
            # Enter was pressed right after a drop: its files are attached first.
            self.do(self._submit_with_drops(target))
        else:
            self._submit(target)

    async def _submit_with_drops(self, target: Target) -> None:
        self._submit(replace(target, snapshot=await self.composer.with_drops(target.snapshot)))

    def _submit(self, target: Target) -> None:
        """Send the text of the prompt as a message, run it as a command, or handle an empty prompt."""
        snapshot = target.snapshot
        if snapshot.text.strip():
            beyond = self.sender.beyond(target.session_id, snapshot)
            if beyond is None:
                return
            snapshot = beyond
        match classify(snapshot.text):
            case Empty():
                self._submit_empty(target)
            case CommandLine(name, rest):
                if target.session_id != self.shown_session_id:
                    # The command was meant for a session that is no longer on the screen.
                    return
                if command_named(name) is not None:
                    self.composer.clear_sent(snapshot, ())
                self.do(self.run_command(name, rest))
            case Prompt(text, sign):
                target = replace(target, snapshot=snapshot)
                if not sign or sign in self._confirmed_signs:
                    self._send(target, text)
                else:
                    self.do(self._send_if_confirmed(target, text, sign))

    async def _send_if_confirmed(self, target: Target, text: str, sign: str) -> None:
        if await self._confirm_sign(sign):
            self._send(target, text)

    def _send(self, target: Target, text: str) -> None:
        if target.replaces is None and self._must_wait(target.session_id):
            return
        submission = Submission(
            target.session_id, target.draft_name, target.budget, text, target.snapshot, target.replaces
        )
        self.sender.accept(submission)
        self.do(self._send_accepted(submission))

    async def _send_accepted(self, submission: Submission) -> None:
        if await self.sender.send(self.at_work, submission) and submission.replaces is not None:
            self.queue_editor.stored(submission.replaces)

    def _must_wait(self, session_id: str) -> bool:
        """Whether the service asked for a pause that is not over; if so, say how long it lasts."""
        wait = self.pane.card.waiting_s(self.now_ms()) if session_id == self.shown_session_id else 0
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
                self._early_submission = typed
                self.stage.say("Still connecting; it is sent as soon as the service is there.")

    @on(TextArea.SelectionChanged, "#prompt")
    def _handle_cursor_move(self) -> None:
        self.composer.typed()

    @on(PromptBox.Dropped)
    def _handle_drop(self, event: PromptBox.Dropped) -> None:
        self.composer.dropped(event.paths, event.text)

    # -- Enter on an empty prompt --------------------------------------------------------
    def _submit_empty(self, target: Target) -> None:
        """Resume the held queue, or watch the running turn: of this session, else of another one."""
        session_id = target.session_id
        if target.snapshot.files:
            self.stage.say("Add a message to go with the attachment.", "warning")
        elif target.replaces is not None:
            self.queue_editor.cancel()
        elif self.at_work.hold_of(session_id) is not None:
            # Enter pressed twice resumes once.
            if session_id not in self._resuming and not self._must_wait(session_id):
                self._resuming.add(session_id)
                self.do(self._resume(session_id))
        else:
            self.do(self._watch(session_id))

    async def _resume(self, session_id: str) -> None:
        """Resume a held queue.

        For every limit that blocks it, ask for a higher amount; stop when one is declined.
        """
        desk = self.at_work
        try:
            while (hold := desk.hold_of(session_id)) is not None:
                if hold.gauge is not None:
                    from handinger_tui.ui.dialogs.limits import raise_limit  # noqa: PLC0415 - few are reached

                    if not await raise_limit(desk, self.stage, session_id, hold.gauge, sending=False):
                        return
                still = await desk.engine.actor(session_id).resume()
                if still is not None and still.gauge is None:
                    self.stage.say(f"Still held. {still.detail}".strip(), "warning")
                if still is None or still.gauge is None:
                    return
        finally:
            self._resuming.discard(session_id)

    async def _watch(self, session_id: str) -> None:
        desk = self.at_work
        if (
            await desk.watch_unwatched(session_id)
            or desk.engine.actor(session_id).running
            or not desk.running_elsewhere
        ):
            return
        running_id = desk.running_elsewhere[0].session_id
        if await self.switch(partial(desk.open, running_id)):
            await desk.watch_unwatched(running_id)

    async def _confirm_sign(self, sign: str) -> bool:
        """Ask whether text that begins with `sign` is a message; a yes is remembered for this sign."""
        if self._is_asking_sign:
            # Enter was pressed twice: the question is open already.
            return False
        from handinger_tui.ui.dialogs.confirm import Confirm  # noqa: PLC0415 - once there is a question

        body = f"{SIGNS[sign]} Sent to the worker as a message, it costs what a message costs."
        title = f"Send a message that begins with “{sign}”?"
        self._is_asking_sign = True
        try:
            is_confirmed = await self.stage.ask(Confirm(title, body, yes="Send it", no="Do not send"))
        finally:
            self._is_asking_sign = False
        if is_confirmed:
            self._confirmed_signs.add(sign)
        return bool(is_confirmed)

    async def send_early(self, desk: SessionController) -> None:
        """Send the message submitted before the connection, unless it would go to an unseen session."""
        typed, self._early_submission = self._early_submission, ""
        if not typed or not self.prompt.text.startswith(typed):
            return
        if desk.session.turns and self.options.opening is Opening.LAST_OR_FRESH:
            # The session was chosen by default: a message that costs money goes there only once
            # the person saw it.
            self.stage.say("This is your last session. Enter sends your message here, ^N starts anew.")
            return
        target = self._target()
        if target is not None:
            self._submit(replace(target, snapshot=replace(target.snapshot, text=typed)))

    async def send_first(self, desk: SessionController, session_id: str) -> None:
        """Send the prompt of the command line, or attach its files.

        A stored draft and its files are not included.
        """
        prompt, paths, budget = self.options.prompt, self.options.attachments, desk.budget
        try:
            if prompt:
                message = await self.composer.message_with(prompt, paths)
                await desk.send(Outgoing(session_id, budget, message.text, message.files))
                self.prompt.remember(prompt)
            else:
                await self.composer.add(paths)
        except HandingerError as problem:
            await self.restore_first(prompt or self.prompt.text)
            if not isinstance(problem, AttachmentProblem):
                raise
            self.pane.trouble(not_sent(problem))

    async def restore_first(self, prompt: str) -> None:
        """Put a message that was not sent back into the prompt, and its files on chips."""
        self.prompt.put(prompt)
        with suppress(HandingerError):
            await self.composer.add(self.options.attachments)

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
        self.do(self._withdraw(self.shown_session_id, event.turn))

    async def _withdraw(self, session_id: str, turn: Turn) -> None:
        await self.at_work.engine.actor(session_id).withdraw(turn.turn_id)
        if self.queue_editor.turn_id == turn.turn_id:
            self.queue_editor.cancel()
        self.composer.remember(PromptSnapshot(turn.order.prompt, turn.order.attachments))
        self.stage.say("Withdrawn. ↑ brings the text back.")

    @on(QueueStrip.Moved)
    def _move_queued(self, event: QueueStrip.Moved) -> None:
        self.do(self.at_work.engine.actor(self.shown_session_id).move_queued(event.turn.turn_id, event.to))


PAINTS_PER_S: Final = 10
"""Repaints per second while something changes. One takes 6 ms. The end of a text or turn paints at once."""
CLOCK_TICKS_PER_S: Final = 4
STUCK: Final = frozenset({"limit", "unreadable"})
"""Reasons of a hold that the header shows in place of the status of the worker."""
DRAFT_PAUSE_S: Final = 0.5
"""Seconds without typing after which the draft is saved to disk."""


class WorkScreen(SubmissionScreen):
    """Connects the screen to the engine: a change marks it dirty, and a timer repaints at `PAINTS_PER_S`."""

    def __init__(self, options: AppOptions, now_ms: Callable[[], int]) -> None:
        super().__init__(options, now_ms)
        self._dirty = False
        self._running_state = _running_state(None)
        self.deferred_panels = DeferredPanels(self, self.side.show, self._repaint)
        self.idle_work: IdleWork | None = None
        self._tick: ThrottledTimer | None = None
        self._clock_tick: ThrottledTimer | None = None
        self._typing: Timer | None = None
        self._unsubscribe: Callable[[], None] | None = None
        self._limit_watcher: LimitWatcher | None = None
        self._early_text = ""
        self._switches = 0
        """Number of session switches requested so far: only the newest one takes effect."""

    def set_early_text(self, text: str) -> None:
        """Take text that was typed before the prompt existed; mounting puts it into the prompt."""
        self._early_text = text

    def on_mount(self) -> None:
        """Create the timers; they sleep until something changes."""
        self.idle_work = IdleWork(self, lambda: self.transcript.prepare() or tidy())
        self.transcript.moved = self.idle_work.start
        self._tick = ThrottledTimer(self, PAINTS_PER_S, self._paint_if_dirty)
        self._clock_tick = ThrottledTimer(self, CLOCK_TICKS_PER_S, self._move_clock)
        self.pane.budget(self.options.budget)
        if self._early_text:
            self.prompt.put(self._early_text)

    def on_unmount(self) -> None:
        """Unsubscribe; the engine goes on without a screen."""
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None

    @property
    def at_rest(self) -> bool:
        """Whether nothing waits to be painted."""
        return not self._dirty and not self.deferred_panels.waiting

    @property
    def asleep(self) -> bool:
        """Whether no timer that paints is running."""
        return not any(timer is not None and timer.running for timer in (self._tick, self._clock_tick))

    # -- start ---------------------------------------------------------------------------
    async def connected(self, connection: Connection) -> None:
        """Take the connection, then open the requested session and send the message of the command line."""
        self.desk = SessionController(connection, self.options.budget)
        self._limit_watcher = LimitWatcher(self.desk, self.stage, self.pane)
        self._unsubscribe = connection.engine.subscribe(self._changed)
        self.header.account(connection.badge)
        self.pane.account(connection.badge)
        for warning in connection.warnings:
            self.stage.say(warning, "warning")
        self.do(self._open_initial())

    async def _open_initial(self) -> None:
        """Open the requested session, then send the message of the command line or the early one."""
        desk, options = self.at_work, self.options
        initial = InitialSession(desk.session_id)
        try:
            recovered = await desk.recover()
            initial = await open_initial_session(desk, options)
            self._report_recovered(desk, recovered, initial.session_id)
            await self._show_first_session(desk, initial)
            # After the session is shown: finding the prompts of 2,000 turns takes 0.1 s.
            self.prompt.remember(*await desk.shelf.prompts(), older=True)
            if initial.problem is not None:
                raise initial.problem
        except HandingerError:
            # The message was meant for the session that failed to open: keep it, do not send it elsewhere.
            await self.restore_first(options.prompt or self.prompt.text)
            if not self.has_session:
                await self._show_first_session(desk, initial)
            raise
        if initial.notice:
            self.stage.say(initial.notice, "warning")
        if options.opening is Opening.WORKER:
            await desk.watch_unwatched(initial.session_id)
        await self.send_first(desk, initial.session_id)
        await self.send_early(desk)
        if initial.pick:
            self.action_command("sessions")
        self.do(self._check_running_sessions(desk))

    def _report_recovered(self, desk: SessionController, recovered: list[str], opened_id: str) -> None:
        """Report the leftovers of an earlier run: messages that may have been sent, and queued ones."""
        checking = sum(desk.engine.actor(session_id).running for session_id in recovered)
        if checking:
            were = "was" if checking == 1 else "were"
            self.stage.say(f"{plural(checking, 'message')} {were} interrupted last time; checking…")
        for session_id in recovered:
            queued = len(desk.queue_of(session_id))
            # The queue of the opened session is visible above its prompt.
            if queued and session_id != opened_id:
                were = "was" if queued == 1 else "were"
                messages = f"{plural(queued, 'message')} to “{desk.title(session_id)}”"
                self.stage.say(f"{messages} {were} not sent last time: ^S opens it.")

    async def _show_first_session(self, desk: SessionController, initial: InitialSession) -> None:
        self._show_session(initial.session_id, await desk.read_draft(initial.session_id))

    async def _check_running_sessions(self, desk: SessionController) -> None:
        """Check once on the turns that were left running, and report the result.

        Runs after the rest of the start.
        """
        result = await check_running_sessions(desk)
        for line in format_check(result, desk.session_id, self.now_ms()):
            self.stage.say(line)
        self._repaint()
        for screen in self.app.screen_stack:
            if isinstance(screen, Reloads):
                screen.reload()

    async def switch(self, opening: Callable[[], Awaitable[str]], doing: str = "") -> str:
        """Show the session whose id `opening` returns, with its draft.

        Returns that id, "" when a later call superseded this one. The screen keeps the present session
        until the new one is read, then changes in one step.

        Raises:
            HandingerError: the session cannot be opened.
        """
        desk = self.at_work
        self._switches += 1
        number = self._switches
        self.pane.opening(doing)
        try:
            saved_draft = await self._save_leaving_draft(desk)
            session_id = await opening()
            draft = await desk.read_draft(session_id)
        except HandingerError:
            if number == self._switches:
                raise
            return ""
        finally:
            if number == self._switches:
                self.pane.opening("")
        if number != self._switches:
            return ""
        if session_id != self.shown_session_id:
            self._leave_session(desk, saved_draft)
        self._show_session(session_id, draft)
        return session_id

    async def _save_leaving_draft(self, desk: SessionController) -> Draft:
        """Save the draft of the session on the screen before another one is opened; returns the draft."""
        session_id, draft = self.shown_session_id, self.queue_editor.draft()
        name = desk.draft_name(session_id) if session_id else FRESH_DRAFT
        if session_id and name == FRESH_DRAFT and self.sender.sending(session_id):
            # Its first message is being sent: the text must not become the draft of the next new session.
            await desk.save_draft(session_id, draft)
            await desk.save_draft(FRESH_DRAFT, Draft())
        elif session_id:
            await desk.save_draft(name, draft)
        return draft

    def _leave_session(self, desk: SessionController, saved_draft: Draft) -> None:
        """Save what was typed after `saved_draft` went to disk."""
        if not self.shown_session_id:
            return
        self.queue_editor.cancel()
        snapshot = self.composer.snapshot()
        if snapshot.draft != saved_draft:
            sending = self.sender.sending(self.shown_session_id)
            name = self.shown_session_id if sending else desk.draft_name(self.shown_session_id)
            self.do(self._save_snapshot(desk, name, snapshot))

    async def _save_snapshot(self, desk: SessionController, name: str, snapshot: PromptSnapshot) -> None:
        try:
            await desk.save_draft(name, snapshot.draft)
        except HandingerError:
            # The text is gone from the screen: the prompt history is the last place for it.
            self.composer.remember(snapshot)
            raise

    def _show_session(self, session_id: str, draft: Draft) -> None:
        """Put a session on the screen with its draft, without an await in between."""
        desk = self.at_work
        is_other = self.shown_session_id != session_id
        is_first, self.shown_session_id = not self.shown_session_id, session_id
        unsent = desk.show(session_id)
        # Text typed while the app was connecting stays.
        if is_other and not (is_first and (self.prompt.text or self.composer.chosen)):
            self.composer.restore(draft)
        self.pane.trouble(None)
        self.composer.return_drafts(unsent)
        self.finished_turns.ended(desk.session)
        if desk.session.turns:
            self.do(desk.shelf.mark_read(session_id))
        self._repaint()
        # Paint the stored session at once; the check of the recorded charges comes after.
        if self._tick is not None:
            self._tick.at_once()
        if (watcher := self._limit_watcher) is not None:
            self.set_timer(AFTER_PAINT_S, lambda: self.do(watcher.count()))
            if is_first:
                # Another program may spend or raise a limit. A check that finds nothing new paints nothing.
                self.set_interval(
                    1 / CHECKS_PER_S,
                    lambda: watcher.is_checking or self.do(watcher.check(self.app.screen_stack)),
                )
        if not is_first:
            # At the first session the person may already have focused a panel or the chips.
            self.prompt.focus()

    async def save_draft(self) -> None:
        """Save the draft in the prompt to disk."""
        if self.desk is not None and self.has_session:
            await self.desk.save_draft(self.desk.draft_name(self.shown_session_id), self.queue_editor.draft())

    def refresh_budget(self) -> None:
        """Show the budget of the next turns, and soon its typical cost."""
        self.pane.budget(self.at_work.budget)
        self._repaint()

    def panels_changed(self) -> None:
        """Repaint, because the contents of the panels may be stale."""
        self._repaint()

    # -- changes and painting ------------------------------------------------------------
    def _changed(self, session_id: str) -> None:
        """Handle a change in the engine: mark the screen dirty. Nothing is computed here."""
        desk = self.at_work
        if session_id == desk.session_id:
            self._repaint()
            before_state = self._running_state
            self._running_state = _running_state(_newest_started(desk.session))
            if self._tick is not None and any(
                before and not now for before, now in zip(before_state, self._running_state, strict=True)
            ):
                # The end of a text or turn is painted without waiting for the next tick.
                self._tick.at_once()
        elif session_id not in desk.checking:
            self._handle_background_change(desk, desk.engine.session(session_id))

    def _handle_background_change(self, desk: SessionController, session: Session) -> None:
        """Handle a change in a session that is not on the screen: report its end and mark it unread."""
        self.finished_turns.remember(session)
        if desk.engine.actor(session.session_id).running:
            return
        if any(turn.status is not TurnStatus.RUNNING for turn in self.finished_turns.ended(session)):
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
        self._handle_ended_turns(desk, self.finished_turns.ended(session))
        gauges = desk.engine.actor(desk.session_id).gauges
        queue, hold, running = desk.queued, desk.hold, desk.running
        if not self.sender.sending(session.session_id):
            notice = self.queue_editor.follow({turn.turn_id for turn in queue})
            if notice:
                self.stage.say(notice, "warning")
        # A detached worker or a failed turn says more than waiting messages: the header keeps its status.
        stuck = hold is not None and hold.reason in STUCK and not running
        self.header.limits(gauges, held=stuck)
        self.header.show(session, now)
        self.pane.running, self.pane.queued, self.pane.hold = running, queue, hold
        self.pane.editing, self.pane.gauges = self.queue_editor.turn_id, gauges
        self.pane.elsewhere = next((clean_line(other.title, 40) for other in desk.running_elsewhere), None)
        self.pane.show(session, now, money=not self.side.display)
        self.deferred_panels.show(session)
        self._update_clock_timer()
        self.renew_keys()
        if self.idle_work is not None:
            self.idle_work.streaming = running
            self.idle_work.start()

    def _paint_money(self, desk: SessionController) -> None:
        if self._limit_watcher is None or not self.has_session:
            return
        gauges = desk.engine.actor(desk.session_id).gauges
        self.side.gauges(gauges)
        self._limit_watcher.warn(gauges)
        if self._limit_watcher.is_chip_stale:
            self.do(self._limit_watcher.refresh_chip())

    def _handle_ended_turns(self, desk: SessionController, ended: list[Turn]) -> None:
        """Return the texts of undelivered turns to the prompt, and mark the session read."""
        if ended:
            self.composer.return_drafts(drafts(ended))
            self.stage.repair_answer()
            self.do(desk.shelf.mark_read(desk.session_id))

    def _update_clock_timer(self) -> None:
        """Run the clock only while a countdown or a turn runs."""
        is_waiting = self.pane.card.waiting_s(self.now_ms()) > 0
        if self._clock_tick is not None and (is_waiting or self.watching):
            self._clock_tick.start()
        elif self._clock_tick is not None:
            self._clock_tick.stop()

    def _move_clock(self) -> None:
        """Update the elapsed times in header and panels, and the countdown; the transcript is not touched."""
        now = self.now_ms()
        self.header.beat(now)
        self.side.tick(now)
        self.pane.advise(now)
        self._update_clock_timer()

    @on(TextArea.Changed, "#prompt")
    def _handle_typing(self) -> None:
        self.composer.typed()
        self.draft_changed()

    def draft_changed(self) -> None:
        """Restart the pause after which the draft is saved to disk."""
        if self._typing is not None:
            self._typing.stop()
        self._typing = self.set_timer(DRAFT_PAUSE_S, lambda: self.do(self.save_draft()))
        # Typing changes nothing of the session: no repaint, which would walk up to 2,000 turns per letter.
        self.renew_keys()


def _newest_started(session: Session) -> Turn | None:
    return next((turn for turn in reversed(session.turns) if turn.status is not TurnStatus.QUEUED), None)


def _running_state(turn: Turn | None) -> tuple[bool, bool]:
    """Whether the turn runs, and whether a text part of it is still streaming."""
    return (False, False) if turn is None else (turn.live, bool(turn.open_text))
