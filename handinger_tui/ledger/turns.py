"""Turns in the database: loaded by folding their frames, and written in one transaction per change."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Final, NamedTuple

from msgspec.structs import replace

from handinger_tui.core.jsontext import as_object, parse, text_at
from handinger_tui.core.prompts import attachments_to_text, lineage_to_text
from handinger_tui.core.stream import Framing, Marker
from handinger_tui.core.turns.fold import Fold, fold
from handinger_tui.core.turns.session import (
    LOCAL,
    NOTHING_SAID,
    RelatedHistory,
    RemoteTurn,
    Session,
    about,
    newest_target,
    put_turn,
    title_from,
)
from handinger_tui.core.turns.turn import (
    FREE,
    LATE_MS,
    LIVE,
    NO_DAY,
    SETTLE_MS,
    UNDECIDED,
    Turn,
    TurnRequest,
    TurnStatus,
)
from handinger_tui.ledger import search
from handinger_tui.ledger.charges import entries, limits, worker_turns
from handinger_tui.ledger.frames import (
    FrameNumbers,
    WorkerNames,
    frames,
    frames_of_session,
    put_frames,
    store_compact_frames,
)
from handinger_tui.ledger.sql import (
    Care,
    TurnFrame,
    about_to_text,
    int64_or_none,
    listed,
    pack,
    pack_optional,
    request_of,
    session_of,
    transaction,
    unpack_optional,
)

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Sequence


def claim(connection: sqlite3.Connection, turn_id: str, run: str, is_alive: Callable[[str], bool]) -> bool:
    """Make an open turn that of `run`; False while another run that `is_alive` has it.

    A turn that has ended has no owner: every program may add a reading of its worker.
    """
    with transaction(connection):
        row = connection.execute(_OWNER, (pack(turn_id),)).fetchone()
        if row is None or not row["is_open"]:
            return True
        if row["settled_ms"] is None and row["run"] != run and is_alive(str(row["run"])):
            return False
        connection.execute(
            "UPDATE turns SET settled_ms = NULL, run = ? WHERE turn_id = ?", (run, pack(turn_id))
        )
        # What a program that was killed had offered to another one is not sent by both.
        connection.execute("DELETE FROM offers WHERE turn_id = ?", (pack(turn_id),))
        return True


def load_turn(connection: sqlite3.Connection, turn_id: str, waiting: Iterable[TurnFrame]) -> Turn | None:
    """One turn, folded from its frames; None when it is not stored."""
    row = connection.execute("SELECT * FROM turns WHERE turn_id = ?", (pack(turn_id),)).fetchone()
    if row is None:
        return None
    folding = Fold(request_of(row))
    for frame in frames(connection, turn_id, waiting):
        folding.take(frame)
    return folding.turn


def load(connection: sqlite3.Connection, session_id: str, waiting: Sequence[TurnFrame]) -> Session | None:
    """The session with every turn folded, in one pass over its frames; None when it is not stored.

    Call it inside a read transaction (`sql.one_moment`).
    """
    key = (pack(session_id),)
    row = connection.execute("SELECT * FROM sessions WHERE session_id = ?", key).fetchone()
    if row is None:
        return None
    rows = connection.execute("SELECT * FROM turns WHERE session_id = ? ORDER BY place", key)
    folds = {request.turn_id: Fold(request) for request in map(request_of, rows)}
    queued = ((item.turn_id, [item.frame]) for item in waiting)
    for turn_id, turn_frames in chain(frames_of_session(connection, session_id), queued):
        folding = folds.get(turn_id)
        if folding is not None:
            for frame in turn_frames:
                folding.take(frame)
    session, turns = session_of(row), tuple(folding.turn for folding in folds.values())
    # A program that crashed may have stored the id of the worker in the frames only.
    session = replace(session, turns=turns, worker_id=session.worker_id or newest_target(turns))
    return replace(session, elsewhere=worker_turns.others(connection, session))


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
    """Open turns, oldest first: the id of the run that has it, its session (without turns), its request."""
    rows = connection.execute("SELECT * FROM turns WHERE settled_ms IS NULL ORDER BY place").fetchall()
    open_turns = []
    for row in rows:
        owner = connection.execute(
            "SELECT * FROM sessions WHERE session_id = ?", (row["session_id"],)
        ).fetchone()
        open_turns.append((str(row["run"]), session_of(owner), request_of(row)))
    return open_turns


_ENDED: Final = listed((TurnStatus.COMPLETED, TurnStatus.INCOMPLETE, TurnStatus.FAILED))
_UNDECIDED: Final = listed(UNDECIDED)
_OWNER: Final = f"""
    SELECT run, settled_ms, settled_ms IS NULL OR status IN ({_UNDECIDED}) AS is_open
      FROM turns WHERE turn_id = ?
