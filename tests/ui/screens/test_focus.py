"""The prompt keeps the focus: no click, Tab or selection takes it unless requested and shown."""

from __future__ import annotations

import asyncio
import random
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import pytest
from textual.events import Click, Key, Paste

from handinger_tui.core.errors import StreamLost
from handinger_tui.core.turns.turn import ErrorKind
from handinger_tui.ui.dialogs import Question, yes_or_no
from handinger_tui.ui.dialogs.pickers import CommandPicker
from tests.engine.fakes import FakeApi, says, worker
from tests.ui.fakes import PRICED, Desktop, answers, typed_only
from tests.ui.screens.test_sending import held

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

from textual.pilot import Pilot

BROWSING = "Browsing: answers"


@asynccontextmanager
async def answered(width: int = 120, height: int = 40) -> AsyncIterator[tuple[Desktop, Pilot[None]]]:
    """A desktop after one turn."""
    files = [{"url": "https://x.test/a.csv", "filename": "a.csv", "mediaType": "text/csv"}]
    body = worker("", files=files, **PRICED)
    desktop = Desktop(api=FakeApi(starts=[says("One [a](https://a.test) **two**\n\nthree")], workers=[body]))
    async with desktop.running(width, height) as pilot:
        await desktop.send(pilot, "Hi")
        await desktop.shows(pilot, "✓ completed")
        await desktop.settle(pilot)
        yield desktop, pilot
        assert len(desktop.api.posts) == 1


def type_raw(desktop: Desktop, data: str) -> None:
    """Send bytes in one read."""
    for message in typed_only().feed(data):
        desktop.app.post_message(message)


async def test_alt_and_shift_with_enter_break_the_line_and_send_nothing() -> None:
    desktop = Desktop(api=answers("Hello"))
    async with desktop.running() as pilot:
        for number, data in enumerate(("\x1b\r", "\x1b\n", "\x1b[13;3u", "\x1b[27;3;13~", "\x1b[13;2u"), 1):
            type_raw(desktop, f"a{data}b")
            await desktop.until(pilot, lambda: desktop.work.prompt.text.count("\n") == number)  # noqa: B023 - awaited here
        assert desktop.work.prompt.text == "a\nba\nba\nba\nba\nb"
    assert desktop.api.posts == []


async def test_alt_d_types_no_letter_and_esc_with_a_letter_types_it() -> None:
    async with answered() as (desktop, pilot):
        type_raw(desktop, "one two\x01\x1bd")
        await desktop.until(pilot, lambda: desktop.work.prompt.text == " two")
        desktop.work.prompt.put("")
        type_raw(desktop, "\x1bjkys")
        await desktop.until(pilot, lambda: desktop.work.prompt.text == "jkys")
        assert desktop.work.browsing.browsed is None


@pytest.mark.parametrize("turns", [0, 1])
async def test_tab_never_leaves_the_prompt(turns: int) -> None:
    desktop = Desktop(api=answers("Hello"))
    async with desktop.running(120, 40) as pilot:
        if turns:
            await desktop.send(pilot, "Hi")
            await desktop.shows(pilot, "✓ completed")
        await pilot.press(*"hello wor", "tab", "tab", *"ld my")
        assert desktop.work.prompt.text == "hello world my"
        desktop.work.prompt.put("")
        await pilot.press("tab", "tab")
        before = desktop.work.prompt.text
        await pilot.press("x")
        assert desktop.work.prompt.text == f"{before}x"
        assert len(desktop.api.posts) == turns


async def test_a_click_on_anything_leaves_the_typist_in_the_prompt() -> None:
    async with answered() as (desktop, pilot):
        for place in ("#panel-usage", "#panel-files", "#header", "#hint"):
            await pilot.click(place, offset=(4, 1) if place.startswith("#panel") else (4, 0))
            await pilot.press(*"jkyms")
            assert desktop.work.prompt.has_focus, place
        assert desktop.work.prompt.text == "jkyms" * 4
        assert desktop.app.clipboard == ""


