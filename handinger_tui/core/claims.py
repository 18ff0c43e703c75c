"""Claims: which hosts a text names, as it writes them, and what a link to e-mail asks for besides. Pure."""

from __future__ import annotations

import re
import unicodedata
from typing import Final
from urllib.parse import unquote

_LOOK_ALIKES: Final = str.maketrans(
    {
        **dict.fromkeys("\u2044\u2215\u29f8\u2571\u27cb\\", "/"),
        **dict.fromkeys("\u2236\ua789\u02d0\ufe13", ":"),
        **dict.fromkeys("\u3002\u2024\uff61", "."),
    }
)
"""What people read as a slash, a colon or a dot, and normal form KC leaves as it is."""
_ENDINGS: Final = (
    "com|org|net|edu|gov|mil|int|info|biz|app|dev|io|co|bank|shop|online|site|xyz|example|test"
    "|(?:ac|co|com|gov|net|org)\\.[a-z]{2}"
)
"""Ends of names that make a host of a word in the middle of a sentence; "setup.py" is none there."""
_WORDS: Final = r"(?:[\w-]++\.)+"
_NAMED: Final = re.compile(
    # An address, with all that belongs to it: what stands in its query is not claimed.
    r"(?:\b[a-z][a-z0-9+.-]{0,20}://+|\b(?:https?|ftp|mailto):/?|(?<![\w:/])//)(?:[^\s/?#@]*@)?"
    r"(?P<address>[\w-]+(?:\.[\w-]+)*|\[[0-9a-f:.]+\])\S*"
    rf"|(?<![\w.+-])[\w.+-]++@(?P<mail>{_WORDS}[\w-]+)"
    rf"|(?<![\w@.-])(?:(?P<www>www\.{_WORDS}[\w-]+)|(?P<known>{_WORDS}(?:{_ENDINGS}))(?![\w-]|\.\w))"
    r"(?:[:/?#]\S*)?",
    re.IGNORECASE,
)
_ALONE: Final = re.compile(
    rf"[\W_]*+(?P<name>{_WORDS}[^\W\d_][\w-]+|[0-9]{{1,3}}(?:\.[0-9]{{1,3}}){{3}})(?:[.,;:/?#)\]]\S*+)?[\W_]*"
)
_BEGINS: Final = re.compile(rf"[\W_]*+(?P<name>{_WORDS}[^\W\d_][\w-]+)[.,;:/?#)\]]")


def hosts_in(text: str) -> list[str]:
    """The hosts that a clean text in one line claims to lead to, in order."""
    if not text.isascii() or "\\" in text:
        text = unicodedata.normalize("NFKC", text.translate(_LOOK_ALIKES))
    if "." not in text and "/" not in text and ":" not in text:
        return []
    named = [found[found.lastgroup or 0] for found in _NAMED.finditer(text)]
    if not named and (alone := _ALONE.fullmatch(text) or _BEGINS.match(text)):
        named = [alone["name"]]
    return named


_LINE_END: Final = re.compile(r"%0[ad]", re.IGNORECASE)


def trouble_in_mail(to: str, fields: str) -> str:
    """Why an e-mail is not begun, for people; "" for a good one.

    Mail programs have attached files that a link named, and begun a header where it ended a line.
    """
    named = [(unquote(field.partition("=")[0]).strip().lower(), field) for field in fields.split("&")]
    if any("attach" in name for name, _ in named):
        return "it would attach a file to an e-mail"
    if any(_LINE_END.search(field) for name, field in (("", to), *named) if name != "body"):
        return "it puts line ends into the head of an e-mail"
    return ""
