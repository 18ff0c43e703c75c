"""The line under an answer: its figures, and the difference from earlier turns."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import pytest
from msgspec.structs import replace

from handinger_tui.core.money.attribution import MoneyIndex
from handinger_tui.core.prices import Prices
from handinger_tui.core.receipts import receipt_line
from handinger_tui.core.stream import FilePart, Snapshot, SourcePart
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


def test_the_line_has_three_facts() -> None:
    shown = totals("0.02", "0.01", None, "0.0271828")
    assert [receipt_line(shown, own) for own in shown.turns] == [
        "12 s · $0.02",
        "12 s · about $0.01",
        "12 s · about $0.00 so far",
        "12 s · about $0.0272 so far",
    ]
    parts = (FilePart("https://x.test/a.csv", "text/csv", "a.csv"), SourcePart("s", "https://x.test", "X"))
    own = replace(shown.turns[0], parts=parts)
    assert receipt_line(shown, own) == "12 s · $0.02 · 1 file"
    assert receipt_line(shown, replace(own, parts=parts[1:])) == "12 s · $0.02 · 1 source"


def test_the_cost_is_in_credits_where_only_those_are_reported() -> None:
    looks = [None, *(reading(credit=credit) for credit in ("10", "30", "60", "70"))]
    turns = [turn(at, before=before, after=after) for at, (before, after) in enumerate(pairwise(looks))]
    shown = session(*turns)
    assert receipt_line(shown, turns[3]) == "12 s · about 10 credits so far"
    priced = replace(shown, prices=Prices((("", Decimal("0.002")),)))
    assert receipt_line(priced, turns[3]) == "12 s · about 10 credits so far (about $0.02)"


def test_a_duration_is_the_reported_one() -> None:
    own = turn(0, after=reading("0.02", duration_ms=5400))
    assert receipt_line(session(own), own) == "5.4 s · $0.02 so far"


@pytest.mark.parametrize("status", [TurnStatus.RUNNING, TurnStatus.UNKNOWN])
def test_figures_of_a_turn_without_an_observed_end_are_so_far(status: TurnStatus) -> None:
    own = turn(0, status=status, after=reading("0.02", credit="8", busy=True))
    assert receipt_line(session(own), own) == "12 s · $0.02 so far"


def test_the_cost_of_a_running_turn_is_pending() -> None:
    detached = turn(0, status=TurnStatus.RUNNING)
    assert receipt_line(session(detached), detached) == "12 s · cost unknown so far"


def test_a_turn_of_another_client_has_neither_time_nor_budget() -> None:
    own = turn(0, after=reading("0.02"))
    adopted = replace(own, request=replace(own.request, trigger=Trigger.ELSEWHERE))
    assert receipt_line(session(adopted), adopted) == "$0.02 so far"


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
    assert receipt_line(session(own), own) == "12 s · $0.10 so far · split exceeds the total by $0.05"
