"""FOCUS files of simulated months, for the validator of FOCUS: `python -m tests.money.focus FOLDER`.

It plays lives of the simulated truth in both generations, closes a month in the middle of each, and writes
their FOCUS files. The validator of the specification has to be installed elsewhere; docs/money.md names the
criteria under which it is run.
"""

from __future__ import annotations

import argparse
import sqlite3
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from handinger_tui.core.money.focus import Focus, focus
from handinger_tui.core.money.report import Report, Selection
from handinger_tui.core.money.spending import ChargeFilter, GroupBy
from handinger_tui.core.periods import midnight_ms, month_span
from handinger_tui.core.prices import Prices
from handinger_tui.core.tags import NO_TAG_RULES
from handinger_tui.ledger.charges.limits import LimitRules
from handinger_tui.ledger.cost_rows import CostRows
from tests.money.simulation import Life
from tests.money.statements import months

if TYPE_CHECKING:
    from handinger_tui.core.jsontext import JsonObject

PRICES: Final = Prices((("", Decimal("0.01")), ("2026-11-17", Decimal("0.0125"))))
NEWEST: Final = """
    SELECT (SELECT COALESCE(MAX(id), 0) / :share FROM charges),
           (SELECT COALESCE(MAX(id), 0) / :share FROM suspense)
"""
ALL: Final = ChargeFilter(simulated=False)


def exported(
    connection: sqlite3.Connection, which: ChargeFilter = ALL, prices: Prices = PRICES
) -> tuple[Report, list[JsonObject], Focus]:
    """The report of a history, its turns, and its FOCUS files."""
    connection.row_factory = sqlite3.Row
    rows = CostRows(connection, None, NO_TAG_RULES)
    report = rows.report(Selection(GroupBy.TURN, which), LimitRules(prices=prices))
    records = [*rows.rows(report).records()]
    return report, records, focus(report, records)


def close_halfway(connection: sqlite3.Connection, share: int = 2) -> None:
    """Close the months of a history as they stood when half of its entries were made; `share` 1: all."""
    connection.row_factory = sqlite3.Row
    for month in months(connection):
        first, following = month_span(month, "")
        newest = connection.execute(NEWEST, {"share": share}).fetchone()
        row = (month, midnight_ms(first), midnight_ms(following), midnight_ms(following), *newest)
        connection.execute(
            "INSERT INTO closings (month, start_ms, end_ms, at_ms, charge, rise, hash, bundle, page, program)"
            " VALUES (?, ?, ?, ?, ?, ?, '', '', '', '')",
            row,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--lives", type=int, default=12)
    parser.add_argument("--first", type=int, default=0)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    for generation in ("workers", "tasks"):
        tables, left_out = list[str](), list[str]()
        for seed in range(options.first, options.first + options.lives):
            with TemporaryDirectory() as folder:
                path = Path(folder, "history.db")
                Life(seed, path, tasks=generation == "tasks").faults()
                with closing(sqlite3.connect(path, isolation_level=None)) as connection:
                    close_halfway(connection)
                    files = exported(connection)[2]
            tables.append(files.table)
            left_out.append(files.left_out)
            print(f"{generation}, {seed}: {files.rows} rows. {files.words}")
        for name, texts in ((f"{generation}.csv", tables), (f"{generation}.left-out.csv", left_out)):
            rows = [texts[0].splitlines(keepends=True)[0]]
            rows += [row for text in texts for row in text.splitlines(keepends=True)[1:]]
            (options.folder / name).write_text("".join(rows), "utf-8", newline="")


if __name__ == "__main__":
    main()
