"""Stored messages of a worker: UIMessages, and older shapes that may still be stored.

Shapes: UIMessage {id, role, parts}; AI SDK 4 {content, toolInvocations};
model messages {role, content: string | parts}. Source: tests/wire/README.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final
from unicodedata import normalize

from handinger_tui.core.jsontext import JsonObject, as_list, as_object, as_text
from handinger_tui.core.stream.usage import count
from handinger_tui.core.turns.turn import (
    CustomPart,
    DataPart,
    FilePart,
    Part,
    ReasoningPart,
    Rope,
    SourcePart,
    StepPart,
    TextPart,
    ToolPart,
    ToolState,
)


def role_of(message: JsonObject) -> str | None:
    """The message's role: user, assistant, system or tool; None when it is missing or not a string."""
    return as_text(message.get("role"))


def id_of(message: JsonObject) -> str | None:
    """The message's id; None when it is missing or not a string."""
    return as_text(message.get("id"))


def text_of(message: JsonObject) -> str:
    """All text of a message, joined."""
    match message.get("parts"):
        case [{"type": "text", "text": str(text)}]:
            # A fast path for nearly all prompts: every snapshot walks the whole history.
            return text
        case _:
            pass
    return "".join(part.text for part in parts_of(message) if isinstance(part, TextPart))


def normalized_prompt(prompt: str) -> str:
    """The normalized prompt: equal for two texts that are the same prompt.

    A service may trim a prompt, change its line ends or compose its letters, and half a surrogate
    pair cannot be sent. Without normalization, a paid turn could be judged "not delivered".
    """
    if prompt.isascii():
        return " ".join(prompt.split())
    sent = prompt.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return " ".join(normalize("NFC", sent).split())


LEFT_OUT: Final = "handinger_tui_left_out"
"""Field of a user message as we store it: how many earlier messages had the same text."""


def count_left_out(message: JsonObject) -> int:
    """How many equal earlier messages a stored message stands for, not counting itself."""
    equal_messages = count(message.get(LEFT_OUT))
    return equal_messages or 0


def has_prompt(message: JsonObject, prompt: str) -> bool:
    """Whether this is a user message with that prompt."""
    return bool(find_prompt((message,), prompt))


def find_prompt(messages: Sequence[JsonObject], prompt: str) -> list[int]:
    """The positions of the user messages with that prompt."""
    normalized = normalized_prompt(prompt)
    users = ((at, message) for at, message in enumerate(messages) if message.get("role") == "user")
    return [at for at, message in users if normalized_prompt(text_of(message)) == normalized]


def parts_of(message: JsonObject) -> tuple[Part, ...]:
    """The parts of a message; a part of unknown type becomes a `CustomPart`."""
    listed = message.get("parts")
    if isinstance(listed, list):
        return tuple(_parts(map(as_object, listed)))
    content = message.get("content")
    if isinstance(content, str):
        tools = [_invocation(as_object(item)) for item in as_list(message.get("toolInvocations"))]
        return (*tools, TextPart(Rope() + content, open=False)) if content else tuple(tools)
    return tuple(_parts(map(as_object, as_list(content))))


def _parts(items: Iterable[JsonObject]) -> list[Part]:
    return [_part(item) for item in items if item]


def _part(item: JsonObject) -> Part:
    kind = as_text(item.get("type")) or ""
    build = _BUILDERS.get(kind)
    if build is not None:
        return build(item)
    if kind.startswith("tool-"):
        return _tool(item, kind.removeprefix("tool-"))
    if kind.startswith("data-"):
        return DataPart(kind, item.get("data"), as_text(item.get("id")))
    return CustomPart(kind or "unknown", item)


def _is_open(item: JsonObject) -> bool:
    return item.get("state") == "streaming"


def _text(item: JsonObject) -> Part:
    return TextPart(Rope() + (as_text(item.get("text")) or ""), open=_is_open(item))


