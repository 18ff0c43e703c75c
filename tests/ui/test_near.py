"""A change is asked of the widgets that can be seen in it, and of no other."""

from __future__ import annotations

import pytest
from textual.app import App, ComposeResult
from textual.containers import Vertical
from textual.geometry import Region
from textual.screen import Screen
from textual.widgets import Static

from handinger_tui.ui.terminal.clipped_compositor import ClippedCompositor


class Near(Screen[None]):
    """Three lines in a box, a line below it, a line at the bottom."""

    CSS = "#box { height: 3; } #last { dock: bottom; height: 1; } Static { height: 1; }"

    def __init__(self) -> None:
        super().__init__()
        self._compositor = ClippedCompositor()

    def compose(self) -> ComposeResult:
        with Vertical(id="box"):
            yield from (Static(name, id=name) for name in ("one", "two", "three"))
        yield Static("four", id="four")
        yield Static("last", id="last")


@pytest.mark.parametrize(
    ("crop", "asked"),
    [
        (Region(0, 1, 40, 1), [Region(0, 1, 40, 1)]),
        (Region(5, 1, 3, 1), [Region(0, 1, 40, 1)]),
        (Region(0, 0, 40, 2), [Region(0, 1, 40, 1), Region(0, 0, 40, 1), Region(0, 0, 40, 3)]),
        (Region(0, 9, 40, 1), [Region(0, 9, 40, 1)]),
    ],
)
async def test_only_what_can_be_seen_in_the_change_is_asked(crop: Region, asked: list[Region]) -> None:
    app = App[None]()
    async with app.run_test(size=(40, 10)) as pilot:
        await app.push_screen(Near())
        await pilot.pause()
        regions = [region for region, _, _ in app.screen._compositor._get_renders(crop)]
        assert regions == asked
