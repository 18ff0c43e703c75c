"""Stored messages of a worker, in three formats, as the parts of a turn.

Formats: UIMessage {id, role, parts}; AI SDK 4 {content, toolInvocations}; model messages {role, content:
string | parts}. Source: tests/wire/README.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any, Final
from unicodedata import normalize

from msgspec.structs import replace

from handinger_tui.core.dialects.text_bodies import ai4_source
from handinger_tui.core.dialects.worker import file_part, source_part
from handinger_tui.core.jsontext import (
    Json,
    JsonObject,
    as_list,
    as_object,
    list_at,
    object_at,
    string_at,
    text_at,
)
from handinger_tui.core.stream import CustomPart, time_ms
from handinger_tui.core.turns.turn import (
    DataPart,
    Part,
    ReasoningPart,
    Rope,
    StepPart,
    TextPart,
    ToolPart,
    ToolState,
    Turn,
    parts_of,
)


def role_of(message: JsonObject) -> str | None:
    """The role: user, assistant, system or tool; None if it is missing or not a string."""
    return text_at(message, "role")


def id_of(message: JsonObject) -> str | None:
    """The id; None if it is missing or not a string."""
    return text_at(message, "id")


def began_ms(message: JsonObject) -> int | None:
    """When the service received it; None if it does not say so."""
    metadata = object_at(message, "metadata")
    times = (one.get(name) for one in (message, metadata) for name in ("created_at", "createdAt"))
    return next((moment for moment in map(time_ms, times) if moment is not None), None)


def text_of(message: JsonObject) -> str:
    """All text of a message, joined."""
    match message.get("parts"):
        case [{"type": "text", "text": str(text)}]:
            # A fast path for nearly all prompts: each snapshot checks all messages.
            return text
        case _:
            pass
    return "".join(part.text for part in message_parts(message) if isinstance(part, TextPart))


# Cached: all messages are compared with the same prompt, and the runs of a schedule have the same one.
@lru_cache(maxsize=4)
def normalized_prompt(prompt: str) -> str:
    """A form that is equal for two texts that are the same prompt.

    A service may trim a prompt, change its line ends or compose its letters; half a surrogate pair cannot be
    sent. Without normalization, a paid turn could be judged "not delivered".
    """
    if prompt.isascii():
        return " ".join(prompt.split())
    sent = prompt.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return " ".join(normalize("NFC", sent).split())


EQUAL_BEFORE: Final = "handinger_tui_left_out"
"""A member that we store in a user message: how many earlier messages with the same text are omitted."""


def find_prompt(messages: Sequence[JsonObject], prompt: str) -> list[int]:
    """The positions of the user messages with that prompt."""
    normalized = normalized_prompt(prompt)
    users = ((at, message) for at, message in enumerate(messages) if message.get("role") == "user")
    return [at for at, message in users if normalized_prompt(text_of(message)) == normalized]


def message_parts(message: JsonObject) -> tuple[Part, ...]:
    """The parts of a message; one of unknown type becomes a `CustomPart`."""
    if isinstance(message.get("parts"), list):
        return _parts(message["parts"])
    content = message.get("content")
    if isinstance(content, str):
        tools = [_invocation(as_object(item)) for item in list_at(message, "toolInvocations")]
        return (*tools, TextPart(Rope() + content, open=False)) if content else tuple(tools)
    return _parts(content)


def _parts(items: Json) -> tuple[Part, ...]:
    return tuple(_part(item) for item in map(as_object, as_list(items)) if item)


def _part(item: JsonObject) -> Part:
    kind = string_at(item, "type")
    if kind in _BUILDERS:
        return _BUILDERS[kind](item)
    if kind.startswith("tool-"):
        return _tool(item, kind.removeprefix("tool-"))
    if kind.startswith("data-"):
        return DataPart(kind, item.get("data"), text_at(item, "id"))
    return CustomPart(kind or "unknown", item)


def _is_open(item: JsonObject) -> bool:
    return item.get("state") == "streaming"


def _text(item: JsonObject) -> Part:
    return TextPart(Rope() + (string_at(item, "text")), open=_is_open(item))


def _reasoning(item: JsonObject) -> Part:
    text = text_at(item, "text") or text_at(item, "reasoning") or ""
    return ReasoningPart(Rope() + text, open=_is_open(item))


def _tool(item: JsonObject, name: str) -> Part:
    state = text_at(item, "state")
    return ToolPart(
        call_id=string_at(item, "toolCallId"),
        name=name,
        state=ToolState(state) if state in _STATES else ToolState.INPUT_AVAILABLE,
        input=item.get("input", item.get("rawInput")),
        output=item.get("output"),
        preliminary=item.get("preliminary") is True,
        error=text_at(item, "errorText"),
        title=text_at(item, "title"),
        approval_id=text_at(object_at(item, "approval"), "id"),
    )


_STATES: Final = frozenset(ToolState)
_OLD_STATES: Final = {
    "partial-call": ToolState.INPUT_STREAMING,
    "call": ToolState.INPUT_AVAILABLE,
    "result": ToolState.OUTPUT_AVAILABLE,
}


def _invocation(item: JsonObject) -> Part:
    """An AI SDK 4 tool invocation {state, toolCallId, toolName, args, result}."""
    return ToolPart(
        call_id=string_at(item, "toolCallId"),
        name=text_at(item, "toolName") or "tool",
        state=_OLD_STATES.get(string_at(item, "state"), ToolState.INPUT_AVAILABLE),
        input=item.get("args"),
        output=item.get("result"),
    )


def _tool_call(item: JsonObject) -> Part:
    """A tool call, or its result, in a model message."""
    call_id, name = string_at(item, "toolCallId"), text_at(item, "toolName") or "tool"
    if item.get("type") == "tool-call":
        return ToolPart(call_id, name, ToolState.INPUT_AVAILABLE, input=item.get("input"))
    output = object_at(item, "output").get("value")
    return ToolPart(call_id, name, ToolState.OUTPUT_AVAILABLE, output=output)


_BUILDERS: Final[dict[str, Callable[[JsonObject], Part]]] = {
    "text": _text,
    "input_text": _text,
    "output_text": _text,
    "reasoning": _reasoning,
    "step-start": lambda _item: StepPart(),
    "dynamic-tool": lambda item: _tool(item, text_at(item, "toolName") or "tool"),
    "tool-invocation": lambda item: _invocation(object_at(item, "toolInvocation")),
    "tool-call": _tool_call,
    "tool-result": _tool_call,
    "file": file_part,
    "reasoning-file": file_part,
    "source-url": source_part,
    "source-document": source_part,
    "source": lambda item: ai4_source(item.get("source")),
}


NO_ANSWER: Final[dict[str, Any]] = {
    "parts": (),
    "open_text": (),
    "open_reasoning": (),
    "message_id": None,
    "metadata": {},
    "finished": False,
    "finish_reason": None,
    "incomplete": None,
    "aborted": False,
    "abort_reason": None,
    "errors": (),
    "late_errors": (),
    "stream_fault": None,
}
"""The members of a turn that are its answer, with their initial values."""


def without_answer(turn: Turn) -> Turn:
    """The same turn without an answer."""
    return replace(turn, **NO_ANSWER)


def with_answer_of(turn: Turn, other: Turn) -> Turn:
    """`turn` with the answer of `other`, but with its own stream fault, if any."""
    answer = {member: getattr(other, member) for member in NO_ANSWER}
    answer["stream_fault"] = turn.stream_fault or other.stream_fault
    return replace(turn, **answer)


def answer_size(turn: Turn) -> tuple[int, int]:
    """The size of an answer, to compare two: characters of text and reasoning, then number of parts."""
    # Called for every paint, and with hundreds of parts.
    texts: Iterator[TextPart | ReasoningPart] = chain(
        parts_of(turn.parts, TextPart), parts_of(turn.parts, ReasoningPart)
    )
    return sum(len(part.body) for part in texts), len(turn.parts)
