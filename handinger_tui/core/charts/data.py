"""Buckets of days as the points that every chart draws, with round numbers for its axis."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final

from handinger_tui.core.money.amounts import EXACT, usd_text
from handinger_tui.core.money.spending import NOTHING, Bucket, Sum

_UNITS: Final = ((Decimal(10) ** 12, "T"), (Decimal(10) ** 9, "B"), (Decimal(10) ** 6, "M"))


def ticks(most: Decimal, wanted: int = 4) -> list[Decimal]:
    """Round amounts from 0 to at least `most`, about `wanted` steps apart."""
    if most <= 0:
        return [Decimal(0), Decimal(1)]
    rough = most / wanted
    scale = Decimal(1).scaleb(rough.adjusted())
    step = next((scale * factor for factor in (1, 2, 5, 10) if scale * factor >= rough), scale * 10)
    found = [Decimal(0)]
    while found[-1] < most:
        found.append(found[-1] + step)
    return found


def tick_text(value: Decimal, step: Decimal) -> str:
    """As many decimals as the steps need: "$0.05", "$20"."""
    short = _large(value)
    if short:
        return short
    places = max(0, -step.normalize().adjusted())
    if places == 1:
        places = 2
    if places > 9:
        return f"${value:.0E}" if value else "$0"
    return f"${value:,.{places}f}"


def short_usd(value: Decimal) -> str:
    """At a bar: "$12.35", "$0.0123", "$3.4M"."""
    short = _large(value)
    if short:
        return short
    return f"${value:,.2f}" if value >= 1 else usd_text(value)


def _large(value: Decimal) -> str:
    if value >= Decimal(10) ** 16:
        return f"${value:.1E}"
    unit = next(((size, letter) for size, letter in _UNITS if value >= size), None)
    return f"${value / unit[0]:,.1f}{unit[1]}" if unit else ""


class Span(StrEnum):
    """How much time one bar stands for."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


MOST_DAYS: Final = 93
MOST_WEEKS: Final = 93 * 7
MOST_MONTHS: Final = 1200
"""A clock that was wrong for a day must not make a chart of empty centuries."""

MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

SIMULATED: Final = "Simulated: pretend money of the local worker. Nothing of this was charged."

MEMBERS: Final = ("model_usd", "tool_usd", "sandbox_usd", "internal_usd")
NAMES: Final = {
    "model_usd": "model",
    "tool_usd": "tool",
    "sandbox_usd": "sandbox",
    "internal_usd": "internal",
}
NOT_SPLIT: Final = "not split"


@dataclass(frozen=True, slots=True)
class DayPoint:
    """One day with turns. `usd` and `cumulative` None while nothing is known; `gaps` turns are missing."""

    day: str
    usd: Decimal | None
    cumulative: Decimal | None
    gaps: int


def day_points(days: Iterable[Bucket]) -> list[DayPoint]:
    """The days in order of time, with what they add up to so far."""
    points, so_far = [], NOTHING
    for bucket in days:
        so_far += bucket.usd
        points.append(DayPoint(bucket.key, bucket.usd.known, so_far.known, bucket.usd.gaps))
    return points


@dataclass(frozen=True, slots=True)
class Slot:
    """One bar. `usd.known` is 0 in a time without turns, None where turns told nothing."""

    start: date
    usd: Sum
    turns: int = 0


def slots(days: Sequence[Bucket]) -> tuple[Span, tuple[Slot, ...]]:
    """Days, weeks (from Monday) or months without holes, whichever can still be read."""
    dated = [(told, bucket) for bucket in days if (told := _date(bucket.key)) is not None]
    if not dated:
        return Span.DAY, ()
    first, last = min(day for day, _ in dated), max(day for day, _ in dated)
    length = (last - first).days + 1
    span = Span.DAY if length <= MOST_DAYS else Span.WEEK if length <= MOST_WEEKS else Span.MONTH
    found: dict[date, Slot] = {}
    for day, bucket in dated:
        start = _start(day, span)
        old = found.get(start)
        total = bucket.usd if old is None else old.usd + bucket.usd
        found[start] = Slot(start, total, bucket.turns + (old.turns if old else 0))
    return span, tuple(found.get(start) or Slot(start, Sum(Decimal(0))) for start in _starts(found, span))


def _starts(found: Iterable[date], span: Span) -> list[date]:
    ordered = sorted(found)
    if span is Span.MONTH:
        # Only this span may be long: of the empty stretch of a wrong clock nothing is drawn.
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


def _start(day: date, span: Span) -> date:
    if span is Span.WEEK:
        # Monday of the first week of year 1 is its first day, so this never leaves the calendar.
        return day - timedelta(days=day.weekday())
    return day if span is Span.DAY else day.replace(day=1)


def _next(start: date, span: Span) -> date:
    if span is Span.MONTH:
        return date(start.year + start.month // 12, start.month % 12 + 1, 1)
    return start + timedelta(days=1 if span is Span.DAY else 7)


def slot_text(slot: Slot, span: Span) -> str:
    """Under a bar: "25 Nov", "Nov 2026"."""
    month = MONTHS[slot.start.month - 1]
    return f"{month} {slot.start.year}" if span is Span.MONTH else f"{slot.start.day} {month}"


@dataclass(frozen=True, slots=True)
class Share:
    """One category. `part` of the whole, 0 to 1; None where nothing is known."""

    name: str
    usd: Decimal | None
    gaps: int
    part: Decimal | None


def shares(whole: Bucket) -> tuple[Share, ...]:
    """The four categories, and what was reported without being split into them."""
    known = {member: getattr(whole, member).known for member in MEMBERS}
    split = Decimal(0)
    for value in known.values():
        split = EXACT.add(split, value or Decimal(0))
    rest = EXACT.subtract(whole.usd.known or Decimal(0), split)
    base = EXACT.add(split, max(rest, Decimal(0)))
    found = [
        Share(NAMES[member], known[member], getattr(whole, member).gaps, _part(known[member], base))
        for member in MEMBERS
    ]
    if rest > 0:
        found.append(Share(NOT_SPLIT, rest, 0, _part(rest, base)))
    return tuple(found)


def _part(value: Decimal | None, base: Decimal) -> Decimal | None:
    if value is None:
        return None
    return EXACT.divide(value, base) if base else Decimal(0)


def percent_text(part: Decimal | None) -> str:
    """As "61 %"; what is there but below half a percent is "<1 %", not "0 %"."""
    if part is None:
        return "not reported"
    percent = part * 100
    if percent and percent < Decimal("0.5"):
        return "<1 %"
    return f"{percent.quantize(Decimal(1))} %"
