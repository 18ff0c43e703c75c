"""The reducer: an `AnswerBuilder` applies the events of a stream, and returns the turn as an immutable value.

It never raises. Later events never change a value that was read, and a part that no event changes keeps its
identity from one value to the next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from msgspec.structs import replace

from handinger_tui.core.dialects import events as ev
from handinger_tui.core.jsontext import Json, JsonObject, parsed_input
from handinger_tui.core.stream import CustomPart, FilePart, SourcePart
from handinger_tui.core.turns.turn import (
    DataPart,
    Part,
    ReasoningPart,
    Rope,
    StepPart,
    TextPart,
    ToolPart,
    ToolState,
    Turn,
    ended_well,
    join,
)

OpenParts = tuple[tuple[str, int], ...]
MOST_ERRORS: Final = 100
"""How many errors of an answer are kept; beyond that, a new one replaces the newest."""
MAX_OPEN: Final = 256
"""How many open texts are tracked. A delta for an older one starts a new part."""


class PartList(list[Part]):
    """The parts of a growing answer, with indexes, since an answer may have very many."""

    def __init__(self, parts: Iterable[Part]) -> None:
        super().__init__()
        self._calls: dict[str, list[int]] = {}
        """Call id → positions of the calls with that id."""
        self._approvals: dict[str, int] = {}
        """Approval id → position of the newest call with it."""
        self._data: dict[tuple[str, str | None], int] = {}
        """Name and id of data → position of the first such data part."""
        self.step_start = 0
        """The position of the first part of the current step."""
        for part in parts:
            self.add(part)

    def add(self, part: Part) -> int:
        """Append a part and return its position."""
        at = len(self)
        self.append(part)
        if isinstance(part, ToolPart):
            self._calls.setdefault(part.call_id, []).append(at)
            self._index_approval(at, part)
        elif isinstance(part, DataPart):
            self._data.setdefault((part.name, part.data_id), at)
        elif isinstance(part, StepPart):
            self.step_start = at + 1
        return at

    def put(self, at: int, part: Part) -> None:
        """Replace the part at position `at` by one with the same id."""
        self[at] = part
        if isinstance(part, ToolPart):
            self._index_approval(at, part)

    def _index_approval(self, at: int, part: ToolPart) -> None:
        if part.approval_id is not None:
            self._approvals[part.approval_id] = max(at, self._approvals.get(part.approval_id, at))

    def reset_step(self) -> None:
        """Remove the parts of the current step."""
        start = self.step_start
        for part in self[start:]:
            if isinstance(part, ToolPart):
                self._calls[part.call_id].pop()
                if self._approvals.get(part.approval_id or "", -1) >= start:
                    del self._approvals[part.approval_id or ""]
            elif isinstance(part, DataPart) and self._data.get((part.name, part.data_id), -1) >= start:
                del self._data[part.name, part.data_id]
        del self[start:]

    def call_at(self, call_id: str, *, anywhere: bool) -> int | None:
        """The position of the newest call with this id, in the current step or `anywhere`."""
        at = next(reversed(self._calls.get(call_id, ())), -1)
        return at if at >= (0 if anywhere else self.step_start) else None

    def call_of(self, key: tuple[str, str]) -> ToolPart | None:
        """The newest call with the call id in `key`, or if that is empty, with the approval id."""
        call_id, approval_id = key
        is_by_id = call_id or not approval_id
        at = self.call_at(call_id, anywhere=True) if is_by_id else self._approvals.get(approval_id)
        part = None if at is None else self[at]
        return part if isinstance(part, ToolPart) and (is_by_id or part.approval_id == approval_id) else None

    def data_at(self, name: str, data_id: str) -> int | None:
        """The position of the first data part with this name and id."""
        return self._data.get((name, data_id))


class OpenTexts:
    """The open parts of one kind (text or reasoning) of an answer, by their wire ids."""

    def __init__(
        self, parts: PartList, kind: type[TextPart] | type[ReasoningPart], positions: OpenParts
    ) -> None:
        self._parts = parts
        self._kind = kind
        self._positions = dict(positions)

    @property
    def positions(self) -> OpenParts:
        """Open wire ids and the positions of their parts, newest last."""
        return tuple(self._positions.items())

    def start(self, key: str) -> int:
        """Open a new part, even if the id repeats, and return its position."""
        return self._track(key, self._parts.add(self._kind()))

    def _track(self, key: str, at: int) -> int:
        self._positions.pop(key, None)
        self._positions[key] = at
        if len(self._positions) > MAX_OPEN:
            del self._positions[next(iter(self._positions))]
        return at

    def grow(self, key: str, delta: str) -> None:
        """Extend the open part; without one, the last part if it is open (stored), or a new one."""
        at = self._positions.get(key)
        if at is None:
            last = len(self._parts) - 1
            is_stored = bool(self._parts) and self._is_open(last) and last not in self._positions.values()
            at = self._track(key, last) if is_stored else self.start(key)
        self._parts.put(at, self._kind(self._body(at) + delta, open=True))

    def replace(self, key: str, text: str) -> None:
        """Replace the text of the open part, or open a new one with it."""
        at = self._positions.get(key)
        self._parts.put(self.start(key) if at is None else at, self._kind(Rope() + text, open=True))

    def end(self, key: str) -> None:
        """Close the part."""
        at = self._positions.pop(key, None)
        if at is not None:
            self._parts.put(at, self._kind(self._body(at), open=False))

    def _is_open(self, at: int) -> bool:
        part = self._parts[at]
        return isinstance(part, self._kind) and part.open

    def _body(self, at: int) -> Rope:
        part = self._parts[at]
        return part.body if isinstance(part, self._kind) else Rope()


class AnswerBuilder:
    """A turn whose answer grows: `apply` events, then read `turn`.

    `WorkerRead` and `MessageStored` have no effect here: `fold` handles them.
    """

    def __init__(self, turn: Turn) -> None:
        self._turn = turn
        """Its parts and open texts may be outdated; all other members are up to date."""
        self._part_ms = [*turn.part_ms]
        self._set_parts(turn.parts, turn.open_text, turn.open_reasoning)
        self._has_grown = False
        self._owns_metadata = False
        """The metadata of the turn are in no value that was read, so that they can be changed."""

    def _set_parts(
        self, parts: tuple[Part, ...], open_text: OpenParts = (), open_reasoning: OpenParts = ()
    ) -> None:
        self.parts = PartList(parts)
        self.text = OpenTexts(self.parts, TextPart, open_text)
        self.reasoning = OpenTexts(self.parts, ReasoningPart, open_reasoning)
        self._has_grown = True

    @property
    def turn(self) -> Turn:
        """The turn as an immutable value; the same object until the next event."""
        self._owns_metadata = False
        if self._has_grown:
            self._has_grown = False
            self._turn = replace(
                self._turn,
                parts=tuple(self.parts),
                open_text=self.text.positions,
                open_reasoning=self.reasoning.positions,
                part_ms=tuple(self._part_ms),
            )
        return self._turn

    def apply(self, event: ev.StreamEvent, at_ms: int | None = None) -> None:
        """Process one event. `at_ms`: when a part that it adds began; None: nobody knows."""
        self._has_grown = True
        HANDLERS[type(event)](self, event)
        if at_ms is not None:
            count = len(self.parts)
            del self._part_ms[count:]
            if len(self._part_ms) == count - 1:
                self._part_ms.append(at_ms)

    @property
    def head(self) -> Turn:
        """The turn with possibly outdated parts, which is cheap to read."""
        return self._turn

    def set(self, **members: Any) -> None:
        """Change members of the turn that are neither parts nor open texts."""
        self._turn = replace(self._turn, **members)

    def merge_metadata(self, new: JsonObject) -> None:
        """Deep-merge an object into the metadata; arrays, scalars and null replace."""
        if new:
            if not self._owns_metadata:
                # Copy the object only for the first of many events.
                self._owns_metadata = True
                self.set(metadata=_merged({}, self._turn.metadata))
            _merged(self._turn.metadata, new)

    def add(self, part: Part) -> None:
        """Append a part."""
        self._has_grown = True
        self.parts.add(part)

    def insert(self, at: int, parts: tuple[Part, ...]) -> None:
        """Insert parts before position `at`, and adjust the positions of the open texts."""
        turn, shift = self.turn, len(parts)
        moved = (
            tuple((key, position + shift * (position >= at)) for key, position in opened)
            for opened in (turn.open_text, turn.open_reasoning)
        )
        self._set_parts((*turn.parts[:at], *parts, *turn.parts[at:]), *moved)

    def reset_step(self) -> None:
        """Remove the parts of the current step."""
        self.parts.reset_step()
        self.text, self.reasoning = (OpenTexts(self.parts, kind, ()) for kind in (TextPart, ReasoningPart))
        self._has_grown = True

    def set_worker_from(self, event: ev.StreamEvent) -> None:
        """Set the worker from an event that names it, unless there is one."""
        if self._turn.worker_id is None and self._turn.request.target_id is None:
            self.set(worker_id=named_worker(event))

    def call(self, call_id: str, name: str = "", *, anywhere: bool = True) -> tuple[int, ToolPart]:
        """Position and part of the newest call `call_id`; if there is none, of a new one with `name`.

        The search covers the current step, or with `anywhere` all steps: outputs may come steps later.
        """
        at = self.parts.call_at(call_id, anywhere=anywhere)
        if at is not None:
            part = self.parts[at]
            if isinstance(part, ToolPart):
                return at, part
        part = ToolPart(call_id, name or "tool")
        return self.parts.add(part), part


# -- calls ---------------------------------------------------------------------------
def call_key(event: ev.StreamEvent) -> tuple[str, str] | None:
    """Call id and approval id of an event that refers to an existing call.

    None for other events, and for one with a tool name, which can open the call itself.
    """
    match event:
        case ev.ToolStarted() | ev.ToolInputReady() | ev.ToolFailed():
            return None if event.name else (event.call_id, "")
        case ev.ToolInputGrew() | ev.ToolOutput() | ev.ToolDenied():
            return event.call_id, ""
        case ev.ToolApproval():
            return event.call_id, event.approval_id
        case _:
            return None


def _start_tool(answer: AnswerBuilder, event: ev.ToolStarted) -> None:
    at, part = answer.call(event.call_id, event.name, anywhere=False)
    name, title = event.name or part.name, event.title or part.title
    # After a repeated start, the earlier input stays until the new input is complete.
    answer.parts.put(at, ToolPart(event.call_id, name, input=part.input, title=title))


def _grow_tool_input(answer: AnswerBuilder, event: ev.ToolInputGrew) -> None:
    at, part = answer.call(event.call_id)
    answer.parts.put(at, replace(part, input_text=join(part.input_text, event.delta)))


def _complete_tool_input(answer: AnswerBuilder, event: ev.ToolInputReady) -> None:
    at, part = answer.call(event.call_id, event.name, anywhere=False)
    names = {"name": event.name or part.name, "title": event.title or part.title}
    answer.parts.put(at, replace(part, **_input(part, event.input), **names, state=ToolState.INPUT_AVAILABLE))


def _input(part: ToolPart, value: Json) -> dict[str, Any]:
    """The members of a call with complete input; for None the streamed or the earlier input is kept."""
    if value is None:
        value = parsed_input(part.input_text) if part.input_text else part.input
    return {"input": value, "input_text": ""}


def _approve_tool(answer: AnswerBuilder, event: ev.ToolApproval) -> None:
    # An approval response names only the approval.
    asking = answer.parts.call_of(("", event.approval_id)) if not event.call_id else None
    at, part = answer.call(event.call_id if asking is None else asking.call_id)
    state = ToolState.APPROVAL_REQUESTED if event.approved is None else ToolState.APPROVAL_RESPONDED
    answer.parts.put(at, replace(part, state=state, approval_id=event.approval_id or part.approval_id))


def _end_tool(answer: AnswerBuilder, event: ev.ToolOutput) -> None:
    at, part = answer.call(event.call_id)
    result = {"output": event.output, "preliminary": event.preliminary, "error": None}
    answer.parts.put(at, replace(part, **_input(part, None), **result, state=ToolState.OUTPUT_AVAILABLE))


def _fail_tool(answer: AnswerBuilder, event: ev.ToolFailed) -> None:
    at, part = answer.call(event.call_id, event.name, anywhere=not event.has_input)
    received = {**_input(part, event.input), "name": event.name or part.name} if event.has_input else {}
    answer.parts.put(at, replace(part, **received, state=ToolState.OUTPUT_ERROR, error=event.error))


def _deny_tool(answer: AnswerBuilder, event: ev.ToolDenied) -> None:
    at, part = answer.call(event.call_id)
    answer.parts.put(at, replace(part, state=ToolState.OUTPUT_DENIED))


# -- data and workers ----------------------------------------------------------------
def _take_data(answer: AnswerBuilder, event: ev.DataArrived) -> None:
    answer.set_worker_from(event)
    if event.transient:
        answer.set(activity=_activity(event.data) or answer.head.activity)
        return
    part = DataPart(event.name, event.data, event.data_id)
    at = None if event.data_id is None else answer.parts.data_at(event.name, event.data_id)
    if at is None:
        answer.parts.add(part)
    else:
        answer.parts.put(at, part)


def _activity(data: Json) -> str | None:
    if isinstance(data, str):
        return data
    return _text_in(data, ("message", "status", "text", "label")) if isinstance(data, dict) else None


def named_worker(event: ev.StreamEvent) -> str | None:
    """The id of the worker that an event names; None for nearly all events.

    The stream may be the only place that names a new worker. The service does not document how: in a Worker,
    in `data-worker` (a string, or an object with an id), or in metadata.
    """
    match event:
        case ev.WorkerRead():
            return event.snapshot.worker_id
        case ev.DataArrived(name="data-worker", data=dict() as fields):
            return _text_in(fields, ("workerId", "worker_id", "id"))
        case ev.DataArrived(name="data-worker", data=str() as name):
            return name or None
        case ev.MessageStarted() | ev.MetadataMerged() | ev.Finished():
            return _text_in(event.metadata, ("workerId", "worker_id"))
        case _:
            return None


def _text_in(fields: JsonObject, keys: tuple[str, ...]) -> str | None:
    return next((value for key in keys if isinstance(value := fields.get(key), str) and value), None)


# -- message, step and end -----------------------------------------------------------
def _start_message(answer: AnswerBuilder, event: ev.MessageStarted) -> None:
    answer.set_worker_from(event)
    head = answer.head
    message_id = event.message_id if event.message_id is not None else head.message_id
    answer.set(message_id=message_id, finished=False)
    answer.merge_metadata(event.metadata)


def _merge_metadata(answer: AnswerBuilder, event: ev.MetadataMerged) -> None:
    answer.set_worker_from(event)
    answer.merge_metadata(event.metadata)


def _finish(answer: AnswerBuilder, event: ev.Finished) -> None:
    answer.set_worker_from(event)
    head = answer.head
    answer.set(
        finished=True,
        finish_reason=event.reason if event.reason is not None else head.finish_reason,
        incomplete=event.incomplete or head.incomplete,
    )
    answer.merge_metadata(event.metadata)


def _abort(answer: AnswerBuilder, event: ev.Aborted) -> None:
    # A complete answer can no longer be canceled.
    if not ended_well(answer.head):
        answer.set(finished=True, aborted=True, abort_reason=event.reason)


def _fail(answer: AnswerBuilder, event: ev.Failed) -> None:
    """Record an error, which fails the answer unless that has already ended well."""
    head = answer.head
    if ended_well(head):
        answer.set(late_errors=(*head.late_errors[: MOST_ERRORS - 1], event.text))
    elif event.in_message:
        answer.set(errors=(*head.errors[: MOST_ERRORS - 1], event.text))
    else:
        answer.set(stream_fault=event.text)


def _skip(answer: AnswerBuilder, event: ev.Unknown) -> None:
    if event.undecodable:
        answer.set(skipped=answer.head.skipped + 1)


def _merged(target: JsonObject, new: JsonObject) -> JsonObject:
    for key, value in new.items():
        if isinstance(value, dict):
            inner = target.get(key)
            target[key] = _merged(inner if isinstance(inner, dict) else {}, value)
        else:
            target[key] = value
    return target


def _ignore(_answer: AnswerBuilder, _event: ev.StreamEvent) -> None:
    """The event has no effect."""


HANDLERS: Final[dict[type[ev.StreamEvent], Callable[[AnswerBuilder, Any], object]]] = {
    ev.TextStarted: lambda answer, event: answer.text.start(event.key),
    ev.TextGrew: lambda answer, event: answer.text.grow(event.key, event.delta),
    ev.TextReplaced: lambda answer, event: answer.text.replace(event.key, event.text),
    ev.TextEnded: lambda answer, event: answer.text.end(event.key),
    ev.ReasoningStarted: lambda answer, event: answer.reasoning.start(event.key),
    ev.ReasoningGrew: lambda answer, event: answer.reasoning.grow(event.key, event.delta),
    ev.ReasoningEnded: lambda answer, event: answer.reasoning.end(event.key),
    ev.ToolStarted: _start_tool,
    ev.ToolInputGrew: _grow_tool_input,
    ev.ToolInputReady: _complete_tool_input,
    ev.ToolApproval: _approve_tool,
    ev.ToolOutput: _end_tool,
    ev.ToolFailed: _fail_tool,
    ev.ToolDenied: _deny_tool,
    SourcePart: AnswerBuilder.add,
    FilePart: AnswerBuilder.add,
    CustomPart: AnswerBuilder.add,
    ev.DataArrived: _take_data,
    ev.MessageStarted: _start_message,
    ev.MetadataMerged: _merge_metadata,
    ev.UsageReported: _ignore,
    ev.StepStarted: lambda answer, _event: answer.add(StepPart()),
    # AI SDK 5 and 6 close open texts here, 7 keeps them open. Keeping them open works for all three, since a
    # repeated id opens a new part anyway.
    ev.StepFinished: _ignore,
    ev.StepReset: lambda answer, _event: answer.reset_step(),
    ev.Finished: _finish,
    ev.Aborted: _abort,
    ev.Failed: _fail,
    ev.StreamDone: lambda answer, _event: answer.set(finished=True),
    ev.WorkerRead: _ignore,
    ev.MessageStored: _ignore,
    ev.Unknown: _skip,
}
