"""Lists as text, for the width of the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from handinger_tui.cli.output import PIPED, output_width
from handinger_tui.core.columns import Column, Row, text_lines


def list_text(columns: Sequence[Column], rows: Sequence[Row], empty: str) -> str:
    """Return a list as text in the width of the terminal; without rows, what stands in their place.

    Ids are always shown: the next command needs one.
    """
    columns = [replace(column, rank=0) if column.ids else column for column in columns]
    return "\n".join(text_lines(columns, rows, output_width(PIPED))) if rows else empty
