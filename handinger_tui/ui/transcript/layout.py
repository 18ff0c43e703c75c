"""Layout of the transcript: the rows of every turn and their positions.

Rows become strips (`StripCache`) only when they come into sight.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Final, NamedTuple

from textual.content import Content
from textual.strip import Strip

from handinger_tui.core.turns.session import Session, same_front
from handinger_tui.core.turns.turn import ReasoningPart, Rope, TextPart, Turn
from handinger_tui.ui.transcript.markdown.code import highlight_steps, highlighted_lines, is_lexer_loaded
from handinger_tui.ui.transcript.markdown.document import LiveMarkdown
from handinger_tui.ui.transcript.painting import MARGIN, Palette, paint, row_height
from handinger_tui.ui.transcript.rows.parts import (
    FOLDABLE,
    RowOptions,
    gap_between,
    reasoning_line,
    slot_rows,
    source_of,
)
from handinger_tui.ui.transcript.rows.row import INDENT, Row, indented
from handinger_tui.ui.transcript.rows.slots import Slot, has_same_rows, slot_key, slots_of

MIN_CACHED_ROWS: Final = 400
"""Minimum number of rows whose strips are cached: a few screens.

Each takes about 5 kB, as a strip has seven caches.
"""


class StripCache:
    """A cache of painted strips for the most recently used rows."""

    def __init__(self, palette: Palette, width: int) -> None:
        self.palette: Final = palette
        self.width: Final = width
        self.painted = 0
        """Number of rows painted so far; tests use it to measure the cost of a change."""
        self.room = MIN_CACHED_ROWS
        """Maximum number of rows whose strips are cached."""
        self._cached: OrderedDict[int, tuple[Row, list[Strip]]] = OrderedDict()

    def strips(self, row: Row, tone: str | None) -> list[Strip]:
        """Return the strips of a row, painted on first use. `tone` replaces the style of plain text rows."""
        # The row is cached with its strips: while it is alive, no other row can have its id.
        cached = self._cached.get(id(row))
        if cached is not None:
            self._cached.move_to_end(id(row))
            return cached[1]
        strips = list(paint(row, self.width, self.palette, tone))
        self.painted += 1
        self._cached[id(row)] = (row, strips)
        if len(self._cached) > self.room:
            self._cached.popitem(last=False)
        return strips


class CodeBlock(NamedTuple):
    """A code block in a row buffer: its first screen row, the row after its last, and its text."""

    start: int
    end: int
    text: str


class RowBuffer:
    """Consecutive rows with their screen positions, in a view of `width` cells."""

    def __init__(self, width: int, tone: str | None = None) -> None:
        self.rows: list[Row] = []
        self.height = 0
        self.tone: Final = tone
        self._width = width
        self._starts: list[int] = []
        self.plain_code_rows: list[int] = []
        """Indexes of the rows at which code blocks begin that are not highlighted yet."""

    def replace(self, keep: int, fresh: list[Row]) -> int:
        """Keep the first `keep` rows and append `fresh`. Returns the first changed screen row."""
        if keep < len(self.rows):
            self.height = self._starts[keep]
            del self.rows[keep:], self._starts[keep:]
            self.plain_code_rows = [at for at in self.plain_code_rows if at < keep]
        changed = self.height
        for row in fresh:
            if row.deferred_language:
                self.plain_code_rows.append(len(self.rows))
            self.rows.append(row)
            self._starts.append(self.height)
            self.height += row_height(row, self._width)
        return changed

    def replace_first(self, row: Row) -> None:
        """Replace the first row by one of the same height."""
        self.rows[0] = row

    def highlight(self) -> Iterator[str]:
        """Highlight the plain code blocks in steps of about 5 ms. Heights do not change.

        Yields the language that must be loaded before the next step, or "".
        """
        for head in [self.rows[at] for at in self.plain_code_rows]:
            text = head.code[0] if head.code is not None else ""
            if not is_lexer_loaded(head.deferred_language):
                yield head.deferred_language
            for _step in highlight_steps(text, head.deferred_language):
                yield ""
            # The rows may have been rebuilt between two steps and have other indexes now.
            at = next((at for at in self.plain_code_rows if self.rows[at] is head), None)
            if at is not None:
                self._set_highlighted(at, highlighted_lines(text, head.deferred_language))
                yield ""

    def _set_highlighted(self, at: int, lines: Sequence[Content]) -> None:
        self.plain_code_rows.remove(at)
        self.rows[at] = replace(self.rows[at], deferred_language="")
        for number, line in enumerate(lines, at + 1):
            self.rows[number] = replace(self.rows[number], content=line)

    def strip(self, y: int, strip_cache: StripCache) -> Strip:
        """Return the strip at screen row `y`."""
        at = self.row_at(y)
        strips = strip_cache.strips(self.rows[at], self.tone)
        return strips[min(y - self._starts[at], len(strips) - 1)]

    def row_at(self, y: int) -> int:
        """Return the index of the row that covers screen row `y`."""
        return max(0, bisect_right(self._starts, y) - 1)

    def between(self, first: int, last: int) -> list[Row]:
        """Return the rows that cover screen rows `first` to `last` (exclusive)."""
        if last <= 0 or first >= self.height:
            return []
        return self.rows[self.row_at(max(0, first)) : self.row_at(min(last, self.height) - 1) + 1]

    def start_of(self, row: int) -> int:
        """Return the screen row at which row `row` begins."""
        return self._starts[row] if row < len(self._starts) else self.height

    def codes(self) -> list[CodeBlock]:
        """Return the code blocks, in order."""
        return [
            CodeBlock(self._starts[at], self.start_of(at + row.code[1]), row.code[0])
            for at, row in enumerate(self.rows)
            if row.code is not None
        ]


STEP_CHARS: Final = 4_000
"""Characters laid out in one prefetch step: about 5 ms."""
Unfolded = Callable[[str, str], bool]
"""Tells whether a slot is unfolded, given the turn's id and the slot's key."""


@dataclass(slots=True)
class Block:
    """One slot with its rows.

    `gap` is the number of empty rows before it. `growing` is true while more text may be streamed into it.
    """

    slot: Slot
    gap: int
    growing: bool
    unfolded: bool
    buffer: RowBuffer
    live: LiveMarkdown | None = None

    @property
    def height(self) -> int:
        """Number of screen rows including the gap; 0 when there is nothing to show."""
        return self.gap + self.buffer.height if self.buffer.height else 0

    @property
    def foldable(self) -> bool:
        """Whether the slot can be folded into one line."""
        return isinstance(self.slot, FOLDABLE)

    @property
    def source(self) -> str:
        """The source text of the slot, used for copying and searching."""
        return source_of(self.slot)

    def key(self, at: int) -> str:
        """Return the key of the slot, which has index `at` in its turn."""
        return slot_key(self.slot, at)

    def fill(self, width: int) -> int:
        """Lay out the changed part. Returns the first changed screen row of the block."""
        options = RowOptions(width - MARGIN - 1, self.unfolded)
        slot = self.slot
        if isinstance(slot, TextPart) or (isinstance(slot, ReasoningPart) and self.unfolded):
            return self.gap + self._fill_markdown(slot, options, slot.text, done=not self.growing)
        self.live = None
        return self.gap + self.buffer.replace(0, slot_rows(slot, options))

    def fill_slowly(self, width: int) -> Iterator[bool]:
        """Lay out the block in steps of `STEP_CHARS` characters.

        The rows equal those of a layout in one go.
        """
        slot, options = self.slot, RowOptions(width - MARGIN - 1, self.unfolded)
        if isinstance(slot, TextPart) or (isinstance(slot, ReasoningPart) and self.unfolded):
            text = slot.text
            for end in range(STEP_CHARS, len(text), STEP_CHARS):
                self._fill_markdown(slot, options, text[:end], done=False)
                yield True
        self.fill(width)

    def _fill_markdown(
        self, slot: TextPart | ReasoningPart, options: RowOptions, text: str, *, done: bool
    ) -> int:
        inset = 0 if isinstance(slot, TextPart) else INDENT.cell_length
        live = self.live or LiveMarkdown(options.width - inset, defer_highlight=True)
        unchanged = live.update(text, done=done)
        fresh = live.rows[unchanged:]
        self.live = None if done else live
        if isinstance(slot, TextPart):
            return self.buffer.replace(unchanged, fresh)
        head = reasoning_line(slot, options)
        if not self.buffer.rows:
            self.buffer.replace(0, [head])
        self.buffer.replace_first(head)
        self.buffer.replace(unchanged + 1, indented(fresh, INDENT, INDENT))
        return 0


def _new_block(slot: Slot, gap: int, width: int, *, growing: bool, unfolded: bool) -> Block:
    """Create a block without rows."""
    tone = "faint" if isinstance(slot, ReasoningPart) else None
    return Block(slot, gap, growing, unfolded, RowBuffer(width, tone))


class TurnLayout:
    """The layout of one turn. `height` is an estimate until `blocks` exist, and exact afterwards."""

    def __init__(self, turn: Turn, height: int) -> None:
        self.turn = turn
        self.height = height
        self.measured = False
        self.blocks: list[Block] | None = None
        self.starts: list[int] = []
        self.receipt = ""
        """The receipt text that the blocks show."""
        self.ahead: list[Block] = []
        """Blocks laid out in advance; the first `fill` uses them."""

    @property
    def available_blocks(self) -> list[Block]:
        """The existing blocks: those shown, or else those laid out in advance."""
        return self.blocks or self.ahead

    @property
    def available_height(self) -> int:
        """Height of `available_blocks` in rows, including the two empty rows between two turns."""
        return sum(block.height for block in self.available_blocks) + 2

    def prepare(self, receipt: str, width: int, unfolded: Unfolded) -> Iterator[bool]:
        """Lay out the blocks in advance, in small steps. Nothing on the screen changes."""
        ahead: list[Block] = []
        for slot, gap, opened in self._slots_with_gaps(receipt, unfolded):
            block = _new_block(slot, gap, width, growing=self._is_growing(slot), unfolded=opened)
            yield from block.fill_slowly(width)
            ahead.append(block)
            yield True
        self.ahead = ahead

    def _slots_with_gaps(self, receipt: str, unfolded: Unfolded) -> Iterator[tuple[Slot, int, bool]]:
        """Yield each slot with the number of empty rows before it and whether it is unfolded."""
        before: Slot | None = None
        below_unfolded = False
        for number, slot in enumerate(slots_of(self.turn, receipt)):
            opened = unfolded(self.turn.turn_id, slot_key(slot, number))
            yield slot, int(before is not None and (below_unfolded or gap_between(before, slot))), opened
            before, below_unfolded = slot, opened and isinstance(slot, FOLDABLE)

    def fill(self, receipt: str, width: int, unfolded: Unfolded) -> int | None:
        """Create or update the blocks.

        Returns the first changed row of the turn, None when nothing changed.
        """
        old, self.receipt = self.available_blocks, receipt
        blocks: list[Block] = []
        changed: int | None = None
        at = 0
        for number, (slot, gap, opened) in enumerate(self._slots_with_gaps(receipt, unfolded)):
            before = old[number] if number < len(old) else None
            block, first = self._update_block(slot, before, gap, width, opened)
            if changed is None and first is not None:
                changed = at + min(first, block.height)
            blocks.append(block)
            at += block.height
        if changed is None and len(blocks) < len(old):
            changed = at
        self.blocks, self.ahead = blocks, []
        self.starts = list(accumulate((block.height for block in blocks), initial=0))
        # Two empty rows separate a turn from the next.
        self.height, self.measured = at + 2, True
        return changed

    def _update_block(
        self, slot: Slot, before: Block | None, gap: int, width: int, unfolded: bool
    ) -> tuple[Block, int | None]:
        growing = self._is_growing(slot)
        if before is not None and before.gap == gap and before.unfolded == unfolded:
            if before.growing == growing and has_same_rows(before.slot, slot):
                return before, None
            if type(before.slot) is type(slot) and isinstance(slot, TextPart | ReasoningPart):
                before.slot, before.growing = slot, growing
                return before, before.fill(width)
        block = _new_block(slot, gap, width, growing=growing, unfolded=unfolded)
        block.fill(width)
        return block, 0

    def _is_growing(self, slot: Slot) -> bool:
        return self.turn.live and isinstance(slot, TextPart | ReasoningPart) and slot.open

    def block_at(self, row: int) -> int:
        """Return the index of the block that covers row `row` of this turn."""
        at = bisect_right(self.starts, row) - 1
        return min(max(0, at), len(self.starts) - 2)


ReceiptOf = Callable[[Session, Turn], str]
"""Returns the receipt text of a turn, "" for none."""


def _has_same_readings(old: Sequence[Turn], new: Sequence[Turn]) -> bool:
    """Whether both sequences have the same number of turns with identical usage readings.

    Then no receipt can have changed.
    """
    pairs = zip(old, new, strict=False)
    return len(old) == len(new) and all(
        a.status is b.status and a.snapshot is b.snapshot and a.before is b.before for a, b in pairs
    )


class ReadingPosition(NamedTuple):
    """A position that survives a new layout: turn, block, row, and screen rows below the row's start."""

    turn: int
    block: int = 0
    row: int = 0
    below: int = 0


