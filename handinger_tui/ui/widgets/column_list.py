"""A list in columns: laid out for its width, sorted and filtered by the person."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any, Final, Generic

from rich.cells import cell_len
from textual import events
from textual.content import Content
from textual.message import Message

from handinger_tui.core.columns import Column, ColumnMeasure, Layout, Row, Tone, in_order
from handinger_tui.core.safety import clean_line
from handinger_tui.ui.keys import Where, bindings
from handinger_tui.ui.widgets.virtual_list import ItemRows, ItemT, VirtualList, copy_from


class ScreenColumns:
    """Columns on the screen: measured by the rows so far, and laid out for one width at a time."""

    def __init__(self, columns: Sequence[Column], rows: Sequence[Row] = ()) -> None:
        self._measure = ColumnMeasure.of(columns, rows, cell_len)
        self._layout: tuple[int, Layout] | None = None

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns, whether they are visible or not."""
        return self._measure.columns

    def add(self, rows: Sequence[Row]) -> None:
        self._measure, self._layout = self._measure.with_rows(rows), None

    def layout(self, width: int) -> Layout:
        """The columns in `width` cells."""
        if self._layout is None or self._layout[0] != width:
            self._layout = width, Layout.fit(self._measure, width)
        return self._layout[1]

    def head(self, width: int, sorted_by: tuple[int, bool] | None = None) -> Content:
        return Content.assemble(*self.layout(width).head(sorted_by))

    def line(self, row: Row, width: int, *, here: bool = False) -> Content:
        """A row; without colors where it has the background of the cursor."""
        line = Content.assemble(*self.layout(width).line(row))
        return Content(line.plain) if here else line


BESIDE: Final = 2
"""Cells of a list that its columns leave free: for the mark, and beside the scroll bar."""


MOST_LINES: Final = 200
"""So many built lines are kept, more than a screen has."""


def list_head(columns: ScreenColumns, width: int, sorted_by: tuple[int, bool] | None = None) -> Content:
    """The line above the items of a list."""
    head = Content.assemble(" ", columns.head(width - BESIDE, sorted_by))
    return head.pad_right(max(0, width - head.cell_length)).stylize(f"underline {Tone.FAINT}")


class ColumnRows(ItemRows[ItemT]):
    """Items and a row for each of them; those that match the filter are shown, in the order of a column."""

    loaded = False
    cursor_height = 2

    def __init__(self, columns: Sequence[Column]) -> None:
        self.columns = ScreenColumns(columns)
        self.head_height = int(any(column.head for column in columns))
        self.sorted_by: tuple[int, bool] | None = None
        """(column, descending); None: as the items came."""
        self.filter = ""
        self._all: Sequence[ItemT] = ()
        self._all_rows: Sequence[Row] = ()
        self._rows: Sequence[Row] = ()
        self._empty = ""
        self._starts = [0]
        """The first line of each row, its heading included, and the line behind the last one."""
        self._lines: dict[tuple[int, int, bool], tuple[Row, Layout, Content]] = {}
        """Lines as they were built: a list that looks again and again finds most of its rows unchanged."""

    def lines_of(self, at: int) -> range:
        """The lines of item `at`, without its heading."""
        return range(self._starts[at] + bool(self._rows[at].above), self._starts[at + 1])

    def lines_to_show(self, at: int) -> range:
        """Its heading comes into sight with it."""
        return range(self._starts[at], self._starts[at + 1])

    def place_of(self, y: int) -> tuple[int, int] | None:
        """(item, row within it) at line `y`; None at a heading."""
        at = bisect_right(self._starts, y) - 1
        if not 0 <= at < self.count or y not in self.lines_of(at):
            return None
        return at, y - self.lines_of(at).start

    def other_line(self, y: int, width: int) -> Content:
        """A heading, or what stands in place of rows."""
        at = bisect_right(self._starts, y) - 1
        return (
            Content.styled(self._rows[at].above, Tone.FAINT) if self.count else super().other_line(y, width)
        )

    def show(self, items: Sequence[ItemT], rows: Sequence[Row], empty: str) -> None:
        """Show other items; without any, a text."""
        self.loaded, self._all, self._all_rows, self._empty = True, items, rows, empty
        self.columns = ScreenColumns(self.columns.columns, rows)
        self.arrange()

    def arrange(self) -> None:
        """Apply filter and order."""
        rows, words, by = self._all_rows, self.filter.lower().split(), self.sorted_by
        order = range(len(rows)) if by is None else in_order(rows, by[0], descending=by[1])
        shown = [at for at in order if rows[at].has(words)]
        self.items, self._rows = [self._all[at] for at in shown], [rows[at] for at in shown]
        heights = (bool(row.above) + 1 + bool(row.below) for row in self._rows)
        self._starts = [*accumulate(heights, initial=0)]
        self.message = f"No row has “{self.filter}”. Esc clears the filter." if self._all else self._empty

    @property
    def total(self) -> int:
        """The number of items without the filter."""
        return len(self._all)

    def layout(self, width: int) -> Layout:
        """The columns in a list of `width` cells."""
        return self.columns.layout(width - BESIDE)

    def head_line(self, width: int) -> Content:
        return list_head(self.columns, width, self.sorted_by)

    def line(self, at: int, row: int, width: int, *, here: bool) -> Content:
        """The cells, then the second line."""
        if row:
            below = Content.styled(self._rows[at].below, "" if here else Tone.FAINT)
            for start, end in self._rows[at].marks:
                below = below.stylize(Tone.STRONG if here else f"{Tone.STRONG} {Tone.BAR}", start, end)
            return Content.assemble("  ", below)
        cells, layout = self._rows[at], self.layout(width + 1)
        kept = self._lines.get((at, width, here))
        if kept is None or kept[0] != cells or kept[1] != layout:
            if len(self._lines) >= MOST_LINES:
                self._lines.clear()
            content = self.columns.line(cells, width + 1 - BESIDE, here=here)
            kept = self._lines[at, width, here] = cells, layout, content
        return kept[2]


