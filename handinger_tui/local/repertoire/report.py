"""`report on …`: creates real files about something that can be computed locally."""

from __future__ import annotations

import csv
import io
import sys
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from handinger_tui.local import charts, ids, prices
from handinger_tui.local.repertoire.table_summary import Drawing
from handinger_tui.local.turn_context import Rule, TurnContext
from handinger_tui.local.words import mentions, table, words_of

if TYPE_CHECKING:
    from collections.abc import Callable

_PRIME_BLOCK = 1000
_PRIME_BLOCKS = 12


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic: its title, what a row and its number are, the method, and a function for the rows."""

    words: frozenset[str]
    title: str
    row: str
    number: str
    method: str
    rows: Callable[[], list[tuple[str, Decimal]]]
    additive: bool = True
    """Whether the sum of the numbers means anything."""


def prime_counts() -> list[tuple[str, Decimal]]:
    """Return the number of primes in each of the first blocks of a thousand numbers."""
    size = _PRIME_BLOCK * _PRIME_BLOCKS
    sieve = bytearray([1]) * size
    sieve[0:2] = b"\x00\x00"
    for number in range(2, int(size**0.5) + 1):
        if sieve[number]:
            sieve[number * number :: number] = bytes(len(range(number * number, size, number)))
    return [
        (f"from {start}", Decimal(sum(sieve[start : start + _PRIME_BLOCK])))
        for start in range(0, size, _PRIME_BLOCK)
    ]


def module_counts() -> list[tuple[str, Decimal]]:
    """Return the number of public standard library modules by first letter, in descending order."""
    letters = Counter(name[0] for name in sys.stdlib_module_names if not name.startswith("_"))
    return [
        (letter, Decimal(count))
        for letter, count in sorted(letters.items(), key=lambda item: (-item[1], item[0]))
    ]


TOPICS: tuple[Topic, ...] = (
    Topic(
        frozenset({"primes", "prime", "numbers"}),
        f"Primes below {_PRIME_BLOCK * _PRIME_BLOCKS:,}",
        "block",
        "primes",
        "Counted with the sieve of Eratosthenes, in blocks of a thousand.",
        prime_counts,
    ),
    Topic(
        frozenset({"python", "modules", "module", "library"}),
        "Modules of the Python standard library by first letter",
        "letter",
        "modules",
        f"Counted from the list that Python {sys.version_info.major}.{sys.version_info.minor} has of itself, "
        "without names that begin with an underscore.",
        module_counts,
    ),
    Topic(
        frozenset({"prices", "price", "costs", "cost", "money"}),
        "Prices of the local worker",
        "for",
        "usd",
        "The price table itself; the money is pretend.",
        lambda: list(prices.PRICE_ROWS),
        additive=False,
    ),
)


def topic_for(text: str) -> tuple[Topic, bool]:
    """Return the topic that the text mentions and True, else the first topic and False."""
    for topic in TOPICS:
        if mentions(text, topic.words):
            return topic, True
    return TOPICS[0], False


async def _perform(context: TurnContext) -> None:
    topic, is_named = topic_for(context.text)
    if not is_named:
        titles = "; ".join(f"*{topic.title}*" for topic in TOPICS)
        await context.say(
            "I cannot look anything up, so I report only on what I can compute myself: "
            f"{titles}. Here is the first."
        )
    rows = await context.compute("compute_table", {"topic": topic.title}, topic.rows)
    if rows is None:
        return
    await context.think(f"{len(rows)} rows computed. Next: a chart and the files.")
    report = _report(topic, rows)
    await context.say(report)
    drawing = await context.compute(
        "draw_chart",
        {"title": topic.title},
        lambda: Drawing(topic.title, rows, charts.bar_chart(topic.title, rows)),
    )
    picture = (
        await context.write("charts/chart.png", "image/png", drawing.png) if drawing is not None else None
    )
    image = f"\n\n![{topic.title}]({picture.path})" if picture is not None else ""
    await context.write("report.md", "text/markdown", f"{report}{image}\n".encode())
    await context.write("data.csv", "text/csv", _csv(topic, rows).encode())
    files = context.record.workspace.files()
    await context.say(
        "### In the workspace now\n\n"
        + table(["file", "bytes"], [(file.path, len(file.content)) for file in files], numeric=(1,))
    )


def _report(topic: Topic, rows: list[tuple[str, Decimal]]) -> str:
    total = ids.number_text(sum((value for _, value in rows), Decimal(0)))
    closing = (
        f"Together: **{total}** in {len(rows)} rows."
        if topic.additive
        else f"{len(rows)} rows, of different units."
    )
    listed = table(
        [topic.row, topic.number],
        [(label, ids.number_text(value)) for label, value in rows],
        numeric=(1,),
    )
    return f"# {topic.title}\n\n{topic.method}\n\n{listed}\n\n{closing}"


def _csv(topic: Topic, rows: list[tuple[str, Decimal]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([topic.row, topic.number])
    writer.writerows((label, ids.number_text(value)) for label, value in rows)
    return out.getvalue()


RULE = Rule(
    name="report",
    when="the text has the word *report*, *file*, *files* or *chart*",
    does="It computes something true (primes, modules or prices) and makes report.md, data.csv and a chart",
    example="report on primes",
    matches=lambda context: not {"report", "file", "files", "chart"}.isdisjoint(words_of(context.text)),
    perform=_perform,
)
