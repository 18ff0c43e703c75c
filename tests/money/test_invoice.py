"""An invoice and the history: equal, different, missing here, missing there; a foreign file does no harm."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest
from msgspec.structs import replace

from handinger_tui.core.errors import SettingsError
from handinger_tui.core.money import invoice
from handinger_tui.core.money.invoice import (
    InvoiceMatch,
    invoice_lines,
    match_invoice,
    match_notes,
    match_row,
)
from handinger_tui.core.prices import NO_PRICES, Prices
from handinger_tui.core.turns.turn import NO_DAY
from tests.cli.test_costs import costs, spend
from tests.e2e.runner import run
from tests.ledger.raw_rows import DAY_MS, NOON_MS
from tests.money.focus import PRICES, exported
from tests.money.simulation import Life
from tests.money.test_prices_of_days import history


def matched(connection: sqlite3.Connection, text: str, prices: Prices = NO_PRICES) -> InvoiceMatch:
    connection.row_factory = sqlite3.Row
    report, records, _ = exported(connection, prices=PRICES)
    return match_invoice(invoice_lines(text.encode()), replace(report, prices=prices), records)


def turn(worker_id: str, usd: str | None = None, at_ms: int = NOON_MS, **members: Any) -> tuple[int, Any]:
    amounts = {} if usd is None else {"usd_pico": int(Decimal(usd).scaleb(12))}
    return at_ms, {"worker_id": worker_id, **amounts, **members}


def results(match: InvoiceMatch) -> list[tuple[str, str, str | None]]:
    return [(one.worker_id, one.result, one.difference_usd) for one in match.matches]


TURNS = (
    turn("wrk_a", "0.5"),
    turn("wrk_a", "0.25", NOON_MS + DAY_MS),
    turn("wrk_b", "1"),
    turn("wrk_c", "2"),
    turn("wrk_e"),
    turn("wrk_f", "0", status="rejected"),
    turn("wrk_g", "9", NO_DAY),
    turn("wrk_h", "9", NOON_MS + 40 * DAY_MS),
)


def test_each_worker_and_month_has_one_result_with_its_turns() -> None:
    text = "Worker,Month,Amount\nwrk_a,2025-11,0.70\nwrk_a,2025-11-30,0.05\nwrk_b,2025-11,1.25\n"
    text += "wrk_d,2025-11,3\n"
    with closing(history(*TURNS)) as connection:
        match = matched(connection, text)
    assert results(match) == [
        ("wrk_a", "equal", "0"),
        ("wrk_b", "different", "-0.25"),
        ("wrk_c", "missing_there", None),
        ("wrk_d", "missing_here", None),
        ("wrk_e", "missing_there", None),
    ]
    first, _, _, _, unknown = match.matches
    assert [one.turn_id for one in first.turns] == ["turn_0", "turn_1"]
    assert (first.lines, first.own_usd, first.invoice_usd) == ([2, 3], "0.75", "0.75")
    assert (unknown.unknown_turns, unknown.turns[0].cost_usd) == (1, None)
    assert (match.equal, match.different, match.missing_here, match.missing_there) == (1, 1, 1, 2)
    lines = match_notes(match)
    assert "1 equal, 1 different, 1 missing here, 2 missing there." in lines
    assert any(line.endswith("turn_2  $1.00") for line in lines)
    assert not any("turn_0" in line for line in lines)
    assert match_row(match.matches[1]).cells[:6] == (
        "2025-11",
        "wrk_b",
        "different",
        "$1.25",
        "$1.00",
        "-$0.25",
    )


def test_what_an_invoice_rounds_is_equal_and_what_it_adds_is_not() -> None:
    turns = (turn("wrk_a", "0.104999"), turn("wrk_b", "0.1050001"))
    with closing(history(*turns)) as connection:
        match = matched(connection, "worker,month,usd\nwrk_a,2025-11,0.10\nwrk_b,2025-11,0.10\n")
    assert results(match) == [("wrk_a", "equal", "0.004999"), ("wrk_b", "different", "0.0050001")]


def test_credits_are_compared_with_credits_or_at_the_price_of_their_day() -> None:
    turns = (turn("wrk_a", micro_credits=150_000_000),)
    with closing(history(*turns)) as connection:
        assert matched(connection, "worker,month,credits\nwrk_a,2025-11,150\n").equal == 1
        by_price = matched(connection, "worker,month,usd\nwrk_a,2025-11,1.50\n", PRICES)
        assert (by_price.equal, by_price.matches[0].about) == (1, True)
        # Without a price the amount is unknown, not 0, and nothing equals it.
        (one,) = matched(connection, "worker,month,usd\nwrk_a,2025-11,0\n").matches
        assert (one.result, one.unknown_turns) == ("different", 1)


def test_unassigned_cost_counts_for_its_worker() -> None:
    with closing(history(turn("wrk_1", "1"))) as connection:
        connection.execute(
            "INSERT INTO suspense (base_url, worker_id, seen_ms, at_ms, usd_pico, refused, doubtful)"
            " VALUES ('https://one.example', 'wrk_1', ?, ?, 3000000000000, '[]', 0)",
            (NOON_MS, NOON_MS),
        )
        (one,) = matched(connection, "worker,month,usd\nwrk_1,2025-11,4\n").matches
    assert (one.result, one.unassigned_usd, len(one.turns)) == ("equal", "3", 1)


@pytest.mark.parametrize("tasks", [False, True])
def test_our_own_focus_file_is_an_invoice_that_matches(tmp_path: Path, *, tasks: bool) -> None:
    path = tmp_path / "history.db"
    assert Life(3, path, tasks=tasks).faults() == []
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        report, records, files = exported(connection)
        match = match_invoice(invoice_lines(files.table.encode()), report, records)
    assert match.equal == len(match.matches) > 0


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "no column worker and no column month and no column usd or credits; it has nothing"),
        ("worker,month\nwrk_a,2025-11\n", "no column usd or credits; it has worker, month"),
        ("worker,month,usd\nwrk_a,November,1\n", "Line 2 of the invoice: 'November' is not a month"),
        ("worker,month,usd\nwrk_a,2025-13,1\n", "'2025-13' is not a month"),
        ('worker,month,usd\nwrk_a,2025-11,"1,5"\n', "'1,5' is not an amount"),
        ("worker,month,usd\nwrk_a,2025-11,=1+1\n", "'=1[+]1' is not an amount"),
        ("worker,month,usd\nwrk_a,2025-11,1e9\n", "'1e9' is not an amount"),
        ("worker,month,usd\nwrk_a,2025-11,NaN\n", "'NaN' is not an amount"),
        ("worker,month,usd\nwrk_a,2025-11,\n", "is not an amount"),
        ("worker,month,usd,currency\nwrk_a,2025-11,1,EUR\n", "'EUR' is not USD"),
        ('worker,month,usd\nwrk_a,2025-11,"1\n', "is not a CSV file"),
        ("worker,month,usd\n" + "w" * 501 + ",2025-11,1\n", "too long"),
        ("worker,month,usd\n\x1b[31m,x\x1b]0;t\x07,1\n", "is not a month"),
    ],
)
def test_what_is_no_invoice_is_refused_with_its_line(text: str, problem: str) -> None:
    with pytest.raises(SettingsError, match=problem) as refused:
        invoice_lines(text.encode())
    assert "\x1b" not in f"{refused.value.summary}{refused.value.hint}"


def test_the_size_of_a_file_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invoice, "MOST_BYTES", 100)
    with pytest.raises(SettingsError, match="larger than"):
        invoice_lines(b"x" * 101)


def test_random_bytes_are_refused_or_read() -> None:
    random = Random(1)
    good = b"worker,month,usd\r\nwrk_a,2025-11,1.50\r\n"
    for _ in range(2000):
        data = bytearray(good)
        for _ in range(random.randint(1, 4)):
            data[random.randrange(len(data))] = random.randrange(256)
        try:
            lines = invoice_lines(bytes(data))
        except SettingsError:
            continue
        assert all(one.usd is not None and one.usd.is_finite() for one in lines)


async def test_the_command_compares_and_names_the_columns_it_needs(own_home: Path) -> None:
    await spend(own_home, "wrk_1", "0.75")
    file = own_home / "invoice.csv"
    file.write_text("worker,month,usd\nwrk_1,1970-01,0.75\n=2+2,1970-01,3\n", "utf-8")
    shown = costs(own_home, "--match", str(file))
    assert "1 equal, 1 missing here." in shown
    document = json.loads(costs(own_home, "--match", str(file), "--json"))
    assert document["schema"] == "handinger-tui/match/1"
    assert [one["result"] for one in document["matches"]] == ["missing_here", "equal"]
    file.write_text("a,b\n1,2\n", "utf-8")
    refused = run("costs", "--match", str(file), home=own_home)
    assert (refused.code, "worker, month (2026-10, or a date), and usd or credits" in refused.err) == (
        2,
        True,
    )


def test_a_file_of_a_spreadsheet_is_read() -> None:
    text = io.StringIO()
    csv.writer(text).writerows(
        [["Task ID", "Date", "Cost (USD)"], ["tsk_1", "2025-11-03T10:00:00Z", "$1,234.50"], ["", "", ""]]
    )
    with pytest.raises(SettingsError, match="no column usd"):
        invoice_lines(("\ufeff" + text.getvalue().replace("Cost (USD)", "Price")).encode())
    (line,) = invoice_lines(("\ufeff" + text.getvalue()).encode())
    assert (line.worker_id, line.month, line.usd, line.number) == ("tsk_1", "2025-11", Decimal("1234.50"), 2)
