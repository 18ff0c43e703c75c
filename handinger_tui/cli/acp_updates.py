"""A turn as updates for an editor (ACP), as JSON: `news` has what is new since the editor was told of it.

The protocol only appends. Text is cleaned as for a terminal, and addresses are checked: an editor shows them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from msgspec import Struct
from msgspec.structs import replace

from handinger_tui.core.evidence import document_url, file_name, files_of_turn, sources_of_turn, title_of
from handinger_tui.core.export.result import money_words, result_object, session_costs
from handinger_tui.core.formatting import size
from handinger_tui.core.safety import clean, clean_json, clean_line, clean_slice, cleanable_length
from handinger_tui.core.turns.turn import (
    UNENDED,
    ReasoningPart,
    TextPart,
    ToolPart,
    ToolState,
    Turn,
    TurnStatus,
)
from handinger_tui.core.voice import REPLACED, was_replaced, why_ended

if TYPE_CHECKING:
    from pathlib import Path

    from handinger_tui.core.jsontext import Json, JsonObject
    from handinger_tui.core.turns.session import Session

OURS: Final = "handinger"
"""Our member of `_meta`: exact amounts as text, and what the protocol has no member for."""
_TOOL_STATUS: Final = {
    ToolState.INPUT_STREAMING: "pending",
    ToolState.OUTPUT_AVAILABLE: "completed",
    ToolState.OUTPUT_ERROR: "failed",
    ToolState.OUTPUT_DENIED: "failed",
}


class Shown(Struct, frozen=True):
    """What the editor shows of a turn: how many characters of each text, and each tool call, by position."""

    turn: Turn | None = None
    ends: Mapping[int, int] = {}
    tools: Mapping[int, JsonObject] = {}
    has_message: bool = False
    has_end: bool = False


def _chunk(kind: str, text: str) -> JsonObject:
    return {"sessionUpdate": f"{kind}_chunk", "content": {"type": "text", "text": text}}


def note(text: str) -> JsonObject:
    """A sentence of ours, in a paragraph of its own."""
    return _chunk("agent_message", f"\n\n{clean_line(text, 2000)}\n\n")


def news(
    shown: Shown, session: Session, turn: Turn, saved: Mapping[str, Path] | None
) -> tuple[Shown, list[JsonObject]]:
    """What is new in a turn, and what the editor shows with it.

    `saved`: where a file is on this computer, by its address; None: the end of the turn is not shown yet.
    """
    updates = [] if shown.has_message else [*_message(turn)]
    shown, parts = _parts(replace(shown, has_message=True), turn)
    updates += parts
    if not (shown.has_end or saved is None or turn.status in UNENDED):
        shown = replace(shown, has_end=True)
        updates += _ending(session, turn, saved)
    return shown, updates


def _message(turn: Turn) -> Iterator[JsonObject]:
    """The message of a turn that was not entered in this editor."""
    yield _chunk("user_message", clean(turn.request.prompt))
    for file in turn.request.attachments:
        yield _chunk("user_message", f"\n\nAttached: {clean_line(file.name, 200)}")


def _parts(shown: Shown, turn: Turn) -> tuple[Shown, list[JsonObject]]:
    before, now = shown.turn, replace(shown, turn=turn)
    if before is not None and before.parts is turn.parts and before.live is turn.live:
        return now, []
    updates: list[JsonObject] = []
    ends, tools = dict(shown.ends), dict(shown.tools)
    if before is not None and was_replaced(before, ends, turn):
        updates.append(note(REPLACED))
        ends = {}
    for at, part in enumerate(turn.parts):
        if isinstance(part, ToolPart):
            call = _tool(turn, part)
            if call != tools.get(at):
                kind = "tool_call_update" if at in tools else "tool_call"
                # Ids on the wire may repeat.
                updates.append({"sessionUpdate": kind, "toolCallId": f"{turn.turn_id}.{at}", **call})
            tools[at] = call
        elif isinstance(part, TextPart | ReasoningPart) and (start := ends.get(at, 0)) < len(part.body):
            text = part.text
            ends[at] = max(start, cleanable_length(text)) if part.open and turn.live else len(text)
            if piece := clean_slice(text, start, ends[at]):
                # Editors join what comes without a tool call between.
                gap = "\n\n" if not start and any(ends[one] for one in ends if one < at) else ""
                kind = "agent_message" if isinstance(part, TextPart) else "agent_thought"
                updates.append(_chunk(kind, gap + piece))
    return replace(now, ends=ends, tools=tools), updates


def _tool(turn: Turn, part: ToolPart) -> JsonObject:
    """A tool call. Workers run their tools: the editor only shows them."""
    status = "in_progress" if part.preliminary else _TOOL_STATUS.get(part.state, "in_progress")
    if status in ("pending", "in_progress") and not turn.live and turn.status is not TurnStatus.RUNNING:
        status = "failed"
    title = clean_line(part.title or part.name, 200) or "tool"
    call: JsonObject = {"title": title, "kind": "other", "status": status}
    if part.state is not ToolState.INPUT_STREAMING:
        call |= {"rawInput": clean_json(part.input), "rawOutput": clean_json(part.output)}
    if part.error:
        call["content"] = [{"type": "content", "content": {"type": "text", "text": clean(part.error)}}]
    return call


def _ending(session: Session, turn: Turn, saved: Mapping[str, Path]) -> Iterator[JsonObject]:
    """The sources and files of a turn that has ended, and why it did not complete."""
    for source in sources_of_turn(turn):
        title, url = title_of(source), document_url(source.url)
        yield note(f"Source: {title}") if url is None else _link({"name": title, "uri": url})
    for file in files_of_turn(turn):
        name, url = file_name(file), document_url(file.url)
        if file.url in saved:
            url = saved[file.url].as_uri()
        facts = {"name": name, "uri": url, "mimeType": clean_line(file.media_type, 100), "size": file.size}
        about = ", ".join(filter(None, (name, size(file.size))))
        yield note(f"File: {about}") if url is None else _link(facts)
    if turn.status is not TurnStatus.COMPLETED:
        yield note(why_ended(session, turn))


def _link(facts: Mapping[str, Json]) -> JsonObject:
    return {"sessionUpdate": "agent_message_chunk", "content": {"type": "resource_link", **facts}}


def session_news(session: Session, *, is_measured: bool) -> Iterator[JsonObject]:
    """The title of a session and, unless it `is_measured` already, what it took by now.

    An amount with a gap is no cost: an editor would show it as all of it. How much of the context of its
    model a worker uses is not reported: 0 of 0.
    """
    if session.title:
        yield {"sessionUpdate": "session_info_update", "title": clean_line(session.title, 200)}
    if session.turns and not is_measured:
        exact = session_costs(session)
        update: JsonObject = {"sessionUpdate": "usage_update", "used": 0, "size": 0, "_meta": {OURS: exact}}
        if isinstance(usd := exact["usd"], str) and not exact["unpriced_turns"]:
            update["cost"] = {"amount": float(usd), "currency": "USD"}
        yield update


def receipt(session: Session, turn: Turn) -> JsonObject:
    """How a turn ended and what it took, for `_meta`: members of the headless result."""
    result = result_object(session, turn)
    kept = ("turn_id", "worker_id", "task_id", "status", "error", "turn_money", "turn_usage", "posts_sent")
    return {OURS: {name: result[name] for name in kept} | money_words(session, turn)}
