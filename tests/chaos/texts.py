"""Texts of a scenario: placeholders filled, and JSON that no JSON library would write."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from email.utils import formatdate
from typing import Any

Filler = Callable[[str], str]

_PLACE = re.compile(r"\{\{(\w+)([+-]\d+)?\}\}")
_RAW = {
    "NaN": "NaN",
    "Inf": "Infinity",
    "-Inf": "-Infinity",
    "1e400": "1e400",
    "2e70": str(2**70),
    "int64+1": str(2**63),
    "digits5000": "9" * 5000,
    "deep": "[" * 100_000 + "]" * 100_000,
}
_RAW_MARK = re.compile(r'"__([\w+-]+?)__"')


def filler(values: Mapping[str, str]) -> Filler:
    """A function that fills `{{name}}` from `values`, and `{{date+30}}` with an HTTP date."""

    def filled(match: re.Match[str]) -> str:
        name, shift = match.groups()
        if name == "date":
            return formatdate(time.time() + float(shift or 0), usegmt=True)
        return values.get(name, match.group())

    return lambda text: _PLACE.sub(filled, text)


def filled(value: Any, fill: Filler) -> Any:
    """`value` with every text in it filled."""
    if isinstance(value, str):
        return fill(value)
    if isinstance(value, list):
        return [filled(item, fill) for item in value]
    if isinstance(value, dict):
        return {fill(key): filled(item, fill) for key, item in value.items()}
    return value


def json_text(value: Any, fill: Filler) -> str:
    """JSON in plain UTF-8, with the marked numbers and half surrogates inserted unchanged."""
    value = filled(value, fill)
    text = json.dumps(value, ensure_ascii=False)
    if not _encodable(text):
        text = json.dumps(value)
    text = _RAW_MARK.sub(lambda match: _RAW.get(match.group(1), match.group()), text)
    return text.replace("__surrogate__", "\\ud83d")


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
