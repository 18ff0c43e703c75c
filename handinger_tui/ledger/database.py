"""The database thread: it owns the only connection, and is the only place that waits for the disk."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from enum import Enum, auto
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Any, Final, TypeVar

from handinger_tui.core.errors import Damaged, LedgerError, NoRoom
from handinger_tui.ledger.opening import Opened, translated
from handinger_tui.ledger.process_locks import LockPatience
from handinger_tui.ledger.rows import TurnFrame, readable
from handinger_tui.ledger.turns import write_frames
from handinger_tui.ledger.worker_names import WorkerNames

MAX_FRAMES: Final = 200
"""Frames after which a batch is written at once."""
MAX_WAIT_S: Final = 0.05
"""Seconds after which a batch is written, counted from its first frame."""


class Batch:
    """Frames to be written, in order of arrival. Times are monotonic seconds, passed by the caller."""

    def __init__(self, max_frames: int = MAX_FRAMES, max_wait_s: float = MAX_WAIT_S) -> None:
        self._max_frames = max_frames
        self._max_wait_s = max_wait_s
        self._due_count = max_frames
        self._due_at: float | None = None
        self.frames: list[TurnFrame] = []

    def add(self, item: TurnFrame, now: float) -> None:
        """Add one frame; the first one starts the timer."""
        if not self.frames:
            self._due_at = now + self._max_wait_s
        self.frames.append(item)

    def due(self, now: float) -> bool:
        """Whether there are enough frames, or the oldest has waited long enough."""
        is_late = self._due_at is not None and now >= self._due_at
        return bool(self.frames) and (is_late or len(self.frames) >= self._due_count)

    def wait(self, now: float) -> float | None:
        """Seconds until the batch is due by time; None when no timer runs."""
        return None if self._due_at is None else max(0.0, self._due_at - now)

    def written(self) -> None:
        """Empty the batch: everything is committed."""
        self.frames = []
        self._due_at = None
        self._due_count = self._max_frames

    def refused(self) -> None:
        """Keep all frames after a failed write, until the next request or `max_frames` more frames."""
        self._due_at = None
        self._due_count = len(self.frames) + self._max_frames


T = TypeVar("T")


class Frames(Enum):
    """What a job requires of the frames that were queued before it."""

    TRIED = auto()
    """They are written if possible; the job runs in any case."""
    WRITTEN = auto()
    """The job fails when they cannot be written."""


@dataclass(frozen=True, slots=True)
class _Job:
    work: Callable[[sqlite3.Connection], object]
    frames: Frames
    done: Future[Any]
    before: deque[TurnFrame]
    """The frames that were queued since the previous job."""


class _Stop(Enum):
    NOW = auto()


_CLOSED: Final = "The history is closed."


class DatabaseThread:
    """Runs jobs and writes frames, strictly in the order in which they were queued.

    `problem` is the newest error of writing frames, None when there is none. `run` identifies this run
    of the program in the turns it watches. `patience` is used in the thread only: a job that meets a
    lock of another process is repeated, so `work` has to be repeatable up to the transaction it commits.
    Called from the thread: `on_batch(count)` after each commit of frames, `on_damage()` when the file
    turns out to be damaged.
    """

    def __init__(
        self,
        open_database: Callable[[], Opened],
        run: str = "",
        batch: Batch | None = None,
        on_batch: Callable[[int], None] = lambda _count: None,
        on_damage: Callable[[], None] = lambda: None,
        patience: LockPatience | None = None,
    ) -> None:
        self._open_database = open_database
        self._run_id = run
        self._on_batch = on_batch
        self._on_damage = on_damage
        self._patience = patience or LockPatience(0.0)
        self._batch = batch or Batch()
        self._names = WorkerNames()
        self._queue: SimpleQueue[deque[TurnFrame] | _Job | _Stop] = SimpleQueue()
        self._frames: deque[TurnFrame] = deque()
        self._pending: deque[TurnFrame] | None = None
        """Only used in the thread: the deque of frames it was last woken for; more may be appended to it."""
        self._opened: Future[str | None] = Future()
        self._ended: Future[None] = Future()
        # Marked as running, so that a caller cannot cancel them and the thread can always set a result.
        self._opened.set_running_or_notify_cancel()
        self._ended.set_running_or_notify_cancel()
        self._closing = False
        self._broken = False
        # A daemon thread: a program that ends without closing the ledger must not hang.
        self._thread = threading.Thread(target=self._run, name="ledger", daemon=True)
        self.problem: str | None = None
        self.woken = 0
        """How often the thread was woken by the queue; for tests."""

    def start(self) -> Future[str | None]:
        """Start the thread and open the database; the result is a problem for the user, if there is one."""
        self._thread.start()
        return self._opened

    def append(self, item: TurnFrame) -> None:
        """Queue a frame. To be called from the same thread as `submit`.

        The database thread is woken for the first frame only, and takes the later ones when the batch is
        due: a thousand wake-ups a second would cost more than the writes.

        Raises:
            LedgerError: the thread was asked to stop.
        """
        if self._closing:
            raise LedgerError(_CLOSED)
        frames = self._frames
        frames.append(item)
        # Append before counting: whatever the thread does in between, no frame is left without a wake-up.
        if len(frames) == 1 or len(frames) % MAX_FRAMES == 0:
            self._queue.put(frames)

    def submit(self, work: Callable[[sqlite3.Connection], T], frames: Frames = Frames.TRIED) -> Future[T]:
        """Queue a job: run `work` on the connection after everything queued before it."""
        done: Future[T] = Future()
        if self._closing:
            done.set_exception(LedgerError(_CLOSED))
        else:
            before, self._frames = self._frames, deque()
            self._queue.put(_Job(work, frames, done, before))
            if self._broken:
                self._refuse_all()
        return done

    @property
    def waiting(self) -> list[TurnFrame]:
        """Frames that are not committed yet; only for use inside a job."""
        return self._batch.frames

    def stop(self) -> Future[None]:
        """Drain the queue, close the connection and end; fails with a LedgerError when frames were lost."""
        if not self._closing:
            self._closing = True
            if self._thread.ident is None:
                self._ended.set_result(None)
            self._queue.put(_Stop.NOW)
        return self._ended

    # -- inside the thread ---------------------------------------------------------
    def _run(self) -> None:
        try:
            opened = self._open_database()
        except BaseException as problem:  # noqa: BLE001  # passed on to the caller of `start`
            self._opened.set_exception(problem)
            self._refuse_all()
            self._ended.set_result(None)
            return
        self._opened.set_result(opened.problem)
        try:
            with closing(opened.connection):
                self._serve(opened.connection)
        except BaseException as problem:  # noqa: BLE001  # passed on to the caller of `stop`
            self._refuse_all()
            self._ended.set_exception(problem)
            return
        if self._batch.frames:
            self._ended.set_exception(NoRoom(self.problem or _CLOSED))
        else:
            self._ended.set_result(None)

    def _serve(self, connection: sqlite3.Connection) -> None:
        while True:
            try:
                item = self._queue.get(timeout=self._batch.wait(monotonic()))
            except Empty:
                self._take_frames(self._pending)
                self._write(connection)
                continue
            self.woken += 1
            if isinstance(item, deque):
                self._pending = item
                if self._batch.wait(monotonic()) is None or len(item) >= MAX_FRAMES:
                    self._take_frames(item)
                if self._batch.due(monotonic()):
                    self._write(connection)
                continue
            if isinstance(item, _Job):
                self._take_frames(item.before)
                self._perform(item, connection)
                continue
            self._take_frames(self._frames)
            # Frames that cannot be written are reported by `stop`.
            with suppress(LedgerError):
                self._patience.run(lambda: self._write_or_raise(connection))
            return

    def _take_frames(self, frames: deque[TurnFrame] | None) -> None:
        """Move queued frames to the batch."""
        while frames:
            self._batch.add(frames.popleft(), monotonic())

    def _write(self, connection: sqlite3.Connection) -> LedgerError | None:
        """Commit the batch; returns the error instead of raising it."""
        frames = self._batch.frames
        if not frames:
            return None
        try:
            with translated():
                write_frames(connection, frames, self._run_id, self._names)
        except LedgerError as problem:
            self._batch.refused()
            self.problem = problem.summary
            self._report_damage(problem)
            return problem
        self._batch.written()
        self._patience.wrote()
        self.problem = None
        self._on_batch(len(frames))
        return None

    def _perform(self, job: _Job, connection: sqlite3.Connection) -> None:
        if not job.done.set_running_or_notify_cancel():
            return
        changes = connection.total_changes
        try:
            result = self._patience.run(lambda: self._attempt(job, connection))
        except BaseException as problem:  # noqa: BLE001  # passed on to the caller of `submit`
            self._report_damage(problem)
            job.done.set_exception(problem)
        else:
            if connection.total_changes != changes:
                self._patience.wrote()
            job.done.set_result(result)

    def _attempt(self, job: _Job, connection: sqlite3.Connection) -> object:
        if job.frames is Frames.WRITTEN:
            self._write_or_raise(connection)
        else:
            self._write(connection)
        with translated():
            try:
                return job.work(connection)
            except sqlite3.OperationalError as problem:
                if connection.text_factory is readable or "decode" not in str(problem):
                    raise
            # Some text is damaged. From now on texts are read by a slower function that accepts any bytes.
            connection.text_factory = readable
            return job.work(connection)

    def _write_or_raise(self, connection: sqlite3.Connection) -> None:
        problem = self._write(connection)
        if problem is not None:
            raise problem

    def _report_damage(self, problem: BaseException) -> None:
        if isinstance(problem, Damaged):
            # A failure to write the marker file must not hide the damage itself.
            with suppress(LedgerError):
                self._on_damage()

    def _refuse_all(self) -> None:
        """Fail all queued jobs, and later ones: the thread has ended, and no caller may wait forever."""
        self._closing = self._broken = True
        while True:
            try:
                item = self._queue.get_nowait()
            except Empty:
                return
            if isinstance(item, _Job) and item.done.set_running_or_notify_cancel():
                item.done.set_exception(LedgerError(_CLOSED))


class Access:
    """Runs a function on the connection, after everything queued before it."""

    def __init__(self, thread: DatabaseThread) -> None:
        self._thread = thread

    async def _run(self, work: Callable[[sqlite3.Connection], T], frames: Frames = Frames.TRIED) -> T:
        return await asyncio.wrap_future(self._thread.submit(work, frames))


@contextmanager
def one_moment(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """A read transaction: all queries in it see the same state. It does not block writers."""
    connection.execute("BEGIN")
    try:
        yield connection
    finally:
        connection.execute("COMMIT")
