"""Ledger: the durable record of turns, as an async façade over one database thread with one connection."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import tzinfo
from enum import Enum, auto
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from handinger_tui.core.errors import LedgerError, NoHistory
from handinger_tui.core.stream import Frame
from handinger_tui.core.tags import TagRules
from handinger_tui.core.turns.session import RelatedHistory, RemoteTurn, Session
from handinger_tui.core.turns.turn import StartPolicy, TurnRequest
from handinger_tui.ledger import frames as turn_frames
from handinger_tui.ledger import turns as turn_store
from handinger_tui.ledger.charges import entries
from handinger_tui.ledger.charges.limits import LimitService, Reservation
from handinger_tui.ledger.charges.reports import ChargeQueries
from handinger_tui.ledger.charges.runs import RunHistory
from handinger_tui.ledger.corrections import Rulings, recompute
from handinger_tui.ledger.database import Database
from handinger_tui.ledger.database_file import Opened, mark_suspect, open_copy, open_database
from handinger_tui.ledger.frames import newest_frame_ms
from handinger_tui.ledger.history import SessionHistory, StoredWorkers
from handinger_tui.ledger.locks import ProcessLocks
from handinger_tui.ledger.offers import Offers
from handinger_tui.ledger.repair import open_or_salvage, opened_in_memory
from handinger_tui.ledger.search import index_entries
from handinger_tui.ledger.sql import LOCK_WAIT_S, LockRetries, TurnFrame, translated
from handinger_tui.ledger.turns import Run

if TYPE_CHECKING:
    from handinger_tui.core.errors import HandingerError
    from handinger_tui.ledger.charges.shared import SharedLimits
    from handinger_tui.ledger.charges.shared_server import SharedServer

_TO_INDEX: Final = 20
"""Maximum entries that are added to the index of the search after a turn; usually there is one."""


class FileAccess(Enum):
    """How the file of a history may be used."""

    READ = auto()
    """Read it without changing it; it may be on read-only media."""
    COPY = auto()
    """Read a copy of it in memory, in which new turns are kept until the program ends."""
    WRITE = auto()
    """Create, migrate and write it; a damaged file is refused."""
    REPLACE_DAMAGED = auto()
    """Like WRITE, but a damaged file is set aside and a new one is created. Only where a notice is shown."""


def no_history(reason: str) -> NoHistory:
    """The error for sending without a history."""
    return NoHistory(f"No history to record the message in. {reason}")


class Ledger:
    """The record of turns. Implements `engine.ports.TurnHistory`, see there; start and close it once.

    `history`, `charges`, `limits`, `rulings`, `runs` and `stored_workers` use the same database, and all but
    the last implement ports of the UI. No turn starts against `limits`, or those that are `shared`.

    `path` None keeps everything in memory until the program ends. `instead_of`: the error because of
    which it is in memory, where the user did not choose that; then `no_history` forbids to send until the
    user agrees. `zone`: the time zone of days; None: that of the machine.

    `access`: how the file may be used. `lock_wait_s`: how many seconds to wait for a lock of another
    process; `on_wait()` is called about once a second during the wait, in the database thread.
    """

    def __init__(
        self,
        path: Path | None,
        *,
        lock_wait_s: float = LOCK_WAIT_S,
        zone: tzinfo | None = None,
        instead_of: LedgerError | None = None,
        access: FileAccess = FileAccess.REPLACE_DAMAGED,
        on_wait: Callable[[], None] = lambda: None,
    ) -> None:
        self._path = path
        self.is_on_disk = path is not None
        self._access = access
        self.run = Run(uuid4().hex)
        """This run of the program; set its profile and folder before the first turn."""
        written = path if access in (FileAccess.WRITE, FileAccess.REPLACE_DAMAGED) else None
        self._process_locks = None if written is None else ProcessLocks(written, self.run.run_id)
        self._opening_problem: str | None = None
        self.no_history = None if instead_of is None else no_history(instead_of.summary)
        """Why nothing may be sent: there is no record of what was spent. None once the user agreed to it."""
        self.recomputed = ""
        """Which final amounts of an earlier version of the program changed when the file was opened."""
        self.newest_ms = 0
        """The time of the frame that was stored last when the file was opened; 0 without one."""
        self._charge_cache = entries.ChargeCache()
        self._lock_retries = LockRetries(lock_wait_s, on_wait)
        self.database = Database(
            self._open,
            turn_store.FrameWriter(),
            self._lock_retries,
            partial(mark_suspect, written) if written is not None else lambda: None,
            partial(opened_in_memory, path) if path is not None and written is None else None,
        )
        self.database.unwritable = instead_of if access is FileAccess.COPY else None
        self.offers = Offers(self.database, self.run.run_id, self._is_alive)
        self.history = SessionHistory(self.database, self.run.run_id, self._is_alive)
        self.limits = LimitService(self.database, zone=zone)
        self.shared: SharedLimits | None = None
        """The limits of a team, where there are any."""
        self.charges = ChargeQueries(self.database, self.limits, zone)
        self.rulings = Rulings(self.database)
        self.stored_workers = StoredWorkers(self.database)
        # A history that is only read has no marker of its own, and can still see those of others.
        self._markers = self._process_locks or (None if path is None else ProcessLocks(path, self.run.run_id))
        self.runs = RunHistory(self.database, self.history, self.limits, self._is_watched, zone)

    def apply(self, rules: TagRules) -> None:
        """Set the rules that give sessions their tags and projects when they are read."""
        self.history.tag_rules = self.charges.tag_rules = rules

    def allow_unrecorded(self) -> None:
        """The user agreed to send without a history; limits then count only what this program spends."""
        self.no_history = None

    @property
    def problem(self) -> str | None:
        """One line for the user about a problem with the history; None when there is none."""
        return self.database.problem or self._opening_problem

    def give_up_waiting(self) -> None:
        """Stop waiting for locks of other processes, because the program is closing."""
        self._lock_retries.give_up()

    async def start(self) -> None:
        """Open the database. A damaged file is renamed, and `problem` then gives its new name.

        Raises:
            TooNew: a newer version of the program wrote it; it is not changed.
            Locked: another process held it for longer than `lock_wait_s`.
            NoRoom: it cannot be created or written.
            Damaged: `access` does not allow to set it aside.
        """
        self._opening_problem = await self.database.start()
        self._push_soon()

    async def aclose(self) -> None:
        """Write everything that is queued, and close the database.

        Raises:
            NoRoom: the last frames could not be written; they are lost.
        """
        try:
            if self.shared is not None:
                await self.shared.aclose()
            await self.database.close()
        finally:
            if self._process_locks is not None:
                self._process_locks.release()

    # -- running turns --------------------------------------------------------------
    async def open_turn(
        self,
        session: Session,
        request: TurnRequest,
        replaces: tuple[str, Frame] | None = None,
        start: StartPolicy | None = None,
    ) -> None:
        """Commit a turn so that it survives a power failure, before a byte of its request may leave."""
        settles = None if replaces is None else TurnFrame(*replaces)
        open_turn = turn_store.open_turn
        if start is None:
            await self.database.run(lambda db: open_turn(db, session, request, self.run, settles))
            return
        async with self._checked(session, request, start) as check:
            await self.database.run(
                lambda db: open_turn(db, session, request, self.run, settles, partial(check, db))
            )

    async def start_turn(
        self, session: Session, request: TurnRequest, at_ms: int, start: StartPolicy
    ) -> None:
        """Check the limits for a queued turn that starts now, and store its reservation."""
        start_turn = turn_store.start_turn
        async with self._checked(session, request, start) as check:
            await self.database.run(
                lambda db: start_turn(db, request.turn_id, at_ms, partial(check, db), self.run)
            )

    @asynccontextmanager
    async def _checked(
        self, session: Session, request: TurnRequest, start: StartPolicy
    ) -> AsyncIterator[Callable[[sqlite3.Connection], Reservation]]:
        """Check the limits of a team; those of this computer are checked inside the transaction."""

        def check(connection: sqlite3.Connection) -> Reservation:
            return self.limits.check_start(connection, session, request, start)

        if self.shared is None:
            yield check
            return
        async with self.shared.reserved(session, request, start) as store:

            def check_and_store(connection: sqlite3.Connection) -> Reservation:
                store(connection)
                return check(connection)

            yield check_and_store

    async def refusal(
        self, session: Session, request: TurnRequest, start: StartPolicy
    ) -> HandingerError | None:
        """Why a turn may not start now; None where it may. Nothing is reserved."""
        refused = await self.limits.refusal(session, request, start)
        if refused is not None or self.shared is None:
            return refused
        return await self.shared.refusal(session, request, start)

    async def release_turn(self, turn_id: str) -> None:
        """Delete the reservation of a turn that does not start after all."""
        await self.database.run(lambda db: turn_store.release_turn(db, turn_id))
        self._push_soon()

    async def flaws(self) -> list[str]:
        """Try the history, with one write that is rolled back; sentences about what is wrong in it."""
        from handinger_tui.ledger.charges.proof import flaws  # for the doctor alone

        return await self.database.run(flaws)

    def append(self, turn_id: str, frame: Frame) -> None:
        """Queue a frame and return at once. It is committed within 0.05 seconds, or by `flush`."""
        self.database.append(TurnFrame(turn_id, frame))

    async def flush(self) -> None:
        """Wait until everything queued is committed."""
        await self.database.run(lambda _db: None, flush=True)

    async def close_turn(self, session: Session, turn_id: str) -> RelatedHistory:
        """Commit status, answer and charge of a turn of `session`, in one transaction after its frames.

        It may be called again after further readings: then corrections are added.
        """

        def work(connection: sqlite3.Connection) -> RelatedHistory:
            waiting = self.database.unwritten
            related = turn_store.close_turn(connection, session, turn_id, self._charge_cache, waiting)
            _index(connection)
            return related

        related = await self.database.run(work, flush=True)
        self._push_soon()
        return related

    async def move_last(self, turn_ids: Sequence[str]) -> None:
        """Move queued turns to the end of their session, in this order."""
        await self.database.run(lambda db: turn_store.move_last(db, turn_ids))

    async def charge(self, session: Session) -> RelatedHistory:
        """Write what the turns of `session` cost so far, as charges and corrections, where that is new."""
        work = partial(turn_store.charge, session=session, cache=self._charge_cache)
        related = await self.database.run(work)
        self._push_soon()
        return related

    async def adopt(self, session: Session, turns: Sequence[RemoteTurn]) -> Session:
        """Store turns of the worker of `session` with their frames and charges, all or none.

        Two programs that attach to the same worker at the same time get the same session.
        """

        def work(connection: sqlite3.Connection) -> Session:
            waiting = self.database.unwritten
            cache = self._charge_cache
            stored = turn_store.adopt(connection, session, turns, self.run, cache, waiting)
            _index(connection)
            return stored

        return await self.database.run(work, flush=True)

    async def frames(self, turn_id: str, since: int = 0) -> list[Frame]:
        """The frames of one turn from number `since` on, in order, also those not committed yet."""

        def work(connection: sqlite3.Connection) -> list[Frame]:
            return turn_frames.frames(connection, turn_id, self.database.unwritten, since)

        return await self.database.run(work)

    async def claim(self, turn_id: str) -> bool:
        """Make an open turn this program's own to write; False while another running program has it."""
        return await self.database.run(
            lambda db: turn_store.claim(db, turn_id, self.run.run_id, self._is_alive), flush=True
        )

    async def load(self, session_id: str) -> Session | None:
        """The session with every turn folded from its frames; None when it is not stored."""
        return await self.database.read(lambda db: turn_store.load(db, session_id, self.database.unwritten))

    async def unsettled(self) -> list[tuple[Session, TurnRequest]]:
        """Turns that a crash left open, oldest first, without those of another running program."""
        open_turns = await self.database.run(turn_store.unsettled)
        return [(session, request) for run, session, request in open_turns if not self._is_alive(run)]

    async def sessions_to_read(self, due_ms: int | None, recent_ms: int | None = None) -> list[Session]:
        """Sessions (without turns) whose worker may have news; not of live runs."""
        turns = await self.database.run(lambda db: turn_store.sessions_to_read(db, due_ms, recent_ms))
        return [*{one.session_id: one for run, one in turns if not self._is_alive(run)}.values()]

    async def note_late_read(self, session_id: str, at_ms: int, *, answered: bool) -> None:
        """Store that the worker of a session was read, or that this was tried."""
        await self.database.run(
            lambda db: turn_store.note_late_read(db, session_id, at_ms, answered=answered)
        )

    def join(self, server: SharedServer, *, is_required: bool) -> None:
        """Obey the limits of a team, too, before the start. `is_required`: nothing is sent without them."""
        from handinger_tui.ledger.charges.shared import SharedLimits  # only with the setting

        own = self.run
        is_alive = None if self._process_locks is None else self._is_alive
        self.shared = SharedLimits(self.database, self.limits, server, own.run_id, is_alive)
        self.shared.profile, self.shared.is_required = own.profile or "", is_required

    def _push_soon(self) -> None:
        if self.shared is not None:
            self.shared.push_soon()

    def _is_watched(self, run: str) -> bool:
        """Whether this run of the program, or another one that still runs, has a turn."""
        is_elsewhere = self._markers is not None and self._markers.elsewhere(run)
        return is_elsewhere or run == self.run.run_id

    def _is_alive(self, run: str) -> bool:
        """Whether a run belongs to another program that is still running."""
        return self._process_locks is not None and self._process_locks.elsewhere(run)

    # -- inside the database thread ----------------------------------------------------
    def _open(self) -> Opened:
        path, attempt_s = self._path, self._lock_retries.attempt_s
        replace_damaged = self._access is FileAccess.REPLACE_DAMAGED
        attempt = partial(open_database, path, attempt_s, replace_damaged=replace_damaged)
        if path is not None and self._access is FileAccess.READ:
            attempt = partial(open_or_salvage, path, attempt_s)
        elif path is not None and self._access is FileAccess.COPY:
            attempt = partial(open_copy, path, attempt_s)
        opened = self._lock_retries.run(attempt)
        if self._process_locks is None:
            return opened
        self.recomputed = recompute(opened.connection, self.limits.rules.now_ms())
        with suppress(sqlite3.Error):
            self.charges.begin(opened.connection)
            self.newest_ms = newest_frame_ms(opened.connection)
        if opened.is_replacement:
            self.no_history = no_history(f"{opened.problem} Earlier spending and limits are not in it.")
        try:
            with translated():
                self._process_locks.hold()
        except BaseException:
            opened.connection.close()
            raise
        return opened


def _index(connection: sqlite3.Connection) -> None:
    """Add new entries to the index of the search. A failure does not affect what was stored."""
    with suppress(sqlite3.Error):
        index_entries(connection, _TO_INDEX)
