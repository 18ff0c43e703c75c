"""Writes: everything that changes the database, each in one transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from typing import Final

from handinger_tui.core.drafts import attachments_text
from handinger_tui.core.frames import Framing, Note
from handinger_tui.core.session import Session, title_from
from handinger_tui.core.turn import LIVE, Order, Turn, TurnStatus
from handinger_tui.ledger.charging import news, write_charges
from handinger_tui.ledger.compared import Compared
from handinger_tui.ledger.gathering import gather
from handinger_tui.ledger.rows import TurnFrame, fitting, frame_row, pack, pack_optional


class Care(StrEnum):
    """How surely a commit is on the disk."""

    NORMAL = "NORMAL"
    """Survives the end of the program."""
    FULL = "FULL"
    """Survives a power cut."""


@contextmanager
def transaction(connection: sqlite3.Connection, care: Care = Care.NORMAL) -> Iterator[None]:
    """All or nothing. Takes the write lock first, so that waiting for it obeys the patience."""
    connection.execute(f"PRAGMA synchronous = {care}")
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # A full disk may have rolled back already.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


# A frame that is there already stays as it is, so that writing again after a doubtful commit repeats nothing.
_FRAME: Final = """
    INSERT OR IGNORE INTO frames (turn_id, seq, at_ms, framing, event, id, data) VALUES (?, ?, ?, ?, ?, ?, ?)
"""


def write_frames(connection: sqlite3.Connection, frames: Sequence[TurnFrame], run: str) -> None:
    """Commit frames in order; a turn that is watched again is open again, and this run's."""
    watched = [(run, pack(item.turn_id)) for item in frames if _is_watching(item)]
    with transaction(connection):
        known = _known(connection, {item.turn_id for item in frames})
        connection.executemany(_FRAME, [frame_row(item) for item in frames if item.turn_id in known])
        if watched:
            connection.executemany("UPDATE turns SET settled_ms = NULL, run = ? WHERE turn_id = ?", watched)


def _known(connection: sqlite3.Connection, turn_ids: set[str]) -> set[str]:
    """Those of the turns that are there. The frames of one that was deleted have nowhere to go."""
    asked = "SELECT 1 FROM turns WHERE turn_id = ?"
    return {one for one in turn_ids if connection.execute(asked, (pack(one),)).fetchone()}


def _is_watching(item: TurnFrame) -> bool:
    return item.frame.framing is Framing.NOTE and item.frame.event == Note.WATCHING


# `unread` is set as the session is made, and from then on only by mark_read and mark_unread: a session
# value in memory may be older than what the person has seen.
_SESSION: Final = """
    INSERT INTO sessions
        (session_id, generation, base_url, worker_id, task_id, title, created_ms, updated_ms, unread)
    VALUES
        (:session_id, :generation, :base_url, :worker_id, :task_id, :title, :created_ms, :updated_ms, :unread)
    ON CONFLICT (session_id) DO UPDATE SET
        worker_id = COALESCE(excluded.worker_id, worker_id),
        task_id = COALESCE(excluded.task_id, task_id),
        title = CASE WHEN title = '' THEN excluded.title ELSE title END,
        updated_ms = MAX(updated_ms, excluded.updated_ms)
"""

