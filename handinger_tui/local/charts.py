"""Draws horizontal bar charts as PNG images, with the standard library only."""

from __future__ import annotations

import struct
import unicodedata
import zlib
from decimal import Decimal
from typing import TYPE_CHECKING

from handinger_tui.local import ids

if TYPE_CHECKING:
    from collections.abc import Sequence


Color = tuple[int, int, int]

GLYPH_WIDTH = 5
GLYPH_HEIGHT = 7
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_DEPTH_BITS = 8
_INDEXED = 3

# Seven rows of five bits per character, two hexadecimal digits per row, highest bit left.
_GLYPHS = {
    "0": "0e11131519110e", "1": "040c040404040e", "2": "0e11010204081f", "3": "1f02040201110e",
    "4": "02060a121f0202", "5": "1f101e0101110e", "6": "0608101e11110e", "7": "1f010204080808",
    "8": "0e11110e11110e", "9": "0e11110f01020c", "A": "0e11111f111111", "B": "1e11111e11111e",
    "C": "0e11101010110e", "D": "1c12111111121c", "E": "1f10101e10101f", "F": "1f10101e101010",
    "G": "0e11101711110f", "H": "1111111f111111", "I": "0e04040404040e", "J": "0702020202120c",
    "K": "11121418141211", "L": "1010101010101f", "M": "111b1515111111", "N": "11111915131111",
    "O": "0e11111111110e", "P": "1e11111e101010", "Q": "0e11111115120d", "R": "1e11111e141211",
    "S": "0f10100e01011e", "T": "1f040404040404", "U": "1111111111110e", "V": "11111111110a04",
    "W": "1111111515150a", "X": "11110a040a1111", "Y": "1111110a040404", "Z": "1f01020408101f",
    " ": "00000000000000", ".": "00000000000c0c", ",": "000000000c0408", "-": "0000001f000000",
    "+": "0004041f040400", "/": "00010204081000", ":": "000c0c000c0c00", "_": "0000000000001f",
    "(": "02040808080402", ")": "08040202020408", "%": "18190204081303", "=": "00001f001f0000",
    "'": "0c040800000000", "#": "0a0a1f0a1f0a0a", "*": "0004150e150400", "<": "02040810080402",
    ">": "08040201020408", "&": "0c12140815120d", "$": "040f140e051e04", "@": "0e11010d15150e",
}  # fmt: skip
_UNKNOWN = "1f11111111111f"
"""A box, for characters that the font lacks."""


class Picture:
    """A raster of palette indexes; index 0 is the background."""

    def __init__(self, width: int, height: int, palette: Sequence[Color]) -> None:
        """Create a blank picture; sizes in pixels, at most 256 colors."""
        self.width = width
        self.height = height
        self.palette = tuple(palette)
        self._rows = [bytearray(width) for _ in range(height)]

    def fill(self, corner: tuple[int, int], size: tuple[int, int], ink: int) -> None:
        """Fill the rectangle at `corner` (left, top), clipped to the picture."""
        left, right = (max(0, min(self.width, x)) for x in (corner[0], corner[0] + size[0]))
        top, bottom = (max(0, min(self.height, y)) for y in (corner[1], corner[1] + size[1]))
        for row in self._rows[top:bottom]:
            row[left:right] = bytes([ink]) * (right - left)

    def write(self, corner: tuple[int, int], text: str, ink: int, scale: int = 2) -> None:
        """Draw text in capital letters with its top left corner at `corner`."""
        left, top = corner
        for position, char in enumerate(text.upper()):
            glyph = bytes.fromhex(_GLYPHS.get(char, _UNKNOWN))
            start = left + position * (GLYPH_WIDTH + 1) * scale
            for down, bits in enumerate(glyph):
                for across in range(GLYPH_WIDTH):
                    if bits >> (GLYPH_WIDTH - 1 - across) & 1:
                        self.fill((start + across * scale, top + down * scale), (scale, scale), ink)

    def encode(self) -> bytes:
        """Return the PNG file."""
        header = struct.pack(">IIBBBBB", self.width, self.height, _DEPTH_BITS, _INDEXED, 0, 0, 0)
        # Each row begins with its filter type; 0 means no filter.
        raw = b"".join(b"\x00" + bytes(row) for row in self._rows)
        colors = b"".join(bytes(color) for color in self.palette)
        chunks = ((b"IHDR", header), (b"PLTE", colors), (b"IDAT", zlib.compress(raw, 9)), (b"IEND", b""))
        return _SIGNATURE + b"".join(_chunk(kind, body) for kind, body in chunks)


def text_width(text: str, scale: int = 2) -> int:
    """Return the width of a text in pixels."""
    return max(0, len(text) * (GLYPH_WIDTH + 1) - 1) * scale


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


WIDTH = 720
MOST_BARS = 16
_MARGIN = 20
_ROW = 30
_BAR = 20
_SCALE = 2
_LONGEST_LABEL = 16
_LONGEST_TITLE = 54
_PAPER, _INK, _BLUE, _RED, _LINE = range(5)
_PALETTE: tuple[Color, ...] = ((255, 255, 255), (32, 36, 44), (46, 110, 190), (190, 70, 60), (205, 210, 218))


def bar_chart(title: str, bars: Sequence[tuple[str, Decimal]]) -> bytes:
    """Return a PNG with one bar per (label, value), at most `MOST_BARS`; negative bars are red.

    The length of a bar is proportional to the absolute value; the number is written beside it.
    """
    visible_bars = bars[:MOST_BARS]
    head = _MARGIN + GLYPH_HEIGHT * _SCALE + _MARGIN
    picture = Picture(WIDTH, head + _ROW * max(1, len(visible_bars)) + _MARGIN, _PALETTE)
    picture.write((_MARGIN, _MARGIN), _plain_label(title, _LONGEST_TITLE), _INK, _SCALE)
    if not visible_bars:
        picture.write((_MARGIN, head), "nothing to draw", _INK, _SCALE)
        return picture.encode()
    labels = [_plain_label(label, _LONGEST_LABEL) for label, _ in visible_bars]
    numbers = [_number_label(value) for _, value in visible_bars]
    axis = _MARGIN + max(text_width(label, _SCALE) for label in labels) + 12
    room = WIDTH - _MARGIN - axis - max(text_width(number, _SCALE) for number in numbers) - 12
    greatest = max(abs(value) for _, value in visible_bars) or Decimal(1)
    picture.fill((axis - 2, head - 4), (2, _ROW * len(visible_bars)), _LINE)
    for index, ((_, value), label, number) in enumerate(zip(visible_bars, labels, numbers, strict=True)):
        top = head + index * _ROW
        length = int(abs(value) / greatest * room)
        picture.write((_MARGIN, top + 3), label, _INK, _SCALE)
        picture.fill((axis, top), (length, _BAR), _BLUE if value >= 0 else _RED)
        picture.write((axis + length + 8, top + 3), number, _INK, _SCALE)
    return picture.encode()


def _plain_label(text: str, longest: int) -> str:
    """Remove accents, which the font lacks, join lines, and shorten the text."""
    unaccented = "".join(
        char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char)
    )
    one_line = " ".join(unaccented.split())
    return one_line if len(one_line) <= longest else one_line[: longest - 2] + ".."


def _number_label(value: Decimal) -> str:
    return ids.number_text(round(value, 4)) if abs(value) < Decimal(10) ** 12 else f"{value:.3e}"
