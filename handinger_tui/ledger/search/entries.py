"""The search in the database: one entry per turn, and a full text index of their words where SQLite has FTS5.

The index is only a faster way to what a pass over the entries finds: entries that it does not have, and all
of them where it is missing or damaged, are compared one by one. A failure of the index never fails what is
being stored.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Final

from handinger_tui.core.search import SearchHit, snippet_of, texts_of
from handinger_tui.ledger.rows import Row, int_or_zero, pack, unpack
from handinger_tui.ledger.search.index import (
    INDEX,
    check,
    ignore,
    index_entries,
    is_usable,
    packed,
    removal,
    texts_in,
)
from handinger_tui.ledger.search.labels import CHOSEN
from handinger_tui.ledger.transactions import transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from handinger_tui.core.search import Query, Term
    from handinger_tui.core.turns.session import SessionSummary
    from handinger_tui.core.turns.turn import Turn

_STORED: Final = """
    SELECT e.indexed, e.old, e.texts, t.prompt, a.text AS answer
      FROM search_entries e JOIN turns t ON t.turn_id = e.turn_id
      LEFT JOIN answers a ON a.turn_id = e.turn_id WHERE e.turn_id = ?
"""
_PUT: Final = """
    INSERT INTO search_entries (turn_id, indexed, files, sources, texts) VALUES (?, 0, ?, ?, ?)
        ON CONFLICT (turn_id) DO UPDATE
       SET indexed = 0, files = excluded.files, sources = excluded.sources, texts = excluded.texts
"""


def put(connection: sqlite3.Connection, turn: Turn) -> None:
    """Store what of a turn is searched, inside the transaction that stores its answer, and before the answer.

    `index_entries` puts it into the index; until then, it is found without it.
    """
    texts, turn_id = texts_of(turn), pack(turn.turn_id)
    stored = connection.execute(_STORED, (turn_id,)).fetchone()
    if stored is not None and texts_in(stored) == texts:
        return
    files, sources = (len(text.splitlines()) for text in (texts.files, texts.sources))
    connection.execute(_PUT, (turn_id, files, sources, packed(texts._replace(prompt="", answer=""))))
    old = None if stored is None else removal(stored)
    if old is not None:
        connection.execute("UPDATE search_entries SET old = ? WHERE turn_id = ?", (packed(old), turn_id))


_WITHOUT_ENTRY: Final = """
    turns t WHERE settled_ms IS NOT NULL
       AND NOT EXISTS (SELECT 1 FROM search_entries e WHERE e.turn_id = t.turn_id)
"""
_MISSING: Final = f"SELECT turn_id FROM {_WITHOUT_ENTRY} ORDER BY place DESC LIMIT ?"


def missing(connection: sqlite3.Connection) -> int:
    """The number of settled turns that have no entry: only their prompts and answers are searched."""
    return int_or_zero(connection.execute(f"SELECT COUNT(*) FROM {_WITHOUT_ENTRY}").fetchone()[0])


def put_missing(connection: sqlite3.Connection, load: Callable[[str], Turn | None], most: int) -> int:
    """Store the entries of at most `most` settled turns that have none; returns how many there were.

    They are turns from before there was a search. `load` reads a turn by its id. Once all turns have one,
    entries that are not in the index are put into it, where there can be one.
    """
    rows = connection.execute(_MISSING, (most,)).fetchall()
    turns = [turn for row in rows if (turn := load(unpack(row["turn_id"]))) is not None]
    if turns:
        with transaction(connection):
            for turn in turns:
                put(connection, turn)
        index_entries(connection, most)
        return len(turns)
    check(connection)
    return index_entries(connection, most)


# -- queries ------------------------------------------------------------------------------
_MATCHING: Final = f"""
    SELECT t.session_id, t.turn_id, t.place
      FROM {INDEX} w JOIN search_entries e ON e.id = w.rowid JOIN turns t ON t.turn_id = e.turn_id
      {{sessions}}
     WHERE {INDEX} MATCH :words AND e.indexed = 1 {{filters}}
"""
_ENTRIES: Final = """
    SELECT t.session_id, t.turn_id, t.place, t.prompt, a.text AS answer, e.texts
      FROM turns t LEFT JOIN search_entries e ON e.turn_id = t.turn_id
      LEFT JOIN answers a ON a.turn_id = t.turn_id {sessions}
     WHERE {which} {filters}
"""
_ALL: Final = """
    SELECT t.session_id, t.turn_id, t.place
      FROM turns t LEFT JOIN search_entries e ON e.turn_id = t.turn_id {sessions}
     WHERE 1 {filters}
"""
_TEXTS: Final = """
    SELECT t.prompt, a.text AS answer, e.texts,
           (SELECT COUNT(*) FROM turns b WHERE b.session_id = t.session_id AND b.place <= t.place) AS number
      FROM turns t LEFT JOIN search_entries e ON e.turn_id = t.turn_id
      LEFT JOIN answers a ON a.turn_id = t.turn_id
     WHERE t.turn_id = ?
