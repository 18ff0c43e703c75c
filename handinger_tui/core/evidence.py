"""Evidence: the sources, files and datasets of turns and sessions.

A source has a canonical address, and warnings about it; `core.safety` decides whether it may be opened.
Datasets are the structured output and the data parts of an answer.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from ipaddress import ip_address
from itertools import islice
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

from msgspec import Struct
from msgspec.structs import replace

from handinger_tui.core.jsontext import Json, JsonObject, dump
from handinger_tui.core.safety import (
    LONGEST_URL,
    Verdict,
    clean_line,
    host_of,
    is_loopback,
    judge_link,
    rows_to_csv,
    to_ascii,
)
from handinger_tui.core.stream import CustomPart, FilePart, Snapshot, SourcePart
from handinger_tui.core.turns.session import PerTurn, Session, identical_prefix
from handinger_tui.core.turns.turn import DataPart, Part, ToolPart, ToolState, Turn, parts_of

_BLANKS: Final = "".join(map(chr, range(0x21)))
"""Characters that browsers strip from the ends of an address."""
_BREAKS: Final = str.maketrans("", "", "\t\r\n")
_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_HOST: Final = re.compile(r"[a-z0-9._-]+|[a-z0-9:.%]+")
_DEFAULT_PORTS: Final = frozenset({80, 443})
_MAX_SHOWN_HOST: Final = 120
"""Characters of a host that are shown."""
_MAX_CACHED: Final = 2048
"""Addresses with more characters are not cached."""

_TRACKING: Final = re.compile(
    r"(?:utm_|mtm_|pk_|hsa_|oly_).*|g(?:clid|clsrc|braid)|wbraid|dclid|fbclid|msclkid|twclid|ttclid|yclid"
    r"|igshid|srsltid|mc_[ce]id|mkt_tok|_hs(?:enc|mi)|_g[al]|ref_(?:src|url)|vero_id"
)
"""Query parameters that only track the reader."""


def canonical_url(url: str) -> str:
    """The canonical form of an address, which is equal for addresses of the same source. It is idempotent.

    http becomes https, the host becomes ASCII in lower case; default ports, fragments, tracking parameters
    and trailing slashes are removed; percent-encoding is normalized. With other schemes, only the scheme
    becomes lower case, and surrounding blanks are removed.
    """
    return _cached_canonical(url) if len(url) <= _MAX_CACHED else _canonical(url)


def _canonical(url: str) -> str:
    if len(url) > LONGEST_URL:
        # It is never opened, and processing megabytes would block the program.
        return url
    text = url.strip(_BLANKS).translate(_BREAKS).strip(_BLANKS)
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
    path = _without_dots(percent_encoded(parts.path)).rstrip("/")
    pieces = (percent_encoded(piece) for piece in parts.query.split("&"))
    query = [piece for piece in pieces if piece and not _TRACKING.fullmatch(piece.partition("=")[0].lower())]
    return f"https://{authority}{path}" + ("?" + "&".join(query) if query else "")


_cached_canonical: Final = lru_cache(maxsize=1 << 15)(_canonical)


def _authority(parts: SplitResult, *, default_ports: frozenset[int]) -> str | None:
    """`user@host:port` with the host in ASCII; None if the host is not valid.

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
    return (
        percent_encoded(user) + at + bracketed + ("" if port is None or port in default_ports else f":{port}")
    )


_ENCODE: Final = re.compile(r"%([0-9A-Fa-f]{2})|[^A-Za-z0-9._~!$&'*+,;=:@/?-]")
_UNRESERVED: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


def percent_encoded(text: str) -> str:
    """Normalize percent-encoding. The result is ASCII, without brackets, quotes, backslashes and blanks."""
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


