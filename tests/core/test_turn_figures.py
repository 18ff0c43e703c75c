"""Figures that the service reports per turn are the amounts of that turn in every case."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from handinger_tui.core.amounts import Total
from handinger_tui.core.money.attribution import AmountBasis, session_money
from handinger_tui.core.stream import Frame, Framing, Marker, ReadReason, body_of
from handinger_tui.core.turns.fold import fold
from handinger_tui.core.turns.turn import Turn, TurnRequest, TurnStatus
from handinger_tui.core.turns.worker_reconciliation import slim_worker


def message(role: str, text: str, **members: Any) -> dict[str, Any]:
    return {"id": f"{role}-{text}", "role": role, "parts": [{"type": "text", "text": text}], **members}


def task(*turns: tuple[str, str, int], busy: bool = False, pad: int = 0) -> str:
    """A task with turns of (prompt, answer, credits)."""
    messages = [
        one
        for prompt, answer, own in turns
        for one in (
            message("user", prompt),
            message("assistant", answer, usage={"credits": own, "inputTokens": own, "durationMs": 5}),
        )
    ]
    messages.insert(0, message("user", "x" * pad))
    return json.dumps(
        {
            "id": "t1",
            "object": "worker",
            "status": "running" if busy else "completed",
            "running": busy,
            "messages": messages,
            "output_text": turns[-1][1],
            "totals": {"credits": sum(own for _, _, own in turns)},
        }
    )


def turn_of(
    prompt: str, *reads: tuple[str, ReadReason], slim: bool = False, seen_before: int | None = None
) -> Turn:
    request = TurnRequest(prompt, prompt, 0, "t1", seen_before=seen_before)
    frames = [Frame(0, 0, Framing.NOTE, json.dumps({"worker_id": "t1"}), Marker.SENDING)]
    for at, (text, reason) in enumerate(reads, 1):
        is_money = reason is ReadReason.MONEY
        stored = slim_worker(body_of(text), request, messages=not is_money) if slim else text
        frames.append(Frame(at, at, Framing.JSON, stored, reason))
    ended = json.dumps({"status": "completed", "recovered": False, "fault": None})
    frames.append(Frame(len(frames), 100, Framing.NOTE, ended, Marker.SETTLED))
    return fold(request, frames)


def credits_of(*turns: Turn) -> list[Decimal | None]:
    return [money.usage.credits for money in session_money(turns).turns]


@pytest.mark.parametrize("slim", [False, True])
@pytest.mark.parametrize("pad", [0, 10_000])
def test_each_turn_has_its_reported_figures(slim: bool, pad: int) -> None:
    first = turn_of("one", (task(("one", "a", 3), pad=pad), ReadReason.AFTER), slim=slim)
    # A turn of another client is in between: no part of it is ours.
    after = task(("one", "a", 3), ("theirs", "b", 50), ("two", "c", 5), pad=pad)
    second = turn_of("two", (after, ReadReason.AFTER), slim=slim)
    assert credits_of(first, second) == [3, 5]
    money = session_money((first, second))
    assert money.reading is AmountBasis.PER_TURN
    assert money.credits == Total(Decimal(8), unsettled=True)
    assert money.usd.value is None
    assert [one.usage.input_tokens for one in money.turns] == [3, 5]
    assert not any(one.doubtful or one.shared for one in money.turns)


@pytest.mark.parametrize("pad", [0, 10_000])
def test_figures_grow_while_the_turn_runs_and_are_final_when_it_has_ended(pad: int) -> None:
    running = task(("one", "a", 2), busy=True, pad=pad)
    request = TurnRequest("one", "one", 0, "t1")
    stored = slim_worker(body_of(running), request, messages=False)
    sending = Frame(0, 0, Framing.NOTE, json.dumps({"worker_id": "t1"}), Marker.SENDING)
    polled = fold(request, [sending, Frame(1, 1, Framing.JSON, stored, ReadReason.MONEY)])
    assert polled.status is TurnStatus.SENDING
    assert credits_of(polled) == [2]
    assert not session_money((polled,)).turns[0].final
    ended = turn_of("one", (running, ReadReason.DURING), (task(("one", "a", 7)), ReadReason.AFTER))
    assert credits_of(ended) == [7]
    assert session_money((ended,)).turns[0].final


def test_a_late_figure_corrects_the_turn() -> None:
    reads = (task(("one", "a", 3)), ReadReason.AFTER), (task(("one", "a", 4)), ReadReason.AFTER)
    assert credits_of(turn_of("one", *reads)) == [4]


def test_the_same_prompt_twice_is_two_turns() -> None:
    both = task(("one", "a", 3), ("one", "b", 5))
    reads = ((both, ReadReason.AFTER),)
    assert credits_of(turn_of("one", *reads, seen_before=0), turn_of("one", *reads, seen_before=1)) == [3, 5]


def test_a_missing_or_wrong_figure_is_unknown_and_not_zero() -> None:
    worker = json.loads(task(("one", "a", 3)))
    worker["messages"][-1]["usage"] = {"credits": -1, "inputTokens": "7"}
    turn = turn_of("one", (json.dumps(worker), ReadReason.AFTER))
    money = session_money((turn,))
    assert (money.credits.value, money.credits.missing_turns) == (None, 1)
