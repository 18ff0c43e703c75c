"""How many readings a service gets, and whose worker comes next, whatever sleeps, fails or is looked at."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from handinger_tui.core.reading_order import (
    LONGEST_MS,
    LONGEST_PAUSE_MS,
    Allowance,
    Ask,
    Place,
    Unwatched,
    Urgency,
    by_importance,
    due_ms,
    next_ask,
)

NOW = 1_800_000_000_000
MOST = 20
few = settings(max_examples=60, deadline=None)
WORKERS = [f"wrk_{number}" for number in range(8)]
ASKS = st.lists(
    st.builds(
        Ask,
        st.sampled_from(WORKERS),
        st.sampled_from(Urgency),
        st.integers(min_value=NOW - 600_000, max_value=NOW),
    ),
    max_size=12,
)
PLACES = st.dictionaries(st.sampled_from(WORKERS), st.sampled_from(Place))
STEPS = st.lists(st.tuples(st.integers(min_value=0, max_value=5_000), st.booleans()), max_size=80)


@few
@given(STEPS)
def test_a_service_gets_no_more_than_its_readings_in_any_span(steps: list[tuple[int, bool]]) -> None:
    allowance, now_ms = Allowance.full(1.0, MOST, NOW), NOW
    patient = 0
    for pause_ms, must in steps:
        now_ms += pause_ms
        if must or not allowance.wait_ms(now_ms):
            allowance = allowance.after_reading(now_ms)
            patient += not must
        assert -MOST <= allowance.count <= MOST
        # One that can wait comes only where all together are not too many.
        assert must or patient <= MOST + (now_ms - NOW) / 1000


def test_readings_that_could_not_wait_are_counted_and_the_debt_is_bounded() -> None:
    allowance = Allowance.full(1.0, MOST, NOW)
    for _ in range(500):
        allowance = allowance.after_reading(NOW)
    assert allowance.wait_ms(NOW) == (MOST + 1) * 1000
    assert not allowance.wait_ms(NOW + (MOST + 1) * 1000)


@few
@given(st.lists(st.none() | st.floats(min_value=0, max_value=10**9), min_size=1, max_size=20))
def test_a_failing_service_is_left_alone_as_long_as_it_asks_but_never_longer_than_a_minute(
    pauses: list[float | None],
) -> None:
    allowance = Allowance.full(1.0, MOST, NOW)
    for retry_after_s in pauses:
        allowance = allowance.failed(NOW, retry_after_s)
        wait = allowance.wait_ms(NOW)
        assert min((retry_after_s or 0) * 1000 - 1, LONGEST_PAUSE_MS) <= wait <= LONGEST_PAUSE_MS
    assert not allowance.wait_ms(NOW + LONGEST_PAUSE_MS)
    # A clock that was set back does not lengthen the pause.
    assert allowance.wait_ms(NOW - 10**9) <= LONGEST_PAUSE_MS
    assert allowance.answered().failed(NOW, None).failures == 1


@few
@given(ASKS, PLACES, st.sets(st.sampled_from(WORKERS)))
def test_no_worker_is_read_twice_at_once_and_what_is_in_front_comes_first(
    asks: list[Ask], places: dict[str, Place], reading: set[str]
) -> None:
    chosen = next_ask(asks, places, reading, NOW, after_front=False)
    free = [ask for ask in asks if ask.worker_id not in reading]
    assert (chosen is None) == (not free)
    if chosen is None:
        return
    assert chosen.worker_id not in reading
    states = [ask for ask in free if ask.urgency <= Urgency.STATE]
    in_front = [ask for ask in states if places.get(ask.worker_id) is Place.FRONT]
    ended = [ask for ask in free if ask.urgency is Urgency.END]
    if in_front:
        assert chosen in in_front
    elif ended:
        assert chosen in ended
    same = [one for one in free if (one.worker_id, one.urgency) == (chosen.worker_id, chosen.urgency)]
    assert chosen.since_ms == min(one.since_ms for one in same)


@settings(max_examples=15, deadline=None)
@given(st.integers(min_value=2, max_value=12), st.integers(min_value=0, max_value=4))
def test_everybody_gets_a_turn_however_many_there_are(hidden: int, visible: int) -> None:
    names = [f"w{number}" for number in range(hidden + visible)]
    places = dict.fromkeys(names[:visible], Place.VISIBLE)
    asks = {name: Ask(name, Urgency.FIGURES, NOW) for name in names}
    read: set[str] = set()
    # One in sight is read eight times as often as one that is not.
    for second in range(2 * (8 * visible + hidden) + 20):
        now_ms = NOW + second * 1000
        chosen = next_ask(asks.values(), places, (), now_ms, after_front=False)
        assert chosen is not None
        read.add(chosen.worker_id)
        asks[chosen.worker_id] = Ask(chosen.worker_id, Urgency.FIGURES, now_ms)
    assert read == set(names)


def test_what_is_in_front_waits_for_one_other_at_most_and_leaves_half_to_all_others() -> None:
    """The open session and the selected row are read again and again: together they could take everything."""
    names = ["front_1", "front_2", *(f"w{number}" for number in range(10))]
    places = {"front_1": Place.FRONT, "front_2": Place.FRONT, "w0": Place.VISIBLE}
    asks = {name: Ask(name, Urgency.STATE, NOW) for name in names}
    order: list[bool] = []
    read: set[str] = set()
    for second in range(60):
        now_ms, after_front = NOW + second * 1000, bool(order) and order[-1]
        chosen = next_ask(asks.values(), places, (), now_ms, after_front=after_front)
        assert chosen is not None
        order.append(chosen.worker_id.startswith("front"))
        read.add(chosen.worker_id)
        asks[chosen.worker_id] = Ask(chosen.worker_id, Urgency.STATE, now_ms)
    assert order == [True, False] * 30
    assert read == set(names)
    # Alone, it takes every turn.
    alone = next_ask([asks["front_1"]], places, (), NOW + 60_000, after_front=True)
    assert alone is not None


RUN = Unwatched("ses_1", "wrk_1", NOW - 3_600_000, NOW)


def test_a_run_is_read_more_often_the_nearer_and_the_younger_it_is() -> None:
    young = Unwatched("ses_2", "wrk_2", NOW - 10_000, NOW)
    times = [due_ms(RUN, place, NOW, 2_000) for place in Place]
    assert times == sorted(set(times))
    assert due_ms(young, Place.HIDDEN, NOW, 2_000) < due_ms(RUN, Place.HIDDEN, NOW, 2_000)
    assert due_ms(RUN, Place.HIDDEN, NOW, 2_000) <= NOW + LONGEST_MS


def test_after_a_sleep_of_eight_hours_all_is_due_in_order_of_importance() -> None:
    later = NOW + 8 * 3_600_000
    runs = [Unwatched(f"ses_{at}", f"wrk_{at}", NOW - at * 1_000, NOW) for at in range(4)]
    places = {"wrk_3": Place.FRONT, "wrk_2": Place.VISIBLE}
    assert all(due_ms(run, places.get(run.worker_id, Place.HIDDEN), later, 2_000) <= later for run in runs)
    assert [run.worker_id for run in by_importance(runs, places)] == ["wrk_3", "wrk_2", "wrk_0", "wrk_1"]
    asks = [Ask(run.worker_id, Urgency.STATE, NOW) for run in runs]
    order = []
    while asks:
        chosen = next_ask(asks, places, (), later, after_front=False)
        assert chosen is not None
        order.append(chosen.worker_id)
        asks.remove(chosen)
    assert order[:2] == ["wrk_3", "wrk_2"]
    # The allowance does not grow without end during the sleep.
    assert Allowance.full(1.0, MOST, NOW).at(later).count == MOST
