"""The search of the history: its query language, which words a text has, and snippets with marks.

Texts and queries are folded alike: no case, no accents, no punctuation. A character of a script without
spaces (Chinese, Japanese, Thai) and a symbol such as an emoji is a word by itself, so any part of such a
text is found as a phrase.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from difflib import get_close_matches
from typing import Final, NamedTuple
from unicodedata import category, normalize

from msgspec import Struct
from msgspec.structs import replace

from handinger_tui.core.amounts import Total
from handinger_tui.core.errors import SettingsError
from handinger_tui.core.evidence import files_of_turn, sources_of_turn
from handinger_tui.core.jsontext import dump
from handinger_tui.core.money.spending import period_ms
from handinger_tui.core.money.typical_cost import LEVELS
from handinger_tui.core.safety import clean_line
from handinger_tui.core.tags import Labels, tag_name
from handinger_tui.core.turns.session import SessionSummary
from handinger_tui.core.turns.turn import ToolPart, Turn, TurnStatus

# -- words --------------------------------------------------------------------------------
_SPACELESS: Final = (
    *((0x0E00, 0x0EFF), (0x0F00, 0x0FFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x19E0, 0x1AAF)),
    *((0x2E80, 0x2FDF), (0x3005, 0x3007), (0x3021, 0x3029), (0x3031, 0x30FF), (0x31C0, 0x9FFF)),
    *((0xA9E0, 0xA9FF), (0xAA60, 0xAADF), (0xF900, 0xFAFF), (0x1B000, 0x1B16F), (0x20000, 0x3FFFF)),
)
"""First and last character of the scripts that are written without spaces between words."""
_ACCENTS: Final = re.compile("[\u0300-\u036f]")


class _Folding(dict[int, str]):
    """What replaces each character, by its code; filled when a character first occurs."""

    def __missing__(self, code: int) -> str:
        plain = normalize("NFC", _ACCENTS.sub("", normalize("NFKD", chr(code)))).casefold()
        self[code] = "".join(map(_folded_character, _ACCENTS.sub("", plain)))
        return self[code]


def _folded_character(char: str) -> str:
    kind = category(char)
    if kind[0] in "LNM":
        return f" {char} " if any(first <= ord(char) <= last for first, last in _SPACELESS) else char
    return f" {char} " if kind[0] == "S" and not char.isascii() else " "


_FOLDING: Final = _Folding()


def folded(text: str) -> str:
    """The words of a text in their folded form, each between single spaces."""
    return f" {' '.join(normalize('NFC', text).translate(_FOLDING).split())} "


class Texts(NamedTuple):
    """The searched texts of a turn."""

    prompt: str = ""
    answer: str = ""
    sources: str = ""
    files: str = ""
    tools: str = ""


LONGEST_TOOLS: Final = 65_536
"""Characters of the names and inputs of tools that are searched in one turn."""


def texts_of(turn: Turn) -> Texts:
    """The searched texts of a turn."""
    sources = (text for part in sources_of_turn(turn) for text in (part.title, part.url, part.filename))
    attached = [one.name for one in turn.order.attachments]
    created = [part.filename for part in files_of_turn(turn) if part.filename]
    tools = []
    room = LONGEST_TOOLS
    for part in turn.parts:
        if isinstance(part, ToolPart) and room > 0:
            text = f"{part.name} {part.title or ''} {part.input_text or dump(part.input)}"[:room]
            room -= len(text)
            tools.append(text)
    return Texts(
        turn.order.prompt,
        turn.text,
        "\n".join(text for text in sources if text),
        "\n".join((*attached, *created)),
        "\n".join(tools),
    )


# -- the query ----------------------------------------------------------------------------
class Term(NamedTuple):
    """Words that follow each other, folded and joined by spaces. `prefix`: the last may be longer."""

    words: str
    prefix: bool = False

    @property
    def pattern(self) -> str:
        """What a folded text contains that has this term."""
        return f" {self.words}" if self.prefix else f" {self.words} "


class CostBound(NamedTuple):
    """A comparison with the cost of a session."""

    sign: str
    usd: Decimal


class Query(Struct, frozen=True):
    """A query. Every term must be in one turn or in the title, and no excluded one; every filter applies.

    Several values of one of `workers`, `statuses`, `budgets` and `projects` are alternatives.
    """

    terms: tuple[Term, ...] = ()
    excluded: tuple[Term, ...] = ()
    workers: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    budgets: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    projects: tuple[str, ...] = ()
    since_ms: int | None = None
    until_ms: int | None = None
    costs: tuple[CostBound, ...] = ()
    has_file: bool = False
    has_source: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether it searches for nothing."""
        return self == Query()

    def matches(self, *texts: str) -> bool:
        """Whether texts of one turn, or a title, have every term and no excluded one."""
        # The line feed between two texts is not a word: no phrase crosses it.
        text = "\n".join(map(folded, texts))
        return all(term.pattern in text for term in self.terms) and not any(
            term.pattern in text for term in self.excluded
        )

    def admits_labels(self, labels: Labels) -> bool:
        """Whether a session has every tag, and one of the projects; the beginning of a name suffices."""
        in_project = not self.projects or labels.project.startswith(self.projects)
        return in_project and all(any(own.startswith(tag) for own in labels.tags) for tag in self.tags)

    def admits_cost(self, summary: SessionSummary) -> bool:
        """Whether the cost of a session meets every bound. Unknown is not zero: it meets none.

        The known part of a cost with gaps is the least that it can be, so it meets lower bounds only.
        """
        return all(_is_within(summary.usd, bound) for bound in self.costs)


