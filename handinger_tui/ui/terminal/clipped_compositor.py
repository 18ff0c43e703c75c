"""A compositor that asks widgets only for the lines that are visible in the painted region.

Textual asks for all lines of every widget whose parent overlaps with that region, and of all containers
behind it: for a typed letter, the complete transcript.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from textual.geometry import Region
from textual.screen import Screen
from textual.strip import Strip

from handinger_tui.ui.terminal.textual_private import Compositor, Missing


def clip_paints(screen: Screen[Any]) -> None:
    """Let `screen` paint with a `ClippedCompositor`; without Textual's compositor nothing changes."""
    if not issubclass(Compositor, Missing):
        screen._compositor = ClippedCompositor()


class ClippedCompositor(Compositor):
    """Textual's compositor with the same result, but fewer requested lines."""

    def _get_renders(self, crop: Region | None = None) -> Iterable[tuple[Region, Region, list[Strip]]]:
        if crop is None:
            yield from super()._get_renders(crop)
            return
        # Widgets are ordered from front to back.
        for widget, (region, clip) in self.visible_widgets.items():
            # Complete lines: a cropped strip would be a new object, which the screen buffer
            # does not recognize.
            row_clip = clip.intersection(Region(clip.x, crop.y, clip.width, crop.height))
            visible = region.intersection(row_clip)
            # Textual lets a region without cells overlap with its neighbors.
            if not visible or not visible.overlaps(crop):
                continue
            yield region, row_clip, widget.render_lines(visible.translate(-region.offset))
            if visible.contains_region(crop):
                # It hides everything behind it.
                return
