"""Schedules, which start turns later, and webhooks, which are notified of each turn of a task that has ended.

The published rule of webhooks is an https address anywhere. The local worker sends to no other computer: it
delivers to this one only (`localhost` and loopback addresses, http or https, without proxies and without
following redirects) and records every other delivery as failed, with the reason.

Decisions where the published API description is silent:

- The body is `{"task", "turn"}`, in the forms of GET /api/tasks/{id} and of its turns.
- A delivery is made once, for each turn that ended on its own, completed or failed.
- A new token without an address: 409.
"""

from __future__ import annotations

import asyncio
import ipaddress
import secrets
import time
from collections import deque
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Annotated, Any, TypeAlias
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta, Struct

from handinger_tui.local import formats
from handinger_tui.local.http import Budget, RefusedError, Text

# -- schedules ---------------------------------------------------------------------------------
Seconds: TypeAlias = Annotated[int, Meta(ge=1, le=31_536_000)]
"""The published maximum of delays and intervals is one year."""


class Scheduled(Struct, frozen=True, tag_field="type", tag="scheduled"):
    """Once, at that time."""

    date: Annotated[datetime, Meta(tz=True)]


class Delayed(Struct, frozen=True, tag_field="type", tag="delayed", rename="camel"):
    """Once, after that time."""

    delay_in_seconds: Seconds


class CronTime(Struct, frozen=True, tag_field="type", tag="cron"):
    """By a cron expression of five fields, in UTC."""

    cron: Annotated[str, Meta(max_length=200, pattern=r"^\s*\S+(\s+\S+){4}\s*$")]


class Interval(Struct, frozen=True, tag_field="type", tag="interval", rename="camel"):
    """Again and again, that long after each other."""

    interval_seconds: Seconds


When: TypeAlias = Scheduled | Delayed | CronTime | Interval


class ScheduleBody(Struct, frozen=True):
    """The body of a request that adds a schedule."""

    input: Text
    when: When
    budget: Budget = "standard"


@dataclass(slots=True)
class StoredSchedule:
    body: ScheduleBody
    next_run: datetime
    id: str = field(default_factory=lambda: formats.new_id("sch_"))

    def as_members(self) -> dict[str, Any]:
        """Return the `WorkerSchedule` object."""
        when: dict[str, Any] = msgspec.to_builtins(self.body.when)
        when.pop("date", None)
        return {
            "id": self.id,
            "budget": self.body.budget,
            "input": self.body.input,
            "nextRunAt": formats.iso(self.next_run),
            **when,
        }

    def advance(self) -> bool:
        """Move to the next run in the future, past missed ones; return whether there is one."""
        if isinstance(self.body.when, Scheduled | Delayed):
            return False
        now = formats.now()
        while self.next_run <= now:
            self.next_run = _run_after(self.body.when, self.next_run)
        return True


def schedule_of(body: ScheduleBody) -> StoredSchedule:
    """Return a new schedule. Raises RefusedError: 422 for a time that is past or never comes."""
    now = formats.now()
    try:
        next_run = _run_after(body.when, now)
    except (ValueError, OverflowError) as error:
        raise RefusedError(422, f"when names no time: {error}.") from error
    if next_run <= now:
        raise RefusedError(422, "when.date is in the past.")
    return StoredSchedule(body, next_run)


def _run_after(when: When, moment: datetime) -> datetime:
    """Return the first run after a moment. Raises ValueError, OverflowError: there is none."""
    if isinstance(when, Scheduled):
        return when.date.astimezone(UTC)
    if isinstance(when, CronTime):
        from cronsim import CronSim, CronSimError  # few workers have schedules

        try:
            run: datetime = next(CronSim(when.cron, moment))
        except (CronSimError, StopIteration) as error:
            raise ValueError(str(error) or "it never comes") from error
        return run
    seconds = when.delay_in_seconds if isinstance(when, Delayed) else when.interval_seconds
    return moment + timedelta(seconds=seconds)


# -- webhooks ----------------------------------------------------------------------------------
PAGE_SIZE = 50
DELIVERY_SECONDS = 10.0
_MOST_EXECUTIONS = 1000
_LONGEST_PAGE = 100
"""Digits; Python refuses to parse numbers of thousands of digits."""
_NOT_HERE = "The local worker delivers to this computer only (localhost, 127.0.0.1, [::1]); nothing was sent."


