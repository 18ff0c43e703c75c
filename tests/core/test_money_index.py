"""Money of a session that grows: what a walk through all its turns finds, for the price of one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from handinger_tui.core.money.attribution import MoneyIndex, reading_of, turn_money
from handinger_tui.core.stream.usage import Usage
from handinger_tui.core.stream.worker_snapshot import Snapshot
from handinger_tui.core.turns.turn import TextPart, Turn, TurnRequest, TurnStatus

WORKERS = st.sampled_from([None, "wrk_1", "wrk_2"])
SNAPSHOTS = st.none() | st.builds(
    lambda usd, tokens, busy: Snapshot(
        worker_id="wrk_1", running_flag=busy, usage=Usage(total_tokens=tokens, cost_usd=usd)
    ),
    st.none() | st.integers(0, 9).map(Decimal),
    st.none() | st.integers(0, 9),
    st.booleans(),
)
TURNS = st.builds(
    lambda ordered, worker, status, before, snapshot: Turn(
        TurnRequest("turn", "hi", 0, worker_id=ordered),
        worker_id=worker,
        status=status,
        before=before,
        snapshot=snapshot,
    ),
    WORKERS,
    WORKERS,
    st.sampled_from(TurnStatus),
    SNAPSHOTS,
    SNAPSHOTS,
)
CHANGES = st.tuples(st.integers(0, 9), st.none() | TURNS)
"""Turn `n` is another one, or (None) it and all behind it are gone; beyond the end: one more."""


def changed(turns: tuple[Turn, ...], at: int, turn: Turn | None) -> tuple[Turn, ...]:
    return (*turns[:at], *([] if turn is None else [turn, *turns[at + 1 :]]))


@given(st.lists(TURNS, max_size=6).map(tuple), st.lists(CHANGES, max_size=6))
def test_it_finds_what_a_walk_through_all_turns_finds(
    turns: tuple[Turn, ...], changes: Sequence[tuple[int, Turn | None]]
) -> None:
    index = MoneyIndex()
    for at, turn in [(len(turns), None), *changes]:
        turns = changed(turns, at, turn)
        assert index(turns) == turn_money(turns)
        assert index.reading is reading_of(turns)
        assert index(turns) is index(list(turns))


def test_a_turn_that_is_the_last_one_again_counts_once() -> None:
    first = Turn(
        TurnRequest("turn_1", "hi", 1, worker_id="wrk_1"),
        status=TurnStatus.COMPLETED,
        before=Snapshot(worker_id="wrk_1", usage=Usage(total_tokens=0)),
        snapshot=Snapshot(worker_id="wrk_1", usage=Usage(total_tokens=1)),
    )
    queued = Turn(TurnRequest("turn_2", "more", 2, worker_id="wrk_1"), status=TurnStatus.QUEUED)
    index = MoneyIndex()
    for turns in ((first,), (first, queued), (first,)):
        assert index(turns) == turn_money(turns)
        assert index.reading is reading_of(turns)


def growing(count: int) -> Iterator[tuple[Turn, ...]]:
    """A session in which one turn after the other runs and ends."""
    turns: tuple[Turn, ...] = ()
    for at in range(count):
        usage = Usage(total_tokens=at, cost_usd=Decimal(at))
        turn = Turn(TurnRequest(f"turn_{at}", "hi", at, worker_id="wrk_1"), status=TurnStatus.ACCEPTED)
        yield (*turns, turn)
        ended = Snapshot(worker_id="wrk_1", usage=usage)
        turns = (*turns, replace(turn, status=TurnStatus.COMPLETED, snapshot=ended))
        yield turns


def test_a_session_that_grows_is_counted_as_at_once() -> None:
    index = MoneyIndex()
    for turns in growing(20):
        assert index(turns) == turn_money(turns)


def test_text_that_arrives_changes_no_figure() -> None:
    ended = Snapshot(worker_id="wrk_1", usage=Usage(total_tokens=1))
    turn = Turn(TurnRequest("turn_1", "hi", 1, worker_id="wrk_1"), status=TurnStatus.ACCEPTED, snapshot=ended)
    index = MoneyIndex()
    money = index((turn,))
    assert index((replace(turn, parts=(TextPart(),)),)) is money
    assert index((replace(turn, status=TurnStatus.COMPLETED),)) is not money
