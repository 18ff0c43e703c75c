"""The lines of the comparison of budgets: a table, one sentence, and what the month comes to. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import accumulate
from typing import Final

from textual.content import Content

from handinger_tui.core.budgets import ENOUGH_TO_ADVISE, BudgetRow, advice
from handinger_tui.core.forecast import Forecast, forecast_text
from handinger_tui.core.limits import Unit
from handinger_tui.core.money import total_text
from handinger_tui.core.safety import clean_line
from handinger_tui.core.usual import ENOUGH, Spread, rough
from handinger_tui.core.words import NOT_REPORTED, duration, plural
from handinger_tui.ui.panels.drawing import LEFT, USED

FAINT: Final = "$text-muted"
HEAD: Final = "bold $primary"
NONE: Final = "—"
UNNAMED: Final = "not known"
"""The level of turns that others started, without telling how far they might go."""
_LEVEL: Final = 12
_SHARE: Final = 12
_NARROW: Final = 41
"""Below it the share of incomplete turns has no room."""
_BAR: Final = 12
"""Fewer cells make no bar."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the screen shows. `whose`: "this worker" or "all workers"; `limits`: a sentence for each limit."""

    whose: str
    rows: tuple[BudgetRow, ...]
    forecast: Forecast
    simulated: bool = False
    limits: tuple[str, ...] = ()


def budget_lines(shown: Comparison, width: int) -> list[Content]:
    """Everything, for `width` cells."""
    lines = [*_table(shown, width), Content("")] if shown.rows else _empty(shown, width)
    if shown.rows:
        lines += [Content.styled("What it says", HEAD), *_wrapped(_advice(shown.rows), width), Content("")]
    return [*lines, *_month(shown, width)]


def _empty(shown: Comparison, width: int) -> list[Content]:
    """What is missing, and what brings it."""
    why = (
        f"No turn of {shown.whose} has ended yet."
        if shown.whose == "this worker"
        else "No turn has ended yet."
    )
    more = (
        "Once turns at low, standard or high have ended, their cost, time, steps and sources stand here side "
        "by side."
    )
    other = " a shows all workers." if shown.whose == "this worker" else ""
    return [*_wrapped(why, width, "bold"), *_wrapped(more + other, width, FAINT), Content("")]


# -- the table ---------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class _Column:
    """`write` makes a cell of an amount."""

    title: str
    width: int
    of: Callable[[BudgetRow], Spread]
    write: Callable[[Decimal], str]


def _columns(rows: Sequence[BudgetRow]) -> tuple[_Column, ...]:
    usd = any(row.usd.known for row in rows) or not any(row.credits.known for row in rows)
    cost = _Column("cost", 11, lambda row: row.usd, lambda value: rough(value, Unit.USD))
    used = _Column(
        "credits", 11, lambda row: row.credits, lambda value: rough(value, Unit.CREDITS).split()[0]
    )
    return (
        cost if usd else used,
        _Column("time", 11, lambda row: row.elapsed_ms, lambda value: duration(int(value))),
        _Column("steps", 7, lambda row: row.steps, _plain),
        _Column("sources", 9, lambda row: row.sources, _plain),
    )


def _table(shown: Comparison, width: int) -> list[Content]:
    columns = _fitting(_columns(shown.rows), width)
    titles = "".join(f"{column.title:>{column.width}}" for column in columns)
    share = width >= _NARROW
    head = f"{'':{_LEVEL}}{'turns':>6}{titles}" + (f"{'incomplete':>{_SHARE}}" if share else "")
    lines = [Content.styled(head, FAINT)]
    room = width - len(head) - 2 if len(shown.rows) > 1 else 0
    most = max((columns[0].of(row).median or Decimal(0) for row in shown.rows), default=Decimal(0))
    for row in shown.rows:
        bar = _bar(columns[0].of(row).median, most, room) if room >= _BAR else Content("")
        lines += [Content.assemble(_medians(row, columns, share=share), bar), _ninetieths(row, columns)]
    lines += [Content(""), *_wrapped("Above the median, below it the 90th percentile.", width, FAINT)]
    return [*lines, *(line for text in _gaps(shown.rows, columns) for line in _wrapped(text, width, FAINT))]


