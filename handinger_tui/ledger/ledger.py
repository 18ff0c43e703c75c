"""Ledger: the durable record of turns. One database thread, one connection, an async façade."""

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
from handinger_tui.core.turns.remote_turn import RemoteTurn
from handinger_tui.core.turns.session import SearchHit, Session, SessionSummary, put_turn
from handinger_tui.core.turns.turn import Turn, TurnRequest
from handinger_tui.ledger import (
    grouping,
    limits,
)
from handinger_tui.ledger import (
    turns as reads,
)
from handinger_tui.ledger import (
    turns as writes,
)
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
    """Satisfies `ui.launch.Books`. Charges are written by `Ledger.charge` and `close_turn` alone.

    `zone`: where days begin; None: the machine's own. Every method raises LedgerError.
    """

    def __init__(self, thread: DatabaseThread, zone: tzinfo | None = None) -> None:
        super().__init__(thread)
        self._zone = zone
        self._seen: tuple[int | None, int | None] | None = None
        self._scopes = LimitUsage()

    async def charges(self, which: ChargeFilter = EVERYTHING) -> list[Charge]:
        """The append-only record of the turns that `which` names, oldest first."""
        return await self._run(lambda db: grouping.charges(db, which))

    async def spent(self, which: ChargeFilter = EVERYTHING) -> Spent:
        """Exact sums over charged turns, with the number of turns that are not fully known."""
        return await self._run(lambda db: grouping.spent(db, which))

    async def buckets(self, by: GroupBy, which: ChargeFilter = EVERYTHING) -> list[Bucket]:
        """Groups of turns: days in order of time, everything else the dearest first, unknown last."""

        def work(connection: sqlite3.Connection) -> list[Bucket]:
            with one_moment(connection):
                return grouping.buckets(connection, by, which, self._zone)

        return await self._run(work)

    async def turn_charges(
        self, which: ChargeFilter = EVERYTHING, limit: int = 200, offset: int = 0
    ) -> list[TurnCharge]:
        """Turn by turn, the newest first; `limit` -1: all."""
        return await self._run(lambda db: grouping.turn_charges(db, which, limit, offset))

    async def usual(self, worker_id: str | None, budget: str, *, simulated: bool) -> TypicalCost:
        """What the newest turns of a worker at a budget took; of all workers where it has none."""
        return await self._run(lambda db: grouping.usual(db, worker_id, budget, simulated=simulated))

    async def changed(self) -> bool:
        """A charge or a limit was written since the last call, by this program or another one.

        True at the first call. Frames, titles and drafts are no change.
        """
        newest = await self._run(lambda db: tuple(db.execute(_NEWEST).fetchone()))
        changed = newest != self._seen
        self._seen = newest
        return changed

    # -- limits --------------------------------------------------------------------
    async def typed_limits(self, whose: Whose) -> TypedLimits:
        """The limits that a person typed, and those that were lifted."""
        return await self._run(lambda db: limits.typed_limits(db, whose))

    async def set_limit(
        self, whose: Whose, scope: Scope, unit: Unit, amount: Decimal | None, set_ms: int
    ) -> None:
        """Keep a limit for every program on this history; None lifts it.

        Raises:
            HandingerError: a worker's limit before there is a worker; an amount that is none.
        """
        name = whose.of(scope)
        if name is None:
            raise HandingerError("There is no worker yet.", "Send a first message, or limit the session.")
        await self._run(lambda db: limits.set_limit(db, scope, name, unit, amount, set_ms))

    async def gauges(
        self, session: Session, since_ms: int, *, simulated: bool, in_force: InForce
    ) -> tuple[Gauge, ...]:
        """The limits `in_force` and what is spent of them, in one look; days begin at `since_ms`."""

        def work(connection: sqlite3.Connection) -> tuple[Gauge, ...]:
            with one_moment(connection):
                return self._scopes.gauges(
                    connection, session, since_ms, simulated=simulated, in_force=in_force
                )

        return await self._run(work)


