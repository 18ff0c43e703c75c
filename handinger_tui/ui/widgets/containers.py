"""Containers that draw only their background, and a text that is laid out again for each width.

Textual creates a strip with its own caches for each line of each container, which costs time and
memory at the start.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from rich.style import Style
from textual.containers import Vertical
from textual.content import Content
from textual.geometry import Size
from textual.strip import Strip
from textual.widgets import Static

if TYPE_CHECKING:
    from textual.geometry import Region
    from textual.widget import Widget
else:
    # Textual takes the default CSS of a widget from its first base that is a widget: this must not be one.
    Widget = object


class BareContainer(Widget):
    """A mixin, placed first, for a container without border, padding or text."""

    def render_lines(self, crop: Region) -> list[Strip]:
        """The background color, filtered as every line is (NO_COLOR, a terminal with few colors)."""
        background = self.background_colors[1]
        strip = Strip.blank(crop.width, Style(bgcolor=background.rich_color))
        for line_filter in self.get_line_filters():
            strip = strip.apply_filter(line_filter, background)
        return [strip] * crop.height


class Rows(BareContainer, Vertical):
    """Children one below another."""


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
