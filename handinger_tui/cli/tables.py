"""Tables as text, for the width of the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from handinger_tui.cli.output import PIPED, output_width
from handinger_tui.core.columns import Column as ListColumn
from handinger_tui.core.columns import Row, cells_of, text_lines

if TYPE_CHECKING:
    from collections.abc import Sequence

GAP: Final = "  "


class Column:
    """A column of texts. The column with the highest `spare` is dropped first; 0 is never dropped."""

    def __init__(self, head: str, cells: Sequence[str], *, align_left: bool = False, spare: int = 0) -> None:
        self.align_left = align_left
        self.spare = spare
        self.texts = (head, *cells)
        self.width = max(map(cells_of, self.texts))
        """Width of its widest text in cells."""

    def padded(self) -> list[str]:
        """Return all texts, padded to the width of the column."""
        return [pad(text, self.width, align_left=self.align_left) for text in self.texts]


def lines_of(columns: Sequence[Column]) -> list[str]:
    """Return the header and the rows as padded lines."""
    return list(map(GAP.join, zip(*(column.padded() for column in columns), strict=True)))


def fit_columns(columns: Sequence[Column], width: int) -> list[Column]:
    """Return the columns that fit into `width` cells, dropping the most spare ones first."""
    fitting = list(columns)
    while sum(column.width for column in fitting) + len(GAP) * (len(fitting) - 1) > width:
        candidate = max(fitting, key=lambda column: column.spare)
        if not candidate.spare:
            break
        fitting.remove(candidate)
    return fitting


def list_text(columns: Sequence[ListColumn], rows: Sequence[Row], empty: str) -> str:
    """Return a list as text in the width of the terminal; without rows, what stands in their place.

    Ids are always shown: the next command needs one.
    """
    columns = [replace(column, rank=0) if column.ids else column for column in columns]
    return "\n".join(text_lines(columns, rows, output_width(PIPED))) if rows else empty


def pad(text: str, width: int, *, align_left: bool = True) -> str:
    """Pad `text` to `width` cells, aligned left or right."""
    blank = " " * (width - cells_of(text))
    return text + blank if align_left else blank + text
