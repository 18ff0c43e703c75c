"""The sixth migration: what each turn shows of its worker, for other sessions on the same worker.

`events` is JSON, see `core/money/turn_events.py`. Rows are kept when a session is deleted, as charges
are. Existing turns get a row when the costs of their session are written the next time.
"""

from __future__ import annotations

from typing import Final

SIXTH: Final = (
    """
    CREATE TABLE worker_turns (
        turn_id TEXT NOT NULL PRIMARY KEY,
        base_url TEXT NOT NULL,
        worker_id TEXT NOT NULL,
        session_id TEXT NOT NULL,
        events TEXT NOT NULL
    ) WITHOUT ROWID
    """,
    "CREATE INDEX worker_turns_by_worker ON worker_turns (base_url, worker_id, session_id)",
)
