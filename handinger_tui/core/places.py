"""Places: parts of a turn by their position."""

from __future__ import annotations

from handinger_tui.core.replacing import replace
from handinger_tui.core.turn import Part, StepPart, Turn


def push(turn: Turn, part: Part) -> Turn:
    """Append a part."""
    return replace(turn, parts=(*turn.parts, part))


def put(turn: Turn, at: int, part: Part) -> Turn:
    """Replace the part at position `at`; all others keep their identity."""
    return replace(turn, parts=(*turn.parts[:at], part, *turn.parts[at + 1 :]))


def insert(turn: Turn, at: int, parts: tuple[Part, ...]) -> Turn:
    """Put parts before the one at position `at`; what is open stays open where it then stands."""
    behind = len(parts)
    return replace(
        turn,
        parts=(*turn.parts[:at], *parts, *turn.parts[at:]),
        open_text=tuple((key, place + behind * (place >= at)) for key, place in turn.open_text),
        open_reasoning=tuple((key, place + behind * (place >= at)) for key, place in turn.open_reasoning),
    )


def step_start(turn: Turn) -> int:
    """Position of the current step's first part."""
    for at in range(len(turn.parts) - 1, -1, -1):
        if isinstance(turn.parts[at], StepPart):
            return at + 1
    return 0