def _fitting(columns: Sequence[_Column], width: int) -> Sequence[_Column]:
    """As many as there is room for, the first at least."""
    room = width - _LEVEL - 6 - (_SHARE if width >= _NARROW else 0)
    ends = accumulate(column.width for column in columns)
    kept = sum(end <= room for end in ends)
    return columns[: max(1, kept)]


def _medians(row: BudgetRow, columns: Sequence[_Column], *, share: bool) -> Content:
    level = f"{_name(row, _LEVEL - 1):<{_LEVEL}}"
    percent = NONE if row.share_incomplete is None else f"{row.share_incomplete} %"
    cells = [_cell(column, column.of(row).median, "") for column in columns]
    return Content.assemble(
        (level, "bold"), f"{row.turns:>6,}", *cells, f"{percent:>{_SHARE}}" if share else ""
    )


def _ninetieths(row: BudgetRow, columns: Sequence[_Column]) -> Content:
    """Of a few turns a 90th percentile says nothing."""
    spreads = [column.of(row) for column in columns]
    values = [spread.p90 if spread.known >= ENOUGH else None for spread in spreads]
    cells = [_cell(column, value, FAINT) for column, value in zip(columns, values, strict=True)]
    return Content.assemble((f"{'  90th':<{_LEVEL + 6}}", FAINT), *cells)


def _name(row: BudgetRow, limit: int) -> str:
    return clean_line(row.budget, limit) or UNNAMED


def _cell(column: _Column, value: Decimal | None, style: str) -> Content:
    text = NONE if value is None else column.write(value)
    return Content.styled(f"{text:>{column.width}}", FAINT if value is None else style)


def _bar(value: Decimal | None, most: Decimal, width: int) -> Content:
    """The median cost against the dearest level's."""
    if value is None or most <= 0:
        return Content("")
    filled = max(int(value > 0), int(value * width / most))
    return Content.assemble("  ", (USED * filled, "$primary"), (LEFT * (width - filled), FAINT))


def _plain(value: Decimal) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _gaps(rows: Sequence[BudgetRow], columns: Sequence[_Column]) -> list[str]:
    """What the table leaves out, level by level."""
    gaps = []
    for column in columns:
        missing = [(row, column.of(row).unknown) for row in rows if column.of(row).unknown]
        if missing:
            told = ", ".join(f"{plural(count, 'turn')} at {_name(row, 40)}" for row, count in missing)
            gaps.append(f"{column.title.capitalize()} {NOT_REPORTED}: {told}.")
    few = any(0 < column.of(row).known < ENOUGH for row in rows for column in columns)
    return [*gaps, f"{NONE} below {ENOUGH} turns no 90th percentile is told."] if few else gaps


def _advice(rows: Sequence[BudgetRow]) -> str:
    told = advice(rows)
    if told is not None:
        return told
    known = [max(row.usd.known, row.credits.known) for row in rows if row.budget]
    if sum(count >= ENOUGH_TO_ADVISE for count in known) >= 2:
        return "No two levels differ clearly so far."
    return (
        f"Not enough turns to say: it takes {ENOUGH_TO_ADVISE} turns with a known cost at each of two levels."
    )


# -- the month ---------------------------------------------------------------------------
def _month(shown: Comparison, width: int) -> list[Content]:
    found = shown.forecast
    money = " · simulated money" if shown.simulated else ""
    lines = [Content.assemble(("This month", HEAD), (f" · {shown.whose}{money}", FAINT))]
    lines += _wrapped(f"Spent so far: {_spent(found)}", width)
    if found.middle is not None:
        lines += _wrapped(f"Likely {forecast_text(found)}", width, "bold")
    lines += _wrapped(found.method, width, FAINT)
    return [*lines, *(line for text in shown.limits for line in _wrapped(text, width))]


def _spent(found: Forecast) -> str:
    if found.unit is Unit.USD or found.spent.value is None:
        return total_text(found.spent)
    gaps = f" + {plural(found.spent.missing_turns, 'turn')} unknown" if not found.spent.whole else ""
    return rough(found.spent.value, found.unit) + gaps


def _wrapped(text: str, width: int, style: str = "") -> list[Content]:
    return Content.styled(text, style).wrap(max(20, width))
