"""The stored, append-only record of charges, and its sums, as the tests read them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from handinger_tui.core.amounts import Total
from handinger_tui.core.figures import Costs, Usage
from handinger_tui.core.jsontext import NotJson, as_object, as_text, parse
from handinger_tui.core.money.spending import SpendingSums
from handinger_tui.ledger.charges import grouping
from handinger_tui.ledger.charges.entries import COUNTS
from handinger_tui.ledger.charges.grouping import EVERYTHING, condition, reading_of
from handinger_tui.ledger.sql import (
    Row,
    int_or_none,
    int_or_zero,
    scaled,
    status_of,
    trigger_of,
    unpack,
    unpack_optional,
)

if TYPE_CHECKING:
    import sqlite3

    from handinger_tui.core.money.attribution import AmountBasis
    from handinger_tui.core.money.spending import ChargeFilter
    from handinger_tui.core.turns.turn import Trigger, TurnStatus
    from handinger_tui.ledger.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Charge:
    """One row of the append-only record of charges.

    `usage` and `costs` are those of the whole turn as known at the time of the row; `usd` and
    `credits` are what this row adds (for a correction the difference), None where unknown. `final`:
    the worker had finished. `base_url` is "" in rows written before that column existed.
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
    reading: AmountBasis
    final: bool
    usd: Decimal | None
    credits: Decimal | None
    usage: Usage
    costs: Costs
    sources: int | None
    elapsed_ms: int | None


async def charges(ledger: Ledger, which: ChargeFilter = EVERYTHING) -> list[Charge]:
    """The rows of the turns that match `which`, oldest first."""
    where, cells = condition(which)
    sql = f"SELECT * FROM charges WHERE turn_id IN (SELECT turn_id FROM turn_totals {where}) ORDER BY id"  # noqa: S608  # constants

    def work(connection: sqlite3.Connection) -> list[Charge]:
        return [_charge(row) for row in connection.execute(sql, cells)]

    return await ledger.database.run(work)


async def spent(ledger: Ledger, which: ChargeFilter = EVERYTHING) -> SpendingSums:
    """Exact sums over charged turns, with the number of turns that are not fully known."""
    sums = await ledger.database.run(lambda db: grouping.spent(db, which))
    return SpendingSums(sums.turns, without_state(sums.usd), without_state(sums.credits))


async def usd_of_turns(ledger: Ledger) -> dict[str, Decimal | None]:
    return {one.turn_id: one.usd for one in await ledger.charges.turn_charges()}


def without_state(amount: Total) -> Total:
    """A sum without what is said of how far it can be relied on; `test_states_of_sums` tests that."""
    return replace(amount, open_turns=0, unsettled=False)


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
        at_ms=int_or_zero(row["at_ms"]),
        status=status_of(row["status"]),
        budget=unpack_optional(row["budget"]),
        trigger=trigger_of(row["started_by"]),
        reading=reading_of(row["reading"]),
        final=bool(row["final"]),
        usd=_shifted(row["usd_pico"], 12),
        credits=_shifted(row["micro_credits"], 6),
        usage=Usage(**counts, credits=amounts.get("credits"), cost_usd=amounts.get("cost_usd")),
        costs=Costs(**{name: amounts.get(name) for name in _COST_MEMBERS}),
        sources=int_or_none(row["sources"]),
        elapsed_ms=int_or_none(row["elapsed_ms"]),
    )


def _amounts(exact: object) -> dict[str, Decimal | None]:
    """The exact numbers of a row by name; empty where the text is damaged."""
    try:
        texts = {name: as_text(value) for name, value in as_object(parse(unpack(exact))).items()}
        amounts = {name: None if text is None else Decimal(text) for name, text in texts.items()}
    except (NotJson, InvalidOperation):
        return {}
    return {name: amount for name, amount in amounts.items() if amount is None or amount.is_finite()}


def _shifted(number: int | None, places: int) -> Decimal | None:
    return None if number is None else scaled(0, number, places)
