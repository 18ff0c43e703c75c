"""Painting: rows become strips, wrapped by cells and colored by the theme.

`ControlFilter` removes control characters from everything that is painted.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Final

from rich.cells import cell_len, chop_cells
from rich.segment import Segment
from rich.style import Style as RichStyle
from textual.color import Color
from textual.content import Content
from textual.filter import LineFilter
from textual.strip import Strip
from textual.style import Style
from textual.widget import Widget

from handinger_tui.core.safety import ALWAYS_REMOVED, STRAY_JOINER
from handinger_tui.ui.transcript.row import MEASURE, PREFIX, Row

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_SPACES: Final = re.compile("[\t\n]")


class ControlFilter(LineFilter):
    """Removes control characters and terminal hyperlinks from painted lines.

    `App.get_line_filters` must always return the same object: strips cache its results.
    """

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """Return the segments, or cleaned copies. Control segments of Textual pass unchanged."""
        if not any(_needs_cleaning(segment) for segment in segments):
            return segments
        return [_clean_segment(segment) for segment in segments]


def _needs_cleaning(segment: Segment) -> bool:
    text, style, control = segment
    if control:
        return False
    linked = style is not None and style.link is not None
    return linked or (
        not text.isprintable() and bool(ALWAYS_REMOVED.search(text) or STRAY_JOINER.search(text))
    )


def _clean_segment(segment: Segment) -> Segment:
    text, style, control = segment
    if control:
        return segment
    # Stray joiners have no cell of their own: they were counted as part of an emoji that is now cut.
    text = ALWAYS_REMOVED.sub(_blanks, STRAY_JOINER.sub("", _SPACES.sub(" ", text)))
    if style is not None and style.link is not None:
        style = style.update_link(None)
    return Segment(text, style)


def _blanks(match: re.Match[str]) -> str:
    """Return blanks for the cells of a removed character, so that the line keeps its width."""
    return " " * cell_len(match[0])


_WIDE: Final = (
    "\u1100-\u115f\u2e80-\u3000\u3003-\u3007\u3012\u3013\u301c-\ua4cf\uac00-\ud7a3\uf900-\ufaff"
    "\ufe30-\ufe4f\uff02-\uff08\uff0a\uff0b\uff0d\uff0f-\uff19\uff1c-\uff1e\uff20-\uff3b\U00020000-\U0003fffd"
)
_CLOSING: Final = "\u3001\u3002\u3009\u300b\u300d\u300f\u3011\uff01\uff09\uff0c\uff0e\uff1a\uff1b\uff1f\uff3d"


@cache
def _unit() -> re.Pattern[str]:
    """A unit that is not divided if it fits a line: a word, or a wide character with closing punctuation.

    Compiled when first needed, since that takes 3 ms.
    """
    return re.compile(f"[{_WIDE}][{_CLOSING}]*[ \t]*|[^\\s{_WIDE}]+[ \t]*|\\s+")


def width_of(text: str) -> int:
    """Return the number of cells that `text` takes."""
    return len(text) if text.isascii() else int(cell_len(text))


def longest_unit(text: str) -> int:
    """Return the cells of the widest unit of a text that wrapping does not divide."""
    if text.isascii():
        return max(map(len, text.split()), default=0)
    return max((width_of(unit.rstrip()) for unit in _unit().findall(text)), default=0)


def wrapped(content: Content, width: int, *, words: bool = True) -> list[Content]:
    """Wrap content into lines of at most `width` cells; line feeds in it end a line.

    With `words` False it breaks at any character.
    """
    plain = content.plain
    if "\n" in plain:
        lines = content.split("\n", allow_blank=True)
        return [piece for line in lines for piece in wrapped(line, width, words=words)]
    if len(plain) * 2 <= width or width_of(plain) <= width:
        return [content]
    cuts = list(_word_cuts(plain, width) if words else _fold_cuts(plain, width, 0))
    lines = content.divide(cuts)
    return [line.rstrip() for line in lines] if words else list(lines)


def _word_cuts(text: str, width: int) -> Iterator[int]:
    used = 0
    for unit in _unit().finditer(text):
        word = unit.group()
        size = width_of(word)
        if used + width_of(word.rstrip()) <= width:
            used += size
            continue
        if used and unit.start():
            yield unit.start()
        used = size
        if width_of(word.rstrip()) > width:
            cuts = list(_fold_cuts(word, width, unit.start()))
            yield from cuts
            used = width_of(text[cuts[-1] : unit.end()]) if cuts else size


def _fold_cuts(text: str, width: int, start: int) -> Iterator[int]:
    if text.isascii():
        yield from range(start + width, start + len(text), width)
        return
    for piece in chop_cells(text, width)[:-1]:
        start += len(piece)
        yield start


LINE: Final = 3_000
"""Maximum length of a source line in characters; longer lines are broken."""


def broken(text: str) -> str:
    """Break lines that are longer than `LINE`, at a space if there is one."""
    if len(text) <= LINE or all(len(line) <= LINE for line in text.split("\n")):
        return text
    return "\n".join(piece for line in text.split("\n") for piece in pieces(line, LINE))


def pieces(text: str, limit: int) -> list[str]:
    """Split text into pieces of at most `limit` characters, before a word if possible.

    A cut is never placed before a character that would begin a list or a heading.
    The position of a cut depends only on the text before it.
    """
    parts = []
    start = 0
    while len(text) - start > limit:
        end = start + limit
        while end > start + limit // 2 and not (text[end - 1] == " " and text[end].isalpha()):
            end -= 1
        if end == start + limit // 2:
            end = start + limit
        parts.append(text[start:end])
        start = end
    return [*parts, text[start:]]


MARGIN: Final = 2
"""Empty cells at the left edge; the cursor mark is drawn there."""
INSET: Final = 2
"""Cells between the edge of a band and its text."""
WRAP_MARK: Final = "↳ "
"""Fills the inset where a line of code is continued."""
NO_TEXT: Final = "no-text"
"""Meta key of segments that are never copied. Its value: whether the line continues the one above."""
_INSETS: Final = tuple(RichStyle(meta={NO_TEXT: is_continued}) for is_continued in (False, True))
LEAST: Final = 6
"""Minimum width of text in cells, however deep it is nested."""


class Palette:
    """The styles of the current theme by style name. `reset` it when the theme changes."""

    def __init__(self, widget: Widget) -> None:
        self._widget = widget
        self._resolved: dict[str, Style] = {}
        self._rows: dict[str, Style] = {}

    def reset(self) -> None:
        """Read all styles again."""
        self._resolved.clear()
        self._rows.clear()

    @property
    def base(self) -> Style:
        """The style of the widget itself."""
        base = self._rows.get("")
        if base is None:
            base = self._rows[""] = self._widget.visual_style
        return base

    def style(self, style: str | Style) -> Style:
        """Resolve the style of a span: a style name (".transcript--link") or a `Style`."""
        if isinstance(style, Style):
            return style
        resolved = self._resolved.get(style)
        if resolved is None:
            resolved = self._resolved[style] = self._resolve_name(style.removeprefix("."))
        return resolved

    def _resolve_name(self, name: str) -> Style:
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
        """Return the base style of a row with this style name."""
        resolved = self._rows.get(name)
        if resolved is None:
            resolved = self._rows[name] = self.base + self.style(PREFIX + name)
        return resolved


def row_height(row: Row, width: int) -> int:
    """Return how many strips `paint` creates for a row."""
    return len(wrapped(row.content, _paint_room(row, width), words=row.wrap))


def _paint_room(row: Row, width: int) -> int:
    lead = max(width_of(row.first.plain), width_of(row.hanging.plain))
    room = (width if row.wide or row.band else min(width, MEASURE + MARGIN)) - MARGIN - lead - 1
    return max(LEAST, room - (INSET if _inset(row) else 0))


def _inset(row: Row) -> bool:
    return row.band and row.style == "code"


def paint(row: Row, width: int, palette: Palette, tone: str | None = None) -> Iterator[Strip]:
    """Yield the strips of one row, each `width` cells wide. `tone` replaces the style "text"."""
    style = tone if tone is not None and row.style == "text" else row.style
    base, plain = palette.row(style), palette.base
    ground = base if style == "prompt" else plain
    for at, line in enumerate(wrapped(row.content, _paint_room(row, width), words=row.wrap)):
        margin = " " * MARGIN if style != "prompt" else ""
        segments = [Segment(margin, ground.rich_style)] if margin else []
        segments += _segments(row.hanging if at else row.first, ground, palette)
        if _inset(row):
            mark_style = (base + palette.style(PREFIX + "code-name")).rich_style
            segments.append(Segment(WRAP_MARK if at else " " * INSET, mark_style + _INSETS[at > 0]))
        segments += _segments(line, base, palette)
        yield _to_width(segments, width, (base if row.band else plain).rich_style)


def cells(row: Row, width: int, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield where `paint` draws characters `start` to `end` of a row's content.

    Each item holds the number of the strip, the first cell and the cell after the last.
    """
    for _, number, left, right in all_cells(row, width, [(start, end)]):
        yield number, left, right


