"""Slots: the items shown of a turn, each comparable with the same slot of a later value of the turn."""

from __future__ import annotations

from typing import Final, NamedTuple

from handinger_tui.core.evidence.datasets import structured_of
from handinger_tui.core.evidence.sources_and_files import files_of_turn, sources_of_turn
from handinger_tui.core.jsontext import Json
from handinger_tui.core.turns.turn import (
    CustomPart,
    DataPart,
    FilePart,
    Part,
    ReasoningPart,
    Retry,
    SourcePart,
    StepPart,
    TextPart,
    ToolPart,
    Turn,
    TurnRequest,
    TurnStatus,
)


class Ending(NamedTuple):
    """The data of an error card."""

    status: TurnStatus
    fault: object
    errors: tuple[str, ...]
    why: str | None


class ProgressLine(NamedTuple):
    """The data of a status line."""

    status: TurnStatus
    activity: str | None
    quiet: bool
    """Whether nothing of the answer has arrived yet."""
    retry: Retry | None = None


class Sources(NamedTuple):
    """All sources of a turn, shown as one line at its end."""

    parts: tuple[SourcePart, ...]


class Replaced(NamedTuple):
    """Streamed text that the final text of the service does not contain."""

    text: str


class Structured(NamedTuple):
    """The structured output of a turn."""

    value: Json


class Skipped(NamedTuple):
    """The number of events that could not be read."""

    events: int


class ReceiptLine(NamedTuple):
    """The receipt line of a turn."""

    text: str


Slot = (
    TurnRequest | TextPart | ReasoningPart | ToolPart | FilePart | DataPart | CustomPart
    | ProgressLine | Sources | Structured | Replaced | Skipped | Ending | ReceiptLine
)  # fmt: skip
"""What is shown of a turn. It omits steps; sources are one line at the end."""

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
    """Return all slots of a turn, in order. Parts keep their identity."""
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
        slots.append(ProgressLine(turn.status, turn.activity, len(slots) == 1, turn.retry))
    if turn.status in SHOWN_AS_ERROR:
        why = turn.incomplete or turn.stream_fault or turn.abort_reason
        slots.append(Ending(turn.status, turn.fault, turn.errors, why))
    if receipt:
        slots.append(ReceiptLine(receipt))
    return slots


def has_same_rows(old: Slot, new: Slot) -> bool:
    """Whether both slots have the same rows. Parts are compared by identity: comparing their text is slow."""
    if old is new:
        return True
    small = isinstance(
        old, ProgressLine | Sources | Structured | Skipped | Ending | ReceiptLine | Replaced | FilePart
    )
    return small and type(old) is type(new) and old == new


def slot_key(slot: Slot, number: int) -> str:
    """Return a stable key of a slot: the index of a part, or the type name of any other (unique) slot."""
    return f"{number}" if isinstance(slot, Part) else type(slot).__name__
