"""Frames of turns in the database: as they arrive while a turn is open, and packed once it is closed.

A closed turn has two packed forms, each of them compressed JSON. `gathered` holds all frames, in which each
run of deltas is one frame: sessions are opened from it. `packed` holds the frames as they arrived; those of
streams are no longer in `frames` then, and readings of the worker have no `data` there. Markers stay as they
are, and so do the times of readings, since queries select by both. A turn of 1,000 deltas takes a seventh of
the space. `packed` is removed after the time for which the person keeps frames; `gathered` stays.
"""

from __future__ import annotations

import json
import zlib
from itertools import accumulate, groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

from handinger_tui.core.stream import COMPACTION_RULE, UNREADABLE, Frame, compacted
from handinger_tui.core.turns.fold import Fold
from handinger_tui.core.turns.turn import TurnRequest
from handinger_tui.ledger.sql import (
    FRAME_COLUMNS,
    TurnFrame,
    frame_of,
    frame_row,
    int_or_zero,
    pack,
    transaction,
    unpack,
)

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Mapping, Sequence

MIN_FRAMES: Final = 32
"""A turn with fewer frames than this is not packed: it would save neither time nor space."""

_DATA: Final = 5
"""The column of the data in `FRAME_COLUMNS`: "" where the frame is only in the packed form."""
_FROM_FRAMES: Final = f"SELECT {FRAME_COLUMNS} FROM frames WHERE turn_id = ? AND seq >= ? ORDER BY seq"
_PACKED: Final = "SELECT frames FROM {table} WHERE turn_id = ?"
_PUT_GATHERED: Final = "INSERT OR REPLACE INTO gathered (turn_id, rule, upto, frames) VALUES (?, ?, ?, ?)"
_PUT_PACKED: Final = "INSERT OR REPLACE INTO packed (turn_id, upto, frames) VALUES (?, ?, ?)"
_IS_PACKED: Final = """
    SELECT 1 FROM packed p JOIN gathered g ON g.turn_id = p.turn_id AND g.rule = :rule AND g.upto = p.upto
     WHERE p.turn_id = :turn AND p.upto > (SELECT MAX(seq) FROM frames WHERE turn_id = :turn)
"""
_DELETE_STREAMED: Final = (
    "DELETE FROM frames WHERE turn_id = ? AND seq < ? AND framing NOT IN ('note', 'json')"
)
_CLEAR_READINGS: Final = "UPDATE frames SET data = '' WHERE turn_id = ? AND seq < ? AND framing = 'json'"
_WITH_PACKED: Final = (
    "FROM turns t LEFT JOIN gathered g ON g.turn_id = t.turn_id LEFT JOIN packed p ON p.turn_id = t.turn_id"
)
_COMPACT_OF_SESSION: Final = (
    f"SELECT t.turn_id, g.rule, g.frames, COALESCE(g.upto, p.upto) AS upto {_WITH_PACKED}"
    " WHERE t.session_id = ? AND COALESCE(g.upto, p.upto) IS NOT NULL ORDER BY t.place"
)
_LATER_OF_SESSION: Final = (
    f"SELECT t.turn_id, {FRAME_COLUMNS} {_WITH_PACKED}"
    " JOIN frames f ON f.turn_id = t.turn_id AND f.seq >= COALESCE(g.upto, p.upto, 0)"
    " WHERE t.session_id = ? ORDER BY t.place, f.seq"
).replace(FRAME_COLUMNS, ", ".join(f"f.{name}" for name in FRAME_COLUMNS.split(", ")))


def frames(
    connection: sqlite3.Connection, turn_id: str, waiting: Iterable[TurnFrame], since: int = 0
) -> list[Frame]:
    """The frames of one turn from number `since` on, with those that are not committed yet (`waiting`)."""
    queued = (item.frame for item in waiting if item.turn_id == turn_id and item.frame.seq >= since)
    return [*stored_frames(connection, turn_id, since), *queued]


