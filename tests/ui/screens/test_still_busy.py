"""What a key asked for and is not done within a second says so; a question does not count as work."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from textual.timer import Timer

from handinger_tui.ui import interaction
from handinger_tui.ui.dialogs import Question
from tests.ui.fakes import Desktop, answers
from tests.ui.screens.test_key_bytes import press
from tests.ui.sizes import at_each_size


@at_each_size
async def test_a_message_that_is_not_stored_within_a_second_says_so_and_stays(size: tuple[int, int]) -> None:
    desktop, stored = Desktop(api=answers("Here.")), asyncio.Event()
    desktop.log.before["open_turn"] = stored.wait
    async with desktop.running(*size) as pilot:
        await press(desktop, pilot, "hello\r")
        await desktop.shows(pilot, "Still busy: your message is not stored yet…")
        assert desktop.work.prompt.text == "hello"
        stored.set()
        await desktop.shows(pilot, "Here.")
        assert len(desktop.api.posts) == 1


async def test_a_command_that_hangs_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    desktop, gate = Desktop(api=answers("Here.")), asyncio.Event()

    async def tags() -> list[str]:
        await gate.wait()
        return []

    async with desktop.running() as pilot:
        await desktop.send(pilot, "Hi")
        await desktop.shows(pilot, "✓ completed")
        await desktop.settle(pilot)
        monkeypatch.setattr(desktop.history, "tags", tags)
        await press(desktop, pilot, "/tag one\r")
        await desktop.until(pilot, lambda: "Still busy: /tag…" in desktop.notices())
        gate.set()


async def test_a_question_that_waits_for_its_answer_is_not_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    desktop = Desktop(api=answers("Here."))
    after: list[Callable[[], None]] = []
    async with desktop.running() as pilot:
        set_timer = desktop.work.set_timer

        def timer(delay: float, callback: Callable[[], None], **options: Any) -> Timer:
            """A second passes once the question is open, and not before, as on a busy machine."""
            if delay == interaction.BUSY_AFTER_S:
                after.append(callback)
                delay = 600.0
            return set_timer(delay, callback, **options)

        monkeypatch.setattr(desktop.work, "set_timer", timer)
        await press(desktop, pilot, "!ls\r")
        await desktop.until(pilot, lambda: isinstance(desktop.app.screen, Question))
        await press(desktop, pilot, "\x1b")
        await desktop.until(pilot, lambda: desktop.app.screen is desktop.work)
        await press(desktop, pilot, "\x15/budget unlimited\r")
        await desktop.until(pilot, lambda: isinstance(desktop.app.screen, Question))
        assert len(after) == 1
        after[0]()
        await desktop.settle(pilot)
        assert "Still busy" not in desktop.notices()
