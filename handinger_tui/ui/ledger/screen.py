"""The ledger screen: all spending by period, worker, session, project, tag and more, and turn by turn."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar, Final, TypeVar

from msgspec.structs import replace
from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content

from handinger_tui.core.errors import HandingerError
from handinger_tui.core.money.reconciliation import AssignedRise, owners_text, rise_text
from handinger_tui.core.money.spending import ChargeFilter, GroupBy, Rise
from handinger_tui.core.safety import clean_line
from handinger_tui.ui.dialogs import Choice, Modal
from handinger_tui.ui.keys import Where, bindings
from handinger_tui.ui.ledger import head
from handinger_tui.ui.ledger.charts import Charts
from handinger_tui.ui.ledger.head import Foot, Head
from handinger_tui.ui.ledger.query import GROUPS, FigureReader, Figures, View, local_time
from handinger_tui.ui.ledger.table import (
    PAGE,
    LedgerLine,
    LedgerTable,
    columns_of,
    group_line,
    suspense_turn_line,
    turn_line,
)
from handinger_tui.ui.widgets.frame import FooterLine

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from handinger_tui.core.money.spending import TurnCharge
    from handinger_tui.core.turns.session import Session
    from handinger_tui.ui.ports import ChargeReader, LimitStore, RulingStore

T = TypeVar("T")

MAX_OWNERS: Final = 100
"""Most turns of a worker, the newest ones, that are offered as owners of suspense."""
_UNDO: Final = "-"
"""Prefix of the name of a choice that undoes an assignment."""


def suspense_texts(figures: Figures) -> tuple[str, ...]:
    """The lines on suspense below the table."""
    rises = _rises(figures)
    texts = [_rise_line(rise) for rise in rises[-1:]]
    if len(rises) > 1:
        texts.append(f"{len(rises) - 1} more. Press a to list all.")
    return (*texts, *map(_assigned_line, figures.assigned[-1:]))


def _rises(figures: Figures) -> list[Rise]:
    return [rise for bucket in figures.suspense for rise in bucket.rises]


def _rise_line(rise: Rise) -> str:
    return clean_line(f"{rise.number}: {rise_text(rise)}, {rise.worker_id}: {owners_text(rise)}.")


def _assigned_line(one: AssignedRise) -> str:
    return clean_line(f"{one.number} was assigned to {one.turn_id}. Press a to undo.")


WIDE: Final = 110
"""Least width, in columns, for charts beside the table."""
SIGNS: Final = "~ about · … so far · — unknown"
EMPTY: Final = (
    "Nothing spent yet. Each turn appears here with its cost: by day, worker, session, budget and trigger, "
    "and turn by turn, with charts."
)
NOTHING: Final = "Nothing was spent here. Press p for another period, Backspace to go up."


class LedgerScreen(Modal[str]):
    """All spending. The result is the id of a session to open, None when closed."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Where.LEDGER, Where.SCREEN)
    AUTO_FOCUS = "#ledger-table"

    def __init__(
        self,
        charges: ChargeReader,
        limits: LimitStore,
        open_session: Callable[[], Session],
        now_ms: Callable[[], int],
        rulings: RulingStore,
    ) -> None:
        """`open_session` returns the newest value of the open session."""
        super().__init__()
        self.HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (WIDE, "-wide")]
        self.VERTICAL_BREAKPOINTS = [(0, "-low"), (18, "-high")]
        self._reader = FigureReader(charges, limits, open_session)
        self._now_ms = now_ms
        self._rulings = rulings
        self._view = View(simulated=limits.simulated)
        self._money_is_chosen = False
        """Whether the user chose real or simulated money; else the screen chooses."""
        self._figures: Figures | None = None
        self._cursor_key: str | None = None
        """Key of the row that the cursor moves to once the figures are read."""

    def compose(self) -> ComposeResult:
        """Totals, table and charts, forecast and comparison, keys."""
        with Vertical(id="ledger"):
            yield Head(self._view)
            with Horizontal(id="ledger-body"):
                yield LedgerTable()
                yield Charts()
            yield Foot(id="ledger-foot", classes="page-bottom")
            yield FooterLine()

    @property
    def table(self) -> LedgerTable:
        """The table of rows."""
        return self.query_one(LedgerTable)

    def reload(self) -> None:
        """Read the history again after a change; the cursor stays where it is."""
        if self.is_mounted:
            self.action_reload()

    # -- reading -----------------------------------------------------------------------
    @on(events.ScreenResume)
    @work(group="read", exclusive=True)
    async def action_reload(self) -> None:
        """Read the history: when opened, on request, and when a screen above is closed."""
        await self._show_when_read(self._read_figures(), self._show)

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
        self._figures = None
        self.query_one(Head).show(head.HeadData(self._view, failed=True))
        self.query_one(Foot).show(None, None)
        self.query_one(Charts).show(None)
        self.set_class(True, "-empty")
        self.table.border_subtitle = None
        self.table.show_message(f"Cannot read the ledger. {clean_line(problem.text)}")
        self.refresh_bindings()

    async def _read_figures(self) -> Figures:
        now, days = self._now_ms(), None
        if not self._money_is_chosen and self._view.is_unfiltered:
            self._view, days = await self._reader.choose_money(self._view, now)
        return await self._reader.read(self._view, now, days)

    def _show(self, figures: Figures) -> None:
        before, self._figures = self._figures, figures
        count = figures.rows
        self.query_one(Head).show(head.HeadData(figures.view, figures.total, figures.gauges))
        self.query_one(Foot).show(figures.month, figures.worker, suspense_texts(figures), figures.restated)
        self.query_one(Charts).show(figures.chart)
        self.set_class(figures.chart is None, "-empty")
        table = self.table
        table.border_subtitle = SIGNS if count else None
        by = figures.view.by
        # The sum of the rows of tags may be more than the total.
        overlap = " · sessions count in each of their tags" if by is GroupBy.TAG else ""
        table.border_title = Content(f"by {GROUPS[by][1].lower()}{overlap}")
        if not count:
            table.show_message(EMPTY if figures.view.is_unfiltered else NOTHING)
        else:
            is_new_view = before is None or before.view != figures.view
            cursor_key = (self._cursor_key or "") if is_new_view else None
            table.show(columns_of(figures.view.by), count, cursor_key=cursor_key)
        self._cursor_key = None
        self.refresh_bindings()

    @on(LedgerTable.PageRequested)
    def _handle_page_request(self, event: LedgerTable.PageRequested) -> None:
        figures = self._figures
        if figures is None:
            return
        if figures.groups is None:
            self._load_turns(figures, event.page)
            return
        groups = (*figures.groups, *figures.suspense)[event.page * PAGE : (event.page + 1) * PAGE]
        by, year = figures.view.by, self._year
        self.table.add_page(event.page, [group_line(bucket, by, year) for bucket in groups])

    @property
    def _year(self) -> int:
        """The present year, which dates omit."""
        return local_time(self._now_ms()).year

    @work(group="turns")
    async def _load_turns(self, figures: Figures, page: int) -> None:
        def show(charges: Sequence[TurnCharge]) -> None:
            if figures is not self._figures:
                # Another view was opened during the read.
                return
            year = self._year
            lines = [turn_line(charge, year) for charge in charges]
            # The rows of suspense follow those of the turns.
            first = max(0, page * PAGE - (figures.rows - len(figures.suspense)))
            more = figures.suspense[first : first + PAGE - len(lines)]
            lines += [suspense_turn_line(bucket, year) for bucket in more]
            self.table.add_page(page, lines)

        charges = self._reader.charges.turn_charges(figures.charge_filter, PAGE, page * PAGE)
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
            case "charts":
                return (
                    self.has_class("-narrow")
                    and self._figures is not None
                    and self._figures.chart is not None
                )
            case "open":
                line = self._line
                return line is not None and line.session_id is not None
            case "narrow":
                line = self._line
                return line is not None and (bool(line.rises) or self._view.by is not GroupBy.TRIGGER)
            case "assign":
                figures = self._figures
                return figures is not None and bool(figures.suspense or figures.assigned)
            case _:
                return True

    @property
    def _line(self) -> LedgerLine | None:
        return self.table.current if self.is_mounted else None

    def _go(self, view: View, cursor_key: str | None = None) -> None:
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
        self._go(self._view.grouped(GroupBy(by)))

    def action_period(self) -> None:
        """Switch to the next period; charts stay open."""
        charts = self.has_class("-charts")
        self._go(self._view.next_period())
        if charts:
            self.action_charts()

    @on(LedgerTable.Selected)
    def action_narrow(self) -> None:
        """Show only the charges of the row under the cursor; assign it where it is suspense."""
        figures, line = self._figures, self.table.current
        if figures is None or line is None:
            return
        if line.rises:
            self.action_assign()
            return
        # The row belongs to the view of the figures; those of a newer view may not be read yet.
        key = line.key if figures.view.by is not GroupBy.TURN else line.session_id or ""
        view = figures.view.narrow(key, line.name)
        if view is None:
            self.notify("Nothing to drill into here.", severity="warning", markup=False)
        else:
            self._go(view)

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
        figures, line = self._figures, self.table.current
        if figures is None:
            return
        try:
            assignment = await self._choose_assignment(figures, line.rises if line is not None else ())
            if assignment is not None:
                await self._rulings.assign(*assignment, self._now_ms())
                self.action_reload()
        except HandingerError as problem:
            self.say(problem.text, failed=True)

    async def _choose_assignment(
        self, figures: Figures, rises: Sequence[Rise]
    ) -> tuple[int, str | None] | None:
        """Ask for one of `rises` (none: of all in the view) and its turn; None: a question was closed.

        Returns the number of the rise and the id of the turn, None as the id to undo an assignment.
        """
        if len(rises) == 1:
            rise = rises[0]
        else:
            offered = {str(one.number): one for one in rises or _rises(figures)}
            choices = [(number, _rise_line(one)) for number, one in offered.items()]
            assignments = figures.assigned if not rises else ()
            choices += [(f"{_UNDO}{one.number}", _assigned_line(one)) for one in assignments]
            chosen = await self.app.push_screen_wait(Choice("Unassigned cost", choices))
            if chosen is None:
                return None
            if chosen.startswith(_UNDO):
                return int(chosen.removeprefix(_UNDO)), None
            rise = offered[chosen]
        which = ChargeFilter(worker_id=rise.worker_id, simulated=figures.view.simulated)
        rows = []
        for turn in await self._reader.charges.turn_charges(which, MAX_OWNERS):
            when, session, *others = turn_line(turn, self._year).cells
            rows.append((turn.turn_id, f"{when}  {others[-2]}  {session}  {turn.turn_id}"))
        turn_id = await self.app.push_screen_wait(Choice(f"Which turn cost {rise_text(rise)}?", rows))
        if turn_id is None:
            return None
        return rise.number, turn_id

    def action_open(self) -> None:
        """Open the session of the row under the cursor."""
        line = self.table.current
        if line is not None and line.session_id is not None:
            self.dismiss(line.session_id)
