"""The messages of an editor, one JSON object a line. A line that is none is answered, and loses nothing."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, Final

from handinger_tui.plain.terminal import LineReader

if TYPE_CHECKING:
    from handinger_tui.plain.terminal import Entered, Output

PARSE_ERROR: Final = -32700
INVALID_REQUEST: Final = -32600
OPTIONAL: Final = "$/"
"""How the names of notifications begin that a program may ignore; the package would report an error."""


class Lines:
    """Implements `Transport` of the package `acp`, over a descriptor and an output that is a thread."""

    def __init__(self, descriptor: int, out: Output) -> None:
        self._out = out
        self._lines: asyncio.Queue[Entered | None] = asyncio.Queue()
        LineReader(descriptor, self._lines.put_nowait).start()

    async def send(self, message: dict[str, Any]) -> None:
        """Write a message."""
        # ASCII: a terminal that shows it obeys nothing in it.
        self._out.put(json.dumps(message))

    async def receive(self) -> dict[str, Any] | None:
        """The next message; None at the end of the input."""
        while (entered := await self._lines.get()) is not None:
            if not entered.text.strip():
                continue
            try:
                message = json.loads(entered.text)
            except (ValueError, RecursionError):
                await self._refuse(PARSE_ERROR, "This line is not JSON.")
                continue
            if not _is_message(message):
                await self._refuse(INVALID_REQUEST, "This line is not a message.")
            elif "id" in message or not message["method"].startswith(OPTIONAL):
                return dict(message)
        return None

    async def close(self) -> None:
        """The output belongs to the program."""

    async def _refuse(self, code: int, text: str) -> None:
        await self.send({"jsonrpc": "2.0", "id": None, "error": {"code": code, "message": text}})


def _is_message(value: Any) -> bool:
    """Whether it is a request, a notification or an answer: the package trusts these members."""
    if not isinstance(value, dict) or not isinstance(value.get("id"), int | str | None):
        return False
    if "method" in value:
        return isinstance(value["method"], str)
    return "id" in value and isinstance(value.get("error", {}), dict)
