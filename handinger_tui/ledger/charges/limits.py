"""Limits: those that the user typed, how much of each is spent and reserved, and what applies them.

Turns under way reserve what they will probably cost, so that several programs share one limit: the 90th
percentile of what turns of their worker at their budget cost. For a new worker, turns of other workers are
used if there are enough of them. Otherwise a turn reserves all that remains of each limit. A turn that ends
with an unknown amount keeps its reservation until the amount is known.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date, timedelta, tzinfo
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from msgspec import Struct
from msgspec.structs import replace

from handinger_tui.core.amounts import Total, Unit, at_price, micro_credits, pico_usd, total
from handinger_tui.core.decimals import EXACT, INT64_MAX, tidy
from handinger_tui.core.errors import HandingerError, LedgerError
from handinger_tui.core.money.attribution import AmountBasis, MoneyIndex
from handinger_tui.core.money.limits import (
    Gauge,
    Limit,
    LimitOrigin,
    LimitReached,
    Scope,
    check_start,
    effective,
    gauges,
)
from handinger_tui.core.money.spending import ChargeFilter, SpendingSums
from handinger_tui.core.money.typical_cost import ENOUGH, TypicalCost
from handinger_tui.core.periods import midnight_ms
from handinger_tui.core.prices import NO_PRICES, Prices
from handinger_tui.core.tags import NO_TAG_RULES, SessionFacts, TagRules
from handinger_tui.core.turns.session import LOCAL, Session
from handinger_tui.core.turns.turn import NO_DAY, UNENDED, StartPolicy, TurnRequest, TurnStatus
from handinger_tui.ledger.charges.entries import DECIMALS, amount_in, rises
from handinger_tui.ledger.charges.grouping import condition, day_at, spent, typical_cost
from handinger_tui.ledger.labels import Labeler, choose
from handinger_tui.ledger.sql import (
    Care,
    Cell,
    Row,
    listed,
    pack,
    scaled,
    split,
    transaction,
    unpack,
)

if TYPE_CHECKING:
    from handinger_tui.core.stream import Snapshot
    from handinger_tui.core.turns.turn import Turn
    from handinger_tui.ledger.database import Database


# -- reservations ------------------------------------------------------------------------
class Reservation(Struct, frozen=True):
    """What a turn reserves beyond its cost so far; None: all that remains of a limit.

    `ended`: it does not run any longer. `reported`: the units in which its amount is known.
    """

    usd: Decimal | None
    credits: Decimal | None
    ended: bool = False
    reported: frozenset[Unit] = frozenset()

    def amount(self, unit: Unit, credit_usd: Decimal | None) -> Decimal | None:
        """The amount in one unit. `credit_usd`: the price of a credit in USD, where the user set one."""
        if unit is Unit.CREDITS:
            return self.credits
        if self.usd is None and self.credits is not None and credit_usd is not None:
            return EXACT.multiply(self.credits, credit_usd)
        return self.usd

    def counts(self, unit: Unit, credit_usd: Decimal | None) -> bool:
        """Whether it reserves anything in a unit: it runs, or its amount is unknown although it is usual."""
        if not self.ended:
            return True
        is_priced = unit is Unit.USD and credit_usd is not None and Unit.CREDITS in self.reported
        is_usual = not self.reported or self.amount(unit, credit_usd) is not None
        return is_usual and unit not in self.reported and not is_priced


def reservation_of(connection: sqlite3.Connection, session: Session, request: TurnRequest) -> Reservation:
    """What a turn that starts now reserves: None in a unit in which it has no cost history."""
    # The local worker ends with its program: its next turn is that of a new worker.
    worker_id = request.target_id or session.worker_id
    typical = typical_cost(connection, worker_id, request.budget or "", simulated=session.base_url == LOCAL)
    if not typical.everywhere:
        return Reservation(typical.usd.p90, typical.credits.p90)
    return _of_others(typical) if worker_id is None else Reservation(None, None)


def _of_others(typical: TypicalCost) -> Reservation:
    """What a turn reserves by the turns of other workers, from `ENOUGH` on."""
    usd, credited = (one.p90 if one.counted >= ENOUGH else None for one in (typical.usd, typical.credits))
    return Reservation(usd, credited)


def reserve(connection: sqlite3.Connection, turn_id: str, amounts: Reservation) -> None:
    """Store the reservation of a turn, inside the transaction that checked the limits."""
    cells = pack(turn_id), pico_usd(amounts.usd), micro_credits(amounts.credits)
    connection.execute(
        "INSERT OR REPLACE INTO reservations (turn_id, reserved_pico, reserved_micro) VALUES (?, ?, ?)", cells
    )


def release(connection: sqlite3.Connection, turn_id: str) -> None:
    """Delete the reservation of a turn."""
    connection.execute("DELETE FROM reservations WHERE turn_id = ?", (pack(turn_id),))


_RELEASE_REPORTED: Final = """
    DELETE FROM reservations WHERE turn_id = :turn_id AND EXISTS (
        SELECT 1 FROM turn_totals t
         WHERE t.turn_id = :turn_id AND reported & 3
           AND (reported & 1 OR reserved_pico IS NULL) AND (reported & 2 OR reserved_micro IS NULL))
