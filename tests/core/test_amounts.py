"""Amounts stay exact, and unknown stays unknown."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handinger_tui.core.amounts import Total, excess_words, micro_credits, pico_usd, split_excess, total
from handinger_tui.core.decimals import INT64_MAX, decimal_text, scaled_text

# -- sums and texts --------------------------------------------------------------------
amounts = st.decimals(min_value=0, max_value=10**30, allow_nan=False, allow_infinity=False, places=30)


@given(st.lists(amounts))
def test_a_total_is_exact_in_any_order(values: list[Decimal]) -> None:
    exact = sum((Fraction(value) for value in values), Fraction(0))
    for ordered in (values, values[::-1], sorted(values)):
        result = total(ordered)
        assert result.value is not None
        assert Fraction(result.value) == exact
        assert result.complete


@given(st.lists(st.none() | amounts, min_size=1))
def test_unknown_is_counted_and_never_zero(values: list[Decimal | None]) -> None:
    result = total(values)
    assert result.missing_turns == values.count(None)
    assert (result.value is None) == all(value is None for value in values)


def test_the_total_of_no_turns_is_zero() -> None:
    assert total([]) == Total(Decimal(0), 0)


@given(amounts)
def test_json_text_is_exact(value: Decimal) -> None:
    text = decimal_text(value)
    assert Decimal(text) == value
    assert "E" not in text
    assert not ("." in text and text.endswith(("0", ".")))


@pytest.mark.parametrize("bad", ["NaN", "Infinity", "1E+9999"])
def test_json_text_refuses_invalid_amounts(bad: str) -> None:
    with pytest.raises(ValueError, match="amount"):
        decimal_text(Decimal(bad))


@pytest.mark.parametrize(
    ("value", "text"),
    [("0.01230", "0.0123"), ("1E+3", "1000"), ("-0", "0"), ("0E-7", "0"), ("10", "10"), ("1E-999999", "0")],
)
def test_json_text(value: str, text: str) -> None:
    assert decimal_text(Decimal(value)) == text


@pytest.mark.parametrize(
    ("cost", "parts", "text"),
    [
        ("0.10", ("0.10", "0.05"), "split exceeds the total by $0.05"),
        ("0.10", ("0.05", None), ""),
        ("0.3", ("0.1", "0.20000000000000001"), ""),
        ("1e9", ("1000000000.5",), ""),
        ("1e9", ("1000000002",), "split exceeds the total by $2.00"),
        (None, ("0.05",), ""),
        ("0.10", (None, None), ""),
        ("0", ("0.05",), "split exceeds the total by $0.05"),
    ],
)
def test_parts_that_exceed_the_cost_are_marked_and_rounding_is_not(
    cost: str | None, parts: tuple[str | None, ...], text: str
) -> None:
    amounts = [None if part is None else Decimal(part) for part in parts]
    assert excess_words(split_excess(None if cost is None else Decimal(cost), amounts)) == text


@given(st.integers(-(2**63), 2**63), st.sampled_from((6, 12)))
def test_the_fast_text_of_integers_is_the_exact_one(number: int, places: int) -> None:
    assert scaled_text(number, places) == decimal_text(Decimal(number).scaleb(-places))


@given(st.decimals(min_value=0, max_value=10**6, places=20))
def test_integers_are_the_nearest(value: Decimal) -> None:
    pico, micro = pico_usd(value), micro_credits(value)
    assert pico is not None
    assert micro is not None
    assert abs(Fraction(pico, 10**12) - Fraction(value)) <= Fraction(1, 2 * 10**12)
    assert abs(Fraction(micro, 10**6) - Fraction(value)) <= Fraction(1, 2 * 10**6)


def test_amounts_beyond_64_bits_are_unknown() -> None:
    edge = Decimal(INT64_MAX).scaleb(-6)
    assert micro_credits(edge) == INT64_MAX
    assert micro_credits(edge + 1) is None
    assert pico_usd(Decimal(10) ** 59) is None
    assert pico_usd(None) is None
