"""Reading a stream of many small events in few, larger reads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, cast

from handinger_tui.api import errors

if TYPE_CHECKING:
    import httpx


READ_EVERY_S: Final = 0.016
"""Less than the screen's own pace: nobody sees it."""
LITTLE: Final = 8 << 10
"""Bytes; less than a full TLS record."""

Read = Callable[[int, float | None], Awaitable[bytes]]


def pace(response: httpx.Response) -> None:
    """Pace all further reads of this response; without a stream of the network's that can be, none."""
    stream = response.extensions.get("network_stream")
    if stream is not None and hasattr(stream, "read"):
        # Httpcore looks the method up for every read.
        stream.read = _Paced(stream.read).read


class _Paced:
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

        noticed = loop.call_soon(others_ran)
        data = await self._read(max_bytes, timeout)
        noticed.cancel()
        # Several TLS records may have come in one read: those that are there already are not waited for.
        if waited and len(data) < LITTLE:
            self._not_before = loop.time() + READ_EVERY_S
        return data


MUCH: Final = 64 << 10
"""Bytes that are handed over without asking whether there are more."""


class Drain:
    """The chunks of `raw`, joined as far as they are there already.

    `idle`: seconds after which waiting for the next is given up. Close it before `raw`.
    """

    def __init__(self, raw: AsyncGenerator[bytes, None], idle: float) -> None:
        self._raw = raw
        self._idle = idle
        self._rest: _Rest | None = None
        self._trouble: Exception | None = None

    async def next(self) -> bytes | None:
        """At least one chunk; None at the end.

        Raises:
            StreamLost: cut, or silent for too long.
        """
        found = self._there()
        if not found:
            rest, self._rest = self._rest, None
            try:
                found = [await self._awaited(rest), *self._there()]
            except StopAsyncIteration:
                return None
            except TimeoutError:
                raise errors.silent(self._idle) from None
            except errors.transport_errors() as problem:
                raise errors.translate(problem, errors.Phase.BODY) from problem
        return found[0] if len(found) == 1 else b"".join(found)

    async def aclose(self) -> None:
        """End the step that was set aside, as a cancellation would."""
        rest, self._rest = self._rest, None
        if rest is None:
            return
        task = asyncio.current_task()
        asked = task.cancelling() if task else 0
        try:
            with suppress(StopAsyncIteration, *errors.transport_errors()):
                await rest.cancelled()
        except asyncio.CancelledError:
            # The one that we threw; another is for whoever waits for us.
            if task and task.cancelling() > asked:
                raise

    def _there(self) -> list[bytes]:
        """What comes without waiting. A trouble is kept until all before it was handed over."""
        found: list[bytes] = []
        size = 0
        while self._rest is None and self._trouble is None and size < MUCH:
            step = self._raw.__anext__()
            try:
                self._rest = _Rest(step, step.send(None))
            except StopIteration as done:
                found.append(done.value)
                size += len(done.value)
            except _endings() as problem:
                self._trouble = problem
        return found

    async def _awaited(self, rest: _Rest | None) -> bytes:
        if rest is None:
            raise self._trouble or StopAsyncIteration
        async with asyncio.timeout(self._idle):
            return await rest


class _Rest:
    """The rest of a step that waits for `first`: all that the loop says to us goes to the step."""

    def __init__(self, step: Coroutine[Any, Any, bytes], first: object) -> None:
        self._step = step
        self._first = first

    def __await__(self) -> Generator[Any, Any, bytes]:
        return self._go_on(None)

    async def cancelled(self) -> bytes:
        """The step learns that nobody waits for it any more; what it does then is awaited."""
        return await _Told(self._go_on(asyncio.CancelledError()))

    def _go_on(self, thrown: BaseException | None) -> Generator[Any, Any, bytes]:
        step = self._step
        try:
            waits_for = self._first if thrown is None else step.throw(thrown)
            while True:
                try:
                    said = yield waits_for
                except BaseException as told:  # noqa: BLE001 - a cancellation is the step's to see
                    waits_for = step.throw(told)
                else:
                    waits_for = step.send(said)
        except StopIteration as done:
            return cast("bytes", done.value)


def _endings() -> tuple[type[Exception], ...]:
    return StopAsyncIteration, *errors.transport_errors()


class _Told:
    def __init__(self, steps: Generator[Any, Any, bytes]) -> None:
        self._steps = steps

    def __await__(self) -> Generator[Any, Any, bytes]:
        return self._steps
