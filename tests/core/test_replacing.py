"""Our `replace` is Python's own in all that anybody can see."""

from __future__ import annotations

from dataclasses import field, fields
from dataclasses import replace as pythons
from functools import cached_property
from typing import Any

import pytest

from handinger_tui.core.record import dataclass
from handinger_tui.core.replacing import replace as ours
from tests.core.test_record import made


@pytest.mark.parametrize("slots", [False, True])
@pytest.mark.parametrize("frozen", [False, True])
def test_it_is_changed_as_by_pythons_own(frozen: bool, slots: bool) -> None:
    _empty, one, many, own, _hashed = made(dataclass, frozen=frozen, slots=slots)
    cases: list[tuple[Any, dict[str, Any]]] = [
        (one("a"), {}),
        (one("a"), {"text": "b"}),
        (many(1.5, ("x",)), {"number": 2.5, "hidden": 3}),
        (many(1.5), {"words": (), "quiet": 7}),
        (own(1), {"number": 2}),
    ]
    for value, changes in cases:
        before = {member.name: getattr(value, member.name) for member in fields(value)}
        for _ in range(2):
            now, wanted = ours(value, **changes), pythons(value, **changes)
            assert type(now) is type(wanted)
            assert now is not value
            for member in fields(value):
                assert getattr(now, member.name) == getattr(wanted, member.name)
                assert getattr(value, member.name) == before[member.name]
    with pytest.raises(TypeError, match="wrong"):
        ours(many(1.0), wrong=1)
    assert ours(_empty()) == _empty()


def test_what_is_more_than_its_members_is_made_anew() -> None:
    @dataclass(frozen=True)
    class Keeping:
        number: int

        @cached_property
        def double(self) -> int:
            return 2 * self.number

    @dataclass()
    class Derived:
        text: str
        lines: list[str] = field(init=False)

        def __post_init__(self) -> None:
            self.lines = self.text.split()

    @dataclass(frozen=True)
    class Own:
        number: int

        def __init__(self, *, number: int) -> None:
            object.__setattr__(self, "number", number)

    kept = Keeping(3)
    assert kept.double == 6
    assert ours(kept, number=4).double == 8
    assert ours(Derived("a b"), text="c").lines == ["c"]
    assert ours(Own(number=1), number=2).number == 2
    with pytest.raises(ValueError, match="lines"):
        ours(Derived("a b"), lines=[])


def test_a_child_is_changed_as_what_it_is() -> None:
    @dataclass(frozen=True)
    class Parent:
        number: int

    @dataclass(frozen=True, slots=True)
    class Child(Parent):
        text: str = ""

    assert ours(Parent(1), number=2) == Parent(2)
    assert ours(Child(1, "a"), number=2) == Child(2, "a")
