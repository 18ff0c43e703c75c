"""The database file: opened, migrated, private, and set aside where it is damaged."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from handinger_tui.core.errors import Damaged, Locked, NoRoom, TooNew
from handinger_tui.ledger.locks import alone_in
from handinger_tui.ledger.migrations import MIGRATIONS, check_version, migrate, version_of
from handinger_tui.ledger.search import drop_index
from handinger_tui.ledger.sql import DAMAGE_CODES, damaged, transaction, translated

SIDE_FILES: Final = ("-wal", "-shm")
SMALL_BYTES: Final = 16 * 2**20
"""Up to this size every page is checked at the start, which takes some tens of milliseconds."""
BACKUP: Final = ".before-update"
"""Suffix of the copy that is made before an older history is migrated."""
SUSPECT_SUFFIX: Final = ".suspect"
"""Suffix of an empty marker file: damage was found, so the next start checks every page."""

READ_ONLY: Final = "The history is read-only here."
MEMORY_ONLY: Final = "No history is kept. This session is in memory only."
NEWER: Final = "The history is from a newer version of handinger-tui. New data is not shown."
_TABLES: Final = (
    *("sessions", "turns", "frames", "answers", "charges", "turn_totals", "limits", "tags", "origins"),
    *("projects", "gathered", "reservations", "worker_turns", "rulings", "suspense", "search_entries"),
)
"""The tables that read-only commands use."""


class Opened(Struct, frozen=True):
    """A connection ready for use; `problem` is one line for the user, None when there is none."""

    connection: sqlite3.Connection
    problem: str | None = None
    is_replacement: bool = False
    """A damaged file was set aside, so this one lacks the earlier charges and limits."""


def open_database(path: Path | None, lock_wait_s: float, *, replace_damaged: bool = True) -> Opened:
    """Open or create the database; `path` None: a database in memory.

    `lock_wait_s`: how many seconds to wait for a lock of another process. `replace_damaged`: set a damaged
    file aside and create a new one.

    Raises:
        TooNew, Locked, NoRoom
        Damaged: the file is damaged, and `replace_damaged` is False; it is not changed.
    """
    with translated():
        if path is None:
            return Opened(_ready(_connect(":memory:", lock_wait_s)), MEMORY_ONLY)
        _make_folder(path.parent)
        with alone_in(path.parent, lock_wait_s):
            return _open_or_replace(path, lock_wait_s, replace_damaged=replace_damaged)


def open_to_read(path: Path, lock_wait_s: float) -> Opened:
    """Open the history for reading only. No file is created, and a damaged one is not set aside.

    A file of an older version is migrated where that is possible, else a copy of it in memory. Works on
    read-only media, beside a process that writes, and on a file of a newer version as long as it has the
    columns that are read here. Where there is no file, the result is an empty history in memory.

    Raises:
        TooNew, Locked, Damaged
        LedgerError: the file cannot be read.
    """
    with translated(reading=True):
        if not is_there(path):
            aside = left_aside(path)
            problem = None if aside is None else _kept_as(aside, "There is no new one yet.")
            return Opened(_ready(_connect(":memory:", lock_wait_s)), problem)
        connection = _reader(path, lock_wait_s)
    try:
        version = version_of(connection)
        if version == len(MIGRATIONS):
            return Opened(connection)
        if version > len(MIGRATIONS):
            _check_columns(connection)
            return Opened(connection, NEWER)
        try:
            opened = open_database(path, lock_wait_s, replace_damaged=False)
        except (NoRoom, Locked):
            opened = Opened(_ready(_copy_to_memory(connection)), READ_ONLY)
    except BaseException:
        connection.close()
        raise
    connection.close()
    return opened


def is_there(path: Path) -> bool:
    """Whether there is a file. What cannot be reached must not pass for an empty history.

    Raises:
        OSError: it cannot be reached, or it is a link to a missing file.
    """
    try:
        path.stat()
    except FileNotFoundError:
        if path.is_symlink():
            raise
        return False
    return True


_UNWRITABLE: Final = {
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
}
"""Errors of SQLite where it cannot create the side files: on read-only media, and on a full disk."""


def _reader(path: Path, lock_wait_s: float) -> sqlite3.Connection:
    """A read-only connection: an ordinary one where possible, else one to an immutable file or a copy."""
    address = path.absolute().as_uri()
    log = path.with_name(path.name + SIDE_FILES[0])
    with translated(reading=True):
        # If nothing is in the log, and nothing can be written here, no process is writing to the file.
        is_unused = not _size_of(log)
        try:
            # Not "ro": only a connection that may write removes the side files when it closes.
            return _connect_readonly(f"{address}?mode=rw", lock_wait_s)
        except sqlite3.OperationalError as problem:
            if problem.sqlite_errorcode & 0xFF not in _UNWRITABLE:
                raise
        if is_unused:
            return _connect_readonly(f"{address}?mode=ro&immutable=1", lock_wait_s)
        with TemporaryDirectory() as folder:
            # A log on read-only media cannot be read in place: SQLite has to create an index file for it.
            for name in (path.name, path.name + SIDE_FILES[0]):
                shutil.copyfile(path.with_name(name), Path(folder, name))
            source = _connect_readonly(f"{Path(folder, path.name).as_uri()}?mode=rw", lock_wait_s)
            try:
                return _copy_to_memory(source)
            finally:
                source.close()


def _size_of(path: Path) -> int:
    """In bytes; 0 for a file that is not there, as a log that the last program removes in this moment."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _connect_readonly(address: str, lock_wait_s: float) -> sqlite3.Connection:
    """Connect for queries only; the first query shows whether the file can be read."""
    connection = sqlite3.connect(address, timeout=lock_wait_s, isolation_level=None, uri=True)
    try:
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA query_only = ON")
        connection.execute("SELECT COUNT(*) FROM sqlite_schema").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def _copy_to_memory(source: sqlite3.Connection) -> sqlite3.Connection:
    copy = _connect(":memory:", 0.0)
    source.backup(copy)
    return copy


