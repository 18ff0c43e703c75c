"""Safety: only here is made harmless what comes from outside, and hidden what is secret."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from enum import StrEnum
from functools import cache, lru_cache
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from msgspec import Struct

if TYPE_CHECKING:
    from handinger_tui.core.jsontext import Json

LINE_BREAKS: Final = "\x0b-\x0d\x85\u2028\u2029"
CONTROLS: Final = "\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f"
DIRECTIONS: Final = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
SURROGATES: Final = "\ud800-\udfff"
INVISIBLE: Final = (
    "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u2060-\u2065\u206a-\u206f\u3164\ufe00-\ufe0d\ufeff"
    "\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0080-\U000e0fff"
)
"""Characters drawn as nothing or as a blank: soft hyphen, fillers, joiners, byte order mark, selectors."""
TAGS: Final = "\U000e0000-\U000e007f"
PLACEHOLDER: Final = "\U0010eeee"
"""The kitty graphics placeholder: a terminal draws a part of an image in its place."""
NONCHARACTERS: Final = f"\ufdd0-\ufdef\ufffe\uffff{PLACEHOLDER}"
"""Noncharacters of the Unicode standard, and the image placeholder."""

_PICTURES: Final = "\u203c-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff"
_TONE_BASES: Final = "\u270a\u270b\U0001f000-\U0001f3fa\U0001f400-\U0001faff"
_SKIN_TONES: Final = "\U0001f3fb-\U0001f3ff"
_LETTERS: Final = "[^\x00-\u02ff\u2000-\u2bff\u3000-\u303f\U0001f000-\U0001faff]"

SUSPECT: Final = re.compile(
    f"[{LINE_BREAKS}{CONTROLS}{DIRECTIONS}{SURROGATES}{INVISIBLE}{TAGS}{NONCHARACTERS}\u200c\u200d\ufe0e\ufe0f{_SKIN_TONES}]"
)
"""Finds any character that `plain` may change, except floods of combining marks."""
ALWAYS_REMOVED: Final = re.compile(
    f"[{LINE_BREAKS}{CONTROLS}{DIRECTIONS}{SURROGATES}{INVISIBLE}{NONCHARACTERS}]"
)
"""Finds characters that are always removed, whatever their neighbors are."""
STRAY_JOINER: Final = re.compile(
    f"(?<![{_PICTURES}\ufe0f{_SKIN_TONES}])(?:\u200d.?)+|\u200d(?![{_PICTURES}])(?:.?\u200d)*.?", re.DOTALL
)
"""Finds a joiner that joins no emoji (where a line was cut), with what Rich measures together with it."""

LONE_JOINER: Final = re.compile(f"(?<![{_PICTURES}\ufe0f{_SKIN_TONES}])\u200d|\u200d(?![{_PICTURES}])")
"""Finds a joiner that joins no emoji. Rich does not measure the letter behind it."""

_LINE_ENDS: Final = re.compile("\r\n|\r|[\x0b\x0c\x85\u2028\u2029]")
_REMOVED: Final = re.compile(f"[{CONTROLS}{DIRECTIONS}{INVISIBLE}]")
_REPLACED: Final = re.compile(f"[{SURROGATES}{NONCHARACTERS}]")
_REGIONS: Final = "|".join(
    "".join(chr(0xE0000 + ord(sign)) for sign in name) for name in ("gbeng", "gbsct", "gbwls")
)
"""The regions with flags. Other tags are letters that people do not see, but an AI reads."""
_FLAGS: Final = re.compile(f"(\U0001f3f4(?:{_REGIONS})\U000e007f)|[{TAGS}]")
_IN_CONTEXT: Final = re.compile(
    # What the group matches is kept.
    f"((?<=[{_PICTURES}\ufe0f{_SKIN_TONES}])\u200d(?=[{_PICTURES}])"
    f"|(?<={_LETTERS})\u200c(?={_LETTERS})"
    f"|(?<=[#*0-9\u00a9\u00ae{_PICTURES}])[\ufe0e\ufe0f]"
    f"|(?<=[{_TONE_BASES}])[{_SKIN_TONES}])"
    f"|[\u200c\u200d\ufe0e\ufe0f{_SKIN_TONES}]"
)
_EMOJI: Final = f"[{_PICTURES}][\ufe0f{_SKIN_TONES}]{{0,2}}"
_CHAIN: Final = re.compile(f"((?:{_EMOJI}\u200d){{3}}{_EMOJI})\u200d")
"""A fifth emoji joined to four (a family has four): many terminals draw longer chains side by side."""

MARKS: Final = 8
"""Combining marks of one letter; no language needs as many."""


@cache
def _mark_flood() -> re.Pattern[str]:
    """More than `MARKS` marks in a row. Compiled when first needed, since that takes 6 ms.

    In `re`, marks are not word characters. Blocks of symbols and emoji are excluded for speed.
    """
    return re.compile(
        "[^\\w\\s\x00-\u02ff\u2000-\u20cf\u2100-\u2ce0\u2e00-\u3029\u3030-\u3098\u309b-\ua66e\ue000-\uf8ff"
        f"\ufe10-\ufe1f\ufe30-\uffff\U0001f000-\U0001faff]{{{MARKS + 1},}}"
    )


OPEN_END: Final = re.compile(
    f"[\r\ud800-\udbff{DIRECTIONS}{INVISIBLE}{TAGS}\U0001f3f4\u200c\u200d\x00-\x08\x0e-\x1f\x7f-\x9f]+\\Z"
)
"""An end of text whose meaning depends on the next character: half a pair or CRLF, a joiner, a flag."""
LONGEST_LINE: Final = 1 << 16
"""Characters of a text that `clean_line` reads."""
REACH: Final = 64
"""Characters before a piece of text that can affect it, not counting removed ones."""
MAX_REACH: Final = LONGEST_LINE
"""Characters before a piece of text that are searched."""


def stripped(text: str) -> str:
    """Remove unsafe characters, and tags that do not belong to a region's flag.

    The result does not depend on neighbors, so a text can be stripped piece by piece.
    """
    text = _LINE_ENDS.sub("\n", text)
    text = _FLAGS.sub(r"\1", _REMOVED.sub("", text))
    return _REPLACED.sub("\ufffd", text)


def plain(text: str) -> str:
    """`stripped`, also without misplaced joiners, selectors and skin tones, and without floods of marks."""
    return _plain_cached(text) if _CACHED_ABOVE < len(text) <= LONGEST_LINE else _plain(text)


def _plain(text: str) -> str:
    if SUSPECT.search(text):
        text = stripped(text)
        # Repeat, since a removed character may have justified its neighbor, as a skin tone does a selector.
        while (cleaned := _IN_CONTEXT.sub(r"\1", text)) != text:
            text = cleaned
        text = _CHAIN.sub(r"\1", text)
    return text if text.isascii() else _mark_flood().sub(_limit_marks, text)


_CACHED_ABOVE: Final = 500
_plain_cached: Final = lru_cache(maxsize=64)(_plain)
"""Cached, since a hostile title with a thousand joiners is painted as often as any other."""


def cleanable_length(text: str) -> int:
    """How many characters of a growing text can be cleaned now; the others depend on what follows."""
    reach = REACH
    while True:
        at = max(0, len(text) - reach)
        match = OPEN_END.search(text, at)
        if match is None or match.start() > at or not at or reach >= MAX_REACH:
            return match.start() if match else len(text)
        reach *= 8


def context(text: str, start: int) -> str:
    """The text before `start` that can affect it: at least `REACH` characters, not counting removed ones."""
    reach = REACH
    while True:
        before = text[max(0, start - reach) : start]
        if reach >= min(start, MAX_REACH) or len(_plain(before)) >= REACH:
            return before
        reach *= 8


def _limit_marks(match: re.Match[str]) -> str:
    characters, marks = [], 0
    for character in match[0]:
        marks = marks + 1 if unicodedata.category(character).startswith("M") else 0
        if marks <= MARKS:
            characters.append(character)
    return "".join(characters)


_LOOK_ALIKES: Final = str.maketrans(
    {
        **dict.fromkeys("\u2044\u2215\u29f8\u2571\u27cb\\", "/"),
        **dict.fromkeys("\u2236\ua789\u02d0\ufe13", ":"),
        **dict.fromkeys("\u3002\u2024\uff61", "."),
    }
)
"""Characters that look like a slash, a colon or a dot, and that NFKC does not change."""
_TOP_LEVEL_DOMAINS: Final = (
    "com|org|net|edu|gov|mil|int|info|biz|app|dev|io|co|bank|shop|online|site|xyz|example|test"
    "|(?:ac|co|com|gov|net|org)\\.[a-z]{2}"
)
"""Endings of a host name inside a sentence; "setup.py" is not one."""
_LABELS: Final = r"(?:[\w-]++\.)+"
_HOST_MENTION: Final = re.compile(
    # A complete URL, so that a host inside its query is not a claim.
    r"(?:\b[a-z][a-z0-9+.-]{0,20}://+|\b(?:https?|ftp|mailto):/?|(?<![\w:/])//)(?:[^\s/?#@]*@)?"
    r"(?P<address>[\w-]+(?:\.[\w-]+)*|\[[0-9a-f:.]+\])\S*"
    rf"|(?<![\w.+-])[\w.+-]++@(?P<mail>{_LABELS}[\w-]+)"
    rf"|(?<![\w@.-])(?:(?P<www>www\.{_LABELS}[\w-]+)|(?P<name>{_LABELS}(?:{_TOP_LEVEL_DOMAINS}))(?![\w-]|\.\w))"
    r"(?:[:/?#]\S*)?",
    re.IGNORECASE,
)
_ONLY_HOST: Final = re.compile(
    rf"[\W_]*+(?P<name>{_LABELS}[^\W\d_][\w-]+|[0-9]{{1,3}}(?:\.[0-9]{{1,3}}){{3}})(?:[.,;:/?#)\]]\S*+)?[\W_]*"
)
_LEADING_HOST: Final = re.compile(rf"[\W_]*+(?P<name>{_LABELS}[^\W\d_][\w-]+)[.,;:/?#)\]]")


def hosts_in(text: str) -> list[str]:
    """The hosts that a clean one-line text claims to lead to, in order."""
    if not text.isascii() or "\\" in text:
        text = unicodedata.normalize("NFKC", text.translate(_LOOK_ALIKES))
    if "." not in text and "/" not in text and ":" not in text:
        return []
    hosts = [match[match.lastgroup or 0] for match in _HOST_MENTION.finditer(text)]
    if not hosts and (alone := _ONLY_HOST.fullmatch(text) or _LEADING_HOST.match(text)):
        hosts = [alone["name"]]
    return hosts


_LINE_END: Final = re.compile(r"%0[ad]", re.IGNORECASE)
_SPACES: Final = re.compile(r"\s+")


def clean(text: str) -> str:
    """Text that is safe for a terminal: no control, bidi or invisible characters, no flood of marks.

    Line feeds and tabs are kept; other line ends become line feeds; half a surrogate pair becomes U+FFFD. The
    printable characters of an escape sequence are kept, so that nothing readable is lost.
    """
    # A fast path for printable ASCII, with the same result.
    return text if text.isascii() and text.isprintable() else plain(text)


def clean_slice(text: str, start: int, end: int) -> str:
    """The part of `clean(text)` for `text[start:end]`. Both positions must come from `cleanable_length`."""
    piece = text[start:end]
    if piece.isascii():
        return clean(piece)
    before = context(text, start)
    return clean(before + piece)[len(clean(before)) :]


def clean_line(text: str, limit: int = 1000) -> str:
    """`clean`, in one line of at most `limit` characters."""
    # Clean before cutting: a flood of invisible characters must not hide what follows.
    line = _SPACES.sub(" ", clean(text[:LONGEST_LINE])).strip()
    # A joiner would join the ellipsis.
    return line if len(line) <= limit else line[: limit - 1].rstrip("\u200c\u200d") + "…"


def encodable(text: str) -> str:
    """The text with each half of a surrogate pair, which UTF-8 cannot encode, replaced by U+FFFD."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


