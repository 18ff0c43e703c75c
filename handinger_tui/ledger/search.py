"""The search in the database.

Each turn has one entry. Where SQLite has FTS5, a full text index of their words makes the search faster.
Entries that are not in the index, and all of them where it is missing or damaged, are compared one by one.
The index is written after the entries, in transactions of its own: SQLite writes its pages at the commit,
so a damaged index would fail whatever is stored with it. A damaged one is dropped, and created again.
"""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Final

from handinger_tui.core.evidence import files_of_turn, sources_of_turn
from handinger_tui.core.search import Query, SearchHit, Term, Texts, folded, snippet_of, texts_of
from handinger_tui.core.turns.session import SessionSummary
from handinger_tui.core.turns.turn import Turn
from handinger_tui.ledger.labels import CHOSEN
from handinger_tui.ledger.sql import Row, int_or_zero, pack, transaction, unpack

# -- the index ---------------------------------------------------------------------------
INDEX: Final = "search_words"
# Words are folded and separated before they are stored: the tokenizer only splits at spaces. Without content:
# the texts are in `search_entries`, compressed.
_CREATE: Final = (
    f"CREATE VIRTUAL TABLE IF NOT EXISTS {INDEX}"
    " USING fts5(prompt, answer, sources, files, tools, content = '', tokenize = 'ascii')"
)
_INSERT: Final = (
    f"INSERT INTO {INDEX} (rowid, prompt, answer, sources, files, tools) VALUES (?, ?, ?, ?, ?, ?)"
)
# An index without content needs the words that it shall remove.
_REMOVE: Final = (
    f"INSERT INTO {INDEX} ({INDEX}, rowid, prompt, answer, sources, files, tools)"
    " VALUES ('delete', ?, ?, ?, ?, ?, ?)"
)
_OF_THE_DISK: Final = frozenset(
    {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_IOERR}
    | {sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_NOMEM}
)
"""Result codes that do not come from a damaged index, or from a SQLite without FTS5."""


def packed(texts: Texts) -> bytes:
    """The texts of an entry as they are stored."""
    # `json.dumps` writes ASCII: it escapes lone surrogates.
    return zlib.compress(json.dumps(texts).encode(), 1)


def unpacked(stored: object) -> Texts | None:
    """The texts of an entry; None where they are damaged or missing."""
    if not isinstance(stored, bytes):
        return None
    try:
        texts = json.loads(zlib.decompress(stored))
        return Texts(*map(str, texts))
    except (ValueError, TypeError, zlib.error):
        return None


_ENTRIES: Final = """
    SELECT e.id, e.indexed, e.old, e.texts, t.prompt, a.text AS answer
      FROM search_entries e JOIN turns t ON t.turn_id = e.turn_id
      LEFT JOIN answers a ON a.turn_id = e.turn_id WHERE
"""
_TO_INDEX: Final = f"{_ENTRIES} e.indexed = 0 ORDER BY e.id DESC LIMIT ?"
_INDEXED: Final = "UPDATE search_entries SET indexed = ?, old = NULL WHERE id = ?"


def texts_in(row: Row) -> Texts:
    """All texts of a turn. Only its own are stored in the entry: prompt and answer are stored elsewhere."""
    own = unpacked(row["texts"]) or Texts()
    return own._replace(prompt=unpack(row["prompt"]), answer=unpack(row["answer"] or ""))


def removal(row: Row) -> Texts | None:
    """The texts that the index holds for an entry; None where it holds none."""
    return texts_in(row) if row["indexed"] == 1 else unpacked(row["old"])


def index_entries(connection: sqlite3.Connection, most: int) -> int:
    """Put at most `most` entries that are not in the index into it; returns how many there were.

    Raises:
        sqlite3.DatabaseError: an error of the disk, or a lock.
    """
    entries = connection.execute(_TO_INDEX, (most,)).fetchall()
    if not entries:
        return 0
    with _or_dropped(connection), transaction(connection):
        if not has_index(connection):
            connection.execute(_CREATE)
        for entry in entries:
            _remove(connection, entry["id"], removal(entry))
            connection.execute(_INSERT, (entry["id"], *map(folded, texts_in(entry))))
            connection.execute(_INDEXED, (1, entry["id"]))
        return len(entries)
    return 0


def _remove(connection: sqlite3.Connection, entry_id: int, texts: Texts | None) -> None:
    if texts is not None:
        connection.execute(_REMOVE, (entry_id, *map(folded, texts)))


