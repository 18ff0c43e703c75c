"""Bytes to text and columns, and exact statistics of each."""

from __future__ import annotations

import codecs
import csv
import io
import re
import statistics
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal

LONGEST_READ = 8 * 1024 * 1024
"""Bytes of a file that are looked at; what lies beyond is said to be left out."""

_PREVIEW_CHARACTERS = 160
_PROBE_BYTES = 8192
_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True, slots=True)
class Reading:
    """The text of a file, the encoding it was read in, its size in bytes, and whether it was cut."""

    path: str
    text: str
    encoding: str
    size: int
    cut: bool

    def as_output(self) -> dict[str, object]:
        """Return what the tool shows of it."""
        return {
            "path": self.path,
            "bytes": self.size,
            "encoding": self.encoding,
            "characters": len(self.text),
            "lines": len(self.text.split("\n")) - self.text.endswith("\n"),
            "cut": self.cut,
            "preview": self.text[:_PREVIEW_CHARACTERS],
        }


def looks_binary(content: bytes) -> bool:
    """Tell whether the beginning holds NUL bytes, as no text but UTF-16 does."""
    return b"\x00" in content[:_PROBE_BYTES] and not content.startswith(_UTF16_MARKS)


def read_text(path: str, content: bytes) -> Reading:
    """Decode as UTF-8 or UTF-16 by their marks, as UTF-8, else as Windows-1252 with marks for gaps."""
    head = content[:LONGEST_READ]
    cut = len(content) > LONGEST_READ
    if head.startswith(_UTF16_MARKS):
        text, encoding = head.decode("utf-16", errors="replace"), "UTF-16"
    else:
        try:
            # Not final when cut: the cut may fall inside a sign of several bytes.
            text, encoding = codecs.getincrementaldecoder("utf-8-sig")().decode(head, final=not cut), "UTF-8"
        except UnicodeDecodeError:
            text, encoding = (
                head.decode("cp1252", errors="replace"),
                "Windows-1252 (a guess: it is not UTF-8)",
            )
    return Reading(path, text.replace("\r\n", "\n").replace("\r", "\n"), encoding, len(content), cut)


MOST_ROWS = 200_000
MOST_COLUMNS = 200
MISSING = frozenset({"", "na", "n/a", "null"})
"""Cells that count as missing, in small letters, spaces around them removed."""

_DELIMITERS = ",;\t|"
_NUMBER = re.compile(r"[+-]?(?:\d{1,24}(?:\.\d{0,12})?|\.\d{1,12})(?:[eE][+-]?\d{1,2})?")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?")
_YES_NO = frozenset({"true", "false", "yes", "no"})
_TOP = 3


class TableError(ValueError):
    """The text cannot be read as rows and columns; the text says why."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text under their header. `ragged` counts rows whose length differs from the header's."""

    header: tuple[str, ...]
    rows: list[list[str]]
    delimiter: str
    ragged: int
    cut: bool

    def column(self, index: int) -> list[str]:
        """Return the cells of one column, trimmed; a row that is too short gives an empty cell."""
        return [row[index].strip() if index < len(row) else "" for row in self.rows]


@dataclass(frozen=True, slots=True)
class ColumnStats:
    """One column. The four figures are None unless the column is of numbers."""

    name: str
    kind: str
    count: int
    missing: int
    distinct: int
    minimum: Decimal | None
    maximum: Decimal | None
    mean: Decimal | None
    median: Decimal | None
    top: tuple[tuple[str, int], ...]

    @property
    def figures(self) -> dict[str, object]:
        """All but its most frequent cells; minimum to median only where it is of numbers."""
        told: dict[str, object] = {
            "name": self.name,
            "kind": self.kind,
            "count": self.count,
            "missing": self.missing,
            "distinct": self.distinct,
        }
        if self.is_number:
            told |= {"min": self.minimum, "max": self.maximum, "mean": self.mean, "median": self.median}
        return told

    def as_output(self) -> dict[str, object]:
        """Return the column as a JSON value."""
        return {**self.figures, "top": self.top}

    @property
    def is_number(self) -> bool:
        """Tell whether the figures are there."""
        return self.mean is not None


def parse(text: str) -> Table:
    """Read delimited text whose first row is the header.

    Raises:
        TableError: when there is no header, or the csv reader gives up.
    """
    delimiter = delimiter_of(text)
    try:
        rows = []
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
            if row:
                rows.append(row)
            if len(rows) > MOST_ROWS + 1:
                break
    except csv.Error as error:
        raise TableError(f"the rows cannot be read ({error})") from error
    if not rows:
        raise TableError("the file is empty")
    header, *body = rows
    names = tuple(name.strip() or f"column {index}" for index, name in enumerate(header, 1))[:MOST_COLUMNS]
    ragged = sum(len(row) != len(header) for row in body[:MOST_ROWS])
    cut = len(body) > MOST_ROWS or len(header) > MOST_COLUMNS
    return Table(names, body[:MOST_ROWS], delimiter, ragged, cut)


def delimiter_of(text: str) -> str:
    """Return the delimiter that stands most often in the first line; a comma when none does."""
    first = text.lstrip("\n").partition("\n")[0]
    return max(_DELIMITERS, key=first.count)


def stats_of(name: str, cells: list[str]) -> ColumnStats:
    """Return the statistics of one column. Mean and median are of exact decimals, to 28 digits."""
    present = [cell for cell in cells if cell.lower() not in MISSING]
    kind = kind_of(present)
    seen = Counter(present)
    numbers = [Decimal(cell) for cell in present] if kind in {"integer", "decimal"} else []
    return ColumnStats(
        name=name,
        kind=kind,
        count=len(present),
        missing=len(cells) - len(present),
        distinct=len(seen),
        minimum=min(numbers, default=None),
        maximum=max(numbers, default=None),
        mean=sum(numbers, Decimal(0)) / len(numbers) if numbers else None,
        median=statistics.median(numbers) if numbers else None,
        top=tuple(seen.most_common(_TOP)),
    )


def kind_of(present: list[str]) -> str:
    """Return integer, decimal, date, yes/no, text, or empty: the narrowest kind all cells share."""
    if not present:
        return "empty"
    if all(_NUMBER.fullmatch(cell) for cell in present):
        return "integer" if all(cell.lstrip("+-").isdecimal() for cell in present) else "decimal"
    if all(_DATE.fullmatch(cell) for cell in present):
        return "date"
    return "yes/no" if all(cell.lower() in _YES_NO for cell in present) else "text"
