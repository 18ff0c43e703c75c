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
    """The first choice counts; tool calls are told apart by their index."""

    name: ClassVar[str] = "openai-chat"

    def __init__(self) -> None:
        self._calls: dict[str, tuple[str, str]] = {}
        self._arguments: dict[str, list[str]] = {}

    def read(self, kind: str, value: Json, raw: str) -> Events | None:
        """The events of one chunk."""
        if not isinstance(value, dict) or not isinstance(value.get("choices"), list):
            return None
        found: list[ev.StreamEvent] = []
        choice = as_object(next(iter(as_list(value.get("choices"))), None))
        delta = as_object(choice.get("delta")) or as_object(choice.get("message"))
        thought = as_text(delta.get("reasoning_content")) or as_text(delta.get("reasoning"))
        if thought:
            found.append(ev.ReasoningGrew(REASONING, thought))
        found += [ev.TextGrew(TEXT, text) for m in ("content", "refusal") if (text := as_text(delta.get(m)))]
        for call in as_list(delta.get("tool_calls")):
            found += self._call(as_object(call))
        reason = as_text(choice.get("finish_reason"))
        if reason is not None:
            found += self._ready()
            found.append(ev.Finished(reason))
        usage = as_object(value.get("usage"))
        return (*found, ev.UsageReported(usage)) if usage else found

    def _call(self, call: JsonObject) -> list[ev.StreamEvent]:
        index = str(call.get("index"))
        function = as_object(call.get("function"))
        found: list[ev.StreamEvent] = []
        if index not in self._calls:
            self._calls[index] = (as_text(call.get("id")) or index, as_text(function.get("name")) or "")
            self._arguments[index] = []
            found.append(ev.ToolStarted(*self._calls[index]))
        piece = as_text(function.get("arguments"))
        if piece:
            self._arguments[index].append(piece)
            found.append(ev.ToolInputGrew(self._calls[index][0], piece))
        return found

    def _ready(self) -> list[ev.StreamEvent]:
        """The chunk format never says that arguments are complete; the finish reason implies it."""
        ready: list[ev.StreamEvent] = [
            ev.ToolInputReady(*self._calls[index], parsed_input("".join(pieces)))
            for index, pieces in self._arguments.items()
        ]
        self._calls, self._arguments = {}, {}
        return ready
