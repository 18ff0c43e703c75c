"""Replays: a history ends with our answer, and a stream cut anywhere ends the same when told again."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from handinger_tui.core.stream.frames import Marker
from handinger_tui.core.turns.fold import fold
from handinger_tui.core.turns.turn import Turn, TurnRequest
from tests.core.projections import ORDER, check_message, every, folded, of
from tests.wire.recordings import Recording, Tape


@of("replay")
def test_replays_end_with_the_last_answer(recording: Recording) -> None:
    turn = fold(ORDER, Tape().body(recording, via="replay").frames)
    assert turn.text == recording.expected["final_text"]
    check_message(turn, recording.expected["messages"][-1])
    assert turn.finished


@of("replay")
def test_a_replay_finds_the_turn_that_was_asked(recording: Recording) -> None:
    """Every answer of a history can be ours: the prompt decides."""
    messages = recording.expected["messages"]
    for question, answer in pairwise(messages):
        if question["role"] == "user":
            order = TurnRequest("turn_1", question["text"], 0, seen_before=0)
            check_message(fold(order, Tape().body(recording, via="replay").frames), answer)


@of("replay")
def test_a_replay_without_our_turn_adds_nothing(recording: Recording) -> None:
    if recording.expected["messages"][0]["role"] == "user":
        order = TurnRequest("turn_1", "Never asked", 0, seen_before=0)
        assert fold(order, Tape().body(recording, via="replay").frames).parts == ()


def content(turn: Turn) -> tuple[Any, ...]:
    return (turn.parts, turn.message_id, turn.metadata, turn.finish_reason, turn.errors, turn.stream_usage)


@every
@pytest.mark.parametrize("via", ["replay", "subscribe"])
def test_cut_anywhere_and_replayed(recording: Recording, via: str) -> None:
    whole = content(folded(recording))
    pieces = len(recording.pieces)
    for at in range(0, pieces, max(1, pieces // 40)):
        turn = folded(recording, Tape().body(recording, until=at).body(recording, via=via))
        assert content(turn) == whole


@of("5", "6", "7", "cf-streams")
def test_cut_anywhere_and_only_the_rest_is_sent(recording: Recording) -> None:
    whole = content(folded(recording))
    pieces = len(recording.pieces)
    for at in range(1, pieces, max(1, pieces // 40)):
        tape = (
            Tape().body(recording, until=at).note(Marker.OPENED, **{**recording.opened, "via": "subscribe"})
        )
        for piece in recording.pieces[at:]:
            tape.take(piece)
        assert content(folded(recording, tape.note(Marker.CLOSED, clean=True))) == whole
