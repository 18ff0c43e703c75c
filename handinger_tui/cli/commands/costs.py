"""`handinger-tui costs`: what turns cost, read from the local history. Needs no key and no network."""

from __future__ import annotations

import io
import os
import sys
import textwrap
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from itertools import chain, islice
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec.structs import replace

from handinger_tui.cli.args import BUDGETS, add_json_option
from handinger_tui.cli.commands import Implementation
from handinger_tui.cli.costs_query import (
    COLUMNS,
    CostsQuery,
    CostsResult,
    cell_text,
    charge_filter,
    run_query,
    time_filter,
    turn_record,
    unique_id,
)
from handinger_tui.cli.load_settings import limit_rules, settings_for, tag_rules
from handinger_tui.cli.local_files import default_paths, new_file, save_new_file
from handinger_tui.cli.output import Exit, output_width, put, say
from handinger_tui.cli.tables import GAP, Column, fit_columns, lines_of, pad
from handinger_tui.core.amounts import EXACT, Total, Unit, at_price, json_amount
from handinger_tui.core.bars import horizontal_bar
from handinger_tui.core.columns import aligned, cells_of, clip
from handinger_tui.core.errors import SettingsError
from handinger_tui.core.export import spending
from handinger_tui.core.export.scenes import SIMULATED_REPORT, shares
from handinger_tui.core.export.spending import REPORTS, Report
from handinger_tui.core.formatting import middle_cut, number, percent_text, spaced
from handinger_tui.core.jsontext import JsonObject, dump
from handinger_tui.core.money.amount_state import total_in
from handinger_tui.core.money.forecast import WINDOW, daily, forecast, forecast_text
from handinger_tui.core.money.limits import CALENDAR_SCOPES, Scope, spent_text
from handinger_tui.core.money.reconciliation import (
    SUSPENSE_EXPLAINED,
    UNASSIGNED,
    AssignedRise,
    Restatement,
    owners_text,
    reconcile,
    reconciliation_text,
    restatement_object,
    restatement_text,
    rise_text,
)
from handinger_tui.core.money.spending import (
    EMPTY_TOTAL,
    NO_KNOWN_DAY,
    OVERLAP,
    TIMES,
    Bucket,
    ChargeFilter,
    GroupBy,
    empty_key_name,
    midnight,
    period_ms,
    stored_state,
    sum_text,
    undated_text,
)
from handinger_tui.core.money.turn_events import MEANING_ANSWERS, MEANING_WORDS
from handinger_tui.core.money.words import (
    Write,
    amount_text,
    bare_text,
    cost_words,
    count_text,
    excess_words,
    legend,
    price_words,
    total_cell,
)
from handinger_tui.core.receipts import meaning_lines
from handinger_tui.core.safety import clean_line
from handinger_tui.core.tags import NO_LABELS
from handinger_tui.core.turns.turn import NO_DAY
from handinger_tui.ledger.charges import BIT, amount_in
from handinger_tui.ledger.corrections import LISTED, assign, decide_in, pin
from handinger_tui.ledger.cost_rows import CostRows, opened
from handinger_tui.ledger.limits import LimitRules
from handinger_tui.ledger.sql import Row, int_or_zero, status_of, unpack

if TYPE_CHECKING:
    import argparse
    import sqlite3
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from handinger_tui.core.turns.session import Session


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
    for text, decision in ((args.reading, _pin), (args.assign, _assignment)):
        if text is not None and (restated := decide_in(default_paths().database, decision(text, at_ms))):
            say(restatement_text(restated))
    if args.reading is not None:
        say(MEANING_ANSWERS[args.reading.rpartition("=")[2]])


def _pin(text: str, at_ms: int) -> Callable[[sqlite3.Connection], None]:
    prefix, _, word = text.rpartition("=")
    if word not in MEANING_WORDS:
        choices = ", ".join(f"WORKER={meaning}" for meaning in MEANING_WORDS)
        raise SettingsError(f"{_READING} {text!r} is not valid.", f"Use {_READING} with one of {choices}.")
    with opened(default_paths().database) as rows:
        worker_id = unique_id(rows, "worker", prefix) or ""
        base_url = rows.base_url(worker_id)
    return partial(pin, base_url=base_url, worker_id=worker_id, meaning=MEANING_WORDS[word], at_ms=at_ms)


