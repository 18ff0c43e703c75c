"""A closed turn is read from few rows, and is the same turn; later frames of it are read as they are."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from handinger_tui.core.stream.frames import Frame, Framing, Marker
from handinger_tui.core.turns.fold import fold
from handinger_tui.ledger import turns as reads
from handinger_tui.ledger.database_file import open_database
from handinger_tui.ledger.turns import store_compact_frames
from tests.ledger.made import frame, look, opened, order, play, session

if TYPE_CHECKING:
    from pathlib import Path

DELTAS = [frame(0, json.dumps({"type": "start", "messageId": "m"}))] + [
    frame(seq, json.dumps({"type": "text-delta", "id": "t", "delta": f"word {seq} "}))
    for seq in range(1, 400)
]
SETTLED = Frame(
    400,
    1400,
    Framing.NOTE,
    json.dumps({"status": "completed", "recovered": False, "fault": None}),
    Marker.SETTLED,
)
FRAMES = [*DELTAS, SETTLED]


def rows_read(path: Path) -> tuple[int, str]:
    """(rows of frames that opening the session reads, the text of its last turn)."""
    connection = open_database(path, 5).connection
    with closing(connection):
        queries: list[str] = []
        connection.set_trace_callback(queries.append)
        found = reads.load(connection, "ses_1", ())
        connection.set_trace_callback(None)
        count = 0
        for query in queries:
            if "FROM frames" in query or "JOIN frames" in query:
                count += len(connection.execute(query).fetchall())
    assert found is not None
    return count, found.turns[-1].text


async def test_a_closed_turn_opens_without_its_frames_and_is_the_same(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    async with opened(path) as ledger:
        value = await play(ledger, session(), order(), FRAMES)
        again = await ledger.load("ses_1")
    assert again is not None
    assert again.turns == value.turns == (fold(order(), FRAMES),)
    assert rows_read(path) == (0, value.turns[0].text)
    assert look(path, "SELECT COUNT(*) FROM frames") == [(401,)]


async def test_opening_asks_four_times_however_many_turns_there_are(tmp_path: Path) -> None:
    counts = []
    for many in (1, 30):
        path = tmp_path / f"{many}.db"
        async with opened(path) as ledger:
            value = session()
            for number in range(many):
                value = await play(ledger, value, order(f"turn_{number}"), FRAMES[-3:])
        connection = open_database(path, 5).connection
        with closing(connection):
            queries: list[str] = []
            connection.set_trace_callback(queries.append)
            found = reads.load(connection, "ses_1", ())
        assert found is not None
        assert len(found.turns) == many
        counts.append(len(queries))
    assert counts == [4, 4]


async def test_what_came_after_it_was_closed_is_read_too(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    late = [
        Frame(401, 1500, Framing.NOTE, "{}", Marker.WATCHING),
        frame(402, json.dumps({"type": "text-delta", "id": "t", "delta": "and more"})),
    ]
    async with opened(path) as ledger:
        await play(ledger, session(), order(), FRAMES)
        for one in late:
            ledger.append("turn_1", one)
        again = await ledger.load("ses_1")
    assert again is not None
    assert again.turns == (fold(order(), [*FRAMES, *late]),)
    assert rows_read(path)[0] == 2


async def test_a_turn_that_is_gathered_while_its_session_is_read_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, plain = tmp_path / "h.db", json.loads

    def meanwhile(told: str) -> object:
        monkeypatch.setattr(json, "loads", plain)
        with closing(sqlite3.connect(path)) as other, other:
            store_compact_frames(other, "turn_2")
        return plain(told)

    async with opened(path) as ledger:
        value = await play(ledger, session(), order("turn_1"), FRAMES)
        await play(ledger, value, order("turn_2"), FRAMES)
        with closing(sqlite3.connect(path)) as other, other:
            other.execute("DELETE FROM gathered WHERE turn_id = 'turn_2'")
        monkeypatch.setattr(json, "loads", meanwhile)
        again = await ledger.load("ses_1")
    assert look(path, "SELECT COUNT(*) FROM gathered") == [(2,)]
    assert again is not None
    assert [turn.text for turn in again.turns] == [fold(order(), FRAMES).text] * 2


async def test_a_telling_by_another_rule_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    async with opened(path) as ledger:
        await play(ledger, session(), order(), FRAMES)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE gathered SET rule = 0, frames = '[]'")
    assert rows_read(path) == (401, fold(order(), FRAMES).text)


async def test_a_deleted_session_leaves_no_telling(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    async with opened(path) as ledger:
        await play(ledger, session(), order(), FRAMES)
        await ledger.history.delete("ses_1")
    assert look(path, "SELECT COUNT(*) FROM gathered") == [(0,)]
