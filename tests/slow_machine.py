"""Tests on a machine that is busy elsewhere: threads, event loops, widgets and clocks are late, at random.

    python -m tests.slow_machine --seed 0 tests/ui tests/engine

What fails here looked once at what another task or thread writes, ended what had not ended, or relied on how
little time passes between two lines; or it is a fault of the program. Programs that a test starts are as fast
as the machine lets them be. The other arguments are those of pytest.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from random import Random
from threading import Thread
from typing import Any, Final

import pytest

SLEEP_S: Final = 0.1
"""The longest delay of a thread."""
JUMP_S: Final = 1.5
"""The longest time that passes at once: the clock jumps, which costs nothing."""
STEEP: Final = 12
"""Most delays are far shorter than the longest."""
JUMPS: Final = 0.04
"""The share of turns of an event loop before which time passes."""
TURNS: Final = 3
"""Most turns of the event loop by which a message of a widget is late."""

_random, _patch = Random(), pytest.MonkeyPatch()


class _Clock:
    """The monotonic clock, with all jumps."""

    def __init__(self) -> None:
        self.usual, self._passed_s = time.monotonic, 0.0

    def monotonic(self) -> float:
        return self.usual() + self._passed_s

    def jump(self) -> None:
        self._passed_s += JUMP_S * _random.random() ** STEEP


_clock = _Clock()
time.monotonic = _clock.monotonic

from textual.message_pump import MessagePump  # noqa: E402 - it takes the clock by name


def _late() -> None:
    time.sleep(SLEEP_S * _random.random() ** STEEP)


def _work_is_late() -> None:
    """A thread begins late, and is late with its result."""
    submit, run_of_thread = ThreadPoolExecutor.submit, Thread.run

    def late_submit(
        pool: ThreadPoolExecutor, work: Callable[..., Any], *args: Any, **options: Any
    ) -> Future[Any]:
        def run() -> Any:
            _late()
            try:
                return work(*args, **options)
            finally:
                _late()

        return submit(pool, run)

    def late_run(thread: Thread) -> None:
        _late()
        run_of_thread(thread)

    _patch.setattr(ThreadPoolExecutor, "submit", late_submit)
    _patch.setattr(Thread, "run", late_run)


def _loops_are_late() -> None:
    """The machine does something else, while sockets, timers and threads become ready."""
    loops: Any = asyncio.BaseEventLoop
    turn = loops._run_once

    def late_turn(loop: Any) -> None:
        if _random.random() < JUMPS:
            _clock.jump()
        turn(loop)

    _patch.setattr(loops, "_run_once", late_turn)


def _widgets_are_late() -> None:
    """A widget takes its next message some turns later than another widget, or than a task goes on."""
    take = MessagePump._get_message

    async def late_take(pump: MessagePump) -> Any:
        message = await take(pump)
        for _turn in range(_random.randint(0, TURNS)):
            await asyncio.sleep(0)
        return message

    _patch.setattr(MessagePump, "_get_message", late_take)


def _stamps_are_of_the_machine() -> None:
    """Events are put in order by a clock that all programs share, those that a test starts, too: no jumps."""
    from handinger_tui.cli.wiring import SystemClock

    make = SystemClock.__init__

    def make_usual(
        clock: SystemClock,
        newest_ms: int = 0,
        wall_ns: Callable[[], int] = time.time_ns,
        monotonic: Callable[[], float] = _clock.usual,
    ) -> None:
        make(clock, newest_ms, wall_ns, monotonic)

    _patch.setattr(SystemClock, "__init__", make_usual)
    _patch.setattr(SystemClock, "monotonic", lambda _self: time.monotonic())


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--slow-seed` says which delays."""
    parser.addoption("--slow-seed", default="0", help="which random delays tests.slow_machine makes")


def pytest_configure() -> None:
    """From here on all is late."""
    _work_is_late()
    _loops_are_late()
    _widgets_are_late()
    _stamps_are_of_the_machine()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """The delays of a test are its own, whichever tests run before it."""
    _random.seed(f"{item.config.getoption('--slow-seed')} {item.nodeid}")


if __name__ == "__main__":
    arguments = ["--slow-seed" if one == "--seed" else one for one in sys.argv[1:]]
    sys.exit(pytest.main(["-p", "tests.slow_machine", *arguments]))