class WebhookBody(Struct, frozen=True):
    """The body of a request that sets an address; null removes it."""

    url: Annotated[str, Meta(max_length=2048, pattern=r"^https?://[!-~]+$")] | None


@dataclass(slots=True)
class LocalWebhook:
    """The webhook of one stored worker: address and token, both None without one, and its deliveries."""

    url: str | None = None
    token: str | None = None
    executions: deque[dict[str, object]] = field(default_factory=lambda: deque(maxlen=_MOST_EXECUTIONS))
    """The `WebhookExecution` objects, newest first."""
    _line: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Deliveries are made one after another."""

    def set(self, url: str | None) -> None:
        """Set the address, whose first one makes a token; None removes both.

        Raises:
            RefusedError: 422 if it is neither an https address nor one of this computer.
        """
        if url is not None:
            try:
                parts = urlsplit(url)
                is_valid = bool(parts.hostname) and parts.port != 0
            except ValueError as error:
                raise RefusedError(422, "url is not a valid address.") from error
            if not is_valid or not (parts.scheme == "https" or _is_here(parts.hostname)):
                raise RefusedError(422, "url must start with https:// (http:// only for this computer).")
        self.url = url
        self.token = None if url is None else self.token or _new_token()

    def renew_token(self) -> None:
        """Replace the token. Raises RefusedError: 409 without an address."""
        if self.url is None:
            raise RefusedError(409, "This worker has no webhook. Set its url first.")
        self.token = _new_token()

    def as_members(self) -> dict[str, object]:
        """Return the `Webhook` object."""
        return {"token": self.token, "url": self.url}

    def page(self, text: str) -> dict[str, object]:
        """Return one page of the deliveries, counted from 1. Raises RefusedError: 422 for no such number."""
        if not (text.isascii() and text.isdigit()) or len(text) > _LONGEST_PAGE or int(text) < 1:
            raise RefusedError(422, "page must be a whole number from 1.")
        number, count = int(text), len(self.executions)
        logs = list(self.executions)[(number - 1) * PAGE_SIZE : number * PAGE_SIZE]
        return {"logs": logs, "page": number, "pageCount": -(-count // PAGE_SIZE), "totalCount": count}

    async def deliver(self, task: Mapping[str, object], turn: Mapping[str, object], seconds: float) -> None:
        """Send the end of a turn to the address, if there is one, and record the delivery.

        `seconds`: the longest time for it.
        """
        url, token = self.url, self.token
        if url is None or token is None:
            return
        created_at = formats.iso(formats.now())
        async with self._line:
            started = time.monotonic()
            status, error = await _post(url, token, formats.dumps({"task": task, "turn": turn}), seconds)
        self.executions.appendleft(
            {
                "id": formats.new_id("whe_"),
                "createdAt": created_at,
                "durationMs": int((time.monotonic() - started) * 1000),
                "errorMessage": error,
                "requestStatus": "success" if error is None else "error",
                "responseStatus": status,
                "taskId": task["id"],
                "taskTitle": task["title"],
                "url": url,
                "workerId": task["workerId"],
            }
        )


def _new_token() -> str:
    return f"whk_{secrets.token_hex(13)}"


def _is_here(host: str | None) -> bool:
    """Return whether a host is this computer, without looking up names."""
    try:
        return host == "localhost" or ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


async def _post(url: str, token: str, body: str, seconds: float) -> tuple[int | None, str | None]:
    """Return the status of the response and the reason of a failed delivery; each is None without one."""
    parts = urlsplit(url)
    if not _is_here(parts.hostname):
        return None, _NOT_HERE
    headers = {"Content-Type": "application/json", "X-Handinger-Token": token}
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection

    def send() -> int:
        # It follows no redirect and knows no proxy.
        with closing(kind(parts.hostname or "", parts.port, timeout=seconds)) as connection:
            connection.request("POST", target, body.encode(), headers)
            return connection.getresponse().status

    try:
        async with asyncio.timeout(seconds):
            status = await asyncio.to_thread(send)
    except TimeoutError:
        return None, f"No response within {seconds:g} seconds."
    except (OSError, HTTPException) as error:
        return None, f"The delivery failed: {str(error) or type(error).__name__}."
    return status, None if 200 <= status < 300 else f"The receiver responded with status {status}."
