"""A task service for the tests of the tasks client: routes with answers that a test can change."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from tests.api.server import Peer, Request, Script, Server, as_json

TASK = "tsk_1"
WORKER = "wrk_1"


def task(status: str = "completed", **members: Any) -> dict[str, Any]:
    return {
        "id": TASK,
        "status": status,
        "title": "Prices",
        "createdAt": "2026-05-11T09:14:22.000Z",
        "completedAt": None if status in ("pending", "running") else "2026-05-11T09:20:22.000Z",
        "triggeredBy": "api",
        "totals": {"credits": 7, "durationMs": 900, "turnCount": 1},
        "url": f"https://x.example/worker/{WORKER}/task/{TASK}",
        "workerId": WORKER,
        **members,
    }


def turn(seq: int = 0, prompt: str = "ping", text: str = "pong", **members: Any) -> dict[str, Any]:
    return {
        "id": f"trn_{seq}",
        "seq": seq,
        "role": "user",
        "status": "completed",
        "input": prompt,
        "outputText": text,
        "structuredOutput": None,
        "credits": 7,
        "inputTokens": 10,
        "outputTokens": 20,
        "durationMs": 900,
        "startedAt": "2026-05-11T09:14:22.000Z",
        "completedAt": "2026-05-11T09:20:22.000Z",
        "taskId": TASK,
        "files": [],
        **members,
    }


def worker(text: str = "pong", *, running: bool = False, **members: Any) -> dict[str, Any]:
    return {
        "id": WORKER,
        "object": "worker",
        "status": "running" if running else "completed",
        "running": running,
        "output_text": text,
        "messages": [{}],
        "error": None,
        "files": [],
        "sources": [],
        "structured_output": None,
        "usage": {"durationMs": 5},
        **members,
    }


def json_reply(value: Any, status: int = 200) -> Script:
    return as_json(json.dumps(value), status)


NO_TASK = json_reply({"error": "No task has this id."}, 404)


class TaskService:
    """The answer of each route, the POSTs, and the number of readings."""

    def __init__(self, server: Server) -> None:
        self.post: Script = json_reply(worker())
        self.task: Script = NO_TASK
        self.turns: Script = json_reply({"taskId": TASK, "items": []})
        self.worker: Script = json_reply(worker())
        self.posts: list[Request] = []
        self.reads = 0
        self.posted = asyncio.Event()
        self._read = asyncio.Condition()
        server.answer(self._serve)

    def show(self, status: str, *turns: dict[str, Any], inside: bool = False, state: Any = None) -> None:
        """From now on the task has this status and these turns."""
        envelope: dict[str, Any] = {"task": task(status)}
        if inside:
            envelope["turns"] = list(turns)
        self.task = json_reply(envelope)
        self.turns = NO_TASK if inside else json_reply({"taskId": TASK, "items": list(turns)})
        if state is not None:
            self.worker = json_reply(state)

    async def read_again(self, times: int) -> None:
        """Wait until the task has been read this often from now on."""
        end = self.reads + times
        async with self._read:
            await self._read.wait_for(lambda: self.reads >= end)

    async def _serve(self, peer: Peer) -> None:
        request = peer.request
        if request.method == "POST":
            self.posts.append(request)
            self.posted.set()
            await self.post(peer)
        elif request.target.endswith("/turns"):
            await self.turns(peer)
        elif request.target.startswith("/api/tasks/"):
            async with self._read:
                self.reads += 1
                self._read.notify_all()
            await self.task(peer)
        else:
            await self.worker(peer)
