"""Citations: where an answer names a source, by its address or by a citation mark."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import field
from itertools import chain, islice
from operator import is_
from typing import Final

from handinger_tui.core.evidence.source_addresses import canonical_url
from handinger_tui.core.evidence.sources_and_files import Source, source_key, sources_of, sources_of_turn
from handinger_tui.core.patterns import late
from handinger_tui.core.record import dataclass
from handinger_tui.core.turns.session import Session
from handinger_tui.core.turns.turn import SourcePart, TextPart, Turn

MOST: Final = 20_000
"""Marks that are taken from one text; what stands behind them is not looked at."""
_WINDOW: Final = 4096
"""Characters of an address that are looked at."""
_MOST_LETTERS: Final = 1 << 20
"""Characters of all addresses together, in what is read at once."""
_LABEL: Final = 500
"""Characters before an address in which its link text may begin."""


@dataclass(frozen=True, slots=True)
class CitationMark:
    """Characters `start` to `end` of a text that point at something.

    `url` is canonical, for an address. Else `said` holds what stood between
    the brackets: numbers or ids.
    """

    start: int
    end: int
    url: str | None = None
    said: tuple[str, ...] = ()


_URL: Final = late(rf"https?://[^\s<>\"`\x00-\x1f]{{1,{_WINDOW}}}", re.IGNORECASE)
_PARENTHESIS: Final = late(r"[()]")
_NO_END: Final = ".,;:!?'*_~|]"
# Every repetition is bounded or possessive, so that no text makes the search slow.
_CITED: Final = late(
    r"(?<!`)`++[^`\n]++`++"  # Code: an index in brackets is no citation.
    r"|(?<!!)\[(?P<said>[^\[\]\n]{1,64})\](?!\]?\()"
    r"|【(?P<cjk>[^【】\n]{1,64})】"
)
_FENCE: Final = late(r"^ {0,3}(`{3,}|~{3,})", re.MULTILINE)
_RANGE: Final = late(r"(\d{1,4})\s*[-–]\s*(\d{1,4})")
_WIDEST: Final = 50
"""Sources that one range like [2-5] may name."""


class CitationReader:
    """Marks of a text that grows. Whole lines are read once, the last one again until it ends."""

    def __init__(self) -> None:
        self._read = ""
        self._done = 0
        """Where the first line begins that may still change."""
        self._fence = ""
        self._marks: list[CitationMark] = []

    def marks(self, text: str) -> tuple[CitationMark, ...]:
        """All marks of `text`, in order; at most `MOST`."""
        if not text.startswith(self._read):
            self._done, self._fence, self._marks = 0, "", []
        self._read = text
        border = text.rfind("\n") + 1
        if border > self._done:
            self._fence = self._take(text, border, self._marks)
            self._done = border
        tail: list[CitationMark] = []
        self._take(text, len(text), tail)
        return (*self._marks, *tail)[:MOST]

    def _take(self, text: str, end: int, found: list[CitationMark]) -> str:
        """Find marks from where the last border was up to `end`; the fence that is open there."""
        fresh: list[CitationMark] = []
        fence, at = self._fence, self._done
        for line in islice(_FENCE.finditer(text, self._done, end), MOST):
            if not fence:
                fresh += _cited(text, at, line.start(), MOST - len(fresh))
                fence = line[1]
            elif line[1].startswith(fence):
                fence, at = "", line.end()
        if not fence:
            fresh += _cited(text, at, end, MOST - len(fresh))
        fresh += _addresses(text, self._done, end)
        fresh.sort(key=lambda mark: mark.start)
        found += fresh[: MOST - len(found)]
        return fence


def _addresses(text: str, start: int, end: int) -> list[CitationMark]:
    found: list[CitationMark] = []
    room = _MOST_LETTERS
    for match in _URL.finditer(text, start, end):
        first, last = match.span()
        room -= last - first
        if len(found) == MOST or room < 0:
            break
        linked = text[max(0, first - 3) : first].endswith(("](", "](<"))
        address = _balanced(match[0]) if linked else _bare(match[0])
        last = first + len(address)
        if linked:
            label = text.rfind("[", max(start, first - _LABEL), first)
            first = label if label >= 0 else first
            last += text.startswith(">", last)
            last += text.startswith(")", last)
        found.append(CitationMark(first, last, canonical_url(address)))
    return found


def _balanced(address: str) -> str:
    """Up to the parenthesis that closes the link."""
    depth = 0
    for sign in _PARENTHESIS.finditer(address):
        depth += 1 if sign[0] == "(" else -1
        if depth < 0:
            return address[: sign.start()]
    return address


def _bare(address: str) -> str:
    """Without the punctuation of the sentence around it."""
    kept = _balanced(address).rstrip(_NO_END)
    return kept if len(kept) > len("https://") else address


def _cited(text: str, start: int, end: int, room: int) -> list[CitationMark]:
    found: list[CitationMark] = []
    for match in _CITED.finditer(text, start, end):
        said = match["said"] or match["cjk"]
        if said is None or _defines(text, match):
            continue
        if len(found) >= room:
            break
        found.append(CitationMark(*match.span(), said=_named(said)))
    return found


def _defines(text: str, match: re.Match[str]) -> bool:
    """`[1]: …` and `[^1]: …` at the start of a line say what a mark means; they are none."""
    if not text.startswith(":", match.end()):
        return False
    line = text.rfind("\n", max(0, match.start() - 4), match.start())
    begins = line + 1 if line >= 0 else max(0, match.start() - 4)
    return (line >= 0 or begins == 0) and not text[begins : match.start()].strip()


def _named(said: str) -> tuple[str, ...]:
    """`1`, `1, 3`, `2-5`, `1†source` and ids."""
    names: list[str] = []
    for piece in said.partition("†")[0].split(","):
        span = _RANGE.fullmatch(piece.strip())
        if span is None:
            names.append(piece.strip().lstrip("^"))
            continue
        first, last = int(span[1]), int(span[2])
        names += map(str, range(first, min(last, first + _WIDEST) + 1))
    return tuple(names)


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
    readers: dict[int, CitationReader]
    marks: tuple[tuple[int, tuple[CitationMark, ...]], ...]
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
                known[at] = readers.setdefault(at, CitationReader()).marks(part.text)
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

    def of(self, mark: CitationMark) -> set[int]:
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
