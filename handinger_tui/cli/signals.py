"""Signal handling until a turn installs its own: every signal ends the run.

The handler only records a signal, and the program acts on it where that is safe: an exception during an
import leaves a half-initialized module behind, and Python drops exceptions inside destructors. In `wait_for`
and in the event loop of `run` a signal takes effect at once; these two and `release` also act on a signal
that was recorded before.

This module imports only `signal`, since signals before `install` are not handled.
"""

from __future__ import annotations

import signal
from functools import partial

TYPE_CHECKING = False
"""Type checkers treat this name like `typing.TYPE_CHECKING`; importing `typing` takes 3 ms."""
if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable, Coroutine
    from types import FrameType
    from typing import Any, Final, TypeVar

    T = TypeVar("T")

CODES: Final = {
    getattr(signal, name): code
    for name, code in (("SIGINT", 130), ("SIGQUIT", 131), ("SIGTERM", 143), ("SIGHUP", 143))
    if hasattr(signal, name)
}
"""Exit codes of the signals that end the program. Windows has no SIGHUP and no SIGQUIT."""

_received: list[int] = []
"""Exit codes of the signals that were recorded."""
_former_handlers: dict[int, Any] = {}
_blocking_calls: list[bool] = []
"""One entry for each call of `wait_for` that has not returned."""


class Interrupted(KeyboardInterrupt):
    """A signal ends the program; `code` is the exit code."""

    def __init__(self, code: int) -> None:
        super().__init__()
        self.code = code


def install() -> None:
    """Install handlers that record signals. A signal ignored by the parent process (nohup) stays ignored."""
    _received.clear()
    for number in CODES:
        if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
            try:
                _former_handlers[number] = signal.signal(number, _record)
            except ValueError:
                # Not the main thread: Python allows signal handlers only there.
                return


def check() -> None:
    """Act on a recorded signal. Raises Interrupted."""
    if _received:
        raise Interrupted(_received[0])


def wait_for(work: Callable[[], T]) -> T:
    """Call `work`, which may block; a signal during the call raises `Interrupted` at once.

    Raises:
        Interrupted
    """
    _blocking_calls.append(True)
    try:
        check()
        return work()
    finally:
        _blocking_calls.pop()


def run(work: Callable[[], Coroutine[None, None, T]]) -> T:
    """Run `work` with `asyncio.run`; a signal cancels its task unless `work` calls `hand_over` itself.

    Raises:
        Interrupted
    """
    import asyncio  # 60 ms, already loaded

    results: list[T] = []

    async def guarded() -> None:
        task = asyncio.current_task()
        if task is not None:
            hand_over(asyncio.get_running_loop(), lambda _code: task.cancel())
        results.append(await work())

    try:
        asyncio.run(guarded())
    except asyncio.CancelledError:
        check()
        raise
    except RuntimeError:
        # The loop starts a thread when it closes, and cannot where no more threads are allowed.
        if not results:
            raise
    return results[0]


def hand_over(loop: AbstractEventLoop, stop: Callable[[int], object]) -> None:
    """Make the first signal call `stop` with the exit code, inside the running loop.

    Further ones are ignored: what ends then must not be cut.

    Raises:
        CancelledError: a signal was recorded before; `run` converts it to `Interrupted`.
    """
    import asyncio  # 60 ms, already loaded

    for number, code in CODES.items():
        if signal.getsignal(number) is not signal.SIG_IGN:
            # Not `loop.add_signal_handler`: removing such a handler restores the default for a moment, in
            # which a second signal kills the program.
            former = signal.signal(number, partial(_record_and_stop, loop, stop, code))
            _former_handlers.setdefault(number, former)
    _wake_up_for_signals(loop)
    if _received:
        ignore()
        raise asyncio.CancelledError


def _wake_up_for_signals(loop: AbstractEventLoop) -> None:
    """Make every signal end the wait of the loop: Python runs handlers only after it."""
    from contextlib import suppress  # loaded with asyncio

    # A loop with one handler of its own wakes up for all signals; this one is never sent. On Windows there is
    # none, and loops wake up anyway.
    with suppress(NotImplementedError, AttributeError):
        loop.add_signal_handler(signal.SIGURG, int)


def release() -> None:
    """Restore the handlers from before `install` and act on a recorded signal.

    Raises:
        Interrupted: a signal was recorded.
    """
    restore()
    check()


def restore() -> None:
    """Restore the handlers from before `install`. Further calls do nothing."""
    for number, handler in _former_handlers.items():
        signal.signal(number, handler)
    _former_handlers.clear()


def ignore() -> None:
    """Ignore signals while the program ends, so a second one cannot cut its output; `restore` keeps this."""
    for number in _former_handlers or CODES:
        signal.signal(number, signal.SIG_IGN)
    _former_handlers.clear()


def _record(number: int, _frame: FrameType | None) -> None:
    _received.append(CODES[number])
    if _blocking_calls:
        check()


def _record_and_stop(
    loop: AbstractEventLoop, stop: Callable[[int], object], code: int, *_signal: object
) -> None:
    # Two signals may have been queued.
    if not _received:
        _received.append(code)
        ignore()
        if not loop.is_closed():
            loop.call_soon_threadsafe(stop, code)
