"""The charts of the ledger, in terminal cells: cost per day, shares by category, and the cumulative cost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from functools import lru_cache, partial
from itertools import zip_longest
from typing import Final

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content

from handinger_tui.core.amounts import Total, Unit, amount_text, excess_words, fitted
from handinger_tui.core.bars import part_styles, rising_line, stacked_bar, vertical_bar
from handinger_tui.core.columns import aligned
from handinger_tui.core.decimals import EXACT
from handinger_tui.core.figures import CATEGORIES
from handinger_tui.core.formatting import day_text, percent_text
from handinger_tui.core.money.chart_values import shares as shares_of
from handinger_tui.core.money.chart_values import why_no_split
from handinger_tui.core.money.spending import Bucket, sum_buckets
from handinger_tui.ui.spending.selection import Days
from handinger_tui.ui.widgets.frame import StaticReflow

MORE: Final = "+"
UNKNOWN: Final = "?"
FAINT: Final = "$text-muted"
BAR: Final = "$primary"
MARK: Final = "$accent"
STRONG: Final = "bold"
PARTS: Final = part_styles(("$primary", "$secondary", "$accent", FAINT), FAINT, len(CATEGORIES))
"""Block and color of each category, and of what is not split."""
_SPANS: Final = (1, 2, 3, 7, 14, 28, 91, 182, 364)
"""Numbers of days that one bar may cover."""
_WIDEST: Final = 8
"""Most cells of a bar with the gap after it."""
_LABEL: Final = 9
"""Cells of an amount at an axis: "$0.005608" keeps all its digits."""


def _amount_text(days: Days, amount: Decimal) -> str:
    """An amount in the unit of the charts, in at most `_LABEL` cells."""
    return fitted([amount], _LABEL, days.unit)[0]


# -- bars --------------------------------------------------------------------------------
def per_day(days: Days, width: int, height: int) -> list[Content]:
    """Cost per day as vertical bars in `height` lines (at least 6): caption, bars, axis, dates."""
    margin = _LABEL + 1
    columns = max(4, width - margin)
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
        label = _amount_text(days, highest) if row == 1 and highest else ""
        cells = [_cell(column[row], thick, gap) for column in drawn]
        lines.append(Content.assemble((f"{label:>{_LABEL}}{'┤' if label else '│'}", FAINT), *cells))
    lines.append(Content.styled(f"{'0':>{_LABEL}}└{'─' * (step * len(bars))}", FAINT))
    lines.append(_dates(days, margin, step * len(bars), columns))
    return [line.truncate(width) for line in lines]


def _merge_days(buckets: Sequence[Bucket], span: int) -> list[Bucket]:
    """Merge every `span` days into one bucket, counted back from the last day."""
    first = len(buckets) % span or span
    groups = [buckets[:first], *(buckets[at : at + span] for at in range(first, len(buckets), span))]
    return [sum_buckets(group, group[0].key) for group in groups]


def _column(amount: Total, highest: Decimal, rows: int) -> str:
    """One bar from top to bottom, `rows` + 1 lines: the extra one is for the sign on the highest bar."""
    if amount.value is None:
        return " " * rows + UNKNOWN
    sign = "" if amount.complete else MORE
    return (vertical_bar(amount.value, highest, rows) + sign).ljust(rows + 1)[::-1]


def _cell(character: str, thick: int, gap: str) -> Content:
    if character in (MORE, UNKNOWN):
        return Content.assemble((character.center(thick), MARK), gap)
    return Content.assemble((character * thick, BAR), gap)


def _notes(amounts: Sequence[Total]) -> str:
    more = any(amount.value is not None and not amount.complete for amount in amounts)
    unknown = any(amount.value is None for amount in amounts)
    signs = [f"{MORE} part"] * more + [f"{UNKNOWN} all"] * unknown
    return f"{', '.join(signs)} unknown" if signs else ""


def _caption(days: Days, span: int, notes: str, width: int) -> Content:
    per = {1: "per day", 7: "per week"}.get(span, f"per {span} days")
    measure = "Cost" if days.unit is Unit.USD else "Credits"
    return caption((f"{measure} {per}", STRONG), notes, width)


def caption(title: tuple[str, str], note: str, width: int) -> Content:
    """A caption, (text, style), with a note at the right edge where there is room for it."""
    room = width - len(title[0])
    return Content.assemble(title, (f"{note:>{room}}" if len(note) < room else "", FAINT))


def _dates(days: Days, margin: int, drawn: int, columns: int) -> Content:
    """The first and the last day under their bars."""
    spans_years = days.first.year != days.last.year
    first, last = (day_text(day, 0 if spans_years else day.year) for day in (days.first, days.last))
    if days.first == days.last:
        return Content.styled(" " * margin + first, FAINT)
    room = max(drawn, min(columns, len(first) + len(last) + 3))
    return Content.styled(f"{'':{margin}}{first}{last:>{max(1, room - len(first))}}", FAINT)


# -- shares ------------------------------------------------------------------------------
def shares(spent: Bucket, width: int) -> list[Content]:
    """The cost categories as one stacked bar, and a legend with amounts and percent."""
    title, parts = ("Where the cost went", STRONG), shares_of(spent)
    if reason := why_no_split(parts):
        return [Content.assemble(title), Content.styled(reason, FAINT)]
    # Mostly the same turns are missing in each category: one note in the title is enough.
    gaps = [part.usd.gap_words for part in parts]
    note, *different = {*gaps[: len(CATEGORIES)]}
    if different or len(note) >= width - len(title[0]):
        note = ""
    lines = [
        caption(title, note, width),
        split_bar(stacked_bar([part.usd.value for part in parts], None, width)),
    ]
    texts = _amounts([part.usd.value for part in parts])
    room = max(map(len, texts))
    # Block and name take 15 cells, a share 6, and the gap follows a space.
    has_shares = note or 15 + room + 6 + 1 + max(map(len, gaps)) <= width
    for part, text, gap, (block, color) in zip(parts, texts, gaps, PARTS, strict=False):
        share = "" if part.part is None or not has_shares else f"{percent_text(part.part):>6}"
        row = [(f"{block} ", color), (f"{part.name:<13}", FAINT), (f"{text:>{room}}", "")]
        gap_text = f" {gap}" if gap and not note else ""
        lines.append(Content.assemble(*row, (share, FAINT), (gap_text, MARK)).truncate(width))
    excess = excess_words(spent.split_excess)
    return [*lines, Content.styled(excess, MARK).truncate(width)] if excess else lines


def split_bar(pieces: Iterable[tuple[int, int]]) -> Content:
    """The pieces of a `stacked_bar`."""
    return Content.assemble(*((PARTS[at][0] * cells, PARTS[at][1]) for at, cells in pieces))


def _amounts(parts: Sequence[Decimal | None]) -> list[str]:
    """US dollars, aligned at their decimal points."""
    return aligned([amount_text(part) for part in parts])


# -- a line ------------------------------------------------------------------------------
def cumulative(days: Days, width: int, height: int) -> list[Content]:
    """The cost up to each day as a line of dots, in `height` lines (at least 5)."""
    margin, rows = _LABEL + 1, max(2, height - 3)
    columns = max(4, width - margin)
    running = [Decimal(0)]
    for bucket in days.buckets:
        running.append(EXACT.add(running[-1], days.spent(bucket).value or Decimal(0)))
    top, total = running[-1], days.spent(sum_buckets(days.buckets))
    gaps = f"+ {total.unknown_turns:,} unknown" if total.unknown_turns else ""
    lines = [caption(("Cumulative", STRONG), gaps, width)]
    if total.value is None:
        # A line along the axis would mean that nothing was spent.
        blank = Content("")
        return [*lines, Content.styled("No cost was reported.", FAINT), *[blank] * (rows + 1)]
    for row, text in enumerate(rising_line(running, columns, rows)):
        label = _amount_text(days, top) if row == 0 and top else ""
        edge = (f"{label:>{_LABEL}}{'┤' if label else '│'}", FAINT)
        lines.append(Content.assemble(edge, (text, BAR)))
    lines.append(Content.styled(f"{'0':>{_LABEL}}└{'─' * columns}", FAINT))
    lines.append(_dates(days, margin, columns, columns))
    return [line.truncate(width) for line in lines]


# -- all together ------------------------------------------------------------------------
SIDE_BY_SIDE: Final = 66
"""Least width, in cells, for two columns of charts when the height is too small for one."""
_COLUMN: Final = 26
"""Lines that three charts need in one column."""


def charts(days: Days, width: int, height: int) -> list[Content]:
    """All three charts for a pane of that size: in one column, or in two where it is wide and low."""
    draw = _two_columns if height < _COLUMN and width >= SIDE_BY_SIDE else _one_column
    return [line.truncate(width) for line in draw(days, sum_buckets(days.buckets), width, height)]


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
    pairs = zip_longest(left, right, fillvalue=Content(""))
    return [Content.assemble(one.truncate(second_at, pad=True), other) for one, other in pairs]


class Charts(VerticalScroll):
    """The charts, in a pane that scrolls where they do not fit."""

    def __init__(self) -> None:
        super().__init__(id="spending-charts", classes="page-list")
        self.border_title = "charts"
        self._drawing = StaticReflow()

    def compose(self) -> ComposeResult:
        """The widget with all charts."""
        yield self._drawing

    def show(self, days: Days | None) -> None:
        """Draw the charts of these days, as high as the pane or higher; None draws nothing."""
        if days is None:
            self._drawing.put(lambda _width: [])
        else:
            # Layout and painting both ask for the lines, mostly at the same size.
            draw = lru_cache(maxsize=1)(partial(charts, days))
            self._drawing.put(lambda width: draw(width, self.scrollable_content_region.height))
