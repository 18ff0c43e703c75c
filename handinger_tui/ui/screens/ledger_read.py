"""What the ledger screen asks of the books for one view, all at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta, tzinfo
from decimal import Decimal

from handinger_tui.core.forecast import WINDOW, Forecast, daily, forecast
from handinger_tui.core.limits import Gauge
from handinger_tui.core.reckoning import Reckoning, reckon
from handinger_tui.core.session import Session
from handinger_tui.core.spending import Bucket, By, Which, altogether
from handinger_tui.ui.launch import Books, Purse
from handinger_tui.ui.panels.charting import Days, days_of
from handinger_tui.ui.screens.ledger_view import Period, View, day_at, midnight_ms

_DAY_MS = Decimal(86_400_000)


@dataclass(frozen=True, slots=True)
class Figures:
    """Everything read for one view. `groups`: None for single turns, which are read page by page."""

    view: View
    which: Which
    days: tuple[Bucket, ...]
    groups: tuple[Bucket, ...] | None
    gauges: tuple[Gauge, ...]
    month: Forecast | None
    worker: Reckoning | None
    chart: Days | None

    @property
    def whole(self) -> Bucket:
        """All of them together."""
        return altogether(self.days)


@dataclass(frozen=True, slots=True)
class Reader:
    """Where the screen reads. `open_session` gives the newest value of the open one."""

    books: Books
    purse: Purse
    open_session: Callable[[], Session]
    zone: tzinfo | None = None

    async def kind(self, view: View, now_ms: int) -> tuple[View, list[Bucket]]:
        """The view with real money where there is any, else with the simulated; its days come along.

        Raises:
            LedgerError
        """
        days = await self.books.buckets(By.DAY, replace(view, simulated=False).which(now_ms, self.zone))
        if days:
            return replace(view, simulated=False), days
        pretend = replace(view, simulated=True)
        days = await self.books.buckets(By.DAY, pretend.which(now_ms, self.zone))
        return replace(view, simulated=bool(days) or self.purse.simulated), days

    async def read(self, view: View, now_ms: int, days: list[Bucket] | None = None) -> Figures:
        """Groups, days, limits, forecast. `days` where they are known already.

        Raises:
            LedgerError
        """
        which, session = view.which(now_ms, self.zone), self.open_session()
        if days is None:
            days = await self.books.buckets(By.DAY, which)
        groups: tuple[Bucket, ...] | None = None
        if view.by is By.DAY:
            # The newest day is what people look for.
            groups = tuple(reversed(days))
        elif view.by is not By.TURN:
            groups = tuple(await self.books.buckets(view.by, which))
        chart = days_of(days, *view.chart_days(now_ms, self.zone))
        return Figures(
            view,
            which,
            tuple(days),
            groups,
            await self.purse.gauges(session),
            await self._month(view, days, chart, now_ms),
            reckon(session) if session.turns else None,
            chart,
        )

    async def _month(
        self, view: View, days: list[Bucket], chart: Days | None, now_ms: int
    ) -> Forecast | None:
        """The forecast looks at no period and no single day, but at the same worker, session and budget."""
        today = day_at(now_ms, self.zone)
        narrowed = tuple(one for one in view.narrowed if one.by is not By.DAY)
        if view.period is not Period.ALL or len(narrowed) < len(view.narrowed):
            which = replace(view, period=Period.ALL, narrowed=narrowed).which(now_ms, self.zone)
            since = midnight_ms(first_of_forecast(today), self.zone)
            days = await self.books.buckets(By.DAY, replace(which, since_ms=since))
        if not days or chart is None:
            return None
        first = first_of_forecast(today)
        listed = [one for one in daily(days, chart.unit) if first <= one[0] <= today]
        begun = (Decimal(now_ms) - midnight_ms(today, self.zone)) / _DAY_MS
        return forecast(listed, today, begun, chart.unit)


def first_of_forecast(today: date) -> date:
    """The first day that a forecast wants to know of."""
    return min(today.replace(day=1), today - timedelta(days=WINDOW))
