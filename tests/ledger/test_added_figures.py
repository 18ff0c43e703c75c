"""The migration of a figure: its column is added up, retracted and counted as those from before."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from handinger_tui.core import figures
from handinger_tui.ledger.migrations import MIGRATIONS, AddedFigure, begin_at, statements_of
from tests.ledger.raw_rows import NOON_MS, cells, put

OURS = (AddedFigure("of_this"), AddedFigure("sum_of_this", summed=True), AddedFigure("of_that"))
BITS = {one.column: 1 << len(figures.FIGURES) + at for at, one in enumerate(OURS)}


@pytest.fixture
def history() -> Iterator[sqlite3.Connection]:
    """A history of this version, without turns."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.row_factory = sqlite3.Row
        begin_at(connection, len(MIGRATIONS))
        yield connection


def add_figures(history: sqlite3.Connection) -> None:
    earlier = (AddedFigure(one.column, one.summed) for one in figures.ADDED)
    for statements in statements_of(*earlier, *OURS)[-len(OURS) :]:
        for statement in statements:
            history.execute(statement)


def total(history: sqlite3.Connection, turn_id: str) -> sqlite3.Row:
    row = history.execute("SELECT * FROM turn_totals WHERE turn_id = ?", (turn_id,)).fetchone()
    assert isinstance(row, sqlite3.Row)
    return row


def charge(
    history: sqlite3.Connection, kind: str = "correction", turn_id: str = "turn_1", **members: Any
) -> sqlite3.Row:
    """Write a row of a turn; the totals of the turn."""
    put(history, cells(turn_id, kind, **members))
    return total(history, turn_id)


def test_it_is_added_up_and_retracted(history: sqlite3.Connection) -> None:
    add_figures(history)
    charge(history, "charge", of_this=2, sum_of_this=30, steps=1)
    row = charge(history, of_this=5, sum_of_this=-10, of_that=4)
    assert (row["of_this"], row["sum_of_this"], row["of_that"], row["steps"]) == (7, 20, 4, 1)
    assert row["reported"] == BITS["sum_of_this"]
    for name, bit in BITS.items():
        row = charge(history, **{name: -row[name], "retracted": bit})
        assert row[name] is None
    assert (row["reported"], row["steps"], row["corrections"]) == (0, 1, 4)


def test_a_row_that_changes_it_alone_is_a_correction(history: sqlite3.Connection) -> None:
    add_figures(history)
    charge(history, "charge", of_this=2)
    assert charge(history, of_this=0, confirmed=1)["corrections"] == 0
    assert charge(history, of_this=1, confirmed=1)["corrections"] == 1


def test_turns_from_before_lack_it_but_those_that_were_refused(history: sqlite3.Connection) -> None:
    before = {
        turn_id: charge(history, "charge", turn_id=turn_id, status=status, usd_pico=0, steps=3)
        for turn_id, status in (("turn_1", "completed"), ("turn_2", "rejected"))
    }
    add_figures(history)
    after = {turn_id: total(history, turn_id) for turn_id in before}
    assert after["turn_1"]["reported"] == before["turn_1"]["reported"]
    assert after["turn_2"]["reported"] == before["turn_2"]["reported"] | BITS["sum_of_this"]
    refused = charge(history, "charge", turn_id="turn_3", status="rejected", sum_of_this=0)
    assert (refused["reported"], refused["sum_of_this"]) == (after["turn_2"]["reported"], None)
    complete = after["turn_2"]["reported"]
    query = f"SELECT turn_id FROM turn_totals WHERE reported <> {complete} AND at_ms < {NOON_MS + 1}"  # noqa: S608  # numbers
    assert [row["turn_id"] for row in history.execute(query)] == ["turn_1"]
    (plan,) = history.execute(f"EXPLAIN QUERY PLAN {query}")
    assert "totals_with_gaps" in plan["detail"]
    for row in (*before.values(), *after.values()):
        assert row["steps"] == 3


@pytest.mark.parametrize("figure", figures.FIGURES, ids=lambda figure: figure.name)
def test_the_bit_of_each_figure_is_that_of_its_column(
    figure: figures.Figure, history: sqlite3.Connection
) -> None:
    columns = [one.column for one in figures.FIGURES]
    numbers: dict[str, Any] = dict.fromkeys(columns, 5)
    charge(history, "charge", **numbers)
    changes: dict[str, Any] = {figure.column: -5, "retracted": 1 << figure.bit}
    row = charge(history, **changes)
    assert [name for name in columns if row[name] is None] == [figure.column]
