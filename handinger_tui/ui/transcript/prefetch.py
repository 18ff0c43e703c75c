"""Prefetching: lay out and paint one screen above and one below the visible rows in advance.

It never moves anything: a turn counts with its estimated height until it comes into sight.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING, Final

from handinger_tui.ui.transcript.layout import StripCache, TranscriptLayout

if TYPE_CHECKING:
    from handinger_tui.ui.transcript.layout import Block

ROWS: Final = 6
"""Rows painted in one step: about 2 ms."""


class Prefetcher:
    """Prefetches around a view of `height` rows from row `y` on, in steps of a few milliseconds."""

    def __init__(self, layout: TranscriptLayout, strip_cache: StripCache, y: int, height: int) -> None:
        self._layout, self._session, self._strip_cache = layout, layout.session, strip_cache
        self._y, self._height = y, height
        self._steps = chain(self._above(), self._below())

    def fits(self, layout: TranscriptLayout, strip_cache: StripCache, y: int, height: int) -> bool:
        """Whether this prefetcher was created for the current view."""
        same = layout is self._layout and layout.session is self._session and strip_cache is self._strip_cache
        return same and (y, height) == (self._y, self._height)

    def step(self) -> bool:
        """Run one step. Returns False when nothing is left to do."""
        return next(self._steps, False)

    def _above(self) -> Iterator[bool]:
        layout, remaining = self._layout, self._height
        at = layout.turn_at(self._y)
        bottom: int | None = self._y - layout.start(at)
        while remaining > 0 and at >= 0:
            yield from layout.prepare(at)
            blocks = layout.turns[at].available_blocks
            if not blocks:
                return
            if bottom is None:
                bottom = layout.turns[at].available_height
            top = max(0, bottom - remaining)
            yield from self._paint(blocks, top, bottom)
            remaining -= bottom - top
            at, bottom = at - 1, None

    def _below(self) -> Iterator[bool]:
        layout, remaining = self._layout, self._height
        first = self._y + self._height
        if first >= layout.height:
            return
        at = layout.turn_at(first)
        top = first - layout.start(at)
        while remaining > 0 and at < len(layout.turns):
            yield from layout.prepare(at)
            blocks = layout.turns[at].available_blocks
            if not blocks:
                return
            bottom = min(top + remaining, layout.turns[at].available_height)
            yield from self._paint(blocks, top, bottom)
            remaining -= bottom - top
            at, top = at + 1, 0

    def _paint(self, blocks: list[Block], top: int, bottom: int) -> Iterator[bool]:
        """Paint rows `top` to `bottom` of a turn."""
        start, before = 0, self._strip_cache.painted
        for block in blocks:
            # Rows of the block are counted from below its gap.
            first, last = top - start - block.gap, bottom - start - block.gap
            if block.buffer.plain_code_rows and block.buffer.between(first, last):
                for language in block.buffer.highlight():
                    if language:
                        # The lexer is loaded in a thread when the block comes into sight.
                        break
                    yield True
            for row in block.buffer.between(first, last):
                self._strip_cache.strips(row, block.buffer.tone)
                if self._strip_cache.painted >= before + ROWS:
                    yield True
                    before = self._strip_cache.painted
            start += block.height
