"""Limits of a team: what the turns of this history count for in a database that other computers use, too.

The history stays here. `shared_turns` has a row for each turn that the team counts, with a version that
grows with every change of its amounts (triggers see to it) and the version that the database has. So what
could not be entered is entered later, by whichever program runs next on this history.

A start notes its turn, reserves in the database, and then stores the turn: whatever it is killed between,
the next program knows of the reservation. `run` names the program until the turn is stored or given up.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from handinger_tui.core.amounts import Total, Unit, at_price, micro_credits, pico_usd
from handinger_tui.core.decimals import EXACT
from handinger_tui.core.errors import LedgerError, SharedUnreachable
from handinger_tui.core.money.limits import Gauge, Limit, LimitOrigin, LimitReached, Scope, check_start
from handinger_tui.core.money.spending import account_name
from handinger_tui.core.money.typical_cost import ENOUGH, spread
from handinger_tui.core.safety import clean_line
from handinger_tui.core.turns.turn import FREE, UNENDED
from handinger_tui.ledger.charges.limits import (
    LimitService,
    Reservation,
    reservation_of,
    unreported_units,
    with_reservations,
)
from handinger_tui.ledger.charges.shared_server import (
    EntryState,
    ScopeSum,
    SharedServer,
    SharedState,
    TurnState,
    limit_name,
    scopes_at,
    utc,
)
from handinger_tui.ledger.sql import Care, pack, transaction, unpack

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import AsyncIterator, Callable, Iterable, Sequence

    from handinger_tui.core.turns.session import Session
    from handinger_tui.core.turns.turn import StartPolicy, TurnRequest
    from handinger_tui.ledger.database import Database
    from handinger_tui.ledger.sql import Row

T = TypeVar("T")

_NOTE: Final = """
    INSERT INTO shared_turns (turn_id, server, run, scopes, account, budget, version, stored)
    VALUES (?, ?, ?, ?, ?, ?, 1, 0)
    ON CONFLICT (turn_id) DO UPDATE SET server = excluded.server, run = excluded.run,
        scopes = excluded.scopes, account = excluded.account, version = version + 1
    RETURNING version
"""
# Of a turn without a row of its own in `turn_totals` nothing was sent.
_PENDING: Final = """
    SELECT s.*, t.turn_id AS counted, t.status, t.at_ms, t.usd_pico, t.micro_credits, t.reported,
           r.turn_id AS reserves, r.reserved_pico, r.reserved_micro
      FROM shared_turns s LEFT JOIN turn_totals t USING (turn_id) LEFT JOIN reservations r USING (turn_id)
     WHERE s.version > s.stored AND s.server = ? AND s.run = '' LIMIT 500
