"""Idle work: steps while nothing else happens, and no timer when nothing remains."""

from __future__ import annotations

import gc
import weakref

from handinger_tui.ui.background import MIN_YOUNG_COLLECTIONS, tidy
from handinger_tui.ui.work.paint_scheduler import QUIET_TICKS, IdleWork


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
