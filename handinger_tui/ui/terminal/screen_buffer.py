"""Board: what the terminal shows, and updates of Textual's compositor written as the difference from it.

A partial update changes the board; a whole one is always written whole, as it
repairs a screen that something else wrote on (a resize, a return from the
shell). When most lines of a widget stood some lines below before, the terminal
scrolls them itself, and what stood beside them is put back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, NamedTuple

from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual.strip import Strip

from handinger_tui.ui.terminal.cells import Pens, Row
from handinger_tui.ui.terminal.diff_writer import DiffWriter

if TYPE_CHECKING:
    from rich.console import Console
    from textual.geometry import Region

LEAST_LINES: Final = 3
"""Lines that must have moved alike before the terminal is let scroll."""
LEAST_CELLS: Final = 16
"""Narrower strips say nothing about what moved."""
LEAST_SHARE: Final = 0.5
"""Of the lines of a widget: with fewer that moved alike it takes less to write them all."""


class Piece(NamedTuple):
    """A strip and where it goes."""

    y: int
    x: int
    strip: Strip


class Move(NamedTuple):
    """Lines `top` to `bottom` (not included) go up by `by`."""

    top: int
    bottom: int
    by: int


class ScreenBuffer:
    """The terminal's screen, as far as it is known."""

    def __init__(self) -> None:
        self.scrolls = 0
        """How often the terminal scrolled by itself, for tests."""
        self._pens = Pens()
        self._size = 0, 0
        self._rows: list[Row] = []
        self._strips: list[dict[int, Strip]] = []
        """Per line, the strips that stand there whole, by their columns."""
        self._odd: list[set[int]] = []
        """Per line, where odd strips begin (see `cells`)."""

    def update(self, update: CompositorUpdate) -> CompositorUpdate:
        """The same update, written with fewer bytes. Nothing is remembered before it is written."""
        if isinstance(update, ChopsUpdate | LayoutUpdate):
            return _Written(self, update)
        return update

    def forget(self, region: Region | None = None) -> None:
        """Something else may have written on the screen, or on a region of it: what is there is not known."""
        if region is None:
            self._begin(*self._size)
            return
        width, height = self._size
        left, right = max(0, region.x), min(width, region.right)
        for y in range(max(0, region.y), min(height, region.bottom)):
            row = self._rows[y].copy()
            row[left:right] = [None] * (right - left)
            self._rows[y] = row
            kept = self._strips[y].items()
            self._strips[y] = {x: strip for x, strip in kept if x >= right or x + strip.cell_length <= left}

    def _begin(self, width: int, height: int) -> None:
        self._size = width, height
        self._rows = [[None] * width for _ in range(height)]
        self._strips = [{} for _ in range(height)]
        self._odd = [set() for _ in range(height)]

    def write(self, update: CompositorUpdate, console: Console) -> str:
        """The bytes of an update, which counts as written from now on."""
        if isinstance(update, LayoutUpdate):
            return self._whole(update, console)
        assert isinstance(update, ChopsUpdate), "`update` lets no other through"  # noqa: S101  # narrows the type
        size = update.chop_ends[0][-1], len(update.chops)
        if size != self._size:
            self._begin(*size)
        return self._part(list(_pieces(update)), console)

    def _whole(self, update: LayoutUpdate, console: Console) -> str:
        lean = DiffWriter(self._pens)
        self._begin(*update.region.size)
        for y, line in enumerate(update.strips):
            x, unknown = 0, self._rows[y]
            self._rows[y] = fresh = unknown.copy()
            for strip in line:
                self._put(fresh, Piece(y, x, strip), console)
                x += strip.cell_length
            lean.row(y, unknown, fresh, odd=bool(self._odd[y]))
        return lean.text()

    def _part(self, pieces: list[Piece], console: Console) -> str:
        move = self._moved(pieces)
        old = self._rows.copy()
        for piece in pieces:
            y = piece.y
            if self._strips[y].get(piece.x) is not piece.strip:
                if self._rows[y] is old[y]:
                    self._rows[y] = old[y].copy()
                self._put(self._rows[y], piece, console)
        lean = DiffWriter(self._pens)
        if move is not None:
            self.scrolls += 1
            lean.scroll(*move)
            old = self._after(move, old)
        for y, row in enumerate(self._rows):
            lean.row(y, old[y], row, odd=bool(self._odd[y]))
        return lean.text()

    def _after(self, move: Move, rows: list[Row]) -> list[Row]:
        """What the terminal shows once it has moved lines by itself."""
        unknown: Row = [None] * self._size[0]
        inside = range(move.top, move.bottom)
        return [
            row if y not in inside else rows[y + move.by] if y + move.by in inside else unknown
            for y, row in enumerate(rows)
        ]

    def _put(self, row: Row, piece: Piece, console: Console) -> None:
        y, x, strip = piece
        cells, odd = self._pens.cells(strip, console)
        end = min(len(row), x + len(cells))
        row[x:end] = cells[: end - x]
        known = self._strips[y]
        for other, old in list(known.items()):
            if other < end and x < other + old.cell_length:
                del known[other]
                # What is left of an odd strip beside the new one stays odd.
                if x <= other and other + old.cell_length <= end:
                    self._odd[y].discard(other)
        known[x] = strip
        if odd:
            self._odd[y].add(x)

    def _moved(self, pieces: list[Piece]) -> Move | None:
        """By how much most of the lines moved, if they did."""
        if len(pieces) <= LEAST_LINES:
            return None
        before: dict[tuple[int, int], int | None] = {}
        for y, strips in enumerate(self._strips):
            for x, strip in strips.items():
                key = (x, id(strip))
                # Empty lines may be one strip in many places.
                before[key] = None if key in before else y
        votes: Counter[tuple[int, int, int]] = Counter()
        for y, x, strip in pieces:
            was = before.get((x, id(strip)))
            if was is not None and strip.cell_length >= LEAST_CELLS:
                votes[x, strip.cell_length, was - y] += 1
        if not votes:
            return None
        (x, width, by), count = votes.most_common(1)[0]
        if not by or count < LEAST_LINES:
            return None
        # Lines of the same place and width belong to the same widget.
        lines = [piece.y for piece in pieces if piece.x == x and piece.strip.cell_length == width]
        top, bottom = min(lines), max(lines) + 1
        worth = abs(by) < bottom - top and count >= LEAST_SHARE * len(lines)
        return Move(top, bottom, by) if worth else None


class _Written(CompositorUpdate):
    """An update that is compared with the board when Textual writes it."""

    def __init__(self, board: ScreenBuffer, update: CompositorUpdate) -> None:
        self._board = board
        self._update = update

    def render_segments(self, console: Console) -> str:
        """What Textual writes."""
        return self._board.write(self._update, console)


def _pieces(update: ChopsUpdate) -> Iterator[Piece]:
    """The strips that a partial update writes, cut as Textual cuts them."""
    for y, first, last in update.spans:
        for end, (x, strip) in zip(update.chop_ends[y], update.chops[y].items(), strict=False):
            if strip is None or x >= last or end <= first:
                continue
            if first <= x < last and end <= last:
                yield Piece(y, x, strip)
            else:
                yield Piece(y, x, strip.crop(0, min(end, last) - x))
