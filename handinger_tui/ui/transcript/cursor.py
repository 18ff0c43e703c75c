"""The cursor of the transcript: the messages and code blocks that it can be on."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from handinger_tui.ui.transcript.layout import TranscriptLayout
from handinger_tui.ui.transcript.rows import source_of


class CursorPlace(NamedTuple):
    """A slot (`code` -1) or one of its code blocks, by indexes that are stable while a session grows."""

    turn: int
    block: int
    code: int = -1


class CursorStop(NamedTuple):
    """A place with its first transcript row, the row after its last, and its source text."""

    place: CursorPlace
    start: int
    end: int
    text: str


class TranscriptCursor:
    """The cursor in a layout. `reveal` scrolls rows into sight and repaints."""

    def __init__(self, layout: TranscriptLayout, reveal: Callable[[int, int], None]) -> None:
        self._layout = layout
        self._reveal = reveal
        self._place: CursorPlace | None = None

    def clear(self) -> None:
        """Remove the cursor; the caller repaints."""
        self._place = None

    def move(self, step: int, default_turn: int) -> None:
        """Move to the next (`step` 1) or previous (-1) stop; at first to the last one of `default_turn`."""
        stop = self._neighbor(step, default_turn)
        if stop is not None:
            self._place = stop.place
            self._reveal(stop.start, stop.end)

    def _neighbor(self, step: int, default_turn: int) -> CursorStop | None:
        layout, place = self._layout, self._place
        if not layout.turns:
            return None
        if place is None or place.turn >= len(layout.turns):
            return next(reversed(self._stops(default_turn)), None)
        number = place.turn
        stops = [
            stop for stop in self._stops(number) if (stop.place > place if step > 0 else stop.place < place)
        ]
        while not stops and 0 <= number + step < len(layout.turns):
            number += step
            stops = self._stops(number)
        return (stops[0] if step > 0 else stops[-1]) if stops else None

    def _stops(self, number: int) -> list[CursorStop]:
        """Return the stops of one turn, from top to bottom."""
        layout = self._layout
        if number >= len(layout.turns):
            return []
        layout.measure(number)
        stops: list[CursorStop] = []
        for at, block in enumerate(layout.turns[number].blocks):
            text = source_of(block.slot)
            if not text or not block.buffer.height:
                continue
            start = layout.top_of(number, at)
            stops.append(CursorStop(CursorPlace(number, at), start, start + block.buffer.height, text))
            stops += [
                CursorStop(CursorPlace(number, at, index), start + code.start, start + code.end, code.text)
                for index, code in enumerate(block.buffer.codes())
            ]
        return stops

    @property
    def text(self) -> str | None:
        """The source text at the cursor; None without a cursor."""
        place = self._place
        if place is None:
            return None
        return next((stop.text for stop in self._stops(place.turn) if stop.place == place), None)

    @property
    def part(self) -> tuple[str, int] | None:
        """The id of the turn and the index of the part at the cursor; -1 if no part is there.

        None without a cursor.
        """
        place, turns = self._place, self._layout.turns
        if place is None or place.turn >= len(turns):
            return None
        turn, blocks = turns[place.turn].turn, turns[place.turn].blocks
        slot = blocks[place.block].slot if place.block < len(blocks) else None
        return turn.turn_id, next((at for at, part in enumerate(turn.parts) if part is slot), -1)

    def is_on(self, y: int) -> bool:
        """Whether the cursor is on transcript row `y`. It is cheap: every painted line calls it."""
        place, layout = self._place, self._layout
        if place is None or place.turn >= len(layout.turns):
            return False
        blocks = layout.turns[place.turn].blocks
        if place.block >= len(blocks):
            return False
        buffer, row = blocks[place.block].buffer, y - layout.top_of(place.turn, place.block)
        if place.code < 0:
            return 0 <= row < buffer.height
        return any(code.start <= row < code.end for code in buffer.codes()[place.code : place.code + 1])
