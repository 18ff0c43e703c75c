"""All workers and conversations of one generation, with the asyncio tasks of their turns and schedules.

All code here runs on the one event loop of the server and never awaits between a check and the change
that depends on it, so it needs no locks. A turn belongs to the registry and not to the request that
started it: a client that disconnects stops nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from datetime import datetime

from handinger_tui.local import formats, triggers, turn_context
from handinger_tui.local.http import Instruction, RefusedError, RequestLimits, no_such
from handinger_tui.local.triggers import StoredSchedule
from handinger_tui.local.turn_context import TurnConfig
from handinger_tui.local.worker import TITLE, Conversation, LocalTurn, LocalWorker

_LONGEST_SLEEP = 3600.0
"""Maximum seconds of one sleep: a timer checks the clock again, since the machine may have been suspended."""
_TITLE_CHARACTERS = 60

_log = logging.getLogger(__name__)


class Registry:
    """Stores workers, starts turns, and runs schedules.

    `has_tasks`: of the tasks generation, in which a worker has any number of conversations.
    """

    def __init__(self, base_url: str, config: TurnConfig, limits: RequestLimits, *, has_tasks: bool) -> None:
        self.base_url = base_url
        self.config = config
        self.limits = limits
        self.has_tasks = has_tasks
        self._workers: dict[str, LocalWorker] = {}
        self._conversations: dict[str, Conversation] = {}
        self._background: set[asyncio.Task[None]] = set()
        self._timers: dict[str, asyncio.Task[None]] = {}

    def worker(self, worker_id: str) -> LocalWorker:
        """Return a stored worker. Raises RefusedError: 404 if it does not exist, or was deleted."""
        worker = self._workers.get(worker_id)
        if worker is None or worker.is_deleted:
            raise no_such("worker")
        return worker

    def store(self, title: str = TITLE, instructions: str = "") -> LocalWorker:
        prefix = "wrk_" if self.has_tasks else "t_local_w_"
        worker = LocalWorker(formats.new_id(prefix), title, instructions=instructions)
        self._workers[worker.id] = worker
        return worker

    def delete(self, worker: LocalWorker) -> None:
        """Delete a stored worker with its schedules; its conversations stay."""
        worker.is_deleted = True
        for schedule_id in list(worker.schedules):
            self.cancel_schedule(worker, schedule_id)

    def conversation(self, conversation_id: str) -> Conversation:
        """Return a conversation. Raises RefusedError: 404 if it does not exist."""
        conversation = self._conversations.get(conversation_id)
        if conversation is None:
            raise no_such("task" if self.has_tasks else "worker")
        return conversation

    def newest(self, worker: LocalWorker) -> Conversation:
        """Return the conversation of a worker that was started last; an empty one if it has none."""
        own = (one for one in reversed(self._conversations.values()) if one.worker is worker)
        return next(own, Conversation(worker.id, worker, self.base_url, created_at=worker.created_at))

    def start(
        self,
        instruction: Instruction,
        conversation_id: str = "",
        worker_id: str = "",
        triggered_by: str = "api",
    ) -> tuple[Conversation, LocalTurn]:
        """Start a turn of a conversation, which the first turn creates; "" is a new one each time.

        A conversation has one turn at a time and no queue.

        Raises:
            RefusedError: 404 for an unknown worker, 409 while a turn runs or for a worker of another
                conversation.
        """
        conversation = self._conversations.get(conversation_id)
        if conversation is None:
            conversation = self._open(conversation_id, worker_id, instruction.text, triggered_by)
        elif worker_id not in ("", conversation.worker.id):
            raise RefusedError(409, "This task belongs to another worker. Nothing was started.")
        elif conversation.running_turn is not None:
            raise RefusedError(409, "This worker is still running. Nothing was started.")
        return conversation, self._begin(conversation, instruction)

    def add_schedule(self, worker: LocalWorker, schedule: StoredSchedule) -> None:
        """Store a schedule and start its timer."""
        worker.schedules[schedule.id] = schedule
        self._timers[schedule.id] = self._start_background(self._run_schedule, worker, schedule)

    def cancel_schedule(self, worker: LocalWorker, schedule_id: str) -> None:
        """Delete a schedule; a turn that it has started continues.

        Raises:
            RefusedError: 404 if the worker has no such schedule.
        """
        if worker.schedules.pop(schedule_id, None) is None:
            raise no_such("schedule")
        self._timers.pop(schedule_id).cancel()

    async def close(self) -> None:
        """Cancel all turns and timers; the streams of running turns end."""
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)

    def _open(self, conversation_id: str, worker_id: str, text: str, triggered_by: str) -> Conversation:
        """Create a conversation; without a worker one is made, with the text as its instructions."""
        if worker_id:
            worker = self.worker(worker_id)
        else:
            worker = self.store(" ".join(text.split())[:_TITLE_CHARACTERS] or TITLE, text)
        new_id = formats.new_id("tsk_") if self.has_tasks else worker.id
        conversation = Conversation(conversation_id or new_id, worker, self.base_url, triggered_by)
        self._conversations[conversation.id] = conversation
        return conversation

    def _begin(self, conversation: Conversation, instruction: Instruction) -> LocalTurn:
        turn = conversation.begin(instruction)
        self._start_background(self._run_turn, conversation, turn)
        return turn

    async def _run_turn(self, conversation: Conversation, turn: LocalTurn) -> None:
        # Also after an error, which the stream has reported: the turn has a proper end.
        is_complete = True
        try:
            await turn_context.perform(conversation, turn, self.config)
        except asyncio.CancelledError:
            is_complete = False
            raise
        finally:
            turn.close(is_complete=is_complete)
            if is_complete and not conversation.worker.is_deleted:
                self._start_background(self._deliver, conversation, turn)

    async def _deliver(self, conversation: Conversation, turn: LocalTurn) -> None:
        """Notify the webhook of the worker that a turn has ended."""
        members = next(one for one in conversation.turn_members() if one["id"] == turn.id)
        webhook = conversation.worker.webhook
        await webhook.deliver(conversation.as_task(), members, triggers.DELIVERY_SECONDS)

    async def _run_schedule(self, worker: LocalWorker, schedule: StoredSchedule) -> None:
        instruction = Instruction(schedule.body.input, schedule.body.budget)
        while True:
            await _sleep_until(schedule.next_run)
            if self.has_tasks:
                self.start(instruction, worker_id=worker.id, triggered_by="schedule")
            else:
                await self._begin_when_idle(self.conversation(worker.id), instruction)
            if not schedule.advance():
                break
        self._timers.pop(schedule.id)
        worker.schedules.pop(schedule.id)

    async def _begin_when_idle(self, conversation: Conversation, instruction: Instruction) -> None:
        while (turn := conversation.running_turn) is not None:
            await turn.ended.wait()
        self._begin(conversation, instruction)

    def _start_background(
        self, work: Callable[..., Coroutine[object, object, None]], *args: object
    ) -> asyncio.Task[None]:
        """Run `work(*args)` concurrently with requests until it ends or the server stops.

        None of it runs before this returns, also where the loop runs new tasks at once.
        """
        task = asyncio.create_task(_logged(work, *args))
        self._background.add(task)
        task.add_done_callback(self._background.discard)
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
