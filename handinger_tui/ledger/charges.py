"""Charges: reading the record of what turns took."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from handinger_tui.core.jsontext import as_object, as_text, parse
from handinger_tui.core.money import Total
from handinger_tui.core.readings import Reading
from handinger_tui.core.turn import TurnStatus
from handinger_tui.core.usage import Costs, Usage
from handinger_tui.ledger.charging import COUNTS
from handinger_tui.ledger.rows import Row, pack, scaled, unpack, unpack_optional


@dataclass(frozen=True, slots=True)
class Charge:
    """One row of the record.

    `usage` and `costs` are the turn as known then; `usd` and `credits` what this
    row adds (for a correction the difference), None where unknown. `final`: the
    worker had finished.
    """

    charge_id: int
    correction: bool
    turn_id: str
    session_id: str
    worker_id: str | None
    at_ms: int
    status: TurnStatus
    budget: str | None
    reading: Reading
    final: bool
    usd: Decimal | None
    credits: Decimal | None
    usage: Usage
    costs: Costs


@dataclass(frozen=True, slots=True)
class Spent:
    """Sums over turns, with their gaps."""

    turns: int
    usd: Total
    credits: Total


@dataclass(frozen=True, slots=True)
class Which:
    """Which charges: all, or those since a moment, of one session, of one worker."""

    since_ms: int | None = None
    session_id: str | None = None
    worker_id: str | None = None


_WHERE: Final = (
    " WHERE (:since IS NULL OR at_ms >= :since) AND (:session IS NULL OR session_id = :session)"
    " AND (:worker IS NULL OR worker_id = :worker)"
)


def charges(connection: sqlite3.Connection, which: Which) -> list[Charge]:
    """The rows, oldest first."""
    rows = connection.execute(f"SELECT * FROM charges{_WHERE} ORDER BY id", _cells(which))  # noqa: S608  # a constant
    return [_charge(row) for row in rows]


_SPENT: Final = f"""
    SELECT COUNT(*) AS turns, SUM(usd_high) AS usd_high, SUM(usd_low) AS usd_low,
           SUM(credits_high) AS credits_high, SUM(credits_low) AS credits_low,
           COALESCE(SUM(usd_known), 0) AS usd_known, COALESCE(SUM(credits_known), 0) AS credits_known
      FROM turn_sums{_WHERE}
"""  # noqa: S608  # built of constants


def spent(connection: sqlite3.Connection, which: Which) -> Spent:
    """Exact sums. A turn counts at the time of its first charge, with all its corrections."""
    row = connection.execute(_SPENT, _cells(which)).fetchone()
    turns: int = row["turns"]
    return Spent(
        turns,
        usd=_sum(row, "usd", 12),
        credits=_sum(row, "credits", 6),
    )


def _sum(row: Row, name: str, places: int) -> Total:
    if not row["turns"]:
        return Total(Decimal(0))
    return Total(scaled(row[f"{name}_high"], row[f"{name}_low"], places), row["turns"] - row[f"{name}_known"])


def _cells(which: Which) -> dict[str, str | bytes | int | None]:
    return {
        "since": which.since_ms,
        "session": None if which.session_id is None else pack(which.session_id),
        "worker": None if which.worker_id is None else pack(which.worker_id),
    }


_COST_MEMBERS: Final = ("model_usd", "tool_usd", "sandbox_usd", "internal_usd")


def _charge(row: Row) -> Charge:
    exact = {name: as_text(value) for name, value in as_object(parse(row["exact"])).items()}
    amounts = {name: None if text is None else Decimal(text) for name, text in exact.items()}
    counts = {name: None if amounts.get(name) is None else int(amounts[name] or 0) for name in COUNTS}
    return Charge(
        charge_id=row["id"],
        correction=row["kind"] == "correction",
        turn_id=unpack(row["turn_id"]),
        session_id=unpack(row["session_id"]),
        worker_id=unpack_optional(row["worker_id"]),
        at_ms=row["at_ms"],
        status=TurnStatus(row["status"]),
        budget=unpack_optional(row["budget"]),
        reading=Reading(row["reading"]),
        final=bool(row["final"]),
        usd=_shifted(row["usd_pico"], 12),
        credits=_shifted(row["micro_credits"], 6),
        usage=Usage(**counts, credits=amounts.get("credits"), cost_usd=amounts.get("cost_usd")),
        costs=Costs(**{name: amounts.get(name) for name in _COST_MEMBERS}),
    )


def _shifted(number: int | None, places: int) -> Decimal | None:
    return None if number is None else scaled(0, number, places)
