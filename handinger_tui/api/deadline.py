"""A deadline for an answer, which counts only while this program runs."""

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
