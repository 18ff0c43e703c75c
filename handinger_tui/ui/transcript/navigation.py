"""Navigation in the transcript: the places of the cursor, the search, and the mentions of a source."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from math import inf
from time import monotonic, sleep
from typing import TYPE_CHECKING, Final, NamedTuple

from textual.content import Span
from textual.strip import Strip
from textual.style import Style

from handinger_tui.core.citations import CitationMark, CitationReader, Mention
from handinger_tui.core.evidence import canonical_url
from handinger_tui.core.turns.session import identical_prefix
from handinger_tui.core.turns.turn import ReasoningPart, TextPart
from handinger_tui.ui.background import YIELD_S
from handinger_tui.ui.transcript.blocks import complete_code
from handinger_tui.ui.transcript.document import ALL
from handinger_tui.ui.transcript.painting import (
    PREFIX,
    Row,
    StripCache,
    cells,
    over,
    with_cursor,
    with_matches,
)
from handinger_tui.ui.transcript.rows import Slot, slots_of, source_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from handinger_tui.core.turns.session import Session
    from handinger_tui.ui.transcript.layout import Block, TranscriptLayout
    from handinger_tui.ui.transcript.painting import RowBuffer


class Canvas(NamedTuple):
    """What is drawn over: a layout, its strips, and the widget that shows them."""

    layout: TranscriptLayout
    strip_cache: StripCache
    reveal: Callable[[int, int], None]
    """Scroll rows into the view and repaint."""
    repaint: Callable[[], object]


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
    """The cursor in a layout."""

    def __init__(self, canvas: Canvas) -> None:
        self._layout, self._reveal = canvas.layout, canvas.reveal
        self._place: CursorPlace | None = None

    def clear(self) -> None:
        """Remove the cursor; the caller repaints."""
        self._place = None

    @property
    def place(self) -> CursorPlace | None:
        """The place of the cursor; None without one."""
        return self._place

    def put(self, place: CursorPlace) -> None:
        """Put the cursor on a place without scrolling; the caller repaints."""
        self._place = place

    def begin(self, default_turn: int) -> None:
        """Without a cursor, put one on the answer of `default_turn`, else on its last stop; do not scroll."""
        stops = self._stops(default_turn)
        if self._place is None and stops:
            blocks = self._layout.turns[default_turn].blocks
            texts = [
                stop
                for stop in stops
                if stop.place.code < 0 and isinstance(blocks[stop.place.block].slot, TextPart)
            ]
            self._place = (texts or stops)[-1].place

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
        layout.measure(number, ALL)
        stops: list[CursorStop] = []
        for at, block in enumerate(layout.turns[number].blocks):
            text = source_of(block.slot)
            if not text or not block.row_height:
                continue
            start = layout.top_of(number, at)
            stops.append(CursorStop(CursorPlace(number, at), start, start + block.row_height, text))
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
        text = next((stop.text for stop in self._stops(place.turn) if stop.place == place), None)
        if text is None or place.code < 0:
            return text
        slot = self._layout.turns[place.turn].blocks[place.block].slot
        return complete_code(slot.text, text) if isinstance(slot, TextPart | ReasoningPart) else text

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


class Hit(NamedTuple):
    """A slot that contains the text; turn and slot are indexes."""

    turn: int
    slot: int


Slots = Iterator[tuple[Hit, Slot]]


class MatchCounts(NamedTuple):
    """The matches in those of `slots` that were counted; `is_complete`: these are all."""

    slots: Slots
    """Only those of the present search: the patterns of two searches for one text are the same object."""
    matches: dict[Hit, int]
    is_complete: bool


def _count(pattern: re.Pattern[str], slots: Slots, seconds: float) -> MatchCounts:
    """Count matches for about that many seconds, in at least one slot; `inf`: in all, without pauses."""
    end, matches = monotonic() + seconds, {}
    for hit, slot in slots:
        if count := sum(1 for _match in pattern.finditer(source_of(slot))):
            matches[hit] = count
        if seconds < inf:
            # Releases the interpreter lock: the thread of the screen would wait for it.
            sleep(YIELD_S)
        if monotonic() >= end:
            return MatchCounts(slots, matches, False)
    return MatchCounts(slots, matches, True)


class TranscriptSearch:
    """One search at a time.

    Visible matches are marked at once. All are counted in slices, the newest turn first.
    """

    def __init__(self, canvas: Canvas) -> None:
        self._layout, self._strip_cache, self._reveal, self._repaint = canvas
        self._pattern: re.Pattern[str] | None = None
        self._counts: dict[Hit, int] = {}
        """The number of matches in each slot that has any."""
        self._session: Session | None = None
        """The value of the session that is counted."""
        self._todo: Slots = iter(())
        self._is_complete = True
        """Whether all of `_todo` is counted."""
        self._here: Hit | None = None
        """The slot of the current match; None before the first one."""
        self._row = 0
        """Row of the current match, from the first row of its turn."""
        self._number = 0
        """Number of the current match within its slot."""
        self._pending = ("", "")
        """The id of a session that is not laid out yet, and the text to find in it."""

    @property
    def active(self) -> bool:
        """Whether matches are highlighted."""
        return self._pattern is not None

    def clear(self) -> None:
        """End the search and remove its highlights."""
        self._pattern, self._session, self._here = None, None, None
        self._counts, self._todo, self._is_complete = {}, iter(()), True
        self._repaint()

    def start(self, text: str) -> None:
        """Search literally for `text`, ignoring case; the first of what is counted is the last match."""
        self.clear()
        if text.strip():
            self._pattern = re.compile(re.escape(text), re.IGNORECASE)

    def find(self, text: str) -> int:
        """Start a search and count all matches at once; returns how many there are."""
        self.start(text)
        work = self.counting()
        if work is not None:
            self.add(work(inf))
        if not self._counts:
            self.clear()
        return self.total

    def find_in(self, session_id: str, text: str) -> None:
        """Go to the newest match in a session, once that is laid out."""
        self._pending = (session_id, text)
        self.find_pending()

    def find_pending(self) -> None:
        """Go to the newest match of a pending search if its session is laid out."""
        (session_id, text), session = self._pending, self._layout.session
        if text and session is not None and session.session_id == session_id:
            self._pending = ("", "")
            self.find(text)

    def add(self, counts: MatchCounts) -> None:
        """Add counts of the present search; those of an earlier one are dropped. Go to the first match."""
        if counts.slots is not self._todo:
            return
        self._counts.update(counts.matches)
        self._is_complete = counts.is_complete
        if self._here is None:
            self.step(-1)

    def counting(self) -> Callable[[float], MatchCounts] | None:
        """A function that continues to count for about that many seconds, in any thread; None at the end.

        It begins with the turns that have changed since they were counted.
        """
        if self._pattern is None or (self._is_complete and not self._has_more()):
            return None
        return partial(_count, self._pattern, self._todo)

    def _has_more(self) -> bool:
        """Whether turns have changed since they were counted; they are counted next."""
        before, session = self._session, self._layout.session
        if session is None or session is before:
            return False
        self._is_complete = False
        turns = session.turns
        same = identical_prefix(before.turns, turns) if before is not None else 0
        self._session = session
        self._counts = {hit: count for hit, count in self._counts.items() if hit.turn < same}
        self._todo = (
            (Hit(number, at), slot)
            for number in reversed(range(same, len(turns)))
            for at, slot in reversed([*enumerate(slots_of(turns[number], ""))])
        )
        return True

    @property
    def total(self) -> int:
        """The number of matches counted so far."""
        return sum(self._counts.values())

    @property
    def number(self) -> int:
        """The number of the current match, from 1; 0 without one."""
        here = self._here
        if here is None:
            return 0
        return sum(count for hit, count in self._counts.items() if hit < here) + self._number

    def step(self, by: int) -> None:
        """Go to the next match below (`by` 1) or above (-1), in a cycle."""
        if self._pattern is None or not self._counts:
            return
        here = self._here
        all_rows = self._rows(self._pattern, here) if here is not None else []
        rows = [row for row in all_rows if (row > self._row if by > 0 else row < self._row)]
        if here is None or not rows:
            here = self._neighbor(here, by)
            rows = all_rows = self._rows(self._pattern, here)
        self._here, self._row = here, rows[0] if by > 0 else rows[-1]
        # Several matches in one row count as one step: the last row has the last of them.
        count, index = self._counts.get(here, 1), all_rows.index(self._row)
        self._number = count if index == len(all_rows) - 1 else min(index + 1, count)
        start = self._layout.start(here.turn) + self._row
        self._reveal(start, start + 1)

    def _neighbor(self, here: Hit | None, by: int) -> Hit:
        """Return the next slot below or above with a match, in a cycle; without `here` the last or first."""
        hits = self._counts
        if here is not None:
            beyond = [hit for hit in hits if (hit > here if by > 0 else hit < here)]
            if beyond:
                return min(beyond) if by > 0 else max(beyond)
        return min(hits) if by > 0 else max(hits)

    def _rows(self, pattern: re.Pattern[str], hit: Hit) -> list[int]:
        """Return the rows of a hit's turn that show a match of the hit; they are unfolded if need be."""
        layout = self._layout
        if hit.turn >= len(layout.turns):
            return [0]
        layout.measure(hit.turn, ALL)
        turn_layout = layout.turns[hit.turn]
        at = min(hit.slot, len(turn_layout.blocks) - 1)
        block = turn_layout.blocks[at]
        if block.foldable and not block.unfolded:
            layout.toggle_fold(hit.turn, at, own=True)
            block = turn_layout.blocks[at]
        start = layout.top_of(hit.turn, at) - layout.start(hit.turn)
        return [start + row for row in self._rows_of_block(block, pattern)]

    def _rows_of_block(self, block: Block, pattern: re.Pattern[str]) -> list[int]:
        """Return the rows of a block that show a match, its first one if none does.

        A match that is wrapped over two lines counts for the first screen row of its row.
        """
        matching: list[int] = []
        for number, row in enumerate(block.buffer.rows):
            if pattern.search(row.first.plain + row.content.plain) is None:
                continue
            strips = self._strip_cache.strips(row, block.buffer.tone)
            visible = [at for at, strip in enumerate(strips) if pattern.search(strip.text)]
            matching += [block.buffer.start_of(number) + at for at in visible or (0,)]
        return matching or [0]

    def draw(self, strip: Strip, y: int) -> Strip:
        """Highlight the matches in transcript row `y`."""
        if self._pattern is None:
            return strip
        here, layout = self._here, self._layout
        is_here = (
            here is not None and here.turn < len(layout.turns) and y == layout.start(here.turn) + self._row
        )
        name = "match-here" if is_here else "match"
        return with_matches(strip, self._pattern, self._strip_cache.palette.row(name).rich_style)


