"""Gathering: closed turns are read from their gathered telling, written when they are closed."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from typing import Final

from handinger_tui.core.gather import RULE, gathered
from handinger_tui.ledger.rows import FRAME_COLUMNS, TurnFrame, frame_of, pack, unpack

WORTH: Final = 32
"""With fewer frames than this a turn is read as quickly as it is."""

_RAW: Final = f"SELECT {FRAME_COLUMNS} FROM frames WHERE turn_id = ? AND seq >= ? ORDER BY seq"  # noqa: S608  # names of this package


def gather(connection: sqlite3.Connection, turn_id: str) -> None:
    """Write the telling of a turn, inside the transaction that closes it.

    Raises:
        sqlite3.Error
    """
    frames = [frame_of(row) for row in connection.execute(_RAW, (pack(turn_id), 0))]
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


def told_frames(connection: sqlite3.Connection, session_id: str) -> Iterator[TurnFrame]:
    """All that is needed to fold the turns of a session, turn by turn.

    Raises:
        sqlite3.Error
    """
    turns = connection.execute(
        "SELECT t.turn_id, g.upto, g.frames FROM turns t"
        " LEFT JOIN gathered g ON g.turn_id = t.turn_id AND g.rule = ?"
        " WHERE t.session_id = ? ORDER BY t.place",
        (RULE, pack(session_id)),
    )
    for row in turns:
        turn_id = unpack(row["turn_id"])
        if row["frames"] is not None:
            for told in json.loads(row["frames"]):
                yield TurnFrame(turn_id, frame_of(told))
        for raw in connection.execute(_RAW, (row["turn_id"], row["upto"] or 0)):
            yield TurnFrame(turn_id, frame_of(raw))
