"""Messages that one program has stored for another one, which watches their session, to send.

An offer belongs to the program that made it until the other one has taken it. Taking it, and taking it back,
are one transaction each, so that exactly one of the two sends the message.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from handinger_tui.ledger.sql import pack, request_of, transaction, unpack

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from handinger_tui.core.turns.turn import TurnRequest
    from handinger_tui.ledger.database import Database

_WATCHERS: Final = """
    SELECT DISTINCT w.run FROM turns t JOIN turns w USING (session_id)
     WHERE t.turn_id = ? AND w.turn_id <> t.turn_id AND w.settled_ms IS NULL
"""
_OFFERED: Final = "SELECT t.* FROM offers o JOIN turns t USING (turn_id) WHERE o.run = ? ORDER BY t.place"


class Offers:
    """The offers of this program, and those to it. Raises (all): LedgerError."""

    def __init__(self, database: Database, run: str, is_alive: Callable[[str], bool]) -> None:
        """`run`: the id of this run of the program. `is_alive`: whether another run still is."""
        self._database = database
        self._run = run
        self._is_alive = is_alive

    async def offer(self, turn_id: str) -> bool:
        """Offer a queued turn to another program with an open turn of its session; False: there is none."""

        def work(connection: sqlite3.Connection) -> bool:
            with transaction(connection):
                rows = connection.execute(_WATCHERS, (pack(turn_id),)).fetchall()
                watcher = next((run for row in rows if self._is_alive(run := str(row["run"]))), None)
                if watcher is not None:
                    connection.execute("INSERT INTO offers VALUES (?, ?)", (pack(turn_id), watcher))
            return watcher is not None

        return await self._database.run(work)

    async def take(self) -> list[tuple[str, TurnRequest]]:
        """Take what was offered to this program: session ids with the requests, oldest first."""

        def work(connection: sqlite3.Connection) -> list[tuple[str, TurnRequest]]:
            if not connection.execute(_OFFERED, (self._run,)).fetchall():
                # Nothing is written in nearly all cases.
                return []
            with transaction(connection):
                rows = connection.execute(_OFFERED, (self._run,)).fetchall()
                connection.execute("DELETE FROM offers WHERE run = ?", (self._run,))
                for row in rows:
                    own = (self._run, row["turn_id"])
                    connection.execute("UPDATE turns SET run = ? WHERE turn_id = ?", own)
            return [(unpack(row["session_id"]), request_of(row)) for row in rows]

        return await self._database.run(work)

    async def take_back(self, turn_id: str) -> bool:
        """Take an offer back; False: the other program has taken it, and sends the message."""

        def work(connection: sqlite3.Connection) -> bool:
            with transaction(connection):
                deletion = connection.execute("DELETE FROM offers WHERE turn_id = ?", (pack(turn_id),))
            return deletion.rowcount > 0

        return await self._database.run(work)

    async def is_open(self, turn_id: str) -> bool:
        """Whether an offer was neither taken nor taken back."""
        query = "SELECT 1 FROM offers WHERE turn_id = ?"
        return await self._database.read(
            lambda db: db.execute(query, (pack(turn_id),)).fetchone() is not None
        )
