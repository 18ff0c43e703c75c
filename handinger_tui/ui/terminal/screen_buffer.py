"""The screen buffer: what the terminal shows; compositor updates are written as the difference from it.

A partial update writes only the difference. A full update is always written completely, as it repairs
a screen that another program wrote on (after a resize or a return from the shell). When most lines of a
widget moved up or down, the terminal scrolls them itself, and the content beside them is restored.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import compress, count
from operator import is_not
from typing import Final, NamedTuple, cast

from rich.console import Console
from textual.geometry import Region
from textual.strip import Strip

from handinger_tui.ui.terminal.cells import Cell, Pen, Pens, Row
from handinger_tui.ui.terminal.textual_private import ChopsUpdate, CompositorUpdate, LayoutUpdate

GAP: Final = 6
"""Maximum number of unchanged cells to rewrite: moving the cursor over so few takes more bytes."""
LEAST_LINES: Final = 3
"""Minimum number of lines that moved by the same distance before the terminal scrolls them."""
LEAST_CELLS: Final = 16
"""Minimum width of a strip that counts as evidence for a move."""
LEAST_SHARE: Final = 0.5
"""Minimum share of moved lines in a widget: with fewer, writing all its lines takes fewer bytes."""


class Piece(NamedTuple):
    """A strip and its position on the screen."""

    y: int
    x: int
    strip: Strip


class Move(NamedTuple):
    """Lines `top` to `bottom` (exclusive) move up by `by`, down if negative."""

    top: int
    bottom: int
    by: int


class ScreenBuffer:
    """The content of the terminal's screen, as far as it is known."""

    def __init__(self) -> None:
        self.scrolls = 0
        """Number of scrolls done by the terminal; used by tests."""
        self._pens = Pens()
        self._size = 0, 0
        self._rows: list[Row] = []
        self._strips: list[dict[int, Strip]] = []
        """Per line, the strips that are completely visible, by their columns."""
        self._odd: list[set[int]] = []
        """Per line, the columns at which odd strips begin (see `cells`)."""

    def update(self, update: CompositorUpdate) -> CompositorUpdate:
        """Return an equivalent update that writes fewer bytes. The buffer changes only when it is written."""
        if isinstance(update, ChopsUpdate | LayoutUpdate):
            return _DiffUpdate(self, update)
        return update

    def forget(self, region: Region | None = None) -> None:
        """Mark the screen, or a region of it, as unknown: another program may have written there."""
        if region is None:
            self._reset(*self._size)
            return
        width, height = self._size
        left, right = max(0, region.x), min(width, region.right)
        for y in range(max(0, region.y), min(height, region.bottom)):
            row = self._rows[y].copy()
            row[left:right] = [None] * (right - left)
            self._rows[y] = row
            strips = self._strips[y].items()
            self._strips[y] = {x: strip for x, strip in strips if x >= right or x + strip.cell_length <= left}

    def _reset(self, width: int, height: int) -> None:
        self._size = width, height
        self._rows = [[None] * width for _ in range(height)]
        self._strips = [{} for _ in range(height)]
        self._odd = [set() for _ in range(height)]

    def write(self, update: CompositorUpdate, console: Console) -> str:
        """Return the output for an update, which counts as written from now on."""
        if isinstance(update, LayoutUpdate):
            return self._write_full(update, console)
        assert isinstance(update, ChopsUpdate), "`update` wraps no other type"  # noqa: S101  # narrows the type
        size = update.chop_ends[0][-1], len(update.chops)
        if size != self._size:
            self._reset(*size)
        return self._write_partial(list(_pieces(update)), console)

    def _write_full(self, update: LayoutUpdate, console: Console) -> str:
        writer = DiffWriter(self._pens)
        self._reset(*update.region.size)
        for y, line in enumerate(update.strips):
            x, unknown = 0, self._rows[y]
            self._rows[y] = fresh = unknown.copy()
            for strip in line:
                self._put(fresh, Piece(y, x, strip), console)
                x += strip.cell_length
            writer.row(y, unknown, fresh, odd=bool(self._odd[y]))
        return writer.text()

    def _write_partial(self, pieces: list[Piece], console: Console) -> str:
        move = self._detect_move(pieces)
        old = self._rows.copy()
        for piece in pieces:
            y = piece.y
            if self._strips[y].get(piece.x) is not piece.strip:
                if self._rows[y] is old[y]:
                    self._rows[y] = old[y].copy()
                self._put(self._rows[y], piece, console)
        writer = DiffWriter(self._pens)
        if move is not None:
            self.scrolls += 1
            writer.scroll(*move)
            old = self._rows_after_move(move, old)
        for y, row in enumerate(self._rows):
            writer.row(y, old[y], row, odd=bool(self._odd[y]))
        return writer.text()

    def _rows_after_move(self, move: Move, rows: list[Row]) -> list[Row]:
        """Return what the terminal shows after it has scrolled lines."""
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
        strips = self._strips[y]
        for other, old in list(strips.items()):
            if other < end and x < other + old.cell_length:
                del strips[other]
                # The visible rest of an odd strip beside the new one stays odd.
                if x <= other and other + old.cell_length <= end:
                    self._odd[y].discard(other)
        strips[x] = strip
        if odd:
            self._odd[y].add(x)

    def _detect_move(self, pieces: list[Piece]) -> Move | None:
        """Return the move that most of the lines made, None if they did not move."""
        if len(pieces) <= LEAST_LINES:
            return None
        before: dict[tuple[int, int], int | None] = {}
        for y, strips in enumerate(self._strips):
            for x, strip in strips.items():
                key = (x, id(strip))
                # Empty lines may be the same strip in many places.
                before[key] = None if key in before else y
        votes: Counter[tuple[int, int, int]] = Counter()
        for y, x, strip in pieces:
            previous = before.get((x, id(strip)))
            if previous is not None and strip.cell_length >= LEAST_CELLS:
                votes[x, strip.cell_length, previous - y] += 1
        if not votes:
            return None
        (x, width, by), count = votes.most_common(1)[0]
        if not by or count < LEAST_LINES:
            return None
        # Lines of the same column and width belong to the same widget.
        lines = [piece.y for piece in pieces if piece.x == x and piece.strip.cell_length == width]
        top, bottom = min(lines), max(lines) + 1
        worth = abs(by) < bottom - top and count >= LEAST_SHARE * len(lines)
        return Move(top, bottom, by) if worth else None