def stored_frames(connection: sqlite3.Connection, turn_id: str, since: int = 0) -> list[Frame]:
    """The committed frames of one turn from number `since` on as they arrived, in order.

    Where the packed frames are damaged, runs of deltas are one frame.

    Raises:
        sqlite3.Error
    """
    key = pack(turn_id)
    rows = connection.execute(_FROM_FRAMES, (key, since)).fetchall()
    earlier = _unpacked(connection, "packed", key)
    if earlier is None:
        earlier = _unpacked(connection, "gathered", key) or []
    by_number = {frame.seq: frame for frame in earlier if frame.seq >= since}
    by_number.update((row[0], frame_of(row)) for row in rows if row[_DATA] != "" or row[0] not in by_number)
    return sorted(by_number.values(), key=_number) if earlier else [*by_number.values()]


def _number(frame: Frame) -> int:
    # A damaged number may be of any type.
    return int_or_zero(frame.seq)


def store_compact_frames(connection: sqlite3.Connection, turn_id: str) -> None:
    """Pack the frames of a turn, inside the transaction that closes the turn.

    Nothing is packed of a short turn, where frames are missing or damaged, or would not come back unchanged.

    Raises:
        sqlite3.Error
    """
    key = pack(turn_id)
    if connection.execute(_IS_PACKED, {"turn": key, "rule": COMPACTION_RULE}).fetchone() is not None:
        return
    frames = stored_frames(connection, turn_id)
    upto = len(frames)
    is_complete = bool(frames) and frames[-1].seq == upto - 1
    if upto < MIN_FRAMES or not is_complete or any(frame.data == UNREADABLE for frame in frames):
        return
    columns = _columns(frames)
    packed = _blob(columns)
    if _columns_in(packed) != columns:
        return
    connection.execute(_PUT_GATHERED, (key, COMPACTION_RULE, upto, _blob(_columns(compacted(frames)))))
    connection.execute(_PUT_PACKED, (key, upto, packed))
    connection.execute(_DELETE_STREAMED, (key, upto))
    connection.execute(_CLEAR_READINGS, (key, upto))


_NOT_PACKED: Final = f"""
    SELECT turn_id FROM turns t
     WHERE settled_ms IS NOT NULL AND turn_id > ?
       AND NOT EXISTS (SELECT 1 FROM packed p WHERE p.turn_id = t.turn_id)
       AND (SELECT COUNT(*) FROM frames f WHERE f.turn_id = t.turn_id) >= {MIN_FRAMES}
     ORDER BY turn_id LIMIT ?
"""


def pack_some(connection: sqlite3.Connection, after: str, most: int) -> tuple[int, str | None]:
    """Pack closed turns that an earlier version stored, at most `most` of them, in order of their ids.

    Returns how many were examined, and the id after which to continue; None: there are no more.
    """
    with transaction(connection):
        rows = connection.execute(_NOT_PACKED, (pack(after), most)).fetchall()
        for row in rows:
            store_compact_frames(connection, unpack(row[0]))
    return len(rows), unpack(rows[-1][0]) if len(rows) == most else None


def frames_of_session(
    connection: sqlite3.Connection, session_id: str
) -> Iterator[tuple[str, Iterable[Frame]]]:
    """The frames to fold for each turn of a session, as pairs of turn id and frames in order.

    A turn may be yielded twice: its packed frames, then the frames that came later. Call it inside
    a read transaction: a turn packed between the two queries would be in neither of them.

    Raises:
        sqlite3.Error
    """
    of = (pack(session_id),)
    for turn_id, rule, blob, upto in connection.execute(_COMPACT_OF_SESSION, of).fetchall():
        compact = _frames_in(blob) if rule == COMPACTION_RULE else None
        if compact is None:
            stored = stored_frames(connection, unpack(turn_id))
            compact = [frame for frame in stored if not isinstance(upto, int) or frame.seq < upto]
        yield unpack(turn_id), compact
    # One query for all turns: a query per turn would double the time.
    for turn_id, rows in groupby(connection.execute(_LATER_OF_SESSION, of), itemgetter(0)):
        yield unpack(turn_id), (frame_of(row[1:]) for row in rows)


