"""The line under an answer: its figures, and the difference from earlier turns."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from handinger_tui.core.money.attribution import MoneyIndex
from handinger_tui.core.receipts import receipt_line
from handinger_tui.core.stream import Snapshot
from handinger_tui.core.turns.session import Session
from handinger_tui.core.turns.turn import Trigger, Turn, TurnStatus
from tests.ui.panels.stage import reading, session, turn


def totals(*amounts: str | None) -> Session:
    """Turns of a worker that reports totals; None: a turn that reports nothing."""
    turns: list[Turn] = []
    before: Snapshot | None = None
    running_total = 0.0
    for at, amount in enumerate(amounts):
        after = None
        if amount is not None:
            running_total += float(amount)
            after = reading(f"{running_total:.4f}")
        turns.append(turn(at, before=before, after=after))
        before = after or before
    return session(*turns)


def test_the_change_against_the_median_follows_the_amount() -> None:
    shown = totals("0.01", "0.02", "0.03", "0.027")
    assert receipt_line(shown, shown.turns[3]) == "~12 s · ~$0.027 (+35%) Σ · standard"


def test_fewer_than_three_earlier_amounts_make_no_change() -> None:
    shown = totals("0.02", "0.01", None, "0.027")
    assert [receipt_line(shown, own) for own in shown.turns] == [
        "~12 s · $0.02 Σ · standard",
        "~12 s · ~$0.01 Σ · standard",
        "~12 s · ~$0.00 Σ · standard",
        "~12 s · ~$0.027 (+170%) Σ · standard",
    ]


def test_the_change_is_in_credits_where_only_those_are_reported() -> None:
    turns = [turn(at, after=reading(credit=str(credit))) for at, credit in enumerate((10, 30, 60, 70))]
    shown = session(*turns)
    assert receipt_line(shown, turns[3]) == "~12 s · ~10 credits (-50%) Σ · cost not reported · standard"
    priced = replace(shown, credit_usd=Decimal("0.002"))
    assert receipt_line(priced, turns[3]) == "~12 s · ~10 credits (-50%) Σ · ~$0.02 · standard"


def test_the_budget_of_an_imported_turn_cannot_begin_another_line() -> None:
    own = turn(0, after=reading("0.02"))
    forged = replace(own, request=replace(own.request, budget="high\n\x1b[2J$0.00"))
    assert receipt_line(session(forged), forged) == "~12 s · $0.02 Σ · high [2J$0.00"


def test_a_reported_duration_is_not_an_estimate() -> None:
    own = turn(0, after=reading("0.02", duration_ms=5400))
    assert receipt_line(session(own), own) == "5.4 s · $0.02 Σ · standard"


@pytest.mark.parametrize("status", [TurnStatus.RUNNING, TurnStatus.UNKNOWN])
def test_figures_of_a_turn_without_an_observed_end_are_so_far(status: TurnStatus) -> None:
    own = turn(0, status=status, after=reading("0.02", credit="8", busy=True))
    assert receipt_line(session(own), own) == "so far: ~12 s · 8 credits · $0.02 Σ · standard"


def test_the_cost_of_a_running_turn_is_pending() -> None:
    detached = turn(0, status=TurnStatus.RUNNING)
    assert receipt_line(session(detached), detached) == "~12 s · cost pending · standard"


def test_a_turn_of_another_client_has_neither_time_nor_budget() -> None:
    own = turn(0, after=reading("0.02"))
    adopted = replace(own, request=replace(own.request, trigger=Trigger.ELSEWHERE))
    assert receipt_line(session(adopted), adopted) == "$0.02 Σ"


def test_one_credit_is_singular() -> None:
    own = turn(0, after=reading("0.02", credit="1"))
    assert "· 1 credit ·" in receipt_line(session(own), own)


def test_an_absurd_change_is_shown_as_a_lower_bound() -> None:
    shown = totals("0.0001", "0.0001", "0.0001", "9")
    assert receipt_line(shown, shown.turns[3]) == "~12 s · ~$9.00 (>+999,999%) Σ · standard"


@pytest.mark.parametrize("status", [TurnStatus.ACCEPTED, TurnStatus.REJECTED, TurnStatus.NOT_SENT])
def test_running_and_unstarted_turns_have_no_line(status: TurnStatus) -> None:
    shown = session(turn(0, status=status, after=reading("0.01")))
    assert receipt_line(shown, shown.turns[0]) == ""


def test_lines_are_independent_of_each_other() -> None:
    shown = totals(*("0.01", "0.02", None, "0.03", "0.027", "0.5") * 12)
    index = MoneyIndex()
    assert [receipt_line(shown, own, index) for own in shown.turns] == [
        receipt_line(shown, own) for own in shown.turns
    ]
    fallen = session(*shown.turns, turn(99, after=reading("0.001")))
    assert [receipt_line(fallen, own, index) for own in fallen.turns] == [
        receipt_line(fallen, own) for own in fallen.turns
    ]


def test_a_split_beyond_the_cost_is_marked_in_the_line() -> None:
    own = turn(0, after=reading("0.10", costs=("0.10", "0.05", "0", "0")))
    assert receipt_line(session(own), own) == (
        "~12 s · $0.10 Σ · split exceeds the total by $0.05 · standard"
    )
