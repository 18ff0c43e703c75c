"""Faults: what sqlite3 and the file system say → our own errors. The only place that reads their codes."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from handinger_tui.core.errors import Damaged, LedgerError, Locked, NoRoom

BUSY: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL})
DAMAGED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT})


def translate(problem: sqlite3.Error | OSError) -> LedgerError:
    """The error as one of ours; a refusal to write is the rule, everything unforeseen counts as one."""
    if isinstance(problem, OSError):
        return NoRoom(
            f"The history cannot be written: {problem.strerror or type(problem).__name__}.",
            "Check the folder, or name another one with HANDINGER_TUI_HOME.",
        )
    # The low byte is the kind; the rest says where (SQLite, "Result and Error Codes").
    code = getattr(problem, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    if code in BUSY:
        return Locked("The history is busy: another process holds it.", "Try again in a moment.")
    if code in DAMAGED:
        return Damaged("The history is damaged.", "It is set aside at the next start; nothing is deleted.")
    if code == sqlite3.SQLITE_CONSTRAINT:
        return LedgerError("The history already holds this, or misses what it belongs to.")
    return NoRoom("The history cannot be written.", "Check that the disk has room and the folder is yours.")


@contextmanager
def translated() -> Iterator[None]:
    """Whatever the database or the disk raises inside leaves as a LedgerError."""
    try:
        yield
    except (sqlite3.Error, OSError) as problem:
        raise translate(problem) from problem