"""


def release_reported(connection: sqlite3.Connection, turn_id: str) -> None:
    """Delete the reservation of a turn if its amounts are known in the units that are usual."""
    connection.execute(_RELEASE_REPORTED, {"turn_id": pack(turn_id)})


_RUNNING: Final = listed(UNENDED)


def reserved(connection: sqlite3.Connection, which: ChargeFilter) -> list[Reservation]:
    """The reservations of the turns that match `which`."""
    where, cells = condition(which)
    # CROSS JOIN keeps this order: few turns have a reservation, and a month may have very many turns.
    sql = (
        "SELECT reserved_pico, reserved_micro, usd_pico, micro_credits, reported, budget, simulated,"
        f" status NOT IN ({_RUNNING}) AS ended"
        f" FROM reservations CROSS JOIN turn_totals USING (turn_id) {where}"
    )
    turns, histories = [], dict[tuple[Cell, Cell], Reservation]()
    for row in connection.execute(sql, cells).fetchall():
        reported = frozenset(unit for bit, unit in enumerate(Unit) if row["reported"] >> bit & 1)
        usd = _remaining(row, "reserved_pico", "usd_pico")
        credited = _remaining(row, "reserved_micro", "micro_credits")
        turn = Reservation(usd, credited, bool(row["ended"]), reported)
        if turn.ended and usd is None and credited is None and not reported:
            # There was no cost history when it started; there may be one by now.
            level = row["budget"], row["simulated"]
            if level not in histories:
                typical = typical_cost(connection, None, unpack(level[0] or ""), simulated=bool(level[1]))
                histories[level] = replace(_of_others(typical), ended=True)
            turn = histories[level]
        turns.append(turn)
    return turns


def _remaining(row: Row, column: str, spent_column: str) -> Decimal | None:
    reserved_amount, spent = amount_in(row, column), amount_in(row, spent_column)
    if reserved_amount is None:
        return None
    return max(Decimal(0), EXACT.subtract(reserved_amount, spent or Decimal(0)))


def with_reservations(gauge: Gauge, turns: Iterable[Reservation], credit_usd: Decimal | None) -> Gauge:
    """`gauge` with what `turns` have reserved."""
    unit = gauge.limit.unit
    # A limit of a turn is that of the newest one: what that reserves while it runs does not count.
    counted = [
        turn
        for turn in turns
        if turn.counts(unit, credit_usd) and (turn.ended or gauge.limit.scope is not Scope.TURN)
    ]
    running = [turn.amount(unit, credit_usd) for turn in counted if not turn.ended]
    unknown = [turn.amount(unit, credit_usd) for turn in counted if turn.ended]
    is_by_price = unit is Unit.USD and any(
        turn.usd is None and turn.amount(unit, credit_usd) is not None for turn in counted
    )
    return replace(
        gauge,
        reserved=total(running).value or Decimal(0),
        running=len(running),
        unknown=len(unknown),
        assumed=total(unknown).value or Decimal(0),
        unmeasured=[*running, *unknown].count(None),
        approximate=gauge.approximate or is_by_price,
    )


# -- which units a service reports -------------------------------------------------------
EXAMINED_TURNS: Final = 5
"""How many of the newest ended turns of a service show which units it reports."""
# A turn that failed may have no figures in any unit, whichever units the service reports. An amount that is
# not final is reported, too.
_REPORTED: Final = f"""
    SELECT reported | (usd_pico IS NOT NULL) | ((micro_credits IS NOT NULL) << 1) AS reported FROM turn_totals
     WHERE base_url = ? AND (status = '{TurnStatus.COMPLETED}'
        OR (status IN ('{TurnStatus.INCOMPLETE}', '{TurnStatus.FAILED}') AND reported <> 0))
     ORDER BY at_ms DESC, place DESC LIMIT {EXAMINED_TURNS}
