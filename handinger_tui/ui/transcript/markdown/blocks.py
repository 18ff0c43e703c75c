"""Markdown blocks: turn the block tokens of a text into rows.

A row depends only on the source up to the end of its own block. An empty row separates two list
items exactly where the source has an empty line (CommonMark decides that for whole lists instead).
Therefore finished blocks never change while more text arrives.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from msgspec import Struct
from msgspec.structs import replace
from textual.content import Content

from handinger_tui.ui.transcript.markdown.code import code_rows, highlighted_lines, is_deferred, plain_lines
from handinger_tui.ui.transcript.markdown.inline import References, inline, new_parser
from handinger_tui.ui.transcript.markdown.tables import (
    SAMPLE,
    GridLine,
    TableLayout,
    body_rows,
    head_rows,
    table_layout_of,
    table_lines,
)
from handinger_tui.ui.transcript.row import GAP, MEASURE, Row, indented, styled

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.rules_block import StateBlock
    from markdown_it.token import Token

BULLETS: Final = ("•", "◦", "▪")
MAX_NESTING: Final = 20
"""markdown-it drops deeper levels; such a block is shown as its source text."""
_TASK: Final = re.compile(r"\[([ xX])\][ \t]+")
_LANGUAGE: Final = re.compile(r"[\w+#.-]{1,40}")
BAR: Final = styled("▎ ", "rule")
INSIDE: Final = "inside"


@lru_cache(1)
def _parser() -> MarkdownIt:
    """Return a parser for blocks only: inline text is parsed in pieces, as parsing much of it is slow."""
    parser = new_parser()
    parser.core.ruler.disable(["inline", "linkify", "replacements", "smartquotes", "text_join"])
    parser.block.ruler.at("table", _table, {"alt": ["paragraph", "reference"]})
    return parser


def _table(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Parse a table, except at the start of a text that continues a list.

    There "- a|b" is the next item of the list, not the head of a table.
    """
    from markdown_it.rules_block import table  # noqa: PLC0415  # loaded with the parser

    inside = state.env.get(INSIDE) and start == 0 and state.level == 0
    return not inside and table(state, start, end, silent)


def parse(text: str, *, inside: bool = False) -> tuple[list[Token], References]:
    """Return the block tokens of a text and its link reference definitions.

    `inside` means that the text begins with an item of a list that began before it.
    """
    env: dict[str, object] = {INSIDE: inside}
    tokens = _parser().parse(text, env)
    references = env.get("references")
    return tokens, references if isinstance(references, dict) else {}


class LayoutUnit(Struct, frozen=True):
    """A unit of layout: a top-level block, or one item of a top-level list.

    `start` is its first line, `end` the line after its last text. `number` is the number of an item
    of an ordered list. With `gap` an empty row precedes the unit. `inside` marks an item that is not
    the first of its list.
    """

    kind: str
    start: int
    end: int
    tokens: list[Token]
    gap: bool = True
    number: int | None = None
    inside: bool = False


