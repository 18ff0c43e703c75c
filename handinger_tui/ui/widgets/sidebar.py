"""The sidebar with the panels: a column on wide terminals, an overlay on narrow ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from textual import events
from textual.app import ComposeResult
from textual.message import Message
from textual.widget import Widget

from handinger_tui.core.money.attribution import MoneyIndex
from handinger_tui.core.money.limits import Gauge
from handinger_tui.core.turns.session import Session
from handinger_tui.ui.panels import PANELS
from handinger_tui.ui.panels.files.panel import FilesPanel
from handinger_tui.ui.panels.panel import Panel
from handinger_tui.ui.panels.sources.panel import SourcesPanel
from handinger_tui.ui.panels.usage.panel import UsagePanel
from handinger_tui.ui.widgets.containers import Rows

WIDTH: Final = 38
NARROWEST: Final = 26
WIDEST: Final = 90


class Grip(Widget):
    """The draggable line between transcript and sidebar."""

    ALLOW_SELECT = False

    class Dragged(Message):
        """The line was dragged to this column of the screen."""

        def __init__(self, column: int) -> None:
            super().__init__()
            self.column = column

    def render(self) -> str:
        """No text; only the background shows."""
        return ""

    def on_mouse_down(self) -> None:
        """Start dragging: capture the mouse."""
        self.capture_mouse()

    def on_mouse_up(self) -> None:
        """End dragging: release the mouse."""
        self.release_mouse()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Report the column while dragging."""
        if self.app.mouse_captured is self:
            self.post_message(self.Dragged(event.screen_x))


class Sidebar(Rows):
    """Holds one widget per entry of `PANELS` and passes the newest session to them while visible."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self.panels: dict[str, Panel[Any]] = {entry.name: entry.make() for entry in PANELS}
        self._width = WIDTH

    def compose(self) -> ComposeResult:
        """The grip, and the panels one below another."""
        yield Grip(id="grip")
        with Rows(id="panels"):
            yield from self.panels.values()

    @property
    def sources(self) -> SourcesPanel:
        """The sources panel, which numbers the sources."""
        return next(panel for panel in self.panels.values() if isinstance(panel, SourcesPanel))

    def show(self, session: Session) -> None:
        """Show the newest session in all panels; a hidden sidebar computes nothing."""
        if self.display:
            for panel in self.panels.values():
                panel.show_soon(session)

    def share(self, money: MoneyIndex) -> None:
        """Share the cost attribution of turns, so that it is computed once for pane and panel."""
        for panel in self.panels.values():
            if isinstance(panel, UsagePanel):
                panel.totals.index = money

    def gauges(self, gauges: Sequence[Gauge]) -> None:
        """Show the use of the limits in the usage panel."""
        for panel in self.panels.values():
            if isinstance(panel, UsagePanel):
                panel.gauges(gauges)

    def tick(self, now_ms: int) -> None:
        """Advance the clock of the panels while a turn runs."""
        if self.display:
            for panel in self.panels.values():
                panel.tick(now_ms)

    def widen(self, by: int) -> None:
        """Widen the sidebar by `by` cells; a negative number narrows it."""
        self._width = max(NARROWEST, min(WIDEST, self._width + by))
        self.styles.width = self._width

    def on_grip_dragged(self, event: Grip.Dragged) -> None:
        """Resize the sidebar to the dragged column."""
        self.widen(self.region.right - event.column - self._width)

    @property
    def files(self) -> FilesPanel:
        """The files panel, which shows the state of downloads."""
        return next(panel for panel in self.panels.values() if isinstance(panel, FilesPanel))
