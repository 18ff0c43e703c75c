"""Gathering: closed turns are read from their gathered telling, written when they are closed."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from typing import Final

from handinger_tui.core.frames import Frame
from handinger_tui.core.gather import RULE, gathered
from handinger_tui.ledger.rows import FRAME_COLUMNS, frame_of, pack, unpack

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
