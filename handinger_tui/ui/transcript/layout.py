"""Layout: the rows of all turns of a session and their positions. It needs no widget.

A turn gets its rows when it becomes visible; before that its height is an estimate. Visible rows never jump
when an estimate becomes exact.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate
from operator import is_not
from typing import TYPE_CHECKING, Final, NamedTuple

from handinger_tui.core.turns.session import Session, identical_prefix, same_readings
from handinger_tui.core.turns.turn import UNENDED, ReasoningPart, Rope, TextPart, ToolPart, Turn, TurnRequest
from handinger_tui.ui.transcript.document import ALL, LiveMarkdown, render
from handinger_tui.ui.transcript.painting import INDENT, MARGIN, Row, RowBuffer, indented
from handinger_tui.ui.transcript.rows import (
    FOLDABLE,
    Look,
    RowOptions,
    Slot,
    Written,
    compact_gap_between,
    gap_between,
    has_same_rows,
    is_long_prompt,
    reasoning_line,
    run_key,
    run_line,
    slot_key,
    slot_rows,
    slots_of,
    turn_time,
)

if TYPE_CHECKING:
    from handinger_tui.ui.transcript.work_runs import WorkRuns

BETWEEN_TURNS: Final = 2
"""Number of empty rows between two turns; a compact layout has one."""
MIN_KEPT_TURNS: Final = 16
"""Turns whose rows are kept whatever their length: no visible one may be laid out for each paint."""
MAX_KEPT_ROWS: Final = 800
"""Number of rows (1 kB each) above which only `MIN_KEPT_TURNS` turns are kept."""

AT_ONCE: Final = 8_000
"""Characters of a turn that are laid out at once, 20 to 30 ms of work: a key must not wait for more."""
KEPT_BLOCKS: Final = 1_000
"""The last blocks of a turn keep their rows; those of others are laid out again when they become visible.

