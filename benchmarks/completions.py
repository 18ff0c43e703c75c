"""Completions: a plan's answer in the format of OpenAI's chat completions, which other programs use."""

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
"""The answer to a request without a plan, for example for a title."""
HEAD: Final = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nCache-Control: no-cache\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)
_PLAN: Final = re.compile(r"bench [a-z]+ \d+ \d+ q\d+x\d+")
_FIXED: Final = {"id": "chatcmpl-bench", "created": 1_767_225_600, "model": MODEL}
_USAGE: Final = {"prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 30}


def models() -> dict[str, Any]:
    """The answer to `GET /v1/models`."""
    return {"object": "list", "data": [{"id": MODEL, "object": "model", "created": 1, "owned_by": "bench"}]}


def requested_plan(request: dict[str, Any]) -> Plan | None:
    """The plan in the user's last message, which programs may wrap in other text; None: there is none."""
    texts = [message["content"] for message in request["messages"] if message["role"] == "user"]
    plans = _PLAN.findall(_text(texts[-1])) if texts else []
    return read_plan(plans[-1]) if plans else None


def _text(content: object) -> str:
    """The text of a message, which may be a string or parts."""
    if isinstance(content, list):
        return " ".join(str(part.get("text", "")) for part in content)
    return str(content)


def complete_answer(text: str) -> dict[str, Any]:
    """An answer to a request without a stream."""
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return {**_FIXED, "object": "chat.completion", "choices": [choice], "usage": _USAGE}


def event(delta: dict[str, str], reason: str | None = None) -> bytes:
    """A piece of an answer."""
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    return _event({**_FIXED, "object": "chat.completion.chunk", "choices": [choice]})


def first() -> bytes:
    """The event before the text."""
    return event({"role": "assistant", "content": ""})


def last() -> list[bytes]:
    """The events after the text."""
    usage = {**_FIXED, "object": "chat.completion.chunk", "choices": [], "usage": _USAGE}
    return [event({}, "stop"), _event(usage), b"data: [DONE]\n\n"]


def _event(chunk: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(chunk, ensure_ascii=False)}\n\n".encode()


async def complete(writer: asyncio.StreamWriter, request: dict[str, Any]) -> None:
    """A chat completion, the same answer to the same plan."""
    plan = requested_plan(request)
    tokens = answer(plan.shape, plan.tokens, plan.mark) if plan else [SHORT]
    if not request.get("stream"):
        await send_json(writer, 200, complete_answer("".join(tokens)))
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
