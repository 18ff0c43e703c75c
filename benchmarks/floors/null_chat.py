"""A chat that reads a stream with httpx and httpx-sse and paints only its last piece of text.

python -m benchmarks.floors.null_chat BASE_URL
"""

from __future__ import annotations

import json
import sys

import httpx
from httpx_sse import aconnect_sse
from textual import work
from textual.app import App, ComposeResult
from textual.widgets import Input, Static

STREAM = {"Accept": "text/event-stream"}


class NullChat(App[None]):
    """An Input over a Static."""

    def __init__(self, base_url: str) -> None:
        super().__init__()
        self._url = f"{base_url}/api/workers"
        self._client = httpx.AsyncClient(timeout=None)  # noqa: S113 - a paced stream may be silent

    def compose(self) -> ComposeResult:
        yield Input(placeholder="floor is ready")
        yield Static(markup=False)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.input.clear()
        self._ask(event.value)

    @work
    async def _ask(self, prompt: str) -> None:
        last = ""
        body = {"input": prompt, "stream": True}
        async with aconnect_sse(self._client, "POST", self._url, json=body, headers=STREAM) as source:
            async for event in source.aiter_sse():
                if event.data != "[DONE]":
                    last = json.loads(event.data).get("delta", last)
        self.query_one(Static).update(last.strip())


if __name__ == "__main__":
    NullChat(sys.argv[1]).run()