Collecting the garbage among the rows of 100,000 blocks would take a second.
"""
SHORT: Final = 100
"""Rows that are laid out again at once."""
SAMPLED_PARTS: Final = 1_000
"""So many parts of a turn are looked at for an estimate of its height."""
BLOCK_COST: Final = 30
"""Characters as which each block counts that is laid out."""

ReceiptOf = Callable[[Session, Turn], str]
"""Returns the receipt text of a turn, "" for none. Also: how its message is sent again."""


def no_text(_session: Session, _turn: Turn) -> str:
    """Return no text; the default for callers that show none."""
    return ""


class Verbosity(StrEnum):
    """How much of tool calls and thoughts is shown, in the order in which a key goes through them."""

    LINES = "One line for each tool call and thought."
    ALL = "All of each tool call and thought."
    RUNS = "One line for tool calls and thoughts in a row."


class Folding:
    """Which slots are unfolded: all or none, except those that were toggled."""

    def __init__(self) -> None:
        self.changes = 0
        """How often something was toggled."""
        self.verbosity = Verbosity.LINES
        self._toggled: set[tuple[str, str]] = set()

    def is_unfolded(self, turn_id: str, key: str) -> bool:
        """Whether a slot is unfolded, given the turn's id and the slot's key."""
        return (self.verbosity is Verbosity.ALL) != ((turn_id, key) in self._toggled)

    def toggle(self, turn_id: str, key: str) -> None:
        """Fold or unfold one slot."""
        self.changes += 1
        self._toggled ^= {(turn_id, key)}

    def show_next(self) -> None:
        """Go to the next verbosity; what was toggled is as all others."""
        self.changes += 1
        every = list(Verbosity)
        self.verbosity = every[(every.index(self.verbosity) + 1) % len(every)]
        self._toggled.clear()


@dataclass(slots=True)
class Block:
    """One slot with its rows.

    `gap` is the number of empty rows before it. `growing` is true while more of it may come.
    """

    slot: Slot
    gap: int
    growing: bool
    look: Look
    width: int
    tone: str | None = None
    """Replaces the style "text" of its rows."""
    live: LiveMarkdown | None = None
    resolved: tuple[LiveMarkdown, RowBuffer] | None = None
    """The rows of a complete text with its references, while only a part of them is laid out."""
    rows: RowBuffer | None = None
    row_height: int = 0
    """The height of the rows."""

    @property
    def unfolded(self) -> bool:
        """Whether all of the slot is shown."""
        return self.look.unfolded

    @property
    def height(self) -> int:
        """Number of screen rows including the gap; 0 when there is nothing to show."""
        return self.gap + self.row_height if self.row_height else 0

    @property
    def buffer(self) -> RowBuffer:
        """Its rows, laid out again where they were released."""
        if self.rows is None:
            self.fill()
        return self._rows

    @property
    def _rows(self) -> RowBuffer:
        self.rows = self.rows or RowBuffer(self.width, self.tone)
        return self.rows

    def release(self) -> None:
        """Drop the rows of a short block; its height stays."""
        if not self.growing and self.complete and self.row_height <= SHORT:
            self.rows = None

    @property
    def foldable(self) -> bool:
        """Whether the slot can be folded into one line."""
        slot = self.slot
        return isinstance(slot, FOLDABLE) or (isinstance(slot, TurnRequest) and is_long_prompt(slot))

    def is_fold_row(self, row: int) -> bool:
        """Whether a click on this row folds or unfolds: the first one, or any one of a folded prompt.

        The line of a run is one more, above the first one.
        """
        is_folded_prompt = isinstance(self.slot, TurnRequest) and not self.unfolded
        return self.foldable and (row <= (self.look.run is not None) or is_folded_prompt)

    @property
    def complete(self) -> bool:
        """Whether all that came so far is in the rows."""
        return self.resolved is None and (self.live is None or self.live.complete)

    def fill(self, most: int = ALL) -> tuple[int, int]:
        """Lay out the changed part, of a text no more characters than `most`.

        Returns the first changed screen row of the block, and as how many characters the work counts.
        """
        options = RowOptions(self.width - MARGIN - 1, self.unfolded, self.look.when, self.growing)
        slot, first, consumed = self.slot, 0, 0
        if self.look.run is not None or self.look.hidden:
            self.live = None
            self._rows.replace(0, self._rows_of_run(options))
        elif isinstance(slot, TextPart) or (isinstance(slot, ReasoningPart) and self.unfolded):
            first, consumed = self._fill_text(slot, options, most)
        else:
            self.live = None
            self._rows.replace(0, slot_rows(slot, options))
        self.row_height = self._rows.height
        return self.gap + first, consumed + BLOCK_COST

    def _rows_of_run(self, options: RowOptions) -> list[Row]:
        """The line of the run, and the rows of the slot itself unless it is hidden."""
        slot, look = self.slot, self.look
        line = [] if look.run is None else [run_line(look.run, options.width, unfolded=look.is_run_open)]
        own = [] if look.hidden else slot_rows(slot, options)
        if own and isinstance(slot, ReasoningPart) and self.unfolded:
            own += indented(render(slot.text, options.width - INDENT.cell_length), INDENT, INDENT)
        return line + own

    def _fill_text(self, slot: TextPart | ReasoningPart, options: RowOptions, most: int) -> tuple[int, int]:
        head = reasoning_line(slot, options) if isinstance(slot, ReasoningPart) else None
        inset = 0 if head is None else INDENT.cell_length
        text, consumed = slot.text, 0
        if self.live is None:
            self.live = LiveMarkdown(options.width - inset, defer_highlight=True)
        live = self.live
        if self.resolved is None:
            first = _put(self._rows, head, live.update(text, done=not self.growing, most=most), live.rows)
            consumed = live.consumed
        else:
            first = self._rows.height
        if not self.growing and live.complete:
            if live.definitions and self.resolved is None:
                self.resolved = live.with_references(), RowBuffer(self.width, self.tone)
            if self.resolved is not None:
                again, buffer = self.resolved
                kept = again.update(text, done=True, most=max(0, most - consumed))
                _put(buffer, head, kept, again.rows)
                consumed += again.consumed
                if again.complete:
                    self.rows, self.resolved, first = buffer, None, 0
            if self.resolved is None:
                self.live = None
        return first, consumed


def _put(buffer: RowBuffer, head: Row | None, unchanged: int, rows: Sequence[Row]) -> int:
    """Replace the rows of a text but the `unchanged` first ones, below its `head`, if it has one.

    Returns the first changed screen row.
    """
    if head is None:
        return buffer.replace(unchanged, rows[unchanged:])
    if not buffer.rows:
        buffer.replace(0, [head])
    buffer.rows[0] = head
    buffer.replace(unchanged + 1, indented(rows[unchanged:], INDENT, INDENT))
    return 0


class TurnLayout:
    """The layout of one turn. `height` is an estimate while there are no `blocks`."""

    def __init__(self, turn: Turn, height: int) -> None:
        self.turn = turn
        self.height = height
        self.blocks: list[Block] = []
        self.complete = True
        """Whether the blocks show all of the turn; False while it is laid out piece by piece."""
        self._slots: list[Slot] = []
        """Those of the blocks."""
        self._all_slots: list[Slot] = []
        self._slots_basis: tuple[Turn, str, str] | None = None
        """The values from which `_all_slots` were computed."""
        self._fold_changes = 0
        self._unsettled = 0
        """The first block that grows or is not complete; those before it depend on their slot only."""
        self.starts: list[int] = []
        """The first row of each block, its gap included, and the row after the last block."""
        self.when = ""
        """The time that stands beside the prompt."""
        self.receipt = ""
        """The receipt text that the blocks show."""
        self.next_step = ""
        """How the message is sent again, as the blocks show it."""

    def fill(self, width: int, folding: Folding, *, compact: bool, most: int = AT_ONCE) -> int | None:
        """Create or update the blocks, not many more characters of them than `most`.

        Returns the first changed row of the turn, None when nothing changed.
        """
        basis = self.turn, self.receipt, self.next_step
        if self._slots_basis is None or any(map(is_not, basis, self._slots_basis)):
            self._slots_basis, self._all_slots = basis, slots_of(*basis)
        slots = self._all_slots
        runs = self._runs(folding)
        old, first = self.blocks, self._first_to_update(slots, folding)
        start = None if runs is None else runs.start_of(max(0, first - 1))
        # The line of a run also depends on what comes behind it.
        first = first if start is None else start
        blocks = old[:first]
        changed: int | None = None
        at = self.starts[first] if blocks else 0
        before = slots[first - 1] if first else None
        below_unfolded = first > 0 and old[first - 1].unfolded and isinstance(before, FOLDABLE)
        separates = compact_gap_between if compact else gap_between
        self.complete = True
        for number in range(first, len(slots)):
            if most <= 0:
                self.complete = False
                break
            slot = slots[number]
            look = self._look_of(number, runs, folding)
            gap = int(before is not None and (below_unfolded or separates(before, slot)))
            former = old[number] if number < len(old) else None
            block, row, consumed = self._update_block(slot, former, gap, width, look, most)
            most -= consumed
            if changed is None and row is not None:
                changed = at + min(row, block.height)
            blocks.append(block)
            if number >= KEPT_BLOCKS:
                blocks[number - KEPT_BLOCKS].release()
            at += block.height
            before, below_unfolded = slot, look.unfolded and isinstance(slot, FOLDABLE)
            if not block.complete:
                self.complete = False
                break
        if changed is None and len(blocks) < len(old):
            changed = at
        self._slots = slots[: len(blocks)]
        self._keep(blocks, first)
        self.height = at + (1 if compact else BETWEEN_TURNS)
        return changed

    def _keep(self, blocks: list[Block], first: int) -> None:
        """Set the blocks, of which those before `first` are as they were."""
        self.blocks = blocks
        heights = (block.height for block in blocks[first:])
        self.starts[first:] = accumulate(heights, initial=self.starts[first] if first else 0)
        unsettled = (at for at in range(first, len(blocks)) if blocks[at].growing or not blocks[at].complete)
        self._unsettled = next(unsettled, len(blocks))

    def _runs(self, folding: Folding) -> WorkRuns | None:
        if folding.verbosity is not Verbosity.RUNS:
            return None
        from handinger_tui.ui.transcript.work_runs import WorkRuns  # the first frame needs none

        return WorkRuns(self.turn, self._all_slots)

    def _look_of(self, number: int, runs: WorkRuns | None, folding: Folding) -> Look:
        unfolded = folding.is_unfolded(self.turn.turn_id, slot_key(self._all_slots[number], number))
        start = None if runs is None else runs.start_of(number)
        if runs is None or start is None:
            return Look(unfolded, self.when if number == 0 else "")
        is_open = folding.is_unfolded(self.turn.turn_id, run_key(start))
        run = runs.run_at(start) if start == number else None
        return Look(unfolded, "", run, is_open, not (is_open or unfolded))

    def _first_to_update(self, slots: Sequence[Slot], folding: Folding) -> int:
        """The first block that may change: a turn may have very many that do not."""
        before, self._fold_changes = self._fold_changes, folding.changes
        if before != folding.changes or not self.blocks:
            return 0
        is_timed = self.blocks[0].look.when == self.when
        return min(identical_prefix(self._slots, slots), self._unsettled) if is_timed else 0

    def _update_block(
        self, slot: Slot, before: Block | None, gap: int, width: int, look: Look, most: int
    ) -> tuple[Block, int | None, int]:
        """A block for the slot, its first changed row, and as how many characters the work counts."""
        growing = self._is_growing(slot)
        if before is not None and before.gap == gap and before.look == look:
            if before.growing == growing and before.complete and has_same_rows(before.slot, slot):
                return before, None, 0
            if type(before.slot) is type(slot) and isinstance(slot, TextPart | ReasoningPart):
                before.slot, before.growing = slot, growing
                return before, *before.fill(most)
        tone = "faint" if isinstance(slot, ReasoningPart) else None
        block = Block(slot, gap, growing, look, width, tone)
        return block, 0, block.fill(most)[1]

    def _is_growing(self, slot: Slot) -> bool:
        """Whether more of a slot may come: text, or the result of a call."""
        if isinstance(slot, TextPart | ReasoningPart):
            return self.turn.live and slot.open
        call = slot.tool if isinstance(slot, Written) else slot
        return isinstance(call, ToolPart) and call.unfinished and self.turn.status in UNENDED

    def has(self, position: ReadingPosition) -> bool:
        """Whether the rows of a position are laid out."""
        blocks, at = self.blocks, position.block
        return at < len(blocks) and (blocks[at].complete or position.row < len(blocks[at].buffer.rows))

    def clear(self) -> None:
        """Drop the rows; the height stays as an estimate."""
        self.blocks, self._slots, self._all_slots, self.complete = [], [], [], True
        self._slots_basis = None


class RowPosition(NamedTuple):
    """A row of the layout: turn and block as indexes, and the row below the block's gap.

    `row` is negative in the gap, and not less than the height of the block's rows after its end.
    """

    turn: int
    at: int
    block: Block
    row: int

    @property
    def is_empty(self) -> bool:
        """Whether the row is one of the empty rows between two blocks or turns."""
        return not 0 <= self.row < self.block.row_height


class ReadingPosition(NamedTuple):
    """A position that survives a new layout: turn, block, row, and screen rows below the row's start."""

    turn: int
    block: int = 0
    row: int = 0
    below: int = 0


