"""The background looks as if painted by Textual, from one strip."""

from __future__ import annotations

import pytest
from rich.segment import Segment
from textual.app import App, ComposeResult
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Static

from handinger_tui.ui.widgets.frame import Rows
from tests.ui.pilot import running


class Grounds(App[None]):
    CSS = "Rows { background: #204060 50%; } #inner { background: $panel; } Static { width: 4; }"

    def compose(self) -> ComposeResult:
        with Rows(), Rows(id="inner"):
            yield Static("text")


def segments(strips: list[Strip]) -> list[list[Segment]]:
    return [list(Strip(strip).simplify()) for strip in strips]


@pytest.mark.parametrize("no_color", ["", "1"])
async def test_the_paint_equals_that_of_textual(monkeypatch: pytest.MonkeyPatch, no_color: str) -> None:
    monkeypatch.setenv("NO_COLOR", no_color)
    app = Grounds()
    async with running(app, size=(30, 8)):
        for widget in app.query(Rows):
            assert type(widget).__mro__[2].__name__ in widget._css_type_names
            for crop in (widget.size.region, Region(3, 2, 5, 4)):
                mine = widget.render_lines(crop)
                assert segments(mine) == segments(Widget.render_lines(widget, crop))
                assert len({id(strip) for strip in mine}) == 1
