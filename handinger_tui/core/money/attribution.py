"""Attribution: which amount belongs to which turn, from the figures that a worker reported."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal, localcontext
from enum import StrEnum
from typing import Final

from handinger_tui.core.money.amounts import EXACT, Total, total
from handinger_tui.core.record import dataclass
from handinger_tui.core.stream.usage import NO_COSTS, NO_USAGE, ZERO_COSTS, ZERO_USAGE, Costs, Usage
from handinger_tui.core.stream.worker_snapshot import Snapshot
from handinger_tui.core.turns.session import Session, same_front
from handinger_tui.core.turns.turn import FREE, LIVE, Trigger, Turn


class Reading(StrEnum):
    """How the numbers of a turn were understood."""

    TOTAL = "total"
    """Totals of the worker: this turn is the difference to the reading before it."""
    PER_TURN = "per_turn"
    """The worker reports each turn by itself."""
    NONE = "none"
    """Nothing was reported for this turn."""


@dataclass(frozen=True, slots=True)
class TurnMoney:
    """This turn alone, member by member None where nobody knows.

    `known`: the numbers come from a worker that had finished. Otherwise they
    are "so far", and the turn counts as missing in totals.
    """

    usage: Usage = NO_USAGE
    costs: Costs = NO_COSTS
    reading: Reading = Reading.NONE
    known: bool = False

    @property
    def usd(self) -> Decimal | None:
        """The cost in USD: as reported, else the sum of all four categories."""
        if self.usage.cost_usd is not None:
            return self.usage.cost_usd
        with localcontext(EXACT):
            return self.costs.total()


@dataclass(frozen=True, slots=True)
class SessionMoney:
    """All turns of a session, in order, and their sums."""

    turns: tuple[TurnMoney, ...]
    reading: Reading
    usd: Total
    credits: Total
    tokens: Total


@dataclass(frozen=True, slots=True)
class _Numbers:
    """One reading; `final` when the worker was not busy."""

    usage: Usage
    costs: Costs
    final: bool

    def minus(self, earlier: _Numbers) -> tuple[Usage, Costs]:
        with localcontext(EXACT):
            return self.usage - earlier.usage, self.costs - earlier.costs


_USAGE: Final = Usage.__match_args__
_COSTS: Final = Costs.__match_args__
_ZERO: Final = _Numbers(ZERO_USAGE, ZERO_COSTS, final=True)
NOTHING_TAKEN: Final = TurnMoney(ZERO_USAGE, ZERO_COSTS, Reading.NONE, known=True)
"""A turn that surely never started: true zeros."""


def session_money(turns: Sequence[Turn]) -> SessionMoney:
    """What each turn took, and the totals with their gaps. `turns` in order of sending."""
    reading = reading_of(turns)
    each = turn_money(turns)
    return SessionMoney(
        each,
        reading,
        usd=_total([(money, money.usd) for money in each]),
        credits=_total([(money, money.usage.credits) for money in each]),
        tokens=_total([(money, _decimal(money.usage.total_tokens)) for money in each]),
    )


def money_of(session: Session, turn: Turn) -> TurnMoney:
    """What `turn` took within its session; unknown when it is not one of its turns."""
    turns = [turn if own.turn_id == turn.turn_id else own for own in session.turns]
    at = next((at for at, own in enumerate(turns) if own is turn), None)
    return TurnMoney() if at is None else money_at(turns, at, reading_of(turns))


def money_before(session: Session, turn: Turn, newest: int) -> tuple[tuple[Turn, TurnMoney], ...]:
    """What at most `newest` turns right before `turn` took, in order; none when it is no turn of the session.

    As each was understood with all readings of the session, `turn` included.
    """
    turns = [turn if own.turn_id == turn.turn_id else own for own in session.turns]
    at = next((at for at, own in enumerate(turns) if own is turn), 0)
    reading = reading_of(turns)
    return tuple((turns[i], money_at(turns, i, reading)) for i in range(max(0, at - newest), at))


def reading_of(turns: Sequence[Turn]) -> Reading:
    """How the readings of these turns are to be understood, as far as they tell."""
    marks = HighWaterMarks()
    if any(marks.falls(turn) for turn in turns):
        return Reading.PER_TURN
    return marks.reading


Highest = dict[str, Decimal | int]
"""By name of the member."""


class HighWaterMarks:
    """The highest of each member so far, worker by worker: a session may go on with another one.

    Walks every turn for every receipt, so it compares the members as they came.
    """

    def __init__(self) -> None:
        self._worker: str | None = None
        self._highest: dict[str | None, Highest] = {}

    def copy(self) -> HighWaterMarks:
        """One that grows by itself."""
        made = HighWaterMarks()
        made._worker = self._worker
        made._highest = {worker: dict(members) for worker, members in self._highest.items()}
        return made

    @property
    def reading(self) -> Reading:
        """While nothing fell."""
        return Reading.TOTAL if any(self._highest.values()) else Reading.NONE

    def falls(self, turn: Turn) -> bool:
        """Whether some member of the turn's readings is smaller than it was; else they are taken in."""
        known = worker_of(turn)
        if known is not None and known != self._worker:
            if self._worker is None:
                # What was read before its name was known is of the same worker.
                self._highest = {known: self._highest.get(None, {})}
            self._worker = known
        highest = self._highest.setdefault(self._worker, {})
        return any(read is not None and _falls(read, highest) for read in (turn.before, turn.snapshot))


