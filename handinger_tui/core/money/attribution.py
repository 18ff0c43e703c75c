"""Attribution of cumulative usage: which amounts belong to which turn, from the figures of a worker."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final

from handinger_tui.core.amounts import Total, total
from handinger_tui.core.stream.usage import NO_COSTS, NO_USAGE, ZERO_COSTS, ZERO_USAGE, Costs, Usage, cost_of
from handinger_tui.core.stream.worker_snapshot import Snapshot
from handinger_tui.core.turns.session import PerTurn, Session
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

    `final`: the numbers come from a worker that had finished. Otherwise they are "so far", and the turn
    counts as missing in totals.
    """

    usage: Usage = NO_USAGE
    costs: Costs = NO_COSTS
    reading: Reading = Reading.NONE
    final: bool = False

    @property
    def usd(self) -> Decimal | None:
        """The cost in USD: as reported, else the sum of the four categories."""
        return cost_of(self.usage, self.costs)


@dataclass(frozen=True, slots=True)
class SessionMoney:
    """The money of all turns of a session, in order, and their sums."""

    turns: tuple[TurnMoney, ...]
    reading: Reading
    usd: Total
    credits: Total


_USAGE: Final = Usage.__match_args__
_COSTS: Final = Costs.__match_args__
_UNUSED: Final = Snapshot(status="completed", usage=ZERO_USAGE, costs=ZERO_COSTS)
"""The figures of a worker before its first turn."""
NOTHING_SPENT: Final = TurnMoney(ZERO_USAGE, ZERO_COSTS, Reading.NONE, final=True)
"""The money of a turn that never started: zeros, not unknown."""


def session_money(turns: Sequence[Turn]) -> SessionMoney:
    """The money of each turn, and the totals with their gaps. `turns` are in order of sending."""
    reading = reading_of(turns)
    all_money = tuple(money_at(turns, at, reading) for at in range(len(turns)))
    return SessionMoney(
        all_money,
        reading,
        usd=_total([(money, money.usd) for money in all_money]),
        credits=_total([(money, money.usage.credits) for money in all_money]),
    )


def money_of(session: Session, turn: Turn) -> TurnMoney:
    """The money of `turn` within its session; unknown when it is not a turn of the session."""
    turns = [turn if own.turn_id == turn.turn_id else own for own in session.turns]
    at = next((at for at, own in enumerate(turns) if own is turn), None)
    return TurnMoney() if at is None else money_at(turns, at, reading_of(turns))


def reading_of(turns: Sequence[Turn]) -> Reading:
    """How the numbers of these turns are interpreted: one decrease means that each turn is reported alone.

    A session may continue with another worker, so members are compared with their highest values per worker.
    """
    worker: str | None = None
    highest: dict[str | None, dict[str, Decimal | int]] = {}
    for turn in turns:
        worker_id = worker_of(turn)
        if worker_id is not None and worker_id != worker:
            if worker is None:
                # Numbers read before the id was known belong to the same worker.
                highest = {worker_id: highest.get(None, {})}
            worker = worker_id
        members = highest.setdefault(worker, {})
        if any(read is not None and _decreases(read, members) for read in (turn.before, turn.snapshot)):
            return Reading.PER_TURN
    return Reading.TOTAL if any(highest.values()) else Reading.NONE


def _decreases(read: Snapshot, highest: dict[str, Decimal | int]) -> bool:
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


def worker_of(turn: Turn) -> str | None:
    """The id of the worker of a turn, None while it is not known."""
    return turn.worker_id or turn.order.worker_id


def newest_worker(turns: Sequence[Turn]) -> str | None:
    """The worker of the newest turn for which it is known; the local worker has a new id at each start."""
    return next((worker_id for turn in reversed(turns) if (worker_id := worker_of(turn)) is not None), None)


def turn_money(turns: Sequence[Turn]) -> tuple[TurnMoney, ...]:
    """The money of each turn, in the same order."""
    reading = reading_of(turns)
    return tuple(money_at(turns, at, reading) for at in range(len(turns)))


