"""The transcript widget: show, scroll, fold, select, copy and search the conversation.

`TranscriptLayout` has the rows, `StripCache` paints them, and `TranscriptCursor`, `TranscriptSearch` and
`MentionHighlight` draw over them.
"""

from __future__ import annotations

import asyncio
from functools import partial
from math import ceil
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

from textual import events
from textual.color import Color
from textual.geometry import Offset, Region, Size
from textual.message import Message
from textual.reactive import Reactive
from textual.scrollbar import ScrollBar
from textual.selection import Selection
from textual.strip import Strip
from textual.widget import Widget

from handinger_tui.ui.background import run_in_thread
from handinger_tui.ui.terminal.diff_app import select_to_pointer
from handinger_tui.ui.transcript.code import highlighted_lines
from handinger_tui.ui.transcript.layout import (
    ReadingPosition,
    ReceiptOf,
    TranscriptLayout,
    Verbosity,
    no_text,
)
from handinger_tui.ui.transcript.navigation import (
    Canvas,
    CursorPlace,
    MentionHighlight,
    TranscriptCursor,
    TranscriptSearch,
)
from handinger_tui.ui.transcript.painting import (
    COMPONENTS,
    Palette,
    RowBuffer,
    StripCache,
    pill_cells,
    with_cursor,
    with_pill,
)
from handinger_tui.ui.transcript.selection import (
    SelectableRows,
    selected_text,
    with_offsets,
    with_selection,
)

if TYPE_CHECKING:
    from handinger_tui.core.turns.session import Session

PIECE_PAUSE_S: Final = 0.03
"""Seconds between two pieces of a very long turn, in which keys are handled and the screen is painted."""
NEAR_END: Final = 2
"""Distance from the end, in rows, within which the view follows new text."""
MAX_CACHED_LINES: Final = 400
"""Number of finished lines that are cached."""


