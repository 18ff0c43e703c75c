"""The find bar: searches while it is typed into, counts, and returns to the prompt with Esc."""

from __future__ import annotations

from contextlib import asynccontextmanager
from math import inf
from threading import Event
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.events import Key, Paste
from textual.pilot import Pilot
from textual.widgets import Static

from handinger_tui.core.turns.session import put_turn
from handinger_tui.ui.widgets.find_bar import FindBar
from tests.ui.fakes import Desktop, answers
from tests.ui.pilot import running
from tests.ui.transcript.screen import Stage, screen_lines, session, text_part, turn

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from handinger_tui.ui.transcript.navigation import MatchCounts

ANSWER = "\n\n".join(f"Pump {at} is {'broken' if at % 10 == 0 else 'fine'}." for at in range(1, 41))


@asynccontextmanager
async def finding() -> AsyncIterator[tuple[Desktop, Pilot[None]]]:
    desktop = Desktop(api=answers(ANSWER))
    async with desktop.running(100, 30) as pilot:
        await desktop.send(pilot, "Hi")
        await desktop.shows(pilot, "✓ completed")
        await desktop.settle(pilot)
        await pilot.press(*"half", "ctrl+f")
        await desktop.until(pilot, lambda: desktop.work.browsing.is_finding)
        yield desktop, pilot
        assert len(desktop.api.posts) == 1


async def test_matches_are_counted_while_typing_and_enter_moves_to_the_next() -> None:
    async with finding() as (desktop, pilot):
        await pilot.press(*"broken")
        await desktop.until(pilot, lambda: desktop.text_of("#find-count").strip() == "4 of 4")
        await desktop.shows(pilot, "Pump 40 is broken.", "Enter for the next match", "↓ Next  ↑ Previous")
        for key, number, pump in (("enter", 1, 10), ("down", 2, 20), ("up", 1, 10), ("shift+enter", 4, 40)):
            await pilot.press(key)
            await desktop.until(pilot, lambda: desktop.text_of("#find-count").strip() == f"{number} of 4")  # noqa: B023 - awaited here
            await desktop.shows(pilot, f"Pump {pump} is broken.")
        await pilot.press(*"x")
        await desktop.until(pilot, lambda: "no matches" in desktop.text_of("#find-count"))
        assert desktop.work.prompt.text == "half"


async def test_esc_ends_it_and_the_next_letter_is_typed_into_the_prompt() -> None:
    async with finding() as (desktop, pilot):
        desktop.app.post_message(Paste("broken"))
        await desktop.until(pilot, lambda: desktop.text_of("#find-count").strip() == "4 of 4")
        await pilot.press("escape", "x")
        assert desktop.work.prompt.text == "halfx"
        assert not desktop.work.transcript.search.active
        assert not desktop.work.query_one("#find").display
        # The text of the last search is there again, selected.
        await pilot.press("ctrl+f")
        await desktop.until(pilot, lambda: desktop.text_of("#find-count").strip() == "4 of 4")
        await pilot.press(*"fine")
        await desktop.until(pilot, lambda: desktop.text_of("#find-count").strip() == "36 of 36")


async def test_a_burst_of_letters_and_enter_searches_for_all_of_them() -> None:
    async with finding() as (desktop, pilot):
        for letter in "broken":
            desktop.app.post_message(Key(letter, letter))
        desktop.app.post_message(Key("enter", "\r"))
        await desktop.until(pilot, lambda: desktop.text_of("#find-count").strip() == "1 of 4")


class Bar(Stage):
    """A transcript with the find bar below it, and nothing else."""

    def compose(self) -> ComposeResult:
        yield from super().compose()
        self.bar = FindBar(self.transcript.search)
        yield self.bar

    @property
    def count(self) -> str:
        return str(self.bar.query_one("#find-count", Static).content)

    async def counts(self, pilot: Pilot[None], text: str) -> None:
        while self.count != text:
            await pilot.pause()

    async def find(self, pilot: Pilot[None], text: str) -> None:
        self.bar.open()
        self.bar.field.focus()
        await pilot.press(*text)


async def test_what_arrives_is_counted_and_the_place_stays() -> None:
    app = Bar(session(turn(1, text_part("It is broken. Fine.\n\nIt is broken."))))
    async with running(app, size=(60, 20)) as pilot:
        await app.find(pilot, "broken")
        await app.counts(pilot, "2 of 2")
        assert app.shown is not None
        app.transcript.show(put_turn(app.shown, turn(2, text_part("All are broken, all broken."))))
        app.bar.follow()
        await app.counts(pilot, "2 of 4")
        await pilot.press("enter")
        await app.counts(pilot, "4 of 4")
        assert any("All are broken" in line for line in screen_lines(app))
        app.transcript.show(session(turn(1, text_part("Nothing."))))
        app.bar.follow()
        await app.counts(pilot, "no matches")


async def test_while_a_long_session_is_counted_keys_are_handled_and_enter_waits() -> None:
    turns = (turn(at, text_part(f"Pump {at} is broken."), prompt="Hi") for at in range(1, 501))
    app = Bar(session(*turns))
    async with running(app, size=(60, 20)) as pilot:
        search, go_on = app.transcript.search, Event()
        counting = search.counting

        def in_two_slices() -> Callable[[float], MatchCounts] | None:
            work = counting()
            if work is None or not search.total:
                return None if work is None else lambda _seconds: work(0)
            return lambda _seconds: work(inf if go_on.wait(60) else 0)

        search.counting = in_two_slices  # type: ignore[method-assign]  # slices
        await app.find(pilot, "broken")
        # The text may stand there for the beginning of the word, too.
        while (app.count, search.number) != ("1+ matches", 1):
            await pilot.pause()
        await pilot.press("enter")
        assert app.count == "1+ matches"
        go_on.set()
        await app.counts(pilot, "1 of 500")
        assert any("Pump 1 is broken." in line for line in screen_lines(app))


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
