"""Schedules: an instruction that starts a turn later, once or again and again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from handinger_tui.local import cron, ids, timing
from handinger_tui.local.refusals import RefusedError

LONGEST_SECONDS = 31_536_000
"""One year, the published bound of delays and intervals."""


@dataclass(slots=True)
class Schedule:
    """One pending schedule.

    `following` gives the run after a given one, or None for a schedule that runs once.
    `own_members` are the members that only this type has, as they go back to the client.
    """

    type: str
    input: str
    budget: str
    next_run: datetime
    following: Callable[[datetime], datetime] | None
    own_members: dict[str, object]
    id: str = field(default_factory=lambda: ids.fresh("sch_"))

    def as_members(self) -> dict[str, object]:
        """Return the `WorkerSchedule` object."""
        return {
            "id": self.id,
            "budget": self.budget,
            **self.own_members,
            "input": self.input,
            "nextRunAt": timing.iso(self.next_run),
            "type": self.type,
        }


def from_when(when: object, text: str, budget: str, now: datetime) -> Schedule:
    """Make a schedule from the `when` member of a request.

    Raises:
        RefusedError: 422 with the reason when `when` is not one of the four published forms.
    """
    if not isinstance(when, Mapping):
        raise RefusedError(422, "when must be an object with a type.")
    kind = when.get("type")
    make = _MAKERS.get(kind) if isinstance(kind, str) else None
    if make is None:
        raise RefusedError(422, f"when.type must be one of {', '.join(_MAKERS)}.")
    next_run, following, own = make(when, now)
    return Schedule(str(kind), text, budget, next_run, following, own)


_Made = tuple[datetime, Callable[[datetime], datetime] | None, dict[str, object]]


def _scheduled(when: Mapping[str, object], now: datetime) -> _Made:
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


def _delayed(when: Mapping[str, object], now: datetime) -> _Made:
    seconds = _seconds(when, "delayInSeconds")
    return now + timedelta(seconds=seconds), None, {"delayInSeconds": seconds}


def _interval(when: Mapping[str, object], now: datetime) -> _Made:
    seconds = _seconds(when, "intervalSeconds")
    step = timedelta(seconds=seconds)
    return now + step, lambda moment: moment + step, {"intervalSeconds": seconds}


def _cron(when: Mapping[str, object], now: datetime) -> _Made:
    expression = when.get("cron")
    if not isinstance(expression, str):
        raise RefusedError(422, "when.cron must be a string of five fields.")
    try:
        moments = cron.parse(expression)
        return moments.next_after(now), moments.next_after, {"cron": expression}
    except cron.CronError as error:
        raise RefusedError(422, f"when.cron is not understood: {error}.") from error


def _seconds(when: Mapping[str, object], name: str) -> int:
    value = when.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= LONGEST_SECONDS:
        raise RefusedError(422, f"when.{name} must be a whole number from 1 to {LONGEST_SECONDS}.")
    return value


_MAKERS: dict[str, Callable[[Mapping[str, object], datetime], _Made]] = {
    "scheduled": _scheduled,
    "delayed": _delayed,
    "cron": _cron,
    "interval": _interval,
}


def next_after_now(schedule: Schedule) -> datetime | None:
    """Return the run that follows the present one, skipping runs that were missed meanwhile."""
    if schedule.following is None:
        return None
    moment, present = schedule.next_run, timing.now()
    while moment <= present:
        moment = schedule.following(moment)
    return moment
