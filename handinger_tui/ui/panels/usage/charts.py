"""Amounts and charts drawn in terminal cells: stacked bars, sparklines, columns. All read without color."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from textual.content import Content

from handinger_tui.core.formatting import NOT_REPORTED, PENDING, duration, number, plural
from handinger_tui.core.money.amounts import EXACT, Total, credits_text, tidy, usd_text
from handinger_tui.core.money.limits import Unit
from handinger_tui.core.money.spending import Bucket, altogether
from handinger_tui.ui.panels.usage.totals import Amount
from handinger_tui.ui.panels.usage.view import Figure

SIGNS: Final = {"—": NOT_REPORTED, "…": PENDING}
"""One-cell signs for words that do not fit; the panel explains them below."""
BLOCKS: Final = ("█", "▓", "▒", "░")
"""One per cost category; they differ in density."""
REST: Final = "·"
"""The part of a bar, or the turn of a sparkline, for which nothing was reported."""
USED, LEFT, FULL = "━", "┄", 100
STEPS: Final = "▁▂▃▄▅▆▇█"
_SHORT: Final = tuple(
    (Decimal(10) ** power, unit) for power, unit in ((12, "T"), (9, "G"), (6, "M"), (3, "k"))
)


def usd(value: Amount, width: int) -> str:
    """US dollars in at most `width` cells: with fewer digits if needed, but never as zero."""
    amount = Decimal(value)
    text = usd_text(amount)
    if len(text) <= width:
        return text
    if amount >= 1000:
        return short(amount, width, "$")
    for places in range(15, 1, -1):
        rounded = round(amount, places)
        text = f"${rounded:,.{places}f}"
        if len(text) <= width and rounded:
            return text
    return f"${amount:,.0f}" if amount >= 1 else "<$0.01" if width > 5 else "<$.01"


def seconds(value: Amount, width: int) -> str:
    """A running duration in ms: whole seconds below a minute without decimals, else as `milliseconds`."""
    ms = int(value)
    return f"{ms // 1000} s" if ms % 1000 == 0 and ms < 60_000 else milliseconds(value, width)


def rough_usd(value: Amount, width: int) -> str:
    """An estimate in US dollars, rounded to two significant digits."""
    return usd(_rough(value), width)


def rough_credits(value: Amount, width: int) -> str:
    """An estimate in credits, rounded to two significant digits."""
    return credits_short(_rough(value), width)


def _rough(value: Amount) -> Decimal:
    amount = Decimal(value)
    return round(amount, 1 - amount.adjusted()) if amount else amount


def decimals(text: str) -> int:
    """The number of digits after the decimal point; 0 for "$1.2k"."""
    fraction = text.partition(".")[2]
    return len(fraction) if fraction.isdigit() else 0


def even(text: str, places: int, width: int) -> str:
    """Pad an amount with zeros to `places` decimals, as far as `width` allows."""
    if text.startswith("<") or not decimals(text):
        return text
    return text + "0" * min(places - decimals(text), width - len(text))


def credits_short(value: Amount, width: int) -> str:
    """Credits in at most `width` cells."""
    text = credits_text(Decimal(value))
    return text if len(text) <= width else short(Decimal(value), width, "")


def count(value: Amount, width: int) -> str:
    """A count in at most `width` cells: "1,234,567", "1.23M"."""
    text = number(int(value))
    return text if len(text) <= width else short(Decimal(value), width, "")


def milliseconds(value: Amount, width: int) -> str:
    """A duration in ms in at most `width` cells: "1 m 35 s", "1m35s", or days only."""
    text = duration(int(value))
    if len(text) > width:
        text = text.replace(" ", "")
    return text if len(text) <= width else short(Decimal(value) / 86_400_000, max(2, width - 1), "") + "d"


def short(value: Decimal, width: int, sign: str) -> str:
    """A number in at most `width` cells where possible: "1.23M", "$12.3k"; beyond all units "1e+45"."""
    for size, unit in _SHORT:
        if size <= value < size * 1000:
            for places in (2, 1, 0):
                text = f"{sign}{value / size:.{places}f}{unit}"
                if len(text) <= width:
                    return text
    if value >= 1000:
        return f"{sign}{value:.0e}"
    for places in range(6, -1, -1):
        text = f"{sign}{value:.{places}f}"
        if len(text) <= width and Decimal(text.removeprefix(sign)):
            return text
    return f"{sign}{value:.0e}"


def unknown(figure: Figure, width: int) -> str:
    """The word for a figure without a value, or its sign where the word does not fit."""
    word = PENDING if figure.pending else NOT_REPORTED
    return word if width >= len(word) else next(sign for sign, full in SIGNS.items() if full == word)


def bar(parts: Sequence[Amount | None], total: Amount | None, width: int) -> list[tuple[int, int]]:
    """A stacked bar as (category, cells); category -1 is the part of `total` that is in no category.

    Every part above zero gets a cell. Empty when nothing is known or nothing was spent.
    """
    known = [Decimal(part) if part is not None else Decimal(0) for part in parts]
    base = max(Decimal(total if total is not None else 0), sum(known, Decimal(0)))
    shares = [*known, base - sum(known, Decimal(0))]
    if base <= 0 or all(part is None for part in parts):
        return []
    exact = [share * width / base for share in shares]
    cells = [max(1, int(share)) if share > 0 else 0 for share in exact]
    while sum(cells) < width:
        cells[max(range(len(cells)), key=lambda at: exact[at] - cells[at])] += 1
    while sum(cells) > width:
        cells[max(range(len(cells)), key=lambda at: cells[at] - exact[at] if cells[at] > 1 else -width)] -= 1
    return [(at if at < len(parts) else -1, cell) for at, cell in enumerate(cells) if cell]


def level(percent: int | None, width: int) -> str:
    """The bar of a limit: heavy for the used part, light for the rest, dots when the use is not known.

    One percent is visible already, and only a limit that is reached fills the bar.
    """
    if percent is None:
        return REST * width
    filled = min(max(percent * width // 100, int(percent > 0)), width - int(percent < FULL))
    return USED * filled + LEFT * (width - filled)


def sparkline(values: Sequence[Decimal | None], width: int) -> str:
    """One character for each of the newest values; an unknown value is `REST`, never the lowest step."""
    newest = [tidy(value) for value in values[-width:]] if width > 0 else []
    highest = max((value for value in newest if value is not None), default=Decimal(0))
    return "".join(REST if value is None else _step(value, highest) for value in newest)


def _step(value: Decimal, highest: Decimal) -> str:
    if value <= 0 or highest <= 0:
        return STEPS[0]
    return STEPS[1 + int(value / highest * (len(STEPS) - 2))]


MORE: Final = "+"
UNKNOWN: Final = "?"
FAINT: Final = "$text-muted"
BAR: Final = "$primary"
MARK: Final = "$accent"
STRONG: Final = "bold"
CATEGORIES: Final = (
    ("model_usd", "model", "$primary"),
    ("tool_usd", "tools", "$secondary"),
    ("sandbox_usd", "sandbox", "$accent"),
    ("internal_usd", "internal", "$text-muted"),
)
_SPANS: Final = (1, 2, 3, 7, 14, 28, 91, 182, 364)
"""Numbers of days that one bar may cover."""
MOST_DAYS: Final = 3660
"""Limits a chart after a day with a wrong clock; older days are added to the first one."""
_WIDEST: Final = 8
"""Most cells of a bar with the gap after it."""
_LEFT_EIGHTHS: Final = "▏▎▍▌▋▊▉█"
_DOTS: Final = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""Bits of a braille character, by row and column."""
_BRAILLE: Final = 0x2800


