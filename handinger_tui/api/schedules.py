"""Request and response bodies of schedules and of the e-mail address.

Responses are not trusted: a member that is absent, null or of the wrong type is None,
and unknown members are kept. Worker objects are read by `core.stream.worker_snapshot`,
so that stored and live ones go through the same code.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from handinger_tui.api.request_body import encodable

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
    worker_id: Lenient[str] = Field(None, alias="workerId")
    timezone: Lenient[str] = None


class Cancelled(_Answer):
    """Whether a schedule was canceled; None when the service does not say."""

    cancelled: Lenient[bool] = None


class Email(_Answer):
    """The e-mail address of a worker, in its object form."""

    email: Lenient[str] = None
