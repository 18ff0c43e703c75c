"""Spending as CSV (RFC 4180): lines end in CR LF, unknown is an empty field, text never becomes a formula."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Final

from handinger_tui.core.export.data_csv import field
from handinger_tui.core.jsontext import Json
from handinger_tui.core.money import decimal_text
from handinger_tui.core.safety import clean_line

END: Final = "\r\n"


def line(cells: Iterable[Json]) -> str:
    """One record, without its line end."""
    return ",".join(map(cell, cells))


def cell(value: Json) -> str:
    """One field. A text in one line; none that a spreadsheet would calculate."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return decimal_text(value)
    if not isinstance(value, str):
        return str(value)
    return field(clean_line(value))
