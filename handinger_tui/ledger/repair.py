"""Repair: what can be read of a damaged history, row by row around its damaged pages, in a new file.

The old one is only read.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing, suppress
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct
from msgspec.structs import replace

from handinger_tui.core.errors import Damaged, TooNew
from handinger_tui.core.stream import UNREADABLE
from handinger_tui.ledger.database_file import (
    SIDE_FILES,
    SMALL_BYTES,
    Opened,
    finish_setting_aside,
    free_name,
    identity,
    is_intact,
    is_there,
    newest_aside,
    open_to_read,
    set_aside,
)
from handinger_tui.ledger.locks import alone_in, in_use
from handinger_tui.ledger.migrations import MIGRATIONS, begin_at, fitting_version, migrate, version_of
from handinger_tui.ledger.schema import altered_entries, mend
from handinger_tui.ledger.sql import LOCK_WAIT_S, locked, transaction, translated

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

# -- a damaged table -------------------------------------------------------------------
RowValues = tuple[Any, ...]
MAX_ROWID: Final = 2**63 - 1
TRIED_AFTER_LAST: Final = 10_000
"""Row numbers tried after the last readable row, where no index says which is the last."""
MAX_TRIES: Final = 20_000
"""Rows of one table that are tried one by one. After that, larger and larger steps are taken."""
ERRORS: Final = (sqlite3.Error, UnicodeDecodeError)
"""What reading damaged pages raises: the message of an error may quote damaged text, too."""


class DamagedTable:
    """Reads the rows of one table around its damaged pages."""

    def __init__(self, source: sqlite3.Connection, table: str, names: str) -> None:
        self._source = source
        self._table = table
        self._names = names
        # Pages that refer to each other can give more rows than the file has bytes.
        pages, size = (source.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
        self._most = pages * size
        self.lost: int | None = 0
        """How many row numbers could not be read; None: unknown."""

    def by_rowid(self) -> Iterator[RowValues]:
        """All rows with numbers, in their order; damaged pages are skipped."""
        low, _, complete = yield from self._run("rowid >= ? ORDER BY rowid", -MAX_ROWID)
        if complete:
            return
        at = 0 if low is None else low + 1
        end = self._first_behind(at)
        self.lost = 0 if end is not None else None
        limit = end if end is not None else max(self._last_in_indexes(), at + TRIED_AFTER_LAST)
        tries, step = 0, 1
        while at <= limit:
            # The module of Python reads one row ahead, and loses the row before one that cannot be read.
            last, _, complete = yield from self._run("rowid >= ? ORDER BY rowid LIMIT 1", at)
            if last is not None:
                number, _, complete = yield from self._run("rowid > ? ORDER BY rowid", last)
                # Never back: pages that refer to each other give the same rows again and again.
                at = max(at, last, at if number is None else number) + 1
                limit = max(limit, at + (TRIED_AFTER_LAST if end is None else 0))
            else:
                tries += 1
                step = 1 if tries < MAX_TRIES else step * 2
                at += step
                self.lost = None if self.lost is None or complete else self.lost + step
            if complete:
                return

    def _first_behind(self, at: int) -> int | None:
        """The first row behind all damaged pages; None where the last page is damaged itself."""
        rows = self._run("rowid >= ? ORDER BY rowid DESC", at)
        while True:
            try:
                next(rows)
            except StopIteration as end:
                number: int | None = end.value[0]
                return number

    def by_key(self) -> Iterator[RowValues]:
        """All rows of a table without row numbers: from both ends up to the damage."""
        keys = [
            row[1]
            for row in sorted(
                self._source.execute(f"PRAGMA table_info({self._table})"), key=lambda row: row[5]
            )
            if row[5]
        ]
        for direction in ("", " DESC"):
            ordered = "? IS NOT NULL ORDER BY " + ", ".join(f"{key}{direction}" for key in keys)
            _, count, complete = yield from self._run(ordered, 0)
            if complete:
                return
            yield from self._run(f"{ordered} LIMIT 1 OFFSET {count}", 0)
        self.lost = None

    def _run(self, which: str, cell: int) -> Generator[RowValues, None, tuple[int | None, int, bool]]:
        """Yield rows until one cannot be read.

        Returns the first cell of the last one, how many there were, and whether that is the end.
        """
        sql = f"SELECT {self._names} FROM {self._table} NOT INDEXED WHERE {which}"  # names of our schema
        last: int | None = None
        count = 0
        try:
            for row in islice(self._source.execute(sql, (cell,)), self._most):
                last = row[0]
                count += 1
                yield row
        except ERRORS:
            return last, count, False
        return last, count, True

    def _last_in_indexes(self) -> int:
        """The greatest row number that an index of the table still has; 0 without any."""
        greatest = 0
        try:
            indexes = [row[1] for row in self._source.execute(f"PRAGMA index_list({self._table})").fetchall()]
        except ERRORS:
            return 0
        for index in indexes:
            try:
                for (number,) in self._source.execute(
                    f'SELECT rowid FROM {self._table} INDEXED BY "{index}"'  # names of our schema
                ):
                    greatest = max(greatest, number)
            except ERRORS:
                continue
        return greatest


# -- a damaged file --------------------------------------------------------------------
FIRST: Final = ("charges", "turn_totals", "limits", "suspense", "rulings", "reservations", "worker_turns")
"""Tables that guard money are saved first, then sessions and turns, then the others by name."""
THEN: Final = ("remote_turns", "sessions", "turns", "answers", "drafts")
DAMAGED_NOW: Final = (
    "The history is damaged. This is what can be read of it; handinger-tui doctor --repair saves it."
)
DERIVED: Final = "search_entries"
"""The searched texts of turns, which are derived from their frames."""
TOTALS: Final = "turn_totals"
HEADER: Final = 24
"""Bytes at the start of a file that are the same in every history, see SQLite, "Database File Format"."""


class SavedTable(Struct, frozen=True):
    """How many rows of a table were saved. `lost`: how many were not, at most; None: unknown.

    `refused`: how many of the lost ones can be read, but are so damaged that no table may hold them, or only
    without a value.
    """

    name: str
    saved: int
    lost: int | None = 0
    refused: int = 0


class Salvage(Struct, frozen=True):
    """What was saved of a history. `path` is None where it is in memory.

    `kept`: how many turns keep the amount that was recorded, although readings of it are lost.
    """

    tables: tuple[SavedTable, ...]
    path: Path | None = None
    kept: int = 0

    def count(self, name: str) -> int:
        """How many rows of a table were saved."""
        return next((table.saved for table in self.tables if table.name == name), 0)

    @property
    def lost(self) -> tuple[SavedTable, ...]:
        """The tables that lack rows."""
        return tuple(table for table in self.tables if table.lost != 0)


def salvage(source: Path, into: sqlite3.Connection) -> Salvage:
    """Copy every row of `source` that can be read to `into`, an empty database, and migrate that.

    The source is copied first, so that neither it nor its log changes.

    Raises:
        Damaged: nothing of the file can be read.
        TooNew
        LedgerError: it cannot be copied.
    """
    with translated(reading=True), TemporaryDirectory() as folder:
        copy = Path(folder, "history.db")
        shutil.copyfile(source, copy)
        log = source.with_name(source.name + SIDE_FILES[0])
        if log.exists():
            shutil.copyfile(log, copy.with_name(copy.name + SIDE_FILES[0]))
        with closing(_damaged_source(copy)) as connection:
            if not _is_mended(connection):
                return _copy_tables(connection, into)
        with closing(_tolerant(copy)) as connection:
            return _copy_tables(connection, into)


def repair(source: Path) -> Salvage:
    """Write what can be read of `source` to a new file in the same folder; the source does not change.

    Raises:
        Damaged: nothing of it can be read.
        TooNew
        LedgerError
    """
    target = free_name(source, "repaired")
    try:
        with translated():
            os.close(os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
            with closing(sqlite3.connect(target, isolation_level=None)) as into:
                saved = salvage(source, into)
                kept = _settled(into, saved)
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    return replace(saved, path=target, kept=kept)


def _settled(repaired: sqlite3.Connection, saved: Salvage) -> int:
    from handinger_tui.ledger.charges.mended import settle  # for a repair alone

    repaired.row_factory = sqlite3.Row
    return settle(repaired, {table.name for table in saved.lost})


def opened_in_memory(source: Path) -> Opened:
    """What can be read of a damaged history, in memory, for the reading commands. Raises LedgerError."""
    into = sqlite3.connect(":memory:", isolation_level=None)
    try:
        saved = salvage(source, into)
    except BaseException:
        into.close()
        raise
    into.row_factory = sqlite3.Row
    into.execute("PRAGMA query_only = ON")
    return Opened(into, DAMAGED_NOW if saved.lost else f"{DAMAGED_NOW} No row is lost.")


def open_or_salvage(path: Path, lock_wait_s: float, *, check: bool = False) -> Opened:
    """Open a history for reading; of a damaged one, what can be read. `check`: look for damage first.

    In a large file only the tables that guard money are checked: 5 ms for 1,000 turns.

    Raises:
        TooNew, Locked
        Damaged: nothing can be read.
        LedgerError
    """
    try:
        opened = open_to_read(path, lock_wait_s)
        if check and is_there(path):
            with translated(reading=True):
                is_complete = is_intact(
                    opened.connection, () if path.stat().st_size <= SMALL_BYTES else FIRST
                )
            if not is_complete:
                opened.connection.close()
                return opened_in_memory(path)
    except Damaged:
        return opened_in_memory(path)
    return opened


def damaged_file(history: Path) -> Path | None:
    """The history if it is damaged, else the file that was set aside last. Raises LedgerError."""
    with translated(reading=True):
        is_present = is_there(history)
    if is_present and _is_damaged(history):
        return history
    with translated():
        return finish_setting_aside(history) or newest_aside(history)


def _is_damaged(path: Path) -> bool:
    try:
        with closing(open_to_read(path, LOCK_WAIT_S).connection) as connection, translated(reading=True):
            version = version_of(connection)
            fits = version > len(MIGRATIONS) or fitting_version(connection, version) == version
            if not fits or not is_intact(connection):
                return True
            return version == len(MIGRATIONS) and bool(altered_entries(connection))
    except Damaged:
        return True


def may_replace(source: Path, history: Path) -> bool:
    """Whether a repaired `source` may become the history: it is the history, or that has no turns of its own.

    Raises:
        LedgerError
    """
    if source == history or not history.exists():
        return True
    with closing(open_to_read(history, LOCK_WAIT_S).connection) as connection, translated(reading=True):
        return connection.execute("SELECT 1 FROM charges LIMIT 1").fetchone() is None


def replace_history(repaired: Path, path: Path) -> Path | None:
    """Make a repaired file the history; returns the new name of the one before, None where there was none.

    Raises:
        Locked: a program uses the history.
        LedgerError
    """
    with translated(), alone_in(path.parent, LOCK_WAIT_S):
        if in_use(path):
            raise locked("Close the app and other runs first.")
        before = set_aside(path, identity(path)) if path.exists() else None
        repaired.rename(path)
        return before


def _damaged_source(copy: Path) -> sqlite3.Connection:
    """A connection to a copy of the damaged file, whose header is rewritten if nothing can be read."""
    connection = _tolerant(copy)
    if _tables(connection):
        return connection
    connection.close()
    with closing(sqlite3.connect(copy.with_name("new.db"))) as new:
        new.execute("PRAGMA journal_mode = WAL")
        new.execute("CREATE TABLE one (cell)")
        new.commit()
    header = copy.with_name("new.db").read_bytes()[:HEADER]
    with copy.open("r+b") as file:
        file.write(header)
    connection = _tolerant(copy)
    if not _tables(connection):
        connection.close()
        raise Damaged("Nothing in the history can be read.")
    return connection


def _is_mended(connection: sqlite3.Connection) -> bool:
    """Mend the schema of a copy; False where nothing was to be mended, or its pages are damaged, too."""
    try:
        with transaction(connection):
            return mend(connection, _version(connection))
    except ERRORS:
        return False


def _tolerant(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.text_factory = _text_or_bytes
    # With this, SQLite reads a truncated file up to its end, and ignores damaged entries of the schema.
    connection.execute("PRAGMA writable_schema = ON")
    return connection


def _text_or_bytes(data: bytes) -> str | bytes:
    """Text, or the bytes of a damaged one, which are stored as they are and shown as "(unreadable)"."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data


