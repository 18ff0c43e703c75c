"""Panel: what every panel beside the transcript is, and the row of the table it stands in."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, Generic, TypeVar

from textual import events
from textual.content import Content
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.style import Style
from textual.visual import Visual

from handinger_tui.core.record import dataclass
from handinger_tui.core.turns.session import Session

Shown = TypeVar("Shown")


class Panel(ScrollView, Generic[Shown], can_focus=True):
    """A scrolling column of lines, drawn only where it can be seen.

    A panel is told the newest session with `show` and nothing else: no deltas,
    no files, no network. It compares its own selection of the session with the
    one it drew last, and draws again only when they differ. Its text is
    `Content`, never markup; styles are component classes of the style sheet.
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
        self._shown: Shown | None = None
        self._in_sight: dict[int, tuple[Content | None, Style]] = {}
        """What stands on the lines that were drawn, counted from the first in sight."""
        self._place_drawn: object = None

    def show(self, session: Session) -> None:
        """Take the newest session; costs next to nothing when nothing of it is ours."""
        shown = self.select(session)
        if shown == self._shown:
            return
        before, self._shown = self._shown, shown
        self.changed(before, shown)
        self.redraw()

    def show_soon(self, session: Session) -> None:
        """As `show`, for a paint: what would hold it up may come a little later, in steps."""
        self.show(session)

    @abstractmethod
    def select(self, session: Session) -> Shown:
        """What this panel shows of a session: a value that compares cheaply."""

    def changed(self, before: Shown | None, now: Shown) -> None:
        """React to a new selection before it is drawn."""

    def tick(self, now_ms: int) -> None:
        """A moment later, for what a clock counts; most panels have nothing of it."""

    @abstractmethod
    def line_count(self, width: int) -> int:
        """How many lines there are at `width` cells."""

    @abstractmethod
    def line(self, y: int, width: int) -> Content:
        """Line `y` of all lines, counted from 0, at most `width` cells wide."""

    def style_of(self, _y: int) -> Style:
        """The style under line `y`."""
        return self.visual_style

    # -- drawing -----------------------------------------------------------------
    def redraw(self) -> None:
        """Measure again and draw what can be seen and is not what it was."""
        width = self.scrollable_content_region.width
        if width > 0:
            size = Size(width, self.line_count(width))
            if size != self.virtual_size:
                self.virtual_size = size
        at = (self.size, self.scrollable_content_region, self.scroll_offset)
        if at != self._place_drawn:
            self._place_drawn = at
            self._in_sight.clear()
            self.refresh()
        elif changed := [y for y, before in self._in_sight.items() if not _same(before, self._what(y))]:
            self.refresh(*(Region(0, y, width, 1) for y in changed))

    def on_mount(self) -> None:
        """Measure once there is a width."""
        self.redraw()

    def on_resize(self, _event: events.Resize) -> None:
        """Measure for the new width."""
        self.redraw()

    def _what(self, y: int) -> tuple[Content | None, Style]:
        """What stands on a line in sight; None: there is no such line."""
        width, at = self.scrollable_content_region.width, y + self.scroll_offset.y
        if width <= 0 or self._shown is None or not 0 <= at < self.line_count(width):
            return None, self.visual_style
        return self.line(at, width).truncate(width, ellipsis=True), self.style_of(at)

    def render_line(self, y: int) -> Strip:
        """Draw one line of the visible part."""
        content, style = self._in_sight[y] = self._what(y)
        if content is None:
            return Strip.blank(self.size.width, style.rich_style)
        width = self.scrollable_content_region.width
        strips = Visual.to_strips(self, content, width, 1, style, pad=True)
        return strips[0] if strips else Strip.blank(width, style.rich_style)


def _same(one: tuple[Content | None, Style], other: tuple[Content | None, Style]) -> bool:
    (before, style), (now, other_style) = one, other
    same = before is now or (before is not None and now is not None and before.is_same(now))
    return same and style == other_style


@dataclass(frozen=True, slots=True)
class PanelEntry:
    """One row of `PANELS`. `key` toggles or focuses the panel, as Textual spells keys."""

    name: str
    title: str
    key: str
    tooltip: str
    make: Callable[[], Panel[Any]]
