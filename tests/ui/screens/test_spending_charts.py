"""Charts in cells: positions, and the marks of gaps."""

from __future__ import annotations

from datetime import UTC, date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from textual.content import Content

from handinger_tui.core.amounts import Total, Unit
from handinger_tui.core.columns import Row
from handinger_tui.core.figures import CATEGORIES, COST_MEMBERS
from handinger_tui.core.money.report_rows import Line
from handinger_tui.core.money.spending import Bucket, GroupBy
from handinger_tui.core.periods import midnight_ms
from handinger_tui.ui.spending.charts import charts, cumulative, per_day, shares
from handinger_tui.ui.spending.selection import MOST_DAYS, Days, SpendingView, days_of

TODAY = date(2026, 11, 5)
LEFT = 10
"""Cells before the bars: an amount and the axis."""


def day(key: str, usd: str | None, gaps: int = 0, **members: Any) -> Bucket:
    amount = None if usd is None else Decimal(usd)
    return Bucket(key, turns=2, usd=Total(amount, gaps or int(amount is None)), **members)


def november(*amounts: str | None) -> Days:
    points = days_of([day(f"2026-11-{at:02}", usd) for at, usd in enumerate(amounts, 1)])
    assert points is not None
    return points


def plain(lines: list[Content]) -> list[str]:
    return [line.plain for line in lines]


def test_every_calendar_day_gets_a_bucket_and_nothing_is_lost() -> None:
    days = days_of([day("2026-11-02", "1"), day("2026-11-05", "2"), day("", "9"), day("not a day", "9")])
    assert days is not None
    assert [bucket.key for bucket in days.buckets] == [f"2026-11-{at:02}" for at in range(2, 6)]
    assert [bucket.turns for bucket in days.buckets] == [2, 0, 0, 2]
    wider = days_of([day("2026-11-02", "1")], date(2026, 11, 1), date(2026, 11, 4))
    assert wider is not None
    assert (wider.first, wider.last) == (date(2026, 11, 1), date(2026, 11, 4))
    assert days_of([]) is None


def test_a_clock_that_was_wrong_once_makes_no_centuries_and_loses_no_money() -> None:
    days = days_of([day("0001-01-01", "1"), day("1999-01-01", "2"), day("2026-11-05", "4")])
    assert days is not None
    assert len(days.buckets) == MOST_DAYS
    assert sum(bucket.usd.value or 0 for bucket in days.buckets) == 7


@pytest.mark.parametrize("last", [None, TODAY])
def test_days_after_today_are_those_of_a_wrong_clock_and_count_for_today(last: date | None) -> None:
    buckets = [day("2026-11-03", "1"), day("2026-11-05", "2"), day("2099-01-01", "4"), day("9987-01-01", "8")]
    days = days_of(buckets, None, last, latest=TODAY)
    assert days is not None
    assert (days.first, days.last) == (date(2026, 11, 3), TODAY)
    assert [bucket.usd.value for bucket in days.buckets] == [1, None, 14]
    later = days_of(buckets[2:], latest=TODAY)
    assert later is not None
    assert [(one.key, one.turns) for one in later.buckets] == [("2026-11-05", 4)]
    assert later.buckets[0].usd == Total(Decimal(12))


@pytest.mark.parametrize("narrowed", [GroupBy.SESSION, None, GroupBy.DAY])
def test_only_a_view_of_a_later_period_has_charts_of_it(narrowed: GroupBy | None) -> None:
    now_ms = midnight_ms(TODAY, UTC) + 1
    view = (
        SpendingView()
        if narrowed is None
        else SpendingView(narrowed).narrow(Line(Row(()), "2099-01-01", "a row", narrowed))
    )
    assert view is not None
    last = {GroupBy.DAY: date(2099, 1, 1), GroupBy.SESSION: None, None: TODAY}[narrowed]
    assert view.chart_days(now_ms)[1:] == (last, last or TODAY)


def test_bars_are_proportional_and_every_cost_is_visible() -> None:
    lines = plain(per_day(november("8", "4", "0.0001", "0"), LEFT + 4, 8))
    assert lines[0] == "Cost per day  "
    assert lines[2].startswith("    $8.00┤█")
    columns = ["".join(line[LEFT + at] for line in lines[1:-2]) for at in range(4)]
    assert columns == [" ████", "   ██", "    ▁", "     "]
    assert lines[-2].startswith("        0└────")


def test_gaps_stand_on_top_of_their_bars_and_unknown_is_not_zero() -> None:
    buckets = [day("2026-11-01", "8", 1), day("2026-11-02", "4", 3), day("2026-11-03", None)]
    days = days_of(buckets)
    assert days is not None
    lines = plain(per_day(days, LEFT + 3, 8))
    columns = ["".join(line[LEFT + at] for line in lines[1:-2]) for at in range(3)]
    assert columns == ["+████", "  +██", "    ?"]
    assert "+ part, ? all unknown" in plain(per_day(days, 60, 8))[0]


