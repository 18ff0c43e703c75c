"""Tree view: a JSON value as expandable lines. Opening a node creates its children, one page at a time."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from textual import events, work
from textual.binding import BindingType
from textual.content import Content

from handinger_tui.core.preview.tree import PAGE, Node, NodeKind, children, json_text
from handinger_tui.core.safety import clean
from handinger_tui.ui.background import run_in_thread
from handinger_tui.ui.keys import Where, bindings
from handinger_tui.ui.lists.virtual_list import ListRows, VirtualList, copy_from

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
            again = "  (duplicate key)" if node.duplicate else ""
            content = Content.assemble(
                lead,
                (arrow, ".lines--faint"),
                (key, ".lines--key"),
                (_value_text(node), _STYLES[node.kind]),
                (_members_preview(line, width), ".lines--faint"),
                (again, ".lines--mark"),
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
    BINDINGS: ClassVar[list[BindingType]] = bindings(Where.LINES, Where.TREE)

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
        if row is None:
            return
        if row == self.cursor:
            self.action_unfold()
        else:
            self.move_to(row)

    def action_copy(self) -> None:
        """Copy a text unchanged, any other value as JSON."""
        if self.current is not None:
            self._copy(self.current.value)

    @work(group="copy", exclusive=True)
    async def _copy(self, value: Any) -> None:
        # Serializing a complete document may take long.
        text = value if isinstance(value, str) else await run_in_thread(lambda: json_text(value))
        copy_from(self, clean(text), "the value")


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
