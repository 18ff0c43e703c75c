"""Amounts stay exact, and unknown stays unknown."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handinger_tui.core.amounts import INT64_MAX, Total, credits_text, credits_words, decimal_text, excess_text, micro_credits, pad_decimals, pico_usd, scaled_text, short_total_text, split_excess, tidy, total, total_text, usd_text, usd_within
from handinger_tui.core.money.words import count_within

# -- sums and texts --------------------------------------------------------------------
amounts = st.decimals(min_value=0, max_value=10**30, allow_nan=False, allow_infinity=False, places=30)
odd = st.decimals(allow_nan=True, allow_infinity=True)


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


@given(odd)
def test_any_reported_amount_has_a_text(value: Decimal) -> None:
    for text in (usd_text(value), credits_text(value)):
        assert text == "not reported" or "E" not in text
        assert len(text) < 120
    if value and tidy(value):
        assert usd_text(value) not in ("$0.00", "-$0.00")


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
    ("value", "text"),
    [
        (None, "not reported"),
        ("0", "$0.00"),
        ("0.0123", "$0.0123"),
        ("0.000012345678", "$0.00001235"),
        ("0.5", "$0.50"),
        ("0.99999", "$1.00"),
        ("1.23456", "$1.2346"),
        ("1234.5", "$1,234.50"),
        ("1000000", "$1,000,000.00"),
        ("-0.0123", "-$0.0123"),
        ("1E-20", "<$0.000000000001"),
        ("NaN", "not reported"),
        ("Infinity", "not reported"),
    ],
)
def test_usd_for_people(value: str | None, text: str) -> None:
    assert usd_text(None if value is None else Decimal(value)) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "not reported"), ("8", "8"), ("12.50", "12.5"), ("0.0004", "0.0004"), ("0", "0")],
)
def test_credits_for_people(value: str | None, text: str) -> None:
    assert credits_text(None if value is None else Decimal(value)) == text


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (Total(Decimal("1.23")), "$1.23"),
        (Total(Decimal("1.23"), 2), "$1.23 + 2 turns unknown"),
        (Total(Decimal("1.23"), 1), "$1.23 + 1 turn unknown"),
        (Total(None, 3), "not reported"),
    ],
)
def test_totals_for_people(amount: Total, text: str) -> None:
    assert total_text(amount) == text


def test_a_short_total_has_the_number_of_its_gaps() -> None:
    assert short_total_text(Total(Decimal("1.23"), 1_200)) == "$1.23 +1,200"
    assert short_total_text(Total(Decimal(8), 2), credits_words) == "8 credits +2"
    assert short_total_text(Total(Decimal(8))) == "$8.00"
    assert short_total_text(Total(None, 2)) == "not reported"


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
    assert excess_text(split_excess(None if cost is None else Decimal(cost), amounts)) == text


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


# -- texts of a limited width ----------------------------------------------------------
AMOUNTS = st.decimals(0, Decimal(10) ** 50, allow_nan=False, allow_infinity=False, places=12)


@pytest.mark.parametrize(
    ("value", "width", "text"),
    [
        ("0.0123", 7, "$0.0123"),
        ("0.001234", 9, "$0.001234"),
        ("0.001234", 7, "$0.0012"),
        ("0.00001234", 7, "<$0.01"),
        ("12.3456", 6, "$12.35"),
        ("1234.5", 6, "$1.23k"),
        ("1234567", 6, "$1.23M"),
        ("0", 6, "$0.00"),
        ("1e45", 9, "$1e+45"),
    ],
)
def test_money_has_fewer_digits_in_a_narrow_column(value: str, width: int, text: str) -> None:
    assert usd_within(Decimal(value), width) == text


@given(AMOUNTS, st.integers(6, 20))
def test_money_fits_and_is_never_a_false_zero(value: Decimal, width: int) -> None:
    text = usd_within(value, width)
    assert len(text) <= max(width, 7)
    if value > 0:
        assert text.startswith("<") or any(digit in "123456789" for digit in text)


@given(st.integers(0, 10**60), st.integers(6, 20))
def test_counts_fit(value: int, width: int) -> None:
    assert len(count_within(value, width)) <= width
    assert count_within(value, 100) == f"{value:,}"


def test_amounts_of_a_column_are_aligned() -> None:
    assert pad_decimals("$0.05", 4, 9) == "$0.05  "
    assert pad_decimals("$0.05", 4, 6) == "$0.05 "
    assert pad_decimals("$1.2k", 4, 9) == "$1.2k"
    assert pad_decimals("<$0.01", 4, 9) == "<$0.01"


@given(st.integers(10**27, 10**59), st.sampled_from(["", "-"]))
def test_a_large_amount_is_shown_with_all_its_digits(units: int, sign: str) -> None:
    """Also where it has more digits than Python's usual arithmetic keeps."""
    assert usd_text(Decimal(f"{sign}{units}")) == f"{sign}${units:,}.00"
    assert credits_text(Decimal(f"{sign}{units}")) == f"{sign}{units:,}"
