"""The third migration: the frames of a closed turn told in fewer frames (`core.gather`).

Derived from `frames` alone: rows may be deleted, and are made again when the turn is closed
again. `upto` frames are told by it; those that came later are read as they are.
"""

from __future__ import annotations

from typing import Final

THIRD: Final = (
    """
    CREATE TABLE gathered (
        turn_id TEXT NOT NULL PRIMARY KEY REFERENCES turns (turn_id) ON DELETE CASCADE,
        rule INTEGER NOT NULL,
        upto INTEGER NOT NULL,
        frames TEXT NOT NULL
    )
    """,
)
