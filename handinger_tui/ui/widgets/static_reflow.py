"""A text of many lines that is laid out again for each width."""

from __future__ import annotations

from collections.abc import Callable

from textual.content import Content
from textual.geometry import Size
from textual.widgets import Static

Lines = Callable[[int], list[Content]]
"""A function that returns the lines for a width in cells."""


class StaticReflow(Static):
    """A widget as high as its lines, which are computed for its width; `put` sets them."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._layout_lines: Lines | None = None
        self._cached_lines: tuple[int, list[Content]] | None = None
        """Width and lines."""

    def put(self, lines: Lines) -> None:
        """Show these lines from now on."""
        self._layout_lines, self._cached_lines = lines, None
        self.refresh(layout=True)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """The number of lines at `width`."""
        return len(self._lines(width))

    def render(self) -> Content:
        """The lines at the present width."""
        return Content("\n").join(self._lines(self.size.width))

    def _lines(self, width: int) -> list[Content]:
        if self._layout_lines is None or width <= 0:
            return []
        if self._cached_lines is None or self._cached_lines[0] != width:
            self._cached_lines = width, self._layout_lines(width)
        return self._cached_lines[1]
