"""Changes of sessions as the engine reports them: which turns ended, and when the screen paints."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING, Final

from textual.message_pump import MessagePump
from textual.timer import Timer

from handinger_tui.core.evidence import files_of_turn, sources_of_turn
from handinger_tui.core.formatting import duration, plural
from handinger_tui.core.money.attribution import money_of
from handinger_tui.core.prompts import Draft, draft_of_request
from handinger_tui.core.safety import clean_line
from handinger_tui.core.turns.session import Session, identical_prefix
from handinger_tui.core.turns.turn import Turn, TurnStatus
from handinger_tui.ui.widgets.status_text import STATUS_WORDS

if TYPE_CHECKING:
    from handinger_tui.ui.work.interaction import Interaction
    from handinger_tui.ui.work.session_controller import SessionController

# -- when to paint -------------------------------------------------------------------------------
MAX_IMMEDIATE_PER_S: Final = 17
"""Most immediate calls per second. Together with the periodic ones they stay below 30."""


class ThrottledTimer:
    """Calls `callback` `per_second` times a second between `start` and `stop`, and at once on request.

    Nothing may be started before `owner` is mounted.
    """

    def __init__(self, owner: MessagePump, per_second: float, callback: Callable[[], None]) -> None:
        self._owner: Final = owner
        self._callback: Final = callback
        self._interval_s: Final = 1 / per_second
        self._timer: Timer | None = None
        self._immediate_times: Final[deque[float]] = deque(maxlen=MAX_IMMEDIATE_PER_S)
        """Monotonic times of the last immediate calls."""
        self._is_scheduled = False
        self.running = False

    def start(self) -> None:
        """Start the periodic calls. Does nothing if they run already."""
        if not self.running:
            self.running = True
            if self._timer is None:
                self._timer = self._owner.set_interval(self._interval_s, self._callback)
            else:
                self._timer.resume()

    def stop(self) -> None:
        """Pause the periodic calls; they no longer wake the event loop."""
        if self.running and self._timer is not None:
            self.running = False
            self._timer.pause()

    def set_running(self, running: bool) -> None:
        """Start or stop the periodic calls."""
        if running:
            self.start()
        else:
            self.stop()

    def at_once(self) -> None:
        """Call once now, or as soon as the limit of `MAX_IMMEDIATE_PER_S` immediate calls allows it."""
        if self._is_scheduled:
            return
        self._is_scheduled = True
        times = self._immediate_times
        wait = times[0] + 1 - monotonic() if len(times) == MAX_IMMEDIATE_PER_S else 0
        if wait > 0:
            self._owner.set_timer(wait, self._call_scheduled)
        else:
            self._owner.call_next(self._call_scheduled)

    def _call_scheduled(self) -> None:
        self._is_scheduled = False
        self._immediate_times.append(monotonic())
        self._callback()


AFTER_PAINT_S: Final = 0.05
"""Delay in seconds after opening a session, so that its transcript is painted before other work starts.

