"""What must hold for any text and any order of events (hypothesis)."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, get_args
from unicodedata import normalize

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from handinger_tui.core.dialects import StreamDecoder
from handinger_tui.core.dialects import events as ev
from handinger_tui.core.dialects.openai import EVENTS
from handinger_tui.core.dialects.worker import CHUNKS, CONTROLS
from handinger_tui.core.figures import NO_USAGE, Usage
from handinger_tui.core.jsontext import MAX_DEPTH, NotJson, dump, parse, parse_exact
from handinger_tui.core.stream import FilePart, Frame, Framing, Marker, ReadReason, SourcePart, snapshot_of
from handinger_tui.core.turns.fold import Fold, fold
from handinger_tui.core.turns.messages import find_prompt, message_parts, text_of
from handinger_tui.core.turns.reducer import HANDLERS
from handinger_tui.core.turns.turn import SEAL, Rope, TextPart, Turn, TurnRequest, join_all
from tests.core.projections import advance, turn_after
from tests.wire.recordings import Tape, recordings

ORDER = TurnRequest("turn_1", "", 0)
fast = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))

# Halves of surrogate pairs can be in any text: JSON escapes produce them.
TEXT = st.text(st.characters(exclude_categories=()), max_size=12)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 10**20) | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
MEMBERS = (
    *(
        "id",
        "delta",
        "text",
        "content",
        "messageId",
        "messageMetadata",
        "toolCallId",
        "toolName",
        "input",
        "output",
    ),
    *(
        "inputTextDelta",
        "errorText",
        "url",
        "mediaType",
        "data",
        "transient",
        "parts",
        "role",
        "message",
        "messages",
    ),
    *(
        "item",
        "item_id",
        "response",
        "choices",
        "usage",
        "body",
        "done",
        "error",
        "worker",
        "object",
        "status",
    ),
    *("running", "output_text", "annotation", "content_index", "kind", "approvalId", "size", "citations"),
)
TYPES = (
    *CHUNKS,
    *(f"response.{name}" for name in EVENTS),
    "data-x",
    "message",
    "messages",
    "cf_agent_chat_messages",
)
ODD_VALUES = JSON | st.sampled_from(
    ["user", "assistant", "t", "worker", [{"role": "assistant", "parts": [{}]}]]
)
EVENT = st.builds(
    lambda kind, members: json.dumps({"type": kind, **members} if kind else members),
    st.sampled_from((*TYPES, "cf_agent_use_chat_response", "")),
    st.dictionaries(st.sampled_from(MEMBERS), ODD_VALUES, max_size=5),
)
LINE = st.builds("{}:{}".format, st.sampled_from("0123456789abcdefghijk"), JSON.map(json.dumps))
DATA = (
    EVENT
    | JSON.map(json.dumps)
    | LINE
    | TEXT
    | st.sampled_from(["[DONE]", "{", "{}", "[", "[]", '"', "null"])
)
FRAMINGS = st.sampled_from([Framing.SSE, Framing.LINES, Framing.TEXT])
NAMES = st.sampled_from(["", *CONTROLS, "message", "worker.updated"])
ENCODINGS = st.sampled_from(["", "ai-ui", "ai4"])
FRAME = st.builds(lambda framing, data, name: Frame(0, 0, framing, data, name), FRAMINGS, DATA, NAMES)
# A mostly valid sequence, so that parts really grow.
KEYS = st.sampled_from(["a", "b"])
SENSIBLE = st.one_of(
    st.builds(ev.TextStarted, KEYS),
    st.builds(ev.TextGrew, KEYS, TEXT),
    st.builds(ev.TextEnded, KEYS),
    st.builds(ev.ReasoningGrew, KEYS, TEXT),
    st.builds(ev.ReasoningEnded, KEYS),
    st.builds(ev.ToolStarted, KEYS, TEXT),
    st.builds(ev.ToolInputGrew, KEYS, TEXT),
    st.builds(ev.ToolInputReady, KEYS, TEXT, JSON),
    st.builds(ev.ToolOutput, KEYS, JSON),
    st.builds(ev.ToolFailed, KEYS, TEXT),
    st.builds(ev.ToolDenied, KEYS),
    st.builds(ev.ToolApproval, KEYS, KEYS),
    st.builds(SourcePart, KEYS, TEXT),
    st.builds(FilePart, TEXT, TEXT),
    st.builds(ev.DataArrived, KEYS, JSON, KEYS),
    st.builds(ev.MessageStarted, st.none() | KEYS),
    st.builds(ev.StepStarted),
    st.builds(ev.StepFinished),
    st.builds(ev.Failed, TEXT),
    st.builds(ev.Finished, st.none() | TEXT),
    st.builds(ev.Unknown, TEXT, TEXT),
)


def test_every_event_has_a_handler() -> None:
    assert set(HANDLERS) == set(get_args(ev.StreamEvent))


# -- decoding ----------------------------------------------------------------------
@fast
@given(ENCODINGS, st.lists(FRAME, max_size=8), st.booleans())
def test_decoding_is_total(encoding: str, frames: list[Frame], clean: bool) -> None:
    decoder = StreamDecoder(encoding)
    turn = Turn(ORDER)
    for event in [*(e for one in frames for e in decoder.decode(one)), *decoder.end(clean=clean)]:
        turn = advance(turn, event)
    assert isinstance(turn.text, str)


@fast
@given(TEXT)
def test_data_that_is_not_json_is_kept_unchanged(text: str) -> None:
    decoder = StreamDecoder("ai-ui")
    try:
        parse(text)
    except NotJson:
        events = decoder.decode(Frame(0, 0, Framing.SSE, text))
        assert list(events) == ([ev.Unknown("", text, undecodable=True)] if text else [])


@fast
@given(st.lists(TEXT, max_size=6))
def test_a_text_body_is_its_runs_joined(runs: list[str]) -> None:
    tape = Tape().note(Marker.OPENED, via="post", status=200, content_type="text/plain", encoding="")
    tape.frames += [Frame(0, 0, Framing.TEXT, run) for run in runs]
    turn = fold(ORDER, tape.note(Marker.CLOSED, clean=True).frames)
    assert turn.text == join_all(runs)


@fast
@given(st.lists(FRAME, max_size=8), st.sampled_from(["post", "replay", "subscribe"]), TEXT)
def test_folding_is_total(frames: list[Frame], via: str, prompt: str) -> None:
    tape = Tape().note(Marker.OPENED, via=via, status=200, content_type="", encoding="")
    tape.frames += frames
    for look in ReadReason:
        tape.frames += [Frame(0, 0, Framing.JSON, one.data, look) for one in frames]
    tape.note(Marker.CLOSED, clean=True).note(Marker.SETTLED, status="completed", recovered=False, fault=None)
    request = TurnRequest("turn_1", prompt, 0, seen_before=0)
    assert fold(request, tape.frames).status == "completed"


# -- folding ----------------------------------------------------------------------
@fast
@given(st.sampled_from(recordings("6", "openai", "worker", "replay", "ai4")), st.data())
def test_folding_in_two_steps_equals_folding_once(recording: Any, data: Any) -> None:
    """Resumed equals live: a stored beginning and a live remainder give the same turn."""
    frames = Tape().body(recording).frames
    at = data.draw(st.integers(0, len(frames)))
    folding = Fold(ORDER)
    for one in frames[:at]:
        turn_after(folding, one)
    for one in frames[at:]:
        turn_after(folding, one)
    assert folding.turn == fold(ORDER, frames)


@fast
@given(st.lists(SENSIBLE, max_size=30))
def test_parts_are_appended_text_is_extended_and_all_else_keeps_its_identity(
    events: list[ev.StreamEvent],
) -> None:
    turn = Turn(ORDER)
    for event in events:
        after = advance(turn, event)
        assert len(turn.parts) <= len(after.parts) <= len(turn.parts) + 1
        changed = [old for old, new in zip(turn.parts, after.parts, strict=False) if old is not new]
        assert len(changed) <= 1
        for old, new in zip(turn.texts, after.texts, strict=False):
            half = "\ud800" <= old[-1:] <= "\udbff"
            assert new.startswith(old[:-1] if half else old)
        turn = after


@fast
@given(st.lists(FRAME, max_size=6), st.sampled_from(["completed", "failed", "incomplete", "rejected"]))
def test_after_the_end_only_readings_change(frames: list[Frame], status: str) -> None:
    (recording,) = (r for r in recordings("7") if r.path.stem == "multi-step")
    settled = Tape().body(recording).note(Marker.SETTLED, status=status, recovered=False, fault=None)
    folding = Fold(ORDER)
    for one in settled.frames:
        turn_after(folding, one)
    before = folding.turn
    late = [*frames, *(Frame(0, 0, Framing.JSON, one.data, ReadReason.AFTER) for one in frames)]
    late += Tape().note(Marker.SETTLED, status="unknown", recovered=True, fault=None).frames
    for one in late:
        turn_after(folding, one)
    after = folding.turn
    assert without_readings(after) == without_readings(before)
    assert after.parts is before.parts


def without_readings(turn: Turn) -> Turn:
    return replace(turn, snapshot=None, worker_id=None, read_ms=None, skipped=0)


# -- text -------------------------------------------------------------------------
@fast
@given(st.lists(TEXT | st.just("x" * (SEAL // 2)), max_size=12))
def test_a_rope_is_its_text(pieces: list[str]) -> None:
    rope = Rope()
    for piece in pieces:
        rope = rope + piece
    expected = javascript("".join(pieces))
    assert str(rope) == expected == join_all(pieces)
    assert len(rope) == len(expected)
    assert bool(rope) is bool(expected)
    assert rope == Rope(tail=expected)
    assert hash(rope) == hash(Rope(tail=expected))
    assert TextPart(rope).text == expected


def javascript(text: str) -> str:
    """A string by the rules of JavaScript: adjacent surrogate halves are one character."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


