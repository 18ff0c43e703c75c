"""The values that the usage panel shows: each a number, "pending" or "not reported"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from handinger_tui.core.money.attribution import Reading, TurnMoney
from handinger_tui.core.turns.session import Session
from handinger_tui.core.turns.turn import Trigger, Turn, TurnStatus
from handinger_tui.ui.panels.panel import turn_in_view
from handinger_tui.ui.panels.usage.totals import (
    AT,
    MEMBERS,
    NO_PACE,
    Amount,
    Member,
    Pace,
    Sum,
    Sums,
    WorkerTotals,
    pace,
    pace_of,
    unfinished,
)


def _decimal(value: Amount | None) -> Decimal | None:
    return None if value is None else Decimal(value)


@dataclass(frozen=True, slots=True)
class Figure:
    """One cell. `value` None: "pending" while the turn runs, else "not reported".

    `missing`: the number of turns missing in a sum; `running`: one of them is only not finished yet.
    `estimate`: measured by this program, not reported by the service.
    """

    value: Amount | None = None
    pending: bool = False
    missing: int = 0
    running: bool = False
    estimate: bool = False


Pair = tuple[Figure, Figure]
"""The figures of this turn and of this worker."""


@dataclass(frozen=True, slots=True)
class UsageView:
    """Everything the usage panel shows; compares by value.

    `turn` and `worker` hold one figure for each of `MEMBERS`. `history` is the cost of each turn that
    may have cost something, None where not reported. `began_ms`: when this turn was sent; None when it
    is not running. `own` is this turn's pace once it is not running, `others` that of all other turns.
    """

    turn: tuple[Figure, ...] = ()
    worker: tuple[Figure, ...] = ()
    status: TurnStatus | None = None
    so_far: bool = False
    reading: Reading = Reading.NONE
    read_ms: int | None = None
    history: tuple[Decimal | None, ...] = ()
    began_ms: int | None = None
    own: Pace = NO_PACE
    others: Pace = NO_PACE

    def this_turn(self, name: str) -> Figure:
        """The figure `name` of this turn."""
        return self.turn[AT[name]] if self.turn else Figure()

    def this_worker(self, name: str) -> Figure:
        """The figure `name` of this worker."""
        return self.worker[AT[name]] if self.worker else Figure()

    def elapsed(self, now_ms: int | None) -> Pair:
        """Time from sending to the end, or to now, by the local clock; `now_ms` None: not known yet."""
        own = self._own_pace(now_ms)
        total_ms, missing = own.ms + self.others.ms, self.others.untimed + own.untimed
        waiting = self.so_far and bool(own.untimed)
        turn = Figure(pending=waiting) if own.untimed else Figure(own.ms, estimate=True)
        if not total_ms and missing:
            return turn, Figure(pending=waiting)
        return turn, Figure(total_ms, missing=missing, running=waiting, estimate=True)

    def rate(self) -> tuple[str, Pair]:
        """The cost per minute: "rate" in USD, "credit_rate" where only credits are known.

        For a running turn it is the cost at the last reading of the worker, divided by the time until
        that reading: between two readings nothing is known.
        """
        own = self._own_pace(self.read_ms)
        total = own + self.others
        usd = (own.usd_a_minute, total.usd_a_minute)
        credit = (own.credits_a_minute, total.credits_a_minute)
        name, rates = ("rate", usd) if any(usd) or not any(credit) else ("credit_rate", credit)
        turn, worker = (
            Figure(value, pending=value is None and self.so_far, estimate=value is not None)
            for value in rates
        )
        return name, (turn, worker)

    def _own_pace(self, at_ms: int | None) -> Pace:
        """This turn's pace at the time `at_ms`; None: the time is not known."""
        if self.began_ms is None:
            return self.own
        duration_ms = None if at_ms is None else max(0, at_ms - self.began_ms)
        cost, credit = (self.this_turn(name).value for name in ("cost", "credits"))
        return pace_of(duration_ms, _decimal(cost), _decimal(credit))


def usage_view(session: Session, totals: WorkerTotals | None = None) -> UsageView:
    """The figures of a session. Queued turns have used nothing and do not count.

    `totals`: pass the same object on each call, so that the unchanged turns of a long session are not
    added up again.
    """
    turn = turn_in_view(session)
    if turn is None:
        return UsageView()
    turns = [one for one in session.turns if one.status is not TurnStatus.QUEUED or one is turn]
    at = next(at for at in reversed(range(len(turns))) if turns[at] is turn)
    totals = WorkerTotals() if totals is None else totals
    money, sums = totals(turns, at)
    # A turn started elsewhere began before this program knew of it.
    ours = turn.live and turn.order.trigger is not Trigger.ELSEWHERE
    began_ms = turn.order.created_ms if ours else None
    return UsageView(
        turn=tuple(_of_turn(member, money, turn) for member in MEMBERS),
        worker=tuple(_of_worker(total, sums) for total in sums.members),
        status=turn.status,
        so_far=unfinished(turn),
        reading=totals.index.reading,
        read_ms=_read_ms(turns),
        history=tuple(sums.history),
        began_ms=began_ms,
        own=NO_PACE if began_ms is not None else pace(turn, money),
        others=sums.pace,
    )


def _of_turn(member: Member, money: TurnMoney, turn: Turn) -> Figure:
    value = member.read(money.usage, money.costs)
    return Figure(value, pending=value is None and unfinished(turn))


def _of_worker(total: Sum, sums: Sums) -> Figure:
    """The sum over the worker's turns, and the number of turns missing in it."""
    waiting = sums.waiting(total)
    return Figure(
        total.value, pending=total.value is None and waiting, missing=total.missing, running=waiting
    )


def _read_ms(turns: Sequence[Turn]) -> int | None:
    return next((turn.read_ms for turn in reversed(turns) if turn.read_ms is not None), None)
