"""Tables for the tests of previews."""

from __future__ import annotations

from collections.abc import Iterable

from handinger_tui.core.previews.tables import TableModel, TableReader, numeric_columns


def read_table(data: bytes, delimiter: str | None = None, *, complete: bool = True) -> TableModel:
    """Read a table in all its steps."""
    reader = TableReader(data, delimiter, complete=complete)
    while reader.step():
        pass
    return reader.model()


def table_of_rows(header: Iterable[str], rows: Iterable[Iterable[str]]) -> TableModel:
    """A table of cleaned cells."""
    head, body = tuple(header), [tuple(row) for row in rows]
    ragged = sum(len(row) != len(head) for row in body)
    return TableModel(head, body, len(body), True, len(head), ragged, numeric_columns(body, len(head)))
