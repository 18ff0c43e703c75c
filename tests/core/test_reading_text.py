"""The text of `/reading` about a worker's figures."""

from __future__ import annotations

from decimal import Decimal

import pytest

from handinger_tui.core.figures import Usage
from handinger_tui.core.money.basis_text import basis_lines
from handinger_tui.core.stream import Snapshot
from handinger_tui.core.turns.session import RelatedHistory, Ruling, Session
from handinger_tui.core.turns.turn import Turn, TurnRequest, TurnStatus


def ended(number: int) -> Turn:
    usage = Usage(cost_usd=Decimal(number))
    return Turn(
        TurnRequest(f"turn_{number}", "hi", number, target_id="wrk_1"),
        status=TurnStatus.COMPLETED,
        worker_id="wrk_1",
        snapshot=Snapshot("wrk_1", running_flag=False, usage=usage),
        ended_ms=number,
    )


@pytest.mark.parametrize(
    ("turns", "words"), [(1, "1 reading is inconclusive"), (2, "2 readings are inconclusive")]
)
def test_the_verb_agrees_with_the_number_of_readings(turns: int, words: str) -> None:
    set_by_person = RelatedHistory(rulings=(Ruling("wrk_1", 5, basis="per_turn"),))
    sample = Session(
        "ses_1", 0, "wrk_1", turns=tuple(ended(at) for at in range(1, turns + 1)), elsewhere=set_by_person
    )
    assert any(words in line for line in basis_lines(sample)), basis_lines(sample)


def test_figures_that_the_service_reports_for_each_turn_need_no_decision() -> None:
    own = Turn(TurnRequest("turn_1", "hi", 1), own_usage=Usage(credits=Decimal(16)))
    [line] = basis_lines(Session("ses_1", 0, None, turns=(own,)))
    assert "figures of each turn" in line
