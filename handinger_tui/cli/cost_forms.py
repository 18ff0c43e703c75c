"""The forms of the spending report: text, JSON, CSV and HTML. Turns are read and written piece by piece."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from itertools import chain, islice
from typing import Final

import msgspec
from msgspec.structs import replace

from handinger_tui.cli.costs_query import COLUMNS, turn_record
from handinger_tui.cli.output import output_width
from handinger_tui.cli.tables import GAP, Column, align_amounts, fit_columns, lines_of, pad
from handinger_tui.core.amounts import (
    DOUBT_EXPLAINED,
    EXACT,
    MARK_EXPLAINED,
    Total,
    at_price,
    credits_text,
    credits_words,
    excess_text,
    json_amount,
    price_text,
    short_total_text,
    usd_text,
    value_text,
)
from handinger_tui.core.bars import horizontal_bar
from handinger_tui.core.columns import cells_of, clip
from handinger_tui.core.export import spending
from handinger_tui.core.export.chart_data import NOT_SPLIT, SIMULATED_REPORT, shares
from handinger_tui.core.formatting import local_time, middle_cut, number, percent_text, spaced
from handinger_tui.core.jsontext import JsonObject, dump
from handinger_tui.core.money.forecast import forecast_text
from handinger_tui.core.money.limits import CALENDAR_SCOPES, Scope, spent_text
from handinger_tui.core.money.reconciliation import (
    SUSPENSE,
    SUSPENSE_EXPLAINED,
    AssignedRise,
    Restatement,
    owners_text,
    reconcile,
    reconciliation_text,
    restatement_object,
    restatement_text,
    rise_text,
)
from handinger_tui.core.money.report import Report, Selection
from handinger_tui.core.money.spending import (
    NO_KNOWN_DAY,
    OVERLAP,
    Bucket,
    ChargeFilter,
    GroupBy,
    empty_key_name,
    sum_text,
    undated_text,
)
from handinger_tui.core.receipts import meaning_lines
from handinger_tui.core.safety import clean_line
from handinger_tui.core.tags import NO_LABELS
from handinger_tui.core.turns.turn import NO_DAY
from handinger_tui.ledger.cost_rows import CostRows
from handinger_tui.ledger.sql import unpack

FILTERS: Final = ("worker_id", "session_id", "budget", "profile", "tag", "project")


# -- JSON and CSV ------------------------------------------------------------------------
def _json(report: Report, rows: CostRows) -> Iterator[str]:
    selection, which, total = report.selection, report.selection.which, report.total
    price, credited = report.credit_usd, total.total("credits").value
    head = {
        "schema": spending.SCHEMA,
        "by": str(selection.by),
        "since": selection.since,
        "until": selection.until,
        "since_ms": which.since_ms,
        "until_ms": which.until_ms,
        "as_of": selection.as_of,
        **{name: getattr(which, name) for name in FILTERS},
        "overlapping": selection.by is GroupBy.TAG,
        "simulated": selection.simulated,
    }
    tail = {
        "total": spending.group_object(total),
        "credit_usd": json_amount(price),
        "total_usd_at_your_price": json_amount(
            at_price(credited, price) if total.total("usd").value is None else None
        ),
        "undated_turns": report.undated.turns,
        "charts": spending.charts_object(report.days, total),
        "suspense": [spending.suspense_object(bucket) for bucket in report.suspense],
        "assigned": [spending.assigned_object(one) for one in report.assigned],
        "restatements": [restatement_object(one) for one in report.restated],
    }
    # One JSON document, written in pieces: it is never held in memory as a whole.
    yield f'{dump(head)[:-1]},"groups":['
    for at, row in enumerate(_records(report, rows)):
        # Much faster than `dump`, with the same result for ASCII; the amounts of rows are texts.
        text = msgspec.json.encode(row).decode()
        yield ("," if at else "") + (text if text.isascii() else dump(row))
    yield f"],{dump(tail)[1:]}\n"


def _csv(report: Report, rows: CostRows) -> Iterator[str]:
    by = report.selection.by
    labels = ("tags", "project") if by is GroupBy.SESSION else ()
    columns = COLUMNS if by is GroupBy.TURN else (*spending.COLUMNS, *labels)
    yield spending.line(columns) + spending.END
    # A row of suspense has its amounts in the columns of all rows alone: a sum over both would double them.
    once = {"suspense_usd": None, "suspense_credits": None}
    suspense = ({**spending.group_object(one), **once, "worker_id": one.key} for one in report.suspense)
    for row in chain(_records(report, rows), suspense):
        yield spending.line([row.get(name) for name in columns]) + spending.END


def _records(report: Report, rows: CostRows) -> Iterator[JsonObject]:
    """The groups as JSON; turns and sessions with their tags and their project."""
    by = report.selection.by
    if by is GroupBy.TURN:
        titles, of_turns = rows.titles(), rows.labels()
        for row in rows.turns(report.selection.which):
            yield turn_record(row, titles, of_turns)
        return
    is_labeled = by is GroupBy.SESSION
    labels = {unpack(session): own for session, own in rows.labels().items()} if is_labeled else {}
    for bucket in report.groups or ():
        group = spending.group_object(bucket)
        if is_labeled:
            own = labels.get(bucket.key, NO_LABELS)
            group |= {"tags": [*own.tags], "project": own.project or None}
        yield group


# -- HTML --------------------------------------------------------------------------------
MOST_ROWS: Final = 500
"""Maximum number of rows on a page. Charts and total include all rows."""


def _html(report: Report, rows: CostRows) -> Iterator[str]:
    from handinger_tui.core.export.report_page import page  # `html` has 2,200 names

    groups = report.groups
    if groups is None:
        groups = tuple(rows.buckets(GroupBy.TURN, report.selection.which))
    titled = f"{heading(report.selection)} · {_time_span(report.days)}"
    yield page(report, titled, (*groups[:MOST_ROWS], *report.suspense), len(groups), remarks(report))


def _time_span(days: Sequence[Bucket]) -> str:
    names = [day.key for day in days if day.key]
    if not names:
        return "no known day" if days else "no turns"
    return names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"


# -- text --------------------------------------------------------------------------------
def _text(report: Report, rows: CostRows) -> Iterator[str]:
    total, by = report.total, report.selection.by or GroupBy.DAY
    if not (total.turns or report.suspense):
        missed = undated_text(report.undated, is_in_total=False)
        yield "\n".join(filter(None, (_no_costs_text(report.selection), missed))) + "\n"
        return
    width = output_width(80)
    banner = f"{SIMULATED_REPORT}\n" if report.selection.simulated else ""
    yield f"{heading(report.selection)}\n{banner}\n"
    if by is GroupBy.TURN:
        yield from _turns(report, rows, width)
    else:
        yield table((*(report.groups or ()), *report.suspense), total, by, width) + "\n"
    blocks = (
        _price_line(total, report.credit_usd),
        _signs_line(total),
        share_lines(total, width),
        *remarks(report),
    )
    for block in filter(None, blocks):
        yield "\n" + "\n".join(_wrap(line, width) for line in block.split("\n")) + "\n"


def _wrap(line: str, width: int) -> str:
    # Indented lines are table rows, which already fit.
    return line if line.startswith(" ") else textwrap.fill(line, width, break_on_hyphens=False)


def heading(selection: Selection) -> str:
    """Return the first line, such as "Costs by day · since 7d · worker wrk_1"."""
    named = {"since": selection.since, "until": selection.until, "as of": selection.as_of}
    named |= {name.removesuffix("_id"): getattr(selection.which, name) for name in FILTERS}
    pieces = [f"{word} {value}" for word, value in named.items() if value]
    pieces += ["simulated"] if selection.simulated else []
    return " · ".join(map(clean_line, (f"Costs by {selection.by}", *pieces)))


def _no_costs_text(selection: Selection) -> str:
    filtered = replace(selection.which, simulated=None) != ChargeFilter()
    what = "simulated costs" if selection.simulated else "costs"
    if selection.as_of is not None:
        selected = " in this selection" if filtered else ""
        return f"No {what}{selected} were known as of {clean_line(selection.as_of)}."
    if filtered:
        return f"No {what} in this selection."
    return f"No {what} yet. They appear after your first turn."


def _price_line(overall: Bucket, price: Decimal | None) -> str:
    """Return what the credits cost at the person's price, where no cost in USD is known; else ""."""
    credited = overall.total("credits").value
    if price is None or credited is None or overall.total("usd").value is not None:
        return ""
    amount = price_text(credited, price)
    return f"{credits_words(credited)}: {amount} at your price of {usd_text(price)} a credit."


