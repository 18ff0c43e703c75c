"""Suspense in the database: entered together with charges, and read for costs and limits."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Final

from handinger_tui.core.amounts import micro_credits, pico_usd
from handinger_tui.core.jsontext import NotJson, as_list, dump, parse
from handinger_tui.core.money.reconciliation import Assigned
from handinger_tui.core.money.spending import LOCAL, ChargeFilter, Rise
from handinger_tui.ledger.rows import (
    Cell,
    Row,
    int64_or_none,
    int_or_none,
    int_or_zero,
    pack,
    pack_optional,
    scaled,
    unpack,
    unpack_optional,
)
from handinger_tui.ledger.search.labels import CHOSEN_WORKER

_NUMBERS: Final = (
    *("usd_pico", "micro_credits", "model_pico", "tool_pico", "sandbox_pico", "internal_pico"),
    "total_tokens",
)
_PLACES: Final = (12, 6, 12, 12, 12, 12, 0)
_KEY: Final = ("base_url", "worker_id", "seen_ms")
_FACTS: Final = ("last_turn", "refused", "strangers", "doubtful")
_COLUMNS: Final = (*_KEY, "at_ms", *_NUMBERS, *_FACTS)
_PUT: Final = (
    f"INSERT INTO suspense ({', '.join(_COLUMNS)}) VALUES ({', '.join(f':{name}' for name in _COLUMNS)})"
)
# Sums are split in millions and rest, see `grouping.split`.
_SUMS: Final = ", ".join(
    f"SUM({name} / 1000000) AS {name}_high, SUM({name} % 1000000) AS {name}_low" for name in _NUMBERS
)
# The facts are those of the newest row.
_RISES: Final = f"""
    SELECT g.*, s.last_turn, s.refused, s.strangers, s.doubtful
      FROM (SELECT {", ".join(_KEY)}, MIN(id) AS number, MAX(id) AS newest, {_SUMS}
              FROM suspense {{where}} GROUP BY {", ".join(_KEY)}) g
      JOIN suspense s ON s.id = g.newest
     ORDER BY g.seen_ms, g.number
