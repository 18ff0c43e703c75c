"""The data stream of AI SDK 4: lines of `CODE:JSON` (codes: tests/wire/README.md)."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Final

from handinger_tui.core.dialects.dialect import NOTHING, UNNAMED_ERROR, Dialect, Events
from handinger_tui.core.jsontext import Json, NotJson, as_list, as_object, as_text, parse
from handinger_tui.core.stream import events as ev
from handinger_tui.core.stream.worker_snapshot import reason_text

TEXT: Final = "text"
REASONING: Final = "reasoning"


class Ai4(Dialect):
    """One line per event; its first character is the event code."""

    name: ClassVar[str] = "ai-sdk-4"

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
    line, line_end, _rest = start.partition("\n")
    if not line_end:
        return None if len(line) <= MAX_LINE else False
    return Ai4().read_text("", line.rstrip("\r")) is not None


MAX_LINE: Final = 65536
"""Characters of an unfinished first line after which the body is not taken for this dialect."""
_OPENERS: Final = ("", '"', "{", "[")


def _call(value: Json) -> tuple[str, str]:
    """Id and tool name of a call."""
    return _text_in(value, "toolCallId"), _text_in(value, "toolName")


def _text_in(value: Json, name: str) -> str:
    return as_text(as_object(value).get(name)) or ""


def _step_start(value: Json) -> Events:
    return (ev.MessageStarted(as_text(as_object(value).get("messageId"))), ev.StepStarted())


def _step_finish(value: Json) -> Events:
    if as_object(value).get("isContinued") is True:
        return (ev.StepFinished(),)
    return (ev.TextEnded(TEXT), ev.ReasoningEnded(REASONING), ev.StepFinished())


def _finish(value: Json) -> Events:
    fields = as_object(value)
    usage = as_object(fields.get("usage"))
    reported = (ev.UsageReported(usage),) if usage else ()
    return (*reported, ev.Finished(as_text(fields.get("finishReason"))))


def _source(value: Json) -> Events:
    source = as_object(value)
    source_id, url, title = (as_text(source.get(name)) for name in ("id", "url", "title"))
    return (ev.SourceFound(source_id or "", url, title),)


def _file(value: Json) -> Events:
    file = as_object(value)
    media_type = as_text(file.get("mimeType")) or "application/octet-stream"
    return (ev.FileMade(f"data:{media_type};base64,{as_text(file.get('data')) or ''}", media_type),)


CODES: Final[dict[str, Callable[[Json], Events]]] = {
    "0": lambda value: (ev.TextGrew(TEXT, value),) if isinstance(value, str) else NOTHING,
    "2": lambda value: tuple(ev.DataArrived("data", item) for item in as_list(value)),
    "3": lambda value: (ev.Failed(reason_text(value) or UNNAMED_ERROR),),
    "8": lambda value: tuple(ev.DataArrived("annotation", item) for item in as_list(value)),
    "9": lambda value: (ev.ToolInputReady(*_call(value), as_object(value).get("args")),),
    "a": lambda value: (ev.ToolOutput(_call(value)[0], as_object(value).get("result")),),
    "b": lambda value: (ev.ToolStarted(*_call(value)),),
    "c": lambda value: (ev.ToolInputGrew(_call(value)[0], _text_in(value, "argsTextDelta")),),
    "d": _finish,
    "e": _step_finish,
    "f": _step_start,
    "g": lambda value: (ev.ReasoningGrew(REASONING, value),) if isinstance(value, str) else NOTHING,
    "h": _source,
    # Signatures and redacted reasoning, which hold no readable text.
    "i": lambda _value: NOTHING,
    "j": lambda _value: NOTHING,
    "k": _file,
}
"""Line code → its decoder."""
