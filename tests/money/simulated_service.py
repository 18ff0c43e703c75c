"""A service whose truth is known, in virtual time: what each message costs, and when the service counts it.

Both generations of the API. It drives the real engine, see `simulation.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from random import Random
from typing import Final, NamedTuple

from handinger_tui.api.tasks import TaskReading, answer_object, worker_object
from handinger_tui.core.errors import Doubtful, Refused, ServerFault, StreamLost, Unreachable
from handinger_tui.core.formatting import utc_text
from handinger_tui.core.jsontext import Json, JsonObject, dump
from handinger_tui.core.stream import Framing, RawFrame, StreamRoute, WorkerBody, body_of
from handinger_tui.core.turns.turn import ErrorKind, TurnRequest
from handinger_tui.engine.ports import Clock

USD_UNIT: Final = Decimal("0.0001")
CREDIT_UNIT: Final = Decimal("0.1")
SECOND: Final = 1_000
HOUR: Final = 3_600 * SECOND
SLOW_MS: Final = 90 * SECOND


class Habit(StrEnum):
    """What a history has. Each is in a random part of the histories, and alone in some."""

    CREDITS = "credits"
    """Only credits are reported, which have a price."""
    PER_TURN = "per turn"
    """The worker reports figures of its newest turn."""
    FROZEN = "frozen"
    """The figures stand still as long as the worker is busy."""
    LATE = "late"
    """Some costs are counted up to an hour after the end."""
    STRANGERS = "strangers"
    QUEUE = "queue"
    FREE = "free"
    """Some messages are refused or not delivered."""
    RULINGS = "rulings"
    """The person pins what figures mean, assigns suspense, and takes both back."""
    PROGRAMS = "programs"
    """Several programs, some of which are killed."""
    PAST = "past"
    """The person attaches to workers that others have used."""
    IMPORTS = "imports"
    UNREAD = "unread"
    """Some readings fail."""


class Trouble(StrEnum):
    """What is wrong with the service, the machine or the hour. A life has at most one."""

    SLOW = "slow"
    """Every cost is counted 90 seconds late."""
    OUTAGE = "outage"
    """For an hour every request is answered with 500."""
    SLEEP = "sleep"
    """The machine sleeps for hours while turns run."""
    NIGHT = "night"
    """It is near midnight on a day on which clocks change, or the last one of a month."""
    TOGETHER = "together"
    """All programs read what is due in the same moment."""


class Reach(StrEnum):
    """What becomes of a request that starts a turn."""

    ARRIVES = "arrives"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    LOST = "lost"
    """It is lost on the way, and nobody knows."""
    UNANSWERED = "unanswered"
    """It arrives, and the answer is lost."""


@dataclass(eq=False)
class Job:
    """A message that reached a worker. `costs`: when the service counts how many units."""

    prompt: str
    number: int
    began_ms: int
    ends_ms: int
    costs: list[tuple[int, int]]
    ours: bool

    def posted(self, at_ms: int) -> int:
        """How many units it has cost by a time."""
        return sum(units for due_ms, units in self.costs if due_ms <= at_ms)


class Reading(NamedTuple):
    """A reading of a worker that had this many messages."""

    at_ms: int
    jobs: int


@dataclass(eq=False)
class RemoteWorker:
    """A worker, or a task."""

    worker_id: str
    dated: bool
    """Its messages have times."""
    per_turn: bool
    frozen: bool
    jobs: list[Job] = field(default_factory=list)
    reads: list[Reading] = field(default_factory=list)
    """The readings that reached a program."""

    def busy(self, at_ms: int) -> bool:
        """Whether a message is being answered."""
        return any(job.began_ms <= at_ms < job.ends_ms for job in self.jobs)

    def shown_ms(self, at_ms: int) -> int:
        """Up to which time the figures are shown."""
        while self.frozen and self.busy(at_ms):
            at_ms = min(job.began_ms for job in self.jobs if job.began_ms <= at_ms < job.ends_ms) - 1
        return at_ms

    def units(self, at_ms: int) -> int:
        """The figure that it reports."""
        jobs = self.jobs[-1:] if self.per_turn else self.jobs
        return sum(job.posted(self.shown_ms(at_ms)) for job in jobs)


@dataclass
class Reply:
    """A response to a request that started a turn."""

    script: Callable[[], AsyncGenerator[RawFrame, None]]
    worker_id: str | None
    content_type: str
    encoding: str
    via: StreamRoute = StreamRoute.POST
    http_status: int = 200
    dropped: int = 0

    def pieces(self) -> AsyncGenerator[RawFrame, None]:
        return self.script()


class SimulatedService:
    """The workers of the service."""

    def __init__(
        self,
        random: Random,
        clock: Clock,
        habits: frozenset[Habit],
        trouble: Trouble | None = None,
        *,
        tasks: bool,
    ) -> None:
        self.random, self.clock, self.habits, self.tasks = random, clock, habits, tasks
        self.trouble = trouble
        self.workers: dict[str, RemoteWorker] = {}
        self.jobs: dict[str, Job] = {}
        """By prompt: all differ."""
        self.reports_usd = not (tasks or Habit.CREDITS in habits)
        self.reports_credits = tasks or Habit.CREDITS in habits or random.random() < 0.5
        self.reach = Reach.ARRIVES
        """What becomes of the next request."""
        self.is_calm = False
        """Every reading is answered."""
        self.fails_until_ms = 0
        self.breaks = 0
        """How often all connections have broken."""

    def has(self, habit: Habit, share: float = 1.0) -> bool:
        """Whether something happens now."""
        return habit in self.habits and self.random.random() < share

    def worker(self, worker_id: str) -> RemoteWorker:
        """The worker of that id; made where there is none."""
        if worker_id not in self.workers:
            per_turn = not self.tasks and Habit.PER_TURN in self.habits
            frozen = not (per_turn or self.tasks) and Habit.FROZEN in self.habits
            self.workers[worker_id] = RemoteWorker(worker_id, self.random.random() < 0.5, per_turn, frozen)
        return self.workers[worker_id]

    def ask(self, worker: RemoteWorker, prompt: str, *, ours: bool, at_ms: int | None = None) -> Job:
        """A message arrives."""
        random = self.random
        began_ms = self.clock.now_ms() if at_ms is None else at_ms
        ends_ms = began_ms + random.choice([1, 3, 20, 90]) * SECOND
        times = [random.randint(began_ms, ends_ms) for _ in range(random.choice([1, 1, 2, 3]))]
        if self.has(Habit.LATE, 0.5):
            times.append(ends_ms + random.choice([1, 4, 20, 45, 600, 3_600]) * SECOND)
        if self.trouble is Trouble.SLOW:
            times = [due_ms + SLOW_MS for due_ms in times]
        costs = [(due_ms, random.randint(1, 900)) for due_ms in sorted(times)]
        job = Job(prompt, len(worker.jobs), began_ms, ends_ms, costs, ours)
        worker.jobs.append(job)
        self.jobs[prompt] = job
        return job

    def check_up(self) -> None:
        """Raise the error of a service that fails, if it does now."""
        if self.clock.now_ms() < self.fails_until_ms and not self.is_calm:
            raise ServerFault(ErrorKind.SERVER, "The service failed (500).", http_status=500)

    # -- as JSON -------------------------------------------------------------------------
    def worker_body(self, worker: RemoteWorker) -> JsonObject:
        """The Worker object."""
        now_ms = self.clock.now_ms()
        if self.tasks:
            return worker_object(self._task(worker, now_ms))
        messages: list[Json] = []
        for job in worker.jobs:
            sent = message(f"u{job.number}", "user", job.prompt)
            messages.append({**sent, "created_at": utc_text(job.began_ms)} if worker.dated else sent)
            if job.ends_ms <= now_ms:
                messages.append(message(f"a{job.number}", "assistant", f"answer {job.number}"))
        is_busy, usage = worker.busy(now_ms), dict[str, Json]()
        units = worker.units(now_ms)
        if self.reports_usd:
            usage["costUsd"] = float(units * USD_UNIT)
        if self.reports_credits:
            usage["credits"] = float(units * CREDIT_UNIT)
        return {
            "id": worker.worker_id,
            "object": "worker",
            "status": "running" if is_busy else "completed",
            "running": is_busy,
            "messages": messages,
            "output_text": "" if is_busy or not worker.jobs else f"answer {worker.jobs[-1].number}",
            "usage": usage,
        }

    def _task(self, worker: RemoteWorker, now_ms: int) -> TaskReading:
        is_busy = worker.busy(now_ms)
        turns = []
        for job in worker.jobs:
            has_ended = job.ends_ms <= now_ms
            turn: JsonObject = {
                "id": f"trn_{job.number}",
                "seq": job.number,
                "input": job.prompt,
                "outputText": f"answer {job.number}" if has_ended else "",
                "status": "completed" if has_ended else "running",
                "credits": float(job.posted(now_ms) * CREDIT_UNIT),
            }
            if worker.dated:
                turn["startedAt"] = utc_text(job.began_ms)
                turn["completedAt"] = utc_text(job.ends_ms) if has_ended else None
            turns.append(turn)
        total = float(worker.units(now_ms) * CREDIT_UNIT)
        task: JsonObject = {
            "id": worker.worker_id,
            "status": "running" if is_busy else "completed",
            "workerId": "wrk_stored",
            "totals": {"credits": total},
        }
        return TaskReading(worker.worker_id, task, tuple(turns))


def message(message_id: str, role: str, text: str) -> JsonObject:
    """A message of a Worker."""
    return {"id": message_id, "role": role, "parts": [{"type": "text", "text": text}]}


def event(**fields: Json) -> RawFrame:
    """One event of a stream."""
    return RawFrame(Framing.SSE, dump(fields))


class Client:
    """The WorkerApi port of one program. A killed program gets no more answers."""

    def __init__(self, service: SimulatedService) -> None:
        self.service = service
        self.is_dead = False

    async def _pass(self) -> None:
        await asyncio.sleep(self.service.random.choice([0.0, 0.05, 0.3]))
        if self.is_dead:
            await asyncio.Event().wait()

    def new_target(self, turn_id: str, /) -> str | None:
        return f"tsk_{turn_id}" if self.service.tasks else None

    @asynccontextmanager
    async def start_turn(
        self, request: TurnRequest, departed: Callable[[], None] = lambda: None
    ) -> AsyncIterator[Reply]:
        service = self.service
        reach, service.reach = service.reach, Reach.ARRIVES
        await self._pass()
        if reach is Reach.UNREACHABLE:
            raise Unreachable(ErrorKind.CONNECT, "Cannot connect.")
        departed()
        service.check_up()
        if reach is Reach.REFUSED:
            raise Refused(ErrorKind.PAYMENT, "Payment required (402).", http_status=402)
        if reach is Reach.LOST:
            raise Doubtful(ErrorKind.NETWORK, "The connection was lost.")
        assert request.prompt not in service.jobs, "sent twice"
        begun = self.new_target(request.turn_id) or f"wrk_{len(service.workers) + 1}"
        worker = service.worker(request.target_id or begun)
        job = service.ask(worker, request.prompt, ours=True)
        await self._pass()
        if reach is Reach.UNANSWERED:
            raise Doubtful(ErrorKind.NETWORK, "The connection was lost.")
        if not service.tasks and service.random.random() < 0.5:
            yield Reply(lambda: self._stream(worker, job), worker.worker_id, "text/event-stream", "ai-ui")
        else:
            yield Reply(lambda: self._object(worker, job), worker.worker_id, "application/json", "")

    async def _stream(self, worker: RemoteWorker, job: Job) -> AsyncGenerator[RawFrame, None]:
        yield event(type="start", messageId=f"a{job.number}", messageMetadata={"workerId": worker.worker_id})
        yield event(type="text-start", id="t")
        await self._until_end(job)
        yield event(type="text-delta", id="t", delta=f"answer {job.number}")
        yield event(type="text-end", id="t")
        yield event(type="finish", finishReason="stop")
        yield RawFrame(Framing.SSE, "[DONE]")

    async def _object(self, worker: RemoteWorker, job: Job) -> AsyncGenerator[RawFrame, None]:
        if not self.service.tasks:
            yield RawFrame(Framing.JSON, dump(self._read(worker)))
            return
        yield RawFrame(Framing.JSON, dump(self._read(worker)))
        await self._until_end(job)
        answer: JsonObject = {"id": "wrk_stored", "object": "worker", "status": "completed", "running": False}
        answer |= {"output_text": f"answer {job.number}"}
        yield RawFrame(Framing.JSON, dump(answer_object(worker.worker_id, answer)))

    async def _until_end(self, job: Job) -> None:
        service = self.service
        left, breaks = job.ends_ms - service.clock.now_ms(), service.breaks
        if service.trouble is not Trouble.SLEEP:
            await asyncio.sleep(max(0, left) / 1000)
        while service.trouble is Trouble.SLEEP and (left := job.ends_ms - service.clock.now_ms()) > 0:
            await asyncio.sleep(min(2.0, left / 1000))
            if service.breaks != breaks:
                raise StreamLost(ErrorKind.NETWORK, "The connection was lost.")
        await self._pass()

    @asynccontextmanager
    async def follow(self, worker_id: str, via: StreamRoute) -> AsyncIterator[Reply]:
        await self._pass()
        raise Refused(ErrorKind.NOT_FOUND, "Not found (404).", http_status=404)
        yield  # a generator

    async def read_worker(self, worker_id: str) -> WorkerBody:
        await self._pass()
        self.service.check_up()
        if not self.service.is_calm and self.service.has(Habit.UNREAD, 0.2):
            raise ServerFault(ErrorKind.SERVER, "The service failed (500).", http_status=500)
        if worker_id not in self.service.workers:
            raise Refused(ErrorKind.NOT_FOUND, "Not found (404).", http_status=404)
        worker = self.service.workers[worker_id]
        wire = self._read(worker)
        return body_of(dump(wire))

    def _read(self, worker: RemoteWorker) -> JsonObject:
        worker.reads.append(Reading(self.service.clock.now_ms(), len(worker.jobs)))
        return self.service.worker_body(worker)
