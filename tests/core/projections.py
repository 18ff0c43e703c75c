"""Turns and recordings in one comparable form."""

from __future__ import annotations

from typing import Any

import pytest

from handinger_tui.core.dialects import events as ev
from handinger_tui.core.jsontext import JsonObject
from handinger_tui.core.stream import CustomPart, FilePart, Frame, SourcePart
from handinger_tui.core.turns.fold import Fold
from handinger_tui.core.turns.reducer import AnswerBuilder
from handinger_tui.core.turns.turn import (
    DataPart,
    Part,
    ReasoningPart,
    StepPart,
    TextPart,
    ToolPart,
    Turn,
    TurnRequest,
)
from tests.wire.recordings import Recording, Tape, recordings

ORDER = TurnRequest("turn_1", "", 0)
CHUNKS = ("5", "6", "6.0.183", "7", "cf-streams", "ndjson")
NAMES = {
    **dict.fromkeys(CHUNKS, "ui-message-stream"),
    "ai4": "ai-sdk-4",
    "openai": "openai-responses",
    "worker": "worker-snapshots",
}
EVERYTHING = [one for one in recordings() if not one.meta.get("prior_messages")]
"""The others continue an earlier message that a new turn lacks."""

every = pytest.mark.parametrize("recording", EVERYTHING, ids=lambda r: r.name)


def advance(turn: Turn, event: ev.StreamEvent) -> Turn:
    """The turn after one event."""
    answer = AnswerBuilder(turn)
    answer.apply(event)
    return answer.turn


def of(*families: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        "recording", [one for one in EVERYTHING if one.family in families], ids=lambda r: r.name
    )


def turn_after(folding: Fold, frame: Frame) -> Turn:
    """The turn after one more frame."""
    folding.take(frame)
    return folding.turn


def events_of(recording: Recording) -> list[ev.StreamEvent]:
    """The events of a stream, as they are decoded."""
    events: list[ev.StreamEvent] = []
    folding = Fold(ORDER, tap=events.append)
    for frame in Tape().body(recording).frames:
        folding.take(frame)
    return events


def reported_usage(recording: Recording) -> list[JsonObject]:
    """The token counts that a stream reports."""
    return [event.usage for event in events_of(recording) if isinstance(event, ev.UsageReported)]


def unknown_events(recording: Recording) -> list[ev.StreamEvent]:
    """The events that no dialect understands."""
    return [event for event in events_of(recording) if isinstance(event, ev.Unknown)]


def folded(recording: Recording, tape: Tape | None = None) -> Turn:
    folding = Fold(ORDER)
    for frame in (tape or Tape().body(recording)).frames:
        turn_after(folding, frame)
    return folding.turn


def part_type(part: Part) -> str:
    match part:
        case TextPart():
            return "text"
        case ReasoningPart():
            return "reasoning"
        case ToolPart():
            return "tool"
        case FilePart():
            return "file"
        case SourcePart():
            return "source-url" if part.url is not None else "source-document"
        case DataPart():
            return part.name
        case CustomPart():
            return part.kind if part.kind == "steering-message" else "custom"
        case StepPart():
            return "step-start"


def plain_type(name: str) -> str:
    """A part type of the reference; static and dynamic tools are equal, and so are files anywhere."""
    if name.startswith("tool-") or name == "dynamic-tool":
        return "tool"
    return "file" if name == "reasoning-file" else name


def tools(turn: Turn) -> list[dict[str, Any]]:
    return [
        {
            "id": p.call_id,
            "name": p.name,
            "state": str(p.state),
            "input": p.input,
            "output": p.output,
            "error": p.error,
        }
        for p in turn.parts
        if isinstance(p, ToolPart)
    ]


def expected_tools(expected: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "id": tool["toolCallId"],
            "name": tool["name"],
            "state": tool["state"],
            "input": tool.get("input", tool.get("rawInput")),
            "output": tool.get("output"),
            "error": tool.get("errorText"),
        }
        for tool in expected["tools"]
    ]


def sources(turn: Turn) -> list[dict[str, Any]]:
    return [
        {
            "sourceId": p.source_id,
            "url": p.url,
            "title": p.title,
            "mediaType": p.media_type,
            "filename": p.filename,
        }
        for p in turn.parts
        if isinstance(p, SourcePart)
    ]


def expected_sources(expected: dict[str, Any]) -> list[dict[str, Any]]:
    keys = ("sourceId", "url", "title", "mediaType", "filename")
    return [{key: source.get(key) for key in keys} for source in expected["sources"]]


def files(turn: Turn) -> list[tuple[str, str]]:
    return [(p.url, p.media_type) for p in turn.parts if isinstance(p, FilePart)]


def data(turn: Turn) -> list[dict[str, Any]]:
    return [{"type": p.name, "id": p.data_id, "data": p.data} for p in turn.parts if isinstance(p, DataPart)]


def reasoning(turn: Turn) -> list[str]:
    return [p.text for p in turn.parts if isinstance(p, ReasoningPart)]


def open_flags(turn: Turn) -> list[bool]:
    return [p.open for p in turn.parts if isinstance(p, TextPart)]


def check_message(turn: Turn, expected: dict[str, Any]) -> None:
    """The parts of one assistant message."""
    assert turn.text == expected["text"]
    assert list(turn.texts) == expected["texts"]
    assert open_flags(turn) == [state == "streaming" for state in expected["text_states"]]
    assert reasoning(turn) == expected["reasoning"]
    assert tools(turn) == expected_tools(expected)
    assert sources(turn) == expected_sources(expected)
    assert files(turn) == [(f["url"], f["mediaType"]) for f in expected["files"]]
    assert data(turn) == [{"type": d["type"], "id": d.get("id"), "data": d["data"]} for d in expected["data"]]
    assert [part_type(part) for part in turn.parts] == [plain_type(name) for name in expected["part_types"]]
    assert turn.message_id == (expected["message_id"] or None)