For 2,000 turns, the figures of the panels and the count of the charges take 0.1 s each.
"""


class DeferredPanels:
    """Passes sessions on to `show`, but delays a session that opens where the panels are empty.

    After `AFTER_PAINT_S`, `again` is called, which has to call `show` of this class again.
    """

    def __init__(
        self, owner: MessagePump, show: Callable[[Session], None], again: Callable[[], None]
    ) -> None:
        self._owner: Final = owner
        self._show: Final = show
        self._again: Final = again
        self._session: Session | None = None
        self.waiting = False
        """Whether a session is shown while its panels are still empty."""

    def show(self, session: Session) -> None:
        """Show the present state of the session on the screen."""
        before, self._session = self._session, session
        is_other = before is None or before.session_id != session.session_id
        # Panels with figures of another session are replaced at once, because those would be wrong here.
        if is_other and session.turns and (before is None or not before.turns):
            self.waiting = True
            self._owner.call_after_refresh(self._owner.set_timer, AFTER_PAINT_S, self._end_delay)
        elif not self.waiting:
            self._show(session)

    def _end_delay(self) -> None:
        self.waiting = False
        self._again()


IDLE_TICKS_PER_S: Final = 20
QUIET_TICKS: Final = 6
"""Ticks without a key before idle work starts: 0.3 s."""


class IdleWork:
    """Calls `step` while idle until it returns False. A key delays it, a streaming answer stops it."""

    def __init__(self, owner: MessagePump, step: Callable[[], bool]) -> None:
        self._step = step
        self._quiet_ticks = 0
        self._timer = ThrottledTimer(owner, IDLE_TICKS_PER_S, self._tick)
        self.streaming = False
        """Whether an answer is streaming; then no idle work runs."""

    @property
    def running(self) -> bool:
        """Whether there may be idle work to do."""
        return self._timer.running

    def hold(self) -> None:
        """Delay idle work after a key."""
        self._quiet_ticks = 0

    def start(self) -> None:
        """Run idle work once the app is idle, because there may be some."""
        self._quiet_ticks = 0
        if not self.streaming:
            self._timer.start()

    def _tick(self) -> None:
        self._quiet_ticks += 1
        if self.streaming or (self._quiet_ticks > QUIET_TICKS and not self._step()):
            self._timer.stop()


PAINTS_PER_S: Final = 8
"""Repaints per second while something changes. One takes 6 ms. The end of a text or turn paints at once."""
CLOCK_TICKS_PER_S: Final = 4
KEY_FIRST_S: Final = 0.008
"""Seconds in which a key gets on the screen. Content that is painted in between delays it by up to 15 ms."""


class PaintScheduler:
    """Paints after something changed, at most `PAINTS_PER_S` times a second unless asked to paint at once."""

    def __init__(
        self,
        owner: MessagePump,
        paint: Callable[[], None],
        advance_clock: Callable[[], None],
        show_panels: Callable[[Session], None],
        idle_step: Callable[[], bool],
    ) -> None:
        self._owner: Final = owner
        self._paint: Final = paint
        self._advance_clock: Final = advance_clock
        self._is_dirty = False
        self._is_clock_due = False
        self._key_at = 0.0
        """When the newest key came, in monotonic seconds."""
        self._is_postponed = False
        self._tick = ThrottledTimer(owner, PAINTS_PER_S, self._paint_if_dirty)
        self.clock: Final = ThrottledTimer(owner, CLOCK_TICKS_PER_S, self._tick_clock)
        self.panels: Final = DeferredPanels(owner, show_panels, self.request)
        self.idle: Final = IdleWork(owner, idle_step)

    def request(self, *, at_once: bool = False) -> None:
        """Paint at the next tick, or before it; called when something changed."""
        self._is_dirty = True
        self._tick.start()
        if at_once:
            self._tick.at_once()

    def hold(self) -> None:
        """Let a key get on the screen first: paint content a moment later, and delay idle work."""
        self._key_at = monotonic()
        self.idle.hold()

    def _paint_if_dirty(self) -> None:
        if not self._is_dirty:
            self._tick.stop()
        elif not self._is_postponed and monotonic() - self._key_at < KEY_FIRST_S:
            self._is_postponed = True
            self._owner.set_timer(KEY_FIRST_S, self._paint_if_dirty)
        else:
            self._is_dirty = self._is_postponed = False
            self._paint()
            if self._is_clock_due:
                self._is_clock_due = False
                self._advance_clock()

    def _tick_clock(self) -> None:
        """Advance the clock, together with the next paint if one is due, which saves a paint."""
        self._is_clock_due = self._is_dirty
        if not self._is_clock_due:
            self._advance_clock()

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits to be painted."""
        return not self._is_dirty and not self.panels.waiting

    @property
    def asleep(self) -> bool:
        """Whether no timer that paints is running."""
        return not self._tick.running and not self.clock.running