def _signs_line(overall: Bucket) -> str:
    """Return the explanations of "+n" and "~"; "" when no figure has them."""
    sums = (overall.usd, overall.credits, overall.tokens)
    gaps = any(amount.missing_turns for amount in sums if amount.value is not None)
    doubt = any(amount.doubtful for amount in sums)
    signs = [f"{MARK_EXPLAINED}."] * gaps + [f"{DOUBT_EXPLAINED}."] * doubt
    return "\n".join(signs)


# -- turn by turn
PAGE: Final = 500
"""Number of turns per table page; each page has its own column widths."""


def _turns(report: Report, rows: CostRows, width: int) -> Iterator[str]:
    """A table of turns and their total. "+" marks a turn whose final figures are unknown."""
    charges = rows.turn_charges(report.selection.which)
    while page := list(islice(charges, PAGE)):
        columns = [
            Column("when", [time_text(one.at_ms) for one in page], align_left=True),
            Column("cost", align_amounts([one.cost_text for one in page])),
            Column("credits", align_amounts([one.credits_text for one in page]), spare=3),
            Column("tokens", [number(one.usage.total_tokens) for one in page], spare=4),
            Column("status", [spaced(one.status) for one in page], align_left=True),
            Column("budget", [_cell(one.budget or "not set") for one in page], align_left=True, spare=2),
            Column("turn", [_cell(one.turn_id) for one in page], align_left=True, spare=1),
            Column("", [clip(_cell(one.title), 30) for one in page], align_left=True, spare=5),
        ]
        yield "\n".join(line.rstrip() for line in lines_of(fit_columns(columns, width))) + "\n"
    for bucket in report.suspense:
        amount = value_text(bucket.usd) if bucket.usd.value else value_text(bucket.credits, credits_words)
        line = f"{key_of(bucket, GroupBy.TURN)}: {amount}"
        yield textwrap.fill(line, width, break_on_hyphens=False) + "\n"
    overall = report.total
    total = sum_text(overall.total("usd"), overall.total("credits"), overall.turns, report.credit_usd)
    yield textwrap.fill(f"total: {total}", width, break_on_hyphens=False) + "\n"


