"""Figures of the runs board: what a run costs and usually costs, what no turn explains, and its limits."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final, NamedTuple

from handinger_tui.core.amounts import Total, Unit, at_price
from handinger_tui.core.formatting import local_time
from handinger_tui.core.money.limits import CALENDAR_SCOPES, Gauge, Scope
from handinger_tui.core.money.spending import ChargeFilter
from handinger_tui.core.money.typical_cost import ENOUGH, TypicalCost, quantile
from handinger_tui.core.runs import ReachedLimit, Usual
from handinger_tui.core.turns.session import Session
from handinger_tui.ledger.charges.entries import assigned, rises
from handinger_tui.ledger.charges.grouping import SAMPLED_TURNS, spent, turn_charge, typical_cost
from handinger_tui.ledger.charges.limits import LimitRules, LimitUsage, has_typed, periods_at, typed_limits
from handinger_tui.ledger.sql import Row, int_or_none, int_or_zero, pack

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping
    from datetime import tzinfo


def run_cost(row: Row) -> tuple[Total, Total, int | None]:
    """The cost of a turn in USD and in credits, and the milliseconds it took, by its row of `turn_totals`."""
    charge = turn_charge(row)
    # As a receipt says it.
    reported_ms = charge.usage.duration_ms if charge.final else None
    took_ms = charge.elapsed_ms if reported_ms is None else reported_ms
    return charge.total(Unit.USD), charge.total(Unit.CREDITS), took_ms


# -- what is usual -------------------------------------------------------------------------------
_DURATIONS: Final = f"""
    SELECT elapsed_ms FROM turn_totals
     WHERE worker_id = ? AND budget = ? AND simulated = ? AND turn_id <> ? AND status = 'completed'
       AND elapsed_ms IS NOT NULL
     ORDER BY at_ms DESC LIMIT {SAMPLED_TURNS}
