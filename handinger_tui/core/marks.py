"""Marks: the addresses and citation marks in a text, found in one pass over its lines.

The text is Markdown as it came. Nothing is looked up here, so that what was
found in a text stays found when more sources come.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import Final

from handinger_tui.core.addresses import canonical_url
from handinger_tui.core.patterns import late
from handinger_tui.core.record import dataclass

MOST: Final = 20_000
"""Marks that are taken from one text; what stands behind them is not looked at."""
_WINDOW: Final = 4096
"""Characters of an address that are looked at."""
_MOST_LETTERS: Final = 1 << 20
"""Characters of all addresses together, in what is read at once."""
_LABEL: Final = 500
"""Characters before an address in which its link text may begin."""


@dataclass(frozen=True, slots=True)
class Mark:
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


class MarkReader:
    """Marks of a text that grows. Whole lines are read once, the last one again until it ends."""

    def __init__(self) -> None:
        self._read = ""
        self._done = 0
        """Where the first line begins that may still change."""
        self._fence = ""
        self._marks: list[Mark] = []

    def marks(self, text: str) -> tuple[Mark, ...]:
        """All marks of `text`, in order; at most `MOST`."""
        if not text.startswith(self._read):
            self._done, self._fence, self._marks = 0, "", []
        self._read = text
        border = text.rfind("\n") + 1
        if border > self._done:
            self._fence = self._take(text, border, self._marks)
            self._done = border
        tail: list[Mark] = []
        self._take(text, len(text), tail)
        return (*self._marks, *tail)[:MOST]

    def _take(self, text: str, end: int, found: list[Mark]) -> str:
        """Find marks from where the last border was up to `end`; the fence that is open there."""
        fresh: list[Mark] = []
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


def _addresses(text: str, start: int, end: int) -> list[Mark]:
    found: list[Mark] = []
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
        found.append(Mark(first, last, canonical_url(address)))
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


def _cited(text: str, start: int, end: int, room: int) -> list[Mark]:
    found: list[Mark] = []
    for match in _CITED.finditer(text, start, end):
        said = match["said"] or match["cjk"]
        if said is None or _defines(text, match):
            continue
        if len(found) >= room:
            break
        found.append(Mark(*match.span(), said=_named(said)))
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
