"""Table view: a `TableModel` of any size, sortable by column. Only the visible cells are drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from rich.cells import cell_len, set_cell_size
from textual import events, work
from textual.binding import BindingType
from textual.content import Content

from handinger_tui.core.preview.tables import TableModel, order_of
from handinger_tui.ui.background import CancelToken, run_in_thread
from handinger_tui.ui.keys import Where, bindings
from handinger_tui.ui.lists.virtual_list import ListRows, VirtualList, copy_from

WIDEST: Final = 36
"""Maximum width of a column in cells; longer text is cut here and complete in `full_text`."""
_SAMPLE: Final = 300
"""Number of rows at each end of the table that decide the column widths."""
_GAP: Final = 2
_MIN_PARTIAL_WIDTH: Final = 5
"""Minimum width in cells for a partly visible column."""
_MAX_READ: Final = 200
"""Maximum number of characters read from a cell for drawing."""
_NO_TABLE: Final = TableModel((), [], 0, True, 0)

Sort = tuple[int, bool]
"""(column, descending)"""


class TableRows(ListRows):
    """The rows of a table under the names of its columns, with a cursor on one column."""

    head_height = 1

    def __init__(self, table: TableModel = _NO_TABLE) -> None:
        self.table = table
        self.order: Sequence[int] = range(len(table.rows))
        self.sorted_by: Sort | None = None
        """None: in file order."""
        self.sorting = False
        self.column = 0
        """The column of the cursor."""
        self._widths = _column_widths(table)
        self._first = 0
        """The first visible column."""

    @property
    def count(self) -> int:
        """The number of rows of the table."""
        return len(self.order)

    def cell(self, at: int) -> str:
        """The complete text of row `at` in the column of the cursor."""
        row = self.table.rows[self.order[at]] if self.count else ()
        return row[self.column] if self.column < len(row) else ""

    def full_text(self, at: int) -> str:
        """The column name and the complete text of the cell."""
        if not self.count or not self.table.header:
            return ""
        return f"{self.table.header[self.column] or self.column + 1}: {self.cell(at)}"

    def to_column(self, column: int, width: int) -> None:
        """Move the cursor to the nearest column; where possible all of it is visible in `width` cells."""
        self.column = max(0, min(column, len(self._widths) - 1))
        self._first = min(self._first, self.column)
        room = width - self._gutter
        while (
            self._first < self.column
            and sum(cells + _GAP for cells in self._widths[self._first : self.column + 1]) - _GAP > room
        ):
            self._first += 1

    def column_at(self, x: int, width: int) -> int | None:
        """The visible column at cell `x`; None right of the last one."""
        remaining = x - self._gutter
        for at, cells in self._visible_columns(width):
            remaining -= cells + _GAP
            if remaining < 0:
                return at
        return None

    @property
    def _gutter(self) -> int:
        """Width in cells of the pointer and the row numbers."""
        return len(f"{len(self.table.rows)}") + 1 + _GAP

    def head_line(self, width: int) -> Content:
        """The names of the visible columns; the sorted one has an arrow."""
        pieces: list[tuple[str, str]] = [(" " * (self._gutter - _GAP), ".lines--head")]
        for at, cells in self._visible_columns(width):
            arrow = ""
            if self.sorted_by is not None and self.sorted_by[0] == at:
                arrow = " ▼" if self.sorted_by[1] else " ▲"
            arrow = " …" if self.sorting and at == self.column else arrow
            name = _cut(self.table.header[at], cells - len(arrow)) + arrow
            style = ".lines--here" if at == self.column else ".lines--head"
            pieces += [(" " * _GAP, ""), (self._aligned(name, at, cells), style)]
        return Content.assemble(*pieces)

    def line(self, at: int, row: int, width: int, *, here: bool) -> Content:
        """The row number in the file and the visible cells."""
        texts = self.table.rows[self.order[at]]
        number = f"{self.order[at] + 1:>{self._gutter - 1 - _GAP}}"
        pieces: list[tuple[str, str]] = [(number, "" if here else ".lines--faint")]
        for column, cells in self._visible_columns(width + 1):
            text = texts[column] if column < len(texts) else ""
            style = ".lines--cell" if here and column == self.column else ""
            pieces += [(" " * _GAP, ""), (self._aligned(text, column, cells), style)]
        return Content.assemble(*pieces)

    def _visible_columns(self, width: int) -> list[tuple[int, int]]:
        """(column, width in cells) of each visible column; the last one may be partly visible."""
        room, columns = width - self._gutter, []
        for at in range(self._first, len(self._widths)):
            cells = min(room, self._widths[at])
            if cells < min(self._widths[at], _MIN_PARTIAL_WIDTH):
                break
            columns.append((at, cells))
            room -= cells + _GAP
        return columns

    def _aligned(self, text: str, at: int, cells: int) -> str:
        text = _cut(text, cells)
        numeric = at < len(self.table.numeric) and self.table.numeric[at]
        return " " * (cells - cell_len(text)) + text if numeric else set_cell_size(text, cells)


class TableView(VirtualList[TableRows]):
    """A table with a cursor on one cell."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"lines--faint", "lines--head", "lines--here", "lines--cell"}
    BINDINGS: ClassVar[list[BindingType]] = bindings(Where.LINES, Where.TABLE)

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(TableRows(), id=id, classes="cursor-lines")
        self._requested_sort: Sort | None = None
        self._sorting: CancelToken | None = None

    def show(self, table: TableModel) -> None:
        """Show another table, in file order."""
        self.rows = TableRows(table)
        self._requested_sort = None
        self.move_to(0)

    @property
    def cell(self) -> str:
        """The text under the cursor."""
        return self.rows.cell(self.cursor)

    def action_column(self, by: int) -> None:
        """Move the cursor by `by` columns."""
        self.to_column(self.rows.column + by)

    def to_column(self, column: int) -> None:
        """Move the cursor to the nearest column and scroll it into sight."""
        self.rows.to_column(column, self.scrollable_content_region.width)
        self.update()
        self.post_message(self.Moved(self))

    def on_click(self, event: events.Click) -> None:
        """Sort by a clicked column name, or move the cursor to a clicked cell."""
        row, offset = self.item_at(event), event.get_content_offset(self)
        on_head = offset is not None and offset.y < self.rows.head_height
        if offset is None or (row is None and not on_head):
            return
        column = self.rows.column_at(offset.x, self.scrollable_content_region.width)
        if column is not None:
            self.to_column(column)
        if row is None:
            self.action_sort()
        else:
            self.move_to(row)

    def action_copy(self) -> None:
        """Copy the complete cell."""
        copy_from(self, self.cell, "the cell")

    # -- sorting -----------------------------------------------------------------------
    def action_sort(self) -> None:
        """Cycle the order of the cursor column: ascending, descending, file order."""
        # The last request counts, even while it is still being sorted.
        column = self.rows.column
        if self._requested_sort is None or self._requested_sort[0] != column:
            self._requested_sort = column, False
            self.sort(column, descending=False)
        elif not self._requested_sort[1]:
            self._requested_sort = column, True
            self.sort(column, descending=True)
        else:
            self.workers.cancel_group(self, "sort")
            self._set_order(range(len(self.rows.table.rows)), None)

    @work(group="sort", exclusive=True)
    async def sort(self, column: int, *, descending: bool) -> None:
        """Sort in a thread; the rows keep their order until it is done."""
        rows, cancel_token = self.rows, CancelToken()
        self._sorting, rows.sorting = cancel_token, True
        self.update()
        try:
            order = await run_in_thread(
                lambda: order_of(rows.table, column, descending=descending, pause=cancel_token.check)
            )
        finally:
            cancel_token.stop()
            # A cancelled sort ends after the next one has begun.
            if self._sorting is cancel_token:
                self._sorting, rows.sorting = None, False
                self.update()
        if rows is self.rows:
            self._set_order(order, (column, descending))

    def _set_order(self, order: Sequence[int], by: Sort | None) -> None:
        self.rows.order, self.rows.sorted_by, self._requested_sort = order, by, by
        self.move_to(0)


def _column_widths(table: TableModel) -> list[int]:
    """The width of each column, from its name and the rows at both ends."""
    sample = table.rows[:_SAMPLE] + table.rows[_SAMPLE:][-_SAMPLE:]
    # Two cells after the name for the arrow.
    widths = [min(WIDEST, cell_len(name[:_MAX_READ]) + 2) for name in table.header]
    for row in sample:
        for at, cell in enumerate(row[: len(widths)]):
            if len(cell) > widths[at] or not cell.isascii():
                widths[at] = max(widths[at], min(WIDEST, cell_len(cell[:_MAX_READ])))
    return widths


def _cut(text: str, width: int) -> str:
    """Cut text to one line of at most `width` cells."""
    line = text[:_MAX_READ].replace("\n", "⏎").replace("\t", " ")
    if cell_len(line) <= width and len(text) <= _MAX_READ:
        return line
    return set_cell_size(line, max(0, width - 1)).rstrip() + "…"
