"""Consecutive rows with their screen positions, and a cache of their strips."""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final, NamedTuple

from msgspec.structs import replace
from textual.content import Content
from textual.strip import Strip

from handinger_tui.ui.transcript.painting import Palette, paint, row_height
from handinger_tui.ui.transcript.row import Row

MAX_CACHED_ROWS: Final = 400
"""Number of rows whose strips are cached: a few screens. Each takes 5 kB, as a strip has seven caches."""


class StripCache:
    """The painted strips of the most recently used rows."""

    def __init__(self, palette: Palette, width: int) -> None:
        self.palette: Final = palette
        self.width = width
        self.painted = 0
        """Number of rows painted so far; tests use it to measure the cost of a change."""
        self._cached: OrderedDict[int, tuple[Row, list[Strip]]] = OrderedDict()

    def __len__(self) -> int:
        """Return the number of rows whose strips are cached."""
        return len(self._cached)

    def reset(self, width: int) -> None:
        """Drop all strips and styles: the width or the theme changed."""
        self.width = width
        self.palette.reset()
        self._cached.clear()

    def strips(self, row: Row, tone: str | None) -> list[Strip]:
        """Return the strips of a row, painted on first use. `tone` replaces the style of plain text rows."""
        # The row is cached with its strips: while it is alive, no other row can have its id.
        cached = self._cached.get(id(row))
        if cached is not None:
            self._cached.move_to_end(id(row))
            return cached[1]
        strips = list(paint(row, self.width, self.palette, tone))
        self.painted += 1
        self._cached[id(row)] = (row, strips)
        if len(self._cached) > MAX_CACHED_ROWS:
            self._cached.popitem(last=False)
        return strips


class CodeBlock(NamedTuple):
    """A code block in a row buffer: its first screen row, the row after its last, and its text."""

    start: int
    end: int
    text: str


class RowBuffer:
    """Consecutive rows with their screen positions, in a view of `width` cells."""

    def __init__(self, width: int, tone: str | None = None) -> None:
        self.rows: list[Row] = []
        self.height = 0
        self.deferred: list[Row] = []
        """The first rows of the code blocks that are not highlighted yet."""
        self._tone: Final = tone
        self._width = width
        self._starts: list[int] = []

    def replace(self, keep: int, fresh: Sequence[Row]) -> int:
        """Keep the first `keep` rows and append `fresh`. Returns the first changed screen row."""
        if keep < len(self.rows):
            self.height = self._starts[keep]
            if self.deferred:
                dropped = set(map(id, self.rows[keep:]))
                self.deferred = [head for head in self.deferred if id(head) not in dropped]
            del self.rows[keep:], self._starts[keep:]
        changed = self.height
        for row in fresh:
            if row.deferred_language:
                self.deferred.append(row)
            self.rows.append(row)
            self._starts.append(self.height)
            self.height += row_height(row, self._width)
        return changed

    def replace_first(self, row: Row) -> None:
        """Replace the first row by one of the same height."""
        self.rows[0] = row

    def set_highlighted(self, head: Row, lines: Sequence[Content]) -> None:
        """Replace the plain lines of a code block, given its first row. Heights do not change."""
        at = next((at for at, row in enumerate(self.rows) if row is head), None)
        if at is None:
            # The rows were rebuilt while the lines were highlighted in a thread.
            return
        self.deferred = [row for row in self.deferred if row is not head]
        self.rows[at] = replace(head, deferred_language="")
        for number, line in enumerate(lines, at + 1):
            self.rows[number] = replace(self.rows[number], content=line)

    def strip(self, y: int, strip_cache: StripCache) -> Strip:
        """Return the strip at screen row `y`."""
        at = self.row_at(y)
        strips = strip_cache.strips(self.rows[at], self._tone)
        return strips[min(y - self._starts[at], len(strips) - 1)]

    def strips_of(self, row: int, strip_cache: StripCache) -> list[Strip]:
        """Return the strips of row number `row`."""
        return strip_cache.strips(self.rows[row], self._tone)

    def row_at(self, y: int) -> int:
        """Return the index of the row that covers screen row `y`."""
        return max(0, bisect_right(self._starts, y) - 1)

    def start_of(self, row: int) -> int:
        """Return the screen row at which row `row` begins."""
        return self._starts[row] if row < len(self._starts) else self.height

    def codes(self) -> list[CodeBlock]:
        """Return the code blocks, in order."""
        return [
            CodeBlock(self._starts[at], self.start_of(at + row.code[1]), row.code[0])
            for at, row in enumerate(self.rows)
            if row.code is not None
        ]
