"""Service: workers that remember their messages. Each read of one yields another word of its answer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from types import TracebackType
from typing import Any, Protocol

from handinger_tui.core.errors import Refused
from handinger_tui.core.stream import Framing, RawFrame, StreamRoute, WorkerBody, body_of
from handinger_tui.core.turns.turn import ErrorKind, TurnRequest
from tests.engine.doors import Door, Doors

PRICE = Decimal("0.25")
"""What each message costs, in dollars."""
WORDS = ("one ", "two ")


@dataclass
class Job:
    """A message that reached a worker, and its answer so far."""

    prompt: str
    number: int
    words: int = 0

    @property
    def done(self) -> bool:
        return self.words == len(WORDS)

    @property
    def answer(self) -> str:
        return "".join(WORDS[: self.words])

    def work(self) -> None:
        """Add a word to the answer."""
        self.words = min(self.words + 1, len(WORDS))


@dataclass
class RemoteWorker:
    """The state of one worker."""

    worker_id: str
    jobs: list[Job] = field(default_factory=list)

    def ask(self, prompt: str) -> Job:
        """Add a message; the worker first completes the earlier one."""
        for job in self.jobs:
            job.words = len(WORDS)
        self.jobs.append(Job(prompt, len(self.jobs)))
        return self.jobs[-1]

    def body(self) -> str:
        """The Worker as JSON."""
        busy = bool(self.jobs) and not self.jobs[-1].done
        messages: list[dict[str, Any]] = []
        for job in self.jobs:
            messages.append(_message(f"u{job.number}", "user", job.prompt))
            if job.words:
                messages.append(_message(f"a{job.number}", "assistant", job.answer))
        worker = {
            "id": self.worker_id,
            "object": "worker",
            "status": "running" if busy else "completed",
            "running": busy,
            "messages": messages,
            "output_text": self.jobs[-1].answer if self.jobs else "",
            "usage": {"costUsd": float(PRICE * sum(job.done for job in self.jobs))},
        }
        return json.dumps(worker)


def _message(message_id: str, role: str, text: str) -> dict[str, Any]:
    return {"id": message_id, "role": role, "parts": [{"type": "text", "text": text}]}


class Body(AsyncGenerator[RawFrame, None]):
    """A body that is read: the answer from its start, at the worker's pace, or one whole Worker."""

    def __init__(self, doors: Doors, job: Job, pieces: list[RawFrame]) -> None:
        self._doors, self._job, self._pieces = doors, job, pieces
        self._words = 0

    async def asend(self, value: None) -> RawFrame:
        await self._doors.go_through(Door.PIECE)
        if not self._pieces:
            raise StopAsyncIteration
        piece = self._pieces.pop(0)
        if "text-delta" in piece.data:
            self._words += 1
            self._job.words = max(self._job.words, self._words)
        return piece

    async def athrow(self, error: Any, *_details: Any) -> RawFrame:
        await asyncio.sleep(0)
        raise error


def streamed(job: Job) -> list[RawFrame]:
    """The answer as events."""
    chunks: list[dict[str, Any]] = [{"type": "start", "messageId": f"a{job.number}"}]
    chunks.append({"type": "text-start", "id": "t"})
    chunks += [{"type": "text-delta", "id": "t", "delta": word} for word in WORDS]
    chunks += [{"type": "text-end", "id": "t"}, {"type": "finish", "finishReason": "stop"}]
    return [RawFrame(Framing.SSE, json.dumps(chunk)) for chunk in chunks]


@dataclass
class Reply:
    """An open response: a client is watching."""

    via: StreamRoute
    body: Body
    worker_id: str | None
    content_type: str = "text/event-stream"
    encoding: str = "ai-ui"
    http_status: int = 200
    dropped: int = 0

    def pieces(self) -> AsyncGenerator[RawFrame, None]:
        return self.body


class Witness(Protocol):
    """Observes requests. `closing` receives the result of `opening`."""

    def posting(self, request: TurnRequest, begun: str | None) -> None: ...
    def opening(self, worker_id: str | None, turn_id: str = "") -> str: ...
    def closing(self, session_id: str) -> None: ...


class Opening:
    """`async with` around a request: open from its beginning to the last byte of its answer."""

    def __init__(self, service: Service, request: Callable[[], Awaitable[Reply]], open_as: OpenAs) -> None:
        self._witness, self._request, self._open_as = service.witness, request, open_as
        self._session_id = ""

    async def __aenter__(self) -> Reply:
        self._session_id = self._witness.opening(*self._open_as)
        try:
            return await self._request()
        except BaseException:
            self._witness.closing(self._session_id)
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._witness.closing(self._session_id)


OpenAs = tuple[str | None, str]
"""The requested worker, and the turn of a POST."""


class Service:
    """The WorkerApi port. `streams`: it answers a POST with a stream, else with one JSON object.

    `begins`: the name of a new worker comes with the POST that makes it, and no other name is known.
    """

    def __init__(
        self,
        doors: Doors,
        witness: Witness,
        *,
        streams: bool,
        begins: bool = False,
        workers: dict[str, RemoteWorker] | None = None,
    ) -> None:
        self.doors, self.witness = doors, witness
        self.workers = {} if workers is None else workers
        self._streams, self._begins = streams, begins

    def worker(self, worker_id: str) -> RemoteWorker:
        """The worker of that id; made where there is none."""
        return self.workers.setdefault(worker_id, RemoteWorker(worker_id))

    async def _take(self, request: TurnRequest, departed: Callable[[], None]) -> Reply:
        """A POST on its way to the worker, and the beginning of the answer."""
        await self.doors.go_through(Door.CONNECT)
        departed()
        self.witness.posting(request, self.new_target(request.turn_id))
        await self.doors.go_through(Door.START)
        begun = self.new_target(request.turn_id) or f"new{len(self.workers) + 1}"
        worker = self.worker(request.target_id or begun)
        job = worker.ask(request.prompt)
        await self.doors.go_through(Door.ANSWER)
        if self._streams:
            return Reply(StreamRoute.POST, Body(self.doors, job, streamed(job)), worker.worker_id)
        body = Body(self.doors, job, [RawFrame(Framing.JSON, worker.body())])
        return Reply(StreamRoute.POST, body, worker.worker_id, "application/json", "")

    async def _show(self, worker_id: str, via: StreamRoute) -> Reply:
        await self.doors.go_through(Door.FOLLOW)
        job = self.worker(worker_id).jobs[-1]
        return Reply(via, Body(self.doors, job, streamed(job)), worker_id)

    # -- the port ------------------------------------------------------------------
    def new_target(self, turn_id: str, /) -> str | None:
        return f"t_{turn_id}" if self._begins else None

    def start_turn(self, request: TurnRequest, departed: Callable[[], None] = lambda: None) -> Opening:
        return Opening(self, partial(self._take, request, departed), (request.target_id, request.turn_id))

    def follow(self, worker_id: str, via: StreamRoute) -> Opening:
        return Opening(self, partial(self._show, worker_id, via), (worker_id, ""))

    async def read_worker(self, worker_id: str) -> WorkerBody:
        await self.doors.go_through(Door.READ)
        if worker_id.startswith("t_") and worker_id not in self.workers:
            raise Refused(ErrorKind.NOT_FOUND, "Not found (404).", http_status=404)
        worker = self.worker(worker_id)
        body = body_of(worker.body())
        if worker.jobs:
            worker.jobs[-1].work()
        return body
