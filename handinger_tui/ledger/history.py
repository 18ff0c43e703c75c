"""The history as the user sees it: sessions (list, search, rename, delete), drafts, prompts, workers."""

from __future__ import annotations

import sqlite3
import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from handinger_tui.core.errors import LedgerError
from handinger_tui.core.jsontext import NotJson, as_object, dump, parse_exact, text_at
from handinger_tui.core.prompts import lineage_from_text
from handinger_tui.core.stored_workers import StoredWorker
from handinger_tui.core.tags import NO_TAG_RULES
from handinger_tui.core.turns.session import NOTHING_SAID, SessionPreview, SessionSummary
from handinger_tui.core.turns.turn import FREE, UNSENT, TurnStatus
from handinger_tui.ledger import search
from handinger_tui.ledger.charges import grouping
from handinger_tui.ledger.frames import drop_some, pack_some
from handinger_tui.ledger.labels import Labeler, change_tags, choose, set_project
from handinger_tui.ledger.search import optimize, remove_session
from handinger_tui.ledger.sql import (
    Care,
    Cell,
    Row,
    about_from_text,
    int_or_none,
    int_or_zero,
    listed,
    pack,
    parsed,
    split,
    status_of,
    transaction,
    trigger_of,
    unpack,
    unpack_optional,
)
from handinger_tui.ledger.turns import enter_turn, load_turn

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from handinger_tui.core.export.session_file import SessionFile
    from handinger_tui.core.search import Query, SearchHit
    from handinger_tui.core.tags import Labels
    from handinger_tui.core.turns.session import Service
    from handinger_tui.ledger.database import Database

# Of `turn_totals.reported`, bit 0 says that USD were reported, bit 1 that credits were. A turn without a row
# waits in a queue, was not sent or was imported; or it was read from the worker and has no figures yet.
_COUNTED: Final = "EXISTS (SELECT 1 FROM turn_totals c WHERE c.turn_id = t.turn_id)"
_STARTED: Final = f"(t.status <> '{TurnStatus.QUEUED}' OR {_COUNTED})"
# As `Session.unwatched`: messages that were refused or not sent may stand behind a turn that still runs.
_LEFT_RUNNING: Final = f"""(SELECT status FROM turns t WHERE t.session_id = s.session_id
    AND t.status NOT IN ({listed(FREE | UNSENT)}) ORDER BY place DESC LIMIT 1) = '{TurnStatus.RUNNING}'"""
