"""The meaning of a worker's figures, and the cost of each turn: cases with one right answer."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal, localcontext
from itertools import permutations

import pytest

from handinger_tui.core.decimals import EXACT
from handinger_tui.core.money.basis import Basis
from handinger_tui.core.money.events import Ended, Event, Key, Read, Sent
from handinger_tui.core.money.timeline import (
    Entry,
    MeterResult,
    Suspense,
    Timeline,
    TimelineRulings,
    is_rounding,
)
from handinger_tui.core.turns.turn import SETTLE_MS


def read(usd: str | None, *, busy: bool = False, prompts: int | None = None) -> Read:
    return Read((None if usd is None else Decimal(usd),), busy, prompts)


def turn(number: Key, look: str | None, *ends: str, prompts: int | None = None) -> list[Event]:
    """A turn with the reading before it, readings while it runs, and the one at its end."""
    before = [] if look is None else [read(look, prompts=prompts)]
    running = [read(usd, busy=True) for usd in ends[:-1]]
    after = read(ends[-1], prompts=None if prompts is None else prompts + 1)
    return [
        *before,
        Sent(number, creates=number == 1, read_before=look is not None),
        *running,
        after,
        Ended(number),
    ]


def result(events: Iterable[Event]) -> MeterResult:
    timeline = Timeline((Decimal(0),))
    with localcontext(EXACT):
        for event in events:
            timeline.take(event)
        return timeline.results()[0]


def amounts(meter: MeterResult) -> dict[object, str]:
    """The digits of each amount; most are doubtful, as few turns decide nothing."""
    return {turn: str(meter.entry(turn).amount) for turn in sorted(meter.lifetime, key=str)}


def entered(meter: MeterResult) -> Decimal:
    """All charges, and the suspense."""
    with localcontext(EXACT):
        shared = sum((Decimal(one.entered) for one in meter.shared.values()), Decimal(0))
        own = sum(map(Decimal, meter.lifetime.values()), shared)
        return sum((Decimal(one.amount) for one in meter.suspense), own)


CASES: dict[str, tuple[list[Event], dict[object, str]]] = {
    "rounding": (
        [
            *turn(1, None, "10.1"),
            *turn(2, "10.1", "20.200000000000003"),
            *turn(3, "20.2", "20.2"),
            *turn(4, "20.2", "30.3"),
        ],
        {1: "10.1", 2: "10.100000000000003", 3: "0", 4: "10.099999999999997"},
    ),
    "one look at a lagging replica": (
        [*turn(1, None, ".2"), *turn(2, ".2", ".5"), *turn(3, ".2", ".7")],
        {1: "0.2", 2: "0.3", 3: "0.2"},
    ),
    "zero while a turn runs": (
        [*turn(1, None, ".5"), *turn(2, ".5", "1.0"), *turn(3, "1.0", "0", "1.5")],
        {1: "0.5", 2: "0.5", 3: "0.5"},
    ),
    "zero while a turn runs that is left": (
        [
            *turn(1, None, ".5"),
            *turn(2, ".5", "1.0"),
            *(read("1.0"), Sent(3), read("0", busy=True), Ended(3, left_running=True), read("1.5")),
        ],
        {1: "0.5", 2: "0.5", 3: "0.5"},
    ),
    "a restart of the service": (
        [
            *turn(1, None, "1"),
            *turn(2, "1", "2"),
            *turn(3, "2", "3"),
            *turn(4, "0", ".5"),
            *turn(5, ".5", ".9"),
        ],
        {1: "1", 2: "1", 3: "1", 4: "0.5", 5: "0.4"},
    ),
    "each turn by itself": (
        [*turn(1, None, ".3"), *turn(2, ".3", ".1"), *turn(3, ".1", ".2")],
        {1: "0.3", 2: "0.1", 3: "0.2"},
    ),
    "each turn by itself, read while it runs": (
        [*turn(1, None, ".1", ".3"), *turn(2, ".3", ".02", ".3", ".5"), *turn(3, ".5", ".1", ".4", ".9")],
        {1: "0.3", 2: "0.5", 3: "0.9"},
    ),
    "not decided": ([*turn(1, None, "3"), *turn(2, "3", "5")], {1: "3", 2: "2"}),
    "decided later": (
        [*turn(1, None, "3"), *turn(2, "3", "5"), *turn(3, "5", "2"), *turn(4, "2", "1")],
        {1: "3", 2: "5", 3: "2", 4: "1"},
    ),
    "a fall, and rises behind it": (
        [
            *turn(1, None, ".214"),
            *turn(2, ".214", "1.51"),
            *turn(3, "1.51", ".704"),
            *turn(4, ".704", "1.013"),
            *turn(5, "1.013", "2.226"),
            *turn(6, "2.226", "2.945"),
        ],
        {1: "0.214", 2: "1.51", 3: "0.704", 4: "1.013", 5: "2.226", 6: "2.945"},
    ),
    "an outage at the end of a turn": (
        [*turn(1, None, "100"), *turn(2, "100", "0"), read("120")],
        {1: "100", 2: "20"},
    ),
    "an outage before a turn": (
        [*turn(1, None, "100"), *turn(2, "0", "120"), read("120")],
        {1: "100", 2: "20"},
    ),
    "an outage that is read twice": (
        [*turn(1, None, "100"), *turn(2, "100", "0"), read("0"), read("120"), read("120")],
        {1: "100", 2: "20"},
    ),
    "late costs of the turn before": (
        [*turn(1, None, ".10", prompts=0), read(".25", prompts=1)],
        {1: "0.25"},
    ),
}


@pytest.mark.parametrize(("events", "expected"), CASES.values(), ids=CASES)
def test_each_turn_has_its_amount(events: list[Event], expected: dict[object, str]) -> None:
    assert amounts(result(events)) == expected


@pytest.mark.parametrize("events", [events for events, _ in CASES.values()], ids=CASES)
def test_nothing_is_charged_twice_or_lost_at_any_moment(events: list[Event]) -> None:
    for end in range(len(events) + 1):
        meter = result(events[:end])
        assert entered(meter) == (meter.total or 0)


def test_two_overlapping_turns_are_charged_once() -> None:
    """A from 10 to 10.30, around B from 10.05 to 10.25; then one more."""
    first = turn(1, None, "10", prompts=0)
    last = turn(4, "10.30", "10.5", prompts=3)
    around: list[Event] = [
        *(read("10", prompts=1), Sent("A")),
        *(read("10.05", busy=True), Sent("B"), read("10.25", busy=True), Ended("B")),
        *(read("10.30", prompts=3), Ended("A")),
    ]
    meter = result([*first, *around, *last])
    a, b = meter.entry("A"), meter.entry("B")
    assert (a.most, a.others, b.most, b.others) == (Decimal("0.30"), 1, Decimal("0.25"), 1)
    assert Decimal(a.amount or 0) + Decimal(b.amount or 0) == Decimal("0.30")
    assert meter.entry(4).amount == Decimal("0.2")
    assert (entered(meter), meter.suspense) == (Decimal("10.5"), [])


def test_the_cost_of_others_during_our_turn_is_shared() -> None:
    meter = result([read("0", prompts=0), Sent(1), read(".60", prompts=2), Ended(1)])
    entry = meter.entry(1)
    assert (entry.amount, entry.most, entry.others) == (Decimal(".60"), Decimal(".60"), 1)


@pytest.mark.parametrize("last", [read(".60", prompts=2), read(".60")], ids=["counted again", "not counted"])
def test_messages_of_others_are_not_forgotten_by_readings_that_do_not_count_them(last: Read) -> None:
    """The cost is missing in the reading that shows the message of somebody else."""
    gaps = [read(None, busy=True, prompts=2), read(None, busy=True)]
    entry = result([read("0", prompts=0), Sent(1), *gaps, last, Ended(1)]).entry(1)
    assert (entry.amount, entry.most, entry.others) == (Decimal(".60"), Decimal(".60"), 1)


def test_a_visible_run_of_another_client_shares_our_amount() -> None:
    meter = result([read("1", busy=True, prompts=1), Sent(1), read("1.5", prompts=2), Ended(1)])
    assert (meter.entry(1).most, meter.entry(1).others) == (Decimal(".5"), 1)


def test_a_rise_during_a_refused_turn_is_suspense() -> None:
    events = [*turn(1, None, ".10", prompts=0), read(".10", prompts=1), Sent(2, refused=True)]
    meter = result([*events, read(".16", prompts=1)])
    assert meter.suspense == [Suspense(Decimal("0.06"), 1, (2,), 0, 0)]
    assert meter.entry(1).amount == Decimal(".10")


def test_a_rise_with_a_message_of_another_client_between_our_turns_is_suspense() -> None:
    meter = result([*turn(1, None, ".10", prompts=0), *turn(2, ".40", ".50", prompts=2)])
    assert meter.suspense == [Suspense(Decimal("0.30"), 1, (), 1, 0)]
    assert (meter.entry(1).amount, meter.entry(2).amount) == (Decimal(".10"), Decimal(".10"))


def test_the_cost_before_the_first_reading_is_unknown() -> None:
    meter = result([Sent(1), read(".3", busy=True), read(".5"), Ended(1)])
    entry = meter.entry(1)
    assert (entry.amount, entry.open) == (Decimal(".2"), True)
    assert result([Sent(1), read(".3"), Ended(1)]).entry(1).amount is None


def test_a_turn_before_which_the_worker_was_not_read_may_hold_older_costs() -> None:
    events: list[Event] = [Sent(2, read_before=False), read(".7"), Ended(2)]
    meter = result([*turn(1, None, ".5"), *events])
    assert (meter.entry(2).most, meter.entry(2).others) == (Decimal(".2"), 1)
    # What the turn before it took late may be in that.
    assert (meter.entry(1).amount, meter.entry(1).most) == (Decimal(".5"), Decimal(".7"))
    settled = Timeline((Decimal(0),))
    standing = [*turn(1, None, ".5"), read(".5"), *events]
    for at, event in enumerate(standing):
        settled.take(event, at * SETTLE_MS)
    (meter,) = settled.results()
    assert (meter.entry(1).most, meter.entry(2).most, meter.entry(2).others) == (None, Decimal(".2"), 0)
    # Counted messages exclude strangers, but not late costs of the turn before.
    counted = [*turn(1, None, ".5", prompts=0), Sent(2, read_before=False), read(".7", prompts=2), Ended(2)]
    assert result(counted).entry(2).most == Decimal(".2")


def test_what_a_message_of_others_takes_late_belongs_to_none_of_our_turns() -> None:
    """A rise without a new message belongs to the last one, which is not ours."""
    events = [*turn(1, None, ".1", prompts=0), read(".3", prompts=2), read(".4", prompts=2)]
    meter = result(events)
    assert meter.entry(1).amount == Decimal(".1")
    assert [one.amount for one in meter.suspense] == [Decimal(".2"), Decimal(".1")]
    # Ours came after it, so it is the last one.
    meter = result([*events, *turn(2, ".4", ".5", prompts=2), read(".7", prompts=3)])
    assert meter.entry(2).amount == Decimal(".3")


def test_a_message_of_others_that_is_adopted_is_no_message_that_is_missing() -> None:
    """It was counted as one of others before, while it ran."""
    adopted = Sent(2, adopted=True)
    events = [*turn(1, None, ".1", prompts=0), read(".2", busy=True, prompts=2), adopted]
    meter = result([*events, read(".3", busy=True, prompts=2), read(".5", prompts=2), Ended(2)])
    assert (meter.total, entered(meter)) == (Decimal(".5"), Decimal(".5"))
    assert [one.amount for one in meter.suspense] == [Decimal(".1")]
    assert (meter.entry(2).amount, meter.entry(2).most) == (Decimal(".3"), Decimal(".3"))


def test_the_amount_of_a_message_of_others_that_is_adopted_after_a_rise_is_unknown() -> None:
    """Its cost is in suspense, where the person can assign it."""
    before = [*turn(1, None, ".1", prompts=0), read(".3", prompts=2)]
    events: list[Event] = [*before, Sent(2, adopted=True), read(".3", prompts=2), Ended(2)]
    timeline = Timeline((Decimal(0),))
    with localcontext(EXACT):
        for at, event in enumerate(events):
            timeline.take(event, at)
        (meter,) = timeline.results()
        (rise,) = meter.suspense
        assert (rise.amount, meter.entry(2)) == (Decimal(".2"), Entry())
        (meter,) = timeline.results(TimelineRulings(owners={rise.at_ms: 2}))
        assert (meter.suspense, meter.entry(2).amount, meter.entry(2).open) == ([], Decimal(".2"), False)


ADOPTED: list[Event] = [Sent(2, adopted=True), read(".3", prompts=2), Ended(2)]
"""It came and was adopted with one reading."""


@pytest.mark.parametrize("adopted", [ADOPTED, [ADOPTED[0], ADOPTED[2], ADOPTED[1]]], ids=["read", "ended"])
def test_late_costs_of_our_turn_may_be_in_the_rise_that_shows_an_adopted_message(
    adopted: list[Event],
) -> None:
    """Both are read for the first time with it."""
    first = turn(1, None, ".1", prompts=0)
    meter = result([*first, *adopted])
    assert meter.entry(1) == Entry(Decimal(".1"), Decimal(".3"), 1, doubtful=True)
    assert (meter.entry(2).amount, meter.entry(2).most, meter.entry(2).others) == (
        Decimal(".2"),
        Decimal(".2"),
        1,
    )
    assert (meter.suspense, entered(meter)) == ([], Decimal(".3"))
    # With a second message that came after it, there are three possible owners.
    more: list[Event] = [Sent(3, adopted=True), read(".4", prompts=3), Ended(3)]
    meter = result([*first, ADOPTED[0], Ended(2), *more])
    assert [meter.entry(key).others for key in (1, 2, 3)] == [2, 2, 2]


def test_all_of_the_rise_is_that_of_an_adopted_message_where_our_turn_was_settled_or_read_again() -> None:
    timeline = Timeline((Decimal(0),))
    for at, event in enumerate([*turn(1, None, ".1", prompts=0), read(".1", prompts=1), *ADOPTED]):
        timeline.take(event, at * SETTLE_MS)
    (meter,) = timeline.results()
    assert [(meter.entry(key).amount, meter.entry(key).most) for key in (1, 2)] == [
        (Decimal(".1"), None),
        (Decimal(".2"), None),
    ]
    # A message of ours has a reading before it. What comes later is its own.
    meter = result([*turn(1, None, ".1", prompts=0), *turn(2, ".1", ".3", prompts=1)])
    assert meter.entry(2).most is None


def test_a_message_is_not_counted_twice_where_a_reading_lags_behind_its_adoption() -> None:
    """Later readings were taken for older ones, and what our turn took before them was lost."""
    before = [*turn(1, None, ".1", prompts=0), read(".3", prompts=2), *turn(2, ".3", ".4", prompts=2)]
    adopted: list[Event] = [Sent(3, adopted=True, last=False), Ended(3), Sent(4, read_before=False)]
    lagging, end = read(".3", busy=True, prompts=2), read(".9", prompts=4)
    meter = result([*before, *adopted, lagging, end, Ended(4)])
    assert (meter.total, entered(meter)) == (Decimal(".9"), Decimal(".9"))


def test_a_message_that_is_adopted_after_a_later_one_of_ours_gets_neither_figures_nor_late_costs() -> None:
    """Another session adopts it, although a message of this history followed."""
    first: list[Event] = [read(".1", prompts=0), Sent(1), read(".2", busy=True, prompts=2), Sent(2)]
    ends: list[Event] = [read(".5", busy=True, prompts=3), Ended(1), read(".6", prompts=3), Ended(2)]
    before = [*first, *ends, Sent(3, adopted=True)]
    end: list[Event] = [read(".6", prompts=3), Ended(3)]
    for after in permutations(end):
        meter = result([*before, *after, read(".8", prompts=3)])
        assert 3 not in meter.per_turn
        assert meter.per_turn[2] == Decimal(".8")
        assert meter.entry(3).amount in (None, 0)
        assert meter.entry(2).most is not None
        assert meter.entry(2).amount == Decimal(".6")


@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize("runs", [True, False])
def test_late_costs_are_not_those_of_a_message_that_is_adopted_after_a_later_one(
    *, runs: bool, last: bool
) -> None:
    """Whether the adoption says so or not: it was counted before the message of ours."""
    before = [
        *turn(1, None, ".1", prompts=0),
        read(".3", prompts=2),
        Sent(2),
        read(".5", busy=runs, prompts=3),
    ]
    adopted: list[Event] = [*([] if runs else [Ended(2)]), Sent(3, adopted=True, last=last), Ended(3)]
    meter = result([*before, *adopted, read(".6", prompts=3), *([Ended(2)] if runs else [])])
    assert (meter.entry(2).amount, meter.entry(2).most) == (Decimal(".3"), None)
    assert (meter.entry(3).amount, [one.amount for one in meter.suspense]) == (None, [Decimal(".2")])


def test_figures_and_late_costs_are_not_those_of_a_message_that_had_a_later_one_when_it_was_adopted() -> None:
    """It came before one of ours, and nothing was read in between."""
    before = [*turn(1, None, "3", prompts=0), *turn(2, "3", "2", prompts=1), *turn(3, "2", "1", prompts=2)]
    message: list[Event] = [Sent(4, read_before=False), read("5", prompts=5), Ended(4)]
    adopted: list[Event] = [Sent(5, adopted=True, last=False), Ended(5)]
    meter = result([*before, *message, *adopted, read("5", prompts=5)])
    assert (meter.basis, 5 in meter.per_turn) == (Basis.PER_TURN, False)
    # In totals, what comes late may be that of both only while first figures may be missing.
    first = [*turn(1, None, ".1", prompts=0), Sent(2, read_before=False)]
    meter = result([*first, read(".5", prompts=3), Ended(2), *adopted, read(".6", prompts=3)])
    assert ({*meter.shared}, meter.lifetime[5]) == ({1, 2}, 0)
    first += [read(".1", busy=True, prompts=3)]
    meter = result([*first, read(".1", prompts=3), Ended(2), *adopted, read(".6", prompts=3)])
    assert {2, 5} <= meter.shared.keys()


@pytest.mark.parametrize("busy", [True, False])
def test_a_message_that_is_adopted_while_one_of_ours_is_on_its_way_came_before_that(*, busy: bool) -> None:
    """The reading of the adoption has the adopted message, and lacks ours."""
    before = [*turn(1, None, "3", prompts=0), *turn(2, "3", "2", prompts=1), *turn(3, "2", "1", prompts=2)]
    events = [*before, read("1", prompts=3), Sent(4), Sent(5, adopted=True), read("7", busy=busy, prompts=4)]
    for more in ([Ended(5)], [read("2", busy=True, prompts=5)], [read("2.5", prompts=5)], [Ended(4)]):
        assert {result(events).entry(key).amount for key in (4, 5)} <= {None, Decimal(2), Decimal("2.5")}
        events += more
    meter = result(events)
    assert (meter.basis, meter.entry(4).amount, meter.entry(5).amount) == (
        Basis.PER_TURN,
        Decimal("2.5"),
        None,
    )


def test_a_decrease_at_the_end_of_a_turn_is_undecided_until_the_next_reading() -> None:
    events = [*turn(1, None, "1"), *turn(2, "1", "3"), *turn(3, "3", "1")]
    assert result(events).entry(3).open or result(events).entry(3).amount is None
    assert result([*events, read("4")]).entry(3).amount == Decimal(1)


@pytest.mark.parametrize(
    ("level", "value", "expected"),
    [
        ("20.200000000000003", "20.2", True),
        ("0.300001", "0.3", True),
        ("20.2", "20.1", True),
        ("0.3", "0.2", False),
        ("5", "4", False),
        ("1000", "999", False),
        ("1000", "999.9999999", True),
    ],
)
def test_rounding(level: str, value: str, expected: bool) -> None:
    with localcontext(EXACT):
        assert is_rounding(Decimal(level), Decimal(value)) is expected


LIFETIME: list[Event] = [
    *turn(1, None, "1.7"),
    *turn("b", "1.7", "1.72", "1.8"),
    *turn("c", "1.8", "1.82", "1.9"),
    *turn("d", "1.9", "1.92", "2"),
]
"""Readings that leave no doubt."""
BY_TURN: list[Event] = [
    *turn(1, None, ".4", prompts=0),
    *turn(2, ".4", ".3", prompts=1),
    *turn(3, ".3", ".2", prompts=2),
]


def test_a_running_figure_that_is_corrected_at_the_end_is_not_the_total_once_more() -> None:
    """A service that estimates while a turn runs: the turn takes what its figures are at the end."""
    first = result([Sent(1, creates=True), read(".5", busy=True), read(".4"), Ended(1), read(".4")])
    assert first.entry(1) == Entry(Decimal(".4"))
    third: list[Event] = [read("2"), Sent(3), read("2.5", busy=True), read("2.4"), Ended(3)]
    assert result([*LIFETIME, *third]).entry(3).open, "a replica may lag behind"
    after = result([*LIFETIME, *third, read("2.4"), *turn(4, "2.4", "2.7")])
    assert after.entry(3) == Entry(Decimal("0.4"))
    assert after.entry(4) == Entry(Decimal("0.3"))
    assert after.total == Decimal("2.7") == entered(after)


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("delayed", [("1.2", "1.3"), ("1.3", "1.2")])
def test_two_delayed_readings_are_no_new_count(*, first: bool, delayed: tuple[str, str]) -> None:
    """Two programs read the worker, and both answers arrive after a newer one."""
    start = [Sent(2, creates=True)] if first else [*turn(1, None, ".7"), read(".7"), Sent(2)]
    late = [read(usd, busy=True) for usd in ("1.5", *delayed)]
    waiting = result([*start, *late])
    assert (waiting.entry(2).open, entered(waiting)) == (True, waiting.total)
    meter = result([*start, *late, read("1.6", busy=True), read("1.7"), Ended(2)])
    assert meter.entry(2).amount == (Decimal("1.7") if first else Decimal(1))
    assert entered(meter) == meter.total == Decimal("1.7")


def test_a_third_value_below_the_figures_before_shows_a_correction() -> None:
    """A service that estimates while a turn runs, and takes $0.30 back."""
    estimates = [read(usd, busy=True) for usd in ("2.5", "2.2", "2.3", "2.4")]
    meter = result([*LIFETIME, read("2"), Sent(3), *estimates, read("2.4"), Ended(3)])
    assert meter.entry(3) == Entry(Decimal("0.4"))
    assert entered(meter) == meter.total == Decimal("2.4")


def test_a_correction_while_two_turns_run_is_nobodys() -> None:
    events: list[Event] = [read("2"), Sent("A"), read("2.3", busy=True), Sent("B"), read("2.5", busy=True)]
    meter = result([*LIFETIME, *events, read("2.4"), Ended("A"), Ended("B"), read("2.4")])
    assert meter.entry("A").open
    assert meter.entry("B").open
    assert entered(meter) == meter.total


def test_a_refund_while_a_turn_runs_does_not_charge_it_the_total() -> None:
    """What was refunded is not known, so neither is what the turn took: a gap, and not $1.80."""
    meter = result([*LIFETIME, *turn(3, "2", "1.8"), read("1.8"), *turn(4, "1.8", "2")])
    assert [meter.entry(at).amount for at in (1, 3, 4)] == [Decimal("1.7"), None, Decimal("0.2")]
    assert entered(meter) == meter.total


def test_a_turn_in_whose_time_the_service_restarts_took_at_least_the_rest() -> None:
    meter = result([*LIFETIME, *turn(3, "2", "2.4", ".3"), read(".3")])
    assert (meter.entry(3).amount, meter.entry(3).open) == (Decimal(".7"), True)


def test_figures_per_turn_of_a_turn_that_another_one_followed_are_not_all() -> None:
    events: list[Event] = [read(".2", prompts=3), Sent("A"), read(".05", busy=True, prompts=4), Sent("B")]
    ends: list[Event] = [read(".02", busy=True, prompts=5), Ended("A"), read(".4", prompts=5), Ended("B")]
    meter = result([*BY_TURN, *events, *ends])
    assert meter.entry("A") == Entry(Decimal(".05"), open=True)
    assert meter.entry("B") == Entry(Decimal(".4"))


def test_a_message_of_others_after_a_turn_leaves_its_figures_final() -> None:
    meter = result([*BY_TURN, read(".7", prompts=4), *turn(4, ".7", ".1", prompts=4)])
    assert meter.basis is Basis.PER_TURN
    assert [meter.entry(at) for at in (3, 4)] == [Entry(Decimal(".2")), Entry(Decimal(".1"))]


@pytest.mark.parametrize("first", [LIFETIME, BY_TURN], ids=["lifetime", "per turn"])
def test_a_figure_that_is_missing_at_the_end_leaves_the_amount_open(first: list[Event]) -> None:
    """The worker is idle, but what it showed of the cost is from the middle of the turn."""
    look = read("2" if first is LIFETIME else ".2")
    during = read("2.1" if first is LIFETIME else ".1", busy=True)
    meter = result([*first, look, Sent("A"), during, read(None), Ended("A"), read(None)])
    assert meter.entry("A") == Entry(Decimal(".1"), open=True)


@pytest.mark.parametrize("during", [None, ".2", ".5", ".8"])
def test_with_a_stranger_an_amount_is_doubtful_whenever_it_was_read(during: str | None) -> None:
    """By figures of each turn, the last ones are the stranger's, and ours are unknown."""
    middle: list[Event] = [] if during is None else [read(during, busy=True, prompts=2)]
    end: list[Event] = [read(".8", prompts=3), Ended(2)]
    meter = result([*turn(1, None, ".2", prompts=0), read(".2", prompts=1), Sent(2), *middle, *end])
    entry = meter.entry(2)
    assert meter.basis in (Basis.UNDECIDED, Basis.LIFETIME)
    assert entry.doubtful is (meter.basis is Basis.UNDECIDED)
    assert (entry.amount, entry.most is None) == (Decimal(".6"), during == ".8")
    assert not meter.entry(1).doubtful


