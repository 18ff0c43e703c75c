"""Columns of the ledger's table: measured over the rows seen so far, and laid out to fit. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum, auto
from typing import Final

from rich.cells import cell_len
from textual.content import Content

from handinger_tui.core.words import NOT_REPORTED, middle_cut
from handinger_tui.ui.panels import charting

COMFORT: Final = 24
"""Cells that a name should have before columns of rank `IDLE` and above take any."""
IDLE: Final = 3


class Lie(Enum):
    """How the texts of a column lie in it."""

    LEFT = auto()
    RIGHT = auto()
    POINT = auto()
    """Decimal points under each other; words at the right edge."""
    BAR = auto()
    """A bar as long as the amount, beside the longest one."""


@dataclass(frozen=True, slots=True)
class Column:
    """`rank` 0 always stays; of the others the lowest has room first. `least` > 0: it takes what is left."""

    head: str
    lie: Lie = Lie.RIGHT
    rank: int = 0
    style: str = ""
    least: int = 0
    close: bool = False
    """One cell behind the column before it, not two."""
    ids: bool = False
    """Its texts are told apart by their ends: they are cut in the middle."""


@dataclass(frozen=True, slots=True)
class Line:
    """One row: its key, one text for each column, the session it can be opened as, and its name."""

    key: str
    cells: tuple[str, ...]
    session_id: str | None
    words: str
    amount: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Measure:
    """The widest texts of each column so far: before the point, from the point on, and as a whole."""

    before: tuple[int, ...]
    behind: tuple[int, ...]
    whole: tuple[int, ...]
    highest: Decimal = Decimal(0)

    @classmethod
    def of(cls, columns: Sequence[Column]) -> Measure:
        """Nothing but the heads."""
        zeros = (0,) * len(columns)
        return cls(zeros, zeros, tuple(len(column.head) for column in columns))

    def with_lines(self, columns: Sequence[Column], lines: Iterable[Line]) -> Measure:
        """The same, with more lines."""
        before, behind, whole = list(self.before), list(self.behind), list(self.whole)
        highest = self.highest
        for line in lines:
            highest = max(highest, line.amount or Decimal(0))
            for at, (column, text) in enumerate(zip(columns, line.cells, strict=True)):
                if column.lie is Lie.POINT and _is_figure(text):
                    left, right = _at_point(text)
                    before[at], behind[at] = max(before[at], len(left)), max(behind[at], len(right))
                    whole[at] = max(whole[at], before[at] + behind[at])
                else:
                    whole[at] = max(whole[at], cell_len(text))
        return Measure(tuple(before), tuple(behind), tuple(whole), highest)


def _is_figure(text: str) -> bool:
    return bool(text) and (text[0].isdigit() or text[0] in "$<-")


def _at_point(text: str) -> tuple[str, str]:
    """$1.25 → "$1", ".25"; 8 +2 → "8", " +2"; 8+ → "8", "+"."""
    places = (text.find("."), text.find(" "), len(text.rstrip(charting.MORE)))
    at = next(at for at in places if at >= 0)
    return text[:at], text[at:]


@dataclass(frozen=True, slots=True)
class Layout:
    """Which columns are shown, and how many cells each one has."""

    columns: tuple[Column, ...]
    measure: Measure
    shown: tuple[tuple[int, int], ...]
    """(column, cells)"""

    @classmethod
    def fit(cls, columns: Sequence[Column], measure: Measure, width: int) -> Layout:
        """Columns for `width` cells; those that find no room are not shown."""
        asked = {at: column.least or measure.whole[at] for at, column in enumerate(columns)}
        possible = [at for at in asked if asked[at] > 0]
        chosen = {at for at in possible if not columns[at].rank}
        names = [at for at in possible if columns[at].least and columns[at].lie is Lie.LEFT]
        comfort = sum(max(0, min(measure.whole[at], COMFORT) - asked[at]) for at in names)
        for at in sorted(possible, key=lambda at: columns[at].rank):
            more = [one for one in possible if one in chosen or one == at]
            if _taken(more, asked, columns) + (comfort if columns[at].rank >= IDLE else 0) <= width:
                chosen.add(at)
        kept = [at for at in possible if at in chosen]
        left = max(0, width - _taken(kept, asked, columns))
        for at in kept:
            if at in names:
                grown = min(left, max(0, measure.whole[at] - asked[at]))
                asked[at], left = asked[at] + grown, left - grown
        for at in kept:
            if columns[at].lie is Lie.BAR:
                asked[at], left = asked[at] + min(left, 28), left - min(left, 28)
        return cls(tuple(columns), measure, tuple((at, asked[at]) for at in kept))

    def head(self) -> Content:
        """The captions of the columns."""
        return self._joined(
            [_laid(self.columns[at].head, self.columns[at].lie, cells) for at, cells in self.shown]
        )

    def line(self, line: Line) -> Content:
        """One row, cell under cell."""
        return self._joined([self._cell(line, at, cells) for at, cells in self.shown])

    def _cell(self, line: Line, at: int, cells: int) -> Content:
        column, text = self.columns[at], line.cells[at]
        if column.lie is Lie.BAR:
            text = charting.across(line.amount, self.measure.highest, cells)
        elif column.lie is Lie.POINT and _is_figure(text):
            left, right = _at_point(text)
            text = f"{left}{right:<{self.measure.behind[at]}}"
        elif column.ids:
            text = middle_cut(text, cells)
        style = charting.FAINT if text in (NOT_REPORTED, "—") else column.style
        laid = _laid(text, column.lie, cells)
        return laid.stylize(style) if style else laid

    def _joined(self, cells: Sequence[Content]) -> Content:
        """Two cells apart; the plus sign stands close to its figure."""
        pieces: list[Content | str] = []
        for (at, _), cell in zip(self.shown, cells, strict=True):
            pieces += [_apart(self.columns[at], first=not pieces), cell]
        return Content.assemble(*pieces)


def _apart(column: Column, *, first: bool) -> str:
    return "" if first else " " if column.close else "  "


def _taken(kept: Sequence[int], asked: dict[int, int], columns: Sequence[Column]) -> int:
    return sum(asked[at] + len(_apart(columns[at], first=at == kept[0])) for at in kept)


def _laid(text: str, lie: Lie, cells: int) -> Content:
    cut = Content(text).truncate(cells, ellipsis=True)
    if lie in (Lie.LEFT, Lie.BAR):
        return cut.pad_right(cells - cut.cell_length)
    return cut.pad_left(cells - cut.cell_length)
