"""What every page with a list does: it sorts, filters, follows the mouse, and shows where its cursor is."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from handinger_tui.core.safety import Secret
from handinger_tui.core.schedules import ScheduleList
from handinger_tui.core.webhooks import Delivery, DeliveryPage, Webhook
from handinger_tui.ui.pages.list_page import ListPage
from handinger_tui.ui.widgets.column_list import ColumnList
from tests.ui.fakes import Desktop, FakeSchedules, FakeWebhooks, answers
from tests.ui.screens.test_runs import BOARD
from tests.ui.screens.test_schedules import DAILY
from tests.ui.screens.test_workers import USED, WATCH
from tests.ui.screens.test_workers import desktop_with as with_workers

if TYPE_CHECKING:
    from textual.pilot import Pilot

pytestmark = pytest.mark.usefixtures("greenwich")
TASKS = ("Pears", "apples", "Plums", "quinces")
DURATIONS = (90, 812, None, 1500)


def desktop_with_deliveries() -> Desktop:
    desktop = Desktop(api=answers("Hello"))
    listed = tuple(
        Delivery(f"whe_{at}", datetime(2023, 11, 14, 20 - at, tzinfo=UTC), at != 1, 200, ms, None, task, task)
        for at, (task, ms) in enumerate(zip(TASKS, DURATIONS, strict=True))
    )
    webhook = Webhook("https://receiver.example/hook", Secret("whk_0123456789f00d"))
    desktop.webhooks = FakeWebhooks(webhook, [DeliveryPage(listed, 1, 1, 4)])
    return desktop


async def opened(desktop: Desktop, pilot: Pilot[None]) -> ColumnList[Delivery]:
    await desktop.send(pilot, "Hi")
    await desktop.shows(pilot, "✓ completed")
    await desktop.send(pilot, "/webhook")
    await desktop.shows(pilot, "Pears", "quinces")
    table: ColumnList[Delivery] = desktop.app.screen.query_one(ColumnList)
    return table


def tasks_of(table: ColumnList[Delivery]) -> list[str | None]:
    return [one.task_title for one in table.rows.items]


async def test_a_key_or_a_click_on_a_head_sorts_and_the_cursor_stays_on_its_item() -> None:
    desktop = desktop_with_deliveries()
    async with desktop.running(100, 30) as pilot:
        table = await opened(desktop, pilot)
        await pilot.press("down")
        await desktop.shows(pilot, "whe_1")
        await pilot.press("o")
        await desktop.shows(pilot, "When             ▲")
        assert (tasks_of(table), table.cursor) == (["quinces", "Plums", "apples", "Pears"], 2)
        await pilot.press("O")
        await desktop.shows(pilot, "When             ▼")
        assert (tasks_of(table), table.cursor) == (["Pears", "apples", "Plums", "quinces"], 1)
        head = table.rows.head_line(table.size.width).plain
        await pilot.click(table, offset=(head.index("Duration"), 0))
        await desktop.shows(pilot, "Duration▲")
        # One without a value is last, in any order.
        assert tasks_of(table) == ["Pears", "apples", "quinces", "Plums"]
        await pilot.click(table, offset=(head.index("Duration"), 0))
        await desktop.shows(pilot, "Duration▼")
        assert tasks_of(table) == ["quinces", "apples", "Pears", "Plums"]
        await pilot.press("o", "o")
        await desktop.until(pilot, lambda: tasks_of(table) == list(TASKS))
        await desktop.shows(pilot, "whe_1")


async def test_a_filter_shows_what_has_all_its_words_and_escape_clears_it() -> None:
    desktop = desktop_with_deliveries()
    async with desktop.running(100, 30) as pilot:
        table = await opened(desktop, pilot)
        await pilot.press("slash")
        await desktop.shows(pilot, "Show only rows with")
        await pilot.press(*"14 PL", "enter")
        await desktop.shows(pilot, "Filter “14 PL” · 2 of 4 · Esc to clear", "apples", "Plums")
        assert tasks_of(table) == ["apples", "Plums"]
        await pilot.press("slash", *"x", "enter")
        await desktop.shows(pilot, "No row has “x”. Esc clears the filter.", "0 of 4")
        await pilot.press("escape")
        await desktop.until(pilot, lambda: tasks_of(table) == list(TASKS))
        await pilot.press("escape")
        await desktop.until(pilot, lambda: desktop.work.prompt.has_focus)


async def test_a_click_selects() -> None:
    desktop = desktop_with_deliveries()
    async with desktop.running(100, 30) as pilot:
        table = await opened(desktop, pilot)
        await pilot.click(table, offset=(3, 3))
        await desktop.shows(pilot, "whe_2")
        assert table.terminal_cursor == (table.content_region.x, table.content_region.y + 3)
        await pilot.press("end", "y")
        assert desktop.app.clipboard == "quinces"


@pytest.mark.parametrize("page", ["runs", "schedule", "webhook", "workers"])
async def test_a_small_screen_shows_rows(page: str) -> None:
    desktop = desktop_with_deliveries()
    desktop.schedules = FakeSchedules(ScheduleList((DAILY,), None, None))
    desktop.stored_workers = with_workers(WATCH, USED)[0].stored_workers
    desktop.runs.value = BOARD
    async with desktop.running() as pilot:
        await desktop.send(pilot, "Hi")
        await desktop.until(pilot, lambda: bool(desktop.session.turns) and not desktop.session.busy)
        for size in ((20, 6), (30, 8), (40, 10), (40, 12), (60, 20)):
            await pilot.resize_terminal(*size)
            await desktop.send(pilot, f"/{page}")
            await desktop.until(pilot, lambda: isinstance(desktop.app.screen, ListPage))
            await desktop.settle(pilot)
            table = desktop.app.screen.query_one(ColumnList)
            # The heads of the columns, and the selected row.
            assert table.content_size.height >= 2, desktop.text()
            x, y = table.terminal_cursor or (-1, -1)
            assert desktop.app.screen.get_widget_at(x, y)[0] is table, desktop.text()
            await pilot.press("escape")
            await desktop.until(pilot, lambda: desktop.app.screen is desktop.work)