CellRange = tuple[int, int]
"""First cell, and the cell after the last, of a stretch of a line."""


class MentionHighlight:
    """The mention of a source that is highlighted in a layout."""

    def __init__(self, canvas: Canvas) -> None:
        self.mention: Mention | None = None
        self._layout, self._strip_cache, self._reveal, self._repaint = canvas
        self._key = ""
        self._cells: Mapping[int, CellRange] = {}
        self._cells_of: tuple[RowBuffer, int] | None = None
        """Rows and height for which `_cells` is valid: finding a mention reads the entire answer."""

    def clear(self) -> None:
        """Remove the highlight of the mention that was shown."""
        self.mention = None
        self._repaint()

    def show(self, mention: Mention, key: str) -> bool:
        """Scroll to a mention and highlight it; `key` is the canonical URL of its source, "" without one.

        Returns False when its text is not in the transcript.
        """
        self.mention, self._key, self._cells_of = mention, key, None
        number = self._layout.number_of(mention.turn_id)
        start, lines = (0, {}) if number is None else self._locate(mention, number)
        if not lines:
            self.clear()
            return False
        self._reveal(start + min(lines), start + max(lines) + 1)
        return True

    def draw(self, strip: Strip, y: int) -> Strip:
        """Highlight the mention in transcript row `y`."""
        mention, turns = self.mention, self._layout.turns
        number = self._layout.turn_at(y)
        if mention is None or number >= len(turns) or turns[number].turn.turn_id != mention.turn_id:
            return strip
        start, lines = self._locate(mention, number)
        if y - start not in lines:
            return strip
        palette = self._strip_cache.palette
        marked = over(strip, *lines[y - start], palette.row("match-here").rich_style)
        return with_cursor(marked, palette.row("cursor").rich_style)

    def _locate(self, mention: Mention, number: int) -> tuple[int, Mapping[int, CellRange]]:
        """Return the first row of the block with the mention, and the highlighted lines relative to it."""
        layout = self._layout
        layout.measure(number, ALL)
        turn_layout = layout.turns[number]
        parts = turn_layout.turn.parts
        part = parts[mention.position] if mention.position < len(parts) else None
        for at, block in enumerate(turn_layout.blocks):
            if block.slot is part and isinstance(part, TextPart):
                return layout.top_of(number, at), self._lines_of(block, part, mention)
        return 0, {}

    def _lines_of(self, block: Block, part: TextPart, mention: Mention) -> Mapping[int, CellRange]:
        buffer = block.buffer
        if self._cells_of != (buffer, buffer.height):
            anchor = anchor_of(buffer.rows, part.text, mention.start, mention.end, self._key)
            top = buffer.start_of(anchor.row)
            row, spans = buffer.rows[anchor.row], [(anchor.start, anchor.end)]
            stretches = cells(row, self._strip_cache.width, spans)
            self._cells = {top + line: (first, last) for _, line, first, last in stretches} or {top: (0, 0)}
            self._cells_of = buffer, buffer.height
        return self._cells


