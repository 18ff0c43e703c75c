"""Cron expressions against a slow matcher that looks at every minute."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handinger_tui.local import schedules

START = datetime(2026, 2, 27, 23, 58, 30, tzinfo=UTC)


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
    assert schedules.parse(expression).next_after(START) == datetime.fromisoformat(f"{expected}:00+00:00")


@given(
    minute=st.integers(0, 59),
    step=st.integers(1, 59),
    hours=st.sets(st.integers(0, 23), min_size=1, max_size=3),
    weekday=st.one_of(st.just("*"), st.integers(0, 7).map(str)),
    offset=st.integers(0, 525_600),
)
@settings(max_examples=60, deadline=None)
def test_the_next_run_is_the_first_match(
    minute: int, step: int, hours: set[int], weekday: str, offset: int
) -> None:
    expression = f"{minute}-59/{step} {','.join(map(str, hours))} * * {weekday}"
    moment = START + timedelta(minutes=offset)
    looked_at = moment.replace(second=0)
    while True:
        looked_at += timedelta(minutes=1)
        day_fits = weekday == "*" or looked_at.isoweekday() % 7 == int(weekday) % 7
        minute_fits = looked_at.minute >= minute and (looked_at.minute - minute) % step == 0
        if day_fits and minute_fits and looked_at.hour in hours:
            break
    assert schedules.parse(expression).next_after(moment) == looked_at


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
        "5/2 * * * *",
        "1,,2 * * * *",
        "* * L * *",
        "* * * * mon#2",
        "-1 * * * *",
        "¹ * * * *",
        "*- * * * *",
        "* * * mon *",
        "9" * 5000 + " * * * *",
        "*/" + "9" * 5000 + " * * * *",
    ],
)
def test_what_is_not_understood_is_refused(expression: str) -> None:
    with pytest.raises(schedules.CronError):
        schedules.parse(expression)


def test_a_day_that_never_comes_is_refused() -> None:
    with pytest.raises(schedules.CronError, match="never"):
        schedules.parse("0 0 31 4 *").next_after(START)
