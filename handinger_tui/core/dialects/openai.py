"""The streams of OpenAI: Responses (event table: tests/wire/README.md) and chat completions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from handinger_tui.core.dialects import events as ev
from handinger_tui.core.dialects.events import NO_EVENTS, Dialect, Events
from handinger_tui.core.jsontext import (
    Json,
    JsonObject,
    as_object,
    list_at,
    object_at,
    parsed_input,
    string_at,
    text_at,
)
from handinger_tui.core.stream import SourcePart, reason_text

PREFIX: Final = "response."


class OpenAiResponses(Dialect):
    """`{type: "response.…", …}`. Content that is only in the final response is added at the end."""

    name = "openai-responses"

    def __init__(self) -> None:
        self.calls = Calls()
        self._grown: set[str] = set()
        self._ended: set[str] = set()
        self._cited: set[tuple[str, str, str, str]] = set()

    def read(self, kind: str, value: Json, raw: str) -> Events | None:
        """The events of one response event; None for other events and unknown types."""
        event_type = string_at(value, "type")
        read_event = EVENTS.get(event_type.removeprefix(PREFIX)) if event_type.startswith(PREFIX) else None
        return read_event(self, as_object(value)) if read_event is not None else None

    def grow(self, kind: type[ev.TextGrew | ev.ReasoningGrew], key: str, event: JsonObject) -> Events:
        """The event of a piece of text or reasoning."""
        self._grown.add(key)
        return (kind(key, string_at(event, "delta")),)

    def end_text(self, key: str, piece: JsonObject) -> Events:
        """The events of a complete text, or of a refusal, which is shown as text."""
        return self._end(ev.TextGrew, ev.TextEnded, key, _text_in(piece))

    def end_reasoning(self, key: str, piece: JsonObject) -> Events:
        """The events of complete reasoning, or of its summary."""
        return self._end(ev.ReasoningGrew, ev.ReasoningEnded, key, string_at(piece, "text"))

    def _end(
        self,
        grown: type[ev.TextGrew | ev.ReasoningGrew],
        ended: type[ev.TextEnded | ev.ReasoningEnded],
        key: str,
        text: str,
    ) -> Events:
        """The events of a complete part; `text` is added if there were no deltas."""
        if key in self._ended:
            return NO_EVENTS
        self._ended.add(key)
        is_new = key not in self._grown and text
        return (grown(key, text), ended(key)) if is_new else (ended(key),)

    def cite(self, key: str, annotation: JsonObject) -> Events:
        """The event of a citation, once per position in the text."""
        url = text_at(annotation, "url")
        if annotation.get("type") != "url_citation" or url is None:
            return NO_EVENTS
        position = (key, url, str(annotation.get("start_index")), str(annotation.get("end_index")))
        if position in self._cited:
            return NO_EVENTS
        self._cited.add(position)
        return (SourcePart(url, url, text_at(annotation, "title")),)

    def close_item(self, item: JsonObject) -> Events:
        """The events of a complete output item."""
        kind = item.get("type")
        if kind == "message":
            return self._message(string_at(item, "id"), list_at(item, "content"))
        if kind == "reasoning":
            return self._reasoning(string_at(item, "id"), list_at(item, "summary"))
        return self.calls.close(item)

    def _message(self, item_id: str, content: list[Json]) -> Events:
        events: list[ev.StreamEvent] = []
        for at, piece in enumerate(map(as_object, content)):
            key = f"{item_id}:{at}"
            events += self.end_text(key, piece)
            for annotation in list_at(piece, "annotations"):
                events += self.cite(key, as_object(annotation))
        return events

    def _reasoning(self, item_id: str, summary: list[Json]) -> Events:
        events: list[ev.StreamEvent] = []
        for at, piece in enumerate(map(as_object, summary)):
            events += self.end_reasoning(f"{item_id}:summary:{at}", piece)
        return events


def _text_in(piece: JsonObject) -> str:
    return text_at(piece, "text") or text_at(piece, "refusal") or ""


# -- keys ------------------------------------------------------------------------
def _text_key(event: JsonObject) -> str:
    return f"{string_at(event, 'item_id')}:{event.get('content_index', 0)}"


def _reasoning_key(event: JsonObject) -> str:
    if "summary_index" in event:
        return f"{string_at(event, 'item_id')}:summary:{event['summary_index']}"
    return _text_key(event)


# -- the final response ----------------------------------------------------------
def _complete(decoder: OpenAiResponses, event: JsonObject) -> Events:
    """The events of the final response, complete or not, which repeats all items and adds the usage."""
    response = object_at(event, "response")
    events: list[ev.StreamEvent] = []
    for item in list_at(response, "output"):
        events += decoder.close_item(as_object(item))
    incomplete = reason_text(response.get("incomplete_details"))
    if event.get("type") == "response.incomplete":
        incomplete = incomplete or "The service marked the answer as incomplete."
    return (*events, *_usage(response), ev.Finished(incomplete=incomplete))


def _fail(_decoder: OpenAiResponses, event: JsonObject) -> Events:
    """The events of a failed response; the received text is kept."""
    response = object_at(event, "response")
    reason = reason_text(response.get("error")) or "The service could not finish the response."
    return (*_usage(response), ev.Failed(reason), ev.StreamDone())


def _usage(response: JsonObject) -> Events:
    usage = object_at(response, "usage")
    return (ev.UsageReported(usage),) if usage else NO_EVENTS


EVENTS: Final[dict[str, Callable[[OpenAiResponses, JsonObject], Events]]] = {
    "created": lambda _decoder, event: (ev.MessageStarted(text_at(object_at(event, "response"), "id")),),
    "output_item.added": lambda decoder, event: decoder.calls.open(object_at(event, "item")),
    "output_item.done": lambda decoder, event: decoder.close_item(object_at(event, "item")),
    "output_text.annotation.added": lambda decoder, event: decoder.cite(
        _text_key(event), object_at(event, "annotation")
    ),
    **dict.fromkeys(
        ("output_text.delta", "refusal.delta"),
        lambda decoder, event: decoder.grow(ev.TextGrew, _text_key(event), event),
    ),
    **dict.fromkeys(
        ("output_text.done", "refusal.done"),
        lambda decoder, event: decoder.end_text(_text_key(event), event),
    ),
    **dict.fromkeys(
        ("reasoning_summary_text.delta", "reasoning_text.delta"),
        lambda decoder, event: decoder.grow(ev.ReasoningGrew, _reasoning_key(event), event),
    ),
    **dict.fromkeys(
        ("reasoning_summary_text.done", "reasoning_text.done"),
        lambda decoder, event: decoder.end_reasoning(_reasoning_key(event), event),
    ),
    **dict.fromkeys(
        ("function_call_arguments.delta", "custom_tool_call_input.delta", "mcp_call_arguments.delta"),
        lambda decoder, event: decoder.calls.grow(event),
    ),
    **dict.fromkeys(
        ("function_call_arguments.done", "custom_tool_call_input.done", "mcp_call_arguments.done"),
        lambda decoder, event: decoder.calls.complete(event),
    ),
    "completed": _complete,
    "incomplete": _complete,
    "failed": _fail,
    "cancelled": lambda _decoder, _event: (ev.Aborted(),),
    # Other events report the same progress with more detail.
    **dict.fromkeys(
        (
            *("queued", "in_progress", "content_part.added", "content_part.done"),
            *("reasoning_summary_part.added", "reasoning_summary_part.done"),
        ),
        lambda _decoder, _event: NO_EVENTS,
    ),
}
"""Event type without its prefix → decoder."""


# -- tool calls ---------------------------------------------------------------------

SUFFIX: Final = "_call"
CLIENT_CALLS: Final = frozenset({"function_call", "custom_tool_call", "local_shell_call", "computer_call"})
"""Calls that the service does not run itself, so that their completion is not a result."""
RESULTS: Final = ("output", "results", "outputs", "result")


class Calls:
    """The calls of one response. It maps item ids, which events use, to call ids, which results use."""

    def __init__(self) -> None:
        self._call_of_item: dict[str, str] = {}
        self._opened: set[str] = set()
        self._closed: set[str] = set()

    def open(self, item: JsonObject) -> Events:
        """The events of a new output item; NOTHING unless it is a call."""
        kind = string_at(item, "type")
        if not kind.endswith(SUFFIX):
            return NO_EVENTS
        item_id = string_at(item, "id")
        call_id = text_at(item, "call_id") or item_id
        self._call_of_item[item_id] = call_id
        self._opened.add(call_id)
        return (ev.ToolStarted(call_id, text_at(item, "name") or kind.removesuffix(SUFFIX)),)

    def grow(self, event: JsonObject) -> Events:
        """The event of a piece of a call's arguments."""
        return (ev.ToolInputGrew(self._call_of(event), string_at(event, "delta")),)

    def complete(self, event: JsonObject) -> Events:
        """The event of a call's complete arguments."""
        arguments = text_at(event, "arguments") or text_at(event, "input") or ""
        return (ev.ToolInputReady(self._call_of(event), "", parsed_input(arguments)),)

    def close(self, item: JsonObject) -> Events:
        """The events of a complete output item: a call, or a call's output."""
        kind = string_at(item, "type")
        call_id = text_at(item, "call_id") or text_at(item, "id") or ""
        if kind.endswith("_call_output"):
            return (ev.ToolOutput(call_id, item.get("output")),)
        if not kind.endswith(SUFFIX) or call_id in self._closed:
            return NO_EVENTS
        opened = () if call_id in self._opened else self.open(item)
        self._closed.add(call_id)
        arguments, value = text_at(item, "arguments"), item.get("action", item.get("input"))
        value = value if arguments is None else parsed_input(arguments)
        ready = ev.ToolInputReady(call_id, string_at(item, "name"), value)
        return (*opened, ready, *_end(item, call_id))

    def _call_of(self, event: JsonObject) -> str:
        item_id = string_at(event, "item_id")
        return self._call_of_item.get(item_id, item_id)


