"""Pulse: a timer that sleeps until it is needed, and says whether it runs."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Final

from textual.message_pump import MessagePump

MOST_PER_S: Final = 30
"""Beats, whoever asks for one at once."""


class Pulse:
    """Calls `beat` at most `per_second` times a second between `start` and `stop`."""

    def __init__(self, owner: MessagePump, per_second: float, beat: Callable[[], None]) -> None:
        self._owner: Final = owner
        self._beat: Final = beat
        self._timer = owner.set_interval(1 / per_second, self._due, pause=True)
        self._last = -1 / MOST_PER_S
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
        """One beat now, or as soon as the last one is long enough ago."""
        if self._expected:
            return
        self._expected = True
        wait = self._last + 1 / MOST_PER_S - monotonic()
        if wait > 0:
            self._owner.set_timer(wait, self._due)
        else:
            self._owner.call_next(self._due)

    def _due(self) -> None:
        self._expected = False
        self._last = monotonic()
        self._beat()
