"""Buckets: turns in groups, by whatever people ask for; and turn by turn."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from datetime import tzinfo
from decimal import Decimal
from typing import Final

from handinger_tui.core.money import INT64_MAX
from handinger_tui.core.replacing import replace
from handinger_tui.core.spending import Bucket, By, Sum, TurnCharge, Which
from handinger_tui.core.turn import Trigger
from handinger_tui.core.usage import Costs, Usage
from handinger_tui.ledger.charging import AMOUNTS, COUNTS, TOLD
from handinger_tui.ledger.days import day_at
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
from handinger_tui.ledger.totals import PLACES, Parameters, condition, gaps, split

_SCALES: Final = tuple(PLACES[name] for name in TOLD)
_ALL_TOLD: Final = (1 << len(TOLD)) - 1

_HEAD: Final = f"""
    COUNT(*) AS turns, SUM(incomplete) AS incomplete, MIN(at_ms) AS first_ms, MAX(at_ms) AS last_ms,
    SUM(told <> {_ALL_TOLD}) AS gappy
"""
_QUICK: Final = f"{_HEAD}, {', '.join(f'0 AS {name}_high, SUM({name}) AS {name}_low' for name in TOLD)}"
_SAFE: Final = f"{_HEAD}, {', '.join(map(split, TOLD))}"
"""The same where SUM would overflow; it takes twice as long."""
_PLACES_OF_SUMS: Final = range(6, 6 + 2 * len(TOLD), 2)
"""Where the sums begin in a row of a key and the sums."""
_GAPS: Final = ", ".join(map(gaps, TOLD))
_KEYS: Final = {
    By.TURN: "turn_id",
    By.SESSION: "session_id",
    # As it stands in its index, NULL for a turn without one: nothing has to be sorted.
    By.WORKER: "worker_id",
    By.BUDGET: "COALESCE(budget, '')",
    By.TRIGGER: f"COALESCE(started_by, '{Trigger.UNKNOWN}')",
}
_TITLES: Final = {
    By.SESSION: "SELECT session_id, title FROM sessions",
    By.TURN: "SELECT t.turn_id, s.title FROM turn_totals t JOIN sessions s USING (session_id)",
}
_NO_MONEY: Final = Decimal(0)
_NO_GAPS: Final = (0,) * len(TOLD)


def buckets(connection: sqlite3.Connection, by: By, which: Which, zone: tzinfo | None = None) -> list[Bucket]:
    """Days in order of time; everything else the dearest first, unknown last. `zone` None: the machine's."""
    if by is By.DAY:
        return list(_days(connection, which, zone))
    return sorted(_grouped(connection, by, which), key=_dearest_first)


def _dearest_first(bucket: Bucket) -> tuple[bool, Decimal, str]:
    known = bucket.usd.known
    return (True, _NO_MONEY, bucket.key) if known is None else (False, -known, bucket.key)


def _grouped(connection: sqlite3.Connection, by: By, which: Which) -> list[Bucket]:
    key = _KEYS[by]
    where, cells = condition(which)
    rows = _summed(connection, f"SELECT {key} AS key, %s FROM turn_totals {where} GROUP BY {key}", cells)  # noqa: S608  # constants
    gappy: dict[str | bytes | None, Sequence[int]] = {}
    if any(row["gappy"] for row in rows):
        # Asked apart: turns with gaps are few, and an index knows them.
        some = f"{where} AND" if where else "WHERE"
        sql = f"SELECT {_GAPS}, {key} AS key FROM turn_totals {some} told <> {_ALL_TOLD} GROUP BY {key}"  # noqa: S608  # constants
        gappy = {row["key"]: row for row in connection.execute(sql, cells)}
    titles = {row[0]: unpack(row[1]) for row in connection.execute(_TITLES[by])} if by in _TITLES else {}
    return [
        _bucket(unpack(row[0] or ""), row, gappy.get(row[0], _NO_GAPS), titles.get(row[0], ""))
        for row in rows
    ]


def _summed(connection: sqlite3.Connection, sql: str, cells: Parameters) -> list[sqlite3.Row]:
    """The rows of `sql` with the sums in the place of its %s: exact, whatever the amounts."""
    try:
        return connection.execute(sql % _QUICK, cells).fetchall()
    except sqlite3.OperationalError:
        # An overflow has no code of its own; anything else is raised again by the second one.
        return connection.execute(sql % _SAFE, cells).fetchall()


