"""The find bar: searches while it is typed into, counts, and gives the prompt back with Esc."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from textual.events import Key, Paste
from textual.pilot import Pilot

from handinger_tui.ui.widgets.find_bar import FindBar
from tests.ui.fakes import Desktop, answers

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ANSWER = "\n\n".join(f"Pump {at} is {'broken' if at % 10 == 0 else 'fine'}." for at in range(1, 41))


@asynccontextmanager
async def finding() -> AsyncIterator[tuple[Desktop, Pilot[None]]]:
    desktop = Desktop(api=answers(ANSWER))
    async with desktop.running(100, 30) as pilot:
        await desktop.send(pilot, "Hi")
        await desktop.shows(pilot, "✓ completed")
        await desktop.rest(pilot)
        await pilot.press(*"half", "ctrl+f")
        await desktop.until(pilot, lambda: desktop.work.browsing.is_finding)
        yield desktop, pilot
        assert len(desktop.api.posts) == 1


async def test_matches_are_found_and_counted_while_typing_and_enter_goes_on() -> None:
    async with finding() as (desktop, pilot):
        await pilot.press(*"broken")
        # The beginnings of the word have as many matches.
        await desktop.until(pilot, lambda: desktop.work.query_one(FindBar).is_settled)
        await desktop.until(pilot, lambda: desktop.text_of("#find-count").strip() == "4/4")
        await desktop.shows(pilot, "Pump 40 is broken.", "Enter for the next match")
        for key, number, pump in (("enter", 1, 10), ("down", 2, 20), ("up", 1, 10), ("shift+enter", 4, 40)):
            await pilot.press(key)
            await desktop.until(pilot, lambda: desktop.text_of("#find-count").strip() == f"{number}/4")  # noqa: B023 - awaited here
            await desktop.shows(pilot, f"Pump {pump} is broken.")
        await pilot.press(*"x")
        await desktop.until(pilot, lambda: "no matches" in desktop.text_of("#find-count"))
        assert desktop.work.prompt.text == "half"


async def test_esc_ends_it_and_the_next_letter_is_typed_into_the_prompt() -> None:
    async with finding() as (desktop, pilot):
        desktop.app.post_message(Paste("broken"))
        await desktop.until(pilot, lambda: desktop.text_of("#find-count").strip() == "4/4")
        await pilot.press("escape", "x")
        assert desktop.work.prompt.text == "halfx"
        assert not desktop.work.transcript.search.active
        assert not desktop.work.query_one("#find").display
        # The text of the last search is there again, selected.
        await pilot.press("ctrl+f")
        await desktop.until(pilot, lambda: desktop.text_of("#find-count").strip() == "4/4")
        await pilot.press(*"fine")
        await desktop.until(pilot, lambda: desktop.text_of("#find-count").strip() == "36/36")


async def test_a_burst_of_letters_and_enter_searches_for_all_of_them() -> None:
    async with finding() as (desktop, pilot):
        for letter in "broken":
            desktop.app.post_message(Key(letter, letter))
        desktop.app.post_message(Key("enter", "\r"))
        await desktop.until(pilot, lambda: desktop.text_of("#find-count").strip() == "4/4")


async def test_ctrl_c_and_ctrl_d_in_the_bar_neither_clear_the_prompt_nor_quit() -> None:
    async with finding() as (desktop, pilot):
        await pilot.press("ctrl+d")
        assert desktop.app.is_running
        await pilot.press("ctrl+c")
        await desktop.until(pilot, lambda: not desktop.work.browsing.is_finding)
        assert desktop.work.prompt.text == "half"
        await pilot.press("ctrl+f", "a", "ctrl+n")
        await desktop.until(pilot, lambda: not desktop.session.turns)
        await pilot.press("b")
        assert desktop.work.prompt.text == "b"
        assert not desktop.work.query_one("#find").display