class History(Access):
    """The part of the ledger that is not the turn under way. Every method raises LedgerError."""

    async def sessions(self, limit: int = 200) -> list[SessionSummary]:
        """The newest sessions, newest first; no frame is read for it."""
        return await self._run(lambda db: reads.sessions(db, limit))

    async def find(self, prefix: str) -> list[str]:
        """Ids of the sessions that `prefix` can mean: the start of a session's, worker's or task's id."""
        return await self._run(lambda db: reads.find(db, prefix))

    async def load(self, session_id: str) -> Session | None:
        """The session with every turn folded from its frames; None when it is not known."""

        def load(db: sqlite3.Connection) -> Session | None:
            with one_moment(db):
                return reads.load(db, session_id, self._thread.waiting)

        return await self._run(load)

    async def load_turn(self, turn_id: str) -> Turn | None:
        """One turn, folded; None when it is not known."""
        return await self._run(lambda db: reads.load_turn(db, turn_id, self._thread.waiting))

    async def frames(self, turn_id: str) -> list[Frame]:
        """The frames of one turn, in order, queued ones included."""
        return await self._run(lambda db: reads.frames(db, turn_id, self._thread.waiting))

    async def last_snapshot(self, worker_id: str) -> str | None:
        """The newest whole Worker seen of a worker, as JSON text."""
        return await self._run(lambda db: reads.last_snapshot(db, worker_id))

    async def search(self, text: str, limit: int = 200) -> list[SessionSummary]:
        """Sessions in which one turn (prompt and answer) or the title holds every term of `text`."""
        return await self._run(lambda db: reads.matching_sessions(db, text, limit))

    async def search_turns(self, text: str, limit: int = 50) -> list[SearchHit]:
        """The matching turns themselves, newest first, each with an excerpt."""
        return await self._run(lambda db: reads.search(db, text, limit))

    async def prompts(self, limit: int = 500) -> list[str]:
        """Earlier prompts, newest last, each once."""
        return await self._run(lambda db: reads.prompts(db, limit))

    async def rename(self, session_id: str, title: str) -> None:
        """Give a session a title of the person's own."""
        await self._run(lambda db: writes.rename(db, session_id, title))

    async def delete(self, session_id: str) -> None:
        """Remove a session with all its frames; what it cost stays known."""
        await self._run(lambda db: writes.delete(db, session_id))

    async def mark_read(self, session_id: str) -> None:
        """The person has seen the newest answer."""
        await self._run(lambda db: writes.mark_read(db, session_id))

    async def mark_unread(self, session_id: str) -> None:
        """An answer came that the person has not seen."""
        await self._run(lambda db: writes.mark_unread(db, session_id))

    async def draft(self, session_id: str) -> str:
        """What was typed and not sent; "" when nothing was."""
        return await self._run(lambda db: reads.draft(db, session_id))

    async def save_draft(self, session_id: str, text: str) -> None:
        """Keep what is typed; the session itself need not be stored yet."""
        await self._run(lambda db: writes.save_draft(db, session_id, text))


PATIENCE_S: Final = 5.0
"""How long to wait for another process that writes."""


class FileAccess(Enum):
    """What may be done with the file of a history."""

    READ = auto()
    """Read it as it is; it may lie on media that cannot be written."""
    WRITE = auto()
    """Make, migrate and write it; a damaged one is refused."""
    MEND = auto()
    """The same, and a damaged one is set aside: only where a person is told."""


def no_history(reason: str) -> NoHistory:
    """Why nothing may be sent."""
    return NoHistory(f"There is no history to record a message in. {reason}")


