"""The one way in which the engine starts a task, and the one clock for what many tasks wait for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from handinger_tui.engine.ports import Clock

T = TypeVar("T")


def start(work: Callable[[], Coroutine[Any, Any, T]], name: str) -> asyncio.Task[T]:
    """Run `work()` in a task, none of it before the step that calls this has ended.

    The task factory of the loop decides when a new task begins: `asyncio.eager_task_factory`, which Textual
    sets from Python 3.12 on, runs it inside `create_task` up to its first suspension. It could be over before
    the caller has stored it, and would act in the middle of what the caller does. With this one suspension
    first, both factories give the same order.

    A task that is cancelled before its first step never calls `work`.
    """

    async def run() -> T:
        await asyncio.sleep(0)
        return await work()

    return asyncio.get_running_loop().create_task(run(), name=name)


class Ticks:
    """Asks for many tasks, once in a while, whether what they wait for has come.

    Beside 200 streams a sleep a second in each of two tasks took a tenth of the CPU of the program.
    """

    def __init__(self, clock: Clock, every_s: float) -> None:
        self._clock = clock
        self._every_s = every_s
        self._waiting: dict[asyncio.Future[None], Callable[[], bool]] = {}
        self._task: asyncio.Task[None] | None = None
        """Runs while anything waits."""
        self.lag_s = 0.0
        """By how much the wall clock got ahead of the steady one since the tick before: the machine slept."""

    async def until(self, has_come: Callable[[], bool]) -> None:
        """Wait until `has_come()`, which is asked at each tick, is true. Raises what that raises."""
        future = asyncio.get_running_loop().create_future()
        self._waiting[future] = has_come
        self._task = self._task or start(self._ask, "ticks")
        try:
            await future
        finally:
            del self._waiting[future]
            if not self._waiting and self._task is not None:
                self._task.cancel()
                self._task = None

    async def _ask(self) -> None:
        clock = self._clock
        wall_ms, steady_s = clock.now_ms(), clock.monotonic()
        while True:
            await clock.sleep(self._every_s)
            before_ms, before_s = wall_ms, steady_s
            wall_ms, steady_s = clock.now_ms(), clock.monotonic()
            self.lag_s = (wall_ms - before_ms) / 1000 - (steady_s - before_s)
            for future, has_come in tuple(self._waiting.items()):
                # One that was cancelled is still there until its task has gone on.
                if not future.done():
                    try:
                        if has_come():
                            future.set_result(None)
                    except Exception as problem:  # noqa: BLE001 - whoever waits gets it; the others wait on
                        future.set_exception(problem)
