"""Recomputation: the present rules are applied to sessions that an earlier version of the program wrote.

Each session is one transaction: a program that is killed leaves the others for the next one, and of two
programs at once one does each session. What changes is a restatement like any other.
"""

from __future__ import annotations

import sqlite3
import time
from contextlib import suppress
from typing import Final

from handinger_tui.core.errors import LedgerError
from handinger_tui.core.money.restatements import NEW_RULES, Restatement
from handinger_tui.core.money.spending import ChargeFilter
from handinger_tui.ledger import turns as turn_store
from handinger_tui.ledger.charge_writer import ChargeCache, write_charges
from handinger_tui.ledger.grouping import restatements
from handinger_tui.ledger.opening import Care, transaction, translated
from handinger_tui.ledger.rows import unpack

MOST_S: Final = 3.0
"""One start of a program spends at most this many seconds; the next one goes on."""


def recompute(connection: sqlite3.Connection, now_ms: int, most_s: float = MOST_S) -> list[Restatement]:
    """Compute the sessions that are due; returns the closed amounts that changed.

    What cannot be read or written now is left for the next start.
    """
    changed: list[Restatement] = []
    with suppress(LedgerError), translated():
        due = [row["session_id"] for row in connection.execute("SELECT session_id FROM recounts")]
        newest = connection.execute("SELECT COALESCE(MAX(id), 0) AS id FROM charges").fetchone()["id"]
        end = time.monotonic() + most_s
        for session_id in due:
            if time.monotonic() > end:
                break
            with suppress(LedgerError), translated():
                _recompute_session(connection, session_id, now_ms)
        if due:
            changed = restatements(connection, ChargeFilter(), newest)
    return changed


def _recompute_session(connection: sqlite3.Connection, stored_id: str | bytes, now_ms: int) -> None:
    with transaction(connection, Care.FULL):
        deleted = connection.execute("DELETE FROM recounts WHERE session_id = ?", (stored_id,))
        # Another program may have done it in the meantime.
        session = turn_store.load(connection, unpack(stored_id), ()) if deleted.rowcount else None
        if session is not None:
            write_charges(connection, session, ChargeCache(), NEW_RULES, now_ms)
