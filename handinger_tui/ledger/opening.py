"""Opening: a path → a connection that is current, private and writable; damaged files are set aside."""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from handinger_tui.core.errors import Damaged
from handinger_tui.core.record import dataclass
from handinger_tui.ledger.faults import translated
from handinger_tui.ledger.presence import alone_in
from handinger_tui.ledger.schema import MIGRATIONS, check_version, migrate

SIDE_FILES: Final = ("-wal", "-shm")
SMALL_BYTES: Final = 16 * 2**20
"""Up to this size every page is checked at the start (some tens of milliseconds)."""
SUSPECT: Final = ".suspect"
"""Suffix of an empty marker file: damage was met, so check every page next time."""

ONLY_READ: Final = "The history cannot be written here; it is only read."
MEMORY_ONLY: Final = "No history is kept: this session lives in memory only."


@dataclass(frozen=True, slots=True)
class Opened:
    """A connection ready for use; `problem` is one line for the person."""

    connection: sqlite3.Connection
    problem: str | None = None


def open_database(path: Path | None, patience_s: float) -> Opened:
    """Open or make the database; None: one in memory.

    `patience_s`: how long to wait for another process's lock.

    Raises:
        TooNew, Locked, NoRoom
    """
    with translated():
        if path is None:
            return Opened(_ready(_connect(":memory:", patience_s)), MEMORY_ONLY)
        _make_folder(path.parent)
        with alone_in(path.parent):
            return _open_or_begin(path, patience_s)


def open_to_read(path: Path, patience_s: float) -> Opened | None:
    """A current database that cannot be written here, as a copy on other media; None where that is no use."""
    address = f"{path.absolute().as_uri()}?mode=ro"
    # Without its side files, and no right to make them, nobody can be writing to it either.
    alone = not any(path.with_name(path.name + side).exists() for side in SIDE_FILES)
    for asked in (address, *([f"{address}&immutable=1"] if alone else [])):
        with suppress(sqlite3.Error):
            connection = sqlite3.connect(asked, timeout=patience_s, isolation_level=None, uri=True)
            connection.row_factory = sqlite3.Row
            if check_version(connection) == len(MIGRATIONS):
                return Opened(connection, ONLY_READ)
            connection.close()
    return None


def _open_or_begin(path: Path, patience_s: float) -> Opened:
    _make_private(path)
    known = _identity(path)
    try:
        return Opened(_open_file(path, patience_s))
    except Damaged:
        copy = set_aside(path, known)
    _make_private(path)
    told = f"The history was damaged and is kept as {copy.name}; a new one begins." if copy else None
    return Opened(_open_file(path, patience_s), told)


def mark_suspect(path: Path) -> None:
    """Remember that damage was met, so that the next start looks at every page."""
    with translated():
        path.with_name(path.name + SUSPECT).touch(mode=0o600)


def _connect(name: str, patience_s: float) -> sqlite3.Connection:
    connection = sqlite3.connect(name, timeout=patience_s, isolation_level=None)
    connection.row_factory = sqlite3.Row
    return connection


def _ready(connection: sqlite3.Connection) -> sqlite3.Connection:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = NORMAL")
    migrate(connection)
    return connection


def _open_file(path: Path, patience_s: float) -> sqlite3.Connection:
    suspect = path.with_name(path.name + SUSPECT)
    with translated():
        connection = _connect(str(path), patience_s)
        try:
            # Nothing is written before the version is known: a newer file stays as it is.
            check_version(connection)
            if suspect.exists() or path.stat().st_size <= SMALL_BYTES:
                _check_pages(connection)
                suspect.unlink(missing_ok=True)
            return _ready(connection)
        except BaseException:
            connection.close()
            raise


def _check_pages(connection: sqlite3.Connection) -> None:
    said = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if said != "ok":
        raise Damaged("The history is damaged.")


def _make_folder(folder: Path) -> None:
    """A new folder is 0700; one that exists keeps the mode its owner chose."""
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)


def _make_private(path: Path) -> None:
    """The file is 0600 from its first moment."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    if path.stat().st_mode & 0o077:
        path.chmod(0o600)


def _identity(path: Path) -> tuple[int, int]:
    seen = path.stat()
    return seen.st_dev, seen.st_ino


def set_aside(path: Path, known: tuple[int, int]) -> Path | None:
    """Rename the damaged file with its side files; None when another process already did.

    Raises:
        OSError: the folder cannot be written.
    """
    if path.exists() and _identity(path) != known:
        return None
    moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    copy, attempt = path.with_name(f"{path.name}.damaged-{moment}"), 1
    while copy.exists():
        attempt += 1
        copy = path.with_name(f"{path.name}.damaged-{moment}-{attempt}")
    # The side files go first: a fresh database must never meet an old log.
    for side in SIDE_FILES:
        beside = path.with_name(path.name + side)
        if beside.exists():
            beside.rename(copy.with_name(copy.name + side))
    path.rename(copy)
    path.with_name(path.name + SUSPECT).unlink(missing_ok=True)
    return copy
