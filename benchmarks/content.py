"""Content: deterministic Markdown answers, cut into tokens of about 3.7 characters.

Four shapes: `prose` (sections with everything a model writes), and one very long
`list`, `table` or `fence`. The last token ends whatever is open and holds the end
mark, so that the mark stands in a paragraph of its own.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from functools import cache
from itertools import islice
from typing import Final

SHAPES: Final = ("prose", "list", "table", "fence")
NATURAL: Final = {"list": 300, "table": 200, "fence": 2_000}
"""Items, rows and lines of the long shapes."""

_WORDS: Final = re.findall(
    r"\w+",
    """
    harbour ledger granite violin seven market orchard signal copper winter engine paper bridge river garden
    kitchen measure anchor history letter mountain window summer village question answer careful quiet
    sudden between against without before because number report figure supply demand price cost growth
    budget region city district school library station ticket weather morning evening study sample result
    method source note is a of the to in and for with that as on at by it or be
""",
)
_CODE: Final = {
    "python": (
        "def harvest(rows: list[dict[str, int]], floor: int = 3) -> int:",
        '    """Sum what is above the floor."""',
        "    total = 0",
        "    for row in rows:",
        "        if row['weight'] > floor and not row.get('hidden'):",
        "            total += row['weight'] * 2  # both sides",
        "    return total",
        "",
    ),
    "sql": (
        "SELECT city, AVG(price) AS mean_price",
        "  FROM offers",
        " WHERE seen_at >= '2026-01-01' AND price > 0",
        " GROUP BY city HAVING COUNT(*) > 12;",
    ),
    "javascript": (
        "const limit = (value, low, high) => Math.min(high, Math.max(low, value));",
        "export function spread(points, width) {",
        "  const step = width / Math.max(1, points.length - 1);",
        "  return points.map((y, i) => ({ x: i * step, y: limit(y, 0, 100) }));",
        "}",
    ),
    "json": (
        '{"offers": [',
        '  {"city": "Porto", "price": 125.5, "open": true},',
        '  {"city": "Graz"}',
        "]}",
    ),
}
_TOKEN: Final = re.compile(r"[ \n]*\w{1,6}|[ \n]*[^\w\s]{1,3}|\s+")


def tokens_of(text: str) -> list[str]:
    """Cut a text; joined again it is the same text."""
    return _TOKEN.findall(text)


# -- units: what a shape is a long row of ------------------------------------------------
def units(shape: str, seed: int = 7) -> Iterator[str]:
    """The endless blocks, items, rows or lines of a shape, each with its line breaks.

    Raises:
        KeyError: the shape is unknown.
    """
    makers = {"prose": _blocks, "list": _items, "table": _rows, "fence": _lines, "line": _one_line}
    return makers[shape](random.Random(seed))


def _words(chance: random.Random, count: int) -> str:
    words = [chance.choice(_WORDS) for _ in range(count)]
    if chance.random() < 0.5:
        at = chance.randrange(count)
        mark = chance.choice(("**{}**", "*{}*", "`{}`", "[{}](https://data.example/{})"))
        words[at] = mark.replace("{}", words[at])
    return " ".join(words)


def _sentences(chance: random.Random) -> str:
    sentences = [_words(chance, chance.randint(7, 19)) for _ in range(chance.randint(2, 5))]
    return " ".join(one[:1].upper() + one[1:] + "." for one in sentences)


def _blocks(chance: random.Random) -> Iterator[str]:
    number = 0
    while True:
        number += 1
        yield f"{'#' if number == 1 else '##'} {number}. {_words(chance, 4).title()}\n\n"
        yield _sentences(chance) + "\n\n"
        yield "".join(islice(_items(chance), chance.randint(3, 6))) + "\n"
        yield _sentences(chance) + "\n\n"
        language = chance.choice(list(_CODE))
        body = _CODE[language] * chance.randint(1, 3)
        yield f"```{language}\n" + "\n".join(body) + "\n```\n\n"
        yield "> " + _sentences(chance) + "\n\n"
        yield "".join(islice(_rows(chance), chance.randint(5, 9))) + "\n"
        numbered = (f"{at}. {_words(chance, 8)}\n" for at in range(1, chance.randint(4, 7)))
        yield "".join(numbered) + "\n"


def _items(chance: random.Random) -> Iterator[str]:
    while True:
        yield f"- {_words(chance, chance.randint(5, 14))}\n"
        if chance.random() < 0.2:
            yield f"  - {_words(chance, chance.randint(4, 8))}\n"


def _rows(chance: random.Random) -> Iterator[str]:
    yield "| City | Price | Change | Remark |\n|---|---:|---:|:---|\n"
    while True:
        price, change = chance.uniform(10, 900), chance.uniform(-9, 9)
        yield f"| {chance.choice(_WORDS)} | {price:.2f} | {change:+.1f} % | {_words(chance, 4)} |\n"


def _one_line(chance: random.Random) -> Iterator[str]:
    while True:
        yield _words(chance, 12) + " "


def _lines(chance: random.Random) -> Iterator[str]:
    yield "```python\n"
    while True:
        name = chance.choice(_WORDS)
        yield from (line.replace("harvest", f"harvest_{name}") + "\n" for line in _CODE["python"])


# -- answers -------------------------------------------------------------------------------
def length_of(shape: str, count: int) -> int:
    """Tokens of an answer that holds `count` units of a shape."""
    return sum(len(tokens_of(unit)) for unit in islice(units(shape), count + 1)) + 1


@cache
def _body(shape: str, tokens: int) -> tuple[str, ...]:
    blocks: list[str] = []
    for unit in units(shape):
        blocks += tokens_of(unit)
        if len(blocks) >= tokens:
            break
    return tuple(blocks[:tokens])


def answer(shape: str, tokens: int, mark: str) -> list[str]:
    """Exactly `tokens` tokens, at least two; the last one closes an open fence and contains the mark."""
    body = list(_body(shape, tokens - 1))
    open_fence = sum(line.startswith("```") for line in "".join(body).split("\n")) % 2
    return [*body, ("\n```" if open_fence else "") + f"\n\n{mark}\n"]
