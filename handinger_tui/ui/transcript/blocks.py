"""Markdown as rows: inline text, tables, and the block tokens of a text.

Column widths depend only on the head and the first `SAMPLE` rows, so that the rows of a long table
never change while more of them arrive.

A row depends only on the source up to the end of its own block. An empty row separates two list
items exactly where the source has an empty line (CommonMark decides that for whole lists instead).
Therefore finished blocks never change while more text arrives.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, Final, Literal

from msgspec import Struct
from msgspec.structs import replace
from textual.content import Content, Span
from textual.style import Style

from handinger_tui.core.safety import Verdict, clean, judge_link
from handinger_tui.ui.transcript.code import code_rows, highlighted_lines, is_deferred, plain_lines
from handinger_tui.ui.transcript.painting import (
    BOLD,
    EMPTY,
    GAP,
    ITALIC,
    MEASURE,
    PREFIX,
    STRIKE,
    Row,
    indented,
    link_style,
    longest_unit,
    pieces,
    styled,
    width_of,
    wrapped,
)

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.rules_block import StateBlock
    from markdown_it.token import Token


PICTURE: Final = "▣"
_PLAIN: Final = re.compile(r"[\w ,;()%$+=\"'/-]*", re.ASCII)
"""Text that cannot contain Markdown (a URL needs a dot, a colon or an at sign)."""

_SOFT: Final = re.compile(r"(?<![ \\])\n[ \t]*")
"""A line end that equals a space; after a space or a backslash it may be a hard break."""

LIMIT: Final = 2_000
"""Maximum number of characters parsed at once: parsing is quadratic in the worst case (many open brackets).
"""

References = dict[str, Any]


@lru_cache(1)
def _parser() -> MarkdownIt:
    """Return the parser of Markdown. HTML is disabled and shown as text."""
    from markdown_it import MarkdownIt  # 20 ms: see `load_parser`

    parser = MarkdownIt("gfm-like", {"html": False})
    if parser.linkify is not None:
        # Otherwise every "setup.py" and "README.md" becomes a link: both end like a country domain.
        parser.linkify.set({"fuzzy_link": False})
    parser.block.ruler.at("table", _table, {"alt": ["paragraph", "reference"]})
    # The first text compiles the rules, and no other thread may see a part of them.
    parser.parse("x")
    return parser


def inline(text: str, references: References | None = None) -> Content:
    """Convert inline Markdown to content."""
    text = _SOFT.sub(" ", text)
    if len(text) > LIMIT:
        return EMPTY.join(inline(piece, references) for piece in pieces(text, LIMIT))
    if _PLAIN.fullmatch(text):
        return Content(text)
    if references:
        return _Writer().write(_parse(text, references))
    return _cached(text)


_MARKS: Final = re.compile(r"\\.|`+|\*{1,3}|~~", re.DOTALL)
_OPEN_LINK: Final = re.compile(r"\[([^\[\]]*)\]\([^()\s]*\Z")
LONGEST_SPAN: Final = 300
"""Characters after which a mark without its end counts as text."""


def with_ends(text: str) -> str:
    """Return a text that is still arriving with the ends of its open emphasis, code and link.

    A mark or an address that has only begun is omitted. Otherwise both would be shown as they are
    written until the end arrives. Underscores are not ended: they are more often a part of a name.
    """
    ended = _OPEN_LINK.sub(r"\1", text.rstrip())
    stack: list[tuple[str, int]] = []
    for match in _MARKS.finditer(ended):
        mark, start = match.group(), match.start()
        before, after = ended[start - 1 : start], ended[match.end() : match.end() + 1]
        if stack and stack[-1][0][0] == "`":
            if mark.removeprefix("\\") == stack[-1][0]:
                stack.pop()
        elif mark[0] == "\\":
            continue
        elif before.strip() and any(mark == one for one, _ in stack):
            while stack.pop()[0] != mark:
                pass
        elif not after and (stack or not before.isalnum()):
            # Its next character may make it another mark.
            ended = ended[:start].rstrip()
        elif mark[0] == "`" or (after.strip() and not before.isalnum()):
            stack.append((mark, start))
    if stack and len(ended) - stack[0][1] > LONGEST_SPAN:
        return text
    return ended + "".join(mark for mark, _ in reversed(stack)) if stack or ended != text.rstrip() else text


@lru_cache(512)
def _cached(text: str) -> Content:
    return _Writer().write(_parse(text, {}))


def _parse(text: str, references: References) -> list[Token]:
    # Not a copy: there may be thousands of references, and inline rules only read them.
    tokens = _parser().parseInline(text, {"references": references})
    return [child for token in tokens for child in token.children or ()]


class _Writer:
    """Builds content in one pass over inline tokens; opening and closing tokens delimit its spans."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.at = 0
        self.spans: list[Span] = []
        self.open: list[tuple[str, int, str]] = []

    def write(self, tokens: list[Token]) -> Content:
        for token in tokens:
            self._token(token)
        while self.open:
            self._close()
        return Content("".join(self.pieces), self.spans)

    def _text(self, text: str) -> None:
        # markdown-it decodes entities and percent escapes, so its output must be cleaned.
        text = clean(text).replace("\n", " ").replace("\t", " ")
        self.pieces.append(text)
        self.at += len(text)

    def _token(self, token: Token) -> None:
        if token.type == "text":
            self._text(token.content)
        elif token.type == "softbreak":
            self._text(" ")
        elif token.type == "hardbreak":
            self.pieces.append("\n")
            self.at += 1
        elif token.type == "code_inline":
            self._styled(token.content, "code-span")
        elif token.type == "image":
            self._image(token)
        elif token.nesting == 1:
            self.open.append((token.type, self.at, str(token.attrs.get("href", ""))))
        elif token.nesting == -1:
            self._close()
        else:
            self._text(token.content)

    def _styled(self, text: str, name: str, *more: Style) -> None:
        start = self.at
        self._text(text)
        self.spans.append(Span(start, self.at, "." + PREFIX + name))
        self.spans += [Span(start, self.at, style) for style in more]

    def _close(self) -> None:
        if not self.open:
            return
        kind, start, href = self.open.pop()
        if kind == "link_open":
            if self.at == start:
                self._text(href)
            self._mark_link(start, href, "".join(self.pieces)[start:])
            return
        style = {"strong_open": BOLD, "em_open": ITALIC, "s_open": STRIKE}.get(kind)
        if style is not None and self.at > start:
            self.spans.append(Span(start, self.at, style))

    def _mark_link(self, start: int, href: str, link_text: str) -> None:
        """Turn the text since `start` into a link. If the link needs attention, its host is appended."""
        self.spans.append(Span(start, self.at, "." + PREFIX + "link"))
        self.spans.append(Span(start, self.at, link_style(href, link_text)))
        link = judge_link(href, link_text)
        if link.verdict is Verdict.ASK and link.host and link.host not in link_text.lower():
            self._styled(f" ({link.host})", "faint")
        elif link.verdict is Verdict.ASK and link.host:
            self._styled(f" (leads to {link.host})", "faint")

    def _image(self, token: Token) -> None:
        """Write the alternative text after a picture sign. Images are never fetched."""
        source = str(token.attrs.get("src", ""))
        name = token.content or judge_link(source).host or "picture"
        start = self.at
        self._text(f"{PICTURE} {name}")
        if source:
            self._mark_link(start, source, name)
        else:
            self.spans.append(Span(start, self.at, "." + PREFIX + "link"))


