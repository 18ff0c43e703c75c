"""Text, names and links from outside, made harmless. Pure, and the only place that does it."""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum
from functools import lru_cache
from ipaddress import ip_address
from typing import Final
from urllib.parse import unquote, urlsplit

from handinger_tui.core.jsontext import Json
from handinger_tui.core.patterns import late
from handinger_tui.core.record import dataclass

_LINE_ENDS: Final = "\r\n|\r|[\x0b\x0c\x85\u2028\u2029]"
BREAKS: Final = "\x0b-\x0d\x85\u2028\u2029"
CONTROLS: Final = "\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f"
DIRECTIONS: Final = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
HALVES: Final = "\ud800-\udfff"
UNSEEN: Final = (
    "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u2060-\u2065\u206a-\u206f\u3164\ufe00-\ufe0d\ufeff"
    "\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0080-\U000e0fff"
)
"""Never drawn, or as a blank: soft hyphen, fillers, word joiners, marks of the byte order, selectors."""
TAGS: Final = "\U000e0000-\U000e007f"
PLACEHOLDER: Final = "\U0010eeee"
"""Some terminals draw a piece of a picture in its place: whoever writes it says what is to be seen there."""
NOTHING: Final = f"\ufdd0-\ufdef\ufffe\uffff{PLACEHOLDER}"
"""No characters at all, by the standard; and one that stands for something else."""

_PICTURES: Final = "\u203c-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff"
_TONED: Final = "\u270a\u270b\U0001f000-\U0001f3fa\U0001f400-\U0001faff"
_TONES: Final = "\U0001f3fb-\U0001f3ff"
_LETTERS: Final = "[^\x00-\u02ff\u2000-\u2bff\u3000-\u303f\U0001f000-\U0001faff]"

SUSPECT: Final = late(
    f"[{BREAKS}{CONTROLS}{DIRECTIONS}{HALVES}{UNSEEN}{TAGS}{NOTHING}\u200c\u200d\ufe0e\ufe0f{_TONES}]"
)
"""Finds any character that `plain` may touch, but for floods of marks."""
ALWAYS: Final = late(f"[{BREAKS}{CONTROLS}{DIRECTIONS}{HALVES}{UNSEEN}{NOTHING}]")
"""Finds what goes whatever stands beside it."""
LOOSE: Final = late(
    f"(?<![{_PICTURES}\ufe0f{_TONES}])(?:\u200d.?)+|\u200d(?![{_PICTURES}])(?:.?\u200d)*.?", re.DOTALL
)
"""Finds a joiner that joins no pictures, as where a line was cut, and what rich counts as joined to it."""

_ENDS: Final = late(_LINE_ENDS)
_GONE: Final = late(f"[{CONTROLS}{DIRECTIONS}{UNSEEN}]")
_REPLACED: Final = late(f"[{HALVES}{NOTHING}]")
_REGIONS: Final = "|".join(
    "".join(chr(0xE0000 + ord(sign)) for sign in name) for name in ("gbeng", "gbsct", "gbwls")
)
"""The regions that have flags. Any other name would be letters nobody sees, and an AI reads."""
_FLAGS: Final = late(f"(\U0001f3f4(?:{_REGIONS})\U000e007f)|[{TAGS}]")
_BESIDE: Final = late(
    # What is kept is matched first and put back.
    f"((?<=[{_PICTURES}\ufe0f{_TONES}])\u200d(?=[{_PICTURES}])"
    f"|(?<={_LETTERS})\u200c(?={_LETTERS})"
    f"|(?<=[#*0-9\u00a9\u00ae{_PICTURES}])[\ufe0e\ufe0f]"
    f"|(?<=[{_TONED}])[{_TONES}])"
    f"|[\u200c\u200d\ufe0e\ufe0f{_TONES}]"
)
_JOINED: Final = f"[{_PICTURES}][\ufe0f{_TONES}]{{0,2}}"
_CHAIN: Final = late(f"((?:{_JOINED}\u200d){{3}}{_JOINED})\u200d")
"""Four joined pictures, as in a family, and one more: many terminals draw them all beside each other."""

