"""A later reading without a figure does not remove it."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from handinger_tui.core.stream import Frame, Framing, ReadReason
from handinger_tui.core.turns.fold import fold
from handinger_tui.core.turns.turn import Turn, TurnRequest

ORDER = TurnRequest("turn_1", "hello", 0, "w1")
FIRST = {
    "usage": {"inputTokens": 10, "totalTokens": 15, "costUsd": 0.05, "credits": 2},
    "costs": {"modelCostUsd": 0.04, "toolCostUsd": 0.01},
}


def read(
    *readings: dict[str, Any],
    looks: tuple[ReadReason, ...] = (ReadReason.MONEY, ReadReason.AFTER, ReadReason.MONEY),
) -> Turn:
    bodies = ({"id": "w1", "status": "completed", "running": False, **reading} for reading in readings)
    return fold(
        ORDER,
        [Frame(at, at, Framing.JSON, json.dumps(body), looks[at]) for at, body in enumerate(bodies)],
    )


@pytest.mark.parametrize(
    "later",
    [
        {"usage": {"inputTokens": 12, "totalTokens": 20}, "costs": {"modelCostUsd": 0.06}},
        {"usage": {"inputTokens": 12, "totalTokens": 20, "costUsd": "0.5", "credits": None}, "costs": None},
    ],
)
@pytest.mark.parametrize("look", [ReadReason.MONEY, ReadReason.DURING, ReadReason.AFTER])
def test_each_member_is_kept_by_itself(later: dict[str, Any], look: ReadReason) -> None:
    snapshot = read(FIRST, later, looks=(ReadReason.MONEY, look)).snapshot
    assert snapshot is not None
    usage, costs = snapshot.usage, snapshot.costs
    assert (usage.input_tokens, usage.total_tokens) == (12, 20)
    assert (usage.cost_usd, usage.credits) == (Decimal("0.05"), Decimal(2))
    assert costs.tool_usd == Decimal("0.01")


def test_an_unreported_figure_stays_unknown_and_a_zero_is_a_figure() -> None:
    snapshot = read(FIRST, {"usage": {"costUsd": 0, "steps": 1}}, {"usage": {"credits": 3}}).snapshot
    assert snapshot is not None
    assert (snapshot.usage.cost_usd, snapshot.usage.steps, snapshot.usage.credits) == (
        Decimal(0),
        1,
        Decimal(3),
    )
    assert snapshot.usage.duration_ms is None
