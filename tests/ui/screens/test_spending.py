"""The Spending page: overview, groupings, drill-down, periods, lazy pages, and its appearance."""

from __future__ import annotations

import time

import pytest
from msgspec.structs import replace

from handinger_tui.core.amounts import Unit
from handinger_tui.core.columns import Row
from handinger_tui.core.money.limits import Scope
from handinger_tui.core.money.report_rows import Line
from handinger_tui.core.money.spending import ChargeFilter, GroupBy
from handinger_tui.core.turns.turn import TurnStatus
from handinger_tui.ui.spending.selection import Period, SpendingView
from handinger_tui.ui.spending.table import MAX_PAGES, PAGE
from tests.ui.fake_money import NOW_MS, FakeLedger
from tests.ui.screens.spending_samples import DAY_MS, Counted, Endless, desktop_with, opened, some, turn

pytestmark = pytest.mark.usefixtures("greenwich")
TODAY_MS = 1_699_920_000_000
"""The midnight before `NOW_MS`, in Greenwich."""


async def test_it_opens_with_what_is_spent_and_left() -> None:
    desktop = desktop_with(FakeLedger(some()))
    desktop.limits.limit(Scope.DAY, "5")
    desktop.limits.spend(Scope.DAY, "4.5")
    desktop.limits.limit(Scope.MONTH, "20", Unit.CREDITS)
    desktop.limits.spend(Scope.MONTH, None, Unit.CREDITS)
    async with desktop.running(100, 30) as pilot:
        await opened(
            desktop, pilot, "$4.26 + 2 unknown", "7 turns", "2 failed or incomplete", "›Today", by=""
        )
        lines = [line.strip(" │›").split() for line in desktop.text().splitlines()]
        (today,) = (line for line in lines if line[:1] == ["Today"])
        (month,) = (line for line in lines if line[:2] == ["This", "month"])
        assert today[1:5] == ["$2.00", "$5.00", "$0.50", "1"], "spent, limit, left, turns"
        assert month[2:6] == ["$4.26", "2", "20", "credits"], "two turns unknown"
        assert "worker wrk_pumps" in desktop.text()
        assert "Forecast" in desktop.text()
        assert "+2" not in desktop.text()
        assert "$0.00" not in desktop.text()
        assert "simulated" not in desktop.text()
        await pilot.press("enter")
        await desktop.shows(pilot, "only day Today ×", "[s Session]", "About pumps", "$2.00")
        await pilot.press("v")
        await desktop.shows(pilot, "[v Overview]", "›Today")
        assert "only day" not in desktop.text()


async def test_days_are_listed_with_the_newest_first_and_unknown_turns_are_counted() -> None:
    desktop = desktop_with(FakeLedger(some()))
    async with desktop.running(100, 30) as pilot:
        await opened(desktop, pilot, "Tue Nov 14", "Unknown")
        text = desktop.text()
        row = next(line for line in text.splitlines() if "Sun Nov 12" in line)
        assert row.split()[4:7] == ["1", "—", "1"], "a day of which nothing is known"
        assert "— unknown" in text, "the sign is explained"
        assert text.index("Tue Nov 14") < text.index("Sun Nov 5"), "the newest first"


async def test_a_turn_shows_its_message_and_its_amount_so_far() -> None:
    running = turn(
        "t8", 0, "0.5", prompt="What does a heat pump cost?", final=False, status=TurnStatus.ACCEPTED
    )
    desktop = desktop_with(FakeLedger([*some(), running]))
    async with desktop.running(100, 30) as pilot:
        await opened(desktop, pilot, "What does a heat pump cost?", "$0.50…", "… so far", by="t")
        assert "About tea" in desktop.text(), "without its message a turn has the title of its session"


