"""Money of a session that grows: what a walk through all its turns finds, for the price of one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handinger_tui.core.money import attribution
from handinger_tui.core.money.attribution import MoneyIndex, Reading, TurnMoney, reading_of, turn_money
from handinger_tui.core.stream.usage import Usage
from handinger_tui.core.stream.worker_snapshot import Snapshot
from handinger_tui.core.turns.turn import Turn, TurnRequest, TurnStatus

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


@given(
    st.lists(TURNS, max_size=6).map(tuple),
    st.lists(st.tuples(CHANGES, st.integers(0, 9), st.integers(0, 9), st.booleans()), max_size=6),
)
def test_a_few_that_are_asked_for_are_those_of_all(
    turns: tuple[Turn, ...], steps: Sequence[tuple[tuple[int, Turn | None], int, int, bool]]
) -> None:
    index = MoneyIndex()
    for (at, turn), one, other, all_too in steps:
        turns = changed(turns, at, turn)
        first, end = sorted((min(one, len(turns)), min(other, len(turns))))
        assert tuple(index.some(turns, first, end)) == turn_money(turns)[first:end]
        assert index.reading is reading_of(turns)
        if all_too:
            assert index(turns) == turn_money(turns)


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


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The places of the turns of which it was worked out what they took."""
    places: list[int] = []
    money_at = attribution.money_at

    def counting(turns: Sequence[Turn], at: int, reading: Reading) -> TurnMoney:
        places.append(at)
        return money_at(turns, at, reading)

    monkeypatch.setattr("handinger_tui.core.money.attribution.money_at", counting)
    return places


def test_of_a_few_turns_no_other_is_worked_out_and_none_twice(asked: list[int]) -> None:
    turns, index = list(growing(50))[-1], MoneyIndex()
    for first in (48, 47, 48):
        index.some(turns, first, 50)
    assert asked == [48, 49, 47]
    index(turns)
    assert sorted(asked) == list(range(50))


def test_one_more_turn_costs_one_turn(asked: list[int]) -> None:
    index, sessions = MoneyIndex(), list(growing(100))
    for turns in sessions:
        index(turns)
    assert len(asked) <= 2 * len(sessions)
