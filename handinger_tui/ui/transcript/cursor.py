"""Stops: what the cursor of the transcript can stand on, and what copying there gives."""

from __future__ import annotations

from typing import NamedTuple

from handinger_tui.core.turns.session import Session
from handinger_tui.ui.transcript.layout import TranscriptLayout


class Place(NamedTuple):
    """A slot (`code` -1) or one of its code blocks, by numbers that stay while a session grows."""

    page: int
    block: int
    code: int = -1


class Stop(NamedTuple):
    """A place, the rows of the whole transcript that it takes, and its source."""

    place: Place
    start: int
    end: int
    text: str


def stops_of(book: TranscriptLayout, number: int) -> list[Stop]:
    """The stops of one page, from top to bottom."""
    book.measure(number)
    page = book.pages[number]
    found: list[Stop] = []
    for at, block in enumerate(page.blocks or ()):
        text = block.source
        if not text or not block.sheet.height:
            continue
        start = book.start(number) + page.starts[at] + block.gap
        found.append(Stop(Place(number, at), start, start + block.sheet.height, text))
        found += [
            Stop(Place(number, at, index), start + code.start, start + code.end, code.text)
            for index, code in enumerate(block.sheet.codes())
        ]
    return found


def stop_at(book: TranscriptLayout, place: Place) -> Stop | None:
    """The stop at a place, if it is still there."""
    if place.page >= len(book.pages):
        return None
    return next((stop for stop in stops_of(book, place.page) if stop.place == place), None)


def rows_at(book: TranscriptLayout, place: Place) -> range:
    """The rows of a place; cheap, for every line that is painted."""
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
    """The stop `step` (1 or -1) away; without a place, the last stop of `default_page`."""
    if not book.pages:
        return None
    number = default_page if place is None else place.page
    if place is None:
        stops = stops_of(book, number)
        return stops[-1] if stops else None
    later = [
        stop for stop in stops_of(book, number) if (stop.place > place if step > 0 else stop.place < place)
    ]
    while not later and 0 <= number + step < len(book.pages):
        number += step
        later = stops_of(book, number)
    return (later[0] if step > 0 else later[-1]) if later else None


def last_answer(session: Session | None) -> str:
    """The newest answer's text, "" when there is none."""
    turns = session.turns if session is not None else ()
    return next((turn.text for turn in reversed(turns) if turn.text), "")
