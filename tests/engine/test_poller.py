"""What nobody watches is followed to its end: at the pace of the service, and never twice at once."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import pytest
from msgspec.structs import replace

from handinger_tui.core.errors import ApiError, Refused, ServerFault
from handinger_tui.core.jsontext import dump
from handinger_tui.core.reading_order import Place, Unwatched
from handinger_tui.core.runs import Section, board_object, section_of
from handinger_tui.core.stream import Frame, Framing, Marker, StreamRoute, WorkerBody, body_of
from handinger_tui.core.turns.fold import fold
from handinger_tui.core.turns.session import Session
from handinger_tui.core.turns.turn import ErrorKind, TurnRequest, TurnStatus, outcome_object
from handinger_tui.engine.engine import Engine
from handinger_tui.engine.poller import Poller
from handinger_tui.engine.ports import RetryPolicy
from handinger_tui.engine.read_gate import AT_ONCE
from handinger_tui.engine.session_actor import ServiceContext
from tests.engine.fakes import PLACE, FakeApi, FakeIds, FakeLog, FakeReply, Script, worker
from tests.ledger.samples import opened
from tests.wire.recordings import sse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

NOW_S: Final = 1_700_000_000.0
PACED: Final = RetryPolicy(money_interval=None, reads_per_s=1.0)
BUSY: Final = worker("", prompt="q", busy=True)
DONE: Final = worker("done", prompt="q", usage={"costUsd": 0.25})


class Clock:
    """Time that a test lets pass; the wall clock also passes while the machine sleeps."""

    def __init__(self) -> None:
        self._awake_s = self._asleep_s = 0.0
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def now_ms(self) -> int:
        return int((NOW_S + self._awake_s + self._asleep_s) * 1000)

    def monotonic(self) -> float:
        return self._awake_s

    async def sleep(self, seconds: float) -> None:
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self._awake_s + seconds, woken))
        await woken

    def suspend(self, seconds: float) -> None:
        """The machine sleeps."""
        self._asleep_s += seconds

    async def advance(self, seconds: float) -> None:
        """Let time pass, and everything happen that is due."""
        self._awake_s += seconds
        due = [woken for at, woken in self._sleepers if at <= self._awake_s + 1e-9]
        self._sleepers = [one for one in self._sleepers if one[1] not in due]
        for woken in due:
            if not woken.done():
                woken.set_result(None)
        for _ in range(40):
            await asyncio.sleep(0)


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what the thread of the history has to finish."""
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - a thread ends it
            await asyncio.sleep(0.001)


@dataclass
class PolledApi(FakeApi):
    """A service without streams. Each reading takes a step; it fails with `trouble`."""

    clock: Clock = field(default_factory=Clock)
    read_at: list[tuple[float, str]] = field(default_factory=list)
    requests: int = 0
    body: str = BUSY
    trouble: ApiError | None = None
    now_reading: Counter[str] = field(default_factory=Counter)

    @asynccontextmanager
    async def follow(self, worker_id: str, via: StreamRoute) -> AsyncIterator[FakeReply]:
        self.requests += 1
        if worker_id:
            raise Refused(ErrorKind.NOT_FOUND, "No stream.", http_status=404)
        yield FakeReply([])

    async def read_worker(self, worker_id: str) -> WorkerBody:
        self.requests += 1
        self.read_at.append((self.clock.monotonic(), worker_id))
        self.now_reading[worker_id] += 1
        assert self.now_reading[worker_id] == 1, "two readings of one worker at a time"
        await asyncio.sleep(0)
        self.now_reading[worker_id] -= 1
        if self.trouble is not None:
            raise self.trouble
        return body_of(self.body.replace('"w1"', f'"{worker_id}"'))


class LeftRunning(FakeLog):
    """Sessions whose turn was left running."""

    def __init__(self, count: int) -> None:
        super().__init__()
        end = dump(outcome_object(TurnStatus.RUNNING, None))
        for at in range(count):
            name = f"ses_{at}"
            self.sessions[name] = Session(name, 1, f"wrk_{at}", base_url=PLACE)
            request = TurnRequest(f"turn_{at}", "q", 1, f"wrk_{at}", seen_before=0)
            self.home[name] = [request.turn_id]
            self.requests[request.turn_id] = request
            self.stored[request.turn_id] = [
                Frame(0, 1, Framing.NOTE, "{}", Marker.SENDING),
                Frame(1, 2, Framing.JSON, BUSY.replace('"w1"', f'"wrk_{at}"'), "during"),
                Frame(2, 3, Framing.NOTE, end, Marker.SETTLED),
            ]
            self.closed.append(request.turn_id)


