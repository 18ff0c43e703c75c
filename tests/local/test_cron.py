"""Cron expressions of schedules: the next run, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from handinger_tui.local.http import RefusedError
from handinger_tui.local.triggers import StoredSchedule, from_when

START = datetime(2026, 2, 27, 23, 58, 30, 5, tzinfo=UTC)


def scheduled(expression: str) -> StoredSchedule:
    return from_when({"type": "cron", "cron": expression}, "echo x", "low", START)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("* * * * *", "2026-02-27T23:59"),
        ("0 0 * * *", "2026-02-28T00:00"),
        ("30 6 1 * *", "2026-03-01T06:30"),
        ("0 9 * * 1-5", "2026-03-02T09:00"),
        ("0 9 * * MON,wed", "2026-03-02T09:00"),
        ("0 0 29 2 *", "2028-02-29T00:00"),
        ("0 0 * * 7", "2026-03-01T00:00"),
        ("0 0 * * 5-7", "2026-02-28T00:00"),
        ("0 0 13 * fri", "2026-03-06T00:00"),
        ("*/20 22-23/1 * jan,dec *", "2026-12-01T22:00"),
        ("59 23 27 2 *", "2026-02-27T23:59"),
        ("58 23 27 2 *", "2027-02-27T23:58"),
    ],
)
def test_next_runs(expression: str, expected: str) -> None:
    assert scheduled(expression).next_run == datetime.fromisoformat(f"{expected}:00+00:00")


def test_runs_follow_each_other() -> None:
    schedule = scheduled("*/20 * * * *")
    assert schedule.following is not None
    assert [schedule.next_run.minute, schedule.following(schedule.next_run).minute] == [0, 20]


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
    ],
)
def test_invalid_expressions_are_refused(expression: str) -> None:
    with pytest.raises(RefusedError) as refused:
        scheduled(expression)
    assert refused.value.status == 422
