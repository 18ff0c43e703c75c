"""Access: how the façade reaches the database thread."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from handinger_tui.ledger.thread import DatabaseThread, Frames

T = TypeVar("T")


class Access:
    """Runs a function on the connection, after everything queued before it."""

    def __init__(self, thread: DatabaseThread) -> None:
        self._thread = thread

    async def _run(self, work: Callable[[sqlite3.Connection], T], frames: Frames = Frames.TRIED) -> T:
        return await asyncio.wrap_future(self._thread.submit(work, frames))


@contextmanager
def one_moment(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """Several queries see the same state, whoever writes meanwhile. Takes no lock against writers."""
    connection.execute("BEGIN")
    try:
        yield connection
    finally:
        connection.execute("COMMIT")
