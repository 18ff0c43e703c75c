"""Side: the panels beside the transcript; a column on wide terminals, an overlay on narrow ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
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


def panel_keys() -> list[BindingType]:
    """One key per panel, from the table of panels."""
    return [
        Binding(
            e.key,
            f"panel('{e.name}')",
            e.title,
            show=False,
            priority=True,
            tooltip=e.tooltip,
            id=f"panel.{e.name}",
        )
        for e in PANELS
    ]


class Grip(Widget):
    """The line between transcript and panels, to be dragged."""

    ALLOW_SELECT = False

    class Dragged(Message):
        """The line was moved to this column of the screen."""

        def __init__(self, column: int) -> None:
            super().__init__()
            self.column = column

    def render(self) -> str:
        """Nothing but its background."""
        return ""

    def on_mouse_down(self) -> None:
        """Hold on."""
        self.capture_mouse()

    def on_mouse_up(self) -> None:
        """Let go."""
        self.release_mouse()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Follow the mouse."""
        if self.app.mouse_captured is self:
            self.post_message(self.Dragged(event.screen_x))


class Sidebar(Rows):
    """Holds one widget per entry of `PANELS` and tells the visible ones of the newest session."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self.panels: dict[str, Panel[Any]] = {entry.name: entry.make() for entry in PANELS}
        self._width = WIDTH

    def compose(self) -> ComposeResult:
        """One below the other."""
        yield Grip(id="grip")
        with Rows(id="panels"):
            yield from self.panels.values()

    @property
    def sources(self) -> SourcesPanel:
        """The panel of sources, which gives them their numbers."""
        return next(panel for panel in self.panels.values() if isinstance(panel, SourcesPanel))

    def show(self, session: Session) -> None:
        """Nothing is computed for panels that nobody sees."""
        if self.display:
            for panel in self.panels.values():
                panel.show_soon(session)

    def share(self, money: MoneyIndex) -> None:
        """What each turn took is worked out once, whoever shows it."""
        for panel in self.panels.values():
            if isinstance(panel, UsagePanel):
                panel.totals.index = money

    def gauges(self, gauges: Sequence[Gauge]) -> None:
        """How far the limits are used, for the panel of figures."""
        for panel in self.panels.values():
            if isinstance(panel, UsagePanel):
                panel.gauges(gauges)

    def tick(self, now_ms: int) -> None:
        """A moment later, while a turn runs."""
        if self.display:
            for panel in self.panels.values():
                panel.tick(now_ms)

    def widen(self, by: int) -> None:
        """More cells, or fewer."""
        self._width = max(NARROWEST, min(WIDEST, self._width + by))
        self.styles.width = self._width

    def on_grip_dragged(self, event: Grip.Dragged) -> None:
        """The mouse says how wide."""
        self.widen(self.region.right - event.column - self._width)

    @property
    def files(self) -> FilesPanel:
        """The panel that is told what becomes of files."""
        return next(panel for panel in self.panels.values() if isinstance(panel, FilesPanel))
