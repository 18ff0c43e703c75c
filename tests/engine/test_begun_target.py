"""A target whose id is chosen before the POST, or named by a failed answer: it is read, with one POST."""

from __future__ import annotations

import json

import pytest

from handinger_tui.core.errors import ApiError, BrokenContract, Doubtful, Refused, ServerFault
from handinger_tui.core.stream import Framing, Marker, RawFrame
from handinger_tui.core.turns.fold import fold
from handinger_tui.core.turns.turn import ErrorKind, Trigger, TurnRequest, TurnStatus
from handinger_tui.engine.engine import Engine
from handinger_tui.engine.ports import RetryPolicy
from handinger_tui.engine.session_actor import ServiceContext
from tests.engine.fakes import PLACE, FakeApi, FakeClock, FakeIds, FakeLog, FakeReply, Rig, rig, worker
from tests.engine.test_recovery import note

LOST = Doubtful(ErrorKind.NETWORK, "Connection lost.")
MISSING = Refused(ErrorKind.NOT_FOUND, "Not found (404).", http_status=404)


def begun(*workers: str | ApiError) -> Rig:
    api = FakeApi(starts=[LOST], follows=[MISSING] * 2, workers=list(workers), target="t1")
    return rig(api, worker_id=None)


def task(text: str = "", *, prompt: str | None = "hello", busy: bool = False) -> str:
    return worker(text, prompt=prompt, busy=busy, id="t1", template="w9")


async def test_the_target_is_stored_before_the_post() -> None:
    box = begun(MISSING)
    stored: list[list[str]] = []

    def look(request: TurnRequest) -> None:
        assert request.target_id is None
        frames = box.log.stored[request.turn_id]
        stored.append([json.loads(frame.data)["begun"] for frame in frames if frame.event == Marker.SENDING])

    box.api.on_post = look
    await box.engine.actor(box.session_id).send("hello")
    await box.settled()
    assert stored == [["t1"]]


async def test_a_start_in_doubt_is_settled_by_its_target() -> None:
    box = begun(MISSING, task(busy=True), task("there"))
    await box.engine.actor(box.session_id).send("hello")
    session = await box.settled()
    (turn,) = session.turns
    assert (turn.status, turn.text, turn.recovered) == (TurnStatus.COMPLETED, "there", True)
    assert (session.worker_id, session.stored_worker_id, len(box.api.posts)) == ("t1", "w9", 1)


async def test_a_refused_start_is_not_believed_when_its_target_answers() -> None:
    box = begun(task("there"))
    box.api.starts = [Refused(ErrorKind.CONFLICT, "Conflict (409).", http_status=409)]
    await box.engine.actor(box.session_id).send("hello")
    (turn,) = (await box.settled()).turns
    assert (turn.status, turn.text, len(box.api.posts)) == (TurnStatus.COMPLETED, "there", 1)


async def test_a_refused_start_costs_nothing_where_there_is_no_target() -> None:
    box = begun(MISSING)
    box.api.starts = [Refused(ErrorKind.PAYMENT, "Out of credits (402).", http_status=402)]
    await box.engine.actor(box.session_id).send("hello")
    (turn,) = (await box.settled()).turns
    assert (turn.status, turn.draft, box.api.reads) == (TurnStatus.REJECTED, "hello", 1)


async def test_a_target_that_stays_unknown_proves_that_nothing_arrived() -> None:
    box = begun(MISSING)
    await box.engine.actor(box.session_id).send("hello")
    (turn,) = (await box.settled()).turns
    assert (turn.status, turn.draft, len(box.api.posts)) == (TurnStatus.NOT_DELIVERED, "hello", 1)
    assert turn.fault is not None
    assert not turn.fault.may_have_been_charged
    assert box.api.reads >= RetryPolicy().absence_reads


