"""Book: all pages of a session, and where each stands.

A page that nobody looked at has an estimated height; one that was left long
ago keeps its height and drops its rows.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from handinger_tui.core.session import Session
from handinger_tui.core.text import Rope
from handinger_tui.core.turn import TextPart, Turn
from handinger_tui.core.walks import same_front

if TYPE_CHECKING:
    from handinger_tui.ui.transcript.page import Page, Unfolded

ReceiptOf = Callable[[Session, Turn], str]


def _read_alike(old: Sequence[Turn], new: Sequence[Turn]) -> bool:
    """The very same readings of as many turns: no receipt can say anything else."""
    pairs = zip(old, new, strict=False)
    return len(old) == len(new) and all(
        a.status is b.status and a.snapshot is b.snapshot and a.before is b.before for a, b in pairs
    )


class Spot(NamedTuple):
    """A place that outlives a new layout: page, block, row, and screen rows below that row's start."""

    page: int
    block: int = 0
    row: int = 0
    below: int = 0


PREPARED: Final = 400_000
"""Characters above which a turn is not laid out before somebody looks at it."""
RESOLVED: Final = 20_000
"""The same where links may be defined: then all of it is laid out again in one go."""
KEPT_PAGES: Final = 60
"""Pages whose rows are kept at most when they are out of sight."""
FEW_PAGES: Final = 16
"""Pages that are kept however long they are: a long one in sight is not laid out for each paint."""
ROOM: Final = 800
"""Rows, 1 kB each, above which fewer pages are kept."""