def document_url(url: str | None) -> str | None:
    """A web address that is safe in a document: ASCII, without characters that end a link, a field or a line.

    None for other addresses, and for those that would not be opened.
    """
    if not url or judge_link(url).verdict is Verdict.REFUSE:
        return None
    parts = urlsplit(url)
    if parts.scheme.lower() not in ("http", "https"):
        return None
    authority = _authority(parts, default_ports=frozenset())
    if authority is None:
        return None
    tail = percent_encoded(parts.path)
    tail += f"?{percent_encoded(parts.query)}" if parts.query else ""
    tail += f"#{percent_encoded(parts.fragment)}" if parts.fragment else ""
    return f"{parts.scheme.lower()}://{authority}{tail}"


_ORDINARY: Final = re.compile(r"https://([a-z0-9-]+(?:\.[a-z0-9-]+)+)(?:/[!-\[\]-~]{0,2000})?")
"""The form of nearly all sources, whose host needs no further checks."""


def cached_host(url: str) -> str:
    """`safety.host_of` with a cache, since lists are often grouped by host."""
    ordinary = _ORDINARY.fullmatch(url) if len(url) <= _MAX_CACHED else None
    if ordinary is not None and len(ordinary[1]) <= _MAX_SHOWN_HOST:
        return ordinary[1]
    return _cached_host(url) if len(url) <= _MAX_CACHED else host_of(url)


_cached_host: Final = lru_cache(maxsize=1 << 15)(host_of)


# -- warnings --------------------------------------------------------------------
def unicode_host(host: str) -> str:
    """A host in Unicode, only to be shown; the ASCII form is the reliable one."""
    return clean_line(".".join(map(_unicode_label, host.split("."))), 120)


def _unicode_label(label: str) -> str:
    if not label.lower().startswith("xn--"):
        return label
    import idna  # its tables take 5 ms, and few hosts need them

    try:
        return idna.decode(label)
    except UnicodeError:
        return label


@lru_cache(maxsize=1 << 12)
def host_marks(host: str) -> tuple[str, ...]:
    """Reasons to check a host (in ASCII) before opening it, as shown to the user."""
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
    """Reasons to check an address before opening it, including `host_marks`; () without an address."""
    if not url:
        return ()
    ordinary = _ORDINARY.fullmatch(url) if len(url) <= _MAX_CACHED else None
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
"""Sets of scripts that are used together in one language."""


def _mixes_scripts(label: str) -> bool:
    if label.isascii():
        return False
    # The Unicode name of a letter begins with its script.
    names = (unicodedata.name(char, "?") for char in label if unicodedata.category(char).startswith("L"))
    scripts = {name.split(" ")[0].split("-")[0] for name in names}
    return len(scripts) > 1 and not any(scripts <= allowed for allowed in _SCRIPTS_USED_TOGETHER)


class Source(Struct, frozen=True):
    """One source of a session. `number`: from 1, in order of first appearance."""

    number: int
    part: SourcePart
    turn_id: str

    @property
    def key(self) -> str:
        """The identity of the source, see `source_key`."""
        return source_key(self.part)

    @property
    def host(self) -> str:
        """The host in ASCII; "" for a document or an address without a host."""
        return cached_host(self.part.url) if self.part.url else ""

    @property
    def marks(self) -> tuple[str, ...]:
        """Reasons to check its address before opening it, see `address_marks`."""
        return address_marks(self.part.url)


def sources_of_turn(turn: Turn) -> tuple[SourcePart, ...]:
    """The sources of the stream in order of arrival, then those that only the Worker lists.

    A source that the stream sends twice is kept twice, as in the reference client. Sources that the Worker
    listed before this turn, or that earlier turns have where it was not read then, are omitted.
    """
    streamed = [*parts_of(turn.parts, SourcePart)]
    if turn.snapshot is None:
        return tuple(streamed)
    earlier = _earlier_evidence(turn)
    urls = {part.url for part in streamed} | {s.url for s in (earlier.sources if earlier else ())}
    added = []
    for source in turn.snapshot.sources:
        if source.url not in urls:
            urls.add(source.url)
            added.append(source)
    return (*streamed, *added)


