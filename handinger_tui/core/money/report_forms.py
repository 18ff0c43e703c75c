"""The forms of the spending report: text, JSON, CSV and HTML, each yielded piece by piece."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain, islice
from typing import Any, Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from handinger_tui.core.amounts import (
    Unit,
    amount_text,
    currency_words,
    excess_words,
    price_words,
)
from handinger_tui.core.columns import Align, Column, ColumnMeasure, Layout, Row, laid_out, text_lines
from handinger_tui.core.decimals import decimal_text, json_amount
from handinger_tui.core.documents import members
from handinger_tui.core.formatting import percent_text, wrapped_text
from handinger_tui.core.jsontext import JsonObject, dump
from handinger_tui.core.money import report_json
from handinger_tui.core.money.basis_text import basis_lines
from handinger_tui.core.money.chart_values import SIMULATED_REPORT, shares
from handinger_tui.core.money.closed_months import late_corrections, late_text
from handinger_tui.core.money.forecast import forecast_text
from handinger_tui.core.money.journal import COLUMNS as JOURNAL_COLUMNS
from handinger_tui.core.money.journal import TEXT_COLUMNS, JournalEntry, csv_cells, json_lines, text_row
from handinger_tui.core.money.limits import CALENDAR_SCOPES, Scope
from handinger_tui.core.money.reconciliation import (
    SUSPENSE_EXPLAINED,
    UNASSIGNED,
    AssignedRise,
    Restatement,
    owners_text,
    reconcile,
    reconciliation_text,
    restatement_part,
    rise_text,
)
from handinger_tui.core.money.report import Report, Selection
from handinger_tui.core.money.report_json import AssignedPart, CostReport, CurrencyPart, PriceStep
from handinger_tui.core.money.report_rows import (
    plain_columns,
    plain_row,
    plain_turn_columns,
    plain_turn_row,
    signs,
    time_text,
    unassigned_name,
    used_columns,
)
from handinger_tui.core.money.spending import (
    EMPTY_TOTAL,
    Bucket,
    ChargeFilter,
    GroupBy,
    TurnCharge,
    undated_text,
)
from handinger_tui.core.safety import CSV_END, clean_line

FILTERS: Final = ("worker_id", "session_id", "budget", "profile", "tag", "project")


class ReportRows(Struct, frozen=True):
    """The rows of a report, read when a form asks for them: there may be a hundred thousand turns.

    `records`: its groups or turns as JSON objects. `charges`: its turns, newest first. `turns`: these as
    groups of one. `journal`: the entries of all its turns, in order of time.
    """

    records: Callable[[], Iterator[JsonObject]]
    charges: Callable[[], Iterator[TurnCharge]]
    turns: Callable[[], Sequence[Bucket]]
    journal: Callable[[], Iterator[JournalEntry]]


# -- JSON and CSV ------------------------------------------------------------------------
def _document(report: Report) -> CostReport:
    """The report without its groups."""
    selection, which, total = report.selection, report.selection.which, report.total
    exchanged = report.in_currency
    filters: dict[str, Any] = {name: getattr(which, name) for name in FILTERS}
    return CostReport(
        by=str(selection.by),
        since=selection.since,
        until=selection.until,
        since_ms=which.since_ms,
        until_ms=which.until_ms,
        as_of=selection.as_of,
        **filters,
        overlapping=selection.by is GroupBy.TAG,
        simulated=selection.simulated,
        groups=[],
        total=report_json.group_of(total),
        credit_usd=json_amount(report.prices.at(report.at_ms)),
        credit_prices=[PriceStep(since or None, decimal_text(price)) for since, price in report.prices.steps],
        total_usd_at_your_price=json_amount(report.priced if total.total("usd").value is None else None),
        total_in_currency=None
        if exchanged is None
        else CurrencyPart(report.currency.currency, decimal_text(exchanged)),
        undated_turns=report.undated.turns,
        charts=report_json.charts_of(report.days, total),
        suspense=[*map(report_json.suspense_of, report.suspense)],
        assigned=[
            AssignedPart(number=one.number, worker_id=one.worker_id, turn_id=one.turn_id)
            for one in report.assigned
        ],
        restatements=[*map(restatement_part, report.restated)],
        late_corrections=late_corrections(report.late),
    )


def _json(report: Report, rows: ReportRows, _width: int) -> Iterator[str]:
    # One JSON document, written in pieces: it is never held in memory as a whole.
    head, tail = dump(members(_document(report))).split('"groups":[]')
    yield f'{head}"groups":['
    for at, row in enumerate(rows.records()):
        # Much faster than `dump`, with the same result for ASCII; the amounts of rows are texts.
        text = msgspec.json.encode(row).decode()
        yield ("," if at else "") + (text if text.isascii() else dump(row))
    yield f"]{tail}\n"


def _csv(report: Report, rows: ReportRows, _width: int) -> Iterator[str]:
    by = report.selection.by
    labels = ("tags", "project") if by is GroupBy.SESSION else ()
    columns = report_json.TURN_COLUMNS if by is GroupBy.TURN else (*report_json.COLUMNS, *labels)
    origin = report_json.origin_of(report.selection)
    yield report_json.line((*columns, *report_json.DATES, *origin)) + CSV_END
    # A row of suspense has its amounts in the columns of all rows alone: a sum over both would double them.
    once = {"suspense_usd": None, "suspense_credits": None}
    suspense = (
        {**members(report_json.group_of(one)), **once, "worker_id": one.key} for one in report.suspense
    )
    for row in chain(rows.records(), suspense):
        cells = [*map(row.get, columns), *report_json.dates_of(row), *origin.values()]
        yield report_json.line(cells) + CSV_END


# -- HTML --------------------------------------------------------------------------------
MOST_ROWS: Final = 500
"""Maximum number of rows on a page. Charts and total include all rows."""


def _html(report: Report, rows: ReportRows, _width: int) -> Iterator[str]:
    from handinger_tui.core.money.report_html import page  # `html` has 2,200 names

    groups = rows.turns() if report.groups is None else report.groups
    titled = f"{heading(report.selection)} · {_time_span(report.days)}"
    yield page(report, titled, (*groups[:MOST_ROWS], *report.suspense), len(groups), remarks(report))


def _time_span(days: Sequence[Bucket]) -> str:
    names = [day.key for day in days if day.key]
    if not names:
        return "no known day" if days else "no turns"
    return names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"


# -- text --------------------------------------------------------------------------------
def _text(report: Report, rows: ReportRows, width: int) -> Iterator[str]:
    total, by = report.total, report.selection.by or GroupBy.DAY
    if not (total.turns or report.suspense):
        missed = undated_text(report.undated, is_in_total=False)
        yield "\n".join(filter(None, (_no_costs_text(report.selection), missed))) + "\n"
        return
    banner = f"{SIMULATED_REPORT}\n" if report.selection.simulated else ""
    yield f"{heading(report.selection)}\n{banner}\n"
    if by is GroupBy.TURN:
        yield from _turns(report, rows, width)
    else:
        yield table((*(report.groups or ()), *report.suspense), total, by, width)
    blocks = (
        _price_lines(report),
        share_lines(total, width),
        *remarks(report),
    )
    for block in filter(None, blocks):
        yield "\n" + "\n".join(_wrap(line, width) for line in block.split("\n")) + "\n"


def _wrap(line: str, width: int) -> str:
    # Indented lines are table rows, which already fit.
    return line if line.startswith(" ") else "\n".join(wrapped_text(line, width))


def heading(selection: Selection, title: str = "") -> str:
    """Return the first line, such as "Costs by day · since 7d · worker wrk_1"."""
    named = {"since": selection.since, "until": selection.until, "as of": selection.as_of}
    named |= {name.removesuffix("_id"): getattr(selection.which, name) for name in FILTERS}
    pieces = [f"{word} {value}" for word, value in named.items() if value]
    pieces += ["simulated"] if selection.simulated else []
    return " · ".join(map(clean_line, (title or f"Costs by {selection.by}", *pieces)))


def _no_costs_text(selection: Selection) -> str:
    filtered = replace(selection.which, simulated=None) != ChargeFilter()
    what = "simulated costs" if selection.simulated else "costs"
    if selection.as_of is not None:
        selected = " in this selection" if filtered else ""
        return f"No {what}{selected} were known as of {clean_line(selection.as_of)}."
    if filtered:
        return f"No {what} in this selection."
    return f"No {what} yet. They appear after your first turn."


def _price_lines(report: Report) -> str:
    """Return what credits cost at the person's prices, if no cost in USD is known, and the other currency."""
    overall, prices, lines = report.total, report.prices, list[str]()
    if report.priced is not None and overall.total("usd").value is None:
        price = prices.over(overall.first_ms, overall.last_ms)
        your = f"prices of a credit ({prices.text})"
        your = your if price is None else f"price of {amount_text(price)} a credit"
        amounts = f"{overall.total('credits').words(Unit.CREDITS)}: {price_words(report.priced)}"
        lines.append(f"{amounts} at your {your}.")
    if report.in_currency is not None:
        amount = currency_words(report.in_currency, report.currency.currency)
        lines.append(f"In your currency: {amount} (a dollar is {report.currency.text}).")
    return "\n".join(lines)


