"""Finding text in the rows of a preview: where it stands, and where that is painted."""

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
"""Places that are kept; nobody goes through more."""


class Place(NamedTuple):
    """A match: the number of its row, first character, the one after its last."""

    row: int
    start: int
    end: int


class Span(NamedTuple):
    """Where some of match `number` is painted: screen row, first cell, the one after its last."""

    number: int
    y: int
    left: int
    right: int


@dataclass(slots=True)
class Found:
    """One search. `more`: there are places beyond those kept. `at`: the one it stands at."""

    text: str
    places: list[Place] = field(default_factory=list)
    more: bool = False
    at: int = 0
    _spans: dict[int, list[Span]] = field(default_factory=dict)

    def step(self, by: int) -> None:
        """To another place; behind the last comes the first."""
        if self.places:
            self.at = (self.at + by) % len(self.places)

    def begin_at(self, row: int) -> None:
        """To the first place in a row or below it; to the first of all where there is none."""
        at = bisect_left(self.places, Place(row, 0, 0))
        self.at = at if at < len(self.places) else 0

    @property
    def told(self) -> str:
        """How many there are, and which one this is."""
        if not self.places:
            return f"“{self.text}” does not occur."
        count = f"{len(self.places):,}{'+' if self.more else ''}"
        return f"“{self.text}” · {self.at + 1:,} of {count}"

    def spans(self, sheet: RowBuffer, width: int, row: int) -> list[Span]:
        """Where the matches of a row are painted; worked out once, always for the same sheet."""
        known = self._spans.get(row)
        if known is None:
            first = bisect_left(self.places, Place(row, 0, 0))
            last = bisect_left(self.places, Place(row + 1, 0, 0))
            chars = [(place.start, place.end) for place in self.places[first:last]]
            top = sheet.start_of(row)
            painted = all_cells(sheet.rows[row], width, chars) if chars else ()
            known = [Span(first + at, top + strip, left, right) for at, strip, left, right in painted]
            self._spans[row] = known
        return known


def find(rows: Sequence[Row], text: str) -> Found:
    """Look for `text` as it stands, in either case."""
    pattern = re.compile(re.escape(text), re.IGNORECASE)
    places = list(islice(_places(rows, pattern), MOST + 1))
    return Found(text, places[:MOST], more=len(places) > MOST)


def _places(rows: Sequence[Row], pattern: re.Pattern[str]) -> Iterator[Place]:
    for number, row in enumerate(rows):
        for found in pattern.finditer(row.content.plain):
            yield Place(number, found.start(), found.end())
