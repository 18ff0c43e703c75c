"""Normalized events as JSON objects: the lines of `--output-format stream-json`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from handinger_tui.core.jsontext import JsonObject
from handinger_tui.core.stream import events as ev
from handinger_tui.core.turns.messages import id_of, role_of, text_of


def _text(event: ev.TextGrew | ev.ReasoningGrew) -> JsonObject:
    return {"id": event.key, "delta": event.delta}


def _key(event: ev.TextStarted | ev.TextEnded | ev.ReasoningStarted | ev.ReasoningEnded) -> JsonObject:
    return {"id": event.key}


def _replaced(event: ev.TextReplaced) -> JsonObject:
    return {"id": event.key, "text": event.text}


def _tool_started(event: ev.ToolStarted) -> JsonObject:
    return {"id": event.call_id, "name": event.name}


def _tool_grew(event: ev.ToolInputGrew) -> JsonObject:
    return {"id": event.call_id, "delta": event.delta}


def _tool_ready(event: ev.ToolInputReady) -> JsonObject:
    return {"id": event.call_id, "name": event.name, "input": event.input}


def _tool_approval(event: ev.ToolApproval) -> JsonObject:
    return {"id": event.call_id, "approval_id": event.approval_id, "approved": event.approved}


def _tool_output(event: ev.ToolOutput) -> JsonObject:
    return {"id": event.call_id, "output": event.output, "preliminary": event.preliminary}


def _tool_failed(event: ev.ToolFailed) -> JsonObject:
    return {"id": event.call_id, "error": event.error}


def _tool_denied(event: ev.ToolDenied) -> JsonObject:
    return {"id": event.call_id}


def _source(event: ev.SourceFound) -> JsonObject:
    return {"id": event.source_id, "title": event.title, "url": event.url}


def _file(event: ev.FileMade) -> JsonObject:
    return {"filename": event.filename, "media_type": event.media_type, "url": event.url, "size": event.size}


def _data(event: ev.DataArrived) -> JsonObject:
    return {"name": event.name, "id": event.data_id, "data": event.data, "transient": event.transient}


def _custom(event: ev.CustomArrived) -> JsonObject:
    return {"kind": event.kind, "raw": event.raw}


def _message(event: ev.MessageStarted) -> JsonObject:
    return {"id": event.message_id, "metadata": event.metadata}


def _stored(event: ev.MessageStored) -> JsonObject:
    return {"id": id_of(event.message), "role": role_of(event.message), "text": text_of(event.message)}


def _metadata(event: ev.MetadataMerged) -> JsonObject:
    return {"metadata": event.metadata}


def _stream_usage(event: ev.UsageReported) -> JsonObject:
    return {"usage": event.usage}


def _worker(event: ev.WorkerRead) -> JsonObject:
    return {
        "worker_id": event.snapshot.worker_id,
        "status": event.snapshot.status,
        "text": event.snapshot.output_text,
    }


def _finished(event: ev.Finished) -> JsonObject:
    return {"reason": event.reason}


def _aborted(event: ev.Aborted) -> JsonObject:
    return {"reason": event.reason}


def _failed(event: ev.Failed) -> JsonObject:
    return {"message": event.text}


def _bare(_event: object) -> JsonObject:
    return {}


def _unknown(event: ev.Unknown) -> JsonObject:
    return {"kind": event.kind, "undecodable": event.undecodable}


LINES: Final[dict[type, tuple[str, Callable[[Any], JsonObject]]]] = {
    ev.TextStarted: ("text-start", _key),
    ev.TextGrew: ("text-delta", _text),
    ev.TextEnded: ("text-end", _key),
    ev.TextReplaced: ("text", _replaced),
    ev.ReasoningStarted: ("reasoning-start", _key),
    ev.ReasoningGrew: ("reasoning-delta", _text),
    ev.ReasoningEnded: ("reasoning-end", _key),
    ev.ToolStarted: ("tool-input-start", _tool_started),
    ev.ToolInputGrew: ("tool-input-delta", _tool_grew),
    ev.ToolInputReady: ("tool-input", _tool_ready),
    ev.ToolApproval: ("tool-approval", _tool_approval),
    ev.ToolOutput: ("tool-output", _tool_output),
    ev.ToolFailed: ("tool-error", _tool_failed),
    ev.ToolDenied: ("tool-denied", _tool_denied),
    ev.SourceFound: ("source", _source),
    ev.FileMade: ("file", _file),
    ev.DataArrived: ("data", _data),
    ev.CustomArrived: ("custom", _custom),
    ev.MessageStarted: ("message-start", _message),
    ev.MessageStored: ("message-stored", _stored),
    ev.StepStarted: ("step-start", _bare),
    ev.StepFinished: ("step-finish", _bare),
    ev.StepReset: ("step-reset", _bare),
    ev.MetadataMerged: ("metadata", _metadata),
    ev.UsageReported: ("stream-usage", _stream_usage),
    ev.WorkerRead: ("worker", _worker),
    ev.Finished: ("finish", _finished),
    ev.Aborted: ("abort", _aborted),
    ev.Failed: ("error", _failed),
    ev.StreamDone: ("stream-done", _bare),
    ev.Unknown: ("unknown", _unknown),
}
"""Event class → (`type` of its line, members). A test checks that every event class is here."""


def event_object(event: ev.StreamEvent) -> JsonObject:
    """One event as {type, …}; the caller adds `seq`."""
    name, members = LINES[type(event)]
    return {"type": name, **members(event)}
