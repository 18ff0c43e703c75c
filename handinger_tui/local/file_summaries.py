"""Summarizes attached files by their type; a table gets a report, statistics and a chart as real files."""

from __future__ import annotations

import csv
import io
import re
import statistics
from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING

from msgspec import Struct

from handinger_tui.local.formats import (
    MOST_BARS,
    ToolResult,
    cell,
    looks_binary,
    number_text,
    table,
    words_of,
)
from handinger_tui.local.turn_context import Rule, ToolError, TurnContext

if TYPE_CHECKING:
    from handinger_tui.local.worker import StoredFile


MOST_ROWS = 200_000
MOST_COLUMNS = 200
MISSING = frozenset({"", "na", "n/a", "null"})
"""Cells that count as missing, in lower case and without surrounding spaces."""

_DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
_NUMBER = re.compile(r"[+-]?(?:\d{1,24}(?:\.\d{0,12})?|\.\d{1,12})(?:[eE][+-]?\d{1,2})?")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?")
_TOP = 3
_STAGES = 5
_BINS = 8
_DIGITS = 4
_MOST_IN_TOOL_OUTPUT = 20


class Table(Struct, frozen=True):
    """A table of texts. `ragged` counts the rows whose length differs from the header."""

    header: tuple[str, ...]
    rows: list[list[str]]
    delimiter: str
    ragged: int
    cut: bool

    def column(self, index: int) -> list[str]:
        """Return the stripped cells of one column; a row that is too short gives an empty cell."""
        return [row[index].strip() if index < len(row) else "" for row in self.rows]


def parse(text: str) -> Table:
    """Read delimited text whose first row is the header; the delimiter is the most frequent one there.

    Raises:
        ToolError: the text is empty, or the csv reader fails.
    """
    delimiter = max(_DELIMITERS, key=text.lstrip("\n").partition("\n")[0].count)
    try:
        rows = []
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
            if row:
                rows.append(row)
            if len(rows) > MOST_ROWS + 1:
                break
    except csv.Error as error:
        raise ToolError(f"the rows cannot be read ({error})") from error
    if not rows:
        raise ToolError("the file is empty")
    header, *body = rows
    names = tuple(name.strip() or f"column {index}" for index, name in enumerate(header, 1))[:MOST_COLUMNS]
    ragged = sum(len(row) != len(header) for row in body[:MOST_ROWS])
    cut = len(body) > MOST_ROWS or len(header) > MOST_COLUMNS
    return Table(names, body[:MOST_ROWS], delimiter, ragged, cut)


class ColumnStats(Struct, frozen=True):
    """Statistics of one column, exact."""

    name: str
    kind: str
    missing: int
    counts: Counter[str]
    """How often each cell occurs, without the missing ones."""
    numbers: list[Decimal]
    """Empty unless the column is numeric."""
    figures: dict[str, object]
    """The statistics by their names; those from min to median only if the column is numeric."""


def stats_of(name: str, cells: list[str]) -> ColumnStats:
    """Return the statistics of one column. Mean and median are decimals of 28 digits."""
    present = [value for value in cells if value.lower() not in MISSING]
    kind, missing, counts = kind_of(present), len(cells) - len(present), Counter(present)
    numbers = [Decimal(value) for value in present] if kind in {"integer", "decimal"} else []
    figures: dict[str, object] = {
        "name": name,
        "kind": kind,
        "count": len(present),
        "missing": missing,
        "distinct": len(counts),
    }
    if numbers:
        figures |= {
            "min": min(numbers),
            "max": max(numbers),
            "mean": sum(numbers, Decimal(0)) / len(numbers),
            "median": statistics.median(numbers),
        }
    return ColumnStats(name, kind, missing, counts, numbers, figures)


def kind_of(present: list[str]) -> str:
    """Return the narrowest kind that fits all cells: integer, decimal, date, text, or empty."""
    if not present:
        return "empty"
    if all(_NUMBER.fullmatch(value) for value in present):
        return "integer" if all(value.lstrip("+-").isdecimal() for value in present) else "decimal"
    return "date" if all(_DATE.fullmatch(value) for value in present) else "text"