def files_of_turn(turn: Turn) -> tuple[FilePart, ...]:
    """The files of the stream, then those that only the Worker lists as new since the turns before.

    A file of the stream without a name or a size gets it from the Worker. The same file may have an absolute
    address in one and a relative one in the other.
    """
    listed = {file.url: file for file in (turn.snapshot.files if turn.snapshot else ())}
    streamed = tuple(parts_of(turn.parts, FilePart))
    if not (listed or streamed):
        return ()
    find_listed = _finder(listed.values())
    earlier = _earlier_evidence(turn)
    find_before = _finder(earlier.files if earlier else ())
    files = []
    for part in streamed:
        twin = find_listed(part)
        if twin is not None:
            listed.pop(twin.url, None)
        name = part.filename or (twin.filename if twin else None)
        size = part.size if part.size is not None else (twin.size if twin else None)
        same = (name, size) == (part.filename, part.size)
        files.append(part if same else replace(part, filename=name, size=size))
    files += [file for file in listed.values() if find_before(file) is None]
    return tuple(files)


def _earlier_evidence(turn: Turn) -> Snapshot | None:
    """The reading of the worker before a turn, else what earlier turns have of files and sources."""
    return turn.before or turn.earlier_evidence


def evidence_of(turns: Iterable[Turn]) -> JsonObject:
    """All files and sources that turns know of, as a Worker lists them; empty without any."""
    files, sources = dict[str, str | None](), dict[str, str | None]()
    for turn in turns:
        readings = [one for one in (turn.before, turn.earlier_evidence, turn.snapshot) if one is not None]
        parts = (*parts_of(turn.parts, FilePart), *(file for one in readings for file in one.files))
        files |= {part.url: part.filename for part in parts}
        cited = (*parts_of(turn.parts, SourcePart), *(source for one in readings for source in one.sources))
        sources |= {part.url: part.title for part in cited if part.url}
    listed: JsonObject = {}
    if files:
        listed["files"] = [{"url": url, "filename": name} for url, name in files.items()]
    if sources:
        listed["sources"] = [{"url": url, "title": title} for url, title in sources.items()]
    return listed


def _finder(files: Iterable[FilePart]) -> Callable[[FilePart], FilePart | None]:
    """A function that finds a file in `files`: by address, or by path, query and name if one is relative."""
    by_url = {file.url: file for file in files}
    by_place = {_place(url): file for url, file in by_url.items()}

    def find(file: FilePart) -> FilePart | None:
        if file.url in by_url:
            return by_url[file.url]
        place, is_relative = _place(file.url)
        twin = by_place.get((place, not is_relative))
        is_same = twin is not None and (twin.filename or file.filename) == (file.filename or twin.filename)
        return twin if is_same else None

    return find


def _place(url: str) -> tuple[str, bool]:
    """Path and query of an address, and whether it is relative (to the origin of the service)."""
    try:
        parts = urlsplit("" if url.startswith("data:") else url)
    except ValueError:
        return url, False
    return f"/{parts.path.lstrip('/')}?{parts.query}", not (parts.scheme or parts.netloc) and bool(parts.path)


_WRITING: Final = re.compile(r"write|create|save|edit|export|generate|make|store", re.IGNORECASE)
"""Names of tools that write files. Tools that only read files must not match."""


MAX_PATH: Final = 1024
"""Characters of a path: longer values are contents."""
MAX_FOLDERS: Final = 32


def files_by_tool(parts: Sequence[Part], files: Sequence[FilePart]) -> dict[int, FilePart]:
    """Position of a tool call → the file that it wrote; of several calls for a file, the last one.

    A call wrote a file if its tool writes files, and its input or output contains the name of the file.
    """
    calls: dict[str, list[int]] = {}
    for at, part in enumerate(parts):
        if isinstance(part, ToolPart):
            for name in _written_by(part):
                calls.setdefault(name, []).append(at)
    written: dict[int, FilePart] = {}
    for file in files:
        positions = calls.get(file.filename or "", [])
        while positions:
            if (at := positions.pop()) not in written:
                written[at] = file
                break
    return written


