"""Differences of amounts: between our turns and the worker's total, and of final amounts over time.

A difference from the worker's total has four parts: spent before this session first read the worker, spent
later outside this session, spent by turns of ours that were not fully reported, and unexplained.

Suspense is the part of the rises of workers' figures that no turn explains.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal, localcontext
from functools import reduce
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from msgspec import Struct, field
from msgspec.structs import replace

from handinger_tui.core import documents
from handinger_tui.core.amounts import Total, Unit, amount_text, total
from handinger_tui.core.decimals import EXACT, json_amount
from handinger_tui.core.figures import COST_MEMBERS, ZEROS, usage_and_costs
from handinger_tui.core.formatting import plural
from handinger_tui.core.money.attribution import (
    MONEY,
    AmountBasis,
    TurnMoney,
    session_money,
)
from handinger_tui.core.money.basis import Basis
from handinger_tui.core.money.events import Amount, Key
from handinger_tui.core.money.spending import Bucket, Rise
from handinger_tui.core.money.timeline import MeterResult, Suspense
from handinger_tui.core.money.turn_events import is_of_file
from handinger_tui.core.turns.session import Session, newest_target
from handinger_tui.core.turns.turn import FREE, Turn

ZERO: Final = Decimal(0)


class DifferenceParts(Struct, frozen=True):
    """The parts of the difference in USD; their sum is exactly the difference.

    `before`: spent before this session first read the worker. `between`: spent outside this session since
    then. `unreported`: spent in a span with `turns` of ours without a final cost. `unexplained`: all else.
    """

    before: Decimal = ZERO
    between: Decimal = ZERO
    unreported: Decimal = ZERO
    unexplained: Decimal = ZERO
    turns: int = 0


class Reconciliation(Struct, frozen=True):
    """The result for the worker of one session. `server`: its total, None if it reports none.

    `difference`: `server` minus the local sum, None unless both are known. `reason`: a text for the user.
    """

    local: Total
    server: Decimal | None
    difference: Decimal | None
    reading: AmountBasis
    reason: str
    parts: DifferenceParts = field(default=DifferenceParts())


def reconcile(session: Session) -> Reconciliation:
    """Compare the sum of the session's turns on its newest worker with the newest total of that worker."""
    worker_ids = (None, newest_target(session.turns))
    turns = [
        turn for turn in session.turns if not turn.unsent and turn.target in worker_ids and not turn.imported
    ]
    money = session_money(turns, session.elsewhere)
    server = _newest(turns) if money.reading is AmountBasis.TOTAL else None
    result = Reconciliation(money.usd, server, None, money.reading, "")
    if server is not None and money.usd.value is not None:
        difference = EXACT.subtract(server, money.usd.value)
        result = replace(result, difference=difference, parts=_parts(turns, money.turns, server))
    # The tasks generation reports a total of credits in addition to those of each turn.
    totals = (turn.snapshot.totals.credits for turn in reversed(turns) if turn.snapshot is not None)
    own_total = next((total for total in totals if total is not None), None)
    if money.reading is AmountBasis.PER_TURN and own_total is not None:
        return replace(result, reason=_credits_text(own_total, money.credits))
    return replace(result, reason=_reason(result))


def _credits_text(own_total: Decimal, local: Total) -> str:
    own = amount_text(own_total, Unit.CREDITS)
    if local.value is None:
        missing = plural(local.unknown_turns, "turn")
        unknown = f"The credits of {missing} of ours are unknown."
        return f"The task's own total is {own}. {unknown}"
    here = local.words(Unit.CREDITS)
    difference = EXACT.subtract(own_total, local.value)
    if not difference:
        return f"The local sum of {here} equals the task's own total."
    off, than = amount_text(difference.copy_abs(), Unit.CREDITS), "more" if difference > 0 else "less"
    return f"The task's own total is {own}, {off} {than} than the local sum of {here}."


def _newest(turns: Sequence[Turn]) -> Decimal | None:
    reads = (read for turn in reversed(turns) for read in (turn.snapshot, turn.before) if read is not None)
    return next((read.cost_usd for read in reads if read.cost_usd is not None), None)


