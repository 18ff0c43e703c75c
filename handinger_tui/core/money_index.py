"""Money of a session that grows: one more turn costs one turn, not a walk through all of them."""

from __future__ import annotations

from collections.abc import Sequence

from handinger_tui.core.readings import Marks, Reading, TurnMoney, money_at
from handinger_tui.core.turn import Turn
from handinger_tui.core.walks import same_front


class MoneyIndex:
    """`reading_of` and `turn_money` of turns that are mostly the same objects as at the last call.

    What a turn took depends on the turns before it and on the first look of the
    next one, so it is worked out again from the turn before the first new one on.
    Once the way to understand the readings changes, every turn is.
    """

    def __init__(self) -> None:
        self.reading = Reading.NONE
        """How the readings of the turns of the last call are understood."""
        self._turns: Sequence[Turn] = ()
        self._each: tuple[TurnMoney, ...] = ()
        self._marked = 0
        self._mark: Marks | None = Marks()
        """The highest of each member over the first `_marked` turns; None once one of them fell."""

    def __call__(self, turns: Sequence[Turn]) -> tuple[TurnMoney, ...]:
        """One value per turn, in the same order; the very same tuple while the turns are the same."""
        same = same_front(self._turns, turns)
        if same == len(turns) == len(self._turns):
            return self._each
        reading = self._read(turns, same)
        kept = max(0, same - 1) if reading is self.reading else 0
        new = (money_at(turns, at, reading) for at in range(kept, len(turns)))
        self.reading, self._turns, self._each = reading, tuple(turns), (*self._each[:kept], *new)
        return self._each

    def _read(self, turns: Sequence[Turn], same: int) -> Reading:
        # The last turn is taken in apart: once it is among the marked ones, it would be taken in twice.
        if min(same, len(turns) - 1) < self._marked:
            self._marked, self._mark = 0, Marks()
        # The last turn is the one that changes: the mark stays before it.
        for turn in turns[self._marked : -1]:
            self._mark = _with(self._mark, turn)
        self._marked = max(self._marked, len(turns) - 1)
        marks = None if self._mark is None else self._mark.copy()
        marks = _with(marks, turns[-1]) if turns else marks
        return Reading.PER_TURN if marks is None else marks.reading


def _with(marks: Marks | None, turn: Turn) -> Marks | None:
    """The same with the turn's readings taken in; None once a member fell."""
    return None if marks is None or marks.falls(turn) else marks