def open_copy(path: Path, lock_wait_s: float) -> Opened:
    """A copy of the history in memory, to be shown where the file cannot be written.

    It lacks the messages that wait in queues: another program may still send them.

    Raises:
        TooNew, Locked, Damaged
        LedgerError: the file cannot be read.
    """
    source = open_to_read(path, lock_wait_s).connection
    try:
        with translated(reading=True):
            copy = _ready(_copy_to_memory(source))
            copy.execute("DELETE FROM turns WHERE status = 'queued'")
    finally:
        source.close()
    return Opened(copy)


_COUNTED: Final = "SELECT at_ms, turn_id FROM turn_totals WHERE at_ms < ?"


def charges_before(source: sqlite3.Connection, at_ms: int) -> sqlite3.Connection:
    """A history in memory with the rows from before a time, and with all sessions, messages and readings.

    The trigger of `charges` derives `turn_totals` from them, so all queries see what was known then.
    """
    copy = _ready(_connect(":memory:", 0.0))
    copy.execute("BEGIN")
    facts = ((table, "") for table in ("sessions", "turns", "worker_turns", "tags", "origins", "projects"))
    entries = ((table, "WHERE at_ms < ? ORDER BY id") for table in ("charges", "suspense", "rulings"))
    for table, which in (*facts, *entries):
        columns = sorted(_columns(copy, table) & _columns(source, table))
        names, marks = ", ".join(columns), ", ".join("?" * len(columns))
        rows = source.execute(f"SELECT {names} FROM {table} {which}", (at_ms,) if which else ())
        copy.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})", map(tuple, rows))
    # A queued turn counts from its start on, and one that was never sent at no time.
    copy.execute("CREATE TEMP TABLE counted (at_ms INTEGER, turn_id TEXT PRIMARY KEY)")
    counted = map(tuple, source.execute(_COUNTED, (at_ms,)))
    copy.executemany("INSERT INTO counted VALUES (?, ?)", counted)
    copy.execute("DELETE FROM turn_totals WHERE turn_id NOT IN (SELECT turn_id FROM counted)")
    copy.execute(
        "UPDATE turn_totals SET at_ms = (SELECT at_ms FROM counted c WHERE c.turn_id = turn_totals.turn_id)"
    )
    copy.execute("COMMIT")
    return copy