def _tables(connection: sqlite3.Connection) -> list[str]:
    """The tables of the schema that can be read."""
    try:
        rows = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
    except ERRORS:
        return []
    return [name for (name,) in rows if isinstance(name, str)]


def _copy_tables(source: sqlite3.Connection, into: sqlite3.Connection) -> Salvage:
    version = _version(source)
    into.execute("PRAGMA foreign_keys = OFF")
    begin_at(into, version)
    has_rowid = {
        name: not without_rowid
        for schema, name, kind, _, without_rowid, _ in into.execute("PRAGMA table_list").fetchall()
        if schema == "main" and kind == "table" and not name.startswith("sqlite_") and name != DERIVED
    }
    order = {name: at for at, name in enumerate((*FIRST, *THEN))}
    into.execute("BEGIN")
    tables: list[SavedTable] = []
    for name in sorted(has_rowid, key=lambda name: (order.get(name, len(order)), name)):
        otherwise = ""
        if name == TOTALS:
            # They are derived from the charges already. Where charges are lost, the stored ones are right.
            is_lacking = any(table.lost != 0 for table in tables) or not _has_all_charges(into, source)
            otherwise = "OR REPLACE" if is_lacking else "OR IGNORE"
        tables.append(_copy_table(source, into, name, otherwise, has_rowid=has_rowid[name]))
    into.execute("COMMIT")
    migrate(into)
    _enter_parents(into)
    return Salvage(tuple(tables))


