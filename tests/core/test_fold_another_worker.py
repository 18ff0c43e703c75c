"""Frames about another worker than the requested one do not change a turn."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from handinger_tui.core.stream import Framing, Marker, RawFrame, ReadReason
from handinger_tui.core.turns.fold import fold
from handinger_tui.core.turns.turn import Turn, TurnRequest
from tests.wire.recordings import Tape, sse

CONTINUED = TurnRequest("turn_1", "hello", 0, "w1", seen_before=0)
CREATED = TurnRequest("turn_1", "hello", 0)


def worker(worker_id: str, text: str = "theirs", usd: int = 99) -> dict[str, Any]:
    conversation = [
        {"id": "u", "role": "user", "parts": [{"type": "text", "text": "hello"}]},
        {"id": "a", "role": "assistant", "parts": [{"type": "text", "text": text}]},
    ]
    body = {
        "object": "worker",
        "status": "completed",
        "running": False,
        "messages": conversation,
        "output_text": text,
    }
    return {"id": worker_id, **body, "usage": {"costUsd": usd}}


ANSWER = [
    sse(type="start", messageId="m"),
    sse(type="text-delta", id="t", delta="an answer"),
    sse(type="finish"),
]
NAMES: dict[str, RawFrame] = {
    "a worker": RawFrame(Framing.SSE, json.dumps(worker("w2"))),
    "a wrapped worker": RawFrame(Framing.SSE, json.dumps({"type": "worker.updated", "worker": worker("w2")})),
    "data": sse(type="data-worker", data={"id": "w2"}),
    "transient data": sse(type="data-worker", data={"workerId": "w2"}, transient=True),
    "a bare id": sse(type="data-worker", data="w2"),
    "metadata of the start": sse(type="start", messageId="m", messageMetadata={"workerId": "w2"}),
    "metadata": sse(type="message-metadata", messageMetadata={"worker_id": "w2"}),
    "metadata of the end": sse(type="finish", messageMetadata={"workerId": "w2"}),
}


def opened(taped: Tape, via: str = "post", worker_id: str | None = None) -> Tape:
    return taped.note(Marker.OPENED, via=via, status=200, content_type="", encoding="", worker_id=worker_id)


def streamed(taped: Tape, pieces: list[RawFrame], via: str = "post", worker_id: str | None = None) -> Tape:
    opened(taped, via, worker_id)
    for piece in pieces:
        taped.take(piece)
    return taped.note(Marker.CLOSED, clean=True)


def content(turn: Turn) -> tuple[Any, ...]:
    return turn.target, turn.parts, turn.finished, turn.snapshot, turn.metadata


@pytest.mark.parametrize("via", ["post", "replay", "subscribe"])
@pytest.mark.parametrize("name", sorted(NAMES))
def test_a_stream_that_begins_with_another_worker_counts_for_nothing(name: str, via: str) -> None:
    turn = fold(CONTINUED, streamed(Tape(), [NAMES[name], *ANSWER], via).frames)
    assert content(turn) == ("w1", (), False, None, {})
    assert turn.stream_fault is not None


@pytest.mark.parametrize("name", sorted(NAMES))
def test_each_of_them_names_a_new_worker(name: str) -> None:
    turn = fold(CREATED, streamed(Tape(), [*ANSWER, NAMES[name]]).frames)
    assert turn.worker_id == "w2"


@pytest.mark.parametrize("is_named", [True, False])
def test_a_worker_object_behind_the_text_does_not_replace_the_new_worker(is_named: bool) -> None:
    ours = sse(type="data-worker", data="w1")
    pieces = [*([ours] if is_named else []), *ANSWER[:2], NAMES["a worker"], ANSWER[2]]
    turn = fold(CREATED, streamed(Tape(), pieces).frames)
    expected = ("w1", "an answer", None) if is_named else ("w2", "theirs", turn.snapshot)
    assert (turn.worker_id, turn.text, turn.snapshot) == expected


@pytest.mark.parametrize("via", ["replay", "subscribe"])
def test_earlier_text_stays(via: str) -> None:
    taped = streamed(Tape(), ANSWER[:2])
    had = fold(CONTINUED, taped.frames)
    turn = fold(CONTINUED, streamed(taped, [NAMES["data"], *ANSWER], via).frames)
    assert (turn.parts, turn.text, turn.finished) == (had.parts, "an answer", False)


@pytest.mark.parametrize("via", ["post", "subscribe"])
def test_a_header_that_names_another_worker_is_ignored(via: str) -> None:
    turn = fold(CONTINUED, streamed(Tape(), ANSWER, via, worker_id="w2").frames)
    assert content(turn) == ("w1", (), False, None, {})


def test_the_next_stream_counts_again() -> None:
    taped = streamed(Tape(), [NAMES["a worker"], *ANSWER])
    turn = fold(CONTINUED, streamed(taped, ANSWER, "replay").frames)
    assert (turn.text, turn.finished) == ("an answer", True)


def test_another_worker_inside_our_answer_is_skipped() -> None:
    turn = fold(
        CONTINUED, streamed(Tape(), [*ANSWER[:2], NAMES["a worker"], NAMES["data"], ANSWER[2]]).frames
    )
    assert (turn.text, turn.finished, turn.snapshot, turn.worker_id) == ("an answer", True, None, None)


@pytest.mark.parametrize("look", list(ReadReason))
@pytest.mark.parametrize("wrapped", [False, True])
def test_a_reading_of_another_worker_changes_nothing(look: ReadReason, wrapped: bool) -> None:
    theirs = worker("w2")
    body = json.dumps({"worker": theirs} if wrapped else theirs)
    taped = streamed(Tape(), ANSWER)
    had = fold(CONTINUED, taped.frames)
    turn = fold(CONTINUED, taped.take(RawFrame(Framing.JSON, body, look)).frames)
    assert (content(turn), turn.before) == (content(had), None)


@pytest.mark.parametrize("look", [ReadReason.DURING, ReadReason.MONEY, ReadReason.AFTER])
def test_a_created_worker_is_not_exchanged_by_a_later_reading(look: ReadReason) -> None:
    taped = opened(Tape()).take(
        RawFrame(Framing.JSON, json.dumps(worker("w1", "ours", 1)), ReadReason.ANSWER)
    )
    taped.note(Marker.CLOSED, clean=True)
    turn = fold(CREATED, taped.take(RawFrame(Framing.JSON, json.dumps(worker("w2")), look)).frames)
    assert (turn.worker_id, turn.text) == ("w1", "ours")
    assert turn.snapshot is not None
    assert turn.snapshot.usage.cost_usd == Decimal(1)


@pytest.mark.parametrize("name", [None, "", 5])
def test_a_worker_without_an_id_is_accepted(name: object) -> None:
    ours = worker("", "ours", 1) | {"id": name}
    taped = streamed(Tape(), [RawFrame(Framing.SSE, json.dumps(ours))])
    turn = fold(CONTINUED, taped.take(RawFrame(Framing.JSON, json.dumps(ours), ReadReason.AFTER)).frames)
    assert (turn.text, turn.worker_id) == ("ours", "w1")
    assert turn.snapshot is not None
    assert turn.snapshot.usage.cost_usd == Decimal(1)
