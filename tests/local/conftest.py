"""A running local worker, and readers of its answers that share no code with it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from handinger_tui.local.server import LocalServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

Json = dict[str, Any]


def connect(server: LocalServer, url: str | None = None) -> httpx.Client:
    """Return a client with the server's key that ignores the environment's proxies.

    `url`: of a generation, by default of workers.
    """
    headers = {"Authorization": f"Bearer {server.api_key}"}
    return httpx.Client(base_url=url or server.base_url, headers=headers, trust_env=False, timeout=60)


@pytest.fixture(scope="module")
def server() -> Iterator[LocalServer]:
    with LocalServer.start(pace=0) as running:
        yield running


@pytest.fixture(scope="module")
def client(server: LocalServer) -> Iterator[httpx.Client]:
    with connect(server) as connected:
        yield connected


@pytest.fixture(scope="module")
def tasks(server: LocalServer) -> Iterator[httpx.Client]:
    """A client of the tasks generation."""
    with connect(server, server.tasks_url) as connected:
        yield connected


@pytest.fixture
def slow_server() -> Iterator[LocalServer]:
    """A server at natural pace, whose long answers run for longer than a test."""
    with LocalServer.start(pace=1) as running:
        yield running


@pytest.fixture
def slow_client(slow_server: LocalServer) -> Iterator[httpx.Client]:
    with connect(slow_server) as connected:
        yield connected


def parse_events(lines: Iterable[str]) -> Iterator[Any]:
    """Yield the JSON of each event, and `[DONE]` as a string."""
    for line in lines:
        if line.startswith("data: "):
            text = line.removeprefix("data: ")
            yield text if text == "[DONE]" else json.loads(text)


@pytest.fixture
def events_of() -> Callable[[Iterable[str]], Iterator[Any]]:
    return parse_events


@pytest.fixture
def run_turn(client: httpx.Client) -> Callable[..., tuple[Json, list[Any]]]:
    """Send an instruction, read its stream to the end, return the worker afterwards and the events."""

    def run(text: str, worker_id: str = "", **members: object) -> tuple[Json, list[Any]]:
        path = f"/api/workers/{worker_id}" if worker_id else "/api/workers"
        answer = client.post(path, json={"input": text, "stream": True, **members})
        assert answer.status_code == 200, answer.text
        events = list(parse_events(answer.text.split("\n")))
        return client.get(f"/api/workers/{answer.headers['x-worker-id']}").json(), events

    return run


@pytest.fixture
def upload_turn(client: httpx.Client) -> Callable[..., tuple[Json, list[Any]]]:
    """Send an instruction with files, otherwise like `run_turn`."""

    def run(
        text: str, files: list[tuple[str, tuple[str, bytes]]], budget: str = "high"
    ) -> tuple[Json, list[Any]]:
        answer = client.post(
            "/api/workers", data={"input": text, "budget": budget, "stream": "true"}, files=files
        )
        assert answer.status_code == 200, answer.text
        events = list(parse_events(answer.text.split("\n")))
        return client.get(f"/api/workers/{answer.headers['x-worker-id']}").json(), events

    return run


def assemble(chunks: Iterable[Json]) -> Json:
    """Build a UIMessage by the published rules of the stream, for the chunks of this server."""
    message: Json = {"role": "assistant", "metadata": {}, "parts": []}
    parts: list[Json] = message["parts"]
    for chunk in chunks:
        kind = chunk["type"]
        message["metadata"].update(chunk.get("messageMetadata", {}))
        if kind == "start":
            message["id"] = chunk["messageId"]
        elif kind == "start-step":
            parts.append({"type": "step-start"})
        elif kind in {"source-url", "file"}:
            parts.append(chunk)
        elif kind.startswith("data-"):
            _fold_data(parts, chunk)
        elif kind.startswith("tool-"):
            _fold_tool(parts, chunk)
        elif kind.partition("-")[0] in {"text", "reasoning"}:
            _fold_talk(parts, chunk)
    return message


def _fold_data(parts: list[Json], chunk: Json) -> None:
    same = [part for part in parts if (part["type"], part.get("id")) == (chunk["type"], chunk["id"])]
    if same:
        same[0]["data"] = chunk["data"]
    else:
        parts.append(dict(chunk))


def _fold_talk(parts: list[Json], chunk: Json) -> None:
    name, _, step = chunk["type"].partition("-")
    if step == "start":
        named = {"id": chunk["id"]} if name == "reasoning" else {}
        parts.append({"type": name, "text": "", "state": "streaming", **named})
        return
    part = next(part for part in reversed(parts) if part["type"] == name and part["state"] == "streaming")
    if step == "delta":
        part["text"] += chunk["delta"]
    else:
        part["state"] = "done"


def _fold_tool(parts: list[Json], chunk: Json) -> None:
    kind, call = chunk["type"], chunk["toolCallId"]
    if kind == "tool-input-start":
        parts.append({"type": f"tool-{chunk['toolName']}", "toolCallId": call, "state": "input-streaming"})
        return
    part = next(part for part in parts if part.get("toolCallId") == call)
    if kind == "tool-input-available":
        part |= {"state": "input-available", "input": chunk["input"]}
    elif kind == "tool-output-available":
        part |= {"state": "output-available", "output": chunk["output"]}
    elif kind == "tool-output-error":
        part |= {"state": "output-error", "errorText": chunk["errorText"]}


@pytest.fixture
def assembled() -> Callable[[Iterable[Json]], Json]:
    return assemble


def problems_of(worker: Json) -> list[str]:
    """List where a value breaks the published rules of `Worker`, independent of the implementation."""
    problems: list[str] = []

    def expect(name: str, good: object) -> None:
        if not good:
            problems.append(name)

    members = (
        "id created_at error files incomplete_details messages metadata object output output_text running"
    )
    expect("members", set(worker) == {*members.split(), "sources", "status", "costs", "usage"})
    expect("id", isinstance(worker["id"], str) and len(worker["id"]) == len("t_local_w_") + 26)
    expect("created_at", type(worker["created_at"]) is int and 1e9 < worker["created_at"] < 1e11)
    expect("incomplete_details", worker["incomplete_details"] is None)
    expect("object", worker["object"] == "worker")
    expect("running", type(worker["running"]) is bool)
    expect("status", worker["status"] == ("running" if worker["running"] else "completed"))
    expect("output_text", isinstance(worker["output_text"], str))
    expect("metadata", isinstance(worker["metadata"], dict))
    for file in worker["files"]:
        expect(
            "file",
            set(file) == {"filename", "mediaType", "url"} and all(isinstance(v, str) for v in file.values()),
        )
        expect("file url", file["url"].startswith("http://127.0.0.1:"))
    for source in worker["sources"]:
        expect("source", set(source) == {"id", "title", "type", "url"} and source["type"] == "url")
    for item in worker["output"]:
        expect("output", set(item) == {"id", "content", "role", "status", "type"})
        expect(
            "output words",
            (item["role"], item["status"], item["type"]) == ("assistant", "completed", "message"),
        )
        expect(
            "content", all(set(c) == {"text", "type"} and c["type"] == "output_text" for c in item["content"])
        )
    for message in worker["messages"]:
        expect("message", message["role"] in {"user", "assistant"} and isinstance(message["id"], str))
        expect("parts", all(isinstance(part["type"], str) for part in message["parts"]))
    return problems + money_problems_of(worker)


def money_problems_of(worker: Json) -> list[str]:
    """The same for `costs` and `usage`."""
    costs = {"internalCostUsd", "modelCostUsd", "sandboxCostUsd", "toolCostUsd"}
    tokens = {
        f"{kind}Tokens" for kind in ("cacheRead", "cacheWrite", "input", "output", "reasoning", "total")
    }
    counts = [value for name, value in worker["usage"].items() if name != "costUsd"]
    good = {
        "costs": set(worker["costs"]) == costs and all(value >= 0 for value in worker["costs"].values()),
        "usage": set(worker["usage"]) == {*tokens, "costUsd", "steps", "credits", "durationMs"},
        "whole numbers": all(type(value) is int and value >= 0 for value in counts),
    }
    return [name for name, holds in good.items() if not holds]


@pytest.fixture
def worker_problems() -> Callable[[Json], list[str]]:
    return problems_of
