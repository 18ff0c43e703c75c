"""Safety: text, names and links from outside, made harmless. Pure, and the only place that does it.

Text is stored as it came and cleaned where it leaves for a person. `clean` is
the first of two layers; the line filter of the screen is the second, because
some decoders (autolinks, entities) produce control characters after cleaning.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from handinger_tui.core.jsontext import Json

_LINE_ENDS: Final = re.compile("\r\n|\r|\x0b|\x0c|\x85|\u2028|\u2029")
_CONTROL: Final = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f]")
_BIDI: Final = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_TAGS: Final = re.compile("(?<![\U0001f3f4\U000e0020-\U000e007f])[\U000e0000-\U000e007f]+")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_SUSPECT: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\U000e0000-\U000e007f]"
)
_SPACES: Final = re.compile(r"\s+")


def clean(text: str) -> str:
    """Text that a terminal may show: no control, direction or smuggled character.

    Keeps line feeds and tabs; every other line end becomes a line feed; half a
    surrogate pair becomes U+FFFD. The rest of an escape sequence stays visible,
    so that nothing readable is lost.
    """
    # The first test is the same answer for plain ASCII, three times as fast: whole ledgers pass here.
    if (text.isascii() and text.isprintable()) or not _SUSPECT.search(text):
        return text
    text = _LINE_ENDS.sub("\n", text)
    text = _CONTROL.sub("", text)
    text = _BIDI.sub("", text)
    text = _TAGS.sub("", text)
    return _SURROGATE.sub("\ufffd", text)


LONGEST_LINE: Final = 1 << 20
"""Characters of a text that are looked at to make one line of it."""


def clean_line(text: str, limit: int = 1000) -> str:
    """`clean`, in one line of at most `limit` characters."""
    # Cleaned before it is cut: a flood of invisible characters must not hide what follows.
    line = _SPACES.sub(" ", clean(text[:LONGEST_LINE])).strip()
    return line if len(line) <= limit else line[: limit - 1] + "…"


def clean_json(value: Json) -> Json:
    """`clean` for every string of a JSON value, keys included."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {clean(str(key)): clean_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [clean_json(item) for item in value]
    return value


# -- links ---------------------------------------------------------------------
class Verdict(StrEnum):
    """What may be done with a link from outside."""

    OPEN = "open"
    ASK = "ask"
    """Open only after the person saw where it really leads."""
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Link:
    """A judged link. `host` is in ASCII (punycode), "" for mailto; `reason` is for people."""

    url: str
    verdict: Verdict
    host: str = ""
    reason: str = ""


_SCHEMES: Final = frozenset({"http", "https", "mailto"})
_URL_BAD: Final = re.compile(
    "[\x00-\x1f\x7f-\xa0\u061c\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff\ud800-\udfff]"
)


def judge_link(url: str, shown: str | None = None) -> Link:
    """Decide about a link. `shown` is the text it hides behind, where there is one."""
    if _URL_BAD.search(url) or not url or url.startswith("-") or len(url) > 8192:
        return Link(clean_line(url, 200), Verdict.REFUSE, reason="it holds characters no address has")
    try:
        parts = urlsplit(url)
        host, userinfo, _port = parts.hostname or "", parts.username is not None, parts.port
    except ValueError:
        return Link(clean_line(url, 200), Verdict.REFUSE, reason="it is no valid address")
    scheme = parts.scheme.lower()
    if scheme not in _SCHEMES:
        return Link(url, Verdict.REFUSE, reason=f"{scheme or 'a relative'} addresses are not opened")
    if scheme == "mailto":
        return Link(url, Verdict.ASK, reason="it starts an e-mail")
    if not host:
        return Link(url, Verdict.REFUSE, reason="it names no host")
    ascii_host = to_ascii(host)
    if ascii_host is None:
        return Link(url, Verdict.REFUSE, reason="its host is no valid name")
    return _judge_host(Link(url, Verdict.OPEN, ascii_host), host, userinfo=userinfo, shown=shown)


def _judge_host(link: Link, host: str, *, userinfo: bool, shown: str | None) -> Link:
    if userinfo:
        return Link(
            link.url, Verdict.ASK, link.host, f"the part before @ is no host; it leads to {link.host}"
        )
    if link.host != host.lower() or link.host.startswith("xn--") or ".xn--" in link.host:
        return Link(link.url, Verdict.ASK, link.host, f"the host is really {link.host}")
    claimed = shown_host(shown) if shown else None
    if claimed is not None and claimed != link.host.removeprefix("www."):
        return Link(
            link.url, Verdict.ASK, link.host, f"the text says {claimed}, the link leads to {link.host}"
        )
    return link


def to_ascii(host: str) -> str | None:
    """A host name in ASCII, None when it is none."""
    if host.isascii():
        return host.lower()
    try:
        return host.encode("idna").decode("ascii").lower()
    except UnicodeError:
        return None


_LOOKS_LIKE_HOST: Final = re.compile(
    r"^(?:https?://)?(?:www\.)?([a-z0-9-]+(?:\.[a-z0-9-]+)+)(?:[/:?#]|$)", re.IGNORECASE
)


def shown_host(text: str) -> str | None:
    """The host that a link text claims to be, None when it claims none."""
    found = _LOOKS_LIKE_HOST.match(text.strip())
    return found.group(1).lower() if found else None


def host_of(url: str) -> str:
    """The host to show beside a source: ASCII, "" when there is none."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return ""
    return clean_line(to_ascii(host) or "", 120)


def is_loopback(host: str) -> bool:
    """localhost, 127.0.0.0/8 and ::1. A name that merely begins with 127. is none."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


# -- file names ------------------------------------------------------------------
MAX_NAME_BYTES: Final = 180
_NAME_BAD: Final = re.compile('[\\x00-\\x1f\\x7f-\\x9f:*?"<>|]')
_INVISIBLE: Final = re.compile(
    "[\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff\U000e0000-\U000e01ef]"
)
_RESERVED: Final = re.compile(r"^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)$", re.IGNORECASE)


def safe_file_name(name: str | None, fallback: str = "file") -> str:
    """The name under which a file from outside may be created in a folder we chose.

    Last component only, NFC, nothing invisible or reserved on any system, at
    most 180 bytes with its extension kept.
    """
    last = re.split(r"[/\\]", name or "")[-1]
    last = "".join(sign if sign.isprintable() else _in_print(sign) for sign in last)
    text = unicodedata.normalize("NFC", _INVISIBLE.sub("", _NAME_BAD.sub("_", last)))
    text = unicodedata.normalize("NFC", _INVISIBLE.sub("", text)).strip().lstrip(".-~ ").rstrip(". ")
    if not text or not text.strip("_"):
        text = fallback
    if _RESERVED.match(text.split(".")[0].strip()):
        text = f"_{text}"
    return _shorten(text)


def _in_print(sign: str) -> str:
    """What stands for a sign that is not printed: for odd spaces a plain one, for the others _."""
    if _INVISIBLE.match(sign):
        return ""
    return " " if unicodedata.category(sign) == "Zs" else "_"


def _shorten(name: str) -> str:
    if len(name.encode()) <= MAX_NAME_BYTES:
        return name
    stem, dot, extension = name.rpartition(".")
    if not dot or len(extension.encode()) > 20:
        stem, extension = name, ""
    room = MAX_NAME_BYTES - len(extension.encode()) - len(dot if extension else "")
    cut = stem.encode()[:room].decode(errors="ignore").rstrip(". ")
    return f"{cut}.{extension}" if extension else cut
