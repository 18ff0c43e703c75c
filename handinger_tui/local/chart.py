"""A horizontal bar chart as a PNG picture."""

from __future__ import annotations

import unicodedata
from decimal import Decimal
from typing import TYPE_CHECKING

from handinger_tui.local import exact_json
from handinger_tui.local.png import GLYPH_HEIGHT, Colour, Picture, text_width

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH = 720
MOST_BARS = 16
_MARGIN = 20
_ROW = 30
_BAR = 20
_SCALE = 2
_LONGEST_LABEL = 16
_LONGEST_TITLE = 54
_PAPER, _INK, _BLUE, _RED, _LINE = range(5)
_PALETTE: tuple[Colour, ...] = ((255, 255, 255), (32, 36, 44), (46, 110, 190), (190, 70, 60), (205, 210, 218))


def bar_chart(title: str, bars: Sequence[tuple[str, Decimal]]) -> bytes:
    """Return a PNG with one bar per (label, value), at most `MOST_BARS`; negative bars are red.

    A bar's length is its value's share of the greatest absolute value; the number stands beside it.
    """
    shown = bars[:MOST_BARS]
    head = _MARGIN + GLYPH_HEIGHT * _SCALE + _MARGIN
    picture = Picture(WIDTH, head + _ROW * max(1, len(shown)) + _MARGIN, _PALETTE)
    picture.write((_MARGIN, _MARGIN), _plain(title, _LONGEST_TITLE), _INK, _SCALE)
    if not shown:
        picture.write((_MARGIN, head), "nothing to draw", _INK, _SCALE)
        return picture.encode()
    labels = [_plain(label, _LONGEST_LABEL) for label, _ in shown]
    numbers = [_number(value) for _, value in shown]
    axis = _MARGIN + max(text_width(label, _SCALE) for label in labels) + 12
    room = WIDTH - _MARGIN - axis - max(text_width(number, _SCALE) for number in numbers) - 12
    greatest = max(abs(value) for _, value in shown) or Decimal(1)
    picture.fill((axis - 2, head - 4), (2, _ROW * len(shown)), _LINE)
    for index, ((_, value), label, number) in enumerate(zip(shown, labels, numbers, strict=True)):
        top = head + index * _ROW
        length = int(abs(value) / greatest * room)
        picture.write((_MARGIN, top + 3), label, _INK, _SCALE)
        picture.fill((axis, top), (length, _BAR), _BLUE if value >= 0 else _RED)
        picture.write((axis + length + 8, top + 3), number, _INK, _SCALE)
    return picture.encode()


def _plain(text: str, longest: int) -> str:
    """Take accents off letters, which the font has no signs for, and cut."""
    bare = "".join(sign for sign in unicodedata.normalize("NFKD", text) if not unicodedata.combining(sign))
    one_line = " ".join(bare.split())
    return one_line if len(one_line) <= longest else one_line[: longest - 2] + ".."


def _number(value: Decimal) -> str:
    return exact_json.number_text(round(value, 4)) if abs(value) < Decimal(10) ** 12 else f"{value:.3e}"
