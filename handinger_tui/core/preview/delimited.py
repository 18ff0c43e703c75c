"""CSV and TSV: read step by step, so that a thread can stop between two steps.

A quoted field that never ends would swallow the rest of the file: Python's csv
refuses one of more than 131,072 characters, and reading stops there with a note.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from itertools import islice
from typing import Final

from handinger_tui.core.preview.decoding import GUESS, GUESSED, encoding_of
from handinger_tui.core.preview.table import Row, TableModel, is_number, numeric_columns
from handinger_tui.core.safety import clean

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
