"""Recorded streams fold to the result of the reference client, even when they are cut and replayed."""

from __future__ import annotations

from itertools import groupby, pairwise
from typing import Any

import pytest

from handinger_tui.core.figures import costs_of, usage_of
from handinger_tui.core.stream import CustomPart, FilePart, Marker, reason_text
from handinger_tui.core.turns.fold import Fold, fold
from handinger_tui.core.turns.messages import message_parts
from handinger_tui.core.turns.turn import ToolPart, Turn, TurnRequest, TurnStatus, judge
from tests.core.projections import (
    CHUNKS,
    EVERYTHING,
    NAMES,
    ORDER,
    check_message,
    every,
    folded,
    of,
    part_type,
    plain_type,
    reasoning,
    reported_usage,
    sources,
    tools,
    turn_after,
    unknown_events,
)
from tests.wire.recordings import Recording, Tape, recordings


# -- whole streams ---------------------------------------------------------------------
@of(*CHUNKS)
def test_ui_message_streams(recording: Recording) -> None:
    turn, expected = folded(recording), recording.expected
    check_message(turn, expected)
    assert list(turn.errors) == expected["errors"]
    assert turn.aborted is expected["aborted"]
    assert turn.abort_reason == expected.get("abort_reason")
    assert turn.finish_reason == expected["finish_reason"]
    assert turn.metadata == (expected["metadata"] or {})
    assert not unknown_events(recording)
    # Transient data is activity, and not a part.
    messages = [data["data"]["message"] for data in expected["transient_data"]]
    assert turn.activity == (messages[-1] if messages else None)
    if recording.family == "7":
        assert [part.raw for part in turn.parts if isinstance(part, CustomPart)] == expected["other"]


def test_a_file_name_that_a_server_adds_is_kept() -> None:
    files = [one for one in EVERYTHING if one.path.stem == "file-https" and one.family in ("5", "6", "7")]
    assert files
    for recording in files:
        names = [part.filename for part in folded(recording).parts if isinstance(part, FilePart)]
        assert "report.csv" in names, recording.name


def test_token_counts_of_a_stream_are_reported_unchanged() -> None:
    (recording,) = (r for r in recordings("7") if r.path.stem == "metadata-usage")
    assert reported_usage(recording) == [recording.expected["metadata"]["totalUsage"]]


def test_a_broken_control_event_is_the_fault_of_the_stream() -> None:
    (recording,) = (r for r in recordings("cf-streams") if r.path.stem == "errored")
    turn = folded(recording)
    assert turn.stream_fault == recording.meta["control_error"]
    assert not turn.finished


def test_the_dialect_is_named() -> None:
    for recording in EVERYTHING:
        if recording.family == "text":
            name = "json-strings" if recording.path.suffix == ".sse" else "text"
        elif recording.path.stem == "idle-only-stored":
            name = "stored-messages"
        else:
            name = NAMES.get(recording.family, "ui-message-stream")
        assert folded(recording).encoding == name, recording.name


@of("text")
def test_text(recording: Recording) -> None:
    turn = folded(recording)
    assert turn.texts == (recording.expected["text"],)
    assert turn.finished


@of("text")
def test_text_that_was_cut_is_not_finished(recording: Recording) -> None:
    turn = folded(recording, Tape().body(recording, until=3))
    assert recording.expected["text"].startswith(turn.text)
    assert turn.text
    assert not turn.finished


@of("ai4")
def test_ai_sdk_4(recording: Recording) -> None:
    turn, expected = folded(recording), recording.expected
    assert turn.text == expected["text"]
    assert reasoning(turn) == expected["reasoning"]
    assert tools(turn) == [
        {
            "id": tool["toolCallId"],
            "name": tool["toolName"],
            "state": "output-available",
            "input": tool["args"],
            "output": tool["result"],
            "error": None,
        }
        for tool in expected["tools"]
    ]
    assert [(s["sourceId"], s["url"], s["title"]) for s in sources(turn)] == [
        (s["id"], s["url"], s["title"]) for s in expected["sources"]
    ]
    assert turn.finish_reason == expected["finish_reason"]
    counts = {name: expected["usage"][name] for name in ("promptTokens", "completionTokens")}
    assert reported_usage(recording) == [counts]
    assert turn.finished
    assert list(turn.errors) == expected["errors"]
    assert turn.message_id == expected["message"]["id"]
    part_types = [part["type"].replace("source", "source-url") for part in expected["message"]["parts"]]
    assert [part_type(part) for part in turn.parts] == list(map(plain_type, part_types))


