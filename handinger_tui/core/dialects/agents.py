"""Cloudflare Agents: the control events of its streams, and its chat frames passed on by a bridge."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Final

from handinger_tui.core.dialects.dialect import NOTHING, Dialect, Events
from handinger_tui.core.dialects.stored import read_messages
from handinger_tui.core.dialects.ui_message import read_chunk
from handinger_tui.core.jsontext import Json, NotJson, as_text, parse
from handinger_tui.core.stream import events as ev
from handinger_tui.core.stream.worker_snapshot import reason_text

JsonObject = dict[str, Json]

UNNAMED: Final = "The service broke the stream off without a reason."


class AgentFrames(Dialect):
    """Chat frames: `{type: "cf_agent_…"}`, a chunk being JSON text inside `body`."""

    name: ClassVar[str] = "cloudflare-agents"

    def read(self, kind: str, value: Json, raw: str) -> Events | None:
        """The events of one frame; None for a frame type that is not listed."""
        if not isinstance(value, dict):
            return None
        frame_type = value.get("type")
        known = FRAMES.get(frame_type) if isinstance(frame_type, str) else None
        return known(value) if known is not None else None


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


def _messages(frame: JsonObject) -> Events:
    return read_messages(frame.get("messages")) or NOTHING


def _message(frame: JsonObject) -> Events:
    return read_messages(frame.get("message")) or NOTHING


FRAMES: Final[dict[str, Callable[[JsonObject], Events]]] = {
    "cf_agent_use_chat_response": _response,
    "cf_agent_chat_messages": _messages,
    "cf_agent_message_updated": _message,
}
"""Frame type → its meaning."""


class Controls(Dialect):
    """Named events that speak about the stream itself, whatever dialect its body has."""

    name: ClassVar[str] = ""

    def read(self, kind: str, value: Json, raw: str) -> Events | None:
        """The meaning of a control event; a bare `{error: …}` object fails the message."""
        known = CONTROLS.get(kind)
        if known is not None:
            return known(value)
        if isinstance(value, dict) and "type" not in value:
            said = reason_text(value.get("error"))
            return (ev.Failed(said),) if said is not None else None
        return None

    def read_text(self, kind: str, raw: str) -> Events | None:
        """The same for events whose data is plain text."""
        known = CONTROLS.get(kind)
        return known(raw) if known is not None else None


def _up_to_date(_value: Json) -> Events:
    return NOTHING


def _done(_value: Json) -> Events:
    return (ev.StreamDone(),)


def _broken(value: Json) -> Events:
    return (ev.Failed(reason_text(value) or UNNAMED, in_message=False),)


CONTROLS: Final[dict[str, Callable[[Json], Events]]] = {
    "up-to-date": _up_to_date,
    "ping": _up_to_date,
    "heartbeat": _up_to_date,
    "keep-alive": _up_to_date,
    "keepalive": _up_to_date,
    "done": _done,
    "error": _broken,
}
"""Event name → its meaning."""