def test_no_rise_is_as_doubtful_as_one() -> None:
    """A worker of which we read $5 first: by figures of each turn, our turn took $5."""
    meter = result([read("5"), Sent(1), read("5"), Ended(1)])
    assert (meter.entry(1).amount, meter.entry(1).doubtful) == (0, True)
    assert 1 in meter.exceptions


def bases(*turns: list[Event]) -> list[tuple[Basis, bool]]:
    """The meaning after each turn, and whether amounts are those of each turn alone."""
    shown, events = [], list[Event]()
    for one in turns:
        events += one
        meter = result(events)
        shown.append((meter.basis, meter.by_turn))
    return shown


def ends(*values: str, first: int = 1) -> list[list[Event]]:
    """Turns that are read before and after."""
    before = [None, *values]
    return [turn(at, before[at - first], value) for at, value in enumerate(values, first)]


UNSURE, SURE = (Basis.UNDECIDED, False), (Basis.LIFETIME, False)
UNSURE_BY_TURN, SURE_BY_TURN = (Basis.UNDECIDED, True), (Basis.PER_TURN, True)


def test_one_fall_inside_a_turn_decides_nothing_and_two_do() -> None:
    shown = bases(*ends(".214", "1.51", ".704", "1.013", "2.226", "2.945", "1"))
    assert shown == [UNSURE] * 2 + [UNSURE_BY_TURN] * 4 + [SURE_BY_TURN]


