"""Requests beyond a limit are refused with a sentence that the client can read."""

from __future__ import annotations

import gc
import io
import json
import socket
import weakref

import httpx

from handinger_tui.local.http import MIB, Instruction, ParsedRequest, RequestLimits
from handinger_tui.local.registry import WorkerRegistry
from handinger_tui.local.repertoire import REPERTOIRE
from handinger_tui.local.server import LocalServer
from handinger_tui.local.tasks import TaskRegistry
from handinger_tui.local.turn_context import TurnConfig
from handinger_tui.local.worker import LocalTurn
from tests.local.conftest import connect


def test_a_body_that_is_too_large_is_413_and_not_a_broken_pipe() -> None:
    with LocalServer.start(pace=0, limits=RequestLimits(body_bytes=100_000)) as small:
        headers = {"authorization": f"Bearer {small.api_key}"}
        for size in (100_001, 20_000_000):
            files = {"files": ("big.txt", io.BytesIO(b"x" * size))}
            url = f"{small.base_url}/api/workers"
            answer = httpx.post(url, data={"input": "x"}, files=files, headers=headers, trust_env=False)
            assert answer.status_code == 413
            assert "100,000" in answer.json()["error"]


def test_the_oldest_idle_worker_makes_room() -> None:
    with (
        LocalServer.start(pace=0, limits=RequestLimits(workers=2)) as small,
        connect(small) as client,
    ):
        answers = [client.post("/api/workers", json={"input": "echo x", "stream": True}) for _ in range(3)]
        ids = [answer.headers["x-worker-id"] for answer in answers]
        assert [client.get(f"/api/workers/{each}").status_code for each in ids] == [404, 200, 200]


def test_a_new_worker_is_refused_while_all_are_busy() -> None:
    with LocalServer.start(pace=1, limits=RequestLimits(workers=1)) as small:
        headers = {"authorization": f"Bearer {small.api_key}"}
        url = f"{small.base_url}/api/workers"
        httpx.post(url, json={"input": "long 90"}, headers=headers, trust_env=False).raise_for_status()
        answer = httpx.post(url, json={"input": "echo x"}, headers=headers, trust_env=False)
        assert answer.status_code == 429
        assert int(answer.headers["retry-after"]) > 0
        assert set(answer.json()) == {"error"}


def test_a_worker_has_a_maximum_number_of_turns() -> None:
    with LocalServer.start(pace=0, limits=RequestLimits(turns=1)) as small:
        headers = {"authorization": f"Bearer {small.api_key}"}
        body = {"input": "echo x", "stream": True}
        first = httpx.post(f"{small.base_url}/api/workers", json=body, headers=headers, trust_env=False)
        answer = httpx.post(
            small.base_url + first.headers["location"], json=body, headers=headers, trust_env=False
        )
        assert answer.status_code == 409
        assert "1 turns" in answer.json()["error"]


def test_a_refusal_reaches_a_client_that_is_still_sending(server: LocalServer) -> None:
    port = int(server.base_url.rpartition(":")[2])
    head = f"POST /api/workers HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {8 * MIB}\r\n\r\n"
    answer = b""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as line:
        line.sendall(head.encode() + b"x" * (8 * MIB))
        while piece := line.recv(65536):
            answer += piece
    assert answer.startswith(b"HTTP/1.1 401 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]


async def test_a_task_whose_record_was_deleted_is_kept_nowhere() -> None:
    tasks = small_registry()
    first = weakref.ref(await ended_task(tasks, "tsk_first"))
    await ended_task(tasks, "tsk_second")
    gc.collect()
    assert first() is None
    await tasks.runs.close()


async def test_a_repeated_request_has_its_answer_also_after_the_record_was_deleted() -> None:
    tasks = small_registry()
    first = await ended_task(tasks, "tsk_first", "key")
    await ended_task(tasks, "tsk_second")
    assert await ended_task(tasks, "tsk_first", "key") is first
    assert [turn["id"] for turn in tasks.task("tsk_first").turn_members()] == [first.id]
    await tasks.runs.close()


def small_registry() -> TaskRegistry:
    return TaskRegistry(WorkerRegistry("http://here", TurnConfig(0, REPERTOIRE), RequestLimits(workers=1)))


async def ended_task(tasks: TaskRegistry, task_id: str, key: str | None = None) -> LocalTurn:
    _, started = tasks.start(ParsedRequest(Instruction("echo x", "low"), None, {"taskId": task_id}), key)
    await started.turn.ended.wait()
    return started.turn
