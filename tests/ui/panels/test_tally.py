"""A growing session: the result of a full scan, at the cost of the newest turns."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from handinger_tui.core.money.attribution import MoneyIndex
from handinger_tui.core.money.usage_view import UsageView
from handinger_tui.core.turns.session import (
    FinishedTurns,
    Session,
    any_with_status,
    identical_prefix,
    with_status,
)
from handinger_tui.core.turns.turn import Turn, TurnStatus
from tests.core.test_attribution import CHANGES, TURNS, changed
from tests.ui.panels.stage import session, turn

if TYPE_CHECKING:
    from collections.abc import Sequence


GROWING = (st.lists(TURNS, max_size=6).map(tuple), st.lists(CHANGES, max_size=6))


@given(*GROWING)
def test_the_figures_are_those_of_a_walk_through_all_turns(
    turns: tuple[Turn, ...], changes: Sequence[tuple[int, Turn | None]]
) -> None:
    index = MoneyIndex()
    for at, other in [(len(turns), None), *changes]:
        turns = changed(turns, at, other)
        now = Session("ses_1", 0, turns=turns)
        assert UsageView.of(now, index) == UsageView.of(now)


@given(*GROWING)
def test_turns_by_status_equal_a_full_scan(
    turns: tuple[Turn, ...], changes: Sequence[tuple[int, Turn | None]]
) -> None:
    old: tuple[Turn, ...] = ()
    for at, other in [(len(turns), None), *changes]:
        old, turns = turns, changed(turns, at, other)
        pairs = list(zip(old, turns, strict=False))
        assert identical_prefix(old, turns) == next(
            (at for at, (a, b) in enumerate(pairs) if a is not b), len(pairs)
        )
        for statuses in (frozenset({TurnStatus.QUEUED}), frozenset(TurnStatus), frozenset[TurnStatus]()):
            expected = [own for own in turns if own.status in statuses]
            assert list(with_status(turns, statuses)) == expected
            assert any_with_status(turns, statuses) is bool(expected)
        assert Session("ses_1", 0, turns=turns).busy is any(own.live for own in turns)


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


def test_turns_that_have_ended_are_not_kept_in_memory() -> None:
    stood = FinishedTurns()
    done, running = turn(0), turn(1, status=TurnStatus.ACCEPTED, seconds=None)
    before = sys.getrefcount(done)
    stood.ended(session(done))
    stood.ended(session(done, running))
    assert stood.ended(session(done, turn(1))) == [turn(1)]
    assert sys.getrefcount(done) == before
    assert stood.ended(session(done, turn(1))) == []


def test_the_end_of_a_turn_is_found_wherever_it_stands_and_its_correction_is_none() -> None:
    """A turn of another program, or one that was left running, may be older than one that was refused."""
    for before in (TurnStatus.CHECKING, TurnStatus.RUNNING):
        stood = FinishedTurns()
        older, refused = turn(0, status=before, seconds=None), turn(1, status=TurnStatus.REJECTED)
        stood.ended(session(older, refused))
        assert stood.ended(session(turn(0, status=TurnStatus.FAILED), refused)) == [
            turn(0, status=TurnStatus.FAILED)
        ]
        assert stood.ended(session(turn(0), refused)) == []
        newest = turn(2, status=TurnStatus.ACCEPTED, seconds=None)
        assert stood.ended(session(turn(0), refused, newest)) == []
        assert stood.ended(session(turn(0), refused, turn(2))) == [turn(2)]


def test_a_turn_of_unknown_delivery_that_was_watched_again_ends_again() -> None:
    stood = FinishedTurns()
    unknown = turn(0, status=TurnStatus.UNKNOWN)
    stood.ended(session(unknown))
    again = turn(0, status=TurnStatus.UNKNOWN, seconds=9)
    assert stood.ended(session(again)) == [again]
    assert stood.ended(session(again)) == []


def test_a_turn_that_is_left_running_has_not_ended() -> None:
    stood = FinishedTurns()
    stood.ended(session(turn(0, status=TurnStatus.ACCEPTED, seconds=None)))
    assert stood.ended(session(turn(0, status=TurnStatus.RUNNING, seconds=None))) == []
    assert stood.ended(session(turn(0))) == [turn(0)]
