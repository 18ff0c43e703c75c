"""A server that plays recorded bodies over real HTTP, byte-exact, on loopback.

Every request for a stream gets the next item's body, at its pace;
any other request gets a finished worker with the recording's expected text.
"""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final

from tests.wire.recordings import Recording

_EVENT_END: Final = re.compile(rb"\r\n\r\n|\n\n|\r\r")
_HOP: Final = {"connection", "transfer-encoding", "keep-alive", "content-length", "date"}
SMALL: Final = 6000
"""Bytes up to which a body is cut into single bytes; larger ones into sevens."""


def cuts(recording: Recording, pace: str) -> list[int]:
    """The positions of the cuts for a pace: whole, events, bytes or splits."""
    body = recording.body
    if pace == "events":
        return [match.end() for match in _EVENT_END.finditer(body)] or list(range(16, len(body), 16))
    if pace == "bytes":
        step = 1 if len(body) <= SMALL else 7 if len(body) <= 10 * SMALL else 997
        return list(range(step, len(body), step))
    if pace == "splits":
        return [int(at) for at in recording.meta.get("splits", [])]
    return []


def pieces(recording: Recording, pace: str) -> Iterator[bytes]:
    """The body in pieces."""
    begin = 0
    for end in [*cuts(recording, pace), len(recording.body)]:
        if begin < end:
            yield recording.body[begin:end]
            begin = end


@dataclass
class Player:
    """The played recordings, and the received requests."""

    recording: Recording
    pace: str = "whole"
    tasks: bool = False
    """The service has tasks: each POST is answered with the recording, and a task exists from then on."""
    answer: tuple[int, dict[str, str], bytes] | None = None
    """A fixed answer instead of the recording: status, headers, body."""
    requests: list[tuple[str, str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    answered: bool = False
    """A POST has been answered, to its last byte."""

    @property
    def posts(self) -> int:
        return sum(method == "POST" for method, _, _ in self.requests)

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            method, target, _ = head[0].split(" ", 2)
            fields = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in head[1:] if line)}
            data = await reader.readexactly(int(fields.get("content-length", "0")))
            body = json.loads(data) if fields.get("content-type") == "application/json" else {}
            self.requests.append((method, target, body))
            self.headers.append(fields)
            if self.tasks and method == "GET":
                await self._reply_with(writer, *self._task(target))
            else:
                streamed = self.tasks or body.get("stream") is True or "stream" in target
                await self._reply(writer, target, streamed=streamed)
                self.answered = self.answered or method == "POST"
        writer.close()

    async def _reply(self, writer: asyncio.StreamWriter, target: str, *, streamed: bool) -> None:
        if self.answer is not None:
            await self._reply_with(writer, *self.answer)
            return
        if not streamed:
            await self._reply_with(writer, *_json(finished_worker(self.recording, target)))
            return
        headers = {k: v for k, v in self.recording.meta["headers"].items() if k not in _HOP}
        writer.write(_head(200, {**headers, "transfer-encoding": "chunked"}))
        for piece in pieces(self.recording, self.pace):
            writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            await writer.drain()
        writer.write(b"0\r\n\r\n")
        await writer.drain()

    def _task(self, target: str) -> tuple[int, dict[str, str], bytes]:
        """The one task, with the turn of the POST; unknown until the POST is answered.

        A client that reads the task during the POST would otherwise get a part of the answer from here.
        """
        if not self.answered or "/api/tasks/" not in target:
            return _json({"error": "No task has this id."}, 404)
        posted = next(body for method, _, body in self.requests if method == "POST")
        worker = finished_worker(self.recording, target)
        task = {"id": posted["taskId"], "status": "completed", "workerId": "wrk_1"}
        turn = {
            "seq": 0,
            "status": "completed",
            "input": posted["input"],
            "outputText": worker["output_text"],
        }
        return _json({"task": task, "turns": [turn]})

    async def _reply_with(
        self, writer: asyncio.StreamWriter, status: int, headers: dict[str, str], body: bytes
    ) -> None:
        fields = {**headers, **({} if status == 204 else {"content-length": str(len(body))})}
        writer.write(_head(status, fields) + body)
        await writer.drain()


def _json(value: object, status: int = 200) -> tuple[int, dict[str, str], bytes]:
    return status, {"content-type": "application/json"}, json.dumps(value).encode()


def _head(status: int, headers: dict[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} Replay", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "connection: close", "", ""]).encode("latin-1")


def finished_worker(recording: Recording, target: str) -> dict[str, Any]:
    """A worker with the final text of the recording."""
    expected = recording.expected
    text = expected.get("text", expected.get("final_text", ""))
    return {
        "id": target.rstrip("/").split("/")[-1].split("?")[0],
        "object": "worker",
        "created_at": 1777000000,
        "status": "completed",
        "running": False,
        "error": None,
        "incomplete_details": None,
        "metadata": {},
        "files": [],
        "sources": [],
        "messages": [],
        "output": [],
        "output_text": text,
    }


@contextmanager
def playing(player: Player) -> Iterator[str]:
    """Serve in a thread; yields the base URL."""
    up = threading.Event()
    box: dict[str, Any] = {}

    async def serve() -> None:
        server = await asyncio.start_server(player.handle, "127.0.0.1", 0, limit=1 << 20)
        box["url"] = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        box["loop"], box["end"] = asyncio.get_running_loop(), asyncio.Event()
        up.set()
        async with server:
            await box["end"].wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    assert up.wait(60)
    try:
        yield box["url"]
    finally:
        box["loop"].call_soon_threadsafe(box["end"].set)
        thread.join(60)