_PLAIN_WORD: Final = re.compile(r"[A-Za-z0-9_@%+:,./-][A-Za-z0-9_@%+:,./~-]*")
"""A word that no shell changes. A leading tilde is special; in some shells, a leading equals sign is, too."""


def one_word(text: str) -> str:
    """`clean_line` as one word of a shell command to copy, quoted if needed."""
    line = clean_line(text)
    return line if _PLAIN_WORD.fullmatch(line) else "'" + line.replace("'", "'\"'\"'") + "'"


def clean_json(value: Json) -> Json:
    """`value` without the characters that `clean` always removes, in strings and keys.

    Joiners are kept, since a string may be a delta, which can be cut anywhere.
    """
    if isinstance(value, str):
        return value if value.isascii() and value.isprintable() else stripped(value)
    if isinstance(value, dict):
        return {stripped(str(key)): clean_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [clean_json(item) for item in value]
    return value


# -- links ---------------------------------------------------------------------
class Verdict(StrEnum):
    """What may be done with a remote link."""

    OPEN = "open"
    ASK = "ask"
    """Open only after the person has seen the actual destination."""
    REFUSE = "refuse"


class Link(Struct, frozen=True):
    """A judged link. `host` is ASCII (punycode), "" for mailto; `reason` is a text for people."""

    url: str
    verdict: Verdict
    host: str = ""
    reason: str = ""


_SCHEMES: Final = frozenset({"http", "https", "mailto"})
LONGEST_URL: Final = 8192
_NOT_IN_URL: Final = re.compile(
    f"[\x00-\x1f\x7f-\xa0\u1680\u2000-\u200a\u2028-\u202f\u205f\u2800\u3000{DIRECTIONS}"
    f"{INVISIBLE}{SURROGATES}{TAGS}{NONCHARACTERS}\u200c\u200d]"
)
# Browsers read a backslash as a slash, and decode escapes in a host: both may lead to another host.
_BACKSLASH: Final = re.compile(r"[^?#]*\\")
_BRACKETS: Final = re.compile(r"(?:[^@\[\]]*@)?(?:[^\[\]]*|\[[0-9A-Fa-f:.]+\](?::[0-9]*)?)")
"""A valid use of brackets: around an IP address, followed by nothing but a port."""
_ODD_NUMBER: Final = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)\.?")


