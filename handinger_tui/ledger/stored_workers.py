"""Stored workers that were used or made here, as they were read last: no service lists them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from handinger_tui.core.jsontext import NotJson, as_object, as_text, dump, parse_exact
from handinger_tui.core.stored_workers import StoredWorker
from handinger_tui.ledger.rows import int_or_none, int_or_zero, pack, unpack
from handinger_tui.ledger.transactions import transaction

if TYPE_CHECKING:
    import sqlite3

    from handinger_tui.ledger.database import Database
    from handinger_tui.ledger.rows import Row

# Those of sessions, and those that were read. The newest used or read one comes first.
_ALL: Final = """
    SELECT ids.worker_id, w.members, w.read_ms, w.gone, COUNT(s.session_id) AS tasks,
           MAX(s.updated_ms) AS used_ms
      FROM (SELECT template AS worker_id FROM sessions WHERE base_url = :url AND template IS NOT NULL
             UNION SELECT worker_id FROM stored_workers WHERE base_url = :url) ids
      LEFT JOIN stored_workers w ON w.base_url = :url AND w.worker_id = ids.worker_id
      LEFT JOIN sessions s ON s.base_url = :url AND s.template = ids.worker_id
     GROUP BY ids.worker_id
     ORDER BY COALESCE(w.gone, 0), MAX(COALESCE(s.updated_ms, 0), COALESCE(w.read_ms, 0)) DESC
"""
_KEEP: Final = """
    INSERT INTO stored_workers (base_url, worker_id, members, read_ms, gone) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (base_url, worker_id) DO UPDATE
       SET members = excluded.members, read_ms = excluded.read_ms, gone = excluded.gone
"""


class StoredWorkers:
    """The table of stored workers. Every method raises LedgerError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def listed(self, base_url: str) -> list[StoredWorker]:
        """All workers of a service that are known here; those that are gone last."""
        cells = {"url": pack(base_url)}
        rows = await self._database.run(lambda db: db.execute(_ALL, cells).fetchall())
        return [_worker_of(row) for row in rows]

    async def keep(self, base_url: str, worker: StoredWorker) -> None:
        """Store what was read of a worker."""
        members = {
            "title": worker.title,
            "summary": worker.summary,
            "text": worker.text,
            "schema": worker.schema,
            "is_public": worker.is_public,
            "url": worker.url,
        }
        cells = pack(base_url), pack(worker.worker_id), dump(members), worker.read_ms, int(worker.is_gone)

        def work(connection: sqlite3.Connection) -> None:
            with transaction(connection):
                connection.execute(_KEEP, cells)

        await self._database.run(work)


def _worker_of(row: Row) -> StoredWorker:
    worker = StoredWorker(
        unpack(row["worker_id"]), tasks=int_or_zero(row["tasks"]), used_ms=int_or_none(row["used_ms"])
    )
    try:
        members = as_object(parse_exact(unpack(row["members"]))) if row["members"] is not None else {}
    except NotJson:
        # A damaged row: the worker can be read again.
        members = {}
    if not members:
        return worker
    schema, is_public = members.get("schema"), members.get("is_public")
    return replace(
        worker,
        title=as_text(members.get("title")),
        summary=as_text(members.get("summary")),
        text=as_text(members.get("text")),
        schema=schema if isinstance(schema, dict) else None,
        is_public=is_public if isinstance(is_public, bool) else None,
        url=as_text(members.get("url")),
        read_ms=int_or_none(row["read_ms"]),
        is_gone=bool(row["gone"]),
    )