MARKS: Final = 8
"""Marks that one letter may carry; no language needs as many."""
# Marks are no word characters to `re`. The blocks of signs and pictures are left out so that this is quick.
_MANY: Final = late(
    "[^\\w\\s\x00-\u02ff\u2000-\u20cf\u2100-\u2ce0\u2e00-\u3029\u3030-\u3098\u309b-\ua66e\ue000-\uf8ff"
    f"\ufe10-\ufe1f\ufe30-\uffff\U0001f000-\U0001faff]{{{MARKS + 1},}}"
)

OPEN_END: Final = late(
    f"[\r\ud800-\udbff{DIRECTIONS}{UNSEEN}{TAGS}\U0001f3f4\u200c\u200d\x00-\x08\x0e-\x1f\x7f-\x9f]+\\Z"
)
"""An end of text whose meaning the next character decides: half a pair, half a line end, a joiner, a flag."""
LONGEST_LINE: Final = 1 << 16
"""Characters of a text that are looked at to make one line of it."""
REACH: Final = 64
"""Characters before a piece of text that can matter to it, without those that go."""
FARTHEST: Final = LONGEST_LINE
"""Characters that are looked back at most."""


def stripped(text: str) -> str:
    """Without what always goes, and tags that are not of a region's flag. Text can be done piece by piece."""
    text = _ENDS.sub("\n", text)
    text = _FLAGS.sub(r"\1", _GONE.sub("", text))
    return _REPLACED.sub("\ufffd", text)


def plain(text: str) -> str:
    """`stripped`, and in order: no joiner, selector, tag or skin tone out of place, no flood of marks."""
    return _remembered(text) if _COSTLY < len(text) <= LONGEST_LINE else _plain(text)


def _plain(text: str) -> str:
    if SUSPECT.search(text):
        text = stripped(text)
        # What goes may have been what its neighbour leaned on: a selector after a tone, a joiner after both.
        while (kept := _BESIDE.sub(r"\1", text)) != text:
            text = kept
        text = _CHAIN.sub(r"\1", text)
    return text if text.isascii() else _MANY.sub(_few, text)


_COSTLY: Final = 500
_remembered: Final = lru_cache(maxsize=64)(_plain)
"""A title of a thousand joiners is painted as often as any other one."""


def settled_characters(text: str) -> int:
    """Where the end begins whose meaning the next character decides."""
    reach = REACH
    while True:
        at = max(0, len(text) - reach)
        found = OPEN_END.search(text, at)
        if found is None or found.start() > at or not at or reach >= FARTHEST:
            return found.start() if found else len(text)
        reach *= 8


def context(text: str, start: int) -> str:
    """What stands before `start` and can matter to it: a flood of what goes must not come in between."""
    reach = REACH
    while True:
        before = text[max(0, start - reach) : start]
        if reach >= min(start, FARTHEST) or len(stripped(before)) >= REACH:
            return before
        reach *= 8


def _few(found: re.Match[str]) -> str:
    kept, row = [], 0
    for sign in found[0]:
        row = row + 1 if unicodedata.category(sign).startswith("M") else 0
        if row <= MARKS:
            kept.append(sign)
    return "".join(kept)


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


_SPACES: Final = late(r"\s+")


def clean(text: str) -> str:
    """Text that a terminal may show: no control, direction, unseen or smuggled character, no flood of marks.

    Keeps line feeds and tabs; every other line end becomes a line feed; half a
    surrogate pair becomes U+FFFD. The rest of an escape sequence stays visible,
    so that nothing readable is lost.
    """
    # The first test is the same answer for plain ASCII, three times as fast: whole ledgers pass here.
    return text if text.isascii() and text.isprintable() else plain(text)


def settled(text: str) -> int:
    """How much of a text that still grows can be cleaned for good: what follows decides about the rest."""
    return settled_characters(text)