"""
_ENTERED: Final = "UPDATE shared_turns SET stored = MAX(stored, ?) WHERE turn_id = ?"
_GIVE_UP: Final = "UPDATE shared_turns SET run = '', version = version + 1 WHERE"
_STARTING: Final = "SELECT DISTINCT run FROM shared_turns WHERE version > stored AND server = ? AND run <> ''"
_SEPARATOR: Final = "\n"
_COLUMNS: Final = {Unit.USD: ("usd_pico", "reserved_pico"), Unit.CREDITS: ("micro_credits", "reserved_micro")}


class _Start(Struct, frozen=True):
    """A turn that is about to reserve: what it would, and what its service never reports."""

    turn: TurnState
    pending: tuple[TurnState, ...]
    unreported: frozenset[Unit]


class SharedLimits:
    """Guards the starts of this program by the limits of a team. Methods raise LedgerError."""

    def __init__(
        self,
        database: Database,
        limits: LimitService,
        server: SharedServer,
        run: str,
        is_alive: Callable[[str], bool] | None,
    ) -> None:
        """`run`: the id of this run of the program; `is_alive(run)`: whether another one still runs.

        None: the history is a copy, or in memory. Only the turns of this run are entered then.
        """
        self._database = database
        self._limits = limits
        self._server = server
        self._run = run
        self._is_alive = is_alive or (lambda _run: True)
        self._key = server.key if is_alive else f"{server.key} {run}"
        self.profile = ""
        """That of the account."""
        self.is_required = True
        """Nothing is sent while the database does not answer."""
        self._thread = ThreadPoolExecutor(1, "shared")
        self._pushing: asyncio.Task[None] | None = None
        self._is_due = self._is_closed = False

    # -- a start -------------------------------------------------------------------------
    @asynccontextmanager
    async def reserved(
        self, session: Session, request: TurnRequest, start: StartPolicy
    ) -> AsyncIterator[Callable[[sqlite3.Connection], None]]:
        """Reserve for a turn; the block stores it, and calls what it gets in the same transaction.

        Raises:
            LimitReached, LimitReserved, LimitUnmeasured: as for the limits of this computer.
            SharedUnreachable: the database did not answer; nothing may be sent.
        """
        turn_id, server = request.turn_id, self._server
        at_ms = self._limits.rules.now_ms()
        noted = await self._database.run(partial(self._note, session, request, at_ms))
        entered: list[TurnState] = []
        try:
            try:
                decide = partial(self._decide, noted, start)
                await self._in_thread(lambda: server.reserve(noted.turn, utc(at_ms), noted.pending, decide))
                entered = [*noted.pending, noted.turn]
            except SharedUnreachable:
                if self.is_required:
                    raise

            def store(connection: sqlite3.Connection) -> None:
                # From here on the tables of this history say what becomes of the turn.
                connection.execute("UPDATE shared_turns SET run = '' WHERE turn_id = ?", (pack(turn_id),))
                _mark(connection, entered)

            yield store
        except BaseException as problem:
            was_refused = isinstance(problem, LimitReached) and not entered
            with suppress(LedgerError):
                work = partial(_forget if was_refused else give_up, turn_id=turn_id)
                await self._database.change(work)
            self.push_soon()
            raise
        if not entered:
            self.push_soon()

    async def refusal(
        self, session: Session, request: TurnRequest, start: StartPolicy
    ) -> LimitReached | SharedUnreachable | None:
        """Why a turn may not start now; None where it may. Nothing is noted or reserved."""
        at_ms = self._limits.rules.now_ms()
        turn = await self._database.read(lambda db: self._start(db, session, request, at_ms))
        try:
            state = await self._in_thread(lambda: self._server.state(turn.turn, utc(at_ms)))
            self._decide(turn, start, state)
        except LimitReached as problem:
            return problem
        except SharedUnreachable as problem:
            return problem if self.is_required else None
        return None

    def _note(
        self, session: Session, request: TurnRequest, at_ms: int, connection: sqlite3.Connection
    ) -> _Start:
        """Note a turn before anything of it is in the database of the team."""
        with transaction(connection, Care.FULL):
            pending = self._pending(connection)
            start = self._start(connection, session, request, at_ms)
            turn = start.turn
            scopes = _SEPARATOR.join(turn.scopes)
            cells = (pack(turn.turn_id), self._key, self._run, pack(scopes), turn.account, pack(turn.budget))
            (version,) = connection.execute(_NOTE, cells).fetchone()
        return replace(start, turn=replace(turn, version=version), pending=tuple(pending))

    def _start(
        self, connection: sqlite3.Connection, session: Session, request: TurnRequest, at_ms: int
    ) -> _Start:
        rules = self._limits.rules
        amounts = reservation_of(connection, session, request)
        turn = TurnState(
            request.turn_id,
            scopes_at(utc(at_ms), rules.whose(connection, session).project),
            clean_line(account_name(self.profile, session.base_url), 120),
            request.budget or "",
            0,
            EntryState.RESERVED,
            pico_usd(amounts.amount(Unit.USD, rules.prices.at(at_ms))),
            micro_credits(amounts.credits),
        )
        unreported = unreported_units(connection, session.base_url) | rules.never_reported
        return _Start(turn, (), unreported)

    def _decide(self, noted: _Start, start: StartPolicy, state: SharedState) -> TurnState:
        """The reservation of a turn by what the team has spent. Raises LimitReached."""
        turn = noted.turn
        if turn.pico is None and turn.micro is None:
            turn = replace(turn, pico=_usual(state, turn.budget, 0), micro=_usual(state, turn.budget, 1))
        rules = self._limits.rules
        unreported = noted.unreported
        if rules.prices and Unit.CREDITS not in unreported:
            unreported -= {Unit.USD}
        gauges = [
            replace(
                gauge,
                reported=gauge.limit.unit not in unreported,
                never_reported=gauge.limit.unit in unreported & rules.never_reported,
            )
            for gauge in shared_gauges(state, turn.scopes)
        ]
        needed = {Unit.USD: amount_of(turn.pico, Unit.USD), Unit.CREDITS: amount_of(turn.micro, Unit.CREDITS)}
        check_start(gauges, needed, start)
        return turn

    # -- what becomes of it ----------------------------------------------------------------
    def push_soon(self) -> None:
        """Enter what has changed, without waiting for it."""
        if self._is_closed:
            return
        self._is_due = True
        if self._pushing is None or self._pushing.done():
            self._pushing = asyncio.get_running_loop().create_task(self._push_due())

    async def _push_due(self) -> None:
        while self._is_due:
            self._is_due = False
            # What could not be entered is entered with the next change, or by the next program.
            with suppress(LedgerError):
                await self.push()

    async def push(self) -> None:
        """Enter everything that the database does not have yet."""
        while turns := await self._database.run(self._pending):
            await self._in_thread(partial(self._server.put, turns))
            await self._database.change(partial(_mark, turns=turns))

    async def aclose(self) -> None:
        """Enter what has changed, for a limited time: the next program enters what is left."""
        self.push_soon()
        self._is_closed = True
        if self._pushing is not None:
            await self._pushing
        self._thread.shutdown(wait=False)

    def _pending(self, connection: sqlite3.Connection) -> list[TurnState]:
        """Turns whose newest state is not in the database, but those that a program is about to store."""
        key = (self._key,)
        for (run,) in connection.execute(_STARTING, key).fetchall():
            if run != self._run and not self._is_alive(run):
                # It was killed after it had noted a turn, and may have reserved for it.
                connection.execute(f"{_GIVE_UP} run = ?", (run,))
        prices = self._limits.rules.prices
        rows = connection.execute(_PENDING, key).fetchall()
        return [_turn_state(row, prices.at(row["at_ms"])) for row in rows]

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.wrap_future(self._thread.submit(work))


def give_up(connection: sqlite3.Connection, turn_id: str) -> None:
    """A turn does not start after all: what it may have reserved is released with the next push."""
    connection.execute(f"{_GIVE_UP} turn_id = ?", (pack(turn_id),))


def _forget(connection: sqlite3.Connection, turn_id: str) -> None:
    """Nothing of this attempt was entered."""
    connection.execute(
        "UPDATE shared_turns SET run = '', stored = version WHERE turn_id = ?", (pack(turn_id),)
    )
    connection.execute("DELETE FROM shared_turns WHERE turn_id = ? AND version = 1", (pack(turn_id),))


def _mark(connection: sqlite3.Connection, turns: Sequence[TurnState]) -> None:
    """Store which versions the database has."""
    connection.executemany(_ENTERED, [(turn.version, pack(turn.turn_id)) for turn in turns])


def _turn_state(row: Row, credit_usd: Decimal | None) -> TurnState:
    """What a turn counts for now, by this history."""
    pico, micro = (_counted(row, unit) for unit in Unit)
    if pico is None:
        pico = pico_usd(at_price(amount_of(micro, Unit.CREDITS), credit_usd))
    state = EntryState.SETTLED
    is_free = row["counted"] is None or row["status"] in FREE
    if row["reserves"] is not None and not is_free:
        state = EntryState.RESERVED if row["status"] in UNENDED else EntryState.UNKNOWN
    elif is_free and not (pico or micro):
        state, pico, micro = EntryState.RELEASED, 0, 0
    elif pico is None and micro is None:
        # Its reservation went with its session, and nobody knows what it cost.
        state = EntryState.UNKNOWN
    scopes = tuple(unpack(row["scopes"]).split(_SEPARATOR))
    account, budget = unpack(row["account"]), unpack(row["budget"])
    return TurnState(unpack(row["turn_id"]), scopes, account, budget, row["version"], state, pico, micro)


def _counted(row: Row, unit: Unit) -> int | None:
    """The amount of a turn in a unit: what it cost, or what it reserves where that is more."""
    spent, reserved = (row[name] for name in _COLUMNS[unit])
    is_reported = (row["reported"] or 0) >> list(Unit).index(unit) & 1
    if row["reserves"] is None or is_reported:
        return None if spent is None else int(spent)
    return None if reserved is None else max(int(reserved), int(spent or 0))


# -- what is free ----------------------------------------------------------------------------
def shared_gauges(state: SharedState, scopes: Iterable[str]) -> list[Gauge]:
    """A gauge for each limit of the team that counts in one of some scopes."""
    gauges = []
    limits = {limit.name: limit for limit in state.limits}
    for scope in scopes:
        limit = limits.get(limit_name(scope))
        if limit is None:
            continue
        settled = state.sums.get(scope, ScopeSum())
        turns = [
            Reservation(
                amount_of(_assumed(state, one.budget, 0, one.pico, one.micro), Unit.USD),
                amount_of(_assumed(state, one.budget, 1, one.pico, one.micro), Unit.CREDITS),
                ended=not one.is_running,
            )
            for one in state.entries
            if one.scope == scope
        ]
        for unit, most, spent, missing in (
            (Unit.USD, limit.pico, settled.pico, settled.no_pico),
            (Unit.CREDITS, limit.micro, settled.micro, settled.no_micro),
        ):
            amount = amount_of(most, unit)
            if amount is not None:
                shared = Limit(Scope(limit.name.partition(" ")[0]), unit, amount, LimitOrigin.SHARED)
                gauge = Gauge(shared, Total(amount_of(spent, unit), missing))
                gauges.append(with_reservations(gauge, turns, None))
    return gauges


def _assumed(state: SharedState, budget: str, unit: int, *amounts: int | None) -> int | None:
    """What an entry counts for: what turns of the team at its budget cost, where it has no amount at all."""
    return amounts[unit] if any(one is not None for one in amounts) else _usual(state, budget, unit)


def _usual(state: SharedState, budget: str, unit: int) -> int | None:
    """The 90th percentile of what turns of the team at a budget cost, from `ENOUGH` on."""
    amounts = [amounts[unit] for amounts in state.earlier.get(budget, [])]
    of = spread(None if one is None else Decimal(one) for one in amounts)
    return None if of.p90 is None or of.counted < ENOUGH else int(of.p90)


def amount_of(number: int | Decimal | None, unit: Unit) -> Decimal | None:
    """An amount of the database, in pico-dollars or micro-credits, as USD or credits."""
    places = 12 if unit is Unit.USD else 6
    return None if number is None else Decimal(number).scaleb(-places, EXACT)
