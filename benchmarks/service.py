"""Paced service: the workers API on loopback, sending answers at an exact pace; for peers, chat completions.

    python -m benchmarks.service

Its first line is `port N`. For every answer it then prints two lines: `began KEY` before
its first token, and `sent KEY FIRST LAST BYTES`: monotonic seconds at its first and its
last token (the clock is one for all processes of a machine) and the UTF-8 bytes of the
answer.
Standard library only, and a process of its own: what it uses counts for nobody.
"""

from __future__ import annotations

import asyncio
import json
import socket
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from benchmarks import completions
from benchmarks.content import answer
from benchmarks.pacing import http_chunk, report, send_json, tell
from benchmarks.plan import Plan, read_plan

STREAM_HEAD = (
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n"
    "x-vercel-ai-ui-message-stream: v1\r\nTransfer-Encoding: chunked\r\nx-worker-id: {0}\r\n"
    "Location: /api/workers/{0}\r\n\r\n"
)


NUMBERED = "wrk_of_"
"""Followed by a number: a worker that had so many messages before."""


@dataclass
class Worker:
    """One conversation."""

    worker_id: str
    messages: list[dict[str, Any]] = field(default_factory=list)
    running: bool = False
    sources: list[dict[str, Any]] = field(default_factory=list)
    files: list[dict[str, Any]] = field(default_factory=list)

    def say(self, role: str, text: str) -> str:
        """Add a message; returns its id."""
        name = f"msg_{self.worker_id}_{len(self.messages)}"
        self.messages.append({"id": name, "role": role, "parts": [{"type": "text", "text": text}]})
        return name

    def as_json(self) -> dict[str, Any]:
        """The Worker as JSON."""
        answers = [one for one in self.messages if one["role"] == "assistant"]
        return {
            "id": self.worker_id,
            "object": "worker",
            "created_at": 1_767_225_600,
            "status": "running" if self.running else "completed",
            "running": self.running,
            "messages": self.messages,
            "output_text": answers[-1]["parts"][0]["text"] if answers else "",
            "files": self.files,
            "sources": self.sources,
            "metadata": {},
            "usage": {
                "inputTokens": 10,
                "outputTokens": 20,
                "totalTokens": 30,
                "costUsd": 0.01,
                "credits": 1,
            },
        }


def event(chunk: dict[str, Any]) -> bytes:
    """One event as one HTTP chunk."""
    return http_chunk(f"data: {json.dumps(chunk, ensure_ascii=False)}\n\n".encode())


GARBAGE = (
    b": \n\n",
    b"data: {broken\n\n",
    b'data: {"type":"no-such"}\n\n',
    b"id: 1\nevent: x\n\n",
    b"\xff\xfe\n\n",
)
"""What a stream may hold that is no event of an answer."""


class Service:
    """All workers, and the answers they give."""

    def __init__(self) -> None:
        self._workers: dict[str, Worker] = {}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection with any number of requests."""
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                line, *fields = head.decode("latin-1").split("\r\n")
                method, target, _version = line.split(" ")
                length = next(
                    (f.split(":")[1] for f in fields if f.lower().startswith("content-length")), "0"
                )
                body = await reader.readexactly(int(length))
                await self._answer(writer, method, urlsplit(target).path, urlsplit(target).query, body)
        writer.close()

    async def _answer(
        self, writer: asyncio.StreamWriter, method: str, path: str, query: str, body: bytes
    ) -> None:
        steps = [step for step in path.split("/") if step]
        name = steps[2] if len(steps) > 2 else ""
        if steps[-2:] == ["chat", "completions"]:
            await completions.complete(writer, json.loads(body))
        elif steps[-1:] == ["models"]:
            await send_json(writer, 200, completions.models())
        elif steps[:2] != ["api", "workers"] or len(steps) > 4:
            await send_json(writer, 404, {"error": "no such route"})
        elif method == "POST" and len(steps) <= 3:
            await self._turn(writer, name, str(json.loads(body)["input"]))
        elif steps[3:] == ["stream"]:
            writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
            await writer.drain()
        elif self._knows(name) and not query:
            await send_json(writer, 200, self._workers[name].as_json())
        else:
            await send_json(writer, 404, {"error": "no such worker"})

    def _knows(self, name: str) -> bool:
        number = name.removeprefix(NUMBERED)
        if name not in self._workers and name != number and number.isdigit():
            worker = self._workers[name] = Worker(name)
            for at in range(1, int(number) // 2 + 1):
                worker.say("user", f"question {at}")
                worker.say("assistant", f"This is answer {at} of this worker.")
        return name in self._workers

    async def _turn(self, writer: asyncio.StreamWriter, name: str, prompt: str) -> None:
        try:
            plan = read_plan(prompt)
        except ValueError:
            await send_json(writer, 422, {"error": "this service takes plans only"})
            return
        name = name or f"wrk_{len(self._workers) + 1}"
        worker = self._workers.setdefault(name, Worker(name))
        worker.say("user", prompt)
        chunks = evidence(plan, worker)
        garbage = [
            http_chunk(GARBAGE[at % len(GARBAGE)]) for at in range(plan.tokens * (plan.shape == "garbage"))
        ]
        is_short = chunks or garbage
        tokens = answer("prose", 100, plan.mark) if is_short else answer(plan.shape, plan.tokens, plan.mark)
        text = "".join(tokens)
        chunks += [{"type": "text-delta", "id": "t1", "delta": token} for token in tokens]
        deltas = [*garbage, *map(event, chunks)]
        worker.running = True
        message = f"msg_{name}_{len(worker.messages)}"
        writer.write(STREAM_HEAD.format(name).encode())
        writer.write(event({"type": "start", "messageId": message}))
        writer.write(event({"type": "start-step"}) + event({"type": "text-start", "id": "t1"}))
        await writer.drain()
        sent = await tell(writer, plan, deltas)
        worker.running = False
        worker.say("assistant", text)
        writer.write(event({"type": "text-end", "id": "t1"}) + event({"type": "finish-step"}))
        writer.write(event({"type": "finish", "finishReason": "stop"}))
        writer.write(http_chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n")
        await writer.drain()
        report(plan, sent, text)


def evidence(plan: Plan, worker: Worker) -> list[dict[str, Any]]:
    """The chunks of a plan that asks for `tokens` sources or files; else none. The worker keeps them."""
    if plan.shape == "sources":
        for number in range(plan.tokens):
            url = f"https://host{number % 97}.example/page/{number}"
            worker.sources.append({"id": f"s{number}", "title": f"Page {number} of many", "url": url})
        return [
            {"type": "source-url", "sourceId": one["id"], "url": one["url"], "title": one["title"]}
            for one in worker.sources
        ]
    if plan.shape == "files":
        for number in range(plan.tokens):
            url, name = f"https://files.example/{number}.csv", f"folder{number % 31}/table {number}.csv"
            worker.files.append(
                {"filename": name, "mediaType": "text/csv", "url": url, "size": 1000 + number}
            )
        return [
            {"type": "file", "mediaType": "text/csv", "filename": one["filename"], "url": one["url"]}
            for one in worker.files
        ]
    return []


async def main() -> None:
    """Serve until the process is ended."""
    server = await asyncio.start_server(Service().serve, "127.0.0.1", 0)
    print(f"port {server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
