"""Summary of a CSV or TSV file, with a report, a table of figures and a chart as real files."""

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
    """What the tool `column_stats` finds."""

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
    """What the tool `draw_chart` makes: a title, bars, and the picture."""

    title: str
    bars: list[tuple[str, Decimal]]
    png: bytes

    def as_output(self) -> dict[str, object]:
        """Return what is in the picture and its size."""
        return {"title": self.title, "bars": self.bars, "bytes": len(self.png)}


async def summarise(desk: TurnContext, file: StoredFile) -> None:
    """Read, compute, draw and write; each stage is a tool call that the budget may not allow."""
    desk.progress("reading", 0, _STAGES)
    reading = await desk.read(file)
    if reading is None:
        return
    desk.progress("computing column statistics", 1, _STAGES)
    found = await desk.compute("column_stats", {"path": file.path}, lambda: _stats_of(reading.text))
    name = cell(file.path)
    if found is None:
        await desk.say(
            f"## {name}\n\nI read {reading.size:,} bytes ({reading.encoding}), but there are no statistics."
        )
        return
    await desk.think(
        f"{len(found.columns)} columns and {len(found.table.rows):,} rows. Next: a chart, then the files."
    )
    desk.show("columns", file.path, [column.figures for column in found.columns])
    report = _report(name, found, cut=reading.cut)
    await desk.say(report)
    desk.progress("drawing", 2, _STAGES)
    await _write_files(desk, found, report)
    desk.progress("done", _STAGES, _STAGES)


async def _write_files(desk: TurnContext, found: TableStats, report: str) -> None:
    drawing = await desk.compute(
        "draw_chart",
        {"columns": [column.name for column in found.columns[:_MOST_IN_TOOL_OUTPUT]]},
        lambda: _draw(found),
    )
    picture = await desk.write("chart.png", "image/png", drawing.png) if drawing is not None else None
    desk.progress("writing files", 3, _STAGES)
    shown = (
        f"\n\n![{drawing.title}]({picture.path})\n" if drawing is not None and picture is not None else "\n"
    )
    written = [
        picture,
        await desk.write("report.md", "text/markdown", (report + shown).encode()),
        await desk.write("summary.csv", "text/csv", summary_csv(found.columns).encode()),
    ]
    lines = [f"- `{file.path}`, {len(file.content):,} bytes" for file in written if file is not None]
    if lines:
        await desk.say("### Files\n\n" + "\n".join(lines))


def _stats_of(text: str) -> TableStats:
    try:
        read = delimited.parse(text)
    except delimited.TableError as error:
        raise ToolError(str(error)) from error
    return TableStats(
        read, [delimited.stats_of(name, read.column(index)) for index, name in enumerate(read.header)]
    )


def _draw(found: TableStats) -> Drawing:
    title, bars = bars_for(found)
    return Drawing(title, bars, charts.bar_chart(title, bars))


def bars_for(found: TableStats) -> tuple[str, list[tuple[str, Decimal]]]:
    """Choose what to draw: counts of a repeating text column, else a distribution, else missing cells."""
    for column in found.columns:
        if (
            column.kind in {"text", "yes/no"}
            and 1 < column.distinct <= charts.MOST_BARS
            and column.distinct < column.count
        ):
            cells = [
                value
                for value in found.table.column(found.columns.index(column))
                if value.lower() not in delimited.MISSING
            ]
            return f"rows by {column.name}", [
                (value, Decimal(cells.count(value))) for value in sorted(set(cells))
            ]
    for index, column in enumerate(found.columns):
        if column.is_number and column.minimum != column.maximum:
            return f"distribution of {column.name}", _bins(column, found.table.column(index))
    return "missing cells by column", [(column.name, Decimal(column.missing)) for column in found.columns]


def _bins(column: ColumnStats, cells: list[str]) -> list[tuple[str, Decimal]]:
    low, high = column.minimum or Decimal(0), column.maximum or Decimal(0)
    width = (high - low) / _BINS
    counts = [0] * _BINS
    for value in (Decimal(text) for text in cells if text.lower() not in delimited.MISSING):
        counts[min(_BINS - 1, int((value - low) / width))] += 1
    return [(f"from {_short(low + width * index)}", Decimal(count)) for index, count in enumerate(counts)]


def _report(name: str, found: TableStats, *, cut: bool) -> str:
    figures = [
        (
            column.name,
            column.kind,
            column.count,
            column.missing,
            *(_short(value) for value in (column.minimum, column.maximum, column.mean, column.median)),
        )
        for column in found.columns
    ]
    tops = [
        (column.name, column.distinct, ", ".join(f"{value} ({count})" for value, count in column.top))
        for column in found.columns
    ]
    delimiter = _DELIMITER_NAMES[found.table.delimiter]
    notes = [f"{len(found.table.rows):,} rows, {len(found.columns)} columns, separated by {delimiter}."]
    if found.table.ragged:
        notes.append(f"{found.table.ragged:,} rows are longer or shorter than the header.")
    if cut or found.table.cut:
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


def _short(value: Decimal | None) -> str:
    """Return a number for people: four decimals at most, nothing when there is none."""
    return "" if value is None else ids.number_text(round(value, _DIGITS))


def summary_csv(stats: list[ColumnStats]) -> str:
    """Return one row per column with unrounded figures."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(
        ["column", "kind", "count", "missing", "distinct", "min", "max", "mean", "median", "top", "top_count"]
    )
    for column in stats:
        figures = [
            "" if value is None else ids.number_text(value)
            for value in (column.minimum, column.maximum, column.mean, column.median)
        ]
        top, times = column.top[0] if column.top else ("", 0)
        writer.writerow(
            [column.name, column.kind, column.count, column.missing, column.distinct, *figures, top, times]
        )
    return out.getvalue()