class _DiffUpdate(CompositorUpdate):
    """An update that is compared with the screen buffer when Textual writes it."""

    def __init__(self, buffer: ScreenBuffer, update: CompositorUpdate) -> None:
        self._buffer = buffer
        self._update = update

    def render_segments(self, console: Console) -> str:
        """Return the output for the terminal."""
        return self._buffer.write(self._update, console)


def _pieces(update: ChopsUpdate) -> Iterator[Piece]:
    """Yield the strips of a partial update, cropped as Textual crops them."""
    for y, first, last in update.spans:
        for end, (x, strip) in zip(update.chop_ends[y], update.chops[y].items(), strict=False):
            if strip is None or x >= last or end <= first:
                continue
            if first <= x < last and end <= last:
                yield Piece(y, x, strip)
            else:
                yield Piece(y, x, strip.crop(0, min(end, last) - x))


class DiffWriter:
    """Collects the output. The pen of the terminal is plain before and after."""

    def __init__(self, pens: Pens) -> None:
        self._plain = pens.plain
        self._pen: Pen = pens.plain
        self._out: list[str] = []
        self._at: tuple[int, int] | None = None
        """Line and column of the cursor, None if unknown."""

    def scroll(self, top: int, bottom: int, by: int) -> None:
        """Let the terminal scroll lines `top` to `bottom` (exclusive) up by `by`, down if negative.

        It uses margins and line feeds, which every terminal since the VT100 supports. Sequences that
        scroll by a number are less portable.
        """
        move = f"\x1b[{bottom}H" + "\n" * by if by > 0 else f"\x1b[{top + 1}H" + "\x1bM" * -by
        self._out.append(f"\x1b[{top + 1};{bottom}r{move}\x1b[r")
        self._at = None

    def row(self, y: int, old: Row, new: Row, *, odd: bool) -> None:
        """Write the changed cells of line `y`; `odd` means that the line has odd cells."""
        if old is new:
            return
        changed = list(compress(count(), map(is_not, old, new)))
        if not changed:
            return
        if odd:
            self._odd_row(y, new, changed)
            return
        start = end = changed[0]
        for x in changed:
            if x - end > GAP:
                self._tame_run(y, new, start, end + 1)
                start = x
            end = x
        self._tame_run(y, new, start, end + 1)

    def _odd_row(self, y: int, new: Row, changed: list[int]) -> None:
        odd = next((x for x in changed if _is_odd(new[x])), None)
        if odd is not None:
            # It may take more cells than expected, so everything to its right is written again.
            changed = [*(x for x in changed if x < odd), *range(odd, len(new))]
        start = end = changed[0]
        for x in changed:
            if x - end > GAP or any(map(_is_odd, new[end + 1 : x])):
                self._run(y, new, start, end + 1)
                start = x
            end = x
        self._run(y, new, start, end + 1)

    def text(self) -> str:
        """Return the output so far and end it with the plain pen."""
        if self._pen is not self._plain:
            self._out.append("\x1b[m")
            self._pen = self._plain
        return "".join(self._out)

    def _tame_run(self, y: int, row: Row, start: int, end: int) -> None:
        """Write a run without odd cells; a faster form of `_run` for the usual case."""
        cells = cast("list[tuple[str, Pen]]", row[start:end])
        if not all(cells):
            # Some of the cells are unknown.
            self._run(y, row, start, end)
            return
        if self._at != (y, start):
            self._move(y, start)
        add, pen = self._out.append, self._pen
        for text, own in cells:
            if own is not pen and not (text == " " and pen.draws_blank(own)):
                add(pen.to(own))
                pen = own
            add(text)
        self._pen, self._at = pen, (y, end)

    def _run(self, y: int, row: Row, start: int, end: int) -> None:
        first = row[start]
        if first is not None and isinstance(first[1], int) and first[1]:
            # A cell of an odd strip can only be written with the complete strip.
            begin = start - first[1]
            head = row[begin] if begin >= 0 else None
            if head is not None and head[0] is first[0] and head[1] == 0:
                start = begin
        out, pen = self._out, self._pen
        for x in range(start, end):
            cell = row[x]
            if cell is None:
                continue
            text, own = cell
            if isinstance(own, int):
                if own == 0:
                    self._pen = pen
                    self._odd_strip(y, x, text)
                    pen = self._pen
                continue
            if self._at != (y, x):
                self._move(y, x)
            if own is not pen and not (text == " " and pen.draws_blank(own)):
                out.append(pen.to(own))
                pen = own
            out.append(text)
            self._at = (y, x + 1)
        self._pen = pen

    def _odd_strip(self, y: int, x: int, text: str) -> None:
        """Write a complete odd strip. The cursor position is unknown afterwards."""
        if self._pen is not self._plain:
            self._out.append("\x1b[m")
            self._pen = self._plain
        self._move(y, x)
        self._out.append(text)
        self._at = None

    def _move(self, y: int, x: int) -> None:
        at = self._at
        if at is not None and at[0] == y and at[1] < x:
            self._out.append(f"\x1b[{x - at[1]}C")
        elif at != (y, x):
            self._out.append(f"\x1b[{y + 1};{x + 1}H")
        self._at = (y, x)


def _is_odd(cell: Cell | None) -> bool:
    return cell is None or isinstance(cell[1], int)
