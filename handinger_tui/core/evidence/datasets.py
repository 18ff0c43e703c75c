"""Datasets: the structured output and the data parts of a session, to be viewed and saved."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Final

from handinger_tui.core.jsontext import Json, dump
from handinger_tui.core.safety import rows_to_csv
from handinger_tui.core.turns.turn import CustomPart, DataPart, Turn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from handinger_tui.core.turns.session import Session

STRUCTURED: Final = "structured output"
_CHECKED_ITEMS: Final = 50
"""Items of an array that are checked to decide whether it is a table."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """One value in a turn. `turn` counts from 1; `name` is the type on the wire, or `STRUCTURED`.

    `position` is the index of its part in the turn, None for structured output.
    """

    turn_id: str
    turn: int
    name: str
    value: Json = field(compare=False)
    data_id: str | None = None
    position: int | None = None


def datasets_of(session: Session) -> tuple[Dataset, ...]:
    """All datasets of a session in the order of the transcript, also those of unknown types."""
    return tuple(dataset for at, turn in enumerate(session.turns, 1) for dataset in _of_turn(turn, at))


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
    """The structured output of a turn; None without one, or where it is still that of the previous turn."""
    output = turn.snapshot.structured_output if turn.snapshot is not None else None
    if turn.snapshot is not None and turn.snapshot.by_turn:
        # The service reports it for each turn: an equal one is this turn's own.
        return output
    before = turn.before.structured_output if turn.before is not None else None
    return None if output == before else output


# -- tables ------------------------------------------------------------------------
def is_tabular(value: Json) -> bool:
    """Whether a value is an array of objects or of arrays, judged by its first items."""
    if not isinstance(value, list) or not value:
        return False
    first = value[:_CHECKED_ITEMS]
    if all(isinstance(item, dict) for item in first):
        return any(first)
    return all(isinstance(item, list) for item in first) and any(first)


def table_in(value: Json) -> tuple[str, Json] | None:
    """A value that is a table, or its longest member that is one, as name ("" for the value) and table."""
    if is_tabular(value):
        return "", value
    if not isinstance(value, dict):
        return None
    tables = [(str(name), member) for name, member in value.items() if is_tabular(member)]
    return max(tables, key=lambda one: len(one[1]) if isinstance(one[1], list) else 0, default=None)


def csv_of(value: Json) -> str:
    """A tabular value as complete CSV: texts unchanged, null as an empty cell, nested values as JSON.

    The columns are all members in order of first appearance, or numbers for an array of arrays.
    """
    items = value if isinstance(value, list) else []
    records = [item if isinstance(item, dict) else {} for item in items]
    columns = list(dict.fromkeys(key for record in records for key in record))
    if columns:
        rows = ([_cell(record.get(key)) for key in columns] for record in records)
        return rows_to_csv(columns, rows)
    lists = [item if isinstance(item, list) else [] for item in items]
    width = max(map(len, lists), default=0)
    rows_of_cells = ([_cell(cell) for cell in islice((*cells, *[None] * width), width)] for cells in lists)
    return rows_to_csv([str(at) for at in range(1, width + 1)], rows_of_cells)


def _cell(value: Json) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else dump(value)
