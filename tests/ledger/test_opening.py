"""Whatever file is at the place of the history: the program starts, and nothing is deleted."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from pathlib import Path

import pytest

from handinger_tui.core.errors import Locked, NoRoom, TooNew
from handinger_tui.ledger.database_file import (
    SMALL_BYTES,
    SUSPECT_SUFFIX,
    mark_suspect,
    open_to_read,
    set_aside,
)
from handinger_tui.ledger.ledger import Ledger
from handinger_tui.ledger.migrations import MIGRATIONS, check_version
from handinger_tui.ledger.repair import replace_history
from tests.ledger.samples import answered, frame, look, names, opened, play, session, turn_request


async def filled(path: Path, turns: int = 3) -> None:
    """A history of some turns, closed cleanly."""
    async with opened(path) as ledger:
        now = session()
        for number in range(turns):
            now = await play(
                ledger, now, turn_request(f"turn_{number}", f"p{number}"), answered(text="a" * 5000)
            )


async def test_folder_and_files_are_private(tmp_path: Path) -> None:
    path = tmp_path / "data" / "deeper" / "h.db"
    async with opened(path) as ledger:
        await ledger.open_turn(session(), turn_request())
        assert path.parent.stat().st_mode & 0o777 == 0o700
        modes = {entry.name: entry.stat().st_mode & 0o777 for entry in path.parent.iterdir()}
        assert {"h.db", "h.db-wal", "h.db-shm"} <= modes.keys()
        assert set(modes.values()) == {0o600}
    assert names(path.parent) == ["h.db"]


async def test_a_file_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    await filled(path)
    path.chmod(0o644)
    async with opened(path):
        assert path.stat().st_mode & 0o777 == 0o600


async def test_the_file_counts_its_migrations(tmp_path: Path) -> None:
    await filled(tmp_path / "h.db")
    assert look(tmp_path / "h.db", "PRAGMA user_version") == [(len(MIGRATIONS),)]
    assert look(tmp_path / "h.db", "PRAGMA journal_mode") == [("wal",)]


async def test_a_newer_file_is_not_changed(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    with sqlite3.connect(path) as newer:
        newer.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    newer.close()
    path.chmod(0o600)
    before = path.read_bytes()
    ledger = Ledger(path)
    with pytest.raises(TooNew, match="newer"):
        await ledger.start()
    await ledger.aclose()
    assert path.read_bytes() == before
    assert names(tmp_path) == ["h.db"]


@pytest.mark.parametrize("damage", ["not a database", "first page", "cut in half", "a page in the middle"])
async def test_a_damaged_file_is_set_aside(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "h.db"
    await filled(path)
    intact = path.read_bytes()
    match damage:
        case "not a database":
            broken = b"this is no database at all, but it is long enough to look at" * 100
        case "first page":
            broken = intact[:100] + b"\xff" * 3996 + intact[4096:]
        case "cut in half":
            broken = intact[: len(intact) // 2 + 17]
        case _:
            broken = intact[: 4096 * 3] + b"\xa5" * 4096 * 3 + intact[4096 * 6 :]
    path.write_bytes(broken)
    async with opened(path) as ledger:
        assert ledger.problem is not None
        (copy,) = [name for name in names(tmp_path) if ".damaged-" in name]
        assert copy in ledger.problem
        assert await ledger.history.sessions() == []
        await play(ledger, session(), turn_request(), answered())
    assert (tmp_path / copy).read_bytes() == broken
    async with opened(path) as ledger:
        assert ledger.problem is None
        assert [summary.turns for summary in await ledger.history.sessions()] == [1]


async def test_the_log_of_a_damaged_file_is_set_aside_too(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    path.write_bytes(b"nonsense" * 1000)
    identity = (path.stat().st_dev, path.stat().st_ino)
    path.with_name("h.db-wal").write_bytes(b"log")
    path.with_name("h.db-shm").write_bytes(b"index")
    copy = set_aside(path, identity)
    assert copy is not None
    assert names(tmp_path) == [copy.name, f"{copy.name}-shm", f"{copy.name}-wal", "h.db.suspect"]


@pytest.mark.parametrize("renames", [1, 2])
async def test_a_program_that_ends_while_it_sets_a_file_aside_leaves_no_history_without_a_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, renames: int
) -> None:
    path = tmp_path / "h.db"
    path.write_bytes(b"nonsense" * 1000)
    path.with_name("h.db-wal").write_bytes(b"log")
    left, rename = [True] * renames, Path.rename

    def ending(one: Path, new: Path) -> Path:
        if not left:
            raise KeyboardInterrupt
        left.pop()
        return rename(one, new)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", ending)
        with pytest.raises(KeyboardInterrupt):
            replace_history(tmp_path / "repaired.db", path)
    async with opened(path, zone=None) as ledger:
        # Nothing is sent before the user agrees: what was spent and the limits are in the damaged file.
        assert ledger.no_history is not None
    (copy,) = [name for name in names(tmp_path) if ".damaged-" in name and name.endswith("Z")]
    assert copy in str(ledger.no_history)
    assert (tmp_path / f"{copy}-wal").read_bytes() == b"log"
    async with opened(path) as ledger:
        assert ledger.problem is None


async def test_a_read_that_failed_once_is_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite calls a file malformed where the system could not read a part of it."""
    path = tmp_path / "h.db"
    await filled(path)
    fails = [True]

    def failing_once(connection: sqlite3.Connection) -> None:
        if fails:
            fails.clear()
            problem = sqlite3.DatabaseError("database disk image is malformed")
            problem.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
            raise problem
        check_version(connection)

    monkeypatch.setattr("handinger_tui.ledger.database_file.check_version", failing_once)
    async with opened(path) as ledger:
        assert ledger.no_history is None
        assert [len(one.turns) for one in [await ledger.load(session().session_id)] if one] == [3]
    assert [name for name in names(tmp_path) if ".damaged-" in name] == []


