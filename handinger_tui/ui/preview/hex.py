"""Hex dump of the first bytes of binary data."""

from __future__ import annotations

from typing import Final

ROW: Final = 16
ROWS: Final = 64


def hex_rows(data: bytes) -> list[str]:
    """Return at most `ROWS` lines: offset, sixteen bytes in hex, and their printable ASCII characters."""
    rows = []
    for at in range(0, min(len(data), ROW * ROWS), ROW):
        piece = data[at : at + ROW]
        halves = "  ".join(" ".join(f"{byte:02x}" for byte in half) for half in (piece[:8], piece[8:]))
        letters = "".join(chr(byte) if 32 <= byte < 127 else "·" for byte in piece)
        rows.append(f"{at:06x}  {halves:<48}  {letters}")
    return rows
