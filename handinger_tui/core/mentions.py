"""Mentions: where the answer speaks of a source, by its address or by a citation mark.

No part of a known dialect carries a citation of its own; what the answer says
in its text is all there is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field
from itertools import chain
from operator import is_

from handinger_tui.core.evidence import Source, source_key, sources_of, sources_of_turn
from handinger_tui.core.marks import Mark, MarkReader
from handinger_tui.core.record import dataclass
from handinger_tui.core.session import Session
from handinger_tui.core.turn import SourcePart, TextPart, Turn


@dataclass(frozen=True, slots=True)
class Mention:
    """Characters `start` to `end` of the text of `Turn.parts[position]`, as it came."""

    turn_id: str
    position: int
    start: int
    end: int


Mentions = Mapping[int, tuple[Mention, ...]]
"""Source number → its mentions in reading order. A source without any is not in it."""


def mentions(session: Session, sources: tuple[Source, ...] | None = None) -> Mentions:
    """All mentions in a session; `sources` are its sources where they are at hand."""
    return MentionIndex()(session, sources_of(session) if sources is None else sources)


def unmentioned(sources: Iterable[Source], found: Mentions) -> int:
    """How many sources the answer never speaks of."""
    return sum(source.number not in found for source in sources)


@dataclass(slots=True)
class _Heard:
    """What was found in one turn: its text parts by position, their marks, and where those lead."""

    texts: tuple[tuple[int, TextPart], ...]
    readers: dict[int, MarkReader]
    marks: tuple[tuple[int, tuple[Mark, ...]], ...]
    turn: Turn
    meaning: _Meaning | None = None
    places: list[tuple[int, Mention]] = field(default_factory=list)


class MentionIndex:
    """`mentions` for a session that grows: a text is read once, and only its new lines while it grows.

    The answer is the very same mapping while nothing changed.
    """

    def __init__(self) -> None:
        self._begin("")

    def _begin(self, session_id: str) -> None:
        self._session_id = session_id
        self._sources: tuple[Source, ...] = ()
        self._numbers: dict[str, Source] = {}
        self._heard: dict[str, _Heard] = {}
        self._shown: dict[int, tuple[Mention, ...]] = {}

    def __call__(self, session: Session, sources: tuple[Source, ...]) -> Mentions:
        """The mentions of `sources` in `session`."""
        if session.session_id != self._session_id or len(session.turns) < len(self._heard):
            self._begin(session.session_id)
        moved = sources is not self._sources
        if moved:
            self._learn(sources)
        changed = False
        places = {turn.turn_id: at for at, turn in enumerate(session.turns)}
        for turn in session.turns:
            held = self._heard.get(turn.turn_id)
            if held is None or moved or held.turn is not turn:
                heard = self._listen(turn, held)
                if moved or heard is not held:
                    if moved or heard.meaning is None or not heard.meaning.holds_for(turn):
                        heard.meaning = _Meaning(turn, self._numbers, places)
                    heard.places = _places(heard, heard.meaning)
                    changed = True
                self._heard[turn.turn_id] = heard
        if changed:
            self._shown = _joined(self._heard[turn.turn_id].places for turn in session.turns)
        return self._shown

    def _learn(self, sources: tuple[Source, ...]) -> None:
        """Only what is new, where sources only came behind the old ones."""
        old = self._sources
        if len(sources) < len(old) or not all(map(is_, old, sources)):
            self._numbers, old = {}, ()
        self._numbers.update((source.key, source) for source in sources[len(old) :])
        self._sources = sources

    def _listen(self, turn: Turn, held: _Heard | None) -> _Heard:
        """Read what is new in the answer; `held` itself when nothing is."""
        texts = tuple((at, part) for at, part in enumerate(turn.parts) if isinstance(part, TextPart))
        if held is not None and _same(held, turn, texts):
            held.turn = turn
            return held
        readers = held.readers if held is not None else {}
        before = dict(held.texts) if held is not None else {}
        known = dict(held.marks) if held is not None else {}
        marks = []
        for at, part in texts:
            if before.get(at) is not part:
                known[at] = readers.setdefault(at, MarkReader()).marks(part.text)
            marks.append((at, known[at]))
        return _Heard(texts, readers, tuple(marks), turn, held.meaning if held is not None else None)


def _same(held: _Heard, turn: Turn, texts: tuple[tuple[int, TextPart], ...]) -> bool:
    """Neither the texts nor what a number in them may mean changed."""
    if len(texts) != len(held.texts) or any(a[1] is not b[1] for a, b in zip(texts, held.texts, strict=True)):
        return False
    return held.turn.parts is turn.parts and held.turn.snapshot is turn.snapshot


class _Meaning:
    """What numbers and ids in one turn's answer stand for.

    First the id of one of the turn's own sources, then its n-th own source,
    then source n of the session, where an answer of that turn can know it.
    """

    def __init__(self, turn: Turn, numbers: Mapping[str, Source], places: Mapping[str, int]) -> None:
        self._turn = turn
        self._numbers = numbers
        self._places = places
        self._names: dict[str, int] | None = None
        self._own = _own(turn)

    def holds_for(self, turn: Turn) -> bool:
        """A later value of the turn has the same sources of its own."""
        count, listed = _own(turn)
        return count == self._own[0] and listed is self._own[1]

    def of(self, mark: Mark) -> set[int]:
        """The numbers of the sources that a mark points at."""
        if mark.url is not None:
            source = self._numbers.get(mark.url)
            return set() if source is None else {source.number}
        if self._names is None:
            self._names = self._learn()
        return {self._names[name] for name in mark.said if name in self._names}

    def _learn(self) -> dict[str, int]:
        now = self._places[self._turn.turn_id]
        names = {
            str(source.number): source.number
            for source in self._numbers.values()
            if self._places.get(source.turn_id, now) <= now
        }
        own: dict[str, tuple[int, str]] = {}
        for part in sources_of_turn(self._turn):
            source = self._numbers.get(source_key(part))
            if source is not None:
                own.setdefault(source.key, (source.number, part.source_id))
        names |= {str(at): number for at, (number, _) in enumerate(own.values(), 1)}
        return names | {name: number for number, name in own.values() if name}


def _own(turn: Turn) -> tuple[int, object]:
    """How many sources the stream brought, and those the Worker lists."""
    count = sum(isinstance(part, SourcePart) for part in turn.parts)
    return count, turn.snapshot.sources if turn.snapshot else None


def _places(heard: _Heard, meaning: _Meaning) -> list[tuple[int, Mention]]:
    turn_id = heard.turn.turn_id
    return [
        (number, Mention(turn_id, position, mark.start, mark.end))
        for position, marks in heard.marks
        for mark in marks
        for number in sorted(meaning.of(mark))
    ]


def _joined(found: Iterable[list[tuple[int, Mention]]]) -> dict[int, tuple[Mention, ...]]:
    gathered: dict[int, list[Mention]] = {}
    for number, mention in chain.from_iterable(found):
        gathered.setdefault(number, []).append(mention)
    return {number: tuple(places) for number, places in gathered.items()}
