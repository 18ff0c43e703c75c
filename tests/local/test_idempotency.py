"""The same Idempotency-Key is the same turn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from handinger_tui.local.http import RequestLimits
from handinger_tui.local.server import LocalServer

Run = Callable[..., tuple[dict[str, Any], list[Any]]]


def test_a_repeated_create_is_one_worker_and_one_charge(client: httpx.Client) -> None:
    body, headers = {"input": "echo once", "stream": True}, {"idempotency-key": "create-1"}
    first = client.post("/api/workers", json=body, headers=headers)
    spent = client.get(first.headers["location"]).json()
    again = client.post("/api/workers", json=body, headers=headers)
    assert again.text == first.text
    assert again.headers["x-worker-id"] == first.headers["x-worker-id"]
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    assert client.get(first.headers["location"]).json() == spent


def test_a_repeated_continue_joins_the_running_turn(slow_client: httpx.Client) -> None:
    worker = slow_client.post("/api/workers", json={"input": "echo x", "stream": True})
    path = f"/api/workers/{worker.headers['x-worker-id']}"
    answers = [
        slow_client.post(path, json={"input": "long 40"}, headers={"idempotency-key": "go-on"})
        for _ in range(3)
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert {answer.json()["metadata"]["turnId"] for answer in answers} == {
        answers[0].json()["metadata"]["turnId"]
    }
    assert answers[-1].json()["metadata"]["turns"] == 2


def test_json_and_multipart_of_the_same_words_are_the_same(client: httpx.Client) -> None:
    headers = {"idempotency-key": "two-forms"}
    file = {"files": ("a.txt", b"x")}
    first = client.post("/api/workers", data={"input": "count"}, files=file, headers=headers)
    again = client.post(
        "/api/workers", data={"input": "count", "stream": "false"}, files=file, headers=headers
    )
    assert again.headers["x-worker-id"] == first.headers["x-worker-id"]
    other = client.post("/api/workers", json={"input": "count"}, headers=headers)
    assert other.status_code == 422


@pytest.mark.parametrize("change", [{"input": "echo b"}, {"budget": "high"}])
def test_a_key_with_another_instruction_is_refused(client: httpx.Client, change: dict[str, str]) -> None:
    headers = {"idempotency-key": f"changed-{change}"}
    client.post("/api/workers", json={"input": "echo a"}, headers=headers).raise_for_status()
    answer = client.post("/api/workers", json={"input": "echo a", **change}, headers=headers)
    assert answer.status_code == 422
    assert "Nothing was started" in answer.json()["error"]


def test_keys_are_of_one_address(client: httpx.Client) -> None:
    headers = {"idempotency-key": "shared"}
    body = {"input": "echo a", "stream": True}
    first = client.post("/api/workers", json=body, headers=headers)
    second = client.post(first.headers["location"], json=body, headers=headers)
    assert client.get(first.headers["location"]).json()["metadata"]["turns"] == 2
    assert "idempotency-replayed" not in second.headers


def test_a_refused_request_leaves_its_key_free(slow_client: httpx.Client) -> None:
    path = slow_client.post("/api/workers", json={"input": "long 30"}).headers["location"]
    headers = {"idempotency-key": "later"}
    answers = [slow_client.post(path, json={"input": "echo x"}, headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [409, 409]


@pytest.mark.parametrize("key", ["", "k" * 256])
def test_a_key_of_odd_length_is_refused(client: httpx.Client, key: str) -> None:
    answer = client.post("/api/workers", json={"input": "echo a"}, headers={"idempotency-key": key})
    assert answer.status_code == 400


def test_only_the_newest_keys_are_remembered() -> None:
    with LocalServer.start(pace=0, limits=RequestLimits(remembered_keys=1)) as small:

        def create(key: str) -> str:
            headers = {"authorization": f"Bearer {small.api_key}", "idempotency-key": key}
            answer = httpx.post(
                f"{small.base_url}/api/workers", json={"input": "echo x"}, headers=headers, trust_env=False
            )
            return answer.headers["x-worker-id"]

        first = create("a")
        assert create("a") == first
        create("b")
        assert create("a") != first
