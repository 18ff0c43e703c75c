"""Deadlines for an answer and between its pieces, which count only while this program runs."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Final

LATE_S: Final = 0.25
"""A timer that runs later than this shows that the program was stopped (Ctrl+Z), or had no processor."""


class Deadline:
    """Ends a block like `asyncio.timeout`, with TimeoutError.

    A program that was stopped for longer than its limits finds the timer and the answer due at once. The
    answer comes first: it may name a worker that nothing else names.
    """

    def __init__(self, seconds: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._limit = asyncio.timeout(None)
        self._start(seconds)

    async def __aenter__(self) -> Deadline:
        await self._limit.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        await self._limit.__aexit__(kind, error, trace)

    def restart(self, seconds: float) -> None:
        """Count `seconds` from now, unless the deadline has passed."""
        self._timer.cancel()
        if not self._limit.expired():
            self._start(seconds)

    def _start(self, seconds: float) -> None:
        self._end_at = self._loop.time() + seconds
        self._timer = self._loop.call_at(self._end_at, self._end)

    def _end(self) -> None:
        if self._loop.time() - self._end_at > LATE_S:
            self._start(LATE_S)
        else:
            self._limit.reschedule(self._end_at)


class Silence:
    """Ends a wait for the next of many pieces as `Deadline` does, with TimeoutError.

    One timer serves all waits: a hundred streams would set one for each piece, to be cancelled by the next.
    """

    def __init__(self, seconds: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._seconds = seconds
        self._timer: asyncio.TimerHandle | None = None
        self._waiting: asyncio.Event | None = None
        self._since = 0.0
        """When the wait began."""
        self._is_over = False

    async def end(self, event: asyncio.Event) -> None:
        """Wait for the end of the silence, which is that `event` is set.

        Raises:
            TimeoutError: it was not within the seconds of this object. The event is set then, too.
        """
        self._waiting, self._since = event, self._loop.time()
        if self._timer is None:
            self._start(self._since + self._seconds)
        try:
            await event.wait()
        finally:
            self._waiting = None
        if self._is_over:
            raise TimeoutError

    def cancel(self) -> None:
        """Nothing waits any longer."""
        if self._timer is not None:
            self._timer.cancel()

    def _start(self, at: float) -> None:
        self._look_at = at
        self._timer = self._loop.call_at(at, self._look)

    def _look(self) -> None:
        self._timer = None
        now, end_at = self._loop.time(), self._since + self._seconds
        if self._waiting is None or self._waiting.is_set():
            # The next wait starts it again.
            return
        if now < end_at:
            self._start(end_at)
        elif now - self._look_at > LATE_S:
            self._start(now + LATE_S)
        else:
            self._is_over = True
            self._waiting.set()
