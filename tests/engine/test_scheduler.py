"""The scheduler runs the chosen step, keeps its own time, records failures, and is reproducible."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.engine.scheduler import FACTORIES, Factory, Loop, OldestFirst, new_loop
from tests.engine.soak import tell


class Newest:
    def choose(self, ready: int) -> int | None:
        return ready - 1


class Hasty:
    """An order that always lets time pass first."""

    def choose(self, ready: int) -> int | None:
        return None


def exhaust(loop: Loop, order: OldestFirst | Newest | Hasty) -> None:
    with loop.entered():
        while loop.step(order):
            pass


@pytest.mark.parametrize(("order", "expected"), [(OldestFirst(), "abc"), (Newest(), "cba")])
def test_the_order_decides_which_task_runs_next(order: OldestFirst | Newest, expected: str) -> None:
    loop, trace = new_loop(), ""

    async def say(letter: str) -> None:
        nonlocal trace
        trace += letter
        await asyncio.sleep(0)

    for letter in "abc":
        loop.create_task(say(letter))
    exhaust(loop, order)
    assert trace == expected
    assert loop.unfinished() == []


@pytest.mark.parametrize("factory", FACTORIES)
def test_the_factory_decides_when_a_task_begins(factory: Factory) -> None:
    loop, trace = new_loop(factory), ""

    async def say() -> None:
        nonlocal trace
        trace += "task "

    with loop.entered():
        loop.create_task(say())
        trace += "line "
    exhaust(loop, OldestFirst())
    assert trace == ("line task " if factory is Factory.LAZY else "task line ")


def test_time_moves_only_if_nothing_is_ready_or_the_order_requests_it() -> None:
    loop = new_loop()
    ended: list[tuple[str, float]] = []

    async def wait(seconds: float) -> None:
        await asyncio.sleep(seconds)
        ended.append(("slept", loop.time()))

    async def run_out() -> None:
        try:
            async with asyncio.timeout(5):
                await asyncio.Event().wait()
        except TimeoutError:
            ended.append(("ran out", loop.time()))

    loop.create_task(wait(3600))
    loop.create_task(run_out())
    exhaust(loop, OldestFirst())
    assert ended == [("ran out", 5.0), ("slept", 3600.0)]


def test_a_slow_task_may_time_out_although_it_is_ready() -> None:
    loop, ended = new_loop(), ""

    async def race() -> None:
        nonlocal ended
        try:
            async with asyncio.timeout(5):
                for _ in range(10):
                    await asyncio.sleep(0)
            ended = "in time"
        except TimeoutError:
            ended = "too late"

    loop.create_task(race())
    with loop.entered():
        loop.step(OldestFirst())
    exhaust(loop, Hasty())
    assert ended == "too late"


def test_an_unobserved_failure_is_kept() -> None:
    loop = new_loop()

    async def fail() -> None:
        raise ValueError("unheard")

    loop.create_task(fail())
    loop.call_soon(lambda: 1 / 0)
    exhaust(loop, OldestFirst())
    assert loop.unfinished() == []
    gc.collect()
    assert {type(problem["exception"]) for problem in loop.problems} == {ValueError, ZeroDivisionError}


def test_an_abandoned_loop_has_no_tasks() -> None:
    loop, trace = new_loop(), []

    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            trace.append("cleaned up")

    loop.create_task(wait())
    exhaust(loop, OldestFirst())
    with loop.entered():
        loop.abandon()
    assert (trace, loop.unfinished(), loop.problems) == (["cleaned up"], [], [])


@pytest.mark.parametrize("factory", FACTORIES)
def test_the_same_number_gives_the_same_schedule(factory: Factory) -> None:
    for seed in range(40):
        assert tell(seed, factory).watchman.diary == tell(seed, factory).watchman.diary


def test_a_schedule_is_the_same_in_every_process() -> None:
    root = Path(__file__).parents[2]
    accounts = {
        subprocess.run(
            [sys.executable, "-m", "tests.engine.soak", "--replay", "7"],
            cwd=root,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=False,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(accounts) == 1
    assert "POST" in accounts.pop()
