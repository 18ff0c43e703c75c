"""Streams: live, replayed, shared, abandoned, and cut."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import httpx
import pytest

from handinger_tui.local.http import RequestLimits
from handinger_tui.local.server import LocalServer
from tests.local.conftest import connect

Run = Callable[..., tuple[dict[str, Any], list[Any]]]
Events = Callable[[Iterable[str]], Iterator[Any]]
LONG = "long 60"


def until_text(events: Iterator[Any]) -> list[Any]:
    """Read events up to the first piece of text."""
    before_text = []
    for event in events:
        before_text.append(event)
        if event["type"] == "text-delta":
            return before_text
    raise AssertionError("the stream ended without text")


def test_text_arrives_before_the_turn_ends(slow_client: httpx.Client, events_of: Events) -> None:
    with slow_client.stream("POST", "/api/workers", json={"input": LONG, "stream": True}) as answer:
        assert answer.headers["content-type"] == "text/event-stream"
        assert answer.headers["x-vercel-ai-ui-message-stream"] == "v1"
        assert answer.headers["x-accel-buffering"] == "no"
        before = until_text(events_of(answer.iter_lines()))
        worker = slow_client.get(f"/api/workers/{answer.headers['x-worker-id']}").json()
    assert worker["running"] is True
    assert worker["output_text"]
    assert before[0]["messageMetadata"]["workerId"] == worker["id"]
    assert worker["messages"][-1]["parts"][-1]["state"] == "streaming"


def test_a_turn_continues_when_its_reader_disconnects(events_of: Events) -> None:
    # The pace is slow enough that the turn is surely unfinished after its first word.
    with (
        LocalServer.start(pace=0.03) as server,
        connect(server) as client,
    ):
        with client.stream("POST", "/api/workers", json={"input": LONG, "stream": True}) as answer:
            until_text(events_of(answer.iter_lines()))
            worker_id = answer.headers["x-worker-id"]
        assert client.get(f"/api/workers/{worker_id}").json()["running"] is True
        replay = list(events_of(client.get(f"/api/workers/{worker_id}/stream").text.split("\n")))
        worker = client.get(f"/api/workers/{worker_id}").json()
    assert replay[-1]["type"] == "finish"
    assert worker["running"] is False
    assert "Paragraph 60." in worker["output_text"]


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/api/workers/{id}/stream", {}),
        ("/api/workers/{id}?stream=true", {"accept": "application/json"}),
        ("/api/workers/{id}", {"accept": "application/json, text/event-stream"}),
    ],
)
def test_a_late_reader_gets_the_running_turn_from_its_beginning(
    events_of: Events, path: str, headers: dict[str, str]
) -> None:
    with (
        LocalServer.start(pace=0.02) as server,
        connect(server) as client,
        client.stream("POST", "/api/workers", json={"input": LONG, "stream": True}) as first,
    ):
        first_events = events_of(first.iter_lines())
        live = until_text(first_events)
        with client.stream("GET", path.format(id=first.headers["x-worker-id"]), headers=headers) as second:
            replay = list(events_of(second.iter_lines()))
        live += first_events
    stored, chunks = replay[0], replay[1:]
    assert stored["role"] == "user"
    assert stored["parts"] == [{"type": "text", "text": LONG}]
    assert live.pop() == "[DONE]"
    # Clients that know /stream decode every event as JSON: no [DONE] there.
    assert chunks == [*live, *([] if path.endswith("/stream") else ["[DONE]"])]


def test_an_idle_worker_replays_its_messages_and_closes(
    client: httpx.Client, run_turn: Run, events_of: Events
) -> None:
    first, _ = run_turn("echo one")
    worker, _ = run_turn("sources about png", first["id"])
    replay = list(
        events_of(client.get(f"/api/workers/{worker['id']}", params={"stream": "true"}).text.split("\n"))
    )
    assert replay == [*worker["messages"], "[DONE]"]


@pytest.mark.parametrize("text", ["tour", "report on prices", "sources", "fail", "echo 👩‍💻 a\u2028b"])
def test_the_stored_message_equals_the_streamed_one(
    run_turn: Run, assembled: Callable[[Any], dict[str, Any]], text: str
) -> None:
    worker, events = run_turn(text)
    assert assembled(events[:-1]) == worker["messages"][-1]


def test_chunks_come_in_the_order_of_the_protocol(run_turn: Run) -> None:
    _, events = run_turn("report on primes")
    kinds = [event["type"] for event in events[:-1]]
    assert kinds[0] == "start"
    assert kinds[-1] == "finish"
    assert kinds.count("start-step") == kinds.count("finish-step") > 1
    inputs: dict[str, str] = {}
    for event in events[:-1]:
        if event["type"] == "tool-input-delta":
            inputs[event["toolCallId"]] = inputs.get(event["toolCallId"], "") + event["inputTextDelta"]
        if event["type"] == "tool-input-available":
            assert json.loads(inputs[event["toolCallId"]]) == event["input"]
    assert len(inputs) == 5


@pytest.mark.parametrize(
    ("body", "accept", "kind"),
    [
        ({"stream": True}, "application/json", "text/event-stream"),
        ({"stream": False}, "text/event-stream", "application/json"),
        ({}, "text/event-stream", "text/event-stream"),
        ({}, "*/*", "application/json"),
    ],
)
def test_how_a_stream_is_requested(
    client: httpx.Client, body: dict[str, bool], accept: str, kind: str
) -> None:
    answer = client.post("/api/workers", json={"input": "echo x", **body}, headers={"accept": accept})
    assert answer.headers["content-type"] == kind


def test_the_query_can_request_a_stream_of_a_post(client: httpx.Client) -> None:
    answer = client.post("/api/workers?stream=true", json={"input": "echo x"})
    assert answer.headers["content-type"] == "text/event-stream"


def test_deltas_are_small_and_repeatable(run_turn: Run) -> None:
    def deltas(events: list[Any]) -> list[str]:
        return [event["delta"] for event in events[:-1] if event["type"] == "text-delta"]

    _, once = run_turn("long 7")
    _, again = run_turn("long 7")
    assert deltas(once) == deltas(again)
    assert max(map(len, deltas(once))) <= 13
    assert len(set(map(len, deltas(once)))) > 5


def test_silence_is_filled_with_comments() -> None:
    # At this pace the first thought takes longer than the test.
    with (
        LocalServer.start(pace=1000, limits=RequestLimits(keep_alive_seconds=0.02)) as server,
        httpx.stream(
            "POST",
            f"{server.base_url}/api/workers",
            json={"input": "hi", "stream": True},
            headers={"authorization": f"Bearer {server.api_key}"},
            trust_env=False,
        ) as answer,
    ):
        comments = (line for line in answer.iter_lines() if line.startswith(":"))
        assert [next(comments), next(comments)] == [": keep-alive", ": keep-alive"]
