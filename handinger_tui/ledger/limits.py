"""Limits: those that a person typed, kept for every program on this history. Append-only."""

from __future__ import annotations

import sqlite3
from decimal import Decimal
from typing import Final

from handinger_tui.core.errors import LedgerError
from handinger_tui.core.limits import Limit, Origin, Scope, Unit
from handinger_tui.core.money import micro_credits, pico_usd
from handinger_tui.core.record import dataclass
from handinger_tui.ledger.rows import pack, scaled
from handinger_tui.ledger.writes import Care, transaction


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
