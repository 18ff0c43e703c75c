"""Charges: reading the record of what turns took."""

from __future__ import annotations

import sqlite3
from decimal import Decimal, InvalidOperation
from typing import Final

from handinger_tui.core.jsontext import NotJson, as_object, as_text, parse
from handinger_tui.core.readings import Reading
from handinger_tui.core.record import dataclass
from handinger_tui.core.spending import Which
from handinger_tui.core.turn import Trigger, TurnStatus
from handinger_tui.core.usage import Costs, Usage
from handinger_tui.ledger.charging import COUNTS
from handinger_tui.ledger.rows import (
    Row,
    reading_of,
    scaled,
    status_of,
    trigger_of,
    unpack,
    unpack_optional,
    whole,
    whole_optional,
)
from handinger_tui.ledger.totals import condition


@dataclass(frozen=True, slots=True)
class Charge:
    """One row of the record.

    `usage` and `costs` are the turn as known then; `usd` and `credits` what this
    row adds (for a correction the difference), None where unknown. `final`: the
    worker had finished. `base_url` is "" in rows of before it was recorded.
    """

    charge_id: int
    correction: bool
    turn_id: str
    session_id: str
    worker_id: str | None
    base_url: str
    at_ms: int
    status: TurnStatus
    budget: str | None
    trigger: Trigger
    reading: Reading
    final: bool
    usd: Decimal | None
    credits: Decimal | None
    usage: Usage
    costs: Costs
    sources: int | None
    elapsed_ms: int | None


def charges(connection: sqlite3.Connection, which: Which) -> list[Charge]:
    """The rows of the turns that `which` names, oldest first."""
    named, cells = condition(which)
    rows = connection.execute(
        f"SELECT * FROM charges WHERE turn_id IN (SELECT turn_id FROM turn_totals {named}) ORDER BY id",  # noqa: S608  # constants
        cells,
    )
    return [_charge(row) for row in rows]


_COST_MEMBERS: Final = ("model_usd", "tool_usd", "sandbox_usd", "internal_usd")


def _charge(row: Row) -> Charge:
    amounts = _amounts(row["exact"])
    counts = {name: None if amounts.get(name) is None else int(amounts[name] or 0) for name in COUNTS}
    return Charge(
        charge_id=row["id"],
        correction=row["kind"] == "correction",
        turn_id=unpack(row["turn_id"]),
        session_id=unpack(row["session_id"]),
        worker_id=unpack_optional(row["worker_id"]),
        base_url=unpack(row["base_url"] or ""),
        at_ms=whole(row["at_ms"]),
        status=status_of(row["status"]),
        budget=unpack_optional(row["budget"]),
        trigger=trigger_of(row["started_by"]),
        reading=reading_of(row["reading"]),
        final=bool(row["final"]),
        usd=_shifted(row["usd_pico"], 12),
        credits=_shifted(row["micro_credits"], 6),
        usage=Usage(**counts, credits=amounts.get("credits"), cost_usd=amounts.get("cost_usd")),
        costs=Costs(**{name: amounts.get(name) for name in _COST_MEMBERS}),
        sources=whole_optional(row["sources"]),
        elapsed_ms=whole_optional(row["elapsed_ms"]),
    )


def _amounts(exact: object) -> dict[str, Decimal | None]:
    """The exact numbers of a row; none of them where the text is damaged."""
    try:
        texts = {name: as_text(value) for name, value in as_object(parse(unpack(exact))).items()}
        amounts = {name: None if text is None else Decimal(text) for name, text in texts.items()}
    except (NotJson, InvalidOperation):
        return {}
    return {name: amount for name, amount in amounts.items() if amount is None or amount.is_finite()}


def _shifted(number: int | None, places: int) -> Decimal | None:
    return None if number is None else scaled(0, number, places)
