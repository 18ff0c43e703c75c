"""What the charts of spending show: bars over time, points of a cumulative line, shares, and axes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final

from msgspec import Struct

from handinger_tui.core.amounts import Total, Unit, amount_text
from handinger_tui.core.decimals import EXACT, exact_sum
from handinger_tui.core.figures import CATEGORIES
from handinger_tui.core.formatting import day_text
from handinger_tui.core.money.spending import EMPTY_TOTAL, Bucket

_UNITS: Final = ((Decimal(10) ** 12, "T"), (Decimal(10) ** 9, "B"), (Decimal(10) ** 6, "M"))


def ticks(most: Decimal) -> list[Decimal]:
    """Round amounts from 0 to `most` or more, in about four equal steps."""
    if most <= 0:
        return [Decimal(0), Decimal(1)]
    rough = most / 4
    scale = Decimal(1).scaleb(rough.adjusted())
    step = next((scale * factor for factor in (1, 2, 5, 10) if scale * factor >= rough), scale * 10)
    amounts = [Decimal(0)]
    while amounts[-1] < most:
        amounts.append(amounts[-1] + step)
    return amounts


def tick_text(value: Decimal, step: Decimal) -> str:
    """The label of a tick, with the decimals that the step needs: "$0.05", "$20"."""
    short = _large(value)
    if short:
        return short
    places = max(0, -step.normalize().adjusted())
    if places == 1:
        places = 2
    if places > 9:
        return f"${value:.0E}" if value else "$0"
    return f"${value:,.{places}f}"


def short_usd(value: Decimal | None, _unit: Unit = Unit.USD) -> str:
    """The amount at a bar: "$12.35", "$0.0123", as in other places; "$3.4M" if large."""
    return (_large(value) if value is not None else "") or amount_text(value)


def _large(value: Decimal) -> str:
    if value >= Decimal(10) ** 16:
        return f"${value:.1E}"
    unit = next(((size, letter) for size, letter in _UNITS if value >= size), None)
    return f"${value / unit[0]:,.1f}{unit[1]}" if unit else ""


class BarSpan(StrEnum):
    """The period of one bar."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


MOST_DAYS: Final = 93
MOST_WEEKS: Final = 93 * 7
MOST_MONTHS: Final = 1200
"""A day with a wrong clock must not add empty centuries to a chart."""

SIMULATED_REPORT: Final = "Simulated: the local worker does not charge real money."

NOT_SPLIT: Final = "not split"


class DayPoint(Struct, frozen=True):
    """One day with turns. `usd`, `cumulative`: None if no cost was reported; `gaps`: turns without a cost."""

    day: str
    usd: Decimal | None
    cumulative: Decimal | None
    gaps: int


def day_points(days: Iterable[Bucket]) -> list[DayPoint]:
    """A point for each day, sorted by time, with the cumulative cost."""
    points, so_far = [], EMPTY_TOTAL
    for bucket in days:
        so_far += bucket.usd
        if not bucket.key:
            # The turns without a known day came before all others.
            continue
        points.append(DayPoint(bucket.key, bucket.usd.value, so_far.value, bucket.usd.missing_turns))
    return points


class Slot(Struct, frozen=True):
    """One bar. `usd.value`: 0 without turns, None if no turn reported a cost."""

    start: date
    usd: Total
    turns: int = 0


def slots(days: Sequence[Bucket]) -> tuple[BarSpan, tuple[Slot, ...]]:
    """Consecutive bars for days, weeks (from Monday) or months, the shortest period that is readable."""
    dated = [(day, bucket) for bucket in days if (day := _date(bucket.key)) is not None]
    if not dated:
        return BarSpan.DAY, ()
    first, last = min(day for day, _ in dated), max(day for day, _ in dated)
    length = (last - first).days + 1
    span = BarSpan.DAY if length <= MOST_DAYS else BarSpan.WEEK if length <= MOST_WEEKS else BarSpan.MONTH
    by_start: dict[date, Slot] = {}
    for day, bucket in dated:
        start = _start(day, span)
        old = by_start.get(start)
        total = bucket.usd if old is None else old.usd + bucket.usd
        by_start[start] = Slot(start, total, bucket.turns + (old.turns if old else 0))
    starts = _starts(by_start, span)
    return span, tuple(by_start.get(start) or Slot(start, Total(Decimal(0))) for start in starts)


def _starts(days: Iterable[date], span: BarSpan) -> list[date]:
    """The starts of all bars from the first to the last of `days`."""
    ordered = sorted(days)
    if span is BarSpan.MONTH:
        # After a wrong clock, draw no empty months.
        months = (ordered[-1].year - ordered[0].year) * 12 + ordered[-1].month - ordered[0].month + 1
        if months > MOST_MONTHS:
            return ordered
    starts = [ordered[0]]
    while starts[-1] < ordered[-1]:
        starts.append(_next(starts[-1], span))
    return starts


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _start(day: date, span: BarSpan) -> date:
    if span is BarSpan.WEEK:
        # January 1 of year 1 is a Monday, so the result is a valid date.
        return day - timedelta(days=day.weekday())
    return day if span is BarSpan.DAY else day.replace(day=1)


def _next(start: date, span: BarSpan) -> date:
    if span is BarSpan.MONTH:
        return date(start.year + start.month // 12, start.month % 12 + 1, 1)
    return start + timedelta(days=1 if span is BarSpan.DAY else 7)


def slot_text(slot: Slot, span: BarSpan) -> str:
    """The label below a bar: "Nov 25", "Nov 2026"."""
    start = slot.start
    return f"{start:%b} {start.year}" if span is BarSpan.MONTH else day_text(start, start.year)


class Share(Struct, frozen=True):
    """One category, and its share of the total, 0 to 1; None if its cost is unknown."""

    name: str
    usd: Total
    part: Decimal | None


def shares(spent: Bucket) -> tuple[Share, ...]:
    """The shares of the categories, and of the cost without a category."""
    totals = {figure.label: spent.total(figure.name) for figure in CATEGORIES}
    split = exact_sum(one.value for one in totals.values() if one.value is not None)
    base = max(split, spent.usd.value or Decimal(0))
    if base > split:
        totals[NOT_SPLIT] = Total(EXACT.subtract(base, split))
    return tuple(Share(name, usd, _part(usd.value, base)) for name, usd in totals.items())


def why_no_split(parts: Iterable[Share]) -> str:
    """Why the categories cannot be drawn; "" where they can."""
    shown = [*parts]
    if any(share.part for share in shown):
        return ""
    is_unknown = all(share.usd.value is None for share in shown)
    return "No split by category was reported." if is_unknown else "Nothing was spent."


def _part(value: Decimal | None, base: Decimal) -> Decimal | None:
    return None if value is None else EXACT.divide(value, base) if base else Decimal(0)
