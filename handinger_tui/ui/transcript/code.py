"""Code blocks: highlighted once complete, plain while they are streamed or when they are huge."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

from textual.content import Content, Span

from handinger_tui.ui.transcript.painting import PREFIX, Row, styled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.highlight import HighlightTheme

MAX_HIGHLIGHTED: Final = 40_000
"""Characters above which a block stays plain: highlighting takes 0.1 s for this many."""
AT_ONCE: Final = 6_000
"""Characters (10 ms) above which a block of an answer is highlighted in a thread after it is shown."""
MAX_CACHED_BLOCKS: Final = 64
"""Maximum number of blocks whose highlighted lines are cached."""
MAX_LINE: Final = 2_000
"""Maximum line length in characters. A longer line is data, not code, and can make a lexer slow."""

_STYLES: Final = {
    ("Keyword",): "code-key",
    ("Operator", "Word"): "code-key",
    ("Name", "Tag"): "code-key",
    ("Name", "Builtin"): "code-function",
    ("Name", "Function"): "code-function",
    ("Name", "Class"): "code-function",
    ("Name", "Decorator"): "code-function",
    ("Name", "Attribute"): "code-function",
    ("Literal", "String"): "code-string",
    ("Literal", "Number"): "code-number",
    ("Comment",): "code-comment",
    ("Generic", "Deleted"): "bad",
    ("Generic", "Inserted"): "good",
    ("Generic", "Heading"): "code-key",
    ("Generic", "Subheading"): "code-key",
}
_loaded_languages: Final[set[str]] = set()
"""The languages whose lexers are loaded: the first use of a lexer imports its module."""
_highlighted: Final[dict[tuple[str, str], Sequence[Content]]] = {}
"""The highlighted lines of the newest blocks, by text and language."""


def highlighted_lines(text: str, language: str) -> Sequence[Content]:
    """Return the lines of code, highlighted if a language is named and the block is not huge.

    Any thread may call this.
    """
    if not _can_highlight(text, language):
        return plain_lines(text)
    lines = _highlighted.get((text, language))
    if lines is None:
        lines = _highlighted[text, language] = _highlight(text.expandtabs(4), language)
        _loaded_languages.add(language)
        for oldest in list(_highlighted)[:-MAX_CACHED_BLOCKS]:
            _highlighted.pop(oldest, None)
    return lines


def plain_lines(text: str) -> list[Content]:
    """Return the lines of code without highlighting."""
    return [Content(line.expandtabs(4)) for line in text.split("\n")]


def _can_highlight(text: str, language: str) -> bool:
    return bool(language) and len(text) <= MAX_HIGHLIGHTED and max(map(len, text.split("\n"))) <= MAX_LINE


def is_deferred(text: str, language: str) -> bool:
    """Whether an answer shows the block plain first: it is long, or its lexer is not loaded yet."""
    slow = len(text) > AT_ONCE or language not in _loaded_languages
    return slow and (text, language) not in _highlighted and _can_highlight(text, language)


def _highlight(text: str, language: str) -> Sequence[Content]:
    from textual.highlight import highlight  # Pygments, 8 ms and more for each language

    # Textual adds a span over the complete text, which is no style of ours.
    spans = [
        Span(span.start, min(span.end, len(text)), span.style)
        for span in highlight(text, language=language, theme=_theme()).spans
        if span.style != "$text"
    ]
    return Content(text, spans).split("\n", allow_blank=True)


@cache
def _theme() -> type[HighlightTheme]:
    from textual.highlight import HighlightTheme  # as in `_highlight`

    class Theme(HighlightTheme):
        STYLES = {kind: f".{PREFIX}{name}" for kind, name in _STYLES.items()}  # noqa: RUF012 - as in the base

    return Theme


def code_rows(text: str, name: str, lines: Sequence[Content], deferred_language: str = "") -> list[Row]:
    """Return the rows of a code block: a line with the language, then the code, on a background band."""
    return [code_head(name, (text, len(lines) + 1), deferred_language), *map(code_row, lines)]


def code_head(name: str, code: tuple[str, int] | None = None, deferred_language: str = "") -> Row:
    """Return the first row of a code block, which names the language."""
    return Row(
        styled(name or "text", "code-name"),
        "code",
        band=True,
        wide=True,
        code=code,
        deferred_language=deferred_language,
    )


def code_row(line: Content) -> Row:
    """Return the row of one line of a code block."""
    return Row(line, "code", wrap=False, band=True, wide=True)
