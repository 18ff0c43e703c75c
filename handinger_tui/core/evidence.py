"""Evidence: the sources and files of a turn and of a session, from stream and Worker alike."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from handinger_tui.core.session import Session
from handinger_tui.core.turn import FilePart, SourcePart, Turn


@dataclass(frozen=True, slots=True)
class Source:
    """One line of the sources panel. `number` counts from 1 in order of first mention."""

    number: int
    part: SourcePart
    turn_id: str


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


def canonical_url(url: str) -> str:
    """The form under which two addresses are the same source (host in lower case, no fragment)."""
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").lower()
    except ValueError:
        return url
    return f"{parts.scheme.lower()}://{host}{parts.path.rstrip('/')}?{parts.query}"


def sources_of(session: Session) -> tuple[Source, ...]:
    """Every distinct source of a session, numbered in order of first appearance."""
    seen: dict[str, Source] = {}
    for turn in session.turns:
        for part in sources_of_turn(turn):
            key = canonical_url(part.url) if part.url else f"doc:{part.source_id}:{part.title}"
            if key not in seen:
                seen[key] = Source(len(seen) + 1, part, turn.turn_id)
    return tuple(seen.values())


def files_of(session: Session) -> tuple[FileEntry, ...]:
    """Every file of a session; one listed again under the same address appears once, newest last."""
    seen: dict[str, FileEntry] = {}
    for turn in session.turns:
        for part in files_of_turn(turn):
            seen.pop(part.url, None)
            seen[part.url] = FileEntry(part, turn.turn_id)
    return tuple(seen.values())
