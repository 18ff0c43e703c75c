"""Stored messages of a replay: one per event, in an array, or in an envelope."""

from __future__ import annotations

from typing import ClassVar, Final

from handinger_tui.core.dialects.dialect import Dialect, Events
from handinger_tui.core.jsontext import Json
from handinger_tui.core.stream import events as ev
from handinger_tui.core.stream.messages import role_of

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
        return _all(value)
    if not isinstance(value, dict):
        return None
    if _is_message(value):
        return (ev.MessageStored(value),)
    inner = value.get("message")
    if isinstance(inner, dict) and _is_message(inner):
        return (ev.MessageStored(inner),)
    listed = value.get("messages")
    return _all(listed) if isinstance(listed, list) else None


def _all(items: list[Json]) -> Events | None:
    messages = [item for item in items if isinstance(item, dict) and _is_message(item)]
    if not messages and items:
        return None
    return tuple(map(ev.MessageStored, messages))


def _is_message(value: dict[str, Json]) -> bool:
    return role_of(value) in ROLES and ("parts" in value or "content" in value)