def _cell(text: str) -> str:
    return clip(clean_line(text), 80)


def time_text(at_ms: int) -> str:
    """Format a time as local time to the minute; return a time outside the calendar as the stored number."""
    if at_ms == NO_DAY:
        return NO_KNOWN_DAY
    try:
        return f"{local_time(at_ms):%Y-%m-%d %H:%M}"
    except (OverflowError, OSError, ValueError):
        return str(at_ms)


# -- by group
_LEAST_BAR: Final = 10


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
    return [
        Column(str(by), [*names, "total"], align_left=True),
        Column("turns", [number(bucket.turns) for bucket in buckets]),
        Column("cost", _amounts(buckets, "usd", usd_text)),
        Column("credits", _amounts(buckets, "credits", credits_text), spare=2),
        Column("tokens", _amounts(buckets, "tokens", number), spare=3),
        Column("incomplete", [incomplete_text(bucket) for bucket in buckets], spare=1),
    ]


def _amounts(buckets: Sequence[Bucket], member: str, write: Callable[[Decimal | None], str]) -> list[str]:
    return align_amounts([short_total_text(bucket.total(member), write) for bucket in buckets])


def key_of(bucket: Bucket, by: GroupBy) -> str:
    """Return the displayed name of a group."""
    name = clean_line(bucket.key) or empty_key_name(by)
    return f"{SUSPENSE} {name}" if bucket.rises else name


def incomplete_text(bucket: Bucket) -> str:
    """Format the number of incomplete turns and their share of all turns: "2 (17%)"."""
    if not bucket.incomplete:
        return "0"
    return f"{bucket.incomplete:,} ({percent_text(EXACT.divide(bucket.incomplete, bucket.turns))})"


