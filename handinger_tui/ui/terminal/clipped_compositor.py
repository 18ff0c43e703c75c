"""A compositor that asks widgets only for the visible lines of what is painted.

Textual asks for all lines of every widget whose parent overlaps with the rectangle around all changes, and
of all containers behind it: for a typed letter, the complete transcript, and for a clock in the header with
new text below, the complete screen.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from textual.geometry import Region
from textual.screen import Screen
from textual.strip import Strip

from handinger_tui.ui.terminal.textual_private import ChopsUpdate, Compositor, Missing


def clip_paints(screen: Screen[Any]) -> None:
    """Let `screen` paint with a `ClippedCompositor`; without Textual's compositor nothing changes."""
    if not issubclass(Compositor, Missing):
        screen._compositor = ClippedCompositor()


class ClippedCompositor(Compositor):
    """Textual's compositor with the same result, but fewer requested lines."""

    _painted: tuple[Region, ...] = ()
    """The changed regions while a partial update is rendered; outside of them nothing is written."""

    def render_partial_update(self) -> ChopsUpdate | None:
        """Render what changed."""
        self._painted = tuple(self._dirty_regions)
        try:
            return super().render_partial_update()
        finally:
            self._painted = ()

    def _get_renders(self, crop: Region | None = None) -> Iterable[tuple[Region, Region, list[Strip]]]:
        if crop is None:
            yield from super()._get_renders(crop)
            return
        painted = self._painted or (crop,)
        # Widgets are ordered from front to back.
        for widget, (region, clip) in self.visible_widgets.items():
            # Complete lines: a cropped strip would be a new object, which the screen buffer
            # does not recognize.
            row_clip = clip.intersection(Region(clip.x, crop.y, clip.width, crop.height))
            visible = region.intersection(row_clip)
            # Textual lets a region without cells overlap with its neighbors.
            if not visible or not any(map(visible.overlaps, painted)):
                continue
            yield region, row_clip, widget.render_lines(visible.translate(-region.offset))
            if visible.contains_region(crop):
                # It hides everything behind it.
                return
