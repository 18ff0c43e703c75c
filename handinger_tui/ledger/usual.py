"""Usual: what the newest turns at a budget took, for the range that is shown before sending."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Final

from handinger_tui.core.turn import FREE, LIVE
from handinger_tui.core.usual import Spread, Usual, spread
from handinger_tui.ledger.charging import TOLD
from handinger_tui.ledger.rows import Cell, Row, pack, scaled
from handinger_tui.ledger.totals import PLACES

NEWEST: Final = 100
_LEFT_OUT: Final = ", ".join(f"'{status}'" for status in sorted(FREE | LIVE))
_TURNS: Final = f"""
    SELECT usd_pico, micro_credits, told FROM turn_totals
     WHERE budget = :budget AND simulated = :simulated AND status NOT IN ({_LEFT_OUT})
"""  # noqa: S608  # constants
_NEWEST: Final = f" ORDER BY at_ms DESC, place DESC LIMIT {NEWEST}"


def usual(connection: sqlite3.Connection, worker_id: str | None, budget: str, *, simulated: bool) -> Usual:
    """Of the worker's turns that ended and may have cost something; of all workers' when it has none."""
    cells: dict[str, Cell] = {"budget": pack(budget), "simulated": simulated}
    rows: list[Row] = []
    if worker_id is not None:
        own = f"{_TURNS} AND worker_id = :worker {_NEWEST}"
        rows = connection.execute(own, cells | {"worker": pack(worker_id)}).fetchall()
    everywhere = not rows
    if everywhere:
        rows = connection.execute(_TURNS + _NEWEST, cells).fetchall()
    return Usual(budget, _spread(rows, "usd_pico"), _spread(rows, "micro_credits"), everywhere)


def _spread(rows: Iterable[Row], name: str) -> Spread:
    return spread(scaled(0, row[name], PLACES[name]) if _told(row, name) else None for row in rows)


def _told(row: Row, name: str) -> bool:
    """A figure of a turn that had not finished is no amount that turns take."""
    return bool(row["told"] >> TOLD.index(name) & 1)