_OF_SESSION: Final = f"{_ENTRIES} t.session_id = ?"


def remove_session(connection: sqlite3.Connection, session_id: str) -> None:
    """Remove the turns of a session from the index, before the session is deleted.

    Raises:
        sqlite3.DatabaseError: an error of the disk, or a lock.
    """
    if not has_index(connection):
        return
    with _or_dropped(connection), transaction(connection):
        for entry in connection.execute(_OF_SESSION, (pack(session_id),)).fetchall():
            _remove(connection, entry["id"], removal(entry))
            connection.execute(_INDEXED, (0, entry["id"]))


def optimize(connection: sqlite3.Connection) -> None:
    """Free the space of removed entries: until then, the index holds both them and their removal.

    Raises:
        sqlite3.DatabaseError: an error of the disk, or a lock.
    """
    with _or_dropped(connection):
        if has_index(connection):
            with transaction(connection):
                connection.execute(f"INSERT INTO {INDEX} ({INDEX}) VALUES ('optimize')")


@contextmanager
def _or_dropped(connection: sqlite3.Connection) -> Iterator[None]:
    """Run the body; an index in which it meets damage is dropped, since it can be created again.

    Raises:
        sqlite3.DatabaseError: an error of the disk, or a lock.
    """
    try:
        yield
    except sqlite3.DatabaseError as problem:
        ignore(problem)
        drop_damaged(connection, problem)


def drop_damaged(connection: sqlite3.Connection, problem: sqlite3.DatabaseError | None = None) -> None:
    """Drop a damaged index, in a transaction.

    It stays where `problem` says that this SQLite has no FTS5: other programs can use it.
    """
    if "no such module" not in str(problem):
        with suppress(sqlite3.DatabaseError), transaction(connection):
            drop_index(connection)


def drop_index(connection: sqlite3.Connection) -> None:
    """Drop the index, also where it is so damaged that SQLite cannot open it. Call it in a transaction.

    Raises:
        sqlite3.DatabaseError: its pages are damaged.
    """
    with suppress(sqlite3.DatabaseError):
        connection.execute(f"DROP TABLE IF EXISTS {INDEX}")
    if has_index(connection):
        connection.execute("PRAGMA writable_schema = ON")
        try:
            connection.execute("DELETE FROM sqlite_schema WHERE name = ?", (INDEX,))
        finally:
            connection.execute("PRAGMA writable_schema = RESET")
        for part in ("data", "idx", "docsize", "config"):
            connection.execute(f"DROP TABLE IF EXISTS {INDEX}_{part}")
    connection.execute("UPDATE search_entries SET indexed = 0, old = NULL")


def has_index(connection: sqlite3.Connection) -> bool:
    """Whether the file has the full text index."""
    return connection.execute("SELECT 1 FROM sqlite_schema WHERE name = ?", (INDEX,)).fetchone() is not None


_NEWEST: Final = f"{_ENTRIES} e.indexed = 1 ORDER BY e.id DESC LIMIT 1"
_HAS: Final = f"SELECT 1 FROM {INDEX} WHERE {INDEX} MATCH ? AND rowid = ?"


def is_usable(connection: sqlite3.Connection) -> bool:
    """Whether there is an index, and it has the newest entry: SQLite may read a damaged one as empty.

    Raises:
        sqlite3.DatabaseError: it is damaged, or this SQLite has no FTS5.
    """
    if not has_index(connection):
        return False
    newest = connection.execute(_NEWEST).fetchone()
    words = [] if newest is None else " ".join(map(folded, texts_in(newest))).split()
    if not words:
        return True
    return connection.execute(_HAS, (f'"{words[0]}"', newest["id"])).fetchone() is not None


def check(connection: sqlite3.Connection) -> None:
    """Drop an index that is not usable.

    Raises:
        sqlite3.DatabaseError: an error of the disk.
    """
    with _or_dropped(connection):
        if has_index(connection) and not is_usable(connection):
            drop_damaged(connection)


def ignore(problem: sqlite3.DatabaseError) -> None:
    """Raise an error that concerns the disk; one of the index itself only makes the search slower."""
    # Errors of the driver, such as a text that cannot be decoded, have no code.
    if getattr(problem, "sqlite_errorcode", sqlite3.SQLITE_IOERR) & 0xFF in _OF_THE_DISK:
        raise problem


