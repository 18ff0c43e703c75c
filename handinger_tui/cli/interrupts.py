"""Signals before a turn takes care of them itself: none of them may be lost.

Python drops an exception that a signal raises inside a destructor or a callback of a weak reference, which
imports use. So each signal is also written down, and `check` is called before anything is sent.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from types import FrameType
from typing import Any, Final

CODES: Final = {
    getattr(signal, name): code
    for name, code in (("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 143))
    if hasattr(signal, name)
}
"""Signals that end the program, and its exit code then. Windows has no SIGHUP."""

_received: list[int] = []
_former: dict[int, Any] = {}


class Interrupted(KeyboardInterrupt):
    """A signal asks the program to end; `code` is the exit code."""

    def __init__(self, code: int) -> None:
        super().__init__()
        self.code = code


def install() -> None:
    """From now on a signal raises `Interrupted`. One that our parent made us ignore (nohup) stays ignored."""
    # Python takes signals in its main thread only.
    if threading.current_thread() is not threading.main_thread():
        return
    _received.clear()
    for number in CODES:
        if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
            _former[number] = signal.signal(number, _raise)
    sys.unraisablehook = partial(_report_unraisable, sys.unraisablehook)


def check() -> None:
    """Stop here when a signal came, even if its exception was dropped.

    Raises:
        Interrupted
    """
    if _received:
        raise Interrupted(_received[0])


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
    hook = sys.unraisablehook
    if isinstance(hook, partial) and hook.func is _report_unraisable:
        sys.unraisablehook = hook.args[0]


def ignore() -> None:
    """The program is ending already: a second signal must not cut its last words."""
    if threading.current_thread() is threading.main_thread():
        for number in CODES:
            signal.signal(number, signal.SIG_IGN)


def hand_over(loop: asyncio.AbstractEventLoop, stop: Callable[[int], None]) -> None:
    """From now on a signal calls `stop` with its exit code, inside the running loop.

    Raises:
        Interrupted: a signal came before.
    """
    for number, code in CODES.items():
        if signal.getsignal(number) is signal.SIG_IGN:
            continue
        try:
            loop.add_signal_handler(number, stop, code)
        except NotImplementedError:
            # Windows: its loops have no signal handlers, Python itself has.
            former = signal.signal(number, partial(_call_in, loop, stop, code))
            _former.setdefault(number, former)
    check()


def _call_in(
    loop: asyncio.AbstractEventLoop, stop: Callable[[int], None], code: int, *_signal: object
) -> None:
    # A loop that has ended has nothing left to stop.
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(stop, code)


def _raise(number: int, _frame: FrameType | None) -> None:
    _received.append(CODES[number])
    raise Interrupted(CODES[number])


def _report_unraisable(report: Callable[[Any], object], dropped: Any) -> None:
    if not isinstance(dropped.exc_value, Interrupted):
        report(dropped)
