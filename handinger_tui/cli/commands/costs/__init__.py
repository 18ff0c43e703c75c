"""`handinger-tui costs`: what turns cost, read from the local history. Needs no key and no network."""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Iterator
from datetime import datetime
from typing import Final

from handinger_tui.cli.commands.costs import decisions
from handinger_tui.cli.commands.costs.query import (
    CostsQuery,
    CostsResult,
    as_of_ms,
    charge_filter,
    run_query,
    time_filter,
)
from handinger_tui.cli.commands.costs.report import check_report_file, write_report
from handinger_tui.cli.commands.costs.text import put_text
from handinger_tui.cli.commands.costs.turn_records import COLUMNS, CSV, JSON, Form, records, suspense_record
from handinger_tui.cli.exit_codes import Exit
from handinger_tui.cli.local_files.paths import default_paths
from handinger_tui.cli.options import BUDGETS, add_json_option
from handinger_tui.cli.output import put, say
from handinger_tui.core.charts.report_page import REPORTS
from handinger_tui.core.export import spending
from handinger_tui.core.jsontext import dump
from handinger_tui.core.money.restatements import restatement_object
from handinger_tui.core.money.spending import GroupBy
from handinger_tui.ledger.cost_rows import CostRows, opened

DESCRIPTION: Final = "Show what turns cost. Reads the local history; uses the network only with --settle."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "--by",
        choices=("day", "worker", "budget", "session", "turn", "trigger"),
        default="day",
        help="group by (default: day)",
    )
    when = "a day (2026-11-25), today, month, 7d (whole days) or 24h"
    parser.add_argument("--since", metavar="WHEN", help=f"start: {when}")
    parser.add_argument("--until", metavar="WHEN", help="end; includes the whole day or month")
    parser.add_argument("--as-of", metavar="WHEN", help="amounts as known at that time")
    parser.add_argument("--worker", metavar="ID", help="one worker (a unique prefix is enough)")
    parser.add_argument("--session", metavar="ID", help="one session (a unique prefix is enough)")
    parser.add_argument("--budget", choices=BUDGETS, help="turns at one budget level")
    parser.add_argument("--local", action="store_true", help="only simulated costs of the local worker")
    parser.add_argument("--settle", action="store_true", help="first read workers with open turns (free)")
    decisions.add_arguments(parser)
    form = parser.add_mutually_exclusive_group()
    add_json_option(form)
    form.add_argument("--csv", action="store_true", help="CSV on stdout")
    forms = " or ".join(", ".join(REPORTS).rsplit(", ", 1))
    parser.add_argument("--report", metavar="FILE", help=f"write charts to FILE: {forms}")
    parser.add_argument("--force", action="store_true", help="overwrite FILE")


def run(args: argparse.Namespace) -> int:
    """Run the command and return its exit code.

    Raises:
        SettingsError: a time, an id or a file name is not valid.
        LedgerError
    """
    now = datetime.now().astimezone()
    times = time_filter(args, now)
    if args.report is not None:
        check_report_file(args.report, force=args.force)
    if args.settle:
        # The client and asyncio take a quarter of a second; all other costs are read without them.
        from handinger_tui.cli.headless.settle import settle_left_open  # noqa: PLC0415

        settle_left_open()
    decisions.apply(args, now)
    as_of = None if args.as_of is None else as_of_ms(args.as_of, now)
    with opened(default_paths().database, as_of) as cost_rows:
        if cost_rows.problem:
            say(cost_rows.problem)
        query = CostsQuery(
            GroupBy(args.by), charge_filter(args, cost_rows, times), args.since, args.until, now, args.as_of
        )
        result = run_query(cost_rows, query)
        if args.report is not None:
            line = write_report(args.report, cost_rows, query, result, force=args.force)
            if not (args.json or args.csv):
                put(line)
                return Exit.OK
            say(line)
        if args.json:
            _put_json(cost_rows, query, result)
        elif args.csv:
            _put_csv(cost_rows, query, result)
        else:
            put_text(cost_rows, query, result)
    return Exit.OK


def _put_json(cost_rows: CostRows, query: CostsQuery, result: CostsResult) -> None:
    head = {
        "schema": spending.SCHEMA,
        "by": str(query.by),
        "since": query.since,
        "until": query.until,
        "since_ms": query.filter.since_ms,
        "until_ms": query.filter.until_ms,
        "as_of": query.as_of,
        "worker_id": query.filter.worker_id,
        "session_id": query.filter.session_id,
        "budget": query.filter.budget,
        "simulated": query.simulated,
    }
    tail = {
        "total": spending.group_object(result.total),
        "charts": spending.charts_object(result.days, result.total),
        "suspense": [spending.suspense_object(bucket) for bucket in result.suspense],
        "assigned": [spending.assigned_object(one) for one in cost_rows.assigned(query.filter)],
        "restatements": [restatement_object(one) for one in cost_rows.restatements(query.filter)],
    }
    if query.by is not GroupBy.TURN:
        put(dump({**head, "groups": [spending.group_object(bucket) for bucket in result.groups], **tail}))
        return
    # One JSON document, written in pieces: it is never held in memory as a whole.
    put(f'{dump(head)[:-1]},"groups":[')
    separator = ""
    for page in _turn_pages(cost_rows, query, JSON):
        put(separator, "")
        # A page without line feeds is cleaned faster.
        put(",".join(page), "")
        separator = ",\n"
    put(f"\n],{dump(tail)[1:]}")


def _put_csv(cost_rows: CostRows, query: CostsQuery, result: CostsResult) -> None:
    if isinstance(sys.stdout, io.TextIOWrapper):
        # CSV lines end in CR LF on every system; without this, Windows would write CR CR LF.
        sys.stdout.reconfigure(newline="")
    if query.by is GroupBy.TURN:
        put(spending.line(COLUMNS), spending.END)
        for page in _turn_pages(cost_rows, query, CSV):
            for record in page:
                put(record, spending.END)
        for bucket in result.suspense:
            put(suspense_record(bucket), spending.END)
    else:
        put(spending.line(spending.COLUMNS), spending.END)
        for bucket in (*result.groups, *result.suspense):
            put(spending.line(spending.group_object(bucket).values()), spending.END)


def _turn_pages(cost_rows: CostRows, query: CostsQuery, form: Form) -> Iterator[list[str]]:
    return records(cost_rows.turns(query.filter), cost_rows.titles(), form)
