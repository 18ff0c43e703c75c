"""The fifth migration: what turns under way will probably take, and limits of a week and a month.

A row of `reservations` exists from the start of a turn until its end is known. NULL: the turn has no cost
history in that unit, and reserves all that is left of a limit.
"""

from __future__ import annotations

from typing import Final

FIFTH: Final = (
    """
    CREATE TABLE reservations (
        turn_id TEXT NOT NULL PRIMARY KEY REFERENCES turns (turn_id) ON DELETE CASCADE,
        reserved_pico INTEGER CHECK (reserved_pico IS NULL OR reserved_pico >= 0),
        reserved_micro INTEGER CHECK (reserved_micro IS NULL OR reserved_micro >= 0)
    )
    """,
    # A CHECK cannot be changed in place. The names of the new scopes are the only difference.
    """
    CREATE TABLE limits_of_all_scopes (
        id INTEGER PRIMARY KEY,
        scope TEXT NOT NULL CHECK (scope IN ('turn', 'session', 'worker', 'day', 'week', 'month')),
        whose TEXT NOT NULL,
        unit TEXT NOT NULL CHECK (unit IN ('usd', 'credits')),
        amount INTEGER CHECK (amount IS NULL OR (typeof(amount) = 'integer' AND amount > 0)),
        set_ms INTEGER NOT NULL
    )
    """,
    "INSERT INTO limits_of_all_scopes SELECT id, scope, whose, unit, amount, set_ms FROM limits ORDER BY id",
    "DROP TABLE limits",
    "ALTER TABLE limits_of_all_scopes RENAME TO limits",
    "CREATE INDEX limits_by_whose ON limits (whose, id)",
    """
    CREATE TRIGGER limits_stay BEFORE UPDATE ON limits
    BEGIN SELECT RAISE(ABORT, 'limits are never changed'); END
    """,
    """
    CREATE TRIGGER limits_are_kept BEFORE DELETE ON limits
    BEGIN SELECT RAISE(ABORT, 'limits are never deleted'); END
    """,
)
