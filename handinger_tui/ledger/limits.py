"""Limits typed by a person, and what is spent of each."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterable, Sequence
from decimal import Decimal
from typing import Final

from handinger_tui.core.errors import LedgerError
from handinger_tui.core.money.amounts import EXACT, Total, micro_credits, pico_usd, tidy
from handinger_tui.core.money.attribution import MoneyIndex, Reading, TurnMoney
from handinger_tui.core.money.limits import Gauge, Limit, Origin, Scope, Unit, gauges
from handinger_tui.core.money.spending import ChargeFilter, Spent
from handinger_tui.core.record import dataclass
from handinger_tui.core.replacing import replace
from handinger_tui.core.stream.usage import Usage
from handinger_tui.core.stream.worker_snapshot import Snapshot
from handinger_tui.core.turns.session import Session
from handinger_tui.core.turns.turn import Turn
from handinger_tui.ledger.grouping import SUMS_OF_SPENT, spent, spent_of
from handinger_tui.ledger.rows import pack, scaled, unpack
from handinger_tui.ledger.turns import Care, transaction


@dataclass(frozen=True, slots=True)
class TypedLimits:
    """What was typed last. A lifted limit hides the configured one of its scope and unit."""

    limits: tuple[Limit, ...] = ()
    lifted: frozenset[tuple[Scope, Unit]] = frozenset()


@dataclass(frozen=True, slots=True)
class Whose:
    """For whom a limit counts: this session, its worker, and real or pretend money."""

    session_id: str
    worker_id: str | None
    simulated: bool

    def of(self, scope: Scope) -> str | None:
        """The name under which a limit of this scope is kept; None: there is no worker yet."""
        match scope:
            case Scope.SESSION:
                return self.session_id
            case Scope.WORKER:
                return self.worker_id
            case Scope.TURN | Scope.DAY:
                return "local" if self.simulated else "real"


# SQLite takes the other columns from the row that holds the MAX.
_NEWEST: Final = "SELECT MAX(id), amount FROM limits WHERE whose = ? AND scope = ? AND unit = ?"
_PUT: Final = "INSERT INTO limits (scope, whose, unit, amount, set_ms) VALUES (?, ?, ?, ?, ?)"
_PLACES: Final = {Unit.USD: 12, Unit.CREDITS: 6}


def typed_limits(connection: sqlite3.Connection, whose: Whose) -> TypedLimits:
    """The newest of each scope and unit."""
    limits: list[Limit] = []
    lifted = set()
    for scope in Scope:
        name = whose.of(scope)
        for unit in Unit if name is not None else ():
            newest, amount = connection.execute(_NEWEST, (pack(name or ""), scope, unit)).fetchone()
            value = scaled(0, amount, _PLACES[unit])
            if value is not None:
                limits.append(Limit(scope, unit, value, Origin.TYPED))
            elif newest is not None:
                lifted.add((scope, unit))
    return TypedLimits(tuple(limits), frozenset(lifted))


def set_limit(
    connection: sqlite3.Connection,
    scope: Scope,
    whose: str,
    unit: Unit,
    amount: Decimal | None,
    set_ms: int,
) -> None:
    """Keep a limit; None lifts it. Survives a power cut.

    Raises:
        LedgerError: the amount is not above 0, or beyond what the history can hold.
    """
    stored = pico_usd(amount) if unit is Unit.USD else micro_credits(amount)
    if amount is not None and (stored is None or stored <= 0):
        raise LedgerError(
            "This is no amount for a limit.",
            "Name one above 0 and below 9 million dollars or 9 trillion credits.",
        )
    with transaction(connection, Care.FULL):
        connection.execute(_PUT, (scope, pack(whose), unit, stored, set_ms))


NO_TURNS: Final = Spent(0, Total(Decimal(0)), Total(Decimal(0)))


InForce = Callable[[TypedLimits], tuple[Limit, ...]]
"""Which limits count, given those that a person typed."""


class LimitUsage:
    """Looks again and again, at a session whose turns mostly stay as they are. For one thread."""

    def __init__(self) -> None:
        self._index = MoneyIndex()

    def gauges(
        self,
        connection: sqlite3.Connection,
        session: Session,
        since_ms: int,
        *,
        simulated: bool,
        in_force: InForce,
    ) -> tuple[Gauge, ...]:
        """The limits that count, by the ledger as it is now; days begin at `since_ms`.

        A turn of `session` that may spend and is not in the ledger yet is a gap of every scope.
        """
        typed = typed_limits(connection, Whose(session.session_id, session.worker_id, simulated))
        limits = in_force(typed)
        asked = {limit.scope for limit in limits}
        if not asked:
            return ()
        found = self._spent(connection, session, asked, ChargeFilter(since_ms=since_ms, simulated=simulated))
        each = {(scope, Unit.USD): one.usd for scope, one in found.items()}
        return gauges(limits, each | {(scope, Unit.CREDITS): one.credits for scope, one in found.items()})

    def _spent(
        self, connection: sqlite3.Connection, session: Session, asked: Collection[Scope], day: ChargeFilter
    ) -> dict[Scope, Spent]:
        charged = _charged(connection, session)
        others = [turn for turn in session.turns if turn.turn_id not in charged and turn.may_spend]
        # A turn may be charged under another session that knew it earlier.
        missing = [turn for turn in others if not _turn(connection, turn).turns]
        today = [turn for turn in missing if _of_day(turn, day)]
        money = self._index(session.turns)
        told = _told(session) if self._index.reading is Reading.TOTAL else None
        read: dict[Scope, Callable[[], Spent]] = {
            Scope.TURN: lambda: _newest(connection, session),
            Scope.SESSION: lambda: _more(
                spent(connection, ChargeFilter(session_id=session.session_id)), missing
            ),
            Scope.WORKER: lambda: _of_worker(connection, session, missing, told),
            Scope.DAY: lambda: _more(spent(connection, day), today),
        }
        found = {scope: read[scope]() for scope in Scope if scope in asked}
        for turn, taken in _too_large(session, money):
            scopes = {Scope.SESSION, Scope.WORKER}
            scopes |= {Scope.DAY} if _of_day(turn, day) else set()
            scopes |= {Scope.TURN} if turn is session.sent else set()
            found |= {scope: _counting(found[scope], taken) for scope in scopes & found.keys()}
        return found


def _of_day(turn: Turn, day: ChargeFilter) -> bool:
    return turn.live or turn.order.created_ms >= (day.since_ms or 0)


def _charged(connection: sqlite3.Connection, session: Session) -> set[str]:
    asked = "SELECT turn_id FROM turn_totals WHERE session_id = ?"
    return {unpack(row["turn_id"]) for row in connection.execute(asked, (pack(session.session_id),))}


def _turn(connection: sqlite3.Connection, turn: Turn) -> Spent:
    sql = f"SELECT COUNT(*) AS turns, {SUMS_OF_SPENT} FROM turn_totals WHERE turn_id = ?"  # noqa: S608  # constants
    return spent_of(connection.execute(sql, (pack(turn.turn_id),)).fetchone())


def _newest(connection: sqlite3.Connection, session: Session) -> Spent:
    # A message that a limit kept from being sent must not stand for the turn that used the limit up.
    turn = session.sent
    return NO_TURNS if turn is None else _more(_turn(connection, turn), [turn], only_if_none=True)


def _more(known: Spent, missing: Iterable[Turn], *, only_if_none: bool = False) -> Spent:
    """With turns that the ledger does not know yet."""
    count = 0 if only_if_none and known.turns else len(list(missing))
    if not count:
        return known
    totals = (
        Total(total.value if known.turns else None, total.missing_turns + count)
        for total in (known.usd, known.credits)
    )
    return Spent(known.turns + count, *totals)


# -- amounts that no table holds ---------------------------------------------------------
def _too_large(session: Session, money: Sequence[TurnMoney]) -> list[tuple[Turn, TurnMoney]]:
    """Turns with an amount beyond 64 bits: the ledger has it as unknown, but no limit is safe from it."""
    if not any(_beyond(turn.snapshot.usage) for turn in session.turns if turn.snapshot is not None):
        return []
    each = zip(session.turns, money, strict=True)
    return [(turn, taken) for turn, taken in each if _beyond(replace(taken.usage, cost_usd=taken.usd))]


def _beyond(usage: Usage) -> bool:
    # Asked of every turn: an amount below a million needs no closer look.
    if not any(amount is not None and amount.adjusted() >= 6 for amount in (usage.cost_usd, usage.credits)):
        return False
    usd, credited = tidy(usage.cost_usd), tidy(usage.credits)
    return (usd is not None and pico_usd(usd) is None) or (
        credited is not None and micro_credits(credited) is None
    )


def _counting(known: Spent, money: TurnMoney) -> Spent:
    usd, credited = tidy(money.usd), tidy(money.usage.credits)
    usd = usd if pico_usd(usd) is None else None
    credited = credited if micro_credits(credited) is None else None
    return replace(known, usd=_with(known.usd, usd, money), credits=_with(known.credits, credited, money))


def _with(known: Total, amount: Decimal | None, money: TurnMoney) -> Total:
    """Unless it is in there already, as in what a worker says of itself."""
    if amount is None or (known.value is not None and known.value >= amount):
        return known
    return Total(EXACT.add(known.value or Decimal(0), amount), max(0, known.missing_turns - money.known))


# -- the worker ------------------------------------------------------------------------
def _of_worker(
    connection: sqlite3.Connection,
    session: Session,
    missing: list[Turn],
    told: tuple[Snapshot, int] | None,
) -> Spent:
    """All sessions of the worker; where the worker tells a larger total of its own, that."""
    if session.worker_id is None:
        return _more(spent(connection, ChargeFilter(session_id=session.session_id)), missing)
    ours = _more(spent(connection, ChargeFilter(worker_id=session.worker_id)), missing)
    if told is None:
        return ours
    snapshot, behind = told
    usd = snapshot.usage.cost_usd if snapshot.usage.cost_usd is not None else snapshot.costs.total()
    return Spent(
        ours.turns,
        _larger(ours.usd, tidy(usd), behind),
        _larger(ours.credits, tidy(snapshot.usage.credits), behind),
    )


def _told(session: Session) -> tuple[Snapshot, int] | None:
    """The newest reading of the worker's totals, and how many turns went on after it."""
    behind = 0
    for turn in reversed(session.turns):
        for snapshot in (turn.snapshot, turn.before):
            if snapshot is not None and snapshot.worker_id in (None, session.worker_id):
                return snapshot, behind + (snapshot is turn.before or snapshot.busy) * turn.may_spend
        behind += turn.may_spend
    return None


def _larger(ours: Total, told: Decimal | None, behind: int) -> Total:
    """What the worker says of itself has no gaps but the turns that went on after it said so."""
    if told is None or (ours.value is not None and ours.value > told):
        return ours
    return Total(told, behind)
