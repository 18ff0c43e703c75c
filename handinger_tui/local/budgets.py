"""Budget levels: how many tool calls a turn may make."""

from __future__ import annotations

STANDARD = "standard"

TOOL_CALLS: dict[str, int | None] = {"low": 1, STANDARD: 6, "high": 24, "unlimited": None}
"""Tool calls by budget level; None is no bound but the local worker's own repertoire."""
