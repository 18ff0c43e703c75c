"""Normalized events as JSON objects: the lines of `--output-format stream-json`."""

from __future__ import annotations

from collections.abc import Mapping
from operator import attrgetter
from typing import Final

from handinger_tui.core.jsontext import JsonObject
from handinger_tui.core.stream import events as ev
from handinger_tui.core.turns.messages import id_of, role_of, text_of

LINES: Final[Mapping[type, tuple[str, Mapping[str, str]]]] = {
    ev.TextStarted: ("text-start", {"id": "key"}),
    ev.TextGrew: ("text-delta", {"id": "key", "delta": "delta"}),
    ev.TextEnded: ("text-end", {"id": "key"}),
    ev.TextReplaced: ("text", {"id": "key", "text": "text"}),
    ev.ReasoningStarted: ("reasoning-start", {"id": "key"}),
    ev.ReasoningGrew: ("reasoning-delta", {"id": "key", "delta": "delta"}),
    ev.ReasoningEnded: ("reasoning-end", {"id": "key"}),
    ev.ToolStarted: ("tool-input-start", {"id": "call_id", "name": "name"}),
    ev.ToolInputGrew: ("tool-input-delta", {"id": "call_id", "delta": "delta"}),
    ev.ToolInputReady: ("tool-input", {"id": "call_id", "name": "name", "input": "input"}),
    ev.ToolApproval: (
        "tool-approval",
        {"id": "call_id", "approval_id": "approval_id", "approved": "approved"},
    ),
    ev.ToolOutput: ("tool-output", {"id": "call_id", "output": "output", "preliminary": "preliminary"}),
    ev.ToolFailed: ("tool-error", {"id": "call_id", "error": "error"}),
    ev.ToolDenied: ("tool-denied", {"id": "call_id"}),
    ev.SourceFound: ("source", {"id": "source_id", "title": "title", "url": "url"}),
    ev.FileMade: ("file", {"filename": "filename", "media_type": "media_type", "url": "url", "size": "size"}),
    ev.DataArrived: ("data", {"name": "name", "id": "data_id", "data": "data", "transient": "transient"}),
    ev.CustomArrived: ("custom", {"kind": "kind", "raw": "raw"}),
    ev.MessageStarted: ("message-start", {"id": "message_id", "metadata": "metadata"}),
    ev.StepStarted: ("step-start", {}),
    ev.StepFinished: ("step-finish", {}),
    ev.StepReset: ("step-reset", {}),
    ev.MetadataMerged: ("metadata", {"metadata": "metadata"}),
    ev.UsageReported: ("stream-usage", {"usage": "usage"}),
    ev.WorkerRead: (
        "worker",
        {"worker_id": "snapshot.worker_id", "status": "snapshot.status", "text": "snapshot.output_text"},
    ),
    ev.Finished: ("finish", {"reason": "reason"}),
    ev.Aborted: ("abort", {"reason": "reason"}),
    ev.Failed: ("error", {"message": "text"}),
    ev.StreamDone: ("stream-done", {}),
    ev.Unknown: ("unknown", {"kind": "kind", "undecodable": "undecodable"}),
    # The members of a stored message are read by `event_object`.
    ev.MessageStored: ("message-stored", {}),
}
"""Event class → `type` of its line, and attribute of the event by member. A test checks that all are here."""


def event_object(event: ev.StreamEvent) -> JsonObject:
    """One event as {type, …}; the caller adds `seq`."""
    name, members = LINES[type(event)]
    line: JsonObject = {"type": name}
    if isinstance(event, ev.MessageStored):
        message = event.message
        return {**line, "id": id_of(message), "role": role_of(message), "text": text_of(message)}
    return line | {member: attrgetter(attribute)(event) for member, attribute in members.items()}
