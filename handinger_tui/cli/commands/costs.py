"""`handinger-tui costs`: what turns cost, read from the local history. Needs no key and no network."""

from __future__ import annotations

import io
import sys
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Final

from handinger_tui.cli.costs_query import (
    COLUMNS,
    CSV,
    JSON,
    CostsQuery,
    CostsResult,
    Form,
    Sessions,
    as_of_ms,
    charge_filter,
    records,
    run_query,
    suspense_record,
    time_filter,
    unique_id,
)
from handinger_tui.cli.costs_text import credit_price, heading, put_text, remarks
from handinger_tui.cli.load_settings import tag_rules
from handinger_tui.cli.local_files import check_new_file, default_paths, expand_path, save_new_file
from handinger_tui.cli.options import BUDGETS, add_json_option
from handinger_tui.cli.output import Exit, put, say
from handinger_tui.core.amounts import at_price, json_amount
from handinger_tui.core.errors import SettingsError
from handinger_tui.core.export import spending
from handinger_tui.core.export.spending import REPORTS, Report
from handinger_tui.core.jsontext import JsonObject, dump
from handinger_tui.core.money.reconciliation import restatement_object, restatement_text
from handinger_tui.core.money.spending import OVERLAP, Bucket, GroupBy
from handinger_tui.core.money.turn_events import WORDS
from handinger_tui.core.tags import NO_LABELS
from handinger_tui.ledger.corrections import LISTED, assign, decide_in, pin
from handinger_tui.ledger.cost_rows import CostRows, opened
from handinger_tui.ledger.sql import unpack

if TYPE_CHECKING:
    import argparse
    import sqlite3
    from collections.abc import Callable, Iterator, Sequence


_READING: Final = "--reading"
_ASSIGN: Final = "--assign"
NONE: Final = "none"


