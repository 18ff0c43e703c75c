"""Text search in a preview: where the matches are, and where they are painted."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, NamedTuple

from handinger_tui.ui.transcript.layout import RowBuffer
from handinger_tui.ui.transcript.painting import all_cells
from handinger_tui.ui.transcript.rows.row import Row

MOST: Final = 10_000
"""Maximum number of matches that are kept."""


class Match(NamedTuple):
    """A match: the index of its row, its first character and the character after its last."""

    row: int
    start: int
    end: int


class Span(NamedTuple):
    """A painted piece of match `number`: screen row, first cell and the cell after its last."""

    number: int
    y: int
    left: int
    right: int


@dataclass(slots=True)
class SearchResult:
    """The result of a search. `more` means that further matches were dropped; `at` is the current match."""

    text: str
    matches: list[Match] = field(default_factory=list)
    more: bool = False
    at: int = 0
    _spans: dict[int, list[Span]] = field(default_factory=dict)

    def step(self, by: int) -> None:
        """Move the current match by `by`, wrapping around at both ends."""
        if self.matches:
            self.at = (self.at + by) % len(self.matches)

    def begin_at(self, row: int) -> None:
        """Select the first match in row `row` or below it, or else the first of all."""
        at = bisect_left(self.matches, Match(row, 0, 0))
        self.at = at if at < len(self.matches) else 0

    @property
    def status(self) -> str:
        """The number of matches and the position of the current one, in words."""
        if not self.matches:
            return f"“{self.text}” does not occur."
        count = f"{len(self.matches):,}{'+' if self.more else ''}"
        return f"“{self.text}” · {self.at + 1:,} of {count}"

    def spans(self, buffer: RowBuffer, width: int, row: int) -> list[Span]:
        """Return where the matches of a row are painted.

        The result is cached by row: always pass the same buffer and width.
        """
        cached = self._spans.get(row)
        if cached is None:
            first = bisect_left(self.matches, Match(row, 0, 0))
            last = bisect_left(self.matches, Match(row + 1, 0, 0))
            chars = [(match.start, match.end) for match in self.matches[first:last]]
            top = buffer.start_of(row)
            painted = all_cells(buffer.rows[row], width, chars) if chars else ()
            cached = [Span(first + at, top + strip, left, right) for at, strip, left, right in painted]
            self._spans[row] = cached
        return cached


def find(rows: Sequence[Row], text: str) -> SearchResult:
    """Search literally for `text`, ignoring case."""
    pattern = re.compile(re.escape(text), re.IGNORECASE)
    matches = list(islice(_matches(rows, pattern), MOST + 1))
    return SearchResult(text, matches[:MOST], more=len(matches) > MOST)


def _matches(rows: Sequence[Row], pattern: re.Pattern[str]) -> Iterator[Match]:
    for number, row in enumerate(rows):
        for match in pattern.finditer(row.content.plain):
            yield Match(number, match.start(), match.end())
