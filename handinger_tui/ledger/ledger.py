"""Ledger: the durable record of turns, as an async façade over one database thread with one connection."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from datetime import tzinfo
from decimal import Decimal
from enum import Enum, auto
from functools import partial
from pathlib import Path
from typing import Final
from uuid import uuid4

from handinger_tui.core.errors import HandingerError, LedgerError, NoHistory
from handinger_tui.core.money.limits import Gauge, Scope, Unit
from handinger_tui.core.money.spending import Bucket, ChargeFilter, GroupBy, Spent, TurnCharge
from handinger_tui.core.money.typical_cost import TypicalCost
from handinger_tui.core.stream.frames import Frame
from handinger_tui.core.turns.session import RemoteTurn, SearchHit, Session, SessionSummary, put_turn
from handinger_tui.core.turns.turn import Turn, TurnRequest
from handinger_tui.ledger import grouping, limits
from handinger_tui.ledger import turns as turn_store
from handinger_tui.ledger.charge_writer import ChargeCache
from handinger_tui.ledger.database import Access, DatabaseThread, Frames, one_moment
from handinger_tui.ledger.grouping import Charge
from handinger_tui.ledger.limits import InForce, LimitUsage, TypedLimits, Whose
from handinger_tui.ledger.opening import Opened, mark_suspect, open_database, open_to_read, translated
from handinger_tui.ledger.process_locks import LockPatience, ProcessLocks
from handinger_tui.ledger.rows import TurnFrame

EVERYTHING: Final = ChargeFilter()
_NEWEST: Final = "SELECT (SELECT MAX(id) FROM charges), (SELECT MAX(id) FROM limits)"


class Accounts(Access):
    """Queries of charges, and the typed limits. Implements the UI's port for reading charges.

    Charges are written by `Ledger.charge` and `Ledger.close_turn` only. `zone`: the time zone of days;
    None: that of the machine. Every method raises LedgerError.
    """

    def __init__(self, thread: DatabaseThread, zone: tzinfo | None = None) -> None:
        super().__init__(thread)
        self._zone = zone
        self._newest_ids: tuple[int | None, int | None] | None = None
        """The newest ids of charges and limits at the last call of `changed`."""
        self._limit_usage = LimitUsage()

    async def charges(self, which: ChargeFilter = EVERYTHING) -> list[Charge]:
        """The rows of the append-only record of turns that match `which`, oldest first."""
        return await self._run(lambda db: grouping.charges(db, which))

    async def spent(self, which: ChargeFilter = EVERYTHING) -> Spent:
        """Exact sums over charged turns, with the number of turns that are not fully known."""
        return await self._run(lambda db: grouping.spent(db, which))

    async def buckets(self, by: GroupBy, which: ChargeFilter = EVERYTHING) -> list[Bucket]:
        """Groups of turns: days in order of time, other groups by cost, highest first, unknown last."""

        def work(connection: sqlite3.Connection) -> list[Bucket]:
            with one_moment(connection):
                return grouping.buckets(connection, by, which, self._zone)

        return await self._run(work)

    async def turn_charges(
        self, which: ChargeFilter = EVERYTHING, limit: int = 200, offset: int = 0
    ) -> list[TurnCharge]:
        """Turns with their cost, newest first; `limit` -1: all."""
        return await self._run(lambda db: grouping.turn_charges(db, which, limit, offset))

    async def usual(self, worker_id: str | None, budget: str, *, simulated: bool) -> TypicalCost:
        """The cost of the newest turns of a worker at a budget; of all workers where it has no such turn."""
        return await self._run(lambda db: grouping.usual(db, worker_id, budget, simulated=simulated))

    async def changed(self) -> bool:
        """Whether a charge or a limit was written since the last call, by this program or another one.

        True at the first call. Frames, titles and drafts do not count as a change.
        """
        newest = await self._run(lambda db: tuple(db.execute(_NEWEST).fetchone()))
        changed = newest != self._newest_ids
        self._newest_ids = newest
        return changed

    # -- limits --------------------------------------------------------------------
    async def typed_limits(self, whose: Whose) -> TypedLimits:
        """The limits that the user typed, and those that the user lifted."""
        return await self._run(lambda db: limits.typed_limits(db, whose))

    async def set_limit(
        self, whose: Whose, scope: Scope, unit: Unit, amount: Decimal | None, set_ms: int
    ) -> None:
        """Store a limit for every program on this history; None lifts it.

        Raises:
            HandingerError: a worker limit before there is a worker; an invalid amount.
        """
        name = whose.of(scope)
        if name is None:
            raise HandingerError("There is no worker yet.", "Send a first message, or limit the session.")
        await self._run(lambda db: limits.set_limit(db, scope, name, unit, amount, set_ms))

    async def gauges(
        self, session: Session, since_ms: int, *, simulated: bool, in_force: InForce
    ) -> tuple[Gauge, ...]:
        """The limits that `in_force` returns, with what is spent of them; the day begins at `since_ms`."""

        def work(connection: sqlite3.Connection) -> tuple[Gauge, ...]:
            with one_moment(connection):
                return self._limit_usage.gauges(
                    connection, session, since_ms, simulated=simulated, in_force=in_force
                )

        return await self._run(work)


class History(Access):
    """The stored sessions: list, load, search, rename, delete, drafts. Every method raises LedgerError."""

    async def sessions(self, limit: int = 200) -> list[SessionSummary]:
        """Summaries of the newest sessions, newest first; reads no frames."""
        return await self._run(lambda db: turn_store.sessions(db, limit))

    async def find(self, prefix: str) -> list[str]:
        """Ids of the sessions whose session, worker or task id begins with `prefix`."""
        return await self._run(lambda db: turn_store.find(db, prefix))

    async def load(self, session_id: str) -> Session | None:
        """The session with every turn folded from its frames; None when it is not stored."""

        def load(db: sqlite3.Connection) -> Session | None:
            with one_moment(db):
                return turn_store.load(db, session_id, self._thread.waiting)

        return await self._run(load)

    async def load_turn(self, turn_id: str) -> Turn | None:
        """One turn, folded from its frames; None when it is not stored."""
        return await self._run(lambda db: turn_store.load_turn(db, turn_id, self._thread.waiting))

    async def frames(self, turn_id: str) -> list[Frame]:
        """The frames of one turn in order, including those that are not committed yet."""
        return await self._run(lambda db: turn_store.frames(db, turn_id, self._thread.waiting))

    async def last_snapshot(self, worker_id: str) -> str | None:
        """The newest complete Worker object that was read of a worker, as JSON text."""
        return await self._run(lambda db: turn_store.last_snapshot(db, worker_id))

    async def search(self, text: str, limit: int = 200) -> list[SessionSummary]:
        """Sessions in which one turn (prompt and answer) or the title contains every term of `text`."""
        return await self._run(lambda db: turn_store.matching_sessions(db, text, limit))

    async def search_turns(self, text: str, limit: int = 50) -> list[SearchHit]:
        """The matching turns, newest first, each with an excerpt."""
        return await self._run(lambda db: turn_store.search(db, text, limit))

    async def prompts(self, limit: int = 500) -> list[str]:
        """Earlier prompts, each once, newest last."""
        return await self._run(lambda db: turn_store.prompts(db, limit))

    async def rename(self, session_id: str, title: str) -> None:
        """Set the title of a session, as the user chose it."""
        await self._run(lambda db: turn_store.rename(db, session_id, title))

    async def delete(self, session_id: str) -> None:
        """Delete a session with all its frames; its charges are kept."""
        await self._run(lambda db: turn_store.delete(db, session_id))

    async def mark_read(self, session_id: str) -> None:
        """Mark a session as read: the user has seen its newest answer."""
        await self._run(lambda db: turn_store.mark_read(db, session_id))

    async def mark_unread(self, session_id: str) -> None:
        """Mark a session as unread: an answer arrived that the user has not seen."""
        await self._run(lambda db: turn_store.mark_unread(db, session_id))

    async def draft(self, session_id: str) -> str:
        """The saved draft of a session; "" when there is none."""
        return await self._run(lambda db: turn_store.draft(db, session_id))

    async def save_draft(self, session_id: str, text: str) -> None:
        """Save the draft of a session, which need not be stored itself yet; "" deletes it."""
        await self._run(lambda db: turn_store.save_draft(db, session_id, text))


PATIENCE_S: Final = 5.0
"""Seconds to wait for a lock of another process."""


class FileAccess(Enum):
    """How the file of a history may be used."""

    READ = auto()
    """Read it without changing it; it may be on read-only media."""
    WRITE = auto()
    """Create, migrate and write it; a damaged file is refused."""
    MEND = auto()
    """As WRITE, but a damaged file is set aside and a new one begins. Only where the user is told."""


def no_history(reason: str) -> NoHistory:
    """The error for sending without a history."""
    return NoHistory(f"There is no history to record a message in. {reason}")


class Ledger(Accounts, History):
    """The whole ledger. Implements `engine.ports.TurnLog` and the UI's ports; start and close it once.

    `path` None keeps everything in memory until the program ends; `durable` is False then.
    `instead_of`: the error because of which it is in memory, where the user did not choose that; then
    `no_history` forbids to send until the user agrees. `zone`: the time zone of days; None: that of the
    machine.

    `access`: how the file may be used. `patience_s`: how many seconds to wait for a lock of another
    process; `on_wait()` is called about once a second during the wait, in the database thread.
    """

    def __init__(
        self,
        path: Path | None,
        *,
        patience_s: float = PATIENCE_S,
        zone: tzinfo | None = None,
        instead_of: LedgerError | None = None,
        access: FileAccess = FileAccess.MEND,
        on_wait: Callable[[], None] = lambda: None,
    ) -> None:
        self._path = path
        self._access = access
        self._run_id = uuid4().hex
        writes_file = path is not None and access is not FileAccess.READ
        self._process_locks = ProcessLocks(path, self._run_id) if path is not None and writes_file else None
        self._opening_problem: str | None = None
        self._no_history = None if instead_of is None else no_history(instead_of.summary)
        self._charge_cache = ChargeCache()
        self._patience = LockPatience(patience_s, on_wait)
        on_damage = partial(mark_suspect, path) if path is not None and writes_file else (lambda: None)
        thread = DatabaseThread(self._open, self._run_id, on_damage=on_damage, patience=self._patience)
        super().__init__(thread, zone)

    @property
    def durable(self) -> bool:
        """Whether the record outlives the program."""
        return self._process_locks is not None

    @property
    def no_history(self) -> NoHistory | None:
        """Why nothing may be sent: there is no record of what was spent. None once the user agreed to it."""
        return self._no_history

    def allow_unrecorded(self) -> None:
        """The user agreed to send without a history; limits then count only what this program spends."""
        self._no_history = None

    @property
    def problem(self) -> str | None:
        """One line for the user about a problem with the history; None when there is none."""
        return self._thread.problem or self._opening_problem

    def give_up_waiting(self) -> None:
        """Stop waiting for locks of other processes, because the program is closing."""
        self._patience.give_up()

    async def start(self) -> None:
        """Open the database. A damaged file is renamed, and `problem` then gives its new name.

        Raises:
            TooNew: a newer version of the program wrote it; it is not changed.
            Locked: another process held it for longer than `patience_s`.
            NoRoom: it cannot be created or written.
            Damaged: `access` does not allow to set it aside.
        """
        self._opening_problem = await asyncio.wrap_future(self._thread.start())

    async def aclose(self) -> None:
        """Write everything that is queued, and close the database.

        Raises:
            NoRoom: the last frames could not be written; they are lost.
        """
        try:
            await asyncio.wrap_future(self._thread.stop())
        finally:
            if self._process_locks is not None:
                self._process_locks.release()

    # -- running turns --------------------------------------------------------------
    async def open_turn(
        self, session: Session, order: TurnRequest, replaces: tuple[str, Frame] | None = None
    ) -> None:
        """Commit a turn so that it survives a power failure, before a byte of its request may leave.

        `replaces`: the id of a queued turn whose place this one takes, and the frame that settles it.

        Raises:
            LedgerError: it could not be written, or the turn exists already; nothing may be sent.
        """
        settles = None if replaces is None else TurnFrame(*replaces)
        await self._run(
            partial(turn_store.open_turn, session=session, order=order, run=self._run_id, settles=settles)
        )

    def append(self, turn_id: str, frame: Frame) -> None:
        """Queue a frame and return at once. It is committed within 0.05 seconds, or by `flush`."""
        self._thread.append(TurnFrame(turn_id, frame))

    async def flush(self) -> None:
        """Wait until everything queued is committed.

        Raises:
            NoRoom, Locked: they are not committed; they stay queued, in order, and are tried again.
        """
        await self._run(lambda _db: None, Frames.WRITTEN)

    async def close_turn(self, session: Session, turn_id: str) -> None:
        """Commit status, answer and charge of a turn of `session`, in one transaction after its frames.

        It may be called again when more is known: then corrections are added.

        Raises:
            LedgerError: nothing of it was written.
        """
        turn = next((turn for turn in reversed(session.turns) if turn.turn_id == turn_id), None)
        if turn is None:
            turn = await self.load_turn(turn_id)
            if turn is None:
                return
            session = put_turn(session, turn)
        closing = partial(turn_store.close_turn, session=session, turn=turn, cache=self._charge_cache)
        await self._run(closing, Frames.WRITTEN)

    async def move_last(self, turn_ids: Sequence[str]) -> None:
        """Move queued turns to the end of their session, in this order.

        Raises:
            LedgerError
        """
        await self._run(lambda db: turn_store.move_last(db, turn_ids))

    async def charge(self, session: Session) -> None:
        """Write what the turns of `session` cost so far, including the running one.

        Later figures, and the end of the turn, are written as corrections. Nothing is written when
        nothing is new.

        Raises:
            LedgerError: nothing was written; the next call, or `close_turn`, writes it.
        """
        await self._run(partial(turn_store.charge, session=session, cache=self._charge_cache))

    async def adopt(self, session: Session, turns: Sequence[RemoteTurn]) -> Session:
        """Store turns of the worker of `session` with their frames and charges, all or none.

        Turns that the history holds already, in any session and from any program, are left out.
        `turns` are in the order of the worker. Returns the session as it is stored now; two programs
        that attach to the same worker at the same time get the same session.

        Raises:
            LedgerError: nothing of it was written.
        """

        def work(connection: sqlite3.Connection) -> Session:
            waiting = self._thread.waiting
            return turn_store.adopt(connection, session, turns, self._run_id, self._charge_cache, waiting)

        return await self._run(work, Frames.WRITTEN)

    async def remember_worker(self, session_id: str, worker_id: str) -> None:
        """Store the id of the worker, reported by the service, with the session and its open turns."""
        await self._run(lambda db: turn_store.remember_worker(db, session_id, worker_id))

    async def unsettled(self) -> list[tuple[Session, TurnRequest]]:
        """Turns that a crash left open, oldest first, without those of another running program.

        The sessions are returned without their turns.
        """
        open_turns = await self._run(turn_store.unsettled)
        locks = self._process_locks
        alive = {run for run, _, _ in open_turns if locks is not None and locks.elsewhere(run)}
        return [(session, order) for run, session, order in open_turns if run not in alive]

    # -- inside the database thread ----------------------------------------------------
    def _open(self) -> Opened:
        patience = self._patience
        if self._path is not None and self._access is FileAccess.READ:
            return patience.run(partial(open_to_read, self._path, patience.attempt_s))
        mend = self._access is FileAccess.MEND
        opened = patience.run(partial(open_database, self._path, patience.attempt_s, mend=mend))
        if self._process_locks is None:
            return opened
        if opened.begun_anew:
            self._no_history = no_history(f"{opened.problem} What was spent and limited before is not in it.")
        try:
            with translated():
                self._process_locks.hold()
        except BaseException:
            opened.connection.close()
            raise
        return opened
