"""Background work: daemon threads, which the program does not wait for, and the garbage collector."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable
from contextlib import suppress
from threading import Thread
from typing import Final, TypeVar

Result = TypeVar("Result")
YIELD_S: Final = 0.000_01


class Stopped(Exception):
    """The work was cancelled."""


class CancelToken:
    """Cancels work in a thread, which calls `check` between its steps."""

    def __init__(self) -> None:
        self._is_stopped = False

    def stop(self) -> None:
        self._is_stopped = True

    def check(self) -> None:
        """Give other threads a chance to run, then return.

        Raises:
            Stopped: `stop` was called.
        """
        if self._is_stopped:
            raise Stopped
        # Releases the interpreter lock; the thread of the screen would get it only every 5 ms otherwise.
        time.sleep(YIELD_S)


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


THRESHOLDS: Final = (500, 160, 25)
"""Thresholds of the garbage collector for its three generations.

The first one counts new objects minus freed ones, also old ones that are freed: beside many streams, a
collection "of 500" has 2,000 to look at, and takes 1 ms. At 2,000 it took 5 to 8 ms, for which a key waits.
The second generation is collected while the app is idle (`tidy`), or after 20 turns without a pause, for 10
to 20 ms. The oldest one, with cycles that ended after they were promoted, is collected about every 500 turns.
"""
RESTING: Final = (10_000, 20, 25)
"""The same while nobody types.

Most new objects are gone before so many are there: a look at a board of 200 runs makes thousands, and is
collected from several times at 500. The first key after a rest may wait for one collection, 10 to 15 ms.
"""
MIN_YOUNG_COLLECTIONS: Final = 40
"""Collections of the youngest generation after which `tidy` collects the second one, in about 6 ms.

Doing it after every turn is too often: objects that the next turn replaces would be promoted to the oldest
generation and stay.
"""
NEARLY_DUE: Final = 120
"""Collections of the youngest generation after which the second one is soon collected in any case."""


def collect_from_now_on() -> None:
    """Collect the garbage that is new, exclude all other objects from collections, and enable them.

    Called whenever many modules have been imported: collections over them would be the longest pauses. Their
    garbage is 1 MB after the first frame, which would otherwise never be used again.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
    gc.enable()


def set_resting(is_resting: bool) -> None:
    """Collect rarely while nobody types, and in small portions from the next key on."""
    # Not where the interpreter's own are in use, as in tests.
    if gc.get_threshold() in (RESTING, THRESHOLDS):
        gc.set_threshold(*(RESTING if is_resting else THRESHOLDS))


def tidy(collections: int = MIN_YOUNG_COLLECTIONS) -> bool:
    """Collect the second generation; called while the app is idle. False when it is not worth it yet."""
    is_due = gc.get_count()[1] >= collections
    if is_due:
        gc.collect(1)
    return is_due
