"""What the ledger screen shows (grouping, period, filters), and the reading of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from handinger_tui.core.money.forecast import WINDOW, Forecast, daily, forecast
from handinger_tui.core.money.limits import Gauge
from handinger_tui.core.money.reconciliation import Reconciliation, reconcile
from handinger_tui.core.money.spending import Bucket, ChargeFilter, GroupBy, altogether
from handinger_tui.core.safety.cleaning import clean_line
from handinger_tui.core.turns.session import Session
from handinger_tui.ui.panels.usage.charts import Days, days_of
from handinger_tui.ui.ports import ChargeReader, LimitStore


class Period(StrEnum):
    """Which time is shown, in the words of the screen."""

    ALL = "all time"
    MONTH = "this month"
    WEEK = "7 days"
    TODAY = "today"


PERIODS: Final = tuple(Period)
GROUPS: Final = MappingProxyType(
    {
        GroupBy.DAY: ("d", "Day"),
        GroupBy.WORKER: ("w", "Worker"),
        GroupBy.SESSION: ("s", "Session"),
        GroupBy.BUDGET: ("b", "Budget"),
        GroupBy.TRIGGER: ("g", "Trigger"),
        GroupBy.TURN: ("t", "Turn"),
    }
)
"""The groupings in the order of the screen, with key and caption."""
INSIDE: Final = MappingProxyType(
    {
        GroupBy.DAY: GroupBy.SESSION,
        GroupBy.WORKER: GroupBy.SESSION,
        GroupBy.BUDGET: GroupBy.SESSION,
        GroupBy.SESSION: GroupBy.TURN,
        GroupBy.TURN: GroupBy.TURN,
    }
)
"""What is shown of a row that was narrowed to. There is no way to ask for one trigger."""


@dataclass(frozen=True, slots=True)
class Narrowing:
    """One row that all others were left out for. `came_by` is where taking it away leads back to."""

    by: GroupBy
    key: str
    words: str
    came_by: GroupBy
    came_at: str
    """Key of the row the cursor stood on."""


@dataclass(frozen=True, slots=True)
class View:
    """Everything that decides which charges are shown, and how they are grouped."""

    by: GroupBy = GroupBy.DAY
    period: Period = Period.ALL
    narrowed: tuple[Narrowing, ...] = ()
    simulated: bool = False

    @property
    def whole(self) -> bool:
        """Nothing is left out but money of the other kind."""
        return self.period is Period.ALL and not self.narrowed

    def next_period(self) -> View:
        """The period after this one, from the last back to the first."""
        return replace(self, period=PERIODS[(PERIODS.index(self.period) + 1) % len(PERIODS)])

    def narrow(self, key: str, words: str) -> View | None:
        """Only what the row `key` of the present grouping stands for; None where that cannot be asked."""
        by = GroupBy.SESSION if self.by is GroupBy.TURN else self.by
        inside = INSIDE.get(self.by)
        if inside is None or not key:
            return None
        rest = tuple(one for one in self.narrowed if one.by is not by)
        one = Narrowing(by, key, words, self.by, key)
        return replace(self, by=inside, narrowed=(*rest, one))

    def widen(self) -> View:
        """Without the last narrowing, back where it was made."""
        if not self.narrowed:
            return self
        return replace(self, by=self.narrowed[-1].came_by, narrowed=self.narrowed[:-1])

    def which(self, now_ms: int, zone: tzinfo | None = None) -> ChargeFilter:
        """The charges to ask for; days and months are those of `zone`, None: of the machine."""
        since, until = self.first_ms(now_ms, zone), None
        found = ChargeFilter(since_ms=since, simulated=self.simulated)
        for one in self.narrowed:
            match one.by:
                case GroupBy.WORKER:
                    found = replace(found, worker_id=one.key)
                case GroupBy.SESSION:
                    found = replace(found, session_id=one.key)
                case GroupBy.BUDGET:
                    found = replace(found, budget=one.key)
                case GroupBy.DAY:
                    day = date.fromisoformat(one.key)
                    begin, until = midnight_ms(day, zone), midnight_ms(day + timedelta(days=1), zone)
                    found = replace(found, since_ms=begin if since is None else max(begin, since))
                case GroupBy.TRIGGER | GroupBy.TURN:
                    pass  # `narrow` makes none of these.
        return replace(found, until_ms=until)

    def first_ms(self, now_ms: int, zone: tzinfo | None = None) -> int | None:
        """When the period begins; None: it has no beginning."""
        first = self.first_day(now_ms, zone)
        return None if first is None else midnight_ms(first, zone)

    def first_day(self, now_ms: int, zone: tzinfo | None = None) -> date | None:
        """The first day of the period; None: it has no beginning."""
        today = day_at(now_ms, zone)
        match self.period:
            case Period.ALL:
                return None
            case Period.MONTH:
                return today.replace(day=1)
            case Period.WEEK:
                return today - timedelta(days=6)
            case Period.TODAY:
                return today

    def chart_days(self, now_ms: int, zone: tzinfo | None = None) -> tuple[date | None, date | None]:
        """First and last day of the charts; None: where the charges begin or end."""
        one_day = next((one.key for one in self.narrowed if one.by is GroupBy.DAY), None)
        if one_day is not None:
            return date.fromisoformat(one_day), date.fromisoformat(one_day)
        return self.first_day(now_ms, zone), None if self.narrowed else day_at(now_ms, zone)


def moment(at_ms: int, zone: tzinfo | None) -> datetime:
    """A time in `zone`, None: as the clock on the wall here shows it."""
    return datetime.fromtimestamp(at_ms / 1000, tz=zone)


def day_at(at_ms: int, zone: tzinfo | None) -> date:
    """The day of a time."""
    return moment(at_ms, zone).date()


def midnight_ms(day: date, zone: tzinfo | None) -> int:
    """When a day begins."""
    return int(datetime.combine(day, time(), tzinfo=zone).timestamp() * 1000)


def day_text(day: date, year: int) -> str:
    """As people write it: " 4 Nov"; of another year than `year` "14 Nov 2025"."""
    return f"{day.day:2} {day:%b}" if day.year == year else f"{day.day:2} {day:%b %Y}"


def words_of(by: GroupBy, key: str, title: str, year: int, *, limit: int = 200) -> str:
    """What a row is called: cleaned, one line, never empty. `year`: this one."""
    match by:
        case GroupBy.DAY:
            try:
                day = date.fromisoformat(key)
            except ValueError:
                return clean_line(key, limit) or "no day"
            return f"{day:%a} {day_text(day, year)}"
        case GroupBy.SESSION:
            return clean_line(title, limit) or f"deleted {clean_line(key, 40)}"
        case GroupBy.WORKER:
            return clean_line(key, limit) or "no worker"
        case GroupBy.BUDGET:
            return clean_line(key, limit) or "not known"
        case _:
            return clean_line(key, limit) or "unknown"


_DAY_MS = Decimal(86_400_000)


@dataclass(frozen=True, slots=True)
class Figures:
    """Everything read for one view. `groups`: None for single turns, which are read page by page."""

    view: View
    which: ChargeFilter
    days: tuple[Bucket, ...]
    groups: tuple[Bucket, ...] | None
    gauges: tuple[Gauge, ...]
    month: Forecast | None
    worker: Reconciliation | None
    chart: Days | None

    @property
    def whole(self) -> Bucket:
        """All of them together."""
        return altogether(self.days)


@dataclass(frozen=True, slots=True)
class Reader:
    """Where the screen reads. `open_session` gives the newest value of the open one."""

    books: ChargeReader
    purse: LimitStore
    open_session: Callable[[], Session]
    zone: tzinfo | None = None

    async def kind(self, view: View, now_ms: int) -> tuple[View, list[Bucket]]:
        """The view with real money where there is any, else with the simulated; its days come along.

        Raises:
            LedgerError
        """
        days = await self.books.buckets(GroupBy.DAY, replace(view, simulated=False).which(now_ms, self.zone))
        if days:
            return replace(view, simulated=False), days
        pretend = replace(view, simulated=True)
        days = await self.books.buckets(GroupBy.DAY, pretend.which(now_ms, self.zone))
        return replace(view, simulated=bool(days) or self.purse.simulated), days

    async def read(self, view: View, now_ms: int, days: list[Bucket] | None = None) -> Figures:
        """Groups, days, limits, forecast. `days` where they are known already.

        Raises:
            LedgerError
        """
        which, session = view.which(now_ms, self.zone), self.open_session()
        if days is None:
            days = await self.books.buckets(GroupBy.DAY, which)
        groups: tuple[Bucket, ...] | None = None
        if view.by is GroupBy.DAY:
            # The newest day is what people look for.
            groups = tuple(reversed(days))
        elif view.by is not GroupBy.TURN:
            groups = tuple(await self.books.buckets(view.by, which))
        chart = days_of(days, *view.chart_days(now_ms, self.zone))
        return Figures(
            view,
            which,
            tuple(days),
            groups,
            await self.purse.gauges(session),
            await self._month(view, days, chart, now_ms),
            reconcile(session) if session.turns else None,
            chart,
        )

    async def _month(
        self, view: View, days: list[Bucket], chart: Days | None, now_ms: int
    ) -> Forecast | None:
        """The forecast looks at no period and no single day, but at the same worker, session and budget."""
        today = day_at(now_ms, self.zone)
        narrowed = tuple(one for one in view.narrowed if one.by is not GroupBy.DAY)
        if view.period is not Period.ALL or len(narrowed) < len(view.narrowed):
            which = replace(view, period=Period.ALL, narrowed=narrowed).which(now_ms, self.zone)
            since = midnight_ms(first_of_forecast(today), self.zone)
            days = await self.books.buckets(GroupBy.DAY, replace(which, since_ms=since))
        if not days or chart is None:
            return None
        first = first_of_forecast(today)
        listed = [one for one in daily(days, chart.unit) if first <= one[0] <= today]
        begun = (Decimal(now_ms) - midnight_ms(today, self.zone)) / _DAY_MS
        return forecast(listed, today, begun, chart.unit)


def first_of_forecast(today: date) -> date:
    """The first day that a forecast wants to know of."""
    return min(today.replace(day=1), today - timedelta(days=WINDOW))
