"""The text of the config file: where a setting stands, and the text with another value of one.

Comments and order stay. The statements are found by the parser of Python itself: a statement ends at the
first line with which it can be parsed.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

from msgspec import Struct

Path = tuple[str, ...]
_MOST_LINES: Final = 1_000
"""Of one statement. The time to find its end grows with their square."""


class Statement(Struct, frozen=True):
    """A line that sets a value, or the head of a table. Lines count from 0; `end` is behind the last."""

    path: Path
    start: int
    end: int
    is_head: bool = False


def _lines(text: str) -> list[str]:
    """The lines of TOML, which end only in line feeds."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def statements(text: str) -> Iterator[Statement]:
    """All statements of a valid text; they end at one that is too long."""
    lines = _lines(text)
    table: Path = ()
    start = 0
    while start < len(lines):
        stripped = lines[start].strip()
        if not stripped or stripped.startswith("#"):
            start += 1
            continue
        end, parsed = _end_of(lines, start)
        if parsed is None:
            return
        is_head = stripped.startswith("[")
        path = (() if is_head else table) + _path_in(parsed)
        table = path if is_head else table
        yield Statement(path, start, end, is_head)
        start = end


def _end_of(lines: list[str], start: int) -> tuple[int, dict[str, Any] | None]:
    for end in range(start + 1, min(len(lines), start + _MOST_LINES) + 1):
        try:
            return end, tomllib.loads("".join(lines[start:end]))
        except ValueError:
            continue
    return start, None


def _path_in(parsed: Any) -> Path:
    """The names that lead to the one value of a statement, or to its table."""
    path: list[str] = []
    while isinstance(parsed, dict) and len(parsed) == 1:
        ((name, parsed),) = parsed.items()
        path.append(name)
    return tuple(path)


def line_of(text: str, path: Path) -> int | None:
    """The line of a setting, or of a table, from 1 on; None where it stands in none of its own."""
    for one in statements(text):
        shared = len(path) if one.is_head else min(len(path), len(one.path))
        if one.path[:shared] == path[:shared]:
            return one.start + 1
    return None


def toml_value(value: Any) -> str:
    """A value as TOML: text, a number, a list of texts."""
    if isinstance(value, str):
        # JSON escapes as TOML does, but for the last control character.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return format(value, "f")
    return f"[{', '.join(map(toml_value, value))}]" if isinstance(value, list) else str(value)


_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else toml_value(name)


def with_value(text: str, path: Path, value: Any) -> str:
    """The text with another value of a setting; None removes it.

    Raises:
        ValueError: the text has a form in which that cannot be done without touching more than this value.
    """
    lines = _lines(text)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    all_lines = list(statements(text))
    here = next((one for one in all_lines if one.path == path and not one.is_head), None)
    if here is not None:
        lines[here.start : here.end] = [] if value is None else [_replaced(lines, here, value)]
    elif value is not None:
        at, head = _place(lines, all_lines, path)
        lines[at:at] = [*head, f"{_key(path[-1])} = {toml_value(value)}\n"]
    changed = "".join(lines)
    if tomllib.loads(changed, parse_float=Decimal) != _expected(text, path, value):
        raise ValueError("this value cannot be changed alone")
    return changed


def _replaced(lines: list[str], one: Statement, value: Any) -> str:
    """The line of a setting with another value: its name stays as it is written, and its comment."""
    line = "".join(lines[one.start : one.end])
    equals = (at for at, char in enumerate(line) if char == "=")
    name = next(line[:at] for at in equals if _parses(f"{line[:at]}= 0"))
    comment = ""
    if one.end == one.start + 1:
        parsed = tomllib.loads(line)
        marks = (at for at, char in enumerate(line) if char == "#" and at > len(name))
        comment = next((line[at:].rstrip("\n") for at in marks if _parses(line[:at], parsed)), "")
    return f"{name.rstrip()} = {toml_value(value)}{f'  {comment}' if comment else ''}\n"


def _parses(line: str, to: dict[str, Any] | None = None) -> bool:
    try:
        parsed = tomllib.loads(line)
    except ValueError:
        return False
    return to is None or parsed == to


def _place(lines: list[str], all_lines: list[Statement], path: Path) -> tuple[int, list[str]]:
    """Where a new setting is written, and the head of its table if there is none yet."""
    table = path[:-1]
    heads = [one for one in all_lines if one.is_head]
    head = next((one for one in heads if one.path == table), None)
    if table and head is None:
        gap = ["\n"] if lines else []
        return len(lines), [*gap, f"[{'.'.join(map(_key, table))}]\n"]
    first = 0 if head is None else head.end
    last = next((one.start for one in heads if one.start >= first and one is not head), len(lines))
    # Below the line that shows it as a comment, else behind the last setting of the table.
    sample = re.compile(rf"\s*#\s*{re.escape(_key(path[-1]))}\s*=")
    shown = [at for at in range(first, last) if sample.match(lines[at])]
    inside = [one.end for one in all_lines if first <= one.start < last]
    return (shown[0] + 1 if shown else max(inside, default=first)), []


def _expected(text: str, path: Path, value: Any) -> dict[str, Any]:
    config = tomllib.loads(text, parse_float=Decimal)
    inner = config
    for name in path[:-1]:
        inner = inner.setdefault(name, {}) if value is not None else inner.get(name, {})
    if value is None:
        inner.pop(path[-1], None)
    else:
        inner[path[-1]] = value
    return config
