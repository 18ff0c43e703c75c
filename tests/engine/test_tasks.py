"""A task of the engine begins after the step that makes it, whatever the task factory of the loop."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

import handinger_tui.engine
from handinger_tui.engine.inbox import Inbox
from handinger_tui.engine.tasks import Ticks, start
from tests.engine.fakes import FakeClock
from tests.engine.scheduler import FACTORIES, Factory, Loop, OldestFirst, new_loop


def fail(problem: Exception) -> None:
    raise problem


class CountingClock(FakeClock):
    """Counts the sleeps."""

    sleeps = 0

    async def sleep(self, seconds: float) -> None:
        self.sleeps += 1
        await super().sleep(seconds)


def run(loop: Loop, until: Callable[[], bool] = lambda: False) -> None:
    with loop.entered():
        while not until() and loop.step(OldestFirst()):
            pass


@pytest.mark.parametrize("factory", FACTORIES)
def test_none_of_a_task_runs_inside_the_line_that_starts_it(factory: Factory) -> None:
    loop, trace = new_loop(factory), ""

    async def work() -> str:
        nonlocal trace
        trace += "work"
        return "done"

    with loop.entered():
        task = start(work, "work")
        trace += "line "
    run(loop)
    assert (trace, task.result()) == ("line work", "done")


@pytest.mark.parametrize("factory", FACTORIES)
def test_a_task_that_is_cancelled_at_once_calls_nothing(factory: Factory) -> None:
    loop = new_loop(factory)

    async def work() -> None:
        pytest.fail("it was called")

    with loop.entered():
        task = start(work, "work")
        task.cancel()
    run(loop)
    assert task.cancelled()


@pytest.mark.parametrize("factory", FACTORIES)
def test_requests_that_never_wait_are_handled_one_after_the_other_for_ever(factory: Factory) -> None:
    loop, inbox, handled = new_loop(factory), Inbox(fail), [0]

    async def note() -> None:
        handled.append(handled[-1] + 1)

    async def ask() -> None:
        for _ in range(3):
            await inbox.request(note)
            inbox.post(note)
            await inbox.idle.wait()

    with loop.entered():
        asking = loop.create_task(ask())
    run(loop)
    assert asking.done()
    assert handled == list(range(7))


@pytest.mark.parametrize("factory", FACTORIES)
def test_a_request_of_a_request_waits_for_the_end_of_it(factory: Factory) -> None:
    loop, inbox, trace = new_loop(factory), Inbox(fail), list[str]()

    async def inner() -> None:
        trace.append("inner")

    async def outer() -> None:
        trace.append("outer begins")
        inbox.post(inner)
        trace.append("outer ends")

    with loop.entered():
        inbox.post(outer)
        trace.append("posted")
    run(loop)
    assert trace == ["posted", "outer begins", "outer ends", "inner"]


@pytest.mark.parametrize("factory", FACTORIES)
def test_one_sleep_is_enough_for_all_that_wait_for_a_tick(factory: Factory) -> None:
    loop, clock = new_loop(factory), CountingClock()
    ticks, trace = Ticks(clock, 1.0), list[str]()

    async def wait(name: str, seconds: float) -> None:
        until = clock.monotonic() + seconds
        await ticks.until(lambda: clock.monotonic() >= until)
        trace.append(name)

    with loop.entered():
        tasks = [loop.create_task(wait(f"{seconds} s", seconds)) for seconds in (3, 1, 2, 3)]
    run(loop, lambda: all(task.done() for task in tasks))
    assert trace == ["1 s", "2 s", "3 s", "3 s"]
    # Another one may begin before the last task has gone on.
    assert clock.sleeps in (3, 4)
    # Nobody waits any more, so nothing runs; the next one begins again.
    run(loop)
    with loop.entered():
        last = loop.create_task(wait("last", 1))
    run(loop, last.done)
    assert trace[-1] == "last"


@pytest.mark.parametrize("factory", FACTORIES)
def test_an_error_while_a_tick_asks_ends_only_the_one_that_waits_for_it(factory: Factory) -> None:
    loop, clock = new_loop(factory), CountingClock()
    ticks = Ticks(clock, 1.0)

    def breaks() -> bool:
        raise ValueError

    with loop.entered():
        bad, left = loop.create_task(ticks.until(breaks)), loop.create_task(ticks.until(lambda: False))
        good = loop.create_task(ticks.until(lambda: clock.sleeps == 2))
    run(loop, bad.done)
    left.cancel()
    run(loop, good.done)
    assert isinstance(bad.exception(), ValueError)
    assert left.cancelled()
    assert good.result() is None


def test_the_engine_starts_its_tasks_in_one_way() -> None:
    folder = Path(handinger_tui.engine.__file__).parent
    makes_task = re.compile(r"\b(create_task|ensure_future|TaskGroup)\b")
    names = [path.name for path in sorted(folder.glob("*.py")) if makes_task.search(path.read_text("utf-8"))]
    assert names == ["tasks.py"]
