"""A stream read with httpx and httpx-sse, its text written to standard output, nothing else.

python -m benchmarks.floors.reader BASE_URL PROMPT
"""

from __future__ import annotations

import asyncio
import json
import sys

import httpx
from httpx_sse import aconnect_sse


async def read(base_url: str, prompt: str) -> None:
    """One turn."""
    body = {"input": prompt, "stream": True}
    url = f"{base_url}/api/workers"
    async with (
        httpx.AsyncClient(timeout=None) as client,  # noqa: S113 - a paced stream may be silent
        aconnect_sse(client, "POST", url, json=body) as source,
    ):
        async for event in source.aiter_sse():
            if event.data != "[DONE]":
                sys.stdout.write(json.loads(event.data).get("delta", ""))


if __name__ == "__main__":
    asyncio.run(read(*sys.argv[1:3]))
