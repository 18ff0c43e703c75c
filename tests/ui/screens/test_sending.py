"""From the prompt to the engine and back: nothing lost, nothing sent twice without consent."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from handinger_tui.core.errors import ApiError, Doubtful, NoRoom, Refused, ServerFault, Unreachable
from handinger_tui.core.turns.turn import ErrorKind, TurnStatus
from tests.engine.fakes import FakeApi, FakeReply, Script, says, worker
from tests.ui.disk import Disk
from tests.ui.fakes import PRICED, Desktop, answers, launch


def held(*deltas: str) -> tuple[Script, asyncio.Event]:
    """An answer that continues once the event is set."""
    gate = asyncio.Event()
    start, remainder = says(*deltas, end=False), says(end=True)[2:]
    return [*start, gate, *remainder], gate


async def test_a_typed_message_streams_into_the_transcript() -> None:
    script, gate = held("The first half ")
    desktop = Desktop(api=FakeApi(starts=[script], workers=[worker("", messages=None, **PRICED)]))
    async with desktop.running() as pilot:
        await pilot.press("H", "i")
        await pilot.press("enter")
        await desktop.shows(pilot, "❯ Hi", "The first half", "working")
        assert desktop.work.prompt.text == ""
        gate.set()
        await desktop.shows(pilot, "✓ completed", "$0.0123")
    assert [request.prompt for request in desktop.api.posts] == ["Hi"]


async def test_the_box_is_emptied_only_once_the_order_is_on_disk() -> None:
    typed_while_writing: list[str] = []
    desktop = Desktop(api=answers("Hello"))

    async def look() -> None:
        await asyncio.sleep(0)
        typed_while_writing.append(desktop.work.prompt.text)

    desktop.log.before["open_turn"] = look
    async with desktop.running() as pilot:
        await desktop.send(pilot, "Keep me")
        await desktop.until(pilot, lambda: desktop.session.turns)
        assert typed_while_writing == ["Keep me"]
        assert desktop.work.prompt.text == ""


async def test_a_history_that_cannot_be_written_sends_nothing_and_keeps_the_text() -> None:
    desktop = Desktop(api=answers("Hello"))
    desktop.log.refuses = NoRoom("Cannot write the history.", "Free some space.")
    async with desktop.running() as pilot:
        await desktop.send(pilot, "Keep me")
        await desktop.shows(pilot, "Not sent: Cannot write the history.")
        assert desktop.work.prompt.text == "Keep me"
        desktop.log.refuses = None
        await pilot.press("enter")
        await desktop.shows(pilot, "✓ completed")
        assert "cannot be written" not in desktop.text()
    assert len(desktop.api.posts) == 1


async def test_enter_pressed_twice_sends_once() -> None:
    desktop = Desktop(api=answers("Hello", "Again"))
    async with desktop.running() as pilot:
        desktop.work.prompt.put("Once")
        await pilot.press("enter", "enter", "enter")
        await desktop.until(pilot, lambda: desktop.session.turns and not desktop.session.busy)
    assert len(desktop.api.posts) == 1


async def test_messages_typed_during_a_turn_are_queued_shown_and_sent_in_order() -> None:
    script, gate = held("One")
    starts: list[Script] = [script, says("Two", message_id="b"), says("Three", message_id="c")]
    desktop = Desktop(api=FakeApi(starts=list(starts), workers=[worker("", **PRICED)]))
    async with desktop.running() as pilot:
        await desktop.send(pilot, "first")
        await desktop.shows(pilot, "One")
        await desktop.send(pilot, "second")
        desktop.work.prompt.put("third")
        await desktop.shows(pilot, "Tab Queue")
        await pilot.press("tab")
        await desktop.shows(pilot, " 1  second", " 2  third")
        assert len(desktop.api.posts) == 1
        gate.set()
        await desktop.until(pilot, lambda: not desktop.session.busy)
        await desktop.until(pilot, lambda: not desktop.work.pane.queue.display)
    assert [request.prompt for request in desktop.api.posts] == ["first", "second", "third"]


async def test_a_queued_message_is_reached_by_up_and_dropped() -> None:
    script, gate = held("One")
    desktop = Desktop(api=FakeApi(starts=[script], workers=[worker("", **PRICED)]))
    async with desktop.running() as pilot:
        await desktop.send(pilot, "first")
        await desktop.send(pilot, "second")
        await desktop.shows(pilot, " 1  second")
        await pilot.press("up", "delete")
        await desktop.until(pilot, lambda: not desktop.work.pane.queue.display)
        assert desktop.work.prompt.has_focus
        await pilot.press("up")
        await desktop.until(pilot, lambda: desktop.work.prompt.text == "second")
        gate.set()
        await desktop.until(pilot, lambda: not desktop.session.busy)
    assert len(desktop.api.posts) == 1


@pytest.mark.parametrize(
    ("trouble", "status", "words"),
    [
        (Unreachable(ErrorKind.CONNECT, "Cannot reach the service."), TurnStatus.NOT_SENT, "Enter to resend"),
        (
            Refused(ErrorKind.AUTH, "The API key was rejected.", http_status=401),
            TurnStatus.REJECTED,
            "valid key",
        ),
        (Refused(ErrorKind.PAYMENT, "No credits left.", http_status=402), TurnStatus.REJECTED, "Add credits"),
    ],
)
async def test_a_message_that_surely_did_not_start_is_restored_and_free(
    trouble: Refused, status: TurnStatus, words: str
) -> None:
    desktop = Desktop(api=FakeApi(starts=[trouble], workers=[worker("")]))
    async with desktop.running() as pilot:
        await desktop.send(pilot, "Do it")
        await desktop.shows(pilot, trouble.summary.removesuffix("."))
        assert desktop.session.turns[-1].status is status
        await desktop.until(pilot, lambda: desktop.work.prompt.text == "Do it")
        await desktop.until(pilot, lambda: words in " ".join(desktop.text().split()))


SEEN = worker("", **PRICED)
STUMBLES = ServerFault(ErrorKind.SERVER, "Stumbled.")


def lost() -> Doubtful:
    return Doubtful(ErrorKind.NETWORK, "The connection was lost.")


async def test_a_message_of_unknown_delivery_is_resent_only_after_a_typed_word() -> None:
    starts: list[Script | ApiError | FakeReply] = [says("One"), lost(), says("Hello", message_id="b")]
    api = FakeApi(starts=starts, workers=[SEEN, SEEN, STUMBLES])
    desktop = Desktop(api=api)
    async with desktop.running() as pilot:
        await desktop.send(pilot, "First")
        await desktop.shows(pilot, "✓ completed")
        await desktop.send(pilot, "Do it")
        await desktop.shows(pilot, "delivery unknown", "charged twice")
        assert desktop.work.prompt.text == "Do it"
        await pilot.press("enter")
        await desktop.shows(pilot, "Send again?", "charge you twice", "Watch (free)")
        await pilot.press("o", "k", "enter")
        await pilot.pause()
        assert "Send again?" in desktop.text()
        await pilot.press("escape")
        await desktop.until(pilot, lambda: "Send again?" not in desktop.text())
        assert desktop.work.prompt.text == "Do it"
        assert len(desktop.api.posts) == 2
        await pilot.press("enter")
        await desktop.shows(pilot, "Send again?")
        await pilot.press(*"again", "enter")
        await desktop.shows(pilot, "Hello", "✓ completed")
    assert len(desktop.api.posts) == 3


@pytest.mark.parametrize("how", ["enter", "/attach"])
async def test_watching_is_free_and_leaves_no_text_to_resend(how: str) -> None:
    there = worker("There it is", prompt="Do it", **PRICED)
    api = FakeApi(starts=[says("One"), lost()], workers=[SEEN, SEEN, STUMBLES, there])
    desktop = Desktop(api=api)
    async with desktop.running() as pilot:
        await desktop.send(pilot, "First")
        await desktop.shows(pilot, "✓ completed")
        await desktop.send(pilot, "Do it")
        await desktop.shows(pilot, "delivery unknown")
        if how == "enter":
            await pilot.press("enter")
            await desktop.shows(pilot, "Send again?")
            await pilot.press("enter")
        else:
            # The command replaces the text in the box.
            await desktop.send(pilot, "/attach")
        await desktop.shows(pilot, "There it is", "✓ completed")
        assert desktop.work.prompt.text == ""
        assert desktop.work.prompt.message_history.texts[-1] == "Do it"
    assert len(desktop.api.posts) == 2


async def test_watching_what_never_arrived_brings_the_text_back() -> None:
    api = FakeApi(starts=[says("One"), lost()], workers=[SEEN, SEEN, STUMBLES])
    desktop = Desktop(api=api)
    async with desktop.running() as pilot:
        await desktop.send(pilot, "First")
        await desktop.shows(pilot, "✓ completed")
        await desktop.send(pilot, "Do it")
        await desktop.shows(pilot, "delivery unknown")
        await pilot.press("enter")
        await desktop.shows(pilot, "Watch (free)")
        await pilot.press("enter")
        await desktop.until(pilot, lambda: "Watch (free)" not in desktop.text())
        await desktop.until(pilot, lambda: desktop.work.prompt.text == "Do it" and not desktop.session.busy)
    assert len(desktop.api.posts) == 2


async def test_a_lost_start_without_a_worker_cannot_be_watched() -> None:
    desktop = Desktop(api=FakeApi(starts=[lost()], workers=[worker("", **PRICED)]))
    async with desktop.running() as pilot:
        await desktop.send(pilot, "Do it")
        await desktop.shows(pilot, "delivery unknown", "the dashboard")
        await pilot.press("enter")
        await desktop.shows(pilot, "Check the dashboard first.", "Cancel")
        assert "Watch (free)" not in desktop.text()
        await pilot.press("enter")
        await desktop.until(pilot, lambda: "Check the dashboard first." not in desktop.text())
        assert desktop.work.prompt.text == "Do it"
    assert len(desktop.api.posts) == 1


async def test_a_typed_text_is_not_overwritten_by_a_restored_one() -> None:
    gate = asyncio.Event()
    script: Script = [*says("Half", end=False), gate, ServerFault(ErrorKind.SERVER, "Stumbled.")]
    desktop = Desktop(api=FakeApi(starts=[script], workers=[ServerFault(ErrorKind.SERVER, "Stumbled.")]))
    async with desktop.running() as pilot:
        await desktop.send(pilot, "Old text")
        await desktop.shows(pilot, "Half")
        desktop.work.prompt.put("New text")
        gate.set()
        await desktop.until(pilot, lambda: not desktop.session.busy)
        await desktop.settle(pilot)
        assert desktop.work.prompt.text == "New text"


def rate_limited() -> Desktop:
    """A service that refuses the first message and asks for a pause of 30 seconds."""
    refusal = Refused(ErrorKind.RATE_LIMITED, "Too many requests.", http_status=429, retry_after_s=30)
    return Desktop(api=FakeApi(starts=[refusal, says("Hello")], workers=[worker("", **PRICED)]))


async def test_a_wait_named_by_the_service_is_counted_down_and_enter_waits_for_it() -> None:
    desktop = rate_limited()
    async with desktop.running() as pilot:
        await desktop.send(pilot, "Do it")
        await desktop.shows(pilot, "resend in 30 s.")
        await pilot.press("enter")
        await desktop.until(pilot, lambda: "wait 30 s more" in desktop.notices())
        assert len(desktop.api.posts) == 1
        desktop.now_ms += 20_000
        await desktop.shows(pilot, "resend in 10 s.")
        desktop.now_ms += 11_000
        await desktop.until(pilot, lambda: desktop.work.scheduler.asleep)
        assert len(desktop.api.posts) == 1
        await pilot.press("enter")
        await desktop.shows(pilot, "✓ completed")


async def test_a_clock_that_is_set_back_does_not_prolong_a_wait() -> None:
    desktop = rate_limited()
    async with desktop.running() as pilot:
        await desktop.send(pilot, "Do it")
        await desktop.shows(pilot, "resend in 30 s.")
        desktop.now_ms -= 3_600_000
        await desktop.until(pilot, lambda: desktop.work.scheduler.asleep)
        await pilot.press("enter")
        await desktop.shows(pilot, "✓ completed")


async def test_the_prompt_given_at_the_start_is_sent_immediately(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("x\n1\n")
    given = launch(prompt="From outside", attachments=(str(file),), budget="high", disk=Disk())
    desktop = Desktop(api=answers("Hello"), launch=given)
    async with desktop.running() as pilot:
        await desktop.shows(pilot, "❯ From outside", "✓ completed")
    request = desktop.api.posts[0]
    assert (request.prompt, request.budget, [file.path for file in request.attachments]) == (
        "From outside",
        "high",
        [str(file)],
    )