async def test_enter_after_a_click_on_a_file_sends_what_is_typed_and_opens_nothing() -> None:
    async with answered() as (desktop, pilot):
        await pilot.click("#panel-files", offset=(4, 2))
        await pilot.press(*"/budget low", "enter")
        await desktop.until(pilot, lambda: desktop.work.controller.budget == "low")
        assert desktop.app.screen is desktop.work
        assert not desktop.files.fetched


async def test_browsing_is_started_by_a_key_shown_and_ended_by_esc_or_typing() -> None:
    async with answered() as (desktop, pilot):
        assert BROWSING not in desktop.text()
        await pilot.press("ctrl+up")
        await desktop.shows(pilot, BROWSING, " j Next")
        await pilot.press("k", "k", "y")
        await desktop.until(pilot, lambda: desktop.app.clipboard)
        assert desktop.work.prompt.text == ""
        await pilot.press("escape")
        await desktop.until(pilot, lambda: BROWSING not in desktop.text())
        await pilot.press("j", "ctrl+up")
        await desktop.shows(pilot, BROWSING)
        await pilot.press("j", "x", "j")
        assert desktop.work.prompt.text == "jjxj"
        await desktop.until(pilot, lambda: BROWSING not in desktop.text())


async def test_while_browsing_enter_sends_nothing_and_other_keys_only_come_back() -> None:
    async with answered() as (desktop, pilot):
        desktop.work.prompt.put("not yet")
        await pilot.press("f2")
        await desktop.shows(pilot, "Browsing: Usage")
        await pilot.press("enter")
        assert desktop.work.prompt.has_focus
        await pilot.press("ctrl+up")
        await desktop.until(pilot, lambda: desktop.work.browsing.browsed is desktop.work.transcript)
        await pilot.press("backspace")
        assert desktop.work.prompt.has_focus
        assert desktop.work.prompt.text == "not ye"
        await pilot.press("ctrl+up")
        desktop.app.post_message(Paste("s, pasted"))
        await desktop.until(pilot, lambda: desktop.work.prompt.text == "not yes, pasted")


async def test_a_panel_accepts_single_keys_only_if_it_was_opened_by_a_key() -> None:
    async with answered() as (desktop, pilot):
        await pilot.press("f4")
        await desktop.shows(pilot, "Browsing: Files")
        await pilot.press("y")
        await desktop.until(pilot, lambda: desktop.app.clipboard == "https://x.test/a.csv")
        await pilot.press(*"jsay")
        assert desktop.work.prompt.text == "jsay"
        assert desktop.files.saved == []
        # An empty panel has no keys.
        desktop.work.prompt.put("")
        await pilot.press("f3", *"yes")
        assert desktop.work.prompt.text == "yes"


async def test_esc_closes_the_nearest_thing_first() -> None:
    async with answered(80, 24) as (desktop, pilot):
        await desktop.send(pilot, "/find three")
        await desktop.until(pilot, lambda: desktop.work.transcript.search.active)
        await pilot.press("f4")
        await desktop.until(pilot, lambda: desktop.work.sidebar.is_over)
        await pilot.press("escape")
        assert desktop.work.transcript.search.active
        assert not desktop.work.sidebar.is_over
        await pilot.press("escape")
        assert not desktop.work.transcript.search.active
        assert desktop.work.prompt.has_focus
        await pilot.press("a", "shift+left", "escape")
        assert desktop.work.prompt.selection.is_empty
        assert desktop.work.browsing.browsed is None


