"""Scripted runs: the local worker as a service whose runs call a tool again and again.

    python -m benchmarks.scripted_runs

Its first line is `at URL KEY`. For every call it then prints `call NAME AT`: a name that is used once, and
monotonic seconds. A prompt is `calls COUNT SECONDS NAME`, or `tokens COUNT RATE`: so many tokens, so many of
them a second. What it uses counts for nobody.
"""

from __future__ import annotations

import asyncio
import random
import sys
import time

from handinger_tui.local.server import LocalServer
from handinger_tui.local.turn_context import Rule, TurnContext

WORD = "calls"
TOKENS = "tokens"


async def _call(context: TurnContext) -> None:
    _word, count, seconds, name = context.text.split()
    await asyncio.sleep(random.uniform(0, float(seconds)))
    for number in range(int(count)):
        tool = f"{name}n{number}"
        call = {"toolCallId": tool, "toolName": tool}
        for step in (
            {"type": "tool-input-start", **call},
            {"type": "tool-input-available", **call, "input": {}},
            {"type": "tool-output-available", "toolCallId": tool, "output": number},
        ):
            context.turn.emit(step)
        print(f"call {tool} {time.monotonic()}", flush=True)
        await asyncio.sleep(float(seconds))


async def _stream(context: TurnContext) -> None:
    _word, count, rate = context.text.split()
    context.turn.emit({"type": "text-start", "id": "t"})
    began = time.monotonic()
    for number in range(int(count)):
        line = "\n\n" if number % 60 == 59 else ""
        context.turn.emit({"type": "text-delta", "id": "t", "delta": f"word{number} {line}"})
        await asyncio.sleep(max(0.0, began + number / int(rate) - time.monotonic()))
    context.turn.emit({"type": "text-end", "id": "t"})


RULES = (
    Rule(WORD, "", "", "", lambda context: context.text.startswith(WORD), _call),
    Rule(TOKENS, "", "", "", lambda context: context.text.startswith(TOKENS), _stream),
)


def main() -> None:
    """Serve until the input ends."""
    with LocalServer.start(rules=RULES) as server:
        print(f"at {server.base_url} {server.api_key}", flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
