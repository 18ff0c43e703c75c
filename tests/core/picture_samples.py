"""Pieces of PNG files, for the tests of previews."""

from __future__ import annotations

import struct
import zlib
from typing import Final

SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def header(width: int, height: int, *, depth: int = 8, color: int = 2) -> bytes:
    """The beginning of a file, with the size and kind of its pixels."""
    return SIGNATURE + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0))


def pixels(raw: bytes) -> bytes:
    """The rest of a file."""
    return chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")
