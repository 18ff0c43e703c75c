"""A compositor that requests only the lines that are visible in the painted region.

Textual requests all lines of every widget that shares a parent with the changed one, and of all
containers behind it.
"""

from __future__ import annotations

from collections.abc import Iterable

from textual._compositor import Compositor
from textual.geometry import Region
from textual.strip import Strip


class ClippedCompositor(Compositor):
    """Textual's compositor with the same result, but fewer requested lines."""

    def _get_renders(self, crop: Region | None = None) -> Iterable[tuple[Region, Region, list[Strip]]]:
        if crop is None:
            yield from super()._get_renders(crop)
            return
        # Widgets are ordered from front to back.
        for widget, (region, clip) in self.visible_widgets.items():
            # Complete lines: a cropped strip would be a new object, which the screen buffer does not
            # recognize.
            row_clip = clip.intersection(Region(clip.x, crop.y, clip.width, crop.height))
            visible = region.intersection(row_clip)
            # Textual lets a region without cells overlap with its neighbors.
            if not visible or not visible.overlaps(crop):
                continue
            yield region, row_clip, widget.render_lines(visible.translate(-region.offset))
            if visible.contains_region(crop):
                # It hides everything behind it.
                return
