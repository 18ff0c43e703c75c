"""`handinger-tui costs`: what turns cost, read from the local history. Needs no key and no network."""

from __future__ import annotations

import io
import os
import sys
from datetime import datetime
from functools import partial
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from handinger_tui.cli.args import BUDGETS, add_json_option
from handinger_tui.cli.commands import Implementation
from handinger_tui.cli.exit_codes import Exit
from handinger_tui.cli.load_settings import limit_rules, settings_for, valid_settings
from handinger_tui.cli.local_files import default_paths, make_folder, new_file, read_file, save_new_file
from handinger_tui.cli.output import output_width, put, put_result, say
from handinger_tui.core.errors import SettingsError
from handinger_tui.core.formatting import plural
from handinger_tui.core.money import report_forms
from handinger_tui.core.money.basis_text import BASIS_CHOICES
from handinger_tui.core.money.report import Selection
from handinger_tui.core.money.spending import ChargeFilter, GroupBy
from handinger_tui.core.periods import TIMES, period_ms
from handinger_tui.core.prices import NO_PRICES
from handinger_tui.core.safety import CSV_END, clean_line
from handinger_tui.core.tags import tag_name
from handinger_tui.ledger import corrections
from handinger_tui.ledger.cost_rows import CostRows, opened

if TYPE_CHECKING:
    import argparse
    import sqlite3
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from handinger_tui.core.money.report import Report
    from handinger_tui.core.prices import Prices
    from handinger_tui.ledger.charges import statements
    from handinger_tui.settings import Settings


_READING: Final = "--reading"
_ASSIGN: Final = "--assign"
NONE: Final = "none"


def _apply_decisions(args: argparse.Namespace, now: datetime) -> None:
    """Store what the options decide; stderr names the final amounts that change, and the decision.

    Raises:
        SettingsError: there is no such worker, meaning, suspense or turn.
        LedgerError
    """
    at_ms = round(now.timestamp() * 1000)
    for text, decision in ((args.reading, _set_basis), (args.assign, _assignment)):
        if text is not None and (
            changed := corrections.decide_in(default_paths().database, decision(text, at_ms))
        ):
            say(changed)
    if args.reading is not None:
        say(BASIS_CHOICES[args.reading.rpartition("=")[2]].answer)


def _set_basis(text: str, at_ms: int) -> Callable[[sqlite3.Connection], None]:
    prefix, _, word = text.rpartition("=")
    if word not in BASIS_CHOICES:
        choices = ", ".join(f"WORKER={basis}" for basis in BASIS_CHOICES)
        raise SettingsError(f"{_READING} {text!r} is not valid.", f"Use {_READING} with one of {choices}.")
    with opened(default_paths().database) as rows:
        worker_id = _unique_id(rows, "worker", prefix) or ""
        base_url = rows.base_url(worker_id)
    return partial(
        corrections.set_basis,
        base_url=base_url,
        worker_id=worker_id,
        basis=BASIS_CHOICES[word].stored,
        at_ms=at_ms,
    )


def _assignment(text: str, at_ms: int) -> Callable[[sqlite3.Connection], None]:
    number, _, prefix = text.partition("=")
    if not (number.isdecimal() and number.isascii() and prefix):
        raise SettingsError(
            f"{_ASSIGN} {text!r} must name an unassigned cost and a turn.", corrections.LISTED
        )
    with opened(default_paths().database) as rows:
        turn_id = None if prefix == NONE else _unique_id(rows, "turn", prefix)
    return partial(corrections.assign, number=int(number[:18]), turn_id=turn_id, at_ms=at_ms)


# -- the selection -------------------------------------------------------------------------
def _time_filter(args: argparse.Namespace, now: datetime) -> ChargeFilter:
    """Return the filter of `--since` and `--until`.

    Raises:
        SettingsError: a time is not valid, or the first is not before the second.
    """
    since = None if args.since is None else period_ms(args.since, "--since", now)[0]
    until = None if args.until is None else period_ms(args.until, "--until", now)[1]
    if since is not None and until is not None and since >= until:
        raise SettingsError(
            f"--since {args.since} is not before --until {args.until}.", "The period is empty."
        )
    return ChargeFilter(since, until)


