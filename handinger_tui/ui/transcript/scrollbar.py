"""Updates of the scrollbar that repaint it only when its thumb visibly moves."""

from __future__ import annotations

from math import ceil
from typing import Final

from textual.scrollbar import ScrollBar

FINE: Final = 8
"""Sub-cell steps that Textual's scrollbar can show."""


def move_bar(bar: ScrollBar, position: int, rows: int, *, fine: bool) -> None:
    """Move the scrollbar to `position` in a total of `rows`.

    While text streams in, the thumb moves a little with each paint, and painting the bar costs more
    than painting the new text. Without `fine` only moves by whole cells are painted.
    """
    before = _thumb(bar, FINE if fine else 1)
    bar.set_reactive(ScrollBar.window_virtual_size, rows)
    bar.set_reactive(ScrollBar.position, float(position))
    if _thumb(bar, FINE if fine else 1) != before:
        bar.refresh()


def _thumb(bar: ScrollBar, steps: int) -> tuple[int, int]:
    """Return the first and last step of the thumb, (0, 0) if there is nothing to scroll."""
    height, window, rows = bar.size.height, bar.window_size, bar.window_virtual_size
    if not window or window >= rows:
        return 0, 0
    size = max(1.0, window * height / rows)
    start = int((height - size) * bar.position / (rows - window) * steps)
    return start, start + ceil(size * steps)
