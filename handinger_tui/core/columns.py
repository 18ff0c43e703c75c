"""Lists as values: columns, rows, and how both are laid out in a width, on the screen and as plain text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from enum import Enum, StrEnum, auto
from functools import lru_cache
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
_CUT: Final = 5
"""Cells that a column that grows keeps as long as others can be cut."""
_GAP: Final = "  "
_INDENT: Final = "  "
"""Before the second line of a row."""

Piece = tuple[str, str]
"""A text and its style."""
Cells = Callable[[str], int]
"""Measures a text in terminal cells."""


def with_signs(words: str) -> str:
    """Words of a cost in little space, with the signs of columns: "~$0.04…" for "about $0.04 so far"."""
    for sign, word in (("~", "about "), ("~", "up to "), ("…", " so far")):
        words = words.replace(word, sign)
    return words


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
    """With `least`: takes the room that is left, also more than its texts need."""
    close: bool = False
    """Separated from the column before it by one cell, not two."""
    ids: bool = False
    """Texts are ids, which differ at their ends: they are cut in the middle."""

    @property
    def gap(self) -> str:
        """The cells before the column, unless it is the first."""
        return " " if self.close else _GAP


class Row(Struct, frozen=True, gc=False):
    """One row: a text for each column, clean and on one line."""

    cells: tuple[str, ...]
    below: str = ""
    """A second line."""
    marks: tuple[tuple[int, int], ...] = ()
    """The places of matches of a search in the second line."""
    styles: Mapping[int, str] = {}
    """Styles of single cells, by their column."""
    briefs: Mapping[int, str] = {}
    """Shorter texts, by their column, for where the full one has no room."""
    values: Mapping[int, int | Decimal] = {}
    """What cells are sorted by, by their column, where that is not their text; and the length of bars."""
    above: str = ""
    """The heading of the rows that begin with this one."""

    def has(self, words: Sequence[str]) -> bool:
        """Whether each of some words, in lower case, stands somewhere in the row."""
        if not words:
            return True
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
    total, last, before = 0, 0, ""
    for letter in text:
        cells = _cells(letter)
        if letter == EMOJI_STYLE and last == 1 and not (before.isalpha() or before.isspace()):
            # Shows the sign before it as an emoji, which is wide.
            cells, last = 1, 2
        elif last == 2 and (before == JOINER or letter in SKIN_TONES):
            # Part of the emoji before it.
            cells = 0
        else:
            last = cells or last
        total += cells
        before = letter
    return total


JOINER: Final = "\u200d"
EMOJI_STYLE: Final = "\ufe0f"
SKIN_TONES: Final = "\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff"


@lru_cache(4096)
def _cells(letter: str) -> int:
    """The cells of a letter of its own."""
    if unicodedata.category(letter) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1


def cut(text: str, width: int, cells: Cells = cells_of) -> str:
    """The beginning of a text that fits into `width` cells."""
    ends = accumulate(map(cells, text))
    short = text[: sum(1 for _ in takewhile(lambda end: end <= width, ends))]
    # Two letters may be wider than each by itself.
    return short if cells(short) <= width else cut(short[:-1], width, cells)


def clip(text: str, width: int, cells: Cells = cells_of) -> str:
    """Shorten a text to at most `width` cells; "…" marks the omission."""
    return text if cells(text) <= width else cut(text, width - 1, cells).rstrip() + "…"


# -- layout ------------------------------------------------------------------------------------
class Room(Struct, frozen=True):
    """The cells that some texts of a column need: all of one, and those around the points of figures."""

    cells: int = 0
    before: int = 0
    behind: int = 0
    """From the decimal points on."""

    @classmethod
    def of(cls, texts: Iterable[str], align: Align, cells: Cells) -> Room:
        """What these texts need."""
        most = before = behind = 0
        for text in texts:
            most = max(most, cells(text))
            if align is Align.POINT:
                left, right = _split_at_point(text)
                before, behind = max(before, len(left)), max(behind, len(right))
        return cls(max(most, before + behind), before, behind)

    def wider(self, other: Room) -> Room:
        """The cells that fit these texts and the other ones, with their points below one another."""
        before, behind = max(self.before, other.before), max(self.behind, other.behind)
        return Room(max(self.cells, other.cells, before + behind), before, behind)


class Width(Struct, frozen=True):
    """What a column needs, and the highest of its values."""

    full: Room = Room()
    brief: Room = Room()
    """With the shorter text where a row has one."""
    highest: Decimal = Decimal(0)

    @classmethod
    def of(cls, column: Column, rows: Sequence[Row], at: int, cells: Cells) -> Width:
        """What the cells of these rows need."""
        if column.align is Align.BAR:
            return cls(highest=max((Decimal(row.values.get(at, 0)) for row in rows), default=Decimal(0)))
        # Most rows of a column have one of few texts.
        full = Room.of({row.cells[at] for row in rows}, column.align, cells)
        if not any(at in row.briefs for row in rows):
            return cls(full, full)
        texts = {row.briefs.get(at, row.cells[at]) for row in rows}
        return cls(full, Room.of(texts, column.align, cells))

    def wider(self, other: Width) -> Width:
        """What this one and the other one need."""
        full, brief = self.full.wider(other.full), self.brief.wider(other.brief)
        return Width(full, brief, max(self.highest, other.highest))


class ColumnMeasure(Struct, frozen=True):
    """What each column needs for the rows so far."""

    columns: tuple[Column, ...]
    widths: tuple[Width, ...]
    cells: Cells = cells_of

    @classmethod
    def of(
        cls, columns: Sequence[Column], rows: Sequence[Row] = (), cells: Cells = cells_of
    ) -> ColumnMeasure:
        """What rows need, and their heads."""
        return cls(tuple(columns), (Width(),) * len(columns), cells).with_rows(rows)

    def with_rows(self, rows: Sequence[Row]) -> ColumnMeasure:
        """What is needed with more rows."""
        widths = tuple(
            width.wider(Width.of(column, rows, at, self.cells))
            for at, (column, width) in enumerate(zip(self.columns, self.widths, strict=True))
        )
        return ColumnMeasure(self.columns, widths, self.cells)

    def most(self, at: int) -> int:
        """The cells that a column has use for."""
        column = self.columns[at]
        full = max(self.cells(column.head), self.widths[at].full.cells)
        return _LONGEST_BAR if column.align is Align.BAR else min(full, column.most or full)

    def least(self, at: int) -> int:
        """The fewest cells of a column; 0 for one that has nothing to show, unless no column has."""
        column, width = self.columns[at], self.widths[at]
        if column.align is Align.BAR:
            return column.least if width.highest else 0
        if not width.full.cells and any(one.full.cells for one in self.widths):
            return 0
        # Shorter figures make no room for further columns: they say less.
        shortest = self.most(at) if column.align is Align.POINT else self.brief(at)
        return min(self.most(at), column.least or shortest)

    def brief(self, at: int) -> int:
        """The cells of a column with the shorter texts of its rows."""
        return max(self.cells(self.columns[at].head), self.widths[at].brief.cells)


_FIGURE: Final = re.compile(r"((?:about |up to )?[-~<]*\$?[0-9][0-9,]*)(.*)", re.DOTALL)


def _split_at_point(text: str) -> tuple[str, str]:
    """Split a figure behind its integer part: $1.25 → "$1", ".25"; "about 8 so far" → "about 8", " so far".

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

    measure: ColumnMeasure
    visible: tuple[tuple[int, int], ...]
    """(place of the column, its width in cells) of each column shown."""

    @classmethod
    def fit(cls, measure: ColumnMeasure, width: int) -> Layout:
        """Choose the columns for `width` cells, by rank, and distribute unused room."""
        columns = measure.columns
        widths = {at: cells for at in range(len(columns)) if (cells := measure.least(at))}
        wanted = {at: min(measure.most(at), COMFORT) for at in widths if columns[at].least}
        wanted = {at: cells for at, cells in wanted.items() if columns[at].align is not Align.BAR}
        comfort = sum(max(0, cells - widths[at]) for at, cells in wanted.items())
        # An id that is cut cannot be typed: only the most useful of the idle columns come before that.
        ids = {at: measure.brief(at) for at in wanted if columns[at].ids and not columns[at].rank}
        of_ids = sum(max(0, cells - max(widths[at], wanted[at])) for at, cells in ids.items())
        chosen: set[int] = set()
        for at in sorted(widths, key=lambda at: columns[at].rank):
            rank, more = columns[at].rank, [one for one in widths if one in chosen or one == at]
            room = width - (comfort if rank >= IDLE else 0) - (of_ids if rank > IDLE else 0)
            if not rank or _total(more, widths, columns) <= room:
                chosen.add(at)
        shown = [at for at in widths if at in chosen]
        free = width - _total(shown, widths, columns)
        names = {at: cells for at, cells in wanted.items() if at in chosen}
        for at in shown:
            if columns[at].align is Align.POINT and not columns[at].least:
                saved = max(0, widths[at] - measure.brief(at))
                if 0 < sum(max(0, measure.most(one) - widths[one]) for one in names) - free <= saved:
                    names = {one: measure.most(one) for one in names}
                # Figures are written shorter before a name has little room, or is cut that would fit then.
                if sum(max(0, cells - widths[one]) for one, cells in names.items()) > free:
                    widths[at], free = widths[at] - saved, free + saved
        while free < 0 and max(widths[at] for at in shown) > 1:
            # What is always shown has too little room: the widest texts are cut, those that may grow first,
            # because a cut amount reads like another one.
            at = max(shown, key=lambda at: (columns[at].least > 0 and widths[at] > _CUT, widths[at], at))
            widths[at], free = widths[at] - 1, free + 1
        last = sorted(shown, key=lambda at: (columns[at].fill, columns[at].align is Align.BAR))
        wishes = [*names.items()]
        wishes += [(at, width if columns[at].fill else measure.most(at)) for at in last]
        for at, most in wishes:
            growth = most - widths[at]
            if growth > free:
                # Shorter texts stand where not all full ones have room.
                growth = free if columns[at].least else 0
            widths[at], free = widths[at] + max(0, growth), free - max(0, growth)
        return cls(measure, tuple((at, widths[at]) for at in shown))

    def head(self, sorted_by: tuple[int, bool] | None = None) -> list[Piece]:
        """The heads of the columns; `sorted_by` (column, descending) has an arrow behind it."""
        columns = self.measure.columns
        pieces = self._joined(
            [(self._aligned(columns[at].head, columns[at].align, width), "") for at, width in self.visible]
        )
        shown = [at for at, _ in self.visible]
        if sorted_by is not None and sorted_by[0] in shown:
            behind = 2 * shown.index(sorted_by[0]) + 1
            arrow = "▼" if sorted_by[1] else "▲"
            gap = pieces[behind][0] if behind < len(pieces) else ""
            pieces[behind : behind + 1] = [(arrow + gap[1:], "")]
        return pieces

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
        column, text, needs = self.measure.columns[at], row.cells[at], self.measure.widths[at]
        cells = self.measure.cells
        needs_brief = width < needs.full.cells if column.align is Align.POINT else cells(text) > width
        if needs_brief:
            text = row.briefs.get(at, text)
        if column.align is Align.BAR:
            value = row.values.get(at)
            text = horizontal_bar(None if value is None else Decimal(value), needs.highest, width)
        elif column.align is Align.POINT and any(split := _split_at_point(text)):
            text = f"{split[0]}{split[1]:<{(needs.brief if needs_brief else needs.full).behind}}"
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
    return laid_out(Layout.fit(ColumnMeasure.of(columns, rows), width), rows, width)


def laid_out(layout: Layout, rows: Sequence[Row], width: int) -> list[str]:
    """The same by a layout for these rows."""
    heads = any(column.head for column in layout.measure.columns)
    lines = [text_of(layout.head())] if heads else []
    for row in rows:
        lines += [clip(row.above, width)] if row.above else []
        lines += [text_of(layout.line(row)), *([clip(_INDENT + row.below, width)] if row.below else [])]
    return lines


def text_of(pieces: Iterable[tuple[str, object]]) -> str:
    """Styled pieces as text, without spaces at the end."""
    return "".join(text for text, _ in pieces).rstrip()
