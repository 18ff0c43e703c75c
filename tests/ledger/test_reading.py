"""Reading commands read: on media that cannot be written, beside writers, older and newer files."""

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
from handinger_tui.ledger.database_file import NEWER, ONLY_READ
from handinger_tui.ledger.ledger import FileAccess, Ledger
from handinger_tui.ledger.migrations import MIGRATIONS
from tests.ledger.made import answered, names, opened, order, play, session
from tests.ledger.test_processes import heard, other
from tests.ledger.test_remote_turns import older_file

if TYPE_CHECKING:
    from collections.abc import Iterator


async def titles(path: Path, **options: float) -> tuple[list[str], str | None]:
    """What a reading command lists, and what it is told."""
    async with opened(path, access=FileAccess.READ, **options) as ledger:
        return [summary.title for summary in await ledger.history.sessions()], ledger.problem


async def filled(path: Path) -> None:
    async with opened(path) as ledger:
        await play(ledger, session(title="a title"), order(), answered())


@pytest.fixture
def folder() -> Iterator[Path]:
    """One that everybody may look into."""
    made = Path(mkdtemp(prefix="handinger-"))
    made.chmod(0o755)
    yield made
    made.chmod(0o755)
    shutil.rmtree(made)


def locked_up(folder: Path) -> dict[str, bytes]:
    """Take all rights to write; returns the files."""
    for entry in folder.iterdir():
        entry.chmod(0o444)
    folder.chmod(0o555)
    return {entry.name: entry.read_bytes() for entry in folder.iterdir()}


@pytest.mark.skipif(sys.platform == "win32", reason="rights of POSIX")
@pytest.mark.parametrize("left", ["closed", "cut off", "older"])
async def test_on_a_medium_that_cannot_be_written(folder: Path, tmp_path: Path, left: str) -> None:
    path = folder / "h.db"
    if left == "older":
        older_file(path)
    elif left == "closed":
        await filled(path)
    else:
        async with opened(tmp_path / "h.db") as ledger:
            await play(ledger, session(title="a title"), order(), answered())
            for name in ("h.db", "h.db-wal"):
                shutil.copyfile(tmp_path / name, folder / name)
    before = locked_up(folder)
    async with other("read", str(path)) as process:
        said = [await heard(process), await heard(process)]
    assert said == ["['a title']", "6" if left == "older" else "1"]
    assert locked_up(folder) == before


async def test_beside_a_process_that_writes(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    await filled(path)
    async with other("hold", str(path)) as process:
        assert await heard(process) == "held"
        assert await titles(path, patience_s=0.05) == (["a title"], None)


async def test_a_file_that_another_process_keeps_to_itself_is_called_busy(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    await filled(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as owner:
        owner.execute("PRAGMA locking_mode = EXCLUSIVE")
        owner.execute("BEGIN IMMEDIATE")
        owner.execute("UPDATE sessions SET title = 'other'")
        with pytest.raises(Locked, match="in use"):
            await titles(path, patience_s=0.05)
        owner.execute("ROLLBACK")


def newer(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in (*statements, f"PRAGMA user_version = {len(MIGRATIONS) + 1}"):
            connection.execute(statement)


async def test_a_newer_file_is_read_as_far_as_it_is_understood(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    await filled(path)
    newer(path, "ALTER TABLE sessions ADD COLUMN color TEXT", "CREATE TABLE more (x)")
    before = path.read_bytes()
    assert await titles(path) == (["a title"], NEWER)
    assert path.read_bytes() == before


async def test_a_newer_file_that_is_not_understood_names_the_cause(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    await filled(path)
    newer(path, "ALTER TABLE sessions RENAME COLUMN title TO name")
    with pytest.raises(TooNew, match=r"Cannot read.*newer version"):
        await titles(path)


async def test_an_older_file_is_brought_up_to_date_where_it_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    older_file(path)
    assert await titles(path) == (["a title"], None)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)


async def test_an_older_file_that_is_held_is_read_from_a_copy(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    older_file(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    async with other("hold", str(path)) as process:
        assert await heard(process) == "held"
        assert await titles(path, patience_s=0.05) == (["a title"], ONLY_READ)


async def test_no_history_is_an_empty_one_and_is_not_made(tmp_path: Path) -> None:
    assert await titles(tmp_path / "none" / "h.db") == ([], None)
    assert names(tmp_path) == []


async def test_reading_leaves_no_trace(tmp_path: Path) -> None:
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


async def test_after_damage_nothing_is_sent_before_the_person_agrees(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    path.write_bytes(b"no database, whatever its name says" * 99)
    async with opened(path) as ledger:
        assert ledger.no_history is not None
        assert "damaged" in ledger.no_history.summary
        ledger.allow_unrecorded()
        assert ledger.no_history is None
    async with opened(path) as ledger:
        assert ledger.no_history is None


async def test_a_stand_in_forbids_to_send_and_a_chosen_one_does_not() -> None:
    async with opened(None) as ledger:
        assert ledger.no_history is None
    async with opened(None, instead_of=Locked("It is busy.")) as ledger:
        assert ledger.no_history is not None
        assert "It is busy." in ledger.no_history.summary
