"""Reservations of running turns: they are shown, need consent before a send, and hold the queue."""

from __future__ import annotations

from decimal import Decimal

import pytest

from handinger_tui.core.amounts import Total, Unit
from handinger_tui.core.money.limits import Gauge, Limit, LimitReserved, LimitUnmeasured, Scope
from handinger_tui.core.turns.session import Session
from tests.engine.fakes import FakeApi, says, worker
from tests.ui.fake_money import FakeLimits
from tests.ui.fakes import Desktop, answers, charge
from tests.ui.screens.test_sending import held

DAY = Limit(Scope.DAY, Unit.USD, Decimal(2))
TWO_RUN = Gauge(DAY, Total(Decimal("0.9")), Decimal("0.5"), running=2)
UNMEASURED = Gauge(DAY, Total(Decimal("0.9")), running=1, unmeasured=1)


class SharedLimits(FakeLimits):
    """A day limit under which turns of other programs run."""

    async def gauges(self, session: Session) -> tuple[Gauge, ...]:
        return (TWO_RUN,)


async def test_the_chip_shows_the_free_amount() -> None:
    desktop = Desktop(api=answers("Hello"), limits=SharedLimits())
    async with desktop.running() as pilot:
        await desktop.send(pilot, "Hi")
        await desktop.shows(pilot, "✓ completed", "$0.60 of $2.00 left, 2 running ─╯")


async def test_a_narrow_chip_has_the_free_amount_rather_than_the_number_of_turns() -> None:
    desktop = Desktop(api=answers("Hello"), limits=SharedLimits())
    async with desktop.running(100, 20) as pilot:
        await desktop.send(pilot, "Hi")
        await desktop.shows(pilot, "✓ completed")
        desktop.ledger.write(charge("c", "0.0039", worker_id=desktop.session.worker_id))
        await desktop.shows(pilot, "standard · $0.0039 (1 turn) · $0.60 of $2.00 left, 2 running ─╯")
        await pilot.resize_terminal(60, 20)
        await desktop.shows(pilot, "standard · $0.0039 · $0.60 of $2.00 left, 2 running ─╯")


async def test_a_narrow_chip_shortens_what_is_left_rather_than_to_cut_it() -> None:
    desktop = Desktop()
    desktop.limits.limit(Scope.DAY, "2000", Unit.CREDITS)
    async with desktop.running(80, 20) as pilot:
        await desktop.shows(pilot, "standard · no cost history yet · 2,000 of 2,000 credits left ─╯")
        await pilot.resize_terminal(60, 20)
        await desktop.shows(pilot, "standard · no cost history yet · 2,000 credits left ─╯")


async def test_a_narrow_chip_says_what_cannot_be_enforced() -> None:
    class UnreportedLimits(FakeLimits):
        async def gauges(self, session: Session) -> tuple[Gauge, ...]:
            return (Gauge(DAY, Total(None), reported=False),)

    desktop = Desktop(limits=UnreportedLimits())
    async with desktop.running(80, 20) as pilot:
        await desktop.shows(pilot, "standard · no cost history yet · a limit of $2.00 cannot be enforced ─╯")
        await pilot.resize_terminal(60, 20)
        await desktop.shows(pilot, "standard · a limit of $2.00 cannot be enforced ─╯")


async def test_the_page_of_limits_shows_the_free_amounts() -> None:
    desktop = Desktop(limits=SharedLimits())
    async with desktop.running() as pilot:
        await desktop.send(pilot, "/limit")
        await desktop.shows(pilot, "$0.90 of $2.00 (45%)", "  $0.60 of $2.00 left, 2 running")


@pytest.mark.parametrize("agree", [True, False])
async def test_an_unmeasured_running_turn_needs_consent(*, agree: bool) -> None:
    desktop = Desktop(api=answers("Hello"))
    desktop.log.forbids = LimitUnmeasured(UNMEASURED)
    async with desktop.running() as pilot:
        await desktop.send(pilot, "Keep me")
        await desktop.shows(pilot, "Send anyway?", "1 running turn has no cost history", "Cancel")
        assert desktop.api.posts == []
        if agree:
            await pilot.press("tab", "enter")
            await desktop.shows(pilot, "✓ completed")
        else:
            await pilot.press("escape")
            await desktop.until(pilot, lambda: "Send anyway?" not in desktop.text())
            assert desktop.work.prompt.text == "Keep me"
    assert len(desktop.api.posts) == agree


async def test_too_little_that_is_free_is_a_limit_to_be_raised() -> None:
    desktop = Desktop(api=answers("Hello"))
    desktop.log.forbids = LimitReserved(TWO_RUN, Decimal(1))
    async with desktop.running() as pilot:
        await desktop.send(pilot, "Keep me")
        await desktop.shows(
            pilot, "Daily limit reserved", "$0.60 of $2.00 left, 2 running", "Nothing was sent."
        )
        await pilot.press("escape")
        await desktop.until(pilot, lambda: "Nothing was sent." not in desktop.text())
        assert desktop.work.prompt.text == "Keep me"
    assert desktop.api.posts == []


async def test_a_queue_that_waits_for_a_turn_without_history_asks_too() -> None:
    first, gate = held("One")
    desktop = Desktop(api=FakeApi(starts=[first, says("Two", message_id="b")], workers=[worker("x")]))
    async with desktop.running() as pilot:
        await desktop.send(pilot, "One")
        await desktop.send(pilot, "Two")
        await desktop.until(pilot, lambda: len(desktop.session.turns) == 2)
        desktop.log.forbids = LimitUnmeasured(UNMEASURED)
        gate.set()
        await desktop.shows(pilot, "Queue held: 1 running turn has no cost history", "1 queued message waits")
        await desktop.shows(pilot, "Enter to send 1 queued message anyway (asks first)")
        await pilot.press("enter")
        await desktop.shows(pilot, "Send anyway?")
        await pilot.press("tab", "enter")
        await desktop.until(pilot, lambda: len(desktop.api.posts) == 2)