def _written_by(tool: ToolPart) -> set[str]:
    """The names of files that a call may have written."""
    if tool.state is not ToolState.OUTPUT_AVAILABLE or not _WRITING.search(tool.name):
        return set()
    members = (members for members in (tool.input, tool.output) if isinstance(members, dict))
    values = (value for each in members for value in each.values() if isinstance(value, str))
    # The service may name the file of "a/b/c" as "a/b/c", "b/c" or "c".
    paths = (value.split("/")[-MAX_FOLDERS:] for value in values if len(value) <= MAX_PATH)
    return {"/".join(path[at:]) for path in paths for at in range(len(path))} - {""}


def source_key(part: SourcePart) -> str:
    """The identity of a source: its canonical address; for a document its id and title."""
    return canonical_url(part.url) if part.url else f"doc:{part.source_id}:{part.title}"


def sources_of(session: Session) -> tuple[Source, ...]:
    """The distinct sources of a session, numbered in order of first appearance."""
    return SourceIndex()(session)


class SourceIndex:
    """`sources_of` for a growing session: only the sources of changed turns are processed.

    A source keeps its number, even if an earlier one appears later; a removed source leaves a gap. Use one
    index per session. The result is the identical tuple while nothing changed.
    """

    def __init__(self) -> None:
        self._reset("")

    def _reset(self, session_id: str) -> None:
        self._session_id = session_id
        self._keys_of = PerTurn(self._add_turn)
        self._by_key: dict[str, Source] = {}
        self._urls: set[str | None] = set()
        self._sources: tuple[Source, ...] = ()

    def __call__(self, session: Session) -> tuple[Source, ...]:
        """The sources of `session` in order of their numbers."""
        if session.session_id != self._session_id:
            self._reset(session.session_id)
        keys = set[str]().union(*self._keys_of(session.turns))
        sources = tuple(source for key, source in self._by_key.items() if key in keys)
        if not len(sources) == len(self._sources) == identical_prefix(self._sources, sources):
            self._sources = sources
        return self._sources

    def _add_turn(self, turn: Turn) -> set[str]:
        """Assign numbers to the new sources of a turn. Returns the keys of all its sources."""
        keys = set()
        for part in sources_of_turn(turn):
            key = source_key(part)
            keys.add(key)
            self._urls.add(part.url)
            source = self._by_key.get(key)
            if source is None:
                self._by_key[key] = Source(len(self._by_key) + 1, part, turn.turn_id)
            elif part.title and not source.part.title:
                self._by_key[key] = replace(source, part=replace(source.part, title=part.title))
        return keys

    def new_sources(self, session: Session) -> list[SourcePart]:
        """The streamed sources that the next call will process for the first time."""
        is_same_session = session.session_id == self._session_id
        turns = self._keys_of.stale(session.turns) if is_same_session else session.turns
        parts = (part for turn in turns for part in parts_of(turn.parts, SourcePart))
        return [part for part in parts if not is_same_session or part.url not in self._urls]


def title_of(part: SourcePart) -> str:
    """The title to show: cleaned, in one line, and never empty."""
    candidates = (part.title, part.filename, part.url, part.source_id)
    return next((text for name in candidates if name and (text := clean_line(name, 300))), "untitled")


def file_name(part: FilePart) -> str:
    """The file name to show, else the last part of its address: cleaned, in one line, and never empty."""
    address = "" if part.url.startswith("data:") else re.split("[?#]", part.url, maxsplit=1)[0]
    candidates = (part.filename, unquote(address.rpartition("/")[2]))
    return next((text for name in candidates if name and (text := clean_line(name, 300))), "unnamed file")


