"""Read coalescing: a stream of many small events is read in fewer, larger reads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, cast

from handinger_tui.api import errors

if TYPE_CHECKING:
    import httpx


READ_EVERY_S: Final = 0.016
"""Seconds between two reads of small data; shorter than the screen's frame time, so it is not visible."""
SMALL_READ: Final = 8 << 10
"""Bytes below which a read is small; less than a full TLS record."""

Read = Callable[[int, float | None], Awaitable[bytes]]


def pace(response: httpx.Response) -> None:
    """Throttle all further reads of this response, if its network stream is accessible."""
    stream = response.extensions.get("network_stream")
    if stream is not None and hasattr(stream, "read"):
        # httpcore looks the method up for every read, so replacing it on the stream works.
        stream.read = _PacedReader(stream.read).read


class _PacedReader:
    """Throttles `read` of a network stream: after a small read it waits `READ_EVERY_S`."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._not_before = 0.0

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109  # httpcore's
        loop = asyncio.get_running_loop()
        pause = self._not_before - loop.time()
        if pause > 0:
            await asyncio.sleep(pause)
        waited = False

        def others_ran() -> None:
            nonlocal waited
            waited = True

        handle = loop.call_soon(others_ran)
        data = await self._read(max_bytes, timeout)
        handle.cancel()
        # One network read may bring several TLS records; data that is already there is not throttled.
        if waited and len(data) < SMALL_READ:
            self._not_before = loop.time() + READ_EVERY_S
        return data


MAX_JOINED: Final = 64 << 10
"""Bytes after which joined chunks are returned without checking for more."""


class Drain:
    """Reads the chunks of `raw`, and joins those that are available without waiting.

    `idle`: seconds after which waiting for the next chunk fails. Close it before `raw`.
    """

    def __init__(self, raw: AsyncGenerator[bytes, None], idle: float) -> None:
        self._raw = raw
        self._idle = idle
        self._suspended: _SuspendedStep | None = None
        self._error: Exception | None = None

    async def next(self) -> bytes | None:
        """Return at least one chunk; None at the end.

        Raises:
            StreamLost: lost, or silent for too long.
        """
        chunks = self._available_chunks()
        if not chunks:
            suspended, self._suspended = self._suspended, None
            try:
                chunks = [await self._wait_for_chunk(suspended), *self._available_chunks()]
            except StopAsyncIteration:
                return None
            except TimeoutError:
                raise errors.idle_timeout(self._idle) from None
            except errors.transport_errors() as problem:
                raise errors.translate(problem, errors.Phase.BODY) from problem
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    async def aclose(self) -> None:
        """End the suspended step as a cancellation does."""
        suspended, self._suspended = self._suspended, None
        if suspended is None:
            return
        task = asyncio.current_task()
        cancel_requests = task.cancelling() if task else 0
        try:
            with suppress(StopAsyncIteration, *errors.transport_errors()):
                await suspended.cancel()
        except asyncio.CancelledError:
            # This is the CancelledError that we threw; a further one cancels our own task.
            if task and task.cancelling() > cancel_requests:
                raise

    def _available_chunks(self) -> list[bytes]:
        """Chunks that come without waiting. An error is stored until all chunks before it are returned."""
        chunks: list[bytes] = []
        size = 0
        while self._suspended is None and self._error is None and size < MAX_JOINED:
            step = self._raw.__anext__()
            try:
                self._suspended = _SuspendedStep(step, step.send(None))
            except StopIteration as done:
                chunks.append(done.value)
                size += len(done.value)
            except _end_exceptions() as problem:
                self._error = problem
        return chunks

    async def _wait_for_chunk(self, suspended: _SuspendedStep | None) -> bytes:
        if suspended is None:
            raise self._error or StopAsyncIteration
        async with asyncio.timeout(self._idle):
            return await suspended


class _SuspendedStep:
    """The rest of a coroutine that has started and waits for `first`; awaiting it resumes the coroutine."""

    def __init__(self, step: Coroutine[Any, Any, bytes], first: object) -> None:
        self._step = step
        self._first = first

    def __await__(self) -> Generator[Any, Any, bytes]:
        return self._resume(None)

    async def cancel(self) -> bytes:
        """Throw CancelledError into the step, and await its cleanup."""
        return await _GeneratorAwaitable(self._resume(asyncio.CancelledError()))

    def _resume(self, thrown: BaseException | None) -> Generator[Any, Any, bytes]:
        step = self._step
        try:
            awaited = self._first if thrown is None else step.throw(thrown)
            while True:
                try:
                    value = yield awaited
                except BaseException as thrown_in:  # noqa: BLE001 - a cancellation is the step's to see
                    awaited = step.throw(thrown_in)
                else:
                    awaited = step.send(value)
        except StopIteration as done:
            return cast("bytes", done.value)


def _end_exceptions() -> tuple[type[Exception], ...]:
    return StopAsyncIteration, *errors.transport_errors()


class _GeneratorAwaitable:
    """Makes a generator awaitable."""

    def __init__(self, steps: Generator[Any, Any, bytes]) -> None:
        self._steps = steps

    def __await__(self) -> Generator[Any, Any, bytes]:
        return self._steps