def _parts(turns: Sequence[Turn], money: Sequence[TurnMoney], server: Decimal) -> DifferenceParts:
    """The parts over all spans. A worker begins at 0; each read before a turn starts a new span."""
    spans: list[tuple[Decimal, list[TurnMoney]]] = [(ZERO, [])]
    for turn, own in zip(turns, money, strict=True):
        if turn.before is not None and turn.before.cost_usd is not None:
            spans.append((turn.before.cost_usd, []))
        if turn.status not in FREE:
            spans[-1][1].append(own)
    sums = dict.fromkeys(("before", "between", "unreported", "unexplained"), ZERO)
    unknown_turns = 0
    ends = (*(start for start, _ in spans[1:]), server)
    for at, ((start, ours), end) in enumerate(zip(spans, ends, strict=True)):
        # How much more than our own turns the worker's total rose in this span.
        excess = reduce(EXACT.subtract, [start, *(own.usd or ZERO for own in ours)], end)
        unknown = sum(own.usd is None or not own.final for own in ours)
        if excess < 0:
            part = "unexplained"
        elif unknown:
            part = "unreported"
            unknown_turns += unknown if excess else 0
        else:
            part = "between" if at or ours else "before"
        sums[part] = EXACT.add(sums[part], excess)
    return DifferenceParts(**sums, turns=unknown_turns)


# -- texts ----------------------------------------------------------------------------
def reconciliation_text(result: Reconciliation) -> str:
    """The result as one or two short lines for the user."""
    if result.server is None or result.difference is None or result.local.value is None:
        return result.reason
    local, server = result.local.without_gaps(), amount_text(result.server)
    if result.difference == 0:
        equal = f"The local sum {local} equals the worker's own total"
        return f"{equal}. {result.reason}" if result.reason else f"{equal}."
    off, than = amount_text(result.difference.copy_abs()), "more" if result.difference > 0 else "less"
    return f"The worker's own total is {server}, {off} {than} than the local sum {local}.\n{result.reason}"


def _reason(result: Reconciliation) -> str:
    if result.reading is AmountBasis.PER_TURN:
        return "This worker reports each turn separately, so it has no total to compare with."
    if result.server is None:
        return "The worker reported no cost, so there is nothing to compare with."
    missing = plural(result.local.unknown_turns, "turn")
    if result.local.value is None:
        own = f"The worker's own total is {amount_text(result.server)}"
        return f"{own}. The cost of {missing} of ours is unknown."
    if result.difference == 0:
        return f"{missing} unknown." if result.local.unknown_turns else ""
    pieces = [
        (result.parts.before, "spent before this session first read the worker"),
        (result.parts.between, "spent outside this session since then"),
        (result.parts.unreported, f"in or around {plural(result.parts.turns, 'turn')} of unknown cost"),
        (result.parts.unexplained, "unexplained"),
    ]
    return "; ".join(f"{amount_text(amount)} {why}" for amount, why in pieces if amount) + "."


NEW_BASIS: Final = "the worker's figures turned out to mean something else"
MORE: Final = "the worker reported more later"
LESS: Final = "the worker reported less later"
BASIS_SET: Final = "pinned"
"""The stored reason of a correction: the person pinned the basis of the figures, or removed the pin."""
ASSIGNED: Final = "assigned"
"""The stored reason of a correction: the person assigned suspense to a turn."""
NEW_RULES: Final = "new rules"
"""The stored reason of a correction: an earlier version of the program used other rules."""
REASONS: Final = {
    NEW_RULES: "this version of handinger-tui attributes costs differently",
    BASIS_SET: "you decided what the worker's figures mean",
    ASSIGNED: "you decided which turn an unassigned cost belongs to",
}
"""Stored reason → text. Other corrections are explained by the readings."""


