"""Attribution: which amounts belong to which turn, computed from the readings of a session's workers."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal, localcontext
from enum import StrEnum
from itertools import compress, count
from operator import attrgetter, ne
from typing import Final, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from handinger_tui.core.amounts import Total, Unit, at_price
from handinger_tui.core.decimals import EXACT
from handinger_tui.core.figures import (
    FIGURES,
    NO_COSTS,
    NO_USAGE,
    ZERO_COSTS,
    ZERO_USAGE,
    ZEROS,
    Costs,
    Measure,
    Usage,
    cost_of,
    usage_and_costs,
)
from handinger_tui.core.formatting import duration, plural
from handinger_tui.core.money.amount_state import AmountState, state_of, total_in
from handinger_tui.core.money.basis import Basis
from handinger_tui.core.money.events import Key
from handinger_tui.core.money.timeline import NO_RULINGS, Entry, MeterResult, Timeline
from handinger_tui.core.money.turn_events import (
    EventOrder,
    WorkerEvent,
    equal_prefix,
    events_with_others,
    is_of_file,
    newest_timeline,
    only_read,
    rulings_by,
    timeline_of,
)
from handinger_tui.core.turns.session import (
    NO_RELATED_HISTORY,
    PerTurn,
    RelatedHistory,
    Session,
    identical_prefix,
)
from handinger_tui.core.turns.turn import FREE, LIVE, UNENDED, Fault, Turn, TurnStatus


class AmountBasis(StrEnum):
    """How the figures of a worker were read to compute the amounts of its turns (`reading` in JSON)."""

    TOTAL = "total"
    """As totals of the worker: the amount of a turn is their rise while it ran."""
    PER_TURN = "per_turn"
    """As figures of each turn alone."""
    NONE = "none"
    """Nothing was reported."""

    @property
    def word(self) -> str:
        """The word for it in JSON and CSV, as in `Basis`."""
        return "lifetime" if self is AmountBasis.TOTAL else str(self)


class TurnMoney(Struct, frozen=True):
    """The usage and costs of one turn; members are None if unknown."""

    usage: Usage = NO_USAGE
    costs: Costs = NO_COSTS
    reading: AmountBasis = AmountBasis.NONE
    final: bool = False
    """The worker had finished, and no part of the amounts is unknown. Otherwise the turn counts as missing in
    totals. A final amount may still grow until its `state` is settled."""
    ended: bool = False
    """The turn is no longer under way."""
    confirmed: bool = False
    """The figures of the idle worker stood still after its end; see `state_of`."""
    shared: bool = False
    """A part may belong to others. To keep sums exact, it is entered for one turn only: `usage` and `costs`
    are what is entered for this one."""
    most: tuple[Usage, Costs] = (NO_USAGE, NO_COSTS)
    """The maximum, if shared."""
    others: int = 0
    """How many other runs share a part; 0: only earlier costs."""
    doubtful: bool = False
    """The amount in USD depends on the basis of the worker's figures, which is undecided."""
    credits_doubtful: bool = False
    """The same for credits."""
    undecided: bool = False
    """What the figures mean is not decided, even if the amounts are the same either way."""
    set_by_person: bool = False
    """The person decided what the figures mean."""
    grew: bool = False
    """The turn was refused and has no amount, but the worker's figures rose at that time."""
    recounted: bool = False
    """The amounts are unknown because a rise that may be theirs is entered for others."""
    free: bool = False
    """The turn never started: it is in no sum unless the person assigned an amount to it."""

    @property
    def state(self) -> AmountState:
        """How far the amounts can be relied on."""
        return state_of(ended=self.ended, complete=self.final, confirmed=self.confirmed)

    @property
    def own(self) -> tuple[Usage, Costs]:
        """What the turn took itself; figures that it shares and that are entered for another one are None."""
        usage, costs = self.most
        return (_own(self.usage, usage), _own(self.costs, costs)) if self.shared else (self.usage, self.costs)

    @property
    def usd(self) -> Decimal | None:
        """The cost in USD: as reported, else the sum of the categories."""
        return cost_of(self.usage, self.costs)

    @property
    def most_usd(self) -> Decimal | None:
        """The maximum cost of the turn; its cost if that is not shared."""
        return cost_of(*self.most) if self.shared else self.usd

    def amount(self, unit: Unit) -> Decimal | None:
        """The amount in a unit."""
        return self.usd if unit is Unit.USD else self.usage.credits

    @property
    def doubts(self) -> frozenset[Unit]:
        """The units of the amounts that are doubtful."""
        marks = ((Unit.USD, self.doubtful), (Unit.CREDITS, self.credits_doubtful))
        return frozenset(unit for unit, mark in marks if mark and self.amount(unit) is not None)

    @property
    def most_credits(self) -> Decimal | None:
        """The maximum number of credits; those of the turn if they are not shared."""
        return self.most[0].credits if self.shared else self.usage.credits

    def total(self, unit: Unit) -> Total:
        """The amount in a unit, at most, with all that is not certain about it."""
        value = self.most_usd if unit is Unit.USD else self.most_credits
        is_doubtful = unit in self.doubts
        return total_in(self.state, value, final=self.final, doubtful=is_doubtful, shared=self.shared)

    def cost(self, credit_usd: Decimal | None) -> str:
        """The cost in words; "" if nothing is known. `credit_usd`: the person's price of a credit."""
        usd, credit = (self.total(unit) for unit in Unit)
        if usd.value is credit.value is None:
            return ""
        return usd.cost_words(credit, self.priced(credit_usd))

    def words(self, credit_usd: Decimal | None) -> str:
        """The same; "unknown" if nothing is known, "unknown so far" while something may still come."""
        return self.cost(credit_usd) or self.total(Unit.USD).words()

    def priced(self, credit_usd: Decimal | None) -> Decimal | None:
        """What its credits cost, at most, at the person's price of a credit."""
        return at_price(self.most_credits, credit_usd)

    def fault_of(self, turn: Turn) -> Fault | None:
        """The fault of its turn; it may have been charged if the worker's figures rose at that time."""
        fault = turn.fault
        return replace(fault, may_have_been_charged=True) if fault is not None and self.grew else fault

    def duration_text(self, turn: Turn) -> str:
        """How long its turn took: as reported, else by our own clock; "" if unknown."""
        if self.final and self.usage.duration_ms is not None:
            return duration(self.usage.duration_ms)
        return "" if turn.elapsed_ms is None else duration(turn.elapsed_ms)

    @property
    def share_text(self) -> str:
        """With what the turn shares its amount; "" if it does not."""
        if not self.shared:
            return ""
        if not self.others:
            return "with costs from before it"
        return f"shared with {plural(self.others, 'other run')}"

    @property
    def final_most_usd(self) -> Decimal | None:
        """`most_usd`; None while the amount may still grow, and so has no maximum."""
        return self.most_usd if self.final else None

    @property
    def final_most_credits(self) -> Decimal | None:
        """`most_credits`; None while the amount may still grow, and so has no maximum."""
        return self.most_credits if self.final else None