# -- sources to be cited ---------------------------------------------------------------------
Days = Mapping[str, str]
"""Turn id → the day (ISO 8601) on which the worker read the sources; unknown days are missing."""


def read_days(session: Session) -> dict[str, str]:
    """The day on which each turn was sent, in local time."""
    moments = {
        one.turn_id: datetime.fromtimestamp(one.request.created_ms / 1000, UTC) for one in session.turns
    }
    return {turn_id: moment.astimezone().date().isoformat() for turn_id, moment in moments.items()}


class Citable(Struct, frozen=True):
    """A source to be cited, with texts in a single line. `url`: see `document_url`."""

    number: int
    title: str
    host: str
    url: str | None
    accessed: str | None


def citables(sources: Iterable[Source], days: Days) -> Iterator[Citable]:
    """The sources in the form that all citation formats use."""
    for source in sources:
        url = document_url(source.part.url)
        host = source.host if url is not None else ""
        yield Citable(source.number, title_of(source.part), host, url, days.get(source.turn_id))


# -- files of a session ---------------------------------------------------------------------------
class ListedFile(Struct, frozen=True):
    """One file of a session. `turn` counts from 1; `changed`: an earlier turn created a different version."""

    part: FilePart
    turn_id: str
    turn: int
    changed: bool = False


def listed_files(session: Session) -> tuple[ListedFile, ...]:
    """Every file of the session once per URL, the newest last."""
    by_url: dict[str, ListedFile] = {}
    # Under each name and path: the newest file so far, with the number of its turn.
    last_versions: dict[tuple[str, str], tuple[int, FilePart]] = {}
    for number, turn in enumerate(session.turns, 1):
        for part in files_of_turn(turn):
            identities = _identities(part)
            versions = [last_versions[key] for key in identities if key in last_versions]
            changed = any(last < number and _differs(former, part) for last, former in versions)
            # Removed first, so that the file moves to the end.
            by_url.pop(part.url, None)
            by_url[part.url] = ListedFile(part, turn.turn_id, number, changed)
            last_versions |= dict.fromkeys(identities, (number, part))
    return tuple(by_url.values())


def _identities(part: FilePart) -> list[tuple[str, str]]:
    """What makes two files versions of the same one: the file name, or host and path of the URL."""
    location = _location(part.url)
    named = [("name", part.filename)] if part.filename else []
    return [*named, *([("location", location)] if location else [])]


def _location(url: str) -> str:
    """Host and path of `url`; the query of a signed URL differs each time. "" for a `data:` URL."""
    if url[:5].lower() == "data:":
        return ""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    return f"{parts.netloc}{parts.path}"


def _differs(old: FilePart, new: FilePart) -> bool:
    """Whether two versions differ in URL or size. A URL that was only signed again is the same file."""
    if None not in (old.size, new.size) and old.size != new.size:
        return True
    if old.url == new.url:
        return False
    signed_again = _location(old.url) == _location(new.url) != "" and None not in (old.size, new.size)
    return not signed_again


def matching_files(files: tuple[ListedFile, ...], wanted: str) -> list[ListedFile]:
    """Files matching `wanted`: a number (from 1, as listed), a shown name, or an unambiguous prefix of one.

    Of several files with that name the newest is returned.
    """
    text = wanted.strip()
    names = [file_name(file.part) for file in files]
    exact = [file for file, name in zip(files, names, strict=True) if name == text]
    if exact:
        return exact[-1:]
    if text.isascii() and text.isdecimal():
        number = int(text[:9])
        return list(files[number - 1 : number]) if number else []
    prefixed = [at for at, name in enumerate(names) if name.casefold().startswith(text.casefold())]
    return [files[prefixed[-1]]] if text and len({names[at] for at in prefixed}) == 1 else []


