"""Evidence: the sources and files of a turn and of a session, from stream and Worker alike."""

from __future__ import annotations

from collections.abc import Iterable
from operator import is_

from handinger_tui.core.evidence.source_addresses import address_marks, canonical_url, host_at
from handinger_tui.core.record import dataclass
from handinger_tui.core.replacing import replace
from handinger_tui.core.turns.session import Session, same_front
from handinger_tui.core.turns.turn import FilePart, SourcePart, Turn


@dataclass(frozen=True, slots=True)
class Source:
    """One line of the sources panel. `number` counts from 1 in order of first mention."""

    number: int
    part: SourcePart
    turn_id: str

    @property
    def key(self) -> str:
        """What no other source has: see `source_key`."""
        return source_key(self.part)

    @property
    def host(self) -> str:
        """Where it really lies, in ASCII; "" for a document, and where no host is named."""
        return host_at(self.part.url) if self.part.url else ""

    @property
    def marks(self) -> tuple[str, ...]:
        """What makes its address worth a second look: see `address_marks`."""
        return address_marks(self.part.url)


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One line of the files panel."""

    part: FilePart
    turn_id: str


def sources_of_turn(turn: Turn) -> tuple[SourcePart, ...]:
    """Sources of the stream in order of arrival, then those only the Worker lists.

    Nothing that the stream sent twice is dropped (the reference client keeps
    both); what the worker already listed before this turn is not this turn's.
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
    """Files of the stream, then those only the Worker lists as new since `before`.

    A file the stream brought without a name or size gets them from the Worker.
    """
    listed = {file.url: file for file in (turn.snapshot.files if turn.snapshot else ())}
    before = {file.url for file in (turn.before.files if turn.before else ())}
    found = []
    for part in turn.parts:
        if isinstance(part, FilePart):
            twin = listed.pop(part.url, None)
            name = part.filename or (twin.filename if twin else None)
            size = part.size if part.size is not None else (twin.size if twin else None)
            same = (name, size) == (part.filename, part.size)
            found.append(part if same else FilePart(part.url, part.media_type, name, size, part.in_reasoning))
    found += [
        FilePart(file.url, file.media_type, file.filename, file.size)
        for file in listed.values()
        if file.url not in before
    ]
    return tuple(found)


def source_key(part: SourcePart) -> str:
    """What makes two parts the same source: the canonical address, or a document's id and title."""
    return canonical_url(part.url) if part.url else f"doc:{part.source_id}:{part.title}"


def sources_of(session: Session) -> tuple[Source, ...]:
    """Every distinct source of a session, numbered in order of first appearance."""
    return SourceIndex()(session)


@dataclass(slots=True)
class _Listed:
    """What was taken of one turn, and from which values."""

    turn: Turn
    streamed: list[SourcePart]
    listed: list[str] | None
    before: object
    keys: set[str]


