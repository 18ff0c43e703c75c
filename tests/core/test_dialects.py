"""Dialects without a recording, and the detection of the dialect of a body."""

from __future__ import annotations

import json
from typing import Any

import pytest

from handinger_tui.core.dialects import DIALECTS, StreamDecoder
from handinger_tui.core.dialects import events as ev
from handinger_tui.core.dialects.events import StreamEvent
from handinger_tui.core.stream import FilePart, Frame, Framing, Marker
from handinger_tui.core.turns.fold import fold
from handinger_tui.core.turns.messages import message_parts
from handinger_tui.core.turns.turn import ReasoningPart, ToolPart, ToolState, Turn, TurnRequest
from tests.wire.recordings import Tape, recordings

ORDER = TurnRequest("turn_1", "", 0)


def frame(data: Any, event: str = "", framing: Framing = Framing.SSE) -> Frame:
    return Frame(0, 0, framing, data if isinstance(data, str) else json.dumps(data), event)


def read_line(*data: Any, encoding: str = "", framing: Framing = Framing.SSE) -> list[StreamEvent]:
    decoder = StreamDecoder(encoding)
    return [event for one in data for event in decoder.decode(frame(one, framing=framing))]


def turn_of(
    *data: Any, clean: bool = True, content_type: str = "text/event-stream", encoding: str = ""
) -> Turn:
    tape = Tape().note(Marker.OPENED, via="post", status=200, content_type=content_type, encoding=encoding)
    framing = Framing.SSE if content_type == "text/event-stream" else Framing.TEXT
    tape.frames += [frame(one, framing=framing) for one in data]
    return fold(ORDER, tape.note(Marker.CLOSED, clean=clean).frames)


# -- what no dialect understands ---------------------------------------------------
@pytest.mark.parametrize("encoding", ["ai-ui", ""])
def test_damaged_json_in_a_recognized_dialect_is_kept_and_not_shown(encoding: str) -> None:
    good = {"type": "text-delta", "id": "t", "delta": "Hi"}
    framing = Framing.SSE if encoding else Framing.LINES
    events = read_line(good, '{"type":"text-del', "plain words", good, encoding=encoding, framing=framing)
    assert events[1:3] == [
        ev.Unknown("", '{"type":"text-del', undecodable=True),
        ev.Unknown("", "plain words", undecodable=True),
    ]
    assert isinstance(events[3], ev.TextGrew)


def test_damaged_json_at_the_start_is_not_text_either() -> None:
    turn = turn_of('{"type":"sta', {"type": "text-delta", "id": "t", "delta": "Hi"})
    assert (turn.text, turn.skipped) == ("Hi", 1)


def test_unknown_types_are_kept_with_their_name() -> None:
    raw = '{"type":"hologram-delta","text":"not text"}'
    assert read_line({"type": "start"}, raw)[1:] == [ev.Unknown("hologram-delta", raw)]


def test_nothing_and_terminators() -> None:
    assert read_line("", "[DONE]", " [DONE]", '"[DONE]"') == [ev.StreamDone()] * 3


# -- text ------------------------------------------------------------------------
def test_raw_text_is_appended_unchanged_once_recognized() -> None:
    pieces = ["The answer", " is", " 42", "42", '"quoted"', "true", "[1]", " {}", "\nEnd."]
    turn = turn_of(*pieces, "[DONE]")
    assert turn.text == "".join(pieces)
    assert turn.encoding == "text"
    assert turn.finished


def test_raw_text_may_begin_with_a_number() -> None:
    assert turn_of("42", " is it").text == "42 is it"


@pytest.mark.parametrize("member", ["text", "delta", "content"])
def test_objects_with_one_string(member: str) -> None:
    turn = turn_of({member: "Hel"}, {member: "lo"}, clean=True)
    assert (turn.text, turn.encoding, turn.finished) == ("Hello", "json-pieces", True)


def test_a_weak_beginning_yields_to_a_dialect() -> None:
    turn = turn_of("connected", {"type": "text-delta", "id": "t", "delta": "Hi"}, "junk")
    assert turn.encoding == "ui-message-stream"
    assert turn.texts == ("connected", "Hi")
    assert turn.skipped == 1


