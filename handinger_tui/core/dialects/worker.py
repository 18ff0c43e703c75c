"""The dialects of workers: UI messages of the AI SDK, stored messages, Worker objects, Cloudflare Agents.

The UI message stream is that of AI SDK 5, 6 and 7 (chunk table: tests/wire/README.md).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from handinger_tui.core.dialects import events as ev
from handinger_tui.core.dialects.events import NO_EVENTS, UNNAMED_ERROR, Dialect, Events
from handinger_tui.core.figures import count
from handinger_tui.core.jsontext import (
    Json,
    JsonObject,
    NotJson,
    as_object,
    object_at,
    parse,
    parse_exact,
    string_at,
    text_at,
)
from handinger_tui.core.stream import CustomPart, FilePart, SourcePart, reason_text, snapshot_of, worker_in


# -- UI message stream -------------------------------------------------------------------------
class UiMessage(Dialect):
    """One chunk per event, with a `type`."""

    name = "ui-message-stream"

    def read(self, kind: str, value: Json, raw: str) -> Events | None:
        """The events of one chunk; None for an unknown type."""
        return read_chunk(value)


def read_chunk(value: Json) -> Events | None:
    """The events of one chunk; None when the value is not a chunk."""
    kind = value.get("type") if isinstance(value, dict) else None
    if not isinstance(value, dict) or not isinstance(kind, str):
        return None
    reader = CHUNKS.get(kind)
    if reader is not None:
        return reader(value)
    return _data(value, kind) if kind.startswith("data-") else None


def _id(chunk: JsonObject, name: str = "id") -> str:
    """An id as text; a number is converted, "" for anything else."""
    value = chunk.get(name)
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


# -- message and steps -----------------------------------------------------------
def _usage(metadata: JsonObject) -> tuple[ev.StreamEvent, ...]:
    """Token counts in metadata, as the SDK documents them: {totalUsage: {…}} or {totalTokens: n}."""
    total = metadata.get("totalUsage")
    if isinstance(total, dict) and total:
        return (ev.UsageReported(total),)
    tokens = metadata.get("totalTokens")
    return (ev.UsageReported({"totalTokens": tokens}),) if tokens is not None else ()


def _start(chunk: JsonObject) -> Events:
    metadata = object_at(chunk, "messageMetadata")
    return (ev.MessageStarted(text_at(chunk, "messageId"), metadata), *_usage(metadata))


def _finish(chunk: JsonObject) -> Events:
    metadata = object_at(chunk, "messageMetadata")
    return (*_usage(metadata), ev.Finished(text_at(chunk, "finishReason"), metadata))


def _metadata(chunk: JsonObject) -> Events:
    metadata = object_at(chunk, "messageMetadata")
    return (ev.MetadataMerged(metadata), *_usage(metadata)) if metadata else NO_EVENTS


def _error(chunk: JsonObject) -> Events:
    reason = text_at(chunk, "errorText") or reason_text({key: chunk[key] for key in chunk if key != "type"})
    return (ev.Failed(reason or UNNAMED_ERROR),)


# -- text and calls ------------------------------------------------------------------
def _tool_start(chunk: JsonObject) -> Events:
    return (ev.ToolStarted(_id(chunk, "toolCallId"), string_at(chunk, "toolName"), text_at(chunk, "title")),)


def _tool_input(chunk: JsonObject) -> Events:
    call_id, name = _id(chunk, "toolCallId"), string_at(chunk, "toolName")
    return (ev.ToolInputReady(call_id, name, chunk.get("input"), text_at(chunk, "title")),)


def _tool_input_error(chunk: JsonObject) -> Events:
    call_id, name = _id(chunk, "toolCallId"), string_at(chunk, "toolName")
    return (ev.ToolFailed(call_id, string_at(chunk, "errorText"), name, chunk.get("input"), has_input=True),)


def _tool_output(chunk: JsonObject) -> Events:
    call_id = _id(chunk, "toolCallId")
    return (ev.ToolOutput(call_id, chunk.get("output"), preliminary=chunk.get("preliminary") is True),)


def _tool_approval_request(chunk: JsonObject) -> Events:
    return (ev.ToolApproval(_id(chunk, "toolCallId"), _id(chunk, "approvalId")),)


def _tool_approval_response(chunk: JsonObject) -> Events:
    # The chunk names only the approval; the reducer finds the call by it.
    approval_id = _id(chunk, "approvalId")
    return (ev.ToolApproval(_id(chunk, "toolCallId"), approval_id, approved=chunk.get("approved") is True),)


# -- sources, files, data ------------------------------------------------------------
def source_part(item: JsonObject) -> SourcePart:
    """A web page or a document, as a chunk or as a part of a message."""
    source_id, title = _id(item, "sourceId"), text_at(item, "title")
    if item.get("type") != "source-document":
        return SourcePart(source_id, text_at(item, "url"), title)
    return SourcePart(source_id, None, title, text_at(item, "mediaType"), text_at(item, "filename"))


def file_part(item: JsonObject) -> FilePart:
    """A file, as a chunk or as a part of a message."""
    media_type = text_at(item, "mediaType") or text_at(item, "mimeType")
    return FilePart(
        string_at(item, "url"),
        media_type or "application/octet-stream",
        text_at(item, "filename"),
        count(item.get("size")),
    )


def _data(chunk: JsonObject, kind: str) -> Events:
    data_id = _id(chunk) if chunk.get("id") is not None else None
    return (ev.DataArrived(kind, chunk.get("data"), data_id, transient=chunk.get("transient") is True),)


CHUNKS: Final[dict[str, Callable[[JsonObject], Events]]] = {
    "start": _start,
    "finish": _finish,
    "message-metadata": _metadata,
    "abort": lambda chunk: (ev.Aborted(text_at(chunk, "reason")),),
    "error": _error,
    "start-step": lambda _chunk: (ev.StepStarted(),),
    "finish-step": lambda _chunk: (ev.StepFinished(),),
    "reset-step": lambda _chunk: (ev.StepReset(),),
    "text-start": lambda chunk: (ev.TextStarted(_id(chunk)),),
    "text-delta": lambda chunk: (ev.TextGrew(_id(chunk), string_at(chunk, "delta")),),
    "text-end": lambda chunk: (ev.TextEnded(_id(chunk)),),
    "reasoning-start": lambda chunk: (ev.ReasoningStarted(_id(chunk)),),
    "reasoning-delta": lambda chunk: (ev.ReasoningGrew(_id(chunk), string_at(chunk, "delta")),),
    "reasoning-end": lambda chunk: (ev.ReasoningEnded(_id(chunk)),),
    "reasoning": lambda chunk: (ev.ReasoningGrew("", string_at(chunk, "text")),),
    "reasoning-part-finish": lambda _chunk: (ev.ReasoningEnded(""),),
    "tool-input-start": _tool_start,
    "tool-input-delta": lambda chunk: (
        ev.ToolInputGrew(_id(chunk, "toolCallId"), string_at(chunk, "inputTextDelta")),
    ),
    "tool-input-available": _tool_input,
    "tool-input-error": _tool_input_error,
    "tool-output-available": _tool_output,
    "tool-output-error": lambda chunk: (
        ev.ToolFailed(_id(chunk, "toolCallId"), string_at(chunk, "errorText")),
    ),
    "tool-approval-request": _tool_approval_request,
    "tool-approval-response": _tool_approval_response,
    "tool-output-denied": lambda chunk: (ev.ToolDenied(_id(chunk, "toolCallId")),),
    "source-url": lambda chunk: (source_part(chunk),),
    "source-document": lambda chunk: (source_part(chunk),),
    "file": lambda chunk: (file_part(chunk),),
    "reasoning-file": lambda chunk: (file_part(chunk),),
    "custom": lambda chunk: (CustomPart(string_at(chunk, "kind") or "custom", chunk),),
    "steering-message": lambda chunk: (CustomPart(string_at(chunk, "kind") or "steering-message", chunk),),
}
"""Chunk type → decoder; `data-…` is matched by prefix."""


# -- stored messages ---------------------------------------------------------------------------
ROLES: Final = frozenset({"user", "assistant", "system", "tool"})


class StoredMessages(Dialect):
    """`{id, role, parts}`, `{messages: […]}`, a bare array, or `{type: "message", message}`."""

    name = "stored-messages"

    def read(self, kind: str, value: Json, raw: str) -> Events | None:
        """One event per message; None when the value holds no messages."""
        return read_messages(value)


def read_messages(value: Json) -> Events | None:
    """The messages that a value is or contains; None if it is something else."""
    if isinstance(value, list):
        return _stored(value)
    if not isinstance(value, dict):
        return None
    if _is_message(value):
        return (ev.MessageStored(value),)
    inner = value.get("message")
    if isinstance(inner, dict) and _is_message(inner):
        return (ev.MessageStored(inner),)
    listed = value.get("messages")
    return _stored(listed) if isinstance(listed, list) else None


def _stored(items: list[Json]) -> Events | None:
    """One event per message; None for a list of other things."""
    messages = [item for item in items if isinstance(item, dict) and _is_message(item)]
    if not messages and items:
        return None
    return tuple(map(ev.MessageStored, messages))


def _is_message(value: dict[str, Json]) -> bool:
    return text_at(value, "role") in ROLES and ("parts" in value or "content" in value)


# -- Worker objects -----------------------------------------------------------------
class WorkerEvents(Dialect):
    """Events that are or contain a Worker, which replaces the previous one. SSE event names are not used."""

    name = "worker-snapshots"

    def read(self, kind: str, value: Json, raw: str) -> Events | None:
        """The snapshot. The text is parsed again, so that its amounts are exact decimals."""
        if not isinstance(value, dict) or worker_in(value) is None:
            return None
        try:
            exact = as_object(parse_exact(raw))
        except NotJson:
            return None
        return (ev.WorkerRead(snapshot_of(exact)),)


UNNAMED: Final = "The service ended the stream without giving a reason."


class AgentFrames(Dialect):
    """Chat frames: `{type: "cf_agent_…"}`, with a chunk as JSON text in `body`."""

    name = "cloudflare-agents"

    def read(self, kind: str, value: Json, raw: str) -> Events | None:
        """The events of one frame; None for a frame type that is not listed."""
        read_frame = FRAMES.get(string_at(value, "type"))
        return read_frame(as_object(value)) if read_frame is not None else None


def _response(frame: JsonObject) -> Events:
    body = string_at(frame, "body")
    end = (ev.StreamDone(),) if frame.get("done") is True else ()
    if frame.get("error") is True or isinstance(frame.get("error"), str):
        return (ev.Failed(body or text_at(frame, "error") or UNNAMED), *end)
    return (*_chunk(body), *end)


def _chunk(body: str) -> Events:
    if not body.strip():
        return NO_EVENTS
    try:
        value = parse(body)
    except NotJson:
        return (ev.Unknown("cf_agent_use_chat_response", body, undecodable=True),)
    events = read_chunk(value)
    return events if events is not None else (ev.Unknown("cf_agent_use_chat_response", body),)


FRAMES: Final[dict[str, Callable[[JsonObject], Events]]] = {
    "cf_agent_use_chat_response": _response,
    "cf_agent_chat_messages": lambda frame: read_messages(frame.get("messages")) or NO_EVENTS,
    "cf_agent_message_updated": lambda frame: read_messages(frame.get("message")) or NO_EVENTS,
}
"""Frame type → decoder."""


class Controls(Dialect):
    """Named events about the stream itself, in a body of any dialect."""

    name = ""

    def read(self, kind: str, value: Json, raw: str) -> Events | None:
        """The events of a control event, or of a bare `{error: …}` object, which fails the message."""
        if kind in CONTROLS:
            return CONTROLS[kind](value)
        is_bare = isinstance(value, dict) and "type" not in value
        reason = reason_text(as_object(value).get("error")) if is_bare else None
        return None if reason is None else (ev.Failed(reason),)

    def read_text(self, kind: str, raw: str) -> Events | None:
        """The events of a control event whose data is plain text."""
        return CONTROLS[kind](raw) if kind in CONTROLS else None


CONTROLS: Final[dict[str, Callable[[Json], Events]]] = {
    **dict.fromkeys(("up-to-date", "ping", "heartbeat", "keep-alive", "keepalive"), lambda _value: NO_EVENTS),
    "done": lambda _value: (ev.StreamDone(),),
    "error": lambda value: (ev.Failed(reason_text(value) or UNNAMED, in_message=False),),
}
"""Event name → decoder."""