SAMPLE: Final = 60
NARROWEST: Final = 4
"""Minimum width of a column in cells."""
UNBROKEN: Final = 12
"""Cells up to which words of the body are not broken either."""
BETWEEN: Final = styled(" │ ", "rule")
CONTINUED: Final = styled(" ┆ ", "rule")
"""Between the cells of a line that continues the row above."""

Align = Literal["left", "center", "right"]
Cells = Sequence[Content]


class TableLayout(Struct, frozen=True):
    """The layout of a table: its head, and the alignment and width of each column.

    `widths` is empty when the table is shown as records.
    """

    head: tuple[Content, ...]
    aligns: tuple[Align, ...]
    widths: tuple[int, ...]


class GridLine(Struct, frozen=True):
    """One row of a table; `at` is its line number in the source."""

    cells: list[Content]
    aligns: list[Align]
    at: int


def table_lines(block: list[Token], references: References, growing: Token | None = None) -> list[GridLine]:
    """Return the rows of a table, its head first. `growing`: the cell that may grow."""
    grid: list[GridLine] = []
    for token in block:
        if token.type == "tr_open":
            grid.append(GridLine([], [], token.map[0] if token.map else 0))
        elif token.type in ("th_open", "td_open"):
            style = str(token.attrs.get("style", ""))
            grid[-1].aligns.append(
                "right" if style.endswith("right") else "center" if style.endswith("center") else "left"
            )
        elif token.type == "inline":
            text = with_ends(token.content) if token is growing else token.content
            grid[-1].cells.append(inline(text, references))
    return grid


