"""The database: one thread owns the only connection, and writes frames in batches."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, suppress
from typing import Final, TypeVar

from handinger_tui.core.errors import Damaged, LedgerError, NoRoom
from handinger_tui.ledger.database_file import Opened
from handinger_tui.ledger.sql import (
    Care,
    LockRetries,
    TurnFrame,
    one_moment,
    readable,
    transaction,
    translated,
)

MAX_FRAMES: Final = 200
"""Frames after which a batch is written at once."""
MAX_WAIT_S: Final = 0.05
"""Seconds after which a batch is written, counted from its first frame."""

T = TypeVar("T")

_CLOSED: Final = "The history is closed."
UNWRITTEN: Final = (
    "The last answer is not complete in it. Free some disk space; its worker is read again (free) by: "
    "handinger-tui costs --settle"
)


class Database:
    """Runs jobs and writes frames, strictly in the order in which they were queued.

    Its methods are called on one event loop; what they queue runs in the thread. A job that meets a lock
    of another process is repeated as long as `lock_retries` lasts, so it has to be repeatable up to the
    transaction it commits. One that meets damage is repeated with what `open_readable()` opens, if that is
    given. Called in the thread: `write_frames(connection, frames)` commits a batch, and `on_damage()` is
    called when the file is damaged.
    """

    def __init__(
        self,
        open_database: Callable[[], Opened],
        write_frames: Callable[[sqlite3.Connection, Sequence[TurnFrame]], None],
        lock_retries: LockRetries | None = None,
        on_damage: Callable[[], None] = lambda: None,
        open_readable: Callable[[], Opened] | None = None,
    ) -> None:
        self._open_database = open_database
        self._write_frames = write_frames
        self._lock_retries = lock_retries or LockRetries(0.0)
        self._on_damage = on_damage
        self._open_readable = open_readable
        self._executor = ThreadPoolExecutor(1, "ledger")
        self._batch: list[TurnFrame] = []
        """Frames that the thread does not have yet."""
        self._timer: asyncio.TimerHandle | None = None
        self._closing: Future[None] | None = None
        self.problem: str | None = None
        """The newest error of writing frames, None when there is none."""
        self.unwritable: LedgerError | None = None
        """Why the file cannot be written, where this is a copy of it in memory."""
        self._connection: sqlite3.Connection | None = None
        self.unwritten: list[TurnFrame] = []
        """Frames in the thread that are not committed yet; only for use inside a job."""
        self._retry_at = 0
        """After a failed write the next one is due at this number of frames, or before the next job."""

    async def start(self) -> str | None:
        """Open the database; returns a problem for the user, if there is one. Raises LedgerError."""
        return await asyncio.wrap_future(self._executor.submit(self._open))

    def append(self, item: TurnFrame) -> None:
        """Queue a frame.

        Raises:
            LedgerError: the database is closed.
        """
        if self._closing is not None:
            raise LedgerError(_CLOSED)
        self._batch.append(item)
        if len(self._batch) >= MAX_FRAMES:
            self._hand_over()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(MAX_WAIT_S, self._hand_over)

    async def run(self, work: Callable[[sqlite3.Connection], T], *, flush: bool = False) -> T:
        """Run `work` after everything queued before it. A job whose caller was cancelled is not started.

        The frames before it are written first if possible; with `flush` the job fails if they cannot be.

        Raises:
            LedgerError
        """
        if self._closing is not None:
            raise LedgerError(_CLOSED)
        self._hand_over()
        return await asyncio.wrap_future(self._executor.submit(self._perform, work, flush))

    def require_kept(self) -> None:
        """Refuse what a person decides about stored sessions where it would be lost with this program.

        Raises:
            LedgerError
        """
        if self.unwritable is not None:
            raise type(self.unwritable)(self.unwritable.summary, self.unwritable.hint)

    async def read(self, query: Callable[[sqlite3.Connection], T]) -> T:
        """Run queries that all see the same state. Raises LedgerError."""

        def work(connection: sqlite3.Connection) -> T:
            with one_moment(connection):
                return query(connection)

        return await self.run(work)

    async def change(self, work: Callable[[sqlite3.Connection], T], care: Care = Care.NORMAL) -> T:
        """Run a change in one transaction. Raises LedgerError."""

        def in_transaction(connection: sqlite3.Connection) -> T:
            with transaction(connection, care):
                return work(connection)

        return await self.run(in_transaction)

    async def close(self) -> None:
        """Write what is queued, close the connection and end the thread.

        Raises:
            NoRoom: frames could not be written, and are lost.
        """
        if self._closing is None:
            self._hand_over()
            self._closing = self._executor.submit(self._finish)
            self._executor.shutdown(wait=False)
        # A cancelled caller must not keep the last frames from being written.
        await asyncio.shield(asyncio.wrap_future(self._closing))

    def _hand_over(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._batch:
            batch, self._batch = self._batch, []
            self._executor.submit(self._take, batch)

    # -- inside the thread ---------------------------------------------------------
    def _open(self) -> str | None:
        opened = self._open_database()
        self._connection = opened.connection
        return opened.problem

    def _take(self, batch: list[TurnFrame]) -> None:
        self.unwritten += batch
        if self._connection is not None and len(self.unwritten) >= self._retry_at:
            # The error is kept as `problem`; the frames are tried again.
            with suppress(LedgerError):
                self._write(self._connection)

    def _write(self, connection: sqlite3.Connection) -> None:
        if not self.unwritten:
            return
        try:
            with translated():
                self._write_frames(connection, self.unwritten)
        except LedgerError as problem:
            # As many again: each attempt writes all of them, and a long answer may meet a full disk early.
            self._retry_at = len(self.unwritten) + max(len(self.unwritten), MAX_FRAMES)
            self.problem = problem.summary
            self._report_damage(problem)
            raise
        self.unwritten = []
        self._retry_at = 0
        self.problem = None
        self._lock_retries.wrote()

    def _perform(self, work: Callable[[sqlite3.Connection], T], flush: bool) -> T:
        connection = self._connection
        if connection is None:
            raise LedgerError(_CLOSED)
        changes = connection.total_changes
        try:
            result = self._lock_retries.run(lambda: self._attempt(connection, work, flush))
        except Damaged as problem:
            self._report_damage(problem)
            if self._open_readable is None:
                raise
            connection.close()
            open_readable, self._connection, self._open_readable = self._open_readable, None, None
            opened = open_readable()
            self._connection, self.problem = opened.connection, opened.problem
            return self._perform(work, flush)
        if connection.total_changes != changes:
            self._lock_retries.wrote()
        return result

    def _attempt(
        self, connection: sqlite3.Connection, work: Callable[[sqlite3.Connection], T], flush: bool
    ) -> T:
        try:
            self._write(connection)
        except LedgerError:
            if flush:
                raise
        with translated():
            try:
                return work(connection)
            except sqlite3.OperationalError as problem:
                if connection.text_factory is readable or "decode" not in str(problem):
                    raise
            # Some text is damaged. From now on texts are read by a slower function that accepts any bytes.
            connection.text_factory = readable
            return work(connection)

    def _finish(self) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        with closing(connection), suppress(LedgerError):
            self._lock_retries.run(lambda: self._write(connection))
        if self.unwritten:
            raise NoRoom(self.problem or _CLOSED, UNWRITTEN)

    def _report_damage(self, problem: LedgerError) -> None:
        if isinstance(problem, Damaged):
            # A failure to write the marker file must not hide the damage itself.
            with suppress(LedgerError):
                self._on_damage()
