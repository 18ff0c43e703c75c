"""Frames are written in batches: by count, by time, and before any job that depends on them."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from queue import SimpleQueue
from threading import Event
from typing import TYPE_CHECKING

import pytest

from handinger_tui.core.errors import LedgerError, NoRoom
from handinger_tui.ledger.database import MAX_FRAMES, Database
from handinger_tui.ledger.database_file import open_database
from handinger_tui.ledger.sql import TurnFrame
from handinger_tui.ledger.turns import FrameWriter, Run, open_turn
from tests.ledger.samples import frame, look, session, turn_request

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

DEADLINE_S = 60.0


def item(seq: int) -> TurnFrame:
    return TurnFrame("turn_1", frame(seq, "x"))


class Writer:
    """Writes frames, and records the size of each batch; it fails while `problem` is set."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self._commits: SimpleQueue[int] = SimpleQueue()
        self.problem: Exception | None = None
        self._write = FrameWriter()

    def __call__(self, connection: sqlite3.Connection, frames: Sequence[TurnFrame]) -> None:
        self.sizes.append(len(frames))
        if self.problem is not None:
            raise self.problem
        self._write(connection, frames)
        self._commits.put(len(frames))

    async def committed(self) -> int:
        """The size of the next batch that is committed."""
        return await asyncio.to_thread(self._commits.get, timeout=DEADLINE_S)


@asynccontextmanager
async def started(path: Path, writer: Writer) -> AsyncIterator[Database]:
    database = Database(lambda: open_database(path, 5), writer)
    await database.start()
    await database.run(lambda db: open_turn(db, session(), turn_request(), Run("run")))
    async with asyncio.timeout(DEADLINE_S):
        yield database
    await database.close()


def stored(connection: sqlite3.Connection) -> int:
    number: int = connection.execute("SELECT COUNT(*) FROM frames").fetchone()[0]
    return number


def count(path: Path) -> int:
    number: int = look(path, "SELECT COUNT(*) FROM frames")[0][0]
    return number


async def test_a_full_batch_is_written_immediately(tmp_path: Path) -> None:
    writer = Writer()
    async with started(tmp_path / "h.db", writer) as database:
        for seq in range(2 * MAX_FRAMES + 50):
            database.append(item(seq))
        await database.run(lambda _db: None)
        assert writer.sizes == [MAX_FRAMES, MAX_FRAMES, 50]
    assert count(tmp_path / "h.db") == 2 * MAX_FRAMES + 50


async def test_frames_that_arrive_together_are_one_commit(tmp_path: Path) -> None:
    writer = Writer()
    async with started(tmp_path / "h.db", writer) as database:
        for seq in range(MAX_FRAMES - 1):
            database.append(item(seq))
        assert await writer.committed() == MAX_FRAMES - 1
        assert count(tmp_path / "h.db") == MAX_FRAMES - 1


async def test_a_single_frame_is_written_after_a_delay(tmp_path: Path) -> None:
    writer = Writer()
    async with started(tmp_path / "h.db", writer) as database:
        for seq in range(2):
            database.append(item(seq))
            assert await writer.committed() == 1
            assert count(tmp_path / "h.db") == seq + 1


async def test_frames_and_jobs_keep_their_order(tmp_path: Path) -> None:
    async with started(tmp_path / "h.db", Writer()) as database:
        events = []
        for seq in range(3_000):
            database.append(item(seq))
            if seq % 70 == 0:
                events.append((seq, asyncio.create_task(database.run(stored))))
                await asyncio.sleep(0)
        for seq, job in events:
            assert await job == seq + 1
    assert count(tmp_path / "h.db") == 3_000


