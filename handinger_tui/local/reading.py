"""Making text of bytes, with the honest word how."""

from __future__ import annotations

import codecs
from dataclasses import dataclass

LONGEST_READ = 8 * 1024 * 1024
"""Bytes of a file that are looked at; what lies beyond is said to be left out."""

_PREVIEW_CHARACTERS = 160
_PROBE_BYTES = 8192
_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True, slots=True)
class Reading:
    """The text of a file, the encoding it was read in, its size in bytes, and whether it was cut."""

    path: str
    text: str
    encoding: str
    size: int
    cut: bool

    def as_output(self) -> dict[str, object]:
        """Return what the tool shows of it."""
        return {
            "path": self.path,
            "bytes": self.size,
            "encoding": self.encoding,
            "characters": len(self.text),
            "lines": len(self.text.split("\n")) - self.text.endswith("\n"),
            "cut": self.cut,
            "preview": self.text[:_PREVIEW_CHARACTERS],
        }


def looks_binary(content: bytes) -> bool:
    """Tell whether the beginning holds NUL bytes, as no text but UTF-16 does."""
    return b"\x00" in content[:_PROBE_BYTES] and not content.startswith(_UTF16_MARKS)


def read_text(path: str, content: bytes) -> Reading:
    """Decode as UTF-8 or UTF-16 by their marks, as UTF-8, else as Windows-1252 with marks for gaps."""
    head = content[:LONGEST_READ]
    cut = len(content) > LONGEST_READ
    if head.startswith(_UTF16_MARKS):
        text, encoding = head.decode("utf-16", errors="replace"), "UTF-16"
    else:
        try:
            # Not final when cut: the cut may fall inside a sign of several bytes.
            text, encoding = codecs.getincrementaldecoder("utf-8-sig")().decode(head, final=not cut), "UTF-8"
        except UnicodeDecodeError:
            text, encoding = (
                head.decode("cp1252", errors="replace"),
                "Windows-1252 (a guess: it is not UTF-8)",
            )
    return Reading(path, text.replace("\r\n", "\n").replace("\r", "\n"), encoding, len(content), cut)
