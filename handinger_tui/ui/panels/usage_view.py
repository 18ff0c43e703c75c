"""The values that the usage panel shows: sums over the turns; each a number, "pending" or "not reported"."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Final, NamedTuple

from msgspec import Struct

from handinger_tui.core.amounts import EXACT, at_price, doubt_mark, tidy
from handinger_tui.core.figures import Costs, Usage, cost_of
from handinger_tui.core.money.attribution import Interpretation, MoneyIndex, TurnMoney, elapsed_ms
from handinger_tui.core.money.limits import Unit
from handinger_tui.core.receipts import share_text
from handinger_tui.core.stream import Snapshot
from handinger_tui.core.turns.session import Session, newest_target
from handinger_tui.core.turns.turn import FREE, Turn, TurnStatus
from handinger_tui.ui.panels.panel import turn_in_view

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


Amount = Decimal | int


class Member(Struct, frozen=True):
    """One reported figure: its name in `UsageView`, and the function that reads it."""

    name: str
    read: Callable[[Usage, Costs], Amount | None]


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
UNITS: Final = {"cost": Unit.USD, "credits": Unit.CREDITS}
"""The members that are amounts of money."""
AT: Final = {member.name: at for at, member in enumerate(MEMBERS)}


SHORTEST_MS: Final = 30_000
"""The shortest time for which a rate is computed: the rate of a few seconds is misleading."""
_MINUTE_MS: Final = 60_000


class SpendingPace(Struct, frozen=True):
    """Durations of turns, and amounts with the time in which they were spent.

    `ms`: the time of all turns. `usd_ms` and `credits_ms`: the time of the turns whose amount is reported.
    `untimed`: the number of turns whose duration is unknown.
    """

    ms: int = 0
    usd: Decimal | None = None
    usd_ms: int = 0
    credits: Decimal | None = None
    credits_ms: int = 0
    untimed: int = 0

    def __add__(self, other: SpendingPace) -> SpendingPace:
        """The sum of both."""
        return SpendingPace(
            self.ms + other.ms,
            _sum(self.usd, other.usd),
            self.usd_ms + other.usd_ms,
            _sum(self.credits, other.credits),
            self.credits_ms + other.credits_ms,
            self.untimed + other.untimed,
        )

    @property
    def usd_a_minute(self) -> Decimal | None:
        """US dollars per minute; None without a cost, or with less than `SHORTEST_MS` of time."""
        return _a_minute(self.usd, self.usd_ms)

    @property
    def credits_a_minute(self) -> Decimal | None:
        """Credits per minute; None without credits, or with less than `SHORTEST_MS` of time."""
        return _a_minute(self.credits, self.credits_ms)


NO_PACE: Final = SpendingPace()


def pace_in(ms: int | None, usd: Decimal | None, credit: Decimal | None) -> SpendingPace:
    """The pace of a turn that took `ms`; None: its duration is unknown, so its amounts are omitted."""
    if ms is None:
        return SpendingPace(untimed=1)
    return SpendingPace(ms, usd, 0 if usd is None else ms, credit, 0 if credit is None else ms)


def _sum(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    return one if other is None else other if one is None else EXACT.add(one, other)


def _a_minute(amount: Decimal | None, ms: int) -> Decimal | None:
    """The amount per minute. An estimate, so the precision of an ordinary division is enough."""
    return amount * _MINUTE_MS / ms if amount is not None and ms >= SHORTEST_MS else None


class Sum(NamedTuple):
    """The sum of one figure: its reported part, how many turns it misses, and whether it has any."""

    value: Amount | None = 0
    missing: int = 0
    has_values: bool = False


@dataclass(slots=True)
class Sums:
    """Totals over turns, added in order.

    `members`: one sum per figure over the `turns` turns of one worker. `open`: the position among
    these of the newest turn whose numbers may still arrive; -1 for none. `history`: the cost of each
    turn, of any worker, that may have cost something. `pace`: that of the worker's finished turns,
    without the turn in view. `doubtful`: the units of amounts that depend on what the figures mean.
    """

    members: list[Sum] = field(default_factory=lambda: [Sum()] * len(MEMBERS))
    turns: int = 0
    open: int = -1
    history: list[Decimal | None] = field(default_factory=list)
    pace: SpendingPace = NO_PACE
    doubtful: frozenset[Unit] = frozenset()

    def waiting(self, member: Sum) -> bool:
        """Whether the numbers of a turn that is missing in the sum may still arrive."""
        return member.missing > 0 and self.open >= max(0, self.turns - member.missing)


def _sums_of(index: MoneyIndex, turns: Sequence[Turn], money: Sequence[TurnMoney], at: int) -> Sums:
    """The sums over all turns; `at`: the position of the one in view."""
    sums, worker = Sums(), newest_target(turns)
    add = _add_turn if index.reading is Interpretation.PER_TURN else _newest_total
    for position, (turn, of_turn) in enumerate(zip(turns, money, strict=True)):
        is_free = turn.status in FREE
        if not is_free:
            sums.history.append(of_turn.usd)
        if turn.target not in (None, worker):
            continue
        if unfinished(turn):
            sums.open = sums.turns
        sums.turns += 1
        sums.doubtful |= of_turn.doubts
        if is_free:
            # The zero of a turn that was never sent must not make the sum of the others look reported.
            continue
        pairs = zip(sums.members, MEMBERS, strict=True)
        sums.members = [add(so_far, member, turn, of_turn) for so_far, member in pairs]
        if position != at and not turn.live:
            sums.pace += pace_of(turn, of_turn)
    return sums


def _add_turn(so_far: Sum, member: Member, _turn: Turn, money: TurnMoney) -> Sum:
    """The sum with one more turn, where each turn is reported by itself."""
    reported = member.read(money.usage, money.costs)
    value = None if reported is None else tidy(Decimal(reported))
    gap = reported is None or not money.final
    if value is None:
        return Sum(so_far.value if so_far.has_values else None, so_far.missing + gap, so_far.has_values)
    return Sum(EXACT.add(Decimal(so_far.value or 0), value), so_far.missing + gap, has_values=True)


def _newest_total(so_far: Sum, member: Member, turn: Turn, _money: TurnMoney) -> Sum:
    """The worker's running total. The newest reading includes all earlier turns, even those of others."""
    after = _read(member, turn.snapshot)
    if after is not None and turn.snapshot is not None:
        return Sum(after, int(turn.snapshot.busy or unfinished(turn)), has_values=True)
    before = _read(member, turn.before)
    if before is not None:
        return Sum(before, 1, has_values=True)
    return Sum(so_far.value if so_far.has_values else None, so_far.missing + 1, so_far.has_values)


