"""Bodies of requests and of small answers (facts sheet, sections 3, 6 and 7).

Answers are read with nothing taken on trust: a member that is absent, null or
of the wrong type is None, a new one is kept. Worker objects are read by
`core.snapshot`, so that stored and live ones go through the same pure code.
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

from handinger_tui.api.requests import encodable

MAX_SECONDS = 31_536_000
"""Longest delay and interval of a schedule: one year."""


def _encodable(text: object) -> object:
    return encodable(text) if isinstance(text, str) else text


Words = Annotated[str, BeforeValidator(_encodable)]


# -- requests ------------------------------------------------------------------------
class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    def body(self) -> bytes:
        """Compact JSON, members in their order, unset ones left out."""
        return self.model_dump_json(exclude_none=True).encode()


class At(_Request):
    """Once, at a time (ISO 8601)."""

    type: Literal["scheduled"] = "scheduled"
    date: str


class After(_Request):
    """Once, after some seconds."""

    type: Literal["delayed"] = "delayed"
    delay_seconds: int = Field(serialization_alias="delayInSeconds", ge=1, le=MAX_SECONDS)


class Cron(_Request):
    """Whenever a cron line says."""

    type: Literal["cron"] = "cron"
    cron: str


class Every(_Request):
    """Again and again, every so many seconds."""

    type: Literal["interval"] = "interval"
    interval_seconds: int = Field(serialization_alias="intervalSeconds", ge=1, le=MAX_SECONDS)


class NewSchedule(_Request):
    """A turn that the service starts by itself."""

    input: Words
    when: At | After | Cron | Every = Field(discriminator="type")
    budget: str | None = None

    def body(self) -> bytes:
        """Compact JSON with the wire's member names."""
        return self.model_dump_json(exclude_none=True, by_alias=True).encode()


# -- answers ---------------------------------------------------------------------------
_T = TypeVar("_T")


def _or_none(value: Any, read: ValidatorFunctionWrapHandler) -> Any:
    try:
        return read(value)
    except ValidationError:
        return None


Lenient = Annotated[_T | None, WrapValidator(_or_none)]
"""None for what cannot be read."""


class _Answer(BaseModel):
    model_config = ConfigDict(extra="allow", frozen=True)


class Schedule(_Answer):
    """A schedule as the service tells it; times as they came, seconds as numbers."""

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
    """All schedules of one worker; what is no object in the list is left out."""

    schedules: Annotated[list[Schedule], BeforeValidator(_objects)] = []
    worker_id: Lenient[str] = Field(None, alias="workerId")
    timezone: Lenient[str] = None


class Cancelled(_Answer):
    """Whether a schedule was cancelled; None when the service does not say."""

    cancelled: Lenient[bool] = None


class Email(_Answer):
    """The address of a worker, where it comes as an object."""

    email: Lenient[str] = None
