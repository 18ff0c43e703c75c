"""The full text index of the search: words by turn, where SQLite has FTS5.

It is derived from the entries, and follows them in transactions of its own: SQLite writes its pages at the
commit, so a damaged index would fail whatever is stored with it. A damaged one is dropped, and made again.
"""

from __future__ import annotations

import json
import sqlite3
import zlib
from contextlib import suppress
from typing import Final

from handinger_tui.core.search import Texts, folded
from handinger_tui.ledger.rows import Row, pack, unpack
from handinger_tui.ledger.transactions import transaction

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
    """The texts that the index has of an entry; None where it has none."""
    return texts_in(row) if row["indexed"] == 1 else unpacked(row["old"])


def index_entries(connection: sqlite3.Connection, most: int) -> int:
    """Put at most `most` entries that are not in the index into it; returns how many there were.

    Raises:
        sqlite3.DatabaseError: an error of the disk, or a lock.
    """
    entries = connection.execute(_TO_INDEX, (most,)).fetchall()
    if not entries:
        return 0
    try:
        with transaction(connection):
            if not has_index(connection):
                connection.execute(_CREATE)
            for entry in entries:
                _remove(connection, entry["id"], removal(entry))
                connection.execute(_INSERT, (entry["id"], *map(folded, texts_in(entry))))
                connection.execute(_INDEXED, (1, entry["id"]))
    except sqlite3.DatabaseError as problem:
        ignore(problem)
        drop_damaged(connection, problem)
        return 0
    return len(entries)


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
    try:
        with transaction(connection):
            for entry in connection.execute(_OF_SESSION, (pack(session_id),)).fetchall():
                _remove(connection, entry["id"], removal(entry))
                connection.execute(_INDEXED, (0, entry["id"]))
    except sqlite3.DatabaseError as problem:
        ignore(problem)
        drop_damaged(connection, problem)


def optimize(connection: sqlite3.Connection) -> None:
    """Give the room of removed entries back: until then, the index has them and their removal.

    Raises:
        sqlite3.DatabaseError: an error of the disk, or a lock.
    """
    try:
        if has_index(connection):
            with transaction(connection):
                connection.execute(f"INSERT INTO {INDEX} ({INDEX}) VALUES ('optimize')")
    except sqlite3.DatabaseError as problem:
        ignore(problem)
        drop_damaged(connection, problem)


def drop_damaged(connection: sqlite3.Connection, problem: sqlite3.DatabaseError | None = None) -> None:
    """Drop an index in which `problem` showed up, in a transaction; it stays for programs with FTS5."""
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
    try:
        if has_index(connection) and not is_usable(connection):
            drop_damaged(connection)
    except sqlite3.DatabaseError as problem:
        ignore(problem)
        drop_damaged(connection, problem)


def ignore(problem: sqlite3.DatabaseError) -> None:
    """Raise an error that concerns the disk; one of the index itself only makes the search slower."""
    # Errors of the driver, such as a text that cannot be decoded, have no code.
    if getattr(problem, "sqlite_errorcode", sqlite3.SQLITE_IOERR) & 0xFF in _OF_THE_DISK:
        raise problem
