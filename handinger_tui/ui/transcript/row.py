"""A row of the transcript before wrapping, and the names of its styles.

Styles are names here (".transcript--quote"); the theme assigns colors when a row is painted.
The text of a row is already clean (`core.safety`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct
from msgspec.structs import replace
from textual.content import Content, Span
from textual.style import Style

if TYPE_CHECKING:
    from collections.abc import Iterable

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


class Row(Struct, frozen=True):
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
    code: tuple[str, int] | None = None
    deferred_language: str = ""
    """The language of a code block that is not highlighted yet, "" otherwise; it is not shown itself."""


GAP: Final = Row()


def styled(text: str, name: str | None = None, *more: Style) -> Content:
    """Return clean text in a named style, with further styles on top."""
    spans = [Span(0, len(text), "." + PREFIX + name)] if name else []
    return Content(text, [*spans, *(Span(0, len(text), style) for style in more)])


def joined(pieces: Iterable[Content]) -> Content:
    """Concatenate contents."""
    return EMPTY.join(pieces)


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
