"""Pulse: a timer that sleeps until it is needed, and says whether it runs."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import Final

from textual.message_pump import MessagePump

MOST_PER_S: Final = 17
"""Beats that are asked for at once: with those of the pace no more than 30."""


class Pulse:
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
