"""One record per turn, for JSON and CSV: the members of a group, then those that only a turn has."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Final

from handinger_tui.core.amounts import decimal_text
from handinger_tui.core.export import spending
from handinger_tui.core.export.result import whole_number
from handinger_tui.core.jsontext import JsonObject, dump
from handinger_tui.core.safety.cleaning import clean_line
from handinger_tui.core.turns.turn import Trigger
from handinger_tui.ledger.grouping import PLACES
from handinger_tui.ledger.rows import Row, int_or_none, int_or_zero, scaled, unpack

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
)
"""The members of a record, and the columns in CSV."""
_ENCODER: Final = json.JSONEncoder(separators=(",", ":"))
_CATEGORIES: Final = 0b1111
"""The bits of the four cost categories in the column `told`, from bit 2 on."""


def turn_record(row: Row, title: str) -> JsonObject:
    """Return the record of a row of `CostRows.turns`; a turn is a group of one.

    Built directly from the row, since there may be a hundred thousand of them.
    """
    reported = int_or_zero(row["told"])
    turn_id, at_ms = cell_text(row["turn_id"]), int_or_none(row["at_ms"])
    return {
        "key": turn_id,
        "title": clean_line(title),
        "turns": 1,
        "incomplete": int_or_zero(row["incomplete"]),
        "cost_usd": _usd(row, "usd_pico"),
        "credits": _credits(cell_amount(row, "micro_credits")),
        "tokens": int_or_none(row["total_tokens"]),
        "model_usd": _usd(row, "model_pico"),
        "tool_usd": _usd(row, "tool_pico"),
        "sandbox_usd": _usd(row, "sandbox_pico"),
        "internal_usd": _usd(row, "internal_pico"),
        "unpriced_turns": 1 - (reported & 1),
        "uncredited_turns": 1 - (reported >> 1 & 1),
        "uncounted_turns": 1 - (reported >> 6 & 1),
        "unsplit_turns": int(reported >> 2 & _CATEGORIES != _CATEGORIES),
        "first_ms": at_ms,
        "last_ms": at_ms,
        "turn_id": turn_id,
        "session_id": cell_text(row["session_id"]),
        "worker_id": cell_text(row["worker_id"]),
        "status": cell_text(row["status"]),
        "budget": cell_text(row["budget"]),
        "trigger": cell_text(row["started_by"]) or str(Trigger.UNKNOWN),
        "reading": cell_text(row["reading"]),
        "final": bool(row["final"]),
        "corrections": int_or_zero(row["corrections"]),
        "at_ms": at_ms,
        **{name: int_or_none(row[name]) for name in _COUNTS},
    }


def record_json(record: JsonObject) -> str:
    """Return a record as JSON in one line."""
    try:
        return _ENCODER.encode(record)
    except TypeError:
        # A Decimal, which the encoder of the standard library does not write.
        return dump(record)


def cell_text(stored: object) -> str | None:
    """Return a text of a row in one line; None where there is none."""
    return None if stored is None else clean_line(unpack(stored))


def cell_amount(row: Row, name: str) -> Decimal | None:
    """Return an amount of a row; None where it is unknown."""
    return scaled(0, row[name], PLACES[name])


def _usd(row: Row, name: str) -> str | None:
    amount = cell_amount(row, name)
    return None if amount is None else decimal_text(amount)


def _credits(amount: Decimal | None) -> int | float | Decimal | None:
    """Return credits for JSON, as a float where that is exact: the fast encoder writes no Decimal."""
    number = whole_number(amount)
    if not isinstance(number, Decimal):
        return number
    approximation = float(number)
    return approximation if Decimal(repr(approximation)) == number else number
