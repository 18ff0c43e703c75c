"""Transactions, and how durable their commit is."""

from __future__ import annotations

from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator


class Care(StrEnum):
    """How durable a commit is: the value of `PRAGMA synchronous`."""

    NORMAL = "NORMAL"
    """It survives a crash of the program."""
    FULL = "FULL"
    """It survives a power failure."""


@contextmanager
def transaction(connection: sqlite3.Connection, care: Care = Care.NORMAL) -> Iterator[None]:
    """Run the body in one transaction. It takes the write lock first, where the busy timeout applies."""
    connection.execute(f"PRAGMA synchronous = {care}")
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # SQLite may have rolled back by itself, for example on a full disk.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


@contextmanager
def one_moment(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """A read transaction: all queries in it see the same state. It does not block writers."""
    connection.execute("BEGIN")
    try:
        yield connection
    finally:
        connection.execute("COMMIT")
