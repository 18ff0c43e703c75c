"""JSON text in which a Decimal stays the number it is.

The standard encoder knows only binary floats for fractions, and 0.1 + 0.2 is not a price.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal


def number_text(value: Decimal) -> str:
    """Return the shortest plain decimal text, without exponent: `0.00125`, `3`, `0`."""
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return text or "0"


def dumps(value: object) -> str:
    """Encode to compact JSON with raw non-ASCII text; Decimal becomes a plain number.

    Raises:
        TypeError: for a value JSON has no word for.
    """
    if isinstance(value, Decimal):
        return number_text(value)
    if isinstance(value, Mapping):
        return (
            "{"
            + ",".join(
                f"{json.dumps(str(key), ensure_ascii=False)}:{dumps(item)}" for key, item in value.items()
            )
            + "}"
        )
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return "[" + ",".join(dumps(item) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False)