async def test_esc_in_the_transcript_during_a_turn_first_returns_to_the_prompt() -> None:
    script, gate = held("Half")
    desktop = Desktop(api=FakeApi(starts=[script], workers=[worker("", **PRICED)]))
    async with desktop.running() as pilot:
        await desktop.send(pilot, "Do it")
        await desktop.shows(pilot, "Half", "Esc Stop watching")
        await pilot.press("ctrl+up")
        await desktop.until(pilot, lambda: desktop.work.browsing.browsed is desktop.work.transcript)
        await pilot.press("escape")
        await pilot.pause()
        assert desktop.work.prompt.has_focus
        assert desktop.app.screen is desktop.work
        await pilot.press("escape")
        await desktop.until(pilot, lambda: isinstance(desktop.app.screen, Question))
        await pilot.press("escape")
        await desktop.until(pilot, lambda: desktop.app.screen is desktop.work)
        await pilot.press("tab", "x")
        assert desktop.work.prompt.text == "x"
        gate.set()
        await desktop.shows(pilot, "✓ completed")


async def test_the_focus_returns_to_the_prompt_after_removals_dialogs_and_opened_sessions() -> None:
    async with answered() as (desktop, pilot):
        desktop.app.post_message(Paste("line\n" * 30))
        await desktop.until(pilot, lambda: desktop.work.pane.chips.display)
        await pilot.press("f8", "x")
        await desktop.until(pilot, lambda: not desktop.work.pane.chips.display)
        await pilot.press("a", "f1")
        await desktop.until(pilot, lambda: desktop.app.screen is not desktop.work)
        await pilot.press("escape")
        await desktop.until(pilot, lambda: desktop.app.screen is desktop.work)
        await pilot.press("b")
        assert desktop.work.prompt.text == "ab"
        await pilot.press("f4", "ctrl+n")
        await desktop.shows(pilot, "New session")
        await pilot.press("s")
        assert desktop.work.prompt.text == "s"


async def test_ctrl_q_does_not_quit_and_shows_no_notice() -> None:
    async with answered() as (desktop, pilot):
        for opens in ((), ("f1",), ("ctrl+s",), ("ctrl+p",), ("ctrl+r",), ("f7",), ("f9",)):
            if opens:
                await pilot.press(*opens)
                await desktop.until(pilot, lambda: desktop.app.screen is not desktop.work)
            await pilot.press("ctrl+q", "ctrl+c")
            # A second Ctrl+C soon after this one would quit.
            desktop.now_ms += 5_000
            await pilot.pause()
            assert desktop.app.is_running
            assert "ctrl+q" not in desktop.notices()
            assert "Quit" not in desktop.notices()
            while desktop.app.screen is not desktop.work:
                await pilot.press("escape")
                await pilot.pause()
        assert not desktop.app._exit


async def test_a_cut_can_be_brought_back_and_a_change_undone() -> None:
    desktop = Desktop()
    async with desktop.running() as pilot:
        prompt = desktop.work.prompt
        await pilot.press(*"one two three", "ctrl+w", "ctrl+w")
        assert prompt.text == "one "
        await pilot.press("ctrl+y")
        assert prompt.text == "one two three"
        await pilot.press("ctrl+u", "ctrl+y", "ctrl+a", "ctrl+k", "up")
        assert prompt.text == "one two three"
        await pilot.press("ctrl+u")
        assert prompt.text == ""
        await pilot.press("ctrl+underscore")
        assert prompt.text == "one two three"
        prompt.select_all()
        await pilot.press("ctrl+c")
        assert (desktop.app.clipboard, prompt.text) == ("one two three", "one two three")
        await pilot.press("f6", "f6", "x")
        assert prompt.text == "one two threex"


async def test_changes_of_many_lines_can_all_be_undone_in_one_burst() -> None:
    desktop = Desktop()
    async with desktop.running() as pilot:
        await pilot.press("a")
        for _ in range(3):
            desktop.app.post_message(Paste("line\n" * 8))
            await pilot.press("b")
        for _ in range(20):
            desktop.app.post_message(Key("alt+z", None))
        await desktop.until(pilot, lambda: desktop.work.prompt.text == "")
        assert desktop.app.is_running


