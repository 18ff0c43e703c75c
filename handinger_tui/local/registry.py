"""The office: all workers of one server, their turns and their schedules. Owns every task there is.

Everything here runs on the server's one event loop and nothing awaits between a look and the act
on it, so there are no locks. A turn belongs to the office and not to the request that began it:
a client that goes away stops nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from handinger_tui.local import ids, schedules, worker
from handinger_tui.local.requests import RefusedError
from handinger_tui.local.turns import Instruction, Turn
from handinger_tui.local.worker_record import WorkerRecord
from handinger_tui.local.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from datetime import datetime

    from handinger_tui.local.requests import Limits
    from handinger_tui.local.schedules import Schedule
    from handinger_tui.local.turn_context import Setting

_LONGEST_SLEEP = 3600.0
"""A timer looks at the clock at least once an hour, since the machine may have slept."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Accepted:
    fingerprint: str
    record: WorkerRecord
    turn: Turn


@dataclass(frozen=True, slots=True)
class Begun:
    """The turn a request stands for. `repeated`: an earlier request with the same key began it."""

    record: WorkerRecord
    turn: Turn
    repeated: bool


class WorkerRegistry:
    """Creates workers, begins turns, keeps schedules."""

    def __init__(self, base_url: str, setting: Setting, limits: Limits) -> None:
        """Open an office without workers; `base_url` is how clients reach it, without a closing slash."""
        self.base_url = base_url
        self.setting = setting
        self.limits = limits
        self._records: OrderedDict[str, WorkerRecord] = OrderedDict()
        self._accepted: OrderedDict[tuple[str, str], _Accepted] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()
        self._timers: dict[str, asyncio.Task[None]] = {}

    def record(self, worker_id: str) -> WorkerRecord:
        """Return a worker.

        Raises:
            RefusedError: 404 when there is none.
        """
        found = self._records.get(worker_id)
        if found is None:
            raise RefusedError(
                404, "There is no worker with this id; the local worker forgets all when it stops."
            )
        return found

    def create(self, instruction: Instruction, key: str | None) -> Begun:
        """Make a worker and begin its first turn; with a known idempotency key, return that turn.

        Raises:
            RefusedError: 422 when the key came with another instruction, 413 or 429 when there is no room.
        """
        return self._accepted_before("", key, instruction) or self._accept("", key, instruction)

    def resume(self, worker_id: str, instruction: Instruction, key: str | None) -> Begun:
        """Begin a further turn of a worker; with a known idempotency key, return that turn.

        Raises:
            RefusedError: as `create`; 404 for an unknown worker; 409 while a turn runs, since a local
                worker does one thing at a time and queues nothing.
        """
        record = self.record(worker_id)
        known = self._accepted_before(worker_id, key, instruction)
        if known is not None:
            return known
        if record.running:
            raise RefusedError(
                409, "This worker is still at work; nothing was started. Send it again when the turn is over."
            )
        return self._accept(worker_id, key, instruction)

    def add_schedule(self, record: WorkerRecord, schedule: Schedule) -> None:
        """Keep a schedule and start its timer.

        Raises:
            RefusedError: 422 when the worker has too many.
        """
        if len(record.schedules) >= self.limits.schedules:
            raise RefusedError(422, f"A worker can have {self.limits.schedules} schedules; cancel one first.")
        record.schedules[schedule.id] = schedule
        self._timers[schedule.id] = self._own(self._run_schedule(record, schedule))

    def cancel_schedule(self, record: WorkerRecord, schedule_id: str) -> None:
        """Forget a schedule; a turn it has begun goes on.

        Raises:
            RefusedError: 404 when the worker has no such schedule.
        """
        if record.schedules.pop(schedule_id, None) is None:
            raise RefusedError(404, "This worker has no schedule with this id.")
        self._timers.pop(schedule_id).cancel()

    async def close(self) -> None:
        """Cut all turns and timers; readers of a running turn see the end of their stream."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accepted_before(self, target: str, key: str | None, instruction: Instruction) -> Begun | None:
        known = self._accepted.get((target, key)) if key is not None else None
        if known is None:
            return None
        if known.fingerprint != instruction.fingerprint:
            raise RefusedError(
                422, "This Idempotency-Key was used with another instruction; nothing was started."
            )
        return Begun(known.record, known.turn, repeated=True)

    def _accept(self, target: str, key: str | None, instruction: Instruction) -> Begun:
        record = (
            self.record(target)
            if target
            else WorkerRecord(self.base_url, Workspace(self.limits.workspace_bytes))
        )
        turn = self._begin(record, instruction)
        if key is not None:
            self._accepted[target, key] = _Accepted(instruction.fingerprint, record, turn)
            while len(self._accepted) > self.limits.remembered_keys:
                self._accepted.popitem(last=False)
        return Begun(record, turn, repeated=False)

    def _begin(self, record: WorkerRecord, instruction: Instruction) -> Turn:
        if record.turns_begun >= self.limits.turns:
            raise RefusedError(
                409,
                f"This worker has done {self.limits.turns} turns, which is all it can keep. Start a new one.",
            )
        if not record.workspace.room_for(sum(len(content) for _, content in instruction.uploads)):
            raise RefusedError(413, "The files do not fit into this worker's workspace.")
        if record.id not in self._records:
            self._make_room()
            self._records[record.id] = record
        attachments = tuple(record.workspace.attach(name, content) for name, content in instruction.uploads)
        turn = Turn(record.id, instruction, attachments)
        record.begin(turn)
        self._own(self._run_turn(record, turn))
        return turn

    def _make_room(self) -> None:
        if len(self._records) < self.limits.workers:
            return
        idle = next((record for record in self._records.values() if not record.running), None)
        if idle is None:
            raise RefusedError(
                429, "All local workers are at work and there is no room for another.", {"retry-after": "5"}
            )
        for schedule_id in list(idle.schedules):
            self.cancel_schedule(idle, schedule_id)
        del self._records[idle.id]

    async def _run_turn(self, record: WorkerRecord, turn: Turn) -> None:
        whole = False
        try:
            await worker.perform(record, turn, self.setting)
            whole = True
        except Exception:
            # The fault was told in the stream; that makes an end of the turn's own.
            whole = True
            raise
        finally:
            turn.close(whole=whole)
            record.settle(turn)

    async def _run_schedule(self, record: WorkerRecord, schedule: Schedule) -> None:
        while True:
            await _sleep_until(schedule.next_run)
            while record.running and record.turn is not None:
                await record.turn.ended.wait()
            self._begin(record, Instruction(schedule.input, schedule.budget))
            following = schedules.next_after_now(schedule)
            if following is None:
                break
            schedule.next_run = following
        self._timers.pop(schedule.id)
        record.schedules.pop(schedule.id)

    def _own(self, work: Coroutine[object, object, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._let_go)
        return task

    def _let_go(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (fault := task.exception()) is not None:
            # The kind only: a message may carry what a person wrote.
            _log.error("a task of the local worker failed: %s", type(fault).__name__)


async def _sleep_until(moment: datetime) -> None:
    while True:
        seconds = (moment - ids.now()).total_seconds()
        if seconds <= 0:
            return
        await asyncio.sleep(min(seconds, _LONGEST_SLEEP))
