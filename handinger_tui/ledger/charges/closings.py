"""Months that a statement closed: in which month an entry is booked, and what became known since."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from handinger_tui.core.formatting import local_time
from handinger_tui.core.money.closed_months import Booked, LateEntry
from handinger_tui.core.turns.session import LOCAL
from handinger_tui.core.turns.turn import NO_DAY
from handinger_tui.ledger.charges.entries import amount_in, rise_condition
from handinger_tui.ledger.charges.grouping import condition
from handinger_tui.ledger.sql import int_or_zero, unpack, unpack_optional

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Sequence

    from handinger_tui.core.money.spending import ChargeFilter


class Closed(NamedTuple):
    """A closed month. `charge`, `rise`: the newest ids of charges and suspense then."""

    month: str
    start_ms: int
    end_ms: int
    at_ms: int
    charge: int
    rise: int


def closings(connection: sqlite3.Connection) -> list[Closed]:
    """The closed months, in the order in which they were closed."""
    rows = connection.execute("SELECT month, start_ms, end_ms, at_ms, charge, rise FROM closings ORDER BY id")
    return [Closed(*row) for row in rows]


def booked(
    counted_ms: int, number: int, entered_ms: int, closed_months: Iterable[Closed], *, is_rise: bool
) -> Booked:
    """The month in which an entry stands.

    It is the month for which its turn counts, unless that was closed before the entry was made. Then it is
    the month in which it could first be known.
    """
    at_ms = counted_ms
    for closed in closed_months:
        if not closed.start_ms <= at_ms < closed.end_ms:
            continue
        if number <= (closed.rise if is_rise else closed.charge):
            return Booked(closed.month, is_closed=True)
        at_ms = max(entered_ms, closed.at_ms)
    return Booked(f"{local_time(at_ms):%Y-%m}", is_closed=False)


_IN_MONTH: Final = f"at_ms >= :start AND at_ms < :end AND at_ms > {NO_DAY}"
_CHARGES: Final = """
    SELECT c.id, c.at_ms, t.at_ms AS counted_ms, t.turn_id, t.worker_id, t.base_url, c.usd_pico,
           c.micro_credits
      FROM (SELECT * FROM turn_totals {where}) t
      JOIN charges c ON c.turn_id = t.turn_id AND c.id >= t.place AND c.id > :newest
     WHERE COALESCE(c.usd_pico, 0) <> 0 OR COALESCE(c.micro_credits, 0) <> 0
     ORDER BY c.id
"""
_RISES: Final = f"""
    SELECT id, at_ms, seen_ms AS counted_ms, NULL AS turn_id, worker_id, base_url, usd_pico, micro_credits
      FROM suspense {{where}} base_url <> '{LOCAL}' AND id > :newest AND seen_ms >= :start AND seen_ms < :end
       AND (COALESCE(usd_pico, 0) <> 0 OR COALESCE(micro_credits, 0) <> 0)
     ORDER BY id
"""


def late_entries(connection: sqlite3.Connection, which: ChargeFilter) -> Iterator[LateEntry]:
    """The entries of what `which` selects that were made after their month was closed, month by month.

    `labels.choose` comes before.
    """
    closed_months = closings(connection)
    for closed in closed_months:
        if which.simulated is not True:
            yield from _late(connection, which, closed, closed_months)


def _late(
    connection: sqlite3.Connection, which: ChargeFilter, closed: Closed, closed_months: Sequence[Closed]
) -> Iterator[LateEntry]:
    span = {"start": closed.start_ms, "end": closed.end_ms}
    where, cells = condition(which, _IN_MONTH, "NOT simulated")
    queries = [(_CHARGES.format(where=where), {**cells, **span, "newest": closed.charge}, False)]
    selected = rise_condition(which)
    if selected is not None:
        where, cells = selected[0] or "WHERE TRUE", selected[1]
        queries.append((_RISES.format(where=f"{where} AND"), {**cells, **span, "newest": closed.rise}, True))
    for query, parameters, is_rise in queries:
        for row in connection.execute(query, parameters):
            counted_ms, entered_ms = int_or_zero(row["counted_ms"]), int_or_zero(row["at_ms"])
            yield LateEntry(
                closed.month,
                booked(counted_ms, row["id"], entered_ms, closed_months, is_rise=is_rise),
                counted_ms,
                unpack_optional(row["turn_id"]),
                unpack_optional(row["worker_id"]),
                unpack(row["base_url"]),
                amount_in(row, "usd_pico"),
                amount_in(row, "micro_credits"),
            )