@fast
@given(st.integers(0, 2))
def test_surrogate_halves_are_joined_across_every_boundary(offset: int) -> None:
    rope = Rope() + "x" * (SEAL - offset) + "\ud83d" + "\ude00"
    assert str(rope) == "x" * (SEAL - offset) + "😀"


# -- JSON and numbers -----------------------------------------------------------------
def test_deep_and_huge_json_is_refused_or_read_never_fatal() -> None:
    deep = "[" * 100_000 + "]" * 100_000
    for text in (
        deep,
        deep[:1000],
        '{"a":' * 300 + "1" + "}" * 300,
        "9" * 10_000,
        "-" + "9" * 5000,
        "1e999999999",
    ):
        for read in (parse, parse_exact):
            try:
                dump(read(text))
            except NotJson:
                continue
    assert parse("[" * MAX_DEPTH + "]" * MAX_DEPTH)
    events = StreamDecoder("ai-ui").decode(Frame(0, 0, Framing.SSE, deep))
    assert list(events) == [ev.Unknown("", deep, undecodable=True)]


@fast
@given(JSON)
def test_workers_and_messages_of_any_shape_can_be_read(value: Any) -> None:
    wire = dict.fromkeys(
        ("id", "status", "messages", "usage", "costs", "files", "sources", "error", "output"), value
    )
    snapshot_of(wire)
    snapshot_of({**wire, "messages": [wire], "files": [wire], "sources": [wire], "usage": wire})
    message_parts(
        {
            "role": value,
            "parts": [value, {"type": value}, {"type": "tool-x", "state": value}],
            "content": value,
        }
    )
    message_parts({"content": value, "toolInvocations": [value, {"args": value}]})


