"""The receipt page: opened, browsed, copied and saved by keys alone."""

from __future__ import annotations

import json

import pytest
from msgspec.structs import replace
from textual.pilot import Pilot

from handinger_tui.core.errors import LedgerError
from handinger_tui.core.jsontext import Json
from handinger_tui.core.receipt_page import receipt_page
from handinger_tui.core.turns.session import Session
from handinger_tui.core.turns.turn import ErrorKind, Fault, Turn, TurnStatus
from handinger_tui.ui.spending.receipt import ReceiptScreen, receipt_lines, receipt_text
from tests.engine.fakes import FakeApi, says, worker
from tests.ui.fakes import LOCAL, Desktop, answers
from tests.ui.panels.stage import BAD, FIRST, reading, session, turn, two_turns
from tests.ui.panels.test_panels import PAYLOADS, text_of_payload


def priced(count: int) -> str:
    """A worker after `count` turns, each of them at $0.0123."""
    usage: dict[str, Json] = {"steps": 3 * count, "totalTokens": 1500 * count, "costUsd": 0.0123 * count}
    costs: dict[str, Json] = {"modelCostUsd": 0.01 * count, "toolCostUsd": 0.0023 * count}
    return worker("", messages=None, usage=usage, costs=costs)


async def three(desktop: Desktop, pilot: Pilot[None]) -> None:
    for number in range(1, 4):
        await desktop.send(pilot, f"Question number {number}")
        await desktop.until(pilot, lambda: desktop.session.turns and not desktop.session.busy)
        assert len(desktop.session.turns) == number


def answered_desktop() -> Desktop:
    starts = [says(f"Answer {number}", message_id=f"msg_{number}") for number in range(1, 4)]
    return Desktop(api=FakeApi(starts=list(starts), workers=[priced(n) for n in (1, 1, 2, 2, 3, 3)]))


def page(desktop: Desktop) -> ReceiptScreen:
    screen = desktop.app.screen
    assert isinstance(screen, ReceiptScreen)
    return screen


def test_the_amounts_of_the_categories_stand_in_line() -> None:
    empty = reading("0", costs=("0", "0", "0", "0"))
    kept = session(turn(1, before=empty, after=reading("12.6073", costs=("12.5", "0.0023", "0.105", "0"))))
    lines = [line.plain for line in receipt_lines(receipt_page(kept, kept.turns[0]), 70)]
    amounts = [line for line in lines if " $" in line and line.startswith(("█ ", "▓ ", "▒ ", "░ "))]
    assert len(amounts) == 4
    assert len({line.index(".") for line in amounts}) == 1


async def test_the_header_and_the_receipt_name_one_duration() -> None:
    reported: dict[str, Json] = {"durationMs": 3800, "costUsd": 0.0123}
    api = FakeApi(starts=[says("Answer")], workers=[worker("", messages=None, usage=reported)])
    desktop = Desktop(api=api)
    async with desktop.running(120, 40) as pilot:
        await desktop.send(pilot, "Hi")
        await desktop.shows(pilot, "✓ completed · 3.8 s", "  3.8 s · ")


@pytest.mark.parametrize(("key", "title"), [("ctrl+t", "1 of 1"), ("f9", "Spending")])
async def test_no_passing_line_covers_the_figures(key: str, title: str) -> None:
    desktop = answered_desktop()
    async with desktop.running(120, 40) as pilot:
        await desktop.send(pilot, "Question")
        await desktop.until(pilot, lambda: desktop.session.turns and not desktop.session.busy)
        await desktop.send(pilot, "/limit day 5")
        await desktop.shows(pilot, "Daily limit set to $5.00")
        await pilot.press(key)
        await desktop.shows(pilot, title)
        await desktop.settle(pilot)
        assert not desktop.work.query("Toast"), "nor from the screen below"
        assert "Daily limit set to" not in desktop.text_of(
            "#receipt-body" if key == "ctrl+t" else "#spending"
        )


