"""Reports of spending, read from the charges at one moment."""

from __future__ import annotations

import sqlite3
from datetime import tzinfo
from typing import TYPE_CHECKING, Final, TypeVar

from msgspec.structs import replace

from handinger_tui.core.formatting import local_time
from handinger_tui.core.money.forecast import daily, forecast
from handinger_tui.core.money.limits import CALENDAR_SCOPES, Gauge, Scope
from handinger_tui.core.money.reconciliation import Restatement, suspense_buckets
from handinger_tui.core.money.report import (
    Overview,
    PeriodSpent,
    Report,
    Selection,
    first_of_forecast,
    share_of_day,
    unit_of,
)
from handinger_tui.core.money.spending import Bucket, ChargeFilter, GroupBy, TurnCharge, sum_buckets
from handinger_tui.core.money.typical_cost import TypicalCost
from handinger_tui.core.periods import midnight_ms
from handinger_tui.core.prices import Prices
from handinger_tui.core.tags import NO_TAG_RULES
from handinger_tui.core.turns.session import Session
from handinger_tui.ledger.charges.closings import late_entries
from handinger_tui.ledger.charges.entries import assigned, rises
from handinger_tui.ledger.charges.grouping import (
    EVERYTHING,
    buckets,
    restatements,
    spent,
    turn_charges,
    typical_cost,
    undated,
)
from handinger_tui.ledger.charges.limits import LimitRules, LimitService, LimitUsage, periods_at
from handinger_tui.ledger.labels import choose

if TYPE_CHECKING:
    from collections.abc import Callable

    from handinger_tui.core.money.forecast import Forecast
    from handinger_tui.ledger.database import Database

T = TypeVar("T")


def read_report(
    connection: sqlite3.Connection,
    selection: Selection,
    rules: LimitRules,
    session: Session | None,
    zone: tzinfo | None = None,
) -> Report:
    """The report of a selection, inside a read transaction. `labels.choose` comes before.

    `session`: whose limits are shown; None: those of any session.
    """
    which, by, now_ms = selection.which, selection.by, rules.now_ms()
    rules = replace(rules, simulated=selection.simulated)

    def grouped(key: GroupBy, own: ChargeFilter) -> tuple[Bucket, ...]:
        return tuple(buckets(connection, key, own, zone, rules.tag_rules))

    days = grouped(GroupBy.DAY, which)
    groups = days if by is GroupBy.DAY else None if by in (None, GroupBy.TURN) else grouped(by, which)
    report = Report(
        selection,
        now_ms,
        days,
        groups,
        tuple(suspense_buckets(rises(connection, which))),
        undated(connection, which),
        tuple(assigned(connection, which)),
        tuple(restatements(connection, which)),
        session=session,
        prices=rules.prices,
        late=tuple(late_entries(connection, which)),
    )
    if selection.as_of is not None:
        # Forecast and limits are those of now.
        return report
    month = _forecast(connection, which, days, now_ms, zone) if days else None
    # Limits choose other sessions, so they are the last thing that is read.
    own = session or Session("", 0)
    periods = periods_at(now_ms, zone)
    limits = LimitUsage().gauges(connection, own, periods, rules)
    if which.project is not None:
        limits = tuple(gauge for gauge in limits if gauge.limit.scope is not Scope.PROJECT)
        limits += LimitUsage().gauges(connection, own, periods, rules, which.project)
    overview = None if by is not None else _overview(connection, rules, limits, grouped, zone)
    return replace(report, gauges=limits, month=month, overview=overview)


def _forecast(
    connection: sqlite3.Connection,
    which: ChargeFilter,
    days: tuple[Bucket, ...],
    now_ms: int,
    zone: tzinfo | None,
) -> Forecast:
    """The forecast for the present month, whatever the period of `which`."""
    now = local_time(now_ms)
    today, unit = now.date(), unit_of(days)
    recent = replace(which, since_ms=midnight_ms(first_of_forecast(today), zone), until_ms=None)
    dated = daily(buckets(connection, GroupBy.DAY, recent, zone), unit)
    # A wrong clock may have dated turns ahead.
    return forecast([one for one in dated if one[0] <= today], today, share_of_day(now), unit)


def _overview(
    connection: sqlite3.Connection,
    rules: LimitRules,
    limits: tuple[Gauge, ...],
    grouped: Callable[[GroupBy, ChargeFilter], tuple[Bucket, ...]],
    zone: tzinfo | None,
) -> Overview:
    everything = ChargeFilter(simulated=rules.simulated)
    starts = periods_at(rules.now_ms(), zone)
    periods = tuple(
        PeriodSpent(
            scope,
            spent(connection, replace(everything, since_ms=starts[scope])),
            tuple(gauge for gauge in limits if gauge.limit.scope is scope),
        )
        for scope in CALENDAR_SCOPES
    )
    projects = grouped(GroupBy.PROJECT, everything)
    of_projects = {
        project.key: LimitUsage().gauges(connection, Session("", 0), starts, rules, project.key)
        for project in projects
        if project.key
    }
    return Overview(periods, projects, grouped(GroupBy.WORKER, everything), of_projects)