def judge_link(url: str, link_text: str | None = None) -> Link:
    """Judge a link. `link_text`: its visible text, if it has one."""
    if problem := _malformed(url):
        return Link(clean_line(url, 200), Verdict.REFUSE, reason=problem)
    try:
        parts = urlsplit(url)
        host, userinfo, _port = parts.hostname or "", parts.username is not None, parts.port
    except ValueError:
        return Link(clean_line(url, 200), Verdict.REFUSE, reason="not a valid address")
    scheme = parts.scheme.lower()
    if scheme not in _SCHEMES:
        return Link(url, Verdict.REFUSE, reason=f"{scheme or 'relative'} addresses are not opened")
    if scheme == "mailto":
        return _judge_mail(url, link_text)
    if not host:
        return Link(url, Verdict.REFUSE, reason="it has no host")
    ascii_host = to_ascii(host)
    if ascii_host is None or not _is_host(ascii_host) or not _BRACKETS.fullmatch(parts.netloc):
        return Link(url, Verdict.REFUSE, reason="its host name is not valid")
    warning = _odd_host(ascii_host, parts.netloc, userinfo=userinfo) or _disguised(url, ascii_host, link_text)
    return Link(url, Verdict.ASK if warning else Verdict.OPEN, ascii_host, warning)


def _malformed(url: str) -> str:
    """Why a text is not a well-formed address, for people; "" if it is one."""
    if len(url) > LONGEST_URL:
        return f"it is longer than {LONGEST_URL:,} characters"
    if not url or url.startswith(("-", " ")) or _NOT_IN_URL.search(url) or _BACKSLASH.match(url):
        return "it contains invalid characters"
    return ""


