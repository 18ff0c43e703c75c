"""`handinger-tui costs`: times in words, and text in columns."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from handinger_tui.core.amounts import Total
from handinger_tui.core.columns import cells_of, clip
from handinger_tui.core.errors import SettingsError
from handinger_tui.core.money.report_forms import share_lines, table
from handinger_tui.core.money.spending import Bucket, GroupBy, sum_buckets
from handinger_tui.core.periods import period_ms

# -- times ---------------------------------------------------------------------------------------
NOW = datetime(2026, 11, 25, 13, 30).astimezone()


def moment(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> int:
    return int(datetime(year, month, day, hour, minute).astimezone().timestamp() * 1000)


@pytest.mark.parametrize(
    ("word", "since", "until"),
    [
        ("2026-11-03", moment(2026, 11, 3), moment(2026, 11, 4)),
        ("today", moment(2026, 11, 25), moment(2026, 11, 26)),
        ("yesterday", moment(2026, 11, 24), moment(2026, 11, 25)),
        ("Month", moment(2026, 11, 1), moment(2026, 12, 1)),
        ("2026-10", moment(2026, 10, 1), moment(2026, 11, 1)),
        ("2026-12", moment(2026, 12, 1), moment(2027, 1, 1)),
        ("2026-11-03T18:05", moment(2026, 11, 3, 18, 5), moment(2026, 11, 3, 18, 5)),
        ("2026-11-03 18:05", moment(2026, 11, 3, 18, 5), moment(2026, 11, 3, 18, 5)),
        ("2026-11-03T18:05:07.25Z", 1793729107250, 1793729107250),
        ("2026-11-03t19:05:07+01:00", 1793729107000, 1793729107000),
        ("1d", moment(2026, 11, 25), moment(2026, 11, 25)),
        ("7d", moment(2026, 11, 19), moment(2026, 11, 19)),
        ("24h", moment(2026, 11, 24, 13, 30), moment(2026, 11, 24, 13, 30)),
    ],
)
def test_times_in_words(word: str, since: int, until: int) -> None:
    assert period_ms(word, "--since", NOW) == (since, until)


@pytest.mark.parametrize(
    "word",
    [
        *("", "7", "d", "-7d", "123456d", "0h", "2026-13-01", "٧d", "10000-01-01", "2026-13", "2026-00"),
        *("2026-11-03T25:00", "2026-11-03T18", "2026-11-31T18:00", "2026-11-03T18:00 or so", "0001-01"),
    ],
)
def test_an_invalid_time_is_refused(word: str) -> None:
    with pytest.raises(SettingsError):
        period_ms(word, "--since", NOW)


# -- text ------------------------------------------------------------------------------------------
def bucket(key: str, usd: str | None, gaps: int = 0, title: str = "") -> Bucket:
    return Bucket(key, 3, 1, Total(None if usd is None else Decimal(usd), gaps), title=title)


@pytest.mark.parametrize("width", [30, 60, 80, 120, 200])
def test_a_table_fits_its_width(width: int) -> None:
    start = date(2026, 11, 1)
    groups = [bucket(str(start + timedelta(at)), str(at), at % 3) for at in range(9)]
    groups.append(bucket("報告書" * 30, "123456.78", 2, title="標題" * 40))
    lines = table(groups, sum_buckets(groups), GroupBy.DAY, width).splitlines()
    assert max(map(cells_of, lines)) <= max(width, 46), "turns and cost are never left out"
    assert len([line for line in lines if "2026-11-03" in line]) in (1, 2)


def test_the_longest_bar_is_the_highest_cost_and_gaps_are_counted() -> None:
    groups = [bucket("a", "8"), bucket("b", "0.0001"), bucket("c", None, 2), bucket("d", "1.5", 1)]
    head, *lines, total, legend = table(
        groups, sum_buckets(groups, "total"), GroupBy.WORKER, 100
    ).splitlines()
    bars = [sum(letter in "▏▎▍▌▋▊▉█" for letter in line) for line in lines]
    assert bars[0] > 20
    assert bars[1] == 1, "a true cost is never drawn as nothing"
    assert bars[2] == 0
    places = [line.index(".") for line in (*lines, total) if "$" in line]
    assert len(set(places)) == 1, "amounts are aligned at their points"
    unknown = head.index("Unknown") + len("Unknown")
    assert [line[unknown - 7 : unknown].strip() for line in (*lines, total)] == ["", "", "2", "1", "3"]
    assert "—" in lines[2]
    assert legend == "— unknown"
    assert not any(letter in total for letter in "█▏"), "a bar of the total would leave the others no room"


def test_wide_letters_are_counted_and_clipped() -> None:
    assert (cells_of("日本"), cells_of("e\u0301")) == (4, 1)
    assert clip("日本語", 4) == "日…"


def test_shares_that_exceed_the_total_are_explained() -> None:
    model: dict[str, Any] = {"model_usd": Total(Decimal("0.15"))}
    over = Bucket("total", 1, usd=Total(Decimal("0.10")), **model)
    assert share_lines(over, 80).splitlines()[-1] == "The split exceeds the total by $0.05."
    assert "exceeds" not in share_lines(bucket("total", "0.10"), 80)


def test_a_sign_is_explained_only_where_its_column_has_room() -> None:
    groups = [Bucket("low", 2, 0, Total(Decimal("0.5")), credits=Total(None, 2), tokens=Total(Decimal(9)))]
    for width, has_room in ((100, True), (28, False)):
        text = table(groups, sum_buckets(groups, "total"), GroupBy.BUDGET, width)
        assert ("Credits" in text) is ("— unknown" in text) is has_room


def test_where_only_credits_are_reported_their_gaps_are_the_unknown_ones() -> None:
    groups = [
        Bucket("low", 12, 0, Total(None, 12), credits=Total(Decimal("72.5"), 2), tokens=Total(None, 12))
    ]
    head, low, *_ = table(groups, sum_buckets(groups, "total"), GroupBy.BUDGET, 60).splitlines()
    assert head.split()[:4] == ["Budget", "Turns", "Unknown", "Credits"]
    assert low.split()[:4] == ["low", "12", "2", "72.5"]