async def test_a_message_to_a_target_that_never_existed_may_begin_it() -> None:
    """The person sends again: the same target, with leave to begin it; once it has a turn, without."""
    box = begun(MISSING)
    actor = box.engine.actor(box.session_id)
    await actor.send("hello")
    (turn,) = (await box.settled()).turns
    assert turn.status is TurnStatus.NOT_DELIVERED
    box.api.workers, box.api.starts = [MISSING, task("there", prompt="again")], [LOST]
    await actor.send("again")
    assert (await box.settled()).turns[-1].status is TurnStatus.COMPLETED
    box.api.starts = [LOST]
    await actor.send("more")
    await box.settled()
    sent = [(post.target_id, post.begins) for post in box.api.posts]
    assert sent == [(None, False), ("t1", True), ("t1", False)]


async def test_a_target_that_exists_proves_that_the_message_arrived_even_without_a_listed_turn() -> None:
    """A service may list a turn when it has ended; until then it is watched, however long it takes."""
    busy = [task(prompt=None, busy=True)] * 40
    box = begun(MISSING, *busy, task("there"))
    await box.engine.actor(box.session_id).send("hello")
    (turn,) = (await box.settled()).turns
    assert (turn.status, turn.text, len(box.api.posts)) == (TurnStatus.COMPLETED, "there", 1)


async def test_a_target_that_disappears_does_not_mean_undelivered() -> None:
    box = begun(task(busy=True), MISSING)
    await box.engine.actor(box.session_id).send("hello")
    (turn,) = (await box.settled()).turns
    assert turn.status is TurnStatus.UNKNOWN
    assert turn.fault is not None
    assert turn.fault.may_have_been_charged


@pytest.mark.parametrize("trigger", [Trigger.APP, Trigger.HEADLESS])
@pytest.mark.parametrize(
    ("reads", "status"),
    [([MISSING], TurnStatus.NOT_DELIVERED), ([task(busy=True), task("there")], TurnStatus.COMPLETED)],
)
async def test_a_killed_start_is_settled_by_its_stored_target(
    trigger: Trigger, reads: list[str | ApiError], status: TurnStatus
) -> None:
    log, api = FakeLog(), FakeApi(follows=[MISSING] * 2, workers=list(reads), target="t1")
    request = TurnRequest("turn_a", "hello", 1000, trigger=trigger)

    def engine_of() -> Engine:
        policy = RetryPolicy(money_interval=None)
        context = ServiceContext(PLACE, generation="tasks")
        return Engine(api, log, FakeClock(), FakeIds(), policy, context=context)

    session = engine_of().new_session(PLACE)
    await log.open_turn(session, request)
    log.append("turn_a", note(0, Marker.SENDING, worker_id=None, begun="t1"))
    engine = engine_of()
    await engine.recover()
    settled = await engine.actor(session.session_id).settled()
    assert (settled.turns[0].status, settled.worker_id) == (status, "t1")
    assert api.posts == []


@pytest.mark.parametrize(
    ("later_s", "accepted", "status"),
    [
        (1.0, False, TurnStatus.SENDING),
        (200.0, False, TurnStatus.NOT_DELIVERED),
        (1.0, True, TurnStatus.ACCEPTED),
        (200.0, True, TurnStatus.UNKNOWN),
    ],
)
async def test_one_read_long_after_the_kill_proves_that_nothing_arrived_unless_it_was_accepted(
    later_s: float, accepted: bool, status: TurnStatus
) -> None:
    log, clock = FakeLog(), FakeClock()
    api = FakeApi(workers=[MISSING], target="t1")
    request = TurnRequest("turn_a", "hello", clock.now_ms(), trigger=Trigger.HEADLESS)

    def engine_of() -> Engine:
        context = ServiceContext(PLACE, generation="tasks")
        return Engine(api, log, clock, FakeIds(), RetryPolicy(money_interval=None), context=context)

    session = engine_of().new_session(PLACE)
    await log.open_turn(session, request)
    frames = [note(0, Marker.SENDING, worker_id=None, begun="t1"), note(1, Marker.OPENED, status=200)]
    for frame in frames[: 1 + accepted]:
        log.append("turn_a", frame._replace(at_ms=clock.now_ms()))
    clock.seconds += later_s
    engine = engine_of()
    await engine.settle_open_turns(5)
    (turn,) = (await engine.open(session.session_id)).turns
    assert (turn.status, api.posts) == (status, [])
    if turn.fault is not None:
        assert turn.fault.may_have_been_charged is accepted


