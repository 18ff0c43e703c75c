"""`--detach` and signals, at the moments when it matters whether something was sent."""

from __future__ import annotations

import signal
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.processes import Place, ended, stay
from tests.chaos.server import FaultServer, wait_until

NEW = ("-p", "something new", "--json")
LONG_MS = 30_000
Steps = list[dict[str, Any]]


@pytest.fixture
def place(server: FaultServer, tmp_path: Path) -> Place:
    return Place(server, tmp_path)


def scenario(op: str, **server: list[Steps]) -> dict[str, Any]:
    return {"id": "leaving", "op": op, "history": False, "server": server}


# -- detaching: the worker runs until the test ends it, however often a program looks -------------
RUNNING_JSON: Steps = [{"accept": {}}, {"worker": {}}]
LATE_ID: Steps = [
    {"head": {"headers": {"Content-Type": "text/event-stream; charset=utf-8"}}},
    {"accept": {}},
    {"sse": {"type": "start", "messageId": "m1a"}},
    {"sleep": 300},
    {"sse": {"type": "data-worker", "data": {"id": "{{id}}"}}},
    {"hang": LONG_MS},
]
HEADERS_ALONE: Steps = [
    {
        "head": {
            "headers": {
                "Content-Type": "text/event-stream; charset=utf-8",
                "Location": "/api/workers/{{id}}",
            }
        }
    },
    {"accept": {}},
    {"hang": LONG_MS},
]


@pytest.mark.parametrize("answer", [RUNNING_JSON, LATE_ID, HEADERS_ALONE])
def test_a_detached_new_worker_is_never_lost(place: Place, answer: Steps) -> None:
    world = place.server.begin(scenario("create", create=[answer]))
    detached = place.run(world, *NEW, "--detach")
    assert (detached.code, detached.result["worker_id"]) == (0, world.worker_id), detached.err
    # The worker still runs: a message would be refused, so that none is sent. The session keeps its worker.
    early = place.run(world, "-c", "-p", "too early", "--json")
    assert (early.code, early.result["worker_id"], world.posts) == (7, world.worker_id, 1), early.err
    assert f"handinger-tui attach {world.worker_id}" in early.err
    (listed,) = place.run(world, "sessions", "--json").result["sessions"]
    assert (listed["worker_id"], listed["last_status"]) == (world.worker_id, "running")
    # Once it is idle, the next message of that session goes to the same worker.
    world.complete()
    place.run(world, "-c", "-p", "and then", "--json")
    assert place.turns_of(world)[0] == ("something new", "completed")
    assert [one.request.path[-1] for one in world.exchanges if one.request.method == "POST"] == [
        "workers",
        world.worker_id,
    ]


def test_a_detached_answer_that_ends_immediately_is_complete(place: Place) -> None:
    world = place.server.begin(scenario("create", create=[[{"accept": {}}, {"complete": 1}, {"worker": {}}]]))
    detached = place.run(world, *NEW, "--detach")
    assert (detached.code, detached.result["worker_id"]) == (0, world.worker_id)
    assert detached.result["status"] in ("completed", "running")


# -- signals ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_before_the_request_withdraws_the_message(place: Place, number: signal.Signals) -> None:
    world = place.server.begin(scenario("continue", pre_get=[[{"hang": LONG_MS}]]))
    process = place.start(world, "-p", "not yet", "-w", world.worker_id, "--json")
    assert wait_until(world, lambda: bool(world.exchanges))
    process.send_signal(number)
    ran = ended(process)
    assert (ran.code, ran.result["status"], world.posts) == (128 + number, "not_sent", 0)
    assert ran.result["draft"] == "not yet"
    assert not ran.result["error"]["may_have_been_charged"]
    assert ran.result["error"]["kind"] == "interrupted"
    assert "Check the network" not in ran.err
    assert len(ran.out.splitlines()) == 1


def test_a_signal_after_the_request_makes_the_outcome_unknown(place: Place) -> None:
    world = place.server.begin(scenario("continue", **{"continue": [[{"hang": LONG_MS}]]}))
    process = place.start(world, "-p", "on its way", "-w", world.worker_id, "--json")
    assert wait_until(world, lambda: world.posts == 1)
    process.send_signal(signal.SIGINT)
    ran = ended(process)
    assert (ran.code, ran.result["status"], world.posts) == (130, "unknown", 1)
    assert ran.result["error"]["may_have_been_charged"]
    assert f"handinger-tui attach {world.worker_id}" in ran.err
    assert "dashboard" not in ran.err


@pytest.mark.parametrize("wait_s", [0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6])
def test_no_signal_is_swallowed_while_the_program_starts(place: Place, wait_s: float) -> None:
    world = place.server.begin(scenario("continue", **{"continue": [[{"hang": LONG_MS}]]}))
    process = place.start(world, "-p", "early", "-w", world.worker_id, "--json")
    stay(process, wait_s)
    process.send_signal(signal.SIGTERM)
    ran = ended(process)
    assert ran.code in (143, -signal.SIGTERM)
    assert world.posts == 0 or ran.result["status"] == "unknown"


# -- open turns of an earlier run ---------------------------------------------------------------------
def test_a_run_settles_the_open_turns_of_an_earlier_run_by_its_own_readings(place: Place) -> None:
    first: Steps = [
        {"head": {}},
        {"accept": {}},
        {"open": 1},
        {"deltas": [0, 3]},
        {"hang": LONG_MS},
    ]
    world = place.server.begin(scenario("continue", **{"continue": [first]}))
    process = place.start(world, "-p", "first", "-w", world.worker_id, "--json")
    assert wait_until(world, lambda: world.sent >= 3)
    process.kill()
    ended(process)
    world.complete()
    ran = place.run(world, "-p", "second", "-w", world.worker_id, "--json")
    assert (ran.code, world.posts) == (0, 2)
    assert place.turns_of(world) == [("first", "completed"), ("second", "completed")]


def test_a_cut_turn_of_another_session_is_settled_too(place: Place) -> None:
    first: Steps = [{"head": {}}, {"accept": {}}, {"open": 1}, {"deltas": [0, 3]}, {"hang": LONG_MS}]
    answer: Steps = [{"head": {}}, {"accept": {}}, {"full": 1}]
    world = place.server.begin(scenario("continue", **{"continue": [first], "create": [answer]}))
    process = place.start(world, "-p", "first", "-w", world.worker_id, "--json")
    assert wait_until(world, lambda: world.sent >= 3)
    process.kill()
    ended(process)
    world.complete()
    ran = place.run(world, "-p", "a new worker", "--json")
    assert ran.code == 0, ran.err
    assert place.rows("SELECT status FROM turns WHERE prompt = 'first'") == [("completed",)]


def test_a_signal_while_another_process_holds_the_history_ends_the_run(place: Place) -> None:
    world = place.server.begin(scenario("continue"))
    place.run(world, "-p", "first", "-w", world.worker_id, "--json")
    posts = world.posts
    with closing(sqlite3.connect(place.database, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        process = place.start(world, "-p", "second", "-w", world.worker_id, "--json")
        assert process.stderr is not None
        assert "Waiting for the history" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        # As long as the other process holds it.
        ran = ended(process)
        other.execute("ROLLBACK")
    assert (ran.code, ran.result["status"], world.posts) == (130, "not_sent", posts)
    assert (ran.result["draft"], len(ran.out.splitlines())) == ("second", 1)
