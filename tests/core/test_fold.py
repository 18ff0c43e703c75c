"""What the fold keeps, replaces and skips, in cases without a recording."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from handinger_tui.core.money.attribution import MoneyIndex
from handinger_tui.core.stream import Frame, Framing, Marker, RawFrame, ReadReason
from handinger_tui.core.turns.fold import Fold, fold
from handinger_tui.core.turns.turn import Retry, TextPart, Turn, TurnRequest, TurnStatus
from tests.core.projections import turn_after
from tests.wire.recordings import Tape

ORDER = TurnRequest("turn_1", "Why?", 0, seen_before=0)


def user(text: str, message_id: str = "u") -> dict[str, Any]:
    return {"id": message_id, "role": "user", "parts": [{"type": "text", "text": text}]}


def answer(text: str, message_id: str = "m", state: str = "done") -> dict[str, Any]:
    return {"id": message_id, "role": "assistant", "parts": [{"type": "text", "text": text, "state": state}]}


def delta(text: str, key: str = "t") -> dict[str, Any]:
    return {"type": "text-delta", "id": key, "delta": text}


def start(message_id: str | None = "m") -> dict[str, Any]:
    return {"type": "start", **({"messageId": message_id} if message_id else {})}


FINISH: dict[str, Any] = {"type": "finish", "finishReason": "stop"}


def stream(*events: Any, via: str = "post", clean: bool = True, tape: Tape | None = None) -> Tape:
    """A complete response of events; strings are sent unchanged."""
    tape = tape or Tape()
    tape.note(
        Marker.OPENED, via=via, status=200, content_type="text/event-stream", encoding="", worker_id="w"
    )
    for event in events:
        tape.take(RawFrame(Framing.SSE, event if isinstance(event, str) else json.dumps(event)))
    return tape.note(Marker.CLOSED, clean=clean)


def worker(**members: Any) -> str:
    return json.dumps({"object": "worker", "id": "w", "status": "completed", "running": False, **members})


def look(tape: Tape, kind: ReadReason, **members: Any) -> Tape:
    return tape.take(RawFrame(Framing.JSON, worker(**members), kind))


def folded(tape: Tape, request: TurnRequest = ORDER) -> Turn:
    return fold(request, tape.frames)


# -- asking again -----------------------------------------------------------------------
def test_a_retry_is_kept_until_the_service_answers_or_we_stop_asking() -> None:
    tape = stream(start(), delta("Half"), clean=False)
    tape.note(Marker.RETRYING, attempt=2, wait_ms=4000, reason="Cannot reach the service.")
    asking = folded(tape)
    assert asking.retry == Retry(2, 4000, tape.frames[-1].at_ms, "Cannot reach the service.")
    assert (asking.status, asking.text) == (TurnStatus.CHECKING, "Half")
    for last in (
        Frame(99, 0, Framing.JSON, worker(status="running", running=True), ReadReason.DURING),
        Frame(99, 0, Framing.NOTE, json.dumps({"status": "unknown"}), Marker.SETTLED),
        Frame(99, 0, Framing.NOTE, json.dumps({"via": "replay"}), Marker.OPENED),
        Frame(99, 0, Framing.NOTE, "{}", Marker.WATCHING),
    ):
        assert fold(ORDER, [*tape.frames, last]).retry is None


@pytest.mark.parametrize("text", ["{}", '{"attempt": "x", "wait_ms": null, "reason": 3}', "[]"])
def test_a_retry_without_its_numbers_is_still_one(text: str) -> None:
    turn = fold(ORDER, [Frame(0, 7, Framing.NOTE, text, Marker.RETRYING)])
    assert turn.retry == Retry(1, 0, 7, "")


# -- a lost stream and what follows it ------------------------------------------------
def test_a_lost_answer_is_shown_until_the_replay_has_caught_up() -> None:
    tape = stream(start(), delta("One two three"), clean=False)
    replay = stream(
        start(), delta("One "), delta("two "), delta("three four"), FINISH, via="replay", tape=tape
    )
    folding = Fold(ORDER)
    texts = [turn_after(folding, frame).text for frame in replay.frames]
    assert texts[4:] == ["One two three"] * 4 + ["One two three four"] * 3


def test_a_replay_that_breaks_off_removes_nothing() -> None:
    first = [
        start(),
        {"type": "message-metadata", "messageMetadata": {"a": 1}},
        delta("One two"),
        {"type": "error"},
    ]
    before = folded(stream(*first, clean=False))
    after = folded(stream(start(), delta("One"), via="replay", clean=False, tape=stream(*first, clean=False)))
    assert after == before
    assert after.errors
    assert after.metadata == {"a": 1}


@pytest.mark.parametrize("via", ["replay", "subscribe"])
def test_a_replay_that_is_only_done_changes_nothing(via: str) -> None:
    turn = folded(stream("[DONE]", via=via, tape=stream(start(), delta("One"), clean=False)))
    assert (turn.text, turn.finished) == ("One", False)


def test_a_replayed_start_with_another_id_is_another_message() -> None:
    lost = stream(start("m1"), delta("Draft that is longer"), clean=False)
    turn = folded(stream(start("m2"), delta("Final"), FINISH, via="replay", tape=lost))
    assert (turn.texts, turn.message_id) == (("Final",), "m2")


def test_detaching_in_the_middle_of_a_body_keeps_what_it_held() -> None:
    tape = Tape().note(Marker.OPENED, via="post", status=200, content_type="text/plain", encoding="")
    tape.take(RawFrame(Framing.TEXT, '0:"beginning like a protocol'))
    turn = folded(tape.note(Marker.SETTLED, status="running", recovered=False, fault=None))
    assert turn.text == '0:"beginning like a protocol'
    assert (turn.status, turn.finished) == (TurnStatus.RUNNING, False)


# -- stored messages -------------------------------------------------------------------
def test_an_unfinished_message_that_is_stored_and_replayed_is_there_once() -> None:
    history = [user("Why?"), answer("First part.", "m1"), answer("Becau", "m2", "streaming")]
    turn = folded(stream(*history, start("m2"), delta("Because."), FINISH, via="replay"))
    assert turn.texts == ("First part.", "Because.")
    assert turn.finished


def test_live_deltas_continue_an_unfinished_stored_message() -> None:
    turn = folded(stream(user("Why?"), answer("Becau", "m", "streaming"), delta("se."), FINISH, via="replay"))
    assert turn.texts == ("Because.",)


def test_a_message_stored_twice_is_there_once() -> None:
    history = [user("Why?"), answer("A", "m1"), answer("B", "m2", "streaming"), answer("B!", "m2")]
    assert folded(stream(*history, via="replay")).texts == ("A", "B!")


def test_a_later_turn_in_the_history_is_not_ours_and_ends_ours() -> None:
    later = [user("More?", "u2"), answer("No.", "m2"), start("m3"), delta("No!"), FINISH]
    turn = folded(stream(user("Why?"), answer("Because.", "m1"), *later, via="replay"))
    assert (turn.text, turn.message_id, turn.finished) == ("Because.", "m1", True)


@pytest.mark.parametrize(("seen_before", "text"), [(0, "First."), (1, "Second."), (2, ""), (None, "Second.")])
def test_equal_prompts_are_distinguished_by_their_number_before_the_turn(
    seen_before: int | None, text: str
) -> None:
    history = [user("Why?"), answer("First.", "m1"), user("Why?", "u2"), answer("Second.", "m2")]
    request = TurnRequest("turn_1", "Why?", 0, seen_before=seen_before)
    assert folded(stream(*history, via="replay"), request).text == text


def test_the_number_of_equal_prompts_may_come_from_a_marker() -> None:
    history = [user("Why?"), answer("First.", "m1"), user("Why?", "u2"), answer("Second.", "m2")]
    tape = stream(*history, via="replay", tape=Tape().note(Marker.ASKED, times=1))
    assert folded(tape, TurnRequest("turn_1", "Why?", 0)).text == "Second."


def test_a_history_without_our_prompt_keeps_the_text_of_the_lost_stream() -> None:
    lost = stream(start(), delta("Because"), clean=False)
    assert folded(stream(user("Other?"), answer("Other."), via="replay", tape=lost)).text == "Because"


# -- Workers ---------------------------------------------------------------------------
def test_a_stale_worker_in_the_stream_is_neither_an_answer_nor_an_end() -> None:
    tape = look(Tape(), ReadReason.BEFORE, output_text="Old answer")
    turn = folded(stream(json.loads(worker(output_text="Old answer")), tape=tape))
    assert (turn.text, turn.finished) == ("", False)
    turn = folded(stream(json.loads(worker(output_text="New answer")), tape=tape))
    assert (turn.text, turn.finished) == ("New answer", True)


def test_the_final_reading_replaces_the_text_and_the_lost_text_is_kept() -> None:
    tape = look(stream(start(), delta("Draft"), clean=False), ReadReason.AFTER, output_text="Final")
    turn = folded(tape)
    assert (turn.text, turn.replaced_text) == ("Final", "Draft")


def test_a_reading_that_only_continues_the_text_replaces_nothing() -> None:
    tape = look(stream(start(), delta("Be"), clean=False), ReadReason.AFTER, output_text="Because.")
    turn = folded(tape)
    assert (turn.text, turn.replaced_text) == ("Because.", None)


def test_a_poll_during_a_stream_does_not_double_later_text() -> None:
    tape = Tape().note(Marker.OPENED, via="post", status=200, content_type="", encoding="ai-ui")
    tape.take(RawFrame(Framing.SSE, json.dumps(delta("Be"))))
    look(tape, ReadReason.MONEY, status="running", running=True, output_text="Because.")
    tape.take(RawFrame(Framing.SSE, json.dumps(delta("cause."))))
    assert folded(tape).texts == ("Because.",)


def test_a_settled_turn_accepts_only_readings_until_it_is_watched_again() -> None:
    settled = stream(start(), delta("Done."), FINISH).note(Marker.SETTLED, status="completed", fault=None)
    look(settled, ReadReason.AFTER, output_text="Something later", usage={"credits": 5})
    settled.take(RawFrame(Framing.SSE, json.dumps(delta("Late"))))
    turn = folded(settled)
    assert turn.texts == ("Done.",)
    assert turn.snapshot is not None
    assert turn.snapshot.usage.credits == 5
    watched = settled.note(Marker.WATCHING)
    assert (
        folded(stream(start(), delta("Done. And more."), via="replay", tape=watched)).text
        == "Done. And more."
    )


def test_settling_closes_what_is_open_unless_the_worker_runs_on() -> None:
    for status, still_open in (("completed", False), ("failed", False), ("running", True)):
        tape = stream(start(), delta("Hm"), clean=False).note(Marker.SETTLED, status=status, fault=None)
        (part,) = folded(tape).parts
        assert isinstance(part, TextPart)
        assert part.open is still_open


def test_a_worker_that_is_not_json_is_counted_and_changes_nothing() -> None:
    tape = stream(start(), delta("Hi"))
    tape.frames.append(Frame(99, 0, Framing.JSON, "<html>", ReadReason.AFTER))
    turn = folded(tape)
    assert (turn.text, turn.skipped) == ("Hi", 1)


@pytest.mark.parametrize("minutes", [0, 1, 60, 525_600])
def test_a_clock_that_goes_back_in_a_turn_changes_none_of_its_amounts(minutes: int) -> None:
    """Between a reading of the running worker and the end."""
    tape = Tape().note(Marker.SENDING)
    tape.note(Marker.OPENED, via="post", status=200, content_type="application/json", worker_id="w")
    look(tape, ReadReason.DURING, status="running", running=True, usage={"costUsd": 0.2})
    set_back_at = len(tape.frames)
    look(tape, ReadReason.AFTER, usage={"costUsd": 0.5})
    tape.note(Marker.SETTLED, status="completed")
    back_ms = minutes * 60_000
    frames = [one._replace(at_ms=one.at_ms - back_ms * (one.seq >= set_back_at)) for one in tape.frames]
    turn = fold(ORDER, frames)
    (money,) = MoneyIndex()([turn])
    assert (money.usd, money.final, money.shared, money.doubtful) == (Decimal("0.5"), True, False, False)
    assert turn.ended_ms is not None
    assert turn.ended_ms >= turn.reads[-1].at_ms >= turn.reads[0].at_ms


def test_the_wait_before_a_retry_is_that_of_the_clock_at_that_time() -> None:
    early = Frame(1, 5_000, Framing.NOTE, json.dumps({"wait_ms": 9}), Marker.RETRYING)
    turn = fold(ORDER, [Tape().note(Marker.SENDING).frames[0]._replace(at_ms=99_000), early])
    assert turn.retry is not None
    assert turn.retry.at_ms == 5_000


# -- when parts began --------------------------------------------------------------------
def test_parts_of_our_own_stream_have_the_times_of_their_first_events() -> None:
    call = {"type": "tool-input-start", "toolCallId": "c", "toolName": "search"}
    tape = stream(
        start(), call, {"type": "text-start", "id": "t"}, delta("a"), delta("b"), delta("c", "other"), FINISH
    )
    times = folded(tape).part_ms
    began = [tape.frames[at].at_ms for at in (2, 3, 6)]
    assert list(times) == began
    # A growing answer that is read after each event has the same.
    live = Fold(ORDER)
    for one in tape.frames:
        turn_after(live, one)
    assert live.turn.part_ms == times


def test_a_replay_gives_no_times_and_keeps_those_of_the_lost_stream() -> None:
    call = {"type": "tool-input-start", "toolCallId": "c", "toolName": "search"}
    lost = stream(start(), call, clean=False)
    turn = folded(stream(start(), call, delta("a"), FINISH, via="replay", tape=lost))
    assert len(turn.parts) == 2
    assert turn.part_ms == (lost.frames[2].at_ms,)
    assert folded(stream(start(), call, delta("a"), via="replay")).part_ms == ()
