"""No member of a small answer, of whatever type, makes it fail."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from handinger_tui.api import answers
from handinger_tui.core.schedules import Schedule, ScheduleList
from handinger_tui.core.stored_workers import StoredWorker
from handinger_tui.core.webhooks import DeliveryPage, Webhook

if TYPE_CHECKING:
    from collections.abc import Callable

MODELS = (
    answers.StoredWorkerAnswer,
    answers.WebhookAnswer,
    answers.DeliveryAnswer,
    answers.DeliveryPageAnswer,
    answers.ScheduleAnswer,
    answers.ScheduleListAnswer,
)
NAMES = {
    str(field.alias or name)
    for model in MODELS
    for name, field in model.model_fields.items()
} | {"createdAt", "created_at"}  # fmt: skip
READERS: dict[str, tuple[Callable[[Any], object], object]] = {
    "stored worker": (lambda value: answers.stored_worker_in(value, "wrk_1", 7), StoredWorker("wrk_1")),
    "webhook": (answers.webhook_in, Webhook()),
    "deliveries": (lambda value: answers.delivery_page_in(value, 3), DeliveryPage(page=3)),
    "schedule": (answers.schedule_in, Schedule(None, "", None, None, None, None)),
    "schedules": (answers.schedule_list_in, ScheduleList((), None, None)),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(
    "value", [None, True, -1, 1.5, 1e300, math.nan, math.inf, Decimal("NaN"), Decimal("1E+99999"), [7, [[]]]]
)
def test_a_member_of_another_type_is_unknown(reader: str, value: object) -> None:
    read, empty = READERS[reader]
    assert read(dict.fromkeys(NAMES, value)) == read({}) == empty


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(
    "value",
    ["\ud800", "\x00\x1b[31m", "9" * 5000, [{}, {"id": []}], {"a": {"\udfff": [1]}}, 10**400],
)
def test_odd_values_are_read(reader: str, value: object) -> None:
    read, _ = READERS[reader]
    assert type(read(dict.fromkeys(NAMES, value))) is type(read({}))
