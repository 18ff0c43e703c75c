"""JSON in and out: total (only ValueError), exact numbers, bounded depth."""

from __future__ import annotations

import json
from decimal import Decimal, InvalidOperation
from math import isfinite
from typing import Final

Json = None | bool | int | float | Decimal | str | list["Json"] | dict[str, "Json"]

MAX_DIGITS: Final = 4000
"""Python refuses longer integers by itself; this is below that limit."""

MAX_DEPTH: Final = 200
"""Deeper documents are refused, so that writing and walking them never recurses too far."""
_LONG: Final = 10_000


class NotJson(ValueError):
    """The text is no JSON document that we can hold."""


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
# json.loads would build such a decoder anew for every document, which costs more than a delta's parsing.


def parse(text: str) -> Json:
    """Read JSON as a JavaScript client would (numbers as floats).

    Raises:
        NotJson: for anything that is not a JSON document, is nested too deep,
            or holds numbers beyond reason.
    """
    return _load(text, _PLAIN)


def parse_exact(text: str) -> Json:
    """Read JSON with every fraction as Decimal, so that money stays exact.

    Raises:
        NotJson: as `parse`.
    """
    return _load(text, _EXACT)


def parsed_input(text: str) -> Json:
    """What a JSON text says; the text itself when it is no JSON (tool input)."""
    try:
        return parse(text)
    except NotJson:
        return text


def _load(text: str, decoder: json.JSONDecoder) -> Json:
    try:
        value = _whole(text, decoder)
    except (ValueError, RecursionError) as problem:
        raise NotJson(str(problem)[:200]) from None
    # To count in a long text takes longer than to walk through what it says.
    nested = len(text) > _LONG or text.count("[") + text.count("{") > MAX_DEPTH
    if nested and _depth(value) > MAX_DEPTH:
        raise NotJson(f"nested deeper than {MAX_DEPTH}")
    return value


def _whole(text: str, decoder: json.JSONDecoder) -> Json:
    """What `decode` makes of `text`, in two thirds of the time where no space stands around it."""
    value: Json
    try:
        value, end = decoder.raw_decode(text)
    except ValueError:
        end = -1
    if end != len(text):
        value = decoder.decode(text)
    return value


def _depth(value: Json) -> int:
    # Asked of every long document; the decoder makes plain dicts and lists alone.
    depth, level = 0, [value]
    while level:
        depth += 1
        level = [
            item
            for box in level
            if type(box) is dict or type(box) is list
            for item in (box.values() if type(box) is dict else box)
        ]
    return depth


def as_object(value: Json) -> dict[str, Json]:
    """`value` when it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def as_list(value: Json) -> list[Json]:
    """`value` when it is an array, else an empty one."""
    return value if isinstance(value, list) else []


def as_text(value: Json) -> str | None:
    """`value` when it is a string, else None."""
    return value if isinstance(value, str) else None


def dump(value: object) -> str:
    """Write JSON in one line of ASCII, Decimals as plain number text.

    ASCII only: no control or direction character of the content can reach a
    terminal, and lone surrogates stay escapes. NaN and infinity become null.

    Raises:
        TypeError: for a value that JSON has no form for.
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
