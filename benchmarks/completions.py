"""Completions: a plan's answer as OpenAI's chat completions tell it, which is what other programs ask for."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any, Final

from benchmarks.content import answer
from benchmarks.pacing import http_chunk, report, send_json, tell
from benchmarks.plan import Plan, read_plan

MODEL: Final = "fake"
SHORT: Final = "Short answer"
"""What is said to whoever asks for anything but a plan: for a title, say."""
HEAD: Final = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nCache-Control: no-cache\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)
_PLAN: Final = re.compile(r"bench [a-z]+ \d+ \d+ q\d+x\d+")
_FIXED: Final = {"id": "chatcmpl-bench", "created": 1_767_225_600, "model": MODEL}
_USAGE: Final = {"prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 30}


def models() -> dict[str, Any]:
    """What `GET /v1/models` says."""
    return {"object": "list", "data": [{"id": MODEL, "object": "model", "created": 1, "owned_by": "bench"}]}


def asked(request: dict[str, Any]) -> Plan | None:
    """The plan in the user's last message, which programs wrap in words of their own; None: there is none."""
    said = [message["content"] for message in request["messages"] if message["role"] == "user"]
    found = _PLAN.findall(_text(said[-1])) if said else []
    return read_plan(found[-1]) if found else None


def _text(content: object) -> str:
    """A message's words, said whole or in parts."""
    if isinstance(content, list):
        return " ".join(str(part.get("text", "")) for part in content)
    return str(content)


def whole(text: str) -> dict[str, Any]:
    """An answer to a request that did not ask for a stream."""
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return {**_FIXED, "object": "chat.completion", "choices": [choice], "usage": _USAGE}


def event(delta: dict[str, str], reason: str | None = None) -> bytes:
    """A piece of an answer."""
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    return _event({**_FIXED, "object": "chat.completion.chunk", "choices": [choice]})


def first() -> bytes:
    """What comes before the text."""
    return event({"role": "assistant", "content": ""})


def last() -> list[bytes]:
    """What comes after the text."""
    usage = {**_FIXED, "object": "chat.completion.chunk", "choices": [], "usage": _USAGE}
    return [event({}, "stop"), _event(usage), b"data: [DONE]\n\n"]


def _event(chunk: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(chunk, ensure_ascii=False)}\n\n".encode()


async def complete(writer: asyncio.StreamWriter, request: dict[str, Any]) -> None:
    """A chat completion, the same answer to the same plan."""
    plan = asked(request)
    tokens = answer(plan.shape, plan.tokens, plan.mark) if plan else [SHORT]
    if not request.get("stream"):
        await send_json(writer, 200, whole("".join(tokens)))
        return
    deltas = [http_chunk(event({"content": token})) for token in tokens]
    writer.write(HEAD + http_chunk(first()))
    if plan is None:
        writer.write(b"".join(deltas))
    else:
        sent = await tell(writer, plan, deltas)
        report(plan, sent, "".join(tokens))
    writer.write(b"".join(map(http_chunk, last())) + b"0\r\n\r\n")
    await writer.drain()
