"""Reads the rows of a table around its damaged pages."""

from __future__ import annotations

import sqlite3
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

Cells = tuple[Any, ...]
MAX_ROWID: Final = 2**63 - 1
REACH: Final = 10_000
"""Row numbers tried after the last readable row, where no index says which is the last."""
MAX_TRIES: Final = 20_000
"""Rows of one table that are tried one by one. After that, larger and larger steps are taken."""
ERRORS: Final = (sqlite3.Error, UnicodeDecodeError)
"""What reading damaged pages raises: the message of an error may quote damaged text, too."""


class DamagedTable:
    """Reads the rows of one table around its damaged pages."""

    def __init__(self, source: sqlite3.Connection, table: str, names: str) -> None:
        self._source = source
        self._table = table
        self._names = names
        # Pages that refer to each other can give more rows than the file has bytes.
        pages, size = (source.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
        self._most = pages * size
        self.lost: int | None = 0
        """How many row numbers could not be read; None: not known how many."""

    def by_rowid(self) -> Iterator[Cells]:
        """All rows with numbers, in their order; what stands on damaged pages is passed over."""
        low, complete = yield from self._run(self._names, "rowid >= ? ORDER BY rowid", -MAX_ROWID)
        if complete:
            return
        at = 0 if low is None else low + 1
        end = self._first_behind(at)
        self.lost = 0 if end is not None else None
        limit = end if end is not None else max(self._last_in_indexes(), at + REACH)
        tries, step = 0, 1
        while at <= limit:
            # The module of Python reads one row ahead, and loses the row before one that cannot be read.
            last, complete = yield from self._run(self._names, "rowid >= ? ORDER BY rowid LIMIT 1", at)
            if last is not None:
                number, complete = yield from self._run(self._names, "rowid > ? ORDER BY rowid", last)
                # Never back: pages that refer to each other give the same rows again and again.
                at = max(at, last, at if number is None else number) + 1
                limit = max(limit, at + (REACH if end is None else 0))
            else:
                tries += 1
                step = 1 if tries < MAX_TRIES else step * 2
                at += step
                self.lost = None if self.lost is None or complete else self.lost + step
            if complete:
                return

    def _first_behind(self, at: int) -> int | None:
        """The first row behind all damaged pages; None where the last page is damaged itself."""
        rows = self._run(self._names, "rowid >= ? ORDER BY rowid DESC", at)
        while True:
            try:
                next(rows)
            except StopIteration as end:
                number: int | None = end.value[0]
                return number

    def by_key(self) -> Iterator[Cells]:
        """All rows of a table without row numbers: from both ends up to the damage."""
        keys = [
            row[1]
            for row in sorted(
                self._source.execute(f"PRAGMA table_info({self._table})"), key=lambda row: row[5]
            )
            if row[5]
        ]
        for direction in ("", " DESC"):
            ordered = "? IS NOT NULL ORDER BY " + ", ".join(f"{key}{direction}" for key in keys)
            rows, count, complete = self._run(self._names, ordered, 0), 0, None
            while complete is None:
                try:
                    yield next(rows)
                    count += 1
                except StopIteration as end:
                    complete = end.value[1]
            if complete:
                return
            yield from self._run(self._names, f"{ordered} LIMIT 1 OFFSET {count}", 0)
        self.lost = None

    def _run(self, names: str, which: str, cell: int) -> Generator[Cells, None, tuple[int | None, bool]]:
        """Yield rows until one cannot be read. Returns the first cell of the last, and if it is the end."""
        sql = f"SELECT {names} FROM {self._table} NOT INDEXED WHERE {which}"  # names of our schema
        last: int | None = None
        try:
            for row in islice(self._source.execute(sql, (cell,)), self._most):
                last = row[0]
                yield row
        except ERRORS:
            return last, False
        return last, True

    def _last_in_indexes(self) -> int:
        """The greatest row number that an index of the table still has; 0 without any."""
        greatest = 0
        try:
            indexes = [row[1] for row in self._source.execute(f"PRAGMA index_list({self._table})").fetchall()]
        except ERRORS:
            return 0
        for index in indexes:
            try:
                for (number,) in self._source.execute(
                    f'SELECT rowid FROM {self._table} INDEXED BY "{index}"'  # names of our schema
                ):
                    greatest = max(greatest, number)
            except ERRORS:
                continue
        return greatest