_PACKED_BEFORE: Final = """
    SELECT p.turn_id, p.frames AS single, g.frames AS joined
      FROM turns t JOIN packed p ON p.turn_id = t.turn_id
      JOIN gathered g ON g.turn_id = p.turn_id AND g.upto = p.upto
     WHERE t.settled_ms < ? AND t.turn_id > ? ORDER BY t.turn_id LIMIT ?
"""


def drop_some(
    connection: sqlite3.Connection, before_ms: int, after: str, most: int
) -> tuple[int, str | None]:
    """Remove the frames as they arrived of turns that ended before a time, at most `most` of them.

    Runs of deltas stay as one frame each, so that a session is opened as before. Nothing is removed where
    they are damaged. Returns how many were removed, and the id after which to continue; None: no more.
    """
    with transaction(connection):
        rows = connection.execute(_PACKED_BEFORE, (before_ms, pack(after), most)).fetchall()
        old = [(row["turn_id"],) for row in rows if _is_joined(row["single"], row["joined"])]
        connection.executemany("DELETE FROM packed WHERE turn_id = ?", old)
    return len(old), unpack(rows[-1]["turn_id"]) if len(rows) == most else None


def _is_joined(single: object, joined: object) -> bool:
    frames = _frames_in(single)
    return frames is not None and compacted(frames) == _frames_in(joined)


# -- blobs ------------------------------------------------------------------------------------
def _columns(frames: Sequence[Frame]) -> list[list[Any]]:
    """A list for each column of the frames. Numbers and times are differences, which repeat."""
    return [
        _differences([frame.seq for frame in frames]),
        _differences([frame.at_ms for frame in frames]),
        *([getattr(frame, name) for frame in frames] for name in ("framing", "event", "id", "data")),
    ]


def _blob(columns: list[list[Any]]) -> bytes:
    """The columns as compressed JSON."""
    # `json.dumps` writes ASCII: it escapes lone surrogates, which no encoding can hold.
    return zlib.compress(json.dumps(columns, separators=(",", ":")).encode())


def _columns_in(blob: bytes) -> Any:
    return json.loads(zlib.decompress(blob))


def _differences(numbers: Sequence[int]) -> list[int]:
    return [number - before for number, before in zip(numbers, (0, *numbers[:-1]), strict=True)]


def _frames_in(blob: object) -> list[Frame] | None:
    """The frames of a blob; None where it is damaged. Earlier versions stored rows as JSON text."""
    try:
        if not isinstance(blob, bytes):
            return [*map(frame_of, json.loads(unpack(blob)))]
        seqs, times, *others = _columns_in(blob)
        rows = zip(accumulate(seqs), accumulate(times), *others, strict=True)
        return [*map(frame_of, rows)]
    except (ValueError, TypeError, zlib.error):
        return None


def _unpacked(connection: sqlite3.Connection, table: str, key: str | bytes) -> list[Frame] | None:
    row = connection.execute(_PACKED.format(table=table), (key,)).fetchone()
    return None if row is None else _frames_in(row[0])


# -- numbers ----------------------------------------------------------------------------------
def newest_frame_ms(connection: sqlite3.Connection) -> int:
    """The time of the frame that was stored last; 0 without one."""
    row = connection.execute("SELECT at_ms FROM frames ORDER BY rowid DESC LIMIT 1").fetchone()
    return 0 if row is None else int_or_zero(row["at_ms"])


_NEWEST_SEQ: Final = """
    SELECT MAX(seq) FROM (SELECT MAX(seq) AS seq FROM frames WHERE turn_id = :turn
                          UNION ALL SELECT upto - 1 FROM packed WHERE turn_id = :turn
                          UNION ALL SELECT upto - 1 FROM gathered WHERE turn_id = :turn)
"""
_FRAME_AT_SEQ: Final = f"SELECT {FRAME_COLUMNS} FROM frames WHERE turn_id = ? AND seq = ?"


