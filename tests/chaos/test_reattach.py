"""Attaching to a worker that others use too: our turn is stored once, in its place, and theirs join it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.data import SCENARIOS, SHORT
from tests.chaos.server import FaultServer
from tests.chaos.world import World
from tests.e2e.runner import Ran, run

OURS = "ours"
STALLED: dict[str, Any] = {
    **SCENARIOS["stall-worker-keeps-running"],
    "server": {"continue": SCENARIOS["stall-worker-keeps-running"]["server"]["continue"]},
}


@pytest.fixture
def world(server: FaultServer) -> World:
    return server.begin(STALLED)


@pytest.fixture
def ask(server: FaultServer, world: World, tmp_path: Path) -> Any:
    def command(*argv: str) -> Ran:
        limits = SHORT | {"HANDINGER_MAX_WAIT": "60"}
        return run(*argv, home=tmp_path, base_url=server.base_of(world), **limits)

    return command


def detached(ask: Any, world: World) -> None:
    """Send our turn and detach from it."""
    ran = ask("-p", OURS, "-w", world.worker_id, "--detach", "--json")
    assert (ran.code, ran.result["status"]) == (0, "running")


def shown(ask: Any, session_id: str) -> str:
    ran: Ran = ask("sessions", "show", session_id)
    assert ran.code == 0
    return ran.out


def answered(ask: Any, world: World) -> Ran:
    ran: Ran = ask("attach", world.worker_id, "--json")
    assert (ran.code, ran.result["status"], ran.result["text"]) == (0, "completed", world.text)
    return ran


def test_earlier_messages_do_not_hide_our_turn(ask: Any, world: World) -> None:
    detached(ask, world)
    result = answered(ask, world).result
    transcript = shown(ask, result["session_id"])
    assert transcript.count(f"> {OURS}") == 1
    assert "earlier question" not in transcript
    assert world.posts == 1


def test_the_same_message_sent_earlier_by_another_client_is_not_ours(ask: Any, world: World) -> None:
    world.prompts.append(OURS)
    detached(ask, world)
    result = answered(ask, world).result
    assert shown(ask, result["session_id"]).count(f"> {OURS}") == 1
    assert world.posts == 1


def test_a_later_turn_of_another_client_joins_our_session(ask: Any, world: World) -> None:
    detached(ask, world)
    first = answered(ask, world).result
    world.prompts.append("theirs")
    second = answered(ask, world).result
    assert (second["session_id"], second["turn_id"] != first["turn_id"]) == (first["session_id"], True)
    transcript = shown(ask, first["session_id"])
    assert transcript.index(OURS) < transcript.index("theirs")
    assert (transcript.count(f"> {OURS}"), transcript.count("> theirs")) == (1, 1)
    # A second attach adds nothing.
    assert answered(ask, world).result["turn_id"] == second["turn_id"]


def test_a_worker_that_is_new_to_us_comes_with_its_complete_history(ask: Any, world: World) -> None:
    world.prompts.append("theirs")
    transcript = shown(ask, answered(ask, world).result["session_id"])
    assert (
        transcript.index("earlier question") < transcript.index("earlier answer") < transcript.index("theirs")
    )
    assert world.posts == 0


def test_an_unsent_turn_does_not_claim_the_same_message_of_another_client(
    ask: Any, server: FaultServer, world: World
) -> None:
    """Our message was refused, then another client sent the same one: theirs is imported."""
    refused = {**STALLED, "server": {"continue": [[{"json": {"error": "no"}, "status": 400}]]}}
    world.scenario = refused
    assert ask("-p", OURS, "-w", world.worker_id, "--json").code == 3
    world.prompts.append(OURS)
    assert answered(ask, world).code == 0


def test_two_messages_that_wait_at_once_have_their_answers_later(server: FaultServer, tmp_path: Path) -> None:
    """The first one is not over because a second one waits behind it."""

    def reading(*texts: tuple[str, str], **members: Any) -> list[dict[str, Any]]:
        messages = [
            {"id": f"m{at}", "role": role, "parts": [{"type": "text", "text": text}]}
            for at, (role, text) in enumerate(texts)
        ]
        return [{"worker": {"messages": messages, "output_text": texts[-1][1], **members}}]

    first, second = ("user", "first"), ("user", "second")
    done = [first, ("assistant", "one"), second, ("assistant", "two")]
    busy, no_stream = {"status": "running", "running": True}, [[{"json": {"error": "no"}, "status": 404}]]
    readings = [reading(first, second, **busy), reading(*done[:3], **busy), reading(*done)]
    scripts = {"get": readings, "subscribe": no_stream, "replay": no_stream}
    world = server.begin({"id": "waiting", "op": "attach", "server": scripts})
    ran = run("attach", world.worker_id, "--json", home=tmp_path, base_url=server.base_of(world), **SHORT)
    assert (ran.code, ran.result["text"]) == (0, "two")
    transcript = shown(partial(run, home=tmp_path), ran.result["session_id"])
    assert transcript.index("first") < transcript.index("one") < transcript.index("second")
