"""The reducer of one answer: `advance(turn, event)` returns the next turn. It is pure and never raises."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, Final, assert_never, cast, get_args

from handinger_tui.core.jsontext import Json, JsonObject, parsed_input
from handinger_tui.core.stream import events as ev
from handinger_tui.core.turns.outcome import ended_well
from handinger_tui.core.turns.turn import (
    CustomPart,
    DataPart,
    FilePart,
    Part,
    ReasoningPart,
    Rope,
    SourcePart,
    StepPart,
    TextPart,
    ToolPart,
    ToolState,
    Turn,
    join,
)


class GrowingParts(list[Part]):
    """A mutable list of parts that `push` and `put` change in place, with an index of calls and data."""

    def __init__(self, parts: Iterable[Part]) -> None:
        super().__init__()
        self.calls: dict[str, int] = {}
        """Call id → position of the newest call with that id."""
        self.data: dict[tuple[str, str | None], int] = {}
        """Name and id of data → position of the first data part with both."""
        self.step = 0
        """Position of the current step's first part."""
        for part in parts:
            self.add(part)

    def add(self, part: Part) -> None:
        """Append a part."""
        self.append(part)
        self._index(len(self) - 1, part)

    def exchange(self, at: int, part: Part) -> None:
        """Replace the part at position `at`."""
        self[at] = part
        self._index(at, part)

    def _index(self, at: int, part: Part) -> None:
        if isinstance(part, ToolPart):
            self.calls[part.call_id] = max(at, self.calls.get(part.call_id, at))
        elif isinstance(part, DataPart):
            self.data.setdefault((part.name, part.data_id), at)
        elif isinstance(part, StepPart):
            self.step = max(self.step, at + 1)


def mutable(turn: Turn) -> Turn:
    """Return the turn with parts that change in place.

    The caller must drop `turn`, and must not publish the result before `frozen`.
    """
    return turn if _mutable_parts(turn) is not None else _with(turn, GrowingParts(turn.parts))


def frozen(turn: Turn) -> Turn:
    """Return the turn as an immutable value: later changes of its parts do not reach it."""
    return turn if _mutable_parts(turn) is None else replace(turn, parts=tuple(turn.parts))


def _mutable_parts(turn: Turn) -> GrowingParts | None:
    parts: Sequence[Part] = turn.parts
    return parts if isinstance(parts, GrowingParts) else None


def _with(turn: Turn, parts: GrowingParts) -> Turn:
    return replace(turn, parts=cast("tuple[Part, ...]", parts))


def push(turn: Turn, part: Part) -> Turn:
    """Append a part."""
    parts = _mutable_parts(turn)
    if parts is None:
        return replace(turn, parts=(*turn.parts, part))
    parts.add(part)
    return _with(turn, parts)


def put(turn: Turn, at: int, part: Part) -> Turn:
    """Replace the part at position `at`; all others keep their identity."""
    parts = _mutable_parts(turn)
    if parts is None:
        return replace(turn, parts=(*turn.parts[:at], part, *turn.parts[at + 1 :]))
    parts.exchange(at, part)
    return _with(turn, parts)


def step_start(turn: Turn) -> int:
    """Position of the current step's first part."""
    parts = _mutable_parts(turn)
    if parts is not None:
        return parts.step
    for at in range(len(turn.parts) - 1, -1, -1):
        if isinstance(turn.parts[at], StepPart):
            return at + 1
    return 0


def call_at(turn: Turn, call_id: str, first: int) -> int | None:
    """Position of the newest call with that id, not before `first`."""
    parts = _mutable_parts(turn)
    if parts is not None:
        at = parts.calls.get(call_id, -1)
        return at if at >= first else None
    for at in range(len(turn.parts) - 1, first - 1, -1):
        part = turn.parts[at]
        if isinstance(part, ToolPart) and part.call_id == call_id:
            return at
    return None


def data_at(turn: Turn, name: str, data_id: str) -> int | None:
    """Position of the first data of that name and id."""
    parts = _mutable_parts(turn)
    if parts is not None:
        return parts.data.get((name, data_id))
    for at, part in enumerate(turn.parts):
        if isinstance(part, DataPart) and (part.name, part.data_id) == (name, data_id):
            return at
    return None