_NEWEST_IDS: Final = (
    "SELECT (SELECT MAX(id) FROM charges), (SELECT MAX(id) FROM suspense), (SELECT MAX(id) FROM limits),"
    " (SELECT MAX(id) FROM rulings)"
)


class ChargeQueries:
    """Implements the UI's port for reading charges. Every method raises LedgerError.

    `limits`: whose rules hold. `zone`: the time zone of days; None: that of the machine.
    """

    def __init__(self, database: Database, limits: LimitService, zone: tzinfo | None = None) -> None:
        self._database = database
        self._limits = limits
        self._zone = zone
        self.tag_rules = NO_TAG_RULES
        self._newest_ids: tuple[int | None, ...] = (None,)
        """The newest ids of charges, suspense, limits and rulings at the last call of `news`."""

    async def _read(self, which: ChargeFilter, query: Callable[[sqlite3.Connection], T]) -> T:
        """Run a query of the charges that `which` selects, in one read transaction."""

        def work(connection: sqlite3.Connection) -> T:
            self._choose(connection, which)
            return query(connection)

        return await self._database.read(work)

    def _choose(self, connection: sqlite3.Connection, which: ChargeFilter) -> None:
        if which.by_labels:
            choose(connection, self.tag_rules, which.admits)

    async def report(self, selection: Selection, session: Session | None = None) -> Report:
        """The report of a selection, with the limits of a session; None: of any session."""
        return await self._read(
            selection.which, lambda db: read_report(db, selection, self._limits.rules, session, self._zone)
        )

    async def buckets(self, by: GroupBy, which: ChargeFilter = EVERYTHING) -> list[Bucket]:
        """Groups of turns: periods in order of time, other groups by cost, highest first, unknown last."""
        return await self._read(which, lambda db: buckets(db, by, which, self._zone, self.tag_rules))

    async def turn_charges(
        self, which: ChargeFilter = EVERYTHING, limit: int = 200, offset: int = 0
    ) -> list[TurnCharge]:
        """Turns with their cost, newest first; `limit` -1: all."""
        return await self._read(which, lambda db: turn_charges(db, which, limit, offset))

    async def suspense(self, which: ChargeFilter = EVERYTHING) -> list[Bucket]:
        """A group without turns for each worker with suspense."""
        return await self._read(which, lambda db: suspense_buckets(rises(db, which)))

    async def spent(self, which: ChargeFilter) -> Bucket:
        """All charges as one group, with what no turn explains."""
        (one,) = await self.spent_each(which)
        return one

    async def spent_each(self, *which: ChargeFilter) -> list[Bucket]:
        """The same for several filters, all as of one moment."""

        def one_of(connection: sqlite3.Connection, which: ChargeFilter) -> Bucket:
            self._choose(connection, which)
            turns = buckets(connection, GroupBy.SESSION, which, self._zone, self.tag_rules)
            return sum_buckets([*turns, *suspense_buckets(rises(connection, which))])

        return await self._database.read(lambda db: [one_of(db, one) for one in which])

    async def restated(self, session_id: str) -> frozenset[str]:
        """The turns of a session whose final amounts changed."""
        which = ChargeFilter(session_id=session_id)
        changed = await self._read(which, lambda db: restatements(db, which))
        return frozenset(one.turn_id for one in changed)

    async def typical_cost(
        self, worker_id: str | None, budget: str, *, simulated: bool, prices: Prices | None = None
    ) -> TypicalCost:
        """The cost of the newest turns of a worker at a budget; of all workers where it has no such turn.

        `prices`: of a credit.
        """
        usual = await self._database.run(lambda db: typical_cost(db, worker_id, budget, simulated=simulated))
        return replace(usual, credit_usd=None if prices is None else prices.at(self._limits.rules.now_ms()))

    def begin(self, connection: sqlite3.Connection) -> None:
        """Final amounts that change from now on are news. Call it in the thread of the database."""
        self._newest_ids = (connection.execute(_NEWEST_IDS).fetchone()[0],)

    async def news(self, which: ChargeFilter = EVERYTHING) -> list[Restatement] | None:
        """The final amounts that any program changed since the last call, oldest first.

        None: no charge, suspense, limit or ruling was written; never at the first call. Frames, titles and
        drafts are no news.
        """

        def work(connection: sqlite3.Connection) -> list[Restatement] | None:
            before = self._newest_ids
            self._newest_ids = tuple(connection.execute(_NEWEST_IDS).fetchone())
            return None if before == self._newest_ids else restatements(connection, which, before[0] or 0)

        return await self._database.read(work)
