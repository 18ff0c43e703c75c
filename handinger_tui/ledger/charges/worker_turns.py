"""What the ledger keeps of turns as their workers have them, for all sessions of a worker.

`remote_turns`: which message of the worker each turn is, so that none is entered twice (`enter`, `claim`).
`worker_turns`: what each turn shows of its worker, for other sessions (`write`, `others`).
"""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from handinger_tui.core.jsontext import NotJson, as_object, parse
from handinger_tui.core.money.turn_events import (
    creates_worker,
    events_text,
    has_ended,
    newest_event_ms,
    newest_ms,
    sent_text,
    timeline_of,
)
from handinger_tui.core.stream import Marker
from handinger_tui.core.turns.session import OtherTurn, RelatedHistory, RemoteTurn, Ruling, Session
from handinger_tui.core.turns.turn import FREE, Turn, TurnRequest, TurnStatus
from handinger_tui.ledger.sql import (
    Cell,
    int_or_none,
    int_or_zero,
    pack,
    pack_optional,
    prompt_key,
    unpack,
    unpack_optional,
)

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Iterable, Mapping


class RemoteEntry(Struct, frozen=True):
    """The existing entry of a remote turn. `session_id` None: its session was removed."""

    turn_id: str
    session_id: str | None


_SAME_PROMPT: Final = "base_url = :base_url AND worker_id = :worker_id AND prompt_key = :prompt_key"
_ENTRY: Final = f"""
    SELECT r.turn_id, (SELECT t.session_id FROM turns t WHERE t.turn_id = r.turn_id) AS session_id
      FROM remote_turns r
     WHERE {_SAME_PROMPT} AND (times = :times OR message_id = :message_id)
     ORDER BY times = :times LIMIT 1
"""
_SET_MESSAGE_ID: Final = f"""
    UPDATE OR IGNORE remote_turns SET message_id = :message_id
     WHERE {_SAME_PROMPT} AND times = :times AND message_id IS NULL
"""
_IS_CLAIMED: Final = f"SELECT 1 FROM remote_turns WHERE {_SAME_PROMPT} AND times = :times"
_NEXT_TIMES: Final = f"SELECT MAX(times) + 1 FROM remote_turns WHERE {_SAME_PROMPT}"
_CLAIM: Final = """
    INSERT OR IGNORE INTO remote_turns (base_url, worker_id, prompt_key, times, message_id, turn_id)
    VALUES (:base_url, :worker_id, :prompt_key, :times, :message_id, :turn_id)
"""


def is_seen(connection: sqlite3.Connection, base_url: str, requests: Iterable[TurnRequest]) -> bool:
    """Whether this history has read a worker of one of `requests` before."""
    sql = "SELECT 1 FROM worker_turns WHERE base_url = ? AND worker_id = ? LIMIT 1"
    workers = {request.target_id or "" for request in requests}
    return any(connection.execute(sql, (pack(base_url), pack(one))).fetchone() for one in workers)


def entry_of(connection: sqlite3.Connection, session: Session, turn: RemoteTurn) -> RemoteEntry | None:
    """The entry of `turn` in any session of the worker; None where the turn is new."""
    cells = _prompt_cells(session.base_url, turn.request.target_id or "", turn.request.prompt)
    cells |= {"times": turn.request.seen_before or 0, "message_id": pack_optional(turn.message_id)}
    row = connection.execute(_ENTRY, cells).fetchone()
    if row is None:
        return None
    if turn.message_id is not None:
        connection.execute(_SET_MESSAGE_ID, cells)
    return RemoteEntry(unpack(row["turn_id"]), unpack_optional(row["session_id"]))


def enter(connection: sqlite3.Connection, session: Session, turn: RemoteTurn, worker_id: str) -> None:
    """Store the entry of a turn; one that `entry_of` finds stays as it is."""
    cells = _prompt_cells(session.base_url, worker_id, turn.request.prompt)
    cells |= {
        "times": turn.request.seen_before or 0,
        "message_id": pack_optional(turn.message_id),
        "turn_id": pack(turn.request.turn_id),
    }
    connection.execute(_CLAIM, cells)


