"""A PNG decoder that needs only zlib and decodes row by row into a small grid.

It never holds more than a few rows of the picture and never decompresses more than the header
promises. A picture beyond `MAX_PIXELS` is refused before decompression.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from handinger_tui.core.preview.pictures import Pixel, fitting

MAX_PIXELS: Final = 2_500_000
"""Size that plain Python decodes in a few seconds; larger pictures need a library."""
_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_CHANNELS: Final = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_DEPTHS: Final = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_PALETTE: Final = 3
_TAPS: Final = 3
"""Samples per axis, of rows and of columns, that are averaged into one pixel of the grid."""
_CHUNK: Final = 65536


class NotDrawn(ValueError):
    """The picture cannot be decoded here; the message is for people."""


@dataclass(frozen=True, slots=True)
class _Header:
    width: int
    height: int
    depth: int
    color: int

    @property
    def step(self) -> int:
        """Bytes of one pixel, at least 1: the distance to the left neighbor in filters."""
        return max(1, _CHANNELS[self.color] * self.depth // 8)

    @property
    def row(self) -> int:
        """Bytes of one row."""
        return (self.width * _CHANNELS[self.color] * self.depth + 7) // 8


def decode_png(data: bytes, columns: int, lines: int, ground: Pixel = (255, 255, 255)) -> list[list[Pixel]]:
    """The picture scaled to `columns` × `lines` cells of half blocks; transparency shows `ground`.

    A truncated file gives fewer rows than `fitting` says.

    Raises:
        NotDrawn: not a PNG, or a broken, interlaced or too large one.
    """
    header = _header(data)
    palette: list[tuple[int, int, int, int]] = []
    compressed: list[bytes] = []
    for kind, body in _chunks(data):
        if kind == b"PLTE":
            palette = [(*body[at : at + 3], 255) for at in range(0, len(body) - 2, 3)]
        elif kind == b"tRNS" and header.color == _PALETTE:
            palette = [(*color[:3], alpha) for color, alpha in zip(palette, body, strict=False)] + palette[
                len(body) :
            ]
        elif kind == b"IDAT":
            compressed.append(body)
    if header.color == _PALETTE and not palette:
        raise NotDrawn("the PNG has no palette")
    painter = _Painter(header, palette, ground)
    width, height = fitting(header.width, header.height, columns, lines)
    across = [_taps(at, width, header.width) for at in range(width)]
    down = [_taps(at, height, header.height) for at in range(height)]
    return list(_grid(_rows(compressed, header), painter, across, down))


def _header(data: bytes) -> _Header:
    if not data.startswith(_SIGNATURE) or data[12:16] != b"IHDR" or len(data) < 29:
        raise NotDrawn("this is no PNG")
    width, height, depth, color, packing, filters, interlaced = struct.unpack(">IIBBBBB", data[16:29])
    if not width or not height or depth not in _DEPTHS.get(color, ()) or packing or filters:
        raise NotDrawn("the PNG's header is broken")
    if interlaced:
        raise NotDrawn("interlaced PNGs are not drawn")
    if width * height > MAX_PIXELS:
        raise NotDrawn(f"{width:,} × {height:,} pixels are too many to draw here")
    return _Header(width, height, depth, color)


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(_SIGNATURE)
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        yield data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        at += 12 + length


def _taps(at: int, count: int, size: int) -> tuple[int, ...]:
    """The rows or columns, of `size`, that are sampled for row or column `at` of `count`."""
    first, last = at * size // count, max((at + 1) * size // count, at * size // count + 1)
    span = last - first
    return tuple(sorted({first + span * (2 * tap + 1) // (2 * _TAPS) for tap in range(_TAPS)}))


def _rows(compressed: list[bytes], header: _Header) -> Iterator[bytes]:
    """The rows with their filters undone. Stops at broken data: the rows before it are shown."""
    size = header.row + 1
    above = bytes(header.row)
    buffer = bytearray()
    for piece in _decompress(compressed):
        buffer += piece
        start = 0
        while len(buffer) - start >= size:
            row = _undo_filter(buffer[start], buffer[start + 1 : start + size], above, header.step)
            if row is None:
                return
            yield row
            above = row
            start += size
        del buffer[:start]


def _decompress(compressed: list[bytes]) -> Iterator[bytes]:
    """The bytes of all rows, in pieces: a decompression bomb expands only as far as the caller reads."""
    inflate = zlib.decompressobj()
    try:
        for body in compressed:
            pending = body
            while pending and not inflate.eof:
                yield inflate.decompress(pending, _CHUNK)
                pending = inflate.unconsumed_tail
        yield inflate.flush()
    except zlib.error:
        return


def _undo_filter(kind: int, row: bytearray, above: bytes, step: int) -> bytes | None:
    """One row with its filter undone; None for an unknown filter."""
    if kind == 1:
        for at in range(step, len(row)):
            row[at] = (row[at] + row[at - step]) & 255
    elif kind == 2:
        row = bytearray([(one + up) & 255 for one, up in zip(row, above, strict=True)])
    elif kind == 3:
        for at, up in enumerate(above):
            left = row[at - step] if at >= step else 0
            row[at] = (row[at] + (left + up >> 1)) & 255
    elif kind == 4:
        _undo_paeth(row, above, step)
    elif kind != 0:
        return None
    return bytes(row)


def _undo_paeth(row: bytearray, above: bytes, step: int) -> None:
    for at in range(min(step, len(row))):
        row[at] = (row[at] + above[at]) & 255
    for at in range(step, len(row)):
        left, up, corner = row[at - step], above[at], above[at - step]
        to_left, to_up = abs(up - corner), abs(left - corner)
        to_corner = abs(left + up - corner - corner)
        near = up if to_up <= to_corner else corner
        near = left if to_left <= min(to_up, to_corner) else near
        row[at] = (row[at] + near) & 255


class _Painter:
    """Reads pixels from a row and blends them with the background color."""

    def __init__(self, header: _Header, palette: list[tuple[int, int, int, int]], ground: Pixel) -> None:
        self._header = header
        self._palette = palette
        self._ground = ground

    def pixel(self, row: bytes, at: int) -> Pixel:
        """The pixel in column `at`, blended with the background color."""
        red, green, blue, alpha = self._raw(row, at)
        if alpha == 255:
            return red, green, blue
        under = self._ground
        return (
            (red * alpha + under[0] * (255 - alpha)) // 255,
            (green * alpha + under[1] * (255 - alpha)) // 255,
            (blue * alpha + under[2] * (255 - alpha)) // 255,
        )

    def _raw(self, row: bytes, at: int) -> tuple[int, int, int, int]:
        color, depth = self._header.color, self._header.depth
        if depth < 8:
            bits = at * depth
            value = row[bits >> 3] >> (8 - depth - (bits & 7)) & ((1 << depth) - 1)
            if color == _PALETTE:
                return self._palette_entry(value)
            grey = value * 255 // ((1 << depth) - 1)
            return grey, grey, grey, 255
        # Of 16 bits only the upper byte is used.
        channel_bytes = depth // 8
        first = at * self._header.step
        values = row[first : first + self._header.step : channel_bytes]
        if color == _PALETTE:
            return self._palette_entry(values[0])
        if color in (0, 4):
            return values[0], values[0], values[0], values[1] if color == 4 else 255
        return values[0], values[1], values[2], values[3] if color == 6 else 255

    def _palette_entry(self, value: int) -> tuple[int, int, int, int]:
        return self._palette[value] if value < len(self._palette) else (0, 0, 0, 255)


def _grid(
    rows: Iterator[bytes], painter: _Painter, across: list[tuple[int, ...]], down: list[tuple[int, ...]]
) -> Iterator[list[Pixel]]:
    """The rows of the grid: each pixel is the average of its samples.

    Raises:
        NotDrawn: not even the first row could be decoded.
    """
    at = -1
    row = None
    for number, taps in enumerate(down):
        sampled = []
        for tap in taps:
            while at < tap and (row := next(rows, None)) is not None:
                at += 1
            if row is None:
                break
            sampled.append(row)
        if not sampled:
            if number == 0:
                raise NotDrawn("the PNG is broken")
            return
        yield [
            _average([painter.pixel(one, column) for one in sampled for column in columns])
            for columns in across
        ]


def _average(pixels: list[Pixel]) -> Pixel:
    count = len(pixels)
    red, green, blue = (sum(channel) // count for channel in zip(*pixels, strict=True))
    return red, green, blue
