"""Five-field cron expressions, in UTC: minute, hour, day of month, month, day of week.

Understood: `*`, numbers, ranges `a-b`, steps `*/n` and `a-b/n`, lists with commas, three-letter
English names for months and days, 7 for Sunday. When both day fields are restricted, either one
is enough (the rule of Vixie cron). Anything else is refused rather than guessed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

_MONTHS = {
    name: index
    for index, name in enumerate(
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"], 1
    )
}
_DAYS = {name: index for index, name in enumerate(["sun", "mon", "tue", "wed", "thu", "fri", "sat"])}
_SUNDAY_TOO = 7
_FIELDS = 5
_LONGEST_NUMBER = 9
_HORIZON_DAYS = 366 * 9
"""29 February can be eight years away, across a century year without a leap day."""


class CronError(ValueError):
    """The expression is not understood; the text says why."""


@dataclass(frozen=True, slots=True)
class Cron:
    """The moments an expression stands for."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either_day: bool

    def next_after(self, moment: datetime) -> datetime:
        """Return the first matching minute after `moment` (which must be in UTC).

        Raises:
            CronError: when no such minute comes, as with 30 February.
        """
        start = moment.replace(second=0, microsecond=0) + timedelta(minutes=1)
        for offset in range(_HORIZON_DAYS):
            day = start + timedelta(days=offset)
            if not self._matches_day(day):
                continue
            earliest = (day.hour, day.minute) if offset == 0 else (0, 0)
            for hour in sorted(self.hours):
                for minute in sorted(self.minutes):
                    if (hour, minute) >= earliest:
                        return day.replace(hour=hour, minute=minute)
        raise CronError("this moment never comes")

    def _matches_day(self, day: datetime) -> bool:
        if day.month not in self.months:
            return False
        by_date = day.day in self.days
        by_weekday = day.isoweekday() % _SUNDAY_TOO in self.weekdays
        return by_date or by_weekday if self.either_day else by_date and by_weekday


def parse(expression: str) -> Cron:
    """Read an expression.

    Raises:
        CronError: when it is not one of the documented forms.
    """
    fields = expression.split()
    if len(fields) != _FIELDS:
        raise CronError(f"a cron expression has five fields, this one has {len(fields)}")
    minute, hour, day, month, weekday = fields
    weekdays = _values(weekday, (0, _SUNDAY_TOO), _DAYS)
    return Cron(
        minutes=_values(minute, (0, 59), {}),
        hours=_values(hour, (0, 23), {}),
        days=_values(day, (1, 31), {}),
        months=_values(month, (1, 12), _MONTHS),
        weekdays=frozenset(value % _SUNDAY_TOO for value in weekdays),
        either_day=not day.startswith("*") and not weekday.startswith("*"),
    )


def _values(field: str, bounds: tuple[int, int], names: dict[str, int]) -> frozenset[int]:
    found: set[int] = set()
    for item in field.split(","):
        found.update(_range_of(item, bounds, names))
    return frozenset(found)


def _range_of(item: str, bounds: tuple[int, int], names: dict[str, int]) -> range:
    span, slash, step_text = item.partition("/")
    low, high = bounds
    if span != "*":
        first, dash, last = span.partition("-")
        low = _number(first, bounds, names)
        if dash:
            high = _number(last, bounds, names)
        elif slash:
            raise CronError(f"'{item}' needs a range or * before the step")
        else:
            high = low
    if low > high:
        raise CronError(f"the range '{span}' runs backwards")
    step = 1
    if slash:
        if not (_is_number(step_text) and int(step_text) > 0):
            raise CronError(f"the step in '{item}' is not a positive whole number")
        step = int(step_text)
    return range(low, high + 1, step)


def _is_number(text: str) -> bool:
    """Few enough digits, too: Python refuses to read thousands of them."""
    return text.isascii() and text.isdecimal() and len(text) <= _LONGEST_NUMBER


def _number(text: str, bounds: tuple[int, int], names: dict[str, int]) -> int:
    named = names.get(text.lower())
    if named is not None:
        return named
    low, high = bounds
    if not _is_number(text) or not low <= int(text) <= high:
        raise CronError(f"'{text}' is not a value from {low} to {high}")
    return int(text)
