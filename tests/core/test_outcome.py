"""The outcome of an ended answer, and whether a worker is still busy."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from handinger_tui.core.documents import members, problem_of
from handinger_tui.core.stream import snapshot_of
from handinger_tui.core.turns.turn import (
    ErrorKind,
    Fault,
    ToolPart,
    ToolState,
    Turn,
    TurnRequest,
    TurnStatus,
    fault_of,
    judge,
)

TURN = Turn(TurnRequest("turn_1", "Why?", 0), finished=True)


@pytest.mark.parametrize(
    ("worker", "busy"),
    [
        ({"status": "running", "running": True}, True),
        ({"status": "completed", "running": False}, False),
        ({"status": "pending", "running": False}, False),
        ({"status": "pending"}, True),
        ({"status": "pending", "running": False, "output_text": "There"}, False),
        ({"status": "pondering"}, True),
        ({"status": "pondering", "running": False}, False),
        ({"status": "cancelled"}, False),
        ({}, True),
        ({"output_text": "There"}, False),
        ({"error": "No"}, False),
        ({"status": ["x"], "running": "yes", "output_text": 7}, True),
    ],
)
def test_a_worker_is_busy_unless_it_reports_its_end(worker: dict[str, Any], busy: bool) -> None:
    assert snapshot_of(worker).busy is busy


@pytest.mark.parametrize(
    ("worker", "status", "words"),
    [
        ({"status": "completed"}, TurnStatus.COMPLETED, None),
        ({"status": "completed", "error": {"message": "Out of memory"}}, TurnStatus.FAILED, "Out of memory"),
        ({"status": "canceled"}, TurnStatus.FAILED, "canceled"),
        ({"status": "incomplete"}, TurnStatus.INCOMPLETE, "incomplete"),
        (
            {"status": "completed", "incomplete_details": {"reason": "budget"}},
            TurnStatus.INCOMPLETE,
            "budget",
        ),
        ({"status": "running", "error": "old"}, TurnStatus.COMPLETED, None),
    ],
)
def test_the_status_of_the_worker_decides(
    worker: dict[str, Any], status: TurnStatus, words: str | None
) -> None:
    judged, fault = judge(replace(TURN, snapshot=snapshot_of(worker)))
    assert judged is status
    assert (fault is None) is (words is None)
    assert words is None or (fault is not None and words in fault.message)


@pytest.mark.parametrize(
    ("turn", "status"),
    [
        (replace(TURN, errors=("One", "Two")), TurnStatus.FAILED),
        (replace(TURN, aborted=True), TurnStatus.FAILED),
        (replace(TURN, finish_reason="error"), TurnStatus.FAILED),
        (replace(TURN, finish_reason="length"), TurnStatus.INCOMPLETE),
        (replace(TURN, incomplete="Too long"), TurnStatus.INCOMPLETE),
        (replace(TURN, parts=(ToolPart("c", "rm", ToolState.APPROVAL_REQUESTED),)), TurnStatus.INCOMPLETE),
        (replace(TURN, finish_reason="stop"), TurnStatus.COMPLETED),
    ],
)
def test_the_end_of_the_stream_decides(turn: Turn, status: TurnStatus) -> None:
    assert judge(turn)[0] is status


@pytest.mark.parametrize(
    "fault",
    [
        None,
        Fault(ErrorKind.RATE_LIMITED, "Slow down", 429, 1.5, may_have_been_charged=False),
        Fault(ErrorKind.AUTH, ""),
    ],
)
def test_a_fault_survives_its_note(fault: Fault | None) -> None:
    problem = problem_of(fault)
    assert fault_of({} if problem is None else members(problem)) == fault
