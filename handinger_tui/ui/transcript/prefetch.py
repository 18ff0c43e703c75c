"""Ahead: a screen above and one below what is in sight, laid out and painted before somebody looks there.

Nothing moves by it: a page counts with its estimated height until it is really looked at.
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
    """The steps for a view of `height` rows from row `y` on, each a few milliseconds long."""

    def __init__(self, book: TranscriptLayout, paints: Paints, y: int, height: int) -> None:
        self._book, self._session, self._paints = book, book.session, paints
        self._y, self._height = y, height
        self._steps = chain(self._above(), self._below())

    def fits(self, book: TranscriptLayout, paints: Paints, y: int, height: int) -> bool:
        """It was made for what is in sight now."""
        same = book is self._book and book.session is self._session and paints is self._paints
        return same and (y, height) == (self._y, self._height)

    def step(self) -> bool:
        """Do a little. False when nothing is left."""
        return next(self._steps, False)

    def _above(self) -> Iterator[bool]:
        book, left = self._book, self._height
        at = book.page_at(self._y)
        bottom: int | None = self._y - book.start(at)
        while left > 0 and at >= 0:
            yield from book.prepare(at)
            blocks = book.pages[at].made
            if not blocks:
                return
            if bottom is None:
                bottom = book.pages[at].made_height
            top = max(0, bottom - left)
            yield from self._paint(blocks, top, bottom)
            left -= bottom - top
            at, bottom = at - 1, None

    def _below(self) -> Iterator[bool]:
        book, left = self._book, self._height
        first = self._y + self._height
        if first >= book.height:
            return
        at = book.page_at(first)
        top = first - book.start(at)
        while left > 0 and at < len(book.pages):
            yield from book.prepare(at)
            blocks = book.pages[at].made
            if not blocks:
                return
            bottom = min(top + left, book.pages[at].made_height)
            yield from self._paint(blocks, top, bottom)
            left -= bottom - top
            at, top = at + 1, 0

    def _paint(self, blocks: list[Block], top: int, bottom: int) -> Iterator[bool]:
        """The strips of rows `top` to `bottom` of a page."""
        start, before = 0, self._paints.painted
        for block in blocks:
            # Its own first row stands below its gap.
            first, last = top - start - block.gap, bottom - start - block.gap
            if block.sheet.pale and block.sheet.between(first, last):
                for language in block.sheet.colour():
                    if language:
                        # It is loaded, in a thread, when the block comes into sight.
                        break
                    yield True
            for row in block.sheet.between(first, last):
                self._paints.strips(row, block.sheet.tone)
                if self._paints.painted >= before + ROWS:
                    yield True
                    before = self._paints.painted
            start += block.height