def clean_more(text: str, start: int, end: int) -> str:
    """What `clean` makes of `text[start:end]` where it stands. Both are ends of `settled` text."""
    fresh = text[start:end]
    if fresh.isascii():
        return clean(fresh)
    before = context(text, start)
    return clean(before + fresh)[len(clean(before)) :]


def clean_line(text: str, limit: int = 1000) -> str:
    """`clean`, in one line of at most `limit` characters."""
    # Cleaned before it is cut: a flood of invisible characters must not hide what follows.
    line = _SPACES.sub(" ", clean(text[:LONGEST_LINE])).strip()
    # A joiner before the sign would swallow it.
    return line if len(line) <= limit else line[: limit - 1].rstrip("\u200c\u200d") + "…"


_PLAIN_WORD: Final = late(r"[A-Za-z0-9_@%+:,./-][A-Za-z0-9_@%+:,./~-]*")
"""Shells leave it as it is: a tilde counts at the start of a word, an equals sign too in some."""


def one_word(text: str) -> str:
    """`clean_line` as one word of a shell command that people copy, quoted where it must be."""
    line = clean_line(text)
    return line if _PLAIN_WORD.fullmatch(line) else "'" + line.replace("'", "'\"'\"'") + "'"


def clean_json(value: Json) -> Json:
    """`value` without any character that `clean` always removes, in its keys too.

    What joins its neighbours stays: a string may be a delta, which is cut anywhere.
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
LONGEST_URL: Final = 8192
_URL_BAD: Final = late(
    f"[\x00-\x1f\x7f-\xa0\u1680\u2000-\u200a\u2028-\u202f\u205f\u2800\u3000{DIRECTIONS}"
    f"{UNSEEN}{HALVES}{TAGS}{NOTHING}\u200c\u200d]"
)
# Browsers take a backslash for a slash, and decode what is encoded in a host: both may lead elsewhere.
_BACKSLASH: Final = late(r"[^?#]*\\")
_BRACKETS: Final = late(r"(?:[^@\[\]]*@)?(?:[^\[\]]*|\[[0-9A-Fa-f:.]+\](?::[0-9]*)?)")
"""Where brackets may stand: around an address of numbers, and nothing but a port behind it."""
_ODD_NUMBER: Final = late(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)\.?")


def judge_link(url: str, shown: str | None = None) -> Link:
    """Decide about a link. `shown` is the text it hides behind, where there is one."""
    if bad := _malformed(url):
        return Link(clean_line(url, 200), Verdict.REFUSE, reason=bad)
    try:
        parts = urlsplit(url)
        host, userinfo, _port = parts.hostname or "", parts.username is not None, parts.port
    except ValueError:
        return Link(clean_line(url, 200), Verdict.REFUSE, reason="it is no valid address")
    scheme = parts.scheme.lower()
    if scheme not in _SCHEMES:
        return Link(url, Verdict.REFUSE, reason=f"{scheme or 'relative'} addresses are not opened")
    if scheme == "mailto":
        return _judge_mail(url, shown)
    if not host:
        return Link(url, Verdict.REFUSE, reason="it names no host")
    ascii_host = to_ascii(host)
    if ascii_host is None or not _is_host(ascii_host) or not _BRACKETS.fullmatch(parts.netloc):
        return Link(url, Verdict.REFUSE, reason="its host is no valid name")
    odd = _odd_host(ascii_host, parts.netloc, userinfo=userinfo) or _disguised(url, ascii_host, shown)
    return Link(url, Verdict.ASK if odd else Verdict.OPEN, ascii_host, odd)


def _malformed(url: str) -> str:
    """What no address has, for people; "" when there is nothing of it."""
    if len(url) > LONGEST_URL:
        return f"it is longer than {LONGEST_URL:,} characters"
    if not url or url.startswith(("-", " ")) or _URL_BAD.search(url) or _BACKSLASH.match(url):
        return "it holds characters no address has"
    return ""


def _judge_mail(url: str, shown: str | None) -> Link:
    from handinger_tui.core.safety.cleaning import trouble_in_mail  # noqa: PLC0415 - not for the first frame

    parts = urlsplit(url)
    if trouble := trouble_in_mail(parts.path, parts.query):
        return Link(url, Verdict.REFUSE, reason=trouble)
    to = clean_line(unquote(parts.path), 120)
    other = contradicted(shown, to.rpartition("@")[2].lower()) if shown else None
    said = "" if other is None else f"; the text says {other}, it goes to {to or 'nobody yet'}"
    return Link(url, Verdict.ASK, reason=f"it starts an e-mail{said}")


def _odd_host(host: str, netloc: str, *, userinfo: bool) -> str:
    if userinfo:
        return f"the part before @ is no host; it leads to {host}"
    if not netloc.isascii() or host.startswith("xn--") or ".xn--" in host:
        return f"the host is really {host}"
    if _ODD_NUMBER.fullmatch(host) and not _is_ip(host):
        return f"the host is a number in an unusual form: {host}"
    return ""


MUCH: Final = 32
"""Characters of a query that may carry away what was talked about."""
LONG: Final = 200
"""Characters of an address of which no text gives an idea."""


def _disguised(url: str, host: str, shown: str | None) -> str:
    """How the text misleads, or hides more than a person would guess; "" where it does not."""
    if not shown:
        return ""
    if (other := contradicted(shown, host)) is not None:
        return f"the text says {other}, the link leads to {host}"
    much = len(url) > LONG or len(urlsplit(url).query) > MUCH
    return "the text does not show all of the address" if much and not _shows(clean_line(shown), url) else ""


def _shows(shown: str, url: str) -> bool:
    """Whether the text is the address itself; decoded, and without its scheme, as Markdown shows it."""
    whole = unquote(url)
    return unquote(shown) in (whole, whole.partition("://")[2])


def named_hosts(text: str) -> tuple[str, ...]:
    """The hosts (ASCII, without www.) that a text claims to lead to, in order."""
    from handinger_tui.core.safety.cleaning import hosts_in  # noqa: PLC0415 - not for the first frame

    found = (to_ascii(name.lower()) or name for name in hosts_in(clean_line(text)))
    return tuple(dict.fromkeys(_bare(name.strip("[]")) for name in found))


def contradicted(text: str, host: str) -> str | None:
    """A host that a text names and that is not `host` (ASCII); None without one."""
    return next((name for name in named_hosts(text) if name != _bare(host)), None)


def _bare(host: str) -> str:
    return host.rstrip(".").removeprefix("www.")


def host_of(url: str) -> str:
    """The host to show beside a source: ASCII, "" when there is none."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return ""
    name = to_ascii(host) or ""
    return clean_line(name, 120) if _is_host(name) and _BRACKETS.fullmatch(parts.netloc) else ""


