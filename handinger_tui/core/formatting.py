"""Numbers, sizes and times as texts for people. None means not reported, never zero."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal
from functools import cache
from typing import Final

UNKNOWN: Final = "unknown"


def duration(milliseconds: int | None) -> str:
    """5400 → "5.4 s", 95000 → "1 m 35 s"."""
    if milliseconds is None:
        return UNKNOWN
    seconds = milliseconds / 1000
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, remainder = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes} m {remainder:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} m"


def percent_text(share: Decimal | None) -> str:
    """A share from 0 to 1 as "61%"; above zero but below one percent it is "<1%", never "0%"."""
    if share is None:
        return UNKNOWN
    percent = share * 100
    return "<1%" if 0 < percent < 1 else f"{int(percent + Decimal('0.5'))}%"


def number(value: int | Decimal | None) -> str:
    """1234567 → "1,234,567"; a fraction is dropped."""
    return UNKNOWN if value is None else f"{int(value):,}"


def size(value: int | None) -> str:
    """Bytes: 2048 → "2.0 kB"; None → ""."""
    if value is None:
        return ""
    if value < 1000:
        return f"{value} B"
    amount = float(value)
    for unit in ("kB", "MB", "GB"):
        amount /= 1000
        if amount < 1000:
            return f"{amount:.1f} {unit}"
    return f"{amount / 1000:.1f} TB"


def middle_cut(text: str, cells: int) -> str:
    """Shorten an id to at most `cells` cells, with "…" in the middle, since ids differ mostly at their end.

    A text that is not ASCII is returned unchanged, since its characters may not be cells.
    """
    if len(text) <= cells or not text.isascii():
        return text
    kept_cells = max(0, cells - 1)
    return f"{text[: kept_cells // 2]}…{text[len(text) - (kept_cells - kept_cells // 2) :]}"


def fitting(forms: Sequence[str], room: int, cells: Callable[[str], int] = len) -> str:
    """The first text that fits into `room` cells, the longest first; the last one where none does."""
    return next((text for text in forms if cells(text) <= room), forms[-1])


def plural(value: int, one: str, many: str = "") -> str:
    """(1, "source") → "1 source"; (3, "source") → "3 sources"; (2, "match", "matches") → "2 matches"."""
    return f"{value:,} {one if value == 1 else many or one + 's'}"


JOINT: Final = (
    r"(?:(?<=[0-9]) (?=(?:ms|[smhdB]|[kMGT]B|[A-Z]{3}|(?:second|minute|hour|day|week|month|credit|token|step"
    r"|turn|run|file|source|message)s?)(?!\w))"
    r"|(?<=[0-9] [hm]) (?=[0-9]{2} [ms](?!\w)))"
)
"""A pattern for the blank between a number and its unit, at which no line is broken."""


@cache
def _joints() -> re.Pattern[str]:
    return re.compile(JOINT)


def joined(text: str, sign: str = "\N{NO-BREAK SPACE}") -> str:
    """A text with `sign`, one character, for each blank between a number and its unit."""
    return _joints().sub(sign, text)


def wrapped_text(text: str, width: int, *, break_words: bool = True) -> list[str]:
    """Lines of at most `width` characters, broken at blanks, never between a number and its unit."""
    from textwrap import wrap  # not for the first frame

    lines = wrap(joined(text), width, break_on_hyphens=False, break_long_words=break_words)
    return [line.replace("\N{NO-BREAK SPACE}", " ") for line in lines]


def ago(then_ms: int, now_ms: int, step_s: int = 60) -> str:
    """How long ago, in one unit; within the first step, and in the future, "just now".

    `step_s`: the first minute has steps of so many seconds.
    """
    seconds = max(0, now_ms - then_ms) // 1000
    seconds -= seconds % step_s if seconds < 60 else 0
    return f"{one_unit(seconds)} ago" if seconds else "just now"


def one_unit(seconds: int) -> str:
    """A time in its largest unit: "40 s", "4 m", "2 h", "3 d"."""
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} m"
    return f"{seconds // 3600} h" if seconds < 86400 else f"{seconds // 86400} d"


def spaced(name: str) -> str:
    """A name in words: "not_delivered" as "not delivered"."""
    return name.replace("_", " ")


def day_text(day: date, year: int) -> str:
    """A date for people: "Nov 4", with the year if it is not `year`: "Nov 14 2025"."""
    return f"{day:%b} {day.day}" + (f" {day.year}" if day.year != year else "")


def moment_text(moment: datetime, now: datetime, zone: tzinfo | None = None) -> str:
    """A time for people: "Sat Nov 28, 09:00", with the year if it is another one."""
    try:
        local, year = moment.astimezone(zone), now.astimezone(zone).year
    except OverflowError:
        return f"{moment:%Y-%m-%d}"
    return f"{local:%a} {day_text(local, year)}, {local:%H:%M}"


EARLIEST: Final = datetime(1970, 1, 2, tzinfo=UTC)
LATEST: Final = datetime(8999, 12, 31, tzinfo=UTC)
"""Moments between these two can be moved by years without leaving the calendar."""
LATEST_MS: Final = round(LATEST.timestamp() * 1000)


def moment_of(text: str | None) -> datetime | None:
    """The moment of an ISO 8601 text, without an offset in UTC; None outside the years 1970 to 8999."""
    try:
        moment = datetime.fromisoformat(text or "")
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return moment if EARLIEST <= moment <= LATEST else None


def moment_at(ms: int) -> datetime:
    """The moment of Unix milliseconds. Raises OverflowError outside the years 1 to 9999."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)


def local_time(at_ms: int) -> datetime:
    """The moment of Unix milliseconds in the zone of the machine. Raises OverflowError, see `moment_at`."""
    return moment_at(at_ms).astimezone()


def time_in_zone(at_ms: int | None) -> str | None:
    """A time with the offset of the machine's zone; None where it is unknown or outside the calendar."""
    try:
        return None if at_ms is None else local_time(at_ms).isoformat(timespec="milliseconds")
    except (OverflowError, OSError, ValueError):
        return None


def utc_text(ms: int | None) -> str | None:
    """Unix milliseconds as "2026-11-25T10:00:00.123Z"; None if unknown or outside the years 1 to 9999."""
    if ms is None:
        return None
    try:
        moment = moment_at(ms)
    except OverflowError:
        return None
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