def insert(turn: Turn, at: int, parts: tuple[Part, ...]) -> Turn:
    """Insert parts before position `at`; the open texts keep pointing at their parts, which move."""
    shift = len(parts)
    return replace(
        turn,
        parts=(*turn.parts[:at], *parts, *turn.parts[at:]),
        open_text=tuple((key, position + shift * (position >= at)) for key, position in turn.open_text),
        open_reasoning=tuple(
            (key, position + shift * (position >= at)) for key, position in turn.open_reasoning
        ),
    )


def _tool_at(turn: Turn, call_id: str, *, anywhere: bool) -> int | None:
    """Position of the newest call `call_id` in the current step, or `anywhere` in the turn (for outputs)."""
    return call_at(turn, call_id, 0 if anywhere else step_start(turn))


def _tool(turn: Turn, call_id: str, name: str, *, anywhere: bool) -> tuple[Turn, int, ToolPart]:
    """Find the call; open one with `name` when there is none."""
    at = _tool_at(turn, call_id, anywhere=anywhere)
    if at is not None:
        part = turn.parts[at]
        if isinstance(part, ToolPart):
            return turn, at, part
    part, at = ToolPart(call_id, name or "tool"), len(turn.parts)
    return push(turn, part), at, part


def call_key(event: ev.StreamEvent) -> tuple[str, str] | None:
    """Call id and approval id of an event that refers to an existing call.

    None where the event names the tool itself, and so can open the call.
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


def find_call(parts: Sequence[Part], key: tuple[str, str]) -> ToolPart | None:
    """The newest call among `parts` with the call id of `key`, or without one, with its approval id."""
    call_id, approval_id = key
    for part in reversed(parts):
        if isinstance(part, ToolPart):
            matches = (
                part.call_id == call_id if call_id or not approval_id else part.approval_id == approval_id
            )
            if matches:
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
            # A repeated start: the known input stays until the new input is complete.
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


def _with_input(part: ToolPart, value: Json) -> ToolPart:
    """The call with its complete input; None does not erase an input that is known or was streamed."""
    if value is None:
        value = parsed_input(part.input_text) if part.input_text else part.input
    return replace(part, input=value, input_text="")


def _tool_approval(turn: Turn, event: ev.ToolApproval) -> Turn:
    call_id = event.call_id or _call_of_approval(turn, event.approval_id)
    turn, at, part = _tool(turn, call_id, "", anywhere=True)
    state = ToolState.APPROVAL_REQUESTED if event.approved is None else ToolState.APPROVAL_RESPONDED
    return put(turn, at, replace(part, state=state, approval_id=event.approval_id or part.approval_id))


def _call_of_approval(turn: Turn, approval_id: str) -> str:
    """The call that an approval belongs to: an approval response names only the approval."""
    calls = (part for part in reversed(turn.parts) if isinstance(part, ToolPart))
    return next((call.call_id for call in calls if call.approval_id == approval_id), "")


def _tool_failed(turn: Turn, event: ev.ToolFailed) -> Turn:
    turn, at, part = _tool(turn, event.call_id, event.name, anywhere=not event.has_input)
    if event.has_input:
        part = replace(_with_input(part, event.input), name=event.name or part.name)
    return put(turn, at, replace(part, state=ToolState.OUTPUT_ERROR, error=event.error))


OpenParts = tuple[tuple[str, int], ...]
MOST_OPEN: Final = 256
"""Open texts that are tracked. A delta for an older one begins a new part."""


def advance(turn: Turn, event: ev.StreamEvent) -> Turn:
    """The turn after `event`. `WorkerRead` and `MessageStored` are handled by `fold`."""
    if isinstance(event, ev.Unknown):
        if event.undecodable:
            return replace(turn, skipped=turn.skipped + 1)
        return replace(turn, ignored=turn.ignored + 1)
    return _FAMILIES[type(event)](turn, event)


def _open_position(opened: OpenParts, key: str) -> int | None:
    return next((at for name, at in reversed(opened) if name == key), None)


def _without(opened: OpenParts, key: str) -> OpenParts:
    return tuple(entry for entry in opened if entry[0] != key)


# -- Talk ------------------------------------------------------------------------
def _talk(turn: Turn, event: ev.Talk) -> Turn:
    match event:
        case ev.TextStarted():
            return _open_text(turn, event.key)
        case ev.TextGrew():
            return _grow_text(turn, event.key, event.delta)
        case ev.TextEnded() | ev.TextReplaced():
            return _end_text(turn, event)
        case ev.ReasoningStarted():
            return _open_reasoning(turn, event.key)
        case ev.ReasoningGrew():
            return _grow_reasoning(turn, event.key, event.delta)
        case ev.ReasoningEnded():
            return _end_reasoning(turn, event.key)
        case _:
            assert_never(event)


def _open_text(turn: Turn, key: str) -> Turn:
    opened = (*_without(turn.open_text, key), (key, len(turn.parts)))[-MOST_OPEN:]
    return replace(push(turn, TextPart()), open_text=opened)


def _grow_text(turn: Turn, key: str, delta: str) -> Turn:
    at = _open_position(turn.open_text, key)
    if at is None:
        turn, at = _continue_text(turn, key)
    part = turn.parts[at]
    body = part.body if isinstance(part, TextPart) else Rope()
    return put(turn, at, TextPart(body + delta, open=True))


def _continue_text(turn: Turn, key: str) -> tuple[Turn, int]:
    """A delta without a start extends a stored text that is still open, or opens a new one."""
    last = len(turn.parts) - 1
    part = turn.parts[last] if turn.parts else None
    if isinstance(part, TextPart) and part.open and all(at != last for _, at in turn.open_text):
        return replace(turn, open_text=(*turn.open_text, (key, last))), last
    return _open_text(turn, key), last + 1


def _end_text(turn: Turn, event: ev.TextEnded | ev.TextReplaced) -> Turn:
    at = _open_position(turn.open_text, event.key)
    if isinstance(event, ev.TextReplaced):
        if at is None:
            at = len(turn.parts)
            turn = _open_text(turn, event.key)
        return put(turn, at, TextPart(Rope() + event.text, open=True))
    if at is None:
        return turn
    part = turn.parts[at]
    body = part.body if isinstance(part, TextPart) else Rope()
    return replace(put(turn, at, TextPart(body, open=False)), open_text=_without(turn.open_text, event.key))


def _open_reasoning(turn: Turn, key: str) -> Turn:
    opened = (*_without(turn.open_reasoning, key), (key, len(turn.parts)))[-MOST_OPEN:]
    return replace(push(turn, ReasoningPart()), open_reasoning=opened)


def _grow_reasoning(turn: Turn, key: str, delta: str) -> Turn:
    at = _open_position(turn.open_reasoning, key)
    if at is None:
        at = len(turn.parts)
        turn = _open_reasoning(turn, key)
    part = turn.parts[at]
    body = part.body if isinstance(part, ReasoningPart) else Rope()
    return put(turn, at, ReasoningPart(body + delta, open=True))


def _end_reasoning(turn: Turn, key: str) -> Turn:
    at = _open_position(turn.open_reasoning, key)
    if at is None:
        return turn
    part = turn.parts[at]
    body = part.body if isinstance(part, ReasoningPart) else Rope()
    opened = _without(turn.open_reasoning, key)
    return replace(put(turn, at, ReasoningPart(body, open=False)), open_reasoning=opened)


# -- Evidence --------------------------------------------------------------------
def _evidence(turn: Turn, event: ev.Evidence) -> Turn:
    match event:
        case ev.SourceFound():
            part = SourcePart(event.source_id, event.url, event.title, event.media_type, event.filename)
            return push(turn, part)
        case ev.FileMade():
            file = FilePart(event.url, event.media_type, event.filename, event.size, event.in_reasoning)
            return push(turn, file)
        case ev.DataArrived():
            return _data(turn, event)
        case ev.CustomArrived():
            return push(turn, CustomPart(event.kind, event.raw))
        case _:
            assert_never(event)


def _data(turn: Turn, event: ev.DataArrived) -> Turn:
    turn = _with_worker_of(turn, event)
    if event.transient:
        return replace(turn, activity=_activity(event.data) or turn.activity)
    part = DataPart(event.name, event.data, event.data_id)
    at = None if event.data_id is None else data_at(turn, event.name, event.data_id)
    return push(turn, part) if at is None else put(turn, at, part)


def named_worker(event: ev.StreamEvent) -> str | None:
    """The id of the worker that an event names; None for nearly all events.

    A stream may be the only place that names the worker it has just created. The service does not
    document how: in a Worker, in `data-worker` (a string, or an object with an id), or in metadata.
    """
    match event:
        case ev.WorkerRead():
            return event.snapshot.worker_id
        case ev.DataArrived(name="data-worker", data=dict() as fields):
            return _text_in(fields, ("workerId", "worker_id", "id"))
        case ev.DataArrived(name="data-worker", data=str() as name):
            return name or None
        case ev.MessageStarted() | ev.MetadataMerged():
            return _text_in(event.metadata, ("workerId", "worker_id"))
        case _:
            return None


def _text_in(fields: JsonObject, keys: tuple[str, ...]) -> str | None:
    return next((value for key in keys if isinstance(value := fields.get(key), str) and value), None)


def _with_worker_of(turn: Turn, event: ev.StreamEvent) -> Turn:
    """The turn with the worker that the event names. A known id is never overwritten."""
    if turn.worker_id is not None or turn.order.worker_id is not None:
        return turn
    worker_id = named_worker(event)
    return turn if worker_id is None else replace(turn, worker_id=worker_id)


def _activity(data: Json) -> str | None:
    if isinstance(data, str):
        return data
    if isinstance(data, dict):
        return next(
            (v for k in ("message", "status", "text", "label") if isinstance(v := data.get(k), str)), None
        )
    return None


# -- Life ------------------------------------------------------------------------
def _life(turn: Turn, event: ev.Life) -> Turn:
    match event:
        case ev.MessageStarted():
            message_id = event.message_id if event.message_id is not None else turn.message_id
            turn = _with_worker_of(turn, event)
            return replace(turn, message_id=message_id, metadata=merge(turn.metadata, event.metadata))
        case ev.StepStarted() | ev.StepFinished() | ev.StepReset():
            return _step(turn, event)
        case ev.MetadataMerged():
            turn = _with_worker_of(turn, event)
            return replace(turn, metadata=merge(turn.metadata, event.metadata))
        case ev.UsageReported():
            return replace(turn, stream_usage=merge(turn.stream_usage, event.usage))
        case ev.WorkerRead() | ev.MessageStored():
            return turn
        case ev.Finished() | ev.Aborted() | ev.Failed() | ev.StreamDone():
            return _end(turn, event)
        case _:
            assert_never(event)


def _step(turn: Turn, event: ev.StepStarted | ev.StepFinished | ev.StepReset) -> Turn:
    match event:
        case ev.StepStarted():
            return push(turn, StepPart())
        case ev.StepFinished():
            # AI SDK 5 and 6 close open texts here and 7 keeps them open. Keeping them open
            # works for all three, since a repeated id opens a new part anyway.
            return turn
        case ev.StepReset():
            parts = tuple(turn.parts[: step_start(turn)])
            return replace(turn, parts=parts, open_text=(), open_reasoning=())
        case _:
            assert_never(event)


def _end(turn: Turn, event: ev.Finished | ev.Aborted | ev.Failed | ev.StreamDone) -> Turn:
    match event:
        case ev.Finished():
            return replace(
                turn,
                finished=True,
                finish_reason=event.reason if event.reason is not None else turn.finish_reason,
                incomplete=event.incomplete or turn.incomplete,
                metadata=merge(turn.metadata, event.metadata),
            )
        case ev.Aborted():
            # A complete answer cannot be canceled any more.
            return turn if ended_well(turn) else _aborted(turn, event)
        case ev.Failed():
            return _failed(turn, event)
        case ev.StreamDone():
            return replace(turn, finished=True)
        case _:
            assert_never(event)


def _aborted(turn: Turn, event: ev.Aborted) -> Turn:
    return replace(turn, finished=True, aborted=True, abort_reason=event.reason)


def _failed(turn: Turn, event: ev.Failed) -> Turn:
    """An error fails the answer, unless the answer has already ended well."""
    if ended_well(turn):
        return replace(turn, late_errors=(*turn.late_errors, event.text))
    if not event.in_message:
        return replace(turn, stream_fault=event.text)
    return replace(turn, errors=(*turn.errors, event.text))


def merge(old: JsonObject, new: JsonObject) -> JsonObject:
    """Deep merge of objects; arrays, scalars and null replace."""
    if not new:
        return old
    merged = dict(old)
    for key, value in new.items():
        previous = merged.get(key)
        both_objects = isinstance(previous, dict) and isinstance(value, dict)
        merged[key] = merge(previous, value) if both_objects else value  # type: ignore[arg-type]  # `both_objects` checks it
    return merged


# A dispatch table by event type: testing four unions for every event would cost more than most reducers.
_FAMILIES: Final[dict[type, Callable[[Turn, Any], Turn]]] = {
    kind: reducer
    for family, reducer in ((ev.Talk, _talk), (ev.Work, work), (ev.Evidence, _evidence), (ev.Life, _life))
    for kind in get_args(family)
}
