"""Budget comparison: what turns took at each level, and the month-end forecast."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from itertools import accumulate
from typing import ClassVar, Final

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from handinger_tui.core.errors import HandingerError
from handinger_tui.core.formatting import NOT_REPORTED, duration, plural
from handinger_tui.core.money.amounts import total_text
from handinger_tui.core.money.budgets import ENOUGH_TO_ADVISE, BudgetRow, advice, compare
from handinger_tui.core.money.forecast import WINDOW, Forecast, daily, forecast, forecast_text, limit_text
from handinger_tui.core.money.limits import Gauge, Scope, Unit
from handinger_tui.core.money.spending import Bucket, ChargeFilter, GroupBy
from handinger_tui.core.money.typical_cost import ENOUGH, Spread, rough
from handinger_tui.core.safety.cleaning import clean_line
from handinger_tui.ui.keys import Where, bindings
from handinger_tui.ui.panels.usage.charts import LEFT, USED
from handinger_tui.ui.widgets.footer import FooterLine
from handinger_tui.ui.widgets.static_reflow import StaticReflow
from handinger_tui.ui.work.session_controller import SessionController

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


MOST_TURNS: Final = 10_000
_DAY_S: Final = 86_400


class BudgetsScreen(ModalScreen[None]):
    """`a` goes between this worker and all of them."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Where.BUDGETS)
    AUTO_FOCUS = "#budgets-body"

    def __init__(
        self, desk: SessionController, now_ms: Callable[[], int], zone: tzinfo | None = None
    ) -> None:
        """`zone` decides what a day is; None: as the machine does."""
        super().__init__()
        self._desk = desk
        self._now_ms = now_ms
        self._zone = zone
        self._one = desk.session.worker_id is not None
        self.shown: Comparison | None = None

    def compose(self) -> ComposeResult:
        """Title, text, keys."""
        with Vertical(id="budgets"):
            yield Static(id="budgets-title")
            with VerticalScroll(id="budgets-body"):
                yield StaticReflow(id="budgets-text")
            yield FooterLine()

    def on_mount(self) -> None:
        """Read at once; no passing line covers the table."""
        self.app.clear_notifications()
        self._read()

    def action_other(self) -> None:
        """This worker, or all of them."""
        if self._desk.session.worker_id is None:
            self.notify("This session has no worker yet: these are all of them.", markup=False)
            return
        self._one = not self._one
        self._read()

    def action_close(self) -> None:
        """Back to work."""
        self.dismiss()

    @work(group="read", exclusive=True)
    async def _read(self) -> None:
        """The history may be long: the screen stands before it is read."""
        self._title("reading the history…")
        try:
            self.shown = await self._compared()
        except HandingerError as problem:
            said = Content.styled(f"{problem.summary} {problem.hint}".strip(), "$error")
            self._title("")
            self.query_one("#budgets-text", StaticReflow).put(lambda width: list(said.wrap(width)))
            return
        shown = self.shown
        money = " · simulated money" if shown.simulated else ""
        self._title(f"{shown.whose}{money}")
        self.query_one("#budgets-text", StaticReflow).put(lambda width: budget_lines(shown, width))

    def _title(self, text: str) -> None:
        title = Content.assemble(("Budgets compared", "bold"), (f"   {text}", "$text-muted"))
        self.query_one("#budgets-title", Static).update(title)

    # -- reading -------------------------------------------------------------------------
    async def _compared(self) -> Comparison:
        books = self._desk.connection.books
        worker_id = self._desk.session.worker_id if self._one else None
        # Real money where there is any; the pretend money of the local worker only by itself.
        which = ChargeFilter(worker_id=worker_id, simulated=False)
        charges = await books.turn_charges(which, limit=MOST_TURNS)
        if not charges:
            which = replace(which, simulated=True)
            charges = await books.turn_charges(which, limit=MOST_TURNS)
        days = await self._days(which)
        today, share = self._today()
        unit = Unit.USD if any(day.usd.known is not None for day in days) else _unit(days)
        return Comparison(
            "this worker" if self._one else "all workers",
            compare(charges),
            forecast(daily(days, unit), today, share, unit),
            simulated=bool(charges) and bool(which.simulated),
            limits=await self._limits(bool(which.simulated), today),
        )

    async def _limits(self, simulated: bool, today: date) -> tuple[str, ...]:
        """A sentence for each limit that these days mean something for."""
        session = self._desk.session
        told = []
        for gauge in await self._desk.connection.purse.gauges(session):
            days = await self._days(_which(gauge, session.session_id, session.worker_id, simulated))
            told.append(limit_text(gauge, daily(days, gauge.limit.unit), today))
        return tuple(text for text in told if text)

    async def _days(self, which: ChargeFilter) -> list[Bucket]:
        """Day by day, as far back as a forecast looks."""
        today, _ = self._today()
        first = min(today.replace(day=1), today - timedelta(days=WINDOW))
        since = datetime.combine(first, time.min, tzinfo=self._zone).timestamp()
        return await self._desk.connection.books.buckets(
            GroupBy.DAY, replace(which, since_ms=int(since * 1000))
        )

    def _today(self) -> tuple[date, Decimal]:
        """The day it is, and how much of it is over."""
        now = datetime.fromtimestamp(self._now_ms() / 1000, self._zone)
        passed = now - datetime.combine(now.date(), time.min, tzinfo=now.tzinfo)
        return now.date(), min(Decimal(1), Decimal(int(passed.total_seconds())) / _DAY_S)


def _unit(days: list[Bucket]) -> Unit:
    return Unit.CREDITS if any(day.credits.known is not None for day in days) else Unit.USD


def _which(gauge: Gauge, session_id: str, worker_id: str | None, simulated: bool) -> ChargeFilter:
    scope = gauge.limit.scope
    return ChargeFilter(
        session_id=session_id if scope is Scope.SESSION else None,
        worker_id=worker_id if scope is Scope.WORKER else None,
        simulated=simulated,
    )
