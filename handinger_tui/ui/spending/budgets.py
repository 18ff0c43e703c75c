"""The budget comparison: the cost of turns at each budget level, and the month-end forecast."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from msgspec import Struct
from msgspec.structs import replace
from textual import work
from textual.content import Content

from handinger_tui.core.amounts import Unit, fitted
from handinger_tui.core.columns import NO_VALUE, Align, Column, Row, Tone
from handinger_tui.core.errors import HandingerError
from handinger_tui.core.formatting import UNKNOWN, duration, plural
from handinger_tui.core.money.budget_levels import ENOUGH_TO_ADVISE, BudgetRow, advice, compare
from handinger_tui.core.money.forecast import Forecast, daily, forecast, forecast_text, limit_outlook
from handinger_tui.core.money.limits import Gauge, Scope
from handinger_tui.core.money.report import first_of_forecast, local_day, unit_of
from handinger_tui.core.money.spending import Bucket, ChargeFilter, GroupBy
from handinger_tui.core.money.typical_cost import ENOUGH, Spread
from handinger_tui.core.periods import midnight_ms
from handinger_tui.core.safety import clean_line
from handinger_tui.ui.keys import Where, bindings
from handinger_tui.ui.pages import TextPage
from handinger_tui.ui.widgets.column_list import ScreenColumns

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from handinger_tui.ui.sessions.controller import SessionController

MUTED: Final = "$text-muted"
HEADING: Final = "bold $markdown-h1-color"
UNKNOWN_LEVEL: Final = "unknown"
"""The level of turns that others started, whose budget the service does not report."""
_LEVEL_WIDTH: Final = 11
"""Most cells of the name of a level."""
_MIN_BAR_WIDTH: Final = 12
"""Fewest cells of a bar."""


class Comparison(Struct, frozen=True):
    """The data of the screen. `kind`: see `Session`; `of_one`: of one target alone."""

    rows: tuple[BudgetRow, ...]
    forecast: Forecast
    kind: str = "worker"
    of_one: bool = False
    simulated: bool = False
    limits: tuple[str, ...] = ()
    """A sentence per limit."""

    @property
    def whose(self) -> str:
        """What is compared: "this worker", "all tasks"."""
        return f"this {self.kind}" if self.of_one else f"all {self.kind}s"


def budget_lines(comparison: Comparison, width: int) -> list[Content]:
    """All lines of the page at a width in cells."""
    lines = [*_table(comparison, width), Content("")] if comparison.rows else _empty(comparison, width)
    if comparison.rows:
        lines += [Content.styled("Advice", HEADING), *_wrapped(_advice(comparison.rows), width), Content("")]
    return [*lines, *_month(comparison, width)]


def _empty(comparison: Comparison, width: int) -> list[Content]:
    """The lines for a table without rows: why it is empty and what fills it."""
    why = f"No finished turns of {comparison.whose} yet." if comparison.of_one else "No finished turns yet."
    more = "Cost, time, steps and sources of turns at low, standard and high appear here side by side."
    other = f" Press a for all {comparison.kind}s." if comparison.of_one else ""
    return [*_wrapped(why, width, "bold"), *_wrapped(more + other, width, MUTED), Content("")]


# -- the table ---------------------------------------------------------------------------
class _Figure(Struct, frozen=True):
    """What a column of the table shows. `of` selects the amounts of a row; `write` formats one."""

    title: str
    of: Callable[[BudgetRow], Spread]
    write: Callable[[Decimal], str]

    def text(self, value: Decimal | None) -> str:
        return NO_VALUE if value is None else self.write(value)


def _figures(rows: Sequence[BudgetRow]) -> tuple[_Figure, ...]:
    usd = any(row.usd.counted for row in rows) or not any(row.credits.counted for row in rows)
    cost = _Figure("cost", lambda row: row.usd, lambda value: fitted([value], 11)[0])
    used = _Figure("credits", lambda row: row.credits, lambda value: fitted([value], 11, Unit.CREDITS)[0])
    return (
        cost if usd else used,
        _Figure("time", lambda row: row.elapsed_ms, lambda value: duration(int(value))),
        _Figure("steps", lambda row: row.steps, _plain),
        _Figure("sources", lambda row: row.sources, _plain),
    )


def _table(comparison: Comparison, width: int) -> list[Content]:
    figures = _figures(comparison.rows)
    first, *others = (Column(figure.title, Align.RIGHT) for figure in figures)
    columns = (
        Column(style=Tone.STRONG, most=_LEVEL_WIDTH),
        Column("turns", Align.RIGHT),
        first,
        *(replace(column, rank=rank) for rank, column in enumerate(others, 2)),
        Column("incomplete", Align.RIGHT, rank=1),
        Column(align=Align.BAR, rank=9, least=_MIN_BAR_WIDTH, style=Tone.BAR),
    )
    rows = [row for level in comparison.rows for row in _level_rows(level, figures, len(columns) - 1)]
    if len(comparison.rows) == 1:
        rows = [replace(row, values={}) for row in rows]
    fitted = ScreenColumns(columns, rows)
    notes = [f"Top line: median. Below: 90th percentile (needs {ENOUGH} turns)."]
    return [
        fitted.head(width).stylize(MUTED),
        *(fitted.line(row, width) for row in rows),
        Content(""),
        *(
            line
            for text in [*notes, *_gaps(comparison.rows, figures)]
            for line in _wrapped(text, width, MUTED)
        ),
    ]


def _level_rows(row: BudgetRow, figures: Sequence[_Figure], bar: int) -> tuple[Row, Row]:
    """The medians of a level, and below them the 90th percentiles. Fewer than `ENOUGH` turns have none."""
    spreads = [figure.of(row) for figure in figures]
    medians = [figure.text(spread.median) for figure, spread in zip(figures, spreads, strict=True)]
    percentiles = [
        figure.text(spread.p90 if spread.counted >= ENOUGH else None)
        for figure, spread in zip(figures, spreads, strict=True)
    ]
    percent = NO_VALUE if row.share_incomplete is None else f"{row.share_incomplete}%"
    cost = spreads[0].median
    return (
        Row(
            (_level_name(row, _LEVEL_WIDTH), f"{row.turns:,}", *medians, percent, ""),
            values={} if cost is None else {bar: cost},
        ),
        Row(("  90th", "", *percentiles, "", ""), styles=dict.fromkeys(range(bar), MUTED)),
    )


def _level_name(row: BudgetRow, limit: int) -> str:
    return clean_line(row.budget, limit) or UNKNOWN_LEVEL


def _plain(value: Decimal) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _gaps(rows: Sequence[BudgetRow], figures: Sequence[_Figure]) -> list[str]:
    """Sentences on the values that the table lacks, per figure and level."""
    gaps = []
    for figure in figures:
        missing = [(row, figure.of(row).unknown) for row in rows if figure.of(row).unknown]
        if missing:
            turns = ", ".join(f"{plural(count, 'turn')} at {_level_name(row, 40)}" for row, count in missing)
            gaps.append(f"{figure.title.capitalize()} {UNKNOWN}: {turns}.")
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
    lines += _wrapped(f"Spent: {_spent(month)}", width)
    if month.middle is not None:
        lines += _wrapped(f"Likely {forecast_text(month)}", width, "bold")
    lines += _wrapped(month.method, width, MUTED)
    return [*lines, *(line for text in comparison.limits for line in _wrapped(text, width))]


def _spent(month: Forecast) -> str:
    return month.spent.words(month.unit)


def _wrapped(text: str, width: int, style: str = "") -> list[Content]:
    return Content.styled(text, style).wrap(max(20, width))


MAX_TURNS: Final = 10_000
"""Most turns that are compared, the newest first."""


class BudgetsScreen(TextPage):
    """Shows the comparison for this worker or for all workers; the `a` key switches."""

    BINDINGS = bindings(Where.BUDGETS, Where.SCREEN)
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
        self._read()

    def action_other(self) -> None:
        """Switch between this worker and all workers."""
        if self._session.worker_id is None:
            self.say(f"This session has no {self._session.kind}. Showing all {self._session.kind}s.")
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
            compare(charges),
            forecast(daily(days, unit), today, share, unit),
            self._session.kind,
            self._only_this_worker,
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
