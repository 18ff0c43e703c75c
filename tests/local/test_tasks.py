"""The tasks generation of the local worker over real HTTP, and its own client driving it."""

from __future__ import annotations

import asyncio
import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from handinger_tui.api.client import WorkerClient
from handinger_tui.api.tasks import TaskClient
from handinger_tui.core.safety import Secret
from handinger_tui.core.stream import StreamRoute, body_of
from handinger_tui.core.turns.turn import TurnRequest
from handinger_tui.local.server import LocalServer
from tests.local.conftest import connect

Json = dict[str, Any]


def run(tasks: httpx.Client, text: str, **members: Any) -> Json:
    answer = tasks.post("/api/tasks", json={"input": text, **members})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def turns(tasks: httpx.Client, task_id: str) -> list[Json]:
    return list(tasks.get(f"/api/tasks/{task_id}/turns").json()["items"])


def test_a_task_with_an_id_of_the_caller_is_answered_when_its_turn_has_ended(tasks: httpx.Client) -> None:
    worker = run(tasks, "echo one", taskId="tsk_a")
    assert (worker["object"], worker["running"], worker["output_text"]) == ("worker", False, "one")
    assert "costs" not in worker
    run(tasks, "echo two", taskId="tsk_a", workerId=worker["id"])
    body = tasks.get("/api/tasks/tsk_a").json()
    task = body["task"]
    assert (task["id"], task["workerId"], task["status"]) == ("tsk_a", worker["id"], "completed")
    assert task["totals"]["turnCount"] == 2
    assert body["turns"] == turns(tasks, "tsk_a")
    assert [(turn["seq"], turn["input"], turn["outputText"]) for turn in body["turns"]] == [
        (0, "echo one", "one"),
        (1, "echo two", "two"),
    ]
    assert task["totals"]["credits"] == sum(turn["credits"] for turn in body["turns"]) > 0


def test_a_failed_turn_has_a_status_and_credits(tasks: httpx.Client) -> None:
    run(tasks, "fail", taskId="tsk_f")
    [turn] = turns(tasks, "tsk_f")
    assert (turn["status"], tasks.get("/api/tasks/tsk_f").json()["task"]["status"]) == ("error", "error")
    assert turn["credits"] > 0


def test_files_have_sizes_and_can_be_fetched(tasks: httpx.Client) -> None:
    run(tasks, "report on python", taskId="tsk_r")
    files = turns(tasks, "tsk_r")[0]["files"]
    assert files
    for file in files:
        assert len(tasks.get(file["url"]).content) == file["size"] > 0


def test_uploads_come_before_the_turn(tasks: httpx.Client) -> None:
    form = {"input": "describe data.csv", "taskId": "tsk_u"}
    answer = tasks.post("/api/tasks", data=form, files={"files": ("data.csv", b"a,b\n1,2\n", "text/csv")})
    assert answer.status_code == 200
    assert "data.csv" in answer.json()["output_text"]


def test_a_stored_worker_runs_nothing_and_shapes_the_output_of_its_tasks(tasks: httpx.Client) -> None:
    schema = {"properties": {"answer": {"type": "string"}, "length": {"type": "integer"}}}
    stored = tasks.post(
        "/api/workers", json={"title": "Prices", "prompt": "p", "outputSchema": schema}
    ).json()
    assert (stored["title"], stored["instructions"], stored["visibility"]) == ("Prices", "p", "public")
    assert tasks.get(f"/api/workers/{stored['id']}").json()["messages"] == []
    run(tasks, "echo x", taskId="tsk_s", workerId=stored["id"])
    assert turns(tasks, "tsk_s")[0]["structuredOutput"] == {"answer": "x", "length": 1}
    changed = tasks.patch(f"/api/workers/{stored['id']}", json={"outputSchema": None, "title": "New"}).json()
    assert (changed["outputSchema"], changed["title"]) == (None, "New")
    assert tasks.delete(f"/api/workers/{stored['id']}").json() == {"deleted": True}
    assert tasks.get(f"/api/workers/{stored['id']}").status_code == 404
    assert tasks.get("/api/tasks/tsk_s").status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/api/tasks/tsk_none", None, 404),
        ("GET", "/api/tasks/tsk_none/turns", None, 404),
        ("POST", "/api/tasks", {"input": "x", "workerId": "wrk_none"}, 404),
        ("POST", "/api/tasks", {"input": "x", "taskId": ""}, 422),
        ("POST", "/api/tasks", {"input": "x", "taskId": 7}, 422),
        ("POST", "/api/tasks", {"input": "x", "taskId": None}, 422),
        ("POST", "/api/tasks", {"input": "x", "workerId": None}, 422),
        ("POST", "/api/tasks", {"input": "x", "stream": None}, 422),
        ("POST", "/api/tasks", {}, 422),
        ("POST", "/api/workers", {"title": ""}, 422),
        ("POST", "/api/workers", {"visibility": "all"}, 422),
        ("POST", "/api/workers", {"visibility": {}}, 422),
        ("POST", "/api/workers", {"outputSchema": 3}, 422),
        ("POST", "/api/workers", {"outputSchema": None}, 422),
        # Continuing a worker is a route of the other generation.
        ("POST", "/api/workers/wrk_none", {"input": "x"}, 405),
    ],
)
def test_refusals(tasks: httpx.Client, method: str, path: str, body: Any, status: int) -> None:
    answer = tasks.request(method, path, json=body)
    assert answer.status_code == status
    assert answer.json()["error"].endswith(".")


