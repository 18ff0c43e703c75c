"""Schedules, which start turns later, and webhooks, which are notified of each turn of a task that has ended.

The published rule of webhooks is an https address anywhere. The local worker sends to no other computer: it
delivers to this one only (`localhost` and loopback addresses, http or https, without proxies and without
following redirects) and records every other delivery as failed, with the reason. Names are not looked up.

Decisions where the published API description is silent:

- The body is `{"task", "turn"}`, in the forms of GET /api/tasks/{id} and of its turns.
- A delivery is made once, for each turn that ended on its own, completed or failed.
- A new token without an address: 409.
"""

from __future__ import annotations

import asyncio
import ipaddress
import secrets
import ssl
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

from handinger_tui.local import formats
from handinger_tui.local.http import RefusedError, RequestLimits, budget_member, parse_object, text_member

if TYPE_CHECKING:
    from starlette.requests import Request


# -- schedules ---------------------------------------------------------------------------------
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
        RefusedError: the body is not a valid schedule.
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
        raise RefusedError(422, "when.date is in the past.")
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


# -- webhooks ----------------------------------------------------------------------------------
PAGE_SIZE = 50
_LONGEST_URL = 2048
_MOST_EXECUTIONS = 1000
_LONGEST_PAGE = 100
"""Digits; Python refuses to parse numbers of thousands of digits."""
_PORTS = {"http": 80, "https": 443}
_LOCALHOST = "localhost"
_NOT_HERE = "The local worker delivers to this computer only (localhost, 127.0.0.1, [::1]); nothing was sent."


@dataclass(slots=True)
class LocalWebhook:
    """The webhook of one stored worker: address and token, both None without one, and its deliveries."""

    url: str | None = None
    token: str | None = None
    executions: deque[dict[str, object]] = field(default_factory=lambda: deque(maxlen=_MOST_EXECUTIONS))
    """The `WebhookExecution` objects, newest first."""

    def set(self, url: str | None) -> None:
        """Set the address, whose first one makes a token; None removes both."""
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

    def page(self, number: int) -> dict[str, object]:
        """Return one page of the deliveries, counted from 1."""
        first = (number - 1) * PAGE_SIZE
        return {
            "logs": list(self.executions)[first : first + PAGE_SIZE],
            "page": number,
            "pageCount": -(-len(self.executions) // PAGE_SIZE),
            "totalCount": len(self.executions),
        }

    async def deliver(self, task: Mapping[str, object], turn: Mapping[str, object], seconds: float) -> None:
        """Send the end of a turn to the address, if there is one, and record the delivery.

        `seconds`: the longest time for it.
        """
        url, token = self.url, self.token
        if url is None or token is None:
            return
        started, created_at = time.monotonic(), formats.iso(formats.now())
        body = formats.well_formed(formats.dumps({"task": task, "turn": turn})).encode()
        status, error = await _post(url, token, body, seconds)
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


def url_member(members: Mapping[str, object]) -> str | None:
    """Return the member `url` of a request.

    Raises:
        RefusedError: 422 if it is neither null nor an https address, or an http one of this computer.
    """
    if "url" not in members:
        raise RefusedError(422, "url is missing; null removes the webhook.")
    url = members["url"]
    if url is None:
        return None
    if not isinstance(url, str) or len(url) > _LONGEST_URL or not url.isascii() or not url.isprintable():
        raise RefusedError(422, f"url must be an address of at most {_LONGEST_URL:,} characters, or null.")
    parts = _parts_of(url)
    if parts is None or " " in url:
        raise RefusedError(422, "url is not a valid address.")
    if parts.scheme == "http" and _address_of(parts) is None:
        raise RefusedError(422, "url must start with https:// (http:// only for this computer).")
    return url


def page_of(text: str | None) -> int:
    """Return the page that a query asks for. Raises RefusedError: 422 if it is not a whole number from 1."""
    if text is None:
        return 1
    if not (text.isascii() and text.isdigit()) or len(text) > _LONGEST_PAGE or int(text) < 1:
        raise RefusedError(422, "page must be a whole number from 1.")
    return int(text)


def _new_token() -> str:
    return f"whk_{secrets.token_hex(13)}"


def _parts_of(url: str) -> SplitResult | None:
    """The parts of an address of http or https with a host and a valid port; None for any other text."""
    try:
        parts = urlsplit(url)
        valid = parts.scheme in _PORTS and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return None
    return parts if valid else None


def _address_of(parts: SplitResult) -> str | None:
    """The loopback address of a host; None if it is, or may be, another computer."""
    host = parts.hostname or ""
    if host == _LOCALHOST:
        return "127.0.0.1"
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    return str(address) if address.is_loopback else None


async def _post(url: str, token: str, body: bytes, seconds: float) -> tuple[int | None, str | None]:
    """Return the status of the response and the reason of a failed delivery; each is None without one."""
    parts = _parts_of(url)
    address = None if parts is None else _address_of(parts)
    if parts is None or address is None:
        return None, _NOT_HERE
    try:
        async with asyncio.timeout(seconds):
            status = await _exchange(parts, address, _head(parts, token, len(body)) + body)
    except TimeoutError:
        return None, f"No response within {seconds:g} seconds."
    except (OSError, ValueError) as error:
        return None, f"The delivery failed: {str(error) or type(error).__name__}."
    return status, None if 200 <= status < 300 else f"The receiver responded with status {status}."


def _head(parts: SplitResult, token: str, length: int) -> bytes:
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    lines = [
        f"POST {target} HTTP/1.1",
        f"Host: {parts.netloc.rpartition('@')[2]}",
        "User-Agent: handinger-tui-local",
        "Content-Type: application/json",
        f"Content-Length: {length}",
        f"X-Handinger-Token: {token}",
        "Connection: close",
    ]
    return "".join(f"{line}\r\n" for line in [*lines, ""]).encode("ascii")


async def _exchange(parts: SplitResult, address: str, request: bytes) -> int:
    """Send a request and return the status of its response.

    Raises:
        OSError, ValueError: no connection, or no HTTP response.
    """
    context = ssl.create_default_context() if parts.scheme == "https" else None
    reader, writer = await asyncio.open_connection(
        address,
        parts.port or _PORTS[parts.scheme],
        ssl=context,
        server_hostname=parts.hostname if context is not None else None,
    )
    try:
        writer.write(request)
        await writer.drain()
        line = (await reader.readline()).split()
        if len(line) < 2 or not line[0].startswith(b"HTTP/") or not line[1].isdigit():
            raise ValueError("the response is not HTTP")
        return int(line[1])
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
