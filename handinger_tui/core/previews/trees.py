"""JSON documents as trees, whose nodes are created on demand. They keep the notation of numbers."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from itertools import islice
from typing import Any, Final

from handinger_tui.core.formatting import plural
from handinger_tui.core.jsontext import MAX_DEPTH, Number, dump
from handinger_tui.core.previews.files import decode
from handinger_tui.core.safety import clean_line

MAX_JSON_BYTES: Final = 16 << 20
PAGE: Final = 1000
"""How many children are created at once."""
PAUSE: Final = 2000
"""How many numbers and objects are parsed between two pauses."""
_SHORT: Final = 200
_NEST: Final = re.compile(r'"(?:[^"\\]|\\.)*+"?|([\[{])|([\]}])', re.DOTALL)


class NodeKind(StrEnum):
    """The type of a JSON value."""

    OBJECT = "object"
    ARRAY = "array"
    STRING = "string"
    NUMBER = "number"
    BOOLEAN = "boolean"
    NULL = "null"


@dataclass(frozen=True, slots=True)
class Node:
    """One line of a tree. `key`: the name of a member, or the position in an array, as one clean line.

    `text`: the shortened and cleaned value; `children`: their number.
    """

    key: str
    kind: NodeKind
    text: str
    children: int = 0
    value: Any = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class TreeModel:
    """A document. `root`: None if it cannot be shown as a tree; then `notes` say why."""

    root: Node | None
    notes: tuple[str, ...] = ()


def tree_of_json(data: bytes, *, pause: Callable[[], None] = lambda: None) -> TreeModel:
    """The tree of a document; for one that is too large, too deep or invalid, a note instead of a root.

    `pause` is called every `PAUSE` values, so that a thread lets others run. Only its exceptions are raised.
    """
    if len(data) > MAX_JSON_BYTES:
        return TreeModel(None, (f"larger than {MAX_JSON_BYTES >> 20} MiB, shown as text",))
    decoded = decode(data)
    text = decoded.text
    if text.count("[") + text.count("{") > MAX_DEPTH and _depth(text) > MAX_DEPTH:
        return TreeModel(None, (f"nested deeper than {MAX_DEPTH} levels, shown as text",))
    parser = _Parser(pause)
    try:
        value = parser.parse(text)
    except (ValueError, RecursionError) as problem:
        return TreeModel(None, (f"not valid JSON: {clean_line(str(problem), 120)}",))
    notes = [decoded.note] if decoded.note else []
    notes += ["NaN and Infinity are not valid JSON; shown as written"] if parser.constants else []
    return TreeModel(_node("", value), tuple(notes))


def tree_of_value(value: Any) -> TreeModel:
    """The tree of a parsed JSON value (structured output, a data part, the input of a tool)."""
    return TreeModel(_node("", value))


def children(node: Node, start: int = 0, limit: int = PAGE) -> list[Node]:
    """At most `limit` children of a node, from position `start` on."""
    value = node.value
    if isinstance(value, dict):
        return [_node(str(key), item) for key, item in islice(value.items(), start, start + limit)]
    if isinstance(value, list | tuple):
        page = value[start : start + limit]
        return [_node(str(at), item) for at, item in enumerate(page, start)]
    return []


class _Parser:
    """Parses one document, and counts invalid constants."""

    def __init__(self, pause: Callable[[], None]) -> None:
        self.constants = 0
        self._pause = pause
        self._count = 0
        self.parse = json.JSONDecoder(
            parse_float=self._number,
            parse_int=self._number,
            parse_constant=self._constant,
            object_hook=self._object,
        ).decode

    def _count_value(self) -> None:
        self._count += 1
        if self._count % PAUSE == 0:
            self._pause()

    def _number(self, text: str) -> Number:
        # A Python function instead of the class lets the interpreter switch threads.
        self._count_value()
        return Number(text)

    def _constant(self, name: str) -> Number:
        self.constants += 1
        return Number(name)

    def _object(self, members: dict[str, Any]) -> dict[str, Any]:
        self._count_value()
        return members


def _depth(text: str) -> int:
    """The nesting depth of brackets outside of strings, computed without recursion."""
    depth = deepest = 0
    for match in _NEST.finditer(text):
        if match.lastindex == 1:
            depth += 1
            deepest = max(deepest, depth)
            if deepest > MAX_DEPTH:
                break
        elif match.lastindex == 2:
            depth -= 1
    return deepest


def _node(key: str, value: Any) -> Node:
    kind, text, count = _describe(value)
    return Node(clean_line(key, _SHORT), kind, text, count, value)


def _describe(value: Any) -> tuple[NodeKind, str, int]:
    """Kind, short text and number of children of a value."""
    count = len(value) if isinstance(value, dict | list | tuple) else 0
    if isinstance(value, dict):
        return NodeKind.OBJECT, f"{{}} {plural(count, 'member')}", count
    if isinstance(value, list | tuple):
        return NodeKind.ARRAY, f"[] {plural(count, 'item')}", count
    if isinstance(value, Number):
        return NodeKind.NUMBER, clean_line(value, _SHORT), 0
    if isinstance(value, str):
        return NodeKind.STRING, clean_line(value, _SHORT), 0
    if value is None or isinstance(value, bool):
        return (NodeKind.NULL if value is None else NodeKind.BOOLEAN), dump(value), 0
    number = format(value, "f") if isinstance(value, Decimal) and abs(value.adjusted()) < 50 else str(value)
    return NodeKind.NUMBER, clean_line(number, _SHORT), 0
