"""The queue of a session: what holds it, what continues it, what a person can change in it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from handinger_tui.core.acts import Act, Hold, HoldReason, Offer, SessionState
from handinger_tui.core.errors import Locked, NoHistory, NoRoom
from handinger_tui.core.turns.turn import WITHDRAWN, TurnRequest, TurnStatus
from handinger_tui.engine.engine import Engine
from handinger_tui.engine.inbox import Busy
from handinger_tui.engine.ports import RetryPolicy
from handinger_tui.engine.session_actor import ServiceContext
from tests.engine.fakes import (
    PLACE,
    FakeApi,
    FakeClock,
    FakeIds,
    FakeLog,
    FakeReply,
    Rig,
    Script,
    fails,
    rig,
    says,
    worker,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from handinger_tui.core.money.limits import Gauge
    from handinger_tui.core.stream import Frame
    from handinger_tui.core.turns.session import Session
    from handinger_tui.engine.ports import LimitReader
    from handinger_tui.engine.session_actor import SessionActor


def prompts(box: Rig) -> list[str]:
    return [request.prompt for request in box.api.posts]


def queued(box: Rig) -> list[str]:
    turns = {turn.turn_id: turn.request.prompt for turn in box.engine.session(box.session_id).turns}
    return [turns[turn_id] for turn_id in box.engine.actor(box.session_id).queue.ids]


async def running(box: Rig, prompt: str) -> str:
    """Send and wait until the answer has begun."""
    begun = asyncio.Event()
    unsubscribe = box.engine.subscribe(
        lambda sid: begun.set() if box.engine.session(sid).turns[-1].message_id else None
    )
    turn_id = await box.engine.actor(box.session_id).send(prompt)
    await begun.wait()
    unsubscribe()
    return turn_id


def detached_turn(*answers: Script, limits: LimitReader | None = None) -> Rig:
    """A session whose first answer never ends; when it is watched again it is complete."""
    forever = asyncio.Event()
    api = FakeApi(
        starts=[[*says("one", end=False), forever], *answers],
        follows=[says("one two")],
        workers=[
            worker("", prompt="earlier"),
            worker("one", prompt="first", busy=True),
            worker("one two", prompt="first"),
        ],
    )
    return rig(api, worker_id="w1", limits=limits)


async def test_a_detached_turn_that_is_watched_again_leaves_the_queue_held() -> None:
    box = detached_turn(says("2"), says("3"))
    await running(box, "first")
    for prompt in ("second", "third"):
        await box.engine.actor(box.session_id).send(prompt)
    box.engine.actor(box.session_id).detach()
    session = await box.settled()
    assert session.turns[0].status is TurnStatus.RUNNING
    assert (box.engine.actor(box.session_id).queue.hold, queued(box)) == (
        Hold(HoldReason.DETACHED),
        ["second", "third"],
    )
    await box.engine.actor(box.session_id).watch()
    session = await box.settled()
    assert session.turns[0].status is TurnStatus.COMPLETED
    assert (prompts(box), queued(box)) == (["first"], ["second", "third"])
    assert box.engine.actor(box.session_id).queue.hold == Hold(HoldReason.DETACHED)
    assert await box.engine.actor(box.session_id).resume() is None
    await box.settled()
    assert prompts(box) == ["first", "second", "third"]


async def test_a_message_to_a_worker_whose_turn_runs_unwatched_is_queued_and_held() -> None:
    """The service would refuse it with 409."""
    box = detached_turn(says("2"))
    await running(box, "first")
    actor = box.engine.actor(box.session_id)
    actor.detach()
    await box.settled()
    await actor.send("second")
    await box.settled()
    assert (prompts(box), queued(box)) == (["first"], ["second"])
    assert actor.gate.state == SessionState(busy=True, waiting=1, hold=Hold(HoldReason.DETACHED))


async def test_a_message_behind_a_detached_turn_with_a_queue_keeps_its_place() -> None:
    box = detached_turn(says("2"), says("3"))
    await running(box, "first")
    await box.engine.actor(box.session_id).send("second")
    box.engine.actor(box.session_id).detach()
    await box.settled()
    await box.engine.actor(box.session_id).send("third")
    await box.settled()
    assert (prompts(box), queued(box)) == (["first"], ["second", "third"])
    # Resuming sends nothing to a busy worker.
    assert await box.engine.actor(box.session_id).resume() == Hold(HoldReason.DETACHED)
    await box.settled()
    assert prompts(box) == ["first"]
    await box.engine.actor(box.session_id).watch()
    await box.settled()
    assert await box.engine.actor(box.session_id).resume() is None
    await box.settled()
    assert prompts(box) == ["first", "second", "third"]


# -- a message that is being edited -----------------------------------------------------------
@asynccontextmanager
async def editing(*behind: str, which: int = 0) -> AsyncIterator[tuple[Rig, SessionActor, str]]:
    """A queue whose turn has come while one of its messages is edited; and the id of that message."""
    gate = asyncio.Event()
    more = [says(text) for text in ("2", "3", "4")]
    box = rig(
        FakeApi(starts=[[*says("1", end=False), gate, *says(end=True)[2:]], *more], workers=[worker("x")])
    )
    await running(box, "first")
    actor = box.engine.actor(box.session_id)
    ids = [await actor.send(prompt) for prompt in behind]
    actor.gate.begin_edit(ids[which])
    gate.set()
    await box.settled()
    yield box, actor, ids[which]
    await box.engine.aclose()


async def test_the_queue_waits_at_the_message_that_is_edited_and_all_behind_it() -> None:
    async with editing("second", "third", "fourth", which=1) as (box, actor, third):
        assert (prompts(box), queued(box)) == (["first", "second"], ["third", "fourth"])
        assert actor.gate.state.waits_at_edit
        await actor.edit_queued(third, "THIRD")
        await box.settled()
        assert prompts(box) == ["first", "second", "THIRD", "fourth"]


async def test_a_canceled_edit_sends_nothing() -> None:
    async with editing("second", "third") as (box, actor, _second):
        actor.gate.end_edit()
        await box.settled()
        assert (prompts(box), queued(box)) == (["first"], ["second", "third"])
        assert actor.queue.hold == Hold(HoldReason.EDITED)
        assert await actor.resume() is None
        await box.settled()
        assert prompts(box) == ["first", "second", "third"]


@pytest.mark.parametrize("how", ["withdraw", "move", "edit another"])
async def test_nothing_but_its_return_sends_what_waits_for_an_edit(how: str) -> None:
    async with editing("second", "third") as (box, actor, second):
        if how == "withdraw":
            await actor.withdraw(second)
        elif how == "move":
            await actor.move_queued(second, 1)
        else:
            actor.gate.begin_edit(actor.queue.ids[1])
        await box.settled()
        assert prompts(box) == ["first"]
        assert actor.queue.hold == Hold(HoldReason.EDITED)


async def test_an_edited_message_cannot_be_sent_before_the_others_but_another_one_can() -> None:
    async with editing("second", "third") as (box, actor, second):
        with pytest.raises(Busy):
            await actor.resume(only=second)
        await actor.resume(only=actor.queue.ids[1])
        await box.settled()
        assert (prompts(box), queued(box)) == (["first", "third"], ["second"])
        assert actor.gate.state.waits_at_edit


@asynccontextmanager
async def at_work(box: Rig, name: str) -> AsyncIterator[None]:
    """Inside, the session waits for its history in method `name`: what is request of it waits its turn."""
    go_on = asyncio.Event()
    box.log.before[name] = go_on.wait
    try:
        yield
    finally:
        go_on.set()
        del box.log.before[name]


async def test_a_message_asked_for_before_an_edit_ends_waits_as_the_screen_says_by_then() -> None:
    async with editing("second", "third") as (box, actor, _second):
        async with at_work(box, "open_turn"):
            other = asyncio.create_task(actor.store_unsent("other", None, (), WITHDRAWN))
            request = asyncio.create_task(actor.resume(only=actor.queue.ids[1]))
            await asyncio.sleep(0)
            actor.gate.end_edit()
        assert await request == Hold(HoldReason.EDITED)
        await other
        await box.settled()
        assert (prompts(box), queued(box)) == (["first"], ["third", "second"])


async def test_a_queue_is_released_only_as_the_person_saw_it() -> None:
    box = detached_turn(says("2"), says("3"))
    await running(box, "first")
    actor = box.engine.actor(box.session_id)
    await actor.send("second")
    actor.detach()
    await box.settled()
    await actor.watch()
    await box.settled()
    async with at_work(box, "open_turn"):
        third = asyncio.create_task(actor.send("third", offer=Offer(Act.QUEUE_HELD, 0, asks=False, hint="")))
        request = asyncio.create_task(actor.resume())
        await asyncio.sleep(0)
    assert await request == Hold(HoldReason.DETACHED)
    await third
    await box.settled()
    assert (prompts(box), queued(box)) == (["first"], ["second", "third"])
    assert await actor.resume() is None
    await box.settled()
    assert prompts(box) == ["first", "second", "third"]


async def test_an_edit_that_begins_while_the_message_starts_keeps_it_back() -> None:
    gate = asyncio.Event()
    api = FakeApi(
        starts=[[*says("1", end=False), gate, *says(end=True)[2:]], says("2")], workers=[worker("x")]
    )
    box = rig(api)
    await running(box, "first")
    actor = box.engine.actor(box.session_id)
    second = await actor.send("second")

    async def edit() -> None:
        actor.gate.begin_edit(second)

    box.log.before["start_turn"] = edit
    gate.set()
    await box.settled()
    assert (prompts(box), queued(box)) == (["first"], ["second"])
    box.log.before.clear()
    await actor.edit_queued(second, "SECOND")
    await box.settled()
    assert prompts(box) == ["first", "SECOND"]


async def test_queued_messages_can_be_edited_moved_and_withdrawn() -> None:
    gate = asyncio.Event()
    api = FakeApi(starts=[[gate, *says("1")], says("2"), says("3"), says("4")], workers=[worker("x")])
    box = rig(api, worker_id=None)
    await box.engine.actor(box.session_id).send("one")
    ids = [await box.engine.actor(box.session_id).send(prompt) for prompt in ("two", "three", "four")]
    edited = await box.engine.actor(box.session_id).edit_queued(ids[1], "THREE")
    assert queued(box) == ["two", "THREE", "four"]
    await box.engine.actor(box.session_id).move_queued(edited, -1)
    assert queued(box) == ["THREE", "two", "four"]
    assert await box.engine.actor(box.session_id).withdraw(ids[0]) == "two"
    gate.set()
    session = await box.settled()
    assert prompts(box) == ["one", "THREE", "four"]
    sent = [turn.request.prompt for turn in session.turns if turn.status is TurnStatus.COMPLETED]
    assert sent == ["one", "THREE", "four"]
    with pytest.raises(Busy):
        await box.engine.actor(box.session_id).edit_queued(edited, "too late")


async def test_a_message_that_was_to_be_queued_does_not_pass_a_queue_that_is_held_by_then() -> None:
    """Enter was pressed when the screen said that it queues: the hold is newer than what was painted."""
    box = detached_turn(says("2"))
    await running(box, "first")
    actor = box.engine.actor(box.session_id)
    await actor.send("second")
    actor.detach()
    await box.settled()
    box.api.workers[:] = [worker("one two", prompt="first"), worker("x")]
    assert await actor.refresh()
    await actor.send("third", offer=Offer(Act.SEND, 1, asks=False, hint=""))
    await box.settled()
    assert (prompts(box), queued(box)) == (["first"], ["second", "third"])
    assert actor.queue.hold == Hold(HoldReason.DETACHED)


async def test_one_held_message_is_sent_before_the_others_which_stay_held() -> None:
    box = detached_turn(says("3"), says("2"))
    await running(box, "first")
    for prompt in ("second", "third"):
        await box.engine.actor(box.session_id).send(prompt)
    actor = box.engine.actor(box.session_id)
    actor.detach()
    await box.settled()
    third = actor.queue.ids[1]
    # The worker still runs the detached turn: the message becomes the next one.
    assert await actor.resume(only=third)
    assert (queued(box), prompts(box)) == (["third", "second"], ["first"])
    box.api.workers[:] = [worker("one two", prompt="first"), worker("x")]
    assert await actor.refresh_detached()
    assert await actor.resume(only=third)
    await box.settled()
    assert (prompts(box), queued(box)) == (["first", "third"], ["second"])
    assert actor.queue.hold is not None
    with pytest.raises(Busy):
        await actor.resume(only=third)


@dataclass
class DetachingLimits:
    """No limits; the person presses Esc while they are read, once `actor` is set."""

    actor: SessionActor | None = None

    async def gauges(self, _session: Session) -> tuple[Gauge, ...]:
        if self.actor is not None:
            self.actor.detach()
        return ()


async def test_a_detach_while_the_limits_are_read_stops_the_message_that_was_to_go_first() -> None:
    limits = DetachingLimits()
    box = detached_turn(says("2"), limits=limits)
    actor = box.engine.actor(box.session_id)
    await running(box, "first")
    await actor.send("second")
    actor.detach()
    await box.settled()
    box.api.workers[:] = [worker("one two", prompt="first"), worker("x")]
    assert await actor.refresh_detached()
    limits.actor = actor
    assert await actor.resume(only=actor.queue.ids[0]) == Hold(HoldReason.DETACHED)
    await box.settled()
    assert (prompts(box), queued(box)) == (["first"], ["second"])
    limits.actor = None
    await actor.resume(only=actor.queue.ids[0])
    await box.settled()
    assert prompts(box) == ["first", "second"]


async def test_a_message_sent_before_the_others_while_a_turn_runs_is_the_next_one() -> None:
    gate = asyncio.Event()
    answers = [[*says("1", end=False), gate, *says(end=True)[2:]], says("3"), says("2")]
    box = rig(FakeApi(starts=[*answers], workers=[worker("x")]))
    await running(box, "first")
    for prompt in ("second", "third"):
        await box.engine.actor(box.session_id).send(prompt)
    actor = box.engine.actor(box.session_id)
    await actor.resume(only=actor.queue.ids[1])
    gate.set()
    await box.settled()
    assert prompts(box) == ["first", "third", "second"]


async def test_a_reordered_queue_keeps_its_order_after_a_crash() -> None:
    box = rig(FakeApi(starts=[[asyncio.Event()]], workers=[worker("x")]), worker_id=None)
    await box.engine.actor(box.session_id).send("one")
    ids = [await box.engine.actor(box.session_id).send(prompt) for prompt in ("two", "three")]
    await box.engine.actor(box.session_id).move_queued(ids[1], -1)
    again = Engine(
        box.api,
        box.log,
        FakeClock(),
        FakeIds(100),
        RetryPolicy(money_interval=None),
        context=ServiceContext(PLACE),
    )
    await again.recover()
    assert again.actor(box.session_id).queue.ids == (ids[1], ids[0])
    assert again.actor(box.session_id).queue.hold == Hold(HoldReason.RESTORED)
    again.actor(box.session_id).detach()
    box.engine.actor(box.session_id).detach()


@pytest.mark.parametrize("problem", [Locked("The history is busy."), NoRoom("The disk is full.")])
async def test_a_history_that_fails_at_the_end_of_a_turn_holds_the_queue(problem: Exception) -> None:
    gate = asyncio.Event()
    api = FakeApi(starts=[[gate, *says("1")], says("4"), says("2")], workers=[worker("x")])
    box = rig(api)
    await box.engine.actor(box.session_id).send("one")
    await box.engine.actor(box.session_id).send("two")
    box.log.before["close_turn"] = fails(problem)
    gate.set()
    await box.settled()
    hold = box.engine.actor(box.session_id).queue.hold
    assert hold is not None
    assert (hold.reason, hold.detail) == (HoldReason.UNREADABLE, str(problem))
    # The new message is sent, not the waiting one.
    box.log.before.clear()
    await box.engine.actor(box.session_id).send("four")
    await box.settled()
    assert (prompts(box), queued(box)) == (["one", "four"], ["two"])
    # The turn that could not be closed was closed later.
    assert len(box.log.closed) == len(set(box.log.closed)) == 2


async def test_a_history_that_is_lost_while_a_turn_runs_holds_the_queue() -> None:
    gate = asyncio.Event()
    box = rig(FakeApi(starts=[[gate, *says("1")], says("2")], workers=[worker("x")]))
    actor = box.engine.actor(box.session_id)
    await actor.send("one")
    await actor.send("two")
    box.log.no_history = NoHistory("The history was damaged.")
    gate.set()
    await box.settled()
    assert actor.queue.hold == Hold(HoldReason.UNREADABLE, detail="The history was damaged.")
    assert (prompts(box), queued(box)) == (["one"], ["two"])
    box.log.no_history = None
    await actor.resume()
    await box.settled()
    assert prompts(box) == ["one", "two"]


async def test_an_unreadable_queued_message_is_held_and_not_lost() -> None:
    gate = asyncio.Event()
    api = FakeApi(starts=[[gate, *says("1")], says("2")], workers=[worker("x")])
    box = rig(api)
    await box.engine.actor(box.session_id).send("one")
    await box.engine.actor(box.session_id).send("two")
    box.log.before["frames"] = fails(Locked("The history is busy."))
    gate.set()
    await box.settled()
    assert (prompts(box), queued(box)) == (["one"], ["two"])
    box.log.before.clear()
    assert await box.engine.actor(box.session_id).resume() is None
    await box.settled()
    assert (prompts(box), queued(box)) == (["one", "two"], [])


async def test_an_edit_that_cannot_be_stored_leaves_the_queued_message() -> None:
    api = FakeApi(starts=[[asyncio.Event()]], workers=[worker("x")])
    box = rig(api)
    await box.engine.actor(box.session_id).send("one")
    second = await box.engine.actor(box.session_id).send("two")
    box.log.before["open_turn"] = fails(NoRoom("The disk is full."))
    with pytest.raises(NoRoom):
        await box.engine.actor(box.session_id).edit_queued(second, "TWO")
    assert queued(box) == ["two"]
    await box.engine.aclose()


@dataclass
class BrokenLog(FakeLog):
    """It has a bug, which every frame runs into."""

    def append(self, turn_id: str, frame: Frame) -> None:
        raise RuntimeError("a bug of ours")


async def test_an_internal_error_during_a_turn_ends_it_with_a_status_and_a_message() -> None:
    api = FakeApi(starts=[says("1"), says("2")], workers=[worker("x")])
    box = rig(api, log=BrokenLog())
    await box.engine.actor(box.session_id).send("one")
    (turn,) = (await box.settled()).turns
    assert (turn.status, api.posts) == (TurnStatus.UNKNOWN, [])
    assert turn.fault is not None
    assert "a bug of ours" in turn.fault.message


# -- closing -----------------------------------------------------------------------------------------
async def test_a_send_whose_caller_is_cancelled_is_stored_and_never_sent() -> None:
    storing, go_on = asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        storing.set()
        await go_on.wait()

    box = rig(FakeApi(starts=[says("1")], workers=[worker("x")]))
    box.log.before["open_turn"] = wait
    sending = asyncio.create_task(box.engine.actor(box.session_id).send("one"))
    await storing.wait()
    sending.cancel()
    go_on.set()
    session = await box.settled()
    assert (box.api.posts, [turn.status for turn in session.turns]) == ([], [TurnStatus.NOT_SENT])
    assert session.turns[0].draft == "one"


@pytest.mark.parametrize("departed", [False, True])
async def test_stopping_while_the_request_connects_depends_on_whether_a_byte_was_sent(departed: bool) -> None:
    gate, connecting = asyncio.Event(), asyncio.Event()

    class Connecting(FakeApi):
        @asynccontextmanager
        async def start_turn(
            self, request: TurnRequest, leaves: Callable[[], None] = lambda: None
        ) -> AsyncIterator[FakeReply]:
            if departed:
                leaves()
            connecting.set()
            await gate.wait()
            yield FakeReply([])

    box = rig(Connecting(workers=[worker("", prompt="earlier")]))
    await box.engine.actor(box.session_id).send("one")
    await connecting.wait()
    box.engine.actor(box.session_id).stop()
    (turn,) = (await box.settled()).turns
    assert turn.status is (TurnStatus.UNKNOWN if departed else TurnStatus.NOT_SENT)
    assert turn.fault is not None
    assert turn.fault.may_have_been_charged is departed


async def test_a_run_cancelled_before_its_first_step_has_a_final_status() -> None:
    box = rig(FakeApi(starts=[says("1")], workers=[worker("x")]))
    await box.engine.actor(box.session_id).send("one")
    box.engine.actor(box.session_id).detach()
    (turn,) = (await box.settled()).turns
    assert (turn.status, box.api.posts) == (TurnStatus.NOT_SENT, [])
    assert box.log.closed == [turn.turn_id]


# -- open turns --------------------------------------------------------------------------------------
async def test_one_reading_settles_every_open_turn() -> None:
    forever = asyncio.Event()
    both = worker(
        "second answer",
        messages=[
            {"id": "u1", "role": "user", "parts": [{"type": "text", "text": "first"}]},
            {"id": "a1", "role": "assistant", "parts": [{"type": "text", "text": "first answer"}]},
            {"id": "u2", "role": "user", "parts": [{"type": "text", "text": "second"}]},
            {"id": "a2", "role": "assistant", "parts": [{"type": "text", "text": "second answer"}]},
        ],
        usage={"costUsd": 3},
    )
    busy = worker("fir", prompt="first", busy=True, usage={"costUsd": 1})
    api = FakeApi(
        starts=[[*says("fir", end=False), forever], says("second answer", message_id="a2")],
        workers=[worker("", prompt="earlier", usage={"costUsd": 0}), busy, both],
    )
    box = rig(api)
    await running(box, "first")
    box.engine.actor(box.session_id).detach()
    await box.settled()
    await box.engine.actor(box.session_id).send("second")
    await box.settled()
    assert len(api.posts) == 1, "the worker is busy"
    # It is idle by now.
    api.workers[:] = [worker("first answer", prompt="first"), both]
    assert await box.engine.actor(box.session_id).refresh()
    await box.engine.actor(box.session_id).resume()
    session = await box.settled()
    first, second = session.turns
    assert (first.status, first.text) == (TurnStatus.COMPLETED, "first answer")
    assert (second.status, second.text) == (TurnStatus.COMPLETED, "second answer")
    # The total after the second turn is not the cost of the first one.
    assert first.snapshot is None or first.snapshot.usage.cost_usd != 3
    assert len(api.posts) == 2


async def test_the_worker_of_another_service_is_neither_read_nor_watched() -> None:
    """Its id means another worker here, or none, and the turn would be called lost."""
    box = detached_turn()
    await running(box, "first")
    box.engine.actor(box.session_id).detach()
    await box.settled()
    elsewhere = Engine(
        box.api,
        box.log,
        FakeClock(),
        FakeIds(100),
        RetryPolicy(),
        context=ServiceContext("https://other.test"),
    )
    await elsewhere.open(box.session_id)
    actor, reads = elsewhere.actor(box.session_id), box.api.reads
    await actor.watch()
    assert not await actor.refresh()
    assert (actor.running, box.api.reads) == (False, reads)
    assert actor.session.turns[0].status is TurnStatus.RUNNING


async def test_a_message_shown_as_waiting_waits_also_where_its_turn_is_watched_by_then() -> None:
    box = detached_turn(says("Two", message_id="b"))
    turn_id = await running(box, "one")
    actor = box.engine.actor(box.session_id)
    actor.detach()
    await actor.settled()
    # Between Enter and its handling the program comes back to the turn.
    await actor.watch(turn_id)
    await actor.send("two", offer=Offer(Act.QUEUE_BUSY, 0, asks=False, hint=""))
    await actor.settled()
    assert actor.queue.hold == Hold(HoldReason.DETACHED)
    assert prompts(box) == ["one"]
    assert queued(box) == ["two"]
