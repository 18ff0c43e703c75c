"""The database thread: the one owner of the one connection, and the only place that waits for the disk."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import closing, contextmanager, suppress
from enum import Enum, auto
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Any, Final, TypeVar

from handinger_tui.core.errors import Damaged, LedgerError, NoRoom
from handinger_tui.core.record import dataclass
from handinger_tui.ledger.opening import Opened, translated
from handinger_tui.ledger.process_locks import LockPatience
from handinger_tui.ledger.rows import TurnFrame, readable
from handinger_tui.ledger.turns import write_frames
from handinger_tui.ledger.worker_names import WorkerNames

MAX_FRAMES: Final = 200
MAX_WAIT_S: Final = 0.05


class Batch:
    """Frames in order of arrival. Times are monotonic seconds, given by the caller."""

    def __init__(self, max_frames: int = MAX_FRAMES, max_wait_s: float = MAX_WAIT_S) -> None:
        self._max_frames = max_frames
        self._max_wait_s = max_wait_s
        self._due_count = max_frames
        self._due_at: float | None = None
        self.frames: list[TurnFrame] = []

    def add(self, item: TurnFrame, now: float) -> None:
        """Take one frame; the first one starts the clock."""
        if not self.frames:
            self._due_at = now + self._max_wait_s
        self.frames.append(item)

    def due(self, now: float) -> bool:
        """Enough frames, or the oldest has waited long enough."""
        late = self._due_at is not None and now >= self._due_at
        return bool(self.frames) and (late or len(self.frames) >= self._due_count)

    def wait(self, now: float) -> float | None:
        """Seconds until the batch is due by time; None when nothing waits for a time."""
        return None if self._due_at is None else max(0.0, self._due_at - now)

    def written(self) -> None:
        """Everything is on disk."""
        self.frames = []
        self._due_at = None
        self._due_count = self._max_frames

    def refused(self) -> None:
        """The disk did not take them: keep all, in order, until asked again or a batch more came."""
        self._due_at = None
        self._due_count = len(self.frames) + self._max_frames


T = TypeVar("T")


class Frames(Enum):
    """What a job expects of the frames that were queued before it."""

    TRIED = auto()
    """Write them if possible; the job runs anyway."""
    WRITTEN = auto()
    """The job fails when they cannot be written."""


@dataclass(frozen=True, slots=True)
class _Job:
    work: Callable[[sqlite3.Connection], object]
    frames: Frames
    done: Future[Any]
    before: deque[TurnFrame]
    """The frames that came since the job before it."""


class _Stop(Enum):
    NOW = auto()


_CLOSED: Final = "The history is closed."


class DatabaseThread:
    """Runs jobs and writes frames, strictly in the order they were given.

    `problem` is the newest trouble with writing frames, None when all is well.
    `run` names this run of the program in the turns it watches. `patience` is used in
    the thread alone: a job that meets another process's lock is repeated, so `work` has to be
    repeatable up to the transaction it commits.
    Called from the thread: `on_batch(count)` after each commit of frames,
    `on_damage()` when the file turns out to be damaged.
    """

    def __init__(
        self,
        open_it: Callable[[], Opened],
        run: str = "",
        batch: Batch | None = None,
        on_batch: Callable[[int], None] = lambda _count: None,
        on_damage: Callable[[], None] = lambda: None,
        patience: LockPatience | None = None,
    ) -> None:
        self._open_it = open_it
        self._run_id = run
        self._on_batch = on_batch
        self._on_damage = on_damage
        self._patience = patience or LockPatience(0.0)
        self._batch = batch or Batch()
        self._names = WorkerNames()
        self._queue: SimpleQueue[deque[TurnFrame] | _Job | _Stop] = SimpleQueue()
        self._frames: deque[TurnFrame] = deque()
        self._tray: deque[TurnFrame] | None = None
        """Inside the thread: where frames wait that it knows of, and more may come."""
        self._opened: Future[str | None] = Future()
        self._ended: Future[None] = Future()
        # Running from the start: whoever waits may give up, the thread still reports.
        self._opened.set_running_or_notify_cancel()
        self._ended.set_running_or_notify_cancel()
        self._closing = False
        self._broken = False
        # A daemon: a program that dies without closing must not hang here.
        self._thread = threading.Thread(target=self._run, name="ledger", daemon=True)
        self.problem: str | None = None
        self.woken = 0
        """How often something was put before the thread, for tests."""

    def start(self) -> Future[str | None]:
        """Open the database; the result is the problem met and overcome, if any."""
        self._thread.start()
        return self._opened

    def append(self, item: TurnFrame) -> None:
        """Queue a frame; from the one thread that also submits.

        The database thread is woken for the first frames only and takes the others
        along when these are due: a thousand wake-ups a second cost more than all the writing.

        Raises:
            LedgerError: the thread was told to stop.
        """
        if self._closing:
            raise LedgerError(_CLOSED)
        frames = self._frames
        frames.append(item)
        # Appended first, counted then: whatever the thread does meanwhile, no frame stays behind unseen.
        if len(frames) == 1 or len(frames) % MAX_FRAMES == 0:
            self._queue.put(frames)

    def submit(self, work: Callable[[sqlite3.Connection], T], frames: Frames = Frames.TRIED) -> Future[T]:
        """Run `work` on the connection after everything queued before it."""
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
        """Frames the disk has not taken; only for use inside a job."""
        return self._batch.frames

    def stop(self) -> Future[None]:
        """Drain the queue, close the connection, end. Fails with a LedgerError when frames were lost."""
        if not self._closing:
            self._closing = True
            if self._thread.ident is None:
                self._ended.set_result(None)
            self._queue.put(_Stop.NOW)
        return self._ended

    # -- inside the thread ---------------------------------------------------------
    def _run(self) -> None:
        try:
            opened = self._open_it()
        except BaseException as problem:  # noqa: BLE001  # handed to whoever waits for the opening
            self._opened.set_exception(problem)
            self._refuse_all()
            self._ended.set_result(None)
            return
        self._opened.set_result(opened.problem)
        try:
            with closing(opened.connection):
                self._serve(opened.connection)
        except BaseException as problem:  # noqa: BLE001  # handed to whoever closes: a thread has no caller
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
                self._take(self._tray)
                self._write(connection)
                continue
            self.woken += 1
            if isinstance(item, deque):
                self._tray = item
                if self._batch.wait(monotonic()) is None or len(item) >= MAX_FRAMES:
                    self._take(item)
                if self._batch.due(monotonic()):
                    self._write(connection)
                continue
            if isinstance(item, _Job):
                self._take(item.before)
                self._perform(item, connection)
                continue
            self._take(self._frames)
            # What is refused to the end is told by whoever waits for the end.
            with suppress(LedgerError):
                self._patience.run(lambda: self._write_or_raise(connection))
            return

    def _take(self, frames: deque[TurnFrame] | None) -> None:
        """Frames that came since join the batch."""
        while frames:
            self._batch.add(frames.popleft(), monotonic())

    def _write(self, connection: sqlite3.Connection) -> LedgerError | None:
        """Commit the batch; the error instead of raising it, since nobody waits here."""
        frames = self._batch.frames
        if not frames:
            return None
        try:
            with translated():
                write_frames(connection, frames, self._run_id, self._names)
        except LedgerError as problem:
            self._batch.refused()
            self.problem = problem.summary
            self._look_at(problem)
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
        except BaseException as problem:  # noqa: BLE001  # handed to whoever waits for the job
            self._look_at(problem)
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
            # Some text is damaged. From now on it is read by a slower way that takes any bytes.
            connection.text_factory = readable
            return job.work(connection)

    def _write_or_raise(self, connection: sqlite3.Connection) -> None:
        refusal = self._write(connection)
        if refusal is not None:
            raise refusal

    def _look_at(self, problem: BaseException) -> None:
        if isinstance(problem, Damaged):
            # A mark that cannot be made must not hide the damage itself.
            with suppress(LedgerError):
                self._on_damage()

    def _refuse_all(self) -> None:
        """The thread cannot go on: nobody may wait for ever, not even who comes at this moment."""
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
    """Several queries see the same state, whoever writes meanwhile. Takes no lock against writers."""
    connection.execute("BEGIN")
    try:
        yield connection
    finally:
        connection.execute("COMMIT")
