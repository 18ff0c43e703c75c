"""Bars and lines in terminal cells, as plain text that is readable without color."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Final, TypeVar

from handinger_tui.core.decimals import EXACT, tidy

BLOCKS: Final = ("█", "▓", "▒", "░", "▚", "▘", "▖", "▝")
"""One block per category of a stacked bar, of different density or form."""
NO_VALUE: Final = "·"
"""What a bar or a sparkline shows for an amount that was not reported."""
USED: Final = "━"
UNUSED: Final = "┄"
_HEIGHTS: Final = "▁▂▃▄▅▆▇█"
"""Eighths of a cell, from the bottom."""
_WIDTHS: Final = "▏▎▍▌▋▊▉█"
"""Eighths of a cell, from left to right."""
_DOTS: Final = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""The bits of a braille character by row and column."""
_BRAILLE: Final = 0x2800
_Style = TypeVar("_Style")


def scale(value: Decimal | None, highest: Decimal, most: int) -> int:
    """`value` in steps from 0 to `most` (for `highest`); any amount above zero has at least one step."""
    if value is None or value <= 0 or highest <= 0:
        return 0
    return max(1, min(most, int(EXACT.divide(EXACT.multiply(value, Decimal(most)), highest))))


def horizontal_bar(value: Decimal | None, highest: Decimal, width: int) -> str:
    """A horizontal bar of at most `width` cells, in eighths; empty for an unknown value."""
    full, eighths = divmod(scale(value, highest, width * 8), 8)
    return "█" * full + (_WIDTHS[eighths - 1] if eighths else "")


def vertical_bar(value: Decimal | None, highest: Decimal, height: int) -> str:
    """A vertical bar of at most `height` cells, from bottom to top, in eighths."""
    full, eighths = divmod(scale(value, highest, height * 8), 8)
    return "█" * full + (_HEIGHTS[eighths - 1] if eighths else "")


def level(filled: int, width: int) -> str:
    """A bar of `width` cells with `filled` used ones."""
    return USED * filled + UNUSED * (width - filled)


def percent_cells(percent: int, width: int) -> int:
    """The used cells of a limit: one percent is visible, and only a reached limit fills the bar."""
    return min(max(percent * width // 100, int(percent > 0)), width - int(percent < 100))


def percent_level(percent: int | None, width: int) -> str:
    """The bar of a limit; dots if its use is unknown."""
    return NO_VALUE * width if percent is None else level(percent_cells(percent, width), width)


def stacked_bar(
    parts: Sequence[Decimal | int | None], total: Decimal | int | None, width: int
) -> list[tuple[int, int]]:
    """A stacked bar as (category, cells). Category -1 is the part of `total` that is in no category.

    Every part above zero has a cell. Empty if nothing was reported or spent.
    """
    amounts = [Decimal(part or 0) for part in parts]
    base = max(Decimal(total or 0), sum(amounts, Decimal(0)))
    shares = [*amounts, base - sum(amounts, Decimal(0))]
    if base <= 0 or all(part is None for part in parts):
        return []
    exact = [share * width / base for share in shares]
    cells = [max(1, int(share)) if share > 0 else 0 for share in exact]
    while sum(cells) < width:
        cells[max(range(len(cells)), key=lambda at: exact[at] - cells[at])] += 1
    while sum(cells) > width:
        cells[max(range(len(cells)), key=lambda at: cells[at] - exact[at] if cells[at] > 1 else -width)] -= 1
    return [(at if at < len(parts) else -1, cell) for at, cell in enumerate(cells) if cell]


def part_styles(styles: Sequence[_Style], unsplit: _Style, categories: int) -> tuple[tuple[str, _Style], ...]:
    """Block and style of each category, and of what is in none. More categories share the last style."""
    each = (styles[min(at, len(styles) - 1)] for at in range(categories))
    return tuple(zip((*BLOCKS[:categories], NO_VALUE), (*each, unsplit), strict=True))


def sparkline(values: Sequence[Decimal | None], width: int) -> str:
    """One character per value, for the newest `width`; an unknown value is a dot, never the lowest step."""
    newest = [tidy(value) for value in values[-width:]] if width > 0 else []
    highest = max((value for value in newest if value is not None), default=Decimal(0))
    return "".join(NO_VALUE if value is None else _step(value, highest) for value in newest)


def _step(value: Decimal, highest: Decimal) -> str:
    if value <= 0 or highest <= 0:
        return _HEIGHTS[0]
    return _HEIGHTS[1 + int(value / highest * (len(_HEIGHTS) - 2))]


def rising_line(values: Sequence[Decimal], columns: int, rows: int) -> list[str]:
    """A line through evenly spaced, non-decreasing `values`, in braille dots."""
    grid = [[0] * columns for _ in range(rows)]
    top, across_dots, up_dots = values[-1], columns * 2, rows * 4
    previous_height = 0
    for x in range(across_dots):
        at, remainder = divmod(x * (len(values) - 1), across_dots - 1)
        after = values[min(at + 1, len(values) - 1)]
        value = values[at] + (after - values[at]) * remainder / (across_dots - 1)
        height = int(value * (up_dots - 1) / top) if top > 0 else 0
        for y in range(min(previous_height + 1, height), height + 1):
            row, dot = divmod(up_dots - 1 - y, 4)
            grid[row][x // 2] |= _DOTS[dot][x % 2]
        previous_height = height
    return ["".join(chr(_BRAILLE + cell) if cell else " " for cell in line) for line in grid]


class Look(StrEnum):
    """How a bar, or a piece of a line about amounts, is drawn; the parts of a cost have one each."""

    PLAIN = ""
    FAINT = "faint"
    STRONG = "strong"
    ACCENT = "accent"
    MARK = "mark"
    REACHED = "reached"
    MODEL = "model"
    TOOL = "tool"
    SANDBOX = "sandbox"
    INTERNAL = "internal"
    UNSPLIT = "unsplit"

    @property
    def of_usage(self) -> bool:
        """Whether no other panel has it."""
        return self in (*PARTS, Look.REACHED)


PARTS: Final = (Look.MODEL, Look.TOOL, Look.SANDBOX, Look.INTERNAL, Look.UNSPLIT)
"""The parts of a cost, in the order of `figures.CATEGORIES`, and what is not split."""
