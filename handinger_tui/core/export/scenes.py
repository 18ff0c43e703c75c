"""Charts of spending: their data, and scenes of simple marks, which SVG and PNG draw in the same way."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from msgspec import Struct
from msgspec.structs import replace

from handinger_tui.core.amounts import EXACT, Total, Unit
from handinger_tui.core.figures import COST_MEMBERS
from handinger_tui.core.formatting import day_text, percent_text, plural
from handinger_tui.core.money.spending import EMPTY_TOTAL, Bucket
from handinger_tui.core.money.words import amount_text, excess_words, total_cell, total_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


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
    """One category. `part`: its share of the total, 0 to 1; None if its cost is unknown."""

    name: str
    usd: Decimal | None
    gaps: int
    part: Decimal | None


def shares(spent: Bucket) -> tuple[Share, ...]:
    """The shares of the four categories, and of the cost without a category."""
    amounts = {member: getattr(spent, member).value for member in COST_MEMBERS}
    split = Decimal(0)
    for value in amounts.values():
        split = EXACT.add(split, value or Decimal(0))
    remainder = EXACT.subtract(spent.usd.value or Decimal(0), split)
    base = EXACT.add(split, max(remainder, Decimal(0)))
    result = []
    for member, usd in amounts.items():
        name, gaps = member.removesuffix("_usd"), getattr(spent, member).missing_turns
        result.append(Share(name, usd, gaps, _part(usd, base)))
    if remainder > 0:
        result.append(Share(NOT_SPLIT, remainder, 0, _part(remainder, base)))
    return tuple(result)


def _part(value: Decimal | None, base: Decimal) -> Decimal | None:
    if value is None:
        return None
    return EXACT.divide(value, base) if base else Decimal(0)


Point = tuple[float, float]


class Ink(StrEnum):
    """The role of a mark, which `LIGHT` and `DARK` map to a color."""

    GROUND = "ground"
    CARD = "card"
    EDGE = "edge"
    GRID = "grid"
    TEXT = "text"
    MUTED = "muted"
    BAR = "bar"
    LINE = "line"
    GAP = "gap"
    WARN = "warn"
    MODEL = "model"
    TOOL = "tool"
    SANDBOX = "sandbox"
    INTERNAL = "internal"


# Reports are shown outside the terminal, so they do not use the themes of the screen. Text has a contrast of
# 4.5:1 or better on its background.
_COLORS: Final = {
    Ink.GROUND: ("#fcfbf8", "#10141a"),
    Ink.CARD: ("#ffffff", "#171c24"),
    Ink.EDGE: ("#e2ded5", "#2a323e"),
    Ink.GRID: ("#e9e6df", "#28303b"),
    Ink.TEXT: ("#20262f", "#e4e8ee"),
    Ink.MUTED: ("#57606d", "#9aa6b6"),
    Ink.BAR: ("#0f7a6b", "#6fd6bb"),
    Ink.LINE: ("#27509f", "#93b7ff"),
    Ink.GAP: ("#8a6212", "#f2bd6b"),
    Ink.WARN: ("#7c4a03", "#f2bd6b"),
    Ink.MODEL: ("#0f7a6b", "#6fd6bb"),
    Ink.TOOL: ("#3563b8", "#93b7ff"),
    Ink.SANDBOX: ("#b4690e", "#f2bd6b"),
    Ink.INTERNAL: ("#8b4a94", "#d9a3e2"),
}
LIGHT: Final = {ink: light for ink, (light, _) in _COLORS.items()}
DARK: Final = {ink: dark for ink, (_, dark) in _COLORS.items()}


class TextAnchor(StrEnum):
    """The point of a text that is at its x."""

    START = "start"
    MIDDLE = "middle"
    END = "end"


class Box(Struct, frozen=True):
    """A filled rectangle; `hatched`: an outline filled with stripes; `corner`: the corner radius."""

    x: float
    y: float
    width: float
    height: float
    ink: Ink
    hatched: bool = False
    corner: float = 0


class Line(Struct, frozen=True):
    """A line through `points`."""

    points: tuple[Point, ...]
    ink: Ink
    width: float = 1
    dashed: bool = False


class Area(Struct, frozen=True):
    """The faint area between a line and the level `floor`."""

    points: tuple[Point, ...]
    floor: float
    ink: Ink


class Dot(Struct, frozen=True):
    """A filled circle."""

    x: float
    y: float
    radius: float
    ink: Ink


class Word(Struct, frozen=True):
    """One line of clean text with its baseline at y. `size`: the font size."""

    x: float
    y: float
    text: str
    ink: Ink = Ink.TEXT
    size: int = 14
    anchor: TextAnchor = TextAnchor.START
    bold: bool = False


Mark = Box | Line | Area | Dot | Word


class Scene(Struct, frozen=True):
    """A drawing. `title`: its description."""

    width: int
    height: int
    marks: tuple[Mark, ...]
    title: str = ""


AREA_STRENGTH: Final = 0.14
"""Opacity of an `Area`."""
STRIPE: Final = 7
"""Distance between the stripes of a hatched box."""
DASH: Final = (7, 5)
"""The lengths of a dash and of a gap in a dashed line."""


def move_marks(marks: Iterable[Mark], dx: float, dy: float) -> list[Mark]:
    """The same marks, moved right by `dx` and down by `dy`."""
    moved: list[Mark] = []
    for mark in marks:
        if isinstance(mark, Line | Area):
            line = replace(mark, points=tuple((x + dx, y + dy) for x, y in mark.points))
            moved.append(replace(line, floor=line.floor + dy) if isinstance(line, Area) else line)
        else:
            moved.append(replace(mark, x=mark.x + dx, y=mark.y + dy))
    return moved


WIDTH: Final = 1136
HEIGHT: Final = 360
SHARE_HEIGHT: Final = 196
_LEFT: Final = 92.0
_RIGHT: Final = 1108.0
_TOP: Final = 84.0
_BOTTOM: Final = 316.0
_CAP: Final = 16.0
"""The height of the hatched cap that shows that an amount is missing, but not how much."""

_INKS: Final = (Ink.MODEL, Ink.TOOL, Ink.SANDBOX, Ink.INTERNAL, Ink.MUTED)


def card(height: int, title: str) -> list[Mark]:
    """The frame and title of one chart."""
    return [
        Box(0, 0, WIDTH, height, Ink.EDGE, corner=12),
        Box(1, 1, WIDTH - 2, height - 2, Ink.CARD, corner=11),
        Word(28, 40, title, size=20, bold=True),
    ]


def bars(days: Sequence[Bucket]) -> Scene:
    """Cost per day, week or month. A bar with turns of unknown cost has a hatched cap and "+n"."""
    span, listed = slots(days)
    gaps = sum(slot.usd.unknown_turns for slot in listed)
    title = f"Cost per {span}"
    marks = card(HEIGHT, title)
    if gaps:
        marks.append(_legend(f"hatched: {plural(gaps, 'turn')} of unknown cost", Ink.GAP))
    costs = [slot.usd.value for slot in listed if slot.usd.value is not None]
    steps = ticks(max(costs, default=Decimal(0)))
    marks += _scale(steps)
    if not listed or not costs:
        marks.append(_empty_note("No turns in this period." if not listed else "No cost was reported."))
    wide = (_RIGHT - _LEFT) / max(1, len(listed))
    tallest = max(costs, default=Decimal(0))
    for at, slot in enumerate(listed):
        is_labeled = len(listed) <= 14 or (bool(tallest) and slot.usd.value == tallest)
        marks += _bar(slot, _LEFT + wide * at, wide, steps[-1], is_labeled)
    marks += _days(listed, span)
    return Scene(WIDTH, HEIGHT, tuple(marks), f"{title}, in USD")


def _bar(slot: Slot, start: float, wide: float, most: Decimal, is_labeled: bool) -> list[Mark]:
    thick = max(1.5, min(58.0, wide * 0.72))
    x, middle = start + (wide - thick) / 2, start + wide / 2
    usd = slot.usd.value
    top = _height(usd or Decimal(0), most)
    marks: list[Mark] = []
    if usd:
        # A cost above zero is always visible.
        top = min(top, _BOTTOM - 1.5)
        marks.append(Box(x, top, thick, _BOTTOM - top, Ink.BAR, corner=min(4.0, thick / 4)))
    if slot.usd.unknown_turns:
        cap = top - (2 if usd else 0) - _CAP
        marks.append(Box(x, cap, thick, _CAP, Ink.GAP, hatched=True))
        top = cap
        if wide >= 30:
            count = f"+{slot.usd.unknown_turns}"
            marks.append(Word(middle, top - 5, count, Ink.GAP, 12, TextAnchor.MIDDLE))
            top -= 15
    if usd and is_labeled:
        text = total_cell(slot.usd, write=short_usd)
        marks.append(Word(middle, top - 5, text, Ink.TEXT, 12, TextAnchor.MIDDLE, bold=True))
    return marks


def cumulative(days: Sequence[Bucket]) -> Scene:
    """The cumulative cost. From the first gap on it is a lower bound, and dashed."""
    span, listed = slots(days)
    title = "Cumulative cost"
    marks = card(HEIGHT, title)
    so_far, sums = EMPTY_TOTAL, []
    for slot in listed:
        so_far += slot.usd
        sums.append(so_far)
    spent = so_far.value
    steps = ticks(spent or Decimal(0))
    marks += _scale(steps)
    if spent is None or not any(slot.turns for slot in listed):
        marks.append(_empty_note("No turns in this period." if not listed else "No cost was reported."))
        return Scene(WIDTH, HEIGHT, (*marks, *_days(listed, span)), title)
    wide = (_RIGHT - _LEFT) / len(listed)
    points: list[Point] = [(_LEFT, _BOTTOM)]
    points += [
        (_LEFT + wide * (at + 0.5), _height(total.value or Decimal(0), steps[-1]))
        for at, total in enumerate(sums)
    ]
    first_gap = next((at for at, total in enumerate(sums) if total.missing_turns), len(sums))
    marks.append(Area(tuple(points), _BOTTOM, Ink.LINE))
    if first_gap:
        marks.append(Line(tuple(points[: first_gap + 1]), Ink.LINE, 3))
    if first_gap < len(sums):
        marks.append(Line(tuple(points[first_gap:]), Ink.LINE, 3, dashed=True))
        marks.append(_legend("dashed: from the first turn of unknown cost", Ink.MUTED))
    x, y = points[-1]
    label = total_words(so_far, write=short_usd)
    marks += [
        Dot(x, y, 5.5, Ink.LINE),
        Word(min(x, _RIGHT), y - 14, label, Ink.TEXT, 15, TextAnchor.END, bold=True),
    ]
    return Scene(WIDTH, HEIGHT, (*marks, *_days(listed, span)), f"{title}, in USD")


def share_of(spent: Bucket) -> Scene:
    """The four categories as one bar, with amounts and percentages below."""
    parts = shares(spent)
    marks = card(SHARE_HEIGHT, "Cost by category")
    margin, room = 28.0, WIDTH - 56.0
    if not any(share.part for share in parts):
        has_costs = any(share.usd is not None for share in parts)
        reason = "Nothing was spent." if has_costs else "No split by category was reported."
        marks.append(Box(margin, 64, room, 44, Ink.MUTED, hatched=not has_costs))
        marks.append(Word(WIDTH / 2, 136, reason, Ink.MUTED, 16, TextAnchor.MIDDLE))
        return Scene(WIDTH, SHARE_HEIGHT, tuple(marks), "Cost by category")
    x = margin
    for share, ink in zip(parts, _INKS, strict=False):
        wide = room * float(share.part or 0)
        if wide > 0:
            marks.append(Box(x, 64, max(1.0, wide - 2), 44, ink, hatched=ink is Ink.MUTED, corner=3))
        x += wide
    column = room / len(parts)
    for at, (share, ink) in enumerate(zip(parts, _INKS, strict=False)):
        x = margin + column * at
        amount = total_words(Total(share.usd, share.gaps))
        marks += [
            Box(x, 130, 14, 14, ink, hatched=ink is Ink.MUTED, corner=3),
            Word(x + 22, 142, f"{share.name}  {percent_text(share.part)}", size=15, bold=True),
            Word(x + 22, 164, amount if share.usd is not None else "", Ink.MUTED, 13),
        ]
    excess = excess_words(spent.split_excess)
    if excess:
        marks.append(_legend(excess, Ink.WARN))
    return Scene(WIDTH, SHARE_HEIGHT, tuple(marks), "Cost by category")


# -- pieces ------------------------------------------------------------------------------
def _height(value: Decimal, most: Decimal) -> float:
    part = float(max(Decimal(0), value) / most) if most else 0.0
    return _BOTTOM - (_BOTTOM - _TOP) * part


def _scale(steps: Sequence[Decimal]) -> list[Mark]:
    marks: list[Mark] = []
    for value in steps:
        y = _height(value, steps[-1])
        marks.append(Line(((_LEFT, y), (_RIGHT, y)), Ink.MUTED if not value else Ink.GRID))
        label = tick_text(value, steps[1])
        marks.append(Word(_LEFT - 10, y + 5, label, Ink.MUTED, 13, TextAnchor.END))
    return marks


def _days(listed: Sequence[Slot], span: BarSpan) -> list[Mark]:
    if not listed:
        return []
    wide = (_RIGHT - _LEFT) / len(listed)
    every = max(1, -(-len(listed) // 14))
    marks: list[Mark] = []
    for at in range(0, len(listed), every):
        slot = listed[at]
        x = _LEFT + wide * (at + 0.5)
        marks.append(Word(x, _BOTTOM + 22, slot_text(slot, span), Ink.MUTED, 13, TextAnchor.MIDDLE))
    return marks


def _legend(text: str, ink: Ink) -> Word:
    return Word(WIDTH - 28, 40, text, ink, 14, TextAnchor.END)


def _empty_note(text: str) -> Word:
    return Word((_LEFT + _RIGHT) / 2, (_TOP + _BOTTOM) / 2, text, Ink.MUTED, 18, TextAnchor.MIDDLE)
