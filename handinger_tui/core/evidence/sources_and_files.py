"""Evidence: the sources and files of a turn and of a session, from the stream and the Worker."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from operator import is_

from handinger_tui.core.evidence.source_addresses import address_marks, canonical_url, host_at
from handinger_tui.core.turns.session import Session, same_front
from handinger_tui.core.turns.turn import FilePart, SourcePart, Turn


@dataclass(frozen=True, slots=True)
class Source:
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


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One file of a session, and the turn that listed it last."""

    part: FilePart
    turn_id: str


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


@dataclass(slots=True)
class _TurnSources:
    """The source keys of one turn, and the values from which they were read."""

    turn: Turn
    streamed: list[SourcePart]
    listed: list[str] | None
    before: object
    keys: set[str]


class SourceIndex:
    """`sources_of` for a growing session: only new sources are processed at each call.

    A source keeps its number for the lifetime of the index, also when an earlier one appears later; a
    source that the service removes leaves a gap. Use one index per session for all its numbers. The
    result is the identical tuple while nothing changed.
    """

    def __init__(self) -> None:
        self._session_id: str | None = None
        self._reset("")

    def _reset(self, session_id: str) -> None:
        self._session_id = session_id
        self._turns: dict[str, _TurnSources] = {}
        self._seen_turns: tuple[Turn, ...] = ()
        self._by_key: dict[str, Source] = {}
        self._result: tuple[Source, ...] = ()
        self._changed = self._has_removed = False

    def __call__(self, session: Session) -> tuple[Source, ...]:
        """The sources of `session` in order of their numbers."""
        if session.session_id != self._session_id or len(session.turns) < len(self._turns):
            self._reset(session.session_id)
        for turn in session.turns[same_front(self._seen_turns, session.turns) :]:
            previous = self._turns.get(turn.turn_id)
            if previous is None or previous.turn is not turn:
                self._turns[turn.turn_id] = self._update_turn(turn, previous)
        self._seen_turns = session.turns
        if self._changed:
            self._result = self._present() if self._has_removed else tuple(self._by_key.values())
            self._changed = False
        return self._result

    def unread(self, session: Session) -> list[SourcePart]:
        """The sources of the stream that the next call processes for the first time."""
        is_same_session = session.session_id == self._session_id
        by_turn, seen_turns = (self._turns, self._seen_turns) if is_same_session else ({}, ())
        parts: list[SourcePart] = []
        for turn in session.turns[same_front(seen_turns, session.turns) :]:
            previous = by_turn.get(turn.turn_id)
            if previous is None or previous.turn is not turn:
                streamed = [part for part in turn.parts if isinstance(part, SourcePart)]
                parts += streamed[len(previous.streamed) if previous is not None else 0 :]
        return parts

    def _present(self) -> tuple[Source, ...]:
        keys = set[str]().union(*(turn.keys for turn in self._turns.values()))
        return tuple(source for key, source in self._by_key.items() if key in keys)

    def _update_turn(self, turn: Turn, previous: _TurnSources | None) -> _TurnSources:
        streamed = [part for part in turn.parts if isinstance(part, SourcePart)]
        listed = [source.url for source in turn.snapshot.sources] if turn.snapshot else None
        before = turn.before.sources if turn.before else None
        if previous is None or previous.before is not before or not _grew(previous, streamed, listed):
            keys = self._add_parts(sources_of_turn(turn), turn, set())
            self._has_removed = self._has_removed or (previous is not None and not previous.keys <= keys)
            self._changed = self._changed or (previous is not None and previous.keys != keys)
        else:
            added = list(streamed[len(previous.streamed) :])
            if listed is not None and turn.snapshot is not None and listed != previous.listed:
                known = {source.url for source in turn.before.sources} if turn.before else set()
                fresh = turn.snapshot.sources[len(previous.listed or ()) :]
                added += [SourcePart(s.source_id, s.url, s.title) for s in fresh if s.url not in known]
            keys = self._add_parts(added, turn, previous.keys)
        return _TurnSources(turn, streamed, listed, before, keys)

    def _add_parts(self, parts: Iterable[SourcePart], turn: Turn, keys: set[str]) -> set[str]:
        for part in parts:
            key = source_key(part)
            # A source that the service had removed may be listed again.
            self._changed = self._changed or (self._has_removed and key not in keys)
            keys.add(key)
            source = self._by_key.get(key)
            if source is None:
                self._by_key[key] = Source(len(self._by_key) + 1, part, turn.turn_id)
            elif part.title and not source.part.title:
                self._by_key[key] = replace(source, part=replace(source.part, title=part.title))
            else:
                continue
            self._changed = True
        return keys


def _grew(previous: _TurnSources, streamed: list[SourcePart], listed: list[str] | None) -> bool:
    """Whether both lists only got longer, so that the earlier entries are still valid."""
    if len(streamed) < len(previous.streamed) or not all(map(is_, previous.streamed, streamed)):
        return False
    old = previous.listed or []
    return not old or (listed is not None and listed[: len(old)] == old)


def by_host(sources: Iterable[Source]) -> tuple[tuple[str, tuple[Source, ...]], ...]:
    """Sources grouped by host (ASCII), in order of appearance; "" for documents and others."""
    groups: dict[str, list[Source]] = {}
    for source in sources:
        groups.setdefault(source.host, []).append(source)
    return tuple((host, tuple(group)) for host, group in groups.items())


def by_turn(sources: Iterable[Source]) -> tuple[tuple[str, tuple[Source, ...]], ...]:
    """Sources grouped by the turn in which they appeared first, in order of appearance."""
    groups: dict[str, list[Source]] = {}
    for source in sources:
        groups.setdefault(source.turn_id, []).append(source)
    return tuple((turn_id, tuple(group)) for turn_id, group in groups.items())


def files_of(session: Session) -> tuple[FileEntry, ...]:
    """All files of a session, newest last; a file listed again under the same URL appears only once."""
    entries: dict[str, FileEntry] = {}
    for turn in session.turns:
        for part in files_of_turn(turn):
            entries.pop(part.url, None)
            entries[part.url] = FileEntry(part, turn.turn_id)
    return tuple(entries.values())
