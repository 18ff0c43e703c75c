"""Overlays drawn over finished strips: selection, matches, the cursor and the "new lines" pill."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from rich.segment import Segment
from rich.style import Style
from textual.selection import Selection
from textual.strip import Strip
from textual.widget import Widget

from handinger_tui.core.formatting import plural
from handinger_tui.ui.transcript.painting import MARGIN, NO_TEXT, width_of

CURSOR: Final = "▌"
MAX_LEAD: Final = 80
"""Characters of quote bars and indents among which the inset of code is looked for."""


def over(strip: Strip, start: int, end: int, style: Style) -> Strip:
    """Apply `style` to the cells from `start` to `end`."""
    if end <= start:
        return strip
    middle = [
        Segment(text, (own + style) if own else style, control)
        for text, own, control in strip.crop(start, end)
    ]
    return Strip([*strip.crop(0, start), *middle, *strip.crop(end, strip.cell_length)], strip.cell_length)


def with_selection(strip: Strip, y: int, widget: Widget) -> Strip:
    """Highlight what is selected of row `y` of a widget, except its margin."""
    selection = widget.text_selection
    span = selection.get_span(y) if selection is not None else None
    if span is None:
        return strip
    # Only the background: the foreground is transparent, which terminals do not support.
    ground = widget.screen.get_component_rich_style("screen--selection").bgcolor
    text = strip.text
    start, end = max(span[0], MARGIN), len(text.rstrip()) if span[1] == -1 else span[1]
    return over(strip, width_of(text[:start]), width_of(text[:end]), Style(bgcolor=ground))


def selected_text(selection: Selection, height: int, line: Callable[[int], Strip]) -> str:
    """Return the selected text of `height` rows as shown on the screen, without margins and wrap marks.

    A line of code that was wrapped is one line again.
    """
    first = selection.start.y if selection.start else 0
    last = min(selection.end.y if selection.end else height - 1, height - 1)
    lines: list[str] = []
    for y in range(first, last + 1):
        strip = line(y)
        margin, is_continued = _margin_of(strip)
        start, end = selection.get_span(y) or (0, 0)
        # Blanks at the end of a piece of code belong to the line that is continued.
        text = strip.text.rstrip()[max(start, margin) : None if end == -1 else end]
        if is_continued and lines:
            lines[-1] += text
        else:
            lines.append(text)
    return "\n".join(lines)


def _margin_of(strip: Strip) -> tuple[int, bool]:
    """The characters before the text of a line, and whether it continues the line above."""
    at = 0
    for text, style, _ in strip:
        at += len(text)
        if style is not None and NO_TEXT in style.meta:
            return at, bool(style.meta[NO_TEXT])
        if at > MAX_LEAD:
            break
    return MARGIN, False


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


def pill_cells(lines: int, width: int) -> range:
    """Return the cells of the pill in a line of `width` cells."""
    length = width_of(pill_text(lines))
    start = max(0, width - length - 1)
    return range(start, start + length)


def with_pill(strip: Strip, lines: int, style: Style) -> Strip:
    """Draw the pill at the right end of a line."""
    at = pill_cells(lines, strip.cell_length)
    before, after = strip.crop(0, at.start), strip.crop(at.stop, strip.cell_length)
    return Strip([*before, Segment(pill_text(lines), style), *after], strip.cell_length)
