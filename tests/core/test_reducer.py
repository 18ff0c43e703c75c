"""The reducer: errors and aborts, the id of a new worker, and answers of very many parts."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handinger_tui.core.dialects import events as ev
from handinger_tui.core.stream import Frame, Framing, Marker, RawFrame, compacted
from handinger_tui.core.turns.fold import Fold, fold
from handinger_tui.core.turns.reducer import MOST_ERRORS, PartList
from handinger_tui.core.turns.turn import (
    DataPart,
    Part,
    StepPart,
    TextPart,
    ToolPart,
    Turn,
    TurnRequest,
    TurnStatus,
    join,
    judge,
)
from tests.core.projections import advance, turn_after
from tests.wire.recordings import DONE, Tape, sse

if TYPE_CHECKING:
    from collections.abc import Callable

# -- errors and aborts before and after the end ----------------------------------------
ORDER = TurnRequest("turn_1", "hello", 0, "w1")
Body = list[RawFrame]


def line(code: str, value: Any) -> RawFrame:
    return RawFrame(Framing.LINES, f"{code}:{json.dumps(value)}")


def frame(chunk: dict[str, Any] | str, **members: Any) -> RawFrame:
    """A Cloudflare chat frame with a chunk inside."""
    body = chunk if isinstance(chunk, str) else json.dumps(chunk)
    return RawFrame(Framing.SSE, json.dumps({"type": "cf_agent_use_chat_response", "body": body, **members}))


UI_TEXT = [sse(type="start", messageId="m"), sse(type="text-delta", id="t", delta="an answer")]
UI_ERROR = sse(type="error", errorText="Late")

DIALECTS: dict[str, tuple[Body, Body, Body]] = {
    "ui-message finish": (UI_TEXT, [sse(type="finish", finishReason="stop")], [UI_ERROR]),
    "ui-message [DONE]": (UI_TEXT, [DONE], [UI_ERROR]),
    "ui-message both": (UI_TEXT, [sse(type="finish"), DONE], [UI_ERROR]),
    "bare error object": (UI_TEXT, [DONE], [sse(error={"message": "Late"})]),
    "ai-sdk-4": (
        [line("f", {"messageId": "m"}), line("0", "an answer")],
        [line("d", {"finishReason": "stop"})],
        [line("3", "Late")],
    ),
    "openai-responses": (
        [
            sse(type="response.created", response={"id": "m"}),
            sse(type="response.output_text.delta", item_id="i", content_index=0, delta="an answer"),
        ],
        [sse(type="response.completed", response={"output": []})],
        [sse(type="response.failed", response={"error": {"message": "Late"}})],
    ),
    "openai-responses error": (
        [sse(type="response.output_text.delta", item_id="i", content_index=0, delta="an answer")],
        [sse(type="response.completed", response={"output": []})],
        [sse(type="error", message="Late")],
    ),
    "openai-chat": (
        [sse(choices=[{"delta": {"content": "an answer"}}])],
        [sse(choices=[{"delta": {}, "finish_reason": "stop"}]), DONE],
        [sse(error={"message": "Late"})],
    ),
    "cloudflare-agents": (
        [
            frame({"type": "start", "messageId": "m"}),
            frame({"type": "text-delta", "id": "t", "delta": "an answer"}),
        ],
        [frame({"type": "finish"}), frame("", done=True)],
        [frame("Late", error=True, done=True)],
    ),
}
every_dialect = pytest.mark.parametrize("name", sorted(DIALECTS))


def tape(*bodies: Body) -> Tape:
    taped = Tape().note(Marker.OPENED, via="post", status=200, content_type="", encoding="", worker_id=None)
    for body in bodies:
        for piece in body:
            taped.take(piece)
    return taped


def folded(*bodies: Body) -> Turn:
    """The turn, equal when live and when stored."""
    frames = tape(*bodies).note(Marker.CLOSED, clean=True).frames
    live = Fold(ORDER)
    for one in frames:
        turn_after(live, one)
    assert fold(ORDER, frames) == fold(ORDER, compacted(frames)) == live.turn
    return live.turn


@every_dialect
def test_an_error_after_the_end_changes_nothing(name: str) -> None:
    text, end, error = DIALECTS[name]
    turn = folded(text, end, error)
    assert judge(turn) == (TurnStatus.COMPLETED, None)
    assert (turn.text, turn.finished, turn.errors, turn.late_errors) == ("an answer", True, (), ("Late",))


@every_dialect
def test_an_error_before_the_end_fails_the_answer(name: str) -> None:
    text, end, error = DIALECTS[name]
    turn = folded(text, error, end)
    status, fault = judge(turn)
    assert status is TurnStatus.FAILED
    assert fault is not None
    assert fault.message == "Late"
    assert turn.text == "an answer"


@pytest.mark.parametrize(
    ("end", "status"),
    [
        ([sse(type="finish"), sse(type="abort", reason="late")], TurnStatus.COMPLETED),
        ([DONE, sse(type="abort")], TurnStatus.COMPLETED),
        ([sse(type="abort"), sse(type="finish")], TurnStatus.FAILED),
        ([sse(type="abort"), UI_ERROR, DONE], TurnStatus.FAILED),
        ([sse(type="finish", finishReason="error"), UI_ERROR], TurnStatus.FAILED),
        ([sse(type="finish", finishReason="length"), UI_ERROR], TurnStatus.INCOMPLETE),
        ([UI_ERROR, sse(type="finish", finishReason="stop"), DONE], TurnStatus.FAILED),
        ([DONE, RawFrame(Framing.SSE, '{"reason": "late"}', "error")], TurnStatus.COMPLETED),
        # A new message has not ended, although the previous one has.
        ([sse(type="finish"), sse(type="start", messageId="m2"), UI_ERROR], TurnStatus.FAILED),
    ],
)
def test_other_orders_of_end_error_and_abort(end: Body, status: TurnStatus) -> None:
    assert judge(folded(UI_TEXT, end))[0] is status


def test_an_error_of_a_finish_that_failed_names_the_reason() -> None:
    turn = folded(UI_TEXT, [sse(type="finish", finishReason="error"), UI_ERROR])
    fault = judge(turn)[1]
    assert fault is not None
    assert fault.message == "Late"


def test_the_worker_s_own_failure_still_counts() -> None:
    failed = json.dumps(
        {"id": "w1", "object": "worker", "status": "error", "running": False, "error": "Broke"}
    )
    taped = tape(UI_TEXT, [DONE, UI_ERROR]).note(Marker.CLOSED, clean=True)
    taped.take(RawFrame(Framing.JSON, failed, "after"))
    assert judge(fold(ORDER, taped.frames))[0] is TurnStatus.FAILED


# -- the id of a new worker ------------------------------------------------------------
FRESH = Turn(TurnRequest("turn_1", "hello", 0))
KNOWN = Turn(TurnRequest("turn_1", "hello", 0, target_id="w_asked"))


@pytest.mark.parametrize(
    "event",
    [
        ev.DataArrived("data-worker", {"id": "w_new"}),
        ev.DataArrived("data-worker", {"workerId": "w_new"}, transient=True),
        ev.DataArrived("data-worker", "w_new"),
        ev.MessageStarted("msg_1", {"workerId": "w_new"}),
        ev.MetadataMerged({"worker_id": "w_new"}),
    ],
)
def test_a_stream_may_name_the_new_worker(event: ev.StreamEvent) -> None:
    assert advance(FRESH, event).worker_id == "w_new"
    assert advance(KNOWN, event).worker_id is None


@pytest.mark.parametrize(
    "event",
    [
        ev.DataArrived("data-worker", {"id": 7}),
        ev.DataArrived("data-worker", {"id": ""}),
        ev.DataArrived("data-worker", None),
        ev.DataArrived("data-other", {"id": "w_new"}),
        ev.MetadataMerged({"id": "w_new"}),
    ],
)
def test_an_invalid_id_is_none(event: ev.StreamEvent) -> None:
    assert advance(FRESH, event).worker_id is None


def test_a_second_name_never_overwrites_the_first() -> None:
    named = advance(FRESH, ev.DataArrived("data-worker", "w_new"))
    assert advance(named, ev.DataArrived("data-worker", "w_evil")).worker_id == "w_new"


# -- many parts ------------------------------------------------------------------------
PLAIN_ORDER = TurnRequest("turn_1", "", 0)
PARTS = 20_000
SECONDS = 60.0
"""CPU time of this process; quadratic work takes at least ten times as long."""


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
    turn = fold(PLAIN_ORDER, stream)
    assert time.process_time() - began < SECONDS
    assert len(turn.parts) == PARTS * (2 if kind == "steps" else 1)
    assert turn.text == "x" * (PARTS if kind in TEXTS else 0)


@pytest.mark.parametrize("is_replay", [False, True])
def test_the_input_of_one_call_is_not_copied_for_each_delta(
    monkeypatch: pytest.MonkeyPatch, is_replay: bool
) -> None:
    copied = []

    def counting_join(first: str, second: str) -> str:
        copied.append(len(first) + len(second))
        return join(first, second)

    monkeypatch.setattr("handinger_tui.core.turns.reducer.join", counting_join)
    delta = {"type": "tool-input-delta", "toolCallId": "c", "inputTextDelta": "x" * 20}
    stream = frames([{"type": "tool-input-start", "toolCallId": "c", "toolName": "write"}, *[delta] * 1_000])
    if is_replay:
        reopened = json.loads(stream[0].data) | {"via": "replay"}
        stream += [Frame(2_000, 2_000, Framing.NOTE, json.dumps(reopened), Marker.OPENED), *stream[1:]]
    (part,) = fold(PLAIN_ORDER, stream).parts
    assert isinstance(part, ToolPart)
    assert part.input_text == "x" * 20_000
    assert sum(copied) <= 3 * 20_000


def test_earlier_values_of_a_turn_never_change() -> None:
    events = [event for at in range(20) for event in [{"type": "start-step"}, *text(at), *call(at)]]
    folding, turns = Fold(PLAIN_ORDER), []
    for frame in frames(events):
        folding.take(frame)
        turn = folding.turn
        turns.append((turn, list(turn.parts)))
    assert {type(turn.parts) for turn, _ in turns} == {tuple}
    assert all(list(turn.parts) == parts for turn, parts in turns)
    assert folding.turn is folding.turn


def test_earlier_metadata_of_a_turn_never_change() -> None:
    def event(at: int) -> dict[str, Any]:
        return {"type": "message-metadata", "messageMetadata": {"deep": {"deeper": {f"k{at}": at}}}}

    folding, turns = Fold(PLAIN_ORDER), []
    for frame in frames([event(at) for at in range(4)]):
        folding.take(frame)
        turns.append((folding.turn, json.dumps(folding.turn.metadata)))
    assert [json.dumps(turn.metadata) for turn, _ in turns] == [old for _, old in turns]
    assert turns[-1][0].metadata["deep"] == {"deeper": {f"k{at}": at for at in range(4)}}


def test_of_very_many_errors_the_first_and_the_newest_are_kept() -> None:
    events = [{"type": "error", "errorText": f"error {at}"} for at in range(MOST_ERRORS + 50)]
    errors = fold(PLAIN_ORDER, frames(events)).errors
    assert (len(errors), errors[0], errors[-1]) == (MOST_ERRORS, "error 0", f"error {MOST_ERRORS + 49}")


def test_an_unchanged_part_keeps_its_identity() -> None:
    folding = Fold(PLAIN_ORDER)
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


PIECE = st.sampled_from(
    [
        *(
            ToolPart(call_id, "", approval_id=approval)
            for call_id in ("c1", "c2")
            for approval in (None, "a")
        ),
        *(DataPart("d", 1, data_id) for data_id in (None, "x")),
        StepPart(),
        TextPart(),
    ]
)


@given(st.lists(PIECE, max_size=12), st.lists(PIECE.filter(lambda part: part != StepPart()), max_size=8))
def test_a_reset_leaves_the_parts_as_if_the_step_had_added_none(before: list[Part], step: list[Part]) -> None:
    parts, expected = PartList([*before, StepPart(), *step]), PartList([*before, StepPart()])
    parts.reset_step()
    assert parts == expected
    for call_id in ("c1", "c2"):
        assert parts.call_at(call_id, anywhere=True) == expected.call_at(call_id, anywhere=True)
    assert parts.data_at("d", "x") == expected.data_at("d", "x")
    assert parts.step_start == expected.step_start