def claim(connection: sqlite3.Connection, turn_id: str, worker_id: str, times: int | None) -> None:
    """Store which message of the worker a turn of ours is or will be: the one after `times` with its text.

    Where that position is taken by another message of ours that is being sent, the next free one is
    used. `times` None (the worker was not read) also means the next free one. An existing entry stays.
    """
    row = connection.execute(
        "SELECT t.prompt, s.base_url, r.times FROM turns t JOIN sessions s ON s.session_id = t.session_id"
        " LEFT JOIN remote_turns r ON r.turn_id = t.turn_id WHERE t.turn_id = ?",
        (pack(turn_id),),
    ).fetchone()
    if row is None or row["times"] is not None:
        return
    cells = _prompt_cells(unpack(row["base_url"]), worker_id, unpack(row["prompt"]))
    cells |= {"times": times or 0, "message_id": None, "turn_id": pack(turn_id)}
    if times is None or connection.execute(_IS_CLAIMED, cells).fetchone() is not None:
        cells["times"] = connection.execute(_NEXT_TIMES, cells).fetchone()[0] or 0
    connection.execute(_CLAIM, cells)


def release(connection: sqlite3.Connection, turn_id: str) -> None:
    """Delete the entry of a turn that never reached the worker."""
    connection.execute("DELETE FROM remote_turns WHERE turn_id = ?", (pack(turn_id),))


_PROMPT_COUNT: Final = (
    "SELECT data FROM frames WHERE turn_id = ? AND framing = 'note' AND event = ? ORDER BY seq DESC LIMIT 1"
)


def stored_prompt_count(connection: sqlite3.Connection, turn_id: str) -> int | None:
    """How many messages of the worker had the same text before this one; None when it was not read."""
    row = connection.execute(_PROMPT_COUNT, (pack(turn_id), str(Marker.ASKED))).fetchone()
    try:
        times = None if row is None else as_object(parse(unpack(row["data"]))).get("times")
    except NotJson:
        return None
    return times if isinstance(times, int) else None


def _prompt_cells(base_url: str, worker_id: str, prompt: str) -> dict[str, Cell]:
    return {"base_url": pack(base_url), "worker_id": pack(worker_id), "prompt_key": prompt_key(prompt)}


_PUT_EVENTS: Final = """
    INSERT INTO worker_turns (turn_id, base_url, worker_id, session_id, events) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (turn_id) DO UPDATE SET
        worker_id = excluded.worker_id, session_id = excluded.session_id, events = excluded.events
"""
_PUT_SENDING: Final = """
    INSERT OR IGNORE INTO worker_turns (turn_id, base_url, worker_id, session_id, events)
    SELECT t.turn_id, s.base_url, :worker_id, s.session_id, :events
      FROM turns t JOIN sessions s ON s.session_id = t.session_id WHERE t.turn_id = :turn_id
"""
# A turn that was refused has no end.
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
_ONE_TURN: Final = _ROWS.format(which="w.turn_id = ?")
_ENDED_EVENT: Final = '"ended",false'
_TURNS_OF_SESSION: Final = """
    SELECT w.turn_id, w.worker_id FROM turns t JOIN worker_turns w ON w.turn_id = t.turn_id
     WHERE t.session_id = ?
"""
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
        worker_id = turn.target
        if worker_id is not None and turn.status is not TurnStatus.QUEUED:
            events = events_text(turn, creates=_creates(session, turn))
            name = pack(turn.turn_id)
            stored = connection.execute(_EVENTS, (name,)).fetchone()
            # Another program may have read the worker after this one.
            if stored is None or (stored[0] != events and newest_ms(stored[0]) <= newest_event_ms(turn)):
                rows.append((name, pack(session.base_url), pack(worker_id), pack(session.session_id), events))
    return rows