class TranscriptLayout:
    """The layouts of all turns of a session, in a view of `width` cells. 0 means that nothing is shown."""

    def __init__(self, receipt: ReceiptOf, next_step: ReceiptOf = no_text, *, compact: bool = False) -> None:
        self._compact = compact
        self.width = 0
        self.turns: list[TurnLayout] = []
        self.filled = 0
        """Number of turn layouts computed so far; tests use it to measure the cost of a change."""
        self.session: Session | None = None
        self.folding = Folding()
        self._foldings: dict[str, Folding] = {}
        """That of each session that was shown."""
        self._receipt, self._next_step = receipt, next_step
        self._starts: list[int] = [0]
        self._recently_used: dict[int, None] = {}
        self._top_turn = 0
        """The turn at the top of the view."""
        self._first_changed: int | None = None

    def reset(self, width: int) -> None:
        """Drop everything, for another width or another session."""
        self.width = width
        self.session = None
        self.turns, self._starts = [], [0]
        self._recently_used.clear()
        self._top_turn = 0
        self._mark_changed(0)

    @property
    def height(self) -> int:
        """Total number of rows."""
        return self._starts[-1]

    def take_change(self) -> int | None:
        """Return the first row that changed or moved since the last call, None when none did."""
        first, self._first_changed = self._first_changed, None
        return first

    def _mark_changed(self, row: int) -> None:
        self._first_changed = row if self._first_changed is None else min(row, self._first_changed)

    # -- content ----------------------------------------------------------------------------
    def show(self, session: Session) -> None:
        """Show a newer value of the session. Turns that are identical (`is`) are not laid out again."""
        before, self.session = self.session, session
        if before is None:
            self.folding = self._foldings.setdefault(session.session_id, Folding())
        old = before.turns if before is not None else ()
        same = identical_prefix(old, session.turns)
        for at in range(same, len(session.turns)):
            self._set_turn(at, session.turns[at])
        if len(self.turns) > len(session.turns):
            del self.turns[len(session.turns) :]
            self._recently_used = {at: None for at in self._recently_used if at < len(self.turns)}
            self._update_starts(len(self.turns))
            self._mark_changed(self.height)
        of_others = before is not None and before.elsewhere != session.elsewhere
        if of_others or (old and not same_readings(old[same:], session.turns[same:])):
            self.update_texts()

    def update_texts(self) -> None:
        """Lay out again the turns whose receipt, or way to send them again, has changed.

        Both may depend on earlier and later turns, and on other sessions.
        """
        session = self.session
        for at in self._recently_used:
            shown = self.turns[at]
            if session is not None and shown.blocks:
                texts = self._receipt(session, shown.turn), self._next_step(session, shown.turn)
                if texts != (shown.receipt, shown.next_step):
                    self.refill(at)

    def _set_turn(self, at: int, turn: Turn) -> None:
        turn_layout = self.turns[at] if at < len(self.turns) else None
        if turn_layout is not None and turn_layout.blocks and turn_layout.turn.turn_id == turn.turn_id:
            turn_layout.turn = turn
            self.refill(at)
            return
        self.turns[at : at + 1] = [TurnLayout(turn, estimate(turn, self.width))]
        self._update_starts(at)
        self._mark_changed(self._starts[at])

    @property
    def unfinished(self) -> bool:
        """Whether a turn has rows for a part of its content only, see `lay_out_more`."""
        return any(not self.turns[at].complete for at in self._recently_used)

    def lay_out_more(self) -> None:
        """Lay out the next piece of a turn that is not complete."""
        at = next((at for at in reversed(self._recently_used) if not self.turns[at].complete), None)
        if at is not None:
            self.refill(at)

    def refill(self, at: int, most: int = AT_ONCE) -> None:
        """Lay out a turn again after it, its receipt or its folding changed; at most so many characters."""
        turn_layout, session = self.turns[at], self.session
        assert session is not None, "turns exist only for a session"  # noqa: S101  # narrows the type
        self.filled += 1
        height = turn_layout.height
        turn_layout.when = turn_time(session.turns, at)
        turn_layout.receipt = self._receipt(session, turn_layout.turn)
        turn_layout.next_step = self._next_step(session, turn_layout.turn)
        changed = turn_layout.fill(self.width, self.folding, compact=self._compact, most=most)
        if turn_layout.height != height:
            self._update_starts(at)
        if changed is not None:
            self._mark_changed(self._starts[at] + changed)

    def toggle_fold(self, turn: int, at: int, *, own: bool = False) -> None:
        """Fold or unfold a block, or the run that begins with it unless `own`. The turn must be measured."""
        turn_layout = self.turns[turn]
        block = turn_layout.blocks[at]
        key = run_key(at) if block.look.run is not None and not own else slot_key(block.slot, at)
        self.folding.toggle(turn_layout.turn.turn_id, key)
        self.refill(turn)

    def measure(self, at: int, most: int = AT_ONCE) -> int:
        """Lay out a turn if it has no rows yet. Returns by how many rows its height changed.

        `most`: `ALL`, or the characters of the beginning of a very long one, see `lay_out_more`.
        """
        self._recently_used.pop(at, None)
        self._recently_used[at] = None
        turn_layout = self.turns[at]
        if turn_layout.blocks and (turn_layout.complete or most < ALL):
            return 0
        height = turn_layout.height
        self.refill(at, most)
        self._evict_oldest()
        return turn_layout.height - height

    def _evict_oldest(self) -> None:
        used = list(self._recently_used)
        rows = sum(self.turns[at].height for at in used)
        for at in used[:-MIN_KEPT_TURNS]:
            if rows <= MAX_KEPT_ROWS:
                return
            if not self.turns[at].turn.live:
                del self._recently_used[at]
                rows -= self.turns[at].height
                self.turns[at].clear()

    def _update_starts(self, at: int) -> None:
        """Recompute the positions of the turns from `at` on after a height changed."""
        del self._starts[at + 1 :]
        y = self._starts[at]
        for turn_layout in self.turns[at:]:
            y += turn_layout.height
            self._starts.append(y)

    # -- the view -----------------------------------------------------------------------------
    def measure_view(self, y: int, height: int) -> int:
        """Make the heights in a view of `height` rows from row `y` on exact. Returns the corrected `y`."""
        if not self.turns:
            return 0
        at = self.turn_at(y)
        while True:
            delta = self.measure(at)
            if at < self._top_turn:
                # Scrolling up to an estimated turn: visible rows move only by the scroll distance.
                y = max(0, y + delta)
            top = self.turn_at(y)
            if top == at:
                break
            at = top
        while at < len(self.turns) and self._starts[at] < y + height:
            self.measure(at)
            at += 1
        if y + height > self.height:
            # The end is visible: fill the view from below.
            y = self.measure_end(height)
        y = max(0, y)
        self._top_turn = self.turn_at(y)
        return y

    def measure_end(self, height: int) -> int:
        """Make the heights of the last `height` rows exact. Returns the first of these rows."""
        for at in reversed(range(len(self.turns))):
            self.measure(at)
            if self.height - self._starts[at] >= height:
                break
        return max(0, self.height - height)

    # -- places ---------------------------------------------------------------------------
    def turn_at(self, y: int) -> int:
        """Return the index of the turn that covers row `y`."""
        return min(max(0, bisect_right(self._starts, y) - 1), max(0, len(self.turns) - 1))

    def start(self, at: int) -> int:
        """Return the first row of turn `at`."""
        return self._starts[at]

    def place_at(self, y: int) -> RowPosition | None:
        """Return what covers row `y`, None outside the layout."""
        if not 0 <= y < self.height:
            return None
        number = self.turn_at(y)
        self.measure(number)
        turn_layout, row = self.turns[number], y - self._starts[number]
        at = min(max(0, bisect_right(turn_layout.starts, row) - 1), len(turn_layout.starts) - 2)
        block = turn_layout.blocks[at]
        return RowPosition(number, at, block, row - turn_layout.starts[at] - block.gap)

    def top_of(self, turn: int, at: int) -> int:
        """Return the first row of a block below its gap. The turn must have been measured."""
        turn_layout = self.turns[turn]
        return self._starts[turn] + turn_layout.starts[at] + turn_layout.blocks[at].gap

    def number_of(self, turn_id: str) -> int | None:
        """Return the index of the turn with this id, None if there is none."""
        turns = enumerate(self.turns)
        return next((at for at, turn_layout in turns if turn_layout.turn.turn_id == turn_id), None)

    def reading_position(self, y: int) -> ReadingPosition:
        """Return the position of row `y` in a form that `row_of` can resolve after a new layout."""
        place = self.place_at(y)
        if place is None:
            return ReadingPosition(0)
        if place.is_empty:
            return ReadingPosition(place.turn, place.at, -1, place.row)
        row = place.block.buffer.row_at(place.row)
        return ReadingPosition(place.turn, place.at, row, place.row - place.block.buffer.start_of(row))

    def row_of(self, position: ReadingPosition) -> int:
        """Return the current row of a position."""
        if not self.turns:
            return 0
        number = min(position.turn, len(self.turns) - 1)
        self.measure(number)
        turn_layout = self.turns[number]
        if not turn_layout.complete and not turn_layout.has(position):
            self.measure(number, ALL)
        at = min(position.block, len(turn_layout.blocks) - 1)
        row = self.top_of(number, at)
        if position.row >= 0:
            row += turn_layout.blocks[at].buffer.start_of(position.row)
        return min(row + position.below, self._starts[number] + turn_layout.height - 1)


def estimate(turn: Turn, width: int) -> int:
    """Estimate the height of a turn in rows. An error of a few rows is harmless until it is visible."""
    rows = 6 + turn.request.prompt.count("\n") + len(turn.request.prompt) // width
    sample = turn.parts[-SAMPLED_PARTS:]
    of_sample = sum(
        1 + (_rope_rows(part.body, min(width, 100)) if isinstance(part, TextPart) else 0) for part in sample
    )
    return rows + of_sample * len(turn.parts) // max(1, len(sample))


def _rope_rows(rope: Rope, width: int) -> int:
    pieces = (*rope.sealed, rope.tail)
    return sum(piece.count("\n") + int(len(piece) / width * 0.55) for piece in pieces)
