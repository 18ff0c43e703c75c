"""Decodes files to text and tables, and computes exact statistics of table columns."""

from __future__ import annotations

import codecs
import csv
import io
import re
import statistics
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal

MAX_READ_BYTES = 8 * 1024 * 1024
"""Maximum bytes read from a file; the rest is ignored, and the output says so."""

_PREVIEW_CHARACTERS = 160
_PROBE_BYTES = 8192
_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True, slots=True)
class DecodedFile:
    """The text of a file, the encoding it was read in, its size in bytes, and whether it was cut."""

    path: str
    text: str
    encoding: str
    size: int
    cut: bool

    def as_output(self) -> dict[str, object]:
        """Return the tool output as a JSON value."""
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
    """Return whether the beginning has NUL bytes and is not UTF-16: then it is not text."""
    return b"\x00" in content[:_PROBE_BYTES] and not content.startswith(_UTF16_MARKS)


def read_text(path: str, content: bytes) -> DecodedFile:
    """Decode a file.

    UTF-16 is recognized by its byte order mark. All else is decoded as UTF-8, or as Windows-1252 with
    replacement characters if it is not valid UTF-8.
    """
    head = content[:MAX_READ_BYTES]
    cut = len(content) > MAX_READ_BYTES
    if head.startswith(_UTF16_MARKS):
        text, encoding = head.decode("utf-16", errors="replace"), "UTF-16"
    else:
        try:
            # `final` is False if cut: the cut may fall inside a multibyte character.
            text, encoding = codecs.getincrementaldecoder("utf-8-sig")().decode(head, final=not cut), "UTF-8"
        except UnicodeDecodeError:
            text, encoding = (
                head.decode("cp1252", errors="replace"),
                "Windows-1252 (a guess: it is not UTF-8)",
            )
    return DecodedFile(path, text.replace("\r\n", "\n").replace("\r", "\n"), encoding, len(content), cut)


MOST_ROWS = 200_000
MOST_COLUMNS = 200
MISSING = frozenset({"", "na", "n/a", "null"})
"""Cells that count as missing, in lower case and without surrounding spaces."""

_DELIMITERS = ",;\t|"
_NUMBER = re.compile(r"[+-]?(?:\d{1,24}(?:\.\d{0,12})?|\.\d{1,12})(?:[eE][+-]?\d{1,2})?")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?")
_YES_NO = frozenset({"true", "false", "yes", "no"})
_TOP = 3


class TableError(ValueError):
    """The text cannot be read as a table; the message is the reason."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table of texts. `ragged` counts the rows whose length differs from the header."""

    header: tuple[str, ...]
    rows: list[list[str]]
    delimiter: str
    ragged: int
    cut: bool

    def column(self, index: int) -> list[str]:
        """Return the stripped cells of one column; a row that is too short gives an empty cell."""
        return [row[index].strip() if index < len(row) else "" for row in self.rows]


@dataclass(frozen=True, slots=True)
class ColumnStats:
    """Statistics of one column. Minimum to median are None unless the column is numeric."""

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
        """All statistics but the most frequent cells; minimum to median only if the column is numeric."""
        members: dict[str, object] = {
            "name": self.name,
            "kind": self.kind,
            "count": self.count,
            "missing": self.missing,
            "distinct": self.distinct,
        }
        if self.is_number:
            members |= {"min": self.minimum, "max": self.maximum, "mean": self.mean, "median": self.median}
        return members

    def as_output(self) -> dict[str, object]:
        """Return the column as a JSON value."""
        return {**self.figures, "top": self.top}

    @property
    def is_number(self) -> bool:
        """Whether the column is numeric."""
        return self.mean is not None


def parse(text: str) -> Table:
    """Read delimited text whose first row is the header.

    Raises:
        TableError: if the text is empty, or the csv reader fails.
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
    """Return the most frequent delimiter of the first line; a comma if it has none."""
    first = text.lstrip("\n").partition("\n")[0]
    return max(_DELIMITERS, key=first.count)


def stats_of(name: str, cells: list[str]) -> ColumnStats:
    """Return the statistics of one column. Mean and median are computed as decimals of 28 digits."""
    present = [cell for cell in cells if cell.lower() not in MISSING]
    kind = kind_of(present)
    counter = Counter(present)
    numbers = [Decimal(cell) for cell in present] if kind in {"integer", "decimal"} else []
    return ColumnStats(
        name=name,
        kind=kind,
        count=len(present),
        missing=len(cells) - len(present),
        distinct=len(counter),
        minimum=min(numbers, default=None),
        maximum=max(numbers, default=None),
        mean=sum(numbers, Decimal(0)) / len(numbers) if numbers else None,
        median=statistics.median(numbers) if numbers else None,
        top=tuple(counter.most_common(_TOP)),
    )


def kind_of(present: list[str]) -> str:
    """Return the narrowest kind that fits all cells: integer, decimal, date, yes/no, text, or empty."""
    if not present:
        return "empty"
    if all(_NUMBER.fullmatch(cell) for cell in present):
        return "integer" if all(cell.lstrip("+-").isdecimal() for cell in present) else "decimal"
    if all(_DATE.fullmatch(cell) for cell in present):
        return "date"
    return "yes/no" if all(cell.lower() in _YES_NO for cell in present) else "text"
