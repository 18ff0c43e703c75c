"""Pages that have nothing to show: their footer names no key that would do nothing."""

from __future__ import annotations

import pytest

from handinger_tui.core.schedules import ScheduleList
from handinger_tui.core.webhooks import DeliveryPage, Webhook
from handinger_tui.engine.stored_workers import StoredWorkerCatalog
from handinger_tui.ui.widgets.frame import FooterLine
from tests.engine.fakes import PLACE, FakeIds
from tests.ui.fakes import Desktop, FakeSchedules, FakeWebhooks, answers
from tests.ui.screens.test_workers import FakeTemplates


@pytest.mark.parametrize(
    ("command", "shown", "keys"),
    [
        ("/schedule", "No schedules yet.", "Add Refresh Close"),
        ("/webhook", "No webhook.", "Set Close Refresh"),
        ("/workers", "No workers yet.", "New worker|Add by id|Close"),
        ("/receipt", "1 of 1", "Copy Markdown JSON Close"),
    ],
)
async def test_an_empty_page_offers_only_keys_that_do_something(command: str, shown: str, keys: str) -> None:
    desktop = Desktop(api=answers("Hello"))
    desktop.schedules = FakeSchedules(ScheduleList())
    desktop.webhooks = FakeWebhooks(Webhook(), [DeliveryPage()])
    templates = FakeTemplates()
    desktop.stored_workers = StoredWorkerCatalog(templates, templates, desktop.history, FakeIds(), PLACE)
    async with desktop.running(120, 40) as pilot:
        await desktop.send(pilot, "Hi")
        await desktop.shows(pilot, "✓ completed")
        await desktop.send(pilot, command)
        await desktop.shows(pilot, shown)
        await desktop.settle(pilot)
        line = desktop.app.screen.query_one(FooterLine)
        assert [key.label for key in line.keys] == keys.split("|" if "|" in keys else " ")
