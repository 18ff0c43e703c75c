"""Screen: what stands on a terminal, letter by letter, made from the bytes a program wrote.

Colours are left out. It knows synchronized updates (`held` while one is open: a
person sees nothing of it yet) and scrolling regions. Quicker than pyte, which
lacks SU, SD and the marks `<`, `>`, `=` of private sequences.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from typing import Final

from benchmarks.grid import Grid
from benchmarks.queries import COLUMNS, ROWS

_SEQUENCE: Final = re.compile(
    r"\x1b(?:"
    r"\[(?P<private>[<=>?]?)(?P<numbers>[0-9:;]*)(?P<between>[ -/]*)(?P<final>[@-~])"
    r"|[\]P_^X][^\x07\x1b]*(?:\x07|\x1b\\)"
    r"|[ #%()*+./-](?P<charset>.)"
    r"|(?P<short>[0-9=>78A-OQ-WYZ\\a-z|}~])"
    r")",
    re.DOTALL,
)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_LONGEST: Final = 1 << 16
"""A sequence without an end is given up after this many characters."""


class Screen(Grid):
    """A grid that obeys what a program writes."""

    def __init__(self, columns: int = COLUMNS, rows: int = ROWS) -> None:
        super().__init__(columns, rows)
        self.held = False
        """A synchronized update is open."""
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._rest = ""

    def feed(self, data: bytes) -> None:
        """Take in what was written; a sequence cut in two waits for its rest."""
        text, at = self._rest + self._decode(data), 0
        self._rest = ""
        while at < len(text):
            control = _CONTROL.search(text, at)
            end = control.start() if control else len(text)
            if end > at:
                self.write(text[at:end])
            if control is None:
                return
            at = end + 1
            if text[end] == "\x1b":
                found = _SEQUENCE.match(text, end)
                if found is None and len(text) - end < _LONGEST:
                    self._rest = text[end:]
                    return
                if found is not None:
                    self._obey(found)
                    at = found.end()
            else:
                self._control(text[end])

    def _obey(self, found: re.Match[str]) -> None:
        if short := found["short"]:
            self._escape(short)
        elif (final := found["final"]) and not found["between"]:
            numbers = [int(one) if one.isdigit() else 0 for one in found["numbers"].split(";")]
            if found["private"] == "?" and final in "hl":
                self._mode(numbers, on=final == "h")
            elif not found["private"] and (act := _ACTS.get(final)) is not None:
                act(self, numbers)

    def _mode(self, numbers: list[int], *, on: bool) -> None:
        if 2026 in numbers:
            self.held = on
        if {47, 1047, 1049} & set(numbers):
            # A program's own screen begins blank; what stood before does not matter here.
            self.erase([2])

    def _escape(self, letter: str) -> None:
        if letter == "7":
            self._kept = (self._x, self._y)
        elif letter == "8":
            self._x, self._y = self._kept
        elif letter in "DE":
            self.down()
            self._x = 0 if letter == "E" else self._x
        elif letter == "M":
            if self._y == self._top:
                self.scroll_down([1])
            else:
                self._y = max(0, self._y - 1)

    def _control(self, letter: str) -> None:
        if letter == "\r":
            self._x = 0
        elif letter in "\n\x0b\x0c":
            self.down()
        elif letter == "\b":
            self._x = max(0, self._x - 1)
        elif letter == "\t":
            self._x = min(self.columns - 1, (self._x // 8 + 1) * 8)


_Act = Callable[[Screen, list[int]], None]


def _step(right: int, down: int) -> _Act:
    return lambda screen, numbers: screen.step(right, down, numbers)


_ACTS: Final[dict[str, _Act]] = {
    "A": _step(0, -1),
    "B": _step(0, 1),
    "C": _step(1, 0),
    "D": _step(-1, 0),
    "G": Screen.column,
    "H": Screen.place,
    "J": Screen.erase,
    "K": Screen.erase_line,
    "L": Screen.insert_lines,
    "M": Screen.delete_lines,
    "P": Screen.delete_letters,
    "S": Screen.scroll_up,
    "T": Screen.scroll_down,
    "X": Screen.erase_letters,
    "@": Screen.insert_letters,
    "d": Screen.line,
    "f": Screen.place,
    "r": Screen.region,
}
