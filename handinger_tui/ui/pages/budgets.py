"""The budget comparison: the cost of turns at each budget level, and the month-end forecast."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from itertools import accumulate
from typing import TYPE_CHECKING, ClassVar, Final

from msgspec import Struct
from msgspec.structs import replace
from textual import work
from textual.binding import BindingType
from textual.content import Content

from handinger_tui.core.amounts import Unit
from handinger_tui.core.bars import level, scale
from handinger_tui.core.errors import HandingerError
from handinger_tui.core.formatting import UNKNOWN, duration, plural
from handinger_tui.core.money.forecast import Forecast, daily, forecast, forecast_text, limit_outlook
from handinger_tui.core.money.limits import Gauge, Scope
from handinger_tui.core.money.spending import Bucket, ChargeFilter, GroupBy, midnight_ms
from handinger_tui.core.money.typical_cost import (
    ENOUGH,
    ENOUGH_TO_ADVISE,
    BudgetRow,
    Spread,
    advice,
    compare,
)
from handinger_tui.core.money.words import fitted, total_words
from handinger_tui.core.safety import clean_line
from handinger_tui.ui.keys import Where, bindings
from handinger_tui.ui.ledger.query import first_of_forecast, local_day, unit_of
from handinger_tui.ui.pages import TextPage

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from handinger_tui.ui.work.session_controller import SessionController

MUTED: Final = "$text-muted"
HEADING: Final = "bold $markdown-h1-color"
NO_VALUE: Final = "—"
UNKNOWN_LEVEL: Final = "unknown"
"""The level of turns that others started, whose budget the service does not report."""
_LEVEL_WIDTH: Final = 12
_SHARE_WIDTH: Final = 12
_MIN_WIDTH_FOR_SHARE: Final = 41
"""Width in cells from which the share of incomplete turns has room."""
_MIN_BAR_WIDTH: Final = 12
"""Fewest cells of a bar."""


class Comparison(Struct, frozen=True):
    """The data of the screen. `whose`: "this worker" or "all workers"; `limits`: a sentence per limit."""

    whose: str
    rows: tuple[BudgetRow, ...]
    forecast: Forecast
    simulated: bool = False
    limits: tuple[str, ...] = ()


def budget_lines(comparison: Comparison, width: int) -> list[Content]:
    """All lines of the page at a width in cells."""
    lines = [*_table(comparison, width), Content("")] if comparison.rows else _empty(comparison, width)
    if comparison.rows:
        lines += [Content.styled("Advice", HEADING), *_wrapped(_advice(comparison.rows), width), Content("")]
    return [*lines, *_month(comparison, width)]


def _empty(comparison: Comparison, width: int) -> list[Content]:
    """The lines for a table without rows: why it is empty and what fills it."""
    why = (
        f"No finished turns of {comparison.whose} yet."
        if comparison.whose == "this worker"
        else "No finished turns yet."
    )
    more = "Cost, time, steps and sources of turns at low, standard and high appear here side by side."
    other = " Press a for all workers." if comparison.whose == "this worker" else ""
    return [*_wrapped(why, width, "bold"), *_wrapped(more + other, width, MUTED), Content("")]


# -- the table ---------------------------------------------------------------------------
class _Column(Struct, frozen=True):
    """A column of the table. `of` selects the amount of a row; `write` formats it as a cell."""

    title: str
    width: int
    of: Callable[[BudgetRow], Spread]
    write: Callable[[Decimal], str]


def _columns(rows: Sequence[BudgetRow]) -> tuple[_Column, ...]:
    usd = any(row.usd.counted for row in rows) or not any(row.credits.counted for row in rows)
    cost = _Column("cost", 11, lambda row: row.usd, lambda value: fitted([value], 11)[0])
    used = _Column("credits", 11, lambda row: row.credits, lambda value: fitted([value], 11, Unit.CREDITS)[0])
    return (
        cost if usd else used,
        _Column("time", 11, lambda row: row.elapsed_ms, lambda value: duration(int(value))),
        _Column("steps", 7, lambda row: row.steps, _plain),
        _Column("sources", 9, lambda row: row.sources, _plain),
    )


def _table(comparison: Comparison, width: int) -> list[Content]:
    columns = _fitting(_columns(comparison.rows), width)
    titles = "".join(f"{column.title:>{column.width}}" for column in columns)
    with_share = width >= _MIN_WIDTH_FOR_SHARE
    head = f"{'':{_LEVEL_WIDTH}}{'turns':>6}{titles}" + (
        f"{'incomplete':>{_SHARE_WIDTH}}" if with_share else ""
    )
    lines = [Content.styled(head, MUTED)]
    room = width - len(head) - 2 if len(comparison.rows) > 1 else 0
    highest = max((columns[0].of(row).median or Decimal(0) for row in comparison.rows), default=Decimal(0))
    for row in comparison.rows:
        bar = _bar(columns[0].of(row).median, highest, room) if room >= _MIN_BAR_WIDTH else Content("")
        lines += [
            Content.assemble(_medians(row, columns, with_share=with_share), bar),
            _percentiles(row, columns),
        ]
    lines += [
        Content(""),
        *_wrapped(f"Top line: median. Below: 90th percentile (needs {ENOUGH} turns).", width, MUTED),
    ]
    return [
        *lines,
        *(line for text in _gaps(comparison.rows, columns) for line in _wrapped(text, width, MUTED)),
    ]


def _fitting(columns: Sequence[_Column], width: int) -> Sequence[_Column]:
    """The columns that have room, but at least the first."""
    room = width - _LEVEL_WIDTH - 6 - (_SHARE_WIDTH if width >= _MIN_WIDTH_FOR_SHARE else 0)
    ends = accumulate(column.width for column in columns)
    count = sum(end <= room for end in ends)
    return columns[: max(1, count)]


def _medians(row: BudgetRow, columns: Sequence[_Column], *, with_share: bool) -> Content:
    level = f"{_level_name(row, _LEVEL_WIDTH - 1):<{_LEVEL_WIDTH}}"
    percent = NO_VALUE if row.share_incomplete is None else f"{row.share_incomplete}%"
    cells = [_cell(column, column.of(row).median, "") for column in columns]
    return Content.assemble(
        (level, "bold"), f"{row.turns:>6,}", *cells, f"{percent:>{_SHARE_WIDTH}}" if with_share else ""
    )


def _percentiles(row: BudgetRow, columns: Sequence[_Column]) -> Content:
    """The line of 90th percentiles. Fewer than `ENOUGH` turns have none."""
    spreads = [column.of(row) for column in columns]
    values = [spread.p90 if spread.counted >= ENOUGH else None for spread in spreads]
    cells = [_cell(column, value, MUTED) for column, value in zip(columns, values, strict=True)]
    return Content.assemble((f"{'  90th':<{_LEVEL_WIDTH + 6}}", MUTED), *cells)


def _level_name(row: BudgetRow, limit: int) -> str:
    return clean_line(row.budget, limit) or UNKNOWN_LEVEL


def _cell(column: _Column, value: Decimal | None, style: str) -> Content:
    text = NO_VALUE if value is None else column.write(value)
    return Content.styled(f"{text:>{column.width}}", MUTED if value is None else style)


def _bar(value: Decimal | None, highest: Decimal, width: int) -> Content:
    """A bar of the median cost, relative to the highest median of all levels."""
    if value is None or highest <= 0:
        return Content("")
    filled = scale(value, highest, width)
    bar = level(filled, width)
    return Content.assemble("  ", (bar[:filled], "$primary"), (bar[filled:], MUTED))


def _plain(value: Decimal) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _gaps(rows: Sequence[BudgetRow], columns: Sequence[_Column]) -> list[str]:
    """Sentences on the values that the table lacks, per column and level."""
    gaps = []
    for column in columns:
        missing = [(row, column.of(row).unknown) for row in rows if column.of(row).unknown]
        if missing:
            turns = ", ".join(f"{plural(count, 'turn')} at {_level_name(row, 40)}" for row, count in missing)
            gaps.append(f"{column.title.capitalize()} {UNKNOWN}: {turns}.")
    return gaps


def _advice(rows: Sequence[BudgetRow]) -> str:
    text = advice(rows)
    if text is not None:
        return text
    counts = [max(row.usd.counted, row.credits.counted) for row in rows if row.budget]
    if sum(count >= ENOUGH_TO_ADVISE for count in counts) >= 2:
        return "No clear difference between levels so far."
    return f"Not enough data: needs {ENOUGH_TO_ADVISE} turns with a known cost at each of two levels."


# -- the month ---------------------------------------------------------------------------
def _month(comparison: Comparison, width: int) -> list[Content]:
    month = comparison.forecast
    money = " · simulated money" if comparison.simulated else ""
    lines = [Content.assemble(("This month", HEADING), (f" · {comparison.whose}{money}", MUTED))]
    lines += _wrapped(f"Spent so far: {_spent(month)}", width)
    if month.middle is not None:
        lines += _wrapped(f"Likely {forecast_text(month)}", width, "bold")
    lines += _wrapped(month.method, width, MUTED)
    return [*lines, *(line for text in comparison.limits for line in _wrapped(text, width))]


def _spent(month: Forecast) -> str:
    return total_words(month.spent, month.unit)


def _wrapped(text: str, width: int, style: str = "") -> list[Content]:
    return Content.styled(text, style).wrap(max(20, width))


MAX_TURNS: Final = 10_000
"""Most turns that are compared, the newest first."""


class BudgetsScreen(TextPage):
    """Shows the comparison for this worker or for all workers; the `a` key switches."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Where.BUDGETS, Where.SCREEN)
    NAME = "budgets"
    BOX_CLASSES = "page -broad"

    def __init__(self, controller: SessionController, now_ms: Callable[[], int]) -> None:
        super().__init__()
        self._controller = controller
        self._session = controller.session
        """While this page is open, another session may come to the work screen."""
        self._now_ms = now_ms
        self._only_this_worker = self._session.worker_id is not None

    def on_mount(self) -> None:
        """Start reading."""
        self._read()

    def action_other(self) -> None:
        """Switch between this worker and all workers."""
        if self._session.worker_id is None:
            self.say("This session has no worker. Showing all workers.")
            return
        self._only_this_worker = not self._only_this_worker
        self._read()

    @work(group="read", exclusive=True)
    async def _read(self) -> None:
        """Read the history and show the comparison.

        A long history takes time, so the screen is shown before.
        """
        self._set_title("Reading the history…")
        try:
            comparison = await self._compare()
        except HandingerError as problem:
            self._set_title("")
            self.text.put_wrapped([Content.styled(problem.text, "$error")])
            return
        money = " · simulated money" if comparison.simulated else ""
        self._set_title(f"{comparison.whose}{money}")
        self.text.put(lambda width: budget_lines(comparison, width))

    def _set_title(self, text: str) -> None:
        self.put_title(Content.assemble(("Budget comparison", "bold"), (f"   {text}", MUTED)))

    # -- reading -------------------------------------------------------------------------
    async def _compare(self) -> Comparison:
        reader = self._controller.connection.charges
        worker_id = self._session.worker_id if self._only_this_worker else None
        # Real charges if there are any, else the simulated ones of the local worker; never both together.
        which = ChargeFilter(worker_id=worker_id, simulated=False)
        charges = await reader.turn_charges(which, limit=MAX_TURNS)
        if not charges:
            which = replace(which, simulated=True)
            charges = await reader.turn_charges(which, limit=MAX_TURNS)
        days = await self._read_days(which)
        today, share = local_day(self._now_ms())
        unit = unit_of(days)
        return Comparison(
            "this worker" if self._only_this_worker else "all workers",
            compare(charges),
            forecast(daily(days, unit), today, share, unit),
            simulated=bool(charges) and bool(which.simulated),
            limits=await self._limit_sentences(bool(which.simulated), today),
        )

    async def _limit_sentences(self, simulated: bool, today: date) -> tuple[str, ...]:
        """The sentences of `limit_outlook` for the limits of the session; limits without one are omitted."""
        session = self._session
        sentences = []
        for gauge in await self._controller.connection.limits.gauges(session):
            days = await self._read_days(_filter_of(gauge, session.session_id, session.worker_id, simulated))
            sentences.append(limit_outlook(gauge, daily(days, gauge.limit.unit), today))
        return tuple(text for text in sentences if text)

    async def _read_days(self, which: ChargeFilter) -> list[Bucket]:
        """The charges per day, as far back as a forecast needs them."""
        first = first_of_forecast(local_day(self._now_ms())[0])
        since = replace(which, since_ms=midnight_ms(first))
        return await self._controller.connection.charges.buckets(GroupBy.DAY, since)


def _filter_of(gauge: Gauge, session_id: str, worker_id: str | None, simulated: bool) -> ChargeFilter:
    scope = gauge.limit.scope
    return ChargeFilter(
        session_id=session_id if scope is Scope.SESSION else None,
        worker_id=worker_id if scope is Scope.WORKER else None,
        simulated=simulated,
    )
