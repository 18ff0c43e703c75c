"""A closed turn is read from few rows, and is unchanged; its later frames are read one by one."""

from __future__ import annotations

import json
import sqlite3
import zlib
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from handinger_tui.core.stream import Frame, Framing, Marker, ReadReason, compacted
from handinger_tui.core.turns.fold import fold
from handinger_tui.core.turns.session import put_turn
from handinger_tui.ledger import turns as reads
from handinger_tui.ledger.database_file import open_database
from handinger_tui.ledger.frames import store_compact_frames
from handinger_tui.ledger.sql import TurnFrame, frame_row
from tests.ledger.samples import frame, look, opened, play, session, turn_request, worker
from tests.ledger.size import bytes_of, fill

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
        loaded = reads.load(connection, "ses_1", ())
        connection.set_trace_callback(None)
        count = 0
        for query in queries:
            if "FROM frames" in query or "JOIN frames" in query:
                count += len(connection.execute(query).fetchall())
    assert loaded is not None
    return count, loaded.turns[-1].text


async def test_a_closed_turn_opens_without_its_frames_and_is_the_same(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    async with opened(path) as ledger:
        value = await play(ledger, session(), turn_request(), FRAMES)
        again = await ledger.load("ses_1")
    assert again is not None
    assert again.turns == value.turns == (fold(turn_request(), FRAMES),)
    assert rows_read(path) == (0, value.turns[0].text)
    assert look(path, "SELECT framing, event FROM frames") == [("note", "settled")]


async def test_a_session_is_opened_with_five_queries(tmp_path: Path) -> None:
    counts = []
    for many in (1, 30):
        path = tmp_path / f"{many}.db"
        async with opened(path) as ledger:
            value = session()
            for number in range(many):
                value = await play(ledger, value, turn_request(f"turn_{number}"), FRAMES[-3:])
        connection = open_database(path, 5).connection
        with closing(connection):
            queries: list[str] = []
            connection.set_trace_callback(queries.append)
            loaded = reads.load(connection, "ses_1", ())
        assert loaded is not None
        assert len(loaded.turns) == many
        counts.append(len(queries))
    assert counts == [5, 5]


async def test_frames_after_the_end_are_read_too(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    late = [
        Frame(401, 1500, Framing.NOTE, "{}", Marker.WATCHING),
        frame(402, json.dumps({"type": "text-delta", "id": "t", "delta": "and more"})),
    ]
    async with opened(path) as ledger:
        await play(ledger, session(), turn_request(), FRAMES)
        for one in late:
            ledger.append("turn_1", one)
        again = await ledger.load("ses_1")
    assert again is not None
    assert again.turns == (fold(turn_request(), [*FRAMES, *late]),)
    assert rows_read(path)[0] == 2


async def test_a_turn_that_is_compacted_during_a_read_is_complete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, plain = tmp_path / "h.db", json.loads

    def meanwhile(statement: str) -> object:
        monkeypatch.setattr(json, "loads", plain)
        with closing(sqlite3.connect(path)) as other, other:
            store_compact_frames(other, "turn_2")
        return plain(statement)

    async with opened(path) as ledger:
        value = await play(ledger, session(), turn_request("turn_1"), FRAMES)
        await play(ledger, value, turn_request("turn_2"), FRAMES)
        with closing(sqlite3.connect(path)) as other, other:
            other.execute("DELETE FROM gathered WHERE turn_id = 'turn_2'")
        monkeypatch.setattr(json, "loads", meanwhile)
        again = await ledger.load("ses_1")
    assert look(path, "SELECT COUNT(*) FROM gathered") == [(2,)]
    assert again is not None
    assert [turn.text for turn in again.turns] == [fold(turn_request(), FRAMES).text] * 2


async def test_a_compact_form_of_another_version_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    async with opened(path) as ledger:
        await play(ledger, session(), turn_request(), FRAMES)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE gathered SET rule = 0, frames = '[]'")
    assert rows_read(path) == (1, fold(turn_request(), FRAMES).text)


async def test_a_deleted_session_has_no_compact_form(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    async with opened(path) as ledger:
        await play(ledger, session(), turn_request(), FRAMES)
        await ledger.history.delete("ses_1")
    assert look(path, "SELECT COUNT(*) FROM gathered") == [(0,)]


READ = Frame(400, 1300, Framing.JSON, worker(text="word"), ReadReason.AFTER)
READ_TOO = [*DELTAS, READ, SETTLED._replace(seq=401)]
LATE = Frame(402, 9000, Framing.JSON, worker(0.7, text="word"), ReadReason.MONEY)


async def test_frames_are_returned_unchanged(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    odd = json.dumps({"type": "text-delta", "id": "t", "delta": "half \ud83d"})
    frames = [*READ_TOO[:399], frame(399, odd), *READ_TOO[400:]]
    async with opened(path) as ledger:
        value = await play(ledger, session(), turn_request(), frames)
        assert await ledger.frames("turn_1") == frames
        assert await ledger.frames("turn_1", 300) == frames[300:]
        ledger.append("turn_1", LATE)
        assert await ledger.frames("turn_1") == [*frames, LATE]
        await ledger.flush()
        assert await ledger.frames("turn_1") == [*frames, LATE]
        loaded = await ledger.load("ses_1")
        assert loaded is not None
        assert loaded.turns == (fold(turn_request(), [*frames, LATE]),)
        await ledger.close_turn(loaded, "turn_1")
        assert await ledger.frames("turn_1") == [*frames, LATE]
    assert look(path, "SELECT upto FROM packed") == [(403,)]
    assert look(path, "SELECT seq, data FROM frames WHERE framing = 'json'") == [(400, ""), (402, "")]
    assert value.turns[0].text == fold(turn_request(), frames).text


@pytest.mark.parametrize(
    ("damage", "is_exact"),
    [
        ("UPDATE packed SET frames = x'00'", False),
        ("UPDATE packed SET frames = CAST(frames AS TEXT)", False),
        ("DELETE FROM packed", False),
        ("UPDATE gathered SET frames = x'00'", True),
        ("DELETE FROM gathered", True),
        ("UPDATE gathered SET upto = 'x'", True),
    ],
)
async def test_either_packed_form_replaces_the_other(tmp_path: Path, damage: str, is_exact: bool) -> None:
    path = tmp_path / "h.db"
    async with opened(path) as ledger:
        await play(ledger, session(), turn_request(), READ_TOO)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(damage)
    async with opened(path) as ledger:
        frames = await ledger.frames("turn_1")
        loaded = await ledger.load("ses_1")
    assert frames == (READ_TOO if is_exact else compacted(READ_TOO))
    assert loaded is not None
    assert loaded.turns == (fold(turn_request(), READ_TOO),)


async def test_without_both_forms_the_last_reading_is_unreadable(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    async with opened(path) as ledger:
        await play(ledger, session(), turn_request(), READ_TOO)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE packed SET frames = x'00'")
        connection.execute("UPDATE gathered SET frames = x'00'")
    async with opened(path) as ledger:
        loaded = await ledger.load("ses_1")
    assert loaded is not None
    assert (loaded.turns[0].skipped, str(loaded.turns[0].status)) == (1, "completed")


async def test_a_frame_that_is_packed_already_is_not_stored_twice(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db") as ledger:
        value = await play(ledger, session(), turn_request(), READ_TOO)
        for one in (READ_TOO[7], READ):
            ledger.append("turn_1", one)
        await ledger.flush()
        assert await ledger.frames("turn_1") == READ_TOO
        loaded = await ledger.load("ses_1")
        assert loaded is not None
        assert loaded.turns == value.turns


async def test_a_damaged_frame_keeps_its_turn_from_being_packed(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    async with opened(path) as ledger:
        await ledger.open_turn(session(), turn_request())
        for one in FRAMES:
            ledger.append("turn_1", one)
        await ledger.flush()
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("UPDATE frames SET framing = 'sSe' WHERE seq = 5")
        await ledger.close_turn(put_turn(session(), fold(turn_request(), FRAMES)), "turn_1")
    assert look(path, "SELECT COUNT(*) FROM packed") == [(0,)]
    assert look(path, "SELECT COUNT(*) FROM frames") == [(401,)]


async def test_a_streamed_turn_is_stored_compactly(tmp_path: Path) -> None:
    sizes = []
    for turns in (10, 40):
        path = tmp_path / f"{turns}.db"
        async with opened(path) as ledger:
            await fill(ledger, turns)
        sizes.append(bytes_of(path))
    assert (sizes[1] - sizes[0]) / 30 < 190_000 / 6, "a sixth of what it took with all frames as rows"


def unpack_all(path: Path, frames: list[Frame]) -> None:
    """Store a turn as earlier versions did: all frames as rows, and the joined ones as text."""
    rows = [frame_row(TurnFrame("turn_1", one)) for one in frames]
    compact = [[one.seq, one.at_ms, one.framing, one.event, one.id, one.data] for one in compacted(frames)]
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM frames")
        connection.execute("DELETE FROM packed")
        connection.executemany("INSERT INTO frames VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
        connection.execute("UPDATE gathered SET frames = ?", (json.dumps(compact),))


async def test_turns_of_earlier_versions_are_read_and_can_be_packed(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    async with opened(path) as ledger:
        value = await play(ledger, session(), turn_request(), READ_TOO)
    unpack_all(path, READ_TOO)
    assert rows_read(path) == (0, value.turns[0].text)
    async with opened(path) as ledger:
        assert await ledger.frames("turn_1") == READ_TOO
        await ledger.history.compact()
        assert look(path, "SELECT COUNT(*) FROM packed") == [(1,)]
        assert await ledger.frames("turn_1") == READ_TOO
        loaded = await ledger.load("ses_1")
        assert await ledger.history.compact() == 0
    assert loaded is not None
    assert loaded.turns == value.turns
    assert look(path, "SELECT COUNT(*) FROM frames") == [(2,)]


async def test_the_space_of_deleted_sessions_is_released(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    async with opened(path) as ledger:
        await fill(ledger, 10)
    full = bytes_of(path)
    async with opened(path) as ledger:
        await ledger.history.delete("ses_0")
        await ledger.history.compact()
    assert bytes_of(path) < full / 2


async def test_the_history_is_not_compacted_while_another_program_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    async with opened(path) as ledger:
        await play(ledger, session(), turn_request(), READ_TOO)
        with closing(sqlite3.connect(path)) as other:
            other.execute("BEGIN")
            other.execute("SELECT COUNT(*) FROM turns").fetchone()
            await ledger.history.compact()
            assert other.execute("SELECT COUNT(*) FROM turns").fetchone() == (1,)
        assert await ledger.frames("turn_1") == READ_TOO


async def test_a_turn_that_is_closed_again_without_new_frames_is_not_packed_again(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    async with opened(path) as ledger:
        value = await play(ledger, session(), turn_request(), READ_TOO)
        ((blob,),) = look(path, "SELECT frames FROM packed")
        other = zlib.compress(zlib.decompress(blob), 1)
        assert other != blob
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("UPDATE packed SET frames = ?", (other,))
        await ledger.close_turn(value, "turn_1")
        assert look(path, "SELECT frames FROM packed") == [(other,)]
        assert await ledger.frames("turn_1") == READ_TOO


# -- frames that are not kept forever -----------------------------------------------------------
async def test_old_frames_are_removed_and_the_session_is_unchanged(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    async with opened(path) as ledger:
        value = await play(ledger, session(), turn_request(), FRAMES)
        charges = look(path, "SELECT * FROM charges")
        with closing(sqlite3.connect(path)) as other:
            (settled_ms,) = other.execute("SELECT settled_ms FROM turns").fetchone()
        assert await ledger.history.compact(settled_ms) == 0
        assert look(path, "SELECT COUNT(*) FROM packed") == [(1,)]
        assert await ledger.history.compact(settled_ms + 1) == 1
        assert await ledger.history.compact(settled_ms + 1) == 0
        assert look(path, "SELECT COUNT(*) FROM packed") == [(0,)]
        again = await ledger.load("ses_1")
        kept = await ledger.frames("turn_1")
    assert again is not None
    assert again.turns == value.turns
    assert kept == compacted(FRAMES)
    assert look(path, "SELECT * FROM charges") == charges


async def test_a_turn_without_its_old_frames_accepts_new_ones(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    late = Frame(len(FRAMES), 1_500, Framing.JSON, worker(0.75, "more"), ReadReason.AFTER)
    async with opened(path) as ledger:
        value = await play(ledger, session(), turn_request(), FRAMES)
        await ledger.history.compact(2**62)
        for one in (FRAMES[7], FRAMES[-1], late):
            ledger.append("turn_1", one)
        await ledger.flush()
        await ledger.close_turn(value, "turn_1")
        again = await ledger.load("ses_1")
    assert again is not None
    # Number 7 is part of a run by now: a frame that may be missing is stored again, never dropped.
    assert again.turns[0].snapshot is not None
    assert again.turns[0].text.startswith(value.turns[0].text)


async def test_frames_whose_joined_form_is_damaged_are_never_removed(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    async with opened(path) as ledger:
        value = await play(ledger, session(), turn_request(), FRAMES)
        with closing(sqlite3.connect(path)) as other, other:
            other.execute("UPDATE gathered SET frames = x'00'")
        assert await ledger.history.compact(2**62) == 0
        again = await ledger.load("ses_1")
    assert again is not None
    assert again.turns == value.turns


async def test_a_turn_that_has_not_ended_keeps_its_frames(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    async with opened(path) as ledger:
        await play(ledger, session(), turn_request(), FRAMES)
        with closing(sqlite3.connect(path)) as other, other:
            other.execute("UPDATE turns SET settled_ms = NULL")
        assert await ledger.history.compact(2**62) == 0
    assert look(path, "SELECT COUNT(*) FROM packed") == [(1,)]
