"""Datasets: the structured output and the data parts of a session, to be looked at and saved."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field
from itertools import islice
from typing import Final

from handinger_tui.core.jsontext import Json, dump
from handinger_tui.core.record import dataclass
from handinger_tui.core.turns.session import Session
from handinger_tui.core.turns.turn import CustomPart, DataPart, Turn

STRUCTURED: Final = "structured output"
_LOOKED_AT: Final = 50
"""Items of an array that tell whether it is a table."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """One value that a turn brought. `turn` counts from 1; `name` is the type on the wire, or `STRUCTURED`.

    `position` is that of its part, None for structured output.
    """

    turn_id: str
    turn: int
    name: str
    value: Json = field(compare=False)
    data_id: str | None = None
    position: int | None = None


def datasets_of(session: Session) -> tuple[Dataset, ...]:
    """All of them in the order of the transcript, kinds that nobody knows included."""
    return tuple(found for at, turn in enumerate(session.turns, 1) for found in _of_turn(turn, at))


def _of_turn(turn: Turn, number: int) -> Iterator[Dataset]:
    for at, part in enumerate(turn.parts):
        if isinstance(part, DataPart):
            yield Dataset(turn.turn_id, number, part.name, part.data, part.data_id, at)
        elif isinstance(part, CustomPart):
            yield Dataset(turn.turn_id, number, part.kind, part.raw, None, at)
    output = structured_of(turn)
    if output is not None:
        yield Dataset(turn.turn_id, number, STRUCTURED, output)


def structured_of(turn: Turn) -> Json:
    """The structured output of a turn; None without one, and where it is still that of the turn before."""
    output = turn.snapshot.structured_output if turn.snapshot is not None else None
    before = turn.before.structured_output if turn.before is not None else None
    return None if output == before else output


# -- tables ------------------------------------------------------------------------
def is_tabular(value: Json) -> bool:
    """An array of objects or of arrays, by its first items."""
    if not isinstance(value, list) or not value:
        return False
    first = value[:_LOOKED_AT]
    if all(isinstance(item, dict) for item in first):
        return any(first)
    return all(isinstance(item, list) for item in first) and any(first)


def table_in(value: Json) -> tuple[str, Json] | None:
    """The table that a value is, or its longest member that is one, behind its name ("" for the value)."""
    if is_tabular(value):
        return "", value
    if not isinstance(value, dict):
        return None
    found = [(str(name), member) for name, member in value.items() if is_tabular(member)]
    return max(found, key=lambda one: len(one[1]) if isinstance(one[1], list) else 0, default=None)


def csv_of(value: Json) -> str:
    """A tabular value as CSV, whole: texts as they are, null as an empty cell, what is nested as JSON.

    Columns are all members in order of first appearance, or numbers for an array of arrays.
    """
    from handinger_tui.core.export.tables import rows_to_csv  # noqa: PLC0415 - once a table is saved

    items = value if isinstance(value, list) else []
    records = [item if isinstance(item, dict) else {} for item in items]
    columns = list(dict.fromkeys(key for record in records for key in record))
    if columns:
        rows = ([_cell(record.get(key)) for key in columns] for record in records)
        return rows_to_csv(columns, rows)
    lists = [item if isinstance(item, list) else [] for item in items]
    width = max(map(len, lists), default=0)
    filled = ([_cell(cell) for cell in islice((*cells, *[None] * width), width)] for cells in lists)
    return rows_to_csv([str(at) for at in range(1, width + 1)], filled)


def _cell(value: Json) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else dump(value)
