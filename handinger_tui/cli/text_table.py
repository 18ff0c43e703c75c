"""Columns: texts below each other in a terminal, in cells."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, takewhile
from typing import Final

GAP: Final = "  "


@dataclass(frozen=True, slots=True)
class Column:
    """A column of texts. `spare`: the first to go where there is no room; 0 stays."""

    head: str
    cells: Sequence[str]
    left: bool = False
    spare: int = 0

    @property
    def width(self) -> int:
        """Of its widest text."""
        return max(map(cells_of, (self.head, *self.cells)))


def lines_of(listed: Sequence[Column]) -> list[str]:
    """Head and rows, padded."""
    rows = zip(*((column.head, *column.cells) for column in listed), strict=True)
    return [
        GAP.join(pad(text, column.width, left=column.left) for text, column in zip(row, listed, strict=True))
        for row in rows
    ]


def fitting(listed: Sequence[Column], width: int) -> list[Column]:
    """Those that there is room for, the most spare ones left out first."""
    kept = list(listed)
    while sum(column.width for column in kept) + len(GAP) * (len(kept) - 1) > width:
        spare = max(kept, key=lambda column: column.spare)
        if not spare.spare:
            break
        kept.remove(spare)
    return kept


def in_line(amounts: Sequence[str]) -> list[str]:
    """Amounts as `costs_text.amount_text` tells them, with blanks: points and plus signs below each other."""
    split = [(*_around_point(number), more) for number, _, more in (text.partition(" ") for text in amounts)]
    units, decimals, more = (max((len(row[at]) for row in split if row[0]), default=0) for at in range(3))
    return [
        f"{row[0]:>{units}}{row[1]:<{decimals}}{' ' * bool(more)}{row[2]:<{more}}" if row[0] else text
        for row, text in zip(split, amounts, strict=True)
    ]


def _around_point(number: str) -> tuple[str, str]:
    """As in "$1" and ".23"; two empty texts for what is no number."""
    if not any(map(str.isdigit, number)):
        return "", ""
    units, point, decimals = number.partition(".")
    return units, point + decimals


# -- widths ---------------------------------------------------------------------------
def cells_of(text: str) -> int:
    """How many cells a text takes in a terminal."""
    if text.isascii():
        return len(text)
    return sum(_cells(letter) for letter in text)


def _cells(letter: str) -> int:
    if unicodedata.category(letter) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1


def pad(text: str, width: int, *, left: bool = True) -> str:
    """`text` in `width` cells, at the left or right."""
    blank = " " * (width - cells_of(text))
    return text + blank if left else blank + text


def cut(text: str, width: int) -> str:
    """As much from the beginning on as has room in `width` cells."""
    used = accumulate(map(_cells, text))
    return text[: sum(1 for _ in takewhile(lambda cells: cells <= width, used))]


def clip(text: str, width: int) -> str:
    """At most `width` cells, "…" where something is left out."""
    return text if cells_of(text) <= width else cut(text, width - 1).rstrip() + "…"
