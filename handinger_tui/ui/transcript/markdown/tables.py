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
from handinger_tui.ui.transcript.painting import longest_unit, width_of, wrapped
from handinger_tui.ui.transcript.row import BOLD, EMPTY, Row, joined, styled

if TYPE_CHECKING:
    from markdown_it.token import Token

SAMPLE: Final = 60
NARROWEST: Final = 4
"""Minimum width of a column in cells."""
UNBROKEN: Final = 12
"""Cells up to which words of the body are not broken either."""
BETWEEN: Final = styled(" │ ", "rule")
CONTINUED: Final = styled(" ┆ ", "rule")
"""Between the cells of a line that continues the row above."""

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
    """Choose the column widths for a view of `width` cells.

    No word of the head and no short word of the sample is broken; without room for that the table becomes
    records.
    """
    room = width - 3 * (len(head) - 1)
    columns = [[row[at].plain for row in (head, *sample[:SAMPLE])] for at in range(len(head))]
    natural = [max(1, *(width_of(line) for cell in cells for line in cell.split("\n"))) for cells in columns]
    if sum(natural) <= room:
        return TableLayout(tuple(head), tuple(aligns), tuple(natural))
    least = [
        max(min(NARROWEST, most), longest_unit(cells[0]), min(UNBROKEN, max(map(longest_unit, cells))))
        for most, cells in zip(natural, columns, strict=True)
    ]
    widths = _fit_widths(natural, least, room) if sum(least) <= room else ()
    return TableLayout(tuple(head), tuple(aligns), tuple(widths))


def _fit_widths(natural: Sequence[int], least: Sequence[int], room: int) -> list[int]:
    """Shrink the widest columns until the sum fits, none below its least width."""
    widths = list(least)
    remaining = room - sum(widths)
    # Those with the smallest need first: what they do not use is left to the others.
    by_need = sorted(range(len(natural)), key=lambda at: natural[at] - least[at])
    for place, at in enumerate(by_need):
        extra = min(natural[at] - least[at], remaining // (len(natural) - place))
        widths[at] += extra
        remaining -= extra
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
    rows: list[Row] = []
    for line in zip_longest(*columns, fillvalue=EMPTY):
        padded = [_pad(*each) for each in zip(line, shape.widths, shape.aligns, strict=True)]
        content = (CONTINUED if rows else BETWEEN).join(padded)
        rows.append(Row(content, style, wrap=False, wide=True))
    return rows


def _pad(cell: Content, width: int, align: Align) -> Content:
    room = max(0, width - width_of(cell.plain))
    before = {"left": 0, "center": room // 2, "right": room}[align]
    return cell.pad(before, room - before) if room else cell
