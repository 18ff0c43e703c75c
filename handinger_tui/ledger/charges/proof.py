"""Proof that a history works: one write, its sums and one receipt are tried, not looked at.

What is written is rolled back; nothing is stored.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Final

from handinger_tui.core.formatting import plural
from handinger_tui.core.jsontext import dump
from handinger_tui.core.safety import clean_line
from handinger_tui.core.stream import Frame, Framing, Marker, ReadReason
from handinger_tui.core.turns.session import LOCAL, RemoteTurn, Session
from handinger_tui.core.turns.turn import FREE, TurnRequest, TurnStatus
from handinger_tui.ledger import turns as turn_store
from handinger_tui.ledger.charges.entries import SUMMED, ChargeCache, new_entries, write_charges
from handinger_tui.ledger.migrations import MIGRATIONS, begin_at
from handinger_tui.ledger.sql import BUSY_CODES, listed, one_moment, pack, transaction, unpack

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
    for doing, attempt in _ATTEMPTS if _has_all_charges(connection) else _ATTEMPTS[:1]:
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
JSON_TYPE: Final = "application/json"
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
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as ours:
        begin_at(ours, len(MIGRATIONS))
        columns = [row[1] for row in ours.execute("PRAGMA table_info(charges)")]
        # What is shown of the worker is most of a charge, and in no sum.
        cells = ", ".join("''" if name in ("exact", "snapshot") else name for name in columns)
        put = f"INSERT INTO charges ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"
        with one_moment(connection):
            ours.execute("BEGIN")
            ours.executemany(put, map(tuple, connection.execute(f"SELECT {cells} FROM charges ORDER BY id")))
            ours.execute("COMMIT")
            stored = _sums(connection)
        computed = _sums(ours)
    # A turn that never left is in no sum, and has no amount.
    different = sum(
        computed.get(turn_id) != stored.get(turn_id)
        for turn_id in {**stored, **computed}
        if turn_id in stored or any(computed[turn_id])
    )
    if different:
        yield f"The stored sums of {plural(different, 'turn')} are not those of the charges."


def _sums(connection: sqlite3.Connection) -> dict[bytes, tuple[int | None, ...]]:
    # Of what is free, earlier versions kept zeros.
    free = listed(FREE)
    query = f"SELECT CAST(turn_id AS BLOB), {', '.join(SUMMED)} FROM turn_totals WHERE status NOT IN ({free})"
    return {row[0]: tuple(row)[1:] for row in connection.execute(query)}


# -- a receipt -----------------------------------------------------------------------------------
_NEWEST: Final = f"""
    SELECT t.session_id FROM turns t JOIN turn_totals m USING (turn_id)
     WHERE t.settled_ms IS NOT NULL AND t.imported_ms IS NULL AND t.status = '{TurnStatus.COMPLETED}'
       AND NOT EXISTS (SELECT 1 FROM turns o WHERE o.session_id = t.session_id AND o.settled_ms IS NULL)
     ORDER BY t.place DESC LIMIT 1
"""


def _compute_receipt(connection: sqlite3.Connection) -> Iterator[str]:
    """Compute what the turns of the newest session cost from their frames, and compare with the record."""
    with one_moment(connection):
        row = connection.execute(_NEWEST).fetchone()
        session = None if row is None else turn_store.load(connection, unpack(row[0]), ())
        if session is not None and new_entries(connection, session, ChargeCache()).charges:
            yield f"The cost of “{clean_line(session.title, 60)}” is not what its frames show."


def _has_all_charges(connection: sqlite3.Connection) -> bool:
    """Whether no charge was lost in a repair, which then kept the stored sums: charges are never deleted."""
    last, count = connection.execute("SELECT COALESCE(MAX(id), 0), COUNT(*) FROM charges").fetchone()
    return bool(last == count)


_ATTEMPTS: Final = (
    ("A write", _write),
    ("Adding up the charges", _add_up),
    ("Computing the newest receipt", _compute_receipt),
)