@dataclass(frozen=True, slots=True)
class Days:
    """One `Bucket` per calendar day from `first` on, including empty days, and the unit of the charts."""

    first: date
    buckets: tuple[Bucket, ...]
    unit: Unit

    @property
    def last(self) -> date:
        """The last day."""
        return self.first + timedelta(days=len(self.buckets) - 1)

    def spent(self, bucket: Bucket) -> Total:
        """The cost of one group, in the unit of the charts."""
        return bucket.total(self.unit.value)

    def write(self, amount: Decimal, width: int = 8) -> str:
        """An amount in at most `width` cells."""
        return usd(amount, width) if self.unit is Unit.USD else credits_short(amount, width)


def days_of(buckets: Sequence[Bucket], first: date | None = None, last: date | None = None) -> Days | None:
    """Every day from `first` (None: the first with charges) to `last` (None: the last with charges).

    In USD, or in credits when no cost at all was reported. None when there is no day.
    """
    by_day = {day: bucket for bucket in buckets if (day := _day(bucket.key)) is not None}
    charged = sorted(by_day)
    if not charged:
        return None
    begin = charged[0] if first is None else min(first, charged[0])
    end = charged[-1] if last is None else max(last, charged[-1])
    begin = max(begin, end - timedelta(days=MOST_DAYS - 1))
    older = [by_day.pop(day) for day in charged if day < begin]
    if older:
        by_day[begin] = altogether([by_day.get(begin, Bucket("")), *older], begin.isoformat())
    days = [begin + timedelta(days=at) for at in range((end - begin).days + 1)]
    has_usd = any(bucket.usd.known is not None for bucket in by_day.values())
    has_credits = any(bucket.credits.known is not None for bucket in by_day.values())
    unit = Unit.CREDITS if has_credits and not has_usd else Unit.USD
    return Days(begin, tuple(by_day.get(day, Bucket(day.isoformat())) for day in days), unit)


