"""What a headless run prints: the answer or JSON on stdout, everything else on stderr."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Final, Protocol, TextIO

from handinger_tui.core.export.event_lines import event_object
from handinger_tui.core.export.result import costs_object, result_object, usage_object
from handinger_tui.core.jsontext import Json, dump
from handinger_tui.core.safety.cleaning import clean, clean_json, clean_more, settled
from handinger_tui.core.stream.events import StreamEvent
from handinger_tui.core.turns.session import Session
from handinger_tui.core.turns.turn import Turn, TurnStatus

JsonObject = dict[str, Json]


def cleaned(value: JsonObject) -> JsonObject:
    """`value` with every text in it made harmless."""
    return {key: clean_json(item) for key, item in value.items()}


def say(text: str) -> None:
    """One clean line on stderr."""
    sys.stderr.write(clean(text) + "\n")
    sys.stderr.flush()


def put(text: str, end: str = "\n") -> None:
    """Text on stdout. Whoever made it, this is the gate that it passes last."""
    sys.stdout.write(clean(text) + end)


def sentence(text: str) -> str:
    """`text` with a full stop, unless it ends with one or its like: words of the service often have none."""
    text = text.rstrip()
    return text if text.endswith((".", "!", "?", "…", ":")) else f"{text}."


def encodable(text: str) -> str:
    """`text` as it came, but for halves of surrogate pairs, which no file or terminal can take."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _as_it_came(text: str, start: int, end: int) -> str:
    return encodable(text[start:end])


class Printer(Protocol):
    """One output format. Events are told to those that hear them only."""

    hears: bool

    def event(self, event: StreamEvent) -> None:
        """An event was decoded."""

    def turn(self, turn: Turn) -> None:
        """The turn has a new value."""

    def result(self, session: Session, turn: Turn) -> None:
        """It is over."""


class TextPrinter:
    """Plain text as it arrives.

    What was printed cannot be taken back: a text that the server replaced is
    printed whole at the end, with a word on stderr.
    """

    hears = False

    def __init__(self, out: TextIO, raw: bool) -> None:
        self._out = out
        self._clean = _as_it_came if raw else clean_more
        self._printed = ""
        self._parts: tuple[object, ...] = ()

    def event(self, event: StreamEvent) -> None:
        """Nothing: text is taken from the turn."""

    def turn(self, turn: Turn) -> None:
        """Print what is new."""
        if turn.parts is self._parts:
            return
        self._parts = turn.parts
        text = turn.text
        if text.startswith(self._printed):
            end = max(settled(text), len(self._printed))
            self._write(self._clean(text, len(self._printed), end))
            self._printed = text[:end]

    def result(self, session: Session, turn: Turn) -> None:
        """Print the rest, or the whole text where it was replaced; the session says nothing more."""
        del session
        text = turn.text
        if text.startswith(self._printed):
            self._write(self._clean(text, len(self._printed), len(text)))
        else:
            say("The final text differs from what was streamed; here it is whole.")
            self._write("\n" + self._clean(text, 0, len(text)))
        if text and not text.endswith("\n"):
            self._write("\n")
        self._out.flush()

    def _write(self, text: str) -> None:
        if not text:
            return
        self._out.write(text)
        self._out.flush()


class JsonPrinter:
    """One object at the end."""

    hears = False

    def __init__(self, out: TextIO, raw: bool) -> None:
        self._out = out
        self._raw = raw

    def event(self, event: StreamEvent) -> None:
        """Nothing."""

    def turn(self, turn: Turn) -> None:
        """Nothing."""

    def result(self, session: Session, turn: Turn) -> None:
        """Print the result object."""
        self.put(result_object(session, turn, raw=self._raw))

    def put(self, result: JsonObject) -> None:
        """Print a result object."""
        self._line(result)

    def _line(self, value: JsonObject) -> None:
        self._out.write(dump(value) + "\n")
        self._out.flush()


class EventPrinter(JsonPrinter):
    """One normalized event a line as it happens, then the result as the last line."""

    hears = True

    def __init__(self, out: TextIO, raw: bool) -> None:
        super().__init__(out, raw)
        self._seq = 0
        self._status: TurnStatus | None = None
        self._money: object = None

    def event(self, event: StreamEvent) -> None:
        """Print the event."""
        self._event(event_object(event))

    def turn(self, turn: Turn) -> None:
        """Print a changed status and new figures."""
        if turn.status is not self._status:
            self._status = turn.status
            ids: JsonObject = {"worker_id": turn.worker_id or turn.order.worker_id, "turn_id": turn.turn_id}
            self._event({"type": "status", "status": str(turn.status), **ids})
        figures = (turn.snapshot.usage, turn.snapshot.costs) if turn.snapshot else None
        if figures is not None and figures != self._money:
            self._money = figures
            self._event(
                {"type": "usage", "usage": usage_object(figures[0]), "costs": costs_object(figures[1])}
            )

    def put(self, result: JsonObject) -> None:
        """Print a result object with its type."""
        self._event({"type": "result", **result})

    def _event(self, value: JsonObject) -> None:
        line = {"type": value["type"], "seq": self._seq, **value}
        self._seq += 1
        self._line(line if self._raw else cleaned(line))


PRINTERS: Final[dict[str, Callable[[TextIO, bool], Printer]]] = {
    "text": TextPrinter,
    "json": JsonPrinter,
    "stream-json": EventPrinter,
}


def printer(output_format: str, out: TextIO, *, raw: bool) -> Printer:
    """The printer of a format."""
    return PRINTERS[output_format](out, raw)
