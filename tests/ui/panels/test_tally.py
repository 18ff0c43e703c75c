"""A growing session: the result of a full scan, at the cost of the newest turns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handinger_tui.core.turns.session import Session, any_with_status, same_front, with_status
from handinger_tui.core.turns.turn import FilePart, Turn, TurnStatus
from handinger_tui.ui.panels.files import FileIndex, listed_files
from handinger_tui.ui.panels.usage_view import MEMBERS, Amount, Member, WorkerTotals, usage_view
from handinger_tui.ui.work.changes import FinishedTurns
from tests.core.test_attribution import CHANGES, TURNS, changed, growing
from tests.ui.panels.stage import session, turn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from handinger_tui.core.stream import Costs, Usage

GROWING = (st.lists(TURNS, max_size=6).map(tuple), st.lists(CHANGES, max_size=6))


@given(*GROWING)
def test_the_figures_are_those_of_a_walk_through_all_turns(
    turns: tuple[Turn, ...], changes: Sequence[tuple[int, Turn | None]]
) -> None:
    tally = WorkerTotals()
    for at, other in [(len(turns), None), *changes]:
        turns = changed(turns, at, other)
        now = Session("ses_1", 0, turns=turns)
        assert usage_view(now, tally) == usage_view(now)


def test_one_more_turn_reads_no_figure_of_the_turns_long_before(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def counted(member: Member) -> Member:
        def reading(usage: Usage, costs: Costs) -> Amount | None:
            read.append(member.name)
            return member.read(usage, costs)

        return Member(member.name, reading)

    monkeypatch.setattr("handinger_tui.ui.panels.usage_view.MEMBERS", tuple(map(counted, MEMBERS)))
    tally, most = WorkerTotals(), 0
    for turns in growing(60):
        read.clear()
        usage_view(Session("ses_1", 0, turns=turns), tally)
        most = max(most, len(read))
    assert most <= 3 * 2 * len(MEMBERS)


@given(*GROWING)
def test_turns_by_status_equal_a_full_scan(
    turns: tuple[Turn, ...], changes: Sequence[tuple[int, Turn | None]]
) -> None:
    old: tuple[Turn, ...] = ()
    for at, other in [(len(turns), None), *changes]:
        old, turns = turns, changed(turns, at, other)
        pairs = list(zip(old, turns, strict=False))
        assert same_front(old, turns) == next(
            (at for at, (a, b) in enumerate(pairs) if a is not b), len(pairs)
        )
        for statuses in (frozenset({TurnStatus.QUEUED}), frozenset(TurnStatus), frozenset[TurnStatus]()):
            expected = [own for own in turns if own.status in statuses]
            assert list(with_status(turns, statuses)) == expected
            assert any_with_status(turns, statuses) is bool(expected)
        assert Session("ses_1", 0, turns=turns).busy is any(own.live for own in turns)


FILES = st.lists(
    st.builds(
        FilePart,
        st.sampled_from(["https://one.example/a.csv", "https://one.example/b.csv?s=1", "data:,x"]),
        st.just("text/csv"),
        st.sampled_from([None, "a.csv", "b.csv"]),
        st.sampled_from([None, 1, 2]),
    ),
    max_size=3,
).map(tuple)


@given(st.lists(FILES, max_size=4), st.lists(st.tuples(st.integers(0, 4), FILES), max_size=4))
def test_files_are_those_of_a_walk_through_all_turns(
    files: list[tuple[FilePart, ...]], changes: list[tuple[int, tuple[FilePart, ...]]]
) -> None:
    index = FileIndex()
    turns = tuple(turn(at, parts=parts) for at, parts in enumerate(files))
    for at, parts in [(len(turns), ()), *changes]:
        turns = changed(turns, at, turn(at, parts=parts))
        now = session(*turns)
        assert index(now) == index(now) == listed_files(now)


def test_a_turn_ends_once_also_where_others_come_and_go_before_it() -> None:
    stood = FinishedTurns()
    first, running = turn(0), turn(1, status=TurnStatus.ACCEPTED, seconds=None)
    assert stood.ended(session(first, running)) == []
    queued = turn(2, status=TurnStatus.QUEUED, seconds=None)
    assert stood.ended(session(first, running, queued)) == []
    done, refused = turn(1), turn(2, status=TurnStatus.REJECTED)
    assert stood.ended(session(first, done, refused)) == [done, refused]
    assert stood.ended(session(first, done, refused)) == []
    # Taken over from elsewhere, before what was there.
    adopted = turn(3)
    assert stood.ended(session(first, adopted, done, refused)) == [adopted]
    assert stood.ended(session(first, done, refused)) == []
