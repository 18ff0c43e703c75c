"""Incremental Markdown: the rows of the finished part are built once, only what follows it is rebuilt.

`LiveMarkdown` keeps the source from its last stable boundary on. A boundary is the start of a
top-level block, of an item of a top-level list, or of a row of a long table, as soon as that line
and the next are complete: later text cannot change anything before it. A complete text runs through
the same code, so that streamed rows and rows built at once are equal (tests fuzz this).

Hostile text stays cheap: long lines are broken, and long paragraphs and huge blocks are cut into
pieces that are laid out one by one.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from textual.content import Content

from handinger_tui.core.safety import clean_slice, cleanable_length
from handinger_tui.ui.transcript.blocks import (
    CODE,
    SAMPLE,
    LayoutUnit,
    RowBuilder,
    TableLayout,
    body_rows,
    code_name,
    head_rows,
    last_definition,
    parse,
    table_lines,
)
from handinger_tui.ui.transcript.code import code_head, code_row
from handinger_tui.ui.transcript.painting import GAP, Row, broken

if TYPE_CHECKING:
    from markdown_it.token import Token

    from handinger_tui.ui.transcript.blocks import References

PARAGRAPH: Final = 4_500
"""Characters after which a paragraph is cut: inline parsing is quadratic in the worst case."""
BLOCK: Final = 16_000
"""Characters after which any other block is cut, except code and tables."""
CODE_BLOCK: Final = 48_000
"""The same of a block with code in it: cut there, code would be taken for text, and later text for code."""
SLICE: Final = 16_000
"""Characters appended per parse, so that no parse takes long."""
ALL: Final = sys.maxsize
"""No limit of the characters that are laid out."""

TITLES: Final = ("paragraph_open", "heading_open")
"""Blocks of inline text; the title of a definition looks like one until its end arrives."""


@dataclass(slots=True)
class _Fence:
    """An open code block: its rows begin at `row`; source before offset `at` already has rows."""

    closing: re.Pattern[str]
    mark: str
    row: int
    at: int


@dataclass(slots=True)
class _Table:
    """A long table whose column widths are final. `head` holds the first two lines of its source."""

    shape: TableLayout
    head: str


class LiveMarkdown:
    """The rows of one growing Markdown text for a view of `width` cells; `update` sets the text."""

    def __init__(
        self, width: int, references: References | None = None, *, defer_highlight: bool = False
    ) -> None:
        """With `defer_highlight` long code blocks stay plain until `RowBuffer.set_highlighted`."""
        self.width = width
        self._defer_highlight = defer_highlight
        self._references = references or {}
        self._reset()

    def _reset(self) -> None:
        self.rows: list[Row] = []
        self.definitions: References = {}
        """Those of the finished part, and at the end of the text all of them."""
        self.consumed = 0
        """How many characters the last `update` laid out."""
        self._waiting = ""
        """Clean text that is not laid out yet."""
        self._parsed_definitions: References = {}
        """Those in the last source that was parsed."""
        self._source = ""
        """The text that was set last."""
        self._pending = ""
        """The source after the boundary."""
        self._stable = 0
        """How many rows stand before the boundary."""
        # How the pending source begins: after an empty row, with this number of a list, inside a list.
        self._gap = False
        self._number: int | None = None
        self._inside = False
        self._fence: _Fence | None = None
        self._table: _Table | None = None

    @property
    def complete(self) -> bool:
        """Whether all of the text that was set is in the rows."""
        return not self._waiting

    def update(self, text: str, *, done: bool, most: int = ALL) -> int:
        """Set the text so far, from its beginning; `done` means that it is complete.

        No more characters than `most` are laid out; further calls lay out the others.
        Returns how many of the first rows are unchanged.
        """
        if not text.startswith(self._source):
            self._reset()
        unchanged = self._stable
        end = len(text) if done else max(cleanable_length(text), len(self._source))
        waiting = self._waiting + clean_slice(text, len(self._source), end)
        self._source = text[:end]
        fresh, self._waiting = waiting[:most], waiting[most:]
        self.consumed = len(fresh)
        if self._waiting and not fresh:
            return len(self.rows)
        is_end = done and self.complete
        for start in range(0, max(1, len(fresh)), SLICE):
            del self.rows[self._stable :]
            self._append(fresh[start : start + SLICE])
            unchanged = min(unchanged, self._advance(done=is_end and start + SLICE >= len(fresh)))
        if is_end:
            self._define(None)
        return unchanged

    def with_references(self) -> LiveMarkdown:
        """Return a new one for the same text that knows its definitions, which may be at its end."""
        return LiveMarkdown(self.width, self.definitions, defer_highlight=self._defer_highlight)

    def _define(self, line: int | None) -> None:
        """Keep the definitions before a line of the last source, None: all. The first of a name counts."""
        for name, definition in self._parsed_definitions.items():
            if line is None or definition["map"][0] < line:
                self.definitions.setdefault(name, definition)

    def _append(self, fresh: str) -> None:
        start = self._pending.rfind("\n") + 1
        self._pending = self._pending[:start] + broken(self._pending[start:] + fresh)

    def _advance(self, *, done: bool) -> int:
        """Advance the boundary as far as possible and rebuild the rows after it.

        Returns the first changed row.
        """
        first = self._stable
        again = True
        while again:
            if self._fence is not None:
                if not done and not self._grow_fence(self._fence):
                    break
                self._stable = first = min(first, self._fence.row)
                del self.rows[self._stable :]
                self._fence = None
            if self._table is not None and not self._grow_table(self._table, done=done):
                break
            builder, tokens = self._parse(self._pending, open_=not done, inside=self._inside)
            safe = len(builder.lines) - (0 if done else 2)
            again = self._settle(builder, builder.units(tokens, self._number), safe, done=done)
        return first

    def _parse(
        self, source: str, *, open_: bool = False, inside: bool = False
    ) -> tuple[RowBuilder, list[Token]]:
        tokens, self._parsed_definitions = parse(source, inside=inside)
        return RowBuilder(source, self.width, self._references, open_, self._defer_highlight), tokens

    def _settle(self, builder: RowBuilder, units: list[LayoutUnit], safe: int, *, done: bool) -> bool:
        """Finalize the rows of stable units and rebuild the others. Returns True if more must be parsed."""
        first_open = 0
        closing = None if done else self._last_definition(builder, units, safe)
        for at, unit in enumerate(units):
            if _is_oversize(builder, unit, safe):
                if at:
                    self._cut(builder, unit.start)
                else:
                    self._keep_piece(builder, unit)
                return True
            following = units[at + 1] if at + 1 < len(units) else None
            end = following.start if following is not None else closing
            if end is None or end >= safe or _may_become_definition(builder, unit, safe):
                first_open = at
                break
            self._keep(builder.unit_rows(unit))
            self._next(following, gap=True)
        else:
            if closing is not None:
                self._cut(builder, closing)
            return False
        unit = units[first_open]
        before = units[first_open - 1].end if first_open else 0
        self._cut(builder, unit.start if done else self._start_with_definition(unit, before))
        if not done and first_open == len(units) - 1:
            if unit.kind == "fence" and not builder.closed(unit.tokens[0]) and "\n" in self._pending:
                self._open_fence(unit.tokens[0])
                return True
            if unit.kind == "table_open" and self._open_table(builder, unit, safe):
                return True
        self.rows += builder.rows(units[first_open:], gap=self._gap and bool(self.rows))
        return False

    def _start_with_definition(self, unit: LayoutUnit, before: int) -> int:
        """The first line of a unit that may turn out to be the title of the definition right before it.

        That is the line of the definition then. `before`: the end of the unit before it.
        """
        definitions = self._parsed_definitions.values() if unit.kind in TITLES else ()
        maps = (definition["map"] for definition in definitions)
        return next((start for start, end in maps if end == unit.start and start >= before), unit.start)

    def _last_definition(self, builder: RowBuilder, units: list[LayoutUnit], safe: int) -> int | None:
        """The line of the last stable definition of a long text, if only definitions follow its last unit.

        One that another follows is complete, and so is the unit before them. They have no rows, and may
        be thousands: parsed again with each new piece of the text, they would take quadratic time.
        """
        end = units[-1].end if units else 0
        if len(self._pending) <= PARAGRAPH or not any(line.strip() for line in builder.lines[end:safe]):
            return None
        line = last_definition(self._pending, safe, inside=self._inside)
        return line if line >= end else None

    def _next(self, unit: LayoutUnit | None = None, *, gap: bool = False) -> None:
        """Record how the pending text begins: with `unit`, or with a new block."""
        self._gap = unit.gap if unit is not None else gap
        self._number = unit.number if unit is not None else None
        self._inside = unit is not None and unit.inside

    def _keep(self, rows: list[Row]) -> None:
        if rows and self._gap and self.rows:
            self.rows.append(GAP)
        self.rows += rows
        self._stable = len(self.rows)

    def _cut(self, builder: RowBuilder, line: int) -> None:
        """Drop the pending source before line `line`."""
        if line:
            self._define(line)
            self._pending = "\n".join(builder.lines[line:])

    def _keep_piece(self, builder: RowBuilder, unit: LayoutUnit) -> None:
        """Lay out the first lines of a huge block as a separate text."""
        end, size, limit = unit.start, 0, _size_limit(unit)
        while end == unit.start or size + len(builder.lines[end]) < limit:
            size += len(builder.lines[end]) + 1
            end += 1
        self._define(unit.start)
        piece = "\n".join(builder.lines[unit.start : end]) + "\n"
        inner, tokens = self._parse(piece, inside=self._inside)
        self._keep(inner.rows(inner.units(tokens, unit.number)))
        self._next()
        self._define(None)
        self._cut(builder, end)

    # -- code blocks that are open ------------------------------------------------------
    def _open_fence(self, token: Token) -> None:
        mark = token.markup[0]
        row = self._stable
        self._keep([code_head(code_name(token.info))])
        closing = re.compile(rf" {{0,3}}{re.escape(mark)}{{{len(token.markup)},}}[ \t]*\Z")
        self._fence = _Fence(closing, mark, row, self._pending.index("\n") + 1)

    def _grow_fence(self, fence: _Fence) -> bool:
        """Append the new lines without highlighting. Returns True when the closing line has arrived."""
        text = self._pending
        while (end := text.find("\n", fence.at)) >= 0:
            line = text[fence.at : end]
            if fence.closing.match(line):
                return True
            self.rows.append(code_row(Content(line.expandtabs(4))))
            fence.at = end + 1
        self._stable = len(self.rows)
        last = text[fence.at :]
        if last.strip(" " + fence.mark):
            self.rows.append(code_row(Content(last.expandtabs(4))))
        return False

    # -- long tables -----------------------------------------------------------------------
    def _open_table(self, builder: RowBuilder, unit: LayoutUnit, safe: int) -> bool:
        """Start adding rows one by one, if the table is longer than the sample that decides its columns."""
        grid = table_lines(unit.tokens, self._references)
        if sum(line.at < safe for line in grid[1:]) <= SAMPLE:
            return False
        shape = builder.shape(grid, self.width)
        rows = head_rows(shape)
        for count, line in enumerate(grid[1 : SAMPLE + 1]):
            rows += body_rows(shape, line.cells, first=count == 0)
        self._keep(rows)
        head = grid[0].at
        self._table = _Table(shape, "\n".join(builder.lines[head : head + 2]) + "\n")
        self._cut(builder, grid[SAMPLE].at + 1)
        return True

    def _grow_table(self, table: _Table, *, done: bool) -> bool:
        """Append the new rows. Returns True when the table has ended; the text after it stays pending."""
        builder, tokens = self._parse(table.head + self._pending, open_=not done)
        units = builder.units(tokens)
        safe = len(builder.lines) - (0 if done else 2)
        # After an empty line nothing can belong to the table, though what follows may be no unit.
        ended = done or (len(units) > 1 and units[1].start < safe) or units[0].end < safe
        pending = 2
        for line in table_lines(units[0].tokens, self._references, builder.growing)[1:]:
            self.rows += body_rows(table.shape, line.cells, first=False)
            if ended or line.at < safe:
                self._stable, pending = len(self.rows), line.at + 1
        if ended:
            following = len(builder.lines) if done else units[0].end
            pending = units[1].start if len(units) > 1 else following
            self._table = None
            self._next(gap=True)
        else:
            self.rows += builder.rows(units[1:], gap=True)
        self._define(pending)
        self._pending = "\n".join(builder.lines[pending:])
        return ended


def _may_become_definition(builder: RowBuilder, unit: LayoutUnit, safe: int) -> bool:
    """Whether a heading may turn out to be a link reference definition, whose title has not ended yet.

    A line of "=" does not end such a title; only an empty line does, or the quotation mark.
    """
    return any(
        token.type == "heading_open"
        and token.markup == "="
        and token.map is not None
        and builder.lines[token.map[0]].lstrip(" >-+*0123456789.)").startswith("[")
        and all(line.strip() for line in builder.lines[token.map[1] : safe])
        for token in unit.tokens
    )


def _size_limit(unit: LayoutUnit) -> int:
    if unit.kind in TITLES:
        return PARAGRAPH
    return CODE_BLOCK if any(token.type in CODE for token in unit.tokens) else BLOCK


def _is_oversize(builder: RowBuilder, unit: LayoutUnit, safe: int) -> bool:
    if unit.kind in ("table_open", "fence"):
        return False
    lines = builder.lines[unit.start : min(unit.end, safe)]
    return len(lines) > 1 and sum(len(line) + 1 for line in lines) > _size_limit(unit)


def render(text: str, width: int) -> list[Row]:
    """Return the rows of a complete text."""
    live = LiveMarkdown(width)
    live.update(text, done=True)
    if live.definitions:
        live = live.with_references()
        live.update(text, done=True)
    return live.rows


def load_parser() -> None:
    """Import the Markdown parser, which takes 50 ms and 2.5 MB, before the first answer needs it."""
    render("*warm* https://example.com\n\n| a |\n|---|\n| b |\n", 80)
