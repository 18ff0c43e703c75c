"""Draining: what can be read without waiting is read in one go.

Every token may stand in an HTTP chunk of its own, and a thousand chunks in what one
read of the network brought. A time-out and a hand-over for each would cost as much as
all that is done with the tokens, so steps of the body's generator are taken by hand:
one that needs not wait ends at once, one that does is set aside until we wait, too.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine, Generator
from contextlib import suppress
from typing import Any, Final, cast

from handinger_tui.api import faults

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
                raise faults.silent(self._idle) from None
            except faults.transport_errors() as problem:
                raise faults.translate(problem, faults.Phase.BODY) from problem
        return found[0] if len(found) == 1 else b"".join(found)

    async def aclose(self) -> None:
        """End the step that was set aside, as a cancellation would."""
        rest, self._rest = self._rest, None
        if rest is None:
            return
        task = asyncio.current_task()
        asked = task.cancelling() if task else 0
        try:
            with suppress(StopAsyncIteration, *faults.transport_errors()):
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
    return StopAsyncIteration, *faults.transport_errors()


class _Told:
    def __init__(self, steps: Generator[Any, Any, bytes]) -> None:
        self._steps = steps

    def __await__(self) -> Generator[Any, Any, bytes]:
        return self._steps
