"""The fourteenth migration: the stored worker that a session begins from.

No version has ever written the column that it renames.
"""

from __future__ import annotations

from typing import Final

FOURTEENTH: Final = ("ALTER TABLE sessions RENAME COLUMN task_id TO template",)
