"""`costs --journal`: the same entries as text, CSV and JSON lines, and the new columns of `costs --csv`."""

from __future__ import annotations

import csv
import io
import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from handinger_tui import __version__
from tests.cli.test_costs import REAL, costs, costs_json, spend
from tests.e2e.runner import run

if TYPE_CHECKING:
    from pathlib import Path


def rows_of(text: str) -> list[dict[str, str]]:
    return [*csv.DictReader(io.StringIO(text, newline=""))]


async def test_all_forms_have_the_same_entries(own_home: Path) -> None:
    await spend(own_home, "=a", "0.5", "0.25", budget="high")
    await spend(own_home, "b", "0.125")
    entries: list[dict[str, Any]] = []
    rows: list[dict[str, str]] = []
    for which in ((), ("--budget", "high"), ("--session", "ses_b0")):
        total = costs_json(own_home, *which)["total"]["cost_usd"]
        entries = [json.loads(line) for line in costs(own_home, "--journal", "--json", *which).splitlines()]
        rows = rows_of(costs(own_home, "--journal", "--csv", *which))
        assert str(sum(Decimal(one["cost_usd"] or 0) for one in entries)).rstrip("0") == total
        assert [(one["number"], one["cost_usd"] or "", one["reason"]) for one in entries] == [
            (int(row["number"]), row["cost_usd"], row["reason"]) for row in rows
        ]
        text = costs(own_home, "--journal", *which)
        assert [line.split()[0] for line in text.splitlines() if "T00:00" in line] == [
            row["number"] for row in rows
        ]
    assert entries[-1]["after"]["cost_usd"] == rows[-1]["after_cost_usd"] == "0.125"
    assert rows[-1]["after_time"].startswith("1970-01-01T")
    # An id that a spreadsheet would compute.
    assert {row["turn_id"] for row in rows_of(costs(own_home, "--journal", "--csv"))} >= {"turn_=a0"}


async def test_csv_has_dates_account_message_period_and_version(own_home: Path) -> None:
    await spend(own_home, "a", "0.5")
    arguments = ("--csv", "--since", "1970-01", "--until", "1970-01", "--as-of", "1970-01-02T10:00")
    (row,) = rows_of(costs(own_home, "--by", "turn", *arguments))
    assert (row["host"], row["profile"], row["prompt"], row["version"]) == (
        "worker.example",
        "",
        "hello",
        __version__,
    )
    assert (row["first"], row["as_of"]) == (row["last"], "1970-01-02T10:00")
    (entry, *_) = rows_of(costs(own_home, "--journal", *arguments))
    assert {name: entry[name] for name in ("since", "until", "version", "prompt", "host")} == {
        name: row[name] for name in ("since", "until", "version", "prompt", "host")
    }
    assert entry["since"].startswith("1970-01-01T00:00:00.000")
    (group,) = costs_json(own_home, "--by", "account")["groups"]
    assert group["key"] == f"(unknown) at {REAL.removeprefix('https://')}"


async def test_a_journal_is_written_to_a_file_but_not_as_a_page(own_home: Path) -> None:
    await spend(own_home, "a", "0.5")
    target = own_home / "journal.csv"
    assert costs(own_home, "--journal", "--report", str(target)) == f"Report: {target}\n"
    assert rows_of(target.read_bytes().decode()) == rows_of(costs(own_home, "--journal", "--csv"))
    refused = run("costs", "--journal", "--report", str(own_home / "journal.html"), home=own_home)
    assert (refused.code, "Use a name ending in .txt, .json, .csv." in refused.err) == (2, True)


def test_an_empty_journal_says_so(own_home: Path) -> None:
    assert costs(own_home, "--journal") == "No costs yet. They appear after your first turn.\n"
    assert costs(own_home, "--journal", "--json") == ""
