"""Reading of the ledger screen: asks the books for one view, and hands its parts what they show."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import tzinfo
from typing import Any, Final

from textual import events, on, work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen

from handinger_tui.core.errors import HandingerError
from handinger_tui.core.safety import clean_line
from handinger_tui.core.session import Session
from handinger_tui.ui.launch import Books, Purse
from handinger_tui.ui.screens import ledger_head as head
from handinger_tui.ui.screens.ledger_parts import Charts, Foot, Head
from handinger_tui.ui.screens.ledger_read import Figures, Reader
from handinger_tui.ui.screens.ledger_rows import columns_of, group_line, turn_line
from handinger_tui.ui.screens.ledger_table import PAGE, LedgerTable
from handinger_tui.ui.screens.ledger_view import GROUPS, View, moment
from handinger_tui.ui.widgets.keyline import KeyLine

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
        books: Books,
        purse: Purse,
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
            yield KeyLine()

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
