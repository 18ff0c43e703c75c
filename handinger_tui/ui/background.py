"""Apart: work that takes long, in a thread that nobody waits for when the program ends."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from threading import Thread
from typing import Final, TypeVar

Result = TypeVar("Result")
_BREATH_S: Final = 0.000_01


class Stopped(Exception):
    """Nobody wants the result any more."""


class CancelToken:
    """Whether somebody still wants the result. Long work asks between two steps."""

    def __init__(self) -> None:
        self._stopped = False

    def stop(self) -> None:
        """Nobody does."""
        self._stopped = True

    def check(self) -> None:
        """Go on, after others had their turn.

        Raises:
            Stopped
        """
        if self._stopped:
            raise Stopped
        # Gives the interpreter to the screen, which would else get it only every 5 ms.
        time.sleep(_BREATH_S)


async def run_in_thread(work: Callable[[], Result]) -> Result:
    """`work()`, in a thread of its own; what it raises is raised here.

    Not `asyncio.to_thread`: its threads are waited for at the end, and a file
    from outside may keep a decoder busy for longer than anybody waits.
    """
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[Result] = loop.create_future()

    def tell(take: Callable[[], None]) -> None:
        # The loop is gone when the program has ended.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(lambda: None if ended.done() else take())

    def run() -> None:
        try:
            result = work()
        except BaseException as problem:  # noqa: BLE001 - handed over whole, to where it is awaited
            failed = problem
            tell(lambda: ended.set_exception(failed))
        else:
            tell(lambda: ended.set_result(result))

    Thread(target=run, name="preview", daemon=True).start()
    return await ended