_FiguresT = TypeVar("_FiguresT", Usage, Costs)


def _own(entered: _FiguresT, most: _FiguresT) -> _FiguresT:
    pairs = zip(entered.members, most.members, strict=True)
    return type(entered)(*[None if not own and may_own else own for own, may_own in pairs])


class SessionMoney(Struct, frozen=True):
    """The money of all turns of a session, in order, and their sums."""

    turns: tuple[TurnMoney, ...]
    reading: AmountBasis
    usd: Total
    credits: Total


def _meters(*measures: Measure) -> tuple[int, ...]:
    """The positions of figures among the meters of a timeline, which are `FIGURES`."""
    return tuple(
        FIGURES.index(figure) for measure in measures for figure in FIGURES if figure.measure is measure
    )


(_COST,), (_CREDITS,) = _meters(Measure.COST), _meters(Measure.CREDITS)
_CATEGORIES: Final = _meters(Measure.CATEGORY)
MONEY: Final = (_COST, *_CATEGORIES, _CREDITS)
"""Only these meters decide whether an amount is final, shared or doubtful."""
STANDING: Final = tuple(sorted((*MONEY, *_meters(Measure.TOKENS))))
"""The meters that stand still when amounts are confirmed. Steps and durations decide nothing about money."""
_RANKED: Final = (*MONEY, *_meters(Measure.TOKENS, Measure.STEPS, Measure.TIME))
NOTHING_SPENT: Final = TurnMoney(
    ZERO_USAGE, ZERO_COSTS, AmountBasis.NONE, final=True, ended=True, confirmed=True, free=True
)
"""The money of a turn that never started: zero, not unknown."""
_GREW: Final = replace(NOTHING_SPENT, grew=True)


