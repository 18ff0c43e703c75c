"""FOCUS 1.2: its sums are those of `costs`, to the digit, whatever happened in a history."""

from __future__ import annotations

import csv
import io
import sqlite3
from collections import Counter, defaultdict
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from handinger_tui.core.errors import SettingsError
from handinger_tui.core.money.focus import COLUMNS, Focus
from handinger_tui.core.money.report import Report
from handinger_tui.core.money.spending import ChargeFilter
from handinger_tui.core.prices import NO_PRICES
from handinger_tui.core.tags import NO_TAG_RULES
from handinger_tui.core.turns.turn import NO_DAY
from handinger_tui.ledger.charges.closings import booked, closings
from handinger_tui.ledger.charges.journal import UNASSIGNED, journal
from tests.cli.test_costs import costs, spend
from tests.e2e.runner import run
from tests.ledger.raw_rows import DAY_MS, NOON_MS, cells, put
from tests.money.focus import ALL, PRICES, close_halfway, exported
from tests.money.simulation import Life
from tests.money.test_prices_of_days import history

Row = dict[str, str]
MONTH_MS = 30 * DAY_MS
ZERO = Decimal(0)


def rows_in(text: str) -> list[Row]:
    """The rows of a file. A formula is none: each begins with an apostrophe."""
    return [*csv.DictReader(io.StringIO(text))]


def added(rows: list[Row], name: str) -> Decimal:
    return sum((Decimal(row[name] or 0) for row in rows), ZERO)


def check_sums(report: Report, records: list[Any], files: Focus) -> list[Row]:
    """The rows add up to the report, and every turn is in exactly one of both files."""
    rows, left_out = rows_in(files.table), rows_in(files.left_out)
    reported = [row for row in rows if row["x_CostBasis"] == "reported"]
    priced = [row for row in rows if row["x_CostBasis"] != "reported"]
    assert added(reported, "BilledCost") + added(left_out, "cost_usd") == (report.total.usd.value or ZERO)
    assert added(rows, "x_Credits") + added(left_out, "credits") == (report.total.credits.value or ZERO)
    in_credits = (row for row in priced if row["x_CreditUsd"])
    assert added(priced, "BilledCost") == sum(
        (Decimal(row["x_Credits"]) * Decimal(row["x_CreditUsd"]) for row in in_credits), ZERO
    )
    corrected = {row["x_TurnId"] for row in rows if row["ChargeClass"]}
    turns = {row["x_TurnId"] for row in rows if row["x_TurnId"]}
    missing = {row["turn_id"] for row in left_out}
    assert turns | missing == {record["turn_id"] for record in records}
    # In both files is only what was closed with an amount that is unknown by now.
    assert all(row["x_TurnId"] not in missing or row["x_TurnId"] in corrected for row in rows)
    assert sum(files.reasons.values()) == len(left_out)
    for row in rows:
        assert row["BillingPeriodStart"] < row["BillingPeriodEnd"]
        assert row["ChargePeriodStart"] < row["ChargePeriodEnd"]
        assert {row[name] for name in ("BilledCost", "EffectiveCost", "ListCost", "ContractedCost")} == {
            row["BilledCost"]
        }
        assert "." in row["BilledCost"]
        # A correction stands in another month than its turn, all else in that of its turn.
        in_own = row["BillingPeriodStart"] <= row["ChargePeriodStart"] < row["BillingPeriodEnd"]
        assert in_own is (row["ChargeClass"] == "")
    return rows


@pytest.mark.parametrize("tasks", [False, True])
def test_a_random_life_adds_up_with_and_without_a_closed_month(tmp_path: Path, *, tasks: bool) -> None:
    """`python -m tests.money.focus FOLDER` writes such files for the validator of the specification."""
    path = tmp_path / "history.db"
    assert Life(3, path, tasks=tasks).faults() == []
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        before = check_sums(*exported(connection))
        close_halfway(connection)
        after = check_sums(*exported(connection))
        check_months(connection, after)
    assert not any(row["ChargeClass"] for row in before)
    assert any(row["ChargeClass"] for row in after)


def check_months(connection: sqlite3.Connection, rows: list[Row]) -> None:
    """Each billing period has what a statement books in that month."""
    closed = closings(connection)
    right: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for entry in journal(connection, ALL, NO_TAG_RULES):
        if entry.counted_ms is not None:
            is_rise = entry.kind == UNASSIGNED
            month = booked(entry.counted_ms, entry.number, entry.at_ms, closed, is_rise=is_rise).month
            right[month, "usd"] += Decimal(entry.cost_usd or 0)
            right[month, "credits"] += Decimal(entry.credits or 0)
    shown: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for row in rows:
        month = row["BillingPeriodStart"][:7]
        shown[month, "credits"] += Decimal(row["x_Credits"] or 0)
        if row["x_CostBasis"] == "reported":
            shown[month, "usd"] += Decimal(row["BilledCost"])
    assert {key: value for key, value in shown.items() if value} == {
        key: value for key, value in right.items() if value
    }


