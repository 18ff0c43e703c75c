"""Proof that a history works: one write, its sums and one receipt are tried, not looked at.

What is written is rolled back; nothing is stored.
"""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from handinger_tui.core.formatting import plural
from handinger_tui.core.jsontext import dump
from handinger_tui.core.safety import clean_line
from handinger_tui.core.stream import Frame, Framing, Marker, ReadReason
from handinger_tui.core.turns.session import LOCAL, RemoteTurn, Session
from handinger_tui.core.turns.turn import TurnRequest
from handinger_tui.ledger import turns as turn_store
from handinger_tui.ledger.charges.entries import ChargeCache, new_entries, write_charges
from handinger_tui.ledger.charges.mended import NEWEST, added_up, different
from handinger_tui.ledger.sql import BUSY_CODES, one_moment, pack, transaction, unpack

if TYPE_CHECKING:
    from collections.abc import Iterator

    from handinger_tui.core.jsontext import JsonObject

UNREADABLE: Final = (sqlite3.Error, UnicodeDecodeError)
"""What damaged tables raise: the message of an error may quote damaged text, too."""


# -- what is tried -------------------------------------------------------------------------------
def flaws(connection: sqlite3.Connection) -> list[str]:
    """What does not work, one sentence each. Another program may use the history meanwhile.

    Raises:
        sqlite3.OperationalError: another program has it locked.
    """
    problems: list[str] = []
    for doing, attempt in _ATTEMPTS:
        try:
            problems += attempt(connection)
        except UNREADABLE as problem:
            if getattr(problem, "sqlite_errorcode", 0) & 0xFF in BUSY_CODES:
                raise
            problems.append(f"{doing} failed: {clean_line(str(problem), 200)}.")
    return problems


class _RolledBack(Exception):
    pass


_TRIED: Final = "doctor"
_WORKER: Final[JsonObject] = {
    "id": _TRIED,
    "object": "worker",
    "status": "completed",
    "running": False,
    "output_text": "An answer.",
    "usage": {"costUsd": 0.5, "credits": 8, "totalTokens": 12},
}
_COST_PICO: Final = 500_000_000_000


def _frames() -> Iterator[Frame]:
    """A small turn as it comes off the wire: sent, answered by a new worker, read once more, settled."""
    body = dump(_WORKER)
    notes: dict[Marker, JsonObject] = {
        Marker.SENDING: {},
        Marker.OPENED: {
            "via": "post",
            "status": 200,
            "content_type": "application/json",
            "worker_id": _TRIED,
        },
        Marker.CLOSED: {"clean": True},
        Marker.SETTLED: {"status": "completed", "recovered": False, "fault": None},
    }
    for at, (marker, note) in enumerate(notes.items()):
        yield Frame(2 * at, 2 * at, Framing.NOTE, dump(note), marker)
        if marker in (Marker.OPENED, Marker.CLOSED):
            reason = ReadReason.ANSWER if marker is Marker.OPENED else ReadReason.AFTER
            yield Frame(2 * at + 1, 2 * at + 1, Framing.JSON, body, reason)


def _write(connection: sqlite3.Connection) -> Iterator[str]:
    """Enter a turn of the local worker with its frames and its charge, read its sum, and roll all back."""
    request, frames = TurnRequest(_TRIED, "A question.", 1), tuple(_frames())
    rows: list[tuple[int | None]] = []
    with suppress(_RolledBack), transaction(connection):
        session = Session(_TRIED, 1, base_url=LOCAL, worker_id=_TRIED)
        turn_store.enter_turn(connection, session, RemoteTurn(request, frames), _TRIED)
        stored = turn_store.load(connection, _TRIED, ())
        if stored is not None:
            write_charges(connection, stored, ChargeCache())
        query = "SELECT usd_pico FROM turn_totals WHERE turn_id = ?"
        rows = [(row[0],) for row in connection.execute(query, (pack(_TRIED),))]
        raise _RolledBack
    if rows != [(_COST_PICO,)]:
        yield "What is written does not come back as it was."


# -- sums ----------------------------------------------------------------------------------------
def _add_up(connection: sqlite3.Connection) -> Iterator[str]:
    """Add up all charges anew, with the trigger of this version, and compare with the stored sums."""
    with one_moment(connection):
        wrong = len(different(*added_up(connection)))
    if wrong:
        yield f"The stored sums of {plural(wrong, 'turn')} are not those of the charges."


# -- a receipt -----------------------------------------------------------------------------------
def _compute_receipt(connection: sqlite3.Connection) -> Iterator[str]:
    """Compute what the turns of the newest session cost from their frames, and compare with the record."""
    with one_moment(connection):
        row = connection.execute(NEWEST).fetchone()
        session = None if row is None else turn_store.load(connection, unpack(row[0]), ())
        if session is not None and new_entries(connection, session, ChargeCache()).charges:
            yield f"The cost of “{clean_line(session.title, 60)}” is not what its frames show."


_ATTEMPTS: Final = (
    ("A write", _write),
    ("Adding up the charges", _add_up),
    ("Computing the newest receipt", _compute_receipt),
)
