"""Days: local days of a time zone, as spans of time."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Final

from handinger_tui.core.record import dataclass

_FIRST_MS: Final = -62_000_000_000_000
_LAST_MS: Final = 253_000_000_000_000
"""Years 5 and 9987: a clock that says something beyond counts as this."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Day:
    """From `start_ms` (included) to `end_ms` (not); `name` is "2026-11-25"."""

    name: str
    start_ms: int
    end_ms: int


def day_at(at_ms: int, zone: tzinfo | None) -> Day:
    """The local day of a moment. `zone` None: the machine's own. A day may have 23 or 25 hours."""
    sane = timedelta(milliseconds=min(max(at_ms, _FIRST_MS), _LAST_MS))
    day = (_EPOCH + sane).astimezone(zone).date()
    start, end = _midnight_ms(day, zone), _midnight_ms(day + timedelta(days=1), zone)
    return Day(day.isoformat(), start, max(end, at_ms + 1))


def _midnight_ms(day: date, zone: tzinfo | None) -> int:
    # Where clocks go forward at midnight there is none: `timestamp` then tells when the day begins,
    # but `astimezone` of a time without a zone an hour before that.
    return round(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()) * 1000
