"""The record of a turn in the JSON and CSV of `costs`, made of its row as stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from handinger_tui.core.amounts import split_excess
from handinger_tui.core.decimals import json_amount, scaled_text
from handinger_tui.core.figures import COST_MEMBERS, FIGURES
from handinger_tui.core.jsontext import JsonObject
from handinger_tui.core.money.amount_state import AmountState
from handinger_tui.core.money.attribution import AmountBasis
from handinger_tui.core.money.report_json import COUNTS
from handinger_tui.core.money.spending import host_of, stored_state
from handinger_tui.core.safety import clean_line
from handinger_tui.core.tags import NO_LABELS, Labels
from handinger_tui.core.turns.turn import FREE, NO_DAY, Trigger
from handinger_tui.ledger.charges.entries import BIT, COST_BITS, COST_COLUMNS, DECIMALS, NUMBERS
from handinger_tui.ledger.sql import int_or_zero, scaled, status_of, unpack

_AMOUNTS: Final = {figure.name: figure.column for figure in FIGURES if figure.is_amount}
"""The members that are amounts, and their columns in `turn_totals`."""
_NUMBERS: Final = (*COUNTS, *_AMOUNTS.values(), "at_ms", "shared_with", "most_pico", "most_micro")
_READING_WORDS: Final[dict[object, str]] = {str(one): one.word for one in AmountBasis}


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
    if status in FREE:
        # The row leaves out zeros, so that they are in no sum.
        numbers |= {name: numbers.get(name) or 0 for name in NUMBERS}
    amounts = {name: _amount_text(numbers[column], column) for name, column in _AMOUNTS.items()}
    reported = int_or_zero(cells.get("reported"))
    turn_id, session_id = cell_text(cells.get("turn_id")), cells.get("session_id")
    own = labels.get(session_id or "", NO_LABELS)
    at_ms = None if numbers["at_ms"] == NO_DAY else numbers["at_ms"]
    is_final, is_confirmed = bool(cells.get("final")), bool(cells.get("confirmed"))
    state = stored_state(status_of(status), final=is_final, confirmed=is_confirmed)
    is_settled = state is AmountState.SETTLED
    if is_settled and cells.get("closed"):
        state = AmountState.CLOSED
    # In the order of `TURN_COLUMNS`.
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
        "final": is_settled,
        "state": str(state),
        "corrections": int_or_zero(cells.get("corrections")),
        "at_ms": at_ms,
        **{name: numbers[name] for name in COUNTS},
        "shared_with": numbers["shared_with"],
        "cost_usd_at_most": _amount_text(numbers["most_pico"], "most_pico"),
        "credits_at_most": _amount_text(numbers["most_micro"], "most_micro"),
        "profile": cell_text(cells.get("profile")),
        "tags": [*own.tags],
        "project": own.project or None,
        "host": cell_text(host_of(unpack(cells.get("base_url") or ""))),
        "prompt": cell_text(cells.get("prompt")),
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
    """A text of a row in one line; None where there is none."""
    return None if stored is None else clean_line(unpack(stored))
