"""The report of spending: one value, which the Spending page, `costs` and every form of its output draw."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from handinger_tui.core.amounts import Unit
from handinger_tui.core.formatting import local_time
from handinger_tui.core.money.forecast import WINDOW, Forecast
from handinger_tui.core.money.limits import Gauge, Scope
from handinger_tui.core.money.reconciliation import AssignedRise, Restatement
from handinger_tui.core.money.spending import (
    OVERLAP,
    Bucket,
    ChargeFilter,
    GroupBy,
    SpendingSums,
    sum_buckets,
)
from handinger_tui.core.periods import midnight
from handinger_tui.core.turns.session import Session


class Selection(Struct, frozen=True):
    """Which charges a report is about, and how they are grouped. `since`, `until`, `as_of`: as typed.

    `by` None: the overview, see `Overview`.
    """

    by: GroupBy | None = GroupBy.DAY
    which: ChargeFilter = ChargeFilter()
    since: str | None = None
    until: str | None = None
    as_of: str | None = None

    @property
    def overlap(self) -> str:
        """The remark on groups that overlap; "" where none do."""
        return OVERLAP if self.by is GroupBy.TAG else ""

    @property
    def simulated(self) -> bool:
        """Whether these are simulated charges of the local worker."""
        return bool(self.which.simulated)


class PeriodSpent(Struct, frozen=True):
    """What was spent in the present day, week or month, and the limits of that period."""

    scope: Scope
    spent: SpendingSums
    gauges: tuple[Gauge, ...] = ()


NO_GAUGES: Final[Mapping[str, tuple[Gauge, ...]]] = MappingProxyType({})


class Overview(Struct, frozen=True):
    """What is asked most: the present periods, and every project and worker, of all charges at any time.

    `project_gauges`: the limits of projects, by their names.
    """

    periods: tuple[PeriodSpent, ...]
    projects: tuple[Bucket, ...]
    workers: tuple[Bucket, ...]
    project_gauges: Mapping[str, tuple[Gauge, ...]] = NO_GAUGES


class Report(Struct, frozen=True):
    """All that is shown of a selection. All amounts are of one moment.

    `groups`: None for single turns, which are read page by page, and for the overview. `days`: those with
    turns, in order. `suspense`: a group without turns for each worker. `undated`: turns without a known day.
    `assigned`: suspense that the person assigned to turns. `restated`: final amounts that changed, the oldest
    first. `gauges`: the limits of the session, and of the present day, week and month; none of an earlier
    moment. `session`: the one that was asked for, or the newest one of a worker that was.
    """

    selection: Selection
    at_ms: int
    days: tuple[Bucket, ...] = ()
    groups: tuple[Bucket, ...] | None = None
    suspense: tuple[Bucket, ...] = ()
    undated: Bucket = Bucket("")
    assigned: tuple[AssignedRise, ...] = ()
    restated: tuple[Restatement, ...] = ()
    gauges: tuple[Gauge, ...] = ()
    month: Forecast | None = None
    """The forecast for the present month; None: nothing to forecast, or a report of an earlier moment."""
    overview: Overview | None = None
    session: Session | None = None
    credit_usd: Decimal | None = None
    """The price of a credit that the person set."""

    @property
    def total(self) -> Bucket:
        """All charges of the selection as one group."""
        return sum_buckets([*self.days, *self.suspense], "total")

    @property
    def turns(self) -> int:
        """The number of turns."""
        return sum(day.turns for day in self.days)


def unit_of(buckets: Iterable[Bucket]) -> Unit:
    """US dollars; credits where only credits were reported."""
    listed = list(buckets)
    has_usd = any(bucket.usd.value is not None for bucket in listed)
    has_credits = any(bucket.credits.value is not None for bucket in listed)
    return Unit.CREDITS if has_credits and not has_usd else Unit.USD


def share_of_day(now: datetime) -> Decimal:
    """How much of the local day of a moment is over, from 0 to 1. A day may have 23 to 25 hours."""
    start, end = midnight(now.date()), midnight(date.fromordinal(now.toordinal() + 1))
    return Decimal(int((now - start).total_seconds())) / Decimal(int((end - start).total_seconds()))


def first_of_forecast(today: date) -> date:
    """The first day whose charges a forecast uses."""
    return min(today.replace(day=1), date.fromordinal(today.toordinal() - WINDOW))


def local_day(at_ms: int) -> tuple[date, Decimal]:
    """The local day of a time, and the share of it that has passed."""
    now = local_time(at_ms)
    return now.date(), share_of_day(now)
