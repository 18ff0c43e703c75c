"""Folding: shows the values of a session in the window, and keeps what is folded and where the reader is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from textual.strip import Strip

from handinger_tui.core.session import Session
from handinger_tui.ui.transcript.book import Book, ReceiptOf, Spot
from handinger_tui.ui.transcript.paint import Palette
from handinger_tui.ui.transcript.sheet import Paints
from handinger_tui.ui.transcript.window import Window, no_receipt

if TYPE_CHECKING:
    from handinger_tui.ui.transcript.page import Block


class Folding(Window):
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
        self.book = Book(self.size.width, self._receipt, self._is_unfolded)
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
