"""Figures: what the usage panel shows, as values: a number, "pending" or "not reported". Pure."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from handinger_tui.core.money.attribution import Reading, TurnMoney
from handinger_tui.core.record import dataclass
from handinger_tui.core.turns.session import Session
from handinger_tui.core.turns.turn import Trigger, Turn, TurnStatus
from handinger_tui.ui.panels.list_panel import turn_in_view
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

    `missing`: how many turns a sum does not hold; `running`: one of them is
    only not finished yet. `estimate`: measured by us, not by the service.
    """

    value: Amount | None = None
    pending: bool = False
    missing: int = 0
    running: bool = False
    estimate: bool = False


Pair = tuple[Figure, Figure]
"""Of this turn and of this worker."""


@dataclass(frozen=True, slots=True)
class UsageView:
    """Everything the usage panel shows; compares by value.

    `turn` and `worker` hold one figure for each of `MEMBERS`. `history` is the
    cost of each turn that may have cost something, None where not reported.
    `began_ms`: since when this turn is worked on; None once it is not. `own` is
    this turn's pace after that, `others` that of all other turns.
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
        """The figure of this turn."""
        return self.turn[AT[name]] if self.turn else Figure()

    def this_worker(self, name: str) -> Figure:
        """The figure of this worker."""
        return self.worker[AT[name]] if self.worker else Figure()

    def elapsed(self, now_ms: int | None) -> Pair:
        """Time from sending to the end, or to now, by our own clock; `now_ms` None: not known yet."""
        own = self._own(now_ms)
        whole, missing = own.ms + self.others.ms, self.others.untimed + own.untimed
        waiting = self.so_far and bool(own.untimed)
        turn = Figure(pending=waiting) if own.untimed else Figure(own.ms, estimate=True)
        if not whole and missing:
            return turn, Figure(pending=waiting)
        return turn, Figure(whole, missing=missing, running=waiting, estimate=True)

    def rate(self) -> tuple[str, Pair]:
        """What a minute takes: "rate" in USD, "credit_rate" where only credits are known.

        Of a turn that runs it is what had been taken when the worker was last
        read, by the time of that reading: between two readings nothing is known.
        """
        own = self._own(self.read_ms)
        whole = own + self.others
        usd = (own.usd_a_minute, whole.usd_a_minute)
        credit = (own.credits_a_minute, whole.credits_a_minute)
        name, rates = ("rate", usd) if any(usd) or not any(credit) else ("credit_rate", credit)
        turn, worker = (
            Figure(value, pending=value is None and self.so_far, estimate=value is not None)
            for value in rates
        )
        return name, (turn, worker)

    def _own(self, at_ms: int | None) -> Pace:
        """This turn's pace at a moment."""
        if self.began_ms is None:
            return self.own
        taken = None if at_ms is None else max(0, at_ms - self.began_ms)
        cost, credit = (self.this_turn(name).value for name in ("cost", "credits"))
        return pace_of(taken, _decimal(cost), _decimal(credit))


def usage_view(session: Session, tally: WorkerTotals | None = None) -> UsageView:
    """Select from a session. Turns that are still queued have used nothing and do not count.

    `tally`: kept by who asks again and again, as a long session has many turns that stay as they are.
    """
    turn = turn_in_view(session)
    if turn is None:
        return UsageView()
    turns = [own for own in session.turns if own.status is not TurnStatus.QUEUED or own is turn]
    at = next(at for at in reversed(range(len(turns))) if turns[at] is turn)
    tally = WorkerTotals() if tally is None else tally
    money, sums = tally(turns, at)
    # What others started began before we knew of it.
    ours = turn.live and turn.order.trigger is not Trigger.ELSEWHERE
    began_ms = turn.order.created_ms if ours else None
    return UsageView(
        turn=tuple(_of_turn(member, money, turn) for member in MEMBERS),
        worker=tuple(_of_worker(own, sums) for own in sums.members),
        status=turn.status,
        so_far=unfinished(turn),
        reading=tally.index.reading,
        read_ms=_read_ms(turns),
        history=tuple(sums.history),
        began_ms=began_ms,
        own=NO_PACE if began_ms is not None else pace(turn, money),
        others=sums.pace,
    )


def _of_turn(member: Member, money: TurnMoney, turn: Turn) -> Figure:
    value = member.read(money.usage, money.costs)
    return Figure(value, pending=value is None and unfinished(turn))


def _of_worker(own: Sum, sums: Sums) -> Figure:
    """The sum over the worker's turns, and how many turns are not in it."""
    waiting = sums.waiting(own)
    return Figure(own.value, pending=own.value is None and waiting, missing=own.missing, running=waiting)


def _read_ms(turns: Sequence[Turn]) -> int | None:
    return next((turn.read_ms for turn in reversed(turns) if turn.read_ms is not None), None)
