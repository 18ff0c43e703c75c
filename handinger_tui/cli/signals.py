"""Signals before a turn takes care of them itself: every one ends the run, from our first instruction on.

A signal is written down, and obeyed where that is safe: an exception in the middle of an import leaves half
a module behind, and Python drops one inside a destructor. Where we wait, in `wait_for` and in the loop of
`run`, it is obeyed at once; both, and `release`, obey what came before.

Imports nothing but `signal`: what comes before `install` is not covered.
"""

from __future__ import annotations

import signal
from functools import partial

TYPE_CHECKING = False
"""As type checkers understand it; the module with that name takes 3 ms."""
if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable, Coroutine
    from types import FrameType
    from typing import Any, Final, TypeVar

    T = TypeVar("T")

CODES: Final = {
    getattr(signal, name): code
    for name, code in (("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 143))
    if hasattr(signal, name)
}
"""Signals that end the program, and its exit code then. Windows has no SIGHUP."""

_received: list[int] = []
_former: dict[int, Any] = {}
_waits: list[bool] = []


class Interrupted(KeyboardInterrupt):
    """A signal asks the program to end; `code` is the exit code."""

    def __init__(self, code: int) -> None:
        super().__init__()
        self.code = code


def install() -> None:
    """Write signals down from now on. One that our parent made us ignore (nohup) stays ignored."""
    _received.clear()
    for number in CODES:
        if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
            try:
                _former[number] = signal.signal(number, _take)
            except ValueError:
                # Not the main thread: Python takes signals there only.
                return


def check() -> None:
    """Obey a signal that came.

    Raises:
        Interrupted
    """
    if _received:
        raise Interrupted(_received[0])


def wait_for(work: Callable[[], T]) -> T:
    """Call `work`, which may wait for others: within it a signal raises `Interrupted` at once.

    Raises:
        Interrupted
    """
    _waits.append(True)
    try:
        check()
        return work()
    finally:
        _waits.pop()


def run(work: Callable[[], Coroutine[None, None, T]]) -> T:
    """`asyncio.run`, whose task a signal cancels until that hands signals over to something else.

    Raises:
        Interrupted
    """
    import asyncio  # noqa: PLC0415 - 60 ms, loaded before

    async def guarded() -> T:
        task = asyncio.current_task()
        if task is not None:
            hand_over(asyncio.get_running_loop(), lambda _code: task.cancel())
        return await work()

    try:
        return asyncio.run(guarded())
    except asyncio.CancelledError:
        check()
        raise


def hand_over(loop: AbstractEventLoop, stop: Callable[[int], object]) -> None:
    """From now on a signal calls `stop` with its exit code, inside the running loop.

    Raises:
        CancelledError: a signal came before; `run` makes an `Interrupted` of it.
    """
    import asyncio  # noqa: PLC0415 - 60 ms, loaded before

    for number, code in CODES.items():
        if signal.getsignal(number) is signal.SIG_IGN:
            continue
        obey = partial(_obey, stop, code)
        try:
            loop.add_signal_handler(number, obey)
        except NotImplementedError:
            # Windows: its loops have no signal handlers, Python itself has.
            former = signal.signal(number, partial(_call_in, loop, obey))
            _former.setdefault(number, former)
    if _received:
        raise asyncio.CancelledError


def release() -> None:
    """Put back what was there before `install`.

    Raises:
        Interrupted: a signal came before.
    """
    restore()
    check()


def restore() -> None:
    """Put back what was there before `install`; call it again at will."""
    for number, handler in _former.items():
        signal.signal(number, handler)
    _former.clear()


def ignore() -> None:
    """The program is ending already: a second signal must not cut its last words, nor `restore` undo this."""
    for number in _former or CODES:
        signal.signal(number, signal.SIG_IGN)
    _former.clear()


def _take(number: int, _frame: FrameType | None) -> None:
    _received.append(CODES[number])
    if _waits:
        check()


def _obey(stop: Callable[[int], object], code: int) -> None:
    _received.append(code)
    stop(code)


def _call_in(loop: AbstractEventLoop, obey: Callable[[], object], *_signal: object) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(obey)
