"""The highlighted mention of a source: which row shows it, given its offsets in the source text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from textual.content import Span
from textual.strip import Strip
from textual.style import Style

from handinger_tui.core.evidence.citations import CitationMark, CitationReader, Mention
from handinger_tui.core.evidence.sources import canonical_url
from handinger_tui.core.turns.turn import TextPart
from handinger_tui.ui.transcript.overlays import over, with_cursor
from handinger_tui.ui.transcript.painting import cells
from handinger_tui.ui.transcript.row import PREFIX, Row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from handinger_tui.ui.transcript.layout import Block, TranscriptLayout
    from handinger_tui.ui.transcript.row_buffer import RowBuffer, StripCache

CellRange = tuple[int, int]
"""First cell, and the cell after the last, of a stretch of a line."""


class MentionHighlight:
    """The mention of a source that is highlighted in a layout.

    `reveal` scrolls rows into sight and repaints, `repaint` only repaints.
    """

    def __init__(
        self,
        layout: TranscriptLayout,
        strip_cache: StripCache,
        reveal: Callable[[int, int], None],
        repaint: Callable[[], object],
    ) -> None:
        self.mention: Mention | None = None
        self._layout = layout
        self._strip_cache = strip_cache
        self._reveal = reveal
        self._repaint = repaint
        self._key = ""
        self._cells: Mapping[int, CellRange] = {}
        self._cells_of: tuple[RowBuffer, int] | None = None
        """Rows and height for which `_cells` is valid: finding a mention reads the entire answer."""

    def clear(self) -> None:
        """Remove the highlight."""
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
        layout.measure(number)
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
            stretches = cells(buffer.rows[anchor.row], self._strip_cache.width, anchor.start, anchor.end)
            self._cells = {top + line: (first, last) for line, first, last in stretches} or {top: (0, 0)}
            self._cells_of = buffer, buffer.height
        return self._cells


class Anchor(NamedTuple):
    """Characters `start` to `end` of row number `row`. With `end` 0 only the row is known."""

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