class Ledger(Accounts, History):
    """Satisfies `engine.ports.TurnLog`, `ui.launch.Shelf` and `.Books`. Start it once, close it once.

    `path` None keeps everything in memory: the program works the same, and
    forgets at its end. `durable` says which it is. `instead_of`: why it is in memory, where that was
    nobody's choice; then `no_history` forbids to send until the person agrees. `zone`: where days
    begin; None: the machine's own.

    `access`: what may be done with the file. `patience_s`: how long to wait for
    another process that holds it; `on_wait()` is called about once a second meanwhile, in the
    thread of the database.
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
        self._presence = ProcessLocks(path, self._run_id) if path is not None and writes_file else None
        self._met: str | None = None
        self._no_history = None if instead_of is None else no_history(instead_of.summary)
        self._compared = ChargeCache()
        self._patience = LockPatience(patience_s, on_wait)
        on_damage = partial(mark_suspect, path) if path is not None and writes_file else (lambda: None)
        thread = DatabaseThread(self._open, self._run_id, on_damage=on_damage, patience=self._patience)
        super().__init__(thread, zone)

    @property
    def durable(self) -> bool:
        """What is written outlives the program."""
        return self._presence is not None

    @property
    def no_history(self) -> NoHistory | None:
        """Why nothing may be sent: there is no record of what was spent. None once the person agreed."""
        return self._no_history

    def allow_unrecorded(self) -> None:
        """The person agreed to send without a history; limits then count what this program spends."""
        self._no_history = None

    @property
    def problem(self) -> str | None:
        """One line for the person about the state of the history; None when all is well."""
        return self._thread.problem or self._met

    def give_up_waiting(self) -> None:
        """The program is leaving: another process that holds the history is not waited for any more."""
        self._patience.give_up()

    async def start(self) -> None:
        """Open the database. A damaged one is set aside under another name; `problem` then names it.

        Raises:
            TooNew: a newer version wrote it; it is left as it is.
            Locked: another process held it for longer than `patience_s`.
            NoRoom: it cannot be made or written.
            Damaged: `access` does not allow to set it aside.
        """
        self._met = await asyncio.wrap_future(self._thread.start())

    async def aclose(self) -> None:
        """Write everything that is queued, and close.

        Raises:
            NoRoom: the disk refused frames to the end; they are lost.
        """
        try:
            await asyncio.wrap_future(self._thread.stop())
        finally:
            if self._presence is not None:
                self._presence.release()

    # -- the turn under way --------------------------------------------------------
    async def open_turn(
        self, session: Session, order: TurnRequest, replaces: tuple[str, Frame] | None = None
    ) -> None:
        """Commit the order so that it survives a power cut, before a byte may leave.

        `replaces`: the id of a queued turn whose place this one takes, and the frame that settles it.

        Raises:
            LedgerError: it could not be written, or the turn exists already; nothing may be sent.
        """
        settles = None if replaces is None else TurnFrame(*replaces)
        await self._run(
            partial(writes.open_turn, session=session, order=order, run=self._run_id, settles=settles)
        )

    def append(self, turn_id: str, frame: Frame) -> None:
        """Queue a frame; returns at once. It is on disk within a twentieth of a second, or with `flush`."""
        self._thread.append(TurnFrame(turn_id, frame))

    async def flush(self) -> None:
        """Wait until everything queued is committed.

        Raises:
            NoRoom, Locked: it is not; the frames stay queued, in order, and are tried again.
        """
        await self._run(lambda _db: None, Frames.WRITTEN)

    async def close_turn(self, session: Session, turn_id: str) -> None:
        """Status, answer and charge of a turn of `session`, in one transaction after its frames.

        May be called again when more is known: then corrections are added.

        Raises:
            LedgerError: nothing of it was written.
        """
        turn = next((turn for turn in reversed(session.turns) if turn.turn_id == turn_id), None)
        if turn is None:
            turn = await self.load_turn(turn_id)
            if turn is None:
                return
            session = put_turn(session, turn)
        closing = partial(writes.close_turn, session=session, turn=turn, compared=self._compared)
        await self._run(closing, Frames.WRITTEN)

    async def move_last(self, turn_ids: Sequence[str]) -> None:
        """Queued turns take the last places of their session, in this order.

        Raises:
            LedgerError
        """
        await self._run(lambda db: writes.move_last(db, turn_ids))

    async def charge(self, session: Session) -> None:
        """Write what the turns of `session` took so far, the one under way included.

        What is learned later, and how the turn ends, become corrections. Writes
        nothing when nothing is new.

        Raises:
            LedgerError: nothing of it was written; the next call or `close_turn` makes up for it.
        """
        await self._run(partial(writes.charge, session=session, compared=self._compared))

    async def adopt(self, session: Session, turns: Sequence[RemoteTurn]) -> Session:
        """Enter turns that the worker of `session` has, with their frames and charges, all or none.

        Those that the history holds already, in whatever session and by whatever program, are left
        out. `turns` in the order of the worker. Returns the session as it is stored now; of two
        programs that attach to the same worker at once both get the same one.

        Raises:
            LedgerError: nothing of it was written.
        """

        def work(connection: sqlite3.Connection) -> Session:
            waiting = self._thread.waiting
            return writes.adopt(connection, session, turns, self._run_id, self._compared, waiting)

        return await self._run(work, Frames.WRITTEN)

    async def remember_worker(self, session_id: str, worker_id: str) -> None:
        """The service told the worker's id."""
        await self._run(lambda db: writes.remember_worker(db, session_id, worker_id))

    async def unsettled(self) -> list[tuple[Session, TurnRequest]]:
        """Turns that were never closed (a crash), oldest first; not those that another live run has.

        The sessions come without their turns.
        """
        found = await self._run(reads.unsettled)
        presence = self._presence
        alive = {run for run, _, _ in found if presence is not None and presence.elsewhere(run)}
        return [(session, order) for run, session, order in found if run not in alive]

    # -- inside the database thread ----------------------------------------------------
    def _open(self) -> Opened:
        patience = self._patience
        if self._path is not None and self._access is FileAccess.READ:
            return patience.run(partial(open_to_read, self._path, patience.attempt_s))
        mend = self._access is FileAccess.MEND
        opened = patience.run(partial(open_database, self._path, patience.attempt_s, mend=mend))
        if self._presence is None:
            return opened
        if opened.begun_anew:
            self._no_history = no_history(f"{opened.problem} What was spent and limited before is not in it.")
        try:
            with translated():
                self._presence.hold()
        except BaseException:
            opened.connection.close()
            raise
        return opened
