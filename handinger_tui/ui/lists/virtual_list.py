"""Cursor lines: the ground of tables and trees, with a head that stays. Only what is in sight is made."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from textual import events
from textual.binding import BindingType
from textual.content import Content
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.style import Style
from textual.visual import Visual
from textual.widget import Widget

from handinger_tui.ui.keys import Where, bindings

LONGEST_COPY = 1_000_000
"""Characters that a terminal may be handed for the clipboard."""


class VirtualList(ScrollView, can_focus=True):
    """Subclasses say how many lines there are and what stands in one; every text they give is clean."""

    ALLOW_SELECT = False
    HEAD: ClassVar[int] = 0
    """Lines above the others that never scroll."""
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "lines--faint",
        "lines--head",
        "lines--here",
        "lines--key",
        "lines--string",
        "lines--number",
        "lines--mark",
        "lines--cursor",
        "lines--cell",
    }
    BINDINGS: ClassVar[list[BindingType]] = bindings(Where.LINES)

    class Moved(Message):
        """The cursor stands somewhere else, or what is under it is another."""

        def __init__(self, view: VirtualList) -> None:
            super().__init__()
            self.view = view

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name for it
        super().__init__(id=id, classes="cursor-lines")
        self._cursor = 0

    # -- for subclasses ----------------------------------------------------------------
    @property
    @abstractmethod
    def count(self) -> int:
        """How many lines there are, the head left out."""

    @abstractmethod
    def row_line(self, row: int, width: int) -> Content:
        """Line `row`; what does not fit is cut."""

    def head_line(self, _row: int, _width: int) -> Content:
        """A line of the head."""
        return Content("")

    @property
    @abstractmethod
    def whole(self) -> str:
        """Everything that the cursor stands on, clean, for a line below."""

    @abstractmethod
    def action_copy(self) -> None:
        """What the cursor stands on, to the clipboard."""

    # -- drawing -----------------------------------------------------------------------
    @property
    def cursor(self) -> int:
        """The line of the cursor, from 0."""
        return self._cursor

    def measured(self) -> None:
        """There are more lines, or fewer."""
        width = self.scrollable_content_region.width
        size = Size(width, self.count + self.HEAD if self.count else 0)
        if width > 0 and size != self.virtual_size:
            self.virtual_size = size
        self.refresh()

    def on_mount(self) -> None:
        """Measure once there is a width."""
        self.measured()

    def on_resize(self, _event: events.Resize) -> None:
        """The cursor stays in sight."""
        self.measured()
        self._into_sight()

    def render_line(self, y: int) -> Strip:
        """The head first, then the lines in sight."""
        width = self.scrollable_content_region.width
        if width <= 0:
            return Strip.blank(self.size.width, self.visual_style.rich_style)
        row = self.scroll_offset.y + y - self.HEAD
        style: Style = self.visual_style
        content = Content("")
        if y < self.HEAD:
            content = self.head_line(y, width)
        elif row < self.count:
            content = self.row_line(row, width)
            if row == self._cursor:
                style = self.get_visual_style("lines--cursor")
        strips = Visual.to_strips(self, content.truncate(width, ellipsis=True), width, 1, style, pad=True)
        return strips[0] if strips else Strip.blank(width, style.rich_style)

    # -- moving ------------------------------------------------------------------------
    def move_to(self, row: int) -> None:
        """Put the cursor on a line, as near as there is one, and show it."""
        self._cursor = max(0, min(row, self.count - 1))
        self.refresh()
        self._into_sight()
        self.post_message(self.Moved(self))

    def _into_sight(self) -> None:
        region = Region(0, self._cursor, max(1, self.scrollable_content_region.width), 1 + self.HEAD)
        self.scroll_to_region(region, animate=False, force=True, immediate=True)

    def action_step(self, by: int) -> None:
        """Move by lines."""
        self.move_to(self._cursor + by)

    def action_page(self, by: int) -> None:
        """Move by screens."""
        self.move_to(self._cursor + by * max(1, self.scrollable_content_region.height - self.HEAD - 1))

    def action_jump(self, row: int) -> None:
        """To the first line (0) or the last one (-1)."""
        self.move_to(row if row >= 0 else self.count + row)

    def line_at(self, event: events.MouseEvent) -> int | None:
        """Which line the mouse is on; -1 for the head, None where there is none."""
        offset = event.get_content_offset(self)
        if offset is None:
            return None
        if offset.y < self.HEAD:
            return -1
        row = offset.y - self.HEAD + self.scroll_offset.y
        return row if row < self.count else None


def copy_from(widget: Widget, text: str, what: str) -> None:
    """Put `text` on the clipboard by the terminal, and say so."""
    if len(text) > LONGEST_COPY:
        told = f"Not copied: {len(text):,} characters are too many for a terminal."
        widget.notify(told, severity="warning", markup=False)
        return
    widget.app.copy_to_clipboard(text)
    widget.notify(f"Copied {what} ({len(text):,} characters) through the terminal.", markup=False)
