"""The small answers of the service as models: stored workers, webhooks and their deliveries, schedules.

A member that is absent, null or of the wrong type is None: no answer fails here. Import this module only when
an answer is read: pydantic takes 10 MB.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator
from pydantic.alias_generators import to_camel

from handinger_tui.core.formatting import moment_of
from handinger_tui.core.jsontext import Json, JsonObject, as_list, as_text
from handinger_tui.core.safety import Secret
from handinger_tui.core.schedules import After, At, Cron, Every, Rule, Schedule, ScheduleList
from handinger_tui.core.stored_workers import StoredWorker
from handinger_tui.core.stream import time_ms
from handinger_tui.core.webhooks import Delivery, DeliveryPage, Webhook

_PUBLIC: Final = {"public": True, "private": False}
_OUTCOMES: Final = {"success": True, "error": False}


def _integer(value: Json, least: int, most: int) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        return None
    return int(value) if int(value) == value else None


def _objects(value: Json) -> list[Json]:
    return [entry for entry in as_list(value) if isinstance(entry, dict)]


Text = Annotated[str | None, PlainValidator(as_text)]
Name = Annotated[str | None, PlainValidator(lambda value: as_text(value) or None)]
"""A text that is not empty."""
Count = Annotated[int | None, PlainValidator(lambda value: _integer(value, 0, 10**12))]
Seconds = Annotated[int | None, PlainValidator(lambda value: _integer(value, 1, 10**9))]
"""Not more than can be added to a date."""
Moment = Annotated[datetime | None, PlainValidator(lambda value: moment_of(as_text(value)))]
TimeMs = Annotated[int | None, PlainValidator(time_ms)]
Object = Annotated[
    dict[str, Any] | None, PlainValidator(lambda value: value if isinstance(value, dict) else None)
]


def _word(words: dict[str, bool]) -> PlainValidator:
    return PlainValidator(lambda value: words.get(as_text(value) or ""))


class ServiceAnswer(BaseModel):
    """A JSON object of the service."""

    model_config = ConfigDict(alias_generator=to_camel, frozen=True)


class StoredWorkerAnswer(ServiceAnswer):
    title: Name = None
    summary: Text = None
    text: Text = Field(None, alias="instructions")
    schema_: Object = Field(None, alias="outputSchema")
    is_public: Annotated[bool | None, _word(_PUBLIC)] = Field(None, alias="visibility")
    url: Text = None
    created_ms: TimeMs = Field(None, validation_alias=AliasChoices("createdAt", "created_at"))
    updated_ms: TimeMs = Field(None, alias="updatedAt")


def stored_worker_in(members: JsonObject, worker_id: str, now_ms: int) -> StoredWorker:
    """The stored worker in an answer that was read at `now_ms`."""
    values = dict(StoredWorkerAnswer.model_validate(members))
    read_ms = None if values["text"] is None else now_ms
    return StoredWorker(worker_id, schema=values.pop("schema_"), read_ms=read_ms, **values)


class WebhookAnswer(ServiceAnswer):
    """A webhook; without one, `url` is null."""

    url: Name = None
    token: Name = None


def webhook_in(members: JsonObject) -> Webhook:
    answer = WebhookAnswer.model_validate(members)
    return Webhook(answer.url, Secret(answer.token) if answer.token else None)


class DeliveryAnswer(ServiceAnswer):
    """A delivery of a webhook."""

    delivery_id: Text = Field(None, alias="id")
    moment: Moment = Field(None, alias="createdAt")
    is_delivered: Annotated[bool | None, _word(_OUTCOMES)] = Field(None, alias="requestStatus")
    http_status: Count = Field(None, alias="responseStatus")
    duration_ms: Count = None
    reason: Text = Field(None, alias="errorMessage")
    task_id: Text = None
    task_title: Text = None
    url: Text = None


class DeliveryPageAnswer(ServiceAnswer):
    """A page of deliveries."""

    logs: Annotated[list[DeliveryAnswer], BeforeValidator(_objects)] = []
    page: Count = None
    page_count: Count = None
    total_count: Count = None


def delivery_page_in(members: JsonObject, page: int) -> DeliveryPage:
    """The page of deliveries in an answer; `page`: the one that was asked for."""
    answer = DeliveryPageAnswer.model_validate(members)
    deliveries = tuple(Delivery(**dict(log)) for log in answer.logs)
    return DeliveryPage(deliveries, answer.page or page, answer.page_count, answer.total_count)


class ScheduleAnswer(ServiceAnswer):
    id: Name = None
    input: Text = None
    budget: Text = None
    type: Text = None
    cron: Text = None
    interval_seconds: Seconds = None
    delay_in_seconds: Seconds = None
    next_run_at: Moment = None

    def schedule(self) -> Schedule:
        """The `Schedule` with these members."""
        return Schedule(self.id, self.input or "", self.budget, self.type, self._rule(), self.next_run_at)

    def _rule(self) -> Rule | None:
        match self.type:
            case "cron" if self.cron is not None:
                return Cron(self.cron)
            case "interval" if self.interval_seconds is not None:
                return Every(self.interval_seconds)
            case "delayed" if self.delay_in_seconds is not None:
                return After(self.delay_in_seconds)
            case "scheduled" if self.next_run_at is not None:
                return At(self.next_run_at)
        return None


class ScheduleListAnswer(ServiceAnswer):
    """The schedules of a worker."""

    schedules: Annotated[list[ScheduleAnswer], BeforeValidator(_objects)] = []
    timezone: Text = None


def schedule_in(members: JsonObject) -> Schedule:
    return ScheduleAnswer.model_validate(members).schedule()


def schedule_list_in(members: JsonObject) -> ScheduleList:
    answer = ScheduleListAnswer.model_validate(members)
    schedules = tuple(one.schedule() for one in answer.schedules)
    return ScheduleList(schedules, answer.timezone, zone_named(answer.timezone))


def zone_named(name: str | None) -> ZoneInfo | None:
    """The time zone with a name; None if this machine does not have it."""
    try:
        return ZoneInfo(name) if name else None
    except (LookupError, ValueError, OSError):
        return None
