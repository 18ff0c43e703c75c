"""What an error or an abort does to an answer: before its end it fails it, after a good end nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from handinger_tui.core.stream.frames import Framing, Marker, RawFrame, gathered
from handinger_tui.core.turns.fold import Fold, fold
from handinger_tui.core.turns.outcome import judge
from handinger_tui.core.turns.turn import Turn, TurnRequest, TurnStatus
from tests.wire.recordings import Tape

ORDER = TurnRequest("turn_1", "hello", 0, "w1")
Body = list[RawFrame]


def chunk(**members: Any) -> RawFrame:
    return RawFrame(Framing.SSE, json.dumps(members))


def line(code: str, value: Any) -> RawFrame:
    return RawFrame(Framing.LINES, f"{code}:{json.dumps(value)}")


def frame(chunk: dict[str, Any] | str, **members: Any) -> RawFrame:
    """A Cloudflare chat frame with a chunk inside."""
    body = chunk if isinstance(chunk, str) else json.dumps(chunk)
    return RawFrame(Framing.SSE, json.dumps({"type": "cf_agent_use_chat_response", "body": body, **members}))


DONE = RawFrame(Framing.SSE, "[DONE]")
UI_TEXT = [chunk(type="start", messageId="m"), chunk(type="text-delta", id="t", delta="an answer")]
UI_ERROR = chunk(type="error", errorText="Late")

DIALECTS: dict[str, tuple[Body, Body, Body]] = {
    "ui-message finish": (UI_TEXT, [chunk(type="finish", finishReason="stop")], [UI_ERROR]),
    "ui-message [DONE]": (UI_TEXT, [DONE], [UI_ERROR]),
    "ui-message both": (UI_TEXT, [chunk(type="finish"), DONE], [UI_ERROR]),
    "bare error object": (UI_TEXT, [DONE], [chunk(error={"message": "Late"})]),
    "ai-sdk-4": (
        [line("f", {"messageId": "m"}), line("0", "an answer")],
        [line("d", {"finishReason": "stop"})],
        [line("3", "Late")],
    ),
    "openai-responses": (
        [
            chunk(type="response.created", response={"id": "m"}),
            chunk(type="response.output_text.delta", item_id="i", content_index=0, delta="an answer"),
        ],
        [chunk(type="response.completed", response={"output": []})],
        [chunk(type="response.failed", response={"error": {"message": "Late"}})],
    ),
    "openai-responses error": (
        [chunk(type="response.output_text.delta", item_id="i", content_index=0, delta="an answer")],
        [chunk(type="response.completed", response={"output": []})],
        [chunk(type="error", message="Late")],
    ),
    "openai-chat": (
        [chunk(choices=[{"delta": {"content": "an answer"}}])],
        [chunk(choices=[{"delta": {}, "finish_reason": "stop"}]), DONE],
        [chunk(error={"message": "Late"})],
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
    """The turn, live and from the store alike."""
    frames = tape(*bodies).note(Marker.CLOSED, clean=True).frames
    live = Fold(ORDER)
    for one in frames:
        live.feed(one)
    assert fold(ORDER, frames) == fold(ORDER, gathered(frames)) == live.turn
    return live.turn


@every_dialect
def test_an_error_after_the_end_undoes_nothing(name: str) -> None:
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
        ([chunk(type="finish"), chunk(type="abort", reason="late")], TurnStatus.COMPLETED),
        ([DONE, chunk(type="abort")], TurnStatus.COMPLETED),
        ([chunk(type="abort"), chunk(type="finish")], TurnStatus.FAILED),
        ([chunk(type="abort"), UI_ERROR, DONE], TurnStatus.FAILED),
        ([chunk(type="finish", finishReason="error"), UI_ERROR], TurnStatus.FAILED),
        ([chunk(type="finish", finishReason="length"), UI_ERROR], TurnStatus.INCOMPLETE),
        ([UI_ERROR, chunk(type="finish", finishReason="stop"), DONE], TurnStatus.FAILED),
        ([DONE, RawFrame(Framing.SSE, '{"reason": "late"}', "error")], TurnStatus.COMPLETED),
        # A new message has not ended because the one before it had.
        ([chunk(type="finish"), chunk(type="start", messageId="m2"), UI_ERROR], TurnStatus.FAILED),
    ],
)
def test_other_orders_of_end_error_and_abort(end: Body, status: TurnStatus) -> None:
    assert judge(folded(UI_TEXT, end))[0] is status


def test_an_error_of_a_finish_that_failed_names_the_reason() -> None:
    turn = folded(UI_TEXT, [chunk(type="finish", finishReason="error"), UI_ERROR])
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