"""


def unreported_units(connection: sqlite3.Connection, base_url: str) -> frozenset[Unit]:
    """The units in which none of the newest turns of a service reported an amount.

    Nothing is concluded from a single turn without any figure: its worker may not have been readable.
    """
    reported = [row["reported"] for row in connection.execute(_REPORTED, (pack(base_url),))]
    if len(reported) < 2 and not any(reported):
        return frozenset()
    return frozenset(unit for bit, unit in enumerate(Unit) if not any(bits >> bit & 1 for bits in reported))


# -- limits that the user typed ----------------------------------------------------------
class TypedLimits(Struct, frozen=True):
    """The typed limits in force. A lifted limit also hides the configured one of its scope and unit."""

    limits: tuple[Limit, ...] = ()
    lifted: frozenset[tuple[Scope, Unit]] = frozenset()


class Whose(Struct, frozen=True):
    """The owners of limits: a session, its worker, its project, and real or simulated money."""

    session_id: str
    worker_id: str | None
    project: str
    """Its name; "" where the session has none."""
    simulated: bool

    def of(self, scope: Scope) -> str | None:
        """The value of the column `whose` for a limit of this scope; None: no worker yet, or no project."""
        match scope:
            case Scope.SESSION:
                return self.session_id
            case Scope.WORKER:
                return self.worker_id
            case Scope.PROJECT:
                # A name has no blanks.
                return (f"local {self.project}" if self.simulated else self.project) or None
            case Scope.TURN | Scope.DAY | Scope.WEEK | Scope.MONTH:
                return "local" if self.simulated else "real"


# SQLite takes the other columns from the row that holds the MAX.
_NEWEST_LIMIT: Final = "SELECT MAX(id), amount FROM limits WHERE whose = ? AND scope = ? AND unit = ?"
_PUT_LIMIT: Final = "INSERT INTO limits (scope, whose, unit, amount, set_ms) VALUES (?, ?, ?, ?, ?)"
_PLACES: Final = {Unit.USD: 12, Unit.CREDITS: 6}


def has_typed(connection: sqlite3.Connection, scopes: Iterable[Scope]) -> bool:
    """Whether a limit of one of these scopes was ever typed."""
    wanted = ", ".join(f"'{scope}'" for scope in scopes)
    sql = f"SELECT EXISTS (SELECT 1 FROM limits WHERE scope IN ({wanted}))"
    return bool(connection.execute(sql).fetchone()[0])


def typed_limits(connection: sqlite3.Connection, whose: Whose) -> TypedLimits:
    """The newest typed limit of each scope and unit.

    Raises:
        LedgerError: an amount is not readable. It must not count as a lifted limit.
    """
    limits: list[Limit] = []
    lifted = set()
    for scope in Scope:
        name = whose.of(scope)
        for unit in Unit if name is not None else ():
            newest, amount = connection.execute(_NEWEST_LIMIT, (pack(name or ""), scope, unit)).fetchone()
            value = scaled(0, amount, _PLACES[unit])
            if value is None and amount is not None:
                raise LedgerError(
                    f"Cannot read the {scope.limit} from the history.", "Set it again with /limit."
                )
            if value is not None:
                limits.append(Limit(scope, unit, value, LimitOrigin.TYPED))
            elif newest is not None:
                lifted.add((scope, unit))
    return TypedLimits(tuple(limits), frozenset(lifted))


def set_limit(
    connection: sqlite3.Connection,
    scope: Scope,
    whose: str,
    unit: Unit,
    amount: Decimal | None,
    set_ms: int,
) -> None:
    """Store a limit, None lifts it. The commit survives a power failure.

    Raises:
        LedgerError: the amount is not above 0, or beyond what the history can hold.
    """
    stored = pico_usd(amount) if unit is Unit.USD else micro_credits(amount)
    if amount is not None and (stored is None or stored <= 0):
        raise LedgerError(
            "Not a valid amount for a limit.",
            "Use an amount above 0 and below 9 million dollars or 9 trillion credits.",
        )
    with transaction(connection, Care.FULL):
        connection.execute(_PUT_LIMIT, (scope, pack(whose), unit, stored, set_ms))


NOTHING_SPENT: Final = SpendingSums(0, Total(Decimal(0)), Total(Decimal(0)))


def _system_ms() -> int:
    return time.time_ns() // 1_000_000


class LimitRules(Struct, frozen=True):
    """The limits of the settings, and how they are applied.

    `limits`: from flags and the configuration; their origin decides which one wins, see `effective`.
    `prices`: of a credit in USD. `never_reported`: the units that
    the service does not have. `tag_rules`: assign projects; `folder`: the one in which a session that is not
    stored yet would begin.
    """

    limits: Sequence[Limit] = ()
    simulated: bool = False
    prices: Prices = NO_PRICES
    never_reported: frozenset[Unit] = frozenset()
    now_ms: Callable[[], int] = _system_ms
    tag_rules: TagRules = NO_TAG_RULES
    folder: str = ""

    @property
    def price(self) -> Decimal | None:
        """The price of a credit today; None where the user set none."""
        return self.prices.at(self.now_ms())

    def in_force(self, typed: TypedLimits, whose: Whose) -> tuple[Limit, ...]:
        """The limits that apply, given those that the user typed."""
        set_before = [
            limit
            for limit in self.limits
            if limit.by_flag
            or (
                (limit.scope, limit.unit) not in typed.lifted
                and (limit.scope is not Scope.PROJECT or whose.project)
            )
        ]
        return effective((*set_before, *typed.limits))

    def whose(self, connection: sqlite3.Connection, session: Session) -> Whose:
        """The owners of the limits of a session, by its present project."""
        workers = tuple(one for one in (session.worker_id, session.stored_worker_id) if one is not None)
        facts = SessionFacts(workers, self.folder, session.title)
        project = Labeler(connection, self.tag_rules).of_session(session.session_id, facts).project
        return Whose(session.session_id, session.worker_id, project, self.simulated)


NO_LIMIT_RULES: Final = LimitRules()


# -- what is spent -----------------------------------------------------------------------
Periods = Mapping[Scope, int]
"""Since when charges count for limits of a day, a week and a month, in Unix milliseconds."""


def periods_at(now_ms: int, zone: tzinfo | None) -> Periods:
    """The present day, week (from Monday) and month in `zone`; None: the zone of the machine."""
    today = date.fromisoformat(day_at(now_ms, zone).name)
    first_days = {
        Scope.DAY: today,
        Scope.WEEK: today - timedelta(days=today.weekday()),
        Scope.MONTH: today.replace(day=1),
    }
    return {scope: midnight_ms(day, zone) for scope, day in first_days.items()}


class LimitUsage:
    """Computes gauges repeatedly for a session of which few turns change between calls. For one thread."""

    def __init__(self) -> None:
        self._index = MoneyIndex()

    def gauges(
        self,
        connection: sqlite3.Connection,
        session: Session,
        periods: Periods,
        rules: LimitRules,
        project: str | None = None,
    ) -> tuple[Gauge, ...]:
        """A gauge for each limit that applies, by the current ledger, with the reservations of running turns.

        A turn of `session` that may spend and is not in the ledger yet counts as a gap in every scope.
        `project`: only the limits of this one; None: all of the session.
        """
        session = replace(session, turns=session.ours)
        whose = (
            rules.whose(connection, session)
            if project is None
            else Whose(session.session_id, session.worker_id, project, rules.simulated)
        )
        limits = rules.in_force(typed_limits(connection, whose), whose)
        if project is not None:
            limits = tuple(limit for limit in limits if limit.scope is Scope.PROJECT)
        scopes = {limit.scope for limit in limits}
        if not scopes:
            return ()
        filters = _filters(session, periods, whose)
        if Scope.PROJECT in scopes:
            choose(connection, rules.tag_rules, filters[Scope.PROJECT].admits)
        sums = self._spent(connection, session, scopes, filters)
        totals = {(scope, Unit.USD): one.usd for scope, one in sums.items()}
        totals |= {(scope, Unit.CREDITS): one.credits for scope, one in sums.items()}
        unreported = unreported_units(connection, session.base_url) | rules.never_reported
        reserved_by = {scope: reserved(connection, filters[scope]) for scope in scopes}
        result = []
        for gauge in gauges(limits, totals):
            scope, unit = gauge.limit.scope, gauge.limit.unit
            prices = rules.prices if unit is Unit.USD else NO_PRICES
            price = prices.at(rules.now_ms())
            priced = _with_prices(connection, gauge, filters[scope], prices) if prices else gauge
            is_reported = unit not in unreported or (price is not None and Unit.CREDITS not in unreported)
            turns = reserved_by[scope]
            is_never = not is_reported and unit in rules.never_reported
            shown = replace(priced, reported=is_reported, never_reported=is_never)
            result.append(with_reservations(shown, turns, price))
        return tuple(result)

    def _spent(
        self,
        connection: sqlite3.Connection,
        session: Session,
        scopes: Collection[Scope],
        filters: Mapping[Scope, ChargeFilter],
    ) -> dict[Scope, SpendingSums]:
        charged = _charged(connection, session)
        uncharged = [turn for turn in session.turns if turn.turn_id not in charged and turn.may_spend]
        # A turn may be charged under another session that stored it earlier.
        missing = [turn for turn in uncharged if not _spent_by_turn(connection, turn).turns]
        self._index(session.turns, session.elsewhere)
        sums: dict[Scope, SpendingSums] = {}
        for scope in scopes:
            if scope is Scope.TURN:
                sums[scope] = _spent_by_newest(connection, session)
                continue
            inside = [turn for turn in missing if _is_within(turn, filters[scope])]
            sums[scope] = _with_missing(spent(connection, filters[scope]), inside)
            is_of_worker = scope is Scope.WORKER and session.worker_id is not None
            if is_of_worker and self._index.reading is AmountBasis.TOTAL:
                sums[scope] = _or_total_of_worker(sums[scope], session)
        return sums


def _with_prices(connection: sqlite3.Connection, gauge: Gauge, which: ChargeFilter, prices: Prices) -> Gauge:
    """`gauge` with the credits that have no amount in USD, at the prices that the user set for their days."""
    conditions = ("usd_pico IS NULL", "micro_credits IS NOT NULL", "at_ms >= :first", "at_ms < :end")
    where, cells = condition(which, *conditions)
    sums = f"{split('micro_credits')}, SUM(reported >> 1 & 1) AS ended"
    parts, ended = list[Decimal | None](), 0
    for since, end, price in prices.spans():
        # A turn without a known day has a price only if there is one for all days.
        first_ms = midnight_ms(date.fromisoformat(since)) if since else NO_DAY + bool(end)
        end_ms = midnight_ms(date.fromisoformat(end)) if end else INT64_MAX
        span = cells | {"first": first_ms, "end": end_ms}
        row = connection.execute(f"SELECT {sums} FROM turn_totals {where}", span).fetchone()
        high, low = row["micro_credits_high"], row["micro_credits_low"]
        parts.append(at_price(scaled(high, low, DECIMALS["micro_credits"]), price))
        ended += row["ended"] or 0
    suspense = [rise for rise in rises(connection, which) if rise.usd is None and rise.credits]
    parts += [at_price(rise.credits, prices.at(rise.seen_ms)) for rise in suspense]
    value = total(part for part in (gauge.spent.value, *parts) if part is not None).value
    if parts.count(None) == len(parts):
        return gauge
    gaps = max(0, gauge.spent.missing_turns - ended)
    open_turns = min(gaps, gauge.spent.open_turns)
    spent = replace(gauge.spent, value=value, missing_turns=gaps, doubtful=True, open_turns=open_turns)
    return replace(gauge, spent=spent)


def _filters(session: Session, periods: Periods, whose: Whose) -> dict[Scope, ChargeFilter]:
    """The charges that count for each scope. Those of a project have to be chosen, see `labels.choose`."""
    own = ChargeFilter(session_id=session.session_id)
    return {
        # The newest turn that was sent: a later message that the limit blocked must not take its place.
        Scope.TURN: ChargeFilter(turn_id="" if session.sent is None else session.sent.turn_id),
        Scope.SESSION: own,
        Scope.WORKER: own if session.worker_id is None else ChargeFilter(worker_id=session.worker_id),
        Scope.PROJECT: ChargeFilter(project=whose.project, simulated=whose.simulated),
        **{
            scope: ChargeFilter(since_ms=start_ms, simulated=whose.simulated)
            for scope, start_ms in periods.items()
        },
    }


def _is_within(turn: Turn, which: ChargeFilter) -> bool:
    if which.since_ms is None:
        return True
    return turn.live or (turn.request.service_ms != NO_DAY and turn.began_ms >= which.since_ms)


def _charged(connection: sqlite3.Connection, session: Session) -> set[str]:
    """The ids of the turns of a session that have a charge."""
    query = "SELECT turn_id FROM turn_totals WHERE session_id = ?"
    return {unpack(row["turn_id"]) for row in connection.execute(query, (pack(session.session_id),))}


def _spent_by_turn(connection: sqlite3.Connection, turn: Turn) -> SpendingSums:
    return spent(connection, ChargeFilter(turn_id=turn.turn_id))


def _spent_by_newest(connection: sqlite3.Connection, session: Session) -> SpendingSums:
    turn = session.sent
    if turn is None:
        return NOTHING_SPENT
    sums = _spent_by_turn(connection, turn)
    return sums if sums.turns else _with_missing(sums, [turn])


def _with_missing(sums: SpendingSums, missing: Sequence[Turn]) -> SpendingSums:
    """`sums` plus turns not in the ledger yet, as gaps."""
    if not missing:
        return sums
    totals = (
        replace(
            total,
            value=total.value if sums.turns or total.value else None,
            missing_turns=total.missing_turns + len(missing),
        )
        for total in (sums.usd, sums.credits)
    )
    return SpendingSums(sums.turns + len(missing), *totals)


# -- the worker ------------------------------------------------------------------------
def _or_total_of_worker(sums: SpendingSums, session: Session) -> SpendingSums:
    """The sums over all sessions of a worker, or the worker's own total where that is larger."""
    worker_total = _worker_total(session)
    if worker_total is None:
        return sums
    snapshot, turns_since = worker_total
    return SpendingSums(
        sums.turns,
        _larger(sums.usd, tidy(snapshot.cost_usd), turns_since),
        _larger(sums.credits, tidy(snapshot.usage.credits), turns_since),
    )