def session_money(turns: Sequence[Turn], elsewhere: RelatedHistory = NO_RELATED_HISTORY) -> SessionMoney:
    """The money of each turn, and totals without imported turns. `turns`: in order of sending."""
    index = MoneyIndex()
    all_money = index(turns, elsewhere)
    pairs = zip(turns, all_money, strict=True)
    charged = [money for turn, money in pairs if not (turn.imported or turn.unsent)]
    return SessionMoney(
        all_money, index.reading, total_of(charged, Unit.USD), total_of(charged, Unit.CREDITS)
    )


class RunningTotal:
    """The total of the reported amounts of a growing session, added again only from the first change on.

    The turn of an amount that is not final counts as missing. Zero of a turn that never started is in no
    total: it must not look as if the unit were reported.
    """

    def __init__(self, unit: Unit) -> None:
        self._unit = unit
        self._money: Sequence[TurnMoney] = ()
        self._sums: list[Total] = [Total(None)]
        """The total before each turn, and that of all."""

    def __call__(self, all_money: Sequence[TurnMoney]) -> Total:
        """The total; turns whose money is the same object are not added again."""
        unit, sums = self._unit, self._sums
        front = identical_prefix(self._money, all_money)
        del sums[front + 1 :]
        for money in all_money[front:]:
            amount = money.amount(unit)
            # A shared amount counts with what is entered for its turn, not with its maximum.
            is_counted = amount or not money.free
            sums.append(sums[-1] + replace(money.total(unit), value=amount) if is_counted else sums[-1])
        self._money = all_money
        return Total(Decimal(0)) if sums[-1] is sums[0] else sums[-1]


def total_of(all_money: Sequence[TurnMoney], unit: Unit) -> Total:
    """The total of the reported amounts, as `RunningTotal`."""
    return RunningTotal(unit)(all_money)


# -- from timelines to amounts ----------------------------------------------------------
_Timelines = dict[str | None, Timeline]
_Results = dict[str | None, list[MeterResult]]


_OWN_USAGE: Final = attrgetter("own_usage")