def test_strings_are_not_text_inside_a_dialect() -> None:
    assert turn_of({"type": "start"}, '"Hello"', {"text": "Hello"}).text == ""


# -- text bodies -------------------------------------------------------------------
@pytest.mark.parametrize("encoding", ["ai4", ""])
@pytest.mark.parametrize("width", [1, 2, 7, 1000])
@pytest.mark.parametrize("recording", recordings("ai4"), ids=lambda r: r.name)
def test_ai_sdk_4_lines_in_a_text_body_cut_anywhere(recording: Any, width: int, encoding: str) -> None:
    """With the protocol header, and without it recognized by the first line."""
    body = recording.body.decode().rstrip("\n")
    runs = [body[at : at + width] for at in range(0, len(body), width)]
    turn = turn_of(*runs, content_type="text/plain", encoding=encoding)
    assert turn.text == recording.expected["text"]
    assert turn.encoding == "ai-sdk-4"
    assert turn.finish_reason == "stop"


@pytest.mark.parametrize(
    "text", ["0: zero", "a:", '0:"not closed', "9", '{"type":"start"}', "d:[\nrest", "[DONE]"]
)
@pytest.mark.parametrize("width", [1, 1000])
def test_prose_that_resembles_a_protocol_stays_prose(text: str, width: int) -> None:
    runs = [text[at : at + width] for at in range(0, len(text), width)]
    turn = turn_of(*runs, content_type="text/plain")
    assert (turn.text, turn.encoding, turn.finished) == (text, "text", True)


def test_ai_sdk_4_errors_data_and_files() -> None:
    lines = [
        '3:"It broke"',
        '2:[{"a":1},2]',
        '8:["note"]',
        'k:{"data":"AAAA","mimeType":"image/png"}',
        "j:{}",
        "i:{}",
    ]
    events = read_line(*lines, encoding="ai4", framing=Framing.LINES)
    assert events == [
        ev.Failed("It broke"),
        ev.DataArrived("data", {"a": 1}),
        ev.DataArrived("data", 2),
        ev.DataArrived("annotation", "note"),
        FilePart("data:image/png;base64,AAAA", "image/png"),
    ]


def test_ai_sdk_4_text_continues_across_a_continued_step() -> None:
    lines = ['0:"One "', 'e:{"isContinued":true}', '0:"two"', 'e:{"isContinued":false}', '0:"new"']
    assert turn_of("\n".join(lines), content_type="text/plain", encoding="ai4").texts == ("One two", "new")


# -- UI message stream ---------------------------------------------------------------
def test_reasoning_of_the_first_releases_of_5() -> None:
    turn = turn_of(
        {"type": "reasoning", "text": "Hm"},
        {"type": "reasoning", "text": "m."},
        {"type": "reasoning-part-finish"},
    )
    assert [(p.text, p.open) for p in turn.parts if isinstance(p, ReasoningPart)] == [("Hmm.", False)]


def test_an_answered_approval_belongs_to_its_call() -> None:
    turn = turn_of(
        {"type": "tool-input-available", "toolCallId": "c1", "toolName": "rm", "input": {}},
        {"type": "tool-approval-request", "approvalId": "a1", "toolCallId": "c1"},
        {"type": "tool-approval-response", "approvalId": "a1", "approved": False},
        {"type": "tool-output-denied", "toolCallId": "c1"},
    )
    (part,) = turn.parts
    assert isinstance(part, ToolPart)
    assert (part.call_id, part.name, part.state) == ("c1", "rm", ToolState.OUTPUT_DENIED)


def test_a_step_that_is_reset_removes_its_parts() -> None:
    turn = turn_of(
        {"type": "start-step"},
        {"type": "text-delta", "id": "t", "delta": "kept"},
        {"type": "start-step"},
        {"type": "text-delta", "id": "t2", "delta": "wrong"},
        {"type": "reset-step"},
        {"type": "text-start", "id": "t2"},
        {"type": "text-delta", "id": "t2", "delta": "right"},
    )
    assert turn.texts == ("kept", "right")


