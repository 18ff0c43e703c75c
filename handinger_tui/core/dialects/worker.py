"""What a worker sends instead of deltas: stored messages, the Worker itself, frames of Cloudflare Agents."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from handinger_tui.core.dialects.dialect import NOTHING, Dialect, Events
from handinger_tui.core.dialects.ui_message import read_chunk
from handinger_tui.core.jsontext import Json, JsonObject, NotJson, as_object, as_text, parse, parse_exact
from handinger_tui.core.stream import events as ev
from handinger_tui.core.stream.worker_snapshot import reason_text, snapshot_of, worker_in

if TYPE_CHECKING:
    from collections.abc import Callable

ROLES: Final = frozenset({"user", "assistant", "system", "tool"})


class StoredMessages(Dialect):
    """`{id, role, parts}`, `{messages: […]}`, a bare array, or `{type: "message", message}`."""

    name: ClassVar[str] = "stored-messages"

    def read(self, kind: str, value: Json, raw: str) -> Events | None:
        """One event per message; None when the value holds no messages."""
        return read_messages(value)


def read_messages(value: Json) -> Events | None:
    """The messages that a value is or contains; None when it is something else."""
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
    return as_text(value.get("role")) in ROLES and ("parts" in value or "content" in value)


# -- Worker objects -----------------------------------------------------------------
class WorkerEvents(Dialect):
    """Events that are or contain a Worker, which replaces the previous one. SSE event names are not used."""

    name: ClassVar[str] = "worker-snapshots"

    def read(self, kind: str, value: Json, raw: str) -> Events | None:
        """The snapshot, with its amounts read again as exact decimals."""
        if not isinstance(value, dict) or worker_in(value) is None:
            return None
        try:
            exact = as_object(parse_exact(raw))
        except NotJson:
            return None
        return (ev.WorkerRead(snapshot_of(exact)),)


UNNAMED: Final = "The service broke the stream off without a reason."


class AgentFrames(Dialect):
    """Chat frames: `{type: "cf_agent_…"}`, with a chunk as JSON text in `body`."""

    name: ClassVar[str] = "cloudflare-agents"

    def read(self, kind: str, value: Json, raw: str) -> Events | None:
        """The events of one frame; None for a frame type that is not listed."""
        if not isinstance(value, dict):
            return None
        frame_type = value.get("type")
        read_frame = FRAMES.get(frame_type) if isinstance(frame_type, str) else None
        return read_frame(value) if read_frame is not None else None


def _response(frame: JsonObject) -> Events:
    body = as_text(frame.get("body")) or ""
    end = (ev.StreamDone(),) if frame.get("done") is True else ()
    if frame.get("error") is True or isinstance(frame.get("error"), str):
        return (ev.Failed(body or as_text(frame.get("error")) or UNNAMED), *end)
    return (*_chunk(body), *end)


def _chunk(body: str) -> Events:
    if not body.strip():
        return NOTHING
    try:
        value = parse(body)
    except NotJson:
        return (ev.Unknown("cf_agent_use_chat_response", body, undecodable=True),)
    events = read_chunk(value)
    return events if events is not None else (ev.Unknown("cf_agent_use_chat_response", body),)


FRAMES: Final[dict[str, Callable[[JsonObject], Events]]] = {
    "cf_agent_use_chat_response": _response,
    "cf_agent_chat_messages": lambda frame: read_messages(frame.get("messages")) or NOTHING,
    "cf_agent_message_updated": lambda frame: read_messages(frame.get("message")) or NOTHING,
}
"""Frame type → its decoder."""


class Controls(Dialect):
    """Named events about the stream itself, in a body of any dialect."""

    name: ClassVar[str] = ""

    def read(self, kind: str, value: Json, raw: str) -> Events | None:
        """The events of a control event. A bare `{error: …}` object fails the message."""
        control = CONTROLS.get(kind)
        if control is not None:
            return control(value)
        if isinstance(value, dict) and "type" not in value:
            reason = reason_text(value.get("error"))
            return (ev.Failed(reason),) if reason is not None else None
        return None

    def read_text(self, kind: str, raw: str) -> Events | None:
        """The events of a control event whose data is plain text."""
        control = CONTROLS.get(kind)
        return control(raw) if control is not None else None


CONTROLS: Final[dict[str, Callable[[Json], Events]]] = {
    **dict.fromkeys(("up-to-date", "ping", "heartbeat", "keep-alive", "keepalive"), lambda _value: NOTHING),
    "done": lambda _value: (ev.StreamDone(),),
    "error": lambda value: (ev.Failed(reason_text(value) or UNNAMED, in_message=False),),
}
"""Event name → its decoder."""