"""
_IS_UNCONFIRMED: Final = "t.turn_id IN (SELECT m.turn_id FROM turn_totals m WHERE m.confirmed IS NULL)"
# The time of the newest figures of a turn.
_NEWEST: Final = """
    COALESCE((SELECT MAX(c.at_ms) FROM charges c
               WHERE c.session_id = t.session_id AND c.turn_id = t.turn_id), t.settled_ms)
"""
# `tried_ms` is negative while the service has not answered.
_TO_READ: Final = f"""
    SELECT t.run AS run_id, s.* FROM turns t JOIN sessions s USING (session_id)
      LEFT JOIN late_reads l USING (session_id)
     WHERE t.settled_ms IS NOT NULL AND t.imported_ms IS NULL
       AND (s.worker_id IS NOT NULL OR t.status = '{TurnStatus.RUNNING}')
       AND (t.status IN ({_UNDECIDED}) OR (
            t.status IN ({_ENDED})
            AND ({_IS_UNCONFIRMED}
                 OR (t.turn_id IN (SELECT m.turn_id FROM turn_totals m WHERE m.at_ms >= :recent_ms)
                     AND COALESCE(l.tried_ms, 0) < {_NEWEST} + {LATE_MS}))))
       AND (:due_ms IS NULL OR t.status = '{TurnStatus.RUNNING}' OR COALESCE(l.tried_ms, 0) <= 0
            OR l.tried_ms - {_NEWEST} <= MAX(:due_ms - l.tried_ms, {2 * SETTLE_MS}))
     ORDER BY t.status IN ({_ENDED}) AND NOT {_IS_UNCONFIRMED}, ABS(COALESCE(l.tried_ms, 0)), t.place DESC
"""
_PUT_LATE_READ: Final = """
    INSERT INTO late_reads (session_id, tried_ms) VALUES (?, ?)
    ON CONFLICT (session_id) DO UPDATE SET tried_ms = excluded.tried_ms
"""


def sessions_to_read(
    connection: sqlite3.Connection, due_ms: int | None, recent_ms: int | None = None
) -> list[tuple[str, Session]]:
    """Sessions (without turns) whose worker may have news, each with the run that had the turn.

    Their turn still ran or was in doubt when it was closed; or it has ended, and no later reading of its
    worker has confirmed its amount. Those that were never tried come first, the newest of them first; then
    those that were not tried for the longest time; those of settled turns come last. `due_ms`: only those
    that are due by then: always in the first minute after the newest figures of the turn, and then when the
    time since these has doubled, so that a worker that never reports any is read ever more rarely. None: all.
    `recent_ms`: also those of settled turns since then, until `LATE_MS` after their newest figures. A worker
    that was never named cannot be read: only a turn that ran there can have an end by now.
    """
    rows = connection.execute(_TO_READ, {"due_ms": due_ms, "recent_ms": recent_ms})
    return [(str(row["run_id"]), session_of(row)) for row in rows]


def note_late_read(connection: sqlite3.Connection, session_id: str, at_ms: int, *, answered: bool) -> None:
    """Store when the worker of a session was read, or when that was tried: others come first next time."""
    with transaction(connection):
        connection.execute(_PUT_LATE_READ, (pack(session_id), at_ms if answered else -at_ms))


# `unread` is set at the creation of a session, and later only by mark_read and mark_unread: a session value
# in memory may be older than what the user has seen.
_PUT_SESSION: Final = """
    INSERT INTO sessions
        (session_id, generation, base_url, worker_id, template, title, created_ms, updated_ms, unread)
    VALUES
        (:session_id, :generation, :base_url, :worker_id, :template, :title, :created_ms, :updated_ms,
         :unread)
    ON CONFLICT (session_id) DO UPDATE SET
        worker_id = COALESCE(excluded.worker_id, worker_id),
        template = COALESCE(excluded.template, template),
        title = CASE WHEN title = '' THEN excluded.title ELSE title END,
        updated_ms = MAX(updated_ms, excluded.updated_ms)
