"""What the Spending page shows: grouping, period and filters, and the days of its charts."""

from __future__ import annotations

from datetime import date, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from msgspec import Struct
from msgspec.structs import replace

from handinger_tui.core.amounts import Total, Unit
from handinger_tui.core.formatting import local_time
from handinger_tui.core.money.report import Selection, unit_of
from handinger_tui.core.money.spending import Bucket, ChargeFilter, GroupBy, sum_buckets
from handinger_tui.core.periods import midnight_ms, month_days, week_days

if TYPE_CHECKING:
    from collections.abc import Sequence

    from handinger_tui.core.money.report_rows import Line


class Period(StrEnum):
    """The period shown; the values are the texts on the screen."""

    ALL = "all time"
    MONTH = "this month"
    WEEK = "7 days"
    TODAY = "today"


PERIODS: Final = tuple(Period)
GROUPS: Final[MappingProxyType[GroupBy | None, tuple[str, str]]] = MappingProxyType(
    {
        None: ("v", "Overview"),
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
    }
)
"""The grouping of the charges of one row. Charges cannot be filtered by trigger."""


class Narrowing(Struct, frozen=True):
    """A filter to one row of a grouping. Removing it returns to the grouping `previous_by`."""

    by: GroupBy
    key: str
    name: str
    previous_by: GroupBy | None
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


class SpendingView(Struct, frozen=True):
    """Which charges are shown, and how they are grouped; `by` None: the overview."""

    by: GroupBy | None = None
    period: Period = Period.ALL
    narrowed: tuple[Narrowing, ...] = ()
    simulated: bool = False
    kind: str = "worker"
    """The word for what messages are sent to, see `Session.kind`."""

    def caption(self, by: GroupBy | None) -> str:
        """The name of a grouping."""
        return self.kind.capitalize() if by is GroupBy.WORKER else GROUPS[by][1]

    @property
    def is_unfiltered(self) -> bool:
        """Whether every charge is shown, of real or of simulated money."""
        return self.period is Period.ALL and not self.narrowed

    def next_period(self) -> SpendingView:
        """The view with the next period; the first follows the last."""
        return replace(self, period=PERIODS[(PERIODS.index(self.period) + 1) % len(PERIODS)])

    def narrow(self, line: Line) -> SpendingView | None:
        """The charges of a row; None where there is no such filter."""
        inside = None if line.by is None else DRILL_DOWN.get(line.by)
        key = line.session_id or line.key
        if line.by is None or inside is None or not key:
            return None
        others = tuple(one for one in self.narrowed if one.by is not line.by)
        here = Narrowing(line.by, key, line.name, self.by, line.key)
        return replace(self, by=inside, narrowed=(*others, here))

    def grouped(self, by: GroupBy | None) -> SpendingView:
        """The view grouped by `by`; from a grouping with the same key, by the next one with that key.

        The overview is that of all charges.
        """
        if by is None:
            return SpendingView(simulated=self.simulated, kind=self.kind)
        same = [one for one in GROUPS if GROUPS[one][0] == GROUPS[by][0]]
        at = same.index(self.by) + 1 if self.by in same else 0
        return replace(self, by=same[at % len(same)])

    def widen(self) -> SpendingView:
        """The view before the last narrowing, in the grouping of that time."""
        if not self.narrowed:
            return self
        return replace(self, by=self.narrowed[-1].previous_by, narrowed=self.narrowed[:-1])

    def selection(self, now_ms: int) -> Selection:
        """The charges of this view; days and months are local ones."""
        first_day, until = self.first_day(now_ms), None
        since = None if first_day is None else midnight_ms(first_day)
        for first, last in self._periods:
            begin, end = midnight_ms(first), midnight_ms(last + timedelta(days=1))
            since = begin if since is None else max(begin, since)
            until = end if until is None else min(end, until)
        names = {_MEMBERS[one.by]: one.key for one in self.narrowed if one.by in _MEMBERS}
        return Selection(self.by, ChargeFilter(since, until, simulated=self.simulated, **names))

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


def _day(key: str) -> date | None:
    try:
        return date.fromisoformat(key)
    except ValueError:
        return None
