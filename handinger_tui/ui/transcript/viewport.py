"""The viewport of the transcript: scrolling with the line API, the follow rule and the reading position.

Turns that were not in sight yet have estimated heights. A height becomes exact when its turn
comes into sight; the rows in sight never jump when that happens.
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
from handinger_tui.ui.transcript.layout import LAYOUT_ROOM, StripCache, TranscriptLayout
from handinger_tui.ui.transcript.layout import MIN_CACHED_ROWS as STRIP_ROOM
from handinger_tui.ui.transcript.markdown.code import load_lexer
from handinger_tui.ui.transcript.overlays import pill_text, with_pill
from handinger_tui.ui.transcript.painting import Palette, width_of
from handinger_tui.ui.transcript.prefetch import Prefetcher
from handinger_tui.ui.transcript.rows.row import COMPONENTS
from handinger_tui.ui.transcript.scrollbar import move_bar

SCREENS: Final = 6
"""Minimum number of screens whose rows are cached: the visible one and one on each side, twice."""
NEAR_END: Final = 2
"""Distance from the end, in rows, within which the view follows new text."""


def no_receipt(_session: Session, _turn: Turn) -> str:
    """Return no receipt; the default for callers that show none."""
    return ""


class Viewport(ScrollView, can_focus=True):
    """The scrollable view of a `TranscriptLayout`."""

    COMPONENT_CLASSES: ClassVar[set[str]] = COMPONENTS
    # The stylesheet always shows the scrollbar and nothing else depends on this size: growing text needs no
    # layout.
    virtual_size: Reactive[Size] = Reactive(Size(0, 0), layout=False)

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002  # Textual's name
        self._lines: dict[int, Strip] = {}
        self._lines_state: object = None
        self.lines_drawn = 0
        """Number of lines drawn so far; tests use it to measure the cost of a change."""
        super().__init__(id=id, classes=classes)
        self.following = True
        """Whether new text scrolls into sight by itself."""
        self.new_lines = 0
        """Number of rows added at the end while not following."""
        self.transcript_layout: TranscriptLayout | None = None
        self.strip_cache: StripCache | None = None
        self._top_turn = 0
        self.moved: Callable[[], None] = lambda: None
        """Called after other rows came into sight."""
        self._prefetcher: Prefetcher | None = None
        self._highlighting: Iterator[str] | None = None

    # -- drawing --------------------------------------------------------------------------
    def line(self, y: int) -> Strip:
        """Return the strip of transcript row `y` without overlays."""
        layout, strip_cache = self.transcript_layout, self.strip_cache
        if layout is None or strip_cache is None or not 0 <= y < layout.height:
            return Strip.blank(self.size.width, self.visual_style.rich_style)
        number = layout.turn_at(y)
        layout.measure(number)
        turn_layout = layout.turns[number]
        row = y - layout.start(number)
        block = (turn_layout.blocks or [])[turn_layout.block_at(row)]
        inside = row - turn_layout.starts[turn_layout.block_at(row)] - block.gap
        if inside < 0 or inside >= block.buffer.height:
            return Strip.blank(self.size.width, self.visual_style.rich_style)
        if block.buffer.plain_code_rows and self._highlighting is None:
            self._highlighting = block.buffer.highlight()
            self.call_later(self._highlight_step)
        return block.buffer.strip(inside, strip_cache)

    def _highlight_step(self) -> None:
        """Run one highlighting step and schedule the next, so that other callbacks run in between.

        A lexer is loaded in a thread.
        """
        language = None if self._highlighting is None else next(self._highlighting, None)
        if language is None:
            self._highlighting = None
            self.refresh()
        elif language:
            loading = asyncio.get_running_loop().run_in_executor(None, load_lexer, language)
            loading.add_done_callback(lambda _future: self.call_later(self._highlight_step))
        else:
            self.call_later(self._highlight_step)

    def marked_line(self, y: int) -> Strip:
        """Return the strip of transcript row `y` with its overlays; subclasses draw them."""
        return self.line(y)

    def _screen_line(self, y: int) -> Strip:
        strip = self.marked_line(y + self.scroll_offset.y)
        if self.new_lines and y == self.size.height - 1:
            strip = with_pill(strip, self.new_lines, self.mark_style("pill"))
        return strip

    def mark_style(self, name: str) -> RichStyle:
        """Return the style of an overlay, by its style name."""
        strip_cache = self.strip_cache
        return strip_cache.palette.row(name).rich_style if strip_cache is not None else RichStyle.null()

    def render_line(self, y: int) -> Strip:
        """Return one line with its text offsets, which mouse selection needs."""
        return self._screen_line(y).apply_offsets(0, y + self.scroll_offset.y)

    def render_lines(self, crop: Region) -> list[Strip]:
        """Return the lines to paint, without padding or border.

        Textual asks for all lines whenever anything near changes. Lines that were not
        refreshed are returned from the cache, as the same strip objects.
        """
        state = (self.size, self.scroll_offset.y, self.strip_cache)
        if state != self._lines_state:
            self._lines.clear()
            self._lines_state = state
        missing = [y for y in crop.line_range if y not in self._lines]
        if missing:
            # Read once for all lines: the property walks up to the screen.
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
        hover = self.hover_style
        if hover.link_id and "@click" in hover.meta:
            strip = strip.style_links(hover.link_id, self.link_style_hover)
        for line_filter in self.get_line_filters():
            strip = strip.apply_filter(line_filter, ground)
        return strip

    def refresh(
        self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False
    ) -> Self:
        """Repaint; with regions, only their lines."""
        for region in regions:
            for y in region.line_range:
                self._lines.pop(y, None)
        if not regions:
            self._lines.clear()
        return super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)

    def notify_style_update(self) -> None:
        """Repaint the strips after a theme change; the rows stay."""
        super().notify_style_update()
        self._lines.clear()
        if self.transcript_layout is not None:
            self.strip_cache = StripCache(Palette(self), self.transcript_layout.width)
            self.refresh()

    # -- places -----------------------------------------------------------------------------
    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Handle scrolling by the user. `place` moves the view without triggering this watcher."""
        super().watch_scroll_y(old_value, new_value)
        self.place(round(new_value))
        self.following = self.scroll_offset.y >= self.max_scroll_y - NEAR_END
        if self.following and self.new_lines:
            self.new_lines = 0
            self.refresh()

    def scroll_to(self, x: float | None = None, y: float | None = None, **options: Any) -> None:
        """Scroll without animation: heights that become exact on the way would disturb one."""
        super().scroll_to(x, y, **{**options, "animate": False})

    def place(self, y: int) -> None:
        """Scroll row `y` to the top, with exact heights for everything in sight."""
        layout = self.transcript_layout
        if layout is None or not layout.turns:
            return
        y = self._measure_visible(layout, y)
        self._update_virtual_size(layout)
        y = min(max(0, y), int(self.max_scroll_y))
        moved = y != self.scroll_offset.y
        self.set_reactive(Widget.scroll_y, float(y))
        self.set_reactive(Widget.scroll_target_y, float(y))
        self._top_turn = layout.turn_at(y)
        if moved:
            self.refresh()
            self.moved()
        if self.show_vertical_scrollbar:
            move_bar(self.vertical_scrollbar, y, layout.height, fine=not self.following)

    def _measure_visible(self, layout: TranscriptLayout, y: int) -> int:
        height = self.size.height
        at = layout.turn_at(y)
        while True:
            delta = layout.measure(at)
            if at < self._top_turn:
                # Scrolling up to an estimated turn: correct `y`, so that the visible rows move only by the
                # scroll distance.
                y = max(0, y + delta)
            top = layout.turn_at(y)
            if top == at:
                break
            at = top
        while at < len(layout.turns) and layout.start(at) < y + height:
            layout.measure(at)
            at += 1
        if y + height > layout.height:
            # The end is in sight: fill the view from below.
            self._measure_end(layout)
            y = layout.height - height
        return y

    def _measure_end(self, layout: TranscriptLayout) -> None:
        at = len(layout.turns) - 1
        while at >= 0:
            layout.measure(at)
            if layout.height - layout.start(at) >= self.size.height:
                return
            at -= 1

    def place_end(self) -> None:
        """Scroll the end into sight."""
        if self.transcript_layout is not None and self.transcript_layout.turns:
            self._measure_end(self.transcript_layout)
            self.place(self.transcript_layout.height - self.size.height)

    def _update_virtual_size(self, layout: TranscriptLayout) -> None:
        size = Size(self.size.width, layout.height)
        if size != self.virtual_size:
            self.virtual_size = size

    def make_room(self) -> None:
        """Adapt the cache sizes to the height of the screen."""
        if self.transcript_layout is not None and self.strip_cache is not None:
            self.transcript_layout.room = max(LAYOUT_ROOM, SCREENS * self.size.height)
            self.strip_cache.room = max(STRIP_ROOM, SCREENS * self.size.height)

    def prepare(self) -> bool:
        """Prefetch near rows for a few milliseconds. Returns False when nothing is left to do."""
        layout, strip_cache = self.transcript_layout, self.strip_cache
        if layout is None or strip_cache is None or not layout.turns:
            return False
        y, height = self.scroll_offset.y, self.size.height
        self.make_room()
        if self._prefetcher is None or not self._prefetcher.fits(layout, strip_cache, y, height):
            self._prefetcher = Prefetcher(layout, strip_cache, y, height)
        return self._prefetcher.step()

    def follow(self) -> None:
        """Scroll to the end and follow new text."""
        self.following = True
        if self.new_lines:
            self.new_lines = 0
            self.refresh()
        self.place_end()

    def action_scroll_end(self) -> None:
        """Handle the End key: follow the end."""
        self.follow()

    def in_pill(self, event: events.Click) -> bool:
        """Whether a click hits the "new lines" pill."""
        start = self.size.width - width_of(pill_text(self.new_lines)) - 1
        return (
            bool(self.new_lines)
            and event.y == self.size.height - 1
            and start <= event.x < self.size.width - 1
        )

    def refresh_rows(self, first: int) -> None:
        """Repaint the visible rows from transcript row `first` on."""
        top = max(0, first - self.scroll_offset.y)
        if top < self.size.height:
            self.refresh(Region(0, top, self.size.width, self.size.height - top))
