"""Figures: what the usage panel shows, as values: a number, "pending" or "not reported". Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal, localcontext
from typing import Final

from handinger_tui.core.money import EXACT, total
from handinger_tui.core.money_index import MoneyIndex
from handinger_tui.core.readings import Reading, TurnMoney, newest_worker, took_ms, worker_of
from handinger_tui.core.record import dataclass
from handinger_tui.core.session import Session
from handinger_tui.core.snapshot import Snapshot
from handinger_tui.core.turn import FREE, Trigger, Turn, TurnStatus
from handinger_tui.core.usage import Costs, Usage
from handinger_tui.ui.panels.listing import turn_in_view
from handinger_tui.ui.panels.pace import NO_PACE, Pace, pace_of

Amount = Decimal | int


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


Taken = tuple[Turn, TurnMoney]
Pair = tuple[Figure, Figure]
"""Of this turn and of this worker."""


@dataclass(frozen=True, slots=True)
class Member:
    """One figure that a worker reports: its name in `UsageView` and how to read it."""

    name: str
    read: Callable[[Usage, Costs], Amount | None]


def cost_of(usage: Usage, costs: Costs) -> Decimal | None:
    """The cost in USD: as reported, else the sum of all four categories."""
    with localcontext(EXACT):
        return usage.cost_usd if usage.cost_usd is not None else costs.total()


MEMBERS: Final = (
    Member("cost", cost_of),
    Member("credits", lambda usage, _: usage.credits),
    Member("input", lambda usage, _: usage.input_tokens),
    Member("output", lambda usage, _: usage.output_tokens),
    Member("reasoning", lambda usage, _: usage.reasoning_tokens),
    Member("cache_read", lambda usage, _: usage.cache_read_tokens),
    Member("cache_write", lambda usage, _: usage.cache_write_tokens),
    Member("total", lambda usage, _: usage.total_tokens),
    Member("steps", lambda usage, _: usage.steps),
    Member("duration", lambda usage, _: usage.duration_ms),
    Member("model", lambda _, costs: costs.model_usd),
    Member("tool", lambda _, costs: costs.tool_usd),
    Member("sandbox", lambda _, costs: costs.sandbox_usd),
    Member("internal", lambda _, costs: costs.internal_usd),
)
CATEGORIES: Final = ("model", "tool", "sandbox", "internal")


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


AT: Final = {member.name: at for at, member in enumerate(MEMBERS)}


def usage_view(session: Session, index: MoneyIndex | None = None) -> UsageView:
    """Select from a session. Turns that are still queued have used nothing and do not count.

    `index`: kept by who asks again and again, as a long session has many turns that stay as they are.
    """
    turn = turn_in_view(session)
    if turn is None:
        return UsageView()
    turns = [own for own in session.turns if own.status is not TurnStatus.QUEUED or own is turn]
    index = MoneyIndex() if index is None else index
    each = index(turns)
    money = next(money for own, money in zip(reversed(turns), reversed(each), strict=True) if own is turn)
    reading = index.reading
    worker = (None, newest_worker(turns))
    pairs = [(own, of) for own, of in zip(turns, each, strict=True) if worker_of(own) in worker]
    # What others started began before we knew of it.
    ours = turn.live and turn.order.trigger is not Trigger.ELSEWHERE
    began_ms = turn.order.created_ms if ours else None
    return UsageView(
        turn=tuple(_of_turn(member, money, turn) for member in MEMBERS),
        worker=tuple(_of_worker(member, pairs, reading) for member in MEMBERS),
        status=turn.status,
        so_far=unfinished(turn),
        reading=reading,
        read_ms=_read_ms(turns),
        history=tuple(own.usd for own, of in zip(each, turns, strict=True) if of.status not in FREE),
        began_ms=began_ms,
        own=NO_PACE if began_ms is not None else _pace(turn, money),
        others=_others(turn, pairs),
    )


def _others(turn: Turn, pairs: Sequence[Taken]) -> Pace:
    """Of the worker's turns beside this one that may have cost something."""
    pace = NO_PACE
    for other, money in pairs:
        if other is not turn and not other.live and other.status not in FREE:
            pace += _pace(other, money)
    return pace


def _pace(turn: Turn, money: TurnMoney) -> Pace:
    return pace_of(None if unfinished(turn) else took_ms(turn), money.usd, money.usage.credits)


def unfinished(turn: Turn) -> bool:
    """Numbers may still come: we work on it, or the worker went on without us."""
    return turn.live or turn.status is TurnStatus.RUNNING


def _of_turn(member: Member, money: TurnMoney, turn: Turn) -> Figure:
    value = member.read(money.usage, money.costs)
    return Figure(value, pending=value is None and unfinished(turn))


def _of_worker(member: Member, pairs: Sequence[Taken], reading: Reading) -> Figure:
    """The sum over the worker's turns, and how many turns are not in it."""
    value, missing = _summed(member, pairs) if reading is Reading.PER_TURN else _newest(member, pairs)
    waiting = bool(missing) and any(unfinished(turn) for turn, _ in pairs[-missing:])
    return Figure(value, pending=value is None and waiting, missing=missing, running=waiting)


def _summed(member: Member, pairs: Sequence[Taken]) -> tuple[Amount | None, int]:
    """Every turn was reported by itself: add them."""
    values = []
    missing = 0
    for turn, money in pairs:
        value = member.read(money.usage, money.costs)
        values.append(None if value is None else Decimal(value))
        missing += turn.status not in FREE and (value is None or not money.known)
    return total(values).value, missing


def _newest(member: Member, pairs: Sequence[Taken]) -> tuple[Amount | None, int]:
    """The worker's own running total: its newest reading holds every turn before it, ours or not."""
    missing = 0
    for turn, _ in reversed(pairs):
        if turn.status in FREE:
            continue
        after = _read(member, turn.snapshot)
        if after is not None and turn.snapshot is not None:
            return after, missing + (turn.snapshot.busy or unfinished(turn))
        missing += 1
        before = _read(member, turn.before)
        if before is not None:
            return before, missing
    return (None, missing) if missing else (0, 0)


def _read(member: Member, snapshot: Snapshot | None) -> Amount | None:
    return None if snapshot is None else member.read(snapshot.usage, snapshot.costs)


def _read_ms(turns: Sequence[Turn]) -> int | None:
    return next((turn.read_ms for turn in reversed(turns) if turn.read_ms is not None), None)