def _judge_mail(url: str, link_text: str | None) -> Link:
    """Judge a mailto link.

    Some mail programs attach files named in a link, and start a new header line at an encoded line break.
    """
    parts = urlsplit(url)
    fields = [(unquote(field.partition("=")[0]).strip().lower(), field) for field in parts.query.split("&")]
    if any("attach" in name for name, _ in fields):
        return Link(url, Verdict.REFUSE, reason="it would attach a file to an email")
    if any(_LINE_END.search(field) for name, field in (("", parts.path), *fields) if name != "body"):
        return Link(url, Verdict.REFUSE, reason="it adds lines to the header of an email")
    to = clean_line(unquote(parts.path), 120)
    other = contradicted(link_text, to.rpartition("@")[2].lower()) if link_text else None
    contradiction = "" if other is None else f"; the text says {other}, but it goes to {to or 'no one yet'}"
    return Link(url, Verdict.ASK, reason=f"it starts an email{contradiction}")


def _odd_host(host: str, netloc: str, *, userinfo: bool) -> str:
    if userinfo:
        return f"the text left of @ is not the host; it leads to {host}"
    if not netloc.isascii() or host.startswith("xn--") or ".xn--" in host:
        return f"the actual host is {host}"
    if _ODD_NUMBER.fullmatch(host) and not _is_ip(host):
        return f"the host is a number in an unusual form: {host}"
    return ""


