"""Amounts and counts in a limited number of cells."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handinger_tui.core.amounts import count_within, pad_decimals, usd_within

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
def test_money_takes_fewer_digits_where_there_is_no_room(value: str, width: int, text: str) -> None:
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


def test_amounts_of_a_column_line_up() -> None:
    assert pad_decimals("$0.05", 4, 9) == "$0.0500"
    assert pad_decimals("$0.05", 4, 6) == "$0.050"
    assert pad_decimals("$1.2k", 4, 9) == "$1.2k"
    assert pad_decimals("<$0.01", 4, 9) == "<$0.01"
