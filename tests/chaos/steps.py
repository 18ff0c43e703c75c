"""Steps: the small language of scenario files, played onto a wire."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from tests.chaos.reply import Ended, Wire, gzipper
from tests.chaos.texts import Filler, filled, json_text
from tests.chaos.world import Step, World, task_of

BLOCK = 1 << 16
LOOK_S = 0.01
BEFORE_DELTA = b'data: {"type":"text-delta","id":"t1","delta":"'
AFTER_DELTA = b'"}\n\n'
EVENT_STREAM = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-cache",
    "x-vercel-ai-ui-message-stream": "v1",
}


def opening(message_id: str) -> list[dict[str, Any]]:
    return [
        {"type": "start", "messageId": message_id},
        {"type": "start-step"},
        {"type": "text-start", "id": "t1"},
    ]


def delta(text: str) -> dict[str, Any]:
    return {"type": "text-delta", "id": "t1", "delta": text}


CLOSING: list[dict[str, Any]] = [
    {"type": "text-end", "id": "t1"},
    {"type": "finish-step"},
    {"type": "finish"},
]


class Events:
    """Steps that are events of the usual stream."""

    def __init__(self, wire: Wire, fill: Filler) -> None:
        self._wire = wire
        self._world: World = wire.world
        self._fill = fill

    async def _sse(self, step: Step) -> None:
        eol = step.get("eol", "\n")
        event = step["sse"]
        data = f"{step.get('pre', '')}data: {json_text(event, self._fill)}{eol}{eol}"
        await self._wire.body(data.encode())
        if isinstance(event, dict) and event.get("type") == "text-delta":
            self._world.count_delta()

    async def _again(self, step: Step) -> None:
        """A delta of a replay: a repetition does not count as sent again."""
        await self._wire.body(f"data: {json_text(step['again'], str)}\n\n".encode())

    async def _events(self, events: Iterable[dict[str, Any]], step: Step) -> None:
        for event in events:
            await self._sse({"sse": event, "eol": step.get("eol", "\n")})
            if step.get("every_ms") and event["type"] == "text-delta":
                await self._wire.pause(step["every_ms"] / 1000)

    async def _open(self, step: Step) -> None:
        await self._events(opening(f"m{len(self._world.prompts)}a"), step)

    async def _deltas(self, step: Step) -> None:
        begin, end = step["deltas"]
        await self._events(map(delta, self._world.deltas[begin:end]), step)

    async def _close(self, step: Step) -> None:
        await self._events(CLOSING, step)
        eol = step.get("eol", "\n")
        await self._wire.body(f"data: [DONE]{eol}{eol}".encode())
        self._world.complete()
        await self._wire.end()

    async def _full(self, step: Step) -> None:
        await self._open(step)
        await self._deltas({**step, "deltas": (0, None)})
        await self._close(step)

    async def _bytewise(self, step: Step) -> None:
        del step
        events = [*opening(f"m{len(self._world.prompts)}a"), *map(delta, self._world.deltas), *CLOSING]
        stream = "".join(f"data: {json.dumps(event, ensure_ascii=False)}\n\n" for event in events)
        for byte in (stream + "data: [DONE]\n\n").encode():
            await self._wire.body(bytes([byte]))
        self._world.complete()
        await self._wire.end()


class Player(Events):
    """Plays the steps of one reply."""

    def __init__(self, wire: Wire, fill: Filler) -> None:
        super().__init__(wire, fill)
        self._verbs = {
            "head": self._head,
            "sse": self._sse,
            "again": self._again,
            "deltas": self._deltas,
            "open": self._open,
            "close": self._close,
            "full": self._full,
            "raw": self._raw,
            "hex": self._hex,
            "b64": self._b64,
            "wire": self._past,
            "wire_hex": self._past,
            "bytewise_full": self._bytewise,
            "big_event_mb": self._big_event,
            "gzip_bomb_mb": self._bomb,
            "gzip_cut": self._gzip_cut,
            "repeat": self._repeat,
            "sleep": self._hang,
            "hang": self._hang,
            "after_gets": self._after_gets,
            "event": self._event,
            "accept": self._accept,
            "work_ms": self._work,
            "complete": self._complete,
            "end": self._end,
            "fin": self._fin,
            "rst": self._rst,
            "json": self._complete_body,
            "text": self._complete_body,
            "worker": self._complete_body,
            "file": self._file,
        }

    async def play(self, steps: Iterable[Step]) -> None:
        """Play them in order.

        Raises:
            Ended: the connection is over.
            LookupError: an unknown step.
        """
        for step in steps:
            await self._verb(step)(step)

    def _verb(self, step: Step) -> Callable[[Step], Awaitable[None]]:
        for name in step:
            if name in self._verbs:
                return self._verbs[name]
        raise LookupError(f"unknown step {step}")

    # -- heads and raw bytes -----------------------------------------------------------
    async def _head(self, step: Step) -> None:
        options = step["head"]
        headers = filled(options.get("headers", EVENT_STREAM), self._fill)
        if options.get("gzip"):
            headers["Content-Encoding"] = "gzip"
        await self._wire.head(
            options.get("status", 200), headers, chunked=options.get("framing", "chunked") == "chunked"
        )
        if options.get("gzip"):
            self._wire.packed()

    async def _raw(self, step: Step) -> None:
        await self._wire.body(self._fill(step["raw"]).encode())

    async def _hex(self, step: Step) -> None:
        await self._wire.body(bytes.fromhex(step["hex"]))

    async def _b64(self, step: Step) -> None:
        await self._wire.body(base64.b64decode(step["b64"]))

    async def _past(self, step: Step) -> None:
        hexed = step.get("wire_hex")
        await self._wire.send(bytes.fromhex(hexed) if hexed else self._fill(step["wire"]).encode("latin-1"))

    async def _repeat(self, step: Step) -> None:
        for _ in range(step["repeat"]):
            await self.play(step["do"])

    # -- too much, or too little -----------------------------------------------------------
    async def _big_event(self, step: Step) -> None:
        await self._wire.body(BEFORE_DELTA)
        for _ in range(step["big_event_mb"] * (1 << 20) // BLOCK):
            await self._wire.body(b"A" * BLOCK)
        await self._wire.body(AFTER_DELTA)

    async def _bomb(self, step: Step) -> None:
        """The head of the scenario declares gzip: these bytes are already compressed."""
        packer = gzipper()
        await self._wire.body(packer.compress(BEFORE_DELTA))
        for _ in range(step["gzip_bomb_mb"]):
            await self._wire.body(packer.compress(b"A" * (1 << 20)))
        await self._wire.body(packer.compress(AFTER_DELTA) + packer.flush())

    async def _gzip_cut(self, step: Step) -> None:
        """A proper end of the chunks, inside a gzip body without an end."""
        packer = gzipper()
        some = self._world.deltas[: step["gzip_cut"]]
        stream = "".join(f"data: {json.dumps(delta(text))}\n\n" for text in some)
        packed = packer.compress(stream.encode())
        await self._wire.body(packed + packer.flush()[:-8])
        await self._wire.end()

    # -- the service ---------------------------------------------------------------------
    async def _accept(self, step: Step) -> None:
        options = step["accept"]
        self._world.accept(options.get("complete_after_gets") if isinstance(options, dict) else None)

    async def _work(self, step: Step) -> None:
        """The turn grows by a delta every `work_ms` milliseconds, and ends,
        whether the client stays or not.
        """

        async def work() -> None:
            for _ in self._world.deltas:
                await asyncio.sleep(step["work_ms"] / 1000)
                self._world.count_delta()
            self._world.complete()

        working = asyncio.create_task(work())
        while not working.done():
            await self._wire.pause(LOOK_S)

    async def _complete(self, step: Step) -> None:
        del step
        self._world.complete()

    # -- waiting and ending ----------------------------------------------------------------
    async def _hang(self, step: Step) -> None:
        await self._wire.pause((step.get("sleep") or step["hang"]) / 1000)

    async def _after_gets(self, step: Step) -> None:
        """Continue once the client has read the worker this often: a pace that a slow machine cannot miss."""
        while self._world.gets < step["after_gets"]:
            await self._wire.pause(LOOK_S)

    async def _event(self, step: Step) -> None:
        """Continue once the test sets this event of its thread."""
        while not step["event"].is_set():
            await self._wire.pause(LOOK_S)

    async def _end(self, step: Step) -> None:
        del step
        await self._wire.end()

    async def _fin(self, step: Step) -> None:
        del step
        raise Ended

    async def _rst(self, step: Step) -> None:
        del step
        await self._wire.reset()

    # -- complete bodies ---------------------------------------------------------------------
    async def _complete_body(self, step: Step) -> None:
        headers = filled(step.get("headers", {}), self._fill)
        kind = step.get("content_type", "text/plain; charset=utf-8" if "text" in step else "application/json")
        if kind:
            headers["Content-Type"] = kind
        data = self._content(step).encode()
        if step.get("gzip"):
            data = gzip.compress(data)
            headers["Content-Encoding"] = "gzip"
        self._wire.reusable = bool(step.get("keep_alive"))
        await self._wire.head(step.get("status", 200), headers, length=len(data))
        await self._wire.send(data)

    def _content(self, step: Step) -> str:
        if "text" in step:
            return self._fill(step["text"])
        value = self._world.worker(step["worker"]) if "worker" in step else step["json"]
        if "worker" in step and self._wire.exchange.op == "get" and self._world.tasks:
            value = task_of(value)
        return json_text(value, self._fill)

    async def _file(self, step: Step) -> None:
        reply = step["file"]
        data = reply["text"].encode()
        headers = {"Content-Type": "application/octet-stream"}
        if "disposition" in reply:
            headers["Content-Disposition"] = self._fill(reply["disposition"])
        await self._wire.head(200, headers, length=reply.get("declare", len(data)))
        await self._wire.send(data)
        if reply.get("then") == "fin":
            raise Ended
