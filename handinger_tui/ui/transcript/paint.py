"""Rows become strips: wrapped, coloured by the theme, and filled to the width of the view."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from rich.segment import Segment
from rich.style import Style as RichStyle
from textual.content import Content
from textual.strip import Strip
from textual.style import Style
from textual.widget import Widget

from handinger_tui.ui.transcript.row import MEASURE, PREFIX, Row
from handinger_tui.ui.transcript.wrap import width_of, wrapped

MARGIN: Final = 2
"""Empty cells left of everything: the column of the cursor's mark."""
INSET: Final = 2
"""Cells between the edge of a band and its text."""
LEAST: Final = 6
"""Cells that text gets at least, however deep it is nested."""


class Palette:
    """The theme's colours by style name; made anew when the theme changes."""

    def __init__(self, widget: Widget) -> None:
        self._widget = widget
        self.base: Final = widget.visual_style
        self._known: dict[str, Style] = {}
        self._rows: dict[str, Style] = {}

    def style(self, style: str | Style) -> Style:
        """A span's style: a name of ours (".transcript--link") or a style already."""
        if isinstance(style, Style):
            return style
        known = self._known.get(style)
        if known is None:
            known = self._known[style] = self._named(style.removeprefix("."))
        return known

    def _named(self, name: str) -> Style:
        # Not get_visual_style(partial=True): that loses opaque backgrounds (Textual 8.2.8).
        rules = self._widget.get_component_styles(name)
        look = rules.text_style
        return Style(
            background=rules.background if rules.has_rule("background") else None,
            foreground=rules.color if rules.has_rule("color") else None,
            bold=look.bold,
            dim=look.dim,
            italic=look.italic,
            underline=look.underline,
            strike=look.strike,
            reverse=look.reverse,
        )

    def row(self, name: str) -> Style:
        """The style under a whole row."""
        found = self._rows.get(name)
        if found is None:
            found = self._rows[name] = self.base + self.style(PREFIX + name)
        return found


def height(row: Row, width: int) -> int:
    """How many strips `paint` makes."""
    return len(wrapped(row.content, _room(row, width), words=row.wrap))


def _room(row: Row, width: int) -> int:
    lead = max(width_of(row.first.plain), width_of(row.rest.plain))
    room = (width if row.wide or row.band else min(width, MEASURE + MARGIN)) - MARGIN - lead - 1
    return max(LEAST, room - (INSET if _inset(row) else 0))


def _inset(row: Row) -> bool:
    return row.band and row.style == "code"


def paint(row: Row, width: int, palette: Palette, tone: str | None = None) -> Iterator[Strip]:
    """The strips of one row, each `width` cells wide."""
    style = tone if tone is not None and row.style == "text" else row.style
    base = palette.row(style)
    ground = base if style == "prompt" else palette.base
    for at, line in enumerate(wrapped(row.content, _room(row, width), words=row.wrap)):
        margin = " " * MARGIN if style != "prompt" else ""
        segments = [Segment(margin, ground.rich_style)] if margin else []
        segments += _segments(row.rest if at else row.first, ground, palette)
        if _inset(row):
            segments.append(Segment(" " * INSET, base.rich_style))
        segments += _segments(line, base, palette)
        yield _filled(segments, width, (base if row.band else palette.base).rich_style)


def cells(row: Row, width: int, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Where `paint` puts characters `start` to `end` of a row's content: strip, first cell, cell after."""
    for _, number, left, right in all_cells(row, width, [(start, end)]):
        yield number, left, right


def all_cells(row: Row, width: int, spans: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int, int, int]]:
    """The same of many, in order and none within another; before each, its number in `spans`."""
    plain, at, of = row.content.plain, 0, 0
    for number, line in enumerate(wrapped(row.content, _room(row, width), words=row.wrap)):
        # Between two lines only blanks are dropped.
        at = plain.find(line.plain, at)
        stop = at + len(line.plain)
        lead = width_of((row.rest if number else row.first).plain) + (INSET if _inset(row) else 0)
        margin = (MARGIN if row.style != "prompt" else 0) + lead
        while of < len(spans) and spans[of][1] <= at:
            of += 1
        for found in range(of, len(spans)):
            first, last = max(spans[found][0], at), min(spans[found][1], stop)
            if spans[found][0] >= stop:
                break
            if first < last:
                left = margin + width_of(plain[at:first])
                yield found, number, left, left + width_of(plain[first:last])
        at = stop


def _segments(content: Content, base: Style, palette: Palette) -> list[Segment]:
    if not content.plain:
        return []
    if not content.spans:
        return [Segment(content.plain, base.rich_style)]
    return [
        Segment(text, style.rich_style)
        for text, style in content.render(base, end="", parse_style=palette.style)
        if text
    ]


def _filled(segments: list[Segment], width: int, fill: RichStyle) -> Strip:
    """Exactly `width` cells. Neighbours of one style become one: fewer bytes to the terminal."""
    used = sum(width_of(segment.text) for segment in segments)
    if used < width:
        segments.append(Segment(" " * (width - used), fill))
    strip = Strip(Segment.simplify(segments), max(used, width))
    return strip if used <= width else strip.crop(0, width)