MAX_QUERY: Final = 32
"""A query with more characters may leak parts of the conversation."""
MAX_SHOWN_URL: Final = 200
"""A link text does not describe an address with more characters."""


def _disguised(url: str, host: str, link_text: str | None) -> str:
    """How the link text misleads, or hides much of the address; "" if it does not."""
    if not link_text:
        return ""
    if (other := contradicted(link_text, host)) is not None:
        return f"the text says {other}, but the link leads to {host}"
    hides_much = len(url) > MAX_SHOWN_URL or len(urlsplit(url).query) > MAX_QUERY
    # Compare decoded; Markdown allows the scheme to be missing.
    decoded = unquote(url)
    is_address = unquote(clean_line(link_text)) in (decoded, decoded.partition("://")[2])
    return "the text shows only part of the address" if hides_much and not is_address else ""


def named_hosts(text: str) -> tuple[str, ...]:
    """The distinct hosts (ASCII, without `www.`) that a text claims to lead to, in order."""
    hosts = (to_ascii(name.lower()) or name for name in hosts_in(clean_line(text)))
    return tuple(dict.fromkeys(_without_www(name.strip("[]")) for name in hosts))


def contradicted(text: str, host: str) -> str | None:
    """The first host in a text that is not `host` (ASCII); None if there is none."""
    return next((name for name in named_hosts(text) if name != _without_www(host)), None)


def _without_www(host: str) -> str:
    return host.rstrip(".").removeprefix("www.")