def all_cells(row: Row, width: int, spans: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int, int, int]]:
    """Yield where `paint` draws several spans, which must be sorted and must not overlap.

    Each item holds the index in `spans`, the number of the strip, the first cell and the cell after the last.
    """
    plain, at, first_open = row.content.plain, 0, 0
    for number, line in enumerate(wrapped(row.content, _paint_room(row, width), words=row.wrap)):
        # Wrapping drops only blanks between two lines.
        at = plain.find(line.plain, at)
        stop = at + len(line.plain)
        lead = width_of((row.hanging if number else row.first).plain) + (INSET if _inset(row) else 0)
        margin = (MARGIN if row.style != "prompt" else 0) + lead
        while first_open < len(spans) and spans[first_open][1] <= at:
            first_open += 1
        for index in range(first_open, len(spans)):
            first, last = max(spans[index][0], at), min(spans[index][1], stop)
            if spans[index][0] >= stop:
                break
            if first < last:
                left = margin + width_of(plain[at:first])
                yield index, number, left, left + width_of(plain[first:last])
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


def _to_width(segments: list[Segment], width: int, fill: RichStyle) -> Strip:
    """Return a strip of exactly `width` cells. Neighboring segments of one style are merged to save bytes."""
    used = sum(width_of(segment.text) for segment in segments)
    if used < width:
        segments.append(Segment(" " * (width - used), fill))
    strip = Strip(Segment.simplify(segments), max(used, width))
    return strip if used <= width else strip.crop(0, width)
