"""Webhooks of the local worker: real deliveries to this computer, and none to any other."""

from __future__ import annotations

import asyncio
import socket
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from handinger_tui.local.triggers import PAGE_SIZE, LocalWebhook
from tests.web import Receiver, receiving

if TYPE_CHECKING:
    from collections.abc import Iterator

Json = dict[str, Any]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving(path="/hook?a=1") as running:
        yield running


def stored(tasks: httpx.Client, url: str | None = None) -> str:
    """Store a worker, with a webhook if there is an address, and return its id."""
    worker = str(tasks.post("/api/workers", json={"title": "Reports"}).json()["id"])
    if url is not None:
        assert tasks.put(f"/api/workers/{worker}/webhook", json={"url": url}).status_code == 200
    return worker


def executions(tasks: httpx.Client, worker: str, count: int) -> list[Json]:
    """Wait until that many deliveries are listed."""
    deadline = time.monotonic() + 60
    while True:
        listed = tasks.get(f"/api/workers/{worker}/webhook/executions").json()
        if listed["totalCount"] >= count:
            assert listed["totalCount"] == count
            return list(listed["logs"])
        assert time.monotonic() < deadline
        time.sleep(0.02)


def run(tasks: httpx.Client, worker: str, task: str, text: str = "echo one") -> None:
    answer = tasks.post("/api/tasks", json={"input": text, "workerId": worker, "taskId": task})
    assert answer.status_code == 200, answer.text


def test_the_first_address_creates_a_token_that_later_ones_keep(tasks: httpx.Client) -> None:
    path = f"/api/workers/{stored(tasks)}/webhook"
    assert tasks.get(path).json() == {"token": None, "url": None}
    first = tasks.put(path, json={"url": "https://example.com/a"}).json()
    assert first["url"] == "https://example.com/a"
    assert first["token"].startswith("whk_")
    assert len(first["token"]) == len("whk_") + 26
    second = tasks.put(path, json={"url": "https://example.com/b"}).json()
    assert second == {"token": first["token"], "url": "https://example.com/b"}
    renewed = tasks.post(f"{path}/regenerate-token").json()
    assert renewed["url"] == "https://example.com/b"
    assert renewed["token"] not in (None, first["token"])
    assert tasks.get(path).json() == renewed
    assert tasks.put(path, json={"url": None}).json() == {"token": None, "url": None}
    tasks.put(path, json={"url": "https://example.com/c"})
    assert tasks.delete(path).json() == tasks.get(path).json() == {"token": None, "url": None}
    assert tasks.post(f"{path}/regenerate-token").status_code == 409


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"url": 3},
        {"url": ""},
        {"url": "example.com"},
        {"url": "ftp://example.com"},
        {"url": "http://example.com/a"},
        {"url": "https:///a"},
        {"url": "https://a:99999"},
        {"url": "http://127.0.0.1:1/a\r\nX: y"},
        {"url": "http://127.0.0.1/ä"},
        {"url": f"https://example.com/{'a' * 2048}"},
    ],
)
def test_an_invalid_address_is_refused(tasks: httpx.Client, body: Json) -> None:
    path = f"/api/workers/{stored(tasks)}/webhook"
    assert tasks.put(path, json=body).status_code == 422
    assert tasks.get(path).json() == {"token": None, "url": None}


@pytest.mark.parametrize("route", ["", "/executions", "/regenerate-token"])
def test_an_unknown_worker_has_no_webhook(tasks: httpx.Client, route: str) -> None:
    method = "POST" if route == "/regenerate-token" else "GET"
    assert tasks.request(method, f"/api/workers/wrk_none/webhook{route}").status_code == 404


def test_each_turn_that_ends_is_delivered_with_the_token(tasks: httpx.Client, receiver: Receiver) -> None:
    worker = stored(tasks, receiver.url)
    token = tasks.get(f"/api/workers/{worker}/webhook").json()["token"]
    run(tasks, worker, "tsk_hook")
    run(tasks, worker, "tsk_hook", "fail")
    for seq, status in ((0, "completed"), (1, "error")):
        path, headers, body = receiver.deliveries.get(timeout=60)
        assert path == "/hook?a=1"
        assert headers["X-Handinger-Token"] == token
        assert "Authorization" not in headers
        assert (body["turn"]["seq"], body["turn"]["status"]) == (seq, status)
        assert (body["task"]["id"], body["task"]["workerId"]) == ("tsk_hook", worker)
    newest, _ = executions(tasks, worker, 2)
    assert newest.pop("id").startswith("whe_")
    assert newest.pop("createdAt").endswith("Z")
    assert newest.pop("durationMs") >= 0
    assert newest == {
        "errorMessage": None,
        "requestStatus": "success",
        "responseStatus": 200,
        "taskId": "tsk_hook",
        "taskTitle": "Reports",
        "url": receiver.url,
        "workerId": worker,
    }