# -- datasets ----------------------------------------------------------------------------------
STRUCTURED: Final = "structured output"
_CHECKED_ITEMS: Final = 50
"""How many items of an array are checked to decide whether it is a table."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """One value in a turn. `turn`: from 1. `name`: the type on the wire, or `STRUCTURED`.

    `position`: the index of its part in the turn, None for structured output.
    """

    turn_id: str
    turn: int
    name: str
    value: Json = field(compare=False)
    data_id: str | None = None
    position: int | None = None


def datasets_of(session: Session) -> tuple[Dataset, ...]:
    """All datasets of a session, in the order of the transcript, including those of unknown types."""
    return tuple(dataset for at, turn in enumerate(session.turns, 1) for dataset in _of_turn(turn, at))


def _of_turn(turn: Turn, number: int) -> Iterator[Dataset]:
    for at, part in enumerate(turn.parts):
        if isinstance(part, DataPart):
            yield Dataset(turn.turn_id, number, part.name, part.data, part.data_id, at)
        elif isinstance(part, CustomPart):
            yield Dataset(turn.turn_id, number, part.kind, part.raw, None, at)
    output = structured_of(turn)
    if output is not None:
        yield Dataset(turn.turn_id, number, STRUCTURED, output)


def structured_of(turn: Turn) -> Json:
    """The structured output of a turn; None if it has none, or only that of the previous turn."""
    output = turn.snapshot.structured_output if turn.snapshot is not None else None
    if turn.snapshot is not None and turn.snapshot.by_turn:
        # The service reports it for each turn, so an equal one is that of this turn.
        return output
    before = turn.before.structured_output if turn.before is not None else None
    return None if output == before else output


ONE_LINE: Final = 300
"""Characters of a value in one line."""


def one_line(value: object) -> str:
    """Summarize a value in one clean line: the text itself, or the members of an object by name."""
    if value is None or value in ({}, [], ""):
        return ""
    if isinstance(value, dict):
        members = list(value.items())
        if len(members) == 1:
            return one_line(members[0][1])
        return clean_line(", ".join(f"{key}: {one_line(item)}" for key, item in members[:12]), ONE_LINE)
    if isinstance(value, list | tuple):
        return clean_line(", ".join(one_line(item) for item in value[:12]), ONE_LINE)
    return clean_line(value if isinstance(value, str) else str(value), ONE_LINE)


# -- tables ------------------------------------------------------------------------
def is_tabular(value: Json) -> bool:
    """Whether a value is an array of objects or of arrays, judged by its first items."""
    if not isinstance(value, list) or not value:
        return False
    first = value[:_CHECKED_ITEMS]
    if all(isinstance(item, dict) for item in first):
        return any(first)
    return all(isinstance(item, list) for item in first) and any(first)


def table_in(value: Json) -> tuple[str, Json] | None:
    """The name and the table of the longest member that is a table; for a table itself the name is ""."""
    if is_tabular(value):
        return "", value
    if not isinstance(value, dict):
        return None
    tables = [(str(name), member) for name, member in value.items() if is_tabular(member)]
    return max(tables, key=lambda one: len(one[1]) if isinstance(one[1], list) else 0, default=None)


def csv_of(value: Json) -> str:
    """A tabular value as CSV: strings unchanged, null as an empty cell, nested values as JSON.

    The columns are all members in order of first appearance; those of an array of arrays are numbers.
    """
    items = value if isinstance(value, list) else []
    records = [item if isinstance(item, dict) else {} for item in items]
    columns = list(dict.fromkeys(key for record in records for key in record))
    if columns:
        rows = ([_cell(record.get(key)) for key in columns] for record in records)
        return rows_to_csv(columns, rows)
    lists = [item if isinstance(item, list) else [] for item in items]
    width = max(map(len, lists), default=0)
    rows_of_cells = ([_cell(cell) for cell in islice((*cells, *[None] * width), width)] for cells in lists)
    return rows_to_csv([str(at) for at in range(1, width + 1)], rows_of_cells)


def _cell(value: Json) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else dump(value)
