"""One turn through the engine: sent once, stored first, settled by GETs."""

from __future__ import annotations

import asyncio
import json

import pytest

from handinger_tui.core.acts import Hold, HoldReason
from handinger_tui.core.errors import (
    AttachmentProblem,
    BrokenContract,
    Doubtful,
    NoHistory,
    NoRoom,
    Refused,
    ServerFault,
    StreamLost,
    Unreachable,
)
from handinger_tui.core.jsontext import Json, parse_exact
from handinger_tui.core.stream import Frame, Framing, Marker, RawFrame
from handinger_tui.core.turns.fold import fold
from handinger_tui.core.turns.turn import ErrorKind, Turn, TurnRequest, TurnStatus
from handinger_tui.core.turns.worker_reconciliation import SLIM_ABOVE
from handinger_tui.engine.ports import RetryPolicy
from handinger_tui.engine.session_actor import Elsewhere
from handinger_tui.engine.turn_record import MAX_UNCOMMITTED
from handinger_tui.engine.turn_run import QUIET_S
from tests.engine.fakes import FakeApi, FakeLog, FakeReply, Rig, Script, StillClock, rig, says, worker
from tests.wire.recordings import sse

NOBODY = worker("", prompt="earlier")
CUT = StreamLost(ErrorKind.NETWORK, "The connection was cut.")
RESET = Doubtful(ErrorKind.NETWORK, "The connection was reset.")


async def _only(box: Rig, prompt: str = "hello") -> Turn:
    await box.engine.actor(box.session_id).send(prompt)
    session = await box.settled()
    assert session.current is not None
    return session.current


async def test_the_request_is_stored_before_it_is_sent() -> None:
    api = FakeApi(starts=[says("hi")], workers=[NOBODY, worker("hi", prompt="hello")])
    box = rig(api)
    on_disk: list[bool] = []
    api.on_post = lambda request: on_disk.append(request.turn_id in box.log.requests)
    turn = await _only(box)
    assert on_disk == [True]
    assert (turn.status, turn.text, turn.posts) == (TurnStatus.COMPLETED, "hi", 1)


@pytest.mark.parametrize("script", [says("hi"), [*says("hi", end=False), CUT]])
async def test_events_beyond_the_limit_of_size_are_counted(script: Script) -> None:
    replies = [FakeReply(script, dropped=2)]
    box = rig(FakeApi(starts=[*replies], workers=[NOBODY, worker("hi", prompt="hello")]))
    turn = await _only(box)
    assert (turn.status, turn.text, turn.skipped) == (TurnStatus.COMPLETED, "hi", 2)


async def test_a_long_worker_is_parsed_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    earlier = [
        {"id": f"m{at}", "role": role, "parts": [{"type": "text", "text": "words " * 200}]}
        for at in range(20)
        for role in ("user", "assistant")
    ]
    before = worker("words", messages=earlier)
    now = json.loads(worker("hi", prompt="hello"))["messages"]
    after = worker("hi", messages=[*earlier, *now])
    api = FakeApi(starts=[says("hi")], workers=[before])
    box, lengths = rig(api), []
    await _only(box, "first")

    def reading(text: str) -> Json:
        lengths.append(len(text))
        return parse_exact(text)

    for at in ("core.turns.fold", "engine.turn_record", "core.stream"):
        monkeypatch.setattr(f"handinger_tui.{at}.parse_exact", reading, raising=False)
    api.starts, api.workers, api.reads = [says("hi")], [before, after], 0
    turn = await _only(box)
    assert (turn.status, turn.text, turn.request.seen_before) == (TurnStatus.COMPLETED, "hi", 0)
    assert len([length for length in lengths if length > SLIM_ABOVE]) == api.reads == 2


async def test_nothing_is_sent_when_the_request_cannot_be_stored() -> None:
    api = FakeApi(workers=[NOBODY])
    box = rig(api)
    box.log.refuses = NoRoom("The disk is full.")
    with pytest.raises(NoRoom):
        await box.engine.actor(box.session_id).send("hello")
    assert api.posts == []


