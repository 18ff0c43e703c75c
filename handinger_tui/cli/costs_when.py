"""When: what --since and --until mean, in local days."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from handinger_tui.core.errors import SettingsError

HINT: Final = "Write a day (2026-11-25), today, month, or a time back from now: 7d, 24h."
_BACK: Final = re.compile(r"([0-9]{1,5})([dh])", re.ASCII)
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


def since_ms(text: str, now: datetime) -> int:
    """The first moment that counts, Unix time in milliseconds. `7d`: today and the six days before.

    Raises:
        SettingsError
    """
    return _ms(_spans(text, "--since", now)[0])


def until_ms(text: str, now: datetime) -> int:
    """The first moment that no longer counts.

    A day or month counts whole; `7d` and `24h` end where they begin, so that
    `--since 14d --until 7d` and `--since 7d` follow each other.

    Raises:
        SettingsError
    """
    return _ms(_spans(text, "--until", now)[1])


def midnight(day: date) -> datetime:
    """The local beginning of a day, with the offset that held then; 01:00 where clocks skip midnight."""
    # Not at once: without a zone `astimezone` is an hour early where midnight does not exist.
    return datetime.fromtimestamp(datetime.combine(day, time()).timestamp(), UTC).astimezone()


def _spans(text: str, flag: str, now: datetime) -> tuple[datetime, datetime]:
    """Where a word begins and where it ends, as the two flags take it."""
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
        # A day that the calendar or the platform's clock does not have.
        pass
    raise SettingsError(f"{flag} {text!r} is no time that is known here.", HINT)


def _next_month(day: date) -> date:
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1)


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
