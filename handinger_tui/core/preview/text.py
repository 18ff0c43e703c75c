"""Decoding of bytes to lines of text, with the encoding that was used and notes on what was cut."""

from __future__ import annotations

import codecs
import re
from typing import Final

from msgspec import Struct

from handinger_tui.core.formatting import plural
from handinger_tui.core.safety import clean

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""Byte order marks and their codecs; of two with a common prefix the longer one comes first."""
GUESS: Final = "cp1252"
"""The codec for text that is not UTF-8: as browsers do, with letters where Latin-1 has control characters."""
GUESSED: Final = "not UTF-8; read as Windows-1252, so some letters may be wrong"
_CONTROLS: Final = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_SAMPLE: Final = 65536
_FEW: Final = 0.02
"""Highest share of control characters in text (at least two are allowed); logs have some."""
_FOREIGN: Final = 0.3
"""Highest share of non-ASCII bytes in text of an old encoding."""


class Decoded(Struct, frozen=True):
    """Decoded text. `note` is "" when the encoding is certain."""

    text: str
    encoding: str
    note: str = ""


def encoding_of(data: bytes, *, complete: bool = True) -> str | None:
    """The Python codec for `data`; None when it is not text.

    `complete` False: `data` is the beginning of a longer text and may end inside a character.
    """
    for mark, codec in _MARKS:
        if data.startswith(mark):
            return codec
    sample = data[:_SAMPLE]
    if b"\0" in sample or len(_CONTROLS.findall(sample)) > max(2, _FEW * len(sample)):
        return None
    try:
        codecs.getincrementaldecoder("utf-8")().decode(data, final=complete)
    except UnicodeDecodeError:
        if b"\0" in data:
            # Only the beginning is text.
            return None
        foreign = len(sample.translate(None, bytes(range(128))))
        return GUESS if foreign <= _FOREIGN * len(sample) else None
    return "utf-8"


def decode(data: bytes, *, complete: bool = True) -> Decoded:
    """Decode any bytes; undecodable ones become U+FFFD. Never raises."""
    encoding = encoding_of(data, complete=complete)
    text = codecs.getincrementaldecoder(encoding or GUESS)("replace").decode(data, final=complete)
    name = {"utf-8-sig": "UTF-8", "utf-8": "UTF-8", GUESS: "Windows-1252"}.get(encoding or GUESS, encoding)
    return Decoded(text, (name or "").upper() if name != "Windows-1252" else name, _note(encoding))


def _note(encoding: str | None) -> str:
    if encoding is None:
        return "binary data shown as text"
    return GUESSED if encoding == GUESS else ""


MAX_LINES: Final = 5000
MAX_COLUMNS: Final = 4000
"""Characters of a line that are shown; the rest is cut."""


class TextModel(Struct, frozen=True):
    """The cleaned lines to show. `total`: the number of lines read; `exact`: the whole file was read."""

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
        """The size for people: "12 lines", "first 50 of 120 lines", "first 50 of at least 90 lines"."""
        lines = plural(self.total, "line")
        if not self.exact:
            return f"first {len(self.lines):,} of at least {lines}"
        return lines if len(self.lines) == self.total else f"first {len(self.lines):,} of {lines}"


def read_text(data: bytes, *, complete: bool = True) -> TextModel:
    """The first `MAX_LINES` lines of a file; `complete` False: `data` is only its beginning. Never raises."""
    decoded = decode(data, complete=complete)
    text = decoded.text
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    total = text.count("\n") + (1 if text and not text.endswith("\n") else 0)
    # No regular expression: over megabytes it would hold the interpreter lock and freeze the screen.
    lines = text.split("\n", MAX_LINES)[: min(MAX_LINES, total)]
    long = sum(len(line) > MAX_COLUMNS for line in lines)
    notes = [decoded.note] if decoded.note else []
    if long:
        notes.append(
            f"{plural(long, 'line')} {'is' if long == 1 else 'are'} cut after {MAX_COLUMNS:,} characters"
        )
    return TextModel(tuple(map(_line, lines)), total, complete, decoded.encoding, tuple(notes))


def _line(line: str) -> str:
    """A cut and cleaned line; a vertical tab or line separator in it must not split it."""
    cut = line if len(line) <= MAX_COLUMNS else line[:MAX_COLUMNS] + "…"
    return clean(cut).replace("\n", " ")
