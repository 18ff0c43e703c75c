"""Schedules of workers: the requests, and the models of their bodies.

They are apart from the client since pydantic takes 10 MB.

Responses are not trusted: a member that is absent, null or of the wrong type is None,
and unknown members are kept. Worker objects are read by `core.stream.worker_snapshot`,
so that stored and live ones go through the same code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from handinger_tui.api import errors
from handinger_tui.api.client import JSON, SMALL_BODY, WorkerClient
from handinger_tui.api.endpoint import segment
from handinger_tui.api.response import parsed_answer
from handinger_tui.core.safety import encodable

if TYPE_CHECKING:
    import httpx

MAX_SECONDS = 31_536_000
"""Longest delay and interval of a schedule: one year."""


def _encodable(text: object) -> object:
    return encodable(text) if isinstance(text, str) else text


Text = Annotated[str, BeforeValidator(_encodable)]


# -- requests ------------------------------------------------------------------------
class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    def body(self) -> bytes:
        """Compact JSON, with members in order and without unset ones."""
        return self.model_dump_json(exclude_none=True).encode()


class At(_Request):
    """Once, at a time (ISO 8601)."""

    type: Literal["scheduled"] = "scheduled"
    date: str


class After(_Request):
    """Once, after a delay in seconds."""

    type: Literal["delayed"] = "delayed"
    delay_seconds: int = Field(serialization_alias="delayInSeconds", ge=1, le=MAX_SECONDS)


class Cron(_Request):
    """At the times of a cron expression."""

    type: Literal["cron"] = "cron"
    cron: str


class Every(_Request):
    """Repeatedly, at an interval in seconds."""

    type: Literal["interval"] = "interval"
    interval_seconds: int = Field(serialization_alias="intervalSeconds", ge=1, le=MAX_SECONDS)


class NewSchedule(_Request):
    """A new schedule: a turn that the service starts by itself."""

    input: Text
    when: At | After | Cron | Every = Field(discriminator="type")
    budget: str | None = None

    def body(self) -> bytes:
        """Compact JSON with the wire's member names."""
        return self.model_dump_json(exclude_none=True, by_alias=True).encode()


# -- responses -------------------------------------------------------------------------
_T = TypeVar("_T")
_A = TypeVar("_A", bound=BaseModel)


def _or_none(value: Any, validate: ValidatorFunctionWrapHandler) -> Any:
    try:
        return validate(value)
    except ValidationError:
        return None


Lenient = Annotated[_T | None, WrapValidator(_or_none)]
"""A value that becomes None when it cannot be read."""


class _Answer(BaseModel):
    model_config = ConfigDict(extra="allow", frozen=True)


class Schedule(_Answer):
    """A schedule as the service returns it: times as unchanged text, seconds as numbers."""

    id: Lenient[str] = None
    input: Lenient[str] = None
    budget: Lenient[str] = None
    type: Lenient[str] = None
    next_run_at: Lenient[str] = Field(None, alias="nextRunAt")
    delay_seconds: Lenient[int] = Field(None, alias="delayInSeconds")
    interval_seconds: Lenient[int] = Field(None, alias="intervalSeconds")
    cron: Lenient[str] = None


def _objects(value: Any) -> Any:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


class ScheduleList(_Answer):
    """All schedules of one worker; list items that are not objects are dropped."""

    schedules: Annotated[list[Schedule], BeforeValidator(_objects)] = []


class Cancelled(_Answer):
    """Whether a schedule was canceled; None when the service does not say."""

    cancelled: Lenient[bool] = None


# -- the requests ------------------------------------------------------------------------
class ScheduleClient:
    """Lists, adds and cancels schedules over the connection of a client."""

    def __init__(self, client: WorkerClient) -> None:
        self._client = client

    async def schedules(self, worker_id: str) -> list[Schedule]:
        """All schedules of a worker. Raises ApiError."""
        async with self._client.connection.get(self._url(worker_id), JSON) as response:
            return (await self._answer(response, ScheduleList)).schedules

    async def add(self, worker_id: str, schedule: NewSchedule, request_id: str) -> Schedule:
        """POST a schedule; like a turn, it is sent only once. `request_id` is its Idempotency-Key.

        Raises:
            ApiError
        """
        headers = {"Accept": JSON, "Content-Type": JSON, "Idempotency-Key": request_id}
        sending = self._client.connection.send("POST", self._url(worker_id), headers, schedule.body())
        async with sending as response:
            return await self._answer(response, Schedule)

    async def cancel(self, worker_id: str, schedule_id: str) -> bool | None:
        """DELETE a schedule. Returns whether it was canceled; None when the service does not say.

        Raises:
            ApiError
        """
        url = f"{self._url(worker_id)}/{segment(schedule_id, 'schedule id')}"
        async with self._client.connection.send("DELETE", url, {"Accept": JSON}) as response:
            if response.status_code == 204:
                return None
            return (await self._answer(response, Cancelled)).cancelled

    def _url(self, worker_id: str) -> str:
        return f"{self._client.worker_url(worker_id)}/schedules"

    async def _answer(self, response: httpx.Response, model: type[_A]) -> _A:
        text = await self._client.json_text(response, SMALL_BODY)
        value = parsed_answer(text, response.status_code)
        try:
            return model.model_validate(value)
        except ValidationError:
            raise errors.undecodable("The answer") from None
