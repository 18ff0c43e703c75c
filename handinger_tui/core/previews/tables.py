"""Records as tables of clean cells, which count what was read and what was omitted."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, Final

from msgspec import Struct

from handinger_tui.core.formatting import plural
from handinger_tui.core.jsontext import Number, json_text
from handinger_tui.core.previews.files import GUESS, GUESSED, encoding_of
from handinger_tui.core.safety import clean, clean_line

Row = tuple[str, ...]

NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?%?")
MAX_NUMBER: Final = 100
"""Cells with more characters are not numbers."""
_SAMPLE: Final = 1000


class TableModel(Struct, frozen=True):
    """A table of clean cells.

    `header`: the names of the stored columns; a row may be shorter. `total`: the number of rows read;
    `exact`: these are all rows. `columns`: the width of the widest row. `ragged`: the number of rows with
    more or fewer cells than the header. `numeric`: which columns contain only numbers.
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
    def counted(self) -> str:
        """The size for people: "1,200 rows × 8 columns, 3 ragged", "first 9 of at least 12 rows × …"."""
        rows = plural(self.total, "row")
        if not self.exact or len(self.rows) < self.total:
            at_least = "" if self.exact else "at least "
            rows = f"first {len(self.rows):,} of {at_least}{rows}"
        columns = plural(self.columns, "column")
        if len(self.header) < self.columns:
            columns = f"first {len(self.header):,} of {columns}"
        return f"{rows} × {columns}" + (f", {plural(self.ragged, 'row')} uneven" if self.ragged else "")


def numeric_columns(rows: Sequence[Row], columns: int) -> tuple[bool, ...]:
    """Which columns contain only numbers, judged by their first cells; empty cells are ignored."""
    numeric: list[bool | None] = [None] * columns
    for row in rows[:_SAMPLE]:
        for at, cell in enumerate(row[:columns]):
            if cell and numeric[at] is not False:
                numeric[at] = is_number(cell)
    return tuple(bool(value) for value in numeric)


def is_number(cell: str) -> bool:
    """Whether a cell is a plain number, maybe with "%", without thousands separators, which are ambiguous."""
    return len(cell) <= MAX_NUMBER and NUMBER.fullmatch(cell.strip()) is not None


KEEP_CELLS: Final = 1_000_000
"""How many cells are stored; later rows are only counted."""
KEEP_COLUMNS: Final = 500
STEP: Final = 2000
"""How many rows are read in one step, which takes about 10 ms."""
_DELIMITERS: Final = ",;\t|"
_QUOTED: Final = re.compile(r'"[^"\n]*"')
_SEP_LINE: Final = re.compile(r"\ufeff?sep=([^\w\"\r\n])[\r\n]")
"""A first line in which spreadsheets declare the delimiter."""
_SNIFFED: Final = 65536


class TableReader:
    """Reads a table in steps: `while reader.step(): …`. `reader.model()` may be called at any time.

    `delimiter` None: it is detected from the first lines. `complete` False: `data` is only the beginning of
    the file, so the last row may be cut.
    """

    def __init__(self, data: bytes, delimiter: str | None = None, *, complete: bool = True) -> None:
        encoding = encoding_of(data, complete=complete)
        self._notes = [GUESSED] if encoding in (GUESS, None) else []
        self._codec = encoding or GUESS
        self.delimiter = delimiter or _delimiter(data[:_SNIFFED].decode(self._codec, "replace"))
        self._reader = csv.reader(self._lines(data), delimiter=self.delimiter)
        self._complete = complete
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
        """The number of rows read so far, without the header."""
        return self._total

    def step(self, rows: int = STEP) -> bool:
        """Read up to `rows` more rows. Returns whether there may be more; never raises."""
        if self._done:
            return False
        count = 0
        try:
            for cells in islice(self._reader, rows):
                count += 1
                if cells:
                    self._add_row(cells)
        except csv.Error as problem:
            line = self._reader.line_num
            self._notes.append(f"reading stopped at line {line:,}: {str(problem)[:100]}")
            self._complete, self._done = False, True
            return False
        self._done = count < rows
        return not self._done

    def _add_row(self, cells: list[str]) -> None:
        if self._header is None and cells == ["sep=", ""]:
            return
        if self._header is None:
            self._width = len(cells)
            filled = [cell for cell in cells if cell]
            if not filled or not all(map(is_number, filled)):
                self._header = tuple(cells[:KEEP_COLUMNS])
                return
            self._header = tuple(str(at) for at in range(1, min(len(cells), KEEP_COLUMNS) + 1))
            self._notes.append("no header (the first row has only numbers)")
        self._total += 1
        width = len(cells)
        if width != self._width:
            self._ragged += 1
            self._widest = max(self._widest, width)
        if self._cells < KEEP_CELLS:
            self._rows.append(tuple(cells if width <= KEEP_COLUMNS else cells[:KEEP_COLUMNS]))
            self._cells += width

    def model(self) -> TableModel:
        """The table as read so far. Its rows are the list of the reader, which may still grow."""
        columns = max(self._width, self._widest)
        header = self._header or ()
        header += tuple(str(at) for at in range(len(header) + 1, min(columns, KEEP_COLUMNS) + 1))
        numeric = numeric_columns(self._rows, len(header))
        exact = self._done and self._complete
        return TableModel(
            header, self._rows, self._total, exact, columns, self._ragged, numeric, tuple(self._notes)
        )


def _delimiter(text: str) -> str:
    """The declared delimiter, or else the most frequent one outside of quotes in the first line with any."""
    if match := _SEP_LINE.match(text):
        return match[1]
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
    """A JSON value as a table; None if it is not an array of objects or of arrays.

    The columns are all keys in order of first appearance. The cell of a missing member is empty, that of a
    null member is "null". For a document pass `TreeModel.root.value`.
    """
    if not isinstance(value, list) or not value:
        return None
    items = value[:KEEP_ROWS]
    if all(isinstance(item, dict) for item in items):
        return _of_objects(items, len(value))
    if all(isinstance(item, list) for item in items) and any(items):
        return _of_arrays(items, len(value))
    return None


def _of_objects(items: list[Any], total: int) -> TableModel | None:
    columns = list(dict.fromkeys(key for record in items for key in record))
    if not columns:
        return None
    keys = columns[:KEEP_RECORD_COLUMNS]
    rows = [tuple(_cell(record[key]) if key in record else "" for key in keys) for record in items]
    ragged = sum(len(record) != len(columns) for record in items)
    header = tuple(clean_line(str(key), _CELL) for key in keys)
    return TableModel(header, rows, total, True, len(columns), ragged, numeric_columns(rows, len(keys)))


def _of_arrays(items: list[Any], total: int) -> TableModel:
    width = max(map(len, items))
    columns = min(width, KEEP_RECORD_COLUMNS)
    rows = [tuple(map(_cell, item[:columns])) for item in items]
    ragged = sum(len(item) != width for item in items)
    header = tuple(str(at) for at in range(1, columns + 1))
    return TableModel(header, rows, total, True, width, ragged, numeric_columns(rows, columns))


def _cell(value: Any) -> str:
    if isinstance(value, Number):
        return clean_line(value, _CELL)
    if isinstance(value, str):
        return value if value.isalnum() and len(value) <= _CELL else clean_line(value, _CELL)
    return clean_line(json_text(value), _CELL)