def _days(connection: sqlite3.Connection, which: Which, zone: tzinfo | None) -> Iterator[Bucket]:
    """Day by day along the index of times: local days are cut exactly, whatever the clocks of `zone` do."""
    # The planner takes one lower bound for the index: it has to be the one that moves.
    where, cells = condition(replace(which, since_ms=None, until_ms=None), by_time=True)
    # A damaged time is of no day.
    whole_number = "typeof(at_ms) = 'integer'"
    within = f"{where} {'AND' if where else 'WHERE'} at_ms >= :start AND at_ms < :end AND {whole_number}"
    next_one = f"SELECT at_ms FROM turn_totals {within} ORDER BY at_ms LIMIT 1"  # noqa: S608  # constants
    sums = f"SELECT NULL, %s FROM turn_totals {within}"  # noqa: S608  # constants
    missing = f"SELECT {_GAPS} FROM turn_totals {within} AND told <> {_ALL_TOLD}"  # noqa: S608  # constants
    start = -INT64_MAX if which.since_ms is None else which.since_ms
    end = INT64_MAX if which.until_ms is None else which.until_ms
    while row := connection.execute(next_one, cells | {"start": start, "end": end}).fetchone():
        day = day_at(row["at_ms"], zone)
        span = cells | {"start": row["at_ms"], "end": min(day.end_ms, end)}
        (summed,) = _summed(connection, sums, span)
        gappy: Sequence[int] = connection.execute(missing, span).fetchone() if summed["gappy"] else _NO_GAPS
        yield _bucket(day.name, summed, gappy)
        start = day.end_ms


def _bucket(key: str, row: sqlite3.Row, missing: Sequence[int], title: str = "") -> Bucket:
    """From a row of anything and the sums, read by position: there may be one for every turn."""
    sums = [
        Sum(scaled(row[at], row[at + 1], places), gaps_of_it)
        for at, places, gaps_of_it in zip(_PLACES_OF_SUMS, _SCALES, missing, strict=False)
    ]
    usd, credited, model, tool, sandbox, internal, tokens = sums
    first_ms, last_ms = row[3], row[4]
    return Bucket(
        key, row[1], row[2], usd, credited, model, tool, sandbox, internal, tokens, first_ms, last_ms, title
    )


# -- turn by turn ------------------------------------------------------------------------
def turn_charges(connection: sqlite3.Connection, which: Which, limit: int, offset: int) -> list[TurnCharge]:
    """By the newest knowledge, newest turn first."""
    where, cells = condition(which)
    page = f"SELECT * FROM turn_totals {where} ORDER BY at_ms DESC, place DESC LIMIT :limit OFFSET :offset"  # noqa: S608  # constants
    sql = (
        f"SELECT t.*, s.title FROM ({page}) t LEFT JOIN sessions s USING (session_id)"  # noqa: S608  # constants
        " ORDER BY t.at_ms DESC, t.place DESC"
    )
    rows = connection.execute(sql, cells | {"limit": limit, "offset": offset})
    return [turn_charge(row) for row in rows]


def turn_charge(row: Row) -> TurnCharge:
    """A row of `turn_totals` with the title of its session."""
    usd, credited, *costs = (_amount(row, name) for name in AMOUNTS)
    return TurnCharge(
        turn_id=unpack(row["turn_id"]),
        session_id=unpack(row["session_id"]),
        worker_id=unpack_optional(row["worker_id"]),
        base_url=unpack(row["base_url"]),
        at_ms=whole(row["at_ms"]),
        status=status_of(row["status"]),
        budget=unpack_optional(row["budget"]),
        trigger=trigger_of(row["started_by"]),
        reading=reading_of(row["reading"]),
        known=bool(row["final"]),
        corrections=whole(row["corrections"]),
        usd=usd,
        credits=credited,
        usage=Usage(**{name: whole_optional(row[name]) for name in COUNTS}, credits=credited, cost_usd=usd),
        costs=Costs(*costs),
        sources=whole_optional(row["sources"]),
        elapsed_ms=whole_optional(row["elapsed_ms"]),
        title=unpack(row["title"] or ""),
    )


def _amount(row: Row, name: str) -> Decimal | None:
    number: int | None = row[name]
    return None if number is None else scaled(0, number, PLACES[name])
