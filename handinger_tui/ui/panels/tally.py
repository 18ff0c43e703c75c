"""Tally: what the turns of a worker come to, member by member, for a session that grows. Pure.

Unknown is not zero: a member that nobody reported has no value, and every turn
that is not in a value is counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field, replace
from decimal import Decimal
from typing import Final, NamedTuple

from handinger_tui.core.money import EXACT, tidy
from handinger_tui.core.money_index import MoneyIndex
from handinger_tui.core.readings import Reading, TurnMoney, newest_worker, took_ms, worker_of
from handinger_tui.core.record import dataclass
from handinger_tui.core.snapshot import Snapshot
from handinger_tui.core.turn import FREE, Turn, TurnStatus
from handinger_tui.core.walks import same_front
from handinger_tui.ui.panels.members import MEMBERS, Amount, Member
from handinger_tui.ui.panels.pace import NO_PACE, Pace, pace_of


class Sum(NamedTuple):
    """Of one member: what is known so far, how many turns are not in it, and whether any is."""

    value: Amount | None = 0
    missing: int = 0
    known: bool = False


@dataclass(slots=True)
class Sums:
    """What turns come to, in order.

    `members` are those of one worker, of which there were `turns`; `open` is the
    place among these of the newest whose numbers may still come. `history`: what
    each turn of any worker took that may have cost something. `pace`: of the
    worker's turns that are over, but for the one in view.
    """

    members: list[Sum] = field(default_factory=lambda: [Sum()] * len(MEMBERS))
    turns: int = 0
    open: int = -1
    history: list[Decimal | None] = field(default_factory=list)
    pace: Pace = NO_PACE

    def copy(self) -> Sums:
        """One that grows by itself."""
        return replace(self, members=self.members, history=[*self.history])

    def waiting(self, member: Sum) -> bool:
        """A turn that is not in the sum may still get there."""
        return member.missing > 0 and self.open >= max(0, self.turns - member.missing)


_KEPT: Final = 2
"""Turns up to the one in view that are looked at each time: the next one's look tells what one took."""


class Tally:
    """Adds up turns that mostly are the same objects as at the last call: one more costs one turn."""

    def __init__(self, index: MoneyIndex | None = None) -> None:
        self.index = MoneyIndex() if index is None else index
        """What each turn took, and how that is understood."""
        self._whose: tuple[Reading, str | None] = (Reading.NONE, None)
        self._turns: Sequence[Turn] = ()
        self._money: Sequence[TurnMoney] = ()
        self._sums = Sums()

    def __call__(self, turns: Sequence[Turn], at: int) -> tuple[TurnMoney, Sums]:
        """What the turn at `at` took, and what all come to."""
        money = self.index(turns)
        whose = (self.index.reading, newest_worker(turns))
        front = max(0, at + 1 - _KEPT)
        kept = len(self._turns)
        same = min(same_front(self._turns, turns), same_front(self._money, money))
        if whose != self._whose or kept > front or same < kept:
            self._sums, kept = Sums(), 0
        for place in range(kept, front):
            _add(self._sums, turns[place], money[place], whose)
        self._whose, self._turns, self._money = whose, turns[:front], money[:front]
        sums = self._sums.copy()
        for place in range(front, len(turns)):
            _add(sums, turns[place], money[place], whose, in_view=place == at)
        return money[at], sums


def _add(
    sums: Sums,
    turn: Turn,
    money: TurnMoney,
    whose: tuple[Reading, str | None],
    *,
    in_view: bool = False,
) -> None:
    reading, worker = whose
    free = turn.status in FREE
    if not free:
        sums.history.append(money.usd)
    if worker_of(turn) not in (None, worker):
        return
    sums.open = sums.turns if unfinished(turn) else sums.open
    sums.turns += 1
    if reading is Reading.PER_TURN:
        pairs = zip(sums.members, MEMBERS, strict=True)
        sums.members = [_summed(own, member, turn, money) for own, member in pairs]
    elif not free:
        sums.members = [_newest(own, member, turn) for own, member in zip(sums.members, MEMBERS, strict=True)]
    if not in_view and not turn.live and not free:
        sums.pace += pace(turn, money)


def _summed(so_far: Sum, member: Member, turn: Turn, money: TurnMoney) -> Sum:
    """Every turn was reported by itself: add them."""
    told = member.read(money.usage, money.costs)
    value = None if told is None else tidy(Decimal(told))
    gap = turn.status not in FREE and (told is None or not money.known)
    if value is None:
        return Sum(so_far.value if so_far.known else None, so_far.missing + gap, so_far.known)
    return Sum(EXACT.add(Decimal(so_far.value or 0), value), so_far.missing + gap, known=True)


def _newest(so_far: Sum, member: Member, turn: Turn) -> Sum:
    """The worker's own running total: its newest reading holds every turn before it, ours or not."""
    after = _read(member, turn.snapshot)
    if after is not None and turn.snapshot is not None:
        return Sum(after, int(turn.snapshot.busy or unfinished(turn)), known=True)
    before = _read(member, turn.before)
    if before is not None:
        return Sum(before, 1, known=True)
    return Sum(so_far.value if so_far.known else None, so_far.missing + 1, so_far.known)


def _read(member: Member, snapshot: Snapshot | None) -> Amount | None:
    return None if snapshot is None else member.read(snapshot.usage, snapshot.costs)


def unfinished(turn: Turn) -> bool:
    """Numbers may still come: we work on it, or the worker went on without us."""
    return turn.live or turn.status is TurnStatus.RUNNING


def pace(turn: Turn, money: TurnMoney) -> Pace:
    """Of a turn that is over."""
    return pace_of(None if unfinished(turn) else took_ms(turn), money.usd, money.usage.credits)
