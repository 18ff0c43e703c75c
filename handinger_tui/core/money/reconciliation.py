"""Reckoning: what our turns add up to, held against the worker's own total. Pure.

The difference is told in parts: what the worker had taken before this session
first looked, what it took in between outside of it, what belongs to turns of
ours that nobody reported, and what nothing explains.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal, localcontext
from typing import Final

from handinger_tui.core.formatting import plural
from handinger_tui.core.money.amounts import EXACT, Total, tidy, usd_text
from handinger_tui.core.money.attribution import Reading, TurnMoney, newest_worker, session_money, worker_of
from handinger_tui.core.replacing import replace
from handinger_tui.core.stream.worker_snapshot import Snapshot
from handinger_tui.core.turns.session import Session
from handinger_tui.core.turns.turn import FREE, Turn, TurnStatus

ZERO: Final = Decimal(0)


@dataclass(frozen=True, slots=True)
class Parts:
    """The difference, split in USD; all four together are exactly the difference.

    `before`: taken before this session first looked. `between`: taken outside
    this session since. `unreported`: in a span with turns of ours that are not
    fully known (`turns` of them). `unexplained`: nothing accounts for it.
    """

    before: Decimal = ZERO
    between: Decimal = ZERO
    unreported: Decimal = ZERO
    unexplained: Decimal = ZERO
    turns: int = 0


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """One session's worker. `server` None: it has no total of its own, or told none.

    `difference` is `server` minus the local sum, None unless both are known;
    `reason` is for people.
    """

    local: Total
    server: Decimal | None
    difference: Decimal | None
    reading: Reading
    reason: str
    parts: Parts = field(default=Parts())


def reconcile(session: Session) -> Reconciliation:
    """The local sum of the turns of a session's worker, and the newest figure of that worker."""
    ours = (None, newest_worker(session.turns))
    turns = [
        turn for turn in session.turns if turn.status is not TurnStatus.QUEUED and worker_of(turn) in ours
    ]
    money = session_money(turns)
    found = Reconciliation(money.usd, None, None, money.reading, "")
    if money.reading is Reading.TOTAL:
        server = _newest(turns)
        if server is not None and money.usd.value is not None:
            difference = EXACT.subtract(server, money.usd.value)
            parts = _parts(turns, money.turns, server)
            found = replace(found, server=server, difference=difference, parts=parts)
        else:
            found = replace(found, server=server)
    return replace(found, reason=_reason(found))


def cost_in(snapshot: Snapshot | None) -> Decimal | None:
    """The cost a worker tells of itself in USD: as reported, else the sum of all four categories."""
    if snapshot is None:
        return None
    if snapshot.usage.cost_usd is not None:
        return tidy(snapshot.usage.cost_usd)
    with localcontext(EXACT):
        return tidy(snapshot.costs.total())


def _newest(turns: Sequence[Turn]) -> Decimal | None:
    readings = (read for turn in reversed(turns) for read in (turn.snapshot, turn.before))
    return next((cost for read in readings if (cost := cost_in(read)) is not None), None)


class _Span:
    """From one look before a turn to the next one: what it grew by, and what of it is ours."""

    def __init__(self, start: Decimal) -> None:
        self.start = start
        self.ours = ZERO
        self.turns = 0
        self.unknown = 0

    def add(self, turn: Turn, money: TurnMoney) -> None:
        if turn.status in FREE:
            return
        self.turns += 1
        self.ours = EXACT.add(self.ours, money.usd or ZERO)
        self.unknown += money.usd is None or not money.known

    def ended(self, parts: Parts, end: Decimal, *, first: bool) -> Parts:
        """`parts` with what this span holds beyond our own turns."""
        rest = EXACT.subtract(EXACT.subtract(end, self.start), self.ours)
        if rest == 0:
            return parts
        if rest < 0:
            return replace(parts, unexplained=EXACT.add(parts.unexplained, rest))
        if self.unknown:
            turns = parts.turns + self.unknown
            return replace(parts, unreported=EXACT.add(parts.unreported, rest), turns=turns)
        if first and not self.turns:
            return replace(parts, before=EXACT.add(parts.before, rest))
        return replace(parts, between=EXACT.add(parts.between, rest))


def _parts(turns: Sequence[Turn], money: tuple[TurnMoney, ...], server: Decimal) -> Parts:
    """A worker begins at 0; each look before a turn ends a span and begins the next."""
    parts, span, first = Parts(), _Span(ZERO), True
    for turn, own in zip(turns, money, strict=True):
        look = cost_in(turn.before)
        if look is not None:
            parts = span.ended(parts, look, first=first)
            span, first = _Span(look), False
        span.add(turn, own)
    return span.ended(parts, server, first=first)


# -- words -----------------------------------------------------------------------------
def reconciliation_text(found: Reconciliation) -> str:
    """One or two short lines for people."""
    if found.server is None or found.difference is None or found.local.value is None:
        return found.reason
    local, server = usd_text(found.local.value), usd_text(found.server)
    if found.difference == 0:
        equal = f"The local sum {local} equals the worker's own total"
        return f"{equal}. {found.reason}" if found.reason else f"{equal}."
    off, than = usd_text(abs(found.difference)), "more" if found.difference > 0 else "less"
    return f"The worker's own total is {server}, {off} {than} than the local sum {local}.\n{found.reason}"


def _reason(found: Reconciliation) -> str:
    if found.reading is Reading.PER_TURN:
        return "This worker reports each turn by itself, so there is no total of its own to compare with."
    if found.server is None:
        return "The worker reported no cost, so there is nothing to compare with."
    missing = plural(found.local.missing_turns, "turn")
    if found.local.value is None:
        own = f"The worker's own total is {usd_text(found.server)}"
        return f"{own}; what {missing} of ours took is not known."
    if found.difference == 0:
        return f"Not fully known yet: {missing}." if found.local.missing_turns else ""
    pieces = [
        (found.parts.before, "taken before this session first looked"),
        (found.parts.between, "taken outside this session since then"),
        (found.parts.unreported, f"in or around {plural(found.parts.turns, 'turn')} not fully reported"),
        (found.parts.unexplained, "unexplained"),
    ]
    return "; ".join(f"{usd_text(amount)} {why}" for amount, why in pieces if amount) + "."
