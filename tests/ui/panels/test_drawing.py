"""Figures in few cells, the bar and the sparkline."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handinger_tui.ui.panels.usage import charts
from handinger_tui.ui.panels.usage.view import Figure

AMOUNTS = st.decimals(0, Decimal(10) ** 50, allow_nan=False, allow_infinity=False, places=12)
PARTS = st.lists(st.none() | st.decimals(0, 1000, places=9), min_size=4, max_size=4)


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
    assert charts.usd(Decimal(value), width) == text


@given(AMOUNTS, st.integers(6, 20))
def test_money_fits_and_is_never_a_false_zero(value: Decimal, width: int) -> None:
    text = charts.usd(value, width)
    assert len(text) <= max(width, 7)
    if value > 0:
        assert text.startswith("<") or any(digit in "123456789" for digit in text)


@given(st.integers(0, 10**60), st.integers(6, 20))
def test_counts_fit(value: int, width: int) -> None:
    assert len(charts.count(value, width)) <= width
    assert charts.count(value, 100) == f"{value:,}"


def test_amounts_of_a_column_line_up() -> None:
    assert charts.even("$0.05", 4, 9) == "$0.0500"
    assert charts.even("$0.05", 4, 6) == "$0.050"
    assert charts.even("$1.2k", 4, 9) == "$1.2k"
    assert charts.even("<$0.01", 4, 9) == "<$0.01"


def test_words_of_the_unknown_and_the_signs_that_stand_for_them() -> None:
    assert charts.unknown(Figure(), 12) == "not reported"
    assert charts.unknown(Figure(), 11) == "—"
    assert charts.unknown(Figure(pending=True), 7) == "pending"
    assert charts.unknown(Figure(pending=True), 6) == "…"


@given(PARTS, st.none() | st.decimals(0, 5000, places=9), st.integers(8, 120))
def test_a_bar_fills_its_width_and_forgets_nothing(
    parts: list[Decimal | None], total: Decimal | None, width: int
) -> None:
    pieces = charts.bar(parts, total, width)
    spent = [at for at, part in enumerate(parts) if part]
    if not pieces:
        assert all(part is None for part in parts) or (not spent and not total)
        return
    assert sum(cells for _, cells in pieces) == width
    assert all(cells > 0 for _, cells in pieces)
    assert [at for at, _ in pieces if at >= 0] == spent


def test_what_nobody_split_up_is_a_part_of_the_bar() -> None:
    parts = (Decimal("0.5"), None, None, None)
    assert charts.bar(parts, Decimal(1), 10) == [(0, 5), (-1, 5)]


def test_a_sparkline_tells_unknown_from_nothing_and_nothing_from_little() -> None:
    values = [Decimal(0), None, Decimal("0.0001"), Decimal("0.5"), Decimal(1)]
    assert charts.sparkline(values, 10) == "▁·▂▅█"
    assert charts.sparkline(values, 2) == "▅█"
    assert charts.sparkline([Decimal(0)], 5) == "▁"


@pytest.mark.parametrize(
    ("percent", "drawn"),
    [
        (None, "··········"),
        (0, "┄┄┄┄┄┄┄┄┄┄"),
        (1, "━┄┄┄┄┄┄┄┄┄"),
        (85, "━━━━━━━━┄┄"),
        (99, "━━━━━━━━━┄"),
        (100, "━━━━━━━━━━"),
        (12_345, "━━━━━━━━━━"),
    ],
)
def test_only_a_limit_that_is_reached_is_full_and_unknown_is_not_empty(
    percent: int | None, drawn: str
) -> None:
    assert charts.level(percent, 10) == drawn


@pytest.mark.parametrize(
    ("value", "text"), [("0.0123456", "$0.012"), ("12.345", "$12.00"), ("0", "$0.00"), ("0.096", "$0.096")]
)
def test_an_estimate_has_two_digits(value: str, text: str) -> None:
    assert charts.rough_usd(Decimal(value), 9) == text


@pytest.mark.parametrize(
    ("value", "text"), [(5_000, "5 s"), (5_400, "5.4 s"), (400, "0.4 s"), (95_000, "1 m 35 s")]
)
def test_a_clock_counts_whole_seconds(value: int, text: str) -> None:
    assert charts.seconds(value, 9) == text
