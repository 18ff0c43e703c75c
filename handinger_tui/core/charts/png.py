"""A scene as a PNG picture: light colors, one pixel per unit of the scene."""

from __future__ import annotations

import struct
import unicodedata
import zlib
from dataclasses import dataclass
from functools import cache
from math import ceil, floor, hypot
from typing import Final

from handinger_tui.core.charts.palette import LIGHT
from handinger_tui.core.charts.scenes import (
    AREA_STRENGTH,
    DASH,
    STRIPE,
    Anchor,
    Area,
    Box,
    Dot,
    Ink,
    Line,
    Mark,
    Point,
    Scene,
    Word,
)

_DIGITS: Final = "0123456789abcdefghijklmnopqrstuv"
_ROWS: Final = 9
ABOVE: Final = 6
"""Grid steps from the baseline to the top of a capital letter."""

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
    """One letter: strokes (x1, y1, x2, y2) in grid steps, with y upwards from the baseline."""

    strokes: tuple[Stroke, ...]
    width: int
    """Grid steps from its first column to its last."""


@cache
def glyph(letter: str) -> Glyph:
    """The glyph of a letter; of its base letter where only the accent is unknown, else a box."""
    rows = _GLYPHS.get(letter) or _GLYPHS.get(unicodedata.normalize("NFD", letter)[:1], _UNKNOWN)
    if letter.isspace():
        return Glyph((), 1)
    dots = {
        (column, ABOVE - row)
        for row, digit in enumerate(rows.ljust(_ROWS, "0"))
        for column in range(5)
        if _DIGITS.index(digit) >> (4 - column) & 1
    }
    # Digits keep the full width, so that amounts line up.
    left = 0 if letter.isdigit() else min(x for x, _ in dots)
    right = 4 if letter.isdigit() else max(x for x, _ in dots)
    strokes = tuple((x1 - left, y1, x2 - left, y2) for x1, y1, x2, y2 in _strokes(dots))
    return Glyph(strokes, right - left)


def _strokes(dots: set[tuple[int, int]]) -> list[Stroke]:
    strokes: list[Stroke] = []
    for x, y in sorted(dots):
        beside, above = (x + 1, y) in dots, (x, y + 1) in dots
        strokes += [(x, y, x + 1, y)] if beside else []
        strokes += [(x, y, x, y + 1)] if above else []
        # A diagonal is drawn only where no corner joins its two ends already.
        if (x + 1, y + 1) in dots and not beside and not above:
            strokes.append((x, y, x + 1, y + 1))
        if (x + 1, y - 1) in dots and not beside and (x, y - 1) not in dots:
            strokes.append((x, y, x + 1, y - 1))
    alone = [dot for dot in sorted(dots) if not any(dot in ((a, b), (c, d)) for a, b, c, d in strokes)]
    return strokes + [(x, y, x, y) for x, y in alone]


Color = tuple[int, int, int]
_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"


def picture(scene: Scene) -> bytes:
    """Render a scene as a PNG file."""
    canvas = _Canvas(scene.width, scene.height)
    for mark in scene.marks:
        canvas.draw(mark)
    rows = range(0, len(canvas.cells), scene.width * 3)
    packed = b"".join(b"\0" + canvas.cells[at : at + scene.width * 3] for at in rows)
    head = struct.pack(">IIBBBBB", scene.width, scene.height, 8, 2, 0, 0, 0)
    chunks = (_chunk(b"IHDR", head), _chunk(b"IDAT", zlib.compress(packed, 9)), _chunk(b"IEND", b""))
    return _SIGNATURE + b"".join(chunks)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _color(ink: Ink) -> Color:
    red, green, blue = bytes.fromhex(LIGHT[ink][1:])
    return red, green, blue


