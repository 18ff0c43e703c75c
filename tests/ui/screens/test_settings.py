"""The settings page: what is in force is listed, and a change is written and said."""

from __future__ import annotations

from typing import Any

from handinger_tui.core.errors import SettingsError
from handinger_tui.ui.dialogs import TextQuestion
from handinger_tui.ui.ports import AppOptions
from tests.ui.fakes import Desktop, FakeSettings, NoFiles, shown_setting


def desktop_with(store: FakeSettings) -> Desktop:
    async def never() -> Any:
        raise AssertionError

    return Desktop(launch=AppOptions(never, NoFiles(), settings=store))


async def test_a_setting_is_changed_by_choice_or_by_typing_until_it_is_right() -> None:
    store = FakeSettings(
        [
            shown_setting("budget", choices=["low", "high"]),
            shown_setting("limits.idle_timeout", value=60, unit="seconds", variable="HANDINGER_IDLE_TIMEOUT"),
            shown_setting("local", is_editable=False),
        ]
    )
    desktop = desktop_with(store)
    async with desktop.running(100, 30) as pilot:
        await desktop.send(pilot, "/settings")
        await desktop.shows(pilot, "limits.idle_timeout", "60 seconds", "one of low, high")
        await pilot.press("enter")
        await desktop.shows(pilot, "What it means")
        await pilot.press("down", "enter")
        await desktop.shows(pilot, "budget is set. It takes effect at the next start.", "high")
        store.trouble = [SettingsError("'6x' is not a number.", "Fix it.")]
        await pilot.press("down", "enter")
        await desktop.until(pilot, lambda: isinstance(desktop.app.screen, TextQuestion))
        await pilot.press("x", "enter")
        await desktop.until(pilot, lambda: "'6x' is not a number" in desktop.notices())
        await desktop.until(pilot, lambda: isinstance(desktop.app.screen, TextQuestion))
        await pilot.press("6", "0", "enter")
        await desktop.shows(pilot, "limits.idle_timeout is set.")
        await pilot.press("x")
        await desktop.until(pilot, lambda: store.changes[-1] == ("limits.idle_timeout", None))
        await pilot.press("down", "enter", "x")
        await desktop.settle(pilot)
    assert store.changes == [("budget", "high"), ("limits.idle_timeout", "60"), ("limits.idle_timeout", None)]
