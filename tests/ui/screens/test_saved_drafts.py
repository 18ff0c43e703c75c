"""The draft is on disk soon after the last key, and also while keys go on coming."""

from __future__ import annotations

import asyncio
import time

import pytest

from handinger_tui.ui.sessions.controller import EARLY_DRAFT
from tests.ui.fakes import Desktop
from tests.ui.screens.test_key_bytes import press

SOON_S = 0.3
LONG_PASTE = f"\x1b[200~{'folded ' * 500}\x1b[201~"


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


@pytest.mark.parametrize(
    ("typed", "key", "kept"),
    [
        # The message before comes into the prompt, and is the draft then.
        ("half a thought", "\x1b[A", "half a thought"),
        ("half a thought", "\x03", "half a thought"),
        ("half a thought", "\x15", "half a thought"),
        (LONG_PASTE, "\x15", "folded " * 500),
    ],
)
async def test_what_leaves_the_prompt_unsent_is_in_the_history_of_the_next_program(
    typed: str, key: str, kept: str
) -> None:
    desktop = Desktop()
    desktop.history.texts.append("sent before")
    async with desktop.running() as pilot:
        await desktop.settle(pilot)
        await press(desktop, pilot, typed)
        await desktop.until(pilot, lambda: desktop.work.prompt.text)
        await press(desktop, pilot, key)
        await desktop.until(pilot, lambda: desktop.work.prompt.text in ("", "sent before"))
        desktop.app.leave(129)
    assert desktop.history.texts == ["sent before", kept]


async def test_what_is_typed_before_a_session_is_there_is_on_disk_and_in_the_next_program(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desktop, opened = Desktop(gate=asyncio.Event()), asyncio.Event()

    async def last() -> None:
        await opened.wait()

    monkeypatch.setattr(desktop.history, "last", last)
    async with desktop.running() as pilot:
        # Typed before there is anything to save it with, and no key after that.
        await press(desktop, pilot, "a question\rhalf a thought")
        assert desktop.gate is not None
        desktop.gate.set()
        await desktop.until(pilot, lambda: "half a thought" in desktop.history.drafts.get(EARLY_DRAFT, ""))
        killed = dict(desktop.history.drafts)
        opened.set()
        # With the session on the screen it is a draft of that.
        await desktop.until(pilot, lambda: desktop.history.drafts.get(EARLY_DRAFT) == "")
    again = Desktop()
    again.history.drafts.update(killed)
    async with again.running() as pilot:
        await again.until(pilot, lambda: again.work.prompt.text == "half a thought")
        assert "a question" in again.work.prompt.message_history.texts
        await again.until(pilot, lambda: again.history.drafts.get(EARLY_DRAFT) == "")
        assert again.history.drafts["fresh"]
    assert again.api.posts == []