class Restatement(Struct, frozen=True):
    """One change of a final amount. Amounts are in USD and credits; None: unknown.

    `number`: of the correcting entry in the ledger, which never changes. `at_ms`: when the change was read.
    """

    number: int
    turn_id: str
    session_id: str
    worker_id: str | None
    at_ms: int
    old_usd: Decimal | None
    new_usd: Decimal | None
    old_credits: Decimal | None
    new_credits: Decimal | None
    new_basis: bool
    ruling: str | None = None
    """The stored reason; None: the readings caused the change."""

    @property
    def reason(self) -> str:
        """Why the amount changed."""
        if self.ruling in REASONS:
            return REASONS[self.ruling]
        if self.new_basis:
            return NEW_BASIS
        pairs = ((self.old_usd, self.new_usd), (self.old_credits, self.new_credits))
        return LESS if any(old is not None and new is not None and new < old for old, new in pairs) else MORE

    @property
    def is_more(self) -> bool:
        """Whether the worker reported more later, and nothing else changed the amount."""
        return self.reason == MORE

    @property
    def change(self) -> str:
        """Old and new amount: "$0.10 → $0.20"; in credits if the cost in USD did not change."""
        if self.old_usd != self.new_usd:
            return f"{amount_text(self.old_usd)} → {amount_text(self.new_usd)}"
        if self.old_credits != self.new_credits:
            old, new = (amount_text(one, Unit.CREDITS) for one in (self.old_credits, self.new_credits))
            return f"{old} → {new}"
        return "split by category changed"

    def line(self, name: str = "") -> str:
        """One line: "12: turn_1 $0.10 → $0.20, the worker reported more later.". `name`: of the turn."""
        return f"{self.number}: {name or self.turn_id} {self.change}, {self.reason}."

    # -- of several
    @staticmethod
    def text(several: Sequence[Restatement], names: Mapping[str, str] = MappingProxyType({})) -> str:
        """One line, "" for none: "Corrected 12: turn_1 $0.10 → $0.20, the worker reported more later.".

        `names`: turn id → name.
        """
        if not several:
            return ""
        *_, last = several
        if len(several) == 1:
            return f"Corrected {last.line(names.get(last.turn_id, ''))}"
        why = f": {last.reason}" if len({one.reason for one in several}) == 1 else ""
        return (
            f"Corrected {several[0].number} to {last.number}: {len(several)} amounts changed,"
            f" together {_sum_change(several)}{why}."
        )


def _sum_change(restatements: Sequence[Restatement]) -> str:
    """The sum of all changes: "+$0.30"; in credits if no cost in USD changed."""
    usd = [EXACT.subtract(one.new_usd or 0, one.old_usd or 0) for one in restatements]
    credit = [EXACT.subtract(one.new_credits or 0, one.old_credits or 0) for one in restatements]
    unit, amounts = (Unit.USD, usd) if any(usd) else (Unit.CREDITS, credit)
    change = reduce(EXACT.add, amounts, Decimal(0))
    return f"{'-' if change < 0 else '+'}{amount_text(change.copy_abs(), unit)}"


class RestatementPart(documents.Part, frozen=True):
    """A final amount that has changed."""

    number: int
    turn_id: str
    session_id: str | None
    worker_id: str | None
    at_ms: documents.Millis
    old_usd: documents.Amount | None
    new_usd: documents.Amount | None
    old_credits: documents.Amount | None
    new_credits: documents.Amount | None
    reason: str


def restatement_part(restatement: Restatement) -> RestatementPart:
    """A restatement as JSON."""
    return RestatementPart(
        number=restatement.number,
        turn_id=restatement.turn_id,
        session_id=restatement.session_id,
        worker_id=restatement.worker_id,
        at_ms=restatement.at_ms,
        old_usd=json_amount(restatement.old_usd),
        new_usd=json_amount(restatement.new_usd),
        old_credits=json_amount(restatement.old_credits),
        new_credits=json_amount(restatement.new_credits),
        reason=restatement.reason,
    )


# -- suspense ----------------------------------------------------------------------------------
SUSPENSE: Final = "suspense"
"""The title of its group in JSON and CSV."""
UNASSIGNED: Final = "Unassigned cost"
"""Its name for people."""
SUSPENSE_EXPLAINED: Final = f"{UNASSIGNED}: what a worker reported and no turn explains"


class AssignedRise(NamedTuple):
    """A rise that the person assigned to a turn."""

    number: int
    worker_id: str
    turn_id: str


def rise_text(rise: Rise) -> str:
    """The cost of a rise; in credits if it has no cost in USD."""
    if rise.usd or rise.credits is None:
        return Total(rise.usd, doubtful=rise.doubtful).about()
    return Total(rise.credits, doubtful=rise.doubtful).about(Unit.CREDITS)


