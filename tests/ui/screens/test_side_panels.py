"""The panels: hidden while empty, next to a wide transcript, and tabs instead of a narrow one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from textual.pilot import Pilot

from handinger_tui.ui.widgets.frame import FooterLine
from tests.engine.fakes import FakeApi, Script, says, worker
from tests.ui.fakes import PRICED, Desktop, answers
from tests.ui.screens.test_mentions import PAGES, cited, cites, marked
from tests.ui.screens.test_sending import held
from tests.wire.recordings import DONE, sse

WIDE, NARROW = (120, 40), (80, 24)
EMPTY_USAGE = "Nothing spent yet."
NO_SOURCES, NO_FILES = "No sources yet.", "No files yet."
FILES = [{"url": "https://x.test/a.csv", "filename": "a.csv", "mediaType": "text/csv"}]


@asynccontextmanager
async def answered(width: int, height: int) -> AsyncIterator[tuple[Desktop, Pilot[None]]]:
    """A session with costs, three sources and a file.

    The worker lists no messages: an empty list would lack that of the turn, and so make the figures stale.
    """
    body = worker("", messages=None, files=FILES, **PRICED)
    desktop = Desktop(api=FakeApi(starts=[cites("First [1].", *PAGES)], workers=[body]))
    async with desktop.running(width, height) as pilot:
        await desktop.send(pilot, "What is a table?")
        await desktop.shows(pilot, "✓ completed")
        await desktop.settle(pilot)
        yield desktop, pilot


def column(desktop: Desktop) -> list[str]:
    """The names of the panels that are drawn."""
    sidebar = desktop.work.sidebar
    return [name for name, panel in sidebar.panels.items() if sidebar.display and panel.region.area]


# -- a wide screen ----------------------------------------------------------------------------------
async def test_the_first_screen_has_no_panels_and_the_first_message_brings_the_usage() -> None:
    script, gate = held("Half")
    desktop = Desktop(api=FakeApi(starts=[script], workers=[worker("", **PRICED)]))
    async with desktop.running(*WIDE) as pilot:
        await desktop.shows(pilot, "Three things to try")
        assert column(desktop) == []
        assert desktop.work.prompt.region.right > 110
        await desktop.send(pilot, "Hi")
        await desktop.shows(pilot, "Half", "Usage & cost F2")
        assert column(desktop) == ["usage"]
        await pilot.press(*"typed")
        assert desktop.work.prompt.text == "typed"
        gate.set()
        await desktop.shows(pilot, "✓ completed")
        assert NO_SOURCES not in desktop.text()
        assert NO_FILES not in desktop.text()


async def test_a_turn_that_brings_sources_moves_the_layout_once() -> None:
    gates = [asyncio.Event() for _ in range(4)]
    script: Script = [sse(type="start", messageId="m")]
    for at, gate in enumerate(gates[:3]):
        script += [
            gate,
            sse(type="source-url", sourceId=f"s{at}", url=f"https://docs.example/{at}", title="Page"),
        ]
    desktop = Desktop(
        api=FakeApi(starts=[[*script, gates[3], *says("Done")[1:], DONE]], workers=[worker("", **PRICED)])
    )
    async with desktop.running(*WIDE) as pilot:
        await desktop.send(pilot, "Hi")
        await desktop.until(pilot, lambda: column(desktop) == ["usage"])
        work = desktop.work
        transcript = work.transcript.region
        places = set()
        for count, gate in enumerate(gates[:3], 1):
            gate.set()
            await desktop.until(pilot, lambda: work.sidebar.panels["sources"].rows.count == count)  # noqa: B023 - awaited here
            await desktop.until(pilot, lambda: column(desktop) == ["usage", "sources"])
            places.add(tuple(panel.region for panel in work.sidebar.panels.values()))
            assert work.transcript.region == transcript
            assert work.prompt.has_focus
        assert len(places) == 1
        gates[3].set()
        await desktop.shows(pilot, "✓ completed")


async def test_an_empty_panel_is_shown_on_request() -> None:
    desktop = Desktop()
    async with desktop.running(*WIDE) as pilot:
        await desktop.shows(pilot, "Three things to try")
        await pilot.press("f3")
        await desktop.shows(pilot, NO_SOURCES, "Browsing: Sources", "Esc Back")
        assert column(desktop) == ["sources"]
        # Keys that need a source are not offered.
        assert "Mentioned" not in desktop.text()
        await pilot.press("escape")
        await desktop.until(pilot, lambda: column(desktop) == [])
        await pilot.press("f4")
        await desktop.shows(pilot, NO_FILES)
        await pilot.press(*"typed")
        await desktop.until(pilot, lambda: column(desktop) == [])
        assert desktop.work.prompt.text == "typed"


async def test_the_key_for_panels_shows_one_where_all_are_empty_and_hides_no_later_one() -> None:
    desktop = Desktop(api=answers("Hello"))
    async with desktop.running(*WIDE) as pilot:
        await desktop.shows(pilot, "Three things to try")
        await pilot.press("ctrl+b")
        await desktop.shows(pilot, EMPTY_USAGE)
        await pilot.press("ctrl+b")
        await desktop.until(pilot, lambda: column(desktop) == [])
        await desktop.send(pilot, "Hi")
        await desktop.shows(pilot, "✓ completed", "Usage & cost F2")
        await pilot.press("ctrl+b")
        await desktop.until(pilot, lambda: column(desktop) == [])
        await pilot.press("f4")
        await desktop.until(pilot, lambda: column(desktop) == ["usage", "files"])
        # A new session is calm again.
        await pilot.press("escape", "ctrl+n")
        await desktop.shows(pilot, "Three things to try")
        assert column(desktop) == []


async def test_hiding_the_panels_leads_from_a_panel_to_the_prompt() -> None:
    for size in (WIDE, NARROW):
        async with answered(*size) as (desktop, pilot):
            await pilot.press("f3")
            await desktop.shows(pilot, "Browsing: Sources")
            await pilot.press("ctrl+b")
            await desktop.until(pilot, lambda: column(desktop) == [])
            assert desktop.work.prompt.has_focus


async def test_a_broad_screen_has_broader_panels() -> None:
    async with answered(200, 60) as (desktop, pilot):
        assert desktop.work.sidebar.region.width == 48
        await pilot.resize_terminal(140, 40)
        await desktop.until(pilot, lambda: desktop.work.sidebar.region.width == 38)


# -- a narrow screen ----------------------------------------------------------------------------------
@pytest.mark.parametrize("size", [(60, 20), (80, 24), (115, 30)])
async def test_tabs_cover_the_transcript_and_nothing_else(size: tuple[int, int]) -> None:
    script, gate = held("Half")
    desktop = Desktop(api=FakeApi(starts=[script], follows=[says("ok")], workers=[worker("", **PRICED)]))
    async with desktop.running(*size) as pilot:
        await desktop.send(pilot, "Hi")
        await desktop.shows(pilot, "Half", "Esc Stop watching")
        await desktop.send(pilot, "queued message")
        await desktop.until(pilot, lambda: "queued message" in desktop.text_of("#queue"))
        below = [desktop.app.screen.query_one(name) for name in ("#queue", "#entry", "#hint")]
        below.append(desktop.app.screen.query_one(FooterLine))
        places = [widget.region for widget in below]
        transcript = desktop.work.transcript.region
        for key, text in (("f2", "This turn unknown so far"), ("f3", NO_SOURCES), ("f4", NO_FILES)):
            await pilot.press(key)
            await desktop.shows(pilot, text, "Usage & cost F2   Sources F3   Files F4", "Esc Back")
            await desktop.settle(pilot)
            assert desktop.work.sidebar.region == transcript
            assert [widget.region for widget in below] == places
            assert "queued message" in desktop.text_of("#queue")
            assert "Half" not in desktop.text_of("#pane")
        await pilot.press("escape")
        await desktop.shows(pilot, "Half", "Esc Stop watching")
        assert desktop.work.transcript.region == transcript
        gate.set()
        await desktop.until(pilot, lambda: not desktop.session.busy)


async def test_tabs_tell_how_much_there_is() -> None:
    async with answered(*NARROW) as (desktop, pilot):
        await pilot.press("f3")
        await desktop.shows(
            pilot, "Usage & cost F2   Sources 3 F3   Files 1 F4", "3 · 3 new · 2 not mentioned"
        )
        # The cost stays visible next to the browsed panel.
        assert "$0.0123" in desktop.text_of("#hint")
        assert "Browsing: Sources" in desktop.text_of("#hint")
        await pilot.press("f2")
        await desktop.shows(pilot, "This turn $0.0123", "Session")
        assert "$0.0123" not in desktop.text_of("#hint")


async def test_the_same_key_and_esc_close_the_tabs() -> None:
    async with answered(*NARROW) as (desktop, pilot):
        sidebar = desktop.work.sidebar
        for opening, closing in (("f3", "f3"), ("f4", "escape"), ("ctrl+b", "ctrl+b"), ("f6", "escape")):
            await pilot.press(opening)
            await desktop.until(pilot, lambda: column(desktop))
            await pilot.press(closing)
            await desktop.until(pilot, lambda: not column(desktop))
            assert desktop.work.prompt.has_focus
            await desktop.shows(pilot, "First [1].")
        # The last tab opens again, and typing keeps it open.
        await pilot.press("f4", "escape", "ctrl+b")
        await desktop.until(pilot, lambda: column(desktop) == ["files"])
        await pilot.press(*"typed")
        assert desktop.work.prompt.text == "typed"
        assert sidebar.is_over


async def test_tab_and_arrows_lead_from_panel_to_panel() -> None:
    async with answered(*NARROW) as (desktop, pilot):
        await pilot.press("f2")
        for key, name in (
            ("tab", "sources"),
            ("right", "files"),
            ("tab", "usage"),
            ("shift+tab", "files"),
            ("left", "sources"),
        ):
            await pilot.press(key)
            await desktop.until(pilot, lambda: column(desktop) == [name])  # noqa: B023 - awaited here
            assert desktop.work.sidebar.panels[name].has_focus
        assert desktop.work.controller.budget == "standard"
    desktop = Desktop(api=answers("Hello"))
    async with desktop.running(*WIDE) as pilot:
        await desktop.send(pilot, "Hi")
        await desktop.shows(pilot, "✓ completed")
        # A column has only the panels that are not empty.
        await pilot.press("f2", "tab")
        assert desktop.work.sidebar.panels["usage"].has_focus


async def test_a_click_on_a_tab_shows_its_panel_and_leaves_the_typist_in_the_prompt() -> None:
    async with answered(*NARROW) as (desktop, pilot):
        await pilot.press("ctrl+b")
        # A count widens its tab.
        await desktop.shows(pilot, "Sources 3 F3", "Files 1 F4")
        line = desktop.text_of("#tabs")
        for name, title in (("files", "Files"), ("sources", "Sources"), ("usage", "Usage")):
            await pilot.click("#tabs", offset=(line.index(title) + 1, 0))
            await desktop.until(pilot, lambda: column(desktop) == [name])  # noqa: B023 - awaited here
            await pilot.press("k")
        await pilot.click("#tabs", offset=(line.index("Files") - 2, 0))
        assert column(desktop) == ["usage"]
        assert desktop.work.prompt.text == "kkk"


@pytest.mark.parametrize(
    ("name", "keys"),
    # At rest the usage fits: it scrolls in full, while it is browsed. A list scrolls from the prompt, too.
    [("usage", ["f2"]), ("sources", ["f3"]), ("sources", ["f3", "escape", "ctrl+b"])],
)
async def test_pages_scroll_the_panel_in_front(name: str, keys: list[str]) -> None:
    pages = [(f"https://docs.example/{at}", f"Page {at}") for at in range(40)]
    desktop = Desktop(
        api=FakeApi(starts=[cites("First [1].", *pages)], workers=[worker("", messages=None, **PRICED)])
    )
    async with desktop.running(60, 20) as pilot:
        await desktop.send(pilot, "What is a table?")
        await desktop.shows(pilot, "✓ completed")
        await desktop.settle(pilot)
        await pilot.press(*keys)
        panel = desktop.work.sidebar.panels[name]
        # A hidden panel is filled once it is shown, and scrolls once it has its bar.
        await desktop.until(pilot, lambda: column(desktop) == [name] and panel.allow_vertical_scroll)
        assert panel.has_focus is (keys[-1] != "ctrl+b")
        await pilot.press("pagedown")
        await desktop.until(pilot, lambda: panel.scroll_offset.y > 0)
        await pilot.press("ctrl+home")
        await desktop.until(pilot, lambda: panel.scroll_offset.y == 0)
        await pilot.press("ctrl+end")
        await desktop.until(pilot, lambda: panel.scroll_offset.y == panel.max_scroll_y)


async def test_a_message_shows_its_answer_and_a_command_leaves_the_panel() -> None:
    desktop = Desktop(api=answers("Hello"))
    async with desktop.running(*NARROW) as pilot:
        await desktop.shows(pilot, "Three things to try")
        await pilot.press("ctrl+b")
        await desktop.shows(pilot, EMPTY_USAGE)
        assert "Three things to try" not in desktop.text()
        await desktop.send(pilot, "/budget low")
        await desktop.until(pilot, lambda: desktop.work.controller.budget == "low")
        assert column(desktop) == ["usage"]
        await desktop.send(pilot, "Hi")
        await desktop.shows(pilot, "Hello", "✓ completed")
        assert column(desktop) == []


async def test_a_mention_is_shown_below_its_panel() -> None:
    desktop = cited()
    async with desktop.running(60, 20) as pilot:
        await desktop.send(pilot, "What is a table?")
        await desktop.shows(pilot, "✓ completed")
        await pilot.press("f3")
        # An empty panel has no keys: a letter would be typed.
        await desktop.shows(pilot, "Browsing: Sources", "Tables as CSV")
        await pilot.press("m")
        await desktop.until(pilot, lambda: marked(desktop) == ["First [1]."])
        work = desktop.work
        assert work.sidebar.region.bottom == work.transcript.region.y
        assert work.transcript.region.height >= 6
        assert work.sidebar.panels["sources"].has_focus
        assert "First [1]." in desktop.text()
        # From the answer back to the source, and to the complete panel.
        await pilot.press("ctrl+up")
        await desktop.until(pilot, lambda: work.browsing.browsed is work.transcript)
        assert column(desktop) == []
        await pilot.press("m", "s")
        await desktop.until(pilot, lambda: column(desktop) == ["sources"])
        await pilot.press("f4")
        await desktop.until(pilot, lambda: not work.transcript.display)


async def test_what_changed_behind_a_panel_is_shown_when_it_closes() -> None:
    async with answered(*NARROW) as (desktop, pilot):
        await pilot.press("ctrl+b")
        await desktop.until(pilot, lambda: column(desktop) == ["usage"])
        # Both lay out the transcript again, which has no width now.
        await pilot.press("ctrl+o")
        await desktop.send(pilot, "/details")
        await desktop.settle(pilot)
        await pilot.press("ctrl+b")
        await desktop.shows(pilot, "First [1].")


# -- from one width to another ---------------------------------------------------------------------------
async def test_another_width_keeps_the_panel_the_cursor_and_the_focus() -> None:
    async with answered(*WIDE) as (desktop, pilot):
        sources = desktop.work.sidebar.panels["sources"]
        await pilot.press("f3", "down")
        for size in (NARROW, WIDE, (60, 20)):
            await pilot.resize_terminal(*size)
            shown = ["usage", "sources", "files"] if size == WIDE else ["sources"]
            await desktop.until(pilot, lambda: column(desktop) == shown)  # noqa: B023 - awaited here
            await desktop.settle(pilot)
            assert sources.has_focus
            assert sources.cursor == 1
            assert desktop.work.transcript.display is (size == WIDE)
        await pilot.press("down")
        assert sources.cursor == 2


async def test_another_width_leaves_the_typist_in_the_prompt() -> None:
    async with answered(*NARROW) as (desktop, pilot):
        await pilot.press("f4", "z")
        assert column(desktop) == ["files"]
        for letter, size in zip("bcde", (WIDE, NARROW, (200, 60), (60, 20)), strict=True):
            await pilot.resize_terminal(*size)
            shown = ["files"] if size[0] < 116 else ["usage", "sources", "files"]
            await desktop.until(pilot, lambda: column(desktop) == shown)  # noqa: B023 - awaited here
            await pilot.press(letter)
        assert desktop.work.prompt.text == "zbcde"
        await pilot.press("escape")
        assert column(desktop) == []
        # Closed tabs stay closed.
        await pilot.resize_terminal(*WIDE)
        await desktop.until(pilot, lambda: len(column(desktop)) == 3)
        await pilot.resize_terminal(*NARROW)
        await desktop.until(pilot, lambda: column(desktop) == [])


async def test_a_panel_hidden_on_a_wide_screen_does_not_open_on_a_narrow_one() -> None:
    async with answered(*WIDE) as (desktop, pilot):
        await pilot.press("f3", "escape")
        await pilot.resize_terminal(*NARROW)
        await desktop.until(pilot, lambda: column(desktop) == [])
        assert desktop.work.transcript.display
