"""Remote turns: which message of which worker each turn is, so that no remote turn is stored twice."""

from __future__ import annotations

import sqlite3
from typing import Final

from msgspec import Struct

from handinger_tui.core.jsontext import NotJson, as_object, parse
from handinger_tui.core.stream.frames import Marker
from handinger_tui.core.turns.messages import normalized_prompt
from handinger_tui.core.turns.session import RemoteTurn, Session
from handinger_tui.ledger.rows import Cell, pack, pack_optional, unpack, unpack_optional


def asked_key(prompt: object) -> str:
    """A short key that is equal for texts that count as the same prompt (`normalized_prompt`)."""
    from hashlib import sha256  # noqa: PLC0415 - loads OpenSSL, 2 MB, which a start has no use for

    return sha256(normalized_prompt(unpack(prompt)).encode("utf-8", "surrogatepass")).hexdigest()[:32]


class Entry(Struct, frozen=True):
    """The existing entry of a remote turn. `session_id` None: its session was removed."""

    turn_id: str
    session_id: str | None


_SAME: Final = "base_url = :base_url AND worker_id = :worker_id AND asked = :asked"
_ENTRY: Final = f"""
    SELECT r.turn_id, (SELECT t.session_id FROM turns t WHERE t.turn_id = r.turn_id) AS session_id
      FROM remote_turns r
     WHERE {_SAME} AND (times = :times OR message_id = :message_id)
     ORDER BY times = :times LIMIT 1
"""
_NAME: Final = f"""
    UPDATE OR IGNORE remote_turns SET message_id = :message_id
     WHERE {_SAME} AND times = :times AND message_id IS NULL
"""
_TAKEN: Final = f"SELECT 1 FROM remote_turns WHERE {_SAME} AND times = :times"
_FREE: Final = f"SELECT MAX(times) + 1 FROM remote_turns WHERE {_SAME}"
_CLAIM: Final = """
    INSERT OR IGNORE INTO remote_turns (base_url, worker_id, asked, times, message_id, turn_id)
    VALUES (:base_url, :worker_id, :asked, :times, :message_id, :turn_id)
"""


def entry_of(connection: sqlite3.Connection, session: Session, turn: RemoteTurn) -> Entry | None:
    """The entry of `turn` in any session of the worker; None where the turn is new."""
    cells = _cells(session.base_url, turn.order.worker_id or "", turn.order.prompt)
    cells |= {"times": turn.order.seen_before or 0, "message_id": pack_optional(turn.message_id)}
    row = connection.execute(_ENTRY, cells).fetchone()
    if row is None:
        return None
    if turn.message_id is not None:
        connection.execute(_NAME, cells)
    return Entry(unpack(row["turn_id"]), unpack_optional(row["session_id"]))


def enter(connection: sqlite3.Connection, session: Session, turn: RemoteTurn) -> None:
    """Store the entry of a turn for which `entry_of` found none in the same transaction."""
    cells = _cells(session.base_url, turn.order.worker_id or "", turn.order.prompt)
    cells |= {
        "times": turn.order.seen_before or 0,
        "message_id": pack_optional(turn.message_id),
        "turn_id": pack(turn.order.turn_id),
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
    cells = _cells(unpack(row["base_url"]), worker_id, unpack(row["prompt"]))
    cells |= {"times": times or 0, "message_id": None, "turn_id": pack(turn_id)}
    if times is None or connection.execute(_TAKEN, cells).fetchone() is not None:
        cells["times"] = connection.execute(_FREE, cells).fetchone()[0] or 0
    connection.execute(_CLAIM, cells)


def release(connection: sqlite3.Connection, turn_id: str) -> None:
    """Delete the entry of a turn that never reached the worker."""
    connection.execute("DELETE FROM remote_turns WHERE turn_id = ?", (pack(turn_id),))


_TIMES_ASKED: Final = (
    "SELECT data FROM frames WHERE turn_id = ? AND framing = 'note' AND event = ? ORDER BY seq DESC LIMIT 1"
)


def times_asked(connection: sqlite3.Connection, turn_id: str) -> int | None:
    """How many messages of the worker had the same text before this one; None when it was not read."""
    row = connection.execute(_TIMES_ASKED, (pack(turn_id), str(Marker.ASKED))).fetchone()
    try:
        times = None if row is None else as_object(parse(unpack(row["data"]))).get("times")
    except NotJson:
        return None
    return times if isinstance(times, int) else None


def _cells(base_url: str, worker_id: str, prompt: str) -> dict[str, Cell]:
    return {"base_url": pack(base_url), "worker_id": pack(worker_id), "asked": asked_key(prompt)}