class _Canvas:
    """Rows of RGB cells; marks outside the canvas are clipped."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.cells = bytearray(bytes(_color(Ink.GROUND)) * (width * height))

    def draw(self, mark: Mark) -> None:
        """Draw one mark over the earlier ones."""
        if isinstance(mark, Box):
            (self._hatched_box if mark.hatched else self._box)(mark)
        elif isinstance(mark, Word):
            self._word(mark)
        elif isinstance(mark, Area):
            self._area(mark)
        elif isinstance(mark, Dot):
            self._stroke((mark.x, mark.y), (mark.x, mark.y), 2 * mark.radius, _color(mark.ink))
        else:
            self._line(mark)

    def _blend(self, x: int, y: int, color: Color, strength: float) -> None:
        if not (0 <= x < self.width and 0 <= y < self.height) or strength <= 0:
            return
        at = 3 * (y * self.width + x)
        for offset in range(3):
            old = self.cells[at + offset]
            self.cells[at + offset] = round(old + (color[offset] - old) * min(1.0, strength))

    def _run(self, x1: int, x2: int, y: int, color: Color) -> None:
        x1, x2 = max(0, x1), min(self.width, x2)
        if x1 < x2 and 0 <= y < self.height:
            at = 3 * (y * self.width + x1)
            self.cells[at : at + 3 * (x2 - x1)] = bytes(color) * (x2 - x1)

    def _box(self, box: Box) -> None:
        x1, y1, x2, y2 = _corners(box)
        color, corner = _color(box.ink), box.corner
        for y in range(y1, y2):
            deep = min(y + 0.5 - y1, y2 - y - 0.5)
            inset = corner - (corner**2 - (corner - deep) ** 2) ** 0.5 if deep < corner else 0.0
            whole = ceil(inset)
            self._run(x1 + whole, x2 - whole, y, color)
            if whole > inset:
                self._blend(x1 + whole - 1, y, color, whole - inset)
                self._blend(x2 - whole, y, color, whole - inset)

    def _hatched_box(self, box: Box) -> None:
        x1, y1, x2, y2 = _corners(box)
        color = _color(box.ink)
        for y in range(y1, y2):
            edge = y in (y1, y2 - 1)
            for x in range(x1, x2):
                # Diagonal stripes; STRIPE is the distance perpendicular to them, hence the root of two.
                off = ((x + y) / 2**0.5) % STRIPE
                strength = 1.2 - abs(off - STRIPE / 2) + 0.5
                self._blend(x, y, color, 1.0 if edge or x in (x1, x2 - 1) else strength)

    def _line(self, line: Line) -> None:
        color, drawn_length = _color(line.ink), 0.0
        for start, end in zip(line.points, line.points[1:], strict=False):
            length = hypot(end[0] - start[0], end[1] - start[1])
            for piece in _dashes(start, end, length, drawn_length) if line.dashed else [(start, end)]:
                self._stroke(*piece, line.width, color)
            drawn_length += length

    def _stroke(self, start: Point, end: Point, width: float, color: Color) -> None:
        """Draw a straight line with round ends."""
        if start[1] == end[1] and width <= 1:
            self._run(round(start[0]), round(end[0]), floor(start[1]), color)
            return
        reach = width / 2 + 1
        run, rise = end[0] - start[0], end[1] - start[1]
        first, last = floor(min(start[0], end[0]) - reach), ceil(max(start[0], end[0]) + reach)
        low, high = min(start[1], end[1]) - reach, max(start[1], end[1]) + reach
        slope = rise / run if abs(run) > 0.01 else 0.0
        spread = reach * (1 + slope**2) ** 0.5 + abs(slope)
        for x in range(first, last + 1):
            middle = start[1] + slope * (x + 0.5 - start[0])
            top, bottom = (max(low, middle - spread), min(high, middle + spread)) if slope else (low, high)
            for y in range(floor(top), ceil(bottom) + 1):
                distance = _distance(x + 0.5, y + 0.5, (*start, *end))
                self._blend(x, y, color, width / 2 + 0.5 - distance)

    def _area(self, area: Area) -> None:
        color = _color(area.ink)
        for (x1, y1), (x2, y2) in zip(area.points, area.points[1:], strict=False):
            for x in range(round(x1), round(x2)):
                top = y1 + (y2 - y1) * ((x + 0.5 - x1) / (x2 - x1))
                for y in range(round(top), round(area.floor)):
                    self._blend(x, y, color, AREA_STRENGTH)

    def _word(self, word: Word) -> None:
        x = word.x - {Anchor.START: 0.0, Anchor.MIDDLE: 0.5, Anchor.END: 1.0}[word.anchor] * _length(word)
        color, baseline = _color(word.ink), round(word.y)
        for letter in word.text:
            left, top, rows = _rasterize(letter, word.size, word.bold)
            for dy, row in enumerate(rows):
                for dx, strength in row:
                    self._blend(round(x) + left + dx, baseline + top + dy, color, strength)
            x += _advance(letter, word.size)


def _corners(box: Box) -> tuple[int, int, int, int]:
    x1, y1 = round(box.x), round(box.y)
    return x1, y1, max(x1 + 1, round(box.x + box.width)), max(y1 + 1, round(box.y + box.height))


def _dashes(start: Point, end: Point, length: float, drawn_length: float) -> list[tuple[Point, Point]]:
    """The dashes of one straight segment; the pattern continues around the corners of the line.

    `drawn_length`: the length of the segments before this one.
    """
    pieces, period = [], sum(DASH)
    at = -(drawn_length % period)
    while at < length:
        low, high = max(0.0, at), min(length, at + DASH[0])
        if low < high:
            pieces.append((_along(start, end, low / length), _along(start, end, high / length)))
        at += period
    return pieces


def _along(start: Point, end: Point, part: float) -> Point:
    return start[0] + (end[0] - start[0]) * part, start[1] + (end[1] - start[1]) * part


def _distance(x: float, y: float, stroke: tuple[float, float, float, float]) -> float:
    x1, y1, x2, y2 = stroke
    run, rise = x2 - x1, y2 - y1
    length = run * run + rise * rise
    part = max(0.0, min(1.0, ((x - x1) * run + (y - y1) * rise) / length)) if length else 0.0
    return hypot(x - x1 - run * part, y - y1 - rise * part)


# -- letters -----------------------------------------------------------------------------
def _steps(size: int) -> tuple[float, float]:
    """Width and height of a grid step in pixels: a capital letter has 0.72 of the font size."""
    height = 0.72 * size / ABOVE
    return height * 0.82, height


def _advance(letter: str, size: int) -> float:
    wide, _ = _steps(size)
    return wide * (glyph(letter).width + 2) if not letter.isspace() else wide * 2.6


def _length(word: Word) -> float:
    return sum(_advance(letter, word.size) for letter in word.text)


@cache
def _rasterize(letter: str, size: int, bold: bool) -> tuple[int, int, list[list[tuple[int, float]]]]:
    """Left and top of a letter relative to its origin, and (column, strength) of the cells of each row."""
    wide, tall = _steps(size)
    width = max(1.15, size * 0.085) * (1.5 if bold else 1.0)
    shape = glyph(letter)
    strokes = [(x1 * wide, -y1 * tall, x2 * wide, -y2 * tall) for x1, y1, x2, y2 in shape.strokes]
    if not strokes:
        return 0, 0, []
    top, bottom = floor(-ABOVE * tall - 2), ceil(2 * tall + 2)
    right = ceil(shape.width * wide + 3)
    rows = []
    for y in range(top, bottom):
        row = []
        for x in range(-2, right):
            distance = min(_distance(x + 0.5, y + 0.5, stroke) for stroke in strokes)
            strength = width / 2 + 0.5 - distance
            if strength > 0.02:
                row.append((x + 2, min(1.0, strength)))
        rows.append(row)
    return -2, top, rows
