"""Table view: a `TableModel` of any size, sortable by column. Only the visible cells are drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from rich.cells import cell_len, set_cell_size
from textual import events, work
from textual.binding import BindingType
from textual.content import Content

from handinger_tui.core.preview.tables import Row, TableModel, order_of
from handinger_tui.ui.background import CancelToken, run_in_thread
from handinger_tui.ui.keys import Where, bindings
from handinger_tui.ui.lists.virtual_list import VirtualList, copy_from

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


class TableView(VirtualList):
    """Rows under a head of column names, with a cursor on one cell."""

    HEAD = 1
    BINDINGS: ClassVar[list[BindingType]] = bindings(Where.TABLE)

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's parameter name
        super().__init__(id=id)
        self._table = _NO_TABLE
        self._column_widths: list[int] = []
        self._column = self._first = 0
        self._order: Sequence[int] = ()
        self._sort: tuple[int, bool] | None = None
        self._requested_sort: tuple[int, bool] | None = None
        self._sorting: CancelToken | None = None

    def show(self, table: TableModel) -> None:
        """Show another table, in file order."""
        self._table, self._order = table, range(len(table.rows))
        self._sort = self._requested_sort = None
        self._column_widths = _column_widths(table)
        self._column = self._first = 0
        self.update_size()
        self.move_to(0)

    @property
    def table(self) -> TableModel:
        """The table that is shown."""
        return self._table

    @property
    def count(self) -> int:
        """Number of rows of the table."""
        return len(self._order)

    @property
    def column(self) -> int:
        """The column of the cursor, from 0."""
        return self._column

    @property
    def sorted_by(self) -> tuple[int, bool] | None:
        """(column, descending), None for file order."""
        return self._sort

    @property
    def cell(self) -> str:
        """The text under the cursor."""
        row = self._row(self.cursor) if self.count else ()
        return row[self._column] if self._column < len(row) else ""

    @property
    def full_text(self) -> str:
        """The column name and the complete text of the cell."""
        if not self.count or not self._table.header:
            return ""
        return f"{self._table.header[self._column] or self._column + 1}: {self.cell}"

    def _row(self, at: int) -> Row:
        return self._table.rows[self._order[at]]

    # -- drawing -----------------------------------------------------------------------
    @property
    def _gutter(self) -> int:
        """Width in cells of the pointer and the row numbers."""
        return len(f"{len(self._table.rows)}") + 1 + _GAP

    def head_line(self, _row: int, width: int) -> Content:
        """Return the names of the visible columns; the sorted one has an arrow."""
        pieces: list[tuple[str, str]] = [(" " * (self._gutter - _GAP), ".lines--head")]
        for at, cells in self._in_sight(width):
            arrow = ""
            if self._sort is not None and self._sort[0] == at:
                arrow = " ▼" if self._sort[1] else " ▲"
            arrow = " …" if self._sorting is not None and at == self._column else arrow
            name = _cut(self._table.header[at], cells - len(arrow)) + arrow
            style = ".lines--here" if at == self._column else ".lines--head"
            pieces += [(" " * _GAP, ""), (self._aligned(name, at, cells), style)]
        return Content.assemble(*pieces)

    def row_line(self, row: int, width: int) -> Content:
        """Return the row number in the file and the visible cells."""
        here = row == self.cursor
        texts = self._row(row)
        number = f"{'›' if here else ' '}{self._order[row] + 1:>{self._gutter - 1 - _GAP}}"
        # One color on the cursor background: faint text would be hard to read there.
        pieces: list[tuple[str, str]] = [(number, "" if here else ".lines--faint")]
        for at, cells in self._in_sight(width):
            text = texts[at] if at < len(texts) else ""
            style = ".lines--cell" if here and at == self._column else ""
            pieces += [(" " * _GAP, ""), (self._aligned(text, at, cells), style)]
        return Content.assemble(*pieces)

    def _in_sight(self, width: int) -> list[tuple[int, int]]:
        """Return (column, width in cells) of the visible columns; the last one may be partly visible."""
        room, columns = width - self._gutter, []
        for at in range(self._first, len(self._column_widths)):
            cells = min(room, self._column_widths[at])
            if cells < min(self._column_widths[at], _MIN_PARTIAL_WIDTH):
                break
            columns.append((at, cells))
            room -= cells + _GAP
        return columns

    def _aligned(self, text: str, at: int, cells: int) -> str:
        text = _cut(text, cells)
        numeric = at < len(self._table.numeric) and self._table.numeric[at]
        return " " * (cells - cell_len(text)) + text if numeric else set_cell_size(text, cells)

    # -- moving ------------------------------------------------------------------------
    def action_column(self, by: int) -> None:
        """Move the cursor by `by` columns."""
        self.to_column(self._column + by)

    def to_column(self, column: int) -> None:
        """Move the cursor to a column, clamped to the existing ones, and scroll it fully into sight."""
        self._column = max(0, min(column, len(self._column_widths) - 1))
        self._first = min(self._first, self._column)
        room = self.scrollable_content_region.width - self._gutter
        while (
            self._first < self._column
            and sum(one + _GAP for one in self._column_widths[self._first : self._column + 1]) - _GAP > room
        ):
            self._first += 1
        self.refresh()
        self.post_message(self.Moved(self))

    def on_click(self, event: events.Click) -> None:
        """Sort by a clicked column name, or move the cursor to a clicked cell."""
        row, offset = self.line_at(event), event.get_content_offset(self)
        if row is None or offset is None:
            return
        remaining = offset.x - self._gutter
        for at, cells in self._in_sight(self.scrollable_content_region.width):
            remaining -= cells + _GAP
            if remaining < 0:
                self.to_column(at)
                break
        if row < 0:
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
        if self._requested_sort is None or self._requested_sort[0] != self._column:
            self._requested_sort = self._column, False
            self.sort(self._column, descending=False)
        elif not self._requested_sort[1]:
            self._requested_sort = self._column, True
            self.sort(self._column, descending=True)
        else:
            self.workers.cancel_group(self, "sort")
            self._set_order(range(len(self._table.rows)), None)

    @work(group="sort", exclusive=True)
    async def sort(self, column: int, *, descending: bool) -> None:
        """Sort in a thread; the rows keep their order until it is done."""
        table, cancel_token = self._table, CancelToken()
        self._sorting = cancel_token
        self.refresh()
        try:
            order = await run_in_thread(
                lambda: order_of(table, column, descending=descending, pause=cancel_token.check)
            )
        finally:
            cancel_token.stop()
            # A cancelled sort ends after the next one has begun.
            if self._sorting is cancel_token:
                self._sorting = None
                self.refresh()
        if table is self._table:
            self._set_order(order, (column, descending))

    def _set_order(self, order: Sequence[int], by: tuple[int, bool] | None) -> None:
        self._order, self._sort, self._requested_sort = order, by, by
        self.move_to(0)


def _column_widths(table: TableModel) -> list[int]:
    """Return the width of each column, from its name and the rows at both ends."""
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
