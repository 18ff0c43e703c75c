"""Pointing: a mention of a source is brought into sight and marked, wherever the text moves meanwhile."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from textual.strip import Strip

from handinger_tui.core.mentions import Mention
from handinger_tui.core.record import dataclass
from handinger_tui.core.turn import TextPart
from handinger_tui.ui.transcript.anchors import anchor_of
from handinger_tui.ui.transcript.draw import over, with_cursor
from handinger_tui.ui.transcript.folding import Folding
from handinger_tui.ui.transcript.paint import cells
from handinger_tui.ui.transcript.sheet import Sheet

if TYPE_CHECKING:
    from handinger_tui.ui.transcript.page import Block

Line = tuple[int, int]
"""First cell, and the cell after the last."""


@dataclass(slots=True)
class _Pointed:
    """A mention, and the lines of `sheet` that show it, as long as that has the same height."""

    mention: Mention
    key: str
    sheet: Sheet | None = None
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
