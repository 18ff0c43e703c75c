"""Keys while a session opens: what is typed acts, or stays and the screen says why, and is never torn."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from handinger_tui.core.runs import Board
from handinger_tui.ui import interaction
from handinger_tui.ui.ports import Opening
from handinger_tui.ui.type_ahead import ENTER_TOO_EARLY
from tests.engine.fakes import FakeApi, says, worker
from tests.ui.fakes import PRICED, Desktop, typed_only
from tests.ui.screens.test_key_bytes import press
from tests.ui.screens.test_runs import RUNS
from tests.ui.screens.test_sessions import stored

if TYPE_CHECKING:
    from textual.pilot import Pilot

ANSWERED = "The budget is standard."
SAYS_WHY = ENTER_TOO_EARLY.partition(".")[0]
"""A notification breaks the line behind it."""
AWAITS = ("save_draft", "open", "draft", "mark_read")
"""What a switch waits for, in order."""


class Gates:
    """Hold back what the history is asked for."""

    def __init__(self, desktop: Desktop, monkeypatch: pytest.MonkeyPatch) -> None:
        self._gates: dict[str, asyncio.Event] = {}
        self.reached: list[str] = []
        controller = desktop.work.controller
        for name in (*AWAITS, "of_worker"):
            whose = controller if name == "open" else desktop.history
            monkeypatch.setattr(whose, name, self._held(name, getattr(whose, name)))

    def _held(self, name: str, call: Callable[..., Awaitable[object]]) -> Callable[..., Awaitable[object]]:
        async def held(*arguments: Any) -> object:
            if name in self._gates:
                self.reached.append(name)
                await self._gates[name].wait()
            return await call(*arguments)

        return held

    def close(self, name: str) -> None:
        self._gates[name] = asyncio.Event()

    def open(self, name: str) -> None:
        self._gates.pop(name).set()


@asynccontextmanager
async def two_sessions(
    monkeypatch: pytest.MonkeyPatch, posts: int = 2
) -> AsyncIterator[tuple[Desktop, Pilot[None], Gates, dict[str, str]]]:
    """Two sessions, each with an answer; yields the ids of the one on the screen and of the other.

    `posts`: how many messages are sent by the end.
    """
    body = worker("", messages=None, **PRICED)
    desktop = Desktop(api=FakeApi(starts=[says("One"), says("Two"), says("Three")], workers=[body]))
    async with desktop.running(120, 40) as pilot:
        await desktop.send(pilot, "Hi")
        await desktop.shows(pilot, "One", "✓ completed")
        other = desktop.session.session_id
        await pilot.press("ctrl+n")
        await desktop.until(pilot, lambda: desktop.session.session_id != other)
        await desktop.send(pilot, "Hello")
        await desktop.shows(pilot, "Two", "✓ completed")
        await desktop.settle(pilot)
        ids = {"same": desktop.session.session_id, "other": other}
        yield desktop, pilot, Gates(desktop, monkeypatch), ids
        assert len(desktop.api.posts) == posts, "a command is never sent as a message, nor a part of it"


async def open_from_board(
    desktop: Desktop, pilot: Pilot[None], session_id: str, gates: Gates, at: str
) -> None:
    """Press Enter on the row of a session; the switch is held back at one of its awaits."""
    desktop.runs.value = Board((replace(RUNS[0], session_id=session_id),))
    await pilot.press("f7")
    await desktop.shows(pilot, "known on this computer", "Topic 1")
    gates.close(at)
    await press(desktop, pilot, "\r")
    await desktop.until(pilot, lambda: at in gates.reached)


async def has_acted(desktop: Desktop, pilot: Pilot[None]) -> bool:
    """Whether the command acted; else it stands in the prompt, and the screen says what its Enter did."""
    await desktop.settle(pilot)
    await desktop.until(pilot, lambda: ANSWERED in desktop.notices() or SAYS_WHY in desktop.text())
    if ANSWERED in desktop.notices():
        assert desktop.work.prompt.text == ""
        return True
    assert desktop.work.prompt.text == "/budget"
    return False


@pytest.mark.parametrize("at", AWAITS)
@pytest.mark.parametrize("which", ["same", "other"])
async def test_a_command_typed_while_a_row_of_the_board_opens_its_session_acts(
    which: str, at: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with two_sessions(monkeypatch) as (desktop, pilot, gates, ids):
        await open_from_board(desktop, pilot, ids[which], gates, at)
        await press(desktop, pilot, "/budget\r")
        gates.open(at)
        await desktop.until(pilot, lambda: desktop.session.session_id == ids[which])
        assert await has_acted(desktop, pilot)


@pytest.mark.parametrize("at", AWAITS[:3])
async def test_keys_wait_for_the_session_although_the_page_before_it_has_closed(
    at: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with two_sessions(monkeypatch) as (desktop, pilot, gates, ids):
        await open_from_board(desktop, pilot, ids["other"], gates, at)
        await press(desktop, pilot, "abc")
        await pilot.pause(0.1)
        assert desktop.work.interaction.is_opening
        assert desktop.work.prompt.text == ""
        gates.open(at)
        await desktop.until(pilot, lambda: desktop.work.prompt.text == "abc")
        assert desktop.session.session_id == ids["other"]


@pytest.mark.parametrize("before", ["/budget", "/bud"])
@pytest.mark.parametrize("which", ["same", "other"])
@pytest.mark.parametrize("at", AWAITS[:3])
async def test_a_session_that_takes_long_to_open_waits_for_the_end_of_what_is_typed(
    at: str, which: str, before: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interaction, "MAX_HOLD_S", 0.05)
    async with two_sessions(monkeypatch) as (desktop, pilot, gates, ids):
        await open_from_board(desktop, pilot, ids[which], gates, at)
        await desktop.until(pilot, lambda: not desktop.work.interaction.is_opening)
        monkeypatch.setattr(interaction, "TYPING_S", 60.0)
        await press(desktop, pilot, before)
        await desktop.until(pilot, lambda: desktop.work.prompt.text == before)
        gates.open(at)
        await desktop.settle(pilot)
        await press(desktop, pilot, "/budget\r".removeprefix(before))
        assert await has_acted(desktop, pilot)
        monkeypatch.setattr(interaction, "TYPING_S", 0.0)
        await desktop.until(pilot, lambda: desktop.session.session_id == ids[which])


async def test_a_worker_that_is_attached_tears_no_message_apart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with two_sessions(monkeypatch, posts=3) as (desktop, pilot, gates, ids):
        gates.close("of_worker")
        await press(desktop, pilot, "/attach wrk_9\r")
        await desktop.until(pilot, lambda: gates.reached)
        monkeypatch.setattr(interaction, "TYPING_S", 60.0)
        await press(desktop, pilot, "one ")
        await desktop.until(pilot, lambda: desktop.work.prompt.text == "one ")
        gates.open("of_worker")
        await desktop.settle(pilot)
        await press(desktop, pilot, "two\r")
        await desktop.until(pilot, lambda: len(desktop.api.posts) == 3)
        assert (desktop.api.posts[-1].prompt, desktop.session.session_id) == ("one two", ids["same"])
        monkeypatch.setattr(interaction, "TYPING_S", 0.0)
        await desktop.until(pilot, lambda: desktop.session.worker_id == "wrk_9")


@pytest.mark.parametrize("before", ["/budget", "/bud"])
async def test_an_enter_is_answered_behind_the_letters_that_waited_with_it(
    before: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with two_sessions(monkeypatch) as (desktop, pilot, gates, ids):
        await press(desktop, pilot, before)
        await desktop.until(pilot, lambda: desktop.work.prompt.text == before)
        gates.close("open")
        # As a click does.
        desktop.work.interaction.open(desktop.work.switcher.open(ids["same"]), "")
        await press(desktop, pilot, "/budget\r".removeprefix(before))
        await desktop.until(pilot, lambda: gates.reached)
        gates.open("open")
        assert not await has_acted(desktop, pilot)
        await press(desktop, pilot, "\r")
        assert await has_acted(desktop, pilot)


async def test_the_end_of_a_text_is_not_sent_to_the_session_that_opened_in_between(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with two_sessions(monkeypatch) as (desktop, pilot, gates, ids):
        await press(desktop, pilot, "one ")
        await desktop.until(pilot, lambda: desktop.work.prompt.text == "one ")
        gates.close("open")
        # As a click does.
        desktop.work.interaction.open(desktop.work.switcher.open(ids["other"]), "")
        await press(desktop, pilot, "two\r")
        await desktop.until(pilot, lambda: gates.reached)
        gates.open("open")
        await desktop.until(pilot, lambda: desktop.work.prompt.text == "two")
        await desktop.shows(pilot, SAYS_WHY)


async def test_a_text_that_is_handled_after_a_session_has_opened_is_not_sent_to_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It was typed before: the machine is busy."""
    async with two_sessions(monkeypatch) as (desktop, pilot, _, ids):
        await press(desktop, pilot, "one ")
        await desktop.until(pilot, lambda: desktop.work.prompt.text == "one ")
        early = [*typed_only().feed("two\r")]
        desktop.work.interaction.open(desktop.work.switcher.open(ids["other"]), "")
        await desktop.until(pilot, lambda: not desktop.work.interaction.is_opening)
        for key in early:
            desktop.app.post_message(key)
        await desktop.until(pilot, lambda: desktop.work.prompt.text == "two")
        await desktop.shows(pilot, SAYS_WHY)