def test_a_blank_instruction_is_accepted(tasks: httpx.Client) -> None:
    worker = run(tasks, " ", taskId="tsk_blank")
    assert turns(tasks, "tsk_blank")[0]["input"] == " "
    assert tasks.get("/api/tasks/tsk_blank").json()["task"]["title"]
    assert tasks.get(f"/api/workers/{worker['id']}").status_code == 200


def test_lone_surrogates_are_not_json(tasks: httpx.Client) -> None:
    headers = {"content-type": "application/json"}
    for body in (rb'{"title": "a\ud800"}', rb'{"outputSchema": {"\udfff": 1}}'):
        assert tasks.post("/api/workers", content=body, headers=headers).status_code == 400


@pytest.mark.parametrize(
    ("schema", "status"),
    [("NaN", 400), ("[Infinity]", 400), ("1e999", 422), ("1e99", 200)],
    ids=range(4),
)
def test_values_that_json_cannot_hold_are_refused(tasks: httpx.Client, schema: str, status: int) -> None:
    content = f'{{"outputSchema": {{"x": {schema}}}}}'
    headers = {"content-type": "application/json"}
    assert tasks.post("/api/workers", content=content, headers=headers).status_code == status


def test_a_change_keeps_other_members(tasks: httpx.Client) -> None:
    stored = tasks.post("/api/workers", json={"title": "A", "prompt": "p", "summary": "s"}).json()
    changed = tasks.patch(f"/api/workers/{stored['id']}", json={"visibility": "private", "prompt": 3}).json()
    kept = stored | {"visibility": "private", "updatedAt": changed["updatedAt"]}
    assert changed == kept
    assert tasks.patch(f"/api/workers/{stored['id']}", json={"title": "B", "summary": 3}).status_code == 422
    assert tasks.get(f"/api/workers/{stored['id']}").status_code == 200
    assert tasks.patch(f"/api/workers/{stored['id']}", json={}).json()["title"] == "A"


def test_a_deleted_worker_is_unknown_to_every_route(tasks: httpx.Client) -> None:
    stored = tasks.post("/api/workers", json={"title": "A"}).json()["id"]
    when = {"type": "delayed", "delayInSeconds": 3600}
    tasks.post(f"/api/workers/{stored}/schedules", json={"input": "x", "when": when})
    tasks.delete(f"/api/workers/{stored}")
    for route in ("", "/email", "/schedules", "/webhook", "/webhook/executions"):
        assert tasks.get(f"/api/workers/{stored}{route}").status_code == 404
    assert tasks.post("/api/tasks", json={"input": "x", "workerId": stored}).status_code == 404


def test_a_task_belongs_to_one_worker(tasks: httpx.Client) -> None:
    run(tasks, "echo one", taskId="tsk_w")
    other = tasks.post("/api/workers", json={}).json()
    answer = tasks.post("/api/tasks", json={"input": "x", "taskId": "tsk_w", "workerId": other["id"]})
    assert answer.status_code == 409
    assert tasks.get(f"/api/workers/{other['id']}?taskId=tsk_w").status_code == 404


def test_the_generations_have_separate_workers(tasks: httpx.Client, client: httpx.Client) -> None:
    run(tasks, "echo one", taskId="tsk_x")
    assert client.get("/api/tasks/tsk_x").status_code == 404
    worker = client.post("/api/workers", json={"input": "echo x"}).json()
    assert tasks.get(f"/api/workers/{worker['id']}").status_code == 404


def test_both_generations_require_the_key(server: LocalServer) -> None:
    assert httpx.get(f"{server.tasks_url}/api/tasks/x", trust_env=False).status_code == 401