def _end(item: JsonObject, call_id: str) -> Events:
    error = reason_text(item.get("error"))
    if error is not None:
        return (ev.ToolFailed(call_id, error),)
    result = next((item[member] for member in RESULTS if member in item), None)
    if result is None and text_at(item, "type") in CLIENT_CALLS:
        return NO_EVENTS
    return (ev.ToolOutput(call_id, result),)


# -- chat completions ---------------------------------------------------------------
TEXT: Final = "text"
REASONING: Final = "reasoning"


class OpenAiChat(Dialect):
    """`{choices: [{delta}]}`, then `[DONE]`. Only the first choice is used; calls are identified by index."""

    name = "openai-chat"

    def __init__(self) -> None:
        self._calls: dict[str, tuple[str, str]] = {}
        self._arguments: dict[str, list[str]] = {}

    def read(self, kind: str, value: Json, raw: str) -> Events | None:
        """The events of one chunk."""
        if not isinstance(value, dict) or not isinstance(value.get("choices"), list):
            return None
        events: list[ev.StreamEvent] = []
        choice = as_object(next(iter(list_at(value, "choices")), None))
        delta = object_at(choice, "delta") or object_at(choice, "message")
        reasoning = text_at(delta, "reasoning_content") or text_at(delta, "reasoning")
        if reasoning:
            events.append(ev.ReasoningGrew(REASONING, reasoning))
        events += [ev.TextGrew(TEXT, text) for m in ("content", "refusal") if (text := text_at(delta, m))]
        for call in list_at(delta, "tool_calls"):
            events += self._call(as_object(call))
        reason = text_at(choice, "finish_reason")
        if reason is not None:
            events += self._complete_calls()
            events.append(ev.Finished(reason))
        usage = object_at(value, "usage")
        return (*events, ev.UsageReported(usage)) if usage else events

    def _call(self, call: JsonObject) -> list[ev.StreamEvent]:
        index = str(call.get("index"))
        function = object_at(call, "function")
        events: list[ev.StreamEvent] = []
        if index not in self._calls:
            self._calls[index] = (text_at(call, "id") or index, string_at(function, "name"))
            self._arguments[index] = []
            events.append(ev.ToolStarted(*self._calls[index]))
        piece = text_at(function, "arguments")
        if piece:
            self._arguments[index].append(piece)
            events.append(ev.ToolInputGrew(self._calls[index][0], piece))
        return events

    def _complete_calls(self) -> list[ev.StreamEvent]:
        """The completed calls: the finish reason implies that their arguments are complete."""
        events: list[ev.StreamEvent] = [
            ev.ToolInputReady(*self._calls[index], parsed_input("".join(pieces)))
            for index, pieces in self._arguments.items()
        ]
        self._calls, self._arguments = {}, {}
        return events
