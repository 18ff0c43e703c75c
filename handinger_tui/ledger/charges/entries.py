"""Charges and suspense: the append-only record of what turns cost, and of what no turn explains.

New rows are the differences to those that are stored. Suspense is also read here, for costs and limits.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import compress, count
from operator import is_not
from typing import Final, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from handinger_tui.core.amounts import Unit, micro_credits, pico_usd
from handinger_tui.core.decimals import INT64_MAX, decimal_text, in_units, tidy
from handinger_tui.core.evidence import sources_of_turn
from handinger_tui.core.figures import (
    ADDED,
    CATEGORIES,
    FIGURES,
    NO_COSTS,
    NO_USAGE,
    Costs,
    Figure,
    Number,
    Usage,
    numbers_of,
    usage_and_costs,
)
from handinger_tui.core.jsontext import NotJson, as_list, dump, parse
from handinger_tui.core.money.attribution import AmountBasis, MoneyIndex, TurnMoney
from handinger_tui.core.money.reconciliation import AssignedRise, rises_of
from handinger_tui.core.money.spending import ChargeFilter, Rise
from handinger_tui.core.money.turn_events import is_of_file, newest_event_ms
from handinger_tui.core.turns.session import LOCAL, NO_RELATED_HISTORY, PerTurn, Session
from handinger_tui.core.turns.turn import FREE, Turn, TurnStatus
from handinger_tui.ledger.charges import worker_turns
from handinger_tui.ledger.labels import CHOSEN_WORKER
from handinger_tui.ledger.sql import (
    Cell,
    Row,
    int64_or_none,
    int_or_none,
    int_or_zero,
    pack,
    pack_optional,
    scaled,
    split,
    unpack,
    unpack_optional,
)

CACHED_SESSIONS: Final = 16
"""Number of sessions in the cache; all turns of any other session are compared again."""

Pair = tuple[Turn, TurnMoney]
_Snapshot = tuple[tuple[Turn, ...], tuple[TurnMoney, ...]]


class ChargeCache:
    """Remembers which turns of a session agree with the record, so that they are not compared again.

    Only `ConfirmedTurns.confirm` marks them so, and it is called only after the record was read and nothing
    was missing in it. So each write is read back once, and a write that failed or was rolled back never
    counts as done. For one thread.
    """

    def __init__(self) -> None:
        self._connection: sqlite3.Connection | None = None
        self._sessions: dict[str, ConfirmedTurns] = {}

    def of(self, connection: sqlite3.Connection, session: Session) -> ConfirmedTurns:
        """The entry of a session; only the `CACHED_SESSIONS` sessions that were used last have one."""
        if connection is not self._connection:
            # Another database, for example a new one after damage, holds none of the confirmed rows.
            self._connection, self._sessions = connection, {}
        confirmed = self._sessions.pop(session.session_id, None) or ConfirmedTurns()
        while len(self._sessions) >= CACHED_SESSIONS:
            del self._sessions[next(iter(self._sessions))]
        self._sessions[session.session_id] = confirmed
        return confirmed


class ConfirmedTurns:
    """The turns of one session that agree with the record, and their costs."""

    def __init__(self) -> None:
        self._index = MoneyIndex()
        self._current: _Snapshot = ((), ())
        self._confirmed: _Snapshot = ((), ())
        self._confirmed_elsewhere: Mapping[str, TurnMoney] = {}
        self._confirmed_results: object = None
        self._newest_ms = PerTurn(newest_event_ms)
        self._moments = PerTurn(_newest_moment)
        self._version: int | None = None
        self._overtaken: set[str] = set()
        """Turns of which another program has stored more than this session holds."""
        self._newest_row = self._read_row = 0
        """The ids of the newest row when the record was confirmed, and when it was read last."""
        self._recorded: set[str] = set()
        """The turns with rows since it was confirmed: another program may have recorded other amounts."""
        self.others = NO_RELATED_HISTORY
        """What other sessions have on the workers of the session, as of the last `unconfirmed` call."""

    def unconfirmed(self, connection: sqlite3.Connection, session: Session) -> list[Pair]:
        """Read what other sessions have; the turns to be compared with the record, each with its cost."""
        self._find_overtaken(connection, session)
        self._find_recorded(connection, session)
        self.others = others = worker_turns.others(connection, session, self._overtaken)
        self._current = turns, money = session.turns, self._index(session.turns, others)
        confirmed = self._confirmed
        old_turns = min(len(confirmed[0]), len(turns))
        # Nearly all turns of a long session are confirmed, so they are compared in C, by identity.
        changed = {at for old, new in zip(confirmed, self._current, strict=True) for at in _changed(old, new)}
        # What another program has ended is corrected as a turn of another session.
        elsewhere = self._index.money_elsewhere
        if self._recorded:
            changed.update(at for at in range(old_turns) if turns[at].turn_id in self._recorded)
        positions = (*sorted(changed), *range(old_turns, len(turns)))
        return [
            (turns[at], money[at])
            for at in positions
            if turns[at].turn_id not in elsewhere and not turns[at].imported
        ]

    def _find_overtaken(self, connection: sqlite3.Connection, session: Session) -> None:
        """Find the turns whose copy here is older: it must not retract what another program recorded."""
        # The number changes only when another connection has written to the file.
        (version,) = connection.execute("PRAGMA data_version").fetchone()
        among = self._overtaken if version == self._version else None
        if version != self._version:
            # The other program may have recorded other suspense.
            self._confirmed_results = None
        self._version = version
        if among is not None and not among:
            return
        ids = (turn.turn_id for turn in session.turns)
        newest = dict(zip(ids, self._newest_ms(session.turns), strict=True))
        self._overtaken = worker_turns.overtaken_turns(connection, session, newest, among)

    def _find_recorded(self, connection: sqlite3.Connection, session: Session) -> None:
        if not self._confirmed[0]:
            # All turns are compared.
            row = connection.execute("SELECT MAX(id) FROM charges").fetchone()
            self._recorded, self._read_row = set(), int_or_zero(row[0])
            return
        rows = connection.execute(_ROWS_SINCE, (self._newest_row,)).fetchall()
        self._recorded = {unpack(row["turn_id"]) for row in rows}
        self._read_row = max((int(row["id"]) for row in rows), default=self._newest_row)
        if self._recorded:
            # A copy that still has a message which was never sent is an older one: it corrects nothing.
            unsent = connection.execute(_UNSENT, (pack(session.session_id),)).fetchall()
            unsent_ids = {unpack(row["turn_id"]) for row in unsent}
            if any(turn.turn_id in unsent_ids and not turn.unsent for turn in session.turns):
                self._recorded = set()

    def confirm(self) -> None:
        """Mark what belongs to the last `unconfirmed` call as present in the record."""
        self._newest_row = self._read_row
        self._confirmed = self._current
        self._confirmed_elsewhere = self._index.money_elsewhere
        self._confirmed_results = self._index.results

    def newest_ms(self) -> int:
        """The time of a correction: that of the newest reading or ruling on any worker of the session."""
        rulings = (ruling.at_ms for ruling in self.others.rulings)
        # Figures of single turns are on no timeline.
        own = self._moments(self._current[0])
        return max((self._index.newest_ms, *own, *rulings), default=0)

    def rises(self) -> tuple[Iterable[str], Sequence[Rise]] | None:
        """The workers of the session, and the suspense on them; None where that was confirmed."""
        results = self._index.results
        if results is self._confirmed_results:
            return None
        workers = [worker for worker in results if worker is not None and not is_of_file(worker)]
        return workers, rises_of(results, self._current[0])

    def elsewhere(self) -> Mapping[str, TurnMoney]:
        """The cost of the turns of other sessions on the same workers, without what was confirmed."""
        confirmed = self._confirmed_elsewhere
        money = self._index.money_elsewhere
        # By identity: an amount that was recorded, and then is again what was confirmed before, is compared.
        return {
            turn_id: own
            for turn_id, own in money.items()
            if confirmed.get(turn_id) is not own or turn_id in self._recorded
        }


_UNSENT: Final = f"SELECT turn_id FROM turns WHERE session_id = ? AND status = '{TurnStatus.NOT_SENT}'"
_ROWS_SINCE: Final = "SELECT id, turn_id FROM charges WHERE id > ? ORDER BY id"


def _changed(old: Sequence[object], new: Sequence[object]) -> Iterator[int]:
    """The indexes at which `new` holds another object than `old`."""
    return compress(count(), map(is_not, old, new))


_BY_BIT: Final = sorted(FIGURES, key=lambda figure: figure.bit)
COUNTS: Final = tuple(figure.column for figure in FIGURES if not figure.is_amount)
COST_COLUMNS: Final = tuple(figure.column for figure in CATEGORIES)
_SUMS: Final = tuple(figure for figure in _BY_BIT if figure.summed)
AMOUNT_COLUMNS: Final = tuple(figure.column for figure in _BY_BIT if figure.is_amount)
NUMBERS: Final = (*AMOUNT_COLUMNS, *COUNTS)

SUMMED: Final = tuple(figure.column for figure in _SUMS)
"""The numbers that are summed. A bit of `turn_totals.reported`: a finished worker reported that number."""
BIT: Final = {figure.column: figure.bit for figure in _BY_BIT}
COST_BITS: Final = sum(1 << figure.bit for figure in CATEGORIES if figure not in ADDED)
"""The bits of `turn_totals.reported` for the cost categories of a turn that is split."""
DECIMALS: Final = {figure.column: figure.places for figure in _SUMS} | {
    "most_pico": 12,
    "reserved_pico": 12,
    "most_micro": 6,
    "reserved_micro": 6,
}
"""Decimal places of the integers in which amounts and tokens are stored."""


def amount_in(row: Row, column: str) -> Decimal | None:
    """The amount in a column of `turn_totals` or `reservations`; None where it is unknown."""
    return scaled(0, row[column], DECIMALS[column])


_HEAD: Final = (
    *("kind", "turn_id", "session_id", "worker_id", "base_url", "at_ms", "status", "budget"),
    *("started_by", "reading", "final", "confirmed", "sources", "elapsed_ms"),
)
SHARE: Final = ("shared_with", "most_pico", "most_micro", "doubtful", "credits_doubtful")
"""How many other runs may own a part of the amounts of a turn, what it cost at most, and what is doubtful."""
_COLUMNS: Final = ("id", *_HEAD, *NUMBERS, *SHARE, "exact", "snapshot", "reason", "retracted", "profile")
Cells = dict[str, Cell]
EMPTY: Final[Cells] = dict.fromkeys(("id", *NUMBERS, "confirmed", "reason", "retracted", "profile"))
"""The cells of a charge that most have without a value; `id`: the next number."""
PUT_CHARGE: Final = (
    f"INSERT INTO charges ({', '.join(_COLUMNS)}) VALUES ({', '.join(f':{name}' for name in _COLUMNS)})"
)


class _Reported(Struct, frozen=True):
    """The numbers of the INTEGER columns that the readings of a turn show, and whether they are final.

    The number of an amount beyond 64 bits is a lower bound, and never final; the column `exact` has it.
    `confirmed`: see `TurnMoney`.
    """

    numbers: dict[str, int]
    final: bool
    confirmed: bool

    @property
    def cells(self) -> Cells:
        """The state, as cells."""
        return {"final": int(self.final), "confirmed": 1 if self.confirmed else None}


class _Recorded(Struct, frozen=True):
    """The sum of the recorded rows of a turn. `reported`: bits of reported numbers, see `SUMMED`.

    `turn_totals` leaves out zeros of turns that cost nothing; here they are zero.
    """

    status: str
    reading: str
    final: bool
    confirmed: bool
    reported: int
    numbers: Mapping[str, int | None]
    share: Cells

    def may_be_unknown(self, money: TurnMoney) -> bool:
        """Whether an amount that is recorded may be unknown now, although no reading was lost.

        The figures of the worker mean something else now, the rise was entered for others, or what was
        entered is zero: where others may own a rise, zero is not what the turn cost.
        """
        if AmountBasis.NONE in (self.reading, money.reading):
            return False
        was_zero = not any(self.numbers[name] for name in AMOUNT_COLUMNS)
        is_other = money.recounted or self.reading != money.reading
        return is_other or (was_zero and money.usd is money.usage.credits is None)


def write_charges(
    connection: sqlite3.Connection,
    session: Session,
    cache: ChargeCache,
    reason: str | None = None,
    at_ms: int | None = None,
    profile: str | None = None,
) -> None:
    """Write the new rows of the turns of `session`, inside a transaction of the caller.

    Turns of other sessions on the same worker get corrections where the readings of this one show more.
    `reason`: why amounts are corrected, where that is not in the readings. `at_ms`: when they are corrected,
    where that is not the time of the newest reading. `profile`: the one with which new turns were read.
    """
    new = new_entries(connection, session, cache, at_ms, retracts=reason is not None)
    worker_turns.write(connection, new.events)
    for row in new.charges:
        is_correction = row["kind"] == "correction"
        row["reason"], row["profile"] = (reason, None) if is_correction else (None, pack_optional(profile))
    connection.executemany(PUT_CHARGE, new.charges)
    connection.executemany(_PUT_SUSPENSE, new.suspense)


# A turn that was queued by an earlier version, or that went back to the queue, has a row already.
_KIND: Final = """
    SELECT CASE WHEN EXISTS (SELECT 1 FROM charges WHERE turn_id = ? AND kind = 'charge')
           THEN 'correction' ELSE 'charge' END
