"""The list that panels, tables, trees and the ledger are built on: a widget, and the rows that it shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Final, Generic, TypeVar

from textual import events
from textual.content import Content
from textual.geometry import Offset, Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.style import Style
from textual.visual import Visual
from textual.widget import Widget

from handinger_tui.core.formatting import wrapped_text
from handinger_tui.ui.terminal.diff_app import OSC_52, DiffApp, copy_report

POINTER: Final = "›"
"""Marks the item under the cursor, so that it is recognizable without color."""


class ListRows:
    """The items of a list and the lines that show them, both counted from 0. All texts are clean.

    Items are one below another, each `item_height` lines high, unless a subclass places them itself.
    Without items the list shows `message`.
    """

    item_height: int = 1
    cursor_height: int = 1
    """Lines of an item that get the cursor's background."""
    head_height: int = 0
    """Lines above the items, which never scroll: 0 or 1."""
    message = ""
    loaded = True
    """False until something is read: all lines are blank."""

    @property
    def count(self) -> int:
        """The number of items."""
        return 0

    def line(self, at: int, row: int, width: int, *, here: bool) -> Content:
        """Line `row` of item `at`, in at most `width` cells after the pointer.

        `here`: the line has the cursor's background. Faint or colored text would not contrast with it.
        """
        return Content("")

    def head_line(self, width: int) -> Content:
        """The line above the items."""
        return Content("")

    def other_line(self, y: int, width: int) -> Content:
        """A line that belongs to no item, such as a heading."""
        return Content.styled(_wrap(self.message, width)[y], "$text-muted")

    def line_count(self, width: int) -> int:
        """The number of lines without the head."""
        return self.lines_of(self.count - 1).stop if self.count else len(_wrap(self.message, width))

    def lines_of(self, at: int) -> range:
        """The lines of item `at`."""
        return range(at * self.item_height, (at + 1) * self.item_height)

    def lines_to_show(self, at: int) -> range:
        """The lines that scroll into view with item `at`."""
        return self.lines_of(at)

    def place_of(self, y: int) -> tuple[int, int] | None:
        """(item, row within it) at line `y`; None where there is no item."""
        at, row = divmod(y, self.item_height)
        return (at, row) if 0 <= at < self.count else None

    def tooltip(self, at: int) -> Content | None:
        """All facts about item `at`, shown while the mouse is over it."""
        return None

    def full_text(self, at: int) -> str:
        """The complete text of item `at`, for a detail line below the list; "" without such an item."""
        return ""

    def summary(self, width: int) -> str:
        """The counts of the items for the border of the list, where possible in `width` cells."""
        return ""

    @property
    def head(self) -> int:
        """The lines of the head that are drawn; none without items."""
        return self.head_height if self.count else 0


ItemT = TypeVar("ItemT")


class ItemRows(ListRows, Generic[ItemT]):
    """Rows of items that are all in memory."""

    items: Sequence[ItemT] = ()

    @property
    def count(self) -> int:
        """The number of items."""
        return len(self.items)

    def item(self, at: int) -> ItemT | None:
        """Item `at`; None where there is none."""
        return self.items[at] if at < len(self.items) else None


def _wrap(text: str, width: int) -> list[str]:
    return wrapped_text(text, max(width, 10))


RowsT = TypeVar("RowsT", bound=ListRows)


