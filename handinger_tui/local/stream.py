"""The event stream: AI SDK UI message chunks (names of major 6) as server-sent events.

One JSON object per event, unnamed, closed by `data: [DONE]`. `MessageBuilder` makes the stored
message from the very chunks that were sent, so that a replay cannot differ from the live turn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias

from handinger_tui.local import ids

Chunk: TypeAlias = Mapping[str, object]
Part: TypeAlias = dict[str, object]

MEDIA_TYPE = "text/event-stream"
HEADERS = {
    "content-type": MEDIA_TYPE,
    "cache-control": "no-cache",
    "x-accel-buffering": "no",
    "x-vercel-ai-ui-message-stream": "v1",
}
DONE = "data: [DONE]\n\n"
KEEP_ALIVE = ": keep-alive\n\n"

_SHORTEST_PIECE = 2
_PIECE_SPREAD = 12
_PRIME = 2_654_435_761
_WORD = 2**32


def frame(chunk: Chunk) -> str:
    """Return one event with its closing blank line.

    JSON escapes every line break within the text, so the data is always one line.
    """
    return f"data: {ids.dumps(chunk)}\n\n"


def pieces(text: str) -> Iterator[str]:
    """Cut a text at uneven but repeatable places: 2 to 13 characters, without regard to Markdown."""
    start, state = 0, len(text)
    while start < len(text):
        state = (state * _PRIME + ord(text[start])) % _WORD
        end = start + _SHORTEST_PIECE + (state >> 16) % _PIECE_SPREAD
        yield text[start:end]
        start = end


class MessageBuilder:
    """Folds chunks into a UIMessage: `{id, role, metadata, parts}`."""

    def __init__(self, message_id: str) -> None:
        """Begin an assistant message without parts."""
        self.message_id = message_id
        self.metadata: dict[str, object] = {}
        self.parts: list[Part] = []
        self.finish_reason: str | None = None
        self.error_text: str | None = None
        self._open: dict[tuple[str, object], tuple[Part, list[str]]] = {}
        self._pieces: dict[int, list[str]] = {}
        self._tools: dict[object, Part] = {}

    def fold(self, chunk: Chunk) -> None:
        """Take in one chunk; kinds without a place in the message are passed over."""
        metadata = chunk.get("messageMetadata")
        if isinstance(metadata, Mapping):
            self.metadata.update(metadata)
        kind = str(chunk["type"])
        fold = _FOLDS.get(kind)
        if fold is not None:
            fold(self, chunk)
        elif kind.startswith("data-"):
            self._put_data(chunk)

    def message(self) -> dict[str, object]:
        """Return the message as it stands; open parts say `streaming`."""
        parts = [
            dict(part, text="".join(self._pieces[index])) if index in self._pieces else dict(part)
            for index, part in enumerate(self.parts)
        ]
        return {"id": self.message_id, "role": "assistant", "metadata": dict(self.metadata), "parts": parts}

    def texts(self) -> list[str]:
        """Return the text parts so far, in order."""
        return [
            "".join(self._pieces[index]) for index, part in enumerate(self.parts) if part["type"] == "text"
        ]

    def start_step(self, _chunk: Chunk) -> None:
        """Open a step."""
        self.parts.append({"type": "step-start"})

    def start_talk(self, chunk: Chunk) -> None:
        """Open a text or reasoning part."""
        kind = str(chunk["type"]).removesuffix("-start")
        part: Part = {"type": kind, "text": "", "state": "streaming"}
        if kind == "reasoning":
            part["id"] = chunk["id"]
        grown: list[str] = []
        self._pieces[len(self.parts)] = grown
        self._open[kind, chunk["id"]] = (part, grown)
        self.parts.append(part)

    def grow_talk(self, chunk: Chunk) -> None:
        """Append to the open part."""
        _, grown = self._open[str(chunk["type"]).removesuffix("-delta"), chunk["id"]]
        grown.append(str(chunk["delta"]))

    def end_talk(self, chunk: Chunk) -> None:
        """Close the open part."""
        part, _ = self._open.pop((str(chunk["type"]).removesuffix("-end"), chunk["id"]))
        part["state"] = "done"

    def start_tool(self, chunk: Chunk) -> None:
        """Open a tool part; its input arrives whole with `tool-input-available`."""
        part: Part = {
            "type": f"tool-{chunk['toolName']}",
            "toolCallId": chunk["toolCallId"],
            "state": "input-streaming",
        }
        self._tools[chunk["toolCallId"]] = part
        self.parts.append(part)

    def settle_tool(self, chunk: Chunk) -> None:
        """Give the tool part its input, its output, or the reason why it has none."""
        state, member = _TOOL_STATES[str(chunk["type"])]
        self._tools[chunk["toolCallId"]].update({"state": state, member: chunk[member]})

    def add(self, chunk: Chunk) -> None:
        """Take the chunk over as a part."""
        self.parts.append(dict(chunk))

    def finish(self, chunk: Chunk) -> None:
        """Remember how the turn ended."""
        self.finish_reason = str(chunk["finishReason"])

    def fail(self, chunk: Chunk) -> None:
        """Remember what went wrong."""
        self.error_text = str(chunk["errorText"])

    def _put_data(self, chunk: Chunk) -> None:
        for part in self.parts:
            if part["type"] == chunk["type"] and part.get("id") == chunk.get("id"):
                part["data"] = chunk["data"]
                return
        self.parts.append(dict(chunk))


_TOOL_STATES = {
    "tool-input-available": ("input-available", "input"),
    "tool-output-available": ("output-available", "output"),
    "tool-output-error": ("output-error", "errorText"),
}

_FOLDS: dict[str, Callable[[MessageBuilder, Chunk], None]] = {
    "start-step": MessageBuilder.start_step,
    "text-start": MessageBuilder.start_talk,
    "text-delta": MessageBuilder.grow_talk,
    "text-end": MessageBuilder.end_talk,
    "reasoning-start": MessageBuilder.start_talk,
    "reasoning-delta": MessageBuilder.grow_talk,
    "reasoning-end": MessageBuilder.end_talk,
    "tool-input-start": MessageBuilder.start_tool,
    "tool-input-available": MessageBuilder.settle_tool,
    "tool-output-available": MessageBuilder.settle_tool,
    "tool-output-error": MessageBuilder.settle_tool,
    "source-url": MessageBuilder.add,
    "file": MessageBuilder.add,
    "finish": MessageBuilder.finish,
    "error": MessageBuilder.fail,
}