def test_an_amount_is_doubtful_as_long_as_the_meaning_is_not_decided() -> None:
    meter = result([event for one in ends(".3", ".1", ".2") for event in one])
    assert [meter.entry(at).doubtful for at in (1, 2, 3)] == [False, True, True]


def test_rises_decide_only_after_many_turns() -> None:
    """Figures of each turn often rise some times in a row."""
    shown = bases(*ends(*map(str, range(1, 13))))
    assert shown == [UNSURE] * 10 + [SURE] * 2


def test_values_close_to_the_one_before_decide_sooner() -> None:
    during = [turn(at, f"{at}.0", f"{at}.1", f"{at + 1}.0") for at in range(2, 6)]
    shown = bases(turn(1, None, "2.0"), *during)
    assert shown == [UNSURE] * 3 + [SURE] * 2
    # The same without a reading while the turn runs.
    assert bases(turn(1, None, "2.0"), *ends("2.0", "2.1", "2.2", "2.3")[1:])[-1] == UNSURE


def test_a_decided_total_is_not_left_for_one_reset() -> None:
    resets = [turn(9, "2", ".3"), turn(10, ".3", ".31", "1.0"), turn(11, "1.0", "1.1"), turn(12, "1.1", ".2")]
    assert bases(LIFETIME, *resets) == [SURE] * 5
    # Two in a row contradict it.
    again = turn(9, "2", ".3"), turn(10, ".3", ".2"), turn(11, ".2", ".1")
    assert bases(LIFETIME, *again) == [SURE, SURE, UNSURE_BY_TURN, SURE_BY_TURN]


