"""Page: what is shown of one turn. Of a newer turn value only what changed is laid out again."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from itertools import accumulate
from typing import Final

from handinger_tui.core.record import dataclass
from handinger_tui.core.turn import ReasoningPart, TextPart, Turn
from handinger_tui.ui.transcript.cards import Look
from handinger_tui.ui.transcript.markdown import LiveMarkdown
from handinger_tui.ui.transcript.paint import MARGIN
from handinger_tui.ui.transcript.row import INDENT, indented
from handinger_tui.ui.transcript.rows import FOLDABLE, gap_between, reasoning_line, slot_rows, source_of
from handinger_tui.ui.transcript.sheet import Sheet
from handinger_tui.ui.transcript.slots import Slot, same, slot_key, slots_of

BITE: Final = 4_000
"""Characters laid out in one step beforehand: about 5 ms."""
Unfolded = Callable[[str, str], bool]
"""Whether a slot is unfolded, by the turn's id and the slot's key."""


@dataclass(slots=True)
class Block:
    """One slot with its rows. `gap` rows stand empty before it; `growing` while its text may go on."""

    slot: Slot
    gap: int
    growing: bool
    unfolded: bool
    sheet: Sheet
    live: LiveMarkdown | None = None

    @property
    def height(self) -> int:
        """Screen rows, the empty one before it included; 0 when there is nothing to show."""
        return self.gap + self.sheet.height if self.sheet.height else 0

    @property
    def foldable(self) -> bool:
        """It is shown in one line, or whole."""
        return isinstance(self.slot, FOLDABLE)

    @property
    def source(self) -> str:
        """Its text, as it is copied and searched."""
        return source_of(self.slot)

    def key(self, at: int) -> str:
        """Its name in the turn, in which it stands `at` there."""
        return slot_key(self.slot, at)

    def fill(self, width: int) -> int:
        """Lay out what changed. Returns the first changed screen row of the block."""
        look = Look(width - MARGIN - 1, self.unfolded)
        slot = self.slot
        if isinstance(slot, TextPart) or (isinstance(slot, ReasoningPart) and self.unfolded):
            return self.gap + self._fill_markdown(slot, look, slot.text, done=not self.growing)
        self.live = None
        return self.gap + self.sheet.replace(0, slot_rows(slot, look))

    def fill_slowly(self, width: int) -> Iterator[bool]:
        """Lay out all of it a bite at a time: streamed rows are the rows of the whole."""
        slot, look = self.slot, Look(width - MARGIN - 1, self.unfolded)
        if isinstance(slot, TextPart) or (isinstance(slot, ReasoningPart) and self.unfolded):
            text = slot.text
            for end in range(BITE, len(text), BITE):
                self._fill_markdown(slot, look, text[:end], done=False)
                yield True
        self.fill(width)

    def _fill_markdown(self, slot: TextPart | ReasoningPart, look: Look, text: str, *, done: bool) -> int:
        inset = 0 if isinstance(slot, TextPart) else INDENT.cell_length
        live = self.live or LiveMarkdown(look.width - inset, later=True)
        kept = live.update(text, done=done)
        fresh = live.rows[kept:]
        self.live = None if done else live
        if isinstance(slot, TextPart):
            return self.sheet.replace(kept, fresh)
        head = reasoning_line(slot, look)
        if not self.sheet.rows:
            self.sheet.replace(0, [head])
        self.sheet.replace_first(head)
        self.sheet.replace(kept + 1, indented(fresh, INDENT, INDENT))
        return 0


def _block(slot: Slot, gap: int, width: int, *, growing: bool, unfolded: bool) -> Block:
    """A block without rows."""
    tone = "faint" if isinstance(slot, ReasoningPart) else None
    return Block(slot, gap, growing, unfolded, Sheet(width, tone))


class Page:
    """One turn. `height` is exact once `blocks` were made, an estimate before."""

    def __init__(self, turn: Turn, height: int) -> None:
        self.turn = turn
        self.height = height
        self.measured = False
        self.blocks: list[Block] | None = None
        self.starts: list[int] = []
        self.receipt = ""
        """The receipt that the blocks show."""
        self.ahead: list[Block] = []
        """Blocks made beforehand, for the first `fill`."""

    @property
    def made(self) -> list[Block]:
        """The blocks that there are, shown or made beforehand."""
        return self.blocks or self.ahead

    @property
    def made_height(self) -> int:
        """Rows of `made`, with the two empty ones that part a turn from the next."""
        return sum(block.height for block in self.made) + 2

    def prepare(self, receipt: str, width: int, unfolded: Unfolded) -> Iterator[bool]:
        """Make the blocks beforehand, a little at a time. Nothing that is shown changes."""
        ahead: list[Block] = []
        for slot, gap, opened in self._frames(receipt, unfolded):
            block = _block(slot, gap, width, growing=self._growing(slot), unfolded=opened)
            yield from block.fill_slowly(width)
            ahead.append(block)
            yield True
        self.ahead = ahead

    def _frames(self, receipt: str, unfolded: Unfolded) -> Iterator[tuple[Slot, int, bool]]:
        """The slots, each with the empty rows before it and whether it is unfolded."""
        before: Slot | None = None
        below_unfolded = False
        for number, slot in enumerate(slots_of(self.turn, receipt)):
            opened = unfolded(self.turn.turn_id, slot_key(slot, number))
            yield slot, int(before is not None and (below_unfolded or gap_between(before, slot))), opened
            before, below_unfolded = slot, opened and isinstance(slot, FOLDABLE)

    def fill(self, receipt: str, width: int, unfolded: Unfolded) -> int | None:
        """Make or renew the blocks. Returns the first changed row of the page, None when nothing changed."""
        old, self.receipt = self.made, receipt
        blocks: list[Block] = []
        changed: int | None = None
        at = 0
        for number, (slot, gap, opened) in enumerate(self._frames(receipt, unfolded)):
            before = old[number] if number < len(old) else None
            block, first = self._block(slot, before, gap, width, opened)
            if changed is None and first is not None:
                changed = at + min(first, block.height)
            blocks.append(block)
            at += block.height
        if changed is None and len(blocks) < len(old):
            changed = at
        self.blocks, self.ahead = blocks, []
        self.starts = list(accumulate((block.height for block in blocks), initial=0))
        # Two empty rows part a turn from the next.
        self.height, self.measured = at + 2, True
        return changed

    def _block(
        self, slot: Slot, before: Block | None, gap: int, width: int, unfolded: bool
    ) -> tuple[Block, int | None]:
        growing = self._growing(slot)
        if before is not None and before.gap == gap and before.unfolded == unfolded:
            if before.growing == growing and same(before.slot, slot):
                return before, None
            if type(before.slot) is type(slot) and isinstance(slot, TextPart | ReasoningPart):
                before.slot, before.growing = slot, growing
                return before, before.fill(width)
        block = _block(slot, gap, width, growing=growing, unfolded=unfolded)
        block.fill(width)
        return block, 0

    def _growing(self, slot: Slot) -> bool:
        return self.turn.live and isinstance(slot, TextPart | ReasoningPart) and slot.open

    def block_at(self, row: int) -> int:
        """The number of the block that a row of the page belongs to."""
        at = bisect_right(self.starts, row) - 1
        return min(max(0, at), len(self.starts) - 2)
