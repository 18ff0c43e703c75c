"""Bar: the scroll bar is painted again only when its thumb is seen to move."""

from __future__ import annotations

from math import ceil
from typing import Final

from textual.scrollbar import ScrollBar

FINE: Final = 8
"""Steps of a cell that Textual's scroll bar can show."""


def move_bar(bar: ScrollBar, position: int, rows: int, *, fine: bool) -> None:
    """Tell the bar where the view stands in `rows`.

    While text streams by, its thumb moves a little with each paint, and painting it takes longer
    than the new text does: then only whole cells count, and not `fine` steps.
    """
    before = _thumb(bar, FINE if fine else 1)
    bar.set_reactive(ScrollBar.window_virtual_size, rows)
    bar.set_reactive(ScrollBar.position, float(position))
    if _thumb(bar, FINE if fine else 1) != before:
        bar.refresh()


def _thumb(bar: ScrollBar, steps: int) -> tuple[int, int]:
    """First and last step of the thumb; for nothing to scroll, none."""
    height, window, rows = bar.size.height, bar.window_size, bar.window_virtual_size
    if not window or window >= rows:
        return 0, 0
    size = max(1.0, window * height / rows)
    start = int((height - size) * bar.position / (rows - window) * steps)
    return start, start + ceil(size * steps)
