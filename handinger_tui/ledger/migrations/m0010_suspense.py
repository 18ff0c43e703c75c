"""The tenth migration: what the figures of workers rose by and no turn explains.

Append-only, as charges are: a row is a difference to the sum of the rows before it of the same worker and
reading (`seen_ms`), so what a turn explains later is taken back by a row. `last_turn`, `refused` (JSON),
`strangers` and `doubtful` are as known at the time of the row.
"""

from __future__ import annotations

from typing import Final

_NUMBERS: Final = (
    "usd_pico",
    "micro_credits",
    "model_pico",
    "tool_pico",
    "sandbox_pico",
    "internal_pico",
    "total_tokens",
)
_AMOUNTS: Final = ", ".join(
    f"{name} INTEGER CHECK (typeof({name}) IN ('integer', 'null'))" for name in _NUMBERS
)

TENTH: Final = (
    f"""
    CREATE TABLE suspense (
        id INTEGER PRIMARY KEY,
        base_url TEXT NOT NULL,
        worker_id TEXT NOT NULL,
        seen_ms INTEGER NOT NULL,
        at_ms INTEGER NOT NULL,
        {_AMOUNTS},
        last_turn TEXT,
        refused TEXT NOT NULL,
        strangers INTEGER,
        doubtful INTEGER NOT NULL CHECK (doubtful IN (0, 1))
    )
    """,
    "CREATE INDEX suspense_by_worker ON suspense (base_url, worker_id, seen_ms)",
    """
    CREATE TRIGGER suspense_stays BEFORE UPDATE ON suspense
    BEGIN SELECT RAISE(ABORT, 'suspense is never changed'); END
    """,
    """
    CREATE TRIGGER suspense_is_kept BEFORE DELETE ON suspense
    BEGIN SELECT RAISE(ABORT, 'suspense is never deleted'); END
    """,
)
