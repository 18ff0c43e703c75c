"""Rulings: what the person decides about the figures of a worker is stored, and its amounts are corrected."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from handinger_tui.core.money.restatements import PINNED, Restatement
from handinger_tui.core.money.spending import ChargeFilter
from handinger_tui.core.turns.session import Ruling, Session
from handinger_tui.ledger import turns as turn_store
from handinger_tui.ledger.charge_writer import ChargeCache, write_charges
from handinger_tui.ledger.cost_rows import PATIENCE_S
from handinger_tui.ledger.grouping import restatements
from handinger_tui.ledger.opening import Care, open_database, transaction, translated
from handinger_tui.ledger.process_locks import LockPatience
from handinger_tui.ledger.rows import pack, pack_optional, unpack
from handinger_tui.ledger.worker_turns import rulings_on

if TYPE_CHECKING:
    # It imports asyncio, which `costs` does not need.
    from handinger_tui.ledger.database import Database

_PUT: Final = """
    INSERT INTO rulings (base_url, worker_id, at_ms, meaning, seen_ms, turn_id) VALUES (?, ?, ?, ?, ?, ?)
"""
_SESSIONS: Final = "SELECT session_id FROM sessions WHERE base_url = ? AND worker_id = ? ORDER BY rowid"


def decide(connection: sqlite3.Connection, base_url: str, ruling: Ruling) -> None:
    """Store a ruling, and correct what it changes of all turns on its worker, in one transaction."""
    with transaction(connection, Care.FULL):
        earlier = rulings_on(connection, base_url, ruling.worker_id)
        # The clock may have gone back; the newest ruling is in force.
        at_ms = max([ruling.at_ms, *(one.at_ms for one in earlier)])
        cells = (pack(base_url), pack(ruling.worker_id), at_ms, ruling.meaning, ruling.seen_ms)
        connection.execute(_PUT, (*cells, pack_optional(ruling.turn_id)))
        for session in _sessions_on(connection, base_url, ruling.worker_id):
            write_charges(connection, session, ChargeCache(), PINNED)


def _sessions_on(connection: sqlite3.Connection, base_url: str, worker_id: str) -> Iterator[Session]:
    """All sessions of a worker; one without turns where they were deleted."""
    rows = connection.execute(_SESSIONS, (pack(base_url), pack(worker_id))).fetchall()
    for row in rows:
        session = turn_store.load(connection, unpack(row["session_id"]), ())
        if session is not None:
            yield session
    if not rows:
        yield Session("", 0, worker_id, base_url=base_url)


def decide_in(path: Path, base_url: str, ruling: Ruling) -> list[Restatement]:
    """`decide` in the history at `path`, without a thread; returns the closed amounts that it changed.

    Raises:
        LedgerError
    """
    patience = LockPatience(PATIENCE_S)
    opened = patience.run(partial(open_database, path, patience.attempt_s, mend=False))
    with closing(opened.connection) as connection, translated():
        newest: int = connection.execute("SELECT COALESCE(MAX(id), 0) FROM charges").fetchone()[0]
        decide(connection, base_url, ruling)
        return restatements(connection, ChargeFilter(worker_id=ruling.worker_id), newest)


class Rulings:
    """Implements `ui.ports.RulingStore`. Every method raises LedgerError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def decide(self, base_url: str, ruling: Ruling) -> None:
        """Store what the person decided, for every program on this history, and correct the amounts."""
        await self._database.run(lambda db: decide(db, base_url, ruling), flush=True)
