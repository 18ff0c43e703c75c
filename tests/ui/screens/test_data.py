"""Structured output and data parts: opened, browsed, as tree and table, copied and saved by keys."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from textual.pilot import Pilot

from handinger_tui.core.errors import LedgerError
from handinger_tui.core.jsontext import MAX_DEPTH
from handinger_tui.ui.pages.data import DataScreen
from tests.engine.fakes import FakeApi, Script, worker
from tests.ui.fakes import PRICED, Desktop
from tests.ui.golden.stored import check
from tests.ui.panels.stage import BAD
from tests.ui.panels.test_panels import PAYLOADS, text_of_payload
from tests.ui.screens.test_resend import choose
from tests.wire.recordings import DONE, sse

ROWS = [{"city": "Lyon", "mm": 831.5}, {"city": "Oslo", "mm": 763}, {"city": "=1+1", "mm": None}]
OUTPUT = {"title": "Rainfall", "rows": ROWS, "tags": []}


def gives(*parts: tuple[str, Any]) -> Script:
    """A stream with data parts of these types."""
    script: Script = [sse(type="start", messageId="msg_1"), sse(type="text-start", id="t")]
    script += [sse(type="text-delta", id="t", delta="An answer."), sse(type="text-end", id="t")]
    script += [sse(type=kind, id=f"d{at}", data=value) for at, (kind, value) in enumerate(parts)]
    return [*script, sse(type="finish", finishReason="stop"), DONE]


def given(*parts: tuple[str, Any], output: Any = None) -> Desktop:
    body = worker("", **PRICED, structured_output=output)
    return Desktop(api=FakeApi(starts=[gives(*parts)], workers=[body]))


async def answered_data(desktop: Desktop, pilot: Pilot[None]) -> None:
    await desktop.send(pilot, "Measure the rain")
    await desktop.until(pilot, lambda: desktop.session.turns and not desktop.session.busy)
    await desktop.settle(pilot)


def page(desktop: Desktop) -> DataScreen:
    screen = desktop.app.screen
    assert isinstance(screen, DataScreen)
    return screen


@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 40)])
async def test_tree_and_table_of_structured_output(width: int, height: int) -> None:
    desktop = given(("data-chart", {"kind": "bar", "series": [1, 2.5]}), ("data-odd", "text"), output=OUTPUT)
    async with desktop.running(width, height) as pilot:
        await answered_data(desktop, pilot)
        assert "structured output" in desktop.text(), "the transcript tells that there is some"
        await pilot.press("f5")
        await desktop.shows(pilot, "3 of 3", "tree · Tab: table of rows")
        await pilot.press("down", "down", "right")
        check(f"data-tree-{width}x{height}", desktop.text_of("#data"))
        await pilot.press("t")
        await desktop.shows(pilot, "3 rows × 2 columns")
        check(f"data-table-{width}x{height}", desktop.text_of("#data"))
        await pilot.press("t", "escape")
        await desktop.until(pilot, lambda: desktop.work.prompt.has_focus)


async def test_keys_walk_through_all_of_it_unknown_types_too() -> None:
    desktop = given(("data-chart", [1]), ("data-from-the-future", {"x": {"y": None}}))
    async with desktop.running() as pilot:
        await desktop.send(pilot, "/data")
        await desktop.until(pilot, lambda: "no structured output or data yet" in desktop.notices())
        await answered_data(desktop, pilot)
        await desktop.send(pilot, "/data 1")
        await desktop.shows(pilot, "data-chart", "1 of 2 · turn 1")
        await pilot.press("p")
        await desktop.until(pilot, lambda: "This is the first item." in desktop.notices())
        await pilot.press("n")
        await desktop.shows(pilot, "data-from-the-future", "2 of 2", "x: ")
        await pilot.press("n", "t", "C")
        await desktop.until(pilot, lambda: "This is the newest item." in desktop.notices())
        await desktop.until(pilot, lambda: desktop.notices().count("No table here") == 2)
        await pilot.press("q")
        for wrong in ("0", "3", "x", "9" * 5000):
            desktop.app.clear_notifications()
            await desktop.send(pilot, f"/data {wrong}")
            await desktop.until(pilot, lambda: "a number from 1 to 2" in desktop.notices())


async def test_the_action_of_the_transcript_opens_the_item_under_the_cursor() -> None:
    desktop = given(("data-one", [1]), ("data-two", [2]), output=OUTPUT)
    async with desktop.running(100, 40) as pilot:
        await answered_data(desktop, pilot)
        desktop.work.browsing.browse(desktop.work.transcript)
        await choose(desktop, pilot, "View its data")
        await desktop.shows(pilot, "3 of 3")
        await pilot.press("escape")
        desktop.work.browsing.browse(desktop.work.transcript)
        # The receipt, structured output, the second part, the first one.
        for keys, place in (("kk", "3 of 3"), ("k", "2 of 3"), ("k", "1 of 3")):
            await pilot.press(*keys)
            await choose(desktop, pilot, "View its data")
            await desktop.shows(pilot, place)
            await pilot.press("escape")
            await desktop.until(pilot, lambda: desktop.app.screen is desktop.work)
            desktop.work.browsing.browse(desktop.work.transcript)


async def test_data_is_copied_and_saved_completely() -> None:
    desktop = given(output=OUTPUT)
    async with desktop.running() as pilot:
        await answered_data(desktop, pilot)
        turn_id = desktop.session.turns[-1].turn_id
        await pilot.press("f5")
        await desktop.shows(pilot, "1 of 1")
        await pilot.press("J")
        await desktop.until(pilot, lambda: len(desktop.written) == 1)
        await pilot.press("C")
        await desktop.until(pilot, lambda: len(desktop.written) == 2)
        (name, text), (table, cells) = desktop.written
        assert (name, table) == (f"structured-output-{turn_id}.json", f"structured-output-{turn_id}.csv")
        assert json.loads(text) == OUTPUT
        assert cells == "city,mm\r\nLyon,831.5\r\nOslo,763\r\n'=1+1,\r\n"
        await desktop.until(pilot, lambda: f"Saved to /downloads/{table}" in desktop.notices())
        await pilot.press("Y")
        await desktop.until(pilot, lambda: "Copied everything as JSON" in desktop.notices())
        assert json.loads(desktop.app.clipboard) == OUTPUT
        await pilot.press("down", "y")
        await desktop.until(pilot, lambda: desktop.app.clipboard == "Rainfall")


async def test_a_full_disk_is_reported_and_the_data_stays() -> None:
    desktop = given(output=OUTPUT)
    desktop.disk_trouble = LedgerError("The disk is full.", "Make room.")
    async with desktop.running() as pilot:
        await answered_data(desktop, pilot)
        await pilot.press("f5", "J")
        await desktop.until(pilot, lambda: "The disk is full. Make room." in desktop.notices())
        assert "1 of 1" in desktop.text()


async def test_changes_are_announced_and_shown_on_request() -> None:
    desktop = given(("data-one", {"n": 1}))
    async with desktop.running() as pilot:
        await answered_data(desktop, pilot)
        await pilot.press("f5")
        await desktop.shows(pilot, "1 of 1", "n: 1")
        desktop.api.starts.append(gives(("data-two", {"m": 2})))
        await desktop.engine.actor(desktop.session.session_id).send("And now?", "standard", ())
        await desktop.shows(pilot, "1 of 2", "n: 1")
        await pilot.press("r", "n")
        await desktop.shows(pilot, "2 of 2", "m: 2")


async def test_deep_and_huge_data_opens_quickly_and_every_key_works() -> None:
    deep: Any = "bottom"
    for _ in range(MAX_DEPTH - 2):
        deep = [deep]
    many = [{"at": at, "name": f"row {at}", "more": {"odd": at % 2}} for at in range(20_000)]
    desktop = given(("data-deep", deep), ("data-many", many))
    async with desktop.running() as pilot:
        await answered_data(desktop, pilot)
        await pilot.press("f5")
        await desktop.shows(pilot, "data-many", "20,000 items")
        await pilot.press("end", "enter", "end", "home", "t")
        await desktop.shows(pilot, "20,000 rows × 3 columns")
        await pilot.press("end", "left", "right")
        await desktop.shows(pilot, "row 19999")
        await pilot.press("p")
        await desktop.shows(pilot, "data-deep")
        await pilot.press(*["right"] * 8)
        await desktop.shows(pilot, "$[0][0][0]")
        await pilot.press("J")
        await desktop.until(pilot, lambda: len(desktop.written) == 1)
        assert json.loads(desktop.written[0][1]) == deep


async def test_hostile_data_shows_no_control_character_and_names_a_plain_file() -> None:
    texts = [text_of_payload(payload)[:3000] for payload in PAYLOADS]
    hostile = {f"{at}{text}": text for at, text in enumerate(texts)}
    rows = [{"k": text, text[:50]: text} for text in texts]
    desktop = given((f"data-../../{texts[0]}\x1b]0;x\x07/etc/passwd", hostile), ("data-rows", rows))
    async with desktop.running(80, 40) as pilot:
        await answered_data(desktop, pilot)
        await pilot.press("f5")
        await desktop.shows(pilot, "2 of 2")
        await pilot.press("t")
        await desktop.shows(pilot, "rows × ")
        painted = [desktop.text()]
        await pilot.press("p")
        await desktop.shows(pilot, "1 of 2")
        for _ in range(0, len(texts), 30):
            await pilot.press("pagedown")
            painted.append(desktop.text())
        for line in "\n".join(painted).split("\n"):
            assert not BAD.search(line), ascii(line)
        await pilot.press("J")
        await desktop.until(pilot, lambda: len(desktop.written) == 1)
        assert re.fullmatch(r"[^/\\\x00-\x1f]+\.json", desktop.written[0][0])
