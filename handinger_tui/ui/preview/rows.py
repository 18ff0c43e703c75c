"""Rows of text, code and Markdown for previews, in the form of the transcript. They are built in a thread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from textual.content import Content

from handinger_tui.ui.transcript.layout import RowBuffer
from handinger_tui.ui.transcript.markdown.code import highlighted_lines
from handinger_tui.ui.transcript.markdown.document import render
from handinger_tui.ui.transcript.rows.row import Row, styled

_GUTTER: Final = 2


@dataclass(frozen=True, slots=True)
class TextBody:
    """The body of a text view: fixed rows, or Markdown, whose rows depend on the width.

    `source` is the text for copying.
    """

    lines: tuple[Row, ...]
    source: str
    markdown: bool = False

    def lay_out(self, width: int) -> RowBuffer:
        """Lay out everything for `width` cells. It may take long and needs no widget."""
        buffer = RowBuffer(width)
        buffer.replace(0, render(self.source, width - _GUTTER) if self.markdown else list(self.lines))
        return buffer


def plain_rows(lines: Sequence[str], digits: int | None = None) -> TextBody:
    """Return clean lines with line numbers; `digits` 0 omits the numbers."""
    contents = [Content(line.expandtabs(4)) for line in lines]
    return TextBody(tuple(_numbered(contents, digits)), "\n".join(lines))


def message_rows(text: str) -> TextBody:
    """Return a message of the program, in place of something that cannot be shown."""
    return TextBody((Row(), Row(Content(text))), text)


def code_rows_of(lines: Sequence[str], language: str) -> TextBody:
    """Return clean lines of code, highlighted as in the transcript."""
    text = "\n".join(lines)
    return TextBody(tuple(_numbered(highlighted_lines(text, language), None)), text)


def markdown_rows(text: str) -> TextBody:
    """Return a clean Markdown text."""
    return TextBody((), text, markdown=True)


def _numbered(contents: Sequence[Content], digits: int | None) -> list[Row]:
    width = len(f"{len(contents)}") if digits is None else digits
    if not width:
        return [Row(content, wrap=False, wide=True) for content in contents]
    rest = Content(" " * (width + 2))
    return [
        Row(content, first=styled(f"{at:>{width}}  ", "faint"), rest=rest, wrap=False, wide=True)
        for at, content in enumerate(contents, 1)
    ]
