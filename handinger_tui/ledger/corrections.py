"""Corrections of final amounts: by the present rules, and by what the person decides about a worker.

`recompute` applies the present rules to sessions that an earlier version of the program wrote. Each session
is one transaction: after a kill the next start continues, and of two programs at once only one computes each
session. What changes is a restatement like any other.
"""

from __future__ import annotations

import time
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Final

from handinger_tui.core.errors import LedgerError, SettingsError
from handinger_tui.core.money.reconciliation import (
    ASSIGNED,
    BASIS_SET,
    NEW_RULES,
    Restatement,
)
from handinger_tui.core.money.spending import ChargeFilter, Rise
from handinger_tui.core.turns.session import Ruling, Session
from handinger_tui.core.turns.turn import TurnStatus
from handinger_tui.ledger import turns as turn_store
from handinger_tui.ledger.charges.entries import ChargeCache, assigned, rise_numbered, write_charges
from handinger_tui.ledger.charges.grouping import EVERYTHING, restatements
from handinger_tui.ledger.charges.worker_turns import rulings_on
from handinger_tui.ledger.database_file import open_database
from handinger_tui.ledger.sql import (
    LOCK_WAIT_S,
    Care,
    LockRetries,
    pack,
    pack_optional,
    transaction,
    translated,
    unpack,
)

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence
    from decimal import Decimal
    from pathlib import Path

    from handinger_tui.ledger.database import Database


MOST_S: Final = 3.0
"""One start of a program spends at most this many seconds; the next one continues."""


def recompute(connection: sqlite3.Connection, now_ms: int) -> str:
    """Compute the sessions that are due, for `MOST_S` at most; says which final amounts changed.

    A session that cannot be read or written stays due at the next start.
    """
    changed: Sequence[Restatement] = ()
    with suppress(LedgerError), translated():
        due = [row["session_id"] for row in connection.execute("SELECT session_id FROM recounts")]
        newest = _newest_charge(connection)
        end = time.monotonic() + MOST_S
        for session_id in due:
            if time.monotonic() > end:
                break
            with suppress(LedgerError), translated():
                _recompute_session(connection, session_id, now_ms)
        if due:
            changed = restatements(connection, ChargeFilter(), newest)
    return Restatement.text(changed)


def _recompute_session(connection: sqlite3.Connection, stored_id: str | bytes, now_ms: int) -> None:
    with transaction(connection, Care.FULL):
        deleted = connection.execute("DELETE FROM recounts WHERE session_id = ?", (stored_id,))
        # Another program may have done it in the meantime.
        session = turn_store.load(connection, unpack(stored_id), ()) if deleted.rowcount else None
        if session is not None:
            write_charges(connection, session, ChargeCache(), NEW_RULES, now_ms)


_PUT_RULING: Final = """
    INSERT INTO rulings (base_url, worker_id, at_ms, meaning, seen_ms, turn_id) VALUES (?, ?, ?, ?, ?, ?)
"""
LISTED: Final = "See: handinger-tui costs"
_SESSIONS_WITHOUT_EVENTS: Final = """
    SELECT DISTINCT t.session_id FROM turns t JOIN sessions s USING (session_id)
     WHERE s.base_url = :base_url AND t.worker_id = :worker_id AND t.status <> :queued
       AND t.imported_ms IS NULL
       AND NOT EXISTS (SELECT 1 FROM worker_turns w WHERE w.turn_id = t.turn_id)
"""


def set_basis(connection: sqlite3.Connection, base_url: str, worker_id: str, basis: str, at_ms: int) -> None:
    """Decide what the figures of a worker mean; see `Ruling`."""
    with transaction(connection, Care.FULL):
        _decide(connection, base_url, Ruling(worker_id, at_ms, basis), BASIS_SET)


