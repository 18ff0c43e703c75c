"""The money of a turn in JSON: the members of a result that say what it used and cost."""

from __future__ import annotations

from enum import StrEnum

from handinger_tui.core.decimals import json_amount
from handinger_tui.core.documents import Amount, Part
from handinger_tui.core.figures import cost_of
from handinger_tui.core.money.amount_state import AmountState
from handinger_tui.core.money.attribution import AmountBasis, TurnMoney
from handinger_tui.core.turns.turn import Turn, TurnStatus


class TurnMoneyState(StrEnum):
    """How far the amount of a turn can be relied on: `turn_money.state`."""

    EXACT = "exact"
    APPROXIMATE = "approximate"
    """It depends on what the worker's figures mean, which is not decided."""
    SHARED = "shared"
    """A part may belong to others."""
    PENDING = "pending"
    """It may still change: the turn is under way, or its figures were not confirmed yet."""
    UNKNOWN = "unknown"


class TurnAmount(Part, frozen=True):
    """What a turn took, and how far that can be relied on. An amount that is entered elsewhere is null."""

    usd: Amount | None
    credits: Amount | None
    state: TurnMoneyState
    shared_with: int | None
    """With how many messages it is shared."""
    meaning: str
    """What the figures of the worker mean: lifetime, per_turn, or undecided."""
    restated: bool
    """Whether a final amount has changed."""

    @classmethod
    def of(cls, turn: Turn, money: TurnMoney, *, restated: bool) -> TurnAmount:
        """What a turn took. `restated`: a final amount of the turn has changed."""
        usage, costs = money.own
        is_undecided = money.reading is AmountBasis.NONE or money.undecided or bool(money.doubts)
        return cls(
            usd=json_amount(cost_of(usage, costs)),
            credits=json_amount(usage.credits),
            state=_state_of(turn, money),
            shared_with=money.others if money.shared else None,
            meaning="undecided" if is_undecided else money.reading.word,
            restated=restated,
        )


def _state_of(turn: Turn, money: TurnMoney) -> TurnMoneyState:
    is_running = turn.status is TurnStatus.RUNNING and money.state is AmountState.OPEN
    is_open = turn.live or is_running
    if money.free:
        return TurnMoneyState.EXACT
    if is_open or money.usd is None is money.usage.credits:
        return TurnMoneyState.PENDING if is_open else TurnMoneyState.UNKNOWN
    if money.shared:
        return TurnMoneyState.SHARED
    if money.doubts:
        return TurnMoneyState.APPROXIMATE
    return TurnMoneyState.EXACT if money.state is AmountState.SETTLED else TurnMoneyState.PENDING
