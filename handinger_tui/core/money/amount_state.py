"""The state of an amount: how far it can be relied on. Queued and free turns have no amount, so none."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

from handinger_tui.core.amounts import Total


class AmountState(StrEnum):
    """How far the amount of a turn is known. Only new readings and decisions of the person lead back."""

    OPEN = "open"
    """The turn is under way: the amount grows."""
    PROVISIONAL = "provisional"
    """The turn has ended, but its amount was read once only, or a part of it is unknown."""
    SETTLED = "settled"
    """A later reading of the idle worker has confirmed the amount."""
    CLOSED = "closed"
    """Settled, and a statement has closed its month. Only the ledger says so; elsewhere it is settled."""


def state_of(*, ended: bool, complete: bool, confirmed: bool) -> AmountState:
    """The state of the amount of a turn.

    `ended`: the turn is no longer under way. `complete`: the worker was idle since, and no part of the amount
    is known to be missing. `confirmed`: two readings of the idle worker, `SETTLE_MS` apart, had the same
    figures; or the service reports figures of this turn alone, and a later reading had the same.
    """
    if not ended:
        return AmountState.OPEN
    return AmountState.SETTLED if complete and confirmed else AmountState.PROVISIONAL


def total_in(
    state: AmountState, value: Decimal | None, *, final: bool, doubtful: bool, shared: bool = False
) -> Total:
    """The amount of one turn. `final`: no part of it is known to be missing; `shared`: it is a maximum."""
    has_value = value is not None
    return Total(
        value,
        missing_turns=int(not (has_value and final)),
        doubtful=doubtful,
        open_turns=int(has_value and not final),
        unsettled=state is AmountState.OPEN or (has_value and state is AmountState.PROVISIONAL),
        shared=shared and has_value,
    )