def _charge_filter(args: argparse.Namespace, cost_rows: CostRows, times: ChargeFilter) -> ChargeFilter:
    """Return the filter of the query.

    Simulated money is selected with `--local`, or when the history has no real charge at any time
    for this worker, session and budget, but has simulated ones.
    """
    tag, project = (None if name is None else tag_name(name) for name in (args.tag, args.project))
    for name, value in (("profile", args.profile), ("tag", tag), ("project", project)):
        if value is not None:
            _check_any(cost_rows, name, value)
    which = ChargeFilter(
        worker_id=_unique_id(cost_rows, "worker", args.worker),
        session_id=_unique_id(cost_rows, "session", args.session),
        budget=args.budget,
        profile=args.profile,
        tag=tag,
        project=project,
    )
    cost_rows.choose(which)
    simulated = args.local or (
        not cost_rows.any(replace(which, simulated=False)) and cost_rows.any(replace(which, simulated=True))
    )
    return replace(which, since_ms=times.since_ms, until_ms=times.until_ms, simulated=simulated)


def _check_any(cost_rows: CostRows, name: str, value: str) -> None:
    """Check that a filter by one name selects anything. Raises SettingsError."""
    which = replace(ChargeFilter(), **{name: value})
    cost_rows.choose(which)
    if not cost_rows.any(which):
        raise SettingsError(
            f"No costs with the {name} {clean_line(value, 60)}.", f"See: handinger-tui costs --by {name}"
        )


def _unique_id(cost_rows: CostRows, what: str, prefix: str | None) -> str | None:
    """Return the id of the only worker or session whose id starts with `prefix`. Raises SettingsError."""
    if prefix is None:
        return None
    matches = cost_rows.ids(f"{what}_id", prefix) if prefix else []
    if not matches:
        raise SettingsError(
            f"No {what} with charges starts with {prefix!r}.", f"See: handinger-tui costs --by {what}"
        )
    if len(matches) > 1:
        raise SettingsError(f"{len(matches)} {what}s start with {prefix!r}.", "Type more of the id.")
    return matches[0]


def _currency(settings: Settings | None) -> Prices:
    """The rates of a dollar."""
    return (settings and settings.currency) or NO_PRICES


# -- the statement -------------------------------------------------------------------------
_PROGRAM: Final = "check.py"


def _write_statement(args: argparse.Namespace, now_ms: int) -> int:
    """Close a month, or take what closed it, and write its files.

    Raises:
        SettingsError: it is no month that is over, has no costs, or a file exists.
        LocalFileError, LedgerError
    """
    from handinger_tui.ledger.charges import statements  # few need it

    folder = args.output or f"statement-{args.statement}"
    program = files("handinger_tui.cli").joinpath("check_statement.py").read_bytes()
    settings = valid_settings()
    rules, currency = limit_rules(settings, lambda: now_ms), _currency(settings)
    terms = statements.Terms(rules.tag_rules, rules.prices, currency, program)
    names = ("bundle.jsonl", "statement.html", _PROGRAM)
    targets = [new_file(os.path.join(folder, name), force=args.force) for name in names]
    # Before the month is closed: what cannot be written closes nothing.
    make_folder(targets[0].parent)
    closings: list[statements.Closing] = []

    def close(connection: sqlite3.Connection) -> None:
        corrections.recompute(connection, now_ms)
        closings.append(statements.close_month(connection, args.statement, now_ms, terms))

    corrections.decide_in(default_paths().database, close)
    closed = closings[-1]
    for target, data in zip(targets, (closed.bundle, closed.page, closed.program), strict=True):
        save_new_file(target, data, force=args.force)
    word = "closed by" if closed.is_new else "was closed by"
    put(f"{closed.month} {word} the statement in {targets[0].parent}.")
    put(f"Hash: {closed.hash}")
    put(f"To check it: python3 {targets[-1]} {closed.hash}")
    return Exit.OK


# -- FOCUS ---------------------------------------------------------------------------------
def _focus_targets(args: argparse.Namespace) -> tuple[Path, Path]:
    """The file of `--focus`, and that of the turns that are left out.

    Raises:
        SettingsError: no .csv, a folder, or an existing file without `--force`.
    """
    stem, suffix = os.path.splitext(args.focus)
    if suffix.lower() != ".csv":
        raise SettingsError(f"{args.focus!r} is not a CSV file.", "Use a name ending in .csv.")
    table, left_out = (new_file(name, force=args.force) for name in (args.focus, f"{stem}.left-out{suffix}"))
    return table, left_out