def _reasoning(item: JsonObject) -> Part:
    text = as_text(item.get("text")) or as_text(item.get("reasoning")) or ""
    return ReasoningPart(Rope() + text, open=_is_open(item))


def _tool(item: JsonObject, name: str) -> Part:
    state = as_text(item.get("state")) or ""
    is_known = state in set(ToolState)
    return ToolPart(
        call_id=as_text(item.get("toolCallId")) or "",
        name=name,
        state=ToolState(state) if is_known else ToolState.INPUT_AVAILABLE,
        input=item.get("input", item.get("rawInput")),
        output=item.get("output"),
        preliminary=item.get("preliminary") is True,
        error=as_text(item.get("errorText")),
        title=as_text(item.get("title")),
        approval_id=as_text(as_object(item.get("approval")).get("id")),
    )


def _dynamic_tool(item: JsonObject) -> Part:
    return _tool(item, as_text(item.get("toolName")) or "tool")


_OLD_STATES: Final = {
    "partial-call": ToolState.INPUT_STREAMING,
    "call": ToolState.INPUT_AVAILABLE,
    "result": ToolState.OUTPUT_AVAILABLE,
}


def _invocation(item: JsonObject) -> Part:
    """An AI SDK 4 tool invocation {state, toolCallId, toolName, args, result}."""
    return ToolPart(
        call_id=as_text(item.get("toolCallId")) or "",
        name=as_text(item.get("toolName")) or "tool",
        state=_OLD_STATES.get(as_text(item.get("state")) or "", ToolState.INPUT_AVAILABLE),
        input=item.get("args"),
        output=item.get("result"),
    )


def _old_invocation(item: JsonObject) -> Part:
    return _invocation(as_object(item.get("toolInvocation")))


def _tool_call(item: JsonObject) -> Part:
    name = as_text(item.get("toolName")) or "tool"
    return ToolPart(
        as_text(item.get("toolCallId")) or "", name, ToolState.INPUT_AVAILABLE, input=item.get("input")
    )


def _tool_result(item: JsonObject) -> Part:
    output = as_object(item.get("output"))
    name = as_text(item.get("toolName")) or "tool"
    return ToolPart(
        as_text(item.get("toolCallId")) or "", name, ToolState.OUTPUT_AVAILABLE, output=output.get("value")
    )


def _file(item: JsonObject) -> Part:
    return FilePart(
        url=as_text(item.get("url")) or "",
        media_type=as_text(item.get("mediaType"))
        or as_text(item.get("mimeType"))
        or "application/octet-stream",
        filename=as_text(item.get("filename")),
        size=count(item.get("size")),
        in_reasoning=item.get("type") == "reasoning-file",
    )


def _source_url(item: JsonObject) -> Part:
    return SourcePart(
        as_text(item.get("sourceId")) or "", as_text(item.get("url")), as_text(item.get("title"))
    )


def _source_document(item: JsonObject) -> Part:
    return SourcePart(
        as_text(item.get("sourceId")) or "",
        None,
        as_text(item.get("title")),
        as_text(item.get("mediaType")),
        as_text(item.get("filename")),
    )


def _old_source(item: JsonObject) -> Part:
    source = as_object(item.get("source"))
    return SourcePart(
        as_text(source.get("id")) or "", as_text(source.get("url")), as_text(source.get("title"))
    )


def _step(_item: JsonObject) -> Part:
    return StepPart()


_BUILDERS: Final[dict[str, Callable[[JsonObject], Part]]] = {
    "text": _text,
    "input_text": _text,
    "output_text": _text,
    "reasoning": _reasoning,
    "step-start": _step,
    "dynamic-tool": _dynamic_tool,
    "tool-invocation": _old_invocation,
    "tool-call": _tool_call,
    "tool-result": _tool_result,
    "file": _file,
    "reasoning-file": _file,
    "source-url": _source_url,
    "source-document": _source_document,
    "source": _old_source,
}
