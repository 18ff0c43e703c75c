"""The Spending page with hostile, empty or broken data, in narrow terminals, and by mouse."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest
from msgspec.structs import replace
from textual.widget import Widget

from handinger_tui.core.amounts import Total
from handinger_tui.core.columns import text_lines
from handinger_tui.core.errors import LedgerError
from handinger_tui.core.figures import Usage
from handinger_tui.core.money.report import Report, Selection
from handinger_tui.core.money.report_rows import group_columns, group_line
from handinger_tui.core.money.spending import Bucket, ChargeFilter, GroupBy, Rise
from handinger_tui.ui.spending.head import HeadData, foot_lines, head_lines
from handinger_tui.ui.spending.selection import SpendingView
from tests.ui.fake_money import NOW_MS, FakeLedger, charge
from tests.ui.fakes import LOCAL, Desktop, answers
from tests.ui.screens.spending_samples import Endless, desktop_with, opened, some, turn

pytestmark = pytest.mark.usefixtures("greenwich")


async def test_hostile_names_are_shown_as_text() -> None:
    evil = "[b]bold[/] [/] \x1b]0;title\x07\u202eevil\nnext"
    ledger = FakeLedger([turn("t1", 0, "1", title=evil, worker_id="[@click=app.quit]w\x1b[2J", budget="[/]")])
    desktop = desktop_with(ledger)
    async with desktop.running() as pilot:
        await opened(desktop, pilot)
        await pilot.press("s")
        await desktop.shows(pilot, "[b]bold[/] [/] ]0;titleevil")
        await pilot.press("enter")
        await desktop.shows(pilot, "only session [b]bold[/] [/] ]0;titleevil next ×")
        await pilot.press("w")
        await desktop.shows(pilot, "[@click=app.quit]w[2J")
        await pilot.press("b")
        await desktop.shows(pilot, "›[/]")
        assert "\x1b" not in desktop.text()
        assert "\u202e" not in desktop.text()


class Unmounted(Widget):
    """Sets an event once the widgets of its screen are removed."""

    def __init__(self, event: asyncio.Event) -> None:
        super().__init__()
        self._event = event

    def on_unmount(self) -> None:
        self._event.set()


class LateLedger(FakeLedger):
    """Answers after an event, if there is one."""

    event: asyncio.Event | None = None

    async def buckets(self, by: GroupBy, which: ChargeFilter) -> list[Bucket]:
        if self.event is not None:
            await self.event.wait()
        return await super().buckets(by, which)


async def test_an_answer_that_comes_while_the_ledger_closes_is_dropped() -> None:
    ledger = LateLedger(some())
    desktop = desktop_with(ledger)
    async with desktop.running() as pilot:
        await opened(desktop, pilot)
        ledger.event = asyncio.Event()
        await desktop.app.screen.mount(Unmounted(ledger.event))
        await pilot.press("s", "escape")
        await desktop.until(pilot, lambda: desktop.app.screen is desktop.work)
        await pilot.press("a")
        await desktop.until(pilot, lambda: desktop.work.prompt.text == "a")


async def test_an_empty_ledger_explains_itself() -> None:
    desktop = Desktop()
    async with desktop.running() as pilot:
        await opened(desktop, pilot, "Nothing spent yet", "$0.00   0 turns", by="")
        await pilot.press("t")
        await desktop.shows(pilot, "[t Turn]", "Nothing spent yet")
        await pilot.press("p", "enter", "o", "down", "end", "c", "backspace")
        await desktop.shows(pilot, "this month", "Nothing was spent here")


def test_credits_so_far_say_so_where_no_dollars_do() -> None:
    running = Total(Decimal(8), 1, open_turns=1)
    in_credits = Bucket("", 1, usd=Total(None, 1), credits=running)
    head = head_lines(HeadData(SpendingView(), in_credits), 80, short=True)
    assert head[1].plain == "8 credits so far   1 turn"
    both = Bucket("", 1, usd=Total(Decimal("0.08"), 1, open_turns=1), credits=running)
    head = head_lines(HeadData(SpendingView(), both), 80, short=True)
    assert head[1].plain == "$0.08 so far   8 credits · 1 turn"


def test_no_word_of_the_totals_is_cut_on_a_low_screen() -> None:
    """Without the rest of "failed or incomplete" all ten would have failed."""
    spent = Bucket(
        "", 223, 10, usd=Total(Decimal("7.57"), 14), credits=Total(Decimal("133.12"), doubtful=True)
    )
    head = [line.plain for line in head_lines(HeadData(SpendingView(), spent), 56, short=True)]
    assert head[1:3] == ["$7.57 + 14 unknown", "223 turns · 10 failed or incomplete"]


async def test_signs_of_columns_without_room_are_not_explained() -> None:
    spent = [replace(charge("t1", "0.01", at_ms=NOW_MS), usage=Usage(cost_usd=Decimal("0.01")))]
    desktop = desktop_with(FakeLedger(spent))
    async with desktop.running(100, 30) as pilot:
        await opened(desktop, pilot, "Credits", "— unknown")
        await pilot.resize_terminal(36, 30)
        await desktop.until(pilot, lambda: "Credits" not in desktop.text())
        await desktop.until(pilot, lambda: "— unknown" not in desktop.text())


async def test_a_service_with_tasks_and_credits_has_their_words_and_gaps() -> None:
    spent = [
        charge("t1", None, at_ms=NOW_MS, worker_id="tsk_1", credits=Decimal(8), final=True),
        charge("t2", None, at_ms=NOW_MS, worker_id="tsk_1"),
        charge("t3", None, at_ms=NOW_MS, worker_id=None),
    ]
    desktop = desktop_with(FakeLedger(spent), generation="tasks")
    async with desktop.running(100, 30) as pilot:
        await opened(desktop, pilot, "[v Overview]", "w Task", "task tsk_1", "no task", by="")
        await pilot.press("w")
        await desktop.shows(pilot, "[w Task]", "by task", "›tsk_1", "no task")
        lines = [line.strip("│› ").split() for line in desktop.text().splitlines()]
        head, row = (next(one for one in lines if one[:1] == [word]) for word in ("Task", "tsk_1"))
        assert head[1:4] == ["Turns", "Unknown", "Credits"]
        assert row[1:4] == ["2", "1", "8"]
        assert "orker" not in desktop.text()
        await pilot.press("enter")
        await desktop.shows(pilot, "only task tsk_1")
        await pilot.press("t")
        await desktop.shows(pilot, "by turn", "Credits")
        assert "Cost " not in next(line for line in desktop.text().splitlines() if "Message" in line)


def test_below_a_low_table_each_remark_has_one_line() -> None:
    rise = Rise("wrk_4xk29fjq8dm4", 0, Usage(cost_usd=Decimal("0.0063")), number=2)
    report = Report(Selection(), 0, suspense=(Bucket("wrk_4xk29fjq8dm4", rises=(rise,)),))
    long, short = (foot_lines(report, 56, short=short) for short in (False, True))
    assert len(long) > len(short) == 1
    assert short[0].plain.split() == ["Unassigned", "2:", "$0.0063,", "wrk_4xk29fjq8dm4"]


async def test_an_unreadable_ledger_is_reported_and_reloaded_by_key() -> None:
    ledger = FakeLedger(some(), fails=LedgerError("The history is [locked].", "Close the other program."))
    desktop = desktop_with(ledger)
    async with desktop.running() as pilot:
        await opened(
            desktop, pilot, "Cannot read the history", "The history is [locked].", "cost unknown", by=""
        )
        await pilot.press("t", "enter", "o")
        ledger.fails = None
        await pilot.press("r")
        await desktop.shows(pilot, "7 turns", "$0.0123")
        desktop.limits.fails = LedgerError("Limits are gone.")
        await pilot.press("r")
        await desktop.shows(pilot, "Limits are gone.")


async def test_an_unreadable_page_is_reported() -> None:
    ledger = Endless()
    desktop = desktop_with(ledger)
    async with desktop.running() as pilot:
        await opened(desktop, pilot, "100,000 turns")
        ledger.page_fails = LedgerError("The disk went away.")
        await pilot.press("t")
        await desktop.shows(pilot, "The disk went away.")


async def test_simulated_money_is_shown_only_without_real_money_and_marked() -> None:
    desktop = desktop_with(FakeLedger(some()), badge=LOCAL)
    async with desktop.running() as pilot:
        await opened(desktop, pilot, "simulated: not real money", "$4.26 + 2 unknown")
        await pilot.press("m")
        await desktop.until(pilot, lambda: "simulated" not in desktop.text())
        await desktop.shows(pilot, "0 turns")
        await pilot.press("m")
        await desktop.shows(pilot, "simulated", "7 turns")
    real = desktop_with(FakeLedger(some()), badge=LOCAL)
    real.ledger.simulated = False
    async with real.running() as pilot:
        await opened(real, pilot, "$4.26 + 2 unknown")
        assert "simulated" not in real.text()


async def test_the_session_of_a_row_is_opened() -> None:
    desktop = Desktop(api=answers("First", "Second"))
    async with desktop.running() as pilot:
        await desktop.send(pilot, "One")
        await desktop.until(pilot, lambda: desktop.session.turns and not desktop.session.busy)
        first = desktop.session.session_id
        await pilot.press("ctrl+n")
        await desktop.until(pilot, lambda: desktop.session.session_id != first)
        desktop.ledger.charges = [turn("t1", 0, "1", session_id=first)]
        await opened(desktop, pilot, "›Tue Nov 14")
        assert "Open session" not in desktop.text(), "a day is no session"
        await pilot.press("t")
        await desktop.shows(pilot, "About heat", "Open session")
        await pilot.press("o")
        await desktop.until(pilot, lambda: desktop.session.session_id == first)
        await desktop.shows(pilot, "One", "First")


async def test_reload_keeps_the_cursor_on_its_row() -> None:
    ledger = FakeLedger(some())
    desktop = desktop_with(ledger)
    async with desktop.running() as pilot:
        screen = await opened(desktop, pilot, "7 turns")
        await pilot.press("s")
        await desktop.shows(pilot, "›About pumps")
        await pilot.press("down")
        await desktop.shows(pilot, "›About tea")
        ledger.charges.append(turn("t9", 0, "9", session="new"))
        screen.reload()
        await desktop.shows(pilot, "8 turns", "›About tea", " About new")


async def test_spending_of_another_program_appears_automatically() -> None:
    ledger = FakeLedger(some())
    desktop = desktop_with(ledger)
    async with desktop.running() as pilot:
        await opened(desktop, pilot, "7 turns")
        ledger.write(turn("t9", 0, "9", session="new"))
        await desktop.shows(pilot, "8 turns", "$13.26 + 2 unknown")


async def test_charts_are_next_to_the_table_if_they_fit_and_otherwise_opened_by_key() -> None:
    desktop = desktop_with(FakeLedger(some()))
    async with desktop.running(120, 40) as pilot:
        await opened(desktop, pilot, "Cost per day", "Where the cost went", "Cumulative", "Tue Nov 14")
        assert "c Charts" not in desktop.text()
        await pilot.resize_terminal(80, 24)
        await desktop.until(pilot, lambda: "Cost per day" not in desktop.text())
        await desktop.shows(pilot, "c Charts", "Tue Nov 14")
        await pilot.press("c")
        await desktop.shows(pilot, "Cost per day", "Where the cost went", "Cumulative", "+ part, ?")
        assert "Tue Nov 14" not in desktop.text()
        await pilot.press("escape")
        await desktop.shows(pilot, "›Tue Nov 14")
        await pilot.press("c")
        await desktop.shows(pilot, "Cost per day")
        await pilot.press("w")
        await desktop.shows(pilot, "›wrk_pumps")
        await pilot.resize_terminal(200, 60)
        await desktop.shows(pilot, "Cost per day", "›wrk_pumps", "Tokens", "Last")


async def test_clicks_do_what_keys_do() -> None:
    desktop = desktop_with(FakeLedger(some()))
    async with desktop.running() as pilot:
        await opened(desktop, pilot, "[d Day]  w Worker")
        row = next(at for at, line in enumerate(desktop.text().splitlines()) if "w Worker" in line)
        await pilot.click(offset=(desktop.text().splitlines()[row].index("w Worker"), row))
        await desktop.shows(pilot, "[w Worker]", "›wrk_pumps")
        await pilot.click("#spending-table", offset=(4, 3))
        await desktop.shows(pilot, "›wrk_tea")
        await pilot.click("#spending-table", offset=(4, 3))
        await desktop.shows(pilot, "only worker wrk_tea")
        row = next(at for at, line in enumerate(desktop.text().splitlines()) if "only worker" in line)
        await pilot.click(offset=(4, row))
        await desktop.until(pilot, lambda: "only worker" not in desktop.text())


@pytest.mark.parametrize("amount", ["1.5", None])
async def test_no_id_is_cut_for_a_bar_or_for_columns_that_say_less(amount: str | None) -> None:
    worker_id = "t_org_8f2k_w_01HZY2ZJQ8G7K42W2D7WF6V4G1"
    spent = [charge("t1", amount, at_ms=NOW_MS, worker_id=worker_id, credits=Decimal(8), final=True)]
    desktop = desktop_with(FakeLedger(spent))
    async with desktop.running(80, 24) as pilot:
        await opened(desktop, pilot, worker_id, by="")
        await pilot.press("w")
        await desktop.shows(pilot, f"›{worker_id}", "Credits")


def test_workers_whose_ids_begin_alike_stay_apart() -> None:
    groups = [Bucket(f"t_org_123_w_01HZY2ZJQ8G7K42W2D7WF6V4G{end}", 1, usd=Total(Decimal(1))) for end in "AB"]
    rows = [group_line(group, GroupBy.WORKER, 2026).row for group in groups]
    _, *lines = text_lines(group_columns(GroupBy.WORKER), rows, 70)
    assert lines[0] != lines[1]
    assert "WF6V4GA" in lines[0]


async def test_a_row_is_narrowed_to_as_it_stands_while_another_grouping_is_read() -> None:
    ledger = LateLedger(some())
    desktop = desktop_with(ledger)
    async with desktop.running() as pilot:
        await opened(desktop, pilot, "›Tue Nov 14")
        ledger.event = asyncio.Event()
        # By week: the rows of days stand until the weeks are read.
        await pilot.press("d", "enter")
        ledger.event.set()
        await desktop.shows(pilot, "only day Tue Nov 14")


async def test_on_a_low_screen_rows_come_before_the_forecast() -> None:
    desktop = desktop_with(FakeLedger(some()))
    async with desktop.running(80, 24) as pilot:
        await opened(desktop, pilot, "›Tue Nov 14", "Forecast")
        await pilot.resize_terminal(40, 12)
        await desktop.until(pilot, lambda: "Forecast" not in desktop.text())
        await desktop.shows(pilot, "›Tue Nov 14")
