"""Races that were lost once, one test for each."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from typing import TYPE_CHECKING

from handinger_tui.core.errors import Refused
from handinger_tui.core.turns.turn import ErrorKind, TurnStatus
from handinger_tui.engine.engine import Engine
from handinger_tui.engine.ports import RetryPolicy
from handinger_tui.engine.session_actor import ServiceContext
from handinger_tui.ledger.ledger import Ledger
from tests.engine.doors import Door
from tests.engine.fakes import PLACE, FakeApi, FakeClock, FakeIds, says
from tests.engine.final_checks import finish
from tests.engine.history import Limits
from tests.engine.scheduler import OldestFirst
from tests.engine.world import Setting, World
from tests.ledger.charge_rows import spent

if TYPE_CHECKING:
    from pathlib import Path


def world_of(*, limited: bool = False) -> World:
    return World(OldestFirst(), Setting(limited=limited))


def run_until(world: World, status: TurnStatus) -> None:
    """Run until the newest turn that was sent has this status."""
    session_id = world.sessions[0]
    for _ in range(500):
        turn = world.session(session_id).sent
        if turn is not None and turn.status is status:
            return
        world.run(1)
    raise AssertionError(f"no turn is {status}:\n{world.watchman.account()}")


def detached_turn(world: World) -> str:
    """A message whose turn was detached while it ran; returns its session."""
    session_id = world.sessions[0]
    world.send(session_id)
    run_until(world, TurnStatus.ACCEPTED)
    world.doors.hold(Door.PIECE)
    world.act("detach", session_id)
    run_until(world, TurnStatus.RUNNING)
    world.doors.let_go()
    world.run_until_idle()
    return session_id


def leave(world: World) -> None:
    """What a program does when it receives a signal to end."""
    world.act("stop", world.sessions[0])


def assert_kept(world: World) -> None:
    finish(world)
    assert world.watchman.broken == [], world.watchman.account()


def test_two_watches_of_a_turn_are_one_run() -> None:
    world = world_of()
    session_id = detached_turn(world)
    world.doors.hold(Door.FRAMES)
    world.act("watch", session_id)
    world.act("watch", session_id)
    world.run(20)
    world.doors.let_go()
    assert_kept(world)


def test_watching_during_a_send_starts_no_second_run() -> None:
    world = world_of()
    session_id = detached_turn(world)
    world.doors.hold(Door.FRAMES)
    world.act("watch", session_id)
    world.send(session_id)
    world.run(20)
    world.doors.let_go()
    world.run_until_idle()
    assert len(world.watchman.posts) == 2
    assert_kept(world)


def test_a_stale_message_is_not_sent_with_the_next_one() -> None:
    world = world_of()
    session_id = world.sessions[0]
    world.doors.next_fault[Door.START] = Refused(ErrorKind.PAYMENT, "no credits", http_status=402)
    world.doors.hold(Door.START)
    for _ in range(3):
        world.send(session_id)
        world.run(20)
    world.doors.locked = True
    world.doors.let_go()
    world.run_until_idle()
    world.doors.locked = False
    assert world.watchman.posts == ["message 1"]
    world.send(session_id)
    world.run_until_idle()
    assert world.watchman.posts == ["message 1", "message 4"]
    assert_kept(world)


def test_a_message_that_is_being_stored_during_the_close_is_never_sent() -> None:
    world = world_of()
    world.doors.hold(Door.OPEN_TURN)
    world.send(world.sessions[0])
    world.run(20)
    leave(world)
    world.doors.let_go()
    world.run_until_idle()
    assert world.watchman.posts == []


def test_a_limit_that_cannot_be_read_holds_the_queue() -> None:
    world = world_of(limited=True)
    session_id = world.sessions[0]
    world.send(session_id)
    world.send(session_id)
    run_until(world, TurnStatus.ACCEPTED)
    world.wallet.state = Limits.UNREADABLE
    world.run_until_idle()
    assert world.watchman.posts == ["message 1"]
    assert [turn.request.prompt for turn in world.queued(session_id)] == ["message 2"]
    assert_kept(world)
    assert world.watchman.posts == ["message 1", "message 2"]


def worker_with(*prompts: str, usd: float) -> str:
    """A worker that has answered these prompts, as JSON."""
    messages = []
    for at, prompt in enumerate(prompts):
        question, answer = {"type": "text", "text": prompt}, {"type": "text", "text": f"ok {prompt}"}
        messages.append({"id": f"u{at}", "role": "user", "parts": [question]})
        messages.append({"id": f"a{at}", "role": "assistant", "parts": [answer]})
    worker = {"id": "w1", "object": "worker", "status": "completed", "running": False, "messages": messages}
    return json.dumps({**worker, "output_text": f"ok {prompts[-1]}", "usage": {"costUsd": usd}})


def program(name: str, ledger: Ledger, api: FakeApi, *, later: float = 0.0) -> Engine:
    clock, policy = FakeClock(1_700_000_000.0 + later), RetryPolicy(money_interval=None)
    return Engine(api, ledger, clock, FakeIds(program=name), policy, context=ServiceContext(PLACE))


async def test_two_programs_that_attach_simultaneously_store_a_turn_once(tmp_path: Path) -> None:
    body = worker_with("made elsewhere", usd=1.0)

    async def attach(name: str) -> None:
        ledger = Ledger(tmp_path / "history.db")
        await ledger.start()
        engine = program(name, ledger, FakeApi(workers=[body]))
        await engine.adopt(engine.new_session(PLACE, "w1").session_id)
        await engine.aclose()
        await ledger.aclose()

    await asyncio.gather(attach("a"), attach("b"))
    ledger = Ledger(tmp_path / "history.db")
    await ledger.start()
    assert len(await ledger.charges.turn_charges()) == 1
    await ledger.aclose()


async def test_a_turn_that_another_program_has_stored_is_not_charged_again(tmp_path: Path) -> None:
    ours, others = Ledger(tmp_path / "history.db"), Ledger(tmp_path / "history.db")
    await ours.start()
    api = FakeApi(starts=[says("ok one", message_id="a0")], workers=[worker_with("one", usd=0.10)])
    app = program("app", ours, api)
    session_id = app.new_session(PLACE, None).session_id
    await app.actor(session_id).send("one")
    await app.actor(session_id).settled()

    await others.start()
    service = FakeApi(
        starts=[says("ok two", message_id="a1")],
        workers=[worker_with("one", usd=0.10), worker_with("one", "two", usd=0.30)],
    )
    script = program("script", others, service, later=100)
    await script.open(session_id)
    await script.actor(session_id).send("two")
    await script.actor(session_id).settled()
    await script.aclose()
    await others.aclose()

    api.workers = [worker_with("one", "two", usd=0.30)]
    await app.adopt(session_id)
    await app.aclose()
    assert (await spent(ours)).usd.value == Decimal("0.3")
    assert len(await ours.charges.turn_charges()) == 2
    await ours.aclose()
