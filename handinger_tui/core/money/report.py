"""The report of spending: one value, which the Spending page, `costs` and every form of its output draw."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from handinger_tui.core.amounts import Unit, in_currency
from handinger_tui.core.formatting import local_time
from handinger_tui.core.money.closed_months import LateEntry
from handinger_tui.core.money.forecast import Forecast
from handinger_tui.core.money.limits import Gauge, Scope
from handinger_tui.core.money.prediction import LOOK_BACK
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
from handinger_tui.core.prices import NO_PRICES, Prices
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
    prices: Prices = NO_PRICES
    """The prices of a credit that the person set."""
    currency: Prices = NO_PRICES
    """The rates of a dollar that the person set: they are for texts, never for limits."""
    late: tuple[LateEntry, ...] = ()
    """What became known of months after a statement had closed them."""

    @property
    def total(self) -> Bucket:
        """All charges of the selection as one group."""
        return sum_buckets([*self.days, *self.suspense], "total")

    @property
    def priced(self) -> Decimal | None:
        """What all credits cost, each at the person's price of its day."""
        return self.prices.cost(self._amounts("credits"))

    @property
    def in_currency(self) -> Decimal | None:
        """The cost in the person's currency, each day at its own rate; credits at their price."""
        if self.total.usd.value is not None:
            return in_currency(self._amounts("usd"), self.currency)
        is_priced = self.priced is not None
        return in_currency(self._amounts("credits"), self.currency, self.prices) if is_priced else None

    def _amounts(self, member: str) -> Iterator[tuple[int | None, Decimal | None]]:
        """The amounts of each day and of each rise, with their times."""
        yield from ((day.first_ms, getattr(day, member).value) for day in self.days)
        yield from ((rise.seen_ms, getattr(rise, member)) for one in self.suspense for rise in one.rises)

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
    return date.fromordinal(today.toordinal() - LOOK_BACK)


def local_day(at_ms: int) -> tuple[date, Decimal]:
    """The local day of a time, and the share of it that has passed."""
    now = local_time(at_ms)
    return now.date(), share_of_day(now)
