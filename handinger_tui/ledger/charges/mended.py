"""After a repair that lost rows: charges, sums and frames agree again, and what was recorded stays.

A reading that is lost must change no amount: what it showed would be entered again, for the turns that are
left.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Set
from contextlib import closing
from typing import Any, Final

from handinger_tui.core.turns.turn import FREE, UNENDED, TurnStatus
from handinger_tui.ledger import turns as turn_store
from handinger_tui.ledger.charges.entries import (
    BIT,
    CARRIED,
    EMPTY,
    KEPT,
    PUT_CHARGE,
    SHARE,
    SUMMED,
    Cells,
    ChargeCache,
    new_entries,
)
from handinger_tui.ledger.charges.grouping import reading_of
from handinger_tui.ledger.migrations import MIGRATIONS, begin_at
from handinger_tui.ledger.sql import (
    int64_or_none,
    int_or_none,
    int_or_zero,
    listed,
    transaction,
    unpack,
)

_EVIDENCE: Final = frozenset(
    ("frames", "packed", "remote_turns", "rulings", "sessions", "turn_totals", "turns", "worker_turns")
)
"""The tables from which amounts are computed."""
Sums = dict[bytes, tuple[Any, ...]]
NOTHING: Final = (None,) * (1 + len(SUMMED))


# -- sums --------------------------------------------------------------------------------------
def added_up(connection: sqlite3.Connection) -> tuple[Sums, Sums]:
    """Status and sums of each turn: all charges, added up by the trigger of this version; and as stored."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as ours:
        begin_at(ours, len(MIGRATIONS))
        columns = [row[1] for row in ours.execute("PRAGMA table_info(charges)")]
        # What is shown of the worker is most of a charge, and in no sum.
        cells = ", ".join("''" if name in ("exact", "snapshot") else name for name in columns)
        put = f"INSERT INTO charges ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"
        ours.execute("BEGIN")
        ours.executemany(put, map(tuple, connection.execute(f"SELECT {cells} FROM charges ORDER BY id")))
        ours.execute("COMMIT")
        return _sums(ours), _sums(connection)


def _sums(connection: sqlite3.Connection) -> Sums:
    query = f"SELECT CAST(turn_id AS BLOB), status, {', '.join(SUMMED)} FROM turn_totals"
    return {row[0]: tuple(row)[1:] for row in connection.execute(query)}


def different(computed: Sums, stored: Sums) -> set[bytes]:
    """The turns whose stored sums are not those of their charges."""
    return {
        turn_id
        for turn_id in {**stored, **computed}
        for sums in (stored.get(turn_id) or computed[turn_id],)
        # Of what is free, earlier versions kept zeros.
        if sums[0] not in FREE and computed.get(turn_id, ())[1:] != stored.get(turn_id, ())[1:]
        # A turn that never left is in no sum, and has no amount.
        if turn_id in stored or any(sums[1:])
    }


# -- after a repair ----------------------------------------------------------------------------
def settle(connection: sqlite3.Connection, damaged: Set[str]) -> int:
    """Make a history agree with itself after a repair; how many turns keep the amount that was recorded.

    `damaged`: the tables that lost rows.
    """
    with transaction(connection):
        _carry(connection)
        return _keep(connection, NEWEST if _EVIDENCE.isdisjoint(damaged) else _SESSIONS)


_PLACES: Final = """
    SELECT m.place, CAST(m.turn_id AS BLOB), c.id IS NOT NULL
      FROM turn_totals m LEFT JOIN charges c ON c.id = m.place
"""


def _carry(connection: sqlite3.Connection) -> None:
    """Enter what stored sums have and no charge that is left.

    A sum is stored by the number of the first entry of its turn: no later entry may get that number.
    """
    computed, stored = added_up(connection)
    uncharged = different(computed, stored)
    (last,) = connection.execute("SELECT COALESCE(MAX(id), 0) FROM charges").fetchone()
    rows = connection.execute(_PLACES).fetchall()
    lacking = [
        (is_used, place, turn_id)
        for place, turn_id, is_used in rows
        if turn_id in uncharged or turn_id not in computed or (place > last and not is_used)
    ]
    # Those that have to get another number are the last ones: theirs is greater than any.
    for is_used, place, turn_id in sorted(lacking):
        before = dict(zip(SUMMED, computed.get(turn_id, NOTHING)[1:], strict=True))
        now = dict(zip(SUMMED, stored[turn_id][1:], strict=True))
        names = [name for name in SUMMED if now[name] is not None or before[name] is not None]
        cells: Cells = {
            name: int64_or_none(int_or_zero(now[name]) - int_or_zero(before[name])) for name in names
        }
        cells["retracted"] = sum(1 << BIT[name] for name in names if now[name] is None) or None
        _enter(connection, place, {**cells, "reason": CARRIED, "id": None if is_used else place})


