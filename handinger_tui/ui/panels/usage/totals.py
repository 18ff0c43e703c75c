"""What the turns of a worker come to, figure by figure, and what a minute of them took."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import field, replace
from decimal import Decimal, localcontext
from typing import Final, Generic, NamedTuple, TypeVar

from handinger_tui.core.money.amounts import EXACT, tidy
from handinger_tui.core.money.attribution import (
    MoneyIndex,
    Reading,
    TurnMoney,
    newest_worker,
    took_ms,
    worker_of,
)
from handinger_tui.core.record import dataclass
from handinger_tui.core.stream.usage import Costs, Usage
from handinger_tui.core.stream.worker_snapshot import Snapshot
from handinger_tui.core.turns.session import Session, same_front
from handinger_tui.core.turns.turn import FREE, Turn, TurnStatus

Value = TypeVar("Value")
Key = tuple[object, ...]


class TurnMemo(Generic[Value]):
    """Calls `compute(session)` only when the `key` of some turn differs from last time.

    Turns that are the same objects keep their keys unasked, so that a long session
    costs hardly more than a short one while its last turn streams.
    """

    def __init__(self, key: Callable[[Turn], Key], compute: Callable[[Session], Value]) -> None:
        self._key = key
        self._compute = compute
        self._turns: tuple[Turn, ...] = ()
        self._keys: list[Key] = []
        self._session: Hashable = None
        self._value: Value | None = None
        self.computed = 0
        """How often `compute` ran."""

    def __call__(self, session: Session) -> Value:
        """The value for `session`: the very same object when no key changed."""
        front = same_front(self._turns, session.turns)
        keys = [(turn.turn_id, *self._key(turn)) for turn in session.turns[front:]]
        same = self._session == session.session_id and keys == self._keys[front:]
        self._turns, self._session = session.turns, session.session_id
        self._keys[front:] = keys
        if self._value is None or not same:
            self._value = self._compute(session)
            self.computed += 1
        return self._value


Amount = Decimal | int


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
AT: Final = {member.name: at for at, member in enumerate(MEMBERS)}


SHORTEST_MS: Final = 1000
"""Below it a rate says nothing."""
_MINUTE_MS: Final = 60_000


@dataclass(frozen=True, slots=True)
class Pace:
    """Turns with their time, and the amounts of those whose time is known beside it.

    `untimed`: turns whose end nobody saw.
    """

    ms: int = 0
    usd: Decimal | None = None
    usd_ms: int = 0
    credits: Decimal | None = None
    credits_ms: int = 0
    untimed: int = 0

    def __add__(self, other: Pace) -> Pace:
        """Both together."""
        return Pace(
            self.ms + other.ms,
            _sum(self.usd, other.usd),
            self.usd_ms + other.usd_ms,
            _sum(self.credits, other.credits),
            self.credits_ms + other.credits_ms,
            self.untimed + other.untimed,
        )

    @property
    def usd_a_minute(self) -> Decimal | None:
        """US dollars; None where no cost or hardly any time is known."""
        return _a_minute(self.usd, self.usd_ms)

    @property
    def credits_a_minute(self) -> Decimal | None:
        """Credits, likewise."""
        return _a_minute(self.credits, self.credits_ms)


NO_PACE: Final = Pace()


def pace_of(ms: int | None, usd: Decimal | None, credit: Decimal | None) -> Pace:
    """Of one turn; `ms` None: nobody knows how long it took, so that its amounts tell no pace."""
    if ms is None:
        return Pace(untimed=1)
    return Pace(ms, usd, 0 if usd is None else ms, credit, 0 if credit is None else ms)


def _sum(known: Decimal | None, more: Decimal | None) -> Decimal | None:
    return known if more is None else more if known is None else EXACT.add(known, more)


def _a_minute(amount: Decimal | None, ms: int) -> Decimal | None:
    """An estimate: the digits of an ordinary division are enough."""
    return amount * _MINUTE_MS / ms if amount is not None and ms >= SHORTEST_MS else None


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


class WorkerTotals:
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
