"""The recordings, framed by a small independent reader that shares no code with the program."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from handinger_tui.core.stream import Frame, Framing, Marker, RawFrame

FOLDER: Final = Path(__file__).parent / "recorded"
DONE: Final = RawFrame(Framing.SSE, "[DONE]")
SUFFIXES: Final = {".sse": Framing.SSE, ".ndjson": Framing.LINES, ".txt": Framing.TEXT}
PROTOCOLS: Final = {"x-vercel-ai-ui-message-stream": "ai-ui", "x-vercel-ai-data-stream": "ai4"}

Meta = dict[str, Any]


def sse(**event: Any) -> RawFrame:
    """One event of the UI message stream."""
    return RawFrame(Framing.SSE, json.dumps(event))


@dataclass(frozen=True)
class Recording:
    """One recorded body and its metadata."""

    path: Path

    @property
    def name(self) -> str:
        return f"{self.path.parent.name}/{self.path.stem}"

    @property
    def family(self) -> str:
        return self.path.parent.name

    @cached_property
    def body(self) -> bytes:
        return self.path.read_bytes()

    @cached_property
    def meta(self) -> Meta:
        meta: Meta = json.loads(self.path.with_suffix(".json").read_text("utf-8"))
        return meta

    @property
    def expected(self) -> Meta:
        expected: Meta = self.meta["expected"]
        return expected

    @property
    def opened(self) -> Meta:
        """The data of the OPENED marker of the response."""
        headers = self.meta["headers"]
        return {
            "via": "post",
            "status": self.meta["status"],
            "content_type": headers["content-type"].partition(";")[0],
            "encoding": next((name for header, name in PROTOCOLS.items() if header in headers), ""),
            "worker_id": None,
        }

    @cached_property
    def pieces(self) -> list[RawFrame]:
        framing = SUFFIXES[self.path.suffix]
        text = self.body.decode()
        if framing is Framing.SSE:
            return sse_pieces(text)
        if framing is Framing.LINES or self.opened["encoding"] == "ai4":
            return [RawFrame(Framing.LINES, line) for line in text.split("\n") if line]
        return [RawFrame(Framing.TEXT, text[at : at + 7]) for at in range(0, len(text), 7)]


def sse_pieces(text: str) -> list[RawFrame]:
    """The events of a complete event stream, by the rules of the HTML standard."""
    pieces, event, event_id = [], "", None
    data: list[str] = []
    for line in re.split("\r\n|\r|\n", text.removeprefix("\ufeff")):
        if not line:
            if data:
                pieces.append(RawFrame(Framing.SSE, "\n".join(data), event, event_id))
            event, data = "", []
            continue
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            data.append(value)
        elif name == "event":
            event = value
        elif name == "id":
            event_id = value
    return pieces


class Tape:
    """Numbers frames as the engine does."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []

    def note(self, note: Marker, **data: Any) -> Tape:
        return self.add(Framing.NOTE, json.dumps(data), note)

    def take(self, piece: RawFrame) -> Tape:
        return self.add(piece.framing, piece.data, piece.event, piece.id)

    def body(self, recording: Recording, *, until: int | None = None, via: str = "post") -> Tape:
        """A complete response, or one that was cut after `until` pieces."""
        self.note(Marker.OPENED, **{**recording.opened, "via": via})
        for piece in recording.pieces[:until]:
            self.take(piece)
        return self.note(Marker.CLOSED, clean=until is None)

    def add(self, framing: Framing, data: str, event: str = "", frame_id: str | None = None) -> Tape:
        self.frames.append(Frame(len(self.frames), 1000 + len(self.frames), framing, data, event, frame_id))
        return self


def recordings(*families: str) -> list[Recording]:
    """All recordings, or those of some families, in order of their names."""
    paths = (path for path in FOLDER.glob("*/*") if path.suffix in SUFFIXES)
    result = [Recording(path) for path in sorted(paths)]
    return [one for one in result if not families or one.family in families]
