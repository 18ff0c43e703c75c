"""Markdown tables: columns that fit the width, wrapped cells, and records if there are too many columns.

Column widths depend only on the head and the first `SAMPLE` rows, so that the rows of a long table
never change while more of them arrive.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, Final, Literal

from msgspec import Struct
from textual.content import Content

from handinger_tui.ui.transcript.markdown.inline import References, inline
from handinger_tui.ui.transcript.painting import width_of, wrapped
from handinger_tui.ui.transcript.row import BOLD, EMPTY, Row, joined, styled

if TYPE_CHECKING:
    from markdown_it.token import Token

SAMPLE: Final = 60
NARROWEST: Final = 4
"""Minimum width of a column in cells. A table whose columns do not fit becomes records."""
BETWEEN: Final = styled(" │ ", "rule")

Align = Literal["left", "center", "right"]
Cells = Sequence[Content]


class TableLayout(Struct, frozen=True):
    """The layout of a table: its head, and the alignment and width of each column.

    `widths` is empty when the table is shown as records.
    """

    head: tuple[Content, ...]
    aligns: tuple[Align, ...]
    widths: tuple[int, ...]


class GridLine(Struct, frozen=True):
    """One row of a table; `at` is its line number in the source."""

    cells: list[Content]
    aligns: list[Align]
    at: int


def table_lines(block: list[Token], references: References) -> list[GridLine]:
    """Return the rows of a table, its head first."""
    grid: list[GridLine] = []
    for token in block:
        if token.type == "tr_open":
            grid.append(GridLine([], [], token.map[0] if token.map else 0))
        elif token.type in ("th_open", "td_open"):
            style = str(token.attrs.get("style", ""))
            grid[-1].aligns.append(
                "right" if style.endswith("right") else "center" if style.endswith("center") else "left"
            )
        elif token.type == "inline":
            grid[-1].cells.append(inline(token.content, references))
    return grid


def table_layout_of(head: Cells, aligns: Sequence[Align], sample: Sequence[Cells], width: int) -> TableLayout:
    """Choose the column widths for a view of `width` cells."""
    columns = len(head)
    room = width - 3 * (columns - 1)
    if room < NARROWEST * columns:
        return TableLayout(tuple(head), tuple(aligns), ())
    natural = [
        max(1, *(width_of(line) for row in (head, *sample[:SAMPLE]) for line in row[at].plain.split("\n")))
        for at in range(columns)
    ]
    return TableLayout(tuple(head), tuple(aligns), tuple(_fit_widths(natural, room)))


def _fit_widths(natural: list[int], room: int) -> list[int]:
    """Shrink the widest columns until the sum fits; narrow columns keep their natural width."""
    if sum(natural) <= room:
        return natural
    remaining, widths = room, [0] * len(natural)
    for place, at in enumerate(sorted(range(len(natural)), key=natural.__getitem__)):
        widths[at] = min(natural[at], max(NARROWEST, remaining // (len(natural) - place)))
        remaining -= widths[at]
    return widths


def head_rows(shape: TableLayout) -> list[Row]:
    """Return the head and the rule under it; nothing for records, which repeat the column names."""
    if not shape.widths:
        return []
    bold = [cell.stylize(BOLD) for cell in shape.head]
    rule = styled("─┼─".join("─" * width for width in shape.widths), "rule")
    return [
        *_grid_rows(shape, bold, style="table-head"),
        Row(rule, wrap=False, wide=True),
    ]


def body_rows(shape: TableLayout, cells: Cells, *, first: bool) -> list[Row]:
    """Return one row of the table. The `first` record has no empty line before it."""
    if shape.widths:
        return _grid_rows(shape, cells)
    rows = [] if first else [Row()]
    for name, cell in zip(shape.head, cells, strict=True):
        label = joined((name.stylize(BOLD), Content(": "))) if name.plain else EMPTY
        rows.append(Row(cell, first=label, hanging=Content("  ")))
    return rows


def _grid_rows(shape: TableLayout, cells: Cells, style: str = "text") -> list[Row]:
    columns = [wrapped(cell, width) for cell, width in zip(cells, shape.widths, strict=True)]
    rows = []
    for line in zip_longest(*columns, fillvalue=EMPTY):
        padded = [_pad(*each) for each in zip(line, shape.widths, shape.aligns, strict=True)]
        content = BETWEEN.join(padded)
        rows.append(Row(content, style, wrap=False, wide=True))
    return rows


def _pad(cell: Content, width: int, align: Align) -> Content:
    room = max(0, width - width_of(cell.plain))
    before = {"left": 0, "center": room // 2, "right": room}[align]
    return cell.pad(before, room - before) if room else cell