async def test_every_grouping_has_its_key_and_the_active_one_is_shown() -> None:
    desktop = desktop_with(FakeLedger(some()))
    async with desktop.running() as pilot:
        await opened(desktop, pilot, "[d Day]")
        await pilot.press("w")
        await desktop.shows(pilot, "[w Worker]", "by worker", "wrk_pumps", "wrk_heat", "wrk_tea")
        await pilot.press("s")
        await desktop.shows(pilot, "[s Session]", "About pumps", "About tea")
        await pilot.press("b")
        await desktop.shows(pilot, "[b Budget]", "standard", "high")
        await pilot.press("g")
        await desktop.shows(pilot, "[g Trigger]", "headless", "app")
        await pilot.press("t")
        await desktop.shows(pilot, "[t Turn]", "Nov 14 22:13", "unknown", "$0.0123")
        await pilot.press("d")
        await desktop.shows(pilot, "[d Day]", "Tue Nov 14")


async def test_a_row_is_narrowed_to_and_given_back_with_the_cursor_on_it() -> None:
    desktop = desktop_with(FakeLedger(some()))
    async with desktop.running() as pilot:
        screen = await opened(desktop, pilot)
        await pilot.press("w")
        await desktop.shows(pilot, "›wrk_pumps")
        await pilot.press("down")
        await desktop.shows(pilot, "›wrk_tea")
        await pilot.press("enter")
        await desktop.shows(pilot, "only worker wrk_tea ×", "[s Session]", "About tea", "$1.50 + 1 unknown")
        assert "About pumps" not in desktop.text()
        await pilot.press("enter")
        await desktop.shows(pilot, "only worker wrk_tea × · session About tea ×", "[t Turn]", "2 turns")
        await pilot.press("backspace")
        await desktop.until(pilot, lambda: "session About tea" not in desktop.text())
        await desktop.shows(pilot, "[s Session]", "only worker wrk_tea")
        await pilot.press("escape")
        await desktop.shows(pilot, "[w Worker]", "›wrk_tea", "7 turns")
        assert "only worker" not in desktop.text()
        await pilot.press("escape")
        await desktop.until(pilot, lambda: desktop.app.screen is not screen)


async def test_the_cursor_of_an_earlier_view_does_not_take_that_of_the_next() -> None:
    desktop = desktop_with(FakeLedger(some()))
    async with desktop.running() as pilot:
        table = (await opened(desktop, pilot)).table
        await pilot.press("w")
        await desktop.shows(pilot, "›wrk_pumps", "wrk_heat")
        columns, lines = table.rows.columns, [table.rows.line_at(at) for at in range(3)]
        table.show(columns, 3, cursor_key="wrk_heat")
        table.add_page(0, [line for line in lines if line is not None])
        table.show(columns, 3, cursor_key="wrk_tea")
        await pilot.pause()
        await desktop.shows(pilot, "›wrk_tea")


async def test_a_day_is_narrowed_to_its_own_hours() -> None:
    ledger = Counted(some())
    desktop = desktop_with(ledger)
    async with desktop.running() as pilot:
        await opened(desktop, pilot, "›Tue Nov 14")
        await pilot.press("down", "enter")
        await desktop.shows(pilot, "only day Mon Nov 13 ×", "$0.0123", "1 turn")
        charge_filter = [one for by, one in ledger.grouped if by is GroupBy.SESSION][-1]
        assert charge_filter.until_ms == TODAY_MS
        assert charge_filter.since_ms == TODAY_MS - DAY_MS


async def test_what_cannot_be_narrowed_to_is_not_offered_or_refused() -> None:
    desktop = desktop_with(FakeLedger([turn("t1", 1, "1", worker_id=None)]))
    async with desktop.running() as pilot:
        await opened(desktop, pilot, "Drill in")
        await pilot.press("g")
        await desktop.shows(pilot, "›app")
        await desktop.until(pilot, lambda: "Drill in" not in desktop.text())
        await pilot.press("w")
        await desktop.shows(pilot, "›no worker", "Drill in")
        await pilot.press("enter")
        await desktop.until(pilot, lambda: "Nothing to drill into here." in desktop.notices())
        assert "[w Worker]" in desktop.text()


