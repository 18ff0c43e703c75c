"""Window: scrolling over a `TranscriptLayout` by the line API, the follow rule, and the reader's place.

Rows above and below what was seen have estimated heights; they become exact as
they come into sight, and the rows in sight never jump when they do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, Final, Self

from rich.style import Style as RichStyle
from textual import events
from textual.color import Color
from textual.geometry import Region, Size
from textual.reactive import Reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widget import Widget

from handinger_tui.core.turns.session import Session
from handinger_tui.core.turns.turn import Turn
from handinger_tui.ui.transcript.layout import LAYOUT_ROOM as BOOK_ROOM
from handinger_tui.ui.transcript.layout import ROOM as PAINTS_ROOM
from handinger_tui.ui.transcript.layout import Paints, TranscriptLayout
from handinger_tui.ui.transcript.markdown.code import load
from handinger_tui.ui.transcript.overlays import pill_text, with_pill
from handinger_tui.ui.transcript.painting import Palette, width_of
from handinger_tui.ui.transcript.prefetch import Prefetcher
from handinger_tui.ui.transcript.rows.row import COMPONENTS
from handinger_tui.ui.transcript.scrollbar import move_bar

SCREENS: Final = 6
"""That are kept at least: the one in sight and one ahead on both sides, twice."""
NEAR_END: Final = 2
"""Rows from the end within which the view follows."""


def no_receipt(_session: Session, _turn: Turn) -> str:
    """For callers that show no receipts."""
    return ""


class Viewport(ScrollView, can_focus=True):
    """The part of the book that is in sight."""

    COMPONENT_CLASSES: ClassVar[set[str]] = COMPONENTS
    # The sheet keeps the bar there always, and nothing else depends on this size: no layout when text grows.
    virtual_size: Reactive[Size] = Reactive(Size(0, 0), layout=False)

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002  # Textual's
        self._lines: dict[int, Strip] = {}
        self._lines_state: object = None
        self.lines_drawn = 0
        """Lines drawn so far, for tests of what a change costs."""
        super().__init__(id=id, classes=classes)
        self.following = True
        """New text scrolls into sight by itself."""
        self.new_lines = 0
        """Rows that came below while not following."""
        self.book: TranscriptLayout | None = None
        self.paints: Paints | None = None
        self._top_page = 0
        self.moved: Callable[[], None] = lambda: None
        """Called when other rows have come into sight."""
        self._ahead: Prefetcher | None = None
        self._colours: Iterator[str] | None = None

    # -- drawing --------------------------------------------------------------------------
    def line(self, y: int) -> Strip:
        """The strip of row `y` of the whole transcript, without marks."""
        book, paints = self.book, self.paints
        if book is None or paints is None or not 0 <= y < book.height:
            return Strip.blank(self.size.width, self.visual_style.rich_style)
        number = book.page_at(y)
        book.measure(number)
        page = book.pages[number]
        row = y - book.start(number)
        block = (page.blocks or [])[page.block_at(row)]
        inside = row - page.starts[page.block_at(row)] - block.gap
        if inside < 0 or inside >= block.sheet.height:
            return Strip.blank(self.size.width, self.visual_style.rich_style)
        if block.sheet.pale and self._colours is None:
            self._colours = block.sheet.colour()
            self.call_later(self._go_on_colouring)
        return block.sheet.strip(inside, paints)

    def _go_on_colouring(self) -> None:
        """One step; whoever waits for the loop comes before the next. A language is loaded in a thread."""
        language = None if self._colours is None else next(self._colours, None)
        if language is None:
            self._colours = None
            self.refresh()
        elif language:
            loading = asyncio.get_running_loop().run_in_executor(None, load, language)
            loading.add_done_callback(lambda _loaded: self.call_later(self._go_on_colouring))
        else:
            self.call_later(self._go_on_colouring)

    def marked_line(self, y: int) -> Strip:
        """The strip of row `y` with whatever is drawn over it."""
        return self.line(y)

    def _screen_line(self, y: int) -> Strip:
        strip = self.marked_line(y + self.scroll_offset.y)
        if self.new_lines and y == self.size.height - 1:
            strip = with_pill(strip, self.new_lines, self.mark_style("pill"))
        return strip

    def mark_style(self, name: str) -> RichStyle:
        """The style of a mark."""
        paints = self.paints
        return paints.palette.row(name).rich_style if paints is not None else RichStyle.null()

    def render_line(self, y: int) -> Strip:
        """One line with its place in the text, which the mouse's selection needs."""
        return self._screen_line(y).apply_offsets(0, y + self.scroll_offset.y)

    def render_lines(self, crop: Region) -> list[Strip]:
        """Lines to paint. Without padding or border, so that kept strips go out as they are.

        Textual asks for all lines whenever anything near changes: those that
        nobody refreshed are handed out again.
        """
        state = (self.size, self.scroll_offset.y, self.paints)
        if state != self._lines_state:
            self._lines.clear()
            self._lines_state = state
        missing = [y for y in crop.line_range if y not in self._lines]
        if missing:
            # Once for all lines: it walks up to the screen.
            ground = self.background_colors[1]
            for y in missing:
                self._lines[y] = self._finished_line(y, ground)
        lines = [self._lines[y] for y in crop.line_range]
        if crop.column_span != (0, self.size.width):
            return [strip.crop(*crop.column_span) for strip in lines]
        return lines

    def _finished_line(self, y: int, ground: Color) -> Strip:
        strip = self._screen_line(y)
        self.lines_drawn += 1
        pointed = self.hover_style
        if pointed.link_id and "@click" in pointed.meta:
            strip = strip.style_links(pointed.link_id, self.link_style_hover)
        for line_filter in self.get_line_filters():
            strip = strip.apply_filter(line_filter, ground)
        return strip

    def refresh(
        self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False
    ) -> Self:
        """Paint again; with regions, only their lines."""
        for region in regions:
            for y in region.line_range:
                self._lines.pop(y, None)
        if not regions:
            self._lines.clear()
        return super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)

    def notify_style_update(self) -> None:
        """Another theme: the rows stay, their strips are painted anew."""
        super().notify_style_update()
        self._lines.clear()
        if self.book is not None:
            self.paints = Paints(Palette(self), self.book.width)
            self.refresh()

    # -- places -----------------------------------------------------------------------------
    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """The person scrolled (nothing else sets `scroll_y`; see `place`)."""
        super().watch_scroll_y(old_value, new_value)
        self.place(round(new_value))
        self.following = self.scroll_offset.y >= self.max_scroll_y - NEAR_END
        if self.following and self.new_lines:
            self.new_lines = 0
            self.refresh()

    def scroll_to(self, x: float | None = None, y: float | None = None, **options: Any) -> None:
        """Scroll at once: an animation would fight with heights that become exact on the way."""
        super().scroll_to(x, y, **{**options, "animate": False})

    def place(self, y: int) -> None:
        """Bring row `y` to the top, with exact heights for everything in sight."""
        book = self.book
        if book is None or not book.pages:
            return
        y = self._settle(book, y)
        self._resized(book)
        y = min(max(0, y), int(self.max_scroll_y))
        moved = y != self.scroll_offset.y
        self.set_reactive(Widget.scroll_y, float(y))
        self.set_reactive(Widget.scroll_target_y, float(y))
        self._top_page = book.page_at(y)
        if moved:
            self.refresh()
            self.moved()
        if self.show_vertical_scrollbar:
            move_bar(self.vertical_scrollbar, y, book.height, fine=not self.following)

    def _settle(self, book: TranscriptLayout, y: int) -> int:
        height = self.size.height
        at = book.page_at(y)
        while True:
            delta = book.measure(at)
            if at < self._top_page:
                # Scrolling up into the unknown: what was in sight moves by what was scrolled, no more.
                y = max(0, y + delta)
            top = book.page_at(y)
            if top == at:
                break
            at = top
        while at < len(book.pages) and book.start(at) < y + height:
            book.measure(at)
            at += 1
        if y + height > book.height:
            # The end is in sight: fill the view from below.
            self._measure_end(book)
            y = book.height - height
        return y

    def _measure_end(self, book: TranscriptLayout) -> None:
        at = len(book.pages) - 1
        while at >= 0:
            book.measure(at)
            if book.height - book.start(at) >= self.size.height:
                return
            at -= 1

    def place_end(self) -> None:
        """Bring the end into sight."""
        if self.book is not None and self.book.pages:
            self._measure_end(self.book)
            self.place(self.book.height - self.size.height)

    def _resized(self, book: TranscriptLayout) -> None:
        size = Size(self.size.width, book.height)
        if size != self.virtual_size:
            self.virtual_size = size

    def make_room(self) -> None:
        """Some screens full are kept, however high the screen is."""
        if self.book is not None and self.paints is not None:
            self.book.room = max(BOOK_ROOM, SCREENS * self.size.height)
            self.paints.room = max(PAINTS_ROOM, SCREENS * self.size.height)

    def prepare(self) -> bool:
        """A step of a few milliseconds for what is near but not in sight. False when there is none left."""
        book, paints = self.book, self.paints
        if book is None or paints is None or not book.pages:
            return False
        y, height = self.scroll_offset.y, self.size.height
        self.make_room()
        if self._ahead is None or not self._ahead.fits(book, paints, y, height):
            self._ahead = Prefetcher(book, paints, y, height)
        return self._ahead.step()

    def follow(self) -> None:
        """Go to the end and stay there."""
        self.following = True
        if self.new_lines:
            self.new_lines = 0
            self.refresh()
        self.place_end()

    def action_scroll_end(self) -> None:
        """The End key."""
        self.follow()

    def in_pill(self, event: events.Click) -> bool:
        """The click is on the pill."""
        start = self.size.width - width_of(pill_text(self.new_lines)) - 1
        return (
            bool(self.new_lines)
            and event.y == self.size.height - 1
            and start <= event.x < self.size.width - 1
        )

    def refresh_rows(self, first: int) -> None:
        """Repaint what is in sight from row `first` of the transcript on."""
        top = max(0, first - self.scroll_offset.y)
        if top < self.size.height:
            self.refresh(Region(0, top, self.size.width, self.size.height - top))
