"""The Spending page: what is spent and left, by period, project, worker and more, and turn by turn."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

from msgspec import Struct
from msgspec.structs import replace
from textual import events, on, work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content

from handinger_tui.core.columns import Column
from handinger_tui.core.errors import HandingerError
from handinger_tui.core.formatting import local_time
from handinger_tui.core.money.reconciliation import UNASSIGNED, rise_text
from handinger_tui.core.money.report import Report
from handinger_tui.core.money.report_rows import (
    OVERVIEW_COLUMNS,
    Line,
    group_columns,
    group_line,
    overview_lines,
    turn_columns,
    turn_line,
    unassigned_turn_line,
    used_columns,
)
from handinger_tui.core.money.spending import TIME_GROUPS, ChargeFilter, GroupBy, Rise
from handinger_tui.core.safety import clean_line
from handinger_tui.ui.dialogs import Choice, Modal
from handinger_tui.ui.keys import Where, bindings
from handinger_tui.ui.spending import head
from handinger_tui.ui.spending.charts import Charts
from handinger_tui.ui.spending.head import Foot, Head, assigned_line, rise_line
from handinger_tui.ui.spending.selection import Days, SpendingView, days_of
from handinger_tui.ui.spending.table import PAGE, SpendingTable
from handinger_tui.ui.widgets.frame import FooterLine

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from handinger_tui.core.money.spending import TurnCharge
    from handinger_tui.core.turns.session import Session
    from handinger_tui.ui.ports import ChargeReader, RulingStore

T = TypeVar("T")

MAX_OWNERS: Final = 100
"""Most turns of a worker, the newest ones, that are offered as owners of suspense."""
_UNDO: Final = "-"
"""Prefix of the name of a choice that undoes an assignment."""
WIDE: Final = 110
"""Least width, in columns, for charts beside the table."""
EMPTY: Final = (
    "Nothing spent yet. Each turn appears here with its cost: by day, worker, session, budget and trigger, "
    "and turn by turn, with charts."
)
NOTHING: Final = "Nothing was spent here. Press p for another period, Backspace to go up."


class Shown(Struct, frozen=True):
    """What was read for a view. `lines`: all rows, None for single turns, which are read page by page."""

    view: SpendingView
    report: Report
    columns: tuple[Column, ...]
    lines: tuple[Line, ...] | None
    chart: Days | None

    @property
    def count(self) -> int:
        """The number of rows: those of suspense are the last ones."""
        if self.lines is not None:
            return len(self.lines)
        return self.report.turns + len(self.report.suspense)


def shown_of(view: SpendingView, report: Report, now_ms: int) -> Shown:
    """The rows and the charts of a report."""
    chart, by, year = days_of(report.days, *view.chart_days(now_ms)), view.by, local_time(now_ms).year
    in_credits = report.total.in_credits
    if by is None:
        # Without any charge there is no overview either.
        lines = overview_lines(report, view.kind) if report.days or report.suspense else []
        return _grouped(view, report, OVERVIEW_COLUMNS, lines, chart)
    if by is GroupBy.TURN:
        return Shown(view, report, turn_columns(in_credits=in_credits), None, chart)
    groups = report.groups or ()
    # The newest period first: people look for it most.
    ordered = (*(groups[::-1] if by in TIME_GROUPS else groups), *report.suspense)
    lines = [group_line(one, by, year, view.kind, in_credits=in_credits) for one in ordered]
    return _grouped(view, report, group_columns(by, view.kind, in_credits=in_credits), lines, chart)


def _grouped(
    view: SpendingView, report: Report, columns: Sequence[Column], lines: Sequence[Line], chart: Days | None
) -> Shown:
    used = used_columns(columns, [line.row for line in lines])
    return Shown(view, report, used, tuple(lines), chart)


class SpendingScreen(Modal[str]):
    """All spending. The result is the id of a session to open, None when closed."""

    BINDINGS = bindings(Where.SPENDING, Where.SCREEN)
    AUTO_FOCUS = "#spending-table"

    def __init__(
        self,
        charges: ChargeReader,
        rulings: RulingStore,
        open_session: Callable[[], Session],
        now_ms: Callable[[], int],
        *,
        simulated: bool,
    ) -> None:
        """`open_session` returns the newest value of the open session. `simulated`: the money of the app."""
        super().__init__()
        self.HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (WIDE, "-wide")]
        self.VERTICAL_BREAKPOINTS = [(0, "-low"), (18, "-high")]
        self._charges = charges
        self._rulings = rulings
        self._open_session = open_session
        self._now_ms = now_ms
        self._simulated = simulated
        self._view = SpendingView(kind=open_session().kind)
        self._money_is_chosen = False
        """Whether the user chose real or simulated money; else the screen chooses."""
        self._shown: Shown | None = None
        self._cursor_key: str | None = None
        """Key of the row that the cursor moves to once the figures are read."""

    def compose(self) -> ComposeResult:
        """Totals, table and charts, forecast and comparison, keys."""
        with Vertical(id="spending"):
            yield Head(self._view)
            with Horizontal(id="spending-body"):
                yield SpendingTable()
                yield Charts()
            yield Foot(id="spending-foot", classes="page-bottom")
            yield FooterLine()

    @property
    def table(self) -> SpendingTable:
        """The table of rows."""
        return self.query_one(SpendingTable)

    def reload(self) -> None:
        """Read the history again after a change; the cursor stays where it is."""
        if self.is_mounted:
            self.action_reload()

    # -- reading -----------------------------------------------------------------------
    @on(events.ScreenResume)
    @work(group="read", exclusive=True)
    async def action_reload(self) -> None:
        """Read the history: when opened, on request, and when a screen above is closed."""
        await self._show_when_read(self._read(), self._show)

    async def _show_when_read(self, reading: Awaitable[T], show: Callable[[T], None]) -> None:
        """Show what `reading` returns, or an error of the history in place of the rows.

        Nothing is shown where the screen was closed in the meantime.
        """
        try:
            show_result = partial(show, await reading)
        except HandingerError as problem:
            show_result = partial(self._show_error, problem)
        if self.query(Head):
            show_result()

    def _show_error(self, problem: HandingerError) -> None:
        self._shown = None
        self.query_one(Head).show(head.HeadData(self._view, failed=True))
        self.query_one(Foot).show(None)
        self.query_one(Charts).show(None)
        self.set_class(True, "-empty")
        self.table.show_message(f"Cannot read the history. {clean_line(problem.text)}")
        self.refresh_bindings()

    async def _read(self) -> Shown:
        now_ms, view, session = self._now_ms(), self._view, self._open_session()
        report = await self._charges.report(view.selection(now_ms), session)
        is_empty = view.is_unfiltered and not (report.days or report.suspense)
        if is_empty and not self._money_is_chosen and not view.simulated:
            # Real money if there is any, else simulated money.
            other = replace(view, simulated=True)
            pretended = await self._charges.report(other.selection(now_ms), session)
            if (pretended.days or self._simulated) and self._view == view:
                self._view, view, report = other, other, pretended
        return shown_of(view, report, now_ms)

    def _show(self, shown: Shown) -> None:
        before, self._shown = self._shown, shown
        report, by = shown.report, shown.view.by
        self.query_one(Head).show(head.HeadData(shown.view, report.total))
        self.query_one(Foot).show(report)
        self.query_one(Charts).show(shown.chart)
        self.set_class(shown.chart is None, "-empty")
        table = self.table
        # The sum of the rows of tags may be more than the total.
        overlap = " · sessions count in each of their tags" if by is GroupBy.TAG else ""
        title = "overview" if by is None else f"by {shown.view.caption(by).lower()}{overlap}"
        table.border_title = Content(title)
        if not shown.count:
            table.show_message(EMPTY if shown.view.is_unfiltered else NOTHING)
        else:
            is_new_view = before is None or before.view != shown.view
            cursor_key = (self._cursor_key or "") if is_new_view else None
            table.show(shown.columns, shown.count, cursor_key=cursor_key)
            if shown.lines is not None:
                table.add_page(0, shown.lines[:PAGE])
        self._cursor_key = None
        self.refresh_bindings()

    @on(SpendingTable.PageRequested)
    def _handle_page_request(self, event: SpendingTable.PageRequested) -> None:
        shown = self._shown
        if shown is None:
            return
        if shown.lines is None:
            self._load_turns(shown, event.page)
        else:
            self.table.add_page(event.page, shown.lines[event.page * PAGE : (event.page + 1) * PAGE])

    @property
    def _year(self) -> int:
        """The present year, which dates omit."""
        return local_time(self._now_ms()).year

    @work(group="turns")
    async def _load_turns(self, shown: Shown, page: int) -> None:
        def show(charges: Sequence[TurnCharge]) -> None:
            if shown is not self._shown:
                # Another view was opened during the read.
                return
            year, in_credits = self._year, shown.report.total.in_credits
            lines = [turn_line(charge, year, in_credits=in_credits) for charge in charges]
            # The rows of suspense follow those of the turns.
            first = max(0, page * PAGE - shown.report.turns)
            more = shown.report.suspense[first : first + PAGE - len(lines)]
            lines += [unassigned_turn_line(bucket, year, in_credits=in_credits) for bucket in more]
            self.table.add_page(page, lines)

        charges = self._charges.turn_charges(shown.report.selection.which, PAGE, page * PAGE)
        await self._show_when_read(charges, show)

    def on_resize(self) -> None:
        """Update the keys: the one for the charts works only on a narrow screen."""
        self.refresh_bindings()

    # -- keys ----------------------------------------------------------------------------
    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer only keys that have an effect now."""
        match action:
            case "widen":
                return bool(self._view.narrowed)
            case "period":
                return self._view.by is not None
            case "charts":
                shown = self._shown
                return self.has_class("-narrow") and shown is not None and shown.chart is not None
            case "open":
                line = self._line
                return line is not None and line.session_id is not None
            case "narrow":
                line = self._line
                return line is not None and (bool(line.rises or line.opens) or line.by is not GroupBy.TRIGGER)
            case "assign":
                shown = self._shown
                return shown is not None and bool(shown.report.suspense or shown.report.assigned)
            case _:
                return True

    @property
    def _line(self) -> Line | None:
        return self.table.current if self.is_mounted else None

    def _go(self, view: SpendingView, cursor_key: str | None = None) -> None:
        """Switch to a view: its captions at once, its figures as soon as they are read."""
        self._view, self._cursor_key = view, cursor_key
        self.query_one(Head).show_view(view)
        if self.has_class("-charts"):
            self.action_charts()
        self.refresh_bindings()
        self.action_reload()

    @on(Head.ActionClicked)
    def _handle_head_click(self, event: Head.ActionClicked) -> None:
        if event.action == head.PERIOD:
            self.action_period()
        elif event.action == head.WIDEN:
            self.action_widen()
        else:
            self.action_group(event.action)

    def action_group(self, by: str) -> None:
        """Group by `by`, the value of a `GroupBy`; again: by the next grouping with the same key."""
        self._go(self._view.grouped(None if by == head.OVERVIEW else GroupBy(by)))

    def action_period(self) -> None:
        """Switch to the next period; charts stay open."""
        charts = self.has_class("-charts")
        self._go(self._view.next_period())
        if charts:
            self.action_charts()

    @on(SpendingTable.Selected)
    def action_narrow(self) -> None:
        """Show only the charges of the row under the cursor; assign it where it is suspense."""
        line = self.table.current
        if line is None:
            return
        if line.rises:
            self.action_assign()
        elif line.opens is not None:
            self._go(replace(self._view, by=line.opens))
        elif (view := self._view.narrow(line)) is not None:
            self._go(view)
        else:
            self.notify("Nothing to drill into here.", severity="warning", markup=False)

    def action_widen(self) -> None:
        """Remove the last narrowing."""
        if self._view.narrowed:
            self._go(self._view.widen(), self._view.narrowed[-1].previous_key)

    def action_back(self) -> None:
        """Close the charts over the table, else remove the last narrowing, else close the screen."""
        if self.has_class("-charts") and self.has_class("-narrow"):
            self.action_charts()
        elif self._view.narrowed:
            self.action_widen()
        else:
            self.dismiss(None)

    def action_charts(self) -> None:
        """Toggle between table and charts, where there is no room for both."""
        self.toggle_class("-charts")
        (self.query_one(Charts) if self.has_class("-charts") else self.table).focus()

    def action_money(self) -> None:
        """Toggle between real and simulated money."""
        self._money_is_chosen = True
        self._go(replace(self._view, simulated=not self._view.simulated))

    @work(group="assign", exclusive=True)
    async def action_assign(self) -> None:
        """Assign suspense to a turn, or undo that: the suspense of the row, else that of the view."""
        shown, line = self._shown, self.table.current
        if shown is None:
            return
        try:
            assignment = await self._choose_assignment(shown.report, line.rises if line is not None else ())
            if assignment is not None:
                await self._rulings.assign(*assignment, self._now_ms())
                self.action_reload()
        except HandingerError as problem:
            self.say(problem.text, failed=True)

    async def _choose_assignment(
        self, report: Report, rises: Sequence[Rise]
    ) -> tuple[int, str | None] | None:
        """Ask for one of `rises` (none: of all in the report) and its turn; None: a question was closed.

        Returns the number of the rise and the id of the turn, None as the id to undo an assignment.
        """
        if len(rises) == 1:
            rise = rises[0]
        else:
            listed = rises or [rise for bucket in report.suspense for rise in bucket.rises]
            offered = {str(one.number): one for one in listed}
            choices = [(number, rise_line(one)) for number, one in offered.items()]
            assignments = report.assigned if not rises else ()
            choices += [(f"{_UNDO}{one.number}", assigned_line(one)) for one in assignments]
            chosen = await self.app.push_screen_wait(Choice(UNASSIGNED, choices))
            if chosen is None:
                return None
            if chosen.startswith(_UNDO):
                return int(chosen.removeprefix(_UNDO)), None
            rise = offered[chosen]
        which = ChargeFilter(worker_id=rise.worker_id, simulated=report.selection.simulated)
        rows, in_credits = [], report.total.in_credits
        for turn in await self._charges.turn_charges(which, MAX_OWNERS):
            when, message, *_, credited, cost = turn_line(turn, self._year).row.cells
            cost = f"{credited} credits" if in_credits else cost
            rows.append((turn.turn_id, f"{when}  {cost}  {message}  {turn.turn_id}"))
        turn_id = await self.app.push_screen_wait(Choice(f"Which turn cost {rise_text(rise)}?", rows))
        if turn_id is None:
            return None
        return rise.number, turn_id

    def action_open(self) -> None:
        """Open the session of the row under the cursor."""
        line = self.table.current
        if line is not None and line.session_id is not None:
            self.dismiss(line.session_id)
