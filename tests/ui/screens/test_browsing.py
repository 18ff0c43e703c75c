"""Browse mode, by raw bytes: entered only on purpose, named at every width, and no letter in it spends."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from handinger_tui.ui.dialogs import Choice, Question
from handinger_tui.ui.letter_run import WORD_S
from tests.engine.fakes import FakeApi, says, worker
from tests.ui.fakes import PRICED, Desktop, typed_only
from tests.ui.screens.test_focus import BROWSING, answered
from tests.ui.screens.test_key_bytes import press
from tests.ui.sizes import at_each_size

CTRL_UP = "\x1b[1;5A"
SENTENCES = (
    "find more sources",
    "explain it shortly",
    "summarize it",
    "run it",
    "my sky",
    "jump to no conclusions",
    "copy that",
    "y",
    "2 more, please",
    "漢字 please",
)


@at_each_size
async def test_esc_on_an_idle_empty_prompt_does_nothing(size: tuple[int, int]) -> None:
    async with answered(*size) as (desktop, pilot):
        for sentence in SENTENCES:
            before = desktop.text()
            await press(desktop, pilot, "\x1b")
            await pilot.pause()
            await desktop.settle(pilot)
            assert desktop.text() == before
            await press(desktop, pilot, sentence)
            await desktop.until(pilot, partial(has_typed, desktop, sentence))
            assert desktop.app.screen is desktop.work
            desktop.work.prompt.put("")
            await desktop.settle(pilot)


def has_typed(desktop: Desktop, text: str) -> bool:
    return desktop.work.prompt.text == text and BROWSING not in desktop.text()


@at_each_size
async def test_a_sentence_typed_while_browsing_goes_to_the_prompt_whole(size: tuple[int, int]) -> None:
    async with answered(*size) as (desktop, pilot):
        for sentence in SENTENCES:
            if sentence == "y":
                # Alone, it copies.
                continue
            await press(desktop, pilot, CTRL_UP)
            await desktop.shows(pilot, BROWSING)
            await press(desktop, pilot, sentence)
            await desktop.until(pilot, partial(has_typed, desktop, sentence))
            assert desktop.app.screen is desktop.work
            assert desktop.app.clipboard == ""
            desktop.work.prompt.put("")
            await desktop.settle(pilot)


# `m` moves at once, `y` and `k` would copy what is marked: each once in front of a busy second.
@pytest.mark.parametrize("sentence", ["my sky", "yes please", "kyrie"])
async def test_a_word_stays_whole_where_the_machine_is_busy_in_the_middle_of_it(sentence: str) -> None:
    async with answered() as (desktop, pilot):
        await press(desktop, pilot, CTRL_UP)
        await desktop.shows(pilot, BROWSING)
        first, *others = typed_only().feed(sentence)

        async def be_busy() -> None:
            for key in others:
                desktop.app.post_message(key)
            await asyncio.sleep(1.5 * WORD_S)

        desktop.app.post_message(first)
        desktop.app.call_later(be_busy)
        await desktop.until(pilot, partial(has_typed, desktop, sentence))
        assert desktop.app.clipboard == ""


async def test_letters_with_a_pause_between_them_are_no_word_where_they_are_handled_at_once() -> None:
    async with answered() as (desktop, pilot):
        await press(desktop, pilot, CTRL_UP)
        await desktop.shows(pilot, BROWSING)
        await press(desktop, pilot, "k")
        await pilot.pause()
        copy, letter, move = typed_only().feed("yfm")
        letter.time = move.time = copy.time + 1.5 * WORD_S
        for key in (copy, letter, move):
            desktop.app.post_message(key)
        await desktop.until(pilot, lambda: desktop.work.prompt.text == "fm")
        await desktop.until(pilot, lambda: desktop.app.clipboard == "Hi")


async def test_a_sentence_typed_in_a_panel_does_nothing_there() -> None:
    async with answered() as (desktop, pilot):
        await press(desktop, pilot, "\x1bOS")
        await desktop.shows(pilot, "Browsing: Files")
        await press(desktop, pilot, "say so")
        await desktop.until(pilot, lambda: desktop.work.prompt.text == "say so")
        assert desktop.files.saved == []
        assert desktop.app.clipboard == ""


@pytest.mark.parametrize("letters", ["f", "e", "r", "d"])
async def test_no_letter_opens_or_sends_anything(letters: str) -> None:
    async with answered() as (desktop, pilot):
        await press(desktop, pilot, CTRL_UP)
        await desktop.shows(pilot, BROWSING)
        await press(desktop, pilot, letters)
        await desktop.until(pilot, lambda: desktop.work.prompt.text == letters)
        assert desktop.app.screen is desktop.work


async def test_letters_move_and_copy_and_esc_leaves() -> None:
    async with answered() as (desktop, pilot):
        await press(desktop, pilot, CTRL_UP)
        await desktop.shows(pilot, BROWSING, "Enter Actions", "y Copy")
        await press(desktop, pilot, "ky")
        await desktop.until(pilot, lambda: desktop.app.clipboard == "Hi")
        await press(desktop, pilot, "jy")
        await desktop.until(pilot, lambda: desktop.app.clipboard.startswith("One [a]"))
        assert desktop.work.prompt.text == ""
        await press(desktop, pilot, "\x1b")
        await desktop.until(pilot, lambda: BROWSING not in desktop.text())
        assert desktop.work.prompt.has_focus


async def test_a_command_takes_effect_before_the_key_behind_it() -> None:
    async with answered() as (desktop, pilot):
        await press(desktop, pilot, CTRL_UP)
        await desktop.shows(pilot, BROWSING)
        await press(desktop, pilot, "ky\x1b[B")
        await desktop.until(pilot, lambda: desktop.app.clipboard == "Hi")


async def test_a_click_on_a_message_browses_with_the_cursor_on_it() -> None:
    async with answered() as (desktop, pilot):
        lines = desktop.text_of("#transcript").split("\n")
        row = next(at for at, line in enumerate(lines) if "three" in line)
        await pilot.click("#transcript", offset=(4, row))
        await desktop.shows(pilot, BROWSING)
        await press(desktop, pilot, "y")
        await desktop.until(pilot, lambda: desktop.app.clipboard.endswith("three"))


@at_each_size
async def test_enter_opens_the_actions_and_sends_nothing(size: tuple[int, int]) -> None:
    async with answered(*size) as (desktop, pilot):
        await press(desktop, pilot, f"draft{CTRL_UP}")
        await desktop.shows(pilot, BROWSING)
        await press(desktop, pilot, "\r")
        await desktop.until(pilot, lambda: isinstance(desktop.app.screen, Choice))
        await desktop.shows(pilot, "Copy this part", "Edit", "Retry", "Fork", "cost unknown")
        await press(desktop, pilot, "\r")
        await desktop.until(pilot, lambda: desktop.app.clipboard != "")
        assert desktop.work.prompt.text == "draft"


async def test_a_retry_asks_sends_once_and_returns_to_the_prompt() -> None:
    body = worker("", **PRICED)
    desktop = Desktop(api=FakeApi(starts=[says("One"), says("Two")], workers=[body, body]))
    async with desktop.running() as pilot:
        await desktop.send(pilot, "Hi")
        await desktop.shows(pilot, "✓ completed")
        await desktop.settle(pilot)
        await press(desktop, pilot, CTRL_UP)
        await desktop.shows(pilot, BROWSING)
        await press(desktop, pilot, "\r")
        await desktop.until(pilot, lambda: isinstance(desktop.app.screen, Choice))
        await press(desktop, pilot, "\x1b[B\x1b[B\r")
        await desktop.until(pilot, lambda: isinstance(desktop.app.screen, Question))
        assert len(desktop.api.posts) == 1
        await press(desktop, pilot, "\x1b[C\r")
        await desktop.until(pilot, lambda: len(desktop.api.posts) == 2)
        await desktop.until(pilot, lambda: desktop.app.screen is desktop.work)
        await press(desktop, pilot, "my next one")
        await desktop.until(pilot, lambda: desktop.work.prompt.text == "my next one")