"""

_PUT_TURN: Final = """
    INSERT INTO turns
        (turn_id, session_id, prompt, created_ms, ordered_worker_id, worker_id, budget, attachments,
         seen_before, status, run, started_by, lineage, service_ms, imported_ms)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""


class Run(NamedTuple):
    """One run of the program, stored with the turns that it adds. `folder`: its working directory.

    `key_tail`: the last four characters of its key, stored with the turns that it sends.
    """

    run_id: str
    profile: str | None = None
    folder: str | None = None
    key_tail: str | None = None


def open_turn(
    connection: sqlite3.Connection,
    session: Session,
    request: TurnRequest,
    run: Run,
    settles: TurnFrame | None = None,
    check: Callable[[], limits.Reservation] | None = None,
) -> None:
    """Commit a turn before a byte of its request may leave.

    `settles`: the last frame of a queued turn whose place this one takes. `check`: the turn starts at once
    and gets a charge without amounts; returns what it reserves, or raises where a limit forbids it, and then
    nothing is stored. Without it the turn waits in a queue, and is no turn in any sum.
    """
    with transaction(connection, Care.FULL):
        # Before the check: the project of a session depends on its folder and its title.
        _put_folder(connection, session, run.folder)
        _put_session(connection, session, request.created_ms, title_from(request.prompt))
        amounts = None if check is None else check()
        place = None if settles is None else _settle_replaced(connection, settles)
        _put_turn(connection, session, request, run.run_id, TurnStatus.QUEUED)
        if place is not None:
            connection.execute("UPDATE turns SET place = ? WHERE turn_id = ?", (place, pack(request.turn_id)))
        if amounts is not None:
            entries.open_charge(connection, request.turn_id, request.created_ms, run.profile, run.key_tail)
            limits.reserve(connection, request.turn_id, amounts)


def start_turn(
    connection: sqlite3.Connection,
    turn_id: str,
    at_ms: int,
    check: Callable[[], limits.Reservation],
    run: Run,
) -> None:
    """Charge and reserve for a queued turn that starts now; `check` as for `open_turn`.

    A turn belongs to the day on which it is sent, not to that on which it was queued.
    """
    with transaction(connection, Care.FULL):
        limits.reserve(connection, turn_id, check())
        entries.open_charge(connection, turn_id, at_ms, run.profile, run.key_tail)


def release_turn(connection: sqlite3.Connection, turn_id: str) -> None:
    """Delete the reservation of a turn that does not start after all, and take it out of all sums."""
    with transaction(connection):
        limits.release(connection, turn_id)
        entries.take_back(connection, turn_id)


def _settle_replaced(connection: sqlite3.Connection, settles: TurnFrame) -> int | None:
    """Close a queued turn and move it to the end; returns its old place, None where it is not stored."""
    turn_id = pack(settles.turn_id)
    put_frames(connection, [settles])
    row = connection.execute("SELECT place FROM turns WHERE turn_id = ?", (turn_id,)).fetchone()
    # Not settled yet: `close_turn` follows, and after a crash the next program closes it with its charge.
    connection.execute(
        "UPDATE turns SET place = (SELECT MAX(place) + 1 FROM turns), status = ? WHERE turn_id = ?",
        (str(TurnStatus.NOT_SENT), turn_id),
    )
    return None if row is None else int(row["place"])


