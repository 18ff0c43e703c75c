"""Answers of very many parts: folded in linear time, and read on the way without being changed later."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from handinger_tui.core.stream.frames import Frame, Framing, Marker
from handinger_tui.core.turns.fold import Fold, fold
from handinger_tui.core.turns.reducer import PartList
from handinger_tui.core.turns.turn import DataPart, ToolPart, TurnRequest

ORDER = TurnRequest("turn_1", "", 0)
PARTS = 20_000
SECONDS = 60.0
"""Of this process alone; quadratic work takes ten times as long at least."""


def text(at: int) -> list[dict[str, Any]]:
    key = f"t{at}"
    return [
        {"type": "text-start", "id": key},
        {"type": "text-delta", "id": key, "delta": "x"},
        {"type": "text-end", "id": key},
    ]


def call(at: int) -> list[dict[str, Any]]:
    key = f"c{at}"
    return [
        {"type": "tool-input-available", "toolCallId": key, "toolName": "search", "input": {"at": at}},
        {"type": "tool-output-available", "toolCallId": key, "output": at},
    ]


KINDS: dict[str, Callable[[int], list[dict[str, Any]]]] = {
    "texts": text,
    "texts that are never closed": lambda at: text(at)[:2],
    "calls": call,
    "data": lambda at: [{"type": "data-x", "id": f"d{at}", "data": at}],
    "steps": lambda at: [{"type": "start-step"}, *text(at), {"type": "finish-step"}],
    "starts": lambda at: [{"type": "start", "messageId": "m"}, {"type": "data-x", "data": at}],
}

TEXTS = {"texts", "texts that are never closed", "steps"}


def frames(events: list[dict[str, Any]]) -> list[Frame]:
    opened = {"via": "post", "status": 200, "content_type": "", "encoding": "", "worker_id": None}
    stream = [Frame(0, 0, Framing.NOTE, json.dumps(opened), Marker.OPENED)]
    return stream + [Frame(at, at, Framing.SSE, json.dumps(event)) for at, event in enumerate(events, 1)]


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_work_grows_with_the_answer_and_not_with_its_square(kind: str) -> None:
    stream = frames([event for at in range(PARTS) for event in KINDS[kind](at)])
    began = time.process_time()
    turn = fold(ORDER, stream)
    assert time.process_time() - began < SECONDS
    assert len(turn.parts) == PARTS * (2 if kind == "steps" else 1)
    assert turn.text == "x" * (PARTS if kind in TEXTS else 0)


def test_what_was_read_on_the_way_stays_as_it_was() -> None:
    events = [event for at in range(20) for event in [{"type": "start-step"}, *text(at), *call(at)]]
    folding, seen = Fold(ORDER), []
    for frame in frames(events):
        folding.take(frame)
        turn = folding.turn
        seen.append((turn, list(turn.parts)))
    assert {type(turn.parts) for turn, _ in seen} == {tuple}
    assert all(list(turn.parts) == parts for turn, parts in seen)
    assert folding.turn is folding.turn


def test_a_part_that_nothing_touched_is_the_same_object_from_turn_to_turn() -> None:
    folding = Fold(ORDER)
    stream = frames([*text(1), *call(1), *text(2)])
    for frame in stream[:6]:
        folding.take(frame)
    before = folding.turn
    for frame in stream[6:]:
        folding.take(frame)
    assert all(old is new for old, new in zip(before.parts, folding.turn.parts, strict=False))


def test_the_index_finds_the_newest_call_and_the_first_data() -> None:
    parts = PartList(
        [ToolPart("c", "one"), ToolPart("c", "two"), DataPart("d", 1, "x"), DataPart("d", 2, "x")]
    )
    parts.put(0, ToolPart("c", "zero"))
    assert (parts.call_at("c", anywhere=True), parts.data_at("d", "x")) == (1, 2)