PAGE: Final = 500
"""Number of turns per table page; each page has its own column widths."""


def _turns(report: Report, rows: ReportRows, width: int) -> Iterator[str]:
    """A table of turns and their total."""
    charges, columns = rows.charges(), plain_turn_columns(in_credits=report.total.in_credits)
    while page := list(islice(charges, PAGE)):
        yield _table(columns, [plain_turn_row(one) for one in page], width)
    for bucket in report.suspense:
        amount = (bucket.usd if bucket.usd.value else EMPTY_TOTAL).cost_words(bucket.credits)
        yield _wrap(f"{unassigned_name(bucket)}: {amount}", width) + "\n"
    overall = report.total
    yield _wrap(f"total: {overall.cost(report.priced)}", width) + "\n"


def table(groups: Sequence[Bucket], overall: Bucket, by: GroupBy, width: int) -> str:
    """Return one line per group and one for the total."""
    in_credits = overall.in_credits
    *rows, total = (plain_row(bucket, by, in_credits=in_credits) for bucket in (*groups, overall))
    # The bar of a total would leave no room for the others.
    return _table(plain_columns(by, in_credits=in_credits), [*rows, replace(total, values={})], width)


def _table(columns: Sequence[Column], rows: Sequence[Row], width: int) -> str:
    layout = Layout.fit(ColumnMeasure.of(used_columns(columns, rows), rows), width)
    return "\n".join([*laid_out(layout, rows, width), *filter(None, [signs(layout, rows)])]) + "\n"