def adopt(
    connection: sqlite3.Connection,
    session: Session,
    turns: Sequence[RemoteTurn],
    run: Run,
    cache: entries.ChargeCache,
    waiting: Sequence[TurnFrame],
) -> Session:
    """Store turns of a worker that the history does not hold; returns the stored session that holds them."""
    with transaction(connection, Care.FULL):
        session = stored_session(connection, session)
        entered: list[RemoteTurn] = []
        is_seen = worker_turns.is_seen(connection, session.base_url, [turn.request for turn in turns])
        for turn in turns:
            entry = worker_turns.entry_of(connection, session, turn)
            if entry is None:
                entered.append(turn if is_seen else _without_day(turn))
            elif entry.session_id is None:
                # Its session was removed; its cost is already recorded under the turn id of this entry.
                request = replace(turn.request, turn_id=entry.turn_id, service_ms=None)
                entered.append(turn._replace(request=request))
            elif entry.session_id == session.session_id:
                # The turns of a session are in order: one before a stored turn can no longer be inserted.
                entered.clear()
        if entered:
            _put_folder(connection, session, run.folder)
        for turn in entered:
            enter_turn(connection, session, turn, run.run_id)
        loaded = load(connection, session.session_id, waiting)
        if loaded is None:
            return session
        if entered:
            _put_about(connection, loaded)
            entries.write_charges(connection, loaded, cache, profile=run.profile)
        return loaded


def _without_day(turn: RemoteTurn) -> RemoteTurn:
    """`turn` of a worker that this history did not know, without a day if it was over and has no time."""
    request = turn.request
    if request.service_ms is not None or _is_open(fold(request, turn.frames)):
        return turn
    return turn._replace(request=replace(request, service_ms=NO_DAY))


def _is_open(turn: Turn) -> bool:
    """Whether it may still run."""
    return turn.live or turn.status is TurnStatus.RUNNING


def enter_turn(connection: sqlite3.Connection, session: Session, turn: RemoteTurn, run: str) -> None:
    """Store a turn that this program did not send, with its frames and its entry in `remote_turns`."""
    request = turn.request
    folded = fold(request, turn.frames)
    is_open = _is_open(folded)
    updated_ms = request.created_ms if request.imported_ms is None else session.updated_ms
    _put_session(connection, session, updated_ms, title_from(request.prompt))
    _put_turn(connection, session, request, run, folded.status)
    put_frames(connection, [TurnFrame(request.turn_id, one) for one in turn.frames])
    worker_id = folded.target
    if worker_id is not None and folded.status not in FREE:
        worker_turns.enter(connection, session, turn, worker_id)
    if not is_open:
        ended_ms = request.created_ms if folded.ended_ms is None else folded.ended_ms
        connection.execute(
            "UPDATE turns SET settled_ms = ?, worker_id = ? WHERE turn_id = ?",
            (ended_ms, pack_optional(worker_id), pack(request.turn_id)),
        )
        _put_answer(connection, folded)
        store_compact_frames(connection, request.turn_id)


