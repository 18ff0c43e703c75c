"""The last gate before the terminal: no control or direction character, no link of the terminal's own.

Text is cleaned where it becomes rows; this catches what any other widget, or a
decoder behind the cleaning, lets through (core/safety.py, "two layers"). An
OSC 8 link would put remote text into a control string and be opened by the
terminal without our judging it: links are followed by our own click only.
"""

from __future__ import annotations

import re
from typing import Final

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

from handinger_tui.core.characters import ALWAYS, LOOSE

_SPACES: Final = re.compile("[\t\n]")


class ControlFilter(LineFilter):
    """Return it from `App.get_line_filters`, always the same object: strips remember what it gave."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:  # noqa: ARG002  # the base's
        """The segments, or cleaned copies. Segments that are terminal codes of Textual pass."""
        if not any(_suspect(segment) for segment in segments):
            return segments
        return [_cleaned(segment) for segment in segments]


def _suspect(segment: Segment) -> bool:
    text, style, control = segment
    if control:
        return False
    linked = style is not None and style.link is not None
    return linked or (not text.isprintable() and bool(ALWAYS.search(text) or LOOSE.search(text)))


def _cleaned(segment: Segment) -> Segment:
    text, style, control = segment
    if control:
        return segment
    # What was counted as joined to a cut picture has no cell of its own.
    text = ALWAYS.sub(_room, LOOSE.sub("", _SPACES.sub(" ", text)))
    if style is not None and style.link is not None:
        style = style.update_link(None)
    return Segment(text, style)


def _room(found: re.Match[str]) -> str:
    """Blanks for the cells that were counted for a character, so that the line keeps its width."""
    return " " * cell_len(found[0])