def _is_within(cost: Total, bound: CostBound) -> bool:
    usd = cost.value
    if usd is None:
        return False
    if bound.sign[0] == ">":
        return usd > bound.usd or (bound.sign == ">=" and usd == bound.usd)
    if not cost.complete:
        return False
    return (bound.sign[0] == "<" and usd < bound.usd) or (bound.sign != "<" and usd == bound.usd)


MOST_WORDS: Final = 100
FILTERS: Final = ("worker", "status", "since", "until", "cost", "has", "budget", "tag", "project")
HELP: Final = (
    'Words, "phrases", prefix*, -without; filters worker: status: since: until: cost>0.5 has:file'
    " has:source budget: tag: project:"
)
_STATUSES: Final = tuple(str(status) for status in TurnStatus)
_ITEM: Final = re.compile(r'-?(?:[A-Za-z]+(?:[:=]|[<>]=?))*(?:"[^"]*"?\*?|[^\s"]+)|\S')
_FILTER: Final = re.compile(r"([A-Za-z]+)(:(?:[<>]=?)?|=|[<>]=?)(.*)", re.DOTALL)
_AMOUNT: Final = re.compile(r"\$?([0-9]{1,12}(?:\.[0-9]{0,12})?|\.[0-9]{1,12})", re.ASCII)


def parse_query(text: str, now: datetime, *, typing: bool = False) -> Query:
    """The query that a person typed. `typing`: its last word may not be complete yet.

    Raises:
        SettingsError: a filter does not exist or has an invalid value; the hint has a suggestion.
    """
    query = Query()
    items = _ITEM.findall(text)
    for item in items:
        query = _with_item(query, item, now)
    if typing and items and not text[-1:].isspace() and not text.endswith('"') and query.terms:
        last = query.terms[-1]
        if f" {last.words} " == folded(items[-1]):
            query = replace(query, terms=(*query.terms[:-1], last._replace(prefix=True)))
    if sum(len(term.words.split()) for term in (*query.terms, *query.excluded)) > MOST_WORDS:
        raise SettingsError(f"A search has at most {MOST_WORDS} words.", HELP)
    if query.excluded and query == Query(excluded=query.excluded):
        raise SettingsError("A search needs a word or a filter besides those to exclude.", HELP)
    return query


def _with_item(query: Query, item: str, now: datetime) -> Query:
    excluded = item.startswith("-") and len(item) > 1
    body = item[1:] if excluded else item
    match = _FILTER.fullmatch(body)
    if match is not None and _is_filter(match):
        if excluded:
            raise SettingsError(f"A filter cannot be excluded: {clean_line(item, 60)}", HELP)
        return _with_filter(query, match[1].lower(), match[2], match[3].strip('"'), now)
    words = folded(body).strip()
    if not words:
        return query
    term = Term(words, body.endswith("*"))
    if excluded:
        return replace(query, excluded=(*query.excluded, term))
    return replace(query, terms=(*query.terms, term))


def _is_filter(match: re.Match[str]) -> bool:
    """Whether an item is a filter: an address, `std::move` and `a>b` are texts."""
    name, sign, value = match[1].lower(), match[2], match[3]
    if name in FILTERS and (sign == ":" or name == "cost"):
        return True
    if sign == ":":
        return bool(value) and value[0] not in "/:\\"
    return _AMOUNT.fullmatch(value) is not None


def _with_filter(query: Query, name: str, sign: str, value: str, now: datetime) -> Query:
    if name not in FILTERS:
        near = get_close_matches(name, FILTERS, 1)
        hint = f"Did you mean {near[0]}:? " if near else f"Filters: {', '.join(FILTERS)}. "
        raise SettingsError(
            f"Unknown filter: {clean_line(name, 40)}.",
            f"{hint}To search for the text itself, put it in quotes.",
        )
    if not value:
        raise SettingsError(f"The filter {name} has no value.", HELP)
    if name in _LISTED:
        member, read = _LISTED[name]
        return replace(query, **{member: (*getattr(query, member), read(value))})
    if name == "has":
        return replace(query, **{f"has_{_one_of(name, value, ('file', 'source'))}": True})
    if name == "cost":
        return replace(query, costs=(*query.costs, _cost_bound(sign, value)))
    first, last = period_ms(value, f"{name}:", now)
    if name == "since":
        return replace(query, since_ms=first if query.since_ms is None else max(first, query.since_ms))
    return replace(query, until_ms=last if query.until_ms is None else min(last, query.until_ms))


