"""Anchors: where on the screen a mention stands, which is known only as characters of the text as it came."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from textual.content import Span
from textual.style import Style

from handinger_tui.core.evidence.citations import CitationMark, CitationReader
from handinger_tui.core.evidence.source_addresses import canonical_url
from handinger_tui.ui.transcript.rows.row import PREFIX, Row


class Anchor(NamedTuple):
    """Characters `start` to `end` of a row, by its number; `end` 0: nothing but the row is known."""

    row: int
    start: int = 0
    end: int = 0


_CODE: Final = f".{PREFIX}code-span"


def anchor_of(rows: Sequence[Row], text: str, start: int, end: int, key: str) -> Anchor:
    """Where characters `start` to `end` of `text` are shown in its `rows`.

    `key` is the canonical address of the source that is mentioned, "" where it
    has none. What is shown as often as it stands in the text is found exactly;
    else the nearest place that shows it, and at worst about the right row.
    """
    marks = CitationReader().marks(text)
    here = next((mark for mark in marks if (mark.start, mark.end) == (start, end)), CitationMark(start, end))
    peers = [mark.start for mark in marks if _alike(text, mark, here)] or [start]
    shown = list(_shown(rows, text[start:end], here, key))
    at = peers.index(start) if start in peers else 0
    if len(shown) == len(peers):
        return shown[at]
    about = _about(len(rows), text, start)
    return min(shown, key=lambda anchor: abs(anchor.row - about), default=Anchor(about))


def _alike(text: str, one: CitationMark, other: CitationMark) -> bool:
    if other.url is not None or one.url is not None:
        return one.url == other.url
    return text[one.start : one.end] == text[other.start : other.end]


def _shown(rows: Sequence[Row], raw: str, mark: CitationMark, key: str) -> Iterator[Anchor]:
    """The places in the rows that look like the mark: links that lead there, else the very text."""
    links = list(_links(rows, mark.url or key, mark.labels)) if mark.url or key else []
    texts = list(_texts(rows, raw))
    if mark.url is None:
        yield from texts or links
    else:
        yield from links or texts


def _links(rows: Sequence[Row], url: str, said: tuple[str, ...]) -> Iterator[Anchor]:
    for number, row in enumerate(rows):
        for span in row.content.spans:
            shown = row.content.plain[span.start : span.end]
            if (not said or shown.lstrip("^") in said) and _leads_to(span, url):
                yield Anchor(number, span.start, span.end)


def _leads_to(span: Span, url: str) -> bool:
    if not isinstance(span.style, Style):
        return False
    click = span.style.meta.get("@click")
    return isinstance(click, tuple) and canonical_url(str(click[1][0])) == url


def _texts(rows: Sequence[Row], raw: str) -> Iterator[Anchor]:
    """The very text, outside code."""
    for number, row in enumerate(rows):
        plain = row.content.plain
        at = plain.find(raw) if raw and row.style != "code" else -1
        while at >= 0:
            spans = row.content.spans
            if not any(span.style == _CODE and span.start <= at < span.end for span in spans):
                yield Anchor(number, at, at + len(raw))
            at = plain.find(raw, at + len(raw))


def _about(rows: int, text: str, start: int) -> int:
    lines = text.count("\n") + 1
    return min(rows - 1, rows * text.count("\n", 0, start) // lines) if rows else 0
