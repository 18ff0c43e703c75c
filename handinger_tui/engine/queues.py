"""What waits in a session: requests to its owner, one at a time; turns, with their hold; charges and limits.

Only the ledger knows what all programs on this history have spent. Nothing here stops a running turn: the
API has no request for that.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from msgspec.structs import replace

from handinger_tui.core.acts import Hold, HoldReason, SessionState
from handinger_tui.core.errors import HandingerError, LedgerError
from handinger_tui.core.money.limits import Gauge, LimitReached, LimitUnmeasured, blocking, unmeasured_text
from handinger_tui.core.turns.turn import Turn, TurnStatus
from handinger_tui.engine.tasks import start

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from handinger_tui.engine.ports import LimitReader, TurnLog
    from handinger_tui.engine.session_store import SessionStore

T = TypeVar("T")


class Busy(HandingerError):
    """The request is refused in the current state of the session."""


class Inbox:
    """Runs each request to its end before the next one begins.

    A request that has begun keeps running when its caller is cancelled: a step done by half would be
    worse than an unused result. A request whose caller is cancelled before it begins is dropped.
    """

    def __init__(self, failed: Callable[[Exception], None]) -> None:
        """`failed(problem)` is called when a request of the owner itself, which has no caller, has failed."""
        self._failed = failed
        self._requests: deque[tuple[Callable[[], Awaitable[Any]], asyncio.Future[Any]]] = deque()
        self._worker: asyncio.Task[None] | None = None
        self._closed = False
        self.idle = asyncio.Event()
        """Set while no request waits or is being handled."""
        self.idle.set()

    async def request(self, handle: Callable[[], Awaitable[T]]) -> T:
        """Handle a request, and return its result or raise its exception.

        Raises:
            Busy: the inbox is closed.
        """
        if self._closed:
            raise Busy("handinger-tui is quitting. Nothing was sent.")
        return await self._add(handle)

    def post(self, handle: Callable[[], Awaitable[None]]) -> None:
        """Add a request of the owner itself, also to a closed inbox."""

        async def guarded() -> None:
            try:
                await handle()
            except Exception as problem:  # noqa: BLE001 - reported to the owner, whatever it is
                self._failed(problem)

        self._add(guarded)

    def close(self) -> None:
        """Refuse every new request."""
        self._closed = True

    def _add(self, handle: Callable[[], Awaitable[T]]) -> asyncio.Future[T]:
        result: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._requests.append((handle, result))
        self.idle.clear()
        # The task itself says whether it still handles requests: no second record could disagree with it.
        if self._worker is None or self._worker.done():
            self._worker = start(self._work, "inbox")
        return result

    async def _work(self) -> None:
        try:
            while self._requests:
                handle, result = self._requests.popleft()
                if not result.cancelled():
                    await _handle(handle, result)
        finally:
            for _, result in self._requests:
                result.cancel()
            self._requests.clear()
            self.idle.set()


async def _handle(handle: Callable[[], Awaitable[T]], result: asyncio.Future[T]) -> None:
    try:
        value = await handle()
    except Exception as problem:  # noqa: BLE001 - every failure belongs to the caller, none ends the owner
        if not result.done():
            result.set_exception(problem)
    except BaseException:
        result.cancel()
        raise
    else:
        if not result.done():
            result.set_result(value)


# -- turns that wait ---------------------------------------------------------------------
CONTINUABLE = frozenset({TurnStatus.COMPLETED, TurnStatus.INCOMPLETE})
"""Statuses of an ended turn after which the next queued one may start on its own."""


def hold_after(status: TurnStatus) -> Hold | None:
    """The hold that follows from the end of a turn; None where the queue may continue."""
    if status in CONTINUABLE:
        return None
    return Hold(HoldReason.DETACHED if status is TurnStatus.RUNNING else HoldReason.UNFINISHED)


class TurnQueue:
    """Turns that are stored and not yet started, oldest first.

    A queued turn on the disk may belong to another program, which will send it: only turns in this queue
    are ever started.
    """

    def __init__(self) -> None:
        self.ids: tuple[str, ...] = ()
        """The ids of the queued turns, the next one to send first."""
        self.hold: Hold | None = None
        """Why the queue does not continue; None while nothing holds it."""
        self.edited: str | None = None
        """The id of the turn whose message is being edited: it is not started, nor is any behind it."""
        self.stops = 0
        """How often a turn that did not complete, or the user, has stopped the queue. A message that was
        sent before such a stop and is handled after it is queued."""
        self.stopped_by: Hold | None = None
        """The hold of the newest stop."""

    @property
    def edited_at(self) -> int | None:
        """The index of the turn that is being edited; None when none is."""
        return None if self.edited is None else self.ids.index(self.edited)

    def position(self, turn_id: str) -> int:
        """The index of a turn; 0 is the next to start.

        Raises:
            Busy: it is not queued.
        """
        if turn_id not in self.ids:
            raise Busy("This message is already being sent.")
        return self.ids.index(turn_id)

    def add(self, turn_id: str, hold: Hold | None = None) -> None:
        """Queue a turn behind the others; `hold` applies unless another one does."""
        self.ids = (*self.ids, turn_id)
        self.hold = self.hold or hold

    def remove(self, turn_id: str) -> None:
        """Take a turn out of the queue. An empty queue has nothing to hold."""
        self.ids = tuple(one for one in self.ids if one != turn_id)
        if self.edited == turn_id:
            self.edited = None
        if not self.ids:
            self.hold = None

    def replace(self, turn_id: str, new_id: str) -> None:
        """Put another turn in the place of one, whose edit is over."""
        self.ids = tuple(new_id if one == turn_id else one for one in self.ids)
        if self.edited == turn_id:
            self.edited = None

    def moved(self, turn_id: str, to: int) -> tuple[str, ...]:
        """The ids with one turn moved to index `to`.

        Raises:
            Busy: it is not queued.
        """
        ids = list(self.ids)
        del ids[self.position(turn_id)]
        ids.insert(max(0, min(to, len(ids))), turn_id)
        return tuple(ids)

    def stop(self, hold: Hold) -> None:
        """Hold the queue: messages sent before this need an explicit `resume` of the user."""
        self.stops += 1
        self.stopped_by = hold
        # Why a turn was left says least once it has ended: a later reason takes its place.
        if self.ids and (self.hold is None or self.hold.reason is HoldReason.DETACHED):
            self.hold = hold

    def measure(self, gauges: Sequence[Gauge]) -> None:
        """Note which limit holds the queue by now. Where none does, it stays held for the person to send."""
        if self.hold is None or self.hold.gauge is None:
            return
        is_same = self.hold.gauge.limit in [gauge.limit for gauge in gauges]
        if (reached := blocking(gauges)) is not None:
            self.hold = limit_hold(LimitReached(reached))
        elif self.hold.reason is HoldReason.LIMIT or not is_same:
            self.hold = Hold(HoldReason.LIFTED)


class QueueGate:
    """Says whether a message leaves now, waits or is held, and keeps back what is being edited.

    Nothing here awaits, so its methods may be called at any moment.
    """

    def __init__(self, queue: TurnQueue, store: SessionStore, is_running: Callable[[], bool]) -> None:
        self._queue = queue
        self._store = store
        self._is_running = is_running
        self.is_closed = False
        """Nothing starts any more."""

    @property
    def state(self) -> SessionState:
        """What decides whether a message leaves now, waits, or is held."""
        queue, is_running = self._queue, self._is_running()
        is_unwatched = self._store.value.unwatched is not None
        return SessionState(
            is_running, is_unwatched and not is_running, len(queue.ids), queue.hold, queue.edited_at
        )

    def may_start(self, past: Hold | None) -> bool:
        """Whether the next queued turn may start. `past`: the hold that does not apply to it."""
        is_past = self._queue.hold is past and not self.is_closed
        return is_past and replace(self.state, hold=None).starts_next

    def begin_edit(self, turn_id: str) -> None:
        """Keep a queued turn, and all behind it, from being started while its message is edited.

        `edit_queued` and `withdraw` of the actor end the edit; so does `end_edit`.

        Raises:
            Busy: it is no longer queued.
        """
        self._queue.position(turn_id)
        if self._queue.edited != turn_id:
            self.end_edit()
            self._queue.edited = turn_id
            self._store.publish()

    def end_edit(self) -> None:
        """Keep the edited turn as it was; a queue that waited for the edit is held."""
        if self._queue.edited is not None:
            waited = self.state.waits_at_edit
            self._queue.edited = None
            self.hold_after_edit(waited=waited)
            self._store.publish()

    def hold_after_edit(self, *, waited: bool) -> None:
        """Hold a queue that `waited` for an edit and does not any more: only the person sends it.

        What the person asked to send before the edit ended is not sent either: the screen says that it waits.
        """
        if waited and self.state.starts_next:
            self._queue.stop(Hold(HoldReason.EDITED))


# -- limits ------------------------------------------------------------------------------
def limit_hold(problem: LimitReached) -> Hold:
    """The hold of a queue whose next turn a limit forbids."""
    if isinstance(problem, LimitUnmeasured):
        return Hold(HoldReason.UNMEASURED, problem.gauge, unmeasured_text(problem.gauge))
    return Hold(HoldReason.LIMIT, problem.gauge)


class SessionLimits:
    """The newest gauges of a session, each a limit with the amount spent of it; writes what turns cost.

    While a turn runs, its cost is written after each new reading of its worker, one write at a time.
    """

    def __init__(
        self,
        store: SessionStore,
        log: TurnLog,
        reader: LimitReader | None,
        ends: Callable[[], int],
        post: Callable[[Callable[[], Awaitable[None]]], None],
    ) -> None:
        """`ends()`: how many runs of the session have ended. `post(step)` puts a step into its inbox."""
        self._store = store
        self._log = log
        self._reader = reader
        self._ends = ends
        self._post = post
        self._is_due = False
        self._is_posted = False
        self.gauges: tuple[Gauge, ...] = ()
        """Those of the last read; empty when there are no limits, or before the first read."""

    async def read(self) -> tuple[Gauge, ...]:
        """Read the gauges from the ledger, and publish when they differ from the last ones.

        Raises:
            LedgerError
        """
        if self._reader is None:
            return ()
        gauges = tuple(await self._reader.gauges(self._store.value))
        if gauges != self.gauges:
            self.gauges = gauges
            self._store.publish()
        return gauges

    async def check(self) -> None:
        """Read the limits; return only when a message may be sent.

        Raises:
            LimitReached: a limit is used up.
            LedgerError: the limits could not be read.
        """
        if (gauge := await self._reached()) is not None:
            raise LimitReached(gauge)

    async def hold(self) -> Hold | None:
        """The hold of a reached limit. An unreadable one counts as reached, as does a missing history."""
        if (missing := self._log.no_history) is not None:
            return Hold(HoldReason.UNREADABLE, detail=missing.summary)
        try:
            reached = await self._reached()
        except LedgerError as problem:
            return Hold(HoldReason.UNREADABLE, detail=problem.summary)
        return None if reached is None else limit_hold(LimitReached(reached))

    async def _reached(self) -> Gauge | None:
        """The limit that is used up. Read again where a turn ended in between: its cost may have used one up.

        Raises:
            LedgerError
        """
        while True:
            ends = self._ends()
            reached = blocking(await self.read())
            if ends == self._ends():
                return reached

    # -- what a running turn has cost so far ---------------------------------------------
    def observe(self, before: Turn | None, now: Turn, *, running: bool) -> None:
        """Note a change of a turn; while a turn is `running`, its cost is written soon."""
        self._is_due = self._is_due or has_new_reading(before, now)
        if self._is_due and running and not self._is_posted:
            self._is_posted = True
            self._post(self._write)

    def closed(self) -> None:
        """Closing the turn writes its cost: nothing is due."""
        self._is_due = False

    async def count(self) -> None:
        """Write what the turns cost so far, and read the limits again. Raises LedgerError."""
        self._is_due = False
        self._store.set_elsewhere(await self._log.charge(self._store.value))
        await self.read()

    async def _write(self) -> None:
        # What arrives during the write is left to the next one.
        self._is_posted = False
        if self._is_due:
            with suppress(LedgerError):
                await self.count()


def has_new_reading(before: Turn | None, now: Turn) -> bool:
    """Whether a turn has a new reading of its worker. Only readings have usage and costs."""
    if before is None:
        return now.snapshot is not None
    return now.snapshot is not before.snapshot or now.before is not before.before
