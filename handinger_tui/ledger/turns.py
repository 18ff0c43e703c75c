"""Sessions, turns and frames in the database: single queries, and changes in one transaction each."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from itertools import chain, groupby
from operator import itemgetter
from typing import Final

from handinger_tui.core.jsontext import NotJson, as_object, as_text, parse, parse_exact
from handinger_tui.core.money.attribution import newest_worker, worker_of
from handinger_tui.core.prompts.drafts import attachments_text
from handinger_tui.core.replacing import replace
from handinger_tui.core.stream.frame_compaction import RULE, gathered
from handinger_tui.core.stream.frames import Frame, Framing, Marker
from handinger_tui.core.stream.worker_snapshot import snapshot_of
from handinger_tui.core.turns.fold import Fold, fold
from handinger_tui.core.turns.remote_turn import RemoteTurn
from handinger_tui.core.turns.session import SearchHit, Session, SessionSummary, title_from
from handinger_tui.core.turns.turn import FREE, LIVE, Turn, TurnRequest, TurnStatus
from handinger_tui.ledger import remote_turns
from handinger_tui.ledger.charge_writer import ChargeCache, news, open_charge, write_charges
from handinger_tui.ledger.rows import (
    FRAME_COLUMNS,
    TurnFrame,
    fitting,
    frame_of,
    frame_row,
    order_of,
    pack,
    pack_optional,
    session_of,
    summary_of,
    unpack,
    unpack_optional,
    whole,
)
from handinger_tui.ledger.worker_names import WorkerNames

SUMMARIES: Final = """
    SELECT s.session_id, s.worker_id, s.base_url, s.title, s.created_ms, s.updated_ms, s.unread,
           (SELECT COUNT(*) FROM turns t WHERE t.session_id = s.session_id) AS turns,
           (SELECT status FROM turns t WHERE t.session_id = s.session_id
             ORDER BY place DESC LIMIT 1) AS last_status,
           EXISTS (SELECT 1 FROM turns t WHERE t.session_id = s.session_id AND t.settled_ms IS NULL) AS live,
           SUM(m.usd_pico / 1000000) AS usd_high, SUM(m.usd_pico % 1000000) AS usd_low,
           SUM(m.micro_credits / 1000000) AS credits_high, SUM(m.micro_credits % 1000000) AS credits_low,
           COALESCE(SUM(m.told & 1), 0) AS usd_known, COALESCE(SUM(m.told >> 1 & 1), 0) AS credits_known
      FROM sessions s LEFT JOIN turn_totals m ON m.session_id = s.session_id
