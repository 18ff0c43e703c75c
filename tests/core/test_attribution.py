"""The cost of one turn, by the readings around it: once, and in a growing session."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from handinger_tui.core.amounts import Total, Unit
from handinger_tui.core.decimals import EXACT
from handinger_tui.core.figures import FIGURES, NO_COSTS, Costs, Usage
from handinger_tui.core.money.attribution import (
    NOTHING_SPENT,
    AmountBasis,
    MoneyIndex,
    TurnMoney,
    session_money,
)
from handinger_tui.core.money.events import Read
from handinger_tui.core.money.turn_events import TimedEvent, events_of_other, events_text
from handinger_tui.core.stream import Snapshot
from handinger_tui.core.turns.session import OtherTurn, RelatedHistory, Session
from handinger_tui.core.turns.turn import (
    EARLY_MS,
    FREE,
    LATE_MS,
    FigureRead,
    TextPart,
    Turn,
    TurnRequest,
    TurnStatus,
    with_read,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# -- reads -----------------------------------------------------------------------------
WORKER = "wrk_1"


def read(usd: str | None = None, tokens: int | None = None, *, busy: bool = False) -> Snapshot:
    usage = Usage(
        total_tokens=tokens,
        cost_usd=None if usd is None else Decimal(usd),
    )
    return Snapshot(
        worker_id=WORKER, status="running" if busy else "completed", running_flag=busy, usage=usage
    )


def turn(
    number: int,
    snapshot: Snapshot | None,
    *,
    before: Snapshot | None = None,
    worker_id: str | None = WORKER,
    status: TurnStatus = TurnStatus.COMPLETED,
) -> Turn:
    request = TurnRequest(f"turn_{number}", "hi", number, target_id=worker_id)
    return Turn(request, status=status, snapshot=snapshot, before=before, worker_id=WORKER)


def usd(money: tuple[TurnMoney, ...]) -> list[str | None]:
    return [None if one.usd is None else str(one.usd) for one in money]


def test_a_new_worker_had_used_nothing_before() -> None:
    (money,) = MoneyIndex()([turn(1, read("0.5", 10), worker_id=None)])
    assert money.usd == Decimal("0.5")
    assert money.usage.total_tokens == 10
    assert money.reading is AmountBasis.TOTAL
    assert money.final


def test_the_duration_is_measured_from_sending_and_not_from_the_queue() -> None:
    ended = replace(turn(1_000, read("0.5")), sent_ms=61_000, ended_ms=69_000)
    assert ended.elapsed_ms == 8_000
    assert replace(ended, sent_ms=None).elapsed_ms == 68_000, "sent at once, by an earlier version"
    assert replace(ended, sent_ms=None, status=TurnStatus.NOT_SENT).elapsed_ms is None


def test_an_older_worker_without_a_reading_before_is_unknown() -> None:
    (money,) = MoneyIndex()([turn(1, read("0.5", 10))])
    assert money.usd is None
    assert money.usage.total_tokens is None
    assert not money.final


@pytest.mark.parametrize(("end", "cost"), [("0.5", None), ("0.6", "0.1")])
def test_no_rise_is_no_zero_where_it_is_unknown_whether_the_message_arrived(
    end: str, cost: str | None
) -> None:
    first = turn(1, read("0.5"), worker_id=None)
    doubt = turn(2, read(end), before=read("0.5"), status=TurnStatus.UNKNOWN)
    assert usd(MoneyIndex()([first, doubt])) == ["0.5", cost]
    assert session_money([first, doubt]).usd.missing_turns == (cost is None)
    # Once it is settled, the same figures are certain.
    settled = MoneyIndex()([first, replace(doubt, status=TurnStatus.COMPLETED)])
    assert usd(settled) == ["0.5", cost or "0"]


@pytest.mark.parametrize("before", [None, "0.5"])
@pytest.mark.parametrize("own_credits", [None, Decimal(0)])
def test_no_cost_is_final_only_when_a_second_reading_shows_it(
    before: str | None, own_credits: Decimal | None
) -> None:
    """Right after the end, the service may not have counted the turn."""
    first = turn(1, None, before=None if before is None else read(before), worker_id=before and WORKER)
    own_usage = None if own_credits is None else Usage(credits=own_credits)
    early = FigureRead(2, Usage(cost_usd=Decimal(before or 0)), NO_COSTS, busy=False, prompts=1)
    first = replace(first, own_usage=own_usage, snapshot=read(before or "0"), ended_ms=3)
    once = replace(first, reads=with_read(first, early))
    money = session_money([once])
    assert (money.turns[0].final, money.usd.missing_turns, money.credits.missing_turns) == (False, 1, 1)
    soon = replace(once, reads=with_read(once, early._replace(at_ms=9)))
    assert not session_money([soon]).turns[0].final
    twice = replace(once, reads=with_read(once, early._replace(at_ms=2 + EARLY_MS)))
    assert session_money([twice]).turns[0].final
    # Two readings are kept, the newest of them until they confirm the amount.
    third = replace(twice, reads=with_read(twice, early._replace(at_ms=LATE_MS + 2)))
    assert [one.at_ms for one in third.reads] == [2, LATE_MS + 2]
    assert with_read(third, early._replace(at_ms=LATE_MS + 20)) is third.reads
    # So does the reading before the next turn; and a cost is final at once.
    later = turn(3 + EARLY_MS, read("0.7"), before=read(before or "0"))
    assert session_money([once, later]).turns[0].final
    assert session_money([once, later]).turns[1].final


def test_totals_give_differences() -> None:
    turns = [
        turn(1, read("0.5"), worker_id=None),
        turn(2, read("0.7")),
        turn(3, read("1.0"), before=read("0.9")),
    ]
    assert usd(MoneyIndex()(turns)) == ["0.5", "0.2", "0.1"]
    assert session_money(turns).reading is AmountBasis.TOTAL


def test_figures_that_restart_with_every_turn_are_reported_per_turn() -> None:
    turns = [
        turn(1, read("0.3", 10), worker_id=None),
        turn(2, read("0.1", 20), before=read("0.3", 10)),
        turn(3, read("0.2", 30), before=read("0.1", 20)),
    ]
    money = session_money(turns)
    assert money.reading is AmountBasis.PER_TURN
    assert usd(money.turns) == ["0.3", "0.1", "0.2"]
    # Each figure has its own meaning: the tokens only increase.
    assert [one.usage.total_tokens for one in money.turns] == [10, 10, 10]
    # One fall decides nothing.
    assert money.usd == Total(Decimal("0.6"), doubtful=True, unsettled=True)
    fourth = turn(4, read("0.05", 40), before=read("0.2", 30))
    assert session_money([*turns, fourth]).usd == Total(Decimal("0.65"), unsettled=True)


def test_a_single_decrease_starts_a_new_count_and_multiplies_nothing() -> None:
    ends = ["1", "2", "3", "0.5", "0.9"]
    looks = [None, "1", "2", "0", "0.5"]
    turns = [
        turn(n, read(end), before=read(look), worker_id=None if n == 0 else WORKER)
        for n, (end, look) in enumerate(zip(ends, looks, strict=True))
    ]
    assert usd(MoneyIndex()(turns)) == ["1", "1", "1", "0.5", "0.4"]


def test_no_numbers_at_all() -> None:
    turns = [turn(1, None), turn(2, read())]
    assert MoneyIndex()(turns) == (TurnMoney(ended=True), TurnMoney(ended=True))
    assert session_money(turns).reading is AmountBasis.NONE
    money = session_money(turns)
    assert money.usd.value is None
    assert money.usd.missing_turns == 2


def test_a_turn_that_never_started_costs_zero() -> None:
    turns = [turn(n, None, status=status) for n, status in enumerate(sorted(FREE))]
    assert MoneyIndex()(turns) == (NOTHING_SPENT,) * 3
    assert session_money(turns).usd.complete


def test_after_a_refused_first_turn_the_second_one_starts_the_worker() -> None:
    refused = replace(turn(1, None, worker_id=None, status=TurnStatus.REJECTED), worker_id=None)
    assert usd(MoneyIndex()([refused, turn(2, read("0.5"), worker_id=None)])) == ["0", "0.5"]


def test_a_queued_turn_without_a_worker_does_not_mean_a_new_worker() -> None:
    turns = [turn(1, None, worker_id=None, status=TurnStatus.FAILED), turn(2, read("0.5"), worker_id=None)]
    money = MoneyIndex()(turns)
    assert usd(money) == ["0", "0.5"]
    assert [(one.most_usd, one.others) for one in money] == [(Decimal("0.5"), 1)] * 2


def test_a_running_turn_is_counted_so_far_and_as_missing() -> None:
    turns = [turn(1, read("0.5", busy=True), worker_id=None, status=TurnStatus.RUNNING)]
    money = session_money(turns)
    assert money.usd.value == Decimal("0.5")
    assert money.usd.missing_turns == 1
    assert not money.turns[0].final


def test_the_next_reading_shows_the_final_cost_of_a_detached_turn() -> None:
    turns = [
        turn(1, read("0.5", busy=True), worker_id=None, status=TurnStatus.RUNNING),
        turn(2, read("1.0"), before=read("0.8")),
    ]
    money = MoneyIndex()(turns)
    assert usd(money) == ["0.8", "0.2"]
    assert all(one.final for one in money)


def test_the_cost_of_two_turns_between_two_readings_is_charged_once() -> None:
    turns = [turn(1, read("0.5", busy=True), worker_id=None, status=TurnStatus.RUNNING), turn(2, read("1.0"))]
    money = session_money(turns)
    assert usd(money.turns) == ["0.5", "0.5"]
    assert [one.most_usd for one in money.turns] == [Decimal("1.0"), Decimal("0.5")]
    assert [(one.shared, one.others) for one in money.turns] == [(True, 1)] * 2
    assert money.usd == Total(Decimal("1.0"), doubtful=True, unsettled=True)


def test_cost_is_the_sum_of_the_categories_where_no_sum_is_reported() -> None:
    parts = Costs(Decimal("0.1"), Decimal("0.2"), Decimal("0.3"), Decimal(0))
    summed = Snapshot(worker_id=WORKER, running_flag=False, costs=parts)
    assert usd(MoneyIndex()([turn(1, summed, worker_id=None)])) == ["0.6"]
    some = replace(summed, costs=replace(parts, tool_usd=None))
    assert usd(MoneyIndex()([turn(1, some, worker_id=None)])) == [None]


def test_the_money_of_a_turn_agrees_with_that_of_the_session() -> None:
    turns = (turn(1, read("0.5"), worker_id=None), turn(2, read("0.7")))
    session = Session("ses_1", 0, turns=turns)
    assert tuple(MoneyIndex().of(session, one) for one in turns) == MoneyIndex()(turns)
    assert MoneyIndex().of(session, turn(3, read("9"))) == TurnMoney()


def test_money_of_uses_the_newer_value_of_the_turn() -> None:
    session = Session("ses_1", 0, turns=(turn(1, None, worker_id=None),))
    assert MoneyIndex().of(session, turn(1, read("0.5"), worker_id=None)).usd == Decimal("0.5")


steps = st.lists(st.none() | st.decimals(min_value=0, max_value=10**20, places=25), min_size=1, max_size=8)


@given(steps)
def test_differences_are_exact_and_gaps_are_counted(totals: list[Decimal | None]) -> None:
    """Totals that only grow; None: the worker was not read after that turn."""
    turns: list[Turn] = []
    spent, early = Decimal(0), 0
    for number, amount in enumerate(totals):
        before = turns[-1].snapshot if turns else None
        spent = spent if amount is None else EXACT.add(spent, amount)
        after = None if amount is None else read(str(spent))
        turns.append(turn(number, after, before=before, worker_id=None if number == 0 else WORKER))
    money = session_money(turns)
    unread = 0
    for at, amount in enumerate(totals):
        if amount is None:
            unread += 1
            continue
        if not unread:
            assert (money.turns[at].usd, money.turns[at].shared) == (amount, False)
        else:
            # The turns without a reading share the rise of this one; it is charged once.
            assert money.turns[at].shared == bool(amount)
            assert [one.usd for one in money.turns[at - unread : at]] == [Decimal(0)] * unread
        early = 0 if amount else 1 + unread
        unread = 0
    # No rise at the newest reading may mean that it came too early.
    assert money.usd.missing_turns == unread or early
    assert money.usd.value == (spent if unread < len(totals) else None)


def other(number: int, snapshot: Snapshot | None) -> Turn:
    """A turn that continues the session with a new worker, as after a restart of the local worker."""
    restarted = turn(number, snapshot, worker_id=None)
    return replace(restarted, worker_id="wrk_2")


def test_a_new_worker_that_starts_at_zero_is_not_a_decrease() -> None:
    turns = [turn(1, read("0.5", 10), worker_id=None), turn(2, read("0.7", 12)), other(3, read("0.1", 3))]
    assert session_money(turns).reading is AmountBasis.TOTAL
    assert usd(MoneyIndex()(turns)) == ["0.5", "0.2", "0.1"]
    later = [
        *turns,
        replace(turn(4, read("0.3", 5)), worker_id="wrk_2", request=TurnRequest("t4", "", 4, "wrk_2")),
    ]
    assert usd(MoneyIndex()(later)) == ["0.5", "0.2", "0.1", "0.2"]


# -- the index -------------------------------------------------------------------------
WORKERS = st.sampled_from([None, "wrk_1", "wrk_2"])
SNAPSHOTS = st.none() | st.builds(
    lambda usd, tokens, busy: Snapshot(
        worker_id="wrk_1", running_flag=busy, usage=Usage(total_tokens=tokens, cost_usd=usd)
    ),
    st.none() | st.integers(0, 9).map(Decimal),
    st.none() | st.integers(0, 9),
    st.booleans(),
)
TIMES = st.none() | st.integers(0, 20)
TURNS = st.builds(
    lambda ordered, worker, status, reads, created_ms, times: Turn(
        TurnRequest("turn", "hi", created_ms, target_id=ordered),
        worker_id=worker,
        status=status,
        before=reads[0],
        snapshot=reads[1],
        before_ms=times[0],
        sent_ms=times[1],
        ended_ms=times[2],
    ),
    WORKERS,
    WORKERS,
    st.sampled_from(TurnStatus),
    st.tuples(SNAPSHOTS, SNAPSHOTS),
    st.integers(0, 20),
    st.tuples(TIMES, TIMES, TIMES),
)
CHANGES = st.tuples(st.integers(0, 9), st.none() | TURNS)
"""Turn `n` is replaced, or (None) it and all later ones are removed; beyond the end: one is added."""


def changed(turns: tuple[Turn, ...], at: int, turn: Turn | None) -> tuple[Turn, ...]:
    return (*turns[:at], *([] if turn is None else [turn, *turns[at + 1 :]]))


@given(st.lists(TURNS, max_size=6).map(tuple), st.lists(CHANGES, max_size=6))
def test_the_incremental_result_equals_the_full_computation(
    turns: tuple[Turn, ...], changes: Sequence[tuple[int, Turn | None]]
) -> None:
    index = MoneyIndex()
    for at, turn in [(len(turns), None), *changes]:
        turns = changed(turns, at, turn)
        assert index(turns) == MoneyIndex()(turns)
        assert index.reading is session_money(turns).reading
        assert index(turns) is index(list(turns))


def test_usd_and_credits_are_doubtful_each_by_itself() -> None:
    """The cost falls inside two turns, so it is that of each turn; the credits may be totals."""

    def turn_of(at: int, *figures: tuple[str, str]) -> Turn:
        before, after = (
            Snapshot("w", running_flag=False, usage=Usage(cost_usd=Decimal(usd), credits=Decimal(own)))
            for usd, own in figures
        )
        request = TurnRequest(f"turn_{at}", "hi", at, target_id="w")
        return Turn(request, worker_id="w", status=TurnStatus.COMPLETED, before=before, snapshot=after)

    first = turn_of(1, ("3", "2"), ("2", "2"))
    session = Session("s", 0, "w", turns=(first, turn_of(2, ("2", "2"), ("1", "5"))))
    *_, money = MoneyIndex()(session.turns)
    assert (money.usd, money.usage.credits) == (Decimal(1), Decimal(3))
    assert money.doubts == frozenset({Unit.CREDITS})
    assert (money.total(Unit.USD).doubtful, money.total(Unit.CREDITS).doubtful) == (False, True)


def test_a_turn_that_becomes_doubtful_later_is_marked() -> None:
    """The reading of a later turn may make the meaning of an earlier amount undecided."""

    def turn_of(worker: str | None, status: TurnStatus, *costs: str | None) -> Turn:
        before, after = (
            None if usd is None else Snapshot("wrk_1", running_flag=False, usage=Usage(cost_usd=Decimal(usd)))
            for usd in costs
        )
        request = TurnRequest("turn", "hi", 0)
        return Turn(request, worker_id=worker, status=status, before=before, snapshot=after)

    queued = [turn_of(None, TurnStatus.QUEUED, None, None)] * 2
    turns = (
        turn_of("wrk_2", TurnStatus.COMPLETED, "2", None),
        turn_of("wrk_2", TurnStatus.SENDING, "2", None),
        *queued,
    )
    index = MoneyIndex()
    assert index(turns) == MoneyIndex()(turns)
    turns = changed(turns, 2, turn_of(None, TurnStatus.SENDING, None, None))
    assert index(turns) == MoneyIndex()(turns)
    turns = changed(turns, 3, turn_of("wrk_2", TurnStatus.QUEUED, None, "1"))
    assert index(turns) == MoneyIndex()(turns)
    assert index(turns)[0].doubtful


OTHERS = st.lists(
    st.builds(
        lambda number, worker, turn, creates: OtherTurn(
            f"other_{number}", worker, events_text(turn, creates=creates), "ses_2"
        ),
        st.integers(0, 3),
        st.sampled_from(["wrk_1", "wrk_2"]),
        TURNS,
        st.booleans(),
    ),
    max_size=3,
    unique_by=lambda other: other.turn_id,
).map(tuple)


@pytest.mark.parametrize("figure", ["0n5", "", "NaN", "sNaN", "-1", "1e999999999999999999"])
def test_a_damaged_figure_of_another_session_is_not_known(figure: str) -> None:
    other = OtherTurn("other_1", WORKER, json.dumps([[7, "read", False, 1, [figure]]]), "ses_2")
    assert events_of_other(other) == (TimedEvent(7, Read((None,) * len(FIGURES), False, 1)),)


@given(st.lists(TURNS, max_size=6).map(tuple), st.lists(st.tuples(CHANGES, OTHERS), max_size=6))
def test_the_incremental_result_with_turns_of_other_sessions_equals_the_full_computation(
    turns: tuple[Turn, ...], changes: Sequence[tuple[tuple[int, Turn | None], tuple[OtherTurn, ...]]]
) -> None:
    index, kept = MoneyIndex(), RelatedHistory()
    for (at, turn), others in changes:
        turns = changed(turns, at, turn)
        # Every second change is within the session alone.
        kept = kept if at % 2 else RelatedHistory(others)
        walk = MoneyIndex()
        assert index(turns, kept) == walk(turns, kept)
        assert index.money_elsewhere == walk.money_elsewhere
        assert index.results == walk.results
        assert (index.reading, index.of_worker) == (walk.reading, walk.of_worker)
        assert index(turns, kept) is index(list(turns), kept)


def test_overlapping_turns_are_counted_together() -> None:
    first = Turn(TurnRequest("turn_1", "hi", 0), status=TurnStatus.COMPLETED, sent_ms=0, ended_ms=1)
    sending = Turn(TurnRequest("turn_2", "more", 1), status=TurnStatus.SENDING)
    queued = Turn(
        TurnRequest("turn_2", "more", 0),
        status=TurnStatus.QUEUED,
        snapshot=Snapshot(worker_id="wrk_1", running_flag=True, usage=Usage(total_tokens=0)),
        sent_ms=0,
    )
    index = MoneyIndex()
    for turns in ((first,), (first, sending), (first, queued)):
        assert index(turns) == MoneyIndex()(turns)


def test_a_turn_that_is_the_last_one_again_counts_once() -> None:
    first = Turn(
        TurnRequest("turn_1", "hi", 1, target_id="wrk_1"),
        status=TurnStatus.COMPLETED,
        before=Snapshot(worker_id="wrk_1", usage=Usage(total_tokens=0)),
        snapshot=Snapshot(worker_id="wrk_1", usage=Usage(total_tokens=1)),
    )
    queued = Turn(TurnRequest("turn_2", "more", 2, target_id="wrk_1"), status=TurnStatus.QUEUED)
    index = MoneyIndex()
    for turns in ((first,), (first, queued), (first,)):
        assert index(turns) == MoneyIndex()(turns)
        assert index.reading is session_money(turns).reading


def growing(count: int) -> Iterator[tuple[Turn, ...]]:
    """A session in which turns run and end one after the other."""
    turns: tuple[Turn, ...] = ()
    for at in range(count):
        usage = Usage(total_tokens=at, cost_usd=Decimal(at))
        turn = Turn(TurnRequest(f"turn_{at}", "hi", at, target_id="wrk_1"), status=TurnStatus.ACCEPTED)
        yield (*turns, turn)
        ended = Snapshot(worker_id="wrk_1", usage=usage)
        turns = (*turns, replace(turn, status=TurnStatus.COMPLETED, snapshot=ended))
        yield turns


def test_a_growing_session_is_counted_like_a_complete_one() -> None:
    index = MoneyIndex()
    for turns in growing(20):
        assert index(turns) == MoneyIndex()(turns)


def test_text_that_arrives_changes_no_figure() -> None:
    ended = Snapshot(worker_id="wrk_1", usage=Usage(total_tokens=1))
    turn = Turn(TurnRequest("turn_1", "hi", 1, target_id="wrk_1"), status=TurnStatus.ACCEPTED, snapshot=ended)
    index = MoneyIndex()
    money = index((turn,))
    assert index((replace(turn, parts=(TextPart(),)),)) is money
    assert index((replace(turn, status=TurnStatus.COMPLETED),)) is not money


HOUR_MS = 3_600_000


def timed(number: int, start_ms: int, *, before: str | None, after: str) -> Turn:
    """A turn of one minute, with a reading in it."""
    one = turn(number, read(after), before=None if before is None else read(before))
    half = Decimal(before or 0) + (Decimal(after) - Decimal(before or 0)) / 2
    reads = [
        FigureRead(start_ms + at_ms, Usage(cost_usd=usd), NO_COSTS, busy, number)
        for at_ms, usd, busy in ((30_000, half, True), (60_000, Decimal(after), False))
    ]
    times: dict[str, Any] = {"before_ms": start_ms, "sent_ms": start_ms + 1, "read_ms": start_ms + 60_000}
    return replace(one, reads=tuple(reads), ended_ms=start_ms + 60_001, **times)


@pytest.mark.parametrize("back_ms", [0, 90_000, HOUR_MS, 9_000 * HOUR_MS])
def test_a_clock_that_goes_back_between_turns_makes_them_share_nothing(back_ms: int) -> None:
    starts = [9_999 * HOUR_MS, 9_999 * HOUR_MS + 70_000 - back_ms, 9_999 * HOUR_MS + 140_000 - back_ms]
    figures = [(None, "0.5"), ("0.5", "0.8"), ("0.8", "0.9")]
    turns = [
        timed(number, start_ms, before=before, after=after)
        for number, (start_ms, (before, after)) in enumerate(zip(starts, figures, strict=True), 1)
    ]
    turns[0] = replace(turns[0], request=replace(turns[0].request, target_id=None))
    money = MoneyIndex()(turns)
    assert [one.usd for one in money] == [Decimal("0.5"), Decimal("0.3"), Decimal("0.1")]
    assert [(one.shared, one.final) for one in money] == [(False, True)] * 3
    index = MoneyIndex()
    assert [index(turns[:count])[-1].usd for count in (1, 2, 3)] == [one.usd for one in money]


def test_an_earlier_turn_of_another_session_that_is_read_later_changes_the_amounts() -> None:
    """Its events precede those that were processed already."""

    def other(turn_id: str, one: Turn) -> OtherTurn:
        return OtherTurn(turn_id, WORKER, events_text(one, creates=False), "ses_2")

    early = other("other_1", timed(8, 0, before="0", after="0.3"))
    late = other("other_2", timed(9, HOUR_MS, before="0.3", after="0.6"))
    first = timed(1, 2 * HOUR_MS, before="0.1", after="1")
    second = timed(2, 3 * HOUR_MS, before="1", after="1.5")
    index = MoneyIndex()
    for turns, others in (
        ((first,), (late,)),
        ((first, second), (late,)),
        ((first, second), (early, late)),
    ):
        elsewhere = RelatedHistory(others)
        fresh = MoneyIndex()
        assert index(turns, elsewhere) == fresh(turns, elsewhere)
        assert index.money_elsewhere == fresh.money_elsewhere
        assert index.results == fresh.results