class FrameNumbers:
    """Renumbers frames of a turn where another program has stored frames of it, so that none is lost.

    After a failed commit the same frames are passed again, and get the same numbers. For one thread.
    """

    def __init__(self) -> None:
        self._added: dict[str, int] = {}
        """What is added to the numbers of a turn."""

    def numbered(self, connection: sqlite3.Connection, frames: Iterable[TurnFrame]) -> Iterator[TurnFrame]:
        """`frames` with the numbers under which they are stored."""
        newest: dict[str, int] = {}
        for turn_id, frame in frames:
            if turn_id not in newest:
                (stored,) = connection.execute(_NEWEST_SEQ, {"turn": pack(turn_id)}).fetchone()
                newest[turn_id] = -1 if stored is None else stored
            seq = frame.seq + self._added.get(turn_id, 0)
            item = TurnFrame(turn_id, frame._replace(seq=seq))
            if seq <= newest[turn_id] and not _is_stored(connection, item):
                seq = newest[turn_id] + 1
                self._added[turn_id] = seq - frame.seq
                item = TurnFrame(turn_id, frame._replace(seq=seq))
            newest[turn_id] = max(newest[turn_id], seq)
            yield item


def _is_stored(connection: sqlite3.Connection, item: TurnFrame) -> bool:
    row = connection.execute(_FRAME_AT_SEQ, (pack(item.turn_id), item.frame.seq)).fetchone()
    if row is not None and row[_DATA] != "":
        return tuple(row) == frame_row(item)[1:]
    key = pack(item.turn_id)
    return any(item.frame in (_unpacked(connection, table, key) or ()) for table in ("packed", "gathered"))


# -- writing -----------------------------------------------------------------------------------
# A frame that is stored already stays as it is: writing again after a doubtful commit repeats nothing.
_PUT_FRAME: Final = """
    INSERT OR IGNORE INTO frames (turn_id, seq, at_ms, framing, event, id, data) VALUES (?, ?, ?, ?, ?, ?, ?)
"""


def put_frames(connection: sqlite3.Connection, items: Iterable[TurnFrame]) -> None:
    """Store frames, inside a transaction of the caller."""
    connection.executemany(_PUT_FRAME, map(frame_row, items))


FOLLOWED_TURNS: Final = 64
"""Maximum number of turns without a worker id that are followed at the same time."""


class WorkerNames:
    """Follows the frames of turns that create a worker until a frame gives its id. For one thread.

    After a failed commit the same frames are passed again; a frame is never folded twice.
    """

    def __init__(self) -> None:
        self._following: dict[str, tuple[Fold, int]] = {}

    def named(
        self, workers: Mapping[str, str | None], frames: Iterable[TurnFrame]
    ) -> Iterator[tuple[str, str]]:
        """Pairs of turn id and worker id found in `frames`. `workers`: the stored worker id of each turn."""
        for item in frames:
            if workers.get(item.turn_id, "") is None:
                self._fold(item)
        for turn_id, stored_id in workers.items():
            if stored_id is not None:
                self._following.pop(turn_id, None)
            elif turn_id in self._following:
                worker_id = self._following[turn_id][0].turn.worker_id
                if worker_id is not None:
                    yield turn_id, worker_id

    def _fold(self, item: TurnFrame) -> None:
        fresh = (Fold(TurnRequest(item.turn_id, "", 0)), 0)
        folding, next_seq = self._following.pop(item.turn_id, fresh)
        while len(self._following) >= FOLLOWED_TURNS:
            del self._following[next(iter(self._following))]
        if item.frame.seq >= next_seq:
            next_seq = item.frame.seq + 1
            if folding.turn.worker_id is None:
                folding.take(item.frame)
        self._following[item.turn_id] = folding, next_seq
