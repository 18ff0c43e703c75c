"""Runs long work in a daemon thread, which the program does not wait for when it ends."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from threading import Thread
from typing import Final, TypeVar

Result = TypeVar("Result")
_YIELD_S: Final = 0.000_01


class Stopped(Exception):
    """The work was cancelled."""


class CancelToken:
    """Cancels work in a thread, which calls `check` between its steps."""

    def __init__(self) -> None:
        self._is_stopped = False

    def stop(self) -> None:
        """Cancel the work."""
        self._is_stopped = True

    def check(self) -> None:
        """Give other threads a chance to run, then return.

        Raises:
            Stopped: `stop` was called.
        """
        if self._is_stopped:
            raise Stopped
        # Releases the interpreter lock; the thread of the screen would get it only every 5 ms otherwise.
        time.sleep(_YIELD_S)


async def run_in_thread(work: Callable[[], Result]) -> Result:
    """Run `work` in a thread of its own and return its result; its exception is raised here.

    This does not use `asyncio.to_thread`, whose threads are joined when the program ends: a file from
    outside may keep a decoder busy for very long.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Result] = loop.create_future()

    def resolve(set_outcome: Callable[[], None]) -> None:
        # The loop is closed when the program has ended.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(lambda: None if future.done() else set_outcome())

    def run() -> None:
        try:
            result = work()
        except BaseException as problem:  # noqa: BLE001 - raised again where the future is awaited
            error = problem
            resolve(lambda: future.set_exception(error))
        else:
            resolve(lambda: future.set_result(result))

    Thread(target=run, name="preview", daemon=True).start()
    return await future