@dataclass(slots=True)
class RowBuilder:
    """Builds the rows of one piece of source for a view of `width` cells.

    `open` means that more text may follow: a code block without an end is then not highlighted
    yet. With `defer_highlight` a long code block stays plain; the widget that shows it highlights it.
    """

    source: str
    width: int
    references: References = field(default_factory=dict)
    open: bool = False
    defer_highlight: bool = False
    lines: list[str] = field(init=False)

    def __post_init__(self) -> None:
        self.lines = self.source.split("\n")

    def units(self, tokens: list[Token], number: int | None = None) -> list[LayoutUnit]:
        """Return the units of a text. `number` continues the count of a list that began before it."""
        units: list[LayoutUnit] = []
        for block in siblings(tokens):
            if block[0].type not in ("bullet_list_open", "ordered_list_open"):
                units.append(self._unit(block))
                continue
            ordered = block[0].type == "ordered_list_open"
            first = (
                number if number is not None and not units else int(block[1].info or 1) if ordered else None
            )
            for count, item in enumerate(siblings(block[1:-1])):
                gap = self._blank_before(item[0]) if count else True
                unit = self._unit(item, gap=gap, number=None if first is None else first + count)
                units.append(replace(unit, inside=count > 0))
        return units

    def _unit(self, block: list[Token], *, gap: bool = True, number: int | None = None) -> LayoutUnit:
        start, end = block[0].map or (0, len(self.lines))
        while end > start + 1 and not self.lines[end - 1].strip():
            end -= 1
        return LayoutUnit(block[0].type, start, end, block, gap, number)

    def rows(self, units: list[LayoutUnit], *, gap: bool = False) -> list[Row]:
        """Return the rows of several units. `gap` puts an empty row before the first one, too."""
        rows: list[Row] = []
        for unit in units:
            fresh = self.unit_rows(unit)
            if fresh and (unit.gap if rows else gap):
                rows.append(GAP)
            rows += fresh
        return rows

    def unit_rows(self, unit: LayoutUnit) -> list[Row]:
        """Return the rows of one unit."""
        if max(token.level for token in unit.tokens) >= MAX_NESTING - 1:
            return text_rows("\n".join(self.lines[unit.start : unit.end]))
        if unit.kind == "list_item_open":
            mark = BULLETS[0] + " " if unit.number is None else f"{unit.number}. "
            return self._item(unit.tokens, mark, self.width, 0)
        return self._block(unit.tokens, self.width, 0)

    def _block(self, block: list[Token], width: int, depth: int) -> list[Row]:
        opening = block[0]
        kind = opening.type
        if kind in ("fence", "code_block"):
            return self._code(opening)
        if kind == "hr":
            return [Row(styled("─" * min(width, MEASURE), "rule"), wrap=False)]
        if kind == "table_open":
            return self._table(block, width)
        if kind == "blockquote_open":
            inner = self._children(block[1:-1], width - 2, depth)
            return indented([_as_quote(row) for row in inner], BAR, BAR)
        if kind in ("bullet_list_open", "ordered_list_open"):
            return self._list(block, width, depth)
        return self._text(block)

    def _children(self, tokens: list[Token], width: int, depth: int) -> list[Row]:
        rows: list[Row] = []
        for block in siblings(tokens):
            fresh = self._block(block, width, depth)
            if rows and fresh and self._blank_before(block[0]):
                rows.append(GAP)
            rows += fresh
        return rows

    def _text(self, block: list[Token]) -> list[Row]:
        """Return the row of a paragraph or a heading."""
        opening, body = block[0], next((token for token in block if token.type == "inline"), None)
        content = inline(body.content, self.references) if body is not None else Content("")
        if opening.type != "heading_open":
            return [Row(content)]
        style = "heading" if opening.tag in ("h1", "h2") else "subheading"
        return [Row(content, style)]

    def _code(self, token: Token) -> list[Row]:
        text = token.content.removesuffix("\n")
        name = code_name(token.info)
        growing = self.open and token.type == "fence" and not self.closed(token)
        if growing:
            return code_rows(text, name, plain_lines(text))
        language = name.lower()
        if self.defer_highlight and is_deferred(text, language):
            return code_rows(text, name, plain_lines(text), language)
        return code_rows(text, name, highlighted_lines(text, language))

    def closed(self, fence: Token) -> bool:
        """Whether the code block has its closing line."""
        start, end = fence.map or (0, 0)
        mark = re.escape(fence.markup[:1])
        last = self.lines[end - 1] if end - start >= 2 and end <= len(self.lines) else ""
        return re.search(rf"{mark}{{{len(fence.markup)},}}[ \t]*$", last) is not None

    def _list(self, block: list[Token], width: int, depth: int) -> list[Row]:
        ordered = block[0].type == "ordered_list_open"
        number = int(block[1].info or 1) if ordered else 0
        rows: list[Row] = []
        for count, item in enumerate(siblings(block[1:-1])):
            mark = f"{number + count}. " if ordered else BULLETS[depth % 3] + " "
            if rows and self._blank_before(item[0]):
                rows.append(GAP)
            rows += self._item(item, mark, width, depth)
        return rows

    def _item(self, item: list[Token], mark: str, width: int, depth: int) -> list[Row]:
        inner = item[1:-1]
        body = next((token for token in inner[:2] if token.type == "inline"), None)
        task = _TASK.match(body.content) if body is not None else None
        name = "bullet"
        if task is not None and body is not None:
            mark, name = ("☑ ", "good") if task.group(1) in "xX" else ("☐ ", "bullet")
            body.content = body.content[task.end() :]
        rows = self._children(inner, width - len(mark), depth + 1) or [Row()]
        return indented(rows, styled(mark, name), Content(" " * len(mark)))

    def _table(self, block: list[Token], width: int) -> list[Row]:
        grid = table_lines(block, self.references)
        shape = self.shape(grid, width)
        rows = head_rows(shape)
        for count, line in enumerate(grid[1:]):
            rows += body_rows(shape, line.cells, first=count == 0)
        return rows

    def shape(self, grid: list[GridLine], width: int) -> TableLayout:
        """Return the column layout of a table."""
        return table_layout_of(
            grid[0].cells, grid[0].aligns, [line.cells for line in grid[1 : SAMPLE + 1]], width
        )

    def _blank_before(self, token: Token) -> bool:
        start = token.map[0] if token.map else 0
        return start > 0 and not self.lines[start - 1].strip(" \t>")


def code_name(info: str) -> str:
    """Return the language of a code block, "" if it names none."""
    word = _LANGUAGE.match(info.strip())
    return word.group() if word else ""


def text_rows(text: str) -> list[Row]:
    """Return source text unformatted, for blocks that are nested too deep."""
    return [Row(Content(line.expandtabs(4))) for line in text.rstrip("\n").split("\n")]


def _as_quote(row: Row) -> Row:
    if row.style != "text":
        return row
    return replace(row, style="quote")


def siblings(tokens: list[Token]) -> Iterator[list[Token]]:
    """Group tokens into blocks, each from an opening token to its closing one."""
    block: list[Token] = []
    depth = 0
    for token in tokens:
        block.append(token)
        depth += token.nesting
        if depth == 0:
            yield block
            block = []
    if block:
        yield block
