"""The search of the history: its query language, the words of a text, and snippets with marked matches.

Texts and queries are folded in the same way: without case, accents and punctuation. A character of a script
without spaces (Chinese, Japanese, Thai) and a symbol such as an emoji are separate words, so that any part of
such a text matches as a phrase.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final, NamedTuple
from unicodedata import category, normalize

from msgspec import Struct
from msgspec.structs import replace

from handinger_tui.core.errors import SettingsError, did_you_mean
from handinger_tui.core.evidence import files_of_turn, sources_of_turn
from handinger_tui.core.jsontext import dump
from handinger_tui.core.periods import period_ms
from handinger_tui.core.safety import clean_line
from handinger_tui.core.tags import Labels, tag_name
from handinger_tui.core.turns.session import SessionSummary
from handinger_tui.core.turns.turn import LEVELS, ToolPart, Turn, TurnStatus

# -- words --------------------------------------------------------------------------------
_SPACELESS: Final = (
    *((0x0E00, 0x0EFF), (0x0F00, 0x0FFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x19E0, 0x1AAF)),
    *((0x2E80, 0x2FDF), (0x3005, 0x3007), (0x3021, 0x3029), (0x3031, 0x30FF), (0x31C0, 0x9FFF)),
    *((0xA9E0, 0xA9FF), (0xAA60, 0xAADF), (0xF900, 0xFAFF), (0x1B000, 0x1B16F), (0x20000, 0x3FFFF)),
)
"""The first and last characters of scripts without spaces between words."""
_ACCENTS: Final = re.compile("[\u0300-\u036f]")


class _Folding(dict[int, str]):
    """Character code → its folded form; filled when a character first occurs."""

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
    """The folded words of a text, each between single spaces."""
    return f" {' '.join(normalize('NFC', text).translate(_FOLDING).split())} "


class Texts(NamedTuple):
    """The searched texts of a turn."""

    prompt: str = ""
    answer: str = ""
    sources: str = ""
    files: str = ""
    tools: str = ""


MAX_TOOL_TEXT: Final = 65_536
"""Characters of the names and inputs of the tool calls of one turn."""


def texts_of(turn: Turn) -> Texts:
    """The searched texts of a turn."""
    sources = (text for part in sources_of_turn(turn) for text in (part.title, part.url, part.filename))
    attached = [one.name for one in turn.request.attachments]
    created = [part.filename for part in files_of_turn(turn) if part.filename]
    tools = []
    room = MAX_TOOL_TEXT
    for part in turn.parts:
        if isinstance(part, ToolPart) and room > 0:
            text = f"{part.name} {part.title or ''} {part.input_text or dump(part.input)}"[:room]
            room -= len(text)
            tools.append(text)
    return Texts(
        turn.request.prompt,
        turn.text,
        "\n".join(text for text in sources if text),
        "\n".join((*attached, *created)),
        "\n".join(tools),
    )


# -- the query ----------------------------------------------------------------------------
class Term(NamedTuple):
    """A phrase: folded words, joined by spaces. `prefix`: the last word is only the beginning of a word."""

    words: str
    prefix: bool = False

    @property
    def pattern(self) -> str:
        """The text that a folded text contains if it has this term."""
        return f" {self.words}" if self.prefix else f" {self.words} "


class CostBound(NamedTuple):
    """A bound for the cost of a session. `sign`: <, <=, =, >= or >."""

    sign: str
    usd: Decimal

    def admits(self, usd: Decimal | None, *, exact: bool) -> bool:
        """Whether a cost meets it; one that is not `exact` is a minimum."""
        if usd is None:
            return False
        if self.sign[0] == ">":
            return usd > self.usd or (self.sign == ">=" and usd == self.usd)
        if not exact:
            return False
        return (self.sign[0] == "<" and usd < self.usd) or (self.sign != "<" and usd == self.usd)


class Query(Struct, frozen=True):
    """A query. One turn, or the title, must have every term and no excluded one; every filter must apply.

    The values of `workers`, `statuses`, `budgets` and `projects` are alternatives.
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
        """Whether it has no terms and no filters."""
        return self == Query()

    def matches(self, *texts: str) -> bool:
        """Whether texts of one turn, or a title, have every term and no excluded one."""
        # The line feed prevents a phrase from crossing two texts.
        text = "\n".join(map(folded, texts))
        return all(term.pattern in text for term in self.terms) and not any(
            term.pattern in text for term in self.excluded
        )

    def admits_labels(self, labels: Labels) -> bool:
        """Whether a session has every tag and one of the projects; the beginning of a name is enough."""
        in_project = not self.projects or labels.project.startswith(self.projects)
        return in_project and all(any(own.startswith(tag) for own in labels.tags) for tag in self.tags)

    def admits_cost(self, summary: SessionSummary) -> bool:
        """Whether the cost of a session meets every bound. An unknown cost meets none.

        A cost with gaps is a minimum, so it can only meet lower bounds.
        """
        return all(bound.admits(summary.usd.value, exact=summary.usd.complete) for bound in self.costs)


