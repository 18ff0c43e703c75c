"""Rows and their painting: wrapped by cells, colored by the theme, drawn over, kept with their positions.

Styles are names here (".transcript--quote"); the theme assigns colors when a row is painted.
The text of a row is already clean (`core.safety`).

`ControlFilter` removes control characters from everything that is painted.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from functools import cache, lru_cache
from itertools import takewhile
from typing import TYPE_CHECKING, Final, NamedTuple

from msgspec import Struct
from msgspec.structs import replace
from rich.cells import cell_len, chop_cells
from rich.segment import Segment
from rich.style import Style as RichStyle
from textual.color import Color
from textual.content import Content, Span
from textual.filter import LineFilter
from textual.strip import Strip
from textual.style import Style
from textual.widget import Widget

from handinger_tui.core.formatting import JOINT, plural
from handinger_tui.core.safety import ALWAYS_REMOVED, STRAY_JOINER

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence


EMPTY: Final = Content("")
INDENT: Final = Content("  ")
PREFIX: Final = "transcript--"
MEASURE: Final = 104
"""Maximum line length of prose in cells, whatever the screen width: longer lines are hard to read."""
SHOWN: Final = 2000
"""Maximum number of characters kept of a link text, which is compared with the address."""

STYLE_NAMES: Final = (
    "text", "faint", "accent", "prompt", "prompt-mark", "heading", "subheading", "code-span", "link",
    "quote", "bullet", "rule", "table-head", "code", "code-name", "code-key", "code-string", "code-number",
    "code-comment", "code-function", "tool", "good", "busy", "bad", "error", "error-title", "receipt",
    "cursor", "match", "match-here", "pill",
)  # fmt: skip
COMPONENTS: Final = {PREFIX + name for name in STYLE_NAMES}

BOLD: Final = Style(bold=True)
NOT_BOLD: Final = Style(bold=False)
ITALIC: Final = Style(italic=True)
STRIKE: Final = Style(strike=True)


class Row(Struct, frozen=True, gc=False):
    """One logical line.

    `first` precedes its first screen line, `hanging` each further one. `style` is the style name of
    the row; with `band` its background fills the width. `wrap` False breaks at any character
    (code) instead of at words. `code` is set on the first row of a code block: the text of the
    block, for copying, and its number of rows.
    """

    content: Content = EMPTY
    style: str = "text"
    first: Content = EMPTY
    hanging: Content = EMPTY
    wrap: bool = True
    band: bool = False
    wide: bool = False
    """Whether the row may use the full width instead of the measure of prose."""
    numbered: bool = False
    """Whether `first` is the number of the line, which is not copied."""
    code: tuple[str, int] | None = None
    deferred_language: str = ""
    """The language of a code block that is not highlighted yet, "" otherwise; it is not shown itself."""

    def is_same(self, other: Row) -> bool:
        """Whether both are painted alike. `==` does not compare the styles in their contents."""
        return (
            self == other
            and self.content.is_same(other.content)
            and self.first.is_same(other.first)
            and self.hanging.is_same(other.hanging)
        )


GAP: Final = Row()


def styled(text: str, name: str | None = None, *more: Style) -> Content:
    """Return clean text in a named style, with further styles on top."""
    spans = [Span(0, len(text), "." + PREFIX + name)] if name else []
    return Content(text, [*spans, *(Span(0, len(text), style) for style in more)])


def link_style(href: str, shown: str = "") -> Style:
    """Return the style of a link: a click posts the unchecked `href` and the link text `shown`.

    The tuple form of `@click` is never parsed, so `href` may contain anything. A terminal hyperlink
    (OSC 8) is not used: it would open without a check (see `painting.ControlFilter`).
    """
    return Style.from_meta({"@click": ("link", (href, shown[:SHOWN]))})


def indented(rows: Iterable[Row], first: Content, hanging: Content) -> list[Row]:
    """Put `first` before the first row and `hanging` before each further row."""
    return [
        replace(row, first=(hanging if at else first) + row.first, hanging=hanging + row.hanging)
        for at, row in enumerate(rows)
    ]


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
    if style is not None and style.link is not None:
        return True
    return not text.isprintable() and bool(ALWAYS_REMOVED.search(text) or STRAY_JOINER.search(text))


def _clean_segment(segment: Segment) -> Segment:
    text, style, control = segment
    if control:
        return segment
    # Stray joiners have no cell of their own: they were counted as part of an emoji that is now cut.
    text = STRAY_JOINER.sub("", _SPACES.sub(" ", text))
    # The line keeps its width.
    text = ALWAYS_REMOVED.sub(lambda match: " " * cell_len(match[0]), text)
    if style is not None and style.link is not None:
        style = style.update_link(None)
    return Segment(text, style)


_WIDE: Final = (
    "\u1100-\u115f\u2e80-\u3000\u3003-\u3007\u3012\u3013\u301c-\ua4cf\uac00-\ud7a3\uf900-\ufaff"
    "\ufe30-\ufe4f\uff02-\uff08\uff0a\uff0b\uff0d\uff0f-\uff19\uff1c-\uff1e\uff20-\uff3b\U00020000-\U0003fffd"
)
_CLOSING: Final = "\u3001\u3002\u3009\u300b\u300d\u300f\u3011\uff01\uff09\uff0c\uff0e\uff1a\uff1b\uff1f\uff3d"


@cache
def _unit(joint: str = "") -> re.Pattern[str]:
    """A unit that is not divided if it fits a line: a word, or a wide character with closing punctuation.

    `joint`: a blank that does not end a word. Compiled when first needed, since that takes 3 ms.
    """
    word = f"[^\\s{_WIDE}]+"
    words = f"{word}({joint}{word})*" if joint else word
    return re.compile(f"[{_WIDE}][{_CLOSING}]*[ \t]*|{words}[ \t]*|\\s+")


def _units(text: str, width: int) -> Iterator[re.Match[str]]:
    """The units of a text; a number is one with its unit of measure, if both fit a line."""
    for unit in _unit(JOINT).finditer(text):
        if unit.lastindex and width_of(unit[0].rstrip()) > width:
            yield from _unit().finditer(text, *unit.span())
        else:
            yield unit


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
    for unit in _units(text, width):
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
TABLE_LINE: Final = 30_000
"""The same of a row of a table: what is broken off becomes another row, in the wrong columns."""
_LEAD: Final = re.compile(r"[ \t>]{0,80}")
"""What keeps a line in its list item or quote."""


def broken(text: str) -> str:
    """Break lines that are longer than `LINE`, at a space if there is one."""
    if len(text) <= LINE or all(len(line) <= LINE for line in text.split("\n")):
        return text
    return "\n".join(map(_broken_line, text.split("\n")))


def _broken_line(line: str) -> str:
    # As if the text grew: what is broken off is a line of its own, which begins with the lead.
    parts: list[str] = []
    start, lead = 0, ""
    while True:
        text = lead + line[start : start + TABLE_LINE + 1]
        start -= len(lead)
        match = _LEAD.match(text)
        lead = match[0] if match is not None else ""
        limit = TABLE_LINE if text[len(lead) : len(lead) + 1] == "|" else LINE
        if len(text) <= limit:
            return "\n".join([*parts, text])
        end = _cut(text, 0, limit)
        parts.append(text[:end])
        start += end


def pieces(text: str, limit: int) -> list[str]:
    """Split text into pieces of at most `limit` characters, before a word if possible.

    A cut is never placed before a character that would begin a list or a heading.
    The position of a cut depends only on the text before it.
    """
    parts = []
    start = 0
    while len(text) - start > limit:
        end = _cut(text, start, limit)
        parts.append(text[start:end])
        start = end
    return [*parts, text[start:]]


def _cut(text: str, start: int, limit: int) -> int:
    """The end of the piece that begins at `start`."""
    for end in range(start + limit, start + limit // 2, -1):
        if text[end - 1] == " " and text[end].isalpha():
            return end
    return start + limit


MARGIN: Final = 2
"""Empty cells at the left edge; the cursor mark is drawn there."""
INSET: Final = 2
"""Cells between the edge of a band and its text."""
WRAP_MARK: Final = "↳ "
"""Fills the inset where a line of code is continued."""
NO_TEXT: Final = "no-text"
"""Meta key of the last segment before the text of a line, up to which nothing is copied. Its value: the
characters between the text of the line above and that of this line, which continues it; None at the first.
"""
ASIDE: Final = "aside"
"""Meta key of a text that is shown beside another one, and not copied with it."""
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


@lru_cache(64)
def _joint(text: str | None) -> RichStyle:
    """The style of the last segment before the text of a line, see `NO_TEXT`."""
    return RichStyle(meta={NO_TEXT: text})


def _paint_room(row: Row, width: int) -> int:
    lead = max(width_of(row.first.plain), width_of(row.hanging.plain))
    room = (width if row.wide or row.band else min(width, MEASURE + MARGIN)) - MARGIN - lead - 1
    return max(LEAST, room - (INSET if _inset(row) else 0))


def _inset(row: Row) -> bool:
    return row.band and row.style == "code"


def paint(row: Row, width: int, palette: Palette, tone: str | None) -> Iterator[Strip]:
    """Yield the strips of one row, each `width` cells wide. `tone` replaces the style "text"."""
    style = tone if tone is not None and row.style == "text" else row.style
    base, plain = palette.row(style), palette.base
    ground = base if style == "prompt" else plain
    text, end = row.content.plain, 0
    for at, line in enumerate(wrapped(row.content, _paint_room(row, width), words=row.wrap)):
        start = text.find(line.plain, end)
        margin = " " * MARGIN if style != "prompt" else ""
        segments = [Segment(margin, ground.rich_style)] if margin else []
        segments += _segments(row.hanging if at else row.first, ground, palette)
        if _inset(row):
            mark_style = (base + palette.style(PREFIX + "code-name")).rich_style
            segments.append(Segment(WRAP_MARK if at else " " * INSET, mark_style))
        if segments and (at or row.numbered or _inset(row)):
            lead, look, _ = segments[-1]
            joint = _joint(text[end:start] if at else None)
            segments[-1] = Segment(lead, joint if look is None else look + joint)
        segments += _segments(line, base, palette)
        # Blanks at the end of a line look like those that fill the width.
        end = start + len(line.plain.rstrip())
        yield _to_width(segments, width, (base if row.band else plain).rich_style)


def cells(row: Row, width: int, spans: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int, int, int]]:
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


CURSOR: Final = "▌"


def over(strip: Strip, start: int, end: int, style: RichStyle) -> Strip:
    """Apply `style` to the cells from `start` to `end`."""
    if end <= start:
        return strip
    segments: list[Segment] = []
    at = 0
    for text, own, control in strip:
        # Not with `Strip.crop`, which tears joined emoji: their pieces would take more cells.
        first, last = _characters(text, start - at), _characters(text, end - at)
        marked = own + style if own else style
        pieces_of = ((text[:first], own), (text[first:last], marked), (text[last:], own))
        segments += [Segment(piece, look, control) for piece, look in pieces_of if piece]
        at += width_of(text)
    return Strip(segments, strip.cell_length)


def graphemes(text: str) -> list[str]:
    """Split a text into what is drawn as one: a letter with its accents, a joined emoji."""
    return [piece for piece in (text if text.isascii() else chop_cells(text, 1)) if piece]


def _characters(text: str, count: int) -> int:
    """The number of characters in the first `count` cells, with all of the last grapheme."""
    if text.isascii():
        return max(0, min(count, len(text)))
    characters = 0
    for grapheme in graphemes(text):
        if count <= 0:
            break
        count -= width_of(grapheme)
        characters += len(grapheme)
    return characters


def with_matches(strip: Strip, pattern: re.Pattern[str], style: RichStyle) -> Strip:
    """Highlight every match in a line."""
    text = strip.text
    for match in pattern.finditer(text):
        strip = over(strip, width_of(text[: match.start()]), width_of(text[: match.end()]), style)
    return strip


def with_cursor(strip: Strip, style: RichStyle) -> Strip:
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


def with_pill(strip: Strip, lines: int, style: RichStyle) -> Strip:
    """Draw the pill at the right end of a line."""
    at = pill_cells(lines, strip.cell_length)
    before, after = strip.crop(0, at.start), strip.crop(at.stop, strip.cell_length)
    return Strip([*before, Segment(pill_text(lines), style), *after], strip.cell_length)


MAX_CACHED_ROWS: Final = 400
"""Number of rows whose strips are cached: a few screens. Each takes 5 kB, as a strip has seven caches."""


class StripCache:
    """The painted strips of the most recently used rows."""

    def __init__(self, palette: Palette, width: int) -> None:
        self.palette: Final = palette
        self.width = width
        self.painted = 0
        """Number of rows painted so far; tests use it to measure the cost of a change."""
        self._cached: OrderedDict[int, tuple[Row, list[Strip]]] = OrderedDict()

    def __len__(self) -> int:
        """Return the number of rows whose strips are cached."""
        return len(self._cached)

    def reset(self, width: int) -> None:
        """Drop all strips and styles: the width or the theme changed."""
        self.width = width
        self.palette.reset()
        self._cached.clear()

    def strips(self, row: Row, tone: str | None) -> list[Strip]:
        """Return the strips of a row, painted on first use. `tone` replaces the style of plain text rows."""
        # The row is cached with its strips: while it is alive, no other row can have its id.
        cached = self._cached.get(id(row))
        if cached is not None:
            self._cached.move_to_end(id(row))
            return cached[1]
        strips = list(paint(row, self.width, self.palette, tone))
        self.painted += 1
        self._cached[id(row)] = (row, strips)
        if len(self._cached) > MAX_CACHED_ROWS:
            self._cached.popitem(last=False)
        return strips


class CodeBlock(NamedTuple):
    """A code block in a row buffer: its first screen row, the row after its last, and its text."""

    start: int
    end: int
    text: str


class RowBuffer:
    """Consecutive rows with their screen positions, in a view of `width` cells."""

    def __init__(self, width: int, tone: str | None = None) -> None:
        self.rows: list[Row] = []
        self.height = 0
        self.tone: Final = tone
        self._width = width
        self._starts: list[int] = []
        self._heads: list[int] = []
        """The positions of the first rows of the code blocks: a painted line must not look for them."""

    @property
    def deferred(self) -> list[Row]:
        """The first rows of the code blocks that are not highlighted yet."""
        return [self.rows[at] for at in self._heads if self.rows[at].deferred_language]

    def replace(self, keep: int, fresh: Sequence[Row]) -> int:
        """Keep the first `keep` rows and append `fresh`. Returns the first changed screen row.

        Rows that `fresh` repeats are kept, too, with their strips: a block that grows is built again each
        time.
        """
        pairs = zip(self.rows[keep:], fresh, strict=False)
        repeated = sum(1 for _ in takewhile(lambda pair: pair[0].is_same(pair[1]), pairs))
        keep, fresh = keep + repeated, fresh[repeated:]
        if keep < len(self.rows):
            self.height = self._starts[keep]
            del self.rows[keep:], self._starts[keep:], self._heads[bisect_left(self._heads, keep) :]
        changed = self.height
        for row in fresh:
            if row.code is not None:
                self._heads.append(len(self.rows))
            self.rows.append(row)
            self._starts.append(self.height)
            self.height += len(wrapped(row.content, _paint_room(row, self._width), words=row.wrap))
        return changed

    def set_highlighted(self, head: Row, lines: Sequence[Content]) -> None:
        """Replace the plain lines of a code block, given its first row. Heights do not change."""
        at = next((at for at in self._heads if self.rows[at] is head), None)
        if at is None:
            # The rows were rebuilt while the lines were highlighted in a thread.
            return
        self.rows[at] = replace(head, deferred_language="")
        for number, line in enumerate(lines, at + 1):
            self.rows[number] = replace(self.rows[number], content=line)

    def strip(self, y: int, strip_cache: StripCache) -> Strip:
        """Return the strip at screen row `y`."""
        at = self.row_at(y)
        strips = strip_cache.strips(self.rows[at], self.tone)
        return strips[min(y - self._starts[at], len(strips) - 1)]

    def row_at(self, y: int) -> int:
        """Return the index of the row that covers screen row `y`."""
        return max(0, bisect_right(self._starts, y) - 1)

    def start_of(self, row: int) -> int:
        """Return the screen row at which row `row` begins."""
        return self._starts[row] if row < len(self._starts) else self.height

    def codes(self) -> list[CodeBlock]:
        """Return the code blocks, in order."""
        return [
            CodeBlock(self._starts[at], self.start_of(at + code[1]), code[0])
            for at in self._heads
            if (code := self.rows[at].code) is not None
        ]
