"""Sheet: the rows of one slot with their heights; strips are painted when they are looked at."""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from textual.content import Content
from textual.strip import Strip

from handinger_tui.core.replacing import replace
from handinger_tui.ui.transcript.code import coloured_lines, colouring
from handinger_tui.ui.transcript.lexers import loaded
from handinger_tui.ui.transcript.paint import Palette, height, paint
from handinger_tui.ui.transcript.row import Row

ROOM: Final = 400
"""Rows whose strips are kept at least: some screens full, at 5 kB each: a strip has seven caches."""


class Paints:
    """Strips of the rows that were looked at last."""

    def __init__(self, palette: Palette, width: int) -> None:
        self.palette: Final = palette
        self.width: Final = width
        self.painted = 0
        """Rows painted so far, for tests of what a change costs."""
        self.room = ROOM
        """Rows whose strips are kept."""
        self._kept: OrderedDict[int, tuple[Row, list[Strip]]] = OrderedDict()

    def strips(self, row: Row, tone: str | None) -> list[Strip]:
        """The strips of a row."""
        # The row is kept beside its strips, so that its id cannot become another row's.
        found = self._kept.get(id(row))
        if found is not None:
            self._kept.move_to_end(id(row))
            return found[1]
        strips = list(paint(row, self.width, self.palette, tone))
        self.painted += 1
        self._kept[id(row)] = (row, strips)
        if len(self._kept) > self.room:
            self._kept.popitem(last=False)
        return strips


class Code(NamedTuple):
    """A code block in a sheet: its first screen row, the one after its last, its text."""

    start: int
    end: int
    text: str


class Sheet:
    """Rows one under the other in a view of `width` cells."""

    def __init__(self, width: int, tone: str | None = None) -> None:
        self.rows: list[Row] = []
        self.height = 0
        self.tone: Final = tone
        self._width = width
        self._starts: list[int] = []
        self.pale: list[int] = []
        """Rows at which code blocks begin that are still to be coloured."""

    def replace(self, kept: int, fresh: list[Row]) -> int:
        """Keep the first `kept` rows and put `fresh` after them. Returns the first changed screen row."""
        if kept < len(self.rows):
            self.height = self._starts[kept]
            del self.rows[kept:], self._starts[kept:]
            self.pale = [at for at in self.pale if at < kept]
        changed = self.height
        for row in fresh:
            if row.later:
                self.pale.append(len(self.rows))
            self.rows.append(row)
            self._starts.append(self.height)
            self.height += height(row, self._width)
        return changed

    def replace_first(self, row: Row) -> None:
        """Put another row in place of the first, which is as high."""
        self.rows[0] = row

    def colour(self) -> Iterator[str]:
        """Colour what is pale, in steps of about 5 ms. Heights stay.

        Yields the language that must be loaded before the next step, or nothing.
        """
        for head in [self.rows[at] for at in self.pale]:
            text = head.code[0] if head.code is not None else ""
            if not loaded(head.later):
                yield head.later
            for _step in colouring(text, head.later):
                yield ""
            # The rows may have been made again meanwhile, and stand elsewhere.
            at = next((at for at in self.pale if self.rows[at] is head), None)
            if at is not None:
                self._put_colours(at, coloured_lines(text, head.later))
                yield ""

    def _put_colours(self, at: int, lines: Sequence[Content]) -> None:
        self.pale.remove(at)
        self.rows[at] = replace(self.rows[at], later="")
        for number, line in enumerate(lines, at + 1):
            self.rows[number] = replace(self.rows[number], content=line)

    def strip(self, y: int, paints: Paints) -> Strip:
        """The strip at screen row `y`."""
        at = self.row_at(y)
        strips = paints.strips(self.rows[at], self.tone)
        return strips[min(y - self._starts[at], len(strips) - 1)]

    def row_at(self, y: int) -> int:
        """The number of the row that screen row `y` belongs to."""
        return max(0, bisect_right(self._starts, y) - 1)

    def between(self, first: int, last: int) -> list[Row]:
        """The rows that screen rows `first` to `last` belong to; the last not included."""
        if last <= 0 or first >= self.height:
            return []
        return self.rows[self.row_at(max(0, first)) : self.row_at(min(last, self.height) - 1) + 1]

    def start_of(self, row: int) -> int:
        """The screen row at which a row begins."""
        return self._starts[row] if row < len(self._starts) else self.height

    def codes(self) -> list[Code]:
        """The code blocks, in order."""
        return [
            Code(self._starts[at], self.start_of(at + row.code[1]), row.code[0])
            for at, row in enumerate(self.rows)
            if row.code is not None
        ]