def worker_of(turn: Turn) -> str | None:
    """The worker that a turn is of, as far as anybody told."""
    return turn.worker_id or turn.order.worker_id


def newest_worker(turns: Sequence[Turn]) -> str | None:
    """The worker of the newest turn of which it is known; the local worker is another one at each start."""
    return next((known for turn in reversed(turns) if (known := worker_of(turn)) is not None), None)


def _falls(read: Snapshot, highest: Highest) -> bool:
    for group, names in ((read.usage, _USAGE), (read.costs, _COSTS)):
        for name in names:
            value = getattr(group, name)
            if value is None:
                continue
            if value < highest.get(name, 0):
                return True
            highest[name] = value
    return False


def turn_money(turns: Sequence[Turn]) -> tuple[TurnMoney, ...]:
    """One value per turn, in the same order."""
    reading = reading_of(turns)
    return tuple(money_at(turns, at, reading) for at in range(len(turns)))


def money_at(turns: Sequence[Turn], at: int, reading: Reading) -> TurnMoney:
    """What the turn at `at` took; `reading` is that of all turns."""
    turn = turns[at]
    if turn.status in FREE:
        return NOTHING_TAKEN
    after = _numbers(turn.snapshot)
    if reading is Reading.TOTAL and (after is None or not after.final):
        # The next turn's first look tells how far the totals had grown with this one.
        after = _look_before_next(turns, at) or after
    if after is None:
        return TurnMoney()
    known = after.final and turn.status not in LIVE
    if reading is Reading.PER_TURN:
        return TurnMoney(after.usage, after.costs, reading, known)
    before = _reading_before(turns, at)
    if before is None:
        return TurnMoney(reading=reading)
    return TurnMoney(*after.minus(before), reading, known)


def took_ms(turn: Turn) -> int | None:
    """From sending to the end as we saw it, by our own clock.

    None while it runs, when the clock went back, and for what others started at a time of their own.
    """
    if turn.ended_ms is None or turn.live or turn.order.trigger is Trigger.ELSEWHERE:
        return None
    taken = turn.ended_ms - turn.order.created_ms
    return taken if taken >= 0 else None


def _look_before_next(turns: Sequence[Turn], at: int) -> _Numbers | None:
    if at + 1 == len(turns):
        return None
    numbers = _numbers(turns[at + 1].before)
    return numbers if numbers and numbers.final else None


def _reading_before(turns: Sequence[Turn], at: int) -> _Numbers | None:
    """The worker's numbers as this turn began; None when nobody knows them."""
    turn = turns[at]
    own = _numbers(turn.before)
    if own is not None:
        return own
    earlier = (turns[i] for i in range(at - 1, -1, -1) if turns[i].status not in FREE)
    newest = next(earlier, None)
    if newest is None or (turn.order.worker_id is None and not _shares_worker(turn, (newest, *earlier))):
        return _ZERO if turn.order.worker_id is None else None
    last = _numbers(newest.snapshot)
    return last if last is not None and last.final else None


def _shares_worker(turn: Turn, earlier: Iterable[Turn]) -> bool:
    """A turn queued before its worker was known is ordered without one, yet does not create it."""
    return turn.worker_id is None or any(other.worker_id == turn.worker_id for other in earlier)


def _numbers(snapshot: Snapshot | None) -> _Numbers | None:
    """A reading, None when it reports no number at all."""
    if snapshot is None:
        return None
    usage, costs = snapshot.usage.tidied(), snapshot.costs.tidied()
    if usage == NO_USAGE and costs == NO_COSTS:
        return None
    return _Numbers(usage, costs, final=not snapshot.busy)


def _total(each: Sequence[tuple[TurnMoney, Decimal | None]]) -> Total:
    """What is known so far is added; a turn that is not known to its end is still missing."""
    summed = total(value for _, value in each)
    unfinished = sum(value is not None and not money.known for money, value in each)
    return Total(summed.value, summed.missing_turns + unfinished)


def _decimal(value: int | None) -> Decimal | None:
    return None if value is None else Decimal(value)


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
        self._mark: HighWaterMarks | None = HighWaterMarks()
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
            self._marked, self._mark = 0, HighWaterMarks()
        # The last turn is the one that changes: the mark stays before it.
        for turn in turns[self._marked : -1]:
            self._mark = _with(self._mark, turn)
        self._marked = max(self._marked, len(turns) - 1)
        marks = None if self._mark is None else self._mark.copy()
        marks = _with(marks, turns[-1]) if turns else marks
        return Reading.PER_TURN if marks is None else marks.reading


def _with(marks: HighWaterMarks | None, turn: Turn) -> HighWaterMarks | None:
    """The same with the turn's readings taken in; None once a member fell."""
    return None if marks is None or marks.falls(turn) else marks
