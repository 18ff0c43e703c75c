"""The worker registry: all workers of one server, with their turns, schedules and asyncio tasks.

All code here runs on the one event loop of the server and never awaits between a check and the change
that depends on it, so it needs no locks. A turn belongs to the registry and not to the request that
started it: a client that disconnects stops nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from handinger_tui.local import formats, triggers, turn_context
from handinger_tui.local.http import Instruction, RefusedError, RequestLimits, no_such
from handinger_tui.local.worker import LocalTurn, WorkerRecord, Workspace

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine
    from datetime import datetime

    from handinger_tui.local.triggers import StoredSchedule
    from handinger_tui.local.turn_context import TurnConfig

_LONGEST_SLEEP = 3600.0
"""Maximum seconds of one sleep: a timer checks the clock again, since the machine may have been suspended."""

_log = logging.getLogger(__name__)


class StartedTurn(Struct, frozen=True):
    """The turn of a request. `repeated`: an earlier request with the same idempotency key started it."""

    record: WorkerRecord
    turn: LocalTurn
    repeated: bool


class ScheduleOwner(Protocol):
    """A worker with its pending schedules, by id."""

    id: str
    schedules: dict[str, StoredSchedule]


class WorkerRegistry:
    """Creates workers, starts turns, and runs schedules."""

    def __init__(self, base_url: str, config: TurnConfig, limits: RequestLimits) -> None:
        self.base_url = base_url
        self.config = config
        self.limits = limits
        self._records: OrderedDict[str, WorkerRecord] = OrderedDict()
        self._accepted: OrderedDict[tuple[str, str], StartedTurn] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()
        self._timers: dict[str, asyncio.Task[None]] = {}

    def record(self, worker_id: str) -> WorkerRecord:
        """Return a worker. Raises RefusedError: 404 if it does not exist."""
        record = self._records.get(worker_id)
        if record is None:
            raise no_such("worker")
        return record

    def start(self, record_id: str, instruction: Instruction, key: str | None) -> StartedTurn:
        """Start a turn of a record, which the first turn creates; "" is a new worker each time.

        With an idempotency key of an earlier request, return the turn that it started. A record runs one turn
        at a time and has no queue.

        Raises:
            RefusedError: 422 if the key was used with another instruction, 409 while a turn runs, 413 or 429
                if there is no room.
        """
        earlier = self._accepted.get((record_id, key)) if key is not None else None
        if earlier is not None:
            if earlier.turn.instruction != instruction:
                raise RefusedError(
                    422, "This Idempotency-Key was used with another instruction. Nothing was started."
                )
            return earlier
        record = self._records.get(record_id)
        if record is None:
            record = WorkerRecord(self.base_url, Workspace(self.limits.workspace_bytes))
            record.id = record_id or record.id
        elif record.running:
            raise RefusedError(409, "This worker is still running. Nothing was started.")
        turn = self._begin(record, instruction)
        if key is not None:
            self._accepted[record_id, key] = StartedTurn(record, turn, repeated=True)
            while len(self._accepted) > self.limits.remembered_keys:
                self._accepted.popitem(last=False)
        return StartedTurn(record, turn, repeated=False)

    def has_record(self, record_id: str) -> bool:
        """Return whether a record is still stored: an idle one may have been deleted to make room."""
        return record_id in self._records

    def add_schedule(
        self,
        owner: ScheduleOwner,
        schedule: StoredSchedule,
        begin: Callable[[Instruction], Awaitable[object]] | None = None,
    ) -> None:
        """Store a schedule and start its timer. `begin` starts a turn; None: the next turn of the owner.

        Raises:
            RefusedError: 422 if the worker has too many.
        """
        if len(owner.schedules) >= self.limits.schedules:
            raise RefusedError(422, f"A worker can have {self.limits.schedules} schedules; cancel one first.")
        if begin is None:
            begin = partial(self._begin_when_idle, self.record(owner.id))
        owner.schedules[schedule.id] = schedule
        self._timers[schedule.id] = self.start_background(self._run_schedule, owner, schedule, begin)

    def cancel_schedule(self, record: ScheduleOwner, schedule_id: str) -> None:
        """Delete a schedule; a turn that it has started continues.

        Raises:
            RefusedError: 404 if the worker has no such schedule.
        """
        if record.schedules.pop(schedule_id, None) is None:
            raise RefusedError(404, "No schedule has this id.")
        self._timers.pop(schedule_id).cancel()

    def cancel_schedules(self, owner: ScheduleOwner) -> None:
        """Delete all schedules of a worker."""
        for schedule_id in list(owner.schedules):
            self.cancel_schedule(owner, schedule_id)

    async def close(self) -> None:
        """Cancel all turns and timers; the streams of running turns end."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _begin(self, record: WorkerRecord, instruction: Instruction) -> LocalTurn:
        if record.turns_begun >= self.limits.turns:
            raise RefusedError(
                409, f"This worker has reached its {self.limits.turns} turns. Start a new one."
            )
        if not record.workspace.has_room_for(sum(len(content) for _, content in instruction.uploads)):
            raise RefusedError(413, "The files do not fit into this worker's workspace.")
        if record.id not in self._records:
            self._evict_idle_worker()
            self._records[record.id] = record
        attachments = tuple(record.workspace.attach(name, content) for name, content in instruction.uploads)
        turn = LocalTurn(instruction, attachments)
        record.begin(turn)
        self.start_background(self._run_turn, record, turn)
        return turn

    def _evict_idle_worker(self) -> None:
        if len(self._records) < self.limits.workers:
            return
        idle_record = next((record for record in self._records.values() if not record.running), None)
        if idle_record is None:
            raise RefusedError(429, "Too many local workers are running.", {"retry-after": "5"})
        self.cancel_schedules(idle_record)
        del self._records[idle_record.id]

    async def _run_turn(self, record: WorkerRecord, turn: LocalTurn) -> None:
        # Also after an error, which the stream has reported: the turn has a proper end.
        is_complete = True
        try:
            await turn_context.perform(record, turn, self.config)
        except asyncio.CancelledError:
            is_complete = False
            raise
        finally:
            turn.close(is_complete=is_complete)
            record.settle(turn)

    async def _begin_when_idle(self, record: WorkerRecord, instruction: Instruction) -> None:
        while (turn := record.running_turn) is not None:
            await turn.ended.wait()
        self._begin(record, instruction)

    async def _run_schedule(
        self,
        owner: ScheduleOwner,
        schedule: StoredSchedule,
        begin: Callable[[Instruction], Awaitable[object]],
    ) -> None:
        while True:
            await _sleep_until(schedule.next_run)
            # Without room for a turn this run is omitted; the next one may have it.
            with suppress(RefusedError):
                await begin(Instruction(schedule.input, schedule.budget))
            next_run = triggers.next_after_now(schedule)
            if next_run is None:
                break
            schedule.next_run = next_run
        self._timers.pop(schedule.id)
        owner.schedules.pop(schedule.id)

    def start_background(
        self, work: Callable[..., Coroutine[object, object, None]], *args: object
    ) -> asyncio.Task[None]:
        """Run `work(*args)` concurrently with requests until it ends or the server stops.

        None of it runs before this returns, also where the loop runs new tasks at once.
        """
        task = asyncio.create_task(_logged(work, *args))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


async def _logged(work: Callable[..., Coroutine[object, object, None]], *args: object) -> None:
    await asyncio.sleep(0)
    try:
        # Called here: a task that is cancelled before its first step would leave a coroutine that never ran.
        await work(*args)
    except Exception as fault:  # noqa: BLE001 - the work is never awaited
        # Only the exception type: its message may contain text of the user.
        _log.error("a task of the local worker failed: %s", type(fault).__name__)


async def _sleep_until(moment: datetime) -> None:
    while True:
        seconds = (moment - formats.now()).total_seconds()
        if seconds <= 0:
            return
        await asyncio.sleep(min(seconds, _LONGEST_SLEEP))
