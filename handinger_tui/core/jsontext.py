"""JSON parsing and writing with exact numbers and bounded depth; parsing raises only `NotJson`."""

from __future__ import annotations

import json
import re
from decimal import Decimal, InvalidOperation
from math import isfinite
from typing import Any, Final

Json = None | bool | int | float | Decimal | str | list["Json"] | dict[str, "Json"]
JsonObject = dict[str, Json]

MAX_DIGITS: Final = 4000
"""Digits of an integer that is read. Python's own limit is slightly higher."""

MAX_DEPTH: Final = 200
"""Deeper documents are refused, so that writing and walking them cannot exceed the recursion limit."""
_LONG: Final = 10_000
"""Characters above which counting brackets costs more than walking the parsed value."""


class NotJson(ValueError):
    """The text is not a JSON document within our limits."""


def _integer(text: str) -> int | Decimal:
    return int(text) if len(text) <= MAX_DIGITS else Decimal("NaN")


def _exact(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        return Decimal("NaN")


def _constant(_name: str) -> None:
    """NaN and Infinity are not JSON; read them as not reported."""
    return


_PLAIN: Final = json.JSONDecoder(parse_int=_integer, parse_constant=_constant)
_EXACT: Final = json.JSONDecoder(parse_float=_exact, parse_int=_integer, parse_constant=_constant)
# Built once: json.loads would build such a decoder for every document, which costs more than parsing a delta.


def parse(text: str, deepest: int = MAX_DEPTH) -> Json:
    """Read JSON as a JavaScript client does (fractions as floats).

    Raises:
        NotJson: for anything that is not a JSON document, is nested too deep,
            or holds numbers beyond reason.
    """
    return _load(text, _PLAIN, deepest)


def parse_exact(text: str) -> Json:
    """Read JSON with every fraction as Decimal, so that money stays exact. Raises NotJson: as `parse`."""
    return _load(text, _EXACT, MAX_DEPTH)


def parsed_input(text: str) -> Json:
    """The value of a tool input's JSON text; the text itself when it is not JSON."""
    try:
        return parse(text)
    except NotJson:
        return text


def _load(text: str, decoder: json.JSONDecoder, deepest: int) -> Json:
    try:
        value = _decode(text, decoder)
    except (ValueError, RecursionError) as problem:
        raise NotJson(str(problem)[:200]) from None
    # In a long text, counting brackets takes longer than walking the parsed value.
    may_be_deep = len(text) > _LONG or text.count("[") + text.count("{") > deepest
    if may_be_deep and _depth(value) > deepest:
        raise NotJson(f"nested deeper than {deepest}")
    return value


def _decode(text: str, decoder: json.JSONDecoder) -> Json:
    """`decoder.decode(text)`, with a fast path for a text without surrounding white space."""
    value: Json
    try:
        value, end = decoder.raw_decode(text)
    except ValueError:
        end = -1
    if end != len(text):
        value = decoder.decode(text)
    return value


def _depth(value: Json) -> int:
    # Runs for every long document, so it tests exact types: the decoder makes only plain dicts and lists.
    depth, level = 0, [value]
    while level:
        depth += 1
        level = [
            item
            for container in level
            if type(container) is dict or type(container) is list
            for item in (container.values() if type(container) is dict else container)
        ]
    return depth


def as_object(value: Json) -> dict[str, Json]:
    """`value` if it is an object, else an empty object."""
    return value if isinstance(value, dict) else {}


def as_list(value: Json) -> list[Json]:
    """`value` if it is an array, else an empty array."""
    return value if isinstance(value, list) else []


def as_text(value: Json) -> str | None:
    """`value` if it is a string, else None."""
    return value if isinstance(value, str) else None


def dump(value: object) -> str:
    """Write JSON in one line of ASCII, with Decimals as plain numbers.

    ASCII only: no control or direction character of the content can reach a
    terminal, and lone surrogates stay escapes. NaN and infinity become null.

    Raises:
        TypeError: for a value that JSON cannot represent.
    """
    if isinstance(value, Decimal):
        return format(value, "f") if value.is_finite() and abs(value.adjusted()) < MAX_DIGITS else "null"
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(str(key))}:{dump(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(dump(item) for item in value) + "]"
    if isinstance(value, float) and not isfinite(value):
        return "null"
    return json.dumps(value, ensure_ascii=True)


_BEFORE_MEMBER: Final = re.compile(r'\s*[{,]\s*(?=")')
_COLON: Final = re.compile(r"\s*:\s*")


def member_of_cut(text: str, name: str) -> str | None:
    """A text member of the object in a JSON text whose end may be missing; None where it is not there."""
    at = 0
    while (start := _BEFORE_MEMBER.match(text, at)) is not None:
        try:
            key, at = _PLAIN.raw_decode(text, start.end())
            colon = _COLON.match(text, at)
            value, at = _PLAIN.raw_decode(text, at if colon is None else colon.end())
        except (ValueError, RecursionError):
            return None
        if key == name:
            return as_text(value)
    return None


class Number(str):
    """A number in its original notation."""

    __slots__ = ()


class Members(list[tuple[str, Any]]):
    """The members of an object in which keys are repeated."""


def json_text(value: Any) -> str:
    """A JSON value as indented ASCII text for a file; a `Number` keeps its notation.

    Raises:
        TypeError: the value cannot be written as JSON.
    """
    return _indented(value, "\n") + "\n"


def _indented(value: Any, margin: str) -> str:
    inner = margin + "  "
    if isinstance(value, dict | Members) and value:
        members = value.items() if isinstance(value, dict) else value
        lines = (f"{json.dumps(str(key))}: {_indented(item, inner)}" for key, item in members)
        return "{" + inner + f",{inner}".join(lines) + margin + "}"
    if isinstance(value, list | tuple) and value:
        return "[" + inner + f",{inner}".join(_indented(item, inner) for item in value) + margin + "]"
    return value if isinstance(value, Number) else dump(value)