"""
Found = tuple[str, int, int]
"""The newest matching turn of a session, its place, and how many turns match."""


def find(
    connection: sqlite3.Connection,
    query: Query,
    summaries: Callable[[set[str]], Iterable[SessionSummary]],
    limit: int,
) -> list[SearchHit]:
    """The sessions that match, newest first. `summaries` reads those of sessions, newest first.

    Call it inside a read transaction; before it `labels.choose`, where the query has tags or projects.
    """
    by_title = _by_title(connection, query)
    by_turn = _grouped(_rows(connection, query))
    hits: list[SearchHit] = []
    for summary in summaries({*by_title, *by_turn}):
        if len(hits) == limit:
            break
        if query.admits_cost(summary):
            found = by_turn.get(summary.session_id)
            hits.append(_hit(connection, query, summary, found))
    return hits


def _hit(
    connection: sqlite3.Connection, query: Query, summary: SessionSummary, found: Found | None
) -> SearchHit:
    turn_id, _, count = found or ("", 0, 0)
    row = connection.execute(_TEXTS, (pack(turn_id),)).fetchone()
    if row is None:
        return SearchHit(summary, snippet_of(query, [("title", summary.title)]))
    texts = texts_in(row)
    snippet = snippet_of(query, [*zip(texts._fields, texts, strict=True)])
    return SearchHit(summary, snippet, turn_id, row["number"], count)


def _by_title(connection: sqlite3.Connection, query: Query) -> set[str]:
    """The sessions whose title matches. Titles are few and short: they are not in the index."""
    if not query.terms:
        return set()
    cells, filters, sessions = _filters(query)
    rows = connection.execute("SELECT session_id, title FROM sessions")
    ids = {unpack(row["session_id"]) for row in rows if query.matches(unpack(row["title"]))}
    if ids and filters:
        admitted = connection.execute(_ALL.format(filters=filters, sessions=sessions), cells)
        ids &= {unpack(row["session_id"]) for row in admitted}
    return ids


def _rows(connection: sqlite3.Connection, query: Query) -> Iterable[Row]:
    cells, filters, sessions = _filters(query)
    if not query.terms and not query.excluded:
        return connection.execute(_ALL.format(filters=filters, sessions=sessions), cells).fetchall()
    which, rows = "1", []
    if query.terms:
        try:
            if is_usable(connection):
                words = _MATCHING.format(filters=filters, sessions=sessions)
                rows = connection.execute(words, {**cells, "words": _expression(query)}).fetchall()
                which = "e.indexed IS NOT 1"
        except sqlite3.DatabaseError as problem:
            # The index is damaged, or this SQLite has no FTS5: every entry is compared.
            ignore(problem)
    entries = connection.execute(_ENTRIES.format(which=which, filters=filters, sessions=sessions), cells)
    return [*rows, *(row for row in entries if query.matches(*texts_in(row)))]


def _grouped(rows: Iterable[Row]) -> dict[str, Found]:
    groups: dict[str, Found] = {}
    for row in rows:
        key, place = unpack(row["session_id"]), int_or_zero(row["place"])
        newest_id, newest, count = groups.get(key, ("", -1, 0))
        if place > newest:
            newest_id, newest = unpack(row["turn_id"]), place
        groups[key] = newest_id, newest, count + 1
    return groups


def _expression(query: Query) -> str:
    """The query in the language of FTS5: quoted phrases of folded words, which contain no quote."""
    wanted = " AND ".join(map(_phrase, query.terms))
    unwanted = " OR ".join(map(_phrase, query.excluded))
    return f"({wanted}) NOT ({unwanted})" if unwanted else wanted


def _phrase(term: Term) -> str:
    return f'"{term.words}"{" *" if term.prefix else ""}'


def _filters(query: Query) -> tuple[dict[str, str | bytes | int], str, str]:
    """The values and conditions of the filters, and the join that they need."""
    cells: dict[str, str | bytes | int] = {}
    conditions = []

    def any_of(condition: str, name: str, values: Sequence[str]) -> None:
        if values:
            names = [f"{name}_{number}" for number in range(len(values))]
            cells.update(zip(names, map(pack, values), strict=True))
            conditions.append(f"({' OR '.join(condition.format(f':{one}') for one in names)})")

    any_of("t.status = {0}", "status", query.statuses)
    any_of("t.budget = {0}", "budget", query.budgets)
    any_of(
        "substr(s.worker_id, 1, length({0})) = {0} OR substr(s.template, 1, length({0})) = {0}",
        "worker",
        query.workers,
    )
    for sign, name, moment in ((">=", "since", query.since_ms), ("<", "until", query.until_ms)):
        if moment is not None:
            cells[name] = moment
            conditions.append(f"t.created_ms {sign} :{name}")
    if query.tags or query.projects:
        conditions.append(CHOSEN.format("t.session_id"))
    if query.has_file:
        conditions.append("COALESCE(e.files, t.attachments <> '[]')")
    if query.has_source:
        conditions.append("COALESCE(e.sources, 0) > 0")
    sessions = "JOIN sessions s ON s.session_id = t.session_id" if query.workers else ""
    return cells, "".join(f" AND {one}" for one in conditions), sessions
