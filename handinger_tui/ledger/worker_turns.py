"""What the turns of all sessions show of their workers: stored with each charge, read by other sessions."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from handinger_tui.core.money.turn_events import events_text, newest_ms, sent_text, worker_of
from handinger_tui.core.turns.session import Others, OtherTurn, Ruling, Session
from handinger_tui.core.turns.turn import Turn, TurnStatus
from handinger_tui.ledger.rows import Cell, int_or_none, int_or_zero, pack, unpack, unpack_optional

_PUT: Final = """
    INSERT INTO worker_turns (turn_id, base_url, worker_id, session_id, events) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (turn_id) DO UPDATE SET
        worker_id = excluded.worker_id, session_id = excluded.session_id, events = excluded.events
"""
_SENDING: Final = """
    INSERT OR IGNORE INTO worker_turns (turn_id, base_url, worker_id, session_id, events)
    SELECT t.turn_id, s.base_url, :worker_id, s.session_id, :events
      FROM turns t JOIN sessions s ON s.session_id = t.session_id WHERE t.turn_id = :turn_id
"""
# Such a turn has no end.
_REFUSED: Final = " OR ".join(
    f"""w.events LIKE '%"sent",{creates},{looked},true,%'"""
    for creates in ("false", "true")
    for looked in ("false", "true")
)
# A turn that was deleted before it ended is not waited for.
_ROWS: Final = f"""
    SELECT w.turn_id, w.worker_id, w.events, w.session_id FROM worker_turns w
     WHERE {{which}}
       AND (w.events LIKE '%"ended"%' OR {_REFUSED}
            OR EXISTS (SELECT 1 FROM turns t WHERE t.turn_id = w.turn_id))
     ORDER BY w.turn_id
"""
_OTHER_SESSIONS: Final = _ROWS.format(which="w.base_url = ? AND w.worker_id = ? AND w.session_id <> ?")
_ONE: Final = _ROWS.format(which="w.turn_id = ?")
_ENDED: Final = '"ended",false'
_OF_SESSION: Final = (
    "SELECT turn_id FROM worker_turns WHERE base_url = ? AND worker_id = ? AND session_id = ?"
)
_EVENTS_OF_SESSION: Final = (
    "SELECT turn_id, events FROM worker_turns WHERE base_url = ? AND worker_id = ? AND session_id = ?"
)
_EVENTS: Final = "SELECT events FROM worker_turns WHERE turn_id = ?"
_RULINGS: Final = """
    SELECT at_ms, meaning, seen_ms, turn_id FROM rulings WHERE base_url = ? AND worker_id = ? ORDER BY id
"""


def new_rows(
    connection: sqlite3.Connection, session: Session, turns: Iterable[Turn]
) -> list[tuple[Cell, ...]]:
    """Rows to write: what `turns` of the session show of their workers, where that is not stored yet."""
    rows: list[tuple[Cell, ...]] = []
    for turn in turns:
        worker_id = worker_of(turn)
        if worker_id is not None and turn.status is not TurnStatus.QUEUED:
            events = events_text(turn, creates=_creates(session, turn, worker_id))
            name = pack(turn.turn_id)
            stored = connection.execute(_EVENTS, (name,)).fetchone()
            # Another program may have read the worker after this one.
            if stored is None or (stored[0] != events and newest_ms(stored[0]) <= newest_ms(events)):
                rows.append((name, pack(session.base_url), pack(worker_id), pack(session.session_id), events))
    return rows


def write(connection: sqlite3.Connection, rows: Iterable[tuple[Cell, ...]]) -> None:
    """Write the result of `new_rows`, inside a transaction of the caller."""
    connection.executemany(_PUT, rows)


def store_sending(connection: sqlite3.Connection, turn_id: str, worker_id: str, at_ms: int) -> None:
    """Store that a turn is being sent: other sessions must know that it may spend."""
    cells = {"turn_id": pack(turn_id), "worker_id": pack(worker_id), "events": sent_text(at_ms)}
    connection.execute(_SENDING, cells)


def others(connection: sqlite3.Connection, session: Session, overtaken: Collection[str] = ()) -> Others:
    """The turns on the workers of `session` that it does not hold, and the rulings on these workers.

    The turns belong to other sessions, or were added to this one by another program. Those of which another
    program knows more are among them: those in `overtaken`, and one that runs in `session` and that another
    program has ended in the meantime.
    """
    own = {turn.turn_id for turn in session.turns if not turn.live}.difference(overtaken)
    running = {turn.turn_id for turn in session.turns if turn.live}.difference(overtaken)
    turns: list[OtherTurn] = []
    rulings: list[Ruling] = []
    for worker_id in _workers(session):
        of = (pack(session.base_url), pack(worker_id), pack(session.session_id))
        rows = connection.execute(_OTHER_SESSIONS, of).fetchall()
        for (stored,) in connection.execute(_OF_SESSION, of).fetchall():
            if (turn_id := unpack(stored)) not in own:
                ended = connection.execute(_ONE, (stored,)).fetchall()
                rows += [row for row in ended if turn_id not in running or _ENDED in row["events"]]
        turns += [OtherTurn(*map(unpack, row)) for row in rows]
        rulings += rulings_on(connection, session.base_url, worker_id)
    return Others(tuple(turns), tuple(rulings))


def overtaken_turns(
    connection: sqlite3.Connection, session: Session, newest: Mapping[str, int], among: Collection[str] | None
) -> set[str]:
    """The ids of turns of which another program has stored later events than `session` holds.

    `newest`: the time of the newest event of each turn of the session. `among`: only these turns; None: all.
    """
    if among is not None and not among:
        return set()
    found: set[str] = set()
    for worker_id in _workers(session):
        of = (pack(session.base_url), pack(worker_id), pack(session.session_id))
        for row in connection.execute(_EVENTS_OF_SESSION, of):
            turn_id = unpack(row["turn_id"])
            is_asked = turn_id in newest if among is None else turn_id in among
            if is_asked and newest_ms(row["events"]) > newest.get(turn_id, 0):
                found.add(turn_id)
    return found


def _workers(session: Session) -> Iterable[str]:
    return dict.fromkeys(filter(None, (*map(worker_of, session.turns), session.worker_id)))


def rulings_on(connection: sqlite3.Connection, base_url: str, worker_id: str) -> list[Ruling]:
    """What the person decided about a worker, in order of time."""
    return [
        Ruling(
            worker_id,
            int_or_zero(row["at_ms"]),
            unpack_optional(row["meaning"]),
            int_or_none(row["seen_ms"]),
            unpack_optional(row["turn_id"]),
        )
        for row in connection.execute(_RULINGS, (pack(base_url), pack(worker_id)))
    ]


def _creates(session: Session, turn: Turn, worker_id: str) -> bool:
    if turn.order.worker_id is not None:
        return False
    earlier: Sequence[Turn] = session.turns[: session.turns.index(turn)] if turn in session.turns else ()
    return all(worker_of(other) not in (None, worker_id) for other in earlier)
