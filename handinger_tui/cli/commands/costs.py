"""`handinger-tui costs`: what turns cost, read from the local history. Needs no key and no network."""

from __future__ import annotations

import io
import os
import sys
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from handinger_tui.cli.args import BUDGETS, add_json_option
from handinger_tui.cli.commands import Implementation
from handinger_tui.cli.exit_codes import Exit
from handinger_tui.cli.load_settings import limit_rules, tag_rules
from handinger_tui.cli.local_files import default_paths, new_file, save_new_file
from handinger_tui.cli.output import output_width, put, say
from handinger_tui.core.errors import SettingsError
from handinger_tui.core.money.basis_text import BASIS_CHOICES
from handinger_tui.core.money.report import Selection
from handinger_tui.core.money.report_forms import FORMS
from handinger_tui.core.money.report_json import END
from handinger_tui.core.money.spending import ChargeFilter, GroupBy
from handinger_tui.core.periods import TIMES, period_ms
from handinger_tui.core.safety import clean_line
from handinger_tui.core.tags import tag_name
from handinger_tui.ledger import corrections
from handinger_tui.ledger.cost_rows import CostRows, opened

if TYPE_CHECKING:
    import argparse
    import sqlite3
    from collections.abc import Callable
    from pathlib import Path


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


# -- the report ----------------------------------------------------------------------------
def _report_target(args: argparse.Namespace) -> Path | None:
    """The file of `--report`, checked before the history is read.

    Raises:
        SettingsError: unknown suffix, a folder, or an existing file without `--force`.
    """
    if args.report is None:
        return None
    if _form_of(args.report) not in FORMS:
        raise SettingsError(
            f"{args.report!r} is not a supported report format.", f"Use a name ending in {_SUFFIXES}."
        )
    return new_file(args.report, force=args.force)


def _form_of(name: str) -> str:
    _, suffix = os.path.splitext(name)
    return suffix[1:].lower()


_SUFFIXES: Final = ", ".join(f".{name}" for name in FORMS)


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
    form = parser.add_mutually_exclusive_group()
    add_json_option(form)
    form.add_argument("--csv", action="store_true", help="CSV on stdout")
    parser.add_argument("--report", metavar="FILE", help="write it to FILE; a .html page has charts")
    parser.add_argument("--force", action="store_true", help="overwrite FILE")


def run(args: argparse.Namespace) -> int:
    """Run the command and return its exit code.

    Raises:
        SettingsError: a time, an id or a file name is not valid.
        LedgerError
    """
    now = datetime.now().astimezone()
    now_ms = round(now.timestamp() * 1000)
    times = _time_filter(args, now)
    target = _report_target(args)
    if args.settle:
        # The client and asyncio take a quarter of a second; all other costs are read without them.
        from handinger_tui.cli.wiring import settle_open_turns

        settle_open_turns()
    _apply_decisions(args, now)
    # Exclusive, as the end of a period: a day or a month counts whole.
    as_of = None if args.as_of is None else period_ms(args.as_of, "--as-of", now)[1]
    with opened(default_paths().database, as_of, tag_rules()) as cost_rows:
        if cost_rows.problem:
            say(cost_rows.problem)
        which = _charge_filter(args, cost_rows, times)
        selection = Selection(GroupBy(args.by), which, args.since, args.until, args.as_of)
        report = cost_rows.report(selection, limit_rules(lambda: now_ms))
        rows, width = cost_rows.rows(report), output_width(80)
        if target is not None:
            text = "".join(FORMS[_form_of(target.name)](report, rows, width))
            save_new_file(target, text.encode("utf-8", "replace"), force=args.force)
            if not (args.json or args.csv):
                put(f"Report: {target}")
                return Exit.OK
            say(f"Report: {target}")
        if args.csv and isinstance(sys.stdout, io.TextIOWrapper):
            # CSV lines end in CR LF on every system; without this, Windows would write CR CR LF.
            sys.stdout.reconfigure(newline="")
        if args.csv and selection.overlap:
            say(selection.overlap)
        for piece in FORMS["json" if args.json else "csv" if args.csv else "txt"](report, rows, width):
            # Cleaned, a line end is a line feed.
            put(piece.removesuffix(END), END if piece.endswith(END) else "")
    return Exit.OK


EXAMPLES: Final = (
    "costs --by worker --since 7d",
    "costs --by turn --csv > costs.csv",
)
COMMANDS: Final = {"costs": Implementation(DESCRIPTION, _add_arguments, run, EXAMPLES)}
