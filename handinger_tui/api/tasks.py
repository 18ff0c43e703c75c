"""The client of the tasks generation of the API, in which a task is one conversation with a stored worker.

A target is the id of a task, which we choose before the first request. The answer to a POST comes when the
turn is over, which takes minutes; until then the task is read repeatedly. Other modules see a reading of a
task, its turns and its worker as one Worker object: its `id` is that of the task, its `messages` are the
turns, and the last message of each turn has the `usage` of that turn alone. Any member of a response may be
missing, null or of another type.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from msgspec import Struct, field
from msgspec.structs import replace

from handinger_tui.api import errors
from handinger_tui.api.client import (
    JSON,
    NO_SUCH_METHOD,
    STREAM_OR_JSON,
    Members,
    WorkerClient,
    turn_content,
    turn_members,
)
from handinger_tui.api.frame_readers import EVENT_STREAM
from handinger_tui.api.response import HttpReply, ResponseLimits, media_type
from handinger_tui.api.transport import Content, segment
from handinger_tui.core.errors import ApiError, Doubtful, Refused, StreamLost, Unreachable
from handinger_tui.core.figures import count
from handinger_tui.core.jsontext import (
    Json,
    JsonObject,
    NotJson,
    as_list,
    as_object,
    dump,
    list_at,
    object_at,
    parse_exact,
    string_at,
    text_at,
)
from handinger_tui.core.stream import (
    Framing,
    RawFrame,
    StreamRoute,
    WorkerBody,
    body_of,
    is_worker,
    names_another,
)
from handinger_tui.core.turns.messages import normalized_prompt
from handinger_tui.core.turns.turn import ErrorKind, TurnRequest

_BUSY: Final = ("pending", "running")
_OVER: Final = ("completed", "error", "aborted")
_FIGURES: Final = ("credits", "inputTokens", "outputTokens", "durationMs")


# -- a task as a Worker object -----------------------------------------------------------
class TaskReading(Struct, frozen=True):
    """One reading of a task. `worker`: the state of its worker, empty if that was not read."""

    task_id: str
    task: JsonObject = field(default_factory=dict)
    turns: tuple[JsonObject, ...] = ()
    worker: JsonObject = field(default_factory=dict)

    @property
    def worker_id(self) -> str | None:
        """The stored worker of the task."""
        return text_at(self.task, "workerId")

    @property
    def running(self) -> bool | None:
        """Whether the task runs; None if its status is unknown or missing."""
        status = text_at(self.task, "status")
        if status in _BUSY:
            return True
        return False if status in _OVER else None


def turns_in(items: Json) -> tuple[JsonObject, ...]:
    """The turns in a list, sorted by their numbers if all have one."""
    turns = tuple(item for item in as_list(items) if isinstance(item, dict))
    numbers = [count(turn.get("seq")) for turn in turns]
    if any(number is None for number in numbers):
        return turns
    return tuple(turn for _, turn in sorted(zip(numbers, turns, strict=True), key=lambda pair: pair[0] or 0))


def worker_object(reading: TaskReading, pending: str | None = None) -> JsonObject:
    """A reading as a Worker object. `pending`: the prompt of a running turn that is not listed yet."""
    task, turns = reading.task, reading.turns
    status, running = text_at(task, "status"), reading.running
    state = reading.worker if _is_state_of(reading) else {}
    newest = turns[-1] if turns and pending is None else {}
    messages = [message for turn in turns for message in _messages_of(turn)]
    if pending is not None:
        messages.append(_message("user", None, [_text(pending)]))
    growing = text_at(reading.worker, "output_text") if running else None
    text = text_at(newest, "outputText") or growing or text_at(state, "output_text")
    if running and growing and (not messages or messages[-1].get("role") == "user"):
        messages.append(_message("assistant", None, [_text(growing)]))
    worker: JsonObject = {
        "id": reading.task_id,
        "object": "worker",
        "status": status,
        "error": state.get("error"),
        "messages": list(messages),
        "output_text": text,
        "files": _files_of(reading, state),
        "sources": state.get("sources"),
        "structured_output": newest.get("structuredOutput") or state.get("structured_output"),
        "title": text_at(task, "title"),
        "url": text_at(task, "url"),
        "created_at": text_at(task, "createdAt"),
        "completed_at": text_at(task, "completedAt"),
        "metadata": object_at(reading.worker, "metadata"),
        "template": reading.worker_id,
        "totals": object_at(task, "totals"),
        "trigger": text_at(task, "triggeredBy"),
    }
    if running is not None:
        worker["running"] = running
    return worker


def answer_object(task_id: str, worker: JsonObject) -> JsonObject:
    """The Worker object in the answer to a POST, as that of the task.

    Its `id` may be that of the worker, so it is replaced by that of the task. Its messages and figures are
    omitted, since the API does not document which turns they cover.
    """
    not_of_task = ("id", "messages", "usage", "costs")
    return {"id": task_id} | {name: value for name, value in worker.items() if name not in not_of_task}


def _is_state_of(reading: TaskReading) -> bool:
    """Whether the state of the worker is that of this task, after its newest turn has ended.

    Services before 0.24.0 ignore the query parameter `taskId`, and answer for the latest task of the worker.
    """
    if not reading.worker or reading.running is not False or not reading.turns:
        return False
    return string_at(reading.worker, "output_text") == string_at(reading.turns[-1], "outputText")


def _files_of(reading: TaskReading, state: JsonObject) -> Json:
    """The files of all turns (services from 0.25.0 on), otherwise those of the worker."""
    if not any("files" in turn for turn in reading.turns):
        return state.get("files")
    return [file for turn in reading.turns for file in list_at(turn, "files")]


def _messages_of(turn: JsonObject) -> list[JsonObject]:
    """The prompt of a turn and its answer, which a running turn may not have yet."""
    turn_id, prompt, text = text_at(turn, "id"), text_at(turn, "input"), turn.get("outputText")
    messages = []
    if prompt is not None:
        sent = _message("user", turn_id, [_text(prompt)])
        began_at = text_at(turn, "startedAt") or text_at(turn, "completedAt")
        messages.append(sent if began_at is None else {**sent, "created_at": began_at})
    has_ended = turn.get("completedAt") is not None or turn.get("status") in _OVER
    if not has_ended and not text:
        return messages
    parts: list[Json] = [_text(text)] if isinstance(text, str) and text else []
    parts += [{**file, "type": "file"} for file in list_at(turn, "files") if isinstance(file, dict)]
    answer = _message("assistant", None if turn_id is None else f"{turn_id}.answer", parts)
    answer["usage"] = {name: turn[name] for name in _FIGURES if name in turn}
    if isinstance(turn.get("structuredOutput"), dict):
        answer["structured_output"] = turn["structuredOutput"]
    return [*messages, answer]


def _message(role: str, message_id: str | None, parts: list[Json]) -> JsonObject:
    message: JsonObject = {"role": role, "parts": parts}
    return message if message_id is None else {"id": message_id, **message}


def _text(text: str) -> Json:
    return {"type": "text", "text": text}


# -- the POST of a turn ------------------------------------------------------------------
GRACE_S: Final = 5.0
"""How long the response may take after the task has ended."""
MAX_INTERVAL_FACTOR: Final = 5
"""The longest interval between readings, as a multiple of the shortest."""


class PostResponse(Struct, frozen=True):
    """The response to a POST. `error`: why its body is incomplete; None: it is complete."""

    reply: HttpReply
    frames: list[RawFrame]
    error: ApiError | None = None


class TaskStart(Struct, frozen=True):
    """The turn that a POST starts. `turns`, `was_running`: how many the task had before, and whether it ran.

    `is_new`: the turn creates the task, so that the existence of the task shows that the request arrived.
    """

    task_id: str
    prompt: str
    is_new: bool
    turns: int = 0
    was_running: bool = False
    stored_worker_id: str | None = None
    """The stored worker of a new task."""

    def lists(self, reading: TaskReading) -> bool:
        """Whether a reading lists the turn. Another program may have added turns at the same time."""
        added = reading.turns[self.turns :]
        if self.is_new:
            return bool(added)
        prompt = normalized_prompt(self.prompt)
        return any(normalized_prompt(string_at(turn, "input")) == prompt for turn in added)

    def is_in(self, reading: TaskReading) -> bool:
        """Whether a reading proves that the service has the turn."""
        return self.is_new or self.lists(reading)

    def may_run(self, reading: TaskReading) -> bool:
        """Whether the task has begun to run: with this turn, or with that of another program."""
        return reading.running is True and not self.was_running

    def is_over(self, reading: TaskReading) -> bool:
        """Whether a reading shows that the turn has ended."""
        return reading.running is False and self.lists(reading)


class PendingPost:
    """The POST of a turn, and the readings of its task until the response arrives."""

    def __init__(
        self,
        start: TaskStart,
        send: Callable[[Callable[[], None]], Coroutine[None, None, PostResponse]],
        read: Callable[[], Awaitable[TaskReading]],
        limits: ResponseLimits,
        poll_s: float,
    ) -> None:
        """Start `send(departed)`, which makes the POST. `read` reads the task once."""
        self.start = start
        self._read = read
        self._limits = limits
        self._poll_s = self._interval = poll_s
        self._loop = asyncio.get_running_loop()
        self._departed_at: float | None = None
        """When the first byte of the request may have left (loop time)."""
        # Last: an eager task may have sent the request before this line ends.
        self._post = asyncio.create_task(send(self._depart), name=f"post:{start.task_id}")

    def _depart(self) -> None:
        self._departed_at = self._loop.time()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[TaskReply]:
        """Wait until the service has the turn, or has responded. Leaving the block closes the connection.

        Raises:
            ApiError: that of the POST; Doubtful if neither happens in time.
        """
        try:
            reading = await self._first_sign()
            response = None if reading is not None else self._post.result()
            yield TaskReply(self, response, reading)
        finally:
            self._post.cancel()
            await asyncio.wait({self._post})
            if not self._post.cancelled():
                self._post.exception()

    async def _first_sign(self) -> TaskReading | None:
        """The first reading that shows the turn; None if the POST ended before."""
        timeout_s = self._limits.turn_timeout
        while not await self._pause():
            if self._departed_at is None:
                continue
            reading = await self._read_once()
            if reading is not None and self.start.is_in(reading):
                return reading
            if reading is not None and self.start.may_run(reading):
                # A service that lists a turn only at its end may take long to respond.
                continue
            if self._loop.time() - self._departed_at >= timeout_s and not self._post.done():
                raise errors.response_timeout(timeout_s)
        return None

    async def progress(self, reading: TaskReading) -> AsyncGenerator[TaskReading, None]:
        """The readings of the running turn, until the POST has ended, or `GRACE_S` after the turn has."""
        newest: TaskReading | None = reading
        alive_at = self._loop.time()
        while not self._post.done():
            if newest is not None:
                alive_at = self._loop.time()
                yield newest
                if self.start.is_over(newest):
                    await asyncio.wait({self._post}, timeout=GRACE_S)
                    return
            elif self._loop.time() - alive_at >= self._limits.idle_timeout:
                raise errors.idle_timeout(self._limits.idle_timeout)
            newest = None if await self._pause() else await self._read_once()

    def response(self) -> PostResponse | None:
        """The response; None if it did not come although the turn has ended.

        Raises:
            StreamLost: the POST failed or was refused. The service has the turn, so readings decide.
        """
        if not self._post.done():
            return None
        try:
            response = self._post.result()
        except ApiError as error:
            raise _as_stream_lost(error) from None
        return (
            response if response.error is None else replace(response, error=_as_stream_lost(response.error))
        )

    async def _pause(self) -> bool:
        """Wait until the next reading is due; True if the POST has ended."""
        await asyncio.wait({self._post}, timeout=self._interval)
        self._interval = min(self._interval * 1.5, self._poll_s * MAX_INTERVAL_FACTOR)
        return self._post.done()

    async def _read_once(self) -> TaskReading | None:
        """One reading; None if it failed, or the POST ended first."""
        reading = asyncio.ensure_future(self._read())
        try:
            await asyncio.wait({self._post, reading}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            # Also on cancellation: no other task awaits the reading.
            reading.cancel()
            await asyncio.wait({reading})
            if not reading.cancelled():
                reading.exception()
        if reading.cancelled():
            return None
        try:
            return reading.result()
        except ApiError:
            return None


def _as_stream_lost(error: ApiError) -> StreamLost:
    if isinstance(error, StreamLost):
        return error
    return StreamLost(error.kind, error.summary, error.hint, http_status=error.http_status)


class TaskReply:
    """Implements `engine.ports.Reply`: the readings of the running turn, then the response to the POST."""

    via = StreamRoute.POST
    encoding = ""
    dropped = 0

    def __init__(
        self, pending: PendingPost, response: PostResponse | None, reading: TaskReading | None
    ) -> None:
        self.http_status = 202 if response is None else response.reply.http_status
        self.content_type = "application/json" if response is None else response.reply.content_type
        self.worker_id: str | None = pending.start.task_id
        self._pending = pending
        self._response = response
        self._reading = reading

    async def pieces(self) -> AsyncGenerator[RawFrame, None]:
        """The growing answer by the readings of the task, then the response.

        Raises:
            StreamLost: the POST broke off, or the task could not be read for too long.
            BrokenContract, Refused: see `HttpReply.pieces`.
        """
        start, response = self._pending.start, self._response
        if self._reading is not None:
            shown = ""
            async for reading in self._pending.progress(self._reading):
                is_pending = not start.lists(reading) and reading.running is not False
                text = dump(worker_object(reading, start.prompt if is_pending else None))
                if text != shown:
                    shown = text
                    yield RawFrame(Framing.JSON, text)
            response = self._pending.response()
        if response is None:
            return
        for frame in response.frames:
            if frame.framing is Framing.JSON:
                yield RawFrame(Framing.JSON, answer_text(start.task_id, frame.data))
            elif self._reading is None:
                yield frame
        if response.error is not None:
            raise response.error


def answer_text(task_id: str, text: str) -> str:
    """`answer_object` for JSON text; the text itself if it is not JSON."""
    try:
        return dump(answer_object(task_id, as_object(parse_exact(text))))
    except NotJson:
        return text


# -- the client --------------------------------------------------------------------------
NO_LIMIT_S: Final = 86_400.0
"""Timeout for the headers of a POST: `PendingPost` decides how long to wait."""
FRESH_S: Final = 10.0
"""How long a reading counts as the state of a task before a turn."""
TASK_PREFIX: Final = "tsk"


class TaskState(Struct, frozen=True):
    """The part of a reading that is kept, since its texts may be megabytes.

    `turns`: how many; `read_at`: loop time in seconds.
    """

    read_at: float
    worker_id: str | None
    turns: int
    running: bool | None


class TaskClient:
    """Implements `engine.ports.WorkerApi` over the transport of a `WorkerClient`."""

    def __init__(self, client: WorkerClient, poll_s: float = 2.0) -> None:
        """`poll_s`: seconds between the first two readings of a task during a POST."""
        self.client = client
        self._poll_s = poll_s
        self._newest: dict[str, TaskState] = {}
        """The newest reading of each task, by task id."""

    def new_target(self, turn_id: str, /) -> str | None:
        """The id of the task that a turn creates, derived from the id of the turn, which is stored first."""
        return f"{TASK_PREFIX}_{turn_id.rpartition('_')[2]}"

    async def worker_of_target(self, target: str) -> str:
        """The stored worker of a task. Raises ApiError."""
        source = self._newest.get(target) or await self._task(target)
        worker_id = source.worker_id
        if worker_id is None:
            raise errors.undecodable("The worker of the task", errors.ONLY_READ)
        return worker_id

    # -- turns ---------------------------------------------------------------------------
    def turn_request(self, request: TurnRequest) -> tuple[str, Members]:
        """The URL and the members of the request of a turn, without its attachments."""
        target = request.target_id or self.new_target(request.turn_id) or ""
        before = self._newest.get(target)
        worker_id = (before.worker_id if before is not None else None) or request.stored_worker_id
        return f"{self.client.base_url}/api/tasks", turn_members(request, taskId=target, workerId=worker_id)

    @asynccontextmanager
    async def start_turn(
        self, request: TurnRequest, departed: Callable[[], None] = lambda: None
    ) -> AsyncIterator[TaskReply]:
        """POST the turn once, and read the task until the response arrives. `departed`: see `WorkerClient`.

        Raises:
            AttachmentProblem, Unreachable, Refused, Doubtful, ServerFault, BrokenContract, StreamLost
        """
        start = await self._start_of(request)
        url, members = self.turn_request(request)
        async with AsyncExitStack() as stack:
            content, headers = await turn_content(stack, members, request)
            headers["Accept"] = JSON

            def send(depart: Callable[[], None]) -> Coroutine[None, None, PostResponse]:
                def mark_departed() -> None:
                    departed()
                    depart()

                return self._post(url, headers, content, mark_departed, start)

            pending = PendingPost(
                start,
                send,
                lambda: self._reading(start.task_id),
                self.client.limits,
                self._poll_s,
            )
            yield await stack.enter_async_context(pending.open())

    async def _start_of(self, request: TurnRequest) -> TaskStart:
        """Read the state of the task before the turn, unless a reading is fresh.

        A task that does not exist is refused here, since the POST would create it, unless no message of ours
        to it has arrived: then the person sends the first one again.

        Raises:
            Refused, Unreachable: nothing was sent.
        """
        target = request.target_id
        if target is None:
            return TaskStart(
                self.new_target(request.turn_id) or "",
                request.prompt,
                is_new=True,
                stored_worker_id=request.stored_worker_id,
            )
        now, before = asyncio.get_running_loop().time(), self._newest.get(target)
        if before is None or now - before.read_at > FRESH_S:
            try:
                await self._task(target)
            except Refused as refusal:
                if request.begins and refusal.kind is ErrorKind.NOT_FOUND:
                    return TaskStart(
                        target, request.prompt, is_new=False, stored_worker_id=request.stored_worker_id
                    )
                raise
            except ApiError as error:
                summary = f"The task could not be read before sending. {error.summary}"
                raise Unreachable(error.kind, summary, error.hint) from None
        before = self._newest[target]
        return TaskStart(target, request.prompt, False, before.turns, before.running is True)

    async def _post(
        self,
        url: str,
        headers: dict[str, str],
        content: bytes | Content,
        departed: Callable[[], None],
        start: TaskStart,
    ) -> PostResponse:
        sending = self.client.transport.send("POST", url, headers, content, NO_LIMIT_S, departed)
        try:
            async with sending as response:
                reply = HttpReply(response, StreamRoute.POST, self.client.limits)
                frames: list[RawFrame] = []
                try:
                    async for frame in reply.pieces():
                        frames.append(frame)  # noqa: PERF401 - keeps the frames before an error
                except ApiError as error:
                    return PostResponse(reply, frames, error)
                return PostResponse(reply, frames)
        except Refused as refusal:
            if refusal.kind is ErrorKind.NOT_FOUND and (
                (start.is_new and start.stored_worker_id is None) or refusal.http_status == NO_SUCH_METHOD
            ):
                raise errors.other_generation(
                    refusal.summary, "workers", refusal.http_status, refusal.retry_after_s
                ) from None
            is_used = start.is_new and refusal.kind is ErrorKind.CONFLICT
            if is_used and not await self._is_missing(start.task_id):
                # Only this turn uses the id of the task: if the task exists, the turn may be running.
                raise Doubtful(refusal.kind, refusal.summary, http_status=refusal.http_status) from None
            raise

    async def _is_missing(self, target: str) -> bool:
        """Whether the service says that there is no such task; False if it cannot be read."""
        try:
            await self._task(target)
        except Refused as refusal:
            return refusal.kind is ErrorKind.NOT_FOUND
        except ApiError:
            return False
        return False

    @asynccontextmanager
    async def follow(self, target: str, via: StreamRoute) -> AsyncIterator[HttpReply]:
        """Watch a task over the event stream of its worker, which only services before 0.24.0 have.

        Raises:
            ApiError: BrokenContract without such a stream.
        """
        if via is not StreamRoute.REPLAY:
            raise errors.unexpected_content("")
        url = self._state_url(await self.worker_of_target(target), target)
        async with self.client.transport.get(f"{url}&stream=true", STREAM_OR_JSON) as response:
            if media_type(response) != EVENT_STREAM:
                raise errors.unexpected_content(media_type(response))
            reply = HttpReply(response, via, self.client.limits)
            reply.worker_id = target
            yield reply

    # -- readings ------------------------------------------------------------------------
    async def read_worker(self, target: str) -> WorkerBody:
        """GET the task, its turns and the state of its worker, as one Worker object.

        Raises:
            ApiError: BrokenContract if the answer is another task.
        """
        # The text is what is stored, so the snapshot is read from it.
        return body_of(dump(worker_object(await self._reading(target))))

    async def _reading(self, target: str) -> TaskReading:
        """Read a task, its turns and the state of its worker."""
        reading = await self._task(target)
        worker_id = reading.worker_id
        return reading if worker_id is None else replace(reading, worker=await self._state(worker_id, target))

    async def _task(self, target: str) -> TaskReading:
        url = f"{self.client.base_url}/api/tasks/{segment(target, 'task id')}"
        answer = await self._object(url)
        task = object_at(answer, "task")
        if "status" not in task:
            raise errors.undecodable("The task", errors.ONLY_READ)
        if names_another(text_at(task, "id"), target):
            raise errors.another_worker()
        turns = answer.get("turns")
        if not isinstance(turns, list):
            turns = (await self._object(f"{url}/turns")).get("items")
        reading = TaskReading(target, task, turns_in(turns))
        read_at = asyncio.get_running_loop().time()
        self._newest[target] = TaskState(read_at, reading.worker_id, len(reading.turns), reading.running)
        return reading

    async def _state(self, worker_id: str, target: str) -> JsonObject:
        """The state of a worker; empty if it cannot be read, since it only complements the turns."""
        try:
            state = await self._object(self._state_url(worker_id, target))
        except ApiError:
            return {}
        return state if is_worker(state) else {}

    def _state_url(self, worker_id: str, target: str) -> str:
        return f"{self.client.worker_url(worker_id)}?taskId={segment(target, 'task id')}"

    async def _object(self, url: str) -> JsonObject:
        return await self.client.get_object(url, self.client.limits.max_json_bytes, parse_exact)
