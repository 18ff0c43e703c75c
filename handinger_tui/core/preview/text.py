"""Text, Markdown and code: decoded, cleaned, and cut with a word about what is missing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from handinger_tui.core.preview.decoding import decode
from handinger_tui.core.safety import clean

MAX_LINES: Final = 5000
MAX_COLUMNS: Final = 4000
"""Characters of a line that are shown."""


@dataclass(frozen=True, slots=True)
class TextModel:
    """The lines to show, clean. `total` counts the lines of what was read; `exact`: that was all of it."""

    lines: tuple[str, ...]
    total: int
    exact: bool
    encoding: str
    notes: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The shown lines as one text."""
        return "\n".join(self.lines)

    @property
    def counted(self) -> str:
        """For people: "12 lines", "first 5,000 of 120,000 lines", "first 5,000 of at least 90,000 lines"."""
        whole = f"{self.total:,} {'line' if self.total == 1 else 'lines'}"
        if not self.exact:
            return f"first {len(self.lines):,} of at least {whole}"
        return whole if len(self.lines) == self.total else f"first {len(self.lines):,} of {whole}"


def read_text(data: bytes, *, whole: bool = True, most: int = MAX_LINES) -> TextModel:
    """The first `most` lines of a file; `whole` False when `data` is only its beginning. Never raises."""
    decoded = decode(data, whole=whole)
    text = decoded.text
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    total = text.count("\n") + (1 if text and not text.endswith("\n") else 0)
    # No regular expression: over megabytes it would keep the interpreter from the screen.
    lines = text.split("\n", most)[: min(most, total)]
    long = sum(len(line) > MAX_COLUMNS for line in lines)
    notes = [decoded.note] if decoded.note else []
    if long:
        notes.append(
            f"{long:,} {'line is' if long == 1 else 'lines are'} cut after {MAX_COLUMNS:,} characters"
        )
    return TextModel(tuple(map(_line, lines)), total, whole, decoded.encoding, tuple(notes))


def _line(line: str) -> str:
    """A vertical tab or a line separator inside a line must not make two of it."""
    kept = line if len(line) <= MAX_COLUMNS else line[:MAX_COLUMNS] + "…"
    return clean(kept).replace("\n", " ")