class Transcript(SelectableRows, can_focus=True):
    """The conversation widget. `show` a session; then read, select, copy and search it."""

    class MessageClicked(Message):
        """A message or a part of one was clicked; the cursor is on it."""

    COMPONENT_CLASSES: ClassVar[set[str]] = COMPONENTS
    # The stylesheet always shows the scrollbar, nothing else depends on this size, and `place` repaints.
    virtual_size: Reactive[Size] = Reactive(Size(0, 0), layout=False, repaint=False)

    def __init__(
        self,
        receipt: ReceiptOf = no_text,
        next_step: ReceiptOf = no_text,
        *,
        compact: bool = False,
        id: str | None = None,
    ) -> None:
        self._lines: dict[int, Strip] = {}
        """Finished lines by transcript row."""
        self.lines_drawn = 0
        """Number of lines drawn so far; tests use it to measure the cost of a change."""
        super().__init__(id=id)
        self.session: Session | None = None
        self.begun = asyncio.Event()
        """Set when a session with turns is shown for the first time."""
        self.following = True
        """Whether the view scrolls with new text."""
        self.new_lines = 0
        """Number of rows added at the end while not following."""
        self.transcript_layout = TranscriptLayout(receipt, next_step, compact=compact)
        self.strip_cache = StripCache(Palette(self), 0)
        canvas = Canvas(self.transcript_layout, self.strip_cache, self.reveal, self.refresh)
        self.cursor, self.search = TranscriptCursor(canvas), TranscriptSearch(canvas)
        self.highlight = MentionHighlight(canvas)
        self._is_highlighting = self._is_continuing = False
        self._clicked_row = 0

    # -- content --------------------------------------------------------------------------
    def show(self, session: Session) -> None:
        """Show this value of a session.

        Parts that are identical (`is`) are neither laid out nor painted again.
        """
        before, self.session = self.session, session
        layout = self.transcript_layout
        if session is before:
            return
        if session.turns:
            self.begun.set()
        if before is None or before.session_id != session.session_id or not layout.width:
            self.cursor.clear()
            self.search.clear()
            self.highlight.clear()
            # Also where it is not displayed, and has no width: the first screen is in its place.
            self.following, self.new_lines = True, 0
            self._rebuild(None)
            return
        position, height = self._reading_position(), layout.height
        layout.show(session)
        if len(session.turns) > len(before.turns) and session.turns[-1].live:
            self.following, self.new_lines, position = True, 0, None
        self.new_lines = 0 if position is None else self.new_lines + max(0, layout.height - height)
        self._return_to(position)
        if position is not None:
            # The line with the pill, which may be cached without it.
            self.refresh(Region(0, self.size.height - 1, self.size.width, 1))

    def _lay_out_more(self) -> None:
        """Lay out the next piece of a very long turn; the top row stays."""
        self._is_continuing = False
        position = self._reading_position()
        self.transcript_layout.lay_out_more()
        self._return_to(position)

    def update_texts(self) -> None:
        """Show the receipts, and how messages are sent again, as they are now; the top row stays."""
        position = self._reading_position()
        self.transcript_layout.update_texts()
        self._return_to(position)

    def _rebuild(self, position: ReadingPosition | None) -> None:
        """Lay everything out for the current width; then return to `position`, or to the end."""
        width = self.size.width
        self.transcript_layout.reset(width)
        self.strip_cache.reset(width)
        if self.session is not None and width:
            self.transcript_layout.show(self.session)
            if position is None:
                self.follow()
            else:
                self.place(self.transcript_layout.row_of(position))
            self.search.find_pending()
        self.refresh()

    def _reading_position(self) -> ReadingPosition | None:
        """Return the position of the top row, None while following the end.

        Text does not move while it is selected.
        """
        if self.following and not _has_selection(self):
            return None
        return self.transcript_layout.reading_position(self.scroll_offset.y)

    def _return_to(self, position: ReadingPosition | None) -> None:
        """Show the rows at a position again, None: the end."""
        if position is None:
            self.place(self.transcript_layout.measure_end(self.size.height))
        else:
            self.place(self.transcript_layout.row_of(position))

    def on_resize(self) -> None:
        """Lay out again for a new width; the top row stays at the top."""
        if self.transcript_layout.width != self.size.width:
            self._rebuild(self._reading_position())
        elif self.following:
            self._return_to(None)
        else:
            self.place(self.scroll_offset.y)

    def notify_style_update(self) -> None:
        """Repaint the strips after a theme change; the rows stay."""
        super().notify_style_update()
        self.strip_cache.reset(self.transcript_layout.width)
        self.refresh()

    # -- folding ----------------------------------------------------------------------------
    def toggle_details(self) -> Verbosity:
        """Show more, or less, of all tool calls and thoughts of this session."""
        folding = self.transcript_layout.folding
        folding.show_next()
        self._rebuild(self._reading_position())
        return folding.verbosity

    def _toggle_fold(self, turn: int, at: int, *, own: bool = False) -> None:
        """Toggle the folding of a block, by indexes; see `TranscriptLayout.toggle_fold`."""
        layout = self.transcript_layout
        position = layout.reading_position(self.scroll_offset.y)
        layout.toggle_fold(turn, at, own=own)
        self.place(layout.row_of(position))
        self.following = self.scroll_offset.y >= self.max_scroll_y

    # -- drawing --------------------------------------------------------------------------
    def line(self, y: int) -> Strip:
        """Return the strip of transcript row `y` without overlays."""
        place = self.transcript_layout.place_at(y)
        if place is None or place.is_empty:
            return Strip.blank(self.size.width, self.strip_cache.palette.base.rich_style)
        buffer = place.block.buffer
        if buffer.deferred and not self._is_highlighting:
            self._is_highlighting = True
            self.run_worker(self._highlight_code(buffer), group="highlight")
        return buffer.strip(place.row, self.strip_cache)

    async def _highlight_code(self, buffer: RowBuffer) -> None:
        """Highlight the plain code blocks of a row buffer that became visible."""
        try:
            for head in buffer.deferred:
                text = head.code[0] if head.code is not None else ""
                work = partial(highlighted_lines, text, head.deferred_language)
                buffer.set_highlighted(head, await run_in_thread(work))
        finally:
            self._is_highlighting = False
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """Return screen line `y` with its text offsets, which mouse selection needs."""
        return with_offsets(self._draw(y), y + self.scroll_offset.y)

    def _draw(self, y: int) -> Strip:
        """Return screen line `y` with overlays."""
        row, palette = y + self.scroll_offset.y, self.strip_cache.palette
        strip = self.search.draw(self.highlight.draw(self.line(row), row), row)
        strip = with_selection(strip, row, self)
        if self.cursor.is_on(row):
            strip = with_cursor(strip, palette.row("cursor").rich_style)
        if self.new_lines and y == self.size.height - 1:
            strip = with_pill(strip, self.new_lines, palette.row("pill").rich_style)
        return strip

    def render_lines(self, crop: Region) -> list[Strip]:
        """Return the lines to paint, without padding or border.

        Textual asks for all lines whenever anything near changes. Lines that did not change are returned as
        the same strips, wherever they are on the screen: drawing them again takes twice the work of a paint.
        """
        top, ground = self.scroll_offset.y, None
        if self.transcript_layout.width != self.size.width:
            # A session shown while the transcript was hidden had no width, and no other size is reported.
            self.call_later(self.on_resize)
        if len(self._lines) > MAX_CACHED_LINES:
            self._lines = {y: self._lines[y] for y in range(top, top + self.size.height) if y in self._lines}
        lines = []
        for y in crop.line_range:
            strip = self._lines.get(top + y)
            if strip is None:
                # Read once for all lines: the property walks up to the screen.
                ground = ground or self.background_colors[1]
                strip = self._filtered(self._draw(y), ground)
                if not (self.new_lines and y == self.size.height - 1):
                    self._lines[top + y] = strip
            lines.append(strip)
        if crop.column_span != (0, self.size.width):
            return [strip.crop(*crop.column_span) for strip in lines]
        return lines

    def _filtered(self, strip: Strip, ground: Color) -> Strip:
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
        """Draw again and repaint; with regions, only their lines."""
        for region in regions:
            for y in region.line_range:
                self._lines.pop(y + self.scroll_offset.y, None)
        if not regions:
            self._lines.clear()
        return super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)

    # -- scrolling ----------------------------------------------------------------------------
    def place(self, y: int) -> None:
        """Scroll row `y` to the top, with exact heights of all visible rows, and repaint what changed."""
        layout = self.transcript_layout
        y = layout.measure_view(y, self.size.height)
        size = Size(self.size.width, layout.height)
        if size != self.virtual_size:
            self.virtual_size = size
        y = min(y, int(self.max_scroll_y))
        moved = y != self.scroll_offset.y
        self.set_reactive(Widget.scroll_y, float(y))
        self.set_reactive(Widget.scroll_target_y, float(y))
        changed = layout.take_change()
        if changed is not None:
            self._lines = {row: strip for row, strip in self._lines.items() if row < changed}
        if moved:
            # Without the scroll bar, which Textual redraws each time.
            super().refresh(Region(0, 0, self.scrollable_size.width, self.size.height))
        elif changed is not None and changed < y + self.size.height:
            top = max(0, changed - y)
            super().refresh(Region(0, top, self.scrollable_size.width, self.size.height - top))
        if layout.unfinished and not self._is_continuing:
            self._is_continuing = True
            self.set_timer(PIECE_PAUSE_S, self._lay_out_more)
        if self.show_vertical_scrollbar:
            _move_bar(self.vertical_scrollbar, y, layout.height, fine=not self.following)

    def follow(self) -> None:
        """Scroll to the end and follow new text; nothing is selected then."""
        self.following = True
        if _has_selection(self):
            self.screen.clear_selection()
        if self.new_lines:
            self.new_lines = 0
            self.refresh()
        self._return_to(None)

    action_scroll_end = follow

    def reveal(self, start: int, end: int) -> None:
        """Scroll rows `start` to `end` into sight, with some context above them, and draw again."""
        y, height = self.scroll_offset.y, self.size.height
        if start < y or end > y + height:
            y = start - min(height // 3, max(0, height - (end - start)))
        before = (self.scroll_offset.y, self.virtual_size)
        self.place(y)
        if before != (self.scroll_offset.y, self.virtual_size):
            self.following = self.scroll_offset.y >= self.max_scroll_y
        self.refresh()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Handle scrolling by the user. `place` moves the view without triggering this watcher."""
        self.place(round(new_value))
        if self.scroll_offset.y == round(new_value):
            # A selection at the edge scrolls by less than a row at a time.
            self.set_reactive(Widget.scroll_y, new_value)
        super().watch_scroll_y(old_value, new_value)
        select_to_pointer(self.screen)
        self.following = self.scroll_offset.y >= self.max_scroll_y - NEAR_END
        if self.following and self.new_lines:
            self.new_lines = 0
            self.refresh()

    def scroll_to(self, x: float | None = None, y: float | None = None, **options: Any) -> None:
        """Scroll without animation: heights that become exact on the way would disturb one."""
        super().scroll_to(x, y, **{**options, "animate": False})

    # -- mouse and selection ------------------------------------------------------------------------
    def on_click(self, event: events.Click) -> None:
        """A click on the pill scrolls to the end; a click on a foldable line toggles it."""
        last = self.size.height - 1
        if self.new_lines and event.y == last and event.x in pill_cells(self.new_lines, self.size.width):
            self.follow()
            return
        self._clicked_row = event.y + self.scroll_offset.y
        place = self.transcript_layout.place_at(self._clicked_row)
        is_link = "@click" in event.style.meta
        if place is None or event.chain != 1 or self.text_selection or is_link:
            return
        if place.block.is_fold_row(place.row):
            self._toggle_fold(place.turn, place.at, own=place.row > 0)
        elif not place.is_empty:
            self.cursor.put(CursorPlace(place.turn, place.at))
            self.refresh()
            self.post_message(self.MessageClicked())

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """Return the selected text as shown on the screen, without the margin."""
        return selected_text(selection, self.transcript_layout.height, self.line), "\n"

    def text_select_all(self) -> None:
        """Select the clicked block instead of the whole conversation (double click)."""
        place = self.transcript_layout.place_at(self._clicked_row)
        if place is not None:
            start = self._clicked_row - max(0, place.row)
            end = Offset(self.size.width, start + place.block.row_height - 1)
            self.screen.selections = {self: Selection(Offset(0, start), end)}

    # -- cursor ---------------------------------------------------------
    def begin_cursor(self) -> None:
        """Without a cursor, put one on the last part in view. The view stays."""
        self.cursor.begin(self._last_turn_in_view())
        self.refresh()

    def end_cursor(self) -> None:
        """Remove the cursor."""
        self.cursor.clear()
        self.refresh()

    def move_cursor(self, step: int) -> None:
        """Move the cursor to the next (1) or previous (-1) message or code block."""
        self.cursor.move(step, self._last_turn_in_view())

    def _last_turn_in_view(self) -> int:
        return self.transcript_layout.turn_at(self.scroll_offset.y + self.size.height - 1)

    @property
    def can_unfold(self) -> bool:
        """Whether there is something to unfold or fold at the cursor."""
        place, turns = self.cursor.place, self.transcript_layout.turns
        if place is None or place.turn >= len(turns) or place.block >= len(turns[place.turn].blocks):
            return False
        return turns[place.turn].blocks[place.block].foldable

    def unfold_at_cursor(self) -> None:
        """Toggle the folding of the part at the cursor."""
        if self.can_unfold and (place := self.cursor.place) is not None:
            self._toggle_fold(place.turn, place.block)

    def copy_current(self) -> str:
        """Return the source text at the cursor, or else the newest answer."""
        turn = self.session.answered if self.session is not None else None
        return self.cursor.text or ("" if turn is None else turn.answer)


def _has_selection(widget: Widget) -> bool:
    """Whether text of a widget is selected. One without a screen, as at the last paint, has no selection."""
    return widget.is_attached and widget.text_selection is not None


def _move_bar(bar: ScrollBar, position: int, rows: int, *, fine: bool) -> None:
    """Move the scrollbar to `position` in a total of `rows`.

    While text streams in, the thumb moves a little with each paint, and painting the bar costs more
    than painting the new text. Without `fine` only moves by two cells are painted.
    """
    steps = 8 if fine else 0.5
    before = _thumb(bar, steps)
    bar.set_reactive(ScrollBar.window_virtual_size, rows)
    bar.set_reactive(ScrollBar.position, float(position))
    if _thumb(bar, steps) != before:
        bar.refresh()


def _thumb(bar: ScrollBar, steps: float) -> tuple[int, int]:
    """Return the first and last step of the thumb, (0, 0) if there is nothing to scroll."""
    height, window, rows = bar.size.height, bar.window_size, bar.window_virtual_size
    if not window or window >= rows:
        return 0, 0
    size = max(1.0, window * height / rows)
    start = int((height - size) * bar.position / (rows - window) * steps)
    return start, start + ceil(size * steps)