async def test_keys_walk_through_the_turns_and_close() -> None:
    desktop = answered_desktop()
    async with desktop.running() as pilot:
        await three(desktop, pilot)
        await pilot.press("ctrl+t")
        await desktop.shows(pilot, "3 of 3", "“Question number 3”")
        for key, number in (("left", 2), ("p", 1), ("right", 2), ("n", 3)):
            await pilot.press(key)
            await desktop.shows(pilot, f"{number} of 3", f"“Question number {number}”")
        await pilot.press("n")
        await desktop.until(pilot, lambda: "This is the newest turn." in desktop.notices())
        await pilot.press("p", "p", "p")
        await desktop.until(pilot, lambda: "This is the first turn." in desktop.notices())
        await pilot.press("escape")
        await desktop.until(pilot, lambda: desktop.work.prompt.has_focus)


async def test_receipts_are_opened_by_number_if_they_exist() -> None:
    desktop = answered_desktop()
    async with desktop.running() as pilot:
        await desktop.send(pilot, "/receipt")
        await desktop.until(pilot, lambda: "Nothing was sent" in desktop.notices())
        await three(desktop, pilot)
        for wrong in ("0", "4", "two", "-1", "9" * 5000, "٣"):
            desktop.app.clear_notifications()
            await desktop.send(pilot, f"/receipt {wrong}")
            await desktop.until(pilot, lambda: "a number from 1 to 3, or last" in desktop.notices())
        await desktop.send(pilot, "/receipt 2")
        await desktop.shows(pilot, "2 of 3")
        await pilot.press("escape")
        await desktop.send(pilot, "/receipt last")
        await desktop.shows(pilot, "3 of 3")


async def test_copy_and_both_files() -> None:
    desktop = answered_desktop()
    async with desktop.running() as pilot:
        await three(desktop, pilot)
        await pilot.press("ctrl+t")
        await desktop.shows(pilot, "3 of 3")
        await pilot.press("y")
        await desktop.until(pilot, lambda: "Copied the receipt" in desktop.notices())
        assert desktop.app.clipboard == receipt_text(page(desktop).receipt)
        assert "Cost: about $0.0123" in desktop.app.clipboard
        await pilot.press("m")
        await desktop.until(pilot, lambda: len(desktop.written) == 1)
        await pilot.press("j")
        await desktop.until(pilot, lambda: len(desktop.written) == 2)
        (markdown, body), (name, text) = desktop.written
        turn_id = desktop.session.turns[-1].turn_id
        assert (markdown, name) == (f"receipt-{turn_id}.md", f"receipt-{turn_id}.json")
        assert body.startswith("# Receipt: Question number 3\n")
        receipt = json.loads(text)
        assert (receipt["turn_id"], receipt["cost_usd"]) == (turn_id, "0.0123")
        await desktop.until(pilot, lambda: f"Saved to /downloads/{name}" in desktop.notices())


async def test_the_page_of_a_running_turn_follows_it() -> None:
    desktop = answered_desktop()
    async with desktop.running() as pilot:
        await three(desktop, pilot)
        await pilot.press("ctrl+t")
        await desktop.shows(pilot, "3 of 3", "$0.0123")
        dearer = replace(desktop.session.turns[2], snapshot=reading("0.0500"), reads=())
        shown = replace(desktop.session, turns=(*desktop.session.turns[:2], dearer))
        desktop.engine.actor(shown.session_id).store.value = shown
        await desktop.shows(pilot, "$0.0254")


async def test_an_unreadable_history_keeps_the_page_open() -> None:
    desktop = Desktop(api=answers("Hello"))
    async with desktop.running() as pilot:
        await desktop.send(pilot, "Hi")
        await desktop.until(pilot, lambda: desktop.session.turns and not desktop.session.busy)
        desktop.ledger.fails = LedgerError("Cannot read the history.", "Look at the disk.")
        await pilot.press("ctrl+t")
        await desktop.until(pilot, lambda: "Cannot read the history." in desktop.notices())
        assert "$0.0123" in desktop.text()


async def test_simulated_money_is_marked() -> None:
    desktop = Desktop(api=answers("Hello"), badge=LOCAL)
    async with desktop.running() as pilot:
        await desktop.send(pilot, "Hi")
        await desktop.until(pilot, lambda: desktop.session.turns and not desktop.session.busy)
        local = replace(desktop.session, base_url="local")
        shown = "\n".join(line.plain for line in receipt_lines(receipt_page(local, local.turns[0]), 72))
        assert "simulated money" in shown


