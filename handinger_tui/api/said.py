"""What an error response says: its reason in one clean line, and when to come back.

Nothing from outside is shown as it came: control characters are cleaned, HTML
is reduced to its title, and 1 kB is enough.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

from handinger_tui.core.jsontext import NotJson, parse
from handinger_tui.core.safety import clean_line
from handinger_tui.core.snapshot import reason_text

MAX_REASON_BYTES: Final = 800
"""With the words around it a summary stays within 1 kB."""

_TITLE: Final = re.compile(r"<title[^>]{0,200}>(.{0,2000}?)</title", re.IGNORECASE | re.DOTALL)
_LOOKS_LIKE_JSON: Final = ("{", "[", '"')


def shorten(text: str, limit: int = MAX_REASON_BYTES) -> str:
    """`clean_line`, at most `limit` bytes of UTF-8."""
    line = clean_line(text, limit)
    raw = line.encode("utf-8", "replace")
    return line if len(raw) <= limit else raw[: limit - 3].decode("utf-8", "ignore") + "…"


def reason(content_type: str, body: bytes) -> str:
    """The reason in an error body of any shape; "" when it says nothing fit for people."""
    text = body.decode("utf-8", "replace").removeprefix("\ufeff").strip()
    kind = content_type.partition(";")[0].strip().lower()
    if "json" in kind or text.startswith(_LOOKS_LIKE_JSON):
        try:
            return shorten(reason_text(parse(text)) or "")
        except NotJson:
            return ""
    if "html" in kind or "xml" in kind or text.startswith("<"):
        title = _TITLE.search(text[:65536])
        return shorten(html.unescape(title.group(1))) if title else ""
    return shorten(text)


LONGEST_WAIT: Final = 3600.0
VAGUE_WAIT: Final = 30.0
"""When the service names a time that nobody can read."""

_SECONDS: Final = re.compile(r"[0-9]+(?:\.[0-9]+)?")
"""Of any length: far too many digits are far too long a wait, and that is capped."""


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds until the service wants to be asked again, 0 to 3600; None when it names none.

    `retry-after-ms` wins; `retry-after` is seconds or a date. A date is compared
    with the response's own Date, so that a wrong clock on either side cancels out.
    """
    millis = headers.get("retry-after-ms", "").strip()
    if _SECONDS.fullmatch(millis):
        return min(float(millis) / 1000, LONGEST_WAIT)
    told = headers.get("retry-after")
    if told is None:
        return VAGUE_WAIT if millis else None
    if _SECONDS.fullmatch(told.strip()):
        return min(float(told), LONGEST_WAIT)
    until = _date(told)
    if until is None:
        return VAGUE_WAIT
    wait = until - (_date(headers.get("date", "")) or datetime.now(UTC))
    return min(max(wait / timedelta(seconds=1), 0.0), LONGEST_WAIT)


def _date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