def test_a_running_task_refuses_a_second_turn_and_can_be_streamed(slow_server: LocalServer) -> None:
    with (
        connect(slow_server, slow_server.tasks_url) as slow,
        slow.stream("POST", "/api/tasks", json={"input": "long 400", "taskId": "t", "stream": True}) as one,
    ):
        assert one.headers["content-type"].startswith("text/event-stream")
        assert slow.post("/api/tasks", json={"input": "x", "taskId": "t"}).status_code == 409
        task = slow.get("/api/tasks/t").json()["task"]
        assert (task["status"], task["completedAt"]) == ("running", None)
        path = f"/api/workers/{task['workerId']}?taskId=t&stream=true"
        with slow.stream("GET", path) as two:
            first = next(line for line in two.iter_lines() if line.startswith("data: "))
            assert json.loads(first.removeprefix("data: "))["role"] == "user"


def test_a_silent_turn_shows_nothing_until_it_ends(tasks: httpx.Client, slow_server: LocalServer) -> None:
    assert run(tasks, "silent", taskId="tsk_silent")["output_text"].startswith(
        "I said nothing for 300 seconds"
    )
    with connect(slow_server, slow_server.tasks_url) as slow, ThreadPoolExecutor() as pool:
        # The turn would end in an hour: the server stops before.
        body = {"input": "silent 3600", "taskId": "t"}
        posted = pool.submit(slow.post, "/api/tasks", json=body, timeout=60)
        deadline = time.monotonic() + 60
        while slow.get("/api/tasks/t").status_code == 404:
            assert time.monotonic() < deadline
        task = slow.get("/api/tasks/t").json()
        assert (task["task"]["status"], task["turns"][0]["outputText"]) == ("running", "")
        slow_server.stop()
        assert posted.exception(20) is not None or posted.result().json()["status"] != "running"


def test_a_schedule_starts_a_task(tasks: httpx.Client) -> None:
    stored = tasks.post("/api/workers", json={"title": "Daily"}).json()
    path = f"/api/workers/{stored['id']}/schedules"
    when = {"type": "delayed", "delayInSeconds": 1}
    created = tasks.post(path, json={"input": "echo later", "when": when}).json()
    listed = tasks.get(path).json()
    assert ([one["id"] for one in listed["schedules"]], listed["timezone"]) == ([created["id"]], "UTC")
    deadline = time.monotonic() + 60
    while not (state := tasks.get(f"/api/workers/{stored['id']}").json())["output_text"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert state["output_text"] == "later"
    other = tasks.post(path, json={"input": "x", "when": {"type": "interval", "intervalSeconds": 9}}).json()
    assert tasks.delete(f"{path}/{other['id']}").json() == {"cancelled": True}
    assert tasks.delete(f"{path}/{other['id']}").status_code == 404


# -- the client of this program against it ---------------------------------------------------
async def test_the_client_drives_a_conversation(server: LocalServer) -> None:
    async with WorkerClient(server.tasks_url, Secret(server.api_key)) as connection:
        client = TaskClient(connection, poll_s=0.01)
        first = TurnRequest("turn_e1", "echo one", 0)
        async with client.start_turn(first) as reply:
            pieces = [piece.data async for piece in reply.pieces()]
        assert body_of(pieces[-1]).snapshot.output_text == "one"
        target = client.new_target("turn_e1")
        assert target is not None
        async with client.start_turn(TurnRequest("turn_e2", "sources about json", 0, target)) as reply:
            pieces = [piece.data async for piece in reply.pieces()]
        read = (await client.read_worker(target)).snapshot
        assert (read.busy, read.failed, read.prompts) == (False, False, 2)
        assert read.sources
        assert await connection.email(await client.worker_of_target(target)) == (
            f"{(read.stored_worker_id or '').lower()}@local.invalid"
        )


async def test_the_client_shows_a_running_turn_grow_and_follows_its_stream(slow_server: LocalServer) -> None:
    async with WorkerClient(slow_server.tasks_url, Secret(slow_server.api_key)) as connection:
        client = TaskClient(connection, poll_s=0.05)
        async with client.start_turn(TurnRequest("turn_g", "long 400", 0)) as reply:
            texts: list[str] = []
            async for piece in reply.pieces():
                texts.append(body_of(piece.data).snapshot.output_text or "")
                if len({text for text in texts if text}) > 1:
                    break
        assert texts[-1].startswith(next(text for text in texts if text))
        target = client.new_target("turn_g") or ""
        # Detaching has closed the connection and not ended the turn.
        assert (await client.read_worker(target)).snapshot.busy
        async with client.follow(target, StreamRoute.REPLAY) as stream:
            pieces = stream.pieces()
            async with asyncio.timeout(60):
                first = await anext(pieces)
            await pieces.aclose()
        assert json.loads(first.data)["role"] == "user"