# -- below the table
def share_lines(overall: Bucket, width: int) -> str:
    """Return the shares of the categories, each with percentage, amount and bar."""
    categories = shares(overall)
    if all(share.usd.value is None for share in categories):
        return "Cost by category: unknown."
    columns = (
        Column(),
        Column(align=Align.RIGHT),
        Column(align=Align.POINT),
        Column(align=Align.BAR, rank=1, least=4),
    )
    rows = [
        Row(
            (share.name, percent_text(share.part), share.usd.cell(), ""),
            values={} if share.part is None else {3: share.part},
        )
        for share in categories
    ]
    lines = [f"  {line}" for line in text_lines(columns, rows, width - 2)]
    excess = excess_words(overall.split_excess)
    return "\n".join(["Cost by category:", *lines, *([f"The {excess}."] if excess else [])])


_MOST_RESTATEMENTS: Final = 3
_MOST_RISES: Final = 5


def remarks(report: Report) -> list[str]:
    """Return the remarks that apply to a report; each may have several lines."""
    selection, session = report.selection, report.session
    texts = [
        selection.overlap,
        undated_text(report.undated, is_in_total=selection.since is None and selection.until is None),
        _suspense_lines(report.suspense),
        _assigned_lines(report.assigned),
        *_restatement_lines(report.restated),
        late_text(report.late),
    ]
    if selection.by is GroupBy.DAY and selection.until is None and report.month is not None:
        text, method = forecast_text(report.month), report.month.method
        texts.append(text if text == method else f"Forecast: {text}.\n{method}")
    if selection.as_of is None and session is not None and selection.which.worker_id is not None:
        reconciled = reconciliation_text(reconcile(session))
        texts.append(f"Session {session.session_id}, the newest of this worker: {reconciled}")
        texts.append("\n".join(basis_lines(session)))
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
            f"{UNASSIGNED} {one.number} belongs to {one.turn_id}, as you decided."
            f" To undo: handinger-tui costs --assign {one.number}=none"
        )
        for one in assigned[-_MOST_RISES:]
    )


