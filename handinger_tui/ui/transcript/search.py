"""Search in the transcript: which slots contain a text (in their source), and which rows show it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from handinger_tui.core.turns.session import Session
from handinger_tui.ui.transcript.layout import RowBuffer, StripCache
from handinger_tui.ui.transcript.rows.parts import source_of
from handinger_tui.ui.transcript.rows.slots import slots_of


@dataclass(frozen=True, slots=True)
class Hit:
    """A slot that contains the text `count` times; `turn` and `slot` are indexes."""

    turn: int
    slot: int
    count: int


@dataclass(slots=True)
class Search:
    """One search: its pattern, the hits in order, and the current hit (`at`) and screen row (`row`)."""

    pattern: re.Pattern[str]
    hits: list[Hit]
    at: int = -1
    row: int = -1

    @property
    def count(self) -> int:
        """Total number of matches."""
        return sum(hit.count for hit in self.hits)

    def rows(self, buffer: RowBuffer, strip_cache: StripCache) -> list[int]:
        """Return the screen rows of a row buffer that show a match."""
        return rows_with(buffer, self.pattern, strip_cache)


def search(session: Session, text: str) -> Search | None:
    """Search literally for `text`, ignoring case; None for an empty text."""
    if not text.strip():
        return None
    pattern = re.compile(re.escape(text), re.IGNORECASE)
    return Search(pattern, list(_hits(session, pattern)))


def _hits(session: Session, pattern: re.Pattern[str]) -> Iterator[Hit]:
    for number, turn in enumerate(session.turns):
        for at, slot in enumerate(slots_of(turn, "")):
            count = sum(1 for _match in pattern.finditer(source_of(slot)))
            if count:
                yield Hit(number, at, count)


def rows_with(buffer: RowBuffer, pattern: re.Pattern[str], strip_cache: StripCache) -> list[int]:
    """Return the screen rows of a row buffer that show a match.

    A match that is wrapped over two lines counts for the first screen row of its row.
    """
    matching: list[int] = []
    for number, row in enumerate(buffer.rows):
        if pattern.search(row.first.plain + row.content.plain) is None:
            continue
        strips = strip_cache.strips(row, buffer.tone)
        visible = [at for at, strip in enumerate(strips) if pattern.search(strip.text)]
        matching += [buffer.start_of(number) + at for at in visible or (0,)]
    return matching or [0]