def test_decided_figures_of_each_turn_are_left_only_for_what_they_cannot_show() -> None:
    rises = [turn(at, f"{at}.0", f"{at}.1", f"{at + 1}.0") for at in range(11, 20)]
    shown = bases(BY_TURN, turn(10, ".2", "11.0"), *rises)
    assert shown[:4] == [SURE_BY_TURN] * 4
    assert shown[-1] == SURE


def test_a_meaning_that_was_left_twice_stays_undecided() -> None:
    rises = [turn(at, f"{at}.0", f"{at}.1", f"{at + 1}.0") for at in range(11, 20)]
    falls = turn(20, "20.0", "3"), turn(21, "3", "2"), turn(22, "2", "1"), turn(23, "1", ".5")
    later = ends(*map(str, range(1, 40)), first=30)
    shown = bases(BY_TURN, turn(10, ".2", "11.0"), *rises, *falls, *later)
    after = shown[12:]
    assert {basis for basis, _ in after[2:]} == {Basis.UNDECIDED}


def test_zero_is_no_evidence() -> None:
    """A service that is out of order may answer with zeros."""
    outages = [turn(at, str(at), "0", str(at + 1)) for at in range(2, 9)]
    broken = [*turn(9, "9", "0"), read("10"), *turn(10, "10", "0"), read("11")]
    shown = bases(turn(1, None, "2"), *outages, broken)
    assert shown == [UNSURE] * 9


