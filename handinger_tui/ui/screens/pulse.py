"""Pulse: a timer that sleeps until it is needed, and says whether it runs."""

from __future__ import annotations

from collections.abc import Callable

from textual.message_pump import MessagePump


class Pulse:
    """Calls `beat` at most `per_second` times a second between `start` and `stop`."""

    def __init__(self, owner: MessagePump, per_second: float, beat: Callable[[], None]) -> None:
        self._timer = owner.set_interval(1 / per_second, beat, pause=True)
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