class SlowDisk(FakeLog):
    """Commits frames only when it is waited for. `most`: characters of a stream that were not committed."""

    waiting = most = 0

    def append(self, turn_id: str, frame: Frame) -> None:
        super().append(turn_id, frame)
        if frame.framing is Framing.SSE:
            self.waiting += len(frame.data)
        self.most = max(self.most, self.waiting)

    async def flush(self) -> None:
        await super().flush()
        self.waiting = 0


async def test_a_stream_that_is_faster_than_the_disk_waits_for_it() -> None:
    text = "x" * (1 << 20)
    api = FakeApi(starts=[says(*[text] * 30)], workers=[NOBODY, worker(text * 30, prompt="hello")])
    disk = SlowDisk()
    turn = await _only(rig(api, log=disk))
    assert turn.text == text * 30
    assert disk.most < MAX_UNCOMMITTED + 2 * len(text)


@pytest.mark.parametrize(
    ("trouble", "status", "posts"),
    [
        (Unreachable(ErrorKind.CONNECT, "refused"), TurnStatus.NOT_SENT, 0),
        (Refused(ErrorKind.AUTH, "key refused", http_status=401), TurnStatus.REJECTED, 1),
        (Refused(ErrorKind.RATE_LIMITED, "slow down", retry_after_s=7), TurnStatus.REJECTED, 1),
    ],
)
async def test_a_refusal_leaves_a_free_draft(trouble: Refused, status: TurnStatus, posts: int) -> None:
    api = FakeApi(starts=[trouble], workers=[NOBODY])
    turn = await _only(rig(api))
    assert (turn.status, turn.draft, turn.posts) == (status, "hello", posts)
    assert turn.fault is not None
    assert turn.fault.kind is trouble.kind
    assert not turn.fault.may_have_been_charged
    assert len(api.posts) == 1


BUSY = Refused(ErrorKind.CONFLICT, "The worker is busy.", http_status=409)


async def test_a_refusal_is_not_believed_when_the_worker_has_the_answer() -> None:
    refused = Refused(ErrorKind.REDIRECT, "303")
    api = FakeApi(
        starts=[refused],
        workers=[NOBODY, worker("", prompt="hello", busy=True), worker("found", prompt="hello")],
    )
    turn = await _only(rig(api))
    assert (turn.status, turn.text, turn.recovered, turn.draft) == (TurnStatus.COMPLETED, "found", True, None)
    assert len(api.posts) == 1


@pytest.mark.parametrize(
    "now",
    [
        pytest.param(worker("", prompt="hello"), id="stored, and not answered"),
        pytest.param(worker("", prompt="another", busy=True), id="busy with another message"),
        pytest.param(worker("one", prompt="another"), id="another message"),
        pytest.param(worker("", messages=[]), id="no messages"),
    ],
)
async def test_a_refusal_is_believed_where_the_worker_does_not_answer_our_message(now: str) -> None:
    api = FakeApi(starts=[BUSY], workers=[NOBODY, now])
    turn = await _only(rig(api))
    assert (turn.status, turn.draft, len(api.posts)) == (TurnStatus.REJECTED, "hello", 1)


async def test_an_equal_earlier_message_does_not_contradict_a_refusal() -> None:
    earlier = worker("one", prompt="hello")
    turn = await _only(rig(FakeApi(starts=[BUSY], workers=[earlier])))
    assert (turn.status, turn.text) == (TurnStatus.REJECTED, "")
    turn = await _only(rig(FakeApi(starts=[BUSY], workers=[RESET, earlier])))
    assert (turn.status, turn.text) == (TurnStatus.REJECTED, "")


@pytest.mark.parametrize(
    "doubt",
    [RESET, ServerFault(ErrorKind.GATEWAY, "502"), BrokenContract(ErrorKind.UNEXPECTED_CONTENT, "HTML")],
)
async def test_a_doubt_is_settled_as_recovered_when_the_worker_has_the_answer(doubt: Doubtful) -> None:
    api = FakeApi(starts=[doubt], workers=[NOBODY, worker("found", prompt="hello")])
    turn = await _only(rig(api))
    assert (turn.status, turn.text, turn.recovered) == (TurnStatus.COMPLETED, "found", True)
    assert len(api.posts) == 1


