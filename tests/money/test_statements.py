"""Statements: a program without ours recomputes them; a closed month never changes, later it is corrected."""

from __future__ import annotations

import asyncio
import hashlib
import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest

from handinger_tui.core.errors import SettingsError
from handinger_tui.core.money.closed_months import late_text
from handinger_tui.core.money.report import Selection
from handinger_tui.core.money.spending import ChargeFilter, GroupBy
from handinger_tui.core.tags import NO_TAG_RULES
from handinger_tui.ledger.charges.grouping import EVERYTHING
from handinger_tui.ledger.charges.limits import NO_LIMIT_RULES
from handinger_tui.ledger.charges.statements import Closing, close_month
from handinger_tui.ledger.cost_rows import CostRows
from handinger_tui.ledger.migrations import MIGRATIONS, begin_at
from tests.cli.test_costs import costs, spend
from tests.e2e.runner import run
from tests.ledger.raw_rows import DAY_MS, NOON_MS, cells, put
from tests.money.service import Lens
from tests.money.simulation import Life
from tests.money.statements import (
    CHECKER,
    FUTURE_MS,
    PROGRAM,
    TERMS,
    checked,
    enter_history,
    notices_a_byte,
    statements_of,
)


@pytest.mark.parametrize("tasks", [False, True])
def test_random_lives_are_recomputed_and_every_changed_byte_is_found(tmp_path: Path, *, tasks: bool) -> None:
    """`python -m tests.money.statements --lives 1000` plays more."""
    path = tmp_path / "history.db"
    assert Life(2, path, tasks=tasks).faults() == []
    closed = statements_of(path)
    assert closed
    for one in closed:
        problems, counts = checked(one)
        assert (problems, bool(counts["alone"])) == ([], True)
        random = Random(1)
        assert all(notices_a_byte(one, random) for _ in range(40))


def test_every_way_of_reporting_is_recomputed(tmp_path: Path) -> None:
    """`python -m tests.money.statements --histories 1000` plays more."""
    # In the first two, messages that never arrived are followed by resets and by figures of single turns.
    for seed in (712, 859, *range(2000, 2000 + len(Lens))):
        path = tmp_path / f"{seed}.db"
        asyncio.run(enter_history(seed, path))
        assert [checked(one)[0] for one in statements_of(path)] == [[]], seed


def history() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.row_factory = sqlite3.Row
    begin_at(connection, len(MIGRATIONS))
    return connection


def read_to(connection: sqlite3.Connection, turn_id: str, at_ms: int, *usd: str) -> None:
    """What a turn shows of its new worker: sent at a time, and read a second later, and so on."""
    figures = [[at_ms + 1000 * at, "read", False, 1, [None] * 8 + [one]] for at, one in enumerate(usd, 1)]
    events = json.dumps([[at_ms, "sent", True, True, False, True], *figures, [at_ms + 1000, "ended", False]])
    row = (turn_id, "https://one.example", f"wrk_{turn_id}", "ses_1", events)
    connection.execute("INSERT OR REPLACE INTO worker_turns VALUES (?, ?, ?, ?, ?)", row)


def entered(
    connection: sqlite3.Connection, turn_id: str, usd_pico: int, at_ms: int, kind: str = "charge"
) -> None:
    members = {"worker_id": f"wrk_{turn_id}", "at_ms": at_ms, "usd_pico": usd_pico, "confirmed": 1}
    put(connection, cells(turn_id, kind, **members))


def states(connection: sqlite3.Connection) -> list[object]:
    rows = CostRows(connection, None, NO_TAG_RULES)
    report = rows.report(Selection(GroupBy.TURN), NO_LIMIT_RULES)
    return [one["state"] for one in rows.rows(report).records()]


def late(connection: sqlite3.Connection, which: ChargeFilter = EVERYTHING) -> list[str]:
    """What `costs` says of closed months."""
    report = CostRows(connection, None, NO_TAG_RULES).report(Selection(which=which), NO_LIMIT_RULES)
    return late_text(report.late).splitlines()


def total(closed: Closing) -> Decimal:
    assert checked(closed)[0] == []
    records = [json.loads(line[65:]) for line in closed.bundle.splitlines()]
    (written,) = (one for one in records if one["kind"] == "total")
    return Decimal(written["cost_usd"])


def test_what_becomes_known_later_is_a_correction_of_the_present_month() -> None:
    with closing(history()) as connection:
        entered(connection, "a", 5 * 10**11, NOON_MS)
        read_to(connection, "a", NOON_MS, "0.5")
        november = close_month(connection, "2025-11", NOON_MS + 8 * DAY_MS, TERMS)
        assert (total(november), november.is_new) == (Decimal("0.5"), True)
        assert states(connection) == ["closed"]
        entered(connection, "a", 25 * 10**10, NOON_MS + 9 * DAY_MS, "correction")
        read_to(connection, "a", NOON_MS, "0.5", "0.75")
        entered(connection, "b", 10**12, NOON_MS + 10 * DAY_MS)
        read_to(connection, "b", NOON_MS + 10 * DAY_MS, "1")
        assert states(connection) == ["settled", "settled"]
        change = "2025-11 was closed by a statement. Known since then: +$0.25 (1 entry), a correction in"
        assert late(connection) == [f"{change} the statement of 2025-12, which is not made yet."]
        # What was not selected is not mentioned.
        assert late(connection, ChargeFilter(since_ms=NOON_MS + DAY_MS)) == []
        assert late(connection, ChargeFilter(worker_id="wrk_b")) == []
        assert late(connection, ChargeFilter(simulated=True)) == []
        december = close_month(connection, "2025-12", FUTURE_MS, TERMS)
        assert late(connection) == [f"{change} the statement of 2025-12."]
        assert total(december) == Decimal("1.25")
        assert b"about months that were closed before" in december.page
        # The closed month is what it was, to the byte.
        again = close_month(connection, "2025-11", FUTURE_MS, TERMS)
        assert again._replace(is_new=True) == november
        with pytest.raises(sqlite3.IntegrityError, match="closings are never"):
            connection.execute("DELETE FROM closings")


