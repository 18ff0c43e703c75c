"""What the ledger screen shows (grouping, period, filters), and how its figures are read."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from msgspec import Struct
from msgspec.structs import replace

from handinger_tui.core.amounts import Total, Unit
from handinger_tui.core.formatting import day_text, moment_at
from handinger_tui.core.money.forecast import WINDOW, Forecast, daily, forecast
from handinger_tui.core.money.reconciliation import AssignedRise, Reconciliation, Restatement, reconcile
from handinger_tui.core.money.spending import (
    TIME_GROUPS,
    Bucket,
    ChargeFilter,
    GroupBy,
    empty_key_name,
    midnight_ms,
    month_days,
    sum_buckets,
    week_days,
)
from handinger_tui.core.safety import clean_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from handinger_tui.core.money.limits import Gauge
    from handinger_tui.core.turns.session import Session
    from handinger_tui.ui.ports import ChargeReader, LimitStore


class Period(StrEnum):
    """The period shown; the values are the texts on the screen."""

    ALL = "all time"
    MONTH = "this month"
    WEEK = "7 days"
    TODAY = "today"


PERIODS: Final = tuple(Period)
GROUPS: Final = MappingProxyType(
    {
        GroupBy.DAY: ("d", "Day"),
        GroupBy.WEEK: ("d", "Week"),
        GroupBy.MONTH: ("d", "Month"),
        GroupBy.WORKER: ("w", "Worker"),
        GroupBy.SESSION: ("s", "Session"),
        GroupBy.PROJECT: ("P", "Project"),
        GroupBy.TAG: ("T", "Tag"),
        GroupBy.PROFILE: ("f", "Profile"),
        GroupBy.BUDGET: ("b", "Budget"),
        GroupBy.TRIGGER: ("g", "Trigger"),
        GroupBy.TURN: ("t", "Turn"),
    }
)
"""(key, caption) of each grouping, in the order of the screen. A shared key switches between them."""
DRILL_DOWN: Final = MappingProxyType(
    {
        GroupBy.DAY: GroupBy.SESSION,
        GroupBy.WEEK: GroupBy.DAY,
        GroupBy.MONTH: GroupBy.DAY,
        GroupBy.WORKER: GroupBy.SESSION,
        GroupBy.PROJECT: GroupBy.SESSION,
        GroupBy.TAG: GroupBy.SESSION,
        GroupBy.PROFILE: GroupBy.SESSION,
        GroupBy.BUDGET: GroupBy.SESSION,
        GroupBy.SESSION: GroupBy.TURN,
        GroupBy.TURN: GroupBy.TURN,
    }
)
"""The grouping of the charges of one row. Charges cannot be filtered by trigger."""


class Narrowing(Struct, frozen=True):
    """A filter to one row of a grouping. Removing it returns to the grouping `previous_by`."""

    by: GroupBy
    key: str
    name: str
    previous_by: GroupBy
    previous_key: str
    """Key of the row to which the cursor returns."""

    @property
    def days(self) -> tuple[date, date] | None:
        """The first and the last day of a period; None where it is none."""
        match self.by:
            case GroupBy.DAY:
                return date.fromisoformat(self.key), date.fromisoformat(self.key)
            case GroupBy.WEEK:
                return week_days(self.key)
            case GroupBy.MONTH:
                return month_days(self.key)
            case _:
                return None


class View(Struct, frozen=True):
    """Which charges are shown, and how they are grouped."""

    by: GroupBy = GroupBy.DAY
    period: Period = Period.ALL
    narrowed: tuple[Narrowing, ...] = ()
    simulated: bool = False

    @property
    def is_unfiltered(self) -> bool:
        """Whether every charge is shown, of real or of simulated money."""
        return self.period is Period.ALL and not self.narrowed

    def next_period(self) -> View:
        """The view with the next period; the first follows the last."""
        return replace(self, period=PERIODS[(PERIODS.index(self.period) + 1) % len(PERIODS)])

    def narrow(self, key: str, name: str) -> View | None:
        """The charges of row `key` of the present grouping; None where there is no such filter."""
        by = GroupBy.SESSION if self.by is GroupBy.TURN else self.by
        inside = DRILL_DOWN.get(self.by)
        if inside is None or not key:
            return None
        others = tuple(one for one in self.narrowed if one.by is not by)
        return replace(self, by=inside, narrowed=(*others, Narrowing(by, key, name, self.by, key)))

    def grouped(self, by: GroupBy) -> View:
        """The view grouped by `by`; from a grouping with the same key, by the next one with that key."""
        same = [one for one in GROUPS if GROUPS[one][0] == GROUPS[by][0]]
        at = same.index(self.by) + 1 if self.by in same else 0
        return replace(self, by=same[at % len(same)])

    def widen(self) -> View:
        """The view before the last narrowing, in the grouping of that time."""
        if not self.narrowed:
            return self
        return replace(self, by=self.narrowed[-1].previous_by, narrowed=self.narrowed[:-1])

    def charge_filter(self, now_ms: int) -> ChargeFilter:
        """The charges of this view; days and months are local ones."""
        first_day, until = self.first_day(now_ms), None
        since = None if first_day is None else midnight_ms(first_day)
        for first, last in self._periods:
            begin, end = midnight_ms(first), midnight_ms(last + timedelta(days=1))
            since = begin if since is None else max(begin, since)
            until = end if until is None else min(end, until)
        names = {_MEMBERS[one.by]: one.key for one in self.narrowed if one.by in _MEMBERS}
        return ChargeFilter(since, until, simulated=self.simulated, **names)

    @property
    def _periods(self) -> list[tuple[date, date]]:
        return [one.days for one in self.narrowed if one.days is not None]

    def first_day(self, now_ms: int) -> date | None:
        """The first day of the period; None: it has no start."""
        today = local_time(now_ms).date()
        match self.period:
            case Period.ALL:
                return None
            case Period.MONTH:
                return today.replace(day=1)
            case Period.WEEK:
                return today - timedelta(days=6)
            case Period.TODAY:
                return today

    def chart_days(self, now_ms: int) -> tuple[date | None, date | None, date]:
        """The first and last day of the charts, None: those with charges; and the latest possible day."""
        if self._periods:
            last = min(last for _, last in self._periods)
            return max(first for first, _ in self._periods), last, last
        today = local_time(now_ms).date()
        return self.first_day(now_ms), None if self.narrowed else today, today


_MEMBERS: Final = {
    GroupBy.WORKER: "worker_id",
    GroupBy.SESSION: "session_id",
    **{by: str(by) for by in (GroupBy.BUDGET, GroupBy.PROFILE, GroupBy.TAG, GroupBy.PROJECT)},
}
"""The members of a filter by the groupings whose rows they select."""


_DAY_MS: Final = Decimal(86_400_000)


def local_time(at_ms: int) -> datetime:
    """A time in the local time zone."""
    return moment_at(at_ms).astimezone()


def local_day(at_ms: int) -> tuple[date, Decimal]:
    """The local day of a time, and the share of it that has passed, at most 1."""
    day = local_time(at_ms).date()
    return day, min(Decimal(1), (Decimal(at_ms) - midnight_ms(day)) / _DAY_MS)


_LONGEST_NAME: Final = 200
"""Characters of the name of a row."""


def row_name(by: GroupBy, key: str, title: str, year: int) -> str:
    """The name of a row: cleaned, on one line, never empty. `year`: the present one."""
    match by:
        case GroupBy.DAY:
            try:
                day = date.fromisoformat(key)
            except ValueError:
                return clean_line(key, _LONGEST_NAME) or empty_key_name(by)
            return f"{day:%a} {day_text(day, year)}"
        case _ if not key and by in TIME_GROUPS:
            return empty_key_name(by)
        case GroupBy.WEEK:
            return " – ".join(day_text(day, year) for day in week_days(key))
        case GroupBy.MONTH:
            return f"{month_days(key)[0]:%B %Y}"
        case GroupBy.SESSION:
            return clean_line(title, _LONGEST_NAME) or f"deleted {clean_line(key, 40)}"
        case GroupBy.WORKER:
            return clean_line(key, _LONGEST_NAME) or "no worker"
        case _:
            return clean_line(key, _LONGEST_NAME) or empty_key_name(by)


MOST_DAYS: Final = 3660
"""Most days of a chart: a wrong clock may have dated charges far back. Older days are added to the first."""


class Days(Struct, frozen=True):
    """One `Bucket` per calendar day from `first` on, including empty days, and the unit of the charts."""

    first: date
    buckets: tuple[Bucket, ...]
    unit: Unit

    @property
    def last(self) -> date:
        """The last day of the charts."""
        return self.first + timedelta(days=len(self.buckets) - 1)

    def spent(self, bucket: Bucket) -> Total:
        """The cost of one group, in the unit of the charts."""
        return bucket.total(self.unit.value)


def days_of(
    buckets: Sequence[Bucket], first: date | None = None, last: date | None = None, latest: date = date.max
) -> Days | None:
    """Every day from `first` (None: the first with charges) to `last` (None: the last with charges).

    Days after `latest` have a wrong clock: they are added to it. In USD, or in credits when no cost at all
    was reported. None when there is no day.
    """
    dated = [(min(day, latest), bucket) for bucket in buckets if (day := _day(bucket.key)) is not None]
    if not dated:
        return None
    charged = sorted(day for day, _ in dated)
    begin = charged[0] if first is None else min(first, charged[0])
    end = charged[-1] if last is None else max(last, charged[-1])
    begin = max(begin, end - timedelta(days=MOST_DAYS - 1))
    by_day: dict[date, Bucket] = {}
    for day, bucket in dated:
        shown = max(day, begin)
        is_moved = shown in by_day or bucket.key != shown.isoformat()
        by_day[shown] = (
            sum_buckets([by_day.get(shown, Bucket("")), bucket], shown.isoformat()) if is_moved else bucket
        )
    days = [begin + timedelta(days=at) for at in range((end - begin).days + 1)]
    return Days(
        begin, tuple(by_day.get(day, Bucket(day.isoformat())) for day in days), unit_of(by_day.values())
    )


def unit_of(buckets: Iterable[Bucket]) -> Unit:
    """US dollars; credits where only credits were reported."""
    listed = list(buckets)
    has_usd = any(bucket.usd.value is not None for bucket in listed)
    has_credits = any(bucket.credits.value is not None for bucket in listed)
    return Unit.CREDITS if has_credits and not has_usd else Unit.USD


def _day(key: str) -> date | None:
    try:
        return date.fromisoformat(key)
    except ValueError:
        return None


class Figures(Struct, frozen=True):
    """All that is read for one view. `groups` is None for single turns, which are read page by page.

    `suspense`: a group without turns for each worker; `assigned`: the part that the person assigned to turns.
    `restated`: the final amounts that changed, oldest first.
    """

    view: View
    charge_filter: ChargeFilter
    days: tuple[Bucket, ...]
    groups: tuple[Bucket, ...] | None
    suspense: tuple[Bucket, ...]
    assigned: tuple[AssignedRise, ...]
    restated: tuple[Restatement, ...]
    gauges: tuple[Gauge, ...]
    month: Forecast | None
    worker: Reconciliation | None
    chart: Days | None

    @property
    def total(self) -> Bucket:
        """All charges of the view as one bucket."""
        return sum_buckets([*self.days, *self.suspense])

    @property
    def rows(self) -> int:
        """The number of rows: those of suspense are the last ones."""
        groups = sum(day.turns for day in self.days) if self.groups is None else len(self.groups)
        return groups + len(self.suspense)


class FigureReader(Struct, frozen=True):
    """Reads the figures of a view. `open_session` returns the newest value of the open session."""

    charges: ChargeReader
    limits: LimitStore
    open_session: Callable[[], Session]

    async def choose_money(self, view: View, now_ms: int) -> tuple[View, list[Bucket]]:
        """The view with real money if there is any, else with simulated money; and its days.

        Raises:
            LedgerError
        """
        real = replace(view, simulated=False)
        days = await self.charges.buckets(GroupBy.DAY, real.charge_filter(now_ms))
        if days:
            return real, days
        simulated = replace(view, simulated=True)
        days = await self.charges.buckets(GroupBy.DAY, simulated.charge_filter(now_ms))
        return replace(view, simulated=bool(days) or self.limits.simulated), days

    async def read(self, view: View, now_ms: int, days: list[Bucket] | None) -> Figures:
        """Read groups, days, limits, forecast and comparison. `days`: those of the view, if already read.

        Raises:
            LedgerError
        """
        charge_filter, session = view.charge_filter(now_ms), self.open_session()
        if days is None:
            days = await self.charges.buckets(GroupBy.DAY, charge_filter)
        groups: tuple[Bucket, ...] | None = None
        if view.by is GroupBy.DAY:
            # The newest day first: people look for it most.
            groups = tuple(reversed(days))
        elif view.by is not GroupBy.TURN:
            groups = tuple(await self.charges.buckets(view.by, charge_filter))
            groups = groups[::-1] if view.by in TIME_GROUPS else groups
        chart = days_of(days, *view.chart_days(now_ms))
        return Figures(
            view,
            charge_filter,
            tuple(days),
            groups,
            tuple(await self.charges.suspense(charge_filter)),
            tuple(await self.charges.assigned(charge_filter)),
            tuple(await self.charges.restated(charge_filter)),
            await self.limits.gauges(session),
            await self._forecast_month(view, days, chart, now_ms),
            reconcile(session) if session.turns else None,
            chart,
        )

    async def _forecast_month(
        self, view: View, days: list[Bucket], chart: Days | None, now_ms: int
    ) -> Forecast | None:
        """The forecast for the view's worker, session and budget, whatever its period and day."""
        today, elapsed_today = local_day(now_ms)
        narrowed = tuple(one for one in view.narrowed if one.days is None)
        if view.period is not Period.ALL or len(narrowed) < len(view.narrowed):
            wider = replace(view, period=Period.ALL, narrowed=narrowed).charge_filter(now_ms)
            since = midnight_ms(first_of_forecast(today))
            days = await self.charges.buckets(GroupBy.DAY, replace(wider, since_ms=since))
        if not days or chart is None:
            return None
        first = first_of_forecast(today)
        recent = [one for one in daily(days, chart.unit) if first <= one[0] <= today]
        return forecast(recent, today, elapsed_today, chart.unit)


def first_of_forecast(today: date) -> date:
    """The first day whose charges a forecast uses."""
    return min(today.replace(day=1), today - timedelta(days=WINDOW))
