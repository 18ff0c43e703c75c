"""Cursor of the transcript: the stops it can be on, and the source text that is copied there."""

from __future__ import annotations

from typing import NamedTuple

from handinger_tui.core.turns.session import Session
from handinger_tui.ui.transcript.layout import TranscriptLayout


class Place(NamedTuple):
    """A slot (`code` -1) or one of its code blocks, by indexes that are stable while a session grows."""

    page: int
    block: int
    code: int = -1


class Stop(NamedTuple):
    """A place with its first transcript row, the row after its last, and its source text."""

    place: Place
    start: int
    end: int
    text: str


def stops_of(book: TranscriptLayout, number: int) -> list[Stop]:
    """Return the stops of one turn, from top to bottom."""
    book.measure(number)
    page = book.pages[number]
    stops: list[Stop] = []
    for at, block in enumerate(page.blocks or ()):
        text = block.source
        if not text or not block.sheet.height:
            continue
        start = book.start(number) + page.starts[at] + block.gap
        stops.append(Stop(Place(number, at), start, start + block.sheet.height, text))
        stops += [
            Stop(Place(number, at, index), start + code.start, start + code.end, code.text)
            for index, code in enumerate(block.sheet.codes())
        ]
    return stops


def stop_at(book: TranscriptLayout, place: Place) -> Stop | None:
    """Return the stop at a place, None if it no longer exists."""
    if place.page >= len(book.pages):
        return None
    return next((stop for stop in stops_of(book, place.page) if stop.place == place), None)


def rows_at(book: TranscriptLayout, place: Place) -> range:
    """Return the transcript rows of a place. It is cheap: every painted line calls it."""
    page = book.pages[place.page] if place.page < len(book.pages) else None
    if page is None or not page.blocks or place.block >= len(page.blocks):
        return range(0)
    block = page.blocks[place.block]
    start = book.start(place.page) + page.starts[place.block] + block.gap
    codes = block.sheet.codes() if place.code >= 0 else []
    if place.code < 0:
        return range(start, start + block.sheet.height)
    if place.code >= len(codes):
        return range(0)
    return range(start + codes[place.code].start, start + codes[place.code].end)


def neighbour(book: TranscriptLayout, place: Place | None, step: int, default_page: int) -> Stop | None:
    """Return the next (`step` 1) or previous (-1) stop; without a place, the last stop of `default_page`."""
    if not book.pages:
        return None
    number = default_page if place is None else place.page
    if place is None:
        stops = stops_of(book, number)
        return stops[-1] if stops else None
    candidates = [
        stop for stop in stops_of(book, number) if (stop.place > place if step > 0 else stop.place < place)
    ]
    while not candidates and 0 <= number + step < len(book.pages):
        number += step
        candidates = stops_of(book, number)
    return (candidates[0] if step > 0 else candidates[-1]) if candidates else None


def last_answer(session: Session | None) -> str:
    """Return the text of the newest answer, "" without one."""
    turns = session.turns if session is not None else ()
    return next((turn.text for turn in reversed(turns) if turn.text), "")
