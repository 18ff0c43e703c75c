"""The local sum compared with the worker's own total, and every part of the difference."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from handinger_tui.core.amounts import Total
from handinger_tui.core.decimals import EXACT
from handinger_tui.core.figures import Costs, Usage
from handinger_tui.core.money.attribution import AmountBasis
from handinger_tui.core.money.reconciliation import (
    DifferenceParts,
    Reconciliation,
    reconcile,
    reconciliation_text,
)
from handinger_tui.core.stream import Snapshot
from handinger_tui.core.turns.session import Session
from handinger_tui.core.turns.turn import Turn, TurnRequest, TurnStatus


def read(usd: str | None, *, busy: bool = False, tokens: int | None = None) -> Snapshot:
    cost = None if usd is None else Decimal(usd)
    return Snapshot("wrk_1", running_flag=busy, usage=Usage(total_tokens=tokens, cost_usd=cost))


def turn(
    number: int,
    after: Snapshot | None,
    before: Snapshot | None = None,
    *,
    new: bool = False,
    status: TurnStatus = TurnStatus.COMPLETED,
) -> Turn:
    request = TurnRequest(f"turn_{number}", "hi", number, target_id=None if new else "wrk_1")
    return Turn(request, status=status, snapshot=after, before=before, worker_id="wrk_1")


def reconciled(*turns: Turn) -> Reconciliation:
    return reconcile(Session("ses_1", 0, "wrk_1", turns=turns))


def test_a_session_without_turns_has_nothing_to_compare() -> None:
    result = reconciled()
    assert result == Reconciliation(Total(Decimal(0)), None, None, AmountBasis.NONE, result.reason)
    assert reconciliation_text(result) == "The worker reported no cost, so there is nothing to compare with."


def test_only_turns_of_the_worker_with_a_total_are_compared_with_it() -> None:
    old = turn(1, read("0.9"), new=True)
    now = replace(turn(2, read("0.1"), new=True), worker_id="wrk_2")
    result = reconciled(old, now)
    assert (result.local, result.server, result.difference) == (
        Total(Decimal("0.1"), unsettled=True),
        Decimal("0.1"),
        Decimal(0),
    )


def test_a_worker_that_we_started_agrees() -> None:
    result = reconciled(turn(1, read("0.02"), new=True), turn(2, read("0.05"), read("0.02")))
    assert (result.server, result.difference, result.parts) == (
        Decimal("0.05"),
        Decimal(0),
        DifferenceParts(),
    )
    assert reconciliation_text(result) == "The local sum about $0.05 so far equals the worker's own total."


def test_the_spending_before_our_first_turn_is_named() -> None:
    result = reconciled(turn(1, read("0.09"), read("0.04")))
    assert result.difference == Decimal("0.04")
    assert result.parts == DifferenceParts(before=Decimal("0.04"))
    assert reconciliation_text(result) == (
        "The worker's own total is $0.09, $0.04 more than the local sum about $0.05 so far.\n"
        "$0.04 spent before this session first read the worker."
    )


def test_the_spending_of_others_between_our_turns_is_named() -> None:
    result = reconciled(turn(1, read("0.02"), new=True), turn(2, read("0.09"), read("0.06")))
    assert result.parts == DifferenceParts(between=Decimal("0.04"))
    assert "$0.04 spent outside this session since then." in reconciliation_text(result)


def test_unreported_turns_share_the_rise_of_the_next_reading() -> None:
    silent = (turn(2, None), turn(3, None))
    result = reconciled(turn(1, read("0.02"), new=True), *silent, turn(4, read("0.09"), read("0.06")))
    assert result.local == Total(Decimal("0.09"), doubtful=True, unsettled=True)
    assert result.parts == DifferenceParts()


def test_turns_without_a_first_reading_are_counted() -> None:
    result = reconciled(turn(1, read("0.02")), turn(2, read("0.09"), read("0.06")))
    assert result.local == Total(Decimal("0.03"), 1, doubtful=True, unsettled=True)
    assert result.parts == DifferenceParts(unreported=Decimal("0.06"), turns=1)
    assert "$0.06 in or around 1 turn of unknown cost." in reconciliation_text(result)


def test_all_parts_together() -> None:
    result = reconciled(
        turn(1, read("0.03"), read("0.01")),
        turn(2, read("0.07"), read("0.05")),
        turn(3, read("0.08"), read("0.07")),
        *(turn(4, None), turn(5, None)),
        turn(6, read("0.20"), read("0.11")),
    )
    assert result.difference == Decimal("0.03")
    assert result.parts == DifferenceParts(Decimal("0.01"), Decimal("0.02"))


def test_a_cost_that_our_turns_exceed_is_unexplained() -> None:
    """The worker first reports only its sum, and later only its categories, which are smaller."""
    fourth = Decimal("0.01")
    categories = replace(read(None), costs=Costs(fourth, fourth, fourth, fourth))
    result = reconciled(turn(1, read("0.05"), new=True), turn(2, categories, categories))
    assert result.server == Decimal("0.04")
    assert result.difference == Decimal("-0.01")
    assert result.parts == DifferenceParts(unexplained=Decimal("-0.01"))
    assert reconciliation_text(result) == (
        "The worker's own total is $0.04, $0.01 less than the local sum about $0.05 so far.\n"
        "-$0.01 unexplained."
    )


def test_a_worker_that_reports_each_turn_has_no_total() -> None:
    result = reconciled(turn(1, read("0.5"), new=True), turn(2, read("0.2")))
    assert (result.reading, result.server, result.difference) == (AmountBasis.PER_TURN, None, None)
    assert reconciliation_text(result) == (
        "This worker reports each turn separately, so it has no total to compare with."
    )


def test_tokens_alone_are_not_a_cost() -> None:
    result = reconciled(turn(1, read(None, tokens=5), new=True))
    assert (result.reading, result.server, result.local) == (AmountBasis.TOTAL, None, Total(None, 1))
    assert "reported no cost" in reconciliation_text(result)


def test_an_unknown_local_sum_is_not_zero() -> None:
    result = reconciled(turn(1, read("0.5")))
    assert (result.server, result.difference) == (Decimal("0.5"), None)
    assert (
        reconciliation_text(result)
        == "The worker's own total is $0.50. The cost of 1 turn of ours is unknown."
    )


def test_a_running_turn_is_incomplete() -> None:
    result = reconciled(turn(1, read("0.5", busy=True), new=True, status=TurnStatus.ACCEPTED))
    assert reconciliation_text(result) == "The local sum $0.50 so far equals the worker's own total."


def test_a_queued_turn_is_not_a_gap() -> None:
    result = reconciled(turn(1, read("0.5"), new=True), turn(2, None, status=TurnStatus.QUEUED))
    assert reconciliation_text(result) == "The local sum $0.50 so far equals the worker's own total."


def test_the_reading_before_a_refused_turn_counts() -> None:
    result = reconciled(turn(1, None, read("0.3"), status=TurnStatus.REJECTED))
    assert result.parts == DifferenceParts(before=Decimal("0.3"))


def test_the_cost_of_a_reading() -> None:
    assert read(None).cost_usd is None
    assert replace(read(None), costs=Costs(Decimal(1), Decimal(2), Decimal(3), None)).cost_usd is None
    assert replace(read(None), costs=Costs(*[Decimal("0.1")] * 4)).cost_usd == Decimal("0.4")


growth = st.decimals(min_value=0, max_value=10**20, places=17)


@given(st.lists(st.tuples(growth, growth, st.booleans(), st.booleans()), max_size=8), st.booleans())
def test_the_parts_are_exactly_the_difference(
    steps: list[tuple[Decimal, Decimal, bool, bool]], new: bool
) -> None:
    """Each step: the cost of others, the cost of the turn, whether we read before it, and after it."""
    level, turns = Decimal(0), []
    for number, (elsewhere, own, looked, read_after) in enumerate(steps):
        first = new and number == 0
        if not first:
            level = EXACT.add(level, elsewhere)
        before = read(str(level)) if looked and not first else None
        level = EXACT.add(level, own)
        turns.append(turn(number, read(str(level)) if read_after else None, before, new=first))
    result = reconciled(*turns)
    if result.difference is not None:
        assert result.server is not None
        assert result.local.value is not None
        assert result.difference == EXACT.subtract(result.server, result.local.value)
        parts = result.parts
        explained = EXACT.add(parts.before, parts.between)
        explained = EXACT.add(explained, EXACT.add(parts.unreported, parts.unexplained))
        assert explained == result.difference
        assert min(parts.before, parts.between, parts.unreported) >= 0
        assert parts.unexplained == 0
    assert "None" not in reconciliation_text(result)


def test_credits_of_each_turn_are_compared_with_the_total_of_the_task() -> None:
    def task(number: int, own_credits: str | None, total: str | None) -> Turn:
        credits_of = Usage(credits=None if own_credits is None else Decimal(own_credits))
        totals = Usage(credits=None if total is None else Decimal(total))
        snapshot = Snapshot("wrk_1", running_flag=False, by_turn=True, totals=totals)
        return replace(turn(number, snapshot), own_usage=credits_of)

    def text_of(*turns: Turn) -> str:
        return reconciliation_text(reconciled(*turns))

    assert (
        text_of(task(1, "3", "3"), task(2, "5", "8"))
        == "The local sum of 8 credits so far equals the task's own total."
    )
    assert text_of(task(1, "3", "10")) == (
        "The task's own total is 10 credits, 7 credits more than the local sum of 3 credits so far."
    )
    assert text_of(task(1, None, "4")) == (
        "The task's own total is 4 credits. The credits of 1 turn of ours are unknown."
    )
    assert "no total to compare with" in text_of(task(1, "3", None))
