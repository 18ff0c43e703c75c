"""The JSON of headless commands: the result object (schema `handinger-tui/result/1`), and a line per event.

A number that was not reported is null, money is decimal text, and text is cleaned as for a terminal.
"""

from __future__ import annotations

from collections.abc import Mapping
from operator import attrgetter
from typing import Final

from handinger_tui.core.dialects import events as ev
from handinger_tui.core.evidence import files_of_turn, sources_of_turn
from handinger_tui.core.figures import reported_figures
from handinger_tui.core.jsontext import JsonObject
from handinger_tui.core.money.attribution import MoneyIndex, TurnMoney
from handinger_tui.core.money.turn_json import turn_members
from handinger_tui.core.safety import clean_json
from handinger_tui.core.stream import CustomPart, FilePart, SourcePart
from handinger_tui.core.turns.messages import id_of, role_of, text_of
from handinger_tui.core.turns.session import Session, ids_of
from handinger_tui.core.turns.turn import (
    DataPart,
    ReasoningPart,
    ToolPart,
    ToolState,
    Turn,
    fault_object,
)

SCHEMA: Final = "handinger-tui/result/1"


def result_object(
    session: Session, turn: Turn, *, raw: bool = False, money: TurnMoney | None = None
) -> JsonObject:
    """The result of `turn`. `raw`: do not clean texts. `money`: that of the turn, if computed already."""
    money = MoneyIndex().of(session, turn) if money is None else money
    snapshot = turn.snapshot
    result: JsonObject = {
        "schema": SCHEMA,
        "generation": session.generation,
        **ids_of(session, turn.target),
        # "": not stored, or not sent.
        "session_id": session.session_id or None,
        "turn_id": turn.turn_id or None,
        "status": str(turn.status),
        "recovered": turn.recovered,
        "finish_reason": turn.finish_reason,
        "error": fault_object(money.fault_of(turn)),
        "draft": turn.draft,
        "text": turn.text,
        "texts": list(turn.texts),
        "reasoning": [part.text for part in turn.parts if isinstance(part, ReasoningPart)],
        "structured_output": snapshot.structured_output if snapshot else None,
        "tools": [_tool_object(part) for part in turn.parts if isinstance(part, ToolPart)],
        "sources": [*map(_source_object, sources_of_turn(turn))],
        "files": [*map(_file_object, files_of_turn(turn))],
        "data": [
            {"type": part.name, "id": part.data_id, "data": part.data}
            for part in turn.parts
            if isinstance(part, DataPart)
        ],
        "metadata": {**(snapshot.metadata if snapshot else {}), **turn.metadata},
        "aborted": turn.aborted,
        "errors": [*turn.errors, *turn.late_errors],
        # As the worker reports them, usually cumulative; those of the turn follow.
        "usage": reported_figures(snapshot.usage) if snapshot else None,
        "costs": reported_figures(snapshot.costs) if snapshot else None,
        **turn_members(turn, money, restated=turn.turn_id in session.restated),
        "duration_ms": turn.elapsed_ms,
        "posts_sent": turn.posts,
        "encoding": turn.encoding,
    }
    return result if raw else {key: clean_json(value) for key, value in result.items()}


def result_objects(session: Session) -> list[JsonObject]:
    """The results of all turns."""
    all_money = MoneyIndex()(session.turns, session.elsewhere)
    pairs = zip(session.turns, all_money, strict=True)
    return [result_object(session, turn, money=money) for turn, money in pairs]


def _tool_object(part: ToolPart) -> JsonObject:
    """One tool call. While its input is streaming, `input` is the JSON text so far."""
    streaming = part.state is ToolState.INPUT_STREAMING
    return {
        "id": part.call_id,
        "name": part.name,
        "state": str(part.state),
        "input": (part.input_text or None) if streaming else part.input,
        "output": part.output,
        "error": part.error,
    }


def _source_object(part: SourcePart) -> JsonObject:
    """One source. A document has a media type and a file name instead of a URL."""
    source: JsonObject = {"id": part.source_id, "title": part.title, "url": part.url}
    if part.url is None:
        source |= {"media_type": part.media_type, "filename": part.filename}
    return source


def _file_object(part: FilePart) -> JsonObject:
    """One file. `size`: in bytes, null if not reported. `saved_as`: set by the code that saves the file."""
    return {
        "filename": part.filename,
        "media_type": part.media_type,
        "url": part.url,
        "size": part.size,
        "saved_as": None,
    }


# -- the lines of stream-json -----------------------------------------------------------
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


def event_object(event: ev.StreamEvent) -> JsonObject:
    """One event as {type, …}. The caller adds `seq`."""
    name, members = EVENT_LINES[type(event)]
    line: JsonObject = {"type": name}
    if isinstance(event, ev.MessageStored):
        message = event.message
        return {**line, "id": id_of(message), "role": role_of(message), "text": text_of(message)}
    pairs = (member.partition("=") for member in members.split())
    return line | {member: attrgetter(attribute or member)(event) for member, _, attribute in pairs}