def table_layout_of(head: Cells, aligns: Sequence[Align], sample: Sequence[Cells], width: int) -> TableLayout:
    """Choose the column widths for a view of `width` cells.

    No word of the head and no short word of the sample is broken; without room for that the table becomes
    records.
    """
    room = width - 3 * (len(head) - 1)
    columns = [[row[at].plain for row in (head, *sample[:SAMPLE])] for at in range(len(head))]
    natural = [max(1, *(width_of(line) for cell in cells for line in cell.split("\n"))) for cells in columns]
    if sum(natural) <= room:
        return TableLayout(tuple(head), tuple(aligns), tuple(natural))
    least = [
        max(min(NARROWEST, most), longest_unit(cells[0]), min(UNBROKEN, max(map(longest_unit, cells))))
        for most, cells in zip(natural, columns, strict=True)
    ]
    widths = _fit_widths(natural, least, room) if sum(least) <= room else ()
    return TableLayout(tuple(head), tuple(aligns), tuple(widths))


def _fit_widths(natural: Sequence[int], least: Sequence[int], room: int) -> list[int]:
    """Shrink the widest columns until the sum fits, none below its least width."""
    widths = list(least)
    remaining = room - sum(widths)
    # Those with the smallest need first: the others get what they do not use.
    by_need = sorted(range(len(natural)), key=lambda at: natural[at] - least[at])
    for place, at in enumerate(by_need):
        extra = min(natural[at] - least[at], remaining // (len(natural) - place))
        widths[at] += extra
        remaining -= extra
    return widths


def head_rows(shape: TableLayout) -> list[Row]:
    """Return the head and the rule under it; nothing for records, which repeat the column names."""
    if not shape.widths:
        return []
    bold = [cell.stylize(BOLD) for cell in shape.head]
    rule = styled("─┼─".join("─" * width for width in shape.widths), "rule")
    return [
        *_grid_rows(shape, bold, style="table-head"),
        Row(rule, wrap=False, wide=True),
    ]


def body_rows(shape: TableLayout, cells: Cells, *, first: bool) -> list[Row]:
    """Return one row of the table. The `first` record has no empty line before it."""
    if shape.widths:
        return _grid_rows(shape, cells)
    rows = [] if first else [Row()]
    for name, cell in zip(shape.head, cells, strict=True):
        label = EMPTY.join((name.stylize(BOLD), Content(": "))) if name.plain else EMPTY
        rows.append(Row(cell, first=label, hanging=Content("  ")))
    return rows


def _grid_rows(shape: TableLayout, cells: Cells, style: str = "text") -> list[Row]:
    columns = [wrapped(cell, width) for cell, width in zip(cells, shape.widths, strict=True)]
    rows: list[Row] = []
    for line in zip_longest(*columns, fillvalue=EMPTY):
        padded = [_pad(*each) for each in zip(line, shape.widths, shape.aligns, strict=True)]
        content = (CONTINUED if rows else BETWEEN).join(padded)
        shared = Content(content.plain, _shared_spans(tuple(content.spans)), strip_control_codes=False)
        rows.append(Row(shared, style, wrap=False, wide=True))
    return rows


@lru_cache(maxsize=100)
def _shared_spans(spans: tuple[Span, ...]) -> list[Span]:
    """One list for all rows with these spans: most rows of a table have only those of their separators.

    Without it, a collection of old garbage takes twice as long after a table of 50,000 rows.
    """
    return list(spans)


def _pad(cell: Content, width: int, align: Align) -> Content:
    room = max(0, width - width_of(cell.plain))
    before = {"left": 0, "center": room // 2, "right": room}[align]
    return cell.pad(before, room - before) if room else cell


BULLETS: Final = ("•", "◦", "▪")
MAX_NESTING: Final = 20
"""markdown-it drops deeper levels; such a block is shown as its source text."""
_TASK: Final = re.compile(r"\[([ xX])\][ \t]+")
_LANGUAGE: Final = re.compile(r"[\w+#.-]{1,40}")
BAR: Final = styled("▎ ", "rule")
INSIDE: Final = "inside"
CODE: Final = ("fence", "code_block")
"""The tokens of code blocks."""


def _blocks(text: str, env: dict[str, Any]) -> list[Token]:
    """Parse clean text into blocks only: inline text is parsed in pieces, as parsing much of it is slow."""
    tokens: list[Token] = []
    _parser().block.parse(text, _parser(), env, tokens)
    return tokens


def _table(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Parse a table, except at the start of a text that continues a list.

    There "- a|b" is the next item of the list, not the head of a table.
    """
    from markdown_it.rules_block import table  # loaded with the parser

    inside = state.env.get(INSIDE) and start == 0 and state.level == 0
    return not inside and table(state, start, end, silent)


def parse(text: str, *, inside: bool = False) -> tuple[list[Token], References]:
    """Return the block tokens of a text and its link reference definitions.

    `inside` means that the text begins with an item of a list that began before it.
    """
    env: dict[str, object] = {INSIDE: inside}
    tokens = _blocks(text, env)
    references = env.get("references")
    return tokens, references if isinstance(references, dict) else {}


def tables_in(text: str) -> list[list[list[str]]]:
    """Return the tables of a complete text: their rows, head first, as the plain text of their cells."""
    tokens, references = parse(clean(text))
    tables: list[list[Token]] = []
    is_inside = False
    for token in tokens:
        if token.type == "table_open":
            is_inside = True
            tables.append([])
        if is_inside:
            tables[-1].append(token)
        is_inside = is_inside and token.type != "table_close"
    return [
        [[cell.plain for cell in line.cells] for line in table_lines(table, references)] for table in tables
    ]


def complete_code(text: str, shown: str) -> str:
    """The code block of a text that is shown as `shown`, where long lines are broken and huge blocks cut."""
    codes = [token.content.removesuffix("\n") for token in parse(clean(text))[0] if token.type in CODE]
    if shown in codes:
        return shown
    start = "".join(shown.split())
    return next((code for code in codes if "".join(code.split()).startswith(start)), shown)


def last_definition(text: str, before: int, *, inside: bool) -> int:
    """Return the last line before `before` at which a link reference definition begins, else -1."""
    env: dict[str, Any] = {INSIDE: inside}
    _blocks(text, env)
    definitions = [*env.get("references", {}).values(), *env.get("duplicate_refs", ())]
    return max((one["map"][0] for one in definitions if one["map"][0] < before), default=-1)


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
    growing: Token | None = field(init=False, default=None)
    """The inline text at the end of an open source."""

    def __post_init__(self) -> None:
        self.lines = self.source.split("\n")

    def units(self, tokens: list[Token], number: int | None = None) -> list[LayoutUnit]:
        """Return the units of a text. `number` continues the count of a list that began before it."""
        units: list[LayoutUnit] = []
        if self.open:
            self.growing = self._growing_text(tokens)
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

    def _growing_text(self, tokens: list[Token]) -> Token | None:
        """Return the text that may grow, None after an empty line or where something else is last.

        The cells that a row of a table does not have yet are empty.
        """
        last = next((token for token in reversed(tokens) if token.type == "inline" and token.content), None)
        if last is None or last.map is None or self.source.endswith("\n\n"):
            return None
        return last if last.map[1] >= len(self.source.rstrip("\n ").split("\n")) else None

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
            # Nested too deep: its source text.
            source = "\n".join(self.lines[unit.start : unit.end]).rstrip("\n")
            return [Row(Content(line.expandtabs(4))) for line in source.split("\n")]
        if unit.kind == "list_item_open":
            mark = BULLETS[0] + " " if unit.number is None else f"{unit.number}. "
            return self._item(unit.tokens, mark, self.width, 0)
        return self._block(unit.tokens, self.width, 0)

    def _block(self, block: list[Token], width: int, depth: int) -> list[Row]:
        opening = block[0]
        kind = opening.type
        if kind in CODE:
            return self._code(opening)
        if kind == "hr":
            return [Row(styled("─" * min(width, MEASURE), "rule"), wrap=False)]
        if kind == "table_open":
            return self._table(block, width)
        if kind == "blockquote_open":
            inner = self._children(block[1:-1], width - 2, depth)
            quoted = [replace(row, style="quote") if row.style == "text" else row for row in inner]
            return indented(quoted, BAR, BAR)
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
        source = "" if body is None else with_ends(body.content) if body is self.growing else body.content
        content = inline(source, self.references)
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
        grid = table_lines(block, self.references, self.growing)
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