async def test_a_file_that_another_process_has_replaced_is_not_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    await filled(path)
    assert set_aside(path, (0, 0)) is None
    assert names(tmp_path) == ["h.db"]


async def test_two_damaged_files_in_one_second_have_two_names(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    copies = set()
    for content in (b"one", b"two", b"three"):
        path.write_bytes(content)
        copies.add(set_aside(path, (path.stat().st_dev, path.stat().st_ino)))
    assert len(copies) == 3
    assert {copy.read_bytes() for copy in copies if copy is not None} == {b"one", b"two", b"three"}


async def test_a_large_file_is_checked_after_the_first_damage(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    async with opened(path) as ledger:
        await ledger.open_turn(session(), turn_request())
        for seq in range(20):
            ledger.append("turn_1", frame(seq, "x" * 2**20))
    size = path.stat().st_size
    assert size > SMALL_BYTES
    with path.open("r+b") as file:
        file.seek(size // 2 // 4096 * 4096)
        file.write(b"\xa5" * 4096 * 600)
    async with opened(path) as ledger:
        assert ledger.problem is None
    mark_suspect(path)
    async with opened(path) as ledger:
        assert ledger.problem is not None
        assert "damaged" in ledger.problem
    assert f"h.db{SUSPECT_SUFFIX}" not in names(tmp_path)


@pytest.mark.parametrize("kept", [0, 20, 32, 5000, -1])
async def test_a_truncated_log_loses_only_its_end(tmp_path: Path, kept: int) -> None:
    source, copy = tmp_path / "source", tmp_path / "copy"
    source.mkdir()
    copy.mkdir()
    await filled(source / "h.db")
    async with opened(source / "h.db") as ledger:
        await ledger.open_turn(session("ses_2"), turn_request("turn_x", "late"))
        for name in ("h.db", "h.db-wal"):
            (copy / name).write_bytes((source / name).read_bytes())
    wal = copy / "h.db-wal"
    wal.write_bytes(wal.read_bytes()[:kept])
    async with opened(copy / "h.db") as ledger:
        assert ledger.problem is None
        loaded = await ledger.load("ses_1")
        assert loaded is not None
        assert [turn.text for turn in loaded.turns] == ["a" * 5000] * 3


async def test_a_path_below_a_file_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    ledger = Ledger(tmp_path / "file" / "data" / "h.db")
    with pytest.raises(NoRoom):
        await ledger.start()
    await ledger.aclose()
    assert (tmp_path / "file").read_text() == "x"


async def test_a_folder_instead_of_the_file_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "h.db").mkdir()
    ledger = Ledger(tmp_path / "h.db")
    with pytest.raises(NoRoom):
        await ledger.start()
    await ledger.aclose()


async def test_another_writer_is_awaited_and_then_reported(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    async with opened(path, lock_wait_s=0.05) as ledger:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Locked):
            await ledger.open_turn(session(), turn_request())
        late = Ledger(path, lock_wait_s=0.05)
        with pytest.raises(Locked):
            await late.start()
        await late.aclose()
        assert await ledger.history.sessions() == []
        other.execute("COMMIT")
        other.close()
        await ledger.open_turn(session(), turn_request())
        assert len(await ledger.history.sessions()) == 1


async def test_frames_wait_in_memory_while_another_process_writes(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    frames = answered()
    async with opened(path, lock_wait_s=0.05) as ledger:
        await ledger.open_turn(session(), turn_request())
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        for one in frames:
            ledger.append("turn_1", one)
        with pytest.raises(Locked):
            await ledger.flush()
        assert ledger.problem is not None
        assert await ledger.frames("turn_1") == frames
        other.execute("COMMIT")
        other.close()
        await ledger.flush()
        assert ledger.problem is None
        assert look(path, "SELECT COUNT(*) FROM frames") == [(len(frames),)]


async def test_several_programs_set_a_damaged_file_aside_once(tmp_path: Path) -> None:
    for attempt in range(5):
        path = tmp_path / f"{attempt}.db"
        path.write_bytes(b"garbage" * 999)
        ledgers = [Ledger(path) for _ in range(5)]
        await asyncio.gather(*(ledger.start() for ledger in ledgers))
        assert [ledger.problem is None for ledger in ledgers].count(False) == 1
        assert len([name for name in names(tmp_path) if ".damaged-" in name]) == attempt + 1
        await asyncio.gather(*(ledger.aclose() for ledger in ledgers))


async def test_a_log_that_the_last_program_removes_in_this_moment_is_an_empty_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "h.db"
    async with opened(path) as ledger:
        await play(ledger, session(), turn_request(), answered())
    log = path.with_name(f"{path.name}-wal")
    log.write_bytes(b"")
    stat = Path.stat

    def removed(self: Path, *, follow_symlinks: bool = True) -> os.stat_result:
        # `lstat` is the same with `follow_symlinks` False: that one still finds it.
        if self == log and follow_symlinks:
            log.unlink(missing_ok=True)
        return stat(self, follow_symlinks=follow_symlinks)

    monkeypatch.setattr(Path, "stat", removed)
    opened_file = open_to_read(path, 1.0)
    assert opened_file.connection.execute("SELECT COUNT(*) FROM turns").fetchone()[0]
    opened_file.connection.close()