def host_of(url: str) -> str:
    """The host to show next to a source, in ASCII; "" if there is none."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return ""
    name = to_ascii(host) or ""
    return clean_line(name, 120) if _is_host(name) and _BRACKETS.fullmatch(parts.netloc) else ""


# -- hosts ----------------------------------------------------------------------
_LONGEST_NAME: Final = 1000
_HOST: Final = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.?")
_DOTS: Final = re.compile("[.\u3002\uff0e\uff61]")


def to_ascii(host: str) -> str | None:
    """A host name in ASCII, converted as browsers do (IDNA 2008); None if it is not a host name."""
    if len(host) > _LONGEST_NAME:
        return None
    if host.isascii():
        return host.lower()
    import idna  # its tables take 5 ms, and few hosts need them

    try:
        return ".".join(
            label.lower() if label.isascii() else idna.encode(label, uts46=True).decode("ascii")
            for label in _DOTS.split(host)
        )
    except UnicodeError:
        return None


def _is_host(name: str) -> bool:
    """Whether an ASCII name is valid in DNS, or is an IP address."""
    if _HOST.fullmatch(name) is None:
        return _is_ip(name)
    return len(name.removesuffix(".")) <= 253 and max(map(len, name.split("."))) <= 63


def _is_ip(host: str) -> bool:
    """Whether a host is an IP address in the usual form, without a zone."""
    try:
        return "%" not in host and bool(ip_address(host))
    except ValueError:
        return False


def is_loopback(host: str) -> bool:
    """Whether a host is this machine: localhost and names below it (RFC 6761), 127.0.0.0/8, ::1.

    ::ffff:127.0.0.1 is, too. Numbers in other forms (2130706433, 0x7f.1) are not, since resolvers differ.
    """
    name = host.lower().removesuffix(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return address.is_loopback or (mapped is not None and mapped.is_loopback)


# -- file names ------------------------------------------------------------------
MAX_NAME_BYTES: Final = 180
"""Of a file name in UTF-8."""
_READ_CHARACTERS: Final = 8192
"""Characters of a name that are read, half from its start and half from its end."""
_NOT_IN_NAME: Final = re.compile('[\\x00-\\x1f\\x7f-\\x9f:*?"<>|]')
_INVISIBLE: Final = re.compile(
    f"[{DIRECTIONS}{INVISIBLE}{SURROGATES}{TAGS}{NONCHARACTERS}\u200c\u200d\u2028\u2029\u2800\ufe0e\ufe0f]"
)
_RESERVED: Final = re.compile(
    r"^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$|clock\$)$", re.IGNORECASE
)


def safe_file_name(name: str | None, fallback: str = "file") -> str:
    """A safe name for a remote file in a folder that we chose.

    It is the last path component in NFC, without invisible characters and without anything that a system
    reserves. It has at most `MAX_NAME_BYTES`, and keeps its extension.
    """
    last = re.split(r"[/\\]", name or "")[-1]
    if len(last) > _READ_CHARACTERS:
        last = last[: _READ_CHARACTERS // 2] + last[-_READ_CHARACTERS // 2 :]
    last = "".join(character if character.isprintable() else _printable(character) for character in last)
    text = unicodedata.normalize("NFC", _INVISIBLE.sub("", _NOT_IN_NAME.sub("_", last)))
    text = unicodedata.normalize("NFC", plain(_INVISIBLE.sub("", text)))
    text = _without_bad_start(text.strip()).rstrip(". ")
    if not text or not text.strip("_"):
        text = fallback
    # File systems with legacy character sets may map full-width letters to ASCII.
    if _RESERVED.match(unicodedata.normalize("NFKC", text.split(".")[0]).strip()):
        text = f"_{text}"
    return _shorten(text)


def _without_bad_start(name: str) -> str:
    """Remove a start that makes the name hidden, an option or a home folder; and leading combining marks."""
    good = (at for at, char in enumerate(name) if char not in ".-~ " and unicodedata.category(char)[0] != "M")
    return name[next(good, len(name)) :]


def _printable(character: str) -> str:
    """The replacement of an unprintable character: " " for other spaces, "" for invisible ones, else "_"."""
    if _INVISIBLE.match(character):
        return ""
    return " " if unicodedata.category(character) == "Zs" else "_"


def _shorten(name: str) -> str:
    if len(name.encode()) <= MAX_NAME_BYTES:
        return name
    stem, ending = split_name(name)
    if len(ending.encode()) > 24:
        stem, ending = name, ""
    cut = stem.encode()[: MAX_NAME_BYTES - len(ending.encode())].decode(errors="ignore")
    return cut.rstrip(". ") + ending


def split_name(name: str) -> tuple[str, str]:
    """Stem and extension of a name: "a", ".tar.gz". The extension includes its dot; "" without one."""
    stem, dot, extension = name.rpartition(".")
    if not stem:
        return name, ""
    if stem[-4:].lower() == ".tar" and len(stem) > 4:
        stem, extension = stem[:-4], f"{stem[-3:]}.{extension}"
    return stem, dot + extension


# -- HTML -------------------------------------------------------------------------
def html_page(title: str, style: str, main: str, policy: str) -> str:
    """A self-contained HTML page, which runs and loads nothing.

    `title`: text; `style`: CSS; `main`: HTML; `policy`: additional rules of the content security policy.
    """
    from html import escape  # has 2,200 names, so not at startup

    rules = f"default-src 'none'; style-src 'unsafe-inline'; {policy}"
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{rules}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<meta name="generator" content="handinger-tui">
<title>{escape(title)}</title>
<style>{style}</style>
</head>
<body>
<main>
{main}
</main>
</body>
</html>
"""


