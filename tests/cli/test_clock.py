"""The clock of the program, where the clock of the machine is set back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from handinger_tui.cli.wiring import MOST_SET_BACK_MS, SystemClock

START_MS = 1_795_867_200_000


class Machine:
    """A machine whose clock can be set."""

    def __init__(self) -> None:
        self.passed_ms = 0
        self.set_ms = START_MS

    def clock(self, newest_ms: int = 0) -> SystemClock:
        """The clock of a program that starts now."""
        return SystemClock(
            newest_ms, lambda: (self.set_ms + self.passed_ms) * 1_000_000, lambda: self.passed_ms / 1000
        )


STEPS = st.lists(
    st.tuples(st.integers(0, 3_600_000), st.integers(-MOST_SET_BACK_MS // 20, 60_000)), max_size=20
)


@given(STEPS)
def test_time_never_goes_back_and_is_right_again_later(steps: list[tuple[int, int]]) -> None:
    machine = Machine()
    clock = machine.clock()
    times = [clock.now_ms()]
    for passed_ms, set_by_ms in steps:
        machine.passed_ms += passed_ms
        machine.set_ms += set_by_ms
        times.append(clock.now_ms())
        assert 0 <= times[-1] - times[-2] <= passed_ms + max(0, set_by_ms)
    machine.passed_ms += 10 * (START_MS - machine.set_ms) + 60_000 * 10 * len(steps)
    assert clock.now_ms() == machine.set_ms + machine.passed_ms or machine.set_ms > START_MS


@given(st.integers(-MOST_SET_BACK_MS, MOST_SET_BACK_MS), st.integers(0, 1000))
def test_a_program_continues_from_the_newest_time_in_the_history(ahead_ms: int, passed_ms: int) -> None:
    machine = Machine()
    clock = machine.clock(START_MS + ahead_ms)
    machine.passed_ms += passed_ms
    assert clock.now_ms() >= START_MS + ahead_ms
    assert clock.now_ms() <= START_MS + max(ahead_ms, 0) + passed_ms


def test_a_history_from_a_far_future_has_no_influence() -> None:
    machine = Machine()
    clock = machine.clock(START_MS + MOST_SET_BACK_MS + 1)
    assert clock.now_ms() == START_MS
    machine.set_ms -= MOST_SET_BACK_MS + 1
    assert clock.now_ms() == machine.set_ms