class MoneyIndex:
    """The money of each turn of a growing session. Only what a change affects is computed again.

    The timelines are kept as they were before the newest turns. While only these change, earlier readings
    are not processed again.
    """

    def __init__(self) -> None:
        self.reading = AmountBasis.NONE
        """How the figures of the newest worker are read. All attributes are those of the last call."""
        self.set_by_person = False
        """The person decided that."""
        self.totals = {unit: RunningTotal(unit) for unit in Unit}
        """The totals of the turns, for views that show them after every change."""
        self.results: _Results = {}
        """What each meter of each worker shows, in the order of `FIGURES`."""
        self.of_worker: tuple[Usage, Costs] = (NO_USAGE, NO_COSTS)
        """What the newest worker has used in total, also for others."""
        self.newest_ms = 0
        """The time of the newest event of any worker, without imported turns."""
        self.money_elsewhere: dict[str, TurnMoney] = {}
        """The money of the turns of other sessions, by turn id."""
        self._turns: Sequence[Turn] = ()
        self._elsewhere = NO_RELATED_HISTORY
        self._indexed: Sequence[Turn] = ()
        self._positions: dict[str, int] = {}
        """Turn id → position in `_indexed`."""
        self._figures_of = PerTurn(_figures)
        self._figures: tuple[object, ...] = ()
        self._money: tuple[TurnMoney, ...] = ()
        self._order = EventOrder()
        self._timelines: _Timelines = {}
        self._kept = 0
        """How many of the events are in `_timelines`."""
        self._events: Sequence[WorkerEvent] = ()
        """Those of the last call, with turns of other sessions."""
        self._touched: set[Key] = set()
        """Earlier turns whose amounts the newest events have changed."""
        self._basis: tuple[object, ...] = ()
        """What the amounts of all turns depend on."""
        self._exceptions: set[Key] = set()

    def __call__(
        self, turns: Sequence[Turn], elsewhere: RelatedHistory = NO_RELATED_HISTORY
    ) -> tuple[TurnMoney, ...]:
        """The money of each turn, in the same order; the identical tuple while no figure changed.

        `elsewhere`: what the history has about the same workers.
        """
        if turns is self._turns and elsewhere == self._elsewhere:
            # A fast path: a long session has many receipts.
            return self._money
        self._turns = turns
        figures, before = self._figures_of(turns), self._elsewhere
        if figures == self._figures and elsewhere == before:
            return self._money
        changed: set[Key] = {*compress(count(), map(ne, self._figures, figures))}
        changed.update(range(len(self._figures), len(figures)))
        self._figures, self._elsewhere = figures, elsewhere
        if bool(before.turns) is not bool(elsewhere.turns):
            self._restart()
        with localcontext(EXACT):
            self._compute(turns, elsewhere, changed)
        meters = self.results.get(newest_timeline(turns), [])
        has_own = any(map(_OWN_USAGE, turns))
        self.reading = AmountBasis.PER_TURN if has_own else _reading(meters)
        self.set_by_person = any(meter.set_by_person for meter in meters)
        self.of_worker = (
            usage_and_costs([meter.of_worker for meter in meters]) if meters else (NO_USAGE, NO_COSTS)
        )
        return self._money

    def of(self, session: Session, turn: Turn) -> TurnMoney:
        """The money of `turn`; unknown if it is not a turn of the session."""
        at, money = self.with_turn(session, turn)
        return TurnMoney() if at is None else money[at]

    def with_turn(self, session: Session, turn: Turn) -> tuple[int | None, tuple[TurnMoney, ...]]:
        """The position of `turn`, None if the session does not have it, and the money of all turns.

        `turn` may be a newer value than that in the session.
        """
        turns = session.turns
        if turns is not self._indexed:
            self._indexed = turns
            self._positions = {turn.turn_id: at for at, turn in enumerate(turns)}
        at = self._positions.get(turn.turn_id)
        if at is not None and turns[at] is not turn:
            turns = (*turns[:at], turn, *turns[at + 1 :])
        return at, self(turns, session.elsewhere)

    def _restart(self) -> None:
        """Forget the timelines, so that all readings are processed again."""
        self._kept, self._timelines = 0, {}
        self._touched, self._basis = set(), ()

    def _compute(self, turns: Sequence[Turn], elsewhere: RelatedHistory, changed: set[Key]) -> None:
        """Compute what a change affects; `changed`: the positions of turns that are not as they were."""
        same, moved = self._order.update(turns)
        events, others = self._order.events, elsewhere.turns
        if others:
            # They may be between any turns of this session.
            events = events_with_others(events, others)
            same = equal_prefix(self._events, events)
            self._events = events
        if same < self._kept:
            self._restart()
        if not self._money:
            # At first all turns are new, and nearly all of them will not change any more.
            same = len(events)
        if self._order.newest:
            # The end of a turn may be entered before its last readings: those of the newest one are not kept.
            same = min(same, bisect_left(events, self._order.newest[0].at_ms, key=attrgetter("at_ms")))
        self._take(self._timelines, events[self._kept : same])
        self._kept = max(same, self._kept)
        self._apply(
            turns, events[self._kept :], {one.turn_id: one.worker_id for one in others}, changed | moved
        )

    def _apply(
        self,
        turns: Sequence[Turn],
        events: Sequence[WorkerEvent],
        others: Mapping[str, str],
        affected: set[Key],
    ) -> None:
        """Compute the money of the turns in `affected`, and of those that the newest `events` affect.

        `others`: turns of other sessions, turn id → worker id.
        """
        affected |= self._touched
        for timeline in self._timelines.values():
            affected |= timeline.touched
            timeline.touched.clear()
        timelines = {worker: timeline.copy() for worker, timeline in self._timelines.items()}
        self._take(timelines, events)
        rulings = self._elsewhere.rulings
        # A turn of another session is identified by its id, even if this session has it, too.
        keys: dict[str, Key] = {turn.turn_id: at for at, turn in enumerate(turns)} if rulings else {}
        keys |= {one: one for one in others}
        worker_rulings = rulings_by(rulings, keys)
        self.results = results = {
            worker: timeline.results(worker_rulings.get(worker, NO_RULINGS))
            for worker, timeline in timelines.items()
        }
        # After the results: a fall that may be a reset enters what it would mean.
        self._touched = {key for timeline in timelines.values() for key in timeline.touched}
        affected |= self._touched
        basis = (
            worker_rulings,
            {
                worker: [
                    (meter.basis, meter.by_turn, meter.set_by_person, meter.total is not None)
                    for meter in meters
                ]
                for worker, meters in results.items()
            },
        )
        if basis != self._basis:
            affected, self._basis = {*range(len(turns)), *others}, basis
        # A rise may get or lose an owner long after the person assigned it.
        affected.update(key for one in worker_rulings.values() for key in one.owners.values())
        exceptions = {key for meters in results.values() for meter in meters for key in meter.exceptions}
        # A turn that becomes an exception, or stops being one, has other marks or another maximum.
        affected |= exceptions ^ self._exceptions
        self._exceptions = exceptions
        money = [*self._money[: len(turns)], *[TurnMoney()] * (len(turns) - len(self._money))]
        for at in sorted(key for key in affected if isinstance(key, int) and key < len(turns)):
            money_of_turn = _money(turns[at], at, timelines, results, exceptions)
            money[at] = _unless_equal(money[at], money_of_turn)
        self._money = tuple(money)
        before = self.money_elsewhere
        self.money_elsewhere = {
            turn_id: before[turn_id]
            if turn_id in before and turn_id not in affected
            else _unless_equal(
                before.get(turn_id),
                _with_state(
                    _money_of_key(turn_id, results[worker_id], timelines[worker_id]),
                    turn_id,
                    timelines[worker_id],
                ),
            )
            for turn_id, worker_id in others.items()
            if worker_id in results
        }
        if self.money_elsewhere:
            # The history has more about such a turn than this session.
            own = zip(turns, self._money, strict=True)
            self._money = tuple(
                _open_while_running(turn, self.money_elsewhere.get(turn.turn_id, money))
                for turn, money in own
            )

    def _take(self, timelines: _Timelines, events: Sequence[WorkerEvent]) -> None:
        for at_ms, worker, event, *_ in events:
            if worker not in timelines:
                timelines[worker] = Timeline(ZEROS, STANDING)
            timelines[worker].take(event, at_ms)
            if not is_of_file(worker):
                self.newest_ms = max(self.newest_ms, at_ms)


