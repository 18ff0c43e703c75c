"""Lists as values: columns, rows, and how both are laid out in a width, on the screen and as plain text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from enum import Enum, StrEnum, auto
from itertools import accumulate, takewhile
from typing import Final

from msgspec import Struct

from handinger_tui.core.bars import horizontal_bar
from handinger_tui.core.formatting import UNKNOWN, middle_cut

COMFORT: Final = 24
"""Cells that a column that grows gets before columns of rank `IDLE` and above get any."""
IDLE: Final = 3
NO_VALUE: Final = "—"
_NO_VALUES: Final = frozenset({NO_VALUE, UNKNOWN})
"""Texts in place of a value, which are faint."""
_LONGEST_BAR: Final = 40
_GAP: Final = "  "
_INDENT: Final = "  "
"""Before the second line of a row."""

Piece = tuple[str, str]
"""A text and its style."""
Cells = Callable[[str], int]
"""Measures a text in terminal cells."""


class Tone(StrEnum):
    """How a text is drawn: a style of the screen, which plain text ignores."""

    PLAIN = ""
    FAINT = "$text-muted"
    STRONG = "bold"
    HEADING = "bold $markdown-h1-color"
    MONEY = "$accent"
    BAR = "$primary"
    GOOD = "$text-success"
    BAD = "$text-error"


class Align(Enum):
    """How the texts of a column are aligned."""

    LEFT = auto()
    RIGHT = auto()
    POINT = auto()
    """Decimal points below one another; words at the right edge."""
    BAR = auto()
    """A bar in proportion to the value; the highest one has the longest bar."""


class Column(Struct, frozen=True):
    """One column.

    `rank` 0 is always shown; of the others the lowest gets room first. `least`: above 0 the column may have
    so few cells, and grows into unused room. `most`: its most cells, 0 for any number.
    """

    head: str = ""
    align: Align = Align.LEFT
    rank: int = 0
    style: str = Tone.PLAIN
    least: int = 0
    most: int = 0
    fill: bool = False
    """Takes the room that is left, also more than its texts need."""
    close: bool = False
    """Separated from the column before it by one cell, not two."""
    ids: bool = False
    """Texts are ids, which differ at their ends: they are cut in the middle."""

    @property
    def gap(self) -> str:
        """The cells before the column, unless it is the first."""
        return " " if self.close else _GAP


class Row(Struct, frozen=True):
    """One row: a text for each column, clean and on one line."""

    cells: tuple[str, ...]
    below: str = ""
    """A second line."""
    styles: Mapping[int, str] = {}
    """Styles of single cells, by their column."""
    briefs: Mapping[int, str] = {}
    """Shorter texts, by their column, for where the full one has no room."""
    values: Mapping[int, int | Decimal] = {}
    """What cells are sorted by, by their column, where that is not their text; and the length of bars."""

    def has(self, words: Iterable[str]) -> bool:
        """Whether each of some words, in lower case, stands somewhere in the row."""
        text = " ".join((*self.cells, self.below)).lower()
        return all(word in text for word in words)


def in_order(rows: Sequence[Row], column: int, *, descending: bool = False) -> list[int]:
    """The places of rows sorted by a column; those without a value come last."""
    valued = [at for at, row in enumerate(rows) if column in row.values]
    valued.sort(key=lambda at: rows[at].values[column], reverse=descending)
    others = [at for at, row in enumerate(rows) if column not in row.values]
    others.sort(key=lambda at: rows[at].cells[column].lower(), reverse=descending)
    return valued + others


# -- cells -----------------------------------------------------------------------------------
def cells_of(text: str) -> int:
    """The number of terminal cells of a text."""
    if text.isascii():
        return len(text)
    return sum(map(_cells, text))


def _cells(letter: str) -> int:
    if unicodedata.category(letter) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1


def cut(text: str, width: int, cells: Cells = cells_of) -> str:
    """The beginning of a text that fits into `width` cells."""
    ends = accumulate(map(cells, text))
    return text[: sum(1 for _ in takewhile(lambda end: end <= width, ends))]


def clip(text: str, width: int, cells: Cells = cells_of) -> str:
    """Shorten a text to at most `width` cells; "…" marks the omission."""
    return text if cells(text) <= width else cut(text, width - 1, cells).rstrip() + "…"


# -- layout ------------------------------------------------------------------------------------
class Measure(Struct, frozen=True):
    """Widths in cells of the widest texts of each column so far.

    `before`: before the decimal point; `behind`: from the point on; `full`: the full text; `brief`: the
    shorter text where a row has one. `highest`: the highest value.
    """

    columns: tuple[Column, ...]
    before: tuple[int, ...]
    behind: tuple[int, ...]
    full: tuple[int, ...]
    brief: tuple[int, ...]
    highest: tuple[Decimal, ...]
    cells: Cells = cells_of

    @classmethod
    def of(cls, columns: Sequence[Column], rows: Iterable[Row] = (), cells: Cells = cells_of) -> Measure:
        """The widths of the heads and of rows."""
        zeros, heads = (0,) * len(columns), tuple(cells(column.head) for column in columns)
        nothing = (Decimal(0),) * len(columns)
        return cls(tuple(columns), zeros, zeros, heads, heads, nothing, cells).with_rows(rows)

    def with_rows(self, rows: Iterable[Row]) -> Measure:
        """The widths with more rows."""
        before, behind, full, brief = map(list, (self.before, self.behind, self.full, self.brief))
        highest = list(self.highest)
        for row in rows:
            for at, (column, text) in enumerate(zip(self.columns, row.cells, strict=True)):
                width = self.cells(text)
                if column.align is Align.BAR:
                    highest[at] = max(highest[at], Decimal(row.values.get(at, 0)))
                elif column.align is Align.POINT and (split := _split_at_point(text))[0]:
                    left, right = split
                    before[at], behind[at] = max(before[at], len(left)), max(behind[at], len(right))
                    width = before[at] + behind[at]
                full[at] = max(full[at], width)
                brief[at] = max(brief[at], self.cells(row.briefs[at]) if at in row.briefs else width)
        return Measure(
            self.columns,
            tuple(before),
            tuple(behind),
            tuple(min(cells, column.most or cells) for cells, column in zip(full, self.columns, strict=True)),
            tuple(brief),
            tuple(highest),
            self.cells,
        )

    def least(self, at: int) -> int:
        """The fewest cells of a column; 0 for one that has no text."""
        column = self.columns[at]
        if column.align is Align.BAR:
            return column.least if self.highest[at] else 0
        return min(self.full[at], column.least or self.brief[at])


_FIGURE: Final = re.compile(r"((?:about |up to )?[-~<]*\$?[0-9][0-9,]*)(.*)", re.DOTALL)


def _split_at_point(text: str) -> tuple[str, str]:
    """Split a figure behind its integer part: $1.25 → "$1", ".25"; "about 8 + 2 unknown" → "about 8", " + …".

    Both are "" for other texts.
    """
    match = _FIGURE.match(text)
    return ("", "") if match is None else (match[1], match[2])


def aligned(figures: Sequence[str]) -> list[str]:
    """Figures, padded so that their points are below one another; other texts stay as they are."""
    parts = [_split_at_point(one) for one in figures]
    before, behind = (max((len(part[side]) for part in parts), default=0) for side in (0, 1))
    return [
        f"{left:>{before}}{right:<{behind}}" if left else one
        for one, (left, right) in zip(figures, parts, strict=True)
    ]


class Layout(Struct, frozen=True):
    """The columns that fit, and the width of each."""

    measure: Measure
    visible: tuple[tuple[int, int], ...]
    """(place of the column, its width in cells) of each column shown."""

    @classmethod
    def fit(cls, measure: Measure, width: int) -> Layout:
        """Choose the columns for `width` cells, by rank, and distribute unused room."""
        columns, full = measure.columns, measure.full
        widths = {at: cells for at in range(len(columns)) if (cells := measure.least(at))}
        comfort = sum(
            max(0, min(full[at], COMFORT) - widths[at])
            for at in widths
            if columns[at].least and columns[at].align is not Align.BAR
        )
        chosen: set[int] = set()
        for at in sorted(widths, key=lambda at: columns[at].rank):
            rank, more = columns[at].rank, [one for one in widths if one in chosen or one == at]
            room = width - (comfort if rank >= IDLE else 0)
            if not rank or _total(more, widths, columns) <= room:
                chosen.add(at)
        shown = [at for at in widths if at in chosen]
        free = width - _total(shown, widths, columns)
        while free < 0 and (widest := max(widths[at] for at in shown)) > 1:
            # What is always shown has too little room: the widest texts are cut.
            at = max(shown, key=lambda at: (widths[at], at))
            widths[at], free = widest - 1, free + 1
        for at in sorted(shown, key=lambda at: (columns[at].fill, columns[at].align is Align.BAR)):
            growth = (_LONGEST_BAR if columns[at].align is Align.BAR else full[at]) - widths[at]
            if growth > free or columns[at].fill:
                # Shorter texts stand where not all full ones have room.
                growth = max(0, free) if columns[at].least or columns[at].fill else 0
            widths[at], free = widths[at] + growth, free - growth
        return cls(measure, tuple((at, widths[at]) for at in shown))

    def head(self, sorted_by: tuple[int, bool] | None = None) -> list[Piece]:
        """The heads of the columns; `sorted_by` (column, descending) gets an arrow."""
        heads = []
        for at, width in self.visible:
            head, align = self.measure.columns[at].head, self.measure.columns[at].align
            if sorted_by is not None and sorted_by[0] == at:
                head = f"{cut(head, width - 2, self.measure.cells)} {'▼' if sorted_by[1] else '▲'}"
            heads.append((self._aligned(head, align, width), ""))
        return self._joined(heads)

    def line(self, row: Row) -> list[Piece]:
        """One row, aligned with the heads."""
        return self._joined([self._cell(row, at, width) for at, width in self.visible])

    def column_at(self, x: int) -> int | None:
        """The column at cell `x`; None right of the last one."""
        for place, (at, width) in enumerate(self.visible):
            x -= width + (len(self.measure.columns[at].gap) if place else 0)
            if x < 0:
                return at
        return None

    def _cell(self, row: Row, at: int, width: int) -> Piece:
        column, text = self.measure.columns[at], row.cells[at]
        if self.measure.cells(text) > width:
            text = row.briefs.get(at, text)
        if column.align is Align.BAR:
            value = row.values.get(at)
            text = horizontal_bar(None if value is None else Decimal(value), self.measure.highest[at], width)
        elif column.align is Align.POINT and (split := _split_at_point(text))[0]:
            left, right = split
            text = f"{left}{right:<{self.measure.behind[at]}}"
        elif column.ids:
            text = middle_cut(text, width)
        style = Tone.FAINT if text in _NO_VALUES else row.styles.get(at, column.style)
        return self._aligned(text, column.align, width), style

    def _aligned(self, text: str, align: Align, width: int) -> str:
        text = clip(text, width, self.measure.cells)
        blank = " " * (width - self.measure.cells(text))
        return text + blank if align in (Align.LEFT, Align.BAR) else blank + text

    def _joined(self, cells: Sequence[Piece]) -> list[Piece]:
        """The cells of a row with the gaps between their columns."""
        pieces: list[Piece] = []
        for (at, _), cell in zip(self.visible, cells, strict=True):
            pieces += [(self.measure.columns[at].gap, ""), cell] if pieces else [cell]
        return pieces


def _total(shown: Sequence[int], widths: Mapping[int, int], columns: Sequence[Column]) -> int:
    """The width of some columns with the gaps between them."""
    return sum(widths[at] + (len(columns[at].gap) if at != shown[0] else 0) for at in shown)


def text_lines(columns: Sequence[Column], rows: Sequence[Row], width: int) -> list[str]:
    """A list as plain text in `width` cells: the heads, unless all are empty, and the rows."""
    layout = Layout.fit(Measure.of(columns, rows), width)
    lines = [_plain(layout.head())] if any(column.head for column in columns) else []
    for row in rows:
        lines += [_plain(layout.line(row)), *([clip(_INDENT + row.below, width)] if row.below else [])]
    return lines


def _plain(pieces: Iterable[Piece]) -> str:
    return "".join(text for text, _ in pieces).rstrip()