def _write_focus(args: argparse.Namespace, report: Report, cost_rows: CostRows) -> int:
    """Write both files of FOCUS.

    Raises:
        SettingsError: credits have no price, the costs are simulated, or a file exists.
        LocalFileError
    """
    from handinger_tui.core.money.focus import focus  # few need it

    targets, files_of = _focus_targets(args), focus(report, cost_rows.rows(report).records())
    for target, text in zip(targets, (files_of.table, files_of.left_out), strict=True):
        save_new_file(target, text.encode("utf-8", "replace"), force=args.force)
    put(f"FOCUS 1.2: {targets[0]} ({plural(files_of.rows, 'row')})")
    if files_of.words:
        say(f"{files_of.words} See {targets[1]}.")
    return Exit.OK


# -- the limits of a team ------------------------------------------------------------------
def _show_shared(args: argparse.Namespace, now_ms: int) -> int:
    """Print the limits of a team, or set one. Raises SettingsError, SharedUnreachable."""
    from handinger_tui.cli.tables import list_text
    from handinger_tui.cli.wiring import shared_server
    from handinger_tui.ledger.charges import shared_report

    settings = settings_for(None)
    if not settings.shared_url:
        raise SettingsError("There are no shared limits here.", "Set shared.url, see docs/configuration.md.")
    server = shared_server(settings)
    if args.shared_limit:
        say(shared_report.set_limit(server, args.shared_limit))
    report = shared_report.SharedReport(server, now_ms)
    put_result(
        args, report.document, "\n".join([*report.lines, list_text(shared_report.COLUMNS, report.rows, "")])
    )
    return Exit.OK


# -- an invoice ----------------------------------------------------------------------------
def _compare_invoice(args: argparse.Namespace, report: Report, cost_rows: CostRows) -> int:
    """Compare an invoice with the turns of a report.

    Raises:
        SettingsError: it is no invoice, or the costs are simulated.
        LocalFileError
    """
    from handinger_tui.cli.tables import list_text
    from handinger_tui.core.money import invoice  # few need it

    lines = invoice.invoice_lines(read_file(args.match, invoice.MOST_BYTES + 1))
    match = invoice.match_invoice(lines, report, cost_rows.rows(report).records())
    table = list_text(invoice.COLUMNS, [*map(invoice.match_row, match.matches)], "The invoice has no lines.")
    put_result(args, match, "\n".join([table, *invoice.match_notes(match)]))
    return Exit.OK


# -- the report ----------------------------------------------------------------------------
def _report_target(args: argparse.Namespace) -> Path | None:
    """The file of `--report`.

    Raises:
        SettingsError: unknown suffix, a folder, or an existing file without `--force`.
    """
    if args.report is None:
        return None
    forms = _forms(args)
    if _form_of(args.report) not in forms:
        suffixes = ", ".join(f".{name}" for name in forms)
        raise SettingsError(
            f"{args.report!r} is not a supported report format.", f"Use a name ending in {suffixes}."
        )
    return new_file(args.report, force=args.force)


def _forms(args: argparse.Namespace) -> Mapping[str, report_forms.Form]:
    return report_forms.JOURNAL_FORMS if args.journal else report_forms.FORMS


def _form_of(name: str) -> str:
    _, suffix = os.path.splitext(name)
    return suffix[1:].lower()


def _write_report(args: argparse.Namespace, report: Report, cost_rows: CostRows) -> int:
    """Write the report to a file, to stdout, or to both.

    Raises:
        SettingsError: the file exists.
        LocalFileError
    """
    forms, target = _forms(args), _report_target(args)
    rows, width = cost_rows.rows(report), output_width(80)
    if target is not None:
        text = "".join(forms[_form_of(target.name)](report, rows, width))
        save_new_file(target, text.encode("utf-8", "replace"), force=args.force)
        if not (args.json or args.csv):
            put(f"Report: {target}")
            return Exit.OK
        say(f"Report: {target}")
    if args.csv and isinstance(sys.stdout, io.TextIOWrapper):
        # CSV lines end in CR LF on every system; without this, Windows would write CR CR LF.
        sys.stdout.reconfigure(newline="")
    if args.csv and report.selection.overlap:
        say(report.selection.overlap)
    for piece in forms["json" if args.json else "csv" if args.csv else "txt"](report, rows, width):
        # Cleaned, a line end is a line feed.
        put(piece.removesuffix(CSV_END), CSV_END if piece.endswith(CSV_END) else "")
    return Exit.OK


