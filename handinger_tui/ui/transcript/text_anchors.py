"""Text anchors: map a mention, given as character offsets in the source text, to the row that shows it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from textual.content import Span
from textual.style import Style

from handinger_tui.core.evidence.citations import CitationMark, CitationReader
from handinger_tui.core.evidence.source_addresses import canonical_url
from handinger_tui.ui.transcript.rows.row import PREFIX, Row


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
