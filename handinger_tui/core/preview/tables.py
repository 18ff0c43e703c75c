"""CSV, TSV and JSON records as tables of clean cells with honest counts."""

from __future__ import annotations

import csv
import heapq
import io
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from operator import itemgetter
from typing import Any, Final

from handinger_tui.core.preview.text import GUESS, GUESSED, encoding_of
from handinger_tui.core.preview.tree import Members, Number, json_text
from handinger_tui.core.safety.cleaning import clean, clean_line

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


KEEP_CELLS: Final = 1_000_000
"""Cells that are kept; rows behind them are only counted."""
KEEP_COLUMNS: Final = 500
STEP: Final = 2000
"""Rows of one step: about 10 ms."""
_DELIMITERS: Final = ",;\t|"
_QUOTED: Final = re.compile(r'"[^"\n]*"')
_TOLD: Final = re.compile(r"\ufeff?sep=([^\w\"\r\n])[\r\n]")
"""Spreadsheets write such a line for each other."""
_SNIFFED: Final = 65536


class TableReader:
    """`while reader.step(): …`, then `reader.model()`, which also tells what was read so far.

    `delimiter` None: found out from the first line. `whole` False: `data` is
    only the beginning of the file, so that the last row may be cut.
    """

    def __init__(self, data: bytes, delimiter: str | None = None, *, whole: bool = True) -> None:
        encoding = encoding_of(data, whole=whole)
        self._notes = [GUESSED] if encoding in (GUESS, None) else []
        self._codec = encoding or GUESS
        self.delimiter = delimiter or _delimiter(data[:_SNIFFED].decode(self._codec, "replace"))
        self._reader = csv.reader(self._lines(data), delimiter=self.delimiter)
        self._whole = whole
        self._done = False
        self._header: Row | None = None
        self._rows: list[Row] = []
        self._width = self._widest = self._total = self._ragged = self._cells = 0

    def _lines(self, data: bytes) -> Iterator[str]:
        with io.TextIOWrapper(io.BytesIO(data), self._codec, "replace", newline="") as lines:
            for line in lines:
                body = line.rstrip("\r\n")
                yield clean(body).replace("\n", " ") + ("\n" if len(body) < len(line) else "")

    @property
    def total(self) -> int:
        """Rows that were read so far, the header left out."""
        return self._total

    def step(self, rows: int = STEP) -> bool:
        """Read up to `rows` more rows; whether there may be more. Never raises."""
        if self._done:
            return False
        count = 0
        try:
            for cells in islice(self._reader, rows):
                count += 1
                if cells:
                    self._take(cells)
        except csv.Error as problem:
            line = self._reader.line_num
            self._notes.append(f"reading stopped at line {line:,}: {str(problem)[:100]}")
            self._whole, self._done = False, True
            return False
        self._done = count < rows
        return not self._done

    def _take(self, cells: list[str]) -> None:
        if self._header is None and cells == ["sep=", ""]:
            return
        if self._header is None:
            self._width = len(cells)
            told = [cell for cell in cells if cell]
            if not told or not all(map(is_number, told)):
                self._header = tuple(cells[:KEEP_COLUMNS])
                return
            self._header = tuple(str(at) for at in range(1, min(len(cells), KEEP_COLUMNS) + 1))
            self._notes.append("no header: the first row holds numbers only")
        self._total += 1
        width = len(cells)
        if width != self._width:
            self._ragged += 1
            self._widest = max(self._widest, width)
        if self._cells < KEEP_CELLS:
            self._rows.append(tuple(cells if width <= KEEP_COLUMNS else cells[:KEEP_COLUMNS]))
            self._cells += width

    def model(self) -> TableModel:
        """The table as far as it was read. Its rows are the reader's own list while it reads on."""
        columns = max(self._width, self._widest)
        header = self._header or ()
        header += tuple(str(at) for at in range(len(header) + 1, min(columns, KEEP_COLUMNS) + 1))
        numeric = numeric_columns(self._rows, len(header))
        exact = self._done and self._whole
        return TableModel(
            header, self._rows, self._total, exact, columns, self._ragged, numeric, tuple(self._notes)
        )


def read_table(data: bytes, delimiter: str | None = None, *, whole: bool = True) -> TableModel:
    """All steps at once. Never raises."""
    reader = TableReader(data, delimiter, whole=whole)
    while reader.step():
        pass
    return reader.model()


def _delimiter(text: str) -> str:
    """The sign that the first line names, or that the first line with one has most of, outside quotes."""
    if told := _TOLD.match(text):
        return told[1]
    for line in islice(text.splitlines(), 20):
        plain = _QUOTED.sub("", line)
        best = max(_DELIMITERS, key=plain.count)
        if best in plain:
            return best
    return ","


KEEP_ROWS: Final = 100_000
KEEP_RECORD_COLUMNS: Final = 200
_CELL: Final = 500


def table_of_value(value: Any) -> TableModel | None:
    """The table that a JSON value is, None when it is none.

    Columns are all keys in order of first appearance. A member that is missing
    leaves its cell empty; one that is null says so. Take `TreeModel.root.value`
    for a document.
    """
    if not isinstance(value, list) or isinstance(value, Members) or not value:
        return None
    kept = value[:KEEP_ROWS]
    if all(isinstance(item, dict | Members) for item in kept):
        return _of_objects(kept, len(value))
    if all(isinstance(item, list) for item in kept) and any(kept):
        return _of_arrays(kept, len(value))
    return None


def _of_objects(items: list[Any], total: int) -> TableModel | None:
    records = [dict(item) for item in items]
    columns = list(dict.fromkeys(key for record in records for key in record))
    if not columns:
        return None
    kept = columns[:KEEP_RECORD_COLUMNS]
    rows = [tuple(_cell(record[key]) if key in record else "" for key in kept) for record in records]
    ragged = sum(len(record) != len(columns) for record in records)
    repeated = sum(isinstance(item, Members) for item in items)
    notes = (f"{repeated:,} rows repeat a key; the last one is shown",) if repeated else ()
    header = tuple(clean_line(str(key), _CELL) for key in kept)
    return TableModel(
        header, rows, total, True, len(columns), ragged, numeric_columns(rows, len(kept)), notes
    )


def _of_arrays(items: list[Any], total: int) -> TableModel:
    width = max(map(len, items))
    kept = min(width, KEEP_RECORD_COLUMNS)
    rows = [tuple(map(_cell, item[:kept])) for item in items]
    ragged = sum(len(item) != width for item in items)
    header = tuple(str(at) for at in range(1, kept + 1))
    return TableModel(header, rows, total, True, width, ragged, numeric_columns(rows, kept))


def _cell(value: Any) -> str:
    if isinstance(value, Number):
        return clean_line(value, _CELL)
    if isinstance(value, str):
        return value if value.isalnum() and len(value) <= _CELL else clean_line(value, _CELL)
    return clean_line(json_text(value), _CELL)
