"""Local days, across time shifts and wrong clocks."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, tzinfo
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from handinger_tui.core.money.spending import ChargeFilter, GroupBy
from handinger_tui.core.periods import midnight, midnight_ms
from handinger_tui.ledger.charges.grouping import day_at
from tests.ledger.raw_rows import cells, put_in
from tests.ledger.samples import opened

if TYPE_CHECKING:
    from collections.abc import Iterator

HOUR_MS = 3_600_000


def ms(text: str) -> int:
    """A moment of UTC."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("zone", "moment", "name", "hours"),
    [
        ("UTC", "2025-11-25T23:59:59.999", "2025-11-25", 24),
        ("Europe/Berlin", "2025-10-26T12:00", "2025-10-26", 25),
        ("Europe/Berlin", "2025-03-29T23:30", "2025-03-30", 23),
        ("Asia/Kathmandu", "2025-11-25T18:15", "2025-11-26", 24),
        ("Asia/Kathmandu", "2025-11-25T18:14:59.999", "2025-11-25", 24),
        ("America/Sao_Paulo", "2018-11-04T12:00", "2018-11-04", 23),
        ("Pacific/Kiritimati", "2025-11-25T10:00", "2025-11-26", 24),
    ],
)
def test_a_day_lasts_from_midnight_to_midnight(zone: str, moment: str, name: str, hours: int) -> None:
    day = day_at(ms(moment), ZoneInfo(zone))
    assert day.name == name
    assert day.end_ms - day.start_ms == hours * HOUR_MS
    assert day.start_ms <= ms(moment) < day.end_ms
    assert day_at(day.start_ms, ZoneInfo(zone)) == day
    assert day_at(day.end_ms - 1, ZoneInfo(zone)) == day
    assert day_at(day.end_ms, ZoneInfo(zone)).start_ms == day.end_ms


def test_the_zone_of_the_machine() -> None:
    at_ms = ms("2025-11-25T12:00")
    day = day_at(at_ms, None)
    assert day.name == datetime.fromtimestamp(at_ms / 1000, UTC).astimezone().date().isoformat()
    assert day.start_ms <= at_ms < day.end_ms


@pytest.fixture(params=["Africa/Cairo", "America/Havana", "Europe/Berlin"])
def there(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[ZoneInfo]:
    """Set the time zone of the machine."""
    with monkeypatch.context() as patched:
        patched.setenv("TZ", request.param)
        time.tzset()
        yield ZoneInfo(request.param)
    time.tzset()


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="this system cannot be moved to another zone")
def test_days_are_adjacent_where_clocks_skip_midnight(there: ZoneInfo) -> None:
    at_ms, ends = ms("2026-03-01T12:00"), ms("2026-05-01T12:00")
    while at_ms < ends:
        day = day_at(at_ms, None)
        assert day == day_at(at_ms, there)
        assert round(midnight(date.fromisoformat(day.name)).timestamp() * 1000) == day.start_ms
        assert midnight(date.fromisoformat(day.name)).date().isoformat() == day.name
        assert midnight_ms(date.fromisoformat(day.name), None) == day.start_ms
        at_ms = day.end_ms


@pytest.mark.parametrize("zone", [UTC, ZoneInfo("Asia/Kathmandu"), None])
@pytest.mark.parametrize("at_ms", [-(2**62), 2**62, 0])
def test_an_impossible_time_belongs_to_a_day(at_ms: int, zone: tzinfo | None) -> None:
    day = day_at(at_ms, zone)
    assert day.name
    assert day.end_ms > at_ms


async def test_turns_are_grouped_by_local_days_in_order_of_time() -> None:
    zone = ZoneInfo("Europe/Berlin")
    moments = ["2025-10-25T21:59", "2025-10-25T22:00", "2025-10-26T22:59", "2025-10-26T23:00"]
    rows = [cells(f"t{at}", at_ms=ms(moment), usd_pico=at) for at, moment in enumerate(moments)]
    async with opened(None, zone=zone) as ledger:
        await put_in(ledger, *rows[::-1])
        days = await ledger.charges.buckets(GroupBy.DAY)
        assert [(day.key, day.turns) for day in days] == [
            ("2025-10-25", 1),
            ("2025-10-26", 2),
            ("2025-10-27", 1),
        ]
        assert (days[1].first_ms, days[1].last_ms) == (ms(moments[1]), ms(moments[2]))
        some = await ledger.charges.buckets(
            GroupBy.DAY, ChargeFilter(since_ms=ms(moments[1]) + 1, until_ms=ms(moments[3]))
        )
        assert [(day.key, day.turns) for day in some] == [("2025-10-26", 1)]


async def test_the_list_of_days_of_impossible_times_is_finite() -> None:
    moments = [-(2**62), -1, 0, 2**61, 2**62]
    async with opened(None, zone=UTC) as ledger:
        await put_in(ledger, *(cells(f"t{at}", at_ms=moment) for at, moment in enumerate(moments)))
        assert sum(day.turns for day in await ledger.charges.buckets(GroupBy.DAY)) == len(moments)