def _worker_total(session: Session) -> tuple[Snapshot, int] | None:
    """The newest read of the worker's totals, and how many turns may have spent after it."""
    turns_since = 0
    for turn in reversed(session.turns):
        for snapshot in (turn.snapshot, turn.before):
            if snapshot is not None and snapshot.worker_id in (None, session.worker_id):
                return snapshot, turns_since + (snapshot is turn.before or snapshot.busy) * turn.may_spend
        turns_since += turn.may_spend
    return None


def _larger(ours: Total, reported: Decimal | None, turns_since: int) -> Total:
    """The larger sum. The gaps of the worker's own total are only the turns after it was read."""
    if reported is None or (ours.value is not None and ours.value >= reported):
        return ours
    open_turns = min(turns_since, ours.open_turns)
    return replace(ours, value=reported, missing_turns=turns_since, open_turns=open_turns)


# -- the service -------------------------------------------------------------------------
class LimitService:
    """Implements `engine.ports.LimitReader` and the UI's port for limits. Every method raises LedgerError.

    `rules` may be replaced until a limit is asked for. `zone`: the time zone of days; None: that of the
    machine.
    """

    def __init__(
        self, database: Database, rules: LimitRules = NO_LIMIT_RULES, zone: tzinfo | None = None
    ) -> None:
        self.rules = rules
        self._database = database
        self._usage = LimitUsage()
        self._zone = zone

    @property
    def simulated(self) -> bool:
        """Whether the limits are those of the local worker's simulated money."""
        return self.rules.simulated

    async def limits(self, session: Session) -> tuple[Limit, ...]:
        """The limits that apply to a session, one per scope and unit."""

        def work(connection: sqlite3.Connection) -> tuple[Limit, ...]:
            whose = self.rules.whose(connection, session)
            return self.rules.in_force(typed_limits(connection, whose), whose)

        return await self._database.read(work)

    async def gauges(self, session: Session) -> tuple[Gauge, ...]:
        """Each limit with what is spent and reserved of it, by the current ledger."""
        return await self._database.read(lambda db: self._gauges(db, session))

    def check_start(
        self, connection: sqlite3.Connection, session: Session, request: TurnRequest, start: StartPolicy
    ) -> Reservation:
        """What a turn that starts reserves. Call it inside the transaction that stores the reservation.

        Raises:
            LimitReached: it may not start; see `core.money.limits.check_start`.
        """
        amounts = reservation_of(connection, session, request)
        check_start(self._gauges(connection, session), self._priced(amounts), start)
        return amounts

    async def reservation(self, session: Session, request: TurnRequest) -> dict[Unit, Decimal | None]:
        """What a turn that starts now would reserve; None: all that remains of each limit."""

        def work(connection: sqlite3.Connection) -> dict[Unit, Decimal | None]:
            return self._priced(reservation_of(connection, session, request))

        return await self._database.read(work)

    async def check_most(
        self, session: Session, request: TurnRequest, most: Mapping[str, str | float | None]
    ) -> None:
        """Check what a turn may cost, as its sender says for each unit of a limit by flag.

        A turn of unknown cost may take all that is left of such a limit, so only that much is enough.

        Raises:
            HandingerError: it would usually cost more; nothing is reserved.
        """
        reserves = await self.reservation(session, request)
        for gauge in await self.gauges(session):
            unit = gauge.limit.unit
            problem = gauge.too_dear(most.get(unit), reserves[unit]) if gauge.limit.by_flag else ""
            if problem:
                raise HandingerError(problem, "Nothing was sent.")

    def _priced(self, amounts: Reservation) -> dict[Unit, Decimal | None]:
        return {unit: amounts.amount(unit, self.rules.price) for unit in Unit}

    async def refusal(
        self, session: Session, request: TurnRequest, start: StartPolicy
    ) -> LimitReached | None:
        """Why a turn may not start now; None where it may. Nothing is reserved."""

        def work(connection: sqlite3.Connection) -> LimitReached | None:
            try:
                self.check_start(connection, session, request, start)
            except LimitReached as problem:
                return problem
            return None

        return await self._database.read(work)

    def _gauges(self, connection: sqlite3.Connection, session: Session) -> tuple[Gauge, ...]:
        periods = periods_at(self.rules.now_ms(), self._zone)
        return self._usage.gauges(connection, session, periods, self.rules)

    async def set_limit(self, session: Session, scope: Scope, unit: Unit, amount: Decimal | None) -> None:
        """Store a limit for every program on this history; None lifts it, also a configured one.

        Raises:
            HandingerError: no worker yet, or no project; an invalid amount.
        """
        set_ms = self.rules.now_ms()

        def work(connection: sqlite3.Connection) -> None:
            whose = self.rules.whose(connection, session).of(scope)
            if whose is None:
                if scope is Scope.PROJECT:
                    raise HandingerError("This session has no project.", "Set one: /project NAME.")
                raise HandingerError("No worker yet.", "Send a first message, or set a session limit.")
            set_limit(connection, scope, whose, unit, amount, set_ms)

        await self._database.run(work)

    def today(self) -> ChargeFilter:
        """A filter for the charges since local midnight, real or simulated as this service is."""
        return ChargeFilter(
            since_ms=day_at(self.rules.now_ms(), self._zone).start_ms, simulated=self.simulated
        )
