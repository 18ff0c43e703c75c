"""After a crash: a turn that may have been sent is settled by GETs, any other becomes a draft."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from msgspec.structs import replace

from handinger_tui.core.acts import Hold, HoldReason
from handinger_tui.core.jsontext import dump
from handinger_tui.core.stream import Frame, Framing, Marker, RawFrame
from handinger_tui.core.turns.session import Session
from handinger_tui.core.turns.turn import Trigger, TurnRequest, TurnStatus
from handinger_tui.engine.engine import Engine
from handinger_tui.engine.ports import RetryPolicy
from handinger_tui.engine.session_actor import ServiceContext
from tests.engine.fakes import PLACE, FakeApi, FakeClock, FakeIds, FakeLog, says, worker

ORDER = TurnRequest("turn_a", "hello", 1000, "w1")


def note(seq: int, name: Marker, **data: object) -> Frame:
    return Frame(seq, 1000 + seq, Framing.NOTE, dump(data), name)


SENDING = note(0, Marker.SENDING, worker_id="w1")
OPENED = note(
    1, Marker.OPENED, via="post", status=200, content_type="text/event-stream", encoding="", worker_id=None
)


def crashed(*frames: Frame, base_url: str = PLACE) -> FakeLog:
    """The log of a killed program."""
    log = FakeLog()
    log.sessions["ses_a"] = Session("ses_a", 1000, "w1", base_url=base_url)
    log.home["ses_a"] = [ORDER.turn_id]
    log.requests[ORDER.turn_id] = ORDER
    log.stored[ORDER.turn_id] = list(frames)
    return log


def engine_on(log: FakeLog, api: FakeApi, *, forgetful: bool = False) -> Engine:
    return Engine(
        api,
        log,
        FakeClock(),
        FakeIds(),
        RetryPolicy(money_interval=None),
        context=ServiceContext(PLACE, forgetful),
    )


async def settle_as_doubtful(engine: Engine) -> None:
    """Settle the open turns: the only turn is in doubt then, and may have been charged."""
    await engine.settle_open_turns(5)
    (turn,) = (await engine.open("ses_a")).turns
    assert turn.status is TurnStatus.UNKNOWN
    assert turn.fault is not None
    assert turn.fault.may_have_been_charged


async def test_a_message_killed_before_the_request_is_queued_and_held() -> None:
    log = crashed()
    api = FakeApi(starts=[says("hi")], workers=[worker(), worker("hi", prompt="hello")])
    engine = engine_on(log, api)
    assert await engine.recover() == ["ses_a"]
    turn = (await engine.actor("ses_a").settled()).turns[0]
    assert (turn.status, engine.actor("ses_a").queue.ids) == (TurnStatus.QUEUED, ("turn_a",))
    assert engine.actor("ses_a").queue.hold == Hold(HoldReason.RESTORED)
    assert (api.posts, api.reads) == ([], 0)
    assert await engine.actor("ses_a").resume() is None
    turn = (await engine.actor("ses_a").settled()).turns[0]
    assert (turn.status, turn.text, len(api.posts)) == (TurnStatus.COMPLETED, "hi", 1)


async def test_a_message_of_a_script_killed_before_the_request_is_not_sent() -> None:
    log, api = crashed(), FakeApi(workers=[worker()])
    log.requests["turn_a"] = replace(ORDER, trigger=Trigger.HEADLESS)
    engine = engine_on(log, api)
    await engine.recover()
    turn = (await engine.actor("ses_a").settled()).turns[0]
    assert (turn.status, turn.draft) == (TurnStatus.NOT_SENT, "hello")
    assert (api.posts, api.reads, log.closed) == ([], 0, ["turn_a"])


async def test_killed_before_any_answer_is_settled_as_recovered() -> None:
    log, api = crashed(SENDING), FakeApi(workers=[worker("there", prompt="hello")])
    engine = engine_on(log, api)
    await engine.recover()
    turn = (await engine.actor("ses_a").settled()).turns[0]
    assert (turn.status, turn.text, turn.recovered) == (TurnStatus.COMPLETED, "there", True)
    assert api.posts == []


async def test_killed_before_any_answer_and_missing_at_the_worker_is_not_delivered() -> None:
    log, api = crashed(SENDING), FakeApi(workers=[worker("", prompt="another")])
    engine = engine_on(log, api)
    await engine.recover()
    turn = (await engine.actor("ses_a").settled()).turns[0]
    assert (turn.status, turn.draft) == (TurnStatus.NOT_DELIVERED, "hello")
    assert api.posts == []


async def test_a_message_of_which_no_reading_shows_whether_it_arrived_is_in_doubt() -> None:
    # Its worker was not read before it was sent, so that the worker does not list it proves nothing.
    log = crashed(SENDING)
    api = FakeApi(workers=[worker("one", prompt="earlier")])
    engine = engine_on(log, api)
    await settle_as_doubtful(engine)
    api.workers = [worker("hi", prompt="hello")]
    await engine.actor("ses_a").refresh()
    (turn,) = engine.session("ses_a").turns
    assert (turn.status, turn.text, api.posts) == (TurnStatus.COMPLETED, "hi", [])


@pytest.mark.parametrize("is_accepted", [False, True])
async def test_a_turn_of_a_new_worker_that_was_never_named_does_not_run_for_ever(is_accepted: bool) -> None:
    sending = note(0, Marker.SENDING, worker_id=None)
    settled = note(2, Marker.SETTLED, status="running", recovered=False, fault=None)
    log = crashed(*([sending, OPENED, settled] if is_accepted else [sending]))
    log.sessions["ses_a"] = replace(log.sessions["ses_a"], worker_id=None)
    log.requests[ORDER.turn_id] = replace(ORDER, target_id=None)
    if is_accepted:
        log.closed.append(ORDER.turn_id)
    api = FakeApi()
    engine = engine_on(log, api)
    await settle_as_doubtful(engine)
    assert (api.posts, api.reads, log.closed[-1]) == ([], 0, ORDER.turn_id)


async def test_killed_in_the_stream_is_watched_to_its_end() -> None:
    streamed = [
        Frame(2 + at, 1100 + at, piece.framing, piece.data, piece.event)
        for at, piece in enumerate(says("one ", end=False))
        if isinstance(piece, RawFrame)
    ]
    log = crashed(SENDING, OPENED, *streamed)
    api = FakeApi(
        follows=[says("one ", "two")],
        workers=[worker("one ", prompt="hello", busy=True), worker("one two", prompt="hello")],
    )
    engine = engine_on(log, api)
    await engine.recover()
    turn = (await engine.actor("ses_a").settled()).turns[0]
    assert (turn.status, turn.text) == (TurnStatus.COMPLETED, "one two")
    assert api.posts == []


async def test_a_session_that_another_program_deletes_during_the_recovery_is_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log = crashed(SENDING)
    engine = engine_on(log, FakeApi())
    unsettled = log.unsettled

    async def delete_then() -> list[tuple[Session, TurnRequest]]:
        rows = await unsettled()
        log.sessions.clear()
        return rows

    monkeypatch.setattr(log, "unsettled", delete_then)
    assert await engine.recover() == []


async def test_turns_of_another_service_are_ignored() -> None:
    log, api = crashed(SENDING, base_url="https://other.test"), FakeApi(workers=[worker()])
    assert await engine_on(log, api).recover() == []
    assert api.reads == 0


async def test_a_local_worker_that_no_longer_exists_is_reported() -> None:
    log, api = crashed(SENDING, OPENED), FakeApi(workers=[worker()])
    engine = engine_on(log, api, forgetful=True)
    await engine.recover()
    turn = (await engine.actor("ses_a").settled()).turns[0]
    assert turn.status is TurnStatus.INCOMPLETE
    assert turn.fault is not None
    assert "local worker" in turn.fault.message
    assert api.reads == 0


async def test_a_queued_turn_of_another_program_is_never_sent_here() -> None:
    log = crashed()
    api = FakeApi(starts=[says("ours")], workers=[worker("x", prompt="something else")])
    engine = engine_on(log, api)
    await engine.open("ses_a")
    ours = await engine.actor("ses_a").send("ours please")
    await engine.actor("ses_a").settled()
    await engine.aclose()
    assert [request.turn_id for request in api.posts] == [ours]
    assert log.stored["turn_a"] == []


async def detached_turn() -> tuple[FakeLog, Frame]:
    settled = note(2, Marker.SETTLED, status="running", recovered=False, fault=None)
    log = crashed(SENDING, OPENED, settled)
    log.closed.append("turn_a")
    return log, settled


async def test_a_detached_turn_of_an_ended_local_worker_is_not_running() -> None:
    log, _ = await detached_turn()
    api = FakeApi(workers=[worker()])
    engine = engine_on(log, api, forgetful=True)
    session = await engine.open("ses_a")
    assert session.worker_id is None
    assert [turn.status for turn in session.turns] == [TurnStatus.INCOMPLETE]
    assert api.reads == 0


async def test_a_turn_that_ended_while_detached_is_fetched_with_one_read() -> None:
    log, _ = await detached_turn()
    api = FakeApi(workers=[worker("all of it", prompt="hello")])
    engine = engine_on(log, api)
    await engine.open("ses_a")
    assert await engine.actor("ses_a").refresh_detached()
    turn = engine.session("ses_a").turns[0]
    assert (turn.status, turn.text) == (TurnStatus.COMPLETED, "all of it")
    assert (api.posts, api.reads) == ([], 1)


async def test_a_turn_that_still_runs_keeps_its_partial_answer() -> None:
    log, _ = await detached_turn()
    api = FakeApi(workers=[worker("so far", prompt="hello", busy=True)])
    engine = engine_on(log, api)
    await engine.open("ses_a")
    assert not await engine.actor("ses_a").refresh_detached()
    turn = engine.session("ses_a").turns[0]
    assert (turn.status, turn.text) == (TurnStatus.RUNNING, "so far")


async def test_a_turn_of_another_client_without_frames_is_not_our_draft() -> None:
    log, api = crashed(), FakeApi(workers=[worker("theirs", prompt="hello")])
    log.requests["turn_a"] = replace(ORDER, seen_before=0)
    engine = engine_on(log, api)
    await engine.recover()
    turn = (await engine.actor("ses_a").settled()).turns[0]
    assert (turn.status, turn.text) == (TurnStatus.COMPLETED, "theirs")
    assert api.posts == []


async def test_a_turn_that_ended_but_was_not_closed_is_closed_without_a_request() -> None:
    settled = note(2, Marker.SETTLED, status="completed", recovered=False, fault=None)
    log, api = crashed(SENDING, OPENED, settled), FakeApi(workers=[worker()])
    engine = engine_on(log, api)
    await engine.recover()
    turn = (await engine.actor("ses_a").settled()).turns[0]
    assert (turn.status, log.closed, api.reads) == (TurnStatus.COMPLETED, ["turn_a"], 0)


@dataclass
class StaleLog(FakeLog):
    """Repeats its first answer, like a request that was already under way."""

    first: list[tuple[Session, TurnRequest]] | None = None

    async def unsettled(self) -> list[tuple[Session, TurnRequest]]:
        self.first = self.first or await super().unsettled()
        return self.first


async def test_two_simultaneous_recoveries_send_a_restored_message_once() -> None:
    before = crashed()
    log = StaleLog(before.requests, before.stored, before.sessions, home=before.home)
    api = FakeApi(starts=[says("hi"), says("again")], workers=[worker(), worker("hi", prompt="hello")])
    engine = engine_on(log, api)
    await engine.recover()
    assert await engine.actor("ses_a").resume() is None
    await engine.recover()
    await engine.actor("ses_a").settled()
    await engine.actor("ses_a").resume()
    await engine.actor("ses_a").settled()
    assert len(api.posts) == 1


async def test_a_worker_is_read_although_messages_wait_behind_its_turn() -> None:
    log, _ = await detached_turn()
    waiting = replace(ORDER, turn_id="turn_b", prompt="later")
    log.requests["turn_b"], log.stored["turn_b"] = waiting, []
    log.home["ses_a"].append("turn_b")
    api = FakeApi(workers=[worker("all of it", prompt="hello")])
    engine = engine_on(log, api)
    assert [one.session_id for one in await engine.settle_open_turns(5)] == ["ses_a"]
    ended, queued = engine.session("ses_a").turns
    assert (ended.status, ended.text, queued.status) == (
        TurnStatus.COMPLETED,
        "all of it",
        TurnStatus.QUEUED,
    )
    assert (api.posts, api.reads) == ([], 1)
