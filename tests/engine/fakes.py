"""Scripted ports for the engine: a fake is a sequence of answers, not a mock."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from handinger_tui.core.errors import ApiError, LedgerError, NoHistory, Unreachable
from handinger_tui.core.money.limits import LimitReached, LimitUnmeasured
from handinger_tui.core.stream import Frame, RawFrame, StreamRoute, WorkerBody, body_of
from handinger_tui.core.turns.fold import fold
from handinger_tui.core.turns.session import RemoteTurn, Session, put_turn
from handinger_tui.core.turns.turn import ErrorKind, StartPolicy, TurnRequest, TurnStatus
from handinger_tui.engine.engine import Engine
from handinger_tui.engine.ports import LimitReader, RetryPolicy
from handinger_tui.engine.session_actor import ServiceContext
from tests.wire.recordings import DONE, sse

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence

Script = list[RawFrame | ApiError | asyncio.Event]


PLACE = "https://example.test"


def says(*deltas: str, message_id: str = "msg_1", end: bool = True) -> Script:
    """A stream that answers with these deltas."""
    script: Script = [sse(type="start", messageId=message_id), sse(type="text-start", id="t")]
    script += [sse(type="text-delta", id="t", delta=delta) for delta in deltas]
    if end:
        script += [sse(type="text-end", id="t"), sse(type="finish", finishReason="stop"), DONE]
    return script


def worker(text: str = "", *, prompt: str | None = None, busy: bool = False, **members: Any) -> str:
    """A Worker body; with `prompt` its messages hold that turn."""
    messages: list[dict[str, Any]] = []
    if prompt is not None:
        messages.append({"id": "u1", "role": "user", "parts": [{"type": "text", "text": prompt}]})
        if text:
            messages.append({"id": "a1", "role": "assistant", "parts": [{"type": "text", "text": text}]})
    body = {
        "id": "w1",
        "object": "worker",
        "status": "running" if busy else "completed",
        "running": busy,
        "messages": messages,
        "output_text": text,
        **members,
    }
    return json.dumps(body)


@dataclass
class FakeReply:
    """A reply that plays a script: pieces, a final error, or an event to wait for."""

    script: Script
    via: StreamRoute = StreamRoute.POST
    http_status: int = 200
    content_type: str = "text/event-stream"
    encoding: str = "ai-ui"
    worker_id: str | None = "w1"
    dropped: int = 0

    async def pieces(self) -> AsyncGenerator[RawFrame, None]:
        for step in self.script:
            if isinstance(step, RawFrame):
                yield step
            elif isinstance(step, asyncio.Event):
                await step.wait()
            else:
                raise step


@dataclass
class FakeApi:
    """Answers in the given order; `posts` and `reads` record the requests."""

    starts: list[Script | ApiError | FakeReply] = field(default_factory=list)
    follows: list[Script | ApiError] = field(default_factory=list)
    workers: list[str | ApiError] = field(default_factory=list)
    posts: list[TurnRequest] = field(default_factory=list)
    reads: int = 0
    on_post: Callable[[TurnRequest], None] = lambda _request: None
    target: str | None = None
    """The target that a first message creates, if it is known before the POST."""

    def new_target(self, _turn_id: str, /) -> str | None:
        return self.target

    @asynccontextmanager
    async def start_turn(
        self, request: TurnRequest, departed: Callable[[], None] = lambda: None
    ) -> AsyncIterator[FakeReply]:
        departed()
        self.posts.append(request)
        self.on_post(request)
        step = self.starts.pop(0)
        if isinstance(step, ApiError):
            raise step
        yield step if isinstance(step, FakeReply) else FakeReply(step)

    @asynccontextmanager
    async def follow(self, worker_id: str, via: StreamRoute) -> AsyncIterator[FakeReply]:
        step = self.follows.pop(0)
        if isinstance(step, ApiError):
            raise step
        yield FakeReply(step, via=via)

    async def read_worker(self, worker_id: str) -> WorkerBody:
        self.reads += 1
        await asyncio.sleep(0)
        if not self.workers:
            # A screen reads the worker again by the clock, on a slow machine within any test.
            raise Unreachable(ErrorKind.CONNECT, "No worker was given to this service.")
        step = self.workers.pop(0) if len(self.workers) > 1 else self.workers[0]
        if isinstance(step, ApiError):
            raise step
        return body_of(step)


@dataclass
class FakeLog:
    """A log in memory that can refuse to write."""

    requests: dict[str, TurnRequest] = field(default_factory=dict)
    stored: dict[str, list[Frame]] = field(default_factory=dict)
    sessions: dict[str, Session] = field(default_factory=dict)
    closed: list[str] = field(default_factory=list)
    charged: list[Session] = field(default_factory=list)
    """The arguments of `charge`, oldest first."""
    before: dict[str, Callable[[], Awaitable[object]]] = field(default_factory=dict)
    """By method, what is awaited first: it can wait, or raise."""
    refuses: LedgerError | None = None
    forbids: LimitReached | None = None
    """The error of every start of a turn."""
    started: list[str] = field(default_factory=list)
    released: list[str] = field(default_factory=list)
    home: dict[str, list[str]] = field(default_factory=dict)
    no_history: NoHistory | None = None

    async def open_turn(
        self,
        session: Session,
        request: TurnRequest,
        replaces: tuple[str, Frame] | None = None,
        start: StartPolicy | None = None,
    ) -> None:
        await self._come_before("open_turn")
        if self.refuses is not None:
            raise self.refuses
        if start is not None:
            await self.start_turn(session, request, request.created_ms, start)
        if replaces is not None:
            self.stored[replaces[0]].append(replaces[1])
        self.requests[request.turn_id] = request
        self.stored.setdefault(request.turn_id, [])
        self.sessions[session.session_id] = session
        turn_ids = self.home.setdefault(session.session_id, [])
        turn_ids.append(request.turn_id)
        if replaces is not None:
            at = turn_ids.index(replaces[0])
            turn_ids[at], turn_ids[-1] = turn_ids[-1], turn_ids[at]

    async def _come_before(self, name: str) -> None:
        if name in self.before:
            await self.before[name]()

    async def start_turn(
        self, session: Session, request: TurnRequest, at_ms: int, start: StartPolicy
    ) -> None:
        await self._come_before("start_turn")
        agreed = start is StartPolicy.UNMEASURED and isinstance(self.forbids, LimitUnmeasured)
        if self.forbids is not None and not agreed:
            raise self.forbids
        self.started.append(request.turn_id)

    async def release_turn(self, turn_id: str) -> None:
        self.released.append(turn_id)

    def append(self, turn_id: str, frame: Frame) -> None:
        self.stored[turn_id].append(frame)

    async def flush(self) -> None:
        await asyncio.sleep(0)

    async def close_turn(self, session: Session, turn_id: str) -> None:
        await self._come_before("close_turn")
        self.closed.append(turn_id)
        self.sessions[session.session_id] = session

    async def move_last(self, turn_ids: Sequence[str]) -> None:
        for kept in self.home.values():
            moved = [turn_id for turn_id in turn_ids if turn_id in kept]
            kept[:] = [turn_id for turn_id in kept if turn_id not in moved] + moved

    async def charge(self, session: Session) -> None:
        self.charged.append(session)

    async def adopt(self, session: Session, turns: Sequence[RemoteTurn]) -> Session:
        entries = {self.place_of(request) for request in self.requests.values()}
        for turn in turns:
            if self.place_of(turn.request) in entries:
                continue
            await self.open_turn(session, turn.request)
            self.stored[turn.request.turn_id] = list(turn.frames)
            if fold(turn.request, turn.frames).status is not TurnStatus.RUNNING:
                self.closed.append(turn.request.turn_id)
        return await self.load(session.session_id) or session

    def place_of(self, request: TurnRequest) -> tuple[str | None, str, int]:
        """The worker and the position of a request's message."""
        return request.target_id, request.prompt, request.seen_before or 0

    async def frames(self, turn_id: str, since: int = 0) -> list[Frame]:
        await self._come_before("frames")
        return [frame for frame in self.stored[turn_id] if frame.seq >= since]

    async def claim(self, turn_id: str) -> bool:
        return True

    async def unsettled(self) -> list[tuple[Session, TurnRequest]]:
        return [
            (self.sessions[session_id], self.requests[turn_id])
            for session_id, turn_ids in self.home.items()
            for turn_id in turn_ids
            if turn_id not in self.closed
        ]

    async def sessions_to_read(self, due_ms: int | None, recent_ms: int | None = None) -> list[Session]:
        return [
            self.sessions[session_id]
            for session_id, turn_ids in self.home.items()
            if any(
                fold(self.requests[turn_id], self.stored[turn_id]).status is TurnStatus.RUNNING
                for turn_id in turn_ids
            )
        ]

    async def note_late_read(self, session_id: str, at_ms: int, *, answered: bool) -> None:
        """The order in which sessions are read is that of their turns."""

    async def load(self, session_id: str) -> Session | None:
        if session_id not in self.sessions:
            return None
        kept = self.sessions[session_id]
        session = Session(
            session_id,
            kept.created_ms,
            kept.worker_id,
            kept.stored_worker_id,
            kept.generation,
            base_url=kept.base_url,
            title=kept.title,
        )
        for turn_id in self.home[session_id]:
            session = put_turn(session, fold(self.requests[turn_id], self.stored[turn_id]))
        return session