def test_a_new_value_below_that_before_the_turn_shows_figures_of_each_turn() -> None:
    """Also where the end of the turn is above it again: no replica could show a value that never was."""
    meter = result([*turn(1, None, ".3"), *turn(2, ".3", ".1", ".5")])
    assert (meter.by_turn, meter.entry(2).amount) == (True, Decimal(".5"))
    lagging = result([*turn(1, None, ".2", ".3"), *turn(2, ".3", ".2", ".5")])
    assert not lagging.by_turn


def test_a_first_reading_that_is_missed_counts_for_each_figure_by_itself() -> None:
    """The worker was read before the turn, but without this figure: older costs may be in its amount."""
    blind = Read((None,), busy=False)
    meter = result([*turn(1, None, ".5"), read(".5"), blind, Sent(2), read(".7"), Ended(2)])
    assert (meter.entry(2).most, meter.entry(2).others) == (Decimal(".2"), 1)
    meter = result([*turn(1, None, ".5"), read(".5"), Sent(2), blind, read(".7"), Ended(2)])
    assert meter.entry(2).most is None


def test_an_unknown_lower_value_before_a_turn_may_be_a_restart() -> None:
    """Then the turn took $0.70 and not $0.20: that is the least that it took."""
    meter = result([*turn(1, None, ".5"), read(".5"), *turn(2, "0", ".7")])
    assert (meter.entry(2).amount, meter.entry(2).open) == (Decimal(".2"), True)


