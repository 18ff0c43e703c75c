"""The client of the tasks generation. A target is the id of a task, which is made here before it is sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from math import inf
from typing import Final

from msgspec.structs import replace

from handinger_tui.api import errors
from handinger_tui.api.client import JSON, NO_SUCH_METHOD, STREAM_OR_JSON, WorkerClient, turn_content
from handinger_tui.api.endpoint import segment
from handinger_tui.api.request_body import TurnBody
from handinger_tui.api.response import EVENT_STREAM, HttpReply, media_type
from handinger_tui.api.tasks.reading import TaskReading, turns_in, worker_object
from handinger_tui.api.tasks.waiting import Answered, PendingPost, TaskReply, TaskStart
from handinger_tui.api.transport import Content
from handinger_tui.core.errors import ApiError, Doubtful, Refused, Unreachable
from handinger_tui.core.jsontext import JsonObject, as_object, as_text, dump, parse_exact
from handinger_tui.core.stream.frames import RawFrame, StreamRoute
from handinger_tui.core.stream.worker_snapshot import WorkerBody, body_of, is_worker, names_another
from handinger_tui.core.turns.turn import Kind, TurnRequest

NO_LIMIT_S: Final = 86_400.0
"""Seconds for the headers of a POST: `waiting` decides by the readings of the task how long to wait."""
FRESH_S: Final = 10.0
"""Seconds for which a reading shows how a task was before a turn."""
TASK_PREFIX: Final = "tsk"


class StartTask(TurnBody, frozen=True):
    """The body that begins a task (of a stored worker, or of a new one), or adds a turn to it."""

    task_id: str
    budget: str | None = None
    worker_id: str | None = None

    def members(self) -> dict[str, str | bool | None]:
        """The members in order."""
        return {
            "input": self.input,
            "budget": self.budget,
            "taskId": self.task_id,
            "workerId": self.worker_id,
        }


class TaskClient:
    """Implements `engine.ports.WorkerApi` over the connection of a `WorkerClient`."""

    def __init__(self, client: WorkerClient, poll_s: float = 2.0) -> None:
        """`poll_s`: seconds between the first two readings of a task whose POST is not answered yet."""
        self.client = client
        self._poll_s = poll_s
        self._read: dict[str, tuple[float, TaskReading]] = {}
        """The newest reading of each task, and when it was made (loop time)."""

    def new_target(self, turn_id: str, /) -> str | None:
        """The id of the task that a turn begins. It follows from that of the turn, which is stored first."""
        return f"{TASK_PREFIX}_{turn_id.rpartition('_')[2]}"

    async def worker_of(self, target: str) -> str:
        """The stored worker that a task belongs to. Raises ApiError."""
        reading = self._remembered(target) or await self._task(target)
        if reading.worker_id is None:
            raise errors.undecodable("The worker of the task")
        return reading.worker_id

    # -- turns ---------------------------------------------------------------------------
    def turn_request(self, order: TurnRequest) -> tuple[str, StartTask]:
        """The URL and the body of a turn's request, without its attachments."""
        target = order.worker_id or self.new_target(order.turn_id) or ""
        before = self._remembered(target)
        worker_id = (before.worker_id if before is not None else None) or order.template
        return f"{self.client.base_url}/api/tasks", StartTask(order.prompt, target, order.budget, worker_id)

    @asynccontextmanager
    async def start_turn(
        self, order: TurnRequest, departed: Callable[[], None] = lambda: None
    ) -> AsyncIterator[TaskReply]:
        """POST the turn once, and read the task until it is answered; `departed()`: see `WorkerClient`.

        Raises:
            AttachmentProblem, Unreachable, Refused, Doubtful, ServerFault, BrokenContract, StreamLost
        """
        start = await self._start_of(order)
        url, request = self.turn_request(order)
        async with AsyncExitStack() as stack:
            content, headers = await turn_content(stack, request, order)
            headers["Accept"] = JSON

            def send(depart: Callable[[], None]) -> Coroutine[None, None, Answered]:
                def mark_departed() -> None:
                    departed()
                    depart()

                return self._post(url, headers, content, mark_departed, start)

            pending = PendingPost(
                start,
                send,
                lambda: self._reading(start.task_id, state=True),
                self.client.limits,
                self._poll_s,
            )
            yield await stack.enter_async_context(pending.open())

    async def _start_of(self, order: TurnRequest) -> TaskStart:
        """What is known of the task before the turn. A task that does not exist would be begun by the POST.

        Raises:
            Refused, Unreachable: nothing was sent.
        """
        target = order.worker_id
        if target is None:
            return TaskStart(
                self.new_target(order.turn_id) or "", order.prompt, is_new=True, template=order.template
            )
        before = self._remembered(target, FRESH_S)
        if before is None:
            try:
                before = await self._reading(target)
            except Refused:
                raise
            except ApiError as trouble:
                summary = f"The task could not be read before sending. {trouble.summary}"
                raise Unreachable(trouble.kind, summary, trouble.hint) from None
        return TaskStart(target, order.prompt, False, len(before.turns), before.running is True)

    async def _post(
        self,
        url: str,
        headers: dict[str, str],
        content: bytes | Content,
        departed: Callable[[], None],
        start: TaskStart,
    ) -> Answered:
        sending = self.client.connection.send("POST", url, headers, content, NO_LIMIT_S, departed)
        try:
            async with sending as response:
                reply = HttpReply(response, StreamRoute.POST, self.client.limits)
                frames: list[RawFrame] = []
                keep = frames.append
                try:
                    async for piece in reply.pieces():
                        keep(piece)
                except ApiError as trouble:
                    return Answered(reply, frames, trouble)
                return Answered(reply, frames)
        except Refused as refusal:
            if refusal.kind is Kind.NOT_FOUND and (
                (start.is_new and start.template is None) or refusal.http_status == NO_SUCH_METHOD
            ):
                raise errors.other_generation(
                    refusal.summary, "workers", refusal.http_status, refusal.retry_after_s
                ) from None
            if start.is_new and refusal.kind is Kind.CONFLICT:
                # Only this turn has the id of the task: if it is taken, the turn may be running already.
                raise Doubtful(refusal.kind, refusal.summary, http_status=refusal.http_status) from None
            raise

    @asynccontextmanager
    async def follow(self, target: str, via: StreamRoute) -> AsyncIterator[HttpReply]:
        """Watch a task over the event stream of its worker, which services before 0.24.0 had.

        Raises:
            ApiError: BrokenContract where there is no stream.
        """
        if via is not StreamRoute.REPLAY:
            raise errors.unexpected_content("")
        url = self._state_url(await self.worker_of(target), target)
        async with self.client.connection.get(f"{url}&stream=true", STREAM_OR_JSON) as response:
            if media_type(response) != EVENT_STREAM:
                raise errors.unexpected_content(media_type(response))
            reply = HttpReply(response, via, self.client.limits)
            reply.worker_id = target
            yield reply

    # -- readings ------------------------------------------------------------------------
    async def read_worker(self, target: str) -> WorkerBody:
        """GET the task, its turns and the state of its worker, as one Worker object.

        Raises:
            ApiError: also where the answer is another task (BrokenContract).
        """
        worker = worker_object(await self._reading(target, state=True))
        # The text is what is stored: it is read back, so that both are the same.
        return body_of(dump(worker))

    async def _reading(self, target: str, *, state: bool = False) -> TaskReading:
        """Read a task with its turns. `state`: also that of its worker, which may fail."""
        reading = await self._task(target)
        worker_id = reading.worker_id
        if state and worker_id is not None:
            reading = replace(reading, worker=await self._state(worker_id, target))
        return reading

    async def _task(self, target: str) -> TaskReading:
        url = f"{self.client.base_url}/api/tasks/{segment(target, 'task id')}"
        answer = await self._object(url)
        task = as_object(answer.get("task"))
        if "status" not in task:
            raise errors.undecodable("The task")
        if names_another(as_text(task.get("id")), target):
            raise errors.another_worker()
        turns = answer.get("turns")
        if not isinstance(turns, list):
            turns = (await self._object(f"{url}/turns")).get("items")
        reading = TaskReading(target, task, turns_in(turns))
        self._read[target] = asyncio.get_running_loop().time(), reading
        return reading

    def _remembered(self, target: str, age_s: float = inf) -> TaskReading | None:
        """The newest reading of a task, unless it is older than that many seconds."""
        if target not in self._read:
            return None
        read_at, reading = self._read[target]
        return reading if asyncio.get_running_loop().time() - read_at <= age_s else None

    async def _state(self, worker_id: str, target: str) -> JsonObject:
        """The state of a worker; empty where it cannot be read: it only adds to the turns."""
        try:
            state = await self._object(self._state_url(worker_id, target))
        except ApiError:
            return {}
        return state if is_worker(state) else {}

    def _state_url(self, worker_id: str, target: str) -> str:
        return f"{self.client.worker_url(worker_id)}?taskId={segment(target, 'task id')}"

    async def _object(self, url: str) -> JsonObject:
        return await self.client.get_object(url, self.client.limits.max_json_bytes, parse_exact)
