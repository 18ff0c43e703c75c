"""Addresses: when two are the same source, how one is written down, and what there is to know of its host.

Whether an address may be opened is decided in `core.safety`, and only there.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from ipaddress import ip_address
from typing import Final
from urllib.parse import SplitResult, urlsplit

from handinger_tui.core.patterns import late
from handinger_tui.core.safety.cleaning import (
    LONGEST_URL,
    Verdict,
    clean_line,
    host_of,
    is_loopback,
    judge_link,
    to_ascii,
)

_AROUND: Final = "".join(map(chr, range(0x21)))
_BREAKS: Final = str.maketrans("", "", "\t\r\n")
_SCHEME: Final = late(r"([A-Za-z][A-Za-z0-9+.-]*):")
_HOST: Final = late(r"[a-z0-9._-]+|[a-z0-9:.%]+")
_DEFAULT_PORTS: Final = frozenset({80, 443})
_SHOWN_HOST: Final = 120
"""Characters of a host that are shown whole."""
_LONG: Final = 2048
"""Longer addresses are not remembered."""

_TRACKING: Final = late(
    r"(?:utm_|mtm_|pk_|hsa_|oly_).*|g(?:clid|clsrc|braid)|wbraid|dclid|fbclid|msclkid|twclid|ttclid|yclid"
    r"|igshid|srsltid|mc_[ce]id|mkt_tok|_hs(?:enc|mi)|_g[al]|ref_(?:src|url)|vero_id"
)
"""Query parameters that say where a reader came from, never what is read."""


def canonical_url(url: str) -> str:
    """The form under which two addresses are the same source; its own canonical form.

    http and https are one, host in ASCII lower case, no default port, no fragment,
    no tracking parameter, no slash at the end, percent-encoding in one spelling.
    What is no web address stays as it is, but for its scheme and the blanks around it.
    """
    return _remembered(url) if len(url) <= _LONG else _canonical(url)


def _canonical(url: str) -> str:
    if len(url) > LONGEST_URL:
        # It is opened nowhere, and working on megabytes of it would hold everything up.
        return url
    text = url.strip(_AROUND).translate(_BREAKS).strip(_AROUND)
    scheme = _SCHEME.match(text)
    if scheme is None:
        return text
    if scheme[1].lower() not in ("http", "https"):
        return scheme[1].lower() + text[scheme.end(1) :]
    try:
        parts = urlsplit(text)
        place = _place(parts, default_ports=_DEFAULT_PORTS)
    except ValueError:
        return text
    if place is None:
        return text
    path = _without_dots(percent(parts.path)).rstrip("/")
    pieces = (percent(piece) for piece in parts.query.split("&"))
    kept = [piece for piece in pieces if piece and not _TRACKING.fullmatch(piece.partition("=")[0].lower())]
    return f"https://{place}{path}" + ("?" + "&".join(kept) if kept else "")


_remembered: Final = lru_cache(maxsize=1 << 15)(_canonical)


def _place(parts: SplitResult, *, default_ports: frozenset[int]) -> str | None:
    """`user@host:port` with the host in ASCII; None when the host is no name.

    Raises:
        ValueError: the port is no port.
    """
    host = to_ascii(parts.hostname or "")
    host = host.rstrip(".").lower() if host else host
    if not host or not _HOST.fullmatch(host):
        return None
    user, at, _ = parts.netloc.rpartition("@")
    port = parts.port
    named = f"[{host}]" if ":" in host else host
    return percent(user) + at + named + ("" if port is None or port in default_ports else f":{port}")


_ENCODE: Final = late(r"%([0-9A-Fa-f]{2})|[^A-Za-z0-9._~!$&'*+,;=:@/?-]")
_UNRESERVED: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


def percent(text: str) -> str:
    """Percent-encoding in one spelling. No bracket, quote, backslash or blank is left, and ASCII only."""
    return _ENCODE.sub(_encoded, text)


def _encoded(found: re.Match[str]) -> str:
    if found[1] is None:
        return "".join(f"%{byte:02X}" for byte in found[0].encode("utf-8", "surrogatepass"))
    byte = int(found[1], 16)
    return chr(byte) if byte in _UNRESERVED else f"%{byte:02X}"


def _without_dots(path: str) -> str:
    if "/." not in path:
        return path
    kept: list[str] = []
    for piece in path.split("/")[1:]:
        if piece == "..":
            del kept[-1:]
        elif piece != ".":
            kept.append(piece)
    return "".join(f"/{piece}" for piece in kept)


def written_url(url: str | None) -> str | None:
    """A web address as it may stand in a document: ASCII, nothing that ends a link, a field or a line.

    None for what is no web address, or one that would not be opened.
    """
    if not url or judge_link(url).verdict is Verdict.REFUSE:
        return None
    parts = urlsplit(url)
    if parts.scheme.lower() not in ("http", "https"):
        return None
    place = _place(parts, default_ports=frozenset())
    if place is None:
        return None
    tail = percent(parts.path)
    tail += f"?{percent(parts.query)}" if parts.query else ""
    tail += f"#{percent(parts.fragment)}" if parts.fragment else ""
    return f"{parts.scheme.lower()}://{place}{tail}"


_ORDINARY: Final = late(r"https://([a-z0-9-]+(?:\.[a-z0-9-]+)+)(?:/[!-\[\]-~]{0,2000})?")
"""What nearly all sources look like. Nothing of it but the host needs a judgement."""


def host_at(url: str) -> str:
    """`safety.host_of`, remembered: lists are grouped by it again and again."""
    ordinary = _ORDINARY.fullmatch(url) if len(url) <= _LONG else None
    if ordinary is not None and len(ordinary[1]) <= _SHOWN_HOST:
        return ordinary[1]
    return _remembered_host(url) if len(url) <= _LONG else host_of(url)


_remembered_host: Final = lru_cache(maxsize=1 << 15)(host_of)


# -- marks -----------------------------------------------------------------------
def unicode_host(host: str) -> str:
    """A host in its own letters, for people; the ASCII form stays the one to trust."""
    return clean_line(".".join(map(_unicode_label, host.split("."))), 120)


def _unicode_label(label: str) -> str:
    if not label.lower().startswith("xn--"):
        return label
    try:
        return label.encode("ascii").decode("idna")
    except UnicodeError:
        return label


@lru_cache(maxsize=1 << 12)
def host_marks(host: str) -> tuple[str, ...]:
    """What makes a host (in ASCII) worth a second look, in the words that people are shown."""
    labels = host.lower().split(".")
    marks = []
    if any(label.startswith("xn--") for label in labels):
        marks.append("punycode")
    if any(map(_mixes_scripts, map(_unicode_label, labels))):
        marks.append("mixed scripts")
    if is_loopback(host.lower().rstrip(".")):
        marks.append("this machine")
    elif _is_ip(host):
        marks.append("IP address")
    return tuple(marks)


def address_marks(url: str | None) -> tuple[str, ...]:
    """`host_marks` of an address, and what else of it is unusual; () for a document without one."""
    if not url:
        return ()
    ordinary = _ORDINARY.fullmatch(url) if len(url) <= _LONG else None
    if ordinary is not None:
        return host_marks(ordinary[1])
    link = judge_link(url)
    if link.verdict is Verdict.REFUSE:
        return ("not opened",)
    parts = urlsplit(url)
    marks = list(host_marks(link.host)) if link.host else ["e-mail"]
    if parts.username is not None:
        marks.append("user info")
    if parts.port is not None and parts.port not in _DEFAULT_PORTS:
        marks.append(f"port {parts.port}")
    if parts.scheme.lower() == "http" and "this machine" not in marks:
        marks.append("not encrypted")
    return tuple(marks)


def _is_ip(host: str) -> bool:
    """An address of numbers, in any spelling that browsers take."""
    try:
        ip_address(host)
    except ValueError:
        last = host.rstrip(".").rpartition(".")[2].lower()
        return re.fullmatch(r"[0-9]+|0x[0-9a-f]*", last) is not None
    return True


_TOGETHER: Final = (
    frozenset({"LATIN", "CJK", "HIRAGANA", "KATAKANA"}),
    frozenset({"LATIN", "CJK", "BOPOMOFO"}),
    frozenset({"LATIN", "CJK", "HANGUL"}),
)
"""Scripts that one word of one language uses together."""


def _mixes_scripts(label: str) -> bool:
    if label.isascii():
        return False
    # The name of a letter begins with its script.
    names = (unicodedata.name(sign, "?") for sign in label if unicodedata.category(sign).startswith("L"))
    scripts = {name.split(" ")[0].split("-")[0] for name in names}
    return len(scripts) > 1 and not any(scripts <= allowed for allowed in _TOGETHER)
