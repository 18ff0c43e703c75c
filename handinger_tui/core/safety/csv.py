"""Tables as CSV (RFC 4180): lines end in CR LF, and no text becomes a formula in a spreadsheet."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from handinger_tui.core.safety.cleaning import clean

END: Final = "\r\n"
_QUOTED: Final = re.compile('[",\r\n]|^\\s|\\s$')
_FORMULA: Final = re.compile(r"[\t\n]|\s*[=+\-@\uff1d\uff0b\uff0d\uff20]")
"""The four characters that begin a formula, their full-width forms, and blanks that spreadsheets skip."""
_NUMBER: Final = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?%?", re.ASCII)


def rows_to_csv(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """The whole CSV document; without a header line where `header` is empty."""
    head = tuple(header)
    records = (head, *rows) if head else rows
    return "".join(",".join(map(field, record)) + END for record in records)


def field(text: str) -> str:
    """One CSV field. A text that a spreadsheet would take for a formula gets a leading apostrophe."""
    cleaned = clean(text)
    if _FORMULA.match(cleaned) and not _NUMBER.fullmatch(cleaned):
        cleaned = f"'{cleaned}"
    return '"' + cleaned.replace('"', '""') + '"' if _QUOTED.search(cleaned) else cleaned
