"""The append-only record of what turns took: what is new since the last entry, and writing it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from decimal import Decimal
from itertools import compress, count
from operator import is_not
from typing import Final

from handinger_tui.core.evidence.sources_and_files import sources_of_turn
from handinger_tui.core.jsontext import dump
from handinger_tui.core.money.amounts import decimal_text, micro_credits, pico_usd, tidy
from handinger_tui.core.money.attribution import MoneyIndex, TurnMoney, took_ms
from handinger_tui.core.record import dataclass
from handinger_tui.core.stream.usage import Costs, Usage
from handinger_tui.core.turns.session import Session
from handinger_tui.core.turns.turn import FREE, Turn, TurnRequest
from handinger_tui.ledger.rows import Cell, fitting, pack, pack_optional

KEPT: Final = 16
"""Sessions that are remembered; of others everything is compared once more."""

Pair = tuple[Turn, TurnMoney]
_Seen = tuple[tuple[Turn, ...], tuple[TurnMoney, ...]]


class ChargeCache:
    """Spares a long session the comparison of turns that nothing is new about.

    Only `agreed`, told after the record itself was read and had nothing to add,
    makes a turn sure: whatever was written is read back once, so a write that
    failed or was rolled back is never taken for done. For one thread.
    """

    def __init__(self) -> None:
        self._connection: sqlite3.Connection | None = None
        self._held: dict[str, _Held] = {}

    def unsure(self, connection: sqlite3.Connection, session: Session) -> list[Pair]:
        """The turns that have to be compared, each with what it took; in order."""
        if connection is not self._connection:
            # Another database, as after damage, holds none of it.
            self._connection, self._held = connection, {}
        held = self._held.pop(session.session_id, None) or _Held()
        while len(self._held) >= KEPT:
            del self._held[next(iter(self._held))]
        self._held[session.session_id] = held
        return held.unsure(session)

    def agreed(self, session: Session) -> None:
        """The record has everything that `unsure` just told of the session."""
        self._held[session.session_id].agree()


class _Held:
    def __init__(self) -> None:
        self._index = MoneyIndex()
        self._now: _Seen = ((), ())
        self._sure: _Seen = ((), ())

    def unsure(self, session: Session) -> list[Pair]:
        self._now = turns, money = session.turns, self._index(session.turns)
        sure = self._sure
        known = min(len(sure[0]), len(turns))
        # Nearly all of a long session is sure, and none of that is looked at one by one.
        other = {at for old, new in zip(sure, self._now, strict=True) for at in _others(old, new)}
        return [(turns[at], money[at]) for at in (*sorted(other), *range(known, len(turns)))]

    def agree(self) -> None:
        self._sure = self._now


def _others(old: Sequence[object], new: Sequence[object]) -> Iterator[int]:
    """Where another object stands."""
    return compress(count(), map(is_not, old, new))


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

TOLD: Final = (*AMOUNTS, "total_tokens")
"""What pages add up; bit n of `turn_totals.told` says that a finished worker reported the n-th."""

_HEAD: Final = (
    *("kind", "turn_id", "session_id", "worker_id", "base_url", "at_ms", "status", "budget"),
    *("started_by", "reading", "final", "sources", "elapsed_ms"),
)
_COLUMNS: Final = (*_HEAD, *NUMBERS, "exact", "snapshot")
_INSERT: Final = (
    f"INSERT INTO charges ({', '.join(_COLUMNS)}) VALUES ({', '.join(f':{name}' for name in _COLUMNS)})"  # noqa: S608  # constants
)


Cells = dict[str, Cell]


@dataclass(frozen=True, slots=True)
class _Known:
    """What the rows of a turn add up to. `told`: see `TOLD`."""

    status: str
    final: bool
    told: int
    numbers: Mapping[str, int | None]


def write_charges(connection: sqlite3.Connection, session: Session, compared: ChargeCache) -> None:
    """Write what is new about the turns of `session`, inside a transaction of the caller."""
    connection.executemany(_INSERT, news(connection, session, compared))


def open_charge(connection: sqlite3.Connection, session: Session, order: TurnRequest) -> None:
    """The first row of a turn, in the transaction that stores its order: nothing of it is known yet."""
    head: Cells = {"kind": "charge", "at_ms": order.created_ms}
    connection.execute(_INSERT, _row(session, Turn(order), TurnMoney(), head))


def news(connection: sqlite3.Connection, session: Session, compared: ChargeCache) -> list[Cells]:
    """Rows to write: the charge of every turn that has none, and corrections where more is known now.

    A turn of ours has one since it was ordered (`open_charge`). A new reading can change earlier
    turns as well, so all turns of the session are looked at, but for those that `compared` knows.
    """
    unsure = compared.unsure(connection, session)
    charged = _charged(connection, [turn.turn_id for turn, _ in unsure])
    rows: list[Cells] = []
    for turn, money in unsure:
        told = {name: value for name, value in numbers_of(money).items() if value is not None}
        known = charged.get(turn.turn_id)
        if known is None:
            if told or not turn.live:
                rows.append(_row(session, turn, money, {"kind": "charge", "at_ms": _moment(turn), **told}))
            continue
        changes = _changes(known, turn, money, told)
        if changes is not None:
            # A correction is as old as the newest thing known of the session.
            newest = max(map(_moment, session.turns))
            rows.append(_row(session, turn, money, {"kind": "correction", "at_ms": newest, **changes}))
    if not rows:
        compared.agreed(session)
    return rows


def _moment(turn: Turn) -> int:
    moments = (turn.ended_ms, turn.read_ms, turn.order.created_ms)
    return next(moment for moment in moments if moment is not None)


def _changes(known: _Known, turn: Turn, money: TurnMoney, told: Mapping[str, int]) -> Cells | None:
    """What a correction adds; None when there is no need of one."""
    changes = {name: fitting(value - (known.numbers[name] or 0)) for name, value in told.items()}
    new = any(changes.values()) or any(known.numbers[name] is None for name in changes)
    settled = money.known and (not known.final or _bits(told) & ~known.told)
    ended = not turn.live and known.status != turn.status
    return {**changes} if new or settled or ended else None


def _bits(told: Mapping[str, int]) -> int:
    return sum(1 << bit for bit, name in enumerate(TOLD) if name in told)


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


def _charged(connection: sqlite3.Connection, turn_ids: list[str]) -> dict[str, _Known]:
    asked = "SELECT * FROM turn_totals WHERE turn_id = ?"
    rows = ((one, connection.execute(asked, (pack(one),)).fetchone()) for one in turn_ids)
    return {
        one: _Known(row["status"], bool(row["final"]), row["told"], {name: row[name] for name in NUMBERS})
        for one, row in rows
        if row is not None
    }


def _row(session: Session, turn: Turn, money: TurnMoney, cells: Cells) -> Cells:
    read = turn.snapshot
    head: Cells = {
        "turn_id": pack(turn.turn_id),
        "session_id": pack(session.session_id),
        "worker_id": pack_optional(turn.worker_id or session.worker_id),
        "base_url": pack(session.base_url),
        "status": str(turn.status),
        "budget": pack_optional(turn.order.budget),
        "started_by": str(turn.order.trigger),
        "reading": str(money.reading),
        "final": int(money.known),
        "sources": _sources(turn),
        "elapsed_ms": took_ms(turn),
        "exact": dump(exact_numbers(money.usage, money.costs)),
        "snapshot": dump(exact_numbers(read.usage, read.costs) if read is not None else None),
    }
    return dict.fromkeys(NUMBERS) | head | cells


def _sources(turn: Turn) -> int | None:
    """None when nobody saw anything of the turn."""
    seen = turn.parts or turn.snapshot is not None or turn.status in FREE
    return len(sources_of_turn(turn)) if seen else None
