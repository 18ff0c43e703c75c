"""advance(turn, event) -> turn: the reducer of one answer. Pure and total.

Behaviour authority: the reference client of the AI SDK, as recorded in
tests/wire. Where it would throw (a delta without a start, a repeated start)
we do the tolerant thing: open the part.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, assert_never, get_args

from handinger_tui.core import events as ev
from handinger_tui.core.jsontext import Json
from handinger_tui.core.outcome import ended_well
from handinger_tui.core.places import data_at, push, put, step_start
from handinger_tui.core.replacing import replace
from handinger_tui.core.text import Rope
from handinger_tui.core.tools import work
from handinger_tui.core.turn import (
    CustomPart,
    DataPart,
    FilePart,
    ReasoningPart,
    SourcePart,
    StepPart,
    TextPart,
    Turn,
)

JsonObject = dict[str, Json]
Opened = tuple[tuple[str, int], ...]
MOST_OPEN: Final = 256
"""Open texts that are remembered; more to an older one begins a part of its own."""


def advance(turn: Turn, event: ev.StreamEvent) -> Turn:
    """The turn after `event`. `WorkerRead` and `MessageStored` belong to `core.fold`."""
    if isinstance(event, ev.Unknown):
        if event.undecodable:
            return replace(turn, skipped=turn.skipped + 1)
        return replace(turn, ignored=turn.ignored + 1)
    return _FAMILIES[type(event)](turn, event)


def _find(opened: Opened, key: str) -> int | None:
    return next((at for name, at in reversed(opened) if name == key), None)


def _without(opened: Opened, key: str) -> Opened:
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
    at = _find(turn.open_text, key)
    if at is None:
        turn, at = _continue_text(turn, key)
    part = turn.parts[at]
    body = part.body if isinstance(part, TextPart) else Rope()
    return put(turn, at, TextPart(body + delta, open=True))


def _continue_text(turn: Turn, key: str) -> tuple[Turn, int]:
    """A delta without a start: it goes on with a stored text that was still open, or opens one."""
    last = len(turn.parts) - 1
    part = turn.parts[last] if turn.parts else None
    if isinstance(part, TextPart) and part.open and all(at != last for _, at in turn.open_text):
        return replace(turn, open_text=(*turn.open_text, (key, last))), last
    return _open_text(turn, key), last + 1


def _end_text(turn: Turn, event: ev.TextEnded | ev.TextReplaced) -> Turn:
    at = _find(turn.open_text, event.key)
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
    at = _find(turn.open_reasoning, key)
    if at is None:
        at = len(turn.parts)
        turn = _open_reasoning(turn, key)
    part = turn.parts[at]
    body = part.body if isinstance(part, ReasoningPart) else Rope()
    return put(turn, at, ReasoningPart(body + delta, open=True))


def _end_reasoning(turn: Turn, key: str) -> Turn:
    at = _find(turn.open_reasoning, key)
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
            made = FilePart(event.url, event.media_type, event.filename, event.size, event.in_reasoning)
            return push(turn, made)
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
    """The worker that an event names; None for nearly all.

    A stream may be the only place that names the worker it has just created. How is not
    published: a Worker, data of a worker (a string, or an object with an id), or metadata.
    """
    match event:
        case ev.WorkerRead():
            return event.snapshot.worker_id
        case ev.DataArrived(name="data-worker", data=dict() as box):
            return _text_in(box, ("workerId", "worker_id", "id"))
        case ev.DataArrived(name="data-worker", data=str() as name):
            return name or None
        case ev.MessageStarted() | ev.MetadataMerged():
            return _text_in(event.metadata, ("workerId", "worker_id"))
        case _:
            return None


def _text_in(box: JsonObject, keys: tuple[str, ...]) -> str | None:
    return next((value for key in keys if isinstance(value := box.get(key), str) and value), None)


def _with_worker_of(turn: Turn, event: ev.StreamEvent) -> Turn:
    """The turn with the worker that the event names; a known id is never overwritten."""
    if turn.worker_id is not None or turn.order.worker_id is not None:
        return turn
    named = named_worker(event)
    return turn if named is None else replace(turn, worker_id=named)


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
            named = event.message_id if event.message_id is not None else turn.message_id
            turn = _with_worker_of(turn, event)
            return replace(turn, message_id=named, metadata=merge(turn.metadata, event.metadata))
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
            # Majors 5 and 6 forget open texts here and 7 keeps them; keeping them
            # serves both, since a repeated id opens a new part anyway.
            return turn
        case ev.StepReset():
            kept = tuple(turn.parts[: step_start(turn)])
            return replace(turn, parts=kept, open_text=(), open_reasoning=())
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
            # What is complete cannot be cancelled any more.
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
    """An error fails the answer unless the answer had ended well before."""
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
        before = merged.get(key)
        both = isinstance(before, dict) and isinstance(value, dict)
        merged[key] = merge(before, value) if both else value  # type: ignore[arg-type]  # `both` says so
    return merged


# To ask of each event to which of four unions it belongs takes longer than most of what is done with it.
_FAMILIES: Final[dict[type, Callable[[Turn, Any], Turn]]] = {
    kind: reducer
    for family, reducer in ((ev.Talk, _talk), (ev.Work, work), (ev.Evidence, _evidence), (ev.Life, _life))
    for kind in get_args(family)
}