PREPARED: Final = 400_000
"""A turn with more characters than this is laid out only when it comes into sight."""
RESOLVED: Final = 20_000
"""The same limit for text that may hold link definitions: these force a second layout in one go."""
KEPT_TURNS: Final = 60
"""Maximum number of turns whose rows are kept while they are out of sight."""
FEW_TURNS: Final = 16
"""Turns that are kept whatever their length, so that a long one in sight is not laid out for every paint."""
LAYOUT_ROOM: Final = 800
"""Number of rows (1 kB each) above which only `FEW_TURNS` turns are kept."""


class TranscriptLayout:
    """The layouts of all turns of a session, in a view of `width` cells."""

    def __init__(self, width: int, receipt: ReceiptOf, unfolded: Unfolded) -> None:
        self.width: Final = width
        self.turns: list[TurnLayout] = []
        self.session: Session | None = None
        self.filled = 0
        """Number of turn layouts computed so far; tests use it to measure the cost of a change."""
        self.corrected = 0
        """Number of turns whose estimated height was wrong; each one shifted the rows after it."""
        self.room = LAYOUT_ROOM
        """Maximum number of rows kept; more than can be in sight."""
        self._receipt = receipt
        self._unfolded = unfolded
        self._starts: list[int] = [0]
        self._recently_used: dict[int, None] = {}

    @property
    def height(self) -> int:
        """Total number of rows."""
        return self._starts[-1]

    def show(self, session: Session) -> int | None:
        """Switch to a newer value of the session.

        Returns the first changed row, None when nothing changed.
        """
        before, self.session = self.session, session
        same = 0 if before is None else same_front(before.turns, session.turns)
        moved = before is not None and not _has_same_readings(before.turns[same:], session.turns[same:])
        first: int | None = None
        for at, turn in enumerate(session.turns):
            if at < len(self.turns) and self.turns[at].turn is turn:
                # A receipt may depend on the usage readings of earlier and later turns.
                changed = self._update_receipt(at) if moved else None
            else:
                changed = self._set_turn(at, turn)
            if changed is not None and first is None:
                first = changed
        if len(self.turns) > len(session.turns):
            del self.turns[len(session.turns) :]
            self._update_starts(len(self.turns))
            first = self.height if first is None else first
        return first

    def _set_turn(self, at: int, turn: Turn) -> int | None:
        if at == len(self.turns):
            self.turns.append(self._new_turn_layout(turn))
            self._update_starts(at)
            return self._starts[at]
        turn_layout = self.turns[at]
        if turn_layout.turn.turn_id != turn.turn_id:
            self.turns[at] = self._new_turn_layout(turn)
            self._update_starts(at)
            return self._starts[at]
        turn_layout.turn = turn
        if turn_layout.blocks is None:
            turn_layout.height, turn_layout.measured = estimate(turn, self.width), False
            self._update_starts(at)
            return self._starts[at]
        return self._refill(at)

    def _update_receipt(self, at: int) -> int | None:
        """Lay out a turn again if its receipt changed.

        Returns the first changed row, None when none changed.
        """
        turn_layout, session = self.turns[at], self.session
        if (
            session is None
            or turn_layout.blocks is None
            or turn_layout.receipt == self._receipt(session, turn_layout.turn)
        ):
            return None
        return self._refill(at)

    def _new_turn_layout(self, turn: Turn) -> TurnLayout:
        return TurnLayout(turn, estimate(turn, self.width))

    def _refill(self, at: int) -> int | None:
        turn_layout, session = self.turns[at], self.session
        assert session is not None, "turns exist only for a session"  # noqa: S101  # narrows the type
        self.filled += 1
        height = turn_layout.height
        changed = turn_layout.fill(self._receipt(session, turn_layout.turn), self.width, self._unfolded)
        if turn_layout.height != height:
            self._update_starts(at)
        return None if changed is None else self._starts[at] + changed

    def refill(self, at: int) -> None:
        """Lay out a turn again after one of its slots was folded or unfolded."""
        self._refill(at)

    def measure(self, at: int) -> int:
        """Lay out a turn if it has no rows yet. Returns by how many rows its height changed."""
        self._recently_used.pop(at, None)
        self._recently_used[at] = None
        turn_layout = self.turns[at]
        if turn_layout.blocks is not None:
            return 0
        height = turn_layout.height
        self._refill(at)
        self._evict_oldest()
        self.corrected += turn_layout.height != height
        return turn_layout.height - height

    def prepare(self, at: int) -> Iterator[bool]:
        """Lay out a turn in advance, in steps of a few milliseconds. Its height stays the estimate."""
        turn_layout, session = self.turns[at], self.session
        if (
            turn_layout.available_blocks
            or turn_layout.turn.live
            or session is None
            or not _can_prefetch(turn_layout.turn)
        ):
            return
        self._recently_used[at] = None
        yield from turn_layout.prepare(self._receipt(session, turn_layout.turn), self.width, self._unfolded)
        self._evict_oldest()

    def _evict_oldest(self) -> None:
        rows = sum(self.turns[at].height for at in self._recently_used if at < len(self.turns))
        while len(self._recently_used) > (FEW_TURNS if rows > self.room else KEPT_TURNS):
            oldest = next(iter(self._recently_used))
            del self._recently_used[oldest]
            if oldest >= len(self.turns):
                continue
            rows -= self.turns[oldest].height
            if not self.turns[oldest].turn.live:
                self.turns[oldest].blocks, self.turns[oldest].ahead = None, []

    def _update_starts(self, at: int) -> None:
        """Recompute the positions of the turns from `at` on after a height changed."""
        del self._starts[at + 1 :]
        y = self._starts[at]
        for turn_layout in self.turns[at:]:
            y += turn_layout.height
            self._starts.append(y)

    # -- places ---------------------------------------------------------------------------
    def start(self, at: int) -> int:
        """Return the first row of turn `at`."""
        return self._starts[at]

    def turn_at(self, y: int) -> int:
        """Return the index of the turn that covers row `y`."""
        return min(max(0, bisect_right(self._starts, y) - 1), max(0, len(self.turns) - 1))

    def number_of(self, turn_id: str) -> int | None:
        """Return the index of the turn with this id, None if there is none."""
        turns = enumerate(self.turns)
        return next((at for at, turn_layout in turns if turn_layout.turn.turn_id == turn_id), None)

    def spot(self, y: int) -> ReadingPosition:
        """Return the position of row `y` in a form that `find` can resolve after a new layout."""
        number = self.turn_at(y)
        if not self.turns:
            return ReadingPosition(0)
        self.measure(number)
        turn_layout, row = self.turns[number], y - self._starts[number]
        at = turn_layout.block_at(row)
        block = (turn_layout.blocks or [])[at]
        inside = row - turn_layout.starts[at] - block.gap
        if inside < 0 or inside >= block.buffer.height:
            return ReadingPosition(number, at, -1, row - turn_layout.starts[at])
        line = block.buffer.row_at(inside)
        return ReadingPosition(number, at, line, inside - block.buffer.start_of(line))

    def find(self, spot: ReadingPosition) -> int:
        """Return the current row of a position."""
        if not self.turns:
            return 0
        number = min(spot.turn, len(self.turns) - 1)
        self.measure(number)
        turn_layout = self.turns[number]
        blocks = turn_layout.blocks or []
        at = min(spot.block, len(blocks) - 1)
        start = self._starts[number] + turn_layout.starts[at]
        if spot.row < 0:
            return start + spot.below
        row = start + blocks[at].gap + blocks[at].buffer.start_of(spot.row)
        return min(row + spot.below, self._starts[number] + turn_layout.height - 1)


def estimate(turn: Turn, width: int) -> int:
    """Estimate the height of a turn in rows. An error of a few rows is harmless while it is out of sight."""
    rows = 6 + turn.order.prompt.count("\n") + len(turn.order.prompt) // width
    for part in turn.parts:
        if isinstance(part, TextPart):
            rows += 1 + _rope_rows(part.body, min(width, 100))
        else:
            rows += 1
    return rows


def _can_prefetch(turn: Turn) -> bool:
    """Whether the turn can be laid out in advance without a long step or too much memory."""
    texts = [part.body for part in turn.parts if isinstance(part, TextPart)]
    size = sum(len(piece) for rope in texts for piece in (*rope.sealed, rope.tail))
    linked = size > RESOLVED and any("]:" in piece for rope in texts for piece in (*rope.sealed, rope.tail))
    return size <= PREPARED and not linked


def _rope_rows(rope: Rope, width: int) -> int:
    pieces = (*rope.sealed, rope.tail)
    return sum(piece.count("\n") + int(len(piece) / width * 0.55) for piece in pieces)
