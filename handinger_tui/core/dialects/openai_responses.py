"""OpenAI Responses: `{type: "response.…", …}` (event table: tests/wire/README.md)."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Final

from handinger_tui.core.dialects.dialect import NOTHING, Dialect, Events
from handinger_tui.core.dialects.openai_calls import Calls
from handinger_tui.core.jsontext import Json, as_list, as_object, as_text
from handinger_tui.core.stream import events as ev
from handinger_tui.core.stream.worker_snapshot import reason_text

JsonObject = dict[str, Json]
PREFIX: Final = "response."


class OpenAiResponses(Dialect):
    """Deltas make up the text; content that only the final response has is added at the end."""

    name: ClassVar[str] = "openai-responses"

    def __init__(self) -> None:
        self.calls = Calls()
        self._grown: set[str] = set()
        self._ended: set[str] = set()
        self._cited: set[tuple[str, str, str, str]] = set()

    def read(self, kind: str, value: Json, raw: str) -> Events | None:
        """The events of one response event; None for other events and unknown types."""
        if not isinstance(value, dict):
            return None
        event_type = value.get("type")
        if not isinstance(event_type, str) or not event_type.startswith(PREFIX):
            return None
        read_event = EVENTS.get(event_type.removeprefix(PREFIX))
        return read_event(self, value) if read_event is not None else None

    def grow_text(self, event: JsonObject) -> Events:
        """The event of a piece of text, or of a refusal, which is shown as text too."""
        key = _text_key(event)
        self._grown.add(key)
        return (ev.TextGrew(key, as_text(event.get("delta")) or ""),)

    def end_text(self, key: str, text: str) -> Events:
        """The events of a complete text; where no delta came, `text` is the whole text."""
        if key in self._ended:
            return NOTHING
        self._ended.add(key)
        if key in self._grown or not text:
            return (ev.TextEnded(key),)
        return (ev.TextGrew(key, text), ev.TextEnded(key))

    def grow_reasoning(self, event: JsonObject) -> Events:
        """The event of a piece of a reasoning summary, or of the reasoning itself."""
        key = _reasoning_key(event)
        self._grown.add(key)
        return (ev.ReasoningGrew(key, as_text(event.get("delta")) or ""),)

    def end_reasoning(self, key: str, text: str) -> Events:
        """The events of a complete reasoning; where no delta came, `text` is the whole reasoning."""
        if key in self._ended:
            return NOTHING
        self._ended.add(key)
        if key in self._grown or not text:
            return (ev.ReasoningEnded(key),)
        return (ev.ReasoningGrew(key, text), ev.ReasoningEnded(key))

    def cite(self, key: str, annotation: JsonObject) -> Events:
        """The event of a citation, once per position in the text."""
        url = as_text(annotation.get("url"))
        if annotation.get("type") != "url_citation" or url is None:
            return NOTHING
        position = (key, url, str(annotation.get("start_index")), str(annotation.get("end_index")))
        if position in self._cited:
            return NOTHING
        self._cited.add(position)
        return (ev.SourceFound(url, url, as_text(annotation.get("title"))),)

    def close_item(self, item: JsonObject) -> Events:
        """The events of a complete output item."""
        kind = item.get("type")
        if kind == "message":
            return self._message(as_text(item.get("id")) or "", as_list(item.get("content")))
        if kind == "reasoning":
            return self._reasoning(as_text(item.get("id")) or "", as_list(item.get("summary")))
        return self.calls.close(item)

    def _message(self, item_id: str, content: list[Json]) -> Events:
        events: list[ev.StreamEvent] = []
        for at, piece in enumerate(map(as_object, content)):
            key = f"{item_id}:{at}"
            events += self.end_text(key, as_text(piece.get("text")) or as_text(piece.get("refusal")) or "")
            for annotation in as_list(piece.get("annotations")):
                events += self.cite(key, as_object(annotation))
        return events

    def _reasoning(self, item_id: str, summary: list[Json]) -> Events:
        events: list[ev.StreamEvent] = []
        for at, piece in enumerate(map(as_object, summary)):
            events += self.end_reasoning(f"{item_id}:summary:{at}", as_text(piece.get("text")) or "")
        return events


# -- keys ------------------------------------------------------------------------
def _text_key(event: JsonObject) -> str:
    return f"{as_text(event.get('item_id')) or ''}:{event.get('content_index', 0)}"


def _reasoning_key(event: JsonObject) -> str:
    if "summary_index" in event:
        return f"{as_text(event.get('item_id')) or ''}:summary:{event['summary_index']}"
    return _text_key(event)


# -- event functions: without state, or through a decoder method ------------------------
def _grow_text(decoder: OpenAiResponses, event: JsonObject) -> Events:
    return decoder.grow_text(event)


def _end_text(decoder: OpenAiResponses, event: JsonObject) -> Events:
    return decoder.end_text(
        _text_key(event), as_text(event.get("text")) or as_text(event.get("refusal")) or ""
    )


def _grow_reasoning(decoder: OpenAiResponses, event: JsonObject) -> Events:
    return decoder.grow_reasoning(event)


def _end_reasoning(decoder: OpenAiResponses, event: JsonObject) -> Events:
    return decoder.end_reasoning(_reasoning_key(event), as_text(event.get("text")) or "")


def _annotate(decoder: OpenAiResponses, event: JsonObject) -> Events:
    return decoder.cite(_text_key(event), as_object(event.get("annotation")))


def _open_item(decoder: OpenAiResponses, event: JsonObject) -> Events:
    return decoder.calls.open(as_object(event.get("item")))


def _close_item(decoder: OpenAiResponses, event: JsonObject) -> Events:
    return decoder.close_item(as_object(event.get("item")))


def _grow_input(decoder: OpenAiResponses, event: JsonObject) -> Events:
    return decoder.calls.grow(event)


def _end_input(decoder: OpenAiResponses, event: JsonObject) -> Events:
    return decoder.calls.complete(event)


def _begin(_decoder: OpenAiResponses, event: JsonObject) -> Events:
    return (ev.MessageStarted(as_text(as_object(event.get("response")).get("id"))),)


def _complete(decoder: OpenAiResponses, event: JsonObject) -> Events:
    """The events of the final response, complete or not: it repeats all items and adds the usage."""
    response = as_object(event.get("response"))
    events: list[ev.StreamEvent] = []
    for item in as_list(response.get("output")):
        events += decoder.close_item(as_object(item))
    incomplete = reason_text(response.get("incomplete_details"))
    if event.get("type") == "response.incomplete":
        incomplete = incomplete or "The service calls the answer incomplete."
    return (*events, *_usage(response), ev.Finished(incomplete=incomplete))


def _fail(_decoder: OpenAiResponses, event: JsonObject) -> Events:
    """The events of a failed response; text that has come stays."""
    response = as_object(event.get("response"))
    reason = reason_text(response.get("error")) or "The service could not finish the response."
    return (*_usage(response), ev.Failed(reason), ev.StreamDone())


def _usage(response: JsonObject) -> Events:
    usage = as_object(response.get("usage"))
    return (ev.UsageReported(usage),) if usage else NOTHING


def _cancel(_decoder: OpenAiResponses, _event: JsonObject) -> Events:
    return (ev.Aborted(),)


def _nothing(_decoder: OpenAiResponses, _event: JsonObject) -> Events:
    """No events: other event types report the same progress with more detail."""
    return NOTHING


EVENTS: Final[dict[str, Callable[[OpenAiResponses, JsonObject], Events]]] = {
    "created": _begin,
    "queued": _nothing,
    "in_progress": _nothing,
    "output_item.added": _open_item,
    "output_item.done": _close_item,
    "content_part.added": _nothing,
    "content_part.done": _nothing,
    "output_text.delta": _grow_text,
    "output_text.done": _end_text,
    "output_text.annotation.added": _annotate,
    "refusal.delta": _grow_text,
    "refusal.done": _end_text,
    "reasoning_summary_part.added": _nothing,
    "reasoning_summary_part.done": _nothing,
    "reasoning_summary_text.delta": _grow_reasoning,
    "reasoning_summary_text.done": _end_reasoning,
    "reasoning_text.delta": _grow_reasoning,
    "reasoning_text.done": _end_reasoning,
    "function_call_arguments.delta": _grow_input,
    "function_call_arguments.done": _end_input,
    "custom_tool_call_input.delta": _grow_input,
    "custom_tool_call_input.done": _end_input,
    "mcp_call_arguments.delta": _grow_input,
    "mcp_call_arguments.done": _end_input,
    "completed": _complete,
    "incomplete": _complete,
    "failed": _fail,
    "cancelled": _cancel,
}
"""Event type without its prefix → its decoder."""
