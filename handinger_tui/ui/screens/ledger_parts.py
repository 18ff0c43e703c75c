"""The parts of the ledger screen around its table: totals above, charts beside, forecast below."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from textual import events
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.geometry import Size
from textual.message import Message
from textual.widgets import Static

from handinger_tui.core.forecast import Forecast
from handinger_tui.core.reckoning import Reckoning
from handinger_tui.ui.panels.charting import Days, charts
from handinger_tui.ui.screens.ledger_head import CLICK, Top, foot_lines, top_lines
from handinger_tui.ui.screens.ledger_view import View

TALL: Final = 30
"""Lines of a screen that has room for reasons."""


class Lines(Static):
    """Lines made for the width they are given."""

    def lines(self, width: int) -> list[Content]:
        """All lines."""
        raise NotImplementedError

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002 - Textual's shape
        """As many as there are."""
        return len(self.lines(width))

    def render(self) -> Content:
        """For the present width."""
        return Content("\n").join(self.lines(self.size.width))

    @property
    def short(self) -> bool:
        """The screen has no line to spare."""
        return self.screen.size.height < TALL


class Head(Lines):
    """Totals, limits, groupings and filters."""

    class Clicked(Message):
        """`does`: a grouping by its name, `PERIOD` or `WIDEN`."""

        def __init__(self, does: str) -> None:
            super().__init__()
            self.does = does

    def __init__(self, view: View) -> None:
        super().__init__(id="ledger-head")
        self._top = Top(view)

    def show(self, top: Top) -> None:
        """Everything anew."""
        self._top = top
        self.refresh(layout=True)

    def turn_to(self, view: View) -> None:
        """Another view whose figures are still being read."""
        self.show(replace(self._top, view=view))

    def lines(self, width: int) -> list[Content]:
        """As `top_lines` makes them."""
        return top_lines(self._top, width, short=self.short)

    def on_click(self, event: events.Click) -> None:
        """What stands there may do something."""
        does = event.style.meta.get(CLICK)
        if isinstance(does, str):
            self.post_message(self.Clicked(does))


class Foot(Lines):
    """The end of the month, and the comparison with the worker's own total."""

    def __init__(self) -> None:
        super().__init__(id="ledger-foot")
        self._month: Forecast | None = None
        self._worker: Reckoning | None = None

    def show(self, month: Forecast | None, worker: Reckoning | None) -> None:
        """Both, where they are known."""
        self._month, self._worker = month, worker
        self.refresh(layout=True)

    def lines(self, width: int) -> list[Content]:
        """As `foot_lines` makes them."""
        return foot_lines(self._month, self._worker, width, short=self.short)


class Charts(VerticalScroll):
    """The charts; they scroll where they do not fit."""

    def __init__(self) -> None:
        super().__init__(id="ledger-charts")
        self.border_title = "charts"
        self._drawing = Drawing()

    def compose(self) -> ComposeResult:
        """One drawing."""
        yield self._drawing

    def show(self, days: Days | None) -> None:
        """The days to draw; None draws nothing."""
        self._drawing.days = days
        self._drawing.refresh(layout=True)


class Drawing(Lines):
    """All charts as lines."""

    days: Days | None = None
    _drawn: tuple[tuple[Days, int, int], list[Content]] | None = None

    def lines(self, width: int) -> list[Content]:
        """As tall as the pane, or taller where that is too low."""
        pane = self.parent
        if self.days is None or width < 1 or not isinstance(pane, VerticalScroll):
            return []
        height = pane.scrollable_content_region.height
        # Asked for its height and for its lines, mostly for the same ones.
        last = self._drawn
        if last is None or last[0][0] is not self.days or last[0][1:] != (width, height):
            last = (self.days, width, height), charts(self.days, width, height)
            self._drawn = last
        return last[1]
