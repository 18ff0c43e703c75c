"""A long prompt is folded above its answer, and shown completely by a click or with the details."""

from __future__ import annotations

import pytest

from tests.ui.fakes import Desktop, answers

LINES = "\n".join(f"line {number} of a log" for number in range(1, 35))
ONE_LINE = " ".join(f"word{number}" for number in range(400))


@pytest.mark.parametrize(
    ("prompt", "shown", "hidden", "note"),
    [
        (LINES, "line 34 of a log", "line 5 of a log", "… 28 more lines"),
        (ONE_LINE, "word80", "word399", "more characters"),
    ],
)
async def test_a_long_prompt_is_folded_and_unfolded(prompt: str, shown: str, hidden: str, note: str) -> None:
    desktop = Desktop(api=answers("The answer."))
    async with desktop.running(120, 60) as pilot:
        await desktop.send(pilot, prompt)
        await desktop.shows(pilot, "The answer.", "✓ completed", shown, note)
        assert hidden not in desktop.text()
        row = next(y for y, line in enumerate(desktop.text().splitlines()) if "▸ …" in line)
        await pilot.click(None, offset=(6, row))
        await desktop.until(pilot, lambda: hidden in desktop.text() and note not in desktop.text())
        await pilot.press("ctrl+o", "ctrl+o")
        await desktop.until(pilot, lambda: hidden not in desktop.text())
        # The search matches it although it is folded.
        await desktop.send(pilot, f"/find {hidden}")
        await desktop.shows(pilot, hidden)
        assert [request.prompt for request in desktop.api.posts] == [prompt]


async def test_a_prompt_of_twelve_lines_is_shown_completely() -> None:
    desktop = Desktop(api=answers("The answer."))
    async with desktop.running(120, 60) as pilot:
        await desktop.send(pilot, "\n".join(f"row {number}" for number in range(1, 13)))
        await desktop.shows(pilot, "row 12", "The answer.")
        assert "more line" not in desktop.text()
