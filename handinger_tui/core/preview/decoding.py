"""Decoding: bytes to text, saying which encoding was used and whether that was a guess."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from typing import Final

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""Byte order marks; the longer one of two that begin alike stands first."""
GUESS: Final = "cp1252"
"""For text that is no UTF-8: Latin-1 as the web reads it, with letters where that has control characters."""
GUESSED: Final = "not UTF-8; read as Windows-1252 (Western European), so letters may be wrong"
_CONTROLS: Final = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_SAMPLE: Final = 65536
_FEW: Final = 0.02
"""Share of control characters that text may have (two in a short one); a log has some."""
_FOREIGN: Final = 0.3
"""Share of bytes outside ASCII that text in an old encoding may have."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """`note` is "" when the encoding is certain."""

    text: str
    encoding: str
    note: str = ""


def encoding_of(data: bytes, *, whole: bool = True) -> str | None:
    """The Python codec to read `data` with; None when it is no text.

    `whole` False: it is the beginning of something longer, and may end inside a character.
    """
    for mark, codec in _MARKS:
        if data.startswith(mark):
            return codec
    sample = data[:_SAMPLE]
    if b"\0" in sample or len(_CONTROLS.findall(sample)) > max(2, _FEW * len(sample)):
        return None
    try:
        codecs.getincrementaldecoder("utf-8")().decode(data, final=whole)
    except UnicodeDecodeError:
        if b"\0" in data:
            # Text at the beginning only.
            return None
        foreign = len(sample.translate(None, bytes(range(128))))
        return GUESS if foreign <= _FOREIGN * len(sample) else None
    return "utf-8"


def decode(data: bytes, *, whole: bool = True) -> Decoded:
    """Text of any bytes; what cannot be read becomes U+FFFD. Never raises."""
    encoding = encoding_of(data, whole=whole)
    text = codecs.getincrementaldecoder(encoding or GUESS)("replace").decode(data, final=whole)
    name = {"utf-8-sig": "UTF-8", "utf-8": "UTF-8", GUESS: "Windows-1252"}.get(encoding or GUESS, encoding)
    return Decoded(text, (name or "").upper() if name != "Windows-1252" else name, _note(encoding))


def _note(encoding: str | None) -> str:
    if encoding is None:
        return "binary data; shown as if it were text"
    return GUESSED if encoding == GUESS else ""
