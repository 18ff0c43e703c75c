"""Wrapping by cells: at words, between wide characters, and inside a word only when it fits nowhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rich.cells import cell_len, chop_cells
from textual.content import Content

from handinger_tui.core.patterns import late

_WIDE: Final = (
    "\u1100-\u115f\u2e80-\u3000\u3003-\u3007\u3012\u3013\u301c-\ua4cf\uac00-\ud7a3\uf900-\ufaff"
    "\ufe30-\ufe4f\uff02-\uff08\uff0a\uff0b\uff0d\uff0f-\uff19\uff1c-\uff1e\uff20-\uff3b\U00020000-\U0003fffd"
)
_CLOSING: Final = "\u3001\u3002\u3009\u300b\u300d\u300f\u3011\uff01\uff09\uff0c\uff0e\uff1a\uff1b\uff1f\uff3d"
_UNIT: Final = late(f"[{_WIDE}][{_CLOSING}]*[ \t]*|[^\\s{_WIDE}]+[ \t]*|\\s+")
"""What is never divided if it fits a line: a word, or a wide character with what may not start a line."""


def width_of(text: str) -> int:
    """Cells that `text` takes."""
    return len(text) if text.isascii() else int(cell_len(text))


def wrapped(content: Content, width: int, *, words: bool = True) -> list[Content]:
    """Lines of at most `width` cells; line feeds in `content` are line ends."""
    plain = content.plain
    if "\n" in plain:
        lines = content.split("\n", allow_blank=True)
        return [piece for line in lines for piece in wrapped(line, width, words=words)]
    if len(plain) * 2 <= width or width_of(plain) <= width:
        return [content]
    cuts = list(_word_cuts(plain, width) if words else _fold_cuts(plain, width, 0))
    lines = content.divide(cuts)
    return [line.rstrip() for line in lines] if words else list(lines)


def _word_cuts(text: str, width: int) -> Iterator[int]:
    used = 0
    for unit in _UNIT.finditer(text):
        word = unit.group()
        size = width_of(word)
        if used + width_of(word.rstrip()) <= width:
            used += size
            continue
        if used and unit.start():
            yield unit.start()
        used = size
        if width_of(word.rstrip()) > width:
            cuts = list(_fold_cuts(word, width, unit.start()))
            yield from cuts
            used = width_of(text[cuts[-1] : unit.end()]) if cuts else size


def _fold_cuts(text: str, width: int, start: int) -> Iterator[int]:
    if text.isascii():
        yield from range(start + width, start + len(text), width)
        return
    for piece in chop_cells(text, width)[:-1]:
        start += len(piece)
        yield start


LINE: Final = 3_000
"""Characters after which a line of source is broken."""


def broken(text: str) -> str:
    """Break lines that are longer than `LINE`, at a space where there is one."""
    if len(text) <= LINE or all(len(line) <= LINE for line in text.split("\n")):
        return text
    return "\n".join(piece for line in text.split("\n") for piece in pieces(line, LINE))


def pieces(text: str, limit: int) -> list[str]:
    """Parts of at most `limit` characters, cut before a word where there is one.

    Never before a sign that begins a list or a heading. Where the cuts are
    depends only on the text before them.
    """
    found = []
    start = 0
    while len(text) - start > limit:
        end = start + limit
        while end > start + limit // 2 and not (text[end - 1] == " " and text[end].isalpha()):
            end -= 1
        if end == start + limit // 2:
            end = start + limit
        found.append(text[start:end])
        start = end
    return [*found, text[start:]]