def _day(key: str) -> date | None:
    try:
        return date.fromisoformat(key)
    except ValueError:
        return None


# -- bars -----------------------------------------------------------------------------
def per_day(days: Days, width: int, height: int) -> list[Content]:
    """Cost per day as vertical bars in `height` lines (at least 6): caption, bars, axis, dates."""
    left = 9
    columns = max(4, width - left)
    span = next((days_each for days_each in _SPANS if len(days.buckets) <= days_each * columns), None)
    span = span or -(-len(days.buckets) // columns)
    bars = _merge_days(days.buckets, span)
    amounts = [days.spent(bar) for bar in bars]
    highest = max((amount.value for amount in amounts if amount.value is not None), default=Decimal(0))
    step = max(1, min(_WIDEST, columns // len(bars)))
    rows = max(2, height - 4)
    drawn = [_column(amount, highest, rows) for amount in amounts]
    thick, gap = (max(1, step - 1), " " if step > 1 else "")
    lines = [_caption(days, span, _notes(amounts), width)]
    for row in range(rows + 1):
        label = days.write(highest) if row == 1 and highest else ""
        cells = [_cell(column[row], thick, gap) for column in drawn]
        lines.append(Content.assemble((f"{label:>8}{'┤' if label else '│'}", FAINT), *cells))
    lines.append(Content.styled(f"{'0':>8}└{'─' * (step * len(bars))}", FAINT))
    lines.append(_dates(days, left, step * len(bars), columns))
    return [line.truncate(width) for line in lines]


def _merge_days(buckets: Sequence[Bucket], span: int) -> list[Bucket]:
    """Merge every `span` days into one bucket, counted back from the last day."""
    odd = len(buckets) % span
    starts = [0, *range(odd, len(buckets), span)] if odd else range(0, len(buckets), span)
    ends = [*list(starts)[1:], len(buckets)]
    return [altogether(buckets[a:b], buckets[a].key) for a, b in zip(starts, ends, strict=True)]


def _column(amount: Total, highest: Decimal, rows: int) -> str:
    """One bar from top to bottom, `rows` + 1 lines: the extra one is for the sign on the highest bar."""
    if amount.value is None:
        return " " * rows + UNKNOWN
    eighths = _scale(amount.value, highest, rows * 8)
    full, rest = divmod(eighths, 8)
    bar = "█" * full + (STEPS[rest - 1] if rest else "")
    sign = "" if amount.whole else MORE
    return (bar + sign).ljust(rows + 1)[::-1]


def _scale(value: Decimal, highest: Decimal, most: int) -> int:
    """`value` in steps from 0 to `most`, which stands for `highest`; any amount above zero gets one step."""
    if value <= 0 or highest <= 0:
        return 0
    return max(1, min(most, int(EXACT.divide(EXACT.multiply(value, Decimal(most)), highest))))


def _cell(character: str, thick: int, gap: str) -> Content:
    if character in (MORE, UNKNOWN):
        return Content.assemble((character.center(thick), MARK), gap)
    return Content.assemble((character * thick, BAR), gap)


def _notes(amounts: Sequence[Total]) -> str:
    more = any(amount.value is not None and not amount.whole for amount in amounts)
    unknown = any(amount.value is None for amount in amounts)
    return " · ".join([f"{MORE} incomplete"] * more + [f"{UNKNOWN} unknown"] * unknown)


def _caption(days: Days, span: int, notes: str, width: int) -> Content:
    per = {1: "per day", 7: "per week"}.get(span, f"per {span} days")
    measure = "Cost" if days.unit is Unit.USD else "Credits"
    return caption((f"{measure} {per}", STRONG), notes, width)


def caption(title: tuple[str, str], note: str, width: int) -> Content:
    """A caption, (text, style), with a note at the right edge where there is room for it."""
    room = width - len(title[0])
    return Content.assemble(title, (f"{note:>{room}}" if len(note) < room else "", FAINT))


def _dates(days: Days, left: int, drawn: int, columns: int) -> Content:
    """The first and the last day under their bars."""
    years = days.first.year != days.last.year
    first, last = (day_text(day, year=years) for day in (days.first, days.last))
    if days.first == days.last:
        return Content.styled(" " * left + first, FAINT)
    room = max(drawn, min(columns, len(first) + len(last) + 3))
    return Content.styled(f"{'':{left}}{first}{last:>{max(1, room - len(first))}}", FAINT)


def day_text(day: date, *, year: bool = False) -> str:
    """A date for people: "14 Nov", "14 Nov 2026"."""
    return f"{day.day} {day:%b %Y}" if year else f"{day.day} {day:%b}"


def horizontal_bar(value: Decimal | None, highest: Decimal, width: int) -> str:
    """A horizontal bar of at most `width` cells, in eighths; empty for an unknown value."""
    full, rest = divmod(0 if value is None else _scale(value, highest, width * 8), 8)
    return "█" * full + (_LEFT_EIGHTHS[rest - 1] if rest else "")


# -- shares ---------------------------------------------------------------------------
def shares(spent: Bucket, width: int) -> list[Content]:
    """The four cost categories as one stacked bar, and a legend with amounts and percent."""
    title = Content.styled("Where the cost went", STRONG)
    totals = [spent.total(member) for member, _, _ in CATEGORIES]
    parts = [total.value for total in totals]
    known = sum((part for part in parts if part is not None), Decimal(0))
    total_usd = max(spent.usd.known or Decimal(0), known)
    pieces = bar(parts, total_usd, width)
    if not pieces:
        unknown = all(part is None for part in parts)
        reason = "The split by category was not reported." if unknown else "Nothing was spent."
        return [title, Content.styled(reason, FAINT)]
    blocks, colors = (*BLOCKS, REST), (*(color for _, _, color in CATEGORIES), FAINT)
    lines = [title, Content.assemble(*((blocks[at] * cells, colors[at]) for at, cells in pieces))]
    rest = EXACT.subtract(total_usd, known)
    names = [name for _, name, _ in CATEGORIES] + ["not split up"] * (rest > 0)
    totals += [Total(rest)] * (rest > 0)
    texts = _amounts([total.value for total in totals])
    room = max(map(len, texts))
    for at, (name, total, text) in enumerate(zip(names, totals, texts, strict=True)):
        gaps = f" {MORE}{total.missing_turns:,}" if total.value is not None and not total.whole else ""
        row = [(f"{blocks[at]} ", colors[at]), (f"{name:<13}", FAINT), (f"{text:>{room}}", "")]
        share = (f"{_percent(total.value, total_usd):>6}", FAINT)
        lines.append(Content.assemble(*row, share, (gaps, MARK)).truncate(width))
    return lines


def _amounts(parts: Sequence[Decimal | None]) -> list[str]:
    """US dollars, all with as many decimals as the finest of them."""
    texts = [NOT_REPORTED if part is None else usd(part, 10) for part in parts]
    places = max(map(decimals, texts))
    return [text if text == NOT_REPORTED else even(text, places, 12) for text in texts]


def _percent(part: Decimal | None, base: Decimal) -> str:
    if part is None:
        return ""
    share = EXACT.divide(EXACT.multiply(part, Decimal(100)), base)
    return "<1 %" if 0 < share < 1 else f"{int(share + Decimal('0.5'))} %"


# -- a line -----------------------------------------------------------------------------
def cumulative(days: Days, width: int, height: int) -> list[Content]:
    """The cost up to each day as a line of dots, in `height` lines (at least 5)."""
    left, rows = 9, max(2, height - 3)
    columns = max(4, width - left)
    running = [Decimal(0)]
    for bucket in days.buckets:
        running.append(EXACT.add(running[-1], days.spent(bucket).value or Decimal(0)))
    top, total = running[-1], days.spent(altogether(days.buckets))
    gaps = "" if total.whole else f"{MORE} {plural(total.missing_turns, 'turn')} unknown"
    lines = [caption(("Added up", STRONG), gaps, width)]
    if total.value is None:
        # A line at the bottom would mean that nothing was spent.
        blank = Content("")
        return [*lines, Content.styled("Not one amount was reported.", FAINT), *[blank] * (rows + 1)]
    for row, text in enumerate(_line(running, columns, rows)):
        label = days.write(top) if row == 0 and top else ""
        edge = (f"{label:>8}{'┤' if label else '│'}", FAINT)
        lines.append(Content.assemble(edge, (text, BAR)))
    lines.append(Content.styled(f"{'0':>8}└{'─' * columns}", FAINT))
    lines.append(_dates(days, left, columns, columns))
    return [line.truncate(width) for line in lines]


def _line(values: Sequence[Decimal], columns: int, rows: int) -> list[str]:
    """A rising line through evenly spaced `values`, in braille."""
    grid = [[0] * columns for _ in range(rows)]
    top, across_dots, up_dots = values[-1], columns * 2, rows * 4
    before = 0
    for x in range(across_dots):
        at, rest = divmod(x * (len(values) - 1), across_dots - 1)
        after = values[min(at + 1, len(values) - 1)]
        value = values[at] + (after - values[at]) * rest / (across_dots - 1)
        level = int(value * (up_dots - 1) / top) if top > 0 else 0
        for y in range(min(before + 1, level), level + 1):
            row, dot = divmod(up_dots - 1 - y, 4)
            grid[row][x // 2] |= _DOTS[dot][x % 2]
        before = level
    return ["".join(chr(_BRAILLE + cell) if cell else " " for cell in line) for line in grid]


# -- all together -----------------------------------------------------------------------
SIDE_BY_SIDE: Final = 66
"""Least width, in cells, for two columns of charts when the height is too small for one."""
_COLUMN: Final = 26
"""Lines that three charts need in one column."""


def charts(days: Days, width: int, height: int) -> list[Content]:
    """All three charts for a pane of that size: in one column, or in two where it is wide and low."""
    draw = _two_columns if height < _COLUMN and width >= SIDE_BY_SIDE else _one_column
    return [line.truncate(width) for line in draw(days, altogether(days.buckets), width, height)]


def _two_columns(days: Days, spent: Bucket, width: int, height: int) -> list[Content]:
    half = (width - 3) // 2
    share_lines = shares(spent, half)
    right = [*share_lines, Content(""), *cumulative(days, half, max(5, height - len(share_lines) - 1))]
    return _join_columns(per_day(days, width - 3 - half, max(8, height)), right, width - half)


def _one_column(days: Days, spent: Bucket, width: int, height: int) -> list[Content]:
    share_lines = shares(spent, width)
    free = max(16, height - len(share_lines) - 2)
    upper = max(9, -(-free * 5 // 9))
    lower = max(7, free - upper)
    blank = Content("")
    return [*per_day(days, width, upper), blank, *share_lines, blank, *cumulative(days, width, lower)]


def _join_columns(left: Sequence[Content], right: Sequence[Content], second_at: int) -> list[Content]:
    blank = Content("")
    tall = max(len(left), len(right))
    pairs = zip([*left, *[blank] * (tall - len(left))], [*right, *[blank] * (tall - len(right))], strict=True)
    return [Content.assemble(one.truncate(second_at, pad=True), other) for one, other in pairs]