"""


def usual(
    connection: sqlite3.Connection, worker_id: str | None, budget: str, turn_id: str, *, simulated: bool
) -> Usual:
    """What other turns of a worker at a budget cost and take; for a new worker, those of all workers."""
    costs = typical_cost(connection, worker_id, budget, simulated=simulated, without=turn_id)
    unit, spread = costs.unit_and_spread
    cells = pack(worker_id or ""), pack(budget), simulated, pack(turn_id)
    times = (int_or_none(row["elapsed_ms"]) for row in connection.execute(_DURATIONS, cells))
    ordered = sorted(Decimal(ms) for ms in times if ms is not None)
    high_ms = int(quantile(ordered, Decimal("0.9"))) if len(ordered) >= ENOUGH else None
    if spread.counted < ENOUGH:
        return Usual(high_ms=high_ms)
    return Usual(unit, spread.median, spread.unusual_above, high_ms)


# -- what no turn explains -----------------------------------------------------------------------
_READ_MS: Final = "SELECT MAX(read_ms) AS read_ms FROM sessions WHERE worker_id = ? AND base_url = ?"


def unassigned(connection: sqlite3.Connection) -> dict[tuple[str, str], Total]:
    """What the figures of workers rose by, no turn explains and the person has not read, in USD.

    The keys are service and worker. What the person has assigned is left out.
    """
    everything = ChargeFilter()
    decided = {one.number for one in assigned(connection, everything)}
    read_ms: dict[tuple[str, str], int] = {}
    amounts: dict[tuple[str, str], Total] = {}
    for rise in rises(connection, everything):
        key = rise.base_url, rise.worker_id
        if rise.number in decided or not (rise.usd or rise.credits):
            continue
        if key not in read_ms:
            row = connection.execute(_READ_MS, (pack(rise.worker_id), pack(rise.base_url))).fetchone()
            read_ms[key] = int_or_zero(row["read_ms"])
        if rise.seen_ms > read_ms[key]:
            amount = Total(rise.usd, int(rise.usd is None), rise.doubtful)
            amounts[key] = amounts[key] + amount if key in amounts else amount
    return amounts


# -- limits --------------------------------------------------------------------------------------
_OF_RUNS: Final = frozenset({Scope.SESSION, Scope.WORKER, Scope.PROJECT})


class RunLimits(NamedTuple):
    """What is left of the nearest limit, in words, and the limit of its own that is reached."""

    left: str = ""
    reached: ReachedLimit | None = None


class BoardLimits:
    """The limits at one moment, inside a read transaction: those of all runs, and those of one."""

    def __init__(self, connection: sqlite3.Connection, rules: LimitRules, zone: tzinfo | None) -> None:
        self._connection, self._rules = connection, rules
        self._periods = periods_at(rules.now_ms(), zone)
        gauges = LimitUsage().gauges(connection, Session("", 0), self._periods, rules)
        self.shared = tuple(gauge for gauge in gauges if gauge.limit.scope in CALENDAR_SCOPES)
        """Those of a day, a week and a month."""
        self._day = next((gauge for gauge in self.shared if gauge.limit.scope is Scope.DAY), None)
        self._has_own = any(limit.scope in _OF_RUNS for limit in rules.limits) or has_typed(
            connection, _OF_RUNS
        )
        """Whether any run may have a limit of its own: most people have none, and boards many runs."""

    @property
    def today(self) -> str:
        """What was spent today, of the daily limit where there is one: "$2.10 so far of $5.00"."""
        if self._day is not None:
            return self._day.used_text
        which = ChargeFilter(since_ms=self._periods[Scope.DAY], simulated=self._rules.simulated)
        sums = spent(self._connection, which)
        words = sums.usd.cost_words(sums.credits, at_price(sums.credits.value, self._rules.price))
        return words if sums.turns else ""

    @property
    def reached(self) -> tuple[ReachedLimit, ...]:
        """Those of all runs that are reached."""
        return tuple(
            ReachedLimit(gauge.reached_text, gauge.limit.raise_hint, gauge is self._day)
            for gauge in self.shared
            if gauge.reached
        )

    def of_run(self, session: Session) -> RunLimits:
        """Those of a session without turns."""
        own: tuple[Gauge, ...] = ()
        if self._has_own:
            whose = self._rules.whose(self._connection, session)
            limits = self._rules.in_force(typed_limits(self._connection, whose), whose)
            if any(limit.scope in _OF_RUNS for limit in limits):
                gauges = LimitUsage().gauges(self._connection, session, self._periods, self._rules)
                own = tuple(gauge for gauge in gauges if gauge.limit.scope in _OF_RUNS)
        tightest, blocking = Gauge.tightest((*self.shared, *own)), Gauge.blocking(own)
        left = "" if tightest is None else f"{tightest.limit.scope.limit}: {tightest.free_text}"
        if blocking is None:
            return RunLimits(left)
        return RunLimits(left, ReachedLimit(blocking.reached_text, blocking.limit.raise_hint))

    def crossed_by(self, cost: TypicalCost, next_ms: int) -> ReachedLimit | None:
        """The limit that a run at a time would cross, if it costs what such a run usually does."""
        unit, spread = cost.unit_and_spread
        if spread.median is None:
            return None
        then, now = local_time(next_ms).date(), local_time(self._rules.now_ms()).date()
        same: Mapping[Scope, bool] = {
            Scope.DAY: then == now,
            Scope.WEEK: then.isocalendar()[:2] == now.isocalendar()[:2],
            Scope.MONTH: (then.year, then.month) == (now.year, now.month),
        }
        for gauge in self.shared:
            if gauge.limit.unit is unit and same[gauge.limit.scope] and spread.median > gauge.free:
                text = f"{cost.about} a run, and {gauge.limit.scope.limit}: {gauge.free_text}."
                return ReachedLimit(text[:1].upper() + text[1:], gauge.limit.raise_hint)
        return None
