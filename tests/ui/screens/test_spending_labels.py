"""The Spending page by project, tag, profile, week and month, over a real history."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal

import pytest
from textual.pilot import Pilot

from handinger_tui.core.amounts import Unit
from handinger_tui.core.money.limits import Limit, Scope
from handinger_tui.core.money.report import Report, Selection
from handinger_tui.core.money.spending import Bucket, ChargeFilter, GroupBy, TurnCharge
from handinger_tui.core.tags import PROJECT_KINDS, TagRules, rules_in
from handinger_tui.core.turns.session import Session
from handinger_tui.ledger.charges.limits import LimitRules
from handinger_tui.ledger.charges.reports import ChargeQueries
from handinger_tui.ledger.ledger import Ledger
from tests.ledger.samples import answered, play, session, turn_request
from tests.ui.fake_money import NOW_MS, FakeLedger
from tests.ui.fakes import Desktop
from tests.ui.screens.spending_samples import DAY_MS, desktop_with, opened

pytestmark = pytest.mark.usefixtures("greenwich")


@dataclass
class Stored(FakeLedger):
    """The charges of a history."""

    stored: ChargeQueries = field(kw_only=True)

    async def report(self, selection: Selection, session: Session | None = None) -> Report:
        return await self.stored.report(selection, session)

    async def buckets(self, by: GroupBy, which: ChargeFilter) -> list[Bucket]:
        return await self.stored.buckets(by, which)

    async def turn_charges(self, which: ChargeFilter, limit: int = 200, offset: int = 0) -> list[TurnCharge]:
        return await self.stored.turn_charges(which, limit, offset)


@asynccontextmanager
async def running(width: int) -> AsyncIterator[tuple[Desktop, Pilot[None]]]:
    ledger = Ledger(None)
    await ledger.start()
    try:
        ledger.run = ledger.run._replace(profile="work", folder="/acme")
        for at, usd in enumerate(("0.5", "null", "0.25")):
            into = session(f"ses_{at}", title=f"About tea {at}", base_url="https://worker.example")
            await play(
                ledger, into, turn_request(f"t{at}", created_ms=NOW_MS - 10 * at * DAY_MS), answered(usd)
            )
            ledger.run = ledger.run._replace(profile=None, folder=None)
        await ledger.history.tag("session", "ses_0", ["client-a", "q4"])
        await ledger.history.tag("session", "ses_1", ["client-a"])
        rules = TagRules(projects=rules_in({"acme": "folder:/acme"}, str, PROJECT_KINDS, "/"))
        ledger.apply(rules)
        each = Limit(Scope.PROJECT, Unit.USD, Decimal(2))
        ledger.limits.rules = LimitRules([each], now_ms=lambda: NOW_MS, tag_rules=rules)
        desktop = desktop_with(Stored(stored=ledger.charges))
        async with desktop.running(width, 24) as pilot:
            await opened(desktop, pilot, "$0.75 so far + 1 unknown", "[d Day]")
            yield desktop, pilot
    finally:
        await ledger.aclose()


@pytest.mark.parametrize("width", [60, 80])
async def test_rows_of_tags_overlap_and_the_total_does_not(width: int) -> None:
    async with running(width) as (desktop, pilot):
        await pilot.press("T")
        # The cursor is on the first row, not on the one without a name.
        await desktop.shows(pilot, "[T Tag]", "sessions count in each of their tags", "(no tag)", "›client-a")
        rows = desktop.text().splitlines()
        assert all(len(row) <= width for row in rows)
        (client,) = (row for row in rows if "client-a" in row)
        assert client.split()[2:5] == ["2", "$0.50…", "1"], "turns, cost so far, unknown"
        assert "… so far" in desktop.text(), "the mark is explained"
        assert "$0.75 so far + 1 unknown" in desktop.text(), "the total counts each turn once"
        await pilot.press("enter")
        await desktop.shows(pilot, "only tag client-a", "$0.50 so far + 1 unknown", "About tea 1")
        await pilot.press("backspace", "P")
        await desktop.shows(pilot, "[P Project]", "acme", "(no project)")
        await pilot.press("f")
        await desktop.shows(pilot, "[f Profile]", "work", "(unknown)")
        assert all(len(row) <= width for row in desktop.text().splitlines())


async def test_the_key_of_days_cycles_to_weeks_and_months() -> None:
    async with running(80) as (desktop, pilot):
        await pilot.press("d")
        await desktop.shows(pilot, "[d Week]", "Nov 13 – Nov 19", "Oct 23 – Oct 29")
        await pilot.press("d")
        await desktop.shows(pilot, "[d Month]", "November 2023", "October 2023")
        await pilot.press("down", "enter")
        await desktop.shows(pilot, "only month October 2023", "[d Day]", "$0.25", "Wed Oct 25")
        await pilot.press("enter")
        await desktop.shows(pilot, "only month October 2023", "day Wed Oct 25", "About tea 2")
        await pilot.press("backspace", "backspace")
        await desktop.shows(pilot, "[d Month]", "$0.75 so far + 1 unknown")
        await pilot.press("d")
        await desktop.shows(pilot, "[d Day]")


async def test_the_row_without_a_name_is_not_a_filter() -> None:
    async with running(80) as (desktop, pilot):
        await pilot.press("P")
        await desktop.shows(pilot, "[P Project]", "(no project)")
        await pilot.press("down", "enter")
        await desktop.shows(pilot, "Nothing to drill into here")


async def test_a_project_has_its_limit_in_the_overview() -> None:
    async with running(80) as (desktop, pilot):
        await pilot.press("v")
        await desktop.shows(pilot, "[v Overview]", "project acme")
        (row,) = (line.split() for line in desktop.text().splitlines() if "project acme" in line)
        assert row[3:6] == ["$0.50…", "$2.00", "$1.50"], "spent so far, limit, left"
