"""A table and a tree of any size, for the data page and the preview.

Only the visible cells of a table are drawn; opening a node of a tree creates its children, a page at a time.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from rich.cells import cell_len, set_cell_size
from textual import events, work
from textual.content import Content

from handinger_tui.core.jsontext import json_text
from handinger_tui.core.previews.tables import TableModel
from handinger_tui.core.previews.trees import PAGE, Node, NodeKind, children
from handinger_tui.core.safety import clean
from handinger_tui.ui.background import run_in_thread
from handinger_tui.ui.keys import Where, bindings
from handinger_tui.ui.widgets.virtual_list import ListRows, VirtualList, copy_from

# -- the table -----------------------------------------------------------------------------------
WIDEST: Final = 36
"""Maximum width of a column in cells; `full_text` has longer texts uncut."""
_SAMPLE: Final = 300
"""Number of rows at each end of the table that decide the column widths."""
_GAP: Final = 2
_MIN_PARTIAL_WIDTH: Final = 5
"""Minimum width in cells for a partly visible column."""
_MAX_READ: Final = 200
"""Maximum number of characters read from a cell for drawing."""
_EMPTY_TABLE: Final = TableModel((), [], 0, True, 0)


class TableRows(ListRows):
    """The rows of a table under the names of its columns, with a cursor on one column."""

    head_height = 1

    def __init__(self, table: TableModel = _EMPTY_TABLE) -> None:
        self.table = table
        self.column = 0
        """The column of the cursor."""
        self._widths = _column_widths(table)
        self._first = 0
        """The first visible column."""

    @property
    def count(self) -> int:
        """The number of rows of the table."""
        return len(self.table.rows)

    def cell(self, at: int) -> str:
        """The complete text of row `at` in the column of the cursor."""
        row = self.table.rows[at] if self.count else ()
        return row[self.column] if self.column < len(row) else ""

    def full_text(self, at: int) -> str:
        """The column name and the complete text of the cell."""
        if not self.count or not self.table.header:
            return ""
        return f"{self.table.header[self.column] or self.column + 1}: {self.cell(at)}"

    def to_column(self, column: int, width: int) -> None:
        """Move the cursor to the nearest column; where possible all of it is visible in `width` cells."""
        self.column = max(0, min(column, len(self._widths) - 1))
        self._first = min(self._first, self.column)
        room = width - self._gutter
        while (
            self._first < self.column
            and sum(cells + _GAP for cells in self._widths[self._first : self.column + 1]) - _GAP > room
        ):
            self._first += 1

    def column_at(self, x: int, width: int) -> int | None:
        """The visible column at cell `x`; None right of the last one."""
        remaining = x - self._gutter
        for at, cells in self._visible_columns(width):
            remaining -= cells + _GAP
            if remaining < 0:
                return at
        return None

    @property
    def _gutter(self) -> int:
        """Width in cells of the pointer and the row numbers."""
        return len(f"{len(self.table.rows)}") + 1 + _GAP

    def head_line(self, width: int) -> Content:
        """The names of the visible columns."""
        pieces: list[tuple[str, str]] = [(" " * (self._gutter - _GAP), ".lines--head")]
        for at, cells in self._visible_columns(width):
            style = ".lines--here" if at == self.column else ".lines--head"
            pieces += [(" " * _GAP, ""), (self._aligned(self.table.header[at], at, cells), style)]
        return Content.assemble(*pieces)

    def line(self, at: int, row: int, width: int, *, here: bool) -> Content:
        """The row number in the file and the visible cells."""
        texts = self.table.rows[at]
        number = f"{at + 1:>{self._gutter - 1 - _GAP}}"
        pieces: list[tuple[str, str]] = [(number, "" if here else ".lines--faint")]
        for column, cells in self._visible_columns(width + 1):
            text = texts[column] if column < len(texts) else ""
            style = ".lines--cell" if here and column == self.column else ""
            pieces += [(" " * _GAP, ""), (self._aligned(text, column, cells), style)]
        return Content.assemble(*pieces)

    def _visible_columns(self, width: int) -> list[tuple[int, int]]:
        """(column, width in cells) of each visible column; the last one may be partly visible."""
        room, columns = width - self._gutter, []
        for at in range(self._first, len(self._widths)):
            cells = min(room, self._widths[at])
            if cells < min(self._widths[at], _MIN_PARTIAL_WIDTH):
                break
            columns.append((at, cells))
            room -= cells + _GAP
        return columns

    def _aligned(self, text: str, at: int, cells: int) -> str:
        text = _cut(text, cells)
        numeric = at < len(self.table.numeric) and self.table.numeric[at]
        return " " * (cells - cell_len(text)) + text if numeric else set_cell_size(text, cells)


class TableView(VirtualList[TableRows]):
    """A table with a cursor on one cell."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"lines--faint", "lines--head", "lines--here", "lines--cell"}
    BINDINGS = bindings(Where.LINES, Where.TABLE)

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(TableRows(), id=id, classes="cursor-lines")

    def show(self, table: TableModel) -> None:
        self.rows = TableRows(table)
        self.move_to(0)

    @property
    def cell(self) -> str:
        """The text under the cursor."""
        return self.rows.cell(self.cursor)

    def action_column(self, by: int) -> None:
        """Move the cursor by `by` columns."""
        self.to_column(self.rows.column + by)

    def to_column(self, column: int) -> None:
        """Move the cursor to the nearest column and scroll it into sight."""
        self.rows.to_column(column, self.scrollable_content_region.width)
        self.update()
        self.post_message(self.Moved(self))

    def on_click(self, event: events.Click) -> None:
        """Move the cursor to a clicked cell."""
        row, offset = self.item_at(event), event.get_content_offset(self)
        if offset is None or row is None:
            return
        column = self.rows.column_at(offset.x, self.scrollable_content_region.width)
        if column is not None:
            self.to_column(column)
        self.move_to(row)

    def action_copy(self) -> None:
        """Copy the complete cell."""
        copy_from(self, self.cell, "the cell")


