"""A small app that shows only one view, and its visible text."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from textual.app import App, ComposeResult
from textual.pilot import Pilot
from textual.widget import Widget
from textual.worker import WorkerCancelled

from handinger_tui.ui.themes import THEMES

SHEET = Path(__file__).parents[3] / "styles.tcss"


class Stage(App[None]):
    """One widget that fills the screen."""

    def __init__(self, view: Widget) -> None:
        self.view = view
        super().__init__(css_path=SHEET)
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = THEMES[0].name

    def compose(self) -> ComposeResult:
        yield self.view

    def on_mount(self) -> None:
        self.view.focus()


def lines(view: Widget) -> list[str]:
    """The text of the view, line by line."""
    return [view.render_line(y).text.rstrip() for y in range(view.size.height)]


async def settled(pilot: Pilot[Any]) -> None:
    """Wait until all work is done and painted."""
    while len(pilot.app.workers):
        with suppress(WorkerCancelled):
            await pilot.app.workers.wait_for_complete()
        await pilot.pause()
    await pilot.pause()
