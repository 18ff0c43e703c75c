"""Code blocks: coloured once they are complete, plain while they grow or when they are huge."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate
from typing import Final

from textual.content import Content, Span

from handinger_tui.ui.transcript.row import PREFIX, Row, styled

MAX_COLOURED: Final = 40_000
"""Characters above which a block stays plain: colouring more would hold up the screen (0.1 s)."""
MAX_LINE: Final = 2_000
"""A longer line is data, not code, and can make a lexer slow."""

_COLOURS: Final = {
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


def plain_lines(text: str) -> list[Content]:
    """Lines of code without colours."""
    return [Content(line.expandtabs(4)) for line in text.split("\n")]


def coloured_lines(text: str, language: str) -> Sequence[Content]:
    """Lines of code, coloured where the language is known and the block is not huge."""
    if not language or len(text) > MAX_COLOURED or max(map(len, text.split("\n"))) > MAX_LINE:
        return plain_lines(text)
    return _coloured(text.expandtabs(4), language)


@lru_cache(64)
def _coloured(text: str, language: str) -> Sequence[Content]:
    # 30 ms for the lexer library and 15-30 ms for a language's first lexer.
    from textual.highlight import HighlightTheme, highlight  # noqa: PLC0415  # as said above

    class Colours(HighlightTheme):
        """Style names instead of colours, so that the theme decides."""

        STYLES = {token: "." + PREFIX + name for token, name in _COLOURS.items()}  # noqa: RUF012  # as the base

    spans = highlight(text, language=language, theme=Colours).spans
    lines = text.split("\n")
    starts = list(accumulate((len(line) + 1 for line in lines), initial=0))
    found: list[list[Span]] = [[] for _ in lines]
    for span in spans:
        if span.style == "$text":
            continue
        for number in range(bisect_right(starts, span.start) - 1, len(lines)):
            if starts[number] >= span.end:
                break
            start, end = span.start - starts[number], span.end - starts[number]
            found[number].append(Span(max(0, start), min(len(lines[number]), end), span.style))
    return [Content(line, marks) for line, marks in zip(lines, found, strict=True)]


def code_rows(text: str, name: str, lines: Sequence[Content]) -> list[Row]:
    """A code block: a line that names the language, then the code, on a band of its own."""
    return [code_head(name, (text, len(lines) + 1)), *map(code_row, lines)]


def code_head(name: str, code: tuple[str, int] | None = None) -> Row:
    """The line that names the language."""
    return Row(styled(name or "text", "code-name"), "code", band=True, wide=True, code=code)


def code_row(line: Content) -> Row:
    """One line of a code block."""
    return Row(line, "code", wrap=False, band=True, wide=True)
