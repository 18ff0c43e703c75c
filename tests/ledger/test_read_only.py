"""Read-only access: on read-only media, during writes, and of older and newer files."""

from __future__ import annotations

import shutil
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING

import pytest

from handinger_tui.core.errors import Damaged, LedgerError, Locked, TooNew
from handinger_tui.ledger.database_file import NEWER, READ_ONLY
from handinger_tui.ledger.ledger import FileAccess, Ledger
from handinger_tui.ledger.migrations import MIGRATIONS
from tests.ledger.samples import answered, names, opened, play, session, turn_request
from tests.ledger.test_processes import other, read_line
from tests.ledger.test_remote_turns import older_file

if TYPE_CHECKING:
    from collections.abc import Iterator


async def titles(path: Path, **options: float) -> tuple[list[str], str | None]:
    """The sessions that a read-only command lists, and its warning."""
    async with opened(path, access=FileAccess.READ, **options) as ledger:
        return [summary.title for summary in await ledger.history.sessions()], ledger.problem


async def filled(path: Path) -> None:
    async with opened(path) as ledger:
        await play(ledger, session(title="a title"), turn_request(), answered())


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that every user may read."""
    path = Path(mkdtemp(prefix="handinger-"))
    path.chmod(0o755)
    yield path
    path.chmod(0o755)
    shutil.rmtree(path)


def locked_up(folder: Path) -> dict[str, bytes]:
    """Remove all write permissions; returns the files."""
    for entry in folder.iterdir():
        entry.chmod(0o444)
    folder.chmod(0o555)
    return {entry.name: entry.read_bytes() for entry in folder.iterdir()}


@pytest.mark.skipif(sys.platform == "win32", reason="rights of POSIX")
@pytest.mark.parametrize("leftover", ["closed", "cut off", "older"])
async def test_a_history_on_a_read_only_medium_is_read(folder: Path, tmp_path: Path, leftover: str) -> None:
    path = folder / "h.db"
    if leftover == "older":
        older_file(path)
    elif leftover == "closed":
        await filled(path)
    else:
        async with opened(tmp_path / "h.db") as ledger:
            await play(ledger, session(title="a title"), turn_request(), answered())
            for name in ("h.db", "h.db-wal"):
                shutil.copyfile(tmp_path / name, folder / name)
    before = locked_up(folder)
    async with other("read", str(path)) as process:
        lines = [await read_line(process), await read_line(process)]
    assert lines == ["['a title']", "5" if leftover == "older" else "1"]
    assert locked_up(folder) == before


async def test_a_history_is_read_while_another_process_writes(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    await filled(path)
    async with other("hold", str(path)) as process:
        assert await read_line(process) == "held"
        assert await titles(path, lock_wait_s=0.05) == (["a title"], None)


async def test_a_file_locked_by_another_process_is_busy(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    await filled(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as owner:
        owner.execute("PRAGMA locking_mode = EXCLUSIVE")
        owner.execute("BEGIN IMMEDIATE")
        owner.execute("UPDATE sessions SET title = 'other'")
        with pytest.raises(Locked, match="in use"):
            await titles(path, lock_wait_s=0.05)
        owner.execute("ROLLBACK")


def newer(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in (*statements, f"PRAGMA user_version = {len(MIGRATIONS) + 1}"):
            connection.execute(statement)


async def test_the_compatible_part_of_a_newer_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    await filled(path)
    newer(path, "ALTER TABLE sessions ADD COLUMN color TEXT", "CREATE TABLE more (x)")
    before = path.read_bytes()
    assert await titles(path) == (["a title"], NEWER)
    assert path.read_bytes() == before


async def test_an_incompatible_newer_file_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    await filled(path)
    newer(path, "ALTER TABLE sessions RENAME COLUMN title TO name")
    with pytest.raises(TooNew, match=r"Cannot read.*newer version"):
        await titles(path)


async def test_an_older_writable_file_is_migrated(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    older_file(path)
    assert await titles(path) == (["a title"], None)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)


async def test_an_older_locked_file_is_read_from_a_copy(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    older_file(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    async with other("hold", str(path)) as process:
        assert await read_line(process) == "held"
        assert await titles(path, lock_wait_s=0.05) == (["a title"], READ_ONLY)


async def test_a_missing_history_is_empty_and_is_not_created(tmp_path: Path) -> None:
    assert await titles(tmp_path / "none" / "h.db") == ([], None)
    assert names(tmp_path) == []


async def test_reading_changes_no_file(tmp_path: Path) -> None:
    await filled(tmp_path / "h.db")
    await titles(tmp_path / "h.db")
    assert names(tmp_path) == ["h.db"]


async def test_a_reader_cannot_write(tmp_path: Path) -> None:
    await filled(tmp_path / "h.db")
    async with opened(tmp_path / "h.db", access=FileAccess.READ) as ledger:
        with pytest.raises(LedgerError, match="Cannot write"):
            await ledger.history.rename("ses_1", "x")


@pytest.mark.parametrize("access", [FileAccess.READ, FileAccess.WRITE])
async def test_only_the_app_sets_a_damaged_file_aside(tmp_path: Path, access: FileAccess) -> None:
    path = tmp_path / "h.db"
    path.write_bytes(b"no database, whatever its name says" * 99)
    before = path.read_bytes()
    ledger = Ledger(path, access=access)
    with pytest.raises(Damaged):
        await ledger.start()
    await ledger.aclose()
    assert names(tmp_path) == ["h.db"]
    assert path.read_bytes() == before


async def test_after_damage_nothing_is_sent_without_consent(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    path.write_bytes(b"no database, whatever its name says" * 99)
    async with opened(path) as ledger:
        assert ledger.no_history is not None
        assert "damaged" in ledger.no_history.summary
        ledger.allow_unrecorded()
        assert ledger.no_history is None
    async with opened(path) as ledger:
        assert ledger.no_history is None


async def test_a_fallback_history_forbids_sending_and_a_chosen_one_does_not() -> None:
    async with opened(None) as ledger:
        assert ledger.no_history is None
    async with opened(None, instead_of=Locked("It is busy.")) as ledger:
        assert ledger.no_history is not None
        assert "It is busy." in ledger.no_history.summary
