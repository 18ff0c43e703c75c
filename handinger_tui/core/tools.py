"""Tools: how the calls of a turn advance. The `Work` family of `core.advance`."""

from __future__ import annotations

from typing import assert_never

from handinger_tui.core import events as ev
from handinger_tui.core.places import push, put, step_start
from handinger_tui.core.replacing import replace
from handinger_tui.core.text import join
from handinger_tui.core.turn import ToolPart, ToolState, Turn


def _tool_at(turn: Turn, call_id: str, *, anywhere: bool) -> int | None:
    """The newest call `call_id` of the current step, else (outputs) of the whole turn."""
    first = 0 if anywhere else step_start(turn)
    for at in range(len(turn.parts) - 1, first - 1, -1):
        part = turn.parts[at]
        if isinstance(part, ToolPart) and part.call_id == call_id:
            return at
    return None


def _tool(turn: Turn, call_id: str, name: str, *, anywhere: bool) -> tuple[Turn, int, ToolPart]:
    """The call, opened with `name` when there is none."""
    at = _tool_at(turn, call_id, anywhere=anywhere)
    if at is not None:
        part = turn.parts[at]
        if isinstance(part, ToolPart):
            return turn, at, part
    part = ToolPart(call_id, name or "tool")
    return push(turn, part), len(turn.parts), part


def work(turn: Turn, event: ev.Work) -> Turn:
    """The turn after an event about a call."""
    match event:
        case ev.ToolStarted() | ev.ToolInputGrew() | ev.ToolInputReady():
            return _tool_input(turn, event)
        case ev.ToolApproval():
            return _tool_approval(turn, event)
        case ev.ToolOutput():
            turn, at, part = _tool(turn, event.call_id, "", anywhere=True)
            done = replace(
                part,
                state=ToolState.OUTPUT_AVAILABLE,
                output=event.output,
                preliminary=event.preliminary,
                error=None,
            )
            return put(turn, at, done)
        case ev.ToolFailed():
            return _tool_failed(turn, event)
        case ev.ToolDenied():
            turn, at, part = _tool(turn, event.call_id, "", anywhere=True)
            return put(turn, at, replace(part, state=ToolState.OUTPUT_DENIED))
        case _:
            assert_never(event)


def _tool_input(turn: Turn, event: ev.ToolStarted | ev.ToolInputGrew | ev.ToolInputReady) -> Turn:
    name = "" if isinstance(event, ev.ToolInputGrew) else event.name
    turn, at, part = _tool(turn, event.call_id, name, anywhere=isinstance(event, ev.ToolInputGrew))
    match event:
        case ev.ToolStarted():
            fresh = ToolPart(event.call_id, event.name or part.name, title=event.title or part.title)
            return put(turn, at, fresh)
        case ev.ToolInputGrew():
            return put(turn, at, replace(part, input_text=join(part.input_text, event.delta)))
        case ev.ToolInputReady():
            ready = replace(
                part,
                name=event.name or part.name,
                title=event.title or part.title,
                state=ToolState.INPUT_AVAILABLE,
                input=event.input,
                input_text="",
            )
            return put(turn, at, ready)
        case _:
            assert_never(event)


def _tool_approval(turn: Turn, event: ev.ToolApproval) -> Turn:
    call_id = event.call_id or _asked_for(turn, event.approval_id)
    turn, at, part = _tool(turn, call_id, "", anywhere=True)
    state = ToolState.APPROVAL_REQUESTED if event.approved is None else ToolState.APPROVAL_RESPONDED
    return put(turn, at, replace(part, state=state, approval_id=event.approval_id or part.approval_id))


def _asked_for(turn: Turn, approval_id: str) -> str:
    """The call that an approval belongs to: an answer names the approval only."""
    calls = (part for part in reversed(turn.parts) if isinstance(part, ToolPart))
    return next((call.call_id for call in calls if call.approval_id == approval_id), "")


def _tool_failed(turn: Turn, event: ev.ToolFailed) -> Turn:
    turn, at, part = _tool(turn, event.call_id, event.name, anywhere=not event.has_input)
    if event.has_input:
        part = replace(part, name=event.name or part.name, input=event.input, input_text="")
    return put(turn, at, replace(part, state=ToolState.OUTPUT_ERROR, error=event.error))
