"""The outcome of a turn: its status and fault, judged from its content; and both as stored JSON."""

from __future__ import annotations

from typing import Final

from handinger_tui.core.jsontext import JsonObject, as_text
from handinger_tui.core.turns.turn import Fault, Kind, ToolPart, ToolState, Turn, TurnStatus

CUT_SHORT: Final = frozenset(
    {"length", "content-filter", "interrupted", "max_output_tokens", "content_filter"}
)
"""Finish reasons of an incomplete answer."""


def judge(turn: Turn) -> tuple[TurnStatus, Fault | None]:
    """Status and fault of a turn whose answer has ended; the fault quotes the service."""
    failure = failure_text(turn)
    if failure is not None:
        return TurnStatus.FAILED, Fault(Kind.STREAM_ERROR, failure)
    reason = incomplete_reason(turn)
    if reason is not None:
        return TurnStatus.INCOMPLETE, Fault(Kind.INCOMPLETE, reason)
    return TurnStatus.COMPLETED, None


def failure_text(turn: Turn) -> str | None:
    """The service's reason why a turn failed; None when it did not fail."""
    if turn.errors:
        return turn.errors[-1]
    if turn.aborted:
        return turn.abort_reason or "The run was aborted on the server."
    snapshot = turn.snapshot
    if snapshot is not None and snapshot.failed and not snapshot.busy:
        return snapshot.error or f"The worker reports the status {snapshot.status}."
    if turn.finish_reason == "error":
        return "The answer ended with an error."
    return None


def ended_well(turn: Turn) -> bool:
    """Whether the stream reported that the answer is complete, and no failure."""
    return turn.finished and not (turn.errors or turn.aborted or turn.finish_reason == "error")


def incomplete_reason(turn: Turn) -> str | None:
    """Why an answer that ended is incomplete; None when it is complete."""
    if turn.incomplete is not None:
        return turn.incomplete
    snapshot = turn.snapshot
    if snapshot is not None and not snapshot.busy:
        if snapshot.incomplete is not None:
            return snapshot.incomplete
        if snapshot.status == "incomplete":
            return "The worker marked its answer as incomplete."
    if turn.finish_reason in CUT_SHORT:
        return f"The answer was cut short ({turn.finish_reason})."
    if any(isinstance(p, ToolPart) and p.state is ToolState.APPROVAL_REQUESTED for p in turn.parts):
        return "A tool call needs an approval that cannot be given here."
    return None


def fault_of(fields: JsonObject) -> Fault | None:
    """Read a fault from the data of a marker frame; the inverse of `fault_object`."""
    kind = as_text(fields.get("kind"))
    if kind is None:
        return None
    status, wait = fields.get("http_status"), fields.get("retry_after_s")
    return Fault(
        kind=Kind(kind),
        message=as_text(fields.get("message")) or "",
        http_status=status if isinstance(status, int) else None,
        retry_after_s=float(wait) if isinstance(wait, int | float) else None,
        may_have_been_charged=fields.get("may_have_been_charged") is not False,
    )


def fault_object(fault: Fault | None) -> JsonObject | None:
    """A fault as JSON: the `error` object of the headless result."""
    if fault is None:
        return None
    return {
        "kind": str(fault.kind),
        "message": fault.message,
        "http_status": fault.http_status,
        "retry_after_s": fault.retry_after_s,
        "may_have_been_charged": fault.may_have_been_charged,
    }


def outcome_object(status: TurnStatus, fault: Fault | None, *, recovered: bool = False) -> JsonObject:
    """How a turn ended, as JSON: the data of a `SETTLED` marker frame."""
    return {"status": status, "recovered": recovered, "fault": fault_object(fault)}