# -- hosts ----------------------------------------------------------------------
_LONGEST_NAME: Final = 1000
_HOST: Final = late(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.?")
_DOTS: Final = late("[.\u3002\uff0e\uff61]")
_DEVIATING: Final = late("[\xdf\u1e9e\u03c2]")


def to_ascii(host: str) -> str | None:
    """A host name in ASCII, None when it is none."""
    if len(host) > _LONGEST_NAME:
        return None
    if host.isascii():
        return host.lower()
    try:
        return ".".join(map(_ascii_label, _DOTS.split(host)))
    except UnicodeError:
        return None


def _ascii_label(label: str) -> str:
    """As browsers have it today. Python's own way still makes ss of a sharp s: another host.

    Raises:
        UnicodeError: it is no label.
    """
    if not _DEVIATING.search(label):
        return label.encode("idna").decode("ascii").lower()
    plain = unicodedata.normalize("NFKC", label.replace("\u1e9e", "\xdf")).lower()
    # The rest of the label has to be one, too.
    _DEVIATING.sub("x", plain).encode("idna")
    return "xn--" + plain.encode("punycode").decode("ascii")


def _is_host(name: str) -> bool:
    """A name in ASCII as the system of names can hold it, or an address of numbers."""
    if _HOST.fullmatch(name) is None:
        return _is_ip(name)
    return len(name.removesuffix(".")) <= 253 and max(map(len, name.split("."))) <= 63


def _is_ip(host: str) -> bool:
    """An address of numbers in its usual form, without a zone."""
    try:
        return "%" not in host and bool(ip_address(host))
    except ValueError:
        return False


def is_loopback(host: str) -> bool:
    """This machine: localhost and names that end in it (RFC 6761), 127.0.0.0/8, ::1, ::ffff:127.0.0.1.

    Not a number in another form (2130706433, 0x7f.1): what it means is up to whoever resolves it.
    """
    name = host.lower().removesuffix(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    inside = getattr(address, "ipv4_mapped", None)
    return address.is_loopback or (inside is not None and inside.is_loopback)


# -- file names ------------------------------------------------------------------
MAX_NAME_BYTES: Final = 180
_LOOKED_AT: Final = 8192
"""Characters of a name: the beginning, and the end with its extension. Names of a megabyte have been seen."""
_NAME_BAD: Final = late('[\\x00-\\x1f\\x7f-\\x9f:*?"<>|]')
_INVISIBLE: Final = late(
    f"[{DIRECTIONS}{UNSEEN}{HALVES}{TAGS}{NOTHING}\u200c\u200d\u2028\u2029\u2800\ufe0e\ufe0f]"
)
_RESERVED: Final = late(
    r"^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$|clock\$)$", re.IGNORECASE
)


def safe_file_name(name: str | None, fallback: str = "file") -> str:
    """The name under which a file from outside may be created in a folder we chose.

    Last component only, NFC, nothing invisible or reserved on any system, at
    most 180 bytes with its extension kept.
    """
    last = re.split(r"[/\\]", name or "")[-1]
    if len(last) > _LOOKED_AT:
        last = last[: _LOOKED_AT // 2] + last[-_LOOKED_AT // 2 :]
    last = "".join(sign if sign.isprintable() else _in_print(sign) for sign in last)
    text = unicodedata.normalize("NFC", _INVISIBLE.sub("", _NAME_BAD.sub("_", last)))
    text = unicodedata.normalize("NFC", plain(_INVISIBLE.sub("", text)))
    text = _begun_well(text.strip()).rstrip(". ")
    if not text or not text.strip("_"):
        text = fallback
    # Where file systems know old character sets, wide letters may become plain ones.
    if _RESERVED.match(unicodedata.normalize("NFKC", text.split(".")[0]).strip()):
        text = f"_{text}"
    return _shorten(text)


def _begun_well(name: str) -> str:
    """Neither hidden, an option nor a home, and with no mark that would stand on what is before the name."""
    begins = (
        at for at, sign in enumerate(name) if sign not in ".-~ " and unicodedata.category(sign)[0] != "M"
    )
    return name[next(begins, len(name)) :]


def _in_print(sign: str) -> str:
    """What stands for a sign that is not printed: for odd spaces a plain one, for the others _."""
    if _INVISIBLE.match(sign):
        return ""
    return " " if unicodedata.category(sign) == "Zs" else "_"


def _shorten(name: str) -> str:
    if len(name.encode()) <= MAX_NAME_BYTES:
        return name
    stem, ending = split_name(name)
    if len(ending.encode()) > 24:
        stem, ending = name, ""
    cut = stem.encode()[: MAX_NAME_BYTES - len(ending.encode())].decode(errors="ignore")
    return cut.rstrip(". ") + ending


def split_name(name: str) -> tuple[str, str]:
    """A name, and its ending with the dot, "" without one: "a", ".tar.gz"."""
    stem, dot, extension = name.rpartition(".")
    if not stem:
        return name, ""
    if stem[-4:].lower() == ".tar" and len(stem) > 4:
        stem, extension = stem[:-4], f"{stem[-3:]}.{extension}"
    return stem, dot + extension
