"""Records: a JSON array of objects, or of arrays, as a table; for files and structured output alike."""

from __future__ import annotations

from typing import Any, Final

from handinger_tui.core.preview.table import TableModel, numeric_columns
from handinger_tui.core.preview.tree import Members, Number, json_text
from handinger_tui.core.safety import clean_line

KEEP_ROWS: Final = 100_000
KEEP_COLUMNS: Final = 200
_CELL: Final = 500


def table_of_value(value: Any) -> TableModel | None:
    """The table that a JSON value is, None when it is none.

    Columns are all keys in order of first appearance. A member that is missing
    leaves its cell empty; one that is null says so. Take `TreeModel.root.value`
    for a document.
    """
    if not isinstance(value, list) or isinstance(value, Members) or not value:
        return None
    kept = value[:KEEP_ROWS]
    if all(isinstance(item, dict | Members) for item in kept):
        return _of_objects(kept, len(value))
    if all(isinstance(item, list) for item in kept) and any(kept):
        return _of_arrays(kept, len(value))
    return None


def _of_objects(items: list[Any], total: int) -> TableModel | None:
    records = [dict(item) for item in items]
    columns = list(dict.fromkeys(key for record in records for key in record))
    if not columns:
        return None
    kept = columns[:KEEP_COLUMNS]
    rows = [tuple(_cell(record[key]) if key in record else "" for key in kept) for record in records]
    ragged = sum(len(record) != len(columns) for record in records)
    repeated = sum(isinstance(item, Members) for item in items)
    notes = (f"{repeated:,} rows repeat a key; the last one is shown",) if repeated else ()
    header = tuple(clean_line(str(key), _CELL) for key in kept)
    return TableModel(
        header, rows, total, True, len(columns), ragged, numeric_columns(rows, len(kept)), notes
    )


def _of_arrays(items: list[Any], total: int) -> TableModel:
    width = max(map(len, items))
    kept = min(width, KEEP_COLUMNS)
    rows = [tuple(map(_cell, item[:kept])) for item in items]
    ragged = sum(len(item) != width for item in items)
    header = tuple(str(at) for at in range(1, kept + 1))
    return TableModel(header, rows, total, True, width, ragged, numeric_columns(rows, kept))


def _cell(value: Any) -> str:
    if isinstance(value, Number):
        return clean_line(value, _CELL)
    if isinstance(value, str):
        return value if value.isalnum() and len(value) <= _CELL else clean_line(value, _CELL)
    return clean_line(json_text(value), _CELL)