def _assignment(text: str, at_ms: int) -> Callable[[sqlite3.Connection], None]:
    number, _, prefix = text.partition("=")
    if not (number.isdecimal() and number.isascii() and prefix):
        raise SettingsError(f"{_ASSIGN} {text!r} must name an unassigned cost and a turn.", LISTED)
    with opened(default_paths().database) as rows:
        turn_id = None if prefix == NONE else unique_id(rows, "turn", prefix)
    return partial(assign, number=int(number[:18]), turn_id=turn_id, at_ms=at_ms)


MOST_ROWS: Final = 500
"""Maximum number of rows on a page. Charts and total include all rows."""


def _report_target(args: argparse.Namespace) -> Path | None:
    """The file of `--report`, checked before the history is read.

    Raises:
        SettingsError: unknown suffix, a folder, or an existing file without `--force`.
    """
    if args.report is None:
        return None
    if os.path.splitext(args.report)[1].lower() not in REPORTS:
        raise SettingsError(
            f"{args.report!r} is not a supported report format.",
            f"Use a name ending in {', '.join(REPORTS)}.",
        )
    return new_file(args.report, force=args.force)


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
        omitted=max(0, len(groups) - MOST_ROWS),
        remarks=remarks(cost_rows, query, result),
    )


def _time_span(days: Sequence[Bucket]) -> str:
    names = [day.key for day in days if day.key]
    if not names:
        return "no known day" if days else "no turns"
    return names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"


DESCRIPTION: Final = "Show what turns cost. Reads the local history; uses the network only with --settle."


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--by", choices=[str(by) for by in GroupBy], default="day", help="group by (default: day)"
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
    meanings = f"first decide what a worker's figures mean: {', '.join(MEANING_WORDS)}"
    parser.add_argument(_READING, metavar="WORKER=MEANING", help=meanings)
    parser.add_argument(
        _ASSIGN, metavar="N=TURN", help=f"first assign the unassigned cost N to a turn, or to {NONE}"
    )
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
        query = CostsQuery(
            GroupBy(args.by),
            charge_filter(args, cost_rows, times),
            args.since,
            args.until,
            now,
            args.as_of,
            _configured_limits(),
        )
        result = run_query(cost_rows, query)
        if target is not None:
            data = REPORTS[target.suffix.lower()](_report(cost_rows, query, result))
            save_new_file(target, data, force=args.force)
            if not (args.json or args.csv):
                put(f"Report: {target}")
                return Exit.OK
            say(f"Report: {target}")
        if args.json:
            _put_json(cost_rows, query, result)
        elif args.csv:
            _put_csv(cost_rows, query, result)
        else:
            put_text(cost_rows, query, result)
    return Exit.OK


_FILTERS: Final = ("worker_id", "session_id", "budget", "profile", "tag", "project")


def _put_json(cost_rows: CostRows, query: CostsQuery, result: CostsResult) -> None:
    head = {
        "schema": spending.SCHEMA,
        "by": str(query.by),
        "since": query.since,
        "until": query.until,
        "since_ms": query.filter.since_ms,
        "until_ms": query.filter.until_ms,
        "as_of": query.as_of,
        **{name: getattr(query.filter, name) for name in _FILTERS},
        "overlapping": query.by is GroupBy.TAG,
        "simulated": query.simulated,
    }
    total, price = result.total, query.rules.credit_usd
    tail = {
        "total": spending.group_object(total),
        "credit_usd": json_amount(price),
        "total_usd_at_your_price": json_amount(
            at_price(total.total("credits").value, price) if total.total("usd").value is None else None
        ),
        "undated_turns": cost_rows.undated(query.filter).turns,
        "charts": spending.charts_object(result.days, total),
        "suspense": [spending.suspense_object(bucket) for bucket in result.suspense],
        "assigned": [spending.assigned_object(one) for one in cost_rows.assigned(query.filter)],
        "restatements": [restatement_object(one) for one in cost_rows.restatements(query.filter)],
    }
    # One JSON document, written in pieces: it is never held in memory as a whole.
    put(f'{dump(head)[:-1]},"groups":[', "")
    for at, row in enumerate(_rows(cost_rows, query, result)):
        # Much faster than `dump`, with the same result for ASCII; the amounts of rows are texts.
        text = msgspec.json.encode(row).decode()
        put(("," if at else "") + (text if text.isascii() else dump(row)), "")
    put(f"],{dump(tail)[1:]}")