async def test_a_doubt_becomes_not_delivered_only_after_several_reads() -> None:
    api = FakeApi(starts=[RESET], workers=[NOBODY])
    box = rig(api)
    began = box.clock.monotonic()
    turn = await _only(box)
    assert (turn.status, turn.draft) == (TurnStatus.NOT_DELIVERED, "hello")
    assert turn.fault is not None
    assert not turn.fault.may_have_been_charged
    assert api.reads >= 4
    assert box.clock.monotonic() - began >= 15


async def test_a_create_without_an_id_stays_unknown() -> None:
    api = FakeApi(starts=[RESET], workers=[NOBODY])
    turn = await _only(rig(api, worker_id=None))
    assert (turn.status, turn.draft) == (TurnStatus.UNKNOWN, "hello")
    assert turn.fault is not None
    assert "may have been started" in turn.fault.message
    assert turn.fault.may_have_been_charged
    assert api.reads == 0


async def test_a_cut_stream_is_followed_and_never_doubles_text() -> None:
    api = FakeApi(
        starts=[[*says("one ", "two ", end=False), CUT]],
        follows=[says("one ", "two ", "three")],
        workers=[NOBODY, worker("one ", prompt="hello", busy=True), worker("one two three", prompt="hello")],
    )
    turn = await _only(rig(api))
    assert (turn.status, turn.text, turn.recovered) == (TurnStatus.COMPLETED, "one two three", True)
    assert len(api.posts) == 1


async def test_a_server_that_drops_every_stream_after_three_events_still_yields_the_complete_answer() -> None:
    short = [*says("a", end=False), CUT]
    api = FakeApi(
        starts=[short],
        follows=[list(short) for _ in range(6)],
        workers=[
            NOBODY,
            *(worker("ab", prompt="hello", busy=True) for _ in range(4)),
            worker("abc", prompt="hello"),
        ],
    )
    turn = await _only(rig(api))
    assert (turn.status, turn.text) == (TurnStatus.COMPLETED, "abc")
    assert len(api.posts) == 1


@pytest.mark.parametrize("then", [worker("hi", prompt="hello"), ServerFault(ErrorKind.SERVER, "500")])
async def test_an_answer_that_has_ended_does_not_wait_for_the_connection(then: str | ServerFault) -> None:
    box = rig(FakeApi(starts=[[*says("hi"), asyncio.Event()]], workers=[NOBODY, then]))
    began = box.clock.monotonic()
    turn = await _only(box)
    assert (turn.status, turn.text, turn.fault) == (TurnStatus.COMPLETED, "hi", None)
    assert box.clock.monotonic() - began < QUIET_S


async def test_a_worker_that_goes_on_after_an_end_event_is_listened_to() -> None:
    gate = asyncio.Event()
    busy, done = worker("", prompt="hello", busy=True), worker("hi and more", prompt="hello")
    more = [sse(type="text-delta", id="u", delta=" and more"), sse(type="finish")]
    api = FakeApi(starts=[[*says("hi"), gate, *more]], workers=[NOBODY, busy, busy, busy, done])
    box = rig(api)
    await box.engine.actor(box.session_id).send("hello")
    for _ in range(2000):
        await asyncio.sleep(0)
        if api.reads == 3:
            break
    gate.set()
    session = await box.settled()
    assert (session.turns[0].status, session.turns[0].text) == (TurnStatus.COMPLETED, "hi and more")


async def test_a_clean_end_without_a_finish_is_never_called_complete() -> None:
    api = FakeApi(starts=[says("half", end=False)], workers=[NOBODY, worker("half and half", prompt="hello")])
    turn = await _only(rig(api))
    assert turn.text == "half and half"
    assert turn.status is TurnStatus.COMPLETED


async def test_an_error_in_the_stream_of_a_worker_that_is_idle_ends_the_turn_as_failed() -> None:
    stream = [*says("half", end=False), sse(type="error", errorText="Overloaded.")]
    turn = await _only(rig(FakeApi(starts=[stream], workers=[NOBODY])))
    assert (turn.status, turn.text, turn.draft) == (TurnStatus.FAILED, "half", None)
    assert turn.fault is not None
    assert turn.fault.message == "Overloaded."


