"""A `dataclass` decorator that is cheap at import: it compiles nothing until a class is used.

The standard decorator compiles several methods for every class, which would be a third of the import
time of the first frame. Here equality, hashing, repr and immutability are shared functions, and `__init__`
is compiled only once a class has several instances. Type checkers, `fields`, `replace` and `match` see
no difference.
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
        """Like `dataclasses.dataclass`, with only the options used here. Fields have no `kw_only`."""

        def decorate(cls):
            own = set(cls.__dict__)
            if cls.__dict__.get("__hash__") is None and "__eq__" in own:
                # Python sets `__hash__` to None in a class that defines `__eq__` alone.
                own.discard("__hash__")
            lazy_fields = _LazyFields(cls)
            members = lazy_fields.members
            built = _with_slots(cls, members) if slots else cls
            methods = _comparison_methods(members, frozen=frozen, order=order) | {
                "__init__": _lazy_init(built, members, frozen=frozen)
            }
            if frozen:
                methods |= _frozen_methods(built, [member.name for member in members], slots=slots)
            methods["__match_args__"] = tuple(member.name for member in members if member.init)
            methods["__replace__"] = replace
            for name, method in methods.items():
                if name not in own:
                    setattr(built, name, method)
            built.__dataclass_fields__ = lazy_fields.bind(built)
            return built

        return decorate if cls is None else decorate(cls)

    class _LazyFields:
        """The descriptor of `__dataclass_fields__`: it lets Python compute the fields on first access."""

        def __init__(self, cls):
            self._module, self._types, self._defaults = cls.__module__, {}, {}
            for base in cls.__mro__[-1:0:-1]:
                for member in fields(base) if "__dataclass_fields__" in vars(base) else ():
                    self._types[member.name], self._defaults[member.name] = member.type, member
            for name, annotation in cls.__annotations__.items():
                if not str(annotation).removeprefix("typing.").startswith("ClassVar"):
                    self._types[name] = annotation
                    if name in vars(cls):
                        self._defaults[name] = vars(cls)[name]
            self.members = [self._member(cls, name) for name in self._types]

        def _member(self, cls, name):
            default = self._defaults.get(name, MISSING)
            if not isinstance(default, Field):
                if default.__class__.__hash__ is None:
                    raise ValueError(
                        f"{name} would be one and the same {default!r} for all: use default_factory"
                    )
                default = field() if default is MISSING else field(default=default)
                default.name = name
            elif name in vars(cls):
                default.name = name
                if default.default is MISSING:
                    delattr(cls, name)
                else:
                    setattr(cls, name, default.default)
            return default

        def bind(self, built):
            self._owner = built
            return self

        def __get__(self, _one, _cls):
            # Two threads may get here at once: both compute the same fields, and either may win.
            stand_in = type(
                "StandIn", (), {"__module__": self._module, "__annotations__": self._types, **self._defaults}
            )
            computed = _dataclass(stand_in, init=False, repr=False, eq=False).__dataclass_fields__
            self._owner.__dataclass_fields__ = computed
            return computed

    def _with_slots(cls, members):
        names = [member.name for member in members]
        inherited = {name for base in cls.__mro__[1:-1] for name in vars(base).get("__slots__", ())}
        namespace = {
            name: value
            for name, value in vars(cls).items()
            if name not in names and name not in {"__dict__", "__weakref__"}
        }
        namespace["__slots__"] = tuple(name for name in names if name not in inherited)
        namespace["__qualname__"] = cls.__qualname__
        return type(cls)(cls.__name__, cls.__bases__, namespace)

    def _comparison_methods(members, *, frozen, order):
        repr_names = [member.name for member in members if member.repr]
        compare_names = [member.name for member in members if member.compare]
        # With one name attrgetter returns no tuple, so the first name is repeated; with none it fails.
        values = attrgetter(*compare_names, *compare_names[:1]) if compare_names else lambda _self: ()

        def equal(self, other):
            return values(self) == values(other) if other.__class__ is self.__class__ else NotImplemented

        def compute_hash(self):
            return hash(values(self))

        def represent(self):
            members = ", ".join(f"{name}={getattr(self, name)!r}" for name in repr_names)
            return f"{self.__class__.__qualname__}({members})"

        def ordered(compare):
            def method(self, other):
                same = other.__class__ is self.__class__
                return compare(values(self), values(other)) if same else NotImplemented

            return method

        orders = {f"__{compare.__name__}__": ordered(compare) for compare in (lt, le, gt, ge) if order}
        return {
            "__eq__": equal,
            "__hash__": compute_hash if frozen else None,
            "__repr__": represent,
            **orders,
        }

    def _frozen_methods(built, names, *, slots):
        def refuse_set(self, name, value):
            if type(self) is built or name in names:
                raise FrozenInstanceError(f"cannot assign to field {name!r}")
            super(built, self).__setattr__(name, value)

        def refuse_delete(self, name):
            if type(self) is built or name in names:
                raise FrozenInstanceError(f"cannot delete field {name!r}")
            super(built, self).__delattr__(name)

        def get_state(self):
            return [getattr(self, name) for name in names]

        def set_state(self, state):
            for name, value in zip(names, state, strict=True):
                object.__setattr__(self, name, value)

        methods = {"__setattr__": refuse_set, "__delattr__": refuse_delete}
        return methods | ({"__getstate__": get_state, "__setstate__": set_state} if slots else {})

    FEW = 4
    """Instances of a class that are filled field by field before its `__init__` is compiled."""

    def _lazy_init(built, members, *, frozen):
        instances = []

        def first_init(self, /, *values, **named):
            instances.append(None)
            if len(instances) > FEW or not _fill(self, members, values, named):
                # From now on a compiled method, as fast and as strict as the standard one.
                built.__init__ = _compile_init(built, members, frozen=frozen)
                built.__init__(self, *values, **named)

        return first_init

    def _fill(self, members, values, named):
        names = [member.name for member in members if member.init]
        arguments = dict(zip(names, values, strict=False))
        if (
            len(values) > len(names)
            or not arguments.keys().isdisjoint(named)
            or not named.keys() <= set(names)
        ):
            return False
        arguments |= named
        for member in members:
            if member.name in arguments:
                value = arguments[member.name]
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

    def _compile_init(built, members, *, frozen):
        namespace, parameters, lines = {"_set": object.__setattr__, "_missing": MISSING}, [], ["pass"]
        for member in members:
            name, value = member.name, member.name
            if member.default_factory is not MISSING:
                namespace[f"_of_{name}"], namespace[f"_make_{name}"] = MISSING, member.default_factory
                value = (
                    f"_make_{name}() if {name} is _missing else {name}" if member.init else f"_make_{name}()"
                )
            elif member.default is not MISSING:
                namespace[f"_of_{name}"] = member.default
                value = name if member.init else f"_of_{name}"
            elif not member.init:
                continue
            if member.init:
                parameters.append(f"{name}=_of_{name}" if f"_of_{name}" in namespace else name)
            lines.append(f"_set(self, {name!r}, {value})" if frozen else f"self.{name} = {value}")
        if hasattr(built, "__post_init__"):
            lines.append("self.__post_init__()")
        source = f"def __init__({', '.join(['self', *parameters])}):\n " + "\n ".join(lines)
        exec(source, namespace)  # noqa: S102 - built from field names only, as in the standard library
        namespace["__init__"].__qualname__ = f"{built.__qualname__}.__init__"
        return namespace["__init__"]


__all__ = ["dataclass"]