@pytest.mark.parametrize("typed", ["!ls -l", "  # a note", "#"])
async def test_a_prefix_of_other_programs_needs_one_confirmation(typed: str) -> None:
    desktop = Desktop(api=answers("Hello", "Again"))
    async with desktop.running() as pilot:
        prompt = desktop.work.prompt
        prompt.put(typed)
        desktop.app.post_message(Key("enter", "\r"))
        desktop.app.post_message(Key("enter", "\r"))
        await desktop.until(pilot, lambda: isinstance(desktop.app.screen, Question))
        assert desktop.api.posts == []
        await pilot.press("enter")
        await desktop.until(pilot, lambda: desktop.app.screen is desktop.work)
        assert (desktop.api.posts, prompt.text) == ([], typed)
        await pilot.press("enter")
        await desktop.until(pilot, lambda: isinstance(desktop.app.screen, Question))
        await pilot.press("right", "enter")
        await desktop.until(pilot, lambda: len(desktop.api.posts) == 1)
        await desktop.shows(pilot, "✓ completed")
        await desktop.send(pilot, typed)
        await desktop.until(pilot, lambda: len(desktop.api.posts) == 2)


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
async def test_letters_keep_their_order_during_mouse_actions(seed: int) -> None:
    dice = random.Random(seed)
    letters = "jkymsdnNMxopSaeqg!#?/ 1"
    places = ("#transcript", "#panel-usage", "#panel-sources", "#panel-files", "#header", "#prompt", "#grip")
    async with answered() as (desktop, pilot):

        def is_in_prompt(text: str) -> bool:
            return desktop.work.prompt.text == text

        typed = "w"
        await pilot.press("w")
        for _ in range(60):
            match dice.randrange(6):
                case 0:
                    place = desktop.app.screen.query_one(dice.choice(places))
                    if place is desktop.work.prompt:
                        # A click there moves the cursor, before letters that are not in the prompt yet.
                        await desktop.until(pilot, partial(is_in_prompt, typed))
                    if place.display and place.region.area:
                        await pilot.click(place, times=dice.choice((1, 2)))
                case 1:
                    await pilot.press("tab")
                case 2:
                    await pilot.mouse_down("#transcript", offset=(3, dice.randrange(4)))
                    await pilot.hover("#transcript", offset=(dice.randrange(4, 30), dice.randrange(4)))
                    await pilot.mouse_up("#transcript", offset=(dice.randrange(4, 30), dice.randrange(4)))
                case 3:
                    await pilot.resize_terminal(dice.choice((60, 80, 120, 160)), dice.choice((20, 24, 40)))
                case _:
                    letter = dice.choice(letters)
                    desktop.work.prompt.move_cursor(desktop.work.prompt.document.end)
                    desktop.app.post_message(Key(letter, letter))
                    await pilot.pause()
                    typed += letter
            assert desktop.app.screen is desktop.work, desktop.text()
        await desktop.until(pilot, partial(is_in_prompt, typed))
        assert not any((desktop.files.saved, desktop.files.opened, desktop.opened))
        assert desktop.work.controller.budget == "standard"


async def test_the_effect_of_a_key_is_shown_below_the_prompt_and_covers_nothing() -> None:
    async with answered() as (desktop, pilot):
        await pilot.press("ctrl+up", "y")
        await desktop.until(pilot, lambda: "Copied" in desktop.text_of("#hint"))
        assert not desktop.app.screen.query("Toast")
        await pilot.press("escape", *"ab", "ctrl+c")
        await desktop.until(pilot, lambda: "Cleared." in desktop.text_of("#hint"))
        assert not desktop.app.screen.query("Toast")
        # A sentence that does not fit is a notification, and a repeated one appears once.
        for _ in range(3):
            desktop.work.interaction.say("long " * 60)
        await desktop.until(pilot, lambda: len(desktop.app.screen.query("Toast")) == 1)


async def test_what_enter_sends_stands_next_to_the_answer_to_another_key() -> None:
    async with answered() as (desktop, pilot):
        await pilot.press(*"ab", "alt+up")
        await desktop.until(pilot, lambda: "No other session is open" in desktop.notices())
        assert "Enter to send" in desktop.text_of("#hint")


