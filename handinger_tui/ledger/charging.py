"""Charging: the append-only record of what turns took.

Each turn has one `charge`; what is learned later is a `correction` that holds
the difference, so that the sum of a turn's rows is always the newest knowledge.
A number that is not known is NULL, and stays what it was when it was known.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Final

from handinger_tui.core.jsontext import dump
from handinger_tui.core.money import decimal_text, micro_credits, pico_usd, tidy
from handinger_tui.core.readings import TurnMoney, turn_money
from handinger_tui.core.session import Session
from handinger_tui.core.turn import LIVE, Turn
from handinger_tui.core.usage import Costs, Usage
from handinger_tui.ledger.rows import fitting, pack, pack_optional, unpack

COUNTS: Final = (
    "input_tokens",
    "output_tokens",
    "reasoning_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "total_tokens",
    "steps",
    "duration_ms",
)
AMOUNTS: Final = ("usd_pico", "micro_credits", "model_pico", "tool_pico", "sandbox_pico", "internal_pico")
NUMBERS: Final = (*AMOUNTS, *COUNTS)

_KNOWN: Final = f"""
    SELECT turn_id, MAX(final) AS final, {", ".join(f"SUM({name}) AS {name}" for name in NUMBERS)}
      FROM charges WHERE session_id = ? GROUP BY turn_id
"""  # noqa: S608  # the names are constants of this module
_HEAD: Final = ("kind", "turn_id", "session_id", "worker_id", "at_ms", "status", "budget", "reading", "final")
_COLUMNS: Final = (*_HEAD, *NUMBERS, "exact", "snapshot")
_INSERT: Final = (
    f"INSERT INTO charges ({', '.join(_COLUMNS)}) VALUES ({', '.join(f':{name}' for name in _COLUMNS)})"  # noqa: S608  # constants
)


@dataclass(frozen=True, slots=True)
class _Known:
    """What the rows of a turn add up to."""

    final: bool
    numbers: Mapping[str, int | None]


def write_charges(connection: sqlite3.Connection, session: Session, at_ms: int) -> None:
    """The charge of every settled turn that has none, and corrections where more is known now.

    A new reading can change earlier turns as well (product.md, section 5), so
    all turns of the session are looked at.
    """
    charged = _charged(connection, session.session_id)
    for turn, money in zip(session.turns, turn_money(session.turns), strict=True):
        if turn.status in LIVE:
            continue
        known = charged.get(turn.turn_id)
        now = numbers_of(money)
        if known is None:
            _insert(connection, session, turn, money, {"kind": "charge", "at_ms": at_ms, **now})
            continue
        told = {name: value for name, value in now.items() if value is not None}
        changes = {name: value - (known.numbers[name] or 0) for name, value in told.items()}
        news = any(changes.values()) or any(known.numbers[name] is None for name in changes)
        if news or (money.known and not known.final):
            _insert(connection, session, turn, money, {"kind": "correction", "at_ms": at_ms, **changes})


def numbers_of(money: TurnMoney) -> dict[str, int | None]:
    """The INTEGER columns; None where unknown or beyond 64 bits (`exact` still has it)."""
    amounts = {
        "usd_pico": pico_usd(money.usd),
        "micro_credits": micro_credits(money.usage.credits),
        "model_pico": pico_usd(money.costs.model_usd),
        "tool_pico": pico_usd(money.costs.tool_usd),
        "sandbox_pico": pico_usd(money.costs.sandbox_usd),
        "internal_pico": pico_usd(money.costs.internal_usd),
    }
    return amounts | {name: fitting(getattr(money.usage, name)) for name in COUNTS}


def exact_numbers(usage: Usage, costs: Costs) -> dict[str, str | None]:
    """Every number as decimal text, None where unknown."""
    found = {}
    for group in (usage, costs):
        for field in fields(group):
            value = getattr(group, field.name)
            amount = None if value is None else tidy(Decimal(value))
            found[field.name] = None if amount is None else decimal_text(amount)
    return found


def _charged(connection: sqlite3.Connection, session_id: str) -> dict[str, _Known]:
    rows = connection.execute(_KNOWN, (pack(session_id),))
    return {
        unpack(row["turn_id"]): _Known(bool(row["final"]), {name: row[name] for name in NUMBERS})
        for row in rows
    }


def _insert(
    connection: sqlite3.Connection,
    session: Session,
    turn: Turn,
    money: TurnMoney,
    cells: Mapping[str, str | int | None],
) -> None:
    read = turn.snapshot
    head = {
        "turn_id": pack(turn.turn_id),
        "session_id": pack(session.session_id),
        "worker_id": pack_optional(turn.worker_id or session.worker_id),
        "status": str(turn.status),
        "budget": pack_optional(turn.order.budget),
        "reading": str(money.reading),
        "final": int(money.known),
        "exact": dump(exact_numbers(money.usage, money.costs)),
        "snapshot": dump(exact_numbers(read.usage, read.costs) if read is not None else None),
    }
    connection.execute(_INSERT, dict.fromkeys(NUMBERS) | head | dict(cells))
