"""A turn in fewer frames is the same turn."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handinger_tui.core.stream import Frame, Framing, Marker, RawFrame, compacted
from handinger_tui.core.turns.fold import Fold
from handinger_tui.core.turns.turn import Turn
from tests.core.projections import EVERYTHING, ORDER, turn_after
from tests.wire.recordings import Recording, Tape


def folded(frames: list[Frame]) -> Turn:
    folding = Fold(ORDER)
    for frame in frames:
        turn_after(folding, frame)
    return folding.turn


def test_every_recording_folds_to_the_same_turn() -> None:
    for recording in EVERYTHING:
        frames = Tape().body(recording).frames
        compact = compacted(frames)
        assert folded(compact) == folded(frames), recording.name
        assert len(compact) <= len(frames), recording.name


def test_recordings_of_the_services_own_dialect_shrink() -> None:
    taped = [Tape().body(recording).frames for recording in EVERYTHING if recording.family == "6"]
    assert any(len(compacted(frames)) < len(frames) for frames in taped)


@pytest.mark.parametrize("recording", EVERYTHING[::7], ids=lambda r: r.name)
def test_a_lost_stream_and_its_replay_fold_to_the_same_turn(recording: Recording) -> None:
    for until in range(0, len(recording.pieces), 5):
        frames = Tape().body(recording, until=until).body(recording, via="replay").frames
        assert folded(compacted(frames)) == folded(frames)


def _event(kind: str, key: str, delta: str) -> dict[str, Any]:
    return {"type": kind, "id": key, "delta": delta}


EVENTS = st.lists(
    st.one_of(
        st.builds(
            _event,
            st.sampled_from(["text-delta", "reasoning-delta"]),
            st.sampled_from("ab"),
            st.text(max_size=4),
        ),
        st.builds(
            _event,
            st.just("text-delta"),
            st.just("a"),
            st.text(st.characters(categories=["Cs", "Lu"]), max_size=3),
        ),
        st.sampled_from(
            [
                {"type": "start", "messageId": "m"},
                {"type": "text-start", "id": "a"},
                {"type": "text-end", "id": "a"},
                {"type": "reasoning-start", "id": "b"},
                {"type": "reasoning-end", "id": "b"},
                {"type": "text-delta", "id": "a"},
                {"type": "text-delta", "id": "a", "delta": "x", "more": 1},
                {"type": "finish", "finishReason": "stop"},
            ]
        ),
    ),
    max_size=30,
)


@given(EVENTS, st.booleans())
def test_any_events_fold_to_the_same_turn_with_any_escaping(
    events: list[dict[str, Any]], plain: bool
) -> None:
    tape = Tape().note(
        Marker.OPENED, via="post", status=200, content_type="text/event-stream", encoding="", worker_id="w"
    )
    for event in events:
        tape.take(RawFrame(Framing.SSE, json.dumps(event, ensure_ascii=plain)))
    tape.note(Marker.CLOSED, clean=True)
    turn, again = folded(tape.frames), folded(compacted(tape.frames))
    assert again == turn
    assert again.text == turn.text
    assert compacted(compacted(tape.frames)) == compacted(tape.frames)