DESCRIPTION: Final = "Show what turns cost. Reads the local history; uses the network only with --settle."


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--by",
        choices=[str(by) for by in GroupBy],
        default="day",
        metavar="GROUP",
        help=f"group by {', '.join(map(str, GroupBy))} (default: day)",
    )
    parser.add_argument("--since", metavar="WHEN", help=f"start: {TIMES}")
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
    bases = f"first decide what a worker's figures mean: {', '.join(BASIS_CHOICES)}"
    parser.add_argument(_READING, metavar="WORKER=MEANING", help=bases)
    parser.add_argument(
        _ASSIGN, metavar="N=TURN", help=f"first assign unassigned cost N to a turn, or to {NONE}"
    )
    parser.add_argument(
        "--journal",
        action="store_true",
        help="each entry with its reason and the readings; with --json, a line each",
    )
    parser.add_argument(
        "--statement",
        metavar="MONTH",
        help="close a month; writes a page, evidence and a checker",
    )
    parser.add_argument(
        "--focus", metavar="FILE.csv", help="write FOCUS 1.2 (FinOps); FILE.left-out.csv has the other turns"
    )
    parser.add_argument(
        "--match", metavar="INVOICE.csv", help="compare an invoice, by worker and month; - reads stdin"
    )
    parser.add_argument("-o", "--output", metavar="FOLDER", help="folder of the statement")
    parser.add_argument("--shared", action="store_true", help="who spent what of the limits of your team")
    parser.add_argument(
        "--shared-limit", metavar="LIMIT", help="set one: 'day 5', 'month 900 credits', 'day off'"
    )
    form = parser.add_mutually_exclusive_group()
    add_json_option(form)
    form.add_argument("--csv", action="store_true", help="CSV on stdout")
    parser.add_argument("--report", metavar="FILE", help="write it to FILE; a .html page has charts")
    parser.add_argument("--force", action="store_true", help="overwrite files")


def run(args: argparse.Namespace) -> int:
    """Run the command and return its exit code.

    Raises:
        SettingsError: a time, an id or a file name is not valid.
        LedgerError
    """
    now = datetime.now().astimezone()
    now_ms = round(now.timestamp() * 1000)
    if args.shared or args.shared_limit:
        return _show_shared(args, now_ms)
    times = _time_filter(args, now)
    # Before the history is read.
    _report_target(args)
    if args.focus is not None:
        _focus_targets(args)
    if args.settle:
        # The client and asyncio take a quarter of a second; all other costs are read without them.
        from handinger_tui.cli.wiring import settle_open_turns

        settle_open_turns()
    _apply_decisions(args, now)
    if args.statement is not None:
        return _write_statement(args, now_ms)
    # Exclusive, as the end of a period: a day or a month counts whole.
    as_of = None if args.as_of is None else period_ms(args.as_of, "--as-of", now)[1]
    settings = valid_settings()
    rules = limit_rules(settings, lambda: now_ms)
    with opened(default_paths().database, as_of, rules.tag_rules) as cost_rows:
        if cost_rows.problem:
            say(cost_rows.problem)
        which = _charge_filter(args, cost_rows, times)
        by = GroupBy(args.by) if args.focus is args.match is None else GroupBy.TURN
        selection = Selection(by, which, args.since, args.until, args.as_of)
        report = replace(cost_rows.report(selection, rules), currency=_currency(settings))
        if args.match is not None:
            return _compare_invoice(args, report, cost_rows)
        write = _write_report if args.focus is None else _write_focus
        return write(args, report, cost_rows)


_FILTERS: Final = (
    "--since --until --as-of --worker --session --budget --tag --project --profile --local --settle"
    f" {_READING} {_ASSIGN}"
)
_TAKES: Final = {
    "--shared": "--shared-limit --json",
    "--shared-limit": "--shared --json",
    "--statement": f"--output --force --settle {_READING} {_ASSIGN}",
    "--focus": f"--force {_FILTERS}",
    "--match": f"--json {_FILTERS}",
    "--journal": f"--json --csv --report --force {_FILTERS}",
    "": f"--by --json --csv --report --force {_FILTERS}",
}
EXAMPLES: Final = (
    "costs --by worker --since 7d",
    "costs --by turn --csv > costs.csv",
    "costs --journal --since 2026-10 --csv > journal.csv",
    "costs --statement 2026-10",
    "costs --since 2026-10 --until 2026-10 --focus focus.csv",
    "costs --match invoice.csv",
    "costs --shared-limit 'day 5'",
)
COMMANDS: Final = {"costs": Implementation(DESCRIPTION, _add_arguments, run, EXAMPLES, _TAKES)}