def owners_text(rise: Rise) -> str:
    """The possible owners of a rise, as a text."""
    reasons = [f"{turn_id} was rejected at that time" for turn_id in rise.refused]
    if rise.strangers:
        messages = plural(rise.strangers, "message")
        reasons.append(f"{messages} from others (another key or person, a schedule or an email)")
    elif rise.strangers is None:
        late = f", or late costs of {rise.after}" if rise.after is not None else ""
        reasons.append(f"perhaps messages from others{late}")
    return "; ".join(reasons) or "before the first turn here"


def rises_of(results: Mapping[str | None, Sequence[MeterResult]], turns: Sequence[Turn]) -> list[Rise]:
    """The rises of all workers. `results`: of a `MoneyIndex` for `turns`."""
    with localcontext(EXACT):
        return [
            rise
            for worker, meters in results.items()
            if worker is not None and not is_of_file(worker)
            for rise in _rises_on(worker, meters, turns)
        ]


def _rises_on(worker_id: str, meters: Sequence[MeterResult], turns: Sequence[Turn]) -> list[Rise]:
    sums: dict[int, dict[int, Amount]] = {}
    facts: dict[int, Suspense] = {}
    # Figures of each turn alone leave nothing unexplained.
    lifetime = [at for at, meter in enumerate(meters) if not meter.by_turn]
    for at in lifetime:
        for one in meters[at].suspense:
            amounts = sums.setdefault(one.at_ms, {})
            amounts[at] = amounts.get(at, ZEROS[at]) + one.amount
            facts.setdefault(one.at_ms, one)
    reported = {at for at in lifetime if meters[at].total is not None}
    return [
        _rise(worker_id, meters, amounts, facts[seen_ms], reported, turns)
        for seen_ms, amounts in sorted(sums.items())
        if any(amounts.get(at) for at in MONEY)
    ]


def _rise(
    worker_id: str,
    meters: Sequence[MeterResult],
    amounts: Mapping[int, Amount],
    facts: Suspense,
    reported: set[int],
    turns: Sequence[Turn],
) -> Rise:
    def name(key: Key) -> str:
        return turns[key].turn_id if isinstance(key, int) else key

    # A reported figure that did not rise has risen by zero: it is not unknown.
    usage, costs = usage_and_costs(
        [amounts.get(at, zero) if at in reported else None for at, zero in enumerate(ZEROS)]
    )
    return Rise(
        worker_id,
        facts.at_ms,
        usage,
        costs,
        None if facts.last is None else name(facts.last),
        tuple(map(name, facts.refused)),
        facts.strangers,
        any(meters[at].basis is Basis.UNDECIDED for at in amounts if at in MONEY),
    )


# -- for people and programs -----------------------------------------------------------------
def suspense_buckets(rises: Sequence[Rise]) -> list[Bucket]:
    """A group without turns for each worker, sorted by worker id."""
    of_worker: dict[str, list[Rise]] = {}
    for rise in rises:
        of_worker.setdefault(rise.worker_id, []).append(rise)
    return [_bucket(worker, own) for worker, own in sorted(of_worker.items())]


def _bucket(worker_id: str, rises: Sequence[Rise]) -> Bucket:
    tokens = [None if rise.tokens is None else Decimal(rise.tokens) for rise in rises]
    sums: dict[str, Any] = {
        name: _total([getattr(rise.costs, name) for rise in rises]) for name in COST_MEMBERS
    }
    sums |= {"usd": _total([rise.usd for rise in rises]), "credits": _total([rise.credits for rise in rises])}
    for member in ("usd", "credits"):
        is_doubtful = any(rise.doubtful and getattr(rise, member) for rise in rises)
        sums[member] = replace(sums[member], doubtful=is_doubtful)
    first_ms, last_ms = min(rise.seen_ms for rise in rises), max(rise.seen_ms for rise in rises)
    sums |= {"tokens": _total(tokens), "first_ms": first_ms, "last_ms": last_ms}
    return Bucket(worker_id, **sums, title=SUSPENSE, rises=tuple(rises))


def _total(amounts: Sequence[Decimal | None]) -> Total:
    """The sum of the reported amounts, in which no turn is missing."""
    return Total(total(amounts).value)
