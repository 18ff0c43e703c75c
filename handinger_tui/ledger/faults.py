"""Faults: what sqlite3 and the file system say → our own errors. The only place that reads their codes."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from handinger_tui.core.errors import Damaged, LedgerError, Locked, NoRoom

BUSY: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL})
DAMAGED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT})
READING: Final = frozenset(
    {
        sqlite3.SQLITE_IOERR_READ,
        sqlite3.SQLITE_IOERR_SHORT_READ,
        sqlite3.SQLITE_IOERR_FSTAT,
        sqlite3.SQLITE_IOERR_RDLOCK,
    }
)
"""Extended codes of input/output errors that have nothing to do with writing."""
NO_COLUMN: Final = "No item with that key"
"""What a row says that lacks a column: the description of its table is damaged."""
CANNOT_READ: Final = "The history cannot be read"


def translate(problem: sqlite3.Error | OSError, *, reading: bool = False) -> LedgerError:
    """The error as one of ours. `reading`: nothing was to be written."""
    if isinstance(problem, OSError):
        reason = problem.strerror or type(problem).__name__
        hint = "Check the folder, or name another one with HANDINGER_TUI_HOME."
        if reading:
            return LedgerError(f"{CANNOT_READ}: {reason}.", hint)
        return NoRoom(f"The history cannot be written: {reason}.", hint)
    extended = getattr(problem, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    # The low byte is the kind; the rest says where (SQLite, "Result and Error Codes").
    code = extended & 0xFF
    if code in BUSY:
        return Locked("The history is busy: another process holds it.", "Try again in a moment.")
    if code in DAMAGED:
        return _damaged()
    if code == sqlite3.SQLITE_CONSTRAINT:
        return LedgerError("The history already holds this, or misses what it belongs to.")
    if reading or code == sqlite3.SQLITE_ERROR or extended in READING:
        return LedgerError(f"{CANNOT_READ}.", "Check the disk, and that the file is yours.")
    return NoRoom("The history cannot be written.", "Check that the disk has room and the folder is yours.")


def _damaged() -> Damaged:
    return Damaged("The history is damaged.", "The app sets it aside when it starts; nothing is deleted.")


@contextmanager
def translated(*, reading: bool = False) -> Iterator[None]:
    """Whatever the database or the disk raises inside leaves as a LedgerError."""
    try:
        yield
    except (sqlite3.Error, OSError) as problem:
        raise translate(problem, reading=reading) from problem
    except UnicodeDecodeError as problem:
        # In a message of the database itself, which quotes what it does not understand.
        raise _damaged() from problem
    except IndexError as problem:
        if NO_COLUMN not in str(problem):
            raise
        raise _damaged() from problem
