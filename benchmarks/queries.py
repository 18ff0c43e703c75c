"""Queries: the answers of a modern terminal to queries of a program."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

COLUMNS: Final = 120
ROWS: Final = 40
CELL: Final = (10, 20)
"""Pixels of a cell, wide and high."""

_QUERY: Final = re.compile(
    rb"\x1b\[(?P<csi>[?>=]?[0-9;]*(?:\$p|[cnqtu]))|\x1b\](?P<osc>1[0-2]);\?(?:\x07|\x1b\\)"
)
_TAIL: Final = 16
"""A query cut in two by a read is at most this long."""
_FIXED: Final = {
    b"c": b"\x1b[?62;22c",
    b"0c": b"\x1b[?62;22c",
    b">c": b"\x1b[>41;300;0c",
    b">0c": b"\x1b[>41;300;0c",
    b"5n": b"\x1b[0n",
    b"6n": b"\x1b[1;1R",
    b"?6n": b"\x1b[?1;1R",
    b"14t": b"\x1b[4;%d;%dt" % (ROWS * CELL[1], COLUMNS * CELL[0]),
    b"16t": b"\x1b[6;%d;%dt" % (CELL[1], CELL[0]),
    b"18t": b"\x1b[8;%d;%dt" % (ROWS, COLUMNS),
    b">q": b"\x1bP>|bench(1)\x1b\\",
    b">0q": b"\x1bP>|bench(1)\x1b\\",
    # No key protocol beyond the classic one: the benchmarks type classic bytes.
}
_COLORS: Final = {b"10": b"dddd/dddd/dddd", b"11": b"1111/1111/1111", b"12": b"dddd/dddd/dddd"}


class Answerer:
    """Detects the queries in the output of a program, even those split by two reads."""

    def __init__(self) -> None:
        self._tail = b""

    def answers(self, data: bytes) -> Iterator[bytes]:
        """The answers to the queries that end in `data`, in order."""
        if b"\x1b" not in data and not self._tail:
            return
        text, old = self._tail + data, len(self._tail)
        end = 0
        for match in _QUERY.finditer(text):
            if match.end() > old:
                end = match.end()
                answer = _answer(match)
                if answer:
                    yield answer
        remainder = text[max(end, len(text) - _TAIL) :]
        self._tail = remainder[remainder.rfind(b"\x1b") :] if b"\x1b" in remainder else b""


def _answer(match: re.Match[bytes]) -> bytes:
    if color := match["osc"]:
        return b"\x1b]" + color + b";rgb:" + _COLORS[color] + b"\x1b\\"
    query = match["csi"]
    if query.endswith(b"$p"):
        mode = query.strip(b"?$p")
        # 2: known and off. Only synchronized updates are.
        return b"\x1b[?" + mode + b";" + (b"2" if mode == b"2026" else b"0") + b"$y"
    return _FIXED.get(query, b"")
