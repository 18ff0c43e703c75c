"""Rest: steps while nothing else happens, and no timer when nothing is left."""

from __future__ import annotations

import gc
import weakref

from handinger_tui.ui.background import MIN_YOUNG_COLLECTIONS, tidy
from handinger_tui.ui.work.changes import QUIET_TICKS, IdleWork


class Owner:
    """Beats when it is told to."""

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


def test_steps_begin_after_quiet_and_end_when_nothing_is_left() -> None:
    owner, rest, done = resting(3)
    beat(owner, 20)
    assert done == []
    rest.start()
    beat(owner, QUIET_TICKS)
    assert done == []
    beat(owner, 20)
    assert done == [0, 1, 2]
    assert not owner.beats


def test_a_key_holds_the_steps_up_and_starts_nothing() -> None:
    owner, rest, done = resting(100)
    rest.hold()
    assert not owner.beats
    rest.start()
    for _ in range(10):
        beat(owner, QUIET_TICKS)
        rest.hold()
    assert done == []
    beat(owner, QUIET_TICKS + 1)
    assert done == [0]


def test_an_answer_ends_it() -> None:
    owner, rest, done = resting(100)
    rest.start()
    beat(owner, QUIET_TICKS + 2)
    rest.streaming = True
    beat(owner, 1)
    assert len(done) == 2
    rest.start()
    assert not owner.beats


class Cycle:
    def __init__(self) -> None:
        self.me = self


def test_cycles_that_outlived_a_walk_are_collected_at_rest_and_nothing_is_walked_for_nothing() -> None:
    gc.disable()
    try:
        gc.collect()
        cycle = Cycle()
        found = weakref.ref(cycle)
        del cycle
        assert not tidy()
        assert found() is not None
        kept = Cycle()
        found = weakref.ref(kept)
        for _ in range(MIN_YOUNG_COLLECTIONS):
            gc.collect(0)
        del kept
        assert tidy()
        assert found() is None
        assert not tidy()
    finally:
        gc.enable()