"""
# In order of time: the newest is in force.
_ASSIGNMENTS: Final = (
    "SELECT base_url, worker_id, seen_ms, turn_id FROM rulings WHERE seen_ms IS NOT NULL ORDER BY id"
)
Cells = dict[str, Cell]


def new_rows(
    connection: sqlite3.Connection, base_url: str, workers: Iterable[str], rises: Iterable[Rise], at_ms: int
) -> list[Cells]:
    """Rows to write so that the suspense of `workers` is that of `rises`."""
    now = {(rise.worker_id, rise.seen_ms): rise for rise in rises}
    rows: list[Cells] = []
    for worker_id in workers:
        whose: Cells = {"base_url": pack(base_url), "worker_id": pack(worker_id)}
        where = "WHERE base_url = :base_url AND worker_id = :worker_id"
        stored = {row["seen_ms"]: row for row in connection.execute(_RISES.format(where=where), whose)}
        computed = {seen_ms: rise for (whose_rise, seen_ms), rise in now.items() if whose_rise == worker_id}
        for seen_ms in sorted({*stored, *computed}):
            changes = _changes(stored.get(seen_ms), computed.get(seen_ms))
            if changes:
                rows.append({**whose, "seen_ms": seen_ms, "at_ms": at_ms, **changes})
    return rows


def write(connection: sqlite3.Connection, rows: Iterable[Cells]) -> None:
    """Write the result of `new_rows`, inside a transaction of the caller."""
    connection.executemany(_PUT, rows)


def _changes(stored: Row | None, rise: Rise | None) -> Cells:
    """The differences and the facts of a new row; {} where nothing is new."""
    old = dict.fromkeys(_NUMBERS) if stored is None else {name: _number(stored, name) for name in _NUMBERS}
    new = dict.fromkeys(_NUMBERS) if rise is None else _numbers_of(rise)
    changes: Cells = {name: _difference(old[name], new[name]) for name in _NUMBERS}
    before: Cells = {} if stored is None else {name: stored[name] for name in _FACTS}
    facts = before if rise is None else _facts_of(rise)
    if not any(changes.values()) and (rise is None or facts == before):
        return {}
    return changes | facts


def _difference(old: int | None, new: int | None) -> int | None:
    return None if old is None and new is None else int64_or_none((new or 0) - (old or 0))


def _number(row: Row, name: str) -> int | None:
    high, low = row[f"{name}_high"], row[f"{name}_low"]
    return high * 1_000_000 + low if isinstance(high, int) and isinstance(low, int) else None


def _numbers_of(rise: Rise) -> dict[str, int | None]:
    categories = (rise.model_usd, rise.tool_usd, rise.sandbox_usd, rise.internal_usd)
    amounts = (pico_usd(rise.usd), micro_credits(rise.credits), *map(pico_usd, categories))
    return dict(zip(_NUMBERS, (*amounts, int64_or_none(rise.tokens)), strict=True))


def _facts_of(rise: Rise) -> Cells:
    return {
        "last_turn": pack_optional(rise.after),
        "refused": dump([*rise.refused]),
        "strangers": rise.strangers,
        "doubtful": int(rise.doubtful),
    }


# -- reading -----------------------------------------------------------------------------
def rises(connection: sqlite3.Connection, which: ChargeFilter) -> list[Rise]:
    """What no turn explains, in order of time. It belongs to no session, no budget and no profile."""
    return [rise for rise in _entered(connection, which) if rise.usd or rise.credits or rise.tokens]


def _entered(connection: sqlite3.Connection, which: ChargeFilter) -> list[Rise]:
    """All rises that were ever entered, also those that a turn explains by now."""
    if any(one is not None for one in (which.session_id, which.budget, which.profile)):
        return []
    conditions: dict[str, Cell] = {
        "seen_ms >= :since_ms": which.since_ms,
        "seen_ms < :until_ms": which.until_ms,
        "worker_id = :worker_id": pack_optional(which.worker_id),
        "(base_url = :local) = :simulated": which.simulated,
    }
    terms = [term for term, value in conditions.items() if value is not None]
    terms += [CHOSEN_WORKER] if which.by_labels else []
    where = f"WHERE {' AND '.join(terms)}" if terms else ""
    cells: Cells = {
        "since_ms": which.since_ms,
        "until_ms": which.until_ms,
        "worker_id": pack_optional(which.worker_id),
        "local": LOCAL,
        "simulated": which.simulated,
    }
    return [_rise_of(row) for row in connection.execute(_RISES.format(where=where), cells)]


def rise_numbered(connection: sqlite3.Connection, number: int) -> Rise | None:
    """The rise of a number, also one that a turn explains by now; None where there is none."""
    return next((rise for rise in _entered(connection, ChargeFilter()) if rise.number == number), None)


def assigned(connection: sqlite3.Connection, which: ChargeFilter) -> list[Assigned]:
    """The rises that the person assigned to a turn, in order of time."""
    owners = {
        (unpack(row["base_url"]), unpack(row["worker_id"]), row["seen_ms"]): unpack_optional(row["turn_id"])
        for row in connection.execute(_ASSIGNMENTS)
    }
    pairs = [
        (rise, owners.get((rise.base_url, rise.worker_id, rise.seen_ms)))
        for rise in _entered(connection, which)
    ]
    return [Assigned(rise.number, rise.worker_id, turn_id) for rise, turn_id in pairs if turn_id is not None]


def _rise_of(row: Row) -> Rise:
    usd, credited, model, tool, sandbox, internal, tokens = (
        scaled(row[f"{name}_high"], row[f"{name}_low"], places)
        for name, places in zip(_NUMBERS, _PLACES, strict=True)
    )
    return Rise(
        unpack(row["worker_id"]),
        int_or_zero(row["seen_ms"]),
        usd,
        credited,
        model,
        tool,
        sandbox,
        internal,
        None if tokens is None else int(tokens),
        unpack_optional(row["last_turn"]),
        _refused_in(row["refused"]),
        int_or_none(row["strangers"]),
        bool(row["doubtful"]),
        row["number"],
        unpack(row["base_url"]),
    )


def _refused_in(stored: object) -> tuple[str, ...]:
    try:
        names = as_list(parse(unpack(stored)))
    except NotJson:
        return ()
    return tuple(name for name in names if isinstance(name, str))