@of("openai")
def test_openai_responses(recording: Recording) -> None:
    turn, expected = folded(recording), recording.expected
    assert turn.text == expected["streamed_text"]
    assert reasoning(turn) == expected["reasoning"]
    assert list(turn.errors) == expected["errors"]
    assert reported_usage(recording) == ([expected["usage"]] if expected["usage"] else [])
    assert [(p.name, p.call_id, p.input) for p in turn.parts if isinstance(p, ToolPart)] == [
        (tool["name"], tool["call_id"], {"query": "bees"}) for tool in expected["tools"]
    ]
    cited = [(s["url"], s["title"]) for s in expected["sources"]]
    assert [(s["url"], s["title"]) for s in sources(turn)] == cited
    assert turn.finished
    failed = expected["status"] == "failed"
    assert judge(turn)[0] is (TurnStatus.FAILED if failed else TurnStatus.COMPLETED)
    assert not unknown_events(recording)


@of("worker")
def test_worker_snapshots(recording: Recording) -> None:
    turn, expected = folded(recording), recording.expected
    assert turn.snapshot is not None
    assert turn.text == expected["text"]
    assert turn.worker_id == expected["id"]
    assert turn.finished
    assert turn.snapshot.usage == usage_of(expected["usage"])
    assert turn.snapshot.costs == costs_of(expected.get("costs", {}))
    assert turn.snapshot.error == reason_text(expected["error"])
    assert [(f.filename, f.media_type, f.url) for f in turn.snapshot.files] == [
        (f["filename"], f["mediaType"], f["url"]) for f in expected["files"]
    ]
    assert [(s.source_id, s.title, s.url) for s in turn.snapshot.sources] == [
        (s["id"], s["title"], s["url"]) for s in expected["sources"]
    ]
    assert turn.parts == message_parts(expected["messages"][-1])
    assert judge(turn)[0] is (TurnStatus.FAILED if expected["error"] else TurnStatus.COMPLETED)


@of("worker")
def test_worker_snapshots_show_each_intermediate_text(recording: Recording) -> None:
    folding = Fold(ORDER)
    texts = [turn_after(folding, frame).text for frame in Tape().body(recording).frames]
    assert [text for text, _ in groupby(texts)] == [
        text for text, _ in groupby(recording.expected["texts_seen"])
    ]


# -- replays ---------------------------------------------------------------------------
@of("replay")
def test_replays_end_with_the_last_answer(recording: Recording) -> None:
    turn = fold(ORDER, Tape().body(recording, via="replay").frames)
    assert turn.text == recording.expected["final_text"]
    check_message(turn, recording.expected["messages"][-1])
    assert turn.finished


@of("replay")
def test_a_replay_matches_the_turn_by_its_prompt(recording: Recording) -> None:
    """Any answer of a history can be ours: the prompt decides."""
    messages = recording.expected["messages"]
    for question, answer in pairwise(messages):
        if question["role"] == "user":
            request = TurnRequest("turn_1", question["text"], 0, seen_before=0)
            check_message(fold(request, Tape().body(recording, via="replay").frames), answer)


@of("replay")
def test_a_replay_without_our_turn_adds_nothing(recording: Recording) -> None:
    if recording.expected["messages"][0]["role"] == "user":
        request = TurnRequest("turn_1", "Never asked", 0, seen_before=0)
        assert fold(request, Tape().body(recording, via="replay").frames).parts == ()


def content(turn: Turn) -> tuple[Any, ...]:
    return (turn.parts, turn.message_id, turn.metadata, turn.finish_reason, turn.errors)


@every
@pytest.mark.parametrize("via", ["replay", "subscribe"])
def test_cut_anywhere_and_replayed(recording: Recording, via: str) -> None:
    expected = content(folded(recording))
    pieces = len(recording.pieces)
    # Each way at places of its own; tests/chaos/test_cuts.py cuts at bytes.
    for at in range(int(via == "replay"), pieces, max(2, pieces // 20)):
        turn = folded(recording, Tape().body(recording, until=at).body(recording, via=via))
        assert content(turn) == expected


@of("5", "6", "7", "cf-streams")
def test_cut_anywhere_and_only_the_remainder_is_sent(recording: Recording) -> None:
    expected = content(folded(recording))
    pieces = len(recording.pieces)
    for at in range(1, pieces, max(1, pieces // 20)):
        tape = (
            Tape().body(recording, until=at).note(Marker.OPENED, **{**recording.opened, "via": "subscribe"})
        )
        for piece in recording.pieces[at:]:
            tape.take(piece)
        assert content(folded(recording, tape.note(Marker.CLOSED, clean=True))) == expected