_LISTED: Final[dict[str, tuple[str, Callable[[str], str]]]] = {
    "worker": ("workers", str),
    "status": ("statuses", lambda value: _one_of("status", value, _STATUSES)),
    "budget": ("budgets", lambda value: _one_of("budget", value, LEVELS)),
    "tag": ("tags", tag_name),
    "project": ("projects", tag_name),
}
"""The filters that may have several values: the member of the query, and how a value is read."""


def _one_of(name: str, value: str, allowed: Sequence[str]) -> str:
    word = value.lower().replace("-", "_")
    if word in allowed:
        return word
    near = get_close_matches(word, allowed, 1)
    hint = f"Did you mean {name}:{near[0]}?" if near else f"Use one of: {', '.join(allowed)}."
    raise SettingsError(f"{name}:{clean_line(value, 40)} does not exist.", hint)


def _cost_bound(sign: str, value: str) -> CostBound:
    match = _AMOUNT.fullmatch(value)
    if match is None:
        raise SettingsError(f"{clean_line(value, 40)} is not an amount in USD.", "Use cost>0.5 or cost<=2.")
    return CostBound(sign.lstrip(":") or "=", Decimal(match[1]))


# -- snippets -----------------------------------------------------------------------------
class Snippet(NamedTuple):
    """A line around the first match. `marks`: first character and the one after the last of each match."""

    where: str
    text: str
    marks: tuple[tuple[int, int], ...] = ()

    def marked(self, before: str, after: str) -> str:
        """The line with each match between two texts."""
        parts, at = [], 0
        for start, end in self.marks:
            parts += [self.text[at:start], before, self.text[start:end], after]
            at = end
        return "".join((*parts, self.text[at:]))


_BEFORE: Final = 40
_LONGEST: Final = 160
_BLOCK: Final = 1024


def snippet_of(query: Query, texts: Sequence[tuple[str, str]]) -> Snippet:
    """A clean line around the first match in texts, given as pairs of their name and themselves."""
    for where, text in texts:
        plain = normalize("NFC", text)
        places = _places(query.terms, plain, only_first=True)
        if places:
            start = max(0, places[0][0] - _BEFORE)
            if start:
                # From the next word on, as far as there is one before the match.
                start = max(plain.find(" ", start, places[0][0]) + 1, start)
            return _marked_line(query, where, plain, start)
    where, text = next(((where, text) for where, text in texts if text.strip()), ("", ""))
    return _marked_line(query, where, normalize("NFC", text), 0)


def _marked_line(query: Query, where: str, text: str, start: int) -> Snippet:
    line = clean_line(text[start : start + 4 * _LONGEST], _LONGEST)
    if start:
        line = f"…{line}"
    return Snippet(where, line, _places(query.terms, line))


def _places(terms: Sequence[Term], text: str, *, only_first: bool = False) -> tuple[tuple[int, int], ...]:
    """Where the terms are in a text in the form NFC: first character and the one after the last."""
    spread = f" {text.translate(_FOLDING)} "
    spans = []
    for term in terms:
        end = r"[^ ]*" if term.prefix else "(?= )"
        pattern = re.compile("(?<= )" + " +".join(map(re.escape, term.words.split())) + end)
        matches = [match.span() for match in pattern.finditer(spread)][: 1 if only_first else None]
        spans += [(_index(text, start - 1), _index(text, stop - 2) + 1) for start, stop in matches]
    merged: list[tuple[int, int]] = []
    for start, stop in sorted(spans):
        if merged and start < merged[-1][1]:
            merged[-1] = merged[-1][0], max(stop, merged[-1][1])
        else:
            merged.append((start, stop))
    return tuple(merged)


def _index(text: str, at: int) -> int:
    """The index of the character of `text` that became the `at`-th one of its folded form."""
    if text.isascii():
        return at
    start, block = 0, text[:_BLOCK]
    # Folding a text takes 0.2 µs a character, so that a search by halves needs a short one.
    while block and at >= (length := len(block.translate(_FOLDING))):
        at -= length
        start += _BLOCK
        block = text[start : start + _BLOCK]
    return start + bisect_right(
        range(1, len(block)), at, key=lambda end: len(block[:end].translate(_FOLDING))
    )


class SearchHit(Struct, frozen=True):
    """A session that matches: its newest matching turn, how many match, and a snippet.

    Without a turn, the title matches. `number` counts the turns of the session from 1.
    """

    summary: SessionSummary
    snippet: Snippet
    turn_id: str | None = None
    number: int | None = None
    turns: int = 0