PREVIEWED: Final = 2_000
"""Characters of the end of an answer that a preview has."""
_SUMMARIES: Final = f"""
    SELECT s.session_id, s.worker_id, s.base_url, s.title, s.created_ms, s.updated_ms, s.unread,
           (SELECT COUNT(*) FROM turns t WHERE t.session_id = s.session_id)
             - (SELECT COUNT(*) FROM turns t WHERE t.session_id = s.session_id
                   AND t.status IN ({listed(UNSENT)}) AND NOT {_COUNTED}) AS turns,
           CASE WHEN {_LEFT_RUNNING} THEN '{TurnStatus.RUNNING}' ELSE COALESCE(
               (SELECT status FROM turns t WHERE t.session_id = s.session_id AND {_STARTED}
                 ORDER BY place DESC LIMIT 1),
               (SELECT status FROM turns t WHERE t.session_id = s.session_id LIMIT 1)) END AS last_status,
           (SELECT lineage FROM turns t WHERE t.session_id = s.session_id
             ORDER BY place LIMIT 1) AS lineage,
           (SELECT started_by FROM turns t WHERE t.session_id = s.session_id
             ORDER BY place LIMIT 1) AS started_by, s.generation, s.template, s.about,
           (SELECT folder FROM origins o WHERE o.session_id = s.session_id) AS folder,
           EXISTS (SELECT 1 FROM turns t WHERE t.session_id = s.session_id AND t.settled_ms IS NULL
                      AND {_STARTED}) AS live,
           (SELECT COUNT(*) FROM turns t WHERE t.session_id = s.session_id AND t.settled_ms IS NULL
               AND t.status <> '{TurnStatus.QUEUED}' AND NOT {_COUNTED}) AS uncharged,
           (SELECT COUNT(*) FROM turns t WHERE t.session_id = s.session_id AND t.settled_ms IS NULL
               AND t.status = '{TurnStatus.QUEUED}' AND NOT {_COUNTED}) AS queued,
           COALESCE(i.turns, 0) AS imported, s.pinned_ms,
           {split("usd_pico", "m")}, {split("micro_credits", "m")}, COUNT(m.turn_id) AS charged,
           COALESCE(SUM(m.reported & 1), 0) AS priced_turns,
           COALESCE(SUM(m.reported >> 1 & 1), 0) AS credited_turns,
           COALESCE(SUM(m.usd_pico IS NOT NULL AND NOT m.reported & 1), 0) AS usd_pico_open,
           COALESCE(SUM(m.micro_credits IS NOT NULL AND NOT m.reported >> 1 & 1), 0) AS micro_credits_open,
           {grouping.CERTAINTY}
      FROM (SELECT s.*, s.rowid AS entered FROM sessions s {{which}}
             ORDER BY s.updated_ms DESC, s.rowid DESC LIMIT ?) s
      LEFT JOIN turn_totals m ON m.session_id = s.session_id
      LEFT JOIN (SELECT t.session_id, COUNT(*) AS turns FROM turns t
                  WHERE t.imported_ms IS NOT NULL AND t.status <> '{TurnStatus.NOT_SENT}'
                  GROUP BY t.session_id) i ON i.session_id = s.session_id
     GROUP BY s.session_id ORDER BY s.updated_ms DESC, s.entered DESC
"""
_PREVIEW: Final = f"""
    SELECT t.prompt, substr(a.text, -{PREVIEWED}) AS answer, e.files,
           COALESCE(m.sources, e.sources) AS sources,
           t.status = '{TurnStatus.QUEUED}' AND m.turn_id IS NULL AS waits
      FROM turns t LEFT JOIN answers a ON a.turn_id = t.turn_id
      LEFT JOIN search_entries e ON e.turn_id = t.turn_id
      LEFT JOIN turn_totals m ON m.turn_id = t.turn_id
     WHERE t.session_id = ? AND t.status <> '{TurnStatus.NOT_SENT}' ORDER BY waits, t.place DESC LIMIT 1
"""
_COUNT: Final = "SELECT COUNT(*) FROM sessions"
_OF_SERVICES: Final = """s.base_url IN ({places})
    AND EXISTS (SELECT 1 FROM turns t WHERE t.session_id = s.session_id)"""
_OF_WORKER: Final = """
    SELECT session_id FROM sessions WHERE worker_id = ? AND base_url = ? AND generation = ?
     ORDER BY updated_ms DESC, rowid DESC LIMIT 1
"""
_IDS_BY_PREFIX: Final = """
    SELECT session_id, worker_id, template FROM sessions
     WHERE substr(session_id, 1, :n) = :p OR substr(worker_id, 1, :n) = :p OR substr(template, 1, :n) = :p
     ORDER BY updated_ms DESC, rowid DESC
"""
# By the order in which turns were stored: a late reading changes `updated_ms`, and the clock may have gone
# back. Never one that was only imported: its file names the service, and anybody may have written it.
_LAST: Final = """
    SELECT session_id FROM sessions s
     WHERE EXISTS (SELECT 1 FROM turns t WHERE t.session_id = s.session_id AND imported_ms IS NULL)
        OR NOT EXISTS (SELECT 1 FROM turns t WHERE t.session_id = s.session_id)
     ORDER BY (SELECT MAX(place) FROM turns t WHERE t.session_id = s.session_id AND imported_ms IS NULL) DESC,
              updated_ms DESC, rowid DESC
     LIMIT 1
"""
# A text that was typed and not sent has a row among the drafts, under the time of it in 13 digits.
_UNSENT: Final = "session_id LIKE 'unsent@%'"
_MOST_UNSENT: Final = 200
_PROMPTS: Final = (
    "SELECT prompt FROM (SELECT prompt, created_ms, place FROM turns"
    " WHERE prompt <> '' AND imported_ms IS NULL"
    f" UNION ALL SELECT text, CAST(substr(session_id, 8) AS INTEGER), 0 FROM drafts WHERE {_UNSENT})"
    " GROUP BY prompt ORDER BY MAX(created_ms) DESC, MAX(place) DESC LIMIT ?"
)
_AT_ONCE: Final = 200
"""Sessions whose summaries one query reads; SQLite limits the number of values of a query."""
# The key of a draft is the id of its session, "@" and the id of the run of the program that saved it: two
# programs on one session have a draft each. Earlier versions saved it under the id of the session alone.
_SAVE_DRAFT: Final = "INSERT OR REPLACE INTO drafts (session_id, text) VALUES (?, ?)"
_TAKE_DRAFT: Final = "UPDATE drafts SET session_id = ? WHERE session_id = ?"
_DELETE_DRAFT: Final = "DELETE FROM drafts WHERE session_id = ?"
_OF_SESSION: Final = "session_id = :session OR substr(session_id, 1, length(:session) + 1) = :session || '@'"


