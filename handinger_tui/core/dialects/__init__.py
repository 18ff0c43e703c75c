"""Dialects: decoders of the streaming protocols that the service may use.

The service does not document its stream format, so the dialect of a body is detected: by the protocol header
of the response, then event by event. To add a dialect, write a module and a line in `DIALECTS`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from handinger_tui.core.dialects import events as ev
from handinger_tui.core.dialects.events import NO_EVENTS, Dialect, Events
from handinger_tui.core.dialects.openai import OpenAiChat, OpenAiResponses
from handinger_tui.core.dialects.text_bodies import (
    KEY,
    Ai4,
    BodyShape,
    JsonPieces,
    JsonStrings,
    RawText,
    TextBody,
)
from handinger_tui.core.dialects.worker import AgentFrames, Controls, StoredMessages, UiMessage, WorkerEvents
from handinger_tui.core.jsontext import NotJson, parse, text_at
from handinger_tui.core.stream import Frame, Framing

__all__ = ["DIALECTS", "Dialect", "StreamDecoder"]

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
"""The dialects in the order in which they are tried, weak ones last."""

HINTED: Final = {"ai-ui": UiMessage.name, "ai4": Ai4.name}
"""Protocol header (`engine.ports.Reply.encoding`) → dialect."""

DONE: Final = "[DONE]"


class StreamDecoder:
    """Decodes the frames of one body into events. It never raises, whatever the frames contain."""

    def __init__(self, encoding: str = "") -> None:
        """`encoding`: "ai-ui" or "ai4" by the protocol header of the response; "" without one."""
        self._dialects = tuple(make() for make in DIALECTS)
        hinted = HINTED.get(encoding)
        self._current: Dialect | None = next((d for d in self._dialects if d.name == hinted), None)
        self._body = TextBody(lines=encoding == "ai4")
        self._is_text = False

    @property
    def name(self) -> str | None:
        """The name of the current dialect; None until one is detected."""
        if self._is_text:
            return RawText.name
        return self._current.name if self._current is not None else None

    def decode(self, frame: Frame) -> Sequence[ev.StreamEvent]:
        """The events of a frame: none, one or several."""
        framing = frame.framing
        if framing is Framing.SSE:
            return self._event(frame.event, frame.data)
        if framing is Framing.LINES:
            return self._line(frame.data)
        return self._text(self._body.take(frame.data)) if framing is Framing.TEXT else NO_EVENTS

    def end(self, *, clean: bool) -> Sequence[ev.StreamEvent]:
        """The events of buffered text at the end of the body. A clean end terminates a plain text body."""
        events = [*self._text(self._body.end())]
        is_plain_text = self._is_text or (self._current is not None and self._current.weak)
        if is_plain_text and clean:
            events += (ev.TextEnded(KEY), ev.StreamDone())
        return events

    def _text(self, pieces: list[str]) -> Events:
        if self._body.shape is BodyShape.PROSE:
            self._is_text = self._is_text or bool(pieces)
            return [ev.TextGrew(KEY, piece) for piece in pieces]
        return [event for piece in pieces for event in self._line(piece)]

    def _line(self, line: str) -> Events:
        # A line-delimited body is not plain text.
        strong = self._current is None or self._current.weak
        return self._event("", line.removesuffix("\r"), strong=strong)

    def _event(self, kind: str, raw: str, *, strong: bool = False) -> Events:
        if not raw:
            return (ev.StreamDone(),) if kind == "done" else NO_EVENTS
        if raw.strip() == DONE:
            # Checked first, since the terminator is not JSON, and a failed parse takes time.
            return (ev.StreamDone(),)
        try:
            value = parse(raw)
        except NotJson:
            return self._decode_text(kind, raw, strong=strong)
        dialect = self._current
        if dialect is not None and not dialect.weak:
            events = dialect.read(kind, value, raw)
            if events is not None:
                return events
        if value == DONE:
            return (ev.StreamDone(),)
        for dialect in self._candidates():
            events = dialect.read(kind, value, raw)
            if events is not None:
                self._select(dialect)
                return events
        return (ev.Unknown(text_at(value, "type") or kind, raw),)

    def _decode_text(self, kind: str, raw: str, *, strong: bool) -> Events:
        for dialect in self._candidates():
            events = None if strong and dialect.weak else dialect.read_text(kind, raw)
            if events is not None:
                self._select(dialect)
                return events
        return (ev.Unknown(kind, raw, undecodable=True),)

    def _candidates(self) -> list[Dialect]:
        """The dialects to try: all strong ones; weak ones only until a strong one is detected."""
        current = self._current
        strong = [dialect for dialect in self._dialects if not dialect.weak]
        if current is None:
            return list(self._dialects)
        return [*strong, current] if current.weak else strong

    def _select(self, dialect: Dialect) -> None:
        if dialect.name:
            self._current = dialect