def fails(problem: Exception) -> Callable[[], Awaitable[object]]:
    """For `FakeLog.before`: the method raises this."""

    async def fail() -> None:
        raise problem

    return fail


@dataclass
class FakeClock:
    """Time that passes only during `sleep`."""

    seconds: float = 1_700_000_000.0

    def now_ms(self) -> int:
        return int(self.seconds * 1000)

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds
        await asyncio.sleep(0)


@dataclass
class StillClock(FakeClock):
    """Time that never passes: `sleep` does not return."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.Event().wait()


@dataclass
class FakeIds:
    """Ids that count; `program` distinguishes those of several programs."""

    count: int = 0
    program: str = ""

    def new(self, prefix: str) -> str:
        self.count += 1
        return "_".join(part for part in (prefix, self.program, str(self.count)) if part)


@dataclass
class Rig:
    """An engine on fakes with one session."""

    api: FakeApi
    log: FakeLog
    clock: FakeClock
    engine: Engine
    session_id: str

    async def settled(self) -> Session:
        return await self.engine.actor(self.session_id).settled()

    async def idle(self) -> None:
        """Wait until no turn runs and the queue is empty or held."""
        moved = asyncio.Event()
        leave = self.engine.subscribe(lambda _session_id: moved.set())
        while self.engine.session(self.session_id).busy:
            await moved.wait()
            moved.clear()
        leave()


def rig(
    api: FakeApi,
    *,
    worker_id: str | None = "w1",
    policy: RetryPolicy | None = None,
    limits: LimitReader | None = None,
    clock: FakeClock | None = None,
    log: FakeLog | None = None,
) -> Rig:
    """An engine on fakes."""
    log, clock = log or FakeLog(), clock or FakeClock()
    policy = policy or RetryPolicy(money_interval=None)
    engine = Engine(api, log, clock, FakeIds(), policy, context=ServiceContext(PLACE), limits=limits)
    session = engine.new_session(PLACE, worker_id)
    return Rig(api, log, clock, engine, session.session_id)
