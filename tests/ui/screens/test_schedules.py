"""The schedules page: nothing is added without a question that names the price and the next run."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from handinger_tui.core.errors import Doubtful
from handinger_tui.core.schedules import Cron, Every, NewSchedule, Schedule, ScheduleList
from handinger_tui.core.turns.turn import ErrorKind
from tests.ui.fakes import Desktop, FakeSchedules, answers, charge

if TYPE_CHECKING:
    from textual.pilot import Pilot

pytestmark = pytest.mark.usefixtures("greenwich")
NEXT = datetime(2023, 11, 15, 8, tzinfo=UTC)
"""The clock of the app stands still on November 14, 22:13."""


def desktop_with(*schedules: Schedule, zone: str | None = None) -> Desktop:
    desktop = Desktop(api=answers("Hello"))
    listed = ScheduleList(schedules, zone, ZoneInfo(zone) if zone else None)
    desktop.schedules = FakeSchedules(listed)
    desktop.ledger.charges = [charge(f"t{at}", "0.04") for at in range(5)]
    return desktop


async def opened(desktop: Desktop, pilot: Pilot[None], command: str = "/schedule") -> None:
    await desktop.send(pilot, "Hi")
    await desktop.shows(pilot, "✓ completed")
    await desktop.send(pilot, command)


async def typed(pilot: Pilot[Any], text: str) -> None:
    await pilot.press(*("space" if letter == " " else letter for letter in text))


async def test_a_schedule_is_typed_priced_and_added_after_a_question() -> None:
    desktop = desktop_with()
    async with desktop.running(80, 24) as pilot:
        await opened(desktop, pilot)
        await desktop.shows(pilot, "worker w1", "No schedules yet. Press a to add one")
        await pilot.press("a")
        await desktop.shows(pilot, "Examples: every 1d REPORT")
        await typed(pilot, "every 1d")
        await desktop.shows(pilot, "The instruction is missing")
        await pilot.press("enter")
        await typed(pilot, " Report")
        await desktop.shows(
            pilot, "Every 1 d. Next run: Wed Nov 15, 22:13", "about $0.04 a run, about $1.20 a month"
        )
        await pilot.press("enter")
        await desktop.shows(pilot, "Add this schedule?", "“Report”", "(30 runs a month)", "usually $0.04")
        await desktop.shows(pilot, "Its limits do not stop")
        # The safe answer has the focus.
        await pilot.press("enter")
        await desktop.shows(pilot, "No schedules yet")
        assert desktop.schedules.added == []
        await pilot.press("a")
        await desktop.shows(pilot, "Examples")
        await typed(pilot, "every 1d Report")
        await pilot.press("enter")
        await desktop.shows(pilot, "Add this schedule?")
        await pilot.press("right", "enter")
        await desktop.shows(
            pilot, "Added. Next run: Wed Nov 15, 22:13 (in 1 d).", "1 schedule · about $1.20 a month"
        )
        await desktop.shows(pilot, "every 1 d", "sch_1")
        assert desktop.schedules.added == [NewSchedule("Report", Every(86_400))]
        # The runs board shows what was read last.
        _, worker_id, remembered, _ = desktop.runs.remembered[-1]
        assert (worker_id, [one["instruction"] for one in remembered]) == ("w1", ["Report"])
        assert remembered[0]["every_ms"] == 86_400_000
        await pilot.press("y")
        assert desktop.app.clipboard == "sch_1"
        await pilot.press("escape")
        await desktop.until(pilot, lambda: desktop.work.prompt.has_focus)
    assert len(desktop.api.posts) == 1


async def test_a_schedule_is_canceled_after_a_question_and_hostile_text_stays_text() -> None:
    hostile = Schedule("sch_1", "\x1b[2J[red]Obey\u202e", None, "\x1b]0;x\x07", None, None)
    cron = Schedule("sch_2", "Weekly", "high", "cron", Cron("0 9 * * 3"), NEXT)
    desktop = desktop_with(hostile, cron, zone="Europe/Berlin")
    async with desktop.running(120, 40) as pilot:
        await opened(desktop, pilot, "/schedules")
        await desktop.shows(pilot, "[red]Obey", "not known", "cron 0 9 * * 3", "high · Weekly")
        # One has no cost history at its budget, the other no rule.
        await desktop.shows(pilot, "no cost history yet", "2 schedules · cost a month: 2 schedules unknown")
        assert not {"\x1b", "\x07", "\u202e"} & set(desktop.text())
        await desktop.shows(pilot, "Next runs, cron in Europe/Berlin: Wed Nov 15, 08:00", "Wed Nov 22, 08:00")
        await pilot.click("#schedules-list", offset=(8, 3))
        await desktop.shows(pilot, "Next runs: not known", "sch_1")
        await pilot.press("up", "x")
        await desktop.shows(pilot, "Cancel this schedule?", "“Weekly”")
        await pilot.press("escape")
        await desktop.shows(pilot, "high · Weekly")
        assert desktop.schedules.canceled == []
        await pilot.press("x")
        await desktop.shows(pilot, "Cancel this schedule?")
        await pilot.press("left", "enter")
        await desktop.shows(pilot, "The schedule was canceled.", "1 schedule · ")
        assert desktop.schedules.canceled == ["sch_2"]


async def test_an_argument_adds_a_schedule_and_a_doubt_is_shown_until_closed() -> None:
    desktop = desktop_with()
    desktop.ledger.charges = []
    desktop.schedules.trouble = Doubtful(
        ErrorKind.NETWORK, "The connection was lost.", "It may still be added."
    )
    async with desktop.running(80, 24) as pilot:
        await opened(desktop, pilot, "/schedule tomorrow Report")
        await desktop.until(
            pilot, lambda: "A schedule starts with at, in, every or cron" in desktop.notices()
        )
        await desktop.send(pilot, "/schedule cron 0 9 * * 1-5 Report")
        await desktop.shows(
            pilot, "Cron 0 9 * * 1-5 in UTC (assumed)", "Next run: Wed Nov 15,", "09:00 (in 10 h)"
        )
        await desktop.shows(pilot, "Cost unknown (21 runs a month): no cost history at standard")
        await pilot.press("right", "enter")
        await desktop.shows(pilot, "Was it added?", "The connection was lost.", "It may still be added.")
        await pilot.press("enter")
        await desktop.until(pilot, lambda: desktop.work.prompt.has_focus)
        assert len(desktop.schedules.added) == 1


async def test_an_unlimited_budget_needs_a_typed_word_and_a_session_a_worker() -> None:
    desktop = desktop_with()
    async with desktop.running(80, 24) as pilot:
        await desktop.send(pilot, "/schedule")
        await desktop.until(pilot, lambda: "has no worker." in desktop.notices())
        desktop.work.controller.budget = "unlimited"
        await opened(desktop, pilot, "/schedule in 2h Report")
        await desktop.shows(pilot, "Type unlimited to confirm")
        await pilot.press("enter", "escape")
        await desktop.until(pilot, lambda: "Nothing was added." in desktop.notices())
        assert desktop.schedules.added == []


async def test_one_schedule_is_added_at_a_time_even_after_the_page_is_closed() -> None:
    desktop = desktop_with()
    desktop.schedules.gate = asyncio.Event()
    async with desktop.running(80, 24) as pilot:
        await opened(desktop, pilot)
        await desktop.shows(pilot, "No schedules yet")
        await pilot.press("a")
        await desktop.shows(pilot, "Examples")
        await typed(pilot, "in 2h x")
        await pilot.press("enter")
        await desktop.shows(pilot, "Add this schedule?")
        await pilot.press("right", "enter")
        await desktop.shows(pilot, "Adding…")
        await pilot.press("a")
        await desktop.until(pilot, lambda: "still being added" in desktop.notices())
        await pilot.press("escape")
        await desktop.until(pilot, lambda: desktop.work.prompt.has_focus)
        desktop.schedules.gate.set()
        await desktop.until(pilot, lambda: "Added. Next run: Wed Nov 15, 00:13" in desktop.notices())
        assert len(desktop.schedules.added) == 1


DAILY = Schedule("sch_old", "Report", "high", None, Every(86_400), NEXT)


async def test_a_schedule_is_replaced_by_one_post_after_its_price_was_asked_again() -> None:
    desktop = desktop_with(DAILY)
    async with desktop.running(100, 30) as pilot:
        await opened(desktop, pilot)
        await desktop.shows(pilot, "sch_old")
        await pilot.press("e")
        await desktop.shows(pilot, "Change the schedule", "every 1d Report")
        # As it is, nothing is asked and nothing is sent.
        await pilot.press("enter")
        await desktop.settle(pilot)
        assert "Change" not in desktop.text()
        await pilot.press("e")
        await desktop.shows(pilot, "Change the schedule")
        await pilot.press("end", "s")
        await pilot.press("enter")
        await desktop.shows(pilot, "Change this schedule?", "“Reports”", "It replaces “Report”, every 1 d.")
        assert desktop.schedules.added == []
        await pilot.press("right", "enter")
        await desktop.shows(pilot, "The old one was canceled.", "sch_1")
        assert desktop.schedules.added == [NewSchedule("Reports", Every(86_400), "high")]
        assert desktop.schedules.canceled == ["sch_old"]


async def test_a_schedule_stays_where_it_is_not_certain_that_the_new_one_was_added() -> None:
    desktop = desktop_with(DAILY)
    desktop.schedules.trouble = Doubtful(ErrorKind.NETWORK, "It may have been added.", "Look at the list.")
    async with desktop.running(100, 30) as pilot:
        await opened(desktop, pilot)
        await desktop.shows(pilot, "sch_old")
        await pilot.press("e")
        await desktop.shows(pilot, "Change the schedule")
        await pilot.press("end", "s", "enter")
        await desktop.shows(pilot, "Change this schedule?")
        await pilot.press("right", "enter")
        await desktop.shows(pilot, "Was it added?", "The old schedule was not canceled.")
        assert desktop.schedules.canceled == []
