"""Dialects: what the frames of a stream mean, whatever way the service speaks.

Nobody documented how Handinger streams, so a body is recognised from what
arrives: by hint first, then event by event. A new dialect is a file here and
one line in `DIALECTS`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from handinger_tui.core.dialects.agents import AgentFrames, Controls
from handinger_tui.core.dialects.ai4 import Ai4
from handinger_tui.core.dialects.body import Shape, TextBody
from handinger_tui.core.dialects.dialect import NOTHING, Dialect, Events
from handinger_tui.core.dialects.openai_chat import OpenAiChat
from handinger_tui.core.dialects.openai_responses import OpenAiResponses
from handinger_tui.core.dialects.stored import StoredMessages
from handinger_tui.core.dialects.text import KEY, JsonPieces, JsonStrings, RawText
from handinger_tui.core.dialects.ui_message import UiMessage
from handinger_tui.core.dialects.worker_events import WorkerEvents
from handinger_tui.core.jsontext import Json, NotJson, parse
from handinger_tui.core.record import dataclass
from handinger_tui.core.stream import events as ev
from handinger_tui.core.stream.frames import Frame, Framing

__all__ = ["DIALECTS", "Dialect", "Hint", "StreamDecoder"]

DIALECTS: Final[tuple[Callable[[], Dialect], ...]] = (
    UiMessage,
    WorkerEvents,
    StoredMessages,
    OpenAiResponses,
    OpenAiChat,
    AgentFrames,
    Controls,
    Ai4,
    JsonStrings,
    JsonPieces,
    RawText,
)
"""In the order in which they are asked; the weak ones stand last."""

HINTED: Final = {"ai-ui": UiMessage.name, "ai4": Ai4.name}
"""Protocol header (`engine.ports.Reply.encoding`) → dialect."""

DONE: Final = "[DONE]"


@dataclass(frozen=True, slots=True)
class Hint:
    """What the response said about its body before it began.

    `content_type`: media type without parameters; `encoding`: the protocol
    header, "ai-ui" or "ai4"; "" for none.
    """

    content_type: str = ""
    encoding: str = ""


class StreamDecoder:
    """Reads the frames of one body. Never raises, whatever they hold."""

    def __init__(self, hint: Hint) -> None:
        self._dialects = tuple(make() for make in DIALECTS)
        named = HINTED.get(hint.encoding)
        self._speaker: Dialect | None = next((d for d in self._dialects if d.name == named), None)
        self._body = TextBody(lines=hint.encoding == "ai4")
        self._prose = False

    @property
    def name(self) -> str | None:
        """The dialect heard last; None until one is known."""
        if self._prose:
            return RawText.name
        return self._speaker.name if self._speaker is not None else None

    def decode(self, frame: Frame) -> Sequence[ev.StreamEvent]:
        """What a frame means: none, one or several events."""
        framing = frame.framing
        if framing is Framing.SSE:
            return self._event(frame.event, frame.data)
        if framing is Framing.LINES:
            return self._line(frame.data)
        return self._text(self._body.take(frame.data)) if framing is Framing.TEXT else NOTHING

    def end(self, *, clean: bool) -> Sequence[ev.StreamEvent]:
        """What was still held when the body ended.

        A body of plain text has no terminator but its own clean end.
        """
        found = [*self._text(self._body.end())]
        plain = self._prose or (self._speaker is not None and self._speaker.weak)
        if plain and clean:
            found += (ev.TextEnded(KEY), ev.StreamDone())
        return found

    def _text(self, pieces: list[str]) -> Events:
        if self._body.shape is Shape.PROSE:
            self._prose = self._prose or bool(pieces)
            return [ev.TextGrew(KEY, piece) for piece in pieces]
        return [event for piece in pieces for event in self._line(piece)]

    def _line(self, line: str) -> Events:
        line = line.removesuffix("\r")
        if self._speaker is None or self._speaker.weak:
            # A line-delimited body is never plain text.
            return self._event("", line, strong=True)
        return self._event("", line)

    def _event(self, kind: str, raw: str, *, strong: bool = False) -> Events:
        if not raw:
            return (ev.StreamDone(),) if kind == "done" else NOTHING
        if raw.strip() == DONE:
            # Not JSON, and to be told so takes as long as four events.
            return (ev.StreamDone(),)
        try:
            value = parse(raw)
        except NotJson:
            return self._no_json(kind, raw, strong=strong)
        speaker = self._speaker
        if speaker is not None and not speaker.weak:
            events = speaker.read(kind, value, raw)
            if events is not None:
                return events
        return self._recognise(kind, value, raw)

    def _recognise(self, kind: str, value: Json, raw: str) -> Events:
        if value == DONE:
            return (ev.StreamDone(),)
        for dialect in self._candidates():
            events = dialect.read(kind, value, raw)
            if events is not None:
                self._heard(dialect)
                return events
        return (ev.Unknown(_kind_of(kind, value), raw),)

    def _no_json(self, kind: str, raw: str, *, strong: bool) -> Events:
        for dialect in self._candidates():
            events = None if strong and dialect.weak else dialect.read_text(kind, raw)
            if events is not None:
                self._heard(dialect)
                return events
        return (ev.Unknown(kind, raw, undecodable=True),)

    def _candidates(self) -> list[Dialect]:
        """Who may claim an event: everybody strong, and the weak ones while nobody strong was heard."""
        speaker = self._speaker
        strong = [dialect for dialect in self._dialects if not dialect.weak]
        if speaker is None:
            return list(self._dialects)
        return [*strong, speaker] if speaker.weak else strong

    def _heard(self, dialect: Dialect) -> None:
        if dialect.name:
            self._speaker = dialect


def _kind_of(kind: str, value: Json) -> str:
    named = value.get("type") if isinstance(value, dict) else None
    return named if isinstance(named, str) else kind
