"""Spending as CSV (RFC 4180): lines end in CR LF, unknown is an empty field, text never becomes a formula."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Final

from handinger_tui.core.jsontext import Json
from handinger_tui.core.money import decimal_text
from handinger_tui.core.safety import clean_line

_FORMULA: Final = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""The wide forms count as well where spreadsheets are Japanese or Chinese."""
_QUOTED: Final = frozenset('",\r\n')
END: Final = "\r\n"


def line(cells: Iterable[Json]) -> str:
    """One record, without its line end."""
    return ",".join(map(cell, cells))


def cell(value: Json) -> str:
    """One field. A text that a spreadsheet would calculate gets an apostrophe in front."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return decimal_text(value)
    if not isinstance(value, str):
        return str(value)
    text = clean_line(value)
    if text.startswith(_FORMULA) and not _is_number(text):
        text = f"'{text}"
    return '"' + text.replace('"', '""') + '"' if _QUOTED & set(text) else text


def _is_number(text: str) -> bool:
    """Decimal text of ours, as money is written: digits, and one point at most."""
    whole, _, rest = text.removeprefix("-").partition(".")
    return whole.isascii() and whole.isdigit() and (rest == "" or (rest.isascii() and rest.isdigit()))
