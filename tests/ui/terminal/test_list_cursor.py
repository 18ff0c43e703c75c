"""The cursor of the terminal is visible on the selected row of a list, for those who hear the screen."""

from __future__ import annotations

import asyncio

import pytest
from textual.app import ComposeResult
from textual.types import AnimationLevel
from textual.widgets import Input

from handinger_tui.core.columns import Column, Row
from handinger_tui.core.turns.session import Session
from handinger_tui.core.turns.turn import Turn, TurnRequest, TurnStatus
from handinger_tui.ui.terminal.diff_app import DiffApp
from handinger_tui.ui.widgets.column_list import ColumnList
from handinger_tui.ui.widgets.frame import SPINNER, HeaderLine
from tests.ui.emulator import EmulatedDriver, driver_of
from tests.ui.pilot import running

ROWS = [Row((f"row {at}",), below="below" if at % 2 else "") for at in range(30)]


class Lists(DiffApp):
    """A list below a field."""

    CSS = "ColumnList { height: 8; }"

    def __init__(self, *, terminal_caret: bool = False) -> None:
        super().__init__(EmulatedDriver)
        self.terminal_caret = terminal_caret
        self.table: ColumnList[Row] = ColumnList([Column("Head")], lambda row: (row.cells[0], "the row"))

    def compose(self) -> ComposeResult:
        yield Input()
        yield self.table

    def on_mount(self) -> None:
        self.table.show(ROWS, ROWS, "")


async def test_it_follows_the_selected_row_and_is_hidden_elsewhere() -> None:
    app = Lists()
    async with running(app, size=(40, 20), headless=False) as pilot:
        terminal = driver_of(app).terminal

        async def comes_to(line: int | None) -> None:
            """Wait for the cursor: visible on a line of the list, or hidden."""
            place = None if line is None else (0, app.table.content_region.y + line)
            async with asyncio.timeout(60):
                while place != (None if terminal.cursor.hidden else (terminal.cursor.x, terminal.cursor.y)):
                    await pilot.pause(0.01)

        async def is_marked(row: int) -> None:
            """Wait for the mark of this row at the cursor, which an earlier update may have moved already."""
            async with asyncio.timeout(60):
                while not terminal.display[terminal.cursor.y].startswith(f"›row {row} "):
                    await pilot.pause(0.01)

        # As the driver of a real terminal does at the start.
        terminal.feed(b"\x1b[?25l")
        app.table.focus()
        await comes_to(1)
        for key, line, row in (("down", 2, 1), ("down", 4, 2), ("end", 6, 29)):
            await pilot.press(key)
            await comes_to(line)
            await is_marked(row)
        # The wheel takes the row out of sight.
        app.table.scroll_to(y=0, animate=False)
        await comes_to(None)
        await pilot.press("home")
        await comes_to(1)
        app.query_one(Input).focus()
        await comes_to(None)
        async with asyncio.timeout(60):
            while (terminal.cursor.x, terminal.cursor.y) != app.query_one(Input).content_region.offset:
                await pilot.pause(0.01)


async def test_where_it_is_asked_for_it_marks_the_caret_of_a_field() -> None:
    app = Lists(terminal_caret=True)
    async with running(app, size=(40, 20), headless=False) as pilot:
        terminal = driver_of(app).terminal
        terminal.feed(b"\x1b[?25l")
        app.query_one(Input).focus()
        await pilot.press(*"abc")
        async with asyncio.timeout(60):
            while not terminal.display[terminal.cursor.y][: terminal.cursor.x].endswith("abc"):
                await pilot.pause(0.01)
        assert not terminal.cursor.hidden


class Header(DiffApp):
    """The header line of a session whose turn runs, and a field."""

    def __init__(self, level: AnimationLevel) -> None:
        super().__init__(EmulatedDriver)
        self.animation_level = level

    def compose(self) -> ComposeResult:
        yield HeaderLine(local=False)
        yield Input()


@pytest.mark.parametrize("level", ["full", "none"])
async def test_nothing_turns_or_blinks_where_motion_is_reduced(level: AnimationLevel) -> None:
    turn = Turn(TurnRequest("turn_1", "Hello", 0), TurnStatus.ACCEPTED)
    app = Header(level)
    async with running(app, size=(60, 5)) as pilot:
        header, field = app.query_one(HeaderLine), app.query_one(Input)
        header.show(Session("ses_1", 0, turns=(turn,)), 1000, "")
        signs = set()
        for _ in range(3):
            header.beat(1000)
            signs |= set(header.render_line(0).text) & set(SPINNER)
        assert len(signs) == (1 if level == "none" else 3)
        field.focus()
        await pilot.pause()
        assert field.cursor_blink is (level != "none")
