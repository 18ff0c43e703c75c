"""Replacing: `replace` as Python's own, for less. A turn is changed a dozen times in its life."""

from __future__ import annotations

from dataclasses import fields
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataclasses import replace
else:
    from dataclasses import replace as _replace

    _sizes = {}

    def replace(one, /, **changes):
        """One with other members. What is no more than a dict is copied: 2 µs for a turn instead of 15.

        Raises:
            TypeError: there is no such member.
            ValueError: it is a member that cannot be chosen.
        """
        kind = one.__class__
        size = _sizes.get(kind)
        if size is None:
            size = _sizes[kind] = _size(kind)
        if not size:
            return _replace(one, **changes)
        made = object.__new__(kind)
        values = made.__dict__
        values.update(one.__dict__, **changes)
        if len(values) != size:
            raise TypeError(f"{kind.__qualname__} has no {' or '.join(changes.keys() - one.__dict__.keys())}")
        return made

    def _size(kind):
        """How many members make up all of one of a kind, in its dict; 0: there is more to making one."""
        own = [vars(base) for base in kind.__mro__[:-1]]
        if any(names.get("__slots__") for names in own) or not kind.__dictoffset__:
            return 0
        keeps = any(isinstance(value, cached_property) for names in own for value in names.values())
        if keeps or hasattr(kind, "__post_init__"):
            return 0
        members = fields(kind)
        return len(members) if all(member.init for member in members) else 0


__all__ = ["replace"]