def write(connection: sqlite3.Connection, rows: Iterable[tuple[Cell, ...]]) -> None:
    """Write the result of `new_rows`, inside a transaction of the caller."""
    connection.executemany(_PUT_EVENTS, rows)


def store_sending(connection: sqlite3.Connection, turn_id: str, worker_id: str, at_ms: int) -> None:
    """Store that a turn is being sent: other sessions must know that it may spend."""
    cells = {"turn_id": pack(turn_id), "worker_id": pack(worker_id), "events": sent_text(at_ms)}
    connection.execute(_PUT_SENDING, cells)


def others(
    connection: sqlite3.Connection, session: Session, overtaken: Collection[str] = ()
) -> RelatedHistory:
    """The turns on the workers of `session` that it does not hold, and the rulings on these workers.

    The turns belong to other sessions, or were added to this one by another program. They include turns of
    `session` whose copy here is older: those in `overtaken`, and one that runs here and that another program
    has ended in the meantime.
    """
    # What this history has recorded of an imported turn wins over what the file says of it.
    ours = session.ours
    own = {pack(turn.turn_id) for turn in ours if not turn.live}.difference(map(pack, overtaken))
    running = {turn.turn_id for turn in ours if turn.live}.difference(overtaken)
    rows: list[sqlite3.Row] = []
    rulings: list[Ruling] = []
    stored = connection.execute(_TURNS_OF_SESSION, (pack(session.session_id),)).fetchall()
    for name in (name for name, _ in stored if name not in own):
        turn_id = unpack(name)
        ended = connection.execute(_ONE_TURN, (name,)).fetchall()
        rows += [row for row in ended if turn_id not in running or _ENDED_EVENT in row["events"]]
    # Another program may have begun another worker in this session.
    workers = [*_workers(session), *map(unpack, dict.fromkeys(worker for _, worker in stored))]
    for worker_id in dict.fromkeys(workers):
        of = (pack(session.base_url), pack(worker_id), pack(session.session_id))
        rows += connection.execute(_OTHER_SESSIONS, of).fetchall()
        rulings += rulings_on(connection, session.base_url, worker_id)
    turns: list[OtherTurn] = []
    for row in rows:
        other_id, worker, events, its_session = map(unpack, row)
        other = OtherTurn(other_id, worker, events, its_session)
        is_added = its_session == session.session_id
        turns.append(other._replace(ended=has_ended(other)) if is_added else other)
    return RelatedHistory(tuple(turns), tuple(rulings))


def overtaken_turns(
    connection: sqlite3.Connection, session: Session, newest: Mapping[str, int], among: Collection[str] | None
) -> set[str]:
    """The ids of turns of which another program has stored later events than `session` holds.

    `newest`: the time of the newest event of each turn of the session. `among`: only these turns; None: all.
    """
    if among is not None and not among:
        return set()
    turn_ids: set[str] = set()
    for worker_id in _workers(session):
        of = (pack(session.base_url), pack(worker_id), pack(session.session_id))
        for row in connection.execute(_EVENTS_OF_SESSION, of):
            turn_id = unpack(row["turn_id"])
            is_compared = turn_id in (newest if among is None else among)
            if is_compared and newest_ms(row["events"]) > newest.get(turn_id, 0):
                turn_ids.add(turn_id)
    return turn_ids


def _workers(session: Session) -> Iterable[str]:
    return dict.fromkeys(filter(None, (*(turn.target for turn in session.turns), session.worker_id)))


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


def _creates(session: Session, turn: Turn) -> bool:
    if turn.request.target_id is not None:
        # Nearly all turns of a long session: the earlier ones need not be looked at.
        return False
    earlier = takewhile(lambda one: one is not turn, session.turns)
    return creates_worker(turn, [timeline_of(one) for one in earlier if one.status not in FREE])
