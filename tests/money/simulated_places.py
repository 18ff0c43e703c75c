"""All places that show an amount, compared with each other and with the truth, after every step of a life."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from handinger_tui.core.amounts import Total, Unit, at_price
from handinger_tui.core.decimals import decimal_text, json_amount
from handinger_tui.core.documents import members
from handinger_tui.core.export.result import result_object
from handinger_tui.core.money import report_json as spending
from handinger_tui.core.money.amount_state import AmountState
from handinger_tui.core.money.attribution import MoneyIndex, TurnMoney
from handinger_tui.core.money.journal import JournalEntry, json_lines
from handinger_tui.core.money.limits import Gauge, Scope
from handinger_tui.core.money.reconciliation import Restatement, suspense_buckets
from handinger_tui.core.money.report_json import TURN_COLUMNS as COLUMNS
from handinger_tui.core.money.spending import SUMS, Bucket, ChargeFilter, GroupBy, TurnCharge, sum_buckets
from handinger_tui.core.prices import NO_PRICES, Prices
from handinger_tui.core.receipts import receipt_line
from handinger_tui.core.tags import NO_TAG_RULES
from handinger_tui.core.turns.session import Session
from handinger_tui.core.turns.turn import FREE, NO_DAY, Turn, TurnStatus
from handinger_tui.ledger import turns as turn_store
from handinger_tui.ledger.charges.entries import rises
from handinger_tui.ledger.charges.grouping import buckets, restatements, turn_charges
from handinger_tui.ledger.charges.journal import journal
from handinger_tui.ledger.charges.limits import LimitRules, LimitUsage, periods_at
from handinger_tui.ledger.charges.turn_records import turn_record
from handinger_tui.ledger.cost_rows import CostRows
from handinger_tui.ledger.database import Database
from handinger_tui.ledger.database_file import charges_before, open_database
from handinger_tui.ledger.history import SessionHistory
from handinger_tui.ledger.sql import one_moment, unpack
from tests.money.simulated_service import (
    CREDIT_UNIT,
    USD_UNIT,
    Habit,
    Job,
    Reading,
    RemoteWorker,
    SimulatedService,
)

if TYPE_CHECKING:
    from handinger_tui.engine.ports import Clock

T = TypeVar("T")
ALL: Final = ChargeFilter()


def journal_sums(entries: Iterable[JournalEntry]) -> dict[str, Decimal]:
    """The sums of all changes, by the members of a `Bucket`; every line goes through JSON."""
    sums = dict.fromkeys(SUMS, ZERO)
    for text in json_lines(entries):
        entry = json.loads(text)
        for name in SUMS:
            sums[name] += Decimal(entry["cost_usd" if name == "usd" else name] or 0)
    return sums


ZERO: Final = Decimal(0)
WRITE_MS: Final = 100


class Shown(NamedTuple):
    """What one place says about a turn."""

    usd: Decimal | None
    credits: Decimal | None
    most_usd: Decimal | None
    most_credits: Decimal | None
    state: AmountState
    final: bool
    doubts: frozenset[Unit]


class Right(NamedTuple):
    """The amount that the readings of a worker show of one turn, in units.

    `least`, `most`: they differ by late costs of earlier turns, which nobody can tell from its own.
    """

    least: int
    most: int


class Direct(Database):
    """Runs jobs on a connection, without a thread."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.problem = self.unwritable = None
        self.unwritten = []

    async def run(self, work: Callable[[sqlite3.Connection], T], *, flush: bool = False) -> T:
        return work(self.connection)


