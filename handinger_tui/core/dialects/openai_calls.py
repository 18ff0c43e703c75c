"""Tool calls in an OpenAI response: functions, and tools that the service runs itself."""

from __future__ import annotations

from typing import Final

from handinger_tui.core.dialects.dialect import NOTHING, Events
from handinger_tui.core.jsontext import Json, as_text, parsed_input
from handinger_tui.core.stream import events as ev
from handinger_tui.core.stream.worker_snapshot import reason_text

JsonObject = dict[str, Json]

SUFFIX: Final = "_call"
CLIENT_CALLS: Final = frozenset({"function_call", "custom_tool_call", "local_shell_call", "computer_call"})
"""Calls that the service does not run itself: their completion is not a result."""
RESULTS: Final = ("output", "results", "outputs", "result")


class Calls:
    """The calls of one response. It maps item ids, which events use, to call ids, which results use."""

    def __init__(self) -> None:
        self._call_of_item: dict[str, str] = {}
        self._closed: set[str] = set()

    def open(self, item: JsonObject) -> Events:
        """The events of a new output item; NOTHING unless it is a call."""
        kind = as_text(item.get("type")) or ""
        if not kind.endswith(SUFFIX):
            return NOTHING
        item_id = as_text(item.get("id")) or ""
        call_id = as_text(item.get("call_id")) or item_id
        self._call_of_item[item_id] = call_id
        return (ev.ToolStarted(call_id, as_text(item.get("name")) or kind.removesuffix(SUFFIX)),)

    def grow(self, event: JsonObject) -> Events:
        """The event of a piece of a call's arguments."""
        return (ev.ToolInputGrew(self._call_of(event), as_text(event.get("delta")) or ""),)

    def complete(self, event: JsonObject) -> Events:
        """The event of a call's complete arguments."""
        arguments = as_text(event.get("arguments")) or as_text(event.get("input")) or ""
        return (ev.ToolInputReady(self._call_of(event), "", parsed_input(arguments)),)

    def close(self, item: JsonObject) -> Events:
        """The events of a complete output item: a call, or a call's output."""
        kind = as_text(item.get("type")) or ""
        call_id = as_text(item.get("call_id")) or as_text(item.get("id")) or ""
        if kind.endswith("_call_output"):
            return (ev.ToolOutput(call_id, item.get("output")),)
        if not kind.endswith(SUFFIX) or call_id in self._closed:
            return NOTHING
        opened = () if call_id in self._call_of_item.values() else self.open(item)
        self._closed.add(call_id)
        arguments = as_text(item.get("arguments"))
        input_value = (
            parsed_input(arguments) if arguments is not None else item.get("action", item.get("input"))
        )
        return (
            *opened,
            ev.ToolInputReady(call_id, as_text(item.get("name")) or "", input_value),
            *_end(item, call_id),
        )

    def _call_of(self, event: JsonObject) -> str:
        item_id = as_text(event.get("item_id")) or ""
        return self._call_of_item.get(item_id, item_id)


def _end(item: JsonObject, call_id: str) -> Events:
    error = reason_text(item.get("error"))
    if error is not None:
        return (ev.ToolFailed(call_id, error),)
    result = next((item[member] for member in RESULTS if member in item), None)
    if result is None and item.get("type") in CLIENT_CALLS:
        return NOTHING
    return (ev.ToolOutput(call_id, result),)