"""
_NEWEST_FIRST: Final = " GROUP BY s.session_id ORDER BY s.updated_ms DESC, s.rowid DESC LIMIT ?"


def sessions(connection: sqlite3.Connection, limit: int) -> list[SessionSummary]:
    """The newest `limit` sessions, newest first."""
    return [summary_of(row) for row in connection.execute(SUMMARIES + _NEWEST_FIRST, (limit,))]


def find(connection: sqlite3.Connection, prefix: str) -> list[str]:
    """Sessions whose own, worker's or task's id is or begins with `prefix`; an exact one wins alone."""
    rows = connection.execute(
        "SELECT session_id, worker_id, task_id FROM sessions WHERE substr(session_id, 1, :n) = :p"
        " OR substr(worker_id, 1, :n) = :p OR substr(task_id, 1, :n) = :p"
        " ORDER BY updated_ms DESC, rowid DESC",
        {"p": pack(prefix), "n": len(prefix)},
    ).fetchall()
    exact = [row for row in rows if pack(prefix) in tuple(row)]
    return [unpack(row["session_id"]) for row in exact or rows]


def prompts(connection: sqlite3.Connection, limit: int) -> list[str]:
    """The newest `limit` different prompts, newest last."""
    rows = connection.execute(
        "SELECT prompt FROM turns WHERE prompt <> '' GROUP BY prompt ORDER BY MAX(place) DESC LIMIT ?",
        (limit,),
    )
    return [unpack(row["prompt"]) for row in rows][::-1]


def draft(connection: sqlite3.Connection, session_id: str) -> str:
    """What was typed and not sent; "" when nothing was."""
    row = connection.execute("SELECT text FROM drafts WHERE session_id = ?", (pack(session_id),)).fetchone()
    return "" if row is None else unpack(row["text"])


def frames(connection: sqlite3.Connection, turn_id: str, waiting: Iterable[TurnFrame]) -> list[Frame]:
    """The frames of one turn in order, with those the disk has not taken (`waiting`)."""
    queued = (item.frame for item in waiting if item.turn_id == turn_id)
    return [*stored_frames(connection, turn_id), *queued]


def load_turn(connection: sqlite3.Connection, turn_id: str, waiting: Iterable[TurnFrame]) -> Turn | None:
    """One turn, folded; None when it is not known."""
    row = connection.execute("SELECT * FROM turns WHERE turn_id = ?", (pack(turn_id),)).fetchone()
    if row is None:
        return None
    folding = Fold(order_of(row))
    for frame in frames(connection, turn_id, waiting):
        folding.take(frame)
    return folding.turn


def load(connection: sqlite3.Connection, session_id: str, waiting: Sequence[TurnFrame]) -> Session | None:
    """The session with every turn folded, in one pass over its frames; None when it is not known.

    Ask inside one moment (`access.one_moment`).
    """
    key = (pack(session_id),)
    row = connection.execute("SELECT * FROM sessions WHERE session_id = ?", key).fetchone()
    if row is None:
        return None
    rows = connection.execute("SELECT * FROM turns WHERE session_id = ? ORDER BY place", key)
    folds = {order.turn_id: Fold(order) for order in map(order_of, rows)}
    queued = ((item.turn_id, [item.frame]) for item in waiting)
    for turn_id, told in chain(told_frames(connection, session_id), queued):
        folding = folds.get(turn_id)
        if folding is not None:
            for frame in told:
                folding.take(frame)
    session, turns = session_of(row), tuple(folding.turn for folding in folds.values())
    # A program that died may have stored who the worker is with the frames alone.
    return replace(session, turns=turns, worker_id=session.worker_id or newest_worker(turns))


def stored_session(connection: sqlite3.Connection, session: Session) -> Session:
    """`session` itself where it is stored, else the newest one of the same worker, else `session`."""
    own = connection.execute(
        "SELECT 1 FROM sessions WHERE session_id = ?", (pack(session.session_id),)
    ).fetchone()
    if own is not None or session.worker_id is None:
        return session
    row = connection.execute(
        "SELECT * FROM sessions WHERE worker_id = ? AND base_url = ?"
        " ORDER BY updated_ms DESC, rowid DESC LIMIT 1",
        (pack(session.worker_id), pack(session.base_url)),
    ).fetchone()
    return session if row is None else session_of(row)


def unsettled(connection: sqlite3.Connection) -> list[tuple[str, Session, TurnRequest]]:
    """Turns nobody has closed, oldest first: the run that had them, their session (no turns), their order."""
    rows = connection.execute("SELECT * FROM turns WHERE settled_ms IS NULL ORDER BY place").fetchall()
    found = []
    for row in rows:
        owner = connection.execute(
            "SELECT * FROM sessions WHERE session_id = ?", (row["session_id"],)
        ).fetchone()
        found.append((str(row["run"]), session_of(owner), order_of(row)))
    return found


def last_snapshot(connection: sqlite3.Connection, worker_id: str) -> str | None:
    """The newest whole Worker that was read of this worker, as JSON text."""
    rows = connection.execute(
        "SELECT f.data FROM turns t JOIN frames f ON f.turn_id = t.turn_id"
        " WHERE t.worker_id = ? AND f.framing = 'json' ORDER BY f.at_ms DESC, t.place DESC, f.seq DESC",
        (pack(worker_id),),
    )
    return next((text for text in (unpack(row["data"]) for row in rows) if _tells_of(text, worker_id)), None)


def _tells_of(text: str, worker_id: str) -> bool:
    try:
        return snapshot_of(as_object(parse_exact(text))).worker_id == worker_id
    except NotJson:
        return False


# -- search ------------------------------------------------------------------------
_AROUND: Final = 60
"""Characters of the excerpt before and after the first term."""


def search(connection: sqlite3.Connection, text: str, limit: int) -> list[SearchHit]:
    """Turns whose prompt or answer holds every term of `text`, newest first.

    Terms are separated by spaces, and found inside words and without regard to
    case, in every script; nothing in them is a wildcard.
    """
    terms = text.casefold().split()
    hits: list[SearchHit] = []
    if not terms:
        return hits
    rows = connection.execute(
        "SELECT t.session_id, t.turn_id, t.created_ms, t.prompt, a.text, s.title FROM turns t"
        " JOIN sessions s ON s.session_id = t.session_id LEFT JOIN answers a ON a.turn_id = t.turn_id"
        " ORDER BY t.place DESC"
    )
    for row in rows:
        body = unpack(row["prompt"]) + "\n" + unpack(row["text"] or "")
        folded = body.casefold()
        if all(term in folded for term in terms):
            ids = (unpack(row["session_id"]), unpack(row["turn_id"]), unpack(row["title"]))
            hits.append(SearchHit(*ids, whole(row["created_ms"]), _excerpt(body, folded.index(terms[0]))))
            if len(hits) == limit:
                break
    return hits


def _excerpt(body: str, at: int) -> str:
    """One line around a place; case folding may have moved it by a little."""
    start, end = max(0, at - _AROUND), at + _AROUND
    line = " ".join(body[start:end].split())
    return ("…" if start else "") + line + ("…" if end < len(body) else "")


def matching_sessions(connection: sqlite3.Connection, text: str, limit: int) -> list[SessionSummary]:
    """Sessions with a matching turn or title, newest first."""
    matching = {hit.session_id for hit in search(connection, text, limit=-1)}
    terms = text.casefold().split()
    every = sessions(connection, limit=-1)
    titled = {s.session_id for s in every if terms and all(term in s.title.casefold() for term in terms)}
    return [summary for summary in every if summary.session_id in matching | titled][:limit]


WORTH: Final = 32
"""With fewer frames than this a turn is read as quickly as it is."""

_STORED: Final = f"SELECT {FRAME_COLUMNS} FROM frames WHERE turn_id = ? ORDER BY seq"  # noqa: S608  # names of this package
_OF_SESSION: Final = "FROM turns t {join} gathered g ON g.turn_id = t.turn_id AND g.rule = ?"
_GATHERED: Final = (
    f"SELECT t.turn_id, g.frames {_OF_SESSION.format(join='JOIN')} WHERE t.session_id = ? ORDER BY t.place"
)
_NOT_GATHERED: Final = (
    f"SELECT t.turn_id, {FRAME_COLUMNS} {_OF_SESSION.format(join='LEFT JOIN')}"
    " JOIN frames f ON f.turn_id = t.turn_id AND f.seq >= COALESCE(g.upto, 0)"
    " WHERE t.session_id = ? ORDER BY t.place, f.seq"
)

_GATHERED_FROM: Final = (
    f"SELECT {FRAME_COLUMNS} FROM frames WHERE turn_id = ?1"  # noqa: S608  # names of this package
    " AND seq < (SELECT upto FROM gathered WHERE turn_id = ?1) ORDER BY seq"
)


def stored_frames(connection: sqlite3.Connection, turn_id: str) -> list[Frame]:
    """The frames of one turn as they arrived, in order.

    Raises:
        sqlite3.Error
    """
    return [*map(frame_of, connection.execute(_STORED, (pack(turn_id),)))]


def gather(connection: sqlite3.Connection, turn_id: str) -> None:
    """Write the telling of a turn, inside the transaction that closes it.

    Raises:
        sqlite3.Error
    """
    frames = stored_frames(connection, turn_id)
    told = gathered(frames)
    if len(frames) < WORTH or len(told) > len(frames) // 2 or frames[-1].seq != len(frames) - 1:
        return
    rows = [(one.seq, one.at_ms, one.framing, one.event, one.id, one.data) for one in told]
    # ASCII: halves of surrogate pairs, which TEXT cannot hold, are escaped.
    cells = (pack(turn_id), RULE, len(frames), json.dumps(rows, separators=(",", ":")))
    connection.execute(
        "INSERT INTO gathered (turn_id, rule, upto, frames) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (turn_id)"
        " DO UPDATE SET rule = excluded.rule, upto = excluded.upto, frames = excluded.frames",
        cells,
    )


def told_frames(connection: sqlite3.Connection, session_id: str) -> Iterator[tuple[str, Iterable[Frame]]]:
    """All that is needed to fold the turns of a session: by turn id, in the order of the frames of a turn.

    A turn may be told in two parts: what is gathered, then what is not. Ask inside one moment: a turn
    that is gathered between the two queries would be told by neither.

    Raises:
        sqlite3.Error
    """
    of = (RULE, pack(session_id))
    for turn_id, told in connection.execute(_GATHERED, of):
        yield unpack(turn_id), _gathered_frames(connection, turn_id, told)
    # One query for all turns: one each would take as long as everything else here.
    for turn_id, rows in groupby(connection.execute(_NOT_GATHERED, of), itemgetter(0)):
        yield unpack(turn_id), (frame_of(row[1:]) for row in rows)


def _gathered_frames(connection: sqlite3.Connection, turn_id: str | bytes, told: object) -> Iterable[Frame]:
    """What was gathered of a turn; the frames it was made of where it is damaged."""
    try:
        return [*map(frame_of, json.loads(unpack(told)))]
    except (ValueError, TypeError):
        return [*map(frame_of, connection.execute(_GATHERED_FROM, (turn_id,)))]


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
    if item.frame.event == Marker.WATCHING:
        connection.execute("UPDATE turns SET settled_ms = NULL, run = ? WHERE turn_id = ?", (run, turn_id))
    elif item.frame.event == Marker.SENDING:
        for table in ("turns", "turn_totals"):
            connection.execute(
                f"UPDATE {table} SET status = ? WHERE turn_id = ? AND status = ?",  # noqa: S608  # constants
                (str(TurnStatus.SENDING), turn_id, str(TurnStatus.QUEUED)),
            )
        worker_id = as_text(as_object(parse(item.frame.data)).get("worker_id"))
        if worker_id is not None:
            times = remote_turns.times_asked(connection, item.turn_id)
            remote_turns.claim(connection, item.turn_id, worker_id, times)


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
    remote_turns.claim(connection, turn_id, worker_id, 0)


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
    order: TurnRequest,
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
    compared: ChargeCache,
    waiting: Sequence[TurnFrame],
) -> Session:
    """Enter turns that a worker has and the history has not; returns the stored session that holds them."""
    with transaction(connection, Care.FULL):
        session = stored_session(connection, session)
        entered: list[RemoteTurn] = []
        for turn in turns:
            entry = remote_turns.entry_of(connection, session, turn)
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
        loaded = load(connection, session.session_id, waiting)
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
    remote_turns.enter(connection, session, turn)
    if not runs_on:
        connection.execute(
            "UPDATE turns SET settled_ms = ? WHERE turn_id = ?", (order.created_ms, pack(order.turn_id))
        )
        _put_answer(connection, now)


def close_turn(connection: sqlite3.Connection, session: Session, turn: Turn, compared: ChargeCache) -> None:
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
        remote_turns.release(connection, turn.turn_id)
    elif worker_id is not None and turn.status is not TurnStatus.QUEUED:
        # A turn of a new worker is its first message.
        times = 0 if turn.order.worker_id is None else turn.order.seen_before
        remote_turns.claim(connection, turn.turn_id, worker_id, times)


def _put_answer(connection: sqlite3.Connection, turn: Turn) -> None:
    connection.execute(
        "INSERT INTO answers (turn_id, text) VALUES (?, ?)"
        " ON CONFLICT (turn_id) DO UPDATE SET text = excluded.text",
        (pack(turn.turn_id), pack(turn.text)),
    )


def _put_turn(
    connection: sqlite3.Connection, session: Session, order: TurnRequest, run: str, status: TurnStatus
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


def charge(connection: sqlite3.Connection, session: Session, compared: ChargeCache) -> None:
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
