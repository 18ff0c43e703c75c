"""The base class of the panels beside the transcript, and their entry in the table of panels."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

from textual import events
from textual.content import Content
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.style import Style
from textual.visual import Visual

from handinger_tui.core.turns.session import Session

Shown = TypeVar("Shown")


class Panel(ScrollView, Generic[Shown], can_focus=True):
    """A scrolling column of lines, of which only the visible ones are drawn.

    The only input of a panel is the newest session, passed to `show`: no deltas, no files, no
    network. The panel compares its selection of the session with the one it drew last and redraws
    only when they differ. Its text is `Content`, never markup; styles are component classes of
    the style sheet.
    """

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "panel--faint",
        "panel--strong",
        "panel--accent",
        "panel--mark",
        "panel--good",
        "panel--cursor",
    }
    name_of_panel: ClassVar[str]

    def __init__(self) -> None:
        super().__init__(id=f"panel-{self.name_of_panel}", classes="panel")
        self._selection: Shown | None = None
        self._drawn_lines: dict[int, tuple[Content | None, Style]] = {}
        """What was drawn on each visible line, counted from the first visible one."""
        self._drawn_viewport: object = None

    def show(self, session: Session) -> None:
        """Show the newest session; cheap when the panel's selection did not change."""
        selection = self.select(session)
        if selection == self._selection:
            return
        before, self._selection = self._selection, selection
        self.changed(before, selection)
        self.redraw()

    def show_soon(self, session: Session) -> None:
        """Show the session without delaying the current paint: a subclass may defer long work."""
        self.show(session)

    @abstractmethod
    def select(self, session: Session) -> Shown:
        """The part of the session that this panel shows: a value that is cheap to compare."""

    def changed(self, before: Shown | None, now: Shown) -> None:
        """React to a new selection, before it is drawn."""

    def tick(self, now_ms: int) -> None:
        """Update what depends on the clock; most panels have nothing that does."""

    @abstractmethod
    def line_count(self, width: int) -> int:
        """The number of lines at `width` cells."""

    @abstractmethod
    def line(self, y: int, width: int) -> Content:
        """Line `y` of all lines, counted from 0, at most `width` cells wide."""

    def style_of(self, _y: int) -> Style:
        """The style under line `y`."""
        return self.visual_style

    # -- drawing -----------------------------------------------------------------
    def redraw(self) -> None:
        """Measure again and redraw the visible lines that changed."""
        width = self.scrollable_content_region.width
        if width > 0:
            size = Size(width, self.line_count(width))
            if size != self.virtual_size:
                self.virtual_size = size
        viewport = (self.size, self.scrollable_content_region, self.scroll_offset)
        if viewport != self._drawn_viewport:
            self._drawn_viewport = viewport
            self._drawn_lines.clear()
            self.refresh()
        elif changed := [
            y for y, old in self._drawn_lines.items() if not _is_same(old, self._visible_line(y))
        ]:
            self.refresh(*(Region(0, y, width, 1) for y in changed))

    def on_mount(self) -> None:
        """Measure as soon as the width is known."""
        self.redraw()

    def on_resize(self, _event: events.Resize) -> None:
        """Measure for the new width."""
        self.redraw()

    def _visible_line(self, y: int) -> tuple[Content | None, Style]:
        """Text and style of visible line `y`; the text is None where there is no line."""
        width, at = self.scrollable_content_region.width, y + self.scroll_offset.y
        if width <= 0 or self._selection is None or not 0 <= at < self.line_count(width):
            return None, self.visual_style
        return self.line(at, width).truncate(width, ellipsis=True), self.style_of(at)

    def render_line(self, y: int) -> Strip:
        """Draw visible line `y`."""
        content, style = self._drawn_lines[y] = self._visible_line(y)
        if content is None:
            return Strip.blank(self.size.width, style.rich_style)
        width = self.scrollable_content_region.width
        strips = Visual.to_strips(self, content, width, 1, style, pad=True)
        return strips[0] if strips else Strip.blank(width, style.rich_style)


def _is_same(one: tuple[Content | None, Style], other: tuple[Content | None, Style]) -> bool:
    (before, style), (now, other_style) = one, other
    same = before is now or (before is not None and now is not None and before.is_same(now))
    return same and style == other_style


@dataclass(frozen=True, slots=True)
class PanelEntry:
    """One entry of `PANELS`. Its key is the row `panel.<name>` of the key table."""

    name: str
    make: Callable[[], Panel[Any]]
