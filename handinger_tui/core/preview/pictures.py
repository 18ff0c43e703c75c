"""Images: format and size from the header alone, and a small grid of pixels as half-block characters."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

Pixel = tuple[int, int, int]
"""Red, green, blue, 0 to 255."""
Grid = Sequence[Sequence[Pixel]]
Cell = tuple[str, Pixel, Pixel | None]
"""The character, its color, and the background color; None for no background."""
UPPER: Final = "▀"


def fitting(width: int, height: int, columns: int, lines: int) -> tuple[int, int]:
    """The size in pixels at which an image fits `columns` × `lines` cells, in proportion, never enlarged."""
    across, down = max(1, columns), max(1, lines * 2)
    if width <= across and height <= down:
        return max(1, width), max(1, height)
    if width * down >= height * across:
        return across, max(1, min(down, round(height * across / width)))
    return max(1, min(across, round(width * down / height))), down


def half_blocks(pixels: Grid) -> list[list[Cell]]:
    """One line of cells for two rows of pixels; the upper pixel is the color of the character."""
    lines: list[list[Cell]] = []
    for at in range(0, len(pixels), 2):
        upper = pixels[at]
        if at + 1 < len(pixels):
            lines.append([(UPPER, top, low) for top, low in zip(upper, pixels[at + 1], strict=True)])
        else:
            lines.append([(UPPER, top, None) for top in upper])
    return lines


MAX_PIXELS: Final = 50_000_000
SUSPECT_PIXELS: Final = 10_000_000
"""Size from which `MAX_RATIO` applies; small charts of few colors compress far better than photographs."""
MAX_RATIO: Final = 100
"""Pixels per byte of the file."""


@dataclass(frozen=True, slots=True)
class ImageSize:
    """The format of an image, and its size in pixels."""

    format: str
    width: int
    height: int

    @property
    def pixels(self) -> int:
        """Width × height."""
        return self.width * self.height


def image_size(head: bytes) -> ImageSize | None:
    """Format and size from the header; None when the header is incomplete or unknown. Never raises.

    A JPEG has its size after its metadata: 64 kB are nearly always enough.
    """
    try:
        size = next((size for size in (reader(head) for reader in _READERS) if size is not None), None)
    except (struct.error, IndexError):
        return None
    return size if size is not None and size.width > 0 and size.height > 0 else None


def bomb(size: ImageSize, file_bytes: int | None) -> str | None:
    """Why an image must not be decoded (a decompression bomb); None: it may. `file_bytes` None: not known."""
    pixels = f"{size.width:,} × {size.height:,} pixels"
    if size.pixels > MAX_PIXELS:
        return f"{pixels} are more than {MAX_PIXELS // 1_000_000} million"
    if file_bytes is not None and size.pixels > SUSPECT_PIXELS and size.pixels > MAX_RATIO * file_bytes:
        return f"{pixels} out of {file_bytes:,} bytes: no honest picture packs that well"
    return None


def _png(head: bytes) -> ImageSize | None:
    if head.startswith(b"\x89PNG\r\n\x1a\n") and head[12:16] == b"IHDR":
        return ImageSize("png", *struct.unpack(">II", head[16:24]))
    return None


def _gif(head: bytes) -> ImageSize | None:
    if head.startswith((b"GIF87a", b"GIF89a")):
        return ImageSize("gif", *struct.unpack("<HH", head[6:10]))
    return None


def _bmp(head: bytes) -> ImageSize | None:
    if not head.startswith(b"BM"):
        return None
    if struct.unpack("<I", head[14:18])[0] == 12:
        return ImageSize("bmp", *struct.unpack("<HH", head[18:22]))
    width, height = struct.unpack("<ii", head[18:26])
    # A negative height means rows from top to bottom.
    return ImageSize("bmp", width, abs(height))


def _webp(head: bytes) -> ImageSize | None:
    if not head.startswith(b"RIFF") or head[8:12] != b"WEBP":
        return None
    chunk = head[12:16]
    if chunk == b"VP8X":
        width, height = (int.from_bytes(_exactly(head, at, 3), "little") + 1 for at in (24, 27))
        return ImageSize("webp", width, height)
    if chunk == b"VP8L" and head[20] == 0x2F:
        bits = int.from_bytes(_exactly(head, 21, 4), "little")
        return ImageSize("webp", (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    if chunk == b"VP8 " and head[23:26] == b"\x9d\x01\x2a":
        width, height = struct.unpack("<HH", head[26:30])
        return ImageSize("webp", width & 0x3FFF, height & 0x3FFF)
    return None


def _exactly(head: bytes, at: int, count: int) -> bytes:
    """`count` bytes from `at` on; raises IndexError where bytes are missing."""
    piece = head[at : at + count]
    if len(piece) < count:
        raise IndexError
    return piece


_NO_FRAME: Final = frozenset({0xC4, 0xC8, 0xCC})
"""Markers in the range of the frame markers that denote tables or are reserved."""


def _jpeg(head: bytes) -> ImageSize | None:
    if not head.startswith(b"\xff\xd8\xff"):
        return None
    at = 2
    while at + 4 <= len(head):
        if head[at] != 0xFF:
            return None
        marker = head[at + 1]
        if marker in (0x01, 0xFF) or 0xD0 <= marker <= 0xD8:
            at += 1 if marker == 0xFF else 2
            continue
        if 0xC0 <= marker <= 0xCF and marker not in _NO_FRAME:
            height, width = struct.unpack(">HH", head[at + 5 : at + 9])
            return ImageSize("jpeg", width, height)
        length = struct.unpack(">H", head[at + 2 : at + 4])[0]
        if length < 2 or marker in (0xD9, 0xDA):
            return None
        at += 2 + length
    return None


_READERS: Final = (_png, _jpeg, _gif, _webp, _bmp)
