"""Tool calls that continue in another response keep their name and input."""

from __future__ import annotations

import json
from typing import Any

import pytest

from handinger_tui.core.stream import Framing, Marker, RawFrame
from handinger_tui.core.turns.fold import Fold, fold
from handinger_tui.core.turns.turn import ToolPart, ToolState, Turn, TurnRequest
from tests.core.projections import turn_after
from tests.wire.recordings import Tape, sse

ORDER = TurnRequest("turn_1", "hello", 0, "w1")
CALL = {"type": "tool-search", "toolCallId": "c1", "state": "input-available", "input": {"query": "bees"}}
STORED: dict[str, Any] = {
    "id": "m1",
    "role": "assistant",
    "parts": [{"type": "step-start"}, {"type": "text", "text": "Searching.", "state": "done"}, CALL],
}
QUESTION = {"id": "u1", "role": "user", "parts": [{"type": "text", "text": "hello"}]}


START = sse(type="start", messageId="m1")
OUTPUT = sse(type="tool-output-available", toolCallId="c1", output=["about bees"])
ASKS = sse(type="tool-approval-request", approvalId="a1", toolCallId="c1")
REST = [
    sse(type="start-step"),
    sse(type="text-start", id="t"),
    sse(type="text-delta", id="t", delta=" Done."),
    sse(type="text-end", id="t"),
    sse(type="finish", finishReason="stop"),
]


def played(*bodies: tuple[str, list[RawFrame]], request: TurnRequest = ORDER) -> Turn:
    """The turn of several responses, each with its route."""
    taped = Tape()
    for via, pieces in bodies:
        taped.note(Marker.OPENED, via=via, status=200, content_type="", encoding="", worker_id=None)
        for piece in pieces:
            taped.take(piece)
        taped.note(Marker.CLOSED, clean=True)
    live = Fold(request)
    for frame in taped.frames:
        turn_after(live, frame)
    assert fold(request, taped.frames) == live.turn
    return live.turn


def calls(turn: Turn) -> list[tuple[str, Any, ToolState]]:
    return [(p.name, p.input, p.state) for p in turn.parts if isinstance(p, ToolPart)]


UPDATES: dict[str, tuple[list[RawFrame], ToolState]] = {
    "output": ([OUTPUT], ToolState.OUTPUT_AVAILABLE),
    "failed": ([sse(type="tool-output-error", toolCallId="c1", errorText="no")], ToolState.OUTPUT_ERROR),
    "denied": ([sse(type="tool-output-denied", toolCallId="c1")], ToolState.OUTPUT_DENIED),
    "approval": ([ASKS], ToolState.APPROVAL_REQUESTED),
    "delta": (
        [sse(type="tool-input-delta", toolCallId="c1", inputTextDelta="")],
        ToolState.INPUT_AVAILABLE,
    ),
    "ready without input": ([sse(type="tool-input-available", toolCallId="c1")], ToolState.INPUT_AVAILABLE),
    "input error": (
        [sse(type="tool-input-error", toolCallId="c1", errorText="no")],
        ToolState.OUTPUT_ERROR,
    ),
    "started without a name": ([sse(type="tool-input-start", toolCallId="c1")], ToolState.INPUT_STREAMING),
    "ai-sdk-4 result": (
        [RawFrame(Framing.LINES, 'a:{"toolCallId":"c1","result":["about bees"]}')],
        ToolState.OUTPUT_AVAILABLE,
    ),
    "cloudflare output": (
        [RawFrame(Framing.SSE, json.dumps({"type": "cf_agent_use_chat_response", "body": OUTPUT.data}))],
        ToolState.OUTPUT_AVAILABLE,
    ),
    "openai output": (
        [
            sse(
                type="response.output_item.done",
                item={"type": "function_call_output", "call_id": "c1", "output": "about bees"},
            )
        ],
        ToolState.OUTPUT_AVAILABLE,
    ),
}


@pytest.mark.parametrize("start", [[START], [sse(type="start")], []], ids=["same id", "no id", "no start"])
@pytest.mark.parametrize("name", sorted(UPDATES))
def test_a_stored_call_that_the_live_stream_updates_keeps_name_and_input(
    name: str, start: list[RawFrame]
) -> None:
    update, state = UPDATES[name]
    stored = [RawFrame(Framing.SSE, json.dumps(message)) for message in (QUESTION, STORED)]
    turn = played(("replay", [*stored, *start, *update, *REST]))
    assert calls(turn) == [("search", {"query": "bees"}, state)]
    assert turn.texts == ("Searching.", " Done.")
    assert turn.finished


def test_an_array_of_stored_messages_is_read_once_even_if_repeated() -> None:
    listed = sse(type="messages", messages=[QUESTION, STORED])
    stored = [listed, START, OUTPUT, *REST]
    assert played(("replay", stored)).parts == played(("post", stored[:3]), ("replay", stored)).parts


def test_an_answered_approval_belongs_to_the_stored_call() -> None:
    stored = {**STORED, "parts": [{**CALL, "state": "approval-requested", "approval": {"id": "a1"}}]}
    answered = sse(type="tool-approval-response", approvalId="a1", approved=True)
    turn = played(("replay", [RawFrame(Framing.SSE, json.dumps(stored)), START, answered, OUTPUT]))
    assert calls(turn) == [("search", {"query": "bees"}, ToolState.OUTPUT_AVAILABLE)]


def test_a_message_that_is_sent_again_is_not_doubled() -> None:
    again = [
        sse(type="text-delta", id="t", delta="Searching."),
        sse(type="tool-input-available", toolCallId="c1", toolName="search", input={"query": "bees"}),
        OUTPUT,
    ]
    turn = played(
        ("replay", [RawFrame(Framing.SSE, json.dumps(STORED)), START, sse(type="start-step"), *again])
    )
    assert calls(turn) == [("search", {"query": "bees"}, ToolState.OUTPUT_AVAILABLE)]
    assert turn.text == "Searching."


def test_another_message_receives_only_the_call() -> None:
    begun = [RawFrame(Framing.SSE, json.dumps(STORED)), sse(type="start", messageId="m2"), OUTPUT, *REST]
    turn = played(("replay", begun), request=TurnRequest("turn_1", "", 0, "w1"))
    assert calls(turn) == [("search", {"query": "bees"}, ToolState.OUTPUT_AVAILABLE)]
    assert turn.text == " Done."


@pytest.mark.parametrize("start", [[START], []], ids=["start", "no start"])
def test_a_subscribed_stream_continues_the_calls_of_the_lost_one(start: list[RawFrame]) -> None:
    lost = [
        START,
        sse(type="text-delta", id="t", delta="Searching."),
        sse(type="tool-input-available", toolCallId="c1", toolName="search", input={"query": "bees"}),
    ]
    turn = played(("post", lost), ("subscribe", [*start, OUTPUT, *REST]))
    assert calls(turn) == [("search", {"query": "bees"}, ToolState.OUTPUT_AVAILABLE)]
    assert turn.texts == ("Searching.", " Done.")


def test_input_that_was_only_streamed_is_kept_when_the_output_comes() -> None:
    pieces = [
        sse(type="tool-input-start", toolCallId="c1", toolName="search"),
        sse(type="tool-input-delta", toolCallId="c1", inputTextDelta='{"query": "bees"}'),
        OUTPUT,
    ]
    assert calls(played(("post", pieces))) == [("search", {"query": "bees"}, ToolState.OUTPUT_AVAILABLE)]