def _restatement_lines(restated: Sequence[Restatement]) -> list[str]:
    """Return the newest restatements, a line each, and what all changed together."""
    if len(restated) > _MOST_RESTATEMENTS:
        return [Restatement.text(restated), f"Latest: {Restatement.text(restated[-1:])}"]
    return ["\n".join(Restatement.text([one]) for one in restated)] if restated else []


def _limits_line(report: Report) -> str:
    """Return the limits of the present day, week and month, and those of what was selected."""
    which = report.selection.which
    selected = {Scope.SESSION: which.session_id, Scope.WORKER: which.worker_id, Scope.PROJECT: which.project}
    scopes = {*CALENDAR_SCOPES, *(scope for scope, name in selected.items() if name is not None)}
    return "\n".join(
        f"{gauge.limit.heading}: {gauge.spent_text}."
        for gauge in report.gauges
        if gauge.limit.scope in scopes
    )


# -- the journal -------------------------------------------------------------------------
def _journal_json(report: Report, rows: ReportRows, _width: int) -> Iterator[str]:
    return json_lines(_priced_entries(report, rows))


def _priced_entries(report: Report, rows: ReportRows) -> Iterator[JournalEntry]:
    """The entries of the journal, with the person's price of a credit on the day of each."""
    for entry in rows.journal():
        price = report.prices.at(entry.counted_ms)
        yield entry if price is None else replace(entry, credit_usd=decimal_text(price))


def _journal_csv(report: Report, rows: ReportRows, _width: int) -> Iterator[str]:
    origin = report_json.origin_of(report.selection)
    yield report_json.line((*JOURNAL_COLUMNS, *origin)) + CSV_END
    for entry in _priced_entries(report, rows):
        yield report_json.line([*csv_cells(entry), *origin.values()]) + CSV_END


def _journal_text(report: Report, rows: ReportRows, width: int) -> Iterator[str]:
    entries = rows.journal()
    if not (page := list(islice(entries, PAGE))):
        yield f"{_no_costs_text(report.selection)}\n"
        return
    yield f"{heading(report.selection, 'Journal')}\n\n"
    while page:
        yield _table(TEXT_COLUMNS, [text_row(entry) for entry in page], width)
        page = list(islice(entries, PAGE))
    yield f"\ntotal: {report.total.cost(report.priced)}\n"


Form = Callable[[Report, ReportRows, int], Iterator[str]]
FORMS: Final[dict[str, Form]] = {"txt": _text, "json": _json, "csv": _csv, "html": _html}
"""Every form by the suffix of its file: `--report costs.html`. A new one is a function and a line here."""
JOURNAL_FORMS: Final[dict[str, Form]] = {"txt": _journal_text, "json": _journal_json, "csv": _journal_csv}
"""Those of the journal. JSON has a line for each entry."""
