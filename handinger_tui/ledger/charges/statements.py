"""Statements: a month is closed once, with what is known then. What becomes known later is booked afterwards.

A statement is a bundle (JSON lines in a chain of hashes) and a page. `cli/check_statement.py` checks both.
"""

from __future__ import annotations

import hashlib
import zlib
from decimal import Decimal
from typing import TYPE_CHECKING, Final, NamedTuple

from handinger_tui import __version__
from handinger_tui.core.decimals import EXACT, decimal_text, exact_sum, json_amount
from handinger_tui.core.documents import members
from handinger_tui.core.errors import SettingsError
from handinger_tui.core.figures import cost_of, usage_and_costs
from handinger_tui.core.jsontext import JsonObject, dump
from handinger_tui.core.money.events import Read, Sent
from handinger_tui.core.money.spending import ChargeFilter, host_of
from handinger_tui.core.money.statement_page import Statement, page
from handinger_tui.core.money.turn_events import events_with_others
from handinger_tui.core.periods import midnight_ms, month_span
from handinger_tui.core.safety import clean_line
from handinger_tui.core.turns.session import OtherTurn
from handinger_tui.ledger.charges.closings import Closed, booked, closings
from handinger_tui.ledger.charges.grouping import reading_of
from handinger_tui.ledger.charges.journal import UNASSIGNED, journal
from handinger_tui.ledger.sql import Care, Row, transaction, unpack

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence

    from handinger_tui.core.money.journal import JournalEntry
    from handinger_tui.core.prices import Prices
    from handinger_tui.core.tags import TagRules

UNITS: Final = {"cost_usd": Decimal(1).scaleb(-12), "credits": Decimal(1).scaleb(-6)}
"""The units of a statement, and their smallest amounts in the ledger."""


class Closing(NamedTuple):
    """A closed month. `hash`: of the bundle. `is_new`: it was closed just now."""

    month: str
    hash: str
    bundle: bytes
    page: bytes
    program: bytes
    """The one that checks both, as it was then."""
    is_new: bool


class Terms(NamedTuple):
    """What a statement depends on beside the history. `check`: the program that is written beside it."""

    rules: TagRules
    prices: Prices
    """Of a credit."""
    currency: Prices
    check: bytes


def close_month(connection: sqlite3.Connection, month: str, now_ms: int, terms: Terms) -> Closing:
    """Close a month, or read what closed it.

    Raises:
        SettingsError: it is no month, is not over, or has no entries.
    """
    first, following = month_span(month, "--statement")
    start_ms, end_ms = midnight_ms(first), midnight_ms(following)
    with transaction(connection, Care.FULL):
        row = connection.execute("SELECT * FROM closings WHERE month = ?", (month,)).fetchone()
        if row is not None:
            bundle, page_data, program = (zlib.decompress(row[name]) for name in _FILES)
            return Closing(month, row["hash"], bundle, page_data, program, is_new=False)
        if end_ms > now_ms:
            raise SettingsError(f"{month} is not over.", "A statement closes a month that is over.")
        newest = connection.execute(_NEWEST).fetchone()
        cells = (month, start_ms, end_ms, now_ms, newest[0], newest[1])
        contents = _Bundle(connection, month, (*closings(connection), Closed(*cells)), terms)
        data, page_data = contents.written(now_ms)
        head = data[data.rstrip(b"\n").rfind(b"\n") + 1 :][:64].decode()
        closed = Closing(month, head, data, page_data, terms.check, is_new=True)
        files = (getattr(closed, name) for name in _FILES)
        connection.execute(_PUT, (*cells, head, *map(zlib.compress, files)))
        return closed


_NEWEST: Final = (
    "SELECT (SELECT COALESCE(MAX(id), 0) FROM charges), (SELECT COALESCE(MAX(id), 0) FROM suspense)"
)
_PUT: Final = """
    INSERT INTO closings (month, start_ms, end_ms, at_ms, charge, rise, hash, bundle, page, program)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_FILES: Final = ("bundle", "page", "program")


_EVENTS: Final = (
    "SELECT turn_id, worker_id, events, session_id FROM worker_turns WHERE base_url = ? AND worker_id = ?"
)
_TURNS: Final = (
    "SELECT turn_id, base_url, worker_id, reading, at_ms FROM turn_totals WHERE base_url <> 'local'"
)
_RULINGS: Final = "SELECT * FROM rulings ORDER BY id"
# A pin that changes no amount makes no charge.
_BASIS: Final = """
    SELECT reading FROM (
        SELECT reading, at_ms FROM charges WHERE worker_id = :worker_id AND base_url = :base_url
        UNION ALL
        SELECT CASE meaning WHEN 'lifetime' THEN 'total' ELSE meaning END, at_ms FROM rulings
         WHERE worker_id = :worker_id AND base_url = :base_url
    ) WHERE reading IN ('total', 'per_turn') ORDER BY at_ms DESC LIMIT 1