def test_unassigned_cost_of_a_closed_month_has_its_own_correction() -> None:
    def rise(usd_pico: int, at_ms: int) -> None:
        row = ("https://one.example", "wrk_a", NOON_MS + 5, at_ms, usd_pico, "[]", 0)
        names = "base_url, worker_id, seen_ms, at_ms, usd_pico, refused, doubtful"
        connection.execute(f"INSERT INTO suspense ({names}) VALUES (?, ?, ?, ?, ?, ?, ?)", row)  # noqa: S608  # names of the test

    with closing(history()) as connection:
        entered(connection, "a", 5 * 10**11, NOON_MS)
        read_to(connection, "a", NOON_MS, "0.5")
        close_month(connection, "2025-11", NOON_MS + 8 * DAY_MS, TERMS)
        rise(3 * 10**11, NOON_MS + 9 * DAY_MS)
        entered(connection, "a", -(10**11), NOON_MS + 40 * DAY_MS, "correction")
        assert [line.partition("then: ")[2] for line in late(connection)] == [
            "+$0.30 (1 entry), a correction in the statement of 2025-12, which is not made yet.",
            "-$0.10 (1 entry), a correction in the statement of 2026-01, which is not made yet.",
        ]


def forged(closed: Closing, change: Any) -> bytes:
    """A bundle with other records and a chain of its own."""
    head, lines = "", []
    for line in closed.bundle.splitlines():
        record = json.loads(line[65:])
        change(record)
        text = json.dumps(record, separators=(",", ":")).encode()
        head = hashlib.sha256(head.encode() + b"\n" + text).hexdigest()
        lines.append(head.encode() + b" " + text + b"\n")
    return b"".join(lines)


def test_an_amount_that_no_reading_shows_is_found_even_with_a_new_chain() -> None:
    def change(record: dict[str, Any]) -> None:
        if record["kind"] in ("entry", "total"):
            record["cost_usd"] = "0.500000000002" if record["cost_usd"] == "0.5" else record["cost_usd"]

    with closing(history()) as connection:
        entered(connection, "a", 5 * 10**11, NOON_MS)
        read_to(connection, "a", NOON_MS, "0.5")
        closed = close_month(connection, "2025-11", FUTURE_MS, TERMS)
    bundle = forged(closed, change)
    problems, _ = CHECKER.check(bundle, closed.page, PROGRAM)
    assert problems == ["unexplained: wrk_a: cost_usd of 1 amounts"]
    assert CHECKER.check(bundle, closed.page, PROGRAM, closed.hash)[0] == [
        "the hash of the bundle is another one than yours"
    ]
    # With nothing changed the chain is ours.
    assert CHECKER.check(forged(closed, lambda record: None), closed.page, PROGRAM, closed.hash)[0] == []


def test_a_month_that_is_not_over_or_empty_is_not_closed() -> None:
    with closing(history()) as connection:
        entered(connection, "a", 5 * 10**11, NOON_MS)
        for month, now_ms, problem in (
            ("2025-11", NOON_MS, "is not over"),
            ("2025-10", NOON_MS, "There are no costs in 2025-10"),
            ("2025-13", NOON_MS, "is not a month"),
            ("11", NOON_MS, "is not a month"),
        ):
            with pytest.raises(SettingsError, match=problem):
                close_month(connection, month, now_ms, TERMS)
        assert connection.execute("SELECT COUNT(*) FROM closings").fetchone()[0] == 0


def result_of(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)


async def test_the_command_writes_a_statement_that_checks_itself(own_home: Path) -> None:
    await spend(own_home, "<b>a", "0.75")
    folder = own_home / "out" / "january"
    written = costs(own_home, "--statement", "1970-01", "-o", str(folder))
    assert "1970-01 closed by the statement in" in written
    (command,) = (line for line in written.splitlines() if line.startswith("To check it: python3 "))
    arguments = command.removeprefix("To check it: python3 ").split()
    check = [sys.executable, "-I", *arguments]
    ran = result_of(check)
    assert (ran.returncode, "0 unexplained." in ran.stdout) == (0, True), ran
    page = (folder / "statement.html").read_text("utf-8")
    assert ("<script" in page, "<b>a" in page, "0.75" in page) == (False, False, True)
    # Existing files are kept; the same bytes come again.
    assert run("costs", "--statement", "1970-01", "-o", str(folder), home=own_home).code == 2
    again = own_home / "again"
    assert "was closed by" in costs(own_home, "--statement", "1970-01", "-o", str(again))
    for name in ("bundle.jsonl", "statement.html", "check.py"):
        assert (again / name).read_bytes() == (folder / name).read_bytes()
    (folder / "statement.html").write_bytes(page.encode().replace(b"0.75", b"0.57"))
    ran = result_of(check)
    assert (ran.returncode, ran.stdout) == (1, "NOT RIGHT: the page was changed\n")