# -- Markdown ---------------------------------------------------------------------
_MARKUP: Final = re.compile(r"[\\`*_\[\]<>&|~#!(){}$@^]|:(?=//)|(?<=\bwww)\.", re.IGNORECASE)
_OPENING: Final = re.compile(r"^([-+=]|\d{1,9}(?=[.)]))")


def markdown_text(text: str) -> str:
    """One line of text, escaped so that Markdown shows exactly this text."""
    escaped = _MARKUP.sub(r"\\\g<0>", text)
    opening = _OPENING.match(escaped)
    if opening is None:
        return escaped
    at = 0 if opening[1] in "-+=" else opening.end()
    return f"{escaped[:at]}\\{escaped[at:]}"


# -- CSV --------------------------------------------------------------------------
# Tables as CSV (RFC 4180): lines end in CR LF, and no text becomes a formula in a spreadsheet.
CSV_END: Final = "\r\n"
_QUOTED: Final = re.compile('[",\r\n]|^\\s|\\s$')
_FORMULA: Final = re.compile(r"'*(?:[\t\n]|\s*[=+\-@\uff1d\uff0b\uff0d\uff20])")
"""The starts of a formula: four characters and their full-width forms, and blanks that spreadsheets skip.

Behind apostrophes, too: so the first one is never part of the text, and a script can remove it.
"""
_NUMBER: Final = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?%?", re.ASCII)