def close_turn(
    connection: sqlite3.Connection,
    session: Session,
    turn_id: str,
    cache: entries.ChargeCache,
    waiting: Iterable[TurnFrame] = (),
) -> RelatedHistory:
    """Store status, answer and charge of a turn of `session`, or of one that another program added to it.

    Returns what other sessions have on the same workers.
    """
    turn = session.find(turn_id)
    if turn is None:
        turn = load_turn(connection, turn_id, waiting)
        if turn is None:
            return worker_turns.others(connection, session)
        session = put_turn(session, turn)
    at_ms = turn.ended_ms if turn.ended_ms is not None else turn.request.created_ms
    with transaction(connection, Care.FULL):
        updated = connection.execute(
            "UPDATE turns SET status = ?, settled_ms = ?, worker_id = COALESCE(?, worker_id),"
            " ordered_worker_id = ?, seen_before = ? WHERE turn_id = ?",
            (
                str(turn.status),
                None if turn.status in LIVE else at_ms,
                pack_optional(turn.worker_id),
                pack_optional(turn.request.target_id),
                int64_or_none(turn.request.seen_before),
                pack(turn.turn_id),
            ),
        )
        if not updated.rowcount:
            # The turn was deleted in the meantime: only its cost is kept.
            entries.write_charges(connection, session, cache)
            return cache.of(connection, session).others
        # A later reading of an ended turn is no use of the session.
        _put_session(connection, session, at_ms, "")
        _put_about(connection, session)
        _put_answer(connection, turn)
        _put_position(connection, turn)
        if turn.status not in LIVE:
            store_compact_frames(connection, turn.turn_id)
            # A local worker ends with its program: the amount of a turn that still ran then cannot be read.
            if turn.status in FREE or session.base_url == LOCAL:
                limits.release(connection, turn.turn_id)
        entries.write_charges(connection, session, cache)
        if turn.status not in LIVE and turn.status not in UNDECIDED:
            limits.release_reported(connection, turn.turn_id)
    return cache.of(connection, session).others


def move_last(connection: sqlite3.Connection, turn_ids: Sequence[str]) -> None:
    """Move turns to the end, in this order: turns are stored in the order in which they start."""
    move = "UPDATE turns SET place = (SELECT MAX(place) + 1 FROM turns) WHERE turn_id = ?"
    with transaction(connection):
        for turn_id in turn_ids:
            connection.execute(move, (pack(turn_id),))


def _put_position(connection: sqlite3.Connection, turn: Turn) -> None:
    """Store which message of the worker the turn is; a turn that never reached the worker has no entry."""
    worker_id = turn.target
    if turn.status in FREE:
        worker_turns.release(connection, turn.turn_id)
    elif worker_id is not None and turn.status is not TurnStatus.QUEUED:
        # The turn that creates a worker is the first message of that worker.
        times = 0 if turn.request.target_id is None else turn.request.seen_before
        worker_turns.claim(connection, turn.turn_id, worker_id, times)


def _put_answer(connection: sqlite3.Connection, turn: Turn) -> None:
    """Store the answer of a turn and its searched texts."""
    search.put(connection, turn)
    put = "INSERT OR REPLACE INTO answers (turn_id, text) VALUES (?, ?)"
    connection.execute(put, (pack(turn.turn_id), pack(turn.text)))


def _put_turn(
    connection: sqlite3.Connection, session: Session, request: TurnRequest, run: str, status: TurnStatus
) -> None:
    cells = (
        pack(request.turn_id),
        pack(session.session_id),
        pack(request.prompt),
        request.created_ms,
        pack_optional(request.target_id),
        pack_optional(request.target_id),
        pack_optional(request.budget),
        attachments_to_text(request.attachments),
        request.seen_before,
        str(status),
        run,
        str(request.trigger),
        pack_optional(lineage_to_text(request.lineage)),
        request.service_ms,
        request.imported_ms,
    )
    connection.execute(_PUT_TURN, cells)


def charge(connection: sqlite3.Connection, session: Session, cache: entries.ChargeCache) -> RelatedHistory:
    """Write what the turns cost so far; returns what other sessions have on the same workers.

    Called often, so it takes the write lock only for new charges.
    """
    if any(entries.new_entries(connection, session, cache)):
        with transaction(connection):
            # Compared again under the lock: another process may have written the same in the meantime.
            entries.write_charges(connection, session, cache)
    return cache.of(connection, session).others


_PUT_FOLDER: Final = """
    INSERT OR IGNORE INTO origins (session_id, folder) SELECT :session_id, :folder
     WHERE :folder IS NOT NULL AND NOT EXISTS (SELECT 1 FROM sessions WHERE session_id = :session_id)
"""


def _put_folder(connection: sqlite3.Connection, session: Session, folder: str | None) -> None:
    """Store the folder in which a session begins, before its first turn; a stored session keeps its own."""
    cells = {"session_id": pack(session.session_id), "folder": pack_optional(folder)}
    connection.execute(_PUT_FOLDER, cells)


