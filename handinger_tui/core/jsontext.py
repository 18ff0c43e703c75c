"""Parsing and writing of JSON, with exact numbers and limited depth. Parsing raises only `NotJson`."""

from __future__ import annotations

import json
import re
from decimal import Decimal, InvalidOperation
from math import isfinite
from typing import Any, Final

Json = None | bool | int | float | Decimal | str | list["Json"] | dict[str, "Json"]
JsonObject = dict[str, Json]

MAX_DIGITS: Final = 4000
"""An integer with more digits is read as NaN. The limit of Python is slightly higher."""

MAX_DEPTH: Final = 200
"""Deeper documents are rejected, so that walking them cannot exceed the recursion limit."""
_LONG: Final = 10_000
"""In a text with more characters, counting brackets takes longer than measuring the parsed value."""


class NotJson(ValueError):
    """The text is not JSON, or exceeds our limits."""


def _integer(text: str) -> int | Decimal:
    return int(text) if len(text) <= MAX_DIGITS else Decimal("NaN")


def _exact(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        return Decimal("NaN")


def _constant(_name: str) -> None:
    """NaN and Infinity are not JSON; they are read as null."""
    return


# json.loads would build such a decoder for each document, which takes longer than parsing a delta.
_PLAIN: Final = json.JSONDecoder(parse_int=_integer, parse_constant=_constant)
_EXACT: Final = json.JSONDecoder(parse_float=_exact, parse_int=_integer, parse_constant=_constant)


def parse(text: str, max_depth: int = MAX_DEPTH) -> Json:
    """Parse JSON; fractions become floats.

    Raises:
        NotJson: not JSON, or nested too deep.
    """
    return _load(text, _PLAIN, max_depth)


def parse_exact(text: str) -> Json:
    """Parse JSON; fractions become Decimals, so that money stays exact. Raises NotJson, see `parse`."""
    return _load(text, _EXACT, MAX_DEPTH)


def parsed_input(text: str) -> Json:
    """The value of the JSON text of a tool input; the text itself if it is not JSON."""
    try:
        return parse(text)
    except NotJson:
        return text


def _load(text: str, decoder: json.JSONDecoder, max_depth: int) -> Json:
    try:
        value = _decode(text, decoder)
    except (ValueError, RecursionError) as problem:
        raise NotJson(str(problem)[:200]) from None
    may_be_deep = len(text) > _LONG or text.count("[") + text.count("{") > max_depth
    if may_be_deep and _depth(value) > max_depth:
        raise NotJson(f"nested deeper than {max_depth}")
    return value


def _decode(text: str, decoder: json.JSONDecoder) -> Json:
    """`decoder.decode(text)`, with a fast path for text without surrounding white space."""
    value: Json
    try:
        value, end = decoder.raw_decode(text)
    except ValueError:
        end = -1
    if end != len(text):
        value = decoder.decode(text)
    return value


def _depth(value: Json) -> int:
    # `type` is faster than isinstance; the decoder creates only plain dicts and lists.
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


def object_at(value: Json, name: str) -> dict[str, Json]:
    """A member of `value` that is an object, else an empty object."""
    return as_object(as_object(value).get(name))


def list_at(value: Json, name: str) -> list[Json]:
    """A member of `value` that is an array, else an empty array."""
    return as_list(as_object(value).get(name))


def text_at(value: Json, name: str) -> str | None:
    """A member of `value` that is a string, else None."""
    return as_text(as_object(value).get(name))


def string_at(value: Json, name: str) -> str:
    """A member of `value` that is a string, else ""."""
    return text_at(value, name) or ""


def dump(value: object) -> str:
    """Write JSON in one line of ASCII: Decimals as plain numbers, NaN and infinity as null.

    In ASCII no control or direction character can reach a terminal, and lone surrogates stay escapes.

    Raises:
        TypeError: JSON cannot represent the value.
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
    """A string member of the object in a JSON text whose end may be missing; None if it cannot be read."""
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


def json_text(value: Any) -> str:
    """A JSON value as indented ASCII text for a file; a `Number` keeps its notation.

    Raises:
        TypeError: JSON cannot represent the value.
    """
    return _indented(value, "\n") + "\n"


def _indented(value: Any, margin: str) -> str:
    inner = margin + "  "
    if isinstance(value, dict) and value:
        lines = (f"{json.dumps(str(key))}: {_indented(item, inner)}" for key, item in value.items())
        return "{" + inner + f",{inner}".join(lines) + margin + "}"
    if isinstance(value, list | tuple) and value:
        return "[" + inner + f",{inner}".join(_indented(item, inner) for item in value) + margin + "]"
    return value if isinstance(value, Number) else dump(value)
