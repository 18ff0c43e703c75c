"""Worker snapshots as events: each holds the whole Worker and replaces the previous one."""

from __future__ import annotations

from typing import ClassVar

from handinger_tui.core.dialects.dialect import Dialect, Events
from handinger_tui.core.jsontext import Json, NotJson, as_object, parse_exact
from handinger_tui.core.stream import events as ev
from handinger_tui.core.stream.worker_snapshot import snapshot_of, worker_in


class WorkerEvents(Dialect):
    """Events that are or contain a Worker; their SSE event names are not used."""

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
