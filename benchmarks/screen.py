"""Screen: the content of a terminal, computed by pyte from the output of a program.

The tests of the terminal package use it, too. To pyte it adds the scrolling of regions (SU, SD) and what pyte
does unlike terminals; control strings and private sequences, which pyte would print, are left out.
"""

from __future__ import annotations

import codecs
import re
from typing import Any, Final

import pyte

from benchmarks.queries import COLUMNS, ROWS

_SYNCHRONIZED: Final = 2026 << 5
_ALTERNATE: Final = frozenset((47, 1047, 1049))
_IGNORED: Final = re.compile(r"\x1b[P_^X][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b\[[<=>][0-9:;]*[ -/]*[@-~]")
_INCOMPLETE: Final = re.compile(r"\x1b(?:[P_^X][^\x07\x1b]{0,65536}\x1b?|\[(?:[<=>][0-9:;]*[ -/]*)?)?\Z")


class _Stream(pyte.Stream):
    csi = {**pyte.Stream.csi, "S": "scroll_up", "T": "scroll_down"}  # noqa: RUF012 - as pyte declares it
    escape = {**pyte.Stream.escape, "E": "next_line"}  # noqa: RUF012 - as pyte declares it


class Screen(pyte.Screen):
    """A screen with its cells and colors. `dirty`: rows touched since somebody last cleared it."""

    def __init__(self, columns: int = COLUMNS, rows: int = ROWS) -> None:
        super().__init__(columns, rows)
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._stream = _Stream(self)
        self._incomplete = ""

    @property
    def is_updating(self) -> bool:
        """Whether a synchronized update is open, of which a person sees nothing yet."""
        return _SYNCHRONIZED in self.mode

    @property
    def text(self) -> str:
        """All rows, without the blanks at their ends."""
        return "\n".join(line.rstrip() for line in self.display)

    def row(self, y: int) -> str:
        """One row as text."""
        line = self.buffer[y]
        return "".join(line[x].data for x in range(self.columns))

    def feed(self, data: bytes) -> None:
        """Process output; a split sequence waits for its remainder."""
        text, self._incomplete = self._incomplete + self._decode(data), ""
        text = _IGNORED.sub("", text)
        if (cut := _INCOMPLETE.search(text)) is not None:
            self._incomplete, text = cut[0], text[: cut.start()]
        self._stream.feed(text)

    def set_mode(self, *modes: int, **options: Any) -> None:
        """The alternate screen starts blank; the earlier content does not matter here."""
        super().set_mode(*modes, **options)
        if options.get("private") and _ALTERNATE.intersection(modes):
            self.erase_in_display(2)

    def next_line(self) -> None:
        """NEL: pyte keeps the column."""
        self.carriage_return()
        self.index()

    def cursor_up(self, count: int | None = None) -> None:
        """CUU: pyte moves a cursor above the region down into it."""
        if self.margins is not None and self.cursor.y < self.margins.top:
            self.cursor.y = max(0, self.cursor.y - (count or 1))
        else:
            super().cursor_up(count)

    def restore_cursor(self) -> None:
        """DECRC: pyte forgets the restored position."""
        super().restore_cursor()
        self.save_cursor()

    def scroll_up(self, count: int = 1) -> None:
        """SU."""
        self._scroll(count or 1)

    def scroll_down(self, count: int = 1) -> None:
        """SD."""
        self._scroll(-(count or 1))

    def _scroll(self, count: int) -> None:
        """Rows of the region move up by `count`, down if negative; blank ones come in."""
        top, bottom = self.margins or pyte.screens.Margins(0, self.lines - 1)
        rows = {y: self.buffer.pop(y) for y in range(top, bottom + 1) if y in self.buffer}
        self.buffer.update({y - count: row for y, row in rows.items() if top <= y - count <= bottom})
        self.dirty.update(range(top, bottom + 1))
