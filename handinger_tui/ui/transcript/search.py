"""Search in the transcript: which slots contain a text (in their source), and which rows show it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from textual.strip import Strip

from handinger_tui.ui.transcript.layout import Block, TranscriptLayout
from handinger_tui.ui.transcript.overlays import with_matches
from handinger_tui.ui.transcript.row_buffer import StripCache
from handinger_tui.ui.transcript.rows import slots_of, source_of


class Hit(NamedTuple):
    """A slot that contains the text; turn and slot are indexes."""

    turn: int
    slot: int


class TranscriptSearch:
    """One search at a time. `reveal` scrolls rows into sight and repaints, `repaint` only repaints."""

    def __init__(
        self,
        layout: TranscriptLayout,
        strip_cache: StripCache,
        reveal: Callable[[int, int], None],
        repaint: Callable[[], object],
    ) -> None:
        self._layout = layout
        self._strip_cache = strip_cache
        self._reveal = reveal
        self._repaint = repaint
        self._pattern: re.Pattern[str] | None = None
        self._hits: list[Hit] = []
        self._at = 0
        """Index of the current hit."""
        self._row = -1
        """Transcript row of the current match."""
        self._number = 0
        """Number of the current match within its slot."""
        self._counts: dict[Hit, int] = {}

    @property
    def active(self) -> bool:
        """Whether matches are highlighted."""
        return self._pattern is not None

    def clear(self) -> None:
        """End the search and remove its highlights."""
        self._pattern = None
        self._repaint()

    def find(self, text: str) -> int:
        """Search literally for `text`, ignoring case; go to the last match. Returns the number of matches."""
        self.clear()
        session = self._layout.session
        if session is None or not text.strip():
            return 0
        pattern = re.compile(re.escape(text), re.IGNORECASE)
        counts = {
            Hit(number, at): count
            for number, turn in enumerate(session.turns)
            for at, slot in enumerate(slots_of(turn, ""))
            if (count := sum(1 for _match in pattern.finditer(source_of(slot))))
        }
        if counts:
            self._pattern, self._hits, self._counts = pattern, list(counts), counts
            self._at, self._row = 0, -1
            self.step(-1)
        return sum(counts.values())

    @property
    def position(self) -> tuple[int, int]:
        """The number of the current match, from 1, and how many there are; zeros without a match."""
        if self._pattern is None:
            return 0, 0
        before = sum(self._counts[hit] for hit in self._hits[: self._at])
        return before + self._number, sum(self._counts.values())

    def step(self, by: int) -> None:
        """Go to the next match below (`by` 1) or above (-1), in a cycle."""
        if self._pattern is None:
            return
        all_rows = self._rows(self._pattern) if self._row >= 0 else []
        rows = [row for row in all_rows if (row > self._row if by > 0 else row < self._row)]
        if not rows:
            self._at = (self._at + by) % len(self._hits)
            rows = all_rows = self._rows(self._pattern)
        self._row = rows[0] if by > 0 else rows[-1]
        # Several matches in one row count as one step: the last row has the last of them.
        count, index = self._counts[self._hits[self._at]], all_rows.index(self._row)
        self._number = count if index == len(all_rows) - 1 else min(index + 1, count)
        self._reveal(self._row, self._row + 1)

    def _rows(self, pattern: re.Pattern[str]) -> list[int]:
        """Return the transcript rows that show a match of the current hit; they are unfolded if need be."""
        hit, layout = self._hits[self._at], self._layout
        if hit.turn >= len(layout.turns):
            return [0]
        layout.measure(hit.turn)
        turn_layout = layout.turns[hit.turn]
        at = min(hit.slot, len(turn_layout.blocks) - 1)
        block = turn_layout.blocks[at]
        if block.foldable and not block.unfolded:
            layout.toggle_fold(hit.turn, at)
            block = turn_layout.blocks[at]
        start = layout.top_of(hit.turn, at)
        return [start + row for row in self._rows_of_block(block, pattern)]

    def _rows_of_block(self, block: Block, pattern: re.Pattern[str]) -> list[int]:
        """Return the rows of a block that show a match, its first one if none does.

        A match that is wrapped over two lines counts for the first screen row of its row.
        """
        matching: list[int] = []
        for number, row in enumerate(block.buffer.rows):
            if pattern.search(row.first.plain + row.content.plain) is None:
                continue
            strips = block.buffer.strips_of(number, self._strip_cache)
            visible = [at for at, strip in enumerate(strips) if pattern.search(strip.text)]
            matching += [block.buffer.start_of(number) + at for at in visible or (0,)]
        return matching or [0]

    def draw(self, strip: Strip, y: int) -> Strip:
        """Highlight the matches in transcript row `y`."""
        if self._pattern is None:
            return strip
        name = "match-here" if y == self._row else "match"
        return with_matches(strip, self._pattern, self._strip_cache.palette.row(name).rich_style)
