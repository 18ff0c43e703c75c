"""Cron expressions of schedules: the next run, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from handinger_tui.local import formats
from handinger_tui.local.triggers import CronTime, ScheduleBody, StoredSchedule, schedule_of

if TYPE_CHECKING:
    import httpx

START = datetime(2026, 2, 27, 23, 58, 30, 5, tzinfo=UTC)


@pytest.fixture
def at_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "now", lambda: START)


def scheduled(expression: str) -> StoredSchedule:
    return schedule_of(ScheduleBody("echo x", CronTime(expression)))


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("* * * * *", "2026-02-27T23:59"),
        ("0 0 * * *", "2026-02-28T00:00"),
        ("30 6 1 * *", "2026-03-01T06:30"),
        ("0 9 * * 1-5", "2026-03-02T09:00"),
        ("0 9 * * MON,wed", "2026-03-02T09:00"),
        ("0 0 29 2 *", "2028-02-29T00:00"),
        ("0 0 29 2 */7", "2032-02-29T00:00"),
        ("0 0 * * 7", "2026-03-01T00:00"),
        ("0 0 * * 5-7", "2026-02-28T00:00"),
        ("0 0 13 * fri", "2026-03-06T00:00"),
        ("*/20 22-23/1 * jan,dec *", "2026-12-01T22:00"),
        ("59 23 27 2 *", "2026-02-27T23:59"),
        ("58 23 27 2 *", "2027-02-27T23:58"),
    ],
)
@pytest.mark.usefixtures("at_start")
def test_next_runs(expression: str, expected: str) -> None:
    assert scheduled(expression).next_run == datetime.fromisoformat(f"{expected}:00+00:00")


@pytest.mark.usefixtures("at_start")
def test_runs_follow_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    schedule = scheduled("*/20 * * * *")
    monkeypatch.setattr(formats, "now", lambda: schedule.next_run)
    assert schedule.next_run.minute == 0
    assert schedule.advance()
    assert schedule.next_run.minute == 20


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "* * * *",
        "* * * * * *",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * * 13 *",
        "* * * * 8",
        "5-1 * * * *",
        "*/0 * * * *",
        "*/x * * * *",
        "1,,2 * * * *",
        "-1 * * * *",
        "¹ * * * *",
        "*- * * * *",
        "* * * mon *",
        "9" * 5000 + " * * * *",
        "*/" + "9" * 5000 + " * * * *",
        "0 0 31 4 *",
        "0 0 30 2 *",
    ],
)
def test_invalid_expressions_are_refused(client: httpx.Client, expression: str) -> None:
    path = client.post("/api/workers", json={"input": "echo x"}).headers["location"]
    when = {"type": "cron", "cron": expression}
    answer = client.post(f"{path}/schedules", json={"input": "x", "when": when})
    assert answer.status_code == 422
    assert client.get(f"{path}/schedules").json()["schedules"] == []