def test_a_call_with_invalid_input_keeps_the_received_text() -> None:
    turn = turn_of(
        {"type": "tool-input-start", "toolCallId": "c", "toolName": "f"},
        {"type": "tool-input-delta", "toolCallId": "c", "inputTextDelta": "{bad"},
        {
            "type": "tool-input-error",
            "toolCallId": "c",
            "toolName": "f",
            "input": "{bad",
            "errorText": "Not JSON",
        },
    )
    assert turn.parts == (ToolPart("c", "f", ToolState.OUTPUT_ERROR, input="{bad", error="Not JSON"),)


def test_surrogate_pairs_are_joined_across_deltas() -> None:
    turn = turn_of(
        '{"type":"text-delta","id":"t","delta":"a\\ud83d"}',
        '{"type":"text-delta","id":"t","delta":"\\ude00b"}',
    )
    assert turn.text == "a😀b"


# -- Cloudflare Agents ---------------------------------------------------------------
def chunk(body: Any, **more: Any) -> dict[str, Any]:
    text = body if isinstance(body, str) else json.dumps(body)
    return {"type": "cf_agent_use_chat_response", "id": "r1", "body": text, "done": False, **more}


def test_chat_frames_of_an_agent() -> None:
    turn = turn_of(
        {"type": "cf_agent_chat_messages", "messages": [{"id": "u", "role": "user", "parts": []}]},
        chunk({"type": "start", "messageId": "m"}),
        chunk({"type": "text-delta", "id": "t", "delta": "Hi"}),
        chunk("{damaged"),
        chunk("", done=True),
    )
    assert (turn.text, turn.message_id, turn.encoding) == ("Hi", "m", "cloudflare-agents")
    assert (turn.skipped, turn.finished) == (1, True)


def test_a_failed_agent_fails_the_message() -> None:
    turn = turn_of(chunk("Out of memory", error=True, done=True))
    assert (turn.errors, turn.finished) == (("Out of memory",), True)


def test_named_events_about_the_stream() -> None:
    decoder = StreamDecoder()
    assert decoder.decode(frame({}, "up-to-date")) == ()
    assert decoder.decode(frame("pong", "ping")) == ()
    assert decoder.decode(frame("", "done")) == (ev.StreamDone(),)
    assert decoder.decode(frame("went away", "error")) == (ev.Failed("went away", in_message=False),)
    assert decoder.decode(frame({"type": "error", "errorText": "No"}, "error")) == (ev.Failed("No"),)
    assert decoder.name == "ui-message-stream"


def test_a_bare_error_object_fails_the_message() -> None:
    assert read_line({"error": {"message": "Out of credits"}}) == [ev.Failed("Out of credits")]