def _put_csv(cost_rows: CostRows, query: CostsQuery, result: CostsResult) -> None:
    if isinstance(sys.stdout, io.TextIOWrapper):
        # CSV lines end in CR LF on every system; without this, Windows would write CR CR LF.
        sys.stdout.reconfigure(newline="")
    if query.by is GroupBy.TAG:
        say(OVERLAP)
    labels = ("tags", "project") if query.by is GroupBy.SESSION else ()
    columns = COLUMNS if query.by is GroupBy.TURN else (*spending.COLUMNS, *labels)
    put(spending.line(columns), spending.END)
    # A row of suspense has its amounts in the columns of all rows alone: a sum over both would double them.
    once = {"suspense_usd": None, "suspense_credits": None}
    suspense = ({**spending.group_object(one), **once, "worker_id": one.key} for one in result.suspense)
    for row in chain(_rows(cost_rows, query, result), suspense):
        put(spending.line(row.get(name) for name in columns), spending.END)


def _rows(cost_rows: CostRows, query: CostsQuery, result: CostsResult) -> Iterator[JsonObject]:
    """The groups as JSON; turns and sessions with their tags and their project."""
    if query.by is GroupBy.TURN:
        titles, of_turns = cost_rows.titles(), cost_rows.labels()
        for row in cost_rows.turns(query.filter):
            yield turn_record(row, titles, of_turns)
        return
    is_labeled = query.by is GroupBy.SESSION
    labels = {unpack(session): own for session, own in cost_rows.labels().items()} if is_labeled else {}
    for bucket in result.groups:
        group = spending.group_object(bucket)
        if is_labeled:
            own = labels.get(bucket.key, NO_LABELS)
            group |= {"tags": [*own.tags], "project": own.project or None}
        yield group


# -- text --------------------------------------------------------------------------------------
_MOST_RESTATEMENTS: Final = 3
_MOST_RISES: Final = 5


def remarks(cost_rows: CostRows, query: CostsQuery, result: CostsResult) -> list[str]:
    """Return the remarks that apply to the query; each may have two lines."""
    which = query.filter
    texts = [
        OVERLAP if query.by is GroupBy.TAG else "",
        undated_text(cost_rows.undated(which), is_in_total=query.since is None and query.until is None),
        suspense_lines(result.suspense),
        assigned_lines(cost_rows.assigned(which)),
        *restatement_lines(cost_rows.restatements(which)),
    ]
    if query.as_of is not None:
        # Forecast, reconciliation and limits are those of now.
        return [text for text in texts if text]
    if query.by is GroupBy.DAY and query.until is None:
        texts.append(forecast_line(cost_rows, query))
    session = cost_rows.newest_session(which.worker_id) if which.worker_id else None
    if session is not None:
        reconciled = reconciliation_text(reconcile(session))
        texts.append(f"Session {session.session_id}, the newest of this worker: {reconciled}")
        texts.append("\n".join(meaning_lines(session)))
    if session is None and which.session_id is not None:
        session = cost_rows.session(which.session_id)
    texts.append(limits_line(cost_rows, query, session))
    return [text for text in texts if text]


def suspense_lines(suspense: Sequence[Bucket]) -> str:
    """Return the suspense, one line for each rise, the newest last; "" for nothing."""
    rises = sorted((rise for bucket in suspense for rise in bucket.rises), key=lambda rise: rise.seen_ms)
    if not rises:
        return ""
    lines = [f"{SUSPENSE_EXPLAINED}. To assign it to a turn: handinger-tui costs --assign N=TURN"]
    if len(rises) > _MOST_RISES:
        lines.append(f"{len(rises) - _MOST_RISES:,} older ones: see --json.")
    for rise in rises[-_MOST_RISES:]:
        seen = f"{rise.worker_id}, read {time_text(rise.seen_ms)}"
        lines.append(clean_line(f"{rise.number}: {rise_text(rise)}, {seen}: {owners_text(rise)}."))
    return "\n".join(lines)


def assigned_lines(assigned: Sequence[AssignedRise]) -> str:
    """Return which suspense the person assigned, and how to undo that."""
    return "\n".join(
        clean_line(
            f"{UNASSIGNED} {one.number} belongs to {one.turn_id}, as you decided."
            f" To undo: handinger-tui costs --assign {one.number}=none"
        )
        for one in assigned[-_MOST_RISES:]
    )


