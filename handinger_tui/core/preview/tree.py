"""Trees: a JSON document as nodes that are made when somebody looks at them.

Numbers are kept as they were written, and members that share a key are all
kept and marked: both are lost by an ordinary parser.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from itertools import islice
from typing import Any, Final

from handinger_tui.core.jsontext import MAX_DEPTH, dump
from handinger_tui.core.preview.text import decode
from handinger_tui.core.safety.cleaning import clean_line

MAX_BYTES: Final = 16 << 20
PAGE: Final = 1000
"""Children that are made at once."""
PAUSE: Final = 2000
"""Numbers and objects between two pauses."""
_SHORT: Final = 200
_NEST: Final = re.compile(r'"(?:[^"\\]|\\.)*+"?|([\[{])|([\]}])', re.DOTALL)


class NodeKind(StrEnum):
    """What a value is."""

    OBJECT = "object"
    ARRAY = "array"
    STRING = "string"
    NUMBER = "number"
    BOOLEAN = "boolean"
    NULL = "null"


class Number(str):
    """A number as it was written."""

    __slots__ = ()


class Members(list[tuple[str, Any]]):
    """The members of an object in which some keys stand twice."""


@dataclass(frozen=True, slots=True)
class Node:
    """One line of a tree. `key` is clean and in one line: a member's name, or the position in an array.

    `text` is what it holds, short and clean; `duplicate`: a member before it has the same key.
    """

    key: str
    kind: NodeKind
    text: str
    children: int = 0
    duplicate: bool = False
    value: Any = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class TreeModel:
    """`root` is None when the text is no JSON that can be shown; then `notes` say why."""

    root: Node | None
    duplicates: int = 0
    notes: tuple[str, ...] = ()


def tree_of_json(data: bytes, *, whole: bool = True, pause: Callable[[], None] = lambda: None) -> TreeModel:
    """The tree of a document. Too large, too deep and broken ones have no root but a note.

    `pause` is called now and then, so that a thread lets others work; only what it raises is raised.
    """
    if not whole or len(data) > MAX_BYTES:
        return TreeModel(None, notes=(f"larger than {MAX_BYTES >> 20} MiB: shown as text",))
    decoded = decode(data)
    text = decoded.text
    if text.count("[") + text.count("{") > MAX_DEPTH and _depth(text) > MAX_DEPTH:
        return TreeModel(None, notes=(f"nested deeper than {MAX_DEPTH} levels: shown as text",))
    reading = _Reading(pause)
    try:
        value = reading.parse(text)
    except (ValueError, RecursionError) as problem:
        return TreeModel(None, notes=(f"no valid JSON: {clean_line(str(problem), 120)}",))
    notes = [decoded.note] if decoded.note else []
    notes += [f"{reading.duplicates:,} members repeat a key"] if reading.duplicates else []
    notes += ["NaN and Infinity are no JSON; shown as written"] if reading.constants else []
    return TreeModel(_node("", value), reading.duplicates, tuple(notes))


def tree_of_value(value: Any) -> TreeModel:
    """The tree of a JSON value that was read already: structured output, a data part, a tool's input."""
    return TreeModel(_node("", value))


def children(node: Node, start: int = 0, limit: int = PAGE) -> list[Node]:
    """The children of a node from `start` on, at most `limit`."""
    value = node.value
    if isinstance(value, Members):
        seen: set[str] = set()
        marked = []
        for key, item in islice(value, start + limit):
            marked.append((key, item, key in seen))
            seen.add(key)
        return [_node(key, item, again) for key, item, again in marked[start:]]
    if isinstance(value, dict):
        return [_node(str(key), item) for key, item in islice(value.items(), start, start + limit)]
    if isinstance(value, list | tuple):
        page = value[start : start + limit]
        return [_node(str(at), item) for at, item in enumerate(page, start)]
    return []


def json_text(value: Any) -> str:
    """A JSON value over several lines, numbers as they are held, ASCII only: to be saved.

    Raises:
        TypeError: for a value that JSON has no form for.
    """
    return _written(value, "\n") + "\n"


def _written(value: Any, margin: str) -> str:
    inner = margin + "  "
    if isinstance(value, dict | Members) and value:
        members = value.items() if isinstance(value, dict) else value
        lines = (f"{json.dumps(str(key))}: {_written(item, inner)}" for key, item in members)
        return "{" + inner + f",{inner}".join(lines) + margin + "}"
    if isinstance(value, list | tuple) and value:
        return "[" + inner + f",{inner}".join(_written(item, inner) for item in value) + margin + "]"
    return value if isinstance(value, Number) else dump(value)


class _Reading:
    """One document: its decoder, and what it met."""

    def __init__(self, pause: Callable[[], None]) -> None:
        self.duplicates = self.constants = 0
        self._pause = pause
        self._met = 0
        self.parse = json.JSONDecoder(
            parse_float=self._number,
            parse_int=self._number,
            parse_constant=self._constant,
            object_pairs_hook=self._members,
        ).decode

    def _breathe(self) -> None:
        self._met += 1
        if self._met % PAUSE == 0:
            self._pause()

    def _number(self, text: str) -> Number:
        # A function of Python, not the class: where one begins, the interpreter lets other threads in.
        self._breathe()
        return Number(text)

    def _constant(self, name: str) -> Number:
        self.constants += 1
        return Number(name)

    def _members(self, pairs: list[tuple[str, Any]]) -> dict[str, Any] | Members:
        self._breathe()
        plain = dict(pairs)
        if len(plain) == len(pairs):
            return plain
        self.duplicates += len(pairs) - len(plain)
        return Members(pairs)


def _depth(text: str) -> int:
    """How deep brackets nest outside strings; found without nesting ourselves."""
    depth = deepest = 0
    for found in _NEST.finditer(text):
        if found.lastindex == 1:
            depth += 1
            deepest = max(deepest, depth)
            if deepest > MAX_DEPTH:
                break
        elif found.lastindex == 2:
            depth -= 1
    return deepest


def _node(key: str, value: Any, duplicate: bool = False) -> Node:
    kind, text, count = _seen(value)
    return Node(clean_line(key, _SHORT), kind, text, count, duplicate, value)


def _seen(value: Any) -> tuple[NodeKind, str, int]:
    """Kind, short text, children."""
    count = len(value) if isinstance(value, dict | list | tuple) else 0
    if isinstance(value, dict | Members):
        return NodeKind.OBJECT, f"{{}} {count:,} {'member' if count == 1 else 'members'}", count
    if isinstance(value, list | tuple):
        return NodeKind.ARRAY, f"[] {count:,} {'item' if count == 1 else 'items'}", count
    if isinstance(value, Number):
        return NodeKind.NUMBER, clean_line(value, _SHORT), 0
    if isinstance(value, str):
        return NodeKind.STRING, clean_line(value, _SHORT), 0
    if value is None or isinstance(value, bool):
        return (NodeKind.NULL if value is None else NodeKind.BOOLEAN), dump(value), 0
    number = format(value, "f") if isinstance(value, Decimal) and abs(value.adjusted()) < 50 else str(value)
    return NodeKind.NUMBER, clean_line(number, _SHORT), 0
