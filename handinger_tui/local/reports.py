"""The rules that compute reports: summaries of attached files and charts, whose results are real files."""

from __future__ import annotations

import csv
import io
from collections import Counter
from decimal import Decimal
from math import isqrt
from typing import TYPE_CHECKING, TypeAlias

from msgspec import Struct, structs

from handinger_tui.local import prices
from handinger_tui.local.formats import MOST_BARS, cell, counted, has_word, number_text, table, words_of
from handinger_tui.local.turn_context import Rule, TurnContext

if TYPE_CHECKING:
    from collections.abc import Sequence

    from handinger_tui.local.worker import StoredFile


MAX_READ_BYTES = 8 * 1024 * 1024
"""Maximum bytes read from a file; the rest is ignored."""
MISSING = frozenset({"", "na", "n/a", "null"})
"""Cells that count as missing, in lower case and without surrounding spaces."""
_MOST_COLUMNS = 20
_TABLE_ENDINGS = (".csv", ".tsv")
_TOP = 3


async def publish(
    context: TurnContext,
    report: str,
    chart: str,
    bars: Sequence[tuple[str, Decimal]],
    table_path: str,
    rows: Sequence[Sequence[object]],
) -> None:
    """Say a report, and write it with a chart and a table; each is a tool call, which needs the budget."""
    await context.say(report)
    picture = await context.write_chart(chart, report.partition("\n")[0].lstrip("# "), bars)
    image = f"\n\n![chart]({picture.path})" if picture is not None else ""
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    files = [
        picture,
        await context.write("report.md", "text/markdown", f"{report}{image}\n".encode()),
        await context.write(table_path, "text/csv", out.getvalue().encode()),
    ]
    lines = [(file.path, len(file.content)) for file in files if file is not None]
    if lines:
        await context.say(f"### Files\n\n{table(['file', 'bytes'], lines, numeric=(1,))}")


# -- attachments -------------------------------------------------------------------------------
class ColumnFacts(Struct, frozen=True):
    """One column of a table: how many cells have a value, how many have none, and what occurs most often."""

    name: str
    count: int
    missing: int
    most_frequent: str


def columns_of(text: str) -> tuple[list[ColumnFacts], list[tuple[str, Decimal]]]:
    """Return the columns of delimited text whose first row is the header, and bars for a chart.

    The bars are how often the values of the first column with few ones occur, else how many values each
    column has. A text that is no table has no columns.
    """
    delimiter = max(",;\t|", key=text.partition("\n")[0].count)
    try:
        header, *rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)) or [[]]
    except csv.Error:
        return [], []
    columns: list[ColumnFacts] = []
    bars: list[tuple[str, Decimal]] = []
    for index, name in enumerate(header[:_MOST_COLUMNS]):
        cells = (row[index].strip() for row in rows if index < len(row))
        counts = Counter(value for value in cells if value.lower() not in MISSING)
        if not bars and 1 < len(counts) <= MOST_BARS and len(counts) < counts.total():
            bars = [(value, Decimal(count)) for value, count in counts.most_common()]
        top = ", ".join(f"{value} ({count})" for value, count in counts.most_common(_TOP))
        present = counts.total()
        columns.append(ColumnFacts(name.strip() or f"column {index + 1}", present, len(rows) - present, top))
    return columns, bars or [(column.name, Decimal(column.count)) for column in columns]


async def _summarize_table(context: TurnContext, file: StoredFile, text: str) -> None:
    measured = await context.call_tool(
        "measure_columns",
        {"path": file.path},
        lambda: columns_of(text),
        lambda result: [structs.asdict(column) for column in result[0]],
    )
    if measured is None:
        return
    columns, bars = measured
    context.show("columns", file.path, [structs.asdict(column) for column in columns])
    records = columns[0].count + columns[0].missing if columns else 0
    size = f"{counted(records, 'row')}, {counted(len(columns), 'column')}."
    header = ["column", *(head.replace("_", " ") for head in ColumnFacts.__struct_fields__[1:])]
    rows = [structs.astuple(column) for column in columns]
    listed = table(header, rows, numeric=(1, 2))
    await publish(
        context,
        f"## {cell(file.path)}\n\n{size}\n\n{listed}",
        "chart.png",
        bars,
        "summary.csv",
        [header, *rows],
    )