def _has_all_charges(saved: sqlite3.Connection, source: sqlite3.Connection) -> bool:
    """Whether no charge was lost in a repair by an earlier version: charges are never deleted."""
    last, count = saved.execute("SELECT COALESCE(MAX(id), 0), COUNT(*) FROM charges").fetchone()
    try:
        # The place of a sum is the number of the first charge of its turn.
        (place,) = source.execute(f"SELECT MAX(place) FROM {TOTALS}").fetchone()
    except ERRORS:
        return False
    return bool(count == last >= (place or 0))


def _version(source: sqlite3.Connection) -> int:
    """The version of the file, by its columns: that in its header may be damaged. Raises TooNew."""
    try:
        version = version_of(source)
    except ERRORS:
        version = 0
    if len(MIGRATIONS) < version < len(MIGRATIONS) + 100:
        raise TooNew(
            "Cannot repair the history: it is from a newer version of handinger-tui.", "Update handinger-tui."
        )
    return fitting_version(source, version)


def _copy_table(
    source: sqlite3.Connection, into: sqlite3.Connection, table: str, otherwise: str, *, has_rowid: bool
) -> SavedTable:
    """Copy what can be read of a table. `otherwise`: SQL for a row that is there already."""
    ours = into.execute(f"PRAGMA table_info({table})").fetchall()
    try:
        theirs = {row[1] for row in source.execute(f"PRAGMA table_info({table})").fetchall()}
    except ERRORS:
        theirs = set()
    shared = [row for row in ours if row[1] in theirs]
    columns = [row[1] for row in shared]
    if not columns:
        return SavedTable(table, 0, None)
    # The number of a row is kept: the order of sessions and charges depends on it.
    names = ", ".join(["rowid", *columns] if has_rowid else columns)
    marks = ", ".join("?" * (len(columns) + has_rowid))
    insert = f"INSERT {otherwise} INTO {table} ({names}) VALUES ({marks})"
    # The amount of a limit is none: without it, the limit would be lifted.
    nullable = [at + has_rowid for at, row in enumerate(shared) if not row[3] and table != "limits"]
    saved, refused = 0, 0
    reader = DamagedTable(source, table, names)
    for row in reader.by_rowid() if has_rowid else reader.by_key():
        try:
            into.execute(insert, row)
            saved += 1
        except sqlite3.IntegrityError as problem:
            if problem.sqlite_errorcode == sqlite3.SQLITE_CONSTRAINT_CHECK:
                saved += _put_without_one_value(into, insert, row, nullable)
                refused += 1
            else:
                # It was read twice, or lacks a value that the table demands.
                refused += has_rowid
    lost = None if reader.lost is None else reader.lost + refused
    return SavedTable(table, saved, lost, refused)


