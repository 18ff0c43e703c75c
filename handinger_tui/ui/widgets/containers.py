"""Ground: boxes that hold widgets and show nothing themselves, so that all their lines are one strip.

Textual would make one for each line, each with caches of its own: for five boxes under
one another that is 2 MB, and a tenth of the first screen's time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.style import Style
from textual.containers import Horizontal, Vertical
from textual.strip import Strip

if TYPE_CHECKING:
    from textual.geometry import Region
    from textual.widget import Widget
else:
    # Textual looks for a widget's default looks along the first base that is a widget: this must be none.
    Widget = object


class BareContainer(Widget):
    """Put before a box without border, padding or text of its own."""

    def render_lines(self, crop: Region) -> list[Strip]:
        """The colour of the ground, filtered as every line is (NO_COLOR, a terminal with few colours)."""
        ground = self.background_colors[1]
        strip = Strip.blank(crop.width, Style(bgcolor=ground.rich_color))
        for line_filter in self.get_line_filters():
            strip = strip.apply_filter(line_filter, ground)
        return [strip] * crop.height


class Columns(BareContainer, Horizontal):
    """Side by side."""


class Rows(BareContainer, Vertical):
    """One below the other."""
