"""Ids and addresses of each generation, and how a wrong generation is recognized for free."""

from __future__ import annotations

import json

import pytest

from handinger_tui.api.client import WorkerClient
from handinger_tui.api.generations import GENERATIONS, answering_generation, last_id_in, worker_id_in
from handinger_tui.api.tasks import TaskClient
from handinger_tui.core.errors import BrokenContract, Refused, SettingsError
from handinger_tui.core.turns.session import Destination
from handinger_tui.core.turns.turn import TurnRequest
from tests.api.reply import ORDER, failure
from tests.api.server import Peer, Script, Server, as_json, respond

WORKER_URL = "https://v3.handinger.com/worker/wrk_1"
TASK_URL = f"{WORKER_URL}/task/tsk_1?tab=files"


@pytest.mark.parametrize(
    ("generation", "text", "place"),
    [
        ("workers", "w1", Destination("w1")),
        ("workers", WORKER_URL, Destination("wrk_1")),
        ("workers", TASK_URL, Destination("wrk_1")),
        # The form of an id does not depend on the generation.
        ("workers", "tsk_1", Destination("tsk_1")),
        ("tasks", "t_org_1_w_2", Destination(None, "t_org_1_w_2")),
        ("tasks", WORKER_URL + "/", Destination(None, "wrk_1")),
        ("tasks", TASK_URL, Destination("tsk_1", "wrk_1")),
        ("tasks", "https://x.example/worker/a%20b/task/c%2Fd", Destination("c/d", "a b")),
        ("tasks", "https://[broken/worker/x", Destination(None, "https://[broken/worker/x")),
    ],
)
def test_what_names_a_worker(generation: str, text: str, place: Destination) -> None:
    assert GENERATIONS[generation].destination_of(text) == place


def test_what_names_a_target() -> None:
    workers, tasks = GENERATIONS["workers"], GENERATIONS["tasks"]
    assert [workers.target_in(text) for text in ("x", WORKER_URL)] == ["x", "wrk_1"]
    assert [tasks.target_in(text) for text in ("x", TASK_URL)] == ["x", "tsk_1"]
    with pytest.raises(SettingsError, match="names a worker"):
        tasks.target_in(WORKER_URL)
    assert [worker_id_in(text) for text in ("x", WORKER_URL, TASK_URL)] == ["x", "wrk_1", "wrk_1"]
    assert [last_id_in(text) for text in ("x", WORKER_URL, TASK_URL)] == ["x", "wrk_1", "tsk_1"]


TEMPLATE = {"id": "wrk_1", "instructions": "x", "visibility": "private", "title": "X"}


@pytest.mark.parametrize(
    "script", [as_json(json.dumps(TEMPLATE)), as_json(json.dumps({"error": "No."}), 405), respond(405)]
)
async def test_the_workers_client_recognizes_the_tasks_generation(
    server: Server, client: WorkerClient, script: Script
) -> None:
    server.answer(script)
    trouble = await failure(client, ORDER)
    assert isinstance(trouble, Refused)
    assert not trouble.chargeable
    assert "--generation tasks" in trouble.hint
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [404, 405])
async def test_the_tasks_client_recognizes_the_workers_generation(
    server: Server, client: WorkerClient, status: int
) -> None:
    server.answer(respond(status))
    trouble = await failure(TaskClient(client), TurnRequest("turn_1", "ping", 0))
    assert isinstance(trouble, Refused)
    assert "--generation workers" in trouble.hint
    assert len([one for one in server.requests if one.method == "POST"]) == 1


async def test_an_unknown_stored_worker_does_not_suggest_another_generation(
    server: Server, client: WorkerClient
) -> None:
    server.answer(respond(404))
    trouble = await failure(TaskClient(client), TurnRequest("turn_1", "ping", 0, stored_worker_id="wrk_9"))
    assert "--generation" not in trouble.hint


@pytest.mark.parametrize(
    ("routes", "generation"),
    [({"tasks", "workers"}, "tasks"), ({"workers"}, "workers"), (set[str](), None)],
)
async def test_the_generation_that_answers(
    server: Server, client: WorkerClient, routes: set[str], generation: str | None
) -> None:
    async def answer(peer: Peer) -> None:
        route = peer.request.target.split("/")[2]
        exists = route in routes
        text = f"No such {route}." if exists else f"Cannot GET {peer.request.target}."
        await as_json(json.dumps({"error": text}), 404)(peer)

    server.answer(answer)
    assert await answering_generation(client) == generation
    assert {request.method for request in server.requests} == {"GET"}


async def test_a_sign_in_page_is_no_service(server: Server, client: WorkerClient) -> None:
    server.answer(respond(200, b"<html>Sign in</html>", {"Content-Type": "text/html; charset=utf-8"}))
    with pytest.raises(BrokenContract, match="web page"):
        await answering_generation(client)
