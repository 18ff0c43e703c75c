"""The doctor tries a history: a bit that flipped in its schema, in a sum or in a charge is found."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Final

import pytest

from handinger_tui.core.errors import LedgerError
from handinger_tui.ledger.charges.proof import flaws
from handinger_tui.ledger.repair import damaged_file, repair
from handinger_tui.ledger.schema import altered_entries
from tests.ledger.damage import create_history, rows_of
from tests.ledger.samples import answered, opened, play, session, turn_request
from tests.money.test_migration import HISTORY

if TYPE_CHECKING:
    from pathlib import Path

FLIPS: Final = 4
TRIGGER: Final = (
    "UPDATE sqlite_schema SET sql = replace(sql, {old}, {new}) WHERE name = 'charges_are_totalled'"
)


def flaws_of(path: Path) -> list[str]:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.row_factory = sqlite3.Row
        return [*altered_entries(connection), *flaws(connection)]


def change(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        for statement in statements:
            connection.execute(statement)


async def test_a_healthy_history_has_no_flaw_and_is_not_changed(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    await create_history(path)
    before = rows_of(path)
    assert flaws_of(path) == []
    assert rows_of(path) == before
    assert damaged_file(path) is None


async def test_an_empty_history_has_no_flaw(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db"):
        pass
    assert flaws_of(tmp_path / "h.db") == []


async def test_a_history_that_was_migrated_has_no_flaw(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "h.db")) as connection:
        connection.executescript(HISTORY)
    async with opened(tmp_path / "h.db", zone=None):
        pass
    assert flaws_of(tmp_path / "h.db") == []


@pytest.mark.parametrize("seed", range(FLIPS))
async def test_a_flipped_bit_in_the_schema_is_found_and_repaired(tmp_path: Path, seed: int) -> None:
    path = tmp_path / "h.db"
    await create_history(path, sessions=2, turns=2)
    before = rows_of(path)
    dice = random.Random(seed)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        query = (
            "SELECT rowid, CAST(sql AS BLOB) FROM sqlite_schema WHERE sql <> '' AND name NOT LIKE 'sqlite%'"
        )
        number, text = dice.choice(connection.execute(query).fetchall())
        flipped = bytearray(text)
        flipped[dice.randrange(len(text))] ^= 1 << dice.randrange(7)
        put = "UPDATE sqlite_schema SET sql = CAST(? AS TEXT) WHERE rowid = ?"
        connection.execute(put, (bytes(flipped), number))
    assert damaged_file(path) == path
    saved = repair(path)
    assert saved.path is not None
    assert not saved.lost
    assert rows_of(saved.path) == before
    assert flaws_of(saved.path) == []


async def test_a_write_that_fails_names_its_cause(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    await create_history(path, sessions=1, turns=1)
    change(path, TRIGGER.format(old="'NEW.steps'", new="'NEW.stepz'"))
    assert flaws_of(path)[1:] == ["A write failed: no such column: NEW.stepz."]
    async with opened(path) as ledger:
        with pytest.raises(LedgerError, match=r"no such column: NEW\.stepz.*") as refusal:
            await play(ledger, session("ses_9"), turn_request("turn_9"), answered())
        assert "doctor" in refusal.value.hint


async def test_a_trigger_that_adds_something_else_is_found_by_what_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    await create_history(path, sessions=1, turns=1)
    change(path, TRIGGER.format(old="'NEW.usd_pico, NEW.micro'", new="'NEW.micro_credits, NEW.micro'"))
    assert "What is written does not come back as it was." in flaws_of(path)


async def test_a_sum_that_is_not_that_of_its_charges_is_found_and_repaired(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    await create_history(path)
    before = rows_of(path)
    change(path, "UPDATE turn_totals SET usd_pico = usd_pico + 1 WHERE turn_id = 'turn_1_1'")
    assert flaws_of(path) == ["The stored sums of 1 turn are not those of the charges."]
    saved = repair(path)
    assert saved.path is not None
    assert rows_of(saved.path) == before


async def test_a_cost_that_its_frames_do_not_show_is_found(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    await create_history(path)
    change(
        path,
        "DROP TRIGGER charges_stay",
        "UPDATE charges SET usd_pico = usd_pico + 1 WHERE turn_id = 'turn_3_4' AND usd_pico > 0",
        "UPDATE turn_totals SET usd_pico = usd_pico + 1 WHERE turn_id = 'turn_3_4'",
    )
    assert flaws_of(path)[1:] == ["The cost of “title 3” is not what its frames show."]