class ColumnList(VirtualList[ColumnRows[ItemT]], Generic[ItemT]):
    """A list in columns whose cursor stays on its item when the list is sorted or filtered."""

    BINDINGS = bindings(Where.LINES)

    class Clicked(Message):
        """An item was clicked; the cursor is on it. `twice`: by a double click."""

        def __init__(self, view: ColumnList[Any], *, twice: bool) -> None:
            super().__init__()
            self.view, self.twice = view, twice

    def __init__(
        self,
        columns: Sequence[Column],
        copied: Callable[[ItemT], tuple[str, str]],
        *,
        id: str | None = None,
        classes: str = "cursor-lines",
    ) -> None:
        """`copied`: what is copied of an item, and the name of that: ("sch_1", "the id of the schedule")."""
        super().__init__(ColumnRows(columns), id=id, classes=classes)
        self._copied = copied
        self.sorts = True
        """Whether a click on a head sorts."""

    @property
    def current(self) -> ItemT | None:
        """The item under the cursor."""
        return self.rows.item(self.cursor)

    def action_copy(self) -> None:
        """Copy a text of the item under the cursor in one line."""
        if self.current is not None:
            text, what = self._copied(self.current)
            copy_from(self, clean_line(text), what)

    def show(self, items: Sequence[ItemT], rows: Sequence[Row], empty: str) -> None:
        """Show other items; the cursor stays in its place."""
        self.rows.show(items, rows, empty)
        self.move_to(self.cursor)

    def renew(self, items: Sequence[ItemT], rows: Sequence[Row], empty: str) -> None:
        """Show other words of the same items; nothing scrolls."""
        self.rows.show(items, rows, empty)
        self.cursor = max(0, min(self.cursor, self.rows.count - 1))
        self.update()

    def filter(self, text: str) -> None:
        """Show only the rows that have every word of a text; "" shows all."""
        self.rows.filter = text.strip()
        self._arrange()

    def sort(self, column: int, *, descending: bool = False) -> None:
        self.rows.sorted_by = column, descending
        self._arrange()

    def sort_next(self, by: int) -> None:
        """Sort by the visible column `by` places on, behind the last one as the items came."""
        shown = [at for at, _ in self.rows.layout(self.scrollable_content_region.width).visible]
        places: list[int | None] = [None, *shown]
        now = None if self.rows.sorted_by is None else self.rows.sorted_by[0]
        at = places[((places.index(now) if now in places else 0) + by) % len(places)]
        self.rows.sorted_by = None if at is None else (at, False)
        self._arrange()

    def reverse(self) -> None:
        """Reverse the order of the column by which the list is sorted, else of the first one."""
        column, descending = self.rows.sorted_by or (0, False)
        self.sort(column, descending=not descending)

    def _arrange(self) -> None:
        item = self.current
        self.rows.arrange()
        at = next((at for at, one in enumerate(self.rows.items) if one is item), 0)
        self.move_to(at)

    def on_click(self, event: events.Click) -> None:
        """Move the cursor to the clicked item; a click on a head sorts by that column, then reverses."""
        offset, at = event.get_content_offset(self), self.item_at(event)
        if at is not None:
            self.move_to(at)
            self.post_message(self.Clicked(self, twice=event.chain == 2))
        elif self.sorts and offset is not None and offset.y < self.rows.head:
            layout = self.rows.layout(self.scrollable_content_region.width)
            column = layout.column_at(offset.x - 1)
            if column is not None:
                self.sort(column, descending=self.rows.sorted_by == (column, False))