"""
_OPEN_CHARGE: Final = """
    INSERT INTO charges
        (kind, turn_id, session_id, worker_id, base_url, at_ms, status, budget, started_by, reading, final,
         exact, snapshot, profile, key_tail)
    SELECT :kind, t.turn_id, t.session_id, COALESCE(t.worker_id, t.ordered_worker_id), s.base_url, :at_ms,
           t.status, t.budget, t.started_by, 'none', 0, :exact, 'null', :profile, :key_tail
      FROM turns t JOIN sessions s ON s.session_id = t.session_id
     WHERE t.turn_id = :turn_id AND t.imported_ms IS NULL
       AND NOT EXISTS (SELECT 1 FROM turn_totals m WHERE m.turn_id = t.turn_id)
"""


def open_charge(
    connection: sqlite3.Connection,
    turn_id: str,
    at_ms: int,
    profile: str | None = None,
    key_tail: str | None = None,
) -> None:
    """Write the first row of a stored turn, without amounts, before its request may leave.

    From then on it is a turn in every sum. Without effect where it is one already.
    """
    cells: Cells = {"turn_id": pack(turn_id), "at_ms": at_ms, "profile": pack_optional(profile)}
    cells["key_tail"] = pack_optional(key_tail or None)
    cells |= {"kind": _kind(connection, turn_id), "exact": dump(exact_numbers(NO_USAGE, NO_COSTS))}
    connection.execute(_OPEN_CHARGE, cells)


def take_back(connection: sqlite3.Connection, turn_id: str) -> None:
    """Take a turn that does not start after all out of all sums; its row stays."""
    sql = "DELETE FROM turn_totals WHERE turn_id = ? AND status = ?"
    connection.execute(sql, (pack(turn_id), str(TurnStatus.QUEUED)))


def _kind(connection: sqlite3.Connection, turn_id: str) -> str:
    """The kind of the next row of a turn that is in no sum yet."""
    kind: str = connection.execute(_KIND, (pack(turn_id),)).fetchone()[0]
    return kind


KEPT: Final = "readings of it are lost; the recorded amount was kept"
"""The stored reason of an entry after which the readings that are left change nothing of its turn."""
CARRIED: Final = "its earlier entries are lost; the sum was kept"
"""The stored reason of an entry that a repair made of a sum."""
_IS_KEPT: Final = """
    SELECT 1 FROM turn_totals t JOIN charges c ON c.session_id = t.session_id AND c.turn_id = t.turn_id
     WHERE t.turn_id = ? AND c.reason = ?
