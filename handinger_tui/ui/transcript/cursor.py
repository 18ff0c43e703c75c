"""Cursor of the transcript: the stops it can be on, and the source text that is copied there."""

from __future__ import annotations

from typing import NamedTuple

from handinger_tui.core.turns.session import Session
from handinger_tui.ui.transcript.layout import TranscriptLayout


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


def stops_of(layout: TranscriptLayout, number: int) -> list[CursorStop]:
    """Return the stops of one turn, from top to bottom."""
    layout.measure(number)
    turn_layout = layout.turns[number]
    stops: list[CursorStop] = []
    for at, block in enumerate(turn_layout.blocks or ()):
        text = block.source
        if not text or not block.buffer.height:
            continue
        start = layout.start(number) + turn_layout.starts[at] + block.gap
        stops.append(CursorStop(CursorPlace(number, at), start, start + block.buffer.height, text))
        stops += [
            CursorStop(CursorPlace(number, at, index), start + code.start, start + code.end, code.text)
            for index, code in enumerate(block.buffer.codes())
        ]
    return stops


def stop_at(layout: TranscriptLayout, place: CursorPlace) -> CursorStop | None:
    """Return the stop at a place, None if it no longer exists."""
    if place.turn >= len(layout.turns):
        return None
    return next((stop for stop in stops_of(layout, place.turn) if stop.place == place), None)


def rows_at(layout: TranscriptLayout, place: CursorPlace) -> range:
    """Return the transcript rows of a place. It is cheap: every painted line calls it."""
    turn_layout = layout.turns[place.turn] if place.turn < len(layout.turns) else None
    if turn_layout is None or not turn_layout.blocks or place.block >= len(turn_layout.blocks):
        return range(0)
    block = turn_layout.blocks[place.block]
    start = layout.start(place.turn) + turn_layout.starts[place.block] + block.gap
    codes = block.buffer.codes() if place.code >= 0 else []
    if place.code < 0:
        return range(start, start + block.buffer.height)
    if place.code >= len(codes):
        return range(0)
    return range(start + codes[place.code].start, start + codes[place.code].end)


def neighbor(
    layout: TranscriptLayout, place: CursorPlace | None, step: int, default_turn: int
) -> CursorStop | None:
    """Return the next (`step` 1) or previous (-1) stop; without a place, the last stop of `default_turn`."""
    if not layout.turns:
        return None
    number = default_turn if place is None else place.turn
    if place is None:
        stops = stops_of(layout, number)
        return stops[-1] if stops else None
    candidates = [
        stop for stop in stops_of(layout, number) if (stop.place > place if step > 0 else stop.place < place)
    ]
    while not candidates and 0 <= number + step < len(layout.turns):
        number += step
        candidates = stops_of(layout, number)
    return (candidates[0] if step > 0 else candidates[-1]) if candidates else None


def last_answer(session: Session | None) -> str:
    """Return the text of the newest answer, "" without one."""
    turns = session.turns if session is not None else ()
    return next((turn.text for turn in reversed(turns) if turn.text), "")
