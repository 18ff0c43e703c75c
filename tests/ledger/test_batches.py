"""Frames reach the disk in batches: by count, by time, and before anything that depends on them."""

from __future__ import annotations

from pathlib import Path
from queue import SimpleQueue

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handinger_tui.core.errors import LedgerError
from handinger_tui.ledger.database import MAX_FRAMES, Batch, DatabaseThread, Frames
from handinger_tui.ledger.opening import open_database
from handinger_tui.ledger.rows import TurnFrame
from handinger_tui.ledger.turns import open_turn
from tests.ledger.made import frame, look, order, session

DEADLINE_S = 20.0


def item(seq: int) -> TurnFrame:
    return TurnFrame("turn_1", frame(seq, "x"))


def test_a_batch_is_due_by_count() -> None:
    batch = Batch(max_frames=3, max_wait_s=10)
    for seq in range(3):
        assert not batch.due(0)
        batch.add(item(seq), 0)
    assert batch.due(0)


def test_a_batch_is_due_by_the_age_of_its_first_frame() -> None:
    batch = Batch(max_frames=3, max_wait_s=10)
    assert batch.wait(0) is None
    batch.add(item(0), 100)
    batch.add(item(1), 109)
    assert batch.wait(109) == 1
    assert not batch.due(109)
    assert batch.due(110)
    assert batch.wait(999) == 0
    batch.written()
    assert batch.wait(999) is None
    assert not batch.due(999)


def test_refused_frames_stay_in_order_and_wait_to_be_asked() -> None:
    batch = Batch(max_frames=2, max_wait_s=10)
    batch.add(item(0), 0)
    batch.add(item(1), 0)
    batch.refused()
    assert batch.wait(0) is None
    assert not batch.due(1e9)
    batch.add(item(2), 0)
    assert not batch.due(1e9)
    batch.add(item(3), 0)
    assert batch.due(0)
    assert [one.frame.seq for one in batch.frames] == [0, 1, 2, 3]


@given(st.lists(st.floats(min_value=0, max_value=1), max_size=30))
def test_no_frame_waits_longer_than_promised(pauses: list[float]) -> None:
    batch, now, oldest = Batch(max_frames=5, max_wait_s=0.5), 0.0, 0.0
    for seq, pause in enumerate(pauses):
        now += pause
        if batch.frames and batch.due(now):
            batch.written()
        if not batch.frames:
            oldest = now
        batch.add(item(seq), now)
        wait = batch.wait(now)
        assert wait is not None
        assert now + wait <= oldest + 0.5 + 1e-9


def started(path: Path, batch: Batch, commits: SimpleQueue[int]) -> DatabaseThread:
    thread = DatabaseThread(lambda: open_database(path, 5), batch=batch, on_batch=commits.put)
    thread.start().result(DEADLINE_S)
    thread.submit(lambda db: open_turn(db, session(), order(), "run")).result(DEADLINE_S)
    return thread


def count(path: Path) -> int:
    number: int = look(path, "SELECT COUNT(*) FROM frames")[0][0]
    return number


def test_a_full_batch_is_written_without_being_asked(tmp_path: Path) -> None:
    commits: SimpleQueue[int] = SimpleQueue()
    thread = started(tmp_path / "h.db", Batch(max_frames=200, max_wait_s=1e6), commits)
    for seq in range(450):
        thread.append(item(seq))
    written = commits.get(timeout=DEADLINE_S)
    assert written >= 200
    assert count(tmp_path / "h.db") >= written
    thread.stop().result(DEADLINE_S)
    while not commits.empty():
        written += commits.get()
    assert written == count(tmp_path / "h.db") == 450