def restatement_lines(restated: Sequence[Restatement]) -> list[str]:
    """Return the newest restatements, a line each, and what all changed together."""
    if len(restated) > _MOST_RESTATEMENTS:
        return [restatement_text(restated), f"Latest: {restatement_text(restated[-1:])}"]
    return ["\n".join(restatement_text([one]) for one in restated)] if restated else []


def forecast_line(cost_rows: CostRows, query: CostsQuery) -> str:
    """Return the forecast for the month and the method behind it."""
    today = midnight(query.now.date())
    first = min(midnight(today.date().replace(day=1)), midnight(today.date() - timedelta(days=WINDOW)))
    which = replace(query.filter, since_ms=round(first.timestamp() * 1000), until_ms=None)
    # A day may have 23 to 25 hours.
    length, elapsed = midnight(today.date() + timedelta(days=1)) - today, query.now - today
    part_of_day = Decimal(int(elapsed.total_seconds())) / Decimal(int(length.total_seconds()))
    month = forecast(daily(cost_rows.buckets(GroupBy.DAY, which)), today.date(), part_of_day)
    text = forecast_text(month)
    return text if text == month.method else f"Forecast: {text}.\n{month.method}"


def limits_line(cost_rows: CostRows, query: CostsQuery, session: Session | None) -> str:
    """Return the limits of the present day, week and month, and those of the selected session or worker."""
    scopes = {*CALENDAR_SCOPES}
    scopes |= {Scope.SESSION} if query.filter.session_id else set()
    scopes |= {Scope.WORKER} if query.filter.worker_id else set()
    gauges = cost_rows.gauges(session, replace(query.rules, flags=(), simulated=query.simulated))
    texts = [
        f"{gauge.limit.scope.limit.capitalize()}: {spent_text(gauge)}."
        for gauge in gauges
        if gauge.limit.scope in scopes
    ]
    return "\n".join(texts)


def _configured_limits() -> LimitRules:
    try:
        return limit_rules(settings_for(None))
    except SettingsError:
        # Invalid settings do not block a look at past costs; the next turn reports the error.
        return LimitRules()


PAGE: Final = 500
"""Number of turns per table page; each page has its own column widths."""


def put_turns(cost_rows: CostRows, query: CostsQuery, result: CostsResult, width: int) -> None:
    """Print a table of turns, its signs and its total."""
    overall = result.total
    titles = cost_rows.titles()
    rows = cost_rows.turns(query.filter)
    signs: set[str] = set()
    while page := list(islice(rows, PAGE)):
        usd, credit = ([_total(row, unit) for row in page] for unit in Unit)
        signs.update(legend((*usd, *credit)).split(" · "))
        columns = [
            Column("when", [time_text(row["at_ms"]) for row in page], align_left=True),
            Column("cost", aligned([*map(total_cell, usd)])),
            Column("credits", aligned([total_cell(one, Unit.CREDITS) for one in credit]), spare=3),
            Column("tokens", [number(row["total_tokens"]) for row in page], spare=4),
            Column("status", [spaced(_text(row["status"])) for row in page], align_left=True),
            Column("budget", [_text(row["budget"]) or "not set" for row in page], align_left=True, spare=2),
            Column("turn", [_text(row["turn_id"]) for row in page], align_left=True, spare=1),
            Column("", [_title(titles.get(row["session_id"], "")) for row in page], align_left=True, spare=5),
        ]
        put("\n".join(line.rstrip() for line in lines_of(fit_columns(columns, width))))
    for bucket in result.suspense:
        amount = cost_words(bucket.usd if bucket.usd.value else EMPTY_TOTAL, bucket.credits)
        put(textwrap.fill(f"{key_of(bucket, query.by)}: {amount}", width, break_on_hyphens=False))
    total = sum_text(overall.total("usd"), overall.total("credits"), overall.turns, query.rules.credit_usd)
    for line in textwrap.wrap(f"total: {total}", width, break_on_hyphens=False):
        put(line)
    if any(signs):
        put(" · ".join(sorted(filter(None, signs))))


def time_text(at_ms: int) -> str:
    """Format a time as local time to the minute; return a time outside the calendar as the stored number."""
    if at_ms == NO_DAY:
        return NO_KNOWN_DAY
    try:
        moment = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone()
    except (OverflowError, OSError, ValueError):
        return str(at_ms)
    return moment.strftime("%Y-%m-%d %H:%M")


