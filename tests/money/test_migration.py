"""A history from before the rules of money: nothing is lost, and changed amounts are restated."""

from __future__ import annotations

import json
import re
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest

from handinger_tui.core.decimals import decimal_text
from handinger_tui.ledger.corrections import recompute
from tests.e2e.runner import run
from tests.money.cases import CASES, Case
from tests.money.paid_service import paid_service
from tests.money.programs import Person
from tests.money.test_cases import stored

HISTORY: Final = Path(__file__).with_name("history_4.sql").read_text("utf-8")
OLD_CASES: Final = {
    "ses_1": "a float is printed with other last digits",
    "ses_3": "one answer has old figures",
    "ses_4": "the service restarts",
    "ses_5": "the third reading fits figures of each turn",
}
REMOVED_USD: Final = 30
"""The charges of session 2, which was deleted: without its readings, its charges are not changed."""
Rows = dict[str, list[dict[str, Any]]]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    write_history(tmp_path)
    return tmp_path


def write_history(home: Path, base_url: str = "http://127.0.0.1:9") -> None:
    with closing(sqlite3.connect(home / "history.db", isolation_level=None)) as file:
        file.executescript(HISTORY.replace("http://127.0.0.1:9", base_url))


def rows_of(home: Path) -> Rows:
    """All rows of all tables."""
    with closing(sqlite3.connect(home / "history.db")) as file:
        file.row_factory = sqlite3.Row
        tables = [row[0] for row in file.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        return {table: [dict(row) for row in file.execute(f"SELECT * FROM {table}")] for table in tables}


def case_named(name: str) -> Case:
    return next(case for case in CASES if case.name == name)


def costs(home: Path, *argv: str) -> dict[str, Any]:
    ran = run("costs", "--json", *argv, home=home)
    assert ran.code == 0, ran
    value: dict[str, Any] = json.loads(ran.out)
    return value


def amounts(home: Path, session: str, *argv: str) -> list[tuple[str | None, str | None]]:
    """USD and credits of the turns of a session, in order of sending."""
    rows = costs(home, "--by", "turn", "--session", session, *argv)["groups"]
    return [
        (row["cost_usd"], row["credits"]) for row in sorted(rows, key=lambda row: int(row["turn_id"][5:]))
    ]


def right(case: Case) -> list[tuple[str | None, str | None]]:
    entered = [stored(paid).entered for paid in case.turns]
    return [(None, one) if case.credits else (one, None) for one in entered]


RENAMED = {("sessions", "task_id"): "template", ("remote_turns", "asked"): "prompt_key"}
"""Renamed columns."""


def test_every_row_of_the_old_history_is_kept(home: Path) -> None:
    old = rows_of(home)
    costs(home)
    new = rows_of(home)
    for table, old_rows in old.items():
        if table == "turn_totals":
            # Totals of the charges; each turn still has its row.
            assert {row["turn_id"] for row in old_rows} == {row["turn_id"] for row in new[table]}
            continue
        rows = [{RENAMED.get((table, name), name): value for name, value in row.items()} for row in old_rows]
        kept = [{name: row[name] for name in rows[0]} for row in new[table]] if rows else []
        assert [row for row in rows if row not in kept] == [], table
        # Only the number of charges has grown.
        assert len(kept) == len(rows) or table == "charges", table


def test_amounts_that_the_rules_change_are_restated_once(home: Path) -> None:
    newest = max(row["id"] for row in rows_of(home)["charges"])
    shown = costs(home)
    assert {session: amounts(home, session) for session in OLD_CASES} == {
        session: right(case_named(name)) for session, name in OLD_CASES.items()
    }
    # The version before had restated the credits of session 5 itself.
    restated = [one for one in shown["restatements"] if one["number"] > newest]
    assert {one["reason"] for one in restated} == {
        "this version of handinger-tui attributes costs differently"
    }
    changed = {one["turn_id"]: (one["old_usd"], one["new_usd"]) for one in restated if one["new_usd"]}
    # After one decrease, the total counted as the amount of each turn.
    assert changed["turn_3"] == ("20.2", "0")
    assert changed["turn_4"] == ("30.3", "10.1")
    assert len({one["number"] for one in restated}) == len(restated)
    assert costs(home)["restatements"] == shown["restatements"]
    usd = [case.total for case in map(case_named, OLD_CASES.values()) if not case.credits]
    assert shown["total"]["cost_usd"] == decimal_text(sum(usd, Decimal(REMOVED_USD)))
    # A later program finds nothing to change.
    rows = rows_of(home)
    assert rows["recounts"] == []
    assert run("costs", home=home).code == 0
    assert rows_of(home)["charges"] == rows["charges"]


def test_the_earlier_amounts_can_still_be_shown(home: Path) -> None:
    newest_ms = max(row["at_ms"] for row in rows_of(home)["charges"])
    costs(home)
    corrections = [row for row in rows_of(home)["charges"] if row["at_ms"] > newest_ms]
    assert corrections
    assert all(row["kind"] == "correction" for row in corrections)


def test_the_program_reports_its_restatements(tmp_path: Path) -> None:
    with paid_service() as service:
        write_history(tmp_path, service.url)
        first, second = (Person(service, tmp_path).run("-p", "go on") for _ in range(2))
    assert (first.code, second.code) == (0, 0)
    assert re.search(r"^Corrected \d+ to \d+: 8 amounts changed, together -\$54\.70: ", first.err)
    assert "attributes costs differently" in first.err
    assert "Corrected" not in second.err


# -- interrupted, and by two at once ------------------------------------------------------------
KILLED: Final = """
import os, signal, sqlite3, sys
from pathlib import Path
from handinger_tui.ledger import cost_rows, database_file

steps = int(sys.argv[2])
connect = sqlite3.connect

def connect_to_die(*args, **options):
    connection = connect(*args, **options)
    left = [steps]
    def count():
        left[0] -= 1
        if left[0] < 0:
            os.kill(os.getpid(), signal.SIGKILL)
    connection.set_progress_handler(count, 200)
    return connection

database_file.sqlite3.connect = connect_to_die
with cost_rows.opened(Path(sys.argv[1], "history.db")) as rows:
    pass
"""


def without_times(rows: Rows) -> Rows:
    return {
        table: sorted(
            ({name: value for name, value in row.items() if name not in {"at_ms", "id"}} for row in cells),
            key=repr,
        )
        for table, cells in rows.items()
    }


def test_a_migration_that_is_killed_is_finished_by_the_next_program(tmp_path: Path) -> None:
    complete = tmp_path / "whole"
    complete.mkdir()
    write_history(complete)
    costs(complete)
    right_rows, deaths, steps = without_times(rows_of(complete)), 0, 4
    while True:
        home = tmp_path / str(steps)
        home.mkdir()
        write_history(home)
        ran = subprocess.run([sys.executable, "-c", KILLED, str(home), str(steps)], check=False, timeout=60)
        if ran.returncode == 0:
            break
        assert ran.returncode == -signal.SIGKILL
        deaths += 1
        costs(home)
        finish(home)
        assert without_times(rows_of(home)) == right_rows, steps
        steps = steps * 3 // 2 + 1
    assert deaths >= 3


def finish(home: Path) -> None:
    """`costs` recomputes only what it has migrated; a program that writes does the remainder."""
    with closing(sqlite3.connect(home / "history.db", isolation_level=None)) as file:
        file.row_factory = sqlite3.Row
        recompute(file, max(row["at_ms"] for row in rows_of(home)["charges"]) + 1)


def test_programs_that_migrate_simultaneously_restate_once(
    home: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with paid_service() as service:
        person = Person(service, home)
        programs = [person.start("costs", "--json") for _ in range(3)]
        assert [program.wait(60) for program in programs] == [0, 0, 0]
        for program in programs:
            program.communicate()
    alone = tmp_path_factory.mktemp("alone")
    write_history(alone)
    costs(alone)
    assert without_times(rows_of(home)) == without_times(rows_of(alone))
