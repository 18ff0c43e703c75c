"""Restatements: closed amounts that changed, because a worker reported something else later."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from functools import reduce
from typing import Final

from msgspec import Struct

from handinger_tui.core.amounts import EXACT, credits_words, decimal_text, usd_text
from handinger_tui.core.jsontext import JsonObject

NEW_MEANING: Final = "the worker's figures turned out to mean something else"
MORE: Final = "the worker reported more later"
LESS: Final = "the worker reported less later"
PINNED: Final = "pinned"
"""The stored reason of a correction: the person pinned what the figures mean, or left it to the readings."""
ASSIGNED: Final = "assigned"
"""The stored reason of a correction: the person decided to which turn suspense belongs."""
NEW_RULES: Final = "new rules"
"""The stored reason of a correction: an earlier version of the program computed the amount by other rules."""
_BY_RULING: Final = {
    NEW_RULES: "this version of handinger-tui attributes costs differently",
    PINNED: "you decided what the worker's figures mean",
    ASSIGNED: "you decided to which turn suspense belongs",
}
"""Words for stored reasons; other corrections are explained by the readings."""


class Restatement(Struct, frozen=True):
    """One change of a closed amount. Amounts in USD and credits; None: not known.

    `number`: that of the correcting entry in the ledger; it never changes. `at_ms`: when the change was read.
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
    new_meaning: bool
    ruling: str | None = None
    """The stored reason where the readings did not cause the change."""

    @property
    def reason(self) -> str:
        """Why the amount changed."""
        if self.ruling in _BY_RULING:
            return _BY_RULING[self.ruling]
        if self.new_meaning:
            return NEW_MEANING
        pairs = ((self.old_usd, self.new_usd), (self.old_credits, self.new_credits))
        return LESS if any(old is not None and new is not None and new < old for old, new in pairs) else MORE

    @property
    def change(self) -> str:
        """Old and new amount: "$0.10 → $0.20". Credits where the cost in USD did not change."""
        if self.old_usd != self.new_usd:
            return f"{usd_text(self.old_usd)} → {usd_text(self.new_usd)}"
        if self.old_credits != self.new_credits:
            return f"{credits_words(self.old_credits)} → {credits_words(self.new_credits)}"
        return "split by category changed"


def restatement_text(restatements: Sequence[Restatement]) -> str:
    """One line for one or more: "Restatement 12: turn_1 $0.10 → $0.20, the worker reported more later."""
    *_, last = restatements
    if len(restatements) == 1:
        return f"Restatement {last.number}: {last.turn_id} {last.change}, {last.reason}."
    reasons = {restatement.reason for restatement in restatements}
    why = f": {last.reason}" if len(reasons) == 1 else ""
    return (
        f"Restatements {restatements[0].number} to {last.number}: {len(restatements)} closed amounts changed,"
        f" together {_sum_change(restatements)}{why}."
    )


def _sum_change(restatements: Sequence[Restatement]) -> str:
    """How much all together changed by: "+$0.30"; credits where no cost in USD changed."""
    usd = [EXACT.subtract(one.new_usd or 0, one.old_usd or 0) for one in restatements]
    credit = [EXACT.subtract(one.new_credits or 0, one.old_credits or 0) for one in restatements]
    write, amounts = (usd_text, usd) if any(usd) else (credits_words, credit)
    change = reduce(EXACT.add, amounts, Decimal(0))
    return f"{'-' if change < 0 else '+'}{write(abs(change))}"


def restatement_object(restatement: Restatement) -> JsonObject:
    """The JSON object. Amounts are decimal text in USD and credits, null where not known."""

    def text(amount: Decimal | None) -> str | None:
        return None if amount is None else decimal_text(amount)

    return {
        "number": restatement.number,
        "turn_id": restatement.turn_id,
        "session_id": restatement.session_id,
        "worker_id": restatement.worker_id,
        "at_ms": restatement.at_ms,
        "old_usd": text(restatement.old_usd),
        "new_usd": text(restatement.new_usd),
        "old_credits": text(restatement.old_credits),
        "new_credits": text(restatement.new_credits),
        "reason": restatement.reason,
    }
