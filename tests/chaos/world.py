"""Worlds: the state of one worker of the imaginary service, and the requests it received."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Condition
from typing import Any

from tests.chaos.requests import Request

Json = Any
Scenario = Mapping[str, Any]
Step = dict[str, Any]

USUAL = ("The ", "quick ", "brown ", "fox ", "jumps ", "over ", "the ", "lazy ", "dog.")
LOOKS = ("get", "replay", "subscribe")


@dataclass
class Exchange:
    """One request of the client, and its fate."""

    op: str
    request: Request
    early: bool
    """A read before the turn was sent: it gets no fault and is not counted."""
    client_closed: bool = False
    """The client closed the connection while we still had something to do."""


@dataclass
class World:
    """One worker under one scenario. The server's thread writes, the test's thread reads."""

    scenario: Scenario
    worker_id: str
    tasks: bool = False
    """The service has the tasks generation: this worker is one task."""
    changed: Condition = field(default_factory=Condition)
    exchanges: list[Exchange] = field(default_factory=list)
    elsewhere: list[Request] = field(default_factory=list)
    """Requests to the second origin."""
    prompts: list[str] = field(default_factory=list)
    """The turns the service took on: each costs money."""
    prompt: str = ""
    target: str = ""
    """The id of the task, where the request brought it."""
    running: bool = False
    remaining_looks: int | None = None
    """GETs until a running turn is done; None: it runs until a step completes it."""
    sent: int = 0
    """Deltas of the answer that were sent."""
    _turns: dict[str, int] = field(default_factory=dict)

    @property
    def op(self) -> str:
        return str(self.scenario["op"])

    @property
    def deltas(self) -> list[str]:
        deltas = self.scenario.get("deltas", USUAL)
        if isinstance(deltas, dict):
            unit, times = deltas["repeat"]
            return [unit] * times
        return list(deltas)

    @property
    def text(self) -> str:
        return "".join(self.deltas)

    @property
    def posts(self) -> int:
        return sum(one.request.method == "POST" for one in self.exchanges)

    @property
    def gets(self) -> int:
        return sum(one.request.method == "GET" and not one.early for one in self.exchanges)

    def now(self) -> None:
        """Notify the waiting threads of a change."""
        with self.changed:
            self.changed.notify_all()

    @property
    def is_missing(self) -> bool:
        """The task has not been created yet."""
        return self.tasks and self.op == "create" and not self.prompts

    # -- the service's side ------------------------------------------------------
    def note(self, op: str, request: Request) -> tuple[Exchange, int]:
        """Count a request; returns it and how many of its kind came before."""
        early = request.method == "GET" and self.op in ("continue", "create", "upload") and self.posts == 0
        number = self._turns.get(op, 0)
        if not early:
            self._turns[op] = number + 1
        if request.prompt is not None:
            self.prompt = request.prompt
            self.target = str(request.fields.get("taskId") or self.target)
        exchange = Exchange(op, request, early)
        self.exchanges.append(exchange)
        if op in LOOKS and self.running and self.remaining_looks is not None:
            self.remaining_looks -= 1
            if self.remaining_looks < 0:
                self.complete()
        self.now()
        return exchange, number

    def accept(self, looks: int | None = None) -> None:
        """Accept the turn."""
        self.prompts.append(self.prompt)
        self.running, self.remaining_looks, self.sent = True, looks, 0
        self.now()

    def start_elsewhere(self, looks: int) -> None:
        """Another client has started a turn, and two deltas of its answer are sent."""
        self.prompt = "asked elsewhere"
        self.accept(looks)
        self.sent = 2

    def complete(self) -> None:
        self.running, self.remaining_looks = False, None
        self.now()

    def count_delta(self) -> None:
        """Count a delta that was sent."""
        self.sent = min(self.sent + 1, len(self.deltas))
        self.now()

    # -- the worker ----------------------------------------------------------------
    def messages(self) -> list[dict[str, Json]]:
        """The complete conversation so far."""
        result = []
        if self.scenario.get("history", True):
            result += [
                _message("m0u", "user", "earlier question"),
                _message("m0a", "assistant", "earlier answer"),
            ]
        for number, prompt in enumerate(self.prompts, 1):
            unfinished = self.running and number == len(self.prompts)
            answer = "".join(self.deltas[: self.sent]) if unfinished else self.text
            result += [_message(f"m{number}u", "user", prompt), _message(f"m{number}a", "assistant", answer)]
        return result

    def worker(self, other: object) -> dict[str, Json]:
        """The Worker object; `other` replaces members, its `__delete__` names some to leave out."""
        messages = self.messages()
        last = next((m for m in reversed(messages) if m["role"] == "assistant"), None)
        answer = last["parts"][0]["text"] if last else ""
        result: dict[str, Json] = {
            "id": self.target or self.worker_id,
            "object": "worker",
            "created_at": 1767225600,
            "status": "running" if self.running else "completed" if messages else "pending",
            "running": self.running,
            "error": None,
            "incomplete_details": None,
            "metadata": {},
            "messages": messages,
            "output": [_output(last)] if last else [],
            "output_text": answer,
            "files": self.scenario.get("files", []),
            "sources": self.scenario.get("sources", []),
            "structured_output": None,
            "url": f"https://dashboard.example.invalid/workers/{self.worker_id}",
            **MONEY,
        }
        if isinstance(other, dict):
            result |= {name: value for name, value in other.items() if name != "__delete__"}
            for name in other.get("__delete__", ()):
                result.pop(name, None)
        return result


def task_of(worker: dict[str, Json]) -> dict[str, Json]:
    """The task, with its turns, that is equivalent to a Worker object."""
    messages = [one for one in worker.get("messages") or [] if isinstance(one, dict)]
    usage: Json = worker.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    turns: list[dict[str, Json]] = []
    for message in messages:
        text = message["parts"][0]["text"]
        if message["role"] == "user":
            turns.append({"id": message["id"], "seq": len(turns), "input": text, "status": "completed"})
        elif turns:
            turns[-1] |= {"outputText": text, "completedAt": "2026-05-11T09:14:22.000Z"}
    if turns:
        turns[-1] |= {name: usage[name] for name in ("credits", "inputTokens", "durationMs") if name in usage}
        turns[-1] |= {"files": worker["files"]} if "files" in worker else {}
    if turns and worker.get("running"):
        turns[-1] |= {"status": "running", "completedAt": None}
    failed = worker.get("error") and not worker.get("running")
    task = {
        "id": worker.get("id"),
        "status": "error" if failed else worker.get("status"),
        "workerId": "wrk_chaos",
    }
    return {"task": task, "turns": turns}


MONEY: dict[str, Json] = {
    "costs": {"internalCostUsd": 0.001, "modelCostUsd": 0.0123, "sandboxCostUsd": 0.0, "toolCostUsd": 0.0007},
    "usage": {
        "inputTokens": 120,
        "outputTokens": 30,
        "totalTokens": 150,
        "cacheReadTokens": 0,
        "cacheWriteTokens": 0,
        "reasoningTokens": 0,
        "steps": 1,
        "costUsd": 0.014,
        "credits": 2,
        "durationMs": 1234,
    },
}


def _message(message_id: str, role: str, text: str) -> dict[str, Json]:
    return {"id": message_id, "role": role, "parts": [{"type": "text", "text": text}]}


def _output(message: dict[str, Json]) -> dict[str, Json]:
    content = [{"type": "output_text", "text": message["parts"][0]["text"]}]
    return {
        "id": message["id"],
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": content,
    }