def _unless_equal(before: TurnMoney | None, now: TurnMoney) -> TurnMoney:
    """`now`; an unchanged value keeps its identity, and one that comes back after another has a new one."""
    return before if before is not None and before == now else now


def _figures(turn: Turn) -> tuple[object, ...]:
    """Everything that the money of a turn is computed from."""
    return (
        *(turn.reads, turn.before, turn.snapshot, turn.status, turn.worker_id, turn.request.target_id),
        *(turn.before_ms, turn.sent_ms, turn.ended_ms),
        *(turn.own_usage, turn.own_usage_is_partial, turn.own_reads),
    )


def _money(
    turn: Turn, at: int, timelines: _Timelines, results: _Results, exceptions: Collection[Key]
) -> TurnMoney:
    """The money of the turn at position `at`."""
    money = _amounts(turn, at, timelines, results, exceptions)
    if turn.status in FREE:
        return money
    timeline = timelines.get(timeline_of(turn))
    is_over = turn.status not in LIVE
    state = _with_state(money, at, timeline, ended=is_over, confirmed=turn.own_usage_is_confirmed)
    return _open_while_running(turn, state)


def _open_while_running(turn: Turn, money: TurnMoney) -> TurnMoney:
    """`money`; a turn that was left running has ended once its worker was idle, with its whole amount."""
    is_open = turn.status is TurnStatus.RUNNING and money.ended and not money.final
    return replace(money, ended=False, confirmed=False) if is_open else money


def _with_state(
    money: TurnMoney, key: Key, timeline: Timeline | None, *, ended: bool = True, confirmed: bool = False
) -> TurnMoney:
    """`money` with its state. `confirmed`: by figures of this turn alone."""
    if money.confirmed:
        # It was refused.
        return money
    if timeline is not None:
        # Nobody knows whether one in doubt is under way.
        ended = ended and (key not in timeline.under_way or key in timeline.in_doubt)
        confirmed = confirmed or timeline.is_confirmed(key, at_zero=_is_zero(money))
    return replace(money, ended=ended, confirmed=ended and confirmed)


def _amounts(
    turn: Turn, at: int, timelines: _Timelines, results: _Results, exceptions: Collection[Key]
) -> TurnMoney:
    """The money of the turn at position `at`, without its state."""
    meters = results.get(timeline_of(turn), [])
    if turn.status in FREE:
        return _money_of_refused(at, meters)
    if turn.own_usage is not None:
        is_over = not turn.own_usage_is_partial and turn.status not in UNENDED
        money = TurnMoney(turn.own_usage, reading=AmountBasis.PER_TURN, final=is_over)
        return _unless_early(money, at, timelines[timeline_of(turn)]) if meters else money
    if not meters:
        return TurnMoney()
    money = _money_of_key(at, meters, timelines[timeline_of(turn)], plain=at not in exceptions)
    if money.reading is AmountBasis.NONE and (turn.reads or only_read(turn)):
        return replace(money, reading=AmountBasis.TOTAL)
    return replace(money, final=False) if money.final and turn.status in LIVE else money


