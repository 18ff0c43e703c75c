"""Writes the difference between two screens as terminal output."""

from __future__ import annotations

from itertools import compress, count
from operator import is_not
from typing import Final, cast

from handinger_tui.ui.terminal.cells import Cell, Pen, Pens, Row

GAP: Final = 6
"""Maximum number of unchanged cells to rewrite: moving the cursor over so few takes more bytes."""


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