def _check_columns(connection: sqlite3.Connection) -> None:
    """Check that a file of a newer version still has all columns that are read here.

    Raises:
        TooNew: it has not.
    """
    ours = _ready(_connect(":memory:", 0.0))
    try:
        for table in _TABLES:
            if not _columns(ours, table) <= _columns(connection, table):
                raise TooNew(
                    "Cannot read the history: it is from a newer version of handinger-tui.",
                    "Update handinger-tui, or set another folder with HANDINGER_TUI_HOME.",
                )
    finally:
        ours.close()


def _columns(connection: sqlite3.Connection, table: str) -> set[str]:
    return {row["name"] for row in connection.execute(f"PRAGMA table_info({table})")}


def _open_or_replace(path: Path, lock_wait_s: float, *, replace_damaged: bool) -> Opened:
    aside = finish_setting_aside(path)
    if aside is None:
        _make_private(path)
        file_id = identity(path)
        try:
            return Opened(_open_twice(path, lock_wait_s))
        except Damaged:
            if not replace_damaged:
                raise
            aside = set_aside(path, file_id)
    _make_private(path)
    opened = Opened(_open_file(path, lock_wait_s))
    if aside is None:
        return opened
    return replace(opened, problem=_kept_as(aside, "A new one was created."), is_replacement=True)


def _open_twice(path: Path, lock_wait_s: float) -> sqlite3.Connection:
    """Open the file, and again where it seems damaged: a read that failed once looks the same to SQLite.

    Raises:
        Damaged: both times.
    """
    try:
        return _open_file(path, lock_wait_s)
    except Damaged:
        return _open_file(path, lock_wait_s)


def _kept_as(aside: Path, new: str) -> str:
    return (
        f"The history was damaged and is kept as {aside.name}. {new}"
        " To save what can be read of the old one: handinger-tui doctor --repair."
    )


def mark_suspect(path: Path) -> None:
    """Create the marker file that makes the next start check every page."""
    with translated():
        path.with_name(path.name + SUSPECT_SUFFIX).touch(mode=0o600)


def _connect(name: str, lock_wait_s: float) -> sqlite3.Connection:
    # With 128 cached statements, the default, those of the migrations would stay in memory: 0.3 to 0.6 MB.
    connection = sqlite3.connect(name, timeout=lock_wait_s, isolation_level=None, cached_statements=24)
    connection.row_factory = sqlite3.Row
    return connection


def _ready(connection: sqlite3.Connection) -> sqlite3.Connection:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA foreign_keys = ON")
    migrate(connection)
    return connection


def _open_file(path: Path, lock_wait_s: float) -> sqlite3.Connection:
    suspect = path.with_name(path.name + SUSPECT_SUFFIX)
    with translated():
        connection = _connect(str(path), lock_wait_s)
        try:
            # Nothing is written before the version is checked: a newer file must not be changed.
            check_version(connection)
            if suspect.exists() or path.stat().st_size <= SMALL_BYTES:
                _check_pages(connection)
                suspect.unlink(missing_ok=True)
            _back_up(connection, path)
            return _ready(connection)
        except BaseException:
            connection.close()
            raise


def _back_up(connection: sqlite3.Connection, path: Path) -> None:
    """Copy a history that is about to be migrated. Only the newest copy is kept.

    Without room for it the history is not migrated either.
    """
    if not 0 < version_of(connection) < len(MIGRATIONS):
        return
    backup = path.with_name(path.name + BACKUP)
    unnamed = backup.with_name(backup.name + ".new")
    unnamed.unlink(missing_ok=True)
    os.close(os.open(unnamed, os.O_RDWR | os.O_CREAT, 0o600))
    try:
        with closing(_connect(str(unnamed), 0.0)) as copy:
            connection.backup(copy)
            # Otherwise a reader of the copy would have to create side files.
            copy.execute("PRAGMA journal_mode = DELETE")
        unnamed.replace(backup)
    except BaseException:
        unnamed.unlink(missing_ok=True)
        raise


