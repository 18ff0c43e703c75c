"""Rows of texts, code and Markdown, in the transcript's own form: functions of the width, for a thread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from textual.content import Content

from handinger_tui.ui.transcript.layout import RowBuffer
from handinger_tui.ui.transcript.markdown.code import coloured_lines
from handinger_tui.ui.transcript.markdown.document import render
from handinger_tui.ui.transcript.rows.row import Row, styled

_GUTTER: Final = 2


@dataclass(frozen=True, slots=True)
class RowsFor:
    """Lines that are the same at any width, or Markdown, which is not. `source`: to be copied."""

    lines: tuple[Row, ...]
    source: str
    markdown: bool = False

    def sheet(self, width: int) -> RowBuffer:
        """Everything laid out for `width` cells: takes long, needs no widget."""
        sheet = RowBuffer(width)
        sheet.replace(0, render(self.source, width - _GUTTER) if self.markdown else list(self.lines))
        return sheet


def plain_rows(lines: Sequence[str], digits: int | None = None) -> RowsFor:
    """Clean lines, with their numbers; `digits` 0 leaves the numbers out."""
    contents = [Content(line.expandtabs(4)) for line in lines]
    return RowsFor(tuple(_numbered(contents, digits)), "\n".join(lines))


def words(text: str) -> RowsFor:
    """A sentence of ours, instead of what cannot be shown."""
    return RowsFor((Row(), Row(Content(text))), text)


def code_rows_of(lines: Sequence[str], language: str) -> RowsFor:
    """Clean lines of code, coloured as in the transcript."""
    text = "\n".join(lines)
    return RowsFor(tuple(_numbered(coloured_lines(text, language), None)), text)


def markdown_rows(text: str) -> RowsFor:
    """A Markdown text, clean already."""
    return RowsFor((), text, markdown=True)


def _numbered(contents: Sequence[Content], digits: int | None) -> list[Row]:
    width = len(f"{len(contents)}") if digits is None else digits
    if not width:
        return [Row(content, wrap=False, wide=True) for content in contents]
    rest = Content(" " * (width + 2))
    return [
        Row(content, first=styled(f"{at:>{width}}  ", "faint"), rest=rest, wrap=False, wide=True)
        for at, content in enumerate(contents, 1)
    ]
