"""The eleventh migration: sessions whose amounts are computed again by the present rules.

A row is deleted when that is done, see `ledger/recomputation.py`. New sessions never have one.
"""

from __future__ import annotations

from typing import Final

ELEVENTH: Final = (
    "CREATE TABLE recounts (session_id TEXT NOT NULL PRIMARY KEY) WITHOUT ROWID",
    "INSERT INTO recounts SELECT session_id FROM sessions",
)
