"""Figures of attached files compared with an independent computation."""

from __future__ import annotations

import csv
import io
import math
import statistics
from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest

from handinger_tui.local import file_summaries
from handinger_tui.local.file_summaries import counts_of
from handinger_tui.local.turn_context import ToolError

if TYPE_CHECKING:
    import httpx

Run = Callable[..., tuple[dict[str, Any], list[Any]]]


def people() -> tuple[bytes, list[dict[str, str]]]:
    """Return a table of 200 rows with gaps, and its rows."""
    rows = [
        {
            "name": f"Name {number}",
            "age": "" if number % 17 == 0 else str((number * 7919) % 90),
            "score": "NA" if number % 23 == 0 else f"{(number * 31 % 997) / 10:.1f}",
            "team": ("red", "blue, light", "green|dark")[number % 3],
            "born": f"19{number % 90 + 10}-0{number % 9 + 1}-1{number % 9}",
        }
        for number in range(200)
    ]
    out = io.StringIO()
    writer = csv.DictWriter(out, rows[0])
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode(), rows


def test_figures_are_right_in_the_file_the_worker_writes(client: httpx.Client, upload_turn: Run) -> None:
    content, rows = people()
    worker, _ = upload_turn("please summarise", [("files", ("people.csv", content))])
    files = {file["filename"]: client.get(file["url"]) for file in worker["files"]}
    assert set(files) == {"chart.png", "report.md", "summary.csv"}
    summary = {row["column"]: row for row in csv.DictReader(io.StringIO(files["summary.csv"].text))}
    assert set(summary) == set(rows[0])
    for name, kind in [("age", "integer"), ("score", "decimal")]:
        present = [Fraction(row[name]) for row in rows if row[name] not in {"", "NA"}]
        column = summary[name]
        assert column["kind"] == kind
        assert int(column["count"]) == len(present)
        assert int(column["missing"]) == len(rows) - len(present)
        assert Fraction(column["min"]) == min(present)
        assert Fraction(column["max"]) == max(present)
        assert Fraction(column["median"]) == statistics.median(present)
        mean: Fraction = sum(present, Fraction(0)) / len(present)
        assert math.isclose(Fraction(column["mean"]), mean, rel_tol=1e-15)
    for name, kind in [("team", "text"), ("born", "date"), ("name", "text")]:
        counted = Counter(row[name] for row in rows)
        assert summary[name]["kind"] == kind
        assert int(summary[name]["distinct"]) == len(counted)
        assert summary[name]["mean"] == ""
        assert int(summary[name]["top_count"]) == max(counted.values())
    assert "200 rows, 5 columns" in files["report.md"].text
    assert "blue, light (67)" in worker["output_text"]
    assert "green\\|dark" in worker["output_text"]


def test_the_tool_output_has_the_same_figures(upload_turn: Run) -> None:
    content, _ = people()
    _, events = upload_turn("please summarise", [("files", ("people.csv", content))])
    outputs = [event["output"] for event in events[:-1] if event["type"] == "tool-output-available"]
    stats = next(output for output in outputs if "columns" in output)
    age = next(column for column in stats["columns"] if column["name"] == "age")
    assert (age["kind"], age["count"], age["missing"]) == ("integer", 188, 12)
    data = next(event for event in events[:-1] if event["type"] == "data-columns")
    assert data["id"] == "people.csv"
    described = next(column for column in data["data"] if column["name"] == "age")
    assert described.items() <= age.items()
    assert set(age) - set(described) == {"top"}
    progress = [event["data"]["done"] for event in events[:-1] if event["type"] == "data-progress"]
    assert progress == sorted(progress)
    assert progress[-1] == 5


def test_a_low_budget_only_reads_the_file(upload_turn: Run) -> None:
    content, _ = people()
    worker, _ = upload_turn("please summarise", [("files", ("people.csv", content))], budget="low")
    assert worker["files"] == []
    assert "`low` allowed 1 tool call; not made: `column_stats`" in worker["output_text"]


@pytest.mark.parametrize(
    ("text", "delimiter"),
    [("a,b\n1,2", ","), ("a;b\n1;2", ";"), ("a\tb\n1\t2", "\t"), ("a|b\n1|2", "|"), ("only\n1", ",")],
)
def test_the_delimiter_is_detected(text: str, delimiter: str) -> None:
    table = file_summaries.parse(text)
    assert table.delimiter == delimiter
    assert table.column(0) == ["1"]


def test_rows_of_uneven_length_are_counted_and_kept() -> None:
    table = file_summaries.parse("a,b\n1\n2,3,4\n5,6\n")
    assert table.ragged == 2
    assert table.column(1) == ["", "3", "6"]


@pytest.mark.parametrize("text", ["", "\n\n", 'a\n"' + "x" * 200_000 + '"'])
def test_a_file_that_is_not_a_table_is_refused_with_a_reason(text: str) -> None:
    with pytest.raises(ToolError, match=r"empty|cannot be read"):
        file_summaries.parse(text)


def test_an_empty_table_is_a_tool_error_and_not_a_failed_turn(upload_turn: Run) -> None:
    worker, events = upload_turn("go", [("files", ("empty.csv", b""))])
    assert [event["errorText"] for event in events[:-1] if event["type"] == "tool-output-error"] == [
        "the file is empty"
    ]
    assert worker["error"] is None
    assert "A tool failed" in worker["output_text"]


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["1", "-2", "+3"], "integer"),
        (["1.5", ".5", "2e3"], "decimal"),
        (["nan"], "text"),
        (["inf"], "text"),
        (["1e999999"], "text"),
        (["2024-01-31", "2024-01-31T10:00:00Z"], "date"),
        (["1", "x"], "text"),
        ([], "empty"),
    ],
)
def test_kinds(cells: list[str], kind: str) -> None:
    assert file_summaries.kind_of(cells) == kind
    assert ("mean" in file_summaries.stats_of("c", cells).figures) == (kind in {"integer", "decimal"})


@pytest.mark.parametrize(
    ("text", "title", "bars"),
    [
        ("a,b\n1,x\n2,y\n3,x\n", "rows by b", {"x": 2, "y": 1}),
        ("a\n0\n0\n8\n", "distribution of a", {"from 0": 2, "from 7": 1}),
        ("a,b\n1,\n1,u\n", "missing cells by column", {"a": 0, "b": 1}),
    ],
)
def test_the_chart_suits_the_table(text: str, title: str, bars: dict[str, int]) -> None:
    stats = file_summaries.table_stats(text)
    assert stats.title == title
    assert bars.items() <= dict(stats.bars).items()


def test_text_is_counted() -> None:
    counts = counts_of("The cat's whiskers.\n\nThe quick cat; the well-known WHISKERS\n")
    assert (counts.lines, counts.words, counts.different) == (3, 9, 6)
    assert counts.frequent[0] == ("whiskers", 2)
    assert [counts_of(text).lines for text in ("", "a", "a\n", "a\nb")] == [0, 1, 1, 2]


def test_text_answers_hold_the_counts(upload_turn: Run) -> None:
    worker, _ = upload_turn("count", [("files", ("t.txt", "ein | Wort ü\n".encode() * 5))])
    for row in ("| words | 15 |", "| lines | 5 |", "| wort | 5 |"):
        assert row in worker["output_text"]
