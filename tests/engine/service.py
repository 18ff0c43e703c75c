"""Service: workers that remember what they were asked, and answer a word each time somebody reads or listens."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from decimal import Decimal
from types import TracebackType
from typing import Any, Protocol

from handinger_tui.core.frames import Framing, Piece, Via
from handinger_tui.core.snapshot import WorkerBody, body_of
from handinger_tui.core.turn import Order
from tests.engine.doors import Door, Doors

PRICE = Decimal("0.25")
"""What each message costs, in dollars."""
WORDS = ("one ", "two ")


@dataclass
class Job:
    """A message that reached a worker, and how much of the answer exists."""

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
        """Another word."""
        self.words = min(self.words + 1, len(WORDS))


@dataclass
class RemoteWorker:
    """What the service knows of one worker."""

    worker_id: str
    jobs: list[Job] = field(default_factory=list)

    def ask(self, prompt: str) -> Job:
        """A new message; the worker ends what it was at first."""
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


class Pieces:
    """A stream that is read: the answer from its start, at the worker's pace."""

    def __init__(self, doors: Doors, job: Job) -> None:
        self._doors, self._job = doors, job
        self._chunks: list[dict[str, Any]] = [{"type": "start", "messageId": f"a{job.number}"}]
        self._chunks.append({"type": "text-start", "id": "t"})
        self._chunks += [{"type": "text-delta", "id": "t", "delta": word} for word in WORDS]
        self._chunks += [{"type": "text-end", "id": "t"}, {"type": "finish", "finishReason": "stop"}]
        self._at = 0
        self._words = 0

    def __aiter__(self) -> Pieces:
        return self

    async def __anext__(self) -> Piece:
        await self._doors.go_through(Door.PIECE)
        if self._at == len(self._chunks):
            raise StopAsyncIteration
        chunk = self._chunks[self._at]
        self._at += 1
        if chunk["type"] == "text-delta":
            self._words += 1
            self._job.words = max(self._job.words, self._words)
        return Piece(Framing.SSE, json.dumps(chunk))


class Whole:
    """An answer that is one JSON Worker, as it was when the answer began."""

    def __init__(self, doors: Doors, text: str) -> None:
        self._doors, self._texts = doors, [text]

    def __aiter__(self) -> Whole:
        return self

    async def __anext__(self) -> Piece:
        await self._doors.go_through(Door.PIECE)
        if not self._texts:
            raise StopAsyncIteration
        return Piece(Framing.JSON, self._texts.pop())


@dataclass
class Reply:
    """A response that is open: somebody watches."""

    via: Via
    body: Pieces | Whole
    worker_id: str | None
    http_status: int = 200
    dropped: int = 0

    @property
    def content_type(self) -> str:
        return "text/event-stream" if isinstance(self.body, Pieces) else "application/json"

    @property
    def encoding(self) -> str:
        return "ai-ui" if isinstance(self.body, Pieces) else ""

    def pieces(self) -> Pieces | Whole:
        return self.body


class Opening:
    """`async with` around a request: open from the first byte to the last."""

    def __init__(self, service: Service, via: Via, order: Order | None, worker_id: str | None) -> None:
        self._service, self._via, self._order, self._worker_id = service, via, order, worker_id
        self._open: str | None = None

    async def __aenter__(self) -> Reply:
        service = self._service
        if self._order is not None:
            service.witness.posting(self._order)
        self._open = service.witness.opening(self._order, self._worker_id)
        try:
            if self._order is None:
                await service.doors.go_through(Door.FOLLOW)
                worker = service.workers[self._worker_id or ""]
                return Reply(self._via, Pieces(service.doors, worker.jobs[-1]), worker.worker_id)
            return await service.take(self._order)
        except BaseException:
            service.witness.closing(self._open)
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._open is not None:
            self._service.witness.closing(self._open)


class Witness(Protocol):
    """Who is to know of requests. `opening` gives what `closing` gets back."""

    def posting(self, order: Order) -> None: ...
    def opening(self, order: Order | None, worker_id: str | None) -> str: ...
    def closing(self, session_id: str) -> None: ...


class Service:
    """The API port. `streams`: it answers a POST with a stream, else with one JSON object."""

    def __init__(self, doors: Doors, witness: Witness, *, streams: bool) -> None:
        self.doors, self.witness = doors, witness
        self.workers: dict[str, RemoteWorker] = {}
        self._streams = streams

    def worker(self, worker_id: str) -> RemoteWorker:
        """The worker of that id; made where there is none."""
        return self.workers.setdefault(worker_id, RemoteWorker(worker_id))

    async def take(self, order: Order) -> Reply:
        """A POST on its way to the worker, and the beginning of the answer."""
        await self.doors.go_through(Door.START)
        worker = self.worker(order.worker_id or f"new{len(self.workers) + 1}")
        job = worker.ask(order.prompt)
        await self.doors.go_through(Door.ANSWER)
        body = Pieces(self.doors, job) if self._streams else Whole(self.doors, worker.body())
        return Reply(Via.POST, body, worker.worker_id)

    # -- the port ------------------------------------------------------------------
    def start_turn(self, order: Order) -> Opening:
        return Opening(self, Via.POST, order, order.worker_id)

    def follow(self, worker_id: str, via: Via) -> Opening:
        return Opening(self, via, None, worker_id)

    async def read_worker(self, worker_id: str) -> WorkerBody:
        await self.doors.go_through(Door.READ)
        worker = self.worker(worker_id)
        body = body_of(worker.body())
        if worker.jobs:
            worker.jobs[-1].work()
        return body