def test_more_days_than_cells_are_combined() -> None:
    begin = date(2026, 1, 1)
    days = days_of([day((begin + timedelta(at)).isoformat(), "1") for at in range(100)])
    assert days is not None
    lines = plain(per_day(days, LEFT + 60, 10))
    assert lines[0].startswith("Cost per 2 days")
    assert lines[-2] == f"        0└{'─' * 50}"
    assert plain(per_day(days, LEFT + 16, 10))[0].startswith("Cost per week")
    assert "Jan 1" in lines[-1]
    assert "Apr 10" in lines[-1]


def test_credits_are_drawn_where_no_cost_was_reported() -> None:
    days = days_of([Bucket("2026-11-01", 1, usd=Total(None, 1), credits=Total(Decimal(8)))])
    assert days is not None
    assert days.unit is Unit.CREDITS
    assert plain(per_day(days, 40, 8))[0].startswith("Credits per day")


def test_shares_name_every_category_with_its_block_and_add_up_to_the_cost() -> None:
    parts: dict[str, Any] = {
        "model_usd": Total(Decimal(6)),
        "tool_usd": Total(Decimal(2), 1),
        "sandbox_usd": Total(None, 3),
    }
    lines = plain(shares(day("x", "10", **parts), 40))
    assert lines[1] == "█" * 24 + "▓" * 8 + "·" * 8
    assert lines[2].split() == ["█", "model", "$6.00", "60%"]
    assert lines[3].split() == ["▓", "tools", "$2.00", "20%", "+", "1", "unknown"]
    assert lines[4].split() == ["▒", "sandbox", "unknown"]
    assert lines[-1].split() == ["·", "not", "split", "$2.00", "20%"]
    assert "was reported" in plain(shares(day("x", None), 40))[1]


def test_a_gap_of_all_categories_stands_once_and_is_not_cut() -> None:
    same: dict[str, Any] = {figure.name: Total(Decimal(2), 2) for figure in CATEGORIES}
    cost = str(2 * len(CATEGORIES))
    title, _, *rows = plain(shares(day("x", cost, **same), 36))
    assert title.split("  ")[-1].strip() == "+ 2 unknown"
    assert not any("unk" in row for row in rows)
    different = same | {"tool_usd": Total(Decimal(2), 14)}
    rows = plain(shares(day("x", cost, **different), 36))[2:]
    counts = [14 if figure.name == "tool_usd" else 2 for figure in CATEGORIES]
    assert [row.rpartition("+ ")[2] for row in rows] == [f"{count} unknown" for count in counts]


def test_the_line_rises_to_the_sum_and_marks_gaps() -> None:
    days = days_of([day("2026-11-01", "1"), day("2026-11-02", None), day("2026-11-03", "3")])
    assert days is not None
    lines = plain(cumulative(days, LEFT + 40, 8))
    assert lines[0].startswith("Cumulative")
    assert lines[0].endswith("+ 1 unknown")
    assert lines[1].startswith("    $4.00┤")
    assert lines[1].rstrip() != "    $4.00┤"
    firsts = [
        min(at for at, cell in enumerate(line[LEFT:]) if cell != " ")
        for line in lines[1:-2]
        if line[LEFT:].strip()
    ]
    assert firsts == sorted(firsts, reverse=True)


@pytest.mark.parametrize(
    ("width", "height"), [(1, 1), (12, 5), (30, 14), (66, 10), (76, 14), (50, 30), (90, 55)]
)
@pytest.mark.parametrize("amounts", [(None,), ("0",), ("1", None, "3"), ("1e-12",), (f"{10**40}", "5")])
def test_any_size_and_amount_is_drawn_within_its_width(
    width: int, height: int, amounts: tuple[str | None, ...]
) -> None:
    for line in charts(november(*amounts), width, height):
        assert line.cell_length <= width


def test_unknown_amounts_draw_no_line_at_zero_and_zero_is_not_unknown() -> None:
    unknown = Bucket("2026-11-25", 2, usd=Total(None, 2))
    days = days_of([unknown])
    assert days is not None
    lines = [line.plain.rstrip() for line in cumulative(days, 60, 8)]
    assert lines == [f"{'Cumulative':<49}+ 2 unknown", "No cost was reported.", *[""] * 6]
    zero = Total(Decimal(0))
    parts: dict[str, Any] = dict.fromkeys(COST_MEMBERS, zero)
    free = Bucket("2026-11-25", 1, usd=zero, **parts)
    assert [line.plain for line in shares(free, 60)] == ["Where the cost went", "Nothing was spent."]
    assert "was reported" in shares(unknown, 60)[1].plain
