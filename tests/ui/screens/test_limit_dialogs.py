"""Limits that block a send or the queue: nothing is sent before a person types a larger amount."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest
from textual.events import Key

from handinger_tui.core.amounts import Unit
from handinger_tui.core.money.limits import STILL, LimitOrigin, Scope
from handinger_tui.ui.spending.limit_dialogs import RaiseLimit
from tests.engine.fakes import FakeApi, Script, says, worker
from tests.ui.fakes import LOCAL, PRICED, Desktop, answers, charge
from tests.ui.screens.test_key_bytes import press
from tests.ui.screens.test_sending import held

USD, CREDITS = Unit.USD, Unit.CREDITS
DAY_MS = 24 * 60 * 60 * 1000


# -- in the way of a send ------------------------------------------------------------------
def full(api: FakeApi | None = None, origin: LimitOrigin = LimitOrigin.CONFIG, **members: Any) -> Desktop:
    """A day limit of $5 that is used up."""
    desktop = Desktop(api=api or answers("Hello", "Again"), **members)
    desktop.limits.limit(Scope.DAY, "5", origin=origin)
    desktop.limits.spend(Scope.DAY, "5.02")
    return desktop


@pytest.mark.parametrize("size", [(60, 20), (40, 14)])
async def test_on_a_low_screen_what_is_asked_stays_in_sight(size: tuple[int, int]) -> None:
    desktop = full(badge=LOCAL)
    async with desktop.running(*size) as pilot:
        await desktop.send(pilot, "Keep me")
        # Its meter may be scrolled away.
        await desktop.shows(pilot, "Daily limit reached", "New limit (above $5.02")


@pytest.mark.parametrize("way_out", [["escape"], ["enter"], ["tab", "enter"]])
async def test_a_send_at_the_limit_leaves_the_text_and_sends_nothing(way_out: list[str]) -> None:
    desktop = full()
    async with desktop.running() as pilot:
        await desktop.send(pilot, "Keep me")
        await desktop.shows(pilot, "Daily limit reached", "$5.02 of $5.00 (100%)", "Nothing was sent.")
        inside = [line.split("│")[1] for line in desktop.text().splitlines() if line.count("│") == 2]
        assert STILL in " ".join(" ".join(inside).split())
        await pilot.press(*way_out)
        await desktop.until(pilot, lambda: "Nothing was sent." not in desktop.text())
        assert desktop.work.prompt.text == "Keep me"
        await desktop.shows(pilot, "Enter to raise the limit, then send this (asks first)")
        assert not desktop.session.turns
    assert desktop.api.posts == []
    assert desktop.limits.sets == []


async def test_a_message_typed_into_the_field_that_came_up_is_in_the_prompt_history() -> None:
    desktop = full()
    async with desktop.running() as pilot:
        await press(desktop, pilot, "Keep me\r")
        await desktop.shows(pilot, "New limit (above $5.02")
        await press(desktop, pilot, "next one\r")
        await desktop.shows(pilot, "is not an amount")
        await press(desktop, pilot, "\x1b")
        await desktop.until(pilot, lambda: "next one" in desktop.work.prompt.message_history.texts)
        assert "press ↑" in desktop.notices()
    assert desktop.api.posts == []


async def test_a_typed_amount_raises_the_limit_and_sends_once() -> None:
    desktop = full()
    async with desktop.running() as pilot:
        await desktop.send(pilot, "Keep me")
        await desktop.shows(pilot, "New limit (above $5.02")
        await pilot.press(*"5.02", "enter")
        await desktop.shows(pilot, "The limit must be above what is already spent ($5.02).")
        await pilot.press(*["backspace"] * 4, *"6 credits", "enter")
        await desktop.shows(pilot, "This limit is in dollars.")
        assert desktop.limits.sets == []
        await pilot.press(*["backspace"] * 9, *"7", "enter", "enter")
        await desktop.shows(pilot, "❯ Keep me", "✓ completed")
        assert desktop.work.prompt.text == ""
    assert [request.prompt for request in desktop.api.posts] == ["Keep me"]
    assert desktop.limits.sets == [(Scope.DAY, USD, Decimal(7))]


async def test_an_amount_typed_very_fast_is_complete() -> None:
    desktop = full()
    async with desktop.running() as pilot:
        await desktop.send(pilot, "Keep me")
        await desktop.shows(pilot, "New limit (above $5.02")
        for key in (*"99.99", *["backspace"] * 5, *"7.5", "left", "left", "1", "enter", *"00 letters"):
            desktop.app.post_message(Key(key, key if len(key) == 1 else None))
        await desktop.shows(pilot, "✓ completed")
    assert desktop.limits.sets == [(Scope.DAY, USD, Decimal("71.5"))]


async def test_every_used_up_limit_needs_consent() -> None:
    desktop = full()
    desktop.limits.limit(Scope.TURN, "10", CREDITS)
    desktop.limits.spend(Scope.TURN, "12.5", CREDITS)
    async with desktop.running() as pilot:
        await desktop.send(pilot, "Keep me")
        await desktop.shows(pilot, "Daily limit reached")
        await pilot.press(*"7", "enter")
        await desktop.shows(pilot, "Turn limit reached", "12.5 of 10 credits")
        assert desktop.api.posts == []
        await pilot.press(*"20", "enter")
        await desktop.shows(pilot, "✓ completed")
    assert len(desktop.api.posts) == 1
    assert desktop.limits.sets[-1] == (Scope.TURN, CREDITS, Decimal(20))


async def test_a_limit_of_the_command_line_cannot_be_raised_here() -> None:
    desktop = full(origin=LimitOrigin.FLAG)
    async with desktop.running() as pilot:
        await desktop.send(pilot, "Keep me")
        await desktop.shows(pilot, "Daily limit reached", "Use a larger --max-cost to continue.")
        assert "Raise and send" not in desktop.text()
        await pilot.press("enter")
        await desktop.until(pilot, lambda: "Nothing was sent." not in desktop.text())
        assert desktop.work.prompt.text == "Keep me"
    assert desktop.api.posts == []


async def test_simulated_money_is_marked_in_the_question() -> None:
    desktop = full(badge=LOCAL)
    async with desktop.running() as pilot:
        await desktop.send(pilot, "Keep me")
        await desktop.shows(pilot, "Simulated")


# -- in the way of the queue ---------------------------------------------------------------
def queueing() -> tuple[Desktop, asyncio.Event]:
    """Two answers; the first one waits for the event."""
    script, gate = held("One")
    starts: list[Script] = [script, says("Two", message_id="b")]
    desktop = Desktop(api=FakeApi(starts=[*starts], workers=[worker("", **PRICED)]))
    desktop.limits.limit(Scope.DAY, "5")
    return desktop, gate


async def hold(desktop: Desktop, pilot: Any, gate: asyncio.Event, *texts: str) -> None:
    """Let the first turn use the limit up while others wait, a second one unless `texts` are given."""
    await desktop.send(pilot, "first")
    await desktop.shows(pilot, "One")
    for number, text in enumerate(texts or ("second",), 1):
        await desktop.send(pilot, text)
        await desktop.shows(pilot, f" {number}  {text}")
    desktop.limits.spend(Scope.DAY, "5.02")
    gate.set()
    await desktop.shows(pilot, "Queue held: daily limit reached", "■ queue held", "/limit day AMOUNT")
    # The card says it: a notification would cover the queue.
    assert "Daily limit reached" not in desktop.notices()


@pytest.mark.parametrize("how", ["dialog", "command", "send"])
async def test_a_raised_limit_leaves_the_queue_held_until_enter_sends_it(how: str) -> None:
    desktop, gate = queueing()
    desktop.api.starts.append(says("Three", message_id="c"))
    async with desktop.running() as pilot:
        await hold(desktop, pilot, gate)
        assert " 1  second" in desktop.text()
        assert len(desktop.api.posts) == 1
        await desktop.until(pilot, lambda: desktop.work.scheduler.asleep)
        if how == "command":
            await desktop.send(pilot, "/limit day 9")
        else:
            if how == "send":
                desktop.work.prompt.put("third")
                await desktop.shows(pilot, "Enter to raise the limit, then send this")
            await pilot.press("enter")
            await desktop.shows(pilot, "New limit (above $5.02")
            await pilot.press(*"9", "enter")
        await desktop.shows(pilot, "Enter to send 1 queued message (")
        await desktop.until(pilot, lambda: not desktop.work.controller.running)
        await desktop.settle(pilot)
        assert len(desktop.api.posts) == (2 if how == "send" else 1)
        await pilot.press("enter")
        await desktop.until(pilot, lambda: not desktop.session.busy and not desktop.queued)
        await desktop.until(pilot, lambda: "Queue held" not in desktop.text())
    wanted = ["first", "third", "second"] if how == "send" else ["first", "second"]
    assert [request.prompt for request in desktop.api.posts] == wanted


async def test_a_held_message_is_dropped_and_the_card_goes() -> None:
    desktop, gate = queueing()
    async with desktop.running() as pilot:
        await hold(desktop, pilot, gate)
        await pilot.press("up", "x")
        await desktop.until(pilot, lambda: "Queue held" not in desktop.text())
    assert len(desktop.api.posts) == 1


@pytest.mark.parametrize("fall", [False, True])
async def test_a_limit_raised_by_another_program_is_reported_and_the_queue_waits_for_enter(
    *, fall: bool
) -> None:
    desktop, gate = queueing()
    desktop.api.starts.append(says("Three", message_id="c"))
    async with desktop.running() as pilot:
        await hold(desktop, pilot, gate, "second", "third")
        if fall:
            # As after midnight: the new day has no spending.
            desktop.limits.spend(Scope.DAY, "0")
        else:
            desktop.limits.limit(Scope.DAY, "50", origin=LimitOrigin.TYPED)
        desktop.ledger.write(charge("other", "0.1"))
        await desktop.shows(
            pilot, "the limit no longer stops it", "Enter to send 2 queued messages (about $0.20)"
        )
        await desktop.settle(pilot)
        looks = desktop.ledger.looks
        await desktop.until(pilot, lambda: desktop.ledger.looks > looks)
        assert len(desktop.api.posts) == 1
        await press(desktop, pilot, "\r")
        await desktop.until(pilot, lambda: len(desktop.api.posts) == 3)
    assert [request.prompt for request in desktop.api.posts] == ["first", "second", "third"]


async def test_at_midnight_a_limit_of_the_day_holds_nothing_though_nothing_was_written() -> None:
    desktop, gate = queueing()
    async with desktop.running() as pilot:
        await hold(desktop, pilot, gate)
        await desktop.shows(pilot, "daily limit reached", "Enter to raise the limit")
        desktop.limits.spend(Scope.DAY, "0")
        desktop.limits.now_ms += DAY_MS
        await desktop.shows(pilot, "the limit no longer stops it", "Enter to send 1 queued message")
        assert "daily limit reached" not in desktop.text()
    assert len(desktop.api.posts) == 1


@pytest.mark.parametrize("text", ["", "third"])
async def test_an_amount_does_not_replace_what_another_program_set_under_the_question(text: str) -> None:
    desktop, gate = queueing()
    async with desktop.running() as pilot:
        await hold(desktop, pilot, gate)
        desktop.work.prompt.put(text)
        await desktop.shows(pilot, "Enter to raise the limit")
        await pilot.press("enter")
        await desktop.shows(pilot, "New limit (above $5.02")
        desktop.limits.limit(Scope.DAY, "50", origin=LimitOrigin.TYPED)
        desktop.ledger.write(charge("other", "0.1"))
        await desktop.shows(pilot, "This limit was changed while the question was open.")
        await press(desktop, pilot, "9\r\r")
        await desktop.until(pilot, lambda: desktop.app.screen is desktop.work)
        assert Decimal(9) not in [limit.amount for limit in desktop.limits.kept]
        assert len(desktop.api.posts) == 1


async def test_on_a_low_screen_what_is_typed_is_in_sight() -> None:
    desktop = Desktop(api=answers("Hello"))
    desktop.limits.limit(Scope.DAY, "1")
    desktop.limits.spend(Scope.DAY, "1.50", missing=6)
    async with desktop.running(44, 16) as pilot:
        await desktop.send(pilot, "Hi")
        await desktop.until(pilot, lambda: isinstance(desktop.app.screen, RaiseLimit))
        await pilot.press("7", "7")
        await desktop.until(pilot, lambda: "│ 77" in desktop.text())


async def test_a_limit_is_that_of_the_session_for_which_the_page_was_opened() -> None:
    desktop = Desktop(api=answers("Hello"))
    async with desktop.running() as pilot:
        await desktop.send(pilot, "Hi")
        await desktop.shows(pilot, "✓ completed")
        first = desktop.session.session_id
        await desktop.send(pilot, "/limit")
        await desktop.shows(pilot, "No limits set")
        desktop.work.run_command("new")
        await desktop.until(pilot, lambda: desktop.session.session_id != first)
        await pilot.press(*"session 20", "enter")
        await desktop.until(pilot, lambda: desktop.limits.sets)
        assert desktop.limits.set_for == [first]


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (120, 40), (44, 16)])
async def test_the_page_of_limits_begins_with_its_first_line_however_many_there_are(
    size: tuple[int, int],
) -> None:
    desktop = Desktop(api=answers("Hello"))
    for scope in (Scope.TURN, Scope.SESSION, Scope.DAY, Scope.WEEK, Scope.MONTH):
        desktop.limits.limit(scope, "20")
        desktop.limits.spend(scope, "1.10")
    async with desktop.running(*size) as pilot:
        await desktop.send(pilot, "/limit")
        await desktop.shows(pilot, "● Turn ", "blocks new messages", "For example: day 5")
        for columns, rows in ((120, 40), (60, 20)):
            await pilot.resize_terminal(columns, rows)
            await desktop.settle(pilot)
        await desktop.shows(pilot, "● Turn ", "blocks new messages", "For example: day 5")
        await press(desktop, pilot, "daily 5\r")
        await desktop.shows(pilot, "● Turn ", "daily 5")
        assert not desktop.app.screen.query_one(".dialog").scroll_offset
