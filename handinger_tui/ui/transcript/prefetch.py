"""Prefetching: lay out and paint one screen above and one below the visible rows in advance.

It never moves anything: a turn counts with its estimated height until it comes into sight.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING, Final

from handinger_tui.ui.transcript.layout import Paints, TranscriptLayout

if TYPE_CHECKING:
    from handinger_tui.ui.transcript.layout import Block

ROWS: Final = 6
"""Rows painted in one step: about 2 ms."""


class Prefetcher:
    """Prefetches around a view of `height` rows from row `y` on, in steps of a few milliseconds."""

    def __init__(self, book: TranscriptLayout, paints: Paints, y: int, height: int) -> None:
        self._book, self._session, self._paints = book, book.session, paints
        self._y, self._height = y, height
        self._steps = chain(self._above(), self._below())

    def fits(self, book: TranscriptLayout, paints: Paints, y: int, height: int) -> bool:
        """Whether this prefetcher was created for the current view."""
        same = book is self._book and book.session is self._session and paints is self._paints
        return same and (y, height) == (self._y, self._height)

    def step(self) -> bool:
        """Run one step. Returns False when nothing is left to do."""
        return next(self._steps, False)

    def _above(self) -> Iterator[bool]:
        book, remaining = self._book, self._height
        at = book.page_at(self._y)
        bottom: int | None = self._y - book.start(at)
        while remaining > 0 and at >= 0:
            yield from book.prepare(at)
            blocks = book.pages[at].available_blocks
            if not blocks:
                return
            if bottom is None:
                bottom = book.pages[at].available_height
            top = max(0, bottom - remaining)
            yield from self._paint(blocks, top, bottom)
            remaining -= bottom - top
            at, bottom = at - 1, None

    def _below(self) -> Iterator[bool]:
        book, remaining = self._book, self._height
        first = self._y + self._height
        if first >= book.height:
            return
        at = book.page_at(first)
        top = first - book.start(at)
        while remaining > 0 and at < len(book.pages):
            yield from book.prepare(at)
            blocks = book.pages[at].available_blocks
            if not blocks:
                return
            bottom = min(top + remaining, book.pages[at].available_height)
            yield from self._paint(blocks, top, bottom)
            remaining -= bottom - top
            at, top = at + 1, 0

    def _paint(self, blocks: list[Block], top: int, bottom: int) -> Iterator[bool]:
        """Paint rows `top` to `bottom` of a turn."""
        start, before = 0, self._paints.painted
        for block in blocks:
            # Rows of the block are counted from below its gap.
            first, last = top - start - block.gap, bottom - start - block.gap
            if block.sheet.plain_code_rows and block.sheet.between(first, last):
                for language in block.sheet.colour():
                    if language:
                        # The lexer is loaded in a thread when the block comes into sight.
                        break
                    yield True
            for row in block.sheet.between(first, last):
                self._paints.strips(row, block.sheet.tone)
                if self._paints.painted >= before + ROWS:
                    yield True
                    before = self._paints.painted
            start += block.height
