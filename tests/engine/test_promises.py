"""Every promise can be broken, and the watchman reports it: the test plays a misbehaving engine."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from msgspec.structs import replace

from handinger_tui.core.stream import Frame, Framing
from handinger_tui.core.turns.session import Session
from handinger_tui.core.turns.turn import Turn, TurnRequest, TurnStatus
from handinger_tui.engine.inbox import Busy
from tests.engine.final_checks import finish
from tests.engine.history import Limits
from tests.engine.promises import Fate, Message, Promise
from tests.engine.scheduler import OldestFirst
from tests.engine.world import Setting, World

Misdeed = Callable[[World], None]


def calm_world(*, limited: bool = False) -> World:
    return World(OldestFirst(), Setting(limited=limited))


def written(world: World) -> tuple[Message, TurnRequest]:
    """A message that is stored and not yet POSTed, and its request."""
    at = world.watchman.acting("send", world.sessions[0])
    text = world.new_text()
    message = world.watchman.sending(world.sessions[0], text, at, held=False)
    request = TurnRequest(f"turn of {text}", text, 0, "w0")
    world.watchman.storing(world.session(world.sessions[0]), request)
    world.watchman.reserving(request.turn_id)
    message.fate = Fate.RETURNED
    return message, request


def post_twice(world: World) -> None:
    _, request = written(world)
    world.watchman.posting(request)
    world.watchman.posting(request)


def post_what_was_refused(world: World) -> None:
    message, request = written(world)
    message.fate = Fate.RAISED
    world.watchman.posting(request)


def post_a_withdrawn_message(world: World) -> None:
    message, request = written(world)
    message.given_back = 1
    world.watchman.posting(request)


def post_what_is_not_stored(world: World) -> None:
    world.watchman.posting(TurnRequest("turn_9", "nobody wrote this", 0, "w0"))


def post_to_another_worker(world: World) -> None:
    _, request = written(world)
    world.watchman.posting(TurnRequest(request.turn_id, request.prompt, 0, "w7"))


def post_another_text(world: World) -> None:
    _, request = written(world)
    world.watchman.posting(TurnRequest(request.turn_id, "another text", 0, "w0"))


def post_the_later_one_first(world: World) -> None:
    _, first = written(world)
    _, second = written(world)
    world.watchman.posting(second)
    world.watchman.posting(first)


def post_after_leaving(world: World) -> None:
    _, request = written(world)
    world.watchman.talk(world.sessions[0]).held_at = world.watchman.now()
    world.watchman.posting(request)


def post_from_a_held_queue(world: World) -> None:
    message, request = written(world)
    message.queue_held_at = world.watchman.now()
    world.watchman.posting(request)


def post_what_is_edited(world: World) -> None:
    _, request = written(world)
    world.watchman.talk(world.sessions[0]).edited = request.turn_id
    world.watchman.posting(request)


def post_past_what_is_edited(world: World) -> None:
    _, edited = written(world)
    _, request = written(world)
    world.watchman.editing(world.sessions[0], edited.turn_id)
    world.watchman.posting(request)


def post_without_a_reading(world: World) -> None:
    _, request = written(world)
    world.watchman.posting(request)


def post_after_an_old_reading(world: World) -> None:
    world.watchman.measured(world.sessions[0], world.watchman.now(), allowed=True)
    _, request = written(world)
    world.watchman.measured(world.sessions[0], world.watchman.now(), allowed=False)
    world.watchman.posting(request)


def post_without_a_reservation(world: World) -> None:
    _, request = written(world)
    world.watchman.releasing(request.turn_id)
    world.watchman.posting(request)


def post_while_closing(world: World) -> None:
    _, request = written(world)
    world.watchman.acting("aclose", "")
    world.watchman.posting(request)


def listen_twice(world: World) -> None:
    world.watchman.opening("w0")
    world.watchman.opening("w0")


def number_twice(world: World) -> None:
    world.watchman.appending("turn_1", Frame(3, 0, Framing.NOTE, "{}"), 4)


@pytest.mark.parametrize(
    ("promise", "misdeed"),
    [
        (Promise.ONCE, post_twice),
        (Promise.REFUSED, post_what_was_refused),
        (Promise.WITHDRAWN, post_a_withdrawn_message),
        (Promise.STORED, post_what_is_not_stored),
        (Promise.TARGET, post_to_another_worker),
        (Promise.TEXT, post_another_text),
        (Promise.ORDER, post_the_later_one_first),
        (Promise.HELD, post_after_leaving),
        (Promise.RELEASED, post_from_a_held_queue),
        (Promise.EDITED, post_what_is_edited),
        (Promise.EDITED, post_past_what_is_edited),
        (Promise.LIMIT, post_without_a_reading),
        (Promise.LIMIT, post_after_an_old_reading),
        (Promise.RESERVED, post_without_a_reservation),
        (Promise.CLOSED, post_while_closing),
        (Promise.ALONE, listen_twice),
        (Promise.FRAMES, number_twice),
    ],
)
def test_a_violation_breaks_its_own_promise_only(promise: Promise, misdeed: Misdeed) -> None:
    world = calm_world(limited=promise is Promise.LIMIT)
    misdeed(world)
    assert {broken for broken, _ in world.watchman.broken} == {promise}


def replace_session(world: World, *turns: Turn) -> None:
    """The engine shows these turns and no others."""
    session_id = world.sessions[0]
    shown = world.session(session_id)
    shown = replace(shown, turns=turns)

    def session(session_id: str) -> Session:
        return shown

    world.engine.session = session  # type: ignore[method-assign] # an engine that misbehaves


def lose_a_message(world: World) -> None:
    written(world)


def call_it_unsent(world: World) -> None:
    message, request = written(world)
    world.service.worker("w0").ask(message.texts[0])
    world.watchman.ended.add(request.turn_id)
    replace_session(world, Turn(request, TurnStatus.NOT_SENT))


def never_end(world: World) -> None:
    _, request = written(world)
    replace_session(world, Turn(request, TurnStatus.ACCEPTED))


def queue_for_ever(world: World) -> None:
    _, request = written(world)
    replace_session(world, Turn(request, TurnStatus.QUEUED))


def end_without_closing(world: World) -> None:
    _, request = written(world)
    replace_session(world, Turn(request, TurnStatus.COMPLETED))


def store_it_twice(world: World) -> None:
    session = world.session(world.sessions[0])
    for turn_id in ("turn_8", "turn_9"):
        world.history.enter(session, TurnRequest(turn_id, "from elsewhere", 0, "w0"), ())


def fail_unheard(world: World) -> None:
    async def fail() -> None:
        raise ValueError("unheard")

    world.loop.create_task(fail())


def leave_a_task(world: World) -> None:
    world.loop.create_task(asyncio.Event().wait())


def never_return(world: World) -> None:
    async def wait() -> None:
        await asyncio.Event().wait()

    world.start(wait(), "wait")


@pytest.mark.parametrize(
    ("promise", "misdeed"),
    [
        (Promise.KEPT, lose_a_message),
        (Promise.TRUE, call_it_unsent),
        (Promise.ENDS, never_end),
        (Promise.ENDS, never_return),
        (Promise.QUEUE, queue_for_ever),
        (Promise.BOOKED, end_without_closing),
        (Promise.BOOKED, store_it_twice),
        (Promise.HEARD, fail_unheard),
        (Promise.TASKS, leave_a_task),
    ],
)
def test_the_final_check_reports_violations(promise: Promise, misdeed: Misdeed) -> None:
    world = calm_world()
    misdeed(world)
    finish(world)
    assert promise in {broken for broken, _ in world.watchman.broken}


def test_a_text_is_returned_once() -> None:
    world = calm_world()
    session_id = world.sessions[0]
    world.send(session_id)
    world.send(session_id)
    world.run(200)
    message = world.watchman.messages[0]
    world.engine.actor(session_id).withdraw = give_back  # type: ignore[method-assign] # it gives it back each time
    for _ in range(2):
        world.withdraw(session_id, Turn(TurnRequest(message.turn_id, message.texts[0], 0)))
        world.run(5)
    assert Promise.GIVEN_BACK in {broken for broken, _ in world.watchman.broken}


async def give_back(turn_id: str) -> str:
    return "message 1"


def test_a_release_that_is_refused_takes_back_no_other_release(monkeypatch: pytest.MonkeyPatch) -> None:
    world = calm_world()
    (session_id, *_) = world.sessions
    message, request = written(world)
    world.watchman.by_turn[request.turn_id] = message
    world.watchman.talk(session_id).held_at = world.watchman.now()
    results = iter([None, Busy("This message is already being sent.")])

    async def resume(*_given: object) -> None:
        if (problem := next(results)) is not None:
            raise problem

    monkeypatch.setattr(world.engine.actor(session_id), "resume", resume)
    for _ in range(2):
        world.send_queued(session_id, Turn(request))
    world.run(5)
    world.watchman.posting(request)
    assert world.watchman.broken == []


def test_a_normal_life_breaks_no_promise() -> None:
    for limited in (False, True):
        world = calm_world(limited=limited)
        world.send(world.sessions[0])
        world.send(world.sessions[0])
        world.run(30)
        world.crash()
        world.run(30)
        world.send(world.sessions[0])
        world.wallet.state = Limits.REACHED
        finish(world)
        assert world.watchman.broken == []
        assert "message 1" in [job.prompt for job in world.service.worker("w0").jobs]