async def test_a_second_message_goes_to_the_target_of_the_first() -> None:
    box = begun(task("there"))
    await box.engine.actor(box.session_id).send("hello")
    await box.settled()
    box.api.starts.append(LOST)
    await box.engine.actor(box.session_id).send("more")
    await box.settled()
    assert [request.target_id for request in box.api.posts] == [None, "t1"]


# -- the failed answer names the new worker ---------------------------------------------------
def named(trouble: ApiError) -> ApiError:
    trouble.worker_id = "w7"
    return trouble


@pytest.mark.parametrize(
    "trouble",
    [
        ServerFault(ErrorKind.GATEWAY, "Bad gateway (502).", http_status=502),
        BrokenContract(ErrorKind.DECODE, "The answer could not be read."),
        Doubtful(ErrorKind.REDIRECT, "See other (303).", http_status=303),
    ],
    ids=lambda trouble: type(trouble).__name__,
)
@pytest.mark.parametrize("missing", [0, 2])
async def test_a_worker_that_only_a_failed_answer_names_is_read(trouble: ApiError, missing: int) -> None:
    ours = worker("there", prompt="hello", id="w7")
    api = FakeApi(starts=[named(trouble)], workers=[*[MISSING] * missing, ours])
    box = rig(api, worker_id=None)
    await box.engine.actor(box.session_id).send("hello")
    session = await box.settled()
    (turn,) = session.turns
    assert (turn.status, turn.text, turn.recovered) == (TurnStatus.COMPLETED, "there", True)
    assert (session.worker_id, len(box.api.posts)) == ("w7", 1)
    assert fold(turn.request, box.log.stored[turn.turn_id]).worker_id == "w7"


async def test_a_worker_that_a_failed_answer_names_and_that_never_appears_is_unknown() -> None:
    api = FakeApi(starts=[named(ServerFault(ErrorKind.SERVER, "Server error (500)."))], workers=[MISSING])
    box = rig(api, worker_id=None)
    await box.engine.actor(box.session_id).send("hello")
    (turn,) = (await box.settled()).turns
    assert turn.status is TurnStatus.UNKNOWN
    assert turn.fault is not None
    assert turn.fault.may_have_been_charged


async def test_a_failed_answer_names_no_other_worker_for_a_turn_that_has_one() -> None:
    api = FakeApi(
        starts=[named(ServerFault(ErrorKind.SERVER, "Server error (500)."))],
        workers=[worker("", prompt="earlier"), worker("there", prompt="hello")],
    )
    box = rig(api)
    await box.engine.actor(box.session_id).send("hello")
    session = await box.settled()
    assert (session.worker_id, session.turns[-1].worker_id) == ("w1", "w1")
    assert session.turns[-1].text == "there"


async def test_an_error_that_ends_an_answer_without_a_worker_is_its_failure() -> None:
    error = RawFrame(Framing.SSE, json.dumps({"type": "error", "errorText": "no quota"}))
    box = rig(FakeApi(starts=[FakeReply([error], worker_id=None)]), worker_id=None)
    await box.engine.actor(box.session_id).send("hello")
    (turn,) = (await box.settled()).turns
    assert turn.status is TurnStatus.FAILED
    assert turn.fault is not None
    assert (turn.fault.message, turn.fault.may_have_been_charged) == ("no quota", True)


@pytest.mark.parametrize("is_readable", [True, False])
async def test_plain_text_is_an_answer_where_its_worker_can_be_read(is_readable: bool) -> None:
    page = BrokenContract(ErrorKind.UNEXPECTED_CONTENT, "A web page.")
    reply = FakeReply([RawFrame(Framing.TEXT, "Please sign in")], content_type="text/plain")
    after = worker("Please sign in", prompt="hello") if is_readable else page
    box = rig(FakeApi(starts=[reply], workers=[worker("", prompt="earlier"), after]))
    await box.engine.actor(box.session_id).send("hello")
    (turn,) = (await box.settled()).turns
    assert turn.status is (TurnStatus.COMPLETED if is_readable else TurnStatus.UNKNOWN)
    assert turn.text == "Please sign in"