def assign(connection: sqlite3.Connection, number: int, turn_id: str | None, at_ms: int) -> None:
    """Decide to which turn the suspense of a number belongs; None: to none.

    Raises:
        SettingsError: it cannot belong to that turn; nothing was stored.
    """
    with transaction(connection, Care.FULL):
        rise = rise_numbered(connection, number)
        owner = next((one.turn_id for one in assigned(connection, EVERYTHING) if one.number == number), None)
        if rise is None:
            raise SettingsError(f"There is no unassigned cost {number}.", LISTED)
        if owner is None and turn_id is None:
            raise SettingsError(f"Unassigned cost {number} is not assigned to a turn.", LISTED)
        if owner is None and not (_money(rise) or rise.tokens):
            raise SettingsError(f"Unassigned cost {number} has no amount left.", LISTED)
        newest = _newest_charge(connection)
        _decide(
            connection, rise.base_url, Ruling(rise.worker_id, at_ms, None, rise.seen_ms, turn_id), ASSIGNED
        )
        remaining = rise_numbered(connection, number) or rise
        is_moved = _newest_charge(connection) > newest and not _money(remaining)
        if turn_id is not None and owner != turn_id and not is_moved:
            raise SettingsError(
                f"Unassigned cost {number} cannot belong to {turn_id}.",
                f"Name a turn of {rise.worker_id} with a known cost, or one that was rejected at that time.",
            )


def _money(rise: Rise) -> Decimal | None:
    return rise.usd or rise.credits


def _newest_charge(connection: sqlite3.Connection) -> int:
    newest: int = connection.execute("SELECT COALESCE(MAX(id), 0) FROM charges").fetchone()[0]
    return newest


def _decide(connection: sqlite3.Connection, base_url: str, ruling: Ruling, reason: str) -> None:
    """Store a ruling, and correct the amounts of all turns on its worker that it changes."""
    earlier = rulings_on(connection, base_url, ruling.worker_id)
    # The clock may have been set back; the newest ruling is in force.
    at_ms = max([ruling.at_ms, *(one.at_ms for one in earlier)])
    cells = (pack(base_url), pack(ruling.worker_id), at_ms, ruling.basis, ruling.seen_ms)
    connection.execute(_PUT_RULING, (*cells, pack_optional(ruling.turn_id)))
    # What all turns show of the worker is stored: a session without turns sees those of all others.
    everything = Session("", 0, ruling.worker_id, base_url=base_url)
    for session in (*_incomplete_sessions(connection, base_url, ruling.worker_id), everything):
        write_charges(connection, session, ChargeCache(), reason)


def _incomplete_sessions(connection: sqlite3.Connection, base_url: str, worker_id: str) -> list[Session]:
    """Sessions with turns on the worker that were stored before timelines were."""
    cells = {"base_url": pack(base_url), "worker_id": pack(worker_id), "queued": str(TurnStatus.QUEUED)}
    rows = connection.execute(_SESSIONS_WITHOUT_EVENTS, cells).fetchall()
    sessions = [turn_store.load(connection, unpack(row["session_id"]), ()) for row in rows]
    return [session for session in sessions if session is not None]


def decide_in(path: Path, decide: Callable[[sqlite3.Connection], None]) -> str:
    """Call `decide` with the history at `path`, without a thread; says which final amounts changed.

    `decide` is one transaction: it is repeated while another process locks the history.

    Raises:
        LedgerError
    """
    lock_retries = LockRetries(LOCK_WAIT_S)

    def attempt() -> str:
        opened = open_database(path, lock_retries.attempt_s, replace_damaged=False)
        with closing(opened.connection) as connection, translated():
            newest = _newest_charge(connection)
            decide(connection)
            return Restatement.text(restatements(connection, EVERYTHING, newest))

    return lock_retries.run(attempt)


class Rulings:
    """Implements `ui.ports.RulingStore`. Every method raises LedgerError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def set_basis(self, base_url: str, worker_id: str, basis: str, at_ms: int) -> None:
        """Decide what the figures of a worker mean, for every program on this history."""
        self._database.require_kept()
        await self._database.run(lambda db: set_basis(db, base_url, worker_id, basis, at_ms), flush=True)

    async def assign(self, number: int, turn_id: str | None, at_ms: int) -> None:
        """Decide to which turn the suspense of a number belongs; None: to none.

        Raises:
            SettingsError: it cannot belong to that turn.
        """
        self._database.require_kept()
        await self._database.run(lambda db: assign(db, number, turn_id, at_ms), flush=True)
