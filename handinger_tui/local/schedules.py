"""Schedules: an instruction that starts a turn later, once or repeatedly."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from handinger_tui.local import ids
from handinger_tui.local.requests import RefusedError

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
    """The cron expression is not valid; the message is the reason."""


@dataclass(frozen=True, slots=True)
class Cron:
    """The times that a cron expression matches. `either_day`: date or weekday suffices, not both."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either_day: bool

    def next_after(self, moment: datetime) -> datetime:
        """Return the first matching minute after `moment`, which must be in UTC.

        Raises:
            CronError: there is no such minute, as with 30 February.
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
    """Parse a cron expression of five fields.

    Raises:
        CronError: the expression is not one of the documented forms.
    """
    fields = expression.split()
    if len(fields) != _FIELDS:
        raise CronError(f"a cron expression has five fields, this one has {len(fields)}")
    minute, hour, day, month, weekday = fields
    weekdays = _parse_field(weekday, (0, _SUNDAY_TOO), _DAYS)
    return Cron(
        minutes=_parse_field(minute, (0, 59), {}),
        hours=_parse_field(hour, (0, 23), {}),
        days=_parse_field(day, (1, 31), {}),
        months=_parse_field(month, (1, 12), _MONTHS),
        weekdays=frozenset(value % _SUNDAY_TOO for value in weekdays),
        either_day=not day.startswith("*") and not weekday.startswith("*"),
    )


def _parse_field(field: str, bounds: tuple[int, int], names: dict[str, int]) -> frozenset[int]:
    values: set[int] = set()
    for item in field.split(","):
        values.update(_parse_range(item, bounds, names))
    return frozenset(values)


def _parse_range(item: str, bounds: tuple[int, int], names: dict[str, int]) -> range:
    span, slash, step_text = item.partition("/")
    low, high = bounds
    if span != "*":
        first, dash, last = span.partition("-")
        low = _parse_value(first, bounds, names)
        if dash:
            high = _parse_value(last, bounds, names)
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
    """Return whether a text has 1 to 9 digits only: Python refuses to parse thousands of digits."""
    return text.isascii() and text.isdecimal() and len(text) <= _LONGEST_NUMBER


def _parse_value(text: str, bounds: tuple[int, int], names: dict[str, int]) -> int:
    value = names.get(text.lower())
    if value is not None:
        return value
    low, high = bounds
    if not _is_number(text) or not low <= int(text) <= high:
        raise CronError(f"'{text}' is not a value from {low} to {high}")
    return int(text)


LONGEST_SECONDS = 31_536_000
"""One year, the published maximum of delays and intervals."""


@dataclass(slots=True)
class Schedule:
    """One pending schedule.

    `following` returns the run after a given one; it is None for a schedule that runs once.
    `own_members` are the members that only this type has, as returned to the client.
    """

    type: str
    input: str
    budget: str
    next_run: datetime
    following: Callable[[datetime], datetime] | None
    own_members: dict[str, object]
    id: str = field(default_factory=lambda: ids.new_id("sch_"))

    def as_members(self) -> dict[str, object]:
        """Return the `WorkerSchedule` object."""
        return {
            "id": self.id,
            "budget": self.budget,
            **self.own_members,
            "input": self.input,
            "nextRunAt": ids.iso(self.next_run),
            "type": self.type,
        }


def from_when(when: object, text: str, budget: str, now: datetime) -> Schedule:
    """Create a schedule from the `when` member of a request.

    Raises:
        RefusedError: 422 with the reason if `when` is not one of the four published forms.
    """
    if not isinstance(when, Mapping):
        raise RefusedError(422, "when must be an object with a type.")
    kind = when.get("type")
    make = _MAKERS.get(kind) if isinstance(kind, str) else None
    if make is None:
        raise RefusedError(422, f"when.type must be one of {', '.join(_MAKERS)}.")
    next_run, following, own_members = make(when, now)
    return Schedule(str(kind), text, budget, next_run, following, own_members)


_ScheduleParts = tuple[datetime, Callable[[datetime], datetime] | None, dict[str, object]]


def _make_scheduled(when: Mapping[str, object], now: datetime) -> _ScheduleParts:
    try:
        date = datetime.fromisoformat(str(when.get("date")))
        if date.tzinfo is None:
            raise RefusedError(422, "when.date must name its offset from UTC, such as a closing Z.")
        date = date.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise RefusedError(422, "when.date must be an ISO 8601 date and time.") from error
    if date <= now:
        raise RefusedError(422, "when.date lies in the past.")
    return date, None, {}


def _make_delayed(when: Mapping[str, object], now: datetime) -> _ScheduleParts:
    seconds = _parse_seconds(when, "delayInSeconds")
    return now + timedelta(seconds=seconds), None, {"delayInSeconds": seconds}


def _make_interval(when: Mapping[str, object], now: datetime) -> _ScheduleParts:
    seconds = _parse_seconds(when, "intervalSeconds")
    step = timedelta(seconds=seconds)
    return now + step, lambda moment: moment + step, {"intervalSeconds": seconds}


def _make_cron(when: Mapping[str, object], now: datetime) -> _ScheduleParts:
    expression = when.get("cron")
    if not isinstance(expression, str):
        raise RefusedError(422, "when.cron must be a string of five fields.")
    try:
        cron = parse(expression)
        return cron.next_after(now), cron.next_after, {"cron": expression}
    except CronError as error:
        raise RefusedError(422, f"when.cron is not understood: {error}.") from error


def _parse_seconds(when: Mapping[str, object], name: str) -> int:
    value = when.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= LONGEST_SECONDS:
        raise RefusedError(422, f"when.{name} must be a whole number from 1 to {LONGEST_SECONDS}.")
    return value


_MAKERS: dict[str, Callable[[Mapping[str, object], datetime], _ScheduleParts]] = {
    "scheduled": _make_scheduled,
    "delayed": _make_delayed,
    "cron": _make_cron,
    "interval": _make_interval,
}


def next_after_now(schedule: Schedule) -> datetime | None:
    """Return the next run in the future, skipping missed runs; None if the schedule runs once."""
    if schedule.following is None:
        return None
    moment, now = schedule.next_run, ids.now()
    while moment <= now:
        moment = schedule.following(moment)
    return moment
