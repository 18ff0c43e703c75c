"""Citations: the places at which an answer mentions a source, by its address or by a citation mark."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import chain, islice
from typing import Final

from msgspec import Struct

from handinger_tui.core.evidence import Source, canonical_url, source_key, sources_of, sources_of_turn
from handinger_tui.core.turns.session import PerTurn, Session
from handinger_tui.core.turns.turn import TextPart, Turn

MAX_MARKS: Final = 20_000
"""Marks of one text; later ones are ignored."""
_MAX_ADDRESS: Final = 4096
"""Characters of one address; the remainder is ignored."""
_MAX_ADDRESSES: Final = 1 << 20
"""Characters of all addresses in one pass."""
_MAX_LINK_TEXT: Final = 500
"""Characters before an address within which its link text must begin."""


class CitationMark(Struct, frozen=True):
    """Characters `start` to `end` of a text that refer to a source.

    `url`: the canonical form of an address. `labels`: the numbers or ids in a mark in brackets.
    """

    start: int
    end: int
    url: str | None = None
    labels: tuple[str, ...] = ()


_URL: Final = re.compile(rf"https?://[^\s<>\"`\x00-\x1f]{{1,{_MAX_ADDRESS}}}", re.IGNORECASE)
_PARENTHESIS: Final = re.compile(r"[()]")
_NOT_LAST: Final = ".,;:!?'*_~|]"
"""Characters that an address in a sentence does not end with."""
# All repetitions are bounded or possessive, so that no text can make the search slow.
_BRACKETS: Final = re.compile(
    r"(?<!`)`++[^`\n]++`++"  # Code: an index in brackets is not a citation.
    r"|(?<!!)\[(?P<label>[^\[\]\n]{1,64})\](?!\]?\()"
    r"|【(?P<cjk>[^【】\n]{1,64})】"
)
_FENCE: Final = re.compile(r"^ {0,3}(`{3,}|~{3,})", re.MULTILINE)
_RANGE: Final = re.compile(r"(\d{1,4})\s*[-–]\s*(\d{1,4})")
_WIDEST: Final = 50
"""Sources in one range like [2-5]."""


class CitationReader:
    """Finds the marks of a growing text. Complete lines are read once, the last line with each call."""

    def __init__(self) -> None:
        self._read = ""
        self._done = 0
        """The start of the line that may still change."""
        self._fence = ""
        self._marks: list[CitationMark] = []

    def marks(self, text: str) -> tuple[CitationMark, ...]:
        """All marks of `text` in order, at most `MAX_MARKS`."""
        if not text.startswith(self._read):
            self._done, self._fence, self._marks = 0, "", []
        self._read = text
        line_start = text.rfind("\n") + 1
        if line_start > self._done:
            self._fence = self._find(text, line_start, self._marks)
            self._done = line_start
        tail: list[CitationMark] = []
        self._find(text, len(text), tail)
        return (*self._marks, *tail)[:MAX_MARKS]

    def _find(self, text: str, end: int, marks: list[CitationMark]) -> str:
        """Append the marks from index `_done` to `end`. Returns the code fence that is open at `end`."""
        fresh: list[CitationMark] = []
        fence, at = self._fence, self._done
        for line in islice(_FENCE.finditer(text, self._done, end), MAX_MARKS):
            if not fence:
                fresh += _bracket_marks(text, at, line.start(), MAX_MARKS - len(fresh))
                fence = line[1]
            elif line[1].startswith(fence):
                fence, at = "", line.end()
        if not fence:
            fresh += _bracket_marks(text, at, end, MAX_MARKS - len(fresh))
        fresh += _address_marks(text, self._done, end)
        fresh.sort(key=lambda mark: mark.start)
        marks += fresh[: MAX_MARKS - len(marks)]
        return fence


def _address_marks(text: str, start: int, end: int) -> list[CitationMark]:
    marks: list[CitationMark] = []
    room = _MAX_ADDRESSES
    for match in _URL.finditer(text, start, end):
        first, last = match.span()
        room -= last - first
        if len(marks) == MAX_MARKS or room < 0:
            break
        is_link = text[max(0, first - 3) : first].endswith(("](", "](<"))
        address = _balanced(match[0]) if is_link else _bare(match[0])
        last = first + len(address)
        if is_link:
            # Only on this line: earlier lines may have been read before.
            line_start = text.rfind("\n", start, first) + 1
            label = text.rfind("[", max(start, line_start, first - _MAX_LINK_TEXT), first)
            first = label if label >= 0 else first
            last += text.startswith(">", last)
            last += text.startswith(")", last)
        marks.append(CitationMark(first, last, canonical_url(address)))
    return marks


def _balanced(address: str) -> str:
    """The address up to the parenthesis that closes the link."""
    depth = 0
    for parenthesis in _PARENTHESIS.finditer(address):
        depth += 1 if parenthesis[0] == "(" else -1
        if depth < 0:
            return address[: parenthesis.start()]
    return address


def _bare(address: str) -> str:
    """The address without the punctuation of the sentence around it."""
    stripped = _balanced(address).rstrip(_NOT_LAST)
    return stripped if len(stripped) > len("https://") else address


def _bracket_marks(text: str, start: int, end: int, room: int) -> list[CitationMark]:
    marks: list[CitationMark] = []
    for match in _BRACKETS.finditer(text, start, end):
        label = match["label"] or match["cjk"]
        if label is None or _is_definition(text, match):
            continue
        if len(marks) >= room:
            break
        marks.append(CitationMark(*match.span(), labels=_labels(label)))
    return marks


def _is_definition(text: str, match: re.Match[str]) -> bool:
    """Whether a match is a definition at the start of a line, `[1]: …` or `[^1]: …`, and not a citation."""
    if not text.startswith(":", match.end()):
        return False
    line = text.rfind("\n", max(0, match.start() - 4), match.start())
    begins = line + 1 if line >= 0 else max(0, match.start() - 4)
    return (line >= 0 or begins == 0) and not text[begins : match.start()].strip()


def _labels(text: str) -> tuple[str, ...]:
    """The labels in a mark: `1`, `1, 3`, `2-5`, `1†source` or ids."""
    names: list[str] = []
    for piece in text.partition("†")[0].split(","):
        span = _RANGE.fullmatch(piece.strip())
        if span is None:
            names.append(piece.strip().lstrip("^"))
            continue
        first, last = int(span[1]), int(span[2])
        names += map(str, range(first, min(last, first + _WIDEST) + 1))
    return tuple(names)


class Mention(Struct, frozen=True):
    """Characters `start` to `end` of the received text of `Turn.parts[position]`."""

    turn_id: str
    position: int
    start: int
    end: int


Mentions = Mapping[int, tuple[Mention, ...]]
"""Source number → mentions in reading order. Sources without mentions are omitted."""


def mentions(session: Session, sources: tuple[Source, ...] | None = None) -> Mentions:
    """All mentions in a session. `sources`: its sources, if they are computed already."""
    return MentionIndex()(session, sources_of(session) if sources is None else sources)


def unmentioned(sources: Iterable[Source], mentioned: Mentions) -> int:
    """The number of sources that are not mentioned."""
    return sum(source.number not in mentioned for source in sources)


class MentionIndex:
    """`mentions` for a growing session: of a growing text only new lines are read.

    The result is the identical mapping while nothing changed.
    """

    def __init__(self) -> None:
        self._sources: tuple[Source, ...] = ()
        self._by_key: dict[str, Source] = {}
        self._by_number: dict[str, Source] = {}
        self._readers: dict[tuple[str, int], CitationReader] = {}
        """Turn id and position of the text in it → reader."""
        self._positions: dict[str, int] = {}
        """Turn id → position in the session."""
        self._mentions_of = PerTurn(self._read_turn)
        self._mentions: Mentions = {}

    def __call__(self, session: Session, sources: tuple[Source, ...]) -> Mentions:
        if sources is not self._sources:
            self._sources, self._by_key = sources, {source.key: source for source in sources}
            self._by_number = {str(source.number): source for source in sources}
            self._mentions_of = PerTurn(self._read_turn)
        self._positions = {turn.turn_id: at for at, turn in enumerate(session.turns)}
        grouped: dict[int, list[Mention]] = {}
        for number, mention in chain.from_iterable(self._mentions_of(session.turns)):
            grouped.setdefault(number, []).append(mention)
        mentions = {number: tuple(group) for number, group in grouped.items()}
        if mentions != self._mentions:
            self._mentions = mentions
        return self._mentions

    def _read_turn(self, turn: Turn) -> list[tuple[int, Mention]]:
        """The mentions in a turn, each with the number of its source."""
        own: dict[str, int] | None = None
        mentions: list[tuple[int, Mention]] = []
        for position, part in enumerate(turn.parts):
            if not isinstance(part, TextPart):
                continue
            reader = self._readers.setdefault((turn.turn_id, position), CitationReader())
            for mark in reader.marks(part.text):
                mention = Mention(turn.turn_id, position, mark.start, mark.end)
                if mark.url is not None:
                    source = self._by_key.get(mark.url)
                    mentions += [] if source is None else [(source.number, mention)]
                    continue
                own = self._own_labels(turn) if own is None else own
                cited = {self._number_of(label, turn, own) for label in mark.labels}
                mentions += ((number, mention) for number in sorted(filter(None, cited)))
        return mentions

    def _number_of(self, label: str, turn: Turn, own: dict[str, int]) -> int | None:
        """The number of the source to which a label in a turn refers; None for no source.

        A label is the id of one of the turn's own sources; else n for its n-th own source; else the number of
        a source that appeared in the session up to this turn.
        """
        source, now = self._by_number.get(label), self._positions[turn.turn_id]
        if label in own or source is None:
            return own.get(label)
        return source.number if self._positions.get(source.turn_id, now) <= now else None

    def _own_labels(self, turn: Turn) -> dict[str, int]:
        """The numbers of the turn's own sources, by their positions (from "1") and by their ids."""
        own: dict[str, tuple[int, str]] = {}
        for part in sources_of_turn(turn):
            source = self._by_key.get(source_key(part))
            if source is not None:
                own.setdefault(source.key, (source.number, part.source_id))
        numbers = {str(at): number for at, (number, _) in enumerate(own.values(), 1)}
        return numbers | {source_id: number for number, source_id in own.values() if source_id}
