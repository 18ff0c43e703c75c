"""Table view: a `TableModel` of any size, sortable by its columns. Only what is in sight is drawn."""

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
"""Cells of a column; what is longer is cut, and whole in `whole`."""
_SAMPLE: Final = 300
"""Rows at each end that decide how wide columns are."""
_GAP: Final = 2
_LEAST: Final = 5
"""Cells without which no part of a column is shown."""
_LOOKED_AT: Final = 200
"""Characters of a cell that are looked at to draw it."""
_NOTHING: Final = TableModel((), [], 0, True, 0)


class TableView(VirtualList):
    """Rows under the names of their columns, with a cursor on one cell."""

    HEAD = 1
    BINDINGS: ClassVar[list[BindingType]] = bindings(Where.TABLE)

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name for it
        super().__init__(id=id)
        self._table = _NOTHING
        self._widths: list[int] = []
        self._column = self._first = 0
        self._order: Sequence[int] = ()
        self._sorted: tuple[int, bool] | None = None
        self._asked: tuple[int, bool] | None = None
        self._sorting: CancelToken | None = None

    def show(self, table: TableModel) -> None:
        """Another table, in its own order."""
        self._table, self._order = table, range(len(table.rows))
        self._sorted = self._asked = None
        self._widths = _widths(table)
        self._column = self._first = 0
        self.measured()
        self.move_to(0)

    @property
    def table(self) -> TableModel:
        """What is shown."""
        return self._table

    @property
    def count(self) -> int:
        """Rows that are kept."""
        return len(self._order)

    @property
    def column(self) -> int:
        """The column of the cursor, from 0."""
        return self._column

    @property
    def sorted_by(self) -> tuple[int, bool] | None:
        """(column, descending); None: in the order of the file."""
        return self._sorted

    @property
    def cell(self) -> str:
        """The text under the cursor."""
        row = self._row(self.cursor) if self.count else ()
        return row[self._column] if self._column < len(row) else ""

    @property
    def whole(self) -> str:
        """Name of the column, then the whole cell."""
        if not self.count or not self._table.header:
            return ""
        return f"{self._table.header[self._column] or self._column + 1}: {self.cell}"

    def _row(self, at: int) -> Row:
        return self._table.rows[self._order[at]]

    # -- drawing -----------------------------------------------------------------------
    @property
    def _gutter(self) -> int:
        """Cells of the pointer and the numbers of rows."""
        return len(f"{len(self._table.rows)}") + 1 + _GAP

    def head_line(self, _row: int, width: int) -> Content:
        """The names of the columns in sight; the sorted one has an arrow."""
        pieces: list[tuple[str, str]] = [(" " * (self._gutter - _GAP), ".lines--head")]
        for at, cells in self._in_sight(width):
            arrow = ""
            if self._sorted is not None and self._sorted[0] == at:
                arrow = " ▼" if self._sorted[1] else " ▲"
            arrow = " …" if self._sorting is not None and at == self._column else arrow
            name = _cut(self._table.header[at], cells - len(arrow)) + arrow
            style = ".lines--here" if at == self._column else ".lines--head"
            pieces += [(" " * _GAP, ""), (self._fitted(name, at, cells), style)]
        return Content.assemble(*pieces)

    def row_line(self, row: int, width: int) -> Content:
        """Its number in the file, then its cells in sight."""
        here = row == self.cursor
        texts = self._row(row)
        number = f"{'›' if here else ' '}{self._order[row] + 1:>{self._gutter - 1 - _GAP}}"
        # One colour on the cursor's own ground: faint text would not stand out from it.
        pieces: list[tuple[str, str]] = [(number, "" if here else ".lines--faint")]
        for at, cells in self._in_sight(width):
            text = texts[at] if at < len(texts) else ""
            style = ".lines--cell" if here and at == self._column else ""
            pieces += [(" " * _GAP, ""), (self._fitted(text, at, cells), style)]
        return Content.assemble(*pieces)

    def _in_sight(self, width: int) -> list[tuple[int, int]]:
        """(column, cells) from the first one on; the last one may have fewer cells than it wants."""
        room, found = width - self._gutter, []
        for at in range(self._first, len(self._widths)):
            cells = min(room, self._widths[at])
            if cells < min(self._widths[at], _LEAST):
                break
            found.append((at, cells))
            room -= cells + _GAP
        return found

    def _fitted(self, text: str, at: int, cells: int) -> str:
        text = _cut(text, cells)
        numeric = at < len(self._table.numeric) and self._table.numeric[at]
        return " " * (cells - cell_len(text)) + text if numeric else set_cell_size(text, cells)

    # -- moving ------------------------------------------------------------------------
    def action_column(self, by: int) -> None:
        """Move by columns."""
        self.to_column(self._column + by)

    def to_column(self, column: int) -> None:
        """Put the cursor into a column, as near as there is one, and show it whole."""
        self._column = max(0, min(column, len(self._widths) - 1))
        self._first = min(self._first, self._column)
        room = self.scrollable_content_region.width - self._gutter
        while (
            self._first < self._column
            and sum(one + _GAP for one in self._widths[self._first : self._column + 1]) - _GAP > room
        ):
            self._first += 1
        self.refresh()
        self.post_message(self.Moved(self))

    def on_click(self, event: events.Click) -> None:
        """A click on a name sorts by it; one on a cell moves the cursor there."""
        row, offset = self.line_at(event), event.get_content_offset(self)
        if row is None or offset is None:
            return
        left = offset.x - self._gutter
        for at, cells in self._in_sight(self.scrollable_content_region.width):
            left -= cells + _GAP
            if left < 0:
                self.to_column(at)
                break
        if row < 0:
            self.action_sort()
        else:
            self.move_to(row)

    def action_copy(self) -> None:
        """The whole cell."""
        copy_from(self, self.cell, "the cell")

    # -- sorting -----------------------------------------------------------------------
    def action_sort(self) -> None:
        """By the column of the cursor: upwards, then downwards, then in the order of the file again."""
        # What was asked for last counts, also while it is still being sorted.
        if self._asked is None or self._asked[0] != self._column:
            self._asked = self._column, False
            self.sort(self._column, descending=False)
        elif not self._asked[1]:
            self._asked = self._column, True
            self.sort(self._column, descending=True)
        else:
            self.workers.cancel_group(self, "sort")
            self._take_order(range(len(self._table.rows)), None)

    @work(group="sort", exclusive=True)
    async def sort(self, column: int, *, descending: bool) -> None:
        """Sort in a thread; the rows stay as they are until that is done."""
        table, going = self._table, CancelToken()
        self._sorting = going
        self.refresh()
        try:
            order = await run_in_thread(
                lambda: order_of(table, column, descending=descending, pause=going.check)
            )
        finally:
            going.stop()
            # One that was cancelled ends after the next one began.
            if self._sorting is going:
                self._sorting = None
                self.refresh()
        if table is self._table:
            self._take_order(order, (column, descending))

    def _take_order(self, order: Sequence[int], by: tuple[int, bool] | None) -> None:
        self._order, self._sorted, self._asked = order, by, by
        self.move_to(0)


def _widths(table: TableModel) -> list[int]:
    """Cells of each column, by its name and the rows at both ends."""
    sample = table.rows[:_SAMPLE] + table.rows[_SAMPLE:][-_SAMPLE:]
    # Two cells behind the name, for the arrow.
    found = [min(WIDEST, cell_len(name[:_LOOKED_AT]) + 2) for name in table.header]
    for row in sample:
        for at, cell in enumerate(row[: len(found)]):
            if len(cell) > found[at] or not cell.isascii():
                found[at] = max(found[at], min(WIDEST, cell_len(cell[:_LOOKED_AT])))
    return found


def _cut(text: str, width: int) -> str:
    """In one line of at most `width` cells."""
    seen = text[:_LOOKED_AT].replace("\n", "⏎").replace("\t", " ")
    if cell_len(seen) <= width and len(text) <= _LOOKED_AT:
        return seen
    return set_cell_size(seen, max(0, width - 1)).rstrip() + "…"