def lines(shown: Session, of: Turn, width: int = 72) -> str:
    return "\n".join(line.plain for line in receipt_lines(receipt_page(shown, of), width))


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (TurnStatus.FAILED, ("failed", "cost unknown", "The model gave up")),
        (TurnStatus.RUNNING, ("still running", "cost unknown so far")),
        (TurnStatus.UNKNOWN, ("delivery unknown", "cost unknown")),
        (TurnStatus.REJECTED, ("rejected", "$0.00", "nothing was charged")),
        (TurnStatus.ACCEPTED, ("working", "cost unknown so far")),
    ],
)
def test_every_end_of_a_turn_has_a_receipt(status: TurnStatus, words: tuple[str, ...]) -> None:
    fault = Fault(ErrorKind.SERVER, "The model gave up") if status is TurnStatus.FAILED else None
    own = replace(turn(1, status=status, before=FIRST, seconds=None), fault=fault)
    shown = lines(session(turn(0, after=FIRST), own), own)
    for word in words:
        assert word in shown
    if status is not TurnStatus.REJECTED:
        assert "$0.00" not in shown


@pytest.mark.parametrize("width", [40, 68, 86, 200])
def test_no_line_is_wider_than_the_page(width: int) -> None:
    shown = two_turns()
    long = replace(shown.turns[1], worker_id="w" * 300)
    shown = replace(shown, turns=(shown.turns[0], long))
    for line in receipt_lines(receipt_page(shown, long), width):
        assert line.cell_length <= width, line.plain


@pytest.mark.parametrize("width", range(36, 100))
def test_no_fact_next_to_the_amount_is_cut(width: int) -> None:
    shown = two_turns()
    head = lines(shown, shown.turns[1], width).partition("Cost\n")[0]
    assert "…" not in head
    for word in ("completed", "8 credits", "1,576 tokens", "3 steps", "12 s"):
        assert all(piece in head for piece in word.split())


def test_hostile_text_reaches_neither_screen_nor_clipboard() -> None:
    usual = turn(0, after=FIRST)
    for payload in PAYLOADS:
        text = text_of_payload(payload)[:4000]
        request = replace(usual.request, prompt=text, budget=text)
        fault = Fault(ErrorKind.SERVER, text)
        own = replace(usual, request=request, worker_id=text, message_id=text, fault=fault)
        page = receipt_page(session(own), own)
        for line in (*(line.plain for line in receipt_lines(page, 72)), *receipt_text(page).splitlines()):
            assert not BAD.search(line), (payload["id"], ascii(line))


def reads(usd: float, steps: int, *prompts: str, busy: bool = False) -> str:
    """A worker with answers to these prompts, and this cost."""
    pairs = [("user", prompt) for prompt in prompts]
    messages = [{"role": role, "parts": [{"type": "text", "text": text}]} for role, text in pairs]
    return worker("ok", busy=busy, messages=messages, usage={"costUsd": usd, "steps": steps})


async def test_the_line_under_an_earlier_turn_follows_a_later_reading() -> None:
    half = reads(0.10, 1, "one", busy=True)
    later = [reads(0.50, 5, "one"), reads(0.60, 5, "one", "two")]
    api = FakeApi(starts=[says("One"), says("Two", message_id="b")], workers=[half, half, half, *later])
    desktop = Desktop(api=api)
    async with desktop.running(110, 40) as pilot:
        await desktop.send(pilot, "one")
        await desktop.shows(pilot, "0.0 s · $0.10 so far")
        await desktop.until(pilot, lambda: not desktop.session.busy)
        await desktop.send(pilot, "two")
        await desktop.until(pilot, lambda: len(desktop.session.turns) == 2 and not desktop.session.busy)
        await desktop.shows(pilot, "0.0 s · $0.50 so far")
        assert "so far: ~0.0 s" not in desktop.text_of("#transcript")


async def test_the_page_keeps_its_turn_where_another_session_comes_to_the_work_screen() -> None:
    desktop = answered_desktop()
    async with desktop.running(120, 40) as pilot:
        await three(desktop, pilot)
        await pilot.press("ctrl+t")
        await desktop.shows(pilot, "3 of 3", "“Question number 3”")
        desktop.work.run_command("new")
        await desktop.until(pilot, lambda: not desktop.session.turns)
        assert page(desktop).receipt.title == "Question number 3"
        await pilot.press("p")
        await desktop.shows(pilot, "2 of 3", "“Question number 2”")
