"""Repair: every row that SQLite can read of a damaged history is in the new file, and the old one stays."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from typing import TYPE_CHECKING

import pytest

from handinger_tui.core.errors import Damaged, Locked
from handinger_tui.core.money.spending import ChargeFilter, GroupBy
from handinger_tui.ledger.cost_rows import opened as costs_of
from handinger_tui.ledger.database_file import BACKUP
from handinger_tui.ledger.ledger import FileAccess, Ledger
from handinger_tui.ledger.migrations import MIGRATIONS, begin_at, fitting_version
from handinger_tui.ledger.repair import damaged_file, may_replace, repair, replace_history
from tests.ledger.damage import KINDS, create_history, damage_large, damaged, lose, readable_rows, rows_of
from tests.ledger.samples import answered, look, names, opened, play, session, turn_request

if TYPE_CHECKING:
    from pathlib import Path


async def test_an_intact_history_is_equal_after_repair(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    await create_history(path)
    before = path.read_bytes()
    saved = repair(path)
    assert not saved.lost
    assert saved.path is not None
    assert rows_of(saved.path) == rows_of(path)
    assert path.read_bytes() == before
    assert look(saved.path, "PRAGMA quick_check") == [("ok",)]
    assert saved.path.stat().st_mode & 0o777 == 0o600


VERSIONS = range(1, len(MIGRATIONS) + 1)
REPAIRED = (1, len(MIGRATIONS) // 2, len(MIGRATIONS) - 1)
"""A repair runs all migrations that are missing."""


@pytest.mark.parametrize("version", [1, 6, 13, len(MIGRATIONS) - 1, len(MIGRATIONS)])
async def test_a_wrong_version_in_the_header_loses_no_column(tmp_path: Path, version: int) -> None:
    path = tmp_path / "h.db"
    await create_history(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {version}")
    is_right = version == len(MIGRATIONS)
    assert damaged_file(path) == (None if is_right else path)
    if not is_right:
        with pytest.raises(Damaged):
            await Ledger(path, access=FileAccess.WRITE).start()
    saved = repair(path)
    assert not saved.lost
    assert saved.path is not None
    assert rows_of(saved.path) == rows_of(path)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_version_is_recognized_by_its_columns(tmp_path: Path, version: int) -> None:
    path = tmp_path / "h.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        begin_at(connection, version)
        assert {fitting_version(connection, header) for header in (0, len(MIGRATIONS))} == {version}
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
    assert damaged_file(path) == (None if version == len(MIGRATIONS) else path)
    assert version not in REPAIRED or not repair(path).lost


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", [2])
async def test_readable_rows_are_saved(tmp_path: Path, kind: str, seed: int) -> None:
    path = tmp_path / "h.db"
    await create_history(path)
    damaged(path, kind, seed)
    before = path.read_bytes()
    readable = readable_rows(path)
    try:
        saved = repair(path)
    except Damaged:
        assert not any(readable.values())
        return
    assert path.read_bytes() == before
    assert saved.path is not None
    repaired = rows_of(saved.path)
    for table, rows in readable.items():
        assert rows <= repaired[table], table
    async with opened(saved.path) as ledger:
        assert ledger.problem is None
        for summary in await ledger.history.sessions(-1):
            await ledger.load(summary.session_id)


AMOUNTS = "SELECT turn_id, usd_pico, final FROM turn_totals WHERE turn_id <> 'turn_9' ORDER BY 1"


@pytest.mark.parametrize(
    ("tables", "pages"),
    [(("charges",), 0), (("turns",), 0), (("frames", "worker_turns"), 0), ((), 2), ((), 9)],
)
async def test_a_repair_that_loses_rows_changes_no_amount_and_the_doctor_is_content(
    tmp_path: Path, tables: tuple[str, ...], pages: int
) -> None:
    path = tmp_path / "h.db"
    await create_history(path)
    amounts = look(path, AMOUNTS)
    lose(path, *tables, pages=pages)
    saved = repair(path)
    assert saved.lost
    assert saved.path is not None
    async with opened(saved.path) as ledger:
        assert await ledger.flaws() == []
        now = await ledger.load("ses_3")
        assert now is not None
        await play(ledger, now, turn_request("turn_9", created_ms=400_000), answered(usd=7))
        assert await ledger.flaws() == []
    assert look(saved.path, AMOUNTS) == amounts
    assert look(saved.path, "SELECT COUNT(*) FROM turn_totals WHERE turn_id = 'turn_9'") == [(1,)]


async def test_a_second_repair_loses_no_sum_that_the_first_one_saved(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    await create_history(path)
    amounts = look(path, AMOUNTS)
    # As an earlier version left it: amounts without their charges.
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("DROP TRIGGER charges_are_kept")
        connection.execute("DELETE FROM charges WHERE id > 40")
    for _ in range(2):
        saved = repair(path)
        assert saved.path is not None
        path = saved.path
        assert look(path, AMOUNTS) == amounts


async def test_a_value_that_no_table_may_hold_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    await create_history(path)
    amounts = look(path, AMOUNTS)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.execute("DROP TRIGGER charges_stay")
        connection.execute("UPDATE charges SET reading = 'totbl' WHERE id = 77")
        connection.execute("UPDATE charges SET steps = 'x' WHERE id = 76")
    saved = repair(path)
    assert saved.path is not None
    assert [(table.name, table.lost) for table in saved.lost] == [("charges", 2)]
    assert damaged_file(saved.path) != saved.path
    assert look(saved.path, AMOUNTS) == amounts


async def test_the_repaired_file_becomes_the_history_and_the_old_one_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    await create_history(path)
    damaged(path, "page", 1)
    broken = path.read_bytes()
    assert damaged_file(path) == path
    saved = repair(path)
    assert saved.path is not None
    assert may_replace(path, path)
    kept = replace_history(saved.path, path)
    assert kept is not None
    assert kept.read_bytes() == broken
    assert damaged_file(path) == kept
    async with opened(path) as ledger:
        assert ledger.problem is None
        assert await ledger.history.sessions()


async def test_a_history_that_a_program_uses_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    await create_history(path)
    saved = repair(path)
    assert saved.path is not None
    async with opened(path):
        with pytest.raises(Locked):
            replace_history(saved.path, path)
    assert saved.path.exists()


async def test_a_history_with_turns_of_its_own_is_not_replaced_by_one_that_was_set_aside(
    tmp_path: Path,
) -> None:
    path, aside = tmp_path / "h.db", tmp_path / "h.db.damaged-20260101T000000Z"
    await create_history(path)
    aside.write_bytes(path.read_bytes())
    assert damaged_file(path) == aside
    assert not may_replace(aside, path)


async def test_costs_of_a_large_history_are_read_around_the_damage_of_charges(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    await create_history(path)
    with costs_of(path) as intact:
        expected = intact.buckets(GroupBy.SESSION, ChargeFilter())
    damage_large(path)
    with costs_of(path) as costs:
        assert costs.problem is not None
        assert "damaged" in costs.problem
        assert costs.buckets(GroupBy.SESSION, ChargeFilter()) == expected


async def test_a_turn_whose_session_is_lost_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    await create_history(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute("DELETE FROM sessions")
        connection.execute("DELETE FROM turns WHERE place = 1")
    saved = repair(path)
    assert saved.path is not None
    async with opened(saved.path) as ledger:
        titles = {one.title: one.turns for one in await ledger.history.sessions()}
    assert titles.keys() == {"(unreadable)"}
    assert look(saved.path, "SELECT COUNT(*) FROM turns") == [(len(look(path, "SELECT 1 FROM turns")) + 1,)]


async def test_a_copy_is_created_before_a_migration(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        begin_at(connection, len(MIGRATIONS) - 1)
    old = path.read_bytes()
    async with opened(path) as ledger:
        await ledger.open_turn(session(), turn_request())
    copy = path.with_name(path.name + BACKUP)
    assert copy.stat().st_mode & 0o777 == 0o600
    assert look(copy, "PRAGMA user_version") == [(len(MIGRATIONS) - 1,)]
    assert len(copy.read_bytes()) == len(old)
    async with opened(path):
        assert names(tmp_path).count(copy.name) == 1


async def test_without_space_for_the_copy_nothing_is_migrated(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        begin_at(connection, len(MIGRATIONS) - 1)
    path.with_name(path.name + BACKUP).mkdir()
    ledger = Ledger(path)
    with pytest.raises(Exception, match="Cannot write"):
        await ledger.start()
    with suppress(Exception):
        await ledger.aclose()
    assert look(path, "PRAGMA user_version") == [(len(MIGRATIONS) - 1,)]
