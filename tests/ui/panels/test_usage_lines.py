"""Words and figures of the usage panel that must fit into few cells."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from handinger_tui.core.amounts import usd_within
from handinger_tui.core.figures import Usage
from handinger_tui.core.stream import Snapshot
from handinger_tui.core.turns.session import Session
from handinger_tui.core.turns.turn import Turn, TurnRequest, TurnStatus
from handinger_tui.ui.panels.usage import compact_line, rough, seconds, unknown_sign, usage_lines
from handinger_tui.ui.panels.usage_view import Figure, usage_view


def test_the_signs_of_the_unknown() -> None:
    assert unknown_sign(Figure()) == "—"
    assert unknown_sign(Figure(pending=True)) == "…"


@pytest.mark.parametrize(
    ("value", "text"), [("0.0123456", "$0.012"), ("12.345", "$12.00"), ("0", "$0.00"), ("0.096", "$0.096")]
)
def test_an_estimate_has_two_digits(value: str, text: str) -> None:
    assert rough(usd_within)(Decimal(value), 9) == text


@pytest.mark.parametrize(
    ("value", "text"), [(5_000, "5 s"), (5_400, "5.4 s"), (400, "0.4 s"), (95_000, "1 m 35 s")]
)
def test_a_clock_counts_full_seconds(value: int, text: str) -> None:
    assert seconds(value, 9) == text


def test_credits_come_first_where_no_usd_are_reported() -> None:
    snapshot = Snapshot("t1", running_flag=False, by_turn=True)
    request = TurnRequest("turn_1", "hi", 0, "t1")
    own = Usage(credits=Decimal(95), input_tokens=209)
    turn = Turn(request, status=TurnStatus.COMPLETED, snapshot=snapshot, worker_id="t1", own_usage=own)
    view = usage_view(Session("ses_1", 0, "t1", turns=(turn,)))
    lines = [line.plain.strip() for line in usage_lines(view, 36)]
    assert "95 credits · cost not reported" in lines
    assert not any(line.startswith("cost ") for line in lines)
    assert any(line.split() == ["credits", "95", "95"] for line in lines)


@pytest.mark.parametrize("place", [0, 1])
def test_an_unsent_message_shows_no_cost(place: int) -> None:
    """It costs nothing, and the turns without a reported cost stay unknown."""
    snapshot = Snapshot("t1", running_flag=False, by_turn=True)
    own = Usage(credits=Decimal(95))
    done = Turn(
        TurnRequest("turn_1", "hi", 0, "t1"), status=TurnStatus.COMPLETED, snapshot=snapshot, own_usage=own
    )
    dropped = Turn(TurnRequest("turn_2", "no", 0, "t1"), status=TurnStatus.NOT_SENT)
    turns = [done, replace(done, request=replace(done.request, turn_id="turn_3"))]
    turns.insert(place, dropped)
    lines = [
        line.plain.strip()
        for line in usage_lines(usage_view(Session("ses_1", 0, "t1", turns=tuple(turns))), 36)
    ]
    assert any(line.split() == ["credits", "95", "190"] for line in lines)
    assert not any("$" in line for line in lines)


def test_credits_have_an_approximate_price_if_one_is_configured() -> None:
    snapshot = Snapshot("t1", running_flag=False, by_turn=True)
    turn = Turn(
        TurnRequest("turn_1", "hi", 0, "t1"),
        status=TurnStatus.COMPLETED,
        snapshot=snapshot,
        worker_id="t1",
        own_usage=Usage(credits=Decimal(95)),
    )
    priced = Session("ses_1", 0, "t1", generation="tasks", turns=(turn,), credit_usd=Decimal("0.01"))
    lines = [line.plain.strip() for line in usage_lines(usage_view(priced), 36)]
    assert "95 credits · ~$0.95" in lines
    assert any(line.split() == ["in", "USD", "~$0.95", "~$0.95"] for line in lines)
    assert "~ in USD: at your price of $0.01 a" in lines
    assert not any("undecided" in line for line in lines)
    assert compact_line(priced) == "turn 95 credits ~$0.95 · task 95 credits ~$0.95"
    # What the service reports in USD is never replaced.
    paid = replace(turn, own_usage=Usage(credits=Decimal(95), cost_usd=Decimal("0.5")))
    texts = " ".join(line.plain for line in usage_lines(usage_view(replace(priced, turns=(paid,))), 36))
    assert "$0.50" in texts
    assert "~$" not in texts


@pytest.mark.parametrize("status", [TurnStatus.ACCEPTED, TurnStatus.COMPLETED])
def test_the_line_of_a_closed_panel_names_credits_where_no_usd_are_reported(status: TurnStatus) -> None:
    snapshot = Snapshot("t1", running_flag=status is TurnStatus.ACCEPTED, by_turn=True)
    own = Usage(credits=Decimal(95))
    turn = Turn(TurnRequest("turn_1", "hi", 0, "t1"), status=status, snapshot=snapshot, own_usage=own)
    line = compact_line(Session("ses_1", 0, "t1", turns=(turn,)))
    gap = " +1" if status is TurnStatus.ACCEPTED else ""
    assert line == f"turn 95 credits · worker 95 credits{gap}"
