"""The list of commands: its search may still run while the screen is closed."""

from __future__ import annotations

import asyncio
from typing import ClassVar

import pytest
from textual.app import App
from textual.command import CommandList, Hit, Hits, Provider

from handinger_tui.ui.commands import COMMANDS
from handinger_tui.ui.dialogs.help import help_lines, help_sections
from handinger_tui.ui.dialogs.pickers import CommandPicker
from handinger_tui.ui.palette import CommandProvider, shown_names
from tests.ui.pilot import running


class SlowCommands(Provider):
    """One command, which is found when the test says so."""

    reached: ClassVar[asyncio.Event]
    released: ClassVar[asyncio.Event]

    async def search(self, query: str) -> Hits:
        self.reached.set()
        await self.released.wait()
        yield Hit(1, query, lambda: None, query)


async def test_a_search_that_is_late_for_the_closing_screen_does_not_end_the_app() -> None:
    SlowCommands.reached, SlowCommands.released = asyncio.Event(), asyncio.Event()
    app = App[None]()
    async with running(app) as pilot:
        picker = CommandPicker(providers=[SlowCommands])
        await app.push_screen(picker)
        await pilot.press("z")
        await asyncio.wait_for(SlowCommands.reached.wait(), 60)
        # As while the screen is closed: its widgets go before its workers do.
        await picker.query_one(CommandList).remove()
        (search,) = app.workers
        SlowCommands.released.set()
        while not search.is_finished:
            await pilot.pause()
        assert app.is_running


@pytest.mark.parametrize("word", ["cost", "price", "limit", "key"])
async def test_help_and_palette_find_what_people_look_for_first(word: str) -> None:
    app = App[None]()
    async with running(app):
        hits = [hit async for hit in CommandProvider(app.screen).search(word)]
    assert hits
    sections = help_sections([(*command.help, command.words) for command in COMMANDS], (), ())
    lines = "\n".join(line.plain for line in help_lines(sections, word, 80))
    assert "Commands\n" in lines
    assert word != "key" or "handinger-tui login" in " ".join(lines.split())


def test_a_command_with_a_key_shows_it() -> None:
    shown = {command.name: shown_names(command) for command in COMMANDS}
    assert shown["receipt"] == "/receipt  ^T"
    assert shown["spending"] == "/spending  /ledger  F9"
    assert shown["theme"] == "/theme"
