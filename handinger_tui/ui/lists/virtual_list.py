"""Virtual list: the base of tables and trees, with a cursor and a fixed head.

Only visible lines are built.
"""

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
"""Maximum number of characters copied to the clipboard through the terminal."""


class VirtualList(ScrollView, can_focus=True):
    """A list with a cursor. Subclasses provide the number of lines and their content, as clean text."""

    ALLOW_SELECT = False
    HEAD: ClassVar[int] = 0
    """Number of head lines, which never scroll."""
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
        """The cursor moved, or the line under it changed."""

        def __init__(self, view: VirtualList) -> None:
            super().__init__()
            self.view = view

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's parameter name
        super().__init__(id=id, classes="cursor-lines")
        self._cursor = 0

    # -- for subclasses ----------------------------------------------------------------
    @property
    @abstractmethod
    def count(self) -> int:
        """Number of lines without the head."""

    @abstractmethod
    def row_line(self, row: int, width: int) -> Content:
        """Return line `row`; text beyond `width` cells is cut."""

    def head_line(self, _row: int, _width: int) -> Content:
        """Return a line of the head."""
        return Content("")

    @property
    @abstractmethod
    def full_text(self) -> str:
        """The complete clean text at the cursor, for a detail line below the list."""

    @abstractmethod
    def action_copy(self) -> None:
        """Copy the item at the cursor to the clipboard."""

    # -- drawing -----------------------------------------------------------------------
    @property
    def cursor(self) -> int:
        """The index of the cursor line."""
        return self._cursor

    def update_size(self) -> None:
        """Update the scrollable size after the number of lines changed."""
        width = self.scrollable_content_region.width
        size = Size(width, self.count + self.HEAD if self.count else 0)
        if width > 0 and size != self.virtual_size:
            self.virtual_size = size
        self.refresh()

    def on_mount(self) -> None:
        """Update the size once the width is known."""
        self.update_size()

    def on_resize(self, _event: events.Resize) -> None:
        """Keep the cursor in sight."""
        self.update_size()
        self._scroll_to_cursor()

    def render_line(self, y: int) -> Strip:
        """Return one screen line: the head first, then the visible lines."""
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
        """Move the cursor to a line, clamped to the existing ones, and scroll it into sight."""
        self._cursor = max(0, min(row, self.count - 1))
        self.refresh()
        self._scroll_to_cursor()
        self.post_message(self.Moved(self))

    def _scroll_to_cursor(self) -> None:
        region = Region(0, self._cursor, max(1, self.scrollable_content_region.width), 1 + self.HEAD)
        self.scroll_to_region(region, animate=False, force=True, immediate=True)

    def action_step(self, by: int) -> None:
        """Move the cursor by `by` lines."""
        self.move_to(self._cursor + by)

    def action_page(self, by: int) -> None:
        """Move the cursor by `by` screens."""
        self.move_to(self._cursor + by * max(1, self.scrollable_content_region.height - self.HEAD - 1))

    def action_jump(self, row: int) -> None:
        """Move the cursor to the first line (0) or the last one (-1)."""
        self.move_to(row if row >= 0 else self.count + row)

    def line_at(self, event: events.MouseEvent) -> int | None:
        """Return the line under the mouse; -1 for the head, None without a line."""
        offset = event.get_content_offset(self)
        if offset is None:
            return None
        if offset.y < self.HEAD:
            return -1
        row = offset.y - self.HEAD + self.scroll_offset.y
        return row if row < self.count else None


def copy_from(widget: Widget, text: str, what: str) -> None:
    """Copy `text` to the clipboard through the terminal and notify the user; `what` names it."""
    if len(text) > LONGEST_COPY:
        warning = f"Not copied: {len(text):,} characters are too many for a terminal."
        widget.notify(warning, severity="warning", markup=False)
        return
    widget.app.copy_to_clipboard(text)
    widget.notify(f"Copied {what} ({len(text):,} characters) through the terminal.", markup=False)
