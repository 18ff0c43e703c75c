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
    """Deltas make the text; what only the final response tells is added at the end."""

    name: ClassVar[str] = "openai-responses"

    def __init__(self) -> None:
        self.calls = Calls()
        self._grown: set[str] = set()
        self._ended: set[str] = set()
        self._cited: set[tuple[str, str, str, str]] = set()

    def read(self, kind: str, value: Json, raw: str) -> Events | None:
        """The events of one event; None for what is no response event or a new kind of one."""
        if not isinstance(value, dict):
            return None
        event_type = value.get("type")
        if not isinstance(event_type, str) or not event_type.startswith(PREFIX):
            return None
        known = EVENTS.get(event_type.removeprefix(PREFIX))
        return known(self, value) if known is not None else None

    def grow_text(self, event: JsonObject) -> Events:
        """A piece of text, or of a refusal, which is an answer too."""
        key = _text_key(event)
        self._grown.add(key)
        return (ev.TextGrew(key, as_text(event.get("delta")) or ""),)

    def end_text(self, key: str, text: str) -> Events:
        """A text is complete; where no delta came, `text` is all of it."""
        if key in self._ended:
            return NOTHING
        self._ended.add(key)
        if key in self._grown or not text:
            return (ev.TextEnded(key),)
        return (ev.TextGrew(key, text), ev.TextEnded(key))

    def grow_reasoning(self, event: JsonObject) -> Events:
        """A piece of a reasoning summary, or of the reasoning itself."""
        key = _reasoning_key(event)
        self._grown.add(key)
        return (ev.ReasoningGrew(key, as_text(event.get("delta")) or ""),)

    def end_reasoning(self, key: str, text: str) -> Events:
        """As `end_text`."""
        if key in self._ended:
            return NOTHING
        self._ended.add(key)
        if key in self._grown or not text:
            return (ev.ReasoningEnded(key),)
        return (ev.ReasoningGrew(key, text), ev.ReasoningEnded(key))

    def cite(self, key: str, annotation: JsonObject) -> Events:
        """A citation, once per place where it stands."""
        url = as_text(annotation.get("url"))
        if annotation.get("type") != "url_citation" or url is None:
            return NOTHING
        place = (key, url, str(annotation.get("start_index")), str(annotation.get("end_index")))
        if place in self._cited:
            return NOTHING
        self._cited.add(place)
        return (ev.SourceFound(url, url, as_text(annotation.get("title"))),)

    def close_item(self, item: JsonObject) -> Events:
        """An output item is complete."""
        kind = item.get("type")
        if kind == "message":
            return self._message(as_text(item.get("id")) or "", as_list(item.get("content")))
        if kind == "reasoning":
            return self._thoughts(as_text(item.get("id")) or "", as_list(item.get("summary")))
        return self.calls.close(item)

    def _message(self, item_id: str, content: list[Json]) -> Events:
        found: list[ev.StreamEvent] = []
        for at, piece in enumerate(map(as_object, content)):
            key = f"{item_id}:{at}"
            found += self.end_text(key, as_text(piece.get("text")) or as_text(piece.get("refusal")) or "")
            for annotation in as_list(piece.get("annotations")):
                found += self.cite(key, as_object(annotation))
        return found

    def _thoughts(self, item_id: str, summary: list[Json]) -> Events:
        found: list[ev.StreamEvent] = []
        for at, piece in enumerate(map(as_object, summary)):
            found += self.end_reasoning(f"{item_id}:summary:{at}", as_text(piece.get("text")) or "")
        return found


# -- keys ------------------------------------------------------------------------
def _text_key(event: JsonObject) -> str:
    return f"{as_text(event.get('item_id')) or ''}:{event.get('content_index', 0)}"


def _reasoning_key(event: JsonObject) -> str:
    if "summary_index" in event:
        return f"{as_text(event.get('item_id')) or ''}:summary:{event['summary_index']}"
    return _text_key(event)


# -- events that need no memory, or hand it on ---------------------------------------
def _grow_text(speaker: OpenAiResponses, event: JsonObject) -> Events:
    return speaker.grow_text(event)


def _end_text(speaker: OpenAiResponses, event: JsonObject) -> Events:
    return speaker.end_text(
        _text_key(event), as_text(event.get("text")) or as_text(event.get("refusal")) or ""
    )


def _grow_reasoning(speaker: OpenAiResponses, event: JsonObject) -> Events:
    return speaker.grow_reasoning(event)


def _end_reasoning(speaker: OpenAiResponses, event: JsonObject) -> Events:
    return speaker.end_reasoning(_reasoning_key(event), as_text(event.get("text")) or "")


def _annotate(speaker: OpenAiResponses, event: JsonObject) -> Events:
    return speaker.cite(_text_key(event), as_object(event.get("annotation")))


def _open_item(speaker: OpenAiResponses, event: JsonObject) -> Events:
    return speaker.calls.open(as_object(event.get("item")))


def _close_item(speaker: OpenAiResponses, event: JsonObject) -> Events:
    return speaker.close_item(as_object(event.get("item")))


def _grow_input(speaker: OpenAiResponses, event: JsonObject) -> Events:
    return speaker.calls.grow(event)


def _end_input(speaker: OpenAiResponses, event: JsonObject) -> Events:
    return speaker.calls.complete(event)


def _begin(_speaker: OpenAiResponses, event: JsonObject) -> Events:
    return (ev.MessageStarted(as_text(as_object(event.get("response")).get("id"))),)


def _complete(speaker: OpenAiResponses, event: JsonObject) -> Events:
    """The response ended, whole or not; it repeats everything and adds the usage."""
    response = as_object(event.get("response"))
    found: list[ev.StreamEvent] = []
    for item in as_list(response.get("output")):
        found += speaker.close_item(as_object(item))
    incomplete = reason_text(response.get("incomplete_details"))
    if event.get("type") == "response.incomplete":
        incomplete = incomplete or "The service calls the answer incomplete."
    return (*found, *_usage(response), ev.Finished(incomplete=incomplete))


def _fail(_speaker: OpenAiResponses, event: JsonObject) -> Events:
    """The response failed; text that came stays."""
    response = as_object(event.get("response"))
    said = reason_text(response.get("error")) or "The service could not finish the response."
    return (*_usage(response), ev.Failed(said), ev.StreamDone())


def _usage(response: JsonObject) -> Events:
    usage = as_object(response.get("usage"))
    return (ev.UsageReported(usage),) if usage else NOTHING


def _cancel(_speaker: OpenAiResponses, _event: JsonObject) -> Events:
    return (ev.Aborted(),)


def _nothing(_speaker: OpenAiResponses, _event: JsonObject) -> Events:
    """Progress that other events tell better."""
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
"""Event type without its prefix → its meaning."""
