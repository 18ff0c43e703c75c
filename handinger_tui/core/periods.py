"""Words for periods, and the days of weeks and months."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final

from handinger_tui.core.errors import SettingsError

TIMES: Final = (
    "a day (2026-11-25), a month (2026-11), a time (2026-11-25T18:00, with Z or +01:00 for another zone),"
    " today, yesterday, month, 7d (whole days) or 24h"
)
_BACK: Final = re.compile(r"([0-9]{1,5})([dh])", re.ASCII)
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_MONTH: Final = re.compile(r"[0-9]{4}-[0-9]{2}", re.ASCII)
_MOMENT: Final = re.compile(rf"{_DAY.pattern}[t ][0-9]{{2}}:[0-9]{{2}}.{{0,30}}", re.ASCII)


def midnight_ms(day: date, zone: tzinfo | None = None) -> int:
    """The start of a local day in Unix milliseconds."""
    # If clocks go forward at midnight, that time does not exist: `timestamp` then gives the start of the day,
    # but `astimezone` of a naive time gives an hour before it.
    return round(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()) * 1000


def midnight(day: date) -> datetime:
    """The start of a local day with the UTC offset of that day; 01:00 if clocks skip midnight."""
    # Two steps, see `midnight_ms`.
    return datetime.fromtimestamp(datetime.combine(day, time()).timestamp(), UTC).astimezone()


def period_ms(text: str, flag: str, now: datetime) -> tuple[int, int]:
    """The start and the exclusive end of a time word, in Unix milliseconds.

    A day or a month is complete. `7d` means today and the six days before it. It, `24h` and a time of a day
    are moments, whose end is their start, so that `--since 14d --until 7d` and `--since 7d` are adjacent and
    do not overlap.

    Raises:
        SettingsError: `text` is not a time word; `flag` names its option.
    """
    try:
        first, end = _period(text.strip().lower(), now)
        return round(first.timestamp() * 1000), round(end.timestamp() * 1000)
    except (KeyError, ValueError, OverflowError, OSError):
        # Not a time word, not a day of the calendar, or out of range for the platform.
        raise SettingsError(f"{flag} {text!r} is not a valid time.", f"Use {TIMES}.") from None


def _period(word: str, now: datetime) -> tuple[datetime, datetime]:
    today, day = now.date(), timedelta(days=1)
    back = _BACK.fullmatch(word)
    if word == "month":
        return midnight(today.replace(day=1)), midnight(_next_month(today))
    if back and int(back[1]):
        count = int(back[1])
        moment = now - timedelta(hours=count) if back[2] == "h" else midnight(today - timedelta(count - 1))
        return moment, moment
    if _MONTH.fullmatch(word):
        first, last = month_days(word)
        return midnight(first), midnight(last + day)
    if _MOMENT.fullmatch(word):
        # Without an offset it is a local time.
        moment = datetime.fromisoformat(word.upper()).astimezone()
        return moment, moment
    if _DAY.fullmatch(word):
        first = date.fromisoformat(word)
    else:
        first = {"today": today, "yesterday": today - day}[word]
    return midnight(first), midnight(first + day)


def week_name(day: date) -> str:
    """The ISO 8601 week of a day: "2026-W48"."""
    year, week, _ = day.isocalendar()
    return f"{year:04}-W{week:02}"


def week_days(name: str) -> tuple[date, date]:
    """The Monday and the Sunday of a week. Raises ValueError: there is no such week."""
    year, _, week = name.partition("-W")
    monday = date.fromisocalendar(int(year), int(week), 1)
    return monday, monday + timedelta(days=6)


def month_days(name: str) -> tuple[date, date]:
    """The first and the last day of a month ("2026-11"). Raises ValueError: there is no such month."""
    first = date.fromisoformat(f"{name}-01")
    return first, _next_month(first) - timedelta(days=1)


def month_span(name: str, flag: str) -> tuple[date, date]:
    """The first day of a month ("2026-11") and that of the next one.

    Raises:
        SettingsError: there is no such month; `flag` names its option.
    """
    try:
        if not _MONTH.fullmatch(name):
            raise ValueError(name)
        first, last = month_days(name)
    except (ValueError, OverflowError):
        raise SettingsError(f"{flag} {name!r} is not a month.", "Use a month such as 2026-11.") from None
    return first, last + timedelta(days=1)


def _next_month(day: date) -> date:
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1)
