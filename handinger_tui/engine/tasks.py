"""The one way in which the engine starts a task."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

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
