"""The queue: held by a detach, a failure, a crash; edited, dropped and moved; and the effect of Enter."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from copy import deepcopy
from functools import partial
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Button

from handinger_tui.core import attention
from handinger_tui.core.acts import Hold, HoldReason
from handinger_tui.core.attention import READ_S
from handinger_tui.core.errors import ApiError, Locked, NoHistory, StreamLost, Unreachable
from handinger_tui.core.money.limits import Scope
from handinger_tui.core.prompts import unpack_draft
from handinger_tui.core.stream import Frame, WorkerBody
from handinger_tui.core.turns.turn import ErrorKind, TurnStatus
from handinger_tui.ui.ports import Opening
from handinger_tui.ui.spending.limit_dialogs import RaiseLimit
from handinger_tui.ui.work import composer
from tests.engine.fakes import FakeApi, FakeLog, FakeReply, Script, says, worker
from tests.ui.disk import Disk, posts
from tests.ui.fakes import PRICED, Desktop, launch, summary
from tests.ui.screens.test_key_bytes import press
from tests.ui.screens.test_sending import held
from tests.ui.sizes import at_each_size

DONE = worker("", **PRICED)
F8 = "\x1b[19~"
NUMBERS = ("second", "third", "fourth")


def plain(desktop: Desktop) -> str:
    """The words on the screen, without borders and line breaks."""
    return " ".join(desktop.text().replace("│", " ").replace("█", " ").split())


def focused_button(desktop: Desktop) -> str:
    """The words on the button that has the focus; "" where none has."""
    focused = desktop.app.focused
    return str(focused.label) if isinstance(focused, Button) else ""


def running(*bodies: str, log: FakeLog | None = None) -> tuple[Desktop, asyncio.Event]:
    """A first turn that runs until the event is set, and answers to three more."""
    script, gate = held("Half")
    more: list[Script] = [says(f"Answer {at}", message_id=f"m{at}") for at in range(4)]
    api = FakeApi(starts=[script, *more], workers=[*(bodies or (DONE,))])
    return Desktop(api=api, log=log or FakeLog(), launch=launch(Opening.FRESH, disk=Disk())), gate


async def queue_up(desktop: Desktop, pilot: Pilot[None], *texts: str) -> None:
    await desktop.send(pilot, "first")
    await desktop.shows(pilot, "Half")
    for at in range(len(texts)):
        await desktop.send(pilot, texts[at])
        await desktop.until(pilot, partial(shows_chips, desktop, at + 1))
    await desktop.settle(pilot)


def shows_chips(desktop: Desktop, count: int) -> bool:
    """Whether the strip has them, and its place on the screen."""
    queue = desktop.work.pane.queue
    return len(queue.queue) == count and queue.region.height > 0


def queued(desktop: Desktop) -> list[str]:
    return [turn.request.prompt for turn in desktop.queued]


async def stop_watching(desktop: Desktop, pilot: Pilot[None]) -> None:
    await pilot.press("escape")
    await desktop.until(pilot, lambda: "Stop watching?" in plain(desktop))
    await pilot.press("right", "enter")
    await desktop.until(pilot, lambda: desktop.session.turns[0].status is TurnStatus.RUNNING)
    await desktop.settle(pilot)


# -- detached and back ---------------------------------------------------------------------------
async def test_watching_again_sends_nothing_and_enter_then_sends_what_is_held() -> None:
    busy_worker = worker("", busy=True, prompt="first")
    desktop, _gate = running(busy_worker)
    async with desktop.running(height=30) as pilot:
        await queue_up(desktop, pilot, "second", "third")
        await pilot.press("escape")
        await desktop.until(pilot, lambda: "2 queued messages wait until you send them." in plain(desktop))
        await pilot.press("right", "enter")
        await desktop.until(pilot, lambda: not desktop.work.controller.running)
        await desktop.until(pilot, lambda: "still running" in desktop.text().splitlines()[0])
        await desktop.until(pilot, lambda: "2 queued messages wait until you send them." in plain(desktop))
        await desktop.shows(
            pilot, "Enter to watch the worker; 2 queued messages stay held", " 1  second", " 2  third"
        )
        await desktop.until(pilot, lambda: "Stop watching" not in desktop.text())
        assert desktop.work.prompt.text == ""
        assert queued(desktop) == ["second", "third"]
        assert len(desktop.api.posts) == 1
        desktop.api.workers[:] = [worker("Half and whole", prompt="first", **PRICED), DONE]
        await pilot.press("enter")
        await desktop.shows(pilot, "Enter to send 2 queued messages (cost unknown)")
        await desktop.settle(pilot)
        assert len(desktop.api.posts) == 1
        await pilot.press("enter", "enter")
        await desktop.until(pilot, lambda: len(desktop.api.posts) == 3)
        await desktop.until(pilot, lambda: not desktop.session.busy)
        assert "Half and whole" in desktop.session.turns[0].text
    assert posts(desktop) == ["first", "second", "third"]


async def test_a_message_typed_during_a_detached_turn_waits_with_the_others() -> None:
    desktop, _gate = running(worker("", busy=True, prompt="first"))
    async with desktop.running(height=30) as pilot:
        await queue_up(desktop, pilot, "second")
        await stop_watching(desktop, pilot)
        desktop.work.prompt.put("third")
        await desktop.shows(pilot, "Enter to queue; it waits until you send it")
        await pilot.press("enter")
        await desktop.until(pilot, lambda: queued(desktop) == ["second", "third"])
    assert len(desktop.api.posts) == 1


async def test_enter_pressed_twice_watches_once() -> None:
    desktop, _gate = running(worker("", busy=True, prompt="first"))
    follow: Script = [asyncio.Event()]
    desktop.api.follows[:] = [follow, follow]
    async with desktop.running(height=30) as pilot:
        await queue_up(desktop, pilot)
        await stop_watching(desktop, pilot)
        read = asyncio.Event()
        desktop.log.before["frames"] = read.wait
        await pilot.press("enter", "enter")
        read.set()
        await desktop.until(pilot, lambda: desktop.work.controller.running)
        await desktop.settle(pilot)
        tasks = [task for task in asyncio.all_tasks() if task.get_name().startswith("turn:")]
        assert len(tasks) == 1
        sequence = [frame.seq for frame in desktop.log.stored[desktop.session.turns[0].turn_id]]
        assert len(sequence) == len(set(sequence))


# -- failed, restored, unreadable ------------------------------------------------------------------
def failing() -> tuple[Desktop, asyncio.Event]:
    gate = asyncio.Event()
    lost = StreamLost(ErrorKind.NETWORK, "The connection was lost.")
    script: Script = [*says("Half", end=False), gate, lost]
    broken = worker("", status="failed", prompt="first", error={"message": "Broke."})
    more: list[Script | ApiError | FakeReply] = [says("Two", message_id="b"), says("Three", message_id="c")]
    api = FakeApi(starts=[script, *more], workers=[broken, DONE])
    return Desktop(api=api, launch=launch(Opening.FRESH)), gate


async def test_after_a_failed_turn_enter_names_its_message_and_sends_it_once() -> None:
    desktop, gate = failing()
    async with desktop.running(height=30) as pilot:
        await queue_up(desktop, pilot, "second", "third")
        gate.set()
        await desktop.until(pilot, lambda: not desktop.work.controller.running)
        await desktop.shows(pilot, "Enter to send 2 queued messages (cost unknown)")
        await desktop.until(pilot, lambda: "The previous turn did not finish" in plain(desktop))
        assert desktop.work.prompt.text == ""
        assert len(desktop.api.posts) == 1
        desktop.work.prompt.put("another")
        await desktop.shows(pilot, "Enter to send this now; 2 queued messages stay held")
        desktop.work.prompt.put("")
        await desktop.shows(pilot, "Enter to send 2 queued messages")
        await pilot.press("enter", "enter")
        await desktop.until(pilot, lambda: len(desktop.api.posts) == 3)
    assert posts(desktop) == ["first", "second", "third"]


async def test_a_new_message_does_not_take_the_held_ones_along() -> None:
    desktop, gate = failing()
    async with desktop.running(height=30) as pilot:
        await queue_up(desktop, pilot, "second", "third")
        gate.set()
        await desktop.shows(pilot, "Enter to send 2 queued messages (")
        await desktop.send(pilot, "another")
        await desktop.until(pilot, lambda: len(desktop.api.posts) == 2)
        await desktop.until(pilot, lambda: not desktop.work.controller.running)
        assert queued(desktop) == ["second", "third"]
        await desktop.shows(pilot, " 1  second", " 2  third")
    assert posts(desktop) == ["first", "another"]


async def test_a_second_enter_behind_a_new_message_does_not_send_the_held_ones() -> None:
    desktop, gate = failing()
    another, end = held("Another answer")
    desktop.api.starts[1:] = [another, says("Two", message_id="b"), says("Three", message_id="c")]
    async with desktop.running(height=30) as pilot:
        await queue_up(desktop, pilot, "second", "third")
        gate.set()
        await desktop.shows(pilot, "Enter to send 2 queued messages (")
        desktop.work.prompt.put("another")
        await pilot.press("enter", "enter")
        await desktop.shows(pilot, "Another answer")
        await pilot.press("enter")
        end.set()
        await desktop.until(pilot, lambda: not desktop.work.controller.running)
        await desktop.settle(pilot)
        assert queued(desktop) == ["second", "third"]
        # Now it is offered.
        await desktop.shows(pilot, "Enter to send 2 queued messages (cost unknown)")
        await pilot.press("enter")
        await desktop.until(pilot, lambda: len(desktop.api.posts) == 4)
    assert posts(desktop) == ["first", "another", "second", "third"]


async def restored(*texts: str) -> Desktop:
    """The state of a program that was killed with an ended turn and queued messages."""
    first, gate = running()
    async with first.running() as pilot:
        await queue_up(first, pilot, *texts)
        as_killed = deepcopy(first.log)
        session_id = first.session.session_id
        gate.set()
    body = worker("Half and whole", prompt="first", **PRICED)
    api = FakeApi(starts=[says("Two", message_id="b"), says("Three", message_id="c")], workers=[body])
    desktop = Desktop(api=api, log=as_killed, launch=launch(Opening.LAST))
    desktop.history.rows = [summary("x", session_id=session_id, worker_id="w1")]
    return desktop


async def test_after_a_crash_the_queue_is_there_again_and_held() -> None:
    desktop = await restored("second", "third")
    async with desktop.running(height=30) as pilot:
        await desktop.until(pilot, lambda: not desktop.work.controller.running)
        await desktop.until(pilot, lambda: "2 messages from last time were not sent." in plain(desktop))
        await desktop.shows(
            pilot, "Enter to send 2 queued messages (cost unknown)", " 1  second", " 2  third"
        )
        assert "were not sent last time" not in desktop.notices()
        assert desktop.api.posts == []
        assert "completed" in desktop.text().splitlines()[0]
        await pilot.press("enter")
        await desktop.until(pilot, lambda: len(desktop.api.posts) == 2)
        await desktop.until(pilot, lambda: not desktop.session.busy)
    assert posts(desktop) == ["second", "third"]


class SilentApi(FakeApi):
    """A service that holds the answer to every reading until it `answers`."""

    def __init__(self, **members: Any) -> None:
        super().__init__(**members)
        self.asked, self.answers = asyncio.Event(), asyncio.Event()

    async def read_worker(self, worker_id: str) -> WorkerBody:
        self.asked.set()
        await self.answers.wait()
        return await super().read_worker(worker_id)


async def test_a_message_is_queued_and_stored_while_the_service_holds_every_answer_after_a_restart() -> None:
    first, gate = running()
    async with first.running() as pilot:
        await first.send(pilot, "first")
        await first.shows(pilot, "Half")
        as_killed, session_id = deepcopy(first.log), first.session.session_id
        gate.set()
    api = SilentApi(starts=[says("Two")], workers=[worker("Half and whole", prompt="first", **PRICED)])
    desktop = Desktop(api=api, log=as_killed, launch=launch(Opening.LAST))
    desktop.history.rows = [summary("x", session_id=session_id, worker_id="w1")]
    async with desktop.running() as pilot:
        await desktop.until(pilot, api.asked.is_set)
        await desktop.send(pilot, "second")
        await desktop.until(pilot, lambda: queued(desktop) == ["second"])
        assert [one.prompt for one in as_killed.requests.values()] == ["first", "second"]
        assert not api.posts
        api.answers.set()
        await desktop.until(pilot, lambda: not desktop.session.busy)
        await desktop.until(pilot, lambda: posts(desktop) == ["second"])


async def test_a_queue_of_another_session_is_named_at_the_start() -> None:
    desktop = await restored("second", "third")
    desktop.history.rows = []
    async with desktop.running() as pilot:
        await desktop.until(
            pilot,
            lambda: (
                "2 messages to “first” were not sent last time. Press ^S to open it." in desktop.notices()
            ),
        )
        assert not desktop.work.pane.queue.display
        await pilot.press("enter")
        await desktop.settle(pilot)
    assert desktop.api.posts == []


class UnreadableLog(FakeLog):
    """Frames of queued turns cannot be read while `locked`."""

    locked = False

    async def frames(self, turn_id: str, since: int = 0) -> list[Frame]:
        if self.locked:
            raise Locked("The history is locked.", "Close the other program.")
        return await super().frames(turn_id, since)


async def test_an_unreadable_history_holds_the_queue_by_name_and_enter_tries_again() -> None:
    log = UnreadableLog()
    desktop, gate = running(log=log)
    async with desktop.running(height=30) as pilot:
        await queue_up(desktop, pilot, "second")
        log.locked = True
        gate.set()
        await desktop.until(pilot, lambda: "Queue held: The history is locked." in plain(desktop))
        await desktop.shows(pilot, "■ queue held", "Enter to try again")
        await pilot.press("enter")
        await desktop.until(pilot, lambda: "Queue still held. The history is locked." in desktop.notices())
        assert len(desktop.api.posts) == 1
        log.locked = False
        await pilot.press("enter")
        await desktop.until(pilot, lambda: len(desktop.api.posts) == 2)


# -- the strip ---------------------------------------------------------------------------------------
async def test_queued_messages_are_chips_and_no_rows_of_the_transcript() -> None:
    texts = [f"message {at}" for at in range(1, 11)]
    desktop, _gate = running()
    async with desktop.running() as pilot:
        await queue_up(desktop, pilot, *texts)
        await desktop.shows(pilot, " 1  message 1", " 3  message 3", "+7 more", "Half")
        assert desktop.work.pane.queue.size.height == 3
        assert desktop.text().count("message 2") == 1
        assert "queued" not in desktop.text()
        await pilot.press("up")
        await desktop.shows(pilot, " 10  message 10", " 8  message 8", "Enter Edit", "Del Remove")


async def test_a_chip_is_edited_in_place_and_the_typed_text_is_restored() -> None:
    desktop, gate = running()
    async with desktop.running() as pilot:
        await queue_up(desktop, pilot, *NUMBERS)
        await pilot.press("up", "up", "enter")
        await desktop.until(pilot, lambda: desktop.work.prompt.text == "third")
        await desktop.shows(pilot, " 2  third", "editing", "Enter to put it back in the queue")
        await pilot.press(*" time", "enter")
        await desktop.until(pilot, lambda: queued(desktop) == ["second", "third time", "fourth"])
        await desktop.until(pilot, lambda: desktop.work.prompt.text == "")
        assert desktop.work.prompt.has_focus
        await desktop.shows(pilot, " 2  third time", " 3  fourth")
        assert "Withdrawn" not in desktop.text()
        gate.set()
        await desktop.until(pilot, lambda: len(desktop.api.posts) == 4)
        await desktop.until(pilot, lambda: not desktop.session.busy)
        assert "Withdrawn" not in desktop.text()
    assert posts(desktop) == ["first", "second", "third time", "fourth"]


@pytest.mark.parametrize("leave", [["escape"], ["ctrl+u", "enter"], ["ctrl+c"]])
async def test_a_cancelled_edit_changes_nothing(leave: Sequence[str]) -> None:
    desktop, _gate = running()
    async with desktop.running() as pilot:
        await queue_up(desktop, pilot, *NUMBERS)
        await pilot.press("up", "enter")
        await desktop.until(pilot, lambda: desktop.work.prompt.text == "fourth")
        await pilot.press("x", *leave)
        await desktop.until(pilot, lambda: desktop.work.composer.queue_edit is None)
        await desktop.settle(pilot)
        assert queued(desktop) == [*NUMBERS]
        assert desktop.work.prompt.text == ""
        assert "Stop watching?" not in desktop.text()
    assert len(desktop.api.posts) == 1


async def test_what_an_edit_set_aside_and_what_was_made_of_the_message_survive_a_kill() -> None:
    desktop, gate = running()
    async with desktop.running() as pilot:
        await queue_up(desktop, pilot, "second")
        await press(desktop, pilot, "half" + F8)
        await desktop.shows(pilot, "Browsing: queue")
        await press(desktop, pilot, "\r")
        await desktop.until(pilot, lambda: desktop.work.prompt.text == "second")
        await press(desktop, pilot, " changed")
        await desktop.until(pilot, lambda: "second changed" in "".join(desktop.history.drafts.values()))
        (draft,) = (unpack_draft(text) for text in desktop.history.drafts.values() if text)
        assert (draft.text, draft.others) == ("half", ("second changed",))
        gate.set()


@pytest.mark.parametrize(("typed", "kept"), [("", ()), (" changed", ("second changed",))])
async def test_a_message_that_was_being_edited_at_the_end_is_no_second_one_in_the_next_program(
    typed: str, kept: tuple[str, ...]
) -> None:
    desktop, gate = running()
    async with desktop.running() as pilot:
        await queue_up(desktop, pilot, "second")
        await press(desktop, pilot, "\x1b[A")
        await desktop.shows(pilot, "Browsing: queue")
        await press(desktop, pilot, "\r")
        await desktop.until(pilot, lambda: desktop.work.prompt.text == "second")
        await press(desktop, pilot, typed)
        await desktop.until(pilot, lambda: desktop.work.prompt.text == f"second{typed}")
        await desktop.end_by_signal(pilot, 129)
        gate.set()
    drafts = [unpack_draft(text) for text in desktop.history.drafts.values()]
    assert {draft.text for draft in drafts} <= {""}
    assert [draft.others for draft in drafts if draft.others] == [kept][: len(kept)]


async def test_text_that_an_edit_set_aside_is_kept_where_the_next_one_is_typed_behind_the_edit() -> None:
    log, stored = FakeLog(), asyncio.Event()
    desktop, gate = running(log=log)
    async with desktop.running() as pilot:
        await queue_up(desktop, pilot, "second")
        await press(desktop, pilot, "half" + F8)
        await desktop.shows(pilot, "Browsing: queue")
        await press(desktop, pilot, "\r")
        await desktop.until(pilot, lambda: desktop.work.prompt.text == "second")
        log.before["open_turn"] = stored.wait
        await press(desktop, pilot, " changed\rnext")
        await desktop.until(pilot, lambda: desktop.work.prompt.text == "second changednext")
        stored.set()
        await desktop.until(pilot, lambda: desktop.work.prompt.text == "next")
        assert "half" in desktop.work.prompt.message_history.texts
        assert queued(desktop) == ["second changed"]
        gate.set()


async def test_the_text_of_the_prompt_is_restored_after_an_edit_by_the_mouse() -> None:
    desktop, _gate = running()
    async with desktop.running() as pilot:
        await queue_up(desktop, pilot, "second")
        desktop.work.prompt.put("my own words")
        assert await pilot.click("#queue", offset=(8, 0))
        await pilot.press("x")
        await desktop.until(pilot, lambda: desktop.work.prompt.text == "my own wordsx")
        assert queued(desktop) == ["second"]
        await desktop.settle(pilot)
        assert await pilot.click("#queue", offset=(8, 0))
        await pilot.press("enter")
        await desktop.until(pilot, lambda: desktop.work.prompt.text == "second")
        await pilot.press("!", "enter")
        await desktop.until(pilot, lambda: queued(desktop) == ["second!"])
        await desktop.until(pilot, lambda: desktop.work.prompt.text == "my own wordsx")


@pytest.mark.parametrize("typed", ["", "!"])
async def test_the_queue_waits_at_the_message_that_is_edited(typed: str) -> None:
    desktop, gate = running()
    async with desktop.running() as pilot:
        await queue_up(desktop, pilot, "second", "third")
        await pilot.press("up", "up", "enter", *typed)
        await desktop.shows(pilot, " 1  second", "editing", "Enter to put it back in the queue")
        gate.set()
        await desktop.shows(pilot, "editing", "Enter to send it and 1 more (cost unknown)")
        await desktop.settle(pilot)
        assert desktop.work.prompt.text == f"second{typed}"
        assert len(desktop.api.posts) == 1
        await pilot.press("enter")
        await desktop.until(pilot, lambda: len(desktop.api.posts) == 3 and not desktop.session.busy)
        assert desktop.work.prompt.text == ""
    assert posts(desktop) == ["first", f"second{typed}", "third"]


@pytest.mark.parametrize("leave", [["escape"], ["ctrl+u", "enter"], ["ctrl+c"], ["ctrl+n"]])
async def test_leaving_an_edit_for_which_the_queue_waits_sends_nothing(leave: Sequence[str]) -> None:
    desktop, gate = running()
    async with desktop.running() as pilot:
        await queue_up(desktop, pilot, "second")
        actor = desktop.engine.actor(desktop.session.session_id)
        await pilot.press("up", "enter", "!")
        await desktop.shows(pilot, "editing")
        gate.set()
        await desktop.until(pilot, lambda: actor.gate.state.waits_at_edit)
        await pilot.press(*leave)
        await desktop.until(pilot, lambda: desktop.work.composer.queue_edit is None)
        await actor.settled()
        assert (actor.queue.hold, len(actor.queue.ids)) == (Hold(HoldReason.EDITED), 1)
        if leave != ["ctrl+n"]:
            await desktop.shows(pilot, "Enter to send 1 queued message (cost unknown)")
            assert desktop.work.prompt.text == ""
        assert "second!" in desktop.work.prompt.message_history.texts
    assert len(desktop.api.posts) == 1


async def test_a_dropped_chip_leaves_no_trace_but_in_the_history_of_the_prompt() -> None:
    desktop, gate = running()
    async with desktop.running() as pilot:
        await queue_up(desktop, pilot, *NUMBERS)
        await pilot.press("up", "up", "delete")
        await desktop.until(pilot, lambda: queued(desktop) == ["second", "fourth"])
        assert desktop.work.pane.queue.has_focus
        await pilot.press("escape")
        await desktop.until(pilot, lambda: desktop.work.prompt.has_focus)
        assert "third" in desktop.work.prompt.message_history.texts
        gate.set()
        await desktop.until(pilot, lambda: len(desktop.api.posts) == 3 and not desktop.session.busy)
        await desktop.settle(pilot)
        desktop.app.clear_notifications()
        await desktop.until(pilot, lambda: "Press ↑ to bring the text back" not in desktop.text())
        assert "third" not in desktop.text()
        assert "Withdrawn" not in desktop.text()
        assert "completed" in desktop.text().splitlines()[0]
    assert posts(desktop) == ["first", "second", "fourth"]


async def test_chips_are_moved() -> None:
    desktop, gate = running()
    async with desktop.running() as pilot:
        await queue_up(desktop, pilot, *NUMBERS)
        # Faster than the screen is painted.
        await pilot.press("up", "alt+up", "alt+up", "alt+down")
        await desktop.until(pilot, lambda: queued(desktop) == ["second", "fourth", "third"])
        await desktop.shows(pilot, " 2  fourth")
        await pilot.press("down", "down")
        assert desktop.work.prompt.has_focus
        gate.set()
        await desktop.until(pilot, lambda: len(desktop.api.posts) == 4)
    assert posts(desktop) == ["first", "second", "fourth", "third"]


async def test_a_message_is_moved_from_its_place_in_the_queue_not_from_that_on_the_screen() -> None:
    desktop, _gate = running()
    async with desktop.running() as pilot:
        await queue_up(desktop, pilot, *NUMBERS)
        strip = desktop.work.pane.queue
        shown = list(strip.queue)
        await pilot.press("up", "alt+up")
        await desktop.until(pilot, lambda: queued(desktop) == ["second", "fourth", "third"])
        strip.show(shown)
        strip.action_move(-1)
        strip.show(shown)
        strip.action_move(1)
        strip.action_move(1)
        strip.action_move(1)
        await desktop.until(pilot, lambda: queued(desktop) == ["second", "third", "fourth"])


# -- a refusal says nothing about the worker -----------------------------------------------------------
async def test_an_unsent_message_keeps_header_and_cost_of_the_last_turn() -> None:
    api = FakeApi(
        starts=[says("One"), Unreachable(ErrorKind.CONNECT, "Cannot reach the service.")], workers=[DONE]
    )
    desktop = Desktop(api=api)
    async with desktop.running(width=120) as pilot:
        await desktop.send(pilot, "first")
        await desktop.shows(pilot, "✓ completed")
        await desktop.send(pilot, "second")
        await desktop.until(pilot, lambda: desktop.work.prompt.text == "second")
        await desktop.settle(pilot)
        assert "completed" in desktop.text().splitlines()[0]
        assert "not sent" not in desktop.text_of("#side").lower()


async def test_leaving_names_what_was_not_sent() -> None:
    desktop, _gate = running()
    async with desktop.running() as pilot:
        await queue_up(desktop, pilot, "second", "third")
        await pilot.press("ctrl+d")
        await desktop.until(pilot, lambda: desktop.app._exit)
    farewell = "\n".join(desktop.app.farewell)
    assert f"2 queued messages, kept for handinger-tui --resume {desktop.session.session_id}" in farewell


@pytest.mark.parametrize("agree", [True, False])
async def test_without_a_history_the_first_send_needs_one_confirmation(*, agree: bool) -> None:
    desktop = Desktop(api=FakeApi(starts=[says("One"), says("Two", message_id="b")], workers=[DONE]))
    desktop.log.refuses = NoHistory("There is no history.", "Send without one?")
    desktop.without_history = lambda: setattr(desktop.log, "refuses", None)
    async with desktop.running() as pilot:
        await desktop.send(pilot, "first")
        await desktop.shows(pilot, "Send without history?", "Limits cannot be checked")
        assert desktop.api.posts == []
        await pilot.press(*(["right", "enter"] if agree else ["enter"]))
        if not agree:
            await desktop.until(pilot, lambda: "Not sent: There is no history." in plain(desktop))
            assert desktop.work.prompt.text == "first"
            assert desktop.api.posts == []
            return
        await desktop.until(pilot, lambda: desktop.session.turns and not desktop.session.busy)
        await desktop.send(pilot, "second")
        await desktop.until(pilot, lambda: len(desktop.api.posts) == 2)


# -- one before the others -------------------------------------------------------------------------
async def test_s_sends_one_held_message_after_its_price_and_a_yes_and_the_others_stay_held() -> None:
    desktop, gate = failing()
    async with desktop.running(120, 40) as pilot:
        await queue_up(desktop, pilot, "second", "third")
        gate.set()
        await desktop.until(pilot, lambda: desktop.hold)
        await desktop.settle(pilot)
        await pilot.press("up", "s")
        await desktop.until(pilot, lambda: "Send now?" in plain(desktop))
        assert "Budget standard:" in plain(desktop)
        # An Enter that comes with the question is no answer to it: it waits until the question takes keys.
        await pilot.press("right")
        await desktop.until(pilot, lambda: focused_button(desktop) == "Send")
        await pilot.press("left")
        await desktop.until(pilot, lambda: focused_button(desktop) == "Cancel")
        await pilot.press("enter")
        await desktop.until(pilot, lambda: "Send now?" not in plain(desktop))
        assert len(desktop.api.posts) == 1
        await desktop.shows(pilot, "Browsing: queue")
        await pilot.press("s")
        await desktop.until(pilot, lambda: "Send now?" in plain(desktop))
        await pilot.press("right", "enter")
        await desktop.until(pilot, lambda: len(desktop.api.posts) == 2)
        await desktop.until(pilot, lambda: not desktop.session.busy or queued(desktop) == ["second"])
        await desktop.settle(pilot)
        assert queued(desktop) == ["second"]
        assert desktop.hold is not None
    assert posts(desktop) == ["first", "third"]


async def test_s_while_a_turn_runs_makes_it_the_next_one_without_a_question() -> None:
    desktop, gate = running()
    async with desktop.running(120, 40) as pilot:
        await queue_up(desktop, pilot, "second", "third")
        await pilot.press("up", "s")
        await desktop.until(pilot, lambda: queued(desktop) == ["third", "second"])
        await desktop.until(pilot, lambda: "Next in the queue" in desktop.notices())
        gate.set()
        await desktop.until(pilot, lambda: len(desktop.api.posts) == 3)
    assert posts(desktop) == ["first", "third", "second"]


async def test_after_a_click_on_the_queue_s_is_typed() -> None:
    desktop, gate = running()
    async with desktop.running(120, 40) as pilot:
        await queue_up(desktop, pilot, "second", "third")
        await pilot.click("#queue", offset=(6, 1))
        await pilot.press("s")
        assert desktop.work.prompt.text == "s"
        assert queued(desktop) == ["second", "third"]
        gate.set()


async def test_a_reached_limit_needs_consent_for_each_message() -> None:
    desktop, gate = failing()
    async with desktop.running(120, 40) as pilot:
        await queue_up(desktop, pilot, "second", "third")
        gate.set()
        await desktop.until(pilot, lambda: desktop.hold)
        await desktop.settle(pilot)
        desktop.limits.limit(Scope.DAY, "5")
        desktop.limits.spend(Scope.DAY, "5.02")
        await pilot.press("up", "s")
        await desktop.until(pilot, lambda: "Send now?" in plain(desktop))
        await pilot.press("right", "enter")
        await desktop.until(pilot, lambda: isinstance(desktop.app.screen, RaiseLimit))
        assert len(desktop.api.posts) == 1
        await pilot.press(*"7", "enter")
        await desktop.until(pilot, lambda: len(desktop.api.posts) == 2)
        await desktop.settle(pilot)
        assert queued(desktop) == ["second"]
    assert posts(desktop) == ["first", "third"]


async def test_f8_leads_to_the_queue_also_from_a_prompt_with_text() -> None:
    desktop, gate = running()
    async with desktop.running(60, 20) as pilot:
        await queue_up(desktop, pilot, *(f"message {number}" for number in range(1, 11)))
        assert desktop.work.pane.queue.region.height == 3
        assert desktop.work.transcript.region.height > 6
        await pilot.press(*"half", "f8")
        await desktop.shows(pilot, "Browsing: queue", "10  message 10")
        await pilot.press(*["up"] * 9, "enter")
        # The strip shows the message that is edited.
        await desktop.until(pilot, lambda: desktop.work.prompt.text == "message 1")
        await desktop.shows(pilot, " 1  message 1", "editing")
        await pilot.press("escape")
        await desktop.until(pilot, lambda: desktop.work.prompt.text == "half")
        gate.set()
    assert posts(desktop)[0] == "first"


@at_each_size
async def test_what_enter_does_with_an_edited_earlier_message_is_shown_below_a_held_queue(
    size: tuple[int, int],
) -> None:
    desktop, gate = failing()
    async with desktop.running(*size) as pilot:
        await queue_up(desktop, pilot, "second")
        gate.set()
        await desktop.until(pilot, lambda: desktop.hold)
        await press(desktop, pilot, "/edit 1\r")
        # Until the end of the turn before is stored, Enter would queue the message.
        await desktop.until(pilot, lambda: "Enter to send this now" in desktop.text_of("#hint"))
        assert "Editing message 1" in desktop.text_of("#hint")


async def test_an_enter_just_after_the_line_has_changed_sends_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desktop, gate = failing()
    async with desktop.running(height=30) as pilot:
        await queue_up(desktop, pilot, "second")
        gate.set()
        # The line has just changed from what it said while the turn ran; a busy machine takes its time.
        with monkeypatch.context() as patch:
            patch.setattr(attention, "READ_S", 60.0)
            await desktop.until(pilot, lambda: "Enter to send 1 queued message" in desktop.text())
            await pilot.press("enter")
            await desktop.until(pilot, lambda: "Nothing was sent" in desktop.notices())
        assert posts(desktop) == ["first"]
        await desktop.shows(pilot, "Enter to send 1 queued message")
        await pilot.press("enter")
        await desktop.until(pilot, lambda: posts(desktop) == ["first", "second"])


async def test_a_line_that_the_terminal_did_not_get_yet_was_not_read() -> None:
    desktop, gate = failing()
    async with desktop.running(height=30) as pilot:
        await queue_up(desktop, pilot, "second")
        # A machine that paints late.
        with desktop.app.batch_update():
            gate.set()
            await desktop.until(pilot, lambda: desktop.work.pane.shown.offer.sends)
            await asyncio.sleep(READ_S)
            await pilot.press("enter")
            await desktop.until(pilot, lambda: "Nothing was sent" in desktop.notices())
        assert posts(desktop) == ["first"]


async def test_a_message_entered_as_the_queue_is_held_waits_behind_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desktop, gate = failing()
    async with desktop.running(height=30) as pilot:
        await queue_up(desktop, pilot, "second")
        desktop.work.prompt.put("another")
        with monkeypatch.context() as patch:
            patch.setattr(attention, "READ_S", 60.0)
            gate.set()
            await desktop.until(pilot, lambda: desktop.work.pane.shown.offer.passes)
            # The line said until now that the message waits for its turn.
            await pilot.press("enter")
            await desktop.until(pilot, lambda: queued(desktop) == ["second", "another"])
        await desktop.shows(pilot, "Enter to send 2 queued messages")
        assert posts(desktop) == ["first"]


async def test_a_second_enter_does_not_queue_the_draft_that_an_edit_gave_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # On a busy machine more time passes until the second one.
    monkeypatch.setattr(composer, "SEEN_AFTER_S", 60.0)
    desktop, _gate = running()
    async with desktop.running(height=30) as pilot:
        await queue_up(desktop, pilot, "second")
        desktop.work.prompt.put("draft")
        await pilot.press("f8")
        await desktop.until(pilot, lambda: desktop.work.pane.queue.has_focus)
        await pilot.press("enter")
        await desktop.until(pilot, lambda: desktop.work.prompt.text == "second")
        await pilot.press(*" more", "enter")
        await desktop.until(pilot, lambda: desktop.work.prompt.text == "draft")
        await pilot.press("enter")
        await desktop.until(pilot, lambda: "Your draft is back." in desktop.notices())
        await desktop.settle(pilot)
        assert queued(desktop) == ["second more"]