PACKED_AT_ONCE: Final = 20
"""Turns in one transaction: between two, other programs can write."""


def _shrink(connection: sqlite3.Connection) -> None:
    with suppress(sqlite3.OperationalError):
        optimize(connection)
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


class SessionHistory:
    """Implements the UI's port for sessions. Every method raises LedgerError."""

    def __init__(self, database: Database, run: str, is_alive: Callable[[str], bool]) -> None:
        """`run`: the id of this run of the program; `is_alive(run)`: whether another one still runs."""
        self._database = database
        self._run = run
        self._is_alive = is_alive
        self.tag_rules = NO_TAG_RULES

    async def sessions(
        self, limit: int = -1, *, base_urls: Collection[str] = (), running: bool = False
    ) -> list[SessionSummary]:
        """Summaries of sessions, newest first; reads no frames. `limit` -1: all.

        `base_urls`: only those of these services that have a turn. `running`: only those with a turn
        that was left running, and none after it that may have been sent.
        """
        wanted = [_OF_SERVICES.format(places=", ".join("?" * len(base_urls)))] if base_urls else []
        wanted += [_LEFT_RUNNING] if running else []
        which = f"WHERE {' AND '.join(wanted)}" if wanted else ""
        cells = (*map(pack, base_urls), limit)
        return await self._database.run(lambda db: list(self.summaries(db, which, cells)))

    async def preview(self, session_id: str) -> SessionPreview:
        """The newest message of a session, and the end of its answer."""
        row = await self._database.read(lambda db: db.execute(_PREVIEW, (pack(session_id),)).fetchone())
        if row is None:
            return SessionPreview()
        counts = int_or_zero(row["files"]), int_or_zero(row["sources"])
        answer = unpack_optional(row["answer"]) or ""
        return SessionPreview(unpack(row["prompt"]), answer, *counts, waits=bool(row["waits"]))

    async def count(self) -> int:
        """The number of sessions."""
        return await self._database.run(lambda db: int(db.execute(_COUNT).fetchone()[0]))

    async def of_worker(self, worker_id: str, service: Service) -> str | None:
        """The id of the newest session of a worker, or task, at this service; None where there is none."""
        cells = pack(worker_id), pack(service.base_url), pack(service.generation)
        row = await self._database.run(lambda db: db.execute(_OF_WORKER, cells).fetchone())
        return None if row is None else unpack(row["session_id"])

    async def of_turn(self, turn_id: str) -> str | None:
        """The id of the session of a turn; None if no session has it."""
        sql = "SELECT session_id FROM turns WHERE turn_id = ?"
        row = await self._database.run(lambda db: db.execute(sql, (pack(turn_id),)).fetchone())
        return None if row is None else unpack(row["session_id"])

    def summaries(
        self, connection: sqlite3.Connection, which: str, cells: Sequence[Cell]
    ) -> Iterator[SessionSummary]:
        """The summaries of the sessions `s` that SQL selects, newest first. `cells`: its values."""
        labeler = Labeler(connection, self.tag_rules)
        for row in connection.execute(_SUMMARIES.format(which=which), cells):
            labels = labeler.of(row)
            yield _summary_of(row, labels.tags, labels.project)

    async def last(self) -> str | None:
        """The id of the session with the newest message, see `_LAST`; None where there is no session."""
        row = await self._database.run(lambda db: db.execute(_LAST).fetchone())
        return None if row is None else unpack(row["session_id"])

    async def find(self, prefix: str) -> list[str]:
        """Ids of sessions whose session, worker or task id begins with `prefix`; exact matches win alone."""
        cells = {"p": pack(prefix), "n": len(prefix)}
        rows = await self._database.run(lambda db: db.execute(_IDS_BY_PREFIX, cells).fetchall())
        exact = [row for row in rows if pack(prefix) in tuple(row)]
        return [unpack(row["session_id"]) for row in exact or rows]

    async def search(self, query: Query, limit: int = 200) -> list[SearchHit]:
        """Sessions that match, newest first; none for an empty query."""
        if query.is_empty:
            return []

        def work(connection: sqlite3.Connection) -> list[SearchHit]:
            if query.tags or query.projects:
                choose(connection, self.tag_rules, query.admits_labels)
            return search.find(connection, query, partial(self._summaries_of, connection), limit)

        return await self._database.read(work)

    def _summaries_of(self, connection: sqlite3.Connection, ids: set[str]) -> Iterator[SessionSummary]:
        """The summaries of sessions, newest first; they are read in chunks, as the caller needs them."""
        rows = connection.execute("SELECT session_id FROM sessions ORDER BY updated_ms DESC, rowid DESC")
        cells = [row["session_id"] for row in rows if unpack(row["session_id"]) in ids]
        for start in range(0, len(cells), _AT_ONCE):
            chunk = cells[start : start + _AT_ONCE]
            which = f"WHERE s.session_id IN ({', '.join('?' * len(chunk))})"
            yield from self.summaries(connection, which, (*chunk, -1))

    async def unprepared(self) -> int:
        """The number of turns of an earlier version of which only prompts and answers are searched."""
        return await self._database.run(search.missing)

    async def index_some(self, most: int = 20) -> int:
        """Prepare at most `most` turns of an earlier version of the program for the search.

        Returns how many there were: 0 once all are prepared.
        """

        def work(connection: sqlite3.Connection) -> int:
            return search.put_missing(connection, lambda one: load_turn(connection, one, ()), most)

        return await self._database.run(work)

    async def prompts(self, limit: int = 500) -> list[str]:
        """Earlier prompts and texts that were not sent, each once, newest last."""
        rows = await self._database.run(lambda db: db.execute(_PROMPTS, (limit,)).fetchall())
        return [unpack(row["prompt"]) for row in reversed(rows)]

    async def keep_unsent(self, texts: Sequence[str]) -> None:
        """Keep texts that were typed and not sent among the prompts: the newest ones, each once."""
        now_ms = time.time_ns() // 1_000_000

        def work(connection: sqlite3.Connection) -> None:
            newest = f"SELECT MAX(CAST(substr(session_id, 8) AS INTEGER)) FROM drafts WHERE {_UNSENT}"
            # Several may come in one millisecond, and a clock may go back.
            first_ms = max(now_ms, 1 + (connection.execute(newest).fetchone()[0] or 0))
            for at_ms, text in enumerate(texts, first_ms):
                connection.execute(f"DELETE FROM drafts WHERE {_UNSENT} AND text = ?", (pack(text),))
                connection.execute(_SAVE_DRAFT, (f"unsent@{at_ms:013}", pack(text)))
            connection.execute(
                f"DELETE FROM drafts WHERE {_UNSENT} AND session_id NOT IN"
                f" (SELECT session_id FROM drafts WHERE {_UNSENT} ORDER BY session_id DESC LIMIT ?)",
                (_MOST_UNSENT,),
            )

        await self._database.change(work)

    async def add_imported(self, file: SessionFile) -> str | None:
        """Store an imported session, all of it or nothing.

        Returns the id of the session that has one of its turns already, or its own; then nothing is stored.
        """

        def work(connection: sqlite3.Connection) -> str | None:
            for which, table, ids in (
                ("session_id", "sessions", [file.session.session_id]),
                ("turn_id", "turns", [turn.request.turn_id for turn in file.turns]),
            ):
                sql = f"SELECT session_id FROM {table} WHERE {which} = ?"
                for one in ids:
                    if (row := connection.execute(sql, (one,)).fetchone()) is not None:
                        return unpack(row["session_id"])
            for turn in file.turns:
                enter_turn(connection, file.session, turn, run="")
            change_tags(connection, "session", file.session.session_id, file.tags, ())
            return None

        return await self._database.change(work, Care.FULL)

    async def rename(self, session_id: str, title: str) -> None:
        """Set the title of a session, as the user chose it."""
        self._database.require_kept()
        await self._change("UPDATE sessions SET title = ? WHERE session_id = ?", title, session_id)

    async def labels(self, session_id: str) -> Labels:
        """The tags and the project of a session."""
        return await self._database.run(lambda db: Labeler(db, self.tag_rules).of_session(session_id))

    async def tags(self) -> list[str]:
        """Every tag that is stored or that a rule assigns, in order of the alphabet."""
        return await self._database.run(lambda db: Labeler(db, self.tag_rules).names())

    async def tag(self, kind: str, whose: str, add: Sequence[str] = (), remove: Sequence[str] = ()) -> None:
        """Add and remove tags of a session or a worker (`kind`). Those by rules stay."""
        self._database.require_kept()
        await self._database.change(lambda db: change_tags(db, kind, whose, add, remove))

    async def projects(self) -> list[str]:
        """Every project that is stored or that a rule assigns, in order of the alphabet."""
        return await self._database.run(lambda db: Labeler(db, self.tag_rules).projects())

    async def set_project(self, session_id: str, name: str | None) -> None:
        """Set the project of a session, stored or not; None: rules decide."""
        self._database.require_kept()
        await self._database.change(lambda db: set_project(db, session_id, name))

    async def delete(self, session_id: str) -> None:
        """Delete a session with its turns, frames and draft; its charges are kept, with its tags."""
        self._database.require_kept()

        def work(connection: sqlite3.Connection) -> None:
            with transaction(connection):
                texts = "SELECT prompt FROM turns WHERE session_id = ?"
                sql = f"DELETE FROM drafts WHERE {_UNSENT} AND text IN ({texts})"
                connection.execute(sql, (pack(session_id),))
            remove_session(connection, session_id)
            with transaction(connection):
                connection.execute("DELETE FROM sessions WHERE session_id = ?", (pack(session_id),))
                connection.execute(f"DELETE FROM drafts WHERE {_OF_SESSION}", {"session": pack(session_id)})

        await self._database.run(work)

    async def compact(self, before_ms: int = 0) -> int:
        """Prepare turns that an earlier version stored for the search, pack them, and shrink the file.

        Of turns that ended before `before_ms` the frames are removed as they arrived, see `drop_some`.
        Returns the number of those turns. Nothing else is lost, also when it is interrupted.
        """
        while await self.index_some():
            pass
        await self._in_batches(partial(pack_some, most=PACKED_AT_ONCE))
        drop = partial(drop_some, before_ms=before_ms, most=PACKED_AT_ONCE)
        dropped = await self._in_batches(drop) if before_ms else 0
        await self.shrink()
        return dropped

    async def _in_batches(self, work: Callable[..., tuple[int, str | None]]) -> int:
        """Call `work` for batches of turns, in order of their ids. Returns the sum of its counts."""
        count, after = 0, ""
        while True:
            done, more = await self._database.run(partial(work, after=after))
            count += done
            if more is None:
                return count
            after = more

    async def count_turns(self) -> int:
        """How many turns are stored."""
        count = "SELECT COUNT(*) FROM turns"
        return int(await self._database.run(lambda db: db.execute(count).fetchone()[0]))

    async def shrink(self) -> None:
        """Make the file as small as its content. While another program reads it, it stays as it is."""
        await self._database.run(_shrink)

    async def mark_read(self, session_id: str) -> None:
        """Mark a session as read: the user has seen its newest answer, and what its worker cost."""
        sql = "UPDATE sessions SET unread = 0, read_ms = ? WHERE session_id = ?"
        await self._mark(sql, time.time_ns() // 1_000_000, session_id)

    async def mark_unread(self, session_id: str) -> None:
        """Mark a session as unread: an answer arrived that the user has not seen."""
        await self._change("UPDATE sessions SET unread = 1 WHERE session_id = ?", session_id)

    async def pin(self, session_id: str, at_ms: int | None) -> None:
        """Keep a session in sight on the runs board; None: no longer."""
        await self._mark("UPDATE sessions SET pinned_ms = ? WHERE session_id = ?", at_ms, session_id)

    async def snooze(self, session_id: str, until_ms: int | None) -> None:
        """Let a session need nothing until a time; None: no longer."""
        await self._mark("UPDATE sessions SET snoozed_ms = ? WHERE session_id = ?", until_ms, session_id)

    async def _mark(self, sql: str, mark_ms: int | None, session_id: str) -> None:
        cells = mark_ms, pack(session_id)

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(sql, cells)

        await self._database.change(work)

    async def draft(self, session_id: str) -> str:
        """The draft of this program in a session, else the newest one of programs that ended; "" for none.

        That becomes its own, so that of two programs that start at once only one has it, and the text is not
        sent twice. Where nothing can be written it stays for the next one.
        """
        key, text = await self._database.run(lambda db: self._find_draft(db, session_id))
        if key in (None, self._draft_key(session_id)):
            return text

        def take(connection: sqlite3.Connection) -> str:
            key, text = self._find_draft(connection, session_id)
            if key is not None:
                connection.execute(_TAKE_DRAFT, (pack(self._draft_key(session_id)), pack(key)))
            return text

        with suppress(LedgerError):
            return await self._database.change(take)
        return ""

    def _find_draft(self, connection: sqlite3.Connection, session_id: str) -> tuple[str | None, str]:
        """Its key and its text."""
        sql = f"SELECT session_id, text FROM drafts WHERE {_OF_SESSION} ORDER BY rowid DESC"
        rows = connection.execute(sql, {"session": pack(session_id)}).fetchall()
        drafts = {unpack(row["session_id"]): unpack(row["text"]) for row in rows}
        own = self._draft_key(session_id)
        if own in drafts:
            return own, drafts[own]
        for key, text in drafts.items():
            if not self._is_alive(key.removeprefix(session_id)[1:]):
                return key, text
        return None, ""

    def _draft_key(self, session_id: str) -> str:
        return f"{session_id}@{self._run}"

    async def save_draft(self, session_id: str, text: str) -> None:
        """Save the draft of a session, which need not be stored itself yet; "" deletes it."""
        await self._database.change(lambda db: self._put_draft(db, session_id, text))

    async def change_draft(self, session_id: str, change: Callable[[str], str]) -> None:
        """Save what `change` makes of the draft of a session, in one step: no save comes between."""

        def work(connection: sqlite3.Connection) -> None:
            key, text = self._find_draft(connection, session_id)
            changed = change(text)
            if changed == text:
                return
            if key is not None:
                connection.execute(_DELETE_DRAFT, (pack(key),))
            self._put_draft(connection, session_id, changed)

        await self._database.change(work)

    def _put_draft(self, connection: sqlite3.Connection, session_id: str, text: str) -> None:
        """Make it the draft of this run of the program; "" deletes that."""
        key = pack(self._draft_key(session_id))
        connection.execute(_DELETE_DRAFT, (key,))
        if text:
            connection.execute(_SAVE_DRAFT, (key, pack(text)))

    async def _change(self, sql: str, *texts: str) -> None:
        def work(connection: sqlite3.Connection) -> None:
            connection.execute(sql, [*map(pack, texts)])

        await self._database.change(work)


# -- stored workers --------------------------------------------------------------------
# Those of sessions, and those that were read. The newest used or read one comes first.
_STORED_WORKERS: Final = """
    SELECT ids.worker_id, w.members, w.read_ms, w.gone, COUNT(s.session_id) AS tasks,
           MAX(s.updated_ms) AS used_ms
      FROM (SELECT template AS worker_id FROM sessions WHERE base_url = :url AND template IS NOT NULL
             UNION SELECT worker_id FROM stored_workers WHERE base_url = :url) ids
      LEFT JOIN stored_workers w ON w.base_url = :url AND w.worker_id = ids.worker_id
      LEFT JOIN sessions s ON s.base_url = :url AND s.template = ids.worker_id
     GROUP BY ids.worker_id
     ORDER BY COALESCE(w.gone, 0), MAX(COALESCE(s.updated_ms, 0), COALESCE(w.read_ms, 0)) DESC
"""
_PUT_WORKER: Final = """
    INSERT OR REPLACE INTO stored_workers (base_url, worker_id, members, read_ms, gone) VALUES (?, ?, ?, ?, ?)
"""


_TEXT_MEMBERS: Final = ("title", "summary", "text", "url")
_TIME_MEMBERS: Final = ("created_ms", "updated_ms")


class StoredWorkers:
    """The table of stored workers. Every method raises LedgerError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def listed(self, base_url: str) -> list[StoredWorker]:
        """All workers of a service in the history; those that no longer exist come last."""
        cells = {"url": pack(base_url)}
        rows = await self._database.run(lambda db: db.execute(_STORED_WORKERS, cells).fetchall())
        return [_stored_worker(row) for row in rows]

    async def keep(self, base_url: str, worker: StoredWorker) -> None:
        """Store a reading of a worker."""
        members = {
            name: getattr(worker, name) for name in (*_TEXT_MEMBERS, *_TIME_MEMBERS, "schema", "is_public")
        }
        cells = pack(base_url), pack(worker.worker_id), dump(members), worker.read_ms, int(worker.is_missing)

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(_PUT_WORKER, cells)

        await self._database.change(work)


def _stored_worker(row: Row) -> StoredWorker:
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
        **{name: text_at(members, name) for name in _TEXT_MEMBERS},
        **{name: int_or_none(members.get(name)) for name in _TIME_MEMBERS},
        schema=schema if isinstance(schema, dict) else None,
        is_public=is_public if isinstance(is_public, bool) else None,
        read_ms=int_or_none(row["read_ms"]),
        is_missing=bool(row["gone"]),
    )


def _summary_of(row: Row, tags: tuple[str, ...], project: str) -> SessionSummary:
    """The summary of a row of the session list."""
    status, charged = row["last_status"], row["charged"] + row["uncharged"]
    return SessionSummary(
        session_id=unpack(row["session_id"]),
        worker_id=unpack_optional(row["worker_id"]),
        title=unpack(row["title"]),
        created_ms=int_or_zero(row["created_ms"]),
        updated_ms=int_or_zero(row["updated_ms"]),
        turns=row["turns"],
        last_status=None if status is None else status_of(status),
        usd=grouping.session_total(row, "usd_pico", 12, charged - row["priced_turns"]),
        credits=grouping.session_total(row, "micro_credits", 6, charged - row["credited_turns"]),
        unread=bool(row["unread"]),
        base_url=unpack(row["base_url"]),
        live=bool(row["live"]),
        lineage=parsed(lineage_from_text, row["lineage"], None),
        trigger=trigger_of(row["started_by"]),
        generation=unpack(row["generation"]),
        stored_worker_id=unpack_optional(row["template"]),
        tags=tags,
        project=project,
        imported=row["imported"],
        about=parsed(about_from_text, row["about"], NOTHING_SAID),
        pinned=row["pinned_ms"] is not None,
        queued=row["queued"],
    )