async def test_an_error_in_the_stream_of_a_worker_that_cannot_be_read_stays_unknown() -> None:
    stream = [*says("half", end=False), sse(type="error", errorText="Overloaded.")]
    api = FakeApi(starts=[stream], workers=[NOBODY, Doubtful(ErrorKind.NETWORK, "no route")])
    assert (await _only(rig(api))).status is TurnStatus.UNKNOWN


async def test_a_lost_network_keeps_the_text_with_status_unknown() -> None:
    unreachable = Doubtful(ErrorKind.NETWORK, "no route")
    api = FakeApi(starts=[[*says("kept", end=False), CUT]], workers=[NOBODY, unreachable])
    turn = await _only(rig(api))
    assert (turn.status, turn.text) == (TurnStatus.UNKNOWN, "kept")


async def test_a_failed_final_read_keeps_the_streamed_text_and_leaves_the_cost_unknown() -> None:
    api = FakeApi(starts=[says("done")], workers=[NOBODY, ServerFault(ErrorKind.SERVER, "500")])
    turn = await _only(rig(api))
    assert (turn.status, turn.text) == (TurnStatus.COMPLETED, "done")
    assert turn.snapshot is None


async def test_a_json_answer_that_still_runs_is_polled_and_grows() -> None:
    running = [worker(text, prompt="hello", busy=True) for text in ("", "gro", "growing")]
    reply = FakeReply([RawFrame(Framing.JSON, running[0])], content_type="application/json")
    missing = Refused(ErrorKind.NOT_FOUND, "no stream here")
    api = FakeApi(
        starts=[reply],
        follows=[missing, missing],
        workers=[NOBODY, *running, worker("growing up", prompt="hello")],
    )
    box = rig(api)
    texts: list[str] = []
    box.engine.subscribe(lambda sid: texts.append(box.engine.session(sid).turns[-1].text))
    turn = await _only(box)
    assert (turn.status, turn.text) == (TurnStatus.COMPLETED, "growing up")
    assert [text for at, text in enumerate(texts) if at == 0 or texts[at - 1] != text] == [
        "",
        "gro",
        "growing",
        "growing up",
    ]


async def test_a_detached_turn_is_running_and_can_be_watched_again() -> None:
    gate = asyncio.Event()
    api = FakeApi(
        starts=[[*says("first ", end=False), gate]],
        follows=[says("first ", "second")],
        workers=[NOBODY, worker("first ", prompt="hello", busy=True), worker("first second", prompt="hello")],
    )
    box = rig(api)
    published = asyncio.Event()
    box.engine.subscribe(
        lambda sid: published.set() if "first" in box.engine.session(sid).turns[-1].text else None
    )
    await box.engine.actor(box.session_id).send("hello")
    await published.wait()
    box.engine.actor(box.session_id).detach()
    detached = (await box.settled()).turns[-1]
    assert (detached.status, detached.text) == (TurnStatus.RUNNING, "first ")
    assert box.log.closed == [detached.turn_id]
    await box.engine.actor(box.session_id).watch()
    back = (await box.settled()).turns[-1]
    assert (back.status, back.text) == (TurnStatus.COMPLETED, "first second")
    assert len(api.posts) == 1


async def test_live_and_reloaded_turns_are_equal() -> None:
    api = FakeApi(
        starts=[[*says("one ", "two ", end=False), CUT]],
        follows=[says("one ", "two ", "three")],
        workers=[NOBODY, worker("one ", prompt="hello", busy=True), worker("one two three", prompt="hello")],
    )
    box = rig(api)
    turn = await _only(box)
    assert fold(box.log.requests[turn.turn_id], box.log.stored[turn.turn_id]) == turn
    notes = [frame.event for frame in box.log.stored[turn.turn_id] if frame.event in set(Marker)]
    assert notes.count(Marker.SENDING) == 1
    assert notes[-1] == Marker.SETTLED


async def test_a_queued_turn_waits_and_is_then_sent() -> None:
    gate = asyncio.Event()
    api = FakeApi(starts=[[gate, *says("first")], says("second")], workers=[worker("x")])
    box = rig(api, worker_id=None)
    await box.engine.actor(box.session_id).send("one")
    await box.engine.actor(box.session_id).send("two")
    assert box.engine.session(box.session_id).turns[-1].status is TurnStatus.QUEUED
    gate.set()
    await box.idle()
    assert [turn.status for turn in box.engine.session(box.session_id).turns] == [TurnStatus.COMPLETED] * 2
    assert [request.target_id for request in api.posts] == [None, "w1"]


