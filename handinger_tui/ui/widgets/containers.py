"""A container that draws nothing but its background, with one strip for all its lines.

Textual creates a strip with its own caches for each line of each container, which costs time and
memory at the start.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.style import Style
from textual.containers import Vertical
from textual.strip import Strip

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
