"""The transcript widget: show, fold, select, copy and search the conversation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.style import Style as RichStyle
from textual import events
from textual.geometry import Offset
from textual.message import Message
from textual.selection import Selection
from textual.strip import Strip

from handinger_tui.core.evidence.citations import Mention
from handinger_tui.core.turns.session import Session
from handinger_tui.core.turns.turn import TextPart
from handinger_tui.ui.transcript.cursor import CursorPlace, last_answer, neighbor, rows_at, stop_at
from handinger_tui.ui.transcript.layout import (
    ReadingPosition,
    ReceiptOf,
    RowBuffer,
    StripCache,
    TranscriptLayout,
)
from handinger_tui.ui.transcript.overlays import over, with_cursor, with_matches, with_selection
from handinger_tui.ui.transcript.painting import MARGIN, Palette, cells
from handinger_tui.ui.transcript.text_anchors import anchor_of
from handinger_tui.ui.transcript.viewport import Viewport, no_receipt

if TYPE_CHECKING:
    from handinger_tui.ui.transcript.layout import Block
    from handinger_tui.ui.transcript.search import Search


class FoldableTranscript(Viewport):
    """A viewport that shows a session and folds its slots."""

    def __init__(
        self,
        receipt: ReceiptOf = no_receipt,
        *,
        id: str | None = None,  # noqa: A002  # Textual's parameter name
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self.session: Session | None = None
        self._receipt = receipt
        self._details = False
        self._toggled_slots: set[tuple[str, str]] = set()

    def forget_marks(self) -> None:
        """Drop everything that refers to the previous session; called before another one is shown."""

    # -- content --------------------------------------------------------------------------
    def show(self, session: Session) -> None:
        """Show this value of a session.

        Parts that are identical (`is`) are neither laid out nor painted again.
        """
        before, self.session = self.session, session
        if session is before:
            return
        if before is None or before.session_id != session.session_id or self.transcript_layout is None:
            self.forget_marks()
            self.rebuild(None)
            return
        layout, y, height = self.transcript_layout, self.scroll_offset.y, self.transcript_layout.height
        spot = None if self.following else layout.spot(y)
        reusable = {} if spot is not None or self.new_lines else self._drawn_lines()
        corrected = layout.corrected
        changed = layout.show(session)
        if changed is None:
            return
        if len(session.turns) > len(before.turns) and session.turns[-1].live:
            self.following, self.new_lines, spot = True, 0, None
        if spot is None:
            self.place_end()
        else:
            self.new_lines += max(0, layout.height - height)
            self.place(layout.find(spot))
        moved = self.scroll_offset.y - y
        self.refresh_rows(changed if moved == 0 else 0)
        if moved > 0 and layout.corrected == corrected:
            self._keep_lines(reusable, moved, changed - y)
        if self.new_lines:
            self.refresh_rows(self.scroll_offset.y + self.size.height - 1)

    def _drawn_lines(self) -> dict[int, Strip]:
        """Return a copy of the cached lines if they are still valid for the current view."""
        fits = self._lines_state == (self.size, self.scroll_offset.y, self.strip_cache)
        return self._lines.copy() if fits else {}

    def _keep_lines(self, lines: Mapping[int, Strip], moved: int, end: int) -> None:
        """Reuse the cached lines above line `end` after the text moved up by `moved` rows."""
        self._lines_state = (self.size, self.scroll_offset.y, self.strip_cache)
        self._lines = {y - moved: strip for y, strip in lines.items() if moved <= y < end}

    def rebuild(self, spot: ReadingPosition | None) -> None:
        """Lay everything out for the current width; then return to `spot`, or to the end."""
        if self.session is None or not self.size.width:
            # The widget is hidden; an existing layout belongs to another session.
            self.transcript_layout = None
            return
        self.transcript_layout = TranscriptLayout(self.size.width, self._receipt, self._is_unfolded)
        self.strip_cache = StripCache(Palette(self), self.size.width)
        self.make_room()
        self.transcript_layout.show(self.session)
        self._top_turn = 0
        if spot is None:
            self.follow()
        else:
            self.place(self.transcript_layout.find(spot))
        self.refresh()

    def on_resize(self) -> None:
        """Lay out again for a new width; the top row stays at the top."""
        if self.transcript_layout is None or self.transcript_layout.width != self.size.width:
            self.rebuild(self.spot())
        elif self.following:
            self.place_end()
        else:
            self.place(self.scroll_offset.y)

    # -- folding ----------------------------------------------------------------------------
    def _is_unfolded(self, turn_id: str, key: str) -> bool:
        return self._details != ((turn_id, key) in self._toggled_slots)

    def toggle_details(self) -> None:
        """Toggle between all slots unfolded and all folded."""
        self._details = not self._details
        self._toggled_slots.clear()
        self.rebuild(self.spot())

    def spot(self) -> ReadingPosition | None:
        """Return the reading position, None while following the end."""
        return (
            None
            if self.following or self.transcript_layout is None
            else self.transcript_layout.spot(self.scroll_offset.y)
        )

    def fold(self, number: int, at: int) -> None:
        """Toggle the folding of slot `at` in turn `number`."""
        layout = self.transcript_layout
        if layout is None:
            return
        turn_layout = layout.turns[number]
        key = (turn_layout.turn.turn_id, (turn_layout.blocks or [])[at].key(at))
        self._toggled_slots ^= {key}
        spot = layout.spot(self.scroll_offset.y)
        layout.refill(number)
        self.place(layout.find(spot))
        self.following = self.scroll_offset.y >= self.max_scroll_y
        self.refresh()

    def block_at(self, y: int) -> tuple[int, int, Block, int] | None:
        """Return turn index, block index, block and row within the block for transcript row `y`."""
        layout = self.transcript_layout
        if layout is None or not 0 <= y < layout.height:
            return None
        number = layout.turn_at(y)
        layout.measure(number)
        turn_layout = layout.turns[number]
        at = turn_layout.block_at(y - layout.start(number))
        block = (turn_layout.blocks or [])[at]
        return number, at, block, y - layout.start(number) - turn_layout.starts[at] - block.gap


CellRange = tuple[int, int]
"""First cell, and the cell after the last, of a stretch of a line."""


@dataclass(slots=True)
class _Highlight:
    """The highlighted mention with its cached cells; they are valid while `buffer` has height `height`."""

    mention: Mention
    key: str
    buffer: RowBuffer | None = None
    height: int = 0
    lines: dict[int, CellRange] = field(default_factory=dict)


class HighlightingTranscript(FoldableTranscript):
    """A transcript that can highlight one mention of a source."""

    _highlight: _Highlight | None = None

    @property
    def highlighted_mention(self) -> Mention | None:
        """The highlighted mention."""
        return self._highlight.mention if self._highlight is not None else None

    def forget_marks(self) -> None:
        """Drop the highlight; another session is shown."""
        self._highlight = None

    def point(self, mention: Mention, key: str) -> bool:
        """Scroll to a mention and highlight it; `key` is the canonical URL of its source, "" without one.

        Returns False when its text is not in the transcript.
        """
        self._highlight = _Highlight(mention, key)
        number = (
            self.transcript_layout.number_of(mention.turn_id) if self.transcript_layout is not None else None
        )
        start, lines = (0, {}) if number is None else self._locate_mention(number)
        if not lines:
            self._highlight = None
        else:
            self.reveal(start + min(lines), start + max(lines) + 1)
        self.refresh()
        return bool(lines)

    def clear_highlight(self) -> None:
        """Remove the highlight."""
        self._highlight = None
        self.refresh()

    def reveal(self, start: int, end: int) -> None:
        """Scroll rows `start` to `end` into sight, with some context above them."""
        y, height = self.scroll_offset.y, self.size.height
        if start < y or end > y + height:
            self.place(start - min(height // 3, max(0, height - (end - start))))
            self.following = self.scroll_offset.y >= self.max_scroll_y

    def highlighted_line(self, y: int) -> Strip:
        """Return a line, with the highlighted mention if the line shows it."""
        strip, layout, highlight = self.line(y), self.transcript_layout, self._highlight
        if layout is None or highlight is None:
            return strip
        number = layout.turn_at(y)
        if number >= len(layout.turns) or layout.turns[number].turn.turn_id != highlight.mention.turn_id:
            return strip
        start, lines = self._locate_mention(number)
        if y - start not in lines:
            return strip
        marked = over(strip, *lines[y - start], self.mark_style("match-here"))
        return with_cursor(marked, self.mark_style("cursor"))

    def _locate_mention(self, number: int) -> tuple[int, dict[int, CellRange]]:
        """Return the first row of the block with the mention, and the highlighted lines relative to it."""
        layout, highlight = self.transcript_layout, self._highlight
        if layout is None or highlight is None:
            return 0, {}
        layout.measure(number)
        turn_layout, position = layout.turns[number], highlight.mention.position
        part = turn_layout.turn.parts[position] if position < len(turn_layout.turn.parts) else None
        at = next((at for at, block in enumerate(turn_layout.blocks or ()) if block.slot is part), None)
        if at is None or turn_layout.blocks is None:
            return 0, {}
        block = turn_layout.blocks[at]
        return layout.start(number) + turn_layout.starts[at] + block.gap, self._mention_lines(block)

    def _mention_lines(self, block: Block) -> dict[int, CellRange]:
        highlight, buffer = self._highlight, block.buffer
        if highlight is None or not isinstance(block.slot, TextPart) or self.strip_cache is None:
            return {}
        if highlight.buffer is not buffer or highlight.height != buffer.height:
            mention = highlight.mention
            anchor = anchor_of(buffer.rows, block.slot.text, mention.start, mention.end, highlight.key)
            top = buffer.start_of(anchor.row)
            stretches = cells(buffer.rows[anchor.row], self.strip_cache.width, anchor.start, anchor.end)
            highlight.lines = {top + line: (first, last) for line, first, last in stretches} or {top: (0, 0)}
            highlight.buffer, highlight.height = buffer, buffer.height
        return highlight.lines


class Transcript(HighlightingTranscript):
    """The conversation widget. `show` a session; then read, select, copy and search it."""

    class LinkClicked(Message):
        """A link was clicked.

        `href` is the unchecked address, `shown` the text that hides it. Check both before opening.
        """

        def __init__(self, href: str, shown: str = "") -> None:
            super().__init__()
            self.href = href
            self.shown = shown

    def __init__(
        self,
        receipt: ReceiptOf = no_receipt,
        *,
        id: str | None = None,  # noqa: A002  # Textual's parameter name
        classes: str | None = None,
    ) -> None:
        super().__init__(receipt, id=id, classes=classes)
        self._cursor_place: CursorPlace | None = None
        self._search: Search | None = None
        self._clicked_row = 0

    def forget_marks(self) -> None:
        """Drop cursor, matches and highlight; another session is shown."""
        super().forget_marks()
        self._cursor_place = self._search = None

    def on_click(self, event: events.Click) -> None:
        """A click on the pill scrolls to the end; a click on a foldable line toggles it."""
        if self.in_pill(event):
            self.follow()
            return
        self._clicked_row = event.y + self.scroll_offset.y
        target = self.block_at(self._clicked_row)
        if target is not None and event.chain == 1 and not self.text_selection:
            number, at, block, row = target
            if row == 0 and block.foldable:
                self.fold(number, at)

    def action_link(self, href: str, shown: str = "") -> None:
        """Post `LinkClicked`; the receiver decides whether the link is opened."""
        self.post_message(self.LinkClicked(href, shown))

    # -- selection ------------------------------------------------------------------------
    def marked_line(self, y: int) -> Strip:
        """Return a line with matches, selection and cursor drawn over it."""
        strip = self.highlighted_line(y)
        if self._search is not None:
            here = y == self._search.row
            strip = with_matches(
                strip, self._search.pattern, self.mark_style("match-here" if here else "match")
            )
        selection = self.text_selection
        if selection is not None and (span := selection.get_span(y)) is not None:
            # Only the background: the foreground is transparent, which terminals do not support.
            ground = self.screen.get_component_rich_style("screen--selection").bgcolor
            strip = with_selection(strip, (max(span[0], MARGIN), span[1]), RichStyle(bgcolor=ground))
        if (
            self._cursor_place is not None
            and self.transcript_layout is not None
            and y in rows_at(self.transcript_layout, self._cursor_place)
        ):
            strip = with_cursor(strip, self.mark_style("cursor"))
        return strip

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """Return the selected text as shown on the screen, without the margin."""
        if self.transcript_layout is None:
            return None
        start = selection.start.y if selection.start else 0
        end = selection.end.y if selection.end else self.transcript_layout.height - 1
        lines = []
        for y in range(start, min(end, self.transcript_layout.height - 1) + 1):
            text = self.line(y).text.rstrip()
            first, last = selection.get_span(y) or (0, 0)
            lines.append(text[max(first, MARGIN) : None if last == -1 else last])
        return "\n".join(lines), "\n"

    def selection_updated(self, selection: Selection | None) -> None:  # noqa: ARG002  # inherited signature
        """Repaint with the new selection."""
        self.refresh()

    def text_select_all(self) -> None:
        """Select the clicked block instead of the whole conversation (double click)."""
        target = self.block_at(self._clicked_row)
        if target is None:
            return
        _number, _at, block, row = target
        start = self._clicked_row - max(0, row)
        end = Offset(self.size.width, start + block.buffer.height - 1)
        self.screen.selections = {self: Selection(Offset(0, start), end)}

    # -- copying -----------------------------------------------------------------------------
    def cursor_next(self) -> None:
        """Move the cursor to the next message or code block."""
        self._move_cursor(1)

    def cursor_previous(self) -> None:
        """Move the cursor to the previous message or code block."""
        self._move_cursor(-1)

    def cursor_clear(self) -> None:
        """Remove the cursor."""
        self._cursor_place = None
        self.refresh()

    def _move_cursor(self, step: int) -> None:
        layout = self.transcript_layout
        if layout is None:
            return
        turn_layout = layout.turn_at(self.scroll_offset.y + self.size.height - 1)
        stop = neighbor(layout, self._cursor_place, step, turn_layout)
        if stop is None:
            return
        self._cursor_place = stop.place
        self.reveal(stop.start, stop.end)
        self.refresh()

    @property
    def part_at_cursor(self) -> tuple[str, int] | None:
        """The id of the turn and the index of the part at the cursor; -1 if no part is there.

        None without a cursor.
        """
        layout, place = self.transcript_layout, self._cursor_place
        if layout is None or place is None or place.turn >= len(layout.turns):
            return None
        turn_layout = layout.turns[place.turn]
        block = (turn_layout.blocks or [])[place.block : place.block + 1]
        at = (at for at, part in enumerate(turn_layout.turn.parts) if block and part is block[0].slot)
        return turn_layout.turn.turn_id, next(at, -1)

    def copyable_at_cursor(self) -> str | None:
        """Return the source text at the cursor; None without a cursor."""
        if self._cursor_place is None or self.transcript_layout is None:
            return None
        stop = stop_at(self.transcript_layout, self._cursor_place)
        return stop.text if stop is not None else None

    def copy_current(self) -> str:
        """Return the source text at the cursor, or else the newest answer."""
        return self.copyable_at_cursor() or last_answer(self.session)

    # -- finding ---------------------------------------------------------------------------
    def find(self, text: str) -> int:
        """Search for `text`, scroll to the last match and highlight all. Returns the number of matches."""
        from handinger_tui.ui.transcript.search import search  # noqa: PLC0415 - needed for a search only

        self._search = search(self.session, text) if self.session is not None else None
        if self._search is None or not self._search.hits:
            self.find_clear()
            return 0
        self._search.at = len(self._search.hits)
        self._step_match(-1)
        return self._search.count

    def find_next(self) -> None:
        """Go to the next match below."""
        self._step_match(1)

    def find_previous(self) -> None:
        """Go to the next match above."""
        self._step_match(-1)

    @property
    def finding(self) -> bool:
        """Whether a search is active."""
        return self._search is not None

    def find_clear(self) -> None:
        """End the search and remove its highlights."""
        self._search = None
        self.refresh()

    def _step_match(self, step: int) -> None:
        search, layout, strip_cache = self._search, self.transcript_layout, self.strip_cache
        if search is None or layout is None or strip_cache is None or not search.hits:
            return
        row = self._match_row(search, step, search.row)
        if row is None:
            search.at = (search.at + step) % len(search.hits)
            row = self._match_row(search, step, None)
        if row is not None:
            search.row = row
            self.reveal(row, row + 1)
        self.refresh()

    def _match_row(self, search: Search, step: int, after: int | None) -> int | None:
        """Return the next row with a match in the current hit; None when it has no further one."""
        layout, strip_cache = self.transcript_layout, self.strip_cache
        if layout is None or strip_cache is None or not 0 <= search.at < len(search.hits):
            return None
        hit = search.hits[search.at]
        layout.measure(hit.turn)
        turn_layout = layout.turns[hit.turn]
        block = (turn_layout.blocks or [])[hit.slot]
        if block.foldable and not block.unfolded:
            self.fold(hit.turn, hit.slot)
            block = (turn_layout.blocks or [])[hit.slot]
        start = layout.start(hit.turn) + turn_layout.starts[hit.slot] + block.gap
        rows = [start + row for row in search.rows(block.buffer, strip_cache)]
        if after is not None:
            rows = [row for row in rows if (row > after if step > 0 else row < after)]
        return None if not rows else rows[0] if step > 0 else rows[-1]
