"""JSON values for people: indented, or in one line. Text is not cleaned here but for the one line."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Final

from handinger_tui.core.safety import clean_line

MAX_DEPTH: Final = 60
ONE_LINE: Final = 300
"""Characters that a one-line form can have."""


def pretty(value: object, indent: str = "") -> str:
    """JSON over several lines, numbers exact; below `MAX_DEPTH` everything is "…"."""
    if len(indent) > 2 * MAX_DEPTH:
        return '"…"'
    inner = indent + "  "
    if isinstance(value, dict) and value:
        lines = (
            f"{inner}{json.dumps(str(key), ensure_ascii=False)}: {pretty(item, inner)}"
            for key, item in value.items()
        )
        return "{\n" + ",\n".join(lines) + f"\n{indent}}}"
    if isinstance(value, list | tuple) and value:
        return "[\n" + ",\n".join(inner + pretty(item, inner) for item in value) + f"\n{indent}]"
    if isinstance(value, Decimal):
        return str(value)
    return json.dumps(value, ensure_ascii=False, default=str)


def one_line(value: object) -> str:
    """The gist in one clean line: the text itself, or the members of an object by name."""
    if value is None or value in ({}, [], ""):
        return ""
    if isinstance(value, dict):
        members = list(value.items())
        if len(members) == 1:
            return one_line(members[0][1])
        return clean_line(", ".join(f"{key}: {one_line(item)}" for key, item in members[:12]), ONE_LINE)
    if isinstance(value, list | tuple):
        return clean_line(", ".join(one_line(item) for item in value[:12]), ONE_LINE)
    return clean_line(value if isinstance(value, str) else str(value), ONE_LINE)
