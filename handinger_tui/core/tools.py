"""Tools: how the calls of a turn advance. The `Work` family of `core.advance`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from handinger_tui.core import events as ev
from handinger_tui.core.jsontext import Json, parsed_input
from handinger_tui.core.places import call_at, push, put, step_start
from handinger_tui.core.replacing import replace
from handinger_tui.core.text import join
from handinger_tui.core.turn import Part, ToolPart, ToolState, Turn


def _tool_at(turn: Turn, call_id: str, *, anywhere: bool) -> int | None:
    """The newest call `call_id` of the current step, else (outputs) of the whole turn."""
    return call_at(turn, call_id, 0 if anywhere else step_start(turn))


def _tool(turn: Turn, call_id: str, name: str, *, anywhere: bool) -> tuple[Turn, int, ToolPart]:
    """The call, opened with `name` when there is none."""
    at = _tool_at(turn, call_id, anywhere=anywhere)
    if at is not None:
        part = turn.parts[at]
        if isinstance(part, ToolPart):
            return turn, at, part
    part, at = ToolPart(call_id, name or "tool"), len(turn.parts)
    return push(turn, part), at, part


def call_meant(event: ev.StreamEvent) -> tuple[str, str] | None:
    """Call id and approval id of an event that takes a call for granted; None where it names the tool."""
    match event:
        case ev.ToolStarted() | ev.ToolInputReady() | ev.ToolFailed():
            return None if event.name else (event.call_id, "")
        case ev.ToolInputGrew() | ev.ToolOutput() | ev.ToolDenied():
            return event.call_id, ""
        case ev.ToolApproval():
            return event.call_id, event.approval_id
        case _:
            return None


def call_of(parts: Sequence[Part], meant: tuple[str, str]) -> ToolPart | None:
    """The newest call among `parts` with that id, or without an id with that approval."""
    call_id, approval_id = meant
    for part in reversed(parts):
        if isinstance(part, ToolPart):
            same = part.call_id == call_id if call_id or not approval_id else part.approval_id == approval_id
            if same:
                return part
    return None


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
                _with_input(part, None),
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
            name, title = event.name or part.name, event.title or part.title
            # Told anew: the input that is known stays until the new one is complete.
            return put(turn, at, ToolPart(event.call_id, name, input=part.input, title=title))
        case ev.ToolInputGrew():
            return put(turn, at, replace(part, input_text=join(part.input_text, event.delta)))
        case ev.ToolInputReady():
            ready = replace(
                _with_input(part, event.input),
                name=event.name or part.name,
                title=event.title or part.title,
                state=ToolState.INPUT_AVAILABLE,
            )
            return put(turn, at, ready)
        case _:
            assert_never(event)


def _with_input(part: ToolPart, given: Json) -> ToolPart:
    """The call with its complete input; one that is missing does not erase what is known or was streamed."""
    if given is None:
        given = parsed_input(part.input_text) if part.input_text else part.input
    return replace(part, input=given, input_text="")


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
        part = replace(_with_input(part, event.input), name=event.name or part.name)
    return put(turn, at, replace(part, state=ToolState.OUTPUT_ERROR, error=event.error))
