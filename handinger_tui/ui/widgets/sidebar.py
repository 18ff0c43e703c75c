"""The sidebar with the panels: a column on wide terminals, an overlay on narrow ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, TypeVar

from textual import events
from textual.app import ComposeResult
from textual.content import Content
from textual.message import Message
from textual.widget import Widget

from handinger_tui.core.turns.session import Session
from handinger_tui.ui.keys import KEYS, Where, format_keys
from handinger_tui.ui.panels import PANELS
from handinger_tui.ui.panels.panel import Panel
from handinger_tui.ui.widgets.containers import Rows

PanelT = TypeVar("PanelT", bound=Panel[Any])
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

    def __init__(self, remapped: Sequence[tuple[str, str]] = (), *, id: str | None = None) -> None:
        """`remapped`: the remapped keys as (binding id, keys); the title of a panel names its key."""
        super().__init__(id=id)
        self.panels: dict[str, Panel[Any]] = {entry.name: entry.make() for entry in PANELS}
        for key in KEYS:
            if key.where is Where.ANYWHERE and (name := key.id.removeprefix("panel.")) in self.panels:
                panel, keys = self.panels[name], format_keys(key, remapped)
                panel.border_title = Content.assemble(str(panel.BORDER_TITLE), (f" {keys}", "$text-muted"))
        self._width = WIDTH

    def compose(self) -> ComposeResult:
        """The grip, and the panels one below another."""
        yield Grip(id="grip")
        with Rows(id="panels"):
            yield from self.panels.values()

    def panel(self, kind: type[PanelT]) -> PanelT:
        """The panel of this class."""
        return next(panel for panel in self.panels.values() if isinstance(panel, kind))

    def reveal(self, name: str) -> Panel[Any]:
        """Show the panels, and return the one with this name."""
        self.set_class(self._is_overlay, "-over")
        self.remove_class("-away")
        return self.panels[name]

    def toggle(self) -> None:
        """Show or hide the panels: beside the transcript on a wide terminal, over it on a narrow one."""
        self.toggle_class("-over" if self._is_overlay else "-away")

    @property
    def _is_overlay(self) -> bool:
        return self.screen.has_class("-narrow")

    def show(self, session: Session) -> None:
        """Show the newest session in all panels; a hidden sidebar computes nothing."""
        if self.display:
            for panel in self.panels.values():
                panel.show_soon(session)

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
