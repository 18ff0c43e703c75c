"""Draws horizontal bar charts as PNG images. Loads Pillow."""

from __future__ import annotations

import io
import unicodedata
from decimal import Decimal
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFont

from handinger_tui.local.formats import number_text

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH = 720
MOST_BARS = 16
_MARGIN = 20
_HEAD = 54
_ROW = 30
_BAR = 20
_LONGEST_LABEL = 20
_LONGEST_TITLE = 60
_PAPER, _INK, _BLUE, _RED, _LINE = "#ffffff", "#20242c", "#2e6ebe", "#be463c", "#cdd2da"


def bar_chart(title: str, bars: Sequence[tuple[str, Decimal]]) -> bytes:
    """Return a PNG with one bar per (label, value), at most `MOST_BARS`; negative bars are red.

    The length of a bar is proportional to the absolute value; the number is written beside it.
    """
    visible = [(_shorten(label, _LONGEST_LABEL), value, _number_label(value)) for label, value in bars]
    visible = visible[:MOST_BARS]
    image = Image.new("RGB", (WIDTH, _HEAD + _ROW * max(1, len(visible)) + _MARGIN), _PAPER)
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(16)
    draw.text((_MARGIN, _MARGIN), _shorten(title, _LONGEST_TITLE), _INK, font)
    if not visible:
        draw.text((_MARGIN, _HEAD), "nothing to draw", _INK, font)
        return _png(image)
    axis = _MARGIN + max(draw.textlength(label, font) for label, _, _ in visible) + 12
    room = WIDTH - _MARGIN - axis - max(draw.textlength(number, font) for _, _, number in visible) - 12
    greatest = max(abs(value) for _, value, _ in visible) or Decimal(1)
    draw.line((axis - 2, _HEAD - 4, axis - 2, _HEAD + _ROW * len(visible)), _LINE, 2)
    for index, (label, value, number) in enumerate(visible):
        top = _HEAD + index * _ROW
        length = float(abs(value) / greatest) * room
        draw.text((_MARGIN, top), label, _INK, font)
        if length >= 1:
            draw.rectangle((axis, top, axis + length - 1, top + _BAR - 1), _BLUE if value >= 0 else _RED)
        draw.text((axis + length + 8, top), number, _INK, font)
    return _png(image)


def _png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def _shorten(text: str, longest: int) -> str:
    """Remove accents, which Pillow's own font lacks, join lines, and cut the text."""
    plain = "".join(
        char if char.isprintable() else " "
        for char in unicodedata.normalize("NFKD", text)
        if not unicodedata.combining(char)
    )
    one_line = " ".join(plain.split())
    return one_line if len(one_line) <= longest else one_line[: longest - 2] + ".."


def _number_label(value: Decimal) -> str:
    return number_text(round(value, 4)) if abs(value) < Decimal(10) ** 12 else f"{value:.3e}"
