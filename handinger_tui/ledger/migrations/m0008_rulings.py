"""The eighth migration: what the person decided about the figures of workers.

A row of `rulings` has a `meaning` of the figures, or the turn (NULL: none) that owns a rise which no turn
explains; the rise is named by the time of the reading that showed it. Rows outlive sessions, as what is
known of a worker does. `charges.reason`: why an amount was corrected, NULL: the readings show it.
"""

from __future__ import annotations

from typing import Final

EIGHTH: Final = (
    """
    CREATE TABLE rulings (
        id INTEGER PRIMARY KEY,
        base_url TEXT NOT NULL,
        worker_id TEXT NOT NULL,
        at_ms INTEGER NOT NULL,
        meaning TEXT CHECK (meaning IN ('lifetime', 'per_turn', 'auto')),
        seen_ms INTEGER,
        turn_id TEXT,
        CHECK ((meaning IS NULL) <> (seen_ms IS NULL))
    )
    """,
    "CREATE INDEX rulings_by_worker ON rulings (base_url, worker_id, id)",
    """
    CREATE TRIGGER rulings_stay BEFORE UPDATE ON rulings
    BEGIN SELECT RAISE(ABORT, 'rulings are never changed'); END
    """,
    """
    CREATE TRIGGER rulings_are_kept BEFORE DELETE ON rulings
    BEGIN SELECT RAISE(ABORT, 'rulings are never deleted'); END
    """,
    "ALTER TABLE charges ADD COLUMN reason TEXT",
)
