"""OpenAI chat completions: `{choices: [{delta}]}`, then `[DONE]`."""

from __future__ import annotations

from typing import ClassVar, Final

from handinger_tui.core.dialects.dialect import Dialect, Events
from handinger_tui.core.jsontext import Json, as_list, as_object, as_text, parsed_input
from handinger_tui.core.stream import events as ev

JsonObject = dict[str, Json]
TEXT: Final = "text"
REASONING: Final = "reasoning"


class OpenAiChat(Dialect):
    """Only the first choice is read; tool calls are identified by their index."""

    name: ClassVar[str] = "openai-chat"

    def __init__(self) -> None:
        self._calls: dict[str, tuple[str, str]] = {}
        self._arguments: dict[str, list[str]] = {}

    def read(self, kind: str, value: Json, raw: str) -> Events | None:
        """The events of one chunk."""
        if not isinstance(value, dict) or not isinstance(value.get("choices"), list):
            return None
        events: list[ev.StreamEvent] = []
        choice = as_object(next(iter(as_list(value.get("choices"))), None))
        delta = as_object(choice.get("delta")) or as_object(choice.get("message"))
        reasoning = as_text(delta.get("reasoning_content")) or as_text(delta.get("reasoning"))
        if reasoning:
            events.append(ev.ReasoningGrew(REASONING, reasoning))
        events += [ev.TextGrew(TEXT, text) for m in ("content", "refusal") if (text := as_text(delta.get(m)))]
        for call in as_list(delta.get("tool_calls")):
            events += self._call(as_object(call))
        reason = as_text(choice.get("finish_reason"))
        if reason is not None:
            events += self._complete_calls()
            events.append(ev.Finished(reason))
        usage = as_object(value.get("usage"))
        return (*events, ev.UsageReported(usage)) if usage else events

    def _call(self, call: JsonObject) -> list[ev.StreamEvent]:
        index = str(call.get("index"))
        function = as_object(call.get("function"))
        events: list[ev.StreamEvent] = []
        if index not in self._calls:
            self._calls[index] = (as_text(call.get("id")) or index, as_text(function.get("name")) or "")
            self._arguments[index] = []
            events.append(ev.ToolStarted(*self._calls[index]))
        piece = as_text(function.get("arguments"))
        if piece:
            self._arguments[index].append(piece)
            events.append(ev.ToolInputGrew(self._calls[index][0], piece))
        return events

    def _complete_calls(self) -> list[ev.StreamEvent]:
        """The completed calls. No chunk marks arguments as complete; the finish reason implies it."""
        events: list[ev.StreamEvent] = [
            ev.ToolInputReady(*self._calls[index], parsed_input("".join(pieces)))
            for index, pieces in self._arguments.items()
        ]
        self._calls, self._arguments = {}, {}
        return events
