"""The sources of a session with their facts and mentions. What was computed is kept while a session grows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from handinger_tui.core.evidence.citations import MentionIndex, Mentions
from handinger_tui.core.evidence.sources_and_files import Source, SourceIndex, source_key
from handinger_tui.core.safety.cleaning import clean_line, contradicted, host_of
from handinger_tui.core.turns.session import Session
from handinger_tui.core.turns.turn import SourcePart
from handinger_tui.ui.panels.panel import one_line

BATCH: Final = 200
"""New sources whose facts are computed in one step: about 10 ms."""
NO_MENTIONS: Final[Mentions] = {}


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """What is shown of one source, each cleaned and on one line.

    `host` is ASCII, "" without one. `place` is the host or the kind of document, never empty. `marks`
    are warnings about the address.
    """

    title: str
    host: str
    place: str
    marks: tuple[str, ...]


class SourceCatalog:
    """The sources of one session at a time."""

    def __init__(self) -> None:
        self._session_id: str | None = None
        self._index, self._mentions = SourceIndex(), MentionIndex()
        self._facts: dict[int, tuple[SourcePart, SourceFacts]] = {}

    def set_session(self, session: Session) -> bool:
        """Drop what belongs to another session, whose numbers denote other sources; whether it is another."""
        other = self._session_id != session.session_id
        if other:
            self._session_id = session.session_id
            self._facts.clear()
        return other

    def sources(self, session: Session) -> tuple[Source, ...]:
        """Every distinct source, in order of the numbers; the same object while there are no others."""
        return self._index(session)

    def mentions(self, session: Session, sources: tuple[Source, ...]) -> Mentions:
        """The mentions in the answers by source number; without sources the answers are not scanned."""
        return self._mentions(session, sources) if sources else NO_MENTIONS

    def facts(self, source: Source) -> SourceFacts:
        """The facts of a source; checking thousands of URLs takes longer than a paint may."""
        cached = self._facts.get(source.number)
        if cached is None or cached[0] is not source.part:
            cached = self._facts[source.number] = (source.part, facts_of(source))
        return cached[1]

    def needs_steps(self, session: Session) -> bool:
        """Whether so many sources are new that they should be prepared in steps."""
        return len(self._index.unread(session)) > BATCH

    def prepare(self, session: Session) -> Iterator[None]:
        """Compute URLs and facts in steps of `BATCH` sources."""
        for count, part in enumerate(self._index.unread(session)):
            source_key(part)
            if count % BATCH == BATCH - 1:
                yield
        yield
        self.set_session(session)
        for count, source in enumerate(self._index(session)):
            self.facts(source)
            if count % BATCH == BATCH - 1:
                yield


def facts_of(source: Source) -> SourceFacts:
    """Compute the facts of one source."""
    title, host, marks = title_of(source.part), source.host, source.marks
    # The same rule as in `judge_link`, which asks before opening such a link.
    claimed = contradicted(title, host) if host and "not opened" not in marks else None
    if claimed is not None:
        marks = (f"title says {clean_line(claimed, 80)}", *marks)
    return SourceFacts(title, host, host or place_of(source.part), marks)


def title_of(part: SourcePart) -> str:
    """The title to show: cleaned, on one line, never empty."""
    named = (part.title, part.filename, part.url, part.source_id)
    return next((text for name in named if name and (text := one_line(name))), "untitled")


def place_of(part: SourcePart) -> str:
    """The host of the URL in ASCII, or the kind of document."""
    if part.url:
        return host_of(part.url) or "no web address"
    kind = one_line(part.filename or part.media_type or "")
    return f"document · {kind}" if kind else "document"
