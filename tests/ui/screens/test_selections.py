"""Every screen: a selection is in one widget, and a resize hides the tooltip."""

from __future__ import annotations

import pytest
from textual.app import ComposeResult
from textual.pilot import Pilot
from textual.widgets import Static, Tooltip

from handinger_tui.ui.terminal.diff_app import DiffApp
from handinger_tui.ui.transcript.selection import SelectableRows
from tests.ui.fakes import Desktop, answers
from tests.ui.pilot import running


async def drag(pilot: Pilot[None], start: tuple[int, int], end: tuple[int, int]) -> None:
    pilot.app.screen.clear_selection()
    await pilot.mouse_down(offset=start)
    await pilot.hover(offset=((start[0] + end[0]) // 2, (start[1] + end[1]) // 2))
    await pilot.hover(offset=end)
    await pilot.mouse_up(offset=end)
    await pilot.pause()


@pytest.mark.parametrize("key", ["", "f2", "f9", "ctrl+s", "f1"])
async def test_a_selection_stays_in_the_text_where_it_began(key: str) -> None:
    desktop = Desktop(api=answers("The answer"))
    async with desktop.running(100, 24) as pilot:
        await desktop.send(pilot, "Hi")
        await desktop.shows(pilot, "✓ completed")
        if key:
            shown = desktop.text()
            await pilot.press(key)
            await desktop.until(pilot, lambda: desktop.text() != shown)
        screen = desktop.app.screen
        for y in (1, 21, 22):
            for end in ((60, 0), (60, 12), (60, 23)):
                await drag(pilot, (5, y), end)
                selected = {widget for widget in screen.selections if not isinstance(widget, SelectableRows)}
                assert selected <= {screen.get_widget_at(5, y)[0]}
                assert len(screen.selections) <= 1


class Hovered(DiffApp):
    def compose(self) -> ComposeResult:
        text = Static("text")
        text.tooltip = "About the text"
        yield text


async def test_a_resize_hides_the_tooltip() -> None:
    app = Hovered()
    async with running(app, size=(40, 12), tooltips=True) as pilot:
        tooltip = app.screen.query_one(Tooltip)
        await pilot.hover(Static, offset=(1, 0))
        while not tooltip.display:
            await pilot.pause(0.05)
        await pilot.resize_terminal(60, 20)
        await pilot.pause()
        assert not tooltip.display
