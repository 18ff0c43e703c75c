"""The journal: every entry of the ledger by itself. The changes in its lines add up to what `costs` shows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct

from handinger_tui.core.amounts import Unit, bare_text
from handinger_tui.core.columns import Align, Column, Row, Tone
from handinger_tui.core.documents import Amount, Document, Millis, Part, members
from handinger_tui.core.figures import CATEGORIES, numbered, with_figures
from handinger_tui.core.formatting import spaced, time_in_zone
from handinger_tui.core.jsontext import Json, dump
from handinger_tui.core.money.amount_state import AmountState
from handinger_tui.core.money.attribution import AmountBasis
from handinger_tui.core.money.reconciliation import LESS, MORE, NEW_BASIS, REASONS
from handinger_tui.core.turns.turn import TurnStatus


class JournalReading(Part, frozen=True):
    """What a worker had reported at a time."""

    at_ms: Millis
    cost_usd: Amount | None
    credits: Amount | None
    tokens: int | None


class _EntryHead(Document, frozen=True):
    number: int
    """Charges and corrections have one sequence of numbers, unassigned costs another."""
    kind: str
    """charge, correction, unassigned, or carried: a sum whose entries a repair could not save"""
    time: str | None
    """When it was known, with the zone of this machine."""
    at_ms: Millis
    counted: str | None
    """The day for which it counts; null: no known day."""
    counted_ms: Millis | None
    turn_id: str | None
    session_id: str | None
    worker_id: str | None
    prompt: str | None
    """The beginning of the message; null where its session was deleted."""
    project: str | None
    tags: list[str]
    profile: str | None
    key_tail: str | None
    """The last four characters of the key with which it was sent; null: not sent here, or not noted."""
    host: str | None
    """Of the service; with the profile, the account that pays."""
    budget: str | None
    trigger: str | None
    cost_usd: Amount | None
    """By how much it changes the cost of its turn, as all amounts of an entry; null: nothing was reported."""
    credits: Amount | None
    credit_usd: Amount | None
    """Your price of a credit on the day for which it counts."""


if TYPE_CHECKING:
    _EntryWithCategories = _EntryHead
else:
    _EntryWithCategories = with_figures(_EntryHead, CATEGORIES, Amount | None)


class JournalEntry(_EntryWithCategories, frozen=True, tag=numbered("journal", 2, CATEGORIES)):
    """An entry of the ledger: a line of `costs --journal --json`. Entries are never changed or removed."""

    tokens: int | None
    reason: str
    before: JournalReading | None
    """The newest reading of the worker before the entry; null: none, as for a new worker."""
    after: JournalReading | None
    """The newest reading that the entry knew."""
    state: str
    """open, provisional, settled, or unassigned"""
    shared_with: int | None
    doubtful: bool
    unassigned: int | None
    """The number by which `costs --assign` takes an unassigned cost."""


# -- what changed, in words --------------------------------------------------------------------
class EntryFacts(Struct, frozen=True):
    """What an entry says of its turn, beside amounts. `ruling`: the stored reason."""

    basis: AmountBasis
    status: TurnStatus
    state: AmountState
    ruling: str | None
    empty: bool
    """No amount of the turn is entered so far."""


BASES: Final = frozenset((AmountBasis.TOTAL, AmountBasis.PER_TURN))


def entry_reason(before: EntryFacts | None, now: EntryFacts, changes: Sequence[int]) -> str:
    """Why an entry was made. `changes`: of its amounts."""
    if now.ruling is not None:
        return REASONS.get(now.ruling, now.ruling)
    if before is None or before.empty:
        if any(changes):
            return "the turn was read"
        if before is None:
            return "the turn started"
    if {before.basis, now.basis} == BASES:
        return NEW_BASIS
    if any(changes):
        reason = LESS if any(change < 0 for change in changes) else MORE
        return reason if before.state == AmountState.SETTLED else reason.removesuffix(" later")
    if before.status != now.status:
        return f"the turn is {spaced(now.status)}"
    return f"the amount is {now.state}" if before.state != now.state else "its certainty changed"


# -- forms ---------------------------------------------------------------------------------------
_AROUND: Final = ("before", "after")
_PLAIN: Final = tuple(name for name in JournalEntry.__struct_fields__ if name not in _AROUND)
_READ: Final = ("time", "cost_usd", "credits", "tokens")
COLUMNS: Final = (*_PLAIN, *(f"{which}_{name}" for which in _AROUND for name in _READ))
"""The columns in CSV."""


def json_lines(entries: Iterable[JournalEntry]) -> Iterator[str]:
    """A line of JSON for each entry."""
    for entry in entries:
        text = msgspec.json.encode(entry).decode()
        yield (text if text.isascii() else dump(members(entry))) + "\n"


def csv_cells(entry: JournalEntry) -> list[Json]:
    """The cells of an entry, for `COLUMNS`."""
    cells: list[Json] = [getattr(entry, name) for name in _PLAIN]
    for read in (entry.before, entry.after):
        amounts = (None,) * 3 if read is None else (read.cost_usd, read.credits, read.tokens)
        cells += [None if read is None else time_in_zone(read.at_ms), *amounts]
    return cells


_MILLIS: Final = re.compile(r"\.\d+")
TEXT_COLUMNS: Final = (
    Column("No.", Align.RIGHT),
    Column("Time"),
    Column("Turn", least=10, ids=True),
    Column("Worker", rank=5, least=10, ids=True, style=Tone.FAINT),
    Column("Cost", Align.POINT, style=Tone.STRONG),
    Column("Credits", Align.POINT, rank=2),
    Column("Reading", rank=4),
    Column("State", rank=3, style=Tone.FAINT),
    Column("Reason", rank=1, least=16),
)


def text_row(entry: JournalEntry) -> Row:
    """The row of an entry."""
    return Row(
        (
            str(entry.number),
            _MILLIS.sub("", entry.time or str(entry.at_ms)),
            entry.turn_id or f"unassigned {entry.unassigned}",
            entry.worker_id or "",
            _change(entry.cost_usd, Unit.USD),
            _change(entry.credits, Unit.CREDITS),
            _step(entry.before, entry.after),
            entry.state,
            entry.reason,
        )
    )


def _change(amount: str | None, unit: Unit) -> str:
    if amount is None or amount == "0":
        return ""
    return ("" if amount.startswith("-") else "+") + bare_text(Decimal(amount), unit)


def _step(before: JournalReading | None, after: JournalReading | None) -> str:
    """Both readings in the unit that the worker reports; "" where they are the same."""
    if after is None or before == after:
        return ""
    unit, name = (Unit.USD, "cost_usd") if after.cost_usd is not None else (Unit.CREDITS, "credits")
    amounts = (None if read is None else getattr(read, name) for read in (before, after))
    return " → ".join("none" if one is None else bare_text(Decimal(one), unit) for one in amounts)
