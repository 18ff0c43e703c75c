"""A failed message is one line with its reason and the key to resend it, at every size."""

from __future__ import annotations

import pytest
from textual.pilot import Pilot

from handinger_tui.api.errors import Phase, refusal, translate
from handinger_tui.core.errors import ApiError
from handinger_tui.core.turns.turn import TurnStatus
from handinger_tui.ui.transcript.rows import TurnEnd
from tests.engine.fakes import FakeApi, says, worker
from tests.ui.fakes import PRICED, Desktop
from tests.wire.recordings import sse

HEADERS = {"content-type": "application/json"}
SIZES = ((60, 20), (80, 24), (120, 40))


def answered(status: int, why: str, wait_s: int = 0) -> ApiError:
    headers = HEADERS | ({"retry-after": str(wait_s)} if wait_s else {})
    return refusal(status, headers, f'{{"error": "{why}"}}'.encode())


FAILURES = {
    "connect": (translate(ConnectionRefusedError(111, "Connection refused"), Phase.CONNECTING, "https://x.test"),
                "Not sent: Cannot reach https://x.test (Connection refused)."),
    "401": (answered(401, "No such key"), "The API key was rejected (401): No such key."),
    "402": (answered(402, "Balance 0"), "Out of credits (402): Balance 0."),
    "409": (answered(409, "Turn 3 runs"), "The worker is busy (409): Turn 3 runs."),
    "422": (answered(422, "Too vague"), "The service rejected the request (422): Too vague."),
    "429": (answered(429, "Slow down", wait_s=40), "Too many requests (429): Slow down."),
    "500": (answered(500, "Oops"), "Not delivered, not charged: Server error (500): Oops."),
    "lost": (translate(OSError("reset"), Phase.SENT), "The connection was lost before the service answered."),
}  # fmt: skip
STATUS = {"connect": TurnStatus.NOT_SENT, "500": TurnStatus.NOT_DELIVERED, "lost": TurnStatus.NOT_DELIVERED}


async def rows_of_ending(desktop: Desktop, pilot: Pilot[None]) -> int:
    """The number of rows that the failure of the last turn takes."""
    await desktop.settle(pilot)
    last = desktop.work.pane.transcript.transcript_layout.turns[-1]
    (block,) = [block for block in last.blocks if isinstance(block.slot, TurnEnd)]
    assert block.gap == 0
    return block.buffer.height


@pytest.mark.parametrize("name", FAILURES)
async def test_a_failure_is_one_line_without_repetition(name: str) -> None:
    trouble, reason = FAILURES[name]
    messages: list[str] | None = [] if STATUS.get(name) is TurnStatus.NOT_DELIVERED else None
    api = FakeApi(starts=[says("It moves heat."), trouble], workers=[worker("", messages=messages, **PRICED)])
    desktop = Desktop(api=api)
    async with desktop.running(*SIZES[0]) as pilot:
        await desktop.send(pilot, "What is a heat pump?")
        await desktop.shows(pilot, "✓ completed")
        await desktop.send(pilot, "And in cold towns?")
        await desktop.until(pilot, lambda: len(desktop.session.turns) == 2 and not desktop.session.busy)
        assert desktop.session.turns[-1].status is STATUS.get(name, TurnStatus.REJECTED)
        for width, height in SIZES:
            await pilot.resize_terminal(width, height)
            assert await rows_of_ending(desktop, pilot) <= (4 if width == 60 else 2)
            text = desktop.text()
            flat = " ".join(text.replace("│", " ").split())
            if width == 120:
                # Without a panel next to it, the line reads as one sentence.
                flat = " ".join(line.split("╭")[0].split("│")[0] for line in text.splitlines())
                flat = " ".join(flat.split())
            assert flat.count(reason.removeprefix("Not delivered, not charged: ")) == 1
            assert flat.count("Enter to resend.") == 1
            assert flat.lower().count("charged") <= 1
            assert "Your text is back" not in flat
            # Header and panel show the worker, whose last turn is the first one.
            assert "completed" in text.splitlines()[0]
            assert (desktop.work.pane.card.display is True) is (name == "429")


async def test_a_message_of_unknown_delivery_warns_once_that_resending_may_cost_twice() -> None:
    trouble = translate(OSError("reset"), Phase.SENT)
    desktop = Desktop(api=FakeApi(starts=[trouble], workers=[worker("")]))
    async with desktop.running(80, 24) as pilot:
        await desktop.send(pilot, "What is a heat pump?")
        await desktop.until(pilot, lambda: desktop.session.turns and not desktop.session.busy)
        assert await rows_of_ending(desktop, pilot) == 3
        flat = " ".join(desktop.text().split())
        assert flat.count("Delivery unknown:") == flat.count("charged twice") == flat.count("lost") == 1
        assert "Check the dashboard before you resend it (Enter)" in flat


async def test_the_pause_that_a_service_asks_for_goes_when_it_is_over() -> None:
    desktop = Desktop(api=FakeApi(starts=[answered(429, "Slow down", wait_s=40)], workers=[worker("")]))
    async with desktop.running(80, 24) as pilot:
        await desktop.send(pilot, "What is a heat pump?")
        await desktop.shows(pilot, "You can resend in 40 s.")
        desktop.now_ms += 40_000
        await desktop.until(pilot, lambda: not desktop.work.pane.card.display)


async def test_the_line_of_an_older_failure_names_a_way_that_works_later() -> None:
    api = FakeApi(starts=[answered(402, "Balance 0"), says("It moves heat.")], workers=[worker("")])
    desktop = Desktop(api=api)
    async with desktop.running(80, 24) as pilot:
        await desktop.send(pilot, "What is a heat pump?")
        await desktop.shows(pilot, "Enter to resend.")
        await pilot.press("enter")
        await desktop.shows(pilot, "It moves heat.", "/retry 1 to resend.")
        assert "Enter to resend" not in desktop.text()


async def test_a_refused_first_message_names_no_worker() -> None:
    desktop = Desktop(api=FakeApi(starts=[answered(402, "Balance 0")], workers=[worker("")]))
    async with desktop.running(120, 40) as pilot:
        await desktop.send(pilot, "What is a heat pump?")
        await desktop.shows(pilot, "Enter to resend.", "Nothing spent yet.")
        await desktop.settle(pilot)
        assert desktop.text().splitlines()[0].split("work ·")[0].strip() == "What is a heat pump?"
        assert desktop.text().count("402") == 1


@pytest.mark.parametrize("size", SIZES)
async def test_a_turn_that_failed_names_the_command_that_resends_it_at_every_size(
    size: tuple[int, int],
) -> None:
    script = [*says("half", end=False), sse(type="error", errorText="Overloaded.")]
    desktop = Desktop(api=FakeApi(starts=[script], workers=[worker("", **PRICED)]))
    async with desktop.running(*size) as pilot:
        await desktop.send(pilot, "Hi")
        await desktop.shows(pilot, "✗ failed", "/retry to resend")