def result_of(coroutine: Any) -> Any:
    """The result of a coroutine that never waits."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("it waits")


class Places:
    """Reads a history beside the programs. `faults`: what was wrong so far."""

    def __init__(self, service: SimulatedService, path: Path, clock: Clock, rules: LimitRules) -> None:
        self._service, self._clock, self._rules = service, clock, rules
        self._connection = open_database(path, 0.0).connection
        self._history = SessionHistory(Direct(self._connection), "", lambda _run: True)
        self._version = -1
        self._prompts: dict[str, str] = {}
        self._newest_charge = 0
        self._noted: list[tuple[int, Decimal]] = []
        """Times with the total of that time, in the unit that is reported."""
        self._settled: dict[str, tuple[Decimal | None, Decimal | None]] = {}
        self.faults: list[str] = []
        self.zone: ZoneInfo | None = None
        """The zone of the machine; None: days are not compared."""
        self.chance, self.share = Random(0), 1.0
        """The share of the changes after which all places are compared."""
        self.checks = 0
        self.plain = self.turns = 0
        """At the end: how many amounts had no mark, of how many."""

    def close(self) -> None:
        self._connection.close()

    def _fault(self, text: str) -> None:
        self.faults.append(f"{(self._clock.now_ms() % 86_400_000) / 1000:.2f} s: {text}")

    # -- the places ------------------------------------------------------------------------
    def check(self) -> None:
        """Compare all places, if anything was written since the last time."""
        (version,) = self._connection.execute("PRAGMA data_version").fetchone()
        if version == self._version:
            return
        self._version = version
        if self.chance.random() >= self.share:
            return
        self.checks += 1
        with one_moment(self._connection):
            self._compare()

    def _compare(self) -> None:
        charges = turn_charges(self._connection, ALL, -1, 0)
        sessions = self._sessions()
        suspense = suspense_buckets(rises(self._connection, ALL))
        self._compare_sessions(charges, sessions)
        self._compare_sums(charges, suspense)
        self._compare_rows(charges)
        self._compare_list(charges)
        for session in sessions[-2:]:
            self._compare_limits(charges, suspense, session)
        self._compare_settled(charges)
        self._noted.append((self._clock.now_ms(), self._total_of(charges, suspense)))
        self._compare_truth(charges, sessions, suspense)

    def _sessions(self) -> list[Session]:
        rows = self._connection.execute("SELECT session_id FROM sessions ORDER BY rowid").fetchall()
        loaded = (turn_store.load(self._connection, unpack(row["session_id"]), ()) for row in rows)
        return [session for session in loaded if session is not None]

    def _compare_sessions(self, charges: list[TurnCharge], sessions: list[Session]) -> None:
        """Sessions, receipts, and the results of `sessions show`."""
        stored = {one.turn_id: one for one in charges}
        counted = set()
        for session in sessions:
            money = MoneyIndex()(session.turns, session.elsewhere)
            for turn, own in zip(session.turns, money, strict=True):
                if turn.imported or turn.unsent:
                    continue
                counted.add(turn.turn_id)
                charge = stored.get(turn.turn_id)
                if charge is None:
                    self._fault(f"{turn.turn_id} ({turn.status}) has no charge")
                    continue
                here, there = shown_by_money(turn, own), shown_by_charge(charge)
                if here != there:
                    self._fault(f"{turn.turn_id} ({turn.status}): the session has {here}, the ledger {there}")
                self._compare_result(session, turn, own)
        for turn_id in stored.keys() - counted:
            # From its start on, before its request may leave, a turn is a gap.
            if stored[turn_id].status is not TurnStatus.QUEUED or stored[turn_id].usd is not None:
                self._fault(f"{turn_id} counts and is no sent turn of a session: {stored[turn_id]}")

    def _compare_result(self, session: Session, turn: Turn, own: TurnMoney) -> None:
        shown: Any = result_object(session, turn, money=own, raw=True)
        written = shown["turn_money"]
        for name, amount, most in (
            ("usd", own.usd, own.most_usd),
            ("credits", own.usage.credits, own.most_credits),
        ):
            is_elsewhere = own.shared and not amount and bool(most)
            expected = None if is_elsewhere else json_amount(amount)
            if written[name] != expected:
                self._fault(f"{turn.turn_id}: turn_money has {name} {written[name]} instead of {expected}")
        if (written["state"] == "exact") is not (
            own.free or (shown_by_money(turn, own).state is AmountState.SETTLED and is_plain(own))
        ):
            self._fault(f"{turn.turn_id}: turn_money says {written['state']}, the amount is {own}")
        line = receipt_line(session, turn)
        if turn.live or turn.status in FREE or not line:
            return
        cost = own.cost(session.price(turn))
        if cost not in line:
            self._fault(f"{turn.turn_id}: {cost} is not in {line!r}")

    def _compare_sums(self, charges: list[TurnCharge], suspense: list[Bucket]) -> None:
        """Every grouping, and the total of `costs`."""
        right = {unit: sum_of(charges, unit) for unit in Unit}
        for by in GroupBy:
            groups = buckets(self._connection, by, ALL)
            total = sum_buckets(groups)
            now = {Unit.USD: total.usd, Unit.CREDITS: total.credits}
            if now != right or total.turns != len(charges):
                self._fault(f"by {by}: {total.turns} turns, {now} instead of {len(charges)}, {right}")
            if by is GroupBy.DAY and self.zone is not None:
                self._compare_days(charges, groups)
        total = sum_buckets([*buckets(self._connection, GroupBy.DAY, ALL), *suspense], "total")
        object_: Any = members(spending.group_of(total))
        for name, unit in (("cost_usd", Unit.USD), ("credits", Unit.CREDITS)):
            parts = [right[unit].value, *(rise_amount(one, unit) for one in suspense)]
            priced = [part for part in parts if part is not None]
            expected = decimal_text(sum(priced, ZERO)) if priced else None
            if object_[name] != expected and not (expected is None and object_[name] == "0"):
                self._fault(f"total: {name} {object_[name]} instead of {expected}")
        is_free = all(one.status in FREE for one in charges)
        has_usd = any(one.usd is not None and one.status not in FREE for one in charges)
        if charges and not is_free and not has_usd and total.total("usd").value is not None and not suspense:
            self._fault("no turn reported USD, and the total does")

    def _compare_journal(self, connection: sqlite3.Connection) -> None:
        """The entries of each worker, of a session and of any period add up to its amounts, to the digit."""
        suspense = suspense_buckets(rises(connection, ALL))
        workers = buckets(connection, GroupBy.WORKER, ALL)
        groups = {one.key: one for one in workers}
        for one in suspense:
            groups[one.key] = groups.get(one.key, Bucket(one.key)).merged(one)
        filters = [(ChargeFilter(worker_id=key), own) for key, own in groups.items() if key]
        filters += [
            (ChargeFilter(session_id=own.key), own) for own in buckets(connection, GroupBy.SESSION, ALL)[-1:]
        ]
        middle_ms = self._clock.now_ms() - 3_600_000
        for which in (ALL, ChargeFilter(since_ms=middle_ms), ChargeFilter(until_ms=middle_ms)):
            days = buckets(connection, GroupBy.DAY, which)
            filters.append((which, sum_buckets([*days, *suspense_buckets(rises(connection, which))])))
        for which, own in filters:
            written = journal_sums(journal(connection, which, NO_TAG_RULES))
            right = {name: getattr(own, name).value or ZERO for name in SUMS}
            if written != right:
                self._fault(f"journal of {which}: {written} instead of {right}")

    def _compare_days(self, charges: list[TurnCharge], groups: list[Bucket]) -> None:
        """Each local day has its turns, also where it has 23 or 25 hours."""
        days: dict[str, list[TurnCharge]] = {}
        for one in charges:
            days.setdefault(self._day_of(one.at_ms), []).append(one)
        right = {day: (len(own), *(sum_of(own, unit) for unit in Unit)) for day, own in days.items()}
        now = {one.key: (one.turns, one.usd, one.credits) for one in groups}
        if now != right:
            self._fault(f"days: {now} instead of {right}")

    def _day_of(self, at_ms: int) -> str:
        if at_ms == NO_DAY:
            return ""
        return datetime.fromtimestamp(at_ms / 1000, self.zone).date().isoformat()

    def _is_in(self, scope: Scope, at_ms: int, start_ms: int) -> bool:
        """Whether a time is in the present period."""
        if self.zone is None or scope not in (Scope.DAY, Scope.MONTH):
            return at_ms >= start_ms
        digits = len("2026-11-25" if scope is Scope.DAY else "2026-11")
        return self._day_of(at_ms)[:digits] >= self._day_of(self._clock.now_ms())[:digits]

    def _compare_rows(self, charges: list[TurnCharge]) -> None:
        """The rows of `costs --by turn`, as JSON and CSV."""
        rows = [*CostRows(self._connection, None, NO_TAG_RULES).turns(ALL)]
        if len(rows) != len(charges):
            self._fault(f"{len(rows)} rows of {len(charges)} turns")
        for row, charge in zip(rows, charges, strict=False):
            record: Any = turn_record(row, {}, {})
            (cells,) = csv.reader(io.StringIO(spending.line(record.get(name) for name in COLUMNS)))
            written = dict(zip(COLUMNS, cells, strict=True))
            is_elsewhere = {
                "cost_usd": charge.most_usd is not None and not charge.usd,
                "credits": charge.most_credits is not None and not charge.credits,
            }
            for name, amount in (("cost_usd", charge.usd), ("credits", charge.credits)):
                is_shared = record["shared_with"] is not None
                expected = None if is_shared and is_elsewhere[name] else json_amount(amount)
                if (record[name], written[name]) != (expected, expected or ""):
                    self._fault(
                        f"{charge.turn_id}: JSON {record[name]}, CSV {written[name]!r}, not {expected}"
                    )
            if (record["turn_id"], record["state"], written["state"]) != (
                charge.turn_id,
                charge.state,
                charge.state,
            ):
                self._fault(f"{charge.turn_id}: states {record['state']}, {written['state']}, {charge.state}")

    def _compare_list(self, charges: list[TurnCharge]) -> None:
        """The list of sessions."""
        for row in result_of(self._history.sessions()):
            own = [one for one in charges if one.session_id == row.session_id]
            right = tuple(sum_of(own, unit) for unit in Unit)
            if all(one.status in FREE for one in own):
                right = tuple(Total(total.value or ZERO) for total in right)
            if own and (row.usd, row.credits) != right:
                self._fault(f"sessions: {row.session_id} has {row.usd}, {row.credits} instead of {right}")

    def _compare_limits(self, charges: list[TurnCharge], suspense: list[Bucket], session: Session) -> None:
        """The gauges of the limits."""
        starts = periods_at(self._clock.now_ms(), None)
        rules = self._rules
        for gauge in LimitUsage().gauges(self._connection, session, starts, rules):
            scope, unit = gauge.limit.scope, gauge.limit.unit
            if scope is Scope.WORKER:
                continue
            if scope is Scope.SESSION:
                counted = [one for one in charges if one.session_id == session.session_id]
                unassigned = []
            else:
                start_ms = starts[scope]
                counted = [one for one in charges if self._is_in(scope, one.at_ms, start_ms)]
                rises_now = [rise for one in suspense for rise in one.rises]
                unassigned = [one for one in rises_now if self._is_in(scope, one.seen_ms, start_ms)]
            self._compare_gauge(gauge, counted, unassigned, rules.prices if unit is Unit.USD else NO_PRICES)

    def _compare_gauge(
        self, gauge: Gauge, counted: list[TurnCharge], unassigned: list[Any], prices: Prices
    ) -> None:
        unit = gauge.limit.unit
        amounts = [amount_of(one, unit) for one in counted]
        amounts += [rise.usd if unit is Unit.USD else rise.credits for rise in unassigned]
        amounts += [at_price(one.credits, prices.at(one.at_ms)) for one in counted if one.usd is None]
        amounts += [
            at_price(rise.credits, prices.at(rise.seen_ms)) for rise in unassigned if rise.usd is None
        ]
        expected = sum((one for one in amounts if one is not None), ZERO)
        if (gauge.spent.value or ZERO) != expected:
            self._fault(f"{gauge.limit.scope} limit in {unit}: {gauge.spent.value} instead of {expected}")

    def _total_of(self, charges: list[TurnCharge], suspense: list[Bucket]) -> Decimal:
        unit = Unit.USD if self._service.reports_usd else Unit.CREDITS
        amounts = [amount_of(one, unit) for one in charges] + [rise_amount(one, unit) for one in suspense]
        return sum((one for one in amounts if one is not None), ZERO)

    def _compare_as_of(self) -> None:
        """Looking back shows what was shown then, and the journal at any time adds up to it."""
        self._compare_journal(self._connection)
        rows = self._connection.execute("SELECT at_ms FROM charges UNION SELECT at_ms FROM suspense")
        written = [row["at_ms"] for row in rows]
        # What was read just then was not written yet.
        noted = [one for one in self._noted if not any(0 <= one[0] - ms <= WRITE_MS for ms in written)]
        for at_ms, right in noted[:: max(1, len(noted) // 3)]:
            with closing(charges_before(self._connection, at_ms + 1)) as then:
                charges = turn_charges(then, ALL, -1, 0)
                total = self._total_of(charges, suspense_buckets(rises(then, ALL)))
                self._compare_journal(then)
            if total != right:
                self._fault(f"as of {at_ms}: {total} instead of {right}")

    def _compare_settled(self, charges: list[TurnCharge]) -> None:
        """A settled amount changes by a numbered correction only."""
        listed: dict[str, list[Restatement]] = {}
        for one in restatements(self._connection, ALL, self._newest_charge):
            listed.setdefault(one.turn_id, []).append(one)
        now = {one.turn_id: (one.usd, one.credits) for one in charges}
        for turn_id, before in self._settled.items():
            if now.get(turn_id, before) == before:
                continue
            named = listed.get(turn_id, [])
            if not named or (named[0].old_usd, named[0].old_credits) != before:
                self._fault(f"{turn_id} was settled at {before}, became {now[turn_id]}, and {named} says so")
        self._settled = {one.turn_id: now[one.turn_id] for one in charges if one.state is AmountState.SETTLED}
        newest = self._connection.execute("SELECT COALESCE(MAX(id), 0) FROM charges").fetchone()
        self._newest_charge = newest[0]

    # -- the truth -------------------------------------------------------------------------
    def _compare_truth(
        self, charges: list[TurnCharge], sessions: list[Session], suspense: list[Bucket], *, end: bool = False
    ) -> None:
        turns = {turn.turn_id: turn for session in sessions for turn in session.turns if not turn.imported}
        self._prompts = {turn_id: turn.request.prompt for turn_id, turn in turns.items()}
        ruled = self._ruled_workers()
        for charge in charges:
            turn = turns[charge.turn_id]
            job = self._service.jobs.get(turn.request.prompt)
            self._check_day(charge, turn, job)
            if charge.status in FREE:
                if job is not None and charge.status is not TurnStatus.UNKNOWN:
                    self._fault(f"{charge.turn_id} is {charge.status}, and arrived")
                continue
            worker = self._service.workers.get(charge.worker_id or "")
            if job is not None and worker is not None and charge.worker_id not in ruled:
                self._check_amount(charge, job, worker, end=end)
        if not self._service.tasks:
            self._check_conservation(charges, suspense, ruled, end=end)

    def _ruled_workers(self) -> set[str]:
        rows = self._connection.execute("SELECT * FROM rulings ORDER BY id").fetchall()
        bases = {unpack(row["worker_id"]): row["meaning"] for row in rows if row["meaning"] is not None}
        owners = {
            (unpack(row["worker_id"]), row["seen_ms"]): row["turn_id"]
            for row in rows
            if row["meaning"] is None
        }
        set_by_person = {worker_id for worker_id, basis in bases.items() if basis != "auto"}
        return set_by_person | {
            worker_id for (worker_id, _), turn_id in owners.items() if turn_id is not None
        }

    def _check_amount(self, charge: TurnCharge, job: Job, worker: RemoteWorker, *, end: bool) -> None:
        right = self.right_of(job, worker)
        for unit, size in ((Unit.USD, USD_UNIT), (Unit.CREDITS, CREDIT_UNIT)):
            amount = amount_of(charge, unit)
            is_doubtful = charge.doubtful if unit is Unit.USD else charge.credits_doubtful
            most = charge.most_usd if unit is Unit.USD else charge.most_credits
            if amount is None or is_doubtful:
                continue
            units = amount / size
            if most is not None:
                if charge.state is AmountState.SETTLED and most / size < right.least:
                    self._fault(f"{charge.turn_id}: up to {most / size} units, it took {right.least}")
                continue
            if units > right.most:
                self._fault(f"{charge.turn_id}: {units} units, it took {right}")
            elif (charge.state is AmountState.SETTLED or (end and charge.final)) and units < right.least:
                self._fault(f"{charge.turn_id} ({charge.state}): {units} units, it took {right}")

    def right_of(self, job: Job, worker: RemoteWorker) -> Right:
        """What the readings so far show of a turn."""
        if self._service.tasks:
            # A look before a turn is used for the earlier ones when that turn has ended.
            ends = (one.at_ms for one in reversed(worker.reads) if one.jobs == len(worker.jobs))
            idle_ms = next((at_ms for at_ms in ends if not worker.busy(at_ms)), 0)
            return Right(job.posted(idle_ms), max((job.posted(one.at_ms) for one in worker.reads), default=0))
        own = unsure = foreign = 0
        # A message that was refused, or did not arrive, is a possible owner of a rise: then it is suspense.
        may_be_free = Habit.FREE in self._service.habits
        for other in worker.jobs:
            for due_ms, units in other.costs:
                first = first_read(worker, due_ms)
                if first is None:
                    continue
                is_late = due_ms > other.ends_ms
                is_newest = first.jobs == job.number + 1
                if other is job and is_late and may_be_free:
                    unsure += units * is_newest
                elif other is job:
                    own += units * (is_newest or not is_late)
                elif is_late and is_newest and not worker.per_turn:
                    foreign += units
        return Right(own, own + unsure + foreign)

    def _check_day(self, charge: TurnCharge, turn: Turn, job: Job | None) -> None:
        worker = self._service.workers.get(charge.worker_id or "")
        if job is None or worker is None or not turn.request.trigger.elsewhere:
            return
        if worker.dated and charge.at_ms != job.began_ms:
            self._fault(f"{charge.turn_id} is at {charge.at_ms}, it began at {job.began_ms}")
        if not worker.dated and charge.at_ms != NO_DAY and charge.at_ms < job.began_ms:
            self._fault(f"{charge.turn_id} is at {charge.at_ms}, before it began at {job.began_ms}")

    def _check_conservation(
        self, charges: list[TurnCharge], suspense: list[Bucket], ruled: set[str], *, end: bool
    ) -> None:
        """What is entered for a worker is what its total rose by."""
        for worker in self._service.workers.values():
            own = [one for one in charges if one.worker_id == worker.worker_id]
            if not own or worker.per_turn or worker.worker_id in ruled or not worker.reads:
                continue
            unit, size = (Unit.USD, USD_UNIT) if self._service.reports_usd else (Unit.CREDITS, CREDIT_UNIT)
            entered = [amount_of(one, unit) for one in own]
            entered += [rise_amount(one, unit) for one in suspense if one.key == worker.worker_id]
            units = sum((one for one in entered if one is not None), ZERO) / size
            is_begun_here = worker.jobs[0].ours and not any(
                one.trigger.elsewhere and self._prompts.get(one.turn_id) == worker.jobs[0].prompt
                for one in own
            )
            base = 0 if is_begun_here else worker.units(worker.reads[0].at_ms)
            figures = {worker.units(one.at_ms) - base for one in worker.reads[-1 if end else -8 :]}
            if units not in figures and not (end is False and units == 0):
                self._fault(f"{worker.worker_id}: {units} units entered, it reported {figures}")

    def check_end(self) -> None:
        """Every reading that was due has been made: every late cost is found."""
        with one_moment(self._connection):
            charges = turn_charges(self._connection, ALL, -1, 0)
            suspense = suspense_buckets(rises(self._connection, ALL))
            sessions = self._sessions()
            self._compare_truth(charges, sessions, suspense, end=True)
        if self.chance.random() < self.share:
            self._compare_as_of()
        prompts = {turn.turn_id: turn.request.prompt for one in sessions for turn in one.turns}
        for charge in charges:
            job = self._service.jobs.get(prompts[charge.turn_id])
            if job is None or not job.ours or charge.worker_id is None:
                continue
            worker = self._service.workers[charge.worker_id]
            unread = [cost for cost in job.costs if first_read(worker, cost[0]) is None]
            if unread:
                self._fault(f"{charge.turn_id} ({charge.status}): {unread} was never read")
        self.turns += len(charges)
        self.plain += sum(one.state is AmountState.SETTLED and one.most_usd is None for one in charges)


def first_read(worker: RemoteWorker, due_ms: int) -> Reading | None:
    """The first reading that shows a cost."""
    return next((one for one in worker.reads if worker.shown_ms(one.at_ms) >= due_ms), None)


def shown_by_money(turn: Turn, own: TurnMoney) -> Shown:
    shared = own.shared
    return Shown(
        own.usd,
        own.usage.credits,
        own.most_usd if shared else None,
        own.most_credits if shared else None,
        own.state,
        own.final,
        own.doubts,
    )


def shown_by_charge(charge: TurnCharge) -> Shown:
    marks = ((Unit.USD, charge.doubtful), (Unit.CREDITS, charge.credits_doubtful))
    return Shown(
        charge.usd,
        charge.credits,
        charge.most_usd,
        charge.most_credits,
        charge.state,
        charge.final,
        frozenset(unit for unit, mark in marks if mark),
    )


def is_plain(own: TurnMoney) -> bool:
    return not (own.shared or own.doubts)


def amount_of(charge: TurnCharge, unit: Unit) -> Decimal | None:
    return charge.usd if unit is Unit.USD else charge.credits


def rise_amount(bucket: Bucket, unit: Unit) -> Decimal | None:
    return bucket.usd.value if unit is Unit.USD else bucket.credits.value


def sum_of(charges: Iterable[TurnCharge], unit: Unit) -> Total:
    """The sum of turns, computed here."""
    value: Decimal | None = None
    missing, doubtful, growing, unsettled = 0, False, 0, False
    for one in charges:
        amount = amount_of(one, unit)
        if one.status in FREE and not amount:
            continue
        missing += amount is None or not one.final
        growing += amount is not None and not one.final
        unsettled |= not one.confirmed and not (one.usd is one.credits is None)
        doubtful |= one.doubtful if unit is Unit.USD else one.credits_doubtful
        value = value if amount is None else (value or ZERO) + amount
    return Total(value, missing, doubtful, growing, unsettled and value is not None)
