"""The lines of `--output-format stream-json`: one for each event of a stream, and those of the run itself."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, Literal, get_type_hints

from msgspec import Struct, defstruct
from msgspec.structs import fields

from handinger_tui.core.dialects import events as ev
from handinger_tui.core.documents import AnyJson, Part, members
from handinger_tui.core.export.result import RESULT, Result
from handinger_tui.core.figures import TOKENS, CostsObject, UsageObject, stream_counts, with_figures
from handinger_tui.core.jsontext import JsonObject
from handinger_tui.core.stream import CustomPart, FilePart, SourcePart
from handinger_tui.core.turns.messages import id_of, role_of, text_of
from handinger_tui.core.turns.turn import TurnStatus

EVENT_LINES: Final[Mapping[type, tuple[str, str]]] = {
    ev.TextStarted: ("text-start", "id=key"),
    ev.TextGrew: ("text-delta", "id=key delta"),
    ev.TextEnded: ("text-end", "id=key"),
    ev.TextReplaced: ("text", "id=key text"),
    ev.ReasoningStarted: ("reasoning-start", "id=key"),
    ev.ReasoningGrew: ("reasoning-delta", "id=key delta"),
    ev.ReasoningEnded: ("reasoning-end", "id=key"),
    ev.ToolStarted: ("tool-input-start", "id=call_id name"),
    ev.ToolInputGrew: ("tool-input-delta", "id=call_id delta"),
    ev.ToolInputReady: ("tool-input", "id=call_id name input"),
    ev.ToolApproval: ("tool-approval", "id=call_id approval_id approved"),
    ev.ToolOutput: ("tool-output", "id=call_id output preliminary"),
    ev.ToolFailed: ("tool-error", "id=call_id error"),
    ev.ToolDenied: ("tool-denied", "id=call_id"),
    SourcePart: ("source", "id=source_id title url"),
    FilePart: ("file", "filename media_type url size"),
    ev.DataArrived: ("data", "name id=data_id data transient"),
    CustomPart: ("custom", "kind raw"),
    ev.MessageStarted: ("message-start", "id=message_id metadata"),
    ev.StepStarted: ("step-start", ""),
    ev.StepFinished: ("step-finish", ""),
    ev.StepReset: ("step-reset", ""),
    ev.MetadataMerged: ("metadata", "metadata"),
    ev.UsageReported: ("stream-usage", "usage"),
    ev.WorkerRead: (
        "worker",
        "worker_id=snapshot.worker_id status=snapshot.status text=snapshot.output_text",
    ),
    ev.Finished: ("finish", "reason"),
    ev.Aborted: ("abort", "reason"),
    ev.Failed: ("error", "message=text"),
    ev.StreamDone: ("stream-done", ""),
    ev.Unknown: ("unknown", "kind undecodable"),
    # `event_object` adds the members of a stored message.
    ev.MessageStored: ("message-stored", ""),
}
"""Event class → `type` of its line, and its members: `name`, or `name=attribute` of the event.

A test checks that all are here."""


if TYPE_CHECKING:
    _Tokens = Part
else:
    _Tokens = with_figures(Part, TOKENS, int | None, None)


class Counts(_Tokens, frozen=True):
    """Token counts in the stream; those of the turn come with the readings of its worker."""


class Line(Part, frozen=True, tag_field="type"):
    """A line whose members are not those of an event."""

    seq: int
    """Counts the lines of a run, from 0."""


class StatusLine(Line, frozen=True, tag="status"):
    """The status of the turn has changed."""

    status: TurnStatus
    worker_id: str | None
    turn_id: str


class UsageLine(Line, frozen=True, tag="usage"):
    """What the worker has used and cost has changed, mostly for all of its turns together."""

    usage: UsageObject | None
    costs: CostsObject | None


class StreamUsageLine(Line, frozen=True, tag="stream-usage"):
    """Token counts have arrived in the stream."""

    usage: Counts


class StoredMessageLine(Line, frozen=True, tag="message-stored"):
    """A message as the worker stores it."""

    id: str | None
    role: str | None
    text: str


def event_object(event: ev.StreamEvent, seq: int) -> JsonObject:
    """One event as {type, seq, …}."""
    if isinstance(event, ev.MessageStored):
        message = event.message
        return members(
            StoredMessageLine(seq=seq, id=id_of(message), role=role_of(message), text=text_of(message))
        )
    if isinstance(event, ev.UsageReported):
        return members(StreamUsageLine(seq=seq, usage=Counts(**stream_counts(event.usage))))
    name, _ = EVENT_LINES[type(event)]
    paths = _paths(type(event))
    line: JsonObject = {"type": name, "seq": seq}
    return line | {member: attrgetter(path)(event) for member, path in paths.items()}


@cache
def _paths(kind: type) -> dict[str, str]:
    """The members of the line of an event, and the attribute that each is."""
    pairs = (member.partition("=") for member in EVENT_LINES[kind][1].split())
    return {member: path or member for member, _, path in pairs}


def line_types() -> list[type[Struct]]:
    """A class for each line, made of the types of the events: for their schema."""
    own = {line.__struct_config__.tag: line for line in (StreamUsageLine, StoredMessageLine)}
    of_events = [own.get(name) or _line_type(kind, name) for kind, (name, _) in EVENT_LINES.items()]
    members_of_result = [(field.name, field.type) for field in fields(Result)]
    result = defstruct(
        "ResultLine", [("schema", Literal[RESULT]), *members_of_result], bases=(Line,), tag="result"
    )
    return [StatusLine, UsageLine, *of_events, result]


def _line_type(kind: type, name: str) -> type[Struct]:
    types = [(member, _type_at(kind, path)) for member, path in _paths(kind).items()]
    title = "".join(word.capitalize() for word in name.split("-"))
    return defstruct(f"{title}Line", types, bases=(Line,), tag=name)


def _type_at(kind: Any, path: str) -> Any:
    """The type of an attribute, or of one of an attribute; any JSON where it is a value from outside."""
    for name in path.split("."):
        hint = kind.__annotations__[name]
        if "Json" in hint:
            return AnyJson
        kind = get_type_hints(kind)[name]
    return kind
