"""Schedules: an instruction that starts a turn later, once or repeatedly."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from handinger_tui.local import formats
from handinger_tui.local.http import (
    RefusedError,
    RequestLimits,
    budget_member,
    parse_object,
    text_member,
)

if TYPE_CHECKING:
    from starlette.requests import Request

_CRON_FIELDS = 5
_LONGEST_CRON = 200
"""Characters; Python refuses to parse numbers of thousands of digits."""
LONGEST_SECONDS = 31_536_000
"""One year, the published maximum of delays and intervals."""


@dataclass(slots=True)
class StoredSchedule:
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
    id: str = field(default_factory=lambda: formats.new_id("sch_"))

    def as_members(self) -> dict[str, object]:
        """Return the `WorkerSchedule` object."""
        return {
            "id": self.id,
            "budget": self.budget,
            **self.own_members,
            "input": self.input,
            "nextRunAt": formats.iso(self.next_run),
            "type": self.type,
        }


async def parse_schedule(request: Request, limits: RequestLimits) -> StoredSchedule:
    """Read the body of a request that adds a schedule, the same in both generations.

    Raises:
        RefusedError: the body is no valid schedule.
    """
    members = await parse_object(request, limits)
    text, budget = text_member(members, limits), budget_member(members)
    return from_when(members.get("when"), text, budget, formats.now())


def from_when(when: object, text: str, budget: str, now: datetime) -> StoredSchedule:
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
    return StoredSchedule(str(kind), text, budget, next_run, following, own_members)


_ScheduleParts = tuple[datetime, Callable[[datetime], datetime] | None, dict[str, object]]


def _make_scheduled(when: Mapping[str, object], now: datetime) -> _ScheduleParts:
    try:
        date = datetime.fromisoformat(str(when.get("date")).upper())
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
    from cronsim import CronSim, CronSimError  # few workers have schedules

    expression = when.get("cron")
    if not isinstance(expression, str) or len(expression) > _LONGEST_CRON:
        raise RefusedError(422, "when.cron must be a string of five fields.")
    if len(expression.split()) != _CRON_FIELDS:
        raise RefusedError(422, f"when.cron must have five fields, it has {len(expression.split())}.")

    def following(moment: datetime) -> datetime:
        run: datetime = next(CronSim(expression, moment))
        return run

    try:
        return following(now), following, {"cron": expression}
    except CronSimError as error:
        raise RefusedError(422, f"when.cron is not understood: {error}.") from error
    except StopIteration:
        raise RefusedError(422, "when.cron names a time that never comes.") from None


def _parse_seconds(when: Mapping[str, object], name: str) -> int:
    value = when.get(name)
    # In JSON 60.0 is a whole number, too.
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= LONGEST_SECONDS:
        raise RefusedError(422, f"when.{name} must be a whole number from 1 to {LONGEST_SECONDS}.")
    return value


_MAKERS: dict[str, Callable[[Mapping[str, object], datetime], _ScheduleParts]] = {
    "scheduled": _make_scheduled,
    "delayed": _make_delayed,
    "cron": _make_cron,
    "interval": _make_interval,
}


def next_after_now(schedule: StoredSchedule) -> datetime | None:
    """Return the next run in the future, skipping missed runs; None if the schedule runs once."""
    if schedule.following is None:
        return None
    moment, now = schedule.next_run, formats.now()
    while moment <= now:
        moment = schedule.following(moment)
    return moment
