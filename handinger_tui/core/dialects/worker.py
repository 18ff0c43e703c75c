"""Dialects of servers that send what they have stored instead of deltas: messages, or the Worker."""

from __future__ import annotations

from typing import ClassVar, Final

from handinger_tui.core.dialects.dialect import Dialect, Events
from handinger_tui.core.jsontext import Json, NotJson, as_object, as_text, parse_exact
from handinger_tui.core.stream import events as ev
from handinger_tui.core.stream.worker_snapshot import snapshot_of, worker_in

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
