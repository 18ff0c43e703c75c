"""Bars, sparkline and columns in terminal cells."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handinger_tui.core.bars import horizontal_bar, percent_level, sparkline, stacked_bar

PARTS = st.lists(st.none() | st.decimals(0, 1000, places=9), min_size=4, max_size=4)


@given(PARTS, st.none() | st.decimals(0, 5000, places=9), st.integers(8, 120))
def test_a_bar_fills_its_width_with_every_part(
    parts: list[Decimal | None], total: Decimal | None, width: int
) -> None:
    pieces = stacked_bar(parts, total, width)
    spent = [at for at, part in enumerate(parts) if part]
    if not pieces:
        assert all(part is None for part in parts) or (not spent and not total)
        return
    assert sum(cells for _, cells in pieces) == width
    assert all(cells > 0 for _, cells in pieces)
    assert [at for at, _ in pieces if at >= 0] == spent


def test_the_unsplit_cost_is_a_part_of_the_bar() -> None:
    parts = (Decimal("0.5"), None, None, None)
    assert stacked_bar(parts, Decimal(1), 10) == [(0, 5), (-1, 5)]


def test_a_sparkline_distinguishes_unknown_zero_and_small() -> None:
    values = [Decimal(0), None, Decimal("0.0001"), Decimal("0.5"), Decimal(1)]
    assert sparkline(values, 10) == "▁·▂▅█"
    assert sparkline(values, 2) == "▅█"
    assert sparkline([Decimal(0)], 5) == "▁"


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
    assert percent_level(percent, 10) == drawn


def test_a_bar_across_has_the_length_of_its_share() -> None:
    assert horizontal_bar(Decimal(8), Decimal(8), 10) == "█" * 10
    assert horizontal_bar(Decimal(4), Decimal(8), 9) == "████▌"
    assert horizontal_bar(Decimal("0.001"), Decimal(8), 9) == "▏"
    assert horizontal_bar(Decimal(0), Decimal(8), 9) == horizontal_bar(None, Decimal(8), 9) == ""
