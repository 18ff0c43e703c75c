"""Work screen: the open session, its prompt and its panels. The only subscriber to the engine's changes."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.binding import ActiveBinding, BindingType
from textual.events import Key, Paste, Resize, ScreenResume
from textual.screen import Screen
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import TextArea

from handinger_tui.core.errors import HandingerError
from handinger_tui.core.safety import clean_line
from handinger_tui.ui.background import tidy
from handinger_tui.ui.commands import command_named, completions, unknown_command_text
from handinger_tui.ui.commands.command import CommandContext
from handinger_tui.ui.commands.files import copy_sources, export_sources, show_preview
from handinger_tui.ui.front import copy_line, open_judged
from handinger_tui.ui.interaction import Interaction
from handinger_tui.ui.keys import Where, bindings
from handinger_tui.ui.panels import WIDE
from handinger_tui.ui.panels.file_actions import FileActions
from handinger_tui.ui.panels.files import FilesPanel
from handinger_tui.ui.panels.panel import (
    CopyLink,
    FileRequest,
    OpenLink,
    ShowMention,
    SourcesRequest,
)
from handinger_tui.ui.panels.usage import UsagePanel
from handinger_tui.ui.ports import AppOptions, Connection, Opening
from handinger_tui.ui.sessions.controller import SessionController, StillConnecting
from handinger_tui.ui.terminal.diff_app import clip_paints
from handinger_tui.ui.transcript.selection import SelectableRows, one_selection
from handinger_tui.ui.transcript.transcript import Transcript
from handinger_tui.ui.widgets.frame import BareContainer, FooterLine, HeaderLine
from handinger_tui.ui.widgets.prompt import PromptBox
from handinger_tui.ui.widgets.status_text import limit_mark, took_text
from handinger_tui.ui.widgets.strips import Chips, QueueStrip
from handinger_tui.ui.widgets.welcome import Welcome
from handinger_tui.ui.work.attachments import Attachments
from handinger_tui.ui.work.browsing import Browsing
from handinger_tui.ui.work.changes import SessionChanges, undelivered
from handinger_tui.ui.work.composer import Composer
from handinger_tui.ui.work.entering import Submitter
from handinger_tui.ui.work.key_actions import WHILE_BROWSING, KeyActions, Parts
from handinger_tui.ui.work.limit_watcher import (
    CHECKS_PER_S,
    LimitWatcher,
)
from handinger_tui.ui.work.paint_scheduler import AFTER_PAINT_S, PaintScheduler
from handinger_tui.ui.work.pane import PaneState, SessionPane, replay_hint
from handinger_tui.ui.work.sending import SendFlow
from handinger_tui.ui.work.session_switcher import FirstScreen, SessionSwitcher
from handinger_tui.ui.work.source_navigation import SourceNavigation
from handinger_tui.ui.work.startup import Startup
from handinger_tui.ui.work.view import ScreenView

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from handinger_tui.core.turns.session import Session
    from handinger_tui.core.turns.turn import Turn
    from handinger_tui.engine.session_actor import SessionActor
    from handinger_tui.ui.commands.command import Command
    from handinger_tui.ui.work.changes import EndedTurn
    from handinger_tui.ui.work.notices import Notices

SENDING: Final = ("send", "queue")
"""Prompt actions that send text: they must not run before the person has seen the prompt focused."""
DELETED_EVERY_S: Final = 1.0
"""Seconds between two attempts to delete sessions that wait for the end of their turn."""
OPENING_FILE: Final = "opening the file"
OPENING_LINK: Final = "opening the link"
LENDING: Final = ("editor", "pager")
"""Commands that lend the terminal to another program."""
STUCK: Final = frozenset({"limit", "unmeasured", "unreadable"})
"""Reasons of a hold that the header shows in place of the status of the worker."""
SAVE_DRAFT_WITHIN_S: Final = 0.15
"""Seconds after a key within which the draft begins to be saved to disk, also while keys go on coming."""

LinkEvent = SelectableRows.LinkClicked | OpenLink | CopyLink | ShowMention | SourcesRequest


def sends(active_bindings: dict[str, ActiveBinding], key: str) -> bool:
    """Whether a key would send what is in the prompt."""
    active = active_bindings.get(key)
    return active is not None and active.enabled and active.binding.action in SENDING


def classes_of_length(cells: int, breakpoints: Sequence[tuple[int, str]] | None) -> dict[str, bool]:
    """Whether a screen as wide or as high has each of these classes, in ascending order."""
    reached = [name for least, name in breakpoints or () if least <= cells]
    return {name: name in reached[-1:] for _least, name in breakpoints or ()}


class WorkScreen(BareContainer, Screen[None], inherit_bindings=False):
    """Lays out header, session pane, panels and footer, and paints them when the engine reports a change.

    Textual's own bindings are omitted: its Tab would move the focus.
    """

    AUTO_FOCUS = "#prompt"
    validate_selections = one_selection
    BINDINGS: ClassVar[list[BindingType]] = bindings(Where.ANYWHERE, Where.TRANSCRIPT)
    saves_drafts = False
    """Whether all that was typed before the first frame is in the prompt."""
    notices: Notices | None = None
    """None before there is a connection."""
    _was_styled = False
    _unseen = ""
    """The session whose turn ended behind a page."""

    def __init__(self, options: AppOptions, now_ms: Callable[[], int]) -> None:
        super().__init__()
        clip_paints(self)
        self.HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (WIDE, "-wide")]
        self._options = options
        self._now_ms = now_ms
        self._early_text, self._blind_lines = "", list[str]()
        self._draft_timer: Timer | None = None
        self._unsubscribe: Callable[[], None] | None = None
        self._keys_for: tuple[object, ...] = ()

        self.controller = controller = SessionController(options.budget)
        offered = partial(completions, controller=controller)
        self.pane = pane = SessionPane(
            offered, options.disk, options.keys, local=options.local, compact=options.compact, id="pane"
        )
        self.interaction = interaction = Interaction(self, pane.acknowledge)
        self._header = HeaderLine(local=options.local, id="header")
        self.prompt, self.transcript = pane.prompt, pane.transcript
        self.sidebar = sidebar = pane.sidebar
        self.scheduler = PaintScheduler(self, self._paint, self._advance_clock, sidebar.show, tidy)

        attachments = Attachments(
            options.disk, pane.prompt, pane.chips, interaction.run, self._save_draft_soon
        )
        self.composer = composer = Composer(
            pane.prompt,
            attachments,
            lambda: interaction.app,
        )
        pane.origin = lambda: composer.origin
        self.send_flow = send_flow = SendFlow(controller, interaction, pane, composer)
        self.switcher = switcher = SessionSwitcher(
            controller, interaction, pane, composer, self._handle_shown, options.early_texts
        )
        self.browsing = Browsing(self, controller, pane, composer, self.scheduler.request)
        self._first_screen = FirstScreen(
            controller,
            interaction,
            pane,
            self.browsing,
            lambda session_id: self.action_command("sessions", session_id),
            now_ms,
        )
        self.reload = self._first_screen.renew
        """Called when the history has changed."""
        self.files = FileActions(controller, interaction, sidebar.panel(FilesPanel).downloads)
        self._sources = SourceNavigation(
            controller, interaction, pane.transcript, sidebar, self.browsing.show_panel
        )
        view = ScreenView(
            options, composer, interaction, pane, self.browsing, self._sources, self.scheduler.request
        )
        self.context = context = CommandContext(
            options,
            controller,
            interaction,
            composer,
            switcher,
            view,
            self.files,
            send_flow.send_again,
            now_ms,
        )
        self.key_actions = KeyActions(
            context, Parts(interaction, pane, composer, self.browsing, self._sources), self
        )
        self._submitter = Submitter(context, interaction, pane, composer, send_flow, self.run_command)
        self.prompt.entered = self._submitter.enter
        self._submitter.early.changed = self.prompt.message_history.changed = self._save_draft_soon
        switcher.leaving = send_flow.leaving
        switcher.waiting_texts = lambda: self._submitter.early.texts
        self.prompt.before_typing = composer.make_way
        self._startup = Startup(context, interaction, pane, switcher, self._submitter)
        self._limits = LimitWatcher(
            controller, interaction, pane, self._header, now_ms, self.scheduler.between_keys
        )
        self.changes = SessionChanges(controller, interaction, self.scheduler)

    def compose(self) -> ComposeResult:
        """Lay out the header, the session pane with the panels, and the footer."""
        size = self.app.size
        self.sidebar.fit(size.width)
        # Textual sets those of the size at the first resize, and then styles every widget again: 13 ms.
        classes = {"-compact": self._options.compact}
        classes |= classes_of_length(size.width, self.HORIZONTAL_BREAKPOINTS)
        classes |= classes_of_length(size.height, self.app.VERTICAL_BREAKPOINTS)
        self.update_classes(classes, update=False)
        yield self._header
        yield self.pane
        yield FooterLine()

    def set_early_text(self, text: str, lines: list[str]) -> None:
        """Take text that was typed before the prompt existed; mounting puts it into the prompt.

        `lines`: those that were entered before it, when there was nothing to see yet.
        """
        self._early_text, self._blind_lines = text, lines

    def on_mount(self) -> None:
        """Show the budget, and the text that was typed before the prompt existed."""
        self.pane.budget(self._options.budget)
        self._submitter.early.add_blind(self._blind_lines)
        if self._early_text:
            self.prompt.put(self._early_text)

    def on_unmount(self) -> None:
        """Unsubscribe; the engine continues without a screen."""
        self.interaction.close()
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None

    # -- start -----------------------------------------------------------------------------------
    async def connected(self, connection: Connection) -> None:
        """Take the connection, then open the requested session and send the message of the command line."""
        new_id = self.controller.connect(connection)
        from handinger_tui.ui.work.notices import Notices  # nothing ends before

        self.notices = notices = Notices(self.controller, self.interaction, self._options.notices)
        limits = self._limits
        limits.tell_limit, limits.tell_runaway = notices.tell_limit, notices.tell_runaway
        limits.tell_needs = notices.tell_needs
        notices.ask()
        self.changes.tell = partial(self._handle_change, notices)
        self._unsubscribe = connection.engine.subscribe(self.changes.handle)
        self._header.set_account(connection.account)
        self.pane.welcome.set_account(connection.account)
        for warning in connection.warnings:
            self.interaction.announce(warning, "warning")
        self.interaction.run(self._start(new_id))

    async def _start(self, new_id: str) -> None:
        try:
            await self._startup.run(new_id)
        except HandingerError:
            self.controller.follows = True
            raise
        if self._options.opening is Opening.PICKER:
            self.action_command("sessions")
        self.interaction.run(self._startup.check_left_running())

    def _handle_shown(self, is_first: bool) -> None:
        """Paint the session that was just put on the screen; the check of recorded charges comes after."""
        self.changes.show(self.controller.session)
        self.pane.close_find_bar()
        self.scheduler.request(at_once=True)
        self._limits.check_soon()
        self._first_screen.renew()
        self.set_timer(AFTER_PAINT_S, lambda: self.interaction.run(self._limits.count()))
        if is_first:
            # Another program may spend or raise a limit. A check that finds nothing new paints nothing.
            self.set_interval(1 / CHECKS_PER_S, self._limits.check_between_keys)
            self.set_interval(DELETED_EVERY_S, self._limits.delete_ended)
        else:
            # At the first session the person may already have focused a panel or the chips.
            self.prompt.focus()

    def _handle_change(self, notices: Notices, actor: SessionActor, ended: Sequence[EndedTurn]) -> None:
        notices.handle(actor, ended)
        if ended:
            # The header does not say that it runs until the person pauses.
            self._limits.turn_ended()

    def _mark_as_seen(self, session_id: str) -> None:
        """Mark a session as read; behind a page, as unread until that is closed."""
        history = self.controller.connection.history
        self._unseen = "" if self.is_active else session_id
        self.interaction.run((history.mark_unread if self._unseen else history.mark_read)(session_id))

    # -- painting ----------------------------------------------------------------------------------
    def _paint(self) -> None:
        controller, now_ms = self.controller, self._now_ms()
        if not controller.session_id:
            return
        session, actor = controller.session, controller.shown
        if ended := self.changes.take(session.session_id):
            self.composer.return_drafts(undelivered([one.turn for one in ended], actor.is_author))
            # A recorder of the terminal's bytes then also gets the answer in one piece.
            self.interaction.app.repair(self.transcript)
            self._mark_as_seen(session.session_id)
        # Behind a page nobody sees it; it is painted when that is closed.
        if self.interaction.is_in_sight:
            self._paint_session(session, actor, now_ms)
        self._limits.show(actor.gauges)
        self.scheduler.clock.set_running(actor.running or self.pane.card.waiting_s(now_ms) > 0)
        self._renew_keys()
        self.scheduler.idle.streaming = actor.running
        self.scheduler.idle.start()

    def _paint_session(self, session: Session, actor: SessionActor, now_ms: int) -> None:
        controller, hold, gauges = self.controller, actor.hold, actor.gauges
        # A detached worker or a failed turn says more than waiting messages: the header keeps its status.
        is_stuck = hold is not None and hold.reason in STUCK and not actor.running
        self._header.set_limits(limit_mark(gauges), held=is_stuck)
        self._header.show(session, now_ms, took_text(session, self.pane.money))
        elsewhere = next((clean_line(other.title, 40) for other in controller.running_elsewhere), None)
        replay = replay_hint(controller.connection.replay)
        editing = self.composer.edited_id
        state = PaneState(
            True, actor.gate.state, actor.queued, editing, gauges, controller.budget, elsewhere, replay
        )
        self.pane.show(session, state, now_ms)
        self.scheduler.panels.show(session)
        self.sidebar.panel(UsagePanel).show_limits(gauges)

    def _advance_clock(self) -> None:
        """Update the elapsed times in header and panels, and the countdown; the transcript is not touched."""
        now_ms = self._now_ms()
        # Behind a page nobody sees them.
        if self.interaction.is_in_sight:
            self._header.beat(now_ms)
            self.sidebar.tick(now_ms)
            self.pane.advise(now_ms)
        # The clock stops when neither a countdown nor a turn runs.
        self.scheduler.clock.set_running(self.controller.running or self.pane.card.waiting_s(now_ms) > 0)

    # -- focus and keys ----------------------------------------------------------------------------
    def set_focus(
        self, widget: Widget | None, scroll_visible: bool = True, from_app_focus: bool = False
    ) -> None:
        """Focus the browsed widget, else the prompt: a click, Tab or a closing widget moves it nowhere."""
        # Without the focus of the terminal window Textual restores the focus later.
        if widget is not None or self.app.app_focus:
            widget = self.browsing.redirect(widget)
        super().set_focus(widget, scroll_visible, from_app_focus)
        self._renew_keys()

    @property
    def is_browsing(self) -> bool:
        """Whether letters may be commands: neither the prompt nor a field has the focus."""
        return self.focused is not self.prompt and not self.browsing.is_finding

    def type_from_browsing(self, letters: str) -> None:
        """Leave what is browsed and type the letters of a word, the rest of which follows as keys."""
        self.browsing.return_to_prompt()
        if letters:
            self.prompt.insert(letters)

    def leads_to_prompt(self, event: Key | Paste) -> bool:
        """Focus the prompt before an event is dispatched: for a paste, or a key without an active binding.

        True: the event does nothing else and is dropped. That holds for keys that would send, because the
        person has not seen yet what Enter would send.
        """
        if not self.is_browsing:
            return False
        if isinstance(event, Paste):
            self.browsing.return_to_prompt()
            return False
        if (active := self.active_bindings.get(event.key)) is not None and active.enabled:
            return False
        self.browsing.return_to_prompt()
        return sends(self.active_bindings, event.key)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Whether an action works now; the footer shows only those."""
        is_replaying = self.controller.connected and self.controller.connection.is_replaying
        if action == "key" and parameters == ("suspend",):
            return sys.platform != "win32"
        if action == "key" and parameters == ("pause",):
            return is_replaying and not self.prompt.text
        if action == "key" and parameters == ("skip",):
            return is_replaying and self.controller.running and not self.browsing.something_open
        if action == "key" and f"key({parameters[0]!r})" in WHILE_BROWSING:
            return self.browsing.browsed is self.transcript and self.key_actions.has_meaning(parameters[0])
        if action == "key" and parameters == ("back",):
            return self.browsing.something_open
        if action == "command" and parameters == ("detach",):
            is_watching = self.controller.running and not is_replaying
            return is_watching and not self.browsing.something_open
        return True

    def _renew_keys(self) -> None:
        """Rebuild the footer if the set of working keys changed."""
        prompt, browsing = self.prompt, self.browsing
        state = (self.controller.running, browsing.something_open, browsing.browsed)
        keys = (*state, prompt.busy, prompt.offering, not prompt.text)
        if keys != self._keys_for:
            self._keys_for = keys
            self.refresh_bindings()

    def on_screen_resume(self, event: ScreenResume) -> None:
        """Skip Textual's restyling at the first resume: mounting has just styled every widget."""
        event.refresh_styles, self._was_styled = self._was_styled, True
        if self._unseen and self._unseen == self.controller.session_id:
            self._mark_as_seen(self._unseen)
        # A dialog may have renamed or deleted a session.
        self._first_screen.renew()
        # Behind a page nothing was painted, and no amounts were read.
        self.scheduler.request(at_once=True)

    def on_resize(self, event: Resize) -> None:
        """Fit the panels and the footer to the width, before Textual sets the classes of the screen."""
        self.sidebar.fit(event.size.width)
        # Panels that were hidden have computed nothing.
        self.scheduler.request()
        self.refresh_bindings()

    def action_key(self, name: str) -> None:
        """Run an action of `KeyActions`."""
        self.key_actions.run(name)
        self._renew_keys()

    def action_panel(self, name: str) -> None:
        """Show a panel and focus it; the key of the focused panel closes it."""
        self.browsing.toggle_panel(name)

    def action_command(self, name: str, argument: str = "") -> None:
        """Run a slash command as if it had been typed."""
        command = command_named(name)
        if command is not None and command.opens:
            self.interaction.hold_keys()
        # Queued behind the keys that the prompt has not processed yet: an earlier Enter takes effect first.
        self.prompt.call_later(self.run_command, name, argument)

    def run_command(self, name: str, argument: str = "") -> None:
        """Run a command by its exact name or alias; an unknown name shows a suggestion."""
        command = command_named(name)
        if command is None:
            self.interaction.say(unknown_command_text(name), "warning")
        else:
            run = self.interaction.open if command.opens else self.interaction.run
            doing = "" if command.name in LENDING else f"/{command.name}"
            run(self._attempt(command, argument), doing)

    async def _attempt(self, command: Command, argument: str) -> None:
        """Run a command; one that needs the connection waits for it, as if it had been typed."""
        try:
            await command.run(self.context, argument)
        except StillConnecting:
            self._submitter.early.add_command(command.name, argument)

    # -- the prompt --------------------------------------------------------------------------------
    @on(TextArea.SelectionChanged, "#prompt")
    @on(TextArea.Changed, "#prompt")
    def _handle_typing(self, event: TextArea.SelectionChanged | TextArea.Changed) -> None:
        self.composer.typed()
        if isinstance(event, TextArea.Changed):
            self._save_draft_soon()

    def begin_saving(self) -> None:
        """What was typed before the first frame is in the prompt: from now on the draft is saved."""
        if not self.saves_drafts:
            self.saves_drafts = True
            self._save_draft_soon()

    def _save_draft_soon(self) -> None:
        """Save the draft to disk soon: its text or its attachments changed."""
        if self._draft_timer is None and self.saves_drafts:
            self._draft_timer = self.set_timer(SAVE_DRAFT_WITHIN_S, self._save_draft)
        # Typing changes nothing of the session: no repaint, which would walk up to 2,000 turns per letter.
        self._renew_keys()

    def _save_draft(self) -> None:
        self._draft_timer = None
        # While the app ends, the draft was saved before, and nothing would run to its end any more.
        if self.app.is_running:
            self.interaction.run(self.switcher.save_draft())

    @on(Chips.ChipsRequest)
    @on(PromptBox.Dropped)
    def _handle_chips(self, event: Chips.ChipsRequest | PromptBox.Dropped) -> None:
        match event:
            case Chips.Removed():
                self.composer.attachments.remove(event.chip)
            case Chips.Unfolded():
                self.composer.attachments.unfold(event.chip)
            case PromptBox.Dropped():
                self.composer.attachments.dropped(event.paths, event.text)
            case _:
                # The last chip was removed.
                self.prompt.focus()

    @on(PromptBox.FirstScreenEntered)
    @on(Welcome.WelcomeRequest)
    def _handle_first_screen(self, event: PromptBox.FirstScreenEntered | Welcome.WelcomeRequest) -> None:
        self._first_screen.handle(event)

    @on(PromptBox.QueueEntered)
    @on(QueueStrip.QueueRequest)
    def _handle_queue(self, event: PromptBox.QueueEntered | QueueStrip.QueueRequest) -> None:
        controller, flow = self.controller, self.send_flow
        match event:
            case PromptBox.QueueEntered() if not self.pane.queue.queue:
                pass
            case PromptBox.QueueEntered():
                self.pane.queue.mark_newest()
                self.browsing.browse(self.pane.queue)
            case QueueStrip.Exited():
                self.prompt.focus()
                if event.typed:
                    self.prompt.insert(event.typed)
            case QueueStrip.Edited():
                self._edit_queued(event.turn)
            case QueueStrip.Withdrawn():
                self.interaction.run(flow.withdraw(controller.shown, event.turn), "removing the message")
            case QueueStrip.SentNow():
                self.interaction.open(flow.send_queued(controller.shown, event.turn), "sending the message")
            case QueueStrip.Reordered():
                move = controller.shown.move_queued(event.turn.turn_id, event.by)
                self.interaction.run(move, "moving the message")
            case _:
                # A message was clicked.
                self.browsing.browse(self.pane.queue)

    def _edit_queued(self, turn: Turn) -> None:
        try:
            self.composer.begin_queue_edit(self.controller.shown, turn)
        except HandingerError as problem:
            # It was sent in this moment.
            self.interaction.say(problem.text, "warning")
        self.scheduler.request()

    # -- links, files and sources ------------------------------------------------------------------
    @on(Transcript.MessageClicked)
    def _handle_message_click(self) -> None:
        self.browsing.browse_answers()

    def _open_link(self, url: str, shown: str | None) -> None:
        opening = open_judged(self.interaction, url, shown, self.controller.open_link)
        self.interaction.open(opening, OPENING_LINK)

    @on(SelectableRows.LinkClicked)
    @on(OpenLink)
    @on(CopyLink)
    @on(ShowMention)
    @on(SourcesRequest)
    def _handle_link(self, event: LinkEvent) -> None:
        match event:
            case SelectableRows.LinkClicked():
                # A browser would request a file without the API key, and cannot resolve a relative URL.
                part = next((part for part in self.files.listed if part.url == event.href), None)
                if part is not None:
                    self.interaction.open(show_preview(self.context, part), OPENING_FILE)
                else:
                    self._open_link(event.href, event.shown)
            case OpenLink():
                self._open_link(event.url, event.shown)
            case CopyLink():
                copy_line(self.interaction, event.url, "the link")
            case ShowMention():
                self._sources.show_mention(event)
            case SourcesRequest(action="footnotes"):
                copy_sources(self.context, event.sources)
            case SourcesRequest():
                self.interaction.open(export_sources(self.context, event.sources), "saving the sources")

    @on(FileRequest)
    def _handle_file(self, event: FileRequest) -> None:
        files, part = self.files, event.parts[0]
        match event.action:
            case "copy":
                files.copy(part)
            case "preview":
                self.interaction.open(show_preview(self.context, part), OPENING_FILE)
            case "save":
                self.interaction.run(files.save(event.parts))
            case "save_into":
                self.interaction.open(files.save_into(part), "saving the file")
            case "open":
                self.interaction.open(files.open(part), OPENING_FILE)
