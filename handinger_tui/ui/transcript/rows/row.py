"""Row: a line of the transcript before it is wrapped, and the names of its styles.

Styles are names here (".transcript--quote"); the theme gives them colours when
a row is painted. Text in a row is clean already (core/safety.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from textual.content import Content, Span
from textual.style import Style

from handinger_tui.core.record import dataclass

EMPTY: Final = Content("")
INDENT: Final = Content("  ")
PREFIX: Final = "transcript--"
MEASURE: Final = 104
"""Cells after which prose wraps, however wide the screen: longer lines are hard to read."""
SHOWN: Final = 2000
"""Characters of a link's text that are kept, to be compared with its address."""

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


@dataclass(frozen=True, slots=True)
class Row:
    """One logical line.

    `first` stands before its first screen line, `rest` before the others.
    `style` is the style name of the whole row; with `band` its background
    fills the width. `wrap` False folds at any character (code) instead of at
    words. `code` is set on the first row of a code block: the block's own text,
    to be copied, and how many rows it has.
    """

    content: Content = EMPTY
    style: str = "text"
    first: Content = EMPTY
    rest: Content = EMPTY
    wrap: bool = True
    band: bool = False
    wide: bool = False
    """May use the whole width, not only the measure of prose."""
    code: tuple[str, int] | None = None
    later: str = ""
    """The language in which this code block is still to be coloured; not seen itself."""

    def look(self) -> tuple[object, ...]:
        """Everything that can be seen, comparable (`Content` itself compares its text only)."""
        pieces = (self.first, self.content, self.rest)
        seen = tuple((piece.plain, tuple(piece.spans)) for piece in pieces)
        return (*seen, self.style, self.wrap, self.band, self.wide, self.code)


GAP: Final = Row()


def styled(text: str, name: str | None = None, *more: Style) -> Content:
    """Clean text in a named style."""
    spans = [Span(0, len(text), "." + PREFIX + name)] if name else []
    return Content(text, [*spans, *(Span(0, len(text), style) for style in more)])


def named(start: int, end: int, name: str) -> Span:
    """A span in a named style."""
    return Span(start, end, "." + PREFIX + name)


def joined(pieces: Iterable[Content]) -> Content:
    """Contents one after another."""
    return EMPTY.join(pieces)


def link_style(href: str, shown: str = "") -> Style:
    """What makes text a link: a click posts `href` as it came, and the text `shown` that it hides behind.

    The tuple form of `@click` is never parsed, whatever stands in `href`. No
    link of the terminal's own (OSC 8): nobody would judge it (guard.py).
    """
    return Style.from_meta({"@click": ("link", (href, shown[:SHOWN]))})


def indented(rows: Iterable[Row], first: Content, rest: Content) -> list[Row]:
    """Put `first` before the first row and `rest` before all others."""
    moved: list[Row] = []
    for row in rows:
        lead = rest if moved else first
        moved.append(
            Row(
                row.content,
                row.style,
                lead + row.first,
                rest + row.rest,
                wrap=row.wrap,
                band=row.band,
                wide=row.wide,
                code=row.code,
                later=row.later,
            )
        )
    return moved
