"""The ninth migration: the earlier message that a turn was made from, by editing, retrying or forking."""

from __future__ import annotations

from typing import Final

NINTH: Final = ("ALTER TABLE turns ADD COLUMN lineage TEXT",)
"""JSON, see `drafts.lineage_to_text`."""
