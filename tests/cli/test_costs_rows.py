"""Turn by turn: the numbers that the database writes are those of every other form; unknown stays so."""

from __future__ import annotations

import csv
import io
import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handinger_tui.cli.commands.costs.turn_rows import COLUMNS
from handinger_tui.cli.exit_codes import Exit
from handinger_tui.core.amounts import decimal_text
from handinger_tui.core.export import spending as spending_json
from handinger_tui.core.money.spending import ChargeFilter
from handinger_tui.ledger.cost_rows import Form, opened
from handinger_tui.ledger.opening import NEWER
from tests.e2e.runner import run
from tests.ledger.made import answered, order, play, session
from tests.ledger.made import opened as ledger_at

LARGEST = 2**63 - 1


def written(form: Form, column: str, number: int | None) -> str:
    connection = sqlite3.connect(":memory:")
    try:
        sql = f"SELECT printf('%s', {form.sql_of(column)}) FROM (SELECT ? AS {column})"  # noqa: S608  # constants
        return str(connection.execute(sql, (number,)).fetchone()[0])
    finally:
        connection.close()


@given(st.integers(-LARGEST, LARGEST) | st.integers(-(10**13), 10**13) | st.sampled_from((0, 1, -1, 10**12)))
def test_the_database_writes_amounts_as_we_do(number: int) -> None:
    usd, credited = (decimal_text(Decimal(number).scaleb(-places)) for places in (12, 6))
    assert written(Form(named=True), "usd_pico", number) == f'"{usd}"'
    assert written(Form(named=False), "usd_pico", number) == usd
    assert written(Form(named=True), "micro_credits", number) == credited
    assert written(Form(named=False), "total_tokens", number) == str(number)


@pytest.mark.parametrize("column", ["usd_pico", "micro_credits", "total_tokens"])
def test_unknown_is_written_as_unknown(column: str) -> None:
    assert written(Form(named=True), column, None) == "null"
    assert written(Form(named=False), column, None) == ""


async def test_a_turn_has_the_members_of_a_group_first(own_home: Path) -> None:
    async with ledger_at(own_home / "history.db") as ledger:
        await play(ledger, session(base_url="https://worker.example"), order(), answered("null"))
    told = json.loads(run("costs", "--by", "turn", "--json", home=own_home).out)["groups"]
    assert [list(row) for row in told] == [list(COLUMNS)]
    assert COLUMNS[: len(spending_json.COLUMNS)] == spending_json.COLUMNS
    assert (told[0]["cost_usd"], told[0]["unpriced_turns"], told[0]["credits"]) == (None, 1, 8)
    (row,) = csv.DictReader(io.StringIO(run("costs", "--by", "turn", "--csv", home=own_home).out, newline=""))
    assert (row["cost_usd"], row["unpriced_turns"], row["credits"]) == ("", "1", "8")


async def test_ids_that_cannot_be_utf_8_are_written_cleanly(own_home: Path) -> None:
    odd = 'turn_"\ud800,\x1b'
    async with ledger_at(own_home / "history.db") as ledger:
        await play(ledger, session("ses_\ud800", base_url="https://worker.example"), order(odd), answered())
    (row,) = json.loads(run("costs", "--by", "turn", "--json", home=own_home).out)["groups"]
    assert (row["turn_id"], row["session_id"]) == ('turn_"\ufffd,', "ses_\ufffd")
    for by in ("turn", "session"):
        assert "ses_\ufffd" in run("costs", "--by", by, "--csv", home=own_home).out


async def test_one_look_is_of_one_moment(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    async with ledger_at(path) as ledger:
        await play(ledger, session("ses_1"), order("turn_1"), answered())
        with opened(path) as book:
            assert len(list(book.rows(ChargeFilter()))) == 1
            await play(ledger, session("ses_2"), order("turn_2"), answered())
            assert len(list(book.rows(ChargeFilter()))) == 1
            assert book.ids("session_id", "ses") == ["ses_1"]
        with opened(path) as book:
            assert book.ids("session_id", "ses") == ["ses_1", "ses_2"]


async def test_rows_that_nobody_reads_to_the_end_are_left_quietly(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    async with ledger_at(path) as ledger:
        await play(ledger, session("ses_1"), order("turn_1"), answered())
        await play(ledger, session("ses_2"), order("turn_2"), answered())
    with opened(path) as book:
        rows = book.rows(ChargeFilter())
        assert next(rows)[0] == "turn_2"
    rows.close()  # type: ignore[attr-defined]  # a generator, as the interpreter closes it when the reader is gone


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
@pytest.mark.parametrize("form", ["--json", "--csv"])
def test_a_full_disk_is_told_in_one_line(own_home: Path, form: str) -> None:
    command = [sys.executable, "-m", "handinger_tui", "costs", form]
    environ = os.environ | {"HANDINGER_TUI_HOME": str(own_home)}
    with Path("/dev/full").open("wb") as full:
        ran = subprocess.run(
            command, stdout=full, stderr=subprocess.PIPE, env=environ, check=False, timeout=60
        )
    assert ran.returncode == Exit.LOCAL_IO
    assert ran.stderr.decode() == "The output could not be written: No space left on device.\n"


async def test_a_history_that_others_write_is_read(own_home: Path) -> None:
    path = own_home / "history.db"
    async with ledger_at(path) as ledger:
        await play(ledger, session(base_url="https://worker.example"), order(), answered("0.5"))
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        ran = run("costs", "--json", home=own_home)
        assert (ran.code, json.loads(ran.out)["total"]["cost_usd"]) == (0, "0.5")
        connection.execute("ROLLBACK")
        connection.execute("PRAGMA user_version = 1000")
    ran = run("costs", "--json", home=own_home)
    assert (ran.code, json.loads(ran.out)["total"]["cost_usd"]) == (0, "0.5")
    assert NEWER in ran.err
    path.unlink()
    assert run("costs", home=own_home).code == 0
    assert not path.exists()