def test_frames_of_many_turns_between_jobs_all_arrive_in_order(tmp_path: Path) -> None:
    commits: SimpleQueue[int] = SimpleQueue()
    thread = started(tmp_path / "h.db", Batch(max_frames=200, max_wait_s=0.001), commits)
    seen = []
    for seq in range(3_000):
        thread.append(item(seq))
        if seq % 7 == 0:
            jobs = thread.submit(lambda db: db.execute("SELECT COUNT(*), MAX(seq) FROM frames").fetchone())
            seen.append((seq, jobs))
    for seq, job in seen:
        # No frame overtakes a job, and none is left behind by one.
        assert tuple(job.result(DEADLINE_S)) == (seq + 1, seq)
    thread.stop().result(DEADLINE_S)
    assert count(tmp_path / "h.db") == 3_000


def test_the_thread_sleeps_while_frames_gather(tmp_path: Path) -> None:
    commits: SimpleQueue[int] = SimpleQueue()
    thread = started(tmp_path / "h.db", Batch(max_frames=200, max_wait_s=1e6), commits)
    for seq in range(150):
        thread.append(item(seq))
    thread.stop().result(DEADLINE_S)
    # For the turn, the first frames, and to stop.
    assert thread.woken <= 4
    assert count(tmp_path / "h.db") == 150


def test_a_lone_frame_is_written_after_its_time(tmp_path: Path) -> None:
    commits: SimpleQueue[int] = SimpleQueue()
    thread = started(tmp_path / "h.db", Batch(max_frames=200, max_wait_s=0.01), commits)
    thread.append(item(0))
    assert commits.get(timeout=DEADLINE_S) == 1
    assert count(tmp_path / "h.db") == 1
    thread.stop().result(DEADLINE_S)


def test_a_job_sees_what_was_queued_before_it(tmp_path: Path) -> None:
    commits: SimpleQueue[int] = SimpleQueue()
    thread = started(tmp_path / "h.db", Batch(max_frames=200, max_wait_s=1e6), commits)
    thread.append(item(0))
    thread.append(item(1))
    seen = thread.submit(lambda db: db.execute("SELECT COUNT(*) FROM frames").fetchone()[0], Frames.WRITTEN)
    assert seen.result(DEADLINE_S) == 2
    thread.stop().result(DEADLINE_S)


def test_a_thread_that_breaks_keeps_nobody_waiting(tmp_path: Path) -> None:
    def break_down(_count: int) -> None:
        raise RuntimeError("broken")

    thread = DatabaseThread(lambda: open_database(tmp_path / "h.db", 5), on_batch=break_down)
    thread.start().result(DEADLINE_S)
    thread.submit(lambda db: open_turn(db, session(), order(), "run")).result(DEADLINE_S)
    gate: SimpleQueue[None] = SimpleQueue()
    held = thread.submit(lambda _db: gate.get(timeout=DEADLINE_S))
    for seq in range(MAX_FRAMES):
        thread.append(item(seq))
    waiting = [thread.submit(lambda _db: None) for _ in range(3)]
    gate.put(None)
    held.result(DEADLINE_S)
    for job in waiting:
        with pytest.raises(LedgerError):
            job.result(DEADLINE_S)
    with pytest.raises(RuntimeError, match="broken"):
        thread.stop().result(DEADLINE_S)
    with pytest.raises(LedgerError):
        thread.append(item(1))
    with pytest.raises(LedgerError):
        thread.submit(lambda _db: None).result(DEADLINE_S)


def test_a_job_nobody_waits_for_any_more_is_not_done(tmp_path: Path) -> None:
    commits: SimpleQueue[int] = SimpleQueue()
    thread = started(tmp_path / "h.db", Batch(), commits)
    gate: SimpleQueue[None] = SimpleQueue()
    held = thread.submit(lambda _db: gate.get(timeout=DEADLINE_S))
    given_up = thread.submit(lambda db: open_turn(db, session(), order("turn_2"), "run"))
    assert given_up.cancel()
    gate.put(None)
    held.result(DEADLINE_S)
    thread.stop().result(DEADLINE_S)
    assert look(tmp_path / "h.db", "SELECT turn_id FROM turns") == [("turn_1",)]
