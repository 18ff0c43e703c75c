"""Budgets: what turns took at each level, side by side, and what the month comes to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from typing import ClassVar, Final

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from handinger_tui.core.budgets import compare
from handinger_tui.core.errors import HandingerError
from handinger_tui.core.forecast import WINDOW, daily, forecast, limit_text
from handinger_tui.core.limits import Gauge, Scope, Unit
from handinger_tui.core.spending import Bucket, By, Which
from handinger_tui.ui.keys import Where, bindings
from handinger_tui.ui.screens.budget_lines import Comparison, budget_lines
from handinger_tui.ui.screens.desk import Desk
from handinger_tui.ui.widgets.keyline import KeyLine
from handinger_tui.ui.widgets.reflow import Reflow

MOST_TURNS: Final = 10_000
_DAY_S: Final = 86_400


class BudgetsScreen(ModalScreen[None]):
    """`a` goes between this worker and all of them."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Where.BUDGETS)
    AUTO_FOCUS = "#budgets-body"

    def __init__(self, desk: Desk, now_ms: Callable[[], int], zone: tzinfo | None = None) -> None:
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
                yield Reflow(id="budgets-text")
            yield KeyLine()

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
            self.query_one("#budgets-text", Reflow).put(lambda width: list(said.wrap(width)))
            return
        shown = self.shown
        money = " · simulated money" if shown.simulated else ""
        self._title(f"{shown.whose}{money}")
        self.query_one("#budgets-text", Reflow).put(lambda width: budget_lines(shown, width))

    def _title(self, text: str) -> None:
        title = Content.assemble(("Budgets compared", "bold"), (f"   {text}", "$text-muted"))
        self.query_one("#budgets-title", Static).update(title)

    # -- reading -------------------------------------------------------------------------
    async def _compared(self) -> Comparison:
        books = self._desk.connection.books
        worker_id = self._desk.session.worker_id if self._one else None
        # Real money where there is any; the pretend money of the local worker only by itself.
        which = Which(worker_id=worker_id, simulated=False)
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

    async def _days(self, which: Which) -> list[Bucket]:
        """Day by day, as far back as a forecast looks."""
        today, _ = self._today()
        first = min(today.replace(day=1), today - timedelta(days=WINDOW))
        since = datetime.combine(first, time.min, tzinfo=self._zone).timestamp()
        return await self._desk.connection.books.buckets(By.DAY, replace(which, since_ms=int(since * 1000)))

    def _today(self) -> tuple[date, Decimal]:
        """The day it is, and how much of it is over."""
        now = datetime.fromtimestamp(self._now_ms() / 1000, self._zone)
        passed = now - datetime.combine(now.date(), time.min, tzinfo=now.tzinfo)
        return now.date(), min(Decimal(1), Decimal(int(passed.total_seconds())) / _DAY_S)


def _unit(days: list[Bucket]) -> Unit:
    return Unit.CREDITS if any(day.credits.known is not None for day in days) else Unit.USD


def _which(gauge: Gauge, session_id: str, worker_id: str | None, simulated: bool) -> Which:
    scope = gauge.limit.scope
    return Which(
        session_id=session_id if scope is Scope.SESSION else None,
        worker_id=worker_id if scope is Scope.WORKER else None,
        simulated=simulated,
    )