def _add_decision_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options by which a person decides."""
    parser.add_argument(
        _READING,
        metavar="WORKER=MEANING",
        help=f"first decide what a worker's figures mean: {', '.join(WORDS)}",
    )
    parser.add_argument(
        _ASSIGN,
        metavar="N=TURN",
        help=f"first assign suspense N to a turn, or to {NONE}",
    )


def _apply_decisions(args: argparse.Namespace, now: datetime) -> None:
    """Store what the options decide; the closed amounts that change are named on stderr.

    Raises:
        SettingsError: there is no such worker, meaning, suspense or turn.
        LedgerError
    """
    at_ms = round(now.timestamp() * 1000)
    for text, decision in ((args.reading, _pin), (args.assign, _assignment)):
        if text is not None and (restated := decide_in(default_paths().database, decision(text, at_ms))):
            say(restatement_text(restated))


def _pin(text: str, at_ms: int) -> Callable[[sqlite3.Connection], None]:
    prefix, _, word = text.rpartition("=")
    if word not in WORDS:
        choices = ", ".join(f"WORKER={meaning}" for meaning in WORDS)
        raise SettingsError(f"{_READING} {text!r} is not valid.", f"Use {_READING} with one of {choices}.")
    with opened(default_paths().database) as rows:
        worker_id = unique_id(rows, "worker", prefix) or ""
        base_url = rows.base_url(worker_id)
    return partial(pin, base_url=base_url, worker_id=worker_id, meaning=WORDS[word], at_ms=at_ms)


def _assignment(text: str, at_ms: int) -> Callable[[sqlite3.Connection], None]:
    number, _, prefix = text.partition("=")
    if not (number.isdecimal() and number.isascii() and prefix):
        raise SettingsError(f"{_ASSIGN} {text!r} must name a suspense and a turn.", LISTED)
    with opened(default_paths().database) as rows:
        turn_id = None if prefix == NONE else unique_id(rows, "turn", prefix)
    return partial(assign, number=int(number[:18]), turn_id=turn_id, at_ms=at_ms)


MOST_ROWS: Final = 500
"""Maximum number of rows on a page. Charts and total include all rows."""


def check_report_file(name: str, *, force: bool) -> None:
    """Check the file name of a report before the history is read.

    Raises:
        SettingsError: unknown suffix, a folder, or an existing file without `force`.
    """
    target = expand_path(name)
    if target.suffix.lower() not in REPORTS:
        raise SettingsError(
            f"{name!r} is not a supported report format.", f"Use a name ending in {', '.join(REPORTS)}."
        )
    check_new_file(target, force=force)


def write_report(
    name: str, cost_rows: CostRows, query: CostsQuery, result: CostsResult, *, force: bool = False
) -> str:
    """Write the report and return the line that names its path.

    Raises:
        SettingsError, LocalFileError: as `save_new_file`.
    """
    target = expand_path(name)
    data = REPORTS[target.suffix.lower()](_report(cost_rows, query, result))
    save_new_file(target, data, force=force)
    return f"Report: {target}"


def _report(cost_rows: CostRows, query: CostsQuery, result: CostsResult) -> Report:
    groups = cost_rows.buckets(GroupBy.TURN, query.filter) if query.by is GroupBy.TURN else result.groups
    return Report(
        heading=" · ".join([heading(query), _time_span(result.days)]),
        by=query.by,
        days=result.days,
        groups=[*groups[:MOST_ROWS], *result.suspense],
        total=result.total,
        simulated=query.simulated,
        date=query.now.strftime("%Y-%m-%d %H:%M %Z"),
        left_out=max(0, len(groups) - MOST_ROWS),
        remarks=remarks(cost_rows, query),
    )


def _time_span(days: Sequence[Bucket]) -> str:
    if not days:
        return "no turns"
    return days[0].key if len(days) == 1 else f"{days[0].key} to {days[-1].key}"


DESCRIPTION: Final = "Show what turns cost. Reads the local history; uses the network only with --settle."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "--by",
        choices=[str(by) for by in GroupBy],
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
    parser.add_argument("--tag", metavar="NAME", help="sessions with one tag")
    parser.add_argument("--project", metavar="NAME", help="sessions of one project")
    parser.add_argument("--profile", metavar="NAME", help="turns with one profile")
    parser.add_argument("--local", action="store_true", help="only simulated costs of the local worker")
    parser.add_argument("--settle", action="store_true", help="first read workers with open turns (free)")
    _add_decision_arguments(parser)
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
        from handinger_tui.cli.wiring import settle_open_turns

        settle_open_turns()
    _apply_decisions(args, now)
    as_of = None if args.as_of is None else as_of_ms(args.as_of, now)
    with opened(default_paths().database, as_of, tag_rules()) as cost_rows:
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
        "profile": query.filter.profile,
        "tag": query.filter.tag,
        "project": query.filter.project,
        "overlapping": query.by is GroupBy.TAG,
        "simulated": query.simulated,
    }
    total, price = result.total, credit_price()
    tail = {
        "total": spending.group_object(result.total),
        "credit_usd": json_amount(price),
        "total_usd_at_your_price": json_amount(
            at_price(total.total("credits").value, price) if total.total("usd").value is None else None
        ),
        "charts": spending.charts_object(result.days, result.total),
        "suspense": [spending.suspense_object(bucket) for bucket in result.suspense],
        "assigned": [spending.assigned_object(one) for one in cost_rows.assigned(query.filter)],
        "restatements": [restatement_object(one) for one in cost_rows.restatements(query.filter)],
    }
    if query.by is not GroupBy.TURN:
        put(dump({**head, "groups": [*_group_objects(cost_rows, query, result)], **tail}))
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
        if query.by is GroupBy.TAG:
            say(OVERLAP)
        rows = [*_group_objects(cost_rows, query, result), *map(spending.group_object, result.suspense)]
        columns = (*spending.COLUMNS, *(("tags", "project") if query.by is GroupBy.SESSION else ()))
        put(spending.line(columns), spending.END)
        for row in rows:
            put(spending.line(row.get(name) for name in columns), spending.END)


def _group_objects(cost_rows: CostRows, query: CostsQuery, result: CostsResult) -> Iterator[JsonObject]:
    """The groups as JSON; sessions with their tags and their project."""
    is_labeled = query.by is GroupBy.SESSION
    labels = {unpack(session): own for session, own in cost_rows.labels().items()} if is_labeled else {}
    for bucket in result.groups:
        group = spending.group_object(bucket)
        if is_labeled:
            own = labels.get(bucket.key, NO_LABELS)
            group |= {"tags": [*own.tags], "project": own.project or None}
        yield group


def _turn_pages(cost_rows: CostRows, query: CostsQuery, form: Form) -> Iterator[list[str]]:
    return records(cost_rows.turns(query.filter), Sessions(cost_rows.titles(), cost_rows.labels()), form)
