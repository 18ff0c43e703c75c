"""The schema as it is in a file, compared with what the migrations make, and mended in a copy.

SQLite has no checksums: a bit that flipped in the text of a trigger leaves every page valid, and every write
fails.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Final, NamedTuple

from handinger_tui.core.safety import clean_line
from handinger_tui.ledger.migrations import MIGRATIONS, begin_at
from handinger_tui.ledger.search import INDEX

_ENTRIES: Final = """
    SELECT rowid, CAST(type AS BLOB), CAST(name AS BLOB), CAST(tbl_name AS BLOB), CAST(sql AS BLOB)
      FROM sqlite_schema WHERE sql IS NOT NULL
"""
_MEANINGLESS: Final = b'"\t\n\r '
"""Spaces, and quotes of names, which versions of SQLite write differently."""
MOST_ALTERED: Final = 8
"""Most characters in which a damaged entry differs from the one that it was."""


class _Entry(NamedTuple):
    number: int
    kind: bytes
    name: bytes
    table: bytes
    sql: bytes

    @property
    def title(self) -> bytes:
        return self.kind + b" " + self.name

    @property
    def meaning(self) -> tuple[bytes, bytes]:
        return self.table, self.sql.translate(None, _MEANINGLESS)

    @property
    def bytes(self) -> bytes:
        return b"\0".join(self[1:])


def _entries(connection: sqlite3.Connection) -> list[_Entry]:
    rows = [_Entry(*row) for row in connection.execute(_ENTRIES).fetchall()]
    # The index of the search is made when it is needed.
    return [entry for entry in rows if not entry.name.startswith((b"sqlite_", INDEX.encode()))]


def _expected_entries(version: int) -> list[_Entry]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as ours:
        begin_at(ours, version)
        return _entries(ours)


def altered_entries(connection: sqlite3.Connection) -> list[str]:
    """The tables, indexes and triggers that are not what the migrations make: "trigger charges_stay"."""
    expected = {entry.title: entry.meaning for entry in _expected_entries(len(MIGRATIONS))}
    actual = {entry.title: entry.meaning for entry in _entries(connection)}
    titles = [title for title in {**expected, **actual} if expected.get(title) != actual.get(title)]
    return [clean_line(title.decode("utf-8", "replace"), 100) for title in titles]


_MEND: Final = """
    UPDATE sqlite_schema SET type = CAST(? AS TEXT), name = CAST(? AS TEXT), tbl_name = CAST(? AS TEXT),
           sql = CAST(? AS TEXT) WHERE rowid = ?
"""


def mend(connection: sqlite3.Connection, version: int) -> bool:
    """Give damaged entries of a copy the text that they had; whether there were any.

    Only what differs in some characters: another text is that of another version. `writable_schema` is on,
    and takes effect in the next connection.
    """
    expected = _expected_entries(version)
    right = {entry.bytes for entry in expected}
    mended = 0
    for entry in _entries(connection):
        if entry.bytes not in right:
            nearest = min(expected, key=lambda one: _difference(one.bytes, entry.bytes))
            if _difference(nearest.bytes, entry.bytes) <= MOST_ALTERED:
                connection.execute(_MEND, (*nearest[1:], entry.number))
                mended += 1
    return mended > 0


def _difference(one: bytes, other: bytes) -> int:
    """The number of characters that differ; very many where the lengths do."""
    if len(one) != len(other):
        return max(len(one), len(other))
    return sum(a != b for a, b in zip(one, other, strict=True))
