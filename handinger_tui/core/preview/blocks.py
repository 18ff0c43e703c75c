"""Blocks: a small grid of pixels as half-block characters, two pixels to a cell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

Pixel = tuple[int, int, int]
"""Red, green, blue, 0 to 255."""
Grid = Sequence[Sequence[Pixel]]
Cell = tuple[str, Pixel, Pixel | None]
"""The character, its colour, and the ground; None where nothing lies under it."""
UPPER: Final = "▀"


def fitting(width: int, height: int, columns: int, lines: int) -> tuple[int, int]:
    """The size in pixels at which an image fits `columns` × `lines` cells: its shape kept, never enlarged."""
    across, down = max(1, columns), max(1, lines * 2)
    if width <= across and height <= down:
        return max(1, width), max(1, height)
    if width * down >= height * across:
        return across, max(1, min(down, round(height * across / width)))
    return max(1, min(across, round(width * down / height))), down


def half_blocks(pixels: Grid) -> list[list[Cell]]:
    """One line of cells for two rows of pixels; the upper pixel is the character's colour."""
    lines: list[list[Cell]] = []
    for at in range(0, len(pixels), 2):
        upper = pixels[at]
        if at + 1 < len(pixels):
            lines.append([(UPPER, top, low) for top, low in zip(upper, pixels[at + 1], strict=True)])
        else:
            lines.append([(UPPER, top, None) for top in upper])
    return lines
