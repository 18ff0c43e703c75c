"""Structured output and data parts: their order, the detection of tables, and their CSV."""

from __future__ import annotations

import csv
import io
import re
from decimal import Decimal
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from handinger_tui.core.evidence import (
    STRUCTURED,
    Dataset,
    csv_of,
    datasets_of,
    is_tabular,
    table_in,
)
from handinger_tui.core.jsontext import Json
from handinger_tui.core.money import report_json as spending
from handinger_tui.core.safety import clean, csv_field
from handinger_tui.core.stream import CustomPart, Snapshot
from handinger_tui.core.turns.turn import DataPart
from tests.core.evidence_samples import session, turn


def test_every_kind_in_order_and_structured_output_once() -> None:
    output: Json = {"total": 3}
    first = replace(
        turn(1, "text", DataPart("data-chart", [1]), CustomPart("future", {"a": 1})),
        snapshot=Snapshot(structured_output=output),
    )
    second = replace(
        turn(2, DataPart("data-chart", [2], "id")),
        before=first.snapshot,
        snapshot=Snapshot(structured_output={"total": 3}),
    )
    third = replace(turn(3), before=second.snapshot, snapshot=Snapshot(structured_output={"total": 4}))
    datasets = datasets_of(session(first, second, third))
    assert datasets == (
        Dataset("turn_1", 1, "data-chart", None, None, 1),
        Dataset("turn_1", 1, "future", None, None, 2),
        Dataset("turn_1", 1, STRUCTURED, None),
        Dataset("turn_2", 2, "data-chart", None, "id", 0),
        Dataset("turn_3", 3, STRUCTURED, None),
    )
    assert [one.value for one in datasets] == [[1], {"a": 1}, output, [2], {"total": 4}]


@pytest.mark.parametrize(
    ("value", "tabular"),
    [
        ([{"a": 1}, {}], True),
        ([[1, 2], []], True),
        ([], False),
        ([{}], False),
        ([[]], False),
        ([1, 2], False),
        ([{"a": 1}, [1]], False),
        ({"a": [{"b": 1}]}, False),
        ("text", False),
        (None, False),
    ],
)
def test_lists_of_objects_are_tables(value: Json, tabular: bool) -> None:
    assert is_tabular(value) is tabular


def test_the_table_in_an_object_is_its_longest() -> None:
    rows: Json = [{"a": 1}, {"a": 2}]
    assert table_in(rows) == ("", rows)
    assert table_in({"few": [[1]], "many": rows, "none": [1, 2, 3]}) == ("many", rows)
    assert table_in({"none": 1}) is None
    assert table_in(1) is None


def read(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text)))


def test_a_csv_holds_everything_exactly() -> None:
    long = "x" * 2000
    rows: Json = [
        {"name": "a, b", "n": Decimal("0.10"), "ok": True},
        {"name": long, "more": {"k": [1, None]}, "n": None},
        {"name": "=1+1", "n": 10**30},
    ]
    assert read(csv_of(rows)) == [
        ["name", "n", "ok", "more"],
        ["a, b", "0.10", "true", ""],
        [long, "", "", '{"k":[1,null]}'],
        ["'=1+1", str(10**30), "", ""],
    ]


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+x",
        "-x",
        "@SUM(1)",
        "\t=1",
        "\tx",
        "\rx",
        "\n=1",
        " =1",
        "＝1+1",
        "\u200b=1",
        "\x1b=1",
        "-1+1",
    ],
)
def test_no_text_of_a_table_becomes_a_formula(text: str) -> None:
    ((name,), (cell,)) = read(csv_of([{text: text}]))
    assert name == cell
    assert cell.startswith("'")
    # The report of spending has one line per cell.
    assert next(csv.reader([spending.cell(text)]))[0][0] in "'x"


@pytest.mark.parametrize("number", ["-1", "+1.5", "-2e5", "-.5", "-3%"])
def test_a_number_is_not_a_formula(number: str) -> None:
    assert read(csv_of([[number]])) == [["1"], [number]]


MARKED: Final = re.compile(r"'+(\s*[=+\-@＝＋－＠]|[\t\n])")
"""As in docs/spending.md."""


@given(st.text("'=+-@\t\n\r a1＝－", max_size=6))
def test_a_script_gets_every_text_back_and_a_spreadsheet_computes_none(text: str) -> None:
    ((_, cell),) = read(f"x,{csv_field(text)}\r\n")
    assert (cell[1:] if MARKED.match(cell) else cell) == clean(text)
    assert cell.lstrip()[:1] not in ("=", "@", "＝", "－")


def test_a_csv_of_arrays_has_numbered_columns() -> None:
    assert read(csv_of([[1, "x"], [2], [3, "z", True]])) == [
        ["1", "2", "3"],
        ["1", "x", ""],
        ["2", "", ""],
        ["3", "z", "true"],
    ]
    assert csv_of("no table") == ""