def _read(member: Member, snapshot: Snapshot | None) -> Amount | None:
    return None if snapshot is None else member.read(snapshot.usage, snapshot.costs)


def unfinished(turn: Turn) -> bool:
    """Whether numbers may still arrive: this program works on the turn, or the worker continues unwatched."""
    return turn.live or turn.status is TurnStatus.RUNNING


def pace_of(turn: Turn, money: TurnMoney) -> SpendingPace:
    """The pace of a turn; an unfinished one counts as untimed."""
    return pace_in(None if unfinished(turn) else elapsed_ms(turn), money.usd, money.usage.credits)


def decimal_or_none(value: Amount | None) -> Decimal | None:
    """A figure as an exact number."""
    return None if value is None else Decimal(value)


class Figure(Struct, frozen=True):
    """One cell. `value` None: "pending" while the turn runs, else "not reported".

    `missing`: the number of turns missing in a sum; `running`: one of them is only not finished yet.
    `estimate`: measured by this program, not reported by the service.
    """

    value: Amount | None = None
    pending: bool = False
    missing: int = 0
    running: bool = False
    estimate: bool = False
    sign: str = ""
    """"≤": shared with others, "~": depends on how the worker counts, which is not certain yet."""
    hidden: bool = False
    """The cell stays empty: a missing value is not marked."""


Pair = tuple[Figure, Figure]
"""The figures of this turn and of this worker."""


