"""Readings of a worker: figures that a later one lacks, and answers of messages that ran at the same time."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from handinger_tui.core.jsontext import Json, JsonObject, dump
from handinger_tui.core.stream import Frame, Framing, Marker, ReadReason, Snapshot, body_of
from handinger_tui.core.turns.fold import fold
from handinger_tui.core.turns.turn import TextPart, ToolPart, Turn, TurnRequest
from handinger_tui.core.turns.worker_reconciliation import (
    SLIM_ABOVE,
    WorkerObservation,
    answer_to,
    may_run_another,
    observe,
    slim_worker,
)

ORDER = TurnRequest("turn_1", "hello", 0, "w1")
FIRST = {
    "usage": {"inputTokens": 10, "totalTokens": 15, "costUsd": 0.05, "credits": 2},
    "costs": {"modelCostUsd": 0.04, "toolCostUsd": 0.01},
}


def read(
    *readings: dict[str, Any],
    looks: tuple[ReadReason, ...] = (ReadReason.MONEY, ReadReason.AFTER, ReadReason.MONEY),
) -> Turn:
    bodies = ({"id": "w1", "status": "completed", "running": False, **reading} for reading in readings)
    return fold(
        ORDER,
        [Frame(at, at, Framing.JSON, json.dumps(body), looks[at]) for at, body in enumerate(bodies)],
    )


@pytest.mark.parametrize(
    "later",
    [
        {"usage": {"inputTokens": 12, "totalTokens": 20}, "costs": {"modelCostUsd": 0.06}},
        {"usage": {"inputTokens": 12, "totalTokens": 20, "costUsd": "0.5", "credits": None}, "costs": None},
    ],
)
@pytest.mark.parametrize("look", [ReadReason.MONEY, ReadReason.DURING, ReadReason.AFTER])
def test_each_member_is_kept_by_itself(later: dict[str, Any], look: ReadReason) -> None:
    snapshot = read(FIRST, later, looks=(ReadReason.MONEY, look)).snapshot
    assert snapshot is not None
    usage, costs = snapshot.usage, snapshot.costs
    assert (usage.input_tokens, usage.total_tokens) == (12, 20)
    assert (usage.cost_usd, usage.credits) == (Decimal("0.05"), Decimal(2))
    assert costs.tool_usd == Decimal("0.01")


def test_an_unreported_figure_stays_unknown_and_a_zero_is_a_figure() -> None:
    snapshot = read(FIRST, {"usage": {"costUsd": 0, "steps": 1}}, {"usage": {"credits": 3}}).snapshot
    assert snapshot is not None
    assert (snapshot.usage.cost_usd, snapshot.usage.steps, snapshot.usage.credits) == (
        Decimal(0),
        1,
        Decimal(3),
    )
    assert snapshot.usage.duration_ms is None


# -- several programs at once ---------------------------------------------------------------------
def message(role: str, name: str, text: str) -> JsonObject:
    return {"id": name, "role": role, "parts": [{"type": "text", "text": text}]}


ALL_AT_ONCE: list[Json] = [
    message("user", "u0", "before"),
    message("assistant", "a0", "old"),
    *(message("user", f"u{at}", f"prompt {at}") for at in (1, 2, 3)),
    *(message("assistant", f"a{at}", f"answer {at}. ") for at in (2, 3, 1)),
]


def ran_with_others(at: int, streamed: str, reason: ReadReason, padding: int) -> Turn:
    """Turn `at` of three at once: its stream brings `streamed`, then the worker is read."""
    request = replace(ORDER, prompt=f"prompt {at}", seen_before=0)
    start, delta = (
        dump({"type": "start", "messageId": f"a{at}"}),
        dump({"type": "text-delta", "delta": streamed}),
    )
    tape = [Frame(0, 0, Framing.NOTE, "{}", Marker.OPENED)]
    if streamed:
        tape += [Frame(1, 1, Framing.SSE, start), Frame(2, 2, Framing.SSE, delta)]
    tape.append(Frame(3, 3, Framing.NOTE, '{"clean": false}', Marker.CLOSED))
    worker = {"id": "w1", "status": "completed", "messages": ALL_AT_ONCE, "metadata": {"x": "y" * padding}}
    body = body_of(dump(worker))
    streamed_turn = fold(request, tape)
    slim = slim_worker(body, request, streamed_turn.message_id)
    tape.append(Frame(4, 4, Framing.JSON, slim, reason))
    return fold(request, tape)


@pytest.mark.parametrize("at", [1, 2, 3])
@pytest.mark.parametrize("padding", [0, 2 * SLIM_ABOVE])
@pytest.mark.parametrize("reason", [ReadReason.AFTER, ReadReason.DURING])
def test_of_messages_at_once_each_gets_the_answer_of_its_stream(
    at: int, padding: int, reason: ReadReason
) -> None:
    assert ran_with_others(at, "answer", reason, padding).text == f"answer {at}. "


@pytest.mark.parametrize("at", [1, 2, 3])
@pytest.mark.parametrize("padding", [0, 2 * SLIM_ABOVE])
def test_of_messages_at_once_a_reading_alone_names_no_answer_as_ours(at: int, padding: int) -> None:
    turn = ran_with_others(at, "", ReadReason.DURING, padding)
    assert (turn.message_id, turn.text) == (None, "answer 2. answer 3. answer 1. ")


@pytest.mark.parametrize("at", [1, 2])
def test_of_messages_at_once_with_fewer_answers_ours_may_have_none(at: int) -> None:
    """Then an answer that stands behind the message of somebody else is not shown as ours."""
    request = replace(ORDER, prompt=f"prompt {at}", seen_before=0)
    prompts = [message("user", f"u{number}", f"prompt {number}") for number in (1, 2)]
    one = seen([*EARLIER, *prompts, message("assistant", "a", "an answer")])
    assert answer_to(request, one).text == ("an answer" if at == 2 else "")
    both = seen([*EARLIER, *prompts, *(message("assistant", name, name) for name in "ab")])
    assert answer_to(request, both).text == "ab"
    busy = seen([*EARLIER, *prompts, *(message("assistant", name, name) for name in "ab")], running=True)
    assert answer_to(request, busy).text == ("ab" if at == 2 else "")


def of(name: str, *texts: str) -> list[Json]:
    """Messages of one client: prompts and answers take turns."""
    roles = ("user", "assistant")
    return [message(roles[at % 2], f"{name}{at}", text) for at, text in enumerate(texts)]


EARLIER = of("e", "before", "old")
BUSY, DONE, UNSURE, ABSENT = (
    WorkerObservation.BUSY,
    WorkerObservation.DONE,
    WorkerObservation.UNSURE,
    WorkerObservation.ABSENT,
)


def seen(messages: list[Json], text: str = "old", **members: Json) -> Snapshot:
    worker = {"id": "w1", "status": "completed", "running": False, "output_text": text} | members
    return body_of(dump({**worker, "messages": messages})).snapshot


@pytest.mark.parametrize(
    ("messages", "running", "idle"),
    [
        pytest.param([*of("o", "hello"), *of("x", "theirs")], BUSY, DONE, id="theirs waits behind ours"),
        pytest.param(
            [*of("o", "hello"), *of("x", "theirs"), message("assistant", "o1", "hal")],
            BUSY,
            DONE,
            id="ours is being answered",
        ),
        pytest.param([*of("x", "theirs"), *of("o", "hello")], BUSY, WorkerObservation.EMPTY, id="ours waits"),
        pytest.param([*of("o", "hello", "h"), *of("x", "theirs")], BUSY, DONE, id="theirs waits or runs"),
        pytest.param(
            [*of("o", "hello", "hi"), *of("x", "q", "t")], DONE, DONE, id="theirs is being answered"
        ),
    ],
)
def test_a_message_of_several_has_not_ended_while_the_worker_may_answer_it(
    messages: list[Json], running: WorkerObservation, idle: WorkerObservation
) -> None:
    turn = Turn(replace(ORDER, seen_before=0), message_id="o1", before=seen(EARLIER))
    for is_running, expected in ((True, running), (False, idle)):
        now = seen([*EARLIER, *messages], running=is_running)
        assert observe(turn, now, accepted=False) is expected


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        (seen(EARLIER), seen([*EARLIER, *of("o", "hello")]), False),
        (seen(EARLIER), seen(EARLIER), False),
        (seen(EARLIER), seen([*EARLIER, *of("o", "[2 May] hello")]), False),
        (seen(EARLIER, running=True), seen([*EARLIER, *of("o", "hello")]), True),
        (seen(EARLIER), seen([*EARLIER, *of("x", "theirs")]), True),
        (seen(EARLIER), seen([*EARLIER, *of("x", "theirs", "to them"), *of("o", "hello")]), True),
        (None, seen([*EARLIER, *of("x", "theirs"), *of("o", "hello")]), True),
        (None, seen([*EARLIER, *of("o", "hello")]), False),
    ],
)
def test_a_worker_may_run_the_message_of_another_client(
    before: Snapshot | None, now: Snapshot, expected: bool
) -> None:
    assert may_run_another(Turn(replace(ORDER, seen_before=0), before=before), now) is expected


def test_the_answer_to_another_client_is_not_shown_as_ours() -> None:
    """The worker still works on an earlier message, and ours waits."""
    waiting = {"messages": [*EARLIER, *of("x", "theirs", "to them"), *of("o", "hello")]}
    bodies: list[dict[str, Any]] = [
        {"messages": EARLIER, "output_text": "old"},
        {**waiting, "output_text": "to them", "running": True},
    ]
    turn = read(*bodies, looks=(ReadReason.BEFORE, ReadReason.DURING))
    assert turn.text == ""


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (EARLIER, EARLIER, ABSENT),
        (EARLIER, [*EARLIER, *of("x", "theirs", "to them")], ABSENT),
        (of("e", "say hello", "old"), of("e", "say hello", "old"), ABSENT),
        (EARLIER, [*EARLIER, *of("o", "[2 May] hello", "hi")], UNSURE),
        (EARLIER, [*EARLIER, *of("x", "hell", "to them")], ABSENT),
        (None, [*EARLIER, *of("o", "hello, with a.txt", "hi")], UNSURE),
        (of("e", "a", "b", "c", "old"), of("s", "a summary", "a summary"), UNSURE),
    ],
)
def test_only_a_complete_list_without_a_similar_message_shows_that_ours_never_arrived(
    before: list[Json] | None, after: list[Json], expected: WorkerObservation
) -> None:
    turn = Turn(replace(ORDER, seen_before=0), before=None if before is None else seen(before))
    text = "old" if before == after else "hi"
    assert observe(turn, seen(after, text), accepted=False) is expected


def test_a_long_prompt_may_be_listed_shortened() -> None:
    long = "a long text " * 100
    turn = Turn(replace(ORDER, prompt=long, seen_before=0), before=seen(EARLIER))
    for text in (long[:500], f"{long[:500]}…"):
        assert observe(turn, seen([*EARLIER, *of("o", text, "hi")], "hi"), accepted=False) is UNSURE


def test_a_list_of_the_newest_messages_may_have_lost_an_equal_one() -> None:
    """The worker lists its two newest turns, all with the same prompt, and has another answer than before."""
    turn = Turn(replace(ORDER, seen_before=2), before=seen(of("a", "hello", "one", "hello", "old")))
    after = of("b", "hello", "old", "hello", "hi")
    assert observe(turn, seen(after, "hi"), accepted=False) is UNSURE


# -- a Worker inside a stream of text -----------------------------------------------------------
@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        ({"running": True, "output_text": ""}, "The quick fox"),
        ({"running": True, "output_text": None}, "The quick fox"),
        ({"running": True, "output_text": "The"}, "The quick fox"),
        ({"running": True, "output_text": "Another step"}, "Another step fox"),
        ({"running": False, "output_text": None}, "The quick fox"),
        ({"running": False, "output_text": "The"}, "The fox"),
    ],
)
def test_a_worker_that_shows_less_than_the_stream_removes_nothing(shown: JsonObject, expected: str) -> None:
    events: list[JsonObject] = [
        {"type": "text-delta", "id": "t", "delta": "The quick"},
        {"object": "worker", "id": "w1", "status": "running", **shown},
        {"type": "text-delta", "id": "t", "delta": " fox"},
    ]
    tape = [Frame(at, at, Framing.SSE, dump(event)) for at, event in enumerate(events, 1)]
    turn = fold(ORDER, [Frame(0, 0, Framing.NOTE, "{}", Marker.OPENED), *tape])
    assert turn.text == expected


# -- what the messages have of a turn whose stream ended early ------------------------------------
def call(call_id: str, *, ended: bool = True) -> JsonObject:
    ended_call: JsonObject = {"state": "output-available", "output": {"found": call_id}} if ended else {}
    begun: JsonObject = {
        "type": "tool-search",
        "toolCallId": call_id,
        "state": "input-available",
        "input": {"q": call_id},
    }
    return {**begun, **ended_call}


def cut_off(parts: list[Json], *, text: str = "", running: bool = False, thought: str = "Where?") -> Turn:
    """A turn whose stream ended in its second call, and one reading of its worker with these parts."""
    stream: list[JsonObject] = [
        {"type": "reasoning-start", "id": "r"},
        {"type": "reasoning-delta", "id": "r", "delta": thought},
        {"type": "reasoning-end", "id": "r"},
        {"type": "tool-input-available", "toolCallId": "c1", "toolName": "search", "input": {"q": "c1"}},
        {"type": "tool-output-available", "toolCallId": "c1", "output": {"found": "c1"}},
        {"type": "file", "url": "https://e.example/a.csv", "mediaType": "text/csv"},
        {"type": "tool-input-start", "toolCallId": "c2", "toolName": "search"},
        {"type": "tool-input-delta", "toolCallId": "c2", "inputTextDelta": '{"q":'},
    ]
    frames = [Frame(0, 0, Framing.NOTE, "{}", Marker.OPENED)]
    frames += [Frame(at, at, Framing.SSE, dump(event)) for at, event in enumerate(stream, 1)]
    frames.append(Frame(20, 20, Framing.NOTE, dump({"clean": False}), Marker.CLOSED))
    messages = [message("user", "m1", "hello"), {"id": "m2", "role": "assistant", "parts": parts}]
    state = {"status": "running" if running else "completed", "running": running, "output_text": text}
    reason = ReadReason.DURING if running else ReadReason.AFTER
    frames.append(Frame(21, 21, Framing.JSON, dump({"id": "w1", "messages": messages, **state}), reason))
    return fold(ORDER, frames)


def names(turn: Turn) -> list[str]:
    words = []
    for part in turn.parts:
        match part:
            case ToolPart():
                words.append(f"{part.call_id}{'…' if part.unfinished else ''}")
            case TextPart():
                words.append(part.text)
            case _:
                words.append(type(part).__name__)
    return words


def test_calls_without_a_watcher_are_shown_when_the_worker_lists_them() -> None:
    thought: JsonObject = {"type": "reasoning", "text": "Where?"}
    answer: JsonObject = {"type": "text", "text": "Found."}
    turn = cut_off([thought, call("c1"), call("c2"), call("c3"), answer], text="Found.")
    assert names(turn) == ["ReasoningPart", "c1", "FilePart", "c2", "c3", "Found."]


def test_calls_grow_while_a_worker_that_has_no_text_yet_is_read() -> None:
    turn = cut_off([call("c1"), call("c2"), call("c3", ended=False)], running=True)
    assert names(turn) == ["ReasoningPart", "c1", "FilePart", "c2", "c3…"]


def test_messages_that_list_less_than_the_stream_remove_nothing() -> None:
    listed: list[list[Json]] = [[], [call("c1", ended=False)], [{"type": "step-start"}]]
    for parts in listed:
        assert names(cut_off(parts, running=True)) == ["ReasoningPart", "c1", "FilePart", "c2…"], parts


def test_what_only_the_stream_has_stays_in_its_place() -> None:
    rows: list[JsonObject] = [
        {"type": "data-rows", "data": [1]},
        {"type": "data-rows", "data": [2]},
        {"type": "source-url", "sourceId": "s9", "url": "https://e.example/"},
    ]
    events: list[JsonObject] = [
        {**rows[0]},
        {**rows[1]},
        {"type": "source-url", "sourceId": "s1", "url": "https://e.example/"},
        {"type": "tool-input-available", "toolCallId": "c1", "toolName": "search", "input": {}},
    ]
    frames = [Frame(0, 0, Framing.NOTE, "{}", Marker.OPENED)]
    frames += [Frame(at, at, Framing.SSE, dump(event)) for at, event in enumerate(events, 1)]
    frames.append(Frame(20, 20, Framing.NOTE, dump({"clean": False}), Marker.CLOSED))
    parts: list[Json] = [rows[1], rows[2], call("c1"), {"type": "text", "text": "Found."}]
    messages = [message("user", "m1", "hello"), {"id": "m2", "role": "assistant", "parts": parts}]
    worker = {"id": "w1", "messages": messages, "status": "completed", "output_text": "Found."}
    frames.append(Frame(21, 21, Framing.JSON, dump(worker), ReadReason.AFTER))
    turn = fold(ORDER, frames)
    shown = [getattr(part, "data", getattr(part, "source_id", type(part).__name__)) for part in turn.parts]
    assert shown == [[1], [2], "s1", "ToolPart", "TextPart"]


def test_calls_with_other_ids_in_the_messages_are_not_shown_twice() -> None:
    turn = cut_off([call("x1"), call("x2"), {"type": "text", "text": "Found."}], text="Found.")
    assert names(turn) == ["ReasoningPart", "c1", "FilePart", "c2…", "Found."]


# -- a worker without a list of messages --------------------------------------------------------
IDLE = {"output_text": "an earlier answer", "usage": {"credits": 2}}


@pytest.mark.parametrize(
    ("before", "after", "accepted", "expected"),
    [
        (IDLE, IDLE, False, WorkerObservation.ABSENT),
        (IDLE, {**IDLE, "running": True}, False, WorkerObservation.BUSY),
        (IDLE, {**IDLE, "status": "pending"}, False, WorkerObservation.UNSURE),
        (IDLE, {**IDLE, "output_text": "a new answer"}, False, WorkerObservation.DONE),
        (IDLE, {"usage": {"credits": 3}}, False, WorkerObservation.UNSURE),
        (None, IDLE, False, WorkerObservation.UNSURE),
        (IDLE, IDLE, True, WorkerObservation.EMPTY),
        (IDLE, {**IDLE, "output_text": "a new answer"}, True, WorkerObservation.DONE),
        (None, IDLE, True, WorkerObservation.DONE),
    ],
)
def test_what_a_worker_without_messages_shows_of_a_message(
    before: JsonObject | None, after: JsonObject, accepted: bool, expected: WorkerObservation
) -> None:
    """Only an unchanged worker proves that nothing arrived."""
    earlier, later = (
        None if one is None else body_of(dump({"id": "w1", "status": "completed", "running": False, **one}))
        for one in (before, after)
    )
    assert later is not None
    turn = Turn(ORDER, before=None if earlier is None else earlier.snapshot)
    assert observe(turn, later.snapshot, accepted=accepted) is expected