@dataclass
class Bench:
    """An engine with sessions that were left running."""

    count: int
    policy: RetryPolicy = PACED
    log: LeftRunning = field(init=False)
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.log = LeftRunning(self.count)
        self.api = PolledApi(clock=self.clock)
        self.engine = Engine(
            self.api, self.log, self.clock, FakeIds(), self.policy, context=ServiceContext(PLACE)
        )

    @property
    def poller(self) -> Poller:
        assert self.engine.poller is not None
        return self.engine.poller

    def left(self) -> list[Unwatched]:
        """What the board would show as running and unwatched."""
        began_ms = int(NOW_S * 1000)
        turns = {at: f"turn_{at}" for at in range(self.count)}
        return [
            Unwatched(f"ses_{at}", f"wrk_{at}", began_ms, began_ms)
            for at, turn_id in turns.items()
            if self.log.stored[turn_id][-1].event == Marker.SETTLED
            and fold(self.log.requests[turn_id], self.log.stored[turn_id]).status is TurnStatus.RUNNING
        ]

    async def run(self, seconds: int, places: dict[str, Place] | None = None) -> None:
        for _ in range(seconds):
            self.poller.look(self.left(), places or {})
            await self.clock.advance(1)


@pytest.mark.parametrize("watched", [200, 3], ids=["all are watched", "three are watched"])
async def test_all_runs_are_read_at_the_pace_of_the_service_and_what_is_in_front_most_often(
    watched: int,
) -> None:
    bench = Bench(12, replace(PACED, most_watched=watched))
    places = {"wrk_9": Place.FRONT, "wrk_3": Place.VISIBLE}
    await bench.run(60, places)
    reads = Counter(worker_id for _, worker_id in bench.api.read_at)
    assert 50 <= bench.api.requests <= AT_ONCE + 60
    assert set(reads) == {f"wrk_{at}" for at in range(12)}
    hidden = [count for name, count in reads.items() if name not in places]
    # One that is watched asks as often as they do, and may be one reading ahead when the minute ends.
    assert reads["wrk_9"] >= max(hidden) - 1
    assert reads["wrk_3"] >= max(hidden) - 1
    assert sum(hidden) / len(hidden) < reads["wrk_9"]
    assert bench.api.read_at[0][1] == "wrk_9"
    bench.api.body = DONE
    await bench.run(40, places)
    assert not bench.left()
    assert bench.api.posts == []
    await bench.engine.aclose()


async def test_a_service_that_asks_for_a_pause_gets_it_from_all_runs() -> None:
    bench = Bench(10)
    await bench.run(30)
    bench.api.trouble = Refused(ErrorKind.RATE_LIMITED, "Too many.", http_status=429, retry_after_s=40.0)
    count = len(bench.api.read_at)
    while len(bench.api.read_at) == count:
        await bench.run(1)
    began = bench.clock.monotonic()
    bench.api.trouble = None
    await bench.run(60)
    at = [one for one, _ in bench.api.read_at[count + 1 :]]
    assert min(at) >= began + 38, "nothing was read while the service wanted to be left alone"
    assert len(at) >= 5
    await bench.engine.aclose()


@pytest.mark.parametrize(
    "trouble",
    [
        Refused(ErrorKind.AUTH, "No.", http_status=401),
        ServerFault(ErrorKind.SERVER, "Down.", http_status=503),
    ],
    ids=["a refused key", "a service that is down"],
)
async def test_a_run_that_cannot_be_read_stays_what_it_was(trouble: ApiError) -> None:
    """It was accepted: nothing about its delivery is in doubt because it cannot be read now."""
    bench = Bench(2)
    bench.api.trouble = trouble
    await bench.run(200)
    statuses = {one.turns[0].status for one in bench.engine.sessions}
    assert statuses <= {TurnStatus.RUNNING, TurnStatus.CHECKING}
    # It is asked ever more rarely, not in each look.
    assert len(bench.api.read_at) <= 40
    bench.api.trouble, bench.api.body = None, DONE
    await bench.run(130)
    assert not bench.left()
    await bench.engine.aclose()


async def test_what_the_person_stopped_watching_is_read_and_never_watched_again() -> None:
    bench = Bench(1)
    await bench.engine.open("ses_0")
    actor = bench.engine.actor("ses_0")
    await bench.run(3, {"wrk_0": Place.FRONT})
    assert actor.running
    actor.detach()
    await bench.run(2)
    since, count = bench.clock.monotonic(), len(bench.api.read_at)
    for _ in range(20):
        await bench.run(1, {"wrk_0": Place.FRONT})
        assert not actor.running
    assert len(bench.api.read_at) > count, "it is read"
    assert bench.clock.monotonic() > since
    bench.api.body = DONE
    await bench.run(5, {"wrk_0": Place.FRONT})
    assert actor.session.turns[0].status is TurnStatus.COMPLETED
    await bench.engine.aclose()


