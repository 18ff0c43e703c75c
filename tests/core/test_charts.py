"""Charts: drawn from the buckets, with marks for gaps, and every amount is visible."""

from __future__ import annotations

import re
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from handinger_tui.core.amounts import Total
from handinger_tui.core.figures import CATEGORIES, COST_MEMBERS
from handinger_tui.core.formatting import percent_text
from handinger_tui.core.money.chart_values import (
    BarSpan,
    day_points,
    shares,
    short_usd,
    slot_text,
    slots,
    tick_text,
    ticks,
)
from handinger_tui.core.money.report_html import COLORS, bars, cumulative, share_of
from handinger_tui.core.money.report_json import cell, line
from handinger_tui.core.money.spending import Bucket, sum_buckets


def day(at: int, usd: str | None, gaps: int = 0) -> Bucket:
    amount = None if usd is None else Decimal(usd)
    return Bucket(str(date(2026, 1, 1) + timedelta(at)), 2, 0, Total(amount, gaps))


def test_days_between_are_shown_with_zero() -> None:
    span, filled = slots([day(0, "1"), day(3, None, 2)])
    assert (span, [slot.turns for slot in filled]) == (BarSpan.DAY, [2, 0, 0, 2])
    assert [slot.usd.value for slot in filled] == [Decimal(1), Decimal(0), Decimal(0), None]


@pytest.mark.parametrize(
    ("last", "span", "count", "label"),
    [(92, BarSpan.DAY, 93, "Jan 1"), (93, BarSpan.WEEK, 14, "Dec 29"), (2000, BarSpan.MONTH, 66, "Jan 2026")],
)
def test_long_periods_are_shown_by_week_and_month(last: int, span: BarSpan, count: int, label: str) -> None:
    actual, filled = slots([day(0, "1"), day(last, "2", 1)])
    assert (actual, len(filled), slot_text(filled[0], actual)) == (span, count, label)
    assert sum(slot.usd.value or Decimal(0) for slot in filled) == 3
    assert sum(slot.usd.missing_turns for slot in filled) == 1


def test_impossible_times_and_invalid_days_are_tolerated() -> None:
    odd = [Bucket("0001-01-01", 1, usd=Total(Decimal(1))), Bucket("9999-12-31", 1, usd=Total(Decimal(2)))]
    span, filled = slots([*odd, Bucket("", 1)])
    assert (span, len(filled)) == (BarSpan.MONTH, 2)
    assert len(heights(bars(odd))) == 2


def test_points_add_up_and_are_unknown_until_the_first_amount() -> None:
    points = day_points([day(0, None, 1), day(1, "0.1"), day(2, "0.2", 1)])
    assert [point.cumulative for point in points] == [None, Decimal("0.1"), Decimal("0.3")]
    assert [point.gaps for point in points] == [1, 0, 1]


def heights(drawing: str) -> list[float]:
    return [float(text) for text in re.findall(r'class="bar" style="height:([^%]+)%', drawing)]


def test_bars_are_proportional_and_gaps_are_hatched() -> None:
    drawing = bars([day(0, "4"), day(1, "1"), day(2, None, 3), day(3, "0.000001")])
    tall, short, least = heights(drawing)
    assert tall == pytest.approx(4 * short)
    assert least > 0, "the style sheet draws it 2 pixels high"
    assert drawing.count("hatched") == 2, "once in the drawing and once explained"
    assert ">+3<" in drawing
    assert "hatched: 3 turns of unknown cost" in drawing


def test_a_chart_without_amounts_is_a_text() -> None:
    for drawing in (bars([day(0, None, 2)]), cumulative([day(0, None, 2)])):
        assert "No cost was reported." in drawing
        assert "<ul" not in drawing
    for drawing in (bars([]), cumulative([])):
        assert "No turns in this period." in drawing
    assert "No split by category was reported." in share_of(sum_buckets([day(0, None, 1)]))
    assert "not split 100%" in share_of(day(0, "1"))


def test_the_line_is_dashed_from_the_first_gap_on() -> None:
    drawing = cumulative([day(0, "1"), day(1, "1"), day(2, "1", 1), day(3, "1")])
    lines = re.findall(r'<polyline class="(.*?)" points="(.*?)"', drawing)
    assert [name for name, _ in lines] == ["", "dashed"]
    solid, dashed = (points.split() for _, points in lines)
    assert (len(solid), len(dashed)) == (3, 3)
    assert solid[0] == "0.00,100.00"
    assert solid[-1] == dashed[0]
    assert "$4.00 + 1 unknown" in drawing


def test_shares_include_the_unsplit_cost() -> None:
    bucket = replace(
        day(0, "10"), model_usd=Total(Decimal(6), 1), tool_usd=Total(Decimal(2)), sandbox_usd=Total(None, 2)
    )
    rows = {share.name: (share.usd.value, percent_text(share.part)) for share in shares(bucket)}
    assert [*rows] == [*(figure.label for figure in CATEGORIES), "not split"]
    unknown = (None, "unknown")
    assert rows == dict.fromkeys(rows, unknown) | {
        "model": (Decimal(6), "60%"),
        "tools": (Decimal(2), "20%"),
        "not split": (Decimal(2), "20%"),
    }
    assert percent_text(Decimal("0.001")) == "<1%"


@pytest.mark.parametrize(
    "most", ["0.0000031", "0.04", "1", "7.3", "99", "123456", "9223372.036854775807", "1e40"]
)
def test_ticks_are_round_and_reach_the_top(most: str) -> None:
    values = ticks(Decimal(most))
    assert values[0] == 0
    assert values[-2] < Decimal(most) <= values[-1]
    assert 2 <= len(values) <= 7
    assert len({tick_text(value, values[1]) for value in values}) == len(values)
    assert len(short_usd(Decimal(most))) <= 12


def _light(color: str) -> float:
    parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("at", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("name", ["text", "muted", "gap", "warn"])
def test_text_can_be_read_on_both_grounds(at: int, name: str) -> None:
    for ground in ("ground", "card"):
        light, dark = sorted((_light(COLORS[name][at]), _light(COLORS[ground][at])), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, ""),
        (True, "true"),
        (7, "7"),
        (Decimal("12.50"), "12.5"),
        ("0.0123", "0.0123"),
        ("-5", "-5"),
        ("=1+1", "'=1+1"),
        ("+1-1", "'+1-1"),
        ("@x", "'@x"),
        ("-x", "'-x"),
        (" \t=1", "'=1"),
        ('say "a", b', '"say ""a"", b"'),
        ("two\r\nlines", "two lines"),
    ],
)
def test_fields_of_csv(value: bool | int | Decimal | str | None, written: str) -> None:
    assert cell(value) == written
    assert line([value, "x"]) == f"{written},x"


def test_a_split_of_zero_is_not_unknown() -> None:
    zero = Total(Decimal(0))
    parts: dict[str, Any] = dict.fromkeys(COST_MEMBERS, zero)
    free = Bucket("total", 1, usd=zero, **parts)
    assert [share.part for share in shares(free)] == [Decimal(0)] * len(COST_MEMBERS)
    assert "Nothing was spent." in share_of(free)
    assert "No split by category was reported." in share_of(Bucket("total", 1, usd=Total(None, 1)))


def test_a_split_that_exceeds_the_cost_is_marked_in_the_drawing() -> None:
    model: dict[str, Any] = {"model_usd": Total(Decimal("0.15"))}
    over = Bucket("total", 1, usd=Total(Decimal("0.10")), **model)
    assert "split exceeds the total by $0.05" in share_of(over)
