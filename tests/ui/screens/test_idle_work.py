"""Idle work: steps while nothing else happens, and no timer when nothing remains."""

from __future__ import annotations

import asyncio
import gc
import weakref
from math import inf

import pytest

from handinger_tui.ui.background import MIN_YOUNG_COLLECTIONS, NEARLY_DUE, RESTING, THRESHOLDS, tidy
from handinger_tui.ui.work import paint_scheduler
from handinger_tui.ui.work.paint_scheduler import (
    BEHIND_KEY_S,
    GAP_S,
    KEY_FIRST_S,
    MOST_HELD_S,
    QUIET_TICKS,
    REST_S,
    IdleWork,
    PaintScheduler,
)


class Owner:
    """A timer that a test triggers."""

    def __init__(self) -> None:
        self.beats = False

    def set_interval(self, _seconds: float, beat: object) -> Owner:
        self.beat, self.beats = beat, True
        return self

    def resume(self) -> None:
        self.beats = True

    def pause(self) -> None:
        self.beats = False


def resting(steps: int) -> tuple[Owner, IdleWork, list[int]]:
    owner, done = Owner(), list[int]()

    def step() -> bool:
        done.append(len(done))
        return len(done) < steps

    return owner, IdleWork(owner, step), done  # type: ignore[arg-type]  # all of a pump that it needs


def beat(owner: Owner, times: int) -> None:
    for _ in range(times):
        if owner.beats:
            owner.beat()  # type: ignore[operator]  # the beat it was given


def test_steps_start_when_idle_and_end_when_nothing_remains() -> None:
    owner, work, done = resting(3)
    beat(owner, 20)
    assert done == []
    work.start()
    beat(owner, QUIET_TICKS)
    assert done == []
    beat(owner, 20)
    assert done == [0, 1, 2]
    assert not owner.beats


def test_a_key_holds_the_steps_up_and_starts_nothing() -> None:
    owner, work, done = resting(100)
    work.hold()
    assert not owner.beats
    work.start()
    for _ in range(10):
        beat(owner, QUIET_TICKS)
        work.hold()
    assert done == []
    beat(owner, QUIET_TICKS + 1)
    assert done == [0]


def test_an_answer_ends_it() -> None:
    owner, work, done = resting(100)
    work.start()
    beat(owner, QUIET_TICKS + 2)
    work.streaming = True
    beat(owner, 1)
    assert len(done) == 2
    work.start()
    assert not owner.beats


class Cycle:
    def __init__(self) -> None:
        self.me = self


def test_garbage_cycles_are_collected_when_idle_and_only_when_needed() -> None:
    gc.disable()
    try:
        gc.collect()
        cycle = Cycle()
        reference = weakref.ref(cycle)
        del cycle
        assert not tidy()
        assert reference() is not None
        kept = Cycle()
        reference = weakref.ref(kept)
        for _ in range(MIN_YOUNG_COLLECTIONS):
            gc.collect(0)
        del kept
        assert tidy()
        assert reference() is None
        assert not tidy()
    finally:
        gc.enable()


def scheduler_without_work() -> PaintScheduler:
    def nothing(*_: object) -> bool:
        return False

    return PaintScheduler(Owner(), nothing, nothing, nothing, nothing)  # type: ignore[arg-type]  # paints nothing


async def test_work_that_may_come_later_waits_for_a_gap_between_keys_but_not_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now, next_key, every_s = 100.0, inf, inf

    async def sleep(seconds: float) -> None:
        nonlocal now, next_key
        end = now + seconds
        while next_key <= end:
            now = next_key
            next_key += every_s
            scheduler.hold()
        now = end

    monkeypatch.setattr(paint_scheduler, "monotonic", lambda: now)
    monkeypatch.setattr(asyncio, "sleep", sleep)
    tidied = list[int]()
    monkeypatch.setattr(paint_scheduler, "tidy", tidied.append)
    scheduler = scheduler_without_work()
    await scheduler.between_keys()
    assert now == 100.0, "nobody types"
    scheduler.hold()
    await scheduler.between_keys()
    assert now == pytest.approx(100 + GAP_S)
    assert tidied == [NEARLY_DUE] * 2
    for every_s in (0.04, 0.07, 0.1, 0.14):
        now = 200.0
        next_key = now + every_s
        scheduler.hold()
        await scheduler.between_keys()
        assert 200 + MOST_HELD_S <= now <= 200 + MOST_HELD_S + 2 * every_s, "the person types on"
        assert now - (next_key - every_s) < BEHIND_KEY_S, "it has the time until the next key"
    now, every_s = 300.0, KEY_FIRST_S / 2
    next_key = now + every_s
    scheduler.hold()
    await scheduler.between_keys()
    assert now <= 300 + 2 * MOST_HELD_S + GAP_S, "a key is held down"
    assert tidied == [NEARLY_DUE] * 2


@pytest.mark.parametrize("before", [THRESHOLDS, (700, 10, 10)])
async def test_garbage_is_collected_rarely_in_a_pause_of_typing_and_only_where_the_app_does_it(
    monkeypatch: pytest.MonkeyPatch, before: tuple[int, int, int]
) -> None:
    now = 100.0
    monkeypatch.setattr(paint_scheduler, "monotonic", lambda: now)
    initial = gc.get_threshold()
    gc.set_threshold(*before)
    is_ours = before == THRESHOLDS
    try:
        scheduler = scheduler_without_work()
        scheduler.hold()
        now += REST_S - 1
        await scheduler.between_keys()
        assert gc.get_threshold() == before
        now += 1
        await scheduler.between_keys()
        assert gc.get_threshold() == (RESTING if is_ours else before)
        scheduler.hold()
        assert gc.get_threshold() == before
    finally:
        gc.set_threshold(*initial)