def _column_widths(table: TableModel) -> list[int]:
    """The width of each column, from its name and the rows at both ends."""
    sample = table.rows[:_SAMPLE] + table.rows[_SAMPLE:][-_SAMPLE:]
    widths = [min(WIDEST, cell_len(name[:_MAX_READ])) for name in table.header]
    for row in sample:
        for at, cell in enumerate(row[: len(widths)]):
            if len(cell) > widths[at] or not cell.isascii():
                widths[at] = max(widths[at], min(WIDEST, cell_len(cell[:_MAX_READ])))
    return widths


def _cut(text: str, width: int) -> str:
    """Cut text to one line of at most `width` cells."""
    line = text[:_MAX_READ].replace("\n", "⏎").replace("\t", " ")
    if cell_len(line) <= width and len(text) <= _MAX_READ:
        return line
    return set_cell_size(line, max(0, width - 1)).rstrip() + "…"


# -- the tree ------------------------------------------------------------------------------------
_STYLES: Final = {
    NodeKind.STRING: ".lines--string",
    NodeKind.NUMBER: ".lines--number",
    NodeKind.BOOLEAN: ".lines--number",
    NodeKind.NULL: ".lines--faint",
    NodeKind.OBJECT: ".lines--faint",
    NodeKind.ARRAY: ".lines--faint",
}
_DEEPEST: Final = 12
"""Maximum number of indented levels; deeper lines show their depth as a number."""
_PEEK: Final = 8
"""Maximum number of members shown in the line of a closed node."""
_LONGEST: Final = 2000
"""Maximum length of `full_text` in characters."""


@dataclass(slots=True, eq=False)
class _Line:
    """The line of a node; with `start` > 0 the "more" line for the children of `node` from `start` on."""

    node: Node
    depth: int
    parent: _Line | None
    open: bool = False
    start: int = 0