def test_what_was_closed_and_is_taken_back_stands_in_both_months() -> None:
    with closing(history((NOON_MS, {"usd_pico": 5 * 10**11, "micro_credits": 7_000_000}))) as connection:
        suspense = (
            "INSERT INTO suspense (base_url, worker_id, seen_ms, at_ms, usd_pico, refused, doubtful)"
            " VALUES ('https://one.example', 'wrk_1', 1764072000000, ?, ?, '[]', 0)"
        )
        connection.execute(suspense, (NOON_MS, 3 * 10**12))
        close_halfway(connection, 1)
        retracted = {"usd_pico": -5 * 10**11, "micro_credits": -7_000_000, "retracted": 3}
        put(connection, cells("turn_0", "correction", at_ms=NOON_MS + MONTH_MS, **retracted))
        connection.execute(suspense, (NOON_MS + MONTH_MS, -3 * 10**12))
        report, records, files = exported(connection)
        rows = check_sums(report, records, files)
        check_months(connection, rows)
    names = ("BillingPeriodStart", "x_TurnId", "BilledCost", "x_Credits")
    assert sorted(tuple(row[name][:7] for name in names) for row in rows) == [
        ("2025-11", "", "3.0", ""),
        ("2025-11", "turn_0", "0.5", "7.0"),
        ("2025-12", "", "-3.0", ""),
        ("2025-12", "turn_0", "-0.5", "-7.0"),
    ]
    assert files.words == "Left out: 1 turn (1 of unknown cost): turn_0."


def test_a_row_for_each_turn_each_unassigned_cost_and_each_correction() -> None:
    turns: list[tuple[int, dict[str, Any]]] = [
        (
            NOON_MS,
            {"usd_pico": 5 * 10**11, "micro_credits": 7_000_000, "profile": "work", "total_tokens": 12},
        ),
        (NOON_MS + DAY_MS, {"micro_credits": 50_000_000}),
        (NOON_MS + DAY_MS, {}),
        (NO_DAY, {"usd_pico": 10**12}),
        (NOON_MS, {"usd_pico": 0, "status": "rejected"}),
    ]
    with closing(history(*turns)) as connection:
        close_halfway(connection)
        late = {"at_ms": NOON_MS + 2 * MONTH_MS, "usd_pico": -(10**11)}
        put(connection, cells("turn_0", "correction", **late))
        connection.execute(
            "INSERT INTO suspense (base_url, worker_id, seen_ms, at_ms, usd_pico, refused, doubtful)"
            " VALUES ('https://one.example', 'wrk_1', ?, ?, 3000000000000, '[]', 0)",
            (NOON_MS, NOON_MS),
        )
        report, records, files = exported(connection)
        rows = check_sums(report, records, files)
        names = ("x_TurnId", "ChargeCategory", "ChargeClass", "BilledCost")
        shown = [tuple(row[name] for name in names) for row in rows]
    assert Counter(shown) == Counter(
        [
            ("turn_0", "Usage", "", "0.5"),
            ("turn_0", "Usage", "Correction", "-0.1"),
            ("turn_1", "Usage", "", "0.5"),
            ("", "Adjustment", "Correction", "3.0"),
        ]
    )
    (first,) = (row for row in rows if (row["x_TurnId"], row["ChargeClass"]) == ("turn_0", ""))
    assert (first["ConsumedQuantity"], first["ConsumedUnit"], first["x_TotalTokens"]) == (
        "7.0",
        "Credits",
        "12",
    )
    assert (first["BillingAccountId"], first["ProviderName"]) == ("work at one.example", "one.example")
    # The newest turn first.
    reasons = "1 of unknown cost, 1 free, 1 without a known day"
    assert files.words == f"Left out: 3 turns ({reasons}): turn_2, turn_4, turn_3."


def test_credits_without_a_price_of_their_day_are_refused() -> None:
    with closing(history((NOON_MS, {"micro_credits": 1_000_000}))) as connection:
        for prices in (NO_PRICES, replace(PRICES, steps=(("2025-11-26", Decimal(1)),))):
            with pytest.raises(SettingsError, match=r"1 charge in credits, the first of 2025-11-25, without"):
                exported(connection, prices=prices)
        with pytest.raises(SettingsError, match="simulated"):
            exported(connection, ChargeFilter(simulated=True))


def test_a_name_from_outside_is_no_formula_and_no_second_line() -> None:
    with closing(history()) as connection:
        put(
            connection,
            cells("=1+1", worker_id='=HYPERLINK("x")\r\n@SUM(A1),"', usd_pico=10**12, profile="+a"),
        )
        files = exported(connection)[2]
    (row,) = rows_in(files.table)
    assert row["x_TurnId"] == "'=1+1"
    assert row["ResourceId"].startswith("'=HYPERLINK")
    assert row["BillingAccountId"].startswith("'+a")
    assert (len(files.table.splitlines()), [*row]) == (2, [*COLUMNS])


async def test_the_command_writes_two_files_and_names_what_is_left_out(own_home: Path) -> None:
    await spend(own_home, "wrk_1", "0.75")
    file = own_home / "focus.csv"
    written = costs(own_home, "--since", "1970-01", "--focus", str(file))
    assert written.startswith(f"FOCUS 1.2: {file} (1 row)\n")
    (row,) = rows_in(file.read_text("utf-8"))
    assert (row["BilledCost"], row["ResourceId"]) == ("0.75", "wrk_1")
    assert rows_in((own_home / "focus.left-out.csv").read_text("utf-8")) == []
    # Neither file is replaced without --force, and no other name is taken.
    for name in (str(file), "focus.xlsx", str(own_home)):
        assert run("costs", "--focus", name, home=own_home).code == 2
    file.unlink()
    assert run("costs", "--focus", str(file), home=own_home).code == 2
    assert not file.exists()
    assert run("costs", "--focus", str(file), "--force", home=own_home).code == 0