class Anchor(NamedTuple):
    """Characters `start` to `end` of row number `row`. `end` 0: somewhere in that row."""

    row: int
    start: int = 0
    end: int = 0


_CODE: Final = f".{PREFIX}code-span"


def anchor_of(rows: Sequence[Row], text: str, start: int, end: int, key: str) -> Anchor:
    """Find where characters `start` to `end` of `text` are shown in its `rows`.

    `key` is the canonical URL of the mentioned source, "" without one. The result is
    exact if the rows show the mark as often as the text contains it. Otherwise it is the
    nearest place that shows it, and without any such place an estimated row.
    """
    marks = CitationReader().marks(text)
    here = next((mark for mark in marks if (mark.start, mark.end) == (start, end)), CitationMark(start, end))
    peers = [mark.start for mark in marks if _same_target(text, mark, here)] or [start]
    candidates = list(_candidates(rows, text[start:end], here, key))
    at = peers.index(start) if start in peers else 0
    if len(candidates) == len(peers):
        return candidates[at]
    estimate = _estimated_row(len(rows), text, start)
    return min(candidates, key=lambda anchor: abs(anchor.row - estimate), default=Anchor(estimate))


def _same_target(text: str, one: CitationMark, other: CitationMark) -> bool:
    if other.url is not None or one.url is not None:
        return one.url == other.url
    return text[one.start : one.end] == text[other.start : other.end]


