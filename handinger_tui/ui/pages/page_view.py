"""What a preview shows: text, code or Markdown in rows with a search, and pictures in half blocks.

A thread lays out the rows; only those in sight are drawn.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby, islice
from typing import ClassVar, Final, NamedTuple

from msgspec import Struct
from rich.color import Color as RichColor
from rich.segment import Segment
from rich.style import Style
from textual import events, work
from textual.content import Content
from textual.geometry import Size
from textual.message import Message
from textual.selection import Selection
from textual.strip import Strip
from textual.widget import Widget

from handinger_tui.core.previews.files import NotDrawn, Picture, Pixel, PixelCell, half_blocks
from handinger_tui.ui.background import run_in_thread
from handinger_tui.ui.keys import Where, bindings
from handinger_tui.ui.terminal.diff_app import select_to_pointer
from handinger_tui.ui.transcript.code import highlighted_lines
from handinger_tui.ui.transcript.document import render
from handinger_tui.ui.transcript.painting import (
    COMPONENTS,
    Palette,
    Row,
    RowBuffer,
    StripCache,
    cells,
    over,
    styled,
)
from handinger_tui.ui.transcript.selection import SelectableRows, selected_text, with_selection
from handinger_tui.ui.widgets.virtual_list import copy_from

_GUTTER: Final = 2


class TextView(Struct, frozen=True):
    """The body of a text view: fixed rows, or Markdown, whose rows depend on the width.

    `source` is the text for copying.
    """

    lines: tuple[Row, ...]
    source: str
    markdown: bool = False
    is_cut: bool = False
    """Whether the file has more text than `source`."""

    def lay_out(self, width: int) -> RowBuffer:
        """Lay out all rows for `width` cells. It may take long, and runs in any thread."""
        buffer = RowBuffer(width)
        buffer.replace(0, render(self.source, width - _GUTTER) if self.markdown else list(self.lines))
        return buffer


def plain_rows(lines: Sequence[str], digits: int | None = None) -> TextView:
    """Return clean lines with line numbers; `digits` 0 omits the numbers."""
    contents = [Content(line.expandtabs(4)) for line in lines]
    return TextView(tuple(_numbered(contents, digits)), "\n".join(lines))


def message_rows(text: str) -> TextView:
    """Return a message of the program, in place of something that cannot be shown."""
    return TextView((Row(), Row(Content(text))), text)


def code_rows_of(lines: Sequence[str], language: str) -> TextView:
    """Return clean lines of code, highlighted as in the transcript."""
    text = "\n".join(lines)
    return TextView(tuple(_numbered(highlighted_lines(text, language), None)), text)


def markdown_rows(text: str) -> TextView:
    """Return a clean Markdown text."""
    return TextView((), text, markdown=True)


def _numbered(contents: Sequence[Content], digits: int | None) -> list[Row]:
    width = len(f"{len(contents)}") if digits is None else digits
    if not width:
        return [Row(content, wrap=False, wide=True) for content in contents]
    indent = Content(" " * (width + 2))
    return [
        Row(
            content, "text", styled(f"{at:>{width}}  ", "faint"), indent, wrap=False, wide=True, numbered=True
        )
        for at, content in enumerate(contents, 1)
    ]


# -- search ---------------------------------------------------------------------------
MAX_MATCHES: Final = 10_000
"""Most matches of a search; further ones are dropped."""


class Match(NamedTuple):
    """A match: the index of its row, its first character and the character after its last."""

    row: int
    start: int
    end: int


class MatchSpan(NamedTuple):
    """A painted piece of match `number`: screen row, first cell and the cell after its last."""

    number: int
    y: int
    left: int
    right: int


@dataclass(slots=True)
class SearchResult:
    """The result of a search. `more` means that further matches were dropped; `at` is the current match."""

    text: str
    matches: list[Match] = field(default_factory=list)
    more: bool = False
    at: int = 0
    _spans: dict[int, list[MatchSpan]] = field(default_factory=dict)

    def step(self, by: int) -> None:
        """Move the current match by `by`, wrapping around at both ends."""
        if self.matches:
            self.at = (self.at + by) % len(self.matches)

    def begin_at(self, row: int) -> None:
        """Select the first match in row `row` or below it, or else the first of all."""
        at = bisect_left(self.matches, Match(row, 0, 0))
        self.at = at if at < len(self.matches) else 0

    @property
    def status(self) -> str:
        """The number of matches and the position of the current one, in words."""
        if not self.matches:
            return f"No matches for “{self.text}”."
        count = f"{len(self.matches):,}{'+' if self.more else ''}"
        return f"“{self.text}” · {self.at + 1:,} of {count}"

    def spans(self, buffer: RowBuffer, width: int, row: int) -> list[MatchSpan]:
        """Return where the matches of a row are painted.

        The result is cached by row: always pass the same buffer and width.
        """
        cached = self._spans.get(row)
        if cached is None:
            first = bisect_left(self.matches, Match(row, 0, 0))
            last = bisect_left(self.matches, Match(row + 1, 0, 0))
            chars = [(match.start, match.end) for match in self.matches[first:last]]
            top = buffer.start_of(row)
            painted = cells(buffer.rows[row], width, chars) if chars else ()
            cached = [MatchSpan(first + at, top + strip, left, right) for at, strip, left, right in painted]
            self._spans[row] = cached
        return cached


def find(rows: Sequence[Row], text: str) -> SearchResult:
    """Search literally for `text`, ignoring case."""
    pattern = re.compile(re.escape(text), re.IGNORECASE)
    matches = list(islice(_matches(rows, pattern), MAX_MATCHES + 1))
    return SearchResult(text, matches[:MAX_MATCHES], more=len(matches) > MAX_MATCHES)


def _matches(rows: Sequence[Row], pattern: re.Pattern[str]) -> Iterator[Match]:
    for number, row in enumerate(rows):
        for match in pattern.finditer(row.content.plain):
            yield Match(number, match.start(), match.end())


# -- widget ---------------------------------------------------------------------------
class PageView(SelectableRows, can_focus=True):
    """A view of text, code or Markdown, laid out in a thread for each width."""

    COMPONENT_CLASSES: ClassVar[set[str]] = COMPONENTS
    BINDINGS = bindings(Where.PAGE)

    def __init__(self) -> None:
        super().__init__(classes="page-view")
        self._rows: TextView | None = None
        self._buffer: RowBuffer | None = None
        self._strip_cache: StripCache | None = None
        self._search: SearchResult | None = None

    class SearchRequested(Message):
        """The user wants to search the text; the screen must ask for the search text."""

        def __init__(self, view: PageView) -> None:
            super().__init__()
            self.view = view

    class MatchChanged(Message):
        """The current match changed; `status` describes it, "" after the end of the search."""

        def __init__(self, status: str) -> None:
            super().__init__()
            self.status = status

    def show(self, rows: TextView) -> None:
        self._rows, self._buffer, self._search = rows, None, None
        self._lay_out()

    @work(group="layout", exclusive=True)
    async def _lay_out(self) -> None:
        rows, width = self._rows, self.scrollable_content_region.width
        if rows is None or width <= 0:
            return
        try:
            buffer = await run_in_thread(lambda: rows.lay_out(width))
        except Exception:  # noqa: BLE001 - untrusted text must not end the program
            plain = plain_rows(rows.source.split("\n"))
            buffer = await run_in_thread(lambda: plain.lay_out(width))
        result = self._search
        if result is not None:
            # Another width may have other rows, so search again.
            text, at = result.text, result.at
            result = await run_in_thread(lambda: find(buffer.rows, text))
            result.step(at)
        self._buffer, self._strip_cache, self._search = buffer, StripCache(Palette(self), width), result
        self.virtual_size = Size(width, buffer.height)
        self.refresh()

    def on_resize(self, _event: events.Resize) -> None:
        """Lay out for a new width; until that is done the old lines are cut or padded."""
        if self._strip_cache is None or self._strip_cache.width != self.scrollable_content_region.width:
            self._lay_out()

    def notify_style_update(self) -> None:
        """Repaint the strips after a theme change; the rows stay."""
        super().notify_style_update()
        if self._strip_cache is not None:
            self._strip_cache = StripCache(Palette(self), self._strip_cache.width)
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """Return one visible line with matches and selection."""
        at = y + self.scroll_offset.y
        strip = self._with_matches(self._line(at), at)
        return with_selection(strip, at, self).apply_offsets(0, at)

    def _line(self, at: int) -> Strip:
        width, buffer, strip_cache = self.scrollable_content_region.width, self._buffer, self._strip_cache
        if buffer is None or strip_cache is None or at >= buffer.height:
            return Strip.blank(width, self.visual_style.rich_style)
        return buffer.strip(at, strip_cache).adjust_cell_length(width, self.visual_style.rich_style)

    def _with_matches(self, strip: Strip, at: int) -> Strip:
        buffer, strip_cache, result = self._buffer, self._strip_cache, self._search
        if result is None or buffer is None or strip_cache is None or at >= buffer.height:
            return strip
        for number, y, left, right in result.spans(buffer, strip_cache.width, buffer.row_at(at)):
            if y == at:
                name = "match-here" if number == result.at else "match"
                strip = over(strip, left, right, strip_cache.palette.row(name).rich_style)
        return strip

    # -- search ---------------------------------------------------------------------------
    @property
    def search_text(self) -> str:
        """The text of the current search, "" without one."""
        return self._search.text if self._search is not None else ""

    async def find(self, text: str) -> None:
        """Highlight every match of `text` and go to the first one from the top row on."""
        buffer = self._buffer
        if buffer is None:
            return
        result = await run_in_thread(lambda: find(buffer.rows, text))
        if buffer is not self._buffer:
            # Laid out again during the search.
            await self.find(text)
            return
        result.begin_at(buffer.row_at(self.scroll_offset.y))
        self._search = result
        self._show_match()

    def _show_match(self) -> None:
        result, buffer, strip_cache = self._search, self._buffer, self._strip_cache
        if result is None or buffer is None or strip_cache is None:
            return
        if result.matches:
            row = result.matches[result.at].row
            spans = result.spans(buffer, strip_cache.width, row)
            y = next((span.y for span in spans if span.number == result.at), buffer.start_of(row))
            if not self.scroll_offset.y <= y < self.scroll_offset.y + self.scrollable_content_region.height:
                self.scroll_to(y=max(0, y - self.scrollable_content_region.height // 3), animate=False)
        self.post_message(self.MatchChanged(result.status))
        self.refresh()
        self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Disable the search actions without a search; the screen then handles their keys."""
        return self._search is not None if action in ("step", "end_find") else True

    def action_find(self) -> None:
        """Request the search text from the screen."""
        self.post_message(self.SearchRequested(self))

    def action_step(self, by: int) -> None:
        """Move by `by` matches."""
        if self._search is not None:
            self._search.step(by)
            self._show_match()

    def action_end_find(self) -> None:
        """End the search and remove its highlights."""
        self._search = None
        self.post_message(self.MatchChanged(""))
        self.refresh()
        self.refresh_bindings()

    # -- selecting -------------------------------------------------------------------------
    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Scroll; a selection that is being made goes on to what the mouse is over now."""
        super().watch_scroll_y(old_value, new_value)
        select_to_pointer(self.screen)

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """Return the selected text as shown on the screen, without the margin."""
        if self._buffer is None:
            return None
        return selected_text(selection, self._buffer.height, self._line), "\n"

    def action_copy(self) -> None:
        """Copy the source text."""
        if self._rows is not None:
            copy_from(
                self, self._rows.source, "what is shown of the text" if self._rows.is_cut else "the text"
            )


class PictureView(Widget, can_focus=True):
    """A picture, decoded in a thread for each size."""

    ALLOW_SELECT = False

    def __init__(self) -> None:
        super().__init__(classes="picture-view")
        self._picture: Picture | None = None
        self._cells: list[list[PixelCell]] = []
        self.trouble = ""
        """Why no picture is shown, "" if one is."""

    def show(self, picture: Picture) -> None:
        self._picture, self._cells = picture, []
        self._decode()

    @work(group="layout", exclusive=True)
    async def _decode(self) -> None:
        picture, size = self._picture, self.content_size
        if picture is None or not size.width or not size.height:
            return
        ground: Pixel = self.background_colors[1].rgb
        try:
            grid = await run_in_thread(lambda: picture.grid(size.width, size.height, ground))
        except NotDrawn as problem:
            self._cells, self.trouble = [], f"Not shown: {problem}."
        else:
            self._cells, self.trouble = half_blocks(grid), ""
        self.refresh()

    def on_resize(self, _event: events.Resize) -> None:
        """Decode again for the new size."""
        self._decode()

    def notify_style_update(self) -> None:
        """Decode again after a theme change: transparent pixels show the background."""
        super().notify_style_update()
        self._decode()

    def render_line(self, y: int) -> Strip:
        """Return one line (two rows of pixels), centered."""
        width, ground = self.content_size.width, self.visual_style.rich_style
        if self.trouble and y == 1:
            text = Content(f"  {self.trouble}").truncate(width, ellipsis=True).plain
            return Strip([Segment(text, ground)]).adjust_cell_length(width, ground)
        at = y - max(0, (self.content_size.height - len(self._cells)) // 2)
        if not 0 <= at < len(self._cells):
            return Strip.blank(width, ground)
        cells = self._cells[at]
        padding = " " * max(0, (width - len(cells)) // 2)
        line = [Segment(padding, ground), *_segments(cells, ground.bgcolor)]
        return Strip(line).adjust_cell_length(width, ground)


def _segments(cells: Sequence[PixelCell], below: RichColor | None) -> list[Segment]:
    """Merge neighboring cells of the same colors; `below` is the color where there is no pixel."""
    segments = []
    for (sign, upper, under), group in groupby(cells):
        ground = RichColor.from_rgb(*under) if under is not None else below
        segments.append(
            Segment(sign * len(list(group)), Style(color=RichColor.from_rgb(*upper), bgcolor=ground))
        )
    return segments