class VirtualList(ScrollView, Generic[RowsT], can_focus=True):
    """A list of any length with a cursor. Only visible lines are built, and only changed ones drawn."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {"list--cursor"}
    CURSOR_WITHOUT_FOCUS: ClassVar[bool] = True

    class Moved(Message):
        """The cursor moved, or the item under it changed."""

        def __init__(self, view: VirtualList[Any]) -> None:
            super().__init__()
            self.view = view

    def __init__(self, rows: RowsT, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.rows = rows
        """After a change of the rows, call `update`."""
        self.cursor = 0
        """The position of the cursor among the items; 0 in an empty list."""
        self._hovered: int | None = None
        self._drawn_lines: dict[int, tuple[Content | None, Style]] = {}
        """What was drawn on each visible line, counted from the first visible one."""
        self._drawn_viewport: object = None

    # -- drawing -----------------------------------------------------------------------
    def update(self) -> None:
        """Measure again, and redraw the visible lines that changed."""
        width = self.scrollable_content_region.width
        if width > 0:
            count = self.rows.line_count(width)
            size = Size(width, count + self.rows.head)
            always_fits = max(size.height, self.virtual_size.height) <= self.size.height
            if always_fits and not self.styles.auto_dimensions:
                # No scroll bar before and after: a layout of the screen, 15 ms, would change nothing.
                self.set_reactive(VirtualList.virtual_size, size)
            elif size != self.virtual_size:
                self.virtual_size = size
        viewport = (self.size, self.scrollable_content_region, self.scroll_offset)
        if viewport != self._drawn_viewport:
            self._drawn_viewport = viewport
            self._drawn_lines.clear()
            self.refresh()
        elif changed := [y for y, old in self._drawn_lines.items() if not _same(old, self._visible_line(y))]:
            self.refresh(*(Region(0, y, width, 1) for y in changed))

    @property
    def terminal_cursor(self) -> Offset | None:
        """Where the cursor of the terminal stands with the focus here: screen readers follow it.

        None: nowhere, since no item is in sight.
        """
        if not self.rows.count:
            return None
        line = self.rows.lines_of(self.cursor).start + self.rows.head - self.scroll_offset.y
        is_visible = self.rows.head <= line < self.scrollable_content_region.height
        return self.content_region.offset + Offset(0, line) if is_visible else None

    @property
    def in_sight(self) -> range:
        """The items that are at least partly visible."""
        first, room = self.scroll_offset.y, self.scrollable_content_region.height - self.rows.head
        last = min(first + room, self.rows.line_count(self.scrollable_content_region.width)) - 1
        ends = [place[0] for line in (first, last) if (place := self.rows.place_of(line)) is not None]
        return range(ends[0], ends[-1] + 1) if ends else range(0)

    def on_mount(self) -> None:
        """Measure, if the width is set already."""
        self.update()

    def on_resize(self, _event: events.Resize) -> None:
        """Measure for the new width; a cursor that is drawn stays visible."""
        self.update()
        if self.CURSOR_WITHOUT_FOCUS or self.has_focus:
            self._scroll_to_cursor()

    def _visible_line(self, y: int) -> tuple[Content | None, Style]:
        """Text and style of visible line `y`; the text is None where there is no line."""
        width, rows, style = self.scrollable_content_region.width, self.rows, self.visual_style
        if width <= 0 or not rows.loaded:
            return None, style
        if y < rows.head:
            return rows.head_line(width).truncate(width, ellipsis=True), style
        at = y + self.scroll_offset.y - rows.head
        if at >= rows.line_count(width):
            return None, style
        place = rows.place_of(at)
        if place is None:
            return rows.other_line(at, width).truncate(width, ellipsis=True), style
        item, row = place
        here = item == self.cursor and (self.CURSOR_WITHOUT_FOCUS or self.has_focus)
        pointer = POINTER if here and row == 0 else " "
        here = here and row < rows.cursor_height
        line = Content.assemble(pointer, rows.line(item, row, width - 1, here=here))
        if here:
            style = self.get_visual_style("list--cursor")
        return line.truncate(width, ellipsis=True), style

    def render_line(self, y: int) -> Strip:
        """Draw visible line `y`."""
        content, style = self._drawn_lines[y] = self._visible_line(y)
        if content is None:
            return Strip.blank(self.size.width, style.rich_style)
        width = self.scrollable_content_region.width
        strips = Visual.to_strips(self, content, width, 1, style, pad=True)
        return strips[0] if strips else Strip.blank(width, style.rich_style)

    # -- moving ------------------------------------------------------------------------
    def move_to(self, at: int) -> None:
        """Move the cursor to the item nearest to position `at`, and scroll it into sight."""
        self.cursor = max(0, min(at, self.rows.count - 1))
        self._scroll_to_cursor()
        self.update()
        self.refresh_bindings()
        self.post_message(self.Moved(self))

    def _scroll_to_cursor(self) -> None:
        lines = self.rows.lines_to_show(self.cursor) if self.rows.count else range(0)
        width = max(1, self.scrollable_content_region.width)
        region = Region(0, lines.start, width, len(lines) + self.rows.head)
        self.scroll_to_region(region, animate=False, force=True, immediate=True)

    def action_step(self, by: int) -> None:
        """Move the cursor by `by` items."""
        self.move_to(self.cursor + by)

    def action_page(self, by: int) -> None:
        """Move the cursor by `by` pages."""
        height = self.scrollable_content_region.height - self.rows.head
        self.move_to(self.cursor + by * max(1, height // self.rows.item_height - 1))

    def action_jump(self, at: int) -> None:
        """Move the cursor to item `at`; a negative number counts from the end."""
        self.move_to(at if at >= 0 else self.rows.count + at)

    # -- mouse -------------------------------------------------------------------------
    def item_at(self, event: events.MouseEvent) -> int | None:
        """The item under the mouse; None where there is none."""
        offset = event.get_content_offset(self)
        if offset is None or offset.y < self.rows.head:
            return None
        place = self.rows.place_of(offset.y - self.rows.head + self.scroll_offset.y)
        return place[0] if place is not None else None

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Show the facts about the item under the mouse as a tooltip."""
        at = self.item_at(event)
        if at != self._hovered:
            self._hovered = at
            self.tooltip = None if at is None else self.rows.tooltip(at)


def _same(one: tuple[Content | None, Style], other: tuple[Content | None, Style]) -> bool:
    (before, style), (now, other_style) = one, other
    same = before is now or (before is not None and now is not None and before.is_same(now))
    return same and style == other_style


def copy_from(widget: Widget, text: str, what: str) -> None:
    """Copy `text` to the clipboard and notify the user; `what` names it."""
    app = widget.app

    def say(way: str) -> None:
        words, severity = copy_report(text, what, way)
        widget.notify(words, severity=severity, markup=False)

    if isinstance(app, DiffApp):
        app.copy_to_clipboard(text, say)
    else:
        app.copy_to_clipboard(text)
        say(OSC_52)