def _candidates(rows: Sequence[Row], raw: str, mark: CitationMark, key: str) -> Iterator[Anchor]:
    """Yield the places in the rows that may show the mark: links to its URL, or else its literal text."""
    links = list(_link_anchors(rows, mark.url or key, mark.labels)) if mark.url or key else []
    texts = list(_text_anchors(rows, raw))
    if mark.url is None:
        yield from texts or links
    else:
        yield from links or texts


def _link_anchors(rows: Sequence[Row], url: str, labels: tuple[str, ...]) -> Iterator[Anchor]:
    for number, row in enumerate(rows):
        for span in row.content.spans:
            label = row.content.plain[span.start : span.end]
            if (not labels or label.lstrip("^") in labels) and _leads_to(span, url):
                yield Anchor(number, span.start, span.end)


def _leads_to(span: Span, url: str) -> bool:
    if not isinstance(span.style, Style):
        return False
    click = span.style.meta.get("@click")
    return isinstance(click, tuple) and canonical_url(str(click[1][0])) == url


def _text_anchors(rows: Sequence[Row], raw: str) -> Iterator[Anchor]:
    """Yield each occurrence of the literal text outside code."""
    for number, row in enumerate(rows):
        plain = row.content.plain
        at = plain.find(raw) if raw and row.style != "code" else -1
        while at >= 0:
            spans = row.content.spans
            if not any(span.style == _CODE and span.start <= at < span.end for span in spans):
                yield Anchor(number, at, at + len(raw))
            at = plain.find(raw, at + len(raw))


def _estimated_row(rows: int, text: str, start: int) -> int:
    lines = text.count("\n") + 1
    return min(rows - 1, rows * text.count("\n", 0, start) // lines) if rows else 0
