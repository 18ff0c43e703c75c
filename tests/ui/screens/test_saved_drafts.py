"""The draft is on disk soon after the last key, and also while keys go on coming."""

from __future__ import annotations

import time

import pytest

from tests.ui.fakes import Desktop

SOON_S = 0.3


async def test_the_draft_is_saved_within_a_moment_also_while_typing_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desktop = Desktop()
    saved: list[tuple[float, str]] = []

    async def save_draft(_session_id: str, text: str) -> None:
        saved.append((time.monotonic(), text))

    monkeypatch.setattr(desktop.history, "save_draft", save_draft)
    async with desktop.running() as pilot:
        await desktop.settle(pilot)
        typed: list[tuple[float, str]] = []
        for number in range(30):
            await pilot.press("a")
            typed.append((time.monotonic(), "a" * (number + 1)))
            await pilot.pause(0.05)
        end = typed[-1][0]
        await desktop.until(pilot, lambda: saved and saved[-1][1] == typed[-1][1])
        assert saved[-1][0] - end < SOON_S
        # Not only once the typing ends.
        assert len([one for one in saved if one[0] < end]) >= 3
