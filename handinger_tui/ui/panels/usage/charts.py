"""Charts in cells: stacked bars, sparklines, columns. Every one reads without color."""

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
"""Stand for the words where these do not fit; the panel says so below."""
BLOCKS: Final = ("█", "▓", "▒", "░")
"""One for each cost category, told apart by their density."""
REST: Final = "·"
"""The part of a bar, or the turn of a sparkline, that nobody reported."""
USED, LEFT, FULL = "━", "┄", 100
STEPS: Final = "▁▂▃▄▅▆▇█"
_SHORT: Final = tuple(
    (Decimal(10) ** power, unit) for power, unit in ((12, "T"), (9, "G"), (6, "M"), (3, "k"))
)


def usd(value: Amount, width: int) -> str:
    """US dollars in at most `width` cells: fewer digits where there is no room, but never a false zero."""
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
    """A duration that a clock counts: whole seconds without decimals, else as `milliseconds`."""
    whole = int(value)
    return f"{whole // 1000} s" if whole % 1000 == 0 and whole < 60_000 else milliseconds(value, width)


def rough_usd(value: Amount, width: int) -> str:
    """US dollars of an estimate: two digits tell as much as it knows."""
    return usd(_rough(value), width)


def rough_credits(value: Amount, width: int) -> str:
    """Credits of an estimate."""
    return credits_short(_rough(value), width)


def _rough(value: Amount) -> Decimal:
    amount = Decimal(value)
    return round(amount, 1 - amount.adjusted()) if amount else amount


def decimals(text: str) -> int:
    """How many digits stand behind the point; 0 for "$1.2k"."""
    behind = text.partition(".")[2]
    return len(behind) if behind.isdigit() else 0


def even(text: str, places: int, width: int) -> str:
    """An amount with zeros added up to `places` decimals, as far as there is room."""
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
    """A duration in at most `width` cells: "1 m 35 s", "1m35s"; days without the rest."""
    text = duration(int(value))
    if len(text) > width:
        text = text.replace(" ", "")
    return text if len(text) <= width else short(Decimal(value) / 86_400_000, max(2, width - 1), "") + "d"


def short(value: Decimal, width: int, sign: str) -> str:
    """In at most `width` cells where it can be: "1.23M", "$12.3k"; beyond every unit "1e+45"."""
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
    """The word for a figure without a value."""
    word = PENDING if figure.pending else NOT_REPORTED
    return word if width >= len(word) else next(sign for sign, full in SIGNS.items() if full == word)


def bar(parts: Sequence[Amount | None], total: Amount | None, width: int) -> list[tuple[int, int]]:
    """A stacked bar as (category, cells); category -1 is the rest that nobody split up.

    Whatever cost something gets a cell. Empty when nothing is known or nothing was spent.
    """
    known = [Decimal(part) if part is not None else Decimal(0) for part in parts]
    whole = max(Decimal(total if total is not None else 0), sum(known, Decimal(0)))
    shares = [*known, whole - sum(known, Decimal(0))]
    if whole <= 0 or all(part is None for part in parts):
        return []
    exact = [share * width / whole for share in shares]
    cells = [max(1, int(share)) if share > 0 else 0 for share in exact]
    while sum(cells) < width:
        cells[max(range(len(cells)), key=lambda at: exact[at] - cells[at])] += 1
    while sum(cells) > width:
        cells[max(range(len(cells)), key=lambda at: cells[at] - exact[at] if cells[at] > 1 else -width)] -= 1
    return [(at if at < len(parts) else -1, cell) for at, cell in enumerate(cells) if cell]


