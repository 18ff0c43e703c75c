"""Swap: a value with some members changed, for values that change with every piece of text."""

from __future__ import annotations

from typing import Any, TypeVar

Value = TypeVar("Value")


def swap(value: Value, **changes: Any) -> Value:
    """As `dataclasses.replace`, for a frozen dataclass without slots and without `__post_init__`.

    Measured on a Turn of 29 members: 1 µs instead of 14, which was half the cost of a piece of text.
    Names are not checked: give members only.
    """
    made = object.__new__(type(value))
    made.__dict__.update(value.__dict__, **changes)
    return made
