"""Near: a compositor that asks for lines only where they can be seen in what is painted.

Textual asks every widget that shares a parent with what has changed, and all
containers behind it, for all their lines: twice the work of the text itself.
"""

from __future__ import annotations

from collections.abc import Iterable

from textual._compositor import Compositor
from textual.geometry import Region
from textual.strip import Strip


class ClippedCompositor(Compositor):
    """As Textual's own, with the same result."""

    def _get_renders(self, crop: Region | None = None) -> Iterable[tuple[Region, Region, list[Strip]]]:
        if crop is None:
            yield from super()._get_renders(crop)
            return
        # From front to back.
        for widget, (region, clip) in self.visible_widgets.items():
            # Whole lines: a strip that is cut would be another one for `board`.
            near = clip.intersection(Region(clip.x, crop.y, clip.width, crop.height))
            seen = region.intersection(near)
            # What has no cells overlaps with its neighbours, to Textual.
            if not seen or not seen.overlaps(crop):
                continue
            yield region, near, widget.render_lines(seen.translate(-region.offset))
            if seen.contains_region(crop):
                # Nothing behind it can be seen.
                return