def _check_pages(connection: sqlite3.Connection) -> None:
    """Check every page. A damaged full text index is dropped: it is derived from the rest.

    Raises:
        Damaged
    """
    if is_intact(connection):
        return
    try:
        with transaction(connection):
            drop_index(connection)
            if not is_intact(connection):
                # Nothing is changed in a damaged file.
                raise damaged()
    except sqlite3.DatabaseError as problem:
        raise damaged() from problem


def is_intact(connection: sqlite3.Connection, tables: Sequence[str] = ()) -> bool:
    """Whether every page of the file can be read, or of these tables and their indexes."""
    try:
        checks = (connection.execute(f"PRAGMA quick_check({which})") for which in tables or (1,))
        return all(check.fetchone()[0] == "ok" for check in checks)
    except sqlite3.DatabaseError as problem:
        # SQLITE_ERROR: the full text index is so damaged that it cannot be opened.
        code = problem.sqlite_errorcode
        if code & 0xFF in DAMAGE_CODES or code == sqlite3.SQLITE_ERROR:
            return False
        raise


def _make_folder(folder: Path) -> None:
    """Create the folder with mode 0700; an existing folder keeps its mode.

    Raises:
        OSError: NotADirectoryError for a file in its place.
    """
    if not folder.is_dir():
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            folder.mkdir(mode=0o700, exist_ok=True)
        except FileExistsError:
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR)) from None


def _make_private(path: Path) -> None:
    """Create the file with mode 0600; an existing file loses the permissions of group and others."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    if path.stat().st_mode & 0o077:
        path.chmod(0o600)


def identity(path: Path) -> tuple[int, int]:
    """Device and inode number of a file."""
    status = path.stat()
    return status.st_dev, status.st_ino


def free_name(path: Path, word: str) -> Path:
    """A free name in the folder of `path`, with a word and the time."""
    moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    name, attempt = path.with_name(f"{path.name}.{word}-{moment}"), 1
    while name.exists():
        attempt += 1
        name = path.with_name(f"{path.name}.{word}-{moment}-{attempt}")
    return name


def set_aside(path: Path, file_id: tuple[int, int]) -> Path | None:
    """Rename the damaged file and its side files; returns the new path, None if another process was first.

    The marker says until there is a new file that this one was damaged, if the program is ended on the way.

    Raises:
        OSError: the folder cannot be written.
    """
    if path.exists() and identity(path) != file_id:
        return None
    aside = free_name(path, "damaged")
    mark_suspect(path)
    # Its log is still found if the program ends here: `finish_setting_aside` puts it beside the file.
    path.rename(aside)
    _move_side_files(path, aside)
    return aside


def _move_side_files(path: Path, aside: Path) -> None:
    """Before there is a new database, which must never find an old log."""
    for side in SIDE_FILES:
        side_file = path.with_name(path.name + side)
        if side_file.exists():
            side_file.rename(aside.with_name(aside.name + side))


def newest_aside(path: Path) -> Path | None:
    """The file that was set aside last."""
    aside = sorted(path.parent.glob(f"{path.name}.damaged-*Z*"))
    return next((one for one in reversed(aside) if not one.name.endswith(SIDE_FILES)), None)


def left_aside(path: Path) -> Path | None:
    """The damaged file, where a program was ended after it had set it aside: there is no new one yet."""
    is_marked = path.with_name(path.name + SUSPECT_SUFFIX).exists()
    return newest_aside(path) if is_marked and not is_there(path) else None


def finish_setting_aside(path: Path) -> Path | None:
    """Do what remains to be done after such an end; returns the damaged file, None without such an end.

    Raises:
        OSError: the folder cannot be written.
    """
    aside = left_aside(path)
    if aside is not None:
        _move_side_files(path, aside)
    return aside
