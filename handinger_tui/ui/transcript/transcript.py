"""Transcript: the conversation on the screen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import TYPE_CHECKING

from rich.style import Style as RichStyle
from textual import events
from textual.geometry import Offset
from textual.message import Message
from textual.selection import Selection
from textual.strip import Strip

from handinger_tui.core.evidence.citations import Mention
from handinger_tui.core.record import dataclass
from handinger_tui.core.turns.session import Session
from handinger_tui.core.turns.turn import TextPart
from handinger_tui.ui.transcript.cursor import Place, last_answer, neighbour, rows_at, stop_at
from handinger_tui.ui.transcript.layout import Paints, ReceiptOf, RowBuffer, Spot, TranscriptLayout
from handinger_tui.ui.transcript.overlays import over, with_cursor, with_matches, with_selection
from handinger_tui.ui.transcript.painting import MARGIN, Palette, cells
from handinger_tui.ui.transcript.text_anchors import anchor_of
from handinger_tui.ui.transcript.viewport import Viewport, no_receipt

if TYPE_CHECKING:
    from handinger_tui.ui.transcript.layout import Block
    from handinger_tui.ui.transcript.search import Search


class Folding(Viewport):
    """A window that shows a session; see `show`."""

    def __init__(
        self,
        receipt: ReceiptOf = no_receipt,
        *,
        id: str | None = None,  # noqa: A002  # Textual's name
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self.session: Session | None = None
        self._receipt = receipt
        self._details = False
        self._toggled: set[tuple[str, str]] = set()

    def forget_marks(self) -> None:
        """Another session is shown: whatever points into the old one is void."""

    # -- content --------------------------------------------------------------------------
    def show(self, session: Session) -> None:
        """Show this value of a session. Unchanged parts (`is`) are neither laid out nor painted again."""
        before, self.session = self.session, session
        if session is before:
            return
        if before is None or before.session_id != session.session_id or self.book is None:
            self.forget_marks()
            self.rebuild(None)
            return
        book, y, height = self.book, self.scroll_offset.y, self.book.height
        spot = None if self.following else book.spot(y)
        kept = {} if spot is not None or self.new_lines else self._drawn_lines()
        corrected = book.corrected
        changed = book.show(session)
        if changed is None:
            return
        if len(session.turns) > len(before.turns) and session.turns[-1].live:
            self.following, self.new_lines, spot = True, 0, None
        if spot is None:
            self.place_end()
        else:
            self.new_lines += max(0, book.height - height)
            self.place(book.find(spot))
        moved = self.scroll_offset.y - y
        self.refresh_rows(changed if moved == 0 else 0)
        if moved > 0 and book.corrected == corrected:
            self._keep_lines(kept, moved, changed - y)
        if self.new_lines:
            self.refresh_rows(self.scroll_offset.y + self.size.height - 1)

    def _drawn_lines(self) -> dict[int, Strip]:
        """Lines in sight that are as they were drawn last."""
        fits = self._lines_state == (self.size, self.scroll_offset.y, self.paints)
        return self._lines.copy() if fits else {}

    def _keep_lines(self, lines: Mapping[int, Strip], moved: int, end: int) -> None:
        """Lines that were drawn before the text moved up by `moved` are what they were, above line `end`."""
        self._lines_state = (self.size, self.scroll_offset.y, self.paints)
        self._lines = {y - moved: strip for y, strip in lines.items() if moved <= y < end}

    def rebuild(self, spot: Spot | None) -> None:
        """Lay everything out for the present width; go back to `spot`, or to the end."""
        if self.session is None or not self.size.width:
            # Hidden: what is laid out belongs to another session.
            self.book = None
            return
        self.book = TranscriptLayout(self.size.width, self._receipt, self._is_unfolded)
        self.paints = Paints(Palette(self), self.size.width)
        self.make_room()
        self.book.show(self.session)
        self._top_page = 0
        if spot is None:
            self.follow()
        else:
            self.place(self.book.find(spot))
        self.refresh()

    def on_resize(self) -> None:
        """Another width wraps everything anew; the top row stays at the top."""
        if self.book is None or self.book.width != self.size.width:
            self.rebuild(self.spot())
        elif self.following:
            self.place_end()
        else:
            self.place(self.scroll_offset.y)

    # -- folding ----------------------------------------------------------------------------
    def _is_unfolded(self, turn_id: str, key: str) -> bool:
        return self._details != ((turn_id, key) in self._toggled)

    def toggle_details(self) -> None:
        """Unfold everything that can be, or fold it again."""
        self._details = not self._details
        self._toggled.clear()
        self.rebuild(self.spot())

    def spot(self) -> Spot | None:
        """Where the reader is; None at the end."""
        return None if self.following or self.book is None else self.book.spot(self.scroll_offset.y)

    def fold(self, number: int, at: int) -> None:
        """Unfold slot `at` of page `number`, or fold it again."""
        book = self.book
        if book is None:
            return
        page = book.pages[number]
        key = (page.turn.turn_id, (page.blocks or [])[at].key(at))
        self._toggled ^= {key}
        spot = book.spot(self.scroll_offset.y)
        book.refill(number)
        self.place(book.find(spot))
        self.following = self.scroll_offset.y >= self.max_scroll_y
        self.refresh()

    def block_at(self, y: int) -> tuple[int, int, Block, int] | None:
        """The page, number and block at a row of the transcript, and the row within the block."""
        book = self.book
        if book is None or not 0 <= y < book.height:
            return None
        number = book.page_at(y)
        book.measure(number)
        page = book.pages[number]
        at = page.block_at(y - book.start(number))
        block = (page.blocks or [])[at]
        return number, at, block, y - book.start(number) - page.starts[at] - block.gap


Line = tuple[int, int]
"""First cell, and the cell after the last."""


@dataclass(slots=True)
class _Pointed:
    """A mention, and the lines of `sheet` that show it, as long as that has the same height."""

    mention: Mention
    key: str
    sheet: RowBuffer | None = None
    height: int = 0
    lines: dict[int, Line] = field(default_factory=dict)


class Pointing(Folding):
    """A transcript that can point at one mention."""

    _pointed: _Pointed | None = None

    @property
    def pointed(self) -> Mention | None:
        """The mention that is marked."""
        return self._pointed.mention if self._pointed is not None else None

    def forget_marks(self) -> None:
        """Another session is shown."""
        self._pointed = None

    def point(self, mention: Mention, key: str) -> bool:
        """Show and mark a mention; `key` is the canonical address of its source, "" without one.

        False where its text is not on the screen.
        """
        self._pointed = _Pointed(mention, key)
        number = self.book.number_of(mention.turn_id) if self.book is not None else None
        start, lines = (0, {}) if number is None else self._where(number)
        if not lines:
            self._pointed = None
        else:
            self.reveal(start + min(lines), start + max(lines) + 1)
        self.refresh()
        return bool(lines)

    def point_at_nothing(self) -> None:
        """Take the mark away."""
        self._pointed = None
        self.refresh()

    def reveal(self, start: int, end: int) -> None:
        """Bring rows into sight, with some of what stands before them."""
        y, height = self.scroll_offset.y, self.size.height
        if start < y or end > y + height:
            self.place(start - min(height // 3, max(0, height - (end - start))))
            self.following = self.scroll_offset.y >= self.max_scroll_y

    def pointed_line(self, y: int) -> Strip:
        """A line, with the mention marked if it stands there."""
        strip, book, pointed = self.line(y), self.book, self._pointed
        if book is None or pointed is None:
            return strip
        number = book.page_at(y)
        if number >= len(book.pages) or book.pages[number].turn.turn_id != pointed.mention.turn_id:
            return strip
        start, lines = self._where(number)
        if y - start not in lines:
            return strip
        marked = over(strip, *lines[y - start], self.mark_style("match-here"))
        return with_cursor(marked, self.mark_style("cursor"))

    def _where(self, number: int) -> tuple[int, dict[int, Line]]:
        """The row at which the block of the mention begins, and its marked lines counted from there."""
        book, pointed = self.book, self._pointed
        if book is None or pointed is None:
            return 0, {}
        book.measure(number)
        page, position = book.pages[number], pointed.mention.position
        part = page.turn.parts[position] if position < len(page.turn.parts) else None
        at = next((at for at, block in enumerate(page.blocks or ()) if block.slot is part), None)
        if at is None or page.blocks is None:
            return 0, {}
        return book.start(number) + page.starts[at] + page.blocks[at].gap, self._lines_in(page.blocks[at])

    def _lines_in(self, block: Block) -> dict[int, Line]:
        pointed, sheet = self._pointed, block.sheet
        if pointed is None or not isinstance(block.slot, TextPart) or self.paints is None:
            return {}
        if pointed.sheet is not sheet or pointed.height != sheet.height:
            mention = pointed.mention
            anchor = anchor_of(sheet.rows, block.slot.text, mention.start, mention.end, pointed.key)
            top = sheet.start_of(anchor.row)
            found = cells(sheet.rows[anchor.row], self.paints.width, anchor.start, anchor.end)
            pointed.lines = {top + line: (first, last) for line, first, last in found} or {top: (0, 0)}
            pointed.sheet, pointed.height = sheet, sheet.height
        return pointed.lines


class Transcript(Pointing):
    """The conversation: `show` a session; then read, select, copy and find in it."""

    class LinkClicked(Message):
        """A link was clicked: `href` as it came, behind the text `shown`. Judge both before opening."""

        def __init__(self, href: str, shown: str = "") -> None:
            super().__init__()
            self.href = href
            self.shown = shown

    def __init__(
        self,
        receipt: ReceiptOf = no_receipt,
        *,
        id: str | None = None,  # noqa: A002  # Textual's name
        classes: str | None = None,
    ) -> None:
        super().__init__(receipt, id=id, classes=classes)
        self._place: Place | None = None
        self._search: Search | None = None
        self._clicked_row = 0

    def forget_marks(self) -> None:
        """Another session is shown: cursor, matches and the mention pointed at are void."""
        super().forget_marks()
        self._place = self._search = None

    def on_click(self, event: events.Click) -> None:
        """The pill goes to the end; a folded line unfolds."""
        if self.in_pill(event):
            self.follow()
            return
        self._clicked_row = event.y + self.scroll_offset.y
        found = self.block_at(self._clicked_row)
        if found is not None and event.chain == 1 and not self.text_selection:
            number, at, block, row = found
            if row == 0 and block.foldable:
                self.fold(number, at)

    def action_link(self, href: str, shown: str = "") -> None:
        """A link was clicked; what becomes of it is not decided here."""
        self.post_message(self.LinkClicked(href, shown))

    # -- selection ------------------------------------------------------------------------
    def marked_line(self, y: int) -> Strip:
        """A line with matches, selection and cursor drawn over it."""
        strip = self.pointed_line(y)
        if self._search is not None:
            here = y == self._search.row
            strip = with_matches(
                strip, self._search.pattern, self.mark_style("match-here" if here else "match")
            )
        selection = self.text_selection
        if selection is not None and (span := selection.get_span(y)) is not None:
            # Its background alone: its foreground is transparent, which terminals cannot do.
            ground = self.screen.get_component_rich_style("screen--selection").bgcolor
            strip = with_selection(strip, (max(span[0], MARGIN), span[1]), RichStyle(bgcolor=ground))
        if self._place is not None and self.book is not None and y in rows_at(self.book, self._place):
            strip = with_cursor(strip, self.mark_style("cursor"))
        return strip

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The selected text as it stands on the screen, without the margin."""
        if self.book is None:
            return None
        start = selection.start.y if selection.start else 0
        end = selection.end.y if selection.end else self.book.height - 1
        lines = []
        for y in range(start, min(end, self.book.height - 1) + 1):
            text = self.line(y).text.rstrip()
            first, last = selection.get_span(y) or (0, 0)
            lines.append(text[max(first, MARGIN) : None if last == -1 else last])
        return "\n".join(lines), "\n"

    def selection_updated(self, selection: Selection | None) -> None:  # noqa: ARG002  # the base's
        """Paint the selection."""
        self.refresh()

    def text_select_all(self) -> None:
        """A double click selects the block under it, not the whole conversation."""
        found = self.block_at(self._clicked_row)
        if found is None:
            return
        _number, _at, block, row = found
        start = self._clicked_row - max(0, row)
        end = Offset(self.size.width, start + block.sheet.height - 1)
        self.screen.selections = {self: Selection(Offset(0, start), end)}

    # -- copying -----------------------------------------------------------------------------
    def cursor_next(self) -> None:
        """Move the cursor to the next message or code block."""
        self._move_cursor(1)

    def cursor_previous(self) -> None:
        """Move the cursor to the message or code block before."""
        self._move_cursor(-1)

    def cursor_clear(self) -> None:
        """Put the cursor away."""
        self._place = None
        self.refresh()

    def _move_cursor(self, step: int) -> None:
        book = self.book
        if book is None:
            return
        page = book.page_at(self.scroll_offset.y + self.size.height - 1)
        stop = neighbour(book, self._place, step, page)
        if stop is None:
            return
        self._place = stop.place
        self.reveal(stop.start, stop.end)
        self.refresh()

    @property
    def spoken_at_cursor(self) -> tuple[str, int] | None:
        """The turn's id and the position of the part that the cursor stands in; -1 where that is no part."""
        book, place = self.book, self._place
        if book is None or place is None or place.page >= len(book.pages):
            return None
        page = book.pages[place.page]
        block = (page.blocks or [])[place.block : place.block + 1]
        at = (at for at, part in enumerate(page.turn.parts) if block and part is block[0].slot)
        return page.turn.turn_id, next(at, -1)

    def copyable_at_cursor(self) -> str | None:
        """The source of what the cursor stands on; None without a cursor."""
        if self._place is None or self.book is None:
            return None
        stop = stop_at(self.book, self._place)
        return stop.text if stop is not None else None

    def copy_current(self) -> str:
        """The source of what the cursor stands on, or else of the newest answer."""
        return self.copyable_at_cursor() or last_answer(self.session)

    # -- finding ---------------------------------------------------------------------------
    def find(self, text: str) -> int:
        """Look for `text`, show the last match and mark all. Returns how often it occurs."""
        from handinger_tui.ui.transcript.search import search  # noqa: PLC0415 - with all that lays out text

        self._search = search(self.session, text) if self.session is not None else None
        if self._search is None or not self._search.hits:
            self.find_clear()
            return 0
        self._search.at = len(self._search.hits)
        self._step(-1)
        return self._search.count

    def find_next(self) -> None:
        """Go to the match below."""
        self._step(1)

    def find_previous(self) -> None:
        """Go to the match above."""
        self._step(-1)

    @property
    def finding(self) -> bool:
        """Matches are marked."""
        return self._search is not None

    def find_clear(self) -> None:
        """Take the marks away."""
        self._search = None
        self.refresh()

    def _step(self, step: int) -> None:
        found, book, paints = self._search, self.book, self.paints
        if found is None or book is None or paints is None or not found.hits:
            return
        row = self._match_row(found, step, found.row)
        if row is None:
            found.at = (found.at + step) % len(found.hits)
            row = self._match_row(found, step, None)
        if row is not None:
            found.row = row
            self.reveal(row, row + 1)
        self.refresh()

    def _match_row(self, found: Search, step: int, after: int | None) -> int | None:
        """The next row with a match in the present hit; None when there is no further one."""
        book, paints = self.book, self.paints
        if book is None or paints is None or not 0 <= found.at < len(found.hits):
            return None
        hit = found.hits[found.at]
        book.measure(hit.turn)
        page = book.pages[hit.turn]
        block = (page.blocks or [])[hit.slot]
        if block.foldable and not block.unfolded:
            self.fold(hit.turn, hit.slot)
            block = (page.blocks or [])[hit.slot]
        start = book.start(hit.turn) + page.starts[hit.slot] + block.gap
        rows = [start + row for row in found.rows(block.sheet, paints)]
        if after is not None:
            rows = [row for row in rows if (row > after if step > 0 else row < after)]
        return None if not rows else rows[0] if step > 0 else rows[-1]
