"""Totals: sums over turns, exact, with their gaps (table `turn_totals`)."""

from __future__ import annotations

import sqlite3
from decimal import Decimal
from typing import Final

from handinger_tui.core.money import Total
from handinger_tui.core.spending import Spent, Which
from handinger_tui.ledger.charging import TOLD
from handinger_tui.ledger.rows import Cell, Row, pack_optional, scaled

_CONDITIONS: Final = {
    "since_ms": "at_ms >= :since_ms",
    "until_ms": "at_ms < :until_ms",
    "session_id": "session_id = :session_id",
    "worker_id": "worker_id = :worker_id",
    "budget": "budget = :budget",
    "simulated": "simulated = :simulated",
}
Parameters = dict[str, Cell]


def condition(which: Which, *, by_time: bool = False) -> tuple[str, Parameters]:
    """The WHERE clause over `turn_totals` ("" for all) and its parameters.

    `by_time` keeps the planner at the index of times, for queries that go day by day.
    """
    cells: Parameters = {
        "since_ms": which.since_ms,
        "until_ms": which.until_ms,
        "session_id": pack_optional(which.session_id),
        "worker_id": pack_optional(which.worker_id),
        "budget": pack_optional(which.budget),
        "simulated": which.simulated,
    }
    asked: Parameters = {name: value for name, value in cells.items() if value is not None}
    away = {name: "+" if by_time and not name.endswith("_ms") else "" for name in asked}
    terms = [away[name] + _CONDITIONS[name] for name in asked]
    return ("WHERE " + " AND ".join(terms) if terms else ""), asked


def split(name: str) -> str:
    """One number summed as millions and rest: SUM raises on overflow, and hostile amounts reach 2^63."""
    return f"SUM({name} / 1000000) AS {name}_high, SUM({name} % 1000000) AS {name}_low"


def gaps(name: str) -> str:
    """How many turns of a group are not fully known in one number; NULL over no turns."""
    return f"SUM(1 - (told >> {TOLD.index(name)} & 1)) AS {name}_gaps"


PLACES: Final = {name: 12 if name.endswith("_pico") else 6 if name == "micro_credits" else 0 for name in TOLD}
SUMS_OF_SPENT: Final = ", ".join(f"{split(name)}, {gaps(name)}" for name in ("usd_pico", "micro_credits"))


def spent(connection: sqlite3.Connection, which: Which) -> Spent:
    """Exact sums. A turn counts at the time of its first charge, with all its corrections."""
    where, cells = condition(which)
    sql = f"SELECT COUNT(*) AS turns, {SUMS_OF_SPENT} FROM turn_totals {where}"  # noqa: S608  # constants
    return spent_of(connection.execute(sql, cells).fetchone())


def spent_of(row: Row) -> Spent:
    """A row of `turns` and `SUMS_OF_SPENT`."""
    return Spent(row["turns"], _total(row, "usd_pico"), _total(row, "micro_credits"))


def _total(row: Row, name: str) -> Total:
    if not row["turns"]:
        return Total(Decimal(0))
    return Total(scaled(row[f"{name}_high"], row[f"{name}_low"], PLACES[name]), row[f"{name}_gaps"])
