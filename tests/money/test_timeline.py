"""The meaning of a worker's figures, and the cost of each turn: cases with one right answer."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal, localcontext

import pytest

from handinger_tui.core.amounts import EXACT
from handinger_tui.core.money.timeline import (
    Ended,
    Event,
    Meaning,
    MeterResult,
    Read,
    Sent,
    Suspense,
    Timeline,
    is_rounding,
)


def read(usd: str | None, *, busy: bool = False, prompts: int | None = None) -> Read:
    return Read((None if usd is None else Decimal(usd),), busy, prompts)


def turn(number: int, look: str | None, *ends: str, prompts: int | None = None) -> list[Event]:
    """A turn with the reading before it, readings while it runs, and the one at its end."""
    before = [] if look is None else [read(look, prompts=prompts)]
    running = [read(usd, busy=True) for usd in ends[:-1]]
    after = read(ends[-1], prompts=None if prompts is None else prompts + 1)
    return [
        *before,
        Sent(number, creates=number == 1, looked=look is not None),
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
    entries = {turn: meter.entry(turn) for turn in sorted(meter.own, key=str)}
    return {turn: str(one.amount) + "~" * one.doubtful for turn, one in entries.items()}


def entered(meter: MeterResult) -> Decimal:
    """All charges, and the suspense."""
    with localcontext(EXACT):
        shared = sum((Decimal(one.entered) for one in meter.shared.values()), Decimal(0))
        own = sum(map(Decimal, meter.own.values()), shared)
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
    "not decided": ([*turn(1, None, "3"), *turn(2, "3", "5")], {1: "3", 2: "2~"}),
    "decided later": (
        [*turn(1, None, "3"), *turn(2, "3", "5"), *turn(3, "5", "2"), *turn(4, "2", "1")],
        {1: "3", 2: "5", 3: "2", 4: "1"},
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
    events: list[Event] = [Sent(2, looked=False), read(".7"), Ended(2)]
    entry = result([*turn(1, None, ".5"), *events]).entry(2)
    assert (entry.most, entry.others) == (Decimal(".2"), 0)
    # Counted messages exclude strangers, but not late costs of the turn before.
    counted = [*turn(1, None, ".5", prompts=0), Sent(2, looked=False), read(".7", prompts=2), Ended(2)]
    assert result(counted).entry(2).most == Decimal(".2")


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


def test_the_complete_timeline_decides_the_meaning() -> None:
    falls = [*turn(1, None, "3"), *turn(2, "3", "1")]
    assert result(falls).meaning is Meaning.PER_TURN
    rises = [*turn(3, "1", "1.3"), *turn(4, "1.3", "1.5"), *turn(5, "1.5", "1.8")]
    assert result([*falls, *rises]).meaning is Meaning.LIFETIME
