"""When the work screen paints: at a bounded rate, after the keys, and its panels and idle work later."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import Final

from textual.message_pump import MessagePump

from handinger_tui.core.turns.session import Session
from handinger_tui.ui.background import NEARLY_DUE, set_resting, tidy
from handinger_tui.ui.widgets.throttled_timer import ThrottledTimer

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


GAP_S: Final = 0.15
"""So many seconds without a key are a gap between keys that has room for other work."""
MOST_HELD_S: Final = 3.0
"""So many seconds such work waits for one. Then it begins behind a key, well before the next."""
BEHIND_KEY_S: Final = 0.02
"""So many seconds behind a key at most. It is on the screen by then; the next comes after 40 ms or more."""
REST_S: Final = 10.0
"""So many seconds without a key are a rest."""


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
        set_resting(False)
        self.idle.hold()

    async def between_keys(self) -> None:
        """Wait for a gap between keys, for about `MOST_HELD_S`: no key then waits for what may come later.

        What would tear a text apart waits longer, see `Interaction.pause_in_typing`. Streams in other
        sessions leave no other time for the garbage that would be collected soon.
        """
        began = now = monotonic()
        while (idle_s := now - self._key_at) < GAP_S:
            held_s = now - began
            is_behind_key = KEY_FIRST_S <= idle_s < BEHIND_KEY_S
            if held_s >= 2 * MOST_HELD_S or (held_s >= MOST_HELD_S and is_behind_key):
                break
            await asyncio.sleep(KEY_FIRST_S if held_s >= MOST_HELD_S else GAP_S - idle_s)
            now = monotonic()
        if now - self._key_at >= GAP_S:
            tidy(NEARLY_DUE)
        if now - self._key_at >= REST_S:
            set_resting(True)

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
