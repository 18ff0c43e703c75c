"""The third migration: the frames of a closed turn in a compact form of fewer frames.

It is derived from `frames` only: rows may be deleted, and are created again when the turn is closed
again. The first `upto` frames are in the compact form; later ones are read as they are stored.
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