def _money_of_refused(key: Key, meters: Sequence[MeterResult]) -> TurnMoney:
    """The money of a turn that was refused: zero, or what the person assigned to it."""
    values = [meter.amounts.get(key, zero) for meter, zero in zip(meters, ZEROS, strict=False)]
    grew = any(key in meters[meter].refused for meter in MONEY if meters)
    if not any(values):
        return _GREW if grew else NOTHING_SPENT
    money = TurnMoney(*usage_and_costs(values), _reading(meters), final=True, ended=True, confirmed=True)
    return replace(money, grew=grew, free=True)


def _money_of_key(
    key: Key, meters: Sequence[MeterResult], timeline: Timeline, *, plain: bool = False
) -> TurnMoney:
    """The money of a turn that may have spent. `plain`: the turn is not in `MeterResult.exceptions`."""
    if not plain and any(key in meters[meter].refused for meter in MONEY):
        return _money_of_refused(key, meters)
    entries = [] if plain else [meter.entry(key) for meter in meters]
    values = [meter.amounts.get(key) for meter in meters] if plain else [entry.amount for entry in entries]
    if not any(value is not None for value in values):
        # It was read; its amounts are unknown under this basis.
        is_read = any(
            key in turns for meter in meters for turns in (meter.per_turn, meter.lifetime, meter.partial)
        )
        is_recounted = any(key in meters[meter].recounted for meter in MONEY)
        return TurnMoney(reading=_reading(meters), recounted=is_recounted) if is_read else TurnMoney()
    is_set_by_person = any(meter.set_by_person for meter in meters)
    money = TurnMoney(
        *usage_and_costs(values),
        _reading(meters),
        final=key in timeline.final,
        undecided=_is_undecided(meters),
        set_by_person=is_set_by_person,
    )
    if key in timeline.in_doubt and not (money.usd or money.usage.credits):
        # It may have arrived, with costs that the worker does not show yet.
        return TurnMoney(reading=money.reading)
    return _unless_early(money if plain else _with_exceptions(money, entries), key, timeline)


def _unless_early(money: TurnMoney, key: Key, timeline: Timeline) -> TurnMoney:
    """`money`; not final if it is zero and was read once: the service may not have counted the turn yet."""
    return replace(money, final=False) if _is_zero(money) and key in timeline.unrepeated else money


def _is_zero(money: TurnMoney) -> bool:
    return not (money.most_usd or money.most_credits)


def _with_exceptions(money: TurnMoney, entries: Sequence[Entry]) -> TurnMoney:
    """`money` with what the entries have besides amounts."""
    deciding = [entries[meter] for meter in MONEY if entries[meter].amount is not None] or entries
    is_shared = any(entry.most is not None for entry in deciding)
    most = [entry.amount if entry.most is None else entry.most for entry in entries]
    of_usd = _CATEGORIES if money.usage.cost_usd is None else (_COST,)
    return replace(
        money,
        final=money.final and not any(entry.open for entry in deciding),
        shared=is_shared,
        most=usage_and_costs(most) if is_shared else money.most,
        others=max(entry.others for entry in deciding),
        doubtful=any(entries[meter].doubtful for meter in of_usd),
        credits_doubtful=entries[_CREDITS].doubtful,
    )


def _reading(meters: Sequence[MeterResult]) -> AmountBasis:
    """How the figures of a worker are read: the basis of its cost, or of the next best meter it reports."""
    meter = _deciding(meters)
    if meter is None:
        return AmountBasis.NONE
    return AmountBasis.PER_TURN if meter.by_turn else AmountBasis.TOTAL


def _is_undecided(meters: Sequence[MeterResult]) -> bool:
    meter = _deciding(meters)
    return meter is not None and meter.basis is Basis.UNDECIDED


def _deciding(meters: Sequence[MeterResult]) -> MeterResult | None:
    """The meter of the cost, or the next best one that is reported."""
    return next((meters[at] for at in _RANKED if meters and meters[at].total is not None), None)
