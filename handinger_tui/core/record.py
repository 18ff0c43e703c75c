"""`dataclass`, made for less: nothing is compiled or looked up before one of a class is made, or asked about.

Python's own takes 0.7 ms for every class: for the hundred of the first frame, of which a few are made
in it, that was a third of all our imports. Comparing, hashing, showing and refusing changes are shared code
here. To type checkers, `fields`, `replace` and `match` there is no difference.
"""

from __future__ import annotations

from dataclasses import MISSING, Field, FrozenInstanceError, field, fields, replace
from operator import attrgetter, ge, gt, le, lt
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataclasses import dataclass
else:
    from dataclasses import dataclass as _dataclass

    def dataclass(cls=None, /, *, frozen=False, slots=False, order=False):
        """As Python's own, with the options that are used here; members have no `kw_only`."""

        def made(cls):
            own = set(cls.__dict__)
            if cls.__dict__.get("__hash__") is None and "__eq__" in own:
                # Python's doing, wherever a class says what is equal and no more.
                own.discard("__hash__")
            told = _Told(cls)
            members = told.members
            built = _with_slots(cls, members) if slots else cls
            methods = _values(members, frozen=frozen, order=order) | {
                "__init__": _made_later(built, members, frozen=frozen)
            }
            if frozen:
                methods |= _kept(built, [member.name for member in members], slots=slots)
            methods["__match_args__"] = tuple(member.name for member in members if member.init)
            methods["__replace__"] = replace
            for name, method in methods.items():
                if name not in own:
                    setattr(built, name, method)
            built.__dataclass_fields__ = told.of(built)
            return built

        return made if cls is None else made(cls)

    class _Told:
        """Stands for `__dataclass_fields__` of a class until somebody asks: then Python finds them."""

        def __init__(self, cls):
            self._module, self._types, self._said = cls.__module__, {}, {}
            for base in cls.__mro__[-1:0:-1]:
                for member in fields(base) if "__dataclass_fields__" in vars(base) else ():
                    self._types[member.name], self._said[member.name] = member.type, member
            for name, told in cls.__annotations__.items():
                if not str(told).removeprefix("typing.").startswith("ClassVar"):
                    self._types[name] = told
                    if name in vars(cls):
                        self._said[name] = vars(cls)[name]
            self.members = [self._member(cls, name) for name in self._types]

        def _member(self, cls, name):
            said = self._said.get(name, MISSING)
            if not isinstance(said, Field):
                if said.__class__.__hash__ is None:
                    raise ValueError(
                        f"{name} would be one and the same {said!r} for all: use default_factory"
                    )
                said = field() if said is MISSING else field(default=said)
                said.name = name
            elif name in vars(cls):
                said.name = name
                if said.default is MISSING:
                    delattr(cls, name)
                else:
                    setattr(cls, name, said.default)
            return said

        def of(self, built):
            self._owner = built
            return self

        def __get__(self, _one, _cls):
            # Threads may ask at once: both find the same, and it does not matter who is last.
            asked = type(
                "Asked", (), {"__module__": self._module, "__annotations__": self._types, **self._said}
            )
            found = _dataclass(asked, init=False, repr=False, eq=False).__dataclass_fields__
            self._owner.__dataclass_fields__ = found
            return found

    def _with_slots(cls, members):
        names = [member.name for member in members]
        inherited = {name for base in cls.__mro__[1:-1] for name in vars(base).get("__slots__", ())}
        said = {
            name: value
            for name, value in vars(cls).items()
            if name not in names and name not in {"__dict__", "__weakref__"}
        }
        said["__slots__"] = tuple(name for name in names if name not in inherited)
        said["__qualname__"] = cls.__qualname__
        return type(cls)(cls.__name__, cls.__bases__, said)

    def _values(members, *, frozen, order):
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

        def ordered(compare):
            def method(self, other):
                same = other.__class__ is self.__class__
                return compare(values(self), values(other)) if same else NotImplemented

            return method

        orders = {f"__{compare.__name__}__": ordered(compare) for compare in (lt, le, gt, ge) if order}
        return {"__eq__": equal, "__hash__": hashed if frozen else None, "__repr__": told, **orders}

    def _kept(built, names, *, slots):
        def changed(self, name, value):
            if type(self) is built or name in names:
                raise FrozenInstanceError(f"cannot assign to field {name!r}")
            super(built, self).__setattr__(name, value)

        def deleted(self, name):
            if type(self) is built or name in names:
                raise FrozenInstanceError(f"cannot delete field {name!r}")
            super(built, self).__delattr__(name)

        def packed(self):
            return [getattr(self, name) for name in names]

        def unpacked(self, state):
            for name, value in zip(names, state, strict=True):
                object.__setattr__(self, name, value)

        methods = {"__setattr__": changed, "__delattr__": deleted}
        return methods | ({"__getstate__": packed, "__setstate__": unpacked} if slots else {})

    FEW = 4
    """So many of a class are made member by member: for few, compiling would be ten times the work."""

    def _made_later(built, members, *, frozen):
        made = []

        def first(self, /, *values, **named):
            made.append(None)
            if len(made) > FEW or not _filled(self, members, values, named):
                # From now on its own, which is as fast as Python's, and as strict.
                built.__init__ = _compiled(built, members, frozen=frozen)
                built.__init__(self, *values, **named)

        return first

    def _filled(self, members, values, named):
        names = [member.name for member in members if member.init]
        given = dict(zip(names, values, strict=False))
        if len(values) > len(names) or not given.keys().isdisjoint(named) or not named.keys() <= set(names):
            return False
        given |= named
        for member in members:
            if member.name in given:
                value = given[member.name]
            elif member.default_factory is not MISSING:
                value = member.default_factory()
            elif member.default is not MISSING:
                value = member.default
            elif member.init:
                return False
            else:
                continue
            object.__setattr__(self, member.name, value)
        if hasattr(self, "__post_init__"):
            self.__post_init__()
        return True

    def _compiled(built, members, *, frozen):
        known, taken, lines = {"_set": object.__setattr__, "_missing": MISSING}, [], ["pass"]
        for member in members:
            name, value = member.name, member.name
            if member.default_factory is not MISSING:
                known[f"_of_{name}"], known[f"_make_{name}"] = MISSING, member.default_factory
                value = (
                    f"_make_{name}() if {name} is _missing else {name}" if member.init else f"_make_{name}()"
                )
            elif member.default is not MISSING:
                known[f"_of_{name}"] = member.default
                value = name if member.init else f"_of_{name}"
            elif not member.init:
                continue
            if member.init:
                taken.append(f"{name}=_of_{name}" if f"_of_{name}" in known else name)
            lines.append(f"_set(self, {name!r}, {value})" if frozen else f"self.{name} = {value}")
        if hasattr(built, "__post_init__"):
            lines.append("self.__post_init__()")
        source = f"def __init__({', '.join(['self', *taken])}):\n " + "\n ".join(lines)
        exec(source, known)  # noqa: S102 - made of the names of members, as Python's own
        known["__init__"].__qualname__ = f"{built.__qualname__}.__init__"
        return known["__init__"]


__all__ = ["dataclass"]
