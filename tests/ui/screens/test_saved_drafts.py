"""The draft is on disk soon after the last key, and also while keys go on coming."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any

import pytest
from msgspec.structs import replace

from handinger_tui.core.errors import HandingerError, NoHistory
from handinger_tui.core.prompts import Draft, unpack_draft
from handinger_tui.ledger.sql import LOCK_WAIT_S
from handinger_tui.ui.app import SAVE_TIMEOUT_S
from tests.engine.fakes import FakeApi
from tests.ui.fakes import Desktop, launch
from tests.ui.screens.test_key_bytes import answered, press
from tests.ui.screens.test_sending import held

SOON_S = 0.3
LONG_PASTE = f"\x1b[200~{'folded ' * 500}\x1b[201~"


async def test_the_draft_is_saved_within_a_moment_also_while_typing_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desktop = Desktop()
    saved = [""]

    async def save_draft(_session_id: str, text: str) -> None:
        saved.append(text)

    monkeypatch.setattr(desktop.history, "save_draft", save_draft)
    async with desktop.running() as pilot:
        await desktop.settle(pilot)
        delays = list[float]()
        # Not only once the typing ends. A busy machine makes some of them late, and not all.
        while len(delays) < 3 or min(delays) >= SOON_S:
            assert len(delays) < 30, delays
            before, began = len(saved), time.monotonic()
            while len(saved) == before:
                await pilot.press("a")
                await pilot.pause(0.05)
            delays.append(time.monotonic() - began)
        await desktop.until(pilot, lambda: saved[-1] == desktop.work.prompt.text)


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
        await desktop.end_by_signal(pilot, 129)
    assert desktop.history.texts == ["sent before", kept]


@dataclass
class FakeEarlyTexts:
    """The texts of programs without a history, in memory."""

    left: list[str] = field(default_factory=list)
    kept: str = ""
    forgotten: bool = False
    is_full: bool = False

    async def keep(self, text: str) -> bool:
        if not self.is_full:
            self.kept = text
        return not self.is_full

    async def take(self) -> list[str]:
        return self.left

    async def forget(self) -> None:
        self.forgotten = True


def early(*left: str, **members: Any) -> tuple[Desktop, FakeEarlyTexts]:
    texts = FakeEarlyTexts([*left])
    return Desktop(launch=replace(launch(), early_texts=texts), **members), texts


async def test_what_is_typed_before_a_session_is_there_is_kept_and_in_the_next_program() -> None:
    gate = asyncio.Event()
    typed = Draft("half a thought", others=("a question",))
    desktop, texts = early(gate=gate)
    async with desktop.running() as pilot:
        await press(desktop, pilot, "a question\rhalf a thought")
        await desktop.until(pilot, lambda: unpack_draft(texts.kept) == typed)
        killed = texts.kept
        # With the session on the screen it is a draft of that.
        gate.set()
        await desktop.until(pilot, lambda: texts.forgotten)
        assert "half a thought" in desktop.history.drafts.values()
    again, texts = early(killed)
    async with again.running() as pilot:
        await again.until(pilot, lambda: again.work.prompt.text == "half a thought")
        assert "a question" in again.work.prompt.message_history.texts
        await again.until(pilot, lambda: texts.forgotten)
        assert again.history.drafts["fresh"] == "half a thought"
    assert again.api.posts == []


async def test_a_signal_right_behind_the_last_keys_loses_none_of_them() -> None:
    desktop = Desktop()
    async with desktop.running() as pilot:
        await desktop.settle(pilot)
        await press(desktop, pilot, "half a thought")
        desktop.app.leave(129)
        await desktop.until(pilot, lambda: "half a thought" in desktop.history.drafts.values())


def test_a_signal_waits_for_the_draft_as_long_as_the_history_waits_for_another_program() -> None:
    assert SAVE_TIMEOUT_S >= LOCK_WAIT_S


@pytest.mark.parametrize("cleared", [False, True])
async def test_an_end_before_the_history_is_open_keeps_what_was_typed(*, cleared: bool) -> None:
    desktop, texts = early(gate=asyncio.Event())
    async with desktop.running() as pilot:
        await press(desktop, pilot, "half a thought")
        await desktop.until(pilot, lambda: desktop.work.prompt.text == "half a thought")
        await press(desktop, pilot, "\x03" if cleared else "!")
        await desktop.until(pilot, lambda: desktop.work.prompt.text == ("" if cleared else "half a thought!"))
        await desktop.end_by_signal(pilot, 129)
    assert not texts.forgotten
    again, _ = early(texts.kept)
    async with again.running() as pilot:
        if cleared:
            await again.until(pilot, lambda: "half a thought" in again.work.prompt.message_history.texts)
        await again.until(pilot, lambda: again.work.prompt.text == ("" if cleared else "half a thought!"))


async def test_a_history_in_memory_leaves_the_draft_where_the_next_program_finds_it() -> None:
    desktop, texts = early("of another program")
    desktop.keeps_history = False
    async with desktop.running() as pilot:
        await press(desktop, pilot, "half a thought")
        await desktop.until(pilot, lambda: texts.kept == "half a thought")
        await press(desktop, pilot, "\x15")
        # Cut, it is among the texts of the prompt history.
        await desktop.until(pilot, lambda: texts.kept.endswith('["half a thought"]}'))
        assert "of another program" not in desktop.work.prompt.message_history.texts
    assert not texts.forgotten


ENDS = {"Ctrl+C over a dialog": "\x03\x03", "Ctrl+D": "\x15\x04", "/quit": "\x15/quit\r"}


@pytest.mark.parametrize("way", ENDS)
async def test_what_can_be_saved_nowhere_needs_a_second_end_and_is_shown_after_it(way: str) -> None:
    desktop, texts = early(without_history=lambda: None)
    desktop.keeps_history, texts.is_full = False, True
    desktop.log.no_history = NoHistory("The disk is full.")
    async with desktop.running() as pilot:
        await desktop.settle(pilot)
        await desktop.send(pilot, "half a thought")
        await desktop.shows(pilot, "Send without history?")
        if "dialog" not in way:
            await press(desktop, pilot, "\x1b")
            await desktop.until(pilot, lambda: desktop.app.screen is desktop.work)
        await press(desktop, pilot, ENDS[way])
        await desktop.until(pilot, lambda: "Quit again to leave" in desktop.notices())
        assert not desktop.app._exit
        await press(desktop, pilot, ENDS[way])
        await desktop.until(pilot, lambda: desktop.app._exit)
    assert desktop.app.lost_texts == ["half a thought"]
    assert desktop.app.farewell[-1] == "Not saved:            half a thought"


@pytest.mark.parametrize("is_full", [False, True])
async def test_a_signal_shows_what_it_cannot_save(*, is_full: bool) -> None:
    desktop, texts = early()
    desktop.keeps_history, texts.is_full = False, is_full
    async with desktop.running() as pilot:
        await desktop.settle(pilot)
        await press(desktop, pilot, "half a thought")
        await desktop.end_by_signal(pilot, 143)
    assert desktop.app.lost_texts == (["half a thought"] if is_full else [])


async def test_a_queue_of_a_history_in_memory_is_shown_at_the_end() -> None:
    script, _gate = held("Half")
    desktop, _ = early(api=FakeApi(starts=[script]))
    desktop.keeps_history = False
    async with desktop.running() as pilot:
        await desktop.settle(pilot)
        await desktop.send(pilot, "first")
        await desktop.shows(pilot, "Half")
        await desktop.send(pilot, "second")
        await desktop.until(pilot, lambda: desktop.queued)
        assert desktop.app.lost_texts == ["second"]
        assert "kept for" not in "\n".join(desktop.app.farewell)


async def test_the_program_without_a_connection_keeps_what_was_typed() -> None:
    desktop, texts = early(fails=[HandingerError("No network.")])
    async with desktop.running() as pilot:
        await desktop.shows(pilot, "No network.")
        await press(desktop, pilot, "half a thought")
        await press(desktop, pilot, "\x1b")
        await desktop.until(pilot, lambda: desktop.app._exit)
    assert desktop.app.return_code == 1
    assert desktop.app.lost_texts == []
    assert "half a thought" in texts.kept or not texts.kept


async def test_a_draft_that_is_saved_late_does_not_come_back_to_a_session_that_was_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with answered() as (desktop, pilot):
        origin, gate, begun = desktop.session.session_id, asyncio.Event(), asyncio.Event()
        keep = desktop.history.keep_unsent

        async def keep_slowly(texts: list[str]) -> None:
            begun.set()
            await gate.wait()
            await keep(texts)

        monkeypatch.setattr(desktop.history, "keep_unsent", keep_slowly)
        await press(desktop, pilot, "/new")
        await desktop.until(pilot, lambda: desktop.work.prompt.text == "/new")
        # What left the prompt unsent goes to the disk before the draft.
        desktop.work.prompt.message_history.unsaved.append("half a thought")
        saving = asyncio.create_task(desktop.work.switcher.save_draft())
        await desktop.until(pilot, begun.is_set)
        await press(desktop, pilot, "\r")
        await desktop.until(pilot, lambda: desktop.session.session_id != origin)
        gate.set()
        await saving
        await desktop.settle(pilot)
        assert "half a thought" in desktop.history.texts
        assert desktop.history.drafts.get(origin, "") == ""
