"""The cost of similar earlier turns, and its text."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handinger_tui.core.money.typical_cost import CHIP_CELLS, ENOUGH, Spread, TypicalCost, quantile, spread

amounts = st.decimals(min_value=0, max_value=10**20, places=12)


def of(*values: str | None) -> Spread:
    return spread(None if value is None else Decimal(value) for value in values)


def test_without_amounts_there_is_no_figure() -> None:
    assert of() == Spread()
    assert of(None, None) == Spread(unknown=2)


def test_one_amount_is_all_of_them() -> None:
    one = Decimal("0.5")
    assert of("0.5") == Spread(1, 0, one, one, one, one, one)


def test_few_amounts_give_their_extremes_and_many_the_middle_half() -> None:
    few, many = of("1", "2", "3", "9"), of("1", "2", "3", "4", "9")
    assert (few.low, few.high) == (Decimal(1), Decimal(9))
    assert (many.low, many.median, many.high, many.most) == tuple(map(Decimal, (2, 3, 4, 9)))


@given(st.lists(amounts, min_size=1, max_size=12), st.integers(0, 100))
def test_a_quantile_is_the_exact_interpolation(values: list[Decimal], percent: int) -> None:
    ordered = sorted(values)
    place = Fraction((len(ordered) - 1) * percent, 100)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    low, high = Fraction(ordered[below]), Fraction(ordered[above])
    result = quantile(ordered, Decimal(percent) / 100)
    assert Fraction(result) == low + (high - low) * (place - below)


@given(st.lists(st.none() | amounts, max_size=12), st.randoms())
def test_a_spread_does_not_depend_on_the_order(values: list[Decimal | None], chance: Random) -> None:
    mixed = list(values)
    chance.shuffle(mixed)
    result = spread(values)
    assert spread(mixed) == result
    assert result.counted + result.unknown == len(values)
    if result.counted:
        assert result.low is not None
        assert result.median is not None
        assert result.high is not None
        assert result.low <= result.median <= result.high


USUAL = of("0.01", "0.02", "0.04", "0.09", "0.2")


@pytest.mark.parametrize(
    ("usual", "text"),
    [
        (TypicalCost("high"), "no cost history at high yet"),
        (TypicalCost("high", of(None, None, None)), "3 turns at high, cost unknown"),
        (TypicalCost("high", of("0.04213")), "$0.0421 (1 turn)"),
        (TypicalCost("high", of("0.04", None, None)), "$0.04 (1 turn, 2 more unknown)"),
        (TypicalCost("high", of("0.02", "0.05", "0.09")), "$0.02–0.09 (3 turns)"),
        (TypicalCost("high", of("0.02", "0.02")), "$0.02 (2 turns)"),
        (TypicalCost("high", USUAL), "usually $0.02–0.09 (median $0.04, 5 turns)"),
        (
            TypicalCost("high", of("0.01", "0.02", "0.04", "0.09", "0.2", None, None)),
            "usually $0.02–0.09 (median $0.04, 5 turns, 2 more unknown)",
        ),
        (
            TypicalCost("high", USUAL, everywhere=True),
            "other workers usually $0.02–0.09 (median $0.04, 5 turns)",
        ),
        (
            TypicalCost("high", of("0.02", "0.09"), everywhere=True),
            "other workers $0.02–0.09 (2 turns)",
        ),
        (
            TypicalCost("high", of(None), everywhere=True),
            "on other workers 1 turn at high, cost unknown",
        ),
        (
            TypicalCost("high", of(*[None] * 5), of("1", "2", "4", "9", "20")),
            "usually 2–9 credits (median 4 credits, 5 turns)",
        ),
        (
            TypicalCost("high", of(), of("1", "2", "4", "9", "20"), credit_usd=Decimal("0.01")),
            "usually 2–9 credits (median 4 credits, 5 turns, about $0.04)",
        ),
        (TypicalCost("high", of("0.5"), of("1", "2", "4", "9", "20")), "$0.50 (1 turn)"),
        (TypicalCost("hi\x1b[31m\ngh"), "no cost history at hi[31m gh yet"),
    ],
)
def test_the_typical_range_in_words(usual: TypicalCost, text: str) -> None:
    assert usual.text == text


@pytest.mark.parametrize(
    ("usual", "text"),
    [
        (TypicalCost("high"), "no cost history yet"),
        (TypicalCost("high", of(None)), "cost unknown"),
        (TypicalCost("high", of("0.04")), "$0.04 (1 turn)"),
        (TypicalCost("high", of("0.02", "0.05", "0.09")), "$0.02–0.09 (3 turns)"),
        (TypicalCost("high", USUAL), "~$0.04 ($0.02–0.09)"),
        (TypicalCost("high", USUAL, everywhere=True), "~$0.04 (other workers)"),
        (TypicalCost("high", of(), of("1", "2", "4", "9", "20")), "~4 credits (2–9)"),
        (TypicalCost("high", of(), of("10.5"), everywhere=True), "~10.5 credits"),
        (
            TypicalCost("high", of(), of("1", "2", "4", "9", "20"), credit_usd=Decimal("0.01")),
            "~4 credits (2–9) · ~$0.04",
        ),
        (
            TypicalCost("high", of("0.0012", "0.0013", "0.0042", "0.0099", "0.0099")),
            "~$0.0042 ($0.0013–0.0099)",
        ),
        (TypicalCost("high", of(*["1e30"] * 5)), "~$1e+30"),
    ],
)
def test_the_chip(usual: TypicalCost, text: str) -> None:
    assert usual.chip == text


@given(st.lists(st.none() | amounts, max_size=8), st.lists(st.none() | amounts, max_size=8), st.booleans())
def test_the_chip_is_short_and_shows_no_false_zero(
    usd: list[Decimal | None], credits_used: list[Decimal | None], everywhere: bool
) -> None:
    usual = TypicalCost("standard", spread(usd), spread(credits_used), everywhere)
    chip, text = usual.chip, usual.text
    assert len(chip) <= CHIP_CELLS
    is_counted = usual.usd.counted or usual.credits.counted
    assert ("no cost history yet" in chip) == (not is_counted and not usual.usd.unknown)
    assert ("usually" in text) == ((usual.usd.counted or usual.credits.counted) >= ENOUGH)


def test_the_highest_cost_on_record_may_be_one_in_credits_or_only_a_maximum() -> None:
    in_credits = TypicalCost("high", credits=of("1", "2"))
    in_dollars = TypicalCost("low", of("0.5"))
    shared, none = TypicalCost("standard", shared=2), TypicalCost("low")
    dearest = TypicalCost.dearest
    assert (
        dearest([in_credits], "high")
        == "Most expensive turn so far at high: 2 credits (2 turns, this worker)."
    )
    assert "at low: $0.50" in dearest([in_credits, in_dollars], "unlimited")
    assert dearest([none, shared], "unlimited") == "Only “up to” amounts yet."
    assert dearest([none], "unlimited") == "No cost history yet."
