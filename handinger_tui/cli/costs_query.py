"""The selection of `handinger-tui costs`: times, filter and groups, and one record per turn for JSON and CSV.

There may be a hundred thousand turns: rows are read in pages, and every distinct value of a column of a page
is written once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from handinger_tui.core.amounts import decimal_text, scaled_text, split_excess
from handinger_tui.core.errors import SettingsError
from handinger_tui.core.export import spending
from handinger_tui.core.money.spending import Bucket, ChargeFilter, GroupBy, altogether, period
from handinger_tui.core.safety import clean_line, csv_field
from handinger_tui.core.tags import NO_LABELS, Labels, tag_name
from handinger_tui.core.turns.turn import Trigger
from handinger_tui.ledger.charges import PLACES
from handinger_tui.ledger.cost_rows import PAGE, CostRows
from handinger_tui.ledger.sql import Row, int_or_zero, scaled, unpack

if TYPE_CHECKING:
    import argparse


def since_ms(text: str, now: datetime) -> int:
    """Return the inclusive start of a time range as Unix time in milliseconds.

    `7d` means today and the six days before it.

    Raises:
        SettingsError
    """
    return _ms(period(text, "--since", now)[0])


def until_ms(text: str, now: datetime) -> int:
    """Return the exclusive end of a time range as Unix time in milliseconds.

    A day or a month is included whole. `7d` and `24h` end at the moment where they begin, so that
    `--since 14d --until 7d` and `--since 7d` are adjacent and do not overlap.

    Raises:
        SettingsError
    """
    return _ms(period(text, "--until", now)[1])


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def as_of_ms(text: str, now: datetime) -> int:
    """Return the exclusive end of what was known at a time: a day or a month counts whole.

    Raises:
        SettingsError
    """
    return _ms(period(text, "--as-of", now)[1])


class CostsQuery(Struct, frozen=True):
    """The selection and grouping of one command. `since`, `until` and `as_of` are kept as typed."""

    by: GroupBy
    filter: ChargeFilter
    since: str | None
    until: str | None
    now: datetime
    as_of: str | None = None

    @property
    def simulated(self) -> bool:
        """Whether the selection is the simulated money of the local worker."""
        return bool(self.filter.simulated)


class CostsResult(Struct, frozen=True):
    """The buckets of a query. `groups` is empty when the query groups by turn: turns are streamed.

    `suspense`: a bucket without turns for each worker. `total` includes it.
    """

    days: list[Bucket]
    groups: list[Bucket]
    suspense: list[Bucket]
    total: Bucket


def time_filter(args: argparse.Namespace, now: datetime) -> ChargeFilter:
    """Return the filter of `--since` and `--until`.

    Raises:
        SettingsError: a time is not valid, or nothing lies between the two.
    """
    since = None if args.since is None else since_ms(args.since, now)
    until = None if args.until is None else until_ms(args.until, now)
    if since is not None and until is not None and since >= until:
        raise SettingsError(
            f"--since {args.since} is not before --until {args.until}.", "The period is empty."
        )
    return ChargeFilter(since, until)


def charge_filter(args: argparse.Namespace, cost_rows: CostRows, times: ChargeFilter) -> ChargeFilter:
    """Return the filter of the query.

    Simulated money is selected with `--local`, or when the history has no real charge at any time
    for this worker, session and budget, but has simulated ones.
    """
    tag, project = (None if name is None else tag_name(name) for name in (args.tag, args.project))
    for name, value in (("profile", args.profile), ("tag", tag), ("project", project)):
        if value is not None:
            _check_any(cost_rows, name, value)
    which = ChargeFilter(
        worker_id=unique_id(cost_rows, "worker", args.worker),
        session_id=unique_id(cost_rows, "session", args.session),
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


def unique_id(cost_rows: CostRows, what: str, prefix: str | None) -> str | None:
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


def run_query(cost_rows: CostRows, query: CostsQuery) -> CostsResult:
    """Run the query; the total is computed from the days and what no turn explains."""
    days = cost_rows.buckets(GroupBy.DAY, query.filter)
    has_own_groups = query.by not in (GroupBy.DAY, GroupBy.TURN)
    groups = (
        cost_rows.buckets(query.by, query.filter)
        if has_own_groups
        else days
        if query.by is GroupBy.DAY
        else []
    )
    suspense = cost_rows.suspense(query.filter)
    return CostsResult(days, groups, suspense, altogether([*days, *suspense], "total"))


_NAMES: Final = ("turn_id", "session_id", "worker_id", "status", "budget", "profile")
_AMOUNTS: Final = {
    "cost_usd": "usd_pico",
    "credits": "micro_credits",
    "model_usd": "model_pico",
    "tool_usd": "tool_pico",
    "sandbox_usd": "sandbox_pico",
    "internal_usd": "internal_pico",
}
"""The members that are amounts, and their columns in `turn_totals`."""
_COUNTS: Final = (
    *("input_tokens", "output_tokens", "reasoning_tokens", "cache_read_tokens", "cache_write_tokens"),
    *("total_tokens", "steps", "duration_ms", "sources", "elapsed_ms"),
)
COLUMNS: Final = (
    *spending.COLUMNS,
    *("turn_id", "session_id", "worker_id"),
    *("status", "budget", "trigger", "reading", "final"),
    *("corrections", "at_ms"),
    *_COUNTS,
    *("shared_with", "cost_usd_at_most"),
    *("profile", "tags", "project"),
)
"""The members of a record, and the columns in CSV."""
_CATEGORIES: Final = 0b1111
"""The bits of the four cost categories in the column `told`, from bit 2 on."""

Cells = Mapping[str, Sequence[Any]]
"""The columns of a page of rows by name."""


class Form(Struct, frozen=True):
    """How the members of a record are written: the text between them, and the values by kind."""

    record: str
    """A format of one record, with %s for each member."""
    unknown: str
    text: Callable[[str], str]
    amount: str
    """A format of an amount, with %s for its decimal text."""
    words: Callable[[Sequence[str]], str]


JSON: Final = Form(
    "{" + ",".join(f"{json.dumps(name)}:%s" for name in COLUMNS) + "}", "null", json.dumps, '"%s"', json.dumps
)
CSV: Final = Form(
    ",".join(["%s"] * len(COLUMNS)), "", csv_field, "%s", lambda words: csv_field(" ".join(words))
)


class Sessions(NamedTuple):
    """What records have of sessions: titles and labels, by the session id as stored."""

    titles: Mapping[str | bytes, str]
    labels: Mapping[str | bytes, Labels]


def records(rows: Iterable[Row], sessions: Sessions, form: Form) -> Iterator[list[str]]:
    """The records of rows of `CostRows.turns` as text, in pages. A turn is a group of one."""
    remaining = iter(rows)
    while page := list(islice(remaining, PAGE)):
        yield page_records(dict(zip(page[0].keys(), zip(*page, strict=True), strict=True)), sessions, form)


def page_records(cells: Cells, sessions: Sessions, form: Form) -> list[str]:
    """The records of one page as text."""
    columns = _columns(cells, sessions, form)
    return [form.record % record for record in zip(*(columns[name] for name in COLUMNS), strict=True)]


def _columns(cells: Cells, sessions: Sessions, form: Form) -> dict[str, list[str]]:
    """The members of all records of a page by name, each as it is written in `form`."""

    def text(stored: object) -> str:
        name = cell_text(stored)
        return form.unknown if name is None else form.text(name)

    def counts(column: str) -> list[str]:
        return [str(stored) if isinstance(stored, int) else form.unknown for stored in cells[column]]

    def amounts(column: str) -> list[str]:
        places = PLACES[column]
        return [
            form.amount % scaled_text(stored, places) if isinstance(stored, int) else form.unknown
            for stored in cells[column]
        ]

    def excess(dollars: Decimal | None) -> str:
        return form.unknown if dollars is None else form.amount % decimal_text(dollars)

    def title(session: str | bytes) -> str:
        return form.text(clean_line(sessions.titles.get(session, "")))

    def labels_of(session: str | bytes) -> Labels:
        return sessions.labels.get(session, NO_LABELS)

    reported = list(map(int_or_zero, cells["told"]))
    columns = {name: each_of(cells[name], text) for name in _NAMES}
    columns |= {name: counts(name) for name in (*_COUNTS, "at_ms")}
    columns |= {name: amounts(column) for name, column in _AMOUNTS.items()}
    excesses = map(_excess, *(cells[name] for name in ("usd_pico", *_SPLIT)))
    return columns | {
        "key": columns["turn_id"],
        "title": each_of(cells["session_id"], title),
        "turns": ["1"] * len(reported),
        "incomplete": each_of(cells["incomplete"], lambda stored: str(int_or_zero(stored))),
        "tokens": columns["total_tokens"],
        "split_excess_usd": each_of(list(excesses), excess),
        "unpriced_turns": each_of(reported, lambda bits: str(1 - (bits & 1))),
        "uncredited_turns": each_of(reported, lambda bits: str(1 - (bits >> 1 & 1))),
        "uncounted_turns": each_of(reported, lambda bits: str(1 - (bits >> 6 & 1))),
        "unsplit_turns": each_of(reported, lambda bits: str(int(bits >> 2 & _CATEGORIES != _CATEGORIES))),
        "first_ms": columns["at_ms"],
        "last_ms": columns["at_ms"],
        "suspense_usd": [form.amount % "0"] * len(reported),
        "trigger": each_of(cells["started_by"], lambda stored: text(stored or str(Trigger.UNKNOWN))),
        "reading": each_of(cells["reading"], text),
        "final": each_of(cells["final"], lambda stored: "true" if stored else "false"),
        "corrections": each_of(cells["corrections"], lambda stored: str(int_or_zero(stored))),
        "shared_with": [
            form.unknown if stored is None else str(stored) for stored in _shared(cells, "shared_with")
        ],
        "cost_usd_at_most": [
            form.unknown if stored is None else form.amount % scaled_text(stored, 12)
            for stored in _shared(cells, "most_pico")
        ],
        "tags": each_of(cells["session_id"], lambda session: form.words(labels_of(session).tags)),
        "project": each_of(
            cells["session_id"],
            lambda session: form.text(project) if (project := labels_of(session).project) else form.unknown,
        ),
        "doubtful": ["true" if stored else "false" for stored in _shared(cells, "doubtful")],
    }


def _shared(cells: Cells, column: str) -> list[int | None]:
    """A column of shared amounts; a damaged history may lack it."""
    stored = cells.get(column) or [None] * len(cells["turn_id"])
    return [value if isinstance(value, int) else None for value in stored]


def each_of(values: Sequence[Any], write: Callable[[Any], str]) -> list[str]:
    """Each value as text; a value that occurs several times is written once."""
    texts = {value: write(value) for value in set(values)}
    return [texts[value] for value in values]


_SPLIT: Final = ("model_pico", "tool_pico", "sandbox_pico", "internal_pico")
_NO_EXCESS: Final = Decimal(0)


def _excess(usd: object, *parts: object) -> Decimal | None:
    """By how much the categories of a turn exceed its cost in USD; None where they cannot be compared."""
    reported = [part for part in parts if isinstance(part, int)]
    if not isinstance(usd, int) or not reported:
        return None
    if sum(reported) <= usd:
        # The usual case is decided in pico-dollars, which is much faster.
        return _NO_EXCESS
    places = PLACES["usd_pico"]
    return split_excess(scaled(0, usd, places), [scaled(0, part, places) for part in reported])


def cell_text(stored: object) -> str | None:
    """Return a text of a row in one line; None where there is none."""
    return None if stored is None else clean_line(unpack(stored))


def cell_amount(row: Row, name: str) -> Decimal | None:
    """Return an amount of a row; None where it is unknown."""
    return scaled(0, row[name], PLACES[name])


def suspense_record(bucket: Bucket) -> str:
    """What no turn of a worker explains, as a CSV record among those of turns."""
    members = {**spending.group_object(bucket), "worker_id": bucket.key}
    return spending.line(members.get(name) for name in COLUMNS)
