"""Estimates from earlier amounts: how often they hold, and what they are where little is known."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handinger_tui.core.money.prediction import (
    ENOUGH_TO_JUDGE,
    Range,
    error_factor,
    price_range,
    unusual_above,
)
from handinger_tui.core.money.typical_cost import ENOUGH, expected, quantile
from tests.money.backtest import QUIET, Result, Share, play
from tests.money.habits import HABITS

AMOUNTS = st.lists(
    st.decimals(0, 1000, places=6, allow_nan=False, allow_infinity=False), min_size=2, max_size=60
)


@pytest.fixture(scope="module")
def results() -> dict[str, Result]:
    """A year of each habit; `python -m tests.money.backtest` plays more."""
    return {habit.__name__: play(number, 3, 1, every=11) for number, habit in enumerate(HABITS)}


def together(shares: list[Share]) -> float:
    return Share(sum(one.hits for one in shares), sum(one.cases for one in shares)).part


def test_the_range_holds_in_four_of_five_turns(results: dict[str, Result]) -> None:
    assert abs(together([one.ranges for one in results.values()]) - 0.8) < 0.03
    assert all(0.7 < one.ranges.part < 0.9 for one in results.values())


def test_nine_of_ten_months_end_within_their_range(results: dict[str, Result]) -> None:
    assert together([one.months for one in results.values()]) >= 0.9


def test_a_fourfold_cost_is_noticed_and_a_usual_one_is_not(results: dict[str, Result]) -> None:
    quiet = [results[name] for name in QUIET]
    assert together([one.false_alarms for one in quiet]) < 1 / 200
    assert together([one.jumps for one in quiet]) >= 0.95


@given(AMOUNTS)
def test_a_range_is_in_order_and_grows_with_its_amounts(amounts: list[Decimal]) -> None:
    stated = price_range(amounts)
    assert stated is not None
    assert 0 <= stated.low <= stated.high
    of = expected(reversed(amounts))
    assert of.low is not None
    assert of.median is not None
    assert of.high is not None
    assert of.low <= of.median <= of.high
    bar = unusual_above(amounts)
    assert (bar is None) == (len(amounts) < ENOUGH_TO_JUDGE)
    if bar is not None and of.median > Decimal("1e-6"):
        assert bar >= 2 * of.median * Decimal("0.999999")


@pytest.mark.parametrize("most", ["100", "100000", "9223372036854"])
def test_a_free_turn_among_dear_ones_is_no_reason_for_a_range_without_end(most: str) -> None:
    for amounts in ([Decimal(0), Decimal(most)], [Decimal(0)] * 4 + [Decimal(most)] * 4):
        stated = price_range(amounts)
        assert stated is not None
        assert stated.low <= stated.high <= 11 * Decimal(most)
        unusual_above(amounts)


def test_equal_amounts_are_no_range_and_twice_as_much_is_not_unusual() -> None:
    assert price_range([Decimal("0.05")] * 20) == Range(Decimal("0.05"), Decimal("0.05"))
    assert unusual_above([Decimal("0.05")] * 20) == Decimal("0.1")
    assert price_range([Decimal("0.05")]) is None
    assert unusual_above([Decimal(0)] * 20) == 0


def test_more_than_three_times_what_nine_of_ten_cost_is_unusual_however_much_costs_vary() -> None:
    wide = [Decimal(1).scaleb(power) for power in (-4, -3, -2, -1, 0)] * 4
    bar = unusual_above(wide)
    assert bar is not None
    assert bar <= 3 * quantile(sorted(wide), Decimal("0.9"))
    mostly_free = unusual_above([Decimal(0)] * 19 + [Decimal(1)])
    assert mostly_free is not None
    assert mostly_free > Decimal("0.01"), "what nine of ten cost says nothing there"


def test_few_amounts_are_shown_as_they_are() -> None:
    few = [Decimal(number) for number in range(1, ENOUGH)]
    of = expected(few)
    assert (of.low, of.high, of.unusual_above) == (few[0], few[-1], None)


def test_a_forecast_of_nothing_is_certain_and_one_of_few_days_is_not() -> None:
    assert error_factor([Decimal(0)] * 9, Decimal(9)) == 1
    few, many = (error_factor([Decimal(1)] * days, Decimal(9)) for days in (3, 60))
    assert 1 < many < few < 10
