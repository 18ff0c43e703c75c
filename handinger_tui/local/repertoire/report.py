"""The rule `report on …`: computes a table and writes it to the workspace as Markdown, CSV and a chart."""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from typing import TYPE_CHECKING

from msgspec import Struct

from handinger_tui.local import prices
from handinger_tui.local.formats import mentions, number_text, table
from handinger_tui.local.turn_context import Rule, TurnContext

if TYPE_CHECKING:
    from collections.abc import Callable

_PRIME_BLOCK = 1000
_PRIME_BLOCKS = 12

Rows = list[tuple[str, Decimal]]


class Topic(Struct, frozen=True):
    """What can be computed: one table of rows, each a label and a number."""

    words: frozenset[str]
    """Those that select it."""
    title: str
    row: str
    """Heading of the labels."""
    number: str
    """Heading of the numbers."""
    method: str
    """How the rows are computed, as a sentence."""
    rows: Callable[[], Rows]
    additive: bool
    """Whether the sum of the numbers means anything."""


def prime_counts() -> Rows:
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


TOPICS = (
    Topic(
        frozenset({"primes", "prime", "numbers"}),
        f"Primes below {_PRIME_BLOCK * _PRIME_BLOCKS:,}",
        "block",
        "primes",
        "Counted with the sieve of Eratosthenes, in blocks of a thousand.",
        prime_counts,
        additive=True,
    ),
    Topic(
        frozenset({"prices", "price", "costs", "cost", "money"}),
        "Prices of the local worker",
        "for",
        "usd",
        "The price table. The money is simulated.",
        lambda: list(prices.PRICE_ROWS),
        additive=False,
    ),
)


async def _perform(context: TurnContext) -> None:
    topic = next((topic for topic in TOPICS if mentions(context.text, topic.words)), None)
    if topic is None:
        titles = "; ".join(f"*{topic.title}*" for topic in TOPICS)
        await context.say(f"I can only report on what I can compute: {titles}. Here is the first.")
        topic = TOPICS[0]
    rows = await context.compute("compute_table", {"topic": topic.title}, topic.rows)
    if rows is None:
        return
    await context.think(f"{len(rows)} rows computed. Next: a chart and the files.")
    report = _report(topic, rows)
    await context.say(report)
    picture = await context.write_chart("charts/chart.png", topic.title, rows)
    image = f"\n\n![{topic.title}]({picture.path})" if picture is not None else ""
    await context.write("report.md", "text/markdown", f"{report}{image}\n".encode())
    await context.write("data.csv", "text/csv", _csv_text(topic, rows).encode())
    files = context.record.workspace.files()
    await context.say(
        "### Files\n\n"
        + table(["file", "bytes"], [(file.path, len(file.content)) for file in files], numeric=(1,))
    )


def _report(topic: Topic, rows: Rows) -> str:
    listed = table(
        [topic.row, topic.number], [(label, number_text(value)) for label, value in rows], numeric=(1,)
    )
    closing = f"{len(rows)} rows in different units."
    if topic.additive:
        total = number_text(sum((value for _, value in rows), Decimal(0)))
        closing = f"Total: **{total}** in {len(rows)} rows."
    return f"# {topic.title}\n\n{topic.method}\n\n{listed}\n\n{closing}"


def _csv_text(topic: Topic, rows: Rows) -> str:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([topic.row, topic.number])
    writer.writerows((label, number_text(value)) for label, value in rows)
    return out.getvalue()


RULE = Rule(
    name="report",
    when="the text has the word *report*, *file*, *files* or *chart*",
    does="It computes primes or prices and creates report.md, data.csv and a chart",
    example="report on primes",
    matches=lambda context: mentions(context.text, ("report", "file", "files", "chart")),
    perform=_perform,
)