def money_at(turns: Sequence[Turn], at: int, reading: Reading) -> TurnMoney:
    """The money of the turn at index `at`; `reading` is that of all turns."""
    turn = turns[at]
    if turn.status in FREE:
        return NOTHING_SPENT
    after = _with_figures(turn.snapshot)
    if reading is Reading.TOTAL and (after is None or after.busy):
        # The read before the next turn shows the totals at the end of this one.
        following = _with_figures(turns[at + 1].before) if at + 1 < len(turns) else None
        after = following if following is not None and not following.busy else after
    if after is None:
        return TurnMoney()
    final = not after.busy and turn.status not in LIVE
    if reading is Reading.PER_TURN:
        return TurnMoney(after.usage, after.costs, reading, final)
    before = _read_at_start(turns, at)
    if before is None:
        return TurnMoney(reading=reading)
    return TurnMoney(after.usage - before.usage, after.costs - before.costs, reading, final)


def took_ms(turn: Turn) -> int | None:
    """Milliseconds from sending to the end, by our own clock.

    None while the turn runs, when the clock went back, and for a turn that another program started.
    """
    if turn.ended_ms is None or turn.live or turn.order.trigger is Trigger.ELSEWHERE:
        return None
    elapsed_ms = turn.ended_ms - turn.order.created_ms
    return elapsed_ms if elapsed_ms >= 0 else None


def _read_at_start(turns: Sequence[Turn], at: int) -> Snapshot | None:
    """The figures of the worker at the start of the turn; None when they are not known."""
    turn = turns[at]
    own = _with_figures(turn.before)
    if own is not None:
        return own
    earlier = (turns[i] for i in range(at - 1, -1, -1) if turns[i].status not in FREE)
    newest = next(earlier, None)
    if newest is None or (turn.order.worker_id is None and not _shares_worker(turn, (newest, *earlier))):
        return _UNUSED if turn.order.worker_id is None else None
    last = _with_figures(newest.snapshot)
    return last if last is not None and not last.busy else None


def _shares_worker(turn: Turn, earlier: Iterable[Turn]) -> bool:
    """Whether an earlier turn has the same worker: a turn queued without a worker id did not create one."""
    return turn.worker_id is None or any(other.worker_id == turn.worker_id for other in earlier)


def _with_figures(snapshot: Snapshot | None) -> Snapshot | None:
    """The snapshot, if it reports a figure."""
    has_figures = snapshot is not None and (snapshot.usage.reported or snapshot.costs.reported)
    return snapshot if has_figures else None


def _total(values: Sequence[tuple[TurnMoney, Decimal | None]]) -> Total:
    """The total of the known values; a turn whose numbers are not final is added, but counts as missing."""
    summed = total(value for _, value in values)
    unfinished = sum(value is not None and not money.final for money, value in values)
    return Total(summed.value, summed.missing_turns + unfinished)


class MoneyIndex:
    """`turn_money` for a session that grows: only turns whose figures changed are computed again.

    The money of a turn depends on the turns before it and on the read before the next one, so it is
    computed again from the turn before the first changed one. When the interpretation of the numbers
    changes, all turns are computed again.
    """

    def __init__(self) -> None:
        self.reading = Reading.NONE
        """How the numbers of the turns of the last call are interpreted."""
        self._figures_of = PerTurn(_figures)
        self._figures: tuple[object, ...] = ()
        self._money: tuple[TurnMoney, ...] = ()

    def __call__(self, turns: Sequence[Turn]) -> tuple[TurnMoney, ...]:
        """The money of each turn, in the same order; the identical tuple while no figure changed."""
        figures = self._figures_of(turns)
        if figures != self._figures:
            pairs = zip(self._figures, figures, strict=False)
            first = next((at for at, (old, new) in enumerate(pairs) if old != new), len(self._figures))
            reading = reading_of(turns)
            unchanged = max(0, min(first, len(turns)) - 1) if reading is self.reading else 0
            computed = (money_at(turns, at, reading) for at in range(unchanged, len(turns)))
            self._money = (*self._money[:unchanged], *computed)
            self._figures, self.reading = figures, reading
        return self._money


def _figures(turn: Turn) -> tuple[object, ...]:
    """All that the money of a turn is computed from."""
    return turn.before, turn.snapshot, turn.status, turn.worker_id, turn.order.worker_id
