"""Places: parts of a turn by their position, in linear time however many there are.

A turn is a value with a tuple of parts. While a stream tells an answer, its fold holds a turn
with `GrowingParts` instead, which are changed in place; nobody else ever sees those.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import cast

from handinger_tui.core.replacing import replace
from handinger_tui.core.turn import DataPart, Part, StepPart, ToolPart, Turn


class GrowingParts(list[Part]):
    """Parts that are changed in place by `push` and `put`, with an index of what is looked for."""

    def __init__(self, parts: Iterable[Part]) -> None:
        super().__init__()
        self.calls: dict[str, int] = {}
        """Call id → position of the newest call with it."""
        self.data: dict[tuple[str, str | None], int] = {}
        """Name and id of data → position of the first with both."""
        self.step = 0
        """Position of the current step's first part."""
        for part in parts:
            self.add(part)

    def add(self, part: Part) -> None:
        """Append a part."""
        self.append(part)
        self._note(len(self) - 1, part)

    def exchange(self, at: int, part: Part) -> None:
        """Replace the part at position `at`."""
        self[at] = part
        self._note(at, part)

    def _note(self, at: int, part: Part) -> None:
        if isinstance(part, ToolPart):
            self.calls[part.call_id] = max(at, self.calls.get(part.call_id, at))
        elif isinstance(part, DataPart):
            self.data.setdefault((part.name, part.data_id), at)
        elif isinstance(part, StepPart):
            self.step = max(self.step, at + 1)


def growing(turn: Turn) -> Turn:
    """The turn with parts that grow in place: the caller drops `turn`, and shows the result to nobody."""
    return turn if _growing(turn) is not None else _with(turn, GrowingParts(turn.parts))


def settled(turn: Turn) -> Turn:
    """The turn as a value, which later parts do not change."""
    return turn if _growing(turn) is None else replace(turn, parts=tuple(turn.parts))


def _growing(turn: Turn) -> GrowingParts | None:
    parts: Sequence[Part] = turn.parts
    return parts if isinstance(parts, GrowingParts) else None


def _with(turn: Turn, parts: GrowingParts) -> Turn:
    return replace(turn, parts=cast("tuple[Part, ...]", parts))


def push(turn: Turn, part: Part) -> Turn:
    """Append a part."""
    parts = _growing(turn)
    if parts is None:
        return replace(turn, parts=(*turn.parts, part))
    parts.add(part)
    return _with(turn, parts)


def put(turn: Turn, at: int, part: Part) -> Turn:
    """Replace the part at position `at`; all others keep their identity."""
    parts = _growing(turn)
    if parts is None:
        return replace(turn, parts=(*turn.parts[:at], part, *turn.parts[at + 1 :]))
    parts.exchange(at, part)
    return _with(turn, parts)


def step_start(turn: Turn) -> int:
    """Position of the current step's first part."""
    parts = _growing(turn)
    if parts is not None:
        return parts.step
    for at in range(len(turn.parts) - 1, -1, -1):
        if isinstance(turn.parts[at], StepPart):
            return at + 1
    return 0


def call_at(turn: Turn, call_id: str, first: int) -> int | None:
    """Position of the newest call with that id, not before `first`."""
    parts = _growing(turn)
    if parts is not None:
        at = parts.calls.get(call_id, -1)
        return at if at >= first else None
    for at in range(len(turn.parts) - 1, first - 1, -1):
        part = turn.parts[at]
        if isinstance(part, ToolPart) and part.call_id == call_id:
            return at
    return None


def data_at(turn: Turn, name: str, data_id: str) -> int | None:
    """Position of the first data of that name and id."""
    parts = _growing(turn)
    if parts is not None:
        return parts.data.get((name, data_id))
    for at, part in enumerate(turn.parts):
        if isinstance(part, DataPart) and (part.name, part.data_id) == (name, data_id):
            return at
    return None


def insert(turn: Turn, at: int, parts: tuple[Part, ...]) -> Turn:
    """Put parts before the one at position `at`; what is open stays open where it then stands."""
    behind = len(parts)
    return replace(
        turn,
        parts=(*turn.parts[:at], *parts, *turn.parts[at:]),
        open_text=tuple((key, place + behind * (place >= at)) for key, place in turn.open_text),
        open_reasoning=tuple((key, place + behind * (place >= at)) for key, place in turn.open_reasoning),
    )