"""


def _is_kept(connection: sqlite3.Connection, turn_id: str) -> bool:
    return connection.execute(_IS_KEPT, (pack(turn_id), KEPT)).fetchone() is not None


class NewEntries(NamedTuple):
    """Rows to write of `worker_turns`, `charges` and `suspense`."""

    events: list[tuple[Cell, ...]]
    charges: list[Cells]
    suspense: list[Cells]


def new_entries(
    connection: sqlite3.Connection,
    session: Session,
    cache: ChargeCache,
    at_ms: int | None = None,
    *,
    retracts: bool = False,
) -> NewEntries:
    """The charge of every turn that has none, corrections where the readings show more, and new suspense.

    Other sessions need what the turns show of their workers, also where that changes no amount.
    `retracts`: recorded numbers that the readings no longer show are retracted. Otherwise they stay: a
    reading that is lost or damaged must not retract what was charged.

    A turn of ours has a charge since it was stored (`open_charge`). A new read of the worker can change
    earlier turns as well, so all turns on the workers of the session are compared, except those confirmed
    in `cache`.
    """
    confirmed = cache.of(connection, session)
    unconfirmed = confirmed.unconfirmed(connection, session)
    newest_ms = confirmed.newest_ms() if at_ms is None else at_ms
    recorded_turns = _recorded(connection, [turn.turn_id for turn, _ in unconfirmed])
    rows: list[Cells] = []
    for turn, money in unconfirmed:
        reported = _reported(money)
        recorded = recorded_turns.get(turn.turn_id)
        if recorded is not None:
            reported = _kept(recorded, money, reported)
        if recorded is None:
            if not turn.unsent and (reported.numbers or not turn.live):
                kind = _kind(connection, turn.turn_id)
                first: Cells = {"kind": kind, "at_ms": _moment(turn), **reported.numbers}
                rows.append(_row(session, turn, money, first | reported.cells))
            continue
        changes = _changes(recorded, turn, money, reported, retracts=retracts)
        if changes is not None and not _is_kept(connection, turn.turn_id):
            head: Cells = {"kind": "correction", "at_ms": newest_ms, **reported.cells}
            rows.append(_row(session, turn, money, head | changes))
    rows += _corrections_elsewhere(connection, confirmed.elsewhere(), newest_ms, retracts=retracts)
    computed = confirmed.rises()
    unexplained = [] if computed is None else new_suspense(connection, session.base_url, *computed, newest_ms)
    events = worker_turns.new_rows(connection, session, [turn for turn, _ in unconfirmed])
    if not (events or rows or unexplained):
        confirmed.confirm()
    return NewEntries(events, rows, unexplained)


def _corrections_elsewhere(
    connection: sqlite3.Connection, money: Mapping[str, TurnMoney], at_ms: int, *, retracts: bool
) -> list[Cells]:
    """Corrections of turns of other sessions on the same worker."""
    rows: list[Cells] = []
    for turn_id, recorded in _recorded(connection, [*money]).items():
        own = money[turn_id]
        reported = _kept(recorded, own, _reported(own))
        # A refused turn has only the cost that the person assigned to it.
        is_other = recorded.status == TurnStatus.UNKNOWN or recorded.may_be_unknown(own)
        retracted = _retracted_names(recorded, own, reported) if retracts or is_other else ()
        if (recorded.status in FREE and not own.grew) or not (retracted or _is_new(recorded, own, reported)):
            continue
        if _is_kept(connection, turn_id):
            continue
        changes = _differences(recorded, reported, retracted)
        head: Cells = dict(connection.execute(_HEAD_OF_TURN, (pack(turn_id),)).fetchone())
        head |= {
            "kind": "correction",
            "at_ms": at_ms,
            "reading": str(own.reading),
            **reported.cells,
        }
        head |= {"exact": dump(exact_numbers(own.usage, own.costs)), "snapshot": "null"}
        rows.append({**EMPTY, **head, **_share(own), **changes})
    return rows


_HEAD_OF_TURN: Final = """
    SELECT turn_id, session_id, worker_id, base_url, status, budget, started_by, sources, elapsed_ms
      FROM turn_totals WHERE turn_id = ?
