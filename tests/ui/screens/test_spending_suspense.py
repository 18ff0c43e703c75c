"""Unassigned cost and corrections on the Spending page: rows, sums, assigning and unassigning."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from handinger_tui.core.figures import Usage
from handinger_tui.core.money.reconciliation import Restatement
from handinger_tui.core.money.spending import Rise
from tests.ui.fake_money import NOW_MS, FakeLedger
from tests.ui.screens.spending_samples import desktop_with, opened, some

pytestmark = pytest.mark.usefixtures("greenwich")


def rise(number: int = 1, worker_id: str = "wrk_tea", usd: str = "0.5", strangers: int | None = 1) -> Rise:
    return Rise(
        worker_id, NOW_MS, Usage(cost_usd=Decimal(usd)), after="t4", strangers=strangers, number=number
    )


@pytest.mark.parametrize("by", ["d", "w", "s", "b", "g", "t"])
async def test_it_has_a_row_of_its_own_in_every_grouping(by: str) -> None:
    desktop = desktop_with(FakeLedger(some(), rises=[rise(), rise(2, "wrk_heat", "0.25")]))
    async with desktop.running(100, 40) as pilot:
        await opened(desktop, pilot, "$5.01 + 2 unknown", "7 turns")
        await pilot.press(by)
        words = ("Unassigned cost wrk_heat", "Unassigned cost wrk_tea", "$0.25", "1 more. Press a")
        await desktop.shows(pilot, *words)
        row = next(line for line in desktop.text().splitlines() if "Unassigned cost wrk_tea" in line)
        assert "$0.50" in row
        await desktop.shows(pilot, "1: $0.50, wrk_tea: 1 message from others")


async def test_it_is_narrowed_to_with_its_worker_and_belongs_to_no_session() -> None:
    desktop = desktop_with(FakeLedger(some(), rises=[rise()]))
    async with desktop.running(100, 40) as pilot:
        await opened(desktop, pilot, "Unassigned cost wrk_tea")
        await pilot.press("w", "down")
        await desktop.shows(pilot, "›wrk_tea")
        await pilot.press("enter")
        await desktop.shows(pilot, "only worker wrk_tea", "Unassigned cost wrk_tea", "$2.00")
        await pilot.press("enter")
        await desktop.shows(pilot, "session About tea")
        await desktop.until(pilot, lambda: "Unassigned" not in desktop.text())


async def test_enter_on_its_row_assigns_it_and_a_unassigns_it() -> None:
    ledger = FakeLedger(some(), rises=[rise()])
    desktop = desktop_with(ledger)
    async with desktop.running(100, 40) as pilot:
        await opened(desktop, pilot, "Unassigned cost wrk_tea")
        await pilot.press("end", "enter")
        await desktop.shows(pilot, "Which turn cost $0.50?", "About tea t4", "About tea t5")
        assert "t7" not in desktop.text(), "a turn of another worker"
        await pilot.press("down", "enter")
        await desktop.shows(pilot, "1 was assigned to t4. Press a to undo.")
        assert [(one.number, one.turn_id) for one in ledger.owners] == [(1, "t4")]
        await pilot.press("a")
        await desktop.shows(pilot, "1 was assigned to t4. Press a to undo.")
        await pilot.press("enter")
        await desktop.shows(pilot, "Unassigned cost wrk_tea")
        assert ledger.owners == []


async def test_a_key_asks_which_one_where_there_are_several() -> None:
    ledger = FakeLedger(some(), rises=[rise(), rise(2, "wrk_heat", "0.25", None)])
    desktop = desktop_with(ledger)
    async with desktop.running(100, 40) as pilot:
        await opened(desktop, pilot, "Unassigned cost wrk_tea")
        await pilot.press("a")
        await desktop.shows(pilot, "1: $0.50, wrk_tea", "2: $0.25, wrk_heat: perhaps messages")
        await pilot.press("escape")
        await desktop.until(pilot, lambda: "2: $0.25, wrk_heat: perhaps messages" not in desktop.text())
        assert ledger.owners == []


async def test_the_key_is_offered_only_where_there_is_suspense() -> None:
    desktop = desktop_with(FakeLedger(some()))
    async with desktop.running(120, 40) as pilot:
        await opened(desktop, pilot, "Tue Nov 14")
        assert "Assign" not in desktop.text()
        await pilot.press("a")
        await desktop.settle(pilot)
        assert "Which turn" not in desktop.text()


async def test_a_closed_amount_that_changed_is_named_below_the_table() -> None:
    amounts = (Decimal("0.1"), Decimal("0.3"), None, None)
    older = Restatement(7, "t1", "ses_1", "wrk_tea", NOW_MS, *amounts, new_basis=False)
    desktop = desktop_with(FakeLedger(some(), changed=[older, replace(older, number=9, turn_id="t2")]))
    async with desktop.running(100, 40) as pilot:
        await opened(desktop, pilot, "Corrected")
        await desktop.shows(
            pilot,
            "Corrected   9: t2 $0.10 → $0.30, the worker reported more later.",
            "1 more. See: handinger-tui costs",
        )
        await pilot.resize_terminal(80, 24)
        await desktop.shows(pilot, "Corrected   9: t2 $0.10 → $0.30")
        assert "1 more." not in desktop.text()
