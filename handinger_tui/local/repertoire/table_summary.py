"""Summarizes a CSV or TSV file and creates a report, a table of statistics and a chart as real files."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from handinger_tui.local import charts, delimited, ids
from handinger_tui.local.turn_context import ToolError, TurnContext
from handinger_tui.local.words import cell, table

if TYPE_CHECKING:
    from handinger_tui.local.delimited import ColumnStats, Table
    from handinger_tui.local.workspace import StoredFile

_STAGES = 5
_BINS = 8
_DIGITS = 4
_MOST_IN_TOOL_OUTPUT = 20
_DELIMITER_NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}


@dataclass(frozen=True, slots=True)
class TableStats:
    """The result of the tool `column_stats`."""

    table: Table
    columns: list[ColumnStats]

    def as_output(self) -> dict[str, object]:
        """Return rows, delimiter and the first columns as a JSON value."""
        return {
            "rows": len(self.table.rows),
            "raggedRows": self.table.ragged,
            "delimiter": _DELIMITER_NAMES[self.table.delimiter],
            "cut": self.table.cut,
            "columnCount": len(self.columns),
            "columns": [column.as_output() for column in self.columns[:_MOST_IN_TOOL_OUTPUT]],
        }


@dataclass(frozen=True, slots=True)
class Drawing:
    """The result of the tool `draw_chart`: a title, bars, and the PNG image."""

    title: str
    bars: list[tuple[str, Decimal]]
    png: bytes

    def as_output(self) -> dict[str, object]:
        """Return title, bars and size of the image as a JSON value."""
        return {"title": self.title, "bars": self.bars, "bytes": len(self.png)}


async def summarize(context: TurnContext, file: StoredFile) -> None:
    """Read, compute, draw and write; each stage is a tool call, which the budget may not allow."""
    context.progress("reading", 0, _STAGES)
    decoded = await context.read(file)
    if decoded is None:
        return
    context.progress("computing column statistics", 1, _STAGES)
    stats = await context.compute("column_stats", {"path": file.path}, lambda: _stats_of(decoded.text))
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
    await _write_files(context, stats, report)
    context.progress("done", _STAGES, _STAGES)


async def _write_files(context: TurnContext, stats: TableStats, report: str) -> None:
    drawing = await context.compute(
        "draw_chart",
        {"columns": [column.name for column in stats.columns[:_MOST_IN_TOOL_OUTPUT]]},
        lambda: _draw(stats),
    )
    picture = await context.write("chart.png", "image/png", drawing.png) if drawing is not None else None
    context.progress("writing files", 3, _STAGES)
    image = (
        f"\n\n![{drawing.title}]({picture.path})\n" if drawing is not None and picture is not None else "\n"
    )
    files = [
        picture,
        await context.write("report.md", "text/markdown", (report + image).encode()),
        await context.write("summary.csv", "text/csv", summary_csv(stats.columns).encode()),
    ]
    lines = [f"- `{file.path}`, {len(file.content):,} bytes" for file in files if file is not None]
    if lines:
        await context.say("### Files\n\n" + "\n".join(lines))


def _stats_of(text: str) -> TableStats:
    try:
        parsed = delimited.parse(text)
    except delimited.TableError as error:
        raise ToolError(str(error)) from error
    return TableStats(
        parsed, [delimited.stats_of(name, parsed.column(index)) for index, name in enumerate(parsed.header)]
    )


def _draw(stats: TableStats) -> Drawing:
    title, bars = bars_for(stats)
    return Drawing(title, bars, charts.bar_chart(title, bars))


def bars_for(stats: TableStats) -> tuple[str, list[tuple[str, Decimal]]]:
    """Choose what to draw: counts of a text column with repeated values, else a distribution, else gaps."""
    for column in stats.columns:
        if (
            column.kind in {"text", "yes/no"}
            and 1 < column.distinct <= charts.MOST_BARS
            and column.distinct < column.count
        ):
            cells = [
                value
                for value in stats.table.column(stats.columns.index(column))
                if value.lower() not in delimited.MISSING
            ]
            return f"rows by {column.name}", [
                (value, Decimal(cells.count(value))) for value in sorted(set(cells))
            ]
    for index, column in enumerate(stats.columns):
        if column.is_number and column.minimum != column.maximum:
            return f"distribution of {column.name}", _histogram_bars(column, stats.table.column(index))
    return "missing cells by column", [(column.name, Decimal(column.missing)) for column in stats.columns]


def _histogram_bars(column: ColumnStats, cells: list[str]) -> list[tuple[str, Decimal]]:
    low, high = column.minimum or Decimal(0), column.maximum or Decimal(0)
    width = (high - low) / _BINS
    counts = [0] * _BINS
    for value in (Decimal(text) for text in cells if text.lower() not in delimited.MISSING):
        counts[min(_BINS - 1, int((value - low) / width))] += 1
    return [
        (f"from {_short_number(low + width * index)}", Decimal(count)) for index, count in enumerate(counts)
    ]


def _report(name: str, stats: TableStats, *, cut: bool) -> str:
    figures = [
        (
            column.name,
            column.kind,
            column.count,
            column.missing,
            *(_short_number(value) for value in (column.minimum, column.maximum, column.mean, column.median)),
        )
        for column in stats.columns
    ]
    tops = [
        (column.name, column.distinct, ", ".join(f"{value} ({count})" for value, count in column.top))
        for column in stats.columns
    ]
    delimiter = _DELIMITER_NAMES[stats.table.delimiter]
    notes = [f"{len(stats.table.rows):,} rows, {len(stats.columns)} columns, separated by {delimiter}."]
    if stats.table.ragged:
        notes.append(f"{stats.table.ragged:,} rows are longer or shorter than the header.")
    if cut or stats.table.cut:
        notes.append("The file is larger than I look at; the figures are of its beginning.")
    return (
        f"## {name}\n\n{' '.join(notes)}\n\n### Columns\n\n"
        + table(
            ["column", "kind", "count", "missing", "min", "max", "mean", "median"],
            figures,
            numeric=range(2, 8),
        )
        + "\n\n### Values\n\n"
        + table(["column", "different", "most frequent"], tops, numeric=(1,))
    )


def _short_number(value: Decimal | None) -> str:
    """Format a number with at most four decimals; None gives an empty text."""
    return "" if value is None else ids.number_text(round(value, _DIGITS))


def summary_csv(columns: list[ColumnStats]) -> str:
    """Return one row per column with unrounded figures."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(
        ["column", "kind", "count", "missing", "distinct", "min", "max", "mean", "median", "top", "top_count"]
    )
    for column in columns:
        figures = [
            "" if value is None else ids.number_text(value)
            for value in (column.minimum, column.maximum, column.mean, column.median)
        ]
        top, times = column.top[0] if column.top else ("", 0)
        writer.writerow(
            [column.name, column.kind, column.count, column.missing, column.distinct, *figures, top, times]
        )
    return out.getvalue()
