"""Work screen: the only listener of the engine, and the one place that paints a session."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from textual import on
from textual.timer import Timer
from textual.widgets import TextArea

from handinger_tui.core.drafts import Draft
from handinger_tui.core.errors import HandingerError
from handinger_tui.core.safety import clean_line
from handinger_tui.core.session import Session
from handinger_tui.core.turn import Turn, TurnStatus
from handinger_tui.core.words import plural
from handinger_tui.ui.launch import Connection, Launch, Opening
from handinger_tui.ui.screens.beside import AFTER_PAINT_S, Beside
from handinger_tui.ui.screens.desk import FRESH_DRAFT, Desk
from handinger_tui.ui.screens.drafting import Written
from handinger_tui.ui.screens.looking import look_back, told
from handinger_tui.ui.screens.opening import Begun, begin
from handinger_tui.ui.screens.pulse import Pulse
from handinger_tui.ui.screens.rest import Rest
from handinger_tui.ui.screens.returns import drafts
from handinger_tui.ui.screens.submitting import Submitting
from handinger_tui.ui.screens.till import LOOKS_PER_S, Reloads, Till
from handinger_tui.ui.warming import tidy

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

    def __init__(self, launch: Launch, now_ms: Callable[[], int]) -> None:
        super().__init__(launch, now_ms)
        self._dirty = False
        self._going = _going(None)
        self.beside = Beside(self, self.side.show, self._repaint)
        self.rest: Rest | None = None
        self._tick: Pulse | None = None
        self._beat: Pulse | None = None
        self._typing: Timer | None = None
        self._unsubscribe: Callable[[], None] | None = None
        self._till: Till | None = None
        self._before = ""
        self._switches = 0
        """Sessions asked for so far: the last one wins."""

    def typed_before(self, text: str) -> None:
        """Text that was typed before there was a prompt to type it into."""
        self._before = text

    def on_mount(self) -> None:
        """All timers sleep until something changes."""
        self.rest = Rest(self, lambda: self.transcript.prepare() or tidy())
        self.transcript.moved = self.rest.start
        self._tick = Pulse(self, PAINTS_PER_S, self._paint_if_dirty)
        self._beat = Pulse(self, BEATS_PER_S, self._move_clock)
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
        self.desk = Desk(connection, self.launch.budget)
        self._till = Till(self.desk, self.stage, self.pane)
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

    def _say_left_open(self, desk: Desk, recovered: list[str], shown: str) -> None:
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

    async def _arrive_first(self, desk: Desk, begun: Begun) -> None:
        self._show_session(begun.session_id, await desk.kept_draft(begun.session_id))

    async def _look_back(self, desk: Desk) -> None:
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

    async def _keep_draft_behind(self, desk: Desk) -> Draft:
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

    def _leave_session(self, desk: Desk, kept: Draft) -> None:
        """Keep what was typed after the draft went to disk."""
        if not self.arrived_at:
            return
        self.queue_editor.cancel()
        written = self.drafting.written()
        if written.draft != kept:
            sending = self.sender.sending(self.arrived_at)
            name = self.arrived_at if sending else desk.draft_name(self.arrived_at)
            self.do(self._keep_written(desk, name, written))

    async def _keep_written(self, desk: Desk, name: str, written: Written) -> None:
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

    def _elsewhere(self, desk: Desk, session: Session) -> None:
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

    def _paint(self, desk: Desk) -> None:
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

    def _paint_money(self, desk: Desk) -> None:
        if self._till is None or not self.arrived:
            return
        gauges = desk.engine.gauges(desk.session_id)
        self.side.gauges(gauges)
        self._till.warn(gauges)
        if self._till.chip_is_old:
            self.do(self._till.refresh_chip())

    def _take_home(self, desk: Desk, ended: list[Turn]) -> None:
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