_PUT_ABOUT: Final = "UPDATE sessions SET about = :about WHERE session_id = :session AND about IS NOT :about"


def _put_about(connection: sqlite3.Connection, session: Session) -> None:
    """Store what the service says of the target of a session, for lists."""
    target_info = about(session.turns)
    if target_info != NOTHING_SAID:
        connection.execute(
            _PUT_ABOUT, {"about": pack(about_to_text(target_info)), "session": pack(session.session_id)}
        )


def _put_session(connection: sqlite3.Connection, session: Session, updated_ms: int, title: str) -> None:
    cells = {
        "session_id": pack(session.session_id),
        "generation": pack(session.generation),
        "base_url": pack(session.base_url),
        "worker_id": pack_optional(session.worker_id),
        "template": pack_optional(session.stored_worker_id),
        "title": pack(session.title or title),
        "created_ms": session.created_ms,
        "updated_ms": updated_ms,
        "unread": session.unread,
    }
    connection.execute(_PUT_SESSION, cells)


# -- frames as they arrive ----------------------------------------------------------------------
class FrameWriter:
    """Commits the frames of turns; holds the state that a batch needs from earlier ones. For one thread."""

    def __init__(self) -> None:
        self._names = WorkerNames()
        self._numbers = FrameNumbers()

    def __call__(self, connection: sqlite3.Connection, frames: Sequence[TurnFrame]) -> None:
        """Commit frames in order; the same transaction updates the rows of their turns.

        A turn whose request may leave is no longer queued, and gets its position among the worker's messages.
        The id of a new worker is stored with the turn and its session at the first frame that names it.
        """
        with transaction(connection):
            workers = _workers(connection, {item.turn_id for item in frames})
            stored = [item for item in frames if item.turn_id in workers]
            put_frames(connection, self._numbers.numbered(connection, stored))
            for item in stored:
                if item.frame.framing is Framing.NOTE and item.frame.event == Marker.SENDING:
                    _mark_sending(connection, item)
            for turn_id, worker_id in self._names.named(workers, stored):
                _name_worker(connection, turn_id, worker_id)


def _workers(connection: sqlite3.Connection, turn_ids: set[str]) -> dict[str, str | None]:
    """The worker id of each turn that is stored. Frames of a deleted turn are dropped."""
    query = "SELECT worker_id FROM turns WHERE turn_id = ?"
    rows = ((one, connection.execute(query, (pack(one),)).fetchone()) for one in turn_ids)
    return {one: unpack_optional(row["worker_id"]) for one, row in rows if row is not None}


def _mark_sending(connection: sqlite3.Connection, item: TurnFrame) -> None:
    for table in ("turns", "turn_totals"):
        connection.execute(
            f"UPDATE {table} SET status = ? WHERE turn_id = ? AND status = ?",
            (str(TurnStatus.SENDING), pack(item.turn_id), str(TurnStatus.QUEUED)),
        )
    entries.open_charge(connection, item.turn_id, item.frame.at_ms)
    worker_id = text_at(as_object(parse(item.frame.data)), "worker_id")
    if worker_id is not None:
        times = worker_turns.stored_prompt_count(connection, item.turn_id)
        worker_turns.claim(connection, item.turn_id, worker_id, times)
        worker_turns.store_sending(connection, item.turn_id, worker_id, item.frame.at_ms)


def _name_worker(connection: sqlite3.Connection, turn_id: str, worker_id: str) -> None:
    """Store the id of a new worker with the turn that created it, and with its session."""
    cells = (pack(worker_id), pack(turn_id))
    connection.execute(
        "UPDATE sessions SET worker_id = ?"
        " WHERE session_id = (SELECT session_id FROM turns WHERE turn_id = ? AND worker_id IS NULL)",
        cells,
    )
    for table in ("turns", "turn_totals"):
        connection.execute(f"UPDATE {table} SET worker_id = ? WHERE turn_id = ? AND worker_id IS NULL", cells)
    # The turn is the first message of a new worker.
    worker_turns.claim(connection, turn_id, worker_id, 0)
