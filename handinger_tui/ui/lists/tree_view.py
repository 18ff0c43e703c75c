"""Tree view: a JSON value as lines that open. Children are made when their parent is opened, by pages."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from textual import events, work
from textual.binding import BindingType
from textual.content import Content

from handinger_tui.core.preview.tree import PAGE, Node, NodeKind, children, json_text
from handinger_tui.core.safety.cleaning import clean
from handinger_tui.ui.background import run_in_thread
from handinger_tui.ui.keys import Where, bindings
from handinger_tui.ui.lists.virtual_list import VirtualList, copy_from

_STYLES: Final = {
    NodeKind.STRING: ".lines--string",
    NodeKind.NUMBER: ".lines--number",
    NodeKind.BOOLEAN: ".lines--number",
    NodeKind.NULL: ".lines--faint",
    NodeKind.OBJECT: ".lines--faint",
    NodeKind.ARRAY: ".lines--faint",
}
_DEEPEST: Final = 12
"""Levels that are indented; how deep a line below them lies is told as a number."""
_PEEK: Final = 8
"""Members of something closed that are told in its line."""
_LONGEST: Final = 2000
"""Characters of `whole`."""


@dataclass(slots=True, eq=False)
class _Line:
    """A node; with `start` > 0: "so many more" of the node's children, from that one on."""

    node: Node
    depth: int
    parent: _Line | None
    open: bool = False
    start: int = 0


class TreeView(VirtualList):
    """Lines of a tree; its root is open."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Where.TREE)

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name for it
        super().__init__(id=id)
        self._lines: list[_Line] = []

    def show(self, root: Node) -> None:
        """Another tree."""
        self._lines = [_Line(root, 0, None)]
        self._open(0)
        self.move_to(0)

    @property
    def count(self) -> int:
        """Lines of everything that is open."""
        return len(self._lines)

    @property
    def current(self) -> Node | None:
        """The node under the cursor."""
        return self._lines[self.cursor].node if self._lines else None

    @property
    def path(self) -> str:
        """Where the cursor stands: `$.items[3].name`; clean."""
        at: _Line | None = self._lines[self.cursor] if self._lines else None
        steps: list[str] = []
        while at is not None and at.parent is not None:
            steps.append(_step(at.parent.node, at.node.key))
            at = at.parent
        return "$" + "".join(reversed(steps))

    @property
    def whole(self) -> str:
        """The path, and a text or number as long as it is."""
        node = self.current
        if node is None:
            return ""
        value = clean(node.value[:_LONGEST]) if isinstance(node.value, str) else node.text
        return f"{self.path}: {value}"

    # -- drawing -----------------------------------------------------------------------
    def row_line(self, row: int, width: int) -> Content:
        """Pointer, indentation, arrow, key, value."""
        line, here = self._lines[row], row == self.cursor
        node, depth = line.node, line.depth
        lead = "  " * min(depth, _DEEPEST) + (f"{depth}› " if depth > _DEEPEST else "")
        lead = f"{'›' if here else ' '}{lead}"
        if line.start:
            left = node.children - line.start
            content = Content.assemble(lead, (f"  … {left:,} more: Enter shows them", ".lines--mark"))
        else:
            arrow = ("▾ " if line.open else "▸ ") if node.children else "  "
            key = f"{node.key}: " if line.parent is not None else ""
            again = "  (this key again)" if node.duplicate else ""
            content = Content.assemble(
                lead,
                (arrow, ".lines--faint"),
                (key, ".lines--key"),
                (_shown(node), _STYLES[node.kind]),
                (_inside(line, width), ".lines--faint"),
                (again, ".lines--mark"),
            )
        # One colour on the cursor's own ground: faint text would not stand out from it.
        return Content(content.plain) if here else content

    # -- opening -----------------------------------------------------------------------
    def _open(self, at: int) -> None:
        """Show the children of line `at`, or the next page of them."""
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
        self.measured()

    def _close(self, at: int) -> None:
        line, end = self._lines[at], at + 1
        while end < len(self._lines) and self._lines[end].depth > line.depth:
            end += 1
        del self._lines[at + 1 : end]
        line.open = False
        self.measured()

    def action_unfold(self) -> None:
        """Open what is closed, close what is open."""
        if not self._lines:
            return
        line = self._lines[self.cursor]
        if line.start or (line.node.children and not line.open):
            self._open(self.cursor)
        elif line.open:
            self._close(self.cursor)
        self.move_to(self.cursor)

    def action_right(self) -> None:
        """Open; from what is open, to the first child."""
        if not self._lines:
            return
        if self._lines[self.cursor].open:
            self.move_to(self.cursor + 1)
        else:
            self.action_unfold()

    def action_left(self) -> None:
        """Close; from what is closed, to the parent."""
        if not self._lines:
            return
        line = self._lines[self.cursor]
        if line.open:
            self.action_unfold()
        elif line.parent is not None:
            self.move_to(next(at for at in range(self.cursor, -1, -1) if self._lines[at] is line.parent))

    def on_click(self, event: events.Click) -> None:
        """A click moves the cursor; on the line of the cursor it opens or closes."""
        row = self.line_at(event)
        if row is None:
            return
        if row == self.cursor:
            self.action_unfold()
        else:
            self.move_to(row)

    def action_copy(self) -> None:
        """A text as it is, everything else as JSON."""
        if self.current is not None:
            self._copy(self.current.value)

    @work(group="copy", exclusive=True)
    async def _copy(self, value: Any) -> None:
        # A whole document takes long to be written.
        text = value if isinstance(value, str) else await run_in_thread(lambda: json_text(value))
        copy_from(self, clean(text), "the value")


def _shown(node: Node) -> str:
    return json.dumps(node.text, ensure_ascii=False) if node.kind is NodeKind.STRING else node.text


def _inside(line: _Line, width: int) -> str:
    """The first members of what is closed, so that items of a list can be told apart."""
    if line.open or not line.node.children:
        return ""
    named = line.node.kind is NodeKind.OBJECT
    first = children(line.node, 0, min(_PEEK, max(1, width // 12)))
    told = ", ".join(f"{child.key}: {_shown(child)}" if named else _shown(child) for child in first)
    return f"  {told}{', …' if len(first) < line.node.children else ''}"


def _step(parent: Node, key: str) -> str:
    if parent.kind is NodeKind.ARRAY:
        return f"[{key}]"
    return f".{key}" if key.isidentifier() else f"[{json.dumps(key, ensure_ascii=False)}]"