class TableStats(ToolResult, frozen=True):
    """The result of the tool `column_stats`, and the chart that suits it."""

    table: Table
    columns: list[ColumnStats]
    title: str
    bars: list[tuple[str, Decimal]]

    def as_output(self) -> dict[str, object]:
        """Return rows, delimiter and the first columns as a JSON value."""
        return {
            "rows": len(self.table.rows),
            "raggedRows": self.table.ragged,
            "delimiter": _DELIMITERS[self.table.delimiter],
            "cut": self.table.cut,
            "columnCount": len(self.columns),
            "columns": [
                {**column.figures, "top": column.counts.most_common(_TOP)}
                for column in self.columns[:_MOST_IN_TOOL_OUTPUT]
            ],
        }


def table_stats(text: str) -> TableStats:
    """Compute the statistics of all columns. Raises ToolError: see `parse`."""
    parsed = parse(text)
    columns = [stats_of(name, parsed.column(index)) for index, name in enumerate(parsed.header)]
    return TableStats(parsed, columns, *bars_for(columns))


async def summarize(context: TurnContext, file: StoredFile) -> None:
    """Read, compute, draw and write; each stage is a tool call, which the budget may not allow."""
    context.progress("reading", 0, _STAGES)
    decoded = await context.read(file)
    if decoded is None:
        return
    context.progress("computing column statistics", 1, _STAGES)
    stats = await context.compute("column_stats", {"path": file.path}, lambda: table_stats(decoded.text))
    name = cell(file.path)
    if stats is None:
        await context.say(
            f"## {name}\n\nI read {decoded.size:,} bytes ({decoded.encoding}), but there are no statistics."
        )
        return
    await context.think(
        f"{len(stats.columns)} columns and {len(stats.table.rows):,} rows. Next: a chart, then the files."
    )
    context.show("columns", file.path, [column.figures for column in stats.columns])
    report = _report(name, stats, cut=decoded.cut)
    await context.say(report)
    context.progress("drawing", 2, _STAGES)
    picture = await context.write_chart("chart.png", stats.title, stats.bars)
    context.progress("writing files", 3, _STAGES)
    image = f"\n\n![{stats.title}]({picture.path})\n" if picture is not None else "\n"
    files = [
        picture,
        await context.write("report.md", "text/markdown", (report + image).encode()),
        await context.write("summary.csv", "text/csv", _summary_csv(stats.columns).encode()),
    ]
    lines = [f"- `{file.path}`, {len(file.content):,} bytes" for file in files if file is not None]
    if lines:
        await context.say("### Files\n\n" + "\n".join(lines))
    context.progress("done", _STAGES, _STAGES)


def bars_for(columns: list[ColumnStats]) -> tuple[str, list[tuple[str, Decimal]]]:
    """Choose what to draw: counts of a text column with repeated values, else a distribution, else gaps."""
    for column in columns:
        counts = column.counts
        if column.kind == "text" and 1 < len(counts) <= MOST_BARS and len(counts) < counts.total():
            return f"rows by {column.name}", [(value, Decimal(counts[value])) for value in sorted(counts)]
    for column in columns:
        if len(set(column.numbers)) > 1:
            return f"distribution of {column.name}", _histogram(column.numbers)
    return "missing cells by column", [(column.name, Decimal(column.missing)) for column in columns]


def _histogram(numbers: list[Decimal]) -> list[tuple[str, Decimal]]:
    low = min(numbers)
    width = (max(numbers) - low) / _BINS
    counts = Counter(min(_BINS - 1, int((value - low) / width)) for value in numbers)
    return [(f"from {_figure(low + width * index)}", Decimal(counts[index])) for index in range(_BINS)]


def _report(name: str, stats: TableStats, *, cut: bool) -> str:
    notes = [
        f"{len(stats.table.rows):,} rows, {len(stats.columns)} columns, "
        f"separated by {_DELIMITERS[stats.table.delimiter]}."
    ]
    if stats.table.ragged:
        notes.append(f"Rows longer or shorter than the header: {stats.table.ragged:,}.")
    if cut or stats.table.cut:
        notes.append("The file is too large; the figures cover its beginning only.")
    heads = ["name", "kind", "count", "missing", "min", "max", "mean", "median"]
    rows = [[_figure(column.figures.get(head, "")) for head in heads] for column in stats.columns]
    tops = [
        (
            column.name,
            len(column.counts),
            ", ".join(f"{value} ({count})" for value, count in column.counts.most_common(_TOP)),
        )
        for column in stats.columns
    ]
    return (
        f"## {name}\n\n{' '.join(notes)}\n\n### Columns\n\n"
        + table(["column", *heads[1:]], rows, numeric=range(2, 8))
        + "\n\n### Values\n\n"
        + table(["column", "different", "most frequent"], tops, numeric=(1,))
    )