async def _count_words(context: TurnContext, file: StoredFile, text: str) -> None:
    words = words_of(text)
    rows = [
        ("words", f"{len(words):,}"),
        ("lines", f"{len(text.splitlines()):,}"),
        ("characters", f"{len(text):,}"),
    ]
    await context.say(f"## {cell(file.path)}\n\n{table(['count', 'value'], rows, numeric=(1,))}")


async def _summarize(context: TurnContext, file: StoredFile) -> None:
    head = file.content[:MAX_READ_BYTES]
    if b"\x00" in head:
        await context.say(
            f"## {cell(file.path)}\n\nThis is not text, and I can only read text. It has "
            f"{len(file.content):,} bytes, media type `{file.media_type}` by its name."
        )
        return
    text = await context.call_tool(
        "read_file",
        {"path": file.path},
        lambda: head.decode("utf-8-sig", "replace").replace("\r\n", "\n"),
        lambda text: {"characters": len(text), "lines": len(text.splitlines())},
    )
    if text is not None:
        context.count_reading(file, len(text))
        is_table = file.path.lower().endswith(_TABLE_ENDINGS)
        await (_summarize_table if is_table else _count_words)(context, file, text)


async def _summarize_all(context: TurnContext) -> None:
    for file in context.requested_files():
        await _summarize(context, file)


ATTACHMENTS = Rule(
    name="attachments",
    when="a file is attached, or the text names one sent before",
    does="It counts the words of a text; of a CSV or TSV table it makes a report, a table and a chart",
    example="summarize this (with a file attached)",
    matches=lambda context: bool(context.requested_files()),
    perform=_summarize_all,
)


# -- report on … -------------------------------------------------------------------------------
_PRIME_BLOCK = 1000
_PRIME_BLOCKS = 12
_PRIMES = f"Primes below {_PRIME_BLOCK * _PRIME_BLOCKS:,}"
_PRICES = "Prices of the local worker"
_TOPICS = {
    _PRIMES: ("primes", "prime", "numbers"),
    _PRICES: ("prices", "price", "costs", "cost", "money"),
}
"""What can be computed, and the words that select it."""

Bars: TypeAlias = list[tuple[str, Decimal]]


def prime_counts() -> Bars:
    """Return the number of primes in each of the first blocks of a thousand numbers."""
    size = _PRIME_BLOCK * _PRIME_BLOCKS
    sieve = bytearray([1]) * size
    sieve[0:2] = b"\x00\x00"
    for number in range(2, isqrt(size) + 1):
        if sieve[number]:
            sieve[number * number :: number] = bytes(len(range(number * number, size, number)))
    return [
        (f"from {start}", Decimal(sum(sieve[start : start + _PRIME_BLOCK])))
        for start in range(0, size, _PRIME_BLOCK)
    ]


def price_list() -> Bars:
    """Return the price table."""
    return [(price.unit, price.usd) for price in prices.PRICES]


async def _write_report(context: TurnContext) -> None:
    title = next((title for title, words in _TOPICS.items() if has_word(context.text, words)), "")
    if not title:
        titles = "; ".join(f"*{title}*" for title in _TOPICS)
        await context.say(f"I can only report on what I can compute: {titles}. Here is the first.")
        title = _PRIMES
    work, header = (prime_counts, ("block", "primes")) if title == _PRIMES else (price_list, ("for", "usd"))
    bars = await context.call_tool("compute_table", {"topic": title}, work, lambda bars: bars)
    if bars is None:
        return
    await context.think(f"{len(bars)} rows computed. Next: a chart and the files.")
    rows = [(label, number_text(value)) for label, value in bars]
    report = f"# {title}\n\n{table(header, rows, numeric=(1,))}"
    if title == _PRIMES:
        report += f"\n\nTotal: **{sum(value for _, value in bars)}** in {len(bars)} rows."
    await publish(context, report, "charts/chart.png", bars, "data.csv", [header, *rows])


REPORT = Rule(
    name="report",
    when="the text has a word such as *report* or *chart*",
    does="It computes primes or prices and creates report.md, data.csv and a chart",
    example="report on primes",
    matches=lambda context: has_word(context.text, ("report", "file", "files", "chart")),
    perform=_write_report,
)
