"""Worker snapshots as events: each is the whole Worker and replaces the one before."""

from __future__ import annotations

from typing import ClassVar, Final

from handinger_tui.core import events as ev
from handinger_tui.core.dialects.dialect import Dialect, Events
from handinger_tui.core.jsontext import Json, NotJson, as_object, parse_exact
from handinger_tui.core.snapshot import is_worker, snapshot_of

WRAPPERS: Final = ("worker", "data")
"""Members under which an event may hold the Worker."""


class WorkerEvents(Dialect):
    """Events that are a Worker, or hold one; the event names tell nothing more."""

    name: ClassVar[str] = "worker-snapshots"

    def read(self, kind: str, value: Json, raw: str) -> Events | None:
        """The snapshot, with its amounts read again as exact decimals."""
        if not isinstance(value, dict):
            return None
        wrapper = "" if is_worker(value) else next((w for w in WRAPPERS if _says_worker(value.get(w))), None)
        if wrapper is None:
            return None
        try:
            exact = as_object(parse_exact(raw))
        except NotJson:
            return None
        return (ev.WorkerRead(snapshot_of(as_object(exact.get(wrapper)) if wrapper else exact)),)


def _says_worker(value: Json) -> bool:
    return isinstance(value, dict) and is_worker(value)
