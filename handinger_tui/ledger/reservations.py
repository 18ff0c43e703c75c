"""Reservations: what turns under way will probably take, so that programs at work at once share one limit.

A turn reserves the 90th percentile of what turns of its worker at its budget took. A new worker has no
turns of its own: enough turns of other workers stand for them. Where neither is known, the turn reserves
all that is left of each limit.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from handinger_tui.core.amounts import EXACT, micro_credits, pico_usd
from handinger_tui.core.money.limits import Gauge, Unit
from handinger_tui.core.money.spending import LOCAL, ChargeFilter
from handinger_tui.core.money.typical_cost import ENOUGH, Spread
from handinger_tui.core.turns.session import Session
from handinger_tui.core.turns.turn import TurnRequest, TurnStatus
from handinger_tui.ledger.grouping import PLACES, condition, usual
from handinger_tui.ledger.rows import Row, pack, scaled

Needed = Mapping[Unit, Decimal | None]
"""What a turn reserves in each unit; None where it has no cost history."""

DOUBT_MS: Final = 3_600_000
"""A turn in doubt keeps its reservation for an hour: its end may never be known, and then blocks nothing."""


def needed(connection: sqlite3.Connection, session: Session, order: TurnRequest) -> Needed:
    """What a turn that starts now reserves."""
    # The local worker ends with its program: its next turn is that of a new worker.
    worker_id = order.worker_id or session.worker_id
    typical = usual(connection, worker_id, order.budget or "", simulated=session.base_url == LOCAL)
    spreads = {Unit.USD: typical.usd, Unit.CREDITS: typical.credits}
    if not typical.everywhere:
        return {unit: one.p90 for unit, one in spreads.items()}
    return {unit: _of_others(one) if worker_id is None else None for unit, one in spreads.items()}


def _of_others(spread: Spread) -> Decimal | None:
    return spread.p90 if spread.counted >= ENOUGH else None


def reserve(connection: sqlite3.Connection, turn_id: str, amounts: Needed) -> None:
    """Store the reservation of a turn, inside the transaction that checked the limits."""
    cells = pack(turn_id), pico_usd(amounts[Unit.USD]), micro_credits(amounts[Unit.CREDITS])
    connection.execute(
        "INSERT OR REPLACE INTO reservations (turn_id, reserved_pico, reserved_micro) VALUES (?, ?, ?)", cells
    )


def release(connection: sqlite3.Connection, turn_id: str) -> None:
    """Delete the reservation of a turn."""
    connection.execute("DELETE FROM reservations WHERE turn_id = ?", (pack(turn_id),))


class Reserved(Struct, frozen=True):
    """What one turn under way has reserved beyond what it has taken so far; None: all that is left."""

    usd: Decimal | None
    credits: Decimal | None

    def amount(self, unit: Unit, credit_usd: Decimal | None) -> Decimal | None:
        """The amount in one unit. `credit_usd`: the price of a credit in USD, where the user set one."""
        if unit is Unit.CREDITS:
            return self.credits
        if self.usd is None and self.credits is not None and credit_usd is not None:
            return EXACT.multiply(self.credits, credit_usd)
        return self.usd


def reserved(connection: sqlite3.Connection, which: ChargeFilter, now_ms: int) -> list[Reserved]:
    """The reservations at `now_ms` of the turns that match `which`."""
    where, cells = condition(which)
    # CROSS JOIN keeps this order: few turns have a reservation, and a month may have very many turns.
    sql = (
        "SELECT reserved_pico, reserved_micro, usd_pico, micro_credits"
        f" FROM reservations CROSS JOIN turn_totals USING (turn_id) {where} {'AND' if where else 'WHERE'}"
        f" (status <> '{TurnStatus.UNKNOWN}' OR at_ms >= :doubted_since_ms)"
    )
    cells["doubted_since_ms"] = now_ms - DOUBT_MS
    return [
        Reserved(
            _remaining(row, "reserved_pico", "usd_pico"), _remaining(row, "reserved_micro", "micro_credits")
        )
        for row in connection.execute(sql, cells)
    ]


def _remaining(row: Row, column: str, spent_column: str) -> Decimal | None:
    places = PLACES[spent_column]
    reserved_amount, spent = scaled(0, row[column], places), scaled(0, row[spent_column], places)
    return (
        None
        if reserved_amount is None
        else max(Decimal(0), EXACT.subtract(reserved_amount, spent or Decimal(0)))
    )


def with_reservations(gauge: Gauge, turns: Iterable[Reserved], credit_usd: Decimal | None) -> Gauge:
    """`gauge` with what `turns` have reserved."""
    unit, by_price = gauge.limit.unit, False
    total, running, unmeasured = Decimal(0), 0, 0
    for turn in turns:
        amount = turn.amount(unit, credit_usd)
        running += 1
        unmeasured += amount is None
        total = EXACT.add(total, amount or Decimal(0))
        by_price = by_price or (unit is Unit.USD and turn.usd is None and amount is not None)
    return replace(
        gauge,
        reserved=total,
        running=running,
        unmeasured=unmeasured,
        approximate=gauge.approximate or by_price,
    )


# -- which units a service reports -------------------------------------------------------
NEWEST: Final = 5
"""How many of the newest ended turns of a service show which units it reports."""
# A turn that failed may have no figures in any unit, which says nothing of the service.
_REPORTED: Final = f"""
    SELECT told FROM turn_totals
     WHERE base_url = ? AND (status = '{TurnStatus.COMPLETED}'
        OR (status IN ('{TurnStatus.INCOMPLETE}', '{TurnStatus.FAILED}') AND told <> 0))
     ORDER BY at_ms DESC, place DESC LIMIT {NEWEST}
"""


def unreported_units(connection: sqlite3.Connection, base_url: str) -> frozenset[Unit]:
    """The units in which none of the newest turns of a service reported an amount.

    Nothing is concluded from a single turn without any figure: its worker may not have been readable.
    """
    reported = [row["told"] for row in connection.execute(_REPORTED, (pack(base_url),))]
    if len(reported) < 2 and not any(reported):
        return frozenset()
    return frozenset(unit for bit, unit in enumerate(Unit) if not any(bits >> bit & 1 for bits in reported))