async def test_refused_frames_keep_their_order_and_are_retried(tmp_path: Path) -> None:
    writer = Writer()
    async with started(tmp_path / "h.db", writer) as database:
        writer.problem = NoRoom("The disk is full.")
        for seq in range(MAX_FRAMES):
            database.append(item(seq))
        with pytest.raises(NoRoom):
            await database.run(stored, flush=True)
        assert database.problem == "The disk is full."
        # A job that does not need them is done nevertheless.
        assert await database.run(stored) == 0
        tries = len(writer.sizes)
        # Not with each further frame: a full disk is not tried a thousand times a second.
        for seq in range(MAX_FRAMES, 2 * MAX_FRAMES - 1):
            database.append(item(seq))
        await asyncio.sleep(0.2)
        assert len(writer.sizes) == tries
        writer.problem = None
        database.append(item(2 * MAX_FRAMES - 1))
        assert await writer.committed() == 2 * MAX_FRAMES
        await database.run(stored)
        assert database.problem is None
    assert look(tmp_path / "h.db", "SELECT MIN(seq), MAX(seq) FROM frames") == [(0, 2 * MAX_FRAMES - 1)]


async def test_a_long_answer_on_a_full_disk_is_not_tried_again_and_again(tmp_path: Path) -> None:
    writer, number = Writer(), 100 * MAX_FRAMES
    async with started(tmp_path / "h.db", writer) as database:
        writer.problem = NoRoom("The disk is full.")
        for seq in range(number):
            database.append(item(seq))
        await database.run(stored)
        assert sum(writer.sizes) < 4 * number
        writer.problem = None
    assert count(tmp_path / "h.db") == number


async def test_frames_that_cannot_be_written_at_the_end_are_reported(tmp_path: Path) -> None:
    writer = Writer()
    database = Database(lambda: open_database(tmp_path / "h.db", 5), writer)
    await database.start()
    writer.problem = NoRoom("The disk is full.")
    database.append(item(0))
    for _ in range(2):
        with pytest.raises(NoRoom, match="The disk is full") as caught:
            await database.close()
        assert "costs --settle" in caught.value.hint
    with pytest.raises(LedgerError):
        database.append(item(1))
    with pytest.raises(LedgerError):
        await database.run(stored)


async def test_an_error_in_the_writer_is_reported_to_the_next_job(
    tmp_path: Path,
) -> None:
    writer = Writer()
    async with started(tmp_path / "h.db", writer) as database:
        writer.problem = RuntimeError("broken")
        for seq in range(MAX_FRAMES):
            database.append(item(seq))
        with pytest.raises(RuntimeError, match="broken"):
            await database.run(stored, flush=True)
        writer.problem = None
        assert await database.run(stored, flush=True) == MAX_FRAMES


async def test_a_database_that_cannot_be_opened_refuses_every_job(tmp_path: Path) -> None:
    database = Database(lambda: open_database(tmp_path / "h.db" / "no folder" / "h.db", 5), Writer())
    (tmp_path / "h.db").write_text("")
    with pytest.raises(LedgerError):
        await database.start()
    with pytest.raises(LedgerError):
        await database.run(stored)
    await database.close()


async def test_a_cancelled_job_is_not_done(tmp_path: Path) -> None:
    gate = Event()
    async with started(tmp_path / "h.db", Writer()) as database:
        held = asyncio.create_task(database.run(lambda _db: gate.wait(DEADLINE_S)))
        given_up = asyncio.create_task(
            database.run(lambda db: open_turn(db, session(), turn_request("turn_2"), Run("run")))
        )
        await asyncio.sleep(0)
        database.append(item(0))
        given_up.cancel()
        await asyncio.sleep(0)
        gate.set()
        assert await held
    assert look(tmp_path / "h.db", "SELECT turn_id FROM turns") == [("turn_1",)]
    assert count(tmp_path / "h.db") == 1


async def test_a_cancelled_close_writes_the_last_frames(tmp_path: Path) -> None:
    gate = Event()
    database = Database(lambda: open_database(tmp_path / "h.db", 5), Writer())
    await database.start()
    await database.run(lambda db: open_turn(db, session(), turn_request(), Run("run")))
    held = asyncio.create_task(database.run(lambda _db: gate.wait(DEADLINE_S)))
    await asyncio.sleep(0)
    database.append(item(0))
    closing = asyncio.create_task(database.close())
    await asyncio.sleep(0)
    closing.cancel()
    await asyncio.sleep(0)
    gate.set()
    assert await held
    await database.close()
    assert count(tmp_path / "h.db") == 1