def _total(row: Row, unit: Unit) -> Total:
    """The amount of a turn in a unit, with all that is not certain about it."""
    column, most, doubtful = _COLUMNS[unit]
    value = amount_in(row, column if row[most] is None else most)
    is_final = bool(int_or_zero(row["told"]) >> BIT[column] & 1)
    state = stored_state(status_of(row["status"]), final=bool(row["final"]), confirmed=bool(row["confirmed"]))
    is_shared = row[most] is not None
    return total_in(state, value, final=is_final, doubtful=bool(row[doubtful]), shared=is_shared)


_COLUMNS: Final = {
    Unit.USD: ("usd_pico", "most_pico", "doubtful"),
    Unit.CREDITS: ("micro_credits", "most_micro", "credits_doubtful"),
}


def _text(stored: object) -> str:
    return clip(cell_text(stored) or "", 80)


def _title(title: str) -> str:
    return clip(clean_line(title), 30)


_LEAST_BAR: Final = 10


def put_text(cost_rows: CostRows, query: CostsQuery, result: CostsResult) -> None:
    """Print the costs that the query selects, with table, shares and remarks."""
    if not (result.total.turns or result.suspense):
        missed = undated_text(cost_rows.undated(query.filter), is_in_total=False)
        put("\n".join(filter(None, (_no_costs_text(query), missed))))
        return
    width = output_width(80)
    put(heading(query) + (f"\n{SIMULATED_REPORT}" if query.simulated else "") + "\n")
    if query.by is GroupBy.TURN:
        put_turns(cost_rows, query, result, width)
    else:
        put(table([*result.groups, *result.suspense], result.total, query.by, width))
    blocks = (
        price_line(result.total, query.rules.credit_usd),
        "" if query.by is GroupBy.TURN else signs_line((*result.groups, *result.suspense, result.total)),
        share_lines(result.total, width),
        *remarks(cost_rows, query, result),
    )
    for block in blocks:
        if block:
            put("\n" + "\n".join(_wrap(line, width) for line in block.split("\n")))


def price_line(overall: Bucket, price: Decimal | None) -> str:
    """Return what the credits cost at the person's price, where no cost in USD is known; else ""."""
    credited = overall.total("credits").value
    if price is None or credited is None or overall.total("usd").value is not None:
        return ""
    amount = price_words(credited, price)
    return f"{amount_text(credited, Unit.CREDITS)}: {amount} at your price of {amount_text(price)} a credit."


def _wrap(line: str, width: int) -> str:
    # Indented lines are table rows, which already fit.
    return line if line.startswith(" ") else textwrap.fill(line, width, break_on_hyphens=False)


def heading(query: CostsQuery) -> str:
    """Return the first line, such as "Costs by day · since 7d · worker wrk_1"."""
    named = {"since": query.since, "until": query.until, "as of": query.as_of}
    named |= {name.removesuffix("_id"): getattr(query.filter, name) for name in _FILTERS}
    pieces = [f"{word} {value}" for word, value in named.items() if value]
    pieces += ["simulated"] if query.simulated else []
    return " · ".join(map(clean_line, (f"Costs by {query.by}", *pieces)))


def _no_costs_text(query: CostsQuery) -> str:
    filtered = replace(query.filter, simulated=None) != ChargeFilter()
    what = "simulated costs" if query.simulated else "costs"
    if query.as_of is not None:
        selected = " in this selection" if filtered else ""
        return f"No {what}{selected} were known as of {clean_line(query.as_of)}."
    if filtered:
        return f"No {what} in this selection."
    return f"No {what} yet. They appear after your first turn."