@pytest.mark.parametrize("keys", ["\x1b[18~\r", "\x1b[18~\x1b[A\r"], ids=["F7 Enter", "F7 Up Enter"])
async def test_an_enter_behind_a_key_that_opens_a_page_is_answered(
    keys: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with two_sessions(monkeypatch) as (desktop, pilot, _gates, ids):
        desktop.runs.value = Board((replace(RUNS[0], session_id=ids["other"]),))
        await press(desktop, pilot, "a draft")
        await press(desktop, pilot, keys)
        await desktop.shows(pilot, "known on this computer", SAYS_WHY)
        assert desktop.session.session_id == ids["same"]


async def test_an_enter_behind_the_key_that_closes_a_page_is_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with two_sessions(monkeypatch) as (desktop, pilot, _gates, _ids):
        await press(desktop, pilot, "/budget")
        await press(desktop, pilot, "\x1b[18~")
        await desktop.shows(pilot, "known on this computer")
        # "q" closes a page.
        await press(desktop, pilot, "q\r")
        assert not await has_acted(desktop, pilot)


async def test_a_session_that_takes_long_to_open_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    async with two_sessions(monkeypatch) as (desktop, pilot, gates, ids):
        await open_from_board(desktop, pilot, ids["other"], gates, "open")
        await desktop.shows(pilot, "Still busy: opening the session…")
        gates.open("open")
        await desktop.until(pilot, lambda: desktop.session.session_id == ids["other"])


async def test_a_session_that_is_opened_before_the_first_one_is_there_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desktop = await stored(Opening.FRESH)
    desktop.gate = asyncio.Event()
    begins, ended, controller = asyncio.Event(), asyncio.Event(), desktop.work.controller
    recover, prompts = controller.recover, desktop.history.prompts

    async def recover_late() -> list[str]:
        await begins.wait()
        return await recover()

    async def prompts_after_the_first_session() -> list[str]:
        ended.set()
        return await prompts()

    monkeypatch.setattr(controller, "recover", recover_late)
    monkeypatch.setattr(desktop.history, "prompts", prompts_after_the_first_session)
    session_id = desktop.history.rows[0].session_id
    desktop.runs.value = Board((replace(RUNS[0], session_id=session_id),))
    async with desktop.running(120, 40) as pilot:
        desktop.gate.set()
        await desktop.until(pilot, lambda: controller.connected)
        await pilot.press("f7")
        await desktop.shows(pilot, "known on this computer", "Topic 1")
        await pilot.press("r")
        await desktop.shows(pilot, "Nothing is sent until Enter.")
        begins.set()
        await desktop.until(pilot, ended.is_set)
        await desktop.settle(pilot)
        assert desktop.session.session_id == session_id
        assert "Nothing is sent until Enter." in desktop.text()
