"""Slots: what is shown of a turn, each comparable with the same slot of a later turn value."""

from __future__ import annotations

from typing import Final, NamedTuple

from handinger_tui.core.evidence.datasets import structured_of
from handinger_tui.core.evidence.sources_and_files import files_of_turn, sources_of_turn
from handinger_tui.core.jsontext import Json
from handinger_tui.core.turns.turn import (
    FilePart,
    Part,
    Retry,
    SourcePart,
    StepPart,
    Turn,
    TurnRequest,
    TurnStatus,
)


class Ending(NamedTuple):
    """What an error card is made of."""

    status: TurnStatus
    fault: object
    errors: tuple[str, ...]
    why: str | None


class Progress(NamedTuple):
    """What a status line is made of."""

    status: TurnStatus
    activity: str | None
    quiet: bool
    """Nothing of the answer has come yet."""
    retry: Retry | None = None


class Sources(NamedTuple):
    """The sources of a whole turn, shown as one line at its end."""

    parts: tuple[SourcePart, ...]


class Replaced(NamedTuple):
    """Streamed text that the service's final text does not hold."""

    text: str


class Structured(NamedTuple):
    """The structured output that a turn brought."""

    value: Json


class Skipped(NamedTuple):
    """How many events could not be read."""

    events: int


class Receipt(NamedTuple):
    """The line that says what the turn took."""

    text: str


Slot = TurnRequest | Part | Progress | Sources | Structured | Replaced | Skipped | Ending | Receipt

SHOWN_AS_ERROR: Final = frozenset(
    {
        TurnStatus.INCOMPLETE,
        TurnStatus.FAILED,
        TurnStatus.RUNNING,
        TurnStatus.REJECTED,
        TurnStatus.NOT_SENT,
        TurnStatus.NOT_DELIVERED,
        TurnStatus.UNKNOWN,
    }
)


def slots_of(turn: Turn, receipt: str) -> list[Slot]:
    """Everything that is shown of a turn, in order. Parts keep their identity."""
    slots: list[Slot] = [turn.order]
    slots += [part for part in turn.parts if not isinstance(part, StepPart | SourcePart)]
    streamed = {part.url for part in turn.parts if isinstance(part, FilePart)}
    slots += [file for file in files_of_turn(turn) if file.url not in streamed]
    if turn.replaced_text:
        slots.append(Replaced(turn.replaced_text))
    output = structured_of(turn)
    if output is not None:
        slots.append(Structured(output))
    if sources := sources_of_turn(turn):
        slots.append(Sources(sources))
    if turn.skipped:
        slots.append(Skipped(turn.skipped))
    if turn.live:
        slots.append(Progress(turn.status, turn.activity, len(slots) == 1, turn.retry))
    if turn.status in SHOWN_AS_ERROR:
        why = turn.incomplete or turn.stream_fault or turn.abort_reason
        slots.append(Ending(turn.status, turn.fault, turn.errors, why))
    if receipt:
        slots.append(Receipt(receipt))
    return slots


def same(old: Slot, new: Slot) -> bool:
    """The rows of `old` are those of `new`. Parts by identity: comparing their text would be slow."""
    if old is new:
        return True
    small = isinstance(
        old, Progress | Sources | Structured | Skipped | Ending | Receipt | Replaced | FilePart
    )
    return small and type(old) is type(new) and old == new


def slot_key(slot: Slot, number: int) -> str:
    """What a slot is remembered by while its turn grows: parts keep their number, the rest is unique."""
    return f"{number}" if isinstance(slot, Part) else type(slot).__name__