# -- changes of sessions -------------------------------------------------------------------------
class FinishedTurns:
    """Detects ended turns by comparing the turns of a session with those of the previous call.

    The first call for a session detects nothing.
    """

    def __init__(self) -> None:
        self._last_seen: dict[str, tuple[Turn, ...]] = {}

    def remember(self, session: Session) -> None:
        """Store the present turns of a session, unless some are stored already."""
        self._last_seen.setdefault(session.session_id, session.turns)

    def ended(self, session: Session) -> list[Turn]:
        """The turns that have ended since the last call, including those that also started in between."""
        old = self._last_seen.get(session.session_id)
        self._last_seen[session.session_id] = session.turns
        if old is None:
            return []
        unchanged = identical_prefix(old, session.turns)
        # A turn of unknown delivery that was watched again may be unknown at both calls: compare
        # its end, too.
        before = {turn.turn_id: (turn.status, turn.fault, turn.ended_ms) for turn in old[unchanged:]}
        return [
            turn
            for turn in session.turns[unchanged:]
            if before.get(turn.turn_id) != (turn.status, turn.fault, turn.ended_ms)
            and not turn.live
            and not turn.withdrawn
        ]


def undelivered(ended: list[Turn]) -> list[Draft]:
    """The messages of the ended turns that may not have been delivered, oldest first."""
    return [draft_of_request(turn.request) for turn in ended if turn.draft]


def facts_of(session: Session, turn: Turn) -> str:
    """What a turn that has ended came to: "finished in 3 m 12 s, $0.04, 4 sources, 2 files"."""
    money = money_of(session, turn)
    sources, files = len(sources_of_turn(turn)), len(files_of_turn(turn))
    facts = [
        money.cost(session.credit_usd),
        plural(sources, "source") if sources else "",
        plural(files, "file") if files else "",
    ]
    is_complete = turn.status is TurnStatus.COMPLETED
    how = "finished" if is_complete else f"ended ({STATUS_WORDS[turn.status]})"
    if turn.ended_ms is not None:
        how += f" {'in' if is_complete else 'after'} {duration(turn.ended_ms - turn.began_ms)}"
    return ", ".join([how, *filter(None, facts)])


class SessionChanges:
    """The listener of the engine."""

    def __init__(
        self, controller: SessionController, interaction: Interaction, scheduler: PaintScheduler
    ) -> None:
        self._controller = controller
        self._interaction = interaction
        self._scheduler = scheduler
        self.finished = FinishedTurns()
        self._running_state = _running_state(None)

    def handle(self, session_id: str) -> None:
        """Handle a change of a session. Nothing is computed here: a stream calls it for every piece."""
        controller = self._controller
        if session_id == controller.session_id:
            before, now = self._running_state, _running_state(controller.session.started)
            self._running_state = now
            # The end of a text or turn is painted without waiting for the next tick.
            self._scheduler.request(
                at_once=any(old and not new for old, new in zip(before, now, strict=True))
            )
        elif session_id not in controller.checking:
            self._handle_elsewhere(controller.engine.session(session_id))

    def _handle_elsewhere(self, session: Session) -> None:
        """Report the end of a turn of a session that is not on the screen, and mark the session unread."""
        self.finished.remember(session)
        if self._controller.engine.actor(session.session_id).running:
            return
        ended = [turn for turn in self.finished.ended(session) if turn.status is not TurnStatus.RUNNING]
        if ended:
            facts = facts_of(session, ended[-1])
            self._interaction.announce(f"“{clean_line(session.title, 60)}” {facts}. Press ^S to open it.")
            self._interaction.run(self._controller.connection.history.mark_unread(session.session_id))


def _running_state(turn: Turn | None) -> tuple[bool, bool]:
    """Whether the turn runs, and whether a text part of it is still streaming."""
    return (False, False) if turn is None else (turn.live, bool(turn.open_text))
