"""Tables: rows of clean cells with honest counts, and the keys that sort them."""

from __future__ import annotations

import heapq
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from operator import itemgetter
from typing import Final

Row = tuple[str, ...]
SortKey = tuple[int, Decimal, str]

NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?%?")
LONGEST_NUMBER: Final = 100
"""Characters; what is longer is sorted as text."""
RUN: Final = 2000
"""Rows that are sorted at once."""
_SAMPLE: Final = 1000
_ZERO: Final = Decimal(0)


@dataclass(frozen=True, slots=True)
class TableModel:
    """`header` names the columns that are kept; a row may be shorter than it.

    `total` counts the rows that were read; `exact`: those are all there are.
    `ragged` counts rows with more or fewer cells than the header.
    """

    header: Row
    rows: list[Row]
    total: int
    exact: bool
    columns: int
    ragged: int = 0
    numeric: tuple[bool, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def truncated(self) -> bool:
        """Rows or columns are missing."""
        return not self.exact or len(self.rows) < self.total or len(self.header) < self.columns

    @property
    def counted(self) -> str:
        """For people: "1,200 rows × 8 columns, 3 ragged", "first 90,000 of at least 120,000 rows × …"."""
        rows = f"{self.total:,} {'row' if self.total == 1 else 'rows'}"
        if not self.exact or len(self.rows) < self.total:
            least = "" if self.exact else "at least "
            rows = f"first {len(self.rows):,} of {least}{rows}"
        columns = f"{self.columns:,} {'column' if self.columns == 1 else 'columns'}"
        if len(self.header) < self.columns:
            columns = f"first {len(self.header):,} of {columns}"
        return f"{rows} × {columns}" + (f", {self.ragged:,} ragged" if self.ragged else "")


def numeric_columns(rows: Sequence[Row], columns: int) -> tuple[bool, ...]:
    """Which columns hold numbers only, judged by their first cells; an empty cell says nothing."""
    told: list[bool | None] = [None] * columns
    for row in rows[:_SAMPLE]:
        for at, cell in enumerate(row[:columns]):
            if cell and told[at] is not False:
                told[at] = is_number(cell)
    return tuple(bool(answer) for answer in told)


def is_number(cell: str) -> bool:
    """A plain number, perhaps with a percent sign: no thousands separators, whose meaning nobody told."""
    return len(cell) <= LONGEST_NUMBER and NUMBER.fullmatch(cell.strip()) is not None


def sort_key(column: int, *, numeric: bool) -> Callable[[Row], SortKey]:
    """The key of a row by one column. In a numeric column numbers by their value, then the rest as text."""

    def key(row: Row) -> SortKey:
        cell = row[column] if column < len(row) else ""
        if numeric and is_number(cell):
            return 0, Decimal(cell.strip().rstrip("%")), ""
        return 1, _ZERO, cell.casefold()

    return key


def order_of(
    table: TableModel, column: int, *, descending: bool = False, pause: Callable[[], None] = lambda: None
) -> list[int]:
    """Positions of the rows, sorted by a column. Rows without a cell there come last either way.

    `pause` is called every few ms, so that a thread lets others work; what it raises ends the sorting.
    """
    numeric = column < len(table.numeric) and table.numeric[column]
    key = sort_key(column, numeric=numeric)
    runs: list[list[tuple[SortKey, int]]] = []
    empty: list[int] = []
    for start in range(0, len(table.rows), RUN):
        run: list[tuple[SortKey, int]] = []
        for at, row in enumerate(table.rows[start : start + RUN], start):
            if column < len(row) and row[column]:
                run.append((key(row), at))
            else:
                empty.append(at)
        # One long sort would not let go of the interpreter; short ones, merged, do.
        run.sort(key=itemgetter(0), reverse=descending)
        runs.append(run)
        pause()
    order: list[int] = []
    for _, at in heapq.merge(*runs, key=itemgetter(0), reverse=descending):
        order.append(at)
        if len(order) % RUN == 0:
            pause()
    return order + empty


def table_of_rows(header: Iterable[str], rows: Iterable[Iterable[str]]) -> TableModel:
    """A table of cells that are clean already."""
    head, body = tuple(header), [tuple(row) for row in rows]
    ragged = sum(len(row) != len(head) for row in body)
    return TableModel(head, body, len(body), True, len(head), ragged, numeric_columns(body, len(head)))