@pytest.mark.parametrize("status", [302, 410, 500])
def test_another_status_is_a_failure_and_nothing_is_repeated(
    tasks: httpx.Client, receiver: Receiver, status: int
) -> None:
    receiver.status = status
    worker = stored(tasks, receiver.url)
    run(tasks, worker, f"tsk_status_{status}")
    [execution] = executions(tasks, worker, 1)
    assert (execution["requestStatus"], execution["responseStatus"]) == ("error", status)
    assert str(status) in execution["errorMessage"]
    assert receiver.deliveries.qsize() == 1


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/hook",
        "https://192.0.2.1/hook",
        "https://localhost.example.com/hook",
        "https://127.0.0.1@example.com/hook",
        "https://2130706433/hook",
        "https://0.0.0.0/hook",
    ],
)
async def test_nothing_is_sent_to_another_computer(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def dial(*_: object, **__: object) -> None:
        raise AssertionError("it dialed")

    monkeypatch.setattr(socket, "create_connection", dial)
    webhook = LocalWebhook()
    webhook.set(url)
    await webhook.deliver({"id": "t", "title": "T", "workerId": "w"}, {}, 5)
    [execution] = webhook.executions
    assert (execution["requestStatus"], execution["responseStatus"]) == ("error", None)
    assert "this computer only" in str(execution["errorMessage"])


async def test_without_a_receiver_the_reason_is_recorded() -> None:
    async def close_at_once(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    closing = await asyncio.start_server(close_at_once, "127.0.0.1", 0)
    port = closing.sockets[0].getsockname()[1]
    webhook = LocalWebhook()
    for url in (f"http://127.0.0.1:{port}", f"https://127.0.0.1:{port}"):
        webhook.set(url)
        await webhook.deliver({"id": "t", "title": "T", "workerId": "w"}, {}, 5)
    closing.close()
    await closing.wait_closed()
    webhook.set(f"http://127.0.0.1:{port}")
    await webhook.deliver({"id": "t", "title": "T", "workerId": "w"}, {}, 5)
    assert len(webhook.executions) == 3
    assert all(str(one["errorMessage"]).startswith("The delivery failed:") for one in webhook.executions)


async def test_a_receiver_that_does_not_respond_ends_with_the_time_limit() -> None:
    webhook = LocalWebhook()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        webhook.set(f"http://127.0.0.1:{silent.getsockname()[1]}")
        await webhook.deliver({"id": "t", "title": "T", "workerId": "w"}, {}, 0.1)
    [execution] = webhook.executions
    assert execution["errorMessage"] == "No response within 0.1 seconds."


def test_deliveries_are_listed_by_pages_newest_first(tasks: httpx.Client) -> None:
    worker = stored(tasks, "https://example.com/hook")
    path = f"/api/workers/{worker}/webhook/executions"
    assert tasks.get(path).json() == {"logs": [], "page": 1, "pageCount": 0, "totalCount": 0}
    for number in range(PAGE_SIZE + 1):
        run(tasks, worker, f"tsk_page_{number}")
    newest = executions(tasks, worker, PAGE_SIZE + 1)
    assert [one["taskId"] for one in newest] == [f"tsk_page_{number}" for number in range(PAGE_SIZE, 0, -1)]
    second = tasks.get(path, params={"page": 2}).json()
    assert [one["taskId"] for one in second.pop("logs")] == ["tsk_page_0"]
    assert second == {"page": 2, "pageCount": 2, "totalCount": PAGE_SIZE + 1}
    assert tasks.get(path, params={"page": 10**20}).json()["logs"] == []
    for page in ("0", "-1", "x", "1.5", "", "9" * 5000):
        assert tasks.get(path, params={"page": page}).status_code == 422


def test_a_task_of_a_schedule_is_delivered_with_its_trigger(tasks: httpx.Client, receiver: Receiver) -> None:
    worker = stored(tasks, receiver.url)
    when = {"type": "delayed", "delayInSeconds": 1}
    tasks.post(f"/api/workers/{worker}/schedules", json={"input": "echo later", "when": when})
    body = receiver.deliveries.get(timeout=60)[2]
    assert (body["task"]["triggeredBy"], body["turn"]["outputText"]) == ("schedule", "later")
    [execution] = executions(tasks, worker, 1)
    task = tasks.get(f"/api/tasks/{execution['taskId']}").json()["task"]
    assert (task["triggeredBy"], task["workerId"]) == ("schedule", worker)


def test_a_worker_that_was_deleted_delivers_nothing(tasks: httpx.Client, receiver: Receiver) -> None:
    worker = stored(tasks, receiver.url)
    run(tasks, worker, "tsk_gone")
    receiver.deliveries.get(timeout=60)
    tasks.delete(f"/api/workers/{worker}")
    run(tasks, worker, "tsk_gone")
    other = stored(tasks, receiver.url)
    run(tasks, other, "tsk_after")
    assert receiver.deliveries.get(timeout=60)[2]["task"]["id"] == "tsk_after"
