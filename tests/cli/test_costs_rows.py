"""Turn by turn: the numbers of a record are exactly those of every other format; unknown stays unknown."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import os
import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from sys import setprofile
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handinger_tui.cli.exit_codes import Exit
from handinger_tui.core.decimals import decimal_text
from handinger_tui.core.documents import members
from handinger_tui.core.money import report_json as spending_json
from handinger_tui.core.money.report_json import TURN_COLUMNS as COLUMNS
from handinger_tui.core.money.report_json import group_of
from handinger_tui.core.money.spending import ChargeFilter, GroupBy
from handinger_tui.ledger.charges.entries import NUMBERS
from handinger_tui.ledger.charges.turn_records import turn_record
from handinger_tui.ledger.cost_rows import opened
from handinger_tui.ledger.database_file import NEWER
from tests.cli.program import needs_full_device
from tests.e2e.runner import run
from tests.ledger.raw_rows import NOON_MS, cells, put, put_in
from tests.ledger.samples import answered, play, session, turn_request
from tests.ledger.samples import opened as ledger_at

LARGEST: Final = 2**63 - 1
ROW: Final = (
    *("turn_id", "session_id", "worker_id", "status", "budget", "started_by", "reading", "final", "reported"),
    *("at_ms", "incomplete", "corrections", "sources", "elapsed_ms", *NUMBERS, "profile"),
)


def record(**cells: object) -> dict[str, Any]:
    """The record of a turn whose columns are NULL, but for those given; read back from its JSON."""
    row = dict.fromkeys(ROW) | {"turn_id": "turn_1", "session_id": "ses_1", "status": "completed"} | cells
    written: dict[str, Any] = json.loads(json.dumps(turn_record(row, {}, {})))
    return written


@given(st.integers(-LARGEST, LARGEST) | st.integers(-(10**13), 10**13) | st.sampled_from((0, 1, -1, 10**12)))
def test_amounts_of_every_size_are_exact(number: int) -> None:
    written = record(usd_pico=number, micro_credits=number, total_tokens=number)
    assert written["cost_usd"] == decimal_text(Decimal(number).scaleb(-12))
    assert written["credits"] == decimal_text(Decimal(number).scaleb(-6))
    assert written["tokens"] == written["total_tokens"] == number


def test_unknown_is_written_as_unknown() -> None:
    written = record()
    assert {written[name] for name in ("cost_usd", "credits", "tokens", "model_usd", "steps")} == {None}
    assert (written["unpriced_turns"], written["unsplit_turns"], written["trigger"]) == (1, 1, "unknown")


def test_an_amount_that_is_shared_and_entered_for_another_turn_is_not_zero() -> None:
    written = record(usd_pico=0, micro_credits=0, shared_with=1, most_pico=6 * 10**11)
    assert (written["cost_usd"], written["credits"], written["cost_usd_at_most"]) == (None, None, "0.6")
    assert record(usd_pico=0)["cost_usd"] == "0"


async def test_a_record_agrees_with_the_group_of_its_turn(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    async with ledger_at(path) as ledger:
        for at, usd in enumerate(("0.5", "null", "-0.000001", "123456.789")):
            await play(
                ledger, session(f"ses_{at}", title=f"Tea {at}"), turn_request(f"turn_{at}"), answered(usd)
            )
        await play(ledger, session("ses_open"), turn_request("turn_open"), answered("0.25", status="failed"))
    with opened(path) as book:
        buckets = book.buckets(GroupBy.TURN, ChargeFilter())
        groups = {bucket.key: members(group_of(bucket)) for bucket in buckets}
        titles, labels = book.titles(), book.labels()
        written = [turn_record(row, titles, labels) for row in book.turns(ChargeFilter())]
    assert len(written) == len(groups) == 5
    for one in written:
        assert {name: one[name] for name in spending_json.COLUMNS} == groups[str(one["turn_id"])]


async def test_a_turn_has_the_members_of_a_group_first(own_home: Path) -> None:
    async with ledger_at(own_home / "history.db") as ledger:
        await play(ledger, session(base_url="https://worker.example"), turn_request(), answered("null"))
    groups = json.loads(run("costs", "--by", "turn", "--json", home=own_home).out)["groups"]
    assert [list(row) for row in groups] == [list(COLUMNS)]
    assert COLUMNS[: len(spending_json.COLUMNS)] == spending_json.COLUMNS
    assert (groups[0]["cost_usd"], groups[0]["unpriced_turns"], groups[0]["credits"]) == (None, 1, "8")
    (row,) = csv.DictReader(io.StringIO(run("costs", "--by", "turn", "--csv", home=own_home).out, newline=""))
    assert (row["cost_usd"], row["unpriced_turns"], row["credits"]) == ("", "1", "8")


async def test_a_narrow_table_of_turns_has_the_amounts_that_the_service_reports(own_home: Path) -> None:
    long_id = f"turn_{'1' * 27}"
    async with ledger_at(own_home / "history.db") as ledger:
        await play(
            ledger, session(base_url="https://worker.example"), turn_request(long_id), answered("null")
        )
    _, _, head, row, *_ = run("costs", "--by", "turn", home=own_home).out.splitlines()
    assert row[head.index("Credits") :].split()[0] == "8…", (head, row)


async def test_ids_that_are_not_utf_8_are_cleaned(own_home: Path) -> None:
    odd = 'turn_"\ud800,\x1b'
    async with ledger_at(own_home / "history.db") as ledger:
        await play(
            ledger, session("ses_\ud800", base_url="https://worker.example"), turn_request(odd), answered()
        )
    (row,) = json.loads(run("costs", "--by", "turn", "--json", home=own_home).out)["groups"]
    assert (row["turn_id"], row["session_id"]) == ('turn_"\ufffd,', "ses_\ufffd")
    for by in ("turn", "session"):
        assert "ses_\ufffd" in run("costs", "--by", by, "--csv", home=own_home).out


async def test_one_report_is_of_one_moment(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    async with ledger_at(path) as ledger:
        await play(ledger, session("ses_1"), turn_request("turn_1"), answered())
        with opened(path) as book:
            assert len(list(book.turns(ChargeFilter()))) == 1
            await play(ledger, session("ses_2"), turn_request("turn_2"), answered())
            assert len(list(book.turns(ChargeFilter()))) == 1
            assert book.ids("session_id", "ses") == ["ses_1"]
        with opened(path) as book:
            assert book.ids("session_id", "ses") == ["ses_1", "ses_2"]


async def test_a_reader_that_closes_the_pipe_early_causes_no_error(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    async with ledger_at(path) as ledger:
        await play(ledger, session("ses_1"), turn_request("turn_1"), answered())
        await play(ledger, session("ses_2"), turn_request("turn_2"), answered())
    with opened(path) as book:
        rows = book.turns(ChargeFilter())
        assert next(rows)["turn_id"] == "turn_2"
    rows.close()  # type: ignore[attr-defined]  # a generator, as the interpreter closes it when the reader is gone


@needs_full_device
@pytest.mark.parametrize("form", ["--json", "--csv"])
def test_a_full_disk_is_reported_in_one_line(own_home: Path, form: str) -> None:
    command = [sys.executable, "-m", "handinger_tui", "costs", form]
    environ = os.environ | {"HANDINGER_TUI_HOME": str(own_home)}
    with Path("/dev/full").open("wb") as full:
        ran = subprocess.run(
            command, stdout=full, stderr=subprocess.PIPE, env=environ, check=False, timeout=60
        )
    assert ran.returncode == Exit.LOCAL_IO
    assert ran.stderr.decode() == "Cannot write the output: No space left on device.\n"


async def test_a_history_is_read_while_others_write_it(own_home: Path) -> None:
    path = own_home / "history.db"
    async with ledger_at(path) as ledger:
        await play(ledger, session(base_url="https://worker.example"), turn_request(), answered("0.5"))
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


def test_categories_beyond_the_cost_are_marked_and_rounding_is_not() -> None:
    dollar = 10**12
    split = {"model_pico": dollar // 10, "tool_pico": dollar // 20}
    assert record(usd_pico=dollar // 10, **split)["split_excess_usd"] == "0.05"
    assert record(usd_pico=dollar // 5, **split)["split_excess_usd"] == "0"
    assert record(usd_pico=3 * dollar // 20 - 900, **split)["split_excess_usd"] == "0"
    assert record(usd_pico=None, **split)["split_excess_usd"] is None
    assert record(usd_pico=dollar)["split_excess_usd"] is None


async def test_turns_without_a_category_are_counted_alike_by_every_grouping(own_home: Path) -> None:
    """Of each of four turns another category is missing; a fifth has all of them."""
    bits = [2, 3, 4, 5, None]
    names = ("model_pico", "tool_pico", "sandbox_pico", "internal_pico")
    numbers = dict.fromkeys(NUMBERS, 1_000)
    async with ledger_at(own_home / "history.db") as ledger:
        missing = [{} if bit is None else {names[bit - 2]: None} for bit in bits]
        rows = [cells(f"turn_{at}", final=1) | numbers | gap for at, gap in enumerate(missing)]
        await put_in(ledger, *rows)
    for by in ("turn", "day", "month", "session", "worker"):
        report = json.loads(run("costs", "--by", by, "--json", home=own_home).out)
        assert (by, sum(group["unsplit_turns"] for group in report["groups"])) == (by, 4)
        assert (by, report["total"]["unsplit_turns"]) == (by, 4)


@pytest.mark.parametrize("form", [("--json",), ("--csv",), ()])
def test_the_work_for_turns_grows_with_their_number(tmp_path: Path, form: tuple[str, ...]) -> None:
    def calls(turns: int) -> int:
        """How many functions, of Python and of C, are called to print a history of this many turns."""
        home = tmp_path / str(turns)
        asyncio.run(write_turns(home / "history.db", turns))
        counted = Counter[str]()
        setprofile(lambda _frame, event, _argument: counted.update([event]))
        try:
            ran = run("costs", "--by", "turn", *form, home=home)
        finally:
            setprofile(None)
        assert ran.code == 0
        assert ran.out.count(f"turn_{turns - 1:06}") >= 1
        return counted["call"] + counted["c_call"]

    # The first run imports what the others have then.
    _, few, more, most = (calls(turns) for turns in (1, 125, 250, 500))
    # Twice the work for twice as many turns; four times if each turn reads all others.
    assert most - more < 2.5 * (more - few)
    assert (most - more) / 250 < 400, "calls for each further turn"


async def write_turns(path: Path, turns: int) -> None:
    path.parent.mkdir()
    async with ledger_at(path) as ledger:
        rows = [cells(f"turn_{at:06}", at_ms=NOON_MS + at) for at in range(turns)]
        await put_in(ledger, *(row | dict.fromkeys(NUMBERS, 1_000_003 * at) for at, row in enumerate(rows)))


def test_a_row_of_a_damaged_history_may_lack_every_column() -> None:
    """A flipped bit in the schema renames a column."""
    row = turn_record({}, {}, {})
    assert [*row] == [*COLUMNS]
    assert (row["final"], row["cost_usd"], row["unpriced_turns"]) == (False, None, 1)


def test_a_status_is_in_words_for_people_and_a_name_for_programs(own_home: Path) -> None:
    # Nothing listens on this port.
    assert run("-p", "hi", home=own_home, base_url="http://127.0.0.1:9").code == Exit.NOT_SENT
    assert "(not sent)" in run("sessions", "show", "ses_", home=own_home).out
    assert run("costs", "--by", "turn", home=own_home).out.startswith("No costs yet."), "it is no turn"
    with closing(sqlite3.connect(own_home / "history.db")) as file, file:
        put(file, cells("turn_1", status="not_delivered"))
    assert "  not delivered  " in run("costs", "--by", "turn", home=own_home).out
    assert '"not_delivered"' in run("costs", "--by", "turn", "--json", home=own_home).out
