"""Raw rows of the record, written without the code that computes them."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any, Final

from handinger_tui.ledger.migrations import MIGRATIONS

if TYPE_CHECKING:
    from pathlib import Path

    from handinger_tui.ledger.ledger import Ledger

DAY_MS: Final = 86_400_000
NOON_MS: Final = 1_764_072_000_000
"""2025-11-25 12:00 UTC."""


def cells(turn_id: str, kind: str = "charge", **members: Any) -> dict[str, Any]:
    """One row of `charges`; every number in it is unknown unless it is named."""
    given = {
        "kind": kind,
        "turn_id": turn_id,
        "session_id": "ses_1",
        "worker_id": "wrk_1",
        "base_url": "https://one.example",
        "at_ms": NOON_MS,
        "status": "completed",
        "budget": "standard",
        "started_by": "app",
        "reading": "total",
        "final": 1,
        "exact": "{}",
        "snapshot": "null",
    }
    return given | members


def put(connection: sqlite3.Connection, *rows: dict[str, Any]) -> None:
    for row in rows:
        names, marks = ", ".join(row), ", ".join(f":{name}" for name in row)
        connection.execute(f"INSERT INTO charges ({names}) VALUES ({marks})", row)  # noqa: S608  # names of the tests


async def put_in(ledger: Ledger, *rows: dict[str, Any]) -> None:
    """Insert rows through the ledger's own connection, in one transaction."""

    def work(connection: sqlite3.Connection) -> None:
        connection.execute("BEGIN")
        put(connection, *rows)
        connection.execute("COMMIT")

    await ledger.database.run(work)


def old_file(path: Path) -> sqlite3.Connection:
    """A file of the first version of the program."""
    connection = sqlite3.connect(path, isolation_level=None)
    for statement in MIGRATIONS[0]:
        connection.execute(statement)
    connection.execute("PRAGMA user_version = 1")
    return connection
