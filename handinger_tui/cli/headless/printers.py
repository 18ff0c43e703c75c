"""What headless runs print: text, one JSON object, or one per event; and messages about spending limits."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Final, TextIO

from handinger_tui.cli.output import say
from handinger_tui.core.export.result import costs_object, event_object, result_object, usage_object
from handinger_tui.core.jsontext import JsonObject, dump
from handinger_tui.core.money.limits import (
    STILL,
    Gauge,
    Limit,
    LimitReached,
    Origin,
    State,
    Unit,
    near_text,
    raise_hint,
    reached_text,
)
from handinger_tui.core.safety.cleaning import clean_json, clean_slice, cleanable_length, encodable
from handinger_tui.core.stream.events import StreamEvent
from handinger_tui.core.turns.session import Session
from handinger_tui.core.turns.turn import Fault, Kind, Turn, TurnStatus


def _encodable_slice(text: str, start: int, end: int) -> str:
    return encodable(text[start:end])


class Printer(ABC):
    """One output format."""

    prints_events = False
    """Whether it prints events: `event` is called only then."""

    def __init__(self, out: TextIO, raw: bool) -> None:
        self._out = out
        self._raw = raw

    def event(self, event: StreamEvent) -> None:
        """Print an event of the stream."""
        raise NotImplementedError

    def turn(self, turn: Turn) -> None:  # noqa: B027 - a format may print the result alone
        """Print what changed in a new value of the turn."""

    @abstractmethod
    def result(self, session: Session, turn: Turn) -> None:
        """Print the result of the finished turn."""


class TextPrinter(Printer):
    """Prints plain text as it arrives.

    Printed text cannot be withdrawn: if the server replaces it, the final text is
    printed in full at the end, with a note on stderr.
    """

    def __init__(self, out: TextIO, raw: bool) -> None:
        super().__init__(out, raw)
        self._clean = _encodable_slice if raw else clean_slice
        self._printed = ""
        self._parts: tuple[object, ...] = ()

    def turn(self, turn: Turn) -> None:
        """Print the text that was added."""
        if turn.parts is self._parts:
            return
        self._parts = turn.parts
        text = turn.text
        if text.startswith(self._printed):
            end = max(cleanable_length(text), len(self._printed))
            self._write(self._clean(text, len(self._printed), end))
            self._printed = text[:end]

    def result(self, session: Session, turn: Turn) -> None:
        """Print the rest of the text, or all of it if it was replaced. The session is not used."""
        del session
        text = turn.text
        if text.startswith(self._printed):
            self._write(self._clean(text, len(self._printed), len(text)))
        else:
            say("The final answer differs from the streamed text. Here is the final answer:")
            self._write("\n" + self._clean(text, 0, len(text)))
        if text and not text.endswith("\n"):
            self._write("\n")
        self._out.flush()

    def _write(self, text: str) -> None:
        if not text:
            return
        self._out.write(text)
        self._out.flush()


class JsonPrinter(Printer):
    """Prints one JSON object at the end."""

    def result(self, session: Session, turn: Turn) -> None:
        """Print the result object."""
        self.put(result_object(session, turn, raw=self._raw))

    def put(self, result: JsonObject) -> None:
        """Print a result object."""
        self._print_line(result)

    def _print_line(self, value: JsonObject) -> None:
        self._out.write(dump(value) + "\n")
        self._out.flush()


class EventPrinter(JsonPrinter):
    """Prints one normalized event per line as it happens, and the result as the last line."""

    prints_events = True

    def __init__(self, out: TextIO, raw: bool) -> None:
        super().__init__(out, raw)
        self._seq = 0
        self._status: TurnStatus | None = None
        self._last_usage_and_costs: object = None

    def event(self, event: StreamEvent) -> None:
        """Print the event."""
        self._print_event(event_object(event))

    def turn(self, turn: Turn) -> None:
        """Print a changed status, and changed usage or costs."""
        if turn.status is not self._status:
            self._status = turn.status
            ids: JsonObject = {"worker_id": turn.worker_id or turn.order.worker_id, "turn_id": turn.turn_id}
            self._print_event({"type": "status", "status": str(turn.status), **ids})
        usage_and_costs = (turn.snapshot.usage, turn.snapshot.costs) if turn.snapshot else None
        if usage_and_costs is not None and usage_and_costs != self._last_usage_and_costs:
            self._last_usage_and_costs = usage_and_costs
            self._print_event(
                {
                    "type": "usage",
                    "usage": usage_object(usage_and_costs[0]),
                    "costs": costs_object(usage_and_costs[1]),
                }
            )

    def put(self, result: JsonObject) -> None:
        """Print a result object with the type `result`."""
        self._print_event({"type": "result", **result})

    def _print_event(self, value: JsonObject) -> None:
        line = {"type": value["type"], "seq": self._seq, **value}
        self._seq += 1
        self._print_line(line if self._raw else {name: clean_json(item) for name, item in line.items()})


PRINTERS: Final[dict[str, Callable[[TextIO, bool], Printer]]] = {
    "text": TextPrinter,
    "json": JsonPrinter,
    "stream-json": EventPrinter,
}


UNKNOWN: Final = {
    Unit.USD: "the cost is unknown",
    Unit.CREDITS: "the credits are unknown",
}


class LimitMessages:
    """Prints for each limit at most once that it is near and at most once that it is reached."""

    def __init__(self) -> None:
        self._reported: dict[Limit, State] = {}

    def update(self, gauges: Iterable[Gauge], *, running: bool) -> None:
        """Print messages for limits whose state has risen since the last call."""
        for gauge in gauges:
            if gauge.state <= self._reported.get(gauge.limit, State.BELOW):
                continue
            self._reported[gauge.limit] = gauge.state
            if gauge.state is State.NEAR:
                say(near_text(gauge))
            else:
                say(reached_text(gauge) + (f" {STILL}" if running else ""))
                say(f"New messages are blocked. {raise_hint(gauge.limit)}")

    def mark_reached(self, gauge: Gauge) -> None:
        """Record that a refusal has already reported this limit as reached."""
        self._reported[gauge.limit] = State.REACHED

    def is_flag_limit_reached(self, gauges: Iterable[Gauge]) -> bool:
        """Return whether a limit given as a flag of this command is reached."""
        flagged = [gauge for gauge in gauges if gauge.limit.origin is Origin.FLAG]
        for gauge in flagged:
            if gauge.spent.missing_turns and gauge.state is not State.REACHED:
                say(f"The limit may have been exceeded: {UNKNOWN[gauge.limit.unit]}.")
        return any(gauge.state is State.REACHED for gauge in flagged)


def refusal(problem: LimitReached) -> Fault:
    """Return the fault of a message that is stored and not sent because a limit is reached."""
    return Fault(Kind.COST_LIMIT, f"{problem.summary} {problem.hint}", may_have_been_charged=False)
