"""Inbox: a queue of requests to one owner, handled in order and one at a time."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

T = TypeVar("T")


class Inbox:
    """Runs each request to its end before the next one begins.

    A request that has begun keeps running when its caller is cancelled: a step done by half would be
    worse than an unused result. A request whose caller is cancelled before it begins is dropped.
    """

    def __init__(self, became_idle: Callable[[], None]) -> None:
        """`became_idle()` is called whenever the last request has been handled."""
        self._became_idle = became_idle
        self._requests: deque[tuple[Callable[[], Awaitable[Any]], asyncio.Future[Any]]] = deque()
        self._worker: asyncio.Task[None] | None = None

    @property
    def idle(self) -> bool:
        """Whether no request waits or is being handled."""
        return self._worker is None

    def post(self, handle: Callable[[], Awaitable[T]]) -> asyncio.Future[T]:
        """Add a request; the future gets its result or its exception.

        `handle` must not raise where the future is not awaited.
        """
        loop = asyncio.get_running_loop()
        result: asyncio.Future[T] = loop.create_future()
        self._requests.append((handle, result))
        if self._worker is None:
            self._worker = loop.create_task(self._work(), name="inbox")
        return result

    async def _work(self) -> None:
        try:
            while self._requests:
                handle, result = self._requests.popleft()
                if not result.cancelled():
                    await _handle(handle, result)
        finally:
            for _, result in self._requests:
                result.cancel()
            self._requests.clear()
            self._worker = None
            self._became_idle()


async def _handle(handle: Callable[[], Awaitable[T]], result: asyncio.Future[T]) -> None:
    try:
        value = await handle()
    except Exception as problem:  # noqa: BLE001 - every failure belongs to the caller, none ends the owner
        if not result.done():
            result.set_exception(problem)
    except BaseException:
        result.cancel()
        raise
    else:
        if not result.done():
            result.set_result(value)