async def test_a_run_whose_worker_was_never_named_is_not_put_in_doubt_by_a_look() -> None:
    bench = Bench(1)
    session = replace(bench.log.sessions["ses_0"], worker_id=None)
    bench.log.sessions["ses_0"] = session
    bench.log.requests["turn_0"] = replace(bench.log.requests["turn_0"], target_id=None)
    sending, _, end = bench.log.stored["turn_0"]
    bench.log.stored["turn_0"] = [sending, end._replace(seq=1)]
    await bench.run(3)
    assert bench.log.stored["turn_0"][-1].event == Marker.SETTLED
    assert fold(bench.log.requests["turn_0"], bench.log.stored["turn_0"]).status is TurnStatus.RUNNING
    await bench.engine.aclose()


@pytest.mark.parametrize("watched", [5, 0], ids=["watched", "read"])
async def test_no_followed_run_ends_silently(watched: int) -> None:
    """Who listens sees it running first, and then its end: the screen tells both, and rings."""
    bench = Bench(1, replace(PACED, most_watched=watched))
    seen: list[TurnStatus] = []
    bench.engine.subscribe(lambda name: seen.append(bench.engine.session(name).turns[0].status))
    bench.api.body = DONE
    await bench.run(20)
    assert seen[0] is TurnStatus.RUNNING
    assert seen[-1] is TurnStatus.COMPLETED
    await bench.engine.aclose()


async def test_nothing_is_left_after_closing() -> None:
    bench = Bench(12)
    await bench.run(3)
    before = asyncio.all_tasks()
    assert len(before) > 5
    await bench.engine.aclose()
    await bench.clock.advance(5)
    assert asyncio.all_tasks() == {asyncio.current_task()}


# -- with a history ------------------------------------------------------------------------------
def tools(*names: str) -> Script:
    """A stream that calls tools, and then stays silent."""
    calls = [
        sse(type="tool-input-available", toolCallId=f"c_{name}", toolName=name, input={}) for name in names
    ]
    return [sse(type="start", messageId="a1"), *calls, asyncio.Event()]


async def test_nothing_says_running_after_a_reading_that_says_idle_also_after_a_sleep_of_eight_hours(
    tmp_path: Path,
) -> None:
    clock = Clock()
    async with opened(tmp_path / "h.db") as ledger:
        ledger.limits.rules = replace(ledger.limits.rules, now_ms=clock.now_ms)
        home = ServiceContext(PLACE)
        api = FakeApi(starts=[tools("read_page")], workers=[BUSY])
        before = Engine(api, ledger, clock, FakeIds(), RetryPolicy(money_interval=None), context=home)
        session_id = before.new_session(PLACE).session_id
        await before.actor(session_id).send("q")
        await until(lambda: before.session(session_id).turns[0].status is TurnStatus.ACCEPTED)
        # The program ends.
        await before.aclose()
        assert (await ledger.runs.board()).runs[0].status is TurnStatus.RUNNING

        api = FakeApi(follows=[tools("web_search")], workers=[BUSY])
        engine = Engine(api, ledger, clock, FakeIds(9), PACED, context=home)
        assert engine.poller is not None
        (run,) = (await ledger.runs.board()).runs
        engine.poller.look([Unwatched(session_id, "w1", run.began_ms, run.began_ms)], {})
        # Back again, the program watches it: what the worker does comes over the stream.
        await until(lambda: any(turn.parts for one in engine.sessions for turn in one.turns))
        async with asyncio.timeout(60):
            # The history is told of it on its own thread.
            while not run.watched:
                await asyncio.sleep(0.001)
                (run,) = (await ledger.runs.board()).runs
        assert section_of(run, clock.now_ms()) is Section.RUNNING

        clock.suspend(8 * 3_600)
        api.workers = [DONE]
        woken = clock.monotonic()
        while any(one.unwatched or one.turns[0].live for one in engine.sessions):
            await clock.advance(0.5)
            await asyncio.sleep(0.005)
            assert clock.monotonic() - woken <= 60
        assert api.reads, "it was read"
        board, now_ms = await ledger.runs.board(everything=True), clock.now_ms()
        (run,) = board.runs
        value = dump(board_object(board, board.entries(now_ms), now_ms))
        assert "0 running" in board.head(now_ms)
        assert (run.status, run.word(now_ms), run.under_way) == (TurnStatus.COMPLETED, "completed", False)
        assert '"state":"completed"' in value.replace(" ", "")
        assert [one.last_status for one in await ledger.history.sessions()] == [TurnStatus.COMPLETED]
        await engine.aclose()
