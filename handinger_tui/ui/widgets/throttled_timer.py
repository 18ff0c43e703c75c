"""Calls at a fixed rate while something changes, and at once on request."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import Final

from textual.message_pump import MessagePump
from textual.timer import Timer

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
