"""Sums of spending: exact, independent of order and grouping, with every gap counted."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from functools import reduce
from operator import add
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from handinger_tui.core.amounts import Total, Unit
from handinger_tui.core.figures import COST_MEMBERS
from handinger_tui.core.money.limits import Gauge, Limit, Scope
from handinger_tui.core.money.spending import EMPTY_TOTAL, SUMS, Bucket, sum_buckets, sum_text
from handinger_tui.core.prices import Prices

amounts = st.decimals(min_value=0, max_value=10**30, places=17)
sums = st.builds(Total, st.none() | amounts, st.integers(0, 5))
buckets = st.builds(
    Bucket,
    st.sampled_from(["a", "b"]),
    st.integers(0, 9),
    st.integers(0, 9),
    *[sums] * len(SUMS),
    first_ms=st.none() | st.integers(0, 100),
    last_ms=st.none() | st.integers(0, 100),
    title=st.sampled_from(["", "t"]),
)


@given(st.lists(sums, max_size=8))
def test_a_sum_is_exact_in_any_order(listed: list[Total]) -> None:
    added = reduce(add, listed, EMPTY_TOTAL)
    assert reduce(add, listed[::-1], EMPTY_TOTAL) == added
    amounts = [one.value for one in listed if one.value is not None]
    assert (added.value is None) == (not amounts)
    assert added.missing_turns == sum(one.missing_turns for one in listed)
    if added.value is not None:
        assert Fraction(added.value) == sum((Fraction(one) for one in amounts), Fraction(0))


@given(sums, sums, sums)
def test_sums_may_be_grouped_in_any_way(one: Total, two: Total, three: Total) -> None:
    assert (one + two) + three == one + (two + three)
    assert one + EMPTY_TOTAL == EMPTY_TOTAL + one == one


def test_an_unknown_amount_adds_a_gap_and_no_zero() -> None:
    unknown = Total(None, 1)
    assert unknown + unknown == Total(None, 2)
    assert unknown + Total(Decimal("0.5")) == Total(Decimal("0.5"), 1)
    assert Total(Decimal(0)) + unknown == Total(Decimal(0), 1)


@given(st.lists(buckets, max_size=8), st.integers(0, 8))
def test_buckets_may_be_grouped_in_any_way(listed: list[Bucket], at: int) -> None:
    total = sum_buckets(listed, "all")
    parts = sum_buckets([sum_buckets(listed[:at]), sum_buckets(listed[at:])], "all")
    mixed = sum_buckets(listed[::-1], "all")
    for grouped in (parts, mixed):
        assert [getattr(grouped, name) for name in SUMS] == [getattr(total, name) for name in SUMS]
        assert (grouped.turns, grouped.incomplete) == (total.turns, total.incomplete)
        assert (grouped.first_ms, grouped.last_ms, grouped.title) == (
            total.first_ms,
            total.last_ms,
            total.title,
        )
    assert total.turns == sum(one.turns for one in listed)
    assert total.key == "all"


def test_every_sum_of_a_bucket_is_added() -> None:
    assert ("usd", "credits", *COST_MEMBERS, "tokens") == SUMS


@pytest.mark.parametrize("member", SUMS)
def test_a_group_without_turns_costs_zero_and_one_without_figures_is_unknown(member: str) -> None:
    assert Bucket("").total(member) == Total(Decimal(0))
    assert sum_buckets([]).total(member) == Total(Decimal(0))
    unknown = holding(Total(None, 2), member, turns=2)
    assert unknown.total(member) == Total(None, 2)
    assert unknown.merged(holding(Total(Decimal(3)), member, turns=1)).total(member) == Total(Decimal(3), 2)


def holding(amount: Total, member: str, turns: int) -> Bucket:
    sums: dict[str, Any] = {member: amount}
    return Bucket("", turns, **sums)


def test_a_sum_marks_its_unknown_turns() -> None:
    assert sum_text(Total(Decimal("0.30"), 1), Total(None, 1), 1) == "$0.30 + 1 unknown · 1 turn"
    assert sum_text(Total(Decimal("0.30")), Total(Decimal(8)), 2) == "$0.30 · 8 credits · 2 turns"
    assert sum_text(Total(None, 2), Total(None, 2), 2) == "cost unknown · 2 turns"
    price = Decimal("0.08")
    assert sum_text(Total(None, 2), Total(Decimal(8), 0), 2, price) == "8 credits (about $0.08) · 2 turns"
    assert sum_text(Total(Decimal(1), 1), Total(Decimal(8), 0), 2, price).startswith("$1.00 + 1 unknown")
    assert sum_text(Total(None, 2), Total(None, 2), 2, price) == "cost unknown · 2 turns"


def test_a_group_whose_split_exceeds_its_cost_reports_the_difference() -> None:
    for model, excess in (("0.15", "0.05"), ("0.10", "0")):
        over = replace(holding(Total(Decimal(model)), "model_usd", turns=2), usd=Total(Decimal("0.10")))
        assert over.split_excess == Decimal(excess)
    assert Bucket("a").split_excess is None


def test_a_narrow_header_has_the_amount_of_today_with_signs_before_it_has_none() -> None:
    today = Bucket("2026-12-01", 2, usd=Total(Decimal("0.0311"), doubtful=True, unsettled=True))
    assert today.in_header(today, (), None) == ("about $0.0311 so far", "~$0.0311…")


def test_the_header_does_not_repeat_the_unit_of_credits_before_their_limit() -> None:
    credit = Total(Decimal(4), 1, unsettled=True)
    today = Bucket("2026-12-01", 2, usd=Total(None, 2), credits=credit, first_ms=0, last_ms=0)
    gauges = [Gauge(Limit(Scope.DAY, Unit.CREDITS, Decimal(20)), credit)]
    first, *_, brief_of_limit, brief = today.in_header(today, gauges, None)
    assert first == "4 so far + 1 unknown of 20 credits"
    assert (brief_of_limit, brief) == ("4… + 1 unknown of 20 credits", "4 credits… + 1 unknown")
    priced = today.in_header(today, gauges, Prices((("", Decimal("0.01")),)))
    assert priced[0] == "4 so far + 1 unknown of 20 credits (about $0.04)"


def test_the_header_says_that_what_ended_today_cost_an_unknown_amount() -> None:
    running = Bucket("2026-12-01", 1, usd=Total(None, 1), credits=Total(None, 1))
    assert running.in_header(running, (), None) == ()
    assert replace(running, incomplete=1).in_header(running, (), None) == ("unknown",)
