"""Money of a session that grows: one more turn costs one turn, not a walk through all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from handinger_tui.core.readings import Marks, Reading, TurnMoney, money_at
from handinger_tui.core.turn import Turn
from handinger_tui.core.walks import same_front

_NOT_YET: Final = TurnMoney()
"""Stands where nobody has asked what a turn took."""


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
        self._each: list[TurnMoney] = []
        self._known = 0
        """So many from the first on are worked out, and maybe some behind them."""
        self._all: tuple[TurnMoney, ...] | None = ()
        self._marked = 0
        self._mark: Marks | None = Marks()
        """The highest of each member over the first `_marked` turns; None once one of them fell."""

    def __call__(self, turns: Sequence[Turn]) -> tuple[TurnMoney, ...]:
        """One value per turn, in the same order; the very same tuple while the turns are the same."""
        self._take_in(turns)
        if self._all is None:
            self._work_out(self._known, len(turns))
            self._known, self._all = len(turns), tuple(self._each)
        return self._all

    def some(self, turns: Sequence[Turn], first: int, end: int) -> Sequence[TurnMoney]:
        """Those of the turns from `first` to before `end`: of a long session that was just opened, a few."""
        self._take_in(turns)
        self._work_out(first, end)
        return self._each[first:end]

    def _take_in(self, turns: Sequence[Turn]) -> None:
        same = same_front(self._turns, turns)
        if same == len(turns) == len(self._turns):
            return
        reading = self._read(turns, same)
        kept = max(0, same - 1) if reading is self.reading else 0
        self.reading, self._turns, self._all = reading, tuple(turns), None
        self._each[kept:] = [_NOT_YET] * (len(turns) - kept)
        self._known = min(self._known, kept)

    def _work_out(self, first: int, end: int) -> None:
        for at in range(first, end):
            if self._each[at] is _NOT_YET:
                self._each[at] = money_at(self._turns, at, self.reading)

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