# -- OpenAI ------------------------------------------------------------------------
def choice(delta: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
    return {
        "object": "chat.completion.chunk",
        "choices": [{"index": 0, "delta": delta, "finish_reason": reason}],
    }


def test_chat_completions() -> None:
    call = {"index": 0, "id": "c1", "function": {"name": "search", "arguments": '{"q":'}}
    turn = turn_of(
        choice({"role": "assistant", "content": ""}),
        choice({"reasoning_content": "Hm."}),
        choice({"content": "Hel"}),
        choice({"content": "lo"}),
        choice({"tool_calls": [call]}),
        choice({"tool_calls": [{"index": 0, "function": {"arguments": '"x"}'}}]}),
        choice({}, "tool_calls"),
        {"choices": [], "usage": {"total_tokens": 3}},
        "[DONE]",
    )
    assert (turn.text, turn.encoding, turn.finish_reason) == ("Hello", "openai-chat", "tool_calls")
    assert turn.parts[-1] == ToolPart("c1", "search", ToolState.INPUT_AVAILABLE, input={"q": "x"})
    assert read_line({"choices": [], "usage": {"total_tokens": 3}}) == [ev.UsageReported({"total_tokens": 3})]


def test_an_incomplete_response_has_a_reason() -> None:
    done: dict[str, Any] = {
        "output": [],
        "incomplete_details": {"reason": "max_output_tokens"},
        "usage": None,
    }
    turn = turn_of(
        {"type": "response.output_text.delta", "item_id": "m", "content_index": 0, "delta": "Half"},
        {"type": "response.incomplete", "response": done},
    )
    assert (turn.text, turn.incomplete, turn.finished) == ("Half", "max_output_tokens", True)


def test_a_response_sent_only_at_its_end_is_read_once() -> None:
    message = {"type": "message", "id": "m", "content": [{"type": "output_text", "text": "All of it"}]}
    search = {"type": "web_search_call", "id": "w", "action": {"query": "bees"}}
    turn = turn_of(
        {"type": "response.output_item.done", "item": search},
        {"type": "response.output_item.done", "item": message},
        {"type": "response.completed", "response": {"output": [search, message]}},
    )
    assert turn.texts == ("All of it",)
    assert turn.parts[0] == ToolPart("w", "web_search", ToolState.OUTPUT_AVAILABLE, input={"query": "bees"})


def test_a_call_that_failed_at_the_service_has_its_error() -> None:
    call = {"type": "mcp_call", "id": "c", "name": "lookup", "arguments": "{}", "error": "No key"}
    turn = turn_of({"type": "response.output_item.done", "item": call})
    (part,) = turn.parts
    assert isinstance(part, ToolPart)
    assert (part.state, part.error, part.input) == (ToolState.OUTPUT_ERROR, "No key", {})


def test_a_bare_error_of_the_responses_api() -> None:
    events = read_line(
        {"type": "response.created", "response": {"id": "r"}}, {"type": "error", "message": "Overloaded"}
    )
    assert ev.Failed("Overloaded") in events


# -- stored messages and snapshots in odd places --------------------------------------
STORED: dict[str, Any] = {"id": "m1", "role": "assistant", "parts": [{"type": "text", "text": "Hi"}]}


@pytest.mark.parametrize(
    "event",
    [
        STORED,
        [STORED],
        {"messages": [STORED]},
        {"type": "messages", "messages": [STORED]},
        {"type": "message", "message": STORED},
    ],
    ids=["bare", "array", "messages", "typed", "envelope"],
)
def test_layouts_of_stored_messages(event: Any) -> None:
    assert read_line(event) == [ev.MessageStored(STORED)]


def test_calls_and_results_of_a_model_message() -> None:
    names = {"toolCallId": "c", "toolName": "lookup"}
    call: dict[str, Any] = {"type": "tool-call", **names, "input": {"a": 1}}
    result: dict[str, Any] = {"type": "tool-result", **names, "output": {"type": "json", "value": [2]}}
    assert message_parts({"role": "assistant", "content": [call, result]}) == (
        ToolPart("c", "lookup", ToolState.INPUT_AVAILABLE, input={"a": 1}),
        ToolPart("c", "lookup", ToolState.OUTPUT_AVAILABLE, output=[2]),
    )


@pytest.mark.parametrize("wrapper", ["worker", "data", ""])
def test_a_wrapped_worker_is_recognized_and_keeps_exact_amounts(wrapper: str) -> None:
    usage = '{"costUsd":0.1000000000000000055}'
    worker = f'{{"object":"worker","id":"w","status":"running","running":true,"usage":{usage}}}'
    (event,) = read_line(f'{{"{wrapper}":{worker}}}' if wrapper else worker)
    assert isinstance(event, ev.WorkerRead)
    assert str(event.snapshot.usage.cost_usd) == "0.1000000000000000055"


def test_every_dialect_is_registered_once_and_named() -> None:
    names = [make().name for make in DIALECTS]
    assert len(set(names)) == len(names)
    weak = [make().weak for make in DIALECTS]
    assert weak == sorted(weak)


@pytest.mark.parametrize("odd", [[], {}, 7, None, True])
def test_a_member_of_an_unexpected_type_breaks_no_dialect(odd: Any) -> None:
    call = {"id": "c1", "call_id": "c1", "name": "x", "status": "completed"}
    read_line(
        {"type": "response.created", "role": odd, "parts": []},
        {"role": odd, "content": odd},
        {"type": "response.output_item.added", "item": {**call, "type": "web_search_call"}},
        {"type": "response.output_item.done", "item": {**call, "type": odd}},
        {"type": odd, "item": odd, "delta": odd, "response": {"output": [odd]}},
    )
