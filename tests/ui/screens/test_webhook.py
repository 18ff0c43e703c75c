"""The webhook page: the token stays hidden until requested,
and changes that break receivers need a confirmation.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from handinger_tui.core.safety import Secret
from handinger_tui.core.webhooks import Delivery, DeliveryPage, Webhook
from tests.ui.fakes import Desktop, FakeWebhooks, answers

if TYPE_CHECKING:
    from textual.pilot import Pilot

pytestmark = pytest.mark.usefixtures("greenwich")
HOOK = "https://receiver.example/hook"
TOKEN = "whk_0123456789f00d"
FAILED = Delivery(
    "whe_2",
    datetime(2023, 11, 14, 21, 5, tzinfo=UTC),
    False,
    500,
    812,
    "Status 500.",
    "tsk_1",
    "Prices",
    HOOK,
)
DONE = Delivery(
    "whe_1", datetime(2023, 11, 14, 20, 5, tzinfo=UTC), True, 204, 90, None, "tsk_0", "Old prices", HOOK
)


async def opened(desktop: Desktop, pilot: Pilot[None], command: str = "/webhook") -> None:
    await desktop.send(pilot, "Hi")
    await desktop.shows(pilot, "✓ completed")
    await desktop.send(pilot, command)


async def test_token_and_deliveries_page_by_page() -> None:
    desktop = Desktop(api=answers("Hello"))
    pages = [DeliveryPage((FAILED,), 1, 2, 51), DeliveryPage((DONE,), 2, 2, 51)]
    desktop.webhooks = FakeWebhooks(Webhook(HOOK, Secret(TOKEN)), pages)
    async with desktop.running(80, 24) as pilot:
        await opened(desktop, pilot)
        await desktop.shows(pilot, "worker w1", HOOK, "hidden, ends in f00d", "51 deliveries · page 1 of 2")
        await desktop.shows(
            pilot, "Tue Nov 14, 21:05  ✗ 500      812 ms  Prices", "Status 500.", "tsk_1 · whe_2"
        )
        assert TOKEN not in desktop.text()
        await pilot.press("t")
        await desktop.shows(pilot, TOKEN)
        await pilot.press("t")
        await desktop.shows(pilot, "hidden, ends in f00d")
        await pilot.press("c")
        assert desktop.app.clipboard == TOKEN
        assert TOKEN not in desktop.text()
        await pilot.press("right")
        await desktop.shows(pilot, "✓ 204", "Old prices", "page 2 of 2")
        await pilot.press("right", "left")
        await desktop.shows(pilot, "✗ 500", "page 1 of 2")
        await pilot.press("N")
        await desktop.shows(pilot, "Make a new token?", "Receivers that check the old token refuse")
        await pilot.press("enter")
        await desktop.shows(pilot, "hidden, ends in f00d")
        await pilot.press("N")
        await desktop.shows(pilot, "Make a new token?")
        await pilot.press("right", "enter")
        await desktop.shows(pilot, "The token was replaced.", "ends in beef")
        await pilot.press("x")
        await desktop.shows(pilot, "Remove the webhook?")
        await pilot.press("right", "enter")
        await desktop.shows(pilot, "The webhook was removed.")
        assert desktop.webhooks.changes == ["renew", "clear"]
        await pilot.press("escape")
        await desktop.until(pilot, lambda: desktop.work.prompt.has_focus)


async def test_an_address_is_set_checked_and_replaced_after_a_question() -> None:
    desktop = Desktop(api=answers("Hello"))
    desktop.webhooks = FakeWebhooks()
    async with desktop.running(80, 24) as pilot:
        await opened(desktop, pilot, "/webhook http://receiver.example")
        await desktop.until(pilot, lambda: "starts with https://. Nothing was sent." in desktop.notices())
        await desktop.send(pilot, "/webhook")
        await desktop.shows(pilot, "No webhook. Press s to set an address")
        await pilot.press("s")
        await desktop.shows(pilot, "Webhook address")
        await pilot.press(*HOOK.removeprefix("https://"), "enter")
        await desktop.until(pilot, lambda: "is not an address. Nothing was sent." in desktop.notices())
        await desktop.shows(pilot, "Webhook address", "receiver.example/hook")
        await pilot.press("home", *"https://", "enter")
        await desktop.shows(pilot, "The address was set.", HOOK, "ends in f00d")
        await pilot.press("s")
        await desktop.shows(pilot, "Webhook address")
        await pilot.press("end", "2", "enter")
        await desktop.shows(pilot, "Replace the webhook address?")
        await pilot.press("enter")
        await desktop.until(pilot, lambda: "Replace" not in desktop.text())
        assert desktop.webhooks.changes == [f"set {HOOK}"]


async def test_a_service_without_webhooks_is_reported() -> None:
    desktop = Desktop(api=answers("Hello"))
    async with desktop.running(80, 24) as pilot:
        await desktop.send(pilot, "/webhook")
        await desktop.until(pilot, lambda: "which has no webhooks" in desktop.notices())
