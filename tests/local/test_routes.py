"""Every route over real HTTP, and every refusal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from handinger_tui.local.server import LocalServer

Run = Callable[..., tuple[dict[str, Any], list[Any]]]


def sentence(answer: httpx.Response) -> str:
    """Return the message of a failure, which must be the complete body."""
    body = answer.json()
    assert set(body) == {"error"}
    assert isinstance(body["error"], str)
    assert body["error"].endswith(".")
    return str(body["error"])


def test_create_answers_immediately_and_names_the_worker(
    client: httpx.Client, worker_problems: Callable[[Any], list[str]]
) -> None:
    answer = client.post("/api/workers", json={"input": "long 400"})
    worker = answer.json()
    assert answer.status_code == 200
    assert worker["running"] is True
    assert worker["output"] == []
    assert answer.headers["location"] == f"/api/workers/{worker['id']}"
    assert answer.headers["x-worker-id"] == worker["id"]
    assert worker_problems(worker) == []


def test_retrieve_shows_the_finished_turn(run_turn: Run, worker_problems: Callable[[Any], list[str]]) -> None:
    worker, _ = run_turn("echo hello **you**")
    assert worker_problems(worker) == []
    assert worker["running"] is False
    assert worker["output_text"] == "hello **you**"
    assert worker["output"][0]["content"] == [{"text": "hello **you**", "type": "output_text"}]
    assert [message["role"] for message in worker["messages"]] == ["user", "assistant"]
    assert worker["messages"][1]["id"] == worker["output"][0]["id"]


@pytest.mark.parametrize("text", ["tour", "report on python", "sources about json", "fail", "long 3", "zzz?"])
def test_every_rule_leaves_a_valid_worker(
    run_turn: Run, worker_problems: Callable[[Any], list[str]], text: str
) -> None:
    worker, events = run_turn(text)
    assert worker_problems(worker) == []
    assert worker["output_text"]
    assert events[-1] == "[DONE]"


def test_continue_answers_with_the_last_turn_and_keeps_the_first(run_turn: Run) -> None:
    first, _ = run_turn("echo one")
    second, _ = run_turn("echo two", first["id"])
    assert second["output_text"] == "two"
    assert second["messages"][:2] == first["messages"]
    assert len(second["messages"]) == 4
    assert second["created_at"] == first["created_at"]


def test_a_failed_turn_is_reported_and_the_next_one_clears_the_error(run_turn: Run) -> None:
    failed, events = run_turn("fail")
    kinds = [event["type"] for event in events[:-1]]
    assert kinds[-3:] == ["error", "finish-step", "finish"]
    assert events[-2]["finishReason"] == "error"
    assert failed["error"]["message"] == next(
        event["errorText"] for event in events if event["type"] == "error"
    )
    assert failed["messages"][-1]["parts"][-1]["state"] == "streaming"
    healed, _ = run_turn("echo fine", failed["id"])
    assert healed["error"] is None


def test_email_is_a_json_string_with_an_unreachable_domain(client: httpx.Client, run_turn: Run) -> None:
    worker, _ = run_turn("echo x")
    address = client.get(f"/api/workers/{worker['id']}/email").json()
    assert address == f"{worker['id'].lower()}@local.invalid"


def test_sources_are_stored_once(run_turn: Run) -> None:
    first, _ = run_turn("sources about csv")
    again, _ = run_turn("sources about csv", first["id"])
    assert first["sources"]
    assert again["sources"] == first["sources"]


@pytest.mark.parametrize("key", [None, "Bearer wrong", "Basic abc", "Bearer", "", "Bearer é"])
def test_requests_without_the_key_are_refused(server: LocalServer, key: str | None) -> None:
    headers = {} if key is None else {b"authorization": key.encode()}
    paths = ["/api/workers", "/api/workers/x", "/api/workers/x/files/y"]
    for path in paths:
        answer = httpx.get(server.base_url + path, headers=headers, trust_env=False)
        assert answer.status_code == 401
        assert "key" in sentence(answer)
        assert server.api_key not in answer.text


def test_the_scheme_is_case_insensitive(server: LocalServer) -> None:
    headers = {"authorization": f"bearer {server.api_key}"}
    assert httpx.get(f"{server.base_url}/api/workers/x", headers=headers, trust_env=False).status_code == 404


def test_two_servers_have_different_keys(server: LocalServer) -> None:
    with LocalServer.start(pace=0) as other:
        assert other.api_key != server.api_key
        assert other.api_key.startswith("hdg_local_")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/workers/no"),
        ("POST", "/api/workers/no"),
        ("GET", "/api/workers/no/stream"),
        ("GET", "/api/workers/no?stream=true"),
        ("GET", "/api/workers/no/email"),
        ("GET", "/api/workers/no/files/a.txt"),
        ("GET", "/api/workers/no/schedules"),
        ("POST", "/api/workers/no/schedules"),
        ("DELETE", "/api/workers/no/schedules/sch_1"),
        ("GET", "/api/elsewhere"),
        ("GET", "/"),
        ("GET", "/api/workers/"),
    ],
)
def test_unknown_things_are_404(client: httpx.Client, method: str, path: str) -> None:
    answer = client.request(method, path, json={"input": "x"} if method == "POST" else None)
    assert answer.status_code == 404
    sentence(answer)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/api/workers", "POST"),
        ("DELETE", "/api/workers/x", "GET, POST"),
        ("PUT", "/api/workers/x/schedules", "GET, POST"),
        ("GET", "/api/workers/x/schedules/y", "DELETE"),
        ("POST", "/api/workers/x/stream", "GET"),
    ],
)
def test_other_methods_are_405(client: httpx.Client, method: str, path: str, allowed: str) -> None:
    answer = client.request(method, path)
    assert answer.status_code == 405
    assert answer.headers["allow"] == allowed
    sentence(answer)


@pytest.mark.parametrize(
    ("body", "status", "word"),
    [
        (b"{", 400, "JSON"),
        (b"\xff\xfe{}", 400, "JSON"),
        (b"[" * 100_000, 422, "object"),
        (b'{"input":' + b"9" * 5000 + b"}", 422, "input"),
        (b'{"input":"x","a":' + b"[" * 100_000 + b"}", 400, "JSON"),
        (b"[]", 422, "object"),
        (b"{}", 422, "missing"),
        (rb'{"input":"a\ud83d"}', 400, "JSON"),
        (b'{"input":null}', 422, "input"),
        (b'{"input":""}', 422, "input"),
        (b'{"input":"x","a":NaN}', 400, "JSON"),
        (b'{"input":5}', 422, "input"),
        (b'{"input":"x","stream":"true"}', 422, "stream"),
        (b'{"input":"x","stream":1}', 422, "stream"),
        (b'{"input":"x","stream":null}', 422, "stream"),
        (b'{"input":"x","budget":"huge"}', 422, "budget"),
        (b'{"input":"x","budget":null}', 422, "budget"),
        (b'{"input":"x","budget":["low"]}', 422, "budget"),
        (b'{"input":"' + b"x" * 200_001 + b'"}', 422, "200000"),
    ],
    ids=range(19),
)
def test_bad_bodies_start_nothing(
    client: httpx.Client, run_turn: Run, body: bytes, status: int, word: str
) -> None:
    worker, _ = run_turn("echo x")
    for path in ("/api/workers", f"/api/workers/{worker['id']}"):
        answer = client.post(path, content=body, headers={"content-type": "application/json"})
        assert answer.status_code == status
        assert word in sentence(answer)
    assert client.get(f"/api/workers/{worker['id']}").json() == worker


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_other_media_types_are_415(client: httpx.Client, kind: str) -> None:
    answer = client.post("/api/workers", content=b'{"input":"x"}', headers={"content-type": kind})
    assert answer.status_code == 415
    assert "application/json" in sentence(answer)


def test_an_invalid_stream_parameter_is_422(client: httpx.Client, run_turn: Run) -> None:
    worker, _ = run_turn("echo x")
    answer = client.get(f"/api/workers/{worker['id']}", params={"stream": "maybe"})
    assert answer.status_code == 422
    sentence(answer)


def test_a_running_worker_refuses_a_second_turn(slow_client: httpx.Client) -> None:
    worker = slow_client.post("/api/workers", json={"input": "long 50"}).json()
    answer = slow_client.post(f"/api/workers/{worker['id']}", json={"input": "echo x"})
    assert answer.status_code == 409
    assert "Nothing was started" in sentence(answer)
    assert len(slow_client.get(f"/api/workers/{worker['id']}").json()["messages"]) == 2