async def test_the_price_of_enter_is_never_hidden_by_what_a_key_did() -> None:
    gate = asyncio.Event()
    lost = StreamLost(ErrorKind.NETWORK, "The connection was lost.")
    broken = worker("", status="failed", prompt="Do it", error={"message": "Broke."})
    api = FakeApi(starts=[[*says("Half", end=False), gate, lost]], workers=[broken])
    desktop = Desktop(api=api)
    async with desktop.running() as pilot:
        await desktop.send(pilot, "Do it")
        await desktop.shows(pilot, "Half")
        await desktop.send(pilot, "queued")
        gate.set()
        await desktop.until(pilot, lambda: "Enter to send 1 queued message" in desktop.text_of("#hint"))
        await pilot.press("ctrl+c")
        await desktop.until(pilot, lambda: desktop.app.screen.query("Toast"))
        assert "Enter to send 1 queued message" in desktop.text_of("#hint")


async def test_the_footer_shows_the_effect_of_esc_and_the_browsing_mode() -> None:
    script, gate = held("Half")
    desktop = Desktop(api=FakeApi(starts=[script], workers=[worker("", **PRICED)]))
    async with desktop.running(80, 24) as pilot:
        await desktop.send(pilot, "Do it")
        await desktop.shows(pilot, "Half", "Esc Stop watching")
        await pilot.press("f2")
        await desktop.shows(pilot, "Esc Back")
        assert "Stop watching" not in desktop.text()
        await pilot.press("escape")
        await desktop.shows(pilot, "Esc Stop watching")
        await pilot.press("ctrl+up", "y")
        await desktop.until(pilot, lambda: "Browsing: answers · Copied" in desktop.text_of("#hint"))
        gate.set()
        await desktop.shows(pilot, "✓ completed")
        await pilot.press("escape")
        await desktop.until(pilot, lambda: "Esc" not in desktop.text().splitlines()[-1])


CLICK_OUTSIDE = "\x1b[<0;2;22M\x1b[<0;2;22m"


async def test_a_double_click_outside_the_palette_closes_it_alone() -> None:
    async with answered(80, 24) as (desktop, pilot):
        await pilot.press("ctrl+p")
        await desktop.until(pilot, lambda: isinstance(desktop.app.screen, CommandPicker))
        type_raw(desktop, CLICK_OUTSIDE * 2)
        await desktop.until(pilot, lambda: desktop.app.screen is desktop.work)
        await desktop.settle(pilot)
        assert desktop.app.is_running
        assert desktop.app.focused is desktop.work.prompt


async def test_a_click_beyond_a_screen_that_has_become_smaller_changes_nothing() -> None:
    async with answered(80, 24) as (desktop, pilot):
        await pilot.press("ctrl+p")
        await desktop.until(pilot, lambda: isinstance(desktop.app.screen, CommandPicker))
        palette, at = desktop.app.screen, (200, 60)
        palette.post_message(Click(None, *at, 0, 0, 1, False, False, False, *at))
        await desktop.settle(pilot)
        assert desktop.app.screen is palette
        await pilot.press("escape")
        await desktop.until(pilot, lambda: desktop.app.screen is desktop.work)


async def test_a_dialog_closes_once_and_no_other() -> None:
    async with answered() as (desktop, pilot):
        results: list[bool | None] = []
        first = yes_or_no("First?", "One.", yes="Yes", no="No")
        desktop.app.push_screen(first, results.append)
        await desktop.settle(pilot)
        second = yes_or_no("Second?", "Two.", yes="Yes", no="No")
        desktop.app.push_screen(second, results.append)
        await desktop.settle(pilot)
        # An answer below another dialog waits for it.
        first.dismiss(True)
        await desktop.settle(pilot)
        assert desktop.app.screen is second
        assert results == []
        second.dismiss(False)
        second.dismiss(True)
        assert len(desktop.app.screen_stack) == 1
        await desktop.until(pilot, lambda: len(results) == 2)
        await desktop.settle(pilot)
        assert results == [False, True]
        assert desktop.app.focused is desktop.work.prompt