"""


def _newest_moment(turn: Turn) -> int:
    """When a turn was last read, or ended; 0 for an imported one, whose times are those of a file."""
    return 0 if turn.imported else max(_moment(turn), turn.read_ms or 0)


def _moment(turn: Turn) -> int:
    """The time of a row in Unix milliseconds: when the turn ended, else was last read, else was requested."""
    moments = (turn.ended_ms, turn.read_ms, turn.request.created_ms)
    return next(moment for moment in moments if moment is not None)


def _changes(
    recorded: _Recorded, turn: Turn, money: TurnMoney, reported: _Reported, *, retracts: bool
) -> Cells | None:
    """The differences that a correction adds; None when no correction is needed."""
    is_other = turn.status is TurnStatus.UNKNOWN or recorded.may_be_unknown(money)
    retracted = _retracted_names(recorded, money, reported) if retracts or is_other else ()
    has_ended = not turn.live and recorded.status != turn.status
    is_needed = has_ended or retracted or _is_new(recorded, money, reported)
    return _differences(recorded, reported, retracted) if is_needed else None


def _retracted_names(recorded: _Recorded, money: TurnMoney, reported: _Reported) -> Sequence[str]:
    """The recorded numbers that the readings of the turn no longer show."""
    if money.reading is AmountBasis.NONE:
        return ()
    return [name for name in NUMBERS if recorded.numbers[name] is not None and name not in reported.numbers]


def _differences(recorded: _Recorded, reported: _Reported, retracted: Sequence[str]) -> Cells:
    now = {**reported.numbers, **dict.fromkeys(retracted, 0)}
    changes: Cells = {
        name: int64_or_none(value - (recorded.numbers[name] or 0)) for name, value in now.items()
    }
    if retracted:
        changes["retracted"] = sum(1 << BIT[name] for name in retracted)
    return changes


def _is_new(recorded: _Recorded, money: TurnMoney, reported: _Reported) -> bool:
    """Whether the readings show more of the cost than is recorded."""
    if recorded.share != _share(money) or any(
        recorded.numbers[name] != value for name, value in reported.numbers.items()
    ):
        return True
    if (recorded.final, recorded.confirmed) != (reported.final, reported.confirmed):
        return True
    bits = sum(1 << BIT[name] for name in SUMMED if name in reported.numbers)
    return reported.final and bool(bits & ~recorded.reported)


def _kept(recorded: _Recorded, money: TurnMoney, reported: _Reported) -> _Reported:
    """`reported`; where the readings show nothing of the turn, its state stays as it is recorded."""
    is_lost = money.reading is AmountBasis.NONE and not reported.final
    return replace(reported, final=recorded.final, confirmed=recorded.confirmed) if is_lost else reported


def _reported(money: TurnMoney) -> _Reported:
    numbers, are_exact = _integers(_BY_BIT, money.usage, money.costs)
    return _Reported(
        {name: number for name, number in numbers.items() if number is not None},
        money.final and are_exact,
        money.confirmed,
    )


def _integers(figures: Iterable[Figure], usage: Usage, costs: Costs) -> tuple[dict[str, int | None], bool]:
    """The integers of the columns of `figures`, and whether they are exact.

    An amount beyond 64 bits is the largest integer; a count beyond them is unknown.
    """
    numbers: dict[str, int | None] = {}
    are_exact = True
    for figure in figures:
        value = figure.read(usage, costs)
        if isinstance(value, Decimal):
            number = in_units(value, figure.places)
            is_too_large = number is None and tidy(value) is not None
            are_exact = are_exact and not is_too_large
            numbers[figure.column] = INT64_MAX if is_too_large else number
        else:
            numbers[figure.column] = int64_or_none(value)
    return numbers, are_exact


def exact_numbers(usage: Usage, costs: Costs) -> dict[str, str | None]:
    """Every number as decimal text, None where unknown."""
    pairs = zip(FIGURES, numbers_of(usage, costs), strict=True)
    amounts = {figure.name: None if value is None else tidy(Decimal(value)) for figure, value in pairs}
    return {name: None if amount is None else decimal_text(amount) for name, amount in amounts.items()}


def _recorded(connection: sqlite3.Connection, turn_ids: list[str]) -> dict[str, _Recorded]:
    query = "SELECT * FROM turn_totals WHERE turn_id = ?"
    rows = ((one, connection.execute(query, (pack(one),)).fetchone()) for one in turn_ids)
    return {
        one: _Recorded(
            row["status"],
            row["reading"],
            bool(row["final"]),
            bool(row["confirmed"]),
            row["reported"],
            {name: 0 if row[name] is None and row["status"] in FREE else row[name] for name in NUMBERS},
            {name: row[name] for name in SHARE},
        )
        for one, row in rows
        if row is not None
    }


def _row(session: Session, turn: Turn, money: TurnMoney, cells: Cells) -> Cells:
    read = turn.snapshot
    head: Cells = {
        "turn_id": pack(turn.turn_id),
        "session_id": pack(session.session_id),
        "worker_id": pack_optional(turn.target),
        "base_url": pack(session.base_url),
        "status": str(turn.status),
        "budget": pack_optional(turn.request.budget),
        "started_by": str(turn.request.trigger),
        "reading": str(money.reading),
        "sources": _sources(turn),
        "elapsed_ms": turn.elapsed_ms,
        "exact": dump(exact_numbers(money.usage, money.costs)),
        "snapshot": dump(exact_numbers(read.usage, read.costs) if read is not None else None),
    }
    return EMPTY | head | _share(money) | cells


def _share(money: TurnMoney) -> Cells:
    units = (("doubtful", Unit.USD), ("credits_doubtful", Unit.CREDITS))
    doubtful: Cells = {name: 1 if unit in money.doubts else None for name, unit in units}
    if not money.shared:
        return dict.fromkeys(SHARE) | doubtful
    most = {"most_pico": pico_usd(money.most_usd), "most_micro": micro_credits(money.most_credits)}
    return doubtful | {"shared_with": money.others} | most


def _sources(turn: Turn) -> int | None:
    """The number of sources of a turn; None when nothing of the turn was received."""
    is_received = turn.parts or turn.snapshot is not None or turn.status in FREE
    return len(sources_of_turn(turn)) if is_received else None


# -- suspense ---------------------------------------------------------------------------
_RISE_KEY: Final = ("base_url", "worker_id", "seen_ms")
_RISE_FACTS: Final = ("last_turn", "refused", "strangers", "doubtful")
_SUSPENSE_COLUMNS: Final = (*_RISE_KEY, "at_ms", *SUMMED, *_RISE_FACTS)
_PUT_SUSPENSE: Final = (
    f"INSERT INTO suspense ({', '.join(_SUSPENSE_COLUMNS)})"
    f" VALUES ({', '.join(f':{name}' for name in _SUSPENSE_COLUMNS)})"
)
# The facts are those of the newest row.
_RISES: Final = f"""
    SELECT g.*, s.last_turn, s.refused, s.strangers, s.doubtful
      FROM (SELECT {", ".join(_RISE_KEY)}, MIN(id) AS number, MAX(id) AS newest,
                   {", ".join(map(split, SUMMED))}
              FROM suspense {{where}} GROUP BY {", ".join(_RISE_KEY)}) g
      JOIN suspense s ON s.id = g.newest
     ORDER BY g.seen_ms, g.number
