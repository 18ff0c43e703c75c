"""The help: the keys of the focus come first, typing filters, Esc goes back."""

from __future__ import annotations

from functools import partial
from typing import Final

from handinger_tui.ui.dialogs.help import HelpScreen
from tests.ui.fakes import Desktop
from tests.ui.screens.test_mentions import cited
from tests.ui.screens.test_queue import queue_up, running


def helping(desktop: Desktop) -> bool:
    return isinstance(desktop.app.screen, HelpScreen)


def headings(desktop: Desktop) -> list[str]:
    """The headings on the screen whose keys work now."""
    # A row may end with the thumb of the scroll bar.
    lines = [line.strip(" ▁▂▃▄▅▆▇█") for line in desktop.text_of("#help-text").split("\n")]
    return [line.removesuffix(" (now)") for line in lines if line.endswith(" (now)")]


PLACES: Final = (
    ((), ["Prompt", "Anywhere"]),
    (("ctrl+up",), ["Browse mode", "Anywhere"]),
    (("f3",), ["Sources panel", "Sources and files panels", "Panels", "Anywhere"]),
    # Without files no key of theirs works.
    (("f4",), ["Sources and files panels", "Panels", "Anywhere"]),
    (("f2",), ["Usage panel", "Panels", "Anywhere"]),
    (("ctrl+f",), ["Find bar", "Anywhere"]),
    (("f9",), ["Full-screen pages", "Spending", "Rows of spending"]),
    (("ctrl+t",), ["Full-screen pages", "Receipt"]),
)
"""Keys that lead to a place, and the groups of keys that work there."""


async def test_the_keys_that_work_now_come_first() -> None:
    desktop = cited()
    async with desktop.running(80, 80) as pilot:
        await desktop.send(pilot, "Hi")
        await desktop.shows(pilot, "✓ completed")
        for keys, places in PLACES:
            await pilot.press(*keys)
            await desktop.settle(pilot)
            place = desktop.app.screen
            await pilot.press("f1")
            await desktop.until(pilot, lambda: helping(desktop) and headings(desktop))
            assert headings(desktop) == places
            assert desktop.text_of("#help-text").split("\n")[0].strip() == f"{places[0]} (now)"
            await pilot.press("f1")
            await desktop.until(pilot, lambda: desktop.app.screen is place)  # noqa: B023 - awaited here
            if keys:
                await pilot.press("escape")
            await desktop.until(
                pilot, lambda: desktop.app.screen is desktop.work and desktop.work.prompt.has_focus
            )


async def test_the_keys_of_the_queue_come_first_while_it_has_the_focus() -> None:
    desktop, gate = running()
    async with desktop.running(80, 80) as pilot:
        await queue_up(desktop, pilot, "second")
        await pilot.press("up")
        await desktop.settle(pilot)
        await pilot.press("f1")
        await desktop.until(pilot, lambda: helping(desktop) and headings(desktop))
        assert headings(desktop) == ["Queued messages", "Anywhere"]
        gate.set()


DIALOGS: Final = (
    (("ctrl+s",), "Sessions", ["Session list", "Dialogs"]),
    (("ctrl+r",), "Prompt history", ["Prompt history", "Dialogs"]),
    (("ctrl+p",), "/attach", ["Command palette"]),
    (("/", *"limit", "enter"), "Limits", ["Dialogs"]),
    (("/", *"budget unlimited", "enter"), "unlimited", ["Dialogs"]),
)


async def test_lists_and_dialogs_show_their_own_keys_and_are_there_again_after_it() -> None:
    desktop = Desktop()
    async with desktop.running(80, 80) as pilot:
        for keys, shown, places in DIALOGS:
            await pilot.press(*keys)
            await desktop.until(pilot, lambda: desktop.app.screen is not desktop.work)
            dialog = desktop.app.screen
            await desktop.shows(pilot, shown)
            await pilot.press("f1")
            await desktop.until(pilot, lambda: helping(desktop) and headings(desktop))
            assert sorted(headings(desktop)) == sorted(places)
            await pilot.press("f1")
            await desktop.until(pilot, lambda: desktop.app.screen is dialog)  # noqa: B023 - awaited here
            await pilot.press("escape")
            await desktop.until(pilot, lambda: desktop.app.screen is desktop.work)
            await desktop.settle(pilot)


def is_filtered(desktop: Desktop, shown: str, hidden: str) -> bool:
    text = desktop.text_of("#help-text")
    return shown in text and hidden not in text


async def test_typing_filters_keys_and_commands() -> None:
    desktop = Desktop()
    async with desktop.running(60, 20) as pilot:
        await pilot.press("f1")
        await desktop.until(pilot, lambda: helping(desktop))
        for typed, shown, hidden in (
            ("^r", "Search prompt history", "Next budget level"),
            ("ctrl+r", "Search prompt history", "Next budget level"),
            ("YANK", "Paste what ^U, ^W or ^K cut", "Search prompt history"),
            ("/fork", "/fork", "Prompt (now)"),
            ("footnotes copy", "Copy all sources as footnotes", "/fork"),
            ("?", "Help (from an empty prompt)", "/fork"),
            ("qqq", "No key or command matches “qqq”.", "Prompt"),
        ):
            await pilot.press(*typed)
            await desktop.until(pilot, partial(is_filtered, desktop, shown, hidden))
            await pilot.press("escape")
            await desktop.shows(pilot, "Esc to close", "Prompt (now)")


async def test_escape_clears_the_search_and_then_closes() -> None:
    desktop = Desktop()
    async with desktop.running() as pilot:
        await pilot.press("a", "f1")
        await desktop.until(pilot, lambda: helping(desktop))
        await desktop.shows(pilot, "Esc to close")
        await pilot.press(*"fork")
        await desktop.shows(pilot, "Esc to clear the search", "/fork")
        await pilot.press("escape")
        await desktop.shows(pilot, "Esc to close", "Prompt (now)")
        await pilot.press("escape", "b")
        await desktop.until(pilot, lambda: desktop.app.screen is desktop.work)
        assert desktop.work.prompt.text == "ab"


async def test_arrows_and_pages_scroll_and_a_search_begins_at_the_top() -> None:
    desktop = Desktop()
    async with desktop.running(60, 20) as pilot:
        await pilot.press("f1")
        await desktop.until(pilot, lambda: helping(desktop))
        text = desktop.app.screen.query_one("#help-text")
        await desktop.until(pilot, lambda: text.max_scroll_y > 100)
        page = text.size.height - 1
        for key, at in (("down", 1), ("down", 2), ("up", 1), ("pagedown", 1 + page), ("pageup", 1)):
            await pilot.press(key)
            await desktop.settle(pilot)
            assert text.scroll_y == at
        await pilot.press("e")
        await desktop.until(pilot, lambda: text.scroll_y == 0)