def rows_to_csv(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """The CSV document; without a header line if `header` is empty."""
    head = tuple(header)
    records = (head, *rows) if head else rows
    return "".join(",".join(map(csv_field, record)) + CSV_END for record in records)


def csv_field(text: str) -> str:
    """One CSV field. A text that a spreadsheet would treat as a formula gets a leading apostrophe."""
    cleaned = clean(text)
    if _FORMULA.match(cleaned) and not _NUMBER.fullmatch(cleaned):
        cleaned = f"'{cleaned}"
    return '"' + cleaned.replace('"', '""') + '"' if _QUOTED.search(cleaned) else cleaned


# -- opening of files --------------------------------------------------------------
JUDGED_BYTES: Final = 64
"""The bytes of a file that `judge_file` needs."""


def _extensions(text: str) -> frozenset[str]:
    return frozenset(text.split())


_SAFE_EXTENSIONS: Final = _extensions(
    "txt text log md markdown csv tsv json jsonl ndjson geojson yaml yml toml bib tex rst "
    "pdf png jpg jpeg gif webp bmp tif tiff heic avif ico mp3 wav ogg flac m4a mp4 webm mov mkv avi "
    "docx xlsx pptx odt ods odp rtf epub parquet sqlite db zip gz xz bz2 zst 7z tar ics vcf"
)
_ASK_REASONS: Final = {
    **dict.fromkeys(
        ("html", "htm", "xhtml", "xht", "shtml", "svg", "svgz", "mht", "mhtml"), "a web page may run scripts"
    ),
    **dict.fromkeys(
        ("xml", "rss", "atom", "xsl", "xslt", "rdf", "opml"), "a browser may open it as a page with scripts"
    ),
    **dict.fromkeys(
        ("doc", "xls", "ppt", "docm", "xlsm", "pptm", "xlsb", "odg", "mdb", "accdb"), "it may contain macros"
    ),
}
_PROGRAM_EXTENSIONS: Final = _extensions(
    "exe com scr bat cmd msi msp msix appx ps1 psm1 psd1 vbs vbe js jse mjs cjs wsf wsh hta cpl dll sys pif "
    "lnk url reg inf scf jar jnlp class app command workflow scpt applescript terminal pkg dmg "
    "sh bash zsh fish csh ksh run bin appimage deb rpm flatpakref snap desktop service out elf so dylib "
    "py pyw pyc pyz pl rb php lua tcl r ipynb awk iso img vhd vhdx webloc chm xll ade settingcontent-ms "
    "library-ms search-ms searchconnector-ms theme themepack appref-ms application xbap diagcab msc wsc sct "
    "ws shb shs hlp osascript action mobileconfig prefpane kext xpi crx vsix apk iqy slk rdp jnilib"
)
_PROGRAM_START: Final = re.compile(
    rb"\x7fELF|\xcf\xfa\xed\xfe|\xce\xfa\xed\xfe|\xfe\xed\xfa[\xcf\xce]|\xca\xfe\xba\xbe|L\0\0\0\x01\x14\x02\0"
    rb"|MZ[^\0]{0,62}\0|(?:\xef\xbb\xbf)?\s*(?:#!|\[Desktop Entry\])",
    re.DOTALL,
)
"""The first bytes of executables of the three systems, of scripts and of desktop launchers."""


class Openable(Struct, frozen=True):
    """What may be done with a file. `reason`: a text for people, "" for OPEN."""

    verdict: Verdict
    reason: str = ""


def judge_file(name: str, head: bytes) -> Openable:
    """Judge a saved file by its name and its first bytes. An unknown type is ASK.

    Readable scripts are refused as well: the system may run them instead of opening an editor.
    """
    stem, dot, suffix = name.rstrip(". ").rpartition(".")
    extension = suffix.lower() if dot and stem else ""
    if _PROGRAM_START.match(head):
        return Openable(Verdict.REFUSE, "it is a program or a script")
    if extension in _PROGRAM_EXTENSIONS:
        return Openable(Verdict.REFUSE, f".{extension} files may run as programs")
    if extension in _ASK_REASONS:
        return Openable(Verdict.ASK, _ASK_REASONS[extension])
    if extension in _SAFE_EXTENSIONS:
        return Openable(Verdict.OPEN)
    unknown = f".{extension[:20]} is an unknown file type" if extension else "its type is unknown"
    return Openable(Verdict.ASK, unknown)


# -- secrets ------------------------------------------------------------------------
class Secret:
    """A secret value. Only `reveal` returns it; `repr` hides it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The secret, for the code that sends it."""
        return self._value

    def tail(self) -> str:
        """The last four characters of a long enough secret, to be shown."""
        return self._value[-4:] if len(self._value) >= 12 else ""

    def __repr__(self) -> str:
        return "Secret(…)"

    def __bool__(self) -> bool:
        return bool(self._value)


SECRET_VARIABLES: Final = ("HANDINGER_API_KEY", "HANDINGER_CUSTOM_HEADERS", "HANDINGER_SHARED_URL")
"""Variables with secrets. The custom headers may contain the key of a gateway, the URL a password."""


def without_secrets(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment without secrets, for editors, openers, browsers and their child processes."""
    return {name: value for name, value in environ.items() if name.upper() not in SECRET_VARIABLES}