_TURN: Final = """
    INSERT INTO turns
        (turn_id, session_id, prompt, created_ms, ordered_worker_id, worker_id, budget, attachments,
         seen_before, status, run, started_by)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""


def open_turn(connection: sqlite3.Connection, session: Session, order: Order, run: str) -> None:
    """Put the order on disk before a byte may leave."""
    with transaction(connection, Care.FULL):
        _put_session(connection, session, order.created_ms, title_from(order.prompt))
        cells = (
            pack(order.turn_id),
            pack(session.session_id),
            pack(order.prompt),
            order.created_ms,
            pack_optional(order.worker_id),
            pack_optional(order.worker_id),
            pack_optional(order.budget),
            attachments_text(order.attachments),
            order.seen_before,
            str(TurnStatus.QUEUED),
            run,
            str(order.trigger),
        )
        connection.execute(_TURN, cells)


def close_turn(connection: sqlite3.Connection, session: Session, turn: Turn, compared: Compared) -> None:
    """Status, answer, and what was charged. `session` holds `turn` and the turns before it."""
    at_ms = turn.ended_ms if turn.ended_ms is not None else turn.order.created_ms
    with transaction(connection, Care.FULL):
        connection.execute(
            "UPDATE turns SET status = ?, settled_ms = ?, worker_id = COALESCE(?, worker_id),"
            " ordered_worker_id = ?, seen_before = ? WHERE turn_id = ?",
            (
                str(turn.status),
                None if turn.status in LIVE else at_ms,
                pack_optional(turn.worker_id),
                pack_optional(turn.order.worker_id),
                fitting(turn.order.seen_before),
                pack(turn.turn_id),
            ),
        )
        if not connection.execute("SELECT changes()").fetchone()[0]:
            # Deleted meanwhile: only what it cost is kept.
            write_charges(connection, session, compared)
            return
        _put_session(connection, session, max(at_ms, session.updated_ms), "")
        connection.execute(
            "INSERT INTO answers (turn_id, text) VALUES (?, ?)"
            " ON CONFLICT (turn_id) DO UPDATE SET text = excluded.text",
            (pack(turn.turn_id), pack(turn.text)),
        )
        if turn.status not in LIVE:
            gather(connection, turn.turn_id)
        write_charges(connection, session, compared)


def move_last(connection: sqlite3.Connection, turn_id: str) -> None:
    """Turns stand in the order in which they started: one that was overtaken moves to the end."""
    with transaction(connection):
        connection.execute(
            "UPDATE turns SET place = (SELECT MAX(place) + 1 FROM turns) WHERE turn_id = ?", (pack(turn_id),)
        )


def charge(connection: sqlite3.Connection, session: Session, compared: Compared) -> None:
    """Write what the turns took so far. Asked often: it takes the write lock only when there is news."""
    if news(connection, session, compared):
        with transaction(connection):
            # Looked at again: another process may have written the same meanwhile.
            write_charges(connection, session, compared)


def _put_session(connection: sqlite3.Connection, session: Session, updated_ms: int, title: str) -> None:
    cells = {
        "session_id": pack(session.session_id),
        "generation": pack(session.generation),
        "base_url": pack(session.base_url),
        "worker_id": pack_optional(session.worker_id),
        "task_id": pack_optional(session.task_id),
        "title": pack(session.title or title),
        "created_ms": session.created_ms,
        "updated_ms": updated_ms,
        "unread": session.unread,
    }
    connection.execute(_SESSION, cells)


def remember_worker(connection: sqlite3.Connection, session_id: str, worker_id: str) -> None:
    """The service told the worker's id: the session and its open turns belong to it."""
    cells = (pack(worker_id), pack(session_id))
    with transaction(connection):
        connection.execute("UPDATE sessions SET worker_id = ? WHERE session_id = ?", cells)
        connection.execute(
            "UPDATE turns SET worker_id = ?"
            " WHERE session_id = ? AND worker_id IS NULL AND settled_ms IS NULL",
            cells,
        )


def rename(connection: sqlite3.Connection, session_id: str, title: str) -> None:
    """Give a session a title of the person's own."""
    with transaction(connection):
        cells = (pack(title), pack(session_id))
        connection.execute("UPDATE sessions SET title = ? WHERE session_id = ?", cells)


def mark_read(connection: sqlite3.Connection, session_id: str) -> None:
    """The person has seen the newest answer."""
    with transaction(connection):
        connection.execute("UPDATE sessions SET unread = 0 WHERE session_id = ?", (pack(session_id),))


def mark_unread(connection: sqlite3.Connection, session_id: str) -> None:
    """Something ended that the person has not seen."""
    with transaction(connection):
        connection.execute("UPDATE sessions SET unread = 1 WHERE session_id = ?", (pack(session_id),))


def delete(connection: sqlite3.Connection, session_id: str) -> None:
    """Remove a session with its turns, frames and draft. Its charges stay."""
    with transaction(connection):
        connection.execute("DELETE FROM sessions WHERE session_id = ?", (pack(session_id),))
        connection.execute("DELETE FROM drafts WHERE session_id = ?", (pack(session_id),))


def save_draft(connection: sqlite3.Connection, session_id: str, text: str) -> None:
    """Keep what is typed and not sent; "" forgets it."""
    with transaction(connection):
        if text:
            connection.execute(
                "INSERT INTO drafts (session_id, text) VALUES (?, ?)"
                " ON CONFLICT (session_id) DO UPDATE SET text = excluded.text",
                (pack(session_id), pack(text)),
            )
        else:
            connection.execute("DELETE FROM drafts WHERE session_id = ?", (pack(session_id),))
