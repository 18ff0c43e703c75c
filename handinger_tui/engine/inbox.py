"""The inbox of a session: its owner handles one request at a time."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

from handinger_tui.core.errors import HandingerError
from handinger_tui.engine.tasks import start

T = TypeVar("T")
QUITTING: Final = "handinger-tui is quitting."


class Busy(HandingerError):
    """The request is refused in the current state of the session."""


class Inbox:
    """Runs each request to its end before the next one begins.

    A request that has begun keeps running when its caller is cancelled: a step done by half would be
    worse than an unused result. A request whose caller is cancelled before it begins is dropped.
    """

    def __init__(self, failed: Callable[[Exception], None]) -> None:
        """`failed(problem)` is called when a request of the owner itself, which has no caller, has failed."""
        self._failed = failed
        self._requests: deque[tuple[Callable[[], Awaitable[Any]], asyncio.Future[Any]]] = deque()
        self._worker: asyncio.Task[None] | None = None
        self._closed_because = ""
        """Why new requests are refused; "" while they are not."""
        self.idle = asyncio.Event()
        """Set while no request waits or is being handled."""
        self.idle.set()

    async def request(self, handle: Callable[[], Awaitable[T]]) -> T:
        """Handle a request, and return its result or raise its exception.

        Raises:
            Busy: the inbox is closed.
        """
        if self._closed_because:
            raise Busy(f"{self._closed_because} Nothing was sent.")
        return await self._add(handle)

    def post(self, handle: Callable[[], Awaitable[None]]) -> None:
        """Add a request of the owner itself, also to a closed inbox."""

        async def guarded() -> None:
            try:
                await handle()
            except Exception as problem:  # noqa: BLE001 - reported to the owner, whatever it is
                self._failed(problem)

        self._add(guarded)

    def close(self, why: str = QUITTING) -> None:
        """Refuse every new request."""
        self._closed_because = why

    def _add(self, handle: Callable[[], Awaitable[T]]) -> asyncio.Future[T]:
        result: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._requests.append((handle, result))
        self.idle.clear()
        # The task itself says whether it still handles requests: no second record could disagree with it.
        if self._worker is None or self._worker.done():
            self._worker = start(self._work, "inbox")
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
            self.idle.set()


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
