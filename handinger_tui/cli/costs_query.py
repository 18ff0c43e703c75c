"""The selection of `handinger-tui costs`: times, filter and groups, and one record per turn for JSON and CSV.

There may be a hundred thousand turns: their rows are read in pages and never held together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from msgspec.structs import replace

from handinger_tui.core.amounts import split_excess
from handinger_tui.core.decimals import json_amount, scaled_text
from handinger_tui.core.errors import SettingsError
from handinger_tui.core.export import spending
from handinger_tui.core.figures import COST_MEMBERS, FIGURES
from handinger_tui.core.money.amount_state import AmountState
from handinger_tui.core.money.attribution import AmountBasis
from handinger_tui.core.money.spending import ChargeFilter, stored_state
from handinger_tui.core.periods import period_ms
from handinger_tui.core.safety import clean_line
from handinger_tui.core.tags import NO_LABELS, Labels, tag_name
from handinger_tui.core.turns.turn import FREE, NO_DAY, Trigger
from handinger_tui.ledger.charges import BIT, COST_BITS, COST_COLUMNS, COUNTS, DECIMALS, NUMBERS
from handinger_tui.ledger.cost_rows import CostRows
from handinger_tui.ledger.sql import int_or_zero, scaled, status_of, unpack

if TYPE_CHECKING:
    import argparse

    from handinger_tui.core.jsontext import JsonObject


def time_filter(args: argparse.Namespace, now: datetime) -> ChargeFilter:
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


_AMOUNTS: Final = {figure.name: figure.column for figure in FIGURES if figure.is_amount}
"""The members that are amounts, and their columns in `turn_totals`."""
_COUNTS: Final = (*COUNTS, "sources", "elapsed_ms")
_NUMBERS: Final = (*_COUNTS, *_AMOUNTS.values(), "at_ms", "shared_with", "most_pico", "most_micro")
_READING_WORDS: Final[dict[object, str]] = {str(one): one.word for one in AmountBasis}
_FREE: Final = frozenset(map(str, FREE))
COLUMNS: Final = (
    *spending.COLUMNS,
    *("turn_id", "session_id", "worker_id"),
    *("status", "budget", "trigger", "reading", "final", "state"),
    *("corrections", "at_ms"),
    *_COUNTS,
    *("shared_with", "cost_usd_at_most", "credits_at_most"),
    *("profile", "tags", "project"),
)
"""The members of a record, and the columns in CSV."""


def turn_record(
    cells: Mapping[str, Any], titles: Mapping[str | bytes, str], labels: Mapping[str | bytes, Labels]
) -> JsonObject:
    """The record of a row of `CostRows.turns`: a turn is a group of one. A damaged history may lack columns.

    `titles` and `labels` are by the session id as stored.
    """
    stored = [(name, cells.get(name)) for name in _NUMBERS]
    numbers = {name: number if isinstance(number, int) else None for name, number in stored}
    if numbers["shared_with"] is not None and (numbers["most_pico"] or numbers["most_micro"]):
        # What it shares is entered for another turn: it is unknown, not 0.
        numbers |= {name: numbers[name] or None for name in NUMBERS if name in numbers}
    status = cells.get("status")
    if status in _FREE:
        # The row leaves out zeros, so that they are in no sum.
        numbers |= {name: numbers.get(name) or 0 for name in NUMBERS}
    amounts = {name: _amount_text(numbers[column], column) for name, column in _AMOUNTS.items()}
    reported = int_or_zero(cells.get("reported"))
    turn_id, session_id = cell_text(cells.get("turn_id")), cells.get("session_id")
    own = labels.get(session_id or "", NO_LABELS)
    at_ms = None if numbers["at_ms"] == NO_DAY else numbers["at_ms"]
    is_final, is_confirmed = bool(cells.get("final")), bool(cells.get("confirmed"))
    state = stored_state(status_of(status), final=is_final, confirmed=is_confirmed)
    # In the order of `COLUMNS`.
    return {
        "key": turn_id,
        "title": cell_text(titles.get(session_id or "", "")),
        "turns": 1,
        "incomplete": int_or_zero(cells.get("incomplete")),
        "cost_usd": amounts["cost_usd"],
        "credits": amounts["credits"],
        "tokens": numbers["total_tokens"],
        **{name: amounts[name] for name in COST_MEMBERS},
        "split_excess_usd": _excess_text(numbers["usd_pico"], [numbers[name] for name in COST_COLUMNS]),
        "unpriced_turns": 1 - (reported >> BIT["usd_pico"] & 1),
        "uncredited_turns": 1 - (reported >> BIT["micro_credits"] & 1),
        "uncounted_turns": 1 - (reported >> BIT["total_tokens"] & 1),
        "unsplit_turns": int(reported & COST_BITS != COST_BITS),
        "first_ms": at_ms,
        "last_ms": at_ms,
        "suspense_usd": "0",
        "suspense_credits": "0",
        "doubtful": any(int_or_zero(cells.get(name)) for name in ("doubtful", "credits_doubtful")),
        "turn_id": turn_id,
        "session_id": cell_text(session_id),
        "worker_id": cell_text(cells.get("worker_id")),
        "status": cell_text(status),
        "budget": cell_text(cells.get("budget")),
        "trigger": cell_text(cells.get("started_by") or str(Trigger.UNKNOWN)),
        "reading": _READING_WORDS.get(cells.get("reading")),
        "final": state is AmountState.SETTLED,
        "state": str(state),
        "corrections": int_or_zero(cells.get("corrections")),
        "at_ms": at_ms,
        **{name: numbers[name] for name in _COUNTS},
        "shared_with": numbers["shared_with"],
        "cost_usd_at_most": _amount_text(numbers["most_pico"], "most_pico"),
        "credits_at_most": _amount_text(numbers["most_micro"], "most_micro"),
        "profile": cell_text(cells.get("profile")),
        "tags": [*own.tags],
        "project": own.project or None,
    }


def _amount_text(number: int | None, column: str) -> str | None:
    return None if number is None else scaled_text(number, DECIMALS[column])


def _excess_text(usd: int | None, parts: Sequence[int | None]) -> str | None:
    """By how much the categories of a turn exceed its cost in USD; None where they cannot be compared."""
    reported = [part for part in parts if part is not None]
    if usd is None or not reported:
        return None
    if sum(reported) <= usd:
        # Nearly always.
        return "0"
    places = DECIMALS["usd_pico"]
    return json_amount(split_excess(scaled(0, usd, places), [scaled(0, part, places) for part in reported]))


@lru_cache(1024)
def cell_text(stored: object) -> str | None:
    """Return a text of a row in one line; None where there is none."""
    return None if stored is None else clean_line(unpack(stored))
