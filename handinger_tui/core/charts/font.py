"""Font: letters for pictures, as strokes on a grid of five by nine. Pure.

A letter is nine rows (seven above the baseline, two below), each one digit of
base 32 whose bits are its five columns. Neighbouring dots are joined by
strokes, so that a letter can be drawn smoothly at any size.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import cache
from typing import Final

_DIGITS: Final = "0123456789abcdefghijklmnopqrstuv"
_ROWS: Final = 9
ABOVE: Final = 6
"""Steps from the baseline to the top of a capital."""

_GLYPHS: Final = {
    "A": "ehhvhhh", "B": "uhhuhhu", "C": "ehggghe", "D": "uhhhhhu", "E": "vgguggv",
    "F": "vgguggg", "G": "ehgnhhe", "H": "hhhvhhh", "I": "e44444e", "J": "72222ic", "K": "hikokih",
    "L": "ggggggv", "M": "hrllhhh", "N": "hhpljhh", "O": "ehhhhhe", "P": "uhhuggg", "Q": "ehhhlid",
    "R": "uhhukih", "S": "fgge11u", "T": "v444444", "U": "hhhhhhe", "V": "hhhhha4", "W": "hhhllla",
    "X": "hha4ahh", "Y": "hha4444", "Z": "v1248gv",
    "a": "00e1fhf", "b": "ggmphhu", "c": "00egghe", "d": "11djhhf", "e": "00ehvge", "f": "698s888",
    "g": "00fhhhf1e", "h": "ggmphhh", "i": "40c444e", "j": "2062222ic", "k": "ggikoki", "l": "c44444e",
    "m": "00qllll", "n": "00mphhh", "o": "00ehhhe", "p": "00uhhhugg", "q": "00fhhhf11", "r": "00mpggg",
    "s": "00fge1u", "t": "88s8896", "u": "00hhhjd", "v": "00hhha4", "w": "00hhlla", "x": "00ha4ah",
    "y": "00hhhhf1e", "z": "00v248v",
    "0": "ehhhhhe", "1": "4c4444e", "2": "eh1248v", "3": "v2421he", "4": "26aiv22", "5": "vgu11he",
    "6": "68guhhe", "7": "v124888", "8": "ehhehhe", "9": "ehhf12c",
    "$": "4fke5u4", "%": "op248j3", "+": "044v440", "-": "000e000", ".": "0000044", ",": "00000448",
    ":": "0044044", ";": "00440448", "!": "4444404", "?": "eh12404", "(": "2488842", ")": "8422248",
    "[": "e88888e", "]": "e22222e", "/": "1122488", "\\": "8844211", "<": "248g842", ">": "8421248",
    "=": "00v0v00", "_": "0000000v", "'": "4400000", '"': "aa00000", "#": "aavavaa", "&": "cik8lid",
    "*": "04lel40", "@": "ehhnnge", "^": "4ah0000", "`": "8400000", "{": "6448446", "}": "c44244c",
    "|": "4444444", "~": "0008l20", "·": "0004000", "–": "000v000", "—": "000v000", "…": "000000l",
    "’": "4400000",
}  # fmt: skip
_UNKNOWN: Final = "vhhhhhv"

Stroke = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Glyph:
    """One letter: strokes (x1, y1, x2, y2) in steps of the grid, y upwards from the baseline."""

    strokes: tuple[Stroke, ...]
    width: int
    """Steps from its first column to its last."""


@cache
def glyph(letter: str) -> Glyph:
    """A letter; without its accent where only the accent is strange, else a box."""
    rows = _GLYPHS.get(letter) or _GLYPHS.get(unicodedata.normalize("NFD", letter)[:1], _UNKNOWN)
    if letter.isspace():
        return Glyph((), 1)
    dots = {
        (column, ABOVE - row)
        for row, digit in enumerate(rows.ljust(_ROWS, "0"))
        for column in range(5)
        if _DIGITS.index(digit) >> (4 - column) & 1
    }
    # Digits stand in columns of their own, so that amounts line up.
    left = 0 if letter.isdigit() else min(x for x, _ in dots)
    right = 4 if letter.isdigit() else max(x for x, _ in dots)
    strokes = tuple((x1 - left, y1, x2 - left, y2) for x1, y1, x2, y2 in _strokes(dots))
    return Glyph(strokes, right - left)


def _strokes(dots: set[tuple[int, int]]) -> list[Stroke]:
    found: list[Stroke] = []
    for x, y in sorted(dots):
        beside, above = (x + 1, y) in dots, (x, y + 1) in dots
        found += [(x, y, x + 1, y)] if beside else []
        found += [(x, y, x, y + 1)] if above else []
        # A slope is drawn only where no corner joins its two ends already.
        if (x + 1, y + 1) in dots and not beside and not above:
            found.append((x, y, x + 1, y + 1))
        if (x + 1, y - 1) in dots and not beside and (x, y - 1) not in dots:
            found.append((x, y, x + 1, y - 1))
    alone = [dot for dot in sorted(dots) if not any(dot in ((a, b), (c, d)) for a, b, c, d in found)]
    return found + [(x, y, x, y) for x, y in alone]
