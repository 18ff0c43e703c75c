"""Reads: what the history knows, in single queries."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Final

from handinger_tui.core.fold import Fold
from handinger_tui.core.frames import Frame
from handinger_tui.core.jsontext import NotJson, as_object, parse_exact
from handinger_tui.core.readings import newest_worker
from handinger_tui.core.replacing import replace
from handinger_tui.core.session import SearchHit, Session, SessionSummary
from handinger_tui.core.snapshot import snapshot_of
from handinger_tui.core.turn import Order, Turn
from handinger_tui.ledger.gathering import stored_frames, told_frames
from handinger_tui.ledger.rows import (
    TurnFrame,
    order_of,
    pack,
    session_of,
    summary_of,
    unpack,
    whole,
)

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


def unsettled(connection: sqlite3.Connection) -> list[tuple[str, Session, Order]]:
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