"""
_PREVIOUS: Final = "SELECT month, hash FROM closings ORDER BY id DESC LIMIT 1"
Worker = tuple[str | None, str | None]
"""Host and worker, as entries name them."""


class _Bundle:
    """The records of a statement: those of its month, and what all its workers ever reported."""

    def __init__(
        self, connection: sqlite3.Connection, month: str, closed_months: Sequence[Closed], terms: Terms
    ) -> None:
        self._connection = connection
        self._month, self._closings, self._terms = month, closed_months, terms
        everything = journal(connection, ChargeFilter(simulated=False), terms.rules)
        pairs = [(entry, self._booked(entry)) for entry in everything]
        workers = {(one.host, one.worker_id) for one, when in pairs if when == month}
        self._entries = [pair for pair in pairs if (pair[0].host, pair[0].worker_id) in workers]
        self._own = [entry for entry, when in self._entries if when == month]
        if not self._own:
            raise SettingsError(f"There are no costs in {month}.", "See: handinger-tui costs --by month")
        turn_ids = {entry.turn_id for entry, _ in self._entries}
        rows = connection.execute(_TURNS).fetchall()
        self._turns = {unpack(row["turn_id"]): row for row in rows if unpack(row["turn_id"]) in turn_ids}
        self._workers: dict[Worker, Row] = {
            (clean_line(host_of(unpack(row["base_url"]))), unpack(row["worker_id"])): row
            for row in self._turns.values()
            if row["worker_id"] is not None
        }
        self._bases = {whose: self._basis(whose) for whose in self._workers}

    def _booked(self, entry: JournalEntry) -> str | None:
        """The closed month in which an entry stands; None: in none, or it has no known day."""
        if entry.counted_ms is None:
            return None
        is_rise = entry.kind == UNASSIGNED
        month = booked(entry.counted_ms, entry.number, entry.at_ms, self._closings, is_rise=is_rise)
        return month.month if month.is_closed else None

    def _basis(self, whose: Worker) -> str | None:
        """What the figures of a worker mean: lifetime, or per_turn."""
        row = self._workers.get(whose)
        cells = {} if row is None else {"worker_id": row["worker_id"], "base_url": row["base_url"]}
        newest = self._connection.execute(_BASIS, cells).fetchone() if cells else None
        return None if newest is None else reading_of(newest["reading"]).word

    def written(self, now_ms: int) -> tuple[bytes, bytes]:
        """The bundle and the page."""
        lines: list[bytes] = []
        head = ""

        def add(record: JsonObject) -> None:
            nonlocal head
            text = dump(record).encode()
            head = hashlib.sha256(head.encode() + b"\n" + text).hexdigest()
            lines.append(head.encode() + b" " + text + b"\n")

        for record in self._records(now_ms):
            add(record)
        totals = self._totals()
        add({"kind": "total", **{unit: decimal_text(amount) for unit, amount in totals.items()}})
        (closed,) = (one for one in self._closings if one.month == self._month)
        late = [one for one in self._own if not closed.start_ms <= (one.counted_ms or 0) < closed.end_ms]
        statement = Statement(
            self._month, now_ms, tuple(self._own), tuple(late), totals["cost_usd"], totals["credits"], head
        )
        page_data = page(statement, self._terms.prices, self._terms.currency).encode("utf-8", "replace")
        add({"kind": "page", "sha256": hashlib.sha256(page_data).hexdigest()})
        return b"".join(lines), page_data

    def _totals(self) -> dict[str, Decimal]:
        return {unit: exact_sum(Decimal(getattr(one, unit) or 0) for one in self._own) for unit in UNITS}

    def _records(self, now_ms: int) -> Iterator[JsonObject]:
        previous = self._connection.execute(_PREVIOUS).fetchone()
        (closed,) = (one for one in self._closings if one.month == self._month)
        yield {
            "kind": "statement",
            "schema": "handinger-tui/statement/1",
            "month": self._month,
            "start_ms": closed.start_ms,
            "end_ms": closed.end_ms,
            "closed_ms": now_ms,
            "version": __version__,
            "credit_usd": self._terms.prices.text,
            "currency": self._terms.currency.text,
            "previous": None if previous is None else {"month": previous["month"], "hash": previous["hash"]},
            "check": hashlib.sha256(self._terms.check).hexdigest(),
        }
        for row in self._connection.execute(_RULINGS):
            whose = clean_line(host_of(unpack(row["base_url"]))), unpack(row["worker_id"])
            if whose in self._workers:
                turn_id = None if row["turn_id"] is None else unpack(row["turn_id"])
                yield {
                    "kind": "ruling",
                    "host": whose[0],
                    "worker_id": whose[1],
                    "at_ms": row["at_ms"],
                    "meaning": row["meaning"],
                    "seen_ms": row["seen_ms"],
                    "turn_id": turn_id,
                }
        yield from self._evidence()
        for entry, when in self._entries:
            record = {name: value for name, value in members(entry).items() if name not in _LEFT_OUT}
            yield {**record, "kind": "entry", "entry": entry.kind, "booked": when}

    def _evidence(self) -> Iterator[JsonObject]:
        """The turns and the readings of each worker."""
        sent: dict[str, tuple[int, bool]] = {}
        for (host, worker_id), row in self._workers.items():
            others = [
                OtherTurn(unpack(one[0]), unpack(one[1]), unpack(one[2]), unpack(one[3]))
                for one in self._connection.execute(_EVENTS, (row["base_url"], row["worker_id"]))
            ]
            reads: list[tuple[int, dict[str, Decimal | None]]] = []
            for at_ms, _, event, turn_id, _ in events_with_others((), others):
                if isinstance(event, Sent) and not event.refused:
                    sent[turn_id] = at_ms, event.creates
                elif isinstance(event, Read):
                    usage, costs = usage_and_costs(event.meters)
                    reads.append((at_ms, {"cost_usd": cost_of(usage, costs), "credits": usage.credits}))
            created = any(
                is_new for turn_id, (_, is_new) in sent.items() if turn_id in {one.turn_id for one in others}
            )
            whose = (host, worker_id)
            uses: dict[str, list[str | None] | None] = {}
            if self._bases[whose] == "lifetime":
                for unit in UNITS:
                    values = [read[unit] for _, read in reads]
                    uses[unit] = named_uses(values, *self._entered(whose, unit), created=created)
                if None in uses.values():
                    # A pin that was removed changes no amount, either: each turn may be reported by itself.
                    self._bases[whose] = "per_turn"
            nothing: list[str | None] = [None] * len(reads)
            for at, (at_ms, read) in enumerate(reads):
                yield {
                    "kind": "reading",
                    "host": host,
                    "worker_id": worker_id,
                    "at_ms": at_ms,
                    **{unit: json_amount(amount) for unit, amount in read.items()},
                    "use": {unit: (uses.get(unit) or nothing)[at] for unit in UNITS},
                }
        newest = {entry.turn_id: entry for entry, _ in self._entries}
        for turn_id in self._turns:
            entry = newest[turn_id]
            sent_ms, creates = sent.get(turn_id, (entry.at_ms, False))
            is_own = turn_id not in sent or self._bases.get((entry.host, entry.worker_id)) == "per_turn"
            yield {
                "kind": "turn",
                "turn_id": turn_id,
                "host": entry.host,
                "worker_id": entry.worker_id,
                "sent_ms": sent_ms,
                "creates": creates,
                "basis": self._bases.get((entry.host, entry.worker_id)),
                "own": members(entry.after) if is_own and entry.after is not None else None,
            }

    def _entered(self, whose: Worker, unit: str) -> tuple[Decimal, Decimal]:
        """What was entered for a worker, and by how much that may differ, as each amount is rounded."""
        own = [entry for entry, _ in self._entries if (entry.host, entry.worker_id) == whose]
        items = {(entry.turn_id, None if entry.turn_id else entry.counted_ms) for entry in own}
        entered = exact_sum(Decimal(getattr(entry, unit) or 0) for entry in own)
        return entered, UNITS[unit] / 2 * len(items)


# The prices stand once, in the first record.
_LEFT_OUT: Final = ("schema", "kind", "prompt", "credit_usd")
ASIDE, RESET, LOWERED, CORRECTED = "aside", "reset", "lowered", "corrected"
_MOST_STEPS: Final = 200_000
_ROUNDING: Final = Decimal("1e-9")


def named_uses(
    values: Sequence[Decimal | None], target: Decimal, slack: Decimal, *, created: bool
) -> list[str | None] | None:
    """How readings count, so that they rise by `target`: as they are (None), not at all, or after a reset.

    None: they do not in any way.

    A reading below the one before it is set aside (rounding, a replica that lags, an outage), or the service
    counts from zero again, or it lowered its figures: of what was entered, which is corrected, or of others.
    Which of these it was is decided by what was entered.
    """
    reported = [at for at, value in enumerate(values) if value is not None]
    path: list[str | None] = [None] * len(values)
    start = Decimal(0) if created or not reported else values[reported[0]] or Decimal(0)
    # Depth first: the place, level, total, and what the reading before the place was used for.
    stack: list[tuple[int, Decimal, Decimal, str | None]] = [(0, start, Decimal(0), None)]
    for _ in range(_MOST_STEPS):
        if not stack:
            break
        place, level, total, use = stack.pop()
        if place:
            path[reported[place - 1]] = use
        if place == len(reported):
            if abs(total - target) <= slack:
                return path
            continue
        value = values[reported[place]] or Decimal(0)
        if value >= level:
            stack.append((place + 1, value, EXACT.add(total, EXACT.subtract(value, level)), None))
            continue
        fall = EXACT.subtract(level, value)
        if fall > level * _ROUNDING:
            stack.append((place + 1, value, EXACT.subtract(total, fall), CORRECTED))
            stack.append((place + 1, value, total, LOWERED))
            stack.append((place + 1, value, EXACT.add(total, value), RESET))
        stack.append((place + 1, level, total, ASIDE))
    return None