@fast
@given(st.text(alphabet=st.sampled_from("a b\n\t\r\x1c\u00a0\u0301é\ud83d")), st.text(), st.booleans())
def test_a_prompt_is_recognized_in_every_stored_form(prompt: str, other: str, plain: bool) -> None:
    def message(text: str) -> dict[str, Any]:
        part = {"type": "text", "text": text}
        return {"role": "user", "parts": [part]} if plain else {"role": "user", "content": text}

    stored = normalize("NFD", f" {prompt.replace(chr(10), chr(13) + chr(10))} ")
    answer = message(prompt) | {"role": "assistant"}
    assert (
        {0, 2}
        <= {*find_prompt([message(prompt), answer, message(stored), message(other)], prompt)}
        <= {0, 2, 3}
    )
    assert text_of(message(prompt)) == prompt
    parts: list[Any] = [{"type": "text", "text": prompt}, {"type": "text", "text": other}]
    assert text_of({"role": "user", "parts": parts}) == prompt + other


AMOUNT = st.none() | st.integers(0, 10**9)
USAGE = st.builds(Usage, AMOUNT, AMOUNT, credits=st.none() | st.decimals(0, 10**6, places=12))


@fast
@given(USAGE, USAGE)
def test_a_difference_of_usage_is_exact_and_unknown_stays_unknown(a: Usage, b: Usage) -> None:
    for member in ("input_tokens", "output_tokens", "credits", "cost_usd"):
        unknown = getattr(a, member) is None or getattr(b, member) is None
        assert (getattr(a - b, member) is None) is unknown
    assert a - NO_USAGE == NO_USAGE
    assert a.credits is None or (a - a).credits == 0


@fast
@given(st.decimals(0, 10**6, allow_nan=False, allow_infinity=False))
def test_amounts_survive_reading_and_writing_exactly(amount: Decimal) -> None:
    (again,) = json.loads(dump(parse_exact(f"[{amount:f}]")), parse_float=Decimal, parse_int=Decimal)
    assert again == amount
