"""Lines are broken at blanks, but never between a number and its unit."""

from __future__ import annotations

import pytest

from handinger_tui.core.formatting import duration, size, wrapped_text


@pytest.mark.parametrize(
    "amount", [duration(100), duration(68_000), duration(7_500_000), size(2048), "1.13 EUR", "1 step"]
)
def test_a_number_and_its_unit_stay_on_one_line(amount: str) -> None:
    text = f"It took the worker {amount} to read all of it"
    for width in range(10, len(text)):
        lines = wrapped_text(text, width)
        assert " ".join(lines) == text
        assert any(amount in line for line in lines), lines


def test_a_unit_is_a_word_of_its_own() -> None:
    assert wrapped_text("version 3 start", 9) == ["version 3", "start"]
    assert wrapped_text("version 3 s", 9) == ["version", "3 s"]