def test_a_fall_behind_a_missing_look_proves_little() -> None:
    """The service may have restarted between the turns: the look before the third one had no figure."""
    look: list[Event] = [read(".5"), Sent(2), read(".9"), Ended(2), Read((None,), busy=False)]
    meter = result([*turn(1, None, ".5"), *look, Sent(3), read(".2", busy=True), read("1.1"), Ended(3)])
    assert meter.basis is not Basis.PER_TURN


FROZEN: list[Event] = [*LIFETIME, read("2", prompts=4), Sent("A")]
"""Behind it the figures stand still while the worker is busy, and somebody else sends a message."""


@pytest.mark.parametrize("looks", [0, 1, 3])
def test_a_stranger_while_the_figures_stand_still_is_a_possible_owner(looks: int) -> None:
    """Ours took $1.31, the stranger's $0.50."""
    still: list[Event] = [read("2", busy=True, prompts=6)] * looks
    meter = result([*FROZEN, *still, read("3.81", prompts=6), Ended("A"), read("3.81", prompts=6)])
    entry = meter.entry("A")
    assert (entry.amount, entry.most, entry.others) == (Decimal("1.81"), Decimal("1.81"), 1)
    assert entered(meter) == meter.total == Decimal("3.81")


LOST: list[Event] = [Sent("lost", read_before=False, counted=False), Ended("lost", left_running=True)]
"""A message of which nobody knows whether it arrived, for example in an outage."""


