"""Settling always ends, whatever a worker answers after a doubt, and never with a wrong "not delivered"."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from handinger_tui.core.errors import ApiError, BrokenContract, Doubtful, Refused, ServerFault, StreamLost
from handinger_tui.core.stream import Framing, RawFrame, StreamRoute, WorkerBody, body_of
from handinger_tui.core.turns.fold import fold
from handinger_tui.core.turns.turn import ErrorKind, Turn, TurnStatus
from handinger_tui.engine.ports import RetryPolicy
from tests.engine.fakes import FakeApi, FakeClock, FakeReply, Rig, Script, StillClock, rig, says, worker

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

WINDOW = RetryPolicy().recovery_window
SLACK = 70.0
"""Seconds: the reading before the settling, the last pause, and an abandoned stream."""
ENDS = {
    TurnStatus.RUNNING,
    TurnStatus.NOT_DELIVERED,
    TurnStatus.UNKNOWN,
    TurnStatus.COMPLETED,
}
RESET = Doubtful(ErrorKind.NETWORK, "The connection was reset.")
CUT = StreamLost(ErrorKind.NETWORK, "The connection was cut.")
NO_STREAM = Refused(ErrorKind.NOT_FOUND, "There is no stream.")
PENDING = worker("", status="pending", running=False, messages=[])
ANSWERS: dict[str, str | ApiError] = {
    "busy with another": worker("", prompt="earlier", busy=True),
    "busy without messages": worker("", busy=True),
    "pending": PENDING,
    "pending, not running by its status alone": worker("", status="pending", running=None, messages=[]),
    "an unheard-of status": worker("", status="pondering", running=False),
    "idle": worker("", prompt="earlier"),
    "idle with our message": worker("", prompt="hello"),
    "queued with our message": worker("", prompt="hello", status="queued", running=False),
    "at our message": worker("so f", prompt="hello", busy=True),
    "another worker": worker("theirs", prompt="hello", id="w2"),
    "nothing": "{}",
    "nonsense": '{"status": 7, "running": "maybe", "messages": {"0": null}}',
    "server fault": ServerFault(ErrorKind.SERVER, "500"),
    "later": Refused(ErrorKind.RATE_LIMITED, "429", retry_after_s=3600.0),
    "too large": StreamLost(ErrorKind.TOO_LARGE, "The answer is larger than 32 bytes and was cut."),
    "a web page": BrokenContract(ErrorKind.UNEXPECTED_CONTENT, "HTML"),
    "no network": Doubtful(ErrorKind.NETWORK, "no route"),
    "the answer": worker("so far", prompt="hello"),
}
OURS = {"idle with our message", "queued with our message", "at our message", "the answer"}
"""Answers with our message."""
STARTS: dict[str, Script | ApiError | FakeReply] = {
    "reset": RESET,
    "503": ServerFault(ErrorKind.GATEWAY, "503"),
    "a web page": BrokenContract(ErrorKind.UNEXPECTED_CONTENT, "HTML"),
    "cut": [*says("so", end=False), CUT],
    "a clean end without a finish": says("so", end=False),
    "accepted and pending": FakeReply([RawFrame(Framing.JSON, PENDING)], content_type="application/json"),
}
ACCEPTED = {"cut", "a clean end without a finish", "accepted and pending"}
READS = 400


@dataclass
class RoundApi(FakeApi):
    """Repeats the answers in a cycle; the read before the POST shows an idle worker."""

    answers: list[str | ApiError] = field(default_factory=list)
    streams: bool = False
    """The routes of the live stream exist, stay open, and send nothing."""

    async def read_worker(self, worker_id: str) -> WorkerBody:
        self.reads += 1
        await asyncio.sleep(0)
        if not self.posts:
            return body_of(worker("", prompt="earlier"))
        if self.reads > READS:
            # Watched without a limit: a test has to end.
            return body_of(worker("so far", prompt="hello"))
        # The first reading was the one before the POST.
        answer = self.answers[(self.reads - 2) % len(self.answers)]
        if isinstance(answer, ApiError):
            raise answer
        return body_of(answer)

    @asynccontextmanager
    async def follow(self, worker_id: str, via: StreamRoute) -> AsyncIterator[FakeReply]:
        if not self.streams:
            raise NO_STREAM
        yield FakeReply([asyncio.Event()], via=via, worker_id=None)


async def _settled(
    start: str, answers: list[str | ApiError], *, streams: bool = False
) -> tuple[Turn, int, float]:
    """The turn, how often the worker was read, and the seconds it took."""
    script = STARTS[start]
    first = (
        FakeReply(list(script.script), content_type=script.content_type)
        if isinstance(script, FakeReply)
        else script
    )
    api = RoundApi(
        starts=[first if not isinstance(first, list) else list(first)], answers=answers, streams=streams
    )
    box = rig(api)
    began = box.clock.monotonic()
    await box.engine.actor(box.session_id).send("hello")
    turn = (await box.settled()).turns[-1]
    assert len(api.posts) == 1
    assert fold(box.log.requests[turn.turn_id], box.log.stored[turn.turn_id]) == turn
    return turn, api.reads, box.clock.monotonic() - began


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(sorted(STARTS)),
    st.lists(st.sampled_from(sorted(ANSWERS)), min_size=1, max_size=6),
    st.booleans(),
)
@example("reset", ["pending"], False)
@example("503", ["busy without messages"], True)
@example("reset", ["busy with another", "idle"], False)
@example("cut", ["at our message", "idle with our message"], True)
def test_settling_always_ends(start: str, names: list[str], streams: bool) -> None:
    turn, reads, seconds = asyncio.run(_settled(start, [ANSWERS[name] for name in names], streams=streams))
    assert turn.status in ENDS
    if start in ACCEPTED or OURS & set(names):
        delivered = start in ACCEPTED or reads > len(names)
        assert not (delivered and turn.status is TurnStatus.NOT_DELIVERED)
    if turn.status is TurnStatus.COMPLETED:
        assert "the answer" in names or reads > READS
    runs = any(name.startswith(("busy", "at our", "pending, not")) for name in names)
    works = runs and (start in ACCEPTED or OURS & set(names))
    if not works:
        assert reads <= READS
        assert seconds <= WINDOW + SLACK


async def test_a_pending_worker_that_does_not_run_shows_that_nothing_arrived() -> None:
    turn, reads, seconds = await _settled("503", [PENDING])
    assert turn.status is TurnStatus.NOT_DELIVERED
    assert turn.draft == "hello"
    assert turn.fault is not None
    assert not turn.fault.may_have_been_charged
    assert reads >= 1 + RetryPolicy().absence_reads
    assert 15 <= seconds <= 40


async def test_an_absence_counts_from_the_last_time_that_the_worker_ran() -> None:
    busy = [ANSWERS["busy with another"]] * 6
    turn, _reads, seconds = await _settled("reset", [*busy, *[ANSWERS["idle"]] * 30])
    assert turn.status is TurnStatus.NOT_DELIVERED
    began = sum(RetryPolicy(poll_interval=1.5).pause(at) for at in (1, 2, 3))
    assert seconds >= began + 15


@dataclass
class StoppedClock(FakeClock):
    """The program is stopped (Ctrl+Z) during each pause, for longer than the window."""

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds + WINDOW)


async def test_a_program_that_was_stopped_for_longer_than_the_window_still_proves_an_absence() -> None:
    box = rig(RoundApi(starts=[RESET], answers=[ANSWERS["idle"]]), clock=StoppedClock())
    await box.engine.actor(box.session_id).send("hello")
    turn = (await box.settled()).turns[-1]
    assert (turn.status, turn.draft) == (TurnStatus.NOT_DELIVERED, "hello")
    assert box.api.reads == 1 + RetryPolicy().absence_reads


@pytest.mark.parametrize("name", ["busy with another", "busy without messages"])
async def test_a_worker_that_runs_for_ever_without_our_message_is_unknown(name: str) -> None:
    turn, reads, seconds = await _settled("reset", [ANSWERS[name]], streams=True)
    assert (turn.status, turn.text, turn.draft) == (TurnStatus.UNKNOWN, "", "hello")
    assert turn.fault is not None
    assert turn.fault.may_have_been_charged
    assert reads < READS
    assert seconds <= WINDOW + SLACK


@pytest.mark.parametrize("start", sorted(STARTS))
async def test_a_worker_that_alternates_without_progress_is_given_up(start: str) -> None:
    turn, reads, seconds = await _settled(
        start, [ANSWERS["at our message"], ANSWERS["idle with our message"]]
    )
    assert turn.status is TurnStatus.RUNNING
    assert reads < READS
    assert seconds <= WINDOW + SLACK


async def test_a_turn_that_makes_progress_is_watched_without_a_limit() -> None:
    turn, reads, seconds = await _settled("reset", [ANSWERS["at our message"]])
    assert (turn.status, turn.text, reads) == (TurnStatus.COMPLETED, "so far", READS + 1)
    assert seconds > WINDOW * 10


async def test_one_idle_reading_does_not_end_a_long_turn() -> None:
    slip: list[str | ApiError] = [ANSWERS["at our message"]] * 40
    slip[3] = ANSWERS["idle with our message"]
    turn, _reads, seconds = await _settled("cut", slip)
    assert turn.status is TurnStatus.COMPLETED
    assert seconds > WINDOW * 10


@pytest.mark.parametrize("start", sorted(ACCEPTED))
async def test_an_accepted_turn_that_stays_queued_is_still_running(start: str) -> None:
    turn, _reads, seconds = await _settled(start, [PENDING])
    assert (turn.status, turn.draft) == (TurnStatus.RUNNING, None)
    assert seconds <= WINDOW + SLACK


async def test_a_message_that_was_read_once_is_never_not_delivered() -> None:
    once = [ANSWERS["idle"], ANSWERS["idle with our message"], *[ANSWERS["idle"]] * 30]
    turn, _reads, _seconds = await _settled("reset", once)
    assert turn.status is TurnStatus.UNKNOWN


@pytest.mark.parametrize("shown", [{}, {"usage": {"costUsd": 1}}])
async def test_a_worker_that_has_changed_but_shows_no_answer_proves_no_absence(shown: dict[str, Any]) -> None:
    before = worker("old answer", messages=[])
    api = FakeApi(
        starts=[RESET], workers=[before, worker("", status="pending", running=False, messages=[], **shown)]
    )
    box = rig(api)
    await box.engine.actor(box.session_id).send("hello")
    turn = (await box.settled()).turns[-1]
    assert turn.status is TurnStatus.UNKNOWN


@pytest.mark.parametrize("start", ["reset", "cut"])
async def test_a_worker_too_large_to_read_is_reported(start: str) -> None:
    turn, _reads, _seconds = await _settled(start, [ANSWERS["too large"]])
    assert turn.status is TurnStatus.UNKNOWN
    assert turn.fault is not None
    assert turn.fault.kind is ErrorKind.TOO_LARGE
    assert "larger than" in turn.fault.message


async def test_a_stream_with_only_keep_alives_is_closed_when_its_worker_has_ended() -> None:
    running, ended = ANSWERS["at our message"], ANSWERS["the answer"]
    turn, reads, _seconds = await _settled("cut", [running] * 3 + [ended] * 50, streams=True)
    assert (turn.status, turn.text) == (TurnStatus.COMPLETED, "so far")
    assert reads < 10


async def test_another_worker_s_answer_is_not_ours() -> None:
    theirs = ANSWERS["another worker"]
    turn, _reads, seconds = await _settled("reset", [theirs])
    assert (turn.status, turn.text, turn.snapshot) == (TurnStatus.UNKNOWN, "", None)
    assert seconds <= WINDOW + SLACK


@pytest.mark.parametrize("labeled", [True, False])
async def test_a_post_answered_for_another_worker_does_not_change_the_worker(labeled: bool) -> None:
    """The requested worker is read: it has our answer, whatever worker the reply to the POST names."""
    theirs = RawFrame(Framing.JSON, worker("theirs", prompt="hello", id="w2"))
    reply = FakeReply([theirs], content_type="application/json", worker_id="w2" if labeled else None)
    api = FakeApi(starts=[reply], workers=[worker("", prompt="earlier"), worker("ours", prompt="hello")])
    box = rig(api)
    await box.engine.actor(box.session_id).send("hello")
    session = await box.settled()
    turn = session.turns[-1]
    assert (session.worker_id, turn.worker_id) == ("w1", "w1")
    assert (turn.status, turn.text) == (TurnStatus.COMPLETED, "ours")


async def test_a_post_answered_only_for_another_worker_may_have_cost() -> None:
    theirs = RawFrame(Framing.SSE, json.dumps({"type": "data-worker", "data": {"id": "w2"}}))
    script: Script = [theirs, *says("theirs")]
    api = FakeApi(starts=[FakeReply(script, worker_id=None)], workers=[worker("", prompt="earlier")])
    box = rig(api)
    await box.engine.actor(box.session_id).send("hello")
    session = await box.settled()
    turn = session.turns[-1]
    assert (session.worker_id, turn.status, turn.text) == ("w1", TurnStatus.UNKNOWN, "")
    assert turn.fault is not None
    assert "different worker" in turn.fault.message


EARLIER = worker("one", prompt="earlier")
HOURS = 7200.0


async def _lost(prompt: str, before: str) -> Rig:
    """A message that never arrived, and whose worker could not be read until the recovery window was over."""
    box = rig(FakeApi(starts=[RESET], workers=[before, ServerFault(ErrorKind.SERVER, "500")]))
    await box.engine.actor(box.session_id).send(prompt)
    (turn,) = (await box.settled()).turns
    assert turn.status is TurnStatus.UNKNOWN
    return box


@pytest.mark.parametrize(
    ("later_s", "now", "status"),
    [
        pytest.param(HOURS, EARLIER, TurnStatus.NOT_DELIVERED, id="long after"),
        pytest.param(1.0, EARLIER, TurnStatus.UNKNOWN, id="soon after"),
        pytest.param(HOURS, ANSWERS["busy with another"], TurnStatus.UNKNOWN, id="busy"),
        pytest.param(HOURS, worker("", messages=[]), TurnStatus.UNKNOWN, id="messages left out"),
        pytest.param(HOURS, worker("x", prompt="hello"), TurnStatus.COMPLETED, id="arrived"),
    ],
)
async def test_one_reading_long_after_a_doubt_shows_that_nothing_arrived(
    later_s: float, now: str, status: TurnStatus
) -> None:
    box = await _lost("hello", EARLIER)
    box.api.workers = [now]
    box.clock.seconds += later_s
    await box.engine.actor(box.session_id).refresh()
    (turn,) = (await box.settled()).turns
    assert turn.status is status
    assert turn.fault is None or turn.fault.may_have_been_charged == (status is TurnStatus.UNKNOWN)


async def test_a_lost_message_does_not_take_the_answer_of_the_same_message_sent_again() -> None:
    box = await _lost("earlier", EARLIER)
    both = json.loads(EARLIER)["messages"] + json.loads(worker("two", prompt="earlier"))["messages"]
    box.api.starts, box.api.workers = [says("two")], [EARLIER, worker("two", messages=both)]
    box.clock.seconds += HOURS
    await box.engine.actor(box.session_id).send("earlier")
    lost, again = (await box.settled()).turns
    assert (lost.status, lost.text) == (TurnStatus.NOT_DELIVERED, "")
    assert (again.status, again.text) == (TurnStatus.COMPLETED, "two")


@pytest.mark.parametrize("first", [EARLIER, ServerFault(ErrorKind.SERVER, "500")], ids=["read", "unread"])
@pytest.mark.parametrize("second", [EARLIER, ServerFault(ErrorKind.SERVER, "500")], ids=["read", "unread"])
async def test_one_message_does_not_settle_two_equal_turns_in_doubt(
    first: str | ServerFault, second: str | ServerFault
) -> None:
    unread = ServerFault(ErrorKind.SERVER, "500")
    box = rig(FakeApi(starts=[RESET, RESET], workers=[first, unread]))
    await box.engine.actor(box.session_id).send("hello")
    await box.settled()
    box.api.workers = [second, unread]
    await box.engine.actor(box.session_id).send("hello")
    turns = (await box.settled()).turns
    assert [turn.status for turn in turns] == [TurnStatus.UNKNOWN] * 2
    one = json.loads(EARLIER)["messages"] + json.loads(worker("hi", prompt="hello"))["messages"]
    box.api.workers = [worker("hi", messages=one)]
    box.clock.seconds += HOURS
    await box.engine.actor(box.session_id).refresh()
    turns = (await box.settled()).turns
    assert [turn.text for turn in turns if turn.status is TurnStatus.COMPLETED] == ["hi"]


async def test_two_equal_messages_that_both_arrived_have_two_answers() -> None:
    box = await _lost("earlier", EARLIER)
    one, two = (json.loads(worker(text, prompt="earlier"))["messages"] for text in ("one", "two"))
    box.api.starts = [says("two")]
    # The replica that is read before the second message does not show the first one yet.
    box.api.workers = [EARLIER, worker("two", messages=[*one, *one, *two])]
    await box.engine.actor(box.session_id).send("earlier")
    assert [turn.status for turn in (await box.settled()).turns] == [TurnStatus.COMPLETED] * 2


@pytest.mark.parametrize(
    ("later_s", "now", "status"),
    [
        pytest.param(HOURS, EARLIER, TurnStatus.UNKNOWN, id="not listed"),
        pytest.param(HOURS, worker("", prompt="hello"), TurnStatus.UNKNOWN, id="no answer"),
        pytest.param(1.0, EARLIER, TurnStatus.RUNNING, id="soon after"),
        pytest.param(HOURS, worker("", prompt="hello", busy=True), TurnStatus.RUNNING, id="running"),
    ],
)
async def test_an_accepted_turn_does_not_run_on_in_an_idle_worker(
    later_s: float, now: str, status: TurnStatus
) -> None:
    gate = asyncio.Event()
    box = rig(FakeApi(starts=[[*says("so f", end=False), gate]], workers=[EARLIER]), clock=StillClock())
    published = asyncio.Event()
    box.engine.subscribe(lambda _: published.set())
    await box.engine.actor(box.session_id).send("hello")
    while not box.engine.session(box.session_id).turns[0].text:
        published.clear()
        await published.wait()
    box.engine.actor(box.session_id).detach()
    assert (await box.settled()).turns[0].status is TurnStatus.RUNNING
    box.api.workers = [now]
    box.clock.seconds += later_s
    await box.engine.actor(box.session_id).refresh()
    (turn,) = (await box.settled()).turns
    assert (turn.status, turn.text) == (status, "so f")
    box.api.workers = [worker("so far", prompt="hello")]
    await box.engine.actor(box.session_id).refresh()
    (turn,) = (await box.settled()).turns
    assert (turn.status, turn.text) == (TurnStatus.COMPLETED, "so far")


FAILED = worker("one", prompt="earlier", status="failed", error="boom")
LISTED = [*json.loads(FAILED)["messages"], *json.loads(worker("hi", prompt="hello"))["messages"]]


@pytest.mark.parametrize("lists", [True, False], ids=["with messages", "without messages"])
@pytest.mark.parametrize(
    ("now", "status"),
    [
        pytest.param(worker("hi", messages=LISTED), TurnStatus.COMPLETED, id="completed"),
        pytest.param(FAILED, TurnStatus.UNKNOWN, id="as before"),
        pytest.param(
            worker("hi", messages=LISTED, status="failed", error="boom"), TurnStatus.FAILED, id="failed again"
        ),
    ],
)
async def test_the_failure_of_an_earlier_turn_is_not_that_of_ours(
    now: str, status: TurnStatus, lists: bool
) -> None:
    def shown(body: str) -> str:
        return json.dumps(
            {name: value for name, value in json.loads(body).items() if lists or name != "messages"}
        )

    # The service answers before it has begun, with the worker as it was.
    answer = FakeReply([RawFrame(Framing.JSON, shown(FAILED))], content_type="application/json")
    box = rig(FakeApi(starts=[answer], workers=[shown(FAILED), shown(FAILED), shown(now)]))
    await box.engine.actor(box.session_id).send("hello")
    (turn,) = (await box.settled()).turns
    assert (turn.status, turn.text) == (status, "" if now is FAILED else "hi")
