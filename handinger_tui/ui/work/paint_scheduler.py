"""When the screen paints, and what waits until nobody types."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import Final

from textual.message_pump import MessagePump

from handinger_tui.core.turns.session import Session

MOST_PER_S: Final = 17
"""Beats that are asked for at once: with those of the pace no more than 30."""


class ThrottledTimer:
    """Calls `beat` at most `per_second` times a second between `start` and `stop`."""

    def __init__(self, owner: MessagePump, per_second: float, beat: Callable[[], None]) -> None:
        self._owner: Final = owner
        self._beat: Final = beat
        self._timer = owner.set_interval(1 / per_second, beat, pause=True)
        self._asked: Final[deque[float]] = deque(maxlen=MOST_PER_S)
        """When the last beats came that were asked for."""
        self._expected = False
        self.running = False

    def start(self) -> None:
        """Run; again is no harm."""
        if not self.running:
            self.running = True
            self._timer.resume()

    def stop(self) -> None:
        """Sleep: not even a wake-up is left."""
        if self.running:
            self.running = False
            self._timer.pause()

    def at_once(self) -> None:
        """One beat now; in a flood, as soon as there were not too many in the last second."""
        if self._expected:
            return
        self._expected = True
        wait = self._asked[0] + 1 - monotonic() if len(self._asked) == MOST_PER_S else 0
        if wait > 0:
            self._owner.set_timer(wait, self._answer)
        else:
            self._owner.call_next(self._answer)

    def _answer(self) -> None:
        self._expected = False
        self._asked.append(monotonic())
        self._beat()


AFTER_PAINT_S: Final = 0.05
"""What was opened is painted first, within a sixtieth of a second; of 2,000 turns the panels' figures and the
look at the record of charges take 0.1 s each, and two threads at once twice that."""


class DeferredPanels:
    """Passes sessions on to `show`; one that opens where nothing stood, a moment later, by `again`."""

    def __init__(
        self, owner: MessagePump, show: Callable[[Session], None], again: Callable[[], None]
    ) -> None:
        self._owner: Final = owner
        self._show: Final = show
        self._again: Final = again
        self._of: Session | None = None
        self.waiting = False
        """Panels are still empty beside a session that is shown."""

    def show(self, session: Session) -> None:
        """The newest value of the session that is shown."""
        before, self._of = self._of, session
        other = before is None or before.session_id != session.session_id
        # Figures of another session would be wrong beside this one's text: those do not wait.
        if other and session.turns and (before is None or not before.turns):
            self.waiting = True
            self._owner.set_timer(AFTER_PAINT_S, self._next)
        elif not self.waiting:
            self._show(session)

    def _next(self) -> None:
        self.waiting = False
        self._again()


BEATS_PER_S: Final = 20
QUIET: Final = 6
"""Beats without a key before something is done: 0.3 s."""


class IdleWork:
    """Calls `step` until it returns False; what happens meanwhile holds it up, and an answer ends it."""

    def __init__(self, owner: MessagePump, step: Callable[[], bool]) -> None:
        self._step = step
        self._quiet = 0
        self._pulse = ThrottledTimer(owner, BEATS_PER_S, self._beat)
        self.streaming = False
        """An answer is coming: there is no rest."""

    @property
    def running(self) -> bool:
        """Something may be left to do."""
        return self._pulse.running

    def hold(self) -> None:
        """A key came: nothing is done until it has been quiet again."""
        self._quiet = 0

    def start(self) -> None:
        """There may be something to do."""
        self._quiet = 0
        if not self.streaming:
            self._pulse.start()

    def _beat(self) -> None:
        self._quiet += 1
        if self.streaming or (self._quiet > QUIET and not self._step()):
            self._pulse.stop()