@pytest.mark.parametrize("prompts", [None, 3])
def test_a_message_that_may_be_lost_does_not_take_the_figures_of_the_turn_before(prompts: int | None) -> None:
    """Figures of each turn are those of the last one that arrived; they were charged a second time."""
    turns = [*turn(1, None, ".9"), *turn(2, ".9", ".3"), *turn(3, ".3", ".1", prompts=2)]
    meter = result([*turns, *LOST, read(".1", prompts=prompts), read(".1", prompts=prompts)])
    assert meter.basis is Basis.PER_TURN
    assert [meter.entry(key).amount for key in (1, 2, 3, "lost")] == [
        *map(Decimal, ("0.9", "0.3", "0.1")),
        None,
    ]
    # Whose another figure is shows only the number of messages.
    meter = result([*turns, *LOST, read(".1", prompts=prompts), read(".2", prompts=prompts)])
    entry, lost = meter.entry(3), meter.entry("lost")
    assert (str(entry.amount), entry.open, lost.amount) == (
        ("0.1", True, None) if prompts is None else ("0.2", False, None)
    )


def test_late_costs_behind_a_message_that_may_be_lost_may_be_those_of_the_turn_before() -> None:
    for looks in ([], [read("30", prompts=3)]):
        meter = result([*turn("A", "20", "30", prompts=2), *LOST, *looks, read("31", prompts=3)])
        entries = [meter.entry(key) for key in ("A", "lost")]
        assert [one.most is not None for one in entries] == [True, True], looks
        assert sum(Decimal(one.amount or 0) for one in entries) == Decimal(11)