# -- the table ---------------------------------------------------------------------------
def table(groups: Sequence[Bucket], overall: Bucket, by: GroupBy, width: int) -> str:
    """Return one line per group and one for the total.

    The bars are next to the lines; when the width does not suffice, they are a block below.
    """
    most = max((bucket.usd.value or Decimal(0) for bucket in groups), default=Decimal(0))
    titled = [
        key_of(bucket, by) if bucket.rises else f"{key_of(bucket, by)}  {clean_line(bucket.title)}".rstrip()
        for bucket in groups
    ]
    longest = max(12, width // 2)
    keys = [clip(middle_cut(key_of(bucket, by), longest), longest) for bucket in groups]
    for names in (titled, keys):
        lines = lines_of(_columns(names, groups, overall, by))
        room = width - cells_of(lines[0]) - len(GAP)
        if room >= _LEAST_BAR:
            bars = ["", *(bar(bucket, most, room) for bucket in groups), ""]
            return "\n".join(
                f"{line}{GAP}{bar_text}".rstrip() for line, bar_text in zip(lines, bars, strict=True)
            )
    lines = lines_of(fit_columns(_columns(keys, groups, overall, by), width))
    names = [
        key if bucket.rises else clip(clean_line(bucket.title), longest) or key
        for bucket, key in zip(groups, keys, strict=True)
    ]
    name_width = max(map(cells_of, names))
    room = width - name_width - len(GAP)
    bars = [
        f"{pad(name, name_width)}{GAP}{bar(b, most, room)}" for name, b in zip(names, groups, strict=True)
    ]
    return "\n".join([*lines, "", *(line.rstrip() for line in bars)])


def _columns(names: Sequence[str], groups: Sequence[Bucket], overall: Bucket, by: GroupBy) -> list[Column]:
    buckets = [*groups, overall]
    unknown = [f"{turns:,}" if (turns := bucket.usd.unknown_turns) else "" for bucket in buckets]
    return [
        Column(str(by), [*names, "total"], align_left=True),
        Column("turns", [number(bucket.turns) for bucket in buckets]),
        Column("cost", _cells(buckets, "usd")),
        *([Column("unknown", unknown)] if any(unknown) else []),
        Column("credits", _cells(buckets, "credits", Unit.CREDITS), spare=2),
        Column("tokens", _cells(buckets, "tokens", write=count_text), spare=3),
        Column("failed or incomplete", [incomplete_text(bucket) for bucket in buckets], spare=4),
    ]


def _cells(
    buckets: Sequence[Bucket], member: str, unit: Unit = Unit.USD, write: Write = bare_text
) -> list[str]:
    return aligned([total_cell(bucket.total(member), unit, write) for bucket in buckets])


def key_of(bucket: Bucket, by: GroupBy) -> str:
    """Return the displayed name of a group."""
    name = clean_line(bucket.key) or empty_key_name(by)
    return f"{UNASSIGNED} {name}" if bucket.rises else name


def incomplete_text(bucket: Bucket) -> str:
    """Format the number of incomplete turns and their share of all turns: "2 (17%)"."""
    if not bucket.incomplete:
        return "0"
    return f"{bucket.incomplete:,} ({percent_text(EXACT.divide(bucket.incomplete, bucket.turns))})"


def bar(bucket: Bucket, most: Decimal, room: int) -> str:
    """Return a bar of at most `room` cells; "▒" stands for turns of unknown cost."""
    return horizontal_bar(bucket.usd.value, most, room - 1) + ("▒" if bucket.usd.unknown_turns else "")


# -- below the table ----------------------------------------------------------------------------
def signs_line(buckets: Iterable[Bucket]) -> str:
    """Return what the signs in the table mean; "" when it has none."""
    return legend(bucket.total(member) for bucket in buckets for member in ("usd", "credits", "tokens"))


def share_lines(overall: Bucket, width: int) -> str:
    """Return the shares of the four categories, each with percentage, amount and bar."""
    categories = shares(overall)
    if not any(share.usd is not None for share in categories):
        return "Cost by category: unknown."
    amounts = aligned([total_cell(Total(share.usd, share.gaps)) for share in categories])
    columns = [
        Column("", [share.name for share in categories], align_left=True),
        Column("", [percent_text(share.part) for share in categories]),
        Column("", amounts),
    ]
    room = max(4, min(40, width - sum(column.width for column in columns) - 8))
    bars = []
    for share in categories:
        length = round((share.part or Decimal(0)) * room)
        bars.append(("░" if share.name == "not split" else "█") * max(length, 1 if share.part else 0))
    _, *lines = lines_of([*columns, Column("", bars, align_left=True)])
    lines = [f"  {line}".rstrip() for line in lines]
    excess = excess_words(overall.split_excess)
    return "\n".join(["Cost by category:", *lines, *([f"The {excess}."] if excess else [])])


COMMANDS: Final = {"costs": Implementation(DESCRIPTION, _add_arguments, run)}
