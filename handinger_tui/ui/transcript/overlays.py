"""Overlays drawn over finished strips: selection, matches, the cursor and the "new lines" pill."""

from __future__ import annotations

import re
from typing import Final

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from handinger_tui.core.formatting import plural
from handinger_tui.ui.transcript.painting import width_of

CURSOR: Final = "▌"


def over(strip: Strip, start: int, end: int, style: Style) -> Strip:
    """Apply `style` to the cells from `start` to `end`."""
    if end <= start:
        return strip
    middle = [
        Segment(text, (own + style) if own else style, control)
        for text, own, control in strip.crop(start, end)
    ]
    return Strip([*strip.crop(0, start), *middle, *strip.crop(end, strip.cell_length)], strip.cell_length)


def with_selection(strip: Strip, span: tuple[int, int], style: Style) -> Strip:
    """Highlight a selection. `span` counts characters; an end of -1 is the end of the line."""
    text = strip.text
    start, end = span
    end = len(text.rstrip()) if end == -1 else end
    return over(strip, width_of(text[:start]), width_of(text[:end]), style)


def with_matches(strip: Strip, pattern: re.Pattern[str], style: Style) -> Strip:
    """Highlight every match in a line."""
    text = strip.text
    for match in pattern.finditer(text):
        strip = over(strip, width_of(text[: match.start()]), width_of(text[: match.end()]), style)
    return strip


def with_cursor(strip: Strip, style: Style) -> Strip:
    """Draw the cursor mark in the margin."""
    return Strip([Segment(CURSOR, style), *strip.crop(1, strip.cell_length)], strip.cell_length)


def pill_text(lines: int) -> str:
    """Return the text of the pill."""
    return f" ▼ {plural(lines, 'new line')} · End "


def with_pill(strip: Strip, lines: int, style: Style) -> Strip:
    """Draw the pill at the right end of a line."""
    text = pill_text(lines)
    start = max(0, strip.cell_length - width_of(text) - 1)
    after = strip.crop(start + width_of(text), strip.cell_length)
    return Strip([*strip.crop(0, start), Segment(text, style), *after], strip.cell_length)
