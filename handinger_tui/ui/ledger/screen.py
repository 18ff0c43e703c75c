"""Ledger: all spending, by day, worker, session, budget, trigger and turn."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import tzinfo
from typing import Any, ClassVar, Final

from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen

from handinger_tui.core.errors import HandingerError
from handinger_tui.core.money.spending import GroupBy
from handinger_tui.core.safety.cleaning import clean_line
from handinger_tui.core.turns.session import Session
from handinger_tui.ui.keys import Where, bindings
from handinger_tui.ui.ledger import head
from handinger_tui.ui.ledger.head import Charts, Foot, Head
from handinger_tui.ui.ledger.query import GROUPS, Figures, Reader, View, moment
from handinger_tui.ui.ledger.rows import columns_of, group_line, turn_line
from handinger_tui.ui.ledger.table import PAGE, LedgerTable, Line
from handinger_tui.ui.ports import ChargeReader, LimitStore
from handinger_tui.ui.widgets.footer import FooterLine

WIDE: Final = 110
"""From this many columns on the charts stand beside the table."""
SIGNS: Final = "+ turns not reported or not ended · — not reported"
EMPTY: Final = (
    "Nothing has been charged yet. From the first message on, every turn stands here with what it took: "
    "day by day, by worker, session, budget and trigger, and turn by turn, with charts beside it."
)
NOTHING: Final = "Nothing was charged here. p shows another time, Backspace takes a narrowing away."


class LedgerReading(ModalScreen[str]):
    """The screen without its keys."""

    AUTO_FOCUS = "#ledger-table"

    def __init__(
        self,
        books: ChargeReader,
        purse: LimitStore,
        open_session: Callable[[], Session],
        now_ms: Callable[[], int],
        zone: tzinfo | None = None,
    ) -> None:
        """`open_session` gives the newest value of the session at work.

        `zone` decides what a day is; None: as the machine does.
        """
        super().__init__()
        self.HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (WIDE, "-wide")]
        self._reader = Reader(books, purse, open_session, zone)
        self._now_ms = now_ms
        self._view = View(simulated=purse.simulated)
        self._chosen_money = False
        self._figures: Figures | None = None
        self._cursor_at: str | None = None
        self._covered = False

    def compose(self) -> ComposeResult:
        """Totals, then table and charts, then forecast and comparison."""
        with Vertical(id="ledger"):
            yield Head(self._view)
            with Horizontal(id="ledger-body"):
                yield LedgerTable()
                yield Charts()
            yield Foot()
            yield FooterLine()

    @property
    def table(self) -> LedgerTable:
        """The rows."""
        return self.query_one(LedgerTable)

    def on_mount(self) -> None:
        """Read for the first time; no passing line covers the totals."""
        self.app.clear_notifications()
        self._read()

    @on(events.ScreenSuspend)
    def _covered_up(self) -> None:
        self._covered = True

    @on(events.ScreenResume)
    def _resumed(self) -> None:
        """Something may have been charged while another screen lay over this one."""
        # The first of these comes beside the first reading.
        if self._covered:
            self._covered = False
            self._read()

    def reload(self) -> None:
        """The history has changed: read it again, and keep the cursor where it is."""
        if self.is_mounted:
            self._read()

    # -- reading -----------------------------------------------------------------------
    @work(group="read", exclusive=True)
    async def _read(self) -> None:
        await self._safely(self._reading())

    async def _safely(self, deed: Coroutine[Any, Any, None]) -> None:
        """What goes wrong with the history is said in the place of the rows."""
        try:
            await deed
        except HandingerError as problem:
            self._figures = None
            self.query_one(Head).show(head.Top(self._view, failed=True))
            self.query_one(Foot).show(None, None)
            self.query_one(Charts).show(None)
            self.set_class(True, "-empty")
            self.table.border_subtitle = None
            self.table.say(f"The ledger could not be read. {clean_line(f'{problem.summary} {problem.hint}')}")
            self.refresh_bindings()

    async def _reading(self) -> None:
        now, days = self._now_ms(), None
        if not self._chosen_money and self._view.whole:
            self._view, days = await self._reader.kind(self._view, now)
        self._show(await self._reader.read(self._view, now, days))

    def _show(self, figures: Figures) -> None:
        before, self._figures = self._figures, figures
        whole = figures.whole
        count = whole.turns if figures.groups is None else len(figures.groups)
        self.query_one(Head).show(head.Top(figures.view, whole, figures.gauges))
        self.query_one(Foot).show(figures.month, figures.worker)
        self.query_one(Charts).show(figures.chart)
        self.set_class(figures.chart is None, "-empty")
        table = self.table
        table.border_subtitle = SIGNS if count else None
        table.border_title = Content(f"by {GROUPS[figures.view.by][1].lower()}")
        if not count:
            table.say(EMPTY if figures.view.whole else NOTHING)
        else:
            fresh = before is None or before.view != figures.view
            table.show(
                columns_of(figures.view.by), count, cursor_at=(self._cursor_at or "") if fresh else None
            )
        self._cursor_at = None
        self.refresh_bindings()

    @on(LedgerTable.Wanted)
    def _wanted(self, event: LedgerTable.Wanted) -> None:
        figures = self._figures
        if figures is None:
            return
        if figures.groups is None:
            self._bring_turns(figures, event.page)
            return
        groups = figures.groups[event.page * PAGE : (event.page + 1) * PAGE]
        by, zone, year = figures.view.by, self._reader.zone, self._year
        self.table.bring(event.page, [group_line(bucket, by, zone, year) for bucket in groups])

    @work(group="turns")
    async def _bring_turns(self, figures: Figures, page: int) -> None:
        await self._safely(self._turns(figures, page))

    async def _turns(self, figures: Figures, page: int) -> None:
        charges = await self._reader.books.turn_charges(figures.which, PAGE, page * PAGE)
        # Another view may have come meanwhile: these rows are none of its.
        if figures is self._figures:
            zone, year = self._reader.zone, self._year
            self.table.bring(page, [turn_line(charge, zone, year) for charge in charges])

    @property
    def _year(self) -> int:
        return moment(self._now_ms(), self._reader.zone).year

    @on(LedgerTable.Moved)
    def _moved(self) -> None:
        self.refresh_bindings()

    def on_resize(self) -> None:
        """The key for the charts is there only where they have no room."""
        self.refresh_bindings()


class LedgerScreen(LedgerReading):
    """Returns the id of a session to open, None when closed."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Where.LEDGER)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002 - Textual's shape
        """Only keys that do something here are offered."""
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
                return self._line is not None and self._view.by is not GroupBy.TRIGGER
            case _:
                return True

    @property
    def _line(self) -> Line | None:
        return self.table.current if self.is_mounted else None

    def _go(self, view: View, cursor_at: str | None = None) -> None:
        """Another view: its captions at once, its figures as soon as they are read."""
        self._view, self._cursor_at = view, cursor_at
        self.query_one(Head).turn_to(view)
        if self.has_class("-charts"):
            self.action_charts()
        self.refresh_bindings()
        self._read()

    @on(Head.Clicked)
    def _clicked(self, event: Head.Clicked) -> None:
        if event.does == head.PERIOD:
            self.action_period()
        elif event.does == head.WIDEN:
            self.action_widen()
        else:
            self.action_group(event.does)

    def action_group(self, by: str) -> None:
        """Another grouping of the same charges."""
        self._go(replace(self._view, by=GroupBy(by)))

    def action_period(self) -> None:
        """The next period; charts stay charts."""
        charts = self.has_class("-charts")
        self._go(self._view.next_period())
        if charts:
            self.action_charts()

    @on(LedgerTable.Taken)
    def action_narrow(self) -> None:
        """Leave out everything but the marked row."""
        line = self.table.current
        if line is None:
            return
        view = self._view.narrow(
            line.key if self._view.by is not GroupBy.TURN else line.session_id or "", line.words
        )
        if view is None:
            self.notify("There is no narrowing to this row.", severity="warning", markup=False)
        else:
            self._go(view)

    def action_widen(self) -> None:
        """Take the last narrowing away."""
        if self._view.narrowed:
            self._go(self._view.widen(), self._view.narrowed[-1].came_at)

    def action_back(self) -> None:
        """First the charts over the table, then the narrowings, then the screen."""
        if self.has_class("-charts") and self.has_class("-narrow"):
            self.action_charts()
        elif self._view.narrowed:
            self.action_widen()
        else:
            self.dismiss(None)

    def action_charts(self) -> None:
        """Table or charts, where there is no room for both."""
        self.toggle_class("-charts")
        (self.query_one(Charts) if self.has_class("-charts") else self.table).focus()

    def action_money(self) -> None:
        """Real money, or the simulated."""
        self._chosen_money = True
        self._go(replace(self._view, simulated=not self._view.simulated))

    def action_reload(self) -> None:
        """Read the history again."""
        self._read()

    def action_open(self) -> None:
        """Open the session of the marked row."""
        line = self.table.current
        if line is not None and line.session_id is not None:
            self.dismiss(line.session_id)
