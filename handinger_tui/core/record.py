"""`dataclass`, made for less: comparing, hashing and showing are shared code, not compiled for each class.

Python's own compiles six functions for every frozen class: for the hundred of the first frame that took
half of the time of our imports. To type checkers, `fields`, `replace` and `match` there is no difference.
"""

from __future__ import annotations

from dataclasses import fields
from operator import attrgetter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataclasses import dataclass
else:
    from dataclasses import dataclass as _dataclass

    def dataclass(cls=None, /, *, frozen=False, slots=False):
        """As Python's own, with the two options that are used here."""

        def made(cls):
            own = set(cls.__dict__)
            if cls.__dict__.get("__hash__") is None and "__eq__" in own:
                # Python's doing, wherever a class says what is equal and no more.
                own.discard("__hash__")
            built = _dataclass(cls, repr=False, eq=False, frozen=frozen, slots=slots)
            for name, method in _methods(fields(built), frozen=frozen).items():
                if name not in own:
                    setattr(built, name, method)
            return built

        return made if cls is None else made(cls)

    def _methods(members, *, frozen):
        shown = [member.name for member in members if member.repr]
        compared = [member.name for member in members if member.compare]
        # Of one name alone attrgetter gives no tuple, and of none nothing at all.
        values = attrgetter(*compared, *compared[:1]) if compared else lambda _self: ()

        def equal(self, other):
            return values(self) == values(other) if other.__class__ is self.__class__ else NotImplemented

        def hashed(self):
            return hash(values(self))

        def told(self):
            members = ", ".join(f"{name}={getattr(self, name)!r}" for name in shown)
            return f"{self.__class__.__qualname__}({members})"

        return {"__eq__": equal, "__hash__": hashed if frozen else None, "__repr__": told}


__all__ = ["dataclass"]