class Book:
    """All pages of a session in a view of `width` cells."""

    def __init__(self, width: int, receipt: ReceiptOf, unfolded: Unfolded) -> None:
        self.width: Final = width
        self.pages: list[Page] = []
        self.session: Session | None = None
        self.filled = 0
        """Pages laid out so far, for tests of what a change costs."""
        self.corrected = 0
        """Pages whose height was not what had been thought: rows behind them stand elsewhere since."""
        self.room = ROOM
        """Rows that are kept; more than can be in sight."""
        self._receipt = receipt
        self._unfolded = unfolded
        self._starts: list[int] = [0]
        self._recent: dict[int, None] = {}

    @property
    def height(self) -> int:
        """All rows."""
        return self._starts[-1]

    def show(self, session: Session) -> int | None:
        """Take in a newer value of the session. Returns the first changed row, None when nothing did."""
        before, self.session = self.session, session
        same = 0 if before is None else same_front(before.turns, session.turns)
        moved = before is not None and not _read_alike(before.turns[same:], session.turns[same:])
        first: int | None = None
        for at, turn in enumerate(session.turns):
            if at < len(self.pages) and self.pages[at].turn is turn:
                # A receipt may depend on readings of turns before it and behind it.
                changed = self._renew_receipt(at) if moved else None
            else:
                changed = self._put(at, turn)
            if changed is not None and first is None:
                first = changed
        if len(self.pages) > len(session.turns):
            del self.pages[len(session.turns) :]
            self._restart(len(self.pages))
            first = self.height if first is None else first
        return first

    def _put(self, at: int, turn: Turn) -> int | None:
        if at == len(self.pages):
            self.pages.append(self._page(turn))
            self._restart(at)
            return self._starts[at]
        page = self.pages[at]
        if page.turn.turn_id != turn.turn_id:
            self.pages[at] = self._page(turn)
            self._restart(at)
            return self._starts[at]
        page.turn = turn
        if page.blocks is None:
            page.height, page.measured = estimate(turn, self.width), False
            self._restart(at)
            return self._starts[at]
        return self._refill(at)

    def _renew_receipt(self, at: int) -> int | None:
        """Lay out a page again whose receipt says something else; returns its first changed row."""
        page, session = self.pages[at], self.session
        if session is None or page.blocks is None or page.receipt == self._receipt(session, page.turn):
            return None
        return self._refill(at)

    def _page(self, turn: Turn) -> Page:
        # With all that lays out text: 6 ms, which the first screen, empty as it is, need not wait for.
        from handinger_tui.ui.transcript.page import Page  # noqa: PLC0415 - as said above

        return Page(turn, estimate(turn, self.width))

    def _refill(self, at: int) -> int | None:
        page, session = self.pages[at], self.session
        assert session is not None, "pages exist only for a session"  # noqa: S101  # narrows the type
        self.filled += 1
        height = page.height
        changed = page.fill(self._receipt(session, page.turn), self.width, self._unfolded)
        if page.height != height:
            self._restart(at)
        return None if changed is None else self._starts[at] + changed

    def refill(self, at: int) -> None:
        """Lay out a page again after something was folded or unfolded."""
        self._refill(at)

    def measure(self, at: int) -> int:
        """Make a page's rows if it has none. Returns by how many rows its height changed."""
        self._recent.pop(at, None)
        self._recent[at] = None
        page = self.pages[at]
        if page.blocks is not None:
            return 0
        height = page.height
        self._refill(at)
        self._forget()
        self.corrected += page.height != height
        return page.height - height

    def prepare(self, at: int) -> Iterator[bool]:
        """Make a page's rows beforehand, in steps of a few milliseconds; its height stays what it is."""
        page, session = self.pages[at], self.session
        if page.made or page.turn.live or session is None or not _small(page.turn):
            return
        self._recent[at] = None
        yield from page.prepare(self._receipt(session, page.turn), self.width, self._unfolded)
        self._forget()

    def _forget(self) -> None:
        rows = sum(self.pages[at].height for at in self._recent if at < len(self.pages))
        while len(self._recent) > (FEW_PAGES if rows > self.room else KEPT_PAGES):
            oldest = next(iter(self._recent))
            del self._recent[oldest]
            if oldest >= len(self.pages):
                continue
            rows -= self.pages[oldest].height
            if not self.pages[oldest].turn.live:
                self.pages[oldest].blocks, self.pages[oldest].ahead = None, []

    def _restart(self, at: int) -> None:
        """Positions of the pages from `at` on, after a height changed."""
        del self._starts[at + 1 :]
        y = self._starts[at]
        for page in self.pages[at:]:
            y += page.height
            self._starts.append(y)

    # -- places ---------------------------------------------------------------------------
    def start(self, page: int) -> int:
        """The first row of a page."""
        return self._starts[page]

    def page_at(self, y: int) -> int:
        """The page that row `y` belongs to."""
        return min(max(0, bisect_right(self._starts, y) - 1), max(0, len(self.pages) - 1))

    def number_of(self, turn_id: str) -> int | None:
        """The page of a turn."""
        turns = enumerate(self.pages)
        return next((at for at, page in turns if page.turn.turn_id == turn_id), None)

    def spot(self, y: int) -> Spot:
        """The place of row `y`, for finding it again."""
        number = self.page_at(y)
        if not self.pages:
            return Spot(0)
        self.measure(number)
        page, row = self.pages[number], y - self._starts[number]
        at = page.block_at(row)
        block = (page.blocks or [])[at]
        inside = row - page.starts[at] - block.gap
        if inside < 0 or inside >= block.sheet.height:
            return Spot(number, at, -1, row - page.starts[at])
        line = block.sheet.row_at(inside)
        return Spot(number, at, line, inside - block.sheet.start_of(line))

    def find(self, spot: Spot) -> int:
        """The row where a place is now."""
        if not self.pages:
            return 0
        number = min(spot.page, len(self.pages) - 1)
        self.measure(number)
        page = self.pages[number]
        blocks = page.blocks or []
        at = min(spot.block, len(blocks) - 1)
        start = self._starts[number] + page.starts[at]
        if spot.row < 0:
            return start + spot.below
        row = start + blocks[at].gap + blocks[at].sheet.start_of(spot.row)
        return min(row + spot.below, self._starts[number] + page.height - 1)


def estimate(turn: Turn, width: int) -> int:
    """About how many rows a turn takes. A few rows off is fine: nobody has seen it yet."""
    rows = 6 + turn.order.prompt.count("\n") + len(turn.order.prompt) // width
    for part in turn.parts:
        if isinstance(part, TextPart):
            rows += 1 + _rope_rows(part.body, min(width, 100))
        else:
            rows += 1
    return rows


def _small(turn: Turn) -> bool:
    """Laying it out in steps takes no long step and not too much memory."""
    texts = [part.body for part in turn.parts if isinstance(part, TextPart)]
    size = sum(len(piece) for rope in texts for piece in (*rope.sealed, rope.tail))
    linked = size > RESOLVED and any("]:" in piece for rope in texts for piece in (*rope.sealed, rope.tail))
    return size <= PREPARED and not linked


def _rope_rows(rope: Rope, width: int) -> int:
    pieces = (*rope.sealed, rope.tail)
    return sum(piece.count("\n") + int(len(piece) / width * 0.55) for piece in pieces)