class UsageView(Struct, frozen=True):
    """Everything the usage panel shows; compares by value.

    `turn` and `worker` hold one figure for each of `MEMBERS`. `history` is the cost of each turn that
    may have cost something, None where not reported. `began_ms`: when this turn was sent; None when it
    is not running. `share`: with whom this turn shares its amount.

    `own` is this turn's pace once it is not running, `others` that of all other turns.
    """

    turn: tuple[Figure, ...] = ()
    worker: tuple[Figure, ...] = ()
    status: TurnStatus | None = None
    so_far: bool = False
    share: str = ""
    reading: Interpretation = Interpretation.NONE
    pinned: bool = False
    read_ms: int | None = None
    history: tuple[Decimal | None, ...] = ()
    began_ms: int | None = None
    own: SpendingPace = NO_PACE
    others: SpendingPace = NO_PACE
    credit_usd: Decimal | None = None
    """See `Session`."""
    kind: str = "worker"
    """What the second column is called: see `Session.kind`."""

    def this_turn(self, name: str) -> Figure:
        """The figure `name` of this turn."""
        return self.turn[AT[name]] if self.turn else Figure()

    def this_worker(self, name: str) -> Figure:
        """The figure `name` of this worker."""
        return self.worker[AT[name]] if self.worker else Figure()

    def at_price(self) -> Pair | None:
        """The credits of this turn and of this worker at the person's price; None where USD are reported."""
        if any(figure.value is not None or figure.pending for figure in self._both("cost")):
            return None
        turn, worker = (
            Figure(at_price(decimal_or_none(one.value), self.credit_usd), missing=one.missing, sign="~")
            for one in self._both("credits")
        )
        return None if worker.value is None else (turn, worker)

    def _both(self, name: str) -> Pair:
        return self.this_turn(name), self.this_worker(name)

    def elapsed(self, now_ms: int | None) -> Pair:
        """Time from sending to the end, or to now, by the local clock; `now_ms` None: the time is unknown."""
        own = self._own_pace(now_ms)
        total_ms, missing = own.ms + self.others.ms, self.others.untimed + own.untimed
        waiting = self.so_far and bool(own.untimed)
        turn = Figure(pending=waiting) if own.untimed else Figure(own.ms, estimate=True)
        if not total_ms and missing:
            return turn, Figure(pending=waiting)
        return turn, Figure(total_ms, missing=missing, running=waiting, estimate=True)

    def rate(self) -> tuple[str, Pair]:
        """The cost per minute: "rate" in USD, "credit_rate" where only credits are reported, else "".

        For a running turn it is the cost at the last reading of the worker, divided by the time until
        that reading: between two readings no costs are reported.
        """
        own = self._own_pace(self.read_ms)
        total = own + self.others
        usd = (own.usd_a_minute, total.usd_a_minute)
        credit = (own.credits_a_minute, total.credits_a_minute)
        name, rates = ("rate", usd) if any(usd) or not any(credit) else ("credit_rate", credit)
        turn, worker = (Figure(value, estimate=value is not None, hidden=value is None) for value in rates)
        return name if any(rates) else "", (turn, worker)

    def _own_pace(self, at_ms: int | None) -> SpendingPace:
        """This turn's pace at the time `at_ms`; None: the time is unknown."""
        if self.began_ms is None:
            return self.own
        duration_ms = None if at_ms is None else max(0, at_ms - self.began_ms)
        cost, credit = (self.this_turn(name).value for name in ("cost", "credits"))
        return pace_in(duration_ms, decimal_or_none(cost), decimal_or_none(credit))


def usage_view(session: Session, index: MoneyIndex | None = None) -> UsageView:
    """The figures of a session. Queued turns have used nothing and do not count.

    `index`: pass the same object on each call, so that the money of unchanged turns is not computed again.
    """
    turn = turn_in_view(session)
    if turn is None or (turn.status in FREE and session.sent is None and turn.before is None):
        # No message has reached a worker.
        return UsageView(kind=session.kind)
    turns = [one for one in session.turns if one.status is not TurnStatus.QUEUED or one is turn]
    at = next(at for at in reversed(range(len(turns))) if turns[at] is turn)
    index = MoneyIndex() if index is None else index
    all_money = index(turns, session.elsewhere)
    money, sums = all_money[at], _sums_of(index, turns, all_money, at)
    # A turn started elsewhere began before this program knew of it.
    ours = turn.live and not turn.request.trigger.elsewhere
    began_ms = turn.began_ms if ours else None
    members = sums.members
    if index.reading is Interpretation.TOTAL:
        of_worker = index.of_worker
        members = [
            total._replace(value=member.read(*of_worker))
            for member, total in zip(MEMBERS, members, strict=True)
        ]
    return UsageView(
        turn=tuple(_of_turn(member, money, turn) for member in MEMBERS),
        worker=tuple(
            _of_worker(member, total, sums, turn) for member, total in zip(MEMBERS, members, strict=True)
        ),
        status=turn.status,
        so_far=unfinished(turn),
        share=share_text(money),
        reading=index.reading,
        pinned=index.pinned,
        read_ms=next((turn.read_ms for turn in reversed(turns) if turn.read_ms is not None), None),
        history=tuple(sums.history),
        began_ms=began_ms,
        own=NO_PACE if began_ms is not None else pace_of(turn, money),
        others=sums.pace,
        credit_usd=session.credit_usd,
        kind=session.kind,
    )


def _of_turn(member: Member, money: TurnMoney, turn: Turn) -> Figure:
    value = member.read(money.usage, money.costs)
    if money.shared and value is not None:
        most = member.read(*money.most)
        return Figure(most, sign="≤")
    sign = doubt_mark(UNITS.get(member.name) in money.doubts and value is not None)
    # A service that reports each turn by itself reports nothing later.
    is_pending = value is None and turn.own_usage is None and unfinished(turn)
    return Figure(value, pending=is_pending, sign=sign)


def _of_worker(member: Member, total: Sum, sums: Sums, turn: Turn) -> Figure:
    """The sum over the worker's turns, and the number of turns missing in it. `turn`: the newest one."""
    waiting = sums.waiting(total)
    is_doubtful = UNITS.get(member.name) in sums.doubtful and total.value is not None
    return Figure(
        total.value,
        pending=total.value is None and turn.own_usage is None and waiting,
        missing=total.missing,
        running=waiting,
        sign=doubt_mark(is_doubtful),
    )
