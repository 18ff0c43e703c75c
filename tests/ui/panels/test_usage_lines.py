"""Words and figures of the usage panel that must fit into few cells."""

from __future__ import annotations

from decimal import Decimal

import pytest

from handinger_tui.ui.panels.usage import rough_usd, seconds, unknown_sign
from handinger_tui.ui.panels.usage_view import Figure


def test_the_signs_of_the_unknown() -> None:
    assert unknown_sign(Figure()) == "—"
    assert unknown_sign(Figure(pending=True)) == "…"


@pytest.mark.parametrize(
    ("value", "text"), [("0.0123456", "$0.012"), ("12.345", "$12.00"), ("0", "$0.00"), ("0.096", "$0.096")]
)
def test_an_estimate_has_two_digits(value: str, text: str) -> None:
    assert rough_usd(Decimal(value), 9) == text


@pytest.mark.parametrize(
    ("value", "text"), [(5_000, "5 s"), (5_400, "5.4 s"), (400, "0.4 s"), (95_000, "1 m 35 s")]
)
def test_a_clock_counts_whole_seconds(value: int, text: str) -> None:
    assert seconds(value, 9) == text
