"""Addresses of sources: their canonical form, their form in documents, and warnings about their hosts.

Only `core.safety` decides whether an address may be opened.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from ipaddress import ip_address
from typing import Final
from urllib.parse import SplitResult, urlsplit

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
_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_HOST: Final = re.compile(r"[a-z0-9._-]+|[a-z0-9:.%]+")
_DEFAULT_PORTS: Final = frozenset({80, 443})
_SHOWN_HOST: Final = 120
"""Maximum length of a host that is shown in full."""
_LONG: Final = 2048
"""Addresses longer than this are not cached."""

_TRACKING: Final = re.compile(
    r"(?:utm_|mtm_|pk_|hsa_|oly_).*|g(?:clid|clsrc|braid)|wbraid|dclid|fbclid|msclkid|twclid|ttclid|yclid"
    r"|igshid|srsltid|mc_[ce]id|mkt_tok|_hs(?:enc|mi)|_g[al]|ref_(?:src|url)|vero_id"
)
"""Query parameters that only track where a reader came from."""


def canonical_url(url: str) -> str:
    """The canonical form of an address: equal for addresses of the same source, and idempotent.

    http becomes https, the host is ASCII in lower case; there is no default port, no fragment, no
    tracking parameter and no trailing slash; percent-encoding has one spelling. Any other address only
    gets its scheme in lower case and loses the blanks around it.
    """
    return _cached_canonical(url) if len(url) <= _LONG else _canonical(url)


def _canonical(url: str) -> str:
    if len(url) > LONGEST_URL:
        # It is never opened, and processing megabytes of it would block the program.
        return url
    text = url.strip(_AROUND).translate(_BREAKS).strip(_AROUND)
    scheme = _SCHEME.match(text)
    if scheme is None:
        return text
    if scheme[1].lower() not in ("http", "https"):
        return scheme[1].lower() + text[scheme.end(1) :]
    try:
        parts = urlsplit(text)
        authority = _authority(parts, default_ports=_DEFAULT_PORTS)
    except ValueError:
        return text
    if authority is None:
        return text
    path = _without_dots(percent(parts.path)).rstrip("/")
    pieces = (percent(piece) for piece in parts.query.split("&"))
    query = [piece for piece in pieces if piece and not _TRACKING.fullmatch(piece.partition("=")[0].lower())]
    return f"https://{authority}{path}" + ("?" + "&".join(query) if query else "")


_cached_canonical: Final = lru_cache(maxsize=1 << 15)(_canonical)


def _authority(parts: SplitResult, *, default_ports: frozenset[int]) -> str | None:
    """`user@host:port` with the host in ASCII; None when the host is not valid.

    Raises:
        ValueError: the port is not valid.
    """
    host = to_ascii(parts.hostname or "")
    host = host.rstrip(".").lower() if host else host
    if not host or not _HOST.fullmatch(host):
        return None
    user, at, _ = parts.netloc.rpartition("@")
    port = parts.port
    bracketed = f"[{host}]" if ":" in host else host
    return percent(user) + at + bracketed + ("" if port is None or port in default_ports else f":{port}")


_ENCODE: Final = re.compile(r"%([0-9A-Fa-f]{2})|[^A-Za-z0-9._~!$&'*+,;=:@/?-]")
_UNRESERVED: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


def percent(text: str) -> str:
    """Percent-encode in one spelling: ASCII only, without brackets, quotes, backslashes and blanks."""
    return _ENCODE.sub(_encoded, text)


def _encoded(match: re.Match[str]) -> str:
    if match[1] is None:
        return "".join(f"%{byte:02X}" for byte in match[0].encode("utf-8", "surrogatepass"))
    byte = int(match[1], 16)
    return chr(byte) if byte in _UNRESERVED else f"%{byte:02X}"


def _without_dots(path: str) -> str:
    if "/." not in path:
        return path
    pieces: list[str] = []
    for piece in path.split("/")[1:]:
        if piece == "..":
            del pieces[-1:]
        elif piece != ".":
            pieces.append(piece)
    return "".join(f"/{piece}" for piece in pieces)


def written_url(url: str | None) -> str | None:
    """A web address that is safe in a document: ASCII, without characters that end a link, field or line.

    None for any other address, and for one that would not be opened.
    """
    if not url or judge_link(url).verdict is Verdict.REFUSE:
        return None
    parts = urlsplit(url)
    if parts.scheme.lower() not in ("http", "https"):
        return None
    authority = _authority(parts, default_ports=frozenset())
    if authority is None:
        return None
    tail = percent(parts.path)
    tail += f"?{percent(parts.query)}" if parts.query else ""
    tail += f"#{percent(parts.fragment)}" if parts.fragment else ""
    return f"{parts.scheme.lower()}://{authority}{tail}"


_ORDINARY: Final = re.compile(r"https://([a-z0-9-]+(?:\.[a-z0-9-]+)+)(?:/[!-\[\]-~]{0,2000})?")
"""The pattern of nearly all sources: their host can be taken without further checks."""


def host_at(url: str) -> str:
    """`safety.host_of` with a cache, because lists are grouped by host often."""
    ordinary = _ORDINARY.fullmatch(url) if len(url) <= _LONG else None
    if ordinary is not None and len(ordinary[1]) <= _SHOWN_HOST:
        return ordinary[1]
    return _cached_host(url) if len(url) <= _LONG else host_of(url)


_cached_host: Final = lru_cache(maxsize=1 << 15)(host_of)


# -- warnings --------------------------------------------------------------------
def unicode_host(host: str) -> str:
    """A host in Unicode, for display only; the ASCII form is the reliable one."""
    return clean_line(".".join(map(_unicode_label, host.split("."))), 120)


def _unicode_label(label: str) -> str:
    if not label.lower().startswith("xn--"):
        return label
    import idna  # noqa: PLC0415 - its tables take 5 ms, and few hosts need them

    try:
        return idna.decode(label)
    except UnicodeError:
        return label


@lru_cache(maxsize=1 << 12)
def host_marks(host: str) -> tuple[str, ...]:
    """Reasons to check a host (in ASCII) before opening it, in the words shown to the user."""
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
    """Reasons to check an address before opening it: those of its host, and others; () without an address."""
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
    """Whether a host is an IP address, in any spelling that browsers accept."""
    try:
        ip_address(host)
    except ValueError:
        last = host.rstrip(".").rpartition(".")[2].lower()
        return re.fullmatch(r"[0-9]+|0x[0-9a-f]*", last) is not None
    return True


_SCRIPTS_USED_TOGETHER: Final = (
    frozenset({"LATIN", "CJK", "HIRAGANA", "KATAKANA"}),
    frozenset({"LATIN", "CJK", "BOPOMOFO"}),
    frozenset({"LATIN", "CJK", "HANGUL"}),
)
"""Sets of scripts that are mixed in the words of one language."""


def _mixes_scripts(label: str) -> bool:
    if label.isascii():
        return False
    # The Unicode name of a letter begins with its script.
    names = (unicodedata.name(sign, "?") for sign in label if unicodedata.category(sign).startswith("L"))
    scripts = {name.split(" ")[0].split("-")[0] for name in names}
    return len(scripts) > 1 and not any(scripts <= allowed for allowed in _SCRIPTS_USED_TOGETHER)
