"""Words for periods, such as a day, `month`, `7d` or `24h`."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from handinger_tui.core.errors import SettingsError

HINT: Final = "Use a day (2026-11-25), today, month, 7d or 24h."
_BACK: Final = re.compile(r"([0-9]{1,5})([dh])", re.ASCII)
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


def midnight(day: date) -> datetime:
    """Return the start of a local day with the UTC offset of that day; 01:00 where clocks skip midnight."""
    # Two steps: `astimezone` on a naive datetime is an hour early where midnight does not exist.
    return datetime.fromtimestamp(datetime.combine(day, time()).timestamp(), UTC).astimezone()


def period(text: str, flag: str, now: datetime) -> tuple[datetime, datetime]:
    """Return the start (for `--since`) and the end (for `--until`) of a time word."""
    today, word = now.date(), text.strip().lower()
    back = _BACK.fullmatch(word)
    try:
        if word == "today":
            return midnight(today), midnight(today + timedelta(days=1))
        if word == "month":
            return midnight(today.replace(day=1)), midnight(_next_month(today))
        if _DAY.fullmatch(word):
            day = date.fromisoformat(word)
            return midnight(day), midnight(day + timedelta(days=1))
        if back and int(back[1]):
            count = int(back[1])
            moment = (
                now - timedelta(hours=count) if back[2] == "h" else midnight(today - timedelta(count - 1))
            )
            return moment, moment
    except (ValueError, OverflowError, OSError):
        # The calendar has no such day, or the platform's clock cannot represent it.
        pass
    raise SettingsError(f"{flag} {text!r} is not a valid time.", HINT)


def week_name(day: date) -> str:
    """The week of a day, from Monday, as ISO 8601 names it: "2026-W48"."""
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


def _next_month(day: date) -> date:
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1)