def bar(bucket: Bucket, most: Decimal, room: int) -> str:
    """Return a bar of at most `room` cells; "▒" stands for turns of unknown cost."""
    return horizontal_bar(bucket.usd.value, most, room - 1) + ("▒" if bucket.usd.missing_turns else "")


# -- below the table
def share_lines(overall: Bucket, width: int) -> str:
    """Return the shares of the four categories, each with percentage, amount and bar."""
    categories = shares(overall)
    if not any(share.usd is not None for share in categories):
        return "Cost by category: not reported."
    amounts = align_amounts([short_total_text(Total(share.usd, share.gaps)) for share in categories])
    columns = [
        Column("", [share.name for share in categories], align_left=True),
        Column("", [percent_text(share.part) for share in categories]),
        Column("", amounts),
    ]
    room = max(4, min(40, width - sum(column.width for column in columns) - 8))
    bars = []
    for share in categories:
        length = round((share.part or Decimal(0)) * room)
        bars.append(("░" if share.name == NOT_SPLIT else "█") * max(length, 1 if share.part else 0))
    _, *lines = lines_of([*columns, Column("", bars, align_left=True)])
    lines = [f"  {line}".rstrip() for line in lines]
    excess = excess_text(overall.split_excess)
    return "\n".join(["Cost by category:", *lines, *([f"The {excess}."] if excess else [])])


_MOST_RESTATEMENTS: Final = 3
_MOST_RISES: Final = 5


def remarks(report: Report) -> list[str]:
    """Return the remarks that apply to a report; each may have several lines."""
    selection, session = report.selection, report.session
    texts = [
        OVERLAP if selection.by is GroupBy.TAG else "",
        undated_text(report.undated, is_in_total=selection.since is None and selection.until is None),
        _suspense_lines(report.suspense),
        _assigned_lines(report.assigned),
        *_restatement_lines(report.restated),
    ]
    if selection.by is GroupBy.DAY and selection.until is None and report.month is not None:
        text, method = forecast_text(report.month), report.month.method
        texts.append(text if text == method else f"Forecast: {text}.\n{method}")
    if selection.as_of is None and session is not None and selection.which.worker_id is not None:
        reconciled = reconciliation_text(reconcile(session))
        texts.append(f"Session {session.session_id}, the newest of this worker: {reconciled}")
        texts.append("\n".join(meaning_lines(session)))
    texts.append(_limits_line(report))
    return [text for text in texts if text]


def _suspense_lines(suspense: Sequence[Bucket]) -> str:
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


def _assigned_lines(assigned: Sequence[AssignedRise]) -> str:
    """Return which suspense the person assigned, and how to undo that."""
    return "\n".join(
        clean_line(
            f"Suspense {one.number} belongs to {one.turn_id}, as you decided."
            f" To undo: handinger-tui costs --assign {one.number}=none"
        )
        for one in assigned[-_MOST_RISES:]
    )


def _restatement_lines(restated: Sequence[Restatement]) -> list[str]:
    """Return the newest restatements, a line each, and what all changed together."""
    if len(restated) > _MOST_RESTATEMENTS:
        return [restatement_text(restated), f"Latest: {restatement_text(restated[-1:])}"]
    return ["\n".join(restatement_text([one]) for one in restated)] if restated else []


def _limits_line(report: Report) -> str:
    """Return the limits of the present day, week and month, and those of what was selected."""
    which = report.selection.which
    selected = {Scope.SESSION: which.session_id, Scope.WORKER: which.worker_id, Scope.PROJECT: which.project}
    scopes = {*CALENDAR_SCOPES, *(scope for scope, name in selected.items() if name is not None)}
    return "\n".join(
        f"{gauge.limit.scope.limit.capitalize()}: {spent_text(gauge)}."
        for gauge in report.gauges
        if gauge.limit.scope in scopes
    )


Form = Callable[[Report, CostRows], Iterator[str]]
FORMS: Final[dict[str, Form]] = {"txt": _text, "json": _json, "csv": _csv, "html": _html}
"""Every form by the suffix of its file: `--report costs.html`. A new one is a function and a line here."""
