"""The table of figures agrees with the members of usage and costs, and with what histories have stored."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from handinger_tui.core.figures import (
    FIGURE,
    FIGURES,
    Costs,
    Usage,
    costs_of,
    numbers_of,
    usage_and_costs,
    usage_of,
)

# Readings, bits and columns as histories have stored them: only a migration may change these, and a new
# figure comes after them.
STORED = (
    ("input_tokens", "input_tokens", 7),
    ("output_tokens", "output_tokens", 8),
    ("reasoning_tokens", "reasoning_tokens", 9),
    ("cache_read_tokens", "cache_read_tokens", 10),
    ("cache_write_tokens", "cache_write_tokens", 11),
    ("total_tokens", "total_tokens", 6),
    ("steps", "steps", 12),
    ("credits", "micro_credits", 1),
    ("cost_usd", "usd_pico", 0),
    ("duration_ms", "duration_ms", 13),
    ("model_usd", "model_pico", 2),
    ("tool_usd", "tool_pico", 3),
    ("sandbox_usd", "sandbox_pico", 4),
    ("internal_usd", "internal_pico", 5),
)


def test_each_member_is_one_figure_and_no_other() -> None:
    assert sorted(FIGURE) == sorted((*Usage.__struct_fields__, *Costs.__struct_fields__))
    assert len({figure.wire for figure in FIGURES}) == len(FIGURES)
    assert {figure.bit for figure in FIGURES} == {*range(len(FIGURES))}


def test_what_histories_have_stored_keeps_its_place() -> None:
    stored = tuple((figure.name, figure.column, figure.bit) for figure in FIGURES)
    assert stored[: len(STORED)] == STORED


@given(st.lists(st.integers(1, 10**9), min_size=len(FIGURES), max_size=len(FIGURES)))
def test_what_is_reported_is_read_and_ordered(values: list[int]) -> None:
    wire = {figure.wire: value for figure, value in zip(FIGURES, values, strict=True)}
    usage, costs = usage_of(wire), costs_of(wire)
    assert numbers_of(usage, costs) == tuple(values)
    assert usage_and_costs(numbers_of(usage, costs)) == (usage, costs)
    assert all(figure.read(usage, costs) == wire[figure.wire] for figure in FIGURES)
    assert all(isinstance(figure.read(usage, costs), Decimal) is figure.is_amount for figure in FIGURES)