async def test_periods_go_round_and_the_forecast_stays_that_of_the_month() -> None:
    desktop = desktop_with(FakeLedger(some()))
    async with desktop.running() as pilot:
        await opened(desktop, pilot, "all time", "by month end")
        await pilot.press("p")
        await desktop.shows(pilot, "this month", "7 turns")
        await pilot.press("p")
        await desktop.shows(pilot, "7 days", "5 turns", "by month end")
        await pilot.press("p")
        await desktop.shows(pilot, "today", "1 turn", "$2.00", "by month end")
        await pilot.press("p")
        await desktop.shows(pilot, "all time", "7 turns")


async def test_a_hundred_thousand_turns_open_with_one_call_and_come_page_by_page() -> None:
    ledger = Endless()
    desktop = desktop_with(ledger)
    async with desktop.running() as pilot:
        screen = await opened(desktop, pilot, "100,000 turns", "›Tue Nov 14")
        assert ledger.paged == []
        ledger.grouped.clear()
        await pilot.press("t")
        await desktop.shows(pilot, "Number 0", "Number 5")
        assert ledger.paged == [(PAGE, 0)]
        assert {by for by, _ in ledger.grouped} == {GroupBy.DAY}, "no groups of single turns"
        await pilot.press("end")
        await desktop.shows(pilot, "›", "Number 99999")
        assert ledger.paged[1:] == [(PAGE, 100_000 - PAGE)], "what lies between was never asked for"
        await pilot.press("up")
        assert screen.table.cursor == 99_998
        for row in range(0, PAGE * (MAX_PAGES + 5), PAGE):
            screen.table.move_to(row)
            await desktop.shows(pilot, f"Number {row}")
        screen.table.move_to(0)
        await desktop.shows(pilot, "Number 0")
        assert ledger.paged.count((PAGE, 0)) == 2


async def test_a_ledger_that_became_shorter_moves_the_cursor_to_its_end() -> None:
    ledger = Counted(some())
    desktop = desktop_with(ledger)
    async with desktop.running() as pilot:
        screen = await opened(desktop, pilot, "7 turns")
        screen.table.show(screen.table.rows.columns, 9)
        screen.table.add_page(0, [])
        assert screen.table.rows.count == 0
        assert screen.table.current is None


def test_days_and_months_begin_where_the_person_is(monkeypatch: pytest.MonkeyPatch) -> None:
    today = SpendingView(period=Period.TODAY)
    assert today.selection(NOW_MS).which == ChargeFilter(since_ms=TODAY_MS, simulated=False)
    assert replace(today, period=Period.MONTH).selection(NOW_MS).which.since_ms == TODAY_MS - 13 * DAY_MS
    assert replace(today, period=Period.WEEK).selection(NOW_MS).which.since_ms == TODAY_MS - 6 * DAY_MS
    assert replace(today, period=Period.ALL).selection(NOW_MS).which.since_ms is None
    monkeypatch.setenv("TZ", "EAST-2")
    time.tzset()
    assert today.selection(NOW_MS).which.since_ms == TODAY_MS + 22 * 3_600_000, "there it is the 15th already"


def row(key: str, by: GroupBy) -> Line:
    return Line(Row(()), key, key, by)


def test_a_narrowing_replaces_one_of_its_kind_and_a_day_stays_within_the_period() -> None:
    view = SpendingView(GroupBy.WORKER).narrow(row("w1", GroupBy.WORKER))
    assert view is not None
    again = replace(view, by=GroupBy.WORKER).narrow(row("w2", GroupBy.WORKER))
    assert again is not None
    assert [one.key for one in again.narrowed] == ["w2"]
    day = replace(again, by=GroupBy.DAY, period=Period.TODAY).narrow(row("2023-11-13", GroupBy.DAY))
    assert day is not None
    which = day.selection(NOW_MS).which
    assert (which.worker_id, which.since_ms, which.until_ms) == ("w2", TODAY_MS, TODAY_MS)
    assert day.widen().widen().widen() == replace(SpendingView(GroupBy.WORKER), period=Period.TODAY)
