"""Evidence: the sources and files of a turn and of a session, from the stream and the Worker."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from handinger_tui.core.evidence.source_addresses import address_marks, canonical_url, host_at
from handinger_tui.core.safety.cleaning import clean_line
from handinger_tui.core.turns.session import PerTurn, Session, same_front
from handinger_tui.core.turns.turn import FilePart, SourcePart, Turn


class Source(Struct, frozen=True):
    """One source of a session. `number` counts from 1 in order of first appearance."""

    number: int
    part: SourcePart
    turn_id: str

    @property
    def key(self) -> str:
        """The identity of the source, see `source_key`."""
        return source_key(self.part)

    @property
    def host(self) -> str:
        """The host of its address in ASCII; "" for a document, and for an address without a host."""
        return host_at(self.part.url) if self.part.url else ""

    @property
    def marks(self) -> tuple[str, ...]:
        """Reasons to check its address before opening it, see `address_marks`."""
        return address_marks(self.part.url)


def sources_of_turn(turn: Turn) -> tuple[SourcePart, ...]:
    """Sources of the stream in order of arrival, then those that only the Worker lists.

    A source that the stream sent twice is kept twice, as in the reference client. Sources that the
    Worker listed before this turn are left out.
    """
    streamed = [part for part in turn.parts if isinstance(part, SourcePart)]
    if turn.snapshot is None:
        return tuple(streamed)
    known = {part.url for part in streamed} | {s.url for s in (turn.before.sources if turn.before else ())}
    added = []
    for source in turn.snapshot.sources:
        if source.url not in known:
            known.add(source.url)
            added.append(SourcePart(source.source_id, source.url, source.title))
    return (*streamed, *added)


def files_of_turn(turn: Turn) -> tuple[FilePart, ...]:
    """Files of the stream, then those that only the Worker lists as new since `before`.

    A file of the stream without a name or size gets them from the Worker.
    """
    listed = {file.url: file for file in (turn.snapshot.files if turn.snapshot else ())}
    before = {file.url for file in (turn.before.files if turn.before else ())}
    files = []
    for part in turn.parts:
        if isinstance(part, FilePart):
            twin = listed.pop(part.url, None)
            name = part.filename or (twin.filename if twin else None)
            size = part.size if part.size is not None else (twin.size if twin else None)
            same = (name, size) == (part.filename, part.size)
            files.append(part if same else FilePart(part.url, part.media_type, name, size, part.in_reasoning))
    files += [
        FilePart(file.url, file.media_type, file.filename, file.size)
        for file in listed.values()
        if file.url not in before
    ]
    return tuple(files)


def source_key(part: SourcePart) -> str:
    """The key of a source, equal for equal sources: its canonical address, or its id and title."""
    return canonical_url(part.url) if part.url else f"doc:{part.source_id}:{part.title}"


def sources_of(session: Session) -> tuple[Source, ...]:
    """All distinct sources of a session, numbered in order of first appearance."""
    return SourceIndex()(session)


class SourceIndex:
    """`sources_of` for a growing session: only the sources of changed turns are processed at each call.

    A source keeps its number for the lifetime of the index, also when an earlier one appears later; a
    source that the service removes leaves a gap. Use one index per session for all its numbers. The
    result is the identical tuple while nothing changed.
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
        if not len(sources) == len(self._sources) == same_front(self._sources, sources):
            self._sources = sources
        return self._sources

    def _add_turn(self, turn: Turn) -> set[str]:
        """Number the new sources of a turn; returns the keys of all its sources."""
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

    def unread(self, session: Session) -> list[SourcePart]:
        """The sources of the stream that the next call processes for the first time."""
        is_same_session = session.session_id == self._session_id
        turns = self._keys_of.stale(session.turns) if is_same_session else session.turns
        parts = (part for turn in turns for part in turn.parts if isinstance(part, SourcePart))
        return [part for part in parts if not is_same_session or part.url not in self._urls]


def title_of(part: SourcePart) -> str:
    """The title to show: cleaned, in one line, and never empty."""
    candidates = (part.title, part.filename, part.url, part.source_id)
    return next((text for name in candidates if name and (text := clean_line(name, 300))), "untitled")