def test_late_costs_belong_to_the_turn_that_was_sent_last_and_not_to_the_end_that_was_read_last() -> None:
    """Two programs were killed; the third one read the ends of their turns when its own was over."""
    meter = result(
        [
            *(Sent("A"), read("31"), Sent("B"), read("32", prompts=2), Sent("C"), read("32", prompts=3)),
            *(Ended("C"), Ended("B"), Ended("A"), read("33", prompts=3)),
        ]
    )
    assert str(meter.entry("C").amount) == "1"


def test_a_stranger_is_counted_once() -> None:
    during = [read(usd, busy=True, prompts=6) for usd in ("2.1", "2.2")]
    rises: list[Event] = [*during, read("3", prompts=6)]
    entry = result([*FROZEN, *rises, Ended("A")]).entry("A")
    assert (entry.most, entry.others) == (Decimal(1), 1)


def test_a_look_whose_figures_lag_behind_its_messages_leaves_a_possible_owner() -> None:
    """The message of somebody else shows at once, and what it took only later."""
    late: list[Event] = [
        read("2", prompts=4),
        read("2.05", busy=True, prompts=5),
        Sent("A"),
        read("2.9", prompts=6),
    ]
    entry = result([*LIFETIME, *late, Ended("A")]).entry("A")
    assert (entry.most, entry.others) == (Decimal("0.85"), 1)


def test_a_stranger_whose_costs_were_read_is_no_possible_owner() -> None:
    others: list[Event] = [
        read("2", prompts=4),
        read("2.5", prompts=5),
        Sent("A"),
        read("2.9", prompts=6),
        Ended("A"),
    ]
    meter = result([*LIFETIME, *others])
    assert meter.entry("A") == Entry(Decimal("0.4"))
    assert [one.amount for one in meter.suspense] == [Decimal("0.5")]
    # Neither is one of whom the idle worker shows nothing twice.
    free: list[Event] = [read("2", prompts=4), read("2", prompts=5), read("2", prompts=5), Sent("A")]
    assert result([*LIFETIME, *free, read("2.4", prompts=6), Ended("A")]).entry("A") == Entry(Decimal("0.4"))