def level(percent: int | None, width: int) -> str:
    """How far a limit is used up: heavy where it is, light where not, points where nobody knows.

    One percent shows already, and only a limit that is reached is full.
    """
    if percent is None:
        return REST * width
    filled = min(max(percent * width // 100, int(percent > 0)), width - int(percent < FULL))
    return USED * filled + LEFT * (width - filled)


def sparkline(values: Sequence[Decimal | None], width: int) -> str:
    """One character for each of the newest values; what is not known is `REST`, never the lowest step."""
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
"""Days that one bar may stand for."""
MOST_DAYS: Final = 3660
"""A clock that was wrong for a day must not draw centuries; what is older counts to the first day."""
_WIDEST: Final = 8
"""Cells of a bar and the gap behind it, where there are few."""
_LEFT_EIGHTHS: Final = "▏▎▍▌▋▊▉█"
_DOTS: Final = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""Bits of a braille character, by row and column."""
_BRAILLE: Final = 0x2800


@dataclass(frozen=True, slots=True)
class Days:
    """One `Bucket` for each calendar day from `first` on, empty ones too, in one unit."""

    first: date
    buckets: tuple[Bucket, ...]
    unit: Unit

    @property
    def last(self) -> date:
        """The last day."""
        return self.first + timedelta(days=len(self.buckets) - 1)

    def spent(self, bucket: Bucket) -> Total:
        """What one group took, in the unit of the charts."""
        return bucket.total(self.unit.value)

    def write(self, amount: Decimal, width: int = 8) -> str:
        """An amount in at most `width` cells."""
        return usd(amount, width) if self.unit is Unit.USD else credits_short(amount, width)


def days_of(buckets: Sequence[Bucket], first: date | None = None, last: date | None = None) -> Days | None:
    """Every day from `first` (else the first known) to `last` (else the last known).

    In USD, or in credits where no cost at all was reported. None when there is no day.
    """
    by_day = {day: bucket for bucket in buckets if (day := _day(bucket.key)) is not None}
    known = sorted(by_day)
    if not known:
        return None
    begin = known[0] if first is None else min(first, known[0])
    end = known[-1] if last is None else max(last, known[-1])
    begin = max(begin, end - timedelta(days=MOST_DAYS - 1))
    older = [by_day.pop(day) for day in known if day < begin]
    if older:
        by_day[begin] = altogether([by_day.get(begin, Bucket("")), *older], begin.isoformat())
    days = [begin + timedelta(days=at) for at in range((end - begin).days + 1)]
    costs = any(bucket.usd.known is not None for bucket in by_day.values())
    credited = any(bucket.credits.known is not None for bucket in by_day.values())
    unit = Unit.CREDITS if credited and not costs else Unit.USD
    return Days(begin, tuple(by_day.get(day, Bucket(day.isoformat())) for day in days), unit)


def _day(key: str) -> date | None:
    try:
        return date.fromisoformat(key)
    except ValueError:
        return None


# -- bars -----------------------------------------------------------------------------
def per_day(days: Days, width: int, height: int) -> list[Content]:
    """Vertical bars, `height` lines in all (at least 6): caption, bars, axis, dates."""
    left = 9
    columns = max(4, width - left)
    span = next((days_each for days_each in _SPANS if len(days.buckets) <= days_each * columns), None)
    span = span or -(-len(days.buckets) // columns)
    bars = _together(days.buckets, span)
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


def _together(buckets: Sequence[Bucket], span: int) -> list[Bucket]:
    """`span` days in one, counted back from the last day."""
    odd = len(buckets) % span
    starts = [0, *range(odd, len(buckets), span)] if odd else range(0, len(buckets), span)
    ends = [*list(starts)[1:], len(buckets)]
    return [altogether(buckets[a:b], buckets[a].key) for a, b in zip(starts, ends, strict=True)]


def _column(amount: Total, highest: Decimal, rows: int) -> str:
    """One bar from the top down; one line more than `rows`, for the sign on the highest bar."""
    if amount.value is None:
        return " " * rows + UNKNOWN
    eighths = _scaled(amount.value, highest, rows * 8)
    full, rest = divmod(eighths, 8)
    bar = "█" * full + (STEPS[rest - 1] if rest else "")
    sign = "" if amount.whole else MORE
    return (bar + sign).ljust(rows + 1)[::-1]


def _scaled(value: Decimal, highest: Decimal, most: int) -> int:
    """In steps of `most`; whatever is above zero gets one."""
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
    each = {1: "per day", 7: "per week"}.get(span, f"per {span} days")
    what = "Cost" if days.unit is Unit.USD else "Credits"
    return beside((f"{what} {each}", STRONG), notes, width)


def beside(title: tuple[str, str], told: str, width: int) -> Content:
    """A caption with a remark at the right edge, where there is room for it."""
    room = width - len(title[0])
    return Content.assemble(title, (f"{told:>{room}}" if len(told) < room else "", FAINT))


def _dates(days: Days, left: int, drawn: int, columns: int) -> Content:
    """The first and the last day under their bars."""
    years = days.first.year != days.last.year
    first, last = (day_text(day, year=years) for day in (days.first, days.last))
    if days.first == days.last:
        return Content.styled(" " * left + first, FAINT)
    room = max(drawn, min(columns, len(first) + len(last) + 3))
    return Content.styled(f"{'':{left}}{first}{last:>{max(1, room - len(first))}}", FAINT)


def day_text(day: date, *, year: bool = False) -> str:
    """As people write it: "14 Nov", "14 Nov 2026"."""
    return f"{day.day} {day:%b %Y}" if year else f"{day.day} {day:%b}"


def across(value: Decimal | None, highest: Decimal, width: int) -> str:
    """A horizontal bar of at most `width` cells, by eighths; nothing for what is not known."""
    full, rest = divmod(0 if value is None else _scaled(value, highest, width * 8), 8)
    return "█" * full + (_LEFT_EIGHTHS[rest - 1] if rest else "")


# -- shares ---------------------------------------------------------------------------
def shares(whole: Bucket, width: int) -> list[Content]:
    """The four cost categories as one stacked bar, and a legend with amounts and percent."""
    title = Content.styled("Where the cost went", STRONG)
    totals = [whole.total(member) for member, _, _ in CATEGORIES]
    parts = [total.value for total in totals]
    known = sum((part for part in parts if part is not None), Decimal(0))
    all_in_all = max(whole.usd.known or Decimal(0), known)
    pieces = bar(parts, all_in_all, width)
    if not pieces:
        unknown = all(part is None for part in parts)
        why = "The split by category was not reported." if unknown else "Nothing was spent."
        return [title, Content.styled(why, FAINT)]
    blocks, colours = (*BLOCKS, REST), (*(colour for _, _, colour in CATEGORIES), FAINT)
    lines = [title, Content.assemble(*((blocks[at] * cells, colours[at]) for at, cells in pieces))]
    rest = EXACT.subtract(all_in_all, known)
    names = [name for _, name, _ in CATEGORIES] + ["not split up"] * (rest > 0)
    totals += [Total(rest)] * (rest > 0)
    texts = _amounts([total.value for total in totals])
    room = max(map(len, texts))
    for at, (name, total, text) in enumerate(zip(names, totals, texts, strict=True)):
        gaps = f" {MORE}{total.missing_turns:,}" if total.value is not None and not total.whole else ""
        pieces_of_line = [(f"{blocks[at]} ", colours[at]), (f"{name:<13}", FAINT), (f"{text:>{room}}", "")]
        share = (f"{_percent(total.value, all_in_all):>6}", FAINT)
        lines.append(Content.assemble(*pieces_of_line, share, (gaps, MARK)).truncate(width))
    return lines


def _amounts(parts: Sequence[Decimal | None]) -> list[str]:
    """US dollars with as many decimals as the finest of them."""
    texts = [NOT_REPORTED if part is None else usd(part, 10) for part in parts]
    places = max(map(decimals, texts))
    return [text if text == NOT_REPORTED else even(text, places, 12) for text in texts]


def _percent(part: Decimal | None, whole: Decimal) -> str:
    if part is None:
        return ""
    share = EXACT.divide(EXACT.multiply(part, Decimal(100)), whole)
    return "<1 %" if 0 < share < 1 else f"{int(share + Decimal('0.5'))} %"


# -- a line -----------------------------------------------------------------------------
def added_up(days: Days, width: int, height: int) -> list[Content]:
    """What was spent up to each day, as a line of dots; `height` lines in all (at least 5)."""
    left, rows = 9, max(2, height - 3)
    columns = max(4, width - left)
    running = [Decimal(0)]
    for bucket in days.buckets:
        running.append(EXACT.add(running[-1], days.spent(bucket).value or Decimal(0)))
    top, whole = running[-1], days.spent(altogether(days.buckets))
    gaps = "" if whole.whole else f"{MORE} {plural(whole.missing_turns, 'turn')} unknown"
    lines = [beside(("Added up", STRONG), gaps, width)]
    if whole.value is None:
        # A line at the bottom would say that nothing was spent.
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
    """A rising line through `values`, evenly spaced, in braille."""
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
"""Cells from which two charts stand beside each other where there are not lines enough for a column."""
_COLUMN: Final = 26
"""Lines that the three of them need under each other."""


def charts(days: Days, width: int, height: int) -> list[Content]:
    """All three for a pane of that size: under each other, or in two columns where it is wide and low."""
    drawn = _beside if height < _COLUMN and width >= SIDE_BY_SIDE else _below
    return [line.truncate(width) for line in drawn(days, altogether(days.buckets), width, height)]


def _beside(days: Days, whole: Bucket, width: int, height: int) -> list[Content]:
    half = (width - 3) // 2
    shared = shares(whole, half)
    right = [*shared, Content(""), *added_up(days, half, max(5, height - len(shared) - 1))]
    return _joined(per_day(days, width - 3 - half, max(8, height)), right, width - half)


def _below(days: Days, whole: Bucket, width: int, height: int) -> list[Content]:
    shared = shares(whole, width)
    free = max(16, height - len(shared) - 2)
    upper = max(9, -(-free * 5 // 9))
    lower = max(7, free - upper)
    blank = Content("")
    return [*per_day(days, width, upper), blank, *shared, blank, *added_up(days, width, lower)]


def _joined(left: Sequence[Content], right: Sequence[Content], second_at: int) -> list[Content]:
    blank = Content("")
    tall = max(len(left), len(right))
    pairs = zip([*left, *[blank] * (tall - len(left))], [*right, *[blank] * (tall - len(right))], strict=True)
    return [Content.assemble(one.truncate(second_at, pad=True), other) for one, other in pairs]
