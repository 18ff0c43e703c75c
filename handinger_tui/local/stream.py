"""The event stream: AI SDK UI message chunks (names of major version 6) as server-sent events.

Each unnamed event is one JSON object; `data: [DONE]` ends the stream. `MessageBuilder` builds the stored
message from the same chunks that were sent, so that a replay cannot differ from the live turn.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeAlias

from handinger_tui.local import formats

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
_MULTIPLIER = 2_654_435_761
_MODULUS = 2**32


def frame(chunk: Chunk) -> str:
    """Return one event with its final blank line.

    JSON escapes line breaks in texts, so the data is always one line.
    """
    return f"data: {formats.dumps(chunk)}\n\n"


def pieces(text: str) -> Iterator[str]:
    """Split a text into uneven but reproducible pieces of 2 to 13 characters, ignoring Markdown."""
    start, state = 0, len(text)
    while start < len(text):
        state = (state * _MULTIPLIER + ord(text[start])) % _MODULUS
        end = start + _SHORTEST_PIECE + (state >> 16) % _PIECE_SPREAD
        yield text[start:end]
        start = end


class MessageBuilder:
    """Folds chunks into a UIMessage: `{id, role, metadata, parts}`."""

    def __init__(self, message_id: str) -> None:
        self.message_id = message_id
        self.metadata: dict[str, object] = {}
        self.parts: list[Part] = []
        self.error_text: str | None = None
        self._places: dict[object, int] = {}
        """The positions of texts and tool calls by their ids."""
        self._pieces: dict[int, list[str]] = {}
        """The pieces of each text by the position of its part. They are joined when the message is read:
        appending each piece to one string would copy the string each time."""

    def fold(self, chunk: Chunk) -> None:
        """Apply one chunk; kinds that do not affect the message are ignored."""
        metadata = chunk.get("messageMetadata")
        if isinstance(metadata, Mapping):
            self.metadata.update(metadata)
        kind = str(chunk["type"])
        name, _, step = kind.partition("-")
        if name in ("text", "reasoning"):
            self._fold_text(name, step, chunk)
        elif kind == "tool-input-start":
            call_id = chunk["toolCallId"]
            self._places[call_id] = len(self.parts)
            self.parts.append(
                {"type": f"tool-{chunk['toolName']}", "toolCallId": call_id, "state": "input-streaming"}
            )
        elif kind in ("tool-input-available", "tool-output-available"):
            member = step.removesuffix("-available")
            part = self.parts[self._places[chunk["toolCallId"]]]
            part.update({"state": step, member: chunk[member]})
        elif kind == "start-step":
            self.parts.append({"type": "step-start"})
        elif name == "data" or kind in ("source-url", "file"):
            self.parts.append(dict(chunk))
        elif kind == "error":
            self.error_text = str(chunk["errorText"])

    def message(self) -> dict[str, object]:
        """Return the current message; open parts have the state `streaming`."""
        parts = [
            dict(part, text=self._text(index)) if index in self._pieces else dict(part)
            for index, part in enumerate(self.parts)
        ]
        return {"id": self.message_id, "role": "assistant", "metadata": dict(self.metadata), "parts": parts}

    def texts(self) -> list[str]:
        """Return the text parts so far, in order."""
        return [self._text(index) for index, part in enumerate(self.parts) if part["type"] == "text"]

    def _text(self, index: int) -> str:
        """Join the pieces of a part, which are one piece from then on."""
        text = "".join(self._pieces[index])
        self._pieces[index] = [text]
        return text

    def _fold_text(self, kind: str, step: str, chunk: Chunk) -> None:
        """Open, extend or close a part of the kind `text` or `reasoning`."""
        if step == "start":
            place = self._places[chunk["id"]] = len(self.parts)
            self._pieces[place] = []
            named = {"id": chunk["id"]} if kind == "reasoning" else {}
            self.parts.append({"type": kind, "text": "", "state": "streaming", **named})
        elif step == "delta":
            self._pieces[self._places[chunk["id"]]].append(str(chunk["delta"]))
        else:
            self.parts[self._places[chunk["id"]]]["state"] = "done"