# -- the entries -------------------------------------------------------------------------
_ENTRY_OF_TURN: Final = f"{_ENTRIES} e.turn_id = ?"
_PUT_ENTRY: Final = """
    INSERT INTO search_entries (turn_id, indexed, files, sources, texts) VALUES (?, 0, ?, ?, ?)
        ON CONFLICT (turn_id) DO UPDATE
       SET indexed = 0, files = excluded.files, sources = excluded.sources, texts = excluded.texts
"""


def put(connection: sqlite3.Connection, turn: Turn) -> None:
    """Store the searched texts of a turn, inside the transaction that then stores its answer.

    `index_entries` puts it into the index; until then, the search compares the entry itself.
    """
    texts, turn_id = texts_of(turn), pack(turn.turn_id)
    stored = connection.execute(_ENTRY_OF_TURN, (turn_id,)).fetchone()
    if stored is not None and texts_in(stored) == texts:
        return
    # Those that the worker made: each has several texts, and the texts are also of what was attached.
    files, sources = len(files_of_turn(turn)), len(sources_of_turn(turn))
    connection.execute(_PUT_ENTRY, (turn_id, files, sources, packed(texts._replace(prompt="", answer=""))))
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
_COMPARED: Final = """
    SELECT t.session_id, t.turn_id, t.place, t.prompt, a.text AS answer, e.texts
      FROM turns t LEFT JOIN search_entries e ON e.turn_id = t.turn_id
      LEFT JOIN answers a ON a.turn_id = t.turn_id {sessions}
     WHERE {which} {filters}
"""
_ALL_TURNS: Final = """
    SELECT t.session_id, t.turn_id, t.place
      FROM turns t LEFT JOIN search_entries e ON e.turn_id = t.turn_id {sessions}
     WHERE 1 {filters}
"""
_TEXTS_OF_TURN: Final = """
    SELECT t.prompt, a.text AS answer, e.texts,
           (SELECT COUNT(*) FROM turns b WHERE b.session_id = t.session_id AND b.place <= t.place) AS number
      FROM turns t LEFT JOIN search_entries e ON e.turn_id = t.turn_id
      LEFT JOIN answers a ON a.turn_id = t.turn_id
     WHERE t.turn_id = ?
"""
Match = tuple[str, int, int]
"""The newest matching turn of a session, its place, and how many turns match."""


def find(
    connection: sqlite3.Connection,
    query: Query,
    summaries: Callable[[set[str]], Iterable[SessionSummary]],
    limit: int,
) -> list[SearchHit]:
    """The sessions that match, newest first. `summaries` reads those of sessions, newest first.

    Call it inside a read transaction; before it `choose`, where the query has tags or projects.
    """
    by_title = _by_title(connection, query)
    by_turn = _grouped(_rows(connection, query))
    hits: list[SearchHit] = []
    for summary in summaries({*by_title, *by_turn}):
        if len(hits) == limit:
            break
        if query.admits_cost(summary):
            hits.append(_hit(connection, query, summary, by_turn.get(summary.session_id)))
    return hits


def _hit(
    connection: sqlite3.Connection, query: Query, summary: SessionSummary, match: Match | None
) -> SearchHit:
    turn_id, _, count = match or ("", 0, 0)
    row = connection.execute(_TEXTS_OF_TURN, (pack(turn_id),)).fetchone()
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
        admitted = connection.execute(_ALL_TURNS.format(filters=filters, sessions=sessions), cells)
        ids &= {unpack(row["session_id"]) for row in admitted}
    return ids


def _rows(connection: sqlite3.Connection, query: Query) -> Iterable[Row]:
    cells, filters, sessions = _filters(query)
    if not query.terms and not query.excluded:
        return connection.execute(_ALL_TURNS.format(filters=filters, sessions=sessions), cells).fetchall()
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
    entries = connection.execute(_COMPARED.format(which=which, filters=filters, sessions=sessions), cells)
    return [*rows, *(row for row in entries if query.matches(*texts_in(row)))]


def _grouped(rows: Iterable[Row]) -> dict[str, Match]:
    groups: dict[str, Match] = {}
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
        conditions.append("(COALESCE(e.files, 0) > 0 OR t.attachments <> '[]')")
    if query.has_source:
        conditions.append("COALESCE(e.sources, 0) > 0")
    sessions = "JOIN sessions s ON s.session_id = t.session_id" if query.workers else ""
    return cells, "".join(f" AND {one}" for one in conditions), sessions
