"""Text tables for a terminal: columns measured in cells."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from itertools import accumulate, takewhile
from typing import Final

GAP: Final = "  "


class Column:
    """A column of texts. The column with the highest `spare` is dropped first; 0 is never dropped."""

    def __init__(self, head: str, cells: Sequence[str], *, align_left: bool = False, spare: int = 0) -> None:
        self.align_left = align_left
        self.spare = spare
        self.texts = (head, *cells)
        self.width = max(map(cells_of, self.texts))
        """Width of its widest text in cells."""

    def padded(self) -> list[str]:
        """Return all texts, padded to the width of the column."""
        return [pad(text, self.width, align_left=self.align_left) for text in self.texts]


def lines_of(columns: Sequence[Column]) -> list[str]:
    """Return the header and the rows as padded lines."""
    return list(map(GAP.join, zip(*(column.padded() for column in columns), strict=True)))


def fit_columns(columns: Sequence[Column], width: int) -> list[Column]:
    """Return the columns that fit into `width` cells, dropping the most spare ones first."""
    fit_columns = list(columns)
    while sum(column.width for column in fit_columns) + len(GAP) * (len(fit_columns) - 1) > width:
        candidate = max(fit_columns, key=lambda column: column.spare)
        if not candidate.spare:
            break
        fit_columns.remove(candidate)
    return fit_columns


def align_amounts(amounts: Sequence[str]) -> list[str]:
    """Align amounts from `costs.text.amount_text` at decimal points and plus signs by padding."""
    split = [
        (*_split_at_point(number), more) for number, _, more in (text.partition(" ") for text in amounts)
    ]
    units, decimals, more = (max((len(row[at]) for row in split if row[0]), default=0) for at in range(3))
    return [
        f"{row[0]:>{units}}{row[1]:<{decimals}}{' ' * bool(more)}{row[2]:<{more}}" if row[0] else text
        for row, text in zip(split, amounts, strict=True)
    ]


def _split_at_point(number: str) -> tuple[str, str]:
    """Split a number into "$1" and ".23"; return two empty texts if it is not a number."""
    if not any(map(str.isdigit, number)):
        return "", ""
    units, point, decimals = number.partition(".")
    return units, point + decimals


# -- widths ---------------------------------------------------------------------------
def cells_of(text: str) -> int:
    """Return the number of terminal cells of a text."""
    if text.isascii():
        return len(text)
    return sum(_cells(letter) for letter in text)


def _cells(letter: str) -> int:
    if unicodedata.category(letter) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1


def pad(text: str, width: int, *, align_left: bool = True) -> str:
    """Pad `text` to `width` cells, aligned left or right."""
    blank = " " * (width - cells_of(text))
    return text + blank if align_left else blank + text


def cut(text: str, width: int) -> str:
    """Return the beginning of a text that fits into `width` cells."""
    used = accumulate(map(_cells, text))
    return text[: sum(1 for _ in takewhile(lambda cells: cells <= width, used))]


def clip(text: str, width: int) -> str:
    """Shorten a text to at most `width` cells; "…" marks the omission."""
    return text if cells_of(text) <= width else cut(text, width - 1).rstrip() + "…"