class SourceIndex:
    """`sources_of` for a session that grows: one new source costs one new source, not all of them.

    A source keeps its number as long as the index lives, whatever comes before
    it later; one that the service takes back leaves a gap. Hold one index for a
    session and take all numbers from it. The answer is the very same tuple
    while nothing changed.
    """

    def __init__(self) -> None:
        self._session_id: str | None = None
        self._begin("")

    def _begin(self, session_id: str) -> None:
        self._session_id = session_id
        self._turns: dict[str, _Listed] = {}
        self._walked: tuple[Turn, ...] = ()
        self._known: dict[str, Source] = {}
        self._shown: tuple[Source, ...] = ()
        self._changed = self._lost = False

    def __call__(self, session: Session) -> tuple[Source, ...]:
        """The sources of `session`, in order of their numbers."""
        if session.session_id != self._session_id or len(session.turns) < len(self._turns):
            self._begin(session.session_id)
        for turn in session.turns[same_front(self._walked, session.turns) :]:
            held = self._turns.get(turn.turn_id)
            if held is None or held.turn is not turn:
                self._turns[turn.turn_id] = self._learn(turn, held)
        self._walked = session.turns
        if self._changed:
            self._shown = self._alive() if self._lost else tuple(self._known.values())
            self._changed = False
        return self._shown

    def unread(self, session: Session) -> list[SourcePart]:
        """What the stream brought that the next call takes in for the first time."""
        ours = session.session_id == self._session_id
        known, walked = (self._turns, self._walked) if ours else ({}, ())
        found: list[SourcePart] = []
        for turn in session.turns[same_front(walked, session.turns) :]:
            held = known.get(turn.turn_id)
            if held is None or held.turn is not turn:
                streamed = [part for part in turn.parts if isinstance(part, SourcePart)]
                found += streamed[len(held.streamed) if held is not None else 0 :]
        return found

    def _alive(self) -> tuple[Source, ...]:
        alive = set[str]().union(*(held.keys for held in self._turns.values()))
        return tuple(source for key, source in self._known.items() if key in alive)

    def _learn(self, turn: Turn, held: _Listed | None) -> _Listed:
        streamed = [part for part in turn.parts if isinstance(part, SourcePart)]
        listed = [source.url for source in turn.snapshot.sources] if turn.snapshot else None
        before = turn.before.sources if turn.before else None
        if held is None or held.before is not before or not _grew(held, streamed, listed):
            keys = self._take(sources_of_turn(turn), turn, set())
            self._lost = self._lost or (held is not None and not held.keys <= keys)
            self._changed = self._changed or (held is not None and held.keys != keys)
        else:
            added = list(streamed[len(held.streamed) :])
            if listed is not None and turn.snapshot is not None and listed != held.listed:
                known = {source.url for source in turn.before.sources} if turn.before else set()
                fresh = turn.snapshot.sources[len(held.listed or ()) :]
                added += [SourcePart(s.source_id, s.url, s.title) for s in fresh if s.url not in known]
            keys = self._take(added, turn, held.keys)
        return _Listed(turn, streamed, listed, before, keys)

    def _take(self, parts: Iterable[SourcePart], turn: Turn, keys: set[str]) -> set[str]:
        for part in parts:
            key = source_key(part)
            # What was taken back may be here again.
            self._changed = self._changed or (self._lost and key not in keys)
            keys.add(key)
            source = self._known.get(key)
            if source is None:
                self._known[key] = Source(len(self._known) + 1, part, turn.turn_id)
            elif part.title and not source.part.title:
                self._known[key] = replace(source, part=replace(source.part, title=part.title))
            else:
                continue
            self._changed = True
        return keys


def _grew(held: _Listed, streamed: list[SourcePart], listed: list[str] | None) -> bool:
    """Both lists only got longer, so that what was taken stays taken."""
    if len(streamed) < len(held.streamed) or not all(map(is_, held.streamed, streamed)):
        return False
    old = held.listed or []
    return not old or (listed is not None and listed[: len(old)] == old)


def by_host(sources: Iterable[Source]) -> tuple[tuple[str, tuple[Source, ...]], ...]:
    """Sources under their hosts (ASCII), in order of appearance; "" for documents and what names no host."""
    groups: dict[str, list[Source]] = {}
    for source in sources:
        groups.setdefault(source.host, []).append(source)
    return tuple((host, tuple(found)) for host, found in groups.items())


def by_turn(sources: Iterable[Source]) -> tuple[tuple[str, tuple[Source, ...]], ...]:
    """Sources under the turns that named them first, in order of appearance."""
    groups: dict[str, list[Source]] = {}
    for source in sources:
        groups.setdefault(source.turn_id, []).append(source)
    return tuple((turn_id, tuple(found)) for turn_id, found in groups.items())


def files_of(session: Session) -> tuple[FileEntry, ...]:
    """Every file of a session; one listed again under the same address appears once, newest last."""
    seen: dict[str, FileEntry] = {}
    for turn in session.turns:
        for part in files_of_turn(turn):
            seen.pop(part.url, None)
            seen[part.url] = FileEntry(part, turn.turn_id)
    return tuple(seen.values())
