"""The figures of the usage panel: values, pending, not reported, and sums with gaps."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from handinger_tui.core.amounts import Total
from handinger_tui.core.money.attribution import Interpretation
from handinger_tui.core.money.limits import Gauge, Limit, Scope
from handinger_tui.core.amounts import Unit
from handinger_tui.core.turns.turn import Trigger, TurnStatus
from handinger_tui.ui.panels.usage import compact_line, gap_words
from handinger_tui.ui.panels.usage_view import MEMBERS, Figure, usage_view
from tests.ui.panels.stage import FIRST, NOON, SECOND, pinned, reading, session, turn, two_turns

if TYPE_CHECKING:
    from handinger_tui.core.turns.session import Session


def test_this_turn_is_the_difference_and_this_worker_the_newest_total() -> None:
    view = usage_view(two_turns())
    assert view.reading is Interpretation.TOTAL
    assert view.this_turn("cost") == Figure(Decimal("0.0123"))
    assert view.this_worker("cost") == Figure(Decimal("0.0500"))
    assert view.this_turn("input") == Figure(1204)
    assert view.this_worker("steps") == Figure(11)


def test_a_true_zero_is_a_value() -> None:
    assert usage_view(two_turns()).this_turn("cache_write") == Figure(0)


def test_unknown_is_not_zero() -> None:
    view = usage_view(session(turn(0, after=reading(), seconds=None)))
    for member in MEMBERS:
        assert view.this_turn(member.name).value is None
        assert view.this_worker(member.name).value is None
        assert not view.this_turn(member.name).pending


@pytest.mark.parametrize("status", [TurnStatus.ACCEPTED, TurnStatus.CHECKING, TurnStatus.RUNNING])
def test_what_may_still_come_is_pending(status: TurnStatus) -> None:
    view = usage_view(session(turn(0, status=status, seconds=None)))
    assert all(figure == Figure(pending=True) for figure in view.turn)
    assert all(figure.value is None and figure.pending for figure in view.worker)


def test_numbers_of_a_running_turn_are_so_far_and_leave_a_gap_in_the_sum() -> None:
    busy = replace(SECOND, running_flag=True)
    running = turn(1, status=TurnStatus.ACCEPTED, before=FIRST, after=busy, seconds=None)
    view = usage_view(pinned(session(turn(0, after=FIRST), running)))
    assert view.so_far
    assert view.this_turn("cost") == Figure(Decimal("0.0123"))
    assert view.this_worker("cost") == Figure(Decimal("0.0500"), missing=1, running=True)
    assert gap_words(view) == "+n: n turns unknown, this turn is running"


def test_this_worker_is_the_one_of_the_newest_turn_alone() -> None:
    own = turn(1, after=reading("0.01", credit="1"))
    new = replace(own, worker_id="another", request=replace(own.request, worker_id=None))
    view = usage_view(session(turn(0, after=SECOND), new))
    assert (view.reading, view.history) == (Interpretation.TOTAL, (Decimal("0.0500"), Decimal("0.01")))
    assert view.this_worker("cost") == view.this_turn("cost") == Figure(Decimal("0.01"))
    assert view.elapsed(None)[1].value == 12_000


@pytest.mark.parametrize("status", [TurnStatus.CHECKING, TurnStatus.COMPLETED])
def test_no_time_and_no_pace_is_claimed_for_what_others_started(status: TurnStatus) -> None:
    busy = replace(SECOND, running_flag=status is TurnStatus.CHECKING)
    own = turn(1, status=status, before=FIRST, after=busy)
    adopted = replace(own, request=replace(own.request, trigger=Trigger.ELSEWHERE))
    view = usage_view(session(turn(0, after=FIRST, seconds=None), adopted))
    assert view.elapsed(NOON + 60_000)[0] == Figure(pending=status is TurnStatus.CHECKING)
    assert view.rate()[1][0].value is None


def test_turns_after_the_newest_reading_are_gaps() -> None:
    view = usage_view(session(turn(0, after=FIRST), turn(1), turn(2)))
    assert view.this_worker("cost") == Figure(Decimal("0.0377"), missing=2)
    assert view.this_turn("cost") == Figure()
    assert gap_words(view) == "+n: n turns unknown"


def test_a_later_reading_closes_the_gap_of_a_worker_that_reports_totals() -> None:
    view = usage_view(session(turn(0), turn(1, after=SECOND)))
    # It may be the second turn's alone: one reading does not show what the figures mean.
    assert view.this_worker("cost") == Figure(Decimal("0.0500"), sign="~")
    assert view.this_turn("cost") == Figure(Decimal("0.0500"), sign="≤")
    assert view.share == "shared with 1 other run"


def test_a_turn_that_never_started_is_not_a_gap_and_not_shown_by_the_panel() -> None:
    view = usage_view(session(turn(0, after=FIRST), turn(1, status=TurnStatus.REJECTED)))
    assert view.this_worker("cost") == Figure(Decimal("0.0377"))
    assert view.this_turn("cost") == Figure(Decimal("0.0377"))
    assert view.history == (Decimal("0.0377"),)


def test_when_numbers_fall_turns_are_added_with_their_gaps() -> None:
    turns = (turn(0, after=reading("0.05")), turn(1, after=reading("0.02")), turn(2))
    view = usage_view(session(*turns))
    assert view.reading is Interpretation.PER_TURN
    # One fall decides nothing: it may have been a reset of a total.
    assert view.this_worker("cost") == Figure(Decimal("0.07"), missing=1, sign="~")
    assert view.history == (Decimal("0.05"), Decimal("0.02"), None)


def test_the_cost_is_the_sum_of_its_categories_when_only_these_are_reported() -> None:
    view = usage_view(session(turn(0, after=reading(costs=("0.01", "0.02", "0.03", "0.04")))))
    assert view.this_turn("cost") == Figure(Decimal("0.10"))
    assert view.this_worker("cost") == Figure(Decimal("0.10"))


def test_sums_are_exact() -> None:
    small, large = "0.000000000000000000000000000000000001", "123456789012345678901234567890.5"
    view = usage_view(session(turn(0, after=reading(large)), turn(1, after=reading(small))))
    assert view.this_worker("cost").value == Decimal(large[:-1] + "500000000000000000000000000000000001")


def test_our_own_time_is_an_estimate_next_to_the_reported_duration() -> None:
    view = usage_view(session(turn(0, after=reading("0.01"), seconds=12)))
    assert view.this_turn("duration") == Figure()
    assert view.elapsed(None) == (Figure(12_000, estimate=True), Figure(12_000, estimate=True))


def test_the_time_of_a_running_turn_counts_from_the_moment_it_was_sent() -> None:
    running = turn(1, status=TurnStatus.ACCEPTED, before=FIRST, seconds=None)
    view = usage_view(session(turn(0, after=FIRST), running))
    assert view.elapsed(None)[0] == Figure(pending=True)
    assert view.elapsed(None)[1] == Figure(12_000, missing=1, running=True, estimate=True)
    own, worker = view.elapsed(running.request.created_ms + 5_000)
    assert (own.value, worker.value) == (5_000, 17_000)
    assert view.elapsed(running.request.created_ms - 5_000)[0].value == 0


@pytest.mark.parametrize("status", [TurnStatus.RUNNING, TurnStatus.COMPLETED])
def test_a_turn_without_an_observed_end_has_no_time(status: TurnStatus) -> None:
    view = usage_view(session(turn(0, after=FIRST), turn(1, status=status, seconds=None)))
    pending = status is TurnStatus.RUNNING
    assert view.elapsed(NOON) == (
        Figure(pending=pending),
        Figure(12_000, missing=1, running=pending, estimate=True),
    )
    assert view.rate()[1][0] == Figure(hidden=True)


def test_a_rate_is_an_estimate_from_the_newest_reading() -> None:
    busy = replace(SECOND, running_flag=True)
    running = turn(1, status=TurnStatus.ACCEPTED, before=FIRST, after=busy, seconds=None)

    def rate(read_after_ms: int | None) -> tuple[str, tuple[Figure, Figure]]:
        at = None if read_after_ms is None else running.request.created_ms + read_after_ms
        return usage_view(
            session(replace(turn(0, after=FIRST), read_ms=None), replace(running, read_ms=at))
        ).rate()

    name, (own, worker) = rate(60_000)
    assert name == "rate"
    assert own == Figure(Decimal("0.0123"), estimate=True)
    assert worker == Figure(Decimal("0.05") * 60_000 / 72_000, estimate=True)
    assert rate(20_000)[1][0] == Figure(hidden=True), "the worker has 32 seconds, this turn too few"
    assert rate(20_000)[1][1].value is not None
    for early in (17_000, None):
        assert rate(early) == ("", (Figure(hidden=True),) * 2)


def test_the_rate_is_in_credits_where_only_those_are_reported() -> None:
    view = usage_view(session(turn(0, after=reading(credit="20"), seconds=40)))
    assert view.rate() == ("credit_rate", (Figure(Decimal(30), estimate=True),) * 2)
    nothing = usage_view(session(turn(0, after=reading(), seconds=40)))
    assert nothing.rate() == ("", (Figure(hidden=True),) * 2)


def test_a_turn_that_never_started_adds_no_time_to_the_worker() -> None:
    refused = turn(1, status=TurnStatus.REJECTED)
    view = usage_view(session(turn(0, after=FIRST), refused, turn(2, before=FIRST, after=SECOND)))
    assert view.elapsed(None)[1] == Figure(24_000, estimate=True)


def test_estimates_are_in_no_sum_of_reported_figures() -> None:
    view = usage_view(session(turn(0, after=FIRST), turn(1, before=FIRST, after=SECOND)))
    assert not any(figure.estimate for figure in (*view.turn, *view.worker))


def test_queued_turns_are_not_this_turn() -> None:
    running = turn(0, status=TurnStatus.ACCEPTED, seconds=None)
    queued = turn(1, status=TurnStatus.QUEUED, seconds=None)
    view = usage_view(session(running, queued))
    assert view.status is TurnStatus.ACCEPTED
    assert view.this_worker("cost").missing == 1


@pytest.mark.parametrize(
    ("shown", "line"),
    [
        (session(), ""),
        (two_turns(), "turn $0.0123 · 8 credits · 1,576 tokens · worker $0.05"),
        (session(*two_turns().turns), "turn ~$0.0123 · ~8 credits · 1,576 tokens · worker ~$0.05"),
        (
            session(turn(0, after=FIRST), turn(1), turn(2)),
            "turn not reported · worker $0.0377 +2",
        ),
        (session(turn(0, status=TurnStatus.ACCEPTED, seconds=None)), "cost pending"),
        (session(turn(0, after=reading())), "turn not reported · worker not reported"),
    ],
)
def test_one_line_for_narrow_screens(shown: Session, line: str) -> None:
    assert compact_line(shown) == line


def gauge(scope: Scope, spent: str | None, amount: str = "1", missing: int = 0) -> Gauge:
    limit = Limit(scope, Unit.USD, Decimal(amount))
    return Gauge(limit, Total(None if spent is None else Decimal(spent), missing))


def test_the_nearest_limit_follows_only_where_there_is_room() -> None:
    limits = [gauge(Scope.SESSION, "0.1"), gauge(Scope.DAY, "0.9"), gauge(Scope.WORKER, None, missing=1)]
    alone = "turn $0.0123 · 8 credits · 1,576 tokens · worker $0.05"
    assert compact_line(two_turns(), limits) == f"{alone} · daily limit 90%, near"
    assert compact_line(two_turns(), limits, len(alone) + 23) == alone
    assert compact_line(two_turns(), limits, len(alone) + 24) == f"{alone} · daily limit 90%, near"


def test_amounts_of_money_are_the_last_to_go() -> None:
    running = turn(
        2, before=SECOND, after=reading("0.06", credit="40", busy=True), status=TurnStatus.ACCEPTED
    )
    sample = pinned(session(*two_turns().turns, running))
    line = compact_line(sample)
    assert line == "turn $0.01 · 9 credits · worker $0.06 +1"
    assert compact_line(sample, most=len(line)) == line
    brief = "turn $0.01 · worker $0.06 +1"
    assert compact_line(sample, most=len(line) - 1) == compact_line(sample, most=1) == brief
