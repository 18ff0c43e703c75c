"""Transcript: the conversation on the screen.

It draws its lines itself, with no widget per message: what a paint costs does
not depend on how long the conversation is. It opens nothing and sends nothing:
a click on a link becomes a message.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.style import Style as RichStyle
from textual import events
from textual.geometry import Offset
from textual.message import Message
from textual.selection import Selection
from textual.strip import Strip

from handinger_tui.ui.transcript.book import ReceiptOf
from handinger_tui.ui.transcript.cursor import Place, last_answer, neighbour, rows_at, stop_at
from handinger_tui.ui.transcript.draw import with_cursor, with_matches, with_selection
from handinger_tui.ui.transcript.paint import MARGIN
from handinger_tui.ui.transcript.pointing import Pointing
from handinger_tui.ui.transcript.window import no_receipt

if TYPE_CHECKING:
    from handinger_tui.ui.transcript.search import Search


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