MAX_WORDS: Final = 100
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
    """Parse a typed query. `typing`: the last word may be incomplete.

    Raises:
        SettingsError: a filter does not exist or has an invalid value; the hint may have a suggestion.
    """
    query = Query()
    items = _ITEM.findall(text)
    for item in items:
        query = _with_item(query, item, now)
    if typing and items and not text[-1:].isspace() and not text.endswith('"') and query.terms:
        last = query.terms[-1]
        if f" {last.words} " == folded(items[-1]):
            query = replace(query, terms=(*query.terms[:-1], last._replace(prefix=True)))
    if sum(len(term.words.split()) for term in (*query.terms, *query.excluded)) > MAX_WORDS:
        raise SettingsError(f"A search has at most {MAX_WORDS} words.", HELP)
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
    """Whether an item is a filter. An address, `std::move` and `a>b` are not."""
    name, sign, value = match[1].lower(), match[2], match[3]
    if name in FILTERS and (sign == ":" or name == "cost"):
        return True
    if sign == ":":
        return bool(value) and value[0] not in "/:\\"
    return _AMOUNT.fullmatch(value) is not None


def _with_filter(query: Query, name: str, sign: str, value: str, now: datetime) -> Query:
    if name not in FILTERS:
        hint = did_you_mean(name, FILTERS, f"Filters: {', '.join(FILTERS)}.", "{}:")
        raise SettingsError(
            f"Unknown filter: {clean_line(name, 40)}.",
            f"{hint} To search for the text itself, put it in quotes.",
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
"""Filters with alternative values → the member of the query, and the function that reads a value."""


def _one_of(name: str, value: str, allowed: Sequence[str]) -> str:
    word = value.lower().replace("-", "_")
    if word in allowed:
        return word
    hint = did_you_mean(word, allowed, f"Use one of: {', '.join(allowed)}.", f"{name}:{{}}")
    raise SettingsError(f"{name}:{clean_line(value, 40)} does not exist.", hint)


def _cost_bound(sign: str, value: str) -> CostBound:
    match = _AMOUNT.fullmatch(value)
    if match is None:
        raise SettingsError(f"{clean_line(value, 40)} is not an amount in USD.", "Use cost>0.5 or cost<=2.")
    return CostBound(sign.lstrip(":") or "=", Decimal(match[1]))


# -- snippets -----------------------------------------------------------------------------
class Snippet(NamedTuple):
    """A line around the first match. `marks`: the start and the end of each match in it."""

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
"""Characters before the first match."""
_MAX_LINE: Final = 160
"""Characters."""
_BLOCK: Final = 1024
"""Characters that `_index` folds at once."""


def snippet_of(query: Query, texts: Sequence[tuple[str, str]]) -> Snippet:
    """A clean line around the first match. `texts`: pairs of a name and a text."""
    for where, text in texts:
        plain = normalize("NFC", text)
        places = _places(query.terms, plain, only_first=True)
        if places:
            start = max(0, places[0][0] - _BEFORE)
            if start:
                # Start at the next word, if there is one before the match.
                start = max(plain.find(" ", start, places[0][0]) + 1, start)
            return _marked_line(query, where, plain, start)
    where, text = next(((where, text) for where, text in texts if text.strip()), ("", ""))
    return _marked_line(query, where, normalize("NFC", text), 0)


def _marked_line(query: Query, where: str, text: str, start: int) -> Snippet:
    line = clean_line(text[start : start + 4 * _MAX_LINE], _MAX_LINE)
    if start:
        line = f"…{line}"
    return Snippet(where, line, _places(query.terms, line))


def _places(terms: Sequence[Term], text: str, *, only_first: bool = False) -> tuple[tuple[int, int], ...]:
    """The starts and ends of the terms in a text, which is in NFC."""
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
    """The index of the character of `text` at index `at` of its folded form."""
    if text.isascii():
        return at
    start, block = 0, text[:_BLOCK]
    # Folding takes 0.2 µs per character, so the binary search is done in a short block.
    while block and at >= (length := len(block.translate(_FOLDING))):
        at -= length
        start += _BLOCK
        block = text[start : start + _BLOCK]
    return start + bisect_right(
        range(1, len(block)), at, key=lambda end: len(block[:end].translate(_FOLDING))
    )


class SearchHit(Struct, frozen=True):
    """A session that matches. `turn_id`, `number` (from 1): its newest matching turn; None: its title.

    `turns`: how many turns match.
    """

    summary: SessionSummary
    snippet: Snippet
    turn_id: str | None = None
    number: int | None = None
    turns: int = 0