def _put_without_one_value(
    into: sqlite3.Connection, insert: str, row: RowValues, nullable: list[int]
) -> bool:
    """Store a row of which a value is damaged without that value; False: it is one that no row may lack."""
    for at in nullable:
        with suppress(sqlite3.IntegrityError):
            into.execute(insert, (*row[:at], None, *row[at + 1 :]))
            return True
    return False


# Of a turn whose own row is lost: its charge says to which session it belongs.
_PARENTS: Final = (
    """
    INSERT OR IGNORE INTO turns
        (turn_id, session_id, prompt, created_ms, attachments, status, settled_ms, run)
    SELECT lost.turn_id,
           COALESCE((SELECT session_id FROM charges c WHERE c.turn_id = lost.turn_id), :repaired),
           :unreadable, MIN(lost.at_ms), '[]', 'unknown', MIN(lost.at_ms), ''
      FROM frames lost WHERE lost.turn_id NOT IN (SELECT turn_id FROM turns) GROUP BY lost.turn_id
    """,
    """
    INSERT OR IGNORE INTO sessions (session_id, generation, base_url, title, created_ms, updated_ms)
    SELECT t.session_id, 'workers',
           COALESCE((SELECT MAX(base_url) FROM charges c WHERE c.session_id = t.session_id), ''),
           :unreadable, MIN(t.created_ms), MAX(t.created_ms)
      FROM turns t WHERE t.session_id NOT IN (SELECT session_id FROM sessions) GROUP BY t.session_id
    """,
)


def _enter_parents(into: sqlite3.Connection) -> None:
    """Enter a turn for frames without one, and a session for turns without one, so that they are shown."""
    for statement in _PARENTS:
        into.execute(statement, {"repaired": "ses_repaired", "unreadable": UNREADABLE})
