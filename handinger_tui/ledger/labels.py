"""The labels of sessions: tags and projects, by which the search and the costs are filtered."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from handinger_tui.core.safety import clean_line
from handinger_tui.core.tags import MAX_NAME, Labels, SessionFacts, TagRules
from handinger_tui.ledger.sql import Row, pack, unpack

# Charges of a deleted session stay; its title does not.
_FACTS: Final = "session_id, worker_id, template, title, folder"
_SESSIONS: Final = f"SELECT {_FACTS} FROM sessions LEFT JOIN origins USING (session_id)"
_DELETED_SESSIONS: Final = """
    SELECT session_id, '' AS title, NULL AS template, folder,
           (SELECT MAX(worker_id) FROM turn_totals t WHERE t.session_id = d.session_id) AS worker_id
      FROM (SELECT DISTINCT session_id FROM turn_totals) d LEFT JOIN origins USING (session_id)
     WHERE session_id NOT IN (SELECT session_id FROM sessions)
"""
_ONE_SESSION: Final = f"{_SESSIONS} WHERE session_id = ?"
CHOSEN: Final = "is_chosen(CAST({} AS BLOB))"
"""SQL that is true for the sessions of the last `choose`. Ids are compared as bytes: a damaged one must not
fail the query."""
CHOSEN_WORKER: Final = "is_chosen_worker(CAST(worker_id AS BLOB))"


class Labeler:
    """Labels sessions by the tags and projects that are stored when it is made, and by rules."""

    def __init__(self, connection: sqlite3.Connection, rules: TagRules) -> None:
        self._connection = connection
        self._rules = rules
        self._stored: dict[tuple[str, str], list[str]] = {}
        for row in connection.execute("SELECT kind, id, name FROM tags"):
            name = clean_line(unpack(row["name"]), MAX_NAME)
            self._stored.setdefault((unpack(row["kind"]), unpack(row["id"])), []).append(name)
        rows = connection.execute("SELECT session_id, name FROM projects")
        self._projects = {unpack(row[0]): clean_line(unpack(row[1]), MAX_NAME) for row in rows}
        """The projects that the person set, by session."""

    def of(self, row: Row) -> Labels:
        """The labels of a row with the columns of `_FACTS`."""
        workers = tuple(unpack(row[name]) for name in ("worker_id", "template") if row[name] is not None)
        facts = SessionFacts(workers, unpack(row["folder"] or ""), unpack(row["title"]))
        return self._of_facts(unpack(row["session_id"]), facts)

    def _of_facts(self, session_id: str, facts: SessionFacts) -> Labels:
        of_workers = sorted({name for one in facts.workers for name in self._stored.get(("worker", one), ())})
        own = self._stored.get(("session", session_id), ())
        return self._rules.labels(facts, tuple(own), tuple(of_workers), self._projects.get(session_id, ""))

    def of_session(self, session_id: str, unstored: SessionFacts | None = None) -> Labels:
        """The labels of one session. `unstored`: its facts where it is not stored yet, None: unknown."""
        row = self._connection.execute(_ONE_SESSION, (pack(session_id),)).fetchone()
        if row is not None:
            return self.of(row)
        if unstored is not None:
            return self._of_facts(session_id, unstored)
        own = tuple(self._stored.get(("session", session_id), ()))
        return Labels(own, project=self._projects.get(session_id, ""))

    def all(self) -> Iterator[tuple[str | bytes, Labels]]:
        """The id, as stored, and the labels of each session that has turns or charges."""
        for query in (_SESSIONS, _DELETED_SESSIONS):
            for row in self._connection.execute(query):
                yield row["session_id"], self.of(row)

    def of_worker(self, worker_id: str) -> Labels:
        """The labels that every session of a worker has."""
        stored = self._stored.get(("worker", worker_id), ())
        return self._rules.labels(SessionFacts((worker_id,)), (), tuple(stored))

    def names(self) -> list[str]:
        """Every tag that is stored or that a rule assigns, in order of the alphabet."""
        stored = (name for names in self._stored.values() for name in names)
        return sorted({*stored, *(name for name, _ in self._rules.tags)})

    def projects(self) -> list[str]:
        """Every project that is stored or that a rule assigns, in order of the alphabet."""
        return sorted({*self._projects.values(), *(name for name, _ in self._rules.projects)})


def choose(connection: sqlite3.Connection, rules: TagRules, admits: Callable[[Labels], bool]) -> None:
    """Choose the sessions whose labels are admitted, for the queries with `CHOSEN` that follow.

    Suspense is selected by the labels of its worker.
    """
    labeler = Labeler(connection, rules)
    sessions = labeler.all()
    ids = {
        session if isinstance(session, bytes) else session.encode()
        for session, own in sessions
        if admits(own)
    }
    connection.create_function("is_chosen", 1, ids.__contains__)
    connection.create_function("is_chosen_worker", 1, lambda one: admits(labeler.of_worker(unpack(one))))


def change_tags(
    connection: sqlite3.Connection, kind: str, whose: str, add: Iterable[str], remove: Iterable[str]
) -> None:
    """Add and remove tags of a session or worker, inside a transaction of the caller."""
    for sql, names in (
        ("INSERT OR IGNORE INTO tags (kind, id, name) VALUES (?, ?, ?)", add),
        ("DELETE FROM tags WHERE kind = ? AND id = ? AND name = ?", remove),
    ):
        connection.executemany(sql, [(kind, pack(whose), pack(name)) for name in names])


def set_project(connection: sqlite3.Connection, session_id: str, name: str | None) -> None:
    """Set the project of a session, inside a transaction of the caller; None: rules decide."""
    connection.execute("DELETE FROM projects WHERE session_id = ?", (pack(session_id),))
    if name is not None:
        cells = pack(session_id), pack(name)
        connection.execute("INSERT INTO projects (session_id, name) VALUES (?, ?)", cells)
