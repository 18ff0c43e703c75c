"""Text bodies: lines of AI SDK 4 (`CODE:JSON`, codes: tests/wire/README.md), and plain text.

Plain text is JSON strings, objects with one string, or raw text. These three dialects are weak: they are used
only if no other one is detected.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto
from typing import Final

from handinger_tui.core.dialects import events as ev
from handinger_tui.core.dialects.events import NO_EVENTS, UNNAMED_ERROR, Dialect, Events
from handinger_tui.core.jsontext import (
    Json,
    NotJson,
    as_list,
    as_object,
    object_at,
    parse,
    string_at,
    text_at,
)
from handinger_tui.core.stream import FilePart, SourcePart, reason_text

# -- AI SDK 4 ----------------------------------------------------------------------------------
TEXT: Final = "text"
REASONING: Final = "reasoning"


class Ai4(Dialect):
    """One line per event; its first character is a code."""

    name = "ai-sdk-4"

    def read_text(self, kind: str, raw: str) -> Events | None:
        """The events of one line; None when the line has another format."""
        code = CODES.get(raw[:1])
        if code is None or raw[1:2] != ":":
            return None
        try:
            value = parse(raw[2:])
        except NotJson:
            return None
        return code(value)


def looks_like_ai4(start: str) -> bool | None:
    """Whether a body that begins with `start` is AI SDK 4; None when more of its first line is needed."""
    if (start[:1] and start[0] not in CODES) or start[1:2] not in ("", ":") or start[2:3] not in _OPENERS:
        return False
    line, line_end, _after = start.partition("\n")
    if not line_end:
        return None if len(line) <= MAX_LINE else False
    return Ai4().read_text("", line.rstrip("\r")) is not None


MAX_LINE: Final = 65536
"""A body whose unfinished first line has more characters is not in this dialect."""
_OPENERS: Final = ("", '"', "{", "[")


def _call(value: Json) -> tuple[str, str]:
    """Id and tool name of a call."""
    return string_at(value, "toolCallId"), string_at(value, "toolName")


def _step_start(value: Json) -> Events:
    return (ev.MessageStarted(text_at(value, "messageId")), ev.StepStarted())


def _step_finish(value: Json) -> Events:
    if as_object(value).get("isContinued") is True:
        return (ev.StepFinished(),)
    return (ev.TextEnded(TEXT), ev.ReasoningEnded(REASONING), ev.StepFinished())


def _finish(value: Json) -> Events:
    usage = object_at(value, "usage")
    reported = (ev.UsageReported(usage),) if usage else ()
    return (*reported, ev.Finished(text_at(value, "finishReason")))


def ai4_source(value: Json) -> SourcePart:
    """A source of AI SDK 4."""
    return SourcePart(string_at(value, "id"), text_at(value, "url"), text_at(value, "title"))


def _file(value: Json) -> Events:
    media_type = text_at(value, "mimeType") or "application/octet-stream"
    return (FilePart(f"data:{media_type};base64,{string_at(value, 'data')}", media_type),)


CODES: Final[dict[str, Callable[[Json], Events]]] = {
    "0": lambda value: (ev.TextGrew(TEXT, value),) if isinstance(value, str) else NO_EVENTS,
    "2": lambda value: tuple(ev.DataArrived("data", item) for item in as_list(value)),
    "3": lambda value: (ev.Failed(reason_text(value) or UNNAMED_ERROR),),
    "8": lambda value: tuple(ev.DataArrived("annotation", item) for item in as_list(value)),
    "9": lambda value: (ev.ToolInputReady(*_call(value), as_object(value).get("args")),),
    "a": lambda value: (ev.ToolOutput(_call(value)[0], as_object(value).get("result")),),
    "b": lambda value: (ev.ToolStarted(*_call(value)),),
    "c": lambda value: (ev.ToolInputGrew(_call(value)[0], string_at(value, "argsTextDelta")),),
    "d": _finish,
    "e": _step_finish,
    "f": _step_start,
    "g": lambda value: (ev.ReasoningGrew(REASONING, value),) if isinstance(value, str) else NO_EVENTS,
    "h": lambda value: (ai4_source(value),),
    # Signatures and redacted reasoning, without readable text.
    "i": lambda _value: NO_EVENTS,
    "j": lambda _value: NO_EVENTS,
    "k": _file,
}
"""Line code → decoder."""


# -- plain text --------------------------------------------------------------------------------
KEY: Final = "text"
"""The key of the only text part."""
TEXT_MEMBERS: Final = ("text", "delta", "content")
TYPES: Final = ("text", "delta", "content", "token", "chunk", None)
"""Values of `type` in an object with a piece of text."""
BROKEN: Final = ('{"', "[{", '["', "{}", "[]")
"""The first characters of damaged JSON, which is not shown as an answer."""


class JsonStrings(Dialect):
    """Every event is a JSON string to append."""

    name = "json-strings"
    weak = True

    def read(self, kind: str, value: Json, raw: str) -> Events | None:
        """The string as a text delta; None for any other value."""
        return (ev.TextGrew(KEY, value),) if isinstance(value, str) else None


class JsonPieces(Dialect):
    """Every event is an object with a piece of text in `text`, `delta` or `content`."""

    name = "json-pieces"
    weak = True

    def read(self, kind: str, value: Json, raw: str) -> Events | None:
        """The piece as a text delta; None for any other value."""
        if not isinstance(value, dict) or value.get("type") not in TYPES:
            return None
        piece = next((p for member in TEXT_MEMBERS if isinstance(p := value.get(member), str)), None)
        return (ev.TextGrew(KEY, piece),) if piece is not None else None


class RawText(Dialect):
    """Every event is literal text, even if it is valid JSON."""

    name = "text"
    weak = True

    def __init__(self) -> None:
        self._is_confirmed = False

    def read(self, kind: str, value: Json, raw: str) -> Events | None:
        """JSON numbers and booleans as text; any JSON after the first event that is text."""
        if self._is_confirmed or isinstance(value, int | float):
            return self._append(raw)
        return None

    def read_text(self, kind: str, raw: str) -> Events | None:
        """The text as a delta; None if the body begins with damaged JSON."""
        if not self._is_confirmed and raw.lstrip()[:2] in BROKEN:
            return None
        return self._append(raw)

    def _append(self, raw: str) -> Events:
        self._is_confirmed = True
        return (ev.TextGrew(KEY, raw),)


# -- text bodies --------------------------------------------------------------------
class BodyShape(Enum):
    """The recognized form of a text body."""

    OPEN = auto()
    """Too little has arrived to decide."""
    LINES = auto()
    PROSE = auto()


class TextBody:
    """Splits a body into complete lines, or into pieces of prose."""

    def __init__(self, *, lines: bool) -> None:
        self.shape = BodyShape.LINES if lines else BodyShape.OPEN
        self._buffer: list[str] = []

    def take(self, text: str) -> list[str]:
        """Add text. Returns the lines or pieces that are complete now."""
        self._buffer.append(text)
        if self.shape is BodyShape.OPEN:
            self._buffer = ["".join(self._buffer)]
            self._decide(self._buffer[0])
        if self.shape is BodyShape.PROSE:
            return self._take_buffer()
        # Search only the new text: a line may be very long.
        if self.shape is BodyShape.OPEN or "\n" not in text:
            return []
        *lines, last = "".join(self._buffer).split("\n")
        self._buffer = [last]
        return [line.removesuffix("\r") for line in lines]

    def end(self) -> list[str]:
        """The buffered text at the end of the body."""
        if self.shape is BodyShape.OPEN and any(self._buffer):
            self._decide("".join([*self._buffer, "\n"]))
        return self._take_buffer()

    def _decide(self, start: str) -> None:
        is_lines = looks_like_ai4(start)
        if is_lines is not None:
            self.shape = BodyShape.LINES if is_lines else BodyShape.PROSE

    def _take_buffer(self) -> list[str]:
        buffered, self._buffer = "".join(self._buffer), []
        return [buffered] if buffered else []