def _figure(value: object) -> object:
    """Format a number with at most four decimals."""
    return number_text(round(value, _DIGITS)) if isinstance(value, Decimal) else value


def _summary_csv(columns: list[ColumnStats]) -> str:
    """Return one row per column with unrounded figures."""
    out = io.StringIO()
    figures = ["name", "kind", "count", "missing", "distinct", "min", "max", "mean", "median"]
    writer = csv.writer(out)
    writer.writerow(["column", *figures[1:], "top", "top_count"])
    for column in columns:
        values = [column.figures.get(figure, "") for figure in figures]
        values = [number_text(value) if isinstance(value, Decimal) else value for value in values]
        writer.writerow([*values, *(column.counts.most_common(1) or [("", 0)])[0]])
    return out.getvalue()


_TABLE_ENDINGS = (".csv", ".tsv", ".tab")
_SHOWN = 8
_SHORTEST_WORD = 4
"""Shorter words are mostly function words and are omitted from the frequencies."""


class TextCounts(ToolResult, frozen=True):
    """The result of the tool `count_words`."""

    words: int
    different: int
    lines: int
    characters: int
    frequent: list[tuple[str, int]]


def counts_of(text: str) -> TextCounts:
    """Count words, lines and characters. A final line break does not start another line."""
    words = words_of(text)
    lines = text.count("\n") + (not text.endswith("\n") and text != "")
    frequent = Counter(word for word in words if len(word) >= _SHORTEST_WORD).most_common(_SHOWN)
    return TextCounts(len(words), len(set(words)), lines, len(text), frequent)


async def _summarize_text(context: TurnContext, file: StoredFile) -> None:
    decoded = await context.read(file)
    if decoded is None:
        return
    name = cell(file.path)
    counts = await context.compute("count_words", {"path": file.path}, lambda: counts_of(decoded.text))
    if counts is None:
        await context.say(
            f"## {name}\n\nI read {decoded.size:,} bytes ({decoded.encoding}) but did not count the words."
        )
        return
    await context.think("The counts are ready. I cannot judge what the text means.")
    rows = [
        ("words", f"{counts.words:,}"),
        ("different words", f"{counts.different:,}"),
        ("lines", f"{counts.lines:,}"),
        ("characters", f"{counts.characters:,}"),
    ]
    answer = f"## {name}\n\n{table(['count', 'value'], rows, numeric=(1,))}\n\nRead as {decoded.encoding}."
    if decoded.cut:
        answer += "\n\nOnly the beginning was read because the file is too large."
    if counts.frequent:
        frequent = table(["word", "times"], counts.frequent, numeric=(1,))
        answer += f"\n\n### Frequent words\n\nWith {_SHORTEST_WORD} letters or more:\n\n{frequent}"
    await context.say(answer)


async def _describe_bytes(context: TurnContext, file: StoredFile) -> None:
    await context.say(
        f"## {cell(file.path)}\n\nThis is not text, and I can only read text. It has "
        f"{len(file.content):,} bytes, media type `{file.media_type}` by its name, SHA-256 `{file.digest}`."
    )


async def _perform(context: TurnContext) -> None:
    for file in context.requested_files():
        if looks_binary(file.content):
            await _describe_bytes(context, file)
        elif file.path.lower().endswith(_TABLE_ENDINGS):
            await summarize(context, file)
        else:
            await _summarize_text(context, file)


FILE_SUMMARIES = Rule(
    name="attachments",
    when="a file is attached, or the text names one sent before",
    does="It summarizes text; for CSV and TSV it creates statistics, a report, a table and a chart",
    example="summarize this (with a file attached)",
    matches=lambda context: bool(context.requested_files()),
    perform=_perform,
)