_HEAD: Final = ("turn_id", "session_id", "worker_id", "base_url", "status", "budget", "started_by", "profile")
_HAS_CHARGE: Final = "SELECT 1 FROM charges WHERE session_id = ? AND turn_id = ? AND kind = 'charge'"


def _enter(connection: sqlite3.Connection, place: int, cells: Cells) -> None:
    """Enter a charge of the turn whose sum has this place. The sum stays as it is."""
    total = dict(connection.execute("SELECT * FROM turn_totals WHERE place = ?", (place,)).fetchone())
    is_first = connection.execute(_HAS_CHARGE, (total["session_id"], total["turn_id"])).fetchone() is None
    row = EMPTY | {name: total[name] for name in _HEAD} | {"exact": "{}", "snapshot": "null"}
    row |= {"kind": "charge" if is_first else "correction", "at_ms": int_or_zero(total["at_ms"])}
    # A value that is damaged is none.
    row |= {name: int_or_none(total[name]) for name in ("sources", "elapsed_ms", "confirmed", *SHARE)}
    row |= {"reading": str(reading_of(total["reading"])), "final": int(total["final"] == 1)}
    of_turn = "DELETE FROM turn_totals WHERE turn_id = ?"
    connection.execute(of_turn, (total["turn_id"],))
    connection.execute(PUT_CHARGE, row | cells)
    connection.execute(of_turn, (total["turn_id"],))
    marks = ", ".join(f":{name}" for name in total)
    connection.execute(f"INSERT INTO turn_totals ({', '.join(total)}) VALUES ({marks})", total)


_SESSIONS: Final = "SELECT session_id FROM sessions ORDER BY rowid"
NEWEST: Final = f"""
    SELECT t.session_id FROM turns t JOIN turn_totals m USING (turn_id)
     WHERE t.settled_ms IS NOT NULL AND t.imported_ms IS NULL AND t.status = '{TurnStatus.COMPLETED}'
       AND NOT EXISTS (SELECT 1 FROM turns o WHERE o.session_id = t.session_id AND o.settled_ms IS NULL)
     ORDER BY t.place DESC LIMIT 1
"""
"""The session whose amounts the doctor computes from its frames."""
_WITHOUT_TURN: Final = """
    SELECT place FROM turn_totals WHERE session_id = ?
       AND turn_id NOT IN (SELECT turn_id FROM turns WHERE turns.session_id = turn_totals.session_id)
"""
# What one of the turns of a worker lacks, others of the same worker would get.
_OF_WORKERS: Final = f"""
    SELECT DISTINCT m.place FROM turn_totals m JOIN turn_totals one
      ON one.place = m.place OR (one.worker_id = m.worker_id AND one.base_url = m.base_url)
     WHERE one.place = ? AND m.status NOT IN ({listed(UNENDED)})
"""


def _keep(connection: sqlite3.Connection, sessions: str) -> int:
    """Keep the amounts of all turns on workers of which evidence is lost; how many turns there are."""
    kept: set[int] = set()
    for (session_id,) in connection.execute(sessions).fetchall():
        session = turn_store.load(connection, unpack(session_id), ())
        if session is None:
            continue
        lacking = {row["place"] for row in connection.execute(_WITHOUT_TURN, (session_id,))}
        for row in new_entries(connection, session, ChargeCache()).charges:
            query = "SELECT place FROM turn_totals WHERE turn_id = ?"
            lacking |= {total["place"] for total in connection.execute(query, (row["turn_id"],))}
        for one in lacking - kept:
            places = {row["place"] for row in connection.execute(_OF_WORKERS, (one,))} - kept
            for place in sorted(places):
                _enter(connection, place, {"reason": KEPT})
            kept |= places
        # What is in no sum at all. What a turn shows of its worker is stored as it was before the damage.
        connection.executemany(PUT_CHARGE, new_entries(connection, session, ChargeCache()).charges)
    return len(kept)
