"""Writes: everything that changes the database, each in one transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from typing import Final

from handinger_tui.core.drafts import attachments_text
from handinger_tui.core.fold import fold
from handinger_tui.core.frames import Framing, Note
from handinger_tui.core.jsontext import as_object, as_text, parse
from handinger_tui.core.readings import worker_of
from handinger_tui.core.remote_turn import RemoteTurn
from handinger_tui.core.replacing import replace
from handinger_tui.core.session import Session, title_from
from handinger_tui.core.turn import FREE, LIVE, Order, Turn, TurnStatus
from handinger_tui.ledger import identity, reads
from handinger_tui.ledger.charging import news, open_charge, write_charges
from handinger_tui.ledger.compared import Compared
from handinger_tui.ledger.gathering import gather
from handinger_tui.ledger.rows import TurnFrame, fitting, frame_row, pack, pack_optional, unpack_optional
from handinger_tui.ledger.worker_names import WorkerNames


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


def write_frames(
    connection: sqlite3.Connection, frames: Sequence[TurnFrame], run: str, names: WorkerNames
) -> None:
    """Commit frames in order, and in the same transaction what they say about the turn's row.

    A turn that is watched again is open again, and this run's. One whose request may leave is no
    longer queued, and has its place among the worker's messages. A new worker belongs to the turn
    and its session with the first frame that names it.
    """
    with transaction(connection):
        workers = _workers(connection, {item.turn_id for item in frames})
        kept = [item for item in frames if item.turn_id in workers]
        connection.executemany(_FRAME, map(frame_row, kept))
        for item in kept:
            if item.frame.framing is Framing.NOTE:
                _follow_note(connection, item, run)
        for turn_id, worker_id in names.named(workers, kept):
            _name_worker(connection, turn_id, worker_id)


def _workers(connection: sqlite3.Connection, turn_ids: set[str]) -> dict[str, str | None]:
    """The turns that are there, each with its worker. The frames of a deleted one have nowhere to go."""
    asked = "SELECT worker_id FROM turns WHERE turn_id = ?"
    rows = ((one, connection.execute(asked, (pack(one),)).fetchone()) for one in turn_ids)
    return {one: unpack_optional(row["worker_id"]) for one, row in rows if row is not None}


def _follow_note(connection: sqlite3.Connection, item: TurnFrame, run: str) -> None:
    turn_id = pack(item.turn_id)
    if item.frame.event == Note.WATCHING:
        connection.execute("UPDATE turns SET settled_ms = NULL, run = ? WHERE turn_id = ?", (run, turn_id))
    elif item.frame.event == Note.SENDING:
        for table in ("turns", "turn_totals"):
            connection.execute(
                f"UPDATE {table} SET status = ? WHERE turn_id = ? AND status = ?",  # noqa: S608  # constants
                (str(TurnStatus.SENDING), turn_id, str(TurnStatus.QUEUED)),
            )
        worker_id = as_text(as_object(parse(item.frame.data)).get("worker_id"))
        if worker_id is not None:
            times = identity.times_asked(connection, item.turn_id)
            identity.claim(connection, item.turn_id, worker_id, times)


def _name_worker(connection: sqlite3.Connection, turn_id: str, worker_id: str) -> None:
    cells = (pack(worker_id), pack(turn_id))
    connection.execute(
        "UPDATE sessions SET worker_id = ?"
        " WHERE session_id = (SELECT session_id FROM turns WHERE turn_id = ? AND worker_id IS NULL)",
        cells,
    )
    for table in ("turns", "turn_totals"):
        connection.execute(f"UPDATE {table} SET worker_id = ? WHERE turn_id = ? AND worker_id IS NULL", cells)  # noqa: S608  # constants
    # The first message of a new worker.
    identity.claim(connection, turn_id, worker_id, 0)


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


def open_turn(
    connection: sqlite3.Connection,
    session: Session,
    order: Order,
    run: str,
    settles: TurnFrame | None = None,
) -> None:
    """Put the order on disk before a byte may leave, with a charge of which nothing is known yet.

    `settles`: the last frame of a queued turn whose place this one takes.
    """
    with transaction(connection, Care.FULL):
        place = None if settles is None else _settle_replaced(connection, settles)
        _put_session(connection, session, order.created_ms, title_from(order.prompt))
        _put_turn(connection, session, order, run, TurnStatus.QUEUED)
        open_charge(connection, session, order)
        if place is not None:
            connection.execute("UPDATE turns SET place = ? WHERE turn_id = ?", (place, pack(order.turn_id)))


def _settle_replaced(connection: sqlite3.Connection, settles: TurnFrame) -> int | None:
    """Close a queued turn and move it to the end; returns the place that is free now."""
    turn_id = pack(settles.turn_id)
    connection.execute(_FRAME, frame_row(settles))
    row = connection.execute("SELECT place FROM turns WHERE turn_id = ?", (turn_id,)).fetchone()
    connection.execute(
        "UPDATE turns SET place = (SELECT MAX(place) + 1 FROM turns), status = ?, settled_ms = ?"
        " WHERE turn_id = ?",
        (str(TurnStatus.NOT_SENT), settles.frame.at_ms, turn_id),
    )
    return None if row is None else int(row["place"])


def adopt(
    connection: sqlite3.Connection,
    session: Session,
    turns: Sequence[RemoteTurn],
    run: str,
    compared: Compared,
    waiting: Sequence[TurnFrame],
) -> Session:
    """Enter turns that a worker has and the history has not; returns the stored session that holds them."""
    with transaction(connection, Care.FULL):
        session = reads.stored_session(connection, session)
        entered: list[RemoteTurn] = []
        for turn in turns:
            entry = identity.entry_of(connection, session, turn)
            if entry is None:
                entered.append(turn)
            elif entry.session_id is None:
                # Its session was removed: what it cost is charged to this entry already.
                order = replace(turn.order, turn_id=entry.turn_id)
                entered.append(turn._replace(order=order))
            elif entry.session_id == session.session_id:
                # A session is in order: what stands before a turn of it can no longer join it.
                entered.clear()
        for turn in entered:
            _enter(connection, session, turn, run)
        loaded = reads.load(connection, session.session_id, waiting)
        if loaded is None:
            return session
        if entered:
            write_charges(connection, loaded, compared)
        return loaded


def _enter(connection: sqlite3.Connection, session: Session, turn: RemoteTurn, run: str) -> None:
    order = turn.order
    now = fold(order, turn.frames)
    runs_on = now.live or now.status is TurnStatus.RUNNING
    _put_session(connection, session, order.created_ms, title_from(order.prompt))
    _put_turn(connection, session, order, run, now.status)
    connection.executemany(_FRAME, [frame_row(TurnFrame(order.turn_id, one)) for one in turn.frames])
    identity.enter(connection, session, turn)
    if not runs_on:
        connection.execute(
            "UPDATE turns SET settled_ms = ? WHERE turn_id = ?", (order.created_ms, pack(order.turn_id))
        )
        _put_answer(connection, now)


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
        _put_answer(connection, turn)
        _place(connection, turn)
        if turn.status not in LIVE:
            gather(connection, turn.turn_id)
        write_charges(connection, session, compared)


def move_last(connection: sqlite3.Connection, turn_ids: Sequence[str]) -> None:
    """Turns stand in the order in which they start: those that were overtaken move to the end."""
    move = "UPDATE turns SET place = (SELECT MAX(place) + 1 FROM turns) WHERE turn_id = ?"
    with transaction(connection):
        for turn_id in turn_ids:
            connection.execute(move, (pack(turn_id),))


def _place(connection: sqlite3.Connection, turn: Turn) -> None:
    """Which message of the worker the turn is; none, where the worker never got it."""
    worker_id = worker_of(turn)
    if turn.status in FREE:
        identity.release(connection, turn.turn_id)
    elif worker_id is not None and turn.status is not TurnStatus.QUEUED:
        # A turn of a new worker is its first message.
        times = 0 if turn.order.worker_id is None else turn.order.seen_before
        identity.claim(connection, turn.turn_id, worker_id, times)


def _put_answer(connection: sqlite3.Connection, turn: Turn) -> None:
    connection.execute(
        "INSERT INTO answers (turn_id, text) VALUES (?, ?)"
        " ON CONFLICT (turn_id) DO UPDATE SET text = excluded.text",
        (pack(turn.turn_id), pack(turn.text)),
    )


def _put_turn(
    connection: sqlite3.Connection, session: Session, order: Order, run: str, status: TurnStatus
) -> None:
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
        str(status),
        run,
        str(order.trigger),
    )
    connection.execute(_TURN, cells)


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