"""
# In order of time: the newest is in force.
_ASSIGNMENTS: Final = (
    "SELECT base_url, worker_id, seen_ms, turn_id FROM rulings WHERE seen_ms IS NOT NULL ORDER BY id"
)


def new_suspense(
    connection: sqlite3.Connection, base_url: str, workers: Iterable[str], rises: Iterable[Rise], at_ms: int
) -> list[Cells]:
    """Rows to write so that the suspense of `workers` is that of `rises`."""
    now = {(rise.worker_id, rise.seen_ms): rise for rise in rises}
    rows: list[Cells] = []
    for worker_id in workers:
        whose: Cells = {"base_url": pack(base_url), "worker_id": pack(worker_id)}
        where = "WHERE base_url = :base_url AND worker_id = :worker_id"
        stored = {row["seen_ms"]: row for row in connection.execute(_RISES.format(where=where), whose)}
        computed = {seen_ms: rise for (whose_rise, seen_ms), rise in now.items() if whose_rise == worker_id}
        for seen_ms in sorted({*stored, *computed}):
            changes = _suspense_changes(stored.get(seen_ms), computed.get(seen_ms))
            if changes:
                rows.append({**whose, "seen_ms": seen_ms, "at_ms": at_ms, **changes})
    return rows


def _suspense_changes(stored: Row | None, rise: Rise | None) -> Cells:
    """The differences and the facts of a new row; {} where nothing is new."""
    old = dict.fromkeys(SUMMED) if stored is None else {name: _number(stored, name) for name in SUMMED}
    new = dict.fromkeys(SUMMED) if rise is None else _integers(_SUMS, rise.usage, rise.costs)[0]
    changes: Cells = {name: _difference(old[name], new[name]) for name in SUMMED}
    before: Cells = {} if stored is None else {name: stored[name] for name in _RISE_FACTS}
    facts = before if rise is None else _facts_of(rise)
    if not any(changes.values()) and (rise is None or facts == before):
        return {}
    return changes | facts


def _difference(old: int | None, new: int | None) -> int | None:
    return None if old is None and new is None else int64_or_none((new or 0) - (old or 0))


def _number(row: Row, name: str) -> int | None:
    high, low = row[f"{name}_high"], row[f"{name}_low"]
    return high * 1_000_000 + low if isinstance(high, int) and isinstance(low, int) else None


def _facts_of(rise: Rise) -> Cells:
    return {
        "last_turn": pack_optional(rise.after),
        "refused": dump([*rise.refused]),
        "strangers": rise.strangers,
        "doubtful": int(rise.doubtful),
    }


# -- reading -----------------------------------------------------------------------------
def rises(connection: sqlite3.Connection, which: ChargeFilter) -> list[Rise]:
    """What no turn explains, in order of time. It belongs to no session, no budget and no profile."""
    return [rise for rise in _stored_rises(connection, which) if rise.usd or rise.credits or rise.tokens]


def condition_cells(which: ChargeFilter, names: Iterable[str]) -> Cells:
    """Those members of a filter that are set, as the parameters of a query."""
    values = ((name, getattr(which, name)) for name in names)
    return {
        name: pack(value) if isinstance(value, str) else value for name, value in values if value is not None
    }


_RISE_CONDITIONS: Final = {
    "since_ms": "seen_ms >= :since_ms",
    "until_ms": "seen_ms < :until_ms",
    "worker_id": "worker_id = :worker_id",
    "simulated": f"(base_url = '{LOCAL}') = :simulated",
}


def rise_condition(which: ChargeFilter) -> tuple[str, Cells] | None:
    """The WHERE clause over `suspense` ("" for all) and its parameters; None where nothing matches."""
    if any(one is not None for one in (which.turn_id, which.session_id, which.budget, which.profile)):
        return None
    cells = condition_cells(which, _RISE_CONDITIONS)
    terms = [_RISE_CONDITIONS[name] for name in cells]
    terms += [CHOSEN_WORKER] if which.by_labels else []
    return (f"WHERE {' AND '.join(terms)}" if terms else ""), cells


def _stored_rises(connection: sqlite3.Connection, which: ChargeFilter) -> list[Rise]:
    """All rises that were ever stored, also those that a turn explains by now."""
    selected = rise_condition(which)
    if selected is None:
        return []
    where, cells = selected
    return [_rise_of(row) for row in connection.execute(_RISES.format(where=where), cells)]


def rise_numbered(connection: sqlite3.Connection, number: int) -> Rise | None:
    """The rise of a number, also one that a turn explains by now; None where there is none."""
    return next((rise for rise in _stored_rises(connection, ChargeFilter()) if rise.number == number), None)


def assigned(connection: sqlite3.Connection, which: ChargeFilter) -> list[AssignedRise]:
    """The rises that the person assigned to a turn, in order of time."""
    owners = {
        (unpack(row["base_url"]), unpack(row["worker_id"]), row["seen_ms"]): unpack_optional(row["turn_id"])
        for row in connection.execute(_ASSIGNMENTS)
    }
    pairs = [
        (rise, owners.get((rise.base_url, rise.worker_id, rise.seen_ms)))
        for rise in _stored_rises(connection, which)
    ]
    return [
        AssignedRise(rise.number, rise.worker_id, turn_id) for rise, turn_id in pairs if turn_id is not None
    ]


def _rise_of(row: Row) -> Rise:
    numbers: list[Number | None] = [
        scaled(row[f"{figure.column}_high"], row[f"{figure.column}_low"], figure.places)
        if figure.summed
        else None
        for figure in FIGURES
    ]
    return Rise(
        unpack(row["worker_id"]),
        int_or_zero(row["seen_ms"]),
        *usage_and_costs(numbers),
        unpack_optional(row["last_turn"]),
        _refused_in(row["refused"]),
        int_or_none(row["strangers"]),
        bool(row["doubtful"]),
        row["number"],
        unpack(row["base_url"]),
    )


def _refused_in(stored: object) -> tuple[str, ...]:
    try:
        names = as_list(parse(unpack(stored)))
    except NotJson:
        return ()
    return tuple(name for name in names if isinstance(name, str))