async def test_a_failed_turn_holds_the_queue_even_after_a_new_message() -> None:
    gate = asyncio.Event()
    refusal = Refused(ErrorKind.PAYMENT, "no credits", http_status=402)
    api = FakeApi(starts=[[gate, refusal], says("three"), says("two")], workers=[worker("x")])
    box = rig(api, worker_id=None)
    await box.engine.actor(box.session_id).send("one")
    queued = await box.engine.actor(box.session_id).send("two")
    gate.set()
    session = await box.settled()
    assert [turn.status for turn in session.turns] == [TurnStatus.REJECTED, TurnStatus.QUEUED]
    assert box.engine.actor(box.session_id).queue.hold == Hold(HoldReason.UNFINISHED)
    await box.engine.actor(box.session_id).send("three")
    await box.settled()
    assert [request.prompt for request in api.posts] == ["one", "three"]
    assert box.engine.actor(box.session_id).queue.ids == (queued,)
    assert await box.engine.actor(box.session_id).resume() is None
    session = await box.settled()
    assert [request.prompt for request in api.posts] == ["one", "three", "two"]
    assert [turn.request.prompt for turn in session.turns] == ["one", "three", "two"]


async def test_a_queued_turn_can_be_withdrawn() -> None:
    gate = asyncio.Event()
    api = FakeApi(starts=[[gate, *says("first")]], workers=[worker("x")])
    box = rig(api, worker_id=None)
    await box.engine.actor(box.session_id).send("one")
    second = await box.engine.actor(box.session_id).send("two")
    assert await box.engine.actor(box.session_id).withdraw(second) == "two"
    gate.set()
    await box.settled()
    assert len(api.posts) == 1


async def test_a_turn_beyond_max_wait_is_running() -> None:
    gate = asyncio.Event()
    api = FakeApi(starts=[[*says("so far", end=False), gate]], workers=[NOBODY])
    policy = RetryPolicy(max_wait=0.05, money_interval=None)
    turn = await _only(rig(api, policy=policy, clock=StillClock()))
    assert (turn.status, turn.text) == (TurnStatus.RUNNING, "so far")


async def test_closing_the_engine_detaches_and_stores() -> None:
    gate = asyncio.Event()
    api = FakeApi(starts=[[*says("so far", end=False), gate]], workers=[NOBODY])
    box = rig(api)
    published = asyncio.Event()
    box.engine.subscribe(
        lambda sid: published.set() if "so far" in box.engine.session(sid).turns[-1].text else None
    )
    await box.engine.actor(box.session_id).send("hello")
    await published.wait()
    await box.engine.aclose()
    assert len(box.log.closed) == 1
    assert box.engine.session(box.session_id).turns[-1].status is TurnStatus.RUNNING


async def test_an_error_of_ours_after_the_first_byte_leaves_the_turn_in_doubt() -> None:
    box = rig(FakeApi(workers=[NOBODY]))

    def fail(_request: TurnRequest) -> None:
        raise AttachmentProblem("data.csv changed since it was attached.")

    box.api.on_post = fail
    turn = await _only(box)
    assert turn.status is TurnStatus.UNKNOWN
    assert turn.fault is not None
    assert turn.fault.may_have_been_charged


async def test_without_a_history_nothing_is_sent() -> None:
    api = FakeApi(starts=[says("hello")], workers=[NOBODY])
    box = rig(api)
    box.log.no_history = NoHistory("The history cannot be written.")
    with pytest.raises(NoHistory):
        await box.engine.actor(box.session_id).send("hello")
    assert (api.posts, box.log.requests) == ([], {})
    box.log.no_history = None
    await box.engine.actor(box.session_id).send("hello")
    await box.settled()
    assert len(api.posts) == 1


async def test_a_session_of_another_service_is_not_sent_here() -> None:
    api = FakeApi(workers=[NOBODY])
    box = rig(api)
    other = box.engine.new_session("https://other.test", "w9")
    with pytest.raises(Elsewhere):
        await box.engine.actor(other.session_id).send("hello")
    assert (api.posts, box.log.requests) == ([], {})
