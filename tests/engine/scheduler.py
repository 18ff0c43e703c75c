"""Scheduler: an event loop that runs one ready step at a time, in the order that a test chooses.

Nothing here reads a clock or waits. Time is a number: it moves to the next timer when nothing is ready,
or when the order says so, as if all tasks were slow. The same choices give the same run, always.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from contextvars import Context, copy_context
from enum import StrEnum
from functools import partial
from heapq import heappop, heappush
from itertools import count
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Factory(StrEnum):
    """When a new task runs its first step. Textual makes its tasks eager from Python 3.12 on."""

    LAZY = "lazy"
    """In a step of the loop, after the line that makes the task."""
    EAGER = "eager"
    """At once, up to its first suspension, inside the line that makes the task."""


FACTORIES = tuple(Factory) if sys.version_info >= (3, 12) else (Factory.LAZY,)
"""Those of this Python."""


class StepOrder(Protocol):
    """Chooses what happens next."""

    def choose(self, ready: int) -> int | None:
        """The index of one of `ready` steps, oldest first; None lets time pass to the next timer."""
        ...


class OldestFirst:
    """The order of asyncio itself."""

    def choose(self, ready: int) -> int | None:
        return 0


class Step(asyncio.Handle):
    """A callback that is due."""

    def __init__(
        self,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        loop: asyncio.AbstractEventLoop,
        context: Context | None,
    ) -> None:
        context = context or copy_context()
        super().__init__(callback, args, loop, context)
        self.run: Callable[[], object] = partial(context.run, callback, *args)


class Timer(asyncio.TimerHandle):
    """A callback that is due at a time."""

    def __init__(self, when: float, step: Step, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(when, step.run, (), loop)
        self.step = step

    def cancel(self) -> None:
        self.step.cancel()

    def cancelled(self) -> bool:
        return self.step.cancelled()


class NumberedTask(asyncio.Task[T]):
    """A task with a hash that is the same in every run: sets of tasks have one order."""

    def __init__(self, number: int, coro: Coroutine[Any, Any, T], **options: Any) -> None:
        self.number = number
        super().__init__(coro, **options)

    def __hash__(self) -> int:
        return self.number


class Loop(asyncio.AbstractEventLoop):
    """The loop. `problems` holds the failures that no caller observed."""

    def __init__(self, factory: Factory) -> None:
        self.factory = factory
        self.problems: list[dict[str, Any]] = []
        self.steps = 0
        self._now = 0.0
        self._numbers = count()
        self._ready: list[Step] = []
        self._timers: list[tuple[float, int, Timer]] = []
        self._tasks: list[NumberedTask[Any]] = []
        self._closed = False

    # -- for tests -------------------------------------------------------------------
    @contextmanager
    def entered(self) -> Iterator[None]:
        """Make this the running loop for the block."""
        before = asyncio._get_running_loop()
        asyncio._set_running_loop(self)
        try:
            yield
        finally:
            asyncio._set_running_loop(before)

    def step(self, order: StepOrder) -> bool:
        """Run one ready step, or let time pass; False when there is nothing to do at all."""
        place = order.choose(len(self._ready)) if self._ready else None
        if place is None and not self._pass_time():
            if not self._ready:
                return False
            place = 0
        if place is not None:
            self._run(self._ready.pop(place))
        return True

    def start(self, coro: Coroutine[Any, Any, T], name: str) -> NumberedTask[T]:
        """Make a task whose first step runs immediately, as an action of a person."""
        task = self.create_task(coro, name=name)
        if self.factory is Factory.LAZY:
            self._run(self._ready.pop())
        return task

    def unfinished(self) -> list[NumberedTask[Any]]:
        """The tasks that have not ended, oldest first."""
        self._tasks = [task for task in self._tasks if not task.done()]
        return self._tasks

    def abandon(self) -> None:
        """Cancel all remaining tasks and run them to their end, so that nothing keeps them alive."""
        for _ in range(20):
            unfinished = self.unfinished()
            for task in unfinished:
                task.cancel()
            for _ in range(50 * len(unfinished)):
                if not self._ready:
                    break
                self._run(self._ready.pop(0))
        self._ready.clear()
        self._timers.clear()
        self._tasks.clear()

    def _pass_time(self) -> bool:
        """Move to the next timer that is still wanted."""
        while self._timers and self._timers[0][2].cancelled():
            heappop(self._timers)
        if not self._timers:
            return False
        self._now = max(self._now, self._timers[0][0])
        while self._timers and self._timers[0][0] <= self._now:
            self._ready.append(heappop(self._timers)[2].step)
        return True

    def _run(self, step: Step) -> None:
        self.steps += 1
        if step.cancelled():
            return
        try:
            step.run()
        except Exception as problem:  # noqa: BLE001 - as asyncio does: a loop outlives its callbacks
            self.call_exception_handler({"message": "A callback failed.", "exception": problem})

    # -- the interface of a loop -------------------------------------------------------
    def time(self) -> float:
        return self._now

    def call_soon(  # type: ignore[override] # typeshed's arguments are typed one by one
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> Step:
        step = Step(callback, args, self, context)
        self._ready.append(step)
        return step

    def call_later(  # type: ignore[override] # as above
        self, delay: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> Timer:
        return self.call_at(self._now + delay, callback, *args, context=context)

    def call_at(  # type: ignore[override] # as above
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> Timer:
        timer = Timer(when, Step(callback, args, self, context), self)
        heappush(self._timers, (when, next(self._numbers), timer))
        return timer

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(  # type: ignore[override] # as above
        self, coro: Coroutine[Any, Any, T], *, name: str | None = None, context: Context | None = None
    ) -> NumberedTask[T]:
        number = next(self._numbers)
        eager = {"eager_start": True} if self.factory is Factory.EAGER else {}
        task = NumberedTask(number, coro, loop=self, name=name or f"task {number}", context=context, **eager)
        self._tasks.append(task)
        return task

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        self.problems.append(context)

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return not self._closed

    def is_closed(self) -> bool:
        return self._closed

    def close(self) -> None:
        self._closed = True


def new_loop(factory: Factory = Factory.LAZY) -> Loop:
    """A new loop without tasks."""
    # Every method of a loop is abstract in the type stubs; those that the engine does not use are omitted.
    return Loop(factory)  # type: ignore[abstract]
