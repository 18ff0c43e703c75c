"""Charges and limits in memory, as a test defines them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from msgspec.structs import replace

from handinger_tui.core.amounts import Total, Unit
from handinger_tui.core.errors import HandingerError, LedgerError
from handinger_tui.core.figures import Costs, Usage
from handinger_tui.core.money.forecast import Forecast, daily, forecast
from handinger_tui.core.money.limits import Gauge, Limit, LimitOrigin, Scope, effective
from handinger_tui.core.money.limits import gauges as gauges_of
from handinger_tui.core.money.reconciliation import AssignedRise, Restatement, suspense_buckets
from handinger_tui.core.money.report import Overview, PeriodSpent, Report, Selection, local_day, unit_of
from handinger_tui.core.money.spending import (
    Bucket,
    ChargeFilter,
    GroupBy,
    Rise,
    SpendingSums,
    TurnCharge,
    sum_buckets,
)
from handinger_tui.core.money.typical_cost import TypicalCost, spread
from handinger_tui.core.periods import midnight_ms, week_name
from handinger_tui.core.prices import Prices
from handinger_tui.core.turns.turn import Trigger, TurnStatus

if TYPE_CHECKING:
    from collections.abc import Callable

    from handinger_tui.core.turns.session import Session

NOW_MS: Final = 1_700_000_000_000
"""The current time of every fake."""
BAD: Final = frozenset({TurnStatus.INCOMPLETE, TurnStatus.FAILED, TurnStatus.RUNNING, TurnStatus.UNKNOWN})
PARTS: Final = ("model_usd", "tool_usd", "sandbox_usd", "internal_usd")


def charge(turn_id: str, usd: str | None = None, **members: Any) -> TurnCharge:
    """One settled turn of worker w1 at "standard"; `usd` as people write it, None for not reported."""
    amount = None if usd is None else Decimal(usd)
    result = TurnCharge(
        turn_id=turn_id,
        session_id="ses_1",
        worker_id="w1",
        base_url="https://example.test",
        at_ms=NOW_MS,
        status=TurnStatus.COMPLETED,
        budget="standard",
        trigger=Trigger.APP,
        final=amount is not None,
        corrections=0,
        usd=amount,
        credits=None,
        usage=Usage(cost_usd=amount),
        costs=Costs(),
    )
    return replace(result, **members)


@dataclass
class FakeLedger:
    """The charges of turns, and sums over them. `write` adds charges of some program, see `news`."""

    charges: list[TurnCharge] = field(default_factory=list)
    simulated: bool = False
    """Whether all charges are simulated."""
    fails: LedgerError | None = None
    requests: list[tuple[str | None, str]] = field(default_factory=list)
    """The arguments of `typical_cost`: worker and budget."""
    looks: int = 0
    """The number of calls of `news`."""
    restatements: list[Restatement] = field(default_factory=list)
    """The final amounts that the next call of `news` returns."""
    changed: list[Restatement] = field(default_factory=list)
    """All final amounts that ever changed."""
    pins: list[tuple[str, str]] = field(default_factory=list)
    """Workers, and the pinned meaning of their figures."""
    rises: list[Rise] = field(default_factory=list)
    """The suspense."""
    explained: list[Rise] = field(default_factory=list)
    owners: list[AssignedRise] = field(default_factory=list)
    limits: FakeLimits | None = None
    """The limits that a report shows."""
    _news: bool = False

    def write(self, *charges: TurnCharge) -> None:
        """Add charges of any program."""
        self.charges += charges
        self._news = True

    async def buckets(self, by: GroupBy, which: ChargeFilter) -> list[Bucket]:
        groups: dict[str, Bucket] = {}
        for one in self._chosen(which):
            key = _key(one, by)
            groups[key] = groups.get(key, Bucket(key)).merged(_bucket(key, one))
        result = list(groups.values())
        if by is GroupBy.DAY:
            return sorted(result, key=lambda bucket: bucket.key)
        priced = [bucket for bucket in result if bucket.usd.value is not None]
        unknown = [bucket for bucket in result if bucket.usd.value is None]
        return sorted(priced, key=lambda bucket: bucket.usd.value or 0, reverse=True) + unknown

    async def report(self, selection: Selection, session: Session | None = None) -> Report:
        which, by = selection.which, selection.by
        days = await self.buckets(GroupBy.DAY, which)
        groups = None if by in (None, GroupBy.TURN) else await self.buckets(by, which)
        return Report(
            selection,
            NOW_MS,
            tuple(days),
            None if groups is None else tuple(groups),
            tuple(await self.suspense(which)),
            assigned=tuple(await self.assigned(which)),
            restated=tuple(self.changed),
            gauges=() if session is None or self.limits is None else await self.limits.gauges(session),
            month=self._month(await self.buckets(GroupBy.DAY, replace(which, since_ms=None, until_ms=None))),
            overview=None if by is not None else await self._overview(which, session),
        )

    def _month(self, days: list[Bucket]) -> Forecast | None:
        today, share = local_day(NOW_MS)
        unit = unit_of(days)
        return forecast(daily(days, unit), today, share, unit) if days else None

    async def _overview(self, which: ChargeFilter, session: Session | None) -> Overview:
        gauges = () if session is None or self.limits is None else await self.limits.gauges(session)
        today = _local(NOW_MS).date()
        starts = {
            Scope.DAY: today,
            Scope.WEEK: today - timedelta(days=today.weekday()),
            Scope.MONTH: today.replace(day=1),
        }
        periods = []
        for scope, start in starts.items():
            since = replace(which, since_ms=midnight_ms(start))
            total = sum_buckets(await self.buckets(GroupBy.DAY, since))
            sums = SpendingSums(total.turns, total.total("usd"), total.total("credits"))
            own = tuple(gauge for gauge in gauges if gauge.limit.scope is scope)
            periods.append(PeriodSpent(scope, sums, own))
        workers = tuple(await self.buckets(GroupBy.WORKER, which))
        return Overview(tuple(periods), tuple(await self.buckets(GroupBy.PROJECT, which)), workers)

    async def turn_charges(self, which: ChargeFilter, limit: int = 200, offset: int = 0) -> list[TurnCharge]:
        newest = sorted(self._chosen(which), key=lambda one: one.at_ms, reverse=True)
        return newest[offset : offset + limit]

    async def typical_cost(
        self, worker_id: str | None, budget: str, *, simulated: bool, prices: Prices | None = None
    ) -> TypicalCost:
        self.requests.append((worker_id, budget))
        at_budget = self._chosen(ChargeFilter(budget=budget, simulated=simulated))
        own = [one for one in at_budget if worker_id is not None and one.worker_id == worker_id]
        used = own or at_budget
        return TypicalCost(
            budget,
            spread(one.usd if one.final else None for one in used),
            spread(one.credits if one.final else None for one in used),
            everywhere=not own and bool(at_budget),
            credit_usd=None if prices is None else prices.on(""),
        )

    async def news(self, which: ChargeFilter) -> list[Restatement] | None:
        self.looks += 1
        if not (self._news or self.restatements):
            return None
        self._news = False
        restated, self.restatements = self.restatements, []
        return [one for one in restated if which.session_id in (None, one.session_id)]

    async def suspense(self, which: ChargeFilter) -> list[Bucket]:
        chosen = [
            one
            for one in self.rises
            if which.worker_id in (None, one.worker_id) and not (which.session_id or which.budget)
        ]
        return suspense_buckets(chosen)

    async def assigned(self, which: ChargeFilter) -> list[AssignedRise]:
        return [one for one in self.owners if which.worker_id in (None, one.worker_id)]

    async def spent(self, which: ChargeFilter) -> Bucket:
        return sum_buckets([*await self.buckets(GroupBy.DAY, which), *await self.suspense(which)])

    async def spent_each(self, *which: ChargeFilter) -> list[Bucket]:
        return [await self.spent(one) for one in which]

    async def restated(self, session_id: str) -> frozenset[str]:
        return frozenset(one.turn_id for one in self.changed)

    async def set_basis(self, base_url: str, worker_id: str, basis: str, at_ms: int) -> None:
        self.pins.append((worker_id, basis))

    async def assign(self, number: int, turn_id: str | None, at_ms: int) -> None:
        """The rise is no longer suspense, or is it again."""
        self.owners = [one for one in self.owners if one.number != number]
        (rise,) = (one for one in (*self.rises, *self.explained) if one.number == number)
        self.rises = [one for one in self.rises if one.number != number]
        self.explained = [one for one in self.explained if one.number != number]
        if turn_id is None:
            self.rises.append(rise)
        else:
            self.explained.append(rise)
            self.owners.append(AssignedRise(number, rise.worker_id, turn_id))
        self._news = True

    def _chosen(self, which: ChargeFilter) -> list[TurnCharge]:
        if self.fails is not None:
            raise self.fails
        return [one for one in self.charges if _counts(one, which, simulated=self.simulated)]


@dataclass
class FakeLimits:
    """Stored limits over `spent`: the spending of a scope and unit, 0 by default."""

    simulated: bool = False
    kept: list[Limit] = field(default_factory=list)
    spent: dict[tuple[Scope, Unit], Total] = field(default_factory=dict)
    fails: LedgerError | None = None
    reads: int = 0
    """The number of calls of `gauges`."""
    sets: list[tuple[Scope, Unit, Decimal | None]] = field(default_factory=list)
    set_for: list[str] = field(default_factory=list)
    measure: Callable[[Session], dict[tuple[Scope, Unit], Total]] | None = None
    """Spending that depends on the session, over `spent`."""
    now_ms: int = NOW_MS

    def limit(
        self, scope: Scope, amount: str, unit: Unit = Unit.USD, origin: LimitOrigin = LimitOrigin.CONFIG
    ) -> None:
        """An earlier limit."""
        self.kept.append(Limit(scope, unit, Decimal(amount), origin))

    def spend(
        self, scope: Scope, amount: str | None, unit: Unit = Unit.USD, missing: int | None = None
    ) -> None:
        """Set the spending; None: unknown."""
        gaps = missing if missing is not None else int(amount is None)
        self.spent[scope, unit] = Total(None if amount is None else Decimal(amount), gaps)

    async def limits(self, session: Session) -> tuple[Limit, ...]:
        if self.fails is not None:
            raise self.fails
        return effective(
            limit for limit in self.kept if limit.scope is not Scope.WORKER or session.worker_id is not None
        )

    async def gauges(self, session: Session) -> tuple[Gauge, ...]:
        self.reads += 1
        spent = {(scope, unit): Total(Decimal(0)) for scope in Scope for unit in Unit} | self.spent
        if self.measure is not None:
            spent |= self.measure(session)
        return gauges_of(await self.limits(session), spent)

    async def set_limit(self, session: Session, scope: Scope, unit: Unit, amount: Decimal | None) -> None:
        if scope is Scope.WORKER and session.worker_id is None:
            raise HandingerError("No worker yet.", "Send a first message, or set a session limit.")
        self.sets.append((scope, unit, amount))
        self.set_for.append(session.session_id)
        self.kept = [
            limit
            for limit in self.kept
            if (limit.scope, limit.unit) != (scope, unit)
            or limit.origin not in (LimitOrigin.TYPED, *([LimitOrigin.CONFIG] if amount is None else []))
        ]
        if amount is not None:
            self.kept.append(Limit(scope, unit, amount, LimitOrigin.TYPED))

    def today(self) -> ChargeFilter:
        midnight = _local(self.now_ms).replace(hour=0, minute=0, second=0, microsecond=0)
        return ChargeFilter(since_ms=int(midnight.timestamp() * 1000), simulated=self.simulated)


def _local(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone()


def _counts(one: TurnCharge, which: ChargeFilter, *, simulated: bool) -> bool:
    return all(
        (
            which.since_ms is None or one.at_ms >= which.since_ms,
            which.until_ms is None or one.at_ms < which.until_ms,
            which.session_id in (None, one.session_id),
            which.worker_id in (None, one.worker_id),
            which.budget in (None, one.budget),
            which.simulated in (None, simulated),
        )
    )


def _key(one: TurnCharge, by: GroupBy) -> str:
    day = _local(one.at_ms).date()
    keys = {
        GroupBy.TURN: one.turn_id,
        GroupBy.SESSION: one.session_id,
        GroupBy.WORKER: one.worker_id,
        GroupBy.DAY: day.isoformat(),
        GroupBy.WEEK: week_name(day),
        GroupBy.MONTH: day.isoformat()[:7],
        GroupBy.BUDGET: one.budget,
        GroupBy.TRIGGER: one.trigger,
    }
    # These charges have neither tags nor profiles.
    return keys.get(by) or ""


def _bucket(key: str, one: TurnCharge) -> Bucket:
    def sum_of(amount: Decimal | None) -> Total:
        return Total(amount, 0 if one.final and amount is not None else 1)

    tokens = one.usage.total_tokens
    parts: dict[str, Any] = {name: sum_of(getattr(one.costs, name)) for name in PARTS}
    return Bucket(
        key,
        turns=1,
        incomplete=int(one.status in BAD),
        usd=sum_of(one.usd),
        credits=sum_of(one.credits),
        **parts,
        tokens=sum_of(None if tokens is None else Decimal(tokens)),
        first_ms=one.at_ms,
        last_ms=one.at_ms,
        title=one.title,
    )