class TreeRows(ListRows):
    """The lines of the open nodes of a tree; its root starts open."""

    def __init__(self, root: Node | None = None) -> None:
        self._lines: list[_Line] = []
        if root is not None:
            self._lines = [_Line(root, 0, None)]
            self._open(0)

    @property
    def count(self) -> int:
        """The number of lines of all open nodes."""
        return len(self._lines)

    def node(self, at: int) -> Node:
        """The node of line `at`."""
        return self._lines[at].node

    def path(self, at: int) -> str:
        """The clean path of the node of line `at`, such as `$.items[3].name`."""
        line: _Line | None = self._lines[at]
        steps: list[str] = []
        while line is not None and line.parent is not None:
            steps.append(_path_step(line.parent.node, line.node.key))
            line = line.parent
        return "$" + "".join(reversed(steps))

    def full_text(self, at: int) -> str:
        """The path and the value, a text up to `_LONGEST` characters."""
        if not self.count:
            return ""
        node = self.node(at)
        value = clean(node.value[:_LONGEST]) if isinstance(node.value, str) else node.text
        return f"{self.path(at)}: {value}"

    def line(self, at: int, row: int, width: int, *, here: bool) -> Content:
        """Indentation, arrow, key and value."""
        line = self._lines[at]
        node, depth = line.node, line.depth
        lead = "  " * min(depth, _DEEPEST) + (f"{depth}› " if depth > _DEEPEST else "")
        if line.start:
            remaining = node.children - line.start
            content = Content.assemble(lead, (f"  … {remaining:,} more, Enter to show", ".lines--mark"))
        else:
            arrow = ("▾ " if line.open else "▸ ") if node.children else "  "
            key = f"{node.key}: " if line.parent is not None else ""
            content = Content.assemble(
                lead,
                (arrow, ".lines--faint"),
                (key, ".lines--key"),
                (_value_text(node), _STYLES[node.kind]),
                (_members_preview(line, width), ".lines--faint"),
            )
        return Content(content.plain) if here else content

    def is_open(self, at: int) -> bool:
        """Whether the children of the node of line `at` are shown."""
        return self._lines[at].open

    def parent_of(self, at: int) -> int | None:
        """The line of the parent node; None for the root."""
        parent = self._lines[at].parent
        return None if parent is None else next(y for y in range(at, -1, -1) if self._lines[y] is parent)

    def toggle(self, at: int) -> None:
        """Open or close the node of line `at`, or replace a "more" line by the next page of children."""
        line = self._lines[at]
        if line.start or (line.node.children and not line.open):
            self._open(at)
        elif line.open:
            self._close(at)

    def _open(self, at: int) -> None:
        line = self._lines[at]
        node, start = line.node, line.start
        parent = line.parent if start else line
        depth = line.depth if start else line.depth + 1
        page = [_Line(child, depth, parent) for child in children(node, start, PAGE)]
        if start + PAGE < node.children:
            page.append(_Line(node, depth, parent, start=start + PAGE))
        if start:
            self._lines[at : at + 1] = page
        else:
            line.open = True
            self._lines[at + 1 : at + 1] = page

    def _close(self, at: int) -> None:
        line, end = self._lines[at], at + 1
        while end < len(self._lines) and self._lines[end].depth > line.depth:
            end += 1
        del self._lines[at + 1 : end]
        line.open = False


class TreeView(VirtualList[TreeRows]):
    """A tree with a cursor on one line."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "lines--faint",
        "lines--key",
        "lines--string",
        "lines--number",
        "lines--mark",
    }
    BINDINGS = bindings(Where.LINES, Where.TREE)

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(TreeRows(), id=id, classes="cursor-lines")

    def show(self, root: Node) -> None:
        """Show another tree; its root is opened."""
        self.rows = TreeRows(root)
        self.move_to(0)

    @property
    def current(self) -> Node | None:
        """The node under the cursor."""
        return self.rows.node(self.cursor) if self.rows.count else None

    @property
    def path(self) -> str:
        """The clean path of the node under the cursor."""
        return self.rows.path(self.cursor) if self.rows.count else "$"

    def action_unfold(self) -> None:
        """Open or close the node under the cursor, or load a "more" line."""
        if self.rows.count:
            self.rows.toggle(self.cursor)
            self.move_to(self.cursor)

    def action_right(self) -> None:
        """Open the node, or move from an open node to its first child."""
        if self.rows.count and self.rows.is_open(self.cursor):
            self.move_to(self.cursor + 1)
        else:
            self.action_unfold()

    def action_left(self) -> None:
        """Close the node, or move from a closed node to its parent."""
        if not self.rows.count:
            return
        if self.rows.is_open(self.cursor):
            self.action_unfold()
        elif (parent := self.rows.parent_of(self.cursor)) is not None:
            self.move_to(parent)

    def on_click(self, event: events.Click) -> None:
        """Move the cursor to the clicked line, or open or close the line at the cursor."""
        row = self.item_at(event)
        if row == self.cursor:
            self.action_unfold()
        elif row is not None:
            self.move_to(row)

    def action_copy(self) -> None:
        """Copy a text unchanged, any other value as JSON."""
        if self.current is not None:
            self._copy(self.current.value)

    @work(group="copy", exclusive=True)
    async def _copy(self, value: Any) -> None:
        # Serializing a complete document may take long.
        text = value if isinstance(value, str) else await run_in_thread(lambda: json_text(value))
        copy_from(self, text, "the value")


def _value_text(node: Node) -> str:
    return json.dumps(node.text, ensure_ascii=False) if node.kind is NodeKind.STRING else node.text


def _members_preview(line: _Line, width: int) -> str:
    """The first members of a closed node, so that items of a list can be distinguished."""
    if line.open or not line.node.children:
        return ""
    named = line.node.kind is NodeKind.OBJECT
    first = children(line.node, 0, min(_PEEK, max(1, width // 12)))
    texts = (f"{child.key}: {_value_text(child)}" if named else _value_text(child) for child in first)
    preview = ", ".join(texts)
    return f"  {preview}{', …' if len(first) < line.node.children else ''}"


def _path_step(parent: Node, key: str) -> str:
    if parent.kind is NodeKind.ARRAY:
        return f"[{key}]"
    return f".{key}" if key.isidentifier() else f"[{json.dumps(key, ensure_ascii=False)}]"
