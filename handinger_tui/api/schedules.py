"""Schedules of workers: the requests, their bodies, and how an addition in doubt is settled.

Import this module only when schedules are needed: pydantic takes 10 MB.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Final

from handinger_tui.api import errors
from handinger_tui.api.answers import schedule_in, schedule_list_in
from handinger_tui.api.client import JSON, WorkerClient
from handinger_tui.api.transport import segment
from handinger_tui.core.errors import ApiError, Refused, Unreachable
from handinger_tui.core.jsontext import JsonObject, as_list, text_at
from handinger_tui.core.safety import encodable
from handinger_tui.core.schedules import (
    Added,
    After,
    At,
    Cron,
    Every,
    NewSchedule,
    Rule,
    Schedule,
    ScheduleList,
    is_same_time,
)

READ_DELAYS_S: Final = (0.0, 1.0, 3.0)
"""Delays before each reading of the list that settles an addition in doubt."""


class ScheduleClient:
    """Lists, adds and cancels schedules."""

    def __init__(
        self,
        client: WorkerClient,
        new_key: Callable[[], str],
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`new_key` makes an Idempotency-Key; `pause` waits between two readings of the list."""
        self._client, self._new_key, self._pause = client, new_key, pause

    async def schedules(self, worker_id: str) -> ScheduleList:
        """All schedules of a worker. Raises ApiError, also when it is not a list: schedules cost money."""
        members = await self._client.get_object(self._url(worker_id))
        listed = members.get("schedules")
        if listed is not None and not isinstance(listed, list):
            raise errors.undecodable("The list of schedules")
        return schedule_list_in(members)

    async def add(
        self, worker_id: str, schedule: NewSchedule, departed: Callable[[], None] = lambda: None
    ) -> Added:
        """POST a schedule once; if the answer leaves it in doubt, look for the schedule in the list.

        `departed()`: see `WorkerClient.start_turn`.

        Raises:
            Refused, Unreachable: it was not added.
            ApiError: `errors.schedule_in_doubt`; or the list could not be read before, and nothing was sent.
        """
        before = {one.schedule_id for one in (await self.schedules(worker_id)).schedules}
        headers = {"Accept": JSON, "Content-Type": JSON, "Idempotency-Key": self._new_key()}
        sending = self._client.transport.send(
            "POST", self._url(worker_id), headers, schedule_body(schedule), departed=departed
        )
        try:
            async with sending as response:
                added = schedule_in(await self._client.json_object(response))
            if added.schedule_id is None:
                raise errors.undecodable("The schedule")
        except (Refused, Unreachable):
            raise
        except ApiError as problem:
            return Added(await self._find_added(worker_id, schedule, before, problem), from_list=True)
        return Added(added)

    async def _find_added(
        self, worker_id: str, schedule: NewSchedule, before: set[str | None], problem: ApiError
    ) -> Schedule:
        """The added schedule in the list: its id is not in `before`. Raises ApiError: in doubt."""
        is_listed = False
        for pause in READ_DELAYS_S:
            await self._pause(pause)
            try:
                now = (await self.schedules(worker_id)).schedules
            except ApiError:
                continue
            is_listed = True
            for one in now:
                if one.schedule_id not in before and _is_same(one, schedule):
                    return one
        raise errors.schedule_in_doubt(problem, is_listed=is_listed) from None

    async def cancel(self, worker_id: str, schedule_id: str) -> bool | None:
        """DELETE a schedule. Returns whether it was canceled, None if the service does not say.

        Raises:
            ApiError
        """
        url = f"{self._url(worker_id)}/{segment(schedule_id, 'schedule id')}"
        try:
            return await self._client.delete(url, "cancelled")
        except (Refused, Unreachable):
            raise
        except ApiError as problem:
            if await self._is_removed(worker_id, schedule_id):
                return True
            raise errors.in_doubt(problem, errors.CANCEL_IN_DOUBT) from None

    async def _is_removed(self, worker_id: str, schedule_id: str) -> bool:
        """Whether the list of schedules can be read with all ids, and does not contain the schedule."""
        try:
            listed = (await self._client.get_object(self._url(worker_id))).get("schedules")
        except ApiError:
            return False
        ids = [text_at(entry, "id") for entry in as_list(listed)]
        return isinstance(listed, list) and None not in ids and schedule_id not in ids

    def _url(self, worker_id: str) -> str:
        return f"{self._client.worker_url(worker_id)}/schedules"


# -- bodies --------------------------------------------------------------------------------
def schedule_body(schedule: NewSchedule) -> bytes:
    """The body that adds a schedule: compact JSON, with times in UTC."""
    members = {
        "input": encodable(schedule.instruction),
        "when": _when(schedule.rule),
        "budget": schedule.budget,
    }
    return json.dumps(members, ensure_ascii=False, separators=(",", ":")).encode()


def _when(rule: Rule) -> JsonObject:
    match rule:
        case At(moment):
            return {"type": "scheduled", "date": utc_seconds_text(moment)}
        case After(seconds):
            return {"type": "delayed", "delayInSeconds": seconds}
        case Every(seconds):
            return {"type": "interval", "intervalSeconds": seconds}
        case Cron(expression):
            return {"type": "cron", "cron": expression}


def utc_seconds_text(moment: datetime) -> str:
    """A moment as "2026-12-01T08:00:00Z"."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _is_same(listed: Schedule, schedule: NewSchedule) -> bool:
    """Whether a listed schedule may be the one that was added: no member of it contradicts that."""
    is_same_rule = listed.rule in (None, schedule.rule)
    if isinstance(schedule.rule, At) and isinstance(listed.rule, At):
        is_same_rule = is_same_time(listed.rule.moment, schedule.rule.moment)
    return (
        listed.instruction in ("", encodable(schedule.instruction))
        and listed.budget in (None, schedule.budget)
        and is_same_rule
    )
