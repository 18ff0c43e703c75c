"""Attribution of cumulative usage: which amounts belong to which turn, from the figures of a worker."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from enum import StrEnum
from typing import Final

from handinger_tui.core.amounts import EXACT, Total, total
from handinger_tui.core.stream.usage import NO_COSTS, NO_USAGE, ZERO_COSTS, ZERO_USAGE, Costs, Usage
from handinger_tui.core.stream.worker_snapshot import Snapshot
from handinger_tui.core.turns.session import Session, same_front
from handinger_tui.core.turns.turn import FREE, LIVE, Trigger, Turn


class Reading(StrEnum):
    """How the numbers that a worker reports are interpreted."""

    TOTAL = "total"
    """They are totals of the worker: a turn is the difference to the previous read."""
    PER_TURN = "per_turn"
    """They are those of each turn alone."""
    NONE = "none"
    """Nothing was reported."""


@dataclass(frozen=True, slots=True)
class TurnMoney:
    """The usage and costs of one turn alone; members are None where they are not known.

    `known`: the numbers come from a worker that had finished. Otherwise they are "so far", and the turn
    counts as missing in totals.
    """

    usage: Usage = NO_USAGE
    costs: Costs = NO_COSTS
    reading: Reading = Reading.NONE
    known: bool = False

    @property
    def usd(self) -> Decimal | None:
        """The cost in USD: as reported, else the sum of the four categories."""
        if self.usage.cost_usd is not None:
            return self.usage.cost_usd
        with localcontext(EXACT):
            return self.costs.total()


@dataclass(frozen=True, slots=True)
class SessionMoney:
    """The money of all turns of a session, in order, and their sums."""

    turns: tuple[TurnMoney, ...]
    reading: Reading
    usd: Total
    credits: Total
    tokens: Total


@dataclass(frozen=True, slots=True)
class _Numbers:
    """The numbers of one read of the worker; `final` when the worker was not busy."""

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
"""The money of a turn that never started: zeros, not unknown."""


def session_money(turns: Sequence[Turn]) -> SessionMoney:
    """The money of each turn, and the totals with their gaps. `turns` are in order of sending."""
    reading = reading_of(turns)
    all_money = turn_money(turns)
    return SessionMoney(
        all_money,
        reading,
        usd=_total([(money, money.usd) for money in all_money]),
        credits=_total([(money, money.usage.credits) for money in all_money]),
        tokens=_total([(money, _decimal(money.usage.total_tokens)) for money in all_money]),
    )


def money_of(session: Session, turn: Turn) -> TurnMoney:
    """The money of `turn` within its session; unknown when it is not a turn of the session."""
    turns = [turn if own.turn_id == turn.turn_id else own for own in session.turns]
    at = next((at for at, own in enumerate(turns) if own is turn), None)
    return TurnMoney() if at is None else money_at(turns, at, reading_of(turns))


def money_before(session: Session, turn: Turn, newest: int) -> tuple[tuple[Turn, TurnMoney], ...]:
    """The money of the last `newest` turns before `turn`, in order; empty when it is not in the session.

    All reads of the session, also that of `turn`, decide how the numbers are interpreted.
    """
    turns = [turn if own.turn_id == turn.turn_id else own for own in session.turns]
    at = next((at for at, own in enumerate(turns) if own is turn), 0)
    reading = reading_of(turns)
    return tuple((turns[i], money_at(turns, i, reading)) for i in range(max(0, at - newest), at))


def reading_of(turns: Sequence[Turn]) -> Reading:
    """How the numbers of these turns are interpreted: one decrease means that each turn is reported alone."""
    marks = HighWaterMarks()
    if any(marks.decreases(turn) for turn in turns):
        return Reading.PER_TURN
    return marks.reading


Highest = dict[str, Decimal | int]
"""The highest values so far, by the name of the member of `Usage` or `Costs`."""


class HighWaterMarks:
    """The highest value of each member so far, per worker: a session may continue with another worker.

    It runs over every turn for every receipt, so it compares the members without tidying them.
    """

    def __init__(self) -> None:
        self._worker: str | None = None
        self._highest: dict[str | None, Highest] = {}

    def copy(self) -> HighWaterMarks:
        """An independent copy."""
        copy = HighWaterMarks()
        copy._worker = self._worker
        copy._highest = {worker: dict(members) for worker, members in self._highest.items()}
        return copy

    @property
    def reading(self) -> Reading:
        """How the numbers are interpreted as long as no member decreased."""
        return Reading.TOTAL if any(self._highest.values()) else Reading.NONE

    def decreases(self, turn: Turn) -> bool:
        """Add the reads of a turn; True when a member is smaller than before."""
        worker_id = worker_of(turn)
        if worker_id is not None and worker_id != self._worker:
            if self._worker is None:
                # Numbers read before the id was known belong to the same worker.
                self._highest = {worker_id: self._highest.get(None, {})}
            self._worker = worker_id
        highest = self._highest.setdefault(self._worker, {})
        return any(read is not None and _decreases(read, highest) for read in (turn.before, turn.snapshot))


def worker_of(turn: Turn) -> str | None:
    """The id of the worker of a turn, None while it is not known."""
    return turn.worker_id or turn.order.worker_id


def newest_worker(turns: Sequence[Turn]) -> str | None:
    """The worker of the newest turn for which it is known; the local worker has a new id at each start."""
    return next((worker_id for turn in reversed(turns) if (worker_id := worker_of(turn)) is not None), None)


def _decreases(read: Snapshot, highest: Highest) -> bool:
    """Raise `highest` to the members of a read; True at the first member that is smaller."""
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
    """The money of each turn, in the same order."""
    reading = reading_of(turns)
    return tuple(money_at(turns, at, reading) for at in range(len(turns)))


def money_at(turns: Sequence[Turn], at: int, reading: Reading) -> TurnMoney:
    """The money of the turn at index `at`; `reading` is that of all turns."""
    turn = turns[at]
    if turn.status in FREE:
        return NOTHING_TAKEN
    after = _numbers(turn.snapshot)
    if reading is Reading.TOTAL and (after is None or not after.final):
        # The read before the next turn shows the totals at the end of this one.
        after = _read_before_next(turns, at) or after
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
    """Milliseconds from sending to the end, by our own clock.

    None while the turn runs, when the clock went back, and for a turn that another program started.
    """
    if turn.ended_ms is None or turn.live or turn.order.trigger is Trigger.ELSEWHERE:
        return None
    elapsed_ms = turn.ended_ms - turn.order.created_ms
    return elapsed_ms if elapsed_ms >= 0 else None


def _read_before_next(turns: Sequence[Turn], at: int) -> _Numbers | None:
    if at + 1 == len(turns):
        return None
    numbers = _numbers(turns[at + 1].before)
    return numbers if numbers and numbers.final else None


def _reading_before(turns: Sequence[Turn], at: int) -> _Numbers | None:
    """The numbers of the worker at the start of the turn; None when they are not known."""
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
    """Whether an earlier turn has the same worker: a turn queued without a worker id did not create one."""
    return turn.worker_id is None or any(other.worker_id == turn.worker_id for other in earlier)


def _numbers(snapshot: Snapshot | None) -> _Numbers | None:
    """The numbers of a read; None when it reports none."""
    if snapshot is None:
        return None
    usage, costs = snapshot.usage.tidied(), snapshot.costs.tidied()
    if usage == NO_USAGE and costs == NO_COSTS:
        return None
    return _Numbers(usage, costs, final=not snapshot.busy)


def _total(values: Sequence[tuple[TurnMoney, Decimal | None]]) -> Total:
    """The total of the known values; a turn whose numbers are not final is added, but counts as missing."""
    summed = total(value for _, value in values)
    unfinished = sum(value is not None and not money.known for money, value in values)
    return Total(summed.value, summed.missing_turns + unfinished)


def _decimal(value: int | None) -> Decimal | None:
    return None if value is None else Decimal(value)


_NOT_YET: Final = TurnMoney()
"""Placeholder for a turn whose money is not computed yet."""


class MoneyIndex:
    """`reading_of` and `turn_money` for turns that are mostly the same objects as at the last call.

    The money of a turn depends on the turns before it and on the read before the next one, so it is
    computed again from the turn before the first changed one. When the interpretation of the numbers
    changes, all turns are computed again.
    """

    def __init__(self) -> None:
        self.reading = Reading.NONE
        """How the numbers of the turns of the last call are interpreted."""
        self._turns: Sequence[Turn] = ()
        self._money: list[TurnMoney] = []
        self._computed = 0
        """The number of turns from the first that are computed; later ones may be as well."""
        self._all: tuple[TurnMoney, ...] | None = ()
        self._marked = 0
        self._marks: HighWaterMarks | None = HighWaterMarks()
        """The high-water marks of the first `_marked` turns; None once a member decreased."""

    def __call__(self, turns: Sequence[Turn]) -> tuple[TurnMoney, ...]:
        """The money of each turn, in the same order; the identical tuple while the turns are the same."""
        self._update(turns)
        if self._all is None:
            self._compute(self._computed, len(turns))
            self._computed, self._all = len(turns), tuple(self._money)
        return self._all

    def some(self, turns: Sequence[Turn], first: int, end: int) -> Sequence[TurnMoney]:
        """The money of the turns from index `first` to before `end`; other turns are not computed."""
        self._update(turns)
        self._compute(first, end)
        return self._money[first:end]

    def _update(self, turns: Sequence[Turn]) -> None:
        same = same_front(self._turns, turns)
        if same == len(turns) == len(self._turns):
            return
        reading = self._read(turns, same)
        unchanged = max(0, same - 1) if reading is self.reading else 0
        self.reading, self._turns, self._all = reading, tuple(turns), None
        self._money[unchanged:] = [_NOT_YET] * (len(turns) - unchanged)
        self._computed = min(self._computed, unchanged)

    def _compute(self, first: int, end: int) -> None:
        for at in range(first, end):
            if self._money[at] is _NOT_YET:
                self._money[at] = money_at(self._turns, at, self.reading)

    def _read(self, turns: Sequence[Turn], same: int) -> Reading:
        # The last turn is added separately below: where the marks include it already, they start again.
        if min(same, len(turns) - 1) < self._marked:
            self._marked, self._marks = 0, HighWaterMarks()
        # The last turn is the one that changes, so the stored marks end before it.
        for turn in turns[self._marked : -1]:
            self._marks = _add_turn(self._marks, turn)
        self._marked = max(self._marked, len(turns) - 1)
        marks = None if self._marks is None else self._marks.copy()
        marks = _add_turn(marks, turns[-1]) if turns else marks
        return Reading.PER_TURN if marks is None else marks.reading


def _add_turn(marks: HighWaterMarks | None, turn: Turn) -> HighWaterMarks | None:
    """`marks` with the reads of a turn added; None once a member decreased."""
    return None if marks is None or marks.decreases(turn) else marks
